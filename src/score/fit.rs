//! Fitting: logistic regression with a Gaussian prior on every weight (MAP), by Newton's method, and
//! Platt's calibration on scores made out of fold.
//!
//! The prior keeps a rule that the corpus never fires, or fires twice, near what its definition expects
//! instead of at nothing.

use std::collections::BTreeMap;

use super::features::Feature;
use super::model::Linear;

/// One step or run to fit on.
#[derive(Clone, Debug)]
pub struct Example {
    /// Its features.
    pub features: Vec<Feature>,
    /// Whether it was wrong.
    pub wrong: bool,
    /// How much it counts.
    pub weight: f64,
}

/// How strongly the prior holds: the inverse variance of a weight around its prior.
#[derive(Clone, Copy, Debug)]
pub struct Precision {
    /// Of rules and of a run's features.
    pub weights: f64,
    /// Of a step's context. Labels name the step that decided a run, and context says where such steps
    /// tend to stand in the corpus; it may tip a scale and not overrule a finding.
    pub context: f64,
    /// Of the bias.
    pub bias: f64,
}

/// The features of an example that are not zero, by their index.
type Row = Vec<(usize, f64)>;

/// Fits weights around those of `prior`. Features that `prior` has no weight for start at what
/// [`Linear::weight`] says of them. Never fails: without examples the prior comes back.
pub fn fit(examples: &[Example], prior: &Linear, precision: Precision) -> Linear {
    let mut names: Vec<&str> = prior.weights.keys().map(String::as_str).collect();
    names.extend(examples.iter().flat_map(|e| e.features.iter().map(|(name, _)| *name)));
    names.sort_unstable();
    names.dedup();
    let index: BTreeMap<&str, usize> = names.iter().enumerate().map(|(i, name)| (*name, i + 1)).collect();
    let size = names.len() + 1;
    let mut centre = vec![prior.bias];
    centre.extend(names.iter().map(|name| prior.weight(name)));
    let held: Vec<f64> = std::iter::once(precision.bias)
        .chain(
            names
                .iter()
                .map(|name| if name.starts_with("context.") { precision.context } else { precision.weights }),
        )
        .collect();
    let hold = |i: usize| held.get(i).copied().unwrap_or(precision.weights);
    let rows: Vec<(Row, f64, f64)> = examples
        .iter()
        .map(|e| {
            let mut row = vec![(0, 1.0)];
            row.extend(e.features.iter().filter_map(|(name, value)| index.get(name).map(|i| (*i, *value))));
            (row, f64::from(u8::from(e.wrong)), e.weight)
        })
        .collect();
    let loss = |w: &[f64]| -> f64 {
        let data: f64 = rows.iter().map(|(row, y, weight)| weight * log_loss(dot(row, w), *y)).sum();
        let held: f64 =
            w.iter().zip(&centre).enumerate().map(|(i, (a, b))| 0.5 * hold(i) * (a - b).powi(2)).sum();
        data + held
    };
    let mut w = centre.clone();
    let mut now = loss(&w);
    for _ in 0..50 {
        let mut gradient: Vec<f64> =
            w.iter().zip(&centre).enumerate().map(|(i, (a, b))| hold(i) * (a - b)).collect();
        let mut hessian = vec![0.0; size * size];
        for i in 0..size {
            add(&mut hessian, i * size + i, hold(i));
        }
        for (row, y, weight) in &rows {
            let p = sigmoid(dot(row, &w));
            let curvature = (p * (1.0 - p)).max(1e-9) * weight;
            for (i, x) in row {
                add(&mut gradient, *i, weight * (p - y) * x);
                for (j, z) in row {
                    add(&mut hessian, i * size + j, curvature * x * z);
                }
            }
        }
        let Some(step) = solve(hessian, gradient, size) else { break };
        let mut scale = 1.0;
        let (mut next, mut after) = (w.clone(), now);
        while scale > 1e-4 {
            next = w.iter().zip(&step).map(|(a, s)| a - scale * s).collect();
            after = loss(&next);
            if after <= now {
                break;
            }
            scale *= 0.5;
        }
        let gain = now - after;
        if gain <= 0.0 {
            break;
        }
        (w, now) = (next, after);
        if gain < 1e-9 * now.abs().max(1.0) {
            break;
        }
    }
    let mut values = w.into_iter();
    let bias = values.next().unwrap_or(prior.bias);
    let weights = names.iter().map(|name| (*name).to_owned()).zip(values).collect();
    Linear { bias, scale: 1.0, shift: 0.0, weights }
}

