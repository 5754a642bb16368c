//! Provenance: things that the agent names or passes on and that nothing brought into the run: no
//! prompt, no outcome, no file of its own making.
//!
//! Numbers are left to the claims, and so are paths that the agent only tries: looking for a file at
//! a guessed place is normal work. A rule here abstains when the run's entities are full.

mod altered;
mod seen;
#[cfg(test)]
mod tests;

use rustc_hash::FxHashSet;

use crate::trace::entity::{Mention, scan};
use crate::trace::{
    AgentId, Author, ClosedStep, EntityKind, Observation, Passage, Probability, Run, StepId, ToolKind,
};

use super::{Aspect, Basis, Class, Evidence, Family, Finding, Means, Part, Rule, fault, speech};
pub(super) use altered::ALTERED_FIGURE;
use altered::{ALTERED_ID, escaped};

/// Said, from nowhere.
pub(super) static UNKNOWN_ENTITY: Rule = Rule {
    id: "provenance.unknown-entity",
    class: Class::Hallucination,
    basis: Basis::External,
    speaks_of: Aspect::Support,
    summary: "A message names a file, address, commit or number of an order that no prompt and no outcome has brought.",
    example: "names \"src/limits/table.py\", which no prompt and no outcome of this run has brought",
    proven: true,
};

/// Passed to a tool, from nowhere.
pub(super) static UNKNOWN_ARGUMENT: Rule = Rule {
    id: "provenance.unknown-argument",
    class: Class::Hallucination,
    basis: Basis::External,
    speaks_of: Aspect::Support,
    summary: "A call passes an id, an e-mail address or a URL that no prompt and no outcome has brought.",
    example: "passes \"bob@nowhere.org\" as to to send_email; no prompt and no outcome of this run has brought it",
    proven: true,
};

static RULES: &[&Rule] = &[&UNKNOWN_ENTITY, &ALTERED_FIGURE, &ALTERED_ID, &UNKNOWN_ARGUMENT];

/// The most entities remembered as told of.
const TOLD: usize = 4096;
/// The longest argument that is looked at as an id, in bytes.
const ARGUMENT_BYTES: usize = 400;

/// Words beside which an id is one of an order, a ticket and the like.
const ID_WORDS: &[&str] = &[
    "order",
    "item",
    "product",
    "user",
    "ticket",
    "reservation",
    "confirmation",
    "id",
    "number",
    "tracking",
    "booking",
    "reference",
    "case",
    "invoice",
    "issue",
    "account",
    "request",
    "code",
    "pr",
];
/// Words beside which a hexadecimal word is a commit.
const COMMIT_WORDS: &[&str] =
    &["commit", "commits", "committed", "sha", "revision", "hash", "pushed", "merge"];
/// Words beside which a thing is to come into being, or stands for another.
const MADE_WORDS: &[&str] = &[
    "create",
    "creating",
    "add",
    "adding",
    "new",
    "write",
    "writing",
    "rename",
    "placeholder",
    "sample",
    "like",
    "such",
    "instance",
    "suggest",
    "recommend",
    "visit",
    "see",
    "default",
    "usually",
    "typically",
    "or",
];
/// Hosts that stand for no place in particular.
const NO_HOSTS: &[&str] = &["example.", "localhost", "127.0.0.1", "0.0.0.0", "your-", "yourdomain"];

/// The family.
#[derive(Debug, Default)]
pub(super) struct Provenance {
    told: FxHashSet<u64>,
    seen: seen::Seen,
    /// Agents of whose calls an outcome was seen. Where an agent makes none, what it observes stands
    /// in its words, and nothing can be said of their provenance.
    observing: FxHashSet<AgentId>,
}

/// Things from nowhere that one message names.
#[derive(Default)]
struct Named {
    names: Vec<String>,
    evidence: Vec<Evidence>,
    strength: f64,
    count: usize,
}

/// The most evidence of one finding.
const SPANS: usize = 3;

