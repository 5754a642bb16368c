use super::Opencode;
use crate::format::testing::told;
use crate::format::{Format, Sniff};

fn line(role: &str, part: &str) -> String {
    format!(
        r#"{{"opencode":{{"run":"ses_root","title":"T","directory":"/w","version":"1.18"}},"info":{{"id":"m","sessionID":"ses_own","role":"{role}","agent":"general","modelID":"m1"}},"parts":[{part}]}}"#
    )
}

#[test]
fn a_part_that_stands_there_again_is_told_once_and_the_exit_code_counts() {
    let bash = |status: &str, rest: &str| {
        line(
            "assistant",
            &format!(
                r#"{{"id":"p3","type":"tool","tool":"bash","callID":"c1","state":{{"status":"{status}","input":{{"command":"make"}}{rest}}}}}"#
            ),
        )
    };
    let lines = [
        line("user", r#"{"id":"p1","type":"text","text":"Mend it"}"#),
        line("assistant", r#"{"id":"p2","type":"text","text":"I lo","time":{"start":1}}"#),
        line("assistant", r#"{"id":"p2","type":"text","text":"I look.","time":{"start":1,"end":2}}"#),
        bash("pending", ""),
        bash("running", ""),
        bash("completed", r#","output":"no","metadata":{"exit":2}"#),
        bash("completed", r#","output":"no","metadata":{"exit":2}"#),
        line("user", r#"{"id":"p4","type":"text","text":"Operator: x\n[medbay 0123456789ab]"}"#),
        line(
            "assistant",
            r#"{"id":"p5","type":"step-finish","reason":"stop","cost":0.5,"tokens":{"input":3,"output":2,"reasoning":1,"cache":{"read":4,"write":0}}}"#,
        ),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    assert_eq!(
        told(&Opencode, None, &lines),
        [
            "Start",
            "fact Version 1.18",
            "fact Title T",
            "fact WorkingDirectory /w",
            "fact Model m1",
            "prompt Person Mend it",
            "message Unknown I look.",
            r#"call c1 bash {"command":"make"}"#,
            "result c1 Error(2) no",
            "receipt Operator: x\n[medbay 0123456789ab]",
            "usage 3 4 3",
            "TurnEnd",
        ]
    );
}

#[test]
fn a_sub_agents_session_belongs_to_its_parents_run() {
    let own = line("user", r#"{"id":"p1","type":"text","text":"look"}"#);
    let head = [own.as_bytes()];
    assert_eq!(Opencode.sniff(&head), Sniff::Sure);
    let identity = Opencode.identify("/x/ses_own.jsonl", &head, None);
    assert_eq!((identity.run.as_str(), identity.agent.as_deref()), ("ses_root", Some("general-esown")));
    let task = line(
        "assistant",
        r#"{"id":"p2","type":"tool","tool":"task","callID":"c1","state":{"status":"completed","input":{"prompt":"look","subagent_type":"general"},"output":"fine","metadata":{"sessionId":"ses_own"}}}"#,
    );
    let told = told(&Opencode, None, &[&task]);
    assert_eq!(
        told[told.len() - 3..],
        ["handoff general-esown c1 look", "return general-esown c1 fine", "result c1 Ok fine"]
    );
}
