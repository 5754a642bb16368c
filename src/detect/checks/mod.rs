//! What is known of the checks of a run: which were run, what came of them, and what was edited since.
//! Families hold one of these in common ([`Witness`]), feed it every closed step, and ask it. Words are never evidence
//! here: what another agent reports is not a check.

mod check;
mod files;
mod reports;
mod witness;

pub(crate) use check::{Check, Verdict, standing_failure};
pub(crate) use files::{matters, name_of};
pub(crate) use reports::Report;
pub(crate) use witness::{Account, Witness};

use super::pattern::patterns;
use super::runner::{self, Called, CheckKind, Exit, Ground};
use super::summary::{self, Says, Summary};
use crate::trace::{AgentId, ClosedStep, RecordRef, Status, StepId, ToolKind};
use check::{tail_line, verdict_of};

/// A change of a file that a check may look at.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    /// Its place in the order of what happened.
    pub(crate) at: u32,
    /// The step that made it.
    pub(crate) step: StepId,
    /// The agent that made it.
    pub(crate) agent: AgentId,
    /// The record to cite.
    pub(crate) record: RecordRef,
    /// The file's name without its directory; cleaned, at most 80 bytes.
    pub(crate) file: String,
    /// Hash of the package that it belongs to, by its directory (`crates/core/…`); 0: not known.
    pub(crate) package: u64,
}

patterns! {
    // Words in a command or its output that speak of a check.
    MAY_CHECK = r"(?i-u)test|check|verif|assert|\bspec|valid|\bci\b|\bqa\b|smoke|suite|lint|pass(?:ed|es|ing)?\b|success|\ball ok\b";
    OUTPUT_TOLD = r"(?:output|written|log|file)\b[^\n]{0,40}?((?:/[\w.@+-]+)+\.(?:output|log|txt|out))\b";
}

/// The name of the file that a job in the background writes to, as its start told.
fn output_told(text: &str) -> Option<u64> {
    let m = OUTPUT_TOLD.captures(text)?;
    Some(runner::hash(name_of(m.get(1)?.as_str())))
}

/// The longest command that is kept, in bytes.
const COMMAND: usize = 300;
/// How many checks are kept; the oldest go first.
const MOST: usize = 4096;

/// What is known of a run's checks.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    now: u32,
    all: Vec<Check>,
    changes: Vec<Change>,
    /// Where something ran that may have been a check.
    opaque_at: Option<u32>,
    /// Where a person spoke of a check that is not seen.
    vouched_at: Option<u32>,
    /// Where a program ran of which nothing speaks of a check.
    unknown_at: Option<u32>,
    /// The last report that was read and that no check of this run wrote.
    report: Option<Report>,
    /// Where a call was made that runs, writes or edits.
    worked_at: Option<u32>,
    /// Where work was handed to another agent.
    handed_at: Option<u32>,
    /// The work is laid aside (`git stash`): what is checked now is another state.
    aside: bool,
}

impl Checks {
    /// The place of what happens now.
    pub(crate) fn now(&self) -> u32 {
        self.now
    }

    /// Takes in a closed step. Returns the checks that it ran.
    pub(crate) fn take(&mut self, seen: &ClosedStep<'_>) -> &[Check] {
        self.now += 1;
        let first = self.all.len();
        if let Some(kind) = seen.step.tool_kind() {
            self.take_call(seen, kind);
        }
        if self.all.len() > MOST {
            let over = self.all.len() - MOST;
            self.all.drain(..over);
            return self.all.get(first.saturating_sub(over)..).unwrap_or_default();
        }
        self.all.get(first..).unwrap_or_default()
    }

    /// A place where something may have been checked that is not seen: a person says so.
    pub(crate) fn note_vouched(&mut self) {
        self.now += 1;
        self.vouched_at = Some(self.now);
    }

