//! Calls and outcomes that a chat holds as words.

use crate::text::clip;
use crate::trace::Status;

/// `exitcode: N (…)` at the beginning.
pub(super) fn exit_code(text: &str) -> Option<i32> {
    let rest = text.strip_prefix("exitcode: ")?;
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '-').unwrap_or(rest.len());
    rest.get(..end)?.parse().ok()
}

/// The code blocks in a language that is run, joined.
pub(super) fn code(text: &str) -> Option<String> {
    let mut whole = String::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("```") {
        let (block, next) = after.split_once("```")?;
        rest = next;
        let Some((language, code)) = block.split_once('\n') else {
            continue;
        };
        if matches!(language.trim(), "python" | "py" | "sh" | "bash" | "shell") {
            if !whole.is_empty() {
                whole.push('\n');
            }
            whole.push_str(code.trim_end());
        }
    }
    (!whole.is_empty()).then_some(whole)
}

/// `<action>` with `tool:` and `parameters:`: what stands before, tool, parameters, what stands after.
pub(super) fn action(text: &str) -> Option<(&str, &str, &str, &str)> {
    let (before, rest) = text.split_once("<action>")?;
    let (inside, after) = rest.split_once("</action>").unwrap_or((rest, ""));
    let (_, tool) = inside.split_once("tool:")?;
    let (tool, input) = tool.split_once('\n').unwrap_or((tool, ""));
    let input = input.trim_start();
    let input = input.strip_prefix("parameters:").unwrap_or(input);
    let tool = tool.trim();
    (!tool.is_empty()).then_some((before, tool, input, after))
}

/// What a tool brought, in a user message that reports it.
pub(super) fn observation(text: &str) -> Option<&str> {
    let rest = text.trim_start().strip_prefix("Current Observation:")?;
    Some(rest.split_once("Result:").map_or(rest, |(_, result)| result).trim_start())
}

pub(super) fn observed_status(observed: &str) -> Status {
    let head = clip(observed, 200);
    if observed.is_empty() {
        Status::Unknown
    } else if observed.starts_with("Error") || head.contains("\"error\": \"") {
        Status::Error
    } else {
        Status::Ok
    }
}

/// `Tool[input]`.
pub(super) fn bracketed(text: &str) -> Option<(&str, &str)> {
    let text = text.trim();
    let (tool, rest) = text.split_once('[')?;
    let input = rest.strip_suffix(']').unwrap_or(rest);
    let word = !tool.is_empty() && tool.chars().all(|c| c.is_alphanumeric() || c == '_');
    word.then_some((tool, input))
}
