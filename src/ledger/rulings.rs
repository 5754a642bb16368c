//! Rulings: a proposal is put down, ruled on and, where the policy says so, approved in one transaction,
//! which reads what the ruling goes by. So two processes that rule at once see each other's approvals,
//! and no budget is spent twice.

use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Row, params};

use super::Ledger;
use super::decisions::Decided;
use super::entry::{Operator, Outcome, Verdict};
use super::error::Result;
use super::proposals::moment;
use crate::detect::Class;
use crate::recover::outcome::after_failures;
use crate::recover::policy::{Act, Approval, Arm, Evidence, Past, Policy, Ruling, Subject, Used, decide};
use crate::recover::proposer::charged;
use crate::recover::{Mode, Proposal, ProposalId};
use crate::text;
use crate::trace::RunId;

/// How many earlier proposals a ruling looks through, the latest first.
const PAST: usize = 2_000;
/// Longest working directory that is stored, in bytes.
const LONGEST_WORKFLOW: usize = 4_000;

/// A ruling as it is in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruled {
    /// The word for what it did.
    pub act: String,
    /// The mode that was asked for.
    pub mode: Mode,
    /// The name of the rule that asked for it.
    pub policy: String,
    /// The run's arm in the canary.
    pub arm: Option<Arm>,
    /// Whether what came back was quarantined.
    pub quarantined: bool,
    /// Why, one clause.
    pub why: String,
    /// When.
    pub at: Timestamp,
    /// Whether the finding cleared, sent or not; followed in the canary only.
    pub outcome: Outcome,
}

/// What was used of a run's budgets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunUse {
    /// The run.
    pub run: RunId,
    /// What was used.
    pub used: Used,
}

impl Ledger {
    /// Puts a proposal down and rules on it, unless it is there already. `workflow` is the working
    /// directory of its run, `grace` how long an approval by the policy can be undone. Returns the
    /// ruling where it is new.
    ///
    /// # Errors
    /// The payload is empty or too long; the ledger cannot be written. Then nothing of it is.
    pub fn put_down(
        &self,
        proposal: &Proposal,
        policy: &Policy,
        workflow: &str,
        grace: Duration,
        now: Timestamp,
    ) -> Result<Option<Ruling>> {
        // Most are seen again and again while a log is read: no write lock for those.
        if self.is_known(&proposal.id)? {
            return Ok(None);
        }
        let change = self.write()?;
        if self.is_known(&proposal.id)? {
            return Ok(None);
        }
        let workflow = text::excerpt(workflow, LONGEST_WORKFLOW);
        let evidence = self.evidence(&proposal.target.run, policy, &workflow, now)?;
        let failures = self.failures(&proposal.target.run, &proposal.target.agent, &proposal.rule)?;
        let proposal = after_failures(proposal.clone(), failures);
        let ruling = decide(&proposal, policy, &evidence);
        let mode = if ruling.act.is_on_the_desk() { Mode::Suggest } else { Mode::Observe };
        let proposal = ruling.settle(proposal);
        self.propose(&proposal, mode, now)?;
        self.db
            .prepare_cached(
                "INSERT INTO rulings (proposal, act, mode, policy, arm, quarantined, why, workflow, at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )
            .and_then(|mut add| {
                add.execute(params![
                    proposal.id.as_str(),
                    ruling.act.word(),
                    ruling.mode.word(),
                    text::excerpt(&ruling.policy, 120),
                    ruling.arm.map_or("", Arm::word),
                    ruling.quarantined,
                    text::excerpt(&ruling.why, 400),
                    workflow,
                    now.as_microsecond(),
                ])
            })
            .map_err(|e| self.failed("write a ruling to", e))?;
        if let Act::Approve(name) = &ruling.act {
            let by = Operator::Policy { name: name.clone() };
            let decided = self.decide(&proposal.id, Verdict::Approve, by, &ruling.why, now, grace)?;
            if !matches!(decided, Decided::Recorded(_)) {
                tracing::warn!("proposal {} could not be approved by the policy {name}", proposal.id);
            }
        }
        change.commit().map_err(|e| self.failed("write a proposal to", e))?;
        Ok(Some(ruling))
    }

    fn is_known(&self, id: &ProposalId) -> Result<bool> {
        self.db
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM proposals WHERE id = ?1)")
            .and_then(|mut ask| ask.query_row([id.as_str()], |row| row.get(0)))
            .map_err(|e| self.failed("read", e))
    }

