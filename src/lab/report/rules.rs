//! How each rule did: what it fired at, beside what chance would have hit, and what is lost without it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::baselines::Prediction;
use super::figures::value_of;
use super::row::Row;
use crate::detect::{Basis, Class, Rule, rules};
use crate::lab::cases::{Case, JudgedCase};
use crate::lab::crossvalidate::success_in_a_mixed_dataset;
use crate::score::Costs;
use crate::score::measure::Share;

/// How one rule did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RuleMeasured {
    /// Its id.
    pub rule: &'static str,
    /// Its class.
    pub class: Class,
    /// Its basis.
    pub basis: Basis,
    /// Whether it is on without asking for experimental rules.
    pub proven: bool,
    /// Steps at which it fired, in runs with a labelled step.
    pub fires: usize,
    /// Those of them that are labelled wrong.
    pub hits: usize,
    /// `hits / fires`; null where it never fired.
    pub precision: Option<f64>,
    /// Wilson's 95 % interval of the precision.
    pub interval: Option<(f64, f64)>,
    /// What always firing would have hit in the same runs: the mean over its fires of the share of their
    /// run's steps that are labelled wrong.
    pub chance: Option<f64>,
    /// `precision / chance`.
    pub lift: Option<f64>,
    /// `precision` over the share of wrong steps in all labelled runs taken together.
    pub pooled_lift: Option<f64>,
    /// Whether these runs show that it points at wrong steps more often than always firing would: three
    /// hits or more, and the lower end of the interval above chance.
    pub shows_lift: bool,
    /// Steps at which it fired in runs that succeeded.
    pub good_fires: usize,
    /// The same on 1,000 steps of runs that succeeded.
    pub good_fires_per_1000: f64,
    /// Failed runs that it touched, in datasets with runs of both sorts.
    pub failed_runs: usize,
    /// Successful runs that it touched, in the same datasets.
    pub good_runs: usize,
    /// The share of failed runs among those that it touched, over what their datasets' shares of failed
    /// runs would give.
    pub run_lift: Option<f64>,
    /// How figures of all datasets change when its findings are taken away from the cases and the models
    /// of the cross-validation, which were fitted with it, judge anew. Null: it was off.
    pub without: Option<Lost>,
}

/// What changes without a rule: the figure without it less the figure with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Lost {
    /// Step top-1.
    pub step_top1: f64,
    /// Step top-3.
    pub step_top3: f64,
    /// Run AUROC.
    pub run_auroc: f64,
}

/// A case as judged without each of the rules that fired in it.
pub type Variants = Vec<(&'static str, JudgedCase)>;

/// A case judged as it is, and without each of the rules that fired in it.
pub fn judged_with_variants(case: &Case, judge: &dyn Fn(&Case) -> JudgedCase) -> (JudgedCase, Variants) {
    let fired: BTreeSet<&'static str> =
        case.steps.iter().flat_map(|step| step.rules.iter().map(|(rule, _)| *rule)).collect();
    let variants = fired.into_iter().map(|rule| (rule, judge(&case.without(rule)))).collect();
    (judge(case), variants)
}

/// Measures all rules on cases that were assessed with every rule on, in the order of the registry.
pub fn measure_rules(cases: &[Case]) -> Vec<RuleMeasured> {
    let logs = logs(cases);
    let every: Vec<&Case> = cases.iter().collect();
    let labelled = || {
        logs.iter()
            .filter(|log| log.labelled)
            .flat_map(|log| log.case.steps.iter().map(|s| log.is_wrong(s.record)))
    };
    let base = Share { hits: labelled().filter(|wrong| *wrong).count(), of: labelled().count() }.value();
    let good_steps: usize = logs.iter().filter(|log| log.good()).map(|log| log.case.steps.len()).sum();
    let mut tallies: BTreeMap<&'static str, Tally> = BTreeMap::new();
    for log in &logs {
        let failed_share =
            success_in_a_mixed_dataset(log.case, &every).map(|_| failed_share(log.case, cases));
        for (rule, steps) in fired_at(log.case) {
            let tally = tallies.entry(rule).or_default();
            if log.labelled {
                tally.fires += steps.len();
                tally.hits += steps.iter().filter(|record| log.is_wrong(**record)).count();
                tally.chance += steps.len() as f64 * log.wrong_share();
            }
            if log.good() {
                tally.good_fires += steps.len();
            }
            if let Some(share) = failed_share {
                tally.runs += 1;
                tally.failed_runs += usize::from(log.case.label.success == Some(false));
                tally.failed_by_chance += share;
            }
        }
    }
    rules()
        .into_iter()
        .map(|rule| tallies.remove(rule.id).unwrap_or_default().measured(rule, base, good_steps))
        .collect()
}

/// Adds what is lost without each rule that fired. `variants` are those of `judged`, case by case.
pub fn add_losses(
    measured: &mut [RuleMeasured],
    cases: &[Case],
    judged: &[(JudgedCase, Variants)],
    costs: &Costs,
) {
    let every: Vec<&Case> = cases.iter().collect();
    let row = |case: &Case, judged: &JudgedCase| {
        let failed = success_in_a_mixed_dataset(case, &every).map(|success| !success);
        Row::new(case, &Prediction::of(case, judged, costs), failed)
    };
    let mut order: Vec<(&Case, &(JudgedCase, Variants))> = cases.iter().zip(judged).collect();
    let size = |case: &Case| cases.iter().filter(|c| c.label.dataset == case.label.dataset).count();
    order.sort_by_cached_key(|(case, _)| std::cmp::Reverse(size(case)));
    let with: Vec<Row> = order.iter().map(|(case, (judged, _))| row(case, judged)).collect();
    let figures = |rows: &[&Row]| {
        ["step_top1", "step_top3", "run_auroc"].map(|key| value_of(key, rows).unwrap_or_default())
    };
    let [top1, top3, auroc] = figures(&with.iter().collect::<Vec<_>>());
    for rule in measured {
        let without: Vec<Option<Row>> = order
            .iter()
            .map(|(case, (_, variants))| {
                let variant = variants.iter().find(|(id, _)| *id == rule.rule)?;
                Some(row(case, &variant.1))
            })
            .collect();
        if without.iter().all(Option::is_none) {
            continue;
        }
        let rows: Vec<&Row> =
            with.iter().zip(&without).map(|(with, without)| without.as_ref().unwrap_or(with)).collect();
        let [top1_without, top3_without, auroc_without] = figures(&rows);
        rule.without = Some(Lost {
            step_top1: top1_without - top1,
            step_top3: top3_without - top3,
            run_auroc: auroc_without - auroc,
        });
    }
}

/// A log with all that datasets say of it.
struct Log<'a> {
    case: &'a Case,
    labelled: bool,
    errors: BTreeSet<u32>,
}

