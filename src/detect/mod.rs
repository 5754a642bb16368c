//! Rules: what can be seen to be wrong from what was done and what came back.
//!
//! One file or folder a family of rules. To add a rule: add its [`Rule`] and its code to a family's
//! file; to add a family: write a type that implements [`Family`] and add it to [`families`]. Rules
//! are deterministic and keep hashes and numbers, not texts. A finding without evidence does not ship.
//! A rule may be no worse than O(n log n) over a run.

mod agents;
mod checks;
pub mod claims;
mod constraint;
mod contract;
mod detour;
mod edits;
mod execution;
mod fan_in;
mod fault;
mod figures;
mod handoff;
mod integrity;
mod internal;
mod loss;
mod outcomes;
mod pace;
mod pattern;
mod peers;
mod plan;
mod planted;
mod progress;
pub mod propagation;
mod provenance;
mod repetition;
pub mod runner;
#[cfg(test)]
pub(crate) mod scene;
mod shell;
mod speech;
mod summary;
mod taint;
mod user;
pub mod verification;
mod views;

use serde::Serialize;

pub use runner::CheckKind;

use crate::trace::{Observation, Probability, RecordRef, Run, StepId};

/// What sort of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Said, or used, what nothing supports.
    Hallucination,
    /// A call failed, or was repeated in vain.
    ExecutionError,
    /// Intent, plan, call and words do not agree.
    InconsistentReasoning,
    /// Built on another step's or agent's mistake.
    FailurePropagation,
    /// Cost, hang, loss of context: shown, never scored as a failure by itself.
    Operational,
}

impl Class {
    /// All classes, in the order in which screens list them.
    pub const ALL: [Self; 5] = [
        Self::Hallucination,
        Self::ExecutionError,
        Self::InconsistentReasoning,
        Self::FailurePropagation,
        Self::Operational,
    ];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Hallucination => "hallucination",
            Self::ExecutionError => "execution_error",
            Self::InconsistentReasoning => "inconsistent_reasoning",
            Self::FailurePropagation => "failure_propagation",
            Self::Operational => "operational",
        }
    }
}

/// What a rule goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// What was done and came back.
    External,
    /// What the model said that it thought.
    Internal,
}

/// The part a span plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// What was said or attempted.
    Claim,
    /// What speaks against it.
    Against,
    /// What else helps to judge.
    Context,
}

/// A span of a record's text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// The record.
    pub record: RecordRef,
    /// The part it plays.
    pub part: Part,
    /// The text itself, through the gate: cleaned, redacted, at most [`EVIDENCE_BYTES`] bytes.
    pub text: String,
}

/// The longest evidence text, in bytes.
pub const EVIDENCE_BYTES: usize = 240;

impl Evidence {
    /// Takes a text out of a record through the gate.
    pub fn new(record: RecordRef, part: Part, text: &str) -> Self {
        Self { record, part, text: crate::text::excerpt(text, EVIDENCE_BYTES) }
    }
}

/// A rule, as lists and reports name it.
#[derive(Debug, PartialEq)]
pub struct Rule {
    /// Its name, `family.rule`, stable.
    pub id: &'static str,
    /// The sort of failure that it points to.
    pub class: Class,
    /// What it goes by.
    pub basis: Basis,
    /// Which part of the reliability it speaks of.
    pub speaks_of: Aspect,
    /// One sentence: what it looks for.
    pub summary: &'static str,
    /// What it says of a run, as an operator would read it: one sentence, made up. For the docs.
    pub example: &'static str,
    /// Whether it has been shown to point at wrong steps more often than chance (a lift on labelled
    /// runs, injected faults found, or claims labelled by hand). What a rule that is not proven finds is
    /// dropped unless the configuration asks for experimental rules; internal rules have a key of their
    /// own.
    pub proven: bool,
}

/// The part of the reliability that a rule speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Aspect {
    /// Did the calls succeed.
    Execution,
    /// Is what was said backed by what was observed.
    Support,
    /// Do intent, call, plan and words agree.
    Consistency,
}