/// Whether nothing vouches for a mention at this step.
fn from_nowhere(mention: &Mention, step: StepId, run: &Run) -> bool {
    let vouched = |hash: u64| {
        let Some(entity) = run.entities.get(hash) else {
            return true;
        };
        let own_outcome_only = !entity.origin.prompt
            && !entity.origin.own_write
            && entity.first == Some(step)
            && entity.first_observed == Some(step);
        if entity.origin.is_grounded() && !own_outcome_only {
            return true;
        }
        match entity.first {
            None => true,
            Some(first) if first == step => false,
            // A call that went well with it vouches for it.
            Some(first) => run.step(first).is_none_or(|s| !s.is_message() && !s.failed()),
        }
    };
    !vouched(mention.hash) && !mention.file_name.is_some_and(vouched)
}

impl Provenance {
    fn tell_once(&mut self, hash: u64) -> bool {
        if self.told.len() >= TOLD {
            self.told.clear();
        }
        self.told.insert(hash)
    }

    /// Rule 12.
    fn message(&mut self, step: &ClosedStep<'_>, message: &Passage, run: &Run, found: &mut Vec<Finding>) {
        let mut in_code = false;
        let mut named = Named::default();
        for line in speech::read(&message.text).lines() {
            if line.trim_start().starts_with("```") {
                in_code = !in_code;
            }
            if in_code {
                continue;
            }
            for sentence in speech::sentences(line) {
                self.sentence(step, message, sentence, run, &mut named, found);
            }
        }
        if named.evidence.is_empty() {
            return;
        }
        let names = named.names.join(", ");
        let more = match named.count.saturating_sub(named.names.len()) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        found.push(Finding {
            rule: &UNKNOWN_ENTITY,
            step: step.step.id,
            root: None,
            strength: Probability::new(named.strength),
            evidence: named.evidence,
            sentence: format!("names {names}{more}, which no prompt and no outcome of this run has brought"),
            instruction: format!(
                "Look up {names} with a tool now. Go on with what is there; correct what you said about what is not."
            ),
            means: Vec::new(),
        });
    }

    fn sentence(
        &mut self,
        step: &ClosedStep<'_>,
        message: &Passage,
        sentence: &str,
        run: &Run,
        named: &mut Named,
        found: &mut Vec<Finding>,
    ) {
        let said = altered::Said { step: step.step.id, record: message.record, sentence };
        self.altered_codes(said, run, found);
        let mut lower = None;
        scan(sentence, |mention| {
            if !from_nowhere(&mention, step.step.id, run) {
                return;
            }
            let Some(name) = sentence.get(mention.span.clone()) else { return };
            if self.altered_in_message(said, &mention, run, found) {
                return;
            }
            if mention.kind == EntityKind::Number {
                self.figure(said, (name, mention.hash), run, found);
                return;
            }
            let lower = lower.get_or_insert_with(|| sentence.to_ascii_lowercase());
            if speech::tentative(lower) || speech::denies(lower) || speech::has_any_word(lower, MADE_WORDS) {
                return;
            }
            let strength = match mention.kind {
                EntityKind::Path if name.rsplit('/').next().is_some_and(|last| last.contains('.')) => 0.4,
                EntityKind::Url if names_a_page(name) => 0.35,
                EntityKind::Email if !speech::has_any(lower, NO_HOSTS) => 0.45,
                EntityKind::Id if is_commit(name) && speech::has_any_word(lower, COMMIT_WORDS) => 0.55,
                EntityKind::Id
                    if name.bytes().filter(u8::is_ascii_digit).count() >= 4
                        && !is_commit(name)
                        && speech::has_any_word(lower, ID_WORDS) =>
                {
                    0.4
                }
                _ => return,
            };
            if !self.tell_once(mention.hash) {
                return;
            }
            named.count += 1;
            named.strength = f64::max(named.strength, strength);
            if named.names.len() < SPANS {
                named.names.push(crate::text::quoted(name, 80));
                named.evidence.push(Evidence::new(message.record, Part::Claim, sentence));
            }
        });
    }

