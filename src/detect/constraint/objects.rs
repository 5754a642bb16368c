//! Objects: what outcomes in JSON have said of things with an id, as it last stood. Fields are kept
//! short and few; the whole is bounded.

use rustc_hash::FxHashMap;
use serde_json::{Map, Value};

use crate::detect::speech;
use crate::trace::RecordRef;

use super::words::plain;

const MOST_OBJECTS: usize = 2048;
const MOST_FIELDS: usize = 24;
const MOST_ENTRIES: usize = 64;
const VALUE_BYTES: usize = 60;
const OUTCOME_BYTES: usize = 128 * 1024;
const DEEPEST: usize = 6;
/// Fields that say how a thing stands.
pub(super) const STATES: &[&str] = &["status", "state"];

/// One field of a thing.
#[derive(Clone, Debug)]
pub(super) struct Field {
    /// Its name, plain.
    pub(super) name: String,
    /// Its value, as it stands, cut short.
    pub(super) value: String,
    /// Where it was seen.
    pub(super) record: RecordRef,
}

impl Field {
    /// The value, plain.
    pub(super) fn plain(&self) -> String {
        plain(&self.value)
    }

    /// Whether it says no.
    pub(super) fn is_no(&self) -> bool {
        matches!(self.plain().as_str(), "no" | "false" | "none" | "0" | "null" | "")
    }
}

/// A list of a thing.
#[derive(Clone, Debug, Default)]
pub(super) struct List {
    /// Its name, plain.
    pub(super) name: String,
    /// How many entries it has.
    pub(super) length: usize,
    /// Hashes of all plain texts in it.
    pub(super) texts: Vec<u64>,
    /// The `amount` of each entry that has one, in hundredths.
    pub(super) amounts: Vec<i64>,
}

/// A thing as it last stood.
#[derive(Clone, Debug, Default)]
pub(super) struct Object {
    pub(super) record: RecordRef,
    pub(super) fields: Vec<Field>,
    pub(super) lists: Vec<List>,
    /// How many things stand in the list or map that it was seen in.
    pub(super) siblings: usize,
    /// It was seen as itself: asked for by its id, or under it; not only named by another thing.
    itself: bool,
}

impl Object {
    /// A field by its plain name.
    pub(super) fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// A list by its plain name.
    pub(super) fn list(&self, name: &str) -> Option<&List> {
        self.lists.iter().find(|list| list.name == name)
    }
}

/// All things, by the hash of their id.
#[derive(Debug, Default)]
pub(super) struct Objects {
    known: FxHashMap<u64, Object>,
}

/// The hash of an id: case and `#` do not matter.
pub(super) fn id_hash(id: &str) -> u64 {
    speech::hash(id.trim().trim_start_matches('#').to_ascii_lowercase().as_bytes())
}

/// Whether a text looks like an id: short, one word, with a digit or all in capitals.
pub(super) fn is_id(text: &str) -> bool {
    let word = (4..=64).contains(&text.len()) && !text.contains(char::is_whitespace);
    let capitals = text.len() >= 5 && text.bytes().all(|b| b.is_ascii_uppercase());
    word && (capitals || text.bytes().any(|b| b.is_ascii_digit()))
}

/// A number in hundredths.
pub(super) fn hundredths(value: &Value) -> Option<i64> {
    let number = value.as_f64()?;
    #[allow(clippy::cast_possible_truncation, reason = "the range is checked")]
    (number.abs() < 1e9).then(|| (number * 100.0).round() as i64)
}

fn scalar(value: &Value) -> Option<String> {
    Some(match value {
        Value::String(text) => crate::text::clip(text, VALUE_BYTES).to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    })
}

impl Objects {
    /// The thing with this id.
    pub(super) fn get(&self, id: &str) -> Option<&Object> {
        self.known.get(&id_hash(id))
    }

    /// All things.
    pub(super) fn all(&self) -> impl Iterator<Item = &Object> {
        self.known.values()
    }

    /// Takes in an outcome of a call with these arguments.
    pub(super) fn learn(&mut self, text: &str, arguments: Option<&Map<String, Value>>, record: RecordRef) {
        let text = text.trim_start();
        if !text.starts_with(['{', '[']) || text.len() > OUTCOME_BYTES {
            return;
        }
        let Ok(value) = serde_json::from_str::<Value>(text) else { return };
        let asked = arguments.and_then(|arguments| {
            let named = value.as_object().and_then(|root| {
                arguments
                    .iter()
                    .find(|(name, asked)| root.get(*name) == Some(asked) && id_of(asked).is_some())
            });
            named
                .or_else(|| arguments.iter().next().filter(|_| arguments.len() == 1))
                .and_then(|(_, v)| id_of(v))
        });
        self.walk(&value, asked, 0, 0, record);
    }

    fn walk(&mut self, value: &Value, id: Option<&str>, siblings: usize, depth: usize, record: RecordRef) {
        if depth > DEEPEST {
            return;
        }
        match value {
            Value::Object(map) => {
                let itself = id.is_some() || map.get("id").and_then(id_of).is_some();
                if let Some(id) = id.or_else(|| own_id(map)) {
                    self.put(id, map, Object { record, siblings, itself, ..Object::default() });
                }
                for (name, inner) in map {
                    let key = (inner.is_object() && is_id(name)).then_some(name.as_str());
                    self.walk(inner, key, map.len(), depth + 1, record);
                }
            }
            Value::Array(all) => {
                for inner in all {
                    self.walk(inner, None, all.len(), depth + 1, record);
                }
            }
            _ => {}
        }
    }

