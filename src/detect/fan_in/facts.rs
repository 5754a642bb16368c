//! Facts: what a report says in so many words: dates of a sort, and figures with a unit, with the words
//! and things of their sentence.

use std::cell::LazyCell;

use crate::detect::pattern::patterns;
use crate::detect::{EVIDENCE_BYTES, speech};
use crate::trace::EntityKind;
use crate::trace::entity::scan;

/// How many facts of one report are kept.
const MOST_FACTS: usize = 64;

patterns! {
    ISO = r"\b(\d{4})-(\d{2})-(\d{2})\b";
    MONTH_FIRST = r"\b(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.? {1,2}(\d{1,2})(?:st|nd|rd|th)?,? (?:\d\d:\d\d(?::\d\d)? )?(\d{4})\b";
    DAY_FIRST = r"\b(\d{1,2})\.? (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.?,? (\d{4})\b";
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// What a date may be of, by the words beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    End,
    Begin,
    Made,
}

const SORTS: &[(Sort, &[&str])] = &[
    (
        Sort::End,
        &[
            "notafter",
            "expire",
            "expires",
            "expired",
            "expiry",
            "expiration",
            "until",
            "ends",
            "end",
            "deadline",
            "due",
        ],
    ),
    (Sort::Begin, &["notbefore", "starts", "start", "begins", "begin", "since", "from", "effective"]),
    (Sort::Made, &["created", "released", "published", "written", "modified", "updated", "born"]),
];

/// Words of a sentence that states no fact.
const UNSURE: &[&str] = &[
    "would",
    "should",
    "could",
    "might",
    "may",
    "if",
    "whether",
    "unless",
    "maybe",
    "perhaps",
    "probably",
    "likely",
    "about",
    "around",
    "approximately",
    "estimate",
    "estimated",
];

/// What a fact says of its subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Date { year: u32, month: u32, day: u32, sort: Option<Sort> },
    Figure { hash: u64, unit: u64 },
}

/// A fact.
#[derive(Clone, Debug)]
pub(super) struct Fact {
    pub(super) value: Value,
    pub(super) name: Box<str>,
    /// The meaningful words of its sentence, sorted.
    pub(super) words: Vec<u64>,
    /// Paths, addresses, ids and names of hosts in its sentence.
    pub(super) things: Vec<u64>,
    pub(super) sentence: Box<str>,
}

/// The facts that a text states.
pub(super) fn facts(text: &str) -> Vec<Fact> {
    let mut facts = Vec::new();
    for sentence in speech::sentences(speech::read(text)) {
        let lower = sentence.to_ascii_lowercase();
        if lower.contains('?') || speech::has_any_word(&lower, UNSURE) {
            continue;
        }
        let words = LazyCell::new(|| speech::content(sentence, false));
        let things = LazyCell::new(|| things(sentence));
        let mut add = |value, name: &str| {
            if facts.len() < MOST_FACTS {
                facts.push(Fact {
                    value,
                    name: name.into(),
                    words: words.clone(),
                    things: things.clone(),
                    sentence: crate::text::excerpt(sentence, EVIDENCE_BYTES).into(),
                });
            }
        };
        let sort = SORTS.iter().find(|(_, words)| speech::has_any_word(&lower, words)).map(|(sort, _)| *sort);
        let mut dated = false;
        dates(sentence, |year, month, day, name| {
            dated = true;
            add(Value::Date { year, month, day, sort }, name);
        });
        if dated {
            continue;
        }
        scan(sentence, |mention| {
            let unit = unit(sentence, mention.span.end);
            if mention.kind == EntityKind::Number
                && unit != 0
                && let Some(name) = sentence.get(mention.span)
            {
                add(Value::Figure { hash: mention.hash, unit }, name);
            }
        });
    }
    facts
}

/// The dates of a text.
fn dates<'t>(text: &'t str, mut found: impl FnMut(u32, u32, u32, &'t str)) {
    let number = |text: Option<regex::Match<'_>>| text.and_then(|text| text.as_str().parse::<u32>().ok());
    let month = |text: Option<regex::Match<'_>>| {
        let text = text?;
        MONTHS.iter().position(|month| *month == text.as_str()).map(|at| at as u32 + 1)
    };
    for date in ISO.all(text) {
        if let (Some(year), Some(month), Some(day), Some(all)) =
            (number(date.get(1)), number(date.get(2)), number(date.get(3)), date.get(0))
        {
            found(year, month, day, all.as_str());
        }
    }
    for date in MONTH_FIRST.all(text) {
        if let (Some(month), Some(day), Some(year), Some(all)) =
            (month(date.get(1)), number(date.get(2)), number(date.get(3)), date.get(0))
        {
            found(year, month, day, all.as_str());
        }
    }
    for date in DAY_FIRST.all(text) {
        if let (Some(day), Some(month), Some(year), Some(all)) =
            (number(date.get(1)), month(date.get(2)), number(date.get(3)), date.get(0))
        {
            found(year, month, day, all.as_str());
        }
    }
}

/// The word after a figure; 0 without one.
fn unit(sentence: &str, end: usize) -> u64 {
    let rest = sentence.get(end..).unwrap_or_default().trim_start_matches(' ');
    let word: String =
        rest.chars().take_while(|c| c.is_alphabetic() || *c == '/').flat_map(char::to_lowercase).collect();
    if word.len() < 3 { 0 } else { speech::hash(speech::stem(&word).as_bytes()) }
}

/// The paths, addresses, ids and hosts of a text, sorted.
pub(super) fn things(text: &str) -> Vec<u64> {
    let mut things = Vec::new();
    scan(text, |mention| {
        let date = text.get(mention.span.clone()).is_some_and(|name| ISO.is_in(name));
        if mention.kind != EntityKind::Number && !date {
            things.push(mention.file_name.unwrap_or(mention.hash));
        }
    });
    // Hosts are no entities of their own.
    for word in text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/'))) {
        let word = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        let parts = || word.split('.');
        if parts().count() >= 3
            && parts().all(|part| !part.is_empty())
            && word.bytes().any(|b| b.is_ascii_alphabetic())
        {
            things.push(speech::hash(word.to_ascii_lowercase().as_bytes()));
        }
    }
    things.sort_unstable();
    things.dedup();
    things
}

/// How many words or things two sorted lists share.
pub(super) fn shared(one: &[u64], other: &[u64]) -> usize {
    one.iter().filter(|word| other.binary_search(word).is_ok()).count()
}

/// Whether a text gives the value of a fact.
pub(super) fn gives(text: &str, fact: &Fact) -> bool {
    match fact.value {
        Value::Date { year, month, day, .. } => {
            let mut given = false;
            dates(text, |y, m, d, _| given |= (y, m, d) == (year, month, day));
            given
        }
        Value::Figure { hash, .. } => {
            let mut given = false;
            scan(text, |mention| given |= mention.hash == hash);
            given
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_patterns_compile() {
        assert!(patterns_that_do_not_compile().is_empty());
    }
}
