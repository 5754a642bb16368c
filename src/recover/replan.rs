//! Replans: what stands and stays, what is dropped and why, what is redone in which order, with a check
//! after each; made against the run's own plan where it has one.

use crate::detect::Finding;
use crate::text::excerpt;
use crate::trace::{PlanStatus, Run, Status, Step, StepId};

const LINE_BYTES: usize = 160;
const MOST_LINES: usize = 12;

/// The text of a replan for a step, from the earliest step that is wrong.
pub(super) fn replan(run: &Run, step: &Step, finding: &Finding) -> String {
    let root = finding.root.unwrap_or(step.id).min(step.id);
    let mut text = excerpt(&finding.instruction, 600);
    let kept = kept(run, root);
    if !kept.is_empty() {
        text.push_str("\nKeep, as it was seen to work:");
        push_lines(&mut text, &kept);
    }
    let dropped = dropped(run, root, step.id);
    if !dropped.is_empty() {
        text.push_str(&format!("\nDrop, as it rests on step {}:", root.0));
        push_lines(&mut text, &dropped);
    }
    let redo = redo(run);
    text.push_str("\nThen, in this order, with a check that you can show after each:");
    if redo.is_empty() {
        text.push_str(&format!(
            "\n1. Look again, at its source, at what step {} says{}.\n2. Repeat what was built on it.",
            root.0,
            run.step(root).map(|s| format!(" ({})", excerpt(&s.label, 100))).unwrap_or_default(),
        ));
    } else {
        for (number, line) in redo.iter().take(MOST_LINES).enumerate() {
            text.push_str(&format!("\n{}. {line}; then check its result and quote it.", number + 1));
        }
    }
    text.push_str("\nSay that it is done only when every check above has been seen to pass.");
    text
}

fn push_lines(text: &mut String, lines: &[String]) {
    for line in lines.iter().take(MOST_LINES) {
        text.push_str("\n- ");
        text.push_str(line);
    }
    if lines.len() > MOST_LINES {
        text.push_str(&format!("\n- and {} more", lines.len() - MOST_LINES));
    }
}

/// Calls before the root that changed something and are known to have succeeded.
fn kept(run: &Run, root: StepId) -> Vec<String> {
    run.steps
        .iter()
        .take(root.index())
        .filter(|s| !s.is_message() && s.status == Status::Ok && run.effects.iter().any(|e| e.step == s.id))
        .map(|s| format!("step {}: {}", s.id.0, excerpt(&s.label, LINE_BYTES)))
        .collect()
}

/// What was done from the root to the step where it shows, and left something behind.
fn dropped(run: &Run, root: StepId, shows: StepId) -> Vec<String> {
    if root >= shows {
        return Vec::new();
    }
    run.steps
        .iter()
        .skip(root.index())
        .take_while(|s| s.id <= shows)
        .filter(|s| s.id == root || s.is_message() || run.effects.iter().any(|e| e.step == s.id))
        .map(|s| format!("step {}: {}", s.id.0, excerpt(&s.label, LINE_BYTES)))
        .collect()
}

/// The plan's items that are not done, or whose "done" nothing supports.
fn redo(run: &Run) -> Vec<String> {
    let open: Vec<String> = run
        .plan
        .iter()
        .filter(|line| matches!(line.status, PlanStatus::Pending | PlanStatus::Active))
        .map(|line| excerpt(&line.text, LINE_BYTES))
        .collect();
    if open.is_empty() {
        // All is said to be done: then all of it is to be shown.
        return run
            .plan
            .iter()
            .filter(|line| line.status == PlanStatus::Done)
            .map(|line| format!("Verify: {}", excerpt(&line.text, LINE_BYTES)))
            .collect();
    }
    open
}
