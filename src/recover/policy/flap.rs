//! Quarantine: what was sent again and again and comes back is not sent by itself any more.

use std::time::Duration;

use jiff::Timestamp;

use super::evidence::{Cleared, Past, later};
use crate::trace::RunId;

/// When a proposal that comes back is quarantined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlapLimits {
    /// After how many deliveries for the same rule, agent and run.
    pub deliveries: u32,
    /// Within how long.
    pub window: Duration,
}

impl Default for FlapLimits {
    fn default() -> Self {
        Self { deliveries: 2, window: Duration::from_secs(3600) }
    }
}

/// What comes back.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Flapping {
    /// The run.
    pub run: RunId,
    /// The agent.
    pub agent: String,
    /// The rule.
    pub rule: String,
}

impl Flapping {
    fn is(&self, past: &Past) -> bool {
        past.run == self.run && past.subject.agent == self.agent && past.rule == self.rule
    }
}

/// Whether proposals of a rule for an agent of a run are quarantined: how often they were sent since a
/// person let them go last. Once quarantined they stay so, however much time passes.
pub fn quarantined(
    limits: &FlapLimits,
    what: &Flapping,
    past: &[Past],
    cleared: &[Cleared],
) -> Option<usize> {
    let since = cleared
        .iter()
        .filter(|one| one.run == what.run && one.agent == what.agent && one.rule == what.rule)
        .map(|one| one.at)
        .max()
        .unwrap_or(Timestamp::MIN);
    let mut sent: Vec<Timestamp> = past
        .iter()
        .filter(|one| what.is(one))
        .filter_map(|one| one.delivered)
        .filter(|at| *at > since)
        .collect();
    sent.sort_unstable();
    let most = limits.deliveries.max(1) as usize;
    let close = |times: &[Timestamp]| {
        times.first().zip(times.last()).is_some_and(|(first, last)| later(*first, limits.window) >= *last)
    };
    sent.windows(most).any(close).then_some(sent.len())
}
