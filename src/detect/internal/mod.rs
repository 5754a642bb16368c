//! Internal: what the model said that it thought, against what it did and what came back. Read only
//! with `internal_signals`; never enough by itself, because models rarely say what moved them.

mod manner;

use rustc_hash::FxHashMap;

use crate::trace::{
    AgentId, ClosedStep, Observation, Passage, Probability, RecordRef, Run, StepId, ToolKind,
};

use super::{Aspect, Basis, Class, EVIDENCE_BYTES, Evidence, Family, Finding, Part, Rule, fault, speech};

/// Said one thing, did another.
pub(super) static OTHER_ACT: Rule = Rule {
    id: "internal.other-act",
    class: Class::InconsistentReasoning,
    basis: Basis::Internal,
    speaks_of: Aspect::Consistency,
    summary: "The thought announces one sort of act and the call is another.",
    example: "thinks \"now I will run the tests\" and then makes another sort of call: \"edit src/lib.rs\"",
    proven: false,
};

/// Two thoughts that cannot both hold.
pub(super) static CONTRADICTION: Rule = Rule {
    id: "internal.contradiction",
    class: Class::InconsistentReasoning,
    basis: Basis::Internal,
    speaks_of: Aspect::Consistency,
    summary: "Two thoughts about one thing contradict each other and nothing was observed in between.",
    example: "thinks \"the port is 8080\" after \"the port is 9090\", with nothing observed in between",
    proven: false,
};

/// Thought it went well.
pub(super) static MISREAD: Rule = Rule {
    id: "internal.misread-outcome",
    class: Class::InconsistentReasoning,
    basis: Basis::Internal,
    speaks_of: Aspect::Consistency,
    summary: "The thought says that it went well while the outcome before it is a failure.",
    example: "thinks \"great, that passed\"; the outcome before it says \"1 failed\"",
    proven: false,
};

static RULES: &[&Rule] =
    &[&OTHER_ACT, &CONTRADICTION, &MISREAD, &manner::RISING_DOUBT, &manner::CONFIDENT_AMID_ERRORS];

const MOST_STATEMENTS: usize = 64;

/// A failure that the next thought is held against.
#[derive(Debug)]
struct Failed {
    step: StepId,
    record: RecordRef,
    line: String,
    check: bool,
}

/// What a thought stated of a subject.
#[derive(Debug)]
struct Statement {
    denied: bool,
    number: Option<u64>,
    evidence: Evidence,
}

/// The family.
#[derive(Debug, Default)]
pub(super) struct Internal {
    failed: FxHashMap<AgentId, Failed>,
    /// Statements of each agent since its last observation, by the hash of their words.
    stated: FxHashMap<AgentId, FxHashMap<u64, Statement>>,
    manners: manner::Manners,
}

/// Sorts of acts that can be told apart in words and in calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Run,
    Read,
    Change,
}

const ANNOUNCES: &[&str] = &[
    "i will ",
    "i'll ",
    "i’ll ",
    "let me ",
    "now i ",
    "next, i ",
    "i am going to ",
    "i'm going to ",
    "i should now ",
];
const RUNS: &[&str] = &["run", "rerun", "re-run", "execute", "test"];
const READS: &[&str] =
    &["read", "look", "inspect", "view", "open", "search", "grep", "list", "examine", "check"];
const CHANGES: &[&str] = &[
    "edit",
    "write",
    "fix",
    "change",
    "modify",
    "replace",
    "create",
    "add",
    "update",
    "implement",
    "patch",
    "commit",
    "push",
    "delete",
    "remove",
];

/// The sorts of acts that a thought's last announcement names, with its sentence.
fn announced(text: &str) -> Option<(Vec<Act>, &str)> {
    let sentence = speech::sentences(speech::read(text))
        .filter(|sentence| {
            let lower = sentence.to_ascii_lowercase();
            speech::has_any(&lower, ANNOUNCES)
                && !speech::has_any_word(&lower, &["if", "after", "once", "then", "later", "before"])
        })
        .last()?;
    let lower = sentence.to_ascii_lowercase();
    let start = ANNOUNCES.iter().filter_map(|head| lower.find(head)).min().unwrap_or(0);
    let rest = lower.get(start..).unwrap_or("");
    let mut acts = Vec::new();
    for (list, act) in [(RUNS, Act::Run), (READS, Act::Read), (CHANGES, Act::Change)] {
        if speech::has_any_word(rest, list) {
            acts.push(act);
        }
    }
    (acts.len() == 1).then_some((acts, sentence))
}

/// What sorts of acts a call may be.
fn acts_of(step: &ClosedStep<'_>) -> Option<Vec<Act>> {
    Some(match step.step.tool_kind()? {
        ToolKind::Edit | ToolKind::Write => vec![Act::Change],
        ToolKind::Read | ToolKind::Search => vec![Act::Read],
        ToolKind::Shell if !step.effects.is_empty() => vec![Act::Change, Act::Run],
        ToolKind::Shell | ToolKind::Code => vec![Act::Run, Act::Read, Act::Change],
        _ => return None,
    })
}

