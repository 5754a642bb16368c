//! The running engine: its threads, what they are given, and how they end.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc::Receiver;

use super::follow::{Follower, Signal, Signals};
use super::workers::Pool;
use super::{Assessor, Judge, Reach, RunDelta, Update};
use crate::format::Format;
use crate::source::{Change, Roots, StandardInput};
use crate::trace::RunId;

/// How many updates may wait for the owner of the board before the workers wait for it.
const UPDATES: usize = 256;

/// How many signals may wait for the follower; a lost one makes it look at everything.
const SIGNALS: usize = 4096;

/// Says through which channel a run can be reached: by its name and its format's name.
pub type ReachOf = Arc<dyn Fn(&RunId, &str) -> Reach + Send + Sync>;

/// Is shown each delta on the worker's thread, before the owner of the board gets it.
pub type Seen = Arc<dyn Fn(&Assessor, &RunDelta) + Send + Sync>;

/// How the engine works.
#[derive(Clone)]
pub struct Options {
    /// How runs are judged.
    pub judge: Judge,
    /// The log format that was asked for; `None`: each source shows its own.
    pub format: Option<&'static dyn Format>,
    /// Whether sources are followed. Otherwise everything is read once and the channel closes.
    pub follow: bool,
    /// How many threads read.
    pub workers: usize,
    /// A run that was written to within this time is live and is read; older ones are listed.
    pub live_within: Duration,
    /// How many older runs are read all the same when the operator named their directory.
    pub eager: usize,
    /// Whether the system's notifications are used; otherwise everything is polled.
    pub notifications: bool,
    /// Through which channel a run can be reached; `None`: none.
    pub reach: Option<ReachOf>,
    /// Who else wants to see each delta.
    pub seen: Option<Seen>,
}

impl Options {
    /// Following, with as many workers as the machine has use for.
    pub fn new(judge: Judge) -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            judge,
            format: None,
            follow: true,
            workers: cores.clamp(1, 4),
            live_within: Duration::from_secs(12 * 3600),
            eager: 200,
            notifications: true,
            reach: None,
            seen: None,
        }
    }
}

/// What is to be read.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// Files and directories.
    pub roots: Roots,
    /// Standard input too; it is laid into a private file below this directory.
    pub stdin: Option<PathBuf>,
}

/// The running engine. Dropping it stops its threads and waits for them.
pub struct Engine {
    pool: Arc<Pool>,
    signals: Signals,
    threads: Vec<JoinHandle<()>>,
}

impl Engine {
    /// Starts the threads. Updates come over the channel; it closes when everything has been read
    /// that will ever come (never while files are followed).
    pub fn start(sources: Sources, options: Options) -> io::Result<(Self, Receiver<Update>)> {
        let (updates, receiver) = tokio::sync::mpsc::channel(UPDATES);
        let (sender, heard) = std::sync::mpsc::sync_channel(SIGNALS);
        let signals = Signals::new(sender);
        let mut roots = sources.roots;
        let stdin = match sources.stdin {
            None => None,
            Some(directory) => {
                let signals = signals.clone();
                // The end is noticed like any other change.
                let stdin = StandardInput::start(&directory, move || {
                    signals.put(Signal::Change(Change::Everything));
                })?;
                roots.named.push(stdin.path().to_owned());
                Some(stdin)
            }
        };
        let workers = options.workers.max(1);
        let pool = Pool::new(options, updates);
        let mut engine = Self { pool: Arc::clone(&pool), signals: signals.clone(), threads: Vec::new() };
        for number in 0..workers {
            let (pool, signals) = (Arc::clone(&pool), signals.clone());
            engine.spawn(format!("medbay-read-{number}"), move || {
                pool.work(|| signals.put(Signal::Worked));
            })?;
        }
        let follower = Follower::new(pool, signals, heard, roots, stdin);
        engine.spawn("medbay-follow".to_owned(), move || follower.run())?;
        Ok((engine, receiver))
    }

    fn spawn(&mut self, name: String, life: impl FnOnce() + Send + 'static) -> io::Result<()> {
        self.threads.push(std::thread::Builder::new().name(name).spawn(life)?);
        Ok(())
    }

    /// Reads a run that is only listed, and reads it before others.
    pub fn open(&self, run: &RunId) {
        self.signals.put(Signal::Open(run.clone()));
    }

    /// Stops the threads and waits for them.
    pub fn shutdown(self) {
        drop(self);
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.pool.stop();
        self.signals.put(Signal::Stop);
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the engine had died");
            }
        }
    }
}
