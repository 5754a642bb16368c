//! opencode's store as a source. It keeps its sessions in a SQLite file whose rows change in place; what
//! is read must be there to be read again, so each state of a part that will not change further, and each
//! call as it begins to run, is copied as one line into a file of the session, and that file is followed
//! like any other.
//!
//! ```text
//! INTO/SESSION.jsonl              {"opencode":{"run","title","directory","version"},"info":{…},"parts":[{…}]}
//! INTO/SESSION/SUB-SESSION.jsonl  the same of a sub-agent's session
//! ```
//!
//! The store is opened for reading alone. Two processes that copy at once may write a line twice; whoever
//! reads takes it once.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, params};
use serde_json::{Map, Value, json};

/// Between two looks at the store.
const LOOK: Duration = Duration::from_millis(250);
/// How long another process's lock is waited for.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a parent's chain may be.
const DEEPEST: usize = 16;

/// A store that is copied while it grows. Dropping it ends the thread.
#[derive(Debug)]
pub struct Mirror {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Mirror {
    /// Starts to copy what has changed since `since` from `store`, which need not be there yet, into the
    /// directory `into`.
    ///
    /// # Errors
    /// The directory cannot be made, or no thread be started.
    pub fn start(store: PathBuf, into: PathBuf, since: Timestamp) -> io::Result<Self> {
        let mut copy = Copy::new(store, into, since.as_millisecond())?;
        let (stop, stopped) = channel::<()>();
        let thread = std::thread::Builder::new().name("medbay-opencode".to_owned()).spawn(move || {
            let mut told = false;
            loop {
                match copy.turn() {
                    Ok(()) => told = false,
                    // A locked store is free again soon; anything else is said once.
                    Err(error) if !told => {
                        tracing::warn!("opencode's store cannot be read, {}: {error}", copy.store.display());
                        told = true;
                    }
                    Err(_) => {}
                }
                if !matches!(stopped.recv_timeout(LOOK), Err(RecvTimeoutError::Timeout)) {
                    return;
                }
            }
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }

    /// Copies what is in the store now, whatever its age.
    ///
    /// # Errors
    /// The store cannot be read, or the directory not written.
    pub fn once(store: &Path, into: &Path) -> Result<(), MirrorError> {
        Copy::new(store.to_owned(), into.to_owned(), 0)?.turn()
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Why a store cannot be copied.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    /// The store.
    #[error(transparent)]
    Store(#[from] rusqlite::Error),
    /// The copy.
    #[error(transparent)]
    Copy(#[from] io::Error),
}

struct Copy {
    store: PathBuf,
    into: PathBuf,
    open: Option<Connection>,
    version: i64,
    /// The latest change that was copied, in milliseconds since 1970.
    since: i64,
    /// What was copied: a part's id and the state it was in.
    copied: HashSet<String>,
    files: HashMap<String, File>,
}

/// What became of a part.
#[derive(PartialEq, Eq)]
enum Copied {
    /// It was copied, or there is nothing to copy of it.
    Done,
    /// It is words that are still being written.
    Unfinished,
}

/// A changed part with its message and its session.
struct Row {
    part: String,
    message: String,
    session: String,
    changed: i64,
    part_data: String,
    message_data: String,
    title: String,
    directory: String,
    version: String,
}

impl Copy {
    fn new(store: PathBuf, into: PathBuf, since: i64) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&into)?;
        Ok(Self {
            store,
            into,
            open: None,
            version: -1,
            since,
            copied: HashSet::new(),
            files: HashMap::new(),
        })
    }

    fn turn(&mut self) -> Result<(), MirrorError> {
        if self.open.is_none() {
            if !self.store.exists() {
                return Ok(());
            }
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let store = Connection::open_with_flags(&self.store, flags)?;
            store.busy_timeout(PATIENCE)?;
            self.open = Some(store);
        }
        let Some(store) = &self.open else { return Ok(()) };
        let version: i64 = store.query_row("PRAGMA data_version", [], |row| row.get(0))?;
        if version == self.version {
            return Ok(());
        }
        let mut parents = HashMap::new();
        let mut found = Vec::new();
        for row in rows(store, self.since)? {
            let root = root(store, &row.session, &mut parents)?;
            found.push((row, root));
        }
        // In the order in which they were begun, which their ids have: the words that lead to a call may
        // be at their end after the call has begun. What follows unfinished words waits for them.
        found.sort_by(|(a, _), (b, _)| a.part.cmp(&b.part));
        let mut unfinished = HashSet::new();
        let (mut latest, mut waits) = (self.since, i64::MAX);
        for (row, root) in found {
            let changed = row.changed;
            latest = latest.max(changed);
            if unfinished.contains(&row.message) || self.copy(&row, &root)? == Copied::Unfinished {
                waits = waits.min(changed);
                unfinished.insert(row.message);
            }
        }
        self.since = latest.min(waits);
        self.version = version;
        Ok(())
    }

    fn copy(&mut self, row: &Row, root: &str) -> io::Result<Copied> {
        let object = |text: &str| match serde_json::from_str(text) {
            Ok(Value::Object(object)) => object,
            _ => Map::new(),
        };
        let (mut part, mut info) = (object(&row.part_data), object(&row.message_data));
        let Some(state) = settled(&part, info.get("role").and_then(Value::as_str)) else {
            let words = matches!(part.get("type").and_then(Value::as_str), Some("text" | "reasoning"));
            return Ok(if words { Copied::Unfinished } else { Copied::Done });
        };
        let key = format!("{} {state}", row.part);
        let file = self.file(&row.session, root)?;
        if !self.copied.insert(key) {
            return Ok(Copied::Done);
        }
        part.insert("id".to_owned(), row.part.clone().into());
        info.insert("id".to_owned(), row.message.clone().into());
        info.insert("sessionID".to_owned(), row.session.clone().into());
        // Whole diffs, which nobody reads.
        if info.get("summary").is_some_and(Value::is_object) {
            info.remove("summary");
        }
        let line = json!({
            "timestamp": row.changed,
            "opencode": {"run": root, "title": row.title, "directory": row.directory, "version": row.version},
            "info": info,
            "parts": [part],
        });
        if let Some(file) = self.files.get_mut(&file) {
            // In one piece, so that two processes do not write into each other's lines.
            file.write_all(format!("{line}\n").as_bytes())?;
        }
        Ok(Copied::Done)
    }

    /// Opens a session's copy, and reads what it has.
    fn file(&mut self, session: &str, root: &str) -> io::Result<String> {
        if self.files.contains_key(session) {
            return Ok(session.to_owned());
        }
        let folder = if session == root { self.into.clone() } else { self.into.join(plain(root)) };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let path = folder.join(format!("{}.jsonl", plain(session)));
        let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(&path)?;
        let mut there = String::new();
        file.read_to_string(&mut there)?;
        for line in there.lines() {
            let Ok(line) = serde_json::from_str::<Value>(line) else { continue };
            let part = line.pointer("/parts/0").and_then(Value::as_object);
            let role = line.pointer("/info/role").and_then(Value::as_str);
            if let Some(part) = part
                && let Some(state) = settled(part, role)
                && let Some(id) = part.get("id").and_then(Value::as_str)
            {
                self.copied.insert(format!("{id} {state}"));
            }
        }
        self.files.insert(session.to_owned(), file);
        Ok(session.to_owned())
    }
}

/// The state of a part that is worth a line: its last, or that of a call that runs.
fn settled<'p>(part: &'p Map<String, Value>, role: Option<&str>) -> Option<&'p str> {
    let at = |pointer: &[&str]| {
        let first = part.get(*pointer.first()?)?;
        pointer.iter().skip(1).try_fold(first, |value, key| value.get(key))
    };
    match part.get("type").and_then(Value::as_str)? {
        "tool" => {
            let status = at(&["state", "status"]).and_then(Value::as_str)?;
            // A sub-agent's call names its session only when that has begun.
            let session = at(&["state", "metadata", "sessionId"]).is_some();
            match (status, session) {
                ("pending", _) => None,
                ("running", true) => Some("running with session"),
                (status, _) => Some(status),
            }
        }
        "text" | "reasoning" if role == Some("assistant") => at(&["time", "end"]).map(|_| "written"),
        _ => Some("there"),
    }
}

/// A session's id as a file's name.
fn plain(id: &str) -> String {
    id.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c } else { '_' }).collect()
}

