//! The Decisions screen: what was said of which proposal, and what came of it.

use std::collections::HashMap;

use crate::ledger::{Entry, Operator, Verdict};
use crate::recover::ProposalId;

use super::desk::admits;
use super::filter::Filter;
use super::msg::Chain;
use super::rows::Rows;

/// The Decisions screen.
#[derive(Debug)]
pub struct Decisions {
    /// Proposals that were decided, the latest first.
    pub rows: Rows<ProposalId>,
    entries: HashMap<ProposalId, Entry>,
    latest: Vec<ProposalId>,
    /// Whether the chain of decisions holds.
    pub chain: Chain,
    /// Whether one decision fills the screen.
    pub open: bool,
    /// First line of it.
    pub scroll: usize,
    /// What is shown.
    pub filter: Filter,
    /// The filter as it was typed.
    pub filter_text: String,
    /// Whether the ledger has been read.
    pub loaded: bool,
}

impl Default for Decisions {
    fn default() -> Self {
        Self {
            rows: Rows::new(true),
            entries: HashMap::new(),
            latest: Vec::new(),
            chain: Chain::NotChecked,
            open: false,
            scroll: 0,
            filter: Filter::default(),
            filter_text: String::new(),
            loaded: false,
        }
    }
}

impl Decisions {
    /// Takes in the ledger's history.
    pub fn load(&mut self, mut history: Vec<Entry>, chain: Chain) {
        history.retain(|e| e.decision.is_some());
        history.sort_by_key(|e| std::cmp::Reverse(e.decision.as_ref().map_or(0, |d| d.number)));
        self.latest = history.iter().map(|e| e.proposal.id.clone()).collect();
        self.entries = history.into_iter().map(|e| (e.proposal.id.clone(), e)).collect();
        if chain != Chain::NotChecked {
            self.chain = chain;
        }
        self.loaded = true;
    }

    /// Builds the list again.
    pub fn refresh(&mut self) {
        let order = self.order();
        self.rows.refresh(order);
    }

    /// Filters anew.
    pub fn refilter(&mut self) {
        let order = self.order();
        self.rows.replace(order);
    }

    fn order(&self) -> Vec<ProposalId> {
        self.latest
            .iter()
            .filter(|id| {
                self.filter.is_empty() || self.entries.get(id).is_some_and(|e| admits(&self.filter, e))
            })
            .cloned()
            .collect()
    }

    /// What is known of a proposal.
    pub fn entry(&self, id: &ProposalId) -> Option<&Entry> {
        self.entries.get(id)
    }

    /// The one that is selected.
    pub fn shown(&self) -> Option<&Entry> {
        self.entries.get(self.rows.selected()?)
    }
}

/// Who decided.
pub fn who(by: &Operator) -> &str {
    match by {
        Operator::Person { name } | Operator::Policy { name } => name,
    }
}

/// The text that a decision sends: the edited one, or the draft.
pub fn sent(entry: &Entry) -> &str {
    match entry.decision.as_ref().map(|d| &d.verdict) {
        Some(Verdict::Edit { text }) => text,
        _ => &entry.proposal.payload,
    }
}

/// A line of a difference between two texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiffLine {
    /// `' '` in both, `'-'` only in the first, `'+'` only in the second.
    pub sign: char,
    /// The line, without its end.
    pub text: String,
}

/// The difference between two texts, line by line.
pub fn difference(before: &str, after: &str) -> Vec<DiffLine> {
    let diff = similar::TextDiff::from_lines(before, after);
    diff.iter_all_changes()
        .map(|change| DiffLine {
            sign: match change.tag() {
                similar::ChangeTag::Equal => ' ',
                similar::ChangeTag::Delete => '-',
                similar::ChangeTag::Insert => '+',
            },
            text: change.value().trim_end_matches(['\n', '\r']).to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_line_by_line() {
        let signs: String = difference("a\nb\nc\n", "a\nx\nc\nd\n").iter().map(|l| l.sign).collect();
        assert_eq!(signs, " -+ +");
    }
}
