//! The decisive step: given that a run failed, where its first error stands. A conditional logit over
//! the run's steps: share of step i = exp(w·xᵢ) / Σⱼ exp(w·xⱼ) (McFadden, Conditional logit analysis of
//! qualitative choice behavior, 1974). Its features are what the rules found and the steps' manner.
//!
//! What all rules found counts together, by what it adds to P(wrong); beside that each rule has a weight
//! of its own, since a rule may see an error where it began or only where it shows.
//!
//! From the shares come the set of consecutive steps that holds the first error, and the agent that is
//! likeliest to have made it.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::conduct::{Manner, Mark};
use super::judge::Judged;
use crate::trace::{AgentId, StepId};

/// How many features a step has here.
pub const SIZE: usize = NAMES.len();

/// The features' names, in the order of [`row`].
pub const NAMES: [&str; 30] = [
    "evidence",
    "first-call-at-once",
    "first-message",
    "early",
    "early-slow",
    "among-last-two",
    "call",
    "first-call",
    "failed",
    "empty-outcome",
    "after-outcome",
    "after-failure",
    "assumes",
    "from-memory",
    "refuses",
    "figures",
    "new-figures",
    "novelty",
    "asks-without-news",
    "unbacked",
    "bare",
    "hands-over",
    "replans",
    "structured",
    "worker",
    "worker-early",
    "worker-second-or-third",
    "turn",
    "repeated",
    "words",
];

/// The prior weights, in the order of [`NAMES`]: what the rules found counts, nothing else is known.
pub const PRIOR: Row = {
    let mut prior = [0.0; SIZE];
    prior[0] = 3.0;
    prior
};

/// A step's features.
pub type Row = [f64; SIZE];

/// Weights for one shape of run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decisive {
    /// The summed share that the set of steps must hold so that it holds the first error in 90 of 100
    /// failed runs, as fitted by split conformal prediction.
    pub set_share: f64,
    /// Weight by feature, or by rule; one that is not named weighs nothing.
    pub weights: BTreeMap<String, f64>,
}

/// The strongest finding of one rule at one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// The step's position in the run.
    pub step: usize,
    /// The rule.
    pub rule: &'static str,
    /// The finding's strength.
    pub strength: f64,
}

impl Decisive {
    /// The prior: what the rules found counts, nothing else is known.
    pub fn prior() -> Self {
        Self { set_share: 0.9, weights: NAMES.iter().map(|name| (*name).to_owned()).zip(PRIOR).collect() }
    }

    fn weight(&self, name: &str) -> f64 {
        self.weights.get(name).copied().unwrap_or(0.0)
    }

    /// The shares of a run's steps; they add up to 1 unless there is no step.
    pub fn shares(&self, steps: &[Judged], found: &[Found]) -> Vec<f64> {
        let weights = NAMES.map(|name| self.weight(name));
        // Where only findings count, as in work on files, a long run need not be looked at in detail.
        let manner_counts = weights.iter().skip(1).any(|weight| *weight != 0.0);
        let mut logits: Vec<f64> = positions(steps)
            .zip(steps)
            .map(|(position, step)| match position {
                None => f64::NEG_INFINITY,
                Some((at, of)) if manner_counts => dot(&weights, &row(step.evidence, step.manner, at, of)),
                Some(_) => weights[0] * evidence(step.evidence),
            })
            .collect();
        let mut known: FxHashMap<&str, f64> = FxHashMap::default();
        for found in found {
            if let Some(logit) = logits.get_mut(found.step) {
                let weight = *known.entry(found.rule).or_insert_with(|| self.weight(found.rule));
                *logit += weight * found.strength;
            }
        }
        softmax(&logits)
    }
}

/// The features of a step: `evidence` is what findings add to the logit of P(wrong); `at` is its
/// position among the `of` steps of the run that say something.
pub fn row(evidence: f64, manner: Manner, at: usize, of: usize) -> Row {
    let flag = |on: bool| f64::from(u8::from(on));
    let mark = |mark: Mark| flag(manner.has(mark));
    let later = flag(at > 0);
    let worker = manner.worker_act > 0;
    let position = at as f64;
    let call = manner.has(Mark::Call);
    [
        self::evidence(evidence),
        flag(at == 0 && call),
        flag(at == 0 && !call),
        (-position / 2.0).exp(),
        (-position / 10.0).exp(),
        flag(at > 0 && at + 2 >= of),
        flag(call),
        mark(Mark::FirstCall),
        mark(Mark::Failed),
        mark(Mark::EmptyOutcome),
        mark(Mark::AfterOutcome),
        mark(Mark::AfterFailure),
        mark(Mark::Assumes) * later,
        mark(Mark::FromMemory) * later,
        mark(Mark::Refuses) * later,
        f64::from(manner.figures).ln_1p() / 4.0 * later,
        f64::from(manner.new_figures.min(3)) / 3.0 * later * flag(!call),
        f64::from(manner.novelty.min(60)) / 60.0 * later,
        mark(Mark::Asks) * later * flag(manner.new_figures == 0),
        flag(!call && !manner.has(Mark::AfterOutcome)) * later,
        mark(Mark::Bare),
        mark(Mark::HandsOver),
        mark(Mark::Replans),
        mark(Mark::Structured),
        flag(worker),
        flag(worker) * (-(f64::from(manner.worker_act) - 1.0) / 2.0).exp(),
        flag((2..=3).contains(&manner.worker_act)),
        f64::from(manner.turn.min(3)) / 3.0,
        mark(Mark::Repeated),
        f64::from(manner.words).ln_1p() / 8.0,
    ]
}

