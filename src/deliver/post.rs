//! The post: carries approved texts to agents that neither ask nor read a spool, by typing them into
//! their terminal (`tmux.rs`) or by a command of the operator's (`command.rs`). Off until a log format
//! is named for one of them in the configuration.
//!
//! A thread of its own with a connection of its own: a command may take its time. A run that a hook or
//! a poll has spoken of, or that reads a spool, is left to that.
//!
//! The order of a delivery, and what a crash leaves behind: the text is leased; a file says that its
//! handing over has begun (`started.rs`); it is handed over; the ledger says so; the file is taken
//! away. Killed before the file: the lease runs out and the text is handed over. Killed after it:
//! nobody can tell whether it arrived, so it is not handed over again; it is shown as failed, and a
//! person looks and sends it again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use super::holder;
use super::outbox::Carried;
use super::spool::{Letter, Spool};
use super::started::Started;
use super::{command, tmux};
use crate::ledger::{GATE, Lease, Ledger, Result};
use crate::trace::RunId;

/// How soon another process's write is noticed.
const POLL: Duration = Duration::from_millis(200);
/// Between two rounds while nothing happens.
const ROUND: Duration = Duration::from_secs(1);
/// Between two looks at which panes there are.
const SURVEY: Duration = Duration::from_secs(5);
/// How much longer than the handing over a lease is good.
const MARGIN: Duration = Duration::from_secs(30);
/// How long a run is left to the hook or the poll that has spoken of it.
pub const HOOKS_SINCE: Duration = Duration::from_secs(24 * 3600);
/// Why a text is not handed over a second time.
const UNKNOWN: &str = "medbay ended while it was handing this over, and whether it arrived is unknown: look \
                       at the agent, then send it again by hand";

/// How texts are carried.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// Typing into a terminal.
    pub tmux: tmux::Carrier,
    /// The operator's command.
    pub command: command::Carrier,
    /// Where it is noted what has begun.
    pub started: PathBuf,
}

impl Setup {
    /// Whether anything is ever carried.
    pub fn is_on(&self) -> bool {
        self.tmux.is_on() || self.command.is_on()
    }
}

/// Where a run is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The name of its log format.
    pub format: String,
    /// Its working directory.
    pub directory: String,
    /// The latest time in its log.
    pub last: Option<Timestamp>,
}

#[derive(Debug, Default)]
struct Known {
    places: BTreeMap<RunId, Place>,
    typed_to: BTreeSet<RunId>,
    /// Counts how often that has changed.
    changes: u64,
}

/// Carries by tmux and by command.
#[derive(Debug)]
pub struct Carriers {
    setup: Setup,
    spool: Spool,
    started: Started,
    holder: String,
    known: Arc<Mutex<Known>>,
}

impl Carriers {
    /// Carriers of this process.
    pub fn new(setup: Setup, spool: Spool) -> Self {
        let started = Started::at(&setup.started);
        Self { setup, spool, started, holder: holder("post"), known: Arc::default() }
    }

    /// Where a run is: without that nothing is typed.
    pub fn place(&self, run: &RunId, place: Place) {
        lock(&self.known).places.insert(run.clone(), place);
    }

    /// One round: everything that is due.
    ///
    /// # Errors
    /// The ledger cannot be read or written. What was done until then stays done.
    pub fn turn(&self, ledger: &Ledger, now: Timestamp) -> Result<Vec<Carried>> {
        let began = Instant::now();
        let clock = || {
            let passed = SignedDuration::try_from(began.elapsed()).unwrap_or(SignedDuration::MAX);
            now.saturating_add(passed).unwrap_or(now)
        };
        let mut carried = Vec::new();
        for run in ledger.outgoing()? {
            if ledger.standing(&run)?.approved == 0 || self.spool.reaches(&run) {
                continue;
            }
            let since = now.checked_sub(HOOKS_SINCE).unwrap_or(Timestamp::MIN);
            if ledger.hook_seen(&run)?.is_some_and(|seen| seen.at >= since) {
                continue;
            }
            // What an agent asked is about no log.
            let mut entries = ledger.entries_of(&run)?.into_iter().map(|entry| entry.proposal);
            let Some(latest) = entries.rfind(|proposal| proposal.rule != GATE) else { continue };
            let format = latest.target.format;
            if self.setup.tmux.takes(&format) {
                self.type_one(ledger, &run, &clock, &mut carried)?;
            } else if self.setup.command.takes(&format) {
                while let Some(lease) = ledger.lease(
                    &run,
                    command::CHANNEL,
                    &self.holder,
                    self.setup.command.limit + MARGIN,
                    clock(),
                )? {
                    let how = |letter: &Letter<'_>| self.setup.command.carry(letter, &format);
                    carried.push(self.hand_over(ledger, &run, &lease, &clock, &how)?);
                }
            }
        }
        Ok(carried)
    }

