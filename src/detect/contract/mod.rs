//! Contract: calls that do not fit what the tools say they take. The contract is the declared JSON
//! schema where the log has one, else the tool's own refusal, else what went well before.
//!
//! A call that went well broke no contract that matters: nothing is told of it.

mod learnt;
mod schema;

use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::{Map, Value};

use crate::trace::{ClosedStep, Observation, Passage, Probability, Run, Status, ToolKind};

use super::fault::{self, Fault};
use super::{Aspect, Basis, Class, Evidence, Family, Finding, Means, Part, Rule, speech};
use learnt::Learnt;
use schema::{Breach, Schema, shown_list};

/// No such tool.
pub(super) static UNKNOWN_TOOL: Rule = Rule {
    id: "contract.unknown-tool",
    class: Class::Hallucination,
    basis: Basis::External,
    speaks_of: Aspect::Execution,
    summary: "A tool was called that is not among the declared ones, or that its host says is not there.",
    example: "calls the tool find_rooms, which is not there",
    proven: true,
};

/// The arguments do not fit.
pub(super) static BAD_ARGUMENTS: Rule = Rule {
    id: "contract.bad-arguments",
    class: Class::ExecutionError,
    basis: Basis::External,
    speaks_of: Aspect::Execution,
    summary: "A failed call's arguments do not fit the tool's schema, or the tool says so.",
    example: "the call of book_room passes \"two\" as nights, where the tool takes a whole number",
    proven: true,
};

/// An argument that was never seen on this tool.
pub(super) static UNSEEN_ARGUMENT: Rule = Rule {
    id: "contract.unseen-argument",
    class: Class::ExecutionError,
    basis: Basis::External,
    speaks_of: Aspect::Execution,
    summary: "A failed call has an argument that none of the tool's five or more good calls had.",
    example: "passes colour, which none of the tool's good calls before had, and the call fails: unknown field",
    proven: false,
};

/// Unlike the calls that went well.
pub(super) static UNLIKE_GOOD_CALLS: Rule = Rule {
    id: "contract.unlike-good-calls",
    class: Class::ExecutionError,
    basis: Basis::External,
    speaks_of: Aspect::Execution,
    summary: "A failed call leaves out an argument that all of the tool's five or more good calls had, or gives one another type, or a value that is none of the few seen.",
    example: "the call of move_stay leaves out room_id, which all 6 good calls before had",
    proven: false,
};

/// Refused for what it passes.
pub(super) static REFUSED_VALUE: Rule = Rule {
    id: "contract.refused-value",
    class: Class::ExecutionError,
    basis: Basis::External,
    speaks_of: Aspect::Execution,
    summary: "An application's tool refused an act and named what was wrong: an argument of the call, or a value that it passed.",
    example: "pay_invoice refuses what is passed as amount: amount does not match, due 305, paid 255",
    proven: true,
};

static RULES: &[&Rule] =
    &[&UNKNOWN_TOOL, &BAD_ARGUMENTS, &UNSEEN_ARGUMENT, &UNLIKE_GOOD_CALLS, &REFUSED_VALUE];

const MOST_TOOLS: usize = 1024;
const MOST_REFUSALS: usize = 4096;
const MOST_ARGUMENTS: usize = 128;
/// Good calls after which an argument that none of them had stands out.
const GOOD_CALLS: u32 = 5;

/// The family.
#[derive(Debug, Default)]
pub(super) struct Contract {
    declared: FxHashMap<String, Option<Schema>>,
    learnt: FxHashMap<u64, Learnt>,
    /// Tools and lines of refusals that were told of.
    refusals: FxHashSet<u64>,
    /// Whether every tool that was called well so far was among the declared ones.
    complete: bool,
}

/// What a host says when there is no such tool.
const NO_TOOL: &[&str] = &[
    "no such tool",
    "unknown tool",
    "tool not found",
    "is not a valid tool",
    "unknown function",
    "no tool named",
    "tool does not exist",
    "function not found",
    "not a registered tool",
    "invalid tool name",
];

