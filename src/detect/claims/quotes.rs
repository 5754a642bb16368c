//! Quotations: what an agent gives as a program's output, word for word, and no outcome held (14).
//!
//! Outcomes are kept as hashes of three words in a row, up to a limit; beyond it the rule abstains, and
//! so it does where an outcome was too long to be taken in.

use rustc_hash::FxHashSet;

use super::rules::QUOTATION;
use super::sentences::Sentence;
use crate::detect::pattern::patterns;
use crate::detect::runner::hash;
use crate::detect::speech;
use crate::detect::{Evidence, Finding, Part};
use crate::trace::{ClosedStep, Passage, Probability, StepId};

/// How many hashes are kept.
const KEPT: usize = 32 * 1024;
/// The longest outcome that is taken in, in bytes.
const TAKEN: usize = 16 * 1024;
/// How many characters a quotation that is looked at has.
const QUOTED_CHARS: std::ops::RangeInclusive<usize> = 12..=300;
/// The fewest words of a quotation that is looked at.
const WORDS: usize = 4;

patterns! {
    QUOTED = "(?i)\\b(?:printed|output was|output reads?|returned|reported|showed|responded with|ended with|came back with)\\b[^\\n\"`“.]{0,32}(?:\"([^\"\\n]+)\"|`([^`\\n]+)`|“([^”\\n]+)”)";
    NOT_SEEN = r"\b(?:should|would|will|could|might|may|if|when|once|expect\w*|before|earlier|previously|you|user|example|like|instead of|not)\b|n't\b";
}

/// What the outcomes of a run held.
#[derive(Default)]
pub(super) struct Heard {
    grams: FxHashSet<u64>,
    too_much: bool,
    last: Option<StepId>,
}

/// Whether a text quotes something as output.
pub(super) fn quotes_output(text: &str) -> bool {
    quoted_in(text).is_some()
}

/// The first quotation of output in a text. The pattern leaves its length open, because a bound there
/// would make it a hundred times as large.
fn quoted_in(text: &str) -> Option<&str> {
    let mut rest = text;
    loop {
        let found = QUOTED.captures(rest)?;
        let quoted = found.iter().skip(1).flatten().next()?.as_str();
        if QUOTED_CHARS.contains(&quoted.chars().count()) {
            return Some(quoted);
        }
        // Past the verb; another may stand before the same quotation.
        let at = found.get(0)?.start();
        let next = rest.get(at..)?.char_indices().nth(1).map(|(step, _)| at + step)?;
        rest = rest.get(next..)?;
    }
}

/// The hashes of three words in a row.
fn grams(text: &str) -> impl Iterator<Item = u64> {
    let mut before: [u64; 2] = [0; 2];
    speech::words(text).enumerate().filter_map(move |(at, word)| {
        let word = hash(word.to_ascii_lowercase().as_str());
        let gram = hash(&(before, word));
        before = [before[1], word];
        (at >= 2).then_some(gram)
    })
}

impl Heard {
    /// Takes in a text that may be quoted.
    pub(super) fn take(&mut self, text: &str) {
        if self.too_much {
            return;
        }
        if text.len() > TAKEN || self.grams.len() >= KEPT {
            *self = Self { too_much: true, last: self.last, ..Self::default() };
            return;
        }
        self.grams.extend(grams(text));
    }

    /// Takes in a call's outcome.
    pub(super) fn outcome(&mut self, step: &ClosedStep<'_>) {
        if let Some(outcome) = step.outcome {
            self.last = Some(step.step.id);
            self.take(&outcome.text);
        }
    }

    /// Whether a sentence quotes as output what no outcome held a part of.
    pub(super) fn judge(
        &self,
        step: &ClosedStep<'_>,
        message: &Passage,
        sentence: &Sentence,
    ) -> Option<Finding> {
        let last = self.last.filter(|_| !self.too_much)?;
        let raw = message.text.get(sentence.span.clone())?;
        if sentence.question || NOT_SEEN.is_in(&sentence.words) {
            return None;
        }
        let quoted = quoted_in(raw)?;
        let known = grams(quoted).any(|gram| self.grams.contains(&gram));
        if known || speech::words(quoted).count() < WORDS {
            return None;
        }
        let shown = crate::text::quoted(quoted, 80);
        Some(Finding {
            rule: &QUOTATION,
            step: step.step.id,
            root: None,
            strength: Probability::new(0.5),
            evidence: vec![Evidence::new(message.record, Part::Claim, raw)],
            sentence: format!("quotes {shown} as output; no outcome up to step {} holds any of it", last.0),
            instruction: format!(
                "Look for {shown} in what came back. If it is not there, run the command again and quote what it prints, or take the quotation out."
            ),
            means: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_compile() {
        assert_eq!(patterns_that_do_not_compile(), [""; 0]);
    }

    #[test]
    fn three_words_in_a_row_are_known_again() {
        let mut heard = Heard::default();
        heard.take("JUnit version 4.13.2\nOK (9 tests)");
        let known = |text: &str| grams(text).any(|gram| heard.grams.contains(&gram));
        assert!(known("junit Version 4") && !known("All assertions held") && !known("OK"));
        heard.take(&"word ".repeat(TAKEN));
        assert!(heard.too_much && heard.grams.is_empty());
    }
}
