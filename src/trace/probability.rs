//! A probability that cannot leave 0..=1.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A number from 0 to 1. Anything outside is clamped on the way in and NaN becomes 0, so no later
/// stage has to ask.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Probability(f32);

impl Probability {
    /// Impossible.
    pub const ZERO: Self = Self(0.0);
    /// Certain.
    pub const ONE: Self = Self(1.0);

    /// Clamps `value` into 0..=1.
    pub fn new(value: f64) -> Self {
        if value.is_nan() { Self(0.0) } else { Self(value.clamp(0.0, 1.0) as f32) }
    }

    /// The number.
    pub fn get(self) -> f64 {
        f64::from(self.0)
    }

    /// 1 − p.
    pub fn complement(self) -> Self {
        Self(1.0 - self.0)
    }

    /// Of a probability that a step is wrong: its reliability, 0–100, as screens show it.
    pub fn reliability(self) -> u8 {
        (self.complement().0 * 100.0).round() as u8
    }

    /// The logistic function of `logit`.
    pub fn from_logit(logit: f64) -> Self {
        Self::new(1.0 / (1.0 + (-logit).exp()))
    }
}

impl<'de> Deserialize<'de> for Probability {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        f64::deserialize(deserializer).map(Self::new)
    }
}

impl fmt::Display for Probability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_never_leaves_the_unit_interval(value in proptest::num::f64::ANY) {
            let p = Probability::new(value).get();
            prop_assert!((0.0..=1.0).contains(&p));
        }
    }

    #[test]
    fn reliability_is_the_complement_in_percent() {
        assert_eq!(Probability::new(0.07).reliability(), 93);
        assert_eq!(Probability::ONE.reliability(), 0);
    }
}
