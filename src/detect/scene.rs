//! A small stage for tests of rules: tells a run event by event to families and keeps what they find.

use crate::trace::{
    Action, Agent, AgentId, Author, ClosedStep, Disorder, Effect, EffectKind, EffectStatus,
    Lifecycle, Observation, Passage, PlanItem, PlanStatus, RecordRef, Request, Run, RunId, Status,
    Step, StepId, ToolKind,
};

use super::speech;
use super::{Family, Finding};

/// A run under way before some families.
pub(crate) struct Scene {
    pub(crate) run: Run,
    families: Vec<Box<dyn Family>>,
    found: Vec<Finding>,
    index: u32,
    intent: Vec<Passage>,
    reasoning: Vec<Passage>,
    actor: AgentId,
    exit_code: Option<i32>,
}

impl Scene {
    /// A scene before one family.
    pub(crate) fn of(family: impl Family + 'static) -> Self {
        Self::with(vec![Box::new(family)])
    }

    /// A scene before several families.
    pub(crate) fn with(families: Vec<Box<dyn Family>>) -> Self {
        let mut scene = Self {
            run: Run::new(RunId::new("scene")),
            families,
            found: Vec::new(),
            index: 0,
            intent: Vec::new(),
            reasoning: Vec::new(),
            actor: AgentId(0),
            exit_code: None,
        };
        scene.agent("main");
        scene
    }

    /// Adds an agent.
    pub(crate) fn agent(&mut self, name: &str) -> AgentId {
        let id = AgentId(u16::try_from(self.run.agents.len()).unwrap());
        let parent = (id.0 > 0).then_some(AgentId(0));
        self.run.agents.push(Agent {
            name: name.to_owned(),
            parent,
        });
        id
    }

    /// Who acts from now on.
    pub(crate) fn acts(&mut self, agent: AgentId) {
        self.actor = agent;
    }

    fn record(&mut self) -> RecordRef {
        let index = self.index;
        self.index += 1;
        self.run.records = self.index;
        RecordRef {
            offset: u64::from(index) * 100,
            length: 99,
            index,
            source: 0,
        }
    }

    fn passage(&mut self, text: &str) -> Passage {
        Passage {
            record: self.record(),
            text: text.to_owned(),
        }
    }

    fn tell(&mut self, seen: &Observation<'_>) {
        for family in &mut self.families {
            family.observe(seen, &self.run, &mut self.found);
        }
    }

    pub(crate) fn system(&mut self, text: &str) {
        let passage = self.passage(text);
        self.learn(text, |origin| origin.prompt = true, None);
        self.tell(&Observation::System { passage: &passage });
    }

    pub(crate) fn prompt(&mut self, text: &str) {
        let passage = self.passage(text);
        self.learn(text, |origin| origin.prompt = true, None);
        self.tell(&Observation::Prompt {
            agent: self.actor,
            author: Author::Person,
            passage: &passage,
        });
    }

    /// Words that lead to the next step.
    pub(crate) fn intends(&mut self, text: &str) {
        let passage = self.passage(text);
        self.intent.push(passage);
    }

    /// A thought that leads to the next step.
    pub(crate) fn thinks(&mut self, text: &str) {
        let passage = self.passage(text);
        self.reasoning.push(passage);
    }

    /// The exit code of the next call.
    pub(crate) fn exit(&mut self, code: i32) -> &mut Self {
        self.exit_code = Some(code);
        self
    }

    fn learn(&mut self, text: &str, set: impl Fn(&mut crate::trace::Origin), step: Option<StepId>) {
        let mut mentions = Vec::new();
        crate::trace::entity::scan(text, |mention| mentions.push(mention));
        for mention in mentions {
            let mut origin = crate::trace::Origin::default();
            set(&mut origin);
            self.run.entities.learn(mention.hash, origin, step);
        }
    }

    /// A call with its outcome.
    pub(crate) fn call(
        &mut self,
        tool: &str,
        input: &serde_json::Value,
        status: Status,
        text: &str,
    ) -> StepId {
        let (step, input) = self.open(tool, input);
        self.close(step, tool, &input, status, text)
    }

