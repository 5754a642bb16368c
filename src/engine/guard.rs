//! What limits recoveries, as one view: for the console, `medbay guard` and whoever else shows it. And
//! the switch that stops everything.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;

use super::desk::{Rules, Said};
use crate::detect::Class;
use crate::ledger::{GuardEvent, Ledger, LedgerError, RunUse, Stopped};
use crate::recover::policy::{
    Breaker, Budget, Cleared, Comparison, Flapping, Past, Policy, REST, Record, Regret, Shares, Subject,
    compare, quarantined, regret,
};
use crate::recover::{Mode, ProposalId};
use crate::trace::RunId;

/// How many runs' budgets are shown.
const RUNS: usize = 50;
/// How long a stop waits for other writers of the ledger: longer than anything else does.
pub const STOP_PATIENCE: Duration = Duration::from_secs(30);
/// How many of the latest things done to the guard are shown.
const EVENTS: usize = 50;

/// What limits recoveries.
#[derive(Clone, Debug, PartialEq)]
pub struct GuardView {
    /// Who stopped everything, if somebody did.
    pub stopped: Option<Stopped>,
    /// Where budgets and breakers do not count, `None` being all runs, and until when.
    pub bypasses: Vec<(Option<RunId>, Timestamp)>,
    /// How many approved texts wait to be taken up for delivery.
    pub due: u32,
    /// Modes: the rules in their order, then the rest.
    pub modes: Vec<ModeView>,
    /// The budgets of the runs of which something was used, the latest first.
    pub runs: Vec<(RunId, Vec<Budget>)>,
    /// The fleet's breaker.
    pub fleet: Breaker,
    /// The breakers of agents, by name, as `claude-code/main`.
    pub agents: Vec<(String, Breaker)>,
    /// What is quarantined.
    pub quarantine: Vec<Quarantined>,
    /// The shares of the canary.
    pub shares: Shares,
    /// Its comparison over all classes.
    pub canary: Comparison,
    /// Its comparison by class, where there is anything to compare.
    pub canary_of: Vec<(Class, Comparison)>,
    /// What the record shows where the mode is `auto`, by rule and class.
    pub promotions: Vec<Promotion>,
    /// What automatic approvals were regretted for.
    pub regret: Regret,
    /// What was done to the guard, the newest first.
    pub events: Vec<GuardEvent>,
}

impl GuardView {
    /// The breakers that are open, one clause each.
    pub fn open_breakers(&self) -> Vec<String> {
        let agents = self.agents.iter().map(|(name, breaker)| (name.as_str(), *breaker));
        let all = std::iter::once(("the fleet", self.fleet)).chain(agents);
        all.filter(|(_, breaker)| matches!(breaker, Breaker::Open { .. }))
            .map(|(name, _)| format!("{name}: recoveries did not help, everything waits for a person"))
            .collect()
    }
}

/// The mode of some proposals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModeView {
    /// The rule's name.
    pub name: String,
    /// What it is about: class, agent and workflow; `*` where it is about any.
    pub about: [String; 3],
    /// What becomes of them.
    pub mode: Mode,
}

/// What is quarantined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    /// What comes back.
    pub what: Flapping,
    /// How often it was sent.
    pub sent: usize,
    /// The proposal of it that was sent last.
    pub last: ProposalId,
}

/// How far an `auto` is from being automatic.
#[derive(Clone, Debug, PartialEq)]
pub struct Promotion {
    /// The rule's name.
    pub policy: String,
    /// The class.
    pub class: Class,
    /// What the record shows.
    pub record: Record,
}

