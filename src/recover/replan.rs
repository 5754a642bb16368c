//! Replans: what stands and stays, what is dropped and why, what is redone in which order, with a check
//! after each; made against the run's own plan where it has one.

use rustc_hash::FxHashSet;

use crate::detect::{Finding, Part};
use crate::text::excerpt;
use crate::trace::{PlanLine, PlanStatus, Run, Status, Step, StepId};

const LINE_BYTES: usize = 160;
const MOST_LINES: usize = 12;

/// The text of a replan for a step, from the earliest step that is wrong.
pub(super) fn replan(run: &Run, step: &Step, finding: &Finding) -> String {
    let root = finding.root.unwrap_or(step.id).min(step.id);
    let mut text = excerpt(&finding.instruction, 600);
    let kept = kept(run, root);
    if kept.count > 0 {
        text.push_str("\nKeep, as it was seen to work:");
        push_lines(&mut text, &kept);
    }
    let dropped = dropped(run, root, step.id);
    if dropped.count > 0 {
        text.push_str(&format!("\nDrop, as it rests on step {}:", root.0));
        push_lines(&mut text, &dropped);
    }
    let redo = redo(run, finding);
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

fn push_lines(text: &mut String, lines: &Lines) {
    for line in &lines.first {
        text.push_str("\n- ");
        text.push_str(line);
    }
    if lines.count > lines.first.len() {
        text.push_str(&format!("\n- and {} more", lines.count - lines.first.len()));
    }
}

/// The first few steps as lines, and how many there are.
struct Lines {
    first: Vec<String>,
    count: usize,
}

impl Lines {
    fn of<'s>(steps: impl Iterator<Item = &'s Step>) -> Self {
        let mut lines = Self { first: Vec::new(), count: 0 };
        for step in steps {
            if lines.count < MOST_LINES {
                lines.first.push(format!("step {}: {}", step.id.0, excerpt(&step.label, LINE_BYTES)));
            }
            lines.count += 1;
        }
        lines
    }
}

fn with_effects(run: &Run) -> FxHashSet<StepId> {
    run.effects.iter().map(|effect| effect.step).collect()
}

/// Calls before the root that changed something and are known to have succeeded.
fn kept(run: &Run, root: StepId) -> Lines {
    let with_effects = with_effects(run);
    let before = run.steps.iter().take(root.index());
    Lines::of(before.filter(|s| !s.is_message() && s.status == Status::Ok && with_effects.contains(&s.id)))
}

/// What was done from the root to the step where it shows, and left something behind.
fn dropped(run: &Run, root: StepId, shows: StepId) -> Lines {
    let with_effects = with_effects(run);
    let since = run.steps.iter().skip(root.index()).take_while(|s| root < shows && s.id <= shows);
    Lines::of(since.filter(|s| s.id == root || s.is_message() || with_effects.contains(&s.id)))
}

/// The plan's items that are not done, and before them those that the finding says are not.
fn redo(run: &Run, finding: &Finding) -> Vec<String> {
    let doubted = |line: &&PlanLine| {
        let claims = finding.evidence.iter().filter(|e| e.part == Part::Claim);
        line.status == PlanStatus::Done && claims.into_iter().any(|e| e.text == line.text)
    };
    let open = |line: &&PlanLine| matches!(line.status, PlanStatus::Pending | PlanStatus::Active);
    let lines = run.plan.iter();
    let all: Vec<String> = lines
        .clone()
        .filter(doubted)
        .chain(lines.clone().filter(open))
        .map(|line| excerpt(&line.text, LINE_BYTES))
        .collect();
    if all.is_empty() {
        // All is said to be done and nothing names what is not: then all of it is to be shown.
        let done = lines.filter(|line| line.status == PlanStatus::Done);
        return done.map(|line| format!("Verify: {}", excerpt(&line.text, LINE_BYTES))).collect();
    }
    all
}
