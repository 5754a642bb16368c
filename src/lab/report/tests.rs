//! Figures on cases small enough to reckon by hand.

use std::path::PathBuf;

use super::*;
use crate::detect::{Class, rules as all_rules};
use crate::lab::cases::StepCase;
use crate::lab::corpus::Label;
use crate::score::conduct::Manner;
use crate::score::{Conducted, Judged, RunJudgement};
use crate::trace::{AgentId, Probability, StepId};

/// A run of one dataset with steps at records 0, 1, 2 …, by agents "a" and "b" in turn.
fn case(dataset: &str, task: &str, steps: usize) -> Case {
    let judged = Judged {
        agent: AgentId(0),
        p_wrong: 0.05,
        evidence: 0.0,
        manner: Manner::default(),
        against: false,
        class: None,
        message: false,
        failed: false,
        unknown: false,
        workshop: false,
    };
    let steps = (0..steps)
        .map(|at| StepCase {
            record: at as u32,
            agent: if at % 2 == 0 { "a" } else { "b" }.to_owned(),
            features: Vec::new(),
            rules: Vec::new(),
            judged,
        })
        .collect::<Vec<_>>();
    let label = Label {
        dataset: dataset.to_owned(),
        run: format!("{dataset}-{task}"),
        file: PathBuf::new(),
        success: None,
        failed_step: None,
        errors: Vec::new(),
        failed_agent: None,
        agents: Vec::new(),
        class: None,
        task: task.to_owned(),
        fault: None,
    };
    let log = task.bytes().fold(7, |log: u64, byte| log.wrapping_mul(31) + u64::from(byte));
    let (conducted, terms) = (Conducted::default(), Vec::new());
    Case { records: steps.len() as u32, label, steps, log, conducted, terms }
}

/// A failed run whose labelled step, by `agent`, is at a record.
fn wrong_at(dataset: &str, task: &str, steps: usize, at: u32, agent: &str) -> Case {
    let mut case = case(dataset, task, steps);
    case.label.success = Some(false);
    case.label.failed_step = Some(at);
    case.label.errors = vec![at];
    case.label.failed_agent = Some(agent.to_owned());
    case
}

fn good(dataset: &str, task: &str, steps: usize) -> Case {
    let mut case = case(dataset, task, steps);
    case.label.success = Some(true);
    case
}

/// Judged with these P(wrong) and this P(failed); what is at least 0.3 has something against it.
fn judged(case: &Case, p_wrong: &[f64], p_fail: f64, set: (u32, u32)) -> JudgedCase {
    let steps = case
        .steps
        .iter()
        .zip(p_wrong)
        .map(|(step, p)| Judged { p_wrong: *p, against: *p >= 0.3, ..step.judged })
        .collect();
    let run = RunJudgement {
        p_fail: Probability::new(p_fail),
        set90: Some((StepId(set.0), StepId(set.1))),
        ..RunJudgement::default()
    };
    let lexical = Some(p_fail);
    JudgedCase { steps, scores: p_wrong.to_vec(), run, lexical }
}

/// Even costs: an alarm from 0.5 on, triage from 1/6 on.
const COSTS: Costs = Costs { miss: 1.0, interruption: 1.0 };

/// Two failed runs and two good ones.
fn four() -> (Vec<Case>, Vec<JudgedCase>) {
    let cases = vec![
        wrong_at("d", "one", 4, 1, "b"),
        wrong_at("d", "two", 5, 0, "a"),
        good("d", "three", 4),
        good("d", "four", 6),
    ];
    let judged = vec![
        judged(&cases[0], &[0.1, 0.8, 0.1, 0.1], 0.9, (1, 2)),
        judged(&cases[1], &[0.1, 0.1, 0.1, 0.6, 0.2], 0.4, (0, 4)),
        judged(&cases[2], &[0.1, 0.1, 0.1, 0.7], 0.6, (0, 3)),
        judged(&cases[3], &[0.1; 6], 0.1, (0, 5)),
    ];
    (cases, judged)
}

fn value(part: &Measured, key: &str) -> f64 {
    part.figure(key).unwrap_or_else(|| panic!("{key} was not measured")).value
}

/// Probabilities are kept in single precision.
fn near(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-6
}

