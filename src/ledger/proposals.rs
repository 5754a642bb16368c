//! Proposals: how they come in, and how they are read back with all that became of them.

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Row, params};

use super::Mode;
use super::entry::{Course, Decision, Delivery, Entry, Operator, Outcome, Try, Verdict};
use super::error::{LedgerError, Result};
use super::state::{Event, State};
use super::{GATE, Ledger, as_sent};
use crate::recover::{Gate, Proposal, ProposalId, Scope, proposal::digest};
use crate::text;
use crate::trace::RunId;

/// Longest short text (a rule's name, a clause) that is stored, in bytes.
const SHORT: usize = 400;
/// Longest evidence that is stored, in bytes.
const LONG: usize = 4_000;

const COLUMNS: &str = "SELECT id, body, state, drafted, round, grace_until, note, outcome FROM proposals ";

impl Ledger {
    /// Puts a proposal down, unless it is there already. Its texts pass the gate, and its payload
    /// takes the form in which it is sent ([`as_sent`]). `mode` is observe or suggest; what else a policy
    /// asks for is ruled on by [`Ledger::put_down`]. Returns whether it is new.
    ///
    /// # Errors
    /// The payload is empty or too long; the ledger cannot be written.
    pub fn propose(&self, proposal: &Proposal, mode: Mode, now: Timestamp) -> Result<bool> {
        let failed = |e| self.failed("write a proposal to", e);
        // Most proposals are seen again and again while a log is read: no write lock for those.
        let known: bool = self
            .db
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM proposals WHERE id = ?1)")
            .and_then(|mut ask| ask.query_row([proposal.id.as_str()], |row| row.get(0)))
            .map_err(failed)?;
        if known {
            return Ok(false);
        }
        let kept = through_the_gate(proposal)?;
        let body = serde_json::to_string(&kept).map_err(|e| self.damaged(&kept.id, &e))?;
        let added = self
            .db
            .prepare_cached(
                "INSERT OR IGNORE INTO proposals
                 (id, run, agent, mode, body, digest, position, p_wrong, drafted, state, scope,
                  gate_call, gate_input, since)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 'waiting', ?10, ?11, ?12,
                  coalesce((SELECT max(number) FROM moves), 0))",
            )
            .and_then(|mut add| {
                add.execute(params![
                    kept.id.as_str(),
                    kept.target.run.as_str(),
                    kept.target.agent,
                    mode.word(),
                    body,
                    digest(&kept.payload),
                    kept.target.position,
                    kept.p_wrong.get(),
                    now.as_microsecond(),
                    kept.target.scope.word(),
                    kept.target.scope.gate().map_or("", |gate| gate.call.as_str()),
                    kept.target.scope.gate().map_or("", |gate| gate.input.as_str()),
                ])
            })
            .map_err(failed)?;
        Ok(added > 0)
    }

    /// What waits for a person, the likeliest wrong first; then what is approved and on its way, what
    /// failed on its way, and last what was deferred. Proposals that were only to be recorded are not
    /// among them.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn desk(&self) -> Result<Vec<Entry>> {
        self.entries(
            "WHERE mode <> 'observe' AND state IN ('waiting', 'approved', 'leased', 'failed')
             ORDER BY deferred, CASE state WHEN 'waiting' THEN 0 WHEN 'failed' THEN 1 ELSE 2 END,
                      p_wrong DESC, drafted, id",
            [],
        )
    }

    /// One proposal with all that is known of it.
    ///
    /// # Errors
    /// There is none of that id; the ledger cannot be read.
    pub fn entry(&self, id: &ProposalId) -> Result<Entry> {
        self.entries("WHERE id = ?1", [id.as_str()])?
            .pop()
            .ok_or_else(|| LedgerError::NoSuch { id: id.clone() })
    }

    /// All proposals about a run, the oldest first.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn entries_of(&self, run: &RunId) -> Result<Vec<Entry>> {
        self.entries("WHERE run = ?1 ORDER BY drafted, id", [run.as_str()])
    }

    /// The latest `limit` proposals, the newest first, whatever became of them.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn history(&self, limit: usize) -> Result<Vec<Entry>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.entries("ORDER BY drafted DESC, id LIMIT ?1", [limit])
    }

    /// The proposals of which `beginning` is the id or the beginning of the id, at most three.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn find(&self, beginning: &str) -> Result<Vec<Entry>> {
        self.entries("WHERE substr(id, 1, length(?1)) = ?1 ORDER BY drafted, id LIMIT 3", [beginning])
    }

    /// What stands open about a run, but for what its agents asked. Cheap: for a hook's poll.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn standing(&self, run: &RunId) -> Result<Standing> {
        self.standing_for(run, None)
    }

    /// As [`Ledger::standing`], but only what is about this agent.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn standing_for(&self, run: &RunId, agent: Option<&str>) -> Result<Standing> {
        self.standing_at(run, agent, None, 0)
    }

    /// As [`Ledger::standing_for`], with what would refuse this call, and of approved corrections only
    /// those that were decided after `after`. What would refuse a call is not counted otherwise.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn standing_at(
        &self,
        run: &RunId,
        agent: Option<&str>,
        gate: Option<&Gate>,
        after: i64,
    ) -> Result<Standing> {
        let (call, input) = gate.map_or(("", ""), |gate| (gate.call.as_str(), gate.input.as_str()));
        self.db
            .prepare_cached(
                "SELECT coalesce(sum(state = 'waiting' AND deferred = 0 AND mode <> 'observe'), 0),
                        coalesce(sum(state IN ('approved', 'leased') AND (scope = 'call' OR EXISTS (
                            SELECT 1 FROM decisions d WHERE d.proposal = p.id AND d.round = p.round
                            AND d.number > ?5 AND d.verdict IN ('approve', 'edit')))), 0)
                 FROM proposals p WHERE run = ?1 AND (?2 IS NULL OR agent = ?2)
                   AND state IN ('waiting', 'approved', 'leased')
                   AND (scope <> 'call' OR (gate_call = ?3 AND gate_input = ?4))
                   AND json_extract(body, '$.rule') <> ?6",
            )
            .and_then(|mut ask| {
                ask.query_row(params![run.as_str(), agent, call, input, after, GATE], |row| {
                    Ok(Standing { waiting: row.get(0)?, approved: row.get(1)? })
                })
            })
            .map_err(|e| self.failed("read", e))
    }

    /// The run moved on or mended itself: a proposal that has not been sent is not sent any more.
    /// Returns whether that was still possible.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub fn supersede(&self, id: &ProposalId, reason: &str, _now: Timestamp) -> Result<bool> {
        self.close(id, Event::Supersede, reason)
    }

    /// A policy lets a proposal lapse; `policy` names it. Never a person's no. Returns whether it was
    /// still open.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub fn expire(&self, id: &ProposalId, policy: &str, _now: Timestamp) -> Result<bool> {
        self.close(id, Event::Expire, &format!("by policy {policy}"))
    }

    pub(super) fn close(&self, id: &ProposalId, event: Event, why: &str) -> Result<bool> {
        let state = if event == Event::Expire { State::Expired } else { State::Superseded };
        let changed = self
            .db
            .prepare_cached(&format!(
                "UPDATE proposals SET state = ?2, note = ?3, grace_until = NULL
                 WHERE id = ?1 AND state IN ({})",
                event.sources()
            ))
            .and_then(|mut change| {
                change.execute(params![id.as_str(), state.word(), text::excerpt(why, SHORT)])
            })
            .map_err(|e| self.failed("write to", e))?;
        Ok(changed > 0)
    }

    /// What happened to the run after the delivery, and the step that shows it.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub fn outcome(
        &self,
        id: &ProposalId,
        outcome: Outcome,
        step: Option<u32>,
        now: Timestamp,
    ) -> Result<bool> {
        let changed = self
            .db
            .prepare_cached(
                "UPDATE proposals SET outcome = ?2, outcome_step = ?3, outcome_at = ?4
                 WHERE id = ?1 AND state IN ('delivered', 'confirmed') AND outcome <> ?2",
            )
            .and_then(|mut change| {
                change.execute(params![id.as_str(), outcome.words(), step, now.as_microsecond()])
            })
            .map_err(|e| self.failed("write to", e))?;
        Ok(changed > 0)
    }

    pub(super) fn entries<P: rusqlite::Params>(&self, which: &str, with: P) -> Result<Vec<Entry>> {
        // One moment for all of it: an entry's parts must belong together.
        let _moment = if self.db.is_autocommit() {
            Some(self.db.unchecked_transaction().map_err(|e| self.failed("read", e))?)
        } else {
            None
        };
        let rows: Vec<Stored> = self
            .db
            .prepare_cached(&format!("{COLUMNS}{which}"))
            .and_then(|mut ask| ask.query_map(with, Stored::of)?.collect())
            .map_err(|e| self.failed("read", e))?;
        rows.into_iter().map(|row| self.complete(row)).collect()
    }

    fn complete(&self, row: Stored) -> Result<Entry> {
        let id = ProposalId::stored(row.id);
        let proposal: Proposal = serde_json::from_str(&row.body).map_err(|e| self.damaged(&id, &e))?;
        let state = State::of_word(&row.state).ok_or_else(|| self.damaged(&id, &"an unknown state"))?;
        let outcome = Outcome::of_words(&row.outcome);
        Ok(Entry {
            decision: self.holding(&id, row.round)?,
            delivery: self.last_delivery(&id)?,
            proposal,
            state,
            drafted: moment(row.drafted),
            grace_until: row.grace_until.map(moment),
            outcome,
            note: row.note,
        })
    }

    /// The decision that holds in this round, or its last deferral.
    fn holding(&self, id: &ProposalId, round: i64) -> Result<Option<Decision>> {
        self.db
            .prepare_cached(
                "SELECT number, verdict, text, reason, by_kind, by_name, at, seen, NULL
                 FROM decisions WHERE proposal = ?1 AND round = ?2 AND verdict <> 'undo'
                 ORDER BY verdict = 'defer', number DESC LIMIT 1",
            )
            .and_then(|mut ask| ask.query_row(params![id.as_str(), round], decision_of).optional())
            .map_err(|e| self.failed("read", e))
    }

    fn last_delivery(&self, id: &ProposalId) -> Result<Option<Delivery>> {
        self.db
            .prepare_cached(
                "SELECT channel, text, delivered, confirmed, confirmed_record, failure,
                        (SELECT sum(leases) FROM deliveries WHERE proposal = ?1)
                 FROM deliveries WHERE proposal = ?1 ORDER BY id DESC LIMIT 1",
            )
            .and_then(|mut ask| {
                ask.query_row([id.as_str()], |row| {
                    let confirmed: Option<i64> = row.get(3)?;
                    let record: Option<u32> = row.get(4)?;
                    Ok(Delivery {
                        channel: row.get(0)?,
                        text: row.get(1)?,
                        delivered: row.get::<_, Option<i64>>(2)?.map(moment),
                        confirmed: confirmed.map(|at| (moment(at), record)),
                        failure: row.get(5)?,
                        attempts: row.get(6)?,
                    })
                })
                .optional()
            })
            .map_err(|e| self.failed("read", e))
    }

    /// Every try to carry a proposal's text to its agent, and what shows the outcome.
    ///
    /// # Errors
    /// No such proposal; the ledger cannot be read.
    pub fn course(&self, id: &ProposalId) -> Result<Course> {
        let failed = |e| self.failed("read", e);
        let tries = self
            .db
            .prepare_cached(
                "SELECT key, decision, channel, holder, leases, leased, text, delivered, confirmed,
                        confirmed_record, failed, failure
                 FROM deliveries WHERE proposal = ?1 ORDER BY id",
            )
            .and_then(|mut ask| ask.query_map([id.as_str()], try_of)?.collect())
            .map_err(failed)?;
        let outcome = self
            .db
            .prepare_cached("SELECT outcome_step, outcome_at FROM proposals WHERE id = ?1")
            .and_then(|mut ask| {
                ask.query_row([id.as_str()], |row| {
                    let at: Option<i64> = row.get(1)?;
                    Ok((row.get::<_, Option<u32>>(0)?, at.map(moment)))
                })
                .optional()
            })
            .map_err(failed)?;
        let (step, at) = outcome.ok_or_else(|| LedgerError::NoSuch { id: id.clone() })?;
        Ok(Course { tries, outcome: at.map(|at| (step, at)) })
    }

    pub(super) fn damaged(&self, id: &ProposalId, what: &dyn std::fmt::Display) -> LedgerError {
        LedgerError::Damaged { path: self.path.clone(), what: format!("proposal {id}: {what}") }
    }
}

