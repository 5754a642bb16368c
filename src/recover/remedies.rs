//! Remedies: which ones are adequate for a finding, the cheapest first, and what each says and does.
//!
//! A remedy is adequate when it can mend what was found, not only what shows it: where the error lies
//! further back nothing but a replan from there is, and a call that may do harm again is not simply
//! repeated.

use super::draft::Ground;
use super::means::{self, PAUSES, StructuralMeans};
use super::proposal::Remedy;
use super::replan::{self, replan};
use super::{rollback, substitute};
use crate::detect::{Class, Evidence, Finding, Means, Part};
use crate::text::{excerpt, quoted};
use crate::trace::{EffectStatus, Run, Step, StepId};

/// The longest instruction that is taken over from a finding, in bytes.
const INSTRUCTION_BYTES: usize = 1_200;
/// A constraint that stands so many records before the act is likely out of the agent's sight.
const FAR_RECORDS: u32 = 60;

/// A finding with the place where it began.
#[derive(Clone, Copy)]
pub(super) struct Case<'a> {
    pub(super) ground: Ground<'a>,
    pub(super) step: &'a Step,
    pub(super) finding: &'a Finding,
    /// The earliest step that is wrong; the step itself where nothing is known to be.
    pub(super) root: StepId,
}

/// What a remedy says and does.
pub(super) struct Drafted {
    /// The words that come first, without grounds and tag.
    pub(super) body: String,
    /// Means that need no goodwill of the model.
    pub(super) means: Vec<StructuralMeans>,
    /// Why it is expected to help, one clause.
    pub(super) why: &'static str,
    /// How many of the run's usual steps it takes.
    pub(super) steps: f64,
    /// Seconds that it waits besides.
    pub(super) pause: f64,
}

