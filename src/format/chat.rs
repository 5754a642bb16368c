//! Chat messages as JSON lines, in the shapes that people and research sets dump them:
//!
//! - the OpenAI shape, `{role, content, tool_calls, tool_call_id, name}`; a tool's content that begins
//!   with `Error` failed, any other went well, an empty one tells nothing;
//! - AutoGen's, `{content, role, name}`: the agent is the name, a code block is a call, the words of
//!   `Computer_terminal` are what came of it (`exitcode: N`);
//! - Magentic-One's, `{content, role}` with roles like `Orchestrator (-> WebSurfer)`;
//! - thought, action and observation lines, `{type, content}`;
//! - prompts with tags, where an assistant writes `<action>` and the next user message holds
//!   `Current Observation: Tool 'x' executed.`
//!
//! Each record that an agent acted in makes one step, at that record. A new shape is a new branch in
//! [`Records::line`] and a test.

#[cfg(test)]
mod tests;
mod words;

use std::borrow::Cow;

use serde::Deserialize;

use self::words::{action, bracketed, code, exit_code, observation, observed_status};
use super::emit::{Emit, read_or_mend};
use super::json::{Part, Plain, Raw, Shape, content_text, raw_text, stem, text_of};
use super::{Format, Identity, Reader, RunShape, Sniff};
use crate::trace::{Author, Closing, Event, EventKind, FactOf, Lifecycle, RunId, Status};

/// Chat messages.
pub(super) struct Chat;

impl Format for Chat {
    fn name(&self) -> &'static str {
        "chat"
    }

    fn title(&self) -> &'static str {
        "Chat messages"
    }

    fn sniff(&self, head: &[&[u8]]) -> Sniff {
        let mut objects = 0usize;
        let mut chat = 0usize;
        let mut first_is_usual = false;
        for record in head {
            let Ok(Shape::Map(line)) = serde_json::from_slice::<Shape<'_, Line<'_>>>(record) else {
                continue;
            };
            objects += 1;
            if line.is_chat() {
                chat += 1;
                first_is_usual |= objects == 1 && line.is_usual();
            }
        }
        match chat {
            0 => Sniff::No,
            _ if chat * 4 < objects * 3 => Sniff::No,
            _ if first_is_usual => Sniff::Sure,
            _ => Sniff::Maybe,
        }
    }

    fn is_talk(&self) -> bool {
        true
    }

    fn identify(&self, path: &str, _head: &[&[u8]], _beside: Option<&[u8]>) -> Identity {
        Identity { run: RunId::new(stem(path)), agent: None, parent_call: None }
    }

    fn reader(&self, _identity: &Identity) -> Box<dyn Reader> {
        Box::new(Records::default())
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Line<'a> {
    #[serde(borrow)]
    role: Plain<'a>,
    #[serde(borrow)]
    content: Shape<'a, Part<'a>>,
    #[serde(borrow)]
    name: Plain<'a>,
    #[serde(borrow)]
    model: Plain<'a>,
    #[serde(borrow)]
    timestamp: Plain<'a>,
    #[serde(borrow)]
    reasoning_content: Plain<'a>,
    #[serde(borrow)]
    tool_calls: Shape<'a, ToolCall<'a>>,
    #[serde(borrow)]
    function_call: Shape<'a, Function<'a>>,
    #[serde(borrow)]
    tool_call_id: Plain<'a>,
    #[serde(borrow)]
    r#type: Plain<'a>,
    #[serde(borrow)]
    function: Shape<'a, Function<'a>>,
    #[serde(borrow)]
    arguments: Raw<'a>,
    #[serde(borrow)]
    result: Raw<'a>,
    #[serde(borrow)]
    tools: Shape<'a, Declared<'a>>,
    // Marks of other formats.
    #[serde(borrow, rename = "sessionId")]
    session_id: Plain<'a>,
    #[serde(borrow, rename = "sessionID")]
    session_id_2: Plain<'a>,
    #[serde(borrow)]
    session: Plain<'a>,
    #[serde(borrow)]
    payload: Plain<'a>,
    #[serde(borrow)]
    uuid: Plain<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ToolCall<'a> {
    #[serde(borrow)]
    id: Plain<'a>,
    #[serde(borrow)]
    function: Shape<'a, Function<'a>>,
    #[serde(borrow)]
    name: Plain<'a>,
    #[serde(borrow)]
    arguments: Raw<'a>,
    #[serde(borrow)]
    args: Raw<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Function<'a> {
    #[serde(borrow)]
    name: Plain<'a>,
    #[serde(borrow)]
    arguments: Raw<'a>,
}