impl Contract {
    fn closed(&mut self, step: &ClosedStep<'_>, found: &mut Vec<Finding>) {
        let arguments: Map<String, Value> = serde_json::from_str(&step.input.text).unwrap_or_default();
        let fault = fault::of(step);
        let Some(fault) = fault else {
            if matches!(step.step.status, Status::Ok | Status::Unknown) {
                self.learn(step, &arguments);
            }
            return;
        };
        let text = step.outcome.map_or("", |passage| passage.text.as_str());
        let head = crate::text::clip(text, 2000).to_ascii_lowercase();
        let names_tool = head.contains(&step.tool.to_ascii_lowercase());
        let host_says = speech::has_any(&crate::text::clip(fault.line, 400).to_ascii_lowercase(), NO_TOOL)
            && (names_tool || head.len() < 200);
        let undeclared = self.complete && !self.declared.is_empty() && !self.declared.contains_key(step.tool);
        if host_says || undeclared {
            let tool = crate::text::excerpt(step.tool, 60);
            let mut known: Vec<&str> = self.declared.keys().map(String::as_str).collect();
            known.sort_unstable();
            known.truncate(12);
            let choice = if known.is_empty() {
                "Choose one of the tools that you were given.".to_owned()
            } else {
                format!("Choose one of these: {}.", shown_list(&known))
            };
            found.push(Finding {
                rule: &UNKNOWN_TOOL,
                step: step.step.id,
                root: None,
                strength: Probability::new(if host_says { 0.85 } else { 0.6 }),
                evidence: evidence(step, fault),
                sentence: format!("calls the tool {tool}, which is not there"),
                instruction: format!("There is no tool {tool}. {choice}"),
                means: Vec::new(),
            });
            return;
        }
        let learnt = self.learnt.get(&speech::hash(step.tool.as_bytes()));
        if let Some(breach) =
            self.declared.get(step.tool).and_then(Option::as_ref).and_then(|s| s.breach(&arguments))
        {
            found.push(bad(&BAD_ARGUMENTS, step, fault, 0.8, &breach));
        } else if fault.sort == fault::Sort::Arguments {
            let breach = Breach {
                argument: named_argument(step, &head).unwrap_or_default(),
                sentence: format!("is refused for its arguments: {}", crate::text::quoted(fault.line, 100)),
                mend: "Read the tool's description and give exactly the arguments that it asks for."
                    .to_owned(),
            };
            found.push(bad(&BAD_ARGUMENTS, step, fault, 0.6, &breach));
        } else if let Some(argument) = refused(step, fault, &arguments) {
            // The same refusal again is repetition's to tell.
            if self.refusals.len() < MOST_REFUSALS
                && !self.refusals.insert(speech::hash(format!("{} {}", step.tool, fault.line).as_bytes()))
            {
                return;
            }
            let (shown, tool) = (crate::text::excerpt(&argument, 40), crate::text::excerpt(step.tool, 60));
            found.push(Finding {
                rule: &REFUSED_VALUE,
                step: step.step.id,
                root: None,
                strength: Probability::new(0.5),
                evidence: evidence(step, fault),
                sentence: format!("{tool} refuses what is passed as {shown}: {}", crate::text::quoted(fault.line, 100)),
                instruction: format!(
                    "Work out {shown} anew from what you have observed, tell the user if that changes what they agreed to, and then call {tool} again."
                ),
                means: vec![Means::RepairArgument { argument: shown }],
            });
        } else if let Some(name) = learnt.and_then(|learnt| learnt.unseen(&arguments)) {
            let shown = crate::text::excerpt(&name, 40);
            let named = head.contains(&name.to_ascii_lowercase());
            found.push(Finding {
                rule: &UNSEEN_ARGUMENT,
                step: step.step.id,
                root: None,
                strength: Probability::new(if named { 0.6 } else { 0.3 }),
                evidence: evidence(step, fault),
                sentence: format!(
                    "passes {shown}, which none of the tool's good calls before had, and the call fails: {}",
                    crate::text::quoted(fault.line, 100)
                ),
                instruction: format!(
                    "Make the call once more with the arguments that worked before, and check whether {shown} belongs to this tool."
                ),
                means: vec![Means::RepairArgument { argument: shown }],
            });
        } else if let Some(breach) = learnt.and_then(|learnt| learnt.breach(&arguments)) {
            found.push(bad(&UNLIKE_GOOD_CALLS, step, fault, 0.4, &breach));
        }
    }

