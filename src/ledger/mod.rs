//! The ledger: what was proposed, decided, delivered and seen to arrive, in SQLite. It is the bus
//! between processes: consoles and hooks meet here and nowhere else. Only this room knows SQL.

pub mod entry;

pub use entry::{Decision, Delivery, Entry, Operator, Outcome, State, Verdict};
