//! Gemini CLI's chats: `~/.gemini/tmp/PROJECT/chats/session-….jsonl`, one JSON line a record; before
//! version 0.40 one JSON document a chat, whose messages are the records.
//!
//! What the reader has to know of them:
//! - A message stands there again, with the same id, when its tool calls have ended: it then holds the
//!   calls with their results. The results follow once more in a `user` message for the model. What was
//!   told of a message, a call or a result is not told again.
//! - `{"$set":{…}}` changes the header; with `messages` it puts a whole history in (at the start, and
//!   when the program rewrites its own). `{"$rewindTo":ID}` takes messages back.
//! - The exit code is in the words of a command's output, and only when it is not 0.
//! - What a hook put in is marked `<hook_context>`; what it refused begins with known words. Only the
//!   refusal of a turn's end is a bare `user` message: it is told by the mark of a text that was sent.
//! - A sub-agent's chat lies in a folder named after its parent's session. Its last call,
//!   `complete_task`, holds its answer.

mod outcome;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use rustc_hash::FxHashSet;
use serde::Deserialize;

use self::outcome::{Response, judge};
use super::emit::{Emit, read_or_mend};
use super::json::{Part, Plain, Raw, Shape, agent_name, content_text, hash, join, raw_text, stem};
use super::sent::was_sent;
use super::{Format, Identity, Reader, RunShape, Sniff};
use crate::trace::{
    Author, Closing, Event, EventKind, FactOf, Lifecycle, PlanItem, PlanStatus, RunId, Usage,
};

/// Gemini CLI.
pub(super) struct Gemini;

