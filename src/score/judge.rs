//! Judging steps and runs by a model.

use super::features::{self, Feature, RunTotals};
use super::judgement::{Band, Judgement, RunJudgement};
use super::model::{Costs, Model};
use crate::detect::{Aspect, Basis, Class, Finding};
use crate::trace::{AgentId, Effect, EffectStatus, Probability, Step, StepId};

/// The logit of an aspect with nothing against it.
const ASPECT_BIAS: f64 = -4.0;

/// Judges a step. `findings` are those made at it, `effects` what it changed outside.
pub fn judge_step(
    model: &Model,
    costs: &Costs,
    step: &Step,
    findings: &[&Finding],
    context: &[Feature],
    effects: &[Effect],
) -> Judgement {
    let counted =
        || findings.iter().copied().filter(|f| model.internal_signals || f.rule.basis == Basis::External);
    let features = features::of_step(counted(), context);
    let p_wrong = model.step.probability(&features);
    let why = model.step.contributions(&features);
    let weight = |finding: &Finding| model.step.weight(finding.rule.id) * finding.strength.get();
    let class = counted()
        .filter(|f| f.rule.class != Class::Operational)
        .max_by(|a, b| weight(a).total_cmp(&weight(b)))
        .or_else(|| counted().next())
        .map(|f| f.rule.class);
    let aspect = |aspect: Aspect| {
        let against: f64 =
            counted().filter(|f| f.rule.speaks_of == aspect).map(weight).filter(|w| *w > 0.0).sum();
        Probability::from_logit(model.step.scale.max(0.2) * (ASPECT_BIAS + against)).complement()
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
    /// P(wrong) by all features, also where nothing was found: for ranking steps against each other.
    pub suspicion: f64,
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

/// Judges a run by its steps.
pub fn judge_run(model: &Model, costs: &Costs, steps: &[Judged]) -> RunJudgement {
    let totals = totals(steps);
    let features = features::of_run(&totals);
    let p_fail = model.run.probability(&features);
    let worst = worst_of(steps);
    // The run's band is that of its worst step; a run that has something against it and is likelier to
    // have failed than not is worth a look all the same.
    let worst_band =
        steps.iter().filter(|s| s.against).map(|s| costs.band(Probability::new(s.p_wrong))).max();
    let band = match worst_band.unwrap_or_default() {
        Band::Pass if worst.is_some() && costs.band(p_fail) == Band::Alarm => Band::Triage,
        band => band,
    };
    RunJudgement {
        p_fail,
        band,
        class: worst.and_then(|i| steps.get(i)).and_then(|s| s.class),
        agent: worst.and_then(|i| steps.get(i)).map(|s| s.agent),
        set90: set_of(steps, model.set_share),
        why: model.run.contributions(&features),
    }
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
            totals.alarms += u32::from(step.p_wrong >= 0.5);
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

/// The shortest stretch of consecutive steps that holds `share` of the run's suspicion (the sum of its
/// steps' suspicion); the earliest of equals. `None` for a run without steps.
pub fn set_of(steps: &[Judged], share: f64) -> Option<(StepId, StepId)> {
    let total: f64 = steps.iter().map(|s| s.suspicion).sum();
    if steps.is_empty() || total <= 0.0 {
        return None;
    }
    let wanted = share.clamp(0.0, 1.0) * total - 1e-9;
    let (mut from, mut sum) = (0usize, 0.0);
    let mut best: Option<(usize, usize)> = None;
    for (to, step) in steps.iter().enumerate() {
        sum += step.suspicion;
        while let Some(first) = steps.get(from)
            && sum - first.suspicion >= wanted
            && from < to
        {
            sum -= first.suspicion;
            from += 1;
        }
        if sum >= wanted && best.is_none_or(|(a, b)| to - from < b - a) {
            best = Some((from, to));
        }
    }
    best.map(|(from, to)| (StepId(from as u32), StepId(to as u32)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(p_wrong: f64) -> Judged {
        Judged {
            agent: AgentId(0),
            p_wrong,
            suspicion: p_wrong,
            against: p_wrong > 0.2,
            class: None,
            message: false,
            failed: false,
            unknown: false,
            workshop: false,
        }
    }

    #[test]
    fn the_set_is_the_shortest_stretch_that_holds_the_share() {
        let steps: Vec<Judged> = [0.1, 0.1, 0.9, 0.8, 0.1, 0.1].into_iter().map(judged).collect();
        assert_eq!(set_of(&steps, 0.75), Some((StepId(2), StepId(3))));
        assert_eq!(set_of(&steps, 1.0), Some((StepId(0), StepId(5))));
        assert_eq!(set_of(&[], 0.9), None);
    }

    #[test]
    fn a_run_with_nothing_against_it_passes() {
        let steps: Vec<Judged> = std::iter::repeat_n(judged(0.1), 30).collect();
        let run = judge_run(&Model::prior(false), &Costs::default(), &steps);
        assert_eq!((run.band, run.class), (Band::Pass, None));
    }
}
