//! What a model wrote in place of a template: the text, or why there is none. A text here is an
//! alternative that the operator may take; nothing is sent that was not decided on.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Row, params};
use serde::Serialize;

use super::Ledger;
use super::error::Result;
use crate::recover::ProposalId;
use crate::text;
use crate::trace::RunId;

/// The schema's step for this table.
pub(super) const SCHEMA: &str = r"
CREATE TABLE rewrites (
    proposal TEXT    NOT NULL PRIMARY KEY REFERENCES proposals (id),
    -- Empty: there is none, and failure says why.
    text     TEXT    NOT NULL,
    writer   TEXT    NOT NULL,
    tokens   INTEGER NOT NULL,
    usd      REAL    NOT NULL,
    seconds  REAL    NOT NULL,
    failure  TEXT    NOT NULL,
    at       INTEGER NOT NULL,
    CHECK ((text = '') <> (failure = ''))
) STRICT;
CREATE TRIGGER rewrites_are_not_changed BEFORE UPDATE ON rewrites
BEGIN SELECT RAISE(ABORT, 'what a model wrote is never changed'); END;
";

/// What a model wrote for a proposal.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rewrite {
    /// The text, as it would be sent; `Err`: why the template stands, one sentence.
    pub text: std::result::Result<String, String>,
    /// The model, as it was configured.
    pub writer: String,
    /// Tokens that it took.
    pub tokens: u64,
    /// What that cost, in US dollars.
    pub usd: f64,
    /// Seconds that it took.
    pub seconds: f64,
}

impl Ledger {
    /// Puts down what a model wrote, once for a proposal.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub fn note_rewrite(&self, id: &ProposalId, rewrite: &Rewrite, now: Timestamp) -> Result<bool> {
        let (written, failure) = match &rewrite.text {
            Ok(written) => (super::as_sent(written, id)?, String::new()),
            Err(why) => (String::new(), text::excerpt(why, 400)),
        };
        self.db
            .prepare_cached(
                "INSERT OR IGNORE INTO rewrites (proposal, text, writer, tokens, usd, seconds, failure, at)
                 SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 WHERE EXISTS (SELECT 1 FROM proposals WHERE id = ?1)",
            )
            .and_then(|mut add| {
                add.execute(params![
                    id.as_str(),
                    written,
                    text::excerpt(&rewrite.writer, 120),
                    i64::try_from(rewrite.tokens).unwrap_or(i64::MAX),
                    rewrite.usd,
                    rewrite.seconds,
                    failure,
                    now.as_microsecond(),
                ])
            })
            .map(|added| added > 0)
            .map_err(|e| self.failed("write to", e))
    }

    /// What a model wrote for a proposal.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn rewrite(&self, id: &ProposalId) -> Result<Option<Rewrite>> {
        self.db
            .prepare_cached(
                "SELECT text, writer, tokens, usd, seconds, failure FROM rewrites WHERE proposal = ?1",
            )
            .and_then(|mut ask| ask.query_row([id.as_str()], rewrite_of).optional())
            .map_err(|e| self.failed("read", e))
    }

    /// What models wrote for proposals that wait for a person.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn rewrites(&self) -> Result<HashMap<ProposalId, Rewrite>> {
        self.db
            .prepare_cached(
                "SELECT w.text, w.writer, w.tokens, w.usd, w.seconds, w.failure, w.proposal FROM rewrites w
                 JOIN proposals p ON p.id = w.proposal WHERE p.state = 'waiting'",
            )
            .and_then(|mut ask| {
                ask.query_map([], |row| Ok((ProposalId::stored(row.get::<_, String>(6)?), rewrite_of(row)?)))?
                    .collect()
            })
            .map_err(|e| self.failed("read", e))
    }

    /// What models have used to write for a run, for its budgets: tokens, and US dollars.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn written_cost(&self, run: &RunId) -> Result<(u64, f64)> {
        self.db
            .prepare_cached(
                "SELECT coalesce(sum(w.tokens), 0), coalesce(sum(w.usd), 0.0) FROM rewrites w
                 JOIN proposals p ON p.id = w.proposal WHERE p.run = ?1",
            )
            .and_then(|mut ask| {
                ask.query_row([run.as_str()], |row| Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get(1)?)))
            })
            .map_err(|e| self.failed("read", e))
    }
}

fn rewrite_of(row: &Row<'_>) -> rusqlite::Result<Rewrite> {
    let (written, failure): (String, String) = (row.get(0)?, row.get(5)?);
    Ok(Rewrite {
        text: if failure.is_empty() { Ok(written) } else { Err(failure) },
        writer: row.get(1)?,
        tokens: row.get::<_, i64>(2)?.unsigned_abs(),
        usd: row.get(3)?,
        seconds: row.get(4)?,
    })
}
