//! Agents: what one agent says of another. It announces another's work before that has come back, or
//! passes on a report that the other's own outcomes contradict.
//!
//! What spreads from agent to agent in general is followed in `taint.rs`.

use rustc_hash::FxHashMap;

use crate::trace::{
    AgentId, Author, ClosedStep, Observation, Passage, Probability, RecordRef, Run, StepId, ToolKind,
};

use super::{Aspect, Basis, Class, Evidence, Family, Finding, Part, Rule, fault, speech};

/// Announced before it came back.
pub(super) static EARLY_REPORT: Rule = Rule {
    id: "agents.early-report",
    class: Class::FailurePropagation,
    basis: Basis::External,
    speaks_of: Aspect::Support,
    summary: "An agent says that another has finished before that one has returned.",
    example: "says “explorer-1 has finished” while the work handed to explorer-1 has not come back",
    proven: true,
};

/// Passed on although it is wrong.
pub(super) static WRONG_REPORT: Rule = Rule {
    id: "agents.wrong-report",
    class: Class::FailurePropagation,
    basis: Basis::External,
    speaks_of: Aspect::Support,
    summary: "An agent passes on a report of success that the reporting agent's own last check contradicts.",
    example: "passes on “all 3 tests pass” as helper reported it; the last check that helper ran (step 4) failed: “1 failed”",
    proven: true,
};

/// Never read.
pub(super) static UNREAD_REPORT: Rule = Rule {
    id: "agents.unread-report",
    class: Class::FailurePropagation,
    basis: Basis::External,
    speaks_of: Aspect::Support,
    summary: "An agent ends with word of success while work that it handed over has not come back.",
    example: "ends with “everything is verified”; the work handed to reviewer-1 has not come back",
    proven: false,
};

static RULES: &[&Rule] = &[&EARLY_REPORT, &WRONG_REPORT, &UNREAD_REPORT];

const MOST_OPEN: usize = 256;
/// How much of a last message is kept, in bytes.
const LAST_BYTES: usize = 4096;

/// Work that was handed over and has not come back.
#[derive(Debug)]
struct Open {
    from: AgentId,
    /// Whom; a call that starts an agent in the background does not say.
    to: Option<AgentId>,
    task: Passage,
    step: Option<StepId>,
}

/// A check that failed and has not passed since.
#[derive(Clone, Debug)]
struct Failed {
    step: StepId,
    record: RecordRef,
    line: String,
}

/// A report of success against the reporter's own check.
#[derive(Clone, Debug)]
struct Report {
    root: StepId,
    said: RecordRef,
    text: String,
    failed: Failed,
}

/// The family.
#[derive(Debug, Default)]
pub(super) struct Agents {
    open: Vec<Open>,
    failed: FxHashMap<AgentId, Failed>,
    /// Wrong reports, by who made them.
    reports: FxHashMap<AgentId, Report>,
    /// The latest message of an agent that waits for others.
    last: Option<(AgentId, StepId, Passage)>,
}

/// What the outcome of a call says that has only started an agent.
const LAUNCHED: &[&str] = &["launched", "in the background", "running in background", "started"];
/// Parts of the names of tools that bring the words of agents in the background.
const COLLECTS: &[&str] = &["output", "wait", "result", "join", "poll", "inbox", "messages"];
/// Words of an agent that knows that something is still under way.
const WAITS: &[&str] =
    &["wait", "still", "running", "background", "pending", "in progress", "not yet", "will report"];

/// Words of an agent for another whose name it does not give.
const OTHERS: &[&str] = &[
    "subagent",
    "sub-agent",
    "agent",
    "agents",
    "helper",
    "explorer",
    "worker",
    "reviewer",
    "researcher",
    "teammate",
];
const FINISHED: &[&str] = &[
    "finished",
    "completed",
    "complete",
    "done",
    "reported",
    "reports",
    "returned",
    "confirmed",
    "confirms",
    "verified",
    "found",
    "fixed",
    "succeeded",
    "concluded",
];
const SUCCESS: &[&str] = &[
    "pass",
    "passes",
    "passed",
    "passing",
    "succeeded",
    "successful",
    "successfully",
    "verified",
    "works",
    "green",
    "fixed",
];

/// The sentence of a text that says that all is well, if one does and none speaks of trouble.
fn success(text: &str) -> Option<&str> {
    let read = speech::read(text);
    let mut well = None;
    for sentence in speech::sentences(read) {
        let lower = sentence.to_ascii_lowercase();
        let trouble = speech::has_any(&lower, &["fail", "error", "broken", "exception", "traceback"]);
        if trouble
            && !speech::has_any(
                &lower,
                &["0 fail", "no fail", "no error", "0 error", "without error", "without fail"],
            )
        {
            return None;
        }
        if well.is_none() && speech::has_any_word(&lower, SUCCESS) && !speech::tentative(&lower) {
            let denied = speech::denies(&lower)
                && !speech::has_any(&lower, &["no fail", "no error", "without", "no change"]);
            if denied {
                return None;
            }
            well = Some(sentence);
        }
    }
    well
}

