//! What the family makes of played runs.

use serde_json::json;

use super::*;
use crate::detect::scene::Scene;
use crate::trace::{EventKind, Lifecycle, Status, Usage};

/// Calls of one tool that take so many seconds each.
fn take(scene: &mut Scene, tool: &str, command: &str, seconds: &[i64]) {
    let mut now = 0;
    for seconds in seconds {
        let step = scene.at(now).open(tool, &json!({"command": command}));
        now += seconds;
        scene.at(now).close(step, Status::Ok, "done");
    }
}

#[test]
fn a_call_that_takes_many_times_as_long_is_told() {
    let mut scene = Scene::of(Pace::default());
    take(&mut scene, "get_order", "", &[1, 2, 1, 200, 1]);
    let found = scene.found("pace.slow-call");
    assert_eq!(found.iter().map(|f| f.step.0).collect::<Vec<_>>(), [3]);
    assert!(
        found[0].sentence.contains("3 min") && found[0].sentence.contains("2 s"),
        "{}",
        found[0].sentence
    );
}

#[test]
fn long_is_not_slow_where_long_is_usual_or_nothing_is_known() {
    for (tool, command, seconds) in [
        ("get_order", "", &[100, 120, 90, 200][..]),
        ("get_order", "", &[1, 200][..]),
        ("get_order", "", &[1, 1, 1, 20][..]),
        ("Bash", "sleep 300", &[1, 1, 1, 300][..]),
    ] {
        let mut scene = Scene::of(Pace::default());
        take(&mut scene, tool, command, seconds);
        assert!(scene.all().is_empty(), "{tool} {command} {seconds:?}");
    }
    let mut scene = Scene::of(Pace::default());
    take(&mut scene, "Read", "", &[1, 1, 1, 1]);
    take(&mut scene, "Bash", "cargo build", &[400]);
    assert!(scene.all().is_empty());
}

#[test]
fn a_call_that_works_at_the_third_try_is_flaky() {
    let mut scene = Scene::of(Pace::default());
    let call = json!({"order": "A1"});
    for _ in 0..2 {
        scene.call("get_order", &call, Status::Error, "Error: 503 Service Unavailable");
    }
    scene.call("get_order", &call, Status::Ok, "{}");
    let found = scene.found("pace.flaky-tool");
    assert_eq!((found.len(), found[0].root), (1, Some(StepId(0))));
}

#[test]
fn one_failure_or_another_call_between_is_not_flaky() {
    let mut scene = Scene::of(Pace::default());
    for order in ["A1", "A2"] {
        scene.call("get_order", &json!({"order": order}), Status::Error, "Error: 503");
        scene.call("get_order", &json!({"order": order}), Status::Ok, "{}");
    }
    scene.call("get_order", &json!({"order": "A3"}), Status::Error, "Error: 503");
    scene.call("get_user", &json!({}), Status::Ok, "{}");
    scene.call("get_order", &json!({"order": "A3"}), Status::Error, "Error: 503");
    scene.call("get_order", &json!({"order": "A3"}), Status::Ok, "{}");
    assert!(scene.all().is_empty());
}

fn scene() -> Scene {
    Scene::of(Pace::default())
}

#[test]
fn a_call_far_from_the_middle_of_its_sort_is_told_although_one_before_was_long() {
    let mut scene = scene();
    take(&mut scene, "get_order", "", &[2, 2, 9, 2, 3, 2, 2, 2, 2, 60, 2]);
    let found = scene.found("pace.latency-outlier");
    assert_eq!(found.iter().map(|f| f.step.0).collect::<Vec<_>>(), [9]);
    assert!(
        found[0].sentence.contains("60 s") && found[0].sentence.contains("took 2 s"),
        "{}",
        found[0].sentence
    );
    assert!(scene.found("pace.slow-call").is_empty());
}

#[test]
fn few_calls_spread_calls_short_calls_and_builds_have_no_outliers() {
    for (command, seconds) in [
        ("", &[2, 2, 2, 2, 9, 2, 60][..]),
        ("", &[1, 10, 60, 2, 30, 5, 90, 3, 40, 120][..]),
        ("", &[1, 1, 1, 1, 1, 1, 1, 1, 1, 15][..]),
        ("cargo build", &[2, 2, 9, 2, 3, 2, 2, 2, 2, 60][..]),
    ] {
        let mut scene = scene();
        take(&mut scene, "Bash", command, seconds);
        assert!(scene.found("pace.latency-outlier").is_empty(), "{command} {seconds:?}");
    }
}

