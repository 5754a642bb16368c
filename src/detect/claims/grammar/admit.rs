//! Finds what a sentence admits: that something fails, was not run, or passes in part.

use super::patterns::{
    BUILD_FAILS, CONDITIONAL, EXCEPT, FIXED_WORD, LINT_FAILS, NEGATED, NO_FAILURES, NOT_RUN, PARTIAL, RATIO,
    STILL, TEST_NOUN, TESTS_FAIL, TESTS_PASS,
};
use super::{Said, clauses};
use crate::detect::runner::CheckKind;

/// Takes in what a sentence admits.
pub(super) fn read_admissions(words: &str, question: bool, said: &mut Said) {
    if EXCEPT.is_in(words) {
        said.admit(CheckKind::Test);
        said.admit(CheckKind::Lint);
        said.admit(CheckKind::Types);
    }
    if NOT_RUN.is_in(words) && !question {
        let first = said.admitted.len();
        for (word, kind) in [
            ("lint", CheckKind::Lint),
            ("build", CheckKind::Build),
            ("compil", CheckKind::Build),
            ("type", CheckKind::Types),
            ("deploy", CheckKind::Deploy),
        ] {
            if words.contains(word) {
                said.admit(kind);
            }
        }
        // "Lint: not run" says nothing of the tests.
        if said.admitted.len() == first || TEST_NOUN.is_in(words) {
            said.admit(CheckKind::Test);
        }
    }
    if BUILD_FAILS.is_in(words) && !FIXED_WORD.is_in(words) {
        said.admit(CheckKind::Build);
    }
    if LINT_FAILS.is_in(words) && !FIXED_WORD.is_in(words) {
        said.admit(CheckKind::Lint);
        said.admit(CheckKind::Types);
    }
    if words.contains("failmark") {
        said.admit(CheckKind::Test);
    }
    for (clause, conditional) in clauses(words) {
        if conditional {
            continue;
        }
        if let Some(m) = TESTS_FAIL.captures(clause)
            && let Some(p) = m.name("p")
        {
            let before = clause.get(..p.start()).unwrap_or("");
            let window = m.name("mid").map_or("", |m| m.as_str());
            let zero = NO_FAILURES.is_in(clause)
                || clause.contains("0 fail")
                || clause.contains("not fail")
                || clause.contains("n't fail")
                || NEGATED.is_in(window)
                || before.trim_end().ends_with("no");
            let mended = FIXED_WORD.is_in(clause) && !STILL.is_in(clause);
            if !zero && !mended && !CONDITIONAL.is_in(before) {
                said.admit(CheckKind::Test);
            }
        }
        if let Some(m) = TESTS_PASS.captures(clause)
            && let (Some(whole), Some(p)) = (m.get(0), m.name("p"))
        {
            let window = clause
                .get(whole.start().saturating_sub(12)..p.start())
                .or(clause.get(whole.start()..p.start()))
                .unwrap_or("");
            if NEGATED.is_in(window) && !FIXED_WORD.is_in(clause) && !NO_FAILURES.is_in(window) {
                said.admit(CheckKind::Test);
            }
        }
        if PARTIAL.is_in(clause)
            && TEST_NOUN.is_in(clause)
            && (clause.contains("pass") || clause.contains("fail"))
            && !RATIO.is_in(clause)
            && !clause.contains("100")
            && !FIXED_WORD.is_in(clause)
        {
            said.admit(CheckKind::Test);
        }
    }
}
