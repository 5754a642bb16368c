//! The endpoints: what an agent asks, and what it is told.

use std::rc::Rc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use super::Setup;
use super::connection::{Answered, Asked};
use crate::deliver::gate::Request;
use crate::deliver::holder;
use crate::deliver::hook::TimedOut;
use crate::deliver::spool::{Ack, Letter};
use crate::ledger::{Decision, Entry, GATE, Handed, Lease, Ledger, LedgerError, Mode, State, Verdict};
use crate::recover::ProposalId;
use crate::text;
use crate::trace::RunId;

/// Between two looks at the ledger while an agent waits.
const LOOK: Duration = Duration::from_millis(100);
/// How long a poll waits where it does not say, and at most.
const POLL: Duration = Duration::from_secs(30);
const LONGEST_POLL: Duration = Duration::from_secs(300);
/// Longest name of a run, an agent or a request, in bytes.
const LONGEST_NAME: usize = 400;

/// Says how an answer came about.
const BY: &str = "medbay-decided-by";
/// Says which proposal it was.
const PROPOSAL: &str = "medbay-proposal";

/// Answers for all connections.
pub(super) struct Clerk {
    ledger: Ledger,
    setup: Setup,
    holder: String,
}

impl Clerk {
    pub(super) fn new(ledger: Ledger, setup: Setup) -> Self {
        Self { ledger, setup, holder: holder("server") }
    }

    /// What answers somebody who came by this channel.
    pub(super) fn caller(self: &Rc<Self>, channel: &'static str) -> Caller {
        Caller { clerk: Rc::clone(self), channel }
    }
}

/// Answers one connection.
pub(super) struct Caller {
    clerk: Rc<Clerk>,
    channel: &'static str,
}

/// A request that cannot be answered as asked: the answer that says so.
type Told<T> = Result<T, Answered>;

impl From<LedgerError> for Answered {
    fn from(error: LedgerError) -> Self {
        tracing::error!("{error}");
        Self::error(503, format!("{error}; ask again")).with("retry-after", "1")
    }
}

impl Caller {
    /// Answers, sooner or later.
    pub(super) async fn answer(&self, asked: Asked) -> Answered {
        let told = match (asked.method.as_str(), asked.path.as_str()) {
            ("POST", "/v1/gate") => self.gate(&asked).await,
            ("GET", "/v1/inbox") => self.inbox(&asked).await,
            ("POST", "/v1/ack") => self.ack(&asked),
            (_, "/v1/gate" | "/v1/ack") => {
                Err(Answered::error(405, "ask this with POST").with("allow", "POST"))
            }
            (_, "/v1/inbox") => Err(Answered::error(405, "ask this with GET").with("allow", "GET")),
            _ => Err(Answered::error(
                404,
                "there is nothing here: ask /v1/gate, /v1/inbox or /v1/ack, as docs/server.md says",
            )),
        };
        told.unwrap_or_else(|refused| refused)
    }

    /// The answer that carried this text has left.
    pub(super) fn left(&self, lease: &Lease) {
        match self.clerk.ledger.delivered(lease, Timestamp::now()) {
            Ok(Handed::Recorded) => {}
            Ok(Handed::Lost) => tracing::warn!("the lease on {} ran out while it was sent", lease.proposal()),
            Err(error) => tracing::error!("{error}"),
        }
    }

    /// The next text that was approved for a run; 204 where none came in time.
    async fn inbox(&self, asked: &Asked) -> Told<Answered> {
        let query = Query::of(&asked.query);
        let run = RunId::new(query.name("run")?);
        let agent = query.get("agent").filter(|agent| !agent.is_empty());
        let after = query.get("after");
        let until = Instant::now() + query.wait(POLL)?.min(LONGEST_POLL);
        let ledger = &self.clerk.ledger;
        let now = Timestamp::now();
        // One that also asks at the gate stays gated.
        let gates = ledger.hook_seen(&run)?.is_some_and(|seen| seen.gates && seen.format == self.channel);
        ledger.note_hook(&run, self.channel, "inbox", gates, now)?;
        // Before anything else is sent: what arrived, and whose sender died before it could say so.
        if let Some(has) = &after {
            ledger.received(&run, has, now)?;
        }
        loop {
            let now = Timestamp::now();
            let lease = ledger.lease_for(
                &run,
                agent.as_deref(),
                self.channel,
                &self.clerk.holder,
                self.clerk.setup.lease,
                now,
            )?;
            if let Some(lease) = lease {
                if lease.again() && after.is_none() {
                    let why = "it may have been handed over before medbay ended, and the agent does not say \
                               what it has (`after`): look, then send it again by hand";
                    ledger.delivery_failed(&lease, why, now)?;
                    continue;
                }
                return self.letter(&run, lease, now);
            }
            if Instant::now() >= until {
                return Ok(Answered::json(204, String::new()));
            }
            tokio::time::sleep(LOOK.min(until - Instant::now())).await;
        }
    }