    /// What a ruling on a proposal of a run goes by. Where the policy leaves everything to persons, what
    /// happened in other runs is not looked at.
    fn evidence(&self, run: &RunId, policy: &Policy, workflow: &str, now: Timestamp) -> Result<Evidence> {
        let mut past = self.past_of(run)?;
        if policy.automates() {
            past.extend(self.past(Some(run))?);
        }
        Ok(Evidence {
            now,
            workflow: workflow.to_owned(),
            stopped: self.stopped()?.map(|stopped| stopped.words()),
            bypass: self.bypassed(run, now)?,
            used: charged(self.used(run)?, self.written_cost(run)?, policy),
            past,
            cleared: self.cleared()?,
        })
    }

    /// What became of those of the latest proposals that were approved or counted in the canary, in all
    /// runs or all but one.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn past(&self, but: Option<&RunId>) -> Result<Vec<Past>> {
        let but = but.map_or("", RunId::as_str);
        self.pasts(&format!("WHERE run <> ?1 ORDER BY drafted DESC LIMIT {PAST}"), but)
    }

    fn past_of(&self, run: &RunId) -> Result<Vec<Past>> {
        self.pasts("WHERE run = ?1", run.as_str())
    }

    fn pasts(&self, which: &str, run: &str) -> Result<Vec<Past>> {
        self.db
            .prepare_cached(&format!(
                "SELECT p.id, p.run, json_extract(p.body, '$.rule'), json_extract(p.body, '$.class'),
                        json_extract(p.body, '$.target.format'), p.agent, coalesce(r.workflow, ''),
                        coalesce(r.arm, ''), d.at, d.by_kind, d.verdict,
                        EXISTS (SELECT 1 FROM decisions a JOIN decisions u ON u.proposal = a.proposal
                            AND u.round = a.round AND u.verdict = 'undo' AND u.by_kind = 'person'
                            WHERE a.proposal = p.id AND a.by_kind = 'policy' AND a.verdict = 'approve'),
                        (SELECT min(delivered) FROM deliveries v WHERE v.proposal = p.id),
                        p.state IN ('approved', 'leased', 'delivered', 'confirmed'),
                        p.outcome, p.outcome_at, coalesce(r.outcome, 'unknown'),
                        json_extract(p.body, '$.tokens'), json_extract(p.body, '$.seconds')
                 FROM (SELECT * FROM proposals {which}) p LEFT JOIN rulings r ON r.proposal = p.id
                 LEFT JOIN decisions d ON d.proposal = p.id AND d.round = p.round
                      AND d.verdict IN ('approve', 'edit')
                 WHERE (d.number IS NOT NULL OR r.arm <> '' OR r.act = 'approve')"
            ))
            .and_then(|mut ask| ask.query_map([run], past_of_row)?.collect())
            .map_err(|e| self.failed("read", e))
    }

    /// The ruling on a proposal; `None` where it was put down without one.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn ruling(&self, id: &ProposalId) -> Result<Option<Ruled>> {
        self.db
            .prepare_cached(
                "SELECT act, mode, policy, arm, quarantined, why, at, outcome FROM rulings
                 WHERE proposal = ?1",
            )
            .and_then(|mut ask| {
                ask.query_row([id.as_str()], |row| {
                    Ok(Ruled {
                        act: row.get(0)?,
                        mode: Mode::of_word(&row.get::<_, String>(1)?).unwrap_or_default(),
                        policy: row.get(2)?,
                        arm: Arm::of_word(&row.get::<_, String>(3)?),
                        quarantined: row.get(4)?,
                        why: row.get(5)?,
                        at: moment(row.get(6)?),
                        outcome: match row.get::<_, String>(7)?.as_str() {
                            "recovered" => Outcome::Recovered,
                            "not recovered" => Outcome::NotRecovered,
                            _ => Outcome::Unknown,
                        },
                    })
                })
                .optional()
            })
            .map_err(|e| self.failed("read", e))
    }

    /// Whether the finding of a proposal in an arm of the canary cleared, and the step that shows it;
    /// the first word holds. Takes no write lock where there is nothing to note.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub fn finding_cleared(&self, id: &ProposalId, cleared: bool, step: u32, now: Timestamp) -> Result<bool> {
        let failed = |e| self.failed("write an outcome to", e);
        let open: bool = self
            .db
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM rulings WHERE proposal = ?1 AND outcome = 'unknown'
                 AND arm IN ('treated', 'holdout'))",
            )
            .and_then(|mut ask| ask.query_row([id.as_str()], |row| row.get(0)))
            .map_err(failed)?;
        if !open {
            return Ok(false);
        }
        let outcome = if cleared { Outcome::Recovered } else { Outcome::NotRecovered };
        self.db
            .prepare_cached(
                "UPDATE rulings SET outcome = ?2, outcome_step = ?3, outcome_at = ?4
                 WHERE proposal = ?1 AND outcome = 'unknown'",
            )
            .and_then(|mut set| {
                set.execute(params![id.as_str(), outcome.words(), step, now.as_microsecond()])
            })
            .map(|changed| changed > 0)
            .map_err(failed)
    }

    /// How many approved texts are still to be taken up.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn to_go(&self) -> Result<u32> {
        self.db
            .prepare_cached("SELECT count(*) FROM proposals WHERE state = 'approved'")
            .and_then(|mut ask| ask.query_row([], |row| row.get(0)))
            .map_err(|e| self.failed("read", e))
    }

    /// What was used of the budgets of the runs that were proposed to last, the latest first.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn uses(&self, limit: usize) -> Result<Vec<RunUse>> {
        let mut runs: Vec<RunId> = self
            .db
            .prepare_cached(&format!("SELECT run FROM proposals ORDER BY drafted DESC LIMIT {PAST}"))
            .and_then(|mut ask| ask.query_map([], |row| row.get::<_, String>(0).map(RunId::new))?.collect())
            .map_err(|e| self.failed("read", e))?;
        let mut seen = HashSet::new();
        runs.retain(|run| seen.insert(run.clone()));
        runs.truncate(limit);
        runs.into_iter().map(|run| Ok(RunUse { used: self.used(&run)?, run })).collect()
    }
}

