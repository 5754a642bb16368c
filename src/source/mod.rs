//! Sources: places that grow. Finds logs, follows them, and cuts their bytes into records.
//!
//! - `discover`: which files are logs, of which format, and which files are one run.
//! - `tail`: one followed file, through growth, truncation in place, replacement and deletion.
//! - `lines`: blocks of bytes into records, whatever the cuts between the blocks; `document`: where the
//!   records of a JSON document are.
//! - `watch`: tells that something changed; a slow poll where the system cannot tell.
//! - `stdin`: standard input as a source; `opencode`: the store of a program that keeps no files.
//! - `stamp`: the time of a record, cheaply, for merging sources and for replays.
//! - `replay_clock`: pure; turns passing time into a position in a recorded run.
//!
//! This room may touch files and threads. It keeps no text beyond the record that is being handed
//! on, maps no file into memory (a truncated file would kill the process) and judges nothing. A new
//! kind of source is a new file here that hands out records with their [`RecordRef`]s.
//!
//! [`RecordRef`]: crate::trace::RecordRef

pub mod discover;
mod document;
pub mod lines;
pub mod opencode;
pub mod replay_clock;
pub mod stamp;
pub mod stdin;
pub mod tail;
pub mod watch;

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

pub use discover::{Discoverer, FoundRun, FoundSource, Hidden, Roots};
pub use lines::Splitter;
pub use replay_clock::ReplayClock;
pub use stdin::StandardInput;
pub use tail::{Progress, Seen, Tail};
pub use watch::{Change, Watch};

/// Why a source cannot be read: what, where, and the mend.
#[derive(Debug, Error)]
pub enum SourceError {
    /// Nothing is there.
    #[error("no such file or directory, {}: check the path", path.display())]
    Missing {
        /// Where.
        path: PathBuf,
    },
    /// It may not be read.
    #[error("permission denied, {}: give yourself the right to read it", path.display())]
    Denied {
        /// Where.
        path: PathBuf,
    },
    /// No format claims it.
    #[error("no log that medbay knows, {}: name its format with --format, or write the native format", path.display())]
    NoLog {
        /// Where.
        path: PathBuf,
    },
    /// There is nothing in it.
    #[error("an empty file, {}: nothing to assess, try again when the agent has written to it", path.display())]
    Empty {
        /// Where.
        path: PathBuf,
    },
    /// A directory without a log in it.
    #[error("no log in this directory, {}: name a directory with .jsonl logs, or a file and its --format", path.display())]
    NoLogs {
        /// Where.
        path: PathBuf,
    },
    /// Anything else.
    #[error("cannot read, {}: {error}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

impl SourceError {
    /// The error for what the system says of a path.
    pub fn of(path: &Path, error: io::Error) -> Self {
        let path = path.to_owned();
        match error.kind() {
            io::ErrorKind::NotFound => Self::Missing { path },
            io::ErrorKind::PermissionDenied => Self::Denied { path },
            _ => Self::Io { path, error },
        }
    }
}
