//! The chain: every decision carries the hash of the one before, so that a row that was changed,
//! taken out or slipped in afterwards is found.
//!
//! A row's hash is SHA-256 over its fields in the order of [`Row::fields`], each as its length (eight
//! bytes, little end first) and its bytes, numbers in decimal; the first row's predecessor is 64
//! zeros. Rows from before decisions named the proposal as a whole do without the last field. It guards against accidents and against edits of the file by hand, not against somebody who
//! rewrites the whole chain: who fears that keeps an export elsewhere.

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::Ledger;
use super::entry::{Decision, Operator};
use super::error::Result;
use super::proposals::{decision_of, moment};
use crate::recover::{Proposal, ProposalId, proposal::digest};

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
    /// The decision's number; 0 where there is none.
    pub row: i64,
    /// What sort of damage it is.
    pub fault: Fault,
    /// What is wrong with it, one sentence.
    pub why: String,
}

/// What can be wrong with the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A row between two others is missing.
    Gap,
    /// Rows are missing at the end.
    MissingEnd,
    /// A row does not carry the hash of the one before.
    Link,
    /// A row's text does not fit its digest.
    Text,
    /// A row does not fit its hash.
    Hash,
    /// The proposal is not the one that was decided on.
    Proposal,
    /// What was delivered is not what was approved.
    Delivery,
    /// A state that no decision led to.
    State,
    /// What was done to the guard.
    Guard,
}

impl Fault {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Gap => "gap",
            Self::MissingEnd => "missing end",
            Self::Link => "link",
            Self::Text => "text",
            Self::Hash => "hash",
            Self::Proposal => "proposal",
            Self::Delivery => "delivery",
            Self::State => "state",
            Self::Guard => "guard",
        }
    }
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
    /// SHA-256 of `text`, of the drafted text, and of the whole proposal as it was decided on (empty in
    /// rows from before there was one).
    pub digests: [String; 3],
    /// The text that was on the screen.
    pub seen: String,
    /// How many records of the run had been read when the proposal was drafted.
    pub position: i64,
    /// The hash of the decision before.
    pub previous: String,
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
    /// Digest of the proposal's body; empty in rows from before there was one.
    pub(super) bound: &'a str,
}

impl Row<'_> {
    fn fields(&self) -> [String; 15] {
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
            self.bound.to_owned(),
        ]
    }

    pub(super) fn hash(&self) -> String {
        let mut hasher = Sha256::new();
        let fields = self.fields();
        let hashed = if self.bound.is_empty() { 14 } else { 15 };
        for field in fields.iter().take(hashed) {
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
                        by_kind, by_name, at, seen, position, previous, hash, bound
                 FROM decisions ORDER BY number",
            )
            .map_err(failed)?;
        let mut rows = ask.query([]).map_err(failed)?;
        let mut expected = 1;
        while let Some(row) = rows.next().map_err(failed)? {
            chain.rows += 1;
            match link(row, expected, &chain.head) {
                Ok((number, None, hash)) => {
                    chain.head = hash;
                    expected = number + 1;
                }
                Ok((number, Some((fault, why)), _)) => {
                    chain.broken = Some(Broken { row: number, fault, why: why.to_owned() });
                    return Ok(chain);
                }
                // A field of another type than this program writes.
                Err(e @ rusqlite::Error::InvalidColumnType(..)) => {
                    let why = format!("it cannot be read: {e}");
                    chain.broken = Some(Broken { row: expected, fault: Fault::Hash, why });
                    return Ok(chain);
                }
                Err(e) => return Err(failed(e)),
            }
        }
        chain.broken = self.missing_end(expected)?;
        if chain.broken.is_none() {
            chain.broken = self.other_proposal()?;
        }
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
            fault: Fault::MissingEnd,
            why: format!("decision {expected} is missing: {added} were made"),
        }))
    }

    /// A decision whose proposal is not what it was made on any more.
    fn other_proposal(&self) -> Result<Option<Broken>> {
        let failed = |e| self.failed("read", e);
        let mut ask = self
            .db
            .prepare(
                "SELECT d.number, d.bound, d.drafted_digest, d.proposal, p.body, p.digest, p.scope,
                        p.gate_call, p.gate_input, p.run, p.agent, p.position
                 FROM decisions d LEFT JOIN proposals p ON p.id = d.proposal ORDER BY d.number",
            )
            .map_err(failed)?;
        let mut rows = ask.query([]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            if !same_proposal(row).map_err(failed)? {
                let number: i64 = row.get(0).map_err(failed)?;
                let id: String = row.get(3).map_err(failed)?;
                let why = format!("proposal {id} is not what decision {number} was made on");
                return Ok(Some(Broken { row: number, fault: Fault::Proposal, why }));
            }
        }
        Ok(None)
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
                    fault: Fault::Delivery,
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
        Ok(without.map(|id| Broken {
            row: 0,
            fault: Fault::State,
            why: format!("proposal {id} is decided, but no decision says so"),
        }))
    }

    /// All decisions in the order in which they were made, with their hashes.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn decisions(&self) -> Result<Vec<LoggedDecision>> {
        self.db
            .prepare(
                "SELECT number, proposal, round, verdict, text, reason, by_kind, by_name, at, hash,
                        digest, drafted_digest, bound, seen, position, previous
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
                        digests: [row.get(10)?, row.get(11)?, row.get(12)?],
                        seen: row.get(13)?,
                        position: row.get(14)?,
                        previous: row.get(15)?,
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

/// Whether a decision's proposal is there, is the one that was decided on, and is what its own columns
/// say that it is.
fn same_proposal(row: &rusqlite::Row<'_>) -> rusqlite::Result<bool> {
    let (bound, drafted): (String, String) = (row.get(1)?, row.get(2)?);
    let Some(body) = row.get::<_, Option<String>>(4)? else { return Ok(false) };
    let Ok(proposal) = serde_json::from_str::<Proposal>(&body) else { return Ok(false) };
    let target = &proposal.target;
    let gate = target.scope.gate().map_or(("", ""), |gate| (gate.call.as_str(), gate.input.as_str()));
    let text = |i| row.get::<_, String>(i);
    Ok((bound.is_empty() || digest(&body) == bound)
        && digest(&proposal.payload) == drafted
        && text(5)? == drafted
        && proposal.id.as_str() == text(3)?
        && text(6)? == target.scope.word()
        && (text(7)?.as_str(), text(8)?.as_str()) == gate
        && text(9)? == target.run.as_str()
        && text(10)? == target.agent
        && row.get::<_, i64>(11)? == i64::from(target.position))
}

/// What is wrong with a row.
type Wrong = (Fault, &'static str);

/// Looks at one row: its number, what is wrong with it, and its hash.
fn link(
    row: &rusqlite::Row<'_>,
    expected: i64,
    head: &str,
) -> rusqlite::Result<(i64, Option<Wrong>, String)> {
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
    let bound: String = row.get(15)?;
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
        bound: &bound,
    }
    .hash();
    let why = if number != expected {
        Some((Fault::Gap, "the decision before it is missing"))
    } else if previous != head {
        Some((Fault::Link, "it does not carry the hash of the decision before it"))
    } else if digest(text) != *text_digest {
        Some((Fault::Text, "its text is not the one that its digest was made of"))
    } else if computed != hash {
        Some((Fault::Hash, "its hash does not fit what it holds: it was changed after it was made"))
    } else {
        None
    };
    Ok((number, why, hash))
}