    /// A call without its outcome.
    pub(crate) fn open(&mut self, tool: &str, input: &serde_json::Value) -> (StepId, Passage) {
        let input = self.passage(&input.to_string());
        let id = StepId(u32::try_from(self.run.steps.len()).unwrap());
        let number = self
            .run
            .tools
            .iter()
            .position(|known| known == tool)
            .unwrap_or_else(|| {
                self.run.tools.push(tool.to_owned());
                self.run.tools.len() - 1
            });
        let call = format!("{tool} {}", input.text);
        self.run.steps.push(Step {
            id,
            agent: self.actor,
            action: Action::Call {
                tool: u16::try_from(number).unwrap(),
                kind: kind(tool),
            },
            record: input.record,
            intent: self.intent.first().map(|p| p.record),
            outcome: None,
            status: Status::Unknown,
            exit_code: None,
            closed: false,
            began: None,
            ended: None,
            label: crate::text::excerpt(&call, 96).into(),
            call_hash: speech::hash(call.as_bytes()),
            outcome_hash: 0,
            call_id_hash: 0,
        });
        self.learn(&input.text, |origin| origin.own_words = true, Some(id));
        let step = self.run.steps[id.index()].clone();
        let request = request(&input.text);
        let (intent, reasoning) = (self.intent.clone(), self.reasoning.clone());
        self.tell(&Observation::Called {
            step: ClosedStep {
                step: &step,
                intent: &intent,
                reasoning: &reasoning,
                tool,
                request: Some(&request),
                input: &input,
                outcome: None,
                message: None,
                effects: &[],
            },
        });
        (id, input)
    }

    /// The outcome of an open call.
    pub(crate) fn close(
        &mut self,
        id: StepId,
        tool: &str,
        input: &Passage,
        status: Status,
        text: &str,
    ) -> StepId {
        let outcome = self.passage(text);
        let request = request(&input.text);
        self.learn(text, |origin| origin.observed = true, Some(id));
        let exit_code = self.exit_code.take();
        let mut effects = Vec::new();
        let failed = status != Status::Ok;
        if let Some(kind) = effect(tool) {
            effects.push(Effect {
                step: id,
                kind,
                target: request.paths.first().cloned().unwrap_or_default(),
                status: if failed {
                    EffectStatus::Failed
                } else {
                    EffectStatus::Done
                },
                harmless_again: false,
            });
        }
        let step = {
            let step = &mut self.run.steps[id.index()];
            step.status = status;
            step.exit_code = exit_code;
            step.outcome = Some(outcome.record);
            step.outcome_hash = speech::hash(text.as_bytes());
            step.closed = true;
            step.clone()
        };
        let intent = std::mem::take(&mut self.intent);
        let reasoning = std::mem::take(&mut self.reasoning);
        self.tell(&Observation::Step(ClosedStep {
            step: &step,
            intent: &intent,
            reasoning: &reasoning,
            tool,
            request: Some(&request),
            input,
            outcome: Some(&outcome),
            message: None,
            effects: &effects,
        }));
        id
    }

    /// A message.
    pub(crate) fn says(&mut self, text: &str) -> StepId {
        let message = self.passage(text);
        let id = StepId(u32::try_from(self.run.steps.len()).unwrap());
        self.learn(text, |origin| origin.own_words = true, Some(id));
        let step = Step {
            id,
            agent: self.actor,
            action: Action::Message,
            record: message.record,
            intent: None,
            outcome: None,
            status: Status::Ok,
            exit_code: None,
            closed: true,
            began: None,
            ended: None,
            label: crate::text::excerpt(text, 96).into(),
            call_hash: 0,
            outcome_hash: 0,
            call_id_hash: 0,
        };
        self.run.steps.push(step.clone());
        let intent = std::mem::take(&mut self.intent);
        let reasoning = std::mem::take(&mut self.reasoning);
        self.tell(&Observation::Step(ClosedStep {
            step: &step,
            intent: &intent,
            reasoning: &reasoning,
            tool: "",
            request: None,
            input: &Passage::default(),
            outcome: None,
            message: Some(&message),
            effects: &[],
        }));
        id
    }

