//! A proposal with what has become of it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::state::State;
pub use crate::recover::Outcome;
use crate::recover::Proposal;

/// What was said of a proposal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "verdict")]
pub enum Verdict {
    /// Send the drafted text.
    Approve,
    /// Send this text instead.
    Edit {
        /// The text.
        text: String,
    },
    /// Do not send it.
    Veto {
        /// Why, in the person's words; may be empty.
        reason: String,
    },
    /// Not now: it stays waiting, further down the desk.
    Defer,
}

impl Verdict {
    /// The word for it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Edit { .. } => "edit",
            Self::Veto { .. } => "veto",
            Self::Defer => "defer",
        }
    }
}

/// Who decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Operator {
    /// A person.
    Person {
        /// From the configuration, or the system's user name.
        name: String,
    },
    /// A policy.
    Policy {
        /// Which.
        name: String,
    },
}

impl Operator {
    /// `person` or `policy`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Person { .. } => "person",
            Self::Policy { .. } => "policy",
        }
    }

    /// The name.
    pub fn name(&self) -> &str {
        match self {
            Self::Person { name } | Self::Policy { name } => name,
        }
    }
}

/// A decision as it stands in the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// Its number: decisions are only ever added.
    pub number: i64,
    /// What was said.
    pub verdict: Verdict,
    /// By whom.
    pub by: Operator,
    /// When.
    pub at: Timestamp,
    /// The text that was on the screen.
    pub seen: String,
    /// Set when it was undone within its grace time.
    pub undone: Option<Timestamp>,
}

/// What became of an approved text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Delivery {
    /// The channel, e.g. `claude-code hook`.
    pub channel: String,
    /// The text that was sent.
    pub text: String,
    /// When it was handed over.
    pub delivered: Option<Timestamp>,
    /// When it was seen in the agent's own log, and in which record (0-based in its source).
    pub confirmed: Option<(Timestamp, Option<u32>)>,
    /// Why it failed.
    pub failure: Option<String>,
    /// How often a process took it up, over all tries.
    pub attempts: u32,
}

/// One try to carry an approved text to its agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Try {
    /// What it is known by to its receiver.
    pub key: String,
    /// The decision that it carries out.
    pub decision: i64,
    /// The channel.
    pub channel: String,
    /// The process that took it up last, and how many did.
    pub holder: (String, u32),
    /// When it was taken up last.
    pub leased: Timestamp,
    /// The text.
    pub text: String,
    /// When it was handed over.
    pub delivered: Option<Timestamp>,
    /// When it was seen in the agent's own log, and in which record (0-based in its source).
    pub confirmed: Option<(Timestamp, Option<u32>)>,
    /// When it failed, and why.
    pub failed: Option<(Timestamp, String)>,
}

/// The way of a proposal's text, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Course {
    /// The tries, the first first.
    pub tries: Vec<Try>,
    /// The step that shows the outcome, where one does, and when that was seen.
    pub outcome: Option<(Option<u32>, Timestamp)>,
}

/// A proposal with all that is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The proposal.
    pub proposal: Proposal,
    /// How far it is.
    pub state: State,
    /// When it was drafted.
    pub drafted: Timestamp,
    /// Until when an approval can be undone; nothing is sent before.
    pub grace_until: Option<Timestamp>,
    /// The decision that holds, or the last deferral.
    pub decision: Option<Decision>,
    /// The delivery.
    pub delivery: Option<Delivery>,
    /// What happened after it.
    pub outcome: Outcome,
    /// Why it was superseded, or by which policy it expired, one clause; empty otherwise. Through the
    /// gate.
    pub note: String,
}
