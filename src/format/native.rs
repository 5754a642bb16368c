//! medbay's own JSON lines, for home-made agents. `docs/native-format.md` is its reference.
//!
//! The first line describes the run (`{"type":"run","medbay":1,…}`), each later line is one thing that
//! happened. Fields that a line does not need may be left out; unknown types and words of status
//! become [`EventKind::Unknown`].

use std::borrow::Cow;

use serde::Deserialize;

use super::emit::{Emit, read_or_mend};
use super::json::{Plain, Raw, Shape, raw_text, stem, text_of};
use super::{Format, Identity, Reader, Sniff};
use crate::trace::{
    Author, Closing, Event, EventKind, FactOf, Lifecycle, PlanItem, PlanStatus, RunId, Status, Usage,
};

/// medbay native.
pub(super) struct Native;

impl Format for Native {
    fn name(&self) -> &'static str {
        "medbay"
    }

    fn title(&self) -> &'static str {
        "medbay native"
    }

    fn sniff(&self, head: &[&[u8]]) -> Sniff {
        match header(head) {
            Some(_) => Sniff::Sure,
            None => Sniff::No,
        }
    }

    fn identify(&self, path: &str, head: &[&[u8]], _beside: Option<&[u8]>) -> Identity {
        let name = header(head).and_then(|line| line.run.text().map(RunId::new));
        Identity { run: name.unwrap_or_else(|| RunId::new(stem(path))), agent: None, parent_call: None }
    }

    fn reader(&self, _identity: &Identity) -> Box<dyn Reader> {
        Box::new(Records::default())
    }
}

/// The line that describes the run, if it is among the first lines.
fn header<'a>(head: &[&'a [u8]]) -> Option<Line<'a>> {
    head.iter()
        .filter_map(|record| serde_json::from_slice::<Line<'a>>(record).ok())
        .find(|line| line.r#type.is("run") && !line.medbay.is_nothing())
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Line<'a> {
    #[serde(borrow)]
    r#type: Plain<'a>,
    #[serde(borrow)]
    medbay: Plain<'a>,
    #[serde(borrow)]
    run: Plain<'a>,
    #[serde(borrow)]
    title: Plain<'a>,
    #[serde(borrow)]
    model: Plain<'a>,
    #[serde(borrow)]
    cwd: Plain<'a>,
    #[serde(borrow)]
    time: Plain<'a>,
    #[serde(borrow)]
    system: Plain<'a>,
    #[serde(borrow)]
    tools: Shape<'a, Tool<'a>>,
    #[serde(borrow)]
    agent: Plain<'a>,
    #[serde(borrow)]
    parent: Plain<'a>,
    #[serde(borrow)]
    text: Plain<'a>,
    #[serde(borrow)]
    by: Plain<'a>,
    #[serde(borrow)]
    closing: Plain<'a>,
    #[serde(borrow)]
    id: Plain<'a>,
    #[serde(borrow)]
    tool: Plain<'a>,
    #[serde(borrow)]
    input: Input<'a>,
    #[serde(borrow)]
    status: Plain<'a>,
    #[serde(borrow)]
    exit_code: Plain<'a>,
    #[serde(borrow)]
    items: Shape<'a, Item<'a>>,
    #[serde(borrow)]
    to: Plain<'a>,
    #[serde(borrow)]
    from: Plain<'a>,
    #[serde(borrow)]
    output: Plain<'a>,
    #[serde(borrow)]
    cached: Plain<'a>,
    #[serde(borrow)]
    cost_usd: Plain<'a>,
    #[serde(borrow)]
    what: Plain<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Tool<'a> {
    #[serde(borrow)]
    name: Plain<'a>,
    #[serde(borrow)]
    schema: Raw<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Item<'a> {
    #[serde(borrow)]
    text: Plain<'a>,
    #[serde(borrow)]
    status: Plain<'a>,
}

/// The input of a call (text, or JSON), or the input tokens of a usage line.
#[derive(Default, Deserialize)]
#[serde(transparent)]
struct Input<'a>(#[serde(borrow)] Raw<'a>);

impl<'a> Input<'a> {
    fn text(&self) -> Cow<'a, str> {
        text_of(self.0)
    }

    fn tokens(&self) -> u64 {
        self.0.map_or(0, |raw| raw.get().parse().unwrap_or(0))
    }
}

#[derive(Default)]
struct Records {
    /// The name that the run's own line gives its main agent.
    main: Option<String>,
    /// Agents whose parent has been told.
    children: Vec<String>,
}

impl Reader for Records {
    fn read<'a>(&mut self, record: &'a [u8], sink: &mut dyn FnMut(Event<'a>)) {
        read_or_mend(record, sink, |record, sink| {
            let Ok(line) = serde_json::from_str::<Shape<'_, Box<Line<'_>>>>(record) else {
                return false;
            };
            let mut emit = Emit::new(sink);
            match line {
                Shape::Map(line) => self.line(line, &mut emit),
                _ => emit.unknown("not an object"),
            }
            emit.finish();
            true
        });
    }
}