    fn learn(&mut self, step: &ClosedStep<'_>, arguments: &Map<String, Value>) {
        if !self.declared.is_empty() && !self.declared.contains_key(step.tool) {
            // Tools come to an agent by ways that the log does not show: the list is not whole.
            self.complete = false;
        }
        if self.learnt.len() < MOST_TOOLS {
            self.learnt.entry(speech::hash(step.tool.as_bytes())).or_default().learn(arguments);
        }
    }
}

/// The argument of an act that its refusal speaks of: by a value that it passes, or by its name.
fn refused(step: &ClosedStep<'_>, fault: Fault<'_>, arguments: &Map<String, Value>) -> Option<String> {
    if step.step.tool_kind() != Some(ToolKind::Other) || step.effects.is_empty() {
        return None;
    }
    let line = spaced(crate::text::clip(fault.line, 400));
    let by_value = arguments.iter().find(|(_, value)| speaks_of(&line, value, 0));
    let by_name = || {
        arguments.iter().find(|(name, value)| {
            let value_is_list = value.is_array() || value.is_object();
            spaced(name).split(' ').filter(|word| word.len() > 3 && !NAME_WORDS.contains(word)).any(|word| {
                speech::has_word(&line, word) || (value_is_list && line.contains(word.trim_end_matches('s')))
            })
        })
    };
    by_value.or_else(by_name).map(|(name, _)| name.clone())
}

/// Words of arguments' names that say little.
const NAME_WORDS: &[&str] = &["name", "type", "user", "text", "value", "data", "list"];

/// Lower case, with `_` and `-` as blanks.
fn spaced(text: &str) -> String {
    text.to_ascii_lowercase().replace(['_', '-'], " ")
}

/// Whether a line speaks of a value: of an id in it, or of what the id is called after.
fn speaks_of(line: &str, value: &Value, depth: usize) -> bool {
    match value {
        Value::String(text) if text.len() <= 80 && text.bytes().any(|b| b.is_ascii_digit()) => {
            let text = spaced(text.trim_start_matches('#'));
            let kind = text.trim_end_matches(|c: char| c.is_ascii_digit() || c == ' ');
            text.len() > 3
                && (speech::has_word(line, &text)
                    || (kind.len() >= 6
                        && kind.bytes().all(|b| b.is_ascii_lowercase() || b == b' ')
                        && speech::has_word(line, kind)))
        }
        Value::Array(all) if depth < 4 => all.iter().any(|inner| speaks_of(line, inner, depth + 1)),
        Value::Object(map) if depth < 4 => map.values().any(|inner| speaks_of(line, inner, depth + 1)),
        _ => false,
    }
}

/// The argument of the call that a refusal names.
fn named_argument(step: &ClosedStep<'_>, refusal: &str) -> Option<String> {
    step.request?
        .arguments
        .iter()
        .map(|(name, _)| name)
        .find(|name| name.len() > 1 && speech::has_word(refusal, &name.to_ascii_lowercase()))
        .map(|name| crate::text::excerpt(name, 40))
}

fn bad(
    rule: &'static Rule,
    step: &ClosedStep<'_>,
    fault: Fault<'_>,
    strength: f64,
    breach: &Breach,
) -> Finding {
    let tool = crate::text::excerpt(step.tool, 60);
    let means = if breach.argument.is_empty() {
        Vec::new()
    } else {
        vec![Means::RepairArgument { argument: breach.argument.clone() }]
    };
    Finding {
        rule,
        step: step.step.id,
        root: None,
        strength: Probability::new(strength),
        evidence: evidence(step, fault),
        sentence: format!("the call of {tool} {}", breach.sentence),
        instruction: format!("Make the call of {tool} once more with mended arguments. {}", breach.mend),
        means,
    }
}