    fn letter(&self, run: &RunId, lease: Lease, now: Timestamp) -> Told<Answered> {
        let target = self.clerk.ledger.entry(lease.proposal())?.proposal.target;
        let letter =
            Letter::new(lease.key(), lease.proposal(), run, &target.agent, lease.text(), target.step, now);
        let body = serde_json::to_string(&letter).map_err(|e| {
            Answered::error(500, format!("the text cannot be written as JSON, {e}: ask again"))
        })?;
        Ok(Answered { lease: Some(Box::new(lease)), ..Answered::json(200, body) })
    }

    /// What the agent says of a text that it has.
    fn ack(&self, asked: &Asked) -> Told<Answered> {
        #[derive(Deserialize)]
        struct Said {
            id: String,
            status: String,
            #[serde(default)]
            detail: Option<String>,
        }
        let said: Said = serde_json::from_slice(&asked.body).map_err(|e| {
            Answered::error(
                400,
                format!(
                    "an acknowledgement is {{\"id\",\"status\",\"detail\"}}: {}",
                    text::excerpt(&e.to_string(), 160)
                ),
            )
        })?;
        let ack = Ack::read(&said.status, said.detail.as_deref().unwrap_or_default()).ok_or_else(|| {
            Answered::error(400, "the status is one of delivered, applied, rejected and expired")
        })?;
        // A key begins with its proposal's id.
        let id = ProposalId::stored(said.id.split('-').next().unwrap_or_default());
        let ledger = &self.clerk.ledger;
        let entry = match ledger.entry(&id) {
            Ok(entry) => entry,
            Err(LedgerError::NoSuch { .. }) => {
                return Err(Answered::error(404, "there is no text with this id"));
            }
            Err(error) => return Err(error.into()),
        };
        let open = ledger.unconfirmed(&entry.proposal.target.run)?.into_iter().any(|(key, _)| key == said.id);
        let now = Timestamp::now();
        let news = open
            && match ack {
                Ack::Delivered => false,
                Ack::Applied => ledger.confirm(&id, None, now)?,
                Ack::Refused(why) => ledger.refused(&id, &why, now)?,
            };
        let state = ledger.entry(&id)?.state;
        Ok(Answered::json(200, json!({ "state": state.word(), "changed": news }).to_string()))
    }

