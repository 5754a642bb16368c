//! The model file: weights, calibration, cuts, and what they were fitted on. It is data (TOML): one is
//! embedded, `medbay fit` writes others, `--model` reads them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::decisive::Decisive;
use super::features::{CONTEXT, Feature, RUN};
use super::judgement::{Band, Contribution};
use super::lexical::Lexical;
use crate::detect::{Basis, Class, rules};
use crate::format::RunShape;
use crate::trace::Probability;

/// The version of the file's form.
const FORM: u32 = 2;

/// A fitted model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// The version of the file's form.
    pub form: u32,
    /// Its name, as the ledger and `check --json` give it.
    pub name: String,
    /// What it was fitted on, in words, and what was left out.
    pub fitted_on: String,
    /// Whether internal signals were among its features.
    pub internal_signals: bool,
    /// P(step wrong) in runs of talk and look-ups.
    pub step: Linear,
    /// P(step wrong) in runs of work on files and commands, where findings rest on firmer ground.
    pub step_of_work: Linear,
    /// P(run failed), for runs of any shape.
    pub run: Linear,
    /// P(run failed), for runs of a shape that there was enough data of, by the shape's word.
    #[serde(default)]
    pub run_of: BTreeMap<String, Linear>,
    /// Which step was the first error of a failed run, for runs of any shape.
    pub decisive: Decisive,
    /// The same for a shape that there was enough data of.
    #[serde(default)]
    pub decisive_of: BTreeMap<String, Decisive>,
    /// The lexical model of a shape.
    #[serde(default)]
    pub lexical_of: BTreeMap<String, Lexical>,
    /// The class that labelled errors of a shape mostly were of where no finding stood out.
    #[serde(default)]
    pub class_of: BTreeMap<String, Class>,
    /// Figures measured out of fold when it was fitted, by name.
    #[serde(default)]
    pub figures: BTreeMap<String, f64>,
}

/// An additive model on the logit scale, with its calibration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Linear {
    /// The logit of a step, or a run, with nothing for or against it.
    pub bias: f64,
    /// Platt's calibration of the sum: logit′ = scale · logit + shift.
    pub scale: f64,
    /// See `scale`.
    pub shift: f64,
    /// Weight by feature.
    pub weights: BTreeMap<String, f64>,
}

impl Linear {
    /// The uncalibrated logit.
    pub fn logit(&self, features: &[Feature]) -> f64 {
        self.bias + features.iter().map(|(name, value)| self.weight(name) * value).sum::<f64>()
    }

    /// The calibrated probability.
    pub fn probability(&self, features: &[Feature]) -> Probability {
        Probability::from_logit(self.scale * self.logit(features) + self.shift)
    }

    /// What rules add to the calibrated logit, where they speak against.
    pub fn evidence(&self, features: &[Feature]) -> f64 {
        let all = features.iter().filter(|(name, _)| !name.starts_with("context."));
        self.scale * all.map(|(name, value)| (self.weight(name) * value).max(0.0)).sum::<f64>()
    }

    /// The weight of a feature. A rule that is newer than the model file weighs its prior; context that
    /// the file does not know weighs nothing.
    pub fn weight(&self, feature: &str) -> f64 {
        self.weights.get(feature).copied().unwrap_or_else(|| {
            if feature.starts_with("context.") || feature.starts_with("run.") {
                0.0
            } else if feature.starts_with("internal.") {
                prior_weight(Basis::Internal)
            } else {
                prior_weight(Basis::External)
            }
        })
    }

    /// What each feature adds after calibration, the weightiest first.
    pub fn contributions(&self, features: &[Feature]) -> Box<[Contribution]> {
        let mut all: Vec<Contribution> = features
            .iter()
            .map(|(feature, value)| Contribution {
                feature,
                logit: (self.scale * self.weight(feature) * value) as f32,
            })
            .filter(|c| c.logit.abs() >= 0.005)
            .collect();
        all.sort_by(|a, b| b.logit.abs().total_cmp(&a.logit.abs()));
        all.into()
    }
}

/// The two costs that the bands come from, in any one unit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Costs {
    /// A wrong step that nobody was told of.
    pub miss: f64,
    /// A person interrupted for a step that was right.
    pub interruption: f64,
}

impl Default for Costs {
    fn default() -> Self {
        Self { miss: 2.0, interruption: 1.0 }
    }
}

/// A look at a step in triage costs this share of an interruption.
const LOOK: f64 = 0.2;

impl Costs {
    /// The lowest P(wrong) at which telling somebody costs less than keeping silent. An alarm
    /// interrupts; triage only costs a look. From p · miss ≥ (1 − p) · cost.
    pub fn cut(&self, band: Band) -> f64 {
        let cost = match band {
            Band::Pass => return 0.0,
            Band::Triage => self.interruption * LOOK,
            Band::Alarm => self.interruption,
        };
        let sum = cost + self.miss;
        if sum > 0.0 { cost / sum } else { 0.5 }
    }

