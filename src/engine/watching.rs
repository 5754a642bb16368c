//! Watching runs after a delivery, and those that were left alone: what the end of the run's log shows
//! is put into the ledger.

use jiff::Timestamp;

use super::desk::RunNews;
use crate::ledger::{Entry, Ledger, LedgerError, State, Watched};
use crate::recover::outcome::{self, Shown};
use crate::recover::{Outcome, Trail};

/// Looks what became of a proposal; whether that is news.
///
/// # Errors
/// The ledger cannot be read or written.
pub(super) fn watch(
    ledger: &Ledger,
    entry: &Entry,
    noted: &Watched,
    news: &RunNews,
    now: Timestamp,
) -> Result<bool, LedgerError> {
    let sent = matches!(entry.state, State::Delivered | State::Confirmed);
    if !(sent || noted.left_alone()) || noted.shown.closed || news.trail.marks.is_empty() {
        return Ok(false);
    }
    let proposal = &entry.proposal;
    let tokens_then = noted.tokens_then.unwrap_or(news.trail.tokens);
    let mut changed = false;
    if noted.tokens_then.is_none() {
        changed = ledger.watch(&proposal.id, tokens_then, now)?;
    }
    let shown = outcome::of(proposal, since(entry, sent, &news.trail), &news.trail);
    if shown == noted.shown {
        return Ok(changed);
    }
    let tokens = shown.step.map(|_| news.trail.tokens.saturating_sub(tokens_then));
    let seconds = seconds(entry, sent, &shown, &news.trail);
    changed |= ledger.note_shown(&proposal.id, &shown, tokens, seconds, now)?;
    if sent && (shown.outcome != Outcome::Unknown || entry.outcome != Outcome::Unknown) {
        changed |= ledger.outcome(&proposal.id, shown.outcome, shown.step, now)?;
    }
    Ok(changed)
}

/// The first step that can show something.
fn since(entry: &Entry, sent: bool, trail: &Trail) -> u32 {
    let target = &entry.proposal.target;
    let after_it = target.step.saturating_add(1);
    if !sent {
        return after_it;
    }
    let delivery = entry.delivery.as_ref();
    let seen_in = delivery.and_then(|d| d.confirmed).and_then(|(_, record)| record);
    let handed = delivery.and_then(|d| d.delivered);
    trail.first_after(&target.agent, seen_in, handed, target.position).max(after_it)
}

/// Seconds from the delivery (or, where nothing was sent, from the step itself) to what shows the
/// outcome, by the run's own times.
fn seconds(entry: &Entry, sent: bool, shown: &Shown, trail: &Trail) -> Option<f64> {
    let then = match sent {
        true => entry.delivery.as_ref().and_then(|d| d.delivered)?,
        false => trail.mark(entry.proposal.target.step)?.at()?,
    };
    let at = trail.mark(shown.step?)?.at()?;
    let passed = at.as_millisecond().checked_sub(then.as_millisecond())?;
    (passed >= 0).then(|| passed as f64 / 1000.0)
}
