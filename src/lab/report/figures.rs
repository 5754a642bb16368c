//! The figures: one table of what is measured, in what unit, and beside which baselines.

use std::collections::{BTreeMap, BTreeSet};

use serde::ser::{Serialize, SerializeMap, SerializeStruct, Serializer};

use super::baselines::BASELINES;
use super::row::Row;
use crate::lab::cases::each_log_once;
use crate::score::measure::{Scored, Share, auroc, average_precision, bootstrap, brier, calibration_error};

/// Resamplings of the bootstrap, as many as the corpus's own scorer makes.
const ROUNDS: usize = 500;

/// Which way a figure is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// The higher.
    Higher,
    /// The lower.
    Lower,
}

/// A figure's unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A share of cases.
    Share,
    /// A number between 0 and 1 that is not a share of cases.
    Number,
    /// A count on a thousand steps.
    PerThousand,
}

/// A figure that can be measured.
#[derive(Debug)]
pub struct FigureKind {
    /// Its name in JSON and in floors. Stable.
    pub key: &'static str,
    /// Its name in the table.
    pub title: &'static str,
    /// Which way it is better.
    pub better: Better,
    /// Its unit.
    pub unit: Unit,
    /// The baselines beside it.
    pub baselines: &'static [&'static str],
    /// Whether being no better than the best of them is a verdict: not where always firing, or never,
    /// wins without worth.
    pub contest: bool,
    /// On how many things of a row it rests; a row with none is left out.
    cases: fn(&Row) -> usize,
    /// The figure, from the rows that are not left out.
    value: fn(&[&Row]) -> Option<f64>,
}

const STEP: &[&str] = &["first_step", "last_step", "fixed_position", "speaks_most"];
const AGENT: &[&str] = &["first_step", "last_step", "fixed_position", "speaks_most", "blamed_most"];
const RUN: &[&str] = &["run_length", "base_rate"];
const FIRE: &[&str] = &["always_fire", "never_fire"];

macro_rules! figure {
    ($key:literal, $title:literal, $better:ident, $unit:ident, $baselines:expr, $contest:literal, $cases:expr, $value:expr) => {
        FigureKind {
            key: $key,
            title: $title,
            better: Better::$better,
            unit: Unit::$unit,
            baselines: $baselines,
            contest: $contest,
            cases: $cases,
            value: $value,
        }
    };
}

/// All figures, in the order of the table.
#[rustfmt::skip]
pub const FIGURES: &[FigureKind] = &[
    figure!("step_top1", "step top-1", Higher, Share, STEP, true,
        |r| one(r.step.is_some()), |rows| mean(rows, |r| Some(share_of(r.step?.first)))),
    figure!("step_top3", "step top-3", Higher, Share, STEP, true,
        |r| one(r.step.is_some()), |rows| mean(rows, |r| Some(share_of(r.step?.three)))),
    figure!("step_within3", "step within ±3", Higher, Share, STEP, true,
        |r| one(r.step.is_some()), |rows| mean(rows, |r| Some(share_of(r.step?.near)))),
    figure!("agent", "agent", Higher, Share, AGENT, true,
        |r| one(r.agent.is_some()), |rows| mean(rows, |r| r.agent.map(share_of))),
    figure!("class", "class", Higher, Share, &["usual_class"], true,
        |r| one(r.class.is_some()), |rows| mean(rows, |r| r.class.map(|(truth, said)| share_of(said == Some(truth))))),
    figure!("class_macro_f1", "class macro-F1", Higher, Number, &["usual_class"], true,
        |r| one(r.class.is_some()), macro_f1),
    figure!("set_coverage", "set holds the step", Higher, Share, &["position_set"], false,
        |r| one(r.set.is_some()), |rows| mean(rows, |r| r.set.map(|(holds, _)| share_of(holds)))),
    figure!("set_width_mean", "set width, mean (of the run)", Lower, Number, &["position_set"], true,
        |r| one(r.set.is_some()), |rows| mean(rows, |r| r.set.map(|(_, width)| width))),
    figure!("set_width_median", "set width, median", Lower, Number, &["position_set"], true,
        |r| one(r.set.is_some()), |rows| median(rows.iter().filter_map(|r| r.set.map(|(_, width)| width)))),
    figure!("run_auroc", "run AUROC", Higher, Number, RUN, true,
        |r| one(r.run.is_some()), |rows| auroc(&runs(rows))),
    figure!("words_auroc", "run AUROC, words alone", Higher, Number, &[], false,
        |r| one(r.words.is_some()), |rows| auroc(&rows.iter().filter_map(|r| r.words).collect::<Vec<_>>())),
    figure!("run_auprc", "run AUPRC", Higher, Number, RUN, true,
        |r| one(r.run.is_some()), |rows| average_precision(&runs(rows))),
    figure!("run_brier", "run Brier", Lower, Number, &["base_rate"], true,
        |r| one(r.run.is_some()), |rows| some_of(&runs(rows), brier)),
    figure!("run_ece", "run ECE", Lower, Number, &[], false,
        |r| one(r.run.is_some()), |rows| some_of(&runs(rows), calibration_error)),
    figure!("run_precision_alarm", "run precision, alarm cut", Higher, Share, &["always_fire"], true,
        |r| one(r.run.is_some() && r.bands[0].run), |rows| mean(rows, |r| r.run.map(|(_, y)| share_of(y)))),
    figure!("run_recall_alarm", "run recall, alarm cut", Higher, Share, FIRE, false,
        |r| one(r.run.is_some_and(|(_, failed)| failed)), |rows| mean(rows, |r| Some(share_of(r.bands[0].run)))),
    figure!("run_precision_triage", "run precision, triage cut", Higher, Share, &["always_fire"], true,
        |r| one(r.run.is_some() && r.bands[1].run), |rows| mean(rows, |r| r.run.map(|(_, y)| share_of(y)))),
    figure!("run_recall_triage", "run recall, triage cut", Higher, Share, FIRE, false,
        |r| one(r.run.is_some_and(|(_, failed)| failed)), |rows| mean(rows, |r| Some(share_of(r.bands[1].run)))),
    figure!("step_brier", "step Brier", Lower, Number, &["base_rate"], true,
        |r| r.steps.len(), |rows| some_of(&steps(rows), brier)),
    figure!("step_ece", "step ECE", Lower, Number, &[], false,
        |r| r.steps.len(), |rows| some_of(&steps(rows), calibration_error)),
    figure!("step_precision_alarm", "step precision, alarm", Higher, Share, &["always_fire"], true,
        |r| r.bands[0].fired, |rows| ratio(rows, |r| r.bands[0].hits, |r| r.bands[0].fired)),
    figure!("step_recall_alarm", "step recall, alarm", Higher, Share, FIRE, false,
        Row::wrong_steps, |rows| ratio(rows, |r| r.bands[0].hits, Row::wrong_steps)),
    figure!("step_precision_triage", "step precision, triage up", Higher, Share, &["always_fire"], true,
        |r| r.bands[1].fired, |rows| ratio(rows, |r| r.bands[1].hits, |r| r.bands[1].fired)),
    figure!("step_recall_triage", "step recall, triage up", Higher, Share, FIRE, false,
        Row::wrong_steps, |rows| ratio(rows, |r| r.bands[1].hits, Row::wrong_steps)),
    figure!("false_alarms_per_1000", "false alarms per 1,000 steps", Lower, PerThousand, FIRE, false,
        |r| if r.good { r.steps.len() } else { 0 },
        |rows| ratio(rows, |r| r.bands[0].fired, |r| r.steps.len()).map(|share| share * 1000.0)),
    figure!("good_runs_with_alarm", "good runs with an alarm", Lower, Share, FIRE, false,
        |r| one(r.good), |rows| mean(rows, |r| Some(share_of(r.bands[0].fired > 0)))),
];

