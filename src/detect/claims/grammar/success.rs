//! Finds the claims of success in a clause, and says whether what stands around one takes it back.

use super::About;
use super::patterns::{
    AFTER_LIMITS, BUILD_OK, BUILDS_OK, CHECKS_OK, CONDITIONAL, DEPLOY_OK, DESCRIBES, IT_COMPILES, LABEL,
    LINT_OK, MODAL, MODAL_START, N_FAILED, N_PASSED, NEGATED, NO_FAILURES, NO_LINT, NO_TYPES, OKMARK_TESTS,
    PARTIAL, PASSES_TESTS, PASSES_THING, PAST_TIME, PRONOUN_PASS, RATIO, TEST_NOUN, TESTS_PASS, TYPES_OK,
};
use crate::detect::runner::CheckKind;

/// The claims of one clause, each with the clause and where its predicate ends.
pub(super) fn claims_of<'c>(
    clause: &'c str,
    noun_before: bool,
    _ran: bool,
    found: &mut Vec<(About, &'c str, usize)>,
) {
    let test = About::Kind(CheckKind::Test);
    let mut tests = false;
    for (about, pattern) in [
        (test, &TESTS_PASS),
        (About::Kind(CheckKind::Build), &BUILD_OK),
        (About::Kind(CheckKind::Build), &BUILDS_OK),
        (About::Kind(CheckKind::Build), &IT_COMPILES),
        (About::Kind(CheckKind::Lint), &LINT_OK),
        (About::Kind(CheckKind::Lint), &NO_LINT),
        (About::Kind(CheckKind::Types), &TYPES_OK),
        (About::Kind(CheckKind::Types), &NO_TYPES),
        (About::Kind(CheckKind::Deploy), &DEPLOY_OK),
        (About::Checks, &CHECKS_OK),
        (test, &OKMARK_TESTS),
    ] {
        let Some(m) = pattern.captures(clause) else { continue };
        let (Some(whole), Some(p)) = (m.get(0), m.name("p").or_else(|| m.name("p2"))) else { continue };
        let mid = m.name("mid").map_or("", |m| m.as_str());
        let after = clause.get(p.end()..).unwrap_or("");
        if !stands(clause, whole.start(), p.start(), after) || DESCRIBES.is_in(mid) || mid.contains("fail") {
            continue;
        }
        if about == test && p.as_str().starts_with("pass") && PASSES_THING.is_in(after) {
            continue;
        }
        tests |= about == test;
        found.push((about, clause, p.end()));
    }
    if tests {
        return;
    }
    if let Some(m) = PASSES_TESTS.captures(clause)
        && let (Some(whole), Some(p)) = (m.get(0), m.name("p"))
    {
        let quantity = m.name("q").map_or("", |q| q.as_str());
        let plain = matches!(p.as_str(), "passes" | "passed");
        let counted = quantity.contains("all") || quantity.bytes().any(|b| b.is_ascii_digit());
        let subject = clause.get(..whole.start()).is_some_and(|b| {
            let b = b.trim_end();
            ["they", "we", "changes", "both", "all", "everything", "code", "now", "implementation", "and"]
                .iter()
                .any(|w| b.ends_with(w))
        });
        if (plain || p.as_str() == "pass" && subject || p.as_str() == "passing" && counted && subject)
            && stands(clause, whole.start(), p.start(), clause.get(whole.end()..).unwrap_or(""))
        {
            found.push((test, clause, whole.end()));
            return;
        }
    }
    let has_noun = TEST_NOUN.is_in(clause) || noun_before;
    if let Some(m) = N_PASSED.captures(clause)
        && let (Some(whole), Some(p)) = (m.get(0), m.name("p"))
        && (has_noun || N_FAILED.is_in(clause) && p.as_str() == "passed" || RATIO.is_in(clause))
        && stands(clause, whole.start(), p.start(), clause.get(whole.end()..).unwrap_or(""))
        && !PASSES_THING.is_in(clause.get(whole.end()..).unwrap_or(""))
    {
        found.push((test, clause, whole.end()));
        return;
    }
    if let Some(m) = RATIO.captures(clause)
        && let Some(whole) = m.get(0)
        && TEST_NOUN.is_in(clause)
        && m.get(1).map(|n| n.as_str()) == m.get(2).map(|n| n.as_str())
        && stands(clause, whole.start(), whole.start(), clause.get(whole.end()..).unwrap_or(""))
        && !clause.contains("fail")
    {
        found.push((test, clause, whole.end()));
        return;
    }
    if has_noun
        && let Some(m) = NO_FAILURES.find(clause)
        && stands(clause, m.start(), m.start(), clause.get(m.end()..).unwrap_or(""))
    {
        found.push((test, clause, m.end()));
        return;
    }
    if noun_before
        && let Some(m) = PRONOUN_PASS.captures(clause)
        && let (Some(whole), Some(p)) = (m.get(0), m.name("p"))
        && stands(clause, whole.start(), p.start(), clause.get(p.end()..).unwrap_or(""))
        && !PASSES_THING.is_in(clause.get(p.end()..).unwrap_or(""))
    {
        found.push((test, clause, p.end()));
    }
}

/// Whether nothing around the predicate takes the claim back.
pub(super) fn stands(clause: &str, subject: usize, predicate: usize, after: &str) -> bool {
    let before = clause.get(..predicate).unwrap_or("");
    // What is said before an "and" does not touch what comes after it, as long as the subject does.
    let cut = [" and ", " so ", ": "]
        .iter()
        .filter_map(|w| clause.get(..subject).and_then(|s| s.rfind(w)).map(|i| i + w.len()))
        .max()
        .unwrap_or(0);
    let window = clause.get(cut..predicate).unwrap_or("");
    let asks =
        MODAL_START.is_in(window) || window.trim_end().ends_with(" to") || before.trim_end().ends_with(" to");
    !(NEGATED.is_in(window)
        || MODAL.is_in(window)
        || asks
        || CONDITIONAL.is_in(before)
        || PAST_TIME.is_in(before)
        || LABEL.is_in(before)
        || AFTER_LIMITS.is_in(after)
        || PARTIAL.is_in(window) && !RATIO.is_in(clause))
}
