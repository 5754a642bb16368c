//! How a text says that a call failed: the line that tells best, exit codes, status lines, fields of a
//! small object.

use super::READ_BYTES;
use super::sort::MARKS;
use crate::detect::speech::has_any;

/// The first and the last lines of a text.
pub(super) fn lines(text: &str) -> impl Iterator<Item = &str> {
    let (head, tail) = if text.len() <= 2 * READ_BYTES {
        (text, "")
    } else {
        (crate::text::clip(text, READ_BYTES), crate::text::clip_front(text, READ_BYTES))
    };
    head.lines().chain(tail.lines()).map(str::trim).filter(|line| !line.is_empty())
}

/// The line of a failed call's outcome that says best what went wrong.
pub(crate) fn telling_line(text: &str) -> &str {
    // A status line says it shortest.
    if let Some(line) = lines(text).next()
        && bad_status(&crate::text::clip(line, 120).to_ascii_lowercase())
    {
        return line;
    }
    let mut first = "";
    let mut named = "";
    let mut marked = "";
    for line in lines(text) {
        if first.is_empty() {
            first = line;
        }
        let lower = crate::text::clip(line, 400).to_ascii_lowercase();
        // `ValueError: …`, `error[E0308]: …`, `bash: x: command not found`
        // `==== FAILURES ====` is a heading; pytest marks what it has to say with `E`.
        if lower.starts_with("==") || lower.starts_with("--") || lower.starts_with("__") {
            continue;
        }
        if lower.starts_with("e   ") && named.is_empty() {
            named = line;
            continue;
        }
        let head = lower.split([':', ' ', '[']).next().unwrap_or("");
        if head.ends_with("error") || head.ends_with("exception") || head == "fatal" {
            named = line;
        } else if marked.is_empty() && has_any(&lower, MARKS) && !exit_line(&lower) {
            marked = line;
        }
    }
    if !named.is_empty() {
        named
    } else if !marked.is_empty() {
        marked
    } else {
        first
    }
}

/// Whether a line says no more than that the exit code was not 0.
pub(crate) fn says_exit_only(line: &str) -> bool {
    exit_line(&crate::text::clip(line, 80).to_ascii_lowercase())
}

/// Whether a line in lower case says no more than that the exit code was not 0.
fn exit_line(lower: &str) -> bool {
    (lower.starts_with("exit")
        || lower.starts_with("process exited")
        || lower.starts_with("command failed with exit"))
        && lower.len() < 60
}

/// The exit code that a first line tells of: `exitcode: 1 (execution failed)`, `Exit code 2`.
pub(super) fn told_exit(line: &str) -> Option<i32> {
    let lower = crate::text::clip(line, 60).to_ascii_lowercase();
    let rest = ["exitcode:", "exit code:", "exit code", "exit status", "process exited with code"]
        .iter()
        .find_map(|head| lower.strip_prefix(head))?;
    let digits: String = rest.trim_start().chars().take_while(|c| c.is_ascii_digit() || *c == '-').collect();
    digits.parse().ok()
}

/// Beginnings of a first line, in lower case, that say that the call failed.
const FAILING: &[&str] = &[
    "error:",
    "error -",
    "error executing",
    "error calling",
    "error occurred",
    "error while",
    "error in tool",
    "error 4",
    "error 5",
    "an error occurred",
    "tool error",
    "tool call failed",
    "tool execution failed",
    "toolerror",
    "fatal:",
    "exception:",
    "http error",
    "internal server error",
    "service unavailable",
    "request failed",
    "connection refused",
    "connection reset",
    "connection timed out",
    "request timed out",
    "traceback (most recent call last)",
];

/// Whether a text begins with words or a status that say that the call failed.
pub(super) fn says_failure(text: &str) -> bool {
    let lower = crate::text::clip(text.trim_start(), 200).to_ascii_lowercase();
    let first = lower.lines().next().unwrap_or_default();
    FAILING.iter().any(|head| first.starts_with(head)) || bad_status(first)
}

