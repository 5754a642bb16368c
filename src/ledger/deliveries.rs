//! The outbox: an approved text is leased to one process at a time, handed over, and confirmed when
//! it is seen in the agent's own log.
//!
//! A process that dies with a lease leaves it to run out. The next one to take it sees by
//! [`Lease::again`] that somebody may have handed the text over already, and looks for the text's tag
//! in the agent's log before it sends: the log decides. Only the same channel takes a lease over: what
//! one channel handed over, another cannot know.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, params};

use super::error::Result;
use super::state::Event;
use super::{GATE, Ledger};
use crate::recover::{Gate, ProposalId, Used, proposal::digest};
use crate::text;
use crate::trace::RunId;

/// The right to hand over one approved text, for a while. Only the ledger makes one, and only of an
/// approved proposal whose grace time is over.
#[derive(Debug, PartialEq, Eq)]
pub struct Lease {
    delivery: i64,
    proposal: ProposalId,
    key: String,
    text: String,
    holder: String,
    leases: u32,
    until: Timestamp,
    gate: bool,
}

/// Who asks for an approved text, and for what it can be used.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a> {
    /// The run that it reaches.
    pub run: &'a RunId,
    /// The agent that it reaches; `None`: it says itself to whom each text goes.
    pub agent: Option<&'a str>,
    /// The channel's name.
    pub channel: &'a str,
    /// This process.
    pub holder: &'a str,
    /// How long it needs.
    pub ttl: Duration,
    /// The call that the text would refuse. Then it gets what was approved to refuse this call, and
    /// corrections that were decided after `after`. Without one it gets corrections alone.
    pub gate: Option<&'a Gate>,
    /// The latest decision that it does not take; 0: it takes all.
    pub after: i64,
    /// The only proposal that it takes. Without it, answers to what agents asked are not among them.
    pub only: Option<&'a ProposalId>,
}

/// What a text in an agent's log shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// It is what was approved, or the log has only its tag.
    Confirmed,
    /// It is something else; why, one clause. The delivery has failed, and stays confirmed if it was.
    Differs(String),
    /// That was known, or nobody sent it.
    Known,
}

impl Lease {
    /// Whose text it is.
    pub fn proposal(&self) -> &ProposalId {
        &self.proposal
    }

    /// The text that was approved, byte for byte.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What the text is known by: a receiver that has seen this key has the text.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Until when it is good.
    pub fn until(&self) -> Timestamp {
        self.until
    }

    /// Whether it refuses the call that its caller named, and is good for nothing else.
    pub fn is_gate(&self) -> bool {
        self.gate
    }

    /// Whether an earlier lease ran out: the text may have been handed over already.
    pub fn again(&self) -> bool {
        self.leases > 1
    }
}

/// What came of recording that a text was handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handed {
    /// It is recorded.
    Recorded,
    /// The lease had run out and somebody else has it now, or the log already decided.
    Lost,
}

/// A text that could be leased.
struct Due {
    proposal: String,
    round: i64,
    decision: i64,
    text: String,
    digest: String,
    running: Option<(i64, u32, String)>,
    tries: i64,
    gate: bool,
}

impl Ledger {
    /// Takes the oldest approved text for `run` whose grace time is over and which nobody is
    /// delivering, for `ttl`. `holder` names this process. `None`: there is none, or everything is
    /// stopped. Takes no write lock where there is none.
    ///
    /// # Errors
    /// The ledger cannot be read or written.
    pub fn lease(
        &self,
        run: &RunId,
        channel: &str,
        holder: &str,
        ttl: Duration,
        now: Timestamp,
    ) -> Result<Option<Lease>> {
        self.lease_for(run, None, channel, holder, ttl, now)
    }

    /// As [`Ledger::lease`], but only what is about this agent: a text may not go to a sub-agent that
    /// it does not concern.
    ///
    /// # Errors
    /// As [`Ledger::lease`].
    pub fn lease_for(
        &self,
        run: &RunId,
        agent: Option<&str>,
        channel: &str,
        holder: &str,
        ttl: Duration,
        now: Timestamp,
    ) -> Result<Option<Lease>> {
        self.lease_as(&Caller { run, agent, channel, holder, ttl, gate: None, after: 0, only: None }, now)
    }

