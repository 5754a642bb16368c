//! `medbay eval` and `medbay fit` as a user meets them, on a small corpus made here.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

/// A run that says that all is well; `fails`: although its tests failed.
fn log(run: &str, fails: bool) -> String {
    let (status, code, text) = if fails {
        ("error", 101, "test result: FAILED. 39 passed; 3 failed; 0 ignored")
    } else {
        ("ok", 0, "test result: ok. 42 passed; 0 failed; 0 ignored")
    };
    let records = [
        json!({"type": "run", "medbay": 1, "run": run, "title": "mend the importer"}),
        json!({"type": "prompt", "text": "Mend the importer and run the tests."}),
        json!({"type": "call", "id": "c1", "tool": "bash", "input": {"command": "cargo test"}}),
        json!({"type": "result", "id": "c1", "status": status, "exit_code": code, "text": text}),
        json!({"type": "message", "text": "All 42 tests pass."}),
    ];
    records.iter().fold(String::new(), |mut log, record| {
        writeln!(log, "{record}").unwrap();
        log
    })
}

struct Lab {
    directory: tempfile::TempDir,
}

struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Lab {
    /// A corpus of twelve runs of twelve tasks, half of them with a false claim at record 4.
    fn new() -> Self {
        let lab = Self { directory: tempfile::tempdir().unwrap() };
        let corpus = lab.path("corpus/small");
        fs::create_dir_all(corpus.join("runs")).unwrap();
        let mut labels = String::new();
        for number in 0..12 {
            let fails = number % 2 == 0;
            let name = format!("r{number}");
            fs::write(corpus.join(format!("runs/{name}.jsonl")), log(&name, fails)).unwrap();
            let errors = if fails { json!([{"step": 4}]) } else { json!([]) };
            let label = json!({
                "run": name, "dataset": "small", "run_file": format!("runs/{name}.jsonl"), "success": !fails,
                "failed_step": fails.then_some(4), "errors": errors, "split_key": format!("t{number}"),
            });
            writeln!(labels, "{label}").unwrap();
        }
        fs::write(corpus.join("labels.jsonl"), labels).unwrap();
        lab
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let output = Command::new(env!("CARGO_BIN_EXE_medbay"))
            .args(arguments)
            .env_clear()
            .env("HOME", self.directory.path())
            .current_dir(self.directory.path())
            .output()
            .unwrap();
        Ran {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn json(&self, arguments: &[&str]) -> (i32, Value) {
        let ran = self.run(&[&["eval", "corpus", "--json"], arguments].concat());
        (ran.code, serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{} {}", ran.out, ran.err)))
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn figures_have_intervals_and_baselines_and_rules_their_lift() {
    let (code, report) = Lab::new().json(&[]);
    assert_eq!(code, 0);
    let part = &report["datasets"][0];
    assert_eq!((&part["dataset"], &part["runs"], &part["tasks"]), (&json!("small"), &json!(12), &json!(12)));
    let top1 = &part["figures"]["step_top1"];
    assert_eq!((top1["value"].as_f64(), top1["cases"].as_u64()), (Some(1.0), Some(6)), "{top1}");
    assert_eq!(top1["baselines"]["first_step"], 0.0);
    assert!(top1["interval"][0].as_f64().unwrap() < 1.0, "{top1}");
    assert_eq!(part["figures"]["run_auroc"]["value"], 1.0);
    let rules = report["rules"].as_array().unwrap();
    let claim = rules.iter().find(|rule| rule["rule"] == "claim.contradicted").unwrap();
    assert_eq!((&claim["fires"], &claim["hits"], &claim["good_fires"]), (&json!(6), &json!(6), &json!(0)));
    // Of the run's two steps one is labelled wrong.
    assert_eq!((&claim["chance"], &claim["lift"]), (&json!(0.5), &json!(2.0)));
    assert!(claim["without"]["run_auroc"].as_f64().unwrap() <= 0.0, "{claim}");
    assert_eq!(report["other_setting"]["internal_signals"], true);
    assert_eq!(report["other_setting"]["datasets"][0]["figures"]["step_top1"]["value"], 1.0);
}

#[test]
fn the_table_shows_both_settings_unless_told_not_to() {
    let lab = Lab::new();
    let ran = lab.run(&["eval", "corpus"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    for part in ["small · 12 runs of 12 tasks", "step top-1", "best baseline", "internal signals  "] {
        assert!(ran.out.contains(part), "{part} is missing: {}", ran.out);
    }
    for line in ran.out.lines() {
        assert!(line.chars().count() <= 100, "{} columns: {line}", line.chars().count());
    }
    let plain = lab.run(&["eval", "corpus", "--no-comparison"]);
    assert!(!plain.out.contains("internal signals  "), "{}", plain.out);
}

#[test]
fn floors_are_written_met_and_missed() {
    let lab = Lab::new();
    assert_eq!(lab.run(&["eval", "corpus", "--write-floors", "floors.toml"]).code, 0);
    let text = read(&lab.path("floors.toml"));
    assert!(text.contains("[floors.small]\nruns = { at_least = 12, set = \"20"), "{text}");
    let (code, report) = lab.json(&["--floors", "floors.toml"]);
    assert_eq!(code, 0);
    assert!(report["floors"].as_array().unwrap().iter().all(|floor| floor["met"] == true));
    // A dataset that is gone misses its floors.
    fs::write(lab.path("floors.toml"), text.replace("[floors.small]", "[floors.gone]")).unwrap();
    let ran = lab.run(&["eval", "corpus", "--floors", "floors.toml"]);
    assert_eq!(ran.code, 1, "{}", ran.out);
    assert!(ran.out.contains("MISSED gone") && ran.out.contains("not measured"), "{}", ran.out);
    // What stands higher than is measured is not lowered.
    let high = text.replace("runs = { at_least = 12,", "runs = { at_least = 13,");
    fs::write(lab.path("floors.toml"), &high).unwrap();
    let ran = lab.run(&["eval", "corpus", "--floors", "floors.toml", "--write-floors", "floors.toml"]);
    assert_eq!(ran.code, 1, "{}", ran.out);
    assert_eq!(read(&lab.path("floors.toml")), high);
}

#[test]
fn a_wrong_file_of_floors_is_refused_before_anything_is_measured() {
    let lab = Lab::new();
    fs::write(lab.path("floors.toml"), "slack = 0.02\nslack_per_thousand = 1.0\n[floors.d]\nno = 1\n")
        .unwrap();
    for file in ["floors.toml", "none.toml"] {
        let ran = lab.run(&["eval", "corpus", "--floors", file]);
        assert_eq!((ran.code, ran.out.as_str(), ran.err.lines().count()), (2, "", 1), "{}", ran.err);
        assert!(ran.err.contains(file), "{}", ran.err);
    }
}

#[test]
fn plots_and_the_page_of_rules_are_written_where_they_are_asked_for() {
    let lab = Lab::new();
    fs::create_dir(lab.path("docs")).unwrap();
    let ran = lab.run(&["eval", "corpus", "--plots", "new/plots", "--write-docs", "docs"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    for name in ["reliability.svg", "precision-recall.svg"] {
        let svg = read(&lab.path("new/plots").join(name));
        assert!(svg.starts_with("<svg ") && svg.contains("small: failed runs"), "{svg}");
    }
    assert!(read(&lab.path("docs/rules.toml")).contains("[rules.\"claim.contradicted\"]\nfires = 6\n"));
    assert!(
        read(&lab.path("docs/detectors.md")).contains("| `claim.contradicted` | hallucination | external |")
    );
}

#[test]
fn a_model_is_written_with_its_card_and_the_card_is_told() {
    let lab = Lab::new();
    let ran = lab.run(&["fit", "corpus", "--name", "mine", "-o", "m.toml"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, ""), "{}", ran.err);
    let card = read(&lab.path("m.card.md"));
    for part in ["# Model card: mine", "| small | 12 | 12 | 24 | 6 | 6 | 6 |", "## Limits"] {
        assert!(card.contains(part), "{part} is missing: {card}");
    }
    assert_eq!(lab.run(&["fit", "--card", "--model", "m.toml"]).out, card);
    // The card of another file is not passed off as this one's.
    let text = read(&lab.path("m.toml"));
    fs::write(lab.path("m.toml"), text.replace("name = \"mine\"", "name = \"theirs\"")).unwrap();
    let ran = lab.run(&["fit", "--card", "--model", "m.toml"]);
    assert!(ran.out.starts_with("# Model card: theirs") && !ran.out.contains("| small |"), "{}", ran.out);
    assert!(ran.err.contains("is the card of another model file"), "{}", ran.err);
    // Without a model file it is the card of the embedded one.
    let ran = lab.run(&["fit", "--card"]);
    assert!(ran.code == 0 && ran.out.starts_with("# Model card: "), "{}", ran.out);
    let fresh = lab.run(&["fit", "corpus", "--card"]);
    assert!(fresh.out.starts_with("# Model card: fitted"), "{}", fresh.out);
    assert_eq!(lab.run(&["fit"]).code, 2);
}
