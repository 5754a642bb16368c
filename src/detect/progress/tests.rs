//! What the family makes of played runs.

use serde_json::json;

use super::*;
use crate::detect::scene::Scene;
use crate::trace::{PlanStatus, Status};

fn scene() -> Scene {
    Scene::of(Progress::default())
}

/// Calls of a search that all bring the same.
fn searches(scene: &mut Scene, count: u32) {
    for n in 0..count {
        scene.call("web_search", &json!({"query": format!("kettle {n}")}), Status::Ok, "nothing found");
    }
}

#[test]
fn twelve_calls_without_anything_new_are_a_standstill_and_then_every_doubling() {
    let mut scene = scene();
    searches(&mut scene, 25);
    let found = scene.found("progress.standstill");
    assert_eq!(
        found.iter().map(|f| (f.step.0, f.root)).collect::<Vec<_>>(),
        [(12, Some(StepId(1))), (24, Some(StepId(1)))]
    );
    assert!(found[0].sentence.contains("12 calls"), "{}", found[0].sentence);
    assert_eq!(found[0].evidence.len(), 3);
}

#[test]
fn other_failures_are_no_news() {
    let mut scene = scene();
    for n in 0..12 {
        let text = format!("Error: {n} is no known user");
        scene.call("find_user", &json!({"id": n}), Status::Error, &text);
    }
    assert_eq!(scene.found("progress.standstill").len(), 1);
}

#[test]
fn a_new_line_a_change_a_moved_item_and_a_persons_word_are_progress() {
    let act: [fn(&mut Scene); 5] = [
        |scene| {
            scene.call("web_search", &json!({"query": "x"}), Status::Ok, "nothing found\na new line");
        },
        |scene| {
            let edit = json!({"file_path": "a.rs", "old_string": "a", "new_string": "b"});
            scene.call("Edit", &edit, Status::Ok, "nothing found");
        },
        |scene| scene.plan(&[("look", PlanStatus::Done)]),
        |scene| scene.prompt("go on"),
        |scene| {
            let run = json!({"command": "cargo test"});
            scene.exit(101).call("Bash", &run, Status::Error, "test result: FAILED. 1 passed; 2 failed");
        },
    ];
    for act in act {
        let mut scene = scene();
        searches(&mut scene, 8);
        act(&mut scene);
        searches(&mut scene, 8);
        assert!(scene.found("progress.standstill").is_empty());
    }
}

#[test]
fn waiting_is_no_standstill() {
    let mut scene = scene();
    for _ in 0..30 {
        scene.call("Bash", &json!({"command": "sleep 5; cat log"}), Status::Ok, "building");
    }
    assert!(scene.all().is_empty());
}

fn read(scene: &mut Scene, from: u64, text: &str) {
    let call = json!({"file_path": "/w/a.rs", "offset": from, "limit": 100});
    scene.call("Read", &call, Status::Ok, text);
}

#[test]
fn the_same_stretch_three_times_is_told_however_it_is_read() {
    let mut scene = scene();
    read(&mut scene, 0, "fn a() {}");
    scene.call("Bash", &json!({"command": "head -n 100 /w/a.rs"}), Status::Ok, "fn a() {}");
    read(&mut scene, 5, "fn a() {} ");
    let found = scene.found("progress.reads-again");
    assert_eq!((found.len(), found[0].root), (1, Some(StepId(0))));
    assert!(found[0].sentence.contains("/w/a.rs 3 times"), "{}", found[0].sentence);
}

#[test]
fn other_stretches_other_text_and_an_edit_between_are_not() {
    let mut scene = scene();
    for n in 0..6 {
        read(&mut scene, n * 100, "fn a() {}");
    }
    assert!(scene.all().is_empty());
    let mut scene = self::scene();
    for n in 0..6 {
        read(&mut scene, 0, &format!("fn a{} () {{}}", "abcdef".get(n..).unwrap()));
    }
    assert!(scene.all().is_empty());
    let mut scene = self::scene();
    for n in 0..6 {
        read(&mut scene, 0, "fn a() {}");
        let edit = json!({"file_path": "/w/a.rs", "old_string": format!("{n}"), "new_string": "b"});
        scene.call("Edit", &edit, Status::Ok, "done");
    }
    assert!(scene.found("progress.reads-again").is_empty());
    let mut scene = self::scene();
    for _ in 0..6 {
        read(&mut scene, 0, "fn a() {}");
        scene.prompt("what does it say now?");
    }
    assert!(scene.all().is_empty());
}

fn edit(scene: &mut Scene, path: &str) {
    let call = json!({"file_path": path, "old_string": "a", "new_string": "b"});
    scene.call("Edit", &call, Status::Ok, "done");
}

#[test]
fn three_files_edited_before_anything_was_looked_at() {
    let mut scene = scene();
    for path in ["a.rs", "b.rs", "b.rs", "c.rs", "d.rs"] {
        edit(&mut scene, path);
    }
    let found = scene.found("progress.scatter");
    assert_eq!(found.iter().map(|f| (f.step.0, f.root)).collect::<Vec<_>>(), [(3, Some(StepId(0)))]);
}

#[test]
fn new_files_a_look_before_and_files_that_were_shown_are_no_scatter() {
    let mut scene = scene();
    for path in ["a.rs", "b.rs", "c.rs", "d.rs"] {
        scene.call("Write", &json!({"file_path": path, "content": "x"}), Status::Ok, "done");
    }
    assert!(scene.all().is_empty());
    let mut scene = self::scene();
    scene.call("Grep", &json!({"pattern": "x"}), Status::Ok, "a.rs:1: x");
    for path in ["a.rs", "b.rs", "c.rs"] {
        edit(&mut scene, path);
    }
    assert!(scene.all().is_empty());
    let mut scene = self::scene();
    scene.hands_over("coder", "Change a.rs, b.rs and c.rs as shown.");
    scene.acts("coder");
    for path in ["a.rs", "b.rs", "c.rs"] {
        edit(&mut scene, path);
    }
    assert!(scene.all().is_empty());
}
