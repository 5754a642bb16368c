//! The label of a copy, in the corpus's own form.

use serde_json::{Value, json};

use super::{Kind, Placed};

/// The label of a copy: `fault` without one is the untouched twin's. `twin` is the twin's run, `task` the
/// key that keeps runs of one task on one side of a split.
pub fn label_of(
    run: &str,
    twin: &str,
    task: &str,
    success: Option<bool>,
    fault: Option<(&Kind, &Placed)>,
) -> Value {
    let file = format!("runs/{run}.jsonl");
    let Some((kind, placed)) = fault else {
        return json!({
            "run": run, "dataset": "injected", "run_file": file, "success": success, "failed_step": null,
            "failed_agent": null, "class4": null, "errors": [], "split_key": task, "fault": null, "twin": null,
        });
    };
    let error = |step: usize, root: bool| json!({"step": step, "agent": placed.agent, "class4": kind.class.word(), "root": root});
    let mut errors = vec![error(placed.step, true)];
    errors.extend(placed.also.iter().filter(|at| **at != placed.step).map(|at| error(*at, false)));
    json!({
        "run": run, "dataset": "injected", "run_file": file, "success": false, "failed_step": placed.step,
        "failed_agent": placed.agent, "class4": kind.class.word(), "errors": errors, "split_key": task,
        "fault": kind.name, "twin": twin, "reason": crate::text::excerpt(&placed.what, 200),
    })
}
