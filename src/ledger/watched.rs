//! What is noted of runs that are watched after a delivery, and of those that were left alone: from
//! where, what has shown the outcome, and what it cost. `proposals.outcome` holds the outcome of what
//! was delivered; here stands why, and the outcome of what was only observed or held out.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::params;

use super::Ledger;
use super::error::Result;
use crate::recover::outcome::Shown;
use crate::recover::{Outcome, ProposalId};
use crate::text;
use crate::trace::RunId;

/// The schema's step for this table.
pub(super) const SCHEMA: &str = r"
CREATE TABLE watched (
    proposal    TEXT    NOT NULL PRIMARY KEY REFERENCES proposals (id),
    began       INTEGER NOT NULL,
    tokens_then INTEGER NOT NULL,
    outcome     TEXT    NOT NULL DEFAULT 'unknown'
                    CHECK (outcome IN ('recovered', 'not recovered', 'unknown')),
    step        INTEGER,
    why         TEXT    NOT NULL DEFAULT '',
    closed      INTEGER NOT NULL DEFAULT 0,
    tokens      INTEGER,
    seconds     REAL,
    at          INTEGER NOT NULL
) STRICT;
";

/// What is noted of one proposal.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Watched {
    /// The policy's mode when it was put down, as the ledger has it.
    pub mode: String,
    /// Tokens that the run had used when the watch began; `None`: it has not begun.
    pub tokens_then: Option<u64>,
    /// What has been shown.
    pub shown: Shown,
    /// Tokens used from then to the step that shows it.
    pub tokens: Option<u64>,
    /// Seconds from then to the step that shows it, by the run's log.
    pub seconds: Option<f64>,
}

impl Watched {
    /// Whether it was put down only to be recorded: nothing is sent, and the run shows what happens
    /// without.
    pub fn left_alone(&self) -> bool {
        matches!(self.mode.as_str(), "observe" | "holdout")
    }
}

