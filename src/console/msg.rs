//! What reaches the console, and what it asks for. Tasks run outside and come back as messages.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::engine::{GuardView, Reached, Update};
use crate::ledger::{Entry, Rewrite, Verdict};
use crate::recover::ProposalId;
use crate::trace::{RunId, StepId};

use super::key::{Key, Mouse};
use super::notices::Notice;
use super::replay::{Replay, Seek};

/// Something that happened. Time comes only in [`Msg::Tick`]; whoever sends messages sends a tick
/// before each batch, so that `Model::now` is right when the others are handled.
#[derive(Clone, Debug)]
pub enum Msg {
    /// It is now this time.
    Tick {
        /// The time.
        now: Timestamp,
    },
    /// A key.
    Key(Key),
    /// The mouse.
    Mouse(Mouse),
    /// Text was pasted.
    Paste(String),
    /// The terminal has this size.
    Resize {
        /// Columns.
        columns: u16,
        /// Rows.
        rows: u16,
    },
    /// The engine has news.
    Update(Update),
    /// The ledger as it stands.
    Ledger(Box<LedgerView>),
    /// What limits recoveries, as it stands.
    Guard(Box<GuardView>),
    /// The chain of decisions was walked; answer to [`Task::Verify`].
    Chain(Chain),
    /// The ledger cannot be read or written: one sentence. The console goes read-only.
    LedgerLost(String),
    /// Answer to [`Task::ReadStep`].
    StepText {
        /// The run.
        run: RunId,
        /// The step.
        step: StepId,
        /// Its texts, or why they cannot be read.
        texts: Result<Box<StepText>, String>,
    },
    /// A decision, an undo or a retry is in the ledger.
    Decided {
        /// The proposal.
        proposal: ProposalId,
        /// What was done, one clause.
        what: String,
    },
    /// A decision, an undo or a retry was refused.
    Refused {
        /// The proposal.
        proposal: ProposalId,
        /// Why, one sentence.
        why: String,
    },
    /// The text in the editor is now this.
    Edited {
        /// The text.
        text: String,
    },
    /// Where a replay is.
    Replay(Replay),
    /// Something to say to the operator.
    Toast {
        /// How grave it is.
        grave: bool,
        /// One line.
        text: String,
    },
}

/// The ledger as the console shows it.
#[derive(Clone, Debug, Default)]
pub struct LedgerView {
    /// What waits for a person, and what is on its way (within grace, leased, delivered, failed).
    pub desk: Vec<Entry>,
    /// What was decided, the latest first.
    pub history: Vec<Entry>,
    /// Whether the chain of decisions holds.
    pub chain: Chain,
    /// What a model wrote for proposals that wait, or why it did not.
    pub rewrites: HashMap<ProposalId, Rewrite>,
    /// Runs that can be reached, and whether a hook holds them now.
    pub reach: Vec<(RunId, Reached)>,
}

/// Whether the chain of decisions holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Chain {
    /// Nobody has looked yet.
    #[default]
    NotChecked,
    /// Every decision carries the hash of the one before.
    Holds {
        /// How many decisions.
        decisions: u64,
    },
    /// It is broken: where and how, one sentence.
    Broken(String),
}

/// The texts of a step, read from its log again. They pass the gate when the console takes them in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepText {
    /// The words that led to it.
    pub intent: String,
    /// The call's tool and arguments, or the message.
    pub call: String,
    /// What came back.
    pub outcome: String,
    /// The records as they stand in the file.
    pub raw: String,
}

/// The longest text of a step that is kept for the screen, in bytes.
const SHOWN_BYTES: usize = 256 * 1024;

impl StepText {
    /// The texts through the gate, and no longer than a screen needs.
    pub(super) fn fit(&self) -> Self {
        let fit = |text: &str| {
            let head = crate::text::clip(text, SHOWN_BYTES);
            let mut shown = crate::text::shown(head);
            let left = text.len() - head.len();
            if left > 0 {
                shown.push_str(&format!("\n… {left} more bytes are in the log"));
            }
            shown
        };
        Self {
            intent: fit(&self.intent),
            call: fit(&self.call),
            outcome: fit(&self.outcome),
            raw: fit(&self.raw),
        }
    }
}

/// What the console asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Task {
    /// Read the texts of a step; answered by [`Msg::StepText`]. A newer request replaces a waiting one.
    ReadStep {
        /// The run.
        run: RunId,
        /// The step.
        step: StepId,
    },
    /// Assess a run that is only listed.
    Open {
        /// The run.
        run: RunId,
    },
    /// Record a decision; answered by [`Msg::Decided`] or [`Msg::Refused`].
    Decide {
        /// The proposal.
        proposal: ProposalId,
        /// What the operator said.
        verdict: Verdict,
        /// The text that was on the screen.
        seen: String,
    },
    /// Take an approval back within its grace time.
    Undo {
        /// The proposal.
        proposal: ProposalId,
    },
    /// Try a failed delivery again.
    Retry {
        /// The proposal.
        proposal: ProposalId,
    },
    /// Edit a text in the operator's own editor; answered by [`Msg::Edited`].
    EditExternally {
        /// The text.
        text: String,
    },
    /// Put a text on the clipboard; it has not passed the gate yet.
    Copy {
        /// The text.
        text: String,
    },
    /// Tell the operator of something outside of the screen.
    Notify(Box<Notice>),
    /// Read the history of decisions again.
    LoadDecisions,
    /// Walk the chain of decisions.
    Verify,
    /// Stop everything, in every process.
    Stop,
    /// Let the policy hold again.
    Resume,
    /// Move a replay.
    Replay(ReplayTask),
    /// Leave.
    Quit,
}

/// What is asked of a replay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ReplayTask {
    /// Go on by itself.
    Play,
    /// Stand still.
    Pause,
    /// Go somewhere.
    Seek(Seek),
    /// Run this many times as fast as it was recorded.
    Speed(f32),
}
