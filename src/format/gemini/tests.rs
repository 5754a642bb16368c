use super::Gemini;
use crate::format::testing::told;
use crate::format::{Format, Sniff};

const HEADER: &str = r#"{"sessionId":"5e98787c-9da2-40a6-92cd-d03ecd32b868","projectHash":"h","startTime":"2026-11-20T09:00:00.000Z","lastUpdated":"2026-11-20T09:00:00.000Z","kind":"main"}"#;

fn message(id: &str, kind: &str, rest: &str) -> String {
    format!(r#"{{"id":"{id}","timestamp":"2026-11-20T09:00:01.000Z","type":"{kind}",{rest}}}"#)
}

fn read_as(agent: Option<&str>, lines: &[String]) -> Vec<String> {
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    told(&Gemini, agent, &lines)
}

#[test]
fn a_message_that_stands_there_again_is_told_once() {
    let call = r#"{"id":"c1","name":"run_shell_command","args":{"command":"make"},"status":"success","result":[{"functionResponse":{"id":"c1","name":"run_shell_command","response":{"output":"Output: no\nExit Code: 2"}}}]}"#;
    let words = r#""content":"I look.","tokens":{"input":10,"output":2,"cached":4,"thoughts":1},"thoughts":[{"subject":"S","description":"d"}],"model":"g""#;
    let told = read_as(
        None,
        &[
            HEADER.to_owned(),
            message("u", "user", r#""content":[{"text":"Mend it"}]"#),
            r#"{"$set":{"lastUpdated":"x"}}"#.to_owned(),
            message("a", "gemini", words),
            message("a", "gemini", &format!(r#"{words},"toolCalls":[{call}]"#)),
            message(
                "r",
                "user",
                r#""content":[{"functionResponse":{"id":"c1","name":"x","response":{"output":"no"}}}]"#,
            ),
            message("b", "gemini", r#""content":"Done.","model":"g""#),
        ],
    );
    assert_eq!(
        told,
        [
            "Start",
            "prompt Person Mend it",
            "fact Model g",
            "reasoning S\nd",
            "message Unknown I look.",
            "usage 6 4 3",
            r#"call c1 run_shell_command {"command":"make"}"#,
            "result c1 Error(2) no",
            "message Unknown Done.",
        ]
    );
}

#[test]
fn what_hooks_put_in_is_a_receipt() {
    let told = read_as(
        None,
        &[
            message(
                "u",
                "user",
                r#""content":[{"text":"Go"},{"text":"<hook_context>Operator: a</hook_context>"}]"#,
            ),
            message("v", "user", r#""content":[{"text":"Operator: b\n[medbay 0123456789ab]"}]"#),
            message("w", "user", r#""content":"Operator: I am one""#),
            message("x", "user", r#""content":"System: Potential loop detected.""#),
        ],
    );
    assert_eq!(
        told,
        [
            "receipt Operator: a",
            "prompt Person Go",
            "receipt Operator: b\n[medbay 0123456789ab]",
            "prompt Person Operator: I am one",
            "prompt Program System: Potential loop detected.",
        ]
    );
}

#[test]
fn a_history_that_is_put_in_again_tells_only_what_is_new() {
    let first = r#"{"$set":{"messages":[{"id":"s","timestamp":"2026-11-20T09:00:00.000Z","type":"user","content":[{"text":"<session_context>\n- **Workspace Directories:**\n  - /w/app\n</session_context>"}]}]}}"#;
    let again = first.replace("]}}", r#",{"id":"n","timestamp":"2026-11-20T09:00:02.000Z","type":"user","content":"<state_snapshot>short</state_snapshot>"}]}}"#);
    let told = read_as(None, &[first.to_owned(), again]);
    assert_eq!(told[0], "fact WorkingDirectory /w/app");
    assert!(told[1].starts_with("prompt Program <session_context>"), "{}", told[1]);
    assert_eq!(told[2..], ["Compaction <state_snapshot>short</state_snapshot>"]);
}

#[test]
fn a_sub_agent_is_handed_to_and_its_answer_is_a_message() {
    let call = r#""content":"","toolCalls":[{"id":"c1","name":"invoke_agent","args":{"agent_name":"g","prompt":"look"},"agentId":"30379253-047d","status":"success","result":[{"functionResponse":{"id":"c1","response":{"output":"fine"}}}]}]"#;
    let back = r#""content":[{"functionResponse":{"id":"c1","response":{"output":"fine"}}}]"#;
    let told = read_as(None, &[message("a", "gemini", call), message("r", "user", back)]);
    assert_eq!(
        told[1..],
        ["handoff agent-303792 c1 look", "return agent-303792 c1 fine", "result c1 Ok fine"]
    );
    let done = r#""content":"","toolCalls":[{"id":"c2","name":"complete_task","args":{"result":{"response":"All pass."}},"status":"success"}]"#;
    let told =
        read_as(Some("x"), &[message("u", "user", r#""content":"look""#), message("b", "gemini", done)]);
    assert_eq!(told, ["prompt Agent look", "message Yes All pass."]);
}

#[test]
fn whose_file_it_is_is_told_by_its_header_and_its_folder() {
    let head = [HEADER.as_bytes()];
    let main = Gemini.identify("/h/chats/session-x.jsonl", &head, None);
    assert_eq!((main.run.as_str(), main.agent), ("5e98787c-9da2-40a6-92cd-d03ecd32b868", None));
    let sub = HEADER.replace(r#""kind":"main""#, r#""kind":"subagent""#);
    let sub = Gemini.identify("/h/chats/parent/5e98787c.jsonl", &[sub.as_bytes()], None);
    assert_eq!((sub.run.as_str(), sub.agent.as_deref()), ("parent", Some("agent-5e9878")));
    assert_eq!(Gemini.sniff(&head), Sniff::Sure);
    assert_eq!(Gemini.sniff(&[br#"{"role":"user","content":"x"}"#]), Sniff::No);
    let qwen = br#"{"uuid":"a","sessionId":"s","type":"user","timestamp":"t","message":{"parts":[]}}"#;
    assert_eq!(Gemini.sniff(&[qwen]), Sniff::No);
}
