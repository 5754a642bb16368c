//! Decisions: the first one wins, and all of them stay.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, params};

use super::Ledger;
use super::audit::{ORIGIN, Row};
use super::entry::{Decision, Entry, Operator, Verdict};
use super::error::{LedgerError, Result};
use super::state::{Event, State};
use crate::recover::{ProposalId, proposal::digest};
use crate::text;

/// Most characters that a text may have: what the narrowest channel takes whole.
pub const LONGEST_TEXT: usize = 10_000;
/// Longest reason that is stored, in bytes.
const LONGEST_REASON: usize = 2_000;
/// Longest screen text that is stored, in bytes.
const LONGEST_SEEN: usize = 64 * 1024;

/// What came of deciding.
#[derive(Clone, Debug, PartialEq)]
pub enum Decided {
    /// It is in the ledger, for good.
    Recorded(Decision),
    /// Somebody else was first; this is how it stands.
    Already(Box<Entry>),
    /// It is in the ledger, and it is not carried out: what it is about has moved on, for this reason.
    /// A veto or a deferral is kept in the same way.
    MovedOn(Decision, String),
    /// There is nothing to decide any more.
    NotWaiting(State),
}

/// What came of an undo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undo {
    /// It waits again.
    Undone,
    /// Its grace time is over, or it is on its way; this is its state.
    TooLate(State),
    /// It was not decided; this is its state.
    Undecided(State),
}

/// The form in which a text is sent: through the gate, begun with `Operator:` and ended with the
/// proposal's tag, by which it is found again in the agent's log. What is approved is in this form,
/// and so it is what is sent, byte for byte. Applying it again changes nothing.
///
/// # Errors
/// The text is empty, or longer than [`LONGEST_TEXT`].
pub fn as_sent(text: &str, id: &ProposalId) -> Result<String> {
    let tag = id.tag();
    let shown = text::shown(text);
    let mut body = shown.trim();
    body = body.strip_suffix(tag.as_str()).unwrap_or(body).trim_end();
    body = body.strip_prefix("Operator:").unwrap_or(body).trim_start();
    if body.is_empty() {
        return Err(LedgerError::Empty);
    }
    let sent = format!("Operator: {body} {tag}");
    let characters = sent.chars().count();
    if characters > LONGEST_TEXT {
        return Err(LedgerError::TooLong { characters, most: LONGEST_TEXT });
    }
    Ok(sent)
}

/// What a decision has to know of its proposal.
struct Asked {
    state: State,
    round: i64,
    payload: String,
    drafted_digest: String,
    position: i64,
    grace_until: Option<i64>,
    bound: String,
    note: String,
}

