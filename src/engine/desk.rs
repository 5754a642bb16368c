//! The desk's keeper: one thread that owns a connection to the ledger. It puts down what is proposed,
//! records what is decided, sends what is due through the spool, takes receipts, and says when the
//! ledger has changed, whoever changed it. What takes its time to be sent goes by the post, and agents'
//! servers have the courier, each on a thread of its own.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::board::{Reach, Reached};
use super::guard::{GuardView, Switch};
use super::proposer::{Endpoint, Proposer};
use super::watching::watch;
use crate::deliver::Arrived;
use crate::deliver::courier::{Courier, Server};
use crate::deliver::gate;
use crate::deliver::outbox::{self, Carried, Outbox};
use crate::deliver::post::{self, HOOKS_SINCE, Place, Post};
use crate::deliver::spool::Spool;
use crate::ledger::{
    Arrival, Chain, Decided, Entry, GATE, Ledger, LedgerError, Move, Operator, Rewrite, State, Undo, Verdict,
    as_sent,
};
use crate::recover::policy::Act;
use crate::recover::proposer::charged;
use crate::recover::{Mode, Policy, Proposal, ProposalId, Ruling, Scope, Target, Trail, Used};
use crate::trace::RunId;

/// How soon another process's write is noticed.
const POLL: Duration = Duration::from_millis(200);
/// Between two rounds of the outbox while nothing happens.
const ROUND: Duration = Duration::from_secs(1);
/// How many entries of the history are shown.
const HISTORY: usize = 500;

/// What the desk must know of a run as it now stands.
#[derive(Clone, Debug)]
pub struct RunNews {
    /// The run.
    pub run: RunId,
    /// How many steps it has.
    pub steps: u32,
    /// The name of the model that judges it.
    pub model: String,
    /// Its working directory; empty where it is not known.
    pub workflow: String,
    /// What is proposed for it.
    pub proposals: Vec<Proposal>,
    /// Where its agents are.
    pub turns: Vec<Turns>,
    /// Its end, where something is followed.
    pub trail: Trail,
    /// Operator's texts that were seen in its log, with the record.
    pub receipts: Vec<(Arrived, u32)>,
    /// Anchors of calls that have ended, the last few.
    pub over: Vec<u64>,
    /// Where the run is; `None`: nobody knows.
    pub place: Option<Place>,
}

impl RunNews {
    /// Nothing is known of the run but that it is there.
    pub fn none(run: RunId) -> Self {
        Self {
            run,
            steps: 0,
            model: String::new(),
            workflow: String::new(),
            proposals: Vec::new(),
            turns: Vec::new(),
            trail: Trail::default(),
            receipts: Vec::new(),
            over: Vec::new(),
            place: None,
        }
    }
}

/// Where an agent is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turns {
    /// Its name.
    pub agent: String,
    /// The turn that it is in, where the log names turns.
    pub turn: String,
    /// How often a person has spoken to it.
    pub spoken: u32,
    /// Steps before this one are long past: a person has spoken to it several times since.
    pub long_past: Option<u32>,
    /// Its latest message with nothing against it.
    pub clean: Option<u32>,
}

/// How the desk is kept.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The ledger's file.
    pub ledger: PathBuf,
    /// Where approved texts are laid for home-made agents.
    pub spool: PathBuf,
    /// Who decides.
    pub operator: String,
    /// How long an approval can be undone.
    pub grace: Duration,
    /// What may be proposed and spent.
    pub policy: Policy,
    /// Who writes in place of templates, if anybody.
    pub proposer: Option<Endpoint>,
    /// How texts are carried to agents that neither ask nor read a spool.
    pub post: post::Setup,
}

/// What the keeper is asked.
#[derive(Debug)]
pub enum Ask {
    /// A run has changed.
    News(Box<RunNews>),
    /// Record a decision.
    Decide {
        /// On what.
        proposal: ProposalId,
        /// What was said.
        verdict: Verdict,
        /// The text that was on the screen.
        seen: String,
    },
    /// Take an approval or a veto back.
    Undo(ProposalId),
    /// Send a failed delivery again.
    Retry(ProposalId),
    /// Show the ledger as it stands.
    Show,
    /// Walk the chain of decisions.
    Verify,
}