impl FigureKind {
    /// Whether it says nothing where no step is labelled wrong.
    pub fn of_steps(&self) -> bool {
        self.key.starts_with("step_")
    }
}

/// The figure of a name.
pub fn kind(key: &str) -> Option<&'static FigureKind> {
    FIGURES.iter().find(|kind| kind.key == key)
}

fn one(counts: bool) -> usize {
    usize::from(counts)
}

fn share_of(hit: bool) -> f64 {
    f64::from(u8::from(hit))
}

fn mean(rows: &[&Row], value: impl Fn(&Row) -> Option<f64>) -> Option<f64> {
    let values: Vec<f64> = rows.iter().filter_map(|row| value(row)).collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

fn ratio(rows: &[&Row], hits: impl Fn(&Row) -> usize, of: impl Fn(&Row) -> usize) -> Option<f64> {
    let total: usize = rows.iter().map(|row| of(row)).sum();
    (total > 0).then(|| rows.iter().map(|row| hits(row)).sum::<usize>() as f64 / total as f64)
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let at = |index: usize| values.get(index).copied();
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { at(middle) } else { Some((at(middle.checked_sub(1)?)? + at(middle)?) / 2.0) }
}

fn runs(rows: &[&Row]) -> Vec<Scored> {
    rows.iter().filter_map(|row| row.run).collect()
}

fn steps(rows: &[&Row]) -> Vec<Scored> {
    rows.iter().flat_map(|row| row.steps.iter().copied()).collect()
}

fn some_of(cases: &[Scored], statistic: fn(&[Scored]) -> f64) -> Option<f64> {
    (!cases.is_empty()).then(|| statistic(cases))
}

/// The mean over the labelled classes of F1; 0 for one that is never named rightly.
fn macro_f1(rows: &[&Row]) -> Option<f64> {
    let named: Vec<_> = rows.iter().filter_map(|row| row.class).collect();
    let classes: BTreeSet<_> = named.iter().map(|(truth, _)| *truth).collect();
    let f1 = |class| {
        let count = |wanted: (bool, bool)| {
            named.iter().filter(|(truth, said)| (*truth == class, *said == Some(class)) == wanted).count()
                as f64
        };
        let (hit, extra, missed) = (count((true, true)), count((false, true)), count((true, false)));
        if hit == 0.0 { 0.0 } else { 2.0 * hit / (2.0 * hit + extra + missed) }
    };
    let sum: f64 = classes.iter().map(|class| f1(*class)).sum();
    (!classes.is_empty()).then(|| sum / classes.len() as f64)
}

/// A figure as measured, with its 95 % interval and the same figure of baselines.
#[derive(Clone, Debug)]
pub struct Figure {
    /// What it is.
    pub kind: &'static FigureKind,
    /// The figure.
    pub value: f64,
    /// Its interval, by bootstrap over tasks; `None` where too few resamplings give the figure.
    pub interval: Option<(f64, f64)>,
    /// On how many things it rests.
    pub cases: usize,
    /// The same figure of baselines, by name and title.
    pub baselines: Vec<(&'static str, &'static str, f64)>,
}

impl Figure {
    /// Measures a figure on rows; `said_by` gives the rows of a baseline, in the same order.
    pub fn measure<'r>(
        kind: &'static FigureKind,
        rows: &[&'r Row],
        said_by: impl Fn(&str) -> Vec<&'r Row>,
    ) -> Option<Self> {
        let rows = counted(kind, rows);
        let value = (kind.value)(&rows)?;
        let mut tasks: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, row) in rows.iter().enumerate() {
            tasks.entry(&row.task).or_default().push(index);
        }
        let groups: Vec<Vec<usize>> = tasks.into_values().collect();
        let cases = rows.iter().map(|row| (kind.cases)(row)).sum();
        let interval = match (kind.unit, value) {
            // Where every case is a hit, or none is, the bootstrap sees no spread: Wilson's interval does,
            // with tasks as the cases that are independent.
            (Unit::Share, 0.0 | 1.0) => {
                let of = groups.len();
                Some(Share { hits: if value > 0.0 { of } else { 0 }, of }.interval())
            }
            _ => bootstrap(&groups, ROUNDS, |drawn| {
                let drawn: Vec<&Row> = drawn.iter().filter_map(|i| rows.get(*i).copied()).collect();
                (kind.value)(&drawn)
            }),
        };
        let baselines = BASELINES
            .iter()
            .filter(|baseline| kind.baselines.contains(&baseline.key))
            .filter_map(|baseline| {
                let value = (kind.value)(&counted(kind, &said_by(baseline.key)))?;
                Some((baseline.key, baseline.title, value))
            })
            .collect();
        Some(Self { kind, value, interval, cases, baselines })
    }

    /// The best of its baselines; of a figure that is no contest, the first.
    pub fn best_baseline(&self) -> Option<(&'static str, &'static str, f64)> {
        if !self.kind.contest {
            return self.baselines.first().copied();
        }
        let mut all: Vec<_> = self.baselines.clone();
        all.sort_by(|a, b| match self.kind.better {
            Better::Higher => b.2.total_cmp(&a.2),
            Better::Lower => a.2.total_cmp(&b.2),
        });
        all.first().copied()
    }

    /// Whether it is better than its best baseline by more than its interval; `None`: no contest.
    pub fn beats_baselines(&self) -> Option<bool> {
        let (.., best) = self.best_baseline().filter(|_| self.kind.contest)?;
        Some(match (self.kind.better, self.interval) {
            (Better::Higher, Some((low, _))) => low > best,
            (Better::Lower, Some((_, high))) => high < best,
            (_, None) => false,
        })
    }
}

