//! What is said of a claim that something speaks against: the finding, and how to mend it.

use super::grammar::{About, Claim, Reach};
use super::judge::Against;
use super::rules::{
    BACKGROUND, CONTRADICTED, COUNT_DIFFERS, EMPTY_RUN, MASKED, NARROWER, SHRUNK, STALE, STALE_REPORT,
    UNSUPPORTED,
};
use crate::detect::summary::Says;
use crate::detect::{CheckKind, Evidence, Finding, Means, Part, Rule, checks};
use crate::trace::{Probability, RecordRef, StepId};

/// Where a claim stands.
pub(super) struct Place {
    pub(super) step: StepId,
    pub(super) root: Option<StepId>,
    pub(super) record: RecordRef,
}

/// The finding that a contradiction makes.
pub(super) fn finding(
    claim: &Claim,
    against: &Against<'_>,
    place: &Place,
    sentence: &str,
) -> Option<Finding> {
    let said = &claim.said;
    let part = if claim.reach == Reach::Part { 0.9 } else { 1.0 };
    let step_no = |id: StepId| id.0;
    let (rule, strength, fact, check): (&'static Rule, f64, String, Option<&checks::Check>) = match against {
        Against::Failed(check, doubt) => {
            let plain = check.summary.as_ref().is_some_and(|s| s.says == Says::Fail);
            let strength = if plain {
                0.96
            } else if check.summary.is_some() {
                0.75
            } else {
                0.9
            };
            let strength = if *doubt || check.hinted { strength * 0.7 } else { strength };
            let counts = claim.counts.passed.is_some() && claim.counts.total.is_some();
            let rule = if counts && plain { &COUNT_DIFFERS } else { &CONTRADICTED };
            (rule, strength, format!("the runner {}", check.told()), Some(check))
        }
        Against::NotStarted(check) => {
            (&CONTRADICTED, 0.88, format!("`{}` {}", check.called.command, check.told()), Some(check))
        }
        Against::OnlyPart(failed, latest) => (
            &NARROWER,
            if claim.reach == Reach::Stressed { 0.6 } else { 0.45 },
            format!(
                "`{}` {}, and after it only `{}` passed",
                failed.called.command,
                failed.told(),
                latest.called.command
            ),
            Some(failed),
        ),
        Against::Counts(check, strength) => {
            (&COUNT_DIFFERS, *strength, format!("the runner {}", check.told()), Some(check))
        }
        Against::Shrunk(before, now) => (
            &SHRUNK,
            0.45,
            format!(
                "the runner {}, and before that {}: the failing ones are gone",
                now.told(),
                before.told()
            ),
            Some(now),
        ),
        Against::Empty(check) => (&EMPTY_RUN, 0.8, "the last run held no tests".to_owned(), Some(check)),
        Against::Stale { check, change, unknown } => {
            let failed = check.verdict == checks::Verdict::Failed;
            let strength = if failed { 0.8 } else { 0.5 };
            let strength = if *unknown { strength * 0.8 } else { strength };
            let fact = if failed {
                format!(
                    "the last run {} before {} was changed (step {}), and none came after",
                    check.told(),
                    change.file,
                    step_no(change.step)
                )
            } else {
                format!("nothing was run after {} was changed (step {})", change.file, step_no(change.step))
            };
            (&STALE, strength, fact, Some(check))
        }
        Against::OldReport(report, change) => (
            &STALE_REPORT,
            0.5,
            match change {
                Some(change) => format!(
                    "{}, which it read (step {}), was written before {} was changed (step {})",
                    report.file,
                    step_no(report.step),
                    change.file,
                    step_no(change.step)
                ),
                None => format!("it only read {} (step {})", report.file, step_no(report.step)),
            },
            None,
        ),
        Against::NotWhole(check) => {
            (&NARROWER, 0.5, format!("only a part was run: `{}`", check.called.command), Some(check))
        }
        Against::Share(check) => {
            let shares = &check.shares;
            let last = shares.last().copied().unwrap_or(0);
            (&COUNT_DIFFERS, 0.75, format!("the runner printed {}.{} %", last / 10, last % 10), Some(check))
        }
        Against::Warned(check) => (
            &CONTRADICTED,
            0.6,
            format!(
                "`{}` printed {} warning(s)",
                check.called.command,
                check.summary.as_ref().map_or(0, |s| s.warnings)
            ),
            Some(check),
        ),
        Against::Masked(check) => (
            &MASKED,
            0.4,
            format!(
                "`{}` hides its outcome by `{}`",
                check.called.command,
                check.called.mask.as_deref().unwrap_or_default()
            ),
            Some(check),
        ),
        Against::Background(check) => (
            &BACKGROUND,
            0.5,
            format!("`{}` runs in the background and its outcome was never seen", check.called.command),
            Some(check),
        ),
        Against::BrokenOff(check) => {
            (&UNSUPPORTED, 0.55, format!("`{}` was broken off", check.called.command), Some(check))
        }
        Against::None { change, unknown } => {
            let strength = match (claim.about, claim.ran) {
                (About::Kind(CheckKind::Test), true) => 0.85,
                (About::Kind(CheckKind::Test), false) => 0.6,
                (_, true) => 0.6,
                (About::Kind(CheckKind::Deploy), false) => 0.35,
                _ => 0.4,
            };
            // Nobody knows what an unknown program does: enough to look at, not to alarm.
            let strength = if *unknown { strength * 0.6 } else { strength };
            let fact = match change {
                Some(change) => format!(
                    "nothing was run after the last edit (step {}) or before it",
                    step_no(change.step)
                ),
                None => "nothing was run".to_owned(),
            };
            (&UNSUPPORTED, strength, fact, None)
        }
    };
    let mut evidence = vec![Evidence::new(place.record, Part::Claim, sentence)];
    match against {
        Against::Stale { check, change, .. } => {
            evidence.push(Evidence::new(check.record, Part::Context, &check.line));
            evidence.push(Evidence::new(change.record, Part::Against, &change.file));
        }
        Against::OnlyPart(failed, latest) => {
            evidence.push(Evidence::new(failed.record, Part::Against, &failed.line));
            evidence.push(Evidence::new(latest.record, Part::Context, &latest.line));
        }
        Against::Shrunk(before, now) => {
            evidence.push(Evidence::new(before.record, Part::Against, &before.line));
            evidence.push(Evidence::new(now.record, Part::Context, &now.line));
        }
        Against::OldReport(report, change) => {
            evidence.push(Evidence::new(report.record, Part::Against, &report.line));
            if let Some(change) = change {
                evidence.push(Evidence::new(change.record, Part::Context, &change.file));
            }
        }
        Against::None { change: Some(change), .. } => {
            evidence.push(Evidence::new(change.record, Part::Context, &change.file))
        }
        _ => {
            if let Some(check) = check {
                let line =
                    if check.line.is_empty() { check.called.command.as_str() } else { check.line.as_str() };
                evidence.push(Evidence::new(check.record, Part::Against, line));
            }
        }
    }
    let (instruction, means) = mend(claim, against, check.map(|c| c.called.command.as_str()));
    Some(Finding {
        rule,
        step: place.step,
        root: place.root,
        strength: Probability::new(strength * part),
        evidence,
        sentence: format!("says {said}; {fact}"),
        instruction,
        means,
    })
}

