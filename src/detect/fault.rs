//! Faults: what a call's outcome says went wrong, and of what sort it is. Reads the first and the last
//! lines of an outcome only, so that a huge output costs no more than a small one.
//!
//! To teach it a message, add its words to the list of its sort.

use std::sync::LazyLock;

use regex::Regex;

use crate::trace::{ClosedStep, Status, ToolKind};

use super::speech::{has_any, has_any_word};

/// How much of an outcome's beginning and of its end is read, in bytes.
const READ_BYTES: usize = 4096;

/// How an operator would name a call: a command by itself, anything else with its tool.
pub(crate) fn call_name(step: &ClosedStep<'_>) -> String {
    match step.step.tool_kind() {
        Some(ToolKind::Shell | ToolKind::Code) if !step.step.label.is_empty() => step.step.label.to_string(),
        _ if step.step.label.is_empty() => crate::text::excerpt(step.tool, 60),
        _ => format!("{} {}", crate::text::excerpt(step.tool, 60), step.step.label),
    }
}

/// What sort of fault it is, as far as it matters for what to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    /// It ran out of time.
    Timeout,
    /// It may well succeed when done again: a broken connection, a busy server, a rate limit.
    Transient,
    /// The caller may not do it.
    Access,
    /// What was asked for is not there.
    Absent,
    /// The arguments do not fit.
    Arguments,
    /// A test run, build or lint found something: normal work.
    Check,
    /// Anything else.
    Other,
}

impl Sort {
    /// Whether doing the same again, with nothing changed, cannot help.
    pub(crate) fn lasting(self) -> bool {
        matches!(self, Self::Access | Self::Absent | Self::Arguments)
    }

    /// Whether doing the same again after a pause may help.
    pub(crate) fn passing(self) -> bool {
        matches!(self, Self::Timeout | Self::Transient)
    }
}

/// A fault that an outcome tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault<'a> {
    /// Its sort.
    pub(crate) sort: Sort,
    /// The line that says so; empty where the outcome has no text.
    pub(crate) line: &'a str,
    /// The log calls the call a success, or does not say.
    pub(crate) hidden: bool,
}

const TIMEOUT: &[&str] = &["timed out", "timeout", "deadline exceeded", "time limit"];

const TRANSIENT: &[&str] = &[
    "connection reset",
    "connection refused",
    "connection aborted",
    "connection error",
    "rate limit",
    "ratelimit",
    "too many requests",
    "internal server error",
    "internal error",
    "could not be processed",
    "gateway timeout",
    "bad gateway",
    "service unavailable",
    "temporarily",
    "try again later",
    "overloaded",
    "econnreset",
    "econnrefused",
    "remote end closed",
    "broken pipe",
    "network is unreachable",
    "failed to connect",
    "could not connect",
    "could not resolve host",
    "temporary failure",
];
const TRANSIENT_CODES: &[&str] = &["429", "500", "502", "503", "504", "529", "e429", "e500", "e502", "e503"];

const ACCESS: &[&str] = &[
    "permission denied",
    "forbidden",
    "unauthorized",
    "access denied",
    "not permitted",
    "authentication failed",
    "authentication required",
    "invalid api key",
    "not authorized",
    "eacces",
    "eperm",
    "not allowed",
    "requires approval",
];
const ACCESS_CODES: &[&str] = &["401", "403", "e401", "e403"];

const ABSENT: &[&str] = &[
    "not found",
    "no such file",
    "does not exist",
    "doesn't exist",
    "no module named",
    "command not found",
    "enoent",
    "cannot find",
    "could not find",
    "unknown command",
    "not exist",
];
const ABSENT_CODES: &[&str] = &["404", "410", "e404"];

const ARGUMENTS: &[&str] = &[
    "unexpected keyword argument",
    "missing required",
    "required positional argument",
    "required property",
    "required argument",
    "required parameter",
    "inputvalidationerror",
    "validation error",
    "schema",
    "is not one of",
    "unrecognized argument",
    "unknown option",
    "invalid option",
    "unexpected argument",
    "invalid parameter",
    "invalid argument",
    "unexpected parameter",
    "unknown argument",
    "missing argument",
    "invalid type",
];

/// Words that mark the line which says what went wrong, in lower case.
const MARKS: &[&str] = &[
    "error",
    "exception",
    "fatal",
    "fail",
    "not found",
    "denied",
    "no such",
    "panicked",
    "invalid",
    "cannot",
    "can't",
    "refused",
    "timed out",
    "timeout",
    "unable",
    "forbidden",
    "unauthorized",
    "missing",
    "does not exist",
    "not permitted",
    "no module named",
    "abort",
    "killed",
];

