//! The courier: one thread that hands approved texts to agents' own servers, which medbay speaks to of
//! its own accord. It has its own connection to the ledger, so that a server that is slow to answer keeps
//! nobody else waiting; who takes up which text is settled by leases, as between processes.
//!
//! To add a server: a file beside this one with a type that implements [`Server`], and a line where the
//! console makes its servers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::holder;
use crate::ledger::{Lease, Ledger, LedgerError};
use crate::recover::{Remedy, Scope};
use crate::trace::RunId;

/// Between two looks at the ledger.
const LOOK: Duration = Duration::from_millis(250);
/// Between two rounds while the ledger does not change: grace times end.
const ROUND: Duration = Duration::from_secs(1);
/// How long what a server said of its runs is believed while nothing is to be sent.
const FRESH: Duration = Duration::from_secs(3);
/// How long a server that could not be reached is left alone.
const APART: Duration = Duration::from_secs(10);
/// How long a lease is good: longer than the slowest answer that is waited for.
const LEASE: Duration = Duration::from_secs(30);
/// The agent that a server speaks to.
const MAIN: &str = "main";

/// A text to be handed over.
#[derive(Clone, Copy, Debug)]
pub struct Parcel<'a> {
    /// To whose agent.
    pub run: &'a RunId,
    /// The text that was approved.
    pub text: &'a str,
    /// What the text is known by.
    pub key: &'a str,
    /// The tag by which it is found again.
    pub tag: &'a str,
    /// The turn that it was approved for, where one is known: it is good for no other.
    pub turn: Option<&'a str>,
    /// Whether the agent is to stop with it.
    pub stop: bool,
    /// Whether somebody may have handed it over already.
    pub again: bool,
}

/// What came of handing a text over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handing {
    /// The server has taken it.
    Taken,
    /// The agent has it already.
    There,
    /// The turn that it was for is over; why, one clause.
    Over(String),
    /// It was not taken; why, one clause.
    Failed(String),
}

/// A server of an agent.
pub trait Server: Send {
    /// What the ledger calls the channel.
    fn channel(&self) -> &'static str;

    /// The runs that it can hand a text to now; the error is for the log.
    ///
    /// # Errors
    /// It cannot be reached.
    fn runs(&mut self) -> Result<Vec<RunId>, String>;

    /// Hands a text over, byte for byte.
    fn hand(&mut self, parcel: &Parcel<'_>) -> Handing;
}

/// Which runs can be reached by some server, and through which channel.
type Reached = Arc<Mutex<BTreeMap<RunId, &'static str>>>;

/// The thread. Dropping it ends it.
#[derive(Debug)]
pub struct Courier {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
    reached: Reached,
}

impl Courier {
    /// Opens the ledger and starts the thread.
    ///
    /// # Errors
    /// The ledger cannot be opened; or, as `Ok(Err(…))`, no thread be started.
    pub fn start(ledger: &Path, servers: Vec<Box<dyn Server>>) -> Result<std::io::Result<Self>, LedgerError> {
        let ledger = Ledger::open(ledger)?;
        let reached = Reached::default();
        let mut round = Round {
            ledger,
            servers: servers.into_iter().map(Known::new).collect(),
            holder: holder("courier"),
            reached: Arc::clone(&reached),
            seen: None,
        };
        let (stop, stopped) = channel();
        let thread =
            std::thread::Builder::new().name("medbay-courier".to_owned()).spawn(move || round.keep(&stopped));
        Ok(thread.map(|thread| Self { stop: Some(stop), thread: Some(thread), reached }))
    }

    /// The runs that can be reached by some server, and through which channel.
    pub fn reached(&self) -> BTreeMap<RunId, &'static str> {
        self.reached.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Courier {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A panic in it has been reported where it happened.
            let _ = thread.join();
        }
    }
}

/// A server, and what is known of it.
struct Known {
    server: Box<dyn Server>,
    runs: BTreeSet<RunId>,
    asked: Option<Instant>,
    /// It could not be reached.
    apart: bool,
}

