//! What becomes of a proposal by itself, and the limits on it. Pure: what has happened comes from the
//! ledger as [`Evidence`], the time with it, and [`decide`] is the one place where both meet; the desk's
//! keeper and hooks rule by it alike.
//!
//! Rulings, from the strongest reason to the weakest: stopped, observe, a spent budget, quarantine, what
//! only a person may approve, an open breaker, the canary's arm, the record.

mod breaker;
mod budget;
mod canary;
mod evidence;
mod flap;
mod glob;
mod promotion;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use super::proposal::{Proposal, Remedy};
pub use crate::detect::Class;

pub use breaker::{Breaker, BreakerLimits, breaker};
pub use budget::{Budget, Limits, Spent, Used};
pub use canary::{Arm, Comparison, Shares, compare};
pub use evidence::{Approval, Cleared, Evidence, Past, Subject};
pub use flap::{FlapLimits, Flapping, quarantined};
pub use glob::Glob;
pub use promotion::{Floor, Record, Regret, record, regret};

/// What becomes of proposals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// What would have been proposed is only recorded: it is kept off the desk and holds nobody.
    Observe,
    /// A person decides.
    #[default]
    Suggest,
    /// In a share of runs the policy decides, another share is held out, in the rest a person decides.
    Canary,
    /// The policy decides where the record is good enough; else as in a canary.
    Auto,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Self; 4] = [Self::Observe, Self::Suggest, Self::Canary, Self::Auto];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Suggest => "suggest",
            Self::Canary => "canary",
            Self::Auto => "auto",
        }
    }

    /// The mode that a word stands for.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.word() == word)
    }
}

/// A mode for some proposals.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyRule {
    /// What decisions and rulings call it.
    pub name: String,
    /// The class; `None`: any.
    pub class: Option<Class>,
    /// The agent, as `main` or `claude-code/main`; `None`: any.
    pub agent: Option<Glob>,
    /// The run's working directory, or the last part of it; `None`: any.
    pub workflow: Option<Glob>,
    /// What becomes of them.
    pub mode: Mode,
}

impl PolicyRule {
    /// Whether it is about such proposals.
    pub fn fits(&self, subject: &Subject) -> bool {
        let folder = subject.workflow.trim_end_matches('/');
        let name = folder.rsplit('/').next().unwrap_or(folder);
        self.class.is_none_or(|class| class == subject.class)
            && self.agent.as_ref().is_none_or(|glob| {
                glob.fits(&subject.agent) || (glob.as_str().contains('/') && glob.fits(&subject.agent_name()))
            })
            && self.workflow.as_ref().is_none_or(|glob| glob.fits(folder) || glob.fits(name))
    }
}

/// What the policy is called where no rule of it fits.
pub const REST: &str = "policy";

/// What becomes of proposals, and what limits that.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    /// What becomes of proposals that no rule fits.
    pub mode: Mode,
    /// Rules: the first that fits holds.
    pub rules: Vec<PolicyRule>,
    /// What may be spent on one run.
    pub limits: Limits,
    /// When automation stops.
    pub breaker: BreakerLimits,
    /// When what comes back is quarantined.
    pub flap: FlapLimits,
    /// Which runs are in which arm of the canary.
    pub canary: Shares,
    /// What the record must show for `auto`.
    pub promotion: Floor,
}

impl Policy {
    /// The first rule that fits, if there is one.
    pub fn rule(&self, subject: &Subject) -> Option<&PolicyRule> {
        self.rules.iter().find(|rule| rule.fits(subject))
    }

    /// The name and the mode that hold for such proposals.
    pub fn holds_for(&self, subject: &Subject) -> (&str, Mode) {
        self.rule(subject).map_or((REST, self.mode), |rule| (rule.name.as_str(), rule.mode))
    }

    /// Whether anything can be decided without a person.
    pub fn automates(&self) -> bool {
        let automatic = |mode| matches!(mode, Mode::Canary | Mode::Auto);
        automatic(self.mode) || self.rules.iter().any(|rule| automatic(rule.mode))
    }

    /// How the fleet's breaker stands.
    pub fn fleet_breaker(&self, past: &[Past], now: jiff::Timestamp) -> Breaker {
        breaker(&self.breaker, self.breaker.fleet_not_recovered, past.iter(), now)
    }

    /// How the breaker of an agent stands.
    pub fn agent_breaker(&self, agent: &Subject, past: &[Past], now: jiff::Timestamp) -> Breaker {
        let of_agent = past.iter().filter(|one| one.subject.same_agent(agent));
        breaker(&self.breaker, self.breaker.not_recovered, of_agent, now)
    }

    /// What the record of such proposals shows: those of the same class to which the same rule applies.
    pub fn record(&self, subject: &Subject, past: &[Past]) -> Record {
        self.record_of(self.holds_for(subject).0, subject.class, past)
    }

    /// What the record shows for a class under the rule of this name.
    pub fn record_of(&self, rule: &str, class: Class, past: &[Past]) -> Record {
        let alike =
            past.iter().filter(|one| one.subject.class == class && self.holds_for(&one.subject).0 == rule);
        record(&self.promotion, alike)
    }
}

/// What a ruling does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// It is recorded and kept off the desk.
    Observe,
    /// A person decides.
    Suggest,
    /// The policy of this name approves it.
    Approve(String),
    /// It is recorded, its outcome is followed, and it is never sent.
    Holdout,
}

impl Act {
    /// The word for it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Suggest => "suggest",
            Self::Approve(_) => "approve",
            Self::Holdout => "holdout",
        }
    }

    /// Whether it is put on the desk.
    pub fn is_on_the_desk(&self) -> bool {
        matches!(self, Self::Suggest | Self::Approve(_))
    }
}

