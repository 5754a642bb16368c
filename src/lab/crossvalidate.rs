//! Fitting a model, and measuring it on runs that it was not fitted on.

use std::collections::BTreeMap;

use super::cases::{Case, JudgedCase};
use crate::detect::Class;
use crate::format::RunShape;
use crate::score::decisive::{Choice, Decisive, NAMES, set_of};
use crate::score::features::RUN;
use crate::score::fit::{Example, Precision, fit, fit_choices, fit_lexical, platt};
use crate::score::lexical::Lexical;
use crate::score::measure::{Scored, auroc};
use crate::score::{Costs, Judged, Linear, Model, judge};

/// Folds of the cross-validation.
pub const FOLDS: usize = 10;
/// Folds inside a fit, for scores to calibrate on.
const INNER_FOLDS: usize = 4;
/// Folds inside a fit to calibrate sets on: many, so that the weights of each are nearly those of all.
const SET_FOLDS: usize = 8;

const STEP_PRECISION: Precision = Precision { weights: 1.0, context: 25.0, bias: 0.01 };
/// Labelled runs of work are few: how often its steps are wrong stays near what is expected.
const WORK_PRECISION: Precision = Precision { bias: 4.0, ..STEP_PRECISION };
const RUN_PRECISION: Precision = Precision { weights: 1.0, context: 1.0, bias: 0.01 };
/// How strongly the choice among steps holds to what is known of runs of any shape.
const CHOICE_PRECISION: f64 = 1.5;
/// The inverse variance of a term's weight.
const TERM_PRECISION: f64 = 1.0;

/// A shape has a run model, and a lexical model, of its own from so many runs on, some of either sort.
const RUNS_FOR_A_SHAPE: usize = 30;
/// What a lexical model must reach out of fold to be kept.
const LEAST_LEXICAL_AUROC: f64 = 0.6;
/// A shape has a model of its decisive steps of its own from so many labelled runs on.
const CHOICES_FOR_A_SHAPE: usize = 12;

/// The share of the failed runs whose labelled error the set must hold.
pub const COVERAGE: f64 = 0.9;

/// With fewer labelled runs a shape's sets hold no less than those of all talk.
const CHOICES_FOR_A_SET: usize = 40;
/// The least that a set holds, however few were needed.
const LEAST_SET_SHARE: f64 = 0.5;

/// Which fold a case falls in: by its task, so that the runs of one task stay together.
fn fold(case: &Case, folds: usize, salt: u64) -> usize {
    let hash = case.label.task.bytes().fold(0xcbf2_9ce4_8422_2325 ^ salt, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    ((hash >> 20) as usize) % folds
}

/// Fits a model on cases, starting from `prior`. Copies with a fault teach how much the rules' findings
/// weigh and nothing else: how often runs fail, and where, is learnt of runs as they came.
pub fn fit_model(cases: &[&Case], prior: &Model) -> Model {
    let steps = StepModels::fit(cases, prior);
    let as_came: Vec<&Case> = cases.iter().copied().filter(|case| case.label.fault.is_none()).collect();
    let cases = as_came.as_slice();
    // What rests on judged steps must see them judged as they will be later: by a model that did not
    // see them.
    let judged = out_of_fold(
        cases,
        INNER_FOLDS,
        1,
        |rest| StepModels::fit(rest, prior),
        |case, steps| case.judged(steps.of(case), &Costs::default()),
    );
    let mut model = Model { step: steps.talk, step_of_work: steps.work, ..prior.clone() };
    fit_runs(cases, &judged, prior, &mut model);
    fit_decisive(cases, &judged, prior, &mut model);
    fit_classes(cases, &judged, &mut model);
    model.round();
    model
}

/// The models of P(step wrong).
struct StepModels {
    talk: Linear,
    work: Linear,
}

impl StepModels {
    fn fit(cases: &[&Case], prior: &Model) -> Self {
        let (talk, work): (Vec<&Case>, Vec<&Case>) = cases.iter().partition(|case| case.conducted.talk);
        Self {
            talk: fit_steps(&talk, &prior.step, STEP_PRECISION),
            work: fit_steps(&work, &prior.step_of_work, WORK_PRECISION),
        }
    }

    fn of(&self, case: &Case) -> &Linear {
        if case.conducted.talk { &self.talk } else { &self.work }
    }
}

fn fit_steps(cases: &[&Case], prior: &Linear, precision: Precision) -> Linear {
    let examples =
        |cases: &[&Case]| -> Vec<Example> { cases.iter().flat_map(|c| c.step_examples()).collect() };
    let held_out = out_of_fold(
        cases,
        INNER_FOLDS,
        2,
        |rest| fit(&examples(rest), prior, precision),
        |case, m| {
            case.step_examples().iter().map(|e| (m.logit(&e.features), e.wrong, e.weight)).collect::<Vec<_>>()
        },
    );
    let as_came = cases.iter().zip(held_out).filter(|(case, _)| case.label.fault.is_none());
    let (scale, shift) = platt(&as_came.flat_map(|(_, logits)| logits).collect::<Vec<_>>());
    Linear { scale, shift, ..fit(&examples(cases), prior, precision) }
}

/// A run to fit P(run failed) on.
struct RunCase<'a> {
    case: &'a Case,
    judged: &'a [Judged],
    failed: bool,
}

