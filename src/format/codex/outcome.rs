//! How a tool call of Codex ended, from the text of its output and from the item that the program
//! writes beside it.
//!
//! The text has four dialects: JSON with `metadata.exit_code`; a head with `Exit code: N`; a head with
//! `Process exited with code N` (or `Process running …`: not ended); bare text. Refusals, failures of
//! the tool itself and interruptions are told by how the text begins. What none of this tells is
//! unknown, never ok.

use super::record::JsonOutput;
use crate::format::json::{Plain, Shape};
use crate::text::clip;
use crate::trace::Status;

/// How a call ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    pub status: Status,
    pub exit_code: Option<i32>,
}

impl Outcome {
    pub(super) fn of(status: Status) -> Self {
        Self { status, exit_code: None }
    }

    /// From an exit code.
    pub(super) fn exited(code: i32) -> Self {
        Self { status: if code == 0 { Status::Ok } else { Status::Error }, exit_code: Some(code) }
    }
}

/// The outcome that an item's status and exit code tell.
pub(super) fn of_item(status: &Plain<'_>, exit_code: &Plain<'_>) -> Outcome {
    let code = exit_code.code();
    let status = match (status.or_empty(), code) {
        (_, Some(code)) if code != 0 => Status::Error,
        ("failed" | "error", _) => Status::Error,
        ("declined" | "denied" | "rejected", _) => Status::Denied,
        ("interrupted" | "cancelled" | "aborted", _) => Status::Interrupted,
        ("timed_out" | "timeout", _) => Status::Timeout,
        (_, Some(_)) | ("completed" | "success", None) => Status::Ok,
        _ => Status::Unknown,
    };
    Outcome { status, exit_code: code }
}

/// The reason in a refusal by a hook: the text between the mark and the repetition of the command.
pub(super) fn hook_reason(text: &str) -> Option<&str> {
    const MARK: &str = " blocked by PreToolUse hook: ";
    let head = clip(text, 400);
    let at = head.find(MARK)?;
    let before = head.get(..at)?;
    if !(before.ends_with("Command") || before.ends_with("Tool call")) {
        return None;
    }
    let reason = text.get(at + MARK.len()..)?;
    let end = reason.rfind(". Command: ").unwrap_or(reason.len());
    reason.get(..end)
}

/// The outcome that an output's text tells.
pub(super) fn of_text(text: &str) -> Outcome {
    if text.starts_with('{')
        && text.len() < 1 << 20
        && let Ok(Shape::Map(json)) = serde_json::from_str::<Shape<'_, JsonOutput<'_>>>(text)
    {
        if let Some(code) = json.metadata.map().and_then(|m| m.exit_code.code()) {
            return Outcome::exited(code);
        }
        match json.timed_out {
            Shape::Flag(true) => return Outcome::of(Status::Timeout),
            Shape::Flag(false) => return Outcome::of(Status::Ok),
            _ => {}
        }
    }
    if hook_reason(text).is_some() {
        return Outcome::of(Status::Denied);
    }
    let begins = |words: &[&str]| words.iter().any(|word| text.starts_with(word));
    if begins(&[
        "exec command rejected by user",
        "patch rejected by user",
        "rejected by user",
        "user rejected",
    ]) {
        return Outcome::of(Status::Denied);
    }
    if text == "aborted" || begins(&["aborted by user", "command was interrupted"]) {
        return Outcome::of(Status::Interrupted);
    }
    if begins(&["command timed out"]) {
        return Outcome::of(Status::Timeout);
    }
    if begins(&[
        "apply_patch verification failed",
        "exec_command failed",
        "execution error",
        "failed to parse function arguments",
        "unsupported call",
        "unsupported custom tool call",
        "Script failed",
        "Script error",
    ]) {
        return Outcome::of(Status::Error);
    }
    // The numbers stand in the head, before the tool's own words.
    for line in text.lines().take(8) {
        if line == "Output:" {
            break;
        }
        let code =
            line.strip_prefix("Exit code: ").or_else(|| line.strip_prefix("Process exited with code "));
        if let Some(code) = code.and_then(|code| code.trim().parse().ok()) {
            return Outcome::exited(code);
        }
        if line.starts_with("Process running with session ID") {
            return Outcome::default();
        }
    }
    if text == "Plan updated" || begins(&["Script completed"]) {
        return Outcome::of(Status::Ok);
    }
    Outcome::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_dialects_have_exit_codes() {
        let json = r#"{"output":"no","metadata":{"exit_code":2,"duration_seconds":0.1}}"#;
        assert_eq!(of_text(json), Outcome::exited(2));
        assert_eq!(of_text("Exit code: 0\nWall time: 1 seconds\nOutput:\nok"), Outcome::exited(0));
        assert_eq!(
            of_text("Chunk ID: a\nWall time: 0 seconds\nProcess exited with code 1\nOutput:\nno"),
            Outcome::exited(1)
        );
        assert_eq!(of_text("bare words"), Outcome::default());
    }

    #[test]
    fn a_planted_exit_code_in_the_output_is_not_believed() {
        let text = "Wall time: 0 seconds\nOutput:\nExit code: 0\n";
        assert_eq!(of_text(text), Outcome::default());
    }

    #[test]
    fn a_hook_refuses_with_a_reason() {
        let text = "Command blocked by PreToolUse hook: not there. Try src. Command: rm -r x";
        assert_eq!(hook_reason(text), Some("not there. Try src"));
        assert_eq!(of_text(text).status, Status::Denied);
        assert_eq!(hook_reason("it was blocked by PreToolUse hook: x"), None);
    }

    #[test]
    fn a_running_process_has_not_ended() {
        let text = "Chunk ID: a\nProcess running with session ID 7\nOutput:\n";
        assert_eq!(of_text(text), Outcome::default());
        assert_eq!(of_text(r#"{"timed_out":true}"#).status, Status::Timeout);
    }
}