impl GuardView {
    /// What limits recoveries now.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn of(ledger: &Ledger, policy: &Policy, now: Timestamp) -> Result<Self, LedgerError> {
        let past = ledger.past(None)?;
        let cleared = ledger.cleared()?;
        let agents: BTreeMap<String, &Subject> =
            past.iter().map(|one| (one.subject.agent_name(), &one.subject)).collect();
        let used = |RunUse { run, used }| (run, policy.limits.with_used(used).to_vec());
        let of_class = |class| past.iter().filter(move |one: &&Past| one.subject.class == class);
        let compared = |class: Class| of_class(class).any(|one| one.cleared.is_some());
        Ok(Self {
            stopped: ledger.stopped()?,
            bypasses: ledger.bypasses(now)?,
            due: ledger.to_go()?,
            modes: modes(policy),
            runs: ledger
                .uses(RUNS)?
                .into_iter()
                .filter(|one| one.used != Default::default())
                .map(used)
                .collect(),
            fleet: policy.fleet_breaker(&past, now),
            agents: agents
                .into_iter()
                .map(|(name, subject)| (name, policy.agent_breaker(subject, &past, now)))
                .collect(),
            quarantine: quarantine(policy, &past, &cleared),
            shares: policy.canary.clone(),
            canary: compare(past.iter()),
            canary_of: Class::ALL
                .into_iter()
                .filter(|class| compared(*class))
                .map(|class| (class, compare(of_class(class))))
                .collect(),
            promotions: promotions(policy, &past),
            regret: regret(past.iter()),
            events: ledger.guard_events(EVENTS)?,
        })
    }

    /// Until when budgets and breakers count in no run, if so.
    pub fn bypass(&self, now: Timestamp) -> Option<Timestamp> {
        let all = self.bypasses.iter().filter(|(run, until)| run.is_none() && *until > now);
        all.map(|(_, until)| *until).max()
    }
}

fn quarantine(policy: &Policy, past: &[Past], cleared: &[Cleared]) -> Vec<Quarantined> {
    let mut latest: BTreeMap<Flapping, (Timestamp, &ProposalId)> = BTreeMap::new();
    for one in past {
        let Some(at) = one.delivered else { continue };
        let (run, agent) = (one.run.clone(), one.subject.agent.clone());
        let last = latest.entry(Flapping { run, agent, rule: one.rule.clone() }).or_insert((at, &one.id));
        *last = (*last).max((at, &one.id));
    }
    let held = |(what, (_, last)): (Flapping, (Timestamp, &ProposalId))| {
        let sent = quarantined(&policy.flap, &what, past, cleared)?;
        Some(Quarantined { what, sent, last: last.clone() })
    };
    latest.into_iter().filter_map(held).collect()
}

fn modes(policy: &Policy) -> Vec<ModeView> {
    let any = || "*".to_owned();
    let mut modes: Vec<ModeView> = policy
        .rules
        .iter()
        .map(|rule| ModeView {
            name: rule.name.clone(),
            about: [
                rule.class.map_or_else(any, |class| class.word().to_owned()),
                rule.agent.as_ref().map_or_else(any, |glob| glob.as_str().to_owned()),
                rule.workflow.as_ref().map_or_else(any, |glob| glob.as_str().to_owned()),
            ],
            mode: rule.mode,
        })
        .collect();
    modes.push(ModeView { name: REST.to_owned(), about: [any(), any(), any()], mode: policy.mode });
    modes
}

fn promotions(policy: &Policy, past: &[Past]) -> Vec<Promotion> {
    let rules = policy.rules.iter().map(|rule| (rule.name.as_str(), rule.class, rule.mode));
    let mut all = Vec::new();
    for (name, only, mode) in rules.chain([(REST, None, policy.mode)]) {
        if mode != Mode::Auto {
            continue;
        }
        for class in Class::ALL.into_iter().filter(|class| only.is_none_or(|only| only == *class)) {
            let record = policy.record_of(name, class, past);
            if only.is_some() || record.share.of > 0 {
                all.push(Promotion { policy: name.to_owned(), class, record });
            }
        }
    }
    all
}

/// The switch that stops everything. It has a way to the ledger of its own, so that it waits for nobody's
/// queue.
#[derive(Clone, Debug)]
pub(super) struct Switch {
    ledger: PathBuf,
    operator: String,
}

impl Switch {
    pub(super) fn of(rules: &Rules) -> Self {
        Self { ledger: rules.ledger.clone(), operator: rules.operator.clone() }
    }

    /// Stops everything, or lets the policy hold again, and says which.
    pub(super) fn set(&self, stop: bool) -> Said {
        let done = Ledger::open_patient(&self.ledger, STOP_PATIENCE).and_then(|ledger| {
            let now = Timestamp::now();
            if stop { ledger.stop("", &self.operator, now) } else { ledger.resume("", &self.operator, now) }
        });
        let said = match (stop, done) {
            (_, Err(error)) => return Said::Lost(error.to_string()),
            (true, Ok(true)) => "everything is stopped: nothing more is sent, by any process",
            (true, Ok(false)) => "everything was stopped already",
            (false, Ok(true)) => "the policy holds again; what is approved is sent",
            (false, Ok(false)) => "nothing was stopped",
        };
        Said::Guarded(said.to_owned())
    }
}
