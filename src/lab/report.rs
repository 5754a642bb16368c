//! The report of a measurement: figures with intervals, beside trivial baselines, by dataset and by
//! rule.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::Serialize;

use super::cases::{Case, JudgedCase};
use super::crossvalidate::success_in_a_mixed_dataset;
use crate::detect::Class;
use crate::score::measure::{Scored, Share, auroc, average_precision, bootstrap, brier, calibration_error};
use crate::score::{Band, Costs};

/// A figure with its 95 % interval, where one can be given.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// The figure.
    pub value: f64,
    /// Its interval.
    pub interval: Option<(f64, f64)>,
    /// On how many cases.
    pub cases: usize,
}

impl From<Share> for Figure {
    fn from(share: Share) -> Self {
        Self { value: share.value(), interval: Some(share.interval()), cases: share.of }
    }
}

/// What was measured on one dataset, or on all.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Measured {
    /// The dataset's name.
    pub dataset: String,
    /// Runs in it.
    pub runs: usize,
    /// Records that were not understood.
    pub steps: usize,
    /// Figures by name, in the order of the table.
    pub figures: Vec<(&'static str, Figure)>,
    /// The same figures of predictors that know nothing.
    pub baselines: Vec<(&'static str, Figure)>,
}

/// How one rule did.
#[derive(Clone, Debug, Serialize)]
pub struct RuleMeasured {
    /// Its id.
    pub rule: &'static str,
    /// Steps at which it fired, in runs with a labelled error.
    pub fires: usize,
    /// Those that are labelled wrong.
    pub hits: usize,
    /// Steps at which it fired in runs that succeeded.
    pub false_alarms: usize,
    /// Share of failed and of successful runs that it touched, of runs whose success is known.
    pub failed_runs: usize,
    /// See `failed_runs`.
    pub good_runs: usize,
    /// How much likelier a step is to be labelled wrong where it fired.
    pub lift: Option<f64>,
}

/// Measures each dataset and all together.
pub fn measure(cases: &[Case], judged: &[JudgedCase], costs: &Costs) -> Vec<Measured> {
    let datasets: BTreeSet<&str> = cases.iter().map(|c| c.label.dataset.as_str()).collect();
    let all: Vec<(&Case, &JudgedCase)> = cases.iter().zip(judged).collect();
    let every: Vec<&Case> = cases.iter().collect();
    let mut measured: Vec<Measured> = datasets
        .iter()
        .map(|name| {
            let part: Vec<_> = all.iter().copied().filter(|(c, _)| c.label.dataset == *name).collect();
            measure_one(name, &part, &every, costs)
        })
        .collect();
    if datasets.len() > 1 {
        measured.push(measure_one("all", &all, &every, costs));
    }
    measured
}

type Pairs<'a> = [(&'a Case, &'a JudgedCase)];

fn measure_one(name: &str, pairs: &Pairs<'_>, every: &[&Case], costs: &Costs) -> Measured {
    let mut measured = Measured {
        dataset: name.to_owned(),
        runs: pairs.len(),
        steps: pairs.iter().map(|(c, _)| c.steps.len()).sum(),
        ..Measured::default()
    };
    step_figures(pairs, &mut measured);
    run_figures(pairs, every, costs, &mut measured);
    alarm_figures(pairs, &mut measured, costs);
    measured
}

/// Positions of a case's steps by suspicion, the earliest of equals first.
fn ranked(judged: &JudgedCase) -> Vec<usize> {
    let mut order: Vec<usize> = (0..judged.scores.len()).collect();
    let score = |i: usize| judged.scores.get(i).copied().unwrap_or(0.0);
    order.sort_by(|a, b| score(*b).total_cmp(&score(*a)).then(a.cmp(b)));
    order
}

fn step_figures(pairs: &Pairs<'_>, measured: &mut Measured) {
    let labelled: Vec<_> = pairs.iter().filter(|(c, _)| c.label.failed_step.is_some()).collect();
    if labelled.is_empty() {
        return;
    }
    let of = labelled.len();
    let share = |hit: &dyn Fn(&Case, &JudgedCase) -> bool| -> Figure {
        Share { hits: labelled.iter().filter(|(c, j)| hit(c, j)).count(), of }.into()
    };
    let record = |c: &Case, i: usize| c.steps.get(i).map(|s| i64::from(s.record));
    let failed = |c: &Case| c.label.failed_step.map(i64::from);
    let first_hit = |c: &Case, order: &[usize], depth: usize, within: i64| {
        order
            .iter()
            .take(depth)
            .any(|i| record(c, *i).zip(failed(c)).is_some_and(|(at, wanted)| (at - wanted).abs() <= within))
    };
    let agent_of = |c: &Case, order: &[usize]| -> bool {
        let said = order.first().and_then(|i| c.steps.get(*i)).map(|step| {
            let by_label = c.label.agents.get(step.record as usize).map(String::as_str);
            by_label.unwrap_or(&step.agent).to_ascii_lowercase()
        });
        said.is_some() && said == c.label.failed_agent.as_deref().map(str::to_ascii_lowercase)
    };
    let figures = &mut measured.figures;
    figures.push(("step top-1", share(&|c, j| first_hit(c, &ranked(j), 1, 0))));
    figures.push(("step top-3", share(&|c, j| first_hit(c, &ranked(j), 3, 0))));
    figures.push(("step within 3", share(&|c, j| first_hit(c, &ranked(j), 1, 3))));
    if labelled.iter().any(|(c, _)| c.label.failed_agent.is_some()) {
        figures.push(("agent", share(&|c, j| agent_of(c, &ranked(j)))));
    }
    let classed: Vec<_> = labelled.iter().filter(|(c, _)| c.label.class.is_some()).collect();
    if !classed.is_empty() {
        let said = |j: &JudgedCase| j.run.class;
        let hits = classed.iter().filter(|(c, j)| said(j) == c.label.class).count();
        figures.push(("class", Share { hits, of: classed.len() }.into()));
        let truths: Vec<_> = classed.iter().map(|(c, j)| (c.label.class, said(j))).collect();
        let value = macro_f1(&truths);
        figures.push(("class macro-F1", Figure { value, interval: None, cases: classed.len() }));
    }
    let holds = |c: &Case, j: &JudgedCase| {
        j.run.set90.zip(c.failed_position()).is_some_and(|((a, b), at)| a <= at && at <= b)
    };
    figures.push(("set holds it", share(&holds)));
    let width: f64 = labelled
        .iter()
        .filter_map(|(c, j)| j.run.set90.map(|(a, b)| f64::from(b.0 - a.0 + 1) / c.steps.len().max(1) as f64))
        .sum();
    figures.push(("set width, share of run", Figure { value: width / of as f64, interval: None, cases: of }));

    let order = |pick: &dyn Fn(&Case) -> Vec<usize>, depth: usize| -> Figure {
        Share { hits: labelled.iter().filter(|(c, _)| first_hit(c, &pick(c), depth, 0)).count(), of }.into()
    };
    let first = |c: &Case| (0..c.steps.len()).collect::<Vec<_>>();
    let last = |c: &Case| (0..c.steps.len()).rev().collect::<Vec<_>>();
    measured.baselines.push(("step top-1, always the first step", order(&first, 1)));
    measured.baselines.push(("step top-3, always the first steps", order(&first, 3)));
    measured.baselines.push(("step top-1, always the last step", order(&last, 1)));
    let mut positions: BTreeMap<u32, usize> = BTreeMap::new();
    for (c, _) in &labelled {
        *positions.entry(c.label.failed_step.unwrap_or_default()).or_default() += 1;
    }
    let best = positions.values().copied().max().unwrap_or_default();
    measured.baselines.push((
        "step top-1, the best fixed record (chosen on these labels)",
        Share { hits: best, of }.into(),
    ));
}

fn macro_f1(truths: &[(Option<Class>, Option<Class>)]) -> f64 {
    let classes: BTreeSet<Class> = truths.iter().filter_map(|(truth, _)| *truth).collect();
    let f1 = |class: Class| {
        let count = |f: &dyn Fn(bool, bool) -> bool| {
            truths.iter().filter(|(t, s)| f(*t == Some(class), *s == Some(class))).count() as f64
        };
        let (hit, extra, missed) = (count(&|t, s| t && s), count(&|t, s| !t && s), count(&|t, s| t && !s));
        if hit == 0.0 { 0.0 } else { 2.0 * hit / (2.0 * hit + extra + missed) }
    };
    classes.iter().map(|class| f1(*class)).sum::<f64>() / classes.len().max(1) as f64
}

fn run_figures(pairs: &Pairs<'_>, every: &[&Case], costs: &Costs, measured: &mut Measured) {
    let known: Vec<(&Case, &JudgedCase, bool)> =
        pairs.iter().filter_map(|(c, j)| Some((*c, *j, !success_in_a_mixed_dataset(c, every)?))).collect();
    let failed = known.iter().filter(|(_, _, failed)| *failed).count();
    if failed == 0 || failed == known.len() {
        return;
    }
    let scored: Vec<Scored> = known.iter().map(|(_, j, failed)| (j.run.p_fail.get(), *failed)).collect();
    let lengths: Vec<Scored> = known.iter().map(|(c, _, failed)| (c.steps.len() as f64, *failed)).collect();
    let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, (c, ..)) in known.iter().enumerate() {
        groups.entry(&c.label.task).or_default().push(index);
    }
    let groups: Vec<Vec<usize>> = groups.into_values().collect();
    let figure = |cases: &[Scored], statistic: &dyn Fn(&[Scored]) -> Option<f64>| -> Option<Figure> {
        let drawn = |indices: &[usize]| -> Vec<Scored> {
            indices.iter().filter_map(|i| cases.get(*i)).copied().collect()
        };
        let interval = bootstrap(&groups, 500, |indices| statistic(&drawn(indices)));
        Some(Figure { value: statistic(cases)?, interval, cases: cases.len() })
    };
    let mut add = |name, figure: Option<Figure>| measured.figures.extend(figure.map(|f| (name, f)));
    add("run AUROC", figure(&scored, &auroc));
    add("run AUPRC", figure(&scored, &average_precision));
    add("run Brier", figure(&scored, &|cases| Some(brier(cases))));
    add("run ECE", figure(&scored, &|cases| Some(calibration_error(cases))));
    let cut = costs.cut(Band::Alarm);
    let alarmed = |wanted: bool| scored.iter().filter(|(p, y)| *p >= cut && *y == wanted).count();
    let (hits, wrong) = (alarmed(true), alarmed(false));
    add("run precision at the cut", Some(Share { hits, of: hits + wrong }.into()));
    add("run recall at the cut", Some(Share { hits, of: failed }.into()));
    let rate = failed as f64 / known.len() as f64;
    let constant: Vec<Scored> = known.iter().map(|(.., failed)| (rate, *failed)).collect();
    let plain =
        |value: Option<f64>| Figure { value: value.unwrap_or_default(), interval: None, cases: known.len() };
    measured.baselines.push(("run AUROC, by length alone", plain(auroc(&lengths))));
    measured.baselines.push(("run AUPRC, always fire (the base rate)", plain(average_precision(&constant))));
    measured.baselines.push(("run Brier, the base rate", plain(Some(brier(&constant)))));
}