impl Agents {
    fn closed(&mut self, step: &ClosedStep<'_>, run: &Run, found: &mut Vec<Finding>) {
        let agent = step.step.agent;
        if let (Some(kind), Some(outcome)) = (step.step.tool_kind(), step.outcome) {
            let command = step.request.and_then(|request| request.command.as_deref()).unwrap_or("");
            if matches!(kind, ToolKind::Shell | ToolKind::Code) && fault::is_check(command) {
                match fault::of(step) {
                    Some(fault) => {
                        let line = crate::text::excerpt(fault.line, super::EVIDENCE_BYTES);
                        self.failed
                            .insert(agent, Failed { step: step.step.id, record: outcome.record, line });
                    }
                    None if step.step.status == crate::trace::Status::Ok => {
                        self.failed.remove(&agent);
                        // Whoever has seen it pass may say so, whatever was reported.
                        self.reports.clear();
                    }
                    None => {}
                }
            }
        }
        self.background(step);
        let Some(message) = step.message else { return };
        if self.open.iter().any(|open| open.from == agent) {
            let text = crate::text::clip_front(&message.text, LAST_BYTES).to_owned();
            self.last = Some((agent, step.step.id, Passage { record: message.record, text }));
        }
        self.early(step, message, run, found);
        self.pass_on(step, message, run, found);
        self.report(agent, step.step.id, message);
    }

    /// A call that starts an agent in the background leaves its work open; one that collects what agents
    /// say brings it back.
    fn background(&mut self, step: &ClosedStep<'_>) {
        let agent = step.step.agent;
        let Some(kind) = step.step.tool_kind() else { return };
        let tool = step.tool.to_ascii_lowercase();
        if kind == ToolKind::Agent {
            let background = step.request.is_some_and(|request| request.background);
            let launched = step.outcome.is_some_and(|outcome| {
                let head = crate::text::clip(&outcome.text, 400).to_ascii_lowercase();
                speech::has_any(&head, LAUNCHED)
            });
            if background && launched && !step.step.failed() && self.open.len() < MOST_OPEN {
                let text = crate::text::clip(&step.input.text, super::EVIDENCE_BYTES).to_owned();
                let task = Passage { record: step.input.record, text };
                self.open.push(Open { from: agent, to: None, task, step: Some(step.step.id) });
            }
        } else if speech::has_any(&tool, COLLECTS) && !step.step.failed() {
            self.open.retain(|open| open.from != agent || open.to.is_some());
        }
    }

    /// Rule 35, as far as other agents go: the log ends with word of success before they came back.
    fn unread(&self, run: &Run, found: &mut Vec<Finding>) {
        let Some((agent, step, message)) = &self.last else { return };
        // Only what was said last counts.
        if run.steps.iter().rev().find(|other| other.agent == *agent).is_none_or(|other| other.id != *step) {
            return;
        }
        let Some(open) = self.open.iter().find(|open| open.from == *agent) else { return };
        let lower = message.text.to_ascii_lowercase();
        let Some(sentence) = success(&message.text).filter(|_| !speech::has_any(&lower, WAITS)) else {
            return;
        };
        let name = self.name(open, run);
        found.push(Finding {
            rule: &UNREAD_REPORT,
            step: *step,
            root: open.step.filter(|root| root < step),
            strength: Probability::new(0.5),
            evidence: vec![
                Evidence::new(message.record, Part::Claim, sentence),
                Evidence::new(open.task.record, Part::Against, &open.task.text),
            ],
            sentence: format!(
                "ends with {}; the work handed to {name} has not come back",
                crate::text::quoted(sentence, 80)
            ),
            instruction: format!("Wait for what {name} returns, read it, and say then what holds."),
            means: Vec::new(),
        });
    }

    fn name(&self, open: &Open, run: &Run) -> String {
        open.to.map_or_else(
            || "an agent in the background".to_owned(),
            |to| crate::text::excerpt(run.agent_name(to), 40),
        )
    }

    /// Keeps a report of success that its maker's last check contradicts.
    fn report(&mut self, agent: AgentId, step: StepId, message: &Passage) {
        let Some(failed) = self.failed.get(&agent) else {
            self.reports.remove(&agent);
            return;
        };
        match success(&message.text) {
            Some(sentence) => {
                let report = Report {
                    root: step,
                    said: message.record,
                    text: crate::text::excerpt(sentence, super::EVIDENCE_BYTES),
                    failed: failed.clone(),
                };
                self.reports.insert(agent, report);
            }
            None => {
                self.reports.remove(&agent);
            }
        }
    }