/// What the agent should do next, and what can hold it to that.
fn mend(claim: &Claim, against: &Against<'_>, command: Option<&str>) -> (String, Vec<Means>) {
    // A command that was cut or redacted cannot be run again.
    let command = command.filter(|c| !c.contains('…') && !c.contains('«'));
    let what = match claim.about {
        About::Kind(kind) => kind.word(),
        About::Checks => "checks",
        About::Coverage => "tests with coverage",
    };
    let Some(command) = command else {
        return (
            format!(
                "Run the project's {what} now and read the last lines of the output. Report what they say. Fix what fails before you say that it is done."
            ),
            Vec::new(),
        );
    };
    let instruction = match against {
        Against::Counts(..) | Against::Shrunk(..) => format!(
            "Run `{command}` again now and read its last lines. Report exactly the numbers that it prints: passed, failed and skipped. Do not remove or skip a test to make it pass."
        ),
        Against::Stale { change, .. } => format!(
            "Run `{command}` now, because {} was changed after its last run. Read its last lines and report what they say. Fix what fails before you say that it is done.",
            change.file
        ),
        Against::Masked(_) => format!(
            "Run `{command}` alone, so that its own exit status and last lines are seen. Report what they say. Fix what fails before you say that it is done."
        ),
        Against::Empty(_) => format!(
            "Find out why `{command}` runs no tests, run it so that it does, and report the numbers that it prints."
        ),
        Against::NotStarted(_) => format!(
            "Make `{command}` start, or find the command by which this project is checked, and run it. Report what it prints. If it cannot be run, say so."
        ),
        _ => format!(
            "Run `{command}` again now and read its last lines. Report the numbers that it prints. Fix the failures before you say that it is done."
        ),
    };
    (instruction, vec![Means::KeepOpenUntil { command: command.to_owned() }])
}
