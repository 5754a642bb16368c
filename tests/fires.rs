//! How often each rule fires on labelled runs that went well and on runs that failed. Prints a table;
//! `RULE=provenance.` shows the findings of the rules whose names begin so, `SET=tau` takes only the
//! sets whose names hold that.
//!
//!     cargo test --test fires -- --ignored --nocapture

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use medbay::engine::{Judge, read};
use medbay::source::{Discoverer, Roots};

#[derive(Default)]
struct Tally {
    runs: [usize; 2],
    steps: [usize; 2],
    fires: BTreeMap<&'static str, [Fires; 2]>,
}

#[derive(Clone, Copy, Default)]
struct Fires {
    findings: usize,
    runs: usize,
    strength: f64,
}

fn corpus() -> PathBuf {
    std::env::var_os("CORPUS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus"), PathBuf::from)
}

#[test]
#[ignore = "prints a table over a corpus that is not part of the project"]
fn fires_per_rule() {
    if !corpus().is_dir() {
        println!("no corpus beside the project: nothing to count");
        return;
    }
    let show = std::env::var("RULE").ok().filter(|rule| !rule.is_empty());
    let only = std::env::var("SET").unwrap_or_default();
    let mut sets: Vec<PathBuf> = std::fs::read_dir(corpus()).unwrap().map(|e| e.unwrap().path()).collect();
    sets.push(Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-runs"));
    sets.sort();
    for set in sets.iter().filter(|set| set.join("labels.jsonl").is_file()) {
        if !set.to_string_lossy().contains(&only) {
            continue;
        }
        let mut tally = Tally::default();
        for line in std::fs::read_to_string(set.join("labels.jsonl")).unwrap().lines() {
            let label: serde_json::Value = serde_json::from_str(line).unwrap();
            let name = ["run_file", "transcript", "file"]
                .iter()
                .find_map(|field| label[*field].as_str())
                .unwrap_or("");
            let good = match label["success"].as_bool() {
                Some(success) => success,
                None => label["class"].is_null(),
            };
            count(&set.join(name), usize::from(!good), show.as_deref(), &mut tally);
        }
        print(set, &tally);
    }
}

fn count(file: &Path, side: usize, show: Option<&str>, tally: &mut Tally) {
    // A label may name a sub-agent's file: the run is that of its parent.
    let main = match file.to_string_lossy().split_once("/subagents/") {
        Some((session, _)) => PathBuf::from(format!("{session}.jsonl")),
        None => file.to_owned(),
    };
    let beside = main.with_extension("");
    let roots = Roots::named([main, beside].into_iter().filter(|path| path.exists()));
    let (runs, _) = Discoverer::new(None).runs(&roots);
    let Some(files) = runs.iter().max_by_key(|run| run.sources.len()) else { return };
    let judge = Judge { internal_signals: true, ..Judge::embedded() };
    let mut assessor = read::whole(files, &judge).unwrap().assessor;
    assessor.conclude(true);
    tally.runs[side] += 1;
    tally.steps[side] += assessor.run().steps.len();
    let mut here: BTreeMap<&'static str, usize> = BTreeMap::new();
    for finding in assessor.findings() {
        assert!(!finding.evidence.is_empty(), "{} without evidence", finding.rule.id);
        *here.entry(finding.rule.id).or_default() += 1;
        tally.fires.entry(finding.rule.id).or_default()[side].strength += finding.strength.get();
        if show.is_some_and(|rule| finding.rule.id.starts_with(rule)) {
            println!(
                "{} {} step {} {} {:.2}: {}",
                ["ok    ", "failed"][side],
                file.file_stem().unwrap().to_string_lossy(),
                finding.step.0,
                finding.rule.id,
                finding.strength.get(),
                finding.sentence
            );
            for evidence in &finding.evidence {
                println!("        {:?} [{}] {}", evidence.part, evidence.record.index, evidence.text);
            }
        }
    }
    for (rule, times) in here {
        let fires = &mut tally.fires.entry(rule).or_default()[side];
        fires.findings += times;
        fires.runs += 1;
    }
}

fn print(set: &Path, tally: &Tally) {
    println!(
        "\n{}: good {} runs, {} steps; failed {} runs, {} steps",
        set.file_name().unwrap().to_string_lossy(),
        tally.runs[0],
        tally.steps[0],
        tally.runs[1],
        tally.steps[1]
    );
    println!("{:<32}  good:  n  /1000 runs%  mean   failed:  n  /1000 runs%  mean", "");
    for (rule, sides) in &tally.fires {
        let cell = |side: usize| {
            let Fires { findings, runs, strength } = sides[side];
            format!(
                "{findings:>9} {:>6.1} {:>5.0} {:>5.2}",
                1000.0 * findings as f64 / tally.steps[side].max(1) as f64,
                100.0 * runs as f64 / tally.runs[side].max(1) as f64,
                strength / findings.max(1) as f64
            )
        };
        println!("{rule:<32}{}  {}", cell(0), cell(1));
    }
}
