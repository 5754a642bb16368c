//! Steps: one thing an agent did. A step holds numbers, hashes and record addresses; its texts are
//! read again from the log when somebody looks.

use jiff::Timestamp;
use serde::Serialize;

use super::event::Status;
use super::identity::{AgentId, RecordRef, StepId};
use super::tool::ToolKind;

/// One thing an agent did: the words that led to it, one call or one message, what came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Its position in the run.
    pub id: StepId,
    /// Who did it.
    pub agent: AgentId,
    /// What was done.
    pub action: Action,
    /// The record of the action.
    pub record: RecordRef,
    /// The first record of the words that led to it.
    pub intent: Option<RecordRef>,
    /// The record of what came of it. A message has none.
    pub outcome: Option<RecordRef>,
    /// How the call ended; `Ok` for a message, which cannot fail.
    pub status: Status,
    /// The exit code of a command, where known.
    pub exit_code: Option<i32>,
    /// Closed: nothing more is expected to change it (late records may, and then it is judged again).
    pub closed: bool,
    /// When the action was recorded.
    pub began: Option<Timestamp>,
    /// When the outcome was recorded.
    pub ended: Option<Timestamp>,
    /// What it says or does in at most [`LABEL_BYTES`] bytes, cleaned and redacted.
    pub label: Box<str>,
    /// Hash of tool and canonical arguments; 0 for a message.
    pub call_hash: u64,
    /// Hash of the outcome's text with digits that look like times and addresses left out; 0 without one.
    pub outcome_hash: u64,
    /// What names the step whatever its position: the hash of the call id as the log gives it, else of
    /// what was said or called, counted up where the agent said or called the same before.
    pub anchor: u64,
}

/// The longest label, in bytes.
pub const LABEL_BYTES: usize = 96;

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Called a tool; the number is the position in the run's list of tool names.
    Call {
        /// Position in the run's list of tool names.
        tool: u16,
        /// What sort of tool it is.
        kind: ToolKind,
    },
    /// Said something to its user, or to the agent that asked.
    Message,
}

impl Step {
    /// Whether the step is a message.
    pub fn is_message(&self) -> bool {
        matches!(self.action, Action::Message)
    }

    /// The sort of tool that was called.
    pub fn tool_kind(&self) -> Option<ToolKind> {
        match self.action {
            Action::Call { kind, .. } => Some(kind),
            Action::Message => None,
        }
    }

    /// Whether it is known to have failed.
    pub fn failed(&self) -> bool {
        matches!(self.status, Status::Error | Status::Timeout) || self.exit_code.is_some_and(|code| code != 0)
    }
}
