//! Makes runs out of what was done in them, and has them judged.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::borrow::Cow;

use medbay::detect::claims::{ClaimStatus, Claims};
use medbay::detect::{Family, Finding, families};
use medbay::trace::{
    Assembler, Author, Closing, Event, EventKind, Observation, PlanItem, PlanStatus, RecordRef, Run, RunId,
    Status,
};

/// One thing that was done.
#[derive(Clone)]
pub enum Did {
    /// A shell command, its exit code (where the log has one), its output.
    Sh(&'static str, Option<i32>, &'static str),
    /// A shell command in the background.
    Back(&'static str),
    /// An edit of a file that succeeded.
    Edit(&'static str),
    /// An edit of a file that failed.
    EditFails(&'static str),
    /// An edit of a file: the old text, the new text.
    Change(&'static str, &'static str, &'static str),
    /// A new file.
    Write(&'static str),
    /// A file was read.
    Read(&'static str, &'static str),
    /// Another tool: name, arguments, whether it failed, output.
    Tool(&'static str, &'static str, bool, &'static str),
    /// Words that end a turn, and a person's answer.
    Turn(&'static str, &'static str),
    /// The plan as it stands: what is done, what is pending.
    Plan(&'static str, &'static str),
    /// A sub-agent runs a command and reports.
    Helper(&'static str, Option<i32>, &'static str, &'static str),
}
use Did::*;

/// The findings at the closing message of a run that did these things.
pub fn run(did: &[Did], closing: &str) -> Vec<Finding> {
    let (mut found, last) = judge(events_of(did, closing));
    found.retain(|f| f.step == last);
    found
}

/// All findings of a run that did these things.
pub fn all(did: &[Did], closing: &str) -> Vec<Finding> {
    judge(events_of(did, closing)).0
}

/// What the claims of such a run came to, in order.
pub fn statuses(did: &[Did], closing: &str) -> Vec<ClaimStatus> {
    let mut assembler = Assembler::new(RunId::new("table"));
    let (mut claims, mut found) = (Claims::default(), Vec::new());
    let mut watch = |seen: &Observation<'_>, run: &Run| claims.observe(seen, run, &mut found);
    for (index, (agent, kind)) in events_of(did, closing).into_iter().enumerate() {
        let record = RecordRef { index: index as u32, ..RecordRef::default() };
        assembler.begin_record();
        assembler.take(record, agent, Event { agent: None, time: None, kind }, &mut watch);
    }
    assembler.finish(&mut watch);
    claims.judged().iter().map(|(_, status)| *status).collect()
}

fn events_of(did: &[Did], closing: &str) -> Vec<(&'static str, EventKind<'static>)> {
    let mut events: Vec<(&str, EventKind<'static>)> = Vec::new();
    events.push((
        "main",
        EventKind::Prompt { text: "Fix the bug in the parser.".into(), author: Author::Person },
    ));
    for (id, did) in did.iter().enumerate() {
        add(did, id, &mut events);
    }
    events.push(("main", EventKind::Message { text: closing.to_owned().into(), closing: Closing::Yes }));
    events
}

fn judge(events: Vec<(&str, EventKind<'static>)>) -> (Vec<Finding>, medbay::trace::StepId) {
    let mut assembler = Assembler::new(RunId::new("table"));
    let mut all = families(false);
    let mut found: Vec<Finding> = Vec::new();
    let mut watch = |seen: &Observation<'_>, run: &Run| {
        for family in &mut all {
            family.observe(seen, run, &mut found);
        }
    };
    for (index, (agent, kind)) in events.into_iter().enumerate() {
        let record = RecordRef { index: index as u32, ..RecordRef::default() };
        assembler.begin_record();
        assembler.take(record, agent, Event { agent: None, time: None, kind }, &mut watch);
    }
    assembler.finish(&mut watch);
    watch(&Observation::End, assembler.run());
    for finding in &found {
        assert!(!finding.evidence.is_empty() && !finding.sentence.is_empty(), "{finding:?}");
    }
    (found, assembler.run().steps.last().unwrap().id)
}

fn call(id: usize, tool: &str, input: String) -> EventKind<'static> {
    EventKind::Call {
        call_id: format!("c{id}").into(),
        tool: Cow::Owned(tool.to_owned()),
        input: input.into(),
    }
}

fn result(id: usize, status: Status, exit_code: Option<i32>, text: &'static str) -> EventKind<'static> {
    EventKind::Result { call_id: format!("c{id}").into(), status, exit_code, text: text.into() }
}

fn add(did: &Did, id: usize, events: &mut Vec<(&str, EventKind<'static>)>) {
    let shell = |command: &str| serde_json::json!({ "command": command }).to_string();
    let of = |code: Option<i32>| match code {
        Some(0) => Status::Ok,
        Some(_) => Status::Error,
        None => Status::Unknown,
    };
    match did.clone() {
        Sh(command, code, output) => {
            events.push(("main", call(id, "Bash", shell(command))));
            events.push(("main", result(id, of(code), code, output)));
        }
        Back(command) => {
            let input = serde_json::json!({ "command": command, "run_in_background": true }).to_string();
            events.push(("main", call(id, "Bash", input)));
            events.push(("main", result(id, Status::Ok, None, "Command running in background with ID: b1")));
        }
        Edit(path) | EditFails(path) => {
            let fails = matches!(did, EditFails(_));
            let input =
                serde_json::json!({ "file_path": path, "old_string": "a", "new_string": "b" }).to_string();
            let (status, text) = if fails {
                (Status::Error, "Error: string to replace not found")
            } else {
                (Status::Ok, "The file was updated.")
            };
            events.push(("main", call(id, "Edit", input)));
            events.push(("main", result(id, status, None, text)));
        }
        Change(path, old, new) => {
            let input =
                serde_json::json!({ "file_path": path, "old_string": old, "new_string": new }).to_string();
            events.push(("main", call(id, "Edit", input)));
            events.push(("main", result(id, Status::Ok, None, "The file was updated.")));
        }
        Write(path) => {
            let input = serde_json::json!({ "file_path": path, "content": "x" }).to_string();
            events.push(("main", call(id, "Write", input)));
            events.push(("main", result(id, Status::Ok, None, "File created.")));
        }
        Read(path, text) => {
            events.push(("main", call(id, "Read", serde_json::json!({ "file_path": path }).to_string())));
            events.push(("main", result(id, Status::Ok, None, text)));
        }
        Tool(name, input, fails, text) => {
            events.push(("main", call(id, name, input.to_owned())));
            events.push(("main", result(id, if fails { Status::Error } else { Status::Ok }, None, text)));
        }
        Turn(words, answer) => {
            events.push(("main", EventKind::Message { text: words.into(), closing: Closing::Yes }));
            events.push(("main", EventKind::Prompt { text: answer.into(), author: Author::Person }));
        }
        Plan(done, pending) => {
            let item = |text: &'static str, status| PlanItem { text: text.into(), status };
            let items = vec![item(done, PlanStatus::Done), item(pending, PlanStatus::Pending)];
            events.push(("main", EventKind::Plan { items }));
        }
        Helper(command, code, output, report) => {
            events.push(("main", call(id, "Agent", r#"{"prompt":"verify"}"#.to_owned())));
            if !command.is_empty() {
                events.push(("helper", call(id + 1000, "Bash", shell(command))));
                events.push(("helper", result(id + 1000, of(code), code, output)));
            }
            events.push(("helper", EventKind::Message { text: report.into(), closing: Closing::Yes }));
            events.push(("main", result(id, Status::Ok, None, report)));
        }
    }
}