/// What the keeper says.
#[derive(Clone, Debug)]
pub enum Said {
    /// The ledger as it stands.
    Ledger {
        /// What waits, is on its way or has failed.
        desk: Vec<Entry>,
        /// Everything, the latest first.
        history: Vec<Entry>,
        /// What a model wrote for proposals that wait, or why it did not.
        rewrites: HashMap<ProposalId, Rewrite>,
        /// Runs that can be reached, and those that are held.
        reach: Vec<(RunId, Reached)>,
    },
    /// What limits recoveries, as it stands; with each [`Said::Ledger`].
    Guard(Box<GuardView>),
    /// A policy approved a new proposal.
    Ruled(ProposalId, Ruling),
    /// Everything was stopped, or the policy holds again, or was so already: one clause.
    Guarded(String),
    /// It is in the ledger: what, in one clause.
    Done(ProposalId, String),
    /// It was refused: why, in one sentence.
    Refused(ProposalId, String),
    /// The chain of decisions.
    Chain(Chain),
    /// Something was sent, or arrived, or failed to.
    Carried(Carried),
    /// The ledger cannot be used: one sentence.
    Lost(String),
}

/// Whether an edited text can be sent for a proposal: where an agent asked, it must be an answer.
///
/// # Errors
/// Why not, in a sentence.
pub fn fits(proposal: &Proposal, text: &str) -> Result<(), String> {
    if proposal.rule != GATE {
        return Ok(());
    }
    let text = as_sent(text, &proposal.id).map_err(|error| error.to_string())?;
    gate::decisions(&proposal.payload, &text, &proposal.id).map(drop)
}

/// The keeper's end for others. Dropping it ends the thread.
pub struct Desk {
    asks: SyncSender<Ask>,
    switch: Switch,
    thread: Option<JoinHandle<()>>,
}

impl Desk {
    /// Opens the ledger and starts the thread; `say` is called on it.
    ///
    /// # Errors
    /// The ledger cannot be opened, or no thread be started.
    pub fn start(rules: Rules, say: impl Fn(Said) + Send + Sync + 'static) -> Result<Self, DeskError> {
        Self::start_with(rules, Vec::new(), say)
    }

    /// As [`Desk::start`], with servers of agents to which what is approved is handed.
    ///
    /// # Errors
    /// As [`Desk::start`].
    pub fn start_with(
        rules: Rules,
        servers: Vec<Box<dyn Server>>,
        say: impl Fn(Said) + Send + Sync + 'static,
    ) -> Result<Self, DeskError> {
        let ledger = Ledger::open(&rules.ledger)?;
        let courier = if servers.is_empty() {
            None
        } else {
            Some(Courier::start(&rules.ledger, servers)?.map_err(DeskError::Thread)?)
        };
        let (asks, asked) = sync_channel(256);
        let proposer = rules.proposer.clone().map(Proposer::start).transpose().map_err(DeskError::Thread)?;
        let switch = Switch::of(&rules);
        let say: Arc<dyn Fn(Said) + Send + Sync> = Arc::new(say);
        let post = match rules.post.is_on() {
            true => {
                let say = Arc::clone(&say);
                let of_post = Ledger::open(&rules.ledger)?;
                let told = move |came: Result<Carried, LedgerError>| {
                    say(came.map_or_else(|error| Said::Lost(error.to_string()), Said::Carried));
                };
                let post = Post::start(rules.post.clone(), Spool::at(&rules.spool), of_post, told);
                Some(post.map_err(DeskError::Thread)?)
            }
            false => None,
        };
        let keeper = Keeper {
            outbox: Outbox::new(Spool::at(&rules.spool)),
            spool: Spool::at(&rules.spool),
            ledger,
            rules,
            say,
            post,
            runs: BTreeMap::new(),
            courier,
            reached: BTreeMap::new(),
            shown: None,
            proposer,
            offered: BTreeSet::new(),
        };
        let thread = std::thread::Builder::new()
            .name("medbay-desk".to_owned())
            .spawn(move || keeper.keep(&asked))
            .map_err(DeskError::Thread)?;
        Ok(Self { asks, switch, thread: Some(thread) })
    }

    /// Stops everything at once, or lets the policy hold again: past whatever the keeper has before it.
    pub fn switch(&self, stop: bool) -> Said {
        self.switch.set(stop)
    }

    /// Asks the keeper. Waits while it has many asks before it. Returns whether there still is one.
    pub fn ask(&self, ask: Ask) -> bool {
        self.asks.send(ask).is_ok()
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let (closed, _) = sync_channel(0);
        self.asks = closed;
        if let Some(thread) = self.thread.take() {
            // It ends with its channel; a panic in it has been reported where it happened.
            let _ = thread.join();
        }
    }
}

