//! Integrity: what is out of order in the log itself, and calls that nothing has answered.
//!
//! These say that the log cannot be trusted at a place, not that the agent was wrong there: all but
//! the unanswered call are operational.

use crate::trace::{AgentId, Author, Disorder, Lifecycle, Observation, Passage, Probability, Run, StepId};

use super::{Aspect, Basis, Class, Evidence, Family, Finding, Part, Rule};

/// A result that belongs to nothing, or an id used twice.
pub(super) static DISORDER: Rule = Rule {
    id: "integrity.disorder",
    class: Class::Operational,
    basis: Basis::External,
    speaks_of: Aspect::Execution,
    summary: "A result without a call, a second result for a call, or a call id used twice.",
    example: "a result came for the call toolu_07, which was never made",
    proven: true,
};

/// Time goes back.
pub(super) static TIME: Rule = Rule {
    id: "integrity.time-went-back",
    class: Class::Operational,
    basis: Basis::External,
    speaks_of: Aspect::Execution,
    summary: "A record is older than the one above it.",
    example: "time in the log went back (2 so far): 10:04:31 stands below 10:06:02",
    proven: true,
};

/// No answer came.
pub(super) static UNANSWERED: Rule = Rule {
    id: "integrity.unanswered-call",
    class: Class::ExecutionError,
    basis: Basis::External,
    speaks_of: Aspect::Execution,
    summary: "A call has no result although its agent has gone on.",
    example: "went on although the call “run the nightly export” has no result",
    proven: true,
};

static RULES: &[&Rule] = &[&DISORDER, &TIME, &UNANSWERED];

const MOST_OPEN: usize = 256;
/// The most findings of disorder in one run: past it a log is out of order as a whole.
const MOST_TOLD: u32 = 8;

#[derive(Debug)]
struct Open {
    step: StepId,
    agent: AgentId,
    call: Passage,
    label: String,
    /// Another step of the agent has closed since.
    others_closed: bool,
    /// The agent has acted after that: it no longer waits for this call.
    passed: bool,
    /// A person spoke before that: the agent was drawn away from it.
    called_away: bool,
}

/// The family.
#[derive(Debug, Default)]
pub(super) struct Integrity {
    open: Vec<Open>,
    times: u32,
    told: u32,
}

impl Integrity {
    fn disorder(
        &mut self,
        step: Option<StepId>,
        agent: AgentId,
        what: Disorder,
        passage: &Passage,
        run: &Run,
        found: &mut Vec<Finding>,
    ) {
        let fallback =
            || run.steps.iter().rev().find(|s| s.agent == agent).or(run.steps.last()).map(|s| s.id);
        let Some(step) = step.or_else(fallback) else { return };
        let text = if passage.text.trim().is_empty() { "(no text)" } else { passage.text.as_str() };
        let (rule, strength, sentence) = match what {
            Disorder::ResultWithoutCall => {
                (&DISORDER, 0.3, "a result came that no call asked for".to_owned())
            }
            Disorder::SecondResult => (&DISORDER, 0.3, "a call was answered a second time".to_owned()),
            Disorder::CallIdReused => (&DISORDER, 0.3, "a call id was used a second time".to_owned()),
            Disorder::TimeWentBack => {
                self.times = self.times.saturating_add(1);
                if !self.times.is_power_of_two() {
                    return;
                }
                (
                    &TIME,
                    0.1,
                    format!(
                        "time in the log went back ({} so far): {}",
                        self.times,
                        crate::text::quoted(text, 80)
                    ),
                )
            }
        };
        if self.told >= MOST_TOLD {
            return;
        }
        self.told += 1;
        found.push(Finding {
            rule,
            step,
            root: None,
            strength: Probability::new(strength),
            evidence: vec![Evidence::new(passage.record, Part::Against, text)],
            sentence,
            instruction: String::new(),
            means: Vec::new(),
        });
    }

    /// An agent has made a call: calls that it made beside others that have closed are passed over.
    fn acted(&mut self, agent: AgentId) {
        for open in self.open.iter_mut().filter(|open| open.agent == agent) {
            open.passed |= open.others_closed;
        }
    }

    fn unanswered(&self, run: &Run, found: &mut Vec<Finding>) {
        for open in &self.open {
            if !open.passed || run.step(open.step).is_some_and(|step| step.closed) {
                continue;
            }
            found.push(Finding {
                rule: &UNANSWERED,
                step: open.step,
                root: None,
                strength: Probability::new(if open.called_away { 0.4 } else { 0.6 }),
                evidence: vec![Evidence::new(open.call.record, Part::Claim, &open.call.text)],
                sentence: format!("went on although the call “{}” has no result", open.label),
                instruction: format!(
                    "The call {} never came back. Find out whether it took effect, and only then make it again.",
                    open.label
                ),
                means: Vec::new(),
            });
        }
    }
}

