//! The Fleet screen: all runs, the neediest first, and why the selected one needs somebody.

use std::collections::HashMap;

use crate::detect::{Class, Evidence, Finding, Part};
use crate::engine::{Board, RunView};
use crate::score::Band;
use crate::trace::{RunId, StateWord, StepId};

use super::filter::{Facts, Filter};
use super::rows::Rows;

/// The Fleet screen.
#[derive(Debug)]
pub struct Fleet {
    /// Runs.
    pub rows: Rows<RunId>,
    /// What is shown of them.
    pub filter: Filter,
    /// The filter as it was typed.
    pub filter_text: String,
    /// How many runs the filter hides.
    pub hidden: usize,
}

impl Default for Fleet {
    fn default() -> Self {
        Self { rows: Rows::new(false), filter: Filter::default(), filter_text: String::new(), hidden: 0 }
    }
}

impl Fleet {
    /// Takes in the board as it stands.
    pub fn refresh(&mut self, board: &Board, waiting: &HashMap<RunId, usize>) {
        let order = self.order(board, waiting);
        self.rows.refresh(order);
    }

    /// Filters anew.
    pub fn refilter(&mut self, board: &Board, waiting: &HashMap<RunId, usize>) {
        let order = self.order(board, waiting);
        self.rows.replace(order);
    }

    fn order(&mut self, board: &Board, waiting: &HashMap<RunId, usize>) -> Vec<RunId> {
        let mut shown: Vec<&RunView> =
            board.runs().iter().filter(|view| self.filter.is_empty() || admits(&self.filter, view)).collect();
        self.hidden = board.runs().len() - shown.len();
        shown.sort_by_cached_key(|view| {
            let count = waiting.get(&view.id).copied().unwrap_or(0);
            std::cmp::Reverse(need(view, count))
        });
        shown.into_iter().map(|view| view.id.clone()).collect()
    }
}

/// How much a run needs somebody; greater is needier.
pub fn need(view: &RunView, waiting: usize) -> impl Ord + use<> {
    let summary = &view.summary;
    let live = matches!(
        summary.state.word,
        StateWord::Working | StateWord::Waiting | StateWord::Held | StateWord::Stuck
    ) && view.gone.is_none();
    let held = summary.state.word == StateWord::Held;
    let band = match summary.judged.band {
        Band::Pass => 0u8,
        Band::Triage => 1,
        Band::Alarm => 2,
    };
    let p = (summary.judged.p_fail.get() * 1000.0) as u32;
    (waiting > 0 || held, band, summary.assessed, live, p, summary.last, std::cmp::Reverse(view.id.clone()))
}

fn admits(filter: &Filter, view: &RunView) -> bool {
    let summary = &view.summary;
    let agents: Vec<&str> =
        summary.agents.iter().map(|agent| agent.name.as_str()).chain([summary.format]).collect();
    let tools: Vec<&str> = summary.tools.iter().map(String::as_str).collect();
    filter.admits(&Facts {
        texts: &[
            view.id.as_str(),
            &summary.title,
            &summary.working_directory,
            &summary.model,
            summary.format,
        ],
        class: summary.judged.class,
        agents: &agents,
        state: summary.state.word.word(),
        tools: &tools,
        p: summary.judged.p_fail,
    })
}

/// The findings that say best why a run needs somebody, the weightiest first, at most one a step.
/// Operational ones come last.
pub fn leading(view: &RunView, at_most: usize) -> Vec<&Finding> {
    let weight = |finding: &Finding| {
        let p = view.steps.get(finding.step.index()).map_or(0.0, |s| s.judged.p_wrong.get());
        let scored = finding.rule.class != Class::Operational;
        (scored, p, finding.strength.get())
    };
    let mut sorted: Vec<&Finding> = view.findings.iter().collect();
    sorted.sort_by(|a, b| {
        weight(b).partial_cmp(&weight(a)).unwrap_or(std::cmp::Ordering::Equal).then(a.step.cmp(&b.step))
    });
    let mut steps: Vec<StepId> = Vec::new();
    sorted
        .into_iter()
        .filter(|finding| {
            let new = !steps.contains(&finding.step);
            if new {
                steps.push(finding.step);
            }
            new
        })
        .take(at_most)
        .collect()
}

/// The first evidence of a finding that plays a part.
pub fn evidence(finding: &Finding, part: Part) -> Option<&Evidence> {
    finding.evidence.iter().find(|e| e.part == part)
}

/// The lowest reliability among the last 12 steps: what the sparkline's lowest bar shows.
pub fn lowest(view: &RunView) -> Option<u8> {
    view.steps.iter().rev().take(SPARK).map(|s| s.judged.p_wrong.reliability()).min()
}

/// How many steps a sparkline shows.
pub const SPARK: usize = 12;
