//! Loss: what an agent has lost once its context was compacted or cut. It reads again what it had read,
//! makes a call again that had failed, asks again what its user had answered.
//!
//! Wakes at a mark in the log: a compaction, or words of a program that say that earlier turns were
//! taken out. What came before it is known by hashes of calls and of words. Operational: to look things
//! up again is what is left to an agent that has lost them.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use crate::trace::{
    AgentId, Author, ClosedStep, Lifecycle, Observation, Passage, Probability, RecordRef, Run, StepId,
    ToolKind,
};

use super::pattern::patterns;
use super::{Aspect, Basis, Class, Evidence, Family, Finding, Means, Part, Rule, fault, progress, speech};

/// Read before.
pub(super) static READS_AGAIN: Rule = Rule {
    id: "loss.reads-again",
    class: Class::Operational,
    basis: Basis::External,
    speaks_of: Aspect::Execution,
    summary: "After its context was compacted or cut, an agent reads three things or more again, with the same outcome as before.",
    example: "since its context was cut it has read 3 things again that it had read before, the last one by “Read src/cache.rs”",
    proven: false,
};

/// Failed before.
pub(super) static FAILS_AGAIN: Rule = Rule {
    id: "loss.fails-again",
    class: Class::Operational,
    basis: Basis::External,
    speaks_of: Aspect::Execution,
    summary: "After its context was compacted or cut, an agent makes a call again that had failed before, and it fails in the same way.",
    example: "makes the call “pip install torch” again, which had failed before its context was cut: \"no matching distribution found\"",
    proven: false,
};

/// Answered before.
pub(super) static ASKS_AGAIN: Rule = Rule {
    id: "loss.asks-again",
    class: Class::Operational,
    basis: Basis::External,
    speaks_of: Aspect::Consistency,
    summary: "After its context was compacted or cut, an agent asks its user again what the user had answered before.",
    example: "asks \"which database should the export read?\" again; its user had answered \"the replica\" before the context was cut",
    proven: false,
};

static RULES: &[&Rule] = &[&READS_AGAIN, &FAILS_AGAIN, &ASKS_AGAIN];

/// Calls remembered of each agent.
const REMEMBERED: usize = 4096;
/// Questions remembered of each agent.
const QUESTIONS: usize = 32;
/// Steps after a mark in which a loss shows.
const STEPS: u32 = 40;
/// Things read again at which they are told of.
const READ: u32 = 3;
/// Content words that two questions must share.
const SHARED: usize = 3;

patterns! {
    MARK = r"(?ix) ^\W*this\ session\ is\ being\ continued\ from\ a\ previous\ conversation
        | \b(?:context|conversation|history|messages|turns)\b[^.!?\n]{0,40}
          \b(?:was|were|has\ been|have\ been)\ (?:\w+ly\ )?(?:compacted|truncated|condensed|summari[sz]ed|trimmed|omitted|removed)";
}

/// A call as it ended.
#[derive(Clone, Copy, Debug)]
struct Ended {
    step: StepId,
    record: RecordRef,
    /// Hash of what it brought; of a failure, of the line that tells of it.
    brought: u64,
    failed: bool,
    /// It was made before the latest mark.
    before: bool,
}

/// A question to the user.
#[derive(Debug)]
struct Asked {
    words: Vec<u64>,
    answer: Option<(RecordRef, String)>,
    before: bool,
}

/// A place where the context was cut.
#[derive(Debug)]
struct Mark {
    record: RecordRef,
    text: String,
    steps: u32,
    read: u32,
}

/// What is kept of each agent.
#[derive(Debug, Default)]
struct Memory {
    calls: FxHashMap<u64, Ended>,
    asked: VecDeque<Asked>,
    mark: Option<Mark>,
}

/// The family.
#[derive(Debug, Default)]
pub(super) struct Loss {
    memories: FxHashMap<AgentId, Memory>,
}

impl Memory {
    /// The context was cut here.
    fn cut(&mut self, passage: &Passage) {
        let text = if passage.text.trim().is_empty() { "(compacted)" } else { passage.text.as_str() };
        self.calls.values_mut().for_each(|call| call.before = true);
        self.asked.iter_mut().for_each(|asked| asked.before = true);
        self.mark = Some(Mark {
            record: passage.record,
            text: crate::text::excerpt(text, super::EVIDENCE_BYTES),
            steps: 0,
            read: 0,
        });
    }

    /// A person has spoken: what was asked last is answered.
    fn answered(&mut self, passage: &Passage) {
        let open = self.asked.iter_mut().rev().take_while(|asked| asked.answer.is_none());
        for asked in open {
            let text = crate::text::excerpt(&passage.text, super::EVIDENCE_BYTES);
            asked.answer = Some((passage.record, text));
        }
    }

    fn closed(&mut self, step: &ClosedStep<'_>, found: &mut Vec<Finding>) {
        if let Some(mark) = &mut self.mark {
            mark.steps += 1;
            if mark.steps > STEPS {
                self.mark = None;
            }
        }
        if let Some(message) = step.message {
            self.said(step, message, found);
        } else if let Some(outcome) = step.outcome {
            self.called(step, outcome, found);
        }
    }

