//! Progress: calls that bring nothing new for long, files read again and again, edits that begin
//! before anything was read.
//!
//! Keeps hashes of lines, files and stretches of files per agent. Nothing new means: no line that the
//! agent has not had before, no change of anything, no item of the plan moved, no check that says
//! something else. Waiting is left alone, and a person's words begin every count anew.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::trace::entity::scan;
use crate::trace::{
    AgentId, Author, ClosedStep, EffectKind, EffectStatus, Lifecycle, Observation, Passage, Probability,
    RecordRef, Run, StepId, ToolKind, command,
};

use super::{Aspect, Basis, Class, Evidence, Family, Finding, Part, Rule, fault, repetition, speech};

/// On the spot.
pub(super) static STANDSTILL: Rule = Rule {
    id: "progress.standstill",
    class: Class::Operational,
    basis: Basis::External,
    speaks_of: Aspect::Execution,
    summary: "Twelve calls or more in a row brought no new line, changed nothing, and moved no item of the plan and no check.",
    example: "the last 12 calls, up to “search kettle price”, brought nothing new: no line, no change, no item of the plan",
    proven: false,
};

/// Read once more.
pub(super) static READS_AGAIN: Rule = Rule {
    id: "progress.reads-again",
    class: Class::Operational,
    basis: Basis::External,
    speaks_of: Aspect::Execution,
    summary: "The same stretch of a file was read three times or more although nothing had changed it.",
    example: "has read the same stretch of src/cache.rs 3 times, and nothing has changed it in between",
    proven: false,
};

/// Everywhere at once.
pub(super) static SCATTER: Rule = Rule {
    id: "progress.scatter",
    class: Class::InconsistentReasoning,
    basis: Basis::External,
    speaks_of: Aspect::Consistency,
    summary: "Three files or more that were there before were edited before the agent read, searched or checked anything.",
    example: "has edited 3 files, the last one src/api.rs, and has not read, searched or checked anything so far",
    proven: false,
};

static RULES: &[&Rule] = &[&STANDSTILL, &READS_AGAIN, &SCATTER];

/// Calls without anything new at which they are first told of.
const CALLS: u32 = 12;
/// Readings of the same stretch at which they are first told of.
const READINGS: u32 = 3;
/// Files edited unread at which they are told of.
const FILES: usize = 3;
/// How much of an outcome is read for new lines, in bytes.
const READ_BYTES: usize = 4096;
const MOST_LINES: usize = 1 << 16;
const MOST_FILES: usize = 512;
/// The most stretches remembered of a file.
const MOST_STRETCHES: usize = 16;

/// What is kept of each agent.
#[derive(Debug, Default)]
struct Course {
    /// Lines that it has had, and changes that it has made.
    had: FxHashSet<u64>,
    /// Some had to be forgotten: what is new can no longer be told.
    full: bool,
    idle: u32,
    idle_since: Option<(StepId, RecordRef, String)>,
    files: FxHashMap<u64, Vec<Stretch>>,
    /// Items of its plan as they stood.
    plan: u64,
    /// It has looked at something: what it edits from then on may be well considered.
    looked: bool,
    /// Files edited before it looked at anything.
    unread: Vec<u64>,
    first_unread: Option<(StepId, RecordRef, String)>,
}

/// A stretch of a file that was read: from one line to another, with what it held.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    from: u64,
    to: u64,
    outcome: u64,
    times: u32,
    first: StepId,
    record: RecordRef,
}

/// What a call reads: one stretch of one file.
pub(super) struct Reading<'a> {
    /// The file.
    pub(super) path: &'a str,
    from: u64,
    to: u64,
}

/// The family.
#[derive(Debug, Default)]
pub(super) struct Progress {
    courses: FxHashMap<AgentId, Course>,
    /// Files whose text a program or another agent has put before an agent, by their paths' hashes.
    given: FxHashSet<u64>,
    /// The step that last wrote a file, by the hash of its path.
    written: FxHashMap<u64, StepId>,
}