    fn take_call(&mut self, seen: &ClosedStep<'_>, kind: ToolKind) {
        let step = seen.step;
        let refused = step.status == Status::Denied;
        match kind {
            ToolKind::Shell | ToolKind::Code => {
                self.worked_at = Some(self.now);
                if refused {
                    return;
                }
                let command = seen.request.and_then(|r| r.command.as_deref()).unwrap_or(&seen.input.text);
                let mut reading = runner::read(command);
                let background = seen.request.is_some_and(|r| r.background);
                let text = seen.outcome.map_or("", |p| p.text.as_str());
                let text = summary::plain(text);
                let laid = text.contains("Saved working directory");
                if self.aside || reading.aside && laid {
                    reading.checks.clear();
                    reading.only_shows = true;
                }
                match reading.lays_aside {
                    Some(true) => self.aside |= laid,
                    Some(false) => self.aside = false,
                    None => {}
                }
                let code = kind == ToolKind::Code && !command.contains("tools.");
                let hinted = !reading.hinted.is_empty() && reading.checks.is_empty();
                if reading.unknown || code {
                    // What failed is no success that nobody sees.
                    let said = || MAY_CHECK.is_in(crate::text::clip_front(&text, 4096));
                    if !step.failed() && (MAY_CHECK.is_in(command) || said()) {
                        self.opaque_at = Some(self.now);
                    } else {
                        self.unknown_at = Some(self.now);
                    }
                }
                if !reading.checks.is_empty() {
                    self.add_called(seen, kind, reading.checks, &text, background);
                } else if reading.only_shows {
                    let file = command.rsplit(' ').next().unwrap_or_default();
                    self.read_report(seen, &reading.shown, file, &text);
                } else if let Some(s) = summary::tests(&text).filter(|s| s.own_form) {
                    self.add_unnamed(seen, command, CheckKind::Test, s, background);
                } else if hinted {
                    self.add_hinted(seen, kind, reading.hinted, &text, background);
                }
                if !step.failed() || kind == ToolKind::Code {
                    for path in &reading.writes {
                        self.change(seen, path);
                    }
                }
            }
            ToolKind::Write | ToolKind::Edit => {
                self.worked_at = Some(self.now);
                if refused || step.failed() {
                    return;
                }
                for path in seen.request.map(|r| r.paths.as_slice()).unwrap_or_default() {
                    self.change(seen, path);
                }
            }
            ToolKind::Agent => self.handed_at = Some(self.now),
            ToolKind::Other => {
                if refused {
                    return;
                }
                let text = summary::plain(seen.outcome.map_or("", |p| p.text.as_str()));
                let named = runner::by_tool_name(seen.tool);
                let printed = match named {
                    Some(CheckKind::Test) | None => {
                        summary::tests(&text).filter(|s| s.own_form || named.is_some())
                    }
                    Some(kind) => summary::other(kind, &text),
                };
                // What comes of a job in the background comes by a tool of its own.
                if named.is_none() && self.read_job(seen, &text) {
                    return;
                }
                match (named, printed) {
                    (Some(kind), Some(s)) => self.add_unnamed(seen, seen.tool, kind, s, false),
                    (None, Some(s)) => self.add_unnamed(seen, seen.tool, CheckKind::Test, s, false),
                    (Some(_), None) => self.opaque_at = Some(self.now),
                    (None, None) => {}
                }
            }
            ToolKind::Read => {
                let (names, file) = reports::names_read(seen, kind);
                self.read_report(
                    seen,
                    &names,
                    &file,
                    &summary::plain(seen.outcome.map_or("", |p| p.text.as_str())),
                );
            }
            ToolKind::Search | ToolKind::Fetch | ToolKind::Plan => {}
        }
    }

    fn change(&mut self, seen: &ClosedStep<'_>, path: &str) {
        if !matters(path) {
            return;
        }
        if self.changes.len() >= MOST {
            self.changes.drain(..MOST / 2);
        }
        self.changes.push(Change {
            at: self.now,
            step: seen.step.id,
            agent: seen.step.agent,
            record: seen.step.record,
            file: crate::text::excerpt(name_of(path), 80),
            package: files::package_of(path),
        });
    }

    fn add_unnamed(
        &mut self,
        seen: &ClosedStep<'_>,
        command: &str,
        kind: CheckKind,
        s: Summary,
        background: bool,
    ) {
        let exit = seen.step.exit_code;
        let verdict = match s.says {
            Says::Pass => Verdict::Passed,
            Says::Fail => Verdict::Failed,
            Says::Empty => Verdict::Empty,
        };
        self.all.push(Check {
            at: self.now,
            step: seen.step.id,
            agent: seen.step.agent,
            record: seen.step.outcome.unwrap_or(seen.step.record),
            called: Called {
                kind,
                ground: Ground::Any,
                command: crate::text::excerpt(command, COMMAND),
                narrowed: 0,
                place: 0,
                exit: Exit::Hidden,
                mask: None,
                background,
                outputs: Vec::new(),
                package: None,
            },
            verdict,
            line: s.line.clone(),
            summary: Some(s),
            exit,
            broken: false,
            hinted: false,
            shares: seen.outcome.map_or_else(Vec::new, |p| summary::shares(&p.text)),
        });
    }

