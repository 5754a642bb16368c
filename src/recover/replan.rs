//! Replans: what stands and stays, what is dropped and why, what is redone in which order, with a check
//! after each; as a diff against the run's own plan where it has one.

use rustc_hash::FxHashSet;

use super::remedies::Case;
use crate::detect::{Finding, Part};
use crate::text::{excerpt, quoted};
use crate::trace::{PlanLine, PlanStatus, Run, Status, Step, StepId};

const LINE_BYTES: usize = 120;
const MOST_LINES: usize = 10;
/// How many effects a proposal names.
pub(super) const MOST_EFFECTS: usize = 20;

/// The text of a replan from the earliest step that is wrong, and how many things it has redone. Every
/// word of the log stands in quotes.
pub(super) fn replan(case: &Case<'_>) -> (String, usize) {
    let (run, root) = (case.ground.run, case.root);
    let mut text = excerpt(&case.finding.instruction, 600);
    text.push_str("\nThe plan from here, against your own (= stays, - goes, + is done now):");
    let doubted = doubted(run, case.finding);
    let stays = kept(run, root);
    push_lines(&mut text, "=", &stays, " was seen to work");
    let done =
        run.plan.iter().filter(|line| line.status == PlanStatus::Done && !doubted.contains(&&line.text));
    let redo = redo(run, &doubted);
    // Where nothing is open, what is said to be done is looked at again instead.
    if !redo.verifies {
        for line in done.take(MOST_LINES) {
            text.push_str(&format!("\n= {}", quoted(&line.text, LINE_BYTES)));
        }
    }
    let goes = dropped(run, root, case.step.id);
    push_lines(&mut text, "-", &goes, &format!(" rests on step {}", root.0));
    let check = super::draft::check_of(case.finding);
    let first = if root < case.step.id || redo.lines.is_empty() {
        let label = run.step(root).map_or_else(String::new, |step| format!(", {}", quoted(&step.label, 100)));
        Some(format!("Look again, at its source, at what step {} says{label}", root.0))
    } else {
        None
    };
    let verb = if redo.verifies { "Verify " } else { "" };
    let rest = redo.lines.iter().map(|line| format!("{verb}{}", quoted(line, LINE_BYTES)));
    let all: Vec<String> = first.into_iter().chain(rest).take(MOST_LINES + 1).collect();
    for (number, line) in all.iter().enumerate() {
        text.push_str(&format!("\n+ {}. {line}; then check its result and quote it.", number + 1));
    }
    match check {
        Some(check) => text.push_str(&format!(
            "\nSay that it is done only when {} has been seen to succeed after the last of these.",
            quoted(&check, 200)
        )),
        None => text.push_str("\nSay that it is done only when every check above has been seen to pass."),
    }
    (text, all.len())
}

fn push_lines(text: &mut String, sign: &str, lines: &Lines, why: &str) {
    for line in &lines.first {
        text.push_str(&format!("\n{sign} {line}{why}"));
    }
    if lines.count > lines.first.len() {
        text.push_str(&format!("\n{sign} and {} more", lines.count - lines.first.len()));
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
                lines.first.push(format!("step {}, {},", step.id.0, quoted(&step.label, LINE_BYTES)));
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

/// Items of the plan that are said to be done and that the finding says are not.
fn doubted<'r>(run: &'r Run, finding: &Finding) -> Vec<&'r String> {
    let claimed = |line: &PlanLine| {
        finding.evidence.iter().filter(|e| e.part == Part::Claim).any(|e| e.text == line.text)
    };
    let done = run.plan.iter().filter(|line| line.status == PlanStatus::Done);
    done.filter(|line| claimed(line)).map(|line| &line.text).collect()
}

/// What is to be done again or still.
struct Redo<'r> {
    lines: Vec<&'r str>,
    /// All of it is said to be done and nothing names what is not.
    verifies: bool,
}

/// The plan's items that are not done, and before them those that the finding says are not.
fn redo<'r>(run: &'r Run, doubted: &[&'r String]) -> Redo<'r> {
    let open = |line: &&PlanLine| matches!(line.status, PlanStatus::Pending | PlanStatus::Active);
    let still = run.plan.iter().filter(open).map(|line| line.text.as_str());
    let lines: Vec<&str> = doubted.iter().map(|text| text.as_str()).chain(still).collect();
    if !lines.is_empty() {
        return Redo { lines, verifies: false };
    }
    let done = run.plan.iter().filter(|line| line.status == PlanStatus::Done);
    Redo { lines: done.map(|line| line.text.as_str()).collect(), verifies: true }
}
