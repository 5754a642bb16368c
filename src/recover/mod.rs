//! Recovery: from a finding to a proposal that a person can approve, and the limits on what may be
//! proposed or done.

pub mod proposal;

pub use proposal::{Hold, Proposal, ProposalId, Remedy, Target};
