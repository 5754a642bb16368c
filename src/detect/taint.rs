//! Taint: what another rule marked wrong at its source, and every later step that carries it on.
//!
//! Reads the findings made so far. A source is a hallucination, or a report that was altered, that is
//! strong enough; what spreads is the thing that its claim names, or the claim itself. A step inherits it
//! when its words or arguments name the thing, when another agent says the claim again, or when another
//! agent works from a file that a carrying step wrote. The taint fades from carrier to carrier, and ends
//! when the thing is seen in an outcome that did not merely echo it, or when a check passes.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::trace::entity::scan;
use crate::trace::{
    AgentId, ClosedStep, EffectKind, EntityKind, Observation, Passage, Probability, RecordRef, Run, Status,
    StepId, ToolKind,
};

use super::{Aspect, Basis, Class, Evidence, Family, Finding, Part, Rule, fault, speech};

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

/// Work goes on from a file that holds it.
pub(super) static USES_ARTIFACT: Rule = Rule {
    id: "taint.uses-artifact",
    class: Class::FailurePropagation,
    basis: Basis::External,
    speaks_of: Aspect::Support,
    summary: "An agent works from a file into which another agent has written a thing from nowhere.",
    example: "works from docs/capacity.md, into which step 7 wrote what step 4 brought up from nowhere",
    proven: true,
};

static RULES: &[&Rule] = &[&CARRIES_ENTITY, &CARRIES_CLAIM, &USES_ARTIFACT];

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
/// Figures of fewer digits turn up by chance.
const FIGURE_DIGITS: usize = 3;

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

#[derive(Debug)]
struct Claim {
    origin: Origin,
    /// The meaningful words, sorted.
    words: Vec<u64>,
    told: FxHashSet<AgentId>,
}

#[derive(Debug)]
struct Thing {
    origin: Origin,
    /// How many steps of each agent have carried it.
    carried: FxHashMap<AgentId, u32>,
}

impl Thing {
    /// What the next carrier has of the origin's strength.
    fn faded(&self) -> f64 {
        let carriers: u32 = self.carried.values().sum();
        self.origin.strength * FADES.powi(carriers.saturating_sub(1).min(20) as i32)
    }
}

/// A file that a carrying step wrote.
#[derive(Clone, Debug)]
struct Artifact {
    origin: Origin,
    strength: f64,
    by: AgentId,
    written: StepId,
    record: RecordRef,
    path: String,
    /// Agents that have read it and not worked from it yet, and those that have.
    readers: FxHashMap<AgentId, bool>,
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
            let altered = finding.rule.id == super::handoff::ALTERED_REPORT.id;
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

