//! Pace: calls that take far longer than others, that fail before they work, or that nothing answers;
//! what steps cost. Operational: it costs time and money and says nothing against the agent.
//!
//! Keeps a few durations for each sort of call. Waiting is no slowness: a tool that waits, a call that
//! hands work over, and the first run of a build are left alone. All time is the log's own.

mod cost;
mod hang;
mod spread;
#[cfg(test)]
mod tests;

use rustc_hash::FxHashMap;

use crate::trace::{AgentId, ClosedStep, Observation, Probability, RecordRef, Run, StepId, ToolKind};

use super::{Aspect, Basis, Class, Evidence, Family, Finding, Part, Rule, fault, repetition, speech};
use spread::Spread;

/// Too long.
pub(super) static SLOW: Rule = Rule {
    id: "pace.slow-call",
    class: Class::Operational,
    basis: Basis::External,
    speaks_of: Aspect::Execution,
    summary: "A call took many times as long as any of its sort before.",
    example: "the call “get_order A-17” took 4 min; the longest of 6 before it took 2 s",
    proven: true,
};

/// Fails and works.
pub(super) static FLAKY: Rule = Rule {
    id: "pace.flaky-tool",
    class: Class::Operational,
    basis: Basis::External,
    speaks_of: Aspect::Execution,
    summary: "The same call failed twice or more and then worked, with nothing changed in between.",
    example: "the call “get_order A-17” worked after it had failed 2 times with “503 Service Unavailable”",
    proven: true,
};

/// Far from the others.
pub(super) static OUTLIER: Rule = Rule {
    id: "pace.latency-outlier",
    class: Class::Operational,
    basis: Basis::External,
    speaks_of: Aspect::Execution,
    summary: "A call took far longer than the latest of its sort usually take, by the robust z-score.",
    example: "the call “get_order A-17” took 45 s; the middle one of the 12 of its sort before it took 3 s",
    proven: false,
};

static RULES: &[&Rule] = &[&SLOW, &FLAKY, &OUTLIER, &hang::HANG, &cost::COSTLY_STEP, &cost::RISING_COST];

const MOST_SORTS: usize = 512;
/// How many durations of a sort must be known.
const ENOUGH: u32 = 3;
/// How many of all sorts must be known where there are too few of one.
const ENOUGH_IN_ALL: u32 = 3;
/// How many times as long as the longest is too long.
const TIMES: i64 = 8;
/// The shortest call that is too long, in milliseconds, and the same where its sort is not known.
const SLOW_MS: i64 = 30_000;
const SLOW_IN_ALL_MS: i64 = 120_000;
/// How far a call's duration lies out, and the shortest that does, in milliseconds.
const Z: f64 = 6.0;
const OUT_MS: u64 = 20_000;
/// Failures before a success that make a call flaky.
const FAILURES: u32 = 2;

#[derive(Clone, Copy, Debug, Default)]
struct Durations {
    count: u32,
    longest: i64,
}

/// What is known of how long calls of one sort take.
#[derive(Debug, Default)]
struct Known {
    durations: Durations,
    spread: Spread,
}

/// A call that failed and was not followed by anything that changes the world.
#[derive(Debug)]
struct Failing {
    call: u64,
    times: u32,
    first: StepId,
    record: RecordRef,
    line: String,
}

/// The family.
#[derive(Debug, Default)]
pub(super) struct Pace {
    sorts: FxHashMap<u64, Known>,
    all: Known,
    failing: FxHashMap<AgentId, Failing>,
    hang: hang::Hang,
    cost: cost::Cost,
}

impl Pace {
    fn took(&mut self, step: &ClosedStep<'_>, found: &mut Vec<Finding>) {
        let command = step.request.and_then(|request| request.command.as_deref()).unwrap_or("");
        if step.step.is_message() || leaves_alone(step) {
            return;
        }
        let (Some(began), Some(ended)) = (step.step.began, step.step.ended) else { return };
        let took = ended.as_millisecond().saturating_sub(began.as_millisecond());
        let Ok(length) = u64::try_from(took) else { return };
        if self.sorts.len() >= MOST_SORTS {
            self.sorts.clear();
        }
        let Self { sorts, all, .. } = self;
        let sort = sorts.entry(sort_of(step, command)).or_default();
        // Building, testing and installing take their time when they are first done.
        let heavy = is_heavy(command);
        let told = slow(step, took, heavy, [&mut sort.durations, &mut all.durations], found);
        if !told && !heavy {
            outlier(step, length, &sort.spread, found);
        }
        sort.spread.add(length);
        all.spread.add(length);
    }

    fn flaky(&mut self, step: &ClosedStep<'_>, found: &mut Vec<Finding>) {
        let agent = step.step.agent;
        if step.step.is_message() || step.step.tool_kind() == Some(ToolKind::Plan) {
            return;
        }
        let call = step.step.call_hash;
        let fault = fault::of(step);
        let known = self.failing.get_mut(&agent).filter(|known| known.call == call);
        match (fault, known) {
            (Some(_), Some(known)) => known.times = known.times.saturating_add(1),
            (Some(fault), None) => {
                let record = step.outcome.map_or(step.input.record, |outcome| outcome.record);
                let line = crate::text::excerpt(fault.line, super::EVIDENCE_BYTES);
                self.failing.insert(agent, Failing { call, times: 1, first: step.step.id, record, line });
            }
            (None, Some(known)) if known.times >= FAILURES => {
                let label = fault::call_name(step);
                let shown = if known.line.is_empty() { "(no text)" } else { known.line.as_str() };
                found.push(Finding {
                    rule: &FLAKY,
                    step: step.step.id,
                    root: Some(known.first),
                    strength: Probability::new(0.5),
                    evidence: vec![
                        Evidence::new(step.input.record, Part::Claim, &step.input.text),
                        Evidence::new(known.record, Part::Against, shown),
                    ],
                    sentence: format!(
                        "the call “{label}” worked after it had failed {} times with {}",
                        known.times,
                        crate::text::quoted(shown, 80)
                    ),
                    instruction: String::new(),
                    means: Vec::new(),
                });
                self.failing.remove(&agent);
            }
            (None, _) => {
                self.failing.remove(&agent);
            }
        }
    }
}

