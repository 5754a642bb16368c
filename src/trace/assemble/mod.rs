//! Assembling steps from events.
//!
//! A step opens with its action: a call, or a message that ends a turn. The words and the reasoning
//! before it are its intent; the call's result closes it. Whoever watches is told of each in the
//! order of the log, with the texts at hand; afterwards the texts are gone.

mod calls;

use calls::Open;
use jiff::Timestamp;
use rustc_hash::FxHashMap;

use super::entity::{Brought, Mention, hash_lower};
use super::event::{Author, Closing, Event, EventKind, FactOf, Lifecycle, PlanItem, Status, Usage};
use super::identity::{AgentId, RecordRef, RunId, StepId};
use super::observe::{ClosedStep, Disorder, Observation, Passage};
use super::run::{Agent, PlanLine, Run, StateWord};
use super::step::{Action, LABEL_BYTES, Step};
use crate::text::{clip, clip_front, excerpt};

/// How much of one text is kept while its step is open, in bytes: the first and the last half of it.
pub const KEPT_BYTES: usize = 256 * 1024;

const TITLE_BYTES: usize = 120;
const PLAN_BYTES: usize = 160;

/// Told of everything that happens, with the run so far.
pub type Watch<'w> = dyn FnMut(&Observation<'_>, &Run) + 'w;

/// Turns events, in the order of their records, into a run, and tells a watcher what happened.
pub struct Assembler {
    run: Run,
    speaking: Vec<Speaking>,
    open: Vec<Open>,
    /// Every call id that was seen, with its step.
    calls: FxHashMap<u64, StepId>,
    /// The latest time of each source, to notice times that go back.
    latest: FxHashMap<u16, Timestamp>,
    titled: bool,
    /// How often each agent said or called the same without an id.
    said: FxHashMap<u64, u32>,
    /// The entities of the outcome at hand.
    mentions: Vec<Mention>,
}

/// What an agent has said since its last step.
#[derive(Default)]
struct Speaking {
    words: Vec<Passage>,
    reasoning: Vec<Passage>,
    since: Option<Timestamp>,
}

impl Assembler {
    /// An assembler that has read nothing.
    pub fn new(id: RunId) -> Self {
        Self {
            run: Run::new(id),
            speaking: Vec::new(),
            open: Vec::new(),
            calls: FxHashMap::default(),
            latest: FxHashMap::default(),
            titled: false,
            said: FxHashMap::default(),
            mentions: Vec::new(),
        }
    }

    /// The run so far.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// Makes an agent known before it acts, e.g. a sub-agent by its file.
    pub fn introduce(&mut self, name: &str, parent: Option<&str>) -> AgentId {
        let parent = parent.map(|parent| self.agent(parent));
        let id = self.agent(name);
        if let Some(agent) = self.run.agents.get_mut(usize::from(id.0))
            && agent.parent.is_none()
            && parent != Some(id)
        {
            agent.parent = parent;
        }
        id
    }

    /// Counts a record. Call it once for each, before its events.
    pub fn begin_record(&mut self) {
        self.run.records += 1;
    }