const WELL: &[&str] =
    &["passed", "pass", "passes", "succeeded", "successful", "successfully", "worked", "works", "completed"];
/// Words of a thought that corrects itself.
const CORRECTS: &[&str] = &[
    "wait",
    "actually",
    "hmm",
    "however",
    "but",
    "mistake",
    "correction",
    "instead",
    "wrong",
    "reconsider",
    "oh",
    "although",
    "though",
    "unless",
    "was",
];

impl Internal {
    fn closed(&mut self, step: &ClosedStep<'_>, found: &mut Vec<Finding>) {
        let agent = step.step.agent;
        let earlier = self.failed.get(&agent).is_some_and(|failed| {
            step.step.record.source == failed.record.source && step.step.record.index > failed.record.index
        });
        for thought in step.reasoning {
            if earlier {
                self.misread(step, thought, found);
            }
            self.contradiction(step, thought, found);
        }
        other_act(step, found);
        if step.step.is_message() {
            return;
        }
        self.stated.remove(&agent);
        self.failed.remove(&agent);
        if let (Some(fault), Some(outcome)) = (fault::of(step), step.outcome) {
            self.failed.insert(
                agent,
                Failed {
                    step: step.step.id,
                    record: outcome.record,
                    line: crate::text::excerpt(fault.line, EVIDENCE_BYTES),
                    check: fault.sort == fault::Sort::Check,
                },
            );
        }
    }

    /// Rule 31.
    fn misread(&mut self, step: &ClosedStep<'_>, thought: &Passage, found: &mut Vec<Finding>) {
        let Some(failed) = self.failed.get(&step.step.agent) else { return };
        let read = speech::read(&thought.text);
        let lower = read.to_ascii_lowercase();
        if failed.line.is_empty()
            || speech::has_any(&lower, &["fail", "error", "exception", "broke", "issue", "problem"])
        {
            return;
        }
        let claim = speech::sentences(read).find(|sentence| {
            let lower = sentence.to_ascii_lowercase();
            speech::has_any_word(&lower, WELL) && !speech::tentative(&lower) && !speech::denies(&lower)
        });
        let Some(claim) = claim else { return };
        found.push(Finding {
            rule: &MISREAD,
            step: step.step.id,
            root: Some(failed.step),
            strength: Probability::new(if failed.check { 0.65 } else { 0.5 }),
            evidence: vec![
                Evidence::new(thought.record, Part::Claim, claim),
                Evidence::new(failed.record, Part::Against, &failed.line),
            ],
            sentence: format!(
                "thinks {}; the outcome before it says {}",
                crate::text::quoted(claim, 80),
                crate::text::quoted(&failed.line, 80)
            ),
            instruction: format!(
                "Read the outcome of step {} once more, name the failure that it shows, and mend that first.",
                failed.step.0
            ),
            means: Vec::new(),
        });
        self.failed.remove(&step.step.agent);
    }

    /// Rule 30.
    fn contradiction(&mut self, step: &ClosedStep<'_>, thought: &Passage, found: &mut Vec<Finding>) {
        let stated = self.stated.entry(step.step.agent).or_default();
        for sentence in speech::sentences(speech::read(&thought.text)) {
            let lower = sentence.to_ascii_lowercase();
            if speech::has_any_word(&lower, CORRECTS) {
                stated.clear();
                continue;
            }
            if speech::tentative(&lower)
                || !speech::has_any_word(&lower, &["is", "are", "has", "have", "contains", "returns"])
            {
                continue;
            }
            let denied = speech::denies(&lower);
            let mut numbers = speech::words(&lower).filter(|word| word.bytes().all(|b| b.is_ascii_digit()));
            let number = numbers.next().map(|word| speech::hash(word.as_bytes()));
            if numbers.next().is_some() {
                continue;
            }
            let bare: Vec<&str> = speech::words(&lower)
                .filter(|word| {
                    !matches!(
                        *word,
                        "not"
                            | "no"
                            | "never"
                            | "isn"
                            | "aren"
                            | "t"
                            | "doesn"
                            | "does"
                            | "now"
                            | "so"
                            | "therefore"
                            | "thus"
                    )
                })
                .filter(|word| !word.bytes().all(|b| b.is_ascii_digit()))
                .collect();
            if bare.len() < 4 || bare.len() > 16 {
                continue;
            }
            let key = speech::hash(bare.join(" ").as_bytes());
            let evidence = Evidence::new(thought.record, Part::Claim, sentence);
            let Some(before) = stated.get(&key) else {
                if stated.len() < MOST_STATEMENTS {
                    stated.insert(key, Statement { denied, number, evidence });
                }
                continue;
            };
            let other_number = before.number.is_some() && number.is_some() && before.number != number;
            if before.denied == denied && !other_number {
                continue;
            }
            let against = Evidence { part: Part::Against, ..before.evidence.clone() };
            found.push(Finding {
                rule: &CONTRADICTION,
                step: step.step.id,
                root: None,
                strength: Probability::new(0.3),
                sentence: format!(
                    "thinks {} after {}, with nothing observed in between",
                    crate::text::quoted(sentence, 80),
                    crate::text::quoted(&against.text, 80)
                ),
                evidence: vec![evidence, against],
                instruction: "Find out with one call which of the two holds before you go on.".to_owned(),
                means: Vec::new(),
            });
            stated.remove(&key);
        }
    }
}

