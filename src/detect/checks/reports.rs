//! Reports: files that hold what a check printed. One that a check of this run wrote tells what came of
//! that check, whenever it is read; any other is as old as it is.

use super::{Checks, Verdict, name_of};
use crate::detect::runner::hash;
use crate::detect::summary::{self, Says};
use crate::trace::{ClosedStep, RecordRef, StepId, ToolKind};

/// A report that was read and that no check of this run wrote.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    /// Where it was read in the order of what happened.
    pub(crate) at: u32,
    /// The step that read it.
    pub(crate) step: StepId,
    /// The record to cite.
    pub(crate) record: RecordRef,
    /// Its name, short.
    pub(crate) file: String,
    /// The line of it that sums up.
    pub(crate) line: String,
}

impl Checks {
    /// Takes in files that were read or shown, with their text.
    pub(super) fn read_report(&mut self, seen: &ClosedStep<'_>, names: &[u64], file: &str, text: &str) {
        if names.is_empty() {
            return;
        }
        let written = self.all.iter().rposition(|c| c.called.outputs.iter().any(|o| names.contains(o)));
        if let Some(check) = written.and_then(|at| self.all.get_mut(at)) {
            check.learn(seen, text);
        } else if let Some(printed) = summary::tests(text).filter(|s| s.own_form && s.says != Says::Empty) {
            self.report = Some(Report {
                at: self.now,
                step: seen.step.id,
                record: seen.step.outcome.unwrap_or(seen.step.record),
                file: crate::text::excerpt(name_of(file), 80),
                line: printed.line,
            });
        }
    }

    /// Takes in what a tool brings back of a job in the background. Says whether there was one.
    pub(super) fn read_job(&mut self, seen: &ClosedStep<'_>, text: &str) -> bool {
        let open = |c: &&mut super::Check| c.verdict == Verdict::Background && c.agent == seen.step.agent;
        match self.all.iter_mut().rev().find(open) {
            Some(check) => check.learn(seen, text),
            None => false,
        }
    }

    /// The last report that was read, if after a place.
    pub(crate) fn report_after(&self, place: u32, until: u32) -> Option<&Report> {
        self.report.as_ref().filter(|r| r.at > place && r.at <= until)
    }
}

impl super::Check {
    /// Learns from its own output, read later, what came of it. Says whether the text told anything.
    fn learn(&mut self, seen: &ClosedStep<'_>, text: &str) -> bool {
        let printed = summary::of(self.called.kind, text);
        let exit = summary::printed_exits(text).last().map(|(_, code)| *code);
        let verdict = match (printed.as_ref().map(|s| s.says), exit) {
            (Some(Says::Fail), _) => Verdict::Failed,
            (_, Some(code)) if code != 0 => Verdict::Failed,
            (Some(Says::Pass), _) | (None, Some(_)) => Verdict::Passed,
            (Some(Says::Empty), _) => Verdict::Empty,
            (None, None) => return false,
        };
        // What its own exit code told stands against a text that tells less.
        if self.exit.is_some_and(|code| code != 0) && verdict == Verdict::Passed {
            return true;
        }
        self.verdict = verdict;
        self.record = seen.step.outcome.unwrap_or(seen.step.record);
        if let Some(printed) = printed {
            self.line = printed.line.clone();
            self.summary = Some(printed);
        }
        self.shares = summary::shares(text);
        true
    }
}

/// The files that a call reads.
pub(super) fn names_read(seen: &ClosedStep<'_>, kind: ToolKind) -> (Vec<u64>, String) {
    let paths = match (kind, seen.request) {
        (ToolKind::Read, Some(request)) => request.paths.as_slice(),
        _ => &[],
    };
    let names = paths.iter().map(|p| hash(name_of(p))).collect();
    (names, paths.first().cloned().unwrap_or_default())
}
