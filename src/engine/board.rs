//! The board: the materialised view of all runs. Whoever owns it applies updates and draws from it;
//! nobody else writes to it and nothing in it is locked.

use std::collections::HashMap;
use std::path::PathBuf;

use jiff::Timestamp;

use super::desk::RunNews;
use crate::detect::Finding;
use crate::score::{Judgement, RunJudgement};
use crate::trace::{Agent, Effect, PlanLine, RunId, RunState, StateWord, Step, Usage};

/// Something that happened, for the owner of the board.
#[derive(Clone, Debug)]
pub enum Update {
    /// A run was found, or more of it was read.
    Run(Box<RunDelta>),
    /// A run's files are all gone.
    Gone {
        /// The run.
        run: RunId,
        /// When that was noticed, and why, one clause.
        reason: String,
    },
    /// What hooks have said of a run: whether it can be reached, and whether one holds it.
    Reached {
        /// The run.
        run: RunId,
        /// Whether and how it can be reached.
        reached: Reached,
    },
    /// Everything is shown anew: a replay has gone back.
    Anew,
    /// A file that no format claims, a directory that cannot be read and the like: one sentence.
    Problem(String),
    /// Everything that was there at the start has been read.
    CaughtUp,
}

/// More of a run.
#[derive(Clone, Debug)]
pub struct RunDelta {
    /// The run.
    pub run: RunId,
    /// Steps before this position are as they were.
    pub from: usize,
    /// The steps from there on.
    pub steps: Vec<StepView>,
    /// Findings before this position are as they were.
    pub findings_from: usize,
    /// The findings from there on, in the order in which they were made.
    pub findings: Vec<Finding>,
    /// What the desk must know of it.
    pub news: RunNews,
    /// All else.
    pub summary: RunSummary,
}

/// A step with what is said of it.
#[derive(Clone, Debug, PartialEq)]
pub struct StepView {
    /// The step.
    pub step: Step,
    /// What is said of it.
    pub judged: Judgement,
}

/// What is known of a run besides its steps and findings.
#[derive(Clone, Debug)]
pub struct RunSummary {
    /// The log format's name.
    pub format: &'static str,
    /// Title; through the gate.
    pub title: String,
    /// The model that answered last; through the gate.
    pub model: String,
    /// The working directory; through the gate.
    pub working_directory: String,
    /// State and reason.
    pub state: RunState,
    /// Agents; names through the gate.
    pub agents: Vec<Agent>,
    /// Tool names; through the gate.
    pub tools: Vec<String>,
    /// Plan.
    pub plan: Vec<PlanLine>,
    /// Effects.
    pub effects: Vec<Effect>,
    /// Tokens and money.
    pub usage: Usage,
    /// Records read.
    pub records: u32,
    /// Kinds of what was not understood, with counts; through the gate.
    pub unknown: Vec<(String, u32)>,
    /// First time in the log.
    pub began: Option<Timestamp>,
    /// Latest time in the log.
    pub last: Option<Timestamp>,
    /// Its files.
    pub sources: Vec<SourceView>,
    /// What is said of it.
    pub judged: RunJudgement,
    /// The name of the model that judged it.
    pub judged_by: String,
    /// Whether it can be reached.
    pub reach: Reach,
    /// Whether it was assessed: a run that is only listed has no steps yet.
    pub assessed: bool,
}

/// A file of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceView {
    /// Where it is.
    pub path: PathBuf,
    /// Bytes read.
    pub read: u64,
    /// Bytes there.
    pub size: u64,
    /// How it is.
    pub state: SourceState,
}

/// How a source is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceState {
    /// Read to its end and followed.
    Following,
    /// Being read.
    Reading,
    /// Read once; not followed.
    Closed,
    /// Gone, or unreadable: one clause.
    Lost(String),
}

/// Whether and how a run can be reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// Nothing can be sent to it.
    #[default]
    Observed,
    /// An approved text reaches it: at its next hook event or poll, or through its server.
    Correctable,
    /// Its calls or the end of its turn can wait for a decision.
    Gated,
}