    /// The things that a source's claim names: those that nothing else vouches for.
    fn spread(&mut self, claim: &Evidence, origin: &Origin, run: &Run) {
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

    fn things_of(&mut self, step: &ClosedStep<'_>, found: &mut Vec<Finding>) {
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

    /// Another agent's first act after it has read a file that a carrying step wrote. `told` says that
    /// the step has been found to carry the thing itself.
    fn artifacts_of(&mut self, step: &ClosedStep<'_>, told: bool, found: &mut Vec<Finding>) {
        let agent = step.step.agent;
        let reads = matches!(
            step.step.tool_kind(),
            Some(ToolKind::Read | ToolKind::Search | ToolKind::Shell | ToolKind::Code)
        ) && step.effects.is_empty();
        if reads {
            let mut read: Vec<usize> = Vec::new();
            scan(speech::read(&step.input.text), |mention| {
                let file = self.files.get(&mention.hash);
                read.extend(file.or_else(|| self.files.get(&mention.file_name?)).copied());
            });
            for at in read {
                if let Some(artifact) = self.artifacts.get_mut(at).filter(|artifact| artifact.by != agent) {
                    artifact.readers.entry(agent).or_insert(false);
                }
            }
            return;
        }
        let acts = step.step.is_message() || !step.effects.is_empty();
        let artifact = self
            .artifacts
            .iter_mut()
            .find(|artifact| acts && artifact.readers.get(&agent).is_some_and(|worked| !worked));
        let Some(artifact) = artifact else { return };
        artifact.readers.insert(agent, true);
        let passage = step.message.unwrap_or(step.input);
        if told || speech::speaks_of_trouble(&step.step.label.to_ascii_lowercase()) {
            return;
        }
        let origin = &artifact.origin;
        let path = crate::text::quoted(&artifact.path, 80);
        found.push(Finding {
            rule: &USES_ARTIFACT,
            step: step.step.id,
            root: Some(origin.root),
            strength: Probability::new(artifact.strength * 0.7),
            evidence: vec![
                Evidence::new(passage.record, Part::Claim, &step.step.label),
                Evidence::new(artifact.record, Part::Against, &artifact.path),
                source_evidence(&origin.claim),
            ],
            sentence: format!(
                "works from {path}, into which step {} wrote what step {} brought up from nowhere",
                artifact.written.0, origin.step.0
            ),
            instruction: format!(
                "Put {path} right first (what step {} brought up was seen nowhere), then do again what was built on it.",
                origin.step.0
            ),
            means: Vec::new(),
        });
    }

    /// Whether a call reads what a carrying step wrote.
    fn reads_carrier(&self, step: &ClosedStep<'_>) -> bool {
        if self.files.is_empty() {
            return false;
        }
        let mut reads = false;
        scan(speech::read(&step.input.text), |mention| {
            reads |= self.files.contains_key(&mention.hash)
                || mention.file_name.is_some_and(|name| self.files.contains_key(&name));
        });
        reads
    }

    fn claims_of(&mut self, step: &ClosedStep<'_>, run: &Run, found: &mut Vec<Finding>) {
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

/// Whether a figure is one that does not turn up by chance: three digits at least, and no year.
fn telling(figure: &str) -> bool {
    let digits = figure.bytes().filter(u8::is_ascii_digit).count();
    let year = figure.len() == 4 && digits == 4 && (figure.starts_with("19") || figure.starts_with("20"));
    digits >= FIGURE_DIGITS && !year
}

/// Whether most words of a claim (all, of a short one) are in a sentence; both sorted.
fn says_again(claim: &[u64], sentence: &[u64]) -> bool {
    let shared = claim.iter().filter(|word| sentence.binary_search(word).is_ok()).count();
    if claim.len() <= 3 { shared == claim.len() } else { shared * 10 >= claim.len() * 7 }
}

fn source_evidence(claim: &Evidence) -> Evidence {
    Evidence { part: Part::Context, ..claim.clone() }
}

/// The line around a place in a text.
fn around(text: &str, at: usize) -> &str {
    let (before, after) = text.split_at_checked(at).unwrap_or((text, ""));
    let begin = before.rfind('\n').map_or(0, |place| place + 1);
    let end = after.find('\n').map_or(text.len(), |place| at + place);
    let line = text.get(begin..end).unwrap_or(text);
    if line.len() > super::EVIDENCE_BYTES { crate::text::clip(after, super::EVIDENCE_BYTES) } else { line }
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

#[cfg(test)]
mod tests {
    use super::super::scene::Scene;
    use super::*;
    use crate::trace::RecordRef;
    use serde_json::json;

    static SOURCE_RULE: Rule = Rule {
        id: "test.source",
        class: Class::Hallucination,
        basis: Basis::External,
        speaks_of: Aspect::Support,
        summary: "",
        example: "",
        proven: true,
    };

    fn finding(step: StepId, claim: &str) -> Finding {
        Finding {
            rule: &SOURCE_RULE,
            step,
            root: None,
            strength: Probability::new(0.9),
            evidence: vec![Evidence::new(RecordRef::default(), Part::Claim, claim)],
            sentence: String::new(),
            instruction: String::new(),
            means: Vec::new(),
        }
    }

    fn scene() -> Scene {
        Scene::of(Taint::default())
    }

    #[test]
    fn an_invented_file_is_followed_through_arguments_and_agents() {
        let mut scene = scene();
        let source = scene.says("The limits are in src/limits/table.py.");
        scene.plant(finding(source, "The limits are in src/limits/table.py."));
        let call =
            scene.call("Edit", &json!({"file_path": "src/limits/table.py"}), Status::Error, "no such file");
        scene.acts("second");
        let other = scene.says("As src/limits/table.py says, the limit is high.");
        let found = scene.found("taint.carries-entity");
        assert_eq!(found.iter().map(|f| f.step).collect::<Vec<_>>(), [call, other]);
        assert!(found.iter().all(|f| f.root == Some(source)));
    }

    #[test]
    fn seen_independently_it_fades_and_an_echo_does_not_count() {
        let mut scene = scene();
        let source = scene.says("The limits are in src/limits/table.py.");
        scene.plant(finding(source, "The limits are in src/limits/table.py."));
        scene.call(
            "Bash",
            &json!({"command": "echo src/limits/table.py"}),
            Status::Ok,
            "src/limits/table.py",
        );
        assert_eq!(scene.found("taint.carries-entity").len(), 1);
        scene.call("Bash", &json!({"command": "find ."}), Status::Ok, "./src/limits/table.py");
        scene.acts("second");
        scene.says("As src/limits/table.py says.");
        assert_eq!(scene.found("taint.carries-entity").len(), 1);
    }

    #[test]
    fn what_is_read_in_a_file_that_a_carrier_wrote_does_not_clear_it() {
        let mut scene = scene();
        let source = scene.says("See src/limits/table.py.");
        scene.plant(finding(source, "See src/limits/table.py."));
        let note = json!({"file_path": "notes.md", "content": "limits are in src/limits/table.py"});
        let write = scene.call("Write", &note, Status::Ok, "written");
        scene.acts("second");
        scene.call(
            "Read",
            &json!({"file_path": "notes.md"}),
            Status::Ok,
            "limits are in src/limits/table.py",
        );
        let says = scene.says("The limits are in src/limits/table.py.");
        let found = scene.found("taint.carries-entity");
        assert_eq!(found.iter().map(|f| f.step).collect::<Vec<_>>(), [write, says]);
    }

    #[test]
    fn a_figure_spreads_and_fades_from_carrier_to_carrier() {
        let mut scene = scene();
        let source = scene.says("The bridge carries 48,210 cars.");
        scene.plant(finding(source, "The bridge carries 48,210 cars."));
        for agent in ["second", "third", "fourth"] {
            scene.acts(agent);
            scene.says("So 48210 cars it is.");
        }
        let found = scene.found("taint.carries-entity");
        let strengths: Vec<f64> = found.iter().map(|f| f.strength.get()).collect();
        assert_eq!(strengths.len(), 3);
        assert!(strengths.windows(2).all(|pair| pair[1] < pair[0]), "{strengths:?}");
    }

    #[test]
    fn a_page_that_a_browsing_agent_shows_neither_begins_nor_carries() {
        let page = format!("{}\nThe bridge carries 48,210 cars.", "A line of the page. ".repeat(80));
        let mut scene = scene();
        scene.acts("browser");
        let source = scene.says(&page);
        scene.plant(finding(source, "The bridge carries 48,210 cars."));
        scene.acts("main");
        scene.says("The bridge carries 48,210 cars.");
        assert!(scene.all().iter().all(|f| f.rule.id != "taint.carries-entity"));
    }

    #[test]
    fn the_root_of_a_source_is_the_root_of_its_carriers() {
        let mut scene = scene();
        let root = scene.says("I look.");
        let source = scene.says("The limits are in src/limits/table.py.");
        scene
            .plant(Finding { root: Some(root), ..finding(source, "The limits are in src/limits/table.py.") });
        scene.acts("second");
        scene.says("As src/limits/table.py says, the limit is high.");
        assert_eq!(scene.found("taint.carries-entity")[0].root, Some(root));
    }

    fn a_note_with_a_made_up_path(scene: &mut Scene) -> StepId {
        let source = scene.says("See src/limits/table.py.");
        scene.plant(finding(source, "See src/limits/table.py."));
        let note = json!({"file_path": "notes.md", "content": "limits are in src/limits/table.py"});
        scene.call("Write", &note, Status::Ok, "written");
        scene.acts("second");
        source
    }

    #[test]
    fn who_works_from_a_tainted_file_inherits() {
        let mut scene = scene();
        let source = a_note_with_a_made_up_path(&mut scene);
        scene.call("Read", &json!({"file_path": "notes.md"}), Status::Ok, "limits are in the table");
        let edit = json!({"file_path": "deploy.yaml", "old_string": "6", "new_string": "54"});
        let step = scene.call("Edit", &edit, Status::Ok, "edited");
        scene.says("The file deploy.yaml is set.");
        let found = scene.found("taint.uses-artifact");
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].step, found[0].root), (step, Some(source)));
    }

    #[test]
    fn who_did_not_read_the_file_inherits_nothing() {
        let mut scene = scene();
        a_note_with_a_made_up_path(&mut scene);
        scene.call("Read", &json!({"file_path": "readme.md"}), Status::Ok, "hello");
        let edit = json!({"file_path": "deploy.yaml", "old_string": "6", "new_string": "54"});
        scene.call("Edit", &edit, Status::Ok, "edited");
        assert!(scene.found("taint.uses-artifact").is_empty());
    }

    #[test]
    fn a_claim_said_again_by_another_agent() {
        let mut scene = scene();
        scene.acts("helper");
        let source = scene.says("All 3 tests pass.");
        scene.plant(finding(source, "All 3 tests pass."));
        scene.says("All 3 tests pass.");
        scene.acts("main");
        scene.says("Not all tests pass.");
        let carrier = scene.says("The helper verified it: all 3 tests pass.");
        let found = scene.found("taint.carries-claim");
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].step, found[0].root), (carrier, Some(source)));
    }

    #[test]
    fn a_check_that_passes_clears_the_claim() {
        let mut scene = scene();
        scene.acts("helper");
        let source = scene.says("All 3 tests pass.");
        scene.plant(finding(source, "All 3 tests pass."));
        scene.acts("main");
        scene.call("Bash", &json!({"command": "pytest"}), Status::Ok, "3 passed");
        scene.says("All 3 tests pass.");
        assert!(scene.all().iter().all(|f| f.rule.id != "taint.carries-claim"));
    }

    #[test]
    fn weak_findings_taint_nothing() {
        let mut scene = scene();
        let source = scene.says("The limits are in src/limits/table.py.");
        let weak = Finding {
            strength: Probability::new(0.2),
            ..finding(source, "The limits are in src/limits/table.py.")
        };
        scene.plant(weak);
        scene.acts("second");
        scene.says("As src/limits/table.py says.");
        assert!(scene.found("taint.carries-entity").is_empty());
    }
}
