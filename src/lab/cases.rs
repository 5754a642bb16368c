//! Cases: labelled runs, assessed once. Features do not depend on a model, so every fold is fitted and
//! measured on the same cases.

use std::hash::{Hash as _, Hasher as _};
use std::path::Path;

use rustc_hash::{FxHashMap, FxHasher};

use super::corpus::Label;
use crate::detect::Class;
use crate::engine::{Judge, read};
use crate::score::decisive::{Choice, Found, rows};
use crate::score::features::Feature;
use crate::score::fit::Example;
use crate::score::{Conducted, Costs, Judged, Linear, Model, RunJudgement, features, judge, judge_run};
use crate::trace::{Probability, StepId};

/// A copy with a fault counts so much of a run that others labelled: there are many of them, and what
/// they hold is known to be simple.
const FAULT_WEIGHT: f64 = 0.1;
/// How many steps off a fault still counts as found.
pub const NEAR_A_FAULT: usize = 3;

/// A labelled run with what the rules found in it.
#[derive(Clone, Debug)]
pub struct Case {
    /// The label.
    pub label: Label,
    /// Its steps.
    pub steps: Vec<StepCase>,
    /// How many records were read.
    pub records: u32,
    /// The digest of its log: two datasets may label the same one.
    pub log: u64,
    /// Its shape and course; the lexical logit is set by [`Case::judge`].
    pub conducted: Conducted,
    /// The terms of its agents' words, with their counts, in the order of the alphabet.
    pub terms: Vec<(String, u16)>,
}

/// A step of a case.
#[derive(Clone, Debug)]
pub struct StepCase {
    /// The record of its action, as labels count.
    pub record: u32,
    /// Its agent's name.
    pub agent: String,
    /// Its features.
    pub features: Vec<Feature>,
    /// The rules that fired at it, with their classes.
    pub rules: Vec<(&'static str, Class)>,
    /// What a run's judgement needs; the probabilities are set by [`Case::judge`].
    pub judged: Judged,
}

/// A case that a model has judged.
#[derive(Clone, Debug)]
pub struct JudgedCase {
    /// Each step's judgement.
    pub steps: Vec<Judged>,
    /// How likely each step is to be wrong, for ranking them.
    pub scores: Vec<f64>,
    /// The run's.
    pub run: RunJudgement,
    /// The lexical model's logit, where there is such a model.
    pub lexical: Option<f64>,
}

/// Reads and assesses labelled runs. A run that cannot be read is named by `problem` and left out.
pub fn assess(labels: Vec<Label>, judge: &Judge, mut problem: impl FnMut(String)) -> Vec<Case> {
    let mut cases = Vec::with_capacity(labels.len());
    for label in labels {
        match case(label, judge) {
            Ok(case) => cases.push(case),
            Err(sentence) => problem(sentence),
        }
    }
    cases
}

fn case(label: Label, judge: &Judge) -> Result<Case, String> {
    let name = format!("{}/{}", label.dataset, label.run);
    let found = read::run_of(&label.file, None)
        .ok_or_else(|| format!("{name} is of no known format; it is left out"))?;
    let read::Read { mut assessor, .. } = read::whole(&found, judge)
        .map_err(|error| format!("{name} cannot be read: {error}; it is left out"))?;
    assessor.conclude(true);
    let run = assessor.run();
    let steps = run
        .steps
        .iter()
        .zip(assessor.judged())
        .filter(|(step, _)| step.record.source == 0)
        .map(|(step, judged)| StepCase {
            record: step.record.index,
            agent: run.agent_name(step.agent).to_owned(),
            features: assessor.features(step.id),
            rules: assessor
                .findings()
                .iter()
                .filter(|f| f.step == step.id)
                .map(|f| (f.rule.id, f.rule.class))
                .collect(),
            judged: *judged,
        })
        .collect();
    let mut terms: Vec<(String, u16)> =
        assessor.terms().map(|(term, count)| (term.to_owned(), count)).collect();
    terms.sort_unstable();
    let (records, conducted) = (run.records, assessor.conducted());
    Ok(Case { log: log_digest(&label.file), label, steps, records, conducted, terms })
}

/// The digest of a log's bytes; of one that cannot be read, that of its name.
fn log_digest(file: &Path) -> u64 {
    let mut hasher = FxHasher::default();
    match std::fs::read(file) {
        Ok(bytes) => bytes.hash(&mut hasher),
        Err(_) => file.hash(&mut hasher),
    }
    hasher.finish()
}

/// The things of a list, each log once: where two datasets label one log, that which comes first. `of`
/// gives a thing's log and dataset.
pub fn each_log_once<'a, T: Copy>(
    things: impl IntoIterator<Item = T>,
    of: impl Fn(T) -> (u64, &'a str),
) -> Vec<T> {
    let mut labelled_by: FxHashMap<u64, &str> = FxHashMap::default();
    let mut kept = Vec::new();
    for thing in things {
        let (log, dataset) = of(thing);
        if *labelled_by.entry(log).or_insert(dataset) == dataset {
            kept.push(thing);
        }
    }
    kept
}

impl Case {
    /// Judges the case by a model.
    pub fn judge(&self, model: &Model, costs: &Costs) -> JudgedCase {
        let steps = self.judged(model.step_of(self.conducted.talk), costs);
        let lexical = model.lexical_of(self.conducted.shape).map(|lexical| lexical.logit(self.terms()));
        let conducted = Conducted { lexical, ..self.conducted };
        let found = self.found();
        let run = judge_run(model, costs, &conducted, &steps, &found);
        let scores = judge::scores(model, conducted.shape, run.p_fail, &steps, &found);
        JudgedCase { scores: scores.into_iter().map(Probability::get).collect(), steps, run, lexical }
    }