/// Whether a call's duration says nothing: it hands work over, keeps a plan, or waits.
fn leaves_alone(step: &ClosedStep<'_>) -> bool {
    matches!(step.step.tool_kind(), Some(ToolKind::Agent | ToolKind::Plan)) || repetition::waits(step)
}

/// Whether a command does work whose length is its own.
fn is_heavy(command: &str) -> bool {
    fault::is_check(command) || installs(command)
}

/// Judges a call against the longest before it, of its sort or of all; learns it. Returns whether
/// something was told.
fn slow(
    step: &ClosedStep<'_>,
    took: i64,
    heavy: bool,
    [sort, all]: [&mut Durations; 2],
    found: &mut Vec<Finding>,
) -> bool {
    let against = if sort.count >= ENOUGH {
        (took >= SLOW_MS && took > sort.longest.saturating_mul(TIMES)).then_some(*sort)
    } else if all.count >= ENOUGH_IN_ALL && !heavy {
        let longest = all.longest.max(1000);
        (took >= SLOW_IN_ALL_MS && took > longest.saturating_mul(TIMES)).then_some(*all)
    } else {
        None
    };
    for known in [sort, all] {
        known.count = known.count.saturating_add(1);
        if against.is_none() {
            known.longest = known.longest.max(took);
        }
    }
    let Some(against) = against else { return false };
    let before = format!("the longest of {} before it took {}", against.count, shown_ms(against.longest));
    found.push(long(&SLOW, step, 0.5, took.unsigned_abs(), &before));
    true
}

/// Judges a call against the middle of its sort.
fn outlier(step: &ClosedStep<'_>, length: u64, spread: &Spread, found: &mut Vec<Finding>) {
    if length < OUT_MS || spread.z(length).is_none_or(|z| z < Z) {
        return;
    }
    let Some(median) = spread.median() else { return };
    let before =
        format!("the middle one of the {} of its sort before it took {}", spread.len(), shown(median));
    found.push(long(&OUTLIER, step, 0.3, length, &before));
}

/// A call that took too long, held against what went `before`.
fn long(rule: &'static Rule, step: &ClosedStep<'_>, strength: f64, length: u64, before: &str) -> Finding {
    let record = step.outcome.map_or(step.input.record, |outcome| outcome.record);
    Finding {
        rule,
        step: step.step.id,
        root: None,
        strength: Probability::new(strength),
        evidence: vec![
            Evidence::new(step.input.record, Part::Claim, &step.input.text),
            Evidence::new(record, Part::Against, &format!("answered after {}", shown(length))),
        ],
        sentence: format!("the call “{}” took {}; {before}", fault::call_name(step), shown(length)),
        instruction: String::new(),
        means: Vec::new(),
    }
}

/// Calls that take about as long: those of one tool, commands by their program and its first word.
fn sort_of(step: &ClosedStep<'_>, line: &str) -> u64 {
    let mut sort = step.tool.to_owned();
    if matches!(step.step.tool_kind(), Some(ToolKind::Shell)) {
        for word in fault::last_command(line).split_whitespace().filter(|word| !word.starts_with('-')).take(2)
        {
            sort.push(' ');
            sort.push_str(word);
        }
    } else if matches!(step.step.tool_kind(), Some(ToolKind::Code)) {
        sort.push_str(line);
    }
    speech::hash(sort.as_bytes())
}

/// Commands that take their time when they are run for the first time.
fn installs(command: &str) -> bool {
    const WORDS: &[&str] = &[
        "install", "build", "clone", "pull", "push", "ci", "deploy", "docker", "compile", "train", "serve",
        "run", "bench", "test", "dev", "start", "dump", "backup", "migrate", "publish",
    ];
    speech::has_any_word(&command.to_ascii_lowercase(), WORDS)
}

fn shown_ms(milliseconds: i64) -> String {
    shown(milliseconds.unsigned_abs())
}

fn shown(milliseconds: u64) -> String {
    match milliseconds {
        ..1000 => format!("{milliseconds} ms"),
        1000..120_000 => format!("{} s", milliseconds / 1000),
        _ => format!("{} min", milliseconds / 60_000),
    }
}

impl Family for Pace {
    fn rules(&self) -> &'static [&'static Rule] {
        RULES
    }

    fn observe(&mut self, seen: &Observation<'_>, run: &Run, found: &mut Vec<Finding>) {
        self.hang.observe(seen, run);
        self.cost.observe(seen, run, found);
        match seen {
            Observation::Step(step) => {
                self.took(step, found);
                self.flaky(step, found);
            }
            Observation::End => {
                let of_sort = |sort| self.sorts.get(&sort).map(|known| &known.spread);
                self.hang.judge(of_sort, &self.all.spread, found);
            }
            _ => {}
        }
    }
}
