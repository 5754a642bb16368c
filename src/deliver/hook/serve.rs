//! What a hook does at each event: it drains what was approved for its run, at the end of a turn it
//! also judges, and where the policy says so it holds the run while a person decides.
//!
//! The order of a delivery, and what a crash leaves behind:
//!
//! 1. The text is leased (committed). Killed here: nothing was said; the lease runs out, and the next
//!    event takes the text up.
//! 2. The delivery is recorded (committed), unless the lease has run out or the run has moved on. Killed
//!    here: the text stays *delivered* without a receipt, is shown so, and the operator sends it again
//!    by hand.
//! 3. The answer is written to standard output, and the process ends well. An agent that does not take
//!    it makes the delivery *failed*.
//!
//! So nothing is lost out of sight, and nothing is applied twice: not even where the ledger is locked,
//! or the machine sleeps, between the steps.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::{Answer, Dialect, HookError, HookEvent, HookInput, holds_receipt, open};
use crate::deliver::{holder, receipt_in};
use crate::ledger::{Caller, Entry, Handed, Lease, Ledger, MAIN, Move, Standing, State, Verdict};
use crate::recover::{Gate, Policy, Proposal, Trail, proposal::digest};

/// How long a lease is good: much longer than writing an answer takes.
const LEASE: Duration = Duration::from_secs(10);
/// Between two looks at the ledger while a run is held.
const LOOK: Duration = Duration::from_millis(50);
/// How long before its own time limit a hook answers at the latest.
const MARGIN: Duration = Duration::from_secs(2);

/// What happens when a held call's time is over without a decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimedOut {
    /// The agent goes on.
    #[default]
    GoOn,
    /// The call is refused.
    Deny,
    /// The agent asks its own user.
    Ask,
}

/// How a hook is to behave.
#[derive(Clone, Debug)]
pub struct Setup {
    /// How the agent speaks.
    pub dialect: Dialect,
    /// What becomes of what is drafted.
    pub policy: Policy,
    /// How long what the policy approves can be undone.
    pub grace: Duration,
    /// How long a run is held for a decision; zero: not at all.
    pub hold: Duration,
    /// What happens when that is over.
    pub timed_out: TimedOut,
    /// When the agent gives up on a hook.
    pub timeout: Duration,
    /// How many times in a row the end of a turn may be kept open.
    pub most_stops: u32,
}

impl Default for Setup {
    /// No hold; the time limit that `medbay connect` writes.
    fn default() -> Self {
        Self {
            dialect: Dialect::ClaudeCode,
            policy: Policy::default(),
            grace: Duration::from_secs(5),
            hold: Duration::ZERO,
            timed_out: TimedOut::GoOn,
            timeout: Duration::from_secs(60),
            most_stops: 3,
        }
    }
}

/// What was drafted for a run.
#[derive(Clone, Debug, Default)]
pub struct Drafted {
    /// The run's working directory, as its log says; empty where it does not.
    pub workflow: String,
    /// What is proposed.
    pub proposals: Vec<Proposal>,
    /// The end of the run; empty where it could not be read.
    pub trail: Trail,
}

/// What a text that is looked for would do.
#[derive(Clone, Copy)]
enum Use<'g> {
    /// Correct the agent.
    Correct,
    /// Refuse this call: what was approved to refuse it, or a correction that was decided after this
    /// decision, while the call was held.
    Refuse(Option<&'g Gate>, i64),
}

impl<'g> Use<'g> {
    fn parts(self) -> (Option<&'g Gate>, i64) {
        match self {
            Self::Correct => (None, 0),
            Self::Refuse(gate, after) => (gate, after),
        }
    }
}

/// One call of a hook.
struct Call<'a> {
    input: &'a HookInput,
    setup: &'a Setup,
    ledger: &'a Ledger,
    holder: String,
    began: Instant,
}

