//! Repetition: the same call again and again, a round of calls that turns in a circle, the same error
//! however the call is made, a failed call made again that cannot succeed.
//!
//! Keeps hashes and counters per agent. A repetition counts only while nothing changed in between: an
//! edit, another effect, or a person's words begin the count anew. Waiting for something (`sleep`,
//! a look at a background task) is no repetition in vain before it has gone on for long. A growing
//! loop is told of at 3, 6, 12, … rounds. Each group of rules has a file with its counters. To add a
//! rule, write its [`Rule`] into one, give [`Trail`] its counters, and judge it in
//! [`Repetition::closed`].

mod calls;
mod effects;
mod errors;
mod messages;
mod near;
mod rounds;
#[cfg(test)]
mod tests;

use rustc_hash::FxHashMap;

use crate::trace::{
    AgentId, Author, ClosedStep, EffectStatus, Observation, Passage, Probability, Run, ToolKind,
};

use super::fault::{self, Fault, Sort};
use super::{Evidence, Family, Finding, Part, Rule, speech};

/// Rounds at which a loop is first told of.
const ROUNDS: u32 = 3;
/// The most calls remembered per agent; the map is emptied when it is full.
const REMEMBERED: usize = 4096;

/// What is kept of each agent.
#[derive(Debug, Default)]
struct Trail {
    calls: calls::Calls,
    effects: effects::Effects,
    rounds: rounds::Rounds,
    near: near::Near,
    errors: errors::Errors,
    messages: messages::Messages,
}

/// A call that has come back.
#[derive(Clone, Copy, Debug)]
struct Tried<'a> {
    step: &'a ClosedStep<'a>,
    outcome: &'a Passage,
    fault: Option<Fault<'a>>,
    /// See [`brought`].
    brought: u64,
}

impl Tried<'_> {
    fn evidence(&self) -> Vec<Evidence> {
        evidence(self.step, self.outcome, self.fault)
    }
}

static RULES: &[&Rule] = &[
    &calls::SAME_CALL,
    &calls::IN_A_ROW,
    &effects::EFFECT_AGAIN,
    &rounds::CYCLE,
    &near::NEAR_SAME_CALL,
    &errors::SAME_ERROR,
    &calls::HOPELESS_RETRY,
    &messages::SAME_MESSAGE,
];

/// The family.
#[derive(Debug, Default)]
pub(super) struct Repetition {
    trails: FxHashMap<AgentId, Trail>,
    /// How often something was changed in the run so far, by anybody.
    changes: u32,
    /// The call that made the last change.
    changed_by: u64,
    /// How often a person spoke.
    persons: u32,
}

/// Whether a loop of this many rounds is to be told of: 3, 6, 12, …
pub(super) fn due(rounds: u32, first: u32) -> bool {
    rounds >= first && rounds.is_multiple_of(first) && (rounds / first).is_power_of_two()
}

/// Whether a call waits for something or looks after it.
pub(super) fn waits(step: &ClosedStep<'_>) -> bool {
    let tool = step.tool.to_ascii_lowercase();
    if speech::has_any(
        &tool,
        &["wait", "sleep", "poll", "bashoutput", "taskoutput", "task_output", "write_stdin", "status"],
    ) {
        return true;
    }
    step.request.and_then(|request| request.command.as_deref()).is_some_and(|command| {
        let lower = command.to_ascii_lowercase();
        speech::has_any_word(&lower, &["sleep", "wait", "watch"])
    })
}

/// Whether a closed call may have changed something that another call's outcome depends on.
fn changes(step: &ClosedStep<'_>) -> bool {
    if step.step.failed() {
        return false;
    }
    step.effects.iter().any(|effect| effect.status != EffectStatus::Failed)
        || matches!(step.step.tool_kind(), Some(ToolKind::Edit | ToolKind::Write | ToolKind::Agent))
}

