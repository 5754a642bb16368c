//! Fitting: logistic regression with a Gaussian prior on every weight (MAP), by Newton's method, and
//! Platt's calibration on scores made out of fold.
//!
//! The prior keeps a rule that the corpus never fires, or fires twice, near what its definition expects
//! instead of at nothing.

use std::collections::BTreeMap;

use super::decisive::{Choice, softmax};
use super::features::Feature;
use super::lexical::{Lexical, sublinear};
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
type Sparse = Vec<(usize, f64)>;

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
    let rows: Vec<(Sparse, f64, f64)> = examples
        .iter()
        .map(|e| {
            let mut row = vec![(0, 1.0)];
            row.extend(e.features.iter().filter_map(|(name, value)| index.get(name).map(|i| (*i, *value))));
            (row, f64::from(u8::from(e.wrong)), e.weight)
        })
        .collect();
    let w = newton(centre.clone(), |w| {
        let mut at = Point::held(w, &centre, hold);
        for (row, y, weight) in &rows {
            let z = dot(row, w);
            let p = sigmoid(z);
            at.loss += weight * log_loss(z, *y);
            let curvature = (p * (1.0 - p)).max(1e-9) * weight;
            for (i, x) in row {
                add(&mut at.gradient, *i, weight * (p - y) * x);
                for (j, z) in row {
                    add(&mut at.hessian, i * size + j, curvature * x * z);
                }
            }
        }
        at
    });
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

/// Fits a choice among steps around the weights of `prior`, which are in the order of the rows' values.
pub fn fit_choices(choices: &[&Choice], prior: &[f64], precision: f64) -> Vec<f64> {
    let size = prior.len();
    newton(prior.to_vec(), |w| {
        let mut at = Point::held(w, prior, |_| precision);
        for Choice { rows, chosen } in choices.iter().copied() {
            let logits: Vec<f64> = rows.iter().map(|row| plain_dot(row, w)).collect();
            let shares = softmax(&logits);
            let (Some(wanted), Some(share)) = (rows.get(*chosen), shares.get(*chosen)) else { continue };
            at.loss -= share.max(1e-300).ln();
            let mut mean = vec![0.0; size];
            for (row, share) in rows.iter().zip(&shares) {
                for (mean, x) in mean.iter_mut().zip(row) {
                    *mean += share * x;
                }
            }
            for (i, (mean, x)) in mean.iter().zip(wanted).enumerate() {
                add(&mut at.gradient, i, mean - x);
            }
            for (row, share) in rows.iter().zip(&shares) {
                let off: Vec<(usize, f64)> = row
                    .iter()
                    .zip(&mean)
                    .map(|(x, mean)| x - mean)
                    .enumerate()
                    .filter(|(_, d)| *d != 0.0)
                    .collect();
                for (i, x) in &off {
                    for (j, y) in &off {
                        add(&mut at.hessian, i * size + j, share * x * y);
                    }
                }
            }
        }
        at
    })
}

/// A run's terms with their counts, and whether it failed.
pub type Document<'a> = (&'a [(String, u16)], bool);

/// Terms said in fewer runs are left out.
const FEWEST_RUNS: usize = 3;
/// The weightiest terms are kept.
const TERMS_KEPT: usize = 400;

