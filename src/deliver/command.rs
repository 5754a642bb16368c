//! A command of the operator's, which carries an approved text wherever it likes.
//!
//! It is started without a shell, its words as configured, and reads one line of JSON on standard
//! input: the letter of the spool (`spool.rs`) and `format`, the run's log format. It has done its work
//! when it ends with status 0; otherwise the first line of its standard error says why not. It gets a
//! few variables of the environment and no more: keys of agents are none of its business.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::spool::Letter;
use crate::text;

/// What the ledger calls the channel.
pub const CHANNEL: &str = "command";
/// Variables that the command is to get, where they are set.
pub const VARIABLES: &[&str] = &["HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "PATH", "USER"];
/// How much of standard error is read, in bytes.
const MOST_ERROR: u64 = 16 * 1024;
/// Between two looks whether it has ended.
const LOOK: Duration = Duration::from_millis(20);

/// The command.
#[derive(Clone, Debug, Default)]
pub struct Carrier {
    /// The program and its words.
    pub argv: Vec<String>,
    /// Log formats of the runs that it carries texts to.
    pub formats: Vec<String>,
    /// How long it may take.
    pub limit: Duration,
    /// The variables that it gets.
    pub environment: BTreeMap<String, OsString>,
}

/// A letter, and which log format its run has.
#[derive(Serialize)]
struct Given<'a> {
    #[serde(flatten)]
    letter: &'a Letter<'a>,
    format: &'a str,
}

impl Carrier {
    /// Whether it ever carries anything.
    pub fn is_on(&self) -> bool {
        !self.argv.is_empty() && !self.formats.is_empty()
    }

    /// Whether it carries texts to runs of this log format.
    pub fn takes(&self, format: &str) -> bool {
        self.is_on() && self.formats.iter().any(|one| one == format)
    }

    /// Has the letter carried.
    ///
    /// # Errors
    /// Why it was not, in a sentence.
    pub fn carry(&self, letter: &Letter<'_>, format: &str) -> Result<(), String> {
        let (program, words) = self.argv.split_first().ok_or("no command is configured")?;
        let shown = text::excerpt(program, 120);
        let mut line = serde_json::to_vec(&Given { letter, format })
            .map_err(|e| format!("the letter cannot be written as JSON: {e}"))?;
        line.push(b'\n');
        let mut child = Command::new(program)
            .args(words)
            .env_clear()
            .envs(&self.environment)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| format!("the command {shown} cannot be started: {e}"))?;
        let stdin = child.stdin.take();
        let stderr = child.stderr.take();
        // A command may end without reading, or never read: neither may hold medbay up.
        thread::spawn(move || stdin.map(|mut pipe| pipe.write_all(&line)));
        let (said, heard) = mpsc::channel();
        thread::spawn(move || {
            let mut first = Vec::new();
            if let Some(pipe) = stderr {
                let mut pipe = pipe;
                let _ = (&mut pipe).take(MOST_ERROR).read_to_end(&mut first);
                let _ = said.send(first);
                // What else it says is taken and dropped, so that it is not held up.
                let _ = std::io::copy(&mut pipe, &mut std::io::sink());
            }
        });
        let status = match wait(&mut child, self.limit) {
            Ok(Some(status)) => status,
            Ok(None) => {
                end(&mut child);
                return Err(format!(
                    "the command {shown} was ended after {} s: whether it did its work is unknown",
                    self.limit.as_secs()
                ));
            }
            Err(e) => return Err(format!("the command {shown} cannot be waited for: {e}")),
        };
        if status.success() {
            return Ok(());
        }
        // A child of its own may hold standard error open.
        let said = heard.recv_timeout(Duration::from_secs(1)).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        let first =
            said.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it does not say why");
        Err(format!("the command {shown} {}: {}", ended(status), text::excerpt(first, 200)))
    }
}

fn wait(child: &mut Child, limit: Duration) -> std::io::Result<Option<ExitStatus>> {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        let left = limit.saturating_sub(began.elapsed());
        if left.is_zero() {
            return Ok(None);
        }
        thread::sleep(LOOK.min(left));
    }
}

/// Ends it and what it started, which is in its process group.
fn end(child: &mut Child) {
    let group = format!("-{}", child.id());
    let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
    let _ = child.kill();
    let _ = child.wait();
}

fn ended(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("ended with status {code}"),
        None => "was ended by a signal".to_owned(),
    }
}
