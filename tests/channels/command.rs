//! The operator's command.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use medbay::deliver::command::Carrier;
use medbay::deliver::post::{Carriers, Setup};
use medbay::deliver::spool::Spool;
use medbay::ledger::{Ledger, State};
use medbay::trace::RunId;
use serde_json::Value;

use super::server::child_of;
use super::{approved, entry, failure, ledger_in, until};

pub(crate) fn script(place: &Path, text: &str) -> PathBuf {
    let path = place.join("carry");
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    path
}

pub(crate) fn carriers(place: &Path, argv: &[&str], limit: u64) -> Carriers {
    let path = std::env::var_os("PATH").unwrap();
    let command = Carrier {
        argv: argv.iter().map(|word| (*word).to_owned()).collect(),
        formats: vec!["chat".to_owned()],
        limit: Duration::from_secs(limit),
        environment: BTreeMap::from([("PATH".to_owned(), path)]),
    };
    let setup = Setup { command, started: place.join("started"), ..Setup::default() };
    Carriers::new(setup, Spool::at(place.join("spool")))
}

fn turn(carriers: &Carriers, ledger: &Ledger) -> usize {
    carriers.turn(ledger, Timestamp::now()).unwrap().len()
}

#[test]
fn it_reads_the_letter_and_little_of_the_environment() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path();
    let ledger = ledger_in(place);
    let words = ["a b", "$(touch pwned)", "; exit 7", "*"];
    let program =
        script(place, r#"cd "${0%/*}"; cat > letter; env > environment; printf '%s\n' "$@" > words"#);
    let mut argv = vec![program.to_str().unwrap()];
    argv.extend(words);
    let proposal = approved(&ledger, "r", "chat", "c", None);
    let elsewhere = approved(&ledger, "other", "codex", "c", None);
    assert_eq!(turn(&carriers(place, &argv, 20), &ledger), 1);
    assert_eq!(entry(&ledger, &proposal).state, State::Delivered);
    assert_eq!(entry(&ledger, &elsewhere).state, State::Approved, "it was not named for that agent");
    let letter: Value = serde_json::from_slice(&fs::read(place.join("letter")).unwrap()).unwrap();
    assert_eq!(
        (letter["text"].as_str(), letter["format"].as_str()),
        (Some(proposal.payload.as_str()), Some("chat"))
    );
    assert_eq!(fs::read_to_string(place.join("words")).unwrap(), format!("{}\n", words.join("\n")));
    assert!(!place.join("pwned").exists());
    let environment = fs::read_to_string(place.join("environment")).unwrap();
    assert!(!environment.contains("CARGO"), "{environment}");
    assert_eq!(turn(&carriers(place, &argv, 20), &ledger), 0, "once");
}

#[test]
fn what_it_says_of_a_failure_is_shown_through_the_gate() {
    for (text, limit, why) in [
        (
            r#"printf '\n\033[31mno such channel\nmore\n' >&2; exit 3"#,
            20,
            "ended with status 3: ␛[31mno such channel",
        ),
        ("exit 1", 20, "does not say why"),
        ("kill -9 $$", 20, "signal"),
        ("sleep 600", 1, "was ended after 1 s"),
        // It does not read, and does not end before it was given up.
        ("exec <&-; yes >&2", 1, "was ended after 1 s"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path();
        let ledger = ledger_in(place);
        let program = script(place, text);
        let proposal = approved(&ledger, "r", "chat", "c", None);
        assert_eq!(turn(&carriers(place, &[program.to_str().unwrap()], limit), &ledger), 1);
        let failure = failure(&ledger, &proposal);
        assert!(failure.contains(why) && !failure.contains('\u{1b}'), "{failure}");
    }
    let directory = tempfile::tempdir().unwrap();
    let ledger = ledger_in(directory.path());
    let proposal = approved(&ledger, "r", "chat", "c", None);
    turn(&carriers(directory.path(), &["/no/such/program"], 5), &ledger);
    assert!(failure(&ledger, &proposal).contains("cannot be started"));
}

#[test]
fn one_that_does_not_read_still_has_done_its_work() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = ledger_in(directory.path());
    let proposal = approved(&ledger, "r", "chat", "c", Some(&"long ".repeat(1_900)));
    assert_eq!(turn(&carriers(directory.path(), &["true"], 20), &ledger), 1);
    assert_eq!(entry(&ledger, &proposal).state, State::Delivered);
}