fn fit_runs(cases: &[&Case], judged: &[Vec<Judged>], prior: &Model, model: &mut Model) {
    let all: Vec<RunCase<'_>> = cases
        .iter()
        .zip(judged)
        .filter_map(|(case, judged)| {
            let success = success_in_a_mixed_dataset(case, cases)?;
            Some(RunCase { case, judged, failed: !success })
        })
        .collect();
    model.run = fit_general_runs(&all, &prior.run);
    for shape in RunShape::ALL {
        let some: Vec<&RunCase<'_>> = all.iter().filter(|r| r.case.conducted.shape == shape).collect();
        let failed = some.iter().filter(|r| r.failed).count();
        if some.len() < RUNS_FOR_A_SHAPE || failed < 8 || some.len() - failed < 8 {
            continue;
        }
        // Where words alone do not tell failed runs from others out of fold, they are left out.
        let lexical = Some(lexical_out_of_fold(&some)).filter(|logits| {
            let scored: Vec<Scored> = logits.iter().zip(&some).map(|(z, r)| (*z, r.failed)).collect();
            auroc(&scored).is_some_and(|area| area >= LEAST_LEXICAL_AUROC)
        });
        let mut start = model.run.clone();
        start.weights.extend(RUN.iter().filter(|f| !f.general).map(|f| (f.name.to_owned(), f.prior)));
        let examples: Vec<(&Case, Example)> = some
            .iter()
            .enumerate()
            .map(|(i, r)| {
                let lexical = lexical.as_ref().and_then(|logits| logits.get(i)).copied();
                let features = r.case.run_features(r.judged, lexical);
                (r.case, Example { features, wrong: r.failed, weight: 1.0 })
            })
            .collect();
        model.run_of.insert(shape.word().to_owned(), fit_calibrated(&examples, &start));
        if lexical.is_some() {
            model.lexical_of.insert(shape.word().to_owned(), lexical_of(&some));
        }
    }
}

