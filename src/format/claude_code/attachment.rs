//! Claude Code's `attachment` and `system` records: what hooks, the user and the program put in
//! beside the conversation, and how turns end.

use std::borrow::Cow;

use super::record::{Attachment, FileContent, HookAnswer, Record};
use crate::format::emit::Emit;
use crate::format::json::{Plain, Shape, content_text, join, raw_text};
use crate::trace::{Author, EventKind, Lifecycle};

/// Attachments that matter to nobody: listings, reminders, snapshots of prompts, hooks without effect.
pub(super) const IGNORED: &[&str] = &[
    "agent_listing_delta",
    "auto_mode",
    "batching_reminder_sent",
    "budget_usd",
    "command_permissions",
    "compact_file_reference",
    "critical_system_reminder",
    "date",
    "date_change",
    "deferred_tools_delta",
    "diagnostics",
    "dynamic_skill",
    "environment",
    "hook_cancelled",
    "hook_non_blocking_error",
    "hook_permission_decision",
    "hook_system_message",
    "invoked_skills",
    "mcp_instructions_delta",
    "model",
    "opened_file_in_ide",
    "output_style",
    "plan_mode",
    "plan_mode_exit",
    "plan_mode_reentry",
    "prompt_snapshot",
    "read_truncation_notice",
    "remote_session_change",
    "selected_lines_in_ide",
    "silent_turn_reminder",
    "skill_listing",
    "task_reminder",
    "task_status",
    "todo_reminder",
    "token_usage",
    "total_tokens_reminder",
    "ultra_effort_enter",
    "ultra_effort_exit",
    "verify_plan_reminder",
];

/// Emits what an attachment means.
pub(super) fn attachment<'a>(attachment: Shape<'a, Box<Attachment<'a>>>, emit: &mut Emit<'_, 'a>) {
    let Shape::Map(mut it) = attachment else {
        emit.unknown("attachment");
        return;
    };
    let kind = it.r#type.take();
    match &*kind {
        "hook_additional_context" => {
            let mut text = Cow::Borrowed("");
            for piece in it.content.into_list() {
                if let Shape::Text(piece) = piece {
                    join(&mut text, piece);
                }
            }
            receipt(text, emit);
        }
        "hook_blocking_error" => {
            let text = match it.blocking_error {
                Shape::Map(mut error) => error.text.take(),
                mut text => text.take(),
            };
            receipt(text, emit);
        }
        "hook_success" => input_replaced(it, emit),
        "hook_stopped_continuation" => {
            emit.say(EventKind::Lifecycle { what: Lifecycle::TurnEnd, text: it.message.take() })
        }
        "hook_deferred_tool" => emit.say(EventKind::Lifecycle {
            what: Lifecycle::Waiting,
            text: Cow::Borrowed("a hook deferred a call"),
        }),
        "queued_command" => {
            let human =
                it.origin.map().and_then(|origin| origin.kind.text()).is_none_or(|kind| kind == "human");
            let typed = it.command_mode.text().is_none_or(|mode| mode == "prompt");
            let author = if human && typed { Author::Person } else { Author::Program };
            let text = content_text(it.prompt);
            emit.say(EventKind::Prompt { text, author });
        }
        "file" | "nested_memory" => program_text(file_text(it.content), emit),
        "edited_text_file" => program_text(it.snippet.take(), emit),
        "session_context" => {
            let mut text = Cow::Borrowed("");
            if let Shape::Map(context) = it.context {
                for (_, mut piece) in context.0 {
                    join(&mut text, piece.take());
                }
            }
            program_text(text, emit);
        }
        known if IGNORED.contains(&known) => {}
        _ => emit.unknown(format!("attachment/{kind}")),
    }
}

fn receipt<'a>(text: Cow<'a, str>, emit: &mut Emit<'_, 'a>) {
    if !text.is_empty() {
        emit.say(EventKind::Receipt { text });
    }
}

fn program_text<'a>(text: Cow<'a, str>, emit: &mut Emit<'_, 'a>) {
    if !text.is_empty() {
        let author = Author::Program;
        emit.say(EventKind::Prompt { text, author });
    }
}

fn file_text<'a>(content: Shape<'a, FileContent<'a>>) -> Cow<'a, str> {
    match content {
        Shape::Map(FileContent { file: Shape::Map(mut file), .. }) => file.content.take(),
        Shape::Map(mut content) => content.content.take(),
        mut text => text.take(),
    }
}

/// A hook that ran before a call may have replaced its input; only its output tells.
fn input_replaced<'a>(mut it: Box<Attachment<'a>>, emit: &mut Emit<'_, 'a>) {
    let stdout = it.stdout.take();
    if !stdout.contains("\"updatedInput\"") {
        return;
    }
    let Ok(Shape::Map(answer)) = serde_json::from_str::<Shape<'_, HookAnswer<'_>>>(&stdout) else {
        return;
    };
    if let Some(specific) = answer.specific.map()
        && specific.updated_input.is_some()
    {
        emit.say(EventKind::InputReplaced {
            call_id: it.tool_use_id.take(),
            input: Cow::Owned(raw_text(specific.updated_input).into_owned()),
        });
    }
}

/// Emits what a system record means.
pub(super) fn system<'a>(mut record: Box<Record<'a>>, emit: &mut Emit<'_, 'a>) {
    let subtype = record.subtype.take();
    let (what, text) = match &*subtype {
        "compact_boundary" | "microcompact_boundary" => (Lifecycle::Compaction, record.content.take()),
        "session_start" => (Lifecycle::Start, Cow::Borrowed("")),
        "turn_duration" => (Lifecycle::TurnEnd, Cow::Borrowed("")),
        "stop_hook_summary" => {
            // Where a hook spoke, the agent goes on, unless the hook also stopped it.
            let silent = is_empty(&record.hook_errors) && is_empty(&record.hook_additional_context);
            if !silent && !record.prevented_continuation.yes() {
                return;
            }
            (Lifecycle::TurnEnd, Cow::Borrowed(""))
        }
        "api_error" => {
            // A request that is tried again has not failed yet.
            if record.retry_attempt.count() < record.max_retries.count() {
                return;
            }
            (Lifecycle::Error, error_text(&mut record))
        }
        "error" => (Lifecycle::Error, error_text(&mut record)),
        "api_refusal" => (Lifecycle::Limit, record.content.take()),
        "away_summary"
        | "bridge_status"
        | "informational"
        | "local_command"
        | "memory_saved"
        | "model_refusal_fallback"
        | "permission_retry"
        | "scheduled_task_fire"
        | "status" => return,
        _ => {
            emit.unknown(format!("system/{subtype}"));
            return;
        }
    };
    emit.say(EventKind::Lifecycle { what, text });
}

fn is_empty(list: &Plain<'_>) -> bool {
    match list {
        Shape::List(list) => list.is_empty(),
        _ => true,
    }
}

fn error_text<'a>(record: &mut Record<'a>) -> Cow<'a, str> {
    match &mut record.error {
        Shape::Map(error) => {
            let text = error.message.take();
            if text.is_empty() { error.formatted.take() } else { text }
        }
        Shape::Text(_) => record.error.take(),
        _ => record.content.take(),
    }
}
