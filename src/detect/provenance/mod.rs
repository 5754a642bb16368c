//! Provenance: things that the agent names or passes on and that nothing brought into the run: no
//! prompt, no outcome, no file of its own making.
//!
//! Numbers are left to the claims, and so are paths that the agent only tries: looking for a file at
//! a guessed place is normal work. A rule here abstains when the run's entities are full.

mod seen;

use rustc_hash::FxHashSet;

use crate::trace::entity::{Mention, hash_lower, scan};
use crate::trace::{
    AgentId, Author, ClosedStep, EntityKind, Observation, Passage, Probability, Run, StepId, ToolKind,
};

use super::{Aspect, Basis, Class, Evidence, Family, Finding, Means, Part, Rule, fault, speech};
use seen::{bare, codes};

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

/// Said, and nearly what was seen.
pub(super) static ALTERED_FIGURE: Rule = Rule {
    id: "provenance.altered-figure",
    class: Class::Hallucination,
    basis: Basis::External,
    speaks_of: Aspect::Support,
    summary: "A message gives a figure that was seen nowhere, while the same digits with a zero more or less, or two of them swapped, were.",
    example: "gives \"12,840\", which was seen nowhere; \"1284\" was",
    proven: true,
};

/// An id that is nearly one that was seen.
pub(super) static ALTERED_ID: Rule = Rule {
    id: "provenance.altered-id",
    class: Class::Hallucination,
    basis: Basis::External,
    speaks_of: Aspect::Support,
    summary: "A call or a message gives an id that was seen nowhere, while one of the same look that differs in one to three characters was.",
    example: "passes order_7734 as order_id to get_order; what this run has brought is order_7784",
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

/// In a run with more entities than this, nearly equal figures are too common to mean anything.
const FIGURES: usize = 20_000;

/// The most entities remembered as told of.
const TOLD: usize = 4096;
/// The longest argument that is looked at as an id, in bytes.
const ARGUMENT_BYTES: usize = 400;
/// How much of an argument is read for ids that are nearly others, in bytes.
const ALTERED_BYTES: usize = 8 * 1024;

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
/// Words beside which capitals and digits are a code that somebody gave out.
const CODE_WORDS: &[&str] = &[
    "order",
    "reservation",
    "reservations",
    "booking",
    "bookings",
    "ticket",
    "confirmation",
    "tracking",
    "flight",
    "flights",
    "locator",
    "invoice",
    "account",
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
/// Words beside which an id is made up for show.
const EXAMPLE_WORDS: &[&str] = &["placeholder", "sample", "example", "instance", "dummy"];
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

/// Whether an outcome has brought this id behind an escape of a JSON text in a JSON text: `\\nW123`.
fn escaped(name: &str, run: &Run) -> bool {
    ["n", "r", "t"].iter().any(|escape| {
        let mut known = false;
        scan(&format!("{escape}{name}"), |mention| {
            known |= run.entities.get(mention.hash).is_some_and(|entity| entity.origin.is_grounded());
        });
        known
    })
}

/// A figure close to `name` that an outcome or a prompt has brought: two neighbouring digits swapped,
/// or a zero more or less at its end.
fn known_twin(name: &str, step: StepId, run: &Run) -> Option<(String, Option<Evidence>)> {
    let grounded = |spelling: &str| {
        let mut known = None;
        scan(spelling, |mention| {
            if mention.span.end - mention.span.start + 1 >= spelling.len()
                && let Some(entity) = run.entities.get(mention.hash)
            {
                let seen = entity.first_observed.filter(|seen| *seen != step);
                if entity.origin.prompt || seen.is_some() {
                    known = Some(seen);
                }
            }
        });
        known
    };
    let bare: String = name.chars().filter(|c| *c != ',').collect();
    let mut spellings = Vec::new();
    spellings.push(format!("{bare}0"));
    spellings.extend(bare.strip_suffix('0').map(str::to_owned));
    let bytes = bare.as_bytes();
    for at in 0..bytes.len().saturating_sub(1) {
        if let (Some(one), Some(two)) = (bytes.get(at), bytes.get(at + 1))
            && one != two
            && one.is_ascii_digit()
            && two.is_ascii_digit()
        {
            let mut swapped = bytes.to_vec();
            swapped.swap(at, at + 1);
            spellings.extend(String::from_utf8(swapped).ok());
        }
    }
    spellings.into_iter().find_map(|spelling| {
        let seen = grounded(&spelling)?;
        let record = seen.and_then(|seen| run.step(seen)).and_then(|step| step.outcome);
        let evidence = record.map(|record| Evidence::new(record, Part::Against, &spelling));
        Some((spelling, evidence))
    })
}

impl Provenance {
    /// A figure that is nearly one that was seen.
    fn figure(
        &mut self,
        step: &ClosedStep<'_>,
        message: &Passage,
        sentence: &str,
        (name, hash): (&str, u64),
        run: &Run,
        found: &mut Vec<Finding>,
    ) {
        let digits = name.bytes().filter(u8::is_ascii_digit).count();
        // Years and round numbers are everywhere.
        let year = digits == 4 && matches!(name.as_bytes(), [b'1', b'9', ..] | [b'2', b'0', ..]);
        if digits < 4 || year || run.entities.len() > FIGURES || name.ends_with("000") {
            return;
        }
        let lower = sentence.to_ascii_lowercase();
        if speech::tentative(&lower) {
            return;
        }
        let Some((twin, against)) = known_twin(name, step.step.id, run) else { return };
        if !self.tell_once(hash) {
            return;
        }
        let (shown, twin) = (crate::text::quoted(name, 40), crate::text::quoted(&twin, 40));
        found.push(Finding {
            rule: &ALTERED_FIGURE,
            step: step.step.id,
            root: None,
            strength: Probability::new(0.7),
            evidence: std::iter::once(Evidence::new(message.record, Part::Claim, sentence))
                .chain(against)
                .collect(),
            sentence: format!("gives {shown}, which was seen nowhere; {twin} was"),
            instruction: format!(
                "Read the outcome that holds {twin} once more and give the figure exactly as it stands there."
            ),
            means: Vec::new(),
        });
    }

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
        self.altered_codes(step, message, sentence, run, found);
        let mut lower = None;
        scan(sentence, |mention| {
            if !from_nowhere(&mention, step.step.id, run) {
                return;
            }
            let Some(name) = sentence.get(mention.span.clone()) else { return };
            if self.altered_in_message(step, message, sentence, &mention, run, found) {
                return;
            }
            if mention.kind == EntityKind::Number {
                self.figure(step, message, sentence, (name, mention.hash), run, found);
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

    /// Looks at the words that led to a call for ids that are nearly ones that were seen.
    fn intent(&mut self, step: &ClosedStep<'_>, words: &Passage, run: &Run, found: &mut Vec<Finding>) {
        for sentence in speech::sentences(speech::read(&words.text)) {
            self.altered_codes(step, words, sentence, run, found);
            scan(sentence, |mention| {
                if from_nowhere(&mention, step.step.id, run) {
                    self.altered_in_message(step, words, sentence, &mention, run, found);
                }
            });
        }
    }

    /// The id that this one is nearly, where nothing else vouches for it.
    fn twin(&self, name: &str, run: &Run) -> Option<(String, Evidence)> {
        let twin = self.seen.twin(name)?;
        if self.seen.gave_digits(name) || escaped(name, run) {
            return None;
        }
        Some((crate::text::quoted(&twin.text, 80), Evidence::new(twin.record, Part::Against, &twin.text)))
    }

    /// Tells of an id in a message that is nearly one that was seen, and says whether it is one.
    fn altered_in_message(
        &mut self,
        step: &ClosedStep<'_>,
        message: &Passage,
        sentence: &str,
        mention: &Mention,
        run: &Run,
        found: &mut Vec<Finding>,
    ) -> bool {
        let Some(name) = bare(mention, sentence) else { return false };
        let lower = sentence.to_ascii_lowercase();
        let digits = name.bytes().filter(u8::is_ascii_digit).count();
        let named = speech::has_any_word(&lower, ID_WORDS);
        let telling = match mention.kind {
            EntityKind::Email => true,
            EntityKind::Number => named,
            _ => {
                let code = name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
                digits >= 5
                    || (digits >= 4 && (name.contains('_') || named))
                    || (code && speech::has_any_word(&lower, CODE_WORDS))
            }
        };
        if !telling || speech::has_any_word(&lower, EXAMPLE_WORDS) {
            return false;
        }
        self.altered_words(step, message, sentence, (name, mention.hash), run, found)
    }

    fn altered_words(
        &mut self,
        step: &ClosedStep<'_>,
        message: &Passage,
        sentence: &str,
        (name, hash): (&str, u64),
        run: &Run,
        found: &mut Vec<Finding>,
    ) -> bool {
        let Some((twin, against)) = self.twin(name, run) else { return false };
        if self.tell_once(hash) {
            let shown = crate::text::quoted(name, 80);
            found.push(Finding {
                rule: &ALTERED_ID,
                step: step.step.id,
                root: None,
                strength: Probability::new(0.8),
                evidence: vec![Evidence::new(message.record, Part::Claim, sentence), against],
                sentence: format!("gives {shown}, which was seen nowhere; {twin} was"),
                instruction: format!(
                    "Look up which is right, {shown} or {twin}, and correct what you said if it was wrong."
                ),
                means: Vec::new(),
            });
        }
        true
    }

    /// Tells of codes in a message that are nearly ones that were seen.
    fn altered_codes(
        &mut self,
        step: &ClosedStep<'_>,
        message: &Passage,
        sentence: &str,
        run: &Run,
        found: &mut Vec<Finding>,
    ) {
        if !codes(sentence).any(|code| !self.seen.knows(code)) {
            return;
        }
        let lower = sentence.to_ascii_lowercase();
        if !speech::has_any_word(&lower, CODE_WORDS) || speech::has_any_word(&lower, EXAMPLE_WORDS) {
            return;
        }
        for code in codes(sentence) {
            if !self.seen.knows(code) {
                self.altered_words(step, message, sentence, (code, hash_lower(code)), run, found);
            }
        }
    }

    /// Tells of ids in a call's arguments, at any depth, that are nearly ones that were seen.
    fn altered_in_call(&mut self, step: &ClosedStep<'_>, run: &Run, found: &mut Vec<Finding>) {
        let Some(request) = step.request else { return };
        for (name, text) in &request.arguments {
            let text = crate::text::clip(text, ALTERED_BYTES);
            let mut first = None;
            scan(text, |mention| {
                if first.is_none()
                    && let Some(id) = bare(&mention, text)
                    && id.bytes().filter(u8::is_ascii_digit).count() >= 2
                    && from_nowhere(&mention, step.step.id, run)
                    && let Some(twin) = self.twin(id, run)
                {
                    first = Some((mention.hash, id.to_owned(), twin));
                }
            });
            let code = codes(text).find(|code| !self.seen.knows(code));
            if let (None, Some(code)) = (&first, code)
                && let Some(twin) = self.twin(code, run)
            {
                first = Some((hash_lower(code), code.to_owned(), twin));
                self.seen.accept(code);
            }
            let Some((hash, id, (twin, against))) = first else { continue };
            if !self.tell_once(hash) {
                continue;
            }
            let (shown, argument) = (crate::text::quoted(&id, 80), crate::text::excerpt(name, 40));
            let tool = crate::text::excerpt(step.tool, 60);
            found.push(Finding {
                rule: &ALTERED_ID,
                step: step.step.id,
                root: None,
                strength: Probability::new(0.85),
                evidence: vec![Evidence::new(step.input.record, Part::Claim, &step.input.text), against],
                sentence: format!("passes {shown} as {argument} to {tool}; what this run has brought is {twin}"),
                instruction: format!(
                    "Check whether {argument} should be {twin}, take back what {shown} has changed, and call {tool} with the right one."
                ),
                means: vec![Means::RepairArgument { argument }],
            });
        }
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
                    if let Some(outcome) = step.outcome {
                        self.seen.learn(&outcome.text, outcome.record);
                    }
                }
            },
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::scene::Scene;
    use super::*;
    use crate::trace::Status;
    use serde_json::json;

    fn scene() -> Scene {
        let mut scene = Scene::of(Provenance::default());
        scene.prompt("Cancel order #W6390527 of ann@example.org, then tidy src/app.py.");
        scene.call("Bash", &json!({"command": "pwd"}), Status::Ok, "/w");
        scene
    }

    #[test]
    fn what_nothing_brought_is_told_once() {
        let mut scene = scene();
        scene.says("The limit is set in src/limits/table.py.");
        scene.says("Again: the limit is set in src/limits/table.py.");
        let found = scene.found("provenance.unknown-entity");
        assert_eq!(found.len(), 1);
        assert!(found[0].sentence.contains("src/limits/table.py"));
        assert!(found[0].evidence[0].text.contains("The limit is set"));
    }

    #[test]
    fn an_agent_that_makes_no_calls_is_left_alone() {
        let mut scene = scene();
        scene.acts("surfer");
        scene.says("The page https://news.example.org/a/b.html says so.");
        assert!(scene.all().is_empty());
    }

    #[test]
    fn many_things_in_one_message_are_one_finding() {
        let mut scene = scene();
        scene.says("Limits are in lib/a/one.py.\nRates are in lib/a/two.py, fees in lib/a/four.py, costs in lib/a/five.py.");
        let found = scene.found("provenance.unknown-entity");
        assert_eq!((found.len(), found[0].evidence.len()), (1, 3));
        assert!(found[0].sentence.contains("and 1 more"), "{}", found[0].sentence);
    }

    #[test]
    fn what_was_prompted_observed_written_or_tried_well_is_known() {
        let mut scene = scene();
        scene.call("Bash", &json!({"command": "ls"}), Status::Ok, "notes/today.md\ncommit 1a2b3c4d");
        scene.call("Write", &json!({"file_path": "/w/made.py", "content": "x"}), Status::Ok, "ok");
        scene.call("Bash", &json!({"command": "python tool/run.py"}), Status::Ok, "fine");
        scene.says("app.py, notes/today.md, /w/made.py and tool/run.py are in order at commit 1a2b3c4d.");
        assert!(scene.all().is_empty());
    }

    #[test]
    fn plans_and_examples_are_no_claims() {
        let mut scene = scene();
        scene.says("I will create src/new/thing.py. You could use https://docs.example.com/page too.");
        scene.says("For example, lib/other/part.py would do.\n```\nopen('data/raw/in.csv')\n```");
        assert!(scene.all().is_empty());
    }

    #[test]
    fn an_invented_commit_is_strong() {
        let mut scene = scene();
        scene.says("Pushed as commit deadbee7.");
        assert!(scene.found("provenance.unknown-entity")[0].strength.get() > 0.5);
    }

    #[test]
    fn an_id_from_nowhere_that_fails_is_told() {
        let mut scene = scene();
        scene.call("get_order", &json!({"order_id": "#W1112223"}), Status::Error, "Error: order not found");
        let found = scene.found("provenance.unknown-argument");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].means, [Means::RepairArgument { argument: "order_id".to_owned() }]);
        assert_eq!(found[0].evidence[1].text, "Error: order not found");
    }

    #[test]
    fn an_id_that_is_nearly_one_that_was_brought_is_told_wherever_it_stands() {
        for input in [
            json!({"order_id": "#W6309527"}),
            json!({"order_ids": ["W6390527", "W6390577"]}),
            json!({"query": {"where": [{"order": "w6390111"}]}}),
            json!({"summary": "The user wants order W6390572 cancelled."}),
        ] {
            let mut scene = scene();
            scene.call("cancel_order", &input, Status::Ok, "done");
            let found = scene.found("provenance.altered-id");
            assert_eq!(found.len(), 1, "{input}");
            assert!(found[0].sentence.contains("W6390527"), "{}", found[0].sentence);
            assert_eq!(found[0].evidence[1].text, "W6390527");
        }
    }

    #[test]
    fn an_altered_id_in_a_message_is_told_once() {
        let mut scene = scene();
        scene.call(
            "find",
            &json!({"q": "x"}),
            Status::Ok,
            r#"{"user": "ann_lee_8020", "item_id": "8538875209", "pnr": "SI5UKW"}"#,
        );
        scene.says("Would you like to cancel order #W6390572?\nI mean order #W6390572.");
        scene.says("You are ann_leo_8020.\nThe item ID is 8538875299.\nThe reservation TI5UKW stands.");
        let found = scene.found("provenance.altered-id");
        assert_eq!(found.len(), 4);
    }

    #[test]
    fn words_that_lead_to_a_call_count_as_a_message_does() {
        let mut scene = scene();
        scene.intends("I cancel order #W6390572 now.");
        scene.call("cancel_order", &json!({"order_id": "#W6390527"}), Status::Ok, "done");
        assert_eq!(scene.found("provenance.altered-id").len(), 1);
    }

    #[test]
    fn ids_as_they_were_brought_in_any_spelling_are_well() {
        let mut scene = scene();
        scene.system("The desk's own account is ACCT-55120.");
        scene.prompt("I meant the one with 639 05 28, and my card ends in 7334.");
        scene.call(
            "find",
            &json!({"q": "x"}),
            Status::Ok,
            r#"{"text": "{\"a\": \"T9910021\",\nB7710023\"}", "next": "2026-11-22T09"}"#,
        );
        for input in [
            json!({"id": "w6390527"}),
            json!({"id": "#W6390528"}),
            json!({"id": "card_7334"}),
            json!({"id": "acct-55120"}),
            json!({"id": "T9910021"}),
            json!({"id": "B7710023"}),
            json!({"from": "2026-11-24T09"}),
        ] {
            scene.call("cancel_order", &input, Status::Ok, "done");
        }
        scene.says("Order W6390527, T9910021 and account ACCT-55120 are settled; the total is 6390529.");
        assert!(scene.all().is_empty(), "{:?}", scene.all());
    }

    #[test]
    fn technical_words_and_made_up_examples_are_no_altered_ids() {
        let mut scene = scene();
        scene.call(
            "find",
            &json!({"q": "x"}),
            Status::Ok,
            "SHA256, ES2020 and AES128 in release 20240511, case CVE-2024-10211",
        );
        scene.says(
            "I would move from ES2020 to ES2022 and from AES128 to AES256. The build took 20240512 ns.",
        );
        scene.says("An order number looks like W6390521, for example.");
        assert!(scene.found("provenance.altered-id").is_empty());
    }

    #[test]
    fn a_figure_with_a_zero_too_many_is_told() {
        let mut scene = scene();
        scene.call("Bash", &json!({"command": "rate"}), Status::Ok, "peak 1,284 req/s in 2027, 53120 in all");
        scene.says("The peak is 12,840 requests a second.");
        assert_eq!(scene.found("provenance.altered-figure").len(), 1);
    }

    #[test]
    fn other_figures_years_and_known_ones_are_left_alone() {
        let mut scene = scene();
        scene.call("Bash", &json!({"command": "rate"}), Status::Ok, "peak 1,284 req/s in 2207, 53120 in all");
        scene.says("The peak is 1284, of 53,120 in all; 7740 is spare in 2027; it would be 12840 with ten.");
        assert!(scene.all().is_empty());
    }

    #[test]
    fn an_id_from_the_prompt_or_one_that_is_answered_is_well() {
        let mut scene = scene();
        scene.call("get_order", &json!({"order_id": "W6390527"}), Status::Error, "Error: order not found");
        scene.call("get_order", &json!({"order_id": "#W1112224"}), Status::Ok, "{\"order\": \"#W1112224\"}");
        assert!(scene.all().is_empty());
    }

    #[test]
    fn a_message_sent_to_an_address_from_nowhere() {
        let mut scene = scene();
        scene.call(
            "send_email",
            &json!({"to": "bob@nowhere.org", "text": "hi"}),
            Status::Ok,
            "sent to bob@nowhere.org",
        );
        scene.call("send_email", &json!({"to": "ann@example.org", "text": "hi"}), Status::Ok, "sent");
        assert_eq!(scene.found("provenance.unknown-argument").len(), 1);
    }
}
