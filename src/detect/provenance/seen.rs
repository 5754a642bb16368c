//! Seen: the ids that prompts and outcomes have brought, as they are spelled, so that an id which was
//! seen nowhere can be told from one that is nearly another. Ids are short and the store is bounded.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::detect::speech;
use crate::trace::entity::{Mention, hash_lower, scan};
use crate::trace::{ClosedStep, EntityKind, Passage, RecordRef};

const MOST_IDS: usize = 8192;
const MOST_DIGITS: usize = 8192;
/// Ids of this many bytes are kept.
const LENGTHS: std::ops::RangeInclusive<usize> = 6..=48;
/// An id is looked up by each of so many parts of it: one that differs in fewer places shares a part.
const PARTS: usize = 4;
/// The most ids looked at for one part.
const CANDIDATES: usize = 64;
/// How much of one text is read, in bytes.
const READ_BYTES: usize = 128 * 1024;

/// An id that was brought.
#[derive(Debug)]
pub(super) struct Id {
    /// As it stands, without `#`.
    pub(super) text: String,
    /// Where.
    pub(super) record: RecordRef,
}

/// All ids that were brought.
#[derive(Debug, Default)]
pub(super) struct Seen {
    ids: Vec<Id>,
    known: FxHashSet<u64>,
    parts: FxHashMap<u64, Vec<u32>>,
    /// Runs of digits that a person gave, blanks and dashes left out.
    digits: FxHashSet<u64>,
}

/// Whether a mention may be an id, and its bare spelling.
pub(super) fn bare<'t>(mention: &Mention, text: &'t str) -> Option<&'t str> {
    if matches!(mention.kind, EntityKind::Path | EntityKind::Url) {
        return None;
    }
    let name = text.get(mention.span.clone())?.trim_start_matches('#');
    let fits = match mention.kind {
        EntityKind::Id | EntityKind::Email => true,
        EntityKind::Number => name.len() >= 7 && name.bytes().all(|b| b.is_ascii_digit()),
        EntityKind::Path | EntityKind::Url => false,
    };
    (fits && LENGTHS.contains(&name.len()) && !is_date(name)).then_some(name)
}

/// Whether it begins as a date does: dates are reckoned.
fn is_date(name: &str) -> bool {
    name.len() >= 8 && name.bytes().take(8).map(look).eq(*b"0000-00-")
}

/// Finds codes: six to ten capitals and digits, with at least one digit and two letters. They are ids
/// that hold too few digits to be known as such anywhere.
pub(super) fn codes(text: &str) -> impl Iterator<Item = &str> {
    let words = text.as_bytes().split(|b| !(b.is_ascii_alphanumeric() || *b == b'_'));
    let codes = words.filter(|word| {
        if !(6..=10).contains(&word.len()) {
            return false;
        }
        let digits = word.iter().filter(|b| b.is_ascii_digit()).count();
        let letters = word.iter().filter(|b| b.is_ascii_uppercase()).count();
        digits + letters == word.len() && (1..=2).contains(&digits) && letters >= 2
    });
    codes.filter_map(|word| std::str::from_utf8(word).ok())
}

/// In how many places an id of this length may differ from another and still be nearly that one.
fn most_changes(length: usize) -> usize {
    match length {
        0..=5 => 0,
        6..=7 => 2,
        _ => 3,
    }
}

/// Letter, digit or mark: ids of one maker look alike.
fn look(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => b'0',
        b'a'..=b'z' | b'A'..=b'Z' => b'a',
        other => other,
    }
}

/// In how many places two ids of one look differ; `None` when they do not look alike.
fn changes(one: &str, other: &str) -> Option<usize> {
    if one.len() != other.len() || one.bytes().map(look).ne(other.bytes().map(look)) {
        return None;
    }
    Some(one.bytes().zip(other.bytes()).filter(|(a, b)| !a.eq_ignore_ascii_case(b)).count())
}

/// The hashes of an id's parts.
fn part_hashes(id: &str) -> impl Iterator<Item = u64> {
    let lower = id.to_ascii_lowercase();
    let length = lower.len();
    (0..PARTS).map(move |at| {
        let part = lower.get(at * length / PARTS..(at + 1) * length / PARTS).unwrap_or_default();
        speech::hash(format!("{at} {length} {part}").as_bytes())
    })
}

impl Seen {
    /// Takes in a text that brings ids.
    pub(super) fn learn(&mut self, text: &str, record: RecordRef) {
        if self.ids.len() >= MOST_IDS {
            return;
        }
        let text = crate::text::clip(text, READ_BYTES);
        scan(text, |mention| self.mention(&mention, text, record));
        self.learn_codes(text, record);
    }

    /// Takes in what a call brought.
    pub(super) fn learn_outcome(&mut self, step: &ClosedStep<'_>) {
        let Some(Passage { text, record }) = step.outcome else { return };
        if text.len() > READ_BYTES {
            self.learn(text, *record);
        } else if self.ids.len() < MOST_IDS {
            step.mentions.iter().for_each(|mention| self.mention(mention, text, *record));
            self.learn_codes(text, *record);
        }
    }

    fn mention(&mut self, mention: &Mention, text: &str, record: RecordRef) {
        if self.ids.len() < MOST_IDS
            && let Some(name) = bare(mention, text)
            && !self.known.contains(&mention.hash)
        {
            self.put(name, mention.hash, record);
        }
    }

