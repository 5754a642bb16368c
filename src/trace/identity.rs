//! Names of things: runs, agents, steps, records. Each is a type of its own, so that a step's
//! number cannot be passed where a record's is meant.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The name of a run: the agent's own session id where its log has one, else the file's stem.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RunId(Arc<str>);

impl RunId {
    /// Takes a name as the log or the file gives it.
    pub fn new(name: impl AsRef<str>) -> Self {
        Self(Arc::from(name.as_ref()))
    }

    /// The name as text. It comes from a log: pass it through the gate before it is drawn.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for RunId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for RunId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

/// Position of an agent in its run's list of agents; 0 is the first agent that acted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct AgentId(pub u16);

/// Position of a step in its run's list of steps, in the order in which the steps began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct StepId(pub u32);

impl StepId {
    /// The position as an index.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Where a record stands. `index` counts records from 0 within its source, so that it equals the
/// line number of a JSON-lines file less one; `source` counts the sources of the run, 0 being the
/// main one. `offset` and `length` are bytes in the source's file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct RecordRef {
    /// Byte offset of the record's first byte in its source.
    pub offset: u64,
    /// Length in bytes, without the line end.
    pub length: u32,
    /// 0-based position among the records of its source.
    pub index: u32,
    /// 0-based position among the sources of the run.
    pub source: u16,
}
