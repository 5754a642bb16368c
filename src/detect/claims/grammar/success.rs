//! Finds the claims of success in a clause, and says whether what stands around one takes it back.

use super::patterns::{
    AFTER_LIMITS, BARE_FINE, BUILD_OK, BUILDS_OK, CHECKS_OK, CLEAN_THING, CONDITIONAL, COVERAGE,
    COVERAGE_NOT, DEPLOY_OK, DESCRIBES, EVERYTHING_PASSES, IT_COMPILES, LABEL, LINT_OK, LIST_ITEM, MODAL,
    MODAL_START, N_FAILED, N_PASSED, NEGATED, NO_FAILURES, NO_LINT, NO_TYPES, OKMARK_TESTS, ONLY_RATIO,
    PARTIAL, PASSES_TESTS, PASSES_THING, PAST_TIME, PRONOUN_PASS, RATIO, TEST_NOUN, TESTS_PASS, TYPES_OK,
};
use super::{About, clauses};
use crate::detect::pattern::Pattern;
use crate::detect::runner::CheckKind;

/// A claim in a clause, before its numbers and reach are read.
pub(super) struct Found<'c> {
    /// What it is about.
    pub(super) about: About,
    /// The clause.
    pub(super) clause: &'c str,
    /// Where its predicate ends in the clause.
    pub(super) end: usize,
    /// It stands alone: see [`super::Claim::loose`].
    pub(super) loose: bool,
}

/// The claims of a sentence. `ran` is the kind of check that the sentence before ran.
pub(super) fn claims_of(words: &str, ran: Option<CheckKind>, noun: bool) -> Vec<Found<'_>> {
    let mut found = Vec::new();
    let mut noun_before = ran == Some(CheckKind::Test);
    // "Build, lint and tests all pass": what stands before in the list shares the predicate.
    let mut list: Vec<CheckKind> = Vec::new();
    for (clause, conditional) in clauses(words) {
        let first = found.len();
        if !conditional {
            of_clause(clause, noun_before, ran, &mut found);
        }
        noun_before |= noun && TEST_NOUN.is_in(clause);
        if let Some(kind) = item(clause) {
            list.push(kind);
            continue;
        }
        if let Some(end) = found.get(first).map(|f| f.end) {
            found.extend(list.iter().map(|kind| Found {
                about: About::Kind(*kind),
                clause,
                end,
                loose: false,
            }));
        }
        list.clear();
    }
    found
}

/// The kind of check that a clause names and says nothing of.
fn item(clause: &str) -> Option<CheckKind> {
    if clause.len() > 40 {
        return None;
    }
    let m = LIST_ITEM.captures(clause)?;
    let kinds = [
        ("test", CheckKind::Test),
        ("build", CheckKind::Build),
        ("lint", CheckKind::Lint),
        ("types", CheckKind::Types),
    ];
    kinds.into_iter().find(|(name, _)| m.name(name).is_some()).map(|(_, kind)| kind)
}

/// What claims of a kind are found by: the subject and its predicate, `p` or `p2`, with what stands
/// between them, `mid`.
static WAYS: [(About, &Pattern); 11] = [
    (About::Kind(CheckKind::Test), &TESTS_PASS),
    (About::Kind(CheckKind::Build), &BUILD_OK),
    (About::Kind(CheckKind::Build), &BUILDS_OK),
    (About::Kind(CheckKind::Build), &IT_COMPILES),
    (About::Kind(CheckKind::Lint), &LINT_OK),
    (About::Kind(CheckKind::Lint), &NO_LINT),
    (About::Kind(CheckKind::Types), &TYPES_OK),
    (About::Kind(CheckKind::Types), &NO_TYPES),
    (About::Kind(CheckKind::Deploy), &DEPLOY_OK),
    (About::Checks, &CHECKS_OK),
    (About::Kind(CheckKind::Test), &OKMARK_TESTS),
];

