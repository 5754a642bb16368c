//! The same error of one tool, whatever the arguments.

use rustc_hash::FxHashMap;

use crate::detect::{Aspect, Basis, Class, Finding, Means, Rule, speech};
use crate::trace::StepId;

use super::{ROUNDS, Tried, due, growing, next_for, quoted};

/// The same error, whatever the arguments.
pub(super) static SAME_ERROR: Rule = Rule {
    id: "repetition.same-error",
    class: Class::ExecutionError,
    basis: Basis::External,
    speaks_of: Aspect::Execution,
    summary: "One tool answered with the same error three times or more in a row.",
    example: "deploy has answered 3 times in a row with \"error: no such environment\"",
    proven: false,
};

/// Errors seen.
#[derive(Debug, Default)]
pub(super) struct Errors {
    /// The last error of each tool.
    errors: FxHashMap<u16, SameError>,
}

#[derive(Clone, Copy, Debug)]
struct SameError {
    line: u64,
    times: u32,
    first: StepId,
    change: u32,
    person: u32,
}

impl Errors {
    /// Judges a call of a tool, made after so many changes of anything and so many words of a person; of
    /// which another rule may have `told`.
    pub(super) fn judge(
        &mut self,
        tool: u16,
        tried: &Tried<'_>,
        (change, person): (u32, u32),
        told: bool,
        found: &mut Vec<Finding>,
    ) {
        let Tried { step, fault, .. } = *tried;
        let Some(fault) = fault else {
            self.errors.remove(&tool);
            return;
        };
        if fault.line.len() < 8 {
            return;
        }
        let line = speech::hash_without_digits(crate::text::clip(fault.line, 400));
        let fresh = SameError { line, times: 0, first: step.step.id, change, person };
        let seen = self.errors.entry(tool).or_insert(fresh);
        if seen.line != line || seen.person != person {
            *seen = fresh;
        }
        seen.times = seen.times.saturating_add(1);
        let seen = *seen;
        if told || !due(seen.times, ROUNDS) {
            return;
        }
        // A check that fails on after edits is work in progress, though not one that gets on.
        let base = if seen.change != change { 0.3 } else { 0.5 };
        let times = seen.times;
        let tool = crate::text::excerpt(step.tool, 60);
        found.push(Finding {
            rule: &SAME_ERROR,
            step: step.step.id,
            root: Some(seen.first),
            strength: growing(base, times, ROUNDS),
            evidence: tried.evidence(),
            sentence: format!("{tool} has answered {times} times in a row with {}", quoted(fault.line)),
            instruction: format!(
                "{tool} gives the same error however you call it. {} Only then call it again.",
                next_for(fault)
            ),
            means: if fault.sort.passing() { vec![Means::Retry] } else { Vec::new() },
        });
    }
}
