//! A proposal: a drafted recovery. It waits for a decision; it is not one.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::means::StructuralMeans;
use crate::detect::Class;
use crate::trace::{Probability, RunId};

/// The id of a proposal: 12 hex digits of a digest over run, agent, call id or message digest, rule
/// and model, so that two processes that see the same log make the same proposal once.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProposalId(String);

impl ProposalId {
    /// The id for what is proposed. `anchor` is the call's id, or the digest of the message's text:
    /// never a position, which a lagging file could shift.
    pub fn of(run: &RunId, agent: &str, anchor: &str, rule: &str, model: &str) -> Self {
        let mut hasher = Sha256::new();
        for part in [run.as_str(), agent, anchor, rule, model] {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        Self(hasher.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect())
    }

    /// Takes an id as it is stored.
    pub fn stored(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The id as text; safe to show.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The tag by which a delivered text is found again in the agent's log.
    pub fn tag(&self) -> String {
        format!("[medbay {}]", self.0)
    }
}

impl fmt::Display for ProposalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What sort of recovery it is, the cheapest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Remedy {
    /// Repeat the call after a pause.
    Retry,
    /// Repair an argument of the call.
    ArgumentRepair,
    /// Use another tool.
    ToolSubstitution,
    /// Tell the agent what to do next.
    CorrectivePrompt,
    /// Give it a new plan.
    Replan,
    /// Give it back what it has lost.
    ContextRefresh,
    /// Take a change back.
    Rollback,
    /// Hand it to a person.
    Escalate,
    /// End the run.
    Stop,
}

impl Remedy {
    /// The words for it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::ArgumentRepair => "argument repair",
            Self::ToolSubstitution => "tool substitution",
            Self::CorrectivePrompt => "corrective prompt",
            Self::Replan => "replan",
            Self::ContextRefresh => "context refresh",
            Self::Rollback => "rollback",
            Self::Escalate => "escalate",
            Self::Stop => "stop",
        }
    }
}

/// A call that has not run: its id, its tool and its input, as digests. An approval that refuses a call
/// is good for the one with the same three and for no other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    /// SHA-256 of the call's id, 64 hex digits.
    pub call: String,
    /// SHA-256 of the tool's name and the input's bytes as the agent gave them, 64 hex digits.
    pub input: String,
}

impl Gate {
    /// The gate of a call. `input` is its JSON as it came.
    pub fn of(call_id: &str, tool: &str, input: &str) -> Self {
        Self { call: digest(call_id), input: digest(&format!("{}\n{tool}\n{input}", tool.len())) }
    }
}

/// How far an approval reaches: when it counts as left behind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// It goes with the agent's next event, until the run has left what it is about behind.
    #[default]
    Run,
    /// It is good in the turn in which it was drafted, until the user speaks.
    Turn,
    /// It refuses this one call and is good for nothing else.
    Call(Gate),
}

impl Scope {
    /// The word for it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Turn => "turn",
            Self::Call(_) => "call",
        }
    }

    /// The call that it refuses.
    pub fn gate(&self) -> Option<&Gate> {
        match self {
            Self::Call(gate) => Some(gate),
            Self::Run | Self::Turn => None,
        }
    }
}

/// What a proposal is about, and what an approval binds to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// The run.
    pub run: RunId,
    /// The log format's name, which says through which channel the run can be reached.
    pub format: String,
    /// The agent in the run.
    pub agent: String,
    /// The step's position in the run.
    pub step: u32,
    /// The record of the step's action, 0-based in its source.
    pub record: u32,
    /// The anchor of the call (a digest of its id, in hex); empty for a message.
    pub call_id: String,
    /// How many records of the run had been read when it was drafted: the log position.
    pub position: u32,
    /// Hash of the call's tool and arguments as the log has them, in hex; empty for a message.
    #[serde(default)]
    pub input: String,
    /// The turn in which it was drafted, where the log or a hook names turns (Codex); else empty.
    #[serde(default)]
    pub turn: String,
    /// How often a person had spoken to the agent in the log when it was drafted.
    #[serde(default)]
    pub spoken: u32,
    /// How far an approval reaches.
    #[serde(default)]
    pub scope: Scope,
}

/// A drafted recovery.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Proposal {
    /// Its id.
    pub id: ProposalId,
    /// What it is about.
    pub target: Target,
    /// What sort of recovery it is.
    pub remedy: Remedy,
    /// The rule whose finding it mends.
    pub rule: String,
    /// The class of the finding.
    pub class: Class,
    /// P(the step is wrong) when it was drafted.
    pub p_wrong: Probability,
    /// One sentence for the operator.
    pub sentence: String,
    /// What was said; through the gate.
    pub claim: String,
    /// What speaks against it; through the gate.
    pub fact: String,
    /// Record of the fact, 0-based in its source.
    pub fact_record: Option<u32>,
    /// The text that is to be sent: begins with `Operator:` and ends with the id's tag.
    pub payload: String,
    /// The command whose success shows that it is mended, where there is one.
    pub check: Option<String>,
    /// What a channel can do besides, which needs no goodwill of the model.
    #[serde(default)]
    pub means: Vec<StructuralMeans>,
    /// Expected cost in tokens.
    pub tokens: u32,
    /// Expected cost in seconds.
    pub seconds: u32,
    /// Why it is expected to help, one clause.
    pub why: String,
    /// Effects that it would repeat or leave behind and that are not harmless, by name.
    pub effects: Vec<String>,
    /// The name of the model that judged the step.
    pub model: String,
}

/// SHA-256 of a text as 64 hex digits: what an approval binds to.
pub fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A proposal about the second step of a run.
    pub(crate) fn proposal(rule: &str) -> Proposal {
        let run = RunId::new("r");
        let id = ProposalId::of(&run, "main", "a", rule, "m");
        Proposal {
            target: Target {
                run,
                format: "medbay".into(),
                agent: "main".into(),
                step: 1,
                record: 2,
                call_id: String::new(),
                position: 3,
                input: String::new(),
                turn: String::new(),
                spoken: 0,
                scope: Scope::Run,
            },
            remedy: Remedy::CorrectivePrompt,
            rule: rule.into(),
            class: Class::Hallucination,
            p_wrong: Probability::new(0.9),
            sentence: "says that all tests pass; the runner printed 3 failed".into(),
            claim: "All tests pass.".into(),
            fact: "3 failed, 39 passed".into(),
            fact_record: Some(1),
            payload: format!("Operator: run `cargo test` again.\n{}", id.tag()),
            check: Some("cargo test".into()),
            means: Vec::new(),
            tokens: 100,
            seconds: 5,
            why: String::new(),
            effects: Vec::new(),
            model: "m".into(),
            id,
        }
    }
}