fn past_of_row(row: &Row<'_>) -> rusqlite::Result<Past> {
    let text = |at: usize| row.get::<_, Option<String>>(at).map(Option::unwrap_or_default);
    let number = |at: usize| row.get::<_, Option<u32>>(at).map(Option::unwrap_or_default);
    let class = text(3)?;
    let approval = match row.get::<_, Option<i64>>(8)? {
        Some(at) => {
            Some(Approval { at: moment(at), by_policy: text(9)? == "policy", edited: text(10)? == "edit" })
        }
        None => None,
    };
    let outcome = |word: &str| match word {
        "recovered" => Some(true),
        "not recovered" => Some(false),
        _ => None,
    };
    let seen_at = row.get::<_, Option<i64>>(15)?.map(moment);
    Ok(Past {
        id: ProposalId::stored(text(0)?),
        run: RunId::new(text(1)?),
        rule: text(2)?,
        subject: Subject {
            class: Class::ALL.into_iter().find(|c| c.word() == class).unwrap_or(Class::Operational),
            format: text(4)?,
            agent: text(5)?,
            workflow: text(6)?,
        },
        arm: Arm::of_word(&text(7)?),
        approval,
        taken_back: row.get(11)?,
        delivered: row.get::<_, Option<i64>>(12)?.map(moment),
        out: row.get(13)?,
        outcome: seen_at.zip(outcome(&text(14)?)),
        cleared: outcome(&text(16)?),
        tokens: number(17)?,
        seconds: number(18)?,
    })
}
