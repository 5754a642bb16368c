use super::Codex;
use crate::format::testing::told;
use crate::format::{Format, Sniff};

const OWN: &str = "01a20c8b-5a85-7660-a0af-4a643a9af093";
const PARENT: &str = "01a20c8b-59e9-7423-865f-695ede054b51";

fn line(kind: &str, payload: &str) -> String {
    format!(r#"{{"timestamp":"2026-11-20T09:00:00.000Z","type":"{kind}","payload":{payload}}}"#)
}

fn item(kind: &str, rest: &str) -> String {
    line("response_item", &format!(r#"{{"type":"{kind}",{rest}}}"#))
}

fn event(kind: &str, rest: &str) -> String {
    line("event_msg", &format!(r#"{{"type":"{kind}"{rest}}}"#))
}

fn completed(item: &str) -> String {
    event("item_completed", &format!(r#","item":{item}"#))
}

fn message(role: &str, text: &str, rest: &str) -> String {
    item("message", &format!(r#""role":"{role}","content":[{{"type":"input_text","text":"{text}"}}]{rest}"#))
}

fn read_as(agent: Option<&str>, lines: &[String]) -> Vec<String> {
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    told(&Codex, agent, &lines)
}

fn read(lines: &[String]) -> Vec<String> {
    read_as(None, lines)
}

#[test]
fn a_classic_call_makes_one_result_with_the_items_exit_code() {
    let told = read(&[
        item("function_call", r#""name":"exec_command","call_id":"c1","arguments":"{\"cmd\":\"make\"}""#),
        completed(
            r#"{"type":"CommandExecution","id":"c1","command":["/bin/bash","-lc","make"],"status":"failed","exit_code":2,"aggregated_output":"no"}"#,
        ),
        item("function_call_output", r#""call_id":"c1","output":"no""#),
    ]);
    assert_eq!(told, [r#"call c1 exec_command {"cmd":"make"}"#, "result c1 Error(2) no"]);
}

#[test]
fn a_command_that_a_hook_replaced_is_told() {
    let told = read(&[
        item("function_call", r#""name":"exec_command","call_id":"c1","arguments":"{\"cmd\":\"make\"}""#),
        completed(
            r#"{"type":"CommandExecution","id":"c1","command":["/bin/bash","-lc","make -n"],"status":"completed","exit_code":0}"#,
        ),
        item("function_call_output", r#""call_id":"c1","output":"Process exited with code 0\nOutput:\n""#),
    ]);
    assert_eq!(told[1], r#"replaced c1 {"cmd":"make -n"}"#);
    assert!(told[2].starts_with("result c1 Ok(0)"));
}

#[test]
fn in_code_mode_the_commands_inside_are_the_calls() {
    let told = read(&[
        item(
            "custom_tool_call",
            r#""name":"exec","namespace":"functions","call_id":"c1","input":"await tools.exec_command()""#,
        ),
        completed(
            r#"{"type":"CommandExecution","id":"exec-1","command":["/bin/bash","-lc","make"],"cwd":"file:///w","status":"failed","exit_code":1,"aggregated_output":"no"}"#,
        ),
        completed(
            r#"{"type":"FileChange","id":"exec-2","changes":{"/w/a":{"type":"update","unified_diff":"@@ -1 +1 @@\n-a\n+b\n"}},"status":"completed","stdout":"ok","stderr":""}"#,
        ),
        item(
            "custom_tool_call_output",
            r#""call_id":"c1","output":[{"type":"input_text","text":"Script completed"}]"#,
        ),
    ]);
    assert_eq!(
        told,
        [
            r#"call exec-1 exec_command {"cmd":"make","workdir":"/w"}"#,
            "result exec-1 Error(1) no",
            "call exec-2 apply_patch *** Begin Patch\n*** Update File: /w/a\n@@ -1 +1 @@\n-a\n+b\n*** End Patch\n",
            "result exec-2 Ok ok",
        ]
    );
}

#[test]
fn a_script_in_which_nothing_ended_is_a_call_itself() {
    let script = item("custom_tool_call", r#""name":"exec","call_id":"c1","input":"text(1)""#);
    let output = |text: &str| {
        item(
            "custom_tool_call_output",
            &format!(r#""call_id":"c1","output":[{{"type":"input_text","text":"{text}"}}]"#),
        )
    };
    assert_eq!(
        read(&[script.clone(), output("Script completed")]),
        ["call c1 exec text(1)", "result c1 Ok Script completed"]
    );
    let denied =
        r"Script failed\nScript error:\nCommand blocked by PreToolUse hook: Operator: no. Command: rm";
    let told = read(&[script, output(denied)]);
    assert!(told[1].starts_with("result c1 Denied"), "{told:?}");
    assert_eq!(told[2], "receipt Operator: no");
}

#[test]
fn a_hook_that_replaces_the_output_is_a_receipt_and_the_exit_code_stays() {
    let told = read(&[
        item("function_call", r#""name":"exec_command","call_id":"c1","arguments":"{}""#),
        completed(r#"{"type":"CommandExecution","id":"c1","status":"failed","exit_code":3}"#),
        item("function_call_output", r#""call_id":"c1","output":"Operator: stop""#),
    ]);
    assert_eq!(told[1..], ["result c1 Error(3) Operator: stop", "receipt Operator: stop"]);
}

#[test]
fn a_process_that_ran_on_gets_a_late_result() {
    let told = read(&[
        item("function_call", r#""name":"exec_command","call_id":"c1","arguments":"{}""#),
        item(
            "function_call_output",
            r#""call_id":"c1","output":"Process running with session ID 4\nOutput:\n""#,
        ),
        completed(
            r#"{"type":"CommandExecution","id":"c1","status":"completed","exit_code":0,"aggregated_output":"end"}"#,
        ),
    ]);
    assert!(told[1].starts_with("result c1 Unknown"));
    assert_eq!(told[2], "result c1 Ok(0) end");
}

#[test]
fn prompts_receipts_and_instructions_are_told_apart() {
    let kinds = |kind: &str| {
        format!(r#","internal_chat_message_metadata_passthrough":{{"content_item_kinds":["{kind}"]}}"#)
    };
    let hook = r#"<hook_prompt hook_run_id=\"stop:1\">Operator: again</hook_prompt>"#;
    let told = read(&[
        message("developer", "You are", &kinds("model.base_instructions")),
        message("user", "<environment_context>x", &kinds("environments.environment_context")),
        message("user", "fix it", &kinds("user.text")),
        event("user_message", r#","message":"fix it""#),
        message("developer", "Operator: look", &kinds("hooks.additional_context")),
        message("user", hook, &kinds("unknown")),
        completed(r#"{"type":"HookPrompt","id":"h","fragments":[{"text":"Operator: again"}]}"#),
        message("user", "old and typed", ""),
        message("user", "<user_instructions>x", ""),
    ]);
    assert_eq!(
        told,
        [
            "system You are",
            "prompt Program <environment_context>x",
            "prompt Person fix it",
            "receipt Operator: look",
            "receipt Operator: again",
            "prompt Person old and typed",
            "prompt Program <user_instructions>x",
        ]
    );
}

#[test]
fn a_message_stands_once_and_its_turn_ends() {
    let told = read(&[
        event("task_started", ""),
        event("agent_message", r#","message":"hi""#),
        completed(r#"{"type":"AgentMessage","id":"m","content":[{"type":"Text","text":"hi"}]}"#),
        message("assistant", "hi", r#","phase":"final_answer""#),
        message("assistant", "so", r#","phase":"commentary""#),
        message("assistant", "well", ""),
        event("task_complete", r#","last_agent_message":"hi""#),
        event("task_complete", r#","error":{"message":"no quota"}"#),
        event("turn_aborted", r#","reason":"interrupted""#),
        line("compacted", r#"{"message":"so far"}"#),
    ]);
    assert_eq!(
        told,
        [
            "TurnStart",
            "message Yes hi",
            "message No so",
            "message Unknown well",
            "TurnEnd",
            "Error no quota",
            "Interrupted interrupted",
            "Compaction so far",
        ]
    );
}

#[test]
fn tokens_told_again_are_not_counted_again() {
    let count = |total: u32| {
        event(
            "token_count",
            &format!(
                r#","info":{{"last_token_usage":{{"input_tokens":10,"cached_input_tokens":4,"output_tokens":3}},"total_token_usage":{{"total_tokens":{total}}}}}"#
            ),
        )
    };
    let told = read(&[count(13), count(13), event("token_count", r#","info":null"#), count(26)]);
    assert_eq!(told, ["usage 6 4 3", "usage 6 4 3"]);
}

#[test]
fn a_plan_comes_with_the_call_that_says_it() {
    let told = read(&[item(
        "function_call",
        r#""name":"update_plan","call_id":"c1","arguments":"{\"plan\":[{\"step\":\"look\",\"status\":\"completed\"},{\"step\":\"fix\",\"status\":\"in_progress\"}]}""#,
    )]);
    assert_eq!(told[1], "plan Done look, Active fix");
}

#[test]
fn a_parent_hands_over_and_gets_an_answer() {
    let told = read(&[
        item(
            "function_call",
            r#""name":"spawn_agent","namespace":"collaboration","call_id":"c1","arguments":"{\"message\":\"look\"}""#,
        ),
        completed(
            r#"{"type":"SubAgentActivity","id":"c1","kind":"started","agent_thread_id":"x","agent_path":"/root/verify"}"#,
        ),
        item("function_call_output", r#""call_id":"c1","output":"{\"task_name\":\"/root/verify\"}""#),
        item(
            "agent_message",
            r#""author":"/root/verify","recipient":"/root","content":[{"type":"input_text","text":"Message Type: FINAL_ANSWER\nPayload:\nfine"}]"#,
        ),
    ]);
    assert_eq!(
        told,
        [
            r#"call c1 spawn_agent {"message":"look"}"#,
            "handoff verify c1 look",
            r#"result c1 Ok {"task_name":"/root/verify"}"#,
            "return verify c1 fine",
        ]
    );
}

fn child(rest: &str) -> String {
    line(
        "session_meta",
        &format!(
            r#"{{"id":"{OWN}","session_id":"{PARENT}","parent_thread_id":"{PARENT}","agent_path":"/root/verify"{rest}}}"#
        ),
    )
}

#[test]
fn the_parents_history_in_a_childs_file_is_passed_over() {
    let copied = [
        line("session_meta", &format!(r#"{{"id":"{PARENT}"}}"#)),
        message("user", "fix it", ""),
        event("turn_aborted", r#","turn_id":"01a20c8b-5a04-77b3-b994-47c7eb9fc7d8""#),
    ];
    let own = [
        event("task_started", r#","turn_id":"01a20c8b-5aa3-7fb3-a449-4dc18ff8c4c1""#),
        item(
            "agent_message",
            r#""author":"/root","recipient":"/root/verify","content":[{"type":"encrypted_content","encrypted_content":"look at it"}]"#,
        ),
    ];
    let turn = "TurnStart 01a20c8b-5aa3-7fb3-a449-4dc18ff8c4c1";
    let expected = ["Start", turn, "prompt Agent look at it"];
    let mut lines = vec![child("")];
    lines.extend(copied.clone());
    lines.extend(own.clone());
    assert_eq!(read_as(Some("verify"), &lines), expected);
    // Where the file names the ordinal, it is believed.
    let mut numbered = vec![child(r#","subagent_history_start_ordinal":4"#)];
    numbered.extend(copied);
    numbered.extend(own);
    let numbered: Vec<String> = numbered
        .iter()
        .enumerate()
        .map(|(at, line)| line.replacen('{', &format!(r#"{{"ordinal":{at},"#), 1))
        .collect();
    assert_eq!(read_as(Some("verify"), &numbered), expected);
}

#[test]
fn identity_is_taken_from_the_first_line() {
    let of = |path: &str, line: &str| Codex.identify(path, &[line.as_bytes()], None);
    let sub = of("/s/rollout-x.jsonl", &child(""));
    assert_eq!(sub.run.as_str(), PARENT);
    assert_eq!(sub.agent.as_deref(), Some("verify"));
    let named = child("").replace(r#","agent_path":"/root/verify""#, r#","agent_nickname":"Ada""#);
    assert_eq!(of("/s/r.jsonl", &named).agent.as_deref(), Some("ada-4a643a"));
    let own = line("session_meta", &format!(r#"{{"id":"{PARENT}","session_id":"{PARENT}"}}"#));
    assert_eq!(of("/s/r.jsonl", &own).agent, None);
    let late = of(&format!("/s/rollout-2026-11-20T09-00-00-{OWN}.jsonl"), "torn");
    assert_eq!(late.run.as_str(), OWN);
}

#[test]
fn old_files_without_envelopes_are_read() {
    let lines = [
        r#"{"id":"old-1","timestamp":"2025-06-01T00:00:00Z","instructions":null}"#,
        r#"{"type":"message","role":"user","content":[{"type":"input_text","text":"go"}]}"#,
        r#"{"type":"function_call","name":"shell","arguments":"{}","call_id":"c1"}"#,
        r#"{"type":"function_call_output","call_id":"c1","output":"{\"output\":\"x\",\"metadata\":{\"exit_code\":0}}"}"#,
    ];
    let told = told(&Codex, None, &lines);
    assert_eq!(told[..3], ["Start", "prompt Person go", "call c1 shell {}"]);
    assert!(told[3].starts_with("result c1 Ok(0)"));
    let head: Vec<&[u8]> = lines.iter().map(|l| l.as_bytes()).collect();
    assert_eq!(Codex.sniff(&head), Sniff::Sure);
    assert_eq!(Codex.sniff(&[br#"{"role":"user","content":"x"}"#]), Sniff::No);
}

#[test]
fn what_is_new_is_unknown_and_what_is_torn_too() {
    let told = read(&[
        line("brand_new", "{}"),
        item("brand_new", r#""a":1"#),
        event("brand_new", ""),
        completed(r#"{"type":"BrandNew","id":"x"}"#),
        r#"{"timestamp":"2026"#.to_owned(),
    ]);
    assert_eq!(
        told,
        [
            "unknown brand_new",
            "unknown response_item/brand_new",
            "unknown event_msg/brand_new",
            "unknown item/BrandNew",
            "unknown not JSON",
        ]
    );
}
