//! Claims: what an agent says about checks, files and calls, held against what was run and came back.
//! Rules 8 to 11 and 18: see `rules.rs`.
//!
//! `grammar.rs` reads the words, `judge.rs` holds them against the checks of the run, `acts.rs` against
//! its calls. Only words that end a turn are judged in full; words on the way to a call are judged only
//! where a check plainly contradicts them. Another agent's report is words, never evidence.

mod acts;
mod commits;
mod findings;
pub(crate) mod grammar;
mod judge;
mod quotes;
mod rules;
mod sentences;

use super::checks::{Account, Checks, Witness};
use super::{Family, Finding, Rule};
use crate::trace::{
    AgentId, Author, ClosedStep, Observation, Passage, Probability, RecordRef, Run, Status, StepId,
};
use findings::{Place, finding};
use grammar::{About, Claim, Reach};
use judge::Against;
pub use judge::ClaimStatus;
use rules::NO_CALL;
use sentences::Sentences;

/// The family that holds words against what was done.
#[derive(Default)]
pub struct Claims {
    witness: Witness,
    acts: acts::Acts,
    heard: quotes::Heard,
    /// Claims that a sub-agent's log, which may come later, can still support.
    waiting: Vec<Waiting>,
    /// What agents claimed of a kind of check, to name the root of a repeated claim.
    made: Vec<Made>,
    /// What the claims came to.
    judged: Vec<(StepId, ClaimStatus)>,
}

/// A claim that waits for the end of the log.
struct Waiting {
    claim: Claim,
    step: StepId,
    agent: AgentId,
    record: RecordRef,
    sentence: String,
    at: u32,
}

/// A claim that was made.
struct Made {
    agent: AgentId,
    step: StepId,
    about: About,
    wrong: bool,
}

/// How many claims are remembered.
const MOST: usize = 1024;

impl Family for Claims {
    fn rules(&self) -> &'static [&'static Rule] {
        rules::ALL
    }

    fn observe(&mut self, seen: &Observation<'_>, run: &Run, found: &mut Vec<Finding>) {
        let witness = self.witness.clone();
        match seen {
            Observation::Called { step } => on_the_way(step, &witness, found),
            Observation::Step(step) => {
                let mut account = witness.account();
                account.take(step);
                self.acts.take(step);
                self.heard.outcome(step);
                match step.message {
                    Some(message) => self.message(step, message, &account, run, found),
                    None => self.commit(step, &account.checks, found),
                }
            }
            Observation::Prompt { author, passage, agent } => {
                self.acts.turn(*agent);
                self.heard.take(&passage.text);
                // A person who says that the tests pass knows it from elsewhere.
                if *author == Author::Person
                    && passage.text.len() < 4096
                    && !grammar::read(&passage.text).claims.is_empty()
                {
                    witness.account().checks.note_vouched();
                }
            }
            Observation::Tools { tools } => self.acts.declared(!tools.is_empty()),
            Observation::End => self.end(&witness.account().checks, run, found),
            _ => {}
        }
    }
}

impl Claims {
    /// The family, with what it holds in common with others.
    pub(crate) fn with(witness: Witness) -> Self {
        Self { witness, ..Self::default() }
    }

    /// What each claim at the end of a turn or in a commit came to, in order; what waits for the end of
    /// the log is not in it.
    pub fn judged(&self) -> &[(StepId, ClaimStatus)] {
        &self.judged
    }

    /// Words that end a turn.
    fn message(
        &mut self,
        step: &ClosedStep<'_>,
        message: &Passage,
        account: &Account,
        run: &Run,
        found: &mut Vec<Finding>,
    ) {
        let checks = &account.checks;
        let mut said = account.said().clone();
        // What is told as done by an agent that is alone and made no call: it says that it ran it.
        if said.acted && run.agents.len() <= 1 && !checks.worked() {
            said.claims.iter_mut().for_each(|claim| claim.ran = true);
        }
        let mut told: Vec<About> = Vec::new();
        let mut best: Vec<(About, Finding)> = Vec::new();
        for passage in step.intent {
            let read = grammar::read(&passage.text);
            self.words(step, passage, (&read, checks), &mut told, &mut best);
        }
        self.words(step, message, (&said, checks), &mut told, &mut best);
        found.extend(best.into_iter().map(|(_, finding)| finding));
        self.acts.message(step, message, &said, &told, run, found);
        let clipped = crate::text::clip(&message.text, grammar::LOOKED_AT);
        if quotes::quotes_output(clipped) {
            found.extend(Sentences::of(clipped).find_map(|s| self.heard.judge(step, message, &s)));
        }
    }

    /// What a commit, or a request to merge it, says of the checks: words like any other, and they stay.
    fn commit(&mut self, step: &ClosedStep<'_>, checks: &Checks, found: &mut Vec<Finding>) {
        if step.step.failed() || step.step.status == Status::Denied {
            return;
        }
        let Some(command) = step.request.and_then(|r| r.command.as_deref()) else {
            return;
        };
        let record = step.input.record;
        let mut best: Vec<(About, Finding)> = Vec::new();
        for text in commits::messages(command) {
            let passage = Passage { record, text };
            let said = grammar::read(&passage.text);
            self.words(step, &passage, (&said, checks), &mut Vec::new(), &mut best);
        }
        found.extend(best.into_iter().map(|(_, finding)| finding));
    }

