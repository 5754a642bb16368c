//! opencode's messages, as its export has them (`{info, parts}`, elements of a document) and as medbay
//! copies them out of its store: one line a part, with the same names, and `opencode` for what the
//! store says of the session.
//!
//! What the reader has to know of them:
//! - A part stands there again when it has changed: a call when it begins to run and when it has ended.
//!   What was told is not told again.
//! - A command's exit code is in `state.metadata.exit`; the status of one that failed is `completed`.
//! - `step-finish` ends what the model said at once; with the reason `stop` it ends the turn.
//! - A sub-agent is a session of its own with a parent; the call that started it names it in
//!   `state.metadata.sessionId`.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use rustc_hash::FxHashSet;
use serde::Deserialize;

use super::emit::{Emit, read_or_mend};
use super::json::{Plain, Raw, Shape, agent_name, hash, raw_text, stem};
use super::sent::was_sent;
use super::{Format, Identity, Reader, RunShape, Sniff};
use crate::trace::{
    Author, Closing, Event, EventKind, FactOf, Lifecycle, PlanItem, PlanStatus, RunId, Status, Usage,
};

/// opencode.
pub(super) struct Opencode;

/// Parts that matter to nobody.
const IGNORED: &[&str] = &["agent", "file", "patch", "retry", "snapshot", "step-start", "subtask"];

impl Format for Opencode {
    fn name(&self) -> &'static str {
        "opencode"
    }

    fn title(&self) -> &'static str {
        "opencode"
    }

    fn sniff(&self, head: &[&[u8]]) -> Sniff {
        let own = head.iter().take(16).any(|record| {
            let Ok(Shape::Map(line)) = serde_json::from_slice::<Shape<'_, Line<'_>>>(record) else {
                return false;
            };
            let info = line.info.map();
            info.is_some_and(|info| info.session_id.or_empty().starts_with("ses_"))
                && !line.parts.is_nothing()
        });
        if own { Sniff::Sure } else { Sniff::No }
    }

    fn identify(&self, path: &str, head: &[&[u8]], _beside: Option<&[u8]>) -> Identity {
        let mut lines = head.iter().filter_map(|record| serde_json::from_slice::<Line<'_>>(record).ok());
        let Some(line) = lines.find(|line| line.info.map().is_some()) else {
            return Identity { run: RunId::new(stem(path)), agent: None, parent_call: None };
        };
        let info = line.info.map();
        let own = info.and_then(|info| info.session_id.text()).unwrap_or_else(|| stem(path));
        match line.opencode.map().and_then(|session| session.run.text()).filter(|run| *run != own) {
            None => Identity { run: RunId::new(own), agent: None, parent_call: None },
            Some(run) => {
                let kind = info.map_or("", |info| info.agent.or_empty());
                Identity { run: RunId::new(run), agent: Some(sub_agent(kind, own)), parent_call: None }
            }
        }
    }

    fn reader(&self, identity: &Identity) -> Box<dyn Reader> {
        Box::new(Records { sub: identity.agent.is_some(), ..Records::default() })
    }
}