fn of_clause<'c>(clause: &'c str, noun_before: bool, ran: Option<CheckKind>, found: &mut Vec<Found<'c>>) {
    let test = About::Kind(CheckKind::Test);
    let first = found.len();
    let rest = |at: usize| clause.get(at..).unwrap_or("");
    let put = |about: About, end: usize, loose: bool| Found { about, clause, end, loose };
    for (about, pattern) in WAYS {
        let Some(m) = pattern.captures(clause) else { continue };
        let (Some(whole), Some(p)) = (m.get(0), m.name("p").or_else(|| m.name("p2"))) else { continue };
        let mid = m.name("mid").map_or("", |m| m.as_str());
        let after = rest(p.end());
        if !stands(clause, whole.start(), p.start(), after) || DESCRIBES.is_in(mid) || mid.contains("fail") {
            continue;
        }
        if p.as_str().starts_with("pass") && PASSES_THING.is_in(after)
            || ["clean", "fine", "ok"].iter().any(|w| p.as_str().ends_with(w)) && CLEAN_THING.is_in(after)
            // "The hook tests pass" is of tests.
            || about != test && !mid.contains(" and ") && TEST_NOUN.is_in(mid)
        {
            continue;
        }
        found.push(put(about, p.end(), false));
    }
    if let Some(m) = COVERAGE.captures(clause)
        && let (Some(whole), Some(n)) = (m.get(0), m.name("n").or_else(|| m.name("n2")))
        && !COVERAGE_NOT.is_in(clause.get(..whole.end()).unwrap_or(""))
        && !MODAL.is_in(whole.as_str())
        && stands(clause, whole.start(), whole.start(), rest(whole.end()))
    {
        found.push(put(About::Coverage, n.end(), false));
    }
    if found.iter().skip(first).any(|f| f.about == test) {
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
            && stands(clause, whole.start(), p.start(), rest(whole.end()))
        {
            found.push(put(test, whole.end(), false));
            return;
        }
    }
    let own_noun = TEST_NOUN.find(clause);
    let has_noun = own_noun.is_some() || noun_before;
    if let Some(m) = N_PASSED.captures(clause)
        && let (Some(whole), Some(p)) = (m.get(0), m.name("p"))
        && stands(clause, whole.start(), p.start(), rest(whole.end()))
        && !PASSES_THING.is_in(rest(whole.end()))
    {
        let sure = has_noun || N_FAILED.is_in(clause) && p.as_str() == "passed" || RATIO.is_in(clause);
        if sure || p.as_str() == "passed" {
            found.push(put(test, whole.end(), !sure));
            return;
        }
    }
    if let Some(m) = RATIO.captures(clause)
        && let Some(whole) = m.get(0)
        && own_noun.is_some()
        && m.get(1).map(|n| n.as_str()) == m.get(2).map(|n| n.as_str())
        && stands(clause, whole.start(), whole.start(), rest(whole.end()))
        && !clause.contains("fail")
    {
        found.push(put(test, whole.end(), false));
        return;
    }
    if let Some(m) = ONLY_RATIO.captures(clause)
        && m.name("n").map(|n| n.as_str()) == m.name("m").map(|n| n.as_str())
    {
        found.push(put(test, clause.len(), true));
        return;
    }
    if has_noun
        && let Some(m) = NO_FAILURES.find(clause)
        && stands(clause, m.start(), m.start(), rest(m.end()))
    {
        found.push(put(test, m.end(), false));
        return;
    }
    if let Some(m) = PRONOUN_PASS.captures(clause)
        && let (Some(whole), Some(p)) = (m.get(0), m.name("p"))
        && (noun_before || own_noun.is_some_and(|n| n.start() < whole.start()))
        && stands(clause, whole.start(), p.start(), rest(p.end()))
        && !PASSES_THING.is_in(rest(p.end()))
    {
        // What stands before the pronoun is another subject.
        let clause = rest(whole.start());
        found.push(Found { about: test, clause, end: p.end() - whole.start(), loose: false });
        return;
    }
    if found.len() > first {
        return;
    }
    if let Some(kind) = ran
        && let Some(m) = BARE_FINE.captures(clause)
        && let Some(p) = m.name("p")
    {
        found.push(put(About::Kind(kind), p.end(), false));
        return;
    }
    if let Some(m) = EVERYTHING_PASSES.captures(clause)
        && let (Some(whole), Some(p)) = (m.get(0), m.name("p"))
        && stands(clause, whole.start(), p.start(), rest(p.end()))
        && !PASSES_THING.is_in(rest(p.end()))
    {
        found.push(put(test, p.end(), true));
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
