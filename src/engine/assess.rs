//! The assessor: records of one run in, what is to be shown of it out. Pure; the console, a hook,
//! `check` and a replay all judge through it, so that the same records give the same findings.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::board::{Reach, RunDelta, RunSummary, SourceView, StepView};
use super::desk::{RunNews, Turns};
use crate::deliver::post::Place;
use crate::deliver::receipts_in;
use crate::detect::{Basis, Family, Finding, Rule, families};
use crate::format::RunShape;
use crate::format::{Format, Identity, Reader};
use crate::recover::{Ground, Proposal, ProposalId, check_of, draft, rests_on};
use crate::score::conduct::Conduct;
use crate::score::decisive::Found;
use crate::score::features::{Context, Feature, of_step};
use crate::score::judge::scores;
use crate::score::{Band, Conducted, Costs, Judged, Judgement, Model, RunJudgement, judge_run, judge_step};
use crate::trace::{
    AgentId, Assembler, Author, Event, Observation, Probability, RecordRef, Run, RunId, Status, Step, StepId,
    ToolKind,
};

/// After how many further prompts of a person a step is long past.
const LONG_PAST: usize = 3;

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
}

impl Judge {
    /// The embedded model, even costs, external signals and proven rules only.
    pub fn embedded() -> Self {
        Self {
            model: Model::embedded(),
            costs: Costs::default(),
            internal_signals: false,
            experimental_rules: false,
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
    sent_steps: usize,
    sent_findings: usize,
}

struct Source {
    reader: Box<dyn Reader>,
    agent: String,
}

/// What is asked at every delta, kept up to date as steps are judged so that nobody walks all of them.
#[derive(Default)]
struct Standing {
    /// Steps in alarm.
    alarms: BTreeSet<StepId>,
    /// For each agent: its messages with nothing against them.
    clean: FxHashMap<AgentId, BTreeSet<StepId>>,
    /// For each check that a finding asks for: the latest step that passed it.
    passed: FxHashMap<String, Option<StepId>>,
}

/// What watches the assembler: the rules, and what must be judged anew.
struct Watch {
    families: Vec<Box<dyn Family>>,
    /// Whether findings of rules that are not proven are kept.
    experimental_rules: bool,
    findings: Vec<Finding>,
    /// Findings from here on were made for the end of the log as it then was.
    settled: usize,
    by_step: FxHashMap<StepId, Vec<usize>>,
    touched: BTreeSet<StepId>,
    /// The first step that was opened or closed since a delta was last made.
    changed: Option<StepId>,
    /// Where each step's effects stand among the run's, for steps that have some.
    effects_of: FxHashMap<StepId, (u32, u32)>,
    context: Context,
    context_of: Vec<Box<[Feature]>>,
    conduct: Conduct,
    /// For each agent: where it was when a person spoke to it, the last [`LONG_PAST`] times.
    spoken_to: FxHashMap<AgentId, VecDeque<StepId>>,
    /// Proposals whose text was seen in the log, since they were last asked for.
    receipts: Vec<(ProposalId, RecordRef)>,
}

impl Watch {
    fn observe(&mut self, seen: &Observation<'_>, run: &Run) {
        self.conduct.observe(seen, run);
        match seen {
            Observation::Called { step } => {
                self.change(step.step.id);
            }
            Observation::Step(step) => {
                let index = step.step.id.index();
                if self.context_of.len() <= index {
                    self.context_of.resize(index + 1, Box::default());
                }
                let features = self.context.next(step.step).into_boxed_slice();
                if let Some(place) = self.context_of.get_mut(index) {
                    *place = features;
                }
                if !step.effects.is_empty() {
                    // A call's effects stand together, at the end when it closes.
                    let to = run.effects.len();
                    let from = to.saturating_sub(step.effects.len());
                    self.effects_of.insert(step.step.id, (from as u32, to as u32));
                }
                self.change(step.step.id);
            }
            Observation::Prompt { agent, author: Author::Person, passage } => {
                // A text that medbay had typed, or a home-made agent took from its inbox.
                let before = self.receipts.len();
                self.receipts.extend(receipts_in(&passage.text).map(|id| (id, passage.record)));
                if before == self.receipts.len() {
                    let times = self.spoken_to.entry(*agent).or_default();
                    times.push_back(StepId(run.steps.len() as u32));
                    if times.len() > LONG_PAST {
                        times.pop_front();
                    }
                }
            }
            Observation::Receipt { passage, .. } => {
                self.receipts.extend(receipts_in(&passage.text).map(|id| (id, passage.record)));
            }
            _ => {}
        }
        let before = self.findings.len();
        for family in &mut self.families {
            let from = self.findings.len();
            family.observe(seen, run, &mut self.findings);
            if !self.experimental_rules && self.findings.len() > from {
                // At once, so that no later family builds on what is not shown. Internal rules have a
                // key of their own, and are only there where it is set.
                let new = self.findings.split_off(from);
                let kept = |rule: &Rule| rule.proven || rule.basis == Basis::Internal;
                self.findings.extend(new.into_iter().filter(|finding| kept(finding.rule)));
            }
        }
        for (index, finding) in self.findings.iter().enumerate().skip(before) {
            self.by_step.entry(finding.step).or_default().push(index);
            self.touched.insert(finding.step);
        }
    }

    fn change(&mut self, step: StepId) {
        self.touched.insert(step);
        self.changed = Some(self.changed.map_or(step, |first| first.min(step)));
    }

    /// Forgets what was said for an earlier end.
    fn forget_end(&mut self) {
        for finding in self.findings.drain(self.settled..) {
            if let Some(indices) = self.by_step.get_mut(&finding.step) {
                indices.retain(|index| *index < self.settled);
            }
            self.touched.insert(finding.step);
        }
    }

    fn at(&self, step: StepId) -> Vec<&Finding> {
        let indices = self.by_step.get(&step).map_or(&[][..], Vec::as_slice);
        indices.iter().filter_map(|index| self.findings.get(*index)).collect()
    }
}

impl Assessor {
    /// An assessor for one run, without sources yet.
    pub fn new(run: RunId, format: &'static dyn Format, judge: Judge) -> Self {
        let families = families(judge.internal_signals);
        let experimental_rules = judge.experimental_rules;
        Self {
            format,
            judge,
            assembler: Assembler::new(run),
            sources: Vec::new(),
            watch: Watch {
                families,
                experimental_rules,
                findings: Vec::new(),
                settled: 0,
                by_step: FxHashMap::default(),
                touched: BTreeSet::new(),
                changed: None,
                effects_of: FxHashMap::default(),
                context: Context::default(),
                context_of: Vec::new(),
                conduct: if format.is_talk() { Conduct::of_talk() } else { Conduct::default() },
                spoken_to: FxHashMap::default(),
                receipts: Vec::new(),
            },
            judged: Vec::new(),
            shown: Vec::new(),
            standing: Standing::default(),
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

    /// The strongest finding of each rule at each step.
    fn found(&self) -> Vec<Found> {
        let mut found: Vec<Found> = self
            .watch
            .findings
            .iter()
            .filter(|f| self.judge.model.internal_signals || f.rule.basis == Basis::External)
            .map(|f| Found { step: f.step.index(), rule: f.rule.id, strength: f.strength.get() })
            .collect();
        found.sort_by(|a, b| {
            a.step.cmp(&b.step).then(a.rule.cmp(b.rule)).then(b.strength.total_cmp(&a.strength))
        });
        found.dedup_by(|a, b| a.step == b.step && a.rule == b.rule);
        found
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
        let ground = Ground { run, format: self.format.name(), model: &self.judge.model.name };
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
            if let Some(proposal) = draft(ground, step, &findings, judged) {
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

    fn long_past(&self, agent: AgentId) -> Option<StepId> {
        let times = self.watch.spoken_to.get(&agent)?;
        times.front().copied().filter(|_| times.len() == LONG_PAST)
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
                long_past: self.long_past(agent).map(|step| step.0),
                clean: self.clean_turn(agent).map(|step| step.0),
            })
            .collect();
        RunNews {
            run: run.id.clone(),
            steps: run.steps.len() as u32,
            model: self.judge.model.name.clone(),
            proposals: self.proposals(),
            turns,
            receipts: std::mem::take(&mut self.watch.receipts)
                .into_iter()
                .map(|(id, at)| (id, at.index))
                .collect(),
            place: Some(Place {
                format: self.format.name().to_owned(),
                directory: run.working_directory.clone(),
                last: run.last,
            }),
        }
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

impl Standing {
    /// Takes in what has just been said of a step.
    fn take(&mut self, run: &Run, step: &Step, shown: &Judgement, judged: &Judged, findings: &[&Finding]) {
        let id = step.id;
        if step.status == Status::Ok {
            for (check, latest) in &mut self.passed {
                if *latest < Some(id) && step.label.contains(check.as_str()) {
                    *latest = Some(id);
                }
            }
        }
        if step.is_message() {
            let clean = self.clean.entry(step.agent).or_default();
            if judged.against {
                clean.remove(&id);
            } else {
                clean.insert(id);
            }
        }
        if shown.band != Band::Alarm {
            self.alarms.remove(&id);
            return;
        }
        self.alarms.insert(id);
        if let Some(check) = rests_on(findings).and_then(check_of) {
            // A check that is new is looked for among all steps, once; later ones are told of above.
            self.passed.entry(check).or_insert_with_key(|check| {
                let passed = |s: &&Step| s.status == Status::Ok && s.label.contains(check.as_str());
                run.steps.iter().rev().find(passed).map(|s| s.id)
            });
        }
    }
}

fn put<T: Clone>(all: &mut Vec<T>, index: usize, value: T) {
    if all.len() <= index {
        all.resize(index + 1, value);
    } else if let Some(place) = all.get_mut(index) {
        *place = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::{Aspect, Class, rules};
    use crate::trace::Probability;

    static UNPROVEN: Rule = Rule {
        id: "test.unproven",
        class: Class::ExecutionError,
        basis: Basis::External,
        speaks_of: Aspect::Execution,
        summary: "",
        example: "",
        proven: false,
    };
    static INTERNAL: Rule = Rule { id: "internal.test", basis: Basis::Internal, ..UNPROVEN };
    static FOLLOWS: Rule = Rule { id: "test.follows", proven: true, ..UNPROVEN };

    /// Finds what it is told to at the end; without that, follows each finding that was made before.
    struct Finds(Option<&'static Rule>);

    impl Family for Finds {
        fn rules(&self) -> &'static [&'static Rule] {
            &[]
        }

        fn observe(&mut self, seen: &Observation<'_>, _: &Run, found: &mut Vec<Finding>) {
            if !matches!(seen, Observation::End) {
                return;
            }
            let finding = |rule| Finding {
                rule,
                step: StepId(0),
                root: None,
                strength: Probability::new(0.9),
                evidence: Vec::new(),
                sentence: String::new(),
                instruction: String::new(),
                means: Vec::new(),
            };
            match self.0 {
                Some(rule) => found.push(finding(rule)),
                None => found.extend(vec![finding(&FOLLOWS); found.len()]),
            }
        }
    }

    fn found(experimental_rules: bool) -> Vec<&'static str> {
        let judge = Judge { experimental_rules, ..Judge::embedded() };
        let mut assessor = Assessor::new(RunId::new("r"), *crate::format::ALL.first().unwrap(), judge);
        assessor.watch.families =
            vec![Box::new(Finds(Some(&UNPROVEN))), Box::new(Finds(Some(&INTERNAL))), Box::new(Finds(None))];
        assessor.conclude(true);
        assessor.findings().iter().map(|finding| finding.rule.id).collect()
    }

    #[test]
    fn what_an_unproven_rule_finds_is_dropped_before_another_family_builds_on_it() {
        assert_eq!(found(false), ["internal.test", "test.follows"]);
        assert_eq!(
            found(true),
            ["test.unproven", "internal.test", "test.follows", "test.follows"],
            "where it is asked for, it counts and is built on"
        );
        assert!(rules().iter().any(|rule| !rule.proven), "or there is nothing to drop");
    }
}
