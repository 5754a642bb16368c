//! Codex's rollouts: one JSON line a record, `{timestamp, ordinal?, type, payload}`.
//!
//! What the reader has to know of them:
//! - The same thing stands twice, for the model (`response_item`) and for the screen (`event_msg`). The
//!   model's side is believed for messages, calls and results; the screen's for turns, tokens and
//!   (`item_completed`) for exit codes, which are nowhere else. See `calls` for how the two are joined.
//! - A file begins with its own `session_meta`; further ones belong to threads whose history was copied
//!   in. A sub-agent's file begins with a copy of its parent's history, which is passed over: up to
//!   the ordinal that the first line names, or else up to the first turn that is younger than the
//!   thread (both ids are time-ordered).
//! - Old files have bare items without an envelope.

mod calls;
mod outcome;
mod reader;
mod record;
#[cfg(test)]
mod tests;
mod words;

use self::reader::Records;
use self::record::{Payload, Record, Spawn};
use super::json::{Shape, agent_name, is_uuid, stem};
use super::{Format, Identity, Reader, Sniff};
use crate::trace::RunId;

/// Codex.
pub(super) struct Codex;

/// Types of record that matter to nobody.
const IGNORED: &[&str] =
    &["inter_agent_communication", "inter_agent_communication_metadata", "token_usage_record", "world_state"];

/// Screen events that matter to nobody, or that stand on the model's side too.
const IGNORED_EVENTS: &[&str] = &[
    "account/rateLimits/updated",
    "agent_message",
    "agent_reasoning",
    "agent_reasoning_raw_content",
    "collab_agent_interaction_end",
    "collab_close_end",
    "collab_resume_end",
    "collab_waiting_end",
    "context_compacted",
    "dynamic_tool_call_request",
    "entered_review_mode",
    "exited_review_mode",
    "guardian_assessment",
    "image_generation_end",
    "plan_update",
    "stream_error",
    "thread_goal_updated",
    "thread_rolled_back",
    "undo_completed",
    "user_message",
    "view_image_tool_call",
    "warning",
    "web_search_end",
];

/// Items on the model's side that matter to nobody.
const IGNORED_ITEMS: &[&str] =
    &["additional_tools", "compaction", "configuration_update", "context_compaction", "ghost_snapshot"];

impl Format for Codex {
    fn name(&self) -> &'static str {
        "codex"
    }

    fn title(&self) -> &'static str {
        "Codex"
    }

    fn sniff(&self, head: &[&[u8]]) -> Sniff {
        for record in head.iter().take(64) {
            let Ok(Shape::Map(record)) = serde_json::from_slice::<Shape<'_, Record<'_>>>(record) else {
                continue;
            };
            let kind = record.r#type.or_empty();
            let enveloped =
                matches!(kind, "session_meta" | "response_item" | "event_msg" | "turn_context" | "compacted")
                    || IGNORED.contains(&kind);
            if enveloped && record.payload.map().is_some() {
                return Sniff::Sure;
            }
        }
        let bare = head.iter().take(8).any(|record| {
            matches!(
                serde_json::from_slice::<Shape<'_, Payload<'_>>>(record),
                Ok(Shape::Map(item)) if is_bare_item(&item)
            )
        });
        if bare { Sniff::Sure } else { Sniff::No }
    }

    fn identify(&self, path: &str, head: &[&[u8]], _beside: Option<&[u8]>) -> Identity {
        let meta =
            head.iter().find_map(|record| match serde_json::from_slice::<Shape<'_, Record<'_>>>(record) {
                Ok(Shape::Map(Record { r#type, payload: Shape::Map(payload), .. }))
                    if r#type.is("session_meta") =>
                {
                    Some(payload)
                }
                _ => None,
            });
        let name = stem(path);
        // rollout-DATE-UUID: the UUID is the thread.
        let thread = name.get(name.len().saturating_sub(36)..).filter(|tail| is_uuid(tail)).unwrap_or(name);
        let Some(meta) = meta else {
            return Identity { run: RunId::new(thread), agent: None, parent_call: None };
        };
        let id = meta.id.text().unwrap_or(thread);
        let spawn = spawn(&meta);
        let parent = meta
            .session_id
            .text()
            .filter(|session| *session != id)
            .or(meta.parent_thread_id.text())
            .or(spawn.and_then(|spawn| spawn.parent_thread_id.text()));
        Identity {
            run: RunId::new(parent.unwrap_or(id)),
            agent: parent.map(|_| name_of(&meta, id)),
            parent_call: None,
        }
    }

    fn reader(&self, identity: &Identity) -> Box<dyn Reader> {
        Box::new(Records::new(identity.agent.is_some()))
    }
}

fn spawn<'r, 'a>(meta: &'r Payload<'a>) -> Option<&'r Spawn<'a>> {
    meta.source.map()?.subagent.map()?.thread_spawn.map()
}

/// The name of the agent whose thread this is.
fn name_of(meta: &Payload<'_>, id: &str) -> String {
    let spawn = spawn(meta);
    let path = meta.agent_path.text().or(spawn.and_then(|spawn| spawn.agent_path.text()));
    if let Some(name) = path.and_then(name_of_path) {
        return name.to_owned();
    }
    let kind = [
        meta.agent_nickname.text(),
        spawn.and_then(|spawn| spawn.agent_nickname.text()),
        meta.agent_role.text(),
        spawn.and_then(|spawn| spawn.agent_role.text()),
    ];
    thread_name(kind.into_iter().flatten().next().unwrap_or_default(), id)
}

/// A name from what the agent is called and its thread's id, whose last part alone tells threads apart.
fn thread_name(kind: &str, id: &str) -> String {
    agent_name(kind, id.rsplit('-').next().unwrap_or_default())
}

/// The name of the agent at a path: `/root/verify` is "verify"; the root itself has none.
fn name_of_path(path: &str) -> Option<&str> {
    let name = path.strip_prefix("/root/").unwrap_or(path).trim_matches('/');
    (!name.is_empty() && name != "root").then_some(name)
}

/// Whether a line is an item of an old file, which has no envelope.
fn is_bare_item(item: &Payload<'_>) -> bool {
    match item.r#type.or_empty() {
        "function_call" | "function_call_output" => item.call_id.text().is_some(),
        "message" => match &item.content {
            Shape::List(parts) => parts.iter().any(|part| {
                part.map().is_some_and(|part| part.r#type.is("input_text") || part.r#type.is("output_text"))
            }),
            _ => false,
        },
        _ => false,
    }
}
