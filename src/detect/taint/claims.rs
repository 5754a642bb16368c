//! Claims that the log contradicts, said again by another agent.

use rustc_hash::FxHashSet;

use super::{
    Aspect, Basis, Class, Evidence, FADES, Finding, Origin, Part, Rule, Taint, fault, source_evidence, speech,
};
use crate::trace::{AgentId, ClosedStep, Probability, Run, Status};

/// A claim that is wrong travels on.
pub(super) static CARRIES_CLAIM: Rule = Rule {
    id: "taint.carries-claim",
    class: Class::FailurePropagation,
    basis: Basis::External,
    speaks_of: Aspect::Support,
    summary: "An agent repeats a claim of another agent that the log contradicts.",
    example: "repeats what helper said at step 6; the log contradicts it there",
    proven: false,
};

/// A claim of one agent that is wrong.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) origin: Origin,
    /// The meaningful words, sorted.
    pub(super) words: Vec<u64>,
    pub(super) told: FxHashSet<AgentId>,
}

impl Taint {
    /// Looks for tainted claims in the words of another agent; a check that passes clears them.
    pub(super) fn claims_of(&mut self, step: &ClosedStep<'_>, run: &Run, found: &mut Vec<Finding>) {
        let command = step.request.and_then(|request| request.command.as_deref()).unwrap_or("");
        if !step.step.is_message() {
            if step.step.status == Status::Ok && fault::is_check(command) && fault::of(step).is_none() {
                self.claims.clear();
            }
            return;
        }
        let agent = step.step.agent;
        if found
            .iter()
            .rev()
            .take_while(|finding| finding.step >= step.step.id)
            .any(|finding| finding.step == step.step.id && finding.rule.class == Class::FailurePropagation)
        {
            return;
        }
        for passage in step.words() {
            for sentence in speech::sentences(speech::read(&passage.text)) {
                let lower = sentence.to_ascii_lowercase();
                if speech::tentative(&lower) {
                    continue;
                }
                let words = speech::content(sentence, false);
                let denies = speech::denies(&lower) || lower.contains("fail");
                let claim = self.claims.iter_mut().find(|claim| {
                    claim.origin.agent != agent
                        && !claim.told.contains(&agent)
                        && says_again(&claim.words, &words)
                });
                let Some(claim) = claim else { continue };
                let original = claim.origin.claim.text.to_ascii_lowercase();
                if denies != (speech::denies(&original) || original.contains("fail")) {
                    continue;
                }
                claim.told.insert(agent);
                let origin = &claim.origin;
                let who = crate::text::excerpt(run.agent_name(origin.agent), 40);
                let mut evidence = vec![
                    Evidence::new(passage.record, Part::Claim, sentence),
                    source_evidence(&origin.claim),
                ];
                evidence.extend(origin.against.clone());
                found.push(Finding {
                    rule: &CARRIES_CLAIM,
                    step: step.step.id,
                    root: Some(origin.root),
                    strength: Probability::new(origin.strength * FADES),
                    evidence,
                    sentence: format!(
                        "repeats what {who} said at step {}; the log contradicts it there",
                        origin.step.0
                    ),
                    instruction: format!(
                        "Check for yourself what {who} said at step {}, with the tool that can show it, then correct your statement and redo what was built on it.",
                        origin.step.0
                    ),
                    means: Vec::new(),
                });
                return;
            }
        }
    }
}

/// Whether most words of a claim (all, of a short one) are in a sentence; both sorted.
fn says_again(claim: &[u64], sentence: &[u64]) -> bool {
    let shared = claim.iter().filter(|word| sentence.binary_search(word).is_ok()).count();
    if claim.len() <= 3 { shared == claim.len() } else { shared * 10 >= claim.len() * 7 }
}
