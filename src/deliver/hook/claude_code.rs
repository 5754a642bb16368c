//! What Claude Code says to its hooks and how it wants to be answered (hooks of version 2.1.330).
//!
//! - `additionalContext` after a tool, at a prompt or at the session's start is read by the model as
//!   a message; at the end of a turn (`Stop`) it also makes the agent take another turn, once and
//!   without being shown as an error, which `decision: "block"` is.
//! - A refused call's reason comes back as that call's result.
//! - Texts of more than 10,000 characters are put into a file by the client: the ledger keeps them
//!   shorter.

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::{Answer, HookError, HookEvent, HookInput};
use crate::format::sub_agent_name;
use crate::ledger::LONGEST_TEXT;
use crate::text;
use crate::trace::RunId;

#[derive(Deserialize)]
struct Said {
    session_id: String,
    hook_event_name: String,
    #[serde(default)]
    transcript_path: Option<PathBuf>,
    #[serde(default)]
    cwd: Option<String>,
    #[serde(default)]
    agent_id: Option<String>,
    #[serde(default)]
    agent_type: Option<String>,
    #[serde(default)]
    agent_transcript_path: Option<PathBuf>,
    #[serde(default)]
    turn_id: Option<String>,
    #[serde(default)]
    tool_name: Option<String>,
    #[serde(default)]
    tool_use_id: Option<String>,
    #[serde(default)]
    tool_input: Option<Box<RawValue>>,
    #[serde(default)]
    tool_response: Option<Box<RawValue>>,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    last_assistant_message: Option<String>,
    #[serde(default)]
    prompt: Option<String>,
    #[serde(default)]
    stop_hook_active: Option<bool>,
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
    Ok(HookInput {
        run: RunId::new(said.session_id),
        event: HookEvent::of_name(&said.hook_event_name),
        transcript: said.transcript_path.unwrap_or_default(),
        cwd: said.cwd.unwrap_or_default(),
        agent: said
            .agent_id
            .filter(|id| !id.is_empty())
            .map(|id| sub_agent_name(said.agent_type.as_deref().unwrap_or_default(), &id)),
        agent_transcript: said.agent_transcript_path,
        turn: said.turn_id,
        tool: said.tool_name,
        call_id: said.tool_use_id,
        tool_input: said.tool_input,
        tool_response: said.tool_response,
        error: said.error,
        last_message: said.last_assistant_message,
        prompt: said.prompt,
        kept_open: Some(said.stop_hook_active.unwrap_or(false)),
    })
}

/// Writes an answer as one line of JSON. `None` where there is nothing to say, or where this event
/// takes no such answer.
pub fn write(input: &HookInput, answer: &Answer) -> Option<String> {
    let name = input.event.name();
    let takes_context = matches!(
        input.event,
        HookEvent::PreToolUse
            | HookEvent::PostToolUse
            | HookEvent::PostToolUseFailure
            | HookEvent::UserPromptSubmit
            | HookEvent::Stop
            | HookEvent::SessionStart
    );
    let gates = input.event == HookEvent::PreToolUse;
    let specific = match answer {
        Answer::Context(text) if takes_context => json!({
            "hookEventName": name,
            "additionalContext": bounded(text)?,
        }),
        Answer::Deny(reason) if gates => json!({
            "hookEventName": name,
            "permissionDecision": "deny",
            "permissionDecisionReason": bounded(reason)?,
        }),
        Answer::Ask(reason) if gates => json!({
            "hookEventName": name,
            "permissionDecision": "ask",
            "permissionDecisionReason": bounded(reason)?,
        }),
        _ => return None,
    };
    Some(json!({ "hookSpecificOutput": specific }).to_string())
}

/// The text, if it can be sent as it is. What the ledger holds always can: a text that cannot was
/// never approved in that form, and is not mended here.
pub(super) fn bounded(sent: &str) -> Option<&str> {
    let fits = sent.chars().count() <= LONGEST_TEXT
        && !sent.is_empty()
        && !sent.chars().any(|c| c != '\n' && text::is_hostile(c));
    fits.then_some(sent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(event: &str) -> HookInput {
        let said = json!({
            "session_id": "s", "hook_event_name": event, "transcript_path": "/t.jsonl",
            "cwd": "/w", "tool_name": "Bash", "tool_use_id": "toolu_1", "new_key": [1],
            "tool_input": {"command": "ls"}, "agent_id": "",
        });
        read(said.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn each_event_is_answered_in_its_form() {
        for event in ["PostToolUse", "PostToolUseFailure", "UserPromptSubmit", "SessionStart", "Stop"] {
            let line = write(&input(event), &Answer::Context("Operator: a \"b\"\n".into())).unwrap();
            let answer: serde_json::Value = serde_json::from_str(&line).unwrap();
            let specific = &answer["hookSpecificOutput"];
            assert_eq!(specific["hookEventName"], event);
            assert_eq!(specific["additionalContext"], "Operator: a \"b\"\n");
            assert!(!line.contains('\n') && line.starts_with('{'));
            assert_eq!(answer.as_object().unwrap().len(), 1);
        }
        let line = write(&input("PreToolUse"), &Answer::Deny("Operator: no".into())).unwrap();
        let answer: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(answer["hookSpecificOutput"]["permissionDecision"], "deny");
        assert_eq!(answer["hookSpecificOutput"]["permissionDecisionReason"], "Operator: no");
    }

    #[test]
    fn what_an_event_does_not_take_is_not_said() {
        assert_eq!(write(&input("SessionEnd"), &Answer::Context("x".into())), None);
        assert_eq!(write(&input("SubagentStop"), &Answer::Context("x".into())), None);
        assert_eq!(write(&input("PostToolUse"), &Answer::Deny("x".into())), None);
        assert_eq!(write(&input("Stop"), &Answer::Nothing), None);
        assert_eq!(write(&input("Later"), &Answer::Context("x".into())), None);
    }

    #[test]
    fn what_could_harm_or_overflow_is_not_said() {
        let event = input("PostToolUse");
        assert!(write(&event, &Answer::Context("x".repeat(10_000))).is_some());
        assert!(write(&event, &Answer::Context("x".repeat(10_001))).is_none());
        assert!(write(&event, &Answer::Context("a\u{1b}[2J".into())).is_none());
        assert!(write(&event, &Answer::Context("a\u{202e}b".into())).is_none());
    }

    #[test]
    fn bad_input_is_an_error_and_not_a_panic() {
        for bad in [
            &b""[..],
            b"{",
            b"[]",
            b"null",
            b"{\"session_id\":\"\",\"hook_event_name\":\"Stop\"}",
            b"{\"session_id\":7,\"hook_event_name\":\"Stop\"}",
            b"{\"hook_event_name\":\"Stop\"}",
            b"\xff\xfe",
        ] {
            assert!(read(bad).is_err(), "{}", String::from_utf8_lossy(bad));
        }
        assert_eq!(input("PreToolUse").agent, None);
        let inside = br#"{"session_id":"s","hook_event_name":"Stop","agent_id":"a0ad4f44468b","agent_type":"Explore"}"#;
        assert_eq!(read(inside).unwrap().agent.as_deref(), Some("explore-a0ad4f"));
    }
}
