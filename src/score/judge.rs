//! Judging steps and runs by a model.

use super::conduct::{Course, Manner};
use super::decisive::{self, Found};
use super::features::{self, Feature, RunTotals};
use super::judgement::{Band, Judgement, RunJudgement};
use super::model::{Costs, Model};
use crate::detect::{Aspect, Basis, Class, Finding};
use crate::format::RunShape;
use crate::trace::{AgentId, Effect, EffectStatus, Probability, Step};

/// The logit of an aspect with nothing against it.
const ASPECT_BIAS: f64 = -4.0;

/// Judges a step of a run of talk, or of work. `findings` are those made at it, `effects` what it changed outside.
pub fn judge_step(
    model: &Model,
    talk: bool,
    costs: &Costs,
    step: &Step,
    findings: &[&Finding],
    context: &[Feature],
    effects: &[Effect],
) -> Judgement {
    let counted =
        || findings.iter().copied().filter(|f| model.internal_signals || f.rule.basis == Basis::External);
    let features = features::of_step(counted(), context);
    let linear = model.step_of(talk);
    let p_wrong = linear.probability(&features);
    let why = linear.contributions(&features);
    let weight = |finding: &Finding| linear.weight(finding.rule.id) * finding.strength.get();
    let class = counted()
        .filter(|f| f.rule.class != Class::Operational)
        .max_by(|a, b| weight(a).total_cmp(&weight(b)))
        .or_else(|| counted().next())
        .map(|f| f.rule.class);
    let aspect = |aspect: Aspect| {
        let against: f64 =
            counted().filter(|f| f.rule.speaks_of == aspect).map(weight).filter(|w| *w > 0.0).sum();
        Probability::from_logit(linear.scale.max(0.2) * (ASPECT_BIAS + against)).complement()
    };
    let scored = counted().any(|f| f.rule.class != Class::Operational);
    let band = if scored {
        costs.band(p_wrong)
    } else if cannot_be_judged(step, effects) || counted().next().is_some_and(|f| f.strength.get() >= 0.5) {
        Band::Triage
    } else {
        Band::Pass
    };
    Judgement {
        // With nothing against a step the context alone may not raise it past the lowest cut.
        p_wrong: if scored {
            p_wrong
        } else {
            Probability::new(p_wrong.get().min(costs.cut(Band::Triage) * 0.95))
        },
        band,
        class,
        execution: aspect(Aspect::Execution),
        support: aspect(Aspect::Support),
        consistency: aspect(Aspect::Consistency),
        why: if findings.is_empty() { Box::default() } else { why },
    }
}

/// A consequential call whose result is unknown cannot be judged.
fn cannot_be_judged(step: &Step, effects: &[Effect]) -> bool {
    step.closed && effects.iter().any(|e| e.status == EffectStatus::Unknown && !e.harmless_again)
}

/// What a run's judgement needs of each step.
#[derive(Clone, Copy, Debug)]
pub struct Judged {
    /// The step's agent.
    pub agent: AgentId,
    /// P(wrong).
    pub p_wrong: f64,
    /// What findings add to the logit of P(wrong).
    pub evidence: f64,
    /// Where it stands and how it is worded.
    pub manner: Manner,
    /// Whether anything was found against it.
    pub against: bool,
    /// The class of what was found.
    pub class: Option<Class>,
    /// Whether it is a message.
    pub message: bool,
    /// Whether it failed.
    pub failed: bool,
    /// Whether its status is unknown.
    pub unknown: bool,
    /// Whether it works on files or runs commands.
    pub workshop: bool,
}

/// What a run's judgement needs besides its steps.
#[derive(Clone, Copy, Debug, Default)]
pub struct Conducted {
    /// Whether it is of talk and look-ups rather than of work on files and commands, by its format.
    pub talk: bool,
    /// The run's shape.
    pub shape: RunShape,
    /// Its course.
    pub course: Course,
    /// The lexical model's logit, where there is such a model.
    pub lexical: Option<f64>,
}

/// Judges a run by its steps.
pub fn judge_run(
    model: &Model,
    costs: &Costs,
    conducted: &Conducted,
    steps: &[Judged],
    found: &[Found],
) -> RunJudgement {
    let features = features::of_run(&totals(steps), &conducted.course, conducted.lexical);
    let linear = model.run_of(conducted.shape);
    let p_fail = linear.probability(&features);
    let worst = worst_of(steps);
    // The run's band is that of its worst step; a run that has something against it and is likelier to
    // have failed than not is worth a look all the same.
    let worst_band =
        steps.iter().filter(|s| s.against).map(|s| costs.band(Probability::new(s.p_wrong))).max();
    let band = match worst_band.unwrap_or_default() {
        Band::Pass if worst.is_some() && costs.band(p_fail) == Band::Alarm => Band::Triage,
        band => band,
    };
    let likely = || model.class_of(conducted.shape).filter(|_| costs.band(p_fail) == Band::Alarm);
    let worst = worst.and_then(|index| steps.get(index));
    let class = standing_out(worst, costs).or_else(likely).or_else(|| worst.and_then(|step| step.class));
    let decisive = model.decisive_of(conducted.shape);
    let shares = decisive.shares(steps, found);
    RunJudgement {
        p_fail,
        band,
        class,
        agent: decisive::agent_of(&shares, steps),
        set90: decisive::set_of(&shares, decisive.set_share),
        why: linear.contributions(&features),
    }
}

