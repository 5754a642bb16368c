//! The follower: one thread that finds runs, hears of changes and hands runs to the workers. It reads
//! no records itself.
//!
//! At the start everything that is to be read is looked at first and handed over together; runs that
//! are only listed follow in small portions, with changes handled between them. Afterwards it sleeps
//! until something changes, or until a slow look at everything is due.

mod change;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant, SystemTime};

use crate::engine::board::Update;
use crate::engine::listed::listed;
use crate::engine::workers::{Pool, Slot};
use crate::source::discover::{Candidate, Looked, free_id, group};
use crate::source::watch::SLOW_POLL;
use crate::source::{Change, Discoverer, FoundRun, FoundSource, Roots, SourceError, StandardInput, Watch};
use crate::text;
use crate::trace::RunId;

/// The least time between two looks at one run.
const PAUSE: Duration = Duration::from_millis(4);

/// The same for a run that is written to all the time: more looks would show no more frames.
const DENSE_PAUSE: Duration = Duration::from_millis(16);

/// How many listed runs are looked at before changes are handled.
const PORTION: usize = 32;

/// How often everything is walked through although the system tells of changes.
const WALK: Duration = Duration::from_secs(60);

/// What the follower hears.
pub(super) enum Signal {
    Change(Change),
    /// Read this run, and before the others.
    Open(RunId),
    /// A worker has finished something.
    Worked,
    Stop,
}

/// Where signals are put: never blocks, and notes when one was lost.
#[derive(Clone)]
pub(super) struct Signals {
    sender: SyncSender<Signal>,
    lost: Arc<AtomicBool>,
}

impl Signals {
    pub(super) fn new(sender: SyncSender<Signal>) -> Self {
        Self { sender, lost: Arc::new(AtomicBool::new(false)) }
    }

    pub(super) fn put(&self, signal: Signal) {
        if self.sender.try_send(signal).is_err() {
            self.lost.store(true, Ordering::Release);
        }
    }
}

pub(super) struct Follower {
    pool: Arc<Pool>,
    signals: Signals,
    heard: Receiver<Signal>,
    roots: Roots,
    stdin: Option<StandardInput>,
    discoverer: Discoverer,
    watch: Option<Watch>,
    by_path: BTreeMap<PathBuf, usize>,
    by_run: HashMap<RunId, usize>,
    /// Size and time of followed files when they were last looked at.
    seen: HashMap<PathBuf, (SystemTime, u64)>,
    /// Directories of which everything below is ours.
    deep: Vec<PathBuf>,
    backlog: VecDeque<Candidate>,
    /// Problems that have been told: each once.
    told: HashSet<String>,
    stdin_closed: bool,
    opened: u64,
    last_walk: Instant,
    walk_took: Duration,
    last_poll: Instant,
}

impl Follower {
    pub(super) fn new(
        pool: Arc<Pool>,
        signals: Signals,
        heard: Receiver<Signal>,
        roots: Roots,
        stdin: Option<StandardInput>,
    ) -> Self {
        let discoverer = Discoverer::new(pool.options().format);
        let now = Instant::now();
        Self {
            pool,
            signals,
            heard,
            roots,
            stdin,
            discoverer,
            watch: None,
            by_path: BTreeMap::new(),
            by_run: HashMap::new(),
            seen: HashMap::new(),
            deep: Vec::new(),
            backlog: VecDeque::new(),
            told: HashSet::new(),
            stdin_closed: false,
            opened: 0,
            last_walk: now,
            walk_took: Duration::ZERO,
            last_poll: now,
        }
    }

