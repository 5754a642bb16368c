//! Codex's structured items as the texts that the tools take and give.

use std::borrow::Cow;

use serde::Serialize;

use super::outcome::{Outcome, of_item};
use super::record::{Arguments, Change, McpResult};
use crate::format::json::{Entries, Plain, Shape, content_text};
use crate::trace::{PlanItem, PlanStatus, Status};

pub(super) fn plan_items<'a>(arguments: Arguments<'_>) -> Vec<PlanItem<'a>> {
    arguments
        .plan
        .into_list()
        .into_iter()
        .filter_map(|line| match line {
            Shape::Map(mut line) => Some(PlanItem {
                status: match line.status.or_empty() {
                    "in_progress" => PlanStatus::Active,
                    "completed" => PlanStatus::Done,
                    _ => PlanStatus::Pending,
                },
                text: Cow::Owned(line.step.take().into_owned()),
            }),
            _ => None,
        })
        .collect()
}

/// The command that a shell was asked to run, without the shell.
pub(super) fn command_text(command: &Plain<'_>) -> String {
    let words: Vec<&str> = match command {
        Shape::List(words) => words.iter().filter_map(Shape::text).collect(),
        one => return one.or_empty().to_owned(),
    };
    match words.as_slice() {
        [_, "-lc" | "-c" | "-Command", script] => (*script).to_owned(),
        words => words.join(" "),
    }
}

#[derive(Serialize)]
struct CommandInput<'a> {
    cmd: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    workdir: &'a str,
}

pub(super) fn command_input<'a>(command: &Plain<'_>, cwd: &Plain<'_>) -> Cow<'a, str> {
    let input =
        CommandInput { cmd: &command_text(command), workdir: cwd.or_empty().trim_start_matches("file://") };
    Cow::Owned(serde_json::to_string(&input).unwrap_or_default())
}

/// A patch in the form in which the tool takes it.
pub(super) fn patch_text<'a>(changes: Shape<'_, Entries<'_, Change<'_>>>) -> Cow<'a, str> {
    let mut patch = String::from("*** Begin Patch\n");
    if let Shape::Map(changes) = changes {
        for (path, change) in changes.0 {
            let Shape::Map(change) = change else { continue };
            let verb = match change.r#type.or_empty() {
                "add" => "Add",
                "delete" => "Delete",
                _ => "Update",
            };
            patch.push_str(&format!("*** {verb} File: {path}\n"));
            if let Some(to) = change.move_path.text() {
                patch.push_str(&format!("*** Move to: {to}\n"));
            }
            if let Some(content) = change.content.text().filter(|_| verb == "Add") {
                for line in content.lines() {
                    patch.push_str(&format!("+{line}\n"));
                }
            }
            if let Some(diff) = change.unified_diff.text() {
                patch.push_str(diff);
                if !diff.ends_with('\n') {
                    patch.push('\n');
                }
            }
        }
    }
    patch.push_str("*** End Patch\n");
    Cow::Owned(patch)
}

pub(super) fn mcp_tool<'a>(server: &str, tool: &str) -> Cow<'a, str> {
    Cow::Owned(format!("mcp__{server}__{tool}"))
}

pub(super) fn mcp_outcome<'a>(
    result: Shape<'a, Box<McpResult<'a>>>,
    status: &Plain<'_>,
) -> (Outcome, Cow<'a, str>) {
    let Shape::Map(mut result) = result else {
        return (of_item(status, &Shape::Nothing), Cow::Borrowed(""));
    };
    if !result.err.is_nothing() {
        return (Outcome::of(Status::Error), result.err.take());
    }
    match result.ok {
        Shape::Map(ok) => {
            let status = if ok.is_error.yes() { Status::Error } else { Status::Ok };
            (Outcome::of(status), content_text(ok.content))
        }
        _ => (of_item(status, &Shape::Nothing), content_text(result.content)),
    }
}