impl<'a> Case<'a> {
    fn run(&self) -> &'a Run {
        self.ground.run
    }

    fn wants(&self, wanted: fn(&Means) -> bool) -> bool {
        self.finding.means.iter().any(wanted)
    }

    /// Whether doing the call again can do harm: it has changed something, or may have, that is not the
    /// same the second time.
    fn harms_again(&self) -> bool {
        self.run().effects.iter().any(|effect| {
            effect.step == self.step.id && !effect.harmless_again && effect.status != EffectStatus::Undone
        })
    }

    /// Whether the step has changed something that still stands.
    fn has_changed(&self) -> bool {
        self.run().effects.iter().any(|effect| {
            effect.step == self.step.id && matches!(effect.status, EffectStatus::Done | EffectStatus::Unknown)
        })
    }

    /// The constraint of the instructions or of an early prompt that the finding cites, where it stands
    /// far before the act.
    fn lost(&self) -> Option<&'a Evidence> {
        let here = self.step.record;
        let context = self.finding.evidence.iter().filter(|e| e.part == Part::Context);
        context
            .filter(|e| e.record.source == here.source)
            .find(|e| here.index.saturating_sub(e.record.index) >= FAR_RECORDS && !e.text.is_empty())
    }

    /// The tool that could be used instead.
    fn substitute(&self) -> Option<String> {
        let called = means::tool_of(self.run(), self.step);
        let instead = match self.finding.rule.id {
            "contract.unknown-tool" => substitute::nearest(&called, self.run(), self.ground.declared),
            "repetition.same-error" | "repetition.hopeless-retry" | "execution.timed-out" => {
                substitute::of_sort(self.step, self.run())
            }
            _ => None,
        };
        instead.map(|tool| excerpt(tool, 60)).filter(|tool| !tool.is_empty() && *tool != called)
    }

    /// All remedies that are adequate, the cheapest first. Never empty.
    pub(super) fn adequate(&self) -> Vec<Remedy> {
        let class = self.finding.rule.class;
        let root_is_earlier = self.root < self.step.id;
        if root_is_earlier && class == Class::FailurePropagation {
            return vec![Remedy::Replan];
        }
        let mut all = Vec::new();
        if self.wants(|m| matches!(m, Means::Retry)) && !self.harms_again() {
            all.push(Remedy::Retry);
        }
        // A call that has changed the wrong thing is not mended by the right call alone.
        let taken_back = TAKE_BACK.contains(&self.finding.rule.id) && self.has_changed();
        if taken_back {
            let ways = rollback::of_step(self.run(), self.step.id, self.ground.declared);
            all.push(if rollback::whole(&ways) { Remedy::Rollback } else { Remedy::Escalate });
            return all;
        }
        if self.wants(|m| matches!(m, Means::RepairArgument { .. })) {
            all.push(Remedy::ArgumentRepair);
        }
        if self.substitute().is_some() {
            all.push(Remedy::ToolSubstitution);
        }
        if self.lost().is_some() {
            all.push(Remedy::ContextRefresh);
        }
        if class == Class::InconsistentReasoning && !self.run().plan.is_empty() {
            all.push(Remedy::Replan);
        } else {
            all.push(Remedy::CorrectivePrompt);
        }
        all
    }

    /// What a remedy says and does.
    pub(super) fn draft(&self, remedy: Remedy) -> Drafted {
        let mut means = means::of_finding(self.finding, self.run(), self.step);
        let instruction = excerpt(&self.finding.instruction, INSTRUCTION_BYTES);
        let tool = means::tool_of(self.run(), self.step);
        let drafted = |body, why, steps| Drafted { body, means: Vec::new(), why, steps, pause: 0.0 };
        let mut drafted = match remedy {
            Remedy::Retry => {
                means.retain(|one| !matches!(one, StructuralMeans::RefuseCall { .. }));
                means.push(StructuralMeans::RepeatCall {
                    call: means::call_of(self.step),
                    pauses: PAUSES.to_vec(),
                });
                let [first, second, third] = PAUSES;
                let body = format!(
                    "Repeat the call {} unchanged after {first} seconds; if it fails in the same way, after \
                     {second} and then after {third} seconds more. If it has not worked then, stop repeating it \
                     and report what it printed.",
                    quoted(&self.step.label, 120)
                );
                let why = "a passing fault usually clears when the same call is repeated after a pause";
                Drafted { pause: f64::from(first), ..drafted(body, why, 1.0) }
            }
            Remedy::ArgumentRepair => {
                let known = means.iter().find_map(|one| match one {
                    StructuralMeans::RepairInput { argument, to: Some(to), .. } => Some((argument, to)),
                    _ => None,
                });
                let body = match known {
                    Some((argument, to)) => format!(
                        "Make the call of {} once more, with {} as {} and everything else as it was. Check first \
                         that {} is what was meant.",
                        quoted(&tool, 60),
                        quoted(to, 120),
                        quoted(argument, 40),
                        quoted(to, 120),
                    ),
                    None => instruction,
                };
                drafted(body, "the call is right but for one argument", 1.0)
            }
            Remedy::ToolSubstitution => {
                let instead = self.substitute().unwrap_or_default();
                let body = format!(
                    "Use {} in place of {}. Read what it takes, make one call of it, and check that its result \
                     is what you wanted before you go on.",
                    quoted(&instead, 60),
                    quoted(&tool, 60)
                );
                means.push(StructuralMeans::UseTool { tool, instead });
                drafted(body, "a tool that is there does what the other was wanted for", 2.0)
            }
            Remedy::ContextRefresh => {
                let lost = self.lost().map_or("", |evidence| evidence.text.as_str());
                let body = format!(
                    "{instruction} This was said at the beginning and still holds; it is quoted here as data:\n| {}",
                    quoted(lost, 300)
                );
                drafted(body, "what was lost from sight is put in front of the agent again", 2.0)
            }
            Remedy::Replan => {
                let (body, redone) = replan(self);
                let steps = 1.0 + 2.0 * redone as f64;
                drafted(body, "the error lies further back: correcting what shows it does not mend it", steps)
            }
            Remedy::Rollback => {
                let ways = rollback::of_step(self.run(), self.step.id, self.ground.declared);
                let body = format!(
                    "Take back what this step has changed, in this order, and check after each that it is \
                     undone:{}\nThen: {instruction}",
                    rollback::lines(&ways)
                );
                drafted(body, "what was changed wrongly does not stay behind", 1.0 + ways.len() as f64)
            }
            Remedy::Escalate => {
                let ways = rollback::of_step(self.run(), self.step.id, self.ground.declared);
                let body = format!(
                    "Change nothing more here. Tell your user what stands now, and ask how to go on:{}",
                    rollback::lines(&ways)
                );
                drafted(body, "what was changed has no known way back", 1.0)
            }
            Remedy::Stop => drafted(STOP.to_owned(), "nothing that is left is worth trying", 1.0),
            Remedy::CorrectivePrompt => {
                let again = self.wants(|m| matches!(m, Means::Retry)) && self.harms_again();
                let body = if again {
                    format!(
                        "Look up first whether the call {} has come about; it is not harmless to repeat. Repeat it \
                         only if it has not.",
                        quoted(&self.step.label, 120)
                    )
                } else {
                    instruction
                };
                let why = "an instruction that says what to do next repairs more often than the bare fact";
                drafted(body, why, 3.0)
            }
        };
        drafted.means = means;
        drafted
    }

    /// The effects that a remedy repeats, leaves behind or takes back and that are asked for by name.
    pub(super) fn effects(&self, remedy: Remedy) -> Vec<String> {
        let only_here = matches!(remedy, Remedy::Rollback);
        let named = self.run().effects.iter().filter(|effect| {
            let there = matches!(effect.status, EffectStatus::Done | EffectStatus::Unknown);
            there
                && match only_here {
                    true => effect.step == self.step.id,
                    false => {
                        effect.step >= self.root && effect.step <= self.step.id && !effect.harmless_again
                    }
                }
        });
        named
            .map(|e| format!("{} ({}, step {})", e.target, e.status.word(), e.step.0))
            .take(replan::MOST_EFFECTS)
            .collect()
    }
}

/// Rules of which the step's own effect is what is wrong.
const TAKE_BACK: &[&str] = &["repetition.effect-again", "provenance.altered-id", "agents.overwritten-file"];

/// What an agent that is to stop is told.
pub(super) const STOP: &str = "Stop here and make no further call. Say what is done, what is not, and why.";
/// What an agent is told when a person takes over.
pub(super) const HAND_OVER: &str =
    "Change nothing more here. Tell your user what stands, what has been tried, and ask how to go on.";