/// Why the desk cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The thread.
    #[error("no thread can be started for the ledger, {0}: end other programs and try again")]
    Thread(std::io::Error),
}

struct Keeper {
    ledger: Ledger,
    outbox: Outbox,
    spool: Spool,
    rules: Rules,
    say: Arc<dyn Fn(Said) + Send + Sync>,
    post: Option<Post>,
    /// Runs with proposals, for which the spool is looked at, and their log formats.
    runs: BTreeMap<RunId, String>,
    courier: Option<Courier>,
    /// Runs that agents' servers reach, and through which channel.
    reached: BTreeMap<RunId, &'static str>,
    /// The state of the ledger, and of the post, that was shown last.
    shown: Option<(i64, u64)>,
    /// Who writes in place of templates.
    proposer: Option<Proposer>,
    /// Proposals for which it was asked.
    offered: BTreeSet<ProposalId>,
}

impl Keeper {
    fn keep(mut self, asked: &Receiver<Ask>) {
        let mut changed = true;
        let mut last_round = Instant::now();
        loop {
            match asked.recv_timeout(if changed { Duration::ZERO } else { POLL }) {
                Ok(ask) => {
                    changed |= self.answer(ask);
                    // What else has come is done before the view is made.
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if changed || last_round.elapsed() >= ROUND {
                last_round = Instant::now();
                match self.outbox.turn(&self.ledger, Timestamp::now()) {
                    Ok(carried) => {
                        changed |= !carried.is_empty();
                        carried.into_iter().for_each(|one| (self.say)(Said::Carried(one)));
                    }
                    Err(error) => (self.say)(Said::Lost(error.to_string())),
                }
            }
            changed |= self.take_written();
            if let Some(courier) = &self.courier {
                let reached = courier.reached();
                changed |= reached != self.reached;
                self.reached = reached;
            }
            self.show(changed);
            changed = false;
        }
    }

    /// Puts down what a model has written; whether there was something.
    fn take_written(&self) -> bool {
        let mut any = false;
        while let Some(written) = self.proposer.as_ref().and_then(Proposer::take) {
            any = true;
            let id = &written.proposal;
            if let Err(error) = self.ledger.note_rewrite(id, &written.rewrite, Timestamp::now()) {
                // The template stands.
                tracing::warn!("what {} wrote for {id} is not kept: {error}", written.rewrite.writer);
            }
        }
        any
    }

    /// Asks for the words of drafts that wait for a person, as far as the runs' budgets allow.
    fn offer(&mut self, desk: &[Entry], known: &HashMap<ProposalId, Rewrite>) -> Result<(), LedgerError> {
        let Some(proposer) = &self.proposer else { return Ok(()) };
        for entry in desk.iter().filter(|entry| entry.state == State::Waiting) {
            let proposal = &entry.proposal;
            if known.contains_key(&proposal.id) || self.offered.contains(&proposal.id) {
                continue;
            }
            let mut used = self.used(&proposal.target.run)?;
            used.tokens = used.tokens.saturating_add(u64::from(proposer.tokens));
            if self.rules.policy.limits.allow(used, proposal).is_err() {
                continue;
            }
            if !proposer.offer(proposal.clone()) {
                // It is busy; the next view asks again.
                break;
            }
            self.offered.insert(proposal.id.clone());
        }
        Ok(())
    }

    /// What recoveries of a run have used, a model's writing among it.
    fn used(&self, run: &RunId) -> Result<Used, LedgerError> {
        Ok(charged(self.ledger.used(run)?, self.ledger.written_cost(run)?, &self.rules.policy))
    }

    /// Answers; whether the ledger may have changed.
    fn answer(&mut self, ask: Ask) -> bool {
        let now = Timestamp::now();
        match ask {
            Ask::News(news) => match self.take_news(*news, now) {
                Ok(changed) => changed,
                Err(error) => {
                    (self.say)(Said::Lost(error.to_string()));
                    false
                }
            },
            Ask::Decide { proposal, verdict, seen } => {
                let operator = Operator::Person { name: self.rules.operator.clone() };
                let what = verdict.word();
                if let Err(why) = self.fits(&proposal, &verdict) {
                    (self.say)(Said::Refused(proposal, why));
                    return false;
                }
                match self.ledger.decide(&proposal, verdict, operator, &seen, now, self.rules.grace) {
                    Ok(Decided::Recorded(_)) => (self.say)(Said::Done(proposal, what.to_owned())),
                    Ok(Decided::MovedOn(_, why)) => {
                        (self.say)(Said::Refused(
                            proposal,
                            format!("{what} came too late: {why}; it is on record"),
                        ));
                    }
                    Ok(Decided::Already(entry)) => {
                        let by = entry.decision.as_ref().map_or("somebody", |d| d.by.name());
                        let why = format!("{by} was first: it is {}", entry.state.word());
                        (self.say)(Said::Refused(proposal, why));
                    }
                    Ok(Decided::NotWaiting(state)) => {
                        let why = format!("it no longer waits: it is {}", state.word());
                        (self.say)(Said::Refused(proposal, why));
                    }
                    Err(error) => (self.say)(Said::Refused(proposal, error.to_string())),
                }
                true
            }
            Ask::Undo(proposal) => {
                let operator = Operator::Person { name: self.rules.operator.clone() };
                let said = match self.ledger.undo(&proposal, now, operator) {
                    Ok(Undo::Undone) => Said::Done(proposal, "undo".to_owned()),
                    Ok(Undo::TooLate(state)) => {
                        Said::Refused(proposal, format!("too late to undo: it is {}", state.word()))
                    }
                    Ok(Undo::Undecided(state)) => {
                        Said::Refused(proposal, format!("there is nothing to undo: it is {}", state.word()))
                    }
                    Err(error) => Said::Refused(proposal, error.to_string()),
                };
                (self.say)(said);
                true
            }
            Ask::Retry(proposal) => {
                let said = match self.ledger.retry(&proposal, now) {
                    Ok(true) => Said::Done(proposal, "retry".to_owned()),
                    Ok(false) => {
                        Said::Refused(proposal, "only a failed delivery can be sent again".to_owned())
                    }
                    Err(error) => Said::Refused(proposal, error.to_string()),
                };
                (self.say)(said);
                true
            }
            Ask::Show => true,
            Ask::Verify => {
                match self.ledger.verify() {
                    Ok(chain) => (self.say)(Said::Chain(chain)),
                    Err(error) => (self.say)(Said::Lost(error.to_string())),
                }
                false
            }
        }
    }

    /// As [`fits`]; what the ledger says of a proposal that it does not have is said later.
    fn fits(&self, id: &ProposalId, verdict: &Verdict) -> Result<(), String> {
        let Verdict::Edit { text } = verdict else { return Ok(()) };
        self.ledger.entry(id).map_or(Ok(()), |entry| fits(&entry.proposal, text))
    }

    /// Puts down what is proposed for a run, takes its receipts, and closes what it has moved on from.
    fn take_news(&mut self, news: RunNews, now: Timestamp) -> Result<bool, LedgerError> {
        let mut changed = false;
        if let (Some(post), Some(place)) = (&self.post, &news.place) {
            post.place(&news.run, place.clone());
        }
        let known = self.ledger.entries_of(&news.run)?;
        if known.is_empty() && news.proposals.is_empty() {
            return Ok(false);
        }
        if let Some(format) = news.place.as_ref().map(|place| place.format.clone()) {
            self.runs.insert(news.run.clone(), format);
        } else {
            self.runs.entry(news.run.clone()).or_default();
        }
        for proposal in &news.proposals {
            if known.iter().any(|entry| entry.proposal.id == proposal.id) {
                continue;
            }
            let Rules { policy, grace, .. } = &self.rules;
            match self.ledger.put_down(proposal, policy, &news.workflow, *grace, now) {
                Ok(None) => {}
                Ok(Some(ruling)) => {
                    changed = true;
                    if matches!(ruling.act, Act::Approve(_)) {
                        (self.say)(Said::Ruled(proposal.id.clone(), ruling));
                    }
                }
                // One draft that cannot be put down keeps nothing else from it.
                Err(error @ (LedgerError::TooLong { .. } | LedgerError::Empty)) => tracing::warn!("{error}"),
                Err(error) => return Err(error),
            }
        }
        // A tag proves something only in the log of the run that it was sent to.
        let sent_here = |id: &ProposalId| known.iter().any(|entry| entry.proposal.id == *id);
        for (arrived, record) in news.receipts.iter().filter(|(one, _)| sent_here(&one.proposal)) {
            let id = &arrived.proposal;
            match self.ledger.arrived(id, Some(*record), arrived.text.as_deref(), now)? {
                Arrival::Known => {}
                Arrival::Confirmed => changed = true,
                Arrival::Differs(_) => {
                    changed = true;
                    (self.say)(Said::Carried(Carried::Failed(id.clone())));
                }
            }
        }
        let watched = self.ledger.watched(&news.run)?;
        for turns in news.turns.iter().filter(|turns| !turns.turn.is_empty()) {
            let what = Move::Turn(turns.turn.clone());
            changed |= !self.ledger.moved(&news.run, &turns.agent, &what, now)?.is_empty();
        }
        changed |= !self.ledger.settle(&news.run, now)?.is_empty();
        for entry in known {
            if let Some(noted) = watched.get(&entry.proposal.id) {
                changed |= watch(&self.ledger, &entry, noted, &news, now)?;
            }
            changed |= self.follow(&entry, &news, now)?;
        }
        Ok(changed)
    }

    /// Follows what was put down before: superseded where the run has moved on.
    fn follow(&self, entry: &Entry, news: &RunNews, now: Timestamp) -> Result<bool, LedgerError> {
        let target = &entry.proposal.target;
        if entry.proposal.rule == GATE {
            // It is about no step: the agent that asked says when it does not stand any more.
            return Ok(false);
        }
        if let Some(why) = left_behind_in(target, news) {
            return self.ledger.supersede(&entry.proposal.id, why, now);
        }
        if target.step >= news.steps {
            // This reader's log lags behind the one that drafted it.
            return Ok(false);
        }
        let turns = news.turns.iter().find(|turns| turns.agent == target.agent);
        let long_past = turns.and_then(|t| t.long_past).is_some_and(|since| target.step < since);
        let stands = news.proposals.iter().any(|p| p.id == entry.proposal.id);
        let clean = turns.and_then(|t| t.clean).filter(|clean| target.step < *clean);
        let again = news.proposals.iter().find(|p| {
            p.id != entry.proposal.id
                && p.rule == entry.proposal.rule
                && p.target.agent == target.agent
                && p.target.step > target.step
        });
        let id = &entry.proposal.id;
        // What the canary counts is followed from its draft on, sent or not.
        let cleared = match (again, clean) {
            (Some(again), _) => self.ledger.finding_cleared(id, false, again.target.step, now)?,
            (None, Some(step)) => self.ledger.finding_cleared(id, true, step, now)?,
            (None, None) => false,
        };
        let moved = match entry.state {
            // What refuses a call stands and falls with the call.
            _ if target.scope.gate().is_some() => Ok(false),
            State::Waiting | State::Approved if long_past => {
                self.ledger.supersede(id, "its user has spoken to the agent several times since", now)
            }
            State::Waiting if again.is_some() => {
                self.ledger.supersede(id, "a later step shows the same and has its own proposal", now)
            }
            State::Waiting if !stands && entry.proposal.model == news.model => {
                self.ledger.supersede(id, "the run has mended itself", now)
            }
            _ => Ok(false),
        };
        Ok(moved? | cleared)
    }

    /// Says how the ledger stands, if that is not what was shown last.
    fn show(&mut self, changed: bool) {
        let version = match self.ledger.data_version() {
            Ok(version) => version,
            Err(error) => return (self.say)(Said::Lost(error.to_string())),
        };
        let now = (version, self.post.as_ref().map_or(0, Post::version));
        if !changed && self.shown == Some(now) {
            return;
        }
        self.shown = Some(now);
        let said = self.view();
        (self.say)(said.unwrap_or_else(|error| Said::Lost(error.to_string())));
        match GuardView::of(&self.ledger, &self.rules.policy, Timestamp::now()) {
            Ok(guard) => (self.say)(Said::Guard(Box::new(guard))),
            Err(error) => (self.say)(Said::Lost(error.to_string())),
        }
    }

    fn view(&mut self) -> Result<Said, LedgerError> {
        let desk = self.ledger.desk()?;
        let history = self.ledger.history(HISTORY)?;
        let rewrites = self.ledger.rewrites()?;
        if self.rules.policy.mode != Mode::Observe {
            self.offer(&desk, &rewrites)?;
        }
        Ok(Said::Ledger { desk, history, rewrites, reach: self.reach()? })
    }

    fn reach(&self) -> Result<Vec<(RunId, Reached)>, LedgerError> {
        let now = Timestamp::now();
        let since = now.checked_sub(HOOKS_SINCE).unwrap_or(Timestamp::MIN);
        let mut all: BTreeMap<RunId, Reached> = BTreeMap::new();
        for (run, format) in &self.runs {
            let posted = || self.post.as_ref().and_then(|post| post.reaches(run, format));
            let via = if self.spool.reaches(run) { Some(outbox::CHANNEL) } else { posted() };
            if let Some(via) = via {
                let via = via.to_owned();
                all.insert(run.clone(), Reached { reach: Reach::Correctable, via, held: false });
            }
        }
        for (run, via) in &self.reached {
            let reached = || Reached { reach: Reach::Correctable, via: (*via).to_owned(), held: false };
            all.entry(run.clone()).or_insert_with(reached);
        }
        for (run, seen) in self.ledger.hooks_seen(since)? {
            let reach = if seen.gates { Reach::Gated } else { Reach::Correctable };
            // What agents ask of the server is noted as hooks are, under the channel's name.
            let via = match seen.format.as_str() {
                "socket" | "http" => seen.format,
                agent => format!("{agent} hook"),
            };
            all.insert(run, Reached { reach, via, held: false });
        }
        for held in self.ledger.held(now)? {
            all.entry(held.run).or_default().held = true;
        }
        Ok(all.into_iter().collect())
    }
}

/// Why the log of a run shows that it has left a proposal's target behind.
fn left_behind_in(target: &Target, news: &RunNews) -> Option<&'static str> {
    if target.scope == Scope::Run {
        return None;
    }
    let call = u64::from_str_radix(&target.call_id, 16).ok();
    if target.scope.gate().is_some() && call.is_some_and(|call| news.over.contains(&call)) {
        return Some("the call has run, or was refused, already");
    }
    let turns = news.turns.iter().find(|turns| turns.agent == target.agent)?;
    (turns.spoken > target.spoken).then_some("its user has spoken to the agent since")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Class;
    use crate::recover::policy::Limits;
    use crate::recover::trail::Mark;
    use crate::recover::{Outcome, Remedy, Target};
    use crate::trace::{Probability, Status, ToolKind};
    use std::sync::mpsc::channel;

    fn proposal(step: u32) -> Proposal {
        let id = ProposalId::of(&RunId::new("r"), "main", &step.to_string(), "claim.x", "m");
        Proposal {
            target: Target {
                run: RunId::new("r"),
                format: "medbay".into(),
                agent: "main".into(),
                step,
                record: step,
                call_id: String::new(),
                position: step + 1,
                input: String::new(),
                turn: String::new(),
                spoken: 0,
                scope: crate::recover::Scope::Run,
            },
            remedy: Remedy::CorrectivePrompt,
            rule: "claim.x".into(),
            class: Class::Hallucination,
            p_wrong: Probability::new(0.9),
            sentence: "says so".into(),
            claim: "all pass".into(),
            fact: "3 failed".into(),
            fact_record: Some(0),
            payload: format!("Operator: run it again.\n{}", id.tag()),
            check: None,
            means: Vec::new(),
            tokens: 100,
            seconds: 5,
            why: String::new(),
            effects: Vec::new(),
            model: "m".into(),
            id,
        }
    }

    fn news(steps: u32, proposals: Vec<Proposal>) -> RunNews {
        let agent = "main".to_owned();
        let turns = vec![Turns { agent, turn: String::new(), spoken: 0, long_past: None, clean: None }];
        RunNews { steps, model: "m".into(), proposals, turns, ..RunNews::none(RunId::new("r")) }
    }

    struct Bench {
        desk: Desk,
        said: std::sync::mpsc::Receiver<Said>,
        folder: tempfile::TempDir,
    }

    fn bench(retries: u32) -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let limits = Limits { retries_per_run: retries, ..Limits::default() };
        let policy = Policy { limits, ..Policy::default() };
        let rules = Rules {
            ledger: folder.path().join("ledger.db"),
            spool: folder.path().join("spool"),
            operator: "ann".into(),
            grace: Duration::ZERO,
            policy,
            proposer: None,
            post: post::Setup::default(),
        };
        let (say, said) = channel();
        let desk = Desk::start(rules, move |one| drop(say.send(one))).unwrap();
        Bench { desk, said, folder }
    }

