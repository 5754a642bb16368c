//! The same effect again, of a call that does harm when it is made twice.

use rustc_hash::FxHashMap;

use crate::detect::{Aspect, Basis, Class, Evidence, Finding, Means, Part, Rule, fault};
use crate::trace::{EffectKind, EffectStatus, Probability, RecordRef, StepId};

use super::{REMEMBERED, Tried};

/// Done twice what was meant to be done once.
pub(super) static EFFECT_AGAIN: Rule = Rule {
    id: "repetition.effect-again",
    class: Class::ExecutionError,
    basis: Basis::External,
    speaks_of: Aspect::Execution,
    summary: "A call that books, pays, orders or sends was made again unchanged after it had succeeded, and nobody had asked for it twice.",
    example: "makes the call “book_table 20:00” a second time; the first had succeeded",
    proven: true,
};

/// Effects that came about.
#[derive(Debug, Default)]
pub(super) struct Effects {
    /// Calls that succeeded and that do harm when they are made again, by their hash: where, and how
    /// often a person had spoken then.
    done: FxHashMap<u64, (StepId, RecordRef, u32)>,
}

impl Effects {
    /// Judges a call, made when a person had spoken so often. Returns whether something was told.
    pub(super) fn judge(&mut self, tried: &Tried<'_>, persons: u32, found: &mut Vec<Finding>) -> bool {
        let Tried { step, outcome, fault, .. } = *tried;
        let harms = step.effects.iter().any(|effect| {
            let outside =
                matches!(effect.kind, EffectKind::Transaction | EffectKind::Message | EffectKind::Request);
            outside && !effect.harmless_again && effect.status != EffectStatus::Failed
        });
        if !harms || fault.is_some() {
            return false;
        }
        if self.done.len() >= REMEMBERED {
            self.done.clear();
        }
        let before = self.done.insert(step.step.call_hash, (step.step.id, outcome.record, persons));
        let Some((first, record, _)) = before.filter(|(.., then)| *then == persons) else { return false };
        let label = fault::call_name(step);
        found.push(Finding {
        rule: &EFFECT_AGAIN,
        step: step.step.id,
        root: Some(first),
        strength: Probability::new(0.65),
        evidence: vec![
            Evidence::new(step.input.record, Part::Claim, &step.input.text),
            Evidence::new(record, Part::Against, &step.input.text),
        ],
        sentence: format!("makes the call “{label}” a second time; the first had succeeded"),
        instruction: format!(
            "{label} has been done twice. Look up what stands now, and take the second back if it was not meant."
        ),
        means: vec![Means::RefuseRepeat],
    });
        true
    }
}
