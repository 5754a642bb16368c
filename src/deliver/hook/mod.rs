//! Hooks: an agent calls medbay at its own events, and takes what medbay answers.
//!
//! One file a dialect; `serve.rs` decides and knows no dialect's JSON. To add a dialect: a file that
//! turns its input into a [`HookInput`] and an [`Answer`] into its output, and a line in [`Dialect`].
//!
//! A hook that cannot do its work lets the agent go on: errors are for the log, never for the agent.

pub mod claude_code;
pub mod codex;
pub mod crush;
pub mod gemini;
mod open;
pub mod openhands;
mod outline;
mod serve;
pub mod settings;
mod transcript;

use std::path::{Path, PathBuf};

use serde_json::value::RawValue;

use crate::trace::RunId;
use crate::trace::tool::call_hash;

pub use serve::{Drafted, Setup, TimedOut, serve};
pub use transcript::holds_receipt;

/// An agent's way of speaking with its hooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Claude Code.
    ClaudeCode,
    /// Codex.
    Codex,
    /// Gemini CLI.
    Gemini,
    /// OpenHands.
    OpenHands,
    /// Crush.
    Crush,
}

impl Dialect {
    /// All dialects.
    pub const ALL: [Self; 5] = [Self::ClaudeCode, Self::Codex, Self::Gemini, Self::OpenHands, Self::Crush];

    /// The dialect with this name, as `medbay hook` takes it.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dialect| dialect.name() == name)
    }

    /// The names of all dialects, for sentences.
    pub fn names() -> String {
        let names = Self::ALL.map(Self::name);
        match names.as_slice() {
            [most @ .., last] => format!("{} and {last}", most.join(", ")),
            [] => String::new(),
        }
    }

    /// Its name; also that of the log format of its runs.
    pub fn name(self) -> &'static str {
        match self {
            Self::ClaudeCode => "claude-code",
            Self::Codex => "codex",
            Self::Gemini => "gemini",
            Self::OpenHands => "openhands",
            Self::Crush => "crush",
        }
    }

    /// What the ledger calls the channel.
    pub fn channel(self) -> &'static str {
        match self {
            Self::ClaudeCode => "claude-code hook",
            Self::Codex => "codex hook",
            Self::Gemini => "gemini hook",
            Self::OpenHands => "openhands hook",
            Self::Crush => "crush hook",
        }
    }

    /// Whether the agent asks only before a tool, so that whatever is to be said must be said there.
    pub(crate) fn only_gates(self) -> bool {
        self == Self::Crush
    }

    /// Whether an answer to this event hands a text on, and as it is.
    pub(crate) fn carries(self, event: &HookEvent, text: &str) -> bool {
        match self {
            Self::Gemini => gemini::carries(event, text),
            Self::OpenHands => openhands::carries(event),
            Self::ClaudeCode | Self::Codex | Self::Crush => true,
        }
    }

    /// Reads what the agent says.
    ///
    /// # Errors
    /// It is not what this agent says at its events.
    pub fn read(self, bytes: &[u8]) -> Result<HookInput, HookError> {
        match self {
            Self::ClaudeCode => claude_code::read(bytes),
            Self::Codex => codex::read(bytes),
            Self::Gemini => gemini::read(bytes),
            Self::OpenHands => openhands::read(bytes),
            Self::Crush => crush::read(bytes),
        }
    }

    /// Writes an answer; `None`: nothing is to be said, which is said by silence.
    pub fn write(self, input: &HookInput, answer: &Answer) -> Option<String> {
        match self {
            Self::ClaudeCode => claude_code::write(input, answer),
            Self::Codex => codex::write(input, answer),
            Self::Gemini => gemini::write(input, answer),
            Self::OpenHands => openhands::write(input, answer),
            Self::Crush => crush::write(input, answer),
        }
    }
}