    /// Rule 17.
    fn call(&mut self, step: &ClosedStep<'_>, run: &Run, found: &mut Vec<Finding>) {
        let (Some(request), Some(kind)) = (step.request, step.step.tool_kind()) else {
            return;
        };
        if !matches!(kind, ToolKind::Other | ToolKind::Fetch) {
            return;
        }
        self.altered_in_call(step, run, found);
        let fault = fault::of(step);
        let strength = match (&fault, step.effects.is_empty()) {
            (Some(_), _) => 0.6,
            (None, false) => 0.45,
            // It asked, and there was an answer: the thing is real.
            (None, true) => return,
        };
        for (name, text) in &request.arguments {
            if text.len() > ARGUMENT_BYTES {
                continue;
            }
            let lower = name.to_ascii_lowercase();
            let named_id = speech::has_any(
                &lower,
                &["id", "email", "number", "code", "sha", "commit", "key", "url", "uri"],
            );
            let mut first = None;
            scan(text, |mention| {
                let Some(value) = text.get(mention.span.clone()) else { return };
                let alone = value.trim_start_matches('#').len() + 1 >= text.trim_start_matches('#').len();
                let in_list = text.starts_with('[') && !text.contains('{');
                let fits = match mention.kind {
                    EntityKind::Id => named_id && (alone || in_list),
                    EntityKind::Number => lower.ends_with("id") && alone && value.len() >= 6,
                    EntityKind::Email => alone,
                    EntityKind::Url => alone && fault.is_some() && names_a_page(value),
                    EntityKind::Path => false,
                };
                if fits && first.is_none() && from_nowhere(&mention, step.step.id, run) {
                    first = Some((mention.kind, mention.hash, value.to_owned()));
                }
            });
            let Some((kind, hash, value)) = first else { continue };
            if self.seen.gave_digits(&value) || escaped(&value, run) || !self.tell_once(hash) {
                continue;
            }
            // A URL may well be guessed.
            let strength = if kind == EntityKind::Url { strength - 0.2 } else { strength };
            let mut evidence = vec![Evidence::new(step.input.record, Part::Claim, &step.input.text)];
            if let (Some(fault), Some(outcome)) = (fault, step.outcome)
                && !fault.line.is_empty()
            {
                evidence.push(Evidence::new(outcome.record, Part::Against, fault.line));
            }
            let (shown, argument) = (crate::text::quoted(&value, 80), crate::text::excerpt(name, 40));
            let tool = crate::text::excerpt(step.tool, 60);
            found.push(Finding {
                rule: &UNKNOWN_ARGUMENT,
                step: step.step.id,
                root: None,
                strength: Probability::new(strength),
                evidence,
                sentence: format!(
                    "passes {shown} as {argument} to {tool}; no prompt and no outcome of this run has brought it"
                ),
                instruction: format!(
                    "Find out the right {argument} first, by a lookup or by asking, and call {tool} with what that gives."
                ),
                means: vec![Means::RepairArgument { argument }],
            });
        }
    }
}

/// Whether a URL names more than a host, and a host that means something.
fn names_a_page(url: &str) -> bool {
    let lower = url.to_ascii_lowercase();
    let rest = lower.split_once("://").map_or("", |(_, rest)| rest);
    !speech::has_any(&lower, NO_HOSTS) && rest.split_once('/').is_some_and(|(_, path)| path.len() > 1)
}

fn is_commit(name: &str) -> bool {
    (7..=40).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_hexdigit())
}

impl Family for Provenance {
    fn rules(&self) -> &'static [&'static Rule] {
        RULES
    }

    fn observe(&mut self, seen: &Observation<'_>, run: &Run, found: &mut Vec<Finding>) {
        if run.entities.is_full() {
            return;
        }
        match seen {
            Observation::System { passage } | Observation::Return { passage, .. } => {
                self.seen.learn(&passage.text, passage.record);
            }
            Observation::Prompt { author, passage, .. } => {
                self.seen.learn(&passage.text, passage.record);
                if *author == Author::Person {
                    self.seen.hear(&passage.text);
                }
            }
            Observation::Step(step) => match step.message {
                Some(message) if self.observing.contains(&step.step.agent) => {
                    self.message(step, message, run, found);
                }
                Some(_) => {}
                None => {
                    if step.outcome.is_some() {
                        self.observing.insert(step.step.agent);
                    }
                    for words in step.intent {
                        self.intent(step, words, run, found);
                    }
                    self.call(step, run, found);
                    self.seen.learn_outcome(step);
                }
            },
            _ => {}
        }
    }
}