/// A tool as a request declares it: bare, or under `function`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Declared<'a> {
    #[serde(borrow)]
    name: Plain<'a>,
    #[serde(borrow)]
    parameters: Raw<'a>,
    #[serde(borrow)]
    input_schema: Raw<'a>,
    #[serde(borrow)]
    function: Shape<'a, Box<Declared<'a>>>,
}

impl<'a> Declared<'a> {
    fn read(self) -> Option<(Cow<'a, str>, Cow<'a, str>)> {
        if let Shape::Map(inner) = self.function {
            return inner.read();
        }
        let mut name = self.name;
        let name = name.take();
        (!name.is_empty()).then(|| (name, raw_text(self.parameters.or(self.input_schema))))
    }
}

impl Line<'_> {
    fn is_chat(&self) -> bool {
        let other = [&self.session_id, &self.session_id_2, &self.session, &self.payload, &self.uuid];
        if other.iter().any(|mark| !mark.is_nothing()) {
            return false;
        }
        let content = !self.content.is_nothing();
        if self.role.text().is_some() {
            return content
                || !self.tool_calls.is_nothing()
                || !self.function_call.is_nothing()
                || self.role.is("tool");
        }
        match self.r#type.or_empty() {
            "question" | "thought" | "action" | "observation" => self.content.text().is_some(),
            "tool_call" => self.function.map().is_some(),
            "tool_result" => self.result.is_some(),
            _ => false,
        }
    }

    fn is_usual(&self) -> bool {
        matches!(
            self.role.or_empty(),
            "system" | "developer" | "user" | "human" | "assistant" | "tool" | "function"
        ) || self.r#type.is("question")
            || self.role.or_empty().contains(" (")
    }
}

/// What is remembered of one source.
#[derive(Default)]
struct Records {
    /// Lines with an agent were seen.
    begun: bool,
    model: String,
    /// The agent that made the last call, or spoke last.
    agent: Option<String>,
    /// A call by text waits for its outcome.
    waiting: bool,
    /// Who handed over, and to whom.
    handoff: Option<(String, String)>,
    shape: RunShape,
}

/// The agent that runs the code blocks of others.
const TERMINALS: &[&str] = &["Computer_terminal", "computer_terminal", "code_executor"];

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

    fn shape(&self) -> RunShape {
        self.shape
    }
}

