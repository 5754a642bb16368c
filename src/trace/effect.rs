//! Effects: what an action changed outside the agent, and whether repeating it would do harm.

use serde::Serialize;

use super::identity::StepId;

/// A change outside the agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Effect {
    /// The step that made it.
    pub step: StepId,
    /// What sort of thing was changed.
    pub kind: EffectKind,
    /// What was changed: a path, a URL, a branch, an order; cleaned, at most 120 bytes.
    pub target: String,
    /// Whether it came about.
    pub status: EffectStatus,
    /// Whether doing it again changes nothing more.
    pub harmless_again: bool,
}

/// What sort of thing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectKind {
    /// A file was written, changed, moved or removed.
    File,
    /// A commit, a branch, a push.
    Repository,
    /// A message was sent.
    Message,
    /// A request that changes something at a server.
    Request,
    /// An order, a booking, a cancellation and the like.
    Transaction,
    /// A package, a service, a process: the machine itself.
    System,
}

/// Whether an effect came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectStatus {
    /// The call succeeded.
    Done,
    /// The call failed or was refused.
    Failed,
    /// Nobody can say.
    Unknown,
    /// A later step took it back.
    Undone,
}
