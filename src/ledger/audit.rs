//! The chain: every decision carries the hash of the one before, so that a row that was changed,
//! taken out or slipped in afterwards is found.
//!
//! A row's hash is SHA-256 over its fields in the order of [`Row::fields`], each as its length (eight
//! bytes, little end first) and its bytes, numbers in decimal; the first row's predecessor is 64
//! zeros. It guards against accidents and against edits of the file by hand, not against somebody who
//! rewrites the whole chain: who fears that keeps an export elsewhere.

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::Ledger;
use super::entry::{Decision, Operator};
use super::error::Result;
use super::proposals::{decision_of, moment};
use crate::recover::{ProposalId, proposal::digest};

/// What the first row has for its predecessor's hash.
pub(super) const ORIGIN: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// What a walk along the chain found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// How many decisions were looked at.
    pub rows: u64,
    /// The hash of the last one; 64 zeros where there is none.
    pub head: String,
    /// The first row that does not hold.
    pub broken: Option<Broken>,
}

/// A row that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The decision's number.
    pub row: i64,
    /// What is wrong with it, one sentence.
    pub why: String,
}

/// A decision in the log, with what it was about. An undo is a row of its own here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedDecision {
    /// The proposal.
    pub proposal: ProposalId,
    /// Counts undone decisions on it.
    pub round: i64,
    /// `approve`, `edit`, `veto`, `defer` or `undo`.
    pub verdict: String,
    /// The text that was approved; empty for the others.
    pub text: String,
    /// The reason that was given; often empty.
    pub reason: String,
    /// By whom.
    pub by: Operator,
    /// When.
    pub at: Timestamp,
    /// Its number.
    pub number: i64,
    /// Its hash.
    pub hash: String,
}

/// The fields of a decision, as they are hashed.
pub(super) struct Row<'a> {
    pub(super) number: i64,
    pub(super) proposal: &'a str,
    pub(super) round: i64,
    pub(super) verdict: &'a str,
    pub(super) text: &'a str,
    pub(super) digest: &'a str,
    pub(super) drafted_digest: &'a str,
    pub(super) reason: &'a str,
    pub(super) by_kind: &'a str,
    pub(super) by_name: &'a str,
    pub(super) at: i64,
    pub(super) seen: &'a str,
    pub(super) position: i64,
    pub(super) previous: &'a str,
}

