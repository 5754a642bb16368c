//! Recovery: from a finding to a proposal that a person can approve, and the limits on what may be
//! proposed or delivered.
//!
//! Pure. To add a remedy: add it to [`Remedy`], say in `draft.rs` when it is the cheapest that fits and
//! what its text is.

pub mod draft;
pub mod policy;
pub mod proposal;
mod replan;

pub use draft::{Ground, check_of, draft, rests_on};
pub use policy::{Mode, Policy, Ruling, Spent, Used};
pub use proposal::{Gate, Proposal, ProposalId, Remedy, Scope, Target};