    /// The band of a probability.
    pub fn band(&self, p: Probability) -> Band {
        if p.get() >= self.cut(Band::Alarm) {
            Band::Alarm
        } else if p.get() >= self.cut(Band::Triage) {
            Band::Triage
        } else {
            Band::Pass
        }
    }
}

/// Why a model file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// It is not TOML, or not of this form.
    #[error("{file} is not a model file: {reason}; write one with `medbay fit CORPUS`")]
    Form {
        /// The file.
        file: String,
        /// What the parser says, with the line.
        reason: String,
    },
    /// It is of another version.
    #[error(
        "{file} is a model file of form {found}, this medbay reads form {FORM}: write it anew with `medbay fit CORPUS`"
    )]
    Version {
        /// The file.
        file: String,
        /// Its form.
        found: u32,
    },
    /// A number in it cannot be.
    #[error("{file} holds {what}, which is not a finite number: write it anew with `medbay fit CORPUS`")]
    Number {
        /// The file.
        file: String,
        /// Which number.
        what: String,
    },
}

impl Model {
    /// Reads a model file's text; `file` names it in errors.
    pub fn parse(text: &str, file: &str) -> Result<Self, ModelError> {
        let form = |error: toml::de::Error| {
            let line = error
                .span()
                .and_then(|span| text.get(..span.start))
                .map(|head| head.matches('\n').count() + 1);
            let place = line.map(|line| format!("line {line}: ")).unwrap_or_default();
            ModelError::Form {
                file: file.to_owned(),
                reason: format!("{place}{}", crate::text::excerpt(error.message(), 160)),
            }
        };
        let table: toml::Table = text.parse().map_err(form)?;
        match table.get("form").and_then(toml::Value::as_integer) {
            Some(found) if found != i64::from(FORM) => {
                return Err(ModelError::Version {
                    file: file.to_owned(),
                    found: u32::try_from(found).unwrap_or(0),
                });
            }
            _ => {}
        }
        let model: Self = table.try_into().map_err(form)?;
        match model.not_finite() {
            Some(what) => Err(ModelError::Number { file: file.to_owned(), what }),
            None => Ok(model),
        }
    }

    /// The name of a number that is none, if there is one.
    fn not_finite(&self) -> Option<String> {
        let in_linear = |(part, linear): (&str, &Linear)| {
            let numbers = [("bias", linear.bias), ("scale", linear.scale), ("shift", linear.shift)];
            let weights = linear.weights.iter().map(|(name, weight)| (name.as_str(), *weight));
            let bad = numbers.into_iter().chain(weights).find(|(_, n)| !n.is_finite());
            bad.map(|(name, _)| format!("{part}.{name}"))
        };
        let in_decisive = |(shape, decisive): (&str, &Decisive)| {
            let numbers = decisive.weights.iter().map(|(name, weight)| (name.as_str(), *weight));
            let bad =
                numbers.chain([("set_share", decisive.set_share)]).find(|(_, number)| !number.is_finite());
            bad.map(|(name, _)| format!("decisive.{shape}.{name}"))
        };
        let in_lexical = |(shape, lexical): (&String, &Lexical)| {
            let finite =
                |(_, (rarity, weight)): &(&String, &(f64, f64))| rarity.is_finite() && weight.is_finite();
            let bad = lexical.terms.iter().find(|term| !finite(term)).map(|(term, _)| term.as_str());
            let bad = bad.or((!lexical.bias.is_finite()).then_some("bias"));
            bad.map(|name| format!("lexical_of.{shape}.{}", crate::text::excerpt(name, 40)))
        };
        let linears = [("step", &self.step), ("step_of_work", &self.step_of_work), ("run", &self.run)];
        let shaped = self.run_of.iter().map(|(shape, linear)| (shape.as_str(), linear));
        let decisives = self.decisive_of.iter().map(|(shape, d)| (shape.as_str(), d));
        linears
            .into_iter()
            .chain(shaped)
            .find_map(in_linear)
            .or_else(|| decisives.chain([("general", &self.decisive)]).find_map(in_decisive))
            .or_else(|| self.lexical_of.iter().find_map(in_lexical))
    }

    /// The model of P(run failed) for a shape.
    pub fn run_of(&self, shape: RunShape) -> &Linear {
        self.run_of.get(shape.word()).unwrap_or(&self.run)
    }

    /// The model of P(step wrong) for runs of talk, or of work.
    pub fn step_of(&self, talk: bool) -> &Linear {
        if talk { &self.step } else { &self.step_of_work }
    }

    /// The model of the decisive step for a shape.
    pub fn decisive_of(&self, shape: RunShape) -> &Decisive {
        self.decisive_of.get(shape.word()).unwrap_or(&self.decisive)
    }

    /// The lexical model of a shape, if there is one.
    pub fn lexical_of(&self, shape: RunShape) -> Option<&Lexical> {
        self.lexical_of.get(shape.word())
    }

