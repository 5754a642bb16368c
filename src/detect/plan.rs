//! Plan: items that are ticked off although nothing was done that could have done them.
//!
//! An item's words rarely match the words of the call that does it, so the rule goes by the sort of
//! work: an item that begins with "run" or "test" needs a call that can run something, one that
//! begins with "write" or "fix" a call that can change something. Everything else needs any call at
//! all. Work counts from the moment that the item was first listed.

use rustc_hash::FxHashMap;

use crate::trace::entity::scan;
use crate::trace::{
    AgentId, ClosedStep, EntityKind, Observation, PlanItem, PlanStatus, Probability, RecordRef, Run, StepId,
    ToolKind,
};

use super::{Aspect, Basis, Class, Evidence, Family, Finding, Part, Rule, fault, speech};

/// Ticked off, not done.
pub(super) static UNDONE_ITEM: Rule = Rule {
    id: "plan.closed-without-work",
    class: Class::InconsistentReasoning,
    basis: Basis::External,
    speaks_of: Aspect::Consistency,
    summary: "An item of the plan was marked done although no call since it was listed could have done it.",
    example: "marks \"write the migration\" as done; no call since it was listed could have done it",
    proven: true,
};

/// Ticked off against a check.
pub(super) static FAILED_ITEM: Rule = Rule {
    id: "plan.closed-against-check",
    class: Class::InconsistentReasoning,
    basis: Basis::External,
    speaks_of: Aspect::Consistency,
    summary: "An item that asks for passing tests was marked done while the last check failed.",
    example: "marks \"make the tests pass\" as done; the last check (step 22) failed: \"3 failed, 39 passed\"",
    proven: true,
};

static RULES: &[&Rule] = &[&UNDONE_ITEM, &FAILED_ITEM];

const MOST_ITEMS: usize = 256;
const MOST_FILES: usize = 4096;

/// Counts of what was done so far, by the sort of work it can be.
#[derive(Clone, Copy, Debug, Default)]
struct Work {
    any: u32,
    /// Calls that did not fail.
    good: u32,
    ran: u32,
    changed: u32,
}

#[derive(Debug)]
struct Item {
    at: Work,
    listed: RecordRef,
    done: bool,
    /// It was once said to be under way.
    begun: bool,
}

/// A check that failed and has not passed since.
#[derive(Debug)]
struct Failed {
    step: StepId,
    record: RecordRef,
    line: String,
}

/// The family.
#[derive(Debug, Default)]
pub(super) struct Plan {
    work: Work,
    items: FxHashMap<(AgentId, u64), Item>,
    /// The work that each agent's latest plan stood at.
    at_plan: FxHashMap<AgentId, Work>,
    failed: FxHashMap<AgentId, Failed>,
    /// Files named by calls that can change them, by the hash of the name, with the work so far.
    touched: FxHashMap<u64, u32>,
    /// The latest step of each agent.
    latest: FxHashMap<AgentId, StepId>,
}

/// What sort of work an item asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asks {
    Run,
    Change,
    Any,
    /// None: it is done by saying something.
    Words,
}

const RUN: &[&str] =
    &["run", "test", "tests", "verify", "execute", "benchmark", "build", "compile", "deploy", "lint"];
const CHANGE: &[&str] = &[
    "write",
    "implement",
    "edit",
    "fix",
    "add",
    "create",
    "update",
    "refactor",
    "rename",
    "remove",
    "delete",
    "change",
    "replace",
    "modify",
    "install",
    "commit",
    "push",
    "move",
    "extract",
];

const WORDS: &[&str] = &[
    "answer",
    "report",
    "summarise",
    "summarize",
    "tell",
    "explain",
    "present",
    "respond",
    "reply",
    "decide",
    "think",
    "plan",
    "propose",
    "ask",
    "final",
    "conclude",
    "describe",
];

