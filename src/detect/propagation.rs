//! The propagation graph of a run: which step took what over from which, as far as the rules have seen
//! it, and where it began.
//!
//! Edges are read off the findings of rules that follow a mistake from step to step; each leads from
//! the step where it began to one that carries it. A step is to blame for another when every way by
//! which something wrong came to that one passes through it: a dominator of the graph.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{Finding, Part};
use crate::trace::StepId;

/// What travels along an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A path, id, address or figure.
    Entity,
    /// A claim that was said again.
    Claim,
    /// A file that a tainted step wrote.
    Artifact,
    /// A report that one agent gave another.
    Report,
}

/// One step took something over from an earlier one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Edge {
    /// Where it began.
    #[serde(rename = "from_step")]
    pub from: StepId,
    /// Which step carries it.
    #[serde(rename = "to_step")]
    pub to: StepId,
    /// The carrying words, as the finding cites them.
    pub what: String,
    /// What it is.
    pub kind: Kind,
}

/// The rules whose findings make edges.
const KINDS: &[(&str, Kind)] = &[
    ("taint.carries-entity", Kind::Entity),
    ("taint.carries-claim", Kind::Claim),
    ("taint.uses-artifact", Kind::Artifact),
    ("agents.wrong-report", Kind::Report),
    ("agents.altered-report", Kind::Report),
    ("agents.contradiction", Kind::Report),
    ("agents.rubber-stamp", Kind::Report),
];

/// The longest `what`, in bytes.
const WHAT_BYTES: usize = 120;
/// How many edges of a hostile log are kept.
const MOST_EDGES: usize = 4096;

/// The edges, in the order of the steps that they lead to.
pub fn edges<'f>(findings: impl IntoIterator<Item = &'f Finding>) -> Vec<Edge> {
    let mut edges: Vec<Edge> = findings
        .into_iter()
        .filter_map(|finding| {
            let (_, kind) = KINDS.iter().find(|(rule, _)| *rule == finding.rule.id)?;
            let from = finding.root.filter(|root| *root < finding.step)?;
            let claim = finding.evidence.iter().find(|evidence| evidence.part == Part::Claim);
            let what = claim.map_or("", |claim| crate::text::clip(&claim.text, WHAT_BYTES)).to_owned();
            Some(Edge { from, to: finding.step, what, kind: *kind })
        })
        .take(MOST_EDGES)
        .collect();
    edges.sort_by_key(|edge| (edge.to, edge.from));
    edges
}

/// The earliest step through which everything wrong came to `sink`; `None` where nothing came to it, or
/// by ways that have no step in common.
pub fn blame(edges: &[Edge], sink: StepId) -> Option<StepId> {
    // Steps only ever take over from earlier ones, so one pass in their order settles the dominators.
    let mut into: BTreeMap<StepId, Vec<StepId>> = BTreeMap::new();
    for edge in edges.iter().filter(|edge| edge.to <= sink) {
        into.entry(edge.to).or_default().push(edge.from);
    }
    let mut before: BTreeMap<StepId, BTreeSet<StepId>> = BTreeMap::new();
    for (step, sources) in &into {
        let through = |source: &StepId| -> BTreeSet<StepId> {
            let mut all = before.get(source).cloned().unwrap_or_default();
            all.insert(*source);
            all
        };
        let common = sources
            .iter()
            .map(through)
            .reduce(|one, other| one.intersection(&other).copied().collect())
            .unwrap_or_default();
        before.insert(*step, common);
    }
    before.get(&sink)?.first().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(from: u32, to: u32) -> Edge {
        Edge { from: StepId(from), to: StepId(to), what: String::new(), kind: Kind::Entity }
    }

    #[test]
    fn the_earliest_step_that_all_ways_pass_is_to_blame() {
        let edges = [edge(2, 4), edge(4, 6), edge(4, 7), edge(6, 9), edge(7, 9)];
        assert_eq!(blame(&edges, StepId(9)), Some(StepId(2)));
        assert_eq!(blame(&edges, StepId(4)), Some(StepId(2)));
    }

    #[test]
    fn two_beginnings_leave_nobody_alone_to_blame() {
        let edges = [edge(2, 6), edge(3, 6), edge(6, 8)];
        assert_eq!(blame(&edges, StepId(6)), None);
        assert_eq!(blame(&edges, StepId(8)), Some(StepId(6)));
    }

    #[test]
    fn a_step_to_which_nothing_came_has_nobody_to_blame() {
        assert_eq!(blame(&[edge(2, 4)], StepId(3)), None);
        assert_eq!(blame(&[], StepId(3)), None);
    }
}
