//! Reading: stretches of files that are read again and again.

use rustc_hash::FxHashMap;

use crate::detect::{Aspect, Basis, Class, Evidence, Finding, Part, Rule, fault, repetition};
use crate::trace::{ClosedStep, Probability, RecordRef, StepId, ToolKind, command};

use super::hash_of_path;

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

/// Readings of the same stretch at which they are first told of.
const READINGS: u32 = 3;
const MOST_FILES: usize = 512;
/// The most stretches remembered of a file.
const MOST_STRETCHES: usize = 16;

/// What an agent has read.
#[derive(Debug, Default)]
pub(super) struct Readings {
    files: FxHashMap<u64, Vec<Stretch>>,
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
pub(in crate::detect) struct Reading<'a> {
    /// The file.
    pub(super) path: &'a str,
    from: u64,
    to: u64,
}

impl Readings {
    /// Begins anew.
    pub(super) fn clear(&mut self) {
        self.files.clear();
    }

    /// Judges a reading of a file that was last `written` there.
    pub(super) fn judge(
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
}

impl Stretch {
    /// Whether a reading covers four fifths or more of what both together cover.
    fn is_much_the_same(&self, reading: &Reading<'_>) -> bool {
        let (from, to) = (self.from.max(reading.from), self.to.min(reading.to));
        let all = self.to.max(reading.to).saturating_sub(self.from.min(reading.from));
        to > from && u128::from(to - from) * 5 >= u128::from(all) * 4
    }
}

/// The stretch of a file that a call reads, if that is all that it does. Lines count from 1; a whole
/// file ends at 2^32.
pub(in crate::detect) fn reading<'a>(step: &'a ClosedStep<'_>, kind: ToolKind) -> Option<Reading<'a>> {
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