/// Answers one event. `assess` judges the run at the end of its turn and gives what is proposed and how
/// the run ends;
/// `say` writes one line to the agent and flushes it. Nothing to say: `say` is not called.
///
/// # Errors
/// What kept it from its work; the agent has gone on.
pub fn serve(
    input: &HookInput,
    setup: &Setup,
    ledger: &Ledger,
    assess: &mut dyn FnMut(&HookInput) -> Drafted,
    say: &mut dyn FnMut(&str) -> io::Result<()>,
) -> Result<(), HookError> {
    let call = Call { input, setup, ledger, holder: holder("hook"), began: Instant::now() };
    let gates = !setup.hold.is_zero();
    let seen =
        ledger.note_hook(&input.run, setup.dialect.name(), input.event.name(), gates, Timestamp::now())?;
    call.note()?;
    match &input.event {
        HookEvent::PostToolUse | HookEvent::PostToolUseFailure | HookEvent::SessionStart => {
            let lease = call.lease(Use::Correct)?;
            call.deliver(lease, Answer::Context, say).map(drop)
        }
        HookEvent::UserPromptSubmit => {
            if !call.is_ours() {
                ledger.set_stop_blocks(&input.run, 0)?;
            }
            let lease = call.lease(Use::Correct)?;
            call.deliver(lease, Answer::Context, say).map(drop)
        }
        HookEvent::PreToolUse => call.gate(say),
        HookEvent::Stop => {
            let counted = seen.map_or(0, |seen| seen.stop_blocks);
            let blocks = match input.kept_open {
                // Another hook may have kept it open.
                Some(true) => counted.max(1),
                Some(false) => 0,
                None => counted,
            };
            call.stop(blocks, assess, say)
        }
        HookEvent::SubagentStop | HookEvent::SessionEnd | HookEvent::Other(_) => Ok(()),
    }
}

