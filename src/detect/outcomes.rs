//! Outcomes that cannot be what the tool meant to say: cut off in the middle, noise, nothing at all, or
//! the answer to another call. The log calls such calls good, and an agent that does not notice builds
//! on them.
//!
//! Learns of each tool what its good outcomes look like: whether they are JSON objects, and with which
//! keys. Keeps hashes and counts.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::value::RawValue;

use crate::trace::{ClosedStep, Observation, Probability, Run, ToolKind};

use super::{Aspect, Basis, Class, Evidence, Family, Finding, Means, Part, Rule, fault, speech};

/// No text, or half of one.
pub(super) static GARBLED: Rule = Rule {
    id: "outcomes.garbled",
    class: Class::ExecutionError,
    basis: Basis::External,
    speaks_of: Aspect::Execution,
    summary: "A result is cut off in the middle of its JSON, or holds bytes that are no text.",
    example: "the result of “get_order A-17” breaks off in the middle of its JSON",
    proven: true,
};

/// Nothing.
pub(super) static EMPTY: Rule = Rule {
    id: "outcomes.empty",
    class: Class::ExecutionError,
    basis: Basis::External,
    speaks_of: Aspect::Execution,
    summary: "A look-up brought nothing at all, not even that there is nothing.",
    example: "the look-up “get_order A-17” brought nothing, although this tool has answered before",
    proven: true,
};

/// Another call's answer.
pub(super) static MISMATCHED: Rule = Rule {
    id: "outcomes.mismatched",
    class: Class::ExecutionError,
    basis: Basis::External,
    speaks_of: Aspect::Execution,
    summary: "A result speaks of another thing than the call asked for, or is of another form than all the tool's results before.",
    example: "“get_order” was asked for order_id A-17 and answered with order_id B-20",
    proven: true,
};

static RULES: &[&Rule] = &[&GARBLED, &EMPTY, &MISMATCHED];

/// How much of an outcome is read for noise, in bytes.
const READ_BYTES: usize = 4096;
/// The longest outcome that is parsed, in bytes.
const PARSED_BYTES: usize = 256 * 1024;
const MOST_TOOLS: usize = 256;
const MOST_KEYS: usize = 256;

/// What is known of a tool's good outcomes.
#[derive(Debug, Default)]
struct Known {
    /// Outcomes with something in them.
    filled: u32,
    /// Those that were JSON objects.
    objects: u32,
    /// Those that were JSON objects or lists.
    json: u32,
    /// Hashes of the keys of the objects.
    keys: FxHashSet<u64>,
}

/// The family.
#[derive(Debug, Default)]
pub(super) struct Outcomes {
    tools: FxHashMap<u64, Known>,
}

/// What is wrong with an outcome.
struct Wrong {
    rule: &'static Rule,
    strength: f64,
    what: String,
}

impl Outcomes {
    fn closed(&mut self, step: &ClosedStep<'_>, found: &mut Vec<Finding>) {
        let Some(outcome) = step.outcome else { return };
        // A failure is the execution family's.
        if step.step.is_message() || step.step.failed() || fault::of(step).is_some() {
            return;
        }
        if self.tools.len() >= MOST_TOOLS {
            self.tools.clear();
        }
        let known = self.tools.entry(speech::hash(step.tool.as_bytes())).or_default();
        let wrong = judge(step, &outcome.text, known);
        if let Some(Wrong { rule, strength, what }) = wrong {
            let label = fault::call_name(step);
            let text = if outcome.text.trim().is_empty() { "(no text)" } else { outcome.text.as_str() };
            found.push(Finding {
                rule,
                step: step.step.id,
                root: None,
                strength: Probability::new(strength),
                evidence: vec![
                    Evidence::new(step.input.record, Part::Claim, &step.input.text),
                    Evidence::new(outcome.record, Part::Against, text),
                ],
                sentence: format!("the result of “{label}” {what}"),
                instruction: format!(
                    "Do not build on that result of {label}. Make the call again, and go on only with a result that is whole."
                ),
                means: if step.effects.is_empty() { vec![Means::Retry] } else { Vec::new() },
            });
        }
    }
}

