//! Cost: steps that take many times the tokens of others of their sort, and work that gets dearer.
//!
//! A log tells what was used between records, not for which step: what is new when a step closes counts
//! as that step's, and nothing is said where agents take turns within it. Cached tokens count a tenth,
//! about their price.

use rustc_hash::FxHashMap;

use crate::detect::{Aspect, Basis, Class, Evidence, Finding, Part, Rule, speech};
use crate::trace::{AgentId, ClosedStep, Observation, Probability, RecordRef, Run, StepId, ToolKind};

use super::spread::Spread;

/// One dear step.
pub(super) static COSTLY_STEP: Rule = Rule {
    id: "pace.costly-step",
    class: Class::Operational,
    basis: Basis::External,
    speaks_of: Aspect::Execution,
    summary: "A step took many times as many tokens as the steps of its sort before it, by the robust z-score.",
    example: "this step took 84 k tokens; the middle one of the 14 of its sort before it took 2 k",
    proven: false,
};

/// All gets dearer.
pub(super) static RISING_COST: Rule = Rule {
    id: "pace.rising-cost",
    class: Class::Operational,
    basis: Basis::External,
    speaks_of: Aspect::Execution,
    summary: "A call that works has come to cost three times as many tokens as it did earlier in the run.",
    example: "the last 20 calls that worked took 31 k tokens each, what failed between them included; earlier in the run it was 9 k",
    proven: false,
};

/// How far a step's tokens lie out.
const Z: f64 = 6.0;
/// The fewest tokens that are dear.
const LEAST: u64 = 20_000;
/// Calls that worked, of which the cost is taken together.
const WINDOW: u64 = 20;
/// Stretches of that length that must be known.
const ENOUGH_WINDOWS: usize = 2;
/// How many times dearer work must have become.
const TIMES: u64 = 3;
const MOST_SORTS: usize = 256;

/// What was used so far.
#[derive(Debug, Default)]
pub(super) struct Cost {
    total: u64,
    sorts: FxHashMap<u64, Spread>,
    last: Option<AgentId>,
    /// A message that has closed before what it used was told.
    spoken: Option<Closed>,
    /// What the calls of the stretch under way have used, how many of them worked, and where it began.
    used: u64,
    worked: u64,
    since: Option<RecordRef>,
    windows: Spread,
    /// The stretch that stands for the earlier ones.
    first: Option<RecordRef>,
    /// How many times dearer it was when it was last told of.
    told: u64,
}

/// A step that has closed.
#[derive(Clone, Copy, Debug)]
struct Closed {
    step: StepId,
    agent: AgentId,
    record: RecordRef,
    sort: u64,
}

impl Cost {
    /// Takes in what happens.
    pub(super) fn observe(&mut self, seen: &Observation<'_>, run: &Run, found: &mut Vec<Finding>) {
        let usage = &run.usage;
        let now = usage.input.saturating_add(usage.output).saturating_add(usage.cached / 10);
        let mut used = now.saturating_sub(self.total);
        if let Some(spoken) = self.spoken.take()
            && used > 0
        {
            self.total = now;
            self.used(spoken, used, run, found);
            used = 0;
        }
        let Observation::Step(step) = seen else { return };
        let closed = Closed {
            step: step.step.id,
            agent: step.step.agent,
            record: step.step.record,
            sort: speech::hash(step.tool.as_bytes()),
        };
        self.total = now;
        if used > 0 {
            self.used(closed, used, run, found);
        } else if step.step.is_message() {
            self.spoken = Some(closed);
        }
        self.worked(step, closed, found);
    }

    /// A step has used so many tokens.
    fn used(&mut self, closed: Closed, used: u64, run: &Run, found: &mut Vec<Finding>) {
        self.used = self.used.saturating_add(used);
        let alone = self.last.replace(closed.agent).is_none_or(|last| last == closed.agent);
        if !alone {
            return;
        }
        if self.sorts.len() >= MOST_SORTS {
            self.sorts.clear();
        }
        let spread = self.sorts.entry(closed.sort).or_default();
        let out = used >= LEAST && spread.z(used).is_some_and(|z| z >= Z);
        let (count, median) = (spread.len(), spread.median().unwrap_or(0));
        spread.add(used);
        if !out {
            return;
        }
        let label = run.step(closed.step).map_or("", |step| &step.label);
        let label = if label.is_empty() { "(no text)" } else { label };
        found.push(Finding {
            rule: &COSTLY_STEP,
            step: closed.step,
            root: None,
            strength: Probability::new(0.3),
            evidence: vec![
                Evidence::new(closed.record, Part::Claim, label),
                Evidence::new(closed.record, Part::Against, &format!("{used} tokens")),
            ],
            sentence: format!(
                "this step took {} tokens; the middle one of the {count} of its sort before it took {}",
                tokens(used),
                tokens(median)
            ),
            instruction: String::new(),
            means: Vec::new(),
        });
    }

    /// A call has closed: a unit of work, if it worked.
    fn worked(&mut self, step: &ClosedStep<'_>, closed: Closed, found: &mut Vec<Finding>) {
        let since = *self.since.get_or_insert(closed.record);
        let plan = step.step.tool_kind() == Some(ToolKind::Plan);
        if step.step.is_message() || plan || step.step.failed() {
            return;
        }
        self.worked += 1;
        if self.worked < WINDOW {
            return;
        }
        let each = self.used / self.worked;
        (self.used, self.worked, self.since) = (0, 0, None);
        if each == 0 {
            return;
        }
        let before = self.windows.median().filter(|_| self.windows.len() >= ENOUGH_WINDOWS);
        self.windows.add(each);
        let first = *self.first.get_or_insert(since);
        let Some(before) = before.filter(|before| *before > 0) else { return };
        let times = each / before;
        if times < TIMES.max(self.told.saturating_mul(2)) {
            return;
        }
        self.told = times;
        found.push(Finding {
            rule: &RISING_COST,
            step: closed.step,
            root: None,
            strength: Probability::new(0.3),
            evidence: vec![
                Evidence::new(since, Part::Claim, &format!("{each} tokens a call from here on")),
                Evidence::new(first, Part::Against, &format!("{before} tokens a call from here on")),
            ],
            sentence: format!(
                "the last {WINDOW} calls that worked took {} tokens each, what failed between them included; earlier in the run it was {}",
                tokens(each),
                tokens(before)
            ),
            instruction: String::new(),
            means: Vec::new(),
        });
    }
}

fn tokens(count: u64) -> String {
    if count < 1000 { count.to_string() } else { format!("{} k", count / 1000) }
}
