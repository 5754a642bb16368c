//! The canary: a stated share of runs is treated by the policy, another is held out, and what becomes
//! of both is compared.
//!
//! A run's arm is a digest of its id and the configuration's salt, so that every process puts it in the
//! same. The arms are compared as they were meant: a run counts in its arm even where its text was never
//! handed over, because a person took it back or no channel reached the agent.

use sha2::{Digest as _, Sha256};

use super::evidence::Past;
use crate::score::measure::Share;
use crate::trace::RunId;

/// Which runs are in which arm.
#[derive(Clone, Debug, PartialEq)]
pub struct Shares {
    /// Share of runs that the policy treats, 0–1.
    pub treated: f64,
    /// Share of runs that are held out, 0–1; the two add up to at most 1.
    pub holdout: f64,
    /// Put before a run's id; another salt deals the arms anew.
    pub salt: String,
}

impl Default for Shares {
    fn default() -> Self {
        Self { treated: 0.1, holdout: 0.1, salt: String::new() }
    }
}

/// Where a run is in the canary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Arm {
    /// Proposals are approved by the policy.
    Treated,
    /// What would have been sent is recorded, and never sent.
    Holdout,
    /// A person decides.
    Neither,
}

impl Arm {
    /// Every arm.
    pub const ALL: [Self; 3] = [Self::Treated, Self::Holdout, Self::Neither];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Treated => "treated",
            Self::Holdout => "holdout",
            Self::Neither => "neither",
        }
    }

    /// The arm that a word stands for.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|arm| arm.word() == word)
    }
}

impl Shares {
    /// The arm of a run: the first 53 bits of SHA-256 over the salt and its id, as a share.
    pub fn arm(&self, run: &RunId) -> Arm {
        let mut hasher = Sha256::new();
        for part in [self.salt.as_str(), run.as_str()] {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        let head = hasher.finalize().iter().take(8).fold(0u64, |all, byte| all << 8 | u64::from(*byte));
        let at = (head >> 11) as f64 / (1u64 << 53) as f64;
        if at < self.treated {
            Arm::Treated
        } else if at < self.treated + self.holdout {
            Arm::Holdout
        } else {
            Arm::Neither
        }
    }
}

/// The two arms side by side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// Recovered of those treated whose outcome is known.
    pub treated: Share,
    /// Recovered by themselves of those held out whose outcome is known.
    pub holdout: Share,
    /// How many of each are not known yet.
    pub unknown: (usize, usize),
    /// Share treated minus share held out.
    pub difference: f64,
    /// Its 95 % interval.
    pub interval: (f64, f64),
    /// What the treated were expected to cost, in tokens.
    pub tokens: u64,
    /// What the treated were expected to add, in seconds.
    pub seconds: u64,
}

/// Compares the arms. The interval of the difference: R. G. Newcombe, 1998, method 10, from the two
/// intervals by Wilson.
pub fn compare<'a>(past: impl Iterator<Item = &'a Past> + Clone) -> Comparison {
    let of = |arm: Arm| past.clone().filter(move |one| one.arm == Some(arm));
    let share = |arm| Share {
        hits: of(arm).filter(|one| one.cleared == Some(true)).count(),
        of: of(arm).filter(|one| one.cleared.is_some()).count(),
    };
    let unknown = |arm| of(arm).filter(|one| one.cleared.is_none()).count();
    let (treated, holdout) = (share(Arm::Treated), share(Arm::Holdout));
    let ((p, q), (a, b)) = ((treated.value(), holdout.value()), (treated.interval(), holdout.interval()));
    let difference = p - q;
    let interval = if treated.of == 0 || holdout.of == 0 {
        (-1.0, 1.0)
    } else {
        (difference - (p - a.0).hypot(b.1 - q), difference + (a.1 - p).hypot(q - b.0))
    };
    let sent = || of(Arm::Treated).filter(|one| one.out);
    Comparison {
        treated,
        holdout,
        unknown: (unknown(Arm::Treated), unknown(Arm::Holdout)),
        difference,
        interval,
        tokens: sent().map(|one| u64::from(one.tokens)).sum(),
        seconds: sent().map(|one| u64::from(one.seconds)).sum(),
    }
}