impl Reach {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Observed => "observed",
            Self::Correctable => "correctable",
            Self::Gated => "gated",
        }
    }
}

/// Whether, how and through what a run can be reached now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// Whether and how.
    pub reach: Reach,
    /// The channel's name in the ledger; empty: none.
    pub via: String,
    /// Whether it is held for the operator at this moment.
    pub held: bool,
}

/// A run as the board shows it.
#[derive(Clone, Debug)]
pub struct RunView {
    /// Its name.
    pub id: RunId,
    /// Its steps.
    pub steps: Vec<StepView>,
    /// Its findings, in the order in which they were made.
    pub findings: Vec<Finding>,
    /// All else.
    pub summary: RunSummary,
    /// Its state as the log has it: `summary.state` also knows of hooks.
    pub logged: RunState,
    /// Set when its files are gone: when and why.
    pub gone: Option<String>,
    /// The channel through which it can be reached; empty: none is known.
    pub via: String,
}

impl RunView {
    fn set_reached(&mut self, reached: &Reached) {
        self.summary.reach = reached.reach;
        self.via.clone_from(&reached.via);
        self.summary.state = if reached.held {
            RunState { word: StateWord::Held, reason: "it is held for the operator".to_owned(), sure: true }
        } else {
            self.logged.clone()
        };
    }
}

/// The materialised view of all runs.
#[derive(Debug, Default)]
pub struct Board {
    runs: Vec<RunView>,
    by_id: HashMap<RunId, usize>,
    /// What hooks have said, for runs that are found later too.
    reached: HashMap<RunId, Reached>,
    /// Problems that concern no run, the latest last.
    pub problems: Vec<String>,
    /// Whether everything that was there at the start has been read.
    pub caught_up: bool,
    /// Counts applied updates: a drawing is current when it was made at this number.
    pub version: u64,
}

impl Board {
    /// Applies one update.
    pub fn apply(&mut self, update: Update) {
        self.version += 1;
        match update {
            Update::Run(delta) => self.apply_run(*delta),
            Update::Gone { run, reason } => {
                if let Some(view) = self.by_id.get(&run).and_then(|i| self.runs.get_mut(*i)) {
                    view.gone = Some(reason);
                }
            }
            Update::Reached { run, reached } => {
                if let Some(view) = self.by_id.get(&run).and_then(|i| self.runs.get_mut(*i)) {
                    view.set_reached(&reached);
                }
                self.reached.insert(run, reached);
            }
            Update::Anew => {
                self.runs.clear();
                self.by_id.clear();
            }
            Update::Problem(sentence) => self.problems.push(sentence),
            Update::CaughtUp => self.caught_up = true,
        }
    }

    fn apply_run(&mut self, delta: RunDelta) {
        let reached = self.reached.get(&delta.run);
        let logged = delta.summary.state.clone();
        if let Some(view) = self.by_id.get(&delta.run).and_then(|i| self.runs.get_mut(*i)) {
            view.steps.truncate(delta.from);
            view.steps.extend(delta.steps);
            view.findings.truncate(delta.findings_from);
            view.findings.extend(delta.findings);
            view.summary = delta.summary;
            view.logged = logged;
            view.gone = None;
            if let Some(reached) = reached {
                view.set_reached(reached);
            }
            return;
        }
        self.by_id.insert(delta.run.clone(), self.runs.len());
        let mut view = RunView {
            id: delta.run,
            steps: delta.steps,
            findings: delta.findings,
            summary: delta.summary,
            logged,
            gone: None,
            via: String::new(),
        };
        if let Some(reached) = reached {
            view.set_reached(reached);
        }
        self.runs.push(view);
    }

    /// All runs, in the order in which they were found.
    pub fn runs(&self) -> &[RunView] {
        &self.runs
    }

    /// One run.
    pub fn run(&self, id: &RunId) -> Option<&RunView> {
        self.by_id.get(id).and_then(|i| self.runs.get(*i))
    }
}
