//! Rounds of several calls, gone through again and again.

use std::collections::VecDeque;

use crate::detect::{Aspect, Basis, Class, Finding, Means, Rule};
use crate::trace::{Run, StepId};

use super::{ROUNDS, Tried, due, evidence, growing, waits};

/// A round of several calls, over and over.
pub(super) static CYCLE: Rule = Rule {
    id: "repetition.cycle",
    class: Class::ExecutionError,
    basis: Basis::External,
    speaks_of: Aspect::Execution,
    summary: "A round of two to eight calls was gone through three times or more with the same outcomes.",
    example: "has gone 3 times through the same 2 calls with the same outcomes: open page 1 → open page 2",
    proven: false,
};

/// The longest round looked for.
const LONGEST: usize = 8;

/// The latest calls with what they brought.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    /// The latest signatures, the latest last.
    latest: VecDeque<(u64, StepId)>,
    /// For each period 1..=LONGEST: how many signatures in a row equal the one a period before.
    equal: [u32; LONGEST + 1],
    /// Whether the signatures in `latest` since the last change all wait.
    waiting: bool,
}

/// A call with what it brought.
fn signature(tried: &Tried<'_>) -> u64 {
    tried.step.step.call_hash ^ tried.brought.rotate_left(23)
}

impl Rounds {
    /// Whether a call that has not been judged here yet is one of [`ROUNDS`] or more in a row.
    pub(super) fn in_a_row(&self, tried: &Tried<'_>) -> bool {
        self.latest.back().is_some_and(|(before, _)| *before == signature(tried))
            && self.equal.get(1).is_some_and(|equal| equal + 2 >= ROUNDS)
    }

    /// Begins anew.
    pub(super) fn clear(&mut self) {
        self.equal = [0; LONGEST + 1];
        self.latest.clear();
    }

    /// Judges a call. Returns whether something was told.
    pub(super) fn judge(&mut self, tried: &Tried<'_>, run: &Run, found: &mut Vec<Finding>) -> bool {
        let step = tried.step;
        let signature = signature(tried);
        for period in 1..=LONGEST {
            let before = self.latest.len().checked_sub(period).and_then(|at| self.latest.get(at));
            let equal = before.is_some_and(|(earlier, _)| *earlier == signature);
            if let Some(count) = self.equal.get_mut(period) {
                *count = if equal { count.saturating_add(1) } else { 0 };
            }
        }
        self.latest.push_back((signature, step.step.id));
        if self.latest.len() > LONGEST {
            self.latest.pop_front();
        }
        self.waiting = waits(step) || (self.waiting && self.equal.iter().any(|count| *count > 0));
        if self.waiting {
            return false;
        }
        // The smallest period that holds: a round of two is also one of four.
        let rounds_of = |period: usize| {
            let equal = self.equal.get(period).copied().unwrap_or(0);
            equal / u32::try_from(period).unwrap_or(1) + 1
        };
        let Some(period) = (1..=LONGEST).find(|period| rounds_of(*period) >= ROUNDS) else {
            return false;
        };
        let whole = self.equal.get(period).is_some_and(|equal| (*equal as usize).is_multiple_of(period));
        let rounds = rounds_of(period);
        if period == 1 || !whole || !due(rounds, ROUNDS) {
            return false;
        }
        let labels: Vec<String> = self
            .latest
            .iter()
            .rev()
            .take(period)
            .rev()
            .filter_map(|(_, id)| run.step(*id))
            .map(|step| crate::text::clip(&step.label, 40).to_owned())
            .collect();
        let root = (step.step.id.index() + 1)
            .checked_sub(period * rounds as usize)
            .and_then(|at| u32::try_from(at).ok())
            .map(StepId);
        found.push(Finding {
        rule: &CYCLE,
        step: step.step.id,
        root,
        strength: growing(0.6, rounds, ROUNDS),
        evidence: evidence(step, tried.outcome, None),
        sentence: format!(
            "has gone {rounds} times through the same {period} calls with the same outcomes: {}",
            labels.join(" → ")
        ),
        instruction: "You are going round in a circle and nothing changes. Say in one sentence which fact you still lack, and make one call that you have not made yet and that can bring that fact.".to_owned(),
        means: vec![Means::RefuseRepeat],
    });
        true
    }
}
