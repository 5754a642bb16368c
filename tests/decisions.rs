//! `medbay decisions` over a ledger of its own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod drafts;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use drafts::{approve, at, draft, person};
use medbay::ledger::{Ledger, Mode, Verdict};
use medbay::trace::RunId;
use serde_json::Value;

fn medbay(db: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_medbay"))
        .args(["--db", db.to_str().unwrap(), "decisions"])
        .args(arguments)
        .env_clear()
        .env("HOME", db.parent().unwrap())
        .env("TZ", "UTC")
        .output()
        .unwrap();
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

/// A ledger with an edit that was undone and an approval that was delivered and seen; and a veto.
fn filled() -> (tempfile::TempDir, PathBuf, [String; 2]) {
    let directory = tempfile::tempdir().unwrap();
    let db = directory.path().join("ledger.db");
    let ledger = Ledger::open(&db).unwrap();
    let p = draft("r1", "c1");
    let mut q = draft("r1", "c2");
    q.sentence = "=1+1, \"quoted\" \u{1b}[31m\u{202e}".into();
    for x in [&p, &q] {
        ledger.propose(x, Mode::Suggest, at(0)).unwrap();
    }
    let edit = Verdict::Edit { text: "something else".into() };
    ledger.decide(&p.id, edit, person(), "the desk", at(3), Duration::from_secs(5)).unwrap();
    ledger.undo(&p.id, at(4), person()).unwrap();
    approve(&ledger, &p.id, at(7));
    let veto = Verdict::Veto { reason: "=cmd, \"no\"\nnever".into() };
    ledger.decide(&q.id, veto, person(), "", at(8), Duration::ZERO).unwrap();
    let lease =
        ledger.lease(&RunId::new("r1"), "claude-code hook", "t", Duration::from_secs(9), at(9)).unwrap();
    ledger.delivered(&lease.unwrap(), at(10)).unwrap();
    ledger.confirm(&p.id, Some(21), at(11)).unwrap();
    (directory, db, [p.id.to_string(), q.id.to_string()])
}

#[test]
fn list_has_one_line_a_proposal() {
    let (_kept, db, [p, q]) = filled();
    let (code, out, err) = medbay(&db, &["list"]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert_eq!(out.lines().count(), 2);
    let line = |id: &str| out.lines().find(|l| l.contains(id)).unwrap().to_owned();
    assert!(line(&p).contains("confirmed") && line(&p).contains("approve") && line(&p).contains("ada"));
    assert!(line(&q).contains("vetoed"));
    assert!(!out.contains('\u{1b}') && !out.contains('\u{202e}'));
    assert_eq!(medbay(&db, &[]).1, out, "list is what it does by itself");
}

#[test]
fn show_tells_everything_of_one() {
    let (_kept, db, [p, _]) = filled();
    let (code, out, _) = medbay(&db, &["show", &p[..8]]);
    assert_eq!(code, 0);
    for part in [
        "All tests pass.",
        "1 failed; 3 passed",
        "edit by person ada, 3.0 s after the draft, undone",
        "Operator: something else",
        "approve by person ada",
        "the desk",
        "claude-code hook",
        "in record 21, 1.0 s after it was handed over",
        "Operator: run the tests again",
        "- Operator: run the tests again and mend the one that fails before you go on.",
        "+ Operator: something else",
        "log read to 15",
        "taken up 1 ×, key",
        "3.0 s after the decision",
    ] {
        assert!(out.contains(part), "{part} is not in\n{out}");
    }
    let (code, out, err) = medbay(&db, &["show", "ffff"]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("ffff") && err.lines().count() == 1, "{err}");
    let (code, _, err) = medbay(&db, &["show", ""]);
    assert_eq!(code, 2, "{err}");
}

#[test]
fn export_is_complete_in_both_forms() {
    let (_kept, db, [p, q]) = filled();
    let (code, out, _) = medbay(&db, &["export", "--as", "json"]);
    assert_eq!(code, 0);
    let rows: Vec<Value> = out.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let verdicts: Vec<&str> = rows.iter().map(|r| r["verdict"].as_str().unwrap()).collect();
    assert_eq!(verdicts, ["edit", "undo", "approve", "veto"]);
    assert_eq!(rows[3]["proposal"], q);
    assert_eq!(rows[0]["text"], format!("Operator: something else [medbay {p}]"));

    let (code, out, _) = medbay(&db, &["export", "--as", "csv"]);
    assert_eq!(code, 0);
    assert!(out.starts_with("number,at,proposal,run,verdict,"));
    assert!(out.contains("\"'=cmd, \"\"no\"\""), "quoted, and no formula: {out}");
    let table = rows_of(&out);
    assert_eq!(table.len(), 5);
    for (row, object) in table[1..].iter().zip(&rows) {
        assert_eq!(row.len(), table[0].len());
        for (name, field) in table[0].iter().zip(row) {
            let value = match &object[name] {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            let field = if name == "reason" { field.trim_start_matches('\'') } else { field };
            assert_eq!(field, value, "{name}");
        }
    }
    assert_eq!(medbay(&db, &["export", "--as", "xml"]).0, 2);
}

/// The fields of a CSV text, by RFC 4180.
fn rows_of(text: &str) -> Vec<Vec<String>> {
    let mut rows = vec![vec![String::new()]];
    let mut quoted = false;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let row = rows.last_mut().unwrap();
        match c {
            '"' if quoted && rest.peek() == Some(&'"') => {
                rest.next();
                row.last_mut().unwrap().push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(String::new()),
            '\r' if !quoted => {
                assert_eq!(rest.next(), Some('\n'), "a row ends with CRLF");
                rows.push(vec![String::new()]);
            }
            c => {
                assert!(quoted || c != '\n', "a bare line end");
                row.last_mut().unwrap().push(c);
            }
        }
    }
    assert_eq!(rows.pop(), Some(vec![String::new()]), "the last row ends, too");
    rows
}

#[test]
fn no_field_of_an_export_is_a_formula() {
    for beginning in ["=", "+", "-", "@", "\t=", " =", "\u{ff1d}", "\n="] {
        let directory = tempfile::tempdir().unwrap();
        let db = directory.path().join("ledger.db");
        let ledger = Ledger::open(&db).unwrap();
        let p = draft("r1", "c1");
        ledger.propose(&p, Mode::Suggest, at(0)).unwrap();
        let veto = Verdict::Veto { reason: format!("{beginning}HYPERLINK(1)") };
        ledger.decide(&p.id, veto, person(), &format!("{beginning}1"), at(1), Duration::ZERO).unwrap();
        let (_, out, _) = medbay(&db, &["export", "--as", "csv"]);
        for field in rows_of(&out).concat() {
            assert!(
                !field.trim_start().starts_with(['=', '+', '-', '@', '\u{ff1d}']),
                "{beginning:?}: {field}"
            );
        }
    }
}

#[test]
fn what_came_too_late_and_what_lapsed_say_so() {
    let directory = tempfile::tempdir().unwrap();
    let db = directory.path().join("ledger.db");
    let ledger = Ledger::open(&db).unwrap();
    let (p, q) = (draft("r1", "c1"), draft("r1", "c2"));
    for x in [&p, &q] {
        ledger.propose(x, Mode::Suggest, at(0)).unwrap();
    }
    ledger.supersede(&p.id, "its user has spoken to the agent since", at(1)).unwrap();
    ledger.expire(&q.id, "desk.expire_after", at(1)).unwrap();
    ledger.decide(&p.id, Verdict::Approve, person(), "", at(2), Duration::ZERO).unwrap();
    let (_, out, _) = medbay(&db, &["show", p.id.as_str()]);
    assert!(out.contains("superseded") && out.contains("spoken to the agent since"), "{out}");
    assert!(out.contains("approve by person ada") && !out.contains("channel"), "{out}");
    let (_, out, _) = medbay(&db, &["show", q.id.as_str()]);
    assert!(out.contains("expired") && out.contains("by policy desk.expire_after"), "{out}");
    assert!(!out.contains("decision"), "time is nobody's no: {out}");
}

#[test]
fn verify_is_clean_and_names_what_was_changed() {
    let (_kept, db, _) = filled();
    let (code, out, _) = medbay(&db, &["verify"]);
    assert_eq!(code, 0);
    assert!(out.starts_with("4 decisions"), "{out}");
    rusqlite::Connection::open(&db)
        .unwrap()
        .execute_batch(
            "DROP TRIGGER decisions_are_not_changed; UPDATE decisions SET reason = 'x' WHERE number = 3",
        )
        .unwrap();
    let (code, out, _) = medbay(&db, &["verify"]);
    assert_eq!(code, 1);
    assert!(out.starts_with("broken at decision 3 (hash): "), "{out}");
    let db = rusqlite::Connection::open(&db).unwrap();
    db.execute_batch("PRAGMA foreign_keys = OFF; DROP TRIGGER decisions_are_not_removed; DELETE FROM decisions WHERE number > 2")
        .unwrap();
    let (code, out, _) = medbay(Path::new(db.path().unwrap()), &["verify"]);
    assert_eq!(code, 1);
    assert_eq!(out, "broken at decision 3 (missing end): decision 3 is missing: 4 were made\n");
}

#[test]
fn without_a_ledger_it_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let db = directory.path().join("none.db");
    for what in [&["list"][..], &["verify"], &["export"]] {
        let (code, out, err) = medbay(&db, what);
        assert_eq!((code, out.as_str()), (2, ""));
        assert!(err.contains("none.db") && err.lines().count() == 1, "{err}");
    }
    assert!(!db.exists());
}

#[test]
fn the_summary_says_what_recoveries_were_worth() {
    let (_folder, db, _) = filled();
    let (code, out, _) = medbay(&db, &["list", "--summary"]);
    assert_eq!(code, 0);
    assert!(out.contains("by class") && out.contains("by rule") && out.contains("claim.tests-pass"), "{out}");
    assert!(out.contains("regret"), "{out}");
    let (code, out, _) = medbay(&db, &["list", "--summary", "--json"]);
    assert_eq!((code, out.lines().count()), (0, 1));
    let read: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(read["all"]["proposals"], read["by_rule"]["claim.tests-pass"]["proposals"]);
    assert_eq!(read["all"]["interval"], serde_json::json!([0.0, 1.0]), "nothing was followed yet");
    let (code, _, complaint) = medbay(&db, &["list", "--json"]);
    assert!(code != 0 && complaint.contains("--summary"), "{complaint}");
}