impl Progress {
    fn closed(&mut self, step: &ClosedStep<'_>, found: &mut Vec<Finding>) {
        let Some(kind) = step.step.tool_kind() else { return };
        if kind == ToolKind::Plan {
            return;
        }
        let course = self.courses.entry(step.step.agent).or_default();
        course.scatter(step, kind, &self.given, found);
        course.standstill(step, kind, found);
        for path in written(step, kind) {
            if self.written.len() >= MOST_LINES {
                self.written.clear();
            }
            self.written.insert(hash_of_path(path), step.step.id);
        }
        if let Some(reading) = reading(step, kind) {
            let since = self.written.get(&hash_of_path(reading.path)).copied();
            course.reads(step, &reading, since, found);
        }
    }

    /// A text that was put before an agent, of which it need not read what it names.
    fn gave(&mut self, text: &str) {
        if self.given.len() >= MOST_LINES {
            return;
        }
        scan(text, |mention| {
            self.given.insert(mention.hash);
            self.given.extend(mention.file_name);
        });
    }
}

impl Course {
    /// Begins the counts anew.
    fn begin(&mut self) {
        self.idle = 0;
        self.idle_since = None;
        self.files.clear();
    }

    /// Rule 25.
    fn standstill(&mut self, step: &ClosedStep<'_>, kind: ToolKind, found: &mut Vec<Finding>) {
        let Some(outcome) = step.outcome else { return };
        let new = self.brings_news(step, outcome);
        if repetition::waits(step) || self.full {
            return;
        }
        if new || kind == ToolKind::Agent {
            self.idle = 0;
            return;
        }
        self.idle = self.idle.saturating_add(1);
        if self.idle == 1 {
            let input = crate::text::excerpt(&step.input.text, super::EVIDENCE_BYTES);
            self.idle_since = Some((step.step.id, step.input.record, input));
        }
        if !repetition::due(self.idle, CALLS) {
            return;
        }
        let Some((first, record, text)) = &self.idle_since else { return };
        let shown = if outcome.text.trim().is_empty() { "(no text)" } else { outcome.text.as_str() };
        found.push(Finding {
            rule: &STANDSTILL,
            step: step.step.id,
            root: Some(*first),
            strength: Probability::new(if self.idle > CALLS { 0.4 } else { 0.2 }),
            evidence: vec![
                Evidence::new(step.input.record, Part::Claim, &step.input.text),
                Evidence::new(outcome.record, Part::Against, shown),
                Evidence::new(*record, Part::Context, text),
            ],
            sentence: format!(
                "the last {} calls, up to “{}”, brought nothing new: no line, no change, no item of the plan",
                self.idle,
                fault::call_name(step)
            ),
            instruction: "Write down in one sentence what is known by now and which fact is still missing, and make one call that can bring that fact; if there is none, say so and end.".to_owned(),
            means: Vec::new(),
        });
    }

    /// Whether a call brought or changed something that the agent did not have before; learns it.
    fn brings_news(&mut self, step: &ClosedStep<'_>, outcome: &Passage) -> bool {
        if self.had.len() >= MOST_LINES {
            self.full = true;
            return true;
        }
        let mut new = false;
        if step.effects.iter().any(|effect| effect.status != EffectStatus::Failed) {
            new |= self.had.insert(step.step.call_hash);
        }
        // A check that fails otherwise than before is news; any other failure is none.
        let fault = fault::of(step);
        let vain = fault.is_some_and(|fault| fault.sort != fault::Sort::Check);
        let text = outcome.text.as_str();
        let (head, tail) = if text.len() <= READ_BYTES {
            (text, "")
        } else {
            (crate::text::clip(text, READ_BYTES / 2), crate::text::clip_front(text, READ_BYTES / 2))
        };
        for line in head.lines().chain(tail.lines()).map(str::trim).filter(|line| line.len() > 2) {
            new |= self.had.insert(speech::hash(line.as_bytes())) && !vain;
        }
        // What stands in the middle is not read line by line.
        if !tail.is_empty() {
            new |= self.had.insert(step.step.outcome_hash) && !vain;
        }
        new
    }

