//! The Desk screen: proposals that wait for a person, and those on their way.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::engine::{Reach, Reached};
use crate::ledger::{Entry, Rewrite, State, Verdict};
use crate::recover::ProposalId;
use crate::trace::RunId;

use super::filter::{Facts, Filter};
use super::rows::Rows;

/// The Desk screen.
#[derive(Debug)]
pub struct Desk {
    /// Proposals.
    pub rows: Rows<ProposalId>,
    /// What is known of them.
    entries: HashMap<ProposalId, Entry>,
    /// Their order by urgency.
    urgent: Vec<ProposalId>,
    /// Since when the proposal that is shown has been shown.
    pub shown_since: Timestamp,
    /// First line of the proposal that is shown.
    pub scroll: usize,
    /// In one pane: whether that is the proposal.
    pub zoomed: bool,
    /// What is shown.
    pub filter: Filter,
    /// The filter as it was typed.
    pub filter_text: String,
    /// Whether the ledger has been read.
    pub loaded: bool,
    /// Decisions that were asked for and not yet answered.
    pub asked: Vec<ProposalId>,
    /// What a model wrote for those that wait, or why it did not.
    pub rewrites: HashMap<ProposalId, Rewrite>,
}

impl Default for Desk {
    fn default() -> Self {
        Self {
            rows: Rows::new(true),
            entries: HashMap::new(),
            urgent: Vec::new(),
            shown_since: Timestamp::UNIX_EPOCH,
            scroll: 0,
            zoomed: false,
            filter: Filter::default(),
            filter_text: String::new(),
            loaded: false,
            asked: Vec::new(),
            rewrites: HashMap::new(),
        }
    }
}

impl Desk {
    /// Takes in the ledger's desk: what an agent is held for comes first, then what can reach its agent,
    /// then what can only be read. Says whether the text of the proposal that is shown changed.
    pub fn load(&mut self, mut desk: Vec<Entry>, reach: &HashMap<RunId, Reached>) -> bool {
        let before = self.shown().map(|e| e.proposal.payload.clone());
        let shown = self.rows.selected().cloned();
        desk.sort_by(|a, b| {
            let key = |e: &Entry| {
                let wrong = std::cmp::Reverse((e.proposal.p_wrong.get() * 1000.0) as u32);
                let reached = reach.get(&e.proposal.target.run);
                let held = reached.is_some_and(|reached| reached.held);
                let out_of_reach = reached.is_none_or(|reached| reached.reach == Reach::Observed);
                (rank(e), !held, out_of_reach, wrong, e.drafted)
            };
            key(a).cmp(&key(b))
        });
        self.urgent = desk.iter().map(|e| e.proposal.id.clone()).collect();
        self.entries = desk.into_iter().map(|e| (e.proposal.id.clone(), e)).collect();
        self.loaded = true;
        let after = shown.and_then(|id| self.entries.get(&id)).map(|e| e.proposal.payload.clone());
        before.is_some() && before != after
    }

    /// Builds the list again. Says whether another proposal is shown.
    pub fn refresh(&mut self) -> bool {
        let order = self.order();
        self.rows.refresh(order)
    }

    /// Filters anew.
    pub fn refilter(&mut self) {
        let order = self.order();
        self.rows.replace(order);
    }

    fn order(&self) -> Vec<ProposalId> {
        self.urgent
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

    /// The proposal that is shown.
    pub fn shown(&self) -> Option<&Entry> {
        self.entries.get(self.rows.selected()?)
    }

    /// What a model wrote for the proposal that is shown, if it can be taken.
    pub fn rewritten(&self) -> Option<&str> {
        let rewrite = self.rewrites.get(&self.shown()?.proposal.id)?;
        rewrite.text.as_deref().ok()
    }

    /// The most urgent proposal of a run.
    pub fn of_run(&self, run: &RunId) -> Option<&Entry> {
        self.urgent.iter().filter_map(|id| self.entries.get(id)).find(|e| e.proposal.target.run == *run)
    }

    /// How many wait for a person.
    pub fn waiting(&self) -> usize {
        self.entries.values().filter(|e| e.state == State::Waiting).count()
    }

    /// When the one that has waited longest was drafted.
    pub fn oldest(&self) -> Option<Timestamp> {
        self.entries.values().filter(|e| e.state == State::Waiting).map(|e| e.drafted).min()
    }

    /// Waiting proposals by run.
    pub fn waiting_by_run(&self) -> HashMap<RunId, usize> {
        let mut counts = HashMap::new();
        for entry in self.entries.values() {
            if entry.state == State::Waiting {
                *counts.entry(entry.proposal.target.run.clone()).or_insert(0) += 1;
            }
        }
        counts
    }

    /// The approval in its grace time that was made last.
    pub fn latest_in_grace(&self, now: Timestamp) -> Option<&Entry> {
        self.entries.values().filter(|e| in_grace(e, now)).max_by_key(|e| e.grace_until)
    }

    /// When the first grace time that runs now ends.
    pub fn soonest_grace(&self, now: Timestamp) -> Option<Timestamp> {
        self.entries.values().filter(|e| in_grace(e, now)).filter_map(|e| e.grace_until).min()
    }
}

/// Whether an approval can still be undone.
pub fn in_grace(entry: &Entry, now: Timestamp) -> bool {
    entry.state == State::Approved && entry.grace_until.is_some_and(|until| now < until)
}

/// Whole seconds until an approval is sent, rounded up.
pub fn seconds_left(entry: &Entry, now: Timestamp) -> Option<u64> {
    let until = entry.grace_until.filter(|until| now < *until)?;
    Some(until.duration_since(now).as_millis().unsigned_abs().div_ceil(1000) as u64)
}

/// Whether somebody put it off.
pub fn deferred(entry: &Entry) -> bool {
    entry.state == State::Waiting
        && entry.decision.as_ref().is_some_and(|d| d.verdict == Verdict::Defer && d.undone.is_none())
}

/// The order of the desk: what waits, what failed, what was put off, what is on its way, the rest.
fn rank(entry: &Entry) -> u8 {
    match entry.state {
        State::Waiting if !deferred(entry) => 0,
        State::Failed => 1,
        State::Waiting => 2,
        State::Approved => 3,
        State::Leased | State::Delivered => 4,
        _ => 5,
    }
}

/// Whether a filter lets a proposal through.
pub fn admits(filter: &Filter, entry: &Entry) -> bool {
    let proposal = &entry.proposal;
    filter.admits(&Facts {
        texts: &[
            proposal.target.run.as_str(),
            &proposal.sentence,
            &proposal.claim,
            &proposal.fact,
            &proposal.payload,
            &proposal.rule,
            proposal.id.as_str(),
        ],
        class: Some(proposal.class),
        agents: &[&proposal.target.agent, &proposal.target.format],
        state: entry.state.word(),
        tools: &[],
        p: proposal.p_wrong,
    })
}