/// The rows that a figure rests on, each log once: where two datasets label one log, that of the rows
/// that come first.
fn counted<'r>(kind: &FigureKind, rows: &[&'r Row]) -> Vec<&'r Row> {
    let counting = rows.iter().copied().filter(|row| (kind.cases)(row) > 0);
    each_log_once(counting, |row| (row.log, &row.dataset))
}

/// A figure by its name, without interval and baselines.
pub(super) fn value_of(key: &str, rows: &[&Row]) -> Option<f64> {
    let kind = kind(key)?;
    (kind.value)(&counted(kind, rows))
}

/// The rows that a figure of a name rests on.
pub(super) fn counted_by<'r>(key: &str, rows: &[&'r Row]) -> Vec<&'r Row> {
    kind(key).map(|kind| counted(kind, rows)).unwrap_or_default()
}

impl Serialize for Figure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Figure", 7)?;
        out.serialize_field("value", &self.value)?;
        out.serialize_field("interval", &self.interval)?;
        out.serialize_field("cases", &self.cases)?;
        out.serialize_field("better", if self.kind.better == Better::Higher { "higher" } else { "lower" })?;
        let baselines: BTreeMap<&str, f64> = self.baselines.iter().map(|(key, _, v)| (*key, *v)).collect();
        out.serialize_field("baselines", &baselines)?;
        out.serialize_field("best_baseline", &self.best_baseline().map(|(key, ..)| key))?;
        out.serialize_field("beats_baselines", &self.beats_baselines())?;
        out.end()
    }
}

/// Figures as one object, by name.
pub fn by_key<S: Serializer>(figures: &[Figure], serializer: S) -> Result<S::Ok, S::Error> {
    let mut out = serializer.serialize_map(Some(figures.len()))?;
    for figure in figures {
        out.serialize_entry(figure.kind.key, figure)?;
    }
    out.end()
}
