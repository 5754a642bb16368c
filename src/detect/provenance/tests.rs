//! Scenes for the family's rules.

use super::*;
use crate::detect::scene::Scene;
use crate::trace::Status;
use serde_json::json;

fn scene() -> Scene {
    let mut scene = Scene::of(Provenance::default());
    scene.prompt("Cancel order #W6390527 of ann@example.org, then tidy src/app.py.");
    scene.call("Bash", &json!({"command": "pwd"}), Status::Ok, "/w");
    scene
}

#[test]
fn what_nothing_brought_is_told_once() {
    let mut scene = scene();
    scene.says("The limit is set in src/limits/table.py.");
    scene.says("Again: the limit is set in src/limits/table.py.");
    let found = scene.found("provenance.unknown-entity");
    assert_eq!(found.len(), 1);
    assert!(found[0].sentence.contains("src/limits/table.py"));
    assert!(found[0].evidence[0].text.contains("The limit is set"));
}

#[test]
fn an_agent_that_makes_no_calls_is_left_alone() {
    let mut scene = scene();
    scene.acts("surfer");
    scene.says("The page https://news.example.org/a/b.html says so.");
    assert!(scene.all().is_empty());
}

#[test]
fn many_things_in_one_message_are_one_finding() {
    let mut scene = scene();
    scene.says("Limits are in lib/a/one.py.\nRates are in lib/a/two.py, fees in lib/a/four.py, costs in lib/a/five.py.");
    let found = scene.found("provenance.unknown-entity");
    assert_eq!((found.len(), found[0].evidence.len()), (1, 3));
    assert!(found[0].sentence.contains("and 1 more"), "{}", found[0].sentence);
}

#[test]
fn what_was_prompted_observed_written_or_tried_well_is_known() {
    let mut scene = scene();
    scene.call("Bash", &json!({"command": "ls"}), Status::Ok, "notes/today.md\ncommit 1a2b3c4d");
    scene.call("Write", &json!({"file_path": "/w/made.py", "content": "x"}), Status::Ok, "ok");
    scene.call("Bash", &json!({"command": "python tool/run.py"}), Status::Ok, "fine");
    scene.says("app.py, notes/today.md, /w/made.py and tool/run.py are in order at commit 1a2b3c4d.");
    assert!(scene.all().is_empty());
}

#[test]
fn plans_and_examples_are_no_claims() {
    let mut scene = scene();
    scene.says("I will create src/new/thing.py. You could use https://docs.example.com/page too.");
    scene.says("For example, lib/other/part.py would do.\n```\nopen('data/raw/in.csv')\n```");
    assert!(scene.all().is_empty());
}

#[test]
fn an_invented_commit_is_strong() {
    let mut scene = scene();
    scene.says("Pushed as commit deadbee7.");
    assert!(scene.found("provenance.unknown-entity")[0].strength.get() > 0.5);
}

#[test]
fn an_id_from_nowhere_that_fails_is_told() {
    let mut scene = scene();
    scene.call("get_order", &json!({"order_id": "#W1112223"}), Status::Error, "Error: order not found");
    let found = scene.found("provenance.unknown-argument");
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].means, [Means::RepairArgument { argument: "order_id".to_owned() }]);
    assert_eq!(found[0].evidence[1].text, "Error: order not found");
}

#[test]
fn an_id_that_is_nearly_one_that_was_brought_is_told_wherever_it_stands() {
    for input in [
        json!({"order_id": "#W6309527"}),
        json!({"order_ids": ["W6390527", "W6390577"]}),
        json!({"query": {"where": [{"order": "w6390111"}]}}),
        json!({"summary": "The user wants order W6390572 cancelled."}),
    ] {
        let mut scene = scene();
        scene.call("cancel_order", &input, Status::Ok, "done");
        let found = scene.found("provenance.altered-id");
        assert_eq!(found.len(), 1, "{input}");
        assert!(found[0].sentence.contains("W6390527"), "{}", found[0].sentence);
        assert_eq!(found[0].evidence[1].text, "W6390527");
    }
}

