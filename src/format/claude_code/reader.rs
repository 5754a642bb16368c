//! Reads Claude Code's records in order: what each means, given the few things that must be remembered
//! of the ones before it.

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::memmem::Finder;
use rustc_hash::{FxHashMap, FxHashSet};

use super::outcome::{Known, judge};
use super::plan::Tasks;
use super::record::{AgentInput, Block, Message, Record, TokenUsage};
use super::{IGNORED, attachment};
use crate::format::Reader;
use crate::format::RunShape;
use crate::format::emit::{Emit, read_or_mend};
use crate::format::json::{Shape, agent_name, content_text, hash, join, peek, raw_text};
use crate::trace::{Author, Closing, Event, EventKind, FactOf, Lifecycle, Status, Usage};

/// What stands before the type of a record that begins with it, and of an attachment.
static TYPE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("{\"type\":\""));
static ATTACHMENT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"attachment\":{\"type\":\""));

/// What is remembered of one source.
#[derive(Default)]
pub(super) struct Records {
    /// The source is a sub-agent's own file.
    own_file: bool,
    /// Hashes of the uuids seen.
    seen: FxHashSet<u64>,
    cwd: String,
    version: String,
    model: String,
    /// Message ids with what was counted of them: uncached, cached, output. The latest last.
    counted: Vec<(u64, [u64; 3])>,
    /// The message whose limit was told.
    limited: u64,
    plan: Tasks,
    /// Calls that start sub-agents and have no result yet.
    launches: Vec<Launch>,
    /// For inline sub-agents: the hash of a uuid to the position of its agent in `sides`.
    side_of: FxHashMap<u64, usize>,
    sides: Vec<String>,
}

struct Launch {
    call_id: String,
    kind: String,
    prompt: u64,
    agent: Option<String>,
}

/// How many open launches and counted messages are remembered.
const MOST: usize = 128;

impl Reader for Records {
    fn shape(&self) -> RunShape {
        RunShape::Coding
    }

    fn read<'a>(&mut self, record: &'a [u8], sink: &mut dyn FnMut(Event<'a>)) {
        if is_ignored(record) {
            Emit::new(sink).finish();
            return;
        }
        read_or_mend(record, sink, |record, sink| {
            let Ok(parsed) = serde_json::from_str::<Shape<'_, Box<Record<'_>>>>(record) else {
                return false;
            };
            let mut emit = Emit::new(sink);
            match parsed {
                Shape::Map(parsed) => self.record(parsed, &mut emit),
                _ => emit.unknown("not an object"),
            }
            emit.finish();
            true
        });
    }
}

/// Whether the first bytes tell that a record matters to nobody.
fn is_ignored(record: &[u8]) -> bool {
    if !record.ends_with(b"}") {
        return false;
    }
    let known = |kind: &[u8], list: &[&str]| list.iter().any(|name| name.as_bytes() == kind);
    if record.starts_with(b"{\"type\":\"") {
        return peek(record, &TYPE, 16).is_some_and(|kind| known(kind, IGNORED));
    }
    peek(record, &ATTACHMENT, 256).is_some_and(|kind| known(kind, attachment::IGNORED))
}

impl Records {
    /// For a source that is, or is not, a sub-agent's own file.
    pub(super) fn new(own_file: bool) -> Self {
        Self { own_file, ..Self::default() }
    }

