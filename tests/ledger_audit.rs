//! Tampering: whatever is changed, taken out or slipped in behind the ledger's back, `verify` names the
//! first row that does not hold and what is wrong with it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod drafts;

use std::path::PathBuf;
use std::time::Duration;

use drafts::{approve, at, draft, person};
use medbay::ledger::{Broken, Fault, Ledger, Mode, Verdict};
use medbay::trace::RunId;

const WITHOUT_GUARDS: &str = "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON;
    DROP TRIGGER decisions_are_not_changed; DROP TRIGGER decisions_are_not_removed;
    DROP TRIGGER decisions_are_of_the_round; DROP TRIGGER decisions_say_on_what;
    DROP TRIGGER deliveries_stay_as_approved; DROP TRIGGER deliveries_carry_what_was_approved;
    DROP TRIGGER proposals_stay_as_drafted; DROP TRIGGER proposals_stay_bound;
    DROP TRIGGER proposals_are_not_removed; DROP TRIGGER proposals_go_the_way_of_states;
    DROP TRIGGER approval_has_its_decision; DROP TRIGGER veto_has_its_decision;";

/// Four decisions (approve, edit, veto, approve), of which the first two were delivered.
fn filled() -> (tempfile::TempDir, PathBuf, Ledger) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.db");
    let ledger = Ledger::open(&path).unwrap();
    let calls = ["c1", "c2", "c3", "c4"].map(|call| draft("r1", call));
    for p in &calls {
        ledger.propose(p, Mode::Suggest, at(0)).unwrap();
    }
    approve(&ledger, &calls[0].id, at(1));
    let edit = Verdict::Edit { text: "another text".into() };
    ledger.decide(&calls[1].id, edit, person(), "the desk", at(2), Duration::ZERO).unwrap();
    let veto = Verdict::Veto { reason: "no".into() };
    ledger.decide(&calls[2].id, veto, person(), "the desk", at(3), Duration::ZERO).unwrap();
    for _ in 0..2 {
        let lease =
            ledger.lease(&RunId::new("r1"), "hook", "h", Duration::from_secs(9), at(4)).unwrap().unwrap();
        ledger.delivered(&lease, at(5)).unwrap();
    }
    approve(&ledger, &calls[3].id, at(6));
    assert_eq!(ledger.verify().unwrap().broken, None);
    (directory, path, ledger)
}