    /// The second half of rule 44: the parent repeats what the child's own outcomes contradict.
    fn pass_on(&mut self, step: &ClosedStep<'_>, message: &Passage, run: &Run, found: &mut Vec<Finding>) {
        let agent = step.step.agent;
        let child = self
            .reports
            .keys()
            .copied()
            .filter(|other| run.agents.get(usize::from(other.0)).is_some_and(|a| a.parent == Some(agent)))
            .min();
        let Some(child) = child else { return };
        let Some(sentence) = success(&message.text) else { return };
        let Some(report) = self.reports.remove(&child) else { return };
        let name = crate::text::excerpt(run.agent_name(child), 40);
        let mut evidence = vec![
            Evidence::new(message.record, Part::Claim, sentence),
            Evidence::new(report.said, Part::Context, &report.text),
        ];
        if !report.failed.line.is_empty() {
            evidence.push(Evidence::new(report.failed.record, Part::Against, &report.failed.line));
        }
        found.push(Finding {
            rule: &WRONG_REPORT,
            step: step.step.id,
            root: Some(report.root),
            strength: Probability::new(0.85),
            evidence,
            sentence: format!(
                "passes on {} as {name} reported it; the last check that {name} ran (step {}) failed: {}",
                crate::text::quoted(sentence, 80),
                report.failed.step.0,
                crate::text::quoted(&report.failed.line, 80)
            ),
            instruction: format!(
                "Run the check yourself that {name} ran last, read its output, mend what fails, and report what this run shows."
            ),
            means: Vec::new(),
        });
    }

    /// Rule 43.
    fn early(&mut self, step: &ClosedStep<'_>, message: &Passage, run: &Run, found: &mut Vec<Finding>) {
        let agent = step.step.agent;
        let waiting = self.open.iter().filter(|open| open.from == agent).count();
        if waiting == 0 {
            return;
        }
        for sentence in speech::sentences(speech::read(&message.text)) {
            let lower = sentence.to_ascii_lowercase();
            if !speech::has_any_word(&lower, FINISHED) || speech::tentative(&lower) || speech::denies(&lower)
            {
                continue;
            }
            let place = self.open.iter().position(|open| {
                open.from == agent
                    && (open.to.is_some_and(|to| names(&lower, run.agent_name(to)))
                        || (waiting == 1 && speech::has_any_word(&lower, OTHERS)))
            });
            let Some(open) = place.map(|place| self.open.remove(place)) else {
                continue;
            };
            let name = self.name(&open, run);
            found.push(Finding {
                rule: &EARLY_REPORT,
                step: step.step.id,
                root: open.step,
                strength: Probability::new(0.8),
                evidence: vec![
                    Evidence::new(message.record, Part::Claim, sentence),
                    Evidence::new(open.task.record, Part::Against, &open.task.text),
                ],
                sentence: format!(
                    "says {} while the work handed to {name} has not come back",
                    crate::text::quoted(sentence, 80)
                ),
                instruction: format!("Wait for what {name} returns, read it, and report only what it says."),
                means: Vec::new(),
            });
            return;
        }
    }

    fn back(&mut self, from: AgentId, to: AgentId) {
        self.open.retain(|open| !(open.from == to && open.to == Some(from)));
    }
}

/// Whether a sentence in lower case names an agent.
fn names(lower: &str, agent: &str) -> bool {
    let name = agent.to_ascii_lowercase();
    name.len() >= 3 && speech::has_word(lower, &name)
}

