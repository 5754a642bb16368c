//! The assessor: records of one run in, what is to be shown of it out. Pure; the console, a hook,
//! `check` and a replay all judge through it, so that the same records give the same findings.

mod standing;
mod watch;

use std::collections::BTreeMap;
use std::sync::Arc;

use standing::Standing;
use watch::Watch;

use super::board::{Reach, RunDelta, RunSummary, SourceView, StepView};
use super::desk::{RunNews, Turns};
use crate::deliver::post::Place;
use crate::detect::{Basis, Finding, families, propagation};
use crate::format::RunShape;
use crate::format::{Format, Identity, Reader};
use crate::recover::{Ground, Proposal, Record, Trail, check_of, draft, rests_on};
use crate::score::conduct::Conduct;
use crate::score::decisive::Found;
use crate::score::features::{Feature, of_step};
use crate::score::judge::scores;
use crate::score::{Conducted, Costs, Judged, Judgement, Model, RunJudgement, judge_run, judge_step};
use crate::trace::{
    AgentId, Assembler, Event, Observation, Probability, RecordRef, Run, RunId, Status, StepId, ToolKind,
};

/// How a run is to be judged.
#[derive(Clone, Debug)]
pub struct Judge {
    /// The model.
    pub model: Arc<Model>,
    /// The costs that the bands come from.
    pub costs: Costs,
    /// Whether what the model said that it thought counts.
    pub internal_signals: bool,
    /// Whether rules count whose lift has not been shown.
    pub experimental_rules: bool,
    /// What earlier recoveries have shown: which remedy is tried first.
    pub record: Arc<Record>,
}

impl Judge {
    /// The embedded model, even costs, external signals and proven rules only, no recoveries yet.
    pub fn embedded() -> Self {
        Self {
            model: Model::embedded(),
            costs: Costs::default(),
            internal_signals: false,
            experimental_rules: false,
            record: Arc::default(),
        }
    }
}

/// Reads one run's records and judges its steps.
pub struct Assessor {
    format: &'static dyn Format,
    judge: Judge,
    assembler: Assembler,
    sources: Vec<Source>,
    watch: Watch,
    judged: Vec<Judged>,
    shown: Vec<Judgement>,
    standing: Standing,
    /// The strongest finding of each rule at each step, by step and rule.
    found: BTreeMap<StepId, Vec<Found>>,
    sent_steps: usize,
    sent_findings: usize,
}

struct Source {
    reader: Box<dyn Reader>,
    agent: String,
}

impl Assessor {
    /// An assessor for one run, without sources yet.
    pub fn new(run: RunId, format: &'static dyn Format, judge: Judge) -> Self {
        let families = families(judge.internal_signals);
        let experimental_rules = judge.experimental_rules;
        let conduct = if format.is_talk() { Conduct::of_talk() } else { Conduct::default() };
        Self {
            format,
            judge,
            assembler: Assembler::new(run),
            sources: Vec::new(),
            watch: Watch::new(families, experimental_rules, conduct),
            judged: Vec::new(),
            shown: Vec::new(),
            standing: Standing::default(),
            found: BTreeMap::new(),
            sent_steps: 0,
            sent_findings: 0,
        }
    }

    /// Adds a source; its number goes into its records' [`RecordRef::source`]. The main source comes
    /// first.
    pub fn add_source(&mut self, identity: &Identity) -> u16 {
        let agent = identity.agent.clone().unwrap_or_else(|| "main".to_owned());
        if identity.agent.is_some() {
            self.assembler.introduce("main", None);
            self.assembler.introduce(&agent, Some("main"));
        }
        self.sources.push(Source { reader: self.format.reader(identity), agent });
        (self.sources.len() - 1) as u16
    }

    /// Takes one record in.
    pub fn take(&mut self, record: RecordRef, bytes: &[u8]) {
        self.watch.forget_end();
        let Some(source) = self.sources.get_mut(usize::from(record.source)) else { return };
        let (assembler, watch, agent) = (&mut self.assembler, &mut self.watch, source.agent.as_str());
        assembler.begin_record();
        source.reader.read(bytes, &mut |event| {
            assembler.take(record, agent, event, &mut |seen, run| watch.observe(seen, run));
        });
        self.watch.settled = self.watch.findings.len();
    }

