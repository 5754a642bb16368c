//! The claims family over recorded runs of real agent programs, where the corpus lies beside the crate:
//! every false claim is found at its line, and runs in which nothing false is said raise none.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    unreachable_pub
)]

use std::path::PathBuf;

use medbay::detect::Part;
use medbay::engine::{Judge, read};

fn corpus() -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/real-clients");
    if root.join("labels.jsonl").exists() {
        return Some(root);
    }
    println!("skipped: no recorded runs at {}", root.display());
    None
}

/// What a family's rules found: the rule's id, the line of the claim in the main file, the sentence.
fn found(path: &std::path::Path, family: &str) -> Option<Vec<(String, u32, String)>> {
    let run = read::run_of(path, None)?;
    let source = run.sources.iter().position(|source| source.path == path)? as u16;
    let mut read = read::whole(&run, &Judge::embedded()).unwrap();
    read.assessor.conclude(true);
    let all = read.assessor.findings().iter().filter(|f| f.rule.id.starts_with(family));
    let claims = all.filter_map(|f| {
        let claim = f.evidence.iter().find(|e| e.part == Part::Claim)?.record;
        (claim.source == source).then(|| (f.rule.id.to_owned(), claim.index, f.sentence.clone()))
    });
    Some(claims.collect())
}

#[test]
fn false_claims_are_found_at_their_lines_and_nothing_else_is_raised() {
    let Some(root) = corpus() else { return };
    let labels = std::fs::read_to_string(root.join("labels.jsonl")).unwrap();
    let (mut read, mut wrong) = (0, Vec::new());
    for label in labels.lines() {
        let label: serde_json::Value = serde_json::from_str(label).unwrap();
        let name = label["run"].as_str().unwrap();
        let Some(path) = label["transcript"].as_str().map(|t| root.join(t)) else { continue };
        let Some(found) = found(&path, "claim.") else {
            println!("{name}: no format claims it");
            continue;
        };
        read += 1;
        let lines: Vec<u32> = label["claim_lines"]
            .as_array()
            .map(|l| l.iter().map(|n| n.as_u64().unwrap() as u32).collect())
            .unwrap_or_default();
        let is_false = label["claim_true"] == false;
        println!("{name}: {found:?}");
        let hit = found.iter().any(|(_, line, _)| lines.contains(line));
        let elsewhere = found.iter().any(|(_, line, _)| !lines.contains(line));
        if is_false != hit || elsewhere {
            wrong.push(format!("{name}: false {is_false}, at {lines:?}, found {found:?}"));
        }
    }
    println!("{read} runs read");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(read >= 19, "only {read} runs were read");
}