    fn record<'a>(&mut self, mut record: Box<Record<'a>>, emit: &mut Emit<'_, 'a>) {
        emit.time = record.timestamp.time();
        if let Some(uuid) = record.uuid.text()
            && !self.seen.insert(hash(uuid))
        {
            return;
        }
        emit.agent = self.side(&record, emit);
        if emit.agent.is_none() {
            self.facts(&mut record, emit);
        }
        let kind = record.r#type.take();
        match &*kind {
            "user" => self.user(record, emit),
            "assistant" => self.assistant(record, emit),
            "attachment" => attachment::attachment(record.attachment, emit),
            "system" => attachment::system(record, emit),
            "summary" => fact(FactOf::Title, record.summary.take(), emit),
            "ai-title" => fact(FactOf::Title, record.ai_title.take(), emit),
            "custom-title" => fact(FactOf::Title, record.custom_title.take(), emit),
            "relocated" => fact(FactOf::WorkingDirectory, record.relocated_cwd.take(), emit),
            "cost-state" => cost(record, emit),
            "" => match record.message.map().map(|message| message.role.or_empty()) {
                Some("assistant") => self.assistant(record, emit),
                Some("user") => self.user(record, emit),
                _ => emit.unknown("no type"),
            },
            known if IGNORED.contains(&known) => {}
            _ => emit.unknown(kind),
        }
    }

    /// Tells of the directory, the program's version and (elsewhere) the model where they change.
    fn facts<'a>(&mut self, record: &mut Record<'a>, emit: &mut Emit<'_, 'a>) {
        changed(&mut self.cwd, FactOf::WorkingDirectory, record.cwd.take(), emit);
        changed(&mut self.version, FactOf::Version, record.version.take(), emit);
    }

    /// The inline sub-agent whose record this is.
    fn side<'a>(&mut self, record: &Record<'a>, emit: &mut Emit<'_, 'a>) -> Option<Cow<'a, str>> {
        if self.own_file || !record.is_sidechain.yes() {
            return None;
        }
        if let Some(id) = record.agent_id.text() {
            return Some(agent_name(record.attribution_agent.or_empty(), id).into());
        }
        let uuid = record.uuid.text()?;
        let parent = record.parent_uuid.text();
        let known = parent.and_then(|parent| self.side_of.get(&hash(parent)).copied());
        let side = match (known, parent) {
            (Some(side), _) => side,
            // A record whose parent is not known goes to the sub-agent that acted last.
            (None, Some(_)) if !self.sides.is_empty() => self.sides.len() - 1,
            _ => {
                let name = self.begin_side(record, uuid, emit);
                self.sides.push(name);
                self.sides.len() - 1
            }
        };
        self.side_of.insert(hash(uuid), side);
        self.sides.get(side).cloned().map(Cow::Owned)
    }

    /// Names an inline sub-agent and ties it to the call that has its prompt.
    fn begin_side<'a>(&mut self, record: &Record<'a>, uuid: &str, emit: &mut Emit<'_, 'a>) -> String {
        let prompt = record.message.map().map_or("", |message| first_text(message));
        let wanted = hash(prompt);
        let launch =
            self.launches.iter_mut().find(|launch| launch.agent.is_none() && launch.prompt == wanted);
        let Some(launch) = launch else {
            return agent_name("", uuid);
        };
        let name = agent_name(&launch.kind, uuid);
        launch.agent = Some(name.clone());
        emit.say_as(
            None,
            EventKind::Handoff {
                to: Cow::Owned(name.clone()),
                call_id: Cow::Owned(launch.call_id.clone()),
                text: Cow::Owned(prompt.to_owned()),
            },
        );
        name
    }

    fn user<'a>(&mut self, mut record: Box<Record<'a>>, emit: &mut Emit<'_, 'a>) {
        let Shape::Map(message) = std::mem::take(&mut record.message) else {
            emit.unknown("user/message");
            return;
        };
        let blocks = match message.content {
            Shape::Text(text) => {
                self.prompt(text, &record, emit);
                return;
            }
            Shape::List(blocks) => blocks,
            _ => {
                emit.unknown("user/content");
                return;
            }
        };
        let mut words: Cow<'a, str> = Cow::Borrowed("");
        for block in blocks {
            match block {
                Shape::Text(text) => join(&mut words, text),
                Shape::Map(mut block) => match block.r#type.or_empty() {
                    "text" => join(&mut words, block.text.take()),
                    "image" => join(&mut words, Cow::Borrowed("[image]")),
                    "document" => join(&mut words, Cow::Borrowed("[document]")),
                    "tool_result" => self.result(block, &mut record, emit),
                    other => emit.unknown(format!("user/{other}")),
                },
                _ => emit.unknown("user/content"),
            }
        }
        if !words.is_empty() {
            self.prompt(words, &record, emit);
        }
    }

    fn prompt<'a>(&self, text: Cow<'a, str>, record: &Record<'a>, emit: &mut Emit<'_, 'a>) {
        const FEEDBACK: &str = "Stop hook feedback:\n";
        if text.starts_with("[Request interrupted by user") {
            let what = Lifecycle::Interrupted;
            emit.say(EventKind::Lifecycle { what, text });
            return;
        }
        if record.is_meta.yes() && text.starts_with(FEEDBACK) {
            let text = cut(text, FEEDBACK.len());
            emit.say(EventKind::Receipt { text });
            return;
        }
        let kind = record.origin.map().and_then(|origin| origin.kind.text());
        let author = if record.is_meta.yes() || record.is_compact_summary.yes() || is_injected(&text) {
            Author::Program
        } else {
            match kind {
                Some("peer" | "coordinator") => Author::Agent,
                Some(kind) if kind != "human" => Author::Program,
                _ if self.own_file || emit.agent.is_some() => Author::Agent,
                _ => Author::Person,
            }
        };
        emit.say(EventKind::Prompt { text, author });
    }

    fn result<'a>(&mut self, mut block: Block<'a>, record: &mut Record<'a>, emit: &mut Emit<'_, 'a>) {
        let call_id = block.tool_use_id.take();
        let text = content_text(std::mem::take(&mut block.content));
        let outcome = judge(
            &text,
            &Known {
                is_error: &block.is_error,
                twin: &record.tool_use_result,
                denial_kind: &record.tool_denial_kind,
                decision: &record.permission_decision,
            },
        );
        let launch = self
            .launches
            .iter()
            .position(|launch| launch.call_id == *call_id)
            .map(|at| self.launches.remove(at));
        let mut child = None;
        if let Shape::Map(twin) = &mut record.tool_use_result {
            if let Shape::Map(task) = &twin.task
                && let (Some(id), Some(subject)) = (task.id.text(), task.subject.text())
            {
                self.plan.created(id, subject);
            }
            if let Some(id) = twin.agent_id.text() {
                let kind = match (twin.agent_type.text(), &launch) {
                    (Some(kind), _) => kind,
                    (None, Some(launch)) => &launch.kind,
                    (None, None) => "",
                };
                let name = agent_name(kind, id);
                emit.say(EventKind::Handoff {
                    to: Cow::Owned(name.clone()),
                    call_id: call_id.clone(),
                    text: twin.prompt.take(),
                });
                child = Some(name);
            } else if let Some(launch) = launch {
                child = launch.agent.or_else(|| Some(agent_name(&launch.kind, "")));
            }
        }
        let answered = outcome.status == Status::Ok;
        let copy = (answered && child.is_some()).then(|| text.clone());
        let reason = outcome.hook_reason.map(|at| cut(text.clone(), at));
        emit.say(EventKind::Result {
            call_id: call_id.clone(),
            status: outcome.status,
            exit_code: outcome.exit_code,
            text,
        });
        if let Some(text) = reason {
            emit.say(EventKind::Receipt { text });
        }
        if let (Some(from), Some(text)) = (child, copy) {
            emit.say(EventKind::Return { from: Cow::Owned(from), call_id, text });
        }
    }

    fn assistant<'a>(&mut self, mut record: Box<Record<'a>>, emit: &mut Emit<'_, 'a>) {
        let Shape::Map(mut message) = std::mem::take(&mut record.message) else {
            emit.unknown("assistant/message");
            return;
        };
        let synthetic = message.model.is("<synthetic>");
        if record.is_api_error.yes() {
            let text = match message.content {
                Shape::Text(text) => text,
                content => blocks_text(content),
            };
            let limit = text.contains("limit reached") || text.contains("hit your");
            let what = if limit { Lifecycle::Limit } else { Lifecycle::Error };
            emit.say(EventKind::Lifecycle { what, text });
            return;
        }
        if synthetic {
            return;
        }
        if emit.agent.is_none() {
            changed(&mut self.model, FactOf::Model, message.model.take(), emit);
        }
        let id = message.id.text().map_or(0, hash);
        let stop = message.stop_reason.take();
        let content = std::mem::take(&mut message.content);
        self.content(content, closing(&stop), emit);
        let cost = record.cost_usd.number();
        self.usage(id, &message.usage, cost, emit);
        if matches!(&*stop, "max_tokens" | "refusal" | "model_context_window_exceeded")
            && (id == 0 || self.limited != id)
        {
            self.limited = id;
            emit.say(EventKind::Lifecycle { what: Lifecycle::Limit, text: stop });
        }
        if record.is_aborted.yes() {
            emit.say(EventKind::Lifecycle { what: Lifecycle::Interrupted, text: Cow::Borrowed("") });
        }
    }

    fn content<'a>(&mut self, content: Shape<'a, Block<'a>>, last: Closing, emit: &mut Emit<'_, 'a>) {
        let mut words: Cow<'a, str> = Cow::Borrowed("");
        for block in content.into_list() {
            let mut block = match block {
                Shape::Text(text) => {
                    join(&mut words, text);
                    continue;
                }
                Shape::Map(block) => block,
                _ => {
                    emit.unknown("assistant/content");
                    continue;
                }
            };
            match block.r#type.or_empty() {
                "text" => join(&mut words, block.text.take()),
                "thinking" => {
                    let text = block.thinking.take();
                    if !text.is_empty() {
                        emit.say(EventKind::Reasoning { text });
                    }
                }
                "tool_use" | "server_tool_use" | "mcp_tool_use" => {
                    say(&mut words, Closing::No, emit);
                    self.call(block, emit);
                }
                kind if kind.ends_with("tool_result") => {
                    let call_id = block.tool_use_id.take();
                    let text = content_text(std::mem::take(&mut block.content));
                    let status = if block.is_error.yes() { Status::Error } else { Status::Ok };
                    emit.say(EventKind::Result { call_id, status, exit_code: None, text });
                }
                "redacted_thinking" | "fallback" | "container_upload" => {}
                other => emit.unknown(format!("assistant/{other}")),
            }
        }
        say(&mut words, last, emit);
    }

    fn call<'a>(&mut self, mut block: Block<'a>, emit: &mut Emit<'_, 'a>) {
        let call_id = block.id.take();
        let tool = block.name.take();
        let plan = self.plan.after(&tool, block.input);
        if matches!(&*tool, "Task" | "Agent") {
            let input: AgentInput<'_> =
                block.input.and_then(|input| serde_json::from_str(input.get()).ok()).unwrap_or_default();
            if self.launches.len() >= MOST {
                self.launches.remove(0);
            }
            self.launches.push(Launch {
                call_id: call_id.to_string(),
                kind: input.subagent_type.or_empty().to_owned(),
                prompt: hash(input.prompt.or_empty()),
                agent: None,
            });
        }
        emit.say(EventKind::Call { call_id, tool, input: raw_text(block.input) });
        if let Some(items) = plan {
            emit.say(EventKind::Plan { items });
        }
    }

    /// Counts a message once: of its later lines, only what they count more.
    fn usage<'a>(
        &mut self,
        id: u64,
        usage: &Shape<'a, Box<TokenUsage<'a>>>,
        cost: Option<f64>,
        emit: &mut Emit<'_, 'a>,
    ) {
        let Some(usage) = usage.map() else {
            return;
        };
        let now = [
            usage.input_tokens.count(),
            usage.cache_creation_input_tokens.count().saturating_add(usage.cache_read_input_tokens.count()),
            usage.output_tokens.count(),
        ];
        let before = self.counted.iter_mut().find(|(of, _)| id != 0 && *of == id);
        let first = before.is_none();
        let delta = match before {
            Some((_, before)) => {
                let mut delta = [0; 3];
                for ((delta, before), now) in delta.iter_mut().zip(before).zip(now) {
                    *delta = now.saturating_sub(*before);
                    *before = now.max(*before);
                }
                delta
            }
            None => {
                if self.counted.len() >= MOST {
                    self.counted.remove(0);
                }
                self.counted.push((id, now));
                now
            }
        };
        let [input, cached, output] = delta;
        if input + cached + output > 0 {
            emit.say(EventKind::Usage(Usage {
                input,
                cached,
                output,
                cost_usd: cost.filter(|_| first),
                cumulative: false,
            }));
        }
    }
}

