//! Contract: calls that do not fit what the tools say they take. The contract is the declared JSON
//! schema where the log has one, else the tool's own refusal, else what went well before.
//!
//! A call that went well broke no contract that matters: nothing is told of it. To add a check of a
//! schema, add it to [`Schema::breach`].

use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::Value;

use crate::trace::{ClosedStep, Observation, Passage, Probability, Run, Status};

use super::fault::{self, Fault};
use super::{Aspect, Basis, Class, Evidence, Family, Finding, Means, Part, Rule, speech};

/// No such tool.
pub(super) static UNKNOWN_TOOL: Rule = Rule {
    id: "contract.unknown-tool",
    class: Class::Hallucination,
    basis: Basis::External,
    speaks_of: Aspect::Execution,
    summary: "A tool was called that is not among the declared ones, or that its host says is not there.",
    example: "calls the tool send_fax, which is not there",
    proven: true,
};

/// The arguments do not fit.
pub(super) static BAD_ARGUMENTS: Rule = Rule {
    id: "contract.bad-arguments",
    class: Class::ExecutionError,
    basis: Basis::External,
    speaks_of: Aspect::Execution,
    summary: "A failed call's arguments do not fit the tool's schema, or the tool says so.",
    example: "the call of book_room leaves out check_out, which the tool requires",
    proven: true,
};

/// An argument that was never seen on this tool.
pub(super) static UNSEEN_ARGUMENT: Rule = Rule {
    id: "contract.unseen-argument",
    class: Class::ExecutionError,
    basis: Basis::External,
    speaks_of: Aspect::Execution,
    summary: "A failed call has an argument that none of the tool's five or more good calls had.",
    example: "the call of list_files passes recurse, which none of the tool's good calls before had, and the call fails: \"unexpected argument\"",
    proven: true,
};

static RULES: &[&Rule] = &[&UNKNOWN_TOOL, &BAD_ARGUMENTS, &UNSEEN_ARGUMENT];

const MOST_TOOLS: usize = 1024;
const MOST_ARGUMENTS: usize = 128;
/// Good calls after which an argument that none of them had stands out.
const GOOD_CALLS: u32 = 5;

/// What a tool says it takes.
#[derive(Debug, Default)]
struct Schema {
    required: Vec<String>,
    properties: FxHashMap<String, Property>,
    closed: bool,
}

#[derive(Debug, Default)]
struct Property {
    types: Vec<Type>,
    /// Hashes of the values that an enum allows; empty: any.
    allowed: Vec<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Text,
    Number,
    Integer,
    Truth,
    List,
    Object,
    Null,
}

impl Type {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "string" => Self::Text,
            "number" => Self::Number,
            "integer" => Self::Integer,
            "boolean" => Self::Truth,
            "array" => Self::List,
            "object" => Self::Object,
            "null" => Self::Null,
            _ => return None,
        })
    }

    fn word(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Number => "a number",
            Self::Integer => "a whole number",
            Self::Truth => "true or false",
            Self::List => "a list",
            Self::Object => "an object",
            Self::Null => "null",
        }
    }

    fn fits(self, value: &Value) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::Number => value.is_number(),
            Self::Integer => value.as_f64().is_some_and(|n| n.fract() == 0.0),
            Self::Truth => value.is_boolean(),
            Self::List => value.is_array(),
            Self::Object => value.is_object(),
            Self::Null => value.is_null(),
        }
    }
}

/// How a call breaks a schema: the argument and what is wrong with it.
#[derive(Debug, PartialEq, Eq)]
struct Breach {
    argument: String,
    sentence: String,
    mend: String,
}

impl Schema {
    fn read(text: &str) -> Option<Self> {
        let whole: Value = serde_json::from_str(text).ok()?;
        let inner = ["/input_schema", "/parameters", "/function/parameters", "/inputSchema"]
            .into_iter()
            .filter_map(|place| whole.pointer(place))
            .find(|value| value.is_object())
            .unwrap_or(&whole);
        let properties = inner.get("properties")?.as_object()?;
        let names = |value: Option<&Value>| -> Vec<String> {
            value
                .and_then(Value::as_array)
                .map(|all| all.iter().filter_map(Value::as_str).map(str::to_owned).collect())
                .unwrap_or_default()
        };
        Some(Self {
            required: names(inner.get("required")),
            closed: inner.get("additionalProperties").is_some_and(|v| v == false),
            properties: properties
                .iter()
                .take(MOST_ARGUMENTS)
                .map(|(name, property)| (name.clone(), Property::read(property)))
                .collect(),
        })
    }

