//! Repetition: the same call again and again, a round of calls that turns in a circle, the same error
//! however the call is made, a failed call made again that cannot succeed.
//!
//! Keeps hashes and counters per agent. A repetition counts only while nothing changed in between: an
//! edit, another effect, or a person's words begin the count anew. Waiting for something (`sleep`,
//! a look at a background task) is no repetition in vain before it has gone on for long. A growing
//! loop is told of at 3, 6, 12, … rounds. To add a rule, write its [`Rule`], keep its counters in
//! [`Trail`], and judge it in [`Repetition::closed`].

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use crate::trace::{
    AgentId, Author, ClosedStep, EffectKind, EffectStatus, Observation, Passage, Probability, RecordRef, Run,
    StepId, ToolKind,
};

use super::fault::{self, Fault, Sort};
use super::{Aspect, Basis, Class, Evidence, Family, Finding, Means, Part, Rule, speech};

/// The same call with the same outcome.
pub(super) static SAME_CALL: Rule = Rule {
    id: "repetition.same-call",
    class: Class::ExecutionError,
    basis: Basis::External,
    speaks_of: Aspect::Execution,
    summary: "The same call was made three times or more with the same outcome and nothing changed in between.",
    example: "has made the call “search flights OSL to BGO” 4 times and changed nothing in between; each time with the same outcome",
    proven: false,
};

/// The same call with the same outcome, with nothing else between.
pub(super) static IN_A_ROW: Rule = Rule {
    id: "repetition.in-a-row",
    class: Class::ExecutionError,
    basis: Basis::External,
    speaks_of: Aspect::Execution,
    summary: "The same call was made three times or more directly one after another, with the same outcome.",
    example: "has made the call “get_order A-17” 4 times in a row; each time with the same outcome",
    proven: true,
};

/// Done twice what was meant to be done once.
pub(super) static EFFECT_AGAIN: Rule = Rule {
    id: "repetition.effect-again",
    class: Class::ExecutionError,
    basis: Basis::External,
    speaks_of: Aspect::Execution,
    summary: "A call that books, pays, orders or sends was made again unchanged after it had succeeded, and nobody had asked for it twice.",
    example: "makes the call “book_table 20:00” a second time; the first had succeeded",
    proven: true,
};

/// A round of several calls, over and over.
pub(super) static CYCLE: Rule = Rule {
    id: "repetition.cycle",
    class: Class::ExecutionError,
    basis: Basis::External,
    speaks_of: Aspect::Execution,
    summary: "A round of two to eight calls was gone through three times or more with the same outcomes.",
    example: "has gone 3 times through the same 2 calls with the same outcomes: open page 1 → open page 2",
    proven: false,
};

/// Calls that differ in a counter only.
pub(super) static NEAR_SAME_CALL: Rule = Rule {
    id: "repetition.near-same-call",
    class: Class::ExecutionError,
    basis: Basis::External,
    speaks_of: Aspect::Execution,
    summary: "Five calls or more in a row differ in numbers only, change nothing, and fail or bring nothing.",
    example: "the last 6 calls, up to “fetch_item 17”, differ in numbers only and brought the same",
    proven: false,
};

/// The same error, whatever the arguments.
pub(super) static SAME_ERROR: Rule = Rule {
    id: "repetition.same-error",
    class: Class::ExecutionError,
    basis: Basis::External,
    speaks_of: Aspect::Execution,
    summary: "One tool answered with the same error three times or more in a row.",
    example: "deploy has answered 3 times in a row with \"error: no such environment\"",
    proven: false,
};

/// Again what cannot succeed.
pub(super) static HOPELESS_RETRY: Rule = Rule {
    id: "repetition.hopeless-retry",
    class: Class::ExecutionError,
    basis: Basis::External,
    speaks_of: Aspect::Execution,
    summary: "A call that failed for want of a right, a thing or a fitting argument was made again unchanged.",
    example: "makes the call “GET /admin/users” again unchanged; it had failed, and fails again, with \"403 Forbidden\"",
    proven: true,
};

