//! What is asked at every delta, kept up to date as steps are judged so that nobody walks all of them.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

use crate::detect::Finding;
use crate::recover::{check_of, rests_on, trail};
use crate::score::{Band, Judged, Judgement};
use crate::trace::{AgentId, Run, Status, Step, StepId};

/// Of the steps as they are judged.
#[derive(Default)]
pub(super) struct Standing {
    /// Steps in alarm.
    pub(super) alarms: BTreeSet<StepId>,
    /// For each agent: its messages with nothing against them.
    pub(super) clean: FxHashMap<AgentId, BTreeSet<StepId>>,
    /// For each check that a finding asks for: the latest step that passed it.
    pub(super) passed: FxHashMap<String, Option<StepId>>,
}

impl Standing {
    /// Takes in what has just been said of a step.
    pub(super) fn take(
        &mut self,
        run: &Run,
        step: &Step,
        shown: &Judgement,
        judged: &Judged,
        findings: &[&Finding],
    ) {
        let id = step.id;
        if step.status == Status::Ok {
            for (check, latest) in &mut self.passed {
                if *latest < Some(id) && trail::runs(check, &step.label) {
                    *latest = Some(id);
                }
            }
        }
        if step.is_message() {
            let clean = self.clean.entry(step.agent).or_default();
            if judged.against {
                clean.remove(&id);
            } else {
                clean.insert(id);
            }
        }
        if shown.band != Band::Alarm {
            self.alarms.remove(&id);
            return;
        }
        self.alarms.insert(id);
        if let Some(check) = rests_on(findings).and_then(check_of) {
            // A check that is new is looked for among all steps, once; later ones are told of above.
            self.passed.entry(check).or_insert_with_key(|check| {
                let passed = |s: &&Step| s.status == Status::Ok && trail::runs(check, &s.label);
                run.steps.iter().rev().find(passed).map(|s| s.id)
            });
        }
    }
}