/// The sort of a fault, by the line that tells of it.
pub(crate) fn sort(line: &str) -> Sort {
    let lower = line.to_ascii_lowercase();
    if has_any(&lower, TIMEOUT) {
        Sort::Timeout
    } else if has_any(&lower, TRANSIENT) || has_any_word(&lower, TRANSIENT_CODES) {
        Sort::Transient
    } else if has_any(&lower, ACCESS) || has_any_word(&lower, ACCESS_CODES) {
        Sort::Access
    } else if has_any(&lower, ARGUMENTS) {
        Sort::Arguments
    } else if has_any(&lower, ABSENT) || has_any_word(&lower, ABSENT_CODES) {
        Sort::Absent
    } else {
        Sort::Other
    }
}

/// Runners whose failing is normal work: tests, builds, lints.
static CHECKS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        "(?i)",
        "pytest",
        "|unittest",
        "|cargo test",
        "|cargo nextest",
        "|cargo check",
        "|cargo build",
        "|cargo clippy",
        "|cargo fmt",
        "|npm test",
        "|npm run",
        "|yarn ",
        "|pnpm ",
        "|jest",
        "|vitest",
        "|mocha",
        "|go test",
        "|go build",
        "|go vet",
        "|make",
        "|tox",
        "|rspec",
        "|phpunit",
        "|mvn ",
        "|gradle",
        "|ctest",
        "|dotnet test",
        "|dotnet build",
        "|bun test",
        "|deno test",
        "|tsc",
        "|eslint",
        "|ruff",
        "|mypy",
        "|flake8",
        "|pylint",
        "|doctest",
        "|run_tests",
        "|runtests",
        "|test[.]sh",
        "|nox",
        "|swift test",
    ))
    .ok()
});

/// Whether a command runs tests, a build or a lint.
pub(crate) fn is_check(command: &str) -> bool {
    CHECKS.as_ref().is_some_and(|checks| checks.is_match(command))
        || command.split_whitespace().any(|word| {
            let name = word.rsplit('/').next().unwrap_or(word);
            name.starts_with("test_") || name.ends_with("_test.py") || name.ends_with(".test.js")
        })
}

/// Commands whose exit code 1 means "nothing" or "no", not a fault.
const ASKING: &[&str] = &[
    "grep", "rg", "egrep", "fgrep", "diff", "cmp", "test", "[", "which", "command", "type", "pgrep",
    "git diff", "git grep", "find", "ls", "kill", "pkill", "false",
];

/// Commands that show what lies in files: an error text in their output is not their own.
const SHOWING: &[&str] = &[
    "cat",
    "head",
    "tail",
    "sed",
    "awk",
    "less",
    "more",
    "bat",
    "grep",
    "rg",
    "egrep",
    "git log",
    "git show",
    "git diff",
    "git grep",
    "git blame",
    "ls",
    "find",
    "jq",
    "nl",
    "wc",
    "echo",
    "printf",
    "strings",
    "journalctl",
    "diff",
];

/// The part of a command line that decides its exit code, without leading assignments and `cd … &&`.
pub(crate) fn last_command(command: &str) -> &str {
    let mut part = command;
    for separator in ["&&", "||", ";", "|"] {
        if let Some((_, after)) = part.rsplit_once(separator)
            && !after.trim().is_empty()
        {
            part = after;
        }
    }
    part.trim()
}

fn begins_with_any(command: &str, any: &[&str]) -> bool {
    any.iter().any(|name| {
        command.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\n']))
    })
}

/// Whether a command does no more than show what lies in files.
pub(crate) fn shows(command: &str) -> bool {
    begins_with_any(command, SHOWING)
}