/// A sub-agent's name. Ids begin with the time: what tells them apart is their end.
fn sub_agent(kind: &str, session: &str) -> String {
    let at = session.len().saturating_sub(6);
    agent_name(kind, session.get(at..).unwrap_or(session))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Line<'a> {
    #[serde(borrow)]
    timestamp: Plain<'a>,
    #[serde(borrow)]
    opencode: Shape<'a, Session<'a>>,
    #[serde(borrow)]
    info: Shape<'a, Info<'a>>,
    #[serde(borrow)]
    parts: Shape<'a, Box<Part<'a>>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Session<'a> {
    /// The session that the run is named after.
    #[serde(borrow)]
    run: Plain<'a>,
    #[serde(borrow)]
    title: Plain<'a>,
    #[serde(borrow)]
    directory: Plain<'a>,
    #[serde(borrow)]
    version: Plain<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Info<'a> {
    #[serde(borrow)]
    id: Plain<'a>,
    #[serde(borrow, rename = "sessionID")]
    session_id: Plain<'a>,
    #[serde(borrow)]
    role: Plain<'a>,
    #[serde(borrow)]
    agent: Plain<'a>,
    #[serde(borrow, rename = "modelID")]
    model_id: Plain<'a>,
    #[serde(borrow)]
    path: Shape<'a, Place<'a>>,
    #[serde(borrow)]
    time: Shape<'a, Times<'a>>,
    #[serde(borrow)]
    error: Shape<'a, Fault<'a>>,
    #[serde(borrow)]
    summary: Plain<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Place<'a> {
    #[serde(borrow)]
    cwd: Plain<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Times<'a> {
    #[serde(borrow)]
    created: Plain<'a>,
    #[serde(borrow)]
    start: Plain<'a>,
    #[serde(borrow)]
    end: Plain<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Fault<'a> {
    #[serde(borrow)]
    name: Plain<'a>,
    #[serde(borrow)]
    data: Shape<'a, FaultData<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct FaultData<'a> {
    #[serde(borrow)]
    message: Plain<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Part<'a> {
    #[serde(borrow)]
    id: Plain<'a>,
    #[serde(borrow)]
    r#type: Plain<'a>,
    #[serde(borrow)]
    text: Plain<'a>,
    #[serde(borrow)]
    synthetic: Plain<'a>,
    #[serde(borrow)]
    time: Shape<'a, Times<'a>>,
    #[serde(borrow)]
    tool: Plain<'a>,
    #[serde(borrow, rename = "callID")]
    call_id: Plain<'a>,
    #[serde(borrow)]
    state: Shape<'a, State<'a>>,
    #[serde(borrow)]
    reason: Plain<'a>,
    #[serde(borrow)]
    tokens: Shape<'a, Tokens<'a>>,
    #[serde(borrow)]
    cost: Plain<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct State<'a> {
    #[serde(borrow)]
    status: Plain<'a>,
    #[serde(borrow)]
    input: Raw<'a>,
    #[serde(borrow)]
    output: Plain<'a>,
    #[serde(borrow)]
    error: Plain<'a>,
    #[serde(borrow)]
    metadata: Shape<'a, Metadata<'a>>,
    #[serde(borrow)]
    time: Shape<'a, Times<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata<'a> {
    #[serde(borrow)]
    exit: Plain<'a>,
    #[serde(borrow, rename = "sessionId")]
    session_id: Plain<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Tokens<'a> {
    #[serde(borrow)]
    input: Plain<'a>,
    #[serde(borrow)]
    output: Plain<'a>,
    #[serde(borrow)]
    reasoning: Plain<'a>,
    #[serde(borrow)]
    cache: Shape<'a, Cache<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Cache<'a> {
    #[serde(borrow)]
    read: Plain<'a>,
    #[serde(borrow)]
    write: Plain<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Arguments<'a> {
    #[serde(borrow)]
    todos: Shape<'a, Todo<'a>>,
    #[serde(borrow)]
    prompt: Plain<'a>,
    #[serde(borrow)]
    subagent_type: Plain<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Todo<'a> {
    #[serde(borrow)]
    content: Plain<'a>,
    #[serde(borrow)]
    status: Plain<'a>,
}

/// What is remembered of one source. Sets hold hashes of ids.
#[derive(Default)]
struct Records {
    /// The source is a sub-agent's own.
    sub: bool,
    begun: bool,
    cwd: String,
    model: String,
    title: String,
    told: FxHashSet<u64>,
    calls: FxHashSet<u64>,
    handed: FxHashSet<u64>,
    results: FxHashSet<u64>,
}

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
                Shape::Map(line) => self.line(*line, &mut emit),
                _ => emit.unknown("not an object"),
            }
            emit.finish();
            true
        });
    }
}

