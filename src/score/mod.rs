//! From findings to numbers: P(step wrong), P(run failed), the class, the band, the set of steps that
//! holds the first error, and why.
//!
//! Pure. The model file is data: weights, calibration, cuts, what it was fitted on.

pub mod judgement;

pub use judgement::{Band, Contribution, Judgement, RunJudgement};
