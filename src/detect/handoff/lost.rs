//! Lost on the way: the sender's message asks for a thing by its name, and nothing that the receiver
//! read, did or said holds it, although the receiver ended with word that it is done.
//!
//! Only things in sentences that ask for something count, and only receivers that made calls can be held
//! against them. Names are kept while the receiver is at work, no other text.

use rustc_hash::FxHashMap;

use super::{Aspect, Basis, Class, EVIDENCE_BYTES, Evidence, Finding, Part, Rule, speech};
use crate::detect::pattern::patterns;
use crate::trace::entity::scan;
use crate::trace::{AgentId, ClosedStep, EntityKind, Passage, Probability, RecordRef, Run, StepId};

/// Asked for, and never taken up.
pub(super) static LOST: Rule = Rule {
    id: "agents.lost-in-handoff",
    class: Class::FailurePropagation,
    basis: Basis::External,
    speaks_of: Aspect::Consistency,
    summary: "A hand-off asks for a path, an id, a figure or a quoted name that nothing holds of what the receiver then read, did or said, and the receiver ends with word that it is done.",
    example: "writer-1 ends with \"all files are updated\"; the hand-off asked for \"docs/limits.md\", which it never read, named or touched",
    proven: false,
};

/// How many hand-offs are followed at a time.
const MOST_TASKS: usize = 64;
/// How many things of one hand-off are followed.
const MOST_NAMES: usize = 24;
/// How much of one text is searched, in bytes.
const SEARCHED_BYTES: usize = 64 * 1024;

patterns! {
    QUOTED = r#"["“`]([A-Za-z][^"”`\n]{2,58})["”`]"#;
    ASKS = r"(?i)^(?:[-*•\d.)\s]*)(?:please\s+|then\s+|also\s+|and\s+|next,?\s+|finally,?\s+)?(?:add|adjust|analy[sz]e|append|apply|build|call|change|check|compare|copy|correct|count|create|delete|deploy|document|edit|email|ensure|extract|fetch|find|fix|include|insert|inspect|install|list|look|make|migrate|modify|move|open|parse|put|read|refactor|refund|remove|rename|replace|report|review|rewrite|run|save|search|send|set|start|store|summari[sz]e|test|translate|update|use|validate|verify|visit|write)\b|\b(?:must|make sure|ensure|be sure to|need to|needs to|have to|required)\b";
    DONE = r"(?i)\b(?:done|complete[ds]?|finished|fixed|updated|created|written|implemented|refunded|sent|added|removed|renamed|migrated|applied|everything|successfully)\b";
    UNBOUND = r"(?i)\b(?:do not|don['’]t|never|not|avoid|except|ignore|skip|without|unless|optional(?:ly)?|for example|e\.g\.|such as|like|similar to|instead of|context|background|if|or)\b";
}

/// A thing that a hand-off asks for.
#[derive(Debug)]
struct Named {
    name: Box<str>,
    /// In lower case, as it is searched for: of a path its last part.
    sought: Box<str>,
    hash: Option<u64>,
    sentence: Box<str>,
}

/// A hand-off under way.
#[derive(Debug)]
struct Task {
    from: AgentId,
    record: RecordRef,
    step: Option<StepId>,
    /// What has not turned up yet.
    missing: Vec<Named>,
    asked: usize,
    calls: u32,
    /// The receiver's last words, with their step.
    last: Option<(StepId, RecordRef, Box<str>)>,
}

/// Hand-offs under way, by receiver.
#[derive(Debug, Default)]
pub(super) struct Lost {
    tasks: FxHashMap<AgentId, Task>,
}