impl Ledger {
    /// Records a decision; `seen` is the text that was on the screen, and `grace` how long it can be
    /// undone. It is on the disk when this returns. A deferral is recorded and leaves the proposal
    /// waiting. Where the run has moved on from what the proposal is about, the word is recorded, the
    /// proposal is superseded, and nothing is sent.
    ///
    /// # Errors
    /// No such proposal; an edited text is empty or too long; the ledger cannot be written.
    pub fn decide(
        &self,
        id: &ProposalId,
        verdict: Verdict,
        by: Operator,
        seen: &str,
        now: Timestamp,
        grace: Duration,
    ) -> Result<Decided> {
        let verdict = match verdict {
            Verdict::Edit { text } => Verdict::Edit { text: as_sent(&text, id)? },
            Verdict::Veto { reason } => Verdict::Veto { reason: text::excerpt(&reason, LONGEST_REASON) },
            other => other,
        };
        let change = self.write()?;
        let asked = self.asked(id)?;
        let late = asked.state.is_left_behind() && verdict != Verdict::Defer;
        if asked.state != State::Waiting && !late {
            return self.too_late(id, asked.state);
        }
        let moved_on = match late {
            true => Some(asked.note.clone()),
            false => self.why_left_behind(id)?.map(str::to_owned),
        };
        let text = match &verdict {
            Verdict::Approve => asked.payload.as_str(),
            Verdict::Edit { text } => text.as_str(),
            Verdict::Veto { .. } | Verdict::Defer => "",
        };
        let reason = match &verdict {
            Verdict::Veto { reason } => reason.as_str(),
            _ => "",
        };
        let seen = text::shown(text::clip(seen, LONGEST_SEEN));
        let by = named(by);
        let number = match self.add(id, &asked, verdict.word(), text, reason, &by, &seen, now) {
            Ok(number) => number,
            // Two that both saw it waiting: the constraint says who was first.
            Err(e) if e.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation) => {
                drop(change);
                let state = self.asked(id)?.state;
                return self.too_late(id, state);
            }
            Err(e) => return Err(self.failed("write a decision to", e)),
        };
        let until = now.as_microsecond().saturating_add(i64::try_from(grace.as_micros()).unwrap_or(i64::MAX));
        let event = match verdict {
            Verdict::Approve | Verdict::Edit { .. } => Event::Approve,
            Verdict::Veto { .. } => Event::Veto,
            Verdict::Defer => Event::Defer,
        };
        match (&moved_on, late) {
            (_, true) => {}
            (Some(why), false) => {
                self.close(id, Event::Supersede, why)?;
            }
            (None, false) => {
                let (deferred, until) = if event == Event::Defer { (number, None) } else { (0, Some(until)) };
                let state = asked.state.after(event).unwrap_or(asked.state);
                self.db
                    .prepare_cached(
                        "UPDATE proposals SET state = ?2, deferred = ?3, grace_until = ?4 WHERE id = ?1",
                    )
                    .and_then(|mut set| set.execute(params![id.as_str(), state.word(), deferred, until]))
                    .map_err(|e| self.failed("write a decision to", e))?;
            }
        }
        change.commit().map_err(|e| self.failed("write a decision to", e))?;
        let at = super::proposals::moment(now.as_microsecond());
        let decision = Decision { number, verdict, by, at, seen, undone: None };
        Ok(match moved_on {
            Some(why) => Decided::MovedOn(decision, why),
            None => Decided::Recorded(decision),
        })
    }

    /// Takes back an approval or a veto within its grace time: a row is added that says so, and the
    /// proposal waits again.
    ///
    /// # Errors
    /// No such proposal; the ledger cannot be written.
    pub fn undo(&self, id: &ProposalId, now: Timestamp, by: Operator) -> Result<Undo> {
        let change = self.write()?;
        let asked = self.asked(id)?;
        match asked.state {
            State::Approved | State::Vetoed => {}
            State::Waiting | State::Superseded | State::Expired => {
                return Ok(Undo::Undecided(asked.state));
            }
            state => return Ok(Undo::TooLate(state)),
        }
        if asked.grace_until.is_none_or(|until| now.as_microsecond() >= until) {
            return Ok(Undo::TooLate(asked.state));
        }
        let failed = |e| self.failed("write an undo to", e);
        self.add(id, &asked, "undo", "", "", &named(by), "", now).map_err(failed)?;
        self.db
            .prepare_cached(
                "UPDATE proposals SET state = 'waiting', round = round + 1, grace_until = NULL,
                 deferred = 0 WHERE id = ?1",
            )
            .and_then(|mut set| set.execute([id.as_str()]))
            .map_err(failed)?;
        change.commit().map_err(failed)?;
        Ok(Undo::Undone)
    }

    /// The number of the latest decision, 0 before the first: what was decided later has a higher one.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn last_decision(&self) -> Result<i64> {
        self.db
            .prepare_cached("SELECT coalesce(max(number), 0) FROM decisions")
            .and_then(|mut ask| ask.query_row([], |row| row.get(0)))
            .map_err(|e| self.failed("read", e))
    }

    fn too_late(&self, id: &ProposalId, state: State) -> Result<Decided> {
        Ok(match state {
            State::Waiting | State::Superseded | State::Expired => Decided::NotWaiting(state),
            _ => Decided::Already(Box::new(self.entry(id)?)),
        })
    }

    fn asked(&self, id: &ProposalId) -> Result<Asked> {
        let found = self
            .db
            .prepare_cached(
                "SELECT state, round, json_extract(body, '$.payload'), digest, position, grace_until,
                    body, note FROM proposals WHERE id = ?1",
            )
            .and_then(|mut ask| {
                ask.query_row([id.as_str()], |row| {
                    Ok((
                        row.get::<_, String>(0)?,
                        Asked {
                            state: State::Waiting,
                            round: row.get(1)?,
                            payload: row.get(2)?,
                            drafted_digest: row.get(3)?,
                            position: row.get(4)?,
                            grace_until: row.get(5)?,
                            bound: digest(&row.get::<_, String>(6)?),
                            note: row.get(7)?,
                        },
                    ))
                })
                .optional()
            })
            .map_err(|e| self.failed("read", e))?;
        let (word, asked) = found.ok_or_else(|| LedgerError::NoSuch { id: id.clone() })?;
        let state = State::of_word(&word).ok_or_else(|| self.damaged(id, &"an unknown state"))?;
        if digest(&asked.payload) != asked.drafted_digest {
            return Err(self.damaged(id, &"its text does not fit its digest"));
        }
        Ok(Asked { state, ..asked })
    }

    /// Adds a row at the end of the chain; the write lock is held.
    #[expect(clippy::too_many_arguments, reason = "one field each of one row")]
    fn add(
        &self,
        id: &ProposalId,
        asked: &Asked,
        verdict: &str,
        text: &str,
        reason: &str,
        by: &Operator,
        seen: &str,
        now: Timestamp,
    ) -> rusqlite::Result<i64> {
        // Numbers go on from the highest that was ever given, so that a row taken off the end leaves
        // a gap.
        let last: i64 = self
            .db
            .prepare_cached("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'decisions'")?
            .query_row([], |row| row.get(0))?;
        let previous: String = self
            .db
            .prepare_cached("SELECT hash FROM decisions ORDER BY number DESC LIMIT 1")?
            .query_row([], |row| row.get(0))
            .optional()?
            .unwrap_or_else(|| ORIGIN.to_owned());
        let row = Row {
            number: last + 1,
            proposal: id.as_str(),
            round: asked.round,
            verdict,
            text,
            digest: &digest(text),
            drafted_digest: &asked.drafted_digest,
            reason,
            by_kind: by.kind(),
            by_name: by.name(),
            at: now.as_microsecond(),
            seen,
            position: asked.position,
            previous: &previous,
            bound: &asked.bound,
        };
        self.db
            .prepare_cached(
                "INSERT INTO decisions (number, proposal, round, verdict, text, digest,
                 drafted_digest, reason, by_kind, by_name, at, seen, position, previous, hash, bound)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
            )?
            .execute(params![
                row.number,
                row.proposal,
                row.round,
                row.verdict,
                row.text,
                row.digest,
                row.drafted_digest,
                row.reason,
                row.by_kind,
                row.by_name,
                row.at,
                row.seen,
                row.position,
                row.previous,
                row.hash(),
                row.bound,
            ])?;
        Ok(row.number)
    }
}

/// The operator with a name fit to be stored.
fn named(by: Operator) -> Operator {
    match by {
        Operator::Person { name } => Operator::Person { name: text::excerpt(&name, 120) },
        Operator::Policy { name } => Operator::Policy { name: text::excerpt(&name, 120) },
    }
}
