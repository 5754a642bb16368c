//! Calls that differ in a counter only.

use crate::detect::{Aspect, Basis, Class, Finding, Rule, fault, speech};
use crate::trace::StepId;

use super::{Tried, due, growing, waits};

/// Calls that differ in a counter only.
pub(super) static NEAR_SAME_CALL: Rule = Rule {
    id: "repetition.near-same-call",
    class: Class::ExecutionError,
    basis: Basis::External,
    speaks_of: Aspect::Execution,
    summary: "Five calls or more in a row differ in numbers only, change nothing, and fail or bring nothing.",
    example: "the last 6 calls, up to “fetch_item 17”, differ in numbers only and brought the same",
    proven: false,
};

/// Near-same calls at which they are first told of.
const NEAR_ROUNDS: u32 = 5;

/// The latest of such calls.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Near {
    call: u64,
    exact: u64,
    outcome: u64,
    times: u32,
    first: StepId,
}

impl Near {
    /// Judges a call that `changed` something, and of which another rule has `told`. Returns whether
    /// something was told.
    pub(super) fn judge(
        &mut self,
        tried: &Tried<'_>,
        changed: bool,
        told: bool,
        found: &mut Vec<Finding>,
    ) -> bool {
        let Tried { step, outcome, fault, .. } = *tried;
        let call = speech::hash_without_digits(crate::text::clip(&step.input.text, 512))
            ^ speech::hash(step.tool.as_bytes());
        let brought = speech::hash_without_digits(crate::text::clip(&outcome.text, 512));
        let goes_on = self.times > 0
            && self.call == call
            && self.outcome == brought
            && self.exact != step.step.call_hash
            && !changed
            && !waits(step);
        if goes_on {
            self.times = self.times.saturating_add(1);
            self.exact = step.step.call_hash;
        } else {
            *self =
                Self { call, exact: step.step.call_hash, outcome: brought, times: 1, first: step.step.id };
        }
        let near = *self;
        let nothing = outcome.text.trim().len() <= 2;
        if told || !due(near.times, NEAR_ROUNDS) || (fault.is_none() && !nothing) {
            return false;
        }
        found.push(Finding {
        rule: &NEAR_SAME_CALL,
        step: step.step.id,
        root: Some(near.first),
        strength: growing(if fault.is_some() { 0.5 } else { 0.3 }, near.times, NEAR_ROUNDS),
        evidence: tried.evidence(),
        sentence: format!(
            "the last {} calls, up to “{}”, differ in numbers only and brought the same",
            near.times,
            fault::call_name(step)
        ),
        instruction: "Counting on brings nothing new. Look up which value is right before the next call, or take another way.".to_owned(),
        means: Vec::new(),
    });
        true
    }
}
