//! What a ruling goes by: what became of earlier proposals, and what holds now. Read from the ledger
//! anew for each ruling; nothing is remembered elsewhere.

use jiff::Timestamp;

use super::budget::Used;
use super::canary::Arm;
use crate::detect::Class;
use crate::recover::ProposalId;
use crate::trace::RunId;

/// What rules of the policy and breakers go by.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subject {
    /// The class of the finding.
    pub class: Class,
    /// The log format, which says what program the agent is.
    pub format: String,
    /// The agent in its run.
    pub agent: String,
    /// The run's working directory; empty where it is not known.
    pub workflow: String,
}

impl Subject {
    /// The agent's name across runs, as `claude-code/main`.
    pub fn agent_name(&self) -> String {
        format!("{}/{}", self.format, self.agent)
    }

    /// Whether both are of one agent.
    pub fn same_agent(&self, other: &Self) -> bool {
        self.format == other.format && self.agent == other.agent
    }
}

/// An approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Approval {
    /// When.
    pub at: Timestamp,
    /// Whether a policy gave it.
    pub by_policy: bool,
    /// Whether the draft was changed.
    pub edited: bool,
}

/// An earlier proposal and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Past {
    /// Its id.
    pub id: ProposalId,
    /// Its run.
    pub run: RunId,
    /// The rule whose finding it mends.
    pub rule: String,
    /// What it was about.
    pub subject: Subject,
    /// Its arm in the canary.
    pub arm: Option<Arm>,
    /// The approval that holds.
    pub approval: Option<Approval>,
    /// Whether a person took a policy's approval of it back, whatever was decided then.
    pub taken_back: bool,
    /// When it was handed over.
    pub delivered: Option<Timestamp>,
    /// Whether it can still be sent, or was: approved, on its way or arrived.
    pub out: bool,
    /// After its delivery: when the outcome was seen, and whether the run recovered.
    pub outcome: Option<(Timestamp, bool)>,
    /// Whether the finding cleared, sent or not; only where it is in an arm of the canary.
    pub cleared: Option<bool>,
    /// What it was expected to cost, in tokens.
    pub tokens: u32,
    /// What it was expected to add, in seconds.
    pub seconds: u32,
}

/// A person let a quarantined proposal go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cleared {
    /// The run.
    pub run: RunId,
    /// The agent.
    pub agent: String,
    /// The rule.
    pub rule: String,
    /// When.
    pub at: Timestamp,
}

/// What a ruling goes by.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// The time.
    pub now: Timestamp,
    /// The working directory of the proposal's run.
    pub workflow: String,
    /// Why everything is stopped, if it is: who stopped it, and the reason where one was given.
    pub stopped: Option<String>,
    /// Until when budgets and breakers do not count for the run, if so.
    pub bypass: Option<Timestamp>,
    /// What was used of the run's budgets.
    pub used: Used,
    /// Earlier proposals, in whatever order.
    pub past: Vec<Past>,
    /// What was let go from quarantine.
    pub cleared: Vec<Cleared>,
}

impl Evidence {
    /// Nothing has happened yet.
    pub fn none(now: Timestamp) -> Self {
        Self {
            now,
            workflow: String::new(),
            stopped: None,
            bypass: None,
            used: Used::default(),
            past: Vec::new(),
            cleared: Vec::new(),
        }
    }
}

/// The time so much later; the end of time where there is none.
pub(super) fn later(at: Timestamp, by: std::time::Duration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}
