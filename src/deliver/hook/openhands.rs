//! What OpenHands says to its hooks and how it wants to be answered: as its documentation and the
//! source of its SDK (2026) have it; it was not tried on the program itself.
//!
//! - `event_type`, `working_dir`, `tool_output`, `message`; a call has no id, and no log is named.
//! - `{"decision":"deny","reason"}` refuses a call, or the end of a turn, which then goes on with the
//!   reason. Whatever is not understood allows.
//! - `additionalContext` is documented for a prompt; after a tool nothing is: what is approved waits for
//!   the end of the turn.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::claude_code::bounded;
use super::{Answer, HookError, HookEvent, HookInput, call_named};
use crate::text;
use crate::trace::RunId;

#[derive(Deserialize)]
struct Said {
    event_type: String,
    #[serde(default)]
    session_id: Option<String>,
    #[serde(default)]
    working_dir: Option<String>,
    #[serde(default)]
    tool_name: Option<String>,
    #[serde(default)]
    tool_input: Option<Box<RawValue>>,
    #[serde(default)]
    tool_output: Option<Box<RawValue>>,
    #[serde(default)]
    message: Option<String>,
}

/// Reads a hook's input.
///
/// # Errors
/// It is not JSON, or has no session or event.
pub fn read(bytes: &[u8]) -> Result<HookInput, HookError> {
    let said: Said =
        serde_json::from_slice(bytes).map_err(|e| HookError::Input(text::excerpt(&e.to_string(), 200)))?;
    let session = said.session_id.filter(|id| !id.is_empty());
    let session = session.ok_or_else(|| HookError::Input("it names no session".to_owned()))?;
    let call_id = call_named(said.tool_name.as_deref(), said.tool_input.as_deref(), Path::new(""));
    Ok(HookInput {
        run: RunId::new(session),
        event: HookEvent::of_name(&said.event_type),
        transcript: PathBuf::new(),
        cwd: said.working_dir.unwrap_or_default(),
        agent: None,
        agent_transcript: None,
        tool: said.tool_name,
        turn: None,
        call_id,
        tool_input: said.tool_input,
        tool_response: said.tool_output,
        error: None,
        last_message: None,
        prompt: said.message,
        kept_open: None,
    })
}

/// Whether this event hands a text on.
pub fn carries(event: &HookEvent) -> bool {
    matches!(event, HookEvent::PreToolUse | HookEvent::UserPromptSubmit | HookEvent::Stop)
}

/// Writes an answer as one line of JSON. `None` where there is nothing to say, or where this event
/// takes no such answer.
pub fn write(input: &HookInput, answer: &Answer) -> Option<String> {
    let answer = match (&input.event, answer) {
        (HookEvent::UserPromptSubmit, Answer::Context(text)) => {
            json!({"decision": "allow", "additionalContext": bounded(text)?})
        }
        (HookEvent::Stop, Answer::Context(text)) | (HookEvent::PreToolUse, Answer::Deny(text)) => {
            json!({"decision": "deny", "reason": bounded(text)?})
        }
        _ => return None,
    };
    Some(answer.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_input_is_read_and_answered() {
        let at = |event: &str| {
            let said = json!({
                "event_type": event, "tool_name": "terminal", "tool_input": {"command": "ls"},
                "tool_output": "a", "message": null, "session_id": "c1", "working_dir": "/w", "metadata": {},
            });
            read(said.to_string().as_bytes()).unwrap()
        };
        let text = Answer::Context("Operator: \"é\"".into());
        let deny = r#"{"decision":"deny","reason":"Operator: \"é\""}"#;
        assert_eq!(write(&at("Stop"), &text).unwrap(), deny);
        assert_eq!(write(&at("PreToolUse"), &Answer::Deny("Operator: \"é\"".into())).unwrap(), deny);
        let allow = r#"{"decision":"allow","additionalContext":"Operator: \"é\""}"#;
        assert_eq!(write(&at("UserPromptSubmit"), &text).unwrap(), allow);
        for event in ["PostToolUse", "SessionStart", "SessionEnd", "Notification"] {
            assert_eq!(write(&at(event), &text), None, "{event}");
        }
        assert_eq!(write(&at("PreToolUse"), &Answer::Ask("?".into())), None);
        let input = at("PreToolUse");
        assert_eq!((input.run.as_str(), input.cwd.as_str(), input.kept_open), ("c1", "/w", None));
    }

    #[test]
    fn bad_input_is_an_error_and_not_a_panic() {
        for bad in [&b""[..], b"[]", b"{\"event_type\":\"Stop\"}", b"{\"session_id\":\"a\"}", b"\xff\xfe"] {
            assert!(read(bad).is_err());
        }
    }
}
