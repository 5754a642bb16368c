//! Writing a call or its result anew, in each format's own form, and saying of a result that the call
//! failed.

use serde_json::{Value, json};

use super::draft::{Call, Draft, texts};
use super::recording::What;

/// Puts `text` in the place of a call's result. `failed`: the log then says that the call failed, where
/// the format has a word for it. Whether it could be done.
pub(super) fn result(draft: &mut Draft, call: &Call, text: &str, failed: bool) -> bool {
    let (Some(asked), Some(answered)) = (draft.act(call.call), draft.act(call.result)) else {
        return false;
    };
    let What::Result { id, .. } = &answered.what else { return false };
    let (first, last, id, old) = (asked.line, answered.line, id.clone(), answered.text.clone());
    match draft.format() {
        "chat" => chat(draft, last, text),
        "claude-code" => claude_code(draft, last, &id, &old, text, failed),
        "codex" => codex(draft, first, last, &old, text, failed),
        _ => native(draft, last, text, failed),
    }
}

/// Puts other arguments in the place of a call's: wherever its record holds them, as an object or as a
/// text of JSON. Whether it could be done.
pub(super) fn input(draft: &mut Draft, call: &Call, arguments: &Value) -> bool {
    let Some(asked) = draft.act(call.call) else { return false };
    let What::Call { id, .. } = &asked.what else { return false };
    let Ok(old) = serde_json::from_str::<Value>(&asked.text) else { return false };
    let (line, id) = (asked.line, id.clone());
    let Some(mut value) = draft.value(line) else { return false };
    let done = of_call(&mut value, &id).is_some_and(|part| replace(part, &old, arguments));
    if done {
        draft.set(line, value);
    }
    done
}

/// Puts another name in the place of the called tool's. Whether it could be done.
pub(super) fn tool(draft: &mut Draft, call: &Call, name: &str) -> bool {
    let Some(asked) = draft.act(call.call) else { return false };
    let What::Call { id, tool, .. } = &asked.what else { return false };
    let (line, id, tool) = (asked.line, id.clone(), tool.clone());
    let Some(mut value) = draft.value(line) else { return false };
    let done = of_call(&mut value, &id).is_some_and(|part| rename(part, &tool, name));
    if !done {
        return false;
    }
    draft.set(line, value);
    // Some formats name the tool beside its result too.
    if let Some(answered) = draft.act(call.result).map(|act| act.line)
        && answered != line
        && let Some(mut value) = draft.value(answered)
        && rename(&mut value, &tool, name)
    {
        draft.set(answered, value);
    }
    true
}

/// The part of a record that is the call with this id: the record itself where calls have none.
fn of_call<'a>(value: &'a mut Value, id: &str) -> Option<&'a mut Value> {
    let own = |map: &serde_json::Map<String, Value>| map.values().any(|inner| inner.as_str() == Some(id));
    if id.is_empty() || value.as_object().is_some_and(own) {
        return Some(value);
    }
    match value {
        Value::Object(map) => map.values_mut().find_map(|inner| of_call(inner, id)),
        Value::Array(items) => items.iter_mut().find_map(|inner| of_call(inner, id)),
        _ => None,
    }
}

fn replace(value: &mut Value, old: &Value, new: &Value) -> bool {
    if value == old {
        *value = new.clone();
        return true;
    }
    match value {
        Value::Object(map) => map.values_mut().any(|inner| replace(inner, old, new)),
        Value::Array(items) => items.iter_mut().any(|inner| replace(inner, old, new)),
        Value::String(text) if text.trim_start().starts_with('{') => {
            let same = serde_json::from_str::<Value>(text).is_ok_and(|held| held == *old);
            if same {
                *text = new.to_string();
            }
            same
        }
        _ => false,
    }
}

/// Renames a tool where it is named: under `name` or `tool`, or before the bracket of `Search[mill]`.
fn rename(value: &mut Value, old: &str, new: &str) -> bool {
    match value {
        Value::Object(map) => map.iter_mut().any(|(key, inner)| match inner {
            Value::String(text) if matches!(key.as_str(), "name" | "tool" | "tool_name") && text == old => {
                new.clone_into(text);
                true
            }
            Value::String(text) if text.strip_prefix(old).is_some_and(|rest| rest.starts_with('[')) => {
                *text = format!("{new}{}", text.get(old.len()..).unwrap_or_default());
                true
            }
            Value::String(_) => false,
            inner => rename(inner, old, new),
        }),
        Value::Array(items) => items.iter_mut().any(|inner| rename(inner, old, new)),
        _ => false,
    }
}

fn chat(draft: &mut Draft, line: usize, text: &str) -> bool {
    let Some(mut value) = draft.value(line) else { return false };
    let Some(key) = ["content", "result"].into_iter().find(|key| value.get(key).is_some()) else {
        return false;
    };
    let Some(place) = value.get_mut(key) else { return false };
    let old = place.as_str().unwrap_or_default();
    // A tool's words that stand in a user message keep their head.
    let new = match old.split_once("Result:") {
        Some((head, _)) if old.trim_start().starts_with("Current Observation:") => {
            format!("{head}Result: {text}")
        }
        _ if old.starts_with("exitcode: ") => format!("exitcode: 1 (execution failed)\nCode output: {text}"),
        _ => text.to_owned(),
    };
    *place = Value::String(new);
    draft.set(line, value);
    true
}

