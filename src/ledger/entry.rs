//! A proposal with what has become of it: the state machine of DESIGN.md §6 in types.
//!
//! ```text
//! waiting ─▶ approved ─▶ leased ─▶ delivered ─▶ confirmed
//!   │  ▲        │ undo      └─▶ failed (retried by hand: back to approved)
//!   │  └────────┘
//!   ├─▶ vetoed   ├─▶ superseded   └─▶ expired
//! ```

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use crate::recover::Outcome;
use crate::recover::Proposal;

/// How far a proposal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Waits for a person.
    Waiting,
    /// Approved, or edited and approved; not yet taken up by a channel.
    Approved,
    /// A process is delivering it.
    Leased,
    /// Given to the agent; not yet seen in its log.
    Delivered,
    /// Seen in the agent's own log.
    Confirmed,
    /// The delivery failed; kept and shown, retried by hand.
    Failed,
    /// A person said no.
    Vetoed,
    /// The run moved on, or mended itself.
    Superseded,
    /// An explicit policy let it lapse.
    Expired,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 9] = [
        Self::Waiting,
        Self::Approved,
        Self::Leased,
        Self::Delivered,
        Self::Confirmed,
        Self::Failed,
        Self::Vetoed,
        Self::Superseded,
        Self::Expired,
    ];

    /// The state that a word stands for.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Approved => "approved",
            Self::Leased => "leased",
            Self::Delivered => "delivered",
            Self::Confirmed => "confirmed",
            Self::Failed => "failed",
            Self::Vetoed => "vetoed",
            Self::Superseded => "superseded",
            Self::Expired => "expired",
        }
    }
}

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
    /// How often it was tried.
    pub attempts: u32,
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
    /// Why it was superseded or expired, one clause; empty otherwise. Through the gate.
    pub note: String,
}