/// Fits a lexical model: logistic regression on unit TF-IDF vectors with a Gaussian prior of inverse
/// variance `precision` on every weight, solved in its dual (iteratively reweighted least squares on the
/// kernel of the documents), which is as large as there are documents and not as there are terms.
pub fn fit_lexical(documents: &[Document<'_>], precision: f64) -> Lexical {
    let mut runs_of: BTreeMap<&str, usize> = BTreeMap::new();
    for (term, _) in documents.iter().flat_map(|(terms, _)| terms.iter()) {
        *runs_of.entry(term).or_default() += 1;
    }
    let n = documents.len();
    let rarity: BTreeMap<&str, f64> = runs_of
        .into_iter()
        .filter(|(_, runs)| *runs >= FEWEST_RUNS)
        .map(|(term, runs)| (term, ((1.0 + n as f64) / (1.0 + runs as f64)).ln() + 1.0))
        .collect();
    let vectors: Vec<BTreeMap<&str, f64>> = documents
        .iter()
        .map(|(terms, _)| {
            let values = terms
                .iter()
                .filter_map(|(term, count)| Some((&**term, sublinear(*count) * rarity.get(&**term)?)));
            let vector: BTreeMap<&str, f64> = values.collect();
            let length = vector.values().map(|v| v * v).sum::<f64>().sqrt().max(1e-12);
            vector.into_iter().map(|(term, v)| (term, v / length)).collect()
        })
        .collect();
    // The bias is a term that every document has, held a hundred times less.
    const BIAS: f64 = 100.0;
    let kernel: Vec<f64> = vectors
        .iter()
        .flat_map(|a| {
            vectors.iter().map(|b| a.iter().filter_map(|(t, x)| Some(x * b.get(t)?)).sum::<f64>() + BIAS)
        })
        .collect();
    let mut alpha = vec![0.0; n];
    for _ in 0..25 {
        let logits: Vec<f64> = kernel.chunks(n.max(1)).map(|row| plain_dot(row, &alpha)).collect();
        let mut system = kernel.clone();
        let mut wanted = Vec::with_capacity(n);
        for (i, (z, (_, failed))) in logits.iter().zip(documents).enumerate() {
            let p = sigmoid(*z);
            let curvature = (p * (1.0 - p)).max(1e-4);
            wanted.push(z + (f64::from(u8::from(*failed)) - p) / curvature);
            add(&mut system, i * n + i, precision / curvature);
        }
        let Some(next) = solve(system, wanted, n) else { break };
        let moved: f64 = next.iter().zip(&alpha).map(|(a, b)| (a - b).abs()).sum();
        alpha = next;
        if moved < 1e-9 {
            break;
        }
    }
    let mut weights: BTreeMap<&str, f64> = BTreeMap::new();
    for (vector, alpha) in vectors.iter().zip(&alpha) {
        for (term, value) in vector {
            *weights.entry(term).or_default() += alpha * value;
        }
    }
    let mut terms: Vec<(&str, f64, f64)> = weights
        .into_iter()
        .filter_map(|(term, weight)| Some((term, rarity.get(term).copied()?, weight)))
        .collect();
    terms.sort_by(|a, b| (b.1 * b.2).abs().total_cmp(&(a.1 * a.2).abs()).then(a.0.cmp(b.0)));
    terms.truncate(TERMS_KEPT);
    Lexical {
        bias: BIAS * alpha.iter().sum::<f64>(),
        terms: terms.into_iter().map(|(term, rarity, weight)| (term.to_owned(), (rarity, weight))).collect(),
    }
}

fn plain_dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// A loss at a point, with its gradient and its Hessian (row by row).
struct Point {
    loss: f64,
    gradient: Vec<f64>,
    hessian: Vec<f64>,
}

impl Point {
    /// The prior's part: half the squared distance from `centre`, each coordinate held by `hold`.
    fn held(w: &[f64], centre: &[f64], hold: impl Fn(usize) -> f64) -> Self {
        let size = w.len();
        let off = || w.iter().zip(centre).map(|(a, b)| a - b).enumerate();
        let mut hessian = vec![0.0; size * size];
        for i in 0..size {
            add(&mut hessian, i * size + i, hold(i));
        }
        Self {
            loss: off().map(|(i, d)| 0.5 * hold(i) * d * d).sum(),
            gradient: off().map(|(i, d)| hold(i) * d).collect(),
            hessian,
        }
    }
}

/// Minimises a convex loss by Newton's method with halved steps.
fn newton(start: Vec<f64>, at: impl Fn(&[f64]) -> Point) -> Vec<f64> {
    let size = start.len();
    let mut w = start;
    let mut now = at(&w);
    for _ in 0..50 {
        let Some(step) = solve(now.hessian, now.gradient, size) else { break };
        let mut scale = 1.0;
        let moved = loop {
            let next: Vec<f64> = w.iter().zip(&step).map(|(a, s)| a - scale * s).collect();
            let after = at(&next);
            if after.loss <= now.loss {
                break Some((next, after));
            }
            scale *= 0.5;
            if scale < 1e-4 {
                break None;
            }
        };
        let Some((next, after)) = moved else { break };
        let gain = now.loss - after.loss;
        (w, now) = (next, after);
        if gain < 1e-9 * now.loss.abs().max(1.0) {
            break;
        }
    }
    w
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