    /// The class that an error of a run of a shape mostly is of where no finding stands out, if enough
    /// such errors were labelled.
    pub fn class_of(&self, shape: RunShape) -> Option<Class> {
        self.class_of.get(shape.word()).copied()
    }

    /// The embedded model.
    pub fn embedded() -> Arc<Self> {
        // A test parses the embedded file; were it broken all the same, the prior still judges.
        Arc::new(
            Self::parse(include_str!("default.toml"), "the embedded model")
                .unwrap_or_else(|_| Self::prior(false)),
        )
    }

    /// The model before any fit: each rule weighs what its definition expects, context weighs nothing.
    pub fn prior(internal_signals: bool) -> Self {
        let rule_weights = rules()
            .into_iter()
            .filter(|rule| internal_signals || rule.basis == Basis::External)
            .map(|rule| (rule.id.to_owned(), prior_weight(rule.basis)));
        let context = CONTEXT.iter().map(|(name, weight)| ((*name).to_owned(), *weight));
        let run = RUN.iter().filter(|f| f.general).map(|f| (f.name.to_owned(), f.prior)).collect();
        let step = Linear {
            bias: PRIOR_BIAS,
            scale: 1.0,
            shift: 0.0,
            weights: rule_weights.chain(context).collect(),
        };
        Self {
            form: FORM,
            name: "prior".to_owned(),
            fitted_on: "nothing".to_owned(),
            internal_signals,
            step: step.clone(),
            step_of_work: step,
            run: Linear { bias: -1.5, scale: 1.0, shift: 0.0, weights: run },
            run_of: BTreeMap::new(),
            decisive: Decisive::prior(),
            decisive_of: BTreeMap::new(),
            lexical_of: BTreeMap::new(),
            class_of: BTreeMap::new(),
            figures: BTreeMap::new(),
        }
    }

    /// Rounds all numbers to what a reader of the file can take in, so that the file and the model in
    /// memory judge alike.
    pub fn round(&mut self) {
        let round = |number: &mut f64| *number = (*number * 1e4).round() / 1e4;
        for linear in [&mut self.step, &mut self.step_of_work, &mut self.run]
            .into_iter()
            .chain(self.run_of.values_mut())
        {
            [&mut linear.bias, &mut linear.scale, &mut linear.shift].into_iter().for_each(round);
            linear.weights.values_mut().for_each(round);
        }
        for decisive in std::iter::once(&mut self.decisive).chain(self.decisive_of.values_mut()) {
            decisive.weights.values_mut().for_each(round);
        }
        for lexical in self.lexical_of.values_mut() {
            round(&mut lexical.bias);
            for (rarity, weight) in lexical.terms.values_mut() {
                round(rarity);
                round(weight);
            }
        }
    }

    /// The file's text.
    pub fn to_text(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self)
    }
}

/// The logit of a step with nothing against it, before any fit: one in twenty.
pub const PRIOR_BIAS: f64 = -3.0;

/// The weight of a rule before any fit. A finding of strength 0.9 alone then gives P(wrong) = 0.86,
/// one of 0.5 gives 0.43, one of 0.2 gives 0.14: strengths read almost as probabilities. Internal
/// rules weigh at most a third.
pub fn prior_weight(basis: Basis) -> f64 {
    match basis {
        Basis::External => 5.4,
        Basis::Internal => 1.8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_model_can_be_read() {
        Model::parse(include_str!("default.toml"), "default.toml").unwrap();
    }

    #[test]
    fn bands_come_from_the_two_costs() {
        let even = Costs { miss: 1.0, interruption: 1.0 };
        assert_eq!(even.band(Probability::new(0.5)), Band::Alarm);
        assert_eq!(even.band(Probability::new(0.3)), Band::Triage);
        assert_eq!(even.band(Probability::new(0.1)), Band::Pass);
        let dear = Costs { miss: 9.0, interruption: 1.0 };
        assert_eq!(dear.band(Probability::new(0.11)), Band::Alarm);
    }

    #[test]
    fn a_file_that_does_not_fit_is_refused_in_one_sentence() {
        let newer = Model::parse("form = 9", "m.toml").unwrap_err().to_string();
        assert!(newer.starts_with("m.toml is a model file of form 9"), "{newer}");
        let broken = Model::parse("form = \n", "m.toml").unwrap_err().to_string();
        assert!(broken.starts_with("m.toml is not a model file: line 1: "), "{broken}");
        let mut model = Model::prior(false);
        model.step.bias = f64::NAN;
        assert!(Model::parse(&model.to_text().unwrap(), "m.toml").is_err());
    }

    #[test]
    fn a_model_is_the_same_after_writing_and_reading() {
        let model = Model::prior(true);
        assert_eq!(Model::parse(&model.to_text().unwrap(), "m.toml").unwrap(), model);
    }
}