/// Calls of one tool, then one that stays open while another agent's record shows the time.
fn stays_open(tool: &str, seconds: i64) -> Scene {
    let mut scene = scene();
    take(&mut scene, tool, "", &[1, 2, 1, 2, 1, 2]);
    scene.at(100).open(tool, &json!({"order": "A1"}));
    scene.acts("helper");
    scene.at(100 + seconds).call("Read", &json!({"file_path": "a"}), Status::Ok, "x");
    scene.acts("main");
    scene
}

#[test]
fn a_call_that_nothing_answers_while_time_goes_on_hangs() {
    let mut scene = stays_open("get_order", 300);
    let found = scene.found("pace.hang");
    assert_eq!(found.iter().map(|f| f.step.0).collect::<Vec<_>>(), [6]);
    assert!(
        found[0].sentence.contains("5 min") && found[0].sentence.contains("2 s or less"),
        "{}",
        found[0].sentence
    );
    assert_eq!(found[0].evidence.len(), 2);
    // It was slow, and is no longer open.
    scene.at(500).close(StepId(6), Status::Ok, "{}");
    assert!(scene.found("pace.hang").is_empty());
}

#[test]
fn a_short_wait_a_wait_for_leave_and_a_call_that_was_left_are_no_hang() {
    for scene in [
        &mut stays_open("get_order", 30),
        &mut stays_open("ask_user", 3000),
        &mut stays_open("wait_for", 3000),
    ] {
        assert!(scene.found("pace.hang").is_empty());
    }
    let mut scene = stays_open("get_order", 300);
    scene.lifecycle(Lifecycle::Waiting);
    assert!(scene.found("pace.hang").is_empty());
    let mut scene = stays_open("get_order", 300);
    scene.says("I go on without it.");
    assert!(scene.found("pace.hang").is_empty());
    let mut scene = self::scene();
    take(&mut scene, "get_order", "", &[1, 1]);
    scene.at(10).open("get_order", &json!({"order": "A1"}));
    scene.acts("helper");
    scene.at(400).call("Read", &json!({"file_path": "a"}), Status::Ok, "x");
    assert!(scene.found("pace.hang").is_empty(), "too little is known");
}

/// A call that takes so many tokens.
fn costs(scene: &mut Scene, tool: &str, output: u64, status: Status) {
    let step = scene.open(tool, &json!({"at": scene.run().steps.len()}));
    scene.play(EventKind::Usage(Usage { output, ..Usage::default() }));
    scene.close(step, status, "x");
}

#[test]
fn a_step_that_takes_many_times_the_tokens_is_told() {
    let mut scene = scene();
    for used in [900, 1100, 1000, 1200, 800, 1000, 950, 1050, 40_000, 1000] {
        costs(&mut scene, "look", used, Status::Ok);
    }
    let found = scene.found("pace.costly-step");
    assert_eq!(found.iter().map(|f| f.step.0).collect::<Vec<_>>(), [8]);
    assert!(found[0].sentence.contains("40 k"), "{}", found[0].sentence);
}

#[test]
fn a_message_pays_for_itself_and_few_tokens_or_few_steps_are_not_dear() {
    let mut scene = scene();
    for used in [90, 110, 100, 120, 80, 100, 95, 105, 9000] {
        costs(&mut scene, "look", used, Status::Ok);
    }
    costs(&mut scene, "edit", 50_000, Status::Ok);
    scene.says("A long report.");
    scene.play(EventKind::Usage(Usage { output: 60_000, ..Usage::default() }));
    costs(&mut scene, "look", 100, Status::Ok);
    assert!(scene.found("pace.costly-step").is_empty());
}

#[test]
fn work_that_costs_three_times_as_much_as_before_is_told_once_a_doubling() {
    let mut scene = scene();
    for (used, calls) in [(1000, 60), (4000, 40)] {
        for _ in 0..calls {
            costs(&mut scene, "look", used, Status::Ok);
        }
    }
    let found = scene.found("pace.rising-cost");
    assert_eq!(found.iter().map(|f| f.step.0).collect::<Vec<_>>(), [79]);
    assert!(found[0].sentence.contains("4 k tokens each"), "{}", found[0].sentence);
}

#[test]
fn failures_make_work_dearer_and_a_slow_rise_is_none() {
    let mut scene = scene();
    for n in 0..120 {
        let status = if n < 60 || n % 4 == 0 { Status::Ok } else { Status::Error };
        costs(&mut scene, "look", 1000, status);
    }
    assert_eq!(scene.found("pace.rising-cost").len(), 0, "{}", scene.run().steps.len());
    for n in 0..40 {
        costs(&mut scene, "look", 1000, if n % 4 == 0 { Status::Ok } else { Status::Error });
    }
    assert_eq!(scene.found("pace.rising-cost").len(), 1);
    let mut scene = self::scene();
    for n in 0..160 {
        costs(&mut scene, "look", 1000 + n * 10, Status::Ok);
    }
    assert!(scene.found("pace.rising-cost").is_empty());
}