impl Records {
    fn line<'a>(&mut self, mut line: Box<Line<'a>>, emit: &mut Emit<'_, 'a>) {
        emit.time = line.timestamp.time();
        if self.model != line.model.or_empty() && !line.model.or_empty().is_empty() {
            line.model.or_empty().clone_into(&mut self.model);
            emit.say(EventKind::Fact { of: FactOf::Model, text: line.model.take() });
        }
        let tools: Vec<_> = std::mem::take(&mut line.tools)
            .into_list()
            .into_iter()
            .filter_map(|tool| match tool {
                Shape::Map(tool) => tool.read(),
                _ => None,
            })
            .collect();
        let declares = !tools.is_empty();
        if declares {
            emit.agent = Some(Cow::Borrowed("assistant"));
            emit.say(EventKind::Tools { tools });
        }
        let role = line.role.take();
        if declares && role.is_empty() && line.content.is_nothing() {
            return;
        }
        let first = !std::mem::replace(&mut self.begun, true);
        match &*role {
            "" => self.typed(line, emit),
            "system" | "developer" => {
                emit.agent = Some(Cow::Borrowed("assistant"));
                emit.say(EventKind::System { text: content_text(line.content) });
            }
            "tool" | "function" => {
                emit.agent = Some(Cow::Borrowed("assistant"));
                let text = content_text(line.content);
                let status = match text.trim_start() {
                    "" => Status::Unknown,
                    text if text.starts_with("Error") => Status::Error,
                    _ => Status::Ok,
                };
                result(line.tool_call_id.take(), status, None, text, emit);
            }
            "user" | "human" | "assistant" => {
                let name = line.name.take();
                if !name.is_empty() && !matches!(&*name, "user" | "human" | "User") {
                    self.named(name, content_text(line.content), first, emit);
                } else if role == "assistant" {
                    self.assistant(line, emit);
                } else {
                    self.user(content_text(line.content), role == "human", emit);
                }
            }
            _ => self.orchestrated(role, content_text(line.content), emit),
        }
    }

    fn user<'a>(&mut self, text: Cow<'a, str>, human: bool, emit: &mut Emit<'_, 'a>) {
        // Where agents have names, the person speaks to the first of them.
        emit.agent = Some(Cow::Borrowed(if human { "Orchestrator" } else { "assistant" }));
        if let Some(observed) = observation(&text) {
            let status = observed_status(observed);
            self.waiting = false;
            result(Cow::Borrowed(""), status, None, text, emit);
            return;
        }
        let author = Author::Person;
        emit.say(EventKind::Prompt { text, author });
    }

    fn assistant<'a>(&mut self, mut line: Box<Line<'a>>, emit: &mut Emit<'_, 'a>) {
        emit.agent = Some(Cow::Borrowed("assistant"));
        let text = line.reasoning_content.take();
        if !text.is_empty() {
            emit.say(EventKind::Reasoning { text });
        }
        let text = content_text(line.content);
        let calls = line.tool_calls.into_list();
        let old = match line.function_call {
            Shape::Map(function) => Some(function),
            _ => None,
        };
        if calls.is_empty() && old.is_none() {
            self.tagged(text, emit);
            return;
        }
        self.shape = RunShape::Service;
        message(text, Closing::No, emit);
        for call in calls {
            let Shape::Map(mut call) = call else {
                emit.unknown("tool_calls");
                continue;
            };
            let (tool, input) = match call.function {
                Shape::Map(mut function) => (function.name.take(), text_of(function.arguments)),
                _ => (call.name.take(), text_of(call.arguments.or(call.args))),
            };
            emit.say(EventKind::Call { call_id: call.id.take(), tool, input });
        }
        if let Some(mut function) = old {
            emit.say(EventKind::Call {
                call_id: Cow::Borrowed(""),
                tool: function.name.take(),
                input: text_of(function.arguments),
            });
        }
    }

    /// Words with an `<action>` in them are a call.
    fn tagged<'a>(&mut self, text: Cow<'a, str>, emit: &mut Emit<'_, 'a>) {
        let Some(action) = action(&text) else {
            if self.shape == RunShape::Other {
                self.shape = RunShape::Service;
            }
            message(text, Closing::Yes, emit);
            return;
        };
        let own = |part: &str| Cow::Owned(part.trim().to_owned());
        self.shape = RunShape::Tagged;
        let (before, tool, input, after) = action;
        message(own(before), Closing::No, emit);
        emit.say(EventKind::Call { call_id: Cow::Borrowed(""), tool: own(tool), input: own(input) });
        self.waiting = true;
        if after.contains("<answer>") {
            message(own(after), Closing::Yes, emit);
        }
    }

    /// A message of a named agent (AutoGen).
    fn named<'a>(&mut self, name: Cow<'a, str>, text: Cow<'a, str>, first: bool, emit: &mut Emit<'_, 'a>) {
        self.shape = RunShape::Group;
        if TERMINALS.contains(&&*name) {
            emit.agent = self.agent.clone().map(Cow::Owned);
            match exit_code(&text) {
                Some(code) => {
                    self.waiting = false;
                    let status = if code == 0 { Status::Ok } else { Status::Error };
                    result(Cow::Borrowed(""), status, Some(code), text, emit);
                }
                None if std::mem::take(&mut self.waiting) => {
                    result(Cow::Borrowed(""), Status::Unknown, None, text, emit);
                }
                // It answers words that held no code.
                None => {
                    let author = Author::Program;
                    emit.say(EventKind::Prompt { text, author });
                }
            }
            return;
        }
        self.agent = Some(name.to_string());
        emit.agent = Some(name);
        if first {
            // The first message carries the task.
            emit.say(EventKind::Prompt { text: text.clone(), author: Author::Person });
        }
        match code(&text) {
            Some(code) => {
                message(text, Closing::No, emit);
                self.waiting = true;
                emit.say(EventKind::Call {
                    call_id: Cow::Borrowed(""),
                    tool: Cow::Borrowed("execute_code"),
                    input: Cow::Owned(code),
                });
            }
            None => message(text, Closing::Yes, emit),
        }
    }

    /// A message whose role says who speaks, and to whom (Magentic-One).
    fn orchestrated<'a>(&mut self, role: Cow<'a, str>, text: Cow<'a, str>, emit: &mut Emit<'_, 'a>) {
        self.shape = RunShape::Orchestra;
        let (name, note) = match role.split_once(" (") {
            Some((name, note)) => (name.to_owned(), note.trim_end_matches(')').to_owned()),
            None => (role.into_owned(), String::new()),
        };
        emit.agent = Some(Cow::Owned(name.clone()));
        message(text.clone(), Closing::Yes, emit);
        if let Some(to) = note.strip_prefix("-> ") {
            emit.say(EventKind::Handoff { to: Cow::Owned(to.to_owned()), call_id: Cow::Borrowed(""), text });
            self.handoff = Some((name, to.to_owned()));
        } else if note == "termination condition" {
            emit.say(EventKind::Lifecycle { what: Lifecycle::End, text: Cow::Borrowed("") });
        } else if let Some((by, _)) = self.handoff.take_if(|(_, to)| *to == name) {
            emit.say_as(
                Some(Cow::Owned(by)),
                EventKind::Return { from: Cow::Owned(name), call_id: Cow::Borrowed(""), text },
            );
        }
    }

    /// A line with a type instead of a role.
    fn typed<'a>(&mut self, mut line: Box<Line<'a>>, emit: &mut Emit<'_, 'a>) {
        let kind = line.r#type.take();
        let text = content_text(line.content);
        match &*kind {
            "question" => {
                let author = Author::Person;
                emit.say(EventKind::Prompt { text, author });
            }
            "thought" => {
                self.shape = RunShape::React;
                message(text, Closing::No, emit);
            }
            "action" => match bracketed(&text) {
                Some(("Finish", answer)) => {
                    message(Cow::Owned(answer.to_owned()), Closing::Yes, emit);
                }
                Some((tool, input)) => emit.say(EventKind::Call {
                    call_id: Cow::Borrowed(""),
                    tool: Cow::Owned(tool.to_owned()),
                    input: Cow::Owned(input.to_owned()),
                }),
                None => emit.say(EventKind::Call {
                    call_id: Cow::Borrowed(""),
                    tool: Cow::Borrowed("act"),
                    input: text,
                }),
            },
            "observation" => {
                // Whether the answer was right is not something that the agent could see.
                if text.starts_with("Answer is ") {
                    return;
                }
                const FAILED: &[&str] = &[
                    "Could not find",
                    "Invalid Action",
                    "No Results",
                    "No more results",
                    "The last page Searched",
                ];
                let failed = FAILED.iter().any(|beginning| text.starts_with(beginning));
                let status = match text.is_empty() {
                    true => Status::Unknown,
                    false if failed => Status::Error,
                    false => Status::Ok,
                };
                result(Cow::Borrowed(""), status, None, text, emit);
            }
            "tool_call" => {
                if let Shape::Map(mut function) = line.function {
                    emit.say(EventKind::Call {
                        call_id: line.tool_call_id.take(),
                        tool: function.name.take(),
                        input: text_of(line.arguments.or(function.arguments)),
                    });
                } else {
                    emit.unknown("tool_call");
                }
            }
            "tool_result" => {
                let text = text_of(line.result);
                result(line.tool_call_id.take(), Status::Unknown, None, text, emit);
            }
            "" => emit.unknown("no role"),
            _ => emit.unknown(kind),
        }
    }
}

fn message<'a>(text: Cow<'a, str>, closing: Closing, emit: &mut Emit<'_, 'a>) {
    if !text.is_empty() || closing == Closing::Yes {
        emit.say(EventKind::Message { text, closing });
    }
}

fn result<'a>(
    call_id: Cow<'a, str>,
    status: Status,
    exit_code: Option<i32>,
    text: Cow<'a, str>,
    emit: &mut Emit<'_, 'a>,
) {
    emit.say(EventKind::Result { call_id, status, exit_code, text });
}