#[test]
fn a_run_that_asks_by_itself_is_left_to_that() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path();
    let ledger = ledger_in(place);
    let proposal = approved(&ledger, "r", "chat", "c", None);
    ledger.note_hook(&RunId::new("r"), "chat", "Stop", false, Timestamp::now()).unwrap();
    let read = approved(&ledger, "reads", "chat", "c", None);
    fs::create_dir_all(place.join("spool/reads")).unwrap();
    assert_eq!(turn(&carriers(place, &["true"], 20), &ledger), 0);
    for one in [&proposal, &read] {
        assert_eq!(entry(&ledger, one).state, State::Approved);
    }
}

const CHILD: &str = "MEDBAY_TEST_COMMAND_CHILD";

/// Carries until it is killed; nothing when it is run as a test.
#[test]
fn child() {
    let Ok(place) = std::env::var(CHILD) else { return };
    let place = Path::new(&place);
    let ledger = ledger_in(place);
    let carriers = carriers(place, &[place.join("carry").to_str().unwrap()], 60);
    println!("\ncarrying");
    loop {
        turn(&carriers, &ledger);
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn killed_while_it_hands_over_it_loses_nothing_and_hands_nothing_over_twice() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path();
    let ledger = ledger_in(place);
    let run = RunId::new("r");
    // Killed with the lease and before it began: handed over by the next one.
    let before = approved(&ledger, "r", "chat", "a", None);
    ledger.lease(&run, "command", "dead", Duration::ZERO, Timestamp::now()).unwrap().unwrap();
    let program = script(
        place,
        r#"cd "${0%/*}"; cat > now; : > begun; while [ ! -e go ]; do sleep 0.05; done; cat now >> received; rm begun"#,
    );
    fs::write(place.join("go"), "").unwrap();
    let ours = carriers(place, &[program.to_str().unwrap()], 60);
    assert_eq!(turn(&ours, &ledger), 1);
    assert_eq!(entry(&ledger, &before).state, State::Delivered);

    // Killed while the command works: it may have arrived, and a person is to look.
    fs::remove_file(place.join("go")).unwrap();
    let during = approved(&ledger, "r", "chat", "b", None);
    let mut child = child_of("command::child", CHILD, place, "carrying");
    until("the command works", || place.join("begun").exists().then_some(()));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(entry(&ledger, &during).state, State::Leased);
    fs::write(place.join("go"), "").unwrap();
    until("the command is done", || (!place.join("begun").exists()).then_some(()));
    assert_eq!(turn(&ours, &ledger), 0, "the lease still stands");
    let later = Timestamp::now() + SignedDuration::from_mins(10);
    assert_eq!(ours.turn(&ledger, later).unwrap().len(), 1);
    let why = failure(&ledger, &during);
    assert_eq!(entry(&ledger, &during).state, State::Failed);
    assert!(why.contains("send it again by hand"), "{why}");
    let received = fs::read_to_string(place.join("received")).unwrap();
    let ids: Vec<Value> = received.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ids: Vec<&str> = ids.iter().map(|letter| letter["proposal"].as_str().unwrap()).collect();
    assert_eq!(ids, [before.id.as_str(), during.id.as_str()]);

    // By hand it goes again, under another key.
    assert!(ledger.retry(&during.id, later).unwrap());
    assert_eq!(ours.turn(&ledger, later).unwrap().len(), 1);
    assert_eq!(entry(&ledger, &during).state, State::Delivered);
}
