//! What operators do to the guard: stop everything and resume, lift budgets and breakers for a while,
//! let something go from quarantine. Rows are only added, each with the hash of the one before, and
//! [`Ledger::verify`](super::Ledger::verify) walks them with the decisions.
//!
//! Stopping is one row. Whoever would take a text up for delivery reads it within the transaction in
//! which the text is leased, and the schema refuses it besides: so from the moment in which the row is
//! on the disk no process of any version takes up another text.

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, params};
use sha2::{Digest as _, Sha256};

use super::Ledger;
use super::audit::{Broken, Fault, ORIGIN};
use super::error::Result;
use super::proposals::moment;
use crate::recover::policy::{Cleared, Flapping};
use crate::text;
use crate::trace::RunId;

/// Rulings on proposals, and what operators do to the guard: stop, resume, bypass, clear.
pub(super) const SCHEMA: &str = r"
CREATE TABLE rulings (
    proposal TEXT    NOT NULL PRIMARY KEY REFERENCES proposals (id),
    act      TEXT    NOT NULL CHECK (act IN ('observe', 'suggest', 'approve', 'holdout')),
    mode     TEXT    NOT NULL CHECK (mode IN ('observe', 'suggest', 'canary', 'auto')),
    policy   TEXT    NOT NULL,
    -- The run's arm in the canary; empty where the canary does not count it.
    arm      TEXT    NOT NULL CHECK (arm IN ('', 'treated', 'holdout', 'neither')),
    quarantined INTEGER NOT NULL CHECK (quarantined IN (0, 1)),
    why      TEXT    NOT NULL,
    workflow TEXT    NOT NULL,
    at       INTEGER NOT NULL,
    -- Whether the finding cleared, sent or not: what the canary compares.
    outcome  TEXT    NOT NULL DEFAULT 'unknown'
                 CHECK (outcome IN ('recovered', 'not recovered', 'unknown')),
    outcome_step INTEGER,
    outcome_at   INTEGER
) STRICT;
CREATE INDEX rulings_by_arm ON rulings (arm, outcome);
CREATE TRIGGER rulings_are_not_changed
BEFORE UPDATE OF proposal, act, mode, policy, arm, quarantined, why, workflow, at ON rulings
BEGIN SELECT RAISE(ABORT, 'a ruling is never changed'); END;
CREATE TRIGGER rulings_see_one_outcome BEFORE UPDATE OF outcome, outcome_step, outcome_at ON rulings
WHEN OLD.outcome <> 'unknown'
BEGIN SELECT RAISE(ABORT, 'an outcome is never changed'); END;
CREATE TRIGGER rulings_are_not_removed BEFORE DELETE ON rulings
BEGIN SELECT RAISE(ABORT, 'a ruling is never removed'); END;

CREATE TABLE guard (
    number   INTEGER PRIMARY KEY AUTOINCREMENT,
    kind     TEXT    NOT NULL CHECK (kind IN ('stop', 'resume', 'bypass', 'clear')),
    -- What a bypass or a clearing is about; empty: everything.
    run      TEXT    NOT NULL,
    agent    TEXT    NOT NULL,
    rule     TEXT    NOT NULL,
    reason   TEXT    NOT NULL,
    by_name  TEXT    NOT NULL CHECK (length(by_name) > 0),
    at       INTEGER NOT NULL,
    until    INTEGER CHECK ((until IS NOT NULL) = (kind = 'bypass')),
    previous TEXT    NOT NULL CHECK (length(previous) = 64),
    hash     TEXT    NOT NULL UNIQUE CHECK (length(hash) = 64)
) STRICT;
CREATE INDEX guard_by_kind ON guard (kind, number);
CREATE TRIGGER guard_is_not_changed BEFORE UPDATE ON guard
BEGIN SELECT RAISE(ABORT, 'what was done to the guard is never changed'); END;
CREATE TRIGGER guard_is_not_removed BEFORE DELETE ON guard
BEGIN SELECT RAISE(ABORT, 'what was done to the guard is never removed'); END;

CREATE VIEW stopped AS SELECT number FROM guard g WHERE kind = 'stop'
    AND number = (SELECT max(number) FROM guard WHERE kind IN ('stop', 'resume'));
