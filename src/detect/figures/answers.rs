//! Answers: the words that lead to a call, or to a last message, name a figure as the answer, and the
//! call or the message gives another one.

use super::scan::{Token, scan};
use super::{Aspect, Basis, Class, Evidence, Finding, Part, Rule, speech};
use crate::detect::pattern::patterns;
use crate::trace::{ClosedStep, Probability};

/// Said one, passed another.
pub(super) static OTHER_ANSWER: Rule = Rule {
    id: "figures.other-answer",
    class: Class::InconsistentReasoning,
    basis: Basis::External,
    speaks_of: Aspect::Consistency,
    summary: "The words that lead to a call or a last message name a figure as the answer, and it gives another figure.",
    example: "says that the answer is 2605 and passes to Finish 2004",
    proven: false,
};

/// An answer is short: longer arguments hold other figures too.
const ANSWER_BYTES: usize = 80;

patterns! {
    ANSWER = r"(?i)\banswer\s+(?:is|must be|should be|=|:)\s+(?:therefore\s+)?(.{1,60})";
}

/// The only figure of a text; `None` without one, with several, or with a date.
fn only_figure(text: &str) -> Option<String> {
    let (mut figures, mut dates) = (Vec::new(), false);
    scan(text, &mut |token| match token {
        Token::Figure(figure) => figures.push(figure.plain().to_owned()),
        Token::Date(..) => dates = true,
    });
    figures.dedup();
    (figures.len() == 1 && !dates).then(|| figures.pop())?
}

/// Holds what a call passes against the answer that the words before it give.
pub(super) fn call(step: &ClosedStep<'_>, found: &mut Vec<Finding>) {
    let Some(words) = step.intent.last() else { return };
    // Some programs end with the bare answer as a message.
    let given = step.message.unwrap_or(step.input);
    if given.text.len() > ANSWER_BYTES {
        return;
    }
    let text = speech::read(&words.text);
    let Some(answer) = ANSWER.all(text).last().and_then(|answer| answer.get(1)) else { return };
    let Some(clause) = speech::sentences(answer.as_str()).next() else { return };
    let (Some(said), Some(passed)) = (only_figure(clause), only_figure(&given.text)) else { return };
    let lower = clause.to_ascii_lowercase();
    let digits = said.bytes().filter(u8::is_ascii_digit).count();
    if said == passed || digits < 2 || speech::denies(&lower) || speech::tentative(&lower) {
        return;
    }
    let tool = crate::text::excerpt(step.tool, 40);
    let to = if step.step.is_message() { "gives".to_owned() } else { format!("passes to {tool}") };
    let (said, passed) = (crate::text::excerpt(&said, 24), crate::text::excerpt(&passed, 24));
    found.push(Finding {
        rule: &OTHER_ANSWER,
        step: step.step.id,
        root: None,
        strength: Probability::new(0.7),
        evidence: vec![
            Evidence::new(words.record, Part::Claim, &format!("answer is {clause}")),
            Evidence::new(given.record, Part::Against, &given.text),
        ],
        sentence: format!("says that the answer is {said} and {to} {passed}"),
        instruction: format!(
            "Look up in the outcomes which of {said} and {passed} holds, and give that one in both places."
        ),
        means: Vec::new(),
    });
}

#[cfg(test)]
mod tests {
    use super::super::super::scene::Scene;
    use super::super::Figures;
    use super::*;
    use crate::trace::Status;
    use serde_json::json;

    fn passes(words: &str, answer: &str) -> usize {
        let mut scene = Scene::of(Figures::default());
        scene.call("Search", &json!({"for": "mill"}), Status::Ok, "built 2004, again 2605");
        scene.intends(words);
        scene.call("Finish", &json!({"answer": answer}), Status::Unknown, "");
        scene.found("figures.other-answer").len()
    }

    #[test]
    fn a_last_message_that_is_another_answer() {
        let mut scene = Scene::of(Figures::default());
        scene.call("Search", &json!({"for": "mill"}), Status::Ok, "built 2004");
        scene.intends("The mill fell in 2004, so the answer is 2605.");
        scene.says("2004");
        assert_eq!(scene.found("figures.other-answer").len(), 1);
    }

    #[test]
    fn the_patterns_compile() {
        assert!(patterns_that_do_not_compile().is_empty());
    }

    #[test]
    fn another_figure_than_the_answer_is_passed() {
        assert_eq!(passes("The mill fell in 2004, so the answer is 2605.", "2004"), 1);
        assert_eq!(passes("So the answer is 1,250 tons.", "1520"), 1);
    }

    #[test]
    fn the_same_answer_or_none_that_can_be_held_against_it_is_well() {
        for (words, answer) in [
            ("So the answer is 2,605.", "2605"),
            ("So the answer is 2605.", "the mill"),
            ("The answer is not 2605.", "2004"),
            ("The answer is May 3, 2004.", "2004"),
            ("The answer is between 2004 and 2006.", "2005"),
            ("I look at page 12.", "2004"),
        ] {
            assert_eq!(passes(words, answer), 0, "{words}");
        }
    }
}
