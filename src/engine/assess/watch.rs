//! What watches the assembler: the rules, and what must be judged anew.

use std::collections::{BTreeSet, VecDeque};

use rustc_hash::FxHashMap;

use crate::deliver::{Arrived, arrived_in};
use crate::detect::{Basis, Family, Finding, Rule};
use crate::score::conduct::Conduct;
use crate::score::features::{Context, Feature};
use crate::text::clean;
use crate::trace::assemble::KEPT_BYTES;
use crate::trace::{AgentId, Author, Lifecycle, Observation, Passage, RecordRef, Run, StepId};

/// After how many further prompts of a person a step is long past.
pub(super) const LONG_PAST: usize = crate::ledger::LONG_PAST as usize;
/// How many declared tools are kept, for drafts that name another one.
const MOST_TOOLS: usize = 1024;
/// How many calls that have ended are kept for the desk.
const OVER: usize = 64;

/// What watches the assembler: the rules, and what must be judged anew.
pub(super) struct Watch {
    pub(super) families: Vec<Box<dyn Family>>,
    /// Whether findings of rules that are not proven are kept.
    pub(super) experimental_rules: bool,
    pub(super) findings: Vec<Finding>,
    /// Findings from here on were made for the end of the log as it then was.
    pub(super) settled: usize,
    pub(super) by_step: FxHashMap<StepId, Vec<usize>>,
    pub(super) touched: BTreeSet<StepId>,
    /// The first step that was opened or closed since a delta was last made.
    pub(super) changed: Option<StepId>,
    /// Where each step's effects stand among the run's, for steps that have some.
    pub(super) effects_of: FxHashMap<StepId, (u32, u32)>,
    pub(super) context: Context,
    pub(super) context_of: Vec<Box<[Feature]>>,
    pub(super) conduct: Conduct,
    /// For each agent: where it was when a person spoke to it, the last [`LONG_PAST`] times.
    pub(super) spoken_to: FxHashMap<AgentId, VecDeque<StepId>>,
    /// For each agent: how often a person spoke to it.
    pub(super) spoken: FxHashMap<AgentId, u32>,
    /// For each agent: the turn that it is in, where the log names turns.
    pub(super) turns: FxHashMap<AgentId, String>,
    /// Anchors of the calls that closed last, since they were last asked for.
    pub(super) over: VecDeque<u64>,
    /// Operator's texts that were seen in the log, since they were last asked for.
    pub(super) receipts: Vec<(Arrived, RecordRef)>,
    /// Whether an operator's text was ever seen in the log.
    pub(super) corrected: bool,
    /// Names of the tools that were declared.
    pub(super) declared: Vec<String>,
}

impl Watch {
    pub(super) fn new(families: Vec<Box<dyn Family>>, experimental_rules: bool, conduct: Conduct) -> Self {
        Self {
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
            conduct,
            spoken_to: FxHashMap::default(),
            spoken: FxHashMap::default(),
            turns: FxHashMap::default(),
            over: VecDeque::new(),
            receipts: Vec::new(),
            corrected: false,
            declared: Vec::new(),
        }
    }

    pub(super) fn observe(&mut self, seen: &Observation<'_>, run: &Run) {
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
                if !step.step.is_message() {
                    if self.over.len() >= OVER {
                        self.over.pop_front();
                    }
                    self.over.push_back(step.step.anchor);
                }
            }
            Observation::Prompt { agent, author: Author::Person, passage } => {
                // A text that medbay had typed, or a home-made agent took from its inbox.
                let before = self.receipts.len();
                self.receive(passage);
                if before == self.receipts.len() {
                    *self.spoken.entry(*agent).or_default() += 1;
                    let times = self.spoken_to.entry(*agent).or_default();
                    times.push_back(StepId(run.steps.len() as u32));
                    if times.len() > LONG_PAST {
                        times.pop_front();
                    }
                }
            }
            Observation::Receipt { passage, .. } => self.receive(passage),
            Observation::Lifecycle { agent, what: Lifecycle::TurnStart, passage }
                if !passage.text.is_empty() =>
            {
                self.turns.insert(*agent, clean(&passage.text).into_owned());
            }
            Observation::Tools { tools } => {
                let room = MOST_TOOLS.saturating_sub(self.declared.len());
                self.declared.extend(tools.iter().take(room).map(|(name, _)| name.to_string()));
            }
            _ => {}
        }
        self.corrected |= !self.receipts.is_empty();
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

    fn receive(&mut self, passage: &Passage) {
        let whole = passage.text.len() < KEPT_BYTES;
        let arrived = arrived_in(&passage.text, whole);
        self.receipts.extend(arrived.into_iter().map(|one| (one, passage.record)));
    }

    pub(super) fn change(&mut self, step: StepId) {
        self.touched.insert(step);
        self.changed = Some(self.changed.map_or(step, |first| first.min(step)));
    }

    /// Forgets what was said for an earlier end.
    pub(super) fn forget_end(&mut self) {
        for finding in self.findings.drain(self.settled..) {
            if let Some(indices) = self.by_step.get_mut(&finding.step) {
                indices.retain(|index| *index < self.settled);
            }
            self.touched.insert(finding.step);
        }
    }

    pub(super) fn at(&self, step: StepId) -> Vec<&Finding> {
        let indices = self.by_step.get(&step).map_or(&[][..], Vec::as_slice);
        indices.iter().filter_map(|index| self.findings.get(*index)).collect()
    }
}
