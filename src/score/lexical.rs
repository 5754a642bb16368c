//! The lexical model: how likely a run failed by the words that its agents said, for one shape of run.
//! TF-IDF of single words with sublinear counts, of unit length, weighed by a logistic model (as in
//! False Success, arXiv 2606.09863, which reports AUROC 0.83 on tau2 runs with words alone).
//!
//! It knows topics rather than errors: it must be fitted on runs of the kind that it judges.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A term's part in the model.
pub type Term = (f64, f64);

/// A fitted lexical model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lexical {
    /// The logit of a run without any known term.
    pub bias: f64,
    /// By term: its inverse document frequency, its weight.
    pub terms: BTreeMap<String, Term>,
}

/// The logit of a run is kept within these bounds: words alone decide nothing.
const BOUND: f64 = 3.0;

impl Lexical {
    /// The logit that a run failed, by the terms of its agents' words and their counts.
    pub fn logit<'t>(&self, terms: impl Iterator<Item = (&'t str, u16)>) -> f64 {
        let (mut sum, mut square) = (0.0, 0.0);
        for (term, count) in terms {
            if let Some((rarity, weight)) = self.terms.get(term) {
                let value = sublinear(count) * rarity;
                sum += value * weight;
                square += value * value;
            }
        }
        let length = if square > 0.0 { square.sqrt() } else { 1.0 };
        (self.bias + sum / length).clamp(-BOUND, BOUND)
    }
}

/// 1 + ln n.
pub fn sublinear(count: u16) -> f64 {
    1.0 + f64::from(count.max(1)).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_logit_is_that_of_a_unit_vector() {
        let model = Lexical {
            bias: 0.5,
            terms: [("cancel".to_owned(), (3.0, 1.0)), ("book".to_owned(), (4.0, -1.0))].into(),
        };
        let logit = model.logit([("cancel", 1u16), ("book", 1), ("unheard", 9)].into_iter());
        assert!((logit - (0.5 + (3.0 - 4.0) / 5.0)).abs() < 1e-12, "{logit}");
        assert_eq!(model.logit(std::iter::empty()), 0.5);
    }
}