    /// Takes one event in. `agent` is the agent of the source for events that name none.
    pub fn take(&mut self, record: RecordRef, agent: &str, event: Event<'_>, watch: &mut Watch<'_>) {
        let agent = self.agent(event.agent.as_deref().unwrap_or(agent));
        if let Some(time) = event.time {
            self.keep_time(record, agent, time, watch);
        }
        match event.kind {
            EventKind::System { text } => {
                self.run.entities.note(&text, Brought::Prompt, self.next_or_none());
                watch(&Observation::System { passage: &passage(record, &text) }, &self.run);
            }
            EventKind::Prompt { text, author } => self.prompt(record, agent, &text, author, watch),
            EventKind::Reasoning { text } => {
                if let Some(speaking) = self.speaking(agent) {
                    speaking.reasoning.push(passage(record, &text));
                    speaking.since = speaking.since.or(event.time);
                }
            }
            EventKind::Message { text, closing } => {
                self.message(record, agent, &text, closing, event.time, watch)
            }
            EventKind::Call { call_id, tool, input } => {
                self.call(record, agent, (&call_id, &tool, &input), event.time, watch);
            }
            EventKind::Result { call_id, status, exit_code, text } => {
                self.result(record, agent, &call_id, (status, exit_code), text, event.time, watch);
            }
            EventKind::InputReplaced { call_id, input } => self.replace_input(hash_of(&call_id), &input),
            EventKind::Plan { items } => self.plan(record, agent, &items, watch),
            EventKind::Handoff { to, call_id, text } => {
                let to = self.introduce_from(agent, &to);
                let step = self.calls.get(&hash_of(&call_id)).copied();
                let passage = passage(record, &text);
                watch(&Observation::Handoff { from: agent, to, step, passage: &passage }, &self.run);
            }
            EventKind::Return { from, call_id, text } => {
                let from = self.introduce_from(agent, &from);
                self.run.entities.note(&text, Brought::Prompt, self.next_or_none());
                let step = self.calls.get(&hash_of(&call_id)).copied();
                let passage = passage(record, &text);
                watch(&Observation::Return { from, to: agent, step, passage: &passage }, &self.run);
            }
            EventKind::Usage(usage) => self.usage(usage),
            EventKind::Fact { of, text } => self.fact(of, &text),
            EventKind::Tools { tools } => watch(&Observation::Tools { tools: &tools }, &self.run),
            EventKind::Lifecycle { what, text } => self.lifecycle(record, agent, what, &text, watch),
            EventKind::Receipt { text } => {
                // What an operator answers to has been said.
                self.close_words(agent, watch);
                self.run.entities.note(&text, Brought::Prompt, self.next_or_none());
                let passage = passage(record, &text);
                watch(&Observation::Receipt { agent, passage: &passage }, &self.run);
            }
            EventKind::Ignored => {}
            EventKind::Unknown { kind } => self.unknown(&kind),
        }
    }

    /// Nothing more will come: words that waited for what follows them become messages.
    pub fn finish(&mut self, watch: &mut Watch<'_>) {
        for agent in 0..self.speaking.len() {
            self.close_words(AgentId(agent as u16), watch);
        }
    }

    fn agent(&mut self, name: &str) -> AgentId {
        let found = self.run.agents.iter().position(|agent| agent.name == name);
        let index = found.unwrap_or_else(|| {
            // A log cannot make more agents than their ids can count: the rest share the last one.
            if self.run.agents.len() < usize::from(u16::MAX) {
                self.run.agents.push(Agent { name: excerpt(name, 64), parent: None });
                self.speaking.push(Speaking::default());
            }
            self.run.agents.len() - 1
        });
        AgentId(index as u16)
    }

    fn introduce_from(&mut self, parent: AgentId, name: &str) -> AgentId {
        let parent = self.run.agent_name(parent).to_owned();
        self.introduce(name, Some(&parent))
    }

    fn speaking(&mut self, agent: AgentId) -> Option<&mut Speaking> {
        self.speaking.get_mut(usize::from(agent.0))
    }

    /// The step that will begin next; `None` before the first.
    fn next_or_none(&self) -> Option<StepId> {
        (!self.run.steps.is_empty()).then(|| self.next())
    }

    fn next(&self) -> StepId {
        StepId(self.run.steps.len() as u32)
    }

