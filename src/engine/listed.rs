//! Runs that are only listed: what the board is told of them from their first records.

use jiff::Timestamp;

use super::board::{Reach, RunDelta, RunSummary, SourceState, SourceView};
use super::desk::RunNews;
use crate::score::RunJudgement;
use crate::source::FoundRun;
use crate::source::discover::Brief;
use crate::trace::{RunState, StateWord, Usage};

/// A run that is only listed, for the board.
pub(super) fn listed(found: &FoundRun, brief: Option<&Brief>) -> RunDelta {
    let main = found.sources.first();
    let brief = brief.or_else(|| main.map(|source| &source.brief)).cloned().unwrap_or_default();
    RunDelta {
        run: found.id.clone(),
        from: 0,
        steps: Vec::new(),
        findings_from: 0,
        findings: Vec::new(),
        news: RunNews::none(found.id.clone()),
        summary: RunSummary {
            format: found.format.name(),
            title: brief.title,
            model: brief.model,
            working_directory: brief.working_directory,
            state: RunState { word: StateWord::Unknown, reason: "not read yet".to_owned(), sure: true },
            agents: Vec::new(),
            tools: Vec::new(),
            plan: Vec::new(),
            effects: Vec::new(),
            usage: Usage::default(),
            records: 0,
            unknown: Vec::new(),
            began: brief.began,
            last: Timestamp::try_from(found.modified()).ok(),
            sources: found
                .sources
                .iter()
                .map(|source| SourceView {
                    path: source.path.clone(),
                    read: 0,
                    size: source.size,
                    state: SourceState::Reading,
                })
                .collect(),
            judged: RunJudgement::default(),
            judged_by: String::new(),
            reach: Reach::Observed,
            assessed: false,
        },
    }
}
