//! Codex's calls and what came of them.
//!
//! A call (`function_call`, `custom_tool_call`, …) is answered by its output on the model's side. The
//! item that the screen saw end may stand between the two under the same id: it is remembered and lends
//! the output its exit code, so that one call makes one result, at the record the model read.
//!
//! In code mode the model's call is a script (`exec`) that runs commands inside. The script is passed
//! over, and the commands are calls of their own, each made with its result from the item that ended
//! (whose id no call has). A script in which nothing ended, or in which a hook refused something, is
//! told as a call itself when its output comes.

use std::borrow::Cow;

use rustc_hash::{FxHashMap, FxHashSet};

use super::outcome::{Outcome, hook_reason, of_item, of_text};
use super::record::{Arguments, Item, Payload};
use super::words::{command_input, command_text, mcp_outcome, mcp_tool, patch_text, plan_items};
use super::{name_of_path, thread_name};
use crate::format::emit::Emit;
use crate::format::json::{Shape, content_text, hash, join, raw_text, text_of};
use crate::trace::{EventKind, Status};

/// What is remembered of calls.
#[derive(Default)]
pub(super) struct Calls {
    /// Calls without an output, by the hash of their id.
    open: FxHashMap<u64, Open>,
    /// Hashes of all ids that calls had.
    known: FxHashSet<u64>,
    /// The script that runs.
    script: Option<u64>,
    /// Agents that were started: path or thread, name, the call.
    children: Vec<(String, String, String)>,
}

#[derive(Default)]
struct Open {
    /// What the item said that ended.
    outcome: Outcome,
    /// The command as the call has it.
    command: Option<u64>,
    /// The task for an agent that the call starts.
    task: String,
    /// The script, in code mode.
    script: Option<Script>,
}

struct Script {
    name: String,
    input: String,
    /// Something in it ended.
    inner: bool,
}

