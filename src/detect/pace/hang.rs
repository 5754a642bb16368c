//! Hang: a call that nothing answers while the log's own time goes on.

use jiff::Timestamp;
use rustc_hash::FxHashSet;

use crate::detect::{Aspect, Basis, Class, Evidence, Finding, Part, Rule, fault, speech};
use crate::trace::{AgentId, ClosedStep, Lifecycle, Observation, Probability, RecordRef, Run, StepId};

use super::spread::Spread;
use super::{is_heavy, leaves_alone, shown, sort_of};

/// No answer comes.
pub(super) static HANG: Rule = Rule {
    id: "pace.hang",
    class: Class::Operational,
    basis: Basis::External,
    speaks_of: Aspect::Execution,
    summary: "A call has had no answer for twice as long as 99 of 100 calls of its sort take, the log has gone on meanwhile, and nobody is asked for leave.",
    example: "the call “get_order A-17” has had no answer for 9 min; 99 of 100 of its sort took 3 s or less",
    proven: false,
};

/// Calls of a sort, or of all sorts, that must be known.
const ENOUGH: usize = 5;
const ENOUGH_IN_ALL: usize = 10;
/// How many times the 99th part of a hundred is too long.
const TIMES: u64 = 2;
/// The shortest wait that is one, in milliseconds, and the same where the sort is not known.
const LEAST_MS: u64 = 60_000;
const LEAST_IN_ALL_MS: u64 = 600_000;
const MOST_OPEN: usize = 256;

/// A call that is open.
#[derive(Debug)]
struct Open {
    step: StepId,
    agent: AgentId,
    sort: u64,
    heavy: bool,
    began: Timestamp,
    record: RecordRef,
    input: String,
    label: String,
    /// Another step of its agent has closed since.
    others_closed: bool,
}

/// Calls that are open, and how far the log has come.
#[derive(Debug, Default)]
pub(super) struct Hang {
    open: Vec<Open>,
    /// Agents that wait for a permission or an answer.
    waiting: FxHashSet<AgentId>,
    /// The latest time in the log, and the record that brought it.
    latest: Option<(Timestamp, RecordRef)>,
}

impl Hang {
    /// Takes in what happens.
    pub(super) fn observe(&mut self, seen: &Observation<'_>, run: &Run) {
        if let (Some(now), Some(record)) = (run.last, record_of(seen))
            && self.latest.is_none_or(|(latest, _)| latest < now)
        {
            self.latest = Some((now, record));
        }
        match seen {
            Observation::Called { step } => {
                let agent = step.step.agent;
                self.waiting.remove(&agent);
                // It acts again: it does not wait for what it called before.
                self.open.retain(|open| open.agent != agent || !open.others_closed);
                self.called(step);
            }
            Observation::Step(step) => {
                let agent = step.step.agent;
                self.waiting.remove(&agent);
                if step.step.is_message() {
                    self.open.retain(|open| open.agent != agent);
                }
                self.open.retain(|open| open.step != step.step.id);
                for open in self.open.iter_mut().filter(|open| open.agent == agent) {
                    open.others_closed = true;
                }
            }
            Observation::Prompt { agent, .. } => {
                self.waiting.remove(agent);
            }
            Observation::Lifecycle { agent, what, .. } => match what {
                Lifecycle::Waiting => {
                    self.waiting.insert(*agent);
                }
                // Nothing is awaited any more.
                Lifecycle::End | Lifecycle::TurnEnd | Lifecycle::Interrupted => {
                    self.open.retain(|open| open.agent != *agent);
                }
                _ => {}
            },
            _ => {}
        }
    }

    fn called(&mut self, step: &ClosedStep<'_>) {
        let background = step.request.is_some_and(|request| request.background);
        let Some(began) = step.step.began else { return };
        if background || leaves_alone(step) || asks_a_person(step.tool) {
            return;
        }
        if self.open.len() >= MOST_OPEN {
            self.open.remove(0);
        }
        let command = step.request.and_then(|request| request.command.as_deref()).unwrap_or("");
        self.open.push(Open {
            step: step.step.id,
            agent: step.step.agent,
            sort: sort_of(step, command),
            heavy: is_heavy(command),
            began,
            record: step.input.record,
            input: crate::text::excerpt(&step.input.text, crate::detect::EVIDENCE_BYTES),
            label: fault::call_name(step),
            others_closed: false,
        });
    }

    /// What hangs as the log stands. `of_sort` gives the durations of a sort.
    pub(super) fn judge<'s>(
        &self,
        of_sort: impl Fn(u64) -> Option<&'s Spread>,
        all: &Spread,
        found: &mut Vec<Finding>,
    ) {
        let Some((now, record)) = self.latest else { return };
        for open in self.open.iter().filter(|open| !self.waiting.contains(&open.agent)) {
            let waited = now.as_millisecond().saturating_sub(open.began.as_millisecond());
            let waited = u64::try_from(waited).unwrap_or(0);
            let (usual, least, sort) = match of_sort(open.sort).filter(|spread| spread.len() >= ENOUGH) {
                Some(spread) => (spread.p99(), LEAST_MS, "its sort"),
                None if all.len() >= ENOUGH_IN_ALL && !open.heavy => {
                    (all.p99(), LEAST_IN_ALL_MS, "all calls")
                }
                None => continue,
            };
            let Some(usual) = usual.filter(|usual| waited >= least && waited > usual.saturating_mul(TIMES))
            else {
                continue;
            };
            found.push(Finding {
                rule: &HANG,
                step: open.step,
                root: None,
                strength: Probability::new(0.5),
                evidence: vec![
                    Evidence::new(open.record, Part::Claim, &open.input),
                    Evidence::new(record, Part::Against, &format!("the log has come to {now}")),
                ],
                sentence: format!(
                    "the call “{}” has had no answer for {}; 99 of 100 of {sort} took {} or less",
                    open.label,
                    shown(waited),
                    shown(usual)
                ),
                instruction: String::new(),
                means: Vec::new(),
            });
        }
    }
}

/// Tools that wait for a person.
fn asks_a_person(tool: &str) -> bool {
    let lower = tool.to_ascii_lowercase();
    speech::has_any(&lower, &["ask", "question", "approv", "confirm", "permission", "human", "user_input"])
}

/// The record of what happened.
fn record_of(seen: &Observation<'_>) -> Option<RecordRef> {
    Some(match seen {
        Observation::Called { step } => step.input.record,
        Observation::Step(step) => step.outcome.or(step.message).map_or(step.step.record, |text| text.record),
        Observation::Plan { record, .. } => *record,
        Observation::System { passage }
        | Observation::Prompt { passage, .. }
        | Observation::Handoff { passage, .. }
        | Observation::Return { passage, .. }
        | Observation::Receipt { passage, .. }
        | Observation::Lifecycle { passage, .. }
        | Observation::Disorder { passage, .. } => passage.record,
        Observation::Tools { .. } | Observation::End => return None,
    })
}
