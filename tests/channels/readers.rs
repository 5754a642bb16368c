//! The readers that the README shows, run from the README's own text against a real spool.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use jiff::Timestamp;
use medbay::deliver::outbox::{Carried, Outbox};
use medbay::deliver::spool::Spool;
use medbay::ledger::{Ledger, State};

use super::{approved, entry, failure, ledger_in};

/// The block of this language in the section about one's own agent.
fn reader(language: &str) -> String {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let section =
        readme.split("\n## ").find(|part| part.starts_with("Your own agent\n")).expect("the section");
    let (_, rest) = section.split_once(&format!("```{language}\n")).expect("the block");
    let block = rest.split_once("\n```").unwrap().0.to_owned();
    assert_eq!(block.lines().count(), 10, "ten lines");
    block
}

fn run(interpreter: &str, code: &str, spool: &Path) -> Output {
    let out = Command::new(interpreter).arg("-c").arg(code).env("MEDBAY_SPOOL", spool).output().unwrap();
    assert!(out.status.success() && out.stderr.is_empty(), "{out:?}");
    out
}

/// `prints` calls the reader and prints each text with a line end behind it.
fn takes(interpreter: &str, code: &str) {
    if Command::new(interpreter).args(["-c", ""]).output().is_err() {
        eprintln!("skipped: {interpreter} is not there");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path();
    let spool = place.join("spool");
    let ledger = ledger_in(place);
    let outbox = Outbox::new(Spool::at(&spool));
    let turn = |ledger: &Ledger| outbox.turn(ledger, Timestamp::now()).unwrap();
    let texts = [
        "Run the tests again.",
        "two\nlines, a \"quote\", a \\ and a \\n, $(touch pwned) `id` %s ü日本 ✓",
        "\\\\\" \\\" \\c \\0101 \\t end\\",
    ];
    let first = approved(&ledger, "my-run", "medbay", "0", Some(texts[0]));
    assert_eq!(turn(&ledger), [], "nobody has said that it reads");
    assert!(run(interpreter, code, &spool).stdout.is_empty());
    let mut all = vec![first];
    for (at, text) in texts.iter().enumerate().skip(1) {
        all.push(approved(&ledger, "my-run", "medbay", &at.to_string(), Some(text)));
    }
    let spoilt = approved(&ledger, "my-run", "medbay", "spoilt", None);
    assert_eq!(turn(&ledger).len(), 4);
    let letter = spool.join(format!("my-run/inbox/{}-0-1.json", spoilt.id));
    let text = fs::read_to_string(&letter).unwrap().replace("Operator:", "Operator!");
    fs::write(&letter, text).unwrap();

    let said = String::from_utf8(run(interpreter, code, &spool).stdout).unwrap();
    let mut printed: Vec<String> = said
        .split_inclusive(']')
        .map(|one| one.trim_start_matches('\n').to_owned())
        .filter(|one| !one.is_empty())
        .collect();
    let mut meant: Vec<String> =
        all.iter().map(|proposal| entry(&ledger, proposal).delivery.unwrap().text).collect();
    printed.sort();
    meant.sort();
    assert_eq!(printed, meant);
    assert!(!Path::new("pwned").exists());

    let carried = turn(&ledger);
    assert_eq!(carried.iter().filter(|one| matches!(one, Carried::Confirmed(_))).count(), 3, "{carried:?}");
    for proposal in &all {
        assert_eq!(entry(&ledger, proposal).state, State::Confirmed);
    }
    assert!(failure(&ledger, &spoilt).contains("rejected"));
    assert!(run(interpreter, code, &spool).stdout.is_empty(), "each once");
}

#[test]
fn the_python_reader_takes_what_was_approved() {
    takes("python3", &format!("{}\nfor text in from_operator():\n    print(text)\n", reader("python")));
}

#[test]
fn the_shell_reader_takes_what_was_approved() {
    takes("sh", &format!("{}\nfrom_operator\n", reader("sh")));
}
