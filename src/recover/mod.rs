//! Recovery: from a finding to a proposal that a person can approve, and the limits on what may be
//! proposed or delivered.
//!
//! Pure. To add a remedy: add it to [`Remedy`], say in `remedies.rs` when it is adequate and what its text
//! is.

pub mod draft;
pub mod means;
pub mod measure;
pub mod outcome;
pub mod policy;
pub mod proposal;
pub mod proposer;
mod remedies;
mod replan;
mod rollback;
mod substitute;
pub mod trail;

pub use draft::{Ground, check_of, draft, rests_on};
pub use means::StructuralMeans;
pub use measure::Record;
pub use outcome::Outcome;
pub use policy::{Mode, Policy, Ruling, Spent, Used};
pub use proposal::{Gate, Proposal, ProposalId, Remedy, Scope, Target};
pub use trail::Trail;
