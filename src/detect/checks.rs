//! What is known of the checks of a run: which were run, what came of them, and what was edited since.
//! Families keep one of these each, feed it every closed step, and ask it. Words are never evidence
//! here: what another agent reports is not a check.

use super::runner::{self, Called, CheckKind, Exit, Ground};
use super::summary::{self, Says, Summary};
use crate::trace::{AgentId, ClosedStep, RecordRef, Status, StepId, ToolKind};

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

    /// A place where something may have been checked that is not seen: a person who says so.
    pub(crate) fn note_opaque(&mut self) {
        self.now += 1;
        self.opaque_at = Some(self.now);
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
                if reading.checks.is_empty() {
                    let printed = (!reading.only_shows).then(|| summary::tests(&text)).flatten();
                    match printed.filter(|s| s.own_form) {
                        Some(s) => self.add_unnamed(seen, command, CheckKind::Test, s, background),
                        None if reading.opaque || kind == ToolKind::Code && !command.contains("tools.") => {
                            self.opaque_at = Some(self.now);
                        }
                        None => {}
                    }
                } else {
                    if reading.opaque {
                        self.opaque_at = Some(self.now);
                    }
                    self.add_called(seen, kind, reading.checks, &text, background);
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
                match (named, printed) {
                    (Some(kind), Some(s)) => self.add_unnamed(seen, seen.tool, kind, s, false),
                    (None, Some(s)) => self.add_unnamed(seen, seen.tool, CheckKind::Test, s, false),
                    (Some(_), None) => self.opaque_at = Some(self.now),
                    (None, None) => {}
                }
            }
            ToolKind::Read | ToolKind::Search | ToolKind::Fetch | ToolKind::Plan => {}
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
            },
            verdict,
            line: s.line.clone(),
            summary: Some(s),
            exit,
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
            let printed = match called.kind {
                CheckKind::Test => summary::tests(text),
                kind => summary::other(kind, text),
            };
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
            self.all.push(Check {
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

    /// Whether any call ran, wrote or edited.
    pub(crate) fn worked(&self) -> bool {
        self.worked_at.is_some()
    }

    /// Whether work was handed to another agent.
    pub(crate) fn handed(&self) -> bool {
        self.handed_at.is_some()
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

fn verdict_of(
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
fn tail_line(text: &str) -> String {
    let line = text.lines().rev().take(20).find(|l| l.chars().any(char::is_alphanumeric)).unwrap_or("");
    crate::text::clip(line.trim(), 160).to_owned()
}

/// A path's last part.
pub(crate) fn name_of(path: &str) -> &str {
    let path = path.trim_end_matches(['/', '\\']);
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// Whether a check could come out otherwise because of a change in this file: not for texts that
/// people read, logs and notes.
pub(crate) fn matters(path: &str) -> bool {
    let lower = path.trim().to_ascii_lowercase();
    let name = name_of(&lower);
    if name.is_empty() || name.starts_with('$') || lower.starts_with("/tmp/") || lower.starts_with("/dev/") {
        return false;
    }
    let ending = name.rsplit_once('.').map_or("", |(_, e)| e);
    let text = matches!(
        ending,
        "md" | "markdown"
            | "rst"
            | "txt"
            | "adoc"
            | "log"
            | "out"
            | "csv"
            | "png"
            | "svg"
            | "pdf"
            | "jpg"
            | "html"
            | "patch"
            | "diff"
            | "tmp"
            | "bak"
            | "pid"
    );
    let named = [
        "readme",
        "changelog",
        "license",
        "authors",
        "contributing",
        "notes",
        "todo",
        ".gitignore",
        "codeowners",
        "commit_editmsg",
        "claude.md",
        "agents.md",
    ]
    .iter()
    .any(|n| name.starts_with(n));
    let dir = lower
        .split(['/', '\\'])
        .any(|part| matches!(part, "docs" | "doc" | ".github" | ".claude" | "node_modules" | "target"));
    !(text && !name.starts_with("requirements") && name != "cmakelists.txt" || named || dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_for_people_do_not_matter_to_a_check() {
        for path in ["README.md", "docs/guide.py", "CHANGELOG", "a/b/notes.txt", "/tmp/x.py", "out.log"] {
            assert!(!matters(path), "{path}");
        }
        for path in
            ["src/a.rs", "requirements.txt", "Cargo.toml", "CMakeLists.txt", "Makefile", "tests/test_a.py"]
        {
            assert!(matters(path), "{path}");
        }
    }
}