/// What becomes of a proposal, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruling {
    /// What becomes of it.
    pub act: Act,
    /// The mode that was asked for.
    pub mode: Mode,
    /// The name of the rule that asked for it.
    pub policy: String,
    /// Its run's arm, where the canary counts it.
    pub arm: Option<Arm>,
    /// The budget that is spent: it is handed to a person.
    pub spent: Option<Spent>,
    /// Whether what comes back is quarantined.
    pub quarantined: bool,
    /// Why, one clause.
    pub why: String,
}

impl Ruling {
    /// The proposal as the ruling leaves it: where a budget is spent it is handed to a person instead,
    /// and where automation was asked for and not given, it says why.
    pub fn settle(&self, mut proposal: Proposal) -> Proposal {
        let held_back = matches!(self.mode, Mode::Canary | Mode::Auto) && self.act == Act::Suggest;
        if let Some(spent) = self.spent {
            proposal.remedy = Remedy::Escalate;
            proposal.why = format!("{}: look at it yourself before you send anything more", spent.words());
        } else if held_back || self.quarantined {
            proposal.why = format!("{} ({})", self.why, proposal.why);
        }
        proposal
    }
}

/// The effects that an approval must be asked for by name: those of a remedy that does something again
/// or takes something back. A text that only says what to do next repeats nothing by itself.
pub fn asks_for(proposal: &Proposal) -> &[String] {
    match proposal.remedy {
        Remedy::CorrectivePrompt | Remedy::ContextRefresh | Remedy::Escalate => &[],
        Remedy::Retry
        | Remedy::ArgumentRepair
        | Remedy::ToolSubstitution
        | Remedy::Replan
        | Remedy::Rollback
        | Remedy::Stop => &proposal.effects,
    }
}

/// Rules on a proposal. The same proposal, policy and evidence give the same ruling.
pub fn decide(proposal: &Proposal, policy: &Policy, evidence: &Evidence) -> Ruling {
    let subject = Subject {
        class: proposal.class,
        format: proposal.target.format.clone(),
        agent: proposal.target.agent.clone(),
        workflow: evidence.workflow.clone(),
    };
    let (name, mode) = policy.holds_for(&subject);
    let mut ruling = Ruling {
        act: Act::Suggest,
        mode,
        policy: name.to_owned(),
        arm: None,
        spent: None,
        quarantined: false,
        why: String::new(),
    };
    let (act, arm, why) = act(proposal, policy, evidence, &subject, &mut ruling);
    Ruling { act, arm, why, ..ruling }
}

fn act(
    proposal: &Proposal,
    policy: &Policy,
    evidence: &Evidence,
    subject: &Subject,
    ruling: &mut Ruling,
) -> (Act, Option<Arm>, String) {
    let observe = |why: String| (Act::Observe, None, why);
    let suggest = |why: String| (Act::Suggest, None, why);
    let mode = ruling.mode;
    if let Some(why) = &evidence.stopped {
        return observe(format!("everything is stopped: {why}"));
    }
    if mode == Mode::Observe {
        return observe(format!("{} observes", ruling.policy));
    }

    let bypass = evidence.bypass.filter(|until| evidence.now < *until).is_some();
    if !bypass {
        ruling.spent = policy.limits.allow(evidence.used, proposal).err();
        let escalates = ruling.spent.is_some() || proposal.remedy == Remedy::Escalate;
        if escalates && evidence.used.escalations >= policy.limits.escalations_per_run {
            ruling.spent = Some(Spent::Escalations);
            return observe(Spent::Escalations.words().to_owned());
        }
        if let Some(spent) = ruling.spent {
            return suggest(spent.words().to_owned());
        }
    }

    let target = &proposal.target;
    let flapping =
        Flapping { run: target.run.clone(), agent: target.agent.clone(), rule: proposal.rule.clone() };
    if let Some(times) = quarantined(&policy.flap, &flapping, &evidence.past, &evidence.cleared) {
        ruling.quarantined = true;
        return suggest(format!("quarantined: it was sent {times} times and comes back"));
    }
    if mode == Mode::Suggest {
        return suggest(format!("{} leaves it to a person", ruling.policy));
    }

    if proposal.remedy == Remedy::Escalate || proposal.payload.is_empty() {
        return suggest("it is for a person to look at".to_owned());
    }
    if !asks_for(proposal).is_empty() {
        return suggest("it has effects that are not harmless, which only a person accepts".to_owned());
    }
    if !bypass {
        let fleet = policy.fleet_breaker(&evidence.past, evidence.now);
        let agent = policy.agent_breaker(subject, &evidence.past, evidence.now);
        if !fleet.lets_through() {
            return suggest(format!("the fleet's breaker is {}", fleet.words()));
        }
        if !agent.lets_through() {
            return suggest(format!("the breaker of {} is {}", subject.agent_name(), agent.words()));
        }
    }

    let approve = || Act::Approve(ruling.policy.clone());
    let mut short = String::new();
    if mode == Mode::Auto {
        let record = policy.record(subject, &evidence.past);
        let said = format!(
            "{} of {} recovered, at least {:.0} % (95 %)",
            record.share.hits,
            record.share.of,
            100.0 * record.lower
        );
        if record.promoted {
            return (approve(), None, format!("{said}: as good as asked for"));
        }
        short = format!("{said}: not enough for auto; ");
    }
    let arm = policy.canary.arm(&target.run);
    let (act, why) = match arm {
        Arm::Treated => (approve(), "the run is treated in the canary"),
        Arm::Holdout => (Act::Holdout, "the run is held out in the canary"),
        Arm::Neither => (Act::Suggest, "the run is not in the canary"),
    };
    (act, Some(arm), format!("{short}{why}"))
}