fn broken_by(sql: &str) -> Option<Broken> {
    let (_kept, path, ledger) = filled();
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute_batch(WITHOUT_GUARDS).unwrap();
    db.execute_batch(sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
    ledger.verify().unwrap().broken
}

#[test]
fn a_change_of_any_column_of_a_decision_is_found_at_its_row() {
    let (_kept, path, _) = filled();
    let db = rusqlite::Connection::open(&path).unwrap();
    let columns: Vec<(String, String)> = db
        .prepare("SELECT name, type FROM pragma_table_info('decisions')")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(columns.len(), 16, "{columns:?}");
    let zeros = "0".repeat(64);
    for (column, kind) in columns {
        let other = match (column.as_str(), kind.as_str()) {
            ("number", _) => "99".to_owned(),
            ("verdict", _) => "'veto'".to_owned(),
            ("by_kind", _) => "'policy'".to_owned(),
            (_, "INTEGER") => format!("{column} + 1"),
            ("digest" | "drafted_digest" | "previous" | "hash" | "bound", _) => format!("'{zeros}'"),
            _ => format!("{column} || ' '"),
        };
        let broken = broken_by(&format!("UPDATE decisions SET {column} = {other} WHERE number = 2")).unwrap();
        let (row, fault) = match column.as_str() {
            // The row after the gap is the first that does not hold.
            "number" => (3, Fault::Gap),
            "previous" => (2, Fault::Link),
            "text" | "digest" => (2, Fault::Text),
            _ => (2, Fault::Hash),
        };
        assert_eq!((broken.row, broken.fault), (row, fault), "{column}: {}", broken.why);
        if kind == "TEXT" && !matches!(column.as_str(), "digest" | "previous") {
            let broken = broken_by(&format!("UPDATE decisions SET {column} = '' WHERE number = 3"));
            let empty_already = matches!(column.as_str(), "text");
            assert_eq!(broken.map(|b| b.row), (!empty_already).then_some(3), "{column} made empty");
        }
    }
}

#[test]
fn rows_that_are_taken_out_or_slipped_in_are_found() {
    let found = |sql: &str| broken_by(sql).map(|b| (b.row, b.fault));
    assert_eq!(found("SELECT 1"), None);
    assert_eq!(found("DELETE FROM decisions WHERE number = 1"), Some((2, Fault::Gap)));
    assert_eq!(found("DELETE FROM decisions WHERE number = 2"), Some((3, Fault::Gap)));
    assert_eq!(found("DELETE FROM decisions WHERE number = 4"), Some((4, Fault::MissingEnd)));
    assert_eq!(found("DELETE FROM decisions WHERE number >= 3"), Some((3, Fault::MissingEnd)));
    assert_eq!(found("DELETE FROM decisions"), Some((1, Fault::MissingEnd)));
    let copy = "INSERT INTO decisions SELECT 5, proposal, round + 7, verdict, text, digest, drafted_digest,
        reason, by_kind, by_name, at, seen, position, (SELECT hash FROM decisions WHERE number = 4),
        '9' || substr(hash, 2), bound FROM decisions WHERE number = 1";
    assert_eq!(found(copy), Some((5, Fault::Hash)));
    // A copy of a row, number and all moved on, does not carry the hash of the one before.
    let moved = "INSERT INTO decisions SELECT 5, proposal, round + 7, verdict, text, digest, drafted_digest,
        reason, by_kind, by_name, at, seen, position, previous, '9' || substr(hash, 2), bound
        FROM decisions WHERE number = 1";
    assert_eq!(found(moved), Some((5, Fault::Link)));
}

#[test]
fn a_change_of_what_was_decided_on_or_delivered_is_found() {
    let found = |sql: &str| broken_by(sql).map(|b| (b.row, b.fault));
    for column in ["fact", "claim", "payload", "sentence", "target.agent", "target.step", "target.run"] {
        let sql = format!(
            "UPDATE proposals SET body = json_set(body, '$.{column}', 'x') WHERE id =
             (SELECT proposal FROM decisions WHERE number = 3)"
        );
        assert_eq!(found(&sql), Some((3, Fault::Proposal)), "{column}");
    }
    for change in [
        "body = 'not json'",
        "scope = 'call'",
        "gate_call = 'x'",
        "gate_input = 'x'",
        "run = 'r2'",
        "agent = 'other'",
        "position = 0",
        "digest = printf('%064d', 0)",
    ] {
        let sql = format!(
            "UPDATE proposals SET {change} WHERE id = (SELECT proposal FROM decisions WHERE number = 3)"
        );
        assert_eq!(found(&sql), Some((3, Fault::Proposal)), "{change}");
    }
    let gone = "DELETE FROM proposals WHERE id = (SELECT proposal FROM decisions WHERE number = 4)";
    assert_eq!(found(gone), Some((4, Fault::Proposal)));
    for change in ["text = 'x'", "digest = printf('%064d', 0)", "decision = 3", "decision = 77"] {
        let fault = found(&format!("UPDATE deliveries SET {change} WHERE decision = 2")).unwrap().1;
        assert_eq!(fault, Fault::Delivery, "{change}");
    }
    // Nobody's decision led there.
    let vetoed = "UPDATE proposals SET state = 'approved' WHERE state = 'vetoed'";
    assert_eq!(found(vetoed), Some((0, Fault::State)));
    let undecided = "UPDATE proposals SET state = 'vetoed' WHERE state = 'delivered'";
    assert_eq!(found(undecided), Some((0, Fault::State)));
}
