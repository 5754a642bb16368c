//! One check that was run: what it was, what it printed, what came of it.

use crate::detect::runner::{Called, CheckKind};
use crate::detect::summary::{Says, Summary};
use crate::trace::{AgentId, RecordRef, Status, StepId};

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It succeeded.
    Passed,
    /// It failed.
    Failed,
    /// It ran and looked at nothing.
    Empty,
    /// Its outcome was hidden, and nothing in its output tells it.
    Masked,
    /// It runs, or ran, where nobody looked.
    Background,
    /// It was broken off.
    BrokenOff,
    /// It could not start.
    NotStarted,
    /// Nobody can say.
    Unknown,
}

/// A check that was run.
#[derive(Clone, Debug)]
pub(crate) struct Check {
    /// Its place in the order of what happened.
    pub(crate) at: u32,
    /// The step that ran it.
    pub(crate) step: StepId,
    /// The agent that ran it.
    pub(crate) agent: AgentId,
    /// The record to cite.
    pub(crate) record: RecordRef,
    /// The command, as it was called.
    pub(crate) called: Called,
    /// What came of it.
    pub(crate) verdict: Verdict,
    /// What it printed at its end.
    pub(crate) summary: Option<Summary>,
    /// The line that tells of it: the summary, or why it could not start.
    pub(crate) line: String,
    /// Its exit code, where known to be its own.
    pub(crate) exit: Option<i32>,
    /// Its output says that what it was to test does not build.
    pub(crate) broken: bool,
    /// Only its name speaks of testing: nobody knows what it does.
    pub(crate) hinted: bool,
    /// The shares of code covered that it printed, in tenths of a percent.
    pub(crate) shares: Vec<u32>,
}

impl Check {
    /// What it printed or how it ended, for a sentence.
    pub(crate) fn told(&self) -> String {
        if let Some(s) = &self.summary {
            if let (Some(passed), Some(total)) = (s.passed, s.total) {
                if s.failed > 0 {
                    return format!("printed {passed} passed, {} failed", s.failed);
                }
                if let Some(code) = self.exit.filter(|c| *c != 0) {
                    return format!("printed {passed} passed and exited {code}");
                }
                return if total > passed {
                    format!("printed {passed} of {total} passed")
                } else {
                    format!("printed {passed} passed")
                };
            }
            if s.failed > 0 {
                let noun = if self.called.kind == CheckKind::Test { "failed" } else { "errors" };
                return format!("printed {} {noun}", s.failed);
            }
        }
        match (self.verdict, self.exit) {
            (Verdict::NotStarted, _) => format!("could not start: {}", crate::text::excerpt(&self.line, 80)),
            (_, Some(code)) if code != 0 => format!("exited {code}"),
            (Verdict::Failed, _) if self.line.is_empty() => "failed".to_owned(),
            _ if !self.line.is_empty() => format!("printed {}", crate::text::quoted(&self.line, 80)),
            (Verdict::Passed, _) => "succeeded".to_owned(),
            _ => "ended without a word".to_owned(),
        }
    }

    /// Whether a success of `later` makes up for a failure of this one.
    fn made_up_by(&self, later: &Self) -> bool {
        let same_place =
            self.called.place == later.called.place || self.called.place == 0 || later.called.place == 0;
        self.called.ground.meets(later.called.ground)
            && same_place
            && (later.called.narrowed == 0 || later.called.narrowed == self.called.narrowed)
    }
}

/// A failed check that no later one made up for; `latest_first` is in that order.
pub(crate) fn standing_failure<'c>(latest_first: &[&'c Check]) -> Option<&'c Check> {
    let mut later: Vec<&Check> = Vec::new();
    for check in latest_first {
        match check.verdict {
            Verdict::Failed if !later.iter().any(|l| check.made_up_by(l)) => return Some(check),
            Verdict::Passed => later.push(check),
            _ => {}
        }
    }
    None
}

pub(super) fn verdict_of(
    status: Status,
    exit: Option<i32>,
    printed: Option<&Summary>,
    called: &Called,
    not_started: bool,
    text: &str,
) -> Verdict {
    if matches!(status, Status::Interrupted | Status::Timeout) && printed.is_none() {
        return Verdict::BrokenOff;
    }
    let says = printed.map(|s| s.says);
    if says == Some(Says::Fail) {
        return Verdict::Failed;
    }
    if not_started && exit != Some(0) && says.is_none() {
        return Verdict::NotStarted;
    }
    match (exit, says) {
        (Some(5), Some(Says::Empty)) | (Some(0) | None, Some(Says::Empty)) => Verdict::Empty,
        (Some(0) | None, Some(Says::Pass)) if !(called.background && text.trim().is_empty()) => {
            Verdict::Passed
        }
        (Some(127), _) => Verdict::NotStarted,
        (Some(code), _) if code != 0 => Verdict::Failed,
        _ if called.background => Verdict::Background,
        (Some(_), None) => Verdict::Passed,
        _ if called.mask.is_some() => Verdict::Masked,
        _ => Verdict::Unknown,
    }
}

/// The last line of a text that says something, short.
pub(super) fn tail_line(text: &str) -> String {
    let line = text.lines().rev().take(20).find(|l| l.chars().any(char::is_alphanumeric)).unwrap_or("");
    crate::text::clip(line.trim(), 160).to_owned()
}
