//! Which files are logs, of which format, and which files are one run.
//!
//! Listing is cheap: a walk looks only at names, and of each candidate only the first
//! [`HEAD_BYTES`] are read, once for as long as the file's time and size stay the same.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use memchr::memrchr;

use super::SourceError;
use crate::format::{self, Format, Identity};
use crate::text;
use crate::trace::{Author, EventKind, FactOf, RunId};

/// How much of a file's beginning is read, in whole lines.
pub const HEAD_BYTES: usize = 64 * 1024;

/// How much is read when the first line is longer than that.
pub const LONG_HEAD_BYTES: usize = 1024 * 1024;

/// How deep a walk goes.
const DEPTH: usize = 16;

/// Directories that hold no logs and many files.
const PASSED_OVER: &[&str] = &[".git", "node_modules", "target", ".venv", "__pycache__"];

/// The longest title of a listed run, in bytes.
const TITLE_BYTES: usize = 120;

/// Where to look.
#[derive(Clone, Debug, Default)]
pub struct Roots {
    /// Files and directories that the operator named: each must be there.
    pub named: Vec<PathBuf>,
    /// Directories of agents, which may be missing and may appear later.
    pub of_agents: Vec<PathBuf>,
}

impl Roots {
    /// The directories under these homes of Claude Code, Codex and Gemini CLI.
    pub fn of_agents(claude: &Path, codex: &Path, gemini: &Path) -> Self {
        let logs = vec![claude.join("projects"), codex.join("sessions"), gemini.join("tmp")];
        Self { named: Vec::new(), of_agents: logs }
    }

    /// What the operator named.
    pub fn named(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        Self { named: paths.into_iter().collect(), of_agents: Vec::new() }
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Path> {
        self.named.iter().chain(&self.of_agents).map(PathBuf::as_path)
    }
}

/// A file that a format claims.
#[derive(Clone)]
pub struct FoundSource {
    /// Where it is.
    pub path: PathBuf,
    /// Its format.
    pub format: &'static dyn Format,
    /// Which run it belongs to, and whose source in it it is.
    pub identity: Identity,
    /// Bytes there when it was found.
    pub size: u64,
    /// When it was last written to.
    pub modified: SystemTime,
    /// What its first records say, for lists; through the gate.
    pub brief: Brief,
}

/// What the first records say of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Brief {
    /// The title, or the first words of its user.
    pub title: String,
    /// The model.
    pub model: String,
    /// The working directory.
    pub working_directory: String,
    /// The first time.
    pub began: Option<jiff::Timestamp>,
}

/// Files that are one run.
#[derive(Clone)]
pub struct FoundRun {
    /// Its name.
    pub id: RunId,
    /// The format of its main source.
    pub format: &'static dyn Format,
    /// Its files: the main one first if it is there, then in the order of their paths.
    pub sources: Vec<FoundSource>,
}

impl FoundRun {
    /// When one of its files was last written to.
    pub fn modified(&self) -> SystemTime {
        self.sources.iter().map(|source| source.modified).max().unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// Bytes of all its files.
    pub fn size(&self) -> u64 {
        self.sources.iter().map(|source| source.size).sum()
    }
}

/// A file that may be a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Where it is.
    pub path: PathBuf,
    /// Bytes there.
    pub size: u64,
    /// When it was last written to.
    pub modified: SystemTime,
    /// Whether the operator named this very file.
    pub named: bool,
}

/// What a file turned out to be.
#[derive(Clone)]
pub enum Looked {
    /// A log.
    Log(Box<FoundSource>),
    /// Nothing can be said yet: empty, or its first line is not whole.
    TooEarly,
    /// No format claims it.
    NoLog,
}

/// Finds logs. Remembers what it has looked at.
pub struct Discoverer {
    format: Option<&'static dyn Format>,
    known: HashMap<PathBuf, (SystemTime, u64, Looked)>,
}

/// Why a listing is shorter than somebody may expect.
pub type Hidden = SourceError;