impl Family for Agents {
    fn rules(&self) -> &'static [&'static Rule] {
        RULES
    }

    fn observe(&mut self, seen: &Observation<'_>, run: &Run, found: &mut Vec<Finding>) {
        match seen {
            Observation::Step(step) => self.closed(step, run, found),
            Observation::Handoff { from, to, step, passage } if from != to && self.open.len() < MOST_OPEN => {
                let text = crate::text::clip(&passage.text, super::EVIDENCE_BYTES).to_owned();
                let text = if text.trim().is_empty() { "(no task in the log)".to_owned() } else { text };
                let task = Passage { record: passage.record, text };
                self.open.push(Open { from: *from, to: Some(*to), task, step: *step });
            }
            Observation::Return { from, to, passage, .. } => {
                self.back(*from, *to);
                if let Some(step) = run.steps.iter().rev().take(64).find(|step| step.agent == *from) {
                    self.report(*from, step.id, passage);
                }
            }
            // A program tells of agents in the background that they are done.
            Observation::Prompt { agent, author: Author::Program, .. } => {
                self.open.retain(|open| open.from != *agent || open.to.is_some());
            }
            Observation::End => self.unread(run, found),
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
        Scene::of(Agents::default())
    }

    fn test_run(scene: &mut Scene, status: Status, text: &str) {
        scene.call("Bash", &json!({"command": "python -m unittest"}), status, text);
    }

    #[test]
    fn announcing_anothers_work_too_early() {
        let mut scene = scene();
        scene.hands_over("explorer-1", "map the module");
        scene.says("The explorer-1 agent has finished and found two callers.");
        let found = scene.found("agents.early-report");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].evidence[1].text, "map the module");
    }

    #[test]
    fn after_the_return_or_as_a_plan_it_is_well() {
        let mut scene = scene();
        scene.hands_over("explorer-1", "map the module");
        scene.says("Once the agent has finished, I will look at its report.");
        scene.says("The agent has not finished yet.");
        scene.returns("explorer-1", "two callers");
        scene.says("The agent has finished: two callers.");
        assert!(scene.all().is_empty());
    }

    fn in_background(scene: &mut Scene) -> StepId {
        let task = json!({"prompt": "Review the parser.", "run_in_background": true});
        scene.call("Task", &task, Status::Ok, "Async agent launched successfully.")
    }

    #[test]
    fn an_agent_in_the_background_is_announced_too_early() {
        let mut scene = scene();
        let start = in_background(&mut scene);
        scene.says("The reviewer has finished and found nothing.");
        let found = scene.found("agents.early-report");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].root, Some(start));
    }

    #[test]
    fn an_agent_in_the_background_that_was_read_may_be_told_of() {
        let mut scene = scene();
        in_background(&mut scene);
        scene.call("TaskOutput", &json!({"task_id": "a1"}), Status::Ok, "no findings");
        scene.says("The reviewer has finished and found nothing. All is verified.");
        assert!(scene.all().is_empty());
    }

    #[test]
    fn a_call_that_waits_for_its_agent_leaves_nothing_open() {
        let mut scene = scene();
        scene.call("Task", &json!({"prompt": "Review the parser."}), Status::Ok, "no findings");
        scene.says("The reviewer has finished; all is verified.");
        assert!(scene.all().is_empty());
    }

    #[test]
    fn word_of_success_at_the_end_while_an_agent_is_out() {
        let mut scene = scene();
        let start = in_background(&mut scene);
        let step = scene.says("The parser is fixed, and the change works.");
        let found = scene.found("agents.unread-report");
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].step, found[0].root), (step, Some(start)));
    }

    #[test]
    fn who_says_that_it_waits_or_goes_on_has_not_ended() {
        let mut scene = scene();
        in_background(&mut scene);
        scene.says("The parser is fixed; the review is still running.");
        assert!(scene.found("agents.unread-report").is_empty());
        scene.says("The parser is fixed, and the change works.");
        scene.call("Read", &json!({"file_path": "a.py"}), Status::Ok, "x");
        assert!(scene.found("agents.unread-report").is_empty());
    }

    fn false_report(scene: &mut Scene) {
        scene.hands_over("helper", "run the tests");
        scene.acts("helper");
        test_run(scene, Status::Error, "FAILED (failures=1)");
        scene.says("All 3 tests pass.");
        scene.acts("main");
        scene.returns("helper", "All 3 tests pass.");
    }

    #[test]
    fn passing_on_a_report_that_the_childs_check_contradicts() {
        let mut scene = scene();
        false_report(&mut scene);
        scene.says("The helper verified it: all 3 tests pass. No change was needed.");
        let found = scene.found("agents.wrong-report");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].root, Some(StepId(1)));
        assert_eq!(found[0].evidence[2].text, "FAILED (failures=1)");
    }

    #[test]
    fn a_parent_that_checks_for_itself_is_well() {
        let mut scene = scene();
        false_report(&mut scene);
        test_run(&mut scene, Status::Ok, "OK");
        scene.says("All 3 tests pass.");
        assert!(scene.found("agents.wrong-report").is_empty());
    }

    #[test]
    fn an_honest_report_passed_on_is_well() {
        let mut scene = scene();
        scene.hands_over("helper", "run the tests");
        scene.acts("helper");
        test_run(&mut scene, Status::Error, "FAILED (failures=1)");
        scene.says("2 of 3 tests pass, one fails.");
        scene.acts("main");
        scene.returns("helper", "2 of 3 tests pass, one fails.");
        scene.says("The helper reports that one test fails.");
        assert!(scene.found("agents.wrong-report").is_empty());
    }
}
