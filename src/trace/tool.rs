//! Tools: what sort a tool is, by its name, and what a call of it asks for, by its arguments.

use serde::Serialize;

/// What sort of tool it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolKind {
    /// Runs a command.
    Shell,
    /// Runs code that is not a shell command.
    Code,
    /// Reads a file.
    Read,
    /// Writes a whole file.
    Write,
    /// Changes a part of a file.
    Edit,
    /// Looks for files, lines or pages.
    Search,
    /// Fetches from the network.
    Fetch,
    /// Hands work to another agent.
    Agent,
    /// Keeps the agent's own plan.
    Plan,
    /// Anything else: an application's own tool.
    Other,
}

/// A call's arguments, taken apart as far as the kind of tool allows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// The shell command, or the code.
    pub command: Option<String>,
    /// The paths that the call names as its target.
    pub paths: Vec<String>,
    /// The URL that it fetches.
    pub url: Option<String>,
    /// The text that it writes (a whole file, or the new part of one).
    pub new_text: Option<String>,
    /// The text that it replaces.
    pub old_text: Option<String>,
    /// Whether the call runs in the background, so that its outcome comes later or never.
    pub background: bool,
    /// Name and text of each argument at the top level (strings bare, other values as JSON).
    pub arguments: Vec<(String, String)>,
}
