//! What was begun and cannot be seen from outside: one small file for each text whose handing over
//! leaves no trace that medbay could look for, as typing it or giving it to a command.
//!
//! The file is made, and is on the disk, before the act, and is taken away after the ledger knows what
//! came of it. Where a process died between, the next one finds the file and does not act again.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::PathBuf;

use super::spool::directory_name;

/// A directory of such files.
#[derive(Clone, Debug)]
pub(super) struct Started {
    directory: PathBuf,
}

impl Started {
    /// The one at `directory`, which need not exist.
    pub(super) fn at(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into() }
    }

    /// Notes that the text of this key is about to be handed over. Returns whether nobody had begun
    /// with it.
    ///
    /// # Errors
    /// It cannot be noted; then it may not be begun.
    pub(super) fn begin(&self, key: &str) -> io::Result<bool> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.directory)?;
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(self.file(key)) {
            Ok(file) => {
                file.sync_all()?;
                File::open(&self.directory)?.sync_all()?;
                Ok(true)
            }
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// The ledger knows what came of it.
    pub(super) fn end(&self, key: &str) {
        // A file that stays does no harm: a key is used once.
        let _ = fs::remove_file(self.file(key));
    }

    fn file(&self, key: &str) -> PathBuf {
        self.directory.join(directory_name(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_begun_is_not_begun_again() {
        let directory = tempfile::tempdir().unwrap();
        let started = Started::at(directory.path().join("a/b"));
        assert!(started.begin("k-0-1").unwrap());
        assert!(!started.begin("k-0-1").unwrap());
        assert!(started.begin("k-0-2").unwrap());
        started.end("k-0-1");
        assert!(started.begin("k-0-1").unwrap());
    }
}
