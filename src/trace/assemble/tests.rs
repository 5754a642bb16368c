//! Events in, steps out.

use super::*;
use std::borrow::Cow;

fn event(kind: EventKind<'static>) -> Event<'static> {
    Event { agent: None, time: None, kind }
}

fn words(text: &'static str, closing: Closing) -> Event<'static> {
    event(EventKind::Message { text: text.into(), closing })
}

fn call(id: &'static str, tool: &'static str, input: &'static str) -> Event<'static> {
    event(EventKind::Call { call_id: id.into(), tool: tool.into(), input: input.into() })
}

fn result(id: &'static str, status: Status, exit_code: Option<i32>, text: &'static str) -> Event<'static> {
    event(EventKind::Result { call_id: id.into(), status, exit_code, text: Cow::Borrowed(text) })
}

/// Assembles events, one a record, and lists what a watcher saw.
fn assemble(events: Vec<Event<'static>>) -> (Assembler, Vec<String>) {
    let mut assembler = Assembler::new(RunId::new("t"));
    let mut seen = Vec::new();
    for (index, event) in events.into_iter().enumerate() {
        let record = RecordRef { index: index as u32, ..RecordRef::default() };
        assembler.begin_record();
        assembler.take(record, "main", event, &mut |o, _| {
            seen.push(match o {
                Observation::Step(s) => format!(
                    "step {} {} {:?}",
                    s.step.id.0,
                    s.step.status.word(),
                    s.step.outcome.map(|r| r.index)
                ),
                Observation::Called { step } => {
                    format!("called {} after {} words", step.tool, step.intent.len())
                }
                Observation::Disorder { what, .. } => format!("{what:?}"),
                other => format!("{other:?}").split([' ', '{']).next().unwrap_or_default().to_owned(),
            });
        });
    }
    (assembler, seen)
}

#[test]
fn words_before_a_call_are_its_intent_and_the_result_closes_it() {
    let (assembler, seen) = assemble(vec![
        words("I run the tests.", Closing::Unknown),
        call("c1", "Bash", r#"{"command":"cargo test"}"#),
        result("c1", Status::Ok, Some(101), "test result: FAILED"),
        words("All done.", Closing::Yes),
    ]);
    assert_eq!(seen, ["called Bash after 1 words", "step 0 error Some(2)", "step 1 ok None"]);
    let steps = &assembler.run().steps;
    assert_eq!(steps[0].intent.map(|r| r.index), Some(0));
    assert_eq!(&*steps[0].label, "cargo test");
    assert!(steps[1].is_message());
}

#[test]
fn parallel_calls_are_paired_by_id() {
    let (assembler, _) = assemble(vec![
        call("a", "Read", r#"{"file_path":"x.rs"}"#),
        call("b", "Read", r#"{"file_path":"y.rs"}"#),
        result("b", Status::Error, None, "no such file"),
        result("a", Status::Ok, None, "text"),
    ]);
    let outcomes: Vec<_> =
        assembler.run().steps.iter().map(|s| (s.status, s.outcome.map(|r| r.index))).collect();
    assert_eq!(outcomes, [(Status::Ok, Some(3)), (Status::Error, Some(2))]);
}

#[test]
fn unknown_is_never_ok_and_a_background_call_is_unknown() {
    let (assembler, _) = assemble(vec![
        call("a", "Bash", r#"{"command":"make","run_in_background":true}"#),
        result("a", Status::Ok, Some(0), "started"),
        call("b", "lookup", "x"),
        result("b", Status::Unknown, None, "y"),
    ]);
    assert!(assembler.run().steps.iter().all(|s| s.status == Status::Unknown));
}

#[test]
fn a_log_out_of_order_is_told_and_loses_nothing() {
    let (assembler, seen) = assemble(vec![
        result("nowhere", Status::Ok, None, "x"),
        call("a", "Bash", "{}"),
        result("a", Status::Ok, None, "x"),
        result("a", Status::Ok, None, "x"),
        call("a", "Bash", "{}"),
    ]);
    assert_eq!(
        seen,
        [
            "ResultWithoutCall",
            "called Bash after 0 words",
            "step 0 ok Some(2)",
            "SecondResult",
            "CallIdReused",
            "called Bash after 0 words"
        ]
    );
    assert_eq!(assembler.run().records, 5);
}

#[test]
fn waiting_words_become_a_message_when_the_turn_ends() {
    let (mut assembler, _) = assemble(vec![words("The answer is 7.", Closing::Unknown)]);
    assert!(assembler.run().steps.is_empty());
    assembler.finish(&mut |_, _| {});
    assert_eq!(assembler.run().steps.len(), 1);
    assert_eq!(assembler.run().state.word, StateWord::Waiting);
}

#[test]
fn what_a_sub_agent_reports_is_not_an_observation() {
    let (assembler, _) = assemble(vec![
        call("a", "Task", r#"{"prompt":"count"}"#),
        result("a", Status::Ok, None, "There are 12840 orders in /data/orders.csv"),
    ]);
    let mut origins = Vec::new();
    super::super::entity::scan("12840", |m| origins.push(assembler.run().entities.get(m.hash).copied()));
    let origin = origins[0].unwrap().origin;
    assert!(origin.prompt && !origin.observed);
}
