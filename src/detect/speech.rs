//! Reading words: sentences, stems, negation, tentativeness. Plain scanning, no model; English, as the
//! agents write it. To teach it a word, add it to the list in question.

use std::hash::Hasher;

use rustc_hash::FxHasher;

/// The longest stretch of words that a rule reads, in bytes; what is longer is read from its end.
pub(crate) const READ_BYTES: usize = 16 * 1024;

/// Hash of some bytes, the same in every run of the program.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(bytes);
    hasher.write_usize(bytes.len());
    hasher.finish()
}

/// Hash of a text without its digits and surrounding blanks.
pub(crate) fn hash_without_digits(text: &str) -> u64 {
    let mut hasher = FxHasher::default();
    let mut in_digits = false;
    for byte in text.trim().bytes() {
        if byte.is_ascii_digit() {
            if !in_digits {
                hasher.write_u8(b'0');
            }
            in_digits = true;
        } else {
            in_digits = false;
            hasher.write_u8(byte);
        }
    }
    hasher.finish()
}

/// The sentences of a text: cut at line ends and after `.`, `!`, `?` or `;` before a blank.
pub(crate) fn sentences(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .flat_map(|line| {
            let mut rest = line;
            std::iter::from_fn(move || {
                if rest.is_empty() {
                    return None;
                }
                let bytes = rest.as_bytes();
                let end = bytes
                    .windows(2)
                    .position(|pair| matches!(pair, [b'.' | b'!' | b'?' | b';', b' ' | b'\t']))
                    .map_or(rest.len(), |at| at + 1);
                let (head, tail) = rest.split_at_checked(end).unwrap_or((rest, ""));
                rest = tail.trim_start();
                Some(head.trim())
            })
        })
        .filter(|sentence| !sentence.is_empty())
}

/// The words of a text: runs of letters, digits and `_`, as they stand.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// A word without the commonest endings; lower case is expected.
pub(crate) fn stem(word: &str) -> &str {
    for ending in ["ing", "ed", "es", "s"] {
        if let Some(stem) = word.strip_suffix(ending)
            && stem.len() >= 3
        {
            return stem;
        }
    }
    word
}

/// Words that carry no meaning of their own.
const EMPTY: &[&str] = &[
    "the",
    "a",
    "an",
    "and",
    "or",
    "of",
    "to",
    "in",
    "on",
    "at",
    "is",
    "are",
    "was",
    "were",
    "be",
    "been",
    "it",
    "its",
    "this",
    "that",
    "these",
    "those",
    "for",
    "with",
    "as",
    "by",
    "from",
    "has",
    "have",
    "had",
    "i",
    "we",
    "you",
    "my",
    "our",
    "your",
    "now",
    "so",
    "all",
    "also",
    "there",
    "here",
    "then",
    "which",
    "should",
    "would",
    "will",
    "can",
    "could",
    "do",
    "does",
    "did",
    "me",
    "us",
    "them",
    "they",
    "he",
    "she",
    "done",
    "everything",
    "just",
    "very",
];

