//! What recoveries were worth: how often they helped, how long they took, what they cost and what was
//! regretted, by class, rule and remedy; and the order of remedies that follows from it.
//!
//! Pure: the cases come from the ledger.

use std::collections::BTreeMap;

use serde::Serialize;

use super::outcome::Outcome;
use super::proposal::Remedy;
use crate::detect::Class;
use crate::score::measure::Share;

/// Decided cases before a share says anything about the order of remedies.
pub const ENOUGH: usize = 20;

/// A proposal with what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// The class of its finding.
    pub class: Class,
    /// The rule of its finding.
    pub rule: String,
    /// The remedy.
    pub remedy: Remedy,
    /// It was handed to the agent. Those that were not (observed, held out) show what happens without.
    pub sent: bool,
    /// The text that was sent was written by a model.
    pub model_written: bool,
    /// Seconds from the draft to the decision that held.
    pub decided_in: Option<f64>,
    /// What happened to the run.
    pub outcome: Outcome,
    /// Seconds from the delivery to the step that shows the outcome, by the run's own log.
    pub seconds: Option<f64>,
    /// Tokens that the run used in between.
    pub tokens: Option<u64>,
    /// A person said no.
    pub vetoed: bool,
    /// A decision was undone.
    pub undone: bool,
    /// What was sent keeps less than half of the draft's words.
    pub edited_heavily: bool,
}

/// Figures of some cases.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// Proposals.
    pub proposals: usize,
    /// Handed to their agents.
    pub sent: usize,
    /// Sent, with an outcome that is known.
    pub followed: usize,
    /// Of those, recovered.
    pub recovered: usize,
    /// Wilson's 95 % interval of recovered of followed.
    pub interval: (f64, f64),
    /// Not sent, with an outcome that is known.
    pub unsent_followed: usize,
    /// Of those, recovered by themselves.
    pub unsent_recovered: usize,
    /// Wilson's 95 % interval of that.
    pub unsent_interval: (f64, f64),
    /// Median seconds from draft to decision.
    pub decided_in: Option<f64>,
    /// Median seconds from delivery to recovery.
    pub recovered_in: Option<f64>,
    /// Median tokens that the run used from delivery to outcome.
    pub tokens: Option<f64>,
    /// Median seconds from delivery to outcome.
    pub seconds: Option<f64>,
    /// What was regretted.
    pub regret: Regret,
}

/// What was regretted, each proposal counted once in `any`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Regret {
    /// Vetoed.
    pub vetoed: usize,
    /// Undone.
    pub undone: usize,
    /// Edited heavily.
    pub edited: usize,
    /// Sent, and not recovered.
    pub not_recovered: usize,
    /// Any of these.
    pub any: usize,
}

/// The figures of some cases.
pub fn figures<'c>(cases: impl IntoIterator<Item = &'c Case>) -> Figures {
    let (mut proposals, mut sent) = (0, 0);
    let (mut with, mut without) = (Share { hits: 0, of: 0 }, Share { hits: 0, of: 0 });
    let (mut decided, mut recovering, mut tokens, mut seconds) = (vec![], vec![], vec![], vec![]);
    let mut regret = Regret::default();
    for case in cases {
        proposals += 1;
        sent += usize::from(case.sent);
        let arm = if case.sent { &mut with } else { &mut without };
        arm.of += usize::from(case.outcome != Outcome::Unknown);
        arm.hits += usize::from(case.outcome == Outcome::Recovered);
        decided.extend(case.decided_in);
        let failed = case.sent && case.outcome == Outcome::NotRecovered;
        if case.sent && case.outcome != Outcome::Unknown {
            tokens.extend(case.tokens.map(|tokens| tokens as f64));
            seconds.extend(case.seconds);
            if case.outcome == Outcome::Recovered {
                recovering.extend(case.seconds);
            }
        }
        regret.vetoed += usize::from(case.vetoed);
        regret.undone += usize::from(case.undone);
        regret.edited += usize::from(case.edited_heavily);
        regret.not_recovered += usize::from(failed);
        regret.any += usize::from(case.vetoed || case.undone || case.edited_heavily || failed);
    }
    Figures {
        proposals,
        sent,
        followed: with.of,
        recovered: with.hits,
        interval: with.interval(),
        unsent_followed: without.of,
        unsent_recovered: without.hits,
        unsent_interval: without.interval(),
        decided_in: median(decided),
        recovered_in: median(recovering),
        tokens: median(tokens),
        seconds: median(seconds),
        regret,
    }
}

/// The figures of all cases, and of those that share a name.
pub fn by<'c>(cases: &'c [Case], name: impl Fn(&'c Case) -> String) -> BTreeMap<String, Figures> {
    let mut groups: BTreeMap<String, Vec<&Case>> = BTreeMap::new();
    for case in cases {
        groups.entry(name(case)).or_default().push(case);
    }
    groups.into_iter().map(|(name, cases)| (name, figures(cases))).collect()
}

fn median(mut all: Vec<f64>) -> Option<f64> {
    all.sort_by(f64::total_cmp);
    let upper = *all.get(all.len() / 2)?;
    if all.len() % 2 == 1 {
        return Some(upper);
    }
    all.get(all.len() / 2 - 1).map(|lower| f64::midpoint(*lower, upper))
}