-- While everything is stopped nothing is taken up for delivery, and no policy approves.
CREATE TRIGGER nothing_is_taken_up_while_stopped BEFORE INSERT ON deliveries
WHEN EXISTS (SELECT 1 FROM stopped)
BEGIN SELECT RAISE(ABORT, 'everything is stopped'); END;
CREATE TRIGGER nothing_is_taken_over_while_stopped BEFORE UPDATE OF leases ON deliveries
WHEN EXISTS (SELECT 1 FROM stopped)
BEGIN SELECT RAISE(ABORT, 'everything is stopped'); END;
CREATE TRIGGER no_policy_decides_while_stopped BEFORE INSERT ON decisions
WHEN NEW.by_kind = 'policy' AND NEW.verdict IN ('approve', 'edit') AND EXISTS (SELECT 1 FROM stopped)
BEGIN SELECT RAISE(ABORT, 'everything is stopped'); END;
CREATE TRIGGER what_is_held_out_is_not_approved BEFORE INSERT ON decisions
WHEN NEW.verdict IN ('approve', 'edit') AND EXISTS (
    SELECT 1 FROM rulings WHERE proposal = NEW.proposal AND act = 'holdout')
BEGIN SELECT RAISE(ABORT, 'what is held out is never sent'); END;
";

/// Longest reason that is stored, in bytes.
const LONGEST_REASON: usize = 400;

/// What was done to the guard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GuardKind {
    /// Everything was put to observe.
    Stop,
    /// The policy holds again.
    Resume,
    /// Budgets and breakers do not count.
    Bypass {
        /// In this run; `None`: in all.
        run: Option<RunId>,
        /// Until then.
        until: Timestamp,
    },
    /// Something was let go from quarantine.
    Clear(Flapping),
}

impl GuardKind {
    /// The word for it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Resume => "resume",
            Self::Bypass { .. } => "bypass",
            Self::Clear(_) => "clear",
        }
    }
}

/// One thing that was done to the guard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardEvent {
    /// Its number: they are only ever added.
    pub number: i64,
    /// What was done.
    pub kind: GuardKind,
    /// Why; may be empty.
    pub reason: String,
    /// By whom.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// Everything is stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// By whom.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Why; may be empty.
    pub reason: String,
}

impl Stopped {
    /// By whom and why, one clause.
    pub fn words(&self) -> String {
        if self.reason.is_empty() {
            format!("by {}", self.by)
        } else {
            format!("by {}, {}", self.by, self.reason)
        }
    }
}

/// The fields of a row, as they are hashed: each as its length (eight bytes, little end first) and its
/// bytes, numbers in decimal.
struct Row {
    number: i64,
    kind: String,
    run: String,
    agent: String,
    rule: String,
    reason: String,
    by_name: String,
    at: i64,
    until: Option<i64>,
    previous: String,
}

impl Row {
    fn hash(&self) -> String {
        let mut hasher = Sha256::new();
        let numbers = [self.number.to_string(), self.at.to_string()];
        let until = self.until.map(|until| until.to_string()).unwrap_or_default();
        let [number, at] = &numbers;
        for field in [
            number,
            &self.kind,
            &self.run,
            &self.agent,
            &self.rule,
            &self.reason,
            &self.by_name,
            at,
            &until,
            &self.previous,
        ] {
            hasher.update((field.len() as u64).to_le_bytes());
            hasher.update(field.as_bytes());
        }
        hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn of(row: &rusqlite::Row<'_>) -> rusqlite::Result<(Self, String)> {
        let found = Self {
            number: row.get(0)?,
            kind: row.get(1)?,
            run: row.get(2)?,
            agent: row.get(3)?,
            rule: row.get(4)?,
            reason: row.get(5)?,
            by_name: row.get(6)?,
            at: row.get(7)?,
            until: row.get(8)?,
            previous: row.get(9)?,
        };
        Ok((found, row.get(10)?))
    }

    fn event(self) -> GuardEvent {
        let kind = match self.kind.as_str() {
            "stop" => GuardKind::Stop,
            "resume" => GuardKind::Resume,
            "bypass" => GuardKind::Bypass {
                run: Some(self.run).filter(|run| !run.is_empty()).map(RunId::new),
                until: moment(self.until.unwrap_or(self.at)),
            },
            _ => GuardKind::Clear(Flapping { run: RunId::new(self.run), agent: self.agent, rule: self.rule }),
        };
        GuardEvent { number: self.number, kind, reason: self.reason, by: self.by_name, at: moment(self.at) }
    }
}

const COLUMNS: &str =
    "SELECT number, kind, run, agent, rule, reason, by_name, at, until, previous, hash FROM guard ";

impl Ledger {
    /// Stops everything: what is proposed is only recorded, and nothing that is not yet taken up for
    /// delivery is sent, by any process. Returns whether that is news.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub fn stop(&self, reason: &str, by: &str, now: Timestamp) -> Result<bool> {
        self.note_guard(&GuardKind::Stop, reason, by, now)
    }

