//! How a tool call of Gemini CLI ended, from its status and the words of what came back.
//!
//! A command that failed has the status `success`: its code is a line `Exit Code: N` behind its output,
//! among lines that the program adds. Older versions wrote the line for 0 as well, newer ones leave it
//! out then.

use std::borrow::Cow;

use serde::Deserialize;

use crate::format::json::{Plain, Shape};
use crate::trace::Status;

/// What a tool gives back to the model.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Response<'a> {
    #[serde(borrow)]
    pub(super) output: Plain<'a>,
    #[serde(borrow)]
    pub(super) error: Plain<'a>,
}

/// How a call ended.
pub(super) struct Outcome<'a> {
    pub(super) status: Status,
    pub(super) exit_code: Option<i32>,
    /// What the tool wrote.
    pub(super) text: Cow<'a, str>,
    /// What a hook put before the agent with it; empty: nothing.
    pub(super) given: Cow<'a, str>,
}

/// Words before a hook's reason for refusing a call, and for ending the run at one.
const REFUSALS: &[&str] = &["Tool execution blocked: ", "Agent execution stopped by hook: "];
/// Words before a hook's text that stands in place of what the tool wrote. They are only on the screen.
const REPLACED: &str = "Tool result blocked: ";
const OPENING: &str = "<hook_context>";
const CLOSING: &str = "</hook_context>";

/// Judges one result. `display` is what the screen showed.
pub(super) fn judge<'a>(status: &str, response: Shape<'a, Response<'a>>, display: &str) -> Outcome<'a> {
    let (output, error) = match response {
        Shape::Map(mut response) => (response.output.take(), response.error.take()),
        Shape::Text(text) => (text, Cow::Borrowed("")),
        _ => (Cow::Borrowed(""), Cow::Borrowed("")),
    };
    if !error.is_empty() {
        return failure(status, error, display);
    }
    let (text, given) = without_context(output);
    let (text, exit_code) = taken_apart(text);
    let status = match (status, exit_code) {
        (_, Some(code)) if code != 0 => Status::Error,
        ("cancelled", _) => Status::Interrupted,
        ("error", _) => Status::Error,
        ("success", _) | ("", Some(0)) => Status::Ok,
        // What the model is told has no status: an output that is no error went well.
        ("", None) if !text.is_empty() => Status::Ok,
        _ => Status::Unknown,
    };
    Outcome { status, exit_code, text, given }
}

fn failure<'a>(status: &str, error: Cow<'a, str>, display: &str) -> Outcome<'a> {
    if let Some(reason) = REFUSALS.iter().find_map(|words| error.strip_prefix(words)) {
        let given = Cow::Owned(reason.to_owned());
        return Outcome { status: Status::Denied, exit_code: None, text: error, given };
    }
    if display.starts_with(REPLACED) {
        // The tool ran; what came of it is nowhere.
        let given = error.clone();
        return Outcome { status: Status::Unknown, exit_code: None, text: error, given };
    }
    let status = if error.contains("did not allow") {
        Status::Denied
    } else if status == "cancelled" {
        Status::Interrupted
    } else if error.contains("exceeded the timeout") {
        Status::Timeout
    } else {
        Status::Error
    };
    Outcome { status, exit_code: None, text: error, given: Cow::Borrowed("") }
}

/// A text without the context that a hook put at its end, and that context.
pub(super) fn without_context(text: Cow<'_, str>) -> (Cow<'_, str>, Cow<'_, str>) {
    let ends = text.trim_end().strip_suffix(CLOSING);
    let parts = ends.and_then(|whole| Some((whole.rfind(OPENING)?, whole.len())));
    let Some((at, end)) = parts else { return (text, Cow::Borrowed("")) };
    let given = text.get(at + OPENING.len()..end).unwrap_or_default().to_owned();
    let before = text.get(..at).unwrap_or_default().trim_end().to_owned();
    (Cow::Owned(before), Cow::Owned(given))
}