#[test]
fn an_altered_id_in_a_message_is_told_once() {
    let mut scene = scene();
    scene.call(
        "find",
        &json!({"q": "x"}),
        Status::Ok,
        r#"{"user": "ann_lee_8020", "item_id": "8538875209", "pnr": "SI5UKW"}"#,
    );
    scene.says("Would you like to cancel order #W6390572?\nI mean order #W6390572.");
    scene.says("You are ann_leo_8020.\nThe item ID is 8538875299.\nThe reservation TI5UKW stands.");
    let found = scene.found("provenance.altered-id");
    assert_eq!(found.len(), 4);
}

#[test]
fn words_that_lead_to_a_call_count_as_a_message_does() {
    let mut scene = scene();
    scene.intends("I cancel order #W6390572 now.");
    scene.call("cancel_order", &json!({"order_id": "#W6390527"}), Status::Ok, "done");
    assert_eq!(scene.found("provenance.altered-id").len(), 1);
}

#[test]
fn ids_as_they_were_brought_in_any_spelling_are_well() {
    let mut scene = scene();
    scene.system("The desk's own account is ACCT-55120.");
    scene.prompt("I meant the one with 639 05 28, and my card ends in 7334.");
    scene.call(
        "find",
        &json!({"q": "x"}),
        Status::Ok,
        r#"{"text": "{\"a\": \"T9910021\",\nB7710023\"}", "next": "2026-11-22T09"}"#,
    );
    for input in [
        json!({"id": "w6390527"}),
        json!({"id": "#W6390528"}),
        json!({"id": "card_7334"}),
        json!({"id": "acct-55120"}),
        json!({"id": "T9910021"}),
        json!({"id": "B7710023"}),
        json!({"from": "2026-11-24T09"}),
    ] {
        scene.call("cancel_order", &input, Status::Ok, "done");
    }
    scene.says("Order W6390527, T9910021 and account ACCT-55120 are settled; the total is 6390529.");
    assert!(scene.all().is_empty(), "{:?}", scene.all());
}

#[test]
fn technical_words_and_made_up_examples_are_no_altered_ids() {
    let mut scene = scene();
    scene.call(
        "find",
        &json!({"q": "x"}),
        Status::Ok,
        "SHA256, ES2020 and AES128 in release 20240511, case CVE-2024-10211",
    );
    scene.says("I would move from ES2020 to ES2022 and from AES128 to AES256. The build took 20240512 ns.");
    scene.says("An order number looks like W6390521, for example.");
    assert!(scene.found("provenance.altered-id").is_empty());
}

#[test]
fn a_figure_with_a_zero_too_many_is_told() {
    let mut scene = scene();
    scene.call("Bash", &json!({"command": "rate"}), Status::Ok, "peak 1,284 req/s in 2027, 53120 in all");
    scene.says("The peak is 12,840 requests a second.");
    assert_eq!(scene.found("provenance.altered-figure").len(), 1);
}

#[test]
fn other_figures_years_and_known_ones_are_left_alone() {
    let mut scene = scene();
    scene.call("Bash", &json!({"command": "rate"}), Status::Ok, "peak 1,284 req/s in 2207, 53120 in all");
    scene.says("The peak is 1284, of 53,120 in all; 7740 is spare in 2027; it would be 12840 with ten.");
    assert!(scene.all().is_empty());
}

#[test]
fn an_id_from_the_prompt_or_one_that_is_answered_is_well() {
    let mut scene = scene();
    scene.call("get_order", &json!({"order_id": "W6390527"}), Status::Error, "Error: order not found");
    scene.call("get_order", &json!({"order_id": "#W1112224"}), Status::Ok, "{\"order\": \"#W1112224\"}");
    assert!(scene.all().is_empty());
}

#[test]
fn a_message_sent_to_an_address_from_nowhere() {
    let mut scene = scene();
    scene.call(
        "send_email",
        &json!({"to": "bob@nowhere.org", "text": "hi"}),
        Status::Ok,
        "sent to bob@nowhere.org",
    );
    scene.call("send_email", &json!({"to": "ann@example.org", "text": "hi"}), Status::Ok, "sent");
    assert_eq!(scene.found("provenance.unknown-argument").len(), 1);
}