impl Row<'_> {
    fn fields(&self) -> [String; 14] {
        [
            self.number.to_string(),
            self.proposal.to_owned(),
            self.round.to_string(),
            self.verdict.to_owned(),
            self.text.to_owned(),
            self.digest.to_owned(),
            self.drafted_digest.to_owned(),
            self.reason.to_owned(),
            self.by_kind.to_owned(),
            self.by_name.to_owned(),
            self.at.to_string(),
            self.seen.to_owned(),
            self.position.to_string(),
            self.previous.to_owned(),
        ]
    }

    pub(super) fn hash(&self) -> String {
        let mut hasher = Sha256::new();
        for field in self.fields() {
            hasher.update((field.len() as u64).to_le_bytes());
            hasher.update(field.as_bytes());
        }
        hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Ledger {
    /// Walks the chain of decisions from its beginning, then compares what was delivered with what
    /// was approved, and says where the first thing is wrong.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn verify(&self) -> Result<Chain> {
        let failed = |e| self.failed("read", e);
        let _moment = self.db.unchecked_transaction().map_err(failed)?;
        let mut chain = Chain { rows: 0, head: ORIGIN.to_owned(), broken: None };
        let mut ask = self
            .db
            .prepare(
                "SELECT number, proposal, round, verdict, text, digest, drafted_digest, reason,
                        by_kind, by_name, at, seen, position, previous, hash
                 FROM decisions ORDER BY number",
            )
            .map_err(failed)?;
        let mut rows = ask.query([]).map_err(failed)?;
        let mut expected = 1;
        while let Some(row) = rows.next().map_err(failed)? {
            let (number, why, hash) = link(row, expected, &chain.head).map_err(failed)?;
            chain.rows += 1;
            if let Some(why) = why {
                chain.broken = Some(Broken { row: number, why });
                return Ok(chain);
            }
            chain.head = hash;
            expected = number + 1;
        }
        chain.broken = self.missing_end(expected)?;
        if chain.broken.is_none() {
            chain.broken = self.guard_broken()?;
        }
        if chain.broken.is_none() {
            chain.broken = self.undecided()?;
        }
        Ok(chain)
    }

    /// A row that was added once and is not there any more.
    fn missing_end(&self, expected: i64) -> Result<Option<Broken>> {
        let added: i64 = self
            .db
            .query_row(
                "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'decisions'",
                [],
                |row| row.get(0),
            )
            .map_err(|e| self.failed("read", e))?;
        Ok((added >= expected).then(|| Broken {
            row: expected,
            why: format!("decision {expected} is missing: {added} were made"),
        }))
    }

    /// A delivery that is not what was approved, or a state that no decision led to.
    fn undecided(&self) -> Result<Option<Broken>> {
        let mut ask = self
            .db
            .prepare(
                "SELECT v.decision, v.proposal, v.text, v.digest, d.text, d.digest
                 FROM deliveries v LEFT JOIN decisions d ON d.number = v.decision ORDER BY v.id",
            )
            .map_err(|e| self.failed("read", e))?;
        let mut rows = ask.query([]).map_err(|e| self.failed("read", e))?;
        while let Some(row) = rows.next().map_err(|e| self.failed("read", e))? {
            let get = |i| row.get::<_, Option<String>>(i);
            let (sent, approved) = (get(2), get(4));
            let number: i64 = row.get(0).map_err(|e| self.failed("read", e))?;
            let same = matches!((&sent, &approved), (Ok(a), Ok(b)) if a == b)
                && matches!((&sent, get(3)), (Ok(Some(a)), Ok(Some(b))) if digest(a) == b);
            if !same {
                let proposal: String = row.get(1).map_err(|e| self.failed("read", e))?;
                return Ok(Some(Broken {
                    row: number,
                    why: format!(
                        "what was delivered for proposal {proposal} is not what decision {number} approved"
                    ),
                }));
            }
        }
        let without: Option<String> = self
            .db
            .query_row(
                "SELECT min(id) FROM proposals p
                 WHERE (state IN ('approved', 'leased', 'delivered', 'confirmed', 'failed')
                        AND NOT EXISTS (SELECT 1 FROM decisions d WHERE d.proposal = p.id
                            AND d.round = p.round AND d.verdict IN ('approve', 'edit')))
                    OR (state = 'vetoed' AND NOT EXISTS (SELECT 1 FROM decisions d
                            WHERE d.proposal = p.id AND d.round = p.round AND d.verdict = 'veto'))",
                [],
                |row| row.get(0),
            )
            .map_err(|e| self.failed("read", e))?;
        Ok(without
            .map(|id| Broken { row: 0, why: format!("proposal {id} is decided, but no decision says so") }))
    }

    /// All decisions in the order in which they were made, with their hashes.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn decisions(&self) -> Result<Vec<LoggedDecision>> {
        self.db
            .prepare(
                "SELECT number, proposal, round, verdict, text, reason, by_kind, by_name, at, hash
                 FROM decisions ORDER BY number",
            )
            .and_then(|mut ask| {
                ask.query_map([], |row| {
                    let kind: String = row.get(6)?;
                    let name: String = row.get(7)?;
                    Ok(LoggedDecision {
                        number: row.get(0)?,
                        proposal: ProposalId::stored(row.get::<_, String>(1)?),
                        round: row.get(2)?,
                        verdict: row.get(3)?,
                        text: row.get(4)?,
                        reason: row.get(5)?,
                        by: if kind == "policy" {
                            Operator::Policy { name }
                        } else {
                            Operator::Person { name }
                        },
                        at: moment(row.get(8)?),
                        hash: row.get(9)?,
                    })
                })?
                .collect()
            })
            .map_err(|e| self.failed("read", e))
    }

    /// All decisions on one proposal, the first first; those that were undone say when.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn decisions_on(&self, id: &ProposalId) -> Result<Vec<Decision>> {
        self.db
            .prepare_cached(
                "SELECT number, verdict, text, reason, by_kind, by_name, at, seen,
                        (SELECT u.at FROM decisions u WHERE u.proposal = d.proposal
                         AND u.round = d.round AND u.verdict = 'undo' AND d.verdict <> 'defer')
                 FROM decisions d WHERE proposal = ?1 AND verdict <> 'undo' ORDER BY number",
            )
            .and_then(|mut ask| ask.query_map([id.as_str()], decision_of)?.collect())
            .map_err(|e| self.failed("read", e))
    }
}

/// Looks at one row: its number, what is wrong with it, and its hash.
fn link(
    row: &rusqlite::Row<'_>,
    expected: i64,
    head: &str,
) -> rusqlite::Result<(i64, Option<String>, String)> {
    let number: i64 = row.get(0)?;
    let texts: [String; 9] = [
        row.get(1)?,
        row.get(3)?,
        row.get(4)?,
        row.get(5)?,
        row.get(6)?,
        row.get(7)?,
        row.get(8)?,
        row.get(9)?,
        row.get(11)?,
    ];
    let [proposal, verdict, text, text_digest, drafted_digest, reason, by_kind, by_name, seen] = &texts;
    let previous: String = row.get(13)?;
    let hash: String = row.get(14)?;
    let computed = Row {
        number,
        proposal,
        round: row.get(2)?,
        verdict,
        text,
        digest: text_digest,
        drafted_digest,
        reason,
        by_kind,
        by_name,
        at: row.get(10)?,
        seen,
        position: row.get(12)?,
        previous: &previous,
    }
    .hash();
    let why = if number != expected {
        Some(format!("decision {expected} is missing before it"))
    } else if previous != head {
        Some("it does not carry the hash of the decision before it".to_owned())
    } else if digest(text) != *text_digest {
        Some("its text is not the one that its digest was made of".to_owned())
    } else if computed != hash {
        Some("its hash does not fit what it holds: it was changed after it was made".to_owned())
    } else {
        None
    };
    Ok((number, why, hash))
}
