//! The spool: a directory through which home-made agents are reached.
//!
//! ```text
//! SPOOL/RUN/inbox/KEY.json   medbay writes: {"id","proposal","run","agent","text","sha256",
//!                            "at","expires_at","expected_step"}
//! SPOOL/RUN/done/KEY.json    where the agent moves what it has read
//! SPOOL/RUN/acks/KEY.json    the agent writes: {"id","status","at","detail"},
//!                            status: delivered, applied, rejected or expired
//! ```
//!
//! An agent says that it reads its spool by making `SPOOL/RUN`; medbay makes the rest. `RUN` is the
//! run's name with everything but letters, digits, `.`, `_` and `-` replaced ([`directory_name`]). A
//! file is complete when it has its name: it is written under another, flushed and renamed. `sha256`
//! is of the text's bytes. Writing the same key again changes nothing.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::recover::{ProposalId, proposal::digest};
use crate::text;
use crate::trace::RunId;

/// Largest acknowledgement that is read, in bytes.
const LARGEST_ACK: u64 = 64 * 1024;
/// Longest directory name, in bytes.
const LONGEST_NAME: usize = 100;

/// A spool directory.
#[derive(Clone, Debug)]
pub struct Spool {
    root: PathBuf,
}

/// A text for an agent.
#[derive(Clone, Debug, Serialize)]
pub struct Letter<'a> {
    /// The delivery's key; also the file's name.
    pub id: &'a str,
    /// The proposal.
    pub proposal: &'a ProposalId,
    /// The run, as its log names it.
    pub run: &'a RunId,
    /// The agent in the run.
    pub agent: &'a str,
    /// The text that was approved.
    pub text: &'a str,
    /// SHA-256 of the text, 64 hex digits.
    pub sha256: String,
    /// When it was written.
    pub at: Timestamp,
    /// After this the agent is not to use it; `None`: whenever it comes.
    pub expires_at: Option<Timestamp>,
    /// The step that it is about, by its position in the run.
    pub expected_step: u32,
}

/// What an agent says of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ack {
    /// It has it.
    Delivered,
    /// It goes by it.
    Applied,
    /// It will not use it; why, through the gate.
    Refused(String),
}

#[derive(Deserialize)]
struct AckFile {
    id: String,
    status: String,
    #[serde(default)]
    detail: Option<String>,
}

impl Spool {
    /// The spool at `root`, which need not exist.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Whether the run's agent reads its spool: it made its directory.
    pub fn reaches(&self, run: &RunId) -> bool {
        self.of(run).is_dir()
    }

    /// The run's directory.
    pub fn of(&self, run: &RunId) -> PathBuf {
        self.root.join(directory_name(run.as_str()))
    }

    /// Lays a letter into the run's inbox, whole or not at all. A letter that is there already, read
    /// or not, is left as it is.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, letter: &Letter<'_>) -> io::Result<()> {
        let directory = self.of(letter.run);
        let name = file_name(letter.id);
        if ["inbox", "done", "acks"].iter().any(|part| directory.join(part).join(&name).exists()) {
            return Ok(());
        }
        let inbox = directory.join("inbox");
        for part in [&inbox, &directory.join("acks"), &directory.join("done")] {
            match DirBuilder::new().mode(0o700).create(part) {
                Ok(()) => {}
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(e),
            }
        }
        let body = serde_json::to_vec(letter)?;
        let unfinished = inbox.join(format!(".{name}.{}", std::process::id()));
        let written = write_whole(&unfinished, &body)
            .and_then(|()| fs::rename(&unfinished, inbox.join(&name)))
            .and_then(|()| File::open(&inbox)?.sync_all());
        if written.is_err() {
            // Best effort: what cannot be written often cannot be removed either.
            let _ = fs::remove_file(&unfinished);
        }
        written
    }

    /// What the agent said of the letter with this key, if anything yet. An acknowledgement that
    /// cannot be read counts as none.
    pub fn ack(&self, run: &RunId, key: &str) -> Option<Ack> {
        let path = self.of(run).join("acks").join(file_name(key));
        let mut bytes = Vec::new();
        File::open(path).ok()?.take(LARGEST_ACK).read_to_end(&mut bytes).ok()?;
        let said: AckFile = serde_json::from_slice(&bytes).ok()?;
        if said.id != key {
            return None;
        }
        Ack::read(&said.status, said.detail.as_deref().unwrap_or_default())
    }
}

impl Ack {
    /// What a status and its detail mean; `None`: nothing.
    pub(super) fn read(status: &str, detail: &str) -> Option<Self> {
        let detail = text::excerpt(detail, 300);
        match status {
            "delivered" => Some(Self::Delivered),
            "applied" | "confirmed" => Some(Self::Applied),
            "rejected" | "failed" => Some(Self::Refused(format!("the agent rejected it: {detail}"))),
            "expired" => Some(Self::Refused(format!("it came too late: {detail}"))),
            _ => None,
        }
    }
}

impl<'a> Letter<'a> {
    /// A letter with this text; its digest is made here.
    pub fn new(
        id: &'a str,
        proposal: &'a ProposalId,
        run: &'a RunId,
        agent: &'a str,
        text: &'a str,
        expected_step: u32,
        at: Timestamp,
    ) -> Self {
        Self { id, proposal, run, agent, text, sha256: digest(text), at, expires_at: None, expected_step }
    }
}

/// The directory of a run: its name where that is one plain path component; otherwise what is plain
/// of it, and eight digits of its digest, so that two runs never share one.
pub fn directory_name(run: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let fits = !run.is_empty()
        && run.len() <= LONGEST_NAME
        && run.chars().all(plain)
        && !run.starts_with(['.', '-']);
    if fits {
        return run.to_owned();
    }
    let tame: String = run.chars().map(|c| if plain(c) { c } else { '_' }).take(LONGEST_NAME - 9).collect();
    let digits = digest(run);
    format!("{}-{}", tame.trim_start_matches(['.', '-', '_']), text::clip(&digits, 8))
        .trim_start_matches('-')
        .to_owned()
}

/// A key as a file's name. Keys are medbay's own and plain; anything else is replaced.
fn file_name(key: &str) -> String {
    format!("{}.json", directory_name(key))
}

fn write_whole(path: &Path, body: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(body)?;
    file.write_all(b"\n")?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_plain_name_stays_and_another_is_told_apart() {
        assert_eq!(directory_name("5b0c-4e.run_1"), "5b0c-4e.run_1");
        assert_ne!(directory_name("a/b"), directory_name("a_b"));
        assert_ne!(directory_name("a/b"), directory_name("a:b"));
    }

    proptest! {
        #[test]
        fn no_name_leaves_the_spool(run in "\\PC{0,200}|(\\.\\./|/|[a-z]|\\.){0,40}") {
            let name = directory_name(&run);
            prop_assert!(!name.is_empty() && name.len() <= LONGEST_NAME);
            prop_assert!(!name.contains('/') && !name.starts_with('.'));
            prop_assert_eq!(Path::new(&name).components().count(), 1);
        }
    }
}