impl Known {
    fn new(server: Box<dyn Server>) -> Self {
        Self { server, runs: BTreeSet::new(), asked: None, apart: false }
    }

    /// Asks the server for its runs, unless that is not worth it. `wanted`: something is to be sent.
    fn ask(&mut self, wanted: bool) {
        let age = self.asked.map(|asked| asked.elapsed());
        let limit = match (self.apart, wanted) {
            (true, _) => APART,
            (false, true) => Duration::ZERO,
            (false, false) => FRESH,
        };
        if age.is_some_and(|age| age < limit) {
            return;
        }
        match self.server.runs() {
            Ok(runs) => {
                self.runs = runs.into_iter().collect();
                self.apart = false;
            }
            Err(why) => {
                if !self.apart {
                    tracing::info!("{} cannot be reached: {why}", self.server.channel());
                }
                self.runs.clear();
                self.apart = true;
            }
        }
        self.asked = Some(Instant::now());
    }
}

struct Round {
    ledger: Ledger,
    servers: Vec<Known>,
    holder: String,
    reached: Reached,
    /// The state of the ledger at the last round, and when that was.
    seen: Option<(i64, Instant)>,
}

impl Round {
    fn keep(&mut self, stopped: &Receiver<()>) {
        loop {
            if let Err(error) = self.turn(Timestamp::now()) {
                tracing::warn!("{error}");
            }
            match stopped.recv_timeout(LOOK) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn turn(&mut self, now: Timestamp) -> Result<(), LedgerError> {
        let version = self.ledger.data_version()?;
        if self.seen.is_some_and(|(seen, at)| seen == version && at.elapsed() < ROUND) {
            return Ok(());
        }
        self.seen = Some((version, Instant::now()));
        let mut due = Vec::new();
        for run in self.ledger.outgoing()? {
            if self.ledger.standing_for(&run, Some(MAIN))?.approved > 0 {
                due.push(run);
            }
        }
        let mut reached = BTreeMap::new();
        for known in &mut self.servers {
            known.ask(!due.is_empty());
            for run in due.iter().filter(|run| known.runs.contains(run)) {
                send(&self.ledger, known.server.as_mut(), &self.holder, run, now)?;
            }
            let channel = known.server.channel();
            reached.extend(known.runs.iter().map(|run| (run.clone(), channel)));
        }
        *self.reached.lock().unwrap_or_else(PoisonError::into_inner) = reached;
        Ok(())
    }
}

/// Hands over everything that is due for a run.
fn send(
    ledger: &Ledger,
    server: &mut dyn Server,
    holder: &str,
    run: &RunId,
    now: Timestamp,
) -> Result<(), LedgerError> {
    while let Some(lease) = ledger.lease_for(run, Some(MAIN), server.channel(), holder, LEASE, now)? {
        let proposal = ledger.entry(lease.proposal())?.proposal;
        let tag = lease.proposal().tag();
        let handing = server.hand(&Parcel {
            run,
            text: lease.text(),
            key: lease.key(),
            tag: &tag,
            turn: (proposal.target.scope == Scope::Turn).then_some(proposal.target.turn.as_str()),
            stop: proposal.remedy == Remedy::Stop,
            again: lease.again(),
        });
        record(ledger, &lease, handing)?;
    }
    Ok(())
}

fn record(ledger: &Ledger, lease: &Lease, handing: Handing) -> Result<(), LedgerError> {
    let now = Timestamp::now();
    match handing {
        Handing::Taken => drop(ledger.delivered(lease, now)?),
        Handing::There => drop(ledger.confirm(lease.proposal(), None, now)?),
        Handing::Failed(why) => drop(ledger.delivery_failed(lease, &why, now)?),
        Handing::Over(why) => {
            ledger.delivery_failed(lease, &why, now)?;
            ledger.supersede(lease.proposal(), &why, now)?;
        }
    }
    Ok(())
}
