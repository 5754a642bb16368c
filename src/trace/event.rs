//! Events: what a record means, whatever program wrote it. Texts borrow from the record where they
//! can; whoever wants to keep one copies it.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One meaning of a record. A record may hold several, in their order.
#[derive(Clone, Debug, PartialEq)]
pub struct Event<'a> {
    /// The acting agent's name; `None` is the agent of the source (its main agent, or the sub-agent
    /// whose own file it is).
    pub agent: Option<Cow<'a, str>>,
    /// When the record says that it happened.
    pub time: Option<Timestamp>,
    /// What happened.
    pub kind: EventKind<'a>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum EventKind<'a> {
    /// The instructions that the agent was given before the first prompt.
    System {
        /// The instructions.
        text: Cow<'a, str>,
    },
    /// Words put to the agent.
    Prompt {
        /// The words.
        text: Cow<'a, str>,
        /// Whose words.
        author: Author,
    },
    /// What the model said that it thought. Internal: see DESIGN's internal signals.
    Reasoning {
        /// The words.
        text: Cow<'a, str>,
    },
    /// Words of the agent.
    Message {
        /// The words.
        text: Cow<'a, str>,
        /// Whether these words end a turn.
        closing: Closing,
    },
    /// A call of a tool.
    Call {
        /// The call's id, unique in the run; empty when the log has none (then a result without id answers it).
        call_id: Cow<'a, str>,
        /// The tool's name as the agent used it.
        tool: Cow<'a, str>,
        /// The arguments as JSON text, or the bare text of a tool that takes text.
        input: Cow<'a, str>,
    },
    /// What a call brought back.
    Result {
        /// The call that it answers; empty: the latest open call of the agent.
        call_id: Cow<'a, str>,
        /// How it ended, as far as the log says so. The assembler never makes `Unknown` into `Ok`.
        status: Status,
        /// The exit code, where the log has one.
        exit_code: Option<i32>,
        /// What came back.
        text: Cow<'a, str>,
    },
    /// A hook replaced the input of a call after the call was recorded.
    InputReplaced {
        /// The call.
        call_id: Cow<'a, str>,
        /// The arguments that ran.
        input: Cow<'a, str>,
    },
    /// The agent's own plan, whole, as it now stands.
    Plan {
        /// Its items in order.
        items: Vec<PlanItem<'a>>,
    },
    /// Work handed to another agent.
    Handoff {
        /// The agent that receives it.
        to: Cow<'a, str>,
        /// The call that hands it over, where there is one.
        call_id: Cow<'a, str>,
        /// The task, as far as the log has it.
        text: Cow<'a, str>,
    },
    /// What came back from another agent.
    Return {
        /// The agent that answered.
        from: Cow<'a, str>,
        /// The call that is answered, where there is one.
        call_id: Cow<'a, str>,
        /// The answer.
        text: Cow<'a, str>,
    },
    /// Tokens and money used.
    Usage(Usage),
    /// Something the log says about the run as a whole.
    Fact {
        /// Of what kind.
        of: FactOf,
        /// The value.
        text: Cow<'a, str>,
    },
    /// Tools declared to the agent, with the schema of their arguments as JSON text (empty: none given).
    Tools {
        /// Name and schema.
        tools: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    },
    /// Start, end and disturbances.
    Lifecycle {
        /// Which.
        what: Lifecycle,
        /// What the log says of it.
        text: Cow<'a, str>,
    },
    /// Text that a channel put before the agent, seen in the agent's own log: the proof of a delivery.
    Receipt {
        /// The text as logged.
        text: Cow<'a, str>,
    },
    /// A record that is known to matter to nobody (listings, request dumps, snapshots).
    Ignored,
    /// A record, or a part of one, that the format does not understand. Counted and shown.
    Unknown {
        /// Its kind as far as it can be told, e.g. the value of its `type` field.
        kind: Cow<'a, str>,
    },
}

/// Whose words a prompt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Author {
    /// A person typed it.
    Person,
    /// A program put it there: environment notes, command output, reminders.
    Program,
    /// Another agent of the run gave it.
    Agent,
}

/// Whether a message ends a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Closing {
    /// It does: it is a step of its own.
    Yes,
    /// It leads to the next call: it is that step's intent.
    No,
    /// Nobody can say before the next event.
    Unknown,
}

/// How a call ended. Unknown is never ok.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The log says that it succeeded.
    Ok,
    /// The log says that it failed.
    Error,
    /// A person, a policy or a hook refused it.
    Denied,
    /// It was broken off.
    Interrupted,
    /// It ran out of time.
    Timeout,
    /// The log does not say.
    #[default]
    Unknown,
}

impl Status {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
            Self::Denied => "denied",
            Self::Interrupted => "interrupted",
            Self::Timeout => "timeout",
            Self::Unknown => "unknown",
        }
    }
}

/// One line of an agent's plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanItem<'a> {
    /// What is to be done.
    pub text: Cow<'a, str>,
    /// How far it is.
    pub status: PlanStatus,
}

/// How far a plan's item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanStatus {
    /// Not begun.
    Pending,
    /// Under way.
    Active,
    /// Said to be done.
    Done,
    /// Given up.
    Dropped,
}

/// Tokens and money. Input excludes cached tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Usage {
    /// Uncached input tokens.
    pub input: u64,
    /// Input tokens read from or written to a cache.
    pub cached: u64,
    /// Output tokens, reasoning included.
    pub output: u64,
    /// US dollars, where the log says so.
    pub cost_usd: Option<f64>,
    /// The numbers are totals of the run so far, not an addition.
    pub cumulative: bool,
}

/// What a fact is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactOf {
    /// The run's title.
    Title,
    /// The model that answers.
    Model,
    /// The working directory.
    WorkingDirectory,
    /// The version of the program that writes the log.
    Version,
}

/// Start, end and disturbances of a run or a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Lifecycle {
    /// The run, or a sub-agent, starts.
    Start,
    /// A turn starts.
    TurnStart,
    /// A turn ends: the agent waits for its user.
    TurnEnd,
    /// The run ends.
    End,
    /// The run or a turn ended with an error.
    Error,
    /// A limit was met: turns, tokens, money, refusal.
    Limit,
    /// The user broke the turn off.
    Interrupted,
    /// The agent waits for a permission or an answer.
    Waiting,
    /// The context was compacted.
    Compaction,
}