    impl Bench {
        fn news(&self, news: RunNews) {
            assert!(self.desk.ask(Ask::News(Box::new(news))));
        }

        /// Waits for a view of the ledger that satisfies a condition.
        fn until(&self, holds: impl Fn(&[Entry]) -> bool) -> Vec<Entry> {
            let deadline = Instant::now() + Duration::from_secs(20);
            loop {
                let left = deadline.saturating_duration_since(Instant::now());
                match self.said.recv_timeout(left).expect("the ledger never came to that") {
                    Said::Ledger { history, .. } if holds(&history) => return history,
                    Said::Lost(why) => panic!("{why}"),
                    _ => {}
                }
            }
        }
    }

    fn state_of(entries: &[Entry], step: u32) -> Option<State> {
        entries.iter().find(|e| e.proposal.target.step == step).map(|e| e.state)
    }

    #[test]
    fn what_is_proposed_waits_once_and_a_later_step_supersedes_it() {
        let bench = bench(3);
        bench.news(news(3, vec![proposal(2)]));
        bench.news(news(3, vec![proposal(2)]));
        let entries = bench.until(|all| state_of(all, 2) == Some(State::Waiting));
        assert_eq!(entries.len(), 1);
        bench.news(news(6, vec![proposal(5)]));
        bench.until(|all| {
            state_of(all, 2) == Some(State::Superseded) && state_of(all, 5) == Some(State::Waiting)
        });
    }