    /// Takes the text of this one proposal, and no other, if it could be leased now: for the answer to
    /// what an agent asked, which nothing else may go out as.
    ///
    /// # Errors
    /// As [`Ledger::lease`].
    pub fn lease_answer(
        &self,
        run: &RunId,
        id: &ProposalId,
        channel: &str,
        holder: &str,
        ttl: Duration,
        now: Timestamp,
    ) -> Result<Option<Lease>> {
        let only = Some(id);
        self.lease_as(&Caller { run, agent: None, channel, holder, ttl, gate: None, after: 0, only }, now)
    }

    /// As [`Ledger::lease_for`], for a caller that may refuse a call. What is found to be left behind is
    /// superseded and not given to anybody.
    ///
    /// # Errors
    /// As [`Ledger::lease`].
    pub fn lease_as(&self, caller: &Caller<'_>, now: Timestamp) -> Result<Option<Lease>> {
        let failed = |e| self.failed("lease a delivery in", e);
        if self.due(caller, now).map_err(failed)?.is_none() {
            return Ok(None);
        }
        let change = self.write()?;
        let due = loop {
            let Some(due) = self.due(caller, now).map_err(failed)? else {
                change.commit().map_err(failed)?;
                return Ok(None);
            };
            let id = ProposalId::stored(due.proposal.as_str());
            match self.why_left_behind(&id)? {
                None => break due,
                // Somebody may have handed it over: only the log can say that it arrived.
                Some(why) if due.running.is_some() => self.abandon(&id, why, now)?,
                Some(why) => drop(self.close(&id, Event::Supersede, why)?),
            }
        };
        let Caller { channel, holder, ttl, .. } = *caller;
        let proposal = ProposalId::stored(due.proposal);
        if digest(&due.text) != due.digest {
            return Err(self.damaged(&proposal, &"the approved text does not fit its digest"));
        }
        let now = now.as_microsecond();
        let until = now.saturating_add(i64::try_from(ttl.as_micros()).unwrap_or(i64::MAX));
        let (delivery, leases, key) = match due.running {
            Some((delivery, leases, key)) => {
                self.db
                    .prepare_cached(
                        "UPDATE deliveries SET holder = ?2, channel = ?3, leases = leases + 1,
                         leased = ?4, lease_until = ?5 WHERE id = ?1",
                    )
                    .and_then(|mut set| set.execute(params![delivery, holder, channel, now, until]))
                    .map_err(failed)?;
                (delivery, leases + 1, key)
            }
            None => {
                let key = format!("{proposal}-{}-{}", due.round, due.tries + 1);
                self.db
                    .prepare_cached(
                        "INSERT INTO deliveries (key, proposal, round, decision, channel, holder,
                         leases, leased, lease_until, text, digest)
                         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1, ?7, ?8, ?9, ?10)",
                    )
                    .and_then(|mut add| {
                        add.execute(params![
                            key,
                            proposal.as_str(),
                            due.round,
                            due.decision,
                            channel,
                            holder,
                            now,
                            until,
                            due.text,
                            due.digest
                        ])
                    })
                    .map_err(failed)?;
                (self.db.last_insert_rowid(), 1, key)
            }
        };
        // What was taken up once is not undone any more, whatever the clock says afterwards.
        self.db
            .prepare_cached("UPDATE proposals SET state = 'leased', grace_until = NULL WHERE id = ?1")
            .and_then(|mut set| set.execute([proposal.as_str()]))
            .map_err(failed)?;
        change.commit().map_err(failed)?;
        Ok(Some(Lease {
            delivery,
            proposal,
            key,
            text: due.text,
            holder: holder.to_owned(),
            leases,
            until: super::proposals::moment(until),
            gate: due.gate,
        }))
    }

    /// Gives up on a text whose lease ran out and that its run has left behind.
    pub(super) fn abandon(&self, id: &ProposalId, why: &str, now: Timestamp) -> Result<()> {
        let failed = |e| self.failed("record a failure in", e);
        self.db
            .prepare_cached(
                "UPDATE deliveries SET failed = ?2, failure = ?3 WHERE proposal = ?1 AND failed IS NULL
                 AND delivered IS NULL",
            )
            .and_then(|mut set| {
                set.execute(params![
                    id.as_str(),
                    now.as_microsecond(),
                    format!("who took it up did not say that it arrived, and {why}")
                ])
            })
            .map_err(failed)?;
        self.set_state(id, "failed").map_err(failed)
    }

    /// Without `only`, answers to what agents asked are not among what is due.
    fn due(&self, caller: &Caller<'_>, now: Timestamp) -> rusqlite::Result<Option<Due>> {
        // Asked within the transaction that leases: nobody can stop everything between the two.
        if self.is_stopped()? {
            return Ok(None);
        }
        let (call, input) = caller.gate.map_or(("", ""), |gate| (gate.call.as_str(), gate.input.as_str()));
        self.db
            .prepare_cached(
                "SELECT p.id, p.round, d.number, d.text, d.digest, v.id, v.leases, v.key,
                        (SELECT count(*) FROM deliveries t WHERE t.proposal = p.id
                         AND t.round = p.round), p.scope = 'call'
                 FROM proposals p
                 JOIN decisions d ON d.proposal = p.id AND d.round = p.round
                      AND d.verdict IN ('approve', 'edit')
                 LEFT JOIN deliveries v ON v.proposal = p.id AND v.round = p.round
                      AND v.failed IS NULL
                 WHERE p.run = ?1 AND (?3 IS NULL OR p.agent = ?3)
                   AND ((p.state = 'approved' AND coalesce(p.grace_until, 0) <= ?2)
                     OR (p.state = 'leased' AND v.lease_until <= ?2))
                   AND (v.id IS NULL OR v.channel = ?7)
                   AND CASE p.scope WHEN 'call' THEN p.gate_call = ?4 AND p.gate_input = ?5
                       ELSE d.number > ?6 END
                   AND CASE WHEN ?8 IS NULL THEN json_extract(p.body, '$.rule') <> ?9 ELSE p.id = ?8 END
                 ORDER BY d.number LIMIT 1",
            )?
            .query_row(
                params![
                    caller.run.as_str(),
                    now.as_microsecond(),
                    caller.agent,
                    call,
                    input,
                    caller.after,
                    caller.channel,
                    caller.only.map(ProposalId::as_str),
                    GATE
                ],
                |row| {
                    let running: Option<i64> = row.get(5)?;
                    Ok(Due {
                        proposal: row.get(0)?,
                        round: row.get(1)?,
                        decision: row.get(2)?,
                        text: row.get(3)?,
                        digest: row.get(4)?,
                        running: match running {
                            Some(id) => Some((id, row.get(6)?, row.get(7)?)),
                            None => None,
                        },
                        tries: row.get(8)?,
                        gate: row.get(9)?,
                    })
                },
            )
            .optional()
    }

    /// Whether the text may be handed over now: the lease is still this process's and has not run out,
    /// and the run has not moved on, else it is superseded. For channels that hand over first and record
    /// afterwards, because what they hand over is known by its key.
    ///
    /// # Errors
    /// The ledger cannot be read or written.
    pub fn may_hand_over(&self, lease: &Lease, now: Timestamp) -> Result<bool> {
        let change = self.write()?;
        let may = self.still_may(lease, now)?;
        change.commit().map_err(|e| self.failed("record a failure in", e))?;
        Ok(may)
    }

    /// Records that the text is handed over, if it may be ([`Ledger::may_hand_over`]). For channels that
    /// hand over only what is on the disk as handed over.
    ///
    /// # Errors
    /// The ledger cannot be read or written.
    pub fn hand_over(&self, lease: &Lease, now: Timestamp) -> Result<Handed> {
        let change = self.write()?;
        let handed = self.still_may(lease, now)? && self.set_delivered(lease, now)?;
        change.commit().map_err(|e| self.failed("record a delivery in", e))?;
        Ok(if handed { Handed::Recorded } else { Handed::Lost })
    }

    /// Records that the text was handed over.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub fn delivered(&self, lease: &Lease, now: Timestamp) -> Result<Handed> {
        let change = self.write()?;
        if !self.set_delivered(lease, now)? {
            return Ok(Handed::Lost);
        }
        change.commit().map_err(|e| self.failed("record a delivery in", e))?;
        Ok(Handed::Recorded)
    }

    /// The receiver says that it has the text of this key: recorded as handed over, whoever had the
    /// lease. Returns whether that was news.
    ///
    /// # Errors
    /// The ledger cannot be read or written.
    pub fn received(&self, run: &RunId, key: &str, now: Timestamp) -> Result<bool> {
        let failed = |e| self.failed("record a delivery in", e);
        let leased = || {
            self.db
                .prepare_cached(
                    "SELECT p.id FROM deliveries v JOIN proposals p ON p.id = v.proposal AND p.round = v.round
                     WHERE v.key = ?1 AND p.run = ?2 AND p.state = 'leased' AND v.failed IS NULL",
                )
                .and_then(|mut ask| ask.query_row([key, run.as_str()], |row| row.get::<_, String>(0)).optional())
        };
        // Said again and again by an agent that polls: no write lock for what is known.
        if leased().map_err(failed)?.is_none() {
            return Ok(false);
        }
        let change = self.write()?;
        let Some(id) = leased().map_err(failed)? else { return Ok(false) };
        self.db
            .prepare_cached("UPDATE deliveries SET delivered = ?2 WHERE key = ?1 AND delivered IS NULL")
            .and_then(|mut set| set.execute(params![key, now.as_microsecond()]))
            .map_err(failed)?;
        self.set_state(&ProposalId::stored(id), "delivered").map_err(failed)?;
        change.commit().map_err(failed)?;
        Ok(true)
    }

    /// Records that the text could not be handed over; `why` is shown. It stays failed until somebody
    /// retries it by hand.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub fn delivery_failed(&self, lease: &Lease, why: &str, now: Timestamp) -> Result<Handed> {
        let change = self.write()?;
        if !self.set_failed(lease, why, now)? {
            return Ok(Handed::Lost);
        }
        change.commit().map_err(|e| self.failed("record a failure in", e))?;
        Ok(Handed::Recorded)
    }

    fn still_may(&self, lease: &Lease, now: Timestamp) -> Result<bool> {
        if self.is_stopped().map_err(|e| self.failed("read", e))? {
            // The lease runs out; when the policy holds again somebody takes the text over.
            return Ok(false);
        }
        let held: bool = self
            .db
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM deliveries WHERE id = ?1 AND holder = ?2 AND leases = ?3
                 AND delivered IS NULL AND failed IS NULL AND lease_until > ?4)",
            )
            .and_then(|mut ask| {
                ask.query_row(
                    params![lease.delivery, lease.holder, lease.leases, now.as_microsecond()],
                    |row| row.get(0),
                )
            })
            .map_err(|e| self.failed("read", e))?;
        if !held {
            return Ok(false);
        }
        let Some(why) = self.why_left_behind(&lease.proposal)? else { return Ok(true) };
        self.set_failed(lease, why, now)?;
        // One that was taken over may be there already: then only the log can say so.
        if lease.leases == 1 {
            self.close(&lease.proposal, Event::Supersede, why)?;
        }
        Ok(false)
    }

    fn set_delivered(&self, lease: &Lease, now: Timestamp) -> Result<bool> {
        let failed = |e| self.failed("record a delivery in", e);
        let mine = self
            .db
            .prepare_cached(
                "UPDATE deliveries SET delivered = ?4 WHERE id = ?1 AND holder = ?2
                 AND leases = ?3 AND delivered IS NULL AND failed IS NULL",
            )
            .and_then(|mut set| {
                set.execute(params![lease.delivery, lease.holder, lease.leases, now.as_microsecond()])
            })
            .map_err(failed)?;
        if mine > 0 {
            self.set_state(&lease.proposal, "delivered").map_err(failed)?;
        }
        Ok(mine > 0)
    }

    fn set_failed(&self, lease: &Lease, why: &str, now: Timestamp) -> Result<bool> {
        let failed = |e| self.failed("record a failure in", e);
        let why = text::excerpt(why, 400);
        let mine = self
            .db
            .prepare_cached(
                "UPDATE deliveries SET failed = ?4, failure = ?5 WHERE id = ?1 AND holder = ?2
                 AND leases = ?3 AND delivered IS NULL AND failed IS NULL",
            )
            .and_then(|mut set| {
                set.execute(params![lease.delivery, lease.holder, lease.leases, now.as_microsecond(), why])
            })
            .map_err(failed)?;
        if mine > 0 {
            self.set_state(&lease.proposal, "failed").map_err(failed)?;
        }
        Ok(mine > 0)
    }

    /// The receiver says that it will not use a text that was handed over. Returns whether there was
    /// one that had not been confirmed.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub fn refused(&self, id: &ProposalId, why: &str, now: Timestamp) -> Result<bool> {
        let change = self.write()?;
        let changed = self
            .db
            .prepare_cached(
                "UPDATE deliveries SET failed = ?2, failure = ?3 WHERE proposal = ?1
                 AND failed IS NULL AND confirmed IS NULL AND EXISTS (SELECT 1 FROM proposals p
                    WHERE p.id = ?1 AND p.state IN ('leased', 'delivered'))",
            )
            .and_then(|mut set| {
                set.execute(params![id.as_str(), now.as_microsecond(), text::excerpt(why, 400)])
            })
            .map_err(|e| self.failed("record a refusal in", e))?;
        if changed == 0 {
            return Ok(false);
        }
        self.set_state(id, "failed").map_err(|e| self.failed("record a refusal in", e))?;
        change.commit().map_err(|e| self.failed("record a refusal in", e))?;
        Ok(true)
    }

    /// Puts a failed delivery, or one that was handed over and never seen to arrive, back among the
    /// approved ones. Only a person's word does that. Returns whether there was one.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub fn retry(&self, id: &ProposalId, now: Timestamp) -> Result<bool> {
        let failed = |e| self.failed("write to", e);
        let change = self.write()?;
        let unseen = self
            .db
            .prepare_cached(
                "UPDATE deliveries SET failed = ?2, failure = 'not seen to arrive: sent again by hand'
                 WHERE proposal = ?1 AND failed IS NULL AND confirmed IS NULL AND delivered IS NOT NULL
                 AND EXISTS (SELECT 1 FROM proposals p WHERE p.id = ?1 AND p.state = 'delivered')",
            )
            .and_then(|mut set| set.execute(params![id.as_str(), now.as_microsecond()]))
            .map_err(failed)?;
        if unseen > 0 {
            self.set_state(id, "failed").map_err(failed)?;
        }
        let changed = self
            .db
            .prepare_cached("UPDATE proposals SET state = 'approved' WHERE id = ?1 AND state = 'failed'")
            .and_then(|mut set| set.execute([id.as_str()]))
            .map_err(failed)?;
        change.commit().map_err(failed)?;
        Ok(changed > 0)
    }

    /// The delivered text was seen in the agent's own log, in `record` (0-based in its source). A tag
    /// of a text that nobody handed over proves nothing and changes nothing. Returns whether that was
    /// news.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub fn confirm(&self, id: &ProposalId, record: Option<u32>, now: Timestamp) -> Result<bool> {
        let failed = |e| self.failed("confirm a delivery in", e);
        // Seen again and again while a log is read: no write lock for what is known.
        let news = "FROM deliveries v JOIN proposals p ON p.id = v.proposal AND p.round = v.round
                    WHERE p.id = ?1 AND p.state IN ('leased', 'delivered', 'failed')";
        let open = |db: &rusqlite::Connection| {
            db.prepare_cached(&format!("SELECT max(v.id) {news}"))
                .and_then(|mut ask| ask.query_row([id.as_str()], |row| row.get::<_, Option<i64>>(0)))
        };
        if open(&self.db).map_err(failed)?.is_none() {
            return Ok(false);
        }
        let change = self.write()?;
        let Some(delivery) = open(&self.db).map_err(failed)? else {
            return Ok(false);
        };
        self.db
            .prepare_cached(
                "UPDATE deliveries SET confirmed = ?2, confirmed_record = ?3,
                 delivered = coalesce(delivered, ?2) WHERE id = ?1",
            )
            .and_then(|mut set| set.execute(params![delivery, now.as_microsecond(), record]))
            .map_err(failed)?;
        self.set_state(id, "confirmed").map_err(failed)?;
        change.commit().map_err(failed)?;
        Ok(true)
    }

    /// A text that begins with `Operator:` and ends with the proposal's tag stands in the agent's own
    /// log, in `record`; `text` is `None` where the log does not carry it whole. It is compared with what
    /// was approved, byte for byte.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub fn arrived(
        &self,
        id: &ProposalId,
        record: Option<u32>,
        text: Option<&str>,
        now: Timestamp,
    ) -> Result<Arrival> {
        let failed = |e| self.failed("confirm a delivery in", e);
        let sent: Option<String> = self
            .db
            .prepare_cached(
                "SELECT v.text FROM deliveries v JOIN proposals p ON p.id = v.proposal
                 AND p.round = v.round WHERE p.id = ?1 ORDER BY v.id DESC LIMIT 1",
            )
            .and_then(|mut ask| ask.query_row([id.as_str()], |row| row.get(0)).optional())
            .map_err(failed)?;
        let Some(sent) = sent else { return Ok(Arrival::Known) };
        let Some(why) = text.and_then(|text| difference(&sent, text)) else {
            return Ok(match self.confirm(id, record, now)? {
                true => Arrival::Confirmed,
                false => Arrival::Known,
            });
        };
        Ok(match self.refused(id, &why, now)? {
            true => Arrival::Differs(why),
            false => Arrival::Known,
        })
    }

    /// What was handed over to a run and is not confirmed yet: its key and its proposal.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn unconfirmed(&self, run: &RunId) -> Result<Vec<(String, ProposalId)>> {
        self.db
            .prepare_cached(
                "SELECT v.key, p.id FROM deliveries v JOIN proposals p ON p.id = v.proposal
                     AND p.round = v.round
                 WHERE p.run = ?1 AND p.state IN ('leased', 'delivered') AND v.failed IS NULL
                 ORDER BY v.id",
            )
            .and_then(|mut ask| {
                ask.query_map([run.as_str()], |row| {
                    Ok((row.get(0)?, ProposalId::stored(row.get::<_, String>(1)?)))
                })?
                .collect()
            })
            .map_err(|e| self.failed("read", e))
    }

    /// What recoveries have used of a run's budgets: those on their way and those that arrived.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn used(&self, run: &RunId) -> Result<Used> {
        self.db
            .prepare_cached(
                "SELECT coalesce(sum(out), 0), coalesce(sum(out AND remedy = 'replan'), 0),
                        coalesce(sum(out AND remedy = 'tool_substitution'), 0),
                        coalesce(sum(remedy = 'escalate' AND mode <> 'observe'), 0),
                        coalesce(sum(out * seconds), 0), coalesce(sum(out * tokens), 0)
                 FROM (SELECT state IN ('approved', 'leased', 'delivered', 'confirmed') AS out, mode,
                        json_extract(body, '$.remedy') AS remedy,
                        json_extract(body, '$.seconds') AS seconds,
                        json_extract(body, '$.tokens') AS tokens FROM proposals WHERE run = ?1
                        AND json_extract(body, '$.rule') <> ?2)",
            )
            .and_then(|mut ask| {
                ask.query_row([run.as_str(), GATE], |row| {
                    Ok(Used {
                        deliveries: row.get(0)?,
                        replans: row.get(1)?,
                        substitutions: row.get(2)?,
                        escalations: row.get(3)?,
                        seconds: row.get::<_, i64>(4)?.unsigned_abs(),
                        tokens: row.get::<_, i64>(5)?.unsigned_abs(),
                    })
                })
            })
            .map_err(|e| self.failed("read", e))
    }

    /// Runs that have something to be delivered, now or when a grace time is over, and those that
    /// wait for a receipt; for channels that poll.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn outgoing(&self) -> Result<Vec<RunId>> {
        self.db
            .prepare_cached(
                "SELECT DISTINCT run FROM proposals
                 WHERE state IN ('approved', 'leased', 'delivered') ORDER BY run",
            )
            .and_then(|mut ask| ask.query_map([], |row| row.get::<_, String>(0).map(RunId::new))?.collect())
            .map_err(|e| self.failed("read", e))
    }

    fn set_state(&self, id: &ProposalId, state: &str) -> rusqlite::Result<()> {
        self.db
            .prepare_cached("UPDATE proposals SET state = ?2 WHERE id = ?1")?
            .execute(params![id.as_str(), state])
            .map(|_| ())
    }
}

/// Where a text in a log differs from the one that was sent; words before it are the channel's.
fn difference(sent: &str, seen: &str) -> Option<String> {
    if seen.ends_with(sent) {
        return None;
    }
    let same = sent.bytes().zip(seen.bytes()).take_while(|(a, b)| a == b).count();
    Some(format!(
        "its log holds another text under its tag: {} bytes were sent and {} stand there, which differ from byte {same} on",
        sent.len(),
        seen.len()
    ))
}
