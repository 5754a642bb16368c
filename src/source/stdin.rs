//! Standard input as a source. What comes through a pipe cannot be read again, so it is laid into a
//! private temporary file that is followed like any other and removed at the end.

use std::fs::{self, File};
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Standard input, laid into a file. The file is removed when this is dropped.
#[derive(Debug)]
pub struct StandardInput {
    path: PathBuf,
    ended: Arc<AtomicBool>,
}

impl StandardInput {
    /// Starts a thread that copies standard input into a new file in `directory`, which must be
    /// private to the user. The thread ends with the input, and calls `at_end` then.
    pub fn start(directory: &Path, at_end: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let path = directory.join(file_name());
        let file = create_private(&path)?;
        let ended = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&ended);
        std::thread::Builder::new().name("medbay-stdin".to_owned()).spawn(move || {
            if let Err(error) = copy(io::stdin().lock(), file) {
                tracing::warn!("standard input ended early: {error}");
            }
            flag.store(true, Ordering::Release);
            at_end();
        })?;
        Ok(Self { path, ended })
    }

    /// Takes standard input to its end, on this thread.
    pub fn whole(directory: &Path) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let path = directory.join(file_name());
        let held = Self { ended: Arc::new(AtomicBool::new(true)), path };
        copy(io::stdin().lock(), create_private(&held.path)?)?;
        Ok(held)
    }

    /// Whether a path is the file of this process's standard input, which nobody knows by that name.
    pub fn is_file_of_this_process(path: &Path) -> bool {
        path.file_name().is_some_and(|name| name == file_name().as_str())
    }

    /// The file that holds what has come so far.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the input has ended: the file will not grow any more.
    pub fn ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }
}

impl Drop for StandardInput {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

fn file_name() -> String {
    format!("stdin-{}.jsonl", std::process::id())
}

fn copy(mut from: impl Read, mut to: File) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        to.write_all(buffer.get(..count).unwrap_or_default())?;
    }
}

fn create_private(path: &Path) -> io::Result<File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    match options.open(path) {
        // A process of this number died without clearing up.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(path)?;
            options.open(path)
        }
        other => other,
    }
}