impl Format for Gemini {
    fn name(&self) -> &'static str {
        "gemini"
    }

    fn title(&self) -> &'static str {
        "Gemini CLI"
    }

    fn sniff(&self, head: &[&[u8]]) -> Sniff {
        let mut best = Sniff::No;
        for record in head.iter().take(64) {
            let Ok(Shape::Map(line)) = serde_json::from_slice::<Shape<'_, Line<'_>>>(record) else {
                continue;
            };
            if line.is_header() || (line.is_message() && line.r#type.is("gemini")) {
                return Sniff::Sure;
            }
            if line.is_message() && line.r#type.is("user") {
                best = Sniff::Maybe;
            }
        }
        best
    }

    fn identify(&self, path: &str, head: &[&[u8]], _beside: Option<&[u8]>) -> Identity {
        let header = head
            .iter()
            .filter_map(|record| serde_json::from_slice::<Line<'_>>(record).ok())
            .find(Line::is_header);
        let session = header.as_ref().and_then(|line| line.session_id.text());
        let session = session.unwrap_or_else(|| stem(path)).to_owned();
        if !header.is_some_and(|line| line.kind.is("subagent")) {
            return Identity { run: RunId::new(session), agent: None, parent_call: None };
        }
        let folder = path.rsplit('/').nth(1).filter(|folder| !matches!(*folder, "" | "chats"));
        let run = folder.unwrap_or(&session);
        Identity { run: RunId::new(run), agent: Some(agent_name("", &session)), parent_call: None }
    }

    fn reader(&self, identity: &Identity) -> Box<dyn Reader> {
        Box::new(Records { sub: identity.agent.is_some(), ..Records::default() })
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Line<'a> {
    #[serde(borrow, rename = "sessionId")]
    session_id: Plain<'a>,
    #[serde(borrow, rename = "projectHash")]
    project_hash: Plain<'a>,
    #[serde(borrow, rename = "startTime")]
    start_time: Plain<'a>,
    #[serde(borrow)]
    kind: Plain<'a>,
    #[serde(borrow)]
    directories: Plain<'a>,
    #[serde(borrow, rename = "$set")]
    set: Shape<'a, Set<'a>>,
    #[serde(borrow, rename = "$rewindTo")]
    rewind_to: Plain<'a>,
    #[serde(borrow)]
    messages: Shape<'a, Box<Line<'a>>>,
    // A message.
    #[serde(borrow)]
    id: Plain<'a>,
    #[serde(borrow)]
    timestamp: Plain<'a>,
    #[serde(borrow)]
    r#type: Plain<'a>,
    #[serde(borrow)]
    content: Shape<'a, Content<'a>>,
    #[serde(borrow)]
    thoughts: Shape<'a, Thought<'a>>,
    #[serde(borrow)]
    tokens: Shape<'a, Tokens<'a>>,
    #[serde(borrow)]
    model: Plain<'a>,
    #[serde(borrow, rename = "toolCalls")]
    tool_calls: Shape<'a, ToolCall<'a>>,
    // Marks of other formats.
    #[serde(borrow)]
    uuid: Plain<'a>,
    #[serde(borrow)]
    message: Plain<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Set<'a> {
    #[serde(borrow)]
    messages: Shape<'a, Box<Line<'a>>>,
}

/// A part of a message: text, or what a tool brought back.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Content<'a> {
    #[serde(borrow)]
    text: Plain<'a>,
    #[serde(borrow, rename = "functionResponse")]
    function_response: Shape<'a, FunctionResponse<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct FunctionResponse<'a> {
    #[serde(borrow)]
    id: Plain<'a>,
    #[serde(borrow)]
    response: Shape<'a, Response<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Thought<'a> {
    #[serde(borrow)]
    subject: Plain<'a>,
    #[serde(borrow)]
    description: Plain<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Tokens<'a> {
    #[serde(borrow)]
    input: Plain<'a>,
    #[serde(borrow)]
    output: Plain<'a>,
    #[serde(borrow)]
    cached: Plain<'a>,
    #[serde(borrow)]
    thoughts: Plain<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ToolCall<'a> {
    #[serde(borrow)]
    id: Plain<'a>,
    #[serde(borrow)]
    name: Plain<'a>,
    #[serde(borrow)]
    args: Raw<'a>,
    #[serde(borrow)]
    result: Shape<'a, Content<'a>>,
    #[serde(borrow)]
    status: Plain<'a>,
    #[serde(borrow)]
    timestamp: Plain<'a>,
    #[serde(borrow, rename = "agentId")]
    agent_id: Plain<'a>,
    #[serde(borrow, rename = "resultDisplay")]
    result_display: Shape<'a, Part<'a>>,
}

/// Arguments of the calls that are more than calls.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Arguments<'a> {
    #[serde(borrow)]
    todos: Shape<'a, Todo<'a>>,
    #[serde(borrow)]
    prompt: Plain<'a>,
    #[serde(borrow)]
    result: Shape<'a, Answer<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Todo<'a> {
    #[serde(borrow)]
    description: Plain<'a>,
    #[serde(borrow)]
    status: Plain<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer<'a> {
    #[serde(borrow)]
    response: Plain<'a>,
}

impl Line<'_> {
    fn is_header(&self) -> bool {
        self.session_id.text().is_some()
            && self.project_hash.text().is_some()
            && self.start_time.text().is_some()
    }

    fn is_message(&self) -> bool {
        self.id.text().is_some()
            && self.timestamp.text().is_some()
            && !self.content.is_nothing()
            && [&self.session_id, &self.uuid, &self.message].iter().all(|mark| mark.is_nothing())
    }
}

/// What is remembered of one source. Sets hold hashes of ids.
#[derive(Default)]
struct Records {
    /// The source is a sub-agent's own file.
    sub: bool,
    /// A message was seen.
    begun: bool,
    model: String,
    /// Messages of which the words, the thoughts or the tokens were told.
    told: FxHashSet<u64>,
    calls: FxHashSet<u64>,
    results: FxHashSet<u64>,
    /// Calls of sub-agents without a result so far, with the sub-agent's name: what came back stands
    /// in the message that follows, which has the time at which it did.
    launches: Vec<(u64, String)>,
}

/// How many open calls of sub-agents are remembered.
const MOST: usize = 128;

impl Reader for Records {
    fn shape(&self) -> RunShape {
        RunShape::Coding
    }

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
        if let Shape::Map(set) = line.set {
            self.history(set.messages, emit);
        } else if line.is_header() {
            emit.time = line.start_time.time();
            emit.say(EventKind::Lifecycle { what: Lifecycle::Start, text: Cow::Borrowed("") });
            if let Some(Shape::Text(text)) = line.directories.into_list().into_iter().next() {
                emit.say(EventKind::Fact { of: FactOf::WorkingDirectory, text });
            }
            self.history(line.messages, emit);
        } else if !line.id.is_nothing() {
            self.message(line, Author::Person, emit);
        } else if line.rewind_to.is_nothing() {
            let kind = line.r#type.take();
            emit.unknown(if kind.is_empty() { Cow::Borrowed("no id") } else { kind });
        }
    }

    /// A history that is put in whole. After the first one it is the program's: a summary, a reminder.
    fn history<'a>(&mut self, messages: Shape<'a, Box<Line<'a>>>, emit: &mut Emit<'_, 'a>) {
        let author = if self.begun { Author::Program } else { Author::Person };
        for message in messages.into_list() {
            if let Shape::Map(message) = message {
                self.message(message, author, emit);
            }
        }
    }

    fn message<'a>(&mut self, mut message: Box<Line<'a>>, author: Author, emit: &mut Emit<'_, 'a>) {
        self.begun = true;
        emit.time = message.timestamp.time();
        let kind = message.r#type.take();
        match &*kind {
            "user" => self.user(message, author, emit),
            "gemini" | "model" => self.gemini(message, emit),
            "error" if self.told.insert(hash(message.id.or_empty())) => {
                let text = words(message.content).0;
                emit.say(EventKind::Lifecycle { what: Lifecycle::Error, text });
            }
            "error" | "info" | "warning" => {}
            _ => emit.unknown(format!("message/{kind}")),
        }
    }

    fn user<'a>(&mut self, message: Box<Line<'a>>, author: Author, emit: &mut Emit<'_, 'a>) {
        let id = message.id;
        let (text, responses) = words(message.content);
        for mut response in responses {
            self.result(response.id.take(), "", response.response, "", emit);
        }
        if text.is_empty() || !self.told.insert(hash(id.or_empty())) {
            return;
        }
        let (text, given) = outcome::without_context(text);
        receipt(given, emit);
        if text.is_empty() {
            return;
        }
        if text.starts_with("<session_context>") {
            if let Some(directory) = workspace(&text) {
                let text = Cow::Owned(directory.to_owned());
                emit.say(EventKind::Fact { of: FactOf::WorkingDirectory, text });
            }
            emit.say(EventKind::Prompt { text, author: Author::Program });
        } else if was_sent(&text) {
            receipt(text, emit);
        } else if text.starts_with("<state_snapshot>") {
            emit.say(EventKind::Lifecycle { what: Lifecycle::Compaction, text });
        } else {
            let author = match author {
                _ if text.starts_with("System: ") => Author::Program,
                Author::Person if self.sub => Author::Agent,
                author => author,
            };
            emit.say(EventKind::Prompt { text, author });
        }
    }

    fn gemini<'a>(&mut self, mut message: Box<Line<'a>>, emit: &mut Emit<'_, 'a>) {
        if self.model != message.model.or_empty() && !message.model.or_empty().is_empty() {
            message.model.or_empty().clone_into(&mut self.model);
            emit.say(EventKind::Fact { of: FactOf::Model, text: message.model.take() });
        }
        let id = hash(message.id.or_empty());
        let mut first = |part: u64| self.told.insert(id.wrapping_add(part));
        let mut thoughts = Cow::Borrowed("");
        for thought in message.thoughts.into_list() {
            if let Shape::Map(mut thought) = thought {
                join(&mut thoughts, thought.subject.take());
                join(&mut thoughts, thought.description.take());
            }
        }
        if !thoughts.is_empty() && first(1) {
            emit.say(EventKind::Reasoning { text: thoughts });
        }
        let calls = message.tool_calls.into_list();
        let text = words(message.content).0;
        if !text.is_empty() && first(0) {
            let closing = if calls.is_empty() { Closing::Unknown } else { Closing::No };
            emit.say(EventKind::Message { text, closing });
        }
        if let Some(tokens) = message.tokens.map()
            && first(2)
        {
            let cached = tokens.cached.count();
            emit.say(EventKind::Usage(Usage {
                input: tokens.input.count().saturating_sub(cached),
                cached,
                output: tokens.output.count() + tokens.thoughts.count(),
                cost_usd: None,
                cumulative: false,
            }));
        }
        for call in calls {
            match call {
                Shape::Map(call) => self.call(call, emit),
                _ => emit.unknown("toolCalls"),
            }
        }
    }

    fn call<'a>(&mut self, mut call: ToolCall<'a>, emit: &mut Emit<'_, 'a>) {
        let id = call.id.take();
        let tool = call.name.take();
        let arguments: Option<Arguments<'a>> =
            call.args.and_then(|args| serde_json::from_str(args.get()).ok());
        let answer = arguments.as_ref().and_then(|a| a.result.map()?.response.text().map(str::to_owned));
        if let (true, "complete_task", Some(answer)) = (self.sub, &*tool, answer) {
            self.results.insert(hash(&id));
            if self.calls.insert(hash(&id)) {
                emit.say(EventKind::Message { text: Cow::Owned(answer), closing: Closing::Yes });
            }
            return;
        }
        // A call without an id was written when it had ended, and once.
        if id.is_empty() || self.calls.insert(hash(&id)) {
            let input = raw_text(call.args);
            emit.say(EventKind::Call { call_id: id.clone(), tool: tool.clone(), input });
            if let (Some(arguments), "write_todos") = (&arguments, &*tool)
                && let Shape::List(todos) = &arguments.todos
            {
                emit.say(EventKind::Plan { items: plan(todos) });
            }
            if let Some(agent) = call.agent_id.text() {
                let to = agent_name("", agent);
                if self.launches.len() < MOST {
                    self.launches.push((hash(&id), to.clone()));
                }
                let text = arguments.map(|mut a| a.prompt.take()).unwrap_or_default();
                emit.say(EventKind::Handoff { to: Cow::Owned(to), call_id: id.clone(), text });
            }
        }
        if self.launches.iter().any(|(launch, _)| *launch == hash(&id)) {
            return;
        }
        let display = content_text(call.result_display);
        let before = emit.time;
        emit.time = call.timestamp.time().or(before);
        let response = call.result.into_list().into_iter().find_map(|part| match part {
            Shape::Map(Content { function_response: Shape::Map(response), .. }) => Some(response.response),
            _ => None,
        });
        let ended = matches!(call.status.or_empty(), "success" | "error" | "cancelled");
        if ended || response.is_some() {
            self.result(id, call.status.or_empty(), response.unwrap_or_default(), &display, emit);
        }
        emit.time = before;
    }

    /// What a call brought back, unless it was told.
    fn result<'a>(
        &mut self,
        call_id: Cow<'a, str>,
        status: &str,
        response: Shape<'a, Response<'a>>,
        display: &str,
        emit: &mut Emit<'_, 'a>,
    ) {
        if !call_id.is_empty() && !self.results.insert(hash(&call_id)) {
            return;
        }
        let outcome = judge(status, response, display);
        if let Some(at) = self.launches.iter().position(|(launch, _)| *launch == hash(&call_id)) {
            let (_, from) = self.launches.remove(at);
            let text = Cow::Owned(outcome.text.to_string());
            emit.say(EventKind::Return { from: Cow::Owned(from), call_id: call_id.clone(), text });
        }
        emit.say(EventKind::Result {
            call_id,
            status: outcome.status,
            exit_code: outcome.exit_code,
            text: outcome.text,
        });
        receipt(outcome.given, emit);
    }
}