    #[test]
    fn a_reader_that_lags_supersedes_nothing() {
        let bench = bench(3);
        bench.news(news(3, vec![proposal(2)]));
        bench.until(|all| state_of(all, 2) == Some(State::Waiting));
        // Another reader, whose log ends before the step, proposes something else.
        bench.news(news(2, vec![proposal(1)]));
        let entries = bench.until(|all| all.len() == 2);
        assert_eq!(state_of(&entries, 2), Some(State::Waiting));
    }

    #[test]
    fn an_approved_text_is_confirmed_by_its_receipt_and_the_outcome_follows() {
        let bench = bench(3);
        bench.news(news(3, vec![proposal(2)]));
        bench.until(|all| state_of(all, 2) == Some(State::Waiting));
        let id = proposal(2).id;
        bench.desk.ask(Ask::Decide {
            proposal: id.clone(),
            verdict: Verdict::Approve,
            seen: "the card".into(),
        });
        bench.until(|all| state_of(all, 2) == Some(State::Approved));
        // A hook of the agent takes it up.
        let hook = Ledger::open(&bench.folder.path().join("ledger.db")).unwrap();
        let lease =
            hook.lease(&RunId::new("r"), "hook", "h", Duration::from_secs(9), Timestamp::now()).unwrap();
        let lease = lease.unwrap();
        hook.delivered(&lease, Timestamp::now()).unwrap();
        bench.until(|all| state_of(all, 2) == Some(State::Delivered));
        let mut seen = news(3, vec![proposal(2)]);
        seen.receipts.push((Arrived { proposal: id, text: Some(lease.text().to_owned()) }, 7));
        bench.news(seen);
        let entries = bench.until(|all| state_of(all, 2) == Some(State::Confirmed));
        assert_eq!(entries[0].delivery.as_ref().and_then(|d| d.confirmed).and_then(|c| c.1), Some(7));
        let mut clean = news(9, Vec::new());
        clean.trail = looked_and_said_it_again();
        bench.news(clean);
        bench.until(|all| all[0].outcome == Outcome::Recovered);
        let ledger = Ledger::open(&bench.folder.path().join("ledger.db")).unwrap();
        let noted = ledger.watched(&RunId::new("r")).unwrap().remove(&proposal(2).id).unwrap();
        assert_eq!((noted.shown.step, noted.shown.closed), (Some(8), true));
        assert!(noted.shown.why.contains("said it again with nothing against it"));
        let case = ledger.cases().unwrap().remove(0);
        assert!(case.sent && case.decided_in.is_some());
    }