    /// Takes in an event that no record holds yet: what a hook knows before the log does. `agent` is
    /// the acting agent's name.
    pub fn join(&mut self, agent: &str, event: Event<'_>) {
        self.watch.forget_end();
        let record = RecordRef { index: self.assembler.run().records, ..RecordRef::default() };
        let watch = &mut self.watch;
        self.assembler.take(record, agent, event, &mut |seen, run| watch.observe(seen, run));
        self.watch.settled = self.watch.findings.len();
    }

    /// The run as far as it has been read.
    pub fn run(&self) -> &Run {
        self.assembler.run()
    }

    /// The findings so far, with those that hold if nothing more comes (see [`Assessor::conclude`]).
    pub fn findings(&self) -> &[Finding] {
        &self.watch.findings
    }

    /// The judgement of each step, as of the last [`Assessor::conclude`].
    pub fn judgements(&self) -> &[Judgement] {
        &self.shown
    }

    /// What the steps' judgements were made from, for a run's judgement and for fitting.
    pub fn judged(&self) -> &[Judged] {
        &self.judged
    }

    /// The run's judgement, as of the last [`Assessor::conclude`].
    pub fn run_judgement(&self) -> RunJudgement {
        judge_run(&self.judge.model, &self.judge.costs, &self.conducted(), &self.judged, &self.found())
    }

    /// For each step how likely it is to be wrong, for ranking them.
    pub fn scores(&self, p_fail: Probability) -> Vec<Probability> {
        scores(&self.judge.model, self.shape(), p_fail, &self.judged, &self.found())
    }

    /// The strongest finding of each rule at each step, by step and rule.
    fn found(&self) -> Vec<Found> {
        self.found.values().flatten().copied().collect()
    }

    /// What the run's judgement rests on besides its steps.
    pub fn conducted(&self) -> Conducted {
        let shape = self.shape();
        let lexical = self.judge.model.lexical_of(shape);
        Conducted {
            talk: self.format.is_talk(),
            shape,
            course: *self.watch.conduct.course(),
            lexical: lexical.map(|lexical| lexical.logit(self.watch.conduct.terms())),
        }
    }

    /// The terms of the agents' words with their counts, for fitting.
    pub fn terms(&self) -> impl Iterator<Item = (&str, u16)> {
        self.watch.conduct.terms()
    }

    fn shape(&self) -> RunShape {
        self.sources.first().map(|source| source.reader.shape()).unwrap_or_default()
    }

    /// The features of a step, for fitting.
    pub fn features(&self, step: StepId) -> Vec<Feature> {
        let context = self.watch.context_of.get(step.index()).map_or(&[][..], |c| c);
        of_step(self.watch.at(step).into_iter(), context)
    }

    /// Says what holds if nothing more comes, and judges what has changed. `finish`: nothing will come.
    pub fn conclude(&mut self, finish: bool) {
        self.watch.forget_end();
        if finish {
            let watch = &mut self.watch;
            self.assembler.finish(&mut |seen, run| watch.observe(seen, run));
            self.watch.settled = self.watch.findings.len();
        }
        self.watch.observe(&Observation::End, self.assembler.run());
        let run = self.assembler.run();
        let touched = std::mem::take(&mut self.watch.touched);
        if let Some(first) = self.watch.changed.take() {
            self.sent_steps = self.sent_steps.min(first.index());
        }
        let talk = self.format.is_talk();
        for id in touched {
            let Some(step) = run.step(id) else { continue };
            let findings = self.watch.at(id);
            let context = self.watch.context_of.get(id.index()).map_or(&[][..], |c| c);
            let effects = self.watch.effects_of.get(&id).copied();
            let effects = effects.and_then(|(from, to)| run.effects.get(from as usize..to as usize));
            let effects = effects.unwrap_or_default();
            let shown =
                judge_step(&self.judge.model, talk, &self.judge.costs, step, &findings, context, effects);
            let judged = Judged {
                agent: step.agent,
                p_wrong: shown.p_wrong.get(),
                evidence: self.judge.model.step_of(talk).evidence(&of_step(findings.iter().copied(), &[])),
                manner: self.watch.conduct.manner(id.index()),
                against: findings.iter().any(|f| f.rule.class != crate::detect::Class::Operational),
                class: shown.class,
                message: step.is_message(),
                failed: step.failed(),
                unknown: step.status == Status::Unknown,
                workshop: matches!(
                    step.tool_kind(),
                    Some(ToolKind::Shell | ToolKind::Edit | ToolKind::Write | ToolKind::Read)
                ),
            };
            self.standing.take(run, step, &shown, &judged, &findings);
            let strongest = strongest(id, &findings, self.judge.model.internal_signals);
            if strongest.is_empty() {
                self.found.remove(&id);
            } else {
                self.found.insert(id, strongest);
            }
            // What was said for an earlier end is mostly said again: only what differs is sent again.
            if self.shown.get(id.index()) != Some(&shown) {
                self.sent_steps = self.sent_steps.min(id.index());
            }
            put(&mut self.judged, id.index(), judged);
            put(&mut self.shown, id.index(), shown);
        }
    }

