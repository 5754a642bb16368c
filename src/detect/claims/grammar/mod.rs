//! What an agent's words claim about checks: that tests pass, that a build is clean, how many passed.
//! English, a sentence at a time, by patterns over lower-case words. Whatever is a question, a wish, a
//! plan, a condition, a quotation, a denial or about another time is no claim; when in doubt there is
//! none.
//!
//! To add a way of saying it: a pattern here, and cases in `tests/claims_table.rs` on both sides.

mod admit;
mod patterns;
mod reach;
mod success;

use std::cell::LazyCell;
use std::ops::Range;

use super::sentences::{Sentence, Sentences};
use crate::detect::runner::{CheckKind, Ground};
use admit::read_admissions;
use patterns::{
    ACTED, BUILD_NOUN, CONDITIONAL, DONE, LABEL, LINT_NOUN, MODAL, NOT_RUN, QUOTED_SAY, RAN, TEST_NOUN,
    TYPES_NOUN, WORKS, WORKS_NOT,
};
use reach::claim;
use success::{claims_of, stands};

/// What a claim is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// One kind of check.
    Kind(CheckKind),
    /// "All checks".
    Checks,
    /// The share of the code that the tests run; the claim's `share` says it.
    Coverage,
}

/// How much of it a claim covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// All of it, as it says or leaves to be understood.
    Whole,
    /// "All", "the full suite".
    Stressed,
    /// A part: the new tests, one named test.
    Part,
}

/// Numbers in a claim.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// How many are said to pass.
    pub(crate) passed: Option<u32>,
    /// Out of how many.
    pub(crate) total: Option<u32>,
    /// How many are said to fail.
    pub(crate) failed: Option<u32>,
}

/// A claim that a check came out well (or with the counts it gives).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Claim {
    /// What it is about.
    pub(crate) about: About,
    /// How much of it.
    pub(crate) reach: Reach,
    /// The numbers it gives.
    pub(crate) counts: Counts,
    /// The coverage that it gives, in tenths of a percent.
    pub(crate) share: Option<u32>,
    /// It says that the check was run.
    pub(crate) ran: bool,
    /// It stands alone ("16/16", "everything passes"): only plain figures of a run speak against it.
    pub(crate) loose: bool,
    /// It says that there is not even a warning.
    pub(crate) no_warnings: bool,
    /// It names the full suite.
    pub(crate) full: bool,
    /// The language or runner that it names.
    pub(crate) ground: Ground,
    /// Hashes of test names in it.
    pub(crate) names: Vec<u64>,
    /// The sentence, in bytes of the text.
    pub(crate) span: Range<usize>,
    /// In a few words what it says: "42 of 42 passed", "all tests pass".
    pub(crate) said: String,
}

/// What a text says about checks.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Said {
    /// Its claims of success, in order.
    pub(crate) claims: Vec<Claim>,
    /// Kinds of which it admits that they fail or were not run.
    pub(crate) admitted: Vec<CheckKind>,
    /// It admits some failure, or that something was not run or not verified.
    pub(crate) admits: bool,
    /// Says in the first person that something was changed or run.
    pub(crate) acted: bool,
    /// Says that the work is done, fixed, working: the sentence.
    pub(crate) done: Option<Range<usize>>,
    /// Says that something works or is fixed: the sentence.
    pub(crate) works: Option<Range<usize>>,
}

impl Said {
    fn admit(&mut self, kind: CheckKind) {
        self.admits = true;
        if !self.admitted.contains(&kind) {
            self.admitted.push(kind);
        }
    }

    /// Whether it admits a failure of this kind, or that it was not run.
    pub(crate) fn admits(&self, about: About) -> bool {
        match about {
            About::Kind(kind) => self.admitted.contains(&kind),
            About::Checks => !self.admitted.is_empty(),
            About::Coverage => false,
        }
    }
}

/// How much of a text is read, in bytes.
pub(crate) const LOOKED_AT: usize = 24 * 1024;

/// Reads what a text says about checks.
pub(crate) fn read(text: &str) -> Said {
    let mut said = Said::default();
    let mut context = Context::default();
    for sentence in Sentences::of(crate::text::clip(text, LOOKED_AT)) {
        read_sentence(&sentence, &mut context, &mut said);
    }
    said
}

