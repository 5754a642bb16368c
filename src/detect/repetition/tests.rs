//! What the family makes of played runs.

use serde_json::json;

use super::*;
use crate::detect::Means;
use crate::detect::scene::Scene;
use crate::trace::{Status, StepId};

fn scene() -> Scene {
    Scene::of(Repetition::default())
}

#[test]
fn the_third_same_failure_is_told_and_then_every_doubling() {
    let mut scene = scene();
    for _ in 0..12 {
        let at = scene.run().steps.len();
        let text = format!("error: broken thing\nlog: /tmp/{at}-debug-{at}{at}.log");
        scene.call("Bash", &json!({"command": "./deploy"}), Status::Error, &text);
    }
    let found = scene.found("repetition.in-a-row");
    let steps: Vec<u32> = found.iter().map(|f| f.step.0).collect();
    assert_eq!(steps, [2, 5, 11]);
    assert!(found[2].strength > found[0].strength);
    assert_eq!(found[0].root, Some(StepId(0)));
    assert_eq!(found[0].evidence.len(), 2);
    assert!(found[0].sentence.contains("3 times"), "{}", found[0].sentence);
}

#[test]
fn the_same_call_with_others_between_is_another_matter() {
    let mut scene = scene();
    for n in 0..3 {
        scene.call("look", &json!({"page": 1}), Status::Ok, "page 1");
        scene.call("read", &json!({"line": n}), Status::Ok, &format!("line {n}"));
    }
    assert_eq!(scene.found("repetition.same-call").len(), 1);
    assert!(scene.found("repetition.in-a-row").is_empty());
}

#[test]
fn the_same_change_again_and_again_is_in_a_row() {
    let mut scene = scene();
    for _ in 0..3 {
        scene.call("cancel_order", &json!({"order": "A1"}), Status::Ok, "cancelled");
    }
    assert_eq!(scene.found("repetition.in-a-row").len(), 1);
}

#[test]
fn what_is_booked_twice_is_told_unless_a_person_asked_again() {
    let book = |scene: &mut Scene| {
        scene.call("book_table", &json!({"at": "20:00"}), Status::Ok, "booked");
    };
    let mut scene = scene();
    book(&mut scene);
    scene.call("get_menu", &json!({}), Status::Ok, "soup");
    book(&mut scene);
    let found = scene.found("repetition.effect-again");
    assert_eq!((found.len(), found[0].root), (1, Some(StepId(0))));
    let mut scene = self::scene();
    book(&mut scene);
    scene.prompt("One more please.");
    book(&mut scene);
    scene.call("book_table", &json!({"at": "21:00"}), Status::Error, "Error: full");
    scene.call("book_table", &json!({"at": "21:00"}), Status::Ok, "booked");
    assert!(scene.found("repetition.effect-again").is_empty());
}

#[test]
fn changing_outcomes_are_no_loop() {
    let mut scene = scene();
    for n in 0..9 {
        scene.call("Bash", &json!({"command": "./status"}), Status::Ok, &format!("{n} of 9 ready"));
    }
    assert!(scene.all().is_empty());
}

#[test]
fn an_edit_or_a_persons_word_begins_anew() {
    let mut scene = scene();
    for n in 0..6 {
        scene.call("Bash", &json!({"command": "make -C app"}), Status::Error, "a.c: error: no");
        scene.call(
            "Edit",
            &json!({"path": "a.c", "old_string": format!("{n}"), "new_string": "b"}),
            Status::Ok,
            "edited",
        );
    }
    assert!(scene.found("repetition.same-call").is_empty());
    let mut scene = self::scene();
    for _ in 0..6 {
        scene.call("look", &json!({"x": 1}), Status::Ok, "same");
        scene.prompt("again please");
    }
    assert!(scene.all().is_empty());
}

#[test]
fn waiting_is_no_loop() {
    let mut scene = scene();
    for _ in 0..8 {
        scene.call("Bash", &json!({"command": "sleep 5; cat log"}), Status::Ok, "building");
    }
    assert!(scene.all().is_empty());
}

#[test]
fn a_round_of_two_is_a_cycle_once() {
    let mut scene = scene();
    for _ in 0..3 {
        scene.call("look", &json!({"page": "a"}), Status::Ok, "page a");
        scene.call("look", &json!({"page": "b"}), Status::Ok, "page b");
    }
    let found = scene.found("repetition.cycle");
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].step.0, found[0].root), (5, Some(StepId(0))));
    assert!(found[0].sentence.contains("2 calls"));
}

#[test]
fn two_rounds_are_no_cycle_and_neither_is_one_with_new_outcomes() {
    let mut scene = scene();
    for n in 0..6 {
        scene.call("look", &json!({"page": "a"}), Status::Ok, &format!("page {n}"));
        scene.call("look", &json!({"page": "b"}), Status::Ok, "page b");
    }
    assert!(scene.found("repetition.cycle").is_empty());
}

#[test]
fn counting_on_in_vain_is_told_and_paging_is_not() {
    let mut scene = scene();
    for n in 0..5 {
        scene.call("fetch_item", &json!({"id": n}), Status::Error, &format!("item {n}: nothing here"));
    }
    assert_eq!(scene.found("repetition.near-same-call").len(), 1);
    let mut scene = self::scene();
    for n in 0..9 {
        scene.call(
            "fetch_item",
            &json!({"id": n}),
            Status::Ok,
            &format!("content {}", "abcdefghi".get(n..).unwrap()),
        );
    }
    assert!(scene.all().is_empty());
}

#[test]
fn the_same_error_for_different_arguments() {
    let mut scene = scene();
    for name in ["ann", "bob", "cid"] {
        scene.call("find_user", &json!({"name": name}), Status::Error, "Error: user not found");
    }
    let found = scene.found("repetition.same-error");
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].evidence[1].text, "Error: user not found");
}

#[test]
fn a_success_between_breaks_the_row_of_errors() {
    let mut scene = scene();
    for name in ["ann", "bob", "cid", "dan"] {
        scene.call("find_user", &json!({"name": name}), Status::Error, "Error: user not found");
        scene.call("find_user", &json!({"name": format!("{name}x")}), Status::Ok, "u_1");
    }
    assert!(scene.all().is_empty());
}

#[test]
fn a_refused_call_again_is_hopeless_and_a_broken_connection_is_not() {
    let mut scene = scene();
    for _ in 0..2 {
        scene.call("get", &json!({"u": "a"}), Status::Error, "403 Forbidden");
        scene.call("get", &json!({"u": "b"}), Status::Error, "503 Service Unavailable");
    }
    let found = scene.found("repetition.hopeless-retry");
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].step, StepId(2));
    assert_eq!(found[0].means, [Means::RefuseRepeat]);
}

#[test]
fn the_same_words_three_times_without_an_answer() {
    let words = "Please look at the first page of the results and click on the link there.";
    let mut scene = scene();
    for _ in 0..3 {
        scene.says(words);
    }
    assert_eq!(scene.found("repetition.same-message").len(), 1);
    let mut scene = self::scene();
    for _ in 0..3 {
        scene.says(words);
        scene.prompt("I did");
        scene.says("ok");
    }
    assert!(scene.all().is_empty());
}

#[test]
fn doublings() {
    let told: Vec<u32> = (1..50).filter(|n| due(*n, 3)).collect();
    assert_eq!(told, [3, 6, 12, 24, 48]);
}
