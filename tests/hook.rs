//! `medbay hook` as agents call it: the built program, its standard input and output. Most of it is the
//! same for all and tested as Claude Code speaks.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod drafts;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use drafts::{draft, person};
use jiff::Timestamp;
use medbay::ledger::{Ledger, Mode, State, Verdict};
use medbay::recover::{Gate, Proposal, Scope};
use medbay::trace::RunId;
use serde_json::{Value, json};

/// A home of its own, with a ledger.
struct Home {
    directory: tempfile::TempDir,
}

impl Home {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn db(&self) -> PathBuf {
        self.path().join(".local/share/medbay/ledger.db")
    }

    fn ledger(&self) -> Ledger {
        Ledger::open(&self.db()).unwrap()
    }

    fn transcript(&self) -> PathBuf {
        self.path().join("s1.jsonl")
    }

    fn config(&self, text: &str) {
        let directory = self.path().join(".config/medbay");
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("config.toml"), text).unwrap();
    }

    fn start(&self, arguments: &[&str]) -> Child {
        Command::new(env!("CARGO_BIN_EXE_medbay"))
            .args(arguments)
            .env_clear()
            .env("HOME", self.path())
            .env("ANTHROPIC_API_KEY", "sk-ant-api03-EXAMPLEexampleEXAMPLE")
            .env("SOME_SECRET", "marmalade-forty-two")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    fn call_with(&self, bytes: &[u8]) -> Output {
        self.call_as("claude-code", bytes)
    }

    fn call_as(&self, agent: &str, bytes: &[u8]) -> Output {
        let mut child = self.start(&["hook", agent]);
        // A hook may stop reading what is too large for it.
        let _ = child.stdin.take().unwrap().write_all(bytes);
        child.wait_with_output().unwrap()
    }

    fn input(&self, event: &str, more: Value) -> Value {
        let mut input = json!({
            "session_id": "s1", "transcript_path": self.transcript(), "cwd": self.path(),
            "hook_event_name": event, "permission_mode": "default",
        });
        for (key, value) in more.as_object().unwrap() {
            input[key] = value.clone();
        }
        input
    }

    fn call(&self, event: &str, more: Value) -> Output {
        self.call_with(self.input(event, more).to_string().as_bytes())
    }

    fn approved(&self, call: &str) -> Proposal {
        let p = draft("s1", call);
        let ledger = self.ledger();
        ledger.propose(&p, Mode::Suggest, Timestamp::now()).unwrap();
        drafts::approve(&ledger, &p.id, Timestamp::now());
        p
    }

    fn state(&self, p: &Proposal) -> State {
        self.ledger().entry(&p.id).unwrap().state
    }

    /// Everything that was written below the home.
    fn everything(&self) -> Vec<u8> {
        fn walk(directory: &Path, all: &mut Vec<u8>) {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    walk(&path, all);
                } else {
                    all.extend(fs::read(&path).unwrap());
                }
            }
        }
        let mut all = Vec::new();
        walk(self.path(), &mut all);
        all
    }
}

fn tool() -> Value {
    json!({"tool_name": "Bash", "tool_use_id": "toolu_1", "tool_input": {"command": "ls"},
           "tool_response": {"stdout": "a", "stderr": ""}})
}

#[track_caller]
fn silent(output: &Output) {
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");
}

#[track_caller]
fn answer(output: &Output) -> Value {
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    serde_json::from_slice::<Value>(&output.stdout).unwrap()["hookSpecificOutput"].clone()
}

/// Looks until it is so; a test that waits in vain fails.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(60), "in vain: {what}");
        std::thread::yield_now();
    }
}

#[test]
fn with_nothing_approved_it_is_silent_at_every_event() {
    let home = Home::new();
    for event in [
        "SessionStart",
        "UserPromptSubmit",
        "PreToolUse",
        "PostToolUse",
        "PostToolUseFailure",
        "Stop",
        "SubagentStop",
        "SessionEnd",
        "SomethingNew",
    ] {
        silent(&home.call(event, tool()));
    }
    let seen = home.ledger().hook_seen(&RunId::new("s1")).unwrap().unwrap();
    assert_eq!(seen.format, "claude-code");
    assert!(!seen.gates);
}

