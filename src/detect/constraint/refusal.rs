//! Refusal: an agent that keeps asking its user for an id, and has not tried to find it.

use rustc_hash::FxHashMap;

use crate::detect::pattern::patterns;
use crate::detect::{Aspect, Basis, Class, Evidence, Finding, Part, Rule, speech};
use crate::trace::{AgentId, ClosedStep, Passage, Probability, RecordRef};

/// Nothing tried.
pub(super) static UNTRIED: Rule = Rule {
    id: "constraint.untried-refusal",
    class: Class::InconsistentReasoning,
    basis: Basis::External,
    speaks_of: Aspect::Support,
    summary: "After three turns or more the agent, which has tools, still says that it needs an id or the like, and has called none.",
    example: "says \"Unfortunately, I need the booking number\" after 3 turns; it has called no tool so far",
    proven: true,
};

/// Turns of the user after which an agent is expected to have tried something.
const TURNS: u32 = 3;

patterns! {
    ASKS_FOR = r"(?i)\b(?:need|require|without)\b[^.!?]{0,60}\b(?:ids?|numbers?|codes?|reference|e-?mail)\b";
}

#[derive(Debug, Default)]
struct Talk {
    turns: u32,
    calls: bool,
    told: bool,
    asked: Option<(RecordRef, String)>,
}

/// What each agent has tried.
#[derive(Debug, Default)]
pub(super) struct Untried {
    talks: FxHashMap<AgentId, Talk>,
}

impl Untried {
    /// The user has spoken.
    pub(super) fn prompted(&mut self, agent: AgentId, record: RecordRef, text: &str) {
        let talk = self.talks.entry(agent).or_default();
        talk.turns += 1;
        talk.asked.get_or_insert_with(|| (record, text.to_owned()));
    }

    /// A tool was called.
    pub(super) fn called(&mut self, agent: AgentId) {
        self.talks.entry(agent).or_default().calls = true;
    }

    /// The agent has spoken.
    pub(super) fn said(
        &mut self,
        step: &ClosedStep<'_>,
        message: &Passage,
        tools: bool,
        found: &mut Vec<Finding>,
    ) {
        let Some(talk) = self.talks.get_mut(&step.step.agent) else { return };
        if !tools || talk.calls || talk.told || talk.turns < TURNS {
            return;
        }
        let Some(refusal) = speech::sentences(speech::read(&message.text)).find(|s| ASKS_FOR.is_in(s)) else {
            return;
        };
        talk.told = true;
        let asked = talk.asked.as_ref().map(|(record, text)| Evidence::new(*record, Part::Against, text));
        found.push(Finding {
            rule: &UNTRIED,
            step: step.step.id,
            root: None,
            strength: Probability::new(0.5),
            evidence: std::iter::once(Evidence::new(message.record, Part::Claim, refusal)).chain(asked).collect(),
            sentence: format!(
                "says {} after {} turns; it has called no tool so far",
                crate::text::quoted(refusal, 100),
                talk.turns
            ),
            instruction:
                "Look it up with your tools, from what the user has given you; if something else would do for that, ask for it."
                    .to_owned(),
            means: Vec::new(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_patterns_compile() {
        assert!(patterns_that_do_not_compile().is_empty());
    }
}
