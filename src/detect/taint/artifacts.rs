//! Files that a carrying step wrote, and agents that work from them.

use rustc_hash::FxHashMap;

use super::{Aspect, Basis, Class, Evidence, Finding, Origin, Part, Rule, Taint, source_evidence, speech};
use crate::trace::entity::scan;
use crate::trace::{AgentId, ClosedStep, Probability, RecordRef, StepId, ToolKind};

/// Work goes on from a file that holds it.
pub(super) static USES_ARTIFACT: Rule = Rule {
    id: "taint.uses-artifact",
    class: Class::FailurePropagation,
    basis: Basis::External,
    speaks_of: Aspect::Support,
    summary: "An agent works from a file into which another agent has written a thing from nowhere.",
    example: "works from docs/capacity.md, into which step 7 wrote what step 4 brought up from nowhere",
    proven: true,
};

/// A file that a carrying step wrote.
#[derive(Clone, Debug)]
pub(super) struct Artifact {
    pub(super) origin: Origin,
    pub(super) strength: f64,
    pub(super) by: AgentId,
    pub(super) written: StepId,
    pub(super) record: RecordRef,
    pub(super) path: String,
    /// Agents that have read it and not worked from it yet, and those that have.
    pub(super) readers: FxHashMap<AgentId, bool>,
}

impl Taint {
    /// Another agent's first act after it has read a file that a carrying step wrote. `told` says that
    /// the step has been found to carry the thing itself.
    pub(super) fn artifacts_of(&mut self, step: &ClosedStep<'_>, told: bool, found: &mut Vec<Finding>) {
        let agent = step.step.agent;
        let reads = matches!(
            step.step.tool_kind(),
            Some(ToolKind::Read | ToolKind::Search | ToolKind::Shell | ToolKind::Code)
        ) && step.effects.is_empty();
        if reads {
            let mut read: Vec<usize> = Vec::new();
            scan(speech::read(&step.input.text), |mention| {
                let file = self.files.get(&mention.hash);
                read.extend(file.or_else(|| self.files.get(&mention.file_name?)).copied());
            });
            for at in read {
                if let Some(artifact) = self.artifacts.get_mut(at).filter(|artifact| artifact.by != agent) {
                    artifact.readers.entry(agent).or_insert(false);
                }
            }
            return;
        }
        let acts = step.step.is_message() || !step.effects.is_empty();
        let artifact = self
            .artifacts
            .iter_mut()
            .find(|artifact| acts && artifact.readers.get(&agent).is_some_and(|worked| !worked));
        let Some(artifact) = artifact else { return };
        artifact.readers.insert(agent, true);
        let passage = step.message.unwrap_or(step.input);
        if told || speech::speaks_of_trouble(&step.step.label.to_ascii_lowercase()) {
            return;
        }
        let origin = &artifact.origin;
        let path = crate::text::quoted(&artifact.path, 80);
        found.push(Finding {
            rule: &USES_ARTIFACT,
            step: step.step.id,
            root: Some(origin.root),
            strength: Probability::new(artifact.strength * 0.7),
            evidence: vec![
                Evidence::new(passage.record, Part::Claim, &step.step.label),
                Evidence::new(artifact.record, Part::Against, &artifact.path),
                source_evidence(&origin.claim),
            ],
            sentence: format!(
                "works from {path}, into which step {} wrote what step {} brought up from nowhere",
                artifact.written.0, origin.step.0
            ),
            instruction: format!(
                "Put {path} right first (what step {} brought up was seen nowhere), then do again what was built on it.",
                origin.step.0
            ),
            means: Vec::new(),
        });
    }

    /// Whether a call reads what a carrying step wrote.
    pub(super) fn reads_carrier(&self, step: &ClosedStep<'_>) -> bool {
        if self.files.is_empty() {
            return false;
        }
        let mut reads = false;
        scan(speech::read(&step.input.text), |mention| {
            reads |= self.files.contains_key(&mention.hash)
                || mention.file_name.is_some_and(|name| self.files.contains_key(&name));
        });
        reads
    }
}