#[test]
fn an_approved_text_reaches_the_agent_once_and_byte_for_byte() {
    for event in ["PostToolUse", "PostToolUseFailure", "UserPromptSubmit", "SessionStart", "Stop"] {
        let home = Home::new();
        let p = home.approved("c1");
        silent(&home.call("PreToolUse", tool()));
        let said = answer(&home.call(event, tool()));
        assert_eq!(said["hookEventName"], event);
        assert_eq!(said["additionalContext"], p.payload);
        assert_eq!(home.state(&p), State::Delivered);
        silent(&home.call(event, tool()));
    }
}

#[test]
fn an_edited_text_with_quotes_and_line_ends_arrives_as_it_was_approved() {
    let home = Home::new();
    let p = draft("s1", "c1");
    let ledger = home.ledger();
    ledger.propose(&p, Mode::Suggest, Timestamp::now()).unwrap();
    let text = "say \"$(ls)\" `x` \\n\n- zwei: ü 語 🙂";
    let edit = Verdict::Edit { text: text.into() };
    ledger.decide(&p.id, edit, person(), "", Timestamp::now(), Duration::ZERO).unwrap();
    let said = answer(&home.call("PostToolUse", tool()));
    assert_eq!(said["additionalContext"], format!("Operator: {text} {}", p.id.tag()));
}

#[test]
fn codex_is_answered_in_its_own_form() {
    let home = Home::new();
    let (p, q) = (home.approved("c1"), home.approved("c2"));
    let at = |event: &str| home.call_as("codex", home.input(event, tool()).to_string().as_bytes());
    assert_eq!(answer(&at("PostToolUse"))["additionalContext"], p.payload);
    let stop: Value = serde_json::from_slice(&at("Stop").stdout).unwrap();
    assert_eq!(stop, json!({"decision": "block", "reason": q.payload}));
    silent(&at("Stop"));
    assert_eq!(home.ledger().entry(&q.id).unwrap().delivery.unwrap().channel, "codex hook");
}

/// What Gemini CLI says at an event.
fn gemini(home: &Home, event: &str, more: Value) -> Output {
    let mut said = home.input(event, json!({"timestamp": "2026-11-24T07:53:43.446Z"}));
    for (key, value) in more.as_object().unwrap() {
        said[key] = value.clone();
    }
    home.call_as("gemini", said.to_string().as_bytes())
}

