//! A small stage for tests of rules: plays a run, event by event, through the real assembler before
//! some families, and keeps what they find.

use crate::trace::{
    AgentId, Assembler, Author, Closing, Disorder, Event, EventKind, Lifecycle, Observation, Passage,
    PlanItem, PlanStatus, RecordRef, Run, RunId, Status, StepId,
};

use super::{Family, Finding};

/// A run under way before some families.
pub(crate) struct Scene {
    assembler: Assembler,
    families: Vec<Box<dyn Family>>,
    found: Vec<Finding>,
    index: u32,
    actor: String,
    exit_code: Option<i32>,
    calls: u32,
    time: Option<jiff::Timestamp>,
}

impl Scene {
    /// A scene before one family.
    pub(crate) fn of(family: impl Family + 'static) -> Self {
        Self::with(vec![Box::new(family)])
    }

    /// A scene before several families.
    pub(crate) fn with(families: Vec<Box<dyn Family>>) -> Self {
        let mut assembler = Assembler::new(RunId::new("scene"));
        assembler.introduce("main", None);
        Self {
            assembler,
            families,
            found: Vec::new(),
            index: 0,
            actor: "main".to_owned(),
            exit_code: None,
            calls: 0,
            time: None,
        }
    }

    /// The run so far.
    pub(crate) fn run(&self) -> &Run {
        self.assembler.run()
    }

    /// Who acts from now on; a name that is not "main" is a sub-agent of main.
    pub(crate) fn acts(&mut self, agent: &str) {
        let parent = (agent != "main").then_some("main");
        self.assembler.introduce(agent, parent);
        agent.clone_into(&mut self.actor);
    }

    /// Who acts from now on, as one of several agents of whom none is above another.
    pub(crate) fn joins(&mut self, agent: &str) {
        self.assembler.introduce(agent, None);
        agent.clone_into(&mut self.actor);
    }

    /// What happens from now on happens so many seconds after the beginning.
    pub(crate) fn at(&mut self, second: i64) -> &mut Self {
        self.time = jiff::Timestamp::from_second(1_760_000_000 + second).ok();
        self
    }

    fn record(&mut self) -> RecordRef {
        let index = self.index;
        self.index += 1;
        RecordRef { offset: u64::from(index) * 100, length: 99, index, source: 0 }
    }

    /// Plays one event.
    pub(crate) fn play(&mut self, kind: EventKind<'_>) {
        let record = self.record();
        let Self { assembler, families, found, actor, time, .. } = self;
        let time = *time;
        assembler.begin_record();
        assembler.take(record, actor, Event { agent: None, time, kind }, &mut |seen, run| {
            for family in families.iter_mut() {
                family.observe(seen, run, found);
            }
        });
    }

    fn tell(&mut self, seen: &Observation<'_>) {
        for family in &mut self.families {
            family.observe(seen, self.assembler.run(), &mut self.found);
        }
    }

    fn latest(&self) -> StepId {
        StepId(u32::try_from(self.run().steps.len()).unwrap() - 1)
    }

    pub(crate) fn system(&mut self, text: &str) {
        self.play(EventKind::System { text: text.into() });
    }

    pub(crate) fn prompt(&mut self, text: &str) {
        self.play(EventKind::Prompt { text: text.into(), author: Author::Person });
    }

    /// Words that lead to the next step.
    pub(crate) fn intends(&mut self, text: &str) {
        self.play(EventKind::Message { text: text.into(), closing: Closing::No });
    }

    /// A thought that leads to the next step.
    pub(crate) fn thinks(&mut self, text: &str) {
        self.play(EventKind::Reasoning { text: text.into() });
    }

    /// The exit code of the next call.
    pub(crate) fn exit(&mut self, code: i32) -> &mut Self {
        self.exit_code = Some(code);
        self
    }

    /// A call with its outcome.
    pub(crate) fn call(
        &mut self,
        tool: &str,
        input: &serde_json::Value,
        status: Status,
        text: &str,
    ) -> StepId {
        let step = self.open(tool, input);
        self.close(step, status, text)
    }

    /// A call without its outcome.
    pub(crate) fn open(&mut self, tool: &str, input: &serde_json::Value) -> StepId {
        let input = input.to_string();
        let call_id = format!("call-{}", self.run().steps.len());
        self.calls += 1;
        self.play(EventKind::Call { call_id: call_id.into(), tool: tool.into(), input: input.into() });
        self.latest()
    }

    /// The outcome of an open call.
    pub(crate) fn close(&mut self, step: StepId, status: Status, text: &str) -> StepId {
        let exit_code = self.exit_code.take();
        self.play(EventKind::Result {
            call_id: format!("call-{}", step.0).into(),
            status,
            exit_code,
            text: text.into(),
        });
        step
    }

    /// A message.
    pub(crate) fn says(&mut self, text: &str) -> StepId {
        self.play(EventKind::Message { text: text.into(), closing: Closing::Yes });
        self.latest()
    }

    pub(crate) fn plan(&mut self, items: &[(&str, PlanStatus)]) {
        let items =
            items.iter().map(|(text, status)| PlanItem { text: (*text).into(), status: *status }).collect();
        self.play(EventKind::Plan { items });
    }

    pub(crate) fn hands_over(&mut self, to: &str, text: &str) {
        self.play(EventKind::Handoff { to: to.into(), call_id: "".into(), text: text.into() });
    }

    pub(crate) fn returns(&mut self, from: &str, text: &str) {
        self.play(EventKind::Return { from: from.into(), call_id: "".into(), text: text.into() });
    }

    pub(crate) fn tools(&mut self, tools: &[(&str, &str)]) {
        let tools = tools.iter().map(|(n, s)| ((*n).into(), (*s).into())).collect();
        self.play(EventKind::Tools { tools });
    }

    pub(crate) fn lifecycle(&mut self, what: Lifecycle) {
        self.play(EventKind::Lifecycle { what, text: "".into() });
    }

    /// A disorder that the assembler would tell of.
    pub(crate) fn disorder(&mut self, what: Disorder, step: Option<StepId>, text: &str) {
        let passage = Passage { record: self.record(), text: text.to_owned() };
        self.tell(&Observation::Disorder { agent: AgentId(0), step, what, passage: &passage });
    }

    /// A finding of some other family, as if it had just been made.
    pub(crate) fn plant(&mut self, finding: Finding) {
        self.found.push(finding);
    }

    /// What stands found with this rule; the log ends here for the time of the call.
    pub(crate) fn found(&mut self, rule: &str) -> Vec<Finding> {
        self.all().into_iter().filter(|f| f.rule.id == rule).collect()
    }

    /// All that stands found.
    pub(crate) fn all(&mut self) -> Vec<Finding> {
        let before = self.found.len();
        self.tell(&Observation::End);
        let all = self.found.clone();
        self.found.truncate(before);
        all
    }
}
