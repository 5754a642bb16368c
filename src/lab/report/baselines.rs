//! Predictions: medbay's own, and those of predictors that know nothing of what a run holds. What a
//! baseline must learn it learns from the runs of other tasks in the same dataset, as medbay does; only
//! the base rate is taken from the very runs that are measured, which favours the baseline.

use std::collections::BTreeMap;

use super::row::{DEPTH, agent_at};
use crate::detect::Class;
use crate::lab::cases::{Case, JudgedCase};
use crate::score::{Band, Costs};

/// What a predictor says of one run.
#[derive(Clone, Debug, Default)]
pub struct Prediction {
    /// The records that it points at, the likeliest wrong first.
    pub top: Vec<u32>,
    /// The agent that it names; `None`: that of the first record.
    pub agent: Option<String>,
    /// The class that it names.
    pub class: Option<Class>,
    /// P(the run failed), or another score that rises with it.
    pub failed: Option<f64>,
    /// What a lexical model alone says of it, on any scale that rises with it.
    pub words: Option<f64>,
    /// The positions of the set's first and last step; `None`: the whole run.
    pub set: Option<(usize, usize)>,
    /// P(wrong) of each step; empty: it says nothing of steps.
    pub p_wrong: Vec<f64>,
    /// Whether each step is in alarm; in alarm or triage.
    pub bands: [Vec<bool>; 2],
    /// The least P(failed) of each band.
    pub cuts: [f64; 2],
}

impl Prediction {
    /// What medbay said.
    pub fn of(case: &Case, judged: &JudgedCase, costs: &Costs) -> Self {
        let mut order: Vec<usize> = (0..judged.scores.len()).collect();
        let score = |i: usize| judged.scores.get(i).copied().unwrap_or(0.0);
        order.sort_by(|a, b| score(*b).total_cmp(&score(*a)).then(a.cmp(b)));
        let first_class = order.first().and_then(|i| judged.steps.get(*i)).and_then(|s| s.class);
        let cuts = [costs.cut(Band::Alarm), costs.cut(Band::Triage)];
        Self {
            top: order.iter().take(DEPTH).filter_map(|i| case.steps.get(*i)).map(|s| s.record).collect(),
            agent: None,
            class: judged.run.class.or(first_class),
            failed: Some(judged.run.p_fail.get()),
            words: judged.lexical,
            set: judged.run.set90.map(|(a, b)| (a.index(), b.index())),
            p_wrong: judged.steps.iter().map(|s| s.p_wrong).collect(),
            bands: cuts.map(|cut| judged.steps.iter().map(|s| s.against && s.p_wrong >= cut).collect()),
            cuts,
        }
    }

    fn pointing_at(top: Vec<u32>) -> Self {
        Self { top, ..Self::default() }
    }

    fn always(case: &Case, fire: bool) -> Self {
        Self {
            failed: Some(f64::from(u8::from(fire))),
            bands: [vec![fire; case.steps.len()], vec![fire; case.steps.len()]],
            cuts: [0.5, 0.5],
            ..Self::default()
        }
    }
}

/// A predictor that knows nothing of what a run holds.
pub struct Baseline {
    /// Its name in JSON.
    pub key: &'static str,
    /// Its name in the table.
    pub title: &'static str,
    says: fn(&Case, &Peers<'_>) -> Prediction,
}

/// The other runs of a dataset.
pub struct Peers<'a> {
    /// Those of other tasks: what a baseline may learn from.
    others: Vec<&'a Case>,
    /// The share of failed runs in the dataset.
    failed_share: f64,
    /// The share of steps that are labelled wrong in it.
    wrong_share: f64,
}

