//! Reads Codex's records in order: messages, turns, tokens. Calls are in `calls`.

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::calls::Calls;
use super::record::{Payload, Record, Tokens};
use super::{IGNORED, IGNORED_EVENTS, IGNORED_ITEMS, spawn};
use crate::format::Reader;
use crate::format::RunShape;
use crate::format::emit::{Emit, read_or_mend};
use crate::format::json::{Part, Plain, Shape, content_text, hash, is_uuid, join, peek};
use crate::format::prose::plan_of_prose;
use crate::trace::{Author, Closing, Event, EventKind, FactOf, Lifecycle, Usage};

/// What stands before the type of a record, and of its payload.
static TYPE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"type\":\""));
static PAYLOAD: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"payload\":{\"type\":\""));

/// What is remembered of one source.
#[derive(Default)]
pub(super) struct Records {
    /// The source is a sub-agent's.
    sub: bool,
    /// The thread, once its first line was read.
    thread: Option<String>,
    /// The agent's own path; empty: `/root`.
    path: String,
    /// Records before this ordinal are a copy.
    own_from: f64,
    /// A copy of another thread's history is being read.
    copying: bool,
    cwd: String,
    model: String,
    /// The run's tokens at the last count.
    total: Option<u64>,
    receipt: u64,
    calls: Calls,
}

impl Reader for Records {
    fn shape(&self) -> RunShape {
        RunShape::Coding
    }

    fn read<'a>(&mut self, record: &'a [u8], sink: &mut dyn FnMut(Event<'a>)) {
        let ignored = record.ends_with(b"}")
            && (peek(record, &TYPE, 160)
                .is_some_and(|kind| IGNORED.iter().any(|name| name.as_bytes() == kind))
                || peek(record, &PAYLOAD, 200)
                    .is_some_and(|kind| IGNORED_ITEMS.iter().any(|name| name.as_bytes() == kind)));
        if ignored {
            Emit::new(sink).finish();
            return;
        }
        read_or_mend(record, sink, |record, sink| {
            let Ok(parsed) = serde_json::from_str::<Shape<'_, Record<'_>>>(record) else {
                return false;
            };
            let mut emit = Emit::new(sink);
            match parsed {
                Shape::Map(parsed) => match parsed.payload {
                    Shape::Nothing => self.bare(record, &parsed.timestamp, &mut emit),
                    _ => self.record(parsed, &mut emit),
                },
                _ => emit.unknown("not an object"),
            }
            emit.finish();
            true
        });
    }
}

impl Records {
    /// For a source that is, or is not, a sub-agent's.
    pub(super) fn new(sub: bool) -> Self {
        Self { sub, ..Self::default() }
    }