    /// A call that worked and a message with nothing against it, at steps 7 and 8.
    fn looked_and_said_it_again() -> Trail {
        let mark = |step: u32, tool| Mark {
            step,
            agent: 0,
            record: 8 + step,
            began: None,
            ended: None,
            tool,
            call: 0,
            came: 0,
            status: Status::Ok,
            exit_code: None,
            label: "wc -l".into(),
            found: Vec::new(),
            provisional: false,
        };
        let marks = vec![mark(2, None), mark(7, Some((0, ToolKind::Shell))), mark(8, None)];
        Trail { agents: vec!["main".into()], tools: vec!["Bash".into()], marks, ..Trail::default() }
    }

    #[test]
    fn what_is_only_observed_is_followed_as_well() {
        let bench = bench(3);
        let ledger = Ledger::open(&bench.folder.path().join("ledger.db")).unwrap();
        ledger.propose(&proposal(2), Mode::Observe, Timestamp::now()).unwrap();
        let mut mended = news(9, Vec::new());
        mended.trail = looked_and_said_it_again();
        bench.news(mended);
        bench.until(|all| state_of(all, 2) == Some(State::Superseded));
        let noted = ledger.watched(&RunId::new("r")).unwrap().remove(&proposal(2).id).unwrap();
        assert_eq!(noted.shown.outcome, Outcome::Recovered);
        let figures = crate::recover::measure::figures(&ledger.cases().unwrap());
        assert_eq!((figures.unsent_recovered, figures.unsent_followed, figures.sent), (1, 1, 0));
    }