/// Whether a text is a digest as [`digest`] makes them.
fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// How many proposals of a run stand open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Wait for a person, and were neither deferred nor drafted only to be recorded.
    pub waiting: u32,
    /// Are approved and not yet handed over.
    pub approved: u32,
}

/// A row of `proposals` as it stands.
struct Stored {
    id: String,
    body: String,
    state: String,
    drafted: i64,
    round: i64,
    grace_until: Option<i64>,
    note: String,
    outcome: String,
}

impl Stored {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            body: row.get(1)?,
            state: row.get(2)?,
            drafted: row.get(3)?,
            round: row.get(4)?,
            grace_until: row.get(5)?,
            note: row.get(6)?,
            outcome: row.get(7)?,
        })
    }
}

fn try_of(row: &Row<'_>) -> rusqlite::Result<Try> {
    let confirmed: Option<i64> = row.get(8)?;
    let record: Option<u32> = row.get(9)?;
    let failed: Option<i64> = row.get(10)?;
    let failure: Option<String> = row.get(11)?;
    Ok(Try {
        key: row.get(0)?,
        decision: row.get(1)?,
        channel: row.get(2)?,
        holder: (row.get(3)?, row.get(4)?),
        leased: moment(row.get(5)?),
        text: row.get(6)?,
        delivered: row.get::<_, Option<i64>>(7)?.map(moment),
        confirmed: confirmed.map(|at| (moment(at), record)),
        failed: failed.map(|at| (moment(at), failure.unwrap_or_default())),
    })
}

