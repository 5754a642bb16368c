//! Spread: the middle of the latest values of one sort and how far others lie from it, whatever single
//! values do. Values are kept as logarithms, since times and tokens are spread over powers of ten.
//!
//! The modified z-score of Iglewicz and Hoaglin (How to Detect and Handle Outliers, 1993, section 3.3):
//! 0.6745 (x − median) / MAD.

use std::collections::VecDeque;

/// The most values kept of one sort.
const KEPT: usize = 64;
/// Values that must be known before one can lie out.
const ENOUGH: usize = 8;
/// The least deviation that counts as usual, as a logarithm: a fifth more or less.
const LEAST: f64 = 0.2;

/// The latest values of one sort.
#[derive(Clone, Debug, Default)]
pub(super) struct Spread {
    latest: VecDeque<f64>,
    /// The same in their order.
    sorted: Vec<f64>,
}

impl Spread {
    /// Takes a value in.
    pub(super) fn add(&mut self, value: u64) {
        let value = log(value);
        if self.latest.len() >= KEPT
            && let Some(oldest) = self.latest.pop_front()
        {
            let at = self.sorted.partition_point(|other| *other < oldest);
            self.sorted.remove(at.min(self.sorted.len().saturating_sub(1)));
        }
        self.latest.push_back(value);
        let at = self.sorted.partition_point(|other| *other < value);
        self.sorted.insert(at, value);
    }

    /// How many values are known.
    pub(super) fn len(&self) -> usize {
        self.sorted.len()
    }

    /// The middle value; `None` where there is none.
    pub(super) fn median(&self) -> Option<u64> {
        Some(exp(middle(&self.sorted)?))
    }

    /// The value that at most one of a hundred exceeds (nearest rank); `None` where there is none.
    pub(super) fn p99(&self) -> Option<u64> {
        let rank = (self.sorted.len() * 99).div_ceil(100);
        self.sorted.get(rank.checked_sub(1)?).copied().map(exp)
    }

    /// How far a value lies above the middle; `None` where too few are known.
    pub(super) fn z(&self, value: u64) -> Option<f64> {
        if self.sorted.len() < ENOUGH {
            return None;
        }
        let median = middle(&self.sorted)?;
        let mut away: Vec<f64> = self.sorted.iter().map(|other| (other - median).abs()).collect();
        away.sort_unstable_by(f64::total_cmp);
        Some(0.6745 * (log(value) - median) / middle(&away)?.max(LEAST))
    }
}

fn middle(sorted: &[f64]) -> Option<f64> {
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = *sorted.get(sorted.len().saturating_sub(1) / 2)?;
    Some(f64::midpoint(lower, upper))
}

#[allow(clippy::cast_precision_loss, reason = "a measure of times and tokens")]
fn log(value: u64) -> f64 {
    (value as f64).ln_1p()
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "made by log")]
fn exp(value: f64) -> u64 {
    value.exp_m1().round().max(0.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: impl IntoIterator<Item = u64>) -> Spread {
        let mut spread = Spread::default();
        values.into_iter().for_each(|value| spread.add(value));
        spread
    }

    #[test]
    fn the_middle_and_the_end_are_those_of_the_latest_values() {
        let spread = of([5, 1, 3]);
        assert_eq!((spread.median(), spread.p99(), spread.len()), (Some(3), Some(5), 3));
        let spread = of((0..100).map(|_| 1_000_000).chain((0..64).map(|n| 100 + n % 3)));
        assert_eq!((spread.median(), spread.p99(), spread.len()), (Some(101), Some(102), 64));
        assert_eq!((of([]).median(), of([]).p99()), (None, None));
    }

    #[test]
    fn one_value_far_out_does_not_hide_the_next() {
        let mut spread = of([100, 110, 95, 105, 100, 98, 102, 99]);
        assert!(spread.z(2000).unwrap() > 6.0);
        spread.add(2000);
        assert!(spread.z(2000).unwrap() > 6.0);
        assert!(spread.z(150).unwrap() < 3.5);
        assert_eq!(of([1; 7]).z(1000), None);
    }
}
