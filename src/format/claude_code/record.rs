//! The shapes of Claude Code's records, as far as they are read. Everything else is skipped.

use serde::Deserialize;

use crate::format::json::{Entries, Part, Plain, Raw, Shape};

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Record<'a> {
    #[serde(borrow)]
    pub r#type: Plain<'a>,
    #[serde(borrow)]
    pub subtype: Plain<'a>,
    #[serde(borrow)]
    pub uuid: Plain<'a>,
    #[serde(borrow, rename = "parentUuid")]
    pub parent_uuid: Plain<'a>,
    #[serde(borrow, rename = "sessionId")]
    pub session_id: Plain<'a>,
    /// The session as the program's standard output names it; newer transcripts have both.
    #[serde(borrow, rename = "session_id")]
    pub session_id_of_stream: Plain<'a>,
    /// A mark of another program's log.
    #[serde(borrow, rename = "systemPayload")]
    pub system_payload: Raw<'a>,
    /// Old versions say what a message cost.
    #[serde(borrow, rename = "costUSD")]
    pub cost_usd: Plain<'a>,
    #[serde(borrow)]
    pub timestamp: Plain<'a>,
    #[serde(borrow, rename = "isSidechain")]
    pub is_sidechain: Plain<'a>,
    #[serde(borrow, rename = "agentId")]
    pub agent_id: Plain<'a>,
    #[serde(borrow, rename = "attributionAgent")]
    pub attribution_agent: Plain<'a>,
    #[serde(borrow)]
    pub cwd: Plain<'a>,
    #[serde(borrow)]
    pub version: Plain<'a>,
    #[serde(borrow, rename = "isMeta")]
    pub is_meta: Plain<'a>,
    #[serde(borrow, rename = "isCompactSummary")]
    pub is_compact_summary: Plain<'a>,
    #[serde(borrow, rename = "isApiErrorMessage")]
    pub is_api_error: Plain<'a>,
    #[serde(borrow, rename = "isAbortedMidStream")]
    pub is_aborted: Plain<'a>,
    #[serde(borrow)]
    pub origin: Shape<'a, Origin<'a>>,
    #[serde(borrow)]
    pub message: Shape<'a, Box<Message<'a>>>,
    #[serde(borrow, rename = "toolUseResult")]
    pub tool_use_result: Shape<'a, Box<ToolUseResult<'a>>>,
    #[serde(borrow, rename = "toolDenialKind")]
    pub tool_denial_kind: Plain<'a>,
    #[serde(borrow, rename = "permissionDecision")]
    pub permission_decision: Shape<'a, Box<PermissionDecision<'a>>>,
    #[serde(borrow)]
    pub attachment: Shape<'a, Box<Attachment<'a>>>,
    #[serde(borrow)]
    pub content: Plain<'a>,
    #[serde(borrow)]
    pub summary: Plain<'a>,
    #[serde(borrow, rename = "aiTitle")]
    pub ai_title: Plain<'a>,
    #[serde(borrow, rename = "customTitle")]
    pub custom_title: Plain<'a>,
    #[serde(borrow, rename = "relocatedCwd")]
    pub relocated_cwd: Plain<'a>,
    #[serde(borrow)]
    pub error: Shape<'a, Box<ErrorBody<'a>>>,
    #[serde(borrow, rename = "retryAttempt")]
    pub retry_attempt: Plain<'a>,
    #[serde(borrow, rename = "maxRetries")]
    pub max_retries: Plain<'a>,
    #[serde(borrow, rename = "hookErrors")]
    pub hook_errors: Plain<'a>,
    #[serde(borrow, rename = "hookAdditionalContext")]
    pub hook_additional_context: Plain<'a>,
    #[serde(borrow, rename = "preventedContinuation")]
    pub prevented_continuation: Plain<'a>,
    #[serde(borrow, rename = "totalCostUSD")]
    pub total_cost_usd: Plain<'a>,
    #[serde(borrow, rename = "modelUsage")]
    pub model_usage: Shape<'a, Entries<'a, ModelUsage<'a>>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Origin<'a> {
    #[serde(borrow)]
    pub kind: Plain<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    pub id: Plain<'a>,
    #[serde(borrow)]
    pub role: Plain<'a>,
    #[serde(borrow)]
    pub model: Plain<'a>,
    #[serde(borrow)]
    pub content: Shape<'a, Block<'a>>,
    /// A mark of another program's log.
    #[serde(borrow)]
    pub parts: Raw<'a>,
    #[serde(borrow)]
    pub stop_reason: Plain<'a>,
    #[serde(borrow)]
    pub usage: Shape<'a, Box<TokenUsage<'a>>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Block<'a> {
    #[serde(borrow)]
    pub r#type: Plain<'a>,
    #[serde(borrow)]
    pub text: Plain<'a>,
    #[serde(borrow)]
    pub thinking: Plain<'a>,
    #[serde(borrow)]
    pub id: Plain<'a>,
    #[serde(borrow)]
    pub name: Plain<'a>,
    #[serde(borrow)]
    pub input: Raw<'a>,
    #[serde(borrow)]
    pub tool_use_id: Plain<'a>,
    #[serde(borrow)]
    pub is_error: Plain<'a>,
    #[serde(borrow)]
    pub content: Shape<'a, Part<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct TokenUsage<'a> {
    #[serde(borrow)]
    pub input_tokens: Plain<'a>,
    #[serde(borrow)]
    pub output_tokens: Plain<'a>,
    #[serde(borrow)]
    pub cache_creation_input_tokens: Plain<'a>,
    #[serde(borrow)]
    pub cache_read_input_tokens: Plain<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ModelUsage<'a> {
    #[serde(borrow)]
    pub input_tokens: Plain<'a>,
    #[serde(borrow)]
    pub output_tokens: Plain<'a>,
    #[serde(borrow)]
    pub cache_read_input_tokens: Plain<'a>,
    #[serde(borrow)]
    pub cache_creation_input_tokens: Plain<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ToolUseResult<'a> {
    #[serde(borrow)]
    pub status: Plain<'a>,
    #[serde(borrow, rename = "agentId")]
    pub agent_id: Plain<'a>,
    #[serde(borrow, rename = "agentType")]
    pub agent_type: Plain<'a>,
    #[serde(borrow)]
    pub prompt: Plain<'a>,
    #[serde(borrow)]
    pub interrupted: Plain<'a>,
    #[serde(borrow, rename = "returnCodeInterpretation")]
    pub return_code: Plain<'a>,
    #[serde(borrow, rename = "backgroundTaskId")]
    pub background_task: Plain<'a>,
    #[serde(borrow, rename = "timedOutAfterMs")]
    pub timed_out_after: Plain<'a>,
    #[serde(borrow, rename = "exitCode")]
    pub exit_code: Plain<'a>,
    #[serde(borrow)]
    pub is_error: Plain<'a>,
    #[serde(borrow)]
    pub success: Plain<'a>,
    #[serde(borrow, rename = "totalToolUseCount")]
    pub total_tool_use_count: Plain<'a>,
    #[serde(borrow)]
    pub task: Shape<'a, Box<Task<'a>>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Task<'a> {
    #[serde(borrow)]
    pub id: Plain<'a>,
    #[serde(borrow)]
    pub subject: Plain<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct PermissionDecision<'a> {
    #[serde(borrow)]
    pub decision: Plain<'a>,
    #[serde(borrow)]
    pub source: Plain<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ErrorBody<'a> {
    #[serde(borrow)]
    pub message: Plain<'a>,
    #[serde(borrow)]
    pub formatted: Plain<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Attachment<'a> {
    #[serde(borrow)]
    pub r#type: Plain<'a>,
    #[serde(borrow)]
    pub content: Shape<'a, FileContent<'a>>,
    #[serde(borrow, rename = "toolUseID")]
    pub tool_use_id: Plain<'a>,
    #[serde(borrow)]
    pub stdout: Plain<'a>,
    #[serde(borrow, rename = "blockingError")]
    pub blocking_error: Shape<'a, BlockingError<'a>>,
    #[serde(borrow)]
    pub message: Plain<'a>,
    #[serde(borrow)]
    pub prompt: Shape<'a, Part<'a>>,
    #[serde(borrow, rename = "commandMode")]
    pub command_mode: Plain<'a>,
    #[serde(borrow)]
    pub origin: Shape<'a, Origin<'a>>,
    #[serde(borrow)]
    pub snippet: Plain<'a>,
    #[serde(borrow)]
    pub context: Shape<'a, Entries<'a, serde::de::IgnoredAny>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct BlockingError<'a> {
    #[serde(borrow, rename = "blockingError")]
    pub text: Plain<'a>,
}

/// The content of a file that the user named, or of a memory file: the text is nested to a depth
/// that differs by kind.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct FileContent<'a> {
    #[serde(borrow)]
    pub content: Plain<'a>,
    #[serde(borrow)]
    pub file: Shape<'a, FileBody<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct FileBody<'a> {
    #[serde(borrow)]
    pub content: Plain<'a>,
}

/// What stands beside a sub-agent's file.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Beside<'a> {
    #[serde(borrow)]
    pub agent_type: Plain<'a>,
    #[serde(borrow)]
    pub tool_use_id: Plain<'a>,
}

/// The standard output of a hook, as far as it changes the call.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct HookAnswer<'a> {
    #[serde(borrow, rename = "hookSpecificOutput")]
    pub specific: Shape<'a, HookSpecific<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct HookSpecific<'a> {
    #[serde(borrow, rename = "updatedInput")]
    pub updated_input: Raw<'a>,
}

/// The input of a call that starts a sub-agent.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct AgentInput<'a> {
    #[serde(borrow)]
    pub prompt: Plain<'a>,
    #[serde(borrow)]
    pub subagent_type: Plain<'a>,
}
