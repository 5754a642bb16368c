//! The ledger: what was proposed, decided, delivered and seen to arrive, in SQLite. It is the bus
//! between processes: consoles and hooks meet here and nowhere else. Only this room knows SQL.
//!
//! A [`Ledger`] is one connection and is used by one thread; whoever needs another opens another.
//! The clock is a parameter everywhere, so that a replay and a test have their own. What must never
//! happen (two decisions on one proposal, a text sent that nobody approved, a decision changed) is
//! refused by the schema itself, in `schema.rs`, and not only by the code above it.
//!
//! Texts pass the gate before they are stored. To add a table or a column: a new step at the end of
//! `schema::STEPS`; a step that has been released is never changed.

mod audit;
mod binding;
mod decisions;
mod deliveries;
pub mod entry;
mod error;
mod figures;
pub mod guard;
mod hooks;
mod proposals;
mod rewrites;
mod rulings;
mod schema;
pub mod state;
mod watched;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};

pub use audit::{Broken, Chain, Fault, LoggedDecision};
pub use binding::{Known, LONG_PAST, MAIN, Move, left_behind};
pub use decisions::{Decided, LONGEST_TEXT, Undo, as_sent};
pub use deliveries::{Arrival, Caller, Handed, Lease};
pub use entry::{Course, Decision, Delivery, Entry, Operator, Outcome, Try, Verdict};
pub use error::{LedgerError, Result};
pub use guard::{GuardEvent, GuardKind, Stopped};
pub use hooks::{Held, HookSeen};
pub use proposals::Standing;
pub use rewrites::Rewrite;
pub use rulings::{Ruled, RunUse};
pub use state::State;
pub use watched::Watched;

pub use crate::recover::Mode;

/// The rule of a proposal that is an agent's own request: its text goes out as the answer to that request
/// alone, and counts neither as a recovery nor against a run's hold.
pub const GATE: &str = "gate.request";

/// How long a writer waits for another one before it gives up, where the caller does not say.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// An open ledger.
#[derive(Debug)]
pub struct Ledger {
    db: Connection,
    path: PathBuf,
}

impl Ledger {
    /// Opens the ledger at `path` for reading and writing; makes it, readable by its owner alone,
    /// where there is none, and brings an older one up to date.
    ///
    /// # Errors
    /// The file cannot be made or read, is no ledger, is locked, or was written by a newer medbay.
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_patient(path, PATIENCE)
    }

    /// As [`Ledger::open`], with a bound of its own on waiting for other writers.
    ///
    /// # Errors
    /// As [`Ledger::open`].
    pub fn open_patient(path: &Path, patience: Duration) -> Result<Self> {
        Ok(Self { db: schema::open(path, patience)?, path: path.to_owned() })
    }

    /// Opens a ledger that is there for reading alone.
    ///
    /// # Errors
    /// There is none, or as [`Ledger::open`].
    pub fn open_read_only(path: &Path) -> Result<Self> {
        Ok(Self { db: schema::open_read_only(path, PATIENCE)?, path: path.to_owned() })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A number that changes when another connection has written. Cheap: for polls.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn data_version(&self) -> Result<i64> {
        self.db
            .query_row("PRAGMA data_version", [], |row| row.get(0))
            .map_err(|e| self.failed("look for changes in", e))
    }

    /// A transaction that holds the write lock from its beginning, so that what it reads stays true
    /// until it commits. Within another one it is part of that.
    fn write(&self) -> Result<Change<'_>> {
        if !self.db.is_autocommit() {
            return Ok(Change(None));
        }
        Transaction::new_unchecked(&self.db, TransactionBehavior::Immediate)
            .map(|change| Change(Some(change)))
            .map_err(|e| self.failed("write to", e))
    }

    fn failed(&self, doing: &'static str, error: rusqlite::Error) -> LedgerError {
        LedgerError::of_sqlite(&self.path, doing, error)
    }
}

/// What is written together; undone when it is dropped before it is committed. `None`: a part of a
/// larger one, which is undone or committed as a whole.
struct Change<'a>(Option<Transaction<'a>>);

impl Change<'_> {
    fn commit(self) -> rusqlite::Result<()> {
        self.0.map_or(Ok(()), Transaction::commit)
    }
}