    fn keep_time(&mut self, record: RecordRef, agent: AgentId, time: Timestamp, watch: &mut Watch<'_>) {
        let run = &mut self.run;
        run.began = Some(run.began.map_or(time, |t| t.min(time)));
        run.last = Some(run.last.map_or(time, |t| t.max(time)));
        let latest = self.latest.entry(record.source).or_insert(time);
        // Writers flush in batches: within a second, order says nothing.
        if time.as_millisecond() + 1000 < latest.as_millisecond() {
            let text = format!("{time} after {latest}");
            *latest = time;
            let passage = Passage { record, text };
            let seen =
                Observation::Disorder { agent, step: None, what: Disorder::TimeWentBack, passage: &passage };
            watch(&seen, &self.run);
        } else {
            *latest = time.max(*latest);
        }
    }

    fn state(&mut self, word: StateWord, reason: &str, sure: bool) {
        self.run.state.word = word;
        self.run.state.sure = sure;
        if self.run.state.reason != reason {
            reason.clone_into(&mut self.run.state.reason);
        }
    }

    fn prompt(
        &mut self,
        record: RecordRef,
        agent: AgentId,
        text: &str,
        author: Author,
        watch: &mut Watch<'_>,
    ) {
        if author == Author::Person {
            self.close_words(agent, watch);
            if !self.titled && !text.trim().is_empty() {
                self.titled = true;
                self.run.title = excerpt(text, TITLE_BYTES);
            }
            self.state(StateWord::Working, "its user has spoken", false);
        }
        self.run.entities.note(text, Brought::Prompt, self.next_or_none());
        let passage = passage(record, text);
        watch(&Observation::Prompt { agent, author, passage: &passage }, &self.run);
    }

    fn message(
        &mut self,
        record: RecordRef,
        agent: AgentId,
        text: &str,
        closing: Closing,
        time: Option<Timestamp>,
        watch: &mut Watch<'_>,
    ) {
        if text.trim().is_empty() {
            return;
        }
        self.run.entities.note(text, Brought::OwnWords, Some(self.next()));
        if let Some(speaking) = self.speaking(agent) {
            speaking.words.push(passage(record, text));
            speaking.since = speaking.since.or(time);
        }
        if closing == Closing::Yes {
            self.close_words(agent, watch);
        } else {
            self.state(StateWord::Working, "it has spoken and not ended its turn", false);
        }
    }

    /// A name for what was said or called without an id, that a lagging log cannot shift.
    fn anchor_of(&mut self, agent: AgentId, hash: u64) -> u64 {
        let hash = hash ^ u64::from(agent.0).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let count = self.said.entry(hash).or_default();
        *count += 1;
        hash.wrapping_add(u64::from(*count))
    }

    /// Makes the agent's latest words a message step.
    fn close_words(&mut self, agent: AgentId, watch: &mut Watch<'_>) {
        let Some(speaking) = self.speaking(agent) else {
            return;
        };
        let mut said = std::mem::take(speaking);
        let Some(message) = said.words.pop() else {
            // Thoughts alone are no step; they wait for one.
            speaking.reasoning = said.reasoning;
            return;
        };
        let step = Step {
            id: self.next(),
            agent,
            action: Action::Message,
            record: message.record,
            intent: said.words.first().or(said.reasoning.first()).map(|p| p.record),
            outcome: None,
            status: Status::Ok,
            exit_code: None,
            closed: true,
            began: said.since,
            ended: said.since,
            label: excerpt(&message.text, LABEL_BYTES).into(),
            call_hash: 0,
            outcome_hash: 0,
            anchor: self.anchor_of(agent, hash_lower(&message.text)),
        };
        self.run.steps.push(step);
        if agent == AgentId(0) {
            self.state(StateWord::Waiting, "it has ended its turn", false);
        }
        if let Some(step) = self.run.steps.last() {
            let closed = ClosedStep {
                step,
                intent: &said.words,
                reasoning: &said.reasoning,
                tool: "",
                request: None,
                input: &Passage::default(),
                outcome: None,
                message: Some(&message),
                effects: &[],
                mentions: &[],
            };
            watch(&Observation::Step(closed), &self.run);
        }
    }