fn alarm_figures(pairs: &Pairs<'_>, measured: &mut Measured, costs: &Costs) {
    let good: Vec<_> = pairs.iter().filter(|(c, _)| c.label.success == Some(true)).collect();
    let steps: usize = good.iter().map(|(c, _)| c.steps.len()).sum();
    if steps == 0 {
        return;
    }
    let cut = costs.cut(Band::Alarm);
    let alarms: usize =
        good.iter().map(|(_, j)| j.steps.iter().filter(|s| s.against && s.p_wrong >= cut).count()).sum();
    let touched = good.iter().filter(|(_, j)| j.steps.iter().any(|s| s.against && s.p_wrong >= cut)).count();
    let share = Share { hits: alarms, of: steps };
    let (low, high) = share.interval();
    let per_thousand = |p: f64| p * 1000.0;
    measured.figures.push((
        "false alarms per 1,000 good steps",
        Figure {
            value: per_thousand(share.value()),
            interval: Some((per_thousand(low), per_thousand(high))),
            cases: steps,
        },
    ));
    measured.figures.push(("good runs with an alarm", Share { hits: touched, of: good.len() }.into()));
}

/// How each rule did, the one that fires most first.
pub fn measure_rules(cases: &[Case]) -> Vec<RuleMeasured> {
    let mut rules: BTreeMap<&'static str, RuleMeasured> = BTreeMap::new();
    let labelled: Vec<&Case> = cases.iter().filter(|c| c.label.failed_step.is_some()).collect();
    let steps: usize = labelled.iter().map(|c| c.steps.len()).sum();
    let wrong = |c: &Case, record: u32| c.label.errors.contains(&record);
    let base =
        labelled.iter().flat_map(|c| c.steps.iter().map(|s| wrong(c, s.record))).filter(|w| *w).count();
    for case in cases {
        let mut touched = BTreeSet::new();
        for step in &case.steps {
            let fired: BTreeSet<&'static str> = step.rules.iter().map(|(rule, _)| *rule).collect();
            for rule in fired {
                let measured = rules.entry(rule).or_insert(RuleMeasured {
                    rule,
                    fires: 0,
                    hits: 0,
                    false_alarms: 0,
                    failed_runs: 0,
                    good_runs: 0,
                    lift: None,
                });
                if case.label.failed_step.is_some() {
                    measured.fires += 1;
                    measured.hits += usize::from(wrong(case, step.record));
                }
                measured.false_alarms += usize::from(case.label.success == Some(true));
                if touched.insert(rule) {
                    measured.failed_runs += usize::from(case.label.success == Some(false));
                    measured.good_runs += usize::from(case.label.success == Some(true));
                }
            }
        }
    }
    let base_rate = base as f64 / steps.max(1) as f64;
    let mut all: Vec<RuleMeasured> = rules.into_values().collect();
    for rule in &mut all {
        let share = Share { hits: rule.hits, of: rule.fires }.value();
        rule.lift = (rule.fires > 0 && base_rate > 0.0).then(|| share / base_rate);
    }
    all.sort_by(|a, b| b.fires.cmp(&a.fires).then(a.rule.cmp(b.rule)));
    all
}

