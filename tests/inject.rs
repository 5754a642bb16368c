//! Fault injection as somebody meets it who measures the detectors: the copies are logs as before, the
//! labels name the right records, chance can be repeated, and bad input is named and survived.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use medbay::format;
use medbay::lab::inject::{Draft, KINDS, Placed, Recording, by_name, inject};
use serde_json::{Value, json};

fn lines(values: &[Value]) -> String {
    values.iter().map(|value| format!("{value}\n")).collect()
}

/// A small run of an assistant with tools, in OpenAI's messages: five look-ups, an act, a report.
fn chat() -> String {
    let mut all = vec![
        json!({"role": "system", "content": "You help customers of a tea shop."}),
        json!({"role": "user", "content": "Where is my order TEA48213? Refund the kettle please."}),
    ];
    for (n, (tool, arguments, result)) in [
        ("find_user", json!({"name": "Ann Lee"}), "ann_lee_4417"),
        ("get_user", json!({"user_id": "ann_lee_4417"}), r#"{"name": "Ann Lee", "orders": ["TEA48213"], "card": "6593"}"#),
        (
            "get_order",
            json!({"order_id": "TEA48213"}),
            r#"{"order_id": "TEA48213", "status": "delivered", "kettle": 64.95, "tea": 12.5, "date": "2026-05-24"}"#,
        ),
        ("get_policy", json!({"topic": "refunds"}), r#"{"topic": "refunds", "text": "within 30 days to the card that paid"}"#),
        ("refund_item", json!({"order_id": "TEA48213", "item": "kettle"}), r#"{"refunded": 64.95, "card": "6593"}"#),
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("call_{n}_abcd");
        all.push(json!({"role": "assistant", "content": null, "tool_calls": [
            {"id": id, "type": "function", "function": {"name": tool, "arguments": arguments.to_string()}}]}));
        all.push(json!({"role": "tool", "tool_call_id": id, "name": tool, "content": result}));
    }
    all.push(json!({"role": "assistant", "content":
        "The kettle of order TEA48213 has been refunded: $64.95 to the card ending in 6593."}));
    lines(&all)
}

/// A small session of Claude Code: a plan, an edit, a test run, a report.
fn claude_code() -> String {
    let mut all: Vec<Value> = Vec::new();
    let mut parent = Value::Null;
    let mut second = 0;
    let mut put = |mut record: Value| {
        second += 2;
        let uuid = format!("00000000-0000-4000-8000-{second:012}");
        record["uuid"] = json!(uuid);
        record["parentUuid"] = parent.clone();
        record["sessionId"] = json!("11111111-2222-4333-8444-555555555555");
        record["timestamp"] = json!(format!("2026-11-24T10:00:{second:02}.000Z"));
        record["cwd"] = json!("/w/app");
        parent = json!(uuid);
        all.push(record);
    };
    let said = |number: u32, block: Value, stop: &str| {
        json!({"type": "assistant", "message": {"id": format!("msg_{number}"), "type": "message", "role": "assistant",
            "model": "m-1", "content": [block], "stop_reason": stop, "usage": {"input_tokens": 10, "output_tokens": 5}}})
    };
    let call = |number: u32, tool: &str, input: Value| {
        said(
            number,
            json!({"type": "tool_use", "id": format!("toolu_{number:04}"), "name": tool, "input": input}),
            "tool_use",
        )
    };
    let answer = |number: u32, text: &str, twin: Value| {
        json!({"type": "user", "message": {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": format!("toolu_{number:04}"), "content": text}]}, "toolUseResult": twin})
    };
    let shell = |text: &str| json!({"stdout": text, "stderr": "", "interrupted": false});
    let todos = |states: [&str; 2]| {
        json!({"todos": [{"content": "Fix discount()", "status": states[0], "activeForm": "Fixing"},
            {"content": "Run the tests", "status": states[1], "activeForm": "Testing"}]})
    };
    put(
        json!({"type": "user", "message": {"role": "user", "content": "Fix discount() in prices.py and run the tests."}}),
    );
    put(call(1, "TodoWrite", todos(["in_progress", "pending"])));
    put(answer(1, "Todos have been modified successfully", json!({})));
    put(call(2, "Read", json!({"file_path": "/w/app/prices.py"})));
    put(answer(
        2,
        "1\tdef discount(amount, percent):\n2\t    return amount - percent\n",
        json!({"type": "text"}),
    ));
    put(call(
        3,
        "Edit",
        json!({"file_path": "/w/app/prices.py", "old_string": "amount - percent", "new_string": "amount * (100 - percent) // 100"}),
    ));
    put(answer(
        3,
        "The file /w/app/prices.py has been updated successfully.",
        json!({"filePath": "/w/app/prices.py"}),
    ));
    put(call(4, "TodoWrite", todos(["completed", "pending"])));
    put(answer(4, "Todos have been modified successfully", json!({})));
    put(call(5, "Bash", json!({"command": "python3 -m pytest -q"})));
    let passed = "............................................ [100%]\n4985 passed in 1.21s";
    put(answer(5, passed, shell(passed)));
    put(said(
        6,
        json!({"type": "text", "text": "discount() in /w/app/prices.py is fixed; all 4985 tests pass."}),
        "end_turn",
    ));
    lines(&all)
}

/// The same work as Codex logs it.
fn codex() -> String {
    let mut all = vec![json!({"timestamp": "2026-11-24T10:00:00.000Z", "type": "session_meta", "payload":
        {"id": "01a20c8b-464f-7873-ae7e-b52eb795a8c1", "cwd": "/w/app", "cli_version": "0.169.0"}})];
    let mut second = 0;
    let mut put = |payload: Value| {
        second += 2;
        all.push(json!({"timestamp": format!("2026-11-24T10:00:{second:02}.000Z"), "type": "response_item", "payload": payload}));
    };
    put(
        json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Fix discount() and test."}]}),
    );
    let mut call = |number: u32, command: &str, output: &str| {
        let id = format!("call_{number:04}");
        put(
            json!({"type": "function_call", "name": "exec_command", "arguments": json!({"cmd": command}).to_string(), "call_id": id}),
        );
        put(json!({"type": "function_call_output", "call_id": id, "output":
            format!("Chunk ID: 0{number}\nWall time: 0.1 seconds\nProcess exited with code 0\nOutput:\n{output}")}));
    };
    call(1, "cat src/prices.py", "def discount(amount, percent):\n    return amount - percent\n");
    call(2, "ls src/tests", "src/tests/test_prices.py\nsrc/tests/test_totals.py\n");
    call(3, "python3 fix.py src/prices.py", "src/prices.py: 1 line changed, 3 lines kept as they were\n");
    call(4, "python3 -m pytest -q", "4985 passed in 1.21s\n");
    put(json!({"type": "message", "role": "assistant", "content": [
        {"type": "output_text", "text": "Fixed in src/prices.py; all 4985 tests pass."}]}));
    lines(&all)
}

/// medbay's own form, with a sub-agent that reports a figure.
fn native() -> String {
    let mut all = vec![
        json!({"type": "run", "medbay": 1, "run": "r-1", "title": "Count rows", "agent": "lead", "time": "2026-11-24T10:00:00.000Z"}),
        json!({"type": "prompt", "time": "2026-11-24T10:00:01.000Z", "text": "How many rows has the table?", "by": "person"}),
        json!({"type": "plan", "time": "2026-11-24T10:00:02.000Z", "items": [
            {"text": "Ask the scout", "status": "active"}, {"text": "Write notes/rows.md", "status": "pending"}]}),
        json!({"type": "handoff", "time": "2026-11-24T10:00:03.000Z", "to": "scout", "id": "h1", "text": "Count the rows."}),
    ];
    for n in 0..5 {
        all.push(json!({"type": "call", "time": format!("2026-11-24T10:00:{:02}.000Z", 10 + 2 * n), "agent": "scout", "parent": "lead",
            "id": format!("c{n}"), "tool": "count_rows", "input": {"part": n}}));
        all.push(json!({"type": "result", "time": format!("2026-11-24T10:00:{:02}.500Z", 10 + 2 * n), "agent": "scout",
            "id": format!("c{n}"), "status": "ok", "text": format!("{{\"part\": {n}, \"rows\": 9643, \"table\": \"orders_2026\"}}")}));
    }
    all.extend([
        json!({"type": "message", "time": "2026-11-24T10:00:30.000Z", "agent": "scout", "text": "The table has 48215 rows.", "closing": true}),
        json!({"type": "return", "time": "2026-11-24T10:00:31.000Z", "from": "scout", "id": "h1", "text": "The table has 48215 rows."}),
        json!({"type": "plan", "time": "2026-11-24T10:00:32.000Z", "items": [
            {"text": "Ask the scout", "status": "done"}, {"text": "Write notes/rows.md", "status": "pending"}]}),
        json!({"type": "message", "time": "2026-11-24T10:00:33.000Z", "agent": "lead", "text": "The table orders_2026 has 48215 rows.", "closing": true}),
    ]);
    lines(&all)
}

fn autogen() -> String {
    lines(&[
        json!({"content": "Add the prices in prices.csv.", "role": "assistant", "name": "Planner"}),
        json!({"content": "```python\nprint(sum(rows))\n```", "role": "user", "name": "Coder"}),
        json!({"content": "exitcode: 0 (execution succeeded)\nCode output: total 73418.25 over 1204 rows of prices.csv\n", "role": "user", "name": "Computer_terminal"}),
        json!({"content": "The total is 73418.25, over 1204 rows.", "role": "user", "name": "Coder"}),
        json!({"content": "Checked: 73418.25 over 1204 rows is done.", "role": "user", "name": "Checker"}),
    ])
}

fn react() -> String {
    lines(&[
        json!({"type": "question", "content": "When did the bridge at Oberau open?"}),
        json!({"type": "thought", "n": 1, "content": "I look up the bridge."}),
        json!({"type": "action", "n": 1, "content": "Search[Oberau bridge]"}),
        json!({"type": "observation", "n": 1, "content": "The Oberau bridge is 3184 metres long and opened on May 24, 1871."}),
        json!({"type": "thought", "n": 2, "content": "It is 3184 metres long and opened in 1871."}),
        json!({"type": "action", "n": 2, "content": "Finish[1871]"}),
    ])
}

fn magentic() -> String {
    lines(&[
        json!({"content": "How long is the bridge at Oberau?\n", "role": "human"}),
        json!({"content": "Please find the length.", "role": "Orchestrator (-> WebSurfer)"}),
        json!({"content": "The page https://bridges.example/oberau says 3184 metres.", "role": "WebSurfer"}),
        json!({"content": "It is 3184 metres, by https://bridges.example/oberau.", "role": "Orchestrator (thought)"}),
    ])
}

fn families() -> Vec<(&'static str, String)> {
    vec![
        ("chat", chat()),
        ("claude-code", claude_code()),
        ("codex", codex()),
        ("native", native()),
        ("autogen", autogen()),
        ("react", react()),
        ("magentic", magentic()),
    ]
}

fn recording(name: &str, text: &str) -> Recording {
    let head: Vec<&[u8]> = text.lines().map(str::as_bytes).collect();
    let format = format::sniff(&head).unwrap_or_else(|| panic!("{name} is of a known format"));
    let identity = format.identify(&format!("/x/{name}.jsonl"), &head, None);
    Recording::read(name, format, &identity, text.as_bytes())
}

fn injected(name: &str, text: &str, fault: &str, seed: u64) -> Option<(Draft, Placed)> {
    inject(&recording(name, text), by_name(fault).unwrap(), seed).ok()
}

fn text_of(draft: &Draft) -> String {
    String::from_utf8(draft.bytes()).unwrap()
}

/// The record at a label's step.
fn record(copy: &str, at: usize) -> &str {
    copy.lines().nth(at).unwrap()
}

#[test]
fn every_copy_is_a_log_as_before_and_its_label_names_a_record_of_it() {
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, text) in families() {
        let original = recording(name, &text);
        for kind in KINDS {
            let Some((draft, placed)) = injected(name, &text, kind.name, 3) else { continue };
            *places.entry(kind.name).or_default() += 1;
            let copy = text_of(&draft);
            assert_ne!(copy, text, "{name}: {} changes nothing", kind.name);
            for line in copy.lines() {
                assert!(serde_json::from_str::<Value>(line).is_ok(), "{name}: {}: {line}", kind.name);
            }
            let again = recording(name, &copy);
            assert_eq!(again.format().name(), original.format().name(), "{name}: {}", kind.name);
            let count = copy.lines().count();
            for at in placed.also.iter().chain([&placed.step]) {
                assert!(*at < count, "{name}: {}: record {at} of {count}", kind.name);
            }
            let deed = again.acts().iter().any(|act| {
                act.line == placed.step
                    && (act.is_deed() || matches!(act.what, medbay::lab::inject::What::Plan { .. }))
            });
            assert!(deed, "{name}: {}: no act at record {}", kind.name, placed.step);
        }
    }
    for kind in KINDS {
        assert!(places.contains_key(kind.name), "{} has a place in none of the small runs", kind.name);
    }
    for (fault, families) in
        [("failed-tool", 6), ("garbled-output", 5), ("dropped-observation", 5), ("invented-number", 6)]
    {
        assert!(places[fault] >= families, "{fault} has {} places", places[fault]);
    }
}

#[test]
fn records_that_a_fault_does_not_touch_stay_byte_for_byte() {
    for (name, text) in families() {
        for kind in KINDS.iter().filter(|kind| kind.name == "invented-number" || kind.name == "failed-tool") {
            let Some((draft, _)) = injected(name, &text, kind.name, 5) else { continue };
            let copy = text_of(&draft);
            assert_eq!(copy.lines().count(), text.lines().count());
            let changed = copy.lines().zip(text.lines()).filter(|(new, old)| new != old).count();
            assert_eq!(changed, 1, "{name}: {} changes {changed} records", kind.name);
        }
    }
}

#[test]
fn a_failed_tool_fails_and_the_words_stay() {
    for (name, text) in families() {
        let Some((draft, placed)) = injected(name, &text, "failed-tool", 1) else { continue };
        let copy = text_of(&draft);
        assert_eq!(record(&copy, placed.step), record(&text, placed.step), "{name}: the act stays");
        let before = recording(name, &text);
        let after = recording(name, &copy);
        let changed = before.acts().iter().zip(after.acts()).filter(|(old, new)| old != new).count();
        assert!(changed >= 1, "{name}");
    }
    let claude = text_of(&injected("claude-code", &claude_code(), "contradicted-plan", 2).unwrap().0);
    assert!(
        claude.contains("is_error")
            || claude.matches("completed").count() > claude_code().matches("completed").count()
    );
}

#[test]
fn a_flipped_test_keeps_the_claim_and_fails_the_run_on_both_sides_of_the_log() {
    for (name, text) in [("claude-code", claude_code()), ("codex", codex())] {
        let (draft, placed) = injected(name, &text, "flipped-test", 1).unwrap();
        let copy = text_of(&draft);
        assert!(
            record(&copy, placed.step).contains("4985 tests pass"),
            "{name}: {}",
            record(&copy, placed.step)
        );
        assert!(copy.contains("1 failed, 4985 passed"), "{name}");
        assert!(!copy.contains("\n4985 passed in 1.21s"), "{name}");
        assert!(record(&copy, placed.also[0]).contains("pytest"), "{name}");
        assert!(copy.contains("is_error\":true") || copy.contains("exited with code 1"), "{name}");
    }
}

#[test]
fn a_stale_result_puts_the_edit_behind_the_run() {
    let (draft, placed) = injected("claude-code", &claude_code(), "stale-result", 1).unwrap();
    let copy = text_of(&draft);
    let at = |what: &str| copy.lines().position(|line| line.contains(what)).unwrap();
    assert!(at("\"name\":\"Edit\"") > at("4985 passed"), "{copy}");
    assert_eq!(placed.step, at("all 4985 tests pass"));
    assert_eq!(placed.also, [at("\"name\":\"Edit\"")]);
    let times: Vec<String> = copy
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["timestamp"].as_str().unwrap().to_owned())
        .collect();
    assert!(times.is_sorted(), "{times:?}");
    chained(&copy);
}

/// Each record of Claude Code has the one above it as its parent, and no id comes twice.
fn chained(copy: &str) {
    let mut parent = Value::Null;
    let mut seen = std::collections::BTreeSet::new();
    for line in copy.lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        assert_eq!(record["parentUuid"], parent, "{line}");
        assert!(seen.insert(record["uuid"].to_string()), "{line}");
        parent = record["uuid"].clone();
    }
}

#[test]
fn records_put_in_and_taken_out_leave_a_chain_and_ids_of_their_own() {
    for fault in ["repeated-call", "flaky-tool", "dropped-observation", "unknown-tool"] {
        for seed in 0..6 {
            let (draft, _) = injected("claude-code", &claude_code(), fault, seed).unwrap();
            chained(&text_of(&draft));
        }
    }
    let (draft, placed) = injected("chat", &chat(), "repeated-call", 1).unwrap();
    let copy = text_of(&draft);
    let mut ids = std::collections::BTreeSet::new();
    for line in copy.lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        if let Some(id) = record.pointer("/tool_calls/0/id").and_then(Value::as_str) {
            assert!(ids.insert(id.to_owned()), "{id} comes twice");
        }
    }
    assert!(record(&copy, placed.step).contains("tool_calls"));
}

#[test]
fn an_invented_thing_stands_nowhere_else() {
    for (name, text) in families() {
        for fault in ["invented-number", "invented-path", "corrupted-handoff"] {
            let Some((draft, placed)) = injected(name, &text, fault, 4) else { continue };
            let copy = text_of(&draft);
            let new = placed.what.split_whitespace().next().unwrap();
            assert!(!text.contains(new), "{name}: {fault}: {new}");
            // An answer that was changed on its way shows at the next act.
            let held = placed.also.iter().chain([&placed.step]).any(|at| record(&copy, *at).contains(new));
            assert!(held, "{name}: {fault}: {new}");
        }
    }
    let (_, placed) = injected("native", &native(), "corrupted-handoff", 1).unwrap();
    assert_ne!(placed.agent, "scout", "the one that passes it on");
}

#[test]
fn a_call_that_was_made_up_is_one_in_the_words_of_its_format() {
    let unheard = |placed: &Placed| placed.what.split_whitespace().next().unwrap().to_owned();
    for (name, text) in families() {
        for seed in 0..4 {
            if let Some((draft, placed)) = injected(name, &text, "unknown-tool", seed) {
                let (copy, tool) = (text_of(&draft), unheard(&placed));
                assert!(
                    !text.contains(&tool) && record(&copy, placed.step).contains(&tool),
                    "{name}: {tool}"
                );
                let again = recording(name, &copy);
                let called = again.acts().iter().any(|act| {
                    matches!(&act.what, medbay::lab::inject::What::Call { tool: called, .. } if *called == tool)
                });
                assert!(called, "{name}: {tool} is no call: {copy}");
                assert_eq!(again.acts().len(), recording(name, &text).acts().len() + 2, "{name}");
            }
            if let Some((draft, placed)) = injected(name, &text, "invented-argument", seed) {
                let copy = text_of(&draft);
                assert_eq!(copy.lines().count(), text.lines().count(), "{name}");
                let (old, new) = (recording(name, &text), recording(name, &copy));
                let calls = |of: &Recording| -> Vec<Value> {
                    let calls = of.acts().iter().filter(|act| {
                        matches!(act.what, medbay::lab::inject::What::Call { .. }) && act.line == placed.step
                    });
                    calls.filter_map(|act| serde_json::from_str(&act.text).ok()).collect()
                };
                let (old, new) = (calls(&old), calls(&new));
                let more = new[0].as_object().unwrap().len() - old[0].as_object().unwrap().len();
                assert_eq!(more, 1, "{name}: {copy}");
            }
        }
    }
    for (name, text) in
        [("chat", chat()), ("claude-code", claude_code()), ("codex", codex()), ("native", native())]
    {
        for fault in ["unknown-tool", "invented-argument"] {
            assert!(injected(name, &text, fault, 1).is_some(), "{name} has no place for {fault}");
        }
    }
    assert!(injected("react", &react(), "unknown-tool", 1).is_some());
}

#[test]
fn a_slow_call_moves_all_that_follows() {
    let text = native();
    let (draft, placed) = injected("native", &text, "slow-tool", 1).unwrap();
    let copy = text_of(&draft);
    let time = |text: &str, at: usize| -> jiff::Timestamp {
        serde_json::from_str::<Value>(record(text, at)).unwrap()["time"].as_str().unwrap().parse().unwrap()
    };
    assert_eq!(time(&copy, placed.step), time(&text, placed.step));
    let last = text.lines().count() - 1;
    let moved = |at: usize| time(&copy, at).as_millisecond() - time(&text, at).as_millisecond();
    assert!(moved(last) >= 180_000, "{}", moved(last));
    assert_eq!(moved(placed.step + 1), moved(last));
}

#[test]
fn the_same_seed_gives_the_same_copy_and_another_another() {
    let text = chat();
    let all = |seed: u64| -> Vec<Vec<u8>> {
        KINDS.iter().filter_map(|kind| Some(injected("chat", &text, kind.name, seed)?.0.bytes())).collect()
    };
    assert_eq!(all(7), all(7));
    assert_ne!(all(7), all(8));
}

#[test]
fn rubbish_and_a_record_of_a_megabyte_are_survived() {
    let mut text = chat();
    text.insert_str(0, "not json at all \u{1b}[31m\n");
    text.push_str("{\"role\": \"tool\", \"tool_call_id\": \"nobody\", \"content\": [1, null, {}]}\n[]\n\n\u{0}\n{\"torn\": ");
    let huge = json!({"role": "user", "content": "77123 ".repeat(200_000)});
    text.insert_str(text.find('\n').unwrap() + 1, &format!("{huge}\n"));
    for kind in KINDS {
        if let Some((draft, placed)) = injected("chat", &text, kind.name, 1) {
            let copy = text_of(&draft);
            assert!(copy.starts_with("not json at all"), "{}", kind.name);
            assert!(copy.ends_with("{\"torn\": "), "{}", kind.name);
            assert!(placed.step < copy.lines().count());
        }
    }
}

// The command line.

struct Ran {
    code: i32,
    out: String,
    err: String,
}

fn medbay(arguments: &[&str]) -> Ran {
    let home = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_medbay"))
        .args(arguments)
        .env_clear()
        .env("HOME", home.path())
        .env("LANG", "C.UTF-8")
        .output()
        .unwrap();
    Ran {
        code: output.status.code().unwrap(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn path(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[test]
fn the_twin_is_byte_identical_and_labels_are_read_by_eval() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("tea.jsonl");
    fs::write(&log, chat()).unwrap();
    let to = folder.path().join("out");
    let ran = medbay(&["inject", &path(&log), "-o", &path(&to)]);
    assert_eq!((ran.code, ran.out.lines().count()), (0, 1), "{}{}", ran.out, ran.err);
    assert_eq!(fs::read_to_string(to.join("runs/tea.jsonl")).unwrap(), chat());
    for line in ran.err.lines() {
        assert!(line.starts_with("medbay: tea has no place for "), "{line}");
    }
    let labels = fs::read_to_string(to.join("labels.jsonl")).unwrap();
    assert!(labels.lines().count() >= 9, "{labels}");
    let eval = medbay(&["eval", &path(&to), "--json"]);
    let report: Value = serde_json::from_str(&eval.out).unwrap();
    let kinds = report["faults"]["kinds"].as_array().unwrap();
    assert_eq!(
        kinds.iter().map(|kind| kind["copies"].as_u64().unwrap()).sum::<u64>(),
        labels.lines().count() as u64 - 1
    );
    assert_eq!(report["faults"]["untouched"]["runs"], 1);
    let table = medbay(&["eval", &path(&to)]);
    assert!(
        table.out.contains("failed-tool") && table.out.contains("untouched twins: 1 runs"),
        "{}",
        table.out
    );
}

#[test]
fn one_fault_can_be_asked_for_and_the_seed_is_obeyed() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("tea.jsonl");
    fs::write(&log, chat()).unwrap();
    let copy = |name: &str, seed: &str| {
        let to = folder.path().join(name);
        let ran =
            medbay(&["inject", &path(&log), "--fault", "invented-path", "--seed", seed, "-o", &path(&to)]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert_eq!(fs::read_dir(to.join("runs")).unwrap().count(), 2);
        fs::read_to_string(to.join("runs/tea--invented-path.jsonl")).unwrap()
    };
    assert_eq!(copy("a", "1"), copy("b", "1"));
    let others: Vec<String> = (2..6).map(|seed| copy(&format!("s{seed}"), &seed.to_string())).collect();
    assert!(others.iter().any(|other| *other != copy("c", "1")));
}

#[test]
fn what_cannot_be_done_is_one_sentence_and_exit_code_2() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("tea.jsonl");
    fs::write(&log, chat()).unwrap();
    fs::write(folder.path().join("notes.jsonl"), "just words\n").unwrap();
    let done = folder.path().join("done");
    assert_eq!(medbay(&["inject", &path(&log), "-o", &path(&done)]).code, 0);
    for (arguments, says) in [
        (vec!["inject".to_owned(), path(&folder.path().join("nothing"))], "is not there"),
        (vec!["inject".to_owned(), path(&folder.path().join("notes.jsonl"))], "holds no run"),
        (
            vec!["inject".to_owned(), path(&log), "--fault".to_owned(), "gremlin".to_owned()],
            "no fault is called",
        ),
        (vec!["inject".to_owned(), path(&log), "-o".to_owned(), path(&done)], "holds labels already"),
    ] {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let ran = medbay(&arguments);
        assert_eq!(ran.code, 2, "{arguments:?}");
        assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
        assert!(ran.err.starts_with("medbay: ") && ran.err.contains(says), "{}", ran.err);
        assert!(ran.out.is_empty());
    }
}

#[test]
fn runs_that_labels_call_failed_are_passed_over_unless_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("runs")).unwrap();
    for name in ["good", "bad"] {
        fs::write(folder.path().join(format!("runs/{name}.jsonl")), chat()).unwrap();
    }
    let label = |run: &str, success: bool| json!({"run": run, "run_file": format!("runs/{run}.jsonl"), "success": success});
    fs::write(folder.path().join("labels.jsonl"), lines(&[label("good", true), label("bad", false)]))
        .unwrap();
    let twins = |more: &[&str], to: PathBuf| {
        let (from, out) = (path(folder.path()), path(&to));
        let arguments: Vec<&str> =
            ["inject", &from, "-o", &out].into_iter().chain(more.iter().copied()).collect();
        let ran = medbay(&arguments);
        assert_eq!(ran.code, 0, "{}", ran.err);
        (to.join("runs/good.jsonl").exists(), to.join("runs/bad.jsonl").exists())
    };
    let to = tempfile::tempdir().unwrap();
    assert_eq!(twins(&[], to.path().join("a")), (true, false));
    assert_eq!(twins(&["--failed"], to.path().join("b")), (true, true));
}

/// Floors for the bundled sample runs, measured on 2026-11-24 over three seeds; they only rise.
const EXECUTION_FLOOR: f64 = 0.92;
const CLAIMS_FLOOR: f64 = 0.65;
const ALARMS_PER_STEP: f64 = 0.002;

#[test]
fn faults_in_the_sample_runs_are_found() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-runs");
    let folder = tempfile::tempdir().unwrap();
    for seed in ["1", "2", "3"] {
        let to = folder.path().join(seed);
        assert_eq!(medbay(&["inject", &path(&samples), "--seed", seed, "-o", &path(&to)]).code, 0);
    }
    let eval = medbay(&["eval", &path(folder.path()), "--json"]);
    let report: Value = serde_json::from_str(&eval.out).unwrap_or_else(|_| panic!("{}", eval.err));
    let share = |execution: bool| {
        let (mut found, mut of) = (0.0, 0.0);
        for kind in report["faults"]["kinds"].as_array().unwrap() {
            if kind["execution"] == execution {
                found += kind["triage"].as_f64().unwrap();
                of += kind["copies"].as_f64().unwrap();
            }
        }
        assert!(of >= 20.0, "{of} copies");
        found / of
    };
    let untouched = &report["faults"]["untouched"];
    let alarms = untouched["alarms"].as_f64().unwrap() / untouched["steps"].as_f64().unwrap();
    let (execution, claims) = (share(true), share(false));
    println!("execution {execution:.3}, claims and propagation {claims:.3}, alarms a step {alarms:.4}");
    assert!(execution >= EXECUTION_FLOOR, "execution {execution:.3}");
    assert!(claims >= CLAIMS_FLOOR, "claims and propagation {claims:.3}");
    assert!(alarms <= ALARMS_PER_STEP, "false alarms {alarms:.4}");
}
