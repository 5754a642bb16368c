use super::Chat;
use crate::format::testing::told;
use crate::format::{Format, Sniff};

fn read(lines: &[&str]) -> Vec<String> {
    told(&Chat, None, lines)
}

#[test]
fn the_openai_shape() {
    let told = read(&[
        r#"{"role":"system","content":"Be kind."}"#,
        r#"{"role":"user","content":[{"type":"text","text":"Cancel it"}]}"#,
        r#"{"role":"assistant","content":"I look.","tool_calls":[{"id":"c1","type":"function","function":{"name":"find","arguments":"{\"a\":1}"}}]}"#,
        r#"{"role":"tool","tool_call_id":"c1","name":"find","content":"Error: not there"}"#,
        r#"{"role":"assistant","content":null,"tool_calls":[{"id":"c2","function":{"name":"find","arguments":{"a":2}}}]}"#,
        r#"{"role":"tool","tool_call_id":"c2","content":"{}"}"#,
        r#"{"role":"tool","tool_call_id":"c3","content":""}"#,
        r#"{"role":"assistant","content":"Done."}"#,
    ]);
    assert_eq!(
        told,
        [
            "assistant: system Be kind.",
            "assistant: prompt Person Cancel it",
            "assistant: message No I look.",
            r#"assistant: call c1 find {"a":1}"#,
            "assistant: result c1 Error Error: not there",
            r#"assistant: call c2 find {"a":2}"#,
            "assistant: result c2 Ok {}",
            "assistant: result c3 Unknown ",
            "assistant: message Yes Done.",
        ]
    );
}

#[test]
fn named_agents_and_their_terminal() {
    let told = read(&[
        r#"{"content":"The task","role":"assistant","name":"Expert"}"#,
        r#"{"content":"Try:\n```python\nprint(1)\n```\nthen\n```sh\nls\n```","role":"user","name":"Coder"}"#,
        r#"{"content":"exitcode: 1 (execution failed)\nno","role":"user","name":"Computer_terminal"}"#,
        r#"{"content":"No code here","role":"user","name":"Expert"}"#,
        r#"{"content":"There is no code","role":"user","name":"Computer_terminal"}"#,
    ]);
    assert_eq!(
        told,
        [
            "Expert: prompt Person The task",
            "Expert: message Yes The task",
            "Coder: message No Try:\n```python\nprint(1)\n```\nthen\n```sh\nls\n```",
            "Coder: call  execute_code print(1)\nls",
            "Coder: result  Error(1) exitcode: 1 (execution failed)\nno",
            "Expert: message Yes No code here",
            "Expert: prompt Program There is no code",
        ]
    );
}

#[test]
fn an_orchestrator_and_whom_it_asks() {
    let told = read(&[
        r#"{"content":"Find it","role":"human"}"#,
        r#"{"content":"A plan","role":"Orchestrator (thought)"}"#,
        r#"{"content":"Look there","role":"Orchestrator (-> Surfer)"}"#,
        r#"{"content":"Next speaker Surfer","role":"Orchestrator (thought)"}"#,
        r#"{"content":"I looked","role":"Surfer"}"#,
        r#"{"content":"Enough","role":"Orchestrator (termination condition)"}"#,
    ]);
    assert_eq!(
        told,
        [
            "Orchestrator: prompt Person Find it",
            "Orchestrator: message Yes A plan",
            "Orchestrator: message Yes Look there",
            "Orchestrator: handoff Surfer  Look there",
            "Orchestrator: message Yes Next speaker Surfer",
            "Surfer: message Yes I looked",
            "Orchestrator: return Surfer  I looked",
            "Orchestrator: message Yes Enough",
            "Orchestrator: End",
        ]
    );
}

#[test]
fn thoughts_actions_and_observations() {
    let told = read(&[
        r#"{"type":"question","content":"Where?"}"#,
        r#"{"type":"thought","n":1,"content":"I search."}"#,
        r#"{"type":"action","n":1,"content":"Search[\"a\" (b)]"}"#,
        r#"{"type":"observation","n":1,"content":"Could not find [a]."}"#,
        r#"{"type":"action","n":2,"content":"what now"}"#,
        r#"{"type":"observation","n":2,"content":"A town."}"#,
        r#"{"type":"action","n":3,"content":"Finish[there]"}"#,
        r#"{"type":"observation","n":3,"content":"Answer is INCORRECT"}"#,
    ]);
    assert_eq!(
        told,
        [
            "prompt Person Where?",
            "message No I search.",
            r#"call  Search "a" (b)"#,
            "result  Error Could not find [a].",
            "call  act what now",
            "result  Ok A town.",
            "message Yes there",
        ]
    );
}

#[test]
fn actions_in_tags() {
    let told = read(&[
        r#"{"role":"user","content":"Tools: <action>\ntool: x\n</action>"}"#,
        r#"{"role":"assistant","content":"<plan>look</plan>\n<action>\ntool: search\nparameters: {\"q\":1}\n</action>"}"#,
        r#"{"role":"user","content":"Current Observation: Tool 'search' executed.\nResult: Error executing tool 'search': no"}"#,
        r#"{"role":"assistant","content":"<answer>42</answer>"}"#,
    ]);
    assert_eq!(told[1], "assistant: message No <plan>look</plan>");
    assert_eq!(told[2], r#"assistant: call  search {"q":1}"#);
    assert!(told[3].starts_with("assistant: result  Error "));
    assert_eq!(told[4], "assistant: message Yes <answer>42</answer>");
}

#[test]
fn only_chats_are_claimed() {
    let sniff = |line: &str| Chat.sniff(&[line.as_bytes()]);
    assert_eq!(sniff(r#"{"role":"user","content":"x"}"#), Sniff::Sure);
    assert_eq!(sniff(r#"{"type":"question","content":"x"}"#), Sniff::Sure);
    assert_eq!(sniff(r#"{"role":"Writer","content":"x"}"#), Sniff::Maybe);
    for other in [
        r#"{"run":"ag_1","question":"x"}"#,
        r#"{"run":"ag_1","dataset":"d","failed_step":3}"#,
        r#"{"n":1,"api":"a","messages":2}"#,
        r#"{"role":"user","content":"x","sessionId":"s"}"#,
        r#"{"type":"user","content":"x"}"#,
        "[]",
        "not json",
    ] {
        assert_eq!(sniff(other), Sniff::No, "{other}");
    }
    // One line that fits does not make a chat of many that do not.
    let head: &[&[u8]] = &[br#"{"role":"user","content":"x"}"#, br#"{"a":1}"#, br#"{"b":1}"#];
    assert_eq!(Chat.sniff(head), Sniff::No);
}

#[test]
fn tools_that_a_request_declares() {
    let told = read(&[
        r#"{"tools":[{"type":"function","function":{"name":"find","parameters":{"type":"object"}}},{"name":"book","input_schema":{"type":"object"}},7,{"name":""}]}"#,
        r#"{"role":"user","content":"Find it","tools":[{"name":"find"}]}"#,
        r#"{"role":"user","content":"Again","tools":"none"}"#,
    ]);
    assert_eq!(
        told,
        [
            "assistant: tools 2",
            "assistant: tools 1",
            "assistant: prompt Person Find it",
            "assistant: prompt Person Again",
        ]
    );
}
