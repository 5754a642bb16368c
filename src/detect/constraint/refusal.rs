//! Refusal: an agent that keeps telling its user what it cannot do, and has not tried anything.

use rustc_hash::FxHashMap;

use crate::detect::{Aspect, Basis, Class, Evidence, Finding, Part, Rule, speech};
use crate::trace::{AgentId, ClosedStep, Passage, Probability, RecordRef};

/// Nothing tried.
pub(super) static UNTRIED: Rule = Rule {
    id: "constraint.untried-refusal",
    class: Class::InconsistentReasoning,
    basis: Basis::External,
    speaks_of: Aspect::Support,
    summary: "After three turns or more the agent, which has tools, still tells its user what it cannot do, and has called none.",
    example: "says \"Unfortunately, I need the booking number\" after 3 turns; it has called no tool so far",
    proven: true,
};

/// Turns of the user after which an agent is expected to have tried something.
const TURNS: u32 = 3;

const REFUSES: &[&str] = &[
    "unfortunately",
    "unable to",
    "i can't",
    "i can’t",
    "i cannot",
    "cannot be",
    "not able to",
    "don't have access",
    "don’t have access",
    "i need the",
    "i will need the",
    "i'll need the",
    "i’ll need the",
];

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
        let lower = speech::read(&message.text).to_ascii_lowercase();
        let Some(refusal) = speech::sentences(&message.text)
            .find(|sentence| speech::has_any(&sentence.to_ascii_lowercase(), REFUSES))
            .filter(|_| speech::has_any(&lower, REFUSES))
        else {
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
                "Before you say what cannot be done, look it up: use your tools with what the user has given you."
                    .to_owned(),
            means: Vec::new(),
        });
    }
}
