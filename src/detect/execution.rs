//! Execution: calls that failed, errors inside results that the log calls good, time limits, and
//! errors that the agent passes over.
//!
//! A failed call by itself is a weak finding: agents try things, and a failing test before a fix is
//! normal work. What counts is what the agent does next. To add a rule, judge it in
//! [`Execution::closed`]; what a fault is, is told in `fault.rs`.

use rustc_hash::FxHashMap;

use crate::trace::{
    AgentId, Author, ClosedStep, Observation, Passage, Probability, RecordRef, Run, StepId, ToolKind,
};

use super::fault::{self, Fault, Sort};
use super::repetition::{next_for, quoted};
use super::{Aspect, Basis, Class, Evidence, Family, Finding, Means, Part, Rule, speech};

/// A call failed.
pub(super) static FAILED_CALL: Rule = Rule {
    id: "execution.failed-call",
    class: Class::ExecutionError,
    basis: Basis::External,
    speaks_of: Aspect::Execution,
    summary: "A call failed: exit code, error status, or an HTTP status of 400 or more.",
    example: "the call “python load.py” failed with exit code 1: \"KeyError: 'date'\"",
    proven: true,
};

/// A failure that the log does not call one.
pub(super) static HIDDEN_ERROR: Rule = Rule {
    id: "execution.hidden-error",
    class: Class::ExecutionError,
    basis: Basis::External,
    speaks_of: Aspect::Execution,
    summary: "A result that is not marked as failed tells of an error: a traceback, an error object, a bad exit.",
    example: "the result of “sync_orders” is not marked as failed, yet it says \"error: connection refused\"",
    proven: true,
};

/// Out of time.
pub(super) static TIMED_OUT: Rule = Rule {
    id: "execution.timed-out",
    class: Class::ExecutionError,
    basis: Basis::External,
    speaks_of: Aspect::Execution,
    summary: "A call ran out of time.",
    example: "the call “npm install” ran out of time: \"timed out after 120 s\"",
    proven: true,
};

/// The agent passes over an error.
pub(super) static IGNORED_ERROR: Rule = Rule {
    id: "execution.ignored-error",
    class: Class::ExecutionError,
    basis: Basis::External,
    speaks_of: Aspect::Consistency,
    summary: "After a failed call the agent's next acts neither mention the error nor touch what it was about.",
    example: "goes on to the report without a word about the failure of “download prices.csv”: \"404 Not Found\"",
    proven: true,
};

/// Silent acts after which an error counts as passed over.
const SILENT_ACTS: u32 = 3;
/// The most words remembered of a failed call.
const WORDS: usize = 64;

/// A failure that waits to be dealt with.
#[derive(Debug)]
struct Open {
    step: StepId,
    outcome: RecordRef,
    line: String,
    call: RecordRef,
    call_hash: u64,
    tool: u64,
    /// Hashes of the words of the tool's name, sorted.
    tool_words: Vec<u64>,
    input: String,
    label: String,
    /// Hashes of the words of what the call was about, sorted.
    target: Vec<u64>,
    /// Hashes of the words that only the error has, sorted.
    error: Vec<u64>,
    /// The call was to look something up in an application, and changed nothing.
    look_up: bool,
    sort: Sort,
    acts: u32,
}

static RULES: &[&Rule] = &[&FAILED_CALL, &HIDDEN_ERROR, &TIMED_OUT, &IGNORED_ERROR];

/// The family.
#[derive(Debug, Default)]
pub(super) struct Execution {
    open: FxHashMap<AgentId, Open>,
}

impl Execution {
    fn closed(&mut self, step: &ClosedStep<'_>, found: &mut Vec<Finding>) {
        self.follow(step, found);
        let Some(fault) = fault::of(step) else { return };
        let outcome = step
            .outcome
            .cloned()
            .unwrap_or_else(|| Passage { record: step.step.record, text: String::new() });
        self.failed(step, &outcome, fault, found);
        if step.step.tool_kind() == Some(ToolKind::Plan) {
            return;
        }
        let mut target = target_words(step);
        target.truncate(WORDS);
        let tool_words = speech::content(&split_name(step.tool), false);
        let mut error = speech::content(crate::text::clip(fault.line, 400), true);
        error.retain(|word| target.binary_search(word).is_err() && tool_words.binary_search(word).is_err());
        error.truncate(WORDS);
        let app = matches!(step.step.tool_kind(), Some(ToolKind::Other | ToolKind::Fetch | ToolKind::Search));
        self.open.insert(
            step.step.agent,
            Open {
                step: step.step.id,
                outcome: outcome.record,
                line: crate::text::excerpt(fault.line, super::EVIDENCE_BYTES),
                call: step.input.record,
                call_hash: step.step.call_hash,
                input: crate::text::excerpt(&step.input.text, super::EVIDENCE_BYTES),
                tool: speech::hash(step.tool.as_bytes()),
                tool_words,
                label: fault::call_name(step),
                target,
                error,
                look_up: app && step.effects.is_empty(),
                sort: fault.sort,
                acts: 0,
            },
        );
    }