/// Rule 28.
fn other_act(step: &ClosedStep<'_>, found: &mut Vec<Finding>) {
    let Some(done) = acts_of(step) else { return };
    let Some(thought) = step.reasoning.last() else { return };
    // Words after the thought may tell of another choice.
    if !step.intent.is_empty() {
        return;
    }
    let Some((acts, sentence)) = announced(&thought.text) else { return };
    if acts.iter().any(|act| done.contains(act)) {
        return;
    }
    // Reading first is part of changing or of running.
    if done == [Act::Read] {
        return;
    }
    let label = fault::call_name(step);
    found.push(Finding {
        rule: &OTHER_ACT,
        step: step.step.id,
        root: None,
        strength: Probability::new(0.35),
        evidence: vec![
            Evidence::new(thought.record, Part::Claim, sentence),
            Evidence::new(step.input.record, Part::Against, &step.input.text),
        ],
        sentence: format!(
            "thinks {} and then makes another sort of call: “{label}”",
            crate::text::quoted(sentence, 80)
        ),
        instruction: "Say in one sentence what the next call is for, and make the call that does it."
            .to_owned(),
        means: Vec::new(),
    });
}

impl Family for Internal {
    fn rules(&self) -> &'static [&'static Rule] {
        RULES
    }

    fn observe(&mut self, seen: &Observation<'_>, _run: &Run, found: &mut Vec<Finding>) {
        match seen {
            Observation::Step(step) => {
                self.closed(step, found);
                self.manners.closed(step, found);
            }
            Observation::Prompt { agent, .. } | Observation::Return { to: agent, .. } => {
                self.stated.remove(agent);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::scene::Scene;
    use crate::trace::Status;
    use serde_json::json;

    fn scene() -> Scene {
        Scene::of(Internal::default())
    }

    #[test]
    fn announcing_a_run_and_editing() {
        let mut scene = scene();
        scene.thinks("The cause is clear. I will run the tests.");
        scene.call(
            "Edit",
            &json!({"file_path": "a.py", "old_string": "a", "new_string": "b"}),
            Status::Ok,
            "edited",
        );
        assert_eq!(scene.found("internal.other-act").len(), 1);
    }

    #[test]
    fn doing_what_was_announced_or_reading_first_is_well() {
        let mut scene = scene();
        scene.thinks("I will run the tests.");
        scene.call("Bash", &json!({"command": "pytest"}), Status::Ok, "ok");
        scene.thinks("I will fix the discount.");
        scene.call("Read", &json!({"file_path": "a.py"}), Status::Ok, "a");
        scene.thinks("I will run the tests after the change.");
        scene.call("Edit", &json!({"file_path": "a.py"}), Status::Ok, "edited");
        assert!(scene.all().is_empty());
    }

    #[test]
    fn a_flip_without_an_observation() {
        let mut scene = scene();
        scene.thinks("The config file is present in the root.");
        scene.thinks("The config file is not present in the root.");
        scene.says("I go on.");
        assert_eq!(scene.found("internal.contradiction").len(), 1);
        let mut scene = self::scene();
        scene.thinks("There are 3 callers of the function.\nThere are 4 callers of the function.");
        scene.says("I go on.");
        assert_eq!(scene.found("internal.contradiction").len(), 1);
    }

    #[test]
    fn a_flip_after_an_observation_or_a_correction_is_well() {
        let mut scene = scene();
        scene.thinks("The config file is present in the root.");
        scene.call("Bash", &json!({"command": "ls"}), Status::Ok, "a");
        scene.thinks("The config file is not present in the root.");
        scene.thinks("Wait, I misread. The config file is present in the root.");
        scene.says("I go on.");
        assert!(scene.found("internal.contradiction").is_empty());
    }

    #[test]
    fn thinking_it_passed_after_a_failure() {
        let mut scene = scene();
        let run = scene.call(
            "Bash",
            &json!({"command": "python -m unittest"}),
            Status::Error,
            "FAILED (failures=1)",
        );
        scene.thinks("Good, all tests passed. Time to close.");
        scene.says("Done.");
        let found = scene.found("internal.misread-outcome");
        assert_eq!((found.len(), found[0].root), (1, Some(run)));
    }

    #[test]
    fn thinking_of_the_failure_is_well() {
        let mut scene = scene();
        scene.call("Bash", &json!({"command": "python -m unittest"}), Status::Error, "FAILED (failures=1)");
        scene.thinks("Two passed and one failed. I look at it.");
        scene.call("Read", &json!({"file_path": "a.py"}), Status::Ok, "a");
        scene.thinks("The first two tests passed.");
        scene.says("One test fails.");
        assert!(scene.found("internal.misread-outcome").is_empty());
    }
}
