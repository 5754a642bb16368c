//! The operator's own editor over a private file. The caller has put the terminal back before.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::text;

/// Why an edit in the operator's own editor came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum EditorError {
    /// The file could not be written or read.
    #[error("cannot keep the text in {}: {error}; set TMPDIR to a folder that can be written", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The editor could not be run.
    #[error("cannot run the editor `{editor}`: {error}; set VISUAL or EDITOR")]
    Run {
        /// The command.
        editor: String,
        /// What the system says.
        error: io::Error,
    },
    /// The editor ended with an error: the text is left as it was.
    #[error("the editor `{editor}` ended with {status}; the text is as it was")]
    Ended {
        /// The command.
        editor: String,
        /// How it ended.
        status: std::process::ExitStatus,
    },
}

/// The operator's editor: VISUAL, else EDITOR, else `vi`.
pub fn editor(env: &dyn Fn(&str) -> Option<String>) -> String {
    ["VISUAL", "EDITOR"]
        .iter()
        .find_map(|name| env(name).filter(|value| !value.trim().is_empty()))
        .unwrap_or_else(|| "vi".to_owned())
}

/// Removes the file when it goes.
struct Private(PathBuf);

impl Drop for Private {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Edits a text with a command (its words are split at blanks) in a file that only its owner can
/// read. Gives the new text, through the gate, without the line end that editors add.
pub fn edit(command: &str, folder: &Path, text: &str) -> Result<String, EditorError> {
    let (file, mut handle) = private(folder)?;
    let path = file.0.clone();
    let wrong = |error| EditorError::File { path: path.clone(), error };
    handle.write_all(text.as_bytes()).map_err(wrong)?;
    handle.flush().map_err(wrong)?;
    drop(handle);
    let mut words = command.split_whitespace();
    let status = Command::new(words.next().unwrap_or("vi"))
        .args(words)
        .arg(&path)
        .status()
        .map_err(|error| EditorError::Run { editor: command.to_owned(), error })?;
    if !status.success() {
        return Err(EditorError::Ended { editor: command.to_owned(), status });
    }
    let edited = fs::read(&path).map_err(wrong)?;
    let edited = String::from_utf8_lossy(&edited);
    let edited = edited.strip_suffix('\n').unwrap_or(&edited);
    Ok(text::clean_lines(edited).into_owned())
}

/// A new file of a name that nobody else has, mode 0600.
fn private(folder: &Path) -> Result<(Private, fs::File), EditorError> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut number = 0u32;
    loop {
        let path = folder.join(format!("medbay-{}-{number}.md", std::process::id()));
        match options.open(&path) {
            Ok(handle) => return Ok((Private(path), handle)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < 1_000 => {
                number += 1;
            }
            Err(error) => return Err(EditorError::File { path, error }),
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn script(folder: &Path, body: &str) -> String {
        let path = folder.join("editor.sh");
        fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        format!("sh {}", path.display())
    }

    #[test]
    fn the_text_comes_back_edited_and_the_file_is_private_and_gone() {
        let folder = tempfile::tempdir().unwrap();
        let command = script(
            folder.path(),
            "stat -c %a \"$1\" > \"$(dirname \"$1\")/mode\" 2>/dev/null || stat -f %Lp \"$1\" > \"$(dirname \"$1\")/mode\"\nprintf 'new\\033text\\n' > \"$1\"",
        );
        let edited = edit(&command, folder.path(), "old").unwrap();
        assert_eq!(edited, "new␛text");
        assert_eq!(fs::read_to_string(folder.path().join("mode")).unwrap().trim(), "600");
        let left = fs::read_dir(folder.path())
            .unwrap()
            .filter(|f| f.as_ref().unwrap().file_name().to_string_lossy().starts_with("medbay-"));
        assert_eq!(left.count(), 0);
    }

    #[test]
    fn an_editor_that_fails_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let command = script(folder.path(), "exit 3");
        assert!(matches!(edit(&command, folder.path(), "old"), Err(EditorError::Ended { .. })));
        let missing = edit("/no/such/editor", folder.path(), "old").unwrap_err();
        assert!(missing.to_string().starts_with("cannot run the editor `/no/such/editor`"));
    }
}