impl Discoverer {
    /// A discoverer; `format`: take every candidate for a log of this format.
    pub fn new(format: Option<&'static dyn Format>) -> Self {
        Self { format, known: HashMap::new() }
    }

    /// The files that may be logs, the latest first; and what could not be looked at.
    pub fn candidates(&self, roots: &Roots) -> (Vec<Candidate>, Vec<Hidden>) {
        let mut walk = Walk::default();
        for path in &roots.named {
            match fs::metadata(path) {
                Err(error) => walk.hidden.push(SourceError::of(path, error)),
                Ok(there) if there.is_dir() => walk.directory(path, 0),
                Ok(there) => {
                    walk.file(path, &there, true);
                    walk.companions(path);
                }
            }
        }
        for path in &roots.of_agents {
            if path.exists() {
                walk.directory(path, 0);
            }
        }
        let mut candidates = walk.candidates;
        candidates.sort_by(|a, b| b.modified.cmp(&a.modified).then_with(|| a.path.cmp(&b.path)));
        (candidates, walk.hidden)
    }

    /// Looks at one file's beginning.
    pub fn look(&mut self, path: &Path) -> Result<Looked, SourceError> {
        let there = fs::metadata(path).map_err(|error| SourceError::of(path, error))?;
        let modified = there.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        let size = there.len();
        if let Some((m, s, looked)) = self.known.get(path)
            // A large file that no format claimed will not become a log by growing.
            && ((*m, *s) == (modified, size)
                || (matches!(looked, Looked::NoLog) && *s >= HEAD_BYTES as u64 && size > *s))
        {
            return Ok(looked.clone());
        }
        let head = Head::of(path).map_err(|error| SourceError::of(path, error))?;
        let looked = self.judge(path, &head, size, modified);
        self.known.insert(path.to_owned(), (modified, size, looked.clone()));
        Ok(looked)
    }

    /// Forgets what was seen of a file.
    pub fn forget(&mut self, path: &Path) {
        self.known.remove(path);
    }

    fn judge(&self, path: &Path, head: &Head, size: u64, modified: SystemTime) -> Looked {
        let lines = head.lines();
        let Some(format) = self.format.or_else(|| format::sniff(&lines)) else {
            let early = size == 0 || (lines.is_empty() && size < LONG_HEAD_BYTES as u64);
            return if early { Looked::TooEarly } else { Looked::NoLog };
        };
        if lines.is_empty() {
            return Looked::TooEarly;
        }
        let beside = beside(path);
        let identity = format.identify(&slashed(path), &lines, beside.as_deref());
        let brief = brief(format, &identity, &lines);
        Looked::Log(Box::new(FoundSource { path: path.to_owned(), format, identity, size, modified, brief }))
    }

    /// All runs below the roots, in the order of their first paths, and what stands in the way: what
    /// `check` and `doctor` want. A named file that is no log is an error; among the files of a
    /// directory the logs are picked out, and only a directory without any is one.
    pub fn runs(&mut self, roots: &Roots) -> (Vec<FoundRun>, Vec<Hidden>) {
        let (mut candidates, mut hidden) = self.candidates(roots);
        candidates.sort_by(|a, b| a.path.cmp(&b.path));
        let mut found = Vec::new();
        for candidate in candidates {
            let path = candidate.path.clone();
            match self.look(&path) {
                Ok(Looked::Log(source)) => found.push(*source),
                Ok(Looked::TooEarly) if candidate.named => hidden.push(if candidate.size == 0 {
                    SourceError::Empty { path }
                } else {
                    SourceError::NoLog { path }
                }),
                Ok(Looked::NoLog) if candidate.named => hidden.push(SourceError::NoLog { path }),
                Ok(Looked::TooEarly | Looked::NoLog) => {
                    tracing::debug!("no log: {}", path.display());
                }
                Err(error) => hidden.push(error),
            }
        }
        for path in &roots.named {
            if path.is_dir()
                && !found.iter().any(|source| source.path.starts_with(path))
                && !hidden.iter().any(|error| error.path().starts_with(path))
            {
                hidden.push(SourceError::NoLogs { path: path.clone() });
            }
        }
        (group(found), hidden)
    }
}

