//! The whole path at the outside: an agent's log grows while the console runs in a terminal, a proposal
//! comes to the desk, a person decides by keystrokes, the hook's process answers with exactly what was
//! approved, and the receipt in the log is seen.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod terminal;

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::{Value, json};
use terminal::{PATIENCE, Terminal};

const SESSION: &str = "4b1f6c0e-7d52-4f7a-9c3b-2e5a81d90c11";
const CLAIM: &str = "The rounding is mended. All tests pass.";

/// One user's machine: the agent's directory, and where medbay keeps its own.
struct Machine {
    home: tempfile::TempDir,
    records: usize,
}

impl Machine {
    /// A machine where the agent has been before, with medbay's configuration.
    fn new(config: &str) -> Self {
        let machine = Self { home: tempfile::tempdir().unwrap(), records: 0 };
        fs::create_dir_all(machine.transcript().parent().unwrap()).unwrap();
        let directory = machine.home.path().join("xdg/config/medbay");
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("config.toml"), config).unwrap();
        machine
    }

    fn environment(&self) -> Vec<(&'static str, PathBuf)> {
        let home = self.home.path();
        vec![
            ("CLAUDE_CONFIG_DIR", home.join("claude")),
            ("CODEX_HOME", home.join("codex")),
            ("XDG_CONFIG_HOME", home.join("xdg/config")),
            ("XDG_DATA_HOME", home.join("xdg/data")),
            ("XDG_STATE_HOME", home.join("xdg/state")),
            ("XDG_CACHE_HOME", home.join("xdg/cache")),
        ]
    }

    fn transcript(&self) -> PathBuf {
        self.home.path().join("claude/projects/-home-dev-till").join(format!("{SESSION}.jsonl"))
    }

    /// The console, as a person starts it: without a path.
    fn console(&self) -> Terminal {
        let environment = self.environment();
        let environment: Vec<(&str, &str)> =
            environment.iter().map(|(name, value)| (*name, value.to_str().unwrap())).collect();
        Terminal::start(self.home.path(), &[], &environment, (40, 120))
    }

    /// The program, given something to read; what it prints.
    fn medbay(&self, arguments: &[&str], input: &str) -> String {
        let mut child = Command::new(env!("CARGO_BIN_EXE_medbay"))
            .args(arguments)
            .env_clear()
            .env("HOME", self.home.path())
            .envs(self.environment())
            .current_dir(self.home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What the hook says at an event: the whole of its answer, nothing for nothing.
    fn hook(&self, event: &str, more: Value) -> Option<Value> {
        let mut input = json!({
            "session_id": SESSION, "transcript_path": self.transcript(), "cwd": "/home/dev/till",
            "permission_mode": "default", "hook_event_name": event,
        });
        for (key, value) in more.as_object().unwrap() {
            input[key] = value.clone();
        }
        let said = self.medbay(&["hook", "claude-code"], &input.to_string());
        (!said.is_empty()).then(|| serde_json::from_str(&said).unwrap())
    }

    fn stop(&self) -> Option<Value> {
        self.hook("Stop", json!({"stop_hook_active": false, "last_assistant_message": CLAIM}))
    }

    /// Asks the hook at the end of the turn until it has something to say: an approval may be within its
    /// grace time, or on its way to the ledger.
    fn stop_until_said(&self) -> Value {
        let began = Instant::now();
        loop {
            if let Some(said) = self.stop() {
                return said;
            }
            assert!(began.elapsed() < PATIENCE, "the hook has nothing to say: {}", self.list());
        }
    }

    fn list(&self) -> String {
        self.medbay(&["decisions", "list"], "")
    }

    /// The one proposal in the ledger, as `decisions show` prints it.
    fn shown(&self) -> String {
        let list = self.list();
        assert_eq!(list.lines().count(), 1, "{list}");
        let id = list.split_whitespace().nth(2).unwrap();
        self.medbay(&["decisions", "show", id], "")
    }

    fn append(&mut self, mut record: Value) {
        let uuid = |n: usize| format!("00000000-0000-4000-8000-{n:012}");
        let path = self.transcript();
        record["parentUuid"] = if self.records == 0 { Value::Null } else { json!(uuid(self.records)) };
        self.records += 1;
        record["uuid"] = json!(uuid(self.records));
        record["timestamp"] = json!(format!("2026-11-20T10:00:{:02}.000Z", self.records));
        record["isSidechain"] = json!(false);
        record["userType"] = json!("external");
        record["entrypoint"] = json!("cli");
        record["cwd"] = json!("/home/dev/till");
        record["sessionId"] = json!(SESSION);
        record["version"] = json!("2.1.330");
        record["gitBranch"] = json!("main");
        let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
        writeln!(file, "{record}").unwrap();
    }

    fn prompt(&mut self, text: &str) {
        self.append(json!({"type": "user", "promptId": "p1", "origin": {"kind": "human"},
            "message": {"role": "user", "content": text}}));
    }

    fn says(&mut self, block: Value, stop: &str) {
        let id = format!("msg_{:02}", self.records);
        self.append(json!({"type": "assistant", "requestId": format!("req_{id}"), "message": {
            "id": id, "type": "message", "role": "assistant", "model": "claude-opus-5-5",
            "content": [block], "stop_reason": stop, "stop_sequence": null,
            "usage": {"input_tokens": 12, "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 900, "output_tokens": 40}}}));
    }

    fn calls(&mut self, id: &str, name: &str, input: Value) {
        self.says(json!({"type": "tool_use", "id": id, "name": name, "input": input}), "tool_use");
    }

    fn result(&mut self, id: &str, failed: bool, text: &str, tool: Value) {
        self.append(json!({"type": "user", "toolUseResult": tool, "message": {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": id, "is_error": failed, "content": text}]}}));
    }

    /// What the agent does before it speaks: an edit, and a test run that fails.
    fn works(&mut self) {
        self.prompt("The till rounds up. Mend it and run the tests.");
        self.calls(
            "toolu_01",
            "Edit",
            json!({"file_path": "/home/dev/till/till.py", "old_string": "ceil(x)", "new_string": "round(x)"}),
        );
        self.result(
            "toolu_01",
            false,
            "The file /home/dev/till/till.py has been updated.",
            json!({"filePath": "/home/dev/till/till.py", "oldString": "ceil(x)", "newString": "round(x)",
                "structuredPatch": [{"oldStart": 4, "oldLines": 1, "newStart": 4, "newLines": 1,
                    "lines": ["-    return ceil(x)", "+    return round(x)"]}]}),
        );
        self.calls("toolu_02", "Bash", json!({"command": "python3 -m pytest -q"}));
        let text =
            "Exit code 1\n..F\nFAILED test_till.py::test_half - assert 2 == 3\n1 failed, 2 passed in 0.03s";
        self.result("toolu_02", true, text, json!(format!("Error: {text}")));
    }

    fn claims(&mut self) {
        self.says(json!({"type": "text", "text": CLAIM}), "end_turn");
    }

    /// What the agent writes when it has taken what a hook said.
    fn took(&mut self, text: &str) {
        self.append(json!({"type": "attachment", "attachment": {"type": "hook_additional_context",
            "hookName": "Stop", "hookEvent": "Stop", "toolUseID": "hook-1", "content": [text]}}));
    }
}

/// From an empty log to a proposal that is open on the desk.
fn until_it_waits(machine: &mut Machine) -> Terminal {
    // The first record is there before the console: else it shows the bundled runs.
    machine.works();
    let mut terminal = machine.console();
    terminal.until("The till rounds up.");
    let screen = terminal.screen();
    assert!(!screen.contains("All tests pass"), "{screen}");
    machine.claims();
    // The two facts: what was said, and what contradicts it.
    terminal.until("All tests pass.");
    terminal.until("1 failed, 2 passed");
    terminal.until("3 opens it");
    assert_eq!(machine.list().lines().count(), 1);
    assert_eq!(
        machine.hook(
            "PostToolUse",
            json!({"tool_name": "Bash", "tool_use_id": "toolu_02",
        "tool_input": {"command": "ls"}, "tool_response": {"stdout": "", "stderr": ""}})
        ),
        None
    );
    terminal.type_keys("3");
    let screen = terminal.until("WILL SEND");
    assert!(screen.contains("All tests pass.") && screen.contains("1 failed, 2 passed"), "{screen}");
    assert!(screen.contains("Operator:"), "{screen}");
    terminal
}

fn quit(mut terminal: Terminal) {
    terminal.type_keys("q");
    assert_eq!(terminal.ended().exit_code(), 0);
}

/// The text that the ledger says was approved or sent, by the name of its line.
fn text_of(shown: &str, name: &str) -> String {
    let mut lines = shown.lines().skip_while(|line| line.split_whitespace().next() != Some(name));
    let first = lines.next().unwrap_or_else(|| panic!("no {name} in {shown}"));
    let more = lines.take_while(|line| line.starts_with("            "));
    let all: Vec<&str> = std::iter::once(first).chain(more).map(|line| &line[12..]).collect();
    all.join("\n")
}

#[test]
fn an_approval_by_keystroke_reaches_the_agent_and_its_receipt_is_seen() {
    let mut machine = Machine::new("grace_seconds = 0\n");
    let mut terminal = until_it_waits(&mut machine);
    terminal.decide("a", "goes out with the agent's next event");
    let said = machine.stop_until_said();
    assert_eq!(said["hookSpecificOutput"]["hookEventName"], "Stop");
    let text = said["hookSpecificOutput"]["additionalContext"].as_str().unwrap().to_owned();
    assert!(text.starts_with("Operator: "), "{text}");
    // Exactly what was on the desk.
    let shown = machine.shown();
    assert_eq!(text_of(&shown, "draft"), text);
    assert_eq!(text_of(&shown, "on").trim_start_matches("screen").trim_start(), text, "{shown}");
    terminal.type_keys("6");
    terminal.until("receipt");
    terminal.until("delivered");
    // It is said once; the turn stays open for the check that it names.
    let reminder = machine.stop().expect("the check has not passed");
    let reminder = reminder["hookSpecificOutput"]["additionalContext"].as_str().unwrap().to_owned();
    assert!(reminder.contains("has not been seen to succeed") && !reminder.contains("[medbay"), "{reminder}");
    machine.took(&text);
    terminal.type_keys("\r");
    let screen = terminal.until(" in record ");
    assert!(screen.contains("approve"), "{screen}");
    quit(terminal);
    let list = machine.list();
    assert!(list.contains("confirmed") && list.contains("approve"), "{list}");
    let verified = machine.medbay(&["decisions", "verify"], "");
    assert!(verified.starts_with("1 decision"), "{verified}");
}

#[test]
fn a_turn_stays_open_until_the_named_check_was_seen_to_pass_and_the_outcome_says_so() {
    let mut machine = Machine::new("grace_seconds = 0\n\n[policy]\nmax_stop_blocks = 3\n");
    let mut terminal = until_it_waits(&mut machine);
    terminal.until("MENDED when `python3 -m pytest -q` succeeds");
    terminal.decide("a", "goes out with the agent's next event");
    let said = machine.stop_until_said();
    let text = said["hookSpecificOutput"]["additionalContext"].as_str().unwrap().to_owned();
    machine.took(&text);
    terminal.type_keys("6");
    terminal.until(" seen ");
    let again = |machine: &Machine| {
        machine.hook("Stop", json!({"stop_hook_active": true, "last_assistant_message": "It is fine."}))
    };
    machine.says(json!({"type": "text", "text": "It is fine."}), "end_turn");
    assert!(again(&machine).is_some(), "the check was not run");
    machine.calls("toolu_03", "Bash", json!({"command": "python3 -m pytest -q || true"}));
    machine.result(
        "toolu_03",
        false,
        "3 passed in 0.02s",
        json!({"stdout": "3 passed in 0.02s", "stderr": ""}),
    );
    machine.says(json!({"type": "text", "text": "It is fine."}), "end_turn");
    assert!(again(&machine).is_some(), "its exit status was thrown away");
    machine.says(json!({"type": "text", "text": "It is fine."}), "end_turn");
    assert_eq!(again(&machine), None, "only so many times");
    machine.calls("toolu_04", "Bash", json!({"command": "python3 -m pytest -q"}));
    machine.result(
        "toolu_04",
        false,
        "3 passed in 0.02s",
        json!({"stdout": "3 passed in 0.02s", "stderr": ""}),
    );
    machine.says(json!({"type": "text", "text": "It is fine."}), "end_turn");
    assert_eq!(machine.stop(), None, "it passed");
    terminal.until("recovered");
    quit(terminal);
    let list = machine.list();
    let id = list.split_whitespace().nth(2).unwrap();
    let shown = machine.medbay(&["decisions", "show", id], "");
    assert!(shown.contains("recovered, step 7: `python3 -m pytest -q` was seen to pass"), "{shown}");
    let summary = machine.medbay(&["decisions", "list", "--summary", "--json"], "");
    let summary: Value = serde_json::from_str(&summary).unwrap();
    assert_eq!(
        (&summary["all"]["recovered"], &summary["all"]["followed"]),
        (&json!(1), &json!(1)),
        "{summary}"
    );
}

#[test]
fn an_edited_text_is_what_the_agent_gets() {
    let mut machine = Machine::new("grace_seconds = 0\n");
    let mut terminal = until_it_waits(&mut machine);
    terminal.decide("e", "C-s send");
    // After "Operator: ".
    terminal.type_keys("\u{1b}[C".repeat(10).as_str());
    terminal.type_keys("Mind the halves. ");
    terminal.until("Operator: Mind the halves. ");
    terminal.type_keys("\u{13}");
    terminal.until("goes out with the agent's next event");
    let said = machine.stop_until_said();
    let text = said["hookSpecificOutput"]["additionalContext"].as_str().unwrap().to_owned();
    let shown = machine.shown();
    let draft = text_of(&shown, "draft");
    assert_eq!(text, draft.replacen("Operator: ", "Operator: Mind the halves. ", 1));
    machine.took(&text);
    terminal.type_keys("6");
    terminal.until("receipt");
    terminal.type_keys("\r");
    terminal.until(" in record ");
    terminal.until("SENT INSTEAD");
    quit(terminal);
    let list = machine.list();
    assert!(list.contains("confirmed") && list.contains("edit"), "{list}");
}

#[test]
fn a_veto_leaves_nothing_for_the_hook() {
    let mut machine = Machine::new("grace_seconds = 0\n");
    let mut terminal = until_it_waits(&mut machine);
    terminal.decide("v", "veto because: ");
    terminal.type_keys("it knows\r");
    terminal.until("Nothing waits for you");
    terminal.type_keys("6");
    terminal.until("receipt");
    terminal.type_keys("\r");
    terminal.until("because it knows");
    for _ in 0..3 {
        assert_eq!(machine.stop(), None);
    }
    quit(terminal);
    let shown = machine.shown();
    assert!(shown.contains("vetoed") && shown.contains("it knows") && !shown.contains("channel"), "{shown}");
    assert!(machine.list().contains("veto"));
}

#[test]
fn the_end_of_a_turn_is_held_until_the_person_has_decided() {
    let mut machine = Machine::new("grace_seconds = 0\n\n[policy]\nhold_seconds = 45\n");
    let mut terminal = until_it_waits(&mut machine);
    std::thread::scope(|scope| {
        let held = scope.spawn(|| machine.stop());
        terminal.type_keys("1");
        terminal.until("it is held for the operator");
        terminal.type_keys("3");
        terminal.until("WILL SEND");
        terminal.decide("a", "Nothing waits for you");
        let said = held.join().unwrap().expect("the hook was held and then said the text");
        let text = said["hookSpecificOutput"]["additionalContext"].as_str().unwrap();
        assert_eq!(text_of(&machine.shown(), "draft"), text);
    });
    quit(terminal);
}

#[test]
fn nothing_is_written_outside_of_the_named_directories() {
    let mut machine = Machine::new("grace_seconds = 0\n");
    let terminal = until_it_waits(&mut machine);
    quit(terminal);
    let mut names: Vec<String> = fs::read_dir(machine.home.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["claude", "xdg"]);
    assert!(Path::new(&machine.home.path().join("xdg/data/medbay/ledger.db")).exists());
}