/// Judges an outcome, and learns from one that is well.
fn judge(step: &ClosedStep<'_>, text: &str, known: &mut Known) -> Option<Wrong> {
    let kind = step.step.tool_kind()?;
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return empty(step, kind, known);
    }
    if let Some(wrong) = noise(step, kind, trimmed) {
        return Some(wrong);
    }
    // Files, pages and commands may hold anything; an application's own tool has a form.
    if !matches!(kind, ToolKind::Other | ToolKind::Fetch) {
        return None;
    }
    known.filled = known.filled.saturating_add(1);
    let structured = trimmed.starts_with(['{', '[']) && trimmed.len() <= PARSED_BYTES;
    let parsed = structured.then(|| parse(trimmed));
    match parsed {
        Some(Ok(Some(map))) => {
            let wrong = other_thing(step, &map).or_else(|| other_form(&map, known));
            if wrong.is_none() {
                known.objects = known.objects.saturating_add(1);
                known.json = known.json.saturating_add(1);
                for key in map.keys().take(64) {
                    if known.keys.len() < MOST_KEYS {
                        known.keys.insert(speech::hash(key.as_bytes()));
                    }
                }
            }
            wrong
        }
        Some(Ok(None)) => {
            known.json = known.json.saturating_add(1);
            None
        }
        Some(Err(error)) if error.is_eof() && !says_cut(trimmed) => Some(Wrong {
            rule: &GARBLED,
            strength: if known.json > 0 { 0.65 } else { 0.5 },
            what: "breaks off in the middle of its JSON".to_owned(),
        }),
        Some(Err(_)) if known.json >= 1 && known.filled <= known.json + 1 => Some(Wrong {
            rule: &GARBLED,
            strength: 0.5,
            what: format!("is no valid JSON; the {} before it were", counted(known.json)),
        }),
        None if known.json >= 2 && known.filled <= known.json + 1 => Some(Wrong {
            rule: &MISMATCHED,
            strength: 0.4,
            what: format!("is no JSON; the {} before it were", counted(known.json)),
        }),
        _ => None,
    }
}

/// The fields of a JSON object as they stand, `None` for a list. Nothing is built of what lies in them.
fn parse(text: &str) -> Result<Option<Fields<'_>>, serde_json::Error> {
    if text.starts_with('{') {
        serde_json::from_str(text).map(Some)
    } else {
        serde_json::from_str::<serde::de::IgnoredAny>(text).map(|_| None)
    }
}

type Fields<'a> = BTreeMap<String, &'a RawValue>;

fn counted(results: u32) -> String {
    if results == 1 { "result of this tool".to_owned() } else { format!("{results} results of this tool") }
}

/// Whether an outcome says itself that it is not whole.
fn says_cut(text: &str) -> bool {
    let end = crate::text::clip_front(text, 120).to_ascii_lowercase();
    end.contains("...")
        || end.contains('…')
        || speech::has_any(&end, &["truncat", "omitted", "more lines", "cut off"])
}

/// Words with which the name of a tool begins that only looks something up.
const LOOKS_UP: &[&str] = &[
    "get",
    "find",
    "search",
    "list",
    "query",
    "lookup",
    "fetch",
    "read",
    "load",
    "show",
    "describe",
    "retrieve",
    "check",
    "view",
    "calculate",
    "compute",
];

fn empty(step: &ClosedStep<'_>, kind: ToolKind, known: &Known) -> Option<Wrong> {
    let looks_up = match kind {
        ToolKind::Fetch => true,
        ToolKind::Other => {
            let name = step.tool.to_ascii_lowercase();
            let name = name.rsplit("__").next().unwrap_or(&name);
            let first = name.split(['_', '-', '.', ' ']).next().unwrap_or_default();
            LOOKS_UP.iter().any(|word| first.starts_with(word))
        }
        _ => false,
    };
    if !looks_up && known.filled < 2 {
        return None;
    }
    (matches!(kind, ToolKind::Fetch | ToolKind::Other) && step.effects.is_empty()).then(|| Wrong {
        rule: &EMPTY,
        strength: if known.filled > 0 { 0.5 } else { 0.4 },
        what: match known.filled {
            0 => "is empty, although it is a look-up".to_owned(),
            _ => "is empty, although this tool has answered before".to_owned(),
        },
    })
}

