//! The shapes of Codex's records, as far as they are read. One type serves all payloads, since the
//! record's type may stand after its payload.

use serde::Deserialize;

use crate::format::json::{Entries, Part, Plain, Raw, Shape};

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Record<'a> {
    #[serde(borrow)]
    pub timestamp: Plain<'a>,
    #[serde(borrow)]
    pub ordinal: Plain<'a>,
    #[serde(borrow)]
    pub r#type: Plain<'a>,
    #[serde(borrow)]
    pub payload: Shape<'a, Box<Payload<'a>>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Payload<'a> {
    #[serde(borrow)]
    pub r#type: Plain<'a>,
    #[serde(borrow)]
    pub id: Plain<'a>,
    #[serde(borrow)]
    pub timestamp: Plain<'a>,
    // The session and its agent.
    #[serde(borrow)]
    pub session_id: Plain<'a>,
    #[serde(borrow)]
    pub parent_thread_id: Plain<'a>,
    #[serde(borrow)]
    pub forked_from_id: Plain<'a>,
    #[serde(borrow)]
    pub agent_nickname: Plain<'a>,
    #[serde(borrow)]
    pub agent_role: Plain<'a>,
    #[serde(borrow)]
    pub agent_path: Plain<'a>,
    #[serde(borrow)]
    pub source: Shape<'a, Box<Source<'a>>>,
    #[serde(borrow)]
    pub subagent_history_start_ordinal: Plain<'a>,
    #[serde(borrow)]
    pub cwd: Plain<'a>,
    #[serde(borrow)]
    pub cli_version: Plain<'a>,
    #[serde(borrow)]
    pub originator: Plain<'a>,
    #[serde(borrow)]
    pub model: Plain<'a>,
    #[serde(borrow)]
    pub thread_settings: Shape<'a, Box<Settings<'a>>>,
    #[serde(borrow)]
    pub thread_id: Plain<'a>,
    #[serde(borrow)]
    pub thread_name: Plain<'a>,
    #[serde(borrow)]
    pub turn_id: Plain<'a>,
    // Messages.
    #[serde(borrow)]
    pub role: Plain<'a>,
    #[serde(borrow)]
    pub phase: Plain<'a>,
    #[serde(borrow)]
    pub content: Shape<'a, Part<'a>>,
    #[serde(borrow)]
    pub summary: Shape<'a, Part<'a>>,
    #[serde(borrow, rename = "internal_chat_message_metadata_passthrough")]
    pub passthrough: Shape<'a, Passthrough<'a>>,
    #[serde(borrow)]
    pub author: Plain<'a>,
    #[serde(borrow)]
    pub recipient: Plain<'a>,
    // Calls and what came of them.
    #[serde(borrow)]
    pub call_id: Plain<'a>,
    #[serde(borrow)]
    pub name: Plain<'a>,
    #[serde(borrow)]
    pub namespace: Plain<'a>,
    #[serde(borrow)]
    pub arguments: Raw<'a>,
    #[serde(borrow)]
    pub input: Plain<'a>,
    #[serde(borrow)]
    pub output: Shape<'a, Part<'a>>,
    #[serde(borrow)]
    pub action: Raw<'a>,
    #[serde(borrow)]
    pub status: Plain<'a>,
    #[serde(borrow)]
    pub success: Plain<'a>,
    #[serde(borrow)]
    pub exit_code: Plain<'a>,
    #[serde(borrow)]
    pub aggregated_output: Plain<'a>,
    #[serde(borrow)]
    pub command: Plain<'a>,
    #[serde(borrow)]
    pub stdout: Plain<'a>,
    #[serde(borrow)]
    pub stderr: Plain<'a>,
    #[serde(borrow)]
    pub changes: Shape<'a, Entries<'a, Change<'a>>>,
    #[serde(borrow)]
    pub invocation: Shape<'a, Box<Invocation<'a>>>,
    #[serde(borrow)]
    pub result: Shape<'a, Box<McpResult<'a>>>,
    #[serde(borrow)]
    pub tool: Plain<'a>,
    #[serde(borrow)]
    pub content_items: Shape<'a, Part<'a>>,
    // Lifecycle.
    #[serde(borrow)]
    pub item: Shape<'a, Box<Item<'a>>>,
    #[serde(borrow)]
    pub info: Shape<'a, Box<Info<'a>>>,
    #[serde(borrow)]
    pub usage: Shape<'a, Box<Tokens<'a>>>,
    #[serde(borrow)]
    pub message: Plain<'a>,
    #[serde(borrow)]
    pub reason: Plain<'a>,
    #[serde(borrow)]
    pub error: Shape<'a, Box<ErrorBody<'a>>>,
    #[serde(borrow)]
    pub kind: Plain<'a>,
    #[serde(borrow)]
    pub agent_thread_id: Plain<'a>,
    #[serde(borrow)]
    pub new_thread_id: Plain<'a>,
    #[serde(borrow)]
    pub new_agent_nickname: Plain<'a>,
    #[serde(borrow)]
    pub new_agent_role: Plain<'a>,
    #[serde(borrow)]
    pub prompt: Plain<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Source<'a> {
    #[serde(borrow)]
    pub subagent: Shape<'a, Subagent<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Subagent<'a> {
    #[serde(borrow)]
    pub thread_spawn: Shape<'a, Spawn<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Spawn<'a> {
    #[serde(borrow)]
    pub parent_thread_id: Plain<'a>,
    #[serde(borrow)]
    pub agent_path: Plain<'a>,
    #[serde(borrow)]
    pub agent_nickname: Plain<'a>,
    #[serde(borrow)]
    pub agent_role: Plain<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Settings<'a> {
    #[serde(borrow)]
    pub model: Plain<'a>,
    #[serde(borrow)]
    pub cwd: Plain<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Passthrough<'a> {
    #[serde(borrow)]
    pub content_item_kinds: Plain<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Change<'a> {
    #[serde(borrow)]
    pub r#type: Plain<'a>,
    #[serde(borrow)]
    pub unified_diff: Plain<'a>,
    #[serde(borrow)]
    pub content: Plain<'a>,
    #[serde(borrow)]
    pub move_path: Plain<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Invocation<'a> {
    #[serde(borrow)]
    pub server: Plain<'a>,
    #[serde(borrow)]
    pub tool: Plain<'a>,
    #[serde(borrow)]
    pub arguments: Raw<'a>,
}

/// The result of an MCP call: `{Ok:{content,isError}}`, `{Err:text}`, or the former without a wrapper.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct McpResult<'a> {
    #[serde(borrow, rename = "Ok")]
    pub ok: Shape<'a, McpContent<'a>>,
    #[serde(borrow, rename = "Err")]
    pub err: Plain<'a>,
    #[serde(borrow)]
    pub content: Shape<'a, Part<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct McpContent<'a> {
    #[serde(borrow)]
    pub content: Shape<'a, Part<'a>>,
    #[serde(borrow, rename = "isError")]
    pub is_error: Plain<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Item<'a> {
    #[serde(borrow)]
    pub r#type: Plain<'a>,
    #[serde(borrow)]
    pub id: Plain<'a>,
    #[serde(borrow)]
    pub command: Plain<'a>,
    #[serde(borrow)]
    pub cwd: Plain<'a>,
    #[serde(borrow)]
    pub status: Plain<'a>,
    #[serde(borrow)]
    pub aggregated_output: Plain<'a>,
    #[serde(borrow)]
    pub exit_code: Plain<'a>,
    #[serde(borrow)]
    pub changes: Shape<'a, Entries<'a, Change<'a>>>,
    #[serde(borrow)]
    pub stdout: Plain<'a>,
    #[serde(borrow)]
    pub stderr: Plain<'a>,
    #[serde(borrow)]
    pub server: Plain<'a>,
    #[serde(borrow)]
    pub tool: Plain<'a>,
    #[serde(borrow)]
    pub arguments: Raw<'a>,
    #[serde(borrow)]
    pub result: Shape<'a, Box<McpResult<'a>>>,
    #[serde(borrow)]
    pub kind: Plain<'a>,
    #[serde(borrow)]
    pub query: Plain<'a>,
    #[serde(borrow)]
    pub action: Raw<'a>,
    #[serde(borrow)]
    pub results: Raw<'a>,
    #[serde(borrow)]
    pub text: Plain<'a>,
    #[serde(borrow)]
    pub agent_thread_id: Plain<'a>,
    #[serde(borrow)]
    pub agent_path: Plain<'a>,
    #[serde(borrow)]
    pub fragments: Shape<'a, Part<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Info<'a> {
    #[serde(borrow)]
    pub total_token_usage: Shape<'a, Box<Tokens<'a>>>,
    #[serde(borrow)]
    pub last_token_usage: Shape<'a, Box<Tokens<'a>>>,
    #[serde(borrow)]
    pub model: Plain<'a>,
    #[serde(borrow)]
    pub prompt: Plain<'a>,
    #[serde(borrow)]
    pub completion: Plain<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Tokens<'a> {
    #[serde(borrow)]
    pub input_tokens: Plain<'a>,
    #[serde(borrow)]
    pub cached_input_tokens: Plain<'a>,
    #[serde(borrow)]
    pub output_tokens: Plain<'a>,
    #[serde(borrow)]
    pub total_tokens: Plain<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ErrorBody<'a> {
    #[serde(borrow)]
    pub message: Plain<'a>,
    #[serde(borrow)]
    pub kind: Plain<'a>,
}

/// The arguments of the calls that are read beyond being handed on.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Arguments<'a> {
    #[serde(borrow)]
    pub plan: Shape<'a, PlanLine<'a>>,
    #[serde(borrow)]
    pub cmd: Plain<'a>,
    #[serde(borrow)]
    pub message: Plain<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct PlanLine<'a> {
    #[serde(borrow)]
    pub step: Plain<'a>,
    #[serde(borrow)]
    pub status: Plain<'a>,
}

/// Outputs that are JSON themselves.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct JsonOutput<'a> {
    #[serde(borrow)]
    pub metadata: Shape<'a, OutputMetadata<'a>>,
    #[serde(borrow)]
    pub timed_out: Plain<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct OutputMetadata<'a> {
    #[serde(borrow)]
    pub exit_code: Plain<'a>,
}