fn asks(item: &str) -> Asks {
    let lower = item.to_ascii_lowercase();
    match speech::words(&lower).find(|word| !word.bytes().all(|b| b.is_ascii_digit())) {
        Some(first) if RUN.contains(&first) => Asks::Run,
        Some(first) if WORDS.contains(&first) => Asks::Words,
        Some(first) if CHANGE.contains(&first) => Asks::Change,
        _ => Asks::Any,
    }
}

impl Plan {
    fn worked(&mut self, step: &ClosedStep<'_>) {
        self.latest.insert(step.step.agent, step.step.id);
        let Some(kind) = step.step.tool_kind() else { return };
        // Without a plan there is nothing to hold the work against.
        if kind == ToolKind::Plan || self.items.is_empty() {
            return;
        }
        self.work.any = self.work.any.saturating_add(1);
        let fault = fault::of(step);
        if fault.is_none() && !step.step.failed() {
            self.work.good = self.work.good.saturating_add(1);
        }
        self.checked(step, fault);
        // What an unknown tool or another agent did may have been anything.
        let open = matches!(kind, ToolKind::Agent | ToolKind::Other | ToolKind::Code | ToolKind::Shell);
        if open || kind == ToolKind::Fetch {
            self.work.ran = self.work.ran.saturating_add(1);
        }
        if open || matches!(kind, ToolKind::Write | ToolKind::Edit) {
            self.work.changed = self.work.changed.saturating_add(1);
            let looks = matches!(kind, ToolKind::Shell) && step.effects.is_empty() && only_shows(step);
            if !looks && self.touched.len() < MOST_FILES {
                let any = self.work.any;
                scan(speech::read(&step.input.text), |mention| {
                    if mention.kind == EntityKind::Path {
                        self.touched.insert(mention.file_name.unwrap_or(mention.hash), any);
                    }
                });
            }
        }
    }

    fn checked(&mut self, step: &ClosedStep<'_>, fault: Option<fault::Fault<'_>>) {
        let command = step.request.and_then(|request| request.command.as_deref()).unwrap_or("");
        if !fault::is_check(command) {
            return;
        }
        match (fault, step.outcome) {
            (Some(fault), Some(outcome)) if !fault.line.is_empty() => {
                let line = crate::text::excerpt(fault.line, super::EVIDENCE_BYTES);
                let failed = Failed { step: step.step.id, record: outcome.record, line };
                self.failed.insert(step.step.agent, failed);
            }
            (None, _) => {
                self.failed.remove(&step.step.agent);
            }
            _ => {}
        }
    }

    /// Whether the item names a file and no call since it was listed could have changed that file.
    fn file_untouched(&self, text: &str, at: Work) -> bool {
        let (mut named, mut touched) = (false, false);
        scan(text, |mention| {
            if mention.kind == EntityKind::Path {
                named = true;
                let name = mention.file_name.unwrap_or(mention.hash);
                touched |= self.touched.get(&name).is_some_and(|any| *any > at.any);
            }
        });
        named && !touched
    }