    pub(crate) fn plan(&mut self, items: &[(&str, PlanStatus)]) {
        let record = self.record();
        let items: Vec<PlanItem<'_>> = items
            .iter()
            .map(|(text, status)| PlanItem {
                text: (*text).into(),
                status: *status,
            })
            .collect();
        self.tell(&Observation::Plan {
            agent: self.actor,
            record,
            items: &items,
        });
    }

    pub(crate) fn hands_over(&mut self, to: AgentId, text: &str) {
        let passage = self.passage(text);
        self.tell(&Observation::Handoff {
            from: self.actor,
            to,
            step: None,
            passage: &passage,
        });
    }

    pub(crate) fn returns(&mut self, from: AgentId, text: &str) {
        let passage = self.passage(text);
        self.tell(&Observation::Return {
            from,
            to: self.actor,
            step: None,
            passage: &passage,
        });
    }

    pub(crate) fn tools(&mut self, tools: &[(&str, &str)]) {
        let tools: Vec<_> = tools
            .iter()
            .map(|(n, s)| ((*n).into(), (*s).into()))
            .collect();
        self.tell(&Observation::Tools { tools: &tools });
    }

    pub(crate) fn lifecycle(&mut self, what: Lifecycle) {
        let passage = self.passage("");
        self.tell(&Observation::Lifecycle {
            agent: self.actor,
            what,
            passage: &passage,
        });
    }

    pub(crate) fn disorder(&mut self, what: Disorder, step: Option<StepId>, text: &str) {
        let passage = self.passage(text);
        self.tell(&Observation::Disorder {
            agent: self.actor,
            step,
            what,
            passage: &passage,
        });
    }

    /// A finding of some other family, as if it had just been made.
    pub(crate) fn plant(&mut self, finding: Finding) {
        self.found.push(finding);
    }

    /// What stands found with this rule; the log ends here for the time of the call.
    pub(crate) fn found(&mut self, rule: &str) -> Vec<Finding> {
        let before = self.found.len();
        self.tell(&Observation::End);
        let all = self
            .found
            .iter()
            .filter(|f| f.rule.id == rule)
            .cloned()
            .collect();
        self.found.truncate(before);
        all
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

fn request(input: &str) -> Request {
    let value: serde_json::Value = serde_json::from_str(input).unwrap();
    let text = |names: &[&str]| {
        names
            .iter()
            .find_map(|name| value.get(name).and_then(|v| v.as_str()).map(str::to_owned))
    };
    Request {
        command: text(&["command", "code"]),
        paths: text(&["file_path", "path"]).into_iter().collect(),
        url: text(&["url"]),
        new_text: text(&["new_string", "content"]),
        old_text: text(&["old_string"]),
        background: value.get("run_in_background").is_some_and(|v| v == true),
        arguments: value
            .as_object()
            .map(|map| {
                map.iter()
                    .map(|(k, v)| {
                        let shown = v.as_str().map_or_else(|| v.to_string(), str::to_owned);
                        (k.clone(), shown)
                    })
                    .collect()
            })
            .unwrap_or_default(),
    }
}

fn kind(tool: &str) -> ToolKind {
    match tool {
        "Bash" => ToolKind::Shell,
        "Python" => ToolKind::Code,
        "Read" => ToolKind::Read,
        "Write" => ToolKind::Write,
        "Edit" => ToolKind::Edit,
        "Grep" => ToolKind::Search,
        "WebFetch" => ToolKind::Fetch,
        "Task" => ToolKind::Agent,
        "TodoWrite" => ToolKind::Plan,
        _ => ToolKind::Other,
    }
}

fn effect(tool: &str) -> Option<EffectKind> {
    match tool {
        "Write" | "Edit" => Some(EffectKind::File),
        _ if tool.starts_with("book_") || tool.starts_with("cancel_") => {
            Some(EffectKind::Transaction)
        }
        _ if tool.starts_with("send_") => Some(EffectKind::Message),
        _ => None,
    }
}