/// Platt's scale and shift for logits that were made out of fold, held near 1 and 0: a fit with priors
/// is nearly calibrated already, and what is left over on one sort of log should not bend all others. J. Platt, Probabilistic outputs for support vector machines, 1999.
pub fn platt(logits: &[(f64, bool, f64)]) -> (f64, f64) {
    let examples: Vec<Example> = logits
        .iter()
        .map(|(logit, wrong, weight)| Example {
            features: vec![("logit", *logit)],
            wrong: *wrong,
            weight: *weight,
        })
        .collect();
    let prior = Linear { bias: 0.0, scale: 1.0, shift: 0.0, weights: [("logit".to_owned(), 1.0)].into() };
    let fitted = fit(&examples, &prior, Precision { weights: 60.0, context: 60.0, bias: 20.0 });
    // A negative scale would turn the model round: then it knows nothing and says the base rate.
    (fitted.weight("logit").max(0.0), fitted.bias)
}

fn dot(row: &[(usize, f64)], w: &[f64]) -> f64 {
    row.iter().map(|(i, x)| w.get(*i).copied().unwrap_or_default() * x).sum()
}

fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

/// −log P(y | logit z), without overflow.
fn log_loss(z: f64, y: f64) -> f64 {
    z.max(0.0) - z * y + (-z.abs()).exp().ln_1p()
}

fn add(all: &mut [f64], index: usize, value: f64) {
    if let Some(place) = all.get_mut(index) {
        *place += value;
    }
}

/// Solves a symmetric positive definite system by Cholesky's method; `None` where it is not.
fn solve(mut a: Vec<f64>, mut b: Vec<f64>, n: usize) -> Option<Vec<f64>> {
    for j in 0..n {
        for i in j..n {
            let mut sum = *a.get(i * n + j)?;
            for k in 0..j {
                sum -= a.get(i * n + k)? * a.get(j * n + k)?;
            }
            let value = if i == j {
                if sum <= 0.0 {
                    return None;
                }
                sum.sqrt()
            } else {
                sum / a.get(j * n + j)?
            };
            *a.get_mut(i * n + j)? = value;
        }
    }
    for i in 0..n {
        let mut sum = *b.get(i)?;
        for k in 0..i {
            sum -= a.get(i * n + k)? * b.get(k)?;
        }
        *b.get_mut(i)? = sum / a.get(i * n + i)?;
    }
    for i in (0..n).rev() {
        let mut sum = *b.get(i)?;
        for k in i + 1..n {
            sum -= a.get(k * n + i)? * b.get(k)?;
        }
        *b.get_mut(i)? = sum / a.get(i * n + i)?;
    }
    Some(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(features: Vec<Feature>, wrong: bool) -> Example {
        Example { features, wrong, weight: 1.0 }
    }

    const LOOSE: Precision = Precision { weights: 0.01, context: 0.01, bias: 0.01 };

    #[test]
    fn it_finds_the_log_odds_of_one_flag() {
        // 30 of 40 wrong with the flag, 10 of 60 without: bias = logit(1/6), weight = logit(3/4) − bias.
        let mut all = Vec::new();
        for i in 0..40 {
            all.push(example(vec![("a", 1.0)], i < 30));
        }
        for i in 0..60 {
            all.push(example(vec![], i < 10));
        }
        let prior = Linear { bias: 0.0, scale: 1.0, shift: 0.0, weights: [("a".to_owned(), 0.0)].into() };
        let fitted = fit(&all, &prior, Precision { weights: 1e-6, context: 1e-6, bias: 1e-6 });
        assert!((fitted.bias - (1.0f64 / 5.0).ln()).abs() < 1e-3, "{fitted:?}");
        assert!((fitted.weight("a") - (3.0f64.ln() - 0.2f64.ln())).abs() < 1e-3, "{fitted:?}");
    }

    #[test]
    fn a_feature_that_never_fires_keeps_its_prior() {
        let prior =
            Linear { bias: -3.0, scale: 1.0, shift: 0.0, weights: [("never".to_owned(), 5.4)].into() };
        let fitted = fit(&[example(vec![], true), example(vec![], false)], &prior, LOOSE);
        assert!((fitted.weight("never") - 5.4).abs() < 1e-9);
        assert_eq!(fit(&[], &prior, LOOSE).bias, -3.0);
    }

    #[test]
    fn overconfident_logits_are_drawn_in() {
        let logits: Vec<(f64, bool, f64)> = (0..200)
            .map(|i| if i % 4 == 0 { (6.0, i % 8 == 0, 1.0) } else { (-6.0, i % 5 == 0, 1.0) })
            .collect();
        let (scale, _) = platt(&logits);
        assert!((0.0..0.5).contains(&scale), "{scale}");
    }
}