impl Records {
    fn line<'a>(&mut self, line: Line<'a>, emit: &mut Emit<'_, 'a>) {
        let Shape::Map(mut info) = line.info else {
            emit.unknown("no info");
            return;
        };
        let created = info.time.map().and_then(|time| time.created.time());
        let written = line.timestamp.time();
        emit.time = created;
        if !std::mem::replace(&mut self.begun, true) {
            emit.say(EventKind::Lifecycle { what: Lifecycle::Start, text: Cow::Borrowed("") });
            if let Shape::Map(session) = &line.opencode {
                let version = session.version.or_empty().to_owned();
                if !version.is_empty() {
                    emit.say(EventKind::Fact { of: FactOf::Version, text: Cow::Owned(version) });
                }
            }
        }
        if let Shape::Map(mut session) = line.opencode {
            changed(&mut self.title, FactOf::Title, session.title.take(), emit);
            changed(&mut self.cwd, FactOf::WorkingDirectory, session.directory.take(), emit);
        }
        if let Shape::Map(place) = &mut info.path {
            changed(&mut self.cwd, FactOf::WorkingDirectory, place.cwd.take(), emit);
        }
        changed(&mut self.model, FactOf::Model, info.model_id.take(), emit);
        let role = info.role.take();
        for part in line.parts.into_list() {
            let Shape::Map(part) = part else {
                emit.unknown("parts");
                continue;
            };
            emit.time = part.time.map().and_then(|time| time.start.time()).or(written).or(created);
            match &*role {
                "user" => self.user(*part, emit),
                "assistant" => self.assistant(*part, &info, emit),
                _ => emit.unknown(format!("message/{role}")),
            }
        }
        if let Shape::Map(mut error) = info.error
            && self.told.insert(hash(info.id.or_empty()))
        {
            let text = match error.data {
                Shape::Map(mut data) if data.message.text().is_some() => data.message.take(),
                _ => error.name.take(),
            };
            let what = if text.contains("Abort") { Lifecycle::Interrupted } else { Lifecycle::Error };
            emit.say(EventKind::Lifecycle { what, text });
        }
    }

    fn user<'a>(&mut self, mut part: Part<'a>, emit: &mut Emit<'_, 'a>) {
        let kind = part.r#type.take();
        match &*kind {
            "text" => {
                let text = part.text.take();
                if text.is_empty() || !self.told.insert(hash(part.id.or_empty())) {
                } else if was_sent(&text) {
                    emit.say(EventKind::Receipt { text });
                } else {
                    let author = match part.synthetic {
                        Shape::Flag(true) => Author::Program,
                        _ if self.sub => Author::Agent,
                        _ => Author::Person,
                    };
                    emit.say(EventKind::Prompt { text, author });
                }
            }
            "compaction" => {
                if self.told.insert(hash(part.id.or_empty())) {
                    emit.say(EventKind::Lifecycle { what: Lifecycle::Compaction, text: Cow::Borrowed("") });
                }
            }
            known if IGNORED.contains(&known) => {}
            _ => emit.unknown(format!("part/{kind}")),
        }
    }

    fn assistant<'a>(&mut self, mut part: Part<'a>, info: &Info<'a>, emit: &mut Emit<'_, 'a>) {
        let kind = part.r#type.take();
        let mut first = || self.told.insert(hash(part.id.or_empty()));
        match &*kind {
            // The summary of a compaction is nobody's claim.
            "text" if info.summary.yes() => {}
            "text" | "reasoning" => {
                let text = part.text.take();
                let written = part.time.map().is_none_or(|time| !time.end.is_nothing());
                if text.is_empty() || !written || !first() {
                } else if kind == "reasoning" {
                    emit.say(EventKind::Reasoning { text });
                } else {
                    emit.say(EventKind::Message { text, closing: Closing::Unknown });
                }
            }
            "tool" => self.tool(part, emit),
            "step-finish" => {
                if !first() {
                    return;
                }
                if let Some(tokens) = part.tokens.map() {
                    let cache = tokens.cache.map();
                    emit.say(EventKind::Usage(Usage {
                        input: tokens.input.count(),
                        cached: cache.map_or(0, |cache| cache.read.count() + cache.write.count()),
                        output: tokens.output.count() + tokens.reasoning.count(),
                        cost_usd: part.cost.number(),
                        cumulative: false,
                    }));
                }
                if part.reason.is("stop") && !info.summary.yes() {
                    emit.say(EventKind::Lifecycle { what: Lifecycle::TurnEnd, text: Cow::Borrowed("") });
                }
            }
            known if IGNORED.contains(&known) => {}
            _ => emit.unknown(format!("part/{kind}")),
        }
    }

    fn tool<'a>(&mut self, mut part: Part<'a>, emit: &mut Emit<'_, 'a>) {
        let Shape::Map(mut state) = part.state else {
            emit.unknown("part/tool");
            return;
        };
        let time = state.time.map();
        let (start, end) = (time.and_then(|time| time.start.time()), time.and_then(|time| time.end.time()));
        emit.time = start.or(emit.time);
        let status = state.status.take();
        let (id, tool) = (part.call_id.take(), part.tool.take());
        // While it is pending its input is not whole.
        if !matches!(&*status, "running" | "completed" | "error") {
            return;
        }
        let arguments: Arguments<'a> =
            state.input.and_then(|input| serde_json::from_str(input.get()).ok()).unwrap_or_default();
        if self.calls.insert(hash(&id)) {
            emit.say(EventKind::Call {
                call_id: id.clone(),
                tool: tool.clone(),
                input: raw_text(state.input),
            });
            if let ("todowrite", Shape::List(todos)) = (&*tool, &arguments.todos) {
                emit.say(EventKind::Plan { items: plan(todos) });
            }
        }
        let child = state.metadata.map().and_then(|metadata| metadata.session_id.text());
        let child = child.filter(|_| tool == "task");
        let child = child.map(|session| sub_agent(arguments.subagent_type.or_empty(), session));
        if let Some(to) = &child
            && self.handed.insert(hash(&id))
        {
            let text = Cow::Owned(arguments.prompt.or_empty().to_owned());
            emit.say(EventKind::Handoff { to: Cow::Owned(to.clone()), call_id: id.clone(), text });
        }
        if status == "running" || !self.results.insert(hash(&id)) {
            return;
        }
        emit.time = end.or(emit.time);
        let exit_code = state.metadata.map().and_then(|metadata| metadata.exit.code());
        let failed = status == "error";
        let text = if failed { state.error.take() } else { state.output.take() };
        let status = match exit_code {
            _ if failed => failure(&text),
            Some(code) if code != 0 => Status::Error,
            _ => Status::Ok,
        };
        if let Some(from) = child {
            let text = Cow::Owned(text.to_string());
            emit.say(EventKind::Return { from: Cow::Owned(from), call_id: id.clone(), text });
        }
        emit.say(EventKind::Result { call_id: id, status, exit_code, text });
    }
}

/// What a failed call's words tell.
fn failure(text: &str) -> Status {
    if text.contains("rejected permission") || text.contains("prevents you from using") {
        Status::Denied
    } else if text.contains("aborted") {
        Status::Interrupted
    } else if text.contains("timeout") {
        Status::Timeout
    } else {
        Status::Error
    }
}

fn changed<'a>(last: &mut String, of: FactOf, text: Cow<'a, str>, emit: &mut Emit<'_, 'a>) {
    if !text.is_empty() && *last != *text {
        text.as_ref().clone_into(last);
        emit.say(EventKind::Fact { of, text });
    }
}

fn plan<'a>(todos: &[Shape<'a, Todo<'a>>]) -> Vec<PlanItem<'a>> {
    todos
        .iter()
        .filter_map(Shape::map)
        .map(|todo| PlanItem {
            text: Cow::Owned(todo.content.or_empty().to_owned()),
            status: match todo.status.or_empty() {
                "in_progress" => PlanStatus::Active,
                "completed" => PlanStatus::Done,
                "cancelled" => PlanStatus::Dropped,
                _ => PlanStatus::Pending,
            },
        })
        .collect()
}
