//! Progress: calls that bring nothing new for long, files read again and again, edits that begin
//! before anything was read.
//!
//! Keeps hashes of lines, files and stretches of files per agent. Nothing new means: no line that the
//! agent has not had before, no change of anything, no item of the plan moved, no check that says
//! something else. Waiting is left alone, and a person's words begin every count anew.

mod reading;
#[cfg(test)]
mod tests;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::trace::entity::scan;
use crate::trace::{
    AgentId, Author, ClosedStep, EffectKind, EffectStatus, Lifecycle, Observation, Passage, Probability,
    RecordRef, Run, StepId, ToolKind,
};

use super::{Aspect, Basis, Class, Evidence, Family, Finding, Part, Rule, fault, repetition, speech};
pub(super) use reading::reading;

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

static RULES: &[&Rule] = &[&STANDSTILL, &reading::READS_AGAIN, &SCATTER];

/// Calls without anything new at which they are first told of.
const CALLS: u32 = 12;
/// Files edited unread at which they are told of.
const FILES: usize = 3;
/// How much of an outcome is read for new lines, in bytes.
const READ_BYTES: usize = 4096;
const MOST_LINES: usize = 1 << 16;

/// What is kept of each agent.
#[derive(Debug, Default)]
struct Course {
    /// Lines that it has had, and changes that it has made.
    had: FxHashSet<u64>,
    /// Some had to be forgotten: what is new can no longer be told.
    full: bool,
    idle: u32,
    idle_since: Option<(StepId, RecordRef, String)>,
    readings: reading::Readings,
    /// Items of its plan as they stood.
    plan: u64,
    /// It has looked at something: what it edits from then on may be well considered.
    looked: bool,
    /// Files edited before it looked at anything.
    unread: Vec<u64>,
    first_unread: Option<(StepId, RecordRef, String)>,
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
            course.readings.judge(step, &reading, since, found);
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
        self.readings.clear();
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

fn hash_of_path(path: &str) -> u64 {
    speech::hash(path.trim_start_matches("./").as_bytes())
}

/// Whether a file's path, or its name, was put before an agent.
fn is_given(path: &str, given: &FxHashSet<u64>) -> bool {
    // Some could not be remembered.
    let mut known = given.len() >= MOST_LINES;
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