fn rows(store: &Connection, since: i64) -> rusqlite::Result<Vec<Row>> {
    store
        .prepare_cached(
            "SELECT p.id, p.message_id, p.session_id, p.time_updated, p.data, m.data, s.title, s.directory,
                    s.version
             FROM part p JOIN message m ON m.id = p.message_id JOIN session s ON s.id = p.session_id
             WHERE p.time_updated >= ?1 ORDER BY p.time_updated, p.id",
        )?
        .query_map(params![since], |row| {
            Ok(Row {
                part: row.get(0)?,
                message: row.get(1)?,
                session: row.get(2)?,
                changed: row.get(3)?,
                part_data: row.get(4)?,
                message_data: row.get(5)?,
                title: row.get(6)?,
                directory: row.get(7)?,
                version: row.get(8)?,
            })
        })?
        .collect()
}

/// The session that a session's run is named after: the first of its parents.
fn root(store: &Connection, session: &str, known: &mut HashMap<String, String>) -> rusqlite::Result<String> {
    if let Some(root) = known.get(session) {
        return Ok(root.clone());
    }
    let mut at = session.to_owned();
    for _ in 0..DEEPEST {
        let parent: Option<String> = store
            .prepare_cached("SELECT parent_id FROM session WHERE id = ?1")?
            .query_row([&at], |row| row.get(0))?;
        match parent {
            Some(parent) => at = parent,
            None => break,
        }
    }
    known.insert(session.to_owned(), at.clone());
    Ok(at)
}
