//! Fan-in: what several agents bring back must agree, and what several agents write must not undo each
//! other.
//!
//! Two reports contradict each other when they give two values for one thing: the same unit or the same
//! sort of date, in sentences about the same subject. That alone is no fault of anybody. It becomes one
//! when the agent that asked both goes on with one value and says nothing of the other, and no outcome
//! of its own has settled the matter.

mod facts;
mod files;
mod reports;

use crate::trace::{Observation, Run};

use super::{Aspect, Basis, Class, EVIDENCE_BYTES, Evidence, Family, Finding, Part, Rule, speech};

static RULES: &[&Rule] = &[&reports::CONTRADICTION, &files::OVERWRITTEN];

/// The family.
#[derive(Debug, Default)]
pub(super) struct FanIn {
    reports: reports::Reports,
    files: files::Files,
}

impl Family for FanIn {
    fn rules(&self) -> &'static [&'static Rule] {
        RULES
    }

    fn observe(&mut self, seen: &Observation<'_>, run: &Run, found: &mut Vec<Finding>) {
        match seen {
            Observation::Step(step) => {
                self.reports.closed(step, run, found);
                self.files.closed(step, run, found);
            }
            Observation::Handoff { from, to, passage, .. } => self.reports.asked(*from, *to, passage),
            Observation::Return { from, to, passage, .. } => self.reports.returned(*from, *to, passage, run),
            _ => {}
        }
    }
}
