//! What may be spent on recovering one run: six budgets, and what has been used of them.

use super::super::proposal::{Proposal, Remedy};

/// The six budgets of a run. A budget of 0 allows nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Recoveries that may be delivered to one run, of whatever sort.
    pub retries_per_run: u32,
    /// New plans among them.
    pub replans_per_run: u32,
    /// Other tools among them.
    pub substitutions_per_run: u32,
    /// Times that a person may be asked to look at one run instead.
    pub escalations_per_run: u32,
    /// What recoveries may add to one run, in seconds.
    pub latency_seconds_per_run: u64,
    /// What recoveries of one run may cost, in tokens.
    pub tokens_per_run: u64,
    /// What recoveries of one run may cost, in US dollars: with the tokens, the sixth budget.
    pub cost_usd_per_run: f64,
    /// What a thousand tokens are expected to cost, in US dollars, where the log does not say.
    pub usd_per_thousand_tokens: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            retries_per_run: 3,
            replans_per_run: 2,
            substitutions_per_run: 2,
            escalations_per_run: 10,
            latency_seconds_per_run: 900,
            tokens_per_run: 50_000,
            cost_usd_per_run: 1.0,
            // A middling price.
            usd_per_thousand_tokens: 0.01,
        }
    }
}

/// What recoveries have used of a run's budgets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// Recoveries delivered, or approved and on their way.
    pub deliveries: u32,
    /// New plans among them.
    pub replans: u32,
    /// Other tools among them.
    pub substitutions: u32,
    /// Times that a person was asked to look at the run instead.
    pub escalations: u32,
    /// Seconds that they were expected to take.
    pub seconds: u64,
    /// Tokens that they were expected to cost.
    pub tokens: u64,
}

impl Used {
    /// With one more recovery.
    pub fn with(self, proposal: &Proposal) -> Self {
        let one = |remedy| u32::from(proposal.remedy == remedy);
        Self {
            deliveries: self.deliveries.saturating_add(1),
            replans: self.replans.saturating_add(one(Remedy::Replan)),
            substitutions: self.substitutions.saturating_add(one(Remedy::ToolSubstitution)),
            escalations: self.escalations,
            seconds: self.seconds.saturating_add(u64::from(proposal.seconds)),
            tokens: self.tokens.saturating_add(u64::from(proposal.tokens)),
        }
    }
}

/// Which budget forbids another recovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spent {
    /// The count of recoveries.
    Retries,
    /// The new plans.
    Replans,
    /// The other tools.
    Substitutions,
    /// The times that a person is asked.
    Escalations,
    /// The added time.
    Latency,
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
            Self::Replans => "the run's replans are used up",
            Self::Substitutions => "the run's tool substitutions are used up",
            Self::Escalations => "the run's escalations are used up",
            Self::Latency => "the run's added time is used up",
            Self::Tokens => "the run's token budget is used up",
            Self::Cost => "the run's cost budget is used up",
        }
    }
}

/// One budget of one run: what was used of how much, in its unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// Its name, as the configuration has it without `_per_run`.
    pub name: &'static str,
    /// What was used.
    pub used: f64,
    /// How much there is.
    pub limit: f64,
}

impl Budget {
    /// What is left; never below 0.
    pub fn left(&self) -> f64 {
        (self.limit - self.used).max(0.0)
    }
}

impl Limits {
    /// Whether one more recovery fits what is left.
    ///
    /// # Errors
    /// The budget that forbids it.
    pub fn allow(&self, used: Used, proposal: &Proposal) -> Result<(), Spent> {
        let then = used.with(proposal);
        let over = [
            (then.deliveries > self.retries_per_run, Spent::Retries),
            (then.replans > used.replans && then.replans > self.replans_per_run, Spent::Replans),
            (
                then.substitutions > used.substitutions && then.substitutions > self.substitutions_per_run,
                Spent::Substitutions,
            ),
            (then.seconds > self.latency_seconds_per_run, Spent::Latency),
            (then.tokens > self.tokens_per_run, Spent::Tokens),
            (self.usd(then.tokens) > self.cost_usd_per_run, Spent::Cost),
        ];
        match over.into_iter().find(|(over, _)| *over) {
            Some((_, spent)) => Err(spent),
            None => Ok(()),
        }
    }

    /// What tokens are expected to cost, in US dollars.
    pub fn usd(&self, tokens: u64) -> f64 {
        tokens as f64 / 1000.0 * self.usd_per_thousand_tokens
    }

    /// The budgets with what was used of them; cost is there twice, in tokens and in US dollars.
    pub fn with_used(&self, used: Used) -> [Budget; 7] {
        let budget = |name, used, limit| Budget { name, used, limit };
        [
            budget("retries", used.deliveries.into(), self.retries_per_run.into()),
            budget("replans", used.replans.into(), self.replans_per_run.into()),
            budget("substitutions", used.substitutions.into(), self.substitutions_per_run.into()),
            budget("escalations", used.escalations.into(), self.escalations_per_run.into()),
            budget("latency_seconds", used.seconds as f64, self.latency_seconds_per_run as f64),
            budget("tokens", used.tokens as f64, self.tokens_per_run as f64),
            budget("cost_usd", self.usd(used.tokens), self.cost_usd_per_run),
        ]
    }
}