/// A strength that grows with the rounds from `base` towards 1.
fn growing(base: f64, rounds: u32, first: u32) -> Probability {
    let doublings = f64::from(rounds.max(1)) / f64::from(first.max(1));
    Probability::new(1.0 - (1.0 - base) / doublings.max(1.0))
}

impl Repetition {
    fn closed(&mut self, step: &ClosedStep<'_>, run: &Run, found: &mut Vec<Finding>) {
        if let Some(message) = step.message {
            self.trails.entry(step.step.agent).or_default().messages.judge(step, message, found);
            return;
        }
        let Some(crate::trace::Action::Call { tool, kind }) = Some(step.step.action) else {
            return;
        };
        if kind == ToolKind::Plan {
            return;
        }
        let Some(outcome) = step.outcome else { return };
        let changed = changes(step);
        // The same change again is no new state of things.
        if changed && self.changed_by != step.step.call_hash {
            self.changes = self.changes.wrapping_add(1);
            self.changed_by = step.step.call_hash;
        }
        let fault = fault::of(step);
        let change = self.changes;
        let trail = self.trails.entry(step.step.agent).or_default();
        let tried = Tried { step, outcome, fault, brought: brought(step, fault) };
        let in_a_row = trail.rounds.in_a_row(&tried);
        let told = trail.effects.judge(&tried, self.persons, found)
            | trail.calls.judge(&tried, change, in_a_row, found)
            | trail.rounds.judge(&tried, run, found);
        let told = told | trail.near.judge(&tried, changed, told, found);
        trail.errors.judge(tool, &tried, (change, self.persons), told, found);
    }
}

/// What a call brought, as far as it matters for "again the same": of a failure, the line that tells
/// of it (the rest holds times and names of log files).
fn brought(step: &ClosedStep<'_>, fault: Option<Fault<'_>>) -> u64 {
    match fault {
        Some(fault) if fault.line.len() >= 8 && !fault::says_exit_only(fault.line) => {
            speech::hash_without_digits(crate::text::clip(fault.line, 400))
        }
        _ => step.step.outcome_hash,
    }
}

/// The call and the line that speaks against it.
fn evidence(step: &ClosedStep<'_>, outcome: &Passage, fault: Option<Fault<'_>>) -> Vec<Evidence> {
    let mut evidence = vec![Evidence::new(step.input.record, Part::Claim, &step.input.text)];
    let line = fault.map_or(outcome.text.as_str(), |fault| fault.line);
    if !line.trim().is_empty() {
        evidence.push(Evidence::new(outcome.record, Part::Against, line));
    }
    evidence
}

pub(super) fn quoted(line: &str) -> String {
    if line.trim().is_empty() { "no output".to_owned() } else { crate::text::quoted(line, 100) }
}

/// What to do next about a fault.
pub(super) fn next_for(fault: Fault<'_>) -> &'static str {
    match fault.sort {
        Sort::Timeout => {
            "Check whether the work went on in the background, or ask for a smaller piece of it."
        }
        Sort::Transient => "Wait a moment before you call it once more.",
        Sort::Access => "Find out which right is missing and ask for it, or use what you are allowed to use.",
        Sort::Absent => "List what is there and take the name from that list.",
        Sort::Arguments => "Read the tool's description and give the arguments that it asks for.",
        Sort::Check => "Read the first failure, name its cause, and change the code that causes it.",
        Sort::Other => "Read the error, name its cause, and remove it first.",
    }
}

impl Family for Repetition {
    fn rules(&self) -> &'static [&'static Rule] {
        RULES
    }

    fn observe(&mut self, seen: &Observation<'_>, run: &Run, found: &mut Vec<Finding>) {
        match seen {
            Observation::Step(step) => self.closed(step, run, found),
            Observation::Prompt { author: Author::Person, .. } => {
                self.changes = self.changes.wrapping_add(1);
                self.persons = self.persons.wrapping_add(1);
                for trail in self.trails.values_mut() {
                    trail.rounds.clear();
                    trail.near = near::Near::default();
                    trail.messages.clear();
                }
            }
            _ => {}
        }
    }
}