#[test]
fn figures_of_four_runs_by_hand() {
    let (cases, judged) = four();
    let measured = measure(&cases, &judged, &COSTS);
    let [part] = &measured[..] else { panic!("one dataset has no `all`") };
    assert_eq!((part.dataset.as_str(), part.runs, part.tasks, part.steps), ("d", 4, 4, 19));
    for (key, wanted) in [
        // "one" is hit; of "two" the labelled step 0 comes third, and the first, 3, is within three.
        ("step_top1", 0.5),
        ("step_top3", 1.0),
        ("step_within3", 1.0),
        // Step 1 is by "b", step 3 of "two" is by "b" where "a" is labelled.
        ("agent", 0.5),
        ("set_coverage", 1.0),
        ("set_width_mean", 0.75),
        ("set_width_median", 0.75),
        // 0.9 and 0.4 failed, 0.6 and 0.1 did not: three of four pairs are in order.
        ("run_auroc", 0.75),
        ("words_auroc", 0.75),
        ("run_auprc", (1.0 + 2.0 / 3.0) / 2.0),
        ("run_brier", (0.01 + 0.36 + 0.36 + 0.01) / 4.0),
        ("run_ece", (0.1 + 0.6 + 0.6 + 0.1) / 4.0),
        // 0.9 and 0.6 reach the alarm cut of 0.5.
        ("run_precision_alarm", 0.5),
        ("run_recall_alarm", 0.5),
        // All but 0.1 reach the triage cut of 1/6.
        ("run_precision_triage", 2.0 / 3.0),
        ("run_recall_triage", 1.0),
        // Alarms: a hit in "one", one beside it in "two", one in the good run "three".
        ("step_precision_alarm", 1.0 / 3.0),
        ("step_recall_alarm", 0.5),
        ("false_alarms_per_1000", 100.0),
        ("good_runs_with_alarm", 0.5),
    ] {
        assert!(near(value(part, key), wanted), "{key}: {} is not {wanted}", value(part, key));
    }
    assert_eq!(part.figure("step_top1").unwrap().cases, 2);
    assert_eq!(part.figure("false_alarms_per_1000").unwrap().cases, 10);
    assert!(part.figure("class").is_none(), "no class is labelled");
}

#[test]
fn baselines_of_four_runs_by_hand() {
    let (cases, judged) = four();
    let measured = measure(&cases, &judged, &COSTS);
    let baseline = |figure: &str, key: &str| {
        let figure = measured[0].figure(figure).unwrap();
        figure.baselines.iter().find(|(known, ..)| *known == key).unwrap().2
    };
    assert!(near(baseline("step_top1", "first_step"), 0.5));
    assert!(near(baseline("step_top1", "last_step"), 0.0));
    // Learnt from the other task each: 0 for "one", 1 for "two". Neither is right.
    assert!(near(baseline("step_top1", "fixed_position"), 0.0));
    // "a" and "b" act twice each in "one" (the first of equals, "a"); "a" acts most in "two".
    assert!(near(baseline("agent", "speaks_most"), 0.5));
    assert!(near(baseline("agent", "blamed_most"), 0.0));
    // Lengths 4 and 5 failed, 4 and 6 did not: half, nothing, all, nothing.
    assert!(near(baseline("run_auroc", "run_length"), 1.5 / 4.0));
    assert!(near(baseline("run_brier", "base_rate"), 0.25));
    assert!(near(baseline("step_precision_alarm", "always_fire"), 2.0 / 19.0));
    assert!(near(baseline("step_recall_alarm", "never_fire"), 0.0));
    assert!(near(baseline("false_alarms_per_1000", "always_fire"), 1000.0));
}

#[test]
fn a_fixed_position_is_learnt_from_other_tasks_only() {
    // Three runs of one task share a position that no other task has: it is learnt for none of them.
    let mut cases: Vec<Case> = (0..3).map(|_| wrong_at("d", "same", 6, 3, "b")).collect();
    cases.push(wrong_at("d", "other", 6, 5, "b"));
    let judged: Vec<JudgedCase> = cases.iter().map(|case| judged(case, &[0.1; 6], 0.5, (0, 5))).collect();
    let measured = measure(&cases, &judged, &COSTS);
    let figure = measured[0].figure("step_top1").unwrap();
    assert!(figure.baselines.iter().any(|(key, _, v)| *key == "fixed_position" && *v == 0.0), "{figure:?}");
}