/// How often each remedy has helped for each class.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    shares: BTreeMap<(Class, Remedy), Share>,
}

impl Record {
    /// What these cases show.
    pub fn of<'c>(cases: impl IntoIterator<Item = &'c Case>) -> Self {
        let mut record = Self::default();
        for case in cases.into_iter().filter(|case| case.sent && case.outcome != Outcome::Unknown) {
            record.add(case.class, case.remedy, usize::from(case.outcome == Outcome::Recovered), 1);
        }
        record
    }

    /// Adds cases.
    pub fn add(&mut self, class: Class, remedy: Remedy, recovered: usize, of: usize) {
        let share = self.shares.entry((class, remedy)).or_insert(Share { hits: 0, of: 0 });
        share.hits += recovered;
        share.of += of;
    }

    /// Which of several adequate remedies is tried: the first, in the order given, that no other has been
    /// shown to beat. One beats another when both have [`ENOUGH`] cases and its interval lies above the
    /// other's.
    pub fn choose(&self, class: Class, remedies: &[Remedy]) -> Option<Remedy> {
        let interval = |remedy: Remedy| {
            let share = self.shares.get(&(class, remedy)).filter(|share| share.of >= ENOUGH)?;
            Some(share.interval())
        };
        let beaten = |remedy: Remedy| {
            interval(remedy).is_some_and(|(_, most)| {
                remedies.iter().filter_map(|other| interval(*other)).any(|(least, _)| least > most)
            })
        };
        remedies.iter().copied().find(|remedy| !beaten(*remedy))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(sent: bool, outcome: Outcome) -> Case {
        Case {
            class: Class::ExecutionError,
            rule: "execution.failed-call".into(),
            remedy: Remedy::Retry,
            sent,
            model_written: false,
            decided_in: Some(4.0),
            outcome,
            seconds: Some(30.0),
            tokens: Some(500),
            vetoed: false,
            undone: false,
            edited_heavily: false,
        }
    }

    #[test]
    fn what_was_not_sent_counts_in_an_arm_of_its_own() {
        let cases = [
            case(true, Outcome::Recovered),
            case(true, Outcome::NotRecovered),
            case(true, Outcome::Unknown),
            case(false, Outcome::Recovered),
        ];
        let figures = figures(&cases);
        assert_eq!((figures.proposals, figures.sent), (4, 3));
        assert_eq!((figures.recovered, figures.followed), (1, 2));
        assert_eq!((figures.unsent_recovered, figures.unsent_followed), (1, 1));
        assert!(figures.interval.0 > 0.09 && figures.interval.1 < 0.91, "{:?}", figures.interval);
        assert_eq!(figures.recovered_in, Some(30.0));
        assert_eq!(figures.regret, Regret { not_recovered: 1, any: 1, ..Regret::default() });
    }

    #[test]
    fn a_proposal_that_was_regretted_twice_counts_once() {
        let mut undone = case(true, Outcome::NotRecovered);
        undone.undone = true;
        let figures = figures(&[undone]);
        assert_eq!((figures.regret.undone, figures.regret.not_recovered, figures.regret.any), (1, 1, 1));
    }

    #[test]
    fn figures_of_nothing_are_none() {
        let none = figures(&[]);
        assert_eq!((none.interval, none.decided_in), ((0.0, 1.0), None));
        assert_eq!(median(vec![3.0, 1.0]), Some(2.0));
    }

    #[test]
    fn groups_have_figures_of_their_own() {
        let mut other = case(true, Outcome::Recovered);
        other.rule = "claim.x".into();
        let all = [case(true, Outcome::NotRecovered), other];
        let by_rule = by(&all, |case| case.rule.clone());
        assert_eq!(by_rule["claim.x"].recovered, 1);
        assert_eq!(by_rule["execution.failed-call"].recovered, 0);
    }

    #[test]
    fn the_cheaper_remedy_stays_first_until_enough_cases_say_otherwise() {
        let both = [Remedy::Retry, Remedy::CorrectivePrompt];
        let mut record = Record::default();
        let class = Class::ExecutionError;
        assert_eq!(record.choose(class, &both), Some(Remedy::Retry));
        record.add(class, Remedy::Retry, 1, ENOUGH);
        record.add(class, Remedy::CorrectivePrompt, ENOUGH - 2, ENOUGH - 1);
        assert_eq!(record.choose(class, &both), Some(Remedy::Retry), "too few cases of the other");
        record.add(class, Remedy::CorrectivePrompt, 1, 1);
        assert_eq!(record.choose(class, &both), Some(Remedy::CorrectivePrompt));
        assert_eq!(record.choose(Class::Hallucination, &both), Some(Remedy::Retry), "another class");
        let mut close = Record::default();
        close.add(class, Remedy::Retry, 10, ENOUGH);
        close.add(class, Remedy::CorrectivePrompt, 13, ENOUGH);
        assert_eq!(close.choose(class, &both), Some(Remedy::Retry), "no difference is shown");
        assert_eq!(close.choose(class, &[]), None);
    }
}
