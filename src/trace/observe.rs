//! What the assembler hands to the rules: a step when it has closed, with its texts, and everything
//! else that happened, in the order of the log. The texts live only as long as the call.

use super::effect::Effect;
use super::entity::Mention;
use super::event::{Author, Lifecycle, PlanItem};
use super::identity::{AgentId, RecordRef, StepId};
use super::step::Step;
use super::tool::Request;

/// A stretch of text with the record that it stands in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Passage {
    /// The record.
    pub record: RecordRef,
    /// The text; a very long one lacks its middle (see [`super::assemble::KEPT_BYTES`]).
    pub text: String,
}

/// A step that has closed, with its texts.
#[derive(Debug)]
pub struct ClosedStep<'a> {
    /// The step.
    pub step: &'a Step,
    /// The agent's words that led to it.
    pub intent: &'a [Passage],
    /// What the model said that it thought. For internal rules only.
    pub reasoning: &'a [Passage],
    /// The tool's name, empty for a message.
    pub tool: &'a str,
    /// The call's arguments, taken apart; `None` for a message.
    pub request: Option<&'a Request>,
    /// The call's arguments as text (JSON mostly); empty for a message.
    pub input: &'a Passage,
    /// What came back; `None` for a message and for a call that was never answered.
    pub outcome: Option<&'a Passage>,
    /// The message; `None` for a call.
    pub message: Option<&'a Passage>,
    /// What the step changed outside the agent.
    pub effects: &'a [Effect],
    /// The entities of what came back, in its order, so that nobody need look for them again; of the
    /// whole text, even where only a part of it is kept.
    pub mentions: &'a [Mention],
}

impl ClosedStep<'_> {
    /// The agent's own words of this step: the message, or the words that led to the call.
    pub fn words(&self) -> impl Iterator<Item = &Passage> {
        self.intent.iter().chain(self.message)
    }
}

/// One thing that happened in a run, in the order of its log.
#[derive(Debug)]
pub enum Observation<'a> {
    /// The agent's instructions.
    System {
        /// The text.
        passage: &'a Passage,
    },
    /// Words put to an agent.
    Prompt {
        /// To whom.
        agent: AgentId,
        /// By whom.
        author: Author,
        /// The words.
        passage: &'a Passage,
    },
    /// A call has been made; its outcome is not known yet. The step is open.
    Called {
        /// The open step, with its texts so far.
        step: ClosedStep<'a>,
    },
    /// A step has closed.
    Step(ClosedStep<'a>),
    /// The agent's plan as it now stands.
    Plan {
        /// Whose.
        agent: AgentId,
        /// Where.
        record: RecordRef,
        /// Its items.
        items: &'a [PlanItem<'a>],
    },
    /// Work was handed from one agent to another.
    Handoff {
        /// By.
        from: AgentId,
        /// To.
        to: AgentId,
        /// The step that handed it over, if a call did.
        step: Option<StepId>,
        /// The task.
        passage: &'a Passage,
    },
    /// Another agent's answer came back.
    Return {
        /// From.
        from: AgentId,
        /// To.
        to: AgentId,
        /// The step that had handed the work over.
        step: Option<StepId>,
        /// The answer.
        passage: &'a Passage,
    },
    /// Tools were declared: name and JSON schema text (empty: none).
    Tools {
        /// Name and schema.
        tools: &'a [(std::borrow::Cow<'a, str>, std::borrow::Cow<'a, str>)],
    },
    /// An operator's text reached the agent.
    Receipt {
        /// Whom.
        agent: AgentId,
        /// The text.
        passage: &'a Passage,
    },
    /// A start, an end, a disturbance.
    Lifecycle {
        /// Which agent.
        agent: AgentId,
        /// Which.
        what: Lifecycle,
        /// Where and what the log says of it.
        passage: &'a Passage,
    },
    /// The log broke a rule of its own: a result without a call, an id used twice, time going back.
    Disorder {
        /// Which agent.
        agent: AgentId,
        /// The step it belongs to, where one can be named.
        step: Option<StepId>,
        /// What is out of order.
        what: Disorder,
        /// Where.
        passage: &'a Passage,
    },
    /// The log ends here, for now. Open steps stay open; a rule may say what it would say at the end.
    End,
}

/// What is out of order in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disorder {
    /// A result whose call is nowhere.
    ResultWithoutCall,
    /// A second result for a call.
    SecondResult,
    /// A call id that was used before.
    CallIdReused,
    /// A time before the one of the record above it.
    TimeWentBack,
}