    /// The steps as a model of steps judges them.
    pub fn judged(&self, step: &Linear, costs: &Costs) -> Vec<Judged> {
        self.steps
            .iter()
            .map(|case| {
                let p = step.probability(&case.features).get();
                let cut = costs.cut(crate::score::Band::Triage);
                let p_wrong = if case.judged.against { p } else { p.min(cut * 0.95) };
                let weight = |rule: &str| step.weight(rule) * value(&case.features, rule);
                let class = case
                    .rules
                    .iter()
                    .filter(|(_, class)| *class != Class::Operational)
                    .max_by(|a, b| weight(a.0).total_cmp(&weight(b.0)))
                    .map(|(_, class)| *class);
                Judged { p_wrong, evidence: step.evidence(&case.features), class, ..case.judged }
            })
            .collect()
    }

    /// The terms of the agents' words with their counts.
    pub fn terms(&self) -> impl Iterator<Item = (&str, u16)> {
        self.terms.iter().map(|(term, count)| (term.as_str(), *count))
    }

    /// The features of the run, its steps judged, with the lexical logit if one is known.
    pub fn run_features(&self, steps: &[Judged], lexical: Option<f64>) -> Vec<Feature> {
        features::of_run(&judge::totals(steps), &self.conducted.course, lexical)
    }

    /// What the rules found, for ranking the steps.
    pub fn found(&self) -> Vec<Found> {
        let steps = self.steps.iter().enumerate();
        steps
            .flat_map(|(step, case)| {
                let rules = case.features.iter().filter(|(name, _)| !name.starts_with("context."));
                rules.map(move |(rule, strength)| Found { step, rule, strength: *strength })
            })
            .collect()
    }

    /// The run as a choice among its steps, if one of them is labelled: the manner's features, then
    /// those of `rules`.
    pub fn choice(&self, steps: &[Judged], rules: &[&'static str]) -> Option<Choice> {
        let wanted = self.failed_position()?.index();
        let mut chosen = None;
        let mut kept = Vec::new();
        for (index, (row, case)) in rows(steps).into_iter().zip(&self.steps).enumerate() {
            let Some(row) = row else { continue };
            if index == wanted {
                chosen = Some(kept.len());
            }
            let found = rules.iter().map(|rule| value(&case.features, rule));
            kept.push(row.into_iter().chain(found).collect());
        }
        Some(Choice { rows: kept, chosen: chosen? })
    }

    /// The steps as examples, if the label says which of them are wrong: those of a failed run with a
    /// labelled step, and those of a run that succeeded. A run counts as much as any other, so that long
    /// ones do not rule.
    pub fn step_examples(&self) -> Vec<Example> {
        let labelled = self.label.failed_step.is_some() || self.label.success == Some(true);
        if !labelled || self.steps.is_empty() {
            return Vec::new();
        }
        if self.label.fault.is_some() {
            return self.fault_examples();
        }
        let weight = (20.0 / self.steps.len() as f64).min(1.0);
        self.steps
            .iter()
            .map(|step| Example {
                features: step.features.clone(),
                wrong: self.label.errors.contains(&step.record),
                weight,
            })
            .collect()
    }

    /// The case as it would be without one rule: what it found, and its feature, are gone.
    pub fn without(&self, rule: &str) -> Self {
        let mut case = self.clone();
        for step in &mut case.steps {
            if step.rules.iter().any(|(id, _)| *id == rule) {
                step.rules.retain(|(id, _)| *id != rule);
                step.features.retain(|(name, _)| *name != rule);
                step.judged.against = step.rules.iter().any(|(_, class)| *class != Class::Operational);
            }
        }
        case
    }

    /// What a fault that was put into the run teaches: what fires near it points at an error. The rest of
    /// the copy is its twin's, and steps near the fault with nothing against them teach nothing.
    fn fault_examples(&self) -> Vec<Example> {
        let Some(at) = self.failed_position() else { return Vec::new() };
        let near = self.steps.iter().enumerate().filter(|(i, _)| i.abs_diff(at.index()) <= NEAR_A_FAULT);
        let found: Vec<&StepCase> =
            near.map(|(_, step)| step).filter(|step| !step.rules.is_empty()).collect();
        let weight = FAULT_WEIGHT / found.len().max(1) as f64;
        found
            .into_iter()
            .map(|step| Example { features: step.features.clone(), wrong: true, weight })
            .collect()
    }

    /// The position among the steps of the labelled first error: the step whose record it is, or whose
    /// outcome, which is the last step that began before it.
    pub fn failed_position(&self) -> Option<StepId> {
        let record = self.label.failed_step?;
        let at = self.steps.iter().rposition(|step| step.record <= record).unwrap_or(0);
        (!self.steps.is_empty()).then_some(StepId(at as u32))
    }
}

fn value(features: &[Feature], name: &str) -> f64 {
    features.iter().find(|(known, _)| *known == name).map_or(0.0, |(_, value)| *value)
}