#[test]
fn a_figure_is_above_its_baseline_only_by_more_than_its_interval() {
    // Eight of twenty share a position, which the fixed position finds.
    let at = |run: u32| if run < 8 { 2 } else { 3 + run % 4 };
    let cases: Vec<Case> = (0..20).map(|run| wrong_at("d", &format!("t{run}"), 8, at(run), "a")).collect();
    let pointing = |hits: usize| -> Vec<JudgedCase> {
        cases
            .iter()
            .enumerate()
            .map(|(index, case)| {
                let mut p = [0.1; 8];
                let wanted = case.label.failed_step.unwrap() as usize;
                p[if index < hits { wanted } else { 0 }] = 0.9;
                judged(case, &p, 0.5, (0, 7))
            })
            .collect()
    };
    let beats = |hits| {
        let measured = measure(&cases, &pointing(hits), &COSTS);
        measured[0].figure("step_top1").unwrap().beats_baselines()
    };
    assert_eq!(beats(20), Some(true));
    assert_eq!(beats(9), Some(false));
    let table = table(&measure(&cases, &pointing(9), &COSTS), &[]);
    assert!(table.contains("not above"), "{table}");
}

#[test]
fn an_interval_of_only_hits_is_not_a_point() {
    let cases: Vec<Case> = (0..11).map(|at| wrong_at("d", &format!("t{at}"), 3, 1, "b")).collect();
    let judged: Vec<JudgedCase> = cases.iter().map(|c| judged(c, &[0.1, 0.9, 0.1], 0.5, (1, 1))).collect();
    let (low, high) = measure(&cases, &judged, &COSTS)[0].figure("step_top1").unwrap().interval.unwrap();
    assert!((low - 0.741).abs() < 0.001 && near(high, 1.0), "{low} {high}");
}

#[test]
fn a_log_that_two_datasets_label_counts_once_in_all() {
    let mut cases = vec![
        wrong_at("small", "x", 4, 1, "b"),
        wrong_at("large", "x", 4, 3, "b"),
        wrong_at("large", "y", 4, 1, "b"),
    ];
    cases[0].label.class = Some(Class::Hallucination);
    let judged: Vec<JudgedCase> =
        cases.iter().map(|c| judged(c, &[0.1, 0.9, 0.1, 0.1], 0.5, (0, 3))).collect();
    let measured = measure(&cases, &judged, &COSTS);
    let all = measured.last().unwrap();
    assert_eq!((all.dataset.as_str(), all.figure("step_top1").unwrap().cases), (ALL, 2));
    assert!(near(value(all, "step_top1"), 0.5), "the label of the larger dataset counts");
    assert_eq!(all.figure("class").unwrap().cases, 1, "what only one dataset labels is not lost");
    // For rules, what either calls wrong is wrong.
    let rule = all_rules()[0];
    for case in &mut cases {
        case.steps[1].rules.push((rule.id, rule.class));
        case.steps[3].rules.push((rule.id, rule.class));
    }
    let rules = measure_rules(&cases);
    assert_eq!((rules[0].fires, rules[0].hits), (4, 3));
}

#[test]
fn rules_are_held_against_what_always_firing_would_hit() {
    let (mut cases, judged) = four();
    let rule = all_rules().into_iter().find(|rule| rule.class == Class::ExecutionError).unwrap();
    // At the wrong step of a run of four, beside that of a run of five, and in a good run of four.
    for (case, step) in [(0, 1), (1, 2), (2, 0)] {
        cases[case].steps[step].rules.push((rule.id, rule.class));
        cases[case].steps[step].features.push((rule.id, 0.9));
    }
    let mut rules = measure_rules(&cases);
    let of = |rules: &[RuleMeasured], id: &str| rules.iter().find(|r| r.rule == id).unwrap().clone();
    let measured = of(&rules, rule.id);
    assert_eq!((measured.fires, measured.hits, measured.good_fires), (2, 1, 1));
    assert_eq!((measured.failed_runs, measured.good_runs), (2, 1));
    assert!(near(measured.chance.unwrap(), (0.25 + 0.2) / 2.0));
    assert!(near(measured.lift.unwrap(), 0.5 / 0.225));
    assert!(near(measured.pooled_lift.unwrap(), 0.5 / (2.0 / 9.0)));
    assert!(near(measured.good_fires_per_1000, 100.0));
    assert!(near(measured.run_lift.unwrap(), (2.0 / 3.0) / 0.5));
    assert!(!measured.shows_lift, "one hit shows nothing");
    assert_eq!(measured.without, None);
    // Without it "one" is no longer found.
    let blind = super::tests::judged(&cases[0], &[0.2, 0.1, 0.1, 0.1], 0.2, (0, 3));
    let judged: Vec<(JudgedCase, Variants)> = judged
        .into_iter()
        .enumerate()
        .map(|(index, judged)| (judged, if index == 0 { vec![(rule.id, blind.clone())] } else { Vec::new() }))
        .collect();
    add_losses(&mut rules, &cases, &judged, &COSTS);
    let lost = of(&rules, rule.id).without.unwrap();
    assert!(near(lost.step_top1, -0.5), "{lost:?}");
    assert!(near(lost.run_auroc, 0.5 - 0.75), "{lost:?}");
    assert!(rules.iter().filter(|r| r.rule != rule.id).all(|r| r.without.is_none()));
}