    /// Rule 26: a reading of a file that was last `written` there.
    fn reads(
        &mut self,
        step: &ClosedStep<'_>,
        reading: &Reading<'_>,
        written: Option<StepId>,
        found: &mut Vec<Finding>,
    ) {
        let Some(outcome) = step.outcome else { return };
        if step.step.failed() || outcome.text.trim().is_empty() || fault::of(step).is_some() {
            return;
        }
        if self.files.len() >= MOST_FILES {
            self.files.clear();
        }
        let stretches = self.files.entry(hash_of_path(reading.path)).or_default();
        let known = stretches.iter_mut().find(|known| known.is_much_the_same(reading));
        let fresh = Stretch {
            from: reading.from,
            to: reading.to,
            outcome: step.step.outcome_hash,
            times: 1,
            first: step.step.id,
            record: outcome.record,
        };
        let Some(known) = known else {
            if stretches.len() >= MOST_STRETCHES {
                stretches.remove(0);
            }
            stretches.push(fresh);
            return;
        };
        let other_text = known.outcome != fresh.outcome && (known.from, known.to) == (fresh.from, fresh.to);
        if other_text || written.is_some_and(|written| written >= known.first) {
            *known = fresh;
            return;
        }
        known.times = known.times.saturating_add(1);
        let known = *known;
        let told = found
            .iter()
            .rev()
            .take_while(|f| f.step == step.step.id)
            .any(|f| f.rule.id.starts_with("repetition."));
        if told || !repetition::due(known.times, READINGS) {
            return;
        }
        let path = crate::text::excerpt(reading.path, 120);
        found.push(Finding {
            rule: &READS_AGAIN,
            step: step.step.id,
            root: Some(known.first),
            strength: Probability::new(0.2),
            evidence: vec![
                Evidence::new(step.input.record, Part::Claim, &step.input.text),
                Evidence::new(known.record, Part::Against, &outcome.text),
            ],
            sentence: format!(
                "has read the same stretch of {path} {} times, and nothing has changed it in between",
                known.times
            ),
            instruction: format!(
                "You have read {path} before and it has not changed. Write down what you need of it in a few lines, and go on from there."
            ),
            means: Vec::new(),
        });
    }

    /// Rule 27.
    fn scatter(
        &mut self,
        step: &ClosedStep<'_>,
        kind: ToolKind,
        given: &FxHashSet<u64>,
        found: &mut Vec<Finding>,
    ) {
        if self.looked {
            return;
        }
        let edits: Vec<&str> = match (kind, step.request) {
            _ if step.step.failed() || fault::of(step).is_some() => Vec::new(),
            (ToolKind::Edit, Some(request))
                if request.old_text.as_ref().is_some_and(|old| !old.trim().is_empty()) =>
            {
                request.paths.iter().map(String::as_str).collect()
            }
            // New files cannot be read before; writing over one cannot be told from that.
            (ToolKind::Edit | ToolKind::Write, _) => Vec::new(),
            _ => {
                self.looked = true;
                Vec::new()
            }
        };
        for path in edits {
            let hash = hash_of_path(path);
            if is_given(path, given) || self.unread.contains(&hash) {
                continue;
            }
            self.unread.push(hash);
            if self.unread.len() == 1 {
                let input = crate::text::excerpt(&step.input.text, super::EVIDENCE_BYTES);
                self.first_unread = Some((step.step.id, step.input.record, input));
            }
            if self.unread.len() != FILES {
                continue;
            }
            self.looked = true;
            let Some((first, record, text)) = &self.first_unread else { return };
            found.push(Finding {
                rule: &SCATTER,
                step: step.step.id,
                root: Some(*first),
                strength: Probability::new(0.35),
                evidence: vec![
                    Evidence::new(step.input.record, Part::Claim, &step.input.text),
                    Evidence::new(*record, Part::Against, text),
                ],
                sentence: format!(
                    "has edited {FILES} files, the last one {}, and has not read, searched or checked anything so far",
                    crate::text::excerpt(path, 120)
                ),
                instruction: "Before the next edit, read the files that you have changed around the changes, and run the check that covers them; mend what it shows.".to_owned(),
                means: Vec::new(),
            });
            return;
        }
    }
}

