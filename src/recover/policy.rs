//! Limits: what may be proposed and delivered to one run. Pure; what was used comes from the ledger.

use serde::{Deserialize, Serialize};

use super::proposal::{Proposal, Remedy};

/// Whether proposals are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// What would have been proposed is only recorded: it is kept off the desk and holds nobody.
    Observe,
    /// A person decides.
    #[default]
    Suggest,
}

impl Mode {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Suggest => "suggest",
        }
    }
}

/// Whether proposals are made, and how much may be spent on one run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// Whether proposals are made.
    pub mode: Mode,
    /// Recoveries that may be delivered to one run.
    pub retries_per_run: u32,
    /// What recoveries of one run may cost, in tokens.
    pub tokens_per_run: u64,
    /// What recoveries of one run may cost, in US dollars.
    pub cost_usd_per_run: f64,
    /// What a thousand tokens are expected to cost, in US dollars, where the log does not say.
    pub usd_per_thousand_tokens: f64,
}

/// What recoveries have used of a run's budgets.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Used {
    /// Recoveries delivered, or approved and on their way.
    pub deliveries: u32,
    /// Tokens that they were expected to cost.
    pub tokens: u64,
}

/// Which budget forbids another recovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spent {
    /// The count.
    Retries,
    /// The tokens.
    Tokens,
    /// The money.
    Cost,
}

impl Spent {
    /// What it says on the desk.
    pub fn words(self) -> &'static str {
        match self {
            Self::Retries => "the run's recoveries are used up",
            Self::Tokens => "the run's token budget is used up",
            Self::Cost => "the run's cost budget is used up",
        }
    }
}

impl Policy {
    /// Whether one more recovery of `tokens` fits what is left. A budget of 0 allows nothing.
    pub fn allows(&self, used: Used, tokens: u32) -> Result<(), Spent> {
        let tokens = used.tokens.saturating_add(u64::from(tokens));
        if used.deliveries >= self.retries_per_run {
            return Err(Spent::Retries);
        }
        if tokens > self.tokens_per_run {
            return Err(Spent::Tokens);
        }
        if tokens as f64 / 1000.0 * self.usd_per_thousand_tokens > self.cost_usd_per_run {
            return Err(Spent::Cost);
        }
        Ok(())
    }

    /// The proposal as the budgets allow it: where one is used up it is handed to a person instead.
    pub fn bound(&self, used: Used, mut proposal: Proposal) -> Proposal {
        if let Err(spent) = self.allows(used, proposal.tokens) {
            proposal.remedy = Remedy::Escalate;
            proposal.why = format!("{}: look at it yourself before you send anything more", spent.words());
        }
        proposal
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: Policy = Policy {
        mode: Mode::Suggest,
        retries_per_run: 2,
        tokens_per_run: 5_000,
        cost_usd_per_run: 0.1,
        usd_per_thousand_tokens: 0.01,
    };

    #[test]
    fn each_budget_stops_by_itself() {
        let used = |deliveries, tokens| Used { deliveries, tokens };
        assert_eq!(POLICY.allows(used(0, 0), 1_000), Ok(()));
        assert_eq!(POLICY.allows(used(2, 0), 1_000), Err(Spent::Retries));
        assert_eq!(POLICY.allows(used(1, 4_500), 1_000), Err(Spent::Tokens));
        let dear = Policy { usd_per_thousand_tokens: 1.0, ..POLICY };
        assert_eq!(dear.allows(used(0, 0), 1_000), Err(Spent::Cost));
    }
}
