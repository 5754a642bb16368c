//! What can go wrong with a ledger, each in one sentence with its mend.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use crate::recover::ProposalId;

/// A result of the ledger.
pub type Result<T> = std::result::Result<T, LedgerError>;

/// What can go wrong with a ledger.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Somebody else holds it.
    #[error(
        "the ledger {} is locked by another program: close that program, or name another ledger with --db",
        .path.display()
    )]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// A newer medbay wrote it.
    #[error(
        "the ledger {} has schema {found} and this medbay knows up to {known}: update medbay, or name another ledger with --db",
        .path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The schema it has.
        found: i64,
        /// The newest schema known here.
        known: i64,
    },
    /// It is something else.
    #[error(
        "{} is not a ledger of medbay: name another file with --db, or move this one away",
        .path.display()
    )]
    NotALedger {
        /// The file.
        path: PathBuf,
    },
    /// There is none.
    #[error(
        "there is no ledger at {}: it is made by the first console or hook that runs; name another with --db",
        .path.display()
    )]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be made, read or written.
    #[error(
        "cannot {doing} the ledger {}: {source}; check the permissions of its directory, or name another file with --db",
        .path.display()
    )]
    Unreachable {
        /// The file.
        path: PathBuf,
        /// What was attempted.
        doing: &'static str,
        /// Why not.
        source: std::io::Error,
    },
    /// The disk is full.
    #[error("the disk of the ledger {} is full: make room; nothing was changed", .path.display())]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// Anything else that SQLite says.
    #[error(
        "cannot {doing} the ledger {}: {source}; check it with `medbay decisions verify`",
        .path.display()
    )]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What was attempted.
        doing: &'static str,
        /// Why not.
        source: rusqlite::Error,
    },
    /// A row that cannot be understood.
    #[error("the ledger {} holds a damaged entry ({what}): run `medbay decisions verify`", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Which, and how.
        what: String,
    },
    /// No proposal has that id.
    #[error("no proposal {id} in the ledger: `medbay decisions list` shows those that are there")]
    NoSuch {
        /// The id.
        id: ProposalId,
    },
    /// A gate that names no call.
    #[error("proposal {id} would refuse a call and does not name it by digests: it was not put down")]
    NoGate {
        /// The proposal.
        id: ProposalId,
    },
    /// A text that no channel takes.
    #[error("the text has {characters} characters and at most {most} can be sent: shorten it")]
    TooLong {
        /// How many it has.
        characters: usize,
        /// How many it may have.
        most: usize,
    },
    /// An empty text.
    #[error("the text is empty: write what the agent is to do, or veto the proposal")]
    Empty,
}

impl LedgerError {
    pub(super) fn of_sqlite(path: &Path, doing: &'static str, error: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked { path },
            Some(ErrorCode::NotADatabase) => Self::NotALedger { path },
            Some(ErrorCode::DiskFull) => Self::Full { path },
            Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => {
                Self::Unreachable { path, doing, source: std::io::Error::other(error.to_string()) }
            }
            _ => Self::Sqlite { path, doing, source: error },
        }
    }
}
