//! Claude Code.

use super::{Format, Identity, Reader, Sniff};
use crate::trace::{Event, EventKind, RunId};

/// Claude Code.
pub struct ClaudeCode;

impl Format for ClaudeCode {
    fn name(&self) -> &'static str {
        "claude-code"
    }

    fn title(&self) -> &'static str {
        "Claude Code"
    }

    fn sniff(&self, _head: &[&[u8]]) -> Sniff {
        Sniff::No
    }

    fn identify(&self, path: &str, _head: &[&[u8]], _beside: Option<&[u8]>) -> Identity {
        Identity { run: RunId::new(path), agent: None, parent_call: None }
    }

    fn reader(&self, _identity: &Identity) -> Box<dyn Reader> {
        Box::new(Records)
    }
}

struct Records;

impl Reader for Records {
    fn read<'a>(&mut self, _record: &'a [u8], sink: &mut dyn FnMut(Event<'a>)) {
        sink(Event { agent: None, time: None, kind: EventKind::Unknown { kind: "unread".into() } });
    }
}