/// The things that a message asks for.
fn asked(text: &str) -> Vec<Named> {
    let mut all: Vec<Named> = Vec::new();
    for sentence in speech::sentences(speech::read(text)) {
        if !ASKS.is_in(sentence) || UNBOUND.is_in(sentence) || sentence.contains('?') {
            continue;
        }
        let mut add = |name: &str, hash: Option<u64>| {
            let bare = name.trim_end_matches('/');
            let sought = bare.rsplit('/').next().unwrap_or(bare).to_lowercase();
            if sought.len() >= 3 && all.len() < MOST_NAMES && !all.iter().any(|known| *known.name == *name) {
                let sentence = crate::text::excerpt(sentence, EVIDENCE_BYTES).into();
                all.push(Named { name: name.into(), sought: sought.into(), hash, sentence });
            }
        };
        scan(sentence, |mention| {
            let Some(name) = sentence.get(mention.span) else { return };
            let digits = name.bytes().filter(u8::is_ascii_digit).count();
            // A year or a small number is asked for in many ways.
            let telling = match mention.kind {
                EntityKind::Number => digits >= 4 && !(name.len() == 4 && name.starts_with(['1', '2'])),
                _ => (4..=120).contains(&name.len()),
            };
            if telling {
                add(name, Some(mention.hash));
            }
        });
        for quoted in QUOTED.all(sentence) {
            if let Some(name) = quoted.get(1)
                && name.as_str().split(' ').count() <= 5
            {
                add(name.as_str(), None);
            }
        }
    }
    all
}

impl Lost {
    /// Takes in a message that hands work over.
    pub(super) fn hands(&mut self, (from, to): (AgentId, AgentId), passage: &Passage, step: Option<StepId>) {
        let missing = asked(&passage.text);
        if missing.is_empty() || (self.tasks.len() >= MOST_TASKS && !self.tasks.contains_key(&to)) {
            self.tasks.remove(&to);
            return;
        }
        let asked = missing.len();
        let task = Task { from, record: passage.record, step, missing, asked, calls: 0, last: None };
        self.tasks.insert(to, task);
    }

    /// Takes in what a receiver does, reads and says.
    pub(super) fn closed(&mut self, step: &ClosedStep<'_>) {
        let Some(task) = self.tasks.get_mut(&step.step.agent) else { return };
        task.calls += u32::from(!step.step.is_message());
        let input = (!step.step.is_message()).then_some(step.input);
        for passage in step.words().chain(input).chain(step.outcome) {
            task.meets(&passage.text);
        }
        // Of a long outcome only a part is kept; its things are known of the whole.
        for mention in step.mentions {
            let file = mention.file_name;
            task.missing
                .retain(|named| named.hash.is_none_or(|hash| hash != mention.hash && Some(hash) != file));
        }
        if let Some(message) = step.message {
            let text = crate::text::excerpt(crate::text::clip_front(&message.text, 2048), 2048);
            task.last = Some((step.step.id, message.record, text.into()));
        }
    }

    /// The receiver has answered.
    pub(super) fn returns(&mut self, from: AgentId, answer: &Passage, run: &Run, found: &mut Vec<Finding>) {
        let Some(mut task) = self.tasks.remove(&from) else { return };
        task.meets(&answer.text);
        let Some((step, record, words)) = &task.last else { return };
        let (Some(lost), true) = (task.missing.first(), task.calls > 0) else { return };
        let done = speech::sentences(words).find(|sentence| {
            let lower = sentence.to_ascii_lowercase();
            DONE.is_in(sentence) && !speech::denies(&lower) && !speech::tentative(&lower)
        });
        let Some(done) = done.filter(|_| !speech::speaks_of_trouble(&words.to_ascii_lowercase())) else {
            return;
        };
        let (receiver, sender) = (run.agent_name(from), run.agent_name(task.from));
        let (receiver, sender) = (crate::text::excerpt(receiver, 40), crate::text::excerpt(sender, 40));
        let (claim, name) = (crate::text::quoted(done, 80), crate::text::quoted(&lost.name, 80));
        // Where other things that were asked for did turn up, this one was passed over.
        let strength = if task.missing.len() < task.asked { 0.5 } else { 0.35 };
        found.push(Finding {
            rule: &LOST,
            step: *step,
            root: task.step,
            strength: Probability::new(strength),
            evidence: vec![
                Evidence::new(*record, Part::Claim, done),
                Evidence::new(task.record, Part::Against, &lost.sentence),
            ],
            sentence: format!(
                "{receiver} ends with {claim}; the hand-off of {sender} asked for {name}, which it never read, named or touched"
            ),
            instruction: format!("Take up {name} as well, as the task of {sender} asks, and report on it."),
            means: Vec::new(),
        });
    }
}