/// Bytes that are no text, as they look once a writer has made text of them.
fn noise(step: &ClosedStep<'_>, kind: ToolKind, text: &str) -> Option<Wrong> {
    let head = crate::text::clip(text, READ_BYTES);
    // Most text has no such byte, and this count is cheap.
    let strange = |byte: u8| {
        (byte < b' ' && !matches!(byte, b'\n' | b'\r' | b'\t')) || matches!(byte, 0x7f | 0xc2 | 0xef | b'\\')
    };
    if head.bytes().filter(|byte| strange(*byte)).count() < 4 {
        return None;
    }
    let (mut all, mut odd) = (0usize, 0usize);
    for c in head.chars() {
        all += 1;
        let control = c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{1b}' | '\u{8}' | '\u{c}');
        odd += usize::from(c == '\u{fffd}' || control);
    }
    // `\x8f\x00…`, as some writers escape bytes.
    let escaped = head.matches("\\x").count();
    if escaped >= 8 && escaped * 16 > all {
        odd += escaped;
    }
    if odd < 4 || odd * 50 < all {
        return None;
    }
    let command = step.request.and_then(|request| request.command.as_deref()).unwrap_or("");
    // Looking at a file that is no text brings no text.
    let looks = matches!(kind, ToolKind::Read | ToolKind::Search) || fault::shows(command.trim());
    Some(Wrong {
        rule: &GARBLED,
        strength: if looks { 0.45 } else { 0.6 },
        what: format!("is noise: {odd} of its first {all} characters are no text"),
    })
}

/// A result that names another thing than the call asked for, under the same name.
fn other_thing(step: &ClosedStep<'_>, map: &Fields<'_>) -> Option<Wrong> {
    let request = step.request?;
    for (name, asked) in &request.arguments {
        let lower = name.to_ascii_lowercase();
        if !(lower.ends_with("id") || lower.ends_with("number"))
            || asked.is_empty()
            || asked.starts_with(['[', '{'])
        {
            continue;
        }
        let Some(answered) = map.get(name).map(|value| value.get()) else { continue };
        let answered = match answered.as_bytes().first() {
            Some(b'"') => answered.trim_matches('"'),
            Some(b'0'..=b'9' | b'-') => answered,
            _ => continue,
        };
        if answered.trim_start_matches('#') != asked.trim_start_matches('#') {
            return Some(Wrong {
                rule: &MISMATCHED,
                strength: 0.6,
                what: format!(
                    "has {} {}; it was asked for {}",
                    crate::text::excerpt(name, 40),
                    crate::text::quoted(answered, 60),
                    crate::text::quoted(asked, 60)
                ),
            });
        }
    }
    None
}

/// A result that shares no key with the tool's results before.
fn other_form(map: &Fields<'_>, known: &Known) -> Option<Wrong> {
    let strange = known.objects >= 2
        && known.objects == known.filled - 1
        && map.len() >= 3
        && map.keys().all(|key| !known.keys.contains(&speech::hash(key.as_bytes())));
    strange.then(|| Wrong {
        rule: &MISMATCHED,
        strength: 0.4,
        what: format!("has none of the fields that the {} before it had", counted(known.objects)),
    })
}

