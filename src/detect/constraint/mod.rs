//! Constraint: what the instructions say in so many words, held against what is called and what was
//! observed: a yes before a consequential act, the state and sort of things, counts, kinds and
//! allowances, choices that are the user's, charges that were told, what may be done once and one at a
//! time, counts that the user has named.
//!
//! A rule here wakes only when the instructions hold its constraint; [`policy`] reads them. Sentences
//! are read for their form, never for the business that they are about.

mod act;
mod consent;
mod counts;
mod objects;
mod once;
mod policy;
mod refusal;
mod state;
mod stated;
#[cfg(test)]
mod tests;
mod words;

use rustc_hash::FxHashMap;
use serde_json::{Map, Value};

use crate::trace::{AgentId, Author, ClosedStep, Observation, Passage, Probability, RecordRef, Run};

use super::{Aspect, Basis, Class, Evidence, Family, Finding, Part, Rule, speech};
use act::{Act, came_about, context};

/// No yes.
pub(super) static UNCONFIRMED: Rule = Rule {
    id: "constraint.unconfirmed-act",
    class: Class::InconsistentReasoning,
    basis: Basis::External,
    speaks_of: Aspect::Consistency,
    summary: "The instructions ask for the user's yes before a consequential act, and the user has given none.",
    example: "calls cancel_stay after the user said \"What would I get back?\", which is no yes",
    proven: true,
};

/// Both at once.
pub(super) static CALL_WITH_MESSAGE: Rule = Rule {
    id: "constraint.call-with-message",
    class: Class::InconsistentReasoning,
    basis: Basis::External,
    speaks_of: Aspect::Consistency,
    summary: "The instructions say that a call and a message to the user do not go together, and here a consequential act came with one.",
    example: "calls cancel_stay and speaks to the user in one go",
    proven: false,
};

static RULES: &[&Rule] = &[
    &UNCONFIRMED,
    &CALL_WITH_MESSAGE,
    &state::WRONG_STATE,
    &state::CONDITION_UNMET,
    &state::LOCKED_OUT,
    &counts::TOO_MANY,
    &counts::WRONG_KIND,
    &counts::ALLOWANCE,
    &consent::UNSPOKEN_CHOICE,
    &consent::UNTOLD_CHARGE,
    &refusal::UNTRIED,
    &once::CALLS_TOGETHER,
    &once::TWICE,
    &stated::OTHER_COUNT,
];

/// Words that are a yes wherever they stand.
const YES: &[&str] = &[
    "yes",
    "yeah",
    "yep",
    "yup",
    "confirm",
    "confirmed",
    "proceed",
    "ahead",
    "agree",
    "agreed",
    "absolutely",
    "definitely",
    "please do",
    "oui",
];
/// Words that are a yes where nothing is asked or denied beside them.
const LIKELY_YES: &[&str] =
    &["sure", "ok", "okay", "correct", "sounds good", "fine", "perfect", "great", "right", "good", "works"];

/// Whether a user's words, in lower case, say yes to what was asked.
fn says_yes(lower: &str) -> bool {
    speech::has_any_word(lower, YES)
        || (speech::has_any_word(lower, LIKELY_YES) && !lower.contains('?') && !speech::denies(lower))
}

/// What a user said last.
#[derive(Clone, Debug)]
struct Said {
    record: RecordRef,
    text: String,
    yes: bool,
    /// An act on these words has been told of.
    told: bool,
    /// A choice, and a charge, that came after these words have been told of.
    choice_told: bool,
    charge_told: bool,
}

/// The family.
#[derive(Debug, Default)]
pub(super) struct Constraint {
    policy: policy::Policy,
    objects: objects::Objects,
    changes: state::Changes,
    /// Words of the user and of the agent.
    user: words::Spoken,
    agent: words::Spoken,
    told: consent::Told,
    untried: refusal::Untried,
    once: once::Once,
    counts: stated::Counts,
    said: FxHashMap<AgentId, Said>,
}