    #[test]
    fn what_did_not_help_twice_goes_to_a_person() {
        let bench = bench(9);
        let ledger = Ledger::open(&bench.folder.path().join("ledger.db")).unwrap();
        let now = Timestamp::now();
        let ann = || Operator::Person { name: "ann".into() };
        for step in [2, 3] {
            let id = proposal(step).id;
            ledger.propose(&proposal(step), Mode::Suggest, now).unwrap();
            ledger.decide(&id, Verdict::Approve, ann(), "seen", now, Duration::ZERO).unwrap();
            let lease = ledger.lease(&RunId::new("r"), "hook", "h", Duration::from_secs(9), now).unwrap();
            ledger.delivered(&lease.unwrap(), now).unwrap();
            ledger.outcome(&id, Outcome::NotRecovered, Some(step + 1), now).unwrap();
        }
        bench.news(news(6, vec![proposal(5)]));
        let entries = bench.until(|all| state_of(all, 5) == Some(State::Waiting));
        let drafted = entries.iter().find(|e| e.proposal.target.step == 5).unwrap();
        assert_eq!(drafted.proposal.remedy, Remedy::Escalate);
    }

    #[test]
    fn a_text_that_arrived_changed_fails_and_a_log_that_moves_on_supersedes() {
        let bench = bench(3);
        let (arrives, mut turn, mut call) = (proposal(2), proposal(3), proposal(4));
        (turn.rule, call.rule) = ("claim.y".into(), "claim.z".into());
        turn.target.scope = Scope::Turn;
        call.target.scope = Scope::Call(crate::recover::Gate::of("c", "Bash", "{}"));
        call.target.call_id = format!("{:016x}", 77);
        let all = vec![arrives.clone(), turn.clone(), call.clone()];
        bench.news(news(5, all.clone()));
        bench.until(|all| state_of(all, 4) == Some(State::Waiting));
        let (id, seen) = (arrives.id.clone(), String::new());
        bench.desk.ask(Ask::Decide { proposal: id.clone(), verdict: Verdict::Approve, seen });
        bench.until(|all| state_of(all, 2) == Some(State::Approved));
        let hook = Ledger::open(&bench.folder.path().join("ledger.db")).unwrap();
        let lease =
            hook.lease(&RunId::new("r"), "hook", "h", Duration::from_secs(9), Timestamp::now()).unwrap();
        let lease = lease.unwrap();
        hook.hand_over(&lease, Timestamp::now()).unwrap();
        let mut more = news(5, all);
        let text = Some(lease.text().replace("again", "never"));
        more.receipts.push((Arrived { proposal: id, text }, 7));
        more.turns[0].spoken = 1;
        more.over = vec![77];
        bench.news(more);
        let entries = bench.until(|all| {
            state_of(all, 2) == Some(State::Failed)
                && state_of(all, 3) == Some(State::Superseded)
                && state_of(all, 4) == Some(State::Superseded)
        });
        let failed = entries.iter().find(|e| e.proposal.id == arrives.id).unwrap();
        assert!(failed.delivery.as_ref().unwrap().failure.as_ref().unwrap().contains("another text"));
        let note = |step: u32| &entries.iter().find(|e| e.proposal.target.step == step).unwrap().note;
        assert!(note(3).contains("spoken") && note(4).contains("already"));
    }

    #[test]
    fn a_spent_budget_hands_it_to_a_person() {
        let bench = bench(0);
        bench.news(news(3, vec![proposal(2)]));
        let entries = bench.until(|all| state_of(all, 2) == Some(State::Waiting));
        assert_eq!(entries[0].proposal.remedy, Remedy::Escalate);
        assert!(entries[0].proposal.why.contains("used up"));
    }
}