fn whole(output: &Output) -> Value {
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn gemini_is_answered_in_its_own_form() {
    let home = Home::new();
    let (p, q) = (home.approved("c1"), home.approved("c2"));
    let called = json!({"tool_name": "replace", "tool_input": {"file_path": "a"}});
    for event in ["SessionStart", "BeforeModel", "PreCompress"] {
        silent(&gemini(&home, event, json!({})));
    }
    silent(&gemini(&home, "BeforeTool", called.clone()));
    let after = whole(&gemini(&home, "AfterTool", called));
    assert_eq!(after["hookSpecificOutput"]["additionalContext"], p.payload);
    let end = whole(&gemini(&home, "AfterAgent", json!({"stop_hook_active": false})));
    assert_eq!(end, json!({"decision": "deny", "reason": q.payload}));
    assert_eq!(home.ledger().entry(&q.id).unwrap().delivery.unwrap().channel, "gemini hook");
}

#[test]
fn gemini_is_counted_for_and_not_believed() {
    let home = Home::new();
    home.config("[policy]\nmax_stop_blocks = 2\n");
    let texts: Vec<_> = (0..4).map(|n| home.approved(&format!("c{n}"))).collect();
    let end = |text: &str| {
        let said = whole(&gemini(&home, "AfterAgent", json!({"stop_hook_active": false})));
        assert_eq!(said["reason"], text);
        // The reason comes back as a prompt.
        let lines = format!("{text}\n");
        gemini(&home, "BeforeAgent", json!({"prompt": lines}))
    };
    // Each prompt would take a text along: those that it cannot carry wait.
    for n in [1, 2, 3] {
        let ledger = home.ledger();
        let edit = Verdict::Edit { text: format!("look at <b>{n}</b>") };
        let p = draft("s1", &format!("e{n}"));
        ledger.propose(&p, Mode::Suggest, Timestamp::now()).unwrap();
        ledger.decide(&p.id, edit, person(), "", Timestamp::now(), Duration::ZERO).unwrap();
    }
    silent(&end(&texts[0].payload));
    silent(&end(&texts[1].payload));
    silent(&gemini(&home, "AfterAgent", json!({"stop_hook_active": false})));
    silent(&gemini(&home, "BeforeAgent", json!({"prompt": "a person's next task"})));
    silent(&end(&texts[2].payload));
    assert_eq!(home.state(&texts[3]), State::Approved);
}

#[test]
fn a_reminder_that_comes_back_as_a_prompt_is_nobody_speaking() {
    let home = Home::new();
    gemini(&home, "SessionStart", json!({}));
    let run = medbay::trace::RunId::new("s1");
    home.ledger().set_stop_blocks(&run, 2).unwrap();
    let blocks = || home.ledger().hook_seen(&run).unwrap().unwrap().stop_blocks;
    let reminder =
        "medbay: the turn stays open, as your operator approved (0123): \"make\" has not been seen";
    gemini(&home, "BeforeAgent", json!({"prompt": reminder}));
    assert_eq!(blocks(), 2);
    gemini(&home, "BeforeAgent", json!({"prompt": "a person's next task"}));
    assert_eq!(blocks(), 0);
}

#[test]
fn what_gemini_would_write_otherwise_waits_for_the_end_of_the_turn() {
    let home = Home::new();
    let p = draft("s1", "c1");
    let ledger = home.ledger();
    ledger.propose(&p, Mode::Suggest, Timestamp::now()).unwrap();
    let edit = Verdict::Edit { text: "mend File \"<stdin>\", line 3".into() };
    ledger.decide(&p.id, edit, person(), "", Timestamp::now(), Duration::ZERO).unwrap();
    silent(&gemini(&home, "AfterTool", json!({"tool_name": "replace", "tool_input": {}})));
    assert_eq!(home.state(&p), State::Approved);
    let end = whole(&gemini(&home, "AfterAgent", json!({})));
    assert_eq!(end["reason"], format!("Operator: mend File \"<stdin>\", line 3 {}", p.id.tag()));
}

#[test]
fn openhands_is_answered_as_its_documentation_says() {
    let home = Home::new();
    let (p, q) = (home.approved("c1"), home.approved("c2"));
    let at = |event: &str| {
        let said = json!({"event_type": event, "session_id": "s1", "working_dir": "/w", "message": null,
            "tool_name": "terminal", "tool_input": {"command": "ls"}, "tool_output": "a", "metadata": {}});
        home.call_as("openhands", said.to_string().as_bytes())
    };
    for event in ["SessionStart", "PreToolUse", "PostToolUse", "SessionEnd"] {
        silent(&at(event));
    }
    let prompt = whole(&at("UserPromptSubmit"));
    assert_eq!(prompt, json!({"decision": "allow", "additionalContext": p.payload}));
    assert_eq!(whole(&at("Stop")), json!({"decision": "deny", "reason": q.payload}));
    silent(&at("Stop"));
}

#[test]
fn crush_is_answered_as_its_documentation_says() {
    let home = Home::new();
    let p = home.approved("c1");
    let at = |event: &str| {
        let said = json!({"event": event, "session_id": "s1", "cwd": "/w", "tool_name": "bash",
            "tool_input": {"command": "ls"}});
        home.call_as("crush", said.to_string().as_bytes())
    };
    silent(&at("PreCompact"));
    assert_eq!(whole(&at("PreToolUse")), json!({"version": 1, "context": p.payload}));
    silent(&at("PreToolUse"));
    home.config("[policy]\nhold_seconds = 1\non_hold_timeout = \"deny\"\n");
    let q = draft("s1", "c2");
    home.ledger().propose(&q, Mode::Suggest, Timestamp::now()).unwrap();
    assert_eq!(whole(&at("PreToolUse"))["decision"], "deny");
    assert_eq!(home.state(&q), State::Waiting);
}

#[test]
fn another_run_and_another_agent_get_nothing() {
    let home = Home::new();
    let p = home.approved("c1");
    let mut other = tool();
    other["session_id"] = "s2".into();
    silent(&home.call("PostToolUse", other));
    let mut inside = tool();
    inside["agent_id"] = "a0ad4f44468b".into();
    inside["agent_type"] = "Explore".into();
    silent(&home.call("PostToolUse", inside.clone()));
    assert_eq!(home.state(&p), State::Approved);

    let mut q = draft("s1", "c2");
    q.target.agent = "explore-a0ad4f".into();
    home.ledger().propose(&q, Mode::Suggest, Timestamp::now()).unwrap();
    drafts::approve(&home.ledger(), &q.id, Timestamp::now());
    assert_eq!(answer(&home.call("PostToolUse", inside))["additionalContext"], q.payload);
}

#[test]
fn whatever_fails_the_agent_goes_on_in_silence() {
    let home = Home::new();
    for bytes in [&b""[..], b"{", b"[]", b"\xff\x00\x1b[2J", b"{\"session_id\":\"s1\"}"] {
        silent(&home.call_with(bytes));
    }
    let huge = format!("{{\"session_id\":\"s1\",\"x\":\"{}\"", "y".repeat(70 << 20));
    silent(&home.call_with(huge.as_bytes()));

    fs::create_dir_all(home.db().parent().unwrap()).unwrap();
    fs::write(home.db(), "this is not a ledger at all, is it").unwrap();
    silent(&home.call("PostToolUse", tool()));
    silent(&home.call("Stop", json!({})));
    fs::remove_file(home.db()).unwrap();
    fs::create_dir(home.db()).unwrap();
    silent(&home.call("PostToolUse", tool()));
    fs::remove_dir(home.db()).unwrap();
    home.config("this is = not [ toml");
    silent(&home.call("PostToolUse", tool()));
    let log = home.path().join(".local/state/medbay");
    let logged: String =
        fs::read_dir(log).unwrap().map(|f| fs::read_to_string(f.unwrap().path()).unwrap()).collect();
    assert!(logged.contains("not a ledger"), "the log says why: {logged}");
}

#[test]
fn a_locked_ledger_does_not_hold_the_agent() {
    let home = Home::new();
    let p = home.approved("c1");
    let rival = rusqlite::Connection::open(home.db()).unwrap();
    rival.execute_batch("BEGIN IMMEDIATE").unwrap();
    silent(&home.call("PostToolUse", tool()));
    rival.execute_batch("ROLLBACK").unwrap();
    assert_eq!(answer(&home.call("PostToolUse", tool()))["additionalContext"], p.payload);
}

#[test]
fn an_unknown_agent_is_said_plainly_and_never_with_the_code_that_refuses() {
    let home = Home::new();
    let output = home.start(&["hook", "klaus"]).wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("klaus") && said.lines().count() == 1, "{said}");
}

