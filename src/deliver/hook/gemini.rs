//! What Gemini CLI says to its hooks and how it wants to be answered (hooks of version 0.61).
//!
//! - Its events have other names; a call has no id, so it is known by its tool and its input.
//! - `additionalContext` stands behind the tool's result or the prompt, but the program writes `<` and
//!   `>` in it as `&lt;` and `&gt;`: a text that holds one is not sent there. A refusal's reason is
//!   handed on as it is.
//! - After a tool, `decision: "deny"` would take the tool's real output from the model: only
//!   `additionalContext` is used.
//! - The end of a turn is refused by `decision: "deny"`; the reason becomes the next prompt, for which
//!   `BeforeAgent` is called as for a person's. `stop_hook_active` is false again after a retry that
//!   called tools: only the ledger's own count is to be trusted.
//! - `prompt_response` holds all words of the turn, not the last; the log has the last by then.
//! - A sub-agent's calls come with its parent's session and log. Which agent asks is told by which
//!   chats below the session have no summary yet: the program writes it when the sub-agent ends.

use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::claude_code::bounded;
use super::{Answer, HookError, HookEvent, HookInput, call_named};
use crate::format::sub_agent_name;
use crate::text;
use crate::trace::RunId;

/// The tool that starts a sub-agent: it is the parent's call.
const LAUNCH: &str = "invoke_agent";
/// How much of the end of a sub-agent's chat is looked at for its summary, in bytes.
const TAIL_BYTES: u64 = 64 * 1024;
/// The most chats of sub-agents that are looked at.
const MOST_CHATS: usize = 256;

#[derive(Deserialize)]
struct Said {
    session_id: String,
    hook_event_name: String,
    #[serde(default)]
    transcript_path: Option<PathBuf>,
    #[serde(default)]
    cwd: Option<String>,
    #[serde(default)]
    tool_name: Option<String>,
    #[serde(default)]
    tool_input: Option<Box<RawValue>>,
    #[serde(default)]
    tool_response: Option<Box<RawValue>>,
    #[serde(default)]
    prompt: Option<String>,
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
    let event = match said.hook_event_name.as_str() {
        "BeforeTool" => HookEvent::PreToolUse,
        "AfterTool" => HookEvent::PostToolUse,
        "BeforeAgent" => HookEvent::UserPromptSubmit,
        "AfterAgent" => HookEvent::Stop,
        name @ ("SessionStart" | "SessionEnd") => HookEvent::of_name(name),
        other => HookEvent::Other(other.to_owned()),
    };
    let transcript = said.transcript_path.unwrap_or_default();
    let in_a_tool = matches!(event, HookEvent::PreToolUse | HookEvent::PostToolUse);
    let agent = if in_a_tool && said.tool_name.as_deref() != Some(LAUNCH) {
        sub_agent(&transcript, &said.session_id)
    } else {
        None
    };
    let call_id = call_named(said.tool_name.as_deref(), said.tool_input.as_deref(), &transcript);
    Ok(HookInput {
        run: RunId::new(said.session_id),
        event,
        transcript,
        cwd: said.cwd.unwrap_or_default(),
        agent,
        agent_transcript: None,
        tool: said.tool_name,
        turn: None,
        call_id,
        tool_input: said.tool_input,
        tool_response: said.tool_response,
        error: None,
        last_message: None,
        prompt: said.prompt,
        kept_open: None,
    })
}

/// The sub-agent that is at work: `None` where there is none; an empty name, which no agent has, where
/// there are several and nobody can say which.
fn sub_agent(transcript: &Path, session: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !session.chars().all(plain) {
        return None;
    }
    let chats = fs::read_dir(transcript.parent()?.join(session)).ok()?;
    let mut open = chats
        .flatten()
        .take(MOST_CHATS)
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "jsonl"))
        .filter(|path| !has_summary(path).unwrap_or(false));
    let first = open.next()?;
    if open.next().is_some() {
        return Some(String::new());
    }
    Some(sub_agent_name("", &first.file_stem()?.to_string_lossy()))
}

