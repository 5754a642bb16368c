//! Rows: what one predictor said of one run, held against its label. Figures are made from rows alone,
//! so medbay and the trivial baselines are measured by the same code.

use super::baselines::Prediction;
use crate::detect::Class;
use crate::lab::cases::Case;

/// How many steps of a run count as pointed at in "top-3".
pub const DEPTH: usize = 3;

/// One run as one predictor saw it, beside its label.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// The run's dataset.
    pub dataset: String,
    /// The digest of the run's log: where two datasets label one log, it is counted once in all.
    pub log: u64,
    /// The run's task: what the bootstrap draws.
    pub task: String,
    /// Whether the labelled step is the one that is pointed at first; among the first three; within
    /// three records of the first. `None`: no step is labelled.
    pub step: Option<StepHit>,
    /// Whether the labelled agent is the one that is named.
    pub agent: Option<bool>,
    /// The labelled class, and the one that is named.
    pub class: Option<(Class, Option<Class>)>,
    /// Whether the set holds the labelled step, and its width as a share of the run.
    pub set: Option<(bool, f64)>,
    /// P(failed), or another score that rises with it, and whether the run failed. `None` where that is
    /// not known of runs of both sorts in the dataset.
    pub run: Option<(f64, bool)>,
    /// What the lexical model alone says of the run, and whether it failed.
    pub words: Option<(f64, bool)>,
    /// P(wrong) of each step, and whether it is labelled wrong: of runs with a labelled step and of runs
    /// that succeeded.
    pub steps: Vec<(f64, bool)>,
    /// Steps in alarm; in alarm or triage.
    pub bands: [Band; 2],
    /// Whether the run succeeded, and no step of it is labelled wrong.
    pub good: bool,
}

/// How near to the labelled step a predictor pointed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StepHit {
    /// It is the first.
    pub first: bool,
    /// It is among the first three.
    pub three: bool,
    /// The first is within three records of it.
    pub near: bool,
}

/// What stands in a band, or above it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Band {
    /// Steps.
    pub fired: usize,
    /// Those that are labelled wrong.
    pub hits: usize,
    /// Whether the run's P(failed) reaches the band's cut.
    pub run: bool,
}

impl Row {
    /// Holds a prediction against a case's label. `failed`: whether the run failed, where its dataset
    /// holds runs of both sorts.
    pub fn new(case: &Case, said: &Prediction, failed: Option<bool>) -> Self {
        let label = &case.label;
        let first = said.top.first().copied();
        let near = |wanted: u32, reach: u32| first.is_some_and(|at| at.abs_diff(wanted) <= reach);
        let named = said.agent.clone().or_else(|| agent_at(case, first?));
        let known = label.failed_step.is_some() || label.success == Some(true);
        let wrong: Vec<bool> = case.steps.iter().map(|s| label.errors.contains(&s.record)).collect();
        let scored = said.p_wrong.iter().copied().zip(wrong.iter().copied());
        let band = |index: usize| {
            let in_band = || said.bands.get(index).into_iter().flatten().zip(&wrong).filter(|(on, _)| **on);
            Band {
                fired: if known { in_band().count() } else { 0 },
                hits: in_band().filter(|(_, wrong)| **wrong).count(),
                run: said.failed.zip(said.cuts.get(index)).is_some_and(|(p, cut)| p >= *cut),
            }
        };
        Self {
            dataset: label.dataset.clone(),
            log: case.log,
            task: label.task.clone(),
            step: label.failed_step.map(|wanted| StepHit {
                first: near(wanted, 0),
                three: said.top.iter().take(DEPTH).any(|at| *at == wanted),
                near: near(wanted, 3),
            }),
            agent: label
                .failed_step
                .and(label.failed_agent.as_deref())
                .map(|wanted| named.is_some_and(|said| said.trim().eq_ignore_ascii_case(wanted.trim()))),
            class: label.failed_step.and(label.class).map(|class| (class, said.class)),
            set: case.failed_position().map(|at| {
                let (from, to) = said.set.unwrap_or((0, case.steps.len().saturating_sub(1)));
                let width = (to + 1).saturating_sub(from) as f64 / case.steps.len().max(1) as f64;
                ((from..=to).contains(&at.index()), width)
            }),
            run: said.failed.zip(failed),
            words: said.words.zip(failed),
            steps: if known { scored.collect() } else { Vec::new() },
            bands: [band(0), band(1)],
            good: label.success == Some(true) && label.errors.is_empty(),
        }
    }

    /// Steps that are labelled wrong, of a run whose steps count.
    pub fn wrong_steps(&self) -> usize {
        self.steps.iter().filter(|(_, wrong)| *wrong).count()
    }
}

/// The agent of a record: as the label has it, else as the log has it.
pub fn agent_at(case: &Case, record: u32) -> Option<String> {
    let by_label = case.label.agents.get(record as usize).filter(|name| !name.is_empty());
    let by_log = || case.steps.iter().find(|s| s.record == record).map(|s| &s.agent);
    by_label.or_else(by_log).cloned()
}