    fn updated(
        &mut self,
        agent: AgentId,
        record: RecordRef,
        items: &[PlanItem<'_>],
        found: &mut Vec<Finding>,
    ) {
        let at_plan = self.at_plan.insert(agent, self.work).unwrap_or_default();
        let newly_done = items
            .iter()
            .filter(|item| item.status == PlanStatus::Done && asks(&item.text) != Asks::Words)
            .filter(|item| self.items.get(&key(agent, &item.text)).is_some_and(|known| !known.done))
            .count();
        // More items than calls that went well since the last plan: some were not worked on.
        let crowded = newly_done > 1 && newly_done > (self.work.good - at_plan.good) as usize;
        for item in items {
            let key = key(agent, &item.text);
            let done = item.status == PlanStatus::Done;
            let begun = item.status == PlanStatus::Active;
            let Some(known) = self.items.get_mut(&key) else {
                if self.items.len() < MOST_ITEMS {
                    // An item that is done when it is first listed looks back on earlier work.
                    self.items.insert(key, Item { at: self.work, listed: record, done, begun });
                }
                continue;
            };
            let newly = done && !known.done;
            known.done = done;
            known.begun |= begun;
            if !newly {
                continue;
            }
            let (at, listed, begun) = (known.at, known.listed, known.begun);
            let Some(step) = self.latest.get(&agent).copied() else { continue };
            if asks_to_pass(&item.text)
                && let Some(failed) = self.failed.get(&agent)
            {
                found.push(against_check(item, record, step, failed));
                continue;
            }
            let asks = asks(&item.text);
            if asks == Asks::Words {
                continue;
            }
            let (what, strength) = if asks == Asks::Change && self.file_untouched(&item.text, at) {
                ("no call since it was listed changed that file", 0.65)
            } else if asks == Asks::Run && self.work.ran == at.ran {
                ("no call since it was listed could run anything", 0.6)
            } else if asks == Asks::Change && self.work.changed == at.changed {
                ("no call since it was listed could change anything", 0.5)
            } else if self.work.any == at.any {
                ("no call was made since it was listed", 0.45)
            } else if crowded && !begun {
                (
                    "it was never under way, and fewer calls went well since the last plan than items were closed",
                    0.3,
                )
            } else {
                continue;
            };
            let shown = crate::text::quoted(&item.text, 100);
            found.push(Finding {
                rule: &UNDONE_ITEM,
                step,
                root: None,
                strength: Probability::new(strength),
                evidence: vec![
                    Evidence::new(record, Part::Claim, &item.text),
                    Evidence::new(listed, Part::Context, &item.text),
                ],
                sentence: format!("marks {shown} as done; {what}"),
                instruction: format!(
                    "Do this now: {}. Then mark it done.",
                    crate::text::excerpt(&item.text, 120)
                ),
                means: Vec::new(),
            });
        }
    }
}

fn key(agent: AgentId, item: &str) -> (AgentId, u64) {
    (agent, speech::hash(item.trim().to_ascii_lowercase().as_bytes()))
}

/// Whether an item is done only when tests pass.
fn asks_to_pass(item: &str) -> bool {
    let lower = item.to_ascii_lowercase();
    speech::has_any_word(&lower, &["test", "tests", "suite", "build", "lint"])
        && speech::has_any_word(&lower, &["pass", "passes", "passing", "green", "succeeds"])
}

fn against_check(item: &PlanItem<'_>, record: RecordRef, step: StepId, failed: &Failed) -> Finding {
    Finding {
        rule: &FAILED_ITEM,
        step,
        root: None,
        strength: Probability::new(0.75),
        evidence: vec![
            Evidence::new(record, Part::Claim, &item.text),
            Evidence::new(failed.record, Part::Against, &failed.line),
        ],
        sentence: format!(
            "marks {} as done; the last check (step {}) failed: {}",
            crate::text::quoted(&item.text, 100),
            failed.step.0,
            crate::text::quoted(&failed.line, 80)
        ),
        instruction: "Run the check again, mend what fails, and mark the item done when it passes."
            .to_owned(),
        means: Vec::new(),
    }
}

/// Whether a shell call does no more than show a file.
fn only_shows(step: &ClosedStep<'_>) -> bool {
    step.request
        .and_then(|request| request.command.as_deref())
        .is_some_and(|command| fault::shows(command.trim()))
}

impl Family for Plan {
    fn rules(&self) -> &'static [&'static Rule] {
        RULES
    }