    /// Rule 6 and time limits.
    fn failed(&self, step: &ClosedStep<'_>, outcome: &Passage, fault: Fault<'_>, found: &mut Vec<Finding>) {
        let label = fault::call_name(step);
        let mut evidence = vec![Evidence::new(step.input.record, Part::Claim, &step.input.text)];
        if !fault.line.is_empty() {
            evidence.push(Evidence::new(outcome.record, Part::Against, fault.line));
        }
        let means = if fault.sort.passing() { vec![Means::Retry] } else { Vec::new() };
        let code = step.step.exit_code.filter(|code| *code != 0);
        let (rule, strength, sentence) = match fault {
            Fault { sort: Sort::Timeout, .. } => {
                (&TIMED_OUT, 0.35, format!("the call “{label}” ran out of time: {}", quoted(fault.line)))
            }
            Fault { hidden: true, .. } => (
                &HIDDEN_ERROR,
                0.4,
                format!(
                    "the result of “{label}” is not marked as failed, yet it says {}",
                    quoted(fault.line)
                ),
            ),
            Fault { sort, .. } => (
                &FAILED_CALL,
                match sort {
                    Sort::Check => 0.15,
                    Sort::Transient | Sort::Access => 0.35,
                    Sort::Arguments => 0.3,
                    _ => 0.25,
                },
                match code {
                    Some(code) => {
                        format!("the call “{label}” failed with exit code {code}: {}", quoted(fault.line))
                    }
                    None => format!("the call “{label}” failed: {}", quoted(fault.line)),
                },
            ),
        };
        found.push(Finding {
            rule,
            step: step.step.id,
            root: None,
            strength: Probability::new(strength),
            evidence,
            sentence,
            instruction: format!("The call {label} failed. {}", next_for(fault)),
            means,
        });
    }

    /// Rule 20: what the agent does after a failure.
    fn follow(&mut self, step: &ClosedStep<'_>, found: &mut Vec<Finding>) {
        let agent = step.step.agent;
        let Some(open) = self.open.get_mut(&agent) else {
            return;
        };
        // A call that was made before the failure was known does not answer it.
        if step.step.record.source == open.outcome.source && step.step.record.index < open.outcome.index {
            return;
        }
        if step.step.tool_kind() == Some(ToolKind::Plan) {
            return;
        }
        let message = step.step.is_message();
        // To change the thing whose look-up failed is to go ahead, not to deal with the failure.
        let goes_ahead =
            open.look_up && step.step.tool_kind() == Some(ToolKind::Other) && !step.effects.is_empty();
        let touches = !message && open.is_taken_up_by(step, goes_ahead);
        let mut spoke = false;
        let mut mentions = false;
        let mut said = None;
        for passage in step.words().chain(step.reasoning) {
            let words = speech::read(&passage.text);
            if words.trim().is_empty() {
                continue;
            }
            spoke = true;
            said = Some(passage);
            let lower = words.to_ascii_lowercase();
            mentions |= speech::speaks_of_trouble(&lower)
                || shares(&speech::content(words, true), &open.error)
                || (open.sort.lasting() && asks(&lower));
        }
        // What the model thought is for internal rules only: it may clear here, never accuse.
        if touches || mentions {
            self.open.remove(&agent);
            return;
        }
        open.acts += 1;
        let patience = match open.sort {
            Sort::Check => 2,
            _ => 1,
        };
        if !(message || goes_ahead || open.acts >= SILENT_ACTS || (spoke && open.acts >= patience)) {
            return;
        }
        let Some(open) = self.open.remove(&agent) else {
            return;
        };
        let base = match (message || goes_ahead, open.sort) {
            (true, Sort::Check) => 0.35,
            (true, sort) if sort.lasting() && sort != Sort::Access => 0.5,
            (true, _) => 0.6,
            (false, Sort::Check) => 0.2,
            (false, _) => 0.35,
        };
        let mut evidence = Vec::new();
        match (step.message, said) {
            (Some(passage), _) | (None, Some(passage)) if !step.reasoning.contains(passage) => {
                evidence.push(Evidence::new(passage.record, Part::Claim, &passage.text));
            }
            _ => evidence.push(Evidence::new(step.input.record, Part::Claim, &step.input.text)),
        }
        if open.line.is_empty() {
            evidence.push(Evidence::new(open.call, Part::Against, &open.input));
        } else {
            evidence.push(Evidence::new(open.outcome, Part::Against, &open.line));
        }
        let what = if message { "closes its turn" } else { "goes on" };
        found.push(Finding {
            rule: &IGNORED_ERROR,
            step: step.step.id,
            root: Some(open.step),
            strength: Probability::new(base),
            evidence,
            sentence: format!(
                "{what} without a word about the failure of “{}”: {}",
                open.label,
                quoted(&open.line)
            ),
            instruction: format!(
                "The call {} failed and nothing has dealt with that yet. {} If it is no longer needed, say so and why.",
                open.label,
                next_for(Fault { sort: open.sort, line: "", hidden: false })
            ),
            means: Vec::new(),
        });
    }
}

