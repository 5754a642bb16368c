//! A recorded run as faults see it: its records as they stand in the file, and what they mean, as the
//! format's own reader tells it.

use crate::format::{Format, Identity};
use crate::trace::{Author, EventKind, PlanStatus, Status, ToolKind};

/// A recorded run, one source of it.
pub struct Recording {
    name: String,
    format: &'static dyn Format,
    lines: Vec<Vec<u8>>,
    acts: Vec<Act>,
    ends_in_newline: bool,
}

/// One thing that a record tells.
#[derive(Clone, Debug, PartialEq)]
pub struct Act {
    /// The record, as a line from 0.
    pub line: usize,
    /// Whose.
    pub agent: String,
    /// Its text: the words, the arguments, what came back.
    pub text: String,
    /// What it is.
    pub what: What,
}

/// What a record tells.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// Words put to the agent, its instructions among them.
    Prompt,
    /// What the model said it thought.
    Reasoning,
    /// Words of the agent.
    Message {
        /// Whether they can end a turn.
        closing: bool,
    },
    /// A call.
    Call {
        /// Its id, empty where the log has none.
        id: String,
        /// The tool's name.
        tool: String,
        /// The sort of tool.
        kind: ToolKind,
    },
    /// What a call brought.
    Result {
        /// The call's id.
        id: String,
        /// Whether it is known to have failed, to have been refused or broken off.
        bad: bool,
    },
    /// The agent's plan.
    Plan {
        /// Its items, with whether each is done.
        items: Vec<(String, bool)>,
    },
    /// What another agent answered.
    Return,
}

impl Act {
    /// Whether the agent speaks or calls.
    pub fn is_deed(&self) -> bool {
        matches!(self.what, What::Message { .. } | What::Call { .. })
    }
}

impl Recording {
    /// Reads the bytes of a source. `name` names the run in labels.
    pub fn read(name: &str, format: &'static dyn Format, identity: &Identity, bytes: &[u8]) -> Self {
        let mut lines: Vec<Vec<u8>> = bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        let ends_in_newline = lines.last().is_some_and(Vec::is_empty);
        if ends_in_newline {
            lines.pop();
        }
        let mut recording =
            Self { name: name.to_owned(), format, lines: Vec::new(), acts: Vec::new(), ends_in_newline };
        recording.acts = acts(format, identity, &lines);
        recording.lines = lines;
        recording
    }

    /// The run's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its format.
    pub fn format(&self) -> &'static dyn Format {
        self.format
    }

    /// Its records.
    pub fn lines(&self) -> &[Vec<u8>] {
        &self.lines
    }

    /// What they tell, in order.
    pub fn acts(&self) -> &[Act] {
        &self.acts
    }

    /// Whether its last line has an end.
    pub fn ends_in_newline(&self) -> bool {
        self.ends_in_newline
    }
}

fn acts(format: &'static dyn Format, identity: &Identity, lines: &[Vec<u8>]) -> Vec<Act> {
    let mut reader = format.reader(identity);
    let own = identity.agent.as_deref().unwrap_or("main");
    let mut acts = Vec::new();
    for (line, record) in lines.iter().enumerate() {
        let record = record.strip_suffix(b"\r").unwrap_or(record);
        if record.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        reader.read(record, &mut |event| {
            let agent = event.agent.as_deref().unwrap_or(own).to_owned();
            if let Some((what, text)) = meaning(event.kind) {
                acts.push(Act { line, agent, text, what });
            }
        });
    }
    acts
}

fn meaning(kind: EventKind<'_>) -> Option<(What, String)> {
    Some(match kind {
        EventKind::System { text }
        | EventKind::Prompt { text, author: Author::Person | Author::Program | Author::Agent } => {
            (What::Prompt, text.into_owned())
        }
        EventKind::Reasoning { text } => (What::Reasoning, text.into_owned()),
        EventKind::Message { text, closing } => {
            (What::Message { closing: closing != crate::trace::Closing::No }, text.into_owned())
        }
        EventKind::Call { call_id, tool, input } => {
            let kind = ToolKind::of(&tool);
            (What::Call { id: call_id.into_owned(), tool: tool.into_owned(), kind }, input.into_owned())
        }
        EventKind::Result { call_id, status, exit_code, text } => {
            let bad =
                !matches!(status, Status::Ok | Status::Unknown) || exit_code.is_some_and(|code| code != 0);
            (What::Result { id: call_id.into_owned(), bad }, text.into_owned())
        }
        EventKind::Plan { items } => {
            let items = items
                .into_iter()
                .map(|item| (item.text.into_owned(), item.status == PlanStatus::Done))
                .collect();
            (What::Plan { items }, String::new())
        }
        EventKind::Return { text, .. } => (What::Return, text.into_owned()),
        _ => return None,
    })
}
