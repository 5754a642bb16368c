//! Words as policies, tools and data spell them: plain forms, singulars, and verbs that mean one act.

use rustc_hash::FxHashSet;

use crate::detect::speech;

/// Lower case, with everything but letters and digits as single blanks: `gift_card` is `gift card`.
pub(super) fn plain(text: &str) -> String {
    let mut made = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_alphanumeric() {
            made.extend(c.to_lowercase());
        } else if !made.ends_with(' ') && !made.is_empty() {
            made.push(' ');
        }
    }
    made.truncate(made.trim_end().len());
    made
}

/// A plain phrase with its last word in the singular.
pub(super) fn singular(phrase: &str) -> String {
    match phrase.strip_suffix('s') {
        Some(one) if one.len() >= 3 && !one.ends_with('s') => one.to_owned(),
        _ => phrase.to_owned(),
    }
}

/// Verbs that tools and policies use for one act, by their beginnings.
const ACTS: &[&[&str]] = &[
    &["modif", "update", "updating", "change", "changing", "edit", "amend"],
    &["book", "reserv"],
    &["delet", "remov"],
    &["pay", "paid", "charg"],
];

fn verb_stem(verb: &str) -> &str {
    let bare = ["ied", "ing", "ed", "es", "y", "e", "s"]
        .iter()
        .find_map(|ending| verb.strip_suffix(ending).filter(|stem| stem.len() >= 3))
        .unwrap_or(verb);
    // cancelled, shipped
    match bare.as_bytes() {
        [.., before, last] if before == last && matches!(last, b'l' | b'p' | b't' | b'n' | b'g') => {
            bare.get(..bare.len() - 1).unwrap_or(bare)
        }
        _ => bare,
    }
}

/// Whether two words in lower case name one act.
pub(super) fn same_verb(one: &str, other: &str) -> bool {
    let act = |verb: &str| ACTS.iter().position(|all| all.iter().any(|begin| verb.starts_with(begin)));
    match (act(one), act(other)) {
        (Some(a), Some(b)) => a == b,
        _ => verb_stem(one) == verb_stem(other),
    }
}

/// Whether a plain name (of a tool or an argument) holds one of these verbs.
pub(super) fn names_act(name: &str, verbs: &[String]) -> bool {
    name.split(' ').any(|word| verbs.iter().any(|verb| same_verb(word, verb)))
}

/// Whether a plain name holds a noun, in singular or plural.
pub(super) fn names_thing(name: &str, noun: &str) -> bool {
    let noun = singular(noun);
    name.split(' ').any(|word| singular(word) == noun)
}

/// Hashes of the words that were spoken, and of neighbouring pairs, joined and apart.
#[derive(Debug, Default)]
pub(super) struct Spoken {
    hashes: FxHashSet<u64>,
}

/// No more hashes than this are kept; past it everything counts as spoken.
const MOST_WORDS: usize = 1 << 16;

impl Spoken {
    /// Takes in what was said.
    pub(super) fn hear(&mut self, text: &str) {
        let text = plain(speech::read(text));
        let mut before = String::new();
        for word in text.split(' ') {
            if self.hashes.len() >= MOST_WORDS {
                return;
            }
            let word = singular(word);
            if !before.is_empty() {
                self.hashes.insert(speech::hash(format!("{before} {word}").as_bytes()));
                self.hashes.insert(speech::hash(format!("{before}{word}").as_bytes()));
            }
            self.hashes.insert(speech::hash(word.as_bytes()));
            before = word;
        }
    }

    /// Whether a plain phrase was spoken: all its words, and each pair of them side by side.
    pub(super) fn holds(&self, phrase: &str) -> bool {
        if self.hashes.len() >= MOST_WORDS {
            return true;
        }
        let known = |part: &str| self.hashes.contains(&speech::hash(part.as_bytes()));
        let words: Vec<String> = phrase.split(' ').map(singular).collect();
        match words.as_slice() {
            [] => false,
            [word] => known(word),
            words => words.windows(2).all(|pair| known(&pair.join(" ")) || known(&pair.concat())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_plain() {
        assert_eq!(plain("**gift_card_12**, (Basic-Economy)"), "gift card 12 basic economy");
        assert_eq!((singular("gift cards"), singular("class")), ("gift card".to_owned(), "class".to_owned()));
    }

    #[test]
    fn verbs_of_one_act_are_one() {
        for (one, other, same) in [
            ("cancel", "cancelled", true),
            ("cancel", "canceled", true),
            ("modify", "changed", true),
            ("update", "modified", true),
            ("exchange", "exchanged", true),
            ("return", "returned", true),
            ("return", "refunded", false),
            ("cancel", "modified", false),
        ] {
            assert_eq!(same_verb(one, other), same, "{one} {other}");
        }
    }

    #[test]
    fn spoken_phrases_are_known_however_they_are_written() {
        let mut spoken = Spoken::default();
        spoken.hear("Use my **Master Card** ending in 7447, or the gift cards.");
        for (phrase, holds) in [
            ("mastercard", true),
            ("gift card", true),
            ("7447", true),
            ("credit card", false),
            ("visa", false),
        ] {
            assert_eq!(spoken.holds(phrase), holds, "{phrase}");
        }
    }
}
