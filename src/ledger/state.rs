//! The state machine of a proposal, once: states, what can happen to it, and the ways between as data.
//! The schema's guards, the changes that the ledger makes and the console's words all follow this table.
//!
//! ```text
//! waiting ─▶ approved ─▶ leased ─▶ delivered ─▶ confirmed
//!   │  ▲        │ undo      └─▶ failed (retried by hand: back to approved)
//!   │  └────────┘
//!   ├─▶ vetoed   ├─▶ superseded   └─▶ expired
//! ```

use serde::{Deserialize, Serialize};

/// How far a proposal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Waits for a person.
    Waiting,
    /// Approved, or edited and approved; not yet taken up by a channel.
    Approved,
    /// A process is delivering it.
    Leased,
    /// Given to the agent; not yet seen in its log.
    Delivered,
    /// Seen in the agent's own log.
    Confirmed,
    /// The delivery failed; kept and shown, retried by hand.
    Failed,
    /// A person said no.
    Vetoed,
    /// The run moved on, or mended itself.
    Superseded,
    /// An explicit policy let it lapse.
    Expired,
}

/// What can happen to a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Event {
    /// Its text, or another one, is approved.
    Approve,
    /// Somebody says no. Time alone never does.
    Veto,
    /// It is put off.
    Defer,
    /// A decision is taken back within its grace time.
    Undo,
    /// What it is about has moved on.
    Supersede,
    /// A policy that says so lets it lapse.
    Expire,
    /// A channel takes it up, or takes it over from one whose lease ran out.
    Lease,
    /// The text was handed over.
    HandOver,
    /// The text could not be handed over, was refused, or did not arrive as it was approved.
    Fail,
    /// The text was seen in the agent's own log.
    Confirm,
    /// A person sends a failed one again.
    Retry,
}

/// Every way that a proposal can go. What is not here does not happen: the schema refuses it.
pub const WAYS: [(State, Event, State); 23] = [
    (State::Waiting, Event::Approve, State::Approved),
    (State::Waiting, Event::Veto, State::Vetoed),
    (State::Waiting, Event::Defer, State::Waiting),
    (State::Waiting, Event::Supersede, State::Superseded),
    (State::Waiting, Event::Expire, State::Expired),
    (State::Approved, Event::Undo, State::Waiting),
    (State::Approved, Event::Lease, State::Leased),
    (State::Approved, Event::Supersede, State::Superseded),
    (State::Approved, Event::Expire, State::Expired),
    (State::Vetoed, Event::Undo, State::Waiting),
    (State::Leased, Event::Lease, State::Leased),
    (State::Leased, Event::HandOver, State::Delivered),
    (State::Leased, Event::Fail, State::Failed),
    (State::Leased, Event::Confirm, State::Confirmed),
    (State::Delivered, Event::Fail, State::Failed),
    (State::Delivered, Event::Confirm, State::Confirmed),
    (State::Failed, Event::Retry, State::Approved),
    (State::Failed, Event::Confirm, State::Confirmed),
    (State::Failed, Event::Supersede, State::Superseded),
    // A word that came too late is on record and changes nothing.
    (State::Superseded, Event::Approve, State::Superseded),
    (State::Superseded, Event::Veto, State::Superseded),
    (State::Expired, Event::Approve, State::Expired),
    (State::Expired, Event::Veto, State::Expired),
];

impl Event {
    /// Every event.
    pub const ALL: [Self; 11] = [
        Self::Approve,
        Self::Veto,
        Self::Defer,
        Self::Undo,
        Self::Supersede,
        Self::Expire,
        Self::Lease,
        Self::HandOver,
        Self::Fail,
        Self::Confirm,
        Self::Retry,
    ];

    /// The states to which it can happen, as an SQL list of words.
    pub(super) fn sources(self) -> String {
        let words: Vec<String> = WAYS
            .iter()
            .filter(|(_, event, _)| *event == self)
            .map(|(from, _, _)| format!("'{}'", from.word()))
            .collect();
        words.join(", ")
    }
}

impl State {
    /// Every state.
    pub const ALL: [Self; 9] = [
        Self::Waiting,
        Self::Approved,
        Self::Leased,
        Self::Delivered,
        Self::Confirmed,
        Self::Failed,
        Self::Vetoed,
        Self::Superseded,
        Self::Expired,
    ];

    /// Where an event leads from here; `None`: it cannot happen to it.
    pub fn after(self, event: Event) -> Option<Self> {
        WAYS.iter().find(|(from, what, _)| *from == self && *what == event).map(|(_, _, to)| *to)
    }

    /// Whether its run has left it behind: what is said of it now comes too late.
    pub fn is_left_behind(self) -> bool {
        matches!(self, Self::Superseded | Self::Expired)
    }

    /// The state that a word stands for.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Approved => "approved",
            Self::Leased => "leased",
            Self::Delivered => "delivered",
            Self::Confirmed => "confirmed",
            Self::Failed => "failed",
            Self::Vetoed => "vetoed",
            Self::Superseded => "superseded",
            Self::Expired => "expired",
        }
    }

    /// How the text's way to its agent stands, in at most nine characters.
    pub fn on_its_way(self) -> &'static str {
        match self {
            Self::Approved => "to go",
            Self::Confirmed => "seen",
            Self::Superseded => "too late",
            other => other.word(),
        }
    }

    /// What it means, one clause.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Waiting => "still waiting",
            Self::Approved => "goes out with the agent's next event",
            Self::Leased => "being delivered",
            Self::Delivered => "not yet seen in the agent's log",
            Self::Confirmed => "seen in the agent's log",
            Self::Failed => "delivery failed",
            Self::Vetoed => "vetoed",
            Self::Superseded => "superseded: the run moved on, or mended itself",
            Self::Expired => "expired by a policy",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_leads_one_way_from_a_state() {
        for state in State::ALL {
            for event in Event::ALL {
                let ways = WAYS.iter().filter(|(from, what, _)| (*from, *what) == (state, event)).count();
                assert!(ways <= 1, "{state:?} {event:?}");
                assert_eq!(state.after(event).is_some(), ways == 1);
            }
            assert_eq!(State::of_word(state.word()), Some(state));
        }
    }

    #[test]
    fn only_a_veto_says_no_and_only_what_was_approved_is_sent() {
        for (from, event, to) in WAYS {
            assert_eq!(to == State::Vetoed, event == Event::Veto && from == State::Waiting);
            if to == State::Leased {
                assert!(matches!(from, State::Approved | State::Leased));
            }
            if to == State::Approved {
                assert!(matches!(event, Event::Approve | Event::Retry));
            }
            if to == State::Expired {
                assert!(event == Event::Expire || from == State::Expired);
            }
        }
    }
}
