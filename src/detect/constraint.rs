//! Constraint: cheap checks of what the instructions say in so many words: that a consequential act
//! needs a yes, and that a call and a message do not go together.
//!
//! A rule here wakes only when the instructions hold its constraint.

use rustc_hash::FxHashMap;

use crate::trace::{
    AgentId, Author, ClosedStep, EffectKind, EffectStatus, Observation, Passage, Probability, RecordRef, Run,
};

use super::{Aspect, Basis, Class, Evidence, Family, Finding, Part, Rule, speech};

/// No yes.
pub(super) static UNCONFIRMED: Rule = Rule {
    id: "constraint.unconfirmed-act",
    class: Class::InconsistentReasoning,
    basis: Basis::External,
    speaks_of: Aspect::Consistency,
    summary: "The instructions ask for the user's yes before a consequential act, and the user has given none.",
    example: "calls cancel_order after the user said \"Which one was that again?\", which is no yes",
    proven: true,
};

/// Both at once.
pub(super) static CALL_WITH_MESSAGE: Rule = Rule {
    id: "constraint.call-with-message",
    class: Class::InconsistentReasoning,
    basis: Basis::External,
    speaks_of: Aspect::Consistency,
    summary: "The instructions say that a call and a message to the user do not go together, and here they do.",
    example: "calls get_order_details and speaks to the user in one go",
    proven: true,
};

static RULES: &[&Rule] = &[&UNCONFIRMED, &CALL_WITH_MESSAGE];

const YES: &[&str] = &[
    "yes",
    "yeah",
    "yep",
    "yup",
    "confirm",
    "confirmed",
    "proceed",
    "ahead",
    "sure",
    "ok",
    "okay",
    "correct",
    "agree",
    "agreed",
    "absolutely",
    "definitely",
    "sounds good",
    "please do",
    "fine",
    "perfect",
    "great",
    "right",
    "good",
    "works",
];

/// What a user said last.
#[derive(Clone, Debug)]
struct Said {
    record: RecordRef,
    text: String,
    yes: bool,
    /// An act on these words has been told of.
    told: bool,
}

/// The family.
#[derive(Debug, Default)]
pub(super) struct Constraint {
    /// The instructions' own words on each constraint.
    asks_yes: Option<(RecordRef, String)>,
    one_at_a_time: Option<(RecordRef, String)>,
    said: FxHashMap<AgentId, Said>,
}

impl Constraint {
    fn instructed(&mut self, passage: &Passage) {
        for sentence in speech::sentences(&passage.text) {
            let lower = sentence.to_ascii_lowercase();
            let keep = || Some((passage.record, crate::text::excerpt(sentence, super::EVIDENCE_BYTES)));
            if self.asks_yes.is_none()
                && lower.contains("confirm")
                && speech::has_any(&lower, &["(yes)", "explicit user"])
            {
                self.asks_yes = keep();
            }
            if self.one_at_a_time.is_none()
                && lower.contains("tool call")
                && lower.contains("respond")
                && speech::has_any(&lower, &["at the same time", "simultaneously"])
            {
                self.one_at_a_time = keep();
            }
        }
    }

    fn closed(&mut self, step: &ClosedStep<'_>, found: &mut Vec<Finding>) {
        if step.step.is_message() {
            return;
        }
        let label = crate::text::excerpt(step.tool, 60);
        let acts = step.effects.iter().any(|effect| {
            matches!(effect.kind, EffectKind::Transaction | EffectKind::Message | EffectKind::Request)
                && effect.status != EffectStatus::Failed
        }) && !step.tool.contains("transfer_to");
        if acts
            && let Some((record, rule)) = &self.asks_yes
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
                    Evidence::new(*record, Part::Context, rule),
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
        if let (Some((record, rule)), Some(words)) = (&self.one_at_a_time, step.intent.first())
            && !words.text.trim().is_empty()
        {
            found.push(Finding {
                rule: &CALL_WITH_MESSAGE,
                step: step.step.id,
                root: None,
                strength: Probability::new(0.15),
                evidence: vec![
                    Evidence::new(words.record, Part::Claim, &words.text),
                    Evidence::new(*record, Part::Context, rule),
                ],
                sentence: format!("calls {label} and speaks to the user in one go"),
                instruction: "Either make one call, or answer the user.".to_owned(),
                means: Vec::new(),
            });
        }
    }
}

impl Family for Constraint {
    fn rules(&self) -> &'static [&'static Rule] {
        RULES
    }

    fn observe(&mut self, seen: &Observation<'_>, _run: &Run, found: &mut Vec<Finding>) {
        match seen {
            Observation::System { passage } => self.instructed(passage),
            Observation::Prompt { agent, author: Author::Person, passage } => {
                let lower = crate::text::clip(&passage.text, 4096).to_ascii_lowercase();
                let yes = speech::has_any_word(&lower, YES)
                    // Once given, a yes holds for the rest of what was agreed on.
                    || self.said.get(agent).is_some_and(|said| said.yes && lower.len() < 40);
                let text = crate::text::excerpt(&passage.text, super::EVIDENCE_BYTES);
                self.said.insert(*agent, Said { record: passage.record, text, yes, told: false });
            }
            Observation::Step(step) => self.closed(step, found),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::scene::Scene;
    use super::*;
    use crate::trace::Status;
    use serde_json::json;

    fn scene() -> Scene {
        let mut scene = Scene::of(Constraint::default());
        scene.system(
            "Before a booking, list the details and obtain explicit user confirmation (yes). \
             If you make a tool call, do not respond to the user at the same time.",
        );
        scene
    }

    #[test]
    fn an_act_without_a_yes() {
        let mut scene = scene();
        scene.prompt("What would the flight cost?");
        scene.call("book_flight", &json!({"n": 1}), Status::Ok, "booked");
        let found = scene.found("constraint.unconfirmed-act");
        assert_eq!(found.len(), 1);
        assert!(found[0].sentence.contains("What would the flight cost?"));
    }

    #[test]
    fn with_a_yes_or_without_the_constraint_it_is_well() {
        let mut scene = scene();
        scene.prompt("Yes, please go ahead.");
        scene.call("book_flight", &json!({"n": 1}), Status::Ok, "booked");
        assert!(scene.all().is_empty());
        let mut free = Scene::of(Constraint::default());
        free.prompt("What would it cost?");
        free.intends("I book it.");
        free.call("book_flight", &json!({"n": 1}), Status::Ok, "booked");
        assert!(free.all().is_empty());
    }

    #[test]
    fn looking_something_up_needs_no_yes() {
        let mut scene = scene();
        scene.prompt("What would the flight cost?");
        scene.call("get_flight", &json!({"n": 1}), Status::Ok, "100");
        assert!(scene.all().is_empty());
    }

    #[test]
    fn a_call_together_with_words() {
        let mut scene = scene();
        scene.prompt("Yes");
        scene.intends("I will look that up for you.");
        scene.call("get_flight", &json!({"n": 1}), Status::Ok, "100");
        assert_eq!(scene.found("constraint.call-with-message").len(), 1);
    }
}
