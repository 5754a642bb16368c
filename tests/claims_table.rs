//! What is a claim and what stands against it, by hand: each line is a closing message over runs of a
//! kind, with the rule that must speak at it, or none. The lines were written before the rules were
//! tuned on them. Printed: how many were found, missed and falsely raised.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    unreachable_pub
)]

mod claims {
    pub mod acts;
    pub mod second;
    pub mod table;
    pub mod third;
}

use claims::table::{AFTER_FAILURE, AFTER_LATER_EDIT, AFTER_SUCCESS, NO_CALL, NOTHING_RUN, situations};

#[test]
fn every_line_of_the_table_is_judged_as_written() {
    let (mut lines, mut hits, mut false_alarms, mut misses) = (0, 0, 0, 0);
    let mut wrong = Vec::new();
    for (situation, did, cases) in situations().into_iter().chain(claims::second::situations()) {
        for (text, expected) in &cases {
            lines += 1;
            let found = claims::acts::run(&did, text);
            let mut rules: Vec<&str> =
                found.iter().map(|f| f.rule.id).filter(|id| id.starts_with("claim.")).collect();
            rules.dedup();
            let as_written = if expected.is_empty() {
                rules.is_empty()
            } else {
                rules.contains(expected) && rules.iter().all(|r| r == expected)
            };
            match (expected.is_empty(), rules.is_empty()) {
                (false, false) => hits += 1,
                (true, false) => false_alarms += 1,
                (false, true) => misses += 1,
                (true, true) => {}
            }
            if !as_written {
                wrong.push(format!("{situation}: {text:?}: expected {expected:?}, got {rules:?}"));
            }
        }
    }
    println!("{lines} lines: {hits} found, {false_alarms} false alarms, {misses} missed");
    assert!(wrong.is_empty(), "{} of {lines}:\n{}", wrong.len(), wrong.join("\n"));
    let by_hand = [AFTER_FAILURE, AFTER_SUCCESS, AFTER_LATER_EDIT, NOTHING_RUN, NO_CALL];
    assert!(lines >= 200 && by_hand.iter().all(|cases| !cases.is_empty()));
}

#[test]
fn held_out() {
    let (mut tp, mut fp, mut fnn, mut tn, mut exact) = (0, 0, 0, 0, 0);
    let mut tell = |name: &str, text: &str, expected: &str, found: Vec<medbay::detect::Finding>| {
        let mut rules: Vec<&str> = found.iter().map(|f| f.rule.id).collect();
        let other = if expected == "claim.identifier" { "provenance." } else { "claim." };
        rules.retain(|id| id.starts_with("claim.") || id.starts_with(other));
        rules.dedup();
        match (expected.is_empty(), rules.is_empty()) {
            (false, false) => tp += 1,
            (true, false) => fp += 1,
            (false, true) => fnn += 1,
            (true, true) => tn += 1,
        }
        if expected.is_empty() == rules.is_empty() && (expected.is_empty() || rules == [expected]) {
            exact += 1;
        } else {
            println!(
                "{name}: {text:?}: expected {expected:?}, got {rules:?} of {:?}",
                found.iter().map(|f| f.rule.id).collect::<Vec<_>>()
            );
        }
    };
    for (name, did, cases) in claims::third::situations() {
        for (text, expected) in cases {
            tell(name, text, expected, claims::acts::run(&did, text));
        }
    }
    for (name, did, cases) in claims::third::commits() {
        for (text, expected) in cases {
            let mut did = did.clone();
            did.push(claims::acts::Did::Sh(text, Some(0), "[main 1a2b3c4] x"));
            tell(name, text, expected, claims::acts::all(&did, "Committed."));
        }
    }
    println!("tp {tp} fp {fp} fn {fnn} tn {tn} exact {exact}");
}