impl<'a> Peers<'a> {
    /// The peers of a case in its dataset.
    pub fn of(case: &Case, dataset: &[&'a Case]) -> Self {
        let share = |hits: usize, of: usize| hits as f64 / of.max(1) as f64;
        let known: Vec<bool> = dataset.iter().filter_map(|c| c.label.success).collect();
        let labelled =
            || dataset.iter().filter(|c| c.label.failed_step.is_some() || c.label.success == Some(true));
        let wrong = labelled().flat_map(|c| c.steps.iter().map(|s| c.label.errors.contains(&s.record)));
        Self {
            others: dataset.iter().copied().filter(|c| c.label.task != case.label.task).collect(),
            failed_share: share(known.iter().filter(|ok| !**ok).count(), known.len()),
            wrong_share: share(wrong.clone().filter(|wrong| *wrong).count(), wrong.count()),
        }
    }
}

/// All baselines.
pub const BASELINES: &[Baseline] = &[
    Baseline {
        key: "first_step",
        title: "first step",
        says: |case, _| Prediction::pointing_at(case.steps.iter().take(DEPTH).map(|s| s.record).collect()),
    },
    Baseline {
        key: "last_step",
        title: "last step",
        says: |case, _| {
            Prediction::pointing_at(case.steps.iter().rev().take(DEPTH).map(|s| s.record).collect())
        },
    },
    Baseline {
        key: "fixed_position",
        title: "fixed position",
        says: |case, peers| {
            let wanted = peers.others.iter().filter_map(|c| c.label.failed_step);
            Prediction::pointing_at(
                by_frequency(wanted).into_iter().filter(|at| *at < case.records).take(DEPTH).collect(),
            )
        },
    },
    Baseline {
        key: "speaks_most",
        title: "speaks most",
        says: |case, _| {
            let agents = case.steps.iter().filter_map(|s| agent_at(case, s.record));
            of_agent(case, by_frequency(agents).into_iter().next())
        },
    },
    Baseline {
        key: "blamed_most",
        title: "blamed most",
        says: |case, peers| {
            let blamed = peers.others.iter().filter_map(|c| c.label.failed_agent.clone());
            of_agent(case, by_frequency(blamed).into_iter().next())
        },
    },
    Baseline {
        key: "usual_class",
        title: "usual class",
        says: |_, peers| {
            let classes = peers.others.iter().filter(|c| c.label.failed_step.is_some());
            let class = by_frequency(classes.filter_map(|c| c.label.class)).into_iter().next();
            Prediction { class, ..Prediction::default() }
        },
    },
    Baseline {
        key: "run_length",
        title: "run length",
        says: |case, _| Prediction { failed: Some(case.steps.len() as f64), ..Prediction::default() },
    },
    Baseline {
        key: "base_rate",
        title: "base rate",
        says: |case, peers| Prediction {
            failed: Some(peers.failed_share),
            p_wrong: vec![peers.wrong_share; case.steps.len()],
            ..Prediction::default()
        },
    },
    Baseline {
        key: "position_set",
        title: "position alone",
        says: |case, peers| Prediction { set: position_set(case, peers), ..Prediction::default() },
    },
    Baseline { key: "always_fire", title: "always fire", says: |case, _| Prediction::always(case, true) },
    Baseline { key: "never_fire", title: "never fire", says: |case, _| Prediction::always(case, false) },
];

impl Baseline {
    /// What it says of a case.
    pub fn says(&self, case: &Case, peers: &Peers<'_>) -> Prediction {
        let said = (self.says)(case, peers);
        // P(wrong) need not be given for figures that only count steps in a band.
        let p_wrong =
            if said.p_wrong.is_empty() { vec![0.0; case.steps.len()] } else { said.p_wrong.clone() };
        Prediction { p_wrong, ..said }
    }
}

/// The values, the most frequent first, the smallest of equals first.
fn by_frequency<T: Ord>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut counts: BTreeMap<T, usize> = BTreeMap::new();
    for value in values {
        *counts.entry(value).or_default() += 1;
    }
    let mut all: Vec<(T, usize)> = counts.into_iter().collect();
    all.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    all.into_iter().map(|(value, _)| value).collect()
}

fn of_agent(case: &Case, agent: Option<String>) -> Prediction {
    let top = case.steps.iter().filter(|s| agent_at(case, s.record) == agent).take(DEPTH);
    Prediction { top: top.map(|s| s.record).collect(), agent, ..Prediction::default() }
}

/// Of how many parts the position baseline takes a run to be.
const PARTS: usize = 20;

/// The shortest stretch of the run, in twentieths, that holds the labelled step in 90 of 100 of the
/// other tasks' runs.
fn position_set(case: &Case, peers: &Peers<'_>) -> Option<(usize, usize)> {
    let part = |position: usize, steps: usize| (position * PARTS / steps.max(1)).min(PARTS - 1);
    let parts: Vec<usize> =
        peers.others.iter().filter_map(|c| Some(part(c.failed_position()?.index(), c.steps.len()))).collect();
    let wanted = ((parts.len() as f64 + 1.0) * 0.9).ceil() as usize;
    let holds = |(from, to): (usize, usize)| parts.iter().filter(|p| (from..=to).contains(*p)).count();
    let stretches = (0..PARTS).flat_map(|from| (from..PARTS).map(move |to| (from, to)));
    let (from, to) = stretches.filter(|s| holds(*s) >= wanted).min_by_key(|(from, to)| (to - from, *from))?;
    let steps = case.steps.len();
    Some((from * steps / PARTS, ((to + 1) * steps).div_ceil(PARTS).saturating_sub(1)))
}