    /// Types one text where the agent's prompt box is open for it; otherwise it stays approved.
    fn type_one(
        &self,
        ledger: &Ledger,
        run: &RunId,
        clock: &dyn Fn() -> Timestamp,
        carried: &mut Vec<Carried>,
    ) -> Result<()> {
        let Some(place) = self.only_run_there(run) else { return Ok(()) };
        let pane = match self.setup.tmux.ready(&place, clock()) {
            Ok(pane) => pane,
            Err(why) => {
                tracing::debug!(
                    "nothing is typed for the run {}: {why}",
                    crate::text::excerpt(run.as_str(), 80)
                );
                return Ok(());
            }
        };
        let ttl = tmux::LIMIT + MARGIN;
        if let Some(lease) = ledger.lease(run, tmux::CHANNEL, &self.holder, ttl, clock())? {
            let how = |letter: &Letter<'_>| self.setup.tmux.carry(letter, &place, &pane);
            carried.push(self.hand_over(ledger, run, &lease, clock, &how)?);
        }
        Ok(())
    }

    /// Where the run is, if no other run of its format was at work there later: a terminal shows only
    /// the latest.
    fn only_run_there(&self, run: &RunId) -> Option<Place> {
        let known = lock(&self.known);
        let place = known.places.get(run)?;
        let later = known.places.iter().any(|(other, at)| {
            other != run
                && at.format == place.format
                && at.directory == place.directory
                && at.last >= place.last
        });
        (!later).then(|| place.clone())
    }

    fn hand_over(
        &self,
        ledger: &Ledger,
        run: &RunId,
        lease: &Lease,
        clock: &dyn Fn() -> Timestamp,
        how: &dyn Fn(&Letter<'_>) -> std::result::Result<(), String>,
    ) -> Result<Carried> {
        let id = lease.proposal();
        let target = ledger.entry(id)?.proposal.target;
        let letter = Letter::new(lease.key(), id, run, &target.agent, lease.text(), target.step, clock());
        let came = match self.started.begin(lease.key()) {
            Ok(true) => how(&letter),
            Ok(false) => Err(UNKNOWN.to_owned()),
            Err(e) => Err(format!("{} cannot be written: {e}", self.setup.started.display())),
        };
        let now = clock();
        let carried = match came {
            Ok(()) => {
                ledger.delivered(lease, now)?;
                Carried::Delivered(id.clone())
            }
            Err(why) => {
                ledger.delivery_failed(lease, &why, now)?;
                Carried::Failed(id.clone())
            }
        };
        self.started.end(lease.key());
        Ok(carried)
    }

    /// Looks which runs there is a pane for.
    fn survey(&self, now: Timestamp) {
        let places: Vec<(RunId, Place)> = lock(&self.known)
            .places
            .iter()
            .filter(|(_, place)| self.setup.tmux.takes(&place.format))
            .map(|(run, place)| (run.clone(), place.clone()))
            .collect();
        let found = if places.is_empty() { BTreeSet::new() } else { self.setup.tmux.survey(&places, now) };
        let found = found.into_iter().filter(|run| self.only_run_there(run).is_some()).collect();
        let mut known = lock(&self.known);
        if known.typed_to != found {
            known.typed_to = found;
            known.changes += 1;
        }
    }
}

fn lock(known: &Mutex<Known>) -> MutexGuard<'_, Known> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The thread's end for others. Dropping it ends the thread, after what it is handing over.
#[derive(Debug)]
pub struct Post {
    known: Arc<Mutex<Known>>,
    command: command::Carrier,
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Post {
    /// Starts the thread; `say` is called on it with what was carried, or why nothing can be.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn start(
        setup: Setup,
        spool: Spool,
        ledger: Ledger,
        say: impl Fn(Result<Carried>) + Send + 'static,
    ) -> std::io::Result<Self> {
        let command = setup.command.clone();
        let carriers = Carriers::new(setup, spool);
        let known = Arc::clone(&carriers.known);
        let (stop, stopped) = sync_channel::<()>(0);
        let thread = std::thread::Builder::new().name("medbay-post".to_owned()).spawn(move || {
            let (mut version, mut last_round, mut last_survey) = (None, None::<Instant>, None::<Instant>);
            while stopped.recv_timeout(POLL) == Err(RecvTimeoutError::Timeout) {
                if carriers.setup.tmux.is_on() && last_survey.is_none_or(|at| at.elapsed() >= SURVEY) {
                    carriers.survey(Timestamp::now());
                    last_survey = Some(Instant::now());
                }
                let now = ledger.data_version().ok();
                if now == version && last_round.is_some_and(|at| at.elapsed() < ROUND) {
                    continue;
                }
                version = now;
                last_round = Some(Instant::now());
                match carriers.turn(&ledger, Timestamp::now()) {
                    Ok(carried) => carried.into_iter().for_each(|one| say(Ok(one))),
                    Err(error) => say(Err(error)),
                }
            }
        })?;
        Ok(Self { known, command, stop: Some(stop), thread: Some(thread) })
    }

    /// Where a run is.
    pub fn place(&self, run: &RunId, place: Place) {
        lock(&self.known).places.insert(run.clone(), place);
    }

    /// A number that changes when other runs can be reached.
    pub fn version(&self) -> u64 {
        lock(&self.known).changes
    }

    /// Through which channel a run of this format can be reached, if through any.
    pub fn reaches(&self, run: &RunId, format: &str) -> Option<&'static str> {
        if lock(&self.known).typed_to.contains(run) {
            return Some(tmux::CHANNEL);
        }
        self.command.takes(format).then_some(command::CHANNEL)
    }
}

impl Drop for Post {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
