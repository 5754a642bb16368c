//! A result that is told of after the thing has changed: an edit comes after the last test run.

use super::Placed;
use super::chance::Chance;
use super::draft::Draft;
use super::outcomes::tested;
use super::recording::What;
use crate::trace::ToolKind;

pub(super) fn stale_result(draft: &mut Draft, chance: &mut Chance) -> Result<Placed, &'static str> {
    const NONE: &str = "no edit stands before a passing test run that is told of";
    let calls = draft.calls();
    let mut places = Vec::new();
    for at in tested(draft) {
        let (Some(run), Some(claim)) = (draft.act(at.call.result), draft.act(at.claim)) else { continue };
        for edit in &calls {
            let (Some(asked), Some(answered)) = (draft.act(edit.call), draft.act(edit.result)) else {
                continue;
            };
            let well = matches!(answered.what, What::Result { bad: false, .. });
            let alone = !draft.acts().iter().enumerate().any(|(other, act)| {
                let within = act.line >= asked.line && act.line <= answered.line;
                within
                    && other != edit.call
                    && other != edit.result
                    && !matches!(act.what, What::Message { closing: false } | What::Reasoning)
            });
            let edits = matches!(edit.kind, ToolKind::Edit | ToolKind::Write) && code(&asked.text);
            if edits && well && alone && answered.line < run.line && run.line < claim.line {
                places.push((asked.line, answered.line, run.line, claim.line, claim.agent.clone()));
            }
        }
    }
    let Some((first, last, run, claim, agent)) = chance.one(&places).cloned() else { return Err(NONE) };
    let (before, time) = (draft.value(first), draft.value(run));
    // What a log chains stays a chain: the edit's children go to its parent, and the edit goes between
    // the test run and what follows it.
    if let (Some(before), Some(result), Some(run)) = (&before, draft.value(last), &time)
        && let (Some(parent), Some(own)) = (before.get("parentUuid"), result.get("uuid"))
        && let Some(of_run) = run.get("uuid")
    {
        super::repeats::rename_parent(draft, last + 1, own, parent);
        for line in (0..draft.len()).skip(claim.min(draft.len()).saturating_sub(64)) {
            let Some(mut value) = draft.value(line) else { continue };
            if line > last
                && value.get("parentUuid") == Some(of_run)
                && let Some(place) = value.get_mut("parentUuid")
            {
                *place = own.clone();
                draft.set(line, value);
            }
        }
        let mut moved = before.clone();
        if let Some(place) = moved.get_mut("parentUuid") {
            *place = of_run.clone();
        }
        draft.set(first, moved);
    }
    for key in ["timestamp", "time"] {
        let Some(late) = time.as_ref().and_then(|value| value.get(key)).cloned() else { continue };
        for line in first..=last {
            let Some(mut value) = draft.value(line) else { continue };
            if let Some(place) = value.get_mut(key) {
                *place = late.clone();
                draft.set(line, value);
            }
        }
    }
    draft.move_down(first..last + 1, run + 1);
    let moved = run - (last - first);
    Ok(Placed {
        step: claim,
        also: vec![moved],
        agent,
        what: "the last edit comes after the last test run".to_owned(),
    })
}

/// Whether an edit is of code: prose cannot make a test run stale.
fn code(input: &str) -> bool {
    [".py", ".rs", ".js", ".ts", ".go", ".c", ".h", ".java", ".rb", ".php", ".tsx", ".cpp", ".sh"].iter().any(
        |ending| {
            input.match_indices(ending).any(|(at, _)| {
                input
                    .get(at + ending.len()..)
                    .and_then(|rest| rest.chars().next())
                    .is_none_or(|c| !c.is_alphanumeric())
            })
        },
    )
}
