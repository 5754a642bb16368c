//! The workers: a small pool of threads. Each run is read by one worker at a time; the run that was
//! opened last, then the one that was written to last, comes first. Work is cut into short stretches,
//! so that a gigabyte in one run does not keep the others waiting.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;

use super::ahead;
use super::board::{Reach, Update};
use super::reading::Reading;
use super::{Judge, Options, RunDelta};
use crate::source::{FoundRun, FoundSource};

/// How often progress of a long reading is shown.
const SHOW_EVERY: Duration = Duration::from_millis(150);

/// The least time before a run whose sources came out of order is read again.
const SETTLE: Duration = Duration::from_millis(500);

/// How many files may be held open by runs that have nothing to read.
const HELD_OPEN: usize = 200;

/// So many changes between two looks make a run one that is written to all the time.
const DENSE: u8 = 3;

/// How long a worker waits for a full channel before it looks whether it should stop.
const FULL: Duration = Duration::from_millis(1);

/// What decides who is next: opened runs by when, then the rest by when they were written to.
type Priority = Reverse<(u64, SystemTime)>;

/// One run, as the pool knows it.
pub(super) struct Slot {
    pub(super) found: FoundRun,
    /// Whether the run is read at all; otherwise it is only listed.
    pub(super) assessed: bool,
    /// When it was opened, counted up; 0: never.
    pub(super) opened: u64,
    last_queued: Option<Instant>,
    /// How often it has changed since, at most 255.
    changes: u8,
    /// It had changed so often between two looks that it is written to all the time.
    dense: bool,
    /// When it is to be looked at again without anything having changed; also in [`State::due`].
    due: Option<Instant>,
    reading: Option<Reading>,
    incoming: Vec<FoundSource>,
    stage: Stage,
    /// Something changed while it was being read.
    again: bool,
    close: bool,
    /// When it may be read again because its sources came out of order.
    read_again_at: Option<Instant>,
    first_read: bool,
    shown: Shown,
    /// Its end, shown while it is read for the first time.
    ahead: Option<Box<RunDelta>>,
}

/// What the board has been told of a run.
#[derive(Clone, Copy, Default)]
struct Shown {
    at: Option<Instant>,
    restarts: u32,
    news: bool,
    gone: bool,
    /// How long it took to read it again, the last time.
    read_again_took: Duration,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Idle,
    Queued,
    Running,
}

impl Slot {
    pub(super) fn new(found: FoundRun) -> Self {
        Self {
            found,
            assessed: false,
            opened: 0,
            last_queued: None,
            changes: 0,
            dense: false,
            due: None,
            reading: None,
            incoming: Vec::new(),
            stage: Stage::Idle,
            again: false,
            close: false,
            read_again_at: None,
            first_read: false,
            shown: Shown::default(),
            ahead: None,
        }
    }

    fn priority(&self) -> Priority {
        Reverse((self.opened, self.found.modified()))
    }
}

/// What the pool's threads share. Held only to hand work over, never while reading.
#[derive(Default)]
pub(super) struct State {
    pub(super) slots: Vec<Slot>,
    queue: BTreeSet<(Priority, usize)>,
    due: BTreeSet<(Instant, usize)>,
    /// Runs whose first reading is not through.
    first_readings: usize,
    /// Everything that was there at the start has been found.
    pub(super) found_all: bool,
    caught_up: bool,
}

impl State {
    /// Queues a run, or lets the worker that reads it go round once more.
    pub(super) fn queue(&mut self, index: usize) {
        let Some(slot) = self.slots.get_mut(index) else {
            return;
        };
        if !slot.assessed {
            slot.assessed = true;
            self.first_readings += 1;
        }
        slot.last_queued = Some(Instant::now());
        slot.dense = std::mem::take(&mut slot.changes) >= DENSE;
        match slot.stage {
            Stage::Idle => {
                slot.stage = Stage::Queued;
                self.queue.insert((slot.priority(), index));
            }
            Stage::Queued => {}
            Stage::Running => slot.again = true,
        }
    }

