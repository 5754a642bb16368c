//! Assembling steps from events.

use super::event::Event;
use super::identity::{RecordRef, RunId};
use super::observe::Observation;
use super::run::Run;

/// How much of one text is kept while its step is open, in bytes: the first and the last half of it.
pub const KEPT_BYTES: usize = 256 * 1024;

/// Turns events, in the order of their records, into a run, and tells a watcher what happened.
pub struct Assembler {
    run: Run,
}

impl Assembler {
    /// An assembler that has read nothing.
    pub fn new(id: RunId) -> Self {
        Self { run: Run::new(id) }
    }

    /// The run so far.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// Takes one event in. `agent` is the agent of the source for events that name none.
    pub fn take(
        &mut self,
        _record: RecordRef,
        _agent: &str,
        _event: Event<'_>,
        _watch: &mut dyn FnMut(&Observation<'_>, &Run),
    ) {
    }
}