fn fit_general_runs(all: &[RunCase<'_>], prior: &Linear) -> Linear {
    let general = |name: &str| RUN.iter().any(|f| f.name == name && f.general);
    let examples: Vec<(&Case, Example)> = all
        .iter()
        .map(|r| {
            let mut features = r.case.run_features(r.judged, None);
            features.retain(|(name, _)| general(name));
            (r.case, Example { features, wrong: r.failed, weight: 1.0 })
        })
        .collect();
    fit_calibrated(&examples, prior)
}

/// A fit with Platt's calibration on inner folds.
fn fit_calibrated(examples: &[(&Case, Example)], prior: &Linear) -> Linear {
    let of = |keep: &dyn Fn(usize) -> bool| -> Vec<Example> {
        examples.iter().filter(|(c, _)| keep(fold(c, INNER_FOLDS, 3))).map(|(_, e)| e.clone()).collect()
    };
    let mut held_out = Vec::new();
    for out in 0..INNER_FOLDS {
        let model = fit(&of(&|f| f != out), prior, RUN_PRECISION);
        held_out.extend(of(&|f| f == out).iter().map(|e| (model.logit(&e.features), e.wrong, 1.0)));
    }
    let (scale, shift) = platt(&held_out);
    Linear { scale, shift, ..fit(&of(&|_| true), prior, RUN_PRECISION) }
}

fn lexical_of(runs: &[&RunCase<'_>]) -> Lexical {
    let documents: Vec<(&[(String, u16)], bool)> =
        runs.iter().map(|r| (r.case.terms.as_slice(), r.failed)).collect();
    fit_lexical(&documents, TERM_PRECISION)
}

/// The lexical logit of each run by a model that was fitted on the runs of other tasks.
fn lexical_out_of_fold(runs: &[&RunCase<'_>]) -> Vec<f64> {
    let mut logits = vec![0.0; runs.len()];
    for out in 0..INNER_FOLDS {
        let rest: Vec<&RunCase<'_>> =
            runs.iter().copied().filter(|r| fold(r.case, INNER_FOLDS, 4) != out).collect();
        let model = lexical_of(&rest);
        for (run, logit) in runs.iter().zip(&mut logits) {
            if fold(run.case, INNER_FOLDS, 4) == out {
                *logit = model.logit(run.case.terms());
            }
        }
    }
    logits
}

/// Whether a run succeeded, if its dataset holds runs of both sorts: a dataset of failed runs alone says
/// nothing about telling them apart.
pub fn success_in_a_mixed_dataset(case: &Case, cases: &[&Case]) -> Option<bool> {
    let success = case.label.success?;
    let mixed =
        cases.iter().any(|c| c.label.dataset == case.label.dataset && c.label.success == Some(!success));
    mixed.then_some(success)
}

/// All runs of talk count so many errors towards the usual class of each shape.
const ERRORS_OF_ALL: f64 = 3.0;

/// The usual class of an error where nothing that was found stands out, for runs of talk: work on files
/// fails in other ways, and nothing found there is no ground for a class.
fn fit_classes(cases: &[&Case], judged: &[Vec<Judged>], model: &mut Model) {
    let costs = Costs::default();
    let unseen: Vec<(RunShape, Class)> = cases
        .iter()
        .zip(judged)
        .filter(|(case, judged)| {
            case.label.success == Some(false)
                && case.conducted.shape.is_talk()
                && judge::found_class(judged, &costs).is_none()
        })
        .filter_map(|(case, _)| Some((case.conducted.shape, case.label.class?)))
        .collect();
    let share = |of: &dyn Fn(RunShape) -> bool, class: Class| {
        let (mut all, mut some) = (0.0, 0.0);
        for (_, labelled) in unseen.iter().filter(|(shape, _)| of(*shape)) {
            all += 1.0;
            some += f64::from(u8::from(*labelled == class));
        }
        if all > 0.0 { (some / all, all) } else { (0.0, 0.0) }
    };
    for shape in RunShape::ALL.into_iter().filter(|shape| shape.is_talk() && !unseen.is_empty()) {
        let weight = |class: &Class| {
            let (here, errors) = share(&|one| one == shape, *class);
            here * errors + share(&|_| true, *class).0 * ERRORS_OF_ALL
        };
        if let Some(class) = Class::ALL.into_iter().max_by(|a, b| weight(a).total_cmp(&weight(b))) {
            model.class_of.insert(shape.word().to_owned(), class);
        }
    }
}

/// A failed run with its labelled step.
struct Decided<'a> {
    case: &'a Case,
    judged: &'a [Judged],
    choice: Choice,
}

/// Fits of the choice among steps, whose features have names.
struct Chooser {
    names: Vec<&'static str>,
}

/// A rule has a weight of its own in the choice from so many fires in labelled runs on.
const FIRES_FOR_A_WEIGHT: usize = 5;

fn fit_decisive(cases: &[&Case], judged: &[Vec<Judged>], prior: &Model, model: &mut Model) {
    let mut fires: BTreeMap<&'static str, usize> = BTreeMap::new();
    for case in cases.iter().filter(|case| case.label.failed_step.is_some()) {
        case.found().iter().for_each(|found| *fires.entry(found.rule).or_default() += 1);
    }
    fires.retain(|_, fires| *fires >= FIRES_FOR_A_WEIGHT);
    let rules: Vec<&'static str> = fires.into_keys().collect();
    let all = cases
        .iter()
        .zip(judged)
        .filter_map(|(case, judged)| Some(Decided { case, judged, choice: case.choice(judged, &rules)? }));
    // Where steps of talk stand and how they are worded tells nothing of other logs: there the rules
    // decide.
    let (talk, other): (Vec<_>, Vec<_>) = all.partition(|run| run.case.conducted.shape.is_talk());
    let chooser = Chooser { names: NAMES.into_iter().chain(rules).collect() };
    let (talk, other): (Vec<_>, Vec<_>) = (talk.iter().collect(), other.iter().collect());
    let start: Vec<f64> =
        chooser.names.iter().map(|name| prior.decisive.weights.get(*name).copied().unwrap_or(0.0)).collect();
    let as_expected = chooser.named(&start);
    model.decisive =
        Decisive { set_share: set_share(&other, |_| as_expected.clone()), ..as_expected.clone() };
    let of_talk = chooser.fit(&talk, None, &start);
    let of_talk_without: Vec<Vec<f64>> =
        (0..SET_FOLDS).map(|out| chooser.fit(&talk, Some(out), &start)).collect();
    let pooled = chooser.set_share(&talk, &of_talk_without);
    for shape in RunShape::ALL {
        let some: Vec<_> = talk.iter().copied().filter(|run| run.case.conducted.shape == shape).collect();
        if some.len() >= CHOICES_FOR_A_SHAPE {
            let mut decisive = chooser.decisive(&some, &of_talk, &of_talk_without);
            if some.len() < CHOICES_FOR_A_SET {
                decisive.set_share = decisive.set_share.max(pooled);
            }
            model.decisive_of.insert(shape.word().to_owned(), decisive);
        }
    }
}

/// The inner fold that a case's set is calibrated in.
fn set_fold(case: &Case) -> usize {
    fold(case, SET_FOLDS, 5)
}

impl Chooser {
    /// Fits around `prior`, without the runs of one fold if that is given.
    fn fit(&self, runs: &[&Decided<'_>], without: Option<usize>, prior: &[f64]) -> Vec<f64> {
        let rest: Vec<&Choice> =
            runs.iter().filter(|run| Some(set_fold(run.case)) != without).map(|run| &run.choice).collect();
        fit_choices(&rest, prior, CHOICE_PRECISION)
    }

    /// Fits around `prior`; `priors` are the weights to start from, fitted without each fold.
    fn decisive(&self, runs: &[&Decided<'_>], prior: &[f64], priors: &[Vec<f64>]) -> Decisive {
        let weights = self.fit(runs, None, prior);
        Decisive { set_share: self.set_share(runs, priors), ..self.named(&weights) }
    }

    fn named(&self, weights: &[f64]) -> Decisive {
        let weights = self.names.iter().map(|name| (*name).to_owned()).zip(weights.iter().copied());
        Decisive { set_share: 1.0, weights: weights.collect() }
    }

    /// See [`set_share`]; `priors` are the weights to start from, fitted without each fold.
    fn set_share(&self, runs: &[&Decided<'_>], priors: &[Vec<f64>]) -> f64 {
        set_share(runs, |out| {
            let prior = priors.get(out).map_or(&[][..], Vec::as_slice);
            self.named(&self.fit(runs, Some(out), prior))
        })
    }
}

/// The summed share that the set must hold so that it held the labelled error in 90 of 100 runs (split
/// conformal prediction: the ⌈(n + 1) · 0.9⌉-th smallest of the shares that were needed, each by weights
/// that were fitted `without` the run's fold).
fn set_share(runs: &[&Decided<'_>], without: impl Fn(usize) -> Decisive) -> f64 {
    let mut needed: Vec<f64> = Vec::with_capacity(runs.len());
    for out in 0..SET_FOLDS {
        let decisive = without(out);
        for run in runs.iter().filter(|run| set_fold(run.case) == out) {
            if let Some(position) = run.case.failed_position() {
                let shares = decisive.shares(run.judged, &run.case.found());
                needed.push(share_needed(&shares, position.index()));
            }
        }
    }
    needed.sort_by(f64::total_cmp);
    let rank = ((needed.len() as f64 + 1.0) * COVERAGE).ceil() as usize;
    let share = rank.checked_sub(1).and_then(|index| needed.get(index)).copied().unwrap_or(1.0);
    // A few easy runs are no ground for a set of one step.
    share.max(LEAST_SET_SHARE)
}

/// The smallest share, in two-hundredths, at which the set holds a position.
fn share_needed(shares: &[f64], position: usize) -> f64 {
    (1..=200)
        .map(|part| f64::from(part) / 200.0)
        .find(|share| {
            set_of(shares, *share).is_some_and(|(a, b)| (a.index()..=b.index()).contains(&position))
        })
        .unwrap_or(1.0)
}

/// Judges every case by a model that was fitted without its fold.
pub fn cross_validate(cases: &[Case], copies: &[Case], prior: &Model, costs: &Costs) -> Vec<JudgedCase> {
    cross_validate_with(cases, copies, prior, costs, |case, judge| judge(case))
}

/// What `look` makes of every case by a model that was fitted without its fold: it is given the case
/// and what judges it, or a variant of it. `copies` are cases with a fault put in, of which those of
/// other folds help to fit.
pub fn cross_validate_with<T>(
    cases: &[Case],
    copies: &[Case],
    prior: &Model,
    costs: &Costs,
    look: impl Fn(&Case, &dyn Fn(&Case) -> JudgedCase) -> T,
) -> Vec<T> {
    let all: Vec<&Case> = cases.iter().chain(copies).collect();
    let looked = out_of_fold(
        &all,
        FOLDS,
        0,
        |rest| fit_model(rest, prior),
        |case, model| {
            let as_came = case.label.fault.is_none();
            as_came.then(|| look(case, &|case| case.judge(model, costs)))
        },
    );
    looked.into_iter().flatten().collect()
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
