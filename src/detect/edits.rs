//! Edits: the same lines changed again and again, changes taken back to what they were, own work
//! thrown away.
//!
//! Works on hashes of lines: which lines the agent put into a file and which it took out. Work gets
//! better by being gone over, so the first signs are weak; going back and forth is stronger.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

use crate::trace::command;
use crate::trace::{ClosedStep, Observation, Probability, RecordRef, Run, Status, StepId, ToolKind};

use super::{Aspect, Basis, Class, Evidence, Family, Finding, Part, Rule, speech};

/// The same lines over and over.
pub(super) static FLAILING: Rule = Rule {
    id: "edits.flailing",
    class: Class::InconsistentReasoning,
    basis: Basis::External,
    speaks_of: Aspect::Consistency,
    summary: "The same lines of a file have been changed three times or more.",
    example: "has changed the same lines of src/cache.rs 4 times",
    proven: false,
};

/// Back to what it was.
pub(super) static REVERTED: Rule = Rule {
    id: "edits.reverted",
    class: Class::InconsistentReasoning,
    basis: Basis::External,
    speaks_of: Aspect::Consistency,
    summary: "An edit puts back lines that the agent had replaced before.",
    example: "puts lines back into src/cache.rs that it had replaced before",
    proven: false,
};

/// Own work thrown away.
pub(super) static DISCARDED: Rule = Rule {
    id: "edits.discarded",
    class: Class::InconsistentReasoning,
    basis: Basis::External,
    speaks_of: Aspect::Consistency,
    summary: "The agent throws its own uncommitted edits away.",
    example: "throws its own uncommitted edits of src/cache.rs and 2 more away",
    proven: false,
};

static RULES: &[&Rule] = &[&FLAILING, &REVERTED, &DISCARDED];

const MOST_FILES: usize = 256;
const MOST_LINES: usize = 1024;
/// The most lines of one edit that are looked at.
const EDIT_LINES: usize = 256;
/// Changes of the same lines at which they are first told of.
const CHANGES: u32 = 3;

#[derive(Debug)]
struct File {
    /// Lines that the agent put in, with how often their place has been changed.
    put: FxHashMap<u64, Put>,
    /// Lines that the agent took out.
    taken: FxHashMap<u64, StepId>,
    reverts: u32,
    /// The latest edit that no commit holds yet.
    uncommitted: Option<(StepId, RecordRef)>,
    name: String,
}

#[derive(Clone, Copy, Debug)]
struct Put {
    changes: u32,
    first: StepId,
}

/// The family.
#[derive(Debug, Default)]
pub(super) struct Edits {
    files: FxHashMap<u64, File>,
}

/// The hashes of a text's lines that say something.
fn lines(text: &str) -> BTreeSet<u64> {
    text.lines()
        .map(str::trim)
        .filter(|line| line.len() > 3 && line.bytes().any(|b| b.is_ascii_alphanumeric()))
        .take(EDIT_LINES)
        .map(|line| speech::hash(line.as_bytes()))
        .collect()
}

impl Edits {
    fn file(&mut self, path: &str) -> &mut File {
        if self.files.len() >= MOST_FILES {
            self.files.clear();
        }
        self.files.entry(speech::hash(path.as_bytes())).or_insert_with(|| File {
            put: FxHashMap::default(),
            taken: FxHashMap::default(),
            reverts: 0,
            uncommitted: None,
            name: crate::text::excerpt(path, 120),
        })
    }