/// What a stop reason says of the message's words.
fn closing(stop: &str) -> Closing {
    match stop {
        "end_turn" | "stop_sequence" | "max_tokens" | "refusal" | "model_context_window_exceeded" => {
            Closing::Yes
        }
        "tool_use" | "pause_turn" => Closing::No,
        _ => Closing::Unknown,
    }
}

/// Emits the words gathered so far.
fn say<'a>(words: &mut Cow<'a, str>, closing: Closing, emit: &mut Emit<'_, 'a>) {
    let text = std::mem::take(words);
    if !text.is_empty() {
        emit.say(EventKind::Message { text, closing });
    }
}

fn fact<'a>(of: FactOf, text: Cow<'a, str>, emit: &mut Emit<'_, 'a>) {
    if !text.is_empty() {
        emit.say(EventKind::Fact { of, text });
    }
}

/// Tells of a fact where it differs from the last.
fn changed<'a>(last: &mut String, of: FactOf, text: Cow<'a, str>, emit: &mut Emit<'_, 'a>) {
    if !text.is_empty() && *last != *text {
        text.as_ref().clone_into(last);
        emit.say(EventKind::Fact { of, text });
    }
}

/// The session's totals, written at its end.
fn cost<'a>(record: Box<Record<'a>>, emit: &mut Emit<'_, 'a>) {
    let mut usage = Usage { cost_usd: record.total_cost_usd.number(), cumulative: true, ..Usage::default() };
    if let Shape::Map(models) = record.model_usage {
        for (_, model) in models.0 {
            let Shape::Map(model) = model else { continue };
            usage.input = usage.input.saturating_add(model.input_tokens.count());
            usage.output = usage.output.saturating_add(model.output_tokens.count());
            usage.cached = usage
                .cached
                .saturating_add(model.cache_read_input_tokens.count())
                .saturating_add(model.cache_creation_input_tokens.count());
        }
    }
    emit.say(EventKind::Usage(usage));
}

