//! Provenance: things that the agent names or passes on and that nothing brought into the run: no
//! prompt, no outcome, no file of its own making.
//!
//! Numbers are left to the claims, and so are paths that the agent only tries: looking for a file at
//! a guessed place is normal work. A rule here abstains when the run's entities are full.

use rustc_hash::FxHashSet;

use crate::trace::entity::{Mention, scan};
use crate::trace::{
    AgentId, ClosedStep, EntityKind, Observation, Passage, Probability, Run, StepId, ToolKind,
};

use super::{Aspect, Basis, Class, Evidence, Family, Finding, Means, Part, Rule, fault, speech};

/// Said, from nowhere.
pub(super) static UNKNOWN_ENTITY: Rule = Rule {
    id: "provenance.unknown-entity",
    class: Class::Hallucination,
    basis: Basis::External,
    speaks_of: Aspect::Support,
    summary: "A message names a file, address, commit or number of an order that no prompt and no outcome has brought.",
    example: "names src/limits/table.py, which no prompt and no outcome of this run has brought",
    proven: true,
};

/// Said, and nearly what was seen.
pub(super) static ALTERED_FIGURE: Rule = Rule {
    id: "provenance.altered-figure",
    class: Class::Hallucination,
    basis: Basis::External,
    speaks_of: Aspect::Support,
    summary: "A message gives a figure that was seen nowhere, while the same digits with a zero more or less, or two of them swapped, were.",
    example: "gives 14500, which was seen nowhere; 1450 was",
    proven: true,
};

/// Passed to a tool, from nowhere.
pub(super) static UNKNOWN_ARGUMENT: Rule = Rule {
    id: "provenance.unknown-argument",
    class: Class::Hallucination,
    basis: Basis::External,
    speaks_of: Aspect::Support,
    summary: "A call passes an id, an e-mail address or a URL that no prompt and no outcome has brought.",
    example: "passes #A-20417 as order_id to cancel_order; what this run has brought is #A-20471",
    proven: true,
};

static RULES: &[&Rule] = &[&UNKNOWN_ENTITY, &ALTERED_FIGURE, &UNKNOWN_ARGUMENT];

/// In a run with more entities than this, nearly equal figures are too common to mean anything.
const FIGURES: usize = 20_000;

/// The most entities remembered as told of.
const TOLD: usize = 4096;
/// The longest argument that is looked at as an id, in bytes.
const ARGUMENT_BYTES: usize = 400;

/// Words beside which an id is one of an order, a ticket and the like.
const ID_WORDS: &[&str] = &[
    "order",
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

/// A spelling close to `name` that an outcome or a prompt has brought: two neighbouring characters
/// swapped, or, of a figure, a zero more or less at its end.
fn known_twin(name: &str, figure: bool, step: StepId, run: &Run) -> Option<(String, Option<Evidence>)> {
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
    if figure {
        spellings.push(format!("{bare}0"));
        spellings.extend(bare.strip_suffix('0').map(str::to_owned));
    }
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
        let Some((twin, against)) = known_twin(name, true, step.step.id, run) else { return };
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
        let mut lower = None;
        scan(sentence, |mention| {
            if !from_nowhere(&mention, step.step.id, run) {
                return;
            }
            let Some(name) = sentence.get(mention.span.clone()) else { return };
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

    /// Rule 17.
    fn call(&mut self, step: &ClosedStep<'_>, run: &Run, found: &mut Vec<Finding>) {
        let (Some(request), Some(kind)) = (step.request, step.step.tool_kind()) else {
            return;
        };
        if !matches!(kind, ToolKind::Other | ToolKind::Fetch) {
            return;
        }
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
            if !self.tell_once(hash) {
                continue;
            }
            let twin = known_twin(&value, false, step.step.id, run);
            let strength = match (kind, &twin) {
                (_, Some(_)) => 0.8,
                (EntityKind::Url, None) => strength - 0.2,
                (_, None) => strength,
            };
            let mut evidence = vec![Evidence::new(step.input.record, Part::Claim, &step.input.text)];
            if let (Some(fault), Some(outcome)) = (fault, step.outcome)
                && !fault.line.is_empty()
            {
                evidence.push(Evidence::new(outcome.record, Part::Against, fault.line));
            }
            let twin = twin.map(|(twin, against)| {
                evidence.extend(against);
                crate::text::quoted(&twin, 80)
            });
            let (shown, argument) = (crate::text::quoted(&value, 80), crate::text::excerpt(name, 40));
            let tool = crate::text::excerpt(step.tool, 60);
            found.push(Finding {
                rule: &UNKNOWN_ARGUMENT,
                step: step.step.id,
                root: None,
                strength: Probability::new(strength),
                evidence,
                sentence: match &twin {
                    Some(twin) => format!("passes {shown} as {argument} to {tool}; what this run has brought is {twin}"),
                    None => format!(
                        "passes {shown} as {argument} to {tool}; no prompt and no outcome of this run has brought it"
                    ),
                },
                instruction: match &twin {
                    Some(twin) => format!("Check whether {argument} should be {twin}, take back what {shown} has changed, and call {tool} with the right one."),
                    None => format!(
                        "Find out the right {argument} first, by a lookup or by asking, and call {tool} with what that gives."
                    ),
                },
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
        if let Observation::Step(step) = seen {
            match step.message {
                Some(message) if self.observing.contains(&step.step.agent) => {
                    self.message(step, message, run, found);
                }
                Some(_) => {}
                None => {
                    if step.outcome.is_some() {
                        self.observing.insert(step.step.agent);
                    }
                    self.call(step, run, found);
                }
            }
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
    fn an_id_with_two_digits_swapped_is_strong_and_names_the_right_one() {
        let mut scene = scene();
        scene.call("cancel_order", &json!({"order_id": "W6309527"}), Status::Ok, "cancelled W6309527");
        let found = scene.found("provenance.unknown-argument");
        assert_eq!(found.len(), 1);
        assert!(
            found[0].strength.get() > 0.7 && found[0].sentence.contains("W6390527"),
            "{}",
            found[0].sentence
        );
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
