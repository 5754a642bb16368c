//! Entities: paths, URLs, ids, numbers and the like, kept as hashes with the step that first brought
//! them and from where. A rule asks: where does this come from?

use std::ops::Range;

use rustc_hash::FxHashMap;
use serde::Serialize;

use super::identity::StepId;

/// What sort of entity it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EntityKind {
    /// A file's path: holds a `/` or ends in a known extension.
    Path,
    /// A URL.
    Url,
    /// An e-mail address.
    Email,
    /// A hash, a ticket, an order number, a code: letters and digits mixed, or `#` with digits.
    Id,
    /// A number of two digits or more, or with a fraction; canonical (no thousands separators).
    Number,
}

/// Where an entity has come from so far. Several may hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Origin {
    /// A prompt or the instructions named it.
    pub prompt: bool,
    /// A call's outcome held it.
    pub observed: bool,
    /// The agent wrote it successfully (a file it made).
    pub own_write: bool,
    /// The agent said it, or passed it to a tool.
    pub own_words: bool,
}

/// An entity as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entity {
    /// The step during which it first appeared; `None` before the first step.
    pub first: Option<StepId>,
    /// The step whose outcome first held it.
    pub first_observed: Option<StepId>,
    /// From where it has come.
    pub origin: Origin,
}

/// All entities of a run.
#[derive(Clone, Debug, Default)]
pub struct Entities {
    known: FxHashMap<u64, Entity>,
}

/// One entity found in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention {
    /// Its sort.
    pub kind: EntityKind,
    /// Its hash, equal for spellings that mean the same.
    pub hash: u64,
    /// Where it stands in the text, in bytes.
    pub span: Range<usize>,
}
