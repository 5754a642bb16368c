//! Log formats: one file a format, each turning records into events.
//!
//! To add a format: write `src/format/NAME.rs` with a type that implements [`Format`], and add it to
//! [`ALL`]. A reader never fails on content: what it does not understand becomes
//! [`EventKind::Unknown`](crate::trace::EventKind::Unknown). A reader may keep small state for its
//! source; it may not look at files, clocks or the environment.

mod chat;
mod claude_code;
mod codex;
mod emit;
mod gemini;
mod json;
mod native;
mod opencode;
mod prose;
mod sent;
#[cfg(test)]
mod testing;

use crate::trace::{Event, RunId};

/// How sure a format is that a source is its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sniff {
    /// Not its own.
    No,
    /// Its own unless another format is sure.
    Maybe,
    /// Its own.
    Sure,
}

/// Which run a source belongs to and whose source it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The run: for a sub-agent's file, its parent's.
    pub run: RunId,
    /// `None`: the main agent's source. Else the sub-agent's name.
    pub agent: Option<String>,
    /// The call of the parent that started the sub-agent, where it can be told.
    pub parent_call: Option<String>,
}

/// A log format.
pub trait Format: Sync {
    /// Its name, as `--format` takes it and as `check --json` gives it.
    fn name(&self) -> &'static str;

    /// What an operator calls the agent or the shape, for lists: "Claude Code".
    fn title(&self) -> &'static str;

    /// Whether the first records (at most the first 64 KB of a source, whole lines) are of this
    /// format. Lines that are not JSON may stand among them.
    fn sniff(&self, head: &[&[u8]]) -> Sniff;

    /// Whose source it is. `path` is the file's path as text, `/` between its parts; `head` as for
    /// [`Format::sniff`]; `beside` holds the bytes of the `.meta.json` beside the file, if there is one.
    fn identify(&self, path: &str, head: &[&[u8]], beside: Option<&[u8]>) -> Identity;

    /// Whether its runs are mostly talk and look-ups, of which more is watched than of work on files.
    fn is_talk(&self) -> bool {
        false
    }

    /// A reader for one source.
    fn reader(&self, identity: &Identity) -> Box<dyn Reader>;
}

/// Reads one source's records in order.
pub trait Reader: Send {
    /// Turns one record into events, handing each to `sink` in order. Every record yields at least
    /// one event ([`EventKind::Ignored`](crate::trace::EventKind::Ignored) where it matters to nobody).
    fn read<'a>(&mut self, record: &'a [u8], sink: &mut dyn FnMut(Event<'a>));

    /// The shape of the run, as far as it can be told from what was read.
    fn shape(&self) -> RunShape {
        RunShape::Other
    }
}

/// The shape of a run: logs of one shape are conducted alike, whoever wrote them. Models are fitted by
/// shape where data suffices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RunShape {
    /// None of the others, or not known yet.
    #[default]
    Other,
    /// One agent at work on files and commands.
    Coding,
    /// One agent that serves a person by calling tools.
    Service,
    /// Named agents that speak in turn.
    Group,
    /// Workers that a lead calls by turns.
    Orchestra,
    /// Thought, action, observation.
    React,
    /// One agent with its actions in tags.
    Tagged,
}

impl RunShape {
    /// All shapes.
    pub const ALL: [Self; 7] =
        [Self::Other, Self::Coding, Self::Service, Self::Group, Self::Orchestra, Self::React, Self::Tagged];

    /// Whether it is of talk and look-ups rather than of work on files.
    pub fn is_talk(self) -> bool {
        !matches!(self, Self::Other | Self::Coding)
    }

    /// The word for it, as model files name it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Other => "other",
            Self::Coding => "coding",
            Self::Service => "service",
            Self::Group => "group",
            Self::Orchestra => "orchestra",
            Self::React => "react",
            Self::Tagged => "tagged",
        }
    }
}

/// All formats, the surest first: on equal certainty the earlier one wins.
pub static ALL: &[&dyn Format] = &[
    &native::Native,
    &claude_code::ClaudeCode,
    &codex::Codex,
    &gemini::Gemini,
    &opencode::Opencode,
    &chat::Chat,
];

/// The format with this name.
pub fn by_name(name: &str) -> Option<&'static dyn Format> {
    ALL.iter().copied().find(|format| format.name() == name)
}

/// The format whose records these are, or `None`.
pub fn sniff(head: &[&[u8]]) -> Option<&'static dyn Format> {
    let mut best: Option<(Sniff, &'static dyn Format)> = None;
    for format in ALL.iter().copied() {
        let sure = format.sniff(head);
        if sure > best.map_or(Sniff::No, |(s, _)| s) {
            best = Some((sure, format));
        }
    }
    best.map(|(_, format)| format)
}

/// The name that a sub-agent has in its run, from its kind and its id as the client gives them: the
/// same from its log and from a hook's input.
pub fn sub_agent_name(kind: &str, id: &str) -> String {
    json::agent_name(kind, id)
}
