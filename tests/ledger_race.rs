//! Real processes that race for one proposal: two consoles, a policy, and three hooks of the built
//! program. One decision and one delivery come of it, and what is delivered is what was decided.
//!
//! The consoles and the policy are this same test binary, started anew with a variable set; they wait
//! for each proposal to appear, so that all of them come at once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod drafts;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use drafts::{draft, person};
use jiff::Timestamp;
use medbay::ledger::{Decided, Ledger, Mode, Operator, State, Verdict};
use medbay::trace::RunId;
use serde_json::{Value, json};

const CHILD: &str = "MEDBAY_TEST_RACING_CHILD";
const ROUNDS: usize = 20;
const HOOKS: usize = 3;

fn call(round: usize) -> String {
    format!("c{round}")
}

/// What a decider does; nothing when it is run as a test.
#[test]
fn child() {
    let Ok(place) = std::env::var(CHILD) else {
        return;
    };
    let name = std::env::var("MEDBAY_TEST_NAME").unwrap();
    let ledger = Ledger::open(&Path::new(&place).join("ledger.db")).unwrap();
    for round in 0..ROUNDS {
        let id = draft("s1", &call(round)).id;
        until("it is proposed", || ledger.entry(&id).is_ok());
        let (by, verdict) = match name.as_str() {
            "policy" => (Operator::Policy { name: "auto".into() }, Verdict::Approve),
            other => (person(), Verdict::Edit { text: format!("as {other} says in round {round}") }),
        };
        let came = ledger.decide(&id, verdict, by, "seen", Timestamp::now(), Duration::ZERO).unwrap();
        let word = match came {
            Decided::Recorded(_) => "recorded",
            Decided::Already(_) => "already",
            other => panic!("{other:?}"),
        };
        let mut out = std::io::stdout();
        out.write_all(format!("\n{word} {round}\n").as_bytes()).unwrap();
        out.flush().unwrap();
    }
}

/// Looks until it is so.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(120), "in vain: {what}");
        std::thread::sleep(Duration::from_micros(200));
    }
}

fn hook(place: &Path) -> Child {
    let mut child = Command::new(env!("CARGO_BIN_EXE_medbay"))
        .args(["--db", place.join("ledger.db").to_str().unwrap(), "hook", "claude-code"])
        .env_clear()
        .env("HOME", place)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let input = json!({
        "session_id": "s1", "transcript_path": place.join("s1.jsonl"), "cwd": place,
        "hook_event_name": "PostToolUse", "tool_name": "Bash", "tool_use_id": "toolu_1",
        "tool_input": {"command": "ls"}, "tool_response": {"stdout": "", "stderr": ""},
    });
    child.stdin.take().unwrap().write_all(input.to_string().as_bytes()).unwrap();
    child
}

#[test]
fn of_consoles_hooks_and_a_policy_that_race_one_decides_and_one_delivers() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path();
    let ledger = Ledger::open(&place.join("ledger.db")).unwrap();
    let mut deciders: Vec<(Child, BufReader<std::process::ChildStdout>)> = ["ann", "bob", "policy"]
        .into_iter()
        .map(|name| {
            let mut child = Command::new(std::env::current_exe().unwrap())
                .args(["child", "--exact", "--nocapture", "--test-threads=1"])
                .env(CHILD, place)
                .env("MEDBAY_TEST_NAME", name)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let out = BufReader::new(child.stdout.take().unwrap());
            (child, out)
        })
        .collect();
    let mut recorded = 0;
    for round in 0..ROUNDS {
        let p = draft("s1", &call(round));
        assert!(ledger.propose(&p, Mode::Suggest, Timestamp::now()).unwrap());
        // Hooks that come while it is being decided, and others that come when it is.
        let mut hooks: Vec<Child> = (0..HOOKS).map(|_| hook(place)).collect();
        for (_, out) in &mut deciders {
            let mut line = String::new();
            let end = format!(" {round}");
            while !line.trim_end().ends_with(&end) {
                line.clear();
                assert!(out.read_line(&mut line).unwrap() > 0, "a decider died in round {round}");
            }
            recorded += usize::from(line.starts_with("recorded"));
        }
        hooks.extend((0..HOOKS).map(|_| hook(place)));
        let said: Vec<String> = hooks
            .into_iter()
            .map(|child| child.wait_with_output().unwrap())
            .inspect(|output| assert!(output.status.success() && output.stderr.is_empty(), "{output:?}"))
            .filter(|output| !output.stdout.is_empty())
            .map(|output| {
                let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
                answer["hookSpecificOutput"]["additionalContext"].as_str().unwrap().to_owned()
            })
            .collect();
        assert_eq!(said.len(), 1, "round {round}: {said:?}");
        let entry = ledger.entry(&p.id).unwrap();
        assert_eq!(entry.state, State::Delivered);
        let approved = match entry.decision.unwrap().verdict {
            Verdict::Edit { text } => text,
            Verdict::Approve => p.payload,
            other => panic!("{other:?}"),
        };
        assert_eq!(said[0], approved, "what was delivered is what was decided");
        assert_eq!(ledger.course(&p.id).unwrap().tries.len(), 1);
    }
    for (mut child, _) in deciders {
        let mut trouble = String::new();
        child.stderr.take().unwrap().read_to_string(&mut trouble).unwrap();
        assert!(child.wait().unwrap().success(), "{trouble}");
    }
    assert_eq!(recorded, ROUNDS, "one decision a proposal");
    let chain = ledger.verify().unwrap();
    assert_eq!((chain.rows, chain.broken), (ROUNDS as u64, None));
    assert!(
        ledger
            .lease(&RunId::new("s1"), "claude-code hook", "x", Duration::ZERO, Timestamp::now())
            .unwrap()
            .is_none()
    );
    eprintln!("{ROUNDS} rounds: 3 deciders and {} hooks each, 1 decision and 1 delivery each", 2 * HOOKS);
}