impl Family for Integrity {
    fn rules(&self) -> &'static [&'static Rule] {
        RULES
    }

    fn observe(&mut self, seen: &Observation<'_>, run: &Run, found: &mut Vec<Finding>) {
        match seen {
            Observation::Called { step } => {
                self.acted(step.step.agent);
                if step.request.is_some_and(|request| request.background) || self.open.len() >= MOST_OPEN {
                    return;
                }
                let text = crate::text::clip(&step.input.text, super::EVIDENCE_BYTES);
                self.open.push(Open {
                    step: step.step.id,
                    agent: step.step.agent,
                    call: Passage { record: step.input.record, text: text.to_owned() },
                    label: super::fault::call_name(step),
                    others_closed: false,
                    passed: false,
                    called_away: false,
                });
            }
            Observation::Step(step) => {
                self.open.retain(|open| open.step != step.step.id);
                for open in self.open.iter_mut().filter(|open| open.agent == step.step.agent) {
                    open.others_closed = true;
                    open.passed |= step.step.is_message();
                }
            }
            Observation::Prompt { agent, author: Author::Person, .. } => {
                for open in self.open.iter_mut().filter(|open| open.agent == *agent && !open.passed) {
                    open.called_away = true;
                }
            }
            Observation::Lifecycle { what: Lifecycle::Interrupted, agent, .. } => {
                self.open.retain(|open| open.agent != *agent);
            }
            Observation::Disorder { agent, step, what, passage } => {
                self.disorder(*step, *agent, *what, passage, run, found);
            }
            Observation::End => self.unanswered(run, found),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::scene::Scene;
    use super::*;
    use crate::trace::{EventKind, Status};
    use serde_json::json;

    fn scene() -> Scene {
        Scene::of(Integrity::default())
    }

    #[test]
    fn a_call_without_a_result_is_told_when_the_agent_goes_on() {
        let mut scene = scene();
        let open = scene.open("Bash", &json!({"command": "make"}));
        assert!(scene.all().is_empty());
        scene.says("All is built.");
        let found = scene.found("integrity.unanswered-call");
        assert_eq!((found.len(), found[0].step), (1, open));
        scene.close(open, Status::Ok, "built");
        assert!(scene.all().is_empty());
    }

    #[test]
    fn a_person_who_speaks_first_draws_the_agent_away() {
        let mut scene = scene();
        scene.open("Bash", &json!({"command": "make"}));
        scene.prompt("Anything?");
        scene.says("Not yet.");
        let away = scene.found("integrity.unanswered-call")[0].strength;
        let mut scene = self::scene();
        scene.open("Bash", &json!({"command": "make"}));
        scene.says("All is built.");
        assert!(away < scene.found("integrity.unanswered-call")[0].strength);
    }

    #[test]
    fn a_call_beside_another_is_still_waited_for() {
        let mut scene = scene();
        scene.open("Bash", &json!({"command": "make"}));
        let other = scene.open("Bash", &json!({"command": "ls"}));
        scene.close(other, Status::Ok, "a");
        assert!(scene.all().is_empty());
        scene.call("Bash", &json!({"command": "pwd"}), Status::Ok, "/w");
        assert_eq!(scene.found("integrity.unanswered-call").len(), 1);
    }

    #[test]
    fn background_calls_and_broken_off_turns_owe_no_answer() {
        let mut scene = scene();
        scene.open("Bash", &json!({"command": "serve", "run_in_background": true}));
        scene.open("Bash", &json!({"command": "make"}));
        scene.lifecycle(Lifecycle::Interrupted);
        scene.says("I stopped.");
        assert!(scene.all().is_empty());
    }

    #[test]
    fn a_result_without_a_call_and_a_second_one() {
        let mut scene = scene();
        scene.call("Bash", &json!({"command": "ls"}), Status::Ok, "a");
        scene.close(StepId(0), Status::Ok, "a again");
        scene.play(EventKind::Result {
            call_id: "nobody".into(),
            status: Status::Ok,
            exit_code: None,
            text: "b".into(),
        });
        let found = scene.found("integrity.disorder");
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].evidence[0].text, "a again");
    }

    #[test]
    fn time_is_told_of_at_doublings_only() {
        let mut scene = scene();
        scene.says("hello");
        for _ in 0..9 {
            scene.disorder(Disorder::TimeWentBack, None, "12:00 after 13:00");
        }
        assert_eq!(scene.found("integrity.time-went-back").len(), 4);
    }

    #[test]
    fn an_orderly_log_is_well() {
        let mut scene = scene();
        scene.prompt("go");
        scene.call("Bash", &json!({"command": "ls"}), Status::Ok, "a");
        scene.says("done");
        assert!(scene.all().is_empty());
    }
}