    /// An agent asks before it acts.
    async fn gate(&self, asked: &Asked) -> Told<Answered> {
        let query = Query::of(&asked.query);
        let (run, name) = (RunId::new(query.name("run")?), query.name("id")?);
        let agent = match query.get("agent") {
            Some(_) => query.name("agent")?,
            None => "main".to_owned(),
        };
        let setup = &self.clerk.setup;
        let held = query.wait(setup.hold)?.min(setup.hold);
        let until = Instant::now() + held;
        let request = Request::read(&asked.body).map_err(|why| Answered::error(400, why))?;
        let proposal =
            request.draft(&run, &agent, &name, &asked.body).map_err(|why| Answered::error(413, why))?;
        let ledger = &self.clerk.ledger;
        let now = Timestamp::now();
        ledger.note_hook(&run, self.channel, "gate", true, now)?;
        for before in ledger.entries_of(&run)? {
            let other = &before.proposal;
            if other.rule == GATE
                && other.target.call_id == proposal.target.call_id
                && other.target.agent == agent
                && other.id != proposal.id
            {
                ledger.supersede(&other.id, "the agent asks for something else under the same name", now)?;
            }
        }
        ledger.propose(&proposal, setup.mode, now)?;
        let hold = Hold::begin(&self.clerk, &run, &proposal.id, held)?;
        loop {
            let entry = ledger.entry(&proposal.id)?;
            if let Some(answered) = self.settled(&request, &entry)? {
                drop(hold);
                return Ok(answered.with(PROPOSAL, proposal.id.as_str()));
            }
            let over = setup.mode == Mode::Observe || Instant::now() >= until;
            // What is decided and only within its grace time, or being answered, is waited for.
            if over && entry.state == State::Waiting {
                drop(hold);
                let answered = self.over(&request, &entry)?;
                return Ok(answered.with(PROPOSAL, proposal.id.as_str()));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// The answer to a request that has been decided; `None`: not yet, or not for good.
    fn settled(&self, request: &Request, entry: &Entry) -> Told<Option<Answered>> {
        let ledger = &self.clerk.ledger;
        let now = Timestamp::now();
        let proposal = &entry.proposal;
        let by = |decision: &Decision| format!("{} {}", decision.by.kind(), decision.number);
        let by = entry.decision.as_ref().map(by).unwrap_or_default();
        match entry.state {
            State::Waiting => Ok(None),
            State::Approved | State::Leased => {
                let run = &proposal.target.run;
                let lease = ledger.lease_answer(
                    run,
                    &proposal.id,
                    self.channel,
                    &self.clerk.holder,
                    self.clerk.setup.lease,
                    now,
                )?;
                // Being answered over another connection, or within its grace time.
                let Some(lease) = lease else { return Ok(None) };
                match request.answer(&proposal.payload, lease.text(), &proposal.id) {
                    // Who asks again has no answer yet, whatever was sent before.
                    Ok(body) => Ok(Some(
                        Answered { lease: Some(Box::new(lease)), ..Answered::json(200, body) }.with(BY, by),
                    )),
                    Err(why) => {
                        ledger.delivery_failed(&lease, &why, now)?;
                        Err(Answered::error(409, why))
                    }
                }
            }
            // The same answer to the same question.
            State::Delivered | State::Confirmed => {
                let sent = entry.delivery.as_ref().map_or(proposal.payload.as_str(), |d| d.text.as_str());
                let body = request
                    .answer(&proposal.payload, sent, &proposal.id)
                    .map_err(|why| Answered::error(409, why))?;
                Ok(Some(Answered::json(200, body).with(BY, by)))
            }
            State::Vetoed if entry.grace_until.is_some_and(|until| now < until) => Ok(None),
            State::Vetoed => {
                let reason = match entry.decision.as_ref().map(|decision| &decision.verdict) {
                    Some(Verdict::Veto { reason }) => reason.as_str(),
                    _ => "",
                };
                let body = request.refusal(reason).map_err(|why| {
                    Answered::error(409, format!("the operator refused, and {why}: do not go on"))
                })?;
                Ok(Some(Answered::json(200, body).with(BY, by)))
            }
            State::Failed => {
                let why = entry.delivery.as_ref().and_then(|d| d.failure.clone()).unwrap_or_default();
                Err(Answered::error(409, format!("the answer could not be given: {why}")))
            }
            State::Superseded => {
                Err(Answered::error(410, format!("the request does not stand any more: {}", entry.note)))
            }
            State::Expired => self.policy(request).map(Some),
        }
    }

    /// The time is over. What the policy answers for the operator closes the request; one that the
    /// agent's own user is to answer stays waiting, and may be asked again.
    fn over(&self, request: &Request, entry: &Entry) -> Told<Answered> {
        let setup = &self.clerk.setup;
        if setup.mode == Mode::Observe || setup.timed_out == TimedOut::Ask {
            return Ok(own_user());
        }
        let answered = self.policy(request)?;
        if answered.status == 200 {
            let policy = match setup.timed_out {
                TimedOut::Deny => "by policy on_hold_timeout = deny: nobody decided in time",
                _ => "by policy on_hold_timeout = go-on: nobody decided in time",
            };
            self.clerk.ledger.expire(&entry.proposal.id, policy, Timestamp::now())?;
        }
        Ok(answered)
    }

    fn policy(&self, request: &Request) -> Told<Answered> {
        let body = match self.clerk.setup.timed_out {
            TimedOut::GoOn => request.consent(),
            TimedOut::Deny => {
                request.refusal("medbay held this for an operator, who has not decided in time.")
            }
            TimedOut::Ask => return Ok(own_user()),
        };
        // What the agent does not take is left to its own user.
        Ok(body
            .map_or_else(|_| own_user(), |body| Answered::json(200, body).with(BY, "policy on_hold_timeout")))
    }
}

/// Nobody has decided: the agent is to ask its own user, or here again.
fn own_user() -> Answered {
    Answered::json(202, json!({ "decisions": null, "ask": "your own user, or here again" }).to_string())
}

/// The note in the ledger that a run is held; taken away when the agent has its answer or is gone.
struct Hold<'a> {
    clerk: &'a Clerk,
    run: &'a RunId,
    holder: String,
}

impl<'a> Hold<'a> {
    fn begin(clerk: &'a Clerk, run: &'a RunId, id: &ProposalId, held: Duration) -> Told<Self> {
        let now = Timestamp::now();
        let holder = format!("{} {id}", clerk.holder);
        if !held.is_zero() && clerk.setup.mode != Mode::Observe {
            let until = now.checked_add(held).unwrap_or(Timestamp::MAX);
            clerk.ledger.hold(run, &holder, until, now)?;
        }
        Ok(Self { clerk, run, holder })
    }
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        // The note runs out by itself, too.
        if let Err(error) = self.clerk.ledger.let_go(self.run, &self.holder) {
            tracing::warn!("{error}");
        }
    }
}

/// What stands behind the question mark.
struct Query(Vec<(String, String)>);

impl Query {
    fn of(query: &str) -> Self {
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        Self(
            pairs
                .map(|pair| {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (plain(name), plain(value))
                })
                .collect(),
        )
    }