impl Stretch {
    /// Whether a reading covers four fifths or more of what both together cover.
    fn is_much_the_same(&self, reading: &Reading<'_>) -> bool {
        let (from, to) = (self.from.max(reading.from), self.to.min(reading.to));
        let all = self.to.max(reading.to).saturating_sub(self.from.min(reading.from));
        to > from && u128::from(to - from) * 5 >= u128::from(all) * 4
    }
}

fn hash_of_path(path: &str) -> u64 {
    speech::hash(path.trim_start_matches("./").as_bytes())
}

/// Whether a file's path, or its name, was put before an agent.
fn is_given(path: &str, given: &FxHashSet<u64>) -> bool {
    let mut known = false;
    scan(path, |mention| {
        known |= given.contains(&mention.hash) || mention.file_name.is_some_and(|name| given.contains(&name));
    });
    known
}

/// The files that a call has written, or may have.
fn written<'a>(step: &'a ClosedStep<'_>, kind: ToolKind) -> impl Iterator<Item = &'a str> {
    let by_tool = matches!(kind, ToolKind::Edit | ToolKind::Write);
    let paths = step.request.filter(|_| by_tool).map_or(&[][..], |request| &request.paths);
    let files = step.effects.iter().filter(|effect| effect.kind == EffectKind::File);
    paths.iter().map(String::as_str).chain(files.map(|effect| effect.target.as_str()))
}

/// The stretch of a file that a call reads, if that is all that it does. Lines count from 1; a whole
/// file ends at 2^32.
pub(super) fn reading<'a>(step: &'a ClosedStep<'_>, kind: ToolKind) -> Option<Reading<'a>> {
    const WHOLE: u64 = 1 << 32;
    let request = step.request?;
    if kind == ToolKind::Read {
        let number = |names: &[&str]| {
            request
                .arguments
                .iter()
                .find(|(name, _)| names.contains(&name.as_str()))
                .and_then(|(_, text)| text.trim().parse::<u64>().ok())
        };
        let from = number(&["offset", "start_line", "line_start"]).unwrap_or(0).min(WHOLE);
        let to = match number(&["end_line", "line_end"]) {
            Some(end) => end.saturating_add(1),
            None => number(&["limit"]).map_or(WHOLE, |limit| from.saturating_add(limit)),
        };
        let [path] = request.paths.as_slice() else { return None };
        return Some(Reading { path, from, to: to.min(WHOLE) });
    }
    if kind != ToolKind::Shell {
        return None;
    }
    let line = request.command.as_deref()?;
    let mut simples = command::split(line);
    simples.retain(|simple| simple.program() != "cd");
    let [simple] = simples.as_slice() else { return None };
    if !simple.writes.is_empty() {
        return None;
    }
    let arguments: Vec<&str> = simple.arguments().collect();
    let (from, to, name) = match (simple.program(), arguments.as_slice()) {
        ("cat" | "nl" | "less" | "bat", [.., name]) if !name.starts_with('-') => {
            let others = arguments.iter().rev().skip(1).any(|word| !word.starts_with('-'));
            if others {
                return None;
            }
            (0, WHOLE, *name)
        }
        ("sed", ["-n", script, name]) => {
            let (from, to) = script.strip_suffix('p')?.split_once(',')?;
            (from.parse().ok()?, to.parse::<u64>().ok()?.saturating_add(1), *name)
        }
        ("head", ["-n", count, name]) => (0, count.parse().ok()?, *name),
        ("head", [count, name]) => (0, count.strip_prefix('-')?.parse().ok()?, *name),
        _ => return None,
    };
    // The words are a copy; the same stretch of the line itself lives as long as the step.
    let at = line.rfind(name)?;
    Some(Reading { path: line.get(at..at + name.len())?, from, to })
}