/// The class of what was found at the likeliest wrong step, where it stands out.
pub fn found_class(steps: &[Judged], costs: &Costs) -> Option<Class> {
    standing_out(worst_of(steps).and_then(|index| steps.get(index)), costs)
}

fn standing_out(worst: Option<&Judged>, costs: &Costs) -> Option<Class> {
    worst.filter(|step| costs.band(Probability::new(step.p_wrong)) != Band::Pass).and_then(|step| step.class)
}

/// How likely each step is to be wrong, for ranking them: what its own findings say, or its share of
/// the run's P(fail), whichever is more.
pub fn scores(
    model: &Model,
    shape: RunShape,
    p_fail: Probability,
    steps: &[Judged],
    found: &[Found],
) -> Vec<Probability> {
    let shares = model.decisive_of(shape).shares(steps, found);
    steps.iter().zip(shares).map(|(step, share)| score(step, share, p_fail)).collect()
}

/// See [`scores`].
pub fn score(step: &Judged, share: f64, p_fail: Probability) -> Probability {
    let found = if step.against { step.p_wrong } else { 0.0 };
    Probability::new(found.max(share * p_fail.get()))
}

/// The totals of a run.
pub fn totals(steps: &[Judged]) -> RunTotals {
    let mut totals = RunTotals { steps: steps.len() as u32, ..RunTotals::default() };
    for step in steps {
        totals.messages += u32::from(step.message);
        totals.workshop += u32::from(step.workshop);
        totals.failed += u32::from(step.failed);
        totals.unknown += u32::from(step.unknown && !step.message);
        if step.against {
            totals.worst = totals.worst.max(step.p_wrong);
        }
        if !step.message {
            totals.ends_in_error = step.failed;
        }
    }
    totals.last = steps.iter().rev().take(3).filter(|s| s.against).map(|s| s.p_wrong).fold(0.0, f64::max);
    totals
}

/// The likeliest wrong step: the highest P(wrong) among those with something against them, the earliest
/// of equals.
fn worst_of(steps: &[Judged]) -> Option<usize> {
    let mut worst: Option<(usize, f64)> = None;
    for (index, step) in steps.iter().enumerate().filter(|(_, s)| s.against) {
        if worst.is_none_or(|(_, p)| step.p_wrong > p) {
            worst = Some((index, step.p_wrong));
        }
    }
    worst.map(|(index, _)| index)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(p_wrong: f64) -> Judged {
        Judged {
            agent: AgentId(0),
            p_wrong,
            evidence: 0.0,
            manner: Manner::default(),
            against: p_wrong > 0.2,
            class: None,
            message: false,
            failed: false,
            unknown: false,
            workshop: false,
        }
    }

    #[test]
    fn a_run_with_nothing_against_it_passes() {
        let steps: Vec<Judged> = std::iter::repeat_n(judged(0.1), 30).collect();
        let run = judge_run(&Model::prior(false), &Costs::default(), &Conducted::default(), &steps, &[]);
        assert_eq!((run.band, run.class), (Band::Pass, None));
    }

    #[test]
    fn the_class_is_that_of_what_stands_out_or_else_the_usual_one_of_a_run_that_likely_failed() {
        let conducted = Conducted { talk: true, shape: RunShape::Service, ..Conducted::default() };
        let class = |bias: f64, steps: &[Judged]| {
            let mut model = Model::prior(false);
            model.run.bias = bias;
            model.class_of.insert(RunShape::Service.word().to_owned(), Class::InconsistentReasoning);
            judge_run(&model, &Costs::default(), &conducted, steps, &[]).class
        };
        let found = |p_wrong| Judged { against: true, class: Some(Class::Hallucination), ..judged(p_wrong) };
        assert_eq!(class(3.0, &[judged(0.1), found(0.9)]), Some(Class::Hallucination));
        assert_eq!(class(3.0, &[judged(0.1), found(0.05)]), Some(Class::InconsistentReasoning));
        assert_eq!(class(3.0, &[judged(0.1)]), Some(Class::InconsistentReasoning));
        assert_eq!(class(-5.0, &[judged(0.05)]), None);
        assert_eq!(class(-9.0, &[judged(0.05), found(0.05)]), Some(Class::Hallucination));
    }
}
