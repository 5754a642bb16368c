//! Faults of the plan: an item is said to be done that was not worked on, or whose act failed.

use serde_json::Value;

use super::chance::Chance;
use super::draft::{Call, Draft};
use super::recording::What;
use super::{Placed, write};
use crate::trace::ToolKind;

pub(super) fn contradicted_plan(draft: &mut Draft, chance: &mut Chance) -> Result<Placed, &'static str> {
    if chance.below(2) == 0
        && let Ok(placed) = act_failed(draft, chance)
    {
        return Ok(placed);
    }
    too_early(draft, chance).or_else(|none| act_failed(draft, chance).map_err(|_| none))
}

/// Plans, each with the one before it: positions of acts.
fn plans(draft: &Draft) -> Vec<(usize, usize)> {
    let all: Vec<usize> = draft
        .acts()
        .iter()
        .enumerate()
        .filter(|(_, act)| matches!(act.what, What::Plan { .. }))
        .map(|(at, _)| at)
        .collect();
    all.iter().copied().zip(all.iter().copied().skip(1)).collect()
}

fn items(draft: &Draft, at: usize) -> Vec<(String, bool)> {
    match draft.act(at).map(|act| &act.what) {
        Some(What::Plan { items }) => items.clone(),
        _ => Vec::new(),
    }
}

/// Items that are open in both plans: one is said to be done in the second, whose turn has not come. Or
/// items of a plan before which nothing was done.
fn too_early(draft: &mut Draft, chance: &mut Chance) -> Result<Placed, &'static str> {
    let mut places = Vec::new();
    for (before, after) in plans(draft) {
        let known = items(draft, before);
        for (text, done) in items(draft, after) {
            if !done && known.contains(&(text.clone(), false)) {
                places.push((after, text));
            }
        }
    }
    if let Some(at) = first_plan(draft) {
        let open = items(draft, at).into_iter().filter(|(_, done)| !done);
        places.extend(open.skip(1).map(|(text, _)| (at, text)));
    }
    for (at, text) in chance.mixed(places) {
        let Some(act) = draft.act(at).cloned() else { continue };
        let Some(mut value) = draft.value(act.line) else { continue };
        if close(&mut value, &text) {
            draft.set(act.line, value);
            let what = format!("the plan says that this is done before it was: {text}");
            return Ok(Placed { step: act.line, also: Vec::new(), agent: act.agent, what });
        }
    }
    Err("no plan is told twice with an open item, or before anything was done")
}

/// The first plan, if its agent has called nothing before it.
fn first_plan(draft: &Draft) -> Option<usize> {
    let plan = draft.acts().iter().position(|act| matches!(act.what, What::Plan { .. }))?;
    let agent = &draft.act(plan)?.agent;
    let worked = draft.acts().iter().take(plan).any(|act| {
        act.agent == *agent && matches!(&act.what, What::Call { kind, .. } if *kind != ToolKind::Plan)
    });
    (!worked).then_some(plan)
}

/// Says of an item, wherever it stands in a record, that it is done. Arguments may be JSON in a text.
fn close(value: &mut Value, item: &str) -> bool {
    match value {
        Value::Object(map) => {
            let named = ["content", "step", "text", "subject"]
                .iter()
                .any(|key| map.get(*key).and_then(Value::as_str).is_some_and(|text| text == item));
            if named && let Some(Value::String(status)) = map.get_mut("status") {
                let done = if matches!(status.as_str(), "active" | "pending") && map.contains_key("text") {
                    "done"
                } else {
                    "completed"
                };
                map.insert("status".to_owned(), Value::String(done.to_owned()));
                return true;
            }
            map.iter_mut().any(|(_, inner)| close(inner, item))
        }
        Value::Array(list) => list.iter_mut().any(|inner| close(inner, item)),
        Value::String(text) if text.starts_with('{') => {
            let Ok(mut inner) = serde_json::from_str::<Value>(text) else { return false };
            let done = close(&mut inner, item);
            if done {
                *text = inner.to_string();
            }
            done
        }
        _ => false,
    }
}

/// The last call before a plan that closes an item fails.
fn act_failed(draft: &mut Draft, chance: &mut Chance) -> Result<Placed, &'static str> {
    const NONE: &str = "no plan closes an item after a call that went well";
    let calls = draft.calls();
    let mut places = Vec::new();
    for (before, after) in plans(draft) {
        let known = items(draft, before);
        let closed = items(draft, after)
            .into_iter()
            .find(|(text, done)| *done && known.contains(&(text.clone(), false)));
        let Some((text, _)) = closed else { continue };
        let last = calls.iter().rfind(|call| {
            let good =
                draft.act(call.result).is_some_and(|act| matches!(act.what, What::Result { bad: false, .. }));
            good && call.call > before
                && call.result < after
                && !matches!(call.kind, ToolKind::Plan | ToolKind::Agent | ToolKind::Read)
        });
        if let Some(call) = last {
            places.push((*call, after, text));
        }
    }
    let Some((call, at, text)) = chance.one(&places).cloned() else { return Err(NONE) };
    let (Some(act), Some(asked)) = (draft.act(at).cloned(), draft.act(call.call).map(|act| act.line)) else {
        return Err(NONE);
    };
    let failure = failure_of(&call);
    if !write::result(draft, &call, failure, true) {
        return Err(NONE);
    }
    let what = format!("the plan says that this is done, and its last act failed: {text}");
    Ok(Placed { step: act.line, also: vec![asked], agent: act.agent, what })
}

fn failure_of(call: &Call) -> &'static str {
    match call.kind {
        ToolKind::Edit | ToolKind::Write => "Error: permission denied",
        _ => "Exit code 1\nError: the command failed",
    }
}