    fn record<'a>(&mut self, mut record: Record<'a>, emit: &mut Emit<'_, 'a>) {
        emit.time = record.timestamp.time();
        let kind = record.r#type.take();
        let Shape::Map(mut payload) = record.payload else {
            emit.unknown(format!("{kind}/payload"));
            return;
        };
        if kind == "session_meta" {
            self.meta(payload, emit);
            return;
        }
        if self.is_copy(&record.ordinal, &payload) {
            return;
        }
        match &*kind {
            "response_item" => self.item(payload, emit),
            "event_msg" => self.event(payload, emit),
            "turn_context" => {
                self.fact(FactOf::WorkingDirectory, payload.cwd.take(), emit);
                self.fact(FactOf::Model, payload.model.take(), emit);
            }
            "compacted" => {
                emit.say(EventKind::Lifecycle { what: Lifecycle::Compaction, text: payload.message.take() })
            }
            known if IGNORED.contains(&known) => {}
            "" => emit.unknown("no type"),
            _ => emit.unknown(kind),
        }
    }

    /// A line of an old file: an item without envelope, or the header.
    fn bare<'a>(&mut self, record: &'a str, time: &Plain<'_>, emit: &mut Emit<'_, 'a>) {
        emit.time = time.time();
        match serde_json::from_str::<Shape<'_, Box<Payload<'_>>>>(record) {
            Ok(Shape::Map(payload)) if payload.r#type.is_nothing() && payload.id.text().is_some() => {
                self.meta(payload, emit);
            }
            Ok(Shape::Map(payload)) => self.item(payload, emit),
            _ => emit.unknown("no payload"),
        }
    }

    fn meta<'a>(&mut self, mut meta: Box<Payload<'a>>, emit: &mut Emit<'_, 'a>) {
        let id = meta.id.take();
        if let Some(own) = &self.thread {
            self.copying = self.sub && *own != *id;
            return;
        }
        self.thread = Some(id.into_owned());
        self.own_from = meta.subagent_history_start_ordinal.number().unwrap_or(0.0);
        let path = meta.agent_path.text();
        let path = path.or(spawn(&meta).and_then(|spawn| spawn.agent_path.text()));
        self.path = path.unwrap_or_default().to_owned();
        emit.say(EventKind::Lifecycle { what: Lifecycle::Start, text: Cow::Borrowed("") });
        self.fact(FactOf::WorkingDirectory, meta.cwd.take(), emit);
        let version = meta.cli_version.take();
        if !version.is_empty() {
            emit.say(EventKind::Fact { of: FactOf::Version, text: version });
        }
    }

    /// Whether a record of a sub-agent's file is its parent's.
    fn is_copy(&mut self, ordinal: &Plain<'_>, payload: &Payload<'_>) -> bool {
        if !self.sub {
            return false;
        }
        if self.own_from > 0.0 {
            return ordinal.number().is_some_and(|ordinal| ordinal < self.own_from);
        }
        if self.copying
            && let Some(own) = &self.thread
        {
            let younger = payload
                .turn_id
                .text()
                .is_some_and(|turn| is_uuid(turn) && is_uuid(own) && turn >= own.as_str());
            let named = payload.thread_id.text() == Some(own.as_str());
            self.copying = !(younger || named);
        }
        self.copying
    }

    fn fact<'a>(&mut self, of: FactOf, text: Cow<'a, str>, emit: &mut Emit<'_, 'a>) {
        let last = match of {
            FactOf::Model => &mut self.model,
            _ => &mut self.cwd,
        };
        if !text.is_empty() && *last != *text {
            text.as_ref().clone_into(last);
            emit.say(EventKind::Fact { of, text });
        }
    }

    /// An item on the model's side.
    fn item<'a>(&mut self, mut item: Box<Payload<'a>>, emit: &mut Emit<'_, 'a>) {
        let kind = item.r#type.take();
        match &*kind {
            "message" => self.message(item, emit),
            "" if item.role.text().is_some() => self.message(item, emit),
            "reasoning" => {
                let mut text = content_text(item.summary);
                join(&mut text, content_text(item.content));
                if !text.is_empty() {
                    emit.say(EventKind::Reasoning { text });
                }
            }
            "agent_message" => self.agent_message(item, emit),
            known if IGNORED_ITEMS.contains(&known) => {}
            _ => {
                if !self.calls.item(&kind, item, emit) {
                    emit.unknown(format!("response_item/{kind}"));
                }
            }
        }
    }

    fn message<'a>(&mut self, mut item: Box<Payload<'a>>, emit: &mut Emit<'_, 'a>) {
        let kinds = match item.passthrough {
            Shape::Map(passthrough) => passthrough.content_item_kinds,
            _ => Shape::Nothing,
        };
        match item.role.or_empty() {
            "assistant" => {
                let text = content_text(item.content);
                let closing = match item.phase.or_empty() {
                    "final_answer" => Closing::Yes,
                    "commentary" | "partial_answer" => Closing::No,
                    _ => Closing::Unknown,
                };
                if !text.is_empty() {
                    emit.say(EventKind::Message { text, closing });
                }
            }
            "user" => self.user(content_text(item.content), &kinds, emit),
            "developer" | "system" => self.developer(item.content, &kinds, emit),
            _ => {
                let role = item.role.take();
                emit.unknown(format!("message/{role}"));
            }
        }
    }

    /// Instructions of the program, among them what hooks put before the agent.
    fn developer<'a>(&mut self, content: Shape<'a, Part<'a>>, kinds: &Plain<'_>, emit: &mut Emit<'_, 'a>) {
        let mut system: Cow<'a, str> = Cow::Borrowed("");
        for (at, part) in content.into_list().into_iter().enumerate() {
            let text = content_text(part);
            if kind_at(kinds, at).starts_with("hooks.") {
                self.receipt(text, emit);
            } else {
                join(&mut system, text);
            }
        }
        if !system.is_empty() {
            emit.say(EventKind::System { text: system });
        }
    }

    fn user<'a>(&mut self, text: Cow<'a, str>, kinds: &Plain<'_>, emit: &mut Emit<'_, 'a>) {
        const INJECTED: &[&str] = &[
            "<environment_context>",
            "<user_instructions>",
            "<INSTRUCTIONS>",
            "<permissions",
            "<skill>",
            "<subagent_notification>",
            "<turn_aborted>",
            "<user_shell_command>",
            "# AGENTS.md instructions",
        ];
        if text.is_empty() {
            return;
        }
        if let Some(inner) = hook_prompt(&text) {
            let inner = inner.to_owned();
            self.receipt(Cow::Owned(inner), emit);
            return;
        }
        let kind = kind_at(kinds, 0);
        let typed = kind.starts_with("user.");
        let injected = INJECTED.iter().any(|mark| text.trim_start().starts_with(mark))
            || (!typed && !kind.is_empty() && kind != "unknown");
        let author = if injected && !typed {
            Author::Program
        } else if self.sub {
            Author::Agent
        } else {
            Author::Person
        };
        emit.say(EventKind::Prompt { text, author });
    }

    fn receipt<'a>(&mut self, text: Cow<'a, str>, emit: &mut Emit<'_, 'a>) {
        let now = hash(&text);
        if !text.is_empty() && self.receipt != now {
            self.receipt = now;
            emit.say(EventKind::Receipt { text });
        }
    }

    /// Words between agents: a task for this one, or the answer of one that it started.
    fn agent_message<'a>(&mut self, mut item: Box<Payload<'a>>, emit: &mut Emit<'_, 'a>) {
        let author = item.author.take();
        let own = if self.path.is_empty() { "/root" } else { &self.path };
        if *author == *own {
            return;
        }
        let child = author.strip_prefix(own).is_some_and(|rest| rest.starts_with('/'));
        let mut text: Cow<'a, str> = Cow::Borrowed("");
        for part in item.content.into_list() {
            let Shape::Map(mut part) = part else { continue };
            let mut piece = part.text.take();
            if piece.is_empty() {
                // What really is encrypted has no spaces.
                piece = part.encrypted_content.take();
                if !piece.contains(' ') {
                    continue;
                }
            }
            join(&mut text, piece);
        }
        let text = match text.split_once("Payload:\n") {
            Some((_, payload)) => Cow::Owned(payload.trim_start_matches('\n').to_owned()),
            None => text,
        };
        if child {
            let (from, call_id) = self.calls.child(&author);
            emit.say(EventKind::Return { from: Cow::Owned(from), call_id: Cow::Owned(call_id), text });
        } else {
            let author = Author::Agent;
            emit.say(EventKind::Prompt { text, author });
        }
    }

    /// An event for the screen.
    fn event<'a>(&mut self, mut event: Box<Payload<'a>>, emit: &mut Emit<'_, 'a>) {
        let kind = event.r#type.take();
        let (what, text) = match &*kind {
            "task_started" | "turn_started" => (Lifecycle::TurnStart, event.turn_id.take()),
            "task_complete" | "turn_complete" => match event.error {
                Shape::Map(mut error) => (Lifecycle::Error, error.message.take()),
                _ => (Lifecycle::TurnEnd, Cow::Borrowed("")),
            },
            "turn.completed" => {
                if let Some(tokens) = event.usage.map() {
                    emit.say(EventKind::Usage(usage(tokens)));
                }
                (Lifecycle::TurnEnd, Cow::Borrowed(""))
            }
            "turn_aborted" => match event.reason.or_empty() {
                "review_ended" => (Lifecycle::TurnEnd, event.reason.take()),
                _ => (Lifecycle::Interrupted, event.reason.take()),
            },
            "error" => {
                let mut text = event.message.take();
                let mut limit = false;
                if let Shape::Map(mut error) = event.error {
                    limit = error.kind.is("rate_limit") || error.kind.is("usage_limit_exceeded");
                    join(&mut text, error.message.take());
                }
                limit |= text.contains("usage limit");
                let what = if limit { Lifecycle::Limit } else { Lifecycle::Error };
                (what, text)
            }
            "token_count" => {
                self.tokens(event, emit);
                return;
            }
            "thread_settings_applied" => {
                if let Shape::Map(mut settings) = event.thread_settings {
                    self.fact(FactOf::WorkingDirectory, settings.cwd.take(), emit);
                    self.fact(FactOf::Model, settings.model.take(), emit);
                }
                return;
            }
            "thread_name_updated" => {
                emit.say(EventKind::Fact { of: FactOf::Title, text: event.thread_name.take() });
                return;
            }
            "item_completed" => {
                self.completed(event, emit);
                return;
            }
            known if IGNORED_EVENTS.contains(&known) => return,
            _ => {
                if !self.calls.event(&kind, event, emit) {
                    emit.unknown(format!("event_msg/{kind}"));
                }
                return;
            }
        };
        emit.say(EventKind::Lifecycle { what, text });
    }

    /// An item as the screen saw it end.
    fn completed<'a>(&mut self, event: Box<Payload<'a>>, emit: &mut Emit<'_, 'a>) {
        let Shape::Map(mut item) = event.item else {
            emit.unknown("item_completed");
            return;
        };
        let kind = item.r#type.take();
        match &*kind {
            // The model's side holds these too.
            "AgentMessage" | "ContextCompaction" | "EnteredReviewMode" | "ExitedReviewMode" | "ImageView"
            | "Reasoning" | "Sleep" | "UserMessage" => {}
            "HookPrompt" => {
                for fragment in item.fragments.into_list() {
                    self.receipt(content_text(fragment), emit);
                }
            }
            "Plan" => {
                let items = plan_of_prose(item.text.take());
                emit.say(EventKind::Plan { items });
            }
            _ => {
                if !self.calls.completed(&kind, item, emit) {
                    emit.unknown(format!("item/{kind}"));
                }
            }
        }
    }

    /// Tokens are told again whenever limits are refreshed: only a grown total counts.
    fn tokens<'a>(&mut self, event: Box<Payload<'a>>, emit: &mut Emit<'_, 'a>) {
        let Shape::Map(mut info) = event.info else {
            return;
        };
        self.fact(FactOf::Model, info.model.take(), emit);
        let Some(last) = info.last_token_usage.map() else {
            let old =
                Usage { input: info.prompt.count(), output: info.completion.count(), ..Usage::default() };
            if old.input + old.output > 0 {
                emit.say(EventKind::Usage(old));
            }
            return;
        };
        let total = info.total_token_usage.map().map(|t| t.total_tokens.count());
        if total.is_some() && total == self.total {
            return;
        }
        self.total = total;
        let usage = usage(last);
        if usage.input + usage.cached + usage.output > 0 {
            emit.say(EventKind::Usage(usage));
        }
    }
}

/// Tokens as Codex counts them: its input includes what was cached.
fn usage(tokens: &Tokens<'_>) -> Usage {
    let cached = tokens.cached_input_tokens.count();
    Usage {
        input: tokens.input_tokens.count().saturating_sub(cached),
        cached,
        output: tokens.output_tokens.count(),
        cost_usd: None,
        cumulative: false,
    }
}

/// The kind of a message's part.
fn kind_at<'r>(kinds: &'r Plain<'_>, at: usize) -> &'r str {
    match kinds {
        Shape::List(kinds) => kinds.get(at).map_or("", |kind| kind.or_empty()),
        _ => "",
    }
}

/// The text in `<hook_prompt …>TEXT</hook_prompt>`.
fn hook_prompt(text: &str) -> Option<&str> {
    let rest = text.trim().strip_prefix("<hook_prompt")?;
    let (_, rest) = rest.split_once('>')?;
    Some(rest.strip_suffix("</hook_prompt>").unwrap_or(rest))
}
