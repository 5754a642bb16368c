//! Faults: what a call's outcome says went wrong, and of what sort it is. Reads the first and the last
//! lines of an outcome only, so that a huge output costs no more than a small one.
//!
//! To teach it a message, add its words to the list of its sort.

mod said;
mod sort;

use std::sync::LazyLock;

use regex::Regex;

use crate::trace::{ClosedStep, Status, ToolKind};
use said::{bad_status, has_traceback, json_error, lines, object_error, says_failure, told_exit};
pub(crate) use said::{says_exit_only, telling_line};
pub(crate) use sort::{Sort, sort};

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
mod tests;