fn claude_code(draft: &mut Draft, line: usize, id: &str, old: &str, text: &str, failed: bool) -> bool {
    let Some(mut value) = draft.value(line) else { return false };
    let blocks = value.pointer_mut("/message/content").and_then(Value::as_array_mut);
    let block = blocks.and_then(|blocks| {
        blocks.iter_mut().find(|block| block.get("tool_use_id").and_then(Value::as_str) == Some(id))
    });
    let Some(Value::Object(block)) = block else { return false };
    let listed = block.get("content").is_some_and(Value::is_array);
    let content = if listed { json!([{"type": "text", "text": text}]) } else { json!(text) };
    block.insert("content".to_owned(), content);
    if failed {
        block.insert("is_error".to_owned(), Value::Bool(true));
    }
    if let Some(twin) = value.get_mut("toolUseResult") {
        if failed {
            *twin = Value::String(format!("Error: {text}"));
        } else {
            let old = old.trim();
            texts(twin, &mut |part| (!old.is_empty() && part.trim() == old).then(|| text.to_owned()));
        }
    }
    draft.set(line, value);
    true
}

fn native(draft: &mut Draft, line: usize, text: &str, failed: bool) -> bool {
    let Some(mut value) = draft.value(line) else { return false };
    let Value::Object(map) = &mut value else { return false };
    map.insert("text".to_owned(), json!(text));
    if failed {
        map.insert("status".to_owned(), json!("error"));
        if map.contains_key("exit_code") {
            map.insert("exit_code".to_owned(), json!(1));
        }
    }
    draft.set(line, value);
    true
}

/// The model's side and the screen's side of a call both hold its output: all are changed that stand
/// between the call and what the agent did next.
fn codex(draft: &mut Draft, first: usize, last: usize, old: &str, text: &str, failed: bool) -> bool {
    let body = old.split_once("Output:\n").map_or(old, |(_, body)| body);
    let body = match serde_json::from_str::<Value>(body) {
        Ok(Value::Object(map)) => map.get("output").and_then(Value::as_str).unwrap_or(body).to_owned(),
        _ => body.to_owned(),
    };
    let body = body.trim();
    // In code mode the model reads the output a few records further down.
    let end = (last + 6).min(draft.len().saturating_sub(1));
    let mut done = false;
    for line in first..=end {
        let Some(mut value) = draft.value(line) else { continue };
        let Some(payload) = value.get_mut("payload") else { continue };
        let deed = payload.get("role").and_then(Value::as_str) == Some("assistant");
        let kind = payload.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
        if line > last && (deed || kind.ends_with("_call")) {
            break;
        }
        let mut changed = false;
        if kind.ends_with("_output") {
            let Some(output) = payload.get_mut("output") else { continue };
            changed = output_of_call(output, body, text, failed && line == last, line == last);
        } else if let Some(item) = ended(payload) {
            changed = item_that_ended(item, body, text, failed);
        }
        done |= changed && line == last;
        if changed {
            draft.set(line, value);
        }
    }
    done
}

/// What the screen saw end: an item, or the event of an old file.
fn ended(payload: &mut Value) -> Option<&mut Value> {
    if payload.get("item").is_some() { payload.get_mut("item") } else { Some(payload) }
}

fn item_that_ended(item: &mut Value, old: &str, text: &str, failed: bool) -> bool {
    let Value::Object(map) = item else { return false };
    let Some(key) = ["aggregated_output", "stdout"].into_iter().find(|key| map.contains_key(*key)) else {
        return false;
    };
    if map.get(key).and_then(Value::as_str).is_none_or(|output| output.trim() != old) {
        return false;
    }
    map.insert(key.to_owned(), json!(text));
    if failed {
        if map.contains_key("exit_code") {
            map.insert("exit_code".to_owned(), json!(1));
        }
        if map.contains_key("status") {
            map.insert("status".to_owned(), json!("failed"));
        }
    }
    true
}

fn output_of_call(output: &mut Value, old: &str, text: &str, failed: bool, whole: bool) -> bool {
    match output {
        Value::String(words) => {
            let new = match serde_json::from_str::<Value>(words) {
                Ok(mut dialect) if dialect.get("output").is_some() => {
                    if let Some(place) = dialect.get_mut("output") {
                        *place = json!(text);
                    }
                    if failed && let Some(code) = dialect.pointer_mut("/metadata/exit_code") {
                        *code = json!(1);
                    }
                    dialect.to_string()
                }
                _ => match words.split_once("Output:\n") {
                    Some((head, _)) if whole => {
                        let head = if failed { failed_head(head) } else { head.to_owned() };
                        format!("{head}Output:\n{text}")
                    }
                    _ if whole => text.to_owned(),
                    _ if !old.is_empty() && words.contains(old) => words.replace(old, text),
                    _ => return false,
                },
            };
            *words = new;
            true
        }
        // In code mode the script prints the parts; the exit code that it prints goes along.
        Value::Array(parts) => parts.iter_mut().fold(false, |changed, part| {
            let Some(Value::String(words)) = part.get_mut("text") else { return changed };
            if old.is_empty() || !words.contains(old) {
                return changed;
            }
            *words = words.replace(old, text);
            if failed {
                *words = words.replace("exit 0", "exit 1");
            }
            true
        }),
        _ => false,
    }
}

fn failed_head(head: &str) -> String {
    head.replace("Exit code: 0", "Exit code: 1").replace("exited with code 0", "exited with code 1")
}
