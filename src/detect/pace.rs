//! Pace: calls that take far longer than others, and calls that fail before they work. Operational: it
//! costs time and money and says nothing against the agent.
//!
//! Keeps a few durations for each sort of call. Waiting is no slowness: a tool that waits, a call that
//! hands work over, and the first run of a build are left alone.

use rustc_hash::FxHashMap;

use crate::trace::{AgentId, ClosedStep, Observation, Probability, RecordRef, Run, StepId, ToolKind};

use super::{Aspect, Basis, Class, Evidence, Family, Finding, Part, Rule, fault, repetition, speech};

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

static RULES: &[&Rule] = &[&SLOW, &FLAKY];

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
/// Failures before a success that make a call flaky.
const FAILURES: u32 = 2;

#[derive(Clone, Copy, Debug, Default)]
struct Durations {
    count: u32,
    longest: i64,
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
    sorts: FxHashMap<u64, Durations>,
    all: Durations,
    failing: FxHashMap<AgentId, Failing>,
}

impl Pace {
    fn slow(&mut self, step: &ClosedStep<'_>, found: &mut Vec<Finding>) {
        let Some(kind) = step.step.tool_kind() else { return };
        let command = step.request.and_then(|request| request.command.as_deref()).unwrap_or("");
        if matches!(kind, ToolKind::Agent | ToolKind::Plan) || repetition::waits(step) {
            return;
        }
        let (Some(began), Some(ended)) = (step.step.began, step.step.ended) else { return };
        let took = ended.as_millisecond().saturating_sub(began.as_millisecond());
        if took < 0 {
            return;
        }
        if self.sorts.len() >= MOST_SORTS {
            self.sorts.clear();
        }
        let sort = self.sorts.entry(sort_of(step, command)).or_default();
        // Building, testing and installing take their time when they are first done.
        let heavy = fault::is_check(command) || installs(command);
        let against = if sort.count >= ENOUGH {
            (took >= SLOW_MS && took > sort.longest.saturating_mul(TIMES)).then_some(*sort)
        } else if self.all.count >= ENOUGH_IN_ALL && !heavy {
            let longest = self.all.longest.max(1000);
            (took >= SLOW_IN_ALL_MS && took > longest.saturating_mul(TIMES)).then_some(self.all)
        } else {
            None
        };
        for known in [sort, &mut self.all] {
            known.count = known.count.saturating_add(1);
            if against.is_none() {
                known.longest = known.longest.max(took);
            }
        }
        let Some(against) = against else { return };
        let label = fault::call_name(step);
        let record = step.outcome.map_or(step.input.record, |outcome| outcome.record);
        found.push(Finding {
            rule: &SLOW,
            step: step.step.id,
            root: None,
            strength: Probability::new(0.5),
            evidence: vec![
                Evidence::new(step.input.record, Part::Claim, &step.input.text),
                Evidence::new(record, Part::Against, &format!("answered after {}", shown(took))),
            ],
            sentence: format!(
                "the call “{label}” took {}; the longest of {} before it took {}",
                shown(took),
                against.count,
                shown(against.longest)
            ),
            instruction: String::new(),
            means: Vec::new(),
        });
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

fn shown(milliseconds: i64) -> String {
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

    fn observe(&mut self, seen: &Observation<'_>, _run: &Run, found: &mut Vec<Finding>) {
        if let Observation::Step(step) = seen {
            self.slow(step, found);
            self.flaky(step, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::scene::Scene;
    use super::*;
    use crate::trace::Status;
    use serde_json::json;

    /// Calls of one tool that take so many seconds each.
    fn take(scene: &mut Scene, tool: &str, command: &str, seconds: &[i64]) {
        let mut now = 0;
        for seconds in seconds {
            let step = scene.at(now).open(tool, &json!({"command": command}));
            now += seconds;
            scene.at(now).close(step, Status::Ok, "done");
        }
    }

    #[test]
    fn a_call_that_takes_many_times_as_long_is_told() {
        let mut scene = Scene::of(Pace::default());
        take(&mut scene, "get_order", "", &[1, 2, 1, 200, 1]);
        let found = scene.found("pace.slow-call");
        assert_eq!(found.iter().map(|f| f.step.0).collect::<Vec<_>>(), [3]);
        assert!(
            found[0].sentence.contains("3 min") && found[0].sentence.contains("2 s"),
            "{}",
            found[0].sentence
        );
    }

    #[test]
    fn long_is_not_slow_where_long_is_usual_or_nothing_is_known() {
        for (tool, command, seconds) in [
            ("get_order", "", &[100, 120, 90, 200][..]),
            ("get_order", "", &[1, 200][..]),
            ("get_order", "", &[1, 1, 1, 20][..]),
            ("Bash", "sleep 300", &[1, 1, 1, 300][..]),
        ] {
            let mut scene = Scene::of(Pace::default());
            take(&mut scene, tool, command, seconds);
            assert!(scene.all().is_empty(), "{tool} {command} {seconds:?}");
        }
        let mut scene = Scene::of(Pace::default());
        take(&mut scene, "Read", "", &[1, 1, 1, 1]);
        take(&mut scene, "Bash", "cargo build", &[400]);
        assert!(scene.all().is_empty());
    }

    #[test]
    fn a_call_that_works_at_the_third_try_is_flaky() {
        let mut scene = Scene::of(Pace::default());
        let call = json!({"order": "A1"});
        for _ in 0..2 {
            scene.call("get_order", &call, Status::Error, "Error: 503 Service Unavailable");
        }
        scene.call("get_order", &call, Status::Ok, "{}");
        let found = scene.found("pace.flaky-tool");
        assert_eq!((found.len(), found[0].root), (1, Some(StepId(0))));
    }

    #[test]
    fn one_failure_or_another_call_between_is_not_flaky() {
        let mut scene = Scene::of(Pace::default());
        for order in ["A1", "A2"] {
            scene.call("get_order", &json!({"order": order}), Status::Error, "Error: 503");
            scene.call("get_order", &json!({"order": order}), Status::Ok, "{}");
        }
        scene.call("get_order", &json!({"order": "A3"}), Status::Error, "Error: 503");
        scene.call("get_user", &json!({}), Status::Ok, "{}");
        scene.call("get_order", &json!({"order": "A3"}), Status::Error, "Error: 503");
        scene.call("get_order", &json!({"order": "A3"}), Status::Ok, "{}");
        assert!(scene.all().is_empty());
    }
}