    /// Judges a passage's claims; keeps the strongest finding about each thing.
    fn words(
        &mut self,
        step: &ClosedStep<'_>,
        passage: &Passage,
        (said, checks): (&grammar::Said, &Checks),
        told: &mut Vec<About>,
        best: &mut Vec<(About, Finding)>,
    ) {
        let (agent, at) = (step.step.agent, checks.now());
        for claim in &said.claims {
            let counted = claim.counts.failed.is_some_and(|f| f > 0)
                || matches!((claim.counts.passed, claim.counts.total), (Some(p), Some(t)) if p < t);
            if said.admits(claim.about) && !counted {
                continue;
            }
            let judged = judge::judge(claim, agent, checks, at);
            let status = judged.status();
            let against = judged.against();
            // "It compiles, but two tests fail": the test run that failed is told of.
            let told_of = matches!(&against, Some(Against::Failed(check, _)) if said.admits(About::Kind(check.called.kind)));
            let against = against.filter(|_| !told_of);
            if self.judged.len() < MOST {
                self.judged.push((step.step.id, if told_of { ClaimStatus::Unknown } else { status }));
            }
            let wrong = against.is_some();
            let root = self.root(agent, claim.about);
            if !told.contains(&claim.about) && !claim.loose {
                told.push(claim.about);
            }
            let sentence = sentence_of(passage, claim);
            if let Some(against) = against {
                let place = Place { step: step.step.id, root, record: passage.record };
                if matches!(against, Against::None { .. }) {
                    // No call at all is told at the end; a sub-agent's log may come later.
                    if self.waiting.len() < MOST {
                        self.waiting.push(Waiting {
                            claim: claim.clone(),
                            step: step.step.id,
                            agent,
                            record: passage.record,
                            sentence: crate::text::excerpt(sentence, super::EVIDENCE_BYTES),
                            at,
                        });
                    }
                } else if let Some(finding) = finding(claim, &against, &place, sentence) {
                    keep_best(best, claim.about, finding);
                }
            }
            if self.made.len() < MOST {
                self.made.push(Made { agent, step: step.step.id, about: claim.about, wrong });
            }
        }
    }

    /// The other agent's claim that this one repeats.
    fn root(&self, agent: AgentId, about: About) -> Option<StepId> {
        self.made
            .iter()
            .rev()
            .find(|m| m.agent != agent && m.about == about)
            .filter(|m| m.wrong)
            .map(|m| m.step)
    }

    fn end(&mut self, checks: &Checks, run: &Run, found: &mut Vec<Finding>) {
        let mut told: Vec<(StepId, About)> = Vec::new();
        for waiting in &self.waiting {
            if told.contains(&(waiting.step, waiting.claim.about)) {
                continue;
            }
            // What was checked in a sub-agent's log that came later counts, if its steps began before.
            let until = if checks.handed() { checks.now() } else { waiting.at };
            let judged = judge::judge(&waiting.claim, waiting.agent, checks, until);
            let Some(against) = judged.against() else {
                continue;
            };
            let root = self.root(waiting.agent, waiting.claim.about).filter(|root| *root != waiting.step);
            let place = Place { step: waiting.step, root, record: waiting.record };
            let Some(mut finding) = finding(&waiting.claim, &against, &place, &waiting.sentence) else {
                continue;
            };
            if matches!(against, Against::None { .. })
                && waiting.claim.ran
                && self.acts.none_before(waiting.step, run)
            {
                finding.rule = &NO_CALL;
                finding.strength = Probability::new(0.85);
                finding.sentence = format!("says {}; no call was made at all", waiting.claim.said);
            }
            told.push((waiting.step, waiting.claim.about));
            found.push(finding);
        }
        self.acts.end(run, &told.iter().map(|(step, _)| *step).collect::<Vec<_>>(), found);
    }
}

/// Words that lead to a call, before it is answered.
fn on_the_way(step: &ClosedStep<'_>, witness: &Witness, found: &mut Vec<Finding>) {
    for passage in step.intent {
        let said = grammar::read(&passage.text);
        for claim in &said.claims {
            if said.admits(claim.about) || claim.reach == Reach::Part {
                continue;
            }
            let account = witness.account();
            let checks = &account.checks;
            let Some(against) = judge::judge(claim, step.step.agent, checks, checks.now()).against() else {
                continue;
            };
            if !matches!(against, Against::Failed(check, false) if check.summary.is_some()) {
                continue;
            }
            let at = Place { step: step.step.id, root: None, record: passage.record };
            if let Some(mut finding) = finding(claim, &against, &at, sentence_of(passage, claim)) {
                finding.strength = Probability::new(finding.strength.get() * 0.8);
                found.push(finding);
                break;
            }
        }
    }
}

fn sentence_of<'p>(passage: &'p Passage, claim: &Claim) -> &'p str {
    passage.text.get(claim.span.clone()).unwrap_or_default()
}

fn keep_best(best: &mut Vec<(About, Finding)>, about: About, finding: Finding) {
    match best.iter_mut().find(|(a, _)| *a == about) {
        Some((_, kept)) if kept.strength < finding.strength => *kept = finding,
        Some(_) => {}
        None => best.push((about, finding)),
    }
}
