//! Wording: one pass over an agent's words that counts them, counts figures and notes a few cues. No
//! model; English. To teach it a cue, add a word to [`CUES`].

use std::sync::LazyLock;

use rustc_hash::FxHashMap;

use crate::text::clip;

/// The longest stretch of one text that is read, in bytes.
const READ_BYTES: usize = 16 * 1024;
/// The longest word that is looked at, in bytes.
const WORD_BYTES: usize = 32;

/// What a word can say of the step that it stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cue {
    /// Something is made up or taken for granted instead of looked up.
    Assumes = 1,
    /// It is drawn from what the agent knows, or done by hand, not from an observation.
    FromMemory = 2,
    /// The user is told that something cannot be done.
    Refuses = 4,
    /// The plan is thrown over.
    Replans = 8,
}

/// Cues with their words.
const CUES: &[(Cue, &[&str])] = &[
    (
        Cue::Assumes,
        &[
            "assume",
            "assumed",
            "assumes",
            "assuming",
            "assumption",
            "assumptions",
            "dummy",
            "fictional",
            "hypothetical",
            "hypothetically",
            "illustration",
            "illustrative",
            "mock",
            "mocked",
            "placeholder",
            "placeholders",
            "pretend",
            "simulate",
            "simulated",
            "simulates",
            "simulating",
            "simulation",
            "typical",
            "typically",
        ],
    ),
    (Cue::FromMemory, &["according", "knowledge", "known", "manual", "manually", "memory"]),
    (Cue::Refuses, &["cannot", "can't", "ineligible", "prohibited", "unable", "unfortunately"]),
    (Cue::Replans, &["replan", "replanning", "stalled"]),
];

/// How long the words of cues are.
const CUE_BYTES: std::ops::RangeInclusive<usize> = 4..=14;

static CUE_OF: LazyLock<FxHashMap<&'static str, u8>> = LazyLock::new(|| {
    CUES.iter().flat_map(|(cue, words)| words.iter().map(|word| (*word, *cue as u8))).collect()
});

/// What was read of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wording {
    /// Words, figures among them.
    pub(super) words: u32,
    /// Figures: runs that begin with a digit.
    pub(super) figures: u32,
    cues: u8,
}

impl Wording {
    /// Reads a text and hands each word, in lower case, to `sink`.
    pub(super) fn of(text: &str, mut sink: impl FnMut(&str)) -> Self {
        let mut read = Self::default();
        each_word(text, |word| {
            read.words += 1;
            if word.starts_with(|c: char| c.is_ascii_digit()) {
                read.figures += 1;
            } else {
                read.cues |= cue_of(word);
            }
            sink(word);
        });
        read
    }

    /// Whether a cue was among the words.
    pub(super) fn has(self, cue: Cue) -> bool {
        self.cues & cue as u8 != 0
    }

    /// Both texts together.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            words: self.words + other.words,
            figures: self.figures + other.figures,
            cues: self.cues | other.cues,
        }
    }
}

/// The cue that a word is; most words are too short or too long for one.
fn cue_of(word: &str) -> u8 {
    if CUE_BYTES.contains(&word.len()) { CUE_OF.get(word).copied().unwrap_or(0) } else { 0 }
}

/// Hands each word of a text to `sink`: runs of letters, digits, `_`, and apostrophes inside, in ASCII
/// lower case.
pub(super) fn each_word(text: &str, mut sink: impl FnMut(&str)) {
    let text = clip(text, READ_BYTES);
    let mut lower = String::with_capacity(WORD_BYTES);
    let take = |word: &str| {
        let word = word.trim_matches('\'');
        if word.is_empty() {
            return;
        }
        lower.clear();
        lower.push_str(clip(word, WORD_BYTES));
        lower.make_ascii_lowercase();
        sink(&lower);
    };
    if text.is_ascii() {
        // The same by bytes, which is quicker.
        let words = text.as_bytes().split(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'_' | b'\'')));
        words.filter_map(|word| std::str::from_utf8(word).ok()).for_each(take);
    } else {
        text.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '\'')).for_each(take);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cue_is_shorter_or_longer_than_what_is_looked_up() {
        assert!(CUE_OF.keys().all(|word| CUE_BYTES.contains(&word.len())));
    }

    #[test]
    fn words_figures_and_cues_are_counted() {
        let mut seen = Vec::new();
        let read = Wording::of("Unfortunately, we can't: it's 42.5 (2nd try)", |w| seen.push(w.to_owned()));
        assert_eq!(seen, ["unfortunately", "we", "can't", "it's", "42", "5", "2nd", "try"]);
        assert_eq!((read.words, read.figures), (8, 3));
        assert!(read.has(Cue::Refuses) && !read.has(Cue::Assumes));
        assert!(!Wording::of("we can assure you", |_| {}).has(Cue::Assumes));
    }
}