/// Whether a program put these words in, told by how they begin.
fn is_injected(text: &str) -> bool {
    const BEGINNINGS: &[&str] = &[
        "<command-name>",
        "<command-message>",
        "<local-command-",
        "<system-reminder>",
        "<bash-input>",
        "<bash-stdout>",
        "<bash-stderr>",
        "<task-notification>",
        "<user-memory-input>",
        "Caveat: The messages below",
        "This session is being continued from a previous conversation",
    ];
    let text = text.trim_start();
    BEGINNINGS.iter().any(|beginning| text.starts_with(beginning))
}

fn first_text<'r>(message: &'r Message<'_>) -> &'r str {
    match &message.content {
        Shape::Text(text) => text,
        Shape::List(blocks) => blocks
            .iter()
            .find_map(|block| block.map().and_then(|block| block.text.text()))
            .unwrap_or_default(),
        _ => "",
    }
}

fn blocks_text<'a>(content: Shape<'a, Block<'a>>) -> Cow<'a, str> {
    let mut words = Cow::Borrowed("");
    for block in content.into_list() {
        if let Shape::Map(mut block) = block {
            join(&mut words, block.text.take());
        }
    }
    words
}

/// The text from `at` on, borrowed where the whole was.
fn cut(text: Cow<'_, str>, at: usize) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.get(at..).unwrap_or_default()),
        Cow::Owned(text) => Cow::Owned(text.get(at..).unwrap_or_default().to_owned()),
    }
}
