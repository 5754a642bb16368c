//! Figures: every proposal with what became of it, for measuring what recoveries are worth.

use rusqlite::Row;

use super::Ledger;
use super::error::Result;
use crate::recover::measure::{Case, Record};
use crate::recover::{Outcome, Proposal, ProposalId};

/// How many of the latest followed proposals say which remedy is tried first.
const RECENT: i64 = 2_000;

const CASES: &str = "
    SELECT p.id, p.body, p.state, coalesce(w.outcome, p.outcome), w.tokens, w.seconds,
        (SELECT min(d.at) - p.drafted FROM decisions d WHERE d.proposal = p.id AND d.round = p.round
            AND d.verdict IN ('approve', 'edit', 'veto')),
        (SELECT d.text FROM decisions d WHERE d.proposal = p.id AND d.round = p.round
            AND d.verdict = 'edit' ORDER BY d.number DESC LIMIT 1),
        EXISTS (SELECT 1 FROM decisions d WHERE d.proposal = p.id AND d.verdict = 'undo'),
        coalesce(r.text, '')
    FROM proposals p LEFT JOIN watched w ON w.proposal = p.id LEFT JOIN rewrites r ON r.proposal = p.id ";

impl Ledger {
    /// Every proposal as a case, the oldest first.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn cases(&self) -> Result<Vec<Case>> {
        self.cases_where("ORDER BY p.drafted, p.id", [])
    }

    /// What the latest followed recoveries show of which remedy helps.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn record(&self) -> Result<Record> {
        let which = "WHERE p.outcome <> 'unknown' AND p.state IN ('delivered', 'confirmed')
                     ORDER BY p.drafted DESC LIMIT ?1";
        Ok(Record::of(&self.cases_where(which, [RECENT])?))
    }

    fn cases_where<P: rusqlite::Params>(&self, which: &str, with: P) -> Result<Vec<Case>> {
        let rows: Vec<Stored> = self
            .db
            .prepare_cached(&format!("{CASES}{which}"))
            .and_then(|mut ask| ask.query_map(with, Stored::of)?.collect())
            .map_err(|e| self.failed("read", e))?;
        rows.into_iter().map(|row| self.case(row)).collect()
    }

    fn case(&self, row: Stored) -> Result<Case> {
        let id = ProposalId::stored(row.id);
        let proposal: Proposal = serde_json::from_str(&row.body).map_err(|e| self.damaged(&id, &e))?;
        let model_written = row.edit.as_ref().is_some_and(|sent| *sent == row.rewrite);
        Ok(Case {
            class: proposal.class,
            remedy: proposal.remedy,
            sent: matches!(row.state.as_str(), "delivered" | "confirmed"),
            model_written,
            decided_in: row.decided_in.map(|microseconds| microseconds as f64 / 1e6),
            outcome: Outcome::of_words(&row.outcome),
            seconds: row.seconds,
            tokens: row.tokens.map(i64::unsigned_abs),
            vetoed: row.state == "vetoed",
            undone: row.undone,
            edited_heavily: !model_written
                && row.edit.as_deref().is_some_and(|sent| kept_share(&proposal.payload, sent) < 0.5),
            rule: proposal.rule,
        })
    }
}

/// How much of a draft's words an edit has kept, in their order.
fn kept_share(draft: &str, sent: &str) -> f64 {
    let words = draft.split_whitespace().count();
    if words == 0 {
        return 1.0;
    }
    let kept = similar::TextDiff::from_words(draft, sent);
    let equal = kept
        .iter_all_changes()
        .filter(|change| change.tag() == similar::ChangeTag::Equal && !change.value().trim().is_empty())
        .count();
    equal as f64 / words as f64
}

/// A row of what is asked.
struct Stored {
    id: String,
    body: String,
    state: String,
    outcome: String,
    tokens: Option<i64>,
    seconds: Option<f64>,
    decided_in: Option<i64>,
    edit: Option<String>,
    undone: bool,
    rewrite: String,
}

impl Stored {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            body: row.get(1)?,
            state: row.get(2)?,
            outcome: row.get(3)?,
            tokens: row.get(4)?,
            seconds: row.get(5)?,
            decided_in: row.get(6)?,
            edit: row.get(7)?,
            undone: row.get(8)?,
            rewrite: row.get(9)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::kept_share;

    #[test]
    fn an_edit_is_heavy_when_most_of_the_draft_is_gone() {
        let draft = "Operator: run the tests again and mend the one that fails.";
        assert!(kept_share(draft, &draft.replace("again", "once more")) > 0.8);
        assert!(kept_share(draft, "Operator: stop and ask me first.") < 0.5);
        assert!((kept_share("", "x") - 1.0).abs() < f64::EPSILON);
    }
}
