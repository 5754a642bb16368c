//! The agent's own plan, from the calls with which Claude Code keeps it: `TodoWrite` says it whole,
//! `TaskCreate` and `TaskUpdate` change it, `ExitPlanMode` puts it as prose.

use std::borrow::Cow;

use serde::Deserialize;

use crate::format::json::{Plain, Raw, Shape};
use crate::format::prose::plan_of_prose;
use crate::trace::{PlanItem, PlanStatus};

/// Tasks as far as the calls have said.
#[derive(Default)]
pub(super) struct Tasks {
    tasks: Vec<Task>,
}

struct Task {
    id: String,
    text: String,
    status: PlanStatus,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Input<'a> {
    #[serde(borrow)]
    todos: Shape<'a, Todo<'a>>,
    #[serde(borrow)]
    plan: Plain<'a>,
    #[serde(borrow)]
    subject: Plain<'a>,
    #[serde(borrow, rename = "taskId")]
    task_id: Plain<'a>,
    #[serde(borrow)]
    status: Plain<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Todo<'a> {
    #[serde(borrow)]
    content: Plain<'a>,
    #[serde(borrow)]
    status: Plain<'a>,
}

/// The most tasks that are remembered of one source.
const MOST: usize = 500;

impl Tasks {
    /// The plan as it stands after a call of `tool`, if the call is about the plan.
    pub(super) fn after<'a>(&mut self, tool: &str, input: Raw<'a>) -> Option<Vec<PlanItem<'a>>> {
        if !matches!(tool, "TodoWrite" | "TaskCreate" | "TaskUpdate" | "ExitPlanMode") {
            return None;
        }
        let mut input: Input<'a> = serde_json::from_str(input?.get()).ok()?;
        match tool {
            "TodoWrite" => Some(
                input
                    .todos
                    .into_list()
                    .into_iter()
                    .filter_map(|todo| match todo {
                        Shape::Map(mut todo) => Some(PlanItem {
                            status: status(&todo.status).unwrap_or(PlanStatus::Pending),
                            text: todo.content.take(),
                        }),
                        _ => None,
                    })
                    .collect(),
            ),
            "ExitPlanMode" => Some(plan_of_prose(input.plan.take())),
            "TaskCreate" => {
                if self.tasks.len() < MOST {
                    self.tasks.push(Task {
                        id: (self.tasks.len() + 1).to_string(),
                        text: input.subject.take().into_owned(),
                        status: PlanStatus::Pending,
                    });
                }
                Some(self.items())
            }
            _ => {
                let id = input.task_id.text()?;
                let task = self.tasks.iter_mut().find(|task| task.id == id)?;
                if let Some(status) = status(&input.status) {
                    task.status = status;
                }
                if let Some(text) = input.subject.text() {
                    text.clone_into(&mut task.text);
                }
                Some(self.items())
            }
        }
    }

    /// Takes the id that the result of a `TaskCreate` gives its task.
    pub(super) fn created(&mut self, id: &str, subject: &str) {
        if let Some(task) = self.tasks.iter_mut().rev().find(|task| task.text == subject) {
            id.clone_into(&mut task.id);
        }
    }

    fn items<'a>(&self) -> Vec<PlanItem<'a>> {
        self.tasks
            .iter()
            .map(|task| PlanItem { text: Cow::Owned(task.text.clone()), status: task.status })
            .collect()
    }
}

fn status(word: &Plain<'_>) -> Option<PlanStatus> {
    match word.text()? {
        "pending" => Some(PlanStatus::Pending),
        "in_progress" => Some(PlanStatus::Active),
        "completed" => Some(PlanStatus::Done),
        "deleted" | "cancelled" => Some(PlanStatus::Dropped),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::value::RawValue;

    fn after(tasks: &mut Tasks, tool: &str, input: &str) -> Option<Vec<(String, PlanStatus)>> {
        let raw: Box<RawValue> = serde_json::from_str(input).unwrap();
        let items = tasks.after(tool, Some(&raw))?;
        Some(items.into_iter().map(|i| (i.text.into_owned(), i.status)).collect())
    }

    #[test]
    fn a_plan_is_kept_by_creating_and_updating() {
        let mut tasks = Tasks::default();
        after(&mut tasks, "TaskCreate", r#"{"subject":"read"}"#).unwrap();
        tasks.created("7", "read");
        after(&mut tasks, "TaskCreate", r#"{"subject":"write"}"#).unwrap();
        let plan = after(&mut tasks, "TaskUpdate", r#"{"taskId":"7","status":"completed"}"#).unwrap();
        assert_eq!(plan, [("read".to_owned(), PlanStatus::Done), ("write".to_owned(), PlanStatus::Pending)]);
        assert!(after(&mut tasks, "Bash", r#"{"command":"ls"}"#).is_none());
    }

    #[test]
    fn a_broken_item_does_not_hide_the_others() {
        let plan = after(
            &mut Tasks::default(),
            "TodoWrite",
            r#"{"todos":["broken",{"content":"go on","status":"in_progress"}]}"#,
        );
        assert_eq!(plan.unwrap(), [("go on".to_owned(), PlanStatus::Active)]);
    }
}
