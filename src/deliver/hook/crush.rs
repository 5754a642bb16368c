//! What Crush says to its hooks and how it wants to be answered: as its documentation (2026) has it; it
//! was not tried on the program itself.
//!
//! - There is one event for this, before a tool; a call has no id, and no log is named.
//! - `context` is appended to what the model sees of the call, with no opinion on the call itself: an
//!   `allow` would spare the agent's user the question. What is approved goes there.
//! - `{"decision":"deny","reason"}` refuses the call. `ask` is not known.

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
    event: String,
    session_id: String,
    #[serde(default)]
    cwd: Option<String>,
    #[serde(default)]
    tool_name: Option<String>,
    #[serde(default)]
    tool_input: Option<Box<RawValue>>,
}

/// Reads a hook's input.
///
/// # Errors
/// It is not JSON, or has no session or event.
pub fn read(bytes: &[u8]) -> Result<HookInput, HookError> {
    let said: Said =
        serde_json::from_slice(bytes).map_err(|e| HookError::Input(text::excerpt(&e.to_string(), 200)))?;
    if said.session_id.is_empty() {
        return Err(HookError::Input("it names no session".to_owned()));
    }
    // Crush answers for sub-agents itself: their calls are not asked about.
    let call_id = call_named(said.tool_name.as_deref(), said.tool_input.as_deref(), Path::new(""));
    Ok(HookInput {
        run: RunId::new(said.session_id),
        event: HookEvent::of_name(&said.event),
        transcript: PathBuf::new(),
        cwd: said.cwd.unwrap_or_default(),
        agent: None,
        agent_transcript: None,
        tool: said.tool_name,
        turn: None,
        call_id,
        tool_input: said.tool_input,
        tool_response: None,
        error: None,
        last_message: None,
        prompt: None,
        kept_open: None,
    })
}

/// Writes an answer as one line of JSON. `None` where there is nothing to say, or where this event
/// takes no such answer.
pub fn write(input: &HookInput, answer: &Answer) -> Option<String> {
    if input.event != HookEvent::PreToolUse {
        return None;
    }
    let answer = match answer {
        Answer::Context(text) => json!({"version": 1, "context": bounded(text)?}),
        Answer::Deny(reason) => json!({"version": 1, "decision": "deny", "reason": bounded(reason)?}),
        Answer::Nothing | Answer::Ask(_) => return None,
    };
    Some(answer.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_input_is_read_and_answered() {
        let at = |event: &str| {
            let said = json!({"event": event, "session_id": "313909e", "cwd": "/w", "tool_name": "bash",
                "tool_input": {"command": "rm -rf /"}});
            read(said.to_string().as_bytes()).unwrap()
        };
        let text = Answer::Context("Operator: <é>".into());
        assert_eq!(write(&at("PreToolUse"), &text).unwrap(), r#"{"version":1,"context":"Operator: <é>"}"#);
        let deny = write(&at("PreToolUse"), &Answer::Deny("Operator: no".into())).unwrap();
        assert_eq!(deny, r#"{"version":1,"decision":"deny","reason":"Operator: no"}"#);
        assert_eq!(write(&at("PreToolUse"), &Answer::Ask("?".into())), None);
        assert_eq!(write(&at("PreCompact"), &text), None);
    }

    #[test]
    fn bad_input_is_an_error_and_not_a_panic() {
        for bad in [&b""[..], b"[]", b"{\"event\":\"PreToolUse\"}", b"{\"session_id\":\"\",\"event\":\"x\"}"]
        {
            assert!(read(bad).is_err());
        }
    }
}