    /// What is proposed for the run as it now stands: for each agent and rule the latest step in alarm,
    /// unless the run has moved on from it. As of the last [`Assessor::conclude`].
    pub fn proposals(&self) -> Vec<Proposal> {
        let run = self.assembler.run();
        if self.standing.alarms.is_empty() {
            return Vec::new();
        }
        let edges = propagation::edges(&self.watch.findings);
        let ground = Ground {
            run,
            format: self.format.name(),
            model: &self.judge.model.name,
            declared: &self.watch.declared,
            edges: &edges,
            record: &self.judge.record,
        };
        let mut all: Vec<Proposal> = Vec::new();
        let mut seen: Vec<(AgentId, &'static str)> = Vec::new();
        for id in self.standing.alarms.iter().rev() {
            let (Some(step), Some(judged)) = (run.step(*id), self.shown.get(id.index())) else { continue };
            let findings = self.watch.at(*id);
            let Some(finding) = rests_on(&findings) else { continue };
            let key = (step.agent, finding.rule.id);
            if seen.contains(&key) || self.is_long_past(step.agent, *id) || self.is_mended(finding, *id) {
                continue;
            }
            if let Some(mut proposal) = draft(ground, step, &findings, judged) {
                proposal.target.turn = self.turn_of(step.agent);
                proposal.target.spoken = self.spoken_to(step.agent);
                seen.push(key);
                all.push(proposal);
            }
        }
        all.reverse();
        all
    }

    /// Whether a step is long past: a person has spoken to its agent so often since that a correction
    /// would come out of nowhere.
    fn is_long_past(&self, agent: AgentId, step: StepId) -> bool {
        self.long_past(agent).is_some_and(|since| step < since)
    }

    fn turn_of(&self, agent: AgentId) -> String {
        self.watch.turns.get(&agent).cloned().unwrap_or_default()
    }

    fn spoken_to(&self, agent: AgentId) -> u32 {
        self.watch.spoken.get(&agent).copied().unwrap_or_default()
    }

    fn long_past(&self, agent: AgentId) -> Option<StepId> {
        let times = self.watch.spoken_to.get(&agent)?;
        times.front().copied().filter(|_| times.len() == watch::LONG_PAST)
    }

    /// Whether what a proposal would ask to be shown has been shown since: its check has passed.
    fn is_mended(&self, finding: &Finding, step: StepId) -> bool {
        let passed = check_of(finding).and_then(|check| self.standing.passed.get(&check).copied());
        passed.flatten().is_some_and(|passed| passed > step)
    }

    /// The latest message of an agent with nothing against it.
    fn clean_turn(&self, agent: AgentId) -> Option<StepId> {
        self.standing.clean.get(&agent)?.last().copied()
    }

    /// What the desk must know of the run as it now stands. As of the last [`Assessor::conclude`].
    pub fn news(&mut self) -> RunNews {
        let run = self.assembler.run();
        let agents = (0..run.agents.len()).map(|index| AgentId(index as u16));
        let turns = agents
            .map(|agent| Turns {
                agent: run.agent_name(agent).to_owned(),
                turn: self.turn_of(agent),
                spoken: self.spoken_to(agent),
                long_past: self.long_past(agent).map(|step| step.0),
                clean: self.clean_turn(agent).map(|step| step.0),
            })
            .collect();
        RunNews {
            run: run.id.clone(),
            steps: run.steps.len() as u32,
            model: self.judge.model.name.clone(),
            workflow: run.working_directory.clone(),
            proposals: self.proposals(),
            turns,
            trail: self.trail(),
            receipts: std::mem::take(&mut self.watch.receipts)
                .into_iter()
                .map(|(arrived, at)| (arrived, at.index))
                .collect(),
            over: std::mem::take(&mut self.watch.over).into(),
            place: Some(Place {
                format: self.format.name().to_owned(),
                directory: run.working_directory.clone(),
                last: run.last,
            }),
        }
    }

    /// The end of the run, where something was proposed or sent, or may have been; else nothing, as
    /// nobody follows anything.
    pub fn trail(&self) -> Trail {
        if self.standing.alarms.is_empty() && !self.watch.corrected {
            return Trail::default();
        }
        let found = |step: StepId| {
            let indices = self.watch.by_step.get(&step).map_or(&[][..], Vec::as_slice);
            let settled = self.watch.settled;
            indices.iter().filter_map(move |at| self.watch.findings.get(*at).map(|f| (f, *at < settled)))
        };
        Trail::of(self.assembler.run(), found)
    }

    /// What has changed since the last call, for the board.
    pub fn delta(&mut self, finish: bool, sources: Vec<SourceView>, reach: Reach) -> RunDelta {
        self.conclude(finish);
        let news = self.news();
        let run = self.assembler.run();
        let steps: Vec<StepView> = run
            .steps
            .iter()
            .zip(&self.shown)
            .skip(self.sent_steps)
            .map(|(step, judged)| StepView { step: step.clone(), judged: judged.clone() })
            .collect();
        let findings = self.watch.findings.get(self.sent_findings..).unwrap_or_default().to_vec();
        let delta = RunDelta {
            run: run.id.clone(),
            from: self.sent_steps,
            steps,
            findings_from: self.sent_findings,
            findings,
            news,
            summary: self.summary(sources, reach),
        };
        self.sent_steps = self.shown.len();
        self.sent_findings = self.watch.settled;
        delta
    }

    /// What is known of the run besides its steps and findings.
    pub fn summary(&self, sources: Vec<SourceView>, reach: Reach) -> RunSummary {
        let run = self.assembler.run();
        RunSummary {
            format: self.format.name(),
            title: run.title.clone(),
            model: run.model.clone(),
            working_directory: run.working_directory.clone(),
            state: run.state.clone(),
            agents: run.agents.clone(),
            tools: run.tools.clone(),
            plan: run.plan.clone(),
            effects: run.effects.clone(),
            usage: run.usage,
            records: run.records,
            unknown: run.unknown.clone(),
            began: run.began,
            last: run.last,
            sources,
            judged: self.run_judgement(),
            judged_by: self.judge.model.name.clone(),
            reach,
            assessed: true,
        }
    }
}

/// The strongest finding of each rule among those at a step that count.
fn strongest(step: StepId, findings: &[&Finding], internal_signals: bool) -> Vec<Found> {
    let mut found: Vec<Found> = findings
        .iter()
        .filter(|f| internal_signals || f.rule.basis == Basis::External)
        .map(|f| Found { step: step.index(), rule: f.rule.id, strength: f.strength.get() })
        .collect();
    found.sort_by(|a, b| a.rule.cmp(b.rule).then(b.strength.total_cmp(&a.strength)));
    found.dedup_by_key(|f| f.rule);
    found
}

fn put<T: Clone>(all: &mut Vec<T>, index: usize, value: T) {
    if all.len() <= index {
        all.resize(index + 1, value);
    } else if let Some(place) = all.get_mut(index) {
        *place = value;
    }
}

#[cfg(test)]
mod tests;