/// A means that does not depend on the model reading and obeying a text (DESIGN.md §6).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "means")]
pub enum Means {
    /// Keep the turn open until this command has been run and exits 0.
    KeepOpenUntil {
        /// The command.
        command: String,
    },
    /// Refuse the call if it comes again unchanged.
    RefuseRepeat,
    /// Repeat the call unchanged after a pause.
    Retry,
    /// Repair an argument of the call.
    RepairArgument {
        /// Its name.
        argument: String,
    },
    /// What an argument of the call should have been. Stands beside [`Means::RepairArgument`].
    CorrectArgument {
        /// Its name.
        argument: String,
        /// What was passed; through the gate.
        from: String,
        /// What this run has brought; through the gate.
        to: String,
    },
}

/// One rule's observation at a step.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The rule.
    pub rule: &'static Rule,
    /// The step that is wrong.
    pub step: StepId,
    /// The step where it began, where the rule can tell.
    pub root: Option<StepId>,
    /// How strong the observation is, before any model weighs it.
    pub strength: Probability,
    /// At least one span.
    pub evidence: Vec<Evidence>,
    /// One plain sentence for the operator: "says 42 of 42 passed; the runner printed 39 passed, 3 failed".
    pub sentence: String,
    /// What the agent should do next, for the corrective prompt; empty: nothing useful can be said.
    pub instruction: String,
    /// Means that need no goodwill of the model.
    pub means: Vec<Means>,
}

/// A family of rules: watches a run in the order of its log.
pub trait Family: Send {
    /// The rules of the family.
    fn rules(&self) -> &'static [&'static Rule];

    /// Takes in one observation. `run` is the run so far: the step in question is in it, and so are
    /// the entities of earlier steps and of this step's outcome (a mention in the agent's own words
    /// of this step has `own_words` set but keeps whatever else was known of it).
    /// At [`Observation::End`] a family says what it would say if nothing more came; it may be asked
    /// again later, and what it said at an earlier end is then forgotten by its caller.
    ///
    /// `found` holds all findings of the run so far, of every family, in the order in which they were
    /// made: a family may read them and only ever adds to their end.
    fn observe(&mut self, seen: &Observation<'_>, run: &Run, found: &mut Vec<Finding>);
}

/// All families, fresh, in a fixed order. `internal_signals` adds the internal ones.
pub fn families(internal_signals: bool) -> Vec<Box<dyn Family>> {
    let witness = checks::Witness::default();
    let mut families: Vec<Box<dyn Family>> = vec![
        Box::new(claims::Claims::with(witness.clone())),
        Box::new(verification::Verification::with(witness)),
        Box::new(repetition::Repetition::default()),
        Box::new(execution::Execution::default()),
        Box::new(outcomes::Outcomes::default()),
        Box::new(pace::Pace::default()),
        Box::new(progress::Progress::default()),
        Box::new(contract::Contract::default()),
        Box::new(provenance::Provenance::default()),
        Box::new(figures::Figures::default()),
        Box::new(edits::Edits::default()),
        Box::new(plan::Plan::default()),
        Box::new(constraint::Constraint::default()),
        Box::new(loss::Loss::default()),
        Box::new(detour::Detour::default()),
        Box::new(user::User::default()),
        Box::new(integrity::Integrity::default()),
        Box::new(agents::Agents::default()),
        Box::new(handoff::Handoffs::default()),
        Box::new(fan_in::FanIn::default()),
        Box::new(peers::Peers::default()),
        Box::new(views::Views::default()),
        Box::new(planted::Planted::default()),
    ];
    if internal_signals {
        families.push(Box::new(internal::Internal::default()));
    }
    // Follows what the others found: it comes last.
    families.push(Box::new(taint::Taint::default()));
    families
}

/// All rules.
pub fn rules() -> Vec<&'static Rule> {
    families(true).iter().flat_map(|family| family.rules().iter().copied()).collect()
}
