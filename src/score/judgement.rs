//! What is said of a step and of a run.

use serde::{Deserialize, Serialize};

use crate::detect::Class;
use crate::trace::{AgentId, Probability, StepId};

/// What is to be done about a step or a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Band {
    /// Nothing.
    #[default]
    Pass,
    /// A person should look.
    Triage,
    /// Something is wrong.
    Alarm,
}

impl Band {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Triage => "triage",
            Self::Alarm => "alarm",
        }
    }
}

/// What one feature adds to the logit of P(wrong).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Contribution {
    /// The feature: a rule's id, or a name such as `context.position`.
    pub feature: &'static str,
    /// What it adds; below zero it speaks for the step.
    pub logit: f32,
}

/// What is said of a step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judgement {
    /// P(this step is wrong), calibrated.
    pub p_wrong: Probability,
    /// What is to be done about it.
    pub band: Band,
    /// The class of its weightiest finding.
    pub class: Option<Class>,
    /// Did the calls succeed: 1 is good.
    pub execution: Probability,
    /// Is what was said backed by what was observed: 1 is good.
    pub support: Probability,
    /// Do intent, call, plan and words agree: 1 is good.
    pub consistency: Probability,
    /// What made the score, the weightiest first; empty where only the bias spoke.
    pub why: Box<[Contribution]>,
}

/// What is said of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunJudgement {
    /// P(the run failed), calibrated.
    pub p_fail: Probability,
    /// What is to be done about it.
    pub band: Band,
    /// The class of what went wrong, if anything did.
    pub class: Option<Class>,
    /// The agent of the likeliest wrong step.
    pub agent: Option<AgentId>,
    /// The likeliest first error: a stretch of consecutive steps that holds it in 90 of 100 failed runs.
    pub set90: Option<(StepId, StepId)>,
    /// What made P(fail), the weightiest first.
    pub why: Box<[Contribution]>,
}
