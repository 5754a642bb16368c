//! What the adapters' tests share: reading lines, and telling the events that matter in short.

use super::{Format, Identity};
use crate::trace::{EventKind, RunId};

/// Reads lines as one source's; each event as `AGENT: text`, ignored ones and usage left out.
pub(super) fn told(format: &dyn Format, agent: Option<&str>, lines: &[&str]) -> Vec<String> {
    let identity = Identity { run: RunId::new("r"), agent: agent.map(str::to_owned), parent_call: None };
    let mut reader = format.reader(&identity);
    let mut told = Vec::new();
    for line in lines {
        let mut any = false;
        reader.read(line.as_bytes(), &mut |event| {
            any = true;
            if !matches!(event.kind, EventKind::Ignored) {
                let who = event.agent.as_deref().map(|a| format!("{a}: "));
                told.push(format!("{}{}", who.unwrap_or_default(), short(&event.kind)));
            }
        });
        assert!(any, "no event for {line}");
    }
    told
}

fn short(kind: &EventKind<'_>) -> String {
    match kind {
        EventKind::System { text } => format!("system {text}"),
        EventKind::Prompt { text, author } => format!("prompt {author:?} {text}"),
        EventKind::Reasoning { text } => format!("reasoning {text}"),
        EventKind::Message { text, closing } => format!("message {closing:?} {text}"),
        EventKind::Call { call_id, tool, input } => format!("call {call_id} {tool} {input}"),
        EventKind::Result { call_id, status, exit_code, text } => {
            let code = exit_code.map(|code| format!("({code})")).unwrap_or_default();
            format!("result {call_id} {status:?}{code} {text}")
        }
        EventKind::InputReplaced { call_id, input } => format!("replaced {call_id} {input}"),
        EventKind::Plan { items } => {
            let items: Vec<String> =
                items.iter().map(|item| format!("{:?} {}", item.status, item.text)).collect();
            format!("plan {}", items.join(", "))
        }
        EventKind::Handoff { to, call_id, text } => format!("handoff {to} {call_id} {text}"),
        EventKind::Return { from, call_id, text } => format!("return {from} {call_id} {text}"),
        EventKind::Usage(usage) => format!(
            "usage {} {} {}{}",
            usage.input,
            usage.cached,
            usage.output,
            if usage.cumulative { " total" } else { "" }
        ),
        EventKind::Fact { of, text } => format!("fact {of:?} {text}"),
        EventKind::Tools { tools } => format!("tools {}", tools.len()),
        EventKind::Lifecycle { what, text } => format!("{what:?} {text}").trim_end().to_owned(),
        EventKind::Receipt { text } => format!("receipt {text}"),
        EventKind::Ignored => "ignored".to_owned(),
        EventKind::Unknown { kind } => format!("unknown {kind}"),
    }
}
