//! Plan: items that are ticked off although nothing was done that could have done them.
//!
//! An item's words rarely match the words of the call that does it, so the rule goes by the sort of
//! work: an item that begins with "run" or "test" needs a call that can run something, one that
//! begins with "write" or "fix" a call that can change something. Everything else needs any call at
//! all. Work counts from the moment that the item was first listed.

use rustc_hash::FxHashMap;

use crate::trace::{
    AgentId, ClosedStep, Observation, PlanItem, PlanStatus, Probability, RecordRef, Run, StepId, ToolKind,
};

use super::{Aspect, Basis, Class, Evidence, Family, Finding, Part, Rule, speech};

/// Ticked off, not done.
pub(super) static UNDONE_ITEM: Rule = Rule {
    id: "plan.closed-without-work",
    class: Class::InconsistentReasoning,
    basis: Basis::External,
    speaks_of: Aspect::Consistency,
    summary: "An item of the plan was marked done although no call since it was listed could have done it.",
};

static RULES: &[&Rule] = &[&UNDONE_ITEM];

const MOST_ITEMS: usize = 256;

/// Counts of what was done so far, by the sort of work it can be.
#[derive(Clone, Copy, Debug, Default)]
struct Work {
    any: u32,
    ran: u32,
    changed: u32,
}

#[derive(Debug)]
struct Item {
    at: Work,
    listed: RecordRef,
    done: bool,
}

/// The family.
#[derive(Debug, Default)]
pub(super) struct Plan {
    work: Work,
    items: FxHashMap<(AgentId, u64), Item>,
    /// The latest step of each agent.
    latest: FxHashMap<AgentId, StepId>,
}

/// What sort of work an item asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asks {
    Run,
    Change,
    Any,
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

fn asks(item: &str) -> Asks {
    let lower = item.to_ascii_lowercase();
    match speech::words(&lower).find(|word| !word.bytes().all(|b| b.is_ascii_digit())) {
        Some(first) if RUN.contains(&first) => Asks::Run,
        Some(first) if CHANGE.contains(&first) => Asks::Change,
        _ => Asks::Any,
    }
}

impl Plan {
    fn worked(&mut self, step: &ClosedStep<'_>) {
        self.latest.insert(step.step.agent, step.step.id);
        let Some(kind) = step.step.tool_kind() else { return };
        if kind == ToolKind::Plan {
            return;
        }
        self.work.any = self.work.any.saturating_add(1);
        // What an unknown tool or another agent did may have been anything.
        let open = matches!(kind, ToolKind::Agent | ToolKind::Other | ToolKind::Code | ToolKind::Shell);
        if open || kind == ToolKind::Fetch {
            self.work.ran = self.work.ran.saturating_add(1);
        }
        if open || matches!(kind, ToolKind::Write | ToolKind::Edit) {
            self.work.changed = self.work.changed.saturating_add(1);
        }
    }

    fn updated(
        &mut self,
        agent: AgentId,
        record: RecordRef,
        items: &[PlanItem<'_>],
        found: &mut Vec<Finding>,
    ) {
        for item in items {
            let key = (agent, speech::hash(item.text.trim().to_ascii_lowercase().as_bytes()));
            let done = item.status == PlanStatus::Done;
            let Some(known) = self.items.get_mut(&key) else {
                if self.items.len() < MOST_ITEMS {
                    // An item that is done when it is first listed looks back on earlier work.
                    self.items.insert(key, Item { at: self.work, listed: record, done });
                }
                continue;
            };
            let newly = done && !known.done;
            known.done = done;
            let (what, strength) = match asks(&item.text) {
                Asks::Run if self.work.ran == known.at.ran => ("run anything", 0.6),
                Asks::Change if self.work.changed == known.at.changed => ("change anything", 0.5),
                _ if self.work.any == known.at.any => ("do anything", 0.45),
                _ => continue,
            };
            let Some(step) = self.latest.get(&agent).copied() else { continue };
            if !newly {
                continue;
            }
            let shown = crate::text::quoted(&item.text, 100);
            found.push(Finding {
                rule: &UNDONE_ITEM,
                step,
                root: None,
                strength: Probability::new(strength),
                evidence: vec![
                    Evidence::new(record, Part::Claim, &item.text),
                    Evidence::new(known.listed, Part::Against, &item.text),
                ],
                sentence: format!("marks {shown} as done; no call since it was listed could {what}"),
                instruction: format!(
                    "Do this now: {}. Then mark it done.",
                    crate::text::excerpt(&item.text, 120)
                ),
                means: Vec::new(),
            });
        }
    }
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
        scene.call("Edit", &json!({"file_path": "a"}), Status::Ok, "edited");
        scene.plan(&[("Fix the discount", Done), ("Run the tests", Done), ("Look around", Done)]);
        assert_eq!(shown(&mut scene), ["Run the tests"]);
    }

    #[test]
    fn one_shell_call_may_do_all() {
        let mut scene = scene();
        scene.call("Bash", &json!({"command": "sed -i s/a/b/ x && make"}), Status::Ok, "");
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
    fn an_item_is_told_once() {
        let mut scene = scene();
        for _ in 0..3 {
            scene.plan(&[("Run the tests", Done)]);
        }
        assert_eq!(scene.all().len(), 1);
    }
}
