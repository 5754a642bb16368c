//! Taint: what another rule marked wrong at its source, and every later step that carries it on.
//!
//! Reads the findings made so far. A source is a hallucination, or a report that was altered, that is
//! strong enough; what spreads is the thing that its claim names, or the claim itself. A step inherits it
//! when its words or arguments name the thing, when another agent says the claim again, or when another
//! agent works from a file that a carrying step wrote. The taint fades from carrier to carrier, and ends
//! when the thing is seen in an outcome that did not merely echo it, or when a check passes.

mod artifacts;
mod claims;
#[cfg(test)]
mod tests;
mod things;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::trace::{AgentId, ClosedStep, Observation, Run, StepId};

use super::{
    Aspect, Basis, Class, EVIDENCE_BYTES, Evidence, Family, Finding, Part, Rule, fault, handoff, speech,
};
use artifacts::Artifact;
use claims::Claim;
use things::Thing;

static RULES: &[&Rule] = &[&things::CARRIES_ENTITY, &claims::CARRIES_CLAIM, &artifacts::USES_ARTIFACT];

/// Weaker findings of others taint nothing.
const SOURCE: f64 = 0.35;
const CLAIM_SOURCE: f64 = 0.5;
const MOST_ENTITIES: usize = 256;
const MOST_CLAIMS: usize = 64;
const MOST_PAGES: usize = 4096;
/// An answer longer than this is no report but a page.
const PAGE_BYTES: usize = 1200;
/// What is left of a taint's strength from one carrier to the next.
const FADES: f64 = 0.9;

/// Where a taint comes from.
#[derive(Clone, Debug)]
struct Origin {
    /// Where it was said.
    step: StepId,
    /// Where it began: an earlier step, if the source's finding names one.
    root: StepId,
    agent: AgentId,
    strength: f64,
    claim: Evidence,
    against: Option<Evidence>,
}

/// The family. It comes last, so that it sees what the others found at the same step.
#[derive(Debug, Default)]
pub(super) struct Taint {
    read: usize,
    things: FxHashMap<u64, Thing>,
    /// Files that a carrying step wrote, by the hashes of their paths and names: what is read there
    /// is no independent observation.
    files: FxHashMap<u64, usize>,
    artifacts: Vec<Artifact>,
    /// Agents that have made a call.
    called: FxHashSet<AgentId>,
    /// Steps that show a page: a long answer of a sub-agent that makes no calls is what it observed.
    pages: FxHashSet<StepId>,
    claims: Vec<Claim>,
}

impl Taint {
    fn page(&mut self, step: &ClosedStep<'_>, run: &Run) {
        let agent = step.step.agent;
        let parent = run.agents.get(usize::from(agent.0)).and_then(|agent| agent.parent);
        match step.message {
            None => {
                self.called.insert(agent);
            }
            Some(message)
                if parent.is_some()
                    && message.text.len() > PAGE_BYTES
                    && !self.called.contains(&agent)
                    && self.pages.len() < MOST_PAGES =>
            {
                self.pages.insert(step.step.id);
            }
            Some(_) => {}
        }
    }

    /// Takes in the findings made since the last time.
    fn sources(&mut self, run: &Run, found: &[Finding]) {
        let start = self.read.min(found.len());
        for finding in found.get(start..).unwrap_or_default() {
            let altered = finding.rule.id == handoff::ALTERED_REPORT.id;
            if (altered || finding.rule.class == Class::Hallucination)
                && finding.rule.basis == Basis::External
            {
                self.source(finding, run);
            }
        }
        self.read = found.len();
    }

    fn source(&mut self, finding: &Finding, run: &Run) {
        if self.pages.contains(&finding.step) {
            return;
        }
        let strength = finding.strength.get();
        let Some(claim) = finding.evidence.iter().find(|evidence| evidence.part == Part::Claim) else {
            return;
        };
        let Some(agent) = run.step(finding.step).map(|step| step.agent) else {
            return;
        };
        let origin = Origin {
            step: finding.step,
            root: finding.root.map_or(finding.step, |root| root.min(finding.step)),
            agent,
            strength,
            claim: claim.clone(),
            against: finding.evidence.iter().find(|evidence| evidence.part == Part::Against).cloned(),
        };
        if strength >= SOURCE {
            for claim in finding.evidence.iter().filter(|evidence| evidence.part == Part::Claim) {
                self.spread(claim, &origin, run);
            }
        }
        if strength >= CLAIM_SOURCE && self.claims.len() < MOST_CLAIMS {
            let words = speech::content(&claim.text, false);
            if words.len() >= 2 {
                self.claims.push(Claim { origin, words, told: FxHashSet::default() });
            }
        }
    }

    fn closed(&mut self, step: &ClosedStep<'_>, run: &Run, found: &mut Vec<Finding>) {
        if self.pages.contains(&step.step.id) {
            return;
        }
        let before = found.len();
        if !self.things.is_empty() {
            self.things_of(step, found);
        }
        if !self.artifacts.is_empty() {
            self.artifacts_of(step, found.len() > before, found);
        }
        if !self.claims.is_empty() {
            self.claims_of(step, run, found);
        }
    }
}

/// A source's claim, as what a carrier goes back to.
fn source_evidence(claim: &Evidence) -> Evidence {
    Evidence { part: Part::Context, ..claim.clone() }
}

impl Family for Taint {
    fn rules(&self) -> &'static [&'static Rule] {
        RULES
    }

    fn observe(&mut self, seen: &Observation<'_>, run: &Run, found: &mut Vec<Finding>) {
        if matches!(seen, Observation::End) {
            return;
        }
        if let Observation::Step(step) = seen {
            self.page(step, run);
        }
        self.sources(run, found);
        if let Observation::Step(step) = seen {
            self.closed(step, run, found);
            // What this family found is no source of its own.
            self.read = found.len();
        }
    }
}