impl Constraint {
    fn called(&mut self, step: &ClosedStep<'_>, found: &mut Vec<Finding>) {
        self.untried.called(step.step.agent);
        if self.policy.is_empty() {
            return;
        }
        let arguments: Map<String, Value> = serde_json::from_str(&step.input.text).unwrap_or_default();
        let record = step.outcome.map(|outcome| outcome.record);
        self.unconfirmed(step, found);
        self.once.answered(step, &self.policy, found);
        let Some(act) = Act::new(step, &arguments) else {
            self.learn(step, &arguments);
            return;
        };
        let locked = state::locked(&act, &self.objects, &mut self.changes, found);
        let first = found.len();
        state::check(&act, &self.policy, &self.objects, &self.user, found);
        for finding in found.iter_mut().skip(first) {
            finding.root = locked;
        }
        counts::check(&act, &self.policy, &self.objects, found);
        self.once.acts(&act, came_about(step), &self.policy, found);
        self.counts.check(&act, [&self.user, &self.agent], found);
        let mut said = self.said.get_mut(&step.step.agent);
        if said.as_ref().is_none_or(|said| !said.choice_told) {
            let told = consent::choice(&act, &self.policy, &self.objects, (&self.user, &self.agent), found);
            if let Some(said) = &mut said {
                said.choice_told |= told;
            }
        }
        let states = state::states(&act, &self.objects);
        let amounts = consent::amounts(&act, &self.objects);
        self.learn(step, &arguments);
        if act.fault.is_some() || !came_about(step) {
            return;
        }
        state::note(&act, &states, &self.objects, &mut self.changes);
        let mut said = self.said.get_mut(&step.step.agent);
        if said.as_ref().is_none_or(|said| !said.charge_told) {
            let told = consent::charge(&act, &self.policy, &amounts, &self.objects, &self.told, found);
            if let Some(said) = &mut said {
                said.charge_told |= told;
            }
        }
        for (id, _) in &states {
            self.objects.set(id, &arguments, record.unwrap_or(step.input.record));
        }
    }

    fn learn(&mut self, step: &ClosedStep<'_>, arguments: &Map<String, Value>) {
        if let Some(outcome) = step.outcome {
            self.objects.learn(&outcome.text, Some(arguments), outcome.record);
        }
    }

    fn unconfirmed(&mut self, step: &ClosedStep<'_>, found: &mut Vec<Finding>) {
        let label = crate::text::excerpt(step.tool, 60);
        if !came_about(step) {
            return;
        }
        if let Some(sentence) = &self.policy.asks_yes
            && let Some(said) = self.said.get_mut(&step.step.agent)
            && !said.yes
            && !said.told
        {
            said.told = true;
            found.push(Finding {
                rule: &UNCONFIRMED,
                step: step.step.id,
                root: None,
                strength: Probability::new(0.4),
                evidence: vec![
                    Evidence::new(step.input.record, Part::Claim, &step.input.text),
                    Evidence::new(said.record, Part::Against, &said.text),
                    context(sentence),
                ],
                sentence: format!(
                    "calls {label} after the user said {}, which is no yes",
                    crate::text::quoted(&said.text, 80)
                ),
                instruction: format!(
                    "Tell the user exactly what {label} has done and ask for a yes; if the answer is no, take it back."
                ),
                means: Vec::new(),
            });
        }
        if let (Some(sentence), Some(words)) = (&self.policy.one_at_a_time, step.intent.first())
            && !words.text.trim().is_empty()
        {
            found.push(Finding {
                rule: &CALL_WITH_MESSAGE,
                step: step.step.id,
                root: None,
                strength: Probability::new(0.3),
                evidence: vec![Evidence::new(words.record, Part::Claim, &words.text), context(sentence)],
                sentence: format!("calls {label} and speaks to the user in one go"),
                instruction: "Either make one call, or answer the user.".to_owned(),
                means: Vec::new(),
            });
        }
    }

    fn prompted(&mut self, agent: AgentId, passage: &Passage) {
        let lower = crate::text::clip(&passage.text, 4096).to_ascii_lowercase();
        let yes = says_yes(&lower)
            // Once given, a yes holds for the rest of what was agreed on.
            || self.said.get(&agent).is_some_and(|said| said.yes && lower.len() < 40);
        let text = crate::text::excerpt(&passage.text, super::EVIDENCE_BYTES);
        self.untried.prompted(agent, passage.record, &text);
        self.said.insert(
            agent,
            Said { record: passage.record, text, yes, told: false, choice_told: false, charge_told: false },
        );
        if !self.policy.is_empty() {
            self.user.hear(&passage.text);
            self.counts.hear(passage.record, &passage.text);
        }
    }
}

impl Family for Constraint {
    fn rules(&self) -> &'static [&'static Rule] {
        RULES
    }

    fn observe(&mut self, seen: &Observation<'_>, _run: &Run, found: &mut Vec<Finding>) {
        match seen {
            Observation::System { passage } => self.policy.read(passage),
            Observation::Tools { .. } => self.policy.tools = true,
            Observation::Called { step } if self.policy.one_call.is_some() => self.once.called(step),
            Observation::Prompt { agent, author: Author::Person, passage } => self.prompted(*agent, passage),
            Observation::Step(step) => {
                if step.step.is_message() {
                    if let Some(message) = step.message {
                        self.untried.said(step, message, self.policy.tools, found);
                    }
                } else {
                    self.called(step, found);
                }
                for words in step.words().filter(|_| !self.policy.is_empty()) {
                    self.agent.hear(&words.text);
                    self.told.hear(words.record, &words.text);
                }
            }
            _ => {}
        }
    }
}
