//! The breaker: after so many recoveries in vain within a while, everything waits for a person. After a
//! cool-down it is half open: one automatic recovery at a time is let through, and its outcome closes
//! the breaker or opens it again.
//!
//! Its state is a function of what was delivered and what came of it, and of the time.

use std::time::Duration;

use jiff::Timestamp;

use super::evidence::{Past, later};

/// When a breaker opens, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerLimits {
    /// Recoveries of one agent in vain that open its breaker.
    pub not_recovered: u32,
    /// Recoveries of any agent in vain that open the fleet's.
    pub fleet_not_recovered: u32,
    /// Within how long.
    pub window: Duration,
    /// How long it stays open before it is half open.
    pub cool_down: Duration,
}

impl Default for BreakerLimits {
    fn default() -> Self {
        Self {
            not_recovered: 3,
            fleet_not_recovered: 8,
            window: Duration::from_secs(3600),
            cool_down: Duration::from_secs(900),
        }
    }
}

/// How a breaker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breaker {
    /// Nothing is in the way.
    Closed,
    /// Everything waits for a person.
    Open {
        /// Since when.
        since: Timestamp,
        /// When it is half open.
        until: Timestamp,
    },
    /// One automatic recovery at a time.
    HalfOpen {
        /// Since when.
        since: Timestamp,
        /// Whether one is under way.
        probing: bool,
    },
}

impl Breaker {
    /// Whether an automatic recovery may go through.
    pub fn lets_through(self) -> bool {
        matches!(self, Self::Closed | Self::HalfOpen { probing: false, .. })
    }

    /// The words for it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open { .. } => "open",
            Self::HalfOpen { probing: false, .. } => "half open",
            Self::HalfOpen { probing: true, .. } => "half open, a probe is under way",
        }
    }
}

/// How a breaker over these recoveries stands that opens after `most` in vain. A recovery approved
/// before the breaker was half open does not close it; one in vain opens it again whenever it was sent.
/// A probe of which nothing is known after another cool-down is given up.
pub fn breaker<'a>(
    limits: &BreakerLimits,
    most: u32,
    past: impl Iterator<Item = &'a Past> + Clone,
    now: Timestamp,
) -> Breaker {
    let mut outcomes: Vec<(Timestamp, bool, Option<Timestamp>)> = past
        .clone()
        .filter_map(|one| one.outcome.map(|(at, recovered)| (at, recovered, one.approval.map(|a| a.at))))
        .collect();
    outcomes.sort_unstable();
    let mut in_vain: Vec<Timestamp> = Vec::new();
    let mut opened: Option<Timestamp> = None;
    for (at, recovered, approved) in outcomes {
        match opened {
            None if recovered => {}
            None => {
                in_vain.retain(|earlier| later(*earlier, limits.window) >= at);
                in_vain.push(at);
                if in_vain.len() >= most.max(1) as usize {
                    opened = Some(at);
                }
            }
            Some(since) => {
                let probe = approved.is_some_and(|approved| approved >= later(since, limits.cool_down));
                if !recovered {
                    opened = Some(at);
                } else if probe {
                    opened = None;
                    in_vain.clear();
                }
            }
        }
    }
    let Some(since) = opened else { return Breaker::Closed };
    let until = later(since, limits.cool_down);
    if now < until {
        return Breaker::Open { since, until };
    }
    let under_way = |one: &Past| {
        let probe = one.approval.filter(|a| a.by_policy && a.at >= until);
        one.out
            && one.outcome.is_none()
            && probe.is_some_and(|approval| later(approval.at, limits.cool_down) > now)
    };
    Breaker::HalfOpen { since: until, probing: past.clone().any(under_way) }
}
