//! What the family makes of played runs.

use serde_json::json;

use super::*;
use crate::detect::scene::Scene;

fn scene() -> Scene {
    let mut scene = Scene::of(User::default());
    scene.prompt("Write the export of the orders table.");
    scene
}

fn run(scene: &mut Scene, command: &str) -> StepId {
    scene.call("Bash", &json!({"command": command}), Status::Ok, "done")
}

#[test]
fn all_patterns_compile() {
    assert!(patterns_that_do_not_compile().is_empty());
}

#[test]
fn the_same_correction_twice_is_told_at_what_came_between() {
    let mut scene = scene();
    let first = scene.says("The export writes 03/04/2026.");
    scene.prompt("No, the dates in the export must be in ISO form.");
    let second = scene.says("Done, the export is mended.");
    scene.prompt("I said the dates must be in ISO form in the export.");
    let found = scene.found("user.repeated-correction");
    assert_eq!((found.len(), found[0].step, found[0].root), (1, second, Some(first)));
    assert_eq!(found[0].evidence.len(), 3);
}

#[test]
fn corrections_of_two_things_and_first_orders_are_no_repetition() {
    let mut scene = scene();
    scene.says("The export writes 03/04/2026.");
    scene.prompt("No, the dates in the export must be in ISO form.");
    scene.says("Done.");
    scene.prompt("That's wrong, the header lacks its currency column.");
    scene.says("Done.");
    scene.prompt("Great, now write the dates of the import in ISO form too.");
    assert!(scene.all().is_empty());
    let mut scene = Scene::of(User::default());
    scene.prompt("Do not use the dates of the old export table, I said.");
    scene.prompt("Do not use the dates of the old export table, I said.");
    assert!(scene.all().is_empty());
}

#[test]
fn a_program_that_was_ruled_out_is_run_all_the_same() {
    let mut scene = scene();
    run(&mut scene, "npm install left-pad");
    scene.prompt("Don't use npm, this is a pnpm workspace.");
    run(&mut scene, "grep -rn npm README.md");
    run(&mut scene, "pnpm add left-pad");
    assert!(scene.all().is_empty());
    let step = run(&mut scene, "cd app && npm install left-pad");
    let found = scene.found("user.ignored-correction");
    assert_eq!((found.len(), found[0].step), (1, step));
    assert_eq!(found[0].means, [Means::RefuseRepeat]);
}

#[test]
fn what_was_ruled_out_long_ago_or_failed_is_left_alone() {
    let mut scene = scene();
    run(&mut scene, "npm install");
    scene.prompt("Don't use npm, this is a pnpm workspace.");
    scene.call("Bash", &json!({"command": "npm install"}), Status::Denied, "denied");
    for _ in 0..3 {
        scene.prompt("Go on with the next table.");
    }
    run(&mut scene, "npm install");
    assert!(scene.found("user.ignored-correction").is_empty());
}

#[test]
fn the_corrected_change_again_unchanged() {
    let call = json!({"id": "A1", "to": "Oslo"});
    let mut scene = scene();
    let first = scene.call("update_order", &call, Status::Ok, "done");
    scene.prompt("That's wrong, it has to go to Bergen.");
    let step = scene.call("update_order", &call, Status::Ok, "done");
    let found = scene.found("user.ignored-correction");
    assert_eq!((found.len(), found[0].step, found[0].root), (1, step, Some(first)));
}

#[test]
fn another_change_a_look_and_what_is_asked_for_again_are_well() {
    let call = json!({"id": "A1", "to": "Oslo"});
    let mut scene = scene();
    scene.call("update_order", &call, Status::Ok, "done");
    scene.call("get_order", &json!({"id": "A1"}), Status::Ok, "Oslo");
    scene.prompt("That's wrong, it has to go to Bergen.");
    scene.call("get_order", &json!({"id": "A1"}), Status::Ok, "Oslo");
    scene.call("update_order", &json!({"id": "A1", "to": "Bergen"}), Status::Ok, "done");
    assert!(scene.all().is_empty());
    scene.prompt("No, it was lost; do it again.");
    scene.call("update_order", &json!({"id": "A1", "to": "Bergen"}), Status::Ok, "done");
    assert!(scene.all().is_empty());
}

#[test]
fn a_question_that_has_to_be_asked_again_was_not_answered() {
    let mut scene = scene();
    scene.says("What shall I begin with?");
    scene.prompt("Which of the two order tables is the source?");
    let step = scene.says("I have added the header.");
    scene.prompt("But which of the order tables is the source?");
    let found = scene.found("user.unanswered-question");
    assert_eq!((found.len(), found[0].step), (1, step));
    scene.says("orders_2026 is.");
    scene.prompt("And which columns does it have?");
    assert_eq!(scene.found("user.unanswered-question").len(), 1);
}

#[test]
fn a_turn_that_ends_without_a_word_leaves_the_question() {
    let mut scene = scene();
    scene.prompt("Which table is the source?");
    run(&mut scene, "ls");
    scene.lifecycle(Lifecycle::TurnEnd);
    assert_eq!(scene.found("user.unanswered-question").len(), 1);
    for what in [Lifecycle::Interrupted, Lifecycle::TurnEnd] {
        let mut scene = self::scene();
        scene.prompt("Which table is the source?");
        run(&mut scene, "ls");
        if what == Lifecycle::TurnEnd {
            scene.says("orders_2026 is.");
        }
        scene.lifecycle(what);
        scene.lifecycle(Lifecycle::TurnEnd);
        assert!(scene.all().is_empty());
    }
}