    fn learn_codes(&mut self, text: &str, record: RecordRef) {
        for code in codes(text) {
            let hash = hash_lower(code);
            if self.ids.len() < MOST_IDS && !self.known.contains(&hash) {
                self.put(code, hash, record);
            }
        }
    }

    fn put(&mut self, name: &str, hash: u64, record: RecordRef) {
        self.known.insert(hash);
        let at = u32::try_from(self.ids.len()).unwrap_or(u32::MAX);
        for part in part_hashes(name) {
            let all = self.parts.entry(part).or_default();
            if all.len() < CANDIDATES {
                all.push(at);
            }
        }
        self.ids.push(Id { text: name.to_owned(), record });
    }

    /// Whether a code was brought as it stands.
    pub(super) fn knows(&self, code: &str) -> bool {
        self.ids.len() >= MOST_IDS || self.known.contains(&hash_lower(code))
    }

    /// Takes in a code that a call passed and that was answered: it is told of at most once.
    pub(super) fn accept(&mut self, code: &str) {
        self.known.insert(hash_lower(code));
    }

    /// Takes in what a person wrote: free-standing digits count, however they are spaced.
    pub(super) fn hear(&mut self, text: &str) {
        let mut run = String::new();
        // The last character, and whether the run stands free.
        let (mut last, mut free) = (' ', true);
        for c in crate::text::clip(text, READ_BYTES).chars().chain(['\n']) {
            if self.digits.len() >= MOST_DIGITS {
                return;
            }
            if c.is_ascii_digit() {
                if run.is_empty() {
                    free = !(last.is_alphanumeric() || last == '_');
                }
                if matches!(last, ' ' | '-') && !run.is_empty() && free {
                    self.digits.insert(speech::hash(run.as_bytes()));
                }
                if run.len() < 32 {
                    run.push(c);
                }
            } else if matches!(c, ' ' | '-') && last.is_ascii_digit() {
                // More digits may follow.
            } else if !run.is_empty() {
                if free && !(last.is_ascii_digit() && (c.is_alphanumeric() || c == '_')) {
                    self.digits.insert(speech::hash(run.as_bytes()));
                }
                run.clear();
            }
            last = c;
        }
    }

    /// Whether a person gave the digits of this id: all of them, or the longest run of four or more.
    pub(super) fn gave_digits(&self, id: &str) -> bool {
        let all: String = id.chars().filter(char::is_ascii_digit).collect();
        let run = id.split(|c: char| !c.is_ascii_digit()).max_by_key(|run| run.len()).unwrap_or_default();
        [all.as_str(), run]
            .iter()
            .any(|digits| digits.len() >= 4 && self.digits.contains(&speech::hash(digits.as_bytes())))
    }

    /// The seen id that this one is nearly.
    pub(super) fn twin(&self, id: &str) -> Option<&Id> {
        let most = most_changes(id.len());
        part_hashes(id)
            .filter_map(|part| self.parts.get(&part))
            .flatten()
            .filter_map(|at| self.ids.get(usize::try_from(*at).ok()?))
            .filter_map(|seen| Some((changes(id, &seen.text)?, seen)))
            .filter(|(count, _)| (1..=most).contains(count))
            .min_by_key(|(count, _)| *count)
            .map(|(_, seen)| seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(text: &str) -> Seen {
        let mut seen = Seen::default();
        seen.learn(text, RecordRef::default());
        seen.hear(text);
        seen
    }

    #[test]
    fn an_id_that_is_nearly_another_has_a_twin() {
        let seen = seen(
            r##"{"a": "#W6390527", "b": "ann_lee_8020", "c": ["8538875209"], "mail": "ann.lee@example.org"}"##,
        );
        for (id, twin) in [
            ("W6390572", Some("W6390527")),
            ("W6390111", Some("W6390527")),
            ("ann_leo_8000", Some("ann_lee_8020")),
            ("8538875299", Some("8538875209")),
            ("anm.lee@example.org", Some("ann.lee@example.org")),
            ("W6391111", None),
            ("X63905270", None),
            ("w6390527", None),
            ("638875209", None),
        ] {
            assert_eq!(seen.twin(id).map(|seen| seen.text.as_str()), twin, "{id}");
        }
    }

    #[test]
    fn codes_are_found_and_dates_and_words_are_not() {
        let found: Vec<&str> =
            codes("SI5UKW and KHIK97, not HAT251, SIGNED, si5ukw, 2026-11-22T09 or MAX_SIZE1.").collect();
        assert_eq!(found, ["SI5UKW", "KHIK97"]);
        let seen = seen("SI5UKW, from 2026-11-22T09 on");
        assert_eq!(seen.twin("TI5WKW").map(|id| id.text.as_str()), Some("SI5UKW"));
        assert!(seen.twin("2026-11-24T09").is_none());
    }

    #[test]
    fn digits_of_a_person_count_however_they_are_spaced() {
        let seen =
            seen("My number is 639 05-27, the card ends in 7334; I am ann_lee_9065 with 12 bags, 5512x.");
        for (id, gave) in [
            ("#W6390527", true),
            ("card_7334", true),
            ("W639", false),
            ("R12", false),
            ("ann_leo_9065", false),
            ("R5512", false),
            ("W6390528", false),
        ] {
            assert_eq!(seen.gave_digits(id), gave, "{id}");
        }
    }

    #[test]
    fn the_store_is_bounded() {
        let text: String = (0..20_000).map(|n| format!("id_{n:08} ")).collect();
        let seen = seen(&text);
        assert!(seen.ids.len() <= MOST_IDS && seen.parts.values().all(|all| all.len() <= CANDIDATES));
    }
}
