//! The same call again: with the same outcome, or without hope of another.

use rustc_hash::FxHashMap;

use crate::detect::fault::Sort;
use crate::detect::{Aspect, Basis, Class, Finding, Means, Rule, fault};
use crate::trace::{Probability, StepId};

use super::{REMEMBERED, ROUNDS, Tried, due, growing, next_for, quoted, waits};

/// The same call with the same outcome.
pub(super) static SAME_CALL: Rule = Rule {
    id: "repetition.same-call",
    class: Class::ExecutionError,
    basis: Basis::External,
    speaks_of: Aspect::Execution,
    summary: "The same call was made three times or more with the same outcome and nothing changed in between.",
    example: "has made the call “search flights OSL to BGO” 4 times and changed nothing in between; each time with the same outcome",
    proven: false,
};

/// The same call with the same outcome, with nothing else between.
pub(super) static IN_A_ROW: Rule = Rule {
    id: "repetition.in-a-row",
    class: Class::ExecutionError,
    basis: Basis::External,
    speaks_of: Aspect::Execution,
    summary: "The same call was made three times or more directly one after another, with the same outcome.",
    example: "has made the call “get_order A-17” 4 times in a row; each time with the same outcome",
    proven: true,
};

/// Again what cannot succeed.
pub(super) static HOPELESS_RETRY: Rule = Rule {
    id: "repetition.hopeless-retry",
    class: Class::ExecutionError,
    basis: Basis::External,
    speaks_of: Aspect::Execution,
    summary: "A call that failed for want of a right, a thing or a fitting argument was made again unchanged.",
    example: "makes the call “GET /admin/users” again unchanged; it had failed, and fails again, with \"403 Forbidden\"",
    proven: true,
};

/// Rounds at which a loop is first told of, for calls that wait for something.
const WAITING_ROUNDS: u32 = 24;

/// Calls seen.
#[derive(Debug, Default)]
pub(super) struct Calls {
    /// What is known of a call, by its hash.
    calls: FxHashMap<u64, Seen>,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    outcome: u64,
    times: u32,
    first: StepId,
    change: u32,
    lasting: bool,
}

impl Calls {
    /// Judges a call that came `in_a_row` with others like it, after so many changes of anything. Returns
    /// whether something was told.
    pub(super) fn judge(
        &mut self,
        tried: &Tried<'_>,
        change: u32,
        in_a_row: bool,
        found: &mut Vec<Finding>,
    ) -> bool {
        let Tried { step, fault, .. } = *tried;
        if self.calls.len() >= REMEMBERED {
            self.calls.clear();
        }
        let fresh = Seen {
            outcome: tried.brought,
            times: 1,
            first: step.step.id,
            change,
            lasting: fault.is_some_and(|fault| fault.sort.lasting()),
        };
        let seen = self.calls.entry(step.step.call_hash).or_insert(Seen { times: 0, ..fresh });
        let retried_in_vain = seen.times == 1 && seen.change == change && seen.lasting && fresh.lasting;
        if seen.outcome == fresh.outcome && seen.change == change {
            seen.times = seen.times.saturating_add(1);
        } else {
            *seen = fresh;
        }
        let seen = *seen;
        let label = fault::call_name(step);
        if let Some(fault) = fault
            && retried_in_vain
        {
            found.push(Finding {
                rule: &HOPELESS_RETRY,
                step: step.step.id,
                root: Some(seen.first),
                strength: Probability::new(if fault.sort == Sort::Absent { 0.4 } else { 0.55 }),
                evidence: tried.evidence(),
                sentence: format!(
                    "makes the call “{label}” again unchanged; it had failed, and fails again, with {}",
                    quoted(fault.line)
                ),
                instruction: format!(
                    "Do not repeat {label}. {} Then make a different call, or say that it cannot be done.",
                    next_for(fault)
                ),
                means: vec![Means::RefuseRepeat],
            });
            return true;
        }
        let first = if waits(step) { WAITING_ROUNDS } else { ROUNDS };
        if !due(seen.times, first) {
            return false;
        }
        let (base, ending) = match fault {
            Some(fault) => (0.75, format!("each time it ended with {}", quoted(fault.line))),
            None if in_a_row => (0.6, "each time with the same outcome".to_owned()),
            None => (0.4, "each time with the same outcome".to_owned()),
        };
        let mut means = vec![Means::RefuseRepeat];
        if fault.is_some_and(|fault| fault.sort.passing()) {
            means = vec![Means::Retry];
        }
        found.push(Finding {
        rule: if in_a_row { &IN_A_ROW } else { &SAME_CALL },
        step: step.step.id,
        root: Some(seen.first),
        strength: growing(base, seen.times, first),
        evidence: tried.evidence(),
        sentence: format!(
            "has made the call “{label}” {} times {}; {ending}",
            seen.times,
            if in_a_row { "in a row" } else { "and changed nothing in between" }
        ),
        instruction: match fault {
            Some(fault) => format!(
                "The call {label} has failed {} times in the same way. {} Then take another way to the goal.",
                seen.times,
                next_for(fault)
            ),
            None => format!(
                "You already have the outcome of {label}. Write down in one sentence what it told you, then do the next step that depends on it."
            ),
        },
        means,
    });
        true
    }
}