/// The first and the last lines of a text.
fn lines(text: &str) -> impl Iterator<Item = &str> {
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
fn told_exit(line: &str) -> Option<i32> {
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
fn says_failure(text: &str) -> bool {
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
fn bad_status(lower: &str) -> bool {
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
fn object_error(text: &str) -> bool {
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

/// Whether an outcome that the log does not call failed says all the same that it did.
fn tells(step: &ClosedStep<'_>, text: &str) -> Option<()> {
    let kind = step.step.tool_kind().unwrap_or(ToolKind::Other);
    let command = step.request.and_then(|request| request.command.as_deref()).unwrap_or("");
    let first = lines(text).next()?;
    let lower = crate::text::clip(first, 200).to_ascii_lowercase();
    if told_exit(first).is_some_and(|code| code != 0) {
        return Some(());
    }
    // What a file or a page holds is not what the call says.
    let shows = matches!(kind, ToolKind::Read | ToolKind::Search)
        || (kind == ToolKind::Shell && begins_with_any(command.trim(), SHOWING));
    if lower.starts_with("<tool_use_error>") {
        return Some(());
    }
    if !shows || text.len() < 400 {
        if says_failure(first) {
            return Some(());
        }
        if lower.starts_with('{') && (json_error(&lower) || object_error(text)) {
            return Some(());
        }
    }
    if (matches!(kind, ToolKind::Fetch) || command.contains("curl")) && bad_status(&lower) {
        return Some(());
    }
    if matches!(kind, ToolKind::Shell | ToolKind::Code) && !shows && has_traceback(text) && !is_check(command)
    {
        return Some(());
    }
    None
}

/// Whether the read part of a text holds a traceback at the beginning of a line.
fn has_traceback(text: &str) -> bool {
    let mark = "Traceback (most recent call last)";
    [crate::text::clip(text, READ_BYTES), crate::text::clip_front(text, READ_BYTES)].iter().any(|part| {
        memchr::memmem::find_iter(part.as_bytes(), mark)
            .any(|at| at == 0 || part.as_bytes().get(at - 1) == Some(&b'\n'))
    })
}

/// Whether the first line of a JSON object, in lower case, tells of an error.
fn json_error(lower: &str) -> bool {
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

/// The fault that a closed step's outcome tells of. A refusal by a person, a policy or a hook, and an
/// interruption, are none.
pub(crate) fn of<'a>(step: &ClosedStep<'a>) -> Option<Fault<'a>> {
    if step.step.is_message() || matches!(step.step.status, Status::Denied | Status::Interrupted) {
        return None;
    }
    let text = step.outcome.map_or("", |passage| passage.text.as_str());
    let command = step.request.and_then(|request| request.command.as_deref()).unwrap_or("");
    let failed = step.step.failed();
    if failed {
        let asks = begins_with_any(last_command(command), ASKING);
        let said_no = step.step.exit_code == Some(1) || text.trim().is_empty();
        if asks
            && said_no
            && step.step.exit_code.is_none_or(|code| code == 1)
            && text.len() < 400
            && step.step.status != Status::Timeout
            && !says_failure(text)
        {
            return None;
        }
    } else {
        tells(step, text)?;
    }
    // Waiting in vain is what waiting is for.
    let tool = step.tool.to_ascii_lowercase();
    if step.step.exit_code.is_none() && tool.contains("wait") && sort(telling_line(text)) == Sort::Timeout {
        return None;
    }
    let line = telling_line(text);
    let sort = if step.step.status == Status::Timeout {
        Sort::Timeout
    } else if is_check(command) && !matches!(sort(line), Sort::Absent | Sort::Access | Sort::Timeout) {
        Sort::Check
    } else {
        sort(line)
    };
    Some(Fault { sort, line, hidden: !failed })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_by_what_can_be_done() {
        assert_eq!(sort("HTTP 503 Service Unavailable"), Sort::Transient);
        assert_eq!(sort("requests.exceptions.ReadTimeout: read timed out"), Sort::Timeout);
        assert_eq!(sort("cp: cannot create x: Permission denied"), Sort::Access);
        assert_eq!(sort("Error: user not found"), Sort::Absent);
        assert_eq!(sort("f() got an unexpected keyword argument 'z'"), Sort::Arguments);
        assert_eq!(sort("line 5000: syntax error"), Sort::Other);
    }

    #[test]
    fn the_telling_line_is_the_named_error() {
        let text = "Traceback (most recent call last):\n  File \"a.py\", line 1\nValueError: no\n";
        assert_eq!(telling_line(text), "ValueError: no");
        assert_eq!(telling_line("Exit code 1\nbash: foo: command not found"), "bash: foo: command not found");
        assert_eq!(telling_line("Exit code 1"), "Exit code 1");
    }

    #[test]
    fn json_errors_are_read_and_empty_ones_are_not() {
        assert!(json_error("{\"error\": \"no such order\"}"));
        assert!(!json_error("{\"error\": null, \"data\": 1}"));
        assert!(json_error("{\"data\": 1, \"success\": false}"));
    }

    #[test]
    fn a_servers_status_line_is_read() {
        for line in ["http/1.1 503 service unavailable", "http 500", "status code: 404", "502 bad gateway"] {
            assert!(bad_status(line), "{line}");
        }
        for line in ["http/1.1 200 ok", "503 orders were shipped", "500", "status: 12 ready", "4040 x"] {
            assert!(!bad_status(line), "{line}");
        }
    }

    #[test]
    fn fields_that_say_failure_are_read_in_small_objects() {
        for text in [
            r#"{"message": "no", "error": {"code": 5}}"#,
            r#"{"status": "failed", "reason": "busy"}"#,
            r#"{"statusCode": 502}"#,
            r#"{"data": null, "success": false}"#,
        ] {
            assert!(object_error(text), "{text}");
        }
        for text in [
            r#"{"error": null, "data": 1}"#,
            r#"{"status": "delivered"}"#,
            r#"{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"status":"failed"}"#,
            r#"{"errors": []}"#,
            "[1]",
        ] {
            assert!(!object_error(text), "{text}");
        }
    }

    #[test]
    fn a_checks_command_is_told_from_others() {
        assert!(is_check("cd app && python -m pytest -q"));
        assert!(is_check("python test_app.py"));
        assert!(!is_check("python app.py"));
        assert!(CHECKS.is_some());
    }
}
