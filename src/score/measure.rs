//! Measures of a prediction against labels, with their intervals.
//!
//! AUROC by Mann and Whitney with ties counted one half; average precision with tied scores as one
//! block; expected calibration error over ten bins of equal width; Wilson's interval for shares;
//! percentile bootstrap over groups for the rest.

/// A share with Wilson's 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    /// Hits.
    pub hits: usize,
    /// Of how many.
    pub of: usize,
}

impl Share {
    /// The share itself; 0 of nothing is 0.
    pub fn value(self) -> f64 {
        if self.of == 0 { 0.0 } else { self.hits as f64 / self.of as f64 }
    }

    /// E. B. Wilson, 1927: the score interval at 95 %.
    pub fn interval(self) -> (f64, f64) {
        if self.of == 0 {
            return (0.0, 1.0);
        }
        let (n, p, z) = (self.of as f64, self.value(), 1.959_964);
        let centre = p + z * z / (2.0 * n);
        let half = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
        let denominator = 1.0 + z * z / n;
        (((centre - half) / denominator).max(0.0), ((centre + half) / denominator).min(1.0))
    }
}

/// A scored case: the score, whether it is positive.
pub type Scored = (f64, bool);

/// Area under the ROC curve; `None` unless both classes occur.
pub fn auroc(cases: &[Scored]) -> Option<f64> {
    let positives = cases.iter().filter(|(_, y)| *y).count();
    let negatives = cases.len() - positives;
    if positives == 0 || negatives == 0 {
        return None;
    }
    let mut sorted = cases.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut rank_sum, mut rank) = (0.0, 0.0);
    for tied in sorted.chunk_by(|a, b| a.0 == b.0) {
        let middle = rank + (tied.len() as f64 + 1.0) / 2.0;
        rank_sum += middle * tied.iter().filter(|(_, y)| *y).count() as f64;
        rank += tied.len() as f64;
    }
    let (p, n) = (positives as f64, negatives as f64);
    Some((rank_sum - p * (p + 1.0) / 2.0) / (p * n))
}

/// Average precision; `None` without positives.
pub fn average_precision(cases: &[Scored]) -> Option<f64> {
    let positives = cases.iter().filter(|(_, y)| *y).count() as f64;
    if positives == 0.0 {
        return None;
    }
    let mut sorted = cases.to_vec();
    sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut hits, mut seen, mut sum) = (0.0, 0.0, 0.0);
    for tied in sorted.chunk_by(|a, b| a.0 == b.0) {
        let new = tied.iter().filter(|(_, y)| *y).count() as f64;
        hits += new;
        seen += tied.len() as f64;
        sum += new / positives * hits / seen;
    }
    Some(sum)
}

/// Mean squared error of probabilities.
pub fn brier(cases: &[Scored]) -> f64 {
    let sum: f64 = cases.iter().map(|(p, y)| (p - f64::from(u8::from(*y))).powi(2)).sum();
    sum / cases.len().max(1) as f64
}

/// Expected calibration error over ten bins.
pub fn calibration_error(cases: &[Scored]) -> f64 {
    let mut bins = [(0usize, 0.0f64, 0.0f64); 10];
    for (p, y) in cases {
        if let Some(bin) = bins.get_mut(((p * 10.0) as usize).min(9)) {
            bin.0 += 1;
            bin.1 += f64::from(u8::from(*y));
            bin.2 += p;
        }
    }
    let off: f64 = bins.iter().map(|(_, truth, said)| (truth - said).abs()).sum();
    off / cases.len().max(1) as f64
}

/// The 95 % percentile interval of `statistic` over `rounds` resamplings of whole groups, from a fixed
/// seed. `groups` holds the indices of each group's cases.
pub fn bootstrap(
    groups: &[Vec<usize>],
    rounds: usize,
    statistic: impl Fn(&[usize]) -> Option<f64>,
) -> Option<(f64, f64)> {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut values: Vec<f64> = (0..rounds)
        .filter_map(|_| {
            let drawn: Vec<usize> = (0..groups.len())
                .filter_map(|_| groups.get(random.below(groups.len())))
                .flatten()
                .copied()
                .collect();
            statistic(&drawn)
        })
        .collect();
    values.sort_by(f64::total_cmp);
    let at =
        |share: f64| values.get((share * (values.len().saturating_sub(1)) as f64).round() as usize).copied();
    Some((at(0.025)?, at(0.975)?))
}

/// A small generator (xorshift64*), seeded by its field: the same figures at every run.
#[derive(Debug)]
pub struct Random(pub u64);

impl Random {
    /// A number below `bound`, which is at least 1.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        ((self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize) % bound.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auroc_of_perfect_random_and_reversed_order() {
        assert_eq!(auroc(&[(0.9, true), (0.1, false)]), Some(1.0));
        assert_eq!(auroc(&[(0.5, true), (0.5, false)]), Some(0.5));
        assert_eq!(auroc(&[(0.1, true), (0.9, false)]), Some(0.0));
        assert_eq!(auroc(&[(0.1, true)]), None);
    }

    #[test]
    fn average_precision_by_hand() {
        let cases = [(0.9, true), (0.8, false), (0.7, true)];
        assert!((average_precision(&cases).unwrap() - (0.5 + 0.5 * 2.0 / 3.0)).abs() < 1e-12);
    }

    #[test]
    fn wilson_holds_the_share_and_narrows() {
        let (low, high) = Share { hits: 14, of: 16 }.interval();
        assert!((low - 0.640).abs() < 0.001 && (high - 0.965).abs() < 0.001, "{low} {high}");
        assert_eq!(Share { hits: 0, of: 0 }.interval(), (0.0, 1.0));
    }

    #[test]
    fn a_calibrated_prediction_has_no_error() {
        let cases: Vec<Scored> = (0..100).map(|i| (0.25, i % 4 == 0)).collect();
        assert!(calibration_error(&cases) < 1e-9);
        assert!((brier(&cases) - 0.1875).abs() < 1e-9);
    }

    #[test]
    fn the_bootstrap_is_the_same_at_every_run() {
        let groups: Vec<Vec<usize>> = (0..20).map(|i| vec![i]).collect();
        let mean = |drawn: &[usize]| Some(drawn.iter().sum::<usize>() as f64 / drawn.len() as f64);
        let first = bootstrap(&groups, 200, mean).unwrap();
        assert_eq!(bootstrap(&groups, 200, mean), Some(first));
        assert!(first.0 < 9.5 && first.1 > 9.5);
    }
}