/// What earlier sentences lend to the next one.
#[derive(Default)]
struct Context {
    /// The sentence before spoke of having run a check of this kind.
    ran: Option<CheckKind>,
}

/// The clauses of a sentence: each with the words that lead into it.
fn clauses(words: &str) -> Vec<(&str, bool)> {
    let mut all = Vec::new();
    let mut from = 0usize;
    let mut conditional = false;
    let bytes = words.as_bytes();
    let mut i = 0usize;
    while i < bytes.len() {
        // Whatever divides clauses begins with one of these.
        if !matches!(bytes.get(i), Some(b',' | b';' | b' ')) {
            i += 1;
            continue;
        }
        let rest = words.get(i..).unwrap_or("");
        let length = [
            ", but ",
            " but ",
            "; ",
            ", and ",
            ", so ",
            " however ",
            " although ",
            " though ",
            " while ",
            " whereas ",
            " yet ",
            " - ",
        ]
        .iter()
        .find(|w| rest.starts_with(**w))
        .map(|w| w.len())
        .or_else(|| {
            (rest.starts_with(", ")
                && !rest.get(2..3).is_some_and(|c| c.as_bytes().first().is_some_and(u8::is_ascii_digit)))
            .then_some(2)
        });
        match length {
            Some(length) if words.is_char_boundary(i) => {
                let clause = words.get(from..i).unwrap_or("");
                all.push((clause, conditional));
                // "If it compiles, all tests pass": the condition holds for the next clause.
                conditional = CONDITIONAL.find(clause.trim_start()).is_some_and(|m| m.start() < 4)
                    && rest.starts_with(", ")
                    && !rest.starts_with(", but");
                i += length;
                from = i;
            }
            _ => {
                i += 1;
                while i < bytes.len() && !words.is_char_boundary(i) {
                    i += 1;
                }
            }
        }
    }
    all.push((words.get(from..).unwrap_or(""), conditional));
    all
}

fn read_sentence(sentence: &Sentence, context: &mut Context, said: &mut Said) {
    let words = sentence.words.as_str();
    read_admissions(words, sentence.question, said);
    let ran = RAN.is_in(words);
    let noun = TEST_NOUN.is_in(words);
    // Asked only of a sentence in which something was found.
    let own = LazyCell::new(|| !QUOTED_SAY.is_in(words) && !LABEL.is_in(words));
    if !sentence.question {
        if said.done.is_none() && DONE.is_in(words) && !WORKS_NOT.is_in(words) && *own {
            said.done = Some(sentence.span.clone());
        }
        if said.works.is_none() && WORKS.is_in(words) && !WORKS_NOT.is_in(words) && *own {
            said.works = Some(sentence.span.clone());
        }
        if !said.acted
            && let Some(m) = ACTED.find(words)
            && *own
        {
            said.acted = stands(words, m.start(), m.start(), words.get(m.end()..).unwrap_or(""));
        }
        for found in claims_of(words, context.ran, noun) {
            if !*own || said.claims.iter().any(|c| c.about == found.about && c.span == sentence.span) {
                continue;
            }
            said.claims.push(claim(&found, words, ran, sentence.span.clone()));
        }
    }
    let told = ran && !sentence.question && !MODAL.is_in(words) && !NOT_RUN.is_in(words);
    context.ran = if told { kind_named(words) } else { None };
}

/// The first kind of check that a sentence names.
fn kind_named(words: &str) -> Option<CheckKind> {
    let kinds = [
        (&TEST_NOUN, CheckKind::Test),
        (&LINT_NOUN, CheckKind::Lint),
        (&TYPES_NOUN, CheckKind::Types),
        (&BUILD_NOUN, CheckKind::Build),
    ];
    kinds.into_iter().find(|(noun, _)| noun.is_in(words)).map(|(_, kind)| kind)
}

/// Whether a sentence states what stands at a place of its words: no question, wish, denial, condition.
pub(crate) fn states(sentence: &Sentence, at: usize) -> bool {
    let words = sentence.words.as_str();
    let rest = words.get(at..).unwrap_or("");
    let after = rest.find(' ').and_then(|i| rest.get(i..)).unwrap_or("");
    !sentence.question && !QUOTED_SAY.is_in(words) && stands(words, at, at, after)
}