    /// The follower's life.
    pub(super) fn run(mut self) {
        self.make_absolute();
        let follow = self.pool.options().follow;
        if follow {
            // Watched first and looked at then: what comes in between is heard of.
            self.watch_roots();
        }
        self.find();
        loop {
            if self.pool.stopped() {
                return;
            }
            self.list_some();
            if self.is_over() {
                self.pool.end();
                return;
            }
            let wait = if self.backlog.is_empty() { self.patience(follow) } else { Duration::ZERO };
            match self.heard.recv_timeout(wait) {
                Ok(Signal::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(signal) => {
                    self.handle(signal);
                    // What else has come in the meantime, so that ten events are one look.
                    for _ in 0..1024 {
                        match self.heard.try_recv() {
                            Ok(Signal::Stop) => return,
                            Ok(signal) => self.handle(signal),
                            Err(_) => break,
                        }
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            if self.signals.lost.swap(false, Ordering::AcqRel) {
                self.handle(Signal::Change(Change::Everything));
            }
            self.pool.change(|state| state.queue_due(Instant::now()));
            if follow {
                self.poll();
            }
        }
    }

    fn make_absolute(&mut self) {
        for path in self.roots.named.iter_mut().chain(&mut self.roots.of_agents) {
            if let Ok(absolute) = std::path::absolute(&*path) {
                *path = absolute;
            }
        }
    }

    /// Whether everything has been read that will ever come.
    fn is_over(&mut self) -> bool {
        if !self.backlog.is_empty() {
            return false;
        }
        let only_stdin = self.roots.of_agents.is_empty()
            && self
                .stdin
                .as_ref()
                .is_some_and(|stdin| self.roots.named.iter().all(|path| path == stdin.path()));
        if !(self.stdin_has_ended() && (only_stdin || !self.pool.options().follow)) {
            return false;
        }
        self.close_stdin();
        self.pool.state().idle()
    }

    fn stdin_has_ended(&self) -> bool {
        self.stdin.as_ref().is_none_or(StandardInput::ended)
    }

    fn patience(&self, follow: bool) -> Duration {
        let now = Instant::now();
        let due = self.pool.state().next_due().map(|due| due.saturating_duration_since(now));
        let look = match &self.watch {
            Some(watch) if follow => watch.patience(),
            // Nothing is followed: a worker's signal or the end of standard input comes.
            _ => SLOW_POLL,
        };
        due.map_or(look, |due| due.min(look))
    }

    // What is there.

    fn watch_roots(&mut self) {
        for path in self.roots.all() {
            let is_file = self.roots.named.iter().any(|named| named == path) && !path.is_dir();
            let home = if is_file { path.with_extension("") } else { path.to_owned() };
            // A file without an extension has no directory of its own name beside it.
            if !(is_file && home == path) {
                self.deep.push(home);
            }
        }
        let mut watch = if self.pool.options().notifications {
            let (named, deep) = (self.roots.named.clone(), self.deep.clone());
            let wanted = move |path: &Path| is_ours(path, &named, &deep);
            let signals = self.signals.clone();
            Watch::start(wanted, move |change| signals.put(Signal::Change(change)))
        } else {
            Watch::polling()
        };
        for path in self.roots.named.iter().filter(|path| !path.is_dir()) {
            if let Some(parent) = path.parent() {
                watch.directory(parent, false);
            }
        }
        for path in self.deep.iter().filter(|path| path.is_dir()) {
            watch.directory(path, true);
        }
        self.watch = Some(watch);
    }

    /// Looks for everything that is there. What is to be read is handed over at once, the rest listed
    /// bit by bit.
    fn find(&mut self) {
        let began = Instant::now();
        let (candidates, hidden) = self.discoverer.candidates(&self.roots);
        for error in hidden {
            self.tell(&error);
        }
        let options = self.pool.options();
        let live_since = SystemTime::now().checked_sub(options.live_within).unwrap_or(SystemTime::UNIX_EPOCH);
        let everything = !options.follow;
        let mut eager = options.eager;
        let (mut read, mut listed): (Vec<Candidate>, Vec<Candidate>) = candidates
            .into_iter()
            .filter(|candidate| !self.by_path.contains_key(&candidate.path))
            .partition(|candidate| {
                if everything || candidate.named || candidate.modified >= live_since {
                    return true;
                }
                let by_hand = self.roots.named.iter().any(|root| candidate.path.starts_with(root));
                let taken = by_hand && eager > 0;
                eager -= usize::from(taken);
                taken
            });
        // Files of the same runs, however old: a run is read whole.
        let homes: HashSet<PathBuf> =
            read.iter().map(|candidate| candidate.path.with_extension("")).collect();
        let mut with_them = Vec::new();
        listed.retain(|candidate| {
            let belongs = candidate.path.ancestors().skip(1).any(|above| homes.contains(above));
            if belongs {
                with_them.push(candidate.clone());
            }
            !belongs
        });
        read.append(&mut with_them);
        self.read_these(&read);
        self.backlog = listed.into();
        self.walk_took = began.elapsed();
        self.last_walk = Instant::now();
    }

    fn read_these(&mut self, candidates: &[Candidate]) {
        let mut found = Vec::new();
        let close = !self.pool.options().follow;
        let growing =
            self.stdin.as_ref().filter(|stdin| close && !stdin.ended()).map(|stdin| stdin.path().to_owned());
        for candidate in candidates {
            // What is read once is read when it is whole.
            if growing.as_ref() != Some(&candidate.path) {
                found.extend(self.look(candidate));
            }
        }
        let mut touched = Vec::new();
        for run in group(found) {
            for source in run.sources {
                touched.push(self.place(source).0);
            }
        }
        self.pool.change(|state| {
            for index in touched {
                if close {
                    state.close(index);
                } else {
                    state.queue(index);
                }
            }
        });
        self.close_stdin();
    }

    /// Lists some of the runs that are not read.
    fn list_some(&mut self) {
        let portion = self.backlog.len().min(PORTION);
        let candidates: Vec<Candidate> = self.backlog.drain(..portion).collect();
        for candidate in &candidates {
            if self.by_path.contains_key(&candidate.path) {
                continue;
            }
            let Some(source) = self.look(candidate) else {
                continue;
            };
            let brief = source.brief.clone();
            let (index, is_new) = self.place(source);
            let listed = {
                let state = self.pool.state();
                state
                    .slots
                    .get(index)
                    .filter(|slot| !slot.assessed)
                    .map(|slot| listed(&slot.found, is_new.then_some(&brief)))
            };
            match listed {
                Some(delta) => {
                    self.pool.send(Update::Run(Box::new(delta)));
                }
                // A source of a run that is being read.
                None => self.pool.change(|state| state.queue(index)),
            }
        }
        if self.backlog.is_empty() {
            self.pool.state().found_all = true;
            self.pool.tell_caught_up();
        }
    }

    fn look(&mut self, candidate: &Candidate) -> Option<FoundSource> {
        match self.discoverer.look(&candidate.path) {
            Ok(Looked::Log(source)) => Some(*source),
            Ok(Looked::NoLog) if candidate.named => {
                self.tell(&SourceError::NoLog { path: candidate.path.clone() });
                None
            }
            Ok(Looked::TooEarly | Looked::NoLog) => None,
            Err(error) => {
                self.tell(&error);
                None
            }
        }
    }

    /// Gives a source its place in a run, new or known: the run's number, and whether it is new.
    fn place(&mut self, source: FoundSource) -> (usize, bool) {
        if let Some(index) = self.by_path.get(&source.path) {
            return (*index, false);
        }
        self.seen.insert(source.path.clone(), (source.modified, source.size));
        let is_main = source.identity.agent.is_none();
        let known = self.by_run.get(&source.identity.run).copied();
        let joins = known.filter(|index| {
            let state = self.pool.state();
            let has_main = state
                .slots
                .get(*index)
                .is_some_and(|slot| slot.found.sources.iter().any(|s| s.identity.agent.is_none()));
            !(is_main && has_main)
        });
        if let Some(index) = joins {
            self.by_path.insert(source.path.clone(), index);
            self.pool.state().add_source(index, source);
            return (index, false);
        }
        let id = free_id(&source, |id| self.by_run.contains_key(id));
        let path = source.path.clone();
        let found = FoundRun { id: id.clone(), format: source.format, sources: vec![source] };
        let index = {
            let mut state = self.pool.state();
            state.slots.push(Slot::new(found));
            state.slots.len() - 1
        };
        self.by_run.insert(id, index);
        self.by_path.insert(path, index);
        (index, true)
    }

    fn tell(&mut self, error: &SourceError) {
        let sentence = text::excerpt(&error.to_string(), 600);
        if self.told.insert(sentence.clone()) {
            self.pool.send(Update::Problem(sentence));
        }
    }
}

/// Whether a path is, or stands below, what we were asked to look at.
fn is_ours(path: &Path, named: &[PathBuf], deep: &[PathBuf]) -> bool {
    named.iter().any(|root| root == path) || deep.iter().any(|root| path.starts_with(root))
}
