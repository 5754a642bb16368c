//! From findings to numbers: P(step wrong), P(run failed), the class, the band, the set of steps that
//! holds the first error, and why.
//!
//! Pure. The model file is data: weights, calibration, what it was fitted on. To add a feature: give it
//! a name and a prior weight in `features.rs`; a rule is a feature by itself.

pub mod conduct;
pub mod decisive;
pub mod features;
pub mod fit;
pub mod judge;
pub mod judgement;
pub mod lexical;
pub mod measure;
pub mod model;
mod wording;

pub use judge::{Conducted, Judged, judge_run, judge_step};
pub use judgement::{Band, Contribution, Judgement, RunJudgement};
pub use model::{Costs, Linear, Model, ModelError};
