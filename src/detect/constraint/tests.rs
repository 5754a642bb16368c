//! Scenes for the family's rules.

use serde_json::json;

use super::Constraint;
use crate::detect::scene::Scene;
use crate::trace::Status;

fn scene() -> Scene {
    let mut scene = Scene::of(Constraint::default());
    scene.system(
        "Before a booking, list the details and obtain explicit user confirmation (yes). \
         If you make a tool call, do not respond to the user at the same time.",
    );
    scene
}

#[test]
fn an_act_without_a_yes() {
    let mut scene = scene();
    scene.prompt("What would the flight cost?");
    scene.call("book_flight", &json!({"n": 1}), Status::Ok, "booked");
    let found = scene.found("constraint.unconfirmed-act");
    assert_eq!(found.len(), 1);
    assert!(found[0].sentence.contains("What would the flight cost?"));
}

#[test]
fn with_a_yes_or_without_the_constraint_it_is_well() {
    let mut scene = scene();
    scene.prompt("Yes, please go ahead.");
    scene.call("book_flight", &json!({"n": 1}), Status::Ok, "booked");
    assert!(scene.all().is_empty());
    let mut free = Scene::of(Constraint::default());
    free.prompt("What would it cost?");
    free.intends("I book it.");
    free.call("book_flight", &json!({"n": 1}), Status::Ok, "booked");
    assert!(free.all().is_empty());
}

#[test]
fn looking_something_up_needs_no_yes() {
    let mut scene = scene();
    scene.prompt("What would the flight cost?");
    scene.call("get_flight", &json!({"n": 1}), Status::Ok, "100");
    assert!(scene.all().is_empty());
}

#[test]
fn a_call_together_with_words() {
    let mut scene = scene();
    scene.prompt("Yes");
    scene.intends("I will look that up for you.");
    scene.call("get_flight", &json!({"n": 1}), Status::Ok, "100");
    assert_eq!(scene.found("constraint.call-with-message").len(), 1);
}