/// A decision from `number, verdict, text, reason, by_kind, by_name, at, seen, undone`.
pub(super) fn decision_of(row: &Row<'_>) -> rusqlite::Result<Decision> {
    let verdict: String = row.get(1)?;
    let kind: String = row.get(4)?;
    let name: String = row.get(5)?;
    Ok(Decision {
        number: row.get(0)?,
        verdict: match verdict.as_str() {
            "approve" => Verdict::Approve,
            "edit" => Verdict::Edit { text: row.get(2)? },
            "veto" => Verdict::Veto { reason: row.get(3)? },
            _ => Verdict::Defer,
        },
        by: if kind == "policy" { Operator::Policy { name } } else { Operator::Person { name } },
        at: moment(row.get(6)?),
        seen: row.get(7)?,
        undone: row.get::<_, Option<i64>>(8)?.map(moment),
    })
}

/// The time for a number of microseconds; one that is out of range becomes the nearest end.
pub(super) fn moment(microseconds: i64) -> Timestamp {
    Timestamp::from_microsecond(microseconds).unwrap_or(if microseconds < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

/// The proposal with every text that came from a log cleaned, redacted and kept short. Names that
/// other things are found by (run, agent, call, rule) are cleaned and not cut.
fn through_the_gate(proposal: &Proposal) -> Result<Proposal> {
    let mut kept = proposal.clone();
    kept.sentence = text::excerpt(&kept.sentence, SHORT);
    kept.claim = text::excerpt(&kept.claim, LONG);
    kept.fact = text::excerpt(&kept.fact, LONG);
    kept.why = text::excerpt(&kept.why, SHORT);
    for effect in &mut kept.effects {
        *effect = text::excerpt(effect, SHORT);
    }
    if let Some(check) = &mut kept.check {
        *check = text::shown(check);
    }
    kept.target.agent = text::clean(&kept.target.agent).into_owned();
    kept.target.call_id = text::clean(&kept.target.call_id).into_owned();
    kept.target.turn = text::clean(&kept.target.turn).into_owned();
    if let Scope::Call(gate) = &kept.target.scope
        && !(is_digest(&gate.call) && is_digest(&gate.input))
    {
        return Err(LedgerError::NoGate { id: kept.id });
    }
    kept.payload = as_sent(&kept.payload, &kept.id)?;
    Ok(kept)
}
