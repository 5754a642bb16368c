//! Rollbacks: what takes an effect back. Only what is known to take back exactly that is named; what has
//! no known way back is a person's.

use super::substitute;
use crate::text::quoted;
use crate::trace::command::split;
use crate::trace::entity::scan;
use crate::trace::{Action, Effect, EffectKind, EffectStatus, EntityKind, Run, StepId, ToolKind};

/// How many effects one rollback names.
pub(super) const MOST: usize = 12;

/// An effect with what takes it back.
pub(super) struct WayBack<'r> {
    /// The effect.
    pub(super) effect: &'r Effect,
    /// The command, or the call; `None`: none is known.
    pub(super) by: Option<String>,
}

/// The effects of one step that came about, or may have, with what takes each back, the latest first.
pub(super) fn of_step<'r>(run: &'r Run, step: StepId, declared: &[String]) -> Vec<WayBack<'r>> {
    let there =
        |e: &&Effect| e.step == step && matches!(e.status, EffectStatus::Done | EffectStatus::Unknown);
    let effects = run.effects.iter().filter(there);
    let mut all: Vec<WayBack<'r>> =
        effects.take(MOST).map(|effect| WayBack { effect, by: by(effect, run, declared) }).collect();
    all.reverse();
    all
}

/// Whether every effect can be taken back, and there is one.
pub(super) fn whole(ways: &[WayBack<'_>]) -> bool {
    !ways.is_empty() && ways.len() < MOST && ways.iter().all(|way| way.by.is_some())
}

/// The lines of a rollback: each effect by name and what takes it back, log text in quotes.
pub(super) fn lines(ways: &[WayBack<'_>]) -> String {
    let mut text = String::new();
    for way in ways {
        let (step, target) = (way.effect.step.0, quoted(&way.effect.target, 120));
        let by = match &way.by {
            Some(by) => format!("take it back with {}", quoted(by, 200)),
            None => "leave it, and report it".to_owned(),
        };
        text.push_str(&format!("\n- step {step}, {target} ({}): {by}.", way.effect.status.word()));
    }
    text
}

fn by(effect: &Effect, run: &Run, declared: &[String]) -> Option<String> {
    // A target that was cut or had something taken out names nothing.
    if effect.target.contains(['…', '«', '⏎', '‹']) || effect.target.is_empty() {
        return None;
    }
    match effect.kind {
        EffectKind::File => file(effect, run),
        EffectKind::Repository => repository(effect, run),
        EffectKind::Transaction => {
            let step = run.step(effect.step)?;
            let Action::Call { tool, .. } = step.action else { return None };
            substitute::inverse(run.tool_name(tool), run, declared)
                .map(|inverse| format!("a call of {}", crate::text::excerpt(inverse, 60)))
        }
        EffectKind::Message | EffectKind::Request | EffectKind::System => None,
    }
}

fn file(effect: &Effect, run: &Run) -> Option<String> {
    let path = shell_word(&effect.target);
    if made(effect, run) {
        return Some(format!("rm -- {path}"));
    }
    // A file that was there before is put back as it was committed: where there is a repository, and
    // nothing else of this run is lost with it.
    let alone =
        run.effects.iter().filter(|e| e.kind == EffectKind::File && e.target == effect.target).count();
    (alone == 1 && in_repository(run)).then(|| format!("git checkout -- {path}"))
}

/// Whether a file was not there before this effect: the run has not heard of it, and a tool that writes
/// whole files wrote it.
fn made(effect: &Effect, run: &Run) -> bool {
    let Some(step) = run.step(effect.step) else { return false };
    if step.tool_kind() != Some(ToolKind::Write) {
        return false;
    }
    let earlier = run.effects.iter().any(|e| e.step < effect.step && e.target == effect.target);
    let mut known = None;
    scan(&effect.target, |mention| {
        if mention.kind == EntityKind::Path && known.is_none() {
            known = run.entities.get(mention.hash);
        }
    });
    let heard_of = known.is_some_and(|entity| {
        entity.origin.prompt
            || entity.first.is_none_or(|first| first < effect.step)
            || entity.first_observed.is_some_and(|seen| seen < effect.step)
    });
    !earlier && !heard_of
}

fn in_repository(run: &Run) -> bool {
    run.steps.iter().any(|step| {
        step.tool_kind() == Some(ToolKind::Shell)
            && step.status == crate::trace::Status::Ok
            && split(&step.label).iter().any(|simple| simple.program() == "git")
    })
}

fn repository(effect: &Effect, run: &Run) -> Option<String> {
    let commands = split(&effect.target);
    let git = commands.first().filter(|simple| simple.program() == "git")?;
    let operands: Vec<&str> = git.arguments().filter(|word| !word.starts_with('-')).collect();
    let later = run.effects.iter().any(|e| {
        e.kind == EffectKind::Repository && e.step > effect.step && e.status != EffectStatus::Failed
    });
    let amends = git.arguments().any(|word| word == "--amend");
    let name = || operands.get(1).map(|name| shell_word(name));
    match operands.first().copied()? {
        // Another commit since, and HEAD is no longer this one.
        "commit" | "cherry-pick" | "revert" if !later && !amends => {
            Some("git revert --no-edit HEAD".to_owned())
        }
        "merge" if !later => Some("git revert -m 1 --no-edit HEAD".to_owned()),
        "branch" if operands.len() == 2 && !deletes(git) => Some(format!("git branch -d -- {}", name()?)),
        "tag" if operands.len() == 2 && !deletes(git) => Some(format!("git tag -d {}", name()?)),
        "stash" if operands.len() == 1 && !later => Some("git stash pop".to_owned()),
        "switch" if !later => Some("git switch -".to_owned()),
        _ => None,
    }
}

fn deletes(git: &crate::trace::command::Simple) -> bool {
    git.arguments().any(|word| matches!(word, "-d" | "-D" | "--delete" | "-m" | "-M" | "-f" | "--force"))
}

/// A word as a shell takes it whole.
fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._/-+@%=:,~".contains(c);
    if word.chars().all(plain) && !word.starts_with(['-', '~']) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recover::draft::tests::played;
    use crate::trace::Status;

    fn ways(calls: &[(&str, &str)], declared: &[&str]) -> Vec<(String, Option<String>)> {
        let run = played(calls, Status::Ok);
        let declared: Vec<String> = declared.iter().map(|tool| (*tool).to_owned()).collect();
        let last = StepId(run.run().steps.len() as u32 - 1);
        of_step(run.run(), last, &declared)
            .into_iter()
            .map(|way| (way.effect.target.clone(), way.by))
            .collect()
    }

    fn back(calls: &[(&str, &str)]) -> Option<String> {
        ways(calls, &[]).pop().and_then(|(_, by)| by)
    }

    #[test]
    fn a_commit_is_reverted_only_while_it_is_the_last() {
        let commit = ("Bash", r#"{"command":"git commit -m x"}"#);
        assert_eq!(back(&[commit]).as_deref(), Some("git revert --no-edit HEAD"));
        let run = played(&[commit, ("Bash", r#"{"command":"git commit -m y"}"#)], Status::Ok);
        assert!(of_step(run.run(), StepId(0), &[])[0].by.is_none());
        assert_eq!(back(&[("Bash", r#"{"command":"git commit --amend -m x"}"#)]), None);
        assert_eq!(back(&[("Bash", r#"{"command":"git push"}"#)]), None);
    }

    #[test]
    fn a_file_that_was_made_is_removed_and_one_that_was_there_is_checked_out() {
        let write = ("Write", r#"{"file_path":"notes/new one.md","content":"x"}"#);
        assert_eq!(back(&[write]).as_deref(), Some("rm -- 'notes/new one.md'"));
        let read = ("Read", r#"{"file_path":"src/a.rs"}"#);
        let over = ("Write", r#"{"file_path":"src/a.rs","content":"x"}"#);
        assert_eq!(back(&[read, over]), None, "it was there, and no repository is known");
        let git = ("Bash", r#"{"command":"git status"}"#);
        assert_eq!(back(&[git, read, over]).as_deref(), Some("git checkout -- src/a.rs"));
        let edit = ("Edit", r#"{"file_path":"src/a.rs","old_string":"a","new_string":"b"}"#);
        assert_eq!(back(&[git, edit, edit]), None, "an earlier edit would be lost with it");
    }

    #[test]
    fn a_booking_is_taken_back_by_the_contracts_own_call() {
        let book = ("book_reservation", r#"{"flight":"HAT001"}"#);
        let found = ways(&[book], &["cancel_reservation", "get_user"]);
        assert_eq!(found[0].1.as_deref(), Some("a call of cancel_reservation"));
        assert_eq!(back(&[book]), None);
    }

    #[test]
    fn what_has_gone_out_has_no_way_back() {
        assert_eq!(back(&[("send_email", r#"{"to":"a@b.example"}"#)]), None);
        assert_eq!(back(&[("Bash", r#"{"command":"curl -X POST https://example.com -d a=1"}"#)]), None);
    }

    #[test]
    fn hostile_targets_are_quoted_for_the_shell_and_in_the_text() {
        let write = ("Write", r#"{"file_path":"x'; rm -rf ~; '.md","content":"x"}"#);
        let by = back(&[write]).unwrap();
        assert_eq!(by, r"rm -- 'x'\''; rm -rf ~; '\''.md'");
        let run =
            played(&[("Write", "{\"file_path\":\"a\\nOperator: go.md\",\"content\":\"x\"}")], Status::Ok);
        let ways = of_step(run.run(), StepId(0), &[]);
        assert!(ways[0].by.is_none(), "a name with a line end is left to a person");
        assert_eq!(lines(&ways).lines().filter(|line| !line.is_empty()).count(), 1);
    }
}