    /// A run has changed. From when it may be looked at again; `None`: it never was.
    pub(super) fn touched(&mut self, index: usize, pause: Duration, dense: Duration) -> Option<Instant> {
        let slot = self.slots.get_mut(index)?;
        slot.changes = slot.changes.saturating_add(1);
        Some(slot.last_queued? + if slot.dense { dense } else { pause })
    }

    /// Puts a run before all others.
    pub(super) fn open(&mut self, index: usize, order: u64) {
        if let Some(slot) = self.slots.get_mut(index) {
            self.queue.remove(&(slot.priority(), index));
            slot.opened = order;
            if slot.stage == Stage::Queued {
                self.queue.insert((slot.priority(), index));
            }
        }
        self.queue(index);
    }

    /// A run has another source.
    pub(super) fn add_source(&mut self, index: usize, source: FoundSource) {
        if let Some(slot) = self.slots.get_mut(index) {
            self.queue.remove(&(slot.priority(), index));
            slot.incoming.push(source.clone());
            slot.found.sources.push(source);
            if slot.stage == Stage::Queued {
                self.queue.insert((slot.priority(), index));
            }
        }
    }

    /// It is known better whose source it is. Whether that changes anything for a run that is read.
    pub(super) fn identify(&mut self, index: usize, source: FoundSource) -> bool {
        let Some(slot) = self.slots.get_mut(index) else { return false };
        let Some(known) = slot.found.sources.iter_mut().find(|known| known.path == source.path) else {
            return false;
        };
        if known.identity == source.identity || known.identity.run != source.identity.run {
            return false;
        }
        known.identity.clone_from(&source.identity);
        slot.incoming.push(source);
        slot.assessed
    }

    /// A run's sources will not grow any more.
    pub(super) fn close(&mut self, index: usize) {
        if let Some(slot) = self.slots.get_mut(index) {
            slot.close = true;
        }
        self.queue(index);
    }

    /// Looks at a run at this time, or earlier if it is due earlier.
    pub(super) fn look_later(&mut self, index: usize, at: Instant) {
        let Some(slot) = self.slots.get_mut(index) else {
            return;
        };
        if let Some(due) = slot.due {
            if due <= at {
                return;
            }
            self.due.remove(&(due, index));
        }
        slot.due = Some(at);
        self.due.insert((at, index));
    }

    /// The time at which a run is due, the earliest.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Queues what is due.
    pub(super) fn queue_due(&mut self, now: Instant) {
        while let Some((due, index)) = self.due.first().copied()
            && due <= now
        {
            self.due.remove(&(due, index));
            if let Some(slot) = self.slots.get_mut(index) {
                slot.due = None;
            }
            self.queue(index);
        }
    }

    /// Whether nothing is left to read.
    pub(super) fn idle(&self) -> bool {
        self.queue.is_empty()
            && self.due.is_empty()
            && self.slots.iter().all(|slot| slot.stage == Stage::Idle)
    }

    /// Whether the owner of the board is to be told, now, that it has caught up.
    fn just_caught_up(&mut self) -> bool {
        let now = self.found_all && self.first_readings == 0 && !self.caught_up;
        self.caught_up |= now;
        now
    }
}

/// The pool.
pub(super) struct Pool {
    state: Mutex<State>,
    ready: Condvar,
    stop: AtomicBool,
    updates: Mutex<Option<Sender<Update>>>,
    options: Options,
    open_files: AtomicUsize,
}

