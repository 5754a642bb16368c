//! Calls and what comes back of them: a call opens a step, its result closes it.

use std::borrow::Cow;

use jiff::Timestamp;

use super::{Assembler, KEPT_BYTES, Watch, hash_of, kept, passage};
use crate::text::excerpt;
use crate::trace::effect::{Effect, effects_of, mark_undone};
use crate::trace::entity::Brought;
use crate::trace::event::Status;
use crate::trace::identity::{AgentId, RecordRef, StepId};
use crate::trace::observe::{ClosedStep, Disorder, Observation, Passage};
use crate::trace::run::StateWord;
use crate::trace::step::{Action, LABEL_BYTES, Step};
use crate::trace::tool::{Request, ToolKind, outcome_hash};

/// How many calls may be open at once; the texts of the oldest are dropped past it.
const MOST_OPEN: usize = 64;

/// A call that has not been answered.
pub(super) struct Open {
    step: StepId,
    agent: AgentId,
    id: u64,
    kind: ToolKind,
    tool: String,
    request: Request,
    input: Passage,
    intent: Vec<Passage>,
    reasoning: Vec<Passage>,
}
impl Assembler {
    pub(super) fn call(
        &mut self,
        record: RecordRef,
        agent: AgentId,
        (call_id, tool, input): (&str, &str, &str),
        time: Option<Timestamp>,
        watch: &mut Watch<'_>,
    ) {
        let id = if call_id.is_empty() { 0 } else { hash_of(call_id) };
        let kind = ToolKind::of(tool);
        let (request, call_hash) = Request::parse(tool, kind, input);
        let said = self.speaking(agent).map(std::mem::take).unwrap_or_default();
        let step_id = self.next();
        self.run.entities.note(input, Brought::OwnWords, Some(step_id));
        let anchor = if id == 0 { self.anchor_of(agent, call_hash) } else { id };
        let step = Step {
            id: step_id,
            agent,
            action: Action::Call { tool: self.tool(tool), kind },
            record,
            intent: said.words.first().or(said.reasoning.first()).map(|p| p.record),
            outcome: None,
            status: Status::Unknown,
            exit_code: None,
            closed: false,
            began: time,
            ended: None,
            label: excerpt(request.subject(), LABEL_BYTES).into(),
            call_hash,
            outcome_hash: 0,
            anchor,
        };
        self.run.steps.push(step);
        self.state(StateWord::Working, "a call is open", false);
        let open = Open {
            step: step_id,
            agent,
            id,
            kind,
            tool: excerpt(tool, 64),
            request,
            input: passage(record, input),
            intent: said.words,
            reasoning: said.reasoning,
        };
        if id != 0 && self.calls.insert(id, step_id).is_some() {
            let passage = passage(record, call_id);
            let seen = Observation::Disorder {
                agent,
                step: Some(step_id),
                what: Disorder::CallIdReused,
                passage: &passage,
            };
            watch(&seen, &self.run);
        }
        if let Some(step) = self.run.steps.last() {
            watch(&Observation::Called { step: open.view(step, None, &[]) }, &self.run);
        }
        if self.open.len() >= MOST_OPEN {
            self.open.remove(0);
        }
        self.open.push(open);
    }

    fn tool(&mut self, name: &str) -> u16 {
        let name = excerpt(name, 64);
        let found = self.run.tools.iter().position(|tool| *tool == name);
        let index = found.unwrap_or_else(|| {
            if self.run.tools.len() < usize::from(u16::MAX) {
                self.run.tools.push(name);
            }
            self.run.tools.len() - 1
        });
        index as u16
    }

    #[expect(clippy::too_many_arguments, reason = "a result's parts, each of its own type")]
    pub(super) fn result(
        &mut self,
        record: RecordRef,
        agent: AgentId,
        call_id: &str,
        (status, exit_code): (Status, Option<i32>),
        text: Cow<'_, str>,
        time: Option<Timestamp>,
        watch: &mut Watch<'_>,
    ) {
        let place = if call_id.is_empty() {
            self.open.iter().rposition(|open| open.agent == agent)
        } else {
            let id = hash_of(call_id);
            self.open.iter().position(|open| open.id == id)
        };
        let Some(open) = place.map(|place| self.open.remove(place)) else {
            let step = self.calls.get(&hash_of(call_id)).copied();
            let what = if step.is_some() { Disorder::SecondResult } else { Disorder::ResultWithoutCall };
            let outcome = passage(record, &text);
            watch(&Observation::Disorder { agent, step, what, passage: &outcome }, &self.run);
            return;
        };
        let status = settled(status, exit_code, open.request.background);
        // What another agent reports is its word, not an observation.
        let brought = if open.kind == ToolKind::Agent { Brought::Prompt } else { Brought::Outcome };
        self.mentions.clear();
        self.run.entities.note_each(&text, brought, Some(open.step), |mention| self.mentions.push(mention));
        let text = if text.len() <= KEPT_BYTES { text.into_owned() } else { kept(&text) };
        let outcome = Passage { record, text };
        if status == Status::Ok && matches!(open.kind, ToolKind::Write | ToolKind::Edit) {
            for path in &open.request.paths {
                self.run.entities.note(path, Brought::OwnWrite, Some(open.step));
            }
        }
        if open.kind == ToolKind::Shell {
            mark_undone(&mut self.run.effects, &open.request, status);
        }
        let first_effect = self.run.effects.len();
        self.run.effects.extend(effects_of(open.step, &open.tool, open.kind, &open.request, status));
        if let Some(step) = self.run.steps.get_mut(open.step.index()) {
            step.status = status;
            step.exit_code = exit_code;
            step.outcome = Some(record);
            step.outcome_hash = outcome_hash(&outcome.text);
            step.ended = time;
            step.closed = true;
        }
        self.state(StateWord::Working, "a call has come back", false);
        if let Some(step) = self.run.steps.get(open.step.index()) {
            let effects = self.run.effects.get(first_effect..).unwrap_or_default();
            let closed = ClosedStep { mentions: &self.mentions, ..open.view(step, Some(&outcome), effects) };
            watch(&Observation::Step(closed), &self.run);
        }
    }

    pub(super) fn replace_input(&mut self, id: u64, input: &str) {
        let Some(open) = self.open.iter_mut().find(|open| open.id == id) else {
            return;
        };
        let (request, call_hash) = Request::parse(&open.tool, open.kind, input);
        open.request = request;
        open.input.text = kept(input);
        if let Some(step) = self.run.steps.get_mut(open.step.index()) {
            step.label = excerpt(open.request.subject(), LABEL_BYTES).into();
            step.call_hash = call_hash;
        }
    }
}

impl Open {
    fn view<'a>(
        &'a self,
        step: &'a Step,
        outcome: Option<&'a Passage>,
        effects: &'a [Effect],
    ) -> ClosedStep<'a> {
        ClosedStep {
            step,
            intent: &self.intent,
            reasoning: &self.reasoning,
            tool: &self.tool,
            request: Some(&self.request),
            input: &self.input,
            outcome,
            message: None,
            effects,
            mentions: &[],
        }
    }
}

/// The status that an exit code and the background settle. Unknown never becomes ok by itself.
fn settled(status: Status, exit_code: Option<i32>, background: bool) -> Status {
    match (status, exit_code) {
        (Status::Ok | Status::Unknown, Some(code)) if code != 0 => Status::Error,
        (Status::Ok | Status::Unknown, _) if background => Status::Unknown,
        (Status::Unknown, Some(_)) => Status::Ok,
        (status, _) => status,
    }
}