impl Calls {
    /// Takes an item of the model's side; says whether it knows the kind.
    pub(super) fn item<'a>(
        &mut self,
        kind: &str,
        mut item: Box<Payload<'a>>,
        emit: &mut Emit<'_, 'a>,
    ) -> bool {
        match kind {
            "function_call" => {
                let input = text_of(item.arguments);
                let tool = tool_name(&mut item);
                self.call(item.call_id.take(), tool, input, emit);
            }
            "custom_tool_call" => {
                let input = item.input.take();
                let tool = tool_name(&mut item);
                let call_id = item.call_id.take();
                if tool == "exec" {
                    let id = self.begin(&call_id);
                    self.script = Some(id);
                    self.open.entry(id).or_default().script =
                        Some(Script { name: tool.into_owned(), input: input.into_owned(), inner: false });
                } else {
                    self.call(call_id, tool, input, emit);
                }
            }
            "local_shell_call" => {
                let call_id = id_of(&mut item);
                self.call(call_id, Cow::Borrowed("local_shell"), raw_text(item.action), emit);
            }
            "tool_search_call" => {
                let call_id = id_of(&mut item);
                let input = text_of(item.arguments);
                self.call(call_id, Cow::Borrowed("tool_search"), input, emit);
            }
            "web_search_call" | "image_generation_call" => {
                let tool = match kind {
                    "web_search_call" => "web_search",
                    _ => "image_generation",
                };
                let call_id = id_of(&mut item);
                self.begin(&call_id);
                emit.say(EventKind::Call {
                    call_id: call_id.clone(),
                    tool: Cow::Borrowed(tool),
                    input: raw_text(item.action),
                });
                // No output follows: its end is in the same record.
                let outcome = of_item(&item.status, &Shape::Nothing);
                self.close(call_id, outcome, Cow::Borrowed(""), emit);
            }
            "function_call_output" | "custom_tool_call_output" => {
                self.output(item.call_id.take(), content_text(item.output), emit);
            }
            "tool_search_output" => {
                let outcome = of_item(&item.status, &Shape::Nothing);
                self.close(item.call_id.take(), outcome, Cow::Borrowed(""), emit);
            }
            _ => return false,
        }
        true
    }

    /// Takes a screen event of an old file; says whether it knows the kind.
    pub(super) fn event<'a>(
        &mut self,
        kind: &str,
        mut event: Box<Payload<'a>>,
        emit: &mut Emit<'_, 'a>,
    ) -> bool {
        let call_id = event.call_id.take();
        match kind {
            "exec_command_end" => {
                let outcome = of_item(&event.status, &event.exit_code);
                let mut text = event.aggregated_output.take();
                if text.is_empty() {
                    text = event.stdout.take();
                    join(&mut text, event.stderr.take());
                }
                self.ended(call_id, outcome, text, emit, |_| {
                    (Cow::Borrowed("exec_command"), command_input(&event.command, &event.cwd))
                });
            }
            "patch_apply_end" => {
                let outcome = match event.success {
                    Shape::Flag(true) => Outcome::of(Status::Ok),
                    Shape::Flag(false) => Outcome::of(Status::Error),
                    _ => of_item(&event.status, &Shape::Nothing),
                };
                let mut text = event.stdout.take();
                join(&mut text, event.stderr.take());
                self.ended(call_id, outcome, text, emit, |_| {
                    (Cow::Borrowed("apply_patch"), patch_text(event.changes))
                });
            }
            "mcp_tool_call_end" => {
                let (outcome, text) = mcp_outcome(event.result, &event.status);
                let invocation = event.invocation;
                self.ended(call_id, outcome, text, emit, |_| match invocation {
                    Shape::Map(mut it) => {
                        (mcp_tool(&it.server.take(), &it.tool.take()), raw_text(it.arguments))
                    }
                    _ => (Cow::Borrowed("mcp"), Cow::Borrowed("")),
                });
            }
            "dynamic_tool_call_response" => {
                let outcome = match event.success {
                    Shape::Flag(true) => Outcome::of(Status::Ok),
                    Shape::Flag(false) => Outcome::of(Status::Error),
                    _ => Outcome::default(),
                };
                let text = content_text(event.content_items);
                let (tool, arguments) = (event.tool.take(), event.arguments);
                self.ended(call_id, outcome, text, emit, |_| (tool, raw_text(arguments)));
            }
            "sub_agent_activity" => {
                let path = event.agent_path.take();
                let thread = event.agent_thread_id.take();
                if event.kind.is("started") {
                    self.started(&path, &thread, call_id, Cow::Borrowed(""), emit);
                }
            }
            "collab_agent_spawn_end" => {
                let thread = event.new_thread_id.take();
                let nickname = event.new_agent_nickname.take();
                let name = match nickname.is_empty() {
                    true => thread_name(event.new_agent_role.or_empty(), &thread),
                    false => thread_name(&nickname, &thread),
                };
                let task = event.prompt.take();
                self.began(thread.into_owned(), name, call_id, task, emit);
            }
            _ => return false,
        }
        true
    }

    /// Takes an item that the screen saw end; says whether it knows the kind.
    pub(super) fn completed<'a>(
        &mut self,
        kind: &str,
        mut item: Box<Item<'a>>,
        emit: &mut Emit<'_, 'a>,
    ) -> bool {
        let id = item.id.take();
        match kind {
            "CommandExecution" => {
                let outcome = of_item(&item.status, &item.exit_code);
                self.replaced(&id, &item, emit);
                let text = item.aggregated_output.take();
                self.ended(id, outcome, text, emit, |_| {
                    (Cow::Borrowed("exec_command"), command_input(&item.command, &item.cwd))
                });
            }
            "FileChange" => {
                let outcome = of_item(&item.status, &item.exit_code);
                let mut text = item.stdout.take();
                join(&mut text, item.stderr.take());
                self.ended(id, outcome, text, emit, |_| {
                    (Cow::Borrowed("apply_patch"), patch_text(item.changes))
                });
            }
            "McpToolCall" => {
                let (outcome, text) = mcp_outcome(item.result, &item.status);
                let tool = mcp_tool(&item.server.take(), &item.tool.take());
                self.ended(id, outcome, text, emit, |_| (tool, raw_text(item.arguments)));
            }
            "DynamicToolCall" => {
                let outcome = of_item(&item.status, &Shape::Nothing);
                let tool = item.tool.take();
                let text = item.text.take();
                self.ended(id, outcome, text, emit, |_| (tool, raw_text(item.arguments)));
            }
            "Extension" | "WebSearch" | "ImageGeneration" => {
                let outcome = match (item.results, item.status.text()) {
                    (Some(_), None) => Outcome::of(Status::Ok),
                    _ => of_item(&item.status, &Shape::Nothing),
                };
                let mut tool = item.kind.take();
                if tool.is_empty() {
                    tool = Cow::Borrowed(match kind {
                        "ImageGeneration" => "image_generation",
                        _ => "web_search",
                    });
                }
                let input = match item.action {
                    Some(_) => raw_text(item.action),
                    None => item.query.take(),
                };
                self.ended(id, outcome, raw_text(item.results), emit, |_| (tool, input));
            }
            "CollabAgentToolCall" => {
                if let Some(open) = self.open.get_mut(&hash(&id)) {
                    open.outcome = of_item(&item.status, &Shape::Nothing);
                }
            }
            "SubAgentActivity" => {
                if item.kind.is("started") {
                    let path = item.agent_path.take();
                    let thread = item.agent_thread_id.take();
                    self.started(&path, &thread, id, Cow::Borrowed(""), emit);
                }
            }
            _ => return false,
        }
        true
    }

    /// The name of a started agent and the call that started it.
    pub(super) fn child(&self, path: &str) -> (String, String) {
        match self.children.iter().rev().find(|(of, _, _)| of == path) {
            Some((_, name, call)) => (name.clone(), call.clone()),
            None => (name_of_path(path).unwrap_or("agent").to_owned(), String::new()),
        }
    }

    fn begin(&mut self, call_id: &str) -> u64 {
        let id = hash(call_id);
        self.known.insert(id);
        self.open.insert(id, Open::default());
        id
    }

    fn call<'a>(
        &mut self,
        call_id: Cow<'a, str>,
        tool: Cow<'a, str>,
        input: Cow<'a, str>,
        emit: &mut Emit<'_, 'a>,
    ) {
        let id = self.begin(&call_id);
        let mut plan = None;
        if matches!(&*tool, "update_plan" | "spawn_agent" | "exec_command")
            && let Ok(Shape::Map(mut arguments)) = serde_json::from_str::<Shape<'_, Arguments<'_>>>(&input)
            && let Some(open) = self.open.get_mut(&id)
        {
            open.task = arguments.message.take().into_owned();
            open.command = arguments.cmd.text().map(hash);
            if tool == "update_plan" {
                plan = Some(plan_items(arguments));
            }
        }
        emit.say(EventKind::Call { call_id, tool, input });
        if let Some(items) = plan {
            emit.say(EventKind::Plan { items });
        }
    }

    /// A call's output on the model's side.
    fn output<'a>(&mut self, call_id: Cow<'a, str>, text: Cow<'a, str>, emit: &mut Emit<'_, 'a>) {
        let id = hash(&call_id);
        let mut open = self.open.remove(&id).unwrap_or_default();
        let script_error = text.split_once("Script error:\n").map(|(_, error)| error);
        let script = open.script.take();
        let words = match &script {
            Some(_) => script_error.unwrap_or(&text),
            None => &text,
        };
        let mut told = of_text(&text);
        let reason = hook_reason(words).map(str::to_owned);
        // A hook may put its words in the place of the output.
        let replaced = words.starts_with("Operator:").then(|| words.to_owned());
        if reason.is_some() {
            told = Outcome::of(Status::Denied);
        }
        let outcome = Outcome {
            status: match (told.status, open.outcome.status) {
                (Status::Unknown, item) => item,
                (Status::Ok, item) if item != Status::Unknown => item,
                (told, _) => told,
            },
            exit_code: told.exit_code.or(open.outcome.exit_code),
        };
        if let Some(script) = script {
            if self.script == Some(id) {
                self.script = None;
            }
            if script.inner && reason.is_none() {
                if let Some(text) = replaced.map(Cow::Owned) {
                    emit.say(EventKind::Receipt { text });
                }
                return;
            }
            emit.say(EventKind::Call {
                call_id: call_id.clone(),
                tool: Cow::Owned(script.name),
                input: Cow::Owned(script.input),
            });
        }
        emit.say(EventKind::Result { call_id, status: outcome.status, exit_code: outcome.exit_code, text });
        if let Some(text) = reason.or(replaced).map(Cow::Owned) {
            emit.say(EventKind::Receipt { text });
        }
    }

    /// Something ended on the screen's side: it lends its outcome to an open call, corrects a call that
    /// already has its output (a process that ran on), or is a call of its own, made inside a script.
    fn ended<'a>(
        &mut self,
        call_id: Cow<'a, str>,
        outcome: Outcome,
        text: Cow<'a, str>,
        emit: &mut Emit<'_, 'a>,
        call: impl FnOnce(&str) -> (Cow<'a, str>, Cow<'a, str>),
    ) {
        let id = hash(&call_id);
        if let Some(open) = self.open.get_mut(&id) {
            open.outcome = outcome;
            return;
        }
        if self.known.insert(id) {
            if let Some(script) = self.script.and_then(|script| self.open.get_mut(&script))
                && let Some(script) = &mut script.script
            {
                script.inner = true;
            }
            let (tool, input) = call(&call_id);
            emit.say(EventKind::Call { call_id: call_id.clone(), tool, input });
        }
        self.close(call_id, outcome, text, emit);
    }

    fn close<'a>(
        &mut self,
        call_id: Cow<'a, str>,
        outcome: Outcome,
        text: Cow<'a, str>,
        emit: &mut Emit<'_, 'a>,
    ) {
        self.open.remove(&hash(&call_id));
        emit.say(EventKind::Result { call_id, status: outcome.status, exit_code: outcome.exit_code, text });
    }

    /// A hook may have replaced the command after the call was recorded; the item has what ran.
    fn replaced<'a>(&mut self, id: &str, item: &Item<'a>, emit: &mut Emit<'_, 'a>) {
        let Some(asked) = self.open.get(&hash(id)).and_then(|open| open.command) else {
            return;
        };
        let ran = command_text(&item.command);
        if !ran.is_empty() && hash(&ran) != asked {
            emit.say(EventKind::InputReplaced {
                call_id: Cow::Owned(id.to_owned()),
                input: command_input(&item.command, &item.cwd),
            });
        }
    }

    fn started<'a>(
        &mut self,
        path: &str,
        thread: &str,
        call_id: Cow<'a, str>,
        task: Cow<'a, str>,
        emit: &mut Emit<'_, 'a>,
    ) {
        let name = match name_of_path(path) {
            Some(name) => name.to_owned(),
            None => thread_name("", thread),
        };
        let of = if path.is_empty() { thread } else { path };
        self.began(of.to_owned(), name, call_id, task, emit);
    }

    fn began<'a>(
        &mut self,
        of: String,
        name: String,
        call_id: Cow<'a, str>,
        mut task: Cow<'a, str>,
        emit: &mut Emit<'_, 'a>,
    ) {
        if let Some(open) = self.open.get_mut(&hash(&call_id)) {
            open.outcome = Outcome::of(Status::Ok);
            if task.is_empty() {
                task = Cow::Owned(std::mem::take(&mut open.task));
            }
        }
        self.children.push((of, name.clone(), call_id.to_string()));
        emit.say(EventKind::Handoff { to: Cow::Owned(name), call_id, text: task });
    }
}

/// The tool's name; the namespaces of the program's own tools are left out.
fn tool_name<'a>(item: &mut Payload<'a>) -> Cow<'a, str> {
    let name = item.name.take();
    match item.namespace.or_empty() {
        "" | "functions" | "collaboration" => name,
        space => Cow::Owned(format!("{space}.{name}")),
    }
}

fn id_of<'a>(item: &mut Payload<'a>) -> Cow<'a, str> {
    let call_id = item.call_id.take();
    if call_id.is_empty() { item.id.take() } else { call_id }
}