/// The reasons that servers give with a status of 400 or more.
const REASONS: &[&str] = &[
    "bad request",
    "unauthorized",
    "forbidden",
    "not found",
    "request timeout",
    "conflict",
    "too many requests",
    "internal server error",
    "not implemented",
    "bad gateway",
    "service unavailable",
    "gateway timeout",
    "gateway time-out",
];

/// Whether a line in lower case is the status line of an answer that failed: `HTTP/1.1 503 …`,
/// `status code: 500`, `502 Bad Gateway`.
pub(super) fn bad_status(lower: &str) -> bool {
    let (marked, rest) =
        match ["http/1.1 ", "http/1.0 ", "http/2 ", "http ", "status code: ", "status code ", "status: "]
            .iter()
            .find_map(|head| lower.strip_prefix(head))
        {
            Some(rest) => (true, rest),
            None => (false, lower),
        };
    let mut bytes = rest.bytes();
    let failed = matches!(bytes.next(), Some(b'4' | b'5'))
        && bytes.next().is_some_and(|b| b.is_ascii_digit())
        && bytes.next().is_some_and(|b| b.is_ascii_digit())
        && bytes.next().is_none_or(|b| !b.is_ascii_alphanumeric());
    let reason = rest.get(3..).unwrap_or_default().trim_start_matches([' ', ':', '-']);
    failed && (marked || REASONS.iter().any(|known| reason.starts_with(known)))
}

/// Whether a small JSON object says by its fields that something failed.
pub(super) fn object_error(text: &str) -> bool {
    if text.len() > READ_BYTES {
        return false;
    }
    let Ok(serde_json::Value::Object(map)) = serde_json::from_str::<serde_json::Value>(text) else {
        return false;
    };
    let filled = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) => !text.trim().is_empty(),
        serde_json::Value::Object(map) => !map.is_empty(),
        serde_json::Value::Array(list) => !list.is_empty(),
        serde_json::Value::Bool(on) => *on,
        _ => false,
    };
    // An answer with much in it is about something; a failure says little.
    let small = map.len() <= 6;
    small
        && map.iter().any(|(key, value)| match key.to_ascii_lowercase().as_str() {
            "error" | "errors" | "exception" | "traceback" | "error_message" | "errormessage" => {
                filled(value)
            }
            "success" | "ok" => value == &serde_json::Value::Bool(false),
            "status" | "state" | "result" => {
                value.as_str().is_some_and(|word| {
                    matches!(word.to_ascii_lowercase().as_str(), "error" | "failed" | "failure")
                }) || value.as_u64().is_some_and(|code| (400..600).contains(&code))
            }
            "status_code" | "statuscode" | "http_status" => {
                value.as_u64().is_some_and(|code| (400..600).contains(&code))
            }
            _ => false,
        })
}

/// Whether the read part of a text holds a traceback at the beginning of a line.
pub(super) fn has_traceback(text: &str) -> bool {
    let mark = "Traceback (most recent call last)";
    [crate::text::clip(text, READ_BYTES), crate::text::clip_front(text, READ_BYTES)].iter().any(|part| {
        memchr::memmem::find_iter(part.as_bytes(), mark)
            .any(|at| at == 0 || part.as_bytes().get(at - 1) == Some(&b'\n'))
    })
}

/// Whether the first line of a JSON object, in lower case, tells of an error.
pub(super) fn json_error(lower: &str) -> bool {
    let compact: String = lower.chars().filter(|c| !c.is_whitespace()).take(160).collect();
    if ["\"success\":false", "\"ok\":false", "\"iserror\":true", "\"is_error\":true", "\"status\":\"error\""]
        .iter()
        .any(|mark| compact.contains(mark))
    {
        return true;
    }
    compact.strip_prefix("{\"error\":").is_some_and(|value| {
        !["null", "false", "\"\"", "0,", "0}", "{}", "[]"].iter().any(|empty| value.starts_with(empty))
    })
}
