//! Claude Code's transcripts: one JSON line a record, written in batches while the agent works.
//!
//! What the reader has to know of them:
//! - One message of the model is split over several lines with one `message.id`; its usage is counted
//!   once. A line may be appended a second time with the same `uuid`; the second is passed over.
//! - A sub-agent's records are in a file of its own (`SESSION/subagents/agent-ID.jsonl`, with a
//!   `.meta.json` beside it), in old versions beside the session (`agent-ID.jsonl`), in older ones
//!   inline with `isSidechain`.
//! - Nine tenths of a short file are request dumps and listings. They are told by their first bytes
//!   and not parsed. What a hook put before the agent is proved by attachments and denied results,
//!   never by those dumps, which hold the same text.
//!
//! Records that begin with a new `type` become unknown until they are named here or in `attachment`.

mod attachment;
mod outcome;
mod plan;
mod reader;
mod record;
#[cfg(test)]
mod tests;

use self::reader::Records;
use self::record::{Beside, Record};
use super::json::{Shape, agent_name, is_uuid, stem};
use super::{Format, Identity, Reader, Sniff};
use crate::trace::RunId;

/// Claude Code.
pub(super) struct ClaudeCode;

/// Types of record that matter to nobody.
const IGNORED: &[&str] = &[
    "agent-name",
    "agent-setting",
    "api-request",
    "api-request-blob",
    "api-request-shape",
    "atis-latch",
    "attribution-snapshot",
    "bridge-session",
    "content-replacement",
    "file-history-delta",
    "file-history-snapshot",
    "frame-link",
    "last-prompt",
    "mode",
    "permission-mode",
    "pr-link",
    "progress",
    "queue-operation",
    "result",
    "started",
    "tag",
    "tools-used",
    "worktree-state",
];

/// Types of record by which a head is known.
const KNOWN: &[&str] = &[
    "user",
    "assistant",
    "system",
    "attachment",
    "progress",
    "summary",
    "ai-title",
    "custom-title",
    "relocated",
];

impl Format for ClaudeCode {
    fn name(&self) -> &'static str {
        "claude-code"
    }

    fn title(&self) -> &'static str {
        "Claude Code"
    }

    fn sniff(&self, head: &[&[u8]]) -> Sniff {
        let mut best = Sniff::No;
        for record in head.iter().take(64) {
            let Ok(Shape::Map(record)) = serde_json::from_slice::<Shape<'_, Record<'_>>>(record) else {
                continue;
            };
            let message = record.message.map();
            // Another program keeps a log of nearly the same envelope, with parts instead of content.
            if message.is_some_and(|message| message.parts.is_some()) || record.system_payload.is_some() {
                return Sniff::No;
            }
            let kind = record.r#type.or_empty();
            let known = KNOWN.contains(&kind) || IGNORED.contains(&kind);
            let message = message.is_some_and(|message| message.role.text().is_some());
            if record.session_id.text().is_some() {
                if known || message {
                    best = Sniff::Sure;
                }
            } else if record.session_id_of_stream.text().is_some() {
                // What the program writes to its standard output is not the transcript.
            } else if (known && message && !record.uuid.is_nothing())
                || (kind == "summary" && record.summary.text().is_some())
            {
                // Some lines of old files carry no session.
                best = best.max(Sniff::Maybe);
            }
        }
        best
    }

    fn identify(&self, path: &str, head: &[&[u8]], beside: Option<&[u8]>) -> Identity {
        let seen = Head::of(head);
        let name = stem(path);
        let id = name.strip_prefix("agent-").filter(|id| is_agent_id(id));
        let parent = parent_session(path);
        // A sub-agent's file is told by its name, or else by holding nothing but a sub-agent's records.
        if id.is_none() && !(seen.only_side && parent.is_none() && !is_uuid(name)) {
            let run = match seen.session {
                Some(session) if !is_uuid(name) => session,
                _ => name.to_owned(),
            };
            return Identity { run: RunId::new(run), agent: None, parent_call: None };
        }
        let id = id.or(seen.agent.as_deref()).unwrap_or_else(|| name.rsplit("agent-").next().unwrap_or(name));
        let beside: Beside<'_> =
            beside.and_then(|beside| serde_json::from_slice(beside).ok()).unwrap_or_default();
        let kind = beside.agent_type.text().unwrap_or(&seen.kind);
        let agent = agent_name(kind, id);
        let run = parent
            .map(str::to_owned)
            .or(seen.session.filter(|session| !session.starts_with("agent-")))
            .unwrap_or_else(|| name.to_owned());
        Identity {
            run: RunId::new(run),
            agent: Some(agent),
            parent_call: beside.tool_use_id.text().map(str::to_owned),
        }
    }

    fn reader(&self, identity: &Identity) -> Box<dyn Reader> {
        Box::new(Records::new(identity.agent.is_some()))
    }
}

/// What the first records say of whose file it is.
#[derive(Default)]
struct Head {
    session: Option<String>,
    agent: Option<String>,
    kind: String,
    /// There are messages, and all are a sub-agent's.
    only_side: bool,
}

impl Head {
    fn of(head: &[&[u8]]) -> Self {
        let mut seen = Self::default();
        let (mut side, mut main) = (false, false);
        for record in head {
            let Ok(Shape::Map(record)) = serde_json::from_slice::<Shape<'_, Record<'_>>>(record) else {
                continue;
            };
            if seen.session.is_none() {
                seen.session = record.session_id.text().map(str::to_owned);
            }
            if record.message.map().is_some() {
                side |= record.is_sidechain.yes();
                main |= !record.is_sidechain.yes();
            }
            if seen.agent.is_none() && record.is_sidechain.yes() {
                seen.agent = record.agent_id.text().map(str::to_owned);
            }
            if let Some(text) = record.attribution_agent.text() {
                text.clone_into(&mut seen.kind);
            }
        }
        seen.only_side = side && !main;
        seen
    }
}

fn is_agent_id(id: &str) -> bool {
    !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

/// The session in whose folder `subagents` a sub-agent's file lies.
fn parent_session(path: &str) -> Option<&str> {
    let mut parts = path.rsplit('/').skip(1);
    parts.find(|part| *part == "subagents")?;
    parts.next().filter(|part| !part.is_empty())
}