/// The report as a table for people.
pub fn table(measured: &[Measured], rules: &[RuleMeasured], misses: &[String]) -> String {
    let mut out = String::new();
    for part in measured {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{} · {} runs, {} steps", part.dataset, part.runs, part.steps);
        for (name, figure) in &part.figures {
            let _ = writeln!(out, "  {name:<58} {}", shown(figure));
        }
        for (name, figure) in &part.baselines {
            let _ = writeln!(out, "  · {name:<56} {}", shown(figure));
        }
        let _ = writeln!(out);
    }
    let _ = writeln!(
        out,
        "rule                               fires  hits  lift  on good steps  failed runs  good runs"
    );
    for rule in rules {
        let lift = rule.lift.map_or_else(|| "–".to_owned(), |lift| format!("{lift:.1}"));
        let _ = writeln!(
            out,
            "{:<34} {:>6} {:>5} {:>5} {:>14} {:>12} {:>10}",
            rule.rule, rule.fires, rule.hits, lift, rule.false_alarms, rule.failed_runs, rule.good_runs
        );
    }
    if !misses.is_empty() {
        let _ = writeln!(out, "\nfailed runs in which nothing was found: {}", misses.len());
        for line in misses.chunks(6) {
            let _ = writeln!(out, "  {}", line.join("  "));
        }
    }
    out
}

fn shown(figure: &Figure) -> String {
    match figure.interval {
        Some((low, high)) => format!("{:>7.3}  [{low:.3}, {high:.3}]  n = {}", figure.value, figure.cases),
        None => format!("{:>7.3}  n = {}", figure.value, figure.cases),
    }
}

/// Failed runs in which no step has anything against it.
pub fn misses(cases: &[Case]) -> Vec<String> {
    cases
        .iter()
        .filter(|c| c.label.success == Some(false) && !c.steps.iter().any(|s| s.judged.against))
        .map(|c| crate::text::excerpt(&c.label.run, 40))
        .collect()
}
