use super::ClaudeCode;
use crate::format::testing::told;
use crate::format::{Format, Sniff};

fn line(kind: &str, rest: &str) -> String {
    format!(r#"{{"parentUuid":null,"isSidechain":false,"sessionId":"s-1","type":"{kind}",{rest}}}"#)
}

fn read(lines: &[String]) -> Vec<String> {
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    told(&ClaudeCode, None, &lines)
}

fn assistant(id: &str, block: &str, stop: &str, output: u32) -> String {
    line(
        "assistant",
        &format!(
            r#""message":{{"id":"{id}","role":"assistant","content":[{block}],"stop_reason":{stop},"usage":{{"input_tokens":6,"cache_read_input_tokens":100,"output_tokens":{output}}}}}"#
        ),
    )
}

fn result(id: &str, content: &str, rest: &str) -> String {
    line(
        "user",
        &format!(
            r#""message":{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"{id}","content":{content}{rest}}}]}}"#
        ),
    )
}

#[test]
fn a_message_over_several_lines_is_counted_once() {
    let told = read(&[
        assistant("m1", r#"{"type":"thinking","thinking":"hm"}"#, "null", 3),
        assistant("m1", r#"{"type":"text","text":"I look."}"#, r#""tool_use""#, 40),
        assistant(
            "m1",
            r#"{"type":"tool_use","id":"t1","name":"Read","input":{"file_path":"a"}}"#,
            r#""tool_use""#,
            40,
        ),
    ]);
    assert_eq!(
        told,
        [
            "reasoning hm",
            "usage 6 100 3",
            "message No I look.",
            "usage 0 0 37",
            r#"call t1 Read {"file_path":"a"}"#,
        ]
    );
}

#[test]
fn words_before_a_call_lead_to_it_whatever_the_stop_reason() {
    let told = read(&[assistant(
        "m1",
        r#"{"type":"text","text":"I look."},{"type":"tool_use","id":"t1","name":"Read","input":{}},{"type":"text","text":"Done."}"#,
        r#""end_turn""#,
        0,
    )]);
    assert_eq!(told[0], "message No I look.");
    assert_eq!(told[2], "message Yes Done.");
}

#[test]
fn a_record_that_is_appended_again_is_passed_over() {
    let twice = line("user", r#""uuid":"u1","message":{"role":"user","content":"go"}"#);
    assert_eq!(read(&[twice.clone(), twice]), ["prompt Person go"]);
}

#[test]
fn who_wrote_a_prompt() {
    let prompt = |rest: &str, text: &str| {
        line("user", &format!(r#"{rest}"message":{{"role":"user","content":"{text}"}}"#))
    };
    let told = read(&[
        prompt("", "go"),
        prompt(r#""origin":{"kind":"human"},"#, "typed"),
        prompt(r#""origin":{"kind":"task-notification"},"#, "done"),
        prompt(r#""origin":{"kind":"peer"},"#, "hello"),
        prompt(r#""isMeta":true,"#, "note"),
        prompt("", "<command-name>/x</command-name>"),
        prompt(r#""isCompactSummary":true,"#, "so far"),
        prompt("", "[Request interrupted by user]"),
        prompt(r#""isMeta":true,"#, r"Stop hook feedback:\nOperator: run it"),
    ]);
    assert_eq!(
        told,
        [
            "prompt Person go",
            "prompt Person typed",
            "prompt Program done",
            "prompt Agent hello",
            "prompt Program note",
            "prompt Program <command-name>/x</command-name>",
            "prompt Program so far",
            "Interrupted [Request interrupted by user]",
            "receipt Operator: run it",
        ]
    );
}

#[test]
fn receipts_come_from_what_reaches_the_model_and_from_nothing_else() {
    let text = "Operator: look";
    let told = read(&[
        line(
            "attachment",
            &format!(r#""attachment":{{"type":"hook_additional_context","content":["{text}"]}}"#),
        ),
        line(
            "attachment",
            &format!(r#""attachment":{{"type":"hook_additional_context","content":"{text}"}}"#),
        ),
        line(
            "attachment",
            &format!(
                r#""attachment":{{"type":"hook_blocking_error","blockingError":{{"blockingError":"{text}","command":"x"}}}}"#
            ),
        ),
        line(
            "attachment",
            &format!(
                r#""attachment":{{"type":"hook_success","hookEvent":"PostToolUse","stdout":"{{\"additionalContext\":\"{text}\"}}"}}"#
            ),
        ),
        format!(
            r#"{{"type":"api-request-blob","sessionId":"s-1","message":{{"role":"user","content":"{text}"}}}}"#
        ),
        result("t1", &format!(r#""PreToolUse:Edit hook error: {text}""#), r#","is_error":true"#),
    ]);
    assert_eq!(told[..3], ["receipt Operator: look"; 3]);
    assert_eq!(
        told[3..],
        ["result t1 Denied PreToolUse:Edit hook error: Operator: look", "receipt Operator: look"]
    );
}

#[test]
fn a_hook_may_replace_the_input_of_a_call() {
    let told = read(&[line(
        "attachment",
        r#""attachment":{"type":"hook_success","toolUseID":"t1","hookEvent":"PreToolUse","stdout":"{\"hookSpecificOutput\":{\"permissionDecision\":\"allow\",\"updatedInput\":{\"command\":\"ls -l\"}}}"}"#,
    )]);
    assert_eq!(told, [r#"replaced t1 {"command":"ls -l"}"#]);
}

#[test]
fn a_sub_agent_with_its_own_file_is_tied_to_its_call() {
    let mut back = result("t1", r#"[{"type":"text","text":"all fine"}]"#, "");
    back.insert_str(
        back.len() - 1,
        r#","toolUseResult":{"status":"completed","agentId":"a0ad4f44","agentType":"Explore","prompt":"look"}"#,
    );
    let mut launched = result("t2", r#""started""#, "");
    launched.insert_str(
        launched.len() - 1,
        r#","toolUseResult":{"status":"async_launched","agentId":"bb00","agentType":"Plan","prompt":"think"}"#,
    );
    assert_eq!(
        read(&[back, launched]),
        [
            "handoff explore-a0ad4f t1 look",
            "result t1 Ok all fine",
            "return explore-a0ad4f t1 all fine",
            "handoff plan-bb00 t2 think",
            "result t2 Unknown started",
        ]
    );
}

#[test]
fn an_inline_sub_agent_is_tied_to_the_call_with_its_prompt() {
    let side = |uuid: &str, parent: &str, message: &str| {
        format!(
            r#"{{"parentUuid":{parent},"isSidechain":true,"sessionId":"s-1","uuid":"{uuid}","type":"user","message":{{"role":"user","content":"{message}"}}}}"#
        )
    };
    let told = read(&[
        assistant(
            "m1",
            r#"{"type":"tool_use","id":"t1","name":"Task","input":{"subagent_type":"explorer","prompt":"look"}}"#,
            "null",
            0,
        ),
        side("c0ffee12", "null", "look"),
        side("x2", "\"c0ffee12\"", "more"),
        result("t1", r#""found""#, "").replace(
            r#""type":"user","#,
            r#""type":"user","toolUseResult":{"content":[],"totalToolUseCount":1},"#,
        ),
    ]);
    assert_eq!(
        told[1..],
        [
            "usage 6 100 0",
            "handoff explorer-c0ffee t1 look",
            "explorer-c0ffee: prompt Agent look",
            "explorer-c0ffee: prompt Agent more",
            "result t1 Ok found",
            "return explorer-c0ffee t1 found",
        ]
    );
}

#[test]
fn turns_end_where_no_hook_spoke() {
    let told = read(&[
        line("system", r#""subtype":"stop_hook_summary","hookErrors":["no"],"hookAdditionalContext":[]"#),
        line("system", r#""subtype":"stop_hook_summary","hookErrors":[],"hookAdditionalContext":[]"#),
        line("system", r#""subtype":"stop_hook_summary","hookErrors":["no"],"preventedContinuation":true"#),
        line(
            "system",
            r#""subtype":"api_error","retryAttempt":1,"maxRetries":10,"error":{"message":"busy"}"#,
        ),
        line(
            "system",
            r#""subtype":"api_error","retryAttempt":10,"maxRetries":10,"error":{"message":"busy"}"#,
        ),
        line("system", r#""subtype":"compact_boundary","content":"Conversation compacted""#),
        line("system", r#""subtype":"brand_new""#),
    ]);
    assert_eq!(
        told,
        ["TurnEnd", "TurnEnd", "Error busy", "Compaction Conversation compacted", "unknown system/brand_new"]
    );
}

#[test]
fn totals_at_the_end_are_cumulative_and_titles_are_facts() {
    let told = read(&[
        r#"{"type":"cost-state","sessionId":"s-1","totalCostUSD":0.5,"modelUsage":{"a":{"inputTokens":10,"outputTokens":2,"cacheReadInputTokens":5},"b":{"inputTokens":1}}}"#.to_owned(),
        r#"{"type":"ai-title","sessionId":"s-1","aiTitle":"Mend it"}"#.to_owned(),
        r#"{"type":"summary","summary":"Mended","leafUuid":"x"}"#.to_owned(),
    ]);
    assert_eq!(told, ["usage 11 5 2 total", "fact Title Mend it", "fact Title Mended"]);
}

#[test]
fn limits_are_told_once_a_message() {
    let told = read(&[
        assistant("m1", r#"{"type":"text","text":"a"}"#, r#""max_tokens""#, 0),
        assistant("m1", r#"{"type":"text","text":"b"}"#, r#""max_tokens""#, 0),
    ]);
    assert_eq!(told.iter().filter(|t| t.starts_with("Limit")).count(), 1);
}

#[test]
fn torn_and_strange_lines_are_unknown() {
    let told = read(&[
        r#"{"sessionId":"s-1","type":"user","mess"#.to_owned(),
        "[1]".to_owned(),
        r#"{"sessionId":"s-1","type":"brand-new"}"#.to_owned(),
        line("attachment", r#""attachment":{"type":"brand_new"}"#),
        "  ".to_owned(),
    ]);
    assert_eq!(
        told,
        ["unknown not JSON", "unknown not an object", "unknown brand-new", "unknown attachment/brand_new"]
    );
}

#[test]
fn text_cut_inside_a_character_is_still_read() {
    let told = read(&[line("user", r#""message":{"role":"user","content":"cut \ud83d"}"#)]);
    assert_eq!(told, ["prompt Person cut \u{fffd}"]);
}

#[test]
fn identity_is_taken_from_path_and_first_records() {
    let head: &[&[u8]] = &[
        b"not json",
        br#"{"type":"user","isSidechain":true,"sessionId":"parent-1","agentId":"abc","message":{"role":"user","content":"x"}}"#,
    ];
    let of = |path: &str, beside: Option<&[u8]>| ClaudeCode.identify(path, head, beside);
    let new =
        of("/p/5b0c/subagents/agent-a0ad4f44.jsonl", Some(br#"{"agentType":"Explore","toolUseId":"t1"}"#));
    assert_eq!(new.run.as_str(), "5b0c");
    assert_eq!(new.agent.as_deref(), Some("explore-a0ad4f"));
    assert_eq!(new.parent_call.as_deref(), Some("t1"));
    let flow = of("/p/5b0c/subagents/workflows/wf_1/agent-a0.jsonl", None);
    assert_eq!(flow.run.as_str(), "5b0c");
    let sibling = of("/p/agent-beef12345.jsonl", None);
    assert_eq!(sibling.run.as_str(), "parent-1");
    assert_eq!(sibling.agent.as_deref(), Some("agent-beef12"));
    let main = of("/p/0a1b2c3d-4e5f-4061-8071-2a3b4c5d6e7f.jsonl", None);
    assert_eq!(main.run.as_str(), "0a1b2c3d-4e5f-4061-8071-2a3b4c5d6e7f");
    assert_eq!(main.agent, None);
}

#[test]
fn only_transcripts_are_claimed() {
    let sniff = |line: &str| ClaudeCode.sniff(&[b"garbage", line.as_bytes()]);
    assert_eq!(sniff(r#"{"type":"mode","mode":"normal","sessionId":"s"}"#), Sniff::Sure);
    assert_eq!(sniff(r#"{"type":"summary","summary":"x","leafUuid":"y"}"#), Sniff::Maybe);
    for other in [
        r#"{"type":"assistant","session_id":"s","uuid":"u","message":{"role":"assistant","content":[]}}"#,
        r#"{"type":"user","sessionId":"s","message":{"role":"user","parts":[]}}"#,
        r#"{"role":"user","content":"x"}"#,
        r#"{"run":"ag_1","question":"x"}"#,
    ] {
        assert_eq!(sniff(other), Sniff::No, "{other}");
    }
}
