//! What hooks say of the runs that they are called in: that they are there at all, whether they can
//! hold a run, and that they hold one now.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, params};

use super::Ledger;
use super::error::Result;
use super::proposals::moment;
use crate::text;
use crate::trace::RunId;

/// How old what is noted of a run may be before the same is noted again: a write costs a disk flush,
/// and a hook is called at every step.
const FRESH: Duration = Duration::from_secs(60);

/// What a hook said of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookSeen {
    /// The log format's name.
    pub format: String,
    /// The latest event that was noted.
    pub event: String,
    /// When a hook was called first.
    pub first: Timestamp,
    /// When the latest note was made: about when a hook was called last.
    pub at: Timestamp,
    /// Whether the policy lets it hold the run: gated, else only correctable.
    pub gates: bool,
    /// How many times in a row the end of its turn was refused.
    pub stop_blocks: u32,
}

/// A run that a hook holds for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The run.
    pub run: RunId,
    /// Since when.
    pub since: Timestamp,
    /// When the hook lets it go at the latest.
    pub until: Timestamp,
}

impl Ledger {
    /// A hook was called in a run. Written when it is news or a minute old; `gates` says whether the
    /// hook may hold the run. Returns what was known before.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub fn note_hook(
        &self,
        run: &RunId,
        format: &str,
        event: &str,
        gates: bool,
        now: Timestamp,
    ) -> Result<Option<HookSeen>> {
        let before = self.hook_seen(run)?;
        let fresh = before.as_ref().is_some_and(|seen| {
            let milestone = matches!(event, "SessionStart" | "Stop" | "SessionEnd");
            let age = now.as_microsecond().abs_diff(seen.at.as_microsecond());
            !(milestone && seen.event != event) && seen.gates == gates && u128::from(age) < FRESH.as_micros()
        });
        if !fresh {
            self.db
                .prepare_cached(
                    "INSERT INTO hooks (run, format, event, first, at, gates)
                     VALUES (?1, ?2, ?3, ?4, ?4, ?5)
                     ON CONFLICT (run) DO UPDATE SET format = ?2, event = ?3, at = ?4, gates = ?5",
                )
                .and_then(|mut note| {
                    note.execute(params![
                        run.as_str(),
                        format,
                        text::excerpt(event, 80),
                        now.as_microsecond(),
                        gates
                    ])
                })
                .map_err(|e| self.failed("note a hook in", e))?;
        }
        Ok(before)
    }

    /// What hooks said of a run; `None` where none was ever called in it: it is only observed.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn hook_seen(&self, run: &RunId) -> Result<Option<HookSeen>> {
        self.db
            .prepare_cached("SELECT format, event, first, at, gates, stop_blocks FROM hooks WHERE run = ?1")
            .and_then(|mut ask| {
                ask.query_row([run.as_str()], |row| {
                    Ok(HookSeen {
                        format: row.get(0)?,
                        event: row.get(1)?,
                        first: moment(row.get(2)?),
                        at: moment(row.get(3)?),
                        gates: row.get(4)?,
                        stop_blocks: row.get(5)?,
                    })
                })
                .optional()
            })
            .map_err(|e| self.failed("read", e))
    }

    /// What hooks said of every run in which one was called since `since`.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn hooks_seen(&self, since: Timestamp) -> Result<Vec<(RunId, HookSeen)>> {
        self.db
            .prepare_cached(
                "SELECT format, event, first, at, gates, stop_blocks, run FROM hooks
                 WHERE at >= ?1 ORDER BY at DESC",
            )
            .and_then(|mut ask| {
                ask.query_map([since.as_microsecond()], |row| {
                    Ok((
                        RunId::new(row.get::<_, String>(6)?),
                        HookSeen {
                            format: row.get(0)?,
                            event: row.get(1)?,
                            first: moment(row.get(2)?),
                            at: moment(row.get(3)?),
                            gates: row.get(4)?,
                            stop_blocks: row.get(5)?,
                        },
                    ))
                })?
                .collect()
            })
            .map_err(|e| self.failed("read", e))
    }

    /// Sets how many times in a row the end of the run's turn was refused.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub fn set_stop_blocks(&self, run: &RunId, count: u32) -> Result<()> {
        self.db
            .prepare_cached("UPDATE hooks SET stop_blocks = ?2 WHERE run = ?1 AND stop_blocks <> ?2")
            .and_then(|mut set| set.execute(params![run.as_str(), count]))
            .map(|_| ())
            .map_err(|e| self.failed("write to", e))
    }

    /// A hook process, `holder`, holds the run from `now` until `until` at the latest.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub fn hold(&self, run: &RunId, holder: &str, until: Timestamp, now: Timestamp) -> Result<()> {
        let failed = |e| self.failed("note a hold in", e);
        let change = self.write()?;
        // Those of processes that died with one.
        self.db
            .prepare_cached("DELETE FROM holds WHERE until <= ?1")
            .and_then(|mut old| old.execute([now.as_microsecond()]))
            .map_err(failed)?;
        self.db
            .prepare_cached(
                "INSERT INTO holds (run, holder, since, until) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (run, holder) DO UPDATE SET until = ?4",
            )
            .and_then(|mut add| {
                add.execute(params![run.as_str(), holder, now.as_microsecond(), until.as_microsecond()])
            })
            .map_err(failed)?;
        change.commit().map_err(failed)
    }

    /// The hook lets the run go.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub fn let_go(&self, run: &RunId, holder: &str) -> Result<()> {
        self.db
            .prepare_cached("DELETE FROM holds WHERE run = ?1 AND holder = ?2")
            .and_then(|mut end| end.execute(params![run.as_str(), holder]))
            .map(|_| ())
            .map_err(|e| self.failed("end a hold in", e))
    }

    /// The runs that are held now, the one that is let go first in front.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn held(&self, now: Timestamp) -> Result<Vec<Held>> {
        self.db
            .prepare_cached(
                "SELECT run, min(since), max(until) FROM holds WHERE until > ?1
                 GROUP BY run ORDER BY max(until)",
            )
            .and_then(|mut ask| {
                ask.query_map([now.as_microsecond()], |row| {
                    Ok(Held {
                        run: RunId::new(row.get::<_, String>(0)?),
                        since: moment(row.get(1)?),
                        until: moment(row.get(2)?),
                    })
                })?
                .collect()
            })
            .map_err(|e| self.failed("read", e))
    }
}
