//! What Codex says to its hooks and how it wants to be answered (hooks of version 0.169).
//!
//! The input is Claude Code's with more keys. The answers differ:
//!
//! - A turn is kept open by `decision: "block"` with a reason; `additionalContext` does nothing there,
//!   and there is no limit but the hook's own.
//! - After a tool, `decision: "block"` would take the tool's real output from the model: only
//!   `additionalContext` is used, which the model reads as a developer's message.
//! - `ask` is not known: the call goes on, so nothing is said.
//! - A key that Codex does not know makes the whole answer void, in silence.

use serde_json::json;

use super::claude_code::{self, bounded};
use super::{Answer, HookError, HookEvent, HookInput};

/// Reads a hook's input.
///
/// # Errors
/// It is not JSON, or has no session or event.
pub fn read(bytes: &[u8]) -> Result<HookInput, HookError> {
    claude_code::read(bytes)
}

/// Writes an answer as one line of JSON. `None` where there is nothing to say, or where this event
/// takes no such answer.
pub fn write(input: &HookInput, answer: &Answer) -> Option<String> {
    match (&input.event, answer) {
        (HookEvent::Stop, Answer::Context(text)) => {
            Some(json!({"decision": "block", "reason": bounded(text)?}).to_string())
        }
        (_, Answer::Ask(_)) => None,
        _ => claude_code::write(input, answer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_turn_is_refused_and_the_rest_is_context() {
        let at = |event: &str| {
            let said = json!({"session_id": "s", "hook_event_name": event, "turn_id": "t", "model": "m"});
            read(said.to_string().as_bytes()).unwrap()
        };
        let text = Answer::Context("Operator: go on".into());
        assert_eq!(write(&at("Stop"), &text).unwrap(), r#"{"decision":"block","reason":"Operator: go on"}"#);
        assert!(write(&at("PostToolUse"), &text).unwrap().contains("additionalContext"));
        let deny = write(&at("PreToolUse"), &Answer::Deny("no".into())).unwrap();
        assert!(deny.contains("\"permissionDecision\":\"deny\""));
        assert_eq!(write(&at("PreToolUse"), &Answer::Ask("?".into())), None);
        assert_eq!(write(&at("SubagentStop"), &text), None);
    }
}