#[test]
fn the_environment_is_nowhere() {
    let home = Home::new();
    home.approved("c1");
    answer(&home.call("PostToolUse", tool()));
    silent(&home.call("Stop", json!({"last_assistant_message": "done"})));
    home.call_with(b"{");
    let all = home.everything();
    let text = String::from_utf8_lossy(&all);
    assert!(text.contains("claude-code"), "something was written");
    assert!(!text.contains("marmalade") && !text.contains("EXAMPLEexample"));
}

#[test]
fn the_end_of_a_turn_is_kept_open_only_so_many_times() {
    let home = Home::new();
    home.config("[policy]\nmax_stop_blocks = 2\n");
    let texts: Vec<_> = (0..4).map(|n| home.approved(&format!("c{n}"))).collect();
    let again = json!({"stop_hook_active": true});
    assert_eq!(answer(&home.call("Stop", json!({})))["additionalContext"], texts[0].payload);
    assert_eq!(answer(&home.call("Stop", again.clone()))["additionalContext"], texts[1].payload);
    silent(&home.call("Stop", again.clone()));
    silent(&home.call("Stop", again.clone()));
    // The user's next turn counts from nothing.
    assert_eq!(answer(&home.call("Stop", json!({})))["additionalContext"], texts[2].payload);
    assert_eq!(home.state(&texts[3]), State::Approved);
}

#[test]
fn the_end_of_a_turn_waits_until_another_process_has_decided() {
    let home = Home::new();
    home.config("[policy]\nhold_seconds = 50\n");
    let p = draft("s1", "c1");
    let ledger = home.ledger();
    ledger.propose(&p, Mode::Suggest, Timestamp::now()).unwrap();
    let mut child = home.start(&["hook", "claude-code"]);
    let input = home.input("Stop", json!({"last_assistant_message": "All tests pass."}));
    child.stdin.take().unwrap().write_all(input.to_string().as_bytes()).unwrap();
    until("the run is held", || !ledger.held(Timestamp::now()).unwrap().is_empty());
    assert!(child.try_wait().unwrap().is_none());
    drafts::approve(&ledger, &p.id, Timestamp::now());
    let said = answer(&child.wait_with_output().unwrap());
    assert_eq!(said["hookEventName"], "Stop");
    assert_eq!(said["additionalContext"], p.payload);
    assert_eq!(ledger.held(Timestamp::now()).unwrap(), []);
    assert!(ledger.hook_seen(&RunId::new("s1")).unwrap().unwrap().gates);
}