impl Log<'_> {
    fn is_wrong(&self, record: u32) -> bool {
        self.errors.contains(&record)
    }

    fn wrong_share(&self) -> f64 {
        let wrong = self.case.steps.iter().filter(|s| self.is_wrong(s.record)).count();
        Share { hits: wrong, of: self.case.steps.len() }.value()
    }

    fn good(&self) -> bool {
        self.case.label.success == Some(true)
    }
}

/// The logs of the cases. Where several datasets label one log, what any of them calls wrong is wrong.
fn logs(cases: &[Case]) -> Vec<Log<'_>> {
    let mut logs: Vec<Log<'_>> = Vec::new();
    let mut known: BTreeMap<u64, (usize, &str)> = BTreeMap::new();
    for case in cases {
        let next = (logs.len(), case.label.dataset.as_str());
        let (index, dataset) = *known.entry(case.log).or_insert(next);
        match logs.get_mut(index) {
            Some(log) if dataset != case.label.dataset => {
                log.errors.extend(&case.label.errors);
                log.labelled |= case.label.failed_step.is_some();
            }
            _ => logs.push(Log {
                case,
                labelled: case.label.failed_step.is_some(),
                errors: case.label.errors.iter().copied().collect(),
            }),
        }
    }
    logs
}

/// The records of the steps at which each rule fired.
fn fired_at(case: &Case) -> BTreeMap<&'static str, BTreeSet<u32>> {
    let mut fired: BTreeMap<&'static str, BTreeSet<u32>> = BTreeMap::new();
    for step in &case.steps {
        for (rule, _) in &step.rules {
            fired.entry(rule).or_default().insert(step.record);
        }
    }
    fired
}

/// The share of failed runs in a case's dataset.
fn failed_share(case: &Case, cases: &[Case]) -> f64 {
    let known =
        || cases.iter().filter(|c| c.label.dataset == case.label.dataset).filter_map(|c| c.label.success);
    Share { hits: known().filter(|ok| !ok).count(), of: known().count() }.value()
}

#[derive(Default)]
struct Tally {
    fires: usize,
    hits: usize,
    chance: f64,
    good_fires: usize,
    runs: usize,
    failed_runs: usize,
    failed_by_chance: f64,
}

impl Tally {
    fn measured(self, rule: &'static Rule, base: f64, good_steps: usize) -> RuleMeasured {
        let share = Share { hits: self.hits, of: self.fires };
        let fired = self.fires > 0;
        let precision = fired.then(|| share.value());
        let chance = fired.then(|| self.chance / self.fires as f64);
        let over = |by: f64| precision.filter(|_| by > 0.0).map(|precision| precision / by);
        RuleMeasured {
            rule: rule.id,
            class: rule.class,
            basis: rule.basis,
            proven: rule.proven,
            fires: self.fires,
            hits: self.hits,
            precision,
            interval: fired.then(|| share.interval()),
            chance,
            lift: over(chance.unwrap_or_default()),
            pooled_lift: over(base),
            shows_lift: self.hits >= 3 && chance.is_some_and(|chance| share.interval().0 > chance),
            good_fires: self.good_fires,
            good_fires_per_1000: Share { hits: self.good_fires, of: good_steps }.value() * 1000.0,
            failed_runs: self.failed_runs,
            good_runs: self.runs - self.failed_runs,
            run_lift: (self.failed_by_chance > 0.0).then(|| self.failed_runs as f64 / self.failed_by_chance),
            without: None,
        }
    }
}