    fn called(&mut self, step: &ClosedStep<'_>, outcome: &Passage, found: &mut Vec<Finding>) {
        let fault = fault::of(step);
        let brought = match fault {
            Some(fault) => speech::hash_without_digits(crate::text::clip(fault.line, 400)),
            None => step.step.outcome_hash,
        };
        if self.calls.len() >= REMEMBERED {
            self.calls.clear();
        }
        let ended = Ended {
            step: step.step.id,
            record: outcome.record,
            brought,
            failed: fault.is_some(),
            before: false,
        };
        let known = self.calls.insert(step.step.call_hash, ended);
        let Some(known) = known.filter(|known| known.before && known.brought == brought) else { return };
        let Some(mark) = &mut self.mark else { return };
        let label = fault::call_name(step);
        let context = Evidence::new(mark.record, Part::Context, &mark.text);
        if let Some(fault) = fault {
            // A check that fails until it is mended, and a server that was away, are tried again.
            if !known.failed || fault.sort == fault::Sort::Check || fault.sort.passing() {
                return;
            }
            let line = if fault.line.is_empty() { "(no text)" } else { fault.line };
            found.push(Finding {
                rule: &FAILS_AGAIN,
                step: step.step.id,
                root: Some(known.step),
                strength: Probability::new(0.3),
                evidence: vec![
                    Evidence::new(step.input.record, Part::Claim, &step.input.text),
                    Evidence::new(known.record, Part::Against, line),
                    context,
                ],
                sentence: format!(
                    "makes the call “{label}” again, which had failed before its context was cut: {}",
                    crate::text::quoted(line, 100)
                ),
                instruction: format!(
                    "{label} was tried before and failed in the same way. Write down what has been tried so far, and take another way."
                ),
                means: vec![Means::RefuseRepeat],
            });
            return;
        }
        let Some(kind) = step.step.tool_kind() else { return };
        let reads =
            matches!(kind, ToolKind::Read | ToolKind::Search) || progress::reading(step, kind).is_some();
        if !reads || known.failed || outcome.text.trim().is_empty() {
            return;
        }
        mark.read += 1;
        if mark.read != READ {
            return;
        }
        found.push(Finding {
            rule: &READS_AGAIN,
            step: step.step.id,
            root: Some(known.step),
            strength: Probability::new(0.2),
            evidence: vec![
                Evidence::new(step.input.record, Part::Claim, &step.input.text),
                Evidence::new(known.record, Part::Against, &outcome.text),
                context,
            ],
            sentence: format!(
                "since its context was cut it has read {READ} things again that it had read before, the last one by “{label}”"
            ),
            instruction: "Write down in a few lines what you need of the files that you have read, so that you do not have to read them again.".to_owned(),
            means: Vec::new(),
        });
    }

    fn said(&mut self, step: &ClosedStep<'_>, message: &Passage, found: &mut Vec<Finding>) {
        let questions = speech::sentences(speech::read(&message.text)).filter(|s| s.ends_with('?'));
        let mut told = false;
        for question in questions.take(QUESTIONS / 4) {
            let words = speech::content(question, true);
            if words.len() < SHARED {
                continue;
            }
            let known = self.asked.iter().find(|asked| {
                let shared = words.iter().filter(|word| asked.words.binary_search(word).is_ok()).count();
                asked.before && shared >= SHARED && shared * 5 >= words.len().max(asked.words.len()) * 3
            });
            if let (Some(Asked { answer: Some((record, answer)), .. }), Some(mark)) = (known, &self.mark)
                && !told
            {
                told = true;
                found.push(Finding {
                    rule: &ASKS_AGAIN,
                    step: step.step.id,
                    root: None,
                    strength: Probability::new(0.3),
                    evidence: vec![
                        Evidence::new(message.record, Part::Claim, question),
                        Evidence::new(*record, Part::Against, answer),
                        Evidence::new(mark.record, Part::Context, &mark.text),
                    ],
                    sentence: format!(
                        "asks {} again; its user had answered {} before the context was cut",
                        crate::text::quoted(question, 100),
                        crate::text::quoted(answer, 80)
                    ),
                    instruction: format!(
                        "Your user has answered this before: {}. Go on with that answer.",
                        crate::text::quoted(answer, 200)
                    ),
                    means: Vec::new(),
                });
            }
            if self.asked.len() >= QUESTIONS {
                self.asked.pop_front();
            }
            self.asked.push_back(Asked { words, answer: None, before: false });
        }
    }
}