    fn edited(&mut self, step: &ClosedStep<'_>, found: &mut Vec<Finding>) {
        let Some(request) = step.request else { return };
        let Some(path) = request.paths.first() else { return };
        let file = self.file(path);
        file.uncommitted = Some((step.step.id, step.input.record));
        let (Some(old), Some(new)) = (&request.old_text, &request.new_text) else {
            return;
        };
        let (old, new) = (lines(old), lines(new));
        let removed: Vec<u64> = old.difference(&new).copied().collect();
        let added: Vec<u64> = new.difference(&old).copied().collect();
        let before =
            removed.iter().filter_map(|line| file.put.get(line)).max_by_key(|put| put.changes).copied();
        let put = Put {
            changes: before.map_or(1, |put| put.changes.saturating_add(1)),
            first: before.map_or(step.step.id, |put| put.first),
        };
        let back_to = added.iter().find_map(|line| file.taken.get(line)).copied();
        let reverted = before.is_some()
            && !added.is_empty()
            && added.iter().all(|line| file.taken.contains_key(line))
            && removed.iter().all(|line| file.put.contains_key(line));
        if file.put.len() > MOST_LINES || file.taken.len() > MOST_LINES {
            file.put.clear();
            file.taken.clear();
        }
        for line in &removed {
            file.put.remove(line);
            file.taken.insert(*line, step.step.id);
        }
        for line in &added {
            file.put.insert(*line, put);
        }
        let name = file.name.clone();
        let evidence = || {
            let span = |part, text: &Option<String>| {
                text.as_ref().map(|text| Evidence::new(step.input.record, part, text))
            };
            let new = span(Part::Claim, &request.new_text);
            new.into_iter().chain(span(Part::Against, &request.old_text)).collect()
        };
        if reverted {
            file.reverts = file.reverts.saturating_add(1);
            let again = file.reverts >= 2;
            found.push(Finding {
                rule: &REVERTED,
                step: step.step.id,
                root: back_to,
                strength: Probability::new(if again { 0.6 } else { 0.3 }),
                evidence: evidence(),
                sentence: if again {
                    format!("goes back and forth in {name}: puts the earlier lines back for the {}. time", file.reverts)
                } else {
                    format!("puts lines back into {name} that it had replaced before")
                },
                instruction: format!(
                    "Before the next edit of {name}, run the check that tells the two versions apart, and keep the one that passes."
                ),
                means: Vec::new(),
            });
        } else if put.changes >= CHANGES
            && put.changes.is_multiple_of(CHANGES)
            && (put.changes / CHANGES).is_power_of_two()
        {
            found.push(Finding {
                rule: &FLAILING,
                step: step.step.id,
                root: Some(put.first),
                strength: Probability::new(if put.changes > CHANGES { 0.45 } else { 0.25 }),
                evidence: evidence(),
                sentence: format!("has changed the same lines of {name} {} times", put.changes),
                instruction: format!(
                    "Read {name} around these lines and the latest error once more, write down the cause in one sentence, and make one edit that removes it; then run the check."
                ),
                means: Vec::new(),
            });
        }
    }

    fn ran(&mut self, step: &ClosedStep<'_>, command: &str, found: &mut Vec<Finding>) {
        if !command.contains("git") {
            return;
        }
        for simple in command::split(command) {
            if simple.program() != "git" {
                continue;
            }
            let words: Vec<&str> = simple.arguments().filter(|word| !word.starts_with('-')).collect();
            let has = |flag: &str| simple.arguments().any(|word| word == flag);
            let dash_dash = simple.words.iter().any(|word| word == "--");
            match words.first().copied() {
                Some("commit") => {
                    for file in self.files.values_mut() {
                        file.uncommitted = None;
                    }
                }
                Some("reset") if has("--hard") => self.discard(step, &["."], found),
                Some("restore") if !has("--staged") => {
                    self.discard(step, words.get(1..).unwrap_or_default(), found)
                }
                Some("checkout") if dash_dash || words.get(1) == Some(&".") => {
                    self.discard(step, words.get(1..).unwrap_or_default(), found);
                }
                _ => {}
            }
        }
    }

    fn discard(&mut self, step: &ClosedStep<'_>, paths: &[&str], found: &mut Vec<Finding>) {
        let mut thrown: Vec<(StepId, RecordRef, String)> = self
            .files
            .values_mut()
            .filter(|file| paths.iter().any(|path| *path == "." || file.name.ends_with(path)))
            .filter_map(|file| file.uncommitted.take().map(|(id, record)| (id, record, file.name.clone())))
            .collect();
        thrown.sort();
        let Some((first, record, name)) = thrown.first().cloned() else {
            return;
        };
        let more = match thrown.len() {
            1 => String::new(),
            count => format!(" and {} more", count - 1),
        };
        found.push(Finding {
            rule: &DISCARDED,
            step: step.step.id,
            root: Some(first),
            strength: Probability::new(0.3),
            evidence: vec![
                Evidence::new(step.input.record, Part::Claim, &step.input.text),
                Evidence::new(record, Part::Context, &name),
            ],
            sentence: format!("throws its own uncommitted edits of {name}{more} away"),
            instruction: "Say which of the edits that are gone are still needed, and make those again one by one with a check after each.".to_owned(),
            means: Vec::new(),
        });
    }
}

