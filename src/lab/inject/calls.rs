//! Faults of the call itself: an argument that the tool has never had, and a tool that does not exist.

use serde_json::{Value, json};

use super::chance::Chance;
use super::draft::{Call, Draft};
use super::recording::What;
use super::repeats::{alone, chain, copy, rename_parent, span, time_of};
use super::{Placed, write};

/// Arguments that many tools have somewhere, with a value each: one that this tool has never had sounds
/// as likely.
fn inventions() -> [(&'static str, Value); 8] {
    [
        ("force_override", json!(true)),
        ("priority_level", json!("high")),
        ("output_style", json!("compact")),
        ("max_attempts", json!(3)),
        ("include_archived", json!(true)),
        ("auto_confirm", json!("yes")),
        ("target_region", json!("eu-west")),
        ("dry_mode", json!(false)),
    ]
}

fn asked<'a>(draft: &'a Draft, call: &Call) -> Option<(&'a str, &'a str, &'a str)> {
    let act = draft.act(call.call)?;
    match &act.what {
        What::Call { tool, .. } => Some((tool, &act.text, &act.agent)),
        _ => None,
    }
}

/// Whether the run's own failures come as JSON.
fn fails_in_json(draft: &Draft) -> bool {
    let results = draft.acts().iter().filter(|act| matches!(act.what, What::Result { .. }));
    let json = |text: &str| {
        text.trim_start().starts_with("{\"error\"") || text.trim_start().starts_with("{\"success\": false")
    };
    results.map(|act| act.text.as_str()).any(json)
}

/// A failure in the words of the run's own program.
fn failure(draft: &Draft, words: &str) -> String {
    match draft.format() {
        "claude-code" => format!("<tool_use_error>{words}</tool_use_error>"),
        _ if fails_in_json(draft) => json!({ "error": words }).to_string(),
        _ => format!("Error: {words}"),
    }
}

pub(super) fn invented_argument(draft: &mut Draft, chance: &mut Chance) -> Result<Placed, &'static str> {
    let calls = chance.mixed(alone(draft));
    for call in calls {
        let Some((tool, input, agent)) = asked(draft, &call) else { continue };
        let (tool, agent) = (tool.to_owned(), agent.to_owned());
        let Ok(Value::Object(mut arguments)) = serde_json::from_str::<Value>(input) else { continue };
        if arguments.is_empty() {
            continue;
        }
        // No instruction, schema or call of the run knows it.
        let unknown = |name: &str| !draft.mentions(name);
        let all: Vec<(&str, Value)> = inventions().into_iter().filter(|(name, _)| unknown(name)).collect();
        let Some((name, value)) = chance.one(&all).cloned() else { continue };
        arguments.insert(name.to_owned(), value);
        let Some(line) = draft.act(call.call).map(|act| act.line) else { continue };
        let next = call.next.and_then(|next| draft.act(next)).map(|act| act.line);
        if !write::input(draft, &call, &Value::Object(arguments)) {
            continue;
        }
        let refused = chance.below(2) == 0;
        if refused {
            let words = match draft.format() {
                "claude-code" => {
                    format!("InputValidationError: An unexpected parameter `{name}` was provided")
                }
                _ => format!("{tool}() got an unexpected keyword argument '{name}'"),
            };
            let text = failure(draft, &words);
            if !write::result(draft, &call, &text, true) {
                return Err("the result of the call cannot be written anew");
            }
        }
        let what = format!(
            "{tool} is called with {name}, which it has never had; {}",
            if refused { "it refuses" } else { "nothing comes of it" }
        );
        let also = next.filter(|_| refused).into_iter().collect();
        return Ok(Placed { step: line, also, agent, what });
    }
    Err("no call that stands by itself passes its arguments by name")
}

/// A name that sounds like the tool's, in its own spelling.
fn names_like(tool: &str) -> Vec<String> {
    let (head, last) = match tool.rsplit_once("__") {
        Some((server, last)) => (format!("{server}__"), last),
        None => (String::new(), tool),
    };
    let all = match last.split_once('_') {
        Some((verb, rest)) => {
            vec![
                format!("{verb}_all_{rest}"),
                format!("query_{rest}"),
                format!("{last}_v2"),
                format!("quick_{last}"),
            ]
        }
        None if last.starts_with(char::is_uppercase) => {
            vec![format!("{last}Many"), format!("Quick{last}"), format!("Smart{last}"), format!("{last}All")]
        }
        None => vec![
            format!("{last}_many"),
            format!("quick_{last}"),
            format!("smart_{last}"),
            format!("{last}_all"),
        ],
    };
    all.into_iter().map(|name| format!("{head}{name}")).collect()
}

/// The call comes first under the name of a tool that does not exist, and is refused; then it comes as
/// it was.
pub(super) fn unknown_tool(draft: &mut Draft, chance: &mut Chance) -> Result<Placed, &'static str> {
    let calls = chance.mixed(alone(draft));
    for call in calls {
        let Some((tool, _, agent)) = asked(draft, &call) else { continue };
        let (tool, agent) = (tool.to_owned(), agent.to_owned());
        let Some((first, last)) = span(draft, &call) else { continue };
        let names: Vec<String> = names_like(&tool).into_iter().filter(|name| !draft.mentions(name)).collect();
        let Some(name) = chance.one(&names).cloned() else { continue };
        let words = match draft.format() {
            "claude-code" => format!("Error: No such tool available: {name}"),
            "codex" => format!("unsupported call: {name}"),
            _ => format!("unknown tool {name}"),
        };
        let text = failure(draft, &words);
        // The copy is made of records in which the call is another and fails.
        let good: Vec<(usize, Option<Value>)> =
            (first..=last + 6).map(|line| (line, draft.value(line))).collect();
        let written = write::tool(draft, &call, &name) && write::result(draft, &call, &text, true);
        let time = good.first().and_then(|(_, value)| value.as_ref()).and_then(time_of);
        let mut failing = if written { copy(draft, &call, 1, time.as_ref()) } else { Vec::new() };
        let parent = good.first().and_then(|(_, value)| value.as_ref()?.get("parentUuid")).cloned();
        for (line, value) in good {
            if let Some(value) = value {
                draft.set(line, value);
            }
        }
        // The screen's side of a call would show it run.
        failing.retain(|value| value.get("type").and_then(Value::as_str) != Some("event_msg"));
        if failing.len() < 2 {
            continue;
        }
        let latest = chain(&mut failing, parent.clone());
        if let (Some(parent), Some(latest)) = (&parent, &latest) {
            rename_parent(draft, first, parent, latest);
        }
        draft.splice(first, 0, failing);
        let what = format!("{name} is called, a tool that does not exist");
        return Ok(Placed { step: first, also: Vec::new(), agent, what });
    }
    Err("no call that stands by itself names its tool in a record of its own")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_the_spelling_of_the_tool() {
        for (tool, like) in [
            ("get_order", "query_order"),
            ("Read", "QuickRead"),
            ("shell", "quick_shell"),
            ("mcp__shop__find_user", "mcp__shop__query_user"),
        ] {
            assert!(names_like(tool).contains(&like.to_owned()), "{tool}");
        }
    }
}