fn evidence(logit: f64) -> f64 {
    (logit / 5.0).clamp(0.0, 1.2)
}

/// For each step its position among those that count, and how many do; `None` for a step that says next
/// to nothing and has nothing against it.
fn positions(steps: &[Judged]) -> impl Iterator<Item = Option<(usize, usize)>> {
    let counts = |step: &Judged| step.against || !step.manner.has(Mark::Trivial);
    let of = steps.iter().filter(|step| counts(step)).count();
    let mut at = 0;
    steps.iter().map(move |step| {
        counts(step).then(|| {
            at += 1;
            (at - 1, of)
        })
    })
}

/// The rows of a run's steps; `None` for a step that does not count.
pub fn rows(steps: &[Judged]) -> Vec<Option<Row>> {
    let rows = positions(steps).zip(steps);
    rows.map(|(position, step)| position.map(|(at, of)| row(step.evidence, step.manner, at, of))).collect()
}

/// Softmax; −∞ gets nothing.
pub fn softmax(logits: &[f64]) -> Vec<f64> {
    let top = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if !top.is_finite() {
        return vec![0.0; logits.len()];
    }
    let raised: Vec<f64> = logits.iter().map(|z| (z - top).exp()).collect();
    let sum: f64 = raised.iter().sum();
    raised.into_iter().map(|e| e / sum).collect()
}

/// Σ aᵢ·bᵢ.
pub fn dot(a: &Row, b: &Row) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The shortest stretch of consecutive steps that holds `share` of all shares; the earliest of equals.
/// `None` for a run without steps.
pub fn set_of(shares: &[f64], share: f64) -> Option<(StepId, StepId)> {
    let total: f64 = shares.iter().sum();
    if total <= 0.0 {
        return None;
    }
    let wanted = share.clamp(0.0, 1.0) * total - 1e-9;
    let (mut from, mut sum) = (0usize, 0.0);
    let mut best: Option<(usize, usize)> = None;
    for (to, step) in shares.iter().enumerate() {
        sum += step;
        while let Some(first) = shares.get(from)
            && sum - first >= wanted
            && from < to
        {
            sum -= first;
            from += 1;
        }
        if sum >= wanted && best.is_none_or(|(a, b)| to - from < b - a) {
            best = Some((from, to));
        }
    }
    best.map(|(from, to)| (StepId(from as u32), StepId(to as u32)))
}

/// The agent with the largest summed share; the earliest of equals.
pub fn agent_of(shares: &[f64], steps: &[Judged]) -> Option<AgentId> {
    let mut sums: Vec<Option<f64>> = Vec::new();
    for (share, step) in shares.iter().zip(steps) {
        let at = usize::from(step.agent.0);
        if sums.len() <= at {
            sums.resize(at + 1, None);
        }
        if let Some(sum) = sums.get_mut(at) {
            *sum = Some(sum.unwrap_or(0.0) + share);
        }
    }
    let sums = sums.into_iter().enumerate().filter_map(|(agent, sum)| Some((agent, sum?)));
    let largest = sums.max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
    largest.map(|(agent, _)| AgentId(agent as u16))
}

/// A failed run to fit on: the features of its steps, and which of them is labelled.
#[derive(Clone, Debug)]
pub struct Choice {
    /// For each step that says something: the values of the features, in an order that the fit is told.
    pub rows: Vec<Vec<f64>>,
    /// The position of the labelled one among them.
    pub chosen: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_set_is_the_shortest_stretch_that_holds_the_share() {
        let shares = [0.05, 0.05, 0.4, 0.4, 0.05, 0.05];
        assert_eq!(set_of(&shares, 0.75), Some((StepId(2), StepId(3))));
        assert_eq!(set_of(&shares, 1.0), Some((StepId(0), StepId(5))));
        assert_eq!(set_of(&[], 0.9), None);
        assert_eq!(set_of(&[0.0, 0.0], 0.9), None);
    }

    #[test]
    fn shares_add_up_and_what_says_nothing_gets_nothing() {
        let shares = softmax(&[1.0, f64::NEG_INFINITY, 1.0]);
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert_eq!((shares[0], shares[1]), (0.5, 0.0));
        assert_eq!(softmax(&[f64::NEG_INFINITY]), [0.0]);
    }

    #[test]
    fn a_finding_outweighs_the_manner_before_any_fit() {
        let plain = row(0.0, Manner::default(), 3, 10);
        let found = row(5.0, Manner::default(), 7, 10);
        assert!(dot(&PRIOR, &found) > dot(&PRIOR, &plain) + 2.0);
    }
}