impl Family for Edits {
    fn rules(&self) -> &'static [&'static Rule] {
        RULES
    }

    fn observe(&mut self, seen: &Observation<'_>, _run: &Run, found: &mut Vec<Finding>) {
        let Observation::Step(step) = seen else { return };
        if step.step.failed() || step.step.status != Status::Ok {
            return;
        }
        match step.step.tool_kind() {
            Some(ToolKind::Edit | ToolKind::Write) => self.edited(step, found),
            Some(ToolKind::Shell) => {
                if let Some(command) = step.request.and_then(|request| request.command.as_deref()) {
                    self.ran(step, command, found);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::scene::Scene;
    use super::*;
    use serde_json::json;

    fn scene() -> Scene {
        Scene::of(Edits::default())
    }

    fn edit(scene: &mut Scene, old: &str, new: &str) {
        scene.call(
            "Edit",
            &json!({"file_path": "/w/a.py", "old_string": old, "new_string": new}),
            Status::Ok,
            "edited",
        );
    }

    #[test]
    fn the_same_lines_three_times() {
        let mut scene = scene();
        edit(&mut scene, "return 1", "return 2");
        edit(&mut scene, "return 2", "return 3");
        assert!(scene.all().is_empty());
        edit(&mut scene, "return 3", "return 4");
        let found = scene.all();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].rule.id, found[0].root), ("edits.flailing", Some(StepId(0))));
    }

    #[test]
    fn different_lines_are_ordinary_work() {
        let mut scene = scene();
        for n in 0..9 {
            edit(&mut scene, &format!("line_{n} = 0"), &format!("line_{n} = 1"));
        }
        assert!(scene.all().is_empty());
    }

    #[test]
    fn back_and_forth_is_told_and_grows() {
        let mut scene = scene();
        edit(&mut scene, "x = old()", "x = new()");
        edit(&mut scene, "x = new()", "x = old()");
        edit(&mut scene, "x = old()", "x = new()");
        let found = scene.found("edits.reverted");
        assert_eq!(found.len(), 2);
        assert!(found[1].strength > found[0].strength);
    }

    #[test]
    fn taking_a_debug_line_out_again_is_no_revert() {
        let mut scene = scene();
        edit(&mut scene, "x = f()", "x = f()\nprint(x)");
        edit(&mut scene, "x = f()\nprint(x)", "x = f()");
        assert!(scene.all().is_empty());
    }

    #[test]
    fn a_failed_edit_changed_nothing() {
        let mut scene = scene();
        for _ in 0..4 {
            scene.call(
                "Edit",
                &json!({"file_path": "/w/a.py", "old_string": "a = 1", "new_string": "a = 2"}),
                Status::Error,
                "no match",
            );
        }
        assert!(scene.all().is_empty());
    }

    #[test]
    fn own_edits_thrown_away() {
        let mut scene = scene();
        edit(&mut scene, "x = 1", "x = 2");
        scene.call("Bash", &json!({"command": "git checkout -- a.py"}), Status::Ok, "");
        assert_eq!(scene.found("edits.discarded").len(), 1);
    }

    #[test]
    fn committed_work_and_other_branches_are_left_alone() {
        let mut scene = scene();
        edit(&mut scene, "x = 1", "x = 2");
        scene.call("Bash", &json!({"command": "git checkout main"}), Status::Ok, "");
        scene.call("Bash", &json!({"command": "git commit -am done"}), Status::Ok, "");
        scene.call("Bash", &json!({"command": "git reset --hard"}), Status::Ok, "");
        assert!(scene.all().is_empty());
    }
}