    fn observe(&mut self, seen: &Observation<'_>, run: &Run, found: &mut Vec<Finding>) {
        match seen {
            Observation::Step(step) => self.worked(step),
            // A plan is mostly kept by a call: that call is the step that is wrong.
            Observation::Called { step } if step.step.tool_kind() == Some(ToolKind::Plan) => {
                self.latest.insert(step.step.agent, step.step.id);
            }
            Observation::Plan { agent, record, items } => {
                let _ = run;
                self.updated(*agent, *record, items, found);
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
    use PlanStatus::{Active, Done, Pending};
    use serde_json::json;

    fn scene() -> Scene {
        let mut scene = Scene::of(Plan::default());
        scene.says("I begin.");
        scene.plan(&[("Fix the discount", Pending), ("Run the tests", Pending), ("Look around", Active)]);
        scene
    }

    fn shown(scene: &mut Scene) -> Vec<String> {
        scene.all().iter().map(|f| f.evidence[0].text.clone()).collect()
    }

    #[test]
    fn ticked_off_without_any_work() {
        let mut scene = scene();
        scene.plan(&[("Fix the discount", Done), ("Run the tests", Done), ("Look around", Done)]);
        assert_eq!(shown(&mut scene), ["Fix the discount", "Run the tests", "Look around"]);
    }

    #[test]
    fn the_wrong_sort_of_work_does_not_do_it() {
        let mut scene = scene();
        for file in ["a", "b", "c"] {
            scene.call("Edit", &json!({"file_path": file}), Status::Ok, "edited");
        }
        scene.plan(&[("Fix the discount", Done), ("Run the tests", Done), ("Look around", Done)]);
        assert_eq!(shown(&mut scene), ["Run the tests"]);
    }

    #[test]
    fn shell_calls_may_do_all() {
        let mut scene = scene();
        scene.call("Bash", &json!({"command": "sed -i s/a/b/ x"}), Status::Ok, "");
        scene.call("Bash", &json!({"command": "make"}), Status::Ok, "");
        scene.call("Bash", &json!({"command": "make run"}), Status::Ok, "");
        scene.plan(&[("Fix the discount", Done), ("Run the tests", Done), ("Look around", Done)]);
        assert!(scene.all().is_empty());
    }

    #[test]
    fn an_item_listed_as_done_and_one_given_up_are_well() {
        let mut scene = scene();
        scene.plan(&[
            ("Fix the discount", PlanStatus::Dropped),
            ("Run the tests", Pending),
            ("Read the code", Done),
        ]);
        assert!(scene.all().is_empty());
    }

    #[test]
    fn an_item_that_names_a_file_needs_a_change_of_that_file() {
        for (command, count) in [("cat docs/runbook.md", 1), ("echo x >> docs/runbook.md", 0)] {
            let mut scene = scene();
            scene.plan(&[("Update docs/runbook.md with the port", Pending)]);
            scene.call("Bash", &json!({"command": command}), Status::Ok, "");
            scene.plan(&[("Update docs/runbook.md with the port", Done)]);
            assert_eq!(scene.all().len(), count, "{command}");
        }
    }

    #[test]
    fn closing_passing_tests_on_a_failed_run() {
        for (status, count) in [(Status::Error, 1), (Status::Ok, 0)] {
            let mut scene = scene();
            scene.plan(&[("Make the tests pass", Active)]);
            scene.call("Bash", &json!({"command": "pytest -q"}), status, "1 failed, 2 passed");
            scene.plan(&[("Make the tests pass", Done)]);
            assert_eq!(scene.found("plan.closed-against-check").len(), count);
        }
    }

    #[test]
    fn more_items_closed_than_calls_made() {
        let mut scene = Scene::of(Plan::default());
        scene.says("I begin.");
        scene.plan(&[
            ("Dump it", Active),
            ("Compare the rows", Pending),
            ("Check the size", Pending),
            ("Tell the team", Pending),
        ]);
        scene.call("Bash", &json!({"command": "pg_dump x"}), Status::Ok, "");
        scene.plan(&[
            ("Dump it", Done),
            ("Compare the rows", Done),
            ("Check the size", Done),
            ("Tell the team", Done),
        ]);
        assert_eq!(shown(&mut scene), ["Compare the rows", "Check the size"]);
    }

    #[test]
    fn an_item_is_told_once() {
        let mut scene = scene();
        for _ in 0..3 {
            scene.plan(&[("Run the tests", Done)]);
        }
        assert_eq!(scene.all().len(), 1);
    }
}