    fn get(&self, name: &str) -> Option<String> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone())
    }

    fn name(&self, which: &str) -> Told<String> {
        let value = self.get(which).unwrap_or_default();
        if value.is_empty() || value.len() > LONGEST_NAME {
            return Err(Answered::error(
                400,
                format!(
                    "`{which}` is missing, empty or longer than {LONGEST_NAME} bytes: name it in the query"
                ),
            ));
        }
        Ok(value)
    }

    fn wait(&self, default: Duration) -> Told<Duration> {
        match self.get("wait") {
            None => Ok(default),
            Some(text) => text.parse::<u32>().map(|s| Duration::from_secs(s.into())).map_err(|_| {
                Answered::error(400, "`wait` is no whole number of seconds: send one such as 30")
            }),
        }
    }
}

/// Undoes percent-encoding, and `+` for a space; what is no such code stays as it is.
fn plain(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let mut ahead = rest.clone();
        let code = (byte == b'%').then(|| Some(digit(ahead.next()?)? * 16 + digit(ahead.next()?)?)).flatten();
        match (byte, code) {
            (b'+', _) => bytes.push(b' '),
            (_, Some(code)) => {
                bytes.push(code);
                rest = ahead;
            }
            (byte, None) => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_query_is_read_as_forms_write_it() {
        let query = Query::of("run=a%2Fb+c&after=&&x&wait=7&z=%zz%4");
        assert_eq!(query.get("run").as_deref(), Some("a/b c"));
        assert_eq!(query.get("after").as_deref(), Some(""));
        assert_eq!(query.get("z").as_deref(), Some("%zz%4"));
        assert_eq!(query.get("none"), None);
        assert!(query.wait(POLL).is_ok_and(|wait| wait == Duration::from_secs(7)));
    }

    proptest! {
        #[test]
        fn any_text_comes_back_from_its_code(text in "\\PC{0,40}") {
            let coded: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
            prop_assert_eq!(plain(&coded), text);
        }

        #[test]
        fn no_query_harms(query in "\\PC{0,80}|[%&=+0-9a-fA-F]{0,80}") {
            let _ = Query::of(&query);
        }
    }
}