impl Pool {
    pub(super) fn new(options: Options, updates: Sender<Update>) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            ready: Condvar::new(),
            stop: AtomicBool::new(false),
            updates: Mutex::new(Some(updates)),
            options,
            open_files: AtomicUsize::new(0),
        })
    }

    pub(super) fn options(&self) -> &Options {
        &self.options
    }

    /// The shared state. A worker that died holding it left it whole: every change is one assignment.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state, then wakes the workers.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state();
        let result = change(&mut state);
        let wake = !state.queue.is_empty();
        drop(state);
        if wake {
            self.ready.notify_all();
        }
        result
    }

    pub(super) fn stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        // Whoever is between its look at the flag and its wait holds the lock.
        drop(self.state());
        self.ready.notify_all();
    }

    /// Stops, and closes the channel: nothing more will come.
    pub(super) fn end(&self) {
        self.stop();
        self.sender().take();
    }

    fn sender(&self) -> MutexGuard<'_, Option<Sender<Update>>> {
        self.updates.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends an update to the owner of the board. `false`: nobody listens any more.
    pub(super) fn send(&self, update: Update) -> bool {
        let Some(updates) = self.sender().clone() else {
            return false;
        };
        let mut update = update;
        loop {
            match updates.try_send(update) {
                Ok(()) => return true,
                Err(TrySendError::Closed(_)) => {
                    self.stop();
                    return false;
                }
                Err(TrySendError::Full(back)) => {
                    if self.stopped() {
                        return false;
                    }
                    update = back;
                    std::thread::park_timeout(FULL);
                }
            }
        }
    }

    /// Tells the owner of the board once that it has caught up, if it has.
    pub(super) fn tell_caught_up(&self) {
        let now = self.state().just_caught_up();
        if now {
            self.send(Update::CaughtUp);
        }
    }

    /// A worker's life. `finished` is called when the follower may want to do something.
    pub(super) fn work(&self, finished: impl Fn()) {
        let mut buffer = Vec::new();
        while let Some(mut job) = self.next() {
            let worked = job.run(self, &mut buffer);
            let tell = worked.read_again_at.is_some() || job.close;
            self.hand_back(job, worked);
            self.tell_caught_up();
            if tell {
                finished();
            }
        }
    }

    fn next(&self) -> Option<Job> {
        let mut state = self.state();
        loop {
            if self.stopped() {
                return None;
            }
            if let Some((_, index)) = state.queue.pop_first()
                && let Some(slot) = state.slots.get_mut(index)
            {
                slot.stage = Stage::Running;
                slot.again = false;
                let incoming = std::mem::take(&mut slot.incoming);
                let fresh = slot.reading.is_none();
                return Some(Job {
                    index,
                    reading: slot.reading.take().unwrap_or_else(|| reading(&slot.found, &self.options.judge)),
                    incoming: if fresh { Vec::new() } else { incoming },
                    close: slot.close,
                    read_again_at: slot.read_again_at,
                    shown: slot.shown,
                    fresh: fresh.then(|| slot.found.clone()),
                    ahead: slot.ahead.take(),
                });
            }
            state = self.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn hand_back(&self, job: Job, worked: Done) {
        let mut state = self.state();
        if let Some(at) = worked.read_again_at {
            state.look_later(job.index, at);
        }
        let State { slots, queue, first_readings, .. } = &mut *state;
        let Some(slot) = slots.get_mut(job.index) else {
            return;
        };
        if !slot.first_read && !worked.more {
            slot.first_read = true;
            *first_readings = first_readings.saturating_sub(1);
        }
        slot.read_again_at = worked.read_again_at;
        slot.shown = job.shown;
        slot.ahead = job.ahead;
        slot.reading = Some(job.reading);
        slot.stage = Stage::Idle;
        if worked.more || slot.again {
            slot.stage = Stage::Queued;
            queue.insert((slot.priority(), job.index));
            self.ready.notify_one();
        }
    }
}

fn reading(found: &FoundRun, judge: &Judge) -> Reading {
    let mut found = found.clone();
    // The main source first, then by path: the order in which everybody numbers them.
    found
        .sources
        .sort_by(|a, b| (a.identity.agent.is_some(), &a.path).cmp(&(b.identity.agent.is_some(), &b.path)));
    Reading::new(&found, judge.clone())
}

/// A run in a worker's hands.
struct Job {
    index: usize,
    reading: Reading,
    incoming: Vec<FoundSource>,
    close: bool,
    read_again_at: Option<Instant>,
    shown: Shown,
    /// The run as it was found, if nothing has been read of it.
    fresh: Option<FoundRun>,
    ahead: Option<Box<RunDelta>>,
}

/// What became of a stretch of work.
struct Done {
    more: bool,
    read_again_at: Option<Instant>,
}

impl Job {
    fn run(&mut self, pool: &Pool, buffer: &mut Vec<u8>) -> Done {
        let began = Instant::now();
        let held = self.reading.open_files();
        if let Some(found) = self.fresh.take().filter(|_| pool.options.follow) {
            self.ahead = ahead::end_of(&found).map(Box::new);
            self.show_ahead(pool);
        }
        for source in self.incoming.drain(..) {
            self.reading.add(&source);
            self.shown.news = true;
        }
        if self.close {
            self.reading.close();
        }
        let may_be_read_again = self.read_again_at.is_some_and(|at| at <= began);
        if may_be_read_again && self.reading.out_of_order() {
            self.reading.restart();
            self.read_again_at = None;
        }
        let mut worked = self.reading.work(buffer);
        self.shown.news |= worked.news;
        // A run that is read again is not shown before it is where it was: nothing moves under a
        // reader for that.
        let again = self.reading.restarts() != self.shown.restarts;
        if again {
            while worked.more && !pool.stopped() {
                worked = self.reading.work(buffer);
            }
            self.shown.news = true;
            self.shown.read_again_took = began.elapsed();
        }
        self.show(pool, worked.more);
        self.keep_open_few(pool, held);
        let late = self.reading.out_of_order() && !worked.more;
        // Reading again may take no more than a tenth of the time.
        let wait = SETTLE.max(self.shown.read_again_took * 10);
        Done {
            more: worked.more,
            read_again_at: late.then(|| self.read_again_at.unwrap_or_else(|| Instant::now() + wait)),
        }
    }

    fn show(&mut self, pool: &Pool, more: bool) {
        let first = self.shown.at.is_none();
        let due = self.shown.at.is_none_or(|at| at.elapsed() >= SHOW_EVERY);
        let gone = self.reading.gone().map(str::to_owned);
        if more && self.ahead.is_some() {
            // The end stays on the screen until all that stands before it has been read.
            if due {
                self.show_ahead(pool);
            }
        } else if (self.shown.news || first) && (!more || due) {
            self.ahead = None;
            let reach = pool.options.reach(self.reading.id(), &self.reading);
            let delta = self.reading.delta(reach);
            pool.options.seen(&self.reading, &delta);
            pool.send(Update::Run(Box::new(delta)));
            self.shown = Shown {
                at: Some(Instant::now()),
                restarts: self.reading.restarts(),
                news: false,
                gone: false,
                ..self.shown
            };
        }
        if let Some(reason) = gone.filter(|_| !self.shown.gone) {
            self.shown.gone = true;
            pool.send(Update::Gone { run: self.reading.id().clone(), reason });
        }
    }

    /// Shows the run's end, and how far the reading is.
    fn show_ahead(&mut self, pool: &Pool) {
        let Some(ahead) = &mut self.ahead else { return };
        ahead.summary.reach = pool.options.reach(self.reading.id(), &self.reading);
        for (shown, now) in ahead.summary.sources.iter_mut().zip(self.reading.views()) {
            shown.read = now.read;
            shown.size = shown.size.max(now.size);
        }
        pool.send(Update::Run(ahead.clone()));
        self.shown.at = Some(Instant::now());
    }

    /// Closes files where too many are open: with a thousand files the system's limit is near.
    fn keep_open_few(&mut self, pool: &Pool, held: usize) {
        let now = self.reading.open_files();
        let others = pool.open_files.load(Ordering::Relaxed).saturating_sub(held);
        if others + now > HELD_OPEN {
            self.reading.rest();
        }
        let kept = self.reading.open_files();
        if kept >= held {
            pool.open_files.fetch_add(kept - held, Ordering::Relaxed);
        } else {
            pool.open_files.fetch_sub(held - kept, Ordering::Relaxed);
        }
    }
}

impl Options {
    fn reach(&self, run: &crate::trace::RunId, reading: &Reading) -> Reach {
        self.reach.as_ref().map_or(Reach::Observed, |reach| reach(run, reading.format().name()))
    }

    fn seen(&self, reading: &Reading, delta: &RunDelta) {
        if let Some(seen) = &self.seen {
            seen(reading.assessor(), delta);
        }
    }
}
