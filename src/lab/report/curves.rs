//! Reliability diagrams and precision-recall curves, as numbers.

use serde::Serialize;

use super::row::Row;
use crate::score::measure::{Scored, Share};

/// A curve over runs, and the same over steps.
#[derive(Clone, Debug, Serialize)]
pub struct Curves<T> {
    /// P(failed) of runs.
    pub runs: Vec<T>,
    /// P(wrong) of steps.
    pub steps: Vec<T>,
}

impl<T> Default for Curves<T> {
    fn default() -> Self {
        Self { runs: Vec::new(), steps: Vec::new() }
    }
}

/// A bin of a reliability diagram that is not empty.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bin {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
    /// Cases in it.
    pub cases: usize,
    /// The mean probability that was given.
    pub said: f64,
    /// The share of cases that came true.
    pub happened: f64,
    /// Wilson's interval of `happened`.
    pub interval: (f64, f64),
}

/// A point of a precision-recall curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Point {
    /// All cases at or above it are taken as positive.
    pub threshold: f64,
    /// The share of the positives among them, of all positives.
    pub recall: f64,
    /// The share of positives among them.
    pub precision: f64,
}

/// The curves of rows; each log once, as for figures.
pub(super) fn curves(rows: &[&Row]) -> (Curves<Bin>, Curves<Point>) {
    let runs: Vec<Scored> =
        super::figures::counted_by("run_brier", rows).iter().filter_map(|row| row.run).collect();
    let steps: Vec<Scored> = super::figures::counted_by("step_brier", rows)
        .iter()
        .flat_map(|row| row.steps.iter().copied())
        .collect();
    (
        Curves { runs: reliability(&runs), steps: reliability(&steps) },
        Curves { runs: precision_recall(&runs), steps: precision_recall(&steps) },
    )
}

/// The bins of tenths that hold something.
pub fn reliability(cases: &[Scored]) -> Vec<Bin> {
    (0..10)
        .filter_map(|index| {
            let within = || cases.iter().filter(|(p, _)| ((p * 10.0) as usize).min(9) == index);
            let share = Share { hits: within().filter(|(_, y)| *y).count(), of: within().count() };
            (share.of > 0).then(|| Bin {
                low: index as f64 / 10.0,
                high: (index + 1) as f64 / 10.0,
                cases: share.of,
                said: within().map(|(p, _)| p).sum::<f64>() / share.of as f64,
                happened: share.value(),
                interval: share.interval(),
            })
        })
        .collect()
}

/// The curve, from the highest threshold down, at each threshold that takes in a positive; tied scores
/// are one point. Empty without positives.
pub fn precision_recall(cases: &[Scored]) -> Vec<Point> {
    let positives = cases.iter().filter(|(_, y)| *y).count() as f64;
    if positives == 0.0 {
        return Vec::new();
    }
    let mut sorted = cases.to_vec();
    sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut hits, mut seen) = (0.0, 0.0);
    sorted
        .chunk_by(|a, b| a.0 == b.0)
        .filter_map(|tied| {
            let new = tied.iter().filter(|(_, y)| *y).count() as f64;
            hits += new;
            seen += tied.len() as f64;
            let threshold = tied.first()?.0;
            (new > 0.0).then(|| Point { threshold, recall: hits / positives, precision: hits / seen })
        })
        .collect()
}