    fn plan(&mut self, record: RecordRef, agent: AgentId, items: &[PlanItem<'_>], watch: &mut Watch<'_>) {
        self.run.plan = items
            .iter()
            .map(|item| PlanLine { text: excerpt(&item.text, PLAN_BYTES), status: item.status, record })
            .collect();
        watch(&Observation::Plan { agent, record, items }, &self.run);
    }

    fn usage(&mut self, usage: Usage) {
        let total = &mut self.run.usage;
        if usage.cumulative {
            total.input = total.input.max(usage.input);
            total.cached = total.cached.max(usage.cached);
            total.output = total.output.max(usage.output);
            total.cost_usd = usage.cost_usd.or(total.cost_usd);
        } else {
            total.input = total.input.saturating_add(usage.input);
            total.cached = total.cached.saturating_add(usage.cached);
            total.output = total.output.saturating_add(usage.output);
            if let Some(cost) = usage.cost_usd {
                total.cost_usd = Some(total.cost_usd.unwrap_or(0.0) + cost);
            }
        }
    }

    fn fact(&mut self, of: FactOf, text: &str) {
        let text = excerpt(text, TITLE_BYTES);
        match of {
            FactOf::Title if !text.is_empty() => {
                self.titled = true;
                self.run.title = text;
            }
            FactOf::Model => self.run.model = text,
            FactOf::WorkingDirectory => self.run.working_directory = text,
            FactOf::Title | FactOf::Version => {}
        }
    }

    fn lifecycle(
        &mut self,
        record: RecordRef,
        agent: AgentId,
        what: Lifecycle,
        text: &str,
        watch: &mut Watch<'_>,
    ) {
        if matches!(
            what,
            Lifecycle::TurnEnd
                | Lifecycle::End
                | Lifecycle::Error
                | Lifecycle::Limit
                | Lifecycle::Interrupted
        ) {
            self.close_words(agent, watch);
        }
        if agent == AgentId(0) {
            match what {
                Lifecycle::Start | Lifecycle::TurnStart => {
                    self.state(StateWord::Working, "a turn has begun", true)
                }
                Lifecycle::TurnEnd => self.state(StateWord::Waiting, "its turn has ended", true),
                Lifecycle::End => self.state(StateWord::Done, "the log says that it ended", true),
                Lifecycle::Error => self.state(StateWord::Failed, "the log ends with an error", true),
                Lifecycle::Limit => self.state(StateWord::Failed, "it met a limit", true),
                Lifecycle::Interrupted => self.state(StateWord::Waiting, "its user broke the turn off", true),
                Lifecycle::Waiting => {
                    self.state(StateWord::Waiting, "it asks for a permission or an answer", true)
                }
                Lifecycle::Compaction => {}
            }
        }
        let passage = passage(record, text);
        watch(&Observation::Lifecycle { agent, what, passage: &passage }, &self.run);
    }

    fn unknown(&mut self, kind: &str) {
        let kind = excerpt(kind, 64);
        let unknown = &mut self.run.unknown;
        // A hostile log cannot make this list long: past a hundred kinds the last one takes the rest.
        let place = unknown
            .iter()
            .position(|(known, _)| *known == kind)
            .or_else(|| unknown.len().checked_sub(1).filter(|last| *last >= 99));
        match place.and_then(|place| unknown.get_mut(place)) {
            Some((_, count)) => *count += 1,
            None => unknown.push((kind, 1)),
        }
    }
}

fn hash_of(call_id: &str) -> u64 {
    hash_lower(call_id)
}

fn passage(record: RecordRef, text: &str) -> Passage {
    Passage { record, text: kept(text) }
}

fn kept(text: &str) -> String {
    if text.len() <= KEPT_BYTES {
        return text.to_owned();
    }
    format!("{}\n…\n{}", clip(text, KEPT_BYTES / 2), clip_front(text, KEPT_BYTES / 2))
}

#[cfg(test)]
mod tests;