#[test]
fn lift_is_shown_by_three_hits_whose_interval_is_above_chance() {
    let rule = all_rules()[0];
    let shows = |runs: u32, steps: usize| {
        let mut cases: Vec<Case> =
            (0..runs).map(|run| wrong_at("d", &format!("t{run}"), steps, 1, "b")).collect();
        for case in &mut cases {
            case.steps[1].rules.push((rule.id, rule.class));
        }
        measure_rules(&cases)[0].shows_lift
    };
    // Wilson's interval of three out of three begins at 0.44.
    assert!(shows(3, 10));
    assert!(!shows(2, 10), "two hits are too few");
    assert!(!shows(3, 2), "every other step is wrong anyway");
}

#[test]
fn a_case_without_a_rule_has_nothing_of_it_left() {
    let mut case = wrong_at("d", "t", 3, 1, "b");
    case.steps[1].rules = vec![("x.one", Class::ExecutionError), ("x.two", Class::Operational)];
    case.steps[1].features = vec![("x.one", 0.9), ("x.two", 0.9), ("context.failed", 1.0)];
    case.steps[1].judged.against = true;
    let without = case.without("x.one");
    assert_eq!(without.steps[1].features, [("x.two", 0.9), ("context.failed", 1.0)]);
    assert!(!without.steps[1].judged.against, "what is only operational is not against a step");
    assert!(case.without("x.two").steps[1].judged.against);
}

#[test]
fn the_table_keeps_its_width_and_names_are_fields_in_json() {
    let (mut cases, mut judged) = four();
    let more = four();
    cases.extend(more.0.into_iter().map(|mut case| {
        case.label.dataset = "another".to_owned();
        case.log += 1;
        case
    }));
    judged.extend(more.1);
    let rule = all_rules()[0];
    cases[0].steps[1].rules.push((rule.id, rule.class));
    let measured = measure(&cases, &judged, &COSTS);
    let names: Vec<String> = (0..40).map(|i| format!("run-{i}")).collect();
    let text = table(&measured, &measure_rules(&cases)) + &compared(&measured, &measured) + &unfound(&names);
    for line in text.lines() {
        assert!(line.chars().count() <= 100, "{} columns: {line}", line.chars().count());
    }
    assert!(text.contains("P(run failed) as said") && text.contains("precision at recall"), "{text}");
    let json = serde_json::to_value(&measured).unwrap();
    assert_eq!(json[2]["dataset"], "all");
    assert_eq!(json[1]["figures"]["step_top1"]["value"], 0.5);
    assert_eq!(json[1]["figures"]["step_top1"]["baselines"]["first_step"], 0.5);
    assert_eq!(json[1]["reliability"]["runs"][0]["cases"], 1);
}

#[test]
fn both_settings_stand_side_by_side_and_what_differs_is_named() {
    let (cases, judged) = four();
    let off = measure(&cases, &judged, &COSTS);
    let same = compared(&off, &off);
    assert!(same.contains("no figure of any dataset differs"), "{same}");
    let mut better = judged.clone();
    better[1].scores = vec![0.9, 0.1, 0.1, 0.1, 0.1];
    let differ = compared(&off, &measure(&cases, &better, &COSTS));
    let line = differ.lines().find(|line| line.contains("step top-1")).unwrap();
    assert!(line.contains("0.500 [") && line.contains("1.000 ["), "{line}");
    assert!(!differ.contains("run AUROC"), "what is the same in one dataset is left out: {differ}");
}

#[test]
fn a_curve_has_a_point_for_each_threshold_that_takes_in_a_positive() {
    let points = curves::precision_recall(&[(0.9, true), (0.8, false), (0.7, true), (0.1, false)]);
    let shape: Vec<(f64, f64)> = points.iter().map(|p| (p.recall, p.precision)).collect();
    assert_eq!(shape, [(0.5, 1.0), (1.0, 2.0 / 3.0)]);
    assert!(curves::precision_recall(&[(0.5, false)]).is_empty());
}