fn has_summary(chat: &Path) -> std::io::Result<bool> {
    let mut file = fs::File::open(chat)?;
    let size = file.metadata()?.len();
    file.seek(SeekFrom::Start(size.saturating_sub(TAIL_BYTES)))?;
    let mut end = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut end)?;
    let lines = end.split(|byte| *byte == b'\n').rev();
    Ok(lines.take(4).any(|line| line.starts_with(br#"{"$set":{"summary":"#)))
}

/// Whether this event hands a text on, and as it is.
pub fn carries(event: &HookEvent, text: &str) -> bool {
    match event {
        HookEvent::PreToolUse | HookEvent::Stop => true,
        HookEvent::PostToolUse | HookEvent::UserPromptSubmit => !text.contains(['<', '>']),
        _ => false,
    }
}

/// Writes an answer as one line of JSON. `None` where there is nothing to say, or where this event
/// takes no such answer, or would not hand it on as it is.
pub fn write(input: &HookInput, answer: &Answer) -> Option<String> {
    let answer = match (&input.event, answer) {
        (HookEvent::PostToolUse, Answer::Context(text)) if carries(&input.event, text) => {
            json!({"hookSpecificOutput": {"hookEventName": "AfterTool", "additionalContext": bounded(text)?}})
        }
        (HookEvent::UserPromptSubmit, Answer::Context(text)) if carries(&input.event, text) => {
            json!({"hookSpecificOutput": {"hookEventName": "BeforeAgent", "additionalContext": bounded(text)?}})
        }
        (HookEvent::Stop, Answer::Context(text)) | (HookEvent::PreToolUse, Answer::Deny(text)) => {
            json!({"decision": "deny", "reason": bounded(text)?})
        }
        (HookEvent::PreToolUse, Answer::Ask(reason)) => {
            json!({"decision": "ask", "systemMessage": bounded(reason)?})
        }
        _ => return None,
    };
    Some(answer.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(event: &str) -> HookInput {
        let said = json!({
            "session_id": "s", "hook_event_name": event, "transcript_path": "/none/chats/session-x.jsonl",
            "cwd": "/w", "timestamp": "t", "tool_name": "replace", "tool_input": {"file_path": "a"},
            "stop_hook_active": false, "prompt_response": "one\ntwo",
        });
        read(said.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn each_event_is_answered_in_its_form() {
        let text = Answer::Context("Operator: go on".into());
        let after =
            r#"{"hookSpecificOutput":{"hookEventName":"AfterTool","additionalContext":"Operator: go on"}}"#;
        assert_eq!(write(&at("AfterTool"), &text).unwrap(), after);
        assert!(write(&at("BeforeAgent"), &text).unwrap().contains("BeforeAgent"));
        let deny = r#"{"decision":"deny","reason":"Operator: go on"}"#;
        assert_eq!(write(&at("AfterAgent"), &text).unwrap(), deny);
        assert_eq!(write(&at("BeforeTool"), &Answer::Deny("Operator: go on".into())).unwrap(), deny);
        assert!(write(&at("BeforeTool"), &Answer::Ask("?".into())).unwrap().contains("\"ask\""));
        for event in ["SessionStart", "SessionEnd", "PreCompress", "BeforeModel", "BeforeTool"] {
            assert_eq!(write(&at(event), &text), None, "{event}");
        }
        let input = at("AfterAgent");
        assert_eq!((input.kept_open, input.last_message), (None, None));
    }

    #[test]
    fn a_call_is_known_by_its_tool_its_input_and_the_logs_length() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("session-x.jsonl");
        let named = |event: &str, tool: &str, input: &str| {
            let said = format!(
                r#"{{"session_id":"s","hook_event_name":"{event}","tool_name":"{tool}","tool_input":{input},"transcript_path":"{}"}}"#,
                log.display()
            );
            read(said.as_bytes()).unwrap().call_id.unwrap()
        };
        let first = named("BeforeTool", "replace", r#"{"a": 1, "b": 2}"#);
        assert_eq!(named("AfterTool", "replace", r#"{"b":2,"a":1}"#), first);
        assert_ne!(named("BeforeTool", "replace", r#"{"a":1}"#), first);
        assert_ne!(named("BeforeTool", "write_file", r#"{"a":1,"b":2}"#), first);
        fs::write(&log, "{}\n").unwrap();
        assert_ne!(named("BeforeTool", "replace", r#"{"a":1,"b":2}"#), first);
    }

    #[test]
    fn a_text_that_the_program_would_change_is_not_sent_there() {
        let text = Answer::Context("Operator: File \"<stdin>\"".into());
        assert_eq!(write(&at("AfterTool"), &text), None);
        assert_eq!(write(&at("BeforeAgent"), &text), None);
        assert!(write(&at("AfterAgent"), &text).unwrap().contains("<stdin>"));
    }

    #[test]
    fn a_call_of_a_sub_agent_is_told_by_its_open_chat() {
        let folder = tempfile::tempdir().unwrap();
        let chats = folder.path().join("chats");
        fs::create_dir_all(chats.join("s")).unwrap();
        let ask = |event: &str, tool: &str| {
            let said = json!({"session_id": "s", "hook_event_name": event, "tool_name": tool,
                "transcript_path": chats.join("session-x.jsonl")});
            read(said.to_string().as_bytes()).unwrap().agent
        };
        assert_eq!(ask("AfterTool", "replace"), None);
        fs::write(chats.join("s/30379253-aa.jsonl"), "{\"id\":\"a\"}\n").unwrap();
        assert_eq!(ask("AfterTool", "replace").as_deref(), Some("agent-303792"));
        assert_eq!(ask("AfterTool", LAUNCH), None);
        assert_eq!(ask("AfterAgent", ""), None);
        fs::write(chats.join("s/b.jsonl"), "").unwrap();
        assert_eq!(ask("BeforeTool", "replace").as_deref(), Some(""));
        for name in ["30379253-aa", "b"] {
            fs::write(chats.join(format!("s/{name}.jsonl")), "{}\n{\"$set\":{\"summary\":\"x\"}}\n").unwrap();
        }
        assert_eq!(ask("AfterTool", "replace"), None);
    }

    #[test]
    fn bad_input_is_an_error_and_not_a_panic() {
        for bad in
            [&b""[..], b"{", b"[]", b"{\"session_id\":\"\",\"hook_event_name\":\"AfterTool\"}", b"\xff"]
        {
            assert!(read(bad).is_err());
        }
    }
}