impl Ledger {
    /// What is noted of a run's proposals.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn watched(&self, run: &RunId) -> Result<HashMap<ProposalId, Watched>> {
        self.db
            .prepare_cached(
                "SELECT p.id, p.mode, w.tokens_then, w.outcome, w.step, w.why, w.closed, w.tokens, w.seconds
                 FROM proposals p LEFT JOIN watched w ON w.proposal = p.id WHERE p.run = ?1",
            )
            .and_then(|mut ask| {
                ask.query_map([run.as_str()], |row| {
                    let outcome: Option<String> = row.get(3)?;
                    Ok((
                        ProposalId::stored(row.get::<_, String>(0)?),
                        Watched {
                            mode: row.get(1)?,
                            tokens_then: row.get::<_, Option<i64>>(2)?.map(i64::unsigned_abs),
                            shown: Shown {
                                outcome: Outcome::of_words(outcome.as_deref().unwrap_or_default()),
                                step: row.get(4)?,
                                why: row.get::<_, Option<String>>(5)?.unwrap_or_default(),
                                closed: row.get::<_, Option<bool>>(6)?.unwrap_or(false),
                            },
                            tokens: row.get::<_, Option<i64>>(7)?.map(i64::unsigned_abs),
                            seconds: row.get(8)?,
                        },
                    ))
                })?
                .collect()
            })
            .map_err(|e| self.failed("read", e))
    }

    /// Begins to watch a run for a proposal; `tokens` is what the run has used so far. What was begun
    /// before stays.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub fn watch(&self, id: &ProposalId, tokens: u64, now: Timestamp) -> Result<bool> {
        self.db
            .prepare_cached(
                "INSERT OR IGNORE INTO watched (proposal, began, tokens_then, at) VALUES (?1, ?2, ?3, ?2)",
            )
            .and_then(|mut add| {
                let tokens = i64::try_from(tokens).unwrap_or(i64::MAX);
                add.execute(params![id.as_str(), now.as_microsecond(), tokens])
            })
            .map(|added| added > 0)
            .map_err(|e| self.failed("write to", e))
    }

    /// Notes what the run has shown. What is closed stays as it is.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub fn note_shown(
        &self,
        id: &ProposalId,
        shown: &Shown,
        tokens: Option<u64>,
        seconds: Option<f64>,
        now: Timestamp,
    ) -> Result<bool> {
        self.db
            .prepare_cached(
                "UPDATE watched SET outcome = ?2, step = ?3, why = ?4, closed = ?5, tokens = ?6, seconds = ?7,
                 at = ?8 WHERE proposal = ?1 AND closed = 0
                 AND (outcome <> ?2 OR step IS NOT ?3 OR why <> ?4 OR closed <> ?5)",
            )
            .and_then(|mut set| {
                set.execute(params![
                    id.as_str(),
                    shown.outcome.words(),
                    shown.step,
                    text::excerpt(&shown.why, 400),
                    shown.closed,
                    tokens.map(|tokens| i64::try_from(tokens).unwrap_or(i64::MAX)),
                    seconds.filter(|seconds| seconds.is_finite()),
                    now.as_microsecond(),
                ])
            })
            .map(|changed| changed > 0)
            .map_err(|e| self.failed("write to", e))
    }

    /// The checks that delivered texts about an agent asked for and that nobody has seen to pass.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn asked_for(&self, run: &RunId, agent: &str) -> Result<Vec<super::Entry>> {
        let open = self.entries(
            "WHERE run = ?1 AND agent = ?2 AND state IN ('delivered', 'confirmed')
               AND outcome = 'unknown' AND json_extract(body, '$.check') IS NOT NULL
               AND NOT EXISTS (SELECT 1 FROM watched w WHERE w.proposal = proposals.id AND w.closed)
             ORDER BY drafted, id",
            [run.as_str(), agent],
        )?;
        Ok(open)
    }

    /// How many recoveries for the same agent and rule were delivered in a run and did not recover it.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn failures(&self, run: &RunId, agent: &str, rule: &str) -> Result<u32> {
        self.db
            .prepare_cached(
                "SELECT count(*) FROM proposals WHERE run = ?1 AND agent = ?2
                 AND outcome = 'not recovered' AND state IN ('delivered', 'confirmed')
                 AND json_extract(body, '$.rule') = ?3",
            )
            .and_then(|mut ask| ask.query_row(params![run.as_str(), agent, rule], |row| row.get(0)))
            .map_err(|e| self.failed("read", e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Mode;
    use crate::recover::proposal::tests::proposal;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn what_is_closed_stays_and_what_is_open_may_change() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&folder.path().join("ledger.db")).unwrap();
        let drafted = proposal("claim.x");
        let (id, run) = (drafted.id.clone(), drafted.target.run.clone());
        ledger.propose(&drafted, Mode::Observe, at(0)).unwrap();
        let noted = |ledger: &Ledger| ledger.watched(&run).unwrap().remove(&id).unwrap();
        assert!(noted(&ledger).left_alone() && noted(&ledger).tokens_then.is_none());
        assert!(ledger.watch(&id, 100, at(1)).unwrap());
        assert!(!ledger.watch(&id, 900, at(2)).unwrap(), "what was begun stays");
        let shown = |outcome, closed| Shown { outcome, step: Some(4), why: "so".into(), closed };
        let open = shown(Outcome::NotRecovered, false);
        assert!(ledger.note_shown(&id, &open, Some(50), Some(9.5), at(3)).unwrap());
        assert!(!ledger.note_shown(&id, &open, Some(50), Some(9.5), at(4)).unwrap(), "no news");
        let closed = shown(Outcome::Recovered, true);
        assert!(ledger.note_shown(&id, &closed, Some(70), None, at(5)).unwrap());
        assert!(!ledger.note_shown(&id, &open, None, None, at(6)).unwrap());
        let noted = noted(&ledger);
        assert_eq!((noted.tokens_then, noted.tokens, noted.seconds), (Some(100), Some(70), None));
        assert_eq!(noted.shown, closed);
    }
}
