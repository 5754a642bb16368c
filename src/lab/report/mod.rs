//! The report of a measurement: figures with intervals beside trivial baselines, by dataset and in all,
//! and what each rule adds.
//!
//! Conventions are those of the corpus's own scorer: the labelled step is hit when its record is named;
//! ties in score go to the earlier step; a run with nothing named counts as wrong; run figures need
//! a dataset with failed and successful runs. Intervals are percentile bootstraps over tasks, 95 %. A
//! log that two datasets label is counted once in `all`, by the labels of the larger dataset.
//!
//! `medbay eval --json` is one object. Its fields are stable: they may be added to, never changed.
//!
//! - `judged_by`: text; `internal_signals`, `experimental_rules`: whether each was on.
//! - `datasets`: a list of `{dataset, runs, tasks, steps, figures, reliability, precision_recall}`, the
//!   last of them `all` where there are several.
//!   - `figures`: by name (the keys of [`FIGURES`]) `{value, interval: [low, high] or null, cases, better:
//!     "higher" or "lower", baselines: {name: value}, best_baseline, beats_baselines: true, false or
//!     null}`. `beats_baselines` asks for more than the interval; null: no contest.
//!   - `reliability`: `{runs, steps}`, each a list of bins `{low, high, cases, said, happened, interval}`.
//!   - `precision_recall`: `{runs, steps}`, each a list of `{threshold, recall, precision}`.
//! - `rules`: a list, see [`RuleMeasured`].
//! - `misses`: names of failed runs in which nothing was found.
//! - `floors`: with `--floors`, a list of `{dataset, figure, at_least, at_most, set, measured, met}`; else
//!   null.
//! - `other_setting`: `{internal_signals, datasets}` as measured with internal signals the other way
//!   round; null where that was not asked for.

pub mod baselines;
pub mod curves;
pub mod figures;
pub mod row;
mod rules;
mod table;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::cases::{Case, JudgedCase, each_log_once};
use super::crossvalidate::success_in_a_mixed_dataset;
use crate::score::Costs;
use baselines::{BASELINES, Peers, Prediction};
use curves::{Curves, curves};
pub use figures::{Better, FIGURES, Figure, FigureKind, Unit, kind};
use row::Row;
pub use rules::{Lost, RuleMeasured, Variants, add_losses, judged_with_variants, measure_rules};
pub use table::{compared, table, unfound};

/// The name under which all datasets are measured together.
pub const ALL: &str = "all";

/// What was measured on one dataset, or on all.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Measured {
    /// The dataset's name.
    pub dataset: String,
    /// Runs in it; in all, each log once.
    pub runs: usize,
    /// Tasks that they are of.
    pub tasks: usize,
    /// Steps in them.
    pub steps: usize,
    /// Figures, in the order of the table.
    #[serde(serialize_with = "figures::by_key")]
    pub figures: Vec<Figure>,
    /// How P(failed) and P(wrong) agree with what happened.
    pub reliability: Curves<curves::Bin>,
    /// Precision at each recall.
    pub precision_recall: Curves<curves::Point>,
}

impl Measured {
    /// A figure by its name.
    pub fn figure(&self, key: &str) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.kind.key == key)
    }
}

/// Measures each dataset and all together.
pub fn measure(cases: &[Case], judged: &[JudgedCase], costs: &Costs) -> Vec<Measured> {
    let every: Vec<&Case> = cases.iter().collect();
    let mut datasets: BTreeMap<&str, Vec<(&Case, &JudgedCase)>> = BTreeMap::new();
    for (case, judged) in cases.iter().zip(judged) {
        datasets.entry(&case.label.dataset).or_default().push((case, judged));
    }
    let mut parts: Vec<Part> =
        datasets.into_iter().map(|(name, runs)| Part::of(name, &runs, &every, costs)).collect();
    let mut measured: Vec<Measured> = parts.iter().map(Part::measure).collect();
    if parts.len() > 1 {
        // The larger first: of a log that two datasets label, its label counts.
        parts.sort_by_key(|part| std::cmp::Reverse(part.rows.len()));
        measured.push(Part::all(parts).measure());
    }
    measured
}

/// The rows of one dataset, or of all: medbay's, and those of each baseline.
struct Part {
    dataset: String,
    /// The steps of each run.
    steps: Vec<usize>,
    rows: Vec<Row>,
    of_baselines: BTreeMap<&'static str, Vec<Row>>,
}

impl Part {
    fn of(name: &str, runs: &[(&Case, &JudgedCase)], every: &[&Case], costs: &Costs) -> Self {
        let dataset: Vec<&Case> = runs.iter().map(|(case, _)| *case).collect();
        let mut part = Self {
            dataset: name.to_owned(),
            steps: dataset.iter().map(|case| case.steps.len()).collect(),
            rows: Vec::new(),
            of_baselines: BTreeMap::new(),
        };
        for (case, judged) in runs {
            let failed = success_in_a_mixed_dataset(case, every).map(|success| !success);
            let peers = Peers::of(case, &dataset);
            part.rows.push(Row::new(case, &Prediction::of(case, judged, costs), failed));
            for baseline in BASELINES {
                let row = Row::new(case, &baseline.says(case, &peers), failed);
                part.of_baselines.entry(baseline.key).or_default().push(row);
            }
        }
        part
    }

    fn all(parts: Vec<Self>) -> Self {
        let mut all = Self {
            dataset: ALL.to_owned(),
            steps: Vec::new(),
            rows: Vec::new(),
            of_baselines: BTreeMap::new(),
        };
        for part in parts {
            all.steps.extend(part.steps);
            all.rows.extend(part.rows);
            for (key, rows) in part.of_baselines {
                all.of_baselines.entry(key).or_default().extend(rows);
            }
        }
        all
    }

    fn measure(&self) -> Measured {
        let rows: Vec<&Row> = self.rows.iter().collect();
        let said_by =
            |key: &str| self.of_baselines.get(key).map(|rows| rows.iter().collect()).unwrap_or_default();
        let steps_are_labelled = rows.iter().any(|row| row.wrong_steps() > 0);
        let tasks: BTreeSet<&str> = rows.iter().map(|row| row.task.as_str()).collect();
        let (reliability, precision_recall) = curves(&rows);
        let lengths = each_log_once(rows.iter().zip(&self.steps), |(row, _)| (row.log, &row.dataset));
        Measured {
            dataset: self.dataset.clone(),
            runs: lengths.len(),
            tasks: tasks.len(),
            steps: lengths.iter().map(|(_, steps)| **steps).sum(),
            figures: FIGURES
                .iter()
                .filter(|kind| steps_are_labelled || !kind.of_steps())
                .filter_map(|kind| Figure::measure(kind, &rows, said_by))
                .collect(),
            reliability,
            precision_recall,
        }
    }
}

/// Names of failed runs in which no step has anything against it.
pub fn misses(cases: &[Case]) -> Vec<String> {
    cases
        .iter()
        .filter(|c| c.label.success == Some(false) && !c.steps.iter().any(|s| s.judged.against))
        .map(|c| crate::text::excerpt(&c.label.run, 40))
        .collect()
}

#[cfg(test)]
mod tests;
