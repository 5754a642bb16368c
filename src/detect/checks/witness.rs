//! Each closed step is read once for all families that ask about checks: whichever hears of it first has
//! it read.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Check, Checks};
use crate::detect::claims::grammar::{self, Said};
use crate::trace::{ClosedStep, StepId};

/// What the families hold in common.
#[derive(Clone, Debug, Default)]
pub(crate) struct Witness(Arc<Mutex<Account>>);

/// What was read.
#[derive(Debug, Default)]
pub(crate) struct Account {
    /// What is known of the run's checks.
    pub(crate) checks: Checks,
    /// The step that was read last, how many checks it ran, and what its message says.
    latest: Option<StepId>,
    ran: usize,
    said: Said,
}

impl Witness {
    /// What was read. Families hear of a step one after the other: nobody waits.
    pub(crate) fn account(&self) -> MutexGuard<'_, Account> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Account {
    /// Takes in a closed step, unless it is the one that was taken in last.
    pub(crate) fn take(&mut self, step: &ClosedStep<'_>) {
        if self.latest == Some(step.step.id) {
            return;
        }
        self.latest = Some(step.step.id);
        self.ran = self.checks.take(step).len();
        self.said = step.message.map(|message| grammar::read(&message.text)).unwrap_or_default();
    }

    /// The checks that the step ran.
    pub(crate) fn ran(&self) -> &[Check] {
        let all = &self.checks.all;
        all.get(all.len().saturating_sub(self.ran)..).unwrap_or_default()
    }

    /// What the step's message says about checks.
    pub(crate) fn said(&self) -> &Said {
        &self.said
    }
}