impl Family for Loss {
    fn rules(&self) -> &'static [&'static Rule] {
        RULES
    }

    fn observe(&mut self, seen: &Observation<'_>, _run: &Run, found: &mut Vec<Finding>) {
        match seen {
            Observation::Step(step) => {
                self.memories.entry(step.step.agent).or_default().closed(step, found);
            }
            Observation::Lifecycle { agent, what: Lifecycle::Compaction, passage } => {
                self.memories.entry(*agent).or_default().cut(passage);
            }
            Observation::Prompt { agent, author: Author::Person, passage } => {
                self.memories.entry(*agent).or_default().answered(passage);
            }
            Observation::Prompt { agent, author: Author::Program, passage }
                if MARK.is_in(crate::text::clip(&passage.text, 400)) =>
            {
                let memory = self.memories.entry(*agent).or_default();
                // The summary that follows a compaction is the same mark.
                if memory.mark.as_ref().is_none_or(|mark| mark.steps > 0) {
                    memory.cut(passage);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::detect::scene::Scene;
    use crate::trace::{EventKind, Status};

    fn scene() -> Scene {
        Scene::of(Loss::default())
    }

    fn program(scene: &mut Scene, text: &str) {
        scene.play(EventKind::Prompt { text: text.to_owned().into(), author: Author::Program });
    }

    fn reads(scene: &mut Scene, files: &[&str]) {
        for file in files {
            scene.call("Read", &json!({"file_path": file}), Status::Ok, &format!("fn of_{file}() {{}}"));
        }
    }

    #[test]
    fn all_patterns_compile() {
        assert!(patterns_that_do_not_compile().is_empty());
    }

    #[test]
    fn three_things_read_again_after_a_mark_are_told_once() {
        let marks: [fn(&mut Scene); 3] = [
            |scene| scene.lifecycle(Lifecycle::Compaction),
            |scene| {
                program(scene, "This session is being continued from a previous conversation that ran out.")
            },
            |scene| program(scene, "[Earlier messages were truncated to fit.]"),
        ];
        for mark in marks {
            let mut scene = scene();
            reads(&mut scene, &["a", "b", "c", "d"]);
            mark(&mut scene);
            reads(&mut scene, &["a", "b", "c", "d"]);
            let found = scene.found("loss.reads-again");
            assert_eq!(found.iter().map(|f| (f.step.0, f.root)).collect::<Vec<_>>(), [(6, Some(StepId(2)))]);
            assert_eq!(found[0].evidence.len(), 3);
        }
    }

    #[test]
    fn without_a_mark_few_readings_new_text_and_later_ones_are_no_loss() {
        let mut scene = scene();
        reads(&mut scene, &["a", "b", "c", "a", "b", "c"]);
        program(&mut scene, "Reminder: messages may be long.");
        reads(&mut scene, &["a", "b", "c"]);
        assert!(scene.all().is_empty());
        scene.lifecycle(Lifecycle::Compaction);
        reads(&mut scene, &["a", "b", "x", "y", "x", "y"]);
        scene.call("Read", &json!({"file_path": "c"}), Status::Ok, "another text");
        assert!(scene.all().is_empty());
    }

    #[test]
    fn what_had_failed_fails_again() {
        let install = json!({"command": "pip install torch"});
        let error = "ERROR: No matching distribution found for torch";
        let mut scene = scene();
        scene.call("Bash", &install, Status::Error, error);
        scene.lifecycle(Lifecycle::Compaction);
        scene.call("Bash", &install, Status::Error, error);
        let found = scene.found("loss.fails-again");
        assert_eq!(found.iter().map(|f| (f.step.0, f.root)).collect::<Vec<_>>(), [(1, Some(StepId(0)))]);
        scene.call("Bash", &install, Status::Error, error);
        assert_eq!(scene.found("loss.fails-again").len(), 1, "from here on it is a repetition");
    }

    #[test]
    fn a_check_a_busy_server_and_a_success_are_no_loss() {
        for (command, first, second) in [
            ("pytest -q", "E assert 1 == 2\n1 failed", "E assert 1 == 2\n1 failed"),
            ("curl https://a.example/x", "503 Service Unavailable", "503 Service Unavailable"),
            ("./sync", "error: no such bucket", ""),
        ] {
            let call = json!({"command": command});
            let mut scene = scene();
            scene.call("Bash", &call, Status::Error, first);
            scene.lifecycle(Lifecycle::Compaction);
            let status = if second.is_empty() { Status::Ok } else { Status::Error };
            scene.call("Bash", &call, status, second);
            assert!(scene.all().is_empty(), "{command}");
        }
    }

    #[test]
    fn what_was_answered_is_asked_again() {
        let mut scene = scene();
        scene.says("Which database should the export read from?");
        scene.prompt("The replica.");
        scene.lifecycle(Lifecycle::Compaction);
        let step = scene.says("Before I go on: which database should the export read?");
        let found = scene.found("loss.asks-again");
        assert_eq!((found.len(), found[0].step), (1, step));
        assert!(found[0].sentence.contains("The replica."), "{}", found[0].sentence);
    }

    #[test]
    fn another_question_and_one_that_had_no_answer_may_be_asked() {
        let mut scene = scene();
        scene.says("Which database should the export read from?");
        scene.lifecycle(Lifecycle::Compaction);
        scene.says("Which database should the export read from?");
        scene.prompt("The replica.");
        scene.says("Which columns does the export need?");
        assert!(scene.all().is_empty());
    }
}
