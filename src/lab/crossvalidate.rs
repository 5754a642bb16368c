//! Fitting a model, and measuring it on runs that it was not fitted on.

use std::collections::BTreeMap;

use super::cases::{Case, JudgedCase};
use crate::score::fit::{Example, Precision, fit, platt};
use crate::score::{Costs, Linear, Model, features, judge};

/// Folds of the cross-validation.
pub const FOLDS: usize = 5;
/// Folds inside a fit, for scores to calibrate on.
const INNER_FOLDS: usize = 4;

const STEP_PRECISION: Precision = Precision { weights: 1.0, context: 25.0, bias: 0.01 };
const RUN_PRECISION: Precision = Precision { weights: 1.0, context: 1.0, bias: 0.01 };

/// The share of the failed runs whose labelled error the set must hold.
pub const COVERAGE: f64 = 0.9;

/// Which fold a case falls in: by its task, so that the runs of one task stay together.
fn fold(case: &Case, folds: usize, salt: u64) -> usize {
    let hash = case.label.task.bytes().fold(0xcbf2_9ce4_8422_2325 ^ salt, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    ((hash >> 20) as usize) % folds
}

/// Fits a model on cases, starting from `prior`.
pub fn fit_model(cases: &[&Case], prior: &Model) -> Model {
    let step = fit_steps(cases, &prior.step);
    // The run's model must see steps judged as they will be later: by a model that did not see them.
    let judged = out_of_fold(
        cases,
        INNER_FOLDS,
        1,
        |rest| fit_steps(rest, &prior.step),
        |case, step| case.judge(step, &prior.run, 1.0, &Costs::default()),
    );
    let run = fit_runs(cases, &judged, &prior.run);
    Model { set_share: fit_set_share(cases, &judged), step, run, ..prior.clone() }
}

fn fit_steps(cases: &[&Case], prior: &Linear) -> Linear {
    let examples =
        |cases: &[&Case]| -> Vec<Example> { cases.iter().flat_map(|c| c.step_examples()).collect() };
    let held_out = out_of_fold(
        cases,
        INNER_FOLDS,
        2,
        |rest| fit(&examples(rest), prior, STEP_PRECISION),
        |case, m| {
            case.step_examples().iter().map(|e| (m.logit(&e.features), e.wrong, e.weight)).collect::<Vec<_>>()
        },
    );
    let (scale, shift) = platt(&held_out.into_iter().flatten().collect::<Vec<_>>());
    Linear { scale, shift, ..fit(&examples(cases), prior, STEP_PRECISION) }
}

fn fit_runs(cases: &[&Case], judged: &[JudgedCase], prior: &Linear) -> Linear {
    let mut examples: Vec<(usize, Example)> = Vec::new();
    for (case, judged) in cases.iter().zip(judged) {
        if let Some(success) = success_in_a_mixed_dataset(case, cases) {
            let features = features::of_run(&judge::totals(&judged.steps));
            examples.push((fold(case, INNER_FOLDS, 3), Example { features, wrong: !success, weight: 1.0 }));
        }
    }
    let of = |keep: &dyn Fn(usize) -> bool| -> Vec<Example> {
        examples.iter().filter(|(f, _)| keep(*f)).map(|(_, e)| e.clone()).collect()
    };
    let mut held_out = Vec::new();
    for out in 0..INNER_FOLDS {
        let model = fit(&of(&|f| f != out), prior, RUN_PRECISION);
        held_out.extend(of(&|f| f == out).iter().map(|e| (model.logit(&e.features), e.wrong, 1.0)));
    }
    let (scale, shift) = platt(&held_out);
    Linear { scale, shift, ..fit(&of(&|_| true), prior, RUN_PRECISION) }
}

/// Whether a run succeeded, if its dataset holds runs of both sorts: a dataset of failed runs alone says
/// nothing about telling them apart.
pub fn success_in_a_mixed_dataset(case: &Case, cases: &[&Case]) -> Option<bool> {
    let success = case.label.success?;
    let mixed =
        cases.iter().any(|c| c.label.dataset == case.label.dataset && c.label.success == Some(!success));
    mixed.then_some(success)
}

/// The share of suspicion that the set must hold so that it held the labelled error in 90 of 100 runs
/// (split conformal prediction: the ⌈(n + 1) · 0.9⌉-th smallest of the shares that were needed).
fn fit_set_share(cases: &[&Case], judged: &[JudgedCase]) -> f64 {
    let mut needed: Vec<f64> = cases
        .iter()
        .zip(judged)
        .filter_map(|(case, judged)| Some(share_needed(&judged.steps, case.failed_position()?.index())))
        .collect();
    needed.sort_by(f64::total_cmp);
    let rank = ((needed.len() as f64 + 1.0) * COVERAGE).ceil() as usize;
    rank.checked_sub(1).and_then(|index| needed.get(index)).copied().unwrap_or(1.0)
}

/// The smallest share, in hundredths, at which the set holds a position.
fn share_needed(steps: &[judge::Judged], position: usize) -> f64 {
    (1..=100)
        .map(|percent| f64::from(percent) / 100.0)
        .find(|share| {
            judge::set_of(steps, *share).is_some_and(|(a, b)| (a.index()..=b.index()).contains(&position))
        })
        .unwrap_or(1.0)
}

/// Judges every case by a model that was fitted without its fold.
pub fn cross_validate(cases: &[Case], prior: &Model, costs: &Costs) -> Vec<JudgedCase> {
    cross_validate_with(cases, prior, costs, |case, judge| judge(case))
}

/// What `look` makes of every case by a model that was fitted without its fold: it is given the case
/// and what judges it, or a variant of it.
pub fn cross_validate_with<T>(
    cases: &[Case],
    prior: &Model,
    costs: &Costs,
    look: impl Fn(&Case, &dyn Fn(&Case) -> JudgedCase) -> T,
) -> Vec<T> {
    let all: Vec<&Case> = cases.iter().collect();
    out_of_fold(
        &all,
        FOLDS,
        0,
        |rest| fit_model(rest, prior),
        |case, model| look(case, &|case| case.judge(&model.step, &model.run, model.set_share, costs)),
    )
}

/// For each case what `apply` makes of it by what `learn` made of the cases of the other folds.
fn out_of_fold<M, T>(
    cases: &[&Case],
    folds: usize,
    salt: u64,
    learn: impl Fn(&[&Case]) -> M,
    apply: impl Fn(&Case, &M) -> T,
) -> Vec<T> {
    let fold_of: Vec<usize> = cases.iter().map(|case| fold(case, folds, salt)).collect();
    let mut made: BTreeMap<usize, T> = BTreeMap::new();
    for out in 0..folds {
        let side = |inside: bool| {
            cases
                .iter()
                .enumerate()
                .zip(&fold_of)
                .filter(move |(_, f)| (**f == out) == inside)
                .map(|(c, _)| c)
        };
        if side(true).next().is_none() {
            continue;
        }
        let rest: Vec<&Case> = side(false).map(|(_, case)| *case).collect();
        let model = learn(&rest);
        made.extend(side(true).map(|(index, case)| (index, apply(case, &model))));
    }
    made.into_values().collect()
}
