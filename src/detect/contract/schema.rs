//! Schema: what a tool says it takes, as JSON schema, and how a call breaks it. To add a check, add it
//! to [`Schema::breach`].

use rustc_hash::FxHashMap;
use serde_json::Value;

use crate::detect::speech;

use super::MOST_ARGUMENTS;

/// What a tool says it takes.
#[derive(Debug, Default)]
pub(super) struct Schema {
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
pub(super) enum Type {
    Text,
    Number,
    Integer,
    Truth,
    List,
    Object,
    Null,
}

impl Type {
    /// The type of a value.
    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::String(_) => Self::Text,
            Value::Number(_) => Self::Number,
            Value::Bool(_) => Self::Truth,
            Value::Array(_) => Self::List,
            Value::Object(_) => Self::Object,
            Value::Null => Self::Null,
        }
    }

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

    pub(super) fn word(self) -> &'static str {
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

    pub(super) fn fits(self, value: &Value) -> bool {
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
pub(super) struct Breach {
    pub(super) argument: String,
    pub(super) sentence: String,
    pub(super) mend: String,
}

impl Schema {
    pub(super) fn read(text: &str) -> Option<Self> {
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

    pub(super) fn breach(&self, arguments: &serde_json::Map<String, Value>) -> Option<Breach> {
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

pub(super) fn shown_list(names: &[&str]) -> String {
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

pub(super) fn value_hash(value: &Value) -> u64 {
    speech::hash(value.to_string().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_that_is_none_is_passed_over() {
        assert!(Schema::read("").is_none());
        assert!(Schema::read("[1,2]").is_none());
        assert!(Schema::read("{\"type\":\"object\"}").is_none());
    }
}