fn evidence(step: &ClosedStep<'_>, fault: Fault<'_>) -> Vec<Evidence> {
    let none = Passage::default();
    let outcome = step.outcome.unwrap_or(&none);
    let mut all = vec![Evidence::new(step.input.record, Part::Claim, &step.input.text)];
    if !fault.line.is_empty() {
        all.push(Evidence::new(outcome.record, Part::Against, fault.line));
    }
    all
}

impl Family for Contract {
    fn rules(&self) -> &'static [&'static Rule] {
        RULES
    }

    fn observe(&mut self, seen: &Observation<'_>, _run: &Run, found: &mut Vec<Finding>) {
        match seen {
            Observation::Tools { tools } => {
                if self.declared.is_empty() {
                    self.complete = true;
                }
                for (name, schema) in *tools {
                    if self.declared.len() < MOST_TOOLS {
                        self.declared.insert(name.to_string(), Schema::read(schema));
                    } else {
                        self.complete = false;
                    }
                }
            }
            Observation::Step(step) if !step.step.is_message() => self.closed(step, found),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::scene::Scene;
    use super::*;
    use serde_json::json;

    const SCHEMA: &str = r#"{"type":"object","properties":{"id":{"type":"string"},"count":{"type":"integer"},
        "cabin":{"type":"string","enum":["economy","business"]}},"required":["id"],"additionalProperties":false}"#;

    fn after(input: &Value, text: &str) -> Vec<Finding> {
        let mut scene = Scene::of(Contract::default());
        scene.tools(&[("seat", SCHEMA)]);
        scene.call("seat", input, Status::Error, text);
        scene.all()
    }

    #[test]
    fn each_breach_of_a_schema_is_named() {
        for (input, word) in [
            (json!({"count": 1}), "leaves out id"),
            (json!({"id": "a", "colour": "red"}), "passes colour"),
            (json!({"id": 7}), "takes a text"),
            (json!({"id": "a", "count": 1.5}), "a whole number"),
            (json!({"id": "a", "cabin": "first"}), "none of the 2 values"),
        ] {
            let found = after(&input, "Error: bad request");
            assert_eq!(found.len(), 1, "{input}");
            assert!(found[0].sentence.contains(word), "{}", found[0].sentence);
            assert!(matches!(found[0].means.as_slice(), [Means::RepairArgument { .. }]));
        }
    }

    #[test]
    fn a_fitting_call_that_fails_breaks_no_contract() {
        assert!(after(&json!({"id": "a", "count": 2, "cabin": "economy"}), "Error: no seat left").is_empty());
    }

    #[test]
    fn a_call_that_went_well_is_not_told_of() {
        let mut scene = Scene::of(Contract::default());
        scene.tools(&[("seat", SCHEMA)]);
        scene.call("seat", &json!({"colour": 1}), Status::Ok, "fine");
        scene.call("chair", &json!({"colour": 1}), Status::Ok, "fine");
        assert!(scene.all().is_empty());
    }

    #[test]
    fn a_tool_that_is_not_there() {
        let mut scene = Scene::of(Contract::default());
        scene.tools(&[("seat", SCHEMA)]);
        scene.call("sofa", &json!({}), Status::Error, "Error: No such tool available: sofa");
        let found = scene.found("contract.unknown-tool");
        assert_eq!(found.len(), 1);
        assert!(found[0].instruction.contains("seat"));
    }

    #[test]
    fn a_list_that_is_not_whole_accuses_nobody() {
        let mut scene = Scene::of(Contract::default());
        scene.tools(&[("seat", SCHEMA)]);
        scene.call("bench", &json!({}), Status::Ok, "fine");
        scene.call("sofa", &json!({}), Status::Error, "Error: out of stock");
        assert!(scene.all().is_empty());
    }

    #[test]
    fn the_tools_own_refusal_is_enough() {
        let mut scene = Scene::of(Contract::default());
        scene.call(
            "plot",
            &json!({"hue": 1}),
            Status::Error,
            "TypeError: plot() got an unexpected keyword argument 'hue'",
        );
        let found = scene.found("contract.bad-arguments");
        assert_eq!(found[0].means, [Means::RepairArgument { argument: "hue".to_owned() }]);
    }

    #[test]
    fn an_argument_that_no_good_call_had() {
        let mut scene = Scene::of(Contract::default());
        for n in 0..5 {
            scene.call("plot", &json!({"x": n}), Status::Ok, "drawn");
        }
        scene.call("plot", &json!({"x": 1}), Status::Error, "Error: no display");
        assert!(scene.all().is_empty());
        scene.call("plot", &json!({"x": 1, "zoom": 2}), Status::Error, "Error: cannot zoom");
        assert_eq!(scene.found("contract.unseen-argument").len(), 1);
    }

    #[test]
    fn a_call_unlike_all_good_ones_is_told_when_it_fails() {
        for (input, word) in [
            (json!({"kind": "twin"}), "leaves out nights"),
            (json!({"kind": "twin", "nights": "two"}), "which was a number"),
            (json!({"kind": "castle", "nights": 2}), "one of single, twin"),
        ] {
            let mut scene = Scene::of(Contract::default());
            for n in 0..8 {
                let kind = if n % 2 == 0 { "single" } else { "twin" };
                scene.call("find_rooms", &json!({"kind": kind, "nights": n}), Status::Ok, "3 rooms");
            }
            scene.call(
                "find_rooms",
                &json!({"kind": "twin", "nights": 2}),
                Status::Error,
                "Error: no answer",
            );
            assert!(scene.all().is_empty());
            scene.call("find_rooms", &input, Status::Error, "Error: no answer");
            let found = scene.found("contract.unlike-good-calls");
            assert_eq!(found.len(), 1, "{input}");
            assert!(found[0].sentence.contains(word), "{}", found[0].sentence);
        }
    }

    #[test]
    fn free_texts_and_optional_arguments_teach_no_choice() {
        let mut scene = Scene::of(Contract::default());
        for n in 0..12 {
            let mut input = json!({"place": format!("town {n}")});
            if n % 2 == 0 {
                input["stars"] = json!(n);
            }
            scene.call("find_rooms", &input, Status::Ok, "3 rooms");
        }
        scene.call("find_rooms", &json!({"place": "town 77"}), Status::Error, "Error: no answer");
        assert!(scene.all().is_empty());
    }

    #[test]
    fn an_act_refused_for_a_value_names_the_argument_once() {
        for (line, argument) in [
            ("Error: voucher balance is not enough", "payment_id"),
            ("Error: room R204 is taken", "rooms"),
            ("Error: the sum of payments does not match", "payments"),
        ] {
            let mut scene = Scene::of(Contract::default());
            let input = json!({"payment_id": "voucher_7781", "rooms": ["R204"], "payments": [{"sum": 12}]});
            scene.call("book_stay", &input, Status::Error, line);
            scene.call("book_stay", &input, Status::Error, line);
            let found = scene.found("contract.refused-value");
            assert_eq!(found.len(), 1, "{line}");
            assert_eq!(found[0].means, [Means::RepairArgument { argument: argument.to_owned() }]);
        }
    }

    #[test]
    fn a_refusal_that_names_nothing_of_the_call_or_of_a_lookup_is_left_alone() {
        let mut scene = Scene::of(Contract::default());
        scene.call(
            "book_stay",
            &json!({"room": "R204"}),
            Status::Error,
            "Error: the service is closed today",
        );
        scene.call("get_stay", &json!({"room": "R204"}), Status::Error, "Error: room R204 is unknown here");
        assert!(scene.found("contract.refused-value").is_empty());
    }
}