#[test]
fn an_approval_is_waited_for_through_its_grace_time() {
    for config in ["", "[policy]\nhold_seconds = 1\n"] {
        let home = Home::new();
        home.config(config);
        let p = draft("s1", "c1");
        let ledger = home.ledger();
        ledger.propose(&p, Mode::Suggest, Timestamp::now()).unwrap();
        let grace = Duration::from_secs(2);
        ledger.decide(&p.id, Verdict::Approve, person(), "", Timestamp::now(), grace).unwrap();
        silent(&home.call("PostToolUse", tool()));
        assert_eq!(answer(&home.call("Stop", json!({})))["additionalContext"], p.payload);
    }
}

#[test]
fn a_veto_lets_the_run_go_and_a_held_call_is_refused_with_the_approved_text() {
    let home = Home::new();
    home.config("[policy]\nhold_seconds = 50\n");
    let ledger = home.ledger();
    for (call, approve) in [("c1", false), ("c2", true)] {
        let p = draft("s1", call);
        ledger.propose(&p, Mode::Suggest, Timestamp::now()).unwrap();
        let mut child = home.start(&["hook", "claude-code"]);
        let input = home.input("PreToolUse", tool());
        child.stdin.take().unwrap().write_all(input.to_string().as_bytes()).unwrap();
        until("the run is held", || !ledger.held(Timestamp::now()).unwrap().is_empty());
        if approve {
            drafts::approve(&ledger, &p.id, Timestamp::now());
            let said = answer(&child.wait_with_output().unwrap());
            assert_eq!(said["permissionDecision"], "deny");
            assert_eq!(said["permissionDecisionReason"], p.payload);
        } else {
            let veto = Verdict::Veto { reason: String::new() };
            ledger.decide(&p.id, veto, person(), "", Timestamp::now(), Duration::ZERO).unwrap();
            silent(&child.wait_with_output().unwrap());
        }
    }
}

#[test]
fn when_the_hold_is_over_the_agent_goes_on_or_is_refused_as_the_policy_says() {
    for (then, decision) in [("go-on", None), ("deny", Some("deny")), ("ask", Some("ask"))] {
        let home = Home::new();
        home.config(&format!("[policy]\nhold_seconds = 1\non_hold_timeout = \"{then}\"\n"));
        let p = draft("s1", "c1");
        home.ledger().propose(&p, Mode::Suggest, Timestamp::now()).unwrap();
        let output = home.call("PreToolUse", tool());
        match decision {
            None => silent(&output),
            Some(word) => assert_eq!(answer(&output)["permissionDecision"], word),
        }
        silent(&home.call("Stop", json!({})));
        assert_eq!(home.state(&p), State::Waiting, "time is no decision");
        assert_eq!(home.ledger().decisions().unwrap(), []);
    }
}

#[test]
fn what_was_perhaps_sent_before_a_crash_is_decided_by_the_agents_log() {
    for arrived in [true, false] {
        let home = Home::new();
        let p = home.approved("c1");
        // Another hook leased it, perhaps said it, and died.
        let ledger = home.ledger();
        let run = RunId::new("s1");
        ledger.lease(&run, "claude-code hook", "x", Duration::ZERO, Timestamp::now()).unwrap().unwrap();
        let kind = if arrived { "attachment" } else { "api-request-blob" };
        fs::write(home.transcript(), format!("{}\n", json!({"type": kind, "content": p.payload}))).unwrap();
        let output = home.call("PostToolUse", tool());
        if arrived {
            silent(&output);
            assert_eq!(home.state(&p), State::Confirmed);
        } else {
            assert_eq!(answer(&output)["additionalContext"], p.payload);
            assert_eq!(home.state(&p), State::Delivered);
        }
    }
}

