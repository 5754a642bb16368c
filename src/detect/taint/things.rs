//! Things that a source made up, in the arguments and words of later steps.

use rustc_hash::{FxHashMap, FxHashSet};

use super::artifacts::Artifact;
use super::{
    Aspect, Basis, Class, EVIDENCE_BYTES, Evidence, FADES, Finding, MOST_ENTITIES, Origin, Part, Rule, Taint,
    fault, source_evidence, speech,
};
use crate::trace::entity::scan;
use crate::trace::{AgentId, ClosedStep, EffectKind, EntityKind, Passage, Probability, Run, ToolKind};

/// A thing from nowhere travels on.
pub(super) static CARRIES_ENTITY: Rule = Rule {
    id: "taint.carries-entity",
    class: Class::FailurePropagation,
    basis: Basis::External,
    speaks_of: Aspect::Support,
    summary: "A step builds on a thing that an earlier step made up.",
    example: "builds on \"12,840\", which step 4 brought up from nowhere",
    proven: true,
};

/// Figures of fewer digits turn up by chance.
const FIGURE_DIGITS: usize = 3;

/// A thing that nothing vouches for.
#[derive(Debug)]
pub(super) struct Thing {
    pub(super) origin: Origin,
    /// How many steps of each agent have carried it.
    pub(super) carried: FxHashMap<AgentId, u32>,
}

impl Thing {
    /// What the next carrier has of the origin's strength.
    fn faded(&self) -> f64 {
        let carriers: u32 = self.carried.values().sum();
        self.origin.strength * FADES.powi(carriers.saturating_sub(1).min(20) as i32)
    }
}

impl Taint {
    /// The things that a source's claim names: those that nothing else vouches for.
    pub(super) fn spread(&mut self, claim: &Evidence, origin: &Origin, run: &Run) {
        scan(&claim.text, |mention| {
            let Some(entity) = run.entities.get(mention.hash) else { return };
            let unknown = !entity.origin.prompt
                && !entity.origin.own_write
                && entity.first_observed.is_none_or(|step| step == origin.step);
            let fits = mention.kind != EntityKind::Number
                || (entity.first == Some(origin.step) && claim.text.get(mention.span).is_some_and(telling));
            if fits && unknown && self.things.len() < MOST_ENTITIES {
                let origin = Origin { claim: claim.clone(), ..origin.clone() };
                let thing = Thing { origin, carried: FxHashMap::default() };
                self.things.entry(mention.hash).or_insert(thing);
            }
        });
    }

    /// Looks for tainted things in a step, and lets go of those that an outcome shows.
    pub(super) fn things_of(&mut self, step: &ClosedStep<'_>, found: &mut Vec<Finding>) {
        let agent = step.step.agent;
        let mut asked = FxHashSet::default();
        let mut first: Option<(u64, &Passage, &str)> = None;
        let carries =
            |hash: &u64| self.things.get(hash).is_some_and(|thing| thing.origin.step < step.step.id);
        if step.step.is_message() {
            for passage in step.words() {
                for sentence in speech::sentences(speech::read(&passage.text)) {
                    let mut doubted = None;
                    scan(sentence, |mention| {
                        if first.is_some() || !carries(&mention.hash) {
                            return;
                        }
                        // To ask after a thing, or to deny it, is not to build on it.
                        let doubted = *doubted.get_or_insert_with(|| {
                            let lower = sentence.to_ascii_lowercase();
                            speech::tentative(&lower) || speech::speaks_of_trouble(&lower)
                        });
                        if !doubted {
                            first = Some((mention.hash, passage, sentence));
                        }
                    });
                }
            }
        } else {
            let text = speech::read(&step.input.text);
            scan(text, |mention| {
                if carries(&mention.hash) {
                    asked.insert(mention.hash);
                    if first.is_none() {
                        first = Some((mention.hash, step.input, around(text, mention.span.start)));
                    }
                }
            });
        }
        if let (Some(outcome), Some(kind)) = (step.outcome, step.step.tool_kind())
            && fault::of(step).is_none()
            && kind != ToolKind::Agent
            && !self.reads_carrier(step)
        {
            scan(speech::read(&outcome.text), |mention| {
                if !asked.contains(&mention.hash) {
                    self.things.remove(&mention.hash);
                }
            });
        }
        let Some((hash, passage, spot)) = first else { return };
        let Some(thing) = self.things.get_mut(&hash) else { return };
        let times = thing.carried.entry(agent).or_insert(0);
        *times = times.saturating_add(1);
        let first_times = times.is_power_of_two();
        let (strength, origin) = (thing.faded(), thing.origin.clone());
        if self.artifacts.len() < MOST_ENTITIES {
            for effect in step.effects.iter().filter(|effect| effect.kind == EffectKind::File) {
                let at = self.artifacts.len();
                scan(&effect.target, |mention| {
                    self.files.insert(mention.hash, at);
                    self.files.extend(mention.file_name.map(|name| (name, at)));
                });
                self.artifacts.push(Artifact {
                    origin: origin.clone(),
                    strength,
                    by: agent,
                    written: step.step.id,
                    record: passage.record,
                    path: crate::text::excerpt(&effect.target, 160),
                    readers: FxHashMap::default(),
                });
            }
        }
        if !first_times {
            return;
        }
        let failed = fault::of(step).is_some();
        let share = match (agent == origin.agent, failed) {
            (true, false) => 0.5,
            (true, true) => 0.8,
            (false, false) => 0.8,
            (false, true) => 0.95,
        };
        let name = crate::text::quoted(named_in(spot, hash), 80);
        let mut evidence =
            vec![Evidence::new(passage.record, Part::Claim, spot), source_evidence(&origin.claim)];
        evidence.extend(origin.against.clone());
        found.push(Finding {
            rule: &CARRIES_ENTITY,
            step: step.step.id,
            root: Some(origin.root),
            strength: Probability::new(strength * share),
            evidence,
            sentence: format!(
                "builds on {name}, which step {} brought up from nowhere",
                origin.step.0
            ),
            instruction: format!(
                "Go back to step {}: look {name} up first, correct what was said there, then redo what depends on it.",
                origin.step.0
            ),
            means: Vec::new(),
        });
    }
}

/// Whether a figure is one that does not turn up by chance: three digits at least, and no year.
fn telling(figure: &str) -> bool {
    let digits = figure.bytes().filter(u8::is_ascii_digit).count();
    let year = figure.len() == 4 && digits == 4 && (figure.starts_with("19") || figure.starts_with("20"));
    digits >= FIGURE_DIGITS && !year
}

/// The line around a place in a text.
fn around(text: &str, at: usize) -> &str {
    let (before, after) = text.split_at_checked(at).unwrap_or((text, ""));
    let begin = before.rfind('\n').map_or(0, |place| place + 1);
    let end = after.find('\n').map_or(text.len(), |place| at + place);
    let line = text.get(begin..end).unwrap_or(text);
    if line.len() > EVIDENCE_BYTES { crate::text::clip(after, EVIDENCE_BYTES) } else { line }
}

/// How a text spells an entity.
fn named_in(text: &str, hash: u64) -> &str {
    let mut name = "it";
    scan(text, |mention| {
        if mention.hash == hash {
            name = text.get(mention.span).unwrap_or("it");
        }
    });
    name
}
