//! Counts that the user has stated, held against what a consequential call passes: "two bags", and the
//! call books three.
//!
//! Speaks only where the user has named one count of a thing and never another, nothing was to be added
//! to what was there, and neither the user nor the agent has ever spoken of the count that is passed.

use rustc_hash::FxHashMap;
use serde_json::Value;

use super::act::{Act, mend};
use super::words::{Spoken, plain, singular};
use crate::detect::pattern::patterns;
use crate::detect::{Aspect, Basis, Class, EVIDENCE_BYTES, Evidence, Finding, Part, Rule, speech};
use crate::trace::RecordRef;

/// Another count.
pub(super) static OTHER_COUNT: Rule = Rule {
    id: "constraint.other-count",
    class: Class::InconsistentReasoning,
    basis: Basis::External,
    speaks_of: Aspect::Consistency,
    summary: "A consequential call passes another count of a thing than the only one that the user has named, and nobody has spoken of it.",
    example: "passes 3 as total_bags to book_stay; the user said \"two bags\"",
    proven: false,
};

/// No more things than this are counted.
const MOST: usize = 128;

const NAMES: [&str; 12] =
    ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];

patterns! {
    COUNTED = r"(?i)\b(\d{1,2}|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)\s+([a-z]{3,20})(?:\s+([a-z]{3,20}))?";
    RELATIVE = r"(?i)\b(?:add|more|additional|extra|another|each|per|every|free|if|or|between|instead|change|up to|at least|at most|only have|already|about|of the|remove|cancel)\b|\?";
}

/// What the user said of how many there are of a thing.
#[derive(Debug)]
struct Stated {
    count: u64,
    record: RecordRef,
    sentence: String,
    /// The user has named another count as well, or in a way that leaves the sum open.
    open: bool,
}

/// The counts that the user has stated, by the thing in the singular.
#[derive(Debug, Default)]
pub(super) struct Counts {
    stated: FxHashMap<String, Stated>,
}

impl Counts {
    /// Takes in the user's words.
    pub(super) fn hear(&mut self, record: RecordRef, text: &str) {
        for sentence in speech::sentences(speech::read(text)) {
            let open = RELATIVE.is_in(sentence);
            for found in COUNTED.all(sentence) {
                let Some(count) = found.get(1).and_then(|count| number(count.as_str())) else { continue };
                for noun in [found.get(2), found.get(3)].into_iter().flatten() {
                    let noun = singular(&noun.as_str().to_lowercase());
                    if let Some(known) = self.stated.get_mut(&noun) {
                        known.open |= open || known.count != count;
                    } else if self.stated.len() < MOST {
                        let sentence = crate::text::excerpt(sentence, EVIDENCE_BYTES);
                        self.stated.insert(noun, Stated { count, record, sentence, open });
                    }
                }
            }
        }
    }

    /// Holds what an act passes against them.
    pub(super) fn check(&self, act: &Act<'_>, spoken: [&Spoken; 2], found: &mut Vec<Finding>) {
        for (name, value) in act.arguments {
            let Some(passed) = value.as_u64().or_else(|| value.as_array().map(|all| all.len() as u64)) else {
                continue;
            };
            let words = plain(name);
            let stated = self.stated.iter().filter(|(noun, _)| is_count_of(&words, noun, value));
            let Some((noun, stated)) = stated.min_by_key(|(noun, _)| noun.as_str()) else { continue };
            let said = |count: u64| {
                let word = usize::try_from(count).ok().and_then(|count| NAMES.get(count.checked_sub(1)?));
                let spelt = [Some(count.to_string()), word.map(|word| (*word).to_owned())];
                spelt
                    .into_iter()
                    .flatten()
                    .any(|spelt| spoken.iter().any(|by| by.holds(&format!("{spelt} {noun}"))))
            };
            if stated.open || stated.count == passed || passed == 0 || said(passed) {
                continue;
            }
            let (shown, tool) = (crate::text::excerpt(name, 40), act.shown());
            let mut finding = act.finding(
                &OTHER_COUNT,
                0.45,
                [Evidence::new(stated.record, Part::Against, &stated.sentence)],
                format!(
                    "passes {passed} as {shown} to {tool}; the user said {}",
                    crate::text::quoted(&stated.sentence, 80)
                ),
                format!("Ask the user whether {shown} should be {} or {passed}, and correct what {tool} has done if it was wrong.", stated.count),
            );
            finding.means = mend(name);
            found.push(finding);
            return;
        }
    }
}

fn number(word: &str) -> Option<u64> {
    let lower = word.to_ascii_lowercase();
    let named = NAMES.iter().position(|name| *name == lower).map(|at| at as u64 + 1);
    named.or_else(|| lower.parse().ok())
}

/// Whether an argument counts a thing: a list of them, or a number under their name alone or with a word
/// for a count.
fn is_count_of(name: &str, noun: &str, value: &Value) -> bool {
    let mut counts = value.is_array();
    let mut named = false;
    for word in name.split(' ') {
        let word = singular(word);
        // bag: baggages
        let same =
            word == noun || (noun.len() >= 3 && word.starts_with(noun) && word.len() <= noun.len() + 4);
        match word.as_str() {
            "total" | "num" | "number" | "count" | "quantity" | "no" | "of" => counts = true,
            _ if same => named = true,
            _ => return false,
        }
    }
    named && (counts || !name.contains(' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_patterns_compile() {
        assert!(patterns_that_do_not_compile().is_empty());
    }

    #[test]
    fn arguments_that_count_a_thing() {
        let (number, list) = (Value::from(3), Value::from(vec![1, 2]));
        for (name, noun, value, counts) in [
            ("total baggages", "bag", &number, true),
            ("number of guests", "guest", &number, true),
            ("passengers", "passenger", &list, true),
            ("nonfree baggages", "bag", &number, false),
            ("bag id", "bag", &number, false),
            ("baggage fee", "bag", &number, false),
        ] {
            assert_eq!(is_count_of(name, noun, value), counts, "{name} {noun}");
        }
    }
}