/// The same words, over and over.
pub(super) static SAME_MESSAGE: Rule = Rule {
    id: "repetition.same-message",
    class: Class::InconsistentReasoning,
    basis: Basis::External,
    speaks_of: Aspect::Consistency,
    summary: "An agent has said the same three times or more and its user has said nothing in between.",
    example: "has said \"I will now look at the results.\" 3 times",
    proven: false,
};

/// The shortest message that counts when it is said again, in bytes.
const MESSAGE_BYTES: usize = 60;
/// The most messages remembered per agent.
const MESSAGES: usize = 1024;

/// Rounds at which a loop is first told of.
const ROUNDS: u32 = 3;
/// The same for calls that wait for something.
const WAITING_ROUNDS: u32 = 24;
/// Near-same calls at which they are first told of.
const NEAR_ROUNDS: u32 = 5;
/// The longest round looked for.
const LONGEST: usize = 8;
/// The most calls remembered per agent; the map is emptied when it is full.
const REMEMBERED: usize = 4096;

/// Calls seen, per agent.
#[derive(Debug, Default)]
struct Trail {
    /// What is known of a call, by its hash.
    calls: FxHashMap<u64, Seen>,
    /// The latest signatures, the latest last.
    latest: VecDeque<(u64, StepId)>,
    /// For each period 1..=LONGEST: how many signatures in a row equal the one a period before.
    equal: [u32; LONGEST + 1],
    /// Whether the signatures in `latest` since the last change all wait.
    waiting: bool,
    near: Near,
    /// What was said, by the hash of its words: how often, and where first.
    said: FxHashMap<u64, (u32, StepId, RecordRef)>,
    /// The last error of each tool.
    errors: FxHashMap<u16, SameError>,
    /// Calls that succeeded and that do harm when they are made again, by their hash: where, and how
    /// often a person had spoken then.
    done: FxHashMap<u64, (StepId, RecordRef, u32)>,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    outcome: u64,
    times: u32,
    first: StepId,
    change: u32,
    lasting: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Near {
    call: u64,
    exact: u64,
    outcome: u64,
    times: u32,
    first: StepId,
}

#[derive(Clone, Copy, Debug)]
struct SameError {
    line: u64,
    times: u32,
    first: StepId,
    change: u32,
    person: u32,
}

static RULES: &[&Rule] = &[
    &SAME_CALL,
    &IN_A_ROW,
    &EFFECT_AGAIN,
    &CYCLE,
    &NEAR_SAME_CALL,
    &SAME_ERROR,
    &HOPELESS_RETRY,
    &SAME_MESSAGE,
];

/// The family.
#[derive(Debug, Default)]
pub(super) struct Repetition {
    trails: FxHashMap<AgentId, Trail>,
    /// How often something was changed in the run so far, by anybody.
    changes: u32,
    /// The call that made the last change.
    changed_by: u64,
    /// How often a person spoke.
    persons: u32,
}

/// Whether a loop of this many rounds is to be told of: 3, 6, 12, …
fn due(rounds: u32, first: u32) -> bool {
    rounds >= first && rounds.is_multiple_of(first) && (rounds / first).is_power_of_two()
}

/// Whether a call waits for something or looks after it.
pub(super) fn waits(step: &ClosedStep<'_>) -> bool {
    let tool = step.tool.to_ascii_lowercase();
    if speech::has_any(
        &tool,
        &["wait", "sleep", "poll", "bashoutput", "taskoutput", "task_output", "write_stdin", "status"],
    ) {
        return true;
    }
    step.request.and_then(|request| request.command.as_deref()).is_some_and(|command| {
        let lower = command.to_ascii_lowercase();
        speech::has_any_word(&lower, &["sleep", "wait", "watch"])
    })
}

/// Whether a closed call may have changed something that another call's outcome depends on.
fn changes(step: &ClosedStep<'_>) -> bool {
    if step.step.failed() {
        return false;
    }
    step.effects.iter().any(|effect| effect.status != EffectStatus::Failed)
        || matches!(step.step.tool_kind(), Some(ToolKind::Edit | ToolKind::Write | ToolKind::Agent))
}

/// A strength that grows with the rounds from `base` towards 1.
fn growing(base: f64, rounds: u32, first: u32) -> Probability {
    let doublings = f64::from(rounds.max(1)) / f64::from(first.max(1));
    Probability::new(1.0 - (1.0 - base) / doublings.max(1.0))
}

impl Repetition {
    fn closed(&mut self, step: &ClosedStep<'_>, run: &Run, found: &mut Vec<Finding>) {
        if let Some(message) = step.message {
            same_message(self.trails.entry(step.step.agent).or_default(), step, message, found);
            return;
        }
        let Some(crate::trace::Action::Call { tool, kind }) = Some(step.step.action) else {
            return;
        };
        if kind == ToolKind::Plan {
            return;
        }
        let Some(outcome) = step.outcome else { return };
        let changed = changes(step);
        // The same change again is no new state of things.
        if changed && self.changed_by != step.step.call_hash {
            self.changes = self.changes.wrapping_add(1);
            self.changed_by = step.step.call_hash;
        }
        let fault = fault::of(step);
        let change = self.changes;
        let trail = self.trails.entry(step.step.agent).or_default();
        let told = effect_again(trail, step, outcome, fault, self.persons, found)
            | same_call(trail, step, outcome, fault, change, found)
            | cycle(trail, step, outcome, brought(step, fault), run, found);
        let told = told | near(trail, step, outcome, fault, changed, told, found);
        same_error(trail, tool, step, outcome, fault, (change, self.persons), told, found);
    }
}

/// What a call brought, as far as it matters for "again the same": of a failure, the line that tells
/// of it (the rest holds times and names of log files).
fn brought(step: &ClosedStep<'_>, fault: Option<Fault<'_>>) -> u64 {
    match fault {
        Some(fault) if fault.line.len() >= 8 && !fault::says_exit_only(fault.line) => {
            speech::hash_without_digits(crate::text::clip(fault.line, 400))
        }
        _ => step.step.outcome_hash,
    }
}

/// The same message again.
fn same_message(trail: &mut Trail, step: &ClosedStep<'_>, message: &Passage, found: &mut Vec<Finding>) {
    let text = message.text.trim();
    if text.len() < MESSAGE_BYTES {
        return;
    }
    if trail.said.len() >= MESSAGES {
        trail.said.clear();
    }
    let hash = speech::hash_without_digits(crate::text::clip(text, 2048));
    let said = trail.said.entry(hash).or_insert((0, step.step.id, message.record));
    said.0 = said.0.saturating_add(1);
    let (times, first, record) = *said;
    if !due(times, ROUNDS) {
        return;
    }
    found.push(Finding {
        rule: &SAME_MESSAGE,
        step: step.step.id,
        root: Some(first),
        strength: growing(0.45, times, ROUNDS),
        evidence: vec![
            Evidence::new(message.record, Part::Claim, text),
            Evidence::new(record, Part::Against, text),
        ],
        sentence: format!("has said {} {times} times", crate::text::quoted(text, 100)),
        instruction: "You have said this before and nothing came of it. Say what is still missing, and take a step that you have not taken yet.".to_owned(),
        means: Vec::new(),
    });
}

/// A call that does harm when it is made twice. Returns whether something was told.
fn effect_again(
    trail: &mut Trail,
    step: &ClosedStep<'_>,
    outcome: &Passage,
    fault: Option<Fault<'_>>,
    persons: u32,
    found: &mut Vec<Finding>,
) -> bool {
    let harms = step.effects.iter().any(|effect| {
        let outside =
            matches!(effect.kind, EffectKind::Transaction | EffectKind::Message | EffectKind::Request);
        outside && !effect.harmless_again && effect.status != EffectStatus::Failed
    });
    if !harms || fault.is_some() {
        return false;
    }
    if trail.done.len() >= REMEMBERED {
        trail.done.clear();
    }
    let before = trail.done.insert(step.step.call_hash, (step.step.id, outcome.record, persons));
    let Some((first, record, _)) = before.filter(|(.., then)| *then == persons) else { return false };
    let label = fault::call_name(step);
    found.push(Finding {
        rule: &EFFECT_AGAIN,
        step: step.step.id,
        root: Some(first),
        strength: Probability::new(0.65),
        evidence: vec![
            Evidence::new(step.input.record, Part::Claim, &step.input.text),
            Evidence::new(record, Part::Against, &step.input.text),
        ],
        sentence: format!("makes the call “{label}” a second time; the first had succeeded"),
        instruction: format!(
            "{label} has been done twice. Look up what stands now, and take the second back if it was not meant."
        ),
        means: vec![Means::RefuseRepeat],
    });
    true
}

/// Rules 1 and 5. Returns whether something was told.
fn same_call(
    trail: &mut Trail,
    step: &ClosedStep<'_>,
    outcome: &Passage,
    fault: Option<Fault<'_>>,
    change: u32,
    found: &mut Vec<Finding>,
) -> bool {
    if trail.calls.len() >= REMEMBERED {
        trail.calls.clear();
    }
    let fresh = Seen {
        outcome: brought(step, fault),
        times: 1,
        first: step.step.id,
        change,
        lasting: fault.is_some_and(|fault| fault.sort.lasting()),
    };
    let seen = trail.calls.entry(step.step.call_hash).or_insert(Seen { times: 0, ..fresh });
    let retried_in_vain = seen.times == 1 && seen.change == change && seen.lasting && fresh.lasting;
    if seen.outcome == fresh.outcome && seen.change == change {
        seen.times = seen.times.saturating_add(1);
    } else {
        *seen = fresh;
    }
    let seen = *seen;
    let label = fault::call_name(step);
    if let Some(fault) = fault
        && retried_in_vain
    {
        found.push(Finding {
            rule: &HOPELESS_RETRY,
            step: step.step.id,
            root: Some(seen.first),
            strength: Probability::new(if fault.sort == Sort::Absent { 0.4 } else { 0.55 }),
            evidence: evidence(step, outcome, Some(fault)),
            sentence: format!(
                "makes the call “{label}” again unchanged; it had failed, and fails again, with {}",
                quoted(fault.line)
            ),
            instruction: format!(
                "Do not repeat {label}. {} Then make a different call, or say that it cannot be done.",
                next_for(fault)
            ),
            means: vec![Means::RefuseRepeat],
        });
        return true;
    }
    let first = if waits(step) { WAITING_ROUNDS } else { ROUNDS };
    if !due(seen.times, first) {
        return false;
    }
    // The trail has not taken this call in yet.
    let in_a_row = trail.latest.back().is_some_and(|(before, _)| *before == signature(step, fresh.outcome))
        && trail.equal.get(1).is_some_and(|equal| equal + 2 >= ROUNDS);
    let (base, ending) = match fault {
        Some(fault) => (0.75, format!("each time it ended with {}", quoted(fault.line))),
        None if in_a_row => (0.6, "each time with the same outcome".to_owned()),
        None => (0.4, "each time with the same outcome".to_owned()),
    };
    let mut means = vec![Means::RefuseRepeat];
    if fault.is_some_and(|fault| fault.sort.passing()) {
        means = vec![Means::Retry];
    }
    found.push(Finding {
        rule: if in_a_row { &IN_A_ROW } else { &SAME_CALL },
        step: step.step.id,
        root: Some(seen.first),
        strength: growing(base, seen.times, first),
        evidence: evidence(step, outcome, fault),
        sentence: format!(
            "has made the call “{label}” {} times {}; {ending}",
            seen.times,
            if in_a_row { "in a row" } else { "and changed nothing in between" }
        ),
        instruction: match fault {
            Some(fault) => format!(
                "The call {label} has failed {} times in the same way. {} Then take another way to the goal.",
                seen.times,
                next_for(fault)
            ),
            None => format!(
                "You already have the outcome of {label}. Write down in one sentence what it told you, then do the next step that depends on it."
            ),
        },
        means,
    });
    true
}

/// A call with what it brought.
fn signature(step: &ClosedStep<'_>, outcome: u64) -> u64 {
    step.step.call_hash ^ outcome.rotate_left(23)
}

/// Rule 2.
fn cycle(
    trail: &mut Trail,
    step: &ClosedStep<'_>,
    outcome: &Passage,
    outcome_hash: u64,
    run: &Run,
    found: &mut Vec<Finding>,
) -> bool {
    let signature = signature(step, outcome_hash);
    for period in 1..=LONGEST {
        let before = trail.latest.len().checked_sub(period).and_then(|at| trail.latest.get(at));
        let equal = before.is_some_and(|(earlier, _)| *earlier == signature);
        if let Some(count) = trail.equal.get_mut(period) {
            *count = if equal { count.saturating_add(1) } else { 0 };
        }
    }
    trail.latest.push_back((signature, step.step.id));
    if trail.latest.len() > LONGEST {
        trail.latest.pop_front();
    }
    trail.waiting = waits(step) || (trail.waiting && trail.equal.iter().any(|count| *count > 0));
    if trail.waiting {
        return false;
    }
    // The smallest period that holds: a round of two is also one of four.
    let rounds_of = |trail: &Trail, period: usize| {
        let equal = trail.equal.get(period).copied().unwrap_or(0);
        equal / u32::try_from(period).unwrap_or(1) + 1
    };
    let Some(period) = (1..=LONGEST).find(|period| rounds_of(trail, *period) >= ROUNDS) else {
        return false;
    };
    let whole = trail.equal.get(period).is_some_and(|equal| (*equal as usize).is_multiple_of(period));
    let rounds = rounds_of(trail, period);
    if period == 1 || !whole || !due(rounds, ROUNDS) {
        return false;
    }
    let labels: Vec<String> = trail
        .latest
        .iter()
        .rev()
        .take(period)
        .rev()
        .filter_map(|(_, id)| run.step(*id))
        .map(|step| crate::text::clip(&step.label, 40).to_owned())
        .collect();
    let root = (step.step.id.index() + 1)
        .checked_sub(period * rounds as usize)
        .and_then(|at| u32::try_from(at).ok())
        .map(StepId);
    found.push(Finding {
        rule: &CYCLE,
        step: step.step.id,
        root,
        strength: growing(0.6, rounds, ROUNDS),
        evidence: evidence(step, outcome, None),
        sentence: format!(
            "has gone {rounds} times through the same {period} calls with the same outcomes: {}",
            labels.join(" → ")
        ),
        instruction: "You are going round in a circle and nothing changes. Say in one sentence which fact you still lack, and make one call that you have not made yet and that can bring that fact.".to_owned(),
        means: vec![Means::RefuseRepeat],
    });
    true
}

/// Rule 3.
fn near(
    trail: &mut Trail,
    step: &ClosedStep<'_>,
    outcome: &Passage,
    fault: Option<Fault<'_>>,
    changed: bool,
    told: bool,
    found: &mut Vec<Finding>,
) -> bool {
    let call = speech::hash_without_digits(crate::text::clip(&step.input.text, 512))
        ^ speech::hash(step.tool.as_bytes());
    let brought = speech::hash_without_digits(crate::text::clip(&outcome.text, 512));
    let near = &mut trail.near;
    let goes_on = near.times > 0
        && near.call == call
        && near.outcome == brought
        && near.exact != step.step.call_hash
        && !changed
        && !waits(step);
    if goes_on {
        near.times = near.times.saturating_add(1);
        near.exact = step.step.call_hash;
    } else {
        *near = Near { call, exact: step.step.call_hash, outcome: brought, times: 1, first: step.step.id };
    }
    let near = *near;
    let nothing = outcome.text.trim().len() <= 2;
    if told || !due(near.times, NEAR_ROUNDS) || (fault.is_none() && !nothing) {
        return false;
    }
    found.push(Finding {
        rule: &NEAR_SAME_CALL,
        step: step.step.id,
        root: Some(near.first),
        strength: growing(if fault.is_some() { 0.5 } else { 0.3 }, near.times, NEAR_ROUNDS),
        evidence: evidence(step, outcome, fault),
        sentence: format!(
            "the last {} calls, up to “{}”, differ in numbers only and brought the same",
            near.times,
            fault::call_name(step)
        ),
        instruction: "Counting on brings nothing new. Look up which value is right before the next call, or take another way.".to_owned(),
        means: Vec::new(),
    });
    true
}

/// Rule 4.
#[allow(clippy::too_many_arguments)]
fn same_error(
    trail: &mut Trail,
    tool: u16,
    step: &ClosedStep<'_>,
    outcome: &Passage,
    fault: Option<Fault<'_>>,
    (change, person): (u32, u32),
    told: bool,
    found: &mut Vec<Finding>,
) {
    let Some(fault) = fault else {
        trail.errors.remove(&tool);
        return;
    };
    if fault.line.len() < 8 {
        return;
    }
    let line = speech::hash_without_digits(crate::text::clip(fault.line, 400));
    let fresh = SameError { line, times: 0, first: step.step.id, change, person };
    let seen = trail.errors.entry(tool).or_insert(fresh);
    if seen.line != line || seen.person != person {
        *seen = fresh;
    }
    seen.times = seen.times.saturating_add(1);
    let seen = *seen;
    if told || !due(seen.times, ROUNDS) {
        return;
    }
    // A check that fails on after edits is work in progress, though not one that gets on.
    let base = if seen.change != change { 0.3 } else { 0.5 };
    let times = seen.times;
    let tool = crate::text::excerpt(step.tool, 60);
    found.push(Finding {
        rule: &SAME_ERROR,
        step: step.step.id,
        root: Some(seen.first),
        strength: growing(base, times, ROUNDS),
        evidence: evidence(step, outcome, Some(fault)),
        sentence: format!("{tool} has answered {times} times in a row with {}", quoted(fault.line)),
        instruction: format!(
            "{tool} gives the same error however you call it. {} Only then call it again.",
            next_for(fault)
        ),
        means: if fault.sort.passing() { vec![Means::Retry] } else { Vec::new() },
    });
}

/// The call and the line that speaks against it.
fn evidence(step: &ClosedStep<'_>, outcome: &Passage, fault: Option<Fault<'_>>) -> Vec<Evidence> {
    let mut evidence = vec![Evidence::new(step.input.record, Part::Claim, &step.input.text)];
    let line = fault.map_or(outcome.text.as_str(), |fault| fault.line);
    if !line.trim().is_empty() {
        evidence.push(Evidence::new(outcome.record, Part::Against, line));
    }
    evidence
}

pub(super) fn quoted(line: &str) -> String {
    if line.trim().is_empty() { "no output".to_owned() } else { crate::text::quoted(line, 100) }
}

/// What to do next about a fault.
pub(super) fn next_for(fault: Fault<'_>) -> &'static str {
    match fault.sort {
        Sort::Timeout => {
            "Check whether the work went on in the background, or ask for a smaller piece of it."
        }
        Sort::Transient => "Wait a moment before you call it once more.",
        Sort::Access => "Find out which right is missing and ask for it, or use what you are allowed to use.",
        Sort::Absent => "List what is there and take the name from that list.",
        Sort::Arguments => "Read the tool's description and give the arguments that it asks for.",
        Sort::Check => "Read the first failure, name its cause, and change the code that causes it.",
        Sort::Other => "Read the error, name its cause, and remove it first.",
    }
}

impl Family for Repetition {
    fn rules(&self) -> &'static [&'static Rule] {
        RULES
    }

    fn observe(&mut self, seen: &Observation<'_>, run: &Run, found: &mut Vec<Finding>) {
        match seen {
            Observation::Step(step) => self.closed(step, run, found),
            Observation::Prompt { author: Author::Person, .. } => {
                self.changes = self.changes.wrapping_add(1);
                self.persons = self.persons.wrapping_add(1);
                for trail in self.trails.values_mut() {
                    trail.equal = [0; LONGEST + 1];
                    trail.latest.clear();
                    trail.near = Near::default();
                    trail.said.clear();
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
    use crate::trace::Status;
    use serde_json::json;

    fn scene() -> Scene {
        Scene::of(Repetition::default())
    }

    #[test]
    fn the_third_same_failure_is_told_and_then_every_doubling() {
        let mut scene = scene();
        for _ in 0..12 {
            let at = scene.run().steps.len();
            let text = format!("error: broken thing\nlog: /tmp/{at}-debug-{at}{at}.log");
            scene.call("Bash", &json!({"command": "./deploy"}), Status::Error, &text);
        }
        let found = scene.found("repetition.in-a-row");
        let steps: Vec<u32> = found.iter().map(|f| f.step.0).collect();
        assert_eq!(steps, [2, 5, 11]);
        assert!(found[2].strength > found[0].strength);
        assert_eq!(found[0].root, Some(StepId(0)));
        assert_eq!(found[0].evidence.len(), 2);
        assert!(found[0].sentence.contains("3 times"), "{}", found[0].sentence);
    }

    #[test]
    fn the_same_call_with_others_between_is_another_matter() {
        let mut scene = scene();
        for n in 0..3 {
            scene.call("look", &json!({"page": 1}), Status::Ok, "page 1");
            scene.call("read", &json!({"line": n}), Status::Ok, &format!("line {n}"));
        }
        assert_eq!(scene.found("repetition.same-call").len(), 1);
        assert!(scene.found("repetition.in-a-row").is_empty());
    }

    #[test]
    fn the_same_change_again_and_again_is_in_a_row() {
        let mut scene = scene();
        for _ in 0..3 {
            scene.call("cancel_order", &json!({"order": "A1"}), Status::Ok, "cancelled");
        }
        assert_eq!(scene.found("repetition.in-a-row").len(), 1);
    }

    #[test]
    fn what_is_booked_twice_is_told_unless_a_person_asked_again() {
        let book = |scene: &mut Scene| {
            scene.call("book_table", &json!({"at": "20:00"}), Status::Ok, "booked");
        };
        let mut scene = scene();
        book(&mut scene);
        scene.call("get_menu", &json!({}), Status::Ok, "soup");
        book(&mut scene);
        let found = scene.found("repetition.effect-again");
        assert_eq!((found.len(), found[0].root), (1, Some(StepId(0))));
        let mut scene = self::scene();
        book(&mut scene);
        scene.prompt("One more please.");
        book(&mut scene);
        scene.call("book_table", &json!({"at": "21:00"}), Status::Error, "Error: full");
        scene.call("book_table", &json!({"at": "21:00"}), Status::Ok, "booked");
        assert!(scene.found("repetition.effect-again").is_empty());
    }

    #[test]
    fn changing_outcomes_are_no_loop() {
        let mut scene = scene();
        for n in 0..9 {
            scene.call("Bash", &json!({"command": "./status"}), Status::Ok, &format!("{n} of 9 ready"));
        }
        assert!(scene.all().is_empty());
    }

    #[test]
    fn an_edit_or_a_persons_word_begins_anew() {
        let mut scene = scene();
        for n in 0..6 {
            scene.call("Bash", &json!({"command": "make -C app"}), Status::Error, "a.c: error: no");
            scene.call(
                "Edit",
                &json!({"path": "a.c", "old_string": format!("{n}"), "new_string": "b"}),
                Status::Ok,
                "edited",
            );
        }
        assert!(scene.found("repetition.same-call").is_empty());
        let mut scene = self::scene();
        for _ in 0..6 {
            scene.call("look", &json!({"x": 1}), Status::Ok, "same");
            scene.prompt("again please");
        }
        assert!(scene.all().is_empty());
    }

    #[test]
    fn waiting_is_no_loop() {
        let mut scene = scene();
        for _ in 0..8 {
            scene.call("Bash", &json!({"command": "sleep 5; cat log"}), Status::Ok, "building");
        }
        assert!(scene.all().is_empty());
    }

    #[test]
    fn a_round_of_two_is_a_cycle_once() {
        let mut scene = scene();
        for _ in 0..3 {
            scene.call("look", &json!({"page": "a"}), Status::Ok, "page a");
            scene.call("look", &json!({"page": "b"}), Status::Ok, "page b");
        }
        let found = scene.found("repetition.cycle");
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].step.0, found[0].root), (5, Some(StepId(0))));
        assert!(found[0].sentence.contains("2 calls"));
    }

    #[test]
    fn two_rounds_are_no_cycle_and_neither_is_one_with_new_outcomes() {
        let mut scene = scene();
        for n in 0..6 {
            scene.call("look", &json!({"page": "a"}), Status::Ok, &format!("page {n}"));
            scene.call("look", &json!({"page": "b"}), Status::Ok, "page b");
        }
        assert!(scene.found("repetition.cycle").is_empty());
    }

    #[test]
    fn counting_on_in_vain_is_told_and_paging_is_not() {
        let mut scene = scene();
        for n in 0..5 {
            scene.call("fetch_item", &json!({"id": n}), Status::Error, &format!("item {n}: nothing here"));
        }
        assert_eq!(scene.found("repetition.near-same-call").len(), 1);
        let mut scene = self::scene();
        for n in 0..9 {
            scene.call(
                "fetch_item",
                &json!({"id": n}),
                Status::Ok,
                &format!("content {}", "abcdefghi".get(n..).unwrap()),
            );
        }
        assert!(scene.all().is_empty());
    }

    #[test]
    fn the_same_error_for_different_arguments() {
        let mut scene = scene();
        for name in ["ann", "bob", "cid"] {
            scene.call("find_user", &json!({"name": name}), Status::Error, "Error: user not found");
        }
        let found = scene.found("repetition.same-error");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].evidence[1].text, "Error: user not found");
    }

