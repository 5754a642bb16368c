//! What may be done once, and how many calls may go out together.

use rustc_hash::{FxHashMap, FxHashSet};

use super::act::{Act, context};
use super::objects::{id_hash, is_id};
use super::policy::{Clause, Policy, Sentence};
use super::words::{names_act, names_thing, plain};
use crate::detect::{Aspect, Basis, Class, EVIDENCE_BYTES, Evidence, Finding, Part, Rule, speech};
use crate::trace::{AgentId, ClosedStep, Probability, RecordRef, StepId};

/// Several at a time.
pub(super) static CALLS_TOGETHER: Rule = Rule {
    id: "constraint.calls-together",
    class: Class::InconsistentReasoning,
    basis: Basis::External,
    speaks_of: Aspect::Consistency,
    summary: "The instructions let the agent make one tool call at a time, and calls went out together.",
    example: "calls get_stay and cancel_stay together; the instructions allow one call at a time",
    proven: false,
};

/// Once only.
pub(super) static TWICE: Rule = Rule {
    id: "constraint.done-twice",
    class: Class::InconsistentReasoning,
    basis: Basis::External,
    speaks_of: Aspect::Consistency,
    summary: "The instructions allow an act once for each thing, and it is done to the same thing a second time.",
    example: "calls exchange_items for order 1042 a second time; the instructions allow that once",
    proven: false,
};

/// No more calls and acts than this are kept.
const MOST: usize = 1024;

/// A call that has not been answered, or one that went out while another had not been.
#[derive(Clone, Debug)]
struct Out {
    step: StepId,
    record: RecordRef,
    /// The record of what came back.
    answered: Option<RecordRef>,
    tool: String,
    input: String,
}

/// Calls that are out, by agent, and what has been done to which thing.
#[derive(Debug, Default)]
pub(super) struct Once {
    out: FxHashMap<AgentId, Vec<Out>>,
    told: FxHashSet<StepId>,
    /// Clause and thing, with the call that did it.
    done: FxHashMap<(usize, u64), (StepId, Evidence)>,
}

impl Once {
    /// A call has gone out.
    pub(super) fn called(&mut self, step: &ClosedStep<'_>) {
        let out = self.out.entry(step.step.agent).or_default();
        // Once all have been answered, the next call goes out by itself.
        if out.iter().all(|call| call.answered.is_some()) {
            out.clear();
        }
        if out.len() < MOST {
            out.push(Out {
                step: step.step.id,
                record: step.step.record,
                answered: None,
                tool: crate::text::excerpt(step.tool, 60),
                input: crate::text::excerpt(&step.input.text, EVIDENCE_BYTES),
            });
        }
    }

    /// A call has been answered: where it went out before the answer of another, or in one record with
    /// it, and both were answered, they went out together. A call that nothing answers proves nothing.
    pub(super) fn answered(&mut self, step: &ClosedStep<'_>, policy: &Policy, found: &mut Vec<Finding>) {
        let Some(out) = self.out.get_mut(&step.step.agent) else { return };
        let Some(own) = out.iter_mut().find(|call| call.step == step.step.id) else { return };
        own.answered = step.outcome.map(|outcome| outcome.record);
        let Some(sentence) = &policy.one_call else { return };
        let before = |one: RecordRef, other: RecordRef| one.source == other.source && one.index < other.index;
        let pair = out.iter().enumerate().find_map(|(at, second)| {
            let first = out.iter().take(at).find(|first| {
                let together = first.answered.is_some_and(|answer| before(second.record, answer));
                together && second.answered.is_some()
            })?;
            Some((first, second))
        });
        let Some((first, second)) = pair.filter(|(first, _)| self.told.insert(first.step)) else { return };
        found.push(together(first, second, sentence));
    }

    /// An act: whether the instructions allow it once, and it has been done before.
    pub(super) fn acts(
        &mut self,
        act: &Act<'_>,
        came_about: bool,
        policy: &Policy,
        found: &mut Vec<Finding>,
    ) {
        for (at, (clause, sentence)) in policy.clauses.iter().enumerate() {
            let Clause::Once { verbs } = clause else { continue };
            let Some(sentence) = policy.sentences.get(*sentence) else { continue };
            // The act's own verb comes first in a tool's name.
            let verb = act.name.split(' ').next().unwrap_or_default();
            if !names_act(verb, verbs) {
                continue;
            }
            let Some((name, id)) = own_id(act) else { continue };
            if !names_thing(&sentence.plain, &name) {
                continue;
            }
            // Two tools of one verb may each be used once.
            let key = (at, id_hash(id) ^ speech::hash(act.name.as_bytes()));
            if let Some((before, call)) = self.done.get(&key) {
                let (tool, shown) = (act.shown(), crate::text::quoted(id, 40));
                let mut finding = act.finding(
                    &TWICE,
                    0.6,
                    [call.clone(), context(sentence)].into_iter().chain(act.refusal()),
                    format!("calls {tool} for {name} {shown} a second time; the instructions allow that once"),
                    format!(
                        "This can be done once for {shown}, and step {} has done it. Tell the user so, and do not try it again.",
                        before.0
                    ),
                );
                finding.root = Some(*before);
                found.push(finding);
            } else if came_about && act.fault.is_none() && self.done.len() < MOST {
                let call = Evidence { part: Part::Against, ..act.claim() };
                self.done.insert(key, (act.step.step.id, call));
            }
        }
    }
}

/// The id of the thing that an act is done to: the one that the tool is called after.
fn own_id<'a>(act: &'a Act<'_>) -> Option<(String, &'a str)> {
    act.arguments.iter().find_map(|(name, value)| {
        let noun = plain(name).strip_suffix(" id")?.to_owned();
        let id = value.as_str().filter(|text| is_id(text))?;
        names_thing(&act.name, &noun).then_some((noun, id))
    })
}

fn together(first: &Out, second: &Out, sentence: &Sentence) -> Finding {
    let of = |call: &Out, part| Evidence::new(call.record, part, &call.input);
    Finding {
        rule: &CALLS_TOGETHER,
        step: second.step,
        root: None,
        strength: Probability::new(0.35),
        evidence: vec![of(second, Part::Claim), of(first, Part::Against), context(sentence)],
        sentence: format!(
            "calls {} and {} together; the instructions allow one call at a time",
            first.tool, second.tool
        ),
        instruction: "Make one call, read what it brings, and only then make the next.".to_owned(),
        means: Vec::new(),
    }
}