    fn put(&mut self, id: &str, map: &Map<String, Value>, mut object: Object) {
        let hash = id_hash(id);
        if self.known.len() >= MOST_OBJECTS && !self.known.contains_key(&hash) {
            return;
        }
        for (name, value) in map {
            let name = plain(crate::text::clip(name, VALUE_BYTES));
            if let Some(value) = scalar(value)
                && object.fields.len() < MOST_FIELDS
            {
                object.fields.push(Field { name, value, record: object.record });
            } else if let Value::Array(entries) = value
                && object.lists.len() < MOST_FIELDS
            {
                object.lists.push(list(name, entries));
            }
        }
        let Some(known) = self.known.get_mut(&hash) else {
            self.known.insert(hash, object);
            return;
        };
        // A mention in passing does not take away what is known in full.
        let size = |object: &Object| object.fields.len() + object.lists.len();
        if (object.itself, size(&object)) >= (known.itself, size(known)) {
            object.siblings = object.siblings.max(known.siblings);
            *known = object;
            return;
        }
        for field in object.fields {
            if let Some(old) = known.fields.iter_mut().find(|old| old.name == field.name)
                && (object.itself == known.itself || STATES.contains(&field.name.as_str()))
            {
                *old = field;
            }
        }
    }

    /// Notes what an act that went well has set: outcomes show the old value at times.
    pub(super) fn set(&mut self, id: &str, arguments: &Map<String, Value>, record: RecordRef) {
        let Some(object) = self.known.get_mut(&id_hash(id)) else { return };
        for (name, value) in arguments {
            let name = plain(name);
            if let Some(value) = scalar(value)
                && let Some(field) = object.fields.iter_mut().find(|field| field.name == name)
                && field.value != value
            {
                *field = Field { name, value, record };
            }
        }
    }
}

fn id_of(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| is_id(text))
}

/// A thing's own id: its field `id`, else its first field that ends in `_id` or `_number`.
fn own_id(map: &Map<String, Value>) -> Option<&str> {
    let own = map.get("id").and_then(id_of);
    own.or_else(|| {
        map.iter()
            .filter(|(name, _)| ["_id", "Id", "_number"].iter().any(|end| name.ends_with(end)))
            .find_map(|(_, value)| id_of(value))
    })
}

fn list(name: String, entries: &[Value]) -> List {
    let mut made = List { name, length: entries.len(), ..List::default() };
    for entry in entries.iter().take(MOST_ENTRIES) {
        texts(entry, &mut made.texts, 0);
        made.amounts.extend(entry.get("amount").and_then(hundredths));
    }
    made
}

/// Hashes of all scalars in a value, plain.
pub(super) fn texts(value: &Value, into: &mut Vec<u64>, depth: usize) {
    if depth > DEEPEST || into.len() >= MOST_ENTRIES * 8 {
        return;
    }
    match value {
        Value::Array(all) => all.iter().for_each(|inner| texts(inner, into, depth + 1)),
        Value::Object(map) => map.values().for_each(|inner| texts(inner, into, depth + 1)),
        other => into.extend(scalar(other).map(|text| speech::hash(plain(&text).as_bytes()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learnt(text: &str, arguments: &Value) -> Objects {
        let mut objects = Objects::default();
        objects.learn(text, arguments.as_object(), RecordRef::default());
        objects
    }

    #[test]
    fn things_are_known_by_the_id_that_was_asked_for() {
        let objects = learnt(
            r##"{"order_id": "#W12", "user_id": "ann_1", "status": "pending", "paid": [{"amount": -12.5}]}"##,
            &serde_json::json!({"order_id": "#W12"}),
        );
        let order = objects.get("w12").unwrap();
        assert_eq!(order.field("status").unwrap().value, "pending");
        assert_eq!(order.list("paid").unwrap().amounts, [-1250]);
        assert!(objects.get("ann_1").is_none());
    }

    #[test]
    fn a_profile_without_an_id_takes_the_one_of_its_call() {
        let objects = learnt(
            r#"{"tier": "gold", "cards": {"card_77": {"source": "credit_card"}, "card_78": {"id": "card_78"}}}"#,
            &serde_json::json!({"user_id": "ann_1"}),
        );
        assert_eq!(objects.get("ann_1").unwrap().field("tier").unwrap().value, "gold");
        assert_eq!((objects.get("card_77").unwrap().siblings, objects.all().count()), (2, 3));
    }

    #[test]
    fn a_mention_in_passing_takes_nothing_away() {
        let mut objects = learnt(r#"{"id": "A123", "state": "open", "size": 2}"#, &serde_json::json!({}));
        objects.learn(r#"[{"id": "A123", "state": "shut"}]"#, None, RecordRef::default());
        let thing = objects.get("A123").unwrap();
        assert_eq!((thing.field("state").unwrap().value.as_str(), thing.fields.len()), ("shut", 3));
    }

    #[test]
    fn texts_that_are_no_json_teach_nothing() {
        for text in ["", "Error: {", "{\"a\":", "plain"] {
            assert_eq!(learnt(text, &serde_json::json!({})).all().count(), 0, "{text}");
        }
    }
}