    #[test]
    fn a_success_between_breaks_the_row_of_errors() {
        let mut scene = scene();
        for name in ["ann", "bob", "cid", "dan"] {
            scene.call("find_user", &json!({"name": name}), Status::Error, "Error: user not found");
            scene.call("find_user", &json!({"name": format!("{name}x")}), Status::Ok, "u_1");
        }
        assert!(scene.all().is_empty());
    }

    #[test]
    fn a_refused_call_again_is_hopeless_and_a_broken_connection_is_not() {
        let mut scene = scene();
        for _ in 0..2 {
            scene.call("get", &json!({"u": "a"}), Status::Error, "403 Forbidden");
            scene.call("get", &json!({"u": "b"}), Status::Error, "503 Service Unavailable");
        }
        let found = scene.found("repetition.hopeless-retry");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].step, StepId(2));
        assert_eq!(found[0].means, [Means::RefuseRepeat]);
    }

    #[test]
    fn the_same_words_three_times_without_an_answer() {
        let words = "Please look at the first page of the results and click on the link there.";
        let mut scene = scene();
        for _ in 0..3 {
            scene.says(words);
        }
        assert_eq!(scene.found("repetition.same-message").len(), 1);
        let mut scene = self::scene();
        for _ in 0..3 {
            scene.says(words);
            scene.prompt("I did");
            scene.says("ok");
        }
        assert!(scene.all().is_empty());
    }

    #[test]
    fn doublings() {
        let told: Vec<u32> = (1..50).filter(|n| due(*n, 3)).collect();
        assert_eq!(told, [3, 6, 12, 24, 48]);
    }
}