/// Hashes of the meaningful words of a text, stemmed and in lower case; numbers only when asked for.
pub(crate) fn content(text: &str, numbers: bool) -> Vec<u64> {
    let lower = text.to_ascii_lowercase();
    let mut found: Vec<u64> = words(&lower)
        .filter(|word| !EMPTY.contains(word) && word.len() > 1)
        .filter(|word| numbers || !word.bytes().all(|b| b.is_ascii_digit()))
        .map(|word| hash(stem(word).as_bytes()))
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// Whether a text in lower case holds `word` with no letter, digit or `_` on either side.
pub(crate) fn has_word(lower: &str, word: &str) -> bool {
    find_word(lower, word).is_some()
}

/// Where a text in lower case holds `word` with no letter, digit or `_` on either side.
pub(crate) fn find_word(lower: &str, word: &str) -> Option<usize> {
    let joins = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let mut from = 0;
    while let Some(at) = lower.get(from..).and_then(|rest| rest.find(word)) {
        let begin = from + at;
        let end = begin + word.len();
        let before = lower.get(..begin).and_then(|s| s.chars().next_back());
        let after = lower.get(end..).and_then(|s| s.chars().next());
        if !joins(before) && !joins(after) {
            return Some(begin);
        }
        from = end;
    }
    None
}

/// Whether a text in lower case holds any of these as words.
pub(crate) fn has_any_word(lower: &str, any: &[&str]) -> bool {
    any.iter().any(|word| has_word(lower, word))
}

/// Whether a text in lower case holds any of these.
pub(crate) fn has_any(lower: &str, any: &[&str]) -> bool {
    any.iter().any(|part| lower.contains(part))
}

/// Whether a sentence in lower case denies something.
pub(crate) fn denies(lower: &str) -> bool {
    lower.contains("n't")
        || lower.contains("n’t")
        || has_any_word(
            lower,
            &["not", "no", "never", "none", "cannot", "without", "neither", "nor", "unable"],
        )
}

/// Whether a sentence in lower case speaks of what may be or is to come, not of what is.
pub(crate) fn tentative(lower: &str) -> bool {
    lower.contains('?')
        || has_any(lower, &["'ll ", "’ll ", "let me", "let's", "going to", "need to", "for example", "e.g."])
        || has_any_word(
            lower,
            &[
                "will",
                "would",
                "should",
                "could",
                "might",
                "may",
                "must",
                "if",
                "whether",
                "once",
                "until",
                "unless",
                "when",
                "before",
                "ensure",
                "expect",
                "expected",
                "hope",
                "hopefully",
                "plan",
                "want",
                "try",
                "please",
                "next",
                "maybe",
                "perhaps",
                "probably",
                "likely",
                "assume",
                "assuming",
                "suppose",
                "example",
                "can",
            ],
        )
}

/// Whether a text in lower case speaks of something that went wrong, or of trying another way.
pub(crate) fn speaks_of_trouble(lower: &str) -> bool {
    denies(lower)
        || has_any(
            lower,
            &[
                "error",
                "fail",
                "issue",
                "problem",
                "invalid",
                "missing",
                "wrong",
                "incorrect",
                "instead",
                "retry",
                "alternative",
                "different",
                "another",
                "again",
                "sorry",
                "apolog",
                "unfortunately",
                "however",
                "unavailable",
                "exception",
                "denied",
                "timeout",
                "timed out",
                "broke",
                "fix",
                "debug",
                "mistake",
                "trouble",
                "difficult",
                "block",
                "correct",
                "adjust",
                "unsuccessful",
                "empty",
                "other way",
                "exit code",
                "crash",
                "bug",
                "warning",
                "reject",
                "refus",
            ],
        )
}

/// The words of a text that a rule reads: all of it, or its end.
pub(crate) fn read(text: &str) -> &str {
    crate::text::clip_front(text, READ_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_end_at_stops_and_lines() {
        let all: Vec<&str> = sentences("One v1.2 file. Two!\n\n- three; four").collect();
        assert_eq!(all, ["One v1.2 file.", "Two!", "- three;", "four"]);
    }

    #[test]
    fn a_word_stands_alone() {
        assert!(has_word("got a 404.", "404"));
        assert!(!has_word("order 14042", "404"));
        assert!(!has_word("notable", "not"));
    }

    #[test]
    fn digits_do_not_count_in_a_hash_without_them() {
        assert_eq!(hash_without_digits("noop1"), hash_without_digits(" noop 22".replace(' ', "").as_str()));
        assert_ne!(hash_without_digits("noop1"), hash_without_digits("noop"));
    }

    #[test]
    fn what_may_be_is_not_what_is() {
        assert!(tentative("i'll run the tests next"));
        assert!(!tentative("the tests passed"));
        assert!(denies("the tests don't pass"));
        assert!(!denies("notable progress"));
    }
}