impl Open {
    /// Whether a call deals with the failure: it is made again, or looks into what the call or the error
    /// was about, or asks for the same by another way.
    fn is_taken_up_by(&self, step: &ClosedStep<'_>, goes_ahead: bool) -> bool {
        if step.step.call_hash == self.call_hash {
            return true;
        }
        let words = target_words(step);
        if shares(&words, &self.error) || (!goes_ahead && shares(&words, &self.target)) {
            return true;
        }
        // A server that did not answer is not dealt with by asking it for something else.
        let may_be_asked_otherwise = !self.sort.passing() && self.sort != Sort::Access;
        may_be_asked_otherwise
            && !goes_ahead
            && (speech::hash(step.tool.as_bytes()) == self.tool
                || akin(&self.tool_words, &speech::content(&split_name(step.tool), false)))
    }
}

/// Whether words in lower case ask their reader for something.
fn asks(lower: &str) -> bool {
    lower.contains('?')
        || speech::has_any(
            lower,
            &["please provide", "please confirm", "please give", "let me know", "i need your"],
        )
}

/// Hashes of the words of what a call is about: paths, URL, arguments, command.
fn target_words(step: &ClosedStep<'_>) -> Vec<u64> {
    let mut words = speech::content(crate::text::clip(&step.input.text, 2048), true);
    // The names of arguments are the same for every call of a tool.
    if let Some(request) = step.request {
        let names: Vec<u64> =
            request.arguments.iter().flat_map(|(name, _)| speech::content(name, true)).collect();
        words.retain(|word| !names.contains(word));
    }
    words
}

/// A tool's name with blanks between its words.
fn split_name(tool: &str) -> String {
    tool.replace(['_', '-', '.'], " ")
}

/// Whether two tools do much the same, by the words of their names: `find_user_by_email` and
/// `find_user_by_name` do.
fn akin(one: &[u64], other: &[u64]) -> bool {
    one.iter().filter(|word| other.binary_search(word).is_ok()).count() >= 2
}

/// Whether two sorted lists of hashes share one.
fn shares(one: &[u64], other: &[u64]) -> bool {
    one.iter().any(|word| other.binary_search(word).is_ok())
}

