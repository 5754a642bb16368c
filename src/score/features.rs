//! Features: the numbers that a model weighs. External rules by their strength, internal rules where
//! they are asked for, then context, then taint. All are computed from what came before, so that a
//! step's features never change when the run goes on (findings that are made later may add to them).

use rustc_hash::FxHashSet;

use super::conduct::Course;
use crate::detect::Finding;
use crate::trace::{AgentId, Status, Step};

/// A feature with its value. Values lie in 0..=1 but for `context.position`, which grows slowly.
pub type Feature = (&'static str, f64);

/// Features of context, with the prior weight of each.
pub const CONTEXT: &[(&str, f64)] = &[
    ("context.message", 0.0),
    ("context.failed", 0.0),
    ("context.status-unknown", 0.0),
    ("context.first-of-agent", 0.0),
    ("context.position", 0.0),
    ("context.repeated-call", 0.0),
    ("context.error-trend", 0.0),
    ("context.sub-agent", 0.0),
    ("context.after-error", 0.0),
];

/// What the context features need to remember of the steps before. One for a run.
#[derive(Debug, Default)]
pub struct Context {
    calls: FxHashSet<u64>,
    agents: FxHashSet<AgentId>,
    recent: Vec<bool>,
    errors: u32,
    steps: u32,
}

/// How many steps count as recent.
const RECENT: usize = 6;

impl Context {
    /// The context features of the next step to close, and takes the step in.
    pub fn next(&mut self, step: &Step) -> Vec<Feature> {
        let mut features = Vec::with_capacity(6);
        let mut add = |name, value: f64| {
            if value != 0.0 {
                features.push((name, value));
            }
        };
        let flag = |on: bool| f64::from(u8::from(on));
        add("context.message", flag(step.is_message()));
        add("context.failed", flag(step.failed()));
        add("context.status-unknown", flag(!step.is_message() && step.status == Status::Unknown));
        add("context.first-of-agent", flag(self.agents.insert(step.agent)));
        add("context.position", f64::from(self.steps).ln_1p() / 4.0);
        add("context.repeated-call", flag(step.call_hash != 0 && !self.calls.insert(step.call_hash)));
        add("context.error-trend", self.error_trend());
        add("context.sub-agent", flag(step.agent != AgentId(0)));
        add("context.after-error", flag(self.recent.last().copied().unwrap_or(false)));
        self.steps += 1;
        self.errors += u32::from(step.failed());
        if self.recent.len() == RECENT {
            self.recent.remove(0);
        }
        self.recent.push(step.failed());
        features
    }

    /// The share of errors among the recent steps less their share among all, if it has risen.
    fn error_trend(&self) -> f64 {
        if self.steps < 2 * RECENT as u32 {
            return 0.0;
        }
        let recent =
            self.recent.iter().filter(|failed| **failed).count() as f64 / self.recent.len().max(1) as f64;
        (recent - f64::from(self.errors) / f64::from(self.steps)).max(0.0)
    }
}

/// The features of a step: its findings' strengths, the strongest of each rule, and its context.
pub fn of_step<'f>(findings: impl Iterator<Item = &'f Finding>, context: &[Feature]) -> Vec<Feature> {
    let mut features: Vec<Feature> = Vec::new();
    for finding in findings {
        let strength = finding.strength.get();
        match features.iter_mut().find(|(name, _)| *name == finding.rule.id) {
            Some((_, known)) => *known = known.max(strength),
            None => features.push((finding.rule.id, strength)),
        }
    }
    features.extend_from_slice(context);
    features
}

/// A feature of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RunFeature {
    /// Its name.
    pub name: &'static str,
    /// Its prior weight.
    pub prior: f64,
    /// Whether it is weighed in runs of any shape. The others tell of how much was said and done, which
    /// means something only among runs of one shape.
    pub general: bool,
}

const fn general(name: &'static str, prior: f64) -> RunFeature {
    RunFeature { name, prior, general: true }
}

const fn shaped(name: &'static str, prior: f64) -> RunFeature {
    RunFeature { name, prior, general: false }
}

/// The lexical model's logit, see [`super::lexical`].
pub const LEXICAL: &str = "run.lexical";

/// Features of a run.
pub const RUN: &[RunFeature] = &[
    general("run.worst-step", 3.0),
    general("run.failed-calls", 0.3),
    general("run.ends-in-error", 0.3),
    general("run.unknown-share", 0.0),
    general("run.last-step", 0.5),
    general("run.workshop", 0.0),
    general("run.clean-workshop", -2.0),
    general("run.unfinished", 0.5),
    shaped("run.said", 0.5),
    shaped("run.heard", 0.5),
    shaped("run.transactions", 1.0),
    shaped("run.answer-length", 1.0),
    shaped("run.answer-unseen", 1.5),
    shaped(LEXICAL, 0.5),
];

/// The totals that a run's features are made of.
#[derive(Clone, Copy, Debug, Default)]
pub struct RunTotals {
    /// Steps.
    pub steps: u32,
    /// Messages among them.
    pub messages: u32,
    /// Calls that failed.
    pub failed: u32,
    /// Calls whose status is unknown.
    pub unknown: u32,
    /// The highest P(wrong) among steps with a finding.
    pub worst: f64,
    /// P(wrong) of the last step with a finding among the last three steps.
    pub last: f64,
    /// Whether the last call failed.
    pub ends_in_error: bool,
    /// Steps that work on files or run commands.
    pub workshop: u32,
}

/// The features of a run. `lexical` is the lexical model's logit, where there is such a model.
pub fn of_run(totals: &RunTotals, course: &Course, lexical: Option<f64>) -> Vec<Feature> {
    let flag = |on: bool| f64::from(u8::from(on));
    let logarithm = |count: u32| f64::from(count).ln_1p();
    let calls = f64::from(totals.steps.saturating_sub(totals.messages).max(1));
    // Work on files and commands leaves evidence; in talk and look-ups "nothing found" says little.
    let workshop = f64::from(totals.workshop) / f64::from(totals.steps.max(1));
    let short_answer = flag(course.has_short_answer());
    let all = [
        ("run.worst-step", totals.worst),
        ("run.failed-calls", f64::from(totals.failed) / calls),
        ("run.ends-in-error", flag(totals.ends_in_error)),
        ("run.unknown-share", f64::from(totals.unknown) / calls),
        ("run.last-step", totals.last),
        ("run.workshop", workshop),
        ("run.clean-workshop", workshop * (1.0 - totals.worst)),
        ("run.unfinished", flag(course.answer_words == 0)),
        ("run.said", logarithm(course.said) - 6.0),
        ("run.heard", logarithm(course.heard) - 5.0),
        ("run.transactions", f64::from(course.transactions.min(3)) / 3.0),
        ("run.answer-length", short_answer * f64::from(course.answer_words.min(5)) / 5.0),
        ("run.answer-unseen", short_answer * (1.0 - (logarithm(course.answer_seen) / 2.0).min(1.0))),
        (LEXICAL, lexical.unwrap_or_default()),
    ];
    all.into_iter().filter(|(_, value)| *value != 0.0).collect()
}