impl Call<'_> {
    /// Whether the prompt is a text of ours: where the reason for keeping a turn open is its next
    /// prompt, nobody has spoken.
    fn is_ours(&self) -> bool {
        let ours = |prompt: &str| receipt_in(prompt).is_some() || open::is_reason(prompt);
        self.input.prompt.as_deref().is_some_and(ours)
    }

    /// Who reads the answer to this event.
    fn agent(&self) -> &str {
        self.input.agent.as_deref().unwrap_or(MAIN)
    }

    /// The call that this event is about.
    fn gate_of(&self) -> Option<Gate> {
        let input = self.input.tool_input.as_ref().map_or("", |input| input.get());
        let call = self.input.call_id.as_deref().filter(|id| !id.is_empty())?;
        Some(Gate::of(call, self.input.tool.as_deref().unwrap_or_default(), input))
    }

    /// Notes what this event says of the agent, so that what it leaves behind is not sent.
    fn note(&self) -> Result<(), HookError> {
        let call = self.input.call_id.as_deref().filter(|id| !id.is_empty());
        let what = match &self.input.event {
            HookEvent::PreToolUse => self.gate_of().map(Move::Asked),
            HookEvent::PostToolUse | HookEvent::PostToolUseFailure => {
                call.map(|call| Move::Over { call: digest(call) })
            }
            HookEvent::UserPromptSubmit => (!self.is_ours()).then_some(Move::Spoke),
            HookEvent::SessionStart => Some(Move::Began),
            HookEvent::SubagentStop | HookEvent::SessionEnd => Some(Move::Ended),
            HookEvent::Stop | HookEvent::Other(_) => None,
        };
        let turn = self.input.turn.clone().map(Move::Turn);
        for what in turn.iter().chain(&what) {
            self.ledger.moved(&self.input.run, self.agent(), what, Timestamp::now())?;
        }
        Ok(())
    }

    /// An approved text for whoever reads the answer to this event: only what is about it.
    fn lease(&self, what_for: Use<'_>) -> Result<Option<Lease>, HookError> {
        if self.would_be_changed(what_for)? {
            return Ok(None);
        }
        let (gate, after) = what_for.parts();
        let caller = Caller {
            run: &self.input.run,
            agent: Some(self.agent()),
            channel: self.setup.dialect.channel(),
            holder: &self.holder,
            ttl: LEASE,
            gate,
            after,
            only: None,
        };
        loop {
            let lease = self.ledger.lease_as(&caller, Timestamp::now())?;
            let Some(lease) = lease else { return Ok(None) };
            // An unreadable log cannot say that the text arrived; it is sent.
            let arrived =
                lease.again() && holds_receipt(&self.input.transcript, lease.proposal()).unwrap_or(false);
            if !arrived {
                return Ok(Some(lease));
            }
            self.ledger.confirm(lease.proposal(), None, Timestamp::now())?;
        }
    }

    /// Whether something is approved that this event would not hand on as it is: it waits for one that
    /// does, and what was approved after it waits behind it.
    fn would_be_changed(&self, what_for: Use<'_>) -> Result<bool, HookError> {
        let (dialect, event) = (self.setup.dialect, &self.input.event);
        if dialect.carries(event, "<>") || self.standing(what_for)?.approved == 0 {
            return Ok(false);
        }
        let concerns =
            |entry: &Entry| entry.state == State::Approved && entry.proposal.target.agent == self.agent();
        let entries = self.ledger.entries_of(&self.input.run)?;
        Ok(entries.iter().filter(|entry| concerns(entry)).any(|entry| {
            let text = match entry.decision.as_ref().map(|decision| &decision.verdict) {
                Some(Verdict::Edit { text }) => text,
                _ => &entry.proposal.payload,
            };
            !dialect.carries(event, text)
        }))
    }

    /// What stands open about whoever reads the answer to this event. While everything is stopped there
    /// is nothing to wait for.
    fn standing(&self, what_for: Use<'_>) -> Result<Standing, HookError> {
        if self.ledger.stopped()?.is_some() {
            return Ok(Standing::default());
        }
        let (gate, after) = what_for.parts();
        Ok(self.ledger.standing_at(&self.input.run, Some(self.agent()), gate, after)?)
    }

    /// Says a leased text; returns whether there was one.
    fn deliver(
        &self,
        lease: Option<Lease>,
        form: fn(String) -> Answer,
        say: &mut dyn FnMut(&str) -> io::Result<()>,
    ) -> Result<bool, HookError> {
        let Some(lease) = lease else { return Ok(false) };
        let answer = form(lease.text().to_owned());
        let Some(line) = self.setup.dialect.write(self.input, &answer) else {
            self.ledger.delivery_failed(
                &lease,
                "this channel cannot carry the text: it is too long, or holds control characters",
                Timestamp::now(),
            )?;
            return Ok(false);
        };
        if self.ledger.hand_over(&lease, Timestamp::now())? == Handed::Lost {
            tracing::info!(
                "the run moved on from {}, or its lease ran out: it is not said",
                lease.proposal()
            );
            return Ok(false);
        }
        if let Err(error) = say(&line) {
            let why = format!("the agent did not take the hook's answer: {error}");
            self.ledger.refused(lease.proposal(), &why, Timestamp::now())?;
            return Err(HookError::Output(error));
        }
        Ok(true)
    }

    /// Before a tool is run. A call is refused only by what was approved to refuse this very call, or
    /// by a correction that was decided while the call was held; what was approved before goes with the
    /// tool's result, which refuses nothing, or with this answer, where the agent asks at no other time.
    fn gate(&self, say: &mut dyn FnMut(&str) -> io::Result<()>) -> Result<(), HookError> {
        let gate = self.gate_of();
        let approved = self.lease(Use::Refuse(gate.as_ref(), i64::MAX))?;
        if self.deliver(approved, Answer::Deny, say)? {
            return Ok(());
        }
        if self.setup.dialect.only_gates() && self.deliver(self.lease(Use::Correct)?, Answer::Context, say)? {
            return Ok(());
        }
        // Before it is looked whether anything waits: what is decided from here on was decided while
        // this call was held.
        let refuse = Use::Refuse(gate.as_ref(), self.ledger.last_decision()?);
        if self.setup.hold.is_zero() || self.standing(refuse)?.waiting == 0 {
            return Ok(());
        }
        let lease = self.wait(self.setup.hold, refuse)?;
        if self.deliver(lease, Answer::Deny, say)? {
            return Ok(());
        }
        let undecided = self.standing(refuse)?.waiting > 0;
        // However this ends, nothing that comes later refuses the call.
        if let Some(gate) = &gate {
            let over = Move::Over { call: gate.call.clone() };
            self.ledger.moved(&self.input.run, self.agent(), &over, Timestamp::now())?;
        }
        if !undecided {
            return Ok(());
        }
        let reason = "medbay: this call was held for an operator's decision, which has not come yet";
        let answer = match self.setup.timed_out {
            TimedOut::GoOn => return Ok(()),
            TimedOut::Deny => Answer::Deny(reason.to_owned()),
            TimedOut::Ask => Answer::Ask(reason.to_owned()),
        };
        match self.setup.dialect.write(self.input, &answer) {
            Some(line) => say(&line).map_err(HookError::Output),
            None => Ok(()),
        }
    }

    /// The turn is about to end, having been kept open `blocks` times in a row.
    fn stop(
        &self,
        blocks: u32,
        assess: &mut dyn FnMut(&HookInput) -> Drafted,
        say: &mut dyn FnMut(&str) -> io::Result<()>,
    ) -> Result<(), HookError> {
        let run = &self.input.run;
        let Drafted { workflow, proposals, trail } = assess(self.input);
        let Setup { policy, grace, .. } = self.setup;
        for proposal in proposals {
            // One that cannot be put down does not keep the others from it.
            if let Err(e) = self.ledger.put_down(&proposal, policy, &workflow, *grace, Timestamp::now()) {
                tracing::warn!("{e}");
            }
        }
        if blocks >= self.setup.most_stops {
            tracing::info!("the turn ends: it was kept open {blocks} times in a row");
            return Ok(());
        }
        let mut lease = self.lease(Use::Correct)?;
        if lease.is_none() {
            let standing = self.standing(Use::Correct)?;
            if standing.waiting > 0 && !self.setup.hold.is_zero() {
                lease = self.wait(self.setup.hold, Use::Correct)?;
            } else if standing.approved > 0 {
                // Approved and only within its grace time: after the end of the turn nobody would
                // come for it.
                lease = self.wait(Duration::MAX, Use::Correct)?;
            }
        }
        let said = self.deliver(lease, Answer::Context, say)? || self.keep_open(&trail, say)?;
        self.ledger.set_stop_blocks(run, if said { blocks + 1 } else { 0 })?;
        Ok(())
    }

    /// Keeps the turn open where an approved text named a check that has not been seen to pass.
    fn keep_open(
        &self,
        trail: &Trail,
        say: &mut dyn FnMut(&str) -> io::Result<()>,
    ) -> Result<bool, HookError> {
        let Some(why) = open::reason(self.ledger, &self.input.run, self.agent(), trail)? else {
            return Ok(false);
        };
        let Some(line) = self.setup.dialect.write(self.input, &Answer::Context(why)) else {
            return Ok(false);
        };
        say(&line).map_err(HookError::Output)?;
        Ok(true)
    }

    /// Holds the run until there is something to say, nothing is left to wait for, or `most` or the
    /// hook's own time is over. What is approved is waited for through its grace time.
    fn wait(&self, most: Duration, what_for: Use<'_>) -> Result<Option<Lease>, HookError> {
        let own = self.setup.timeout.saturating_sub(MARGIN);
        let most = most.min(own);
        let until = Timestamp::now().checked_add(most).unwrap_or(Timestamp::MAX);
        let run = &self.input.run;
        self.ledger.hold(run, &self.holder, until, Timestamp::now())?;
        let found = self.look(most, own, what_for);
        // The note runs out by itself, too.
        if let Err(e) = self.ledger.let_go(run, &self.holder) {
            tracing::warn!("{e}");
        }
        found
    }

    fn look(&self, most: Duration, own: Duration, what_for: Use<'_>) -> Result<Option<Lease>, HookError> {
        loop {
            if let Some(lease) = self.lease(what_for)? {
                return Ok(Some(lease));
            }
            let standing = self.standing(what_for)?;
            let limit = if standing.approved > 0 { own } else { most };
            let left = limit.saturating_sub(self.began.elapsed());
            if (standing.waiting == 0 && standing.approved == 0) || left.is_zero() {
                return Ok(None);
            }
            thread::sleep(LOOK.min(left));
        }
    }
}