impl Family for Execution {
    fn rules(&self) -> &'static [&'static Rule] {
        RULES
    }

    fn observe(&mut self, seen: &Observation<'_>, _run: &Run, found: &mut Vec<Finding>) {
        match seen {
            Observation::Step(step) => self.closed(step, found),
            Observation::Prompt { agent, author: Author::Person, .. } => {
                self.open.remove(agent);
            }
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
        Scene::of(Execution::default())
    }

    #[test]
    fn a_failed_call_is_weak() {
        let mut scene = scene();
        scene.exit(2).call("Bash", &json!({"command": "cp a b"}), Status::Error, "cp: cannot stat 'a'");
        let found = scene.found("execution.failed-call");
        assert_eq!(found.len(), 1);
        assert!(found[0].strength.get() <= 0.3);
        assert!(found[0].sentence.contains("exit code 2"));
    }

    #[test]
    fn a_search_that_finds_nothing_has_not_failed() {
        let mut scene = scene();
        scene.exit(1).call("Bash", &json!({"command": "cd app && grep -rn foo ."}), Status::Error, "");
        scene.exit(1).call("Bash", &json!({"command": "diff a b"}), Status::Error, "1c1\n< a\n> b");
        assert!(scene.all().is_empty());
    }

    #[test]
    fn a_refusal_is_no_failure_of_the_call() {
        let mut scene = scene();
        scene.call("Bash", &json!({"command": "rm x"}), Status::Denied, "Error: the user said no");
        assert!(scene.all().is_empty());
    }

    #[test]
    fn an_error_inside_a_good_result() {
        let mut scene = scene();
        let trace = "starting\nTraceback (most recent call last):\n  File \"a.py\"\nKeyError: 'x'";
        scene.call("Python", &json!({"code": "run()"}), Status::Ok, trace);
        let found = scene.found("execution.hidden-error");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].evidence[1].text, "KeyError: 'x'");
    }

    #[test]
    fn a_traceback_in_a_file_that_is_read_is_no_error() {
        let mut scene = scene();
        let trace = format!(
            "log of yesterday\n{}\nTraceback (most recent call last):\nKeyError: 'x'",
            "x".repeat(500)
        );
        scene.call("Read", &json!({"file_path": "log"}), Status::Ok, &trace);
        scene.call("Bash", &json!({"command": "tail log"}), Status::Ok, &trace);
        assert!(scene.all().is_empty());
    }

    #[test]
    fn a_timeout_may_be_retried() {
        let mut scene = scene();
        scene.call("Bash", &json!({"command": "slow"}), Status::Timeout, "");
        let found = scene.found("execution.timed-out");
        assert_eq!(found[0].means, [Means::Retry]);
        assert!(!found[0].evidence.is_empty());
    }

    #[test]
    fn a_message_that_passes_over_the_error() {
        let mut scene = scene();
        let failed =
            scene.call("book_flight", &json!({"flight": "HAT136"}), Status::Error, "Error: payment declined");
        scene.says("Your holiday is all set, enjoy the beach!");
        let found = scene.found("execution.ignored-error");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].root, Some(failed));
    }

    #[test]
    fn a_message_that_tells_of_it_is_well() {
        let mut scene = scene();
        scene.call("book_flight", &json!({"flight": "HAT136"}), Status::Error, "Error: payment declined");
        scene.says("I am sorry, the card was declined. Do you have another one?");
        assert!(scene.found("execution.ignored-error").is_empty());
    }

    #[test]
    fn trying_the_target_again_in_silence_is_well() {
        let mut scene = scene();
        scene.call("Bash", &json!({"command": "python app.py"}), Status::Error, "KeyError: 'x'");
        scene.call("Read", &json!({"file_path": "app.py"}), Status::Ok, "x = 1");
        for n in 0..5 {
            scene.call("Grep", &json!({"pattern": format!("zz{n}")}), Status::Ok, "none");
        }
        assert!(scene.found("execution.ignored-error").is_empty());
    }

    #[test]
    fn going_on_elsewhere_in_silence_is_told_after_three_acts() {
        let mut scene = scene();
        scene.call("Bash", &json!({"command": "./migrate"}), Status::Error, "KeyError: 'x'");
        for n in 0..5 {
            scene.call("Grep", &json!({"pattern": format!("zz{n}")}), Status::Ok, "none");
        }
        let found = scene.found("execution.ignored-error");
        assert_eq!(found.iter().map(|f| f.step.0).collect::<Vec<_>>(), [3]);
    }

    #[test]
    fn a_tool_of_the_same_sort_takes_it_up() {
        let mut scene = scene();
        scene.call(
            "find_user_by_email",
            &json!({"email": "a@b.org"}),
            Status::Error,
            "Error: user not found",
        );
        scene.call("find_user_by_name", &json!({"name": "Ann"}), Status::Ok, "ann_17");
        for n in 0..5 {
            scene.call("get_order", &json!({"order": format!("zz{n}")}), Status::Ok, "none");
        }
        assert!(scene.found("execution.ignored-error").is_empty());
    }

    #[test]
    fn calls_made_beside_the_failed_one_do_not_answer_it() {
        let mut scene = scene();
        let a = scene.open("Bash", &json!({"command": "./migrate"}));
        let b = scene.open("Grep", &json!({"pattern": "zz"}));
        scene.close(a, Status::Error, "KeyError: 'x'");
        scene.close(b, Status::Ok, "none");
        scene.says("The migration failed.");
        assert!(scene.found("execution.ignored-error").is_empty());
    }
}
