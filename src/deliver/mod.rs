//! Delivery: carrying an approved text to the agent, and taking the receipt.
//!
//! One file a channel. A channel takes a [`Lease`](crate::ledger::Lease) from the ledger, hands the
//! lease's text over byte for byte, and says so to the ledger; it never makes a text of its own and
//! never sends one without a lease. To add a channel: a file here, a branch in whoever knows which
//! run it reaches (`outbox.rs` for the spool, `post.rs` for what takes its time, on a thread of its own,
//! `courier.rs` for agents' servers, `hook/` and `server/` for agents that ask), its receipt, and its test
//! in `tests/channels/bytes.rs`.

pub mod codex_app;
pub mod command;
pub mod courier;
pub mod gate;
pub mod hook;
pub mod opencode;
pub mod outbox;
pub mod post;
mod receipt;
pub mod server;
pub mod spool;
mod started;
pub mod tmux;

pub use receipt::{Arrived, arrived_in, receipt_in};

/// The name of this process as a holder of leases and holds.
pub fn holder(what: &str) -> String {
    format!("{what} {}", std::process::id())
}
