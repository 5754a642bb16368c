//! Channels with real processes: the server and its sockets, tmux, commands, the readers of the README;
//! and that what is delivered is what was approved, byte for byte, whatever the channel.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

mod bytes;
mod command;
#[path = "../drafts/mod.rs"]
mod drafts;
mod http;
mod readers;
mod server;
mod tmux;

use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use medbay::ledger::{Decided, Entry, Ledger, Mode, State, Verdict};
use medbay::recover::Proposal;

/// Looks until there is one; a test that waits in vain fails.
#[track_caller]
fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn ledger_in(place: &Path) -> Ledger {
    Ledger::open(&place.join("ledger.db")).unwrap()
}

/// A proposal of this format, approved at once; with a text of its own where one is given.
fn approved(ledger: &Ledger, run: &str, format: &str, call: &str, text: Option<&str>) -> Proposal {
    let mut proposal = drafts::draft(run, call);
    proposal.target.format = format.to_owned();
    ledger.propose(&proposal, Mode::Suggest, Timestamp::now()).unwrap();
    let verdict = text.map_or(Verdict::Approve, |text| Verdict::Edit { text: text.to_owned() });
    decide(ledger, &proposal, verdict);
    proposal
}

#[track_caller]
fn decide(ledger: &Ledger, proposal: &Proposal, verdict: Verdict) {
    let came =
        ledger.decide(&proposal.id, verdict, drafts::person(), "seen", Timestamp::now(), Duration::ZERO);
    assert!(matches!(came, Ok(Decided::Recorded(_))), "{came:?}");
}

fn entry(ledger: &Ledger, proposal: &Proposal) -> Entry {
    ledger.entry(&proposal.id).unwrap()
}

#[track_caller]
fn is(ledger: &Ledger, proposal: &Proposal, state: State) {
    until(state.word(), || (entry(ledger, proposal).state == state).then_some(()));
}

fn failure(ledger: &Ledger, proposal: &Proposal) -> String {
    entry(ledger, proposal).delivery.unwrap().failure.unwrap()
}