impl Family for Outcomes {
    fn rules(&self) -> &'static [&'static Rule] {
        RULES
    }

    fn observe(&mut self, seen: &Observation<'_>, _run: &Run, found: &mut Vec<Finding>) {
        if let Observation::Step(step) = seen {
            self.closed(step, found);
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
        Scene::of(Outcomes::default())
    }

    fn order(id: &str) -> String {
        json!({"order_id": id, "status": "delivered", "items": [{"name": "kettle", "price": 64.9}]})
            .to_string()
    }

    #[test]
    fn json_that_breaks_off_is_garbled_and_json_that_says_so_is_not() {
        let whole = order("A17");
        let cut = whole.get(..40).unwrap();
        for (text, count) in [(cut.to_owned(), 1), (format!("{cut}… (truncated)"), 0), (whole.clone(), 0)] {
            let mut scene = scene();
            scene.call("get_order", &json!({"order_id": "A17"}), Status::Ok, &text);
            assert_eq!(scene.found("outcomes.garbled").len(), count, "{text}");
        }
    }

    #[test]
    fn half_a_file_is_what_was_asked_for() {
        let mut scene = scene();
        scene.call("Read", &json!({"file_path": "a.json"}), Status::Ok, "{\"a\": [1, 2,");
        scene.call("Bash", &json!({"command": "head -c 20 a.json"}), Status::Ok, "{\"a\": [1, 2,");
        assert!(scene.all().is_empty());
    }

    #[test]
    fn noise_is_garbled_whatever_the_tool() {
        let noise = "total \u{fffd}\u{1}\u{fffd}\u{7f} of \u{2}\u{fffd}\u{fffd}";
        for tool in ["get_order", "Bash", "Read"] {
            let mut scene = scene();
            scene.call(tool, &json!({"command": "./report"}), Status::Ok, noise);
            assert_eq!(scene.found("outcomes.garbled").len(), 1, "{tool}");
        }
        let mut scene = scene();
        scene.call(
            "Bash",
            &json!({"command": "ls --color"}),
            Status::Ok,
            "\u{1b}[34msrc\u{1b}[0m\u{1b}[34mtests",
        );
        scene.call(
            "get_name",
            &json!({}),
            Status::Ok,
            "Łódź — Ærøskøbing · 東京 · a lone \u{fffd} in much text",
        );
        assert!(scene.all().is_empty());
    }

    #[test]
    fn a_look_up_that_brings_nothing() {
        let mut scene = scene();
        scene.call("get_order", &json!({"order_id": "A17"}), Status::Unknown, "");
        assert_eq!(scene.found("outcomes.empty").len(), 1);
        let mut scene = self::scene();
        for (tool, text) in [("think", ""), ("search_flights", "[]"), ("send_mail", ""), ("Grep", "")] {
            scene.call(tool, &json!({"x": 1}), Status::Ok, text);
        }
        scene.call("Bash", &json!({"command": "mkdir a"}), Status::Ok, "");
        assert!(scene.all().is_empty());
    }

    #[test]
    fn the_answer_to_another_call() {
        let mut scene = scene();
        scene.call("get_order", &json!({"order_id": "#A17"}), Status::Ok, &order("A17"));
        scene.call("get_order", &json!({"order_id": "B20"}), Status::Ok, &order("A17"));
        let found = scene.found("outcomes.mismatched");
        assert_eq!(found.len(), 1);
        assert!(found[0].sentence.contains("asked for"), "{}", found[0].sentence);
    }

    #[test]
    fn another_form_than_always() {
        let mut scene = scene();
        for id in ["A1", "A2", "A3"] {
            scene.call("get_order", &json!({"order_id": id}), Status::Ok, &order(id));
        }
        let profile = json!({"name": "Ann", "email": "a@b.org", "city": "Graz"}).to_string();
        scene.call("get_order", &json!({"order": "A4"}), Status::Ok, &profile);
        assert_eq!(scene.found("outcomes.mismatched").len(), 1);
        let mut scene = self::scene();
        scene.call("get_order", &json!({"order": "A1"}), Status::Ok, &order("A1"));
        scene.call("get_order", &json!({"order": "A4"}), Status::Ok, &profile);
        assert!(scene.all().is_empty(), "one result before is too few");
    }
}