    fn add_called(
        &mut self,
        seen: &ClosedStep<'_>,
        tool: ToolKind,
        called: Vec<Called>,
        text: &str,
        background: bool,
    ) {
        let step = seen.step;
        let exits = summary::printed_exits(text);
        // A shell tool that says ok, and no code, ended with 0.
        let code = step.exit_code.or(match (tool, step.status) {
            (ToolKind::Shell, Status::Ok) if !background => Some(0),
            _ => None,
        });
        let count = called.len();
        for (i, mut called) in called.into_iter().enumerate() {
            let last = i + 1 == count;
            let alone = count == 1;
            called.background |= background;
            let printed = summary::of(called.kind, text);
            let own_exit = match (called.exit, code) {
                (Exit::Own, Some(code)) => Some(code),
                (Exit::OnlyZero, Some(0)) => Some(0),
                _ => {
                    let after = printed.as_ref().map_or(0, |s| s.end);
                    let next = exits.iter().find(|(end, _)| *end >= after && printed.is_some());
                    let next = next.or_else(|| exits.last().filter(|_| last));
                    next.map(|(_, code)| *code).filter(|_| alone || last || printed.is_some())
                }
            };
            let own_exit = own_exit.or_else(|| {
                // "Exit code 1" at the head, and no code of its own in the record.
                (step.failed() && called.exit == Exit::Own)
                    .then(|| exits.first().map_or(1, |(_, code)| *code))
            });
            let failed_line = summary::could_not_start(text).filter(|_| alone);
            let verdict =
                verdict_of(step.status, own_exit, printed.as_ref(), &called, failed_line.is_some(), text);
            let line = match (verdict, failed_line) {
                (Verdict::NotStarted, Some(line)) => crate::text::clip(line.trim(), 160).to_owned(),
                _ => printed.as_ref().map_or_else(|| tail_line(text), |s| s.line.clone()),
            };
            called.command = crate::text::excerpt(&called.command, COMMAND);
            if called.background {
                called.outputs.extend(output_told(text));
            }
            let test = called.kind == CheckKind::Test;
            self.all.push(Check {
                broken: test && verdict == Verdict::Failed && summary::broken(text),
                hinted: false,
                shares: if test { summary::shares(text) } else { Vec::new() },
                at: self.now,
                step: step.id,
                agent: step.agent,
                record: step.outcome.unwrap_or(step.record),
                called,
                verdict,
                summary: printed,
                line,
                exit: own_exit,
            });
        }
    }

    /// Takes in programs whose names speak of testing. One whose outcome is hidden is kept only where it
    /// printed nothing: what it printed may have told.
    fn add_hinted(
        &mut self,
        seen: &ClosedStep<'_>,
        tool: ToolKind,
        called: Vec<Called>,
        text: &str,
        background: bool,
    ) {
        let first = self.all.len();
        self.add_called(seen, tool, called, text, background);
        let added: Vec<Check> = self.all.drain(first..).collect();
        for mut check in added {
            self.all.retain(|c| !c.hinted || c.called.command != check.called.command);
            check.hinted = true;
            let silent = text.trim().is_empty();
            match check.verdict {
                Verdict::Masked | Verdict::Background if silent => {
                    self.opaque_at = None;
                    self.vouched_at = None;
                }
                Verdict::Failed | Verdict::Passed => {}
                _ => continue,
            }
            self.all.push(check);
        }
    }

    /// The last change up to a place; a sub-agent answers for its own changes only.
    pub(crate) fn last_change(&self, until: u32, agent: AgentId) -> Option<&Change> {
        self.changes.iter().rev().find(|c| c.at <= until && (agent == AgentId(0) || c.agent == agent))
    }

    /// The checks of a kind, latest first, up to a place.
    pub(crate) fn of(&self, kind: CheckKind, until: u32) -> impl Iterator<Item = &Check> {
        self.all.iter().rev().filter(move |c| c.called.kind == kind && c.at <= until)
    }

    /// Whether something that may be a check ran after a place.
    pub(crate) fn opaque_after(&self, place: u32) -> bool {
        self.opaque_at.is_some_and(|at| at > place)
    }

    /// Whether something that may be a check ran after a place, or a person spoke of one.
    pub(crate) fn vouched_after(&self, place: u32) -> bool {
        self.opaque_after(place) || self.vouched_at.is_some_and(|at| at > place)
    }

    /// Whether a program ran after a place of which nothing speaks of a check.
    pub(crate) fn unknown_after(&self, place: u32) -> bool {
        self.unknown_at.is_some_and(|at| at > place)
    }

    /// The checks of all kinds, latest first, up to a place.
    pub(crate) fn any(&self, until: u32) -> impl Iterator<Item = &Check> {
        self.all.iter().rev().filter(move |c| c.at <= until)
    }

    /// Whether any call ran, wrote or edited.
    pub(crate) fn worked(&self) -> bool {
        self.worked_at.is_some()
    }

    /// Whether work was handed to another agent.
    pub(crate) fn handed(&self) -> bool {
        self.handed_at.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_compile() {
        assert_eq!(patterns_that_do_not_compile(), [""; 0]);
    }
}
