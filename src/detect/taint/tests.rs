//! Scenes for the family's rules.

use super::*;
use crate::detect::scene::Scene;
use crate::trace::{Probability, RecordRef, Status};
use serde_json::json;

static SOURCE_RULE: Rule = Rule {
    id: "test.source",
    class: Class::Hallucination,
    basis: Basis::External,
    speaks_of: Aspect::Support,
    summary: "",
    example: "",
    proven: true,
};

fn finding(step: StepId, claim: &str) -> Finding {
    Finding {
        rule: &SOURCE_RULE,
        step,
        root: None,
        strength: Probability::new(0.9),
        evidence: vec![Evidence::new(RecordRef::default(), Part::Claim, claim)],
        sentence: String::new(),
        instruction: String::new(),
        means: Vec::new(),
    }
}

fn scene() -> Scene {
    Scene::of(Taint::default())
}

#[test]
fn an_invented_file_is_followed_through_arguments_and_agents() {
    let mut scene = scene();
    let source = scene.says("The limits are in src/limits/table.py.");
    scene.plant(finding(source, "The limits are in src/limits/table.py."));
    let call =
        scene.call("Edit", &json!({"file_path": "src/limits/table.py"}), Status::Error, "no such file");
    scene.acts("second");
    let other = scene.says("As src/limits/table.py says, the limit is high.");
    let found = scene.found("taint.carries-entity");
    assert_eq!(found.iter().map(|f| f.step).collect::<Vec<_>>(), [call, other]);
    assert!(found.iter().all(|f| f.root == Some(source)));
}

#[test]
fn seen_independently_it_fades_and_an_echo_does_not_count() {
    let mut scene = scene();
    let source = scene.says("The limits are in src/limits/table.py.");
    scene.plant(finding(source, "The limits are in src/limits/table.py."));
    scene.call("Bash", &json!({"command": "echo src/limits/table.py"}), Status::Ok, "src/limits/table.py");
    assert_eq!(scene.found("taint.carries-entity").len(), 1);
    scene.call("Bash", &json!({"command": "find ."}), Status::Ok, "./src/limits/table.py");
    scene.acts("second");
    scene.says("As src/limits/table.py says.");
    assert_eq!(scene.found("taint.carries-entity").len(), 1);
}

#[test]
fn what_is_read_in_a_file_that_a_carrier_wrote_does_not_clear_it() {
    let mut scene = scene();
    let source = scene.says("See src/limits/table.py.");
    scene.plant(finding(source, "See src/limits/table.py."));
    let note = json!({"file_path": "notes.md", "content": "limits are in src/limits/table.py"});
    let write = scene.call("Write", &note, Status::Ok, "written");
    scene.acts("second");
    scene.call("Read", &json!({"file_path": "notes.md"}), Status::Ok, "limits are in src/limits/table.py");
    let says = scene.says("The limits are in src/limits/table.py.");
    let found = scene.found("taint.carries-entity");
    assert_eq!(found.iter().map(|f| f.step).collect::<Vec<_>>(), [write, says]);
}

#[test]
fn a_figure_spreads_and_fades_from_carrier_to_carrier() {
    let mut scene = scene();
    let source = scene.says("The bridge carries 48,210 cars.");
    scene.plant(finding(source, "The bridge carries 48,210 cars."));
    for agent in ["second", "third", "fourth"] {
        scene.acts(agent);
        scene.says("So 48210 cars it is.");
    }
    let found = scene.found("taint.carries-entity");
    let strengths: Vec<f64> = found.iter().map(|f| f.strength.get()).collect();
    assert_eq!(strengths.len(), 3);
    assert!(strengths.windows(2).all(|pair| pair[1] < pair[0]), "{strengths:?}");
}

#[test]
fn a_page_that_a_browsing_agent_shows_neither_begins_nor_carries() {
    let page = format!("{}\nThe bridge carries 48,210 cars.", "A line of the page. ".repeat(80));
    let mut scene = scene();
    scene.acts("browser");
    let source = scene.says(&page);
    scene.plant(finding(source, "The bridge carries 48,210 cars."));
    scene.acts("main");
    scene.says("The bridge carries 48,210 cars.");
    assert!(scene.all().iter().all(|f| f.rule.id != "taint.carries-entity"));
}

#[test]
fn the_root_of_a_source_is_the_root_of_its_carriers() {
    let mut scene = scene();
    let root = scene.says("I look.");
    let source = scene.says("The limits are in src/limits/table.py.");
    scene.plant(Finding { root: Some(root), ..finding(source, "The limits are in src/limits/table.py.") });
    scene.acts("second");
    scene.says("As src/limits/table.py says, the limit is high.");
    assert_eq!(scene.found("taint.carries-entity")[0].root, Some(root));
}

fn a_note_with_a_made_up_path(scene: &mut Scene) -> StepId {
    let source = scene.says("See src/limits/table.py.");
    scene.plant(finding(source, "See src/limits/table.py."));
    let note = json!({"file_path": "notes.md", "content": "limits are in src/limits/table.py"});
    scene.call("Write", &note, Status::Ok, "written");
    scene.acts("second");
    source
}

#[test]
fn who_works_from_a_tainted_file_inherits() {
    let mut scene = scene();
    let source = a_note_with_a_made_up_path(&mut scene);
    scene.call("Read", &json!({"file_path": "notes.md"}), Status::Ok, "limits are in the table");
    let edit = json!({"file_path": "deploy.yaml", "old_string": "6", "new_string": "54"});
    let step = scene.call("Edit", &edit, Status::Ok, "edited");
    scene.says("The file deploy.yaml is set.");
    let found = scene.found("taint.uses-artifact");
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].step, found[0].root), (step, Some(source)));
}

#[test]
fn who_did_not_read_the_file_inherits_nothing() {
    let mut scene = scene();
    a_note_with_a_made_up_path(&mut scene);
    scene.call("Read", &json!({"file_path": "readme.md"}), Status::Ok, "hello");
    let edit = json!({"file_path": "deploy.yaml", "old_string": "6", "new_string": "54"});
    scene.call("Edit", &edit, Status::Ok, "edited");
    assert!(scene.found("taint.uses-artifact").is_empty());
}

#[test]
fn a_claim_said_again_by_another_agent() {
    let mut scene = scene();
    scene.acts("helper");
    let source = scene.says("All 3 tests pass.");
    scene.plant(finding(source, "All 3 tests pass."));
    scene.says("All 3 tests pass.");
    scene.acts("main");
    scene.says("Not all tests pass.");
    let carrier = scene.says("The helper verified it: all 3 tests pass.");
    let found = scene.found("taint.carries-claim");
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].step, found[0].root), (carrier, Some(source)));
}

#[test]
fn a_check_that_passes_clears_the_claim() {
    let mut scene = scene();
    scene.acts("helper");
    let source = scene.says("All 3 tests pass.");
    scene.plant(finding(source, "All 3 tests pass."));
    scene.acts("main");
    scene.call("Bash", &json!({"command": "pytest"}), Status::Ok, "3 passed");
    scene.says("All 3 tests pass.");
    assert!(scene.all().iter().all(|f| f.rule.id != "taint.carries-claim"));
}

#[test]
fn weak_findings_taint_nothing() {
    let mut scene = scene();
    let source = scene.says("The limits are in src/limits/table.py.");
    let weak = Finding {
        strength: Probability::new(0.2),
        ..finding(source, "The limits are in src/limits/table.py.")
    };
    scene.plant(weak);
    scene.acts("second");
    scene.says("As src/limits/table.py says.");
    assert!(scene.found("taint.carries-entity").is_empty());
}