#[test]
fn what_refuses_a_call_refuses_that_call_with_that_input_and_no_other() {
    let gate = Gate::of("toolu_1", "Bash", &json!({"command": "ls"}).to_string());
    let approved = |home: &Home| {
        let mut p = draft("s1", "c1");
        p.target.scope = Scope::Call(gate.clone());
        home.ledger().propose(&p, Mode::Suggest, Timestamp::now()).unwrap();
        drafts::approve(&home.ledger(), &p.id, Timestamp::now());
        p
    };
    let with = |id: &str, command: &str| json!({"tool_name": "Bash", "tool_use_id": id, "tool_input": {"command": command}});
    let home = Home::new();
    let p = approved(&home);
    silent(&home.call("PreToolUse", with("toolu_2", "ls")));
    silent(&home.call("PostToolUse", with("toolu_2", "ls")));
    silent(&home.call("Stop", json!({})));
    assert_eq!(home.state(&p), State::Approved, "it waits for its own call");
    let said = answer(&home.call("PreToolUse", with("toolu_1", "ls")));
    assert_eq!(
        (&said["permissionDecision"], &said["permissionDecisionReason"]),
        (&json!("deny"), &json!(p.payload))
    );
    silent(&home.call("PreToolUse", with("toolu_1", "ls")));

    for (event, more, part) in [
        ("PreToolUse", with("toolu_1", "ls -a"), "another input"),
        ("PostToolUse", with("toolu_1", "ls"), "already"),
        ("UserPromptSubmit", json!({"prompt": "go on"}), "spoken"),
        ("SessionEnd", json!({}), "ended"),
    ] {
        let home = Home::new();
        let p = approved(&home);
        silent(&home.call(event, more));
        let entry = home.ledger().entry(&p.id).unwrap();
        assert_eq!(entry.state, State::Superseded, "{event}");
        assert!(entry.note.contains(part), "{}", entry.note);
        silent(&home.call("PreToolUse", with("toolu_1", "ls")));
    }
}

#[test]
fn what_was_approved_before_a_call_was_held_does_not_refuse_it() {
    let home = Home::new();
    home.config("[policy]\nhold_seconds = 50\n");
    let ledger = home.ledger();
    let (p, q) = (home.approved("c1"), draft("s1", "c2"));
    ledger.propose(&q, Mode::Suggest, Timestamp::now()).unwrap();
    let mut child = home.start(&["hook", "claude-code"]);
    child.stdin.take().unwrap().write_all(home.input("PreToolUse", tool()).to_string().as_bytes()).unwrap();
    until("the run is held", || !ledger.held(Timestamp::now()).unwrap().is_empty());
    let veto = Verdict::Veto { reason: String::new() };
    ledger.decide(&q.id, veto, person(), "", Timestamp::now(), Duration::ZERO).unwrap();
    silent(&child.wait_with_output().unwrap());
    assert_eq!(answer(&home.call("PostToolUse", tool()))["additionalContext"], p.payload);
}

#[test]
fn a_text_for_one_turn_or_one_sub_agent_does_not_outlive_it() {
    let home = Home::new();
    let ledger = home.ledger();
    let at = |turn: &str| {
        let mut more = tool();
        more["turn_id"] = turn.into();
        home.call_as("codex", home.input("PostToolUse", more).to_string().as_bytes())
    };
    silent(&at("t1"));
    let (mut p, mut q) = (draft("s1", "c1"), draft("s1", "c2"));
    p.target.scope = Scope::Turn;
    p.target.turn = "t1".into();
    q.target.agent = "explore-a0ad4f".into();
    for x in [&p, &q] {
        ledger.propose(x, Mode::Suggest, Timestamp::now()).unwrap();
        drafts::approve(&ledger, &x.id, Timestamp::now());
    }
    silent(&at("t2"));
    assert_eq!(home.state(&p), State::Superseded);
    // The main agent's events do not carry what is for a sub-agent, while it runs or after.
    assert_eq!(home.state(&q), State::Approved);
    silent(&home.call("SubagentStop", json!({"agent_id": "a0ad4f44468b", "agent_type": "Explore"})));
    assert_eq!(home.state(&q), State::Superseded);
    assert_eq!(ledger.decisions().unwrap().len(), 2);
}

#[test]
fn many_hooks_at_once_deliver_one_text_once() {
    let home = Home::new();
    home.approved("c1");
    let children: Vec<Child> = (0..6)
        .map(|_| {
            let mut child = home.start(&["hook", "claude-code"]);
            let input = home.input("PostToolUse", tool());
            child.stdin.take().unwrap().write_all(input.to_string().as_bytes()).unwrap();
            child
        })
        .collect();
    let spoke = children
        .into_iter()
        .map(|child| child.wait_with_output().unwrap())
        .filter(|output| !output.stdout.is_empty())
        .count();
    assert_eq!(spoke, 1);
}