    fn breach(&self, arguments: &serde_json::Map<String, Value>) -> Option<Breach> {
        let shown = |name: &str| crate::text::excerpt(name, 40);
        if let Some(name) = self.required.iter().find(|name| !arguments.contains_key(*name)) {
            let name = shown(name);
            return Some(Breach {
                sentence: format!("leaves out {name}, which the tool requires"),
                mend: format!("Give {name} a value that you have seen."),
                argument: name,
            });
        }
        for (name, value) in arguments {
            let Some(property) = self.properties.get(name) else {
                if !self.closed {
                    continue;
                }
                let mut known: Vec<&str> = self.properties.keys().map(String::as_str).take(8).collect();
                known.sort_unstable();
                let name = shown(name);
                return Some(Breach {
                    sentence: format!("passes {name}, which the tool does not take"),
                    mend: format!("The tool takes: {}.", shown_list(&known)),
                    argument: name,
                });
            };
            let name = shown(name);
            if !property.types.is_empty() && !property.types.iter().any(|kind| kind.fits(value)) {
                let wanted: Vec<&str> = property.types.iter().map(|kind| kind.word()).collect();
                return Some(Breach {
                    sentence: format!(
                        "passes {} as {name}, where the tool takes {}",
                        crate::text::quoted(&value.to_string(), 60),
                        wanted.join(" or ")
                    ),
                    mend: format!("Pass {name} as {}.", wanted.join(" or ")),
                    argument: name,
                });
            }
            if !property.allowed.is_empty() && !property.allowed.contains(&value_hash(value)) {
                return Some(Breach {
                    sentence: format!(
                        "passes {} as {name}, which is none of the {} values that the tool takes",
                        crate::text::quoted(&value.to_string(), 60),
                        property.allowed.len()
                    ),
                    mend: format!("Choose {name} from the values that the tool's description lists."),
                    argument: name,
                });
            }
        }
        None
    }
}

fn shown_list(names: &[&str]) -> String {
    crate::text::excerpt(&names.join(", "), 160)
}

impl Property {
    fn read(property: &Value) -> Self {
        let mut types: Vec<Type> = match property.get("type") {
            Some(Value::String(name)) => Type::named(name).into_iter().collect(),
            Some(Value::Array(names)) => {
                names.iter().filter_map(Value::as_str).filter_map(Type::named).collect()
            }
            _ => Vec::new(),
        };
        if property.get("nullable").is_some_and(|v| v == true) && !types.is_empty() {
            types.push(Type::Null);
        }
        let allowed = property
            .get("enum")
            .and_then(Value::as_array)
            .map(|all| all.iter().map(value_hash).collect())
            .unwrap_or_default();
        Self { types, allowed }
    }
}

fn value_hash(value: &Value) -> u64 {
    speech::hash(value.to_string().as_bytes())
}

/// What was seen of a tool whose schema is not known.
#[derive(Debug, Default)]
struct Learnt {
    good: u32,
    arguments: FxHashSet<u64>,
}

/// The family.
#[derive(Debug, Default)]
pub(super) struct Contract {
    declared: FxHashMap<String, Option<Schema>>,
    learnt: FxHashMap<u64, Learnt>,
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
        let fault = fault::of(step);
        let Some(fault) = fault else {
            if matches!(step.step.status, Status::Ok | Status::Unknown) {
                self.learn(step);
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
        if let Some(breach) = self.breach(step) {
            found.push(bad(step, fault, 0.8, &breach));
        } else if fault.sort == fault::Sort::Arguments {
            let breach = Breach {
                argument: named_argument(step, &head).unwrap_or_default(),
                sentence: format!("is refused for its arguments: {}", crate::text::quoted(fault.line, 100)),
                mend: "Read the tool's description and give exactly the arguments that it asks for."
                    .to_owned(),
            };
            found.push(bad(step, fault, 0.6, &breach));
        } else if let Some(name) = self.unseen(step) {
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
        }
    }

    fn learn(&mut self, step: &ClosedStep<'_>) {
        if !self.declared.is_empty() && !self.declared.contains_key(step.tool) {
            // Tools come to an agent by ways that the log does not show: the list is not whole.
            self.complete = false;
        }
        let Some(request) = step.request else { return };
        if self.learnt.len() >= MOST_TOOLS {
            return;
        }
        let learnt = self.learnt.entry(speech::hash(step.tool.as_bytes())).or_default();
        learnt.good = learnt.good.saturating_add(1);
        for (name, _) in &request.arguments {
            if learnt.arguments.len() < MOST_ARGUMENTS {
                learnt.arguments.insert(speech::hash(name.as_bytes()));
            }
        }
    }

    fn breach(&self, step: &ClosedStep<'_>) -> Option<Breach> {
        let schema = self.declared.get(step.tool)?.as_ref()?;
        let Ok(Value::Object(arguments)) = serde_json::from_str(&step.input.text) else {
            return None;
        };
        schema.breach(&arguments)
    }

    fn unseen(&self, step: &ClosedStep<'_>) -> Option<String> {
        let learnt = self.learnt.get(&speech::hash(step.tool.as_bytes()))?;
        if learnt.good < GOOD_CALLS || learnt.arguments.len() >= MOST_ARGUMENTS {
            return None;
        }
        step.request?
            .arguments
            .iter()
            .map(|(name, _)| name)
            .find(|name| !name.is_empty() && !learnt.arguments.contains(&speech::hash(name.as_bytes())))
            .cloned()
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

fn bad(step: &ClosedStep<'_>, fault: Fault<'_>, strength: f64, breach: &Breach) -> Finding {
    let tool = crate::text::excerpt(step.tool, 60);
    let means = if breach.argument.is_empty() {
        Vec::new()
    } else {
        vec![Means::RepairArgument { argument: breach.argument.clone() }]
    };
    Finding {
        rule: &BAD_ARGUMENTS,
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
    fn a_schema_that_is_none_is_passed_over() {
        assert!(Schema::read("").is_none());
        assert!(Schema::read("[1,2]").is_none());
        assert!(Schema::read("{\"type\":\"object\"}").is_none());
    }
}