impl Family for Progress {
    fn rules(&self) -> &'static [&'static Rule] {
        RULES
    }

    fn observe(&mut self, seen: &Observation<'_>, _run: &Run, found: &mut Vec<Finding>) {
        match seen {
            Observation::Step(step) => self.closed(step, found),
            Observation::Prompt { agent, author, passage } => {
                // A short text of a person names a file and does not show it.
                if *author != Author::Person || passage.text.len() > 1000 {
                    self.gave(&passage.text);
                }
                if *author == Author::Person {
                    self.courses.entry(*agent).or_default().begin();
                }
            }
            Observation::Handoff { passage, .. } | Observation::Return { passage, .. } => {
                self.gave(&passage.text);
            }
            Observation::Plan { agent, items, .. } => {
                let course = self.courses.entry(*agent).or_default();
                let plan = items.iter().fold(0u64, |all, item| {
                    all.rotate_left(7) ^ speech::hash(item.text.as_bytes()) ^ item.status as u64
                });
                if course.plan != plan {
                    course.plan = plan;
                    course.idle = 0;
                }
            }
            // What was read before lies outside of what the agent still has.
            Observation::Lifecycle { agent, what: Lifecycle::Compaction, .. } => {
                let course = self.courses.entry(*agent).or_default();
                course.begin();
                course.had.clear();
                course.full = false;
                course.looked = true;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::detect::scene::Scene;
    use crate::trace::{PlanStatus, Status};

    fn scene() -> Scene {
        Scene::of(Progress::default())
    }

    /// Calls of a search that all bring the same.
    fn searches(scene: &mut Scene, count: u32) {
        for n in 0..count {
            scene.call("web_search", &json!({"query": format!("kettle {n}")}), Status::Ok, "nothing found");
        }
    }

    #[test]
    fn twelve_calls_without_anything_new_are_a_standstill_and_then_every_doubling() {
        let mut scene = scene();
        searches(&mut scene, 25);
        let found = scene.found("progress.standstill");
        assert_eq!(
            found.iter().map(|f| (f.step.0, f.root)).collect::<Vec<_>>(),
            [(12, Some(StepId(1))), (24, Some(StepId(1)))]
        );
        assert!(found[0].sentence.contains("12 calls"), "{}", found[0].sentence);
        assert_eq!(found[0].evidence.len(), 3);
    }

    #[test]
    fn other_failures_are_no_news() {
        let mut scene = scene();
        for n in 0..12 {
            let text = format!("Error: {n} is no known user");
            scene.call("find_user", &json!({"id": n}), Status::Error, &text);
        }
        assert_eq!(scene.found("progress.standstill").len(), 1);
    }

    #[test]
    fn a_new_line_a_change_a_moved_item_and_a_persons_word_are_progress() {
        let act: [fn(&mut Scene); 5] = [
            |scene| {
                scene.call("web_search", &json!({"query": "x"}), Status::Ok, "nothing found\na new line");
            },
            |scene| {
                let edit = json!({"file_path": "a.rs", "old_string": "a", "new_string": "b"});
                scene.call("Edit", &edit, Status::Ok, "nothing found");
            },
            |scene| scene.plan(&[("look", PlanStatus::Done)]),
            |scene| scene.prompt("go on"),
            |scene| {
                let run = json!({"command": "cargo test"});
                scene.exit(101).call("Bash", &run, Status::Error, "test result: FAILED. 1 passed; 2 failed");
            },
        ];
        for act in act {
            let mut scene = scene();
            searches(&mut scene, 8);
            act(&mut scene);
            searches(&mut scene, 8);
            assert!(scene.found("progress.standstill").is_empty());
        }
    }

    #[test]
    fn waiting_is_no_standstill() {
        let mut scene = scene();
        for _ in 0..30 {
            scene.call("Bash", &json!({"command": "sleep 5; cat log"}), Status::Ok, "building");
        }
        assert!(scene.all().is_empty());
    }

    fn read(scene: &mut Scene, from: u64, text: &str) {
        let call = json!({"file_path": "/w/a.rs", "offset": from, "limit": 100});
        scene.call("Read", &call, Status::Ok, text);
    }

    #[test]
    fn the_same_stretch_three_times_is_told_however_it_is_read() {
        let mut scene = scene();
        read(&mut scene, 0, "fn a() {}");
        scene.call("Bash", &json!({"command": "head -n 100 /w/a.rs"}), Status::Ok, "fn a() {}");
        read(&mut scene, 5, "fn a() {} ");
        let found = scene.found("progress.reads-again");
        assert_eq!((found.len(), found[0].root), (1, Some(StepId(0))));
        assert!(found[0].sentence.contains("/w/a.rs 3 times"), "{}", found[0].sentence);
    }

    #[test]
    fn other_stretches_other_text_and_an_edit_between_are_not() {
        let mut scene = scene();
        for n in 0..6 {
            read(&mut scene, n * 100, "fn a() {}");
        }
        assert!(scene.all().is_empty());
        let mut scene = self::scene();
        for n in 0..6 {
            read(&mut scene, 0, &format!("fn a{} () {{}}", "abcdef".get(n..).unwrap()));
        }
        assert!(scene.all().is_empty());
        let mut scene = self::scene();
        for n in 0..6 {
            read(&mut scene, 0, "fn a() {}");
            let edit = json!({"file_path": "/w/a.rs", "old_string": format!("{n}"), "new_string": "b"});
            scene.call("Edit", &edit, Status::Ok, "done");
        }
        assert!(scene.found("progress.reads-again").is_empty());
        let mut scene = self::scene();
        for _ in 0..6 {
            read(&mut scene, 0, "fn a() {}");
            scene.prompt("what does it say now?");
        }
        assert!(scene.all().is_empty());
    }

    fn edit(scene: &mut Scene, path: &str) {
        let call = json!({"file_path": path, "old_string": "a", "new_string": "b"});
        scene.call("Edit", &call, Status::Ok, "done");
    }

    #[test]
    fn three_files_edited_before_anything_was_looked_at() {
        let mut scene = scene();
        for path in ["a.rs", "b.rs", "b.rs", "c.rs", "d.rs"] {
            edit(&mut scene, path);
        }
        let found = scene.found("progress.scatter");
        assert_eq!(found.iter().map(|f| (f.step.0, f.root)).collect::<Vec<_>>(), [(3, Some(StepId(0)))]);
    }

    #[test]
    fn new_files_a_look_before_and_files_that_were_shown_are_no_scatter() {
        let mut scene = scene();
        for path in ["a.rs", "b.rs", "c.rs", "d.rs"] {
            scene.call("Write", &json!({"file_path": path, "content": "x"}), Status::Ok, "done");
        }
        assert!(scene.all().is_empty());
        let mut scene = self::scene();
        scene.call("Grep", &json!({"pattern": "x"}), Status::Ok, "a.rs:1: x");
        for path in ["a.rs", "b.rs", "c.rs"] {
            edit(&mut scene, path);
        }
        assert!(scene.all().is_empty());
        let mut scene = self::scene();
        scene.hands_over("coder", "Change a.rs, b.rs and c.rs as shown.");
        scene.acts("coder");
        for path in ["a.rs", "b.rs", "c.rs"] {
            edit(&mut scene, path);
        }
        assert!(scene.all().is_empty());
    }
}