impl Records {
    fn line<'a>(&mut self, mut line: Box<Line<'a>>, emit: &mut Emit<'_, 'a>) {
        emit.time = line.time.time();
        let kind = line.r#type.take();
        if kind != "run" {
            self.agent(&mut line, emit);
        }
        match &*kind {
            "run" => self.run(line, emit),
            "prompt" => {
                let author = match line.by.or_empty() {
                    "program" => Author::Program,
                    "agent" => Author::Agent,
                    _ => Author::Person,
                };
                emit.say(EventKind::Prompt { text: line.text.take(), author });
            }
            "reasoning" => emit.say(EventKind::Reasoning { text: line.text.take() }),
            "message" => {
                let closing =
                    if matches!(line.closing, Shape::Flag(false)) { Closing::No } else { Closing::Yes };
                emit.say(EventKind::Message { text: line.text.take(), closing });
            }
            "call" => emit.say(EventKind::Call {
                call_id: line.id.take(),
                tool: line.tool.take(),
                input: line.input.text(),
            }),
            "result" => {
                let status = match line.status.or_empty() {
                    "ok" => Status::Ok,
                    "error" => Status::Error,
                    "denied" => Status::Denied,
                    "interrupted" => Status::Interrupted,
                    "timeout" => Status::Timeout,
                    "unknown" | "" => Status::Unknown,
                    other => {
                        emit.unknown(format!("status {other}"));
                        Status::Unknown
                    }
                };
                emit.say(EventKind::Result {
                    call_id: line.id.take(),
                    status,
                    exit_code: line.exit_code.code(),
                    text: line.text.take(),
                });
            }
            "plan" => self.plan(line, emit),
            "handoff" => {
                let to = line.to.take();
                self.children.push(to.to_string());
                emit.say(EventKind::Handoff { to, call_id: line.id.take(), text: line.text.take() });
            }
            "return" => emit.say(EventKind::Return {
                from: line.from.take(),
                call_id: line.id.take(),
                text: line.text.take(),
            }),
            "usage" => emit.say(EventKind::Usage(Usage {
                input: line.input.tokens(),
                cached: line.cached.count(),
                output: line.output.count(),
                cost_usd: line.cost_usd.number(),
                cumulative: false,
            })),
            "lifecycle" => {
                let what = match line.what.or_empty() {
                    "start" => Lifecycle::Start,
                    "turn-start" => Lifecycle::TurnStart,
                    "turn-end" => Lifecycle::TurnEnd,
                    "end" => Lifecycle::End,
                    "error" => Lifecycle::Error,
                    "limit" => Lifecycle::Limit,
                    "compaction" => Lifecycle::Compaction,
                    "interrupted" => Lifecycle::Interrupted,
                    "waiting" => Lifecycle::Waiting,
                    other => {
                        emit.unknown(format!("lifecycle {other}"));
                        return;
                    }
                };
                emit.say(EventKind::Lifecycle { what, text: line.text.take() });
            }
            "receipt" => emit.say(EventKind::Receipt { text: line.text.take() }),
            "" => emit.unknown("no type"),
            _ => emit.unknown(kind),
        }
    }

    /// Whose line it is; the first line of an agent that names its parent tells who started it.
    fn agent<'a>(&mut self, line: &mut Line<'a>, emit: &mut Emit<'_, 'a>) {
        let name = line.agent.take();
        if self.is_main(&name) {
            return;
        }
        if let Some(parent) = line.parent.text()
            && !self.children.iter().any(|child| *child == name)
        {
            let parent = (!self.is_main(parent)).then(|| Cow::Owned(parent.to_owned()));
            emit.say_as(
                parent,
                EventKind::Handoff { to: name.clone(), call_id: Cow::Borrowed(""), text: Cow::Borrowed("") },
            );
            self.children.push(name.to_string());
        }
        emit.agent = Some(name);
    }

    fn is_main(&self, name: &str) -> bool {
        name.is_empty() || name == "main" || self.main.as_deref() == Some(name)
    }

    fn run<'a>(&mut self, mut line: Box<Line<'a>>, emit: &mut Emit<'_, 'a>) {
        self.main = line.agent.text().map(str::to_owned);
        emit.say(EventKind::Lifecycle { what: Lifecycle::Start, text: Cow::Borrowed("") });
        for (of, mut field) in
            [(FactOf::Title, line.title), (FactOf::Model, line.model), (FactOf::WorkingDirectory, line.cwd)]
        {
            let text = field.take();
            if !text.is_empty() {
                emit.say(EventKind::Fact { of, text });
            }
        }
        let tools: Vec<_> = line
            .tools
            .into_list()
            .into_iter()
            .filter_map(|tool| match tool {
                Shape::Map(mut tool) => Some((tool.name.take(), raw_text(tool.schema))),
                Shape::Text(name) => Some((name, Cow::Borrowed(""))),
                _ => None,
            })
            .collect();
        if !tools.is_empty() {
            emit.say(EventKind::Tools { tools });
        }
        let text = line.system.take();
        if !text.is_empty() {
            emit.say(EventKind::System { text });
        }
    }

    fn plan<'a>(&mut self, line: Box<Line<'a>>, emit: &mut Emit<'_, 'a>) {
        let mut items = Vec::new();
        for item in line.items.into_list() {
            let Shape::Map(mut item) = item else {
                emit.unknown("plan item");
                continue;
            };
            let status = match item.status.or_empty() {
                "pending" | "" => PlanStatus::Pending,
                "active" => PlanStatus::Active,
                "done" => PlanStatus::Done,
                "dropped" => PlanStatus::Dropped,
                other => {
                    emit.unknown(format!("plan status {other}"));
                    PlanStatus::Pending
                }
            };
            items.push(PlanItem { text: item.text.take(), status });
        }
        emit.say(EventKind::Plan { items });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::testing::told;

    const HEAD: &str = r#"{"type":"run","medbay":1,"run":"r-1","title":"Mend","agent":"smith","model":"m","cwd":"/w","system":"Be brief.","tools":[{"name":"shell","schema":{"type":"object"}}]}"#;

    #[test]
    fn every_type_is_read() {
        let told = told(
            &Native,
            None,
            &[
                HEAD,
                r#"{"type":"prompt","text":"go","by":"person","time":"2026-11-20T09:00:00Z"}"#,
                r#"{"type":"reasoning","text":"hm"}"#,
                r#"{"type":"message","text":"I look.","closing":false}"#,
                r#"{"type":"call","id":"1","tool":"shell","input":{"command":"ls"}}"#,
                r#"{"type":"result","id":"1","status":"error","exit_code":2,"text":"no"}"#,
                r#"{"type":"call","id":"2","tool":"note","input":"two \"words\""}"#,
                r#"{"type":"result","id":"2"}"#,
                r#"{"type":"plan","items":[{"text":"a","status":"done"},{"text":"b"}]}"#,
                r#"{"type":"handoff","to":"scout","id":"3","text":"find"}"#,
                r#"{"type":"message","agent":"scout","parent":"main","text":"found"}"#,
                r#"{"type":"message","agent":"aide","parent":"scout","text":"me too"}"#,
                r#"{"type":"return","from":"scout","id":"3","text":"found"}"#,
                r#"{"type":"usage","input":10,"output":2,"cached":5,"cost_usd":0.1}"#,
                r#"{"type":"receipt","id":"4","text":"Operator: look"}"#,
                r#"{"type":"message","agent":"smith","text":"Done."}"#,
                r#"{"type":"lifecycle","what":"turn-end"}"#,
            ],
        );
        assert_eq!(
            told,
            [
                "Start",
                "fact Title Mend",
                "fact Model m",
                "fact WorkingDirectory /w",
                "tools 1",
                "system Be brief.",
                "prompt Person go",
                "reasoning hm",
                "message No I look.",
                r#"call 1 shell {"command":"ls"}"#,
                "result 1 Error(2) no",
                r#"call 2 note two "words""#,
                "result 2 Unknown ",
                "plan Done a, Pending b",
                "handoff scout 3 find",
                "scout: message Yes found",
                "scout: handoff aide  ",
                "aide: message Yes me too",
                "return scout 3 found",
                "usage 10 5 2",
                "receipt Operator: look",
                "message Yes Done.",
                "TurnEnd",
            ]
        );
    }

    #[test]
    fn what_is_not_in_the_reference_is_unknown() {
        let told = told(
            &Native,
            None,
            &[
                r#"{"type":"dance"}"#,
                r#"{"type":"result","id":"1","status":"fine","text":"x"}"#,
                r#"{"type":"lifecycle","what":"nap"}"#,
                r#"{"text":"x"}"#,
                "nothing",
            ],
        );
        assert_eq!(
            told,
            [
                "unknown dance",
                "unknown status fine",
                "result 1 Unknown x",
                "unknown lifecycle nap",
                "unknown no type",
                "unknown not JSON",
            ]
        );
    }

    #[test]
    fn the_first_line_makes_a_source_its_own() {
        assert_eq!(Native.sniff(&[b"noise", HEAD.as_bytes()]), Sniff::Sure);
        assert_eq!(Native.sniff(&[br#"{"type":"run"}"#]), Sniff::No);
        let identity = Native.identify("/x/y.jsonl", &[HEAD.as_bytes()], None);
        assert_eq!(identity.run.as_str(), "r-1");
        assert_eq!(Native.identify("/x/y.jsonl", &[], None).run.as_str(), "y");
    }
}