/// The text of a message, and what tools brought back in it.
fn words<'a>(content: Shape<'a, Content<'a>>) -> (Cow<'a, str>, Vec<FunctionResponse<'a>>) {
    let mut text = Cow::Borrowed("");
    let mut responses = Vec::new();
    for part in content.into_list() {
        match part {
            Shape::Text(piece) => join(&mut text, piece),
            Shape::Map(mut part) => {
                join(&mut text, part.text.take());
                if let Shape::Map(response) = part.function_response {
                    responses.push(response);
                }
            }
            _ => {}
        }
    }
    (text, responses)
}

fn receipt<'a>(text: Cow<'a, str>, emit: &mut Emit<'_, 'a>) {
    if !text.is_empty() {
        emit.say(EventKind::Receipt { text });
    }
}

/// The first workspace directory in the context that the program gives its model.
fn workspace(text: &str) -> Option<&str> {
    let mut lines = text.lines().skip_while(|line| !line.contains("**Workspace Directories:**")).skip(1);
    lines.next()?.trim().strip_prefix("- ")
}

fn plan<'a>(todos: &[Shape<'a, Todo<'a>>]) -> Vec<PlanItem<'a>> {
    todos
        .iter()
        .filter_map(Shape::map)
        .map(|todo| PlanItem {
            text: Cow::Owned(todo.description.or_empty().to_owned()),
            status: match todo.status.or_empty() {
                "in_progress" => PlanStatus::Active,
                "completed" => PlanStatus::Done,
                "cancelled" => PlanStatus::Dropped,
                _ => PlanStatus::Pending,
            },
        })
        .collect()
}
