//! The same words again.

use rustc_hash::FxHashMap;

use crate::detect::{Aspect, Basis, Class, Evidence, Finding, Part, Rule, speech};
use crate::trace::{ClosedStep, Passage, RecordRef, StepId};

use super::{ROUNDS, due, growing};

/// The same words, over and over.
pub(super) static SAME_MESSAGE: Rule = Rule {
    id: "repetition.same-message",
    class: Class::InconsistentReasoning,
    basis: Basis::External,
    speaks_of: Aspect::Consistency,
    summary: "An agent has said the same three times or more and its user has said nothing in between.",
    example: "has said \"I will now look at the results.\" 3 times",
    proven: false,
};

/// The shortest message that counts when it is said again, in bytes.
const MESSAGE_BYTES: usize = 60;
/// The most messages remembered per agent.
const MESSAGES: usize = 1024;

/// What was said since a person last spoke.
#[derive(Debug, Default)]
pub(super) struct Messages {
    /// By the hash of its words: how often, and where first.
    said: FxHashMap<u64, (u32, StepId, RecordRef)>,
}

impl Messages {
    /// Begins anew.
    pub(super) fn clear(&mut self) {
        self.said.clear();
    }

    /// Judges a message.
    pub(super) fn judge(&mut self, step: &ClosedStep<'_>, message: &Passage, found: &mut Vec<Finding>) {
        let text = message.text.trim();
        if text.len() < MESSAGE_BYTES {
            return;
        }
        if self.said.len() >= MESSAGES {
            self.said.clear();
        }
        let hash = speech::hash_without_digits(crate::text::clip(text, 2048));
        let said = self.said.entry(hash).or_insert((0, step.step.id, message.record));
        said.0 = said.0.saturating_add(1);
        let (times, first, record) = *said;
        if !due(times, ROUNDS) {
            return;
        }
        found.push(Finding {
        rule: &SAME_MESSAGE,
        step: step.step.id,
        root: Some(first),
        strength: growing(0.45, times, ROUNDS),
        evidence: vec![
            Evidence::new(message.record, Part::Claim, text),
            Evidence::new(record, Part::Against, text),
        ],
        sentence: format!("has said {} {times} times", crate::text::quoted(text, 100)),
        instruction: "You have said this before and nothing came of it. Say what is still missing, and take a step that you have not taken yet.".to_owned(),
        means: Vec::new(),
    });
    }
}