/// Groups sources into runs.
pub fn group(sources: Vec<FoundSource>) -> Vec<FoundRun> {
    let mut runs: Vec<FoundRun> = Vec::new();
    let mut by_id: HashMap<RunId, usize> = HashMap::new();
    // Main sources first, so that a sub-agent's file finds its run, and a second main source of the
    // same name becomes a run of its own.
    let (mains, agents): (Vec<_>, Vec<_>) =
        sources.into_iter().partition(|source| source.identity.agent.is_none());
    for source in mains {
        let id = free_id(&source, |id| by_id.contains_key(id));
        by_id.insert(id.clone(), runs.len());
        runs.push(FoundRun { id, format: source.format, sources: vec![source] });
    }
    for source in agents {
        let id = source.identity.run.clone();
        match by_id.get(&id).and_then(|index| runs.get_mut(*index)) {
            Some(run) => run.sources.push(source),
            None => {
                by_id.insert(id.clone(), runs.len());
                runs.push(FoundRun { id, format: source.format, sources: vec![source] });
            }
        }
    }
    runs
}

/// The run's name, or where that is taken one made longer by the file's directory, then by its path.
pub fn free_id(source: &FoundSource, taken: impl Fn(&RunId) -> bool) -> RunId {
    let id = &source.identity.run;
    if !taken(id) {
        return id.clone();
    }
    let directory = source
        .path
        .parent()
        .and_then(Path::file_name)
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let longer = RunId::new(format!("{id} ({directory})"));
    if !directory.is_empty() && !taken(&longer) {
        return longer;
    }
    RunId::new(format!("{id} ({})", source.path.display()))
}

impl SourceError {
    /// The path that it is about.
    pub fn path(&self) -> &Path {
        match self {
            Self::Missing { path }
            | Self::Denied { path }
            | Self::NoLog { path }
            | Self::Empty { path }
            | Self::NoLogs { path }
            | Self::Io { path, .. } => path,
        }
    }
}

/// Whether a file's name is one that logs have.
pub fn is_log_name(path: &Path) -> bool {
    let document = || {
        let name = path.file_stem().is_some_and(|name| name.to_string_lossy().starts_with("session-"));
        name && path.parent().is_some_and(|folder| folder.ends_with("chats"))
    };
    path.extension().is_some_and(|extension| {
        extension == "jsonl" || extension == "ndjson" || (extension == "json" && document())
    })
}

/// The directories beside a run's main file that hold its sub-agents' files: that of the same name, and
/// for Gemini CLI's `session-TIME-ID` those whose names begin with the session's id, which is cut short
/// in the file's.
pub fn companions(path: &Path) -> Vec<PathBuf> {
    let same = path.with_extension("");
    let mut found: Vec<PathBuf> = (same != path && same.is_dir()).then_some(same).into_iter().collect();
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let session = stem.strip_prefix("session-").and_then(|rest| rest.rsplit('-').next());
    if let (Some(session), Some(folder)) = (session.filter(|s| s.len() >= 8), path.parent())
        && let Ok(entries) = fs::read_dir(folder)
    {
        let of_it = entries.flatten().filter(|entry| {
            entry.file_type().is_ok_and(|kind| kind.is_dir())
                && entry.file_name().to_string_lossy().starts_with(session)
        });
        found.extend(of_it.map(|entry| entry.path()));
    }
    found
}

#[derive(Default)]
struct Walk {
    candidates: Vec<Candidate>,
    hidden: Vec<Hidden>,
    seen: HashSet<PathBuf>,
}

