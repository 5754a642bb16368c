//! How a tool call of Claude Code ended.
//!
//! The log has no exit codes and no word for a denial: a failed command begins its text with
//! `Exit code N`, a refusal is an error with a known beginning or a `toolDenialKind`, and what went
//! well is told apart from what still runs by the structured twin of the result (`toolUseResult`).

use super::record::{PermissionDecision, ToolUseResult};
use crate::format::json::{Plain, Shape};
use crate::trace::Status;

/// What is known of a result besides its text.
pub(super) struct Known<'r, 'a> {
    pub is_error: &'r Plain<'a>,
    pub twin: &'r Shape<'a, Box<ToolUseResult<'a>>>,
    pub denial_kind: &'r Plain<'a>,
    pub decision: &'r Shape<'a, Box<PermissionDecision<'a>>>,
}

/// How a call ended.
#[derive(Debug, PartialEq)]
pub(super) struct Outcome {
    pub status: Status,
    pub exit_code: Option<i32>,
    /// The text came from a hook that refused the call; the number is where its reason begins.
    pub hook_reason: Option<usize>,
}

impl Outcome {
    fn of(status: Status, exit_code: Option<i32>) -> Self {
        Self { status, exit_code, hook_reason: None }
    }
}

/// Texts with which a refusal by a person or by a permission rule begins.
const REFUSALS: &[&str] = &[
    "The user doesn't want to proceed with this tool use",
    "The user doesn't want to take this action right now",
    "Permission to use ",
    "Claude requested permissions to ",
];

/// Judges one result.
pub(super) fn judge(text: &str, known: &Known<'_, '_>) -> Outcome {
    if text.starts_with("[Request interrupted by user") {
        return Outcome::of(Status::Interrupted, None);
    }
    let twin = known.twin.map();
    let failed = known.is_error.yes()
        || twin.is_some_and(|twin| twin.is_error.yes())
        || known.twin.or_empty().starts_with("Error: ")
        || text.starts_with("<tool_use_error>");
    if failed {
        return failure(text, known);
    }
    let Some(twin) = twin else {
        return Outcome::of(Status::Ok, None);
    };
    if twin.interrupted.yes() {
        return Outcome::of(Status::Interrupted, None);
    }
    if twin.background_task.text().is_some() || twin.status.is("async_launched") {
        return Outcome::of(Status::Unknown, None);
    }
    if twin.timed_out_after.number().is_some() {
        return Outcome::of(Status::Timeout, None);
    }
    if matches!(twin.success, Shape::Flag(false)) {
        return Outcome::of(Status::Error, None);
    }
    if let Some(code) = twin.exit_code.code() {
        let status = if code == 0 { Status::Ok } else { Status::Error };
        return Outcome::of(status, Some(code));
    }
    // A shell command says `interrupted: false`; a code that only looks like a failure (grep without
    // a match) is explained instead of given.
    let shell = matches!(twin.interrupted, Shape::Flag(false));
    let code = (shell && twin.return_code.text().is_none()).then_some(0);
    Outcome::of(Status::Ok, code)
}

fn failure(text: &str, known: &Known<'_, '_>) -> Outcome {
    if let Some(at) = hook_error(text) {
        return Outcome { status: Status::Denied, exit_code: None, hook_reason: Some(at) };
    }
    let decision = known.decision.map();
    let rejected = decision.is_some_and(|decision| decision.decision.is("reject"));
    if rejected || known.denial_kind.text().is_some() || REFUSALS.iter().any(|s| text.starts_with(s)) {
        let hook = decision.is_some_and(|decision| decision.source.is("hook"));
        return Outcome { status: Status::Denied, exit_code: None, hook_reason: hook.then_some(0) };
    }
    let code = exit_code(text);
    if known.twin.map().is_some_and(|twin| twin.interrupted.yes()) {
        return Outcome::of(Status::Interrupted, code);
    }
    let mut lines = text.lines().take(2);
    if lines.any(|line| line.starts_with("Command timed out after")) {
        return Outcome::of(Status::Timeout, code);
    }
    Outcome::of(Status::Error, code)
}

/// Where the reason begins in `PreToolUse:TOOL hook error: REASON`.
fn hook_error(text: &str) -> Option<usize> {
    const MARK: &str = " hook error: ";
    let rest = text.strip_prefix("PreToolUse:")?;
    let first = rest.lines().next()?;
    let at = first.find(MARK)?;
    Some("PreToolUse:".len() + at + MARK.len())
}

fn exit_code(text: &str) -> Option<i32> {
    let rest = text.strip_prefix("Exit code ")?;
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '-').unwrap_or(rest.len());
    rest.get(..end)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(text: &str, is_error: &str, twin: &str) -> Outcome {
        let known = Known {
            is_error: &serde_json::from_str(is_error).unwrap(),
            twin: &serde_json::from_str(twin).unwrap(),
            denial_kind: &Shape::Nothing,
            decision: &Shape::Nothing,
        };
        judge(text, &known)
    }

    #[test]
    fn shell_results_have_their_exit_code() {
        let ok = judged("fine", "null", r#"{"stdout":"fine","interrupted":false}"#);
        assert_eq!(ok, Outcome::of(Status::Ok, Some(0)));
        let failed = judged("Exit code 101\nno", "true", r#""Error: Exit code 101\nno""#);
        assert_eq!(failed, Outcome::of(Status::Error, Some(101)));
        let none = r#"{"stdout":"","interrupted":false,"returnCodeInterpretation":"No matches found"}"#;
        assert_eq!(judged("", "false", none), Outcome::of(Status::Ok, None));
        let late = judged("Exit code 143\nCommand timed out after 2m 0.0s", "true", "null");
        assert_eq!(late, Outcome::of(Status::Timeout, Some(143)));
    }

    #[test]
    fn what_still_runs_is_unknown() {
        let background = r#"{"stdout":"","interrupted":false,"backgroundTaskId":"b1"}"#;
        assert_eq!(judged("", "false", background).status, Status::Unknown);
        let launched = r#"{"status":"async_launched","agentId":"a1"}"#;
        assert_eq!(judged("", "null", launched).status, Status::Unknown);
    }

    #[test]
    fn refusals_are_not_errors() {
        let hook = judged("PreToolUse:Edit hook error: not that file", "true", "null");
        assert_eq!(hook.status, Status::Denied);
        assert_eq!(hook.hook_reason, Some(28));
        let person = judged("The user doesn't want to proceed with this tool use. STOP", "true", "null");
        assert_eq!(person, Outcome::of(Status::Denied, None));
        let broken = judged("[Request interrupted by user for tool use]", "true", "null");
        assert_eq!(broken.status, Status::Interrupted);
    }

    #[test]
    fn an_error_of_the_tool_itself_is_an_error() {
        let invalid = judged("<tool_use_error>no such file</tool_use_error>", "null", "null");
        assert_eq!(invalid, Outcome::of(Status::Error, None));
        assert_eq!(judged("x", "false", r#"{"success":false}"#).status, Status::Error);
        assert_eq!(judged("x", "null", "null").status, Status::Ok);
    }
}