impl Task {
    /// Takes out of what is missing all that a text holds.
    fn meets(&mut self, text: &str) {
        if self.missing.is_empty() {
            return;
        }
        let lower = crate::text::clip(text, SEARCHED_BYTES).to_lowercase();
        self.missing.retain(|named| !lower.contains(&*named.sought));
        if self.missing.iter().any(|named| named.hash.is_some()) {
            let missing = &mut self.missing;
            scan(crate::text::clip(text, SEARCHED_BYTES), |mention| {
                missing.retain(|named| named.hash != Some(mention.hash));
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Handoffs;
    use super::*;
    use crate::detect::scene::Scene;
    use crate::trace::Status;
    use serde_json::json;

    const TASK: &str = "Update docs/limits.md and docs/prices.md to version 2. Do not touch docs/old.md. The ticket was OPS-4417.";

    fn worked(task: &str, edits: &[&str], report: &str) -> Scene {
        let mut scene = Scene::of(Handoffs::default());
        scene.hands_over("writer-1", task);
        scene.acts("writer-1");
        for path in edits {
            scene.call("Edit", &json!({"file_path": path, "new_string": "2"}), Status::Ok, "edited");
        }
        scene.says(report);
        scene.acts("main");
        scene.returns("writer-1", report);
        scene
    }

    fn lost(mut scene: Scene) -> Vec<Finding> {
        scene.found("agents.lost-in-handoff")
    }

    #[test]
    fn the_patterns_compile() {
        assert!(patterns_that_do_not_compile().is_empty());
    }

    #[test]
    fn a_file_that_was_asked_for_is_never_touched() {
        let found = lost(worked(TASK, &["/w/docs/prices.md"], "All files are updated."));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].step, StepId(1));
        assert!(found[0].sentence.contains("docs/limits.md"), "{}", found[0].sentence);
    }

    #[test]
    fn a_quoted_name_that_was_asked_for() {
        let task = "Rename the section \"Opening hours\" in site/index.html.";
        assert_eq!(lost(worked(task, &["site/index.html"], "Done, the page is updated.")).len(), 1);
    }

    #[test]
    fn what_was_read_said_or_only_mentioned_is_well() {
        for (task, edits, report) in [
            (TASK, &["docs/prices.md", "docs/limits.md"][..], "All files are updated."),
            (TASK, &["docs/prices.md"][..], "Prices are updated; limits.md was up to date."),
            (TASK, &["docs/prices.md"][..], "I could not open the other file."),
            (TASK, &["docs/prices.md"][..], "Which version is meant?"),
            (TASK, &[][..], "All files are updated."),
            ("The notes are in docs/limits.md.", &["docs/prices.md"][..], "All files are updated."),
            ("Update the prices, for example in docs/limits.md.", &["docs/prices.md"][..], "All updated."),
        ] {
            assert!(lost(worked(task, edits, report)).is_empty(), "{task} {edits:?} {report}");
        }
    }

    #[test]
    fn what_an_outcome_shows_has_been_read() {
        let mut scene = Scene::of(Handoffs::default());
        scene.hands_over("reader-1", "Check order ORD-58213 and report on it.");
        scene.acts("reader-1");
        scene.call("Bash", &json!({"command": "orders --open"}), Status::Ok, "ORD-58213 open");
        scene.says("Done, everything is in order.");
        scene.acts("main");
        scene.returns("reader-1", "Done, everything is in order.");
        assert!(lost(scene).is_empty());
    }
}