impl Walk {
    fn directory(&mut self, path: &Path, depth: usize) {
        let entries = match fs::read_dir(path) {
            Ok(entries) => entries,
            Err(error) => return self.hidden.push(SourceError::of(path, error)),
        };
        for entry in entries.flatten() {
            let path = entry.path();
            let Ok(kind) = entry.file_type() else {
                continue;
            };
            if kind.is_dir() {
                let name = entry.file_name();
                if depth < DEPTH && !PASSED_OVER.iter().any(|passed| name == *passed) {
                    self.directory(&path, depth + 1);
                }
            } else if is_log_name(&path)
                // Links to files are followed, links to directories are not: they may lead in circles.
                && let Ok(there) = fs::metadata(&path)
                && there.is_file()
            {
                self.file(&path, &there, false);
            }
        }
    }

    /// The files of the sub-agents of a run of which the main file was named.
    fn companions(&mut self, path: &Path) {
        for directory in companions(path) {
            self.directory(&directory, 1);
        }
    }

    fn file(&mut self, path: &Path, there: &fs::Metadata, named: bool) {
        if !self.seen.insert(path.to_owned()) {
            return;
        }
        self.candidates.push(Candidate {
            path: path.to_owned(),
            size: there.len(),
            modified: there.modified().unwrap_or(SystemTime::UNIX_EPOCH),
            named,
        });
    }
}

/// The first lines of a file.
struct Head {
    bytes: Vec<u8>,
}

impl Head {
    fn of(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let mut bytes = Vec::with_capacity(HEAD_BYTES);
        file.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut bytes)?;
        if bytes.len() == HEAD_BYTES && !bytes.contains(&b'\n') {
            file.take((LONG_HEAD_BYTES - HEAD_BYTES) as u64).read_to_end(&mut bytes)?;
        }
        // Whole lines only; a single line without an end is whole if it is whole JSON.
        match memrchr(b'\n', &bytes) {
            Some(end) => bytes.truncate(end + 1),
            None if serde_json::from_slice::<serde::de::IgnoredAny>(&bytes).is_ok() => {}
            None => bytes.clear(),
        }
        Ok(Self { bytes })
    }

    fn lines(&self) -> Vec<&[u8]> {
        let mut splitter = super::Splitter::new(0);
        let mut places = Vec::new();
        splitter.push(&self.bytes, |at, _| places.push(at));
        splitter.finish(|at, _| places.push(at));
        places
            .iter()
            .filter_map(|at| {
                let start = usize::try_from(at.offset).ok()?;
                self.bytes.get(start..start + at.length as usize)
            })
            .collect()
    }
}

/// The bytes of the `.meta.json` beside a log.
fn beside(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path.with_extension("meta.json"))
        .ok()?
        .take(HEAD_BYTES as u64)
        .read_to_end(&mut bytes)
        .ok()?;
    Some(bytes)
}

/// A path as text, `/` between its parts.
fn slashed(path: &Path) -> String {
    let text = path.to_string_lossy();
    if std::path::MAIN_SEPARATOR == '/' {
        text.into_owned()
    } else {
        text.replace(std::path::MAIN_SEPARATOR, "/")
    }
}

fn brief(format: &'static dyn Format, identity: &Identity, lines: &[&[u8]]) -> Brief {
    let mut brief = Brief::default();
    let mut titled = false;
    let mut reader = format.reader(identity);
    for line in lines {
        reader.read(line, &mut |event| {
            if brief.began.is_none() {
                brief.began = event.time;
            }
            match event.kind {
                EventKind::Fact { of, text } => match of {
                    FactOf::Title => {
                        brief.title = text::excerpt(&text, TITLE_BYTES);
                        titled = true;
                    }
                    FactOf::Model => brief.model = text::excerpt(&text, TITLE_BYTES),
                    FactOf::WorkingDirectory => {
                        brief.working_directory = text::excerpt(&text, TITLE_BYTES * 2);
                    }
                    FactOf::Version => {}
                },
                EventKind::Prompt { text, author: Author::Person | Author::Agent }
                    if !titled && brief.title.is_empty() =>
                {
                    brief.title = text::excerpt(&text, TITLE_BYTES);
                }
                _ => {}
            }
        });
    }
    brief
}
