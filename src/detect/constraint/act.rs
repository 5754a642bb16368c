//! An act: a call that changes something, as the checks of this family look at it.

use serde_json::{Map, Value};

use crate::detect::fault::{self, Fault};
use crate::detect::{Evidence, Finding, Means, Part, Rule};
use crate::trace::{ClosedStep, EffectKind, EffectStatus, Probability};

use super::objects::{Object, Objects, is_id};
use super::policy::Sentence;
use super::words::{names_thing, plain};

/// A call that changes something, or was meant to.
pub(super) struct Act<'a> {
    pub(super) step: &'a ClosedStep<'a>,
    /// The tool's name, plain, without an MCP server's prefix.
    pub(super) name: String,
    pub(super) arguments: &'a Map<String, Value>,
    pub(super) fault: Option<Fault<'a>>,
}

/// Whether a call acts on the world beyond the agent's own files. Handing over to a person does not.
pub(super) fn acts(step: &ClosedStep<'_>) -> bool {
    !step.tool.contains("transfer_to")
        && step.effects.iter().any(|effect| {
            matches!(effect.kind, EffectKind::Transaction | EffectKind::Message | EffectKind::Request)
        })
}

/// Whether the log says, or leaves open, that the act came about.
pub(super) fn came_about(step: &ClosedStep<'_>) -> bool {
    acts(step) && step.effects.iter().any(|effect| effect.status != EffectStatus::Failed)
}

impl<'a> Act<'a> {
    pub(super) fn new(step: &'a ClosedStep<'a>, arguments: &'a Map<String, Value>) -> Option<Self> {
        let bare = step
            .tool
            .strip_prefix("mcp__")
            .and_then(|rest| rest.split_once("__"))
            .map_or(step.tool, |(_, tool)| tool);
        acts(step).then(|| Self { step, name: plain(bare), arguments, fault: fault::of(step) })
    }

    /// The things that its arguments name by their ids: the argument's plain name, the id, the thing.
    pub(super) fn things<'o>(
        &'o self,
        objects: &'o Objects,
    ) -> impl Iterator<Item = (String, &'o str, &'o Object)> {
        self.arguments.iter().filter_map(|(name, value)| {
            let id = value.as_str().filter(|text| is_id(text))?;
            Some((plain(name), id, objects.get(id)?))
        })
    }

    /// Whether the tool or one of its arguments is called after this noun.
    pub(super) fn is_about(&self, noun: &str) -> bool {
        names_thing(&self.name, noun) || self.arguments.keys().any(|name| names_thing(&plain(name), noun))
    }

    /// The tool's name for an operator.
    pub(super) fn shown(&self) -> String {
        crate::text::excerpt(self.step.tool, 60)
    }

    /// The call as evidence.
    pub(super) fn claim(&self) -> Evidence {
        Evidence::new(self.step.input.record, Part::Claim, &self.step.input.text)
    }

    /// The refusal as evidence, where there is one.
    pub(super) fn refusal(&self) -> Option<Evidence> {
        let (fault, outcome) = (self.fault?, self.step.outcome?);
        (!fault.line.is_empty()).then(|| Evidence::new(outcome.record, Part::Against, fault.line))
    }

    /// A finding at this act.
    pub(super) fn finding(
        &self,
        rule: &'static Rule,
        strength: f64,
        against: impl IntoIterator<Item = Evidence>,
        sentence: String,
        instruction: String,
    ) -> Finding {
        Finding {
            rule,
            step: self.step.step.id,
            root: None,
            strength: Probability::new(strength),
            evidence: std::iter::once(self.claim()).chain(against).collect(),
            sentence,
            instruction,
            means: Vec::new(),
        }
    }
}

/// A sentence of the instructions as evidence.
pub(super) fn context(sentence: &Sentence) -> Evidence {
    Evidence::new(sentence.record, Part::Context, &sentence.text)
}

/// The means of mending one argument.
pub(super) fn mend(name: &str) -> Vec<Means> {
    vec![Means::RepairArgument { argument: crate::text::excerpt(name, 40) }]
}