    /// Lets the policy hold again. What is approved and still due is then sent. Returns whether
    /// everything was stopped.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub fn resume(&self, reason: &str, by: &str, now: Timestamp) -> Result<bool> {
        self.note_guard(&GuardKind::Resume, reason, by, now)
    }

    /// Lifts budgets and breakers, in one run or in all, until a time; the latest word on a run, or on
    /// all, holds, so that one which is over at once ends an earlier one.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub fn bypass(
        &self,
        run: Option<&RunId>,
        until: Timestamp,
        reason: &str,
        by: &str,
        now: Timestamp,
    ) -> Result<()> {
        self.note_guard(&GuardKind::Bypass { run: run.cloned(), until }, reason, by, now).map(drop)
    }

    /// Lets something go from quarantine: what was sent before counts no more.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub fn clear(&self, what: &Flapping, reason: &str, by: &str, now: Timestamp) -> Result<()> {
        self.note_guard(&GuardKind::Clear(what.clone()), reason, by, now).map(drop)
    }

    fn note_guard(&self, kind: &GuardKind, reason: &str, by: &str, now: Timestamp) -> Result<bool> {
        let failed = |e| self.failed("write to", e);
        let change = self.write()?;
        let stopped = self.is_stopped().map_err(failed)?;
        if matches!((kind, stopped), (GuardKind::Stop, true) | (GuardKind::Resume, false)) {
            return Ok(false);
        }
        let (last, previous) = self.guard_end().map_err(failed)?;
        let (run, agent, rule) = match kind {
            GuardKind::Bypass { run, .. } => (run.as_ref().map_or("", RunId::as_str), "", ""),
            GuardKind::Clear(what) => (what.run.as_str(), what.agent.as_str(), what.rule.as_str()),
            GuardKind::Stop | GuardKind::Resume => ("", "", ""),
        };
        let until = match kind {
            GuardKind::Bypass { until, .. } => Some(until.as_microsecond()),
            _ => None,
        };
        let name = text::excerpt(by, 120);
        let row = Row {
            number: last + 1,
            kind: kind.word().to_owned(),
            run: run.to_owned(),
            agent: agent.to_owned(),
            rule: rule.to_owned(),
            reason: text::excerpt(reason, LONGEST_REASON),
            by_name: if name.is_empty() { "operator".to_owned() } else { name },
            at: now.as_microsecond(),
            until,
            previous,
        };
        self.db
            .prepare_cached(
                "INSERT INTO guard (number, kind, run, agent, rule, reason, by_name, at, until, previous,
                 hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )
            .and_then(|mut add| {
                add.execute(params![
                    row.number,
                    row.kind,
                    row.run,
                    row.agent,
                    row.rule,
                    row.reason,
                    row.by_name,
                    row.at,
                    row.until,
                    row.previous,
                    row.hash()
                ])
            })
            .map_err(failed)?;
        change.commit().map_err(failed)?;
        Ok(true)
    }

    /// The highest number that was ever given, and the hash of the last row.
    fn guard_end(&self) -> rusqlite::Result<(i64, String)> {
        let last = self
            .db
            .prepare_cached("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'guard'")?
            .query_row([], |row| row.get(0))?;
        let hash = self
            .db
            .prepare_cached("SELECT hash FROM guard ORDER BY number DESC LIMIT 1")?
            .query_row([], |row| row.get(0))
            .optional()?;
        Ok((last, hash.unwrap_or_else(|| ORIGIN.to_owned())))
    }

    pub(super) fn is_stopped(&self) -> rusqlite::Result<bool> {
        self.db.prepare_cached("SELECT EXISTS (SELECT 1 FROM stopped)")?.query_row([], |row| row.get(0))
    }

    /// Who stopped everything, if somebody did.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn stopped(&self) -> Result<Option<Stopped>> {
        self.db
            .prepare_cached(
                "SELECT g.by_name, g.at, g.reason FROM guard g JOIN stopped s ON s.number = g.number",
            )
            .and_then(|mut ask| {
                ask.query_row([], |row| {
                    Ok(Stopped { by: row.get(0)?, at: moment(row.get(1)?), reason: row.get(2)? })
                })
                .optional()
            })
            .map_err(|e| self.failed("read", e))
    }

    /// Until when budgets and breakers do not count in a run, if so.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn bypassed(&self, run: &RunId, now: Timestamp) -> Result<Option<Timestamp>> {
        let all = self.bypasses(now)?;
        let here = all.into_iter().filter(|(of, _)| of.as_ref().is_none_or(|of| of == run));
        Ok(here.map(|(_, until)| until).max())
    }

    /// The bypasses that hold: of which run, `None` being all, and until when.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn bypasses(&self, now: Timestamp) -> Result<Vec<(Option<RunId>, Timestamp)>> {
        self.db
            .prepare_cached(
                "SELECT run, until FROM guard g WHERE kind = 'bypass' AND at <= ?1 AND until > ?1
                 AND number = (SELECT max(number) FROM guard WHERE kind = 'bypass' AND run = g.run)
                 ORDER BY number",
            )
            .and_then(|mut ask| {
                ask.query_map([now.as_microsecond()], |row| {
                    let run: String = row.get(0)?;
                    Ok((Some(run).filter(|run| !run.is_empty()).map(RunId::new), moment(row.get(1)?)))
                })?
                .collect()
            })
            .map_err(|e| self.failed("read", e))
    }

    /// What was let go from quarantine.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn cleared(&self) -> Result<Vec<Cleared>> {
        let events = self.guard_rows("WHERE kind = 'clear' ORDER BY number")?;
        Ok(events
            .into_iter()
            .filter_map(|event| match event.kind {
                GuardKind::Clear(what) => {
                    Some(Cleared { run: what.run, agent: what.agent, rule: what.rule, at: event.at })
                }
                _ => None,
            })
            .collect())
    }

    /// The latest `limit` things that were done to the guard, the newest first.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn guard_events(&self, limit: usize) -> Result<Vec<GuardEvent>> {
        self.guard_rows(&format!("ORDER BY number DESC LIMIT {limit}"))
    }

    fn guard_rows(&self, which: &str) -> Result<Vec<GuardEvent>> {
        self.db
            .prepare_cached(&format!("{COLUMNS}{which}"))
            .and_then(|mut ask| ask.query_map([], |row| Row::of(row).map(|(row, _)| row.event()))?.collect())
            .map_err(|e| self.failed("read", e))
    }

    /// The first row of the guard's chain that does not hold.
    pub(super) fn guard_broken(&self) -> Result<Option<Broken>> {
        let failed = |e| self.failed("read", e);
        let mut ask = self.db.prepare(&format!("{COLUMNS}ORDER BY number")).map_err(failed)?;
        let mut rows = ask.query([]).map_err(failed)?;
        let (mut expected, mut head) = (1, ORIGIN.to_owned());
        let broken = |number: i64, why: &str| {
            Ok(Some(Broken { row: 0, fault: Fault::Guard, why: format!("the guard's row {number} {why}") }))
        };
        while let Some(row) = rows.next().map_err(failed)? {
            let (row, hash) = Row::of(row).map_err(failed)?;
            if row.number != expected {
                return broken(expected, "is missing");
            }
            if row.previous != head {
                return broken(row.number, "does not carry the hash of the one before it");
            }
            if row.hash() != hash {
                return broken(row.number, "was changed after it was made: its hash does not fit it");
            }
            (expected, head) = (expected + 1, hash);
        }
        let (last, _) = self.guard_end().map_err(failed)?;
        if last >= expected { broken(expected, "is missing") } else { Ok(None) }
    }
}
