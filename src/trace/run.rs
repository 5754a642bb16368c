//! A run: one agent session with its sub-agents, as far as its log has been read.

use jiff::Timestamp;
use serde::Serialize;

use super::effect::Effect;
use super::entity::Entities;
use super::event::{PlanStatus, Usage};
use super::identity::{AgentId, RecordRef, RunId, StepId};
use super::step::Step;

/// A run as far as it has been read. Owned by the assembler; everybody else reads it.
#[derive(Debug)]
pub struct Run {
    /// Its name.
    pub id: RunId,
    /// The first words of its user, or the title that the log gives it; cleaned and redacted.
    pub title: String,
    /// The model that answered last.
    pub model: String,
    /// The working directory.
    pub working_directory: String,
    /// Its agents, in the order in which they appeared; the first is the main one.
    pub agents: Vec<Agent>,
    /// Names of the tools that were called, in the order of first use.
    pub tools: Vec<String>,
    /// Its steps, in the order in which they began.
    pub steps: Vec<Step>,
    /// What it changed outside.
    pub effects: Vec<Effect>,
    /// Paths, ids, numbers and the like, with the place that first brought them.
    pub entities: Entities,
    /// The agent's plan as it now stands.
    pub plan: Vec<PlanLine>,
    /// Tokens and money so far.
    pub usage: Usage,
    /// State, with its reason.
    pub state: RunState,
    /// How many records were read, and how many of them, or of their parts, were not understood, by kind.
    pub records: u32,
    /// Kinds of what was not understood, with their counts.
    pub unknown: Vec<(String, u32)>,
    /// First and last time in the log.
    pub began: Option<Timestamp>,
    /// The latest time in the log.
    pub last: Option<Timestamp>,
}

impl Run {
    /// A run of which nothing has been read.
    pub fn new(id: RunId) -> Self {
        Self {
            id,
            title: String::new(),
            model: String::new(),
            working_directory: String::new(),
            agents: Vec::new(),
            tools: Vec::new(),
            steps: Vec::new(),
            effects: Vec::new(),
            entities: Entities::default(),
            plan: Vec::new(),
            usage: Usage::default(),
            state: RunState { word: StateWord::Unknown, reason: String::new(), sure: false },
            records: 0,
            unknown: Vec::new(),
            began: None,
            last: None,
        }
    }

    /// The name of an agent, empty for one that is not there.
    pub fn agent_name(&self, agent: AgentId) -> &str {
        self.agents.get(usize::from(agent.0)).map_or("", |a| a.name.as_str())
    }

    /// The name of a tool by its position in `tools`.
    pub fn tool_name(&self, tool: u16) -> &str {
        self.tools.get(usize::from(tool)).map_or("", String::as_str)
    }

    /// A step by its id.
    pub fn step(&self, id: StepId) -> Option<&Step> {
        self.steps.get(id.index())
    }

    /// How many records, or parts of records, were not understood.
    pub fn unknown_records(&self) -> u32 {
        self.unknown.iter().map(|(_, count)| count).sum()
    }
}

/// An actor in a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Agent {
    /// Its name.
    pub name: String,
    /// The agent that started it.
    pub parent: Option<AgentId>,
}

/// A line of the plan, kept as a short text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanLine {
    /// What is to be done; cleaned, at most 160 bytes.
    pub text: String,
    /// How far it is said to be.
    pub status: PlanStatus,
    /// Where that was last said.
    pub record: RecordRef,
}

/// The state of a run and why it is thought to be so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunState {
    /// The word.
    pub word: StateWord,
    /// The reason, one clause.
    pub reason: String,
    /// Whether the log or a hook says so; otherwise it is inferred, and the console says that.
    pub sure: bool,
}

/// What a run is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StateWord {
    /// Under way.
    Working,
    /// Its turn has ended; it waits for its user, or for a permission.
    Waiting,
    /// A hook holds it for the operator.
    Held,
    /// It repeats itself or waits for something that does not come.
    Stuck,
    /// It ended by itself.
    Done,
    /// It ended with an error or at a limit.
    Failed,
    /// Nothing can be said.
    Unknown,
}

impl StateWord {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Working => "working",
            Self::Waiting => "waiting",
            Self::Held => "held",
            Self::Stuck => "stuck",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }
}
