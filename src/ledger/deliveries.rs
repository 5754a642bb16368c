//! The outbox: an approved text is leased to one process at a time, handed over, and confirmed when
//! it is seen in the agent's own log.
//!
//! A process that dies with a lease leaves it to run out. The next one to take it sees by
//! [`Lease::again`] that somebody may have handed the text over already, and looks for the text's tag
//! in the agent's log before it sends: the log decides.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, params};

use super::error::Result;
use super::{GATE, Ledger};
use crate::recover::{ProposalId, Used, proposal::digest};
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
}

impl Ledger {
    /// Takes the oldest approved text for `run` whose grace time is over and which nobody is
    /// delivering, for `ttl`. `holder` names this process. `None`: there is none. Takes no write lock
    /// where there is none.
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
        self.lease_what(run, agent, None, channel, holder, ttl, now)
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
        self.lease_what(run, None, Some(id), channel, holder, ttl, now)
    }

    #[expect(clippy::too_many_arguments, reason = "what is leased, and to whom")]
    fn lease_what(
        &self,
        run: &RunId,
        agent: Option<&str>,
        only: Option<&ProposalId>,
        channel: &str,
        holder: &str,
        ttl: Duration,
        now: Timestamp,
    ) -> Result<Option<Lease>> {
        let failed = |e| self.failed("lease a delivery in", e);
        if self.due(run, agent, only, now).map_err(failed)?.is_none() {
            return Ok(None);
        }
        let change = self.write()?;
        let Some(due) = self.due(run, agent, only, now).map_err(failed)? else {
            return Ok(None);
        };
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
        self.set_state(&proposal, "leased").map_err(failed)?;
        change.commit().map_err(failed)?;
        Ok(Some(Lease {
            delivery,
            proposal,
            key,
            text: due.text,
            holder: holder.to_owned(),
            leases,
            until: super::proposals::moment(until),
        }))
    }

    /// Without `only`, answers to what agents asked are not among what is due.
    fn due(
        &self,
        run: &RunId,
        agent: Option<&str>,
        only: Option<&ProposalId>,
        now: Timestamp,
    ) -> rusqlite::Result<Option<Due>> {
        self.db
            .prepare_cached(
                "SELECT p.id, p.round, d.number, d.text, d.digest, v.id, v.leases, v.key,
                        (SELECT count(*) FROM deliveries t WHERE t.proposal = p.id
                         AND t.round = p.round)
                 FROM proposals p
                 JOIN decisions d ON d.proposal = p.id AND d.round = p.round
                      AND d.verdict IN ('approve', 'edit')
                 LEFT JOIN deliveries v ON v.proposal = p.id AND v.round = p.round
                      AND v.failed IS NULL
                 WHERE p.run = ?1 AND (?3 IS NULL OR p.agent = ?3)
                   AND ((p.state = 'approved' AND coalesce(p.grace_until, 0) <= ?2)
                     OR (p.state = 'leased' AND v.lease_until <= ?2))
                   AND CASE WHEN ?4 IS NULL THEN json_extract(p.body, '$.rule') <> ?5 ELSE p.id = ?4 END
                 ORDER BY d.number LIMIT 1",
            )?
            .query_row(
                params![run.as_str(), now.as_microsecond(), agent, only.map(ProposalId::as_str), GATE],
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
                    })
                },
            )
            .optional()
    }

    /// Records that the text was handed over.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub fn delivered(&self, lease: &Lease, now: Timestamp) -> Result<Handed> {
        let failed = |e| self.failed("record a delivery in", e);
        let change = self.write()?;
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
        if mine == 0 {
            return Ok(Handed::Lost);
        }
        self.set_state(&lease.proposal, "delivered").map_err(failed)?;
        change.commit().map_err(failed)?;
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
        let mine = self
            .db
            .prepare_cached(
                "UPDATE deliveries SET failed = ?4, failure = ?5 WHERE id = ?1 AND holder = ?2
                 AND leases = ?3 AND delivered IS NULL AND failed IS NULL",
            )
            .and_then(|mut set| {
                set.execute(params![
                    lease.delivery,
                    lease.holder,
                    lease.leases,
                    now.as_microsecond(),
                    text::excerpt(why, 400)
                ])
            })
            .map_err(|e| self.failed("record a failure in", e))?;
        if mine == 0 {
            return Ok(Handed::Lost);
        }
        self.set_state(&lease.proposal, "failed").map_err(|e| self.failed("record a failure in", e))?;
        change.commit().map_err(|e| self.failed("record a failure in", e))?;
        Ok(Handed::Recorded)
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

    /// Puts a failed delivery back among the approved ones. Returns whether it had failed.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub fn retry(&self, id: &ProposalId, _now: Timestamp) -> Result<bool> {
        self.db
            .prepare_cached("UPDATE proposals SET state = 'approved' WHERE id = ?1 AND state = 'failed'")
            .and_then(|mut set| set.execute([id.as_str()]))
            .map(|changed| changed > 0)
            .map_err(|e| self.failed("write to", e))
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
                "SELECT count(*), coalesce(sum(json_extract(body, '$.tokens')), 0) FROM proposals
                 WHERE run = ?1 AND state IN ('approved', 'leased', 'delivered', 'confirmed')
                   AND json_extract(body, '$.rule') <> ?2",
            )
            .and_then(|mut ask| {
                ask.query_row([run.as_str(), GATE], |row| {
                    let tokens: i64 = row.get(1)?;
                    Ok(Used { deliveries: row.get(0)?, tokens: tokens.unsigned_abs() })
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
