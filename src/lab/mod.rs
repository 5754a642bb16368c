//! The lab: measuring the rules and the model against runs that others labelled, and fitting.
//!
//! Everything that is reported was made out of fold: the runs of one task are never on both sides.

pub mod card;
pub mod cases;
pub mod corpus;
pub mod crossvalidate;
pub mod detectors;
pub mod faults;
pub mod floors;
pub mod inject;
pub mod plots;
pub mod report;
