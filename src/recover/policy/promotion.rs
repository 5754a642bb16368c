//! Promotion: `auto` is automatic only where the record shows that it recovers runs, and stops being so
//! by itself when the record no longer does.

use super::evidence::Past;
use crate::score::measure::Share;

/// How many of the latest cases are looked at: what was long ago speaks for another agent.
const LATEST: usize = 200;

/// What the record must show.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Floor {
    /// At least so many recoveries of which it is known whether the run recovered.
    pub cases: u32,
    /// The lower end of the share's 95 % interval is at least this.
    pub recovery: f64,
}

impl Default for Floor {
    fn default() -> Self {
        Self { cases: 20, recovery: 0.6 }
    }
}

/// What the record shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Record {
    /// Recovered of the latest cases, at most 200.
    pub share: Share,
    /// Lower end of its 95 % interval by Wilson.
    pub lower: f64,
    /// Whether that is enough.
    pub promoted: bool,
}

/// What the record of these recoveries shows. Only what was sent as it was drafted counts, whoever
/// approved it.
pub fn record<'a>(floor: &Floor, past: impl Iterator<Item = &'a Past>) -> Record {
    let mut known: Vec<_> = past
        .filter(|one| one.approval.is_some_and(|approval| !approval.edited))
        .filter_map(|one| one.outcome.map(|(at, recovered)| (at, &one.id, recovered)))
        .collect();
    known.sort_unstable_by(|a, b| b.cmp(a));
    known.truncate(LATEST);
    let share = Share { hits: known.iter().filter(|one| one.2).count(), of: known.len() };
    let (lower, _) = share.interval();
    let enough = share.of >= floor.cases.max(1) as usize;
    Record { share, lower, promoted: enough && lower >= floor.recovery }
}

/// What automatic approvals were regretted for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Regret {
    /// Proposals that a policy approved.
    pub automatic: usize,
    /// Of these, taken back by a person: undone, or vetoed after that.
    pub taken_back: usize,
    /// Of these, handed over, and the run did not recover.
    pub not_recovered: usize,
}

/// Counts what automatic approvals were regretted for.
pub fn regret<'a>(past: impl Iterator<Item = &'a Past>) -> Regret {
    let mut count = Regret::default();
    for one in past {
        let automatic = one.approval.is_some_and(|approval| approval.by_policy);
        count.automatic += usize::from(automatic || one.taken_back);
        count.taken_back += usize::from(one.taken_back);
        let in_vain = one.outcome.is_some_and(|(_, recovered)| !recovered);
        count.not_recovered += usize::from(automatic && in_vain);
    }
    count
}