/// At which point of its work the agent asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HookEvent {
    /// Before a tool is run.
    PreToolUse,
    /// After a tool was run.
    PostToolUse,
    /// After a tool failed.
    PostToolUseFailure,
    /// The user said something.
    UserPromptSubmit,
    /// The turn is about to end.
    Stop,
    /// A sub-agent is about to end.
    SubagentStop,
    /// The session begins, or begins again.
    SessionStart,
    /// The session has ended.
    SessionEnd,
    /// Something else.
    Other(String),
}

impl HookEvent {
    /// Its name, as Claude Code and Codex have it.
    pub fn name(&self) -> &str {
        match self {
            Self::PreToolUse => "PreToolUse",
            Self::PostToolUse => "PostToolUse",
            Self::PostToolUseFailure => "PostToolUseFailure",
            Self::UserPromptSubmit => "UserPromptSubmit",
            Self::Stop => "Stop",
            Self::SubagentStop => "SubagentStop",
            Self::SessionStart => "SessionStart",
            Self::SessionEnd => "SessionEnd",
            Self::Other(name) => name,
        }
    }

    /// The event of that name.
    pub fn of_name(name: &str) -> Self {
        match name {
            "PreToolUse" => Self::PreToolUse,
            "PostToolUse" => Self::PostToolUse,
            "PostToolUseFailure" => Self::PostToolUseFailure,
            "UserPromptSubmit" => Self::UserPromptSubmit,
            "Stop" => Self::Stop,
            "SubagentStop" => Self::SubagentStop,
            "SessionStart" => Self::SessionStart,
            "SessionEnd" => Self::SessionEnd,
            other => Self::Other(other.to_owned()),
        }
    }
}

/// What an agent says when it calls its hook. Texts are as they came: hostile.
#[derive(Debug)]
pub struct HookInput {
    /// The run.
    pub run: RunId,
    /// The event.
    pub event: HookEvent,
    /// The run's log: the parent's for a sub-agent. It may not exist yet, and lags.
    pub transcript: PathBuf,
    /// The working directory.
    pub cwd: String,
    /// The name of the sub-agent in which the event happened, as its log's format names it.
    pub agent: Option<String>,
    /// The sub-agent's own log; only when it ends.
    pub agent_transcript: Option<PathBuf>,
    /// The turn, where the agent names turns.
    pub turn: Option<String>,
    /// The tool's name.
    pub tool: Option<String>,
    /// The call's id.
    pub call_id: Option<String>,
    /// What the tool is asked, as JSON.
    pub tool_input: Option<Box<RawValue>>,
    /// What the tool answered, as JSON.
    pub tool_response: Option<Box<RawValue>>,
    /// Why the tool failed.
    pub error: Option<String>,
    /// The agent's last words in this turn.
    pub last_message: Option<String>,
    /// What the user said.
    pub prompt: Option<String>,
    /// Whether the turn goes on because a hook kept it open; `None`: the agent does not say, or not
    /// reliably.
    pub kept_open: Option<bool>,
}

/// The name of a call to which its agent gives none: from its tool, its input and how long the run's log
/// is. The agents for which this is used write nothing to their logs while their tools run, so it is the
/// same before and after the tool, and another when the same is called again.
fn call_named(tool: Option<&str>, input: Option<&RawValue>, log: &Path) -> Option<String> {
    let hash = call_hash(tool?, input.map_or("", RawValue::get));
    Some(format!("{hash:016x}-{}", log.metadata().map_or(0, |about| about.len())))
}

/// What a hook answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nothing: the agent goes on.
    Nothing,
    /// The agent goes on and reads this; at the end of a turn it takes another one.
    Context(String),
    /// The call is refused, for this reason.
    Deny(String),
    /// The agent's own user is asked, for this reason.
    Ask(String),
}

/// Why a hook cannot do its work. For the log.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    /// The input is not what the agent is known to say.
    #[error("the hook's input cannot be read, {0}: the agent went on without medbay")]
    Input(String),
    /// The ledger cannot be used.
    #[error("{0}; the agent went on without medbay")]
    Ledger(#[from] crate::ledger::LedgerError),
    /// The answer could not be written.
    #[error("the agent did not take the hook's answer, {0}: the desk shows it as failed")]
    Output(std::io::Error),
}