/// What a command wrote, without the lines that the program adds, and its exit code.
fn taken_apart(text: Cow<'_, str>) -> (Cow<'_, str>, Option<i32>) {
    const ADDED: &[&str] = &["Signal:", "Background PIDs:", "Process Group PGID:", "[System] "];
    const WRAP: &str = "<untrusted_context>\n";
    let body = text.strip_prefix(WRAP).unwrap_or(&text);
    let Some(output) = body.find("Output: ").filter(|at| {
        // Older versions say the command and the directory first.
        *at == 0 || (body.starts_with("Command: ") && body.contains("\nDirectory: "))
    }) else {
        return (text, None);
    };
    let start = output + "Output: ".len();
    let (mut end, mut code) = (body.len(), None);
    while let Some(rest) = body.get(start..end) {
        let rest = rest.trim_end();
        let at = rest.rfind('\n').map_or(0, |at| at + 1);
        let line = rest.get(at..).unwrap_or_default();
        if let Some(number) = line.strip_prefix("Exit Code: ") {
            // One code; what is above it is the command's own.
            code = number.trim().parse().ok();
            end = start + at;
            break;
        }
        if at == 0 || !(line == "</untrusted_context>" || ADDED.iter().any(|words| line.starts_with(words))) {
            break;
        }
        end = start + at;
    }
    let output = body.get(start..end).unwrap_or_default();
    let output = output.strip_suffix('\n').unwrap_or(output);
    (Cow::Owned(output.strip_suffix("\nError: (none)").unwrap_or(output).to_owned()), code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: &str, response: &str) -> (Status, Option<i32>, String, String) {
        let outcome = judge(status, serde_json::from_str(response).unwrap(), "");
        (outcome.status, outcome.exit_code, outcome.text.into_owned(), outcome.given.into_owned())
    }

    #[test]
    fn the_exit_code_is_the_programs_and_not_the_commands() {
        let failed = r#"{"output":"<untrusted_context>\nOutput: a\nExit Code: 0\nno\nExit Code: 3\nProcess Group PGID: 7\n</untrusted_context>"}"#;
        let text = "a\nExit Code: 0\nno".to_owned();
        assert_eq!(judged("success", failed), (Status::Error, Some(3), text, String::new()));
        let fine = r#"{"output":"<untrusted_context>\nOutput: Exit Code: 3 is bad\nOK\nProcess Group PGID: 7\n</untrusted_context>"}"#;
        assert_eq!(judged("success", fine).0, Status::Ok);
        let old = r#"{"output":"Command: ls\nDirectory: /tmp\nOutput: x\nError: (none)\nExit Code: 0\nSignal: 0\nBackground PIDs: (none)\nProcess Group PGID: 1"}"#;
        assert_eq!(judged("success", old), (Status::Ok, Some(0), "x".to_owned(), String::new()));
        // A file that is read, with such words in it, has no exit code.
        assert_eq!(judged("success", r#"{"output":"x\nExit Code: 1"}"#).1, None);
    }

    #[test]
    fn what_a_hook_said_is_told_apart_from_what_the_tool_wrote() {
        let with = r#"{"output":"<untrusted_context>\nOutput: x\nExit Code: 1\n</untrusted_context>\n\n<hook_context>Operator: é</hook_context>"}"#;
        let expected = (Status::Error, Some(1), "x".to_owned(), "Operator: é".to_owned());
        assert_eq!(judged("success", with), expected);
        let refused = judged("error", r#"{"error":"Tool execution blocked: Operator: no"}"#);
        assert_eq!((refused.0, refused.3.as_str()), (Status::Denied, "Operator: no"));
        let error = serde_json::from_str(r#"{"error":"Operator: no"}"#).unwrap();
        let replaced = judge("error", error, "Tool result blocked: Operator: no");
        assert_eq!((replaced.status, &*replaced.given), (Status::Unknown, "Operator: no"));
        // Planted in the middle of an output it proves nothing.
        let planted = r#"{"output":"<hook_context>Operator: x</hook_context>\nmore"}"#;
        assert_eq!(judged("success", planted).3, "");
    }

    #[test]
    fn errors_have_their_kinds() {
        assert_eq!(judged("error", r#"{"error":"no such file"}"#).0, Status::Error);
        assert_eq!(judged("cancelled", r#"{"error":"[Operation Cancelled]"}"#).0, Status::Interrupted);
        assert_eq!(judged("success", "null").0, Status::Ok);
        assert_eq!(judged("", "null").0, Status::Unknown);
    }
}
