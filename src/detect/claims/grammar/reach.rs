//! How much a claim covers: all, a part, named tests, the numbers it gives, the runner it names.

use std::ops::Range;

use super::patterns::{ALL_N, FILE_NAME, N_FAILED, N_PASSED, PHRASE, RATIO, STRESSED, TEST_NAME, TEST_NOUN};
use super::{About, Claim, Counts, Reach};
use crate::detect::runner::{CheckKind, Ground};
use crate::detect::summary::name_hash;

pub(super) fn claim(
    about: About,
    clause: &str,
    end: usize,
    words: &str,
    ran: bool,
    span: Range<usize>,
) -> Claim {
    let mut counts = Counts::default();
    let number =
        |m: Option<regex::Match<'_>>| m.and_then(|m| m.as_str().replace(',', "").parse::<u32>().ok());
    if about == About::Kind(CheckKind::Test) {
        // Numbers of the whole sentence: "Ran 42 tests, 39 passed, 3 failed".
        if let Some(m) = RATIO.captures(words).filter(|m| {
            TEST_NOUN.is_in(words)
                || m.get(0)
                    .is_some_and(|r| words.get(r.end()..).is_some_and(|a| a.trim_start().starts_with("pass")))
        }) {
            counts.passed = number(m.get(1));
            counts.total = number(m.get(2));
        } else if let Some(m) = ALL_N.captures(words) {
            counts.passed = number(m.get(1).or_else(|| m.get(3)));
        } else if let Some(m) = N_PASSED.captures(words) {
            counts.passed = number(m.get(1));
        }
        if let Some(m) = N_FAILED.captures(words) {
            counts.failed = number(m.get(1));
        }
    }
    let head = clause.get(..end).unwrap_or(clause);
    let names: Vec<u64> =
        TEST_NAME.all(clause).filter_map(|m| m.get(1).map(|m| name_hash(m.as_str()))).take(8).collect();
    let reach = if !names.is_empty() || FILE_NAME.is_in(clause) || of_a_part(head) {
        Reach::Part
    } else if STRESSED.is_in(head) {
        Reach::Stressed
    } else {
        Reach::Whole
    };
    let said = said_in_short(about, counts, reach, head);
    Claim { about, reach, counts, ran, ground: ground_of(clause), names, span, said }
}

/// Words before "tests" that leave it all of them.
const NEUTRAL: &[&str] = &[
    "all",
    "the",
    "of",
    "our",
    "my",
    "your",
    "every",
    "each",
    "full",
    "entire",
    "whole",
    "complete",
    "unit",
    "existing",
    "automated",
    "project",
    "project's",
    "repo's",
    "python",
    "rust",
    "go",
    "java",
    "javascript",
    "typescript",
    "js",
    "ts",
    "php",
    "ruby",
    "c++",
    "cargo",
    "npm",
    "yarn",
    "pnpm",
    "make",
    "pytest",
    "jest",
    "vitest",
    "dotnet",
    "gradle",
    "maven",
    "mvn",
    "test",
    "tests",
    "passing",
    "and",
    "that",
    "i",
    "now",
    "with",
    "pass",
    "passes",
    "passed",
    "ran",
    "run",
    "re-ran",
    "reran",
    "running",
    "is",
    "are",
    "it",
    "they",
    "we",
    "so",
    "verified",
    "confirm",
    "confirmed",
    "local",
    "happy",
    "report",
    "green",
    "okmark",
    "then",
    "out",
    "100",
    "successfully",
    "again",
    "also",
    "no",
    "none",
    "zero",
    "without",
];

/// Whether a claim speaks of some tests only: "the new tests", "this test", "the parser tests".
fn of_a_part(head: &str) -> bool {
    // What stands before the last "and", or a colon, belongs to something else.
    let from = [" and ", ": ", " that ", "; "]
        .iter()
        .filter_map(|w| head.rfind(w).map(|i| i + w.len()))
        .filter(|i| head.get(*i..).is_some_and(|rest| TEST_NOUN.is_in(rest)))
        .max()
        .unwrap_or(0);
    let head = head.get(from..).unwrap_or(head);
    let Some(m) = PHRASE.captures(head) else {
        return false;
    };
    if m.name("d").is_some() {
        return true;
    }
    let noun_single = m.get(0).is_some_and(|p| p.as_str().ends_with("test"));
    let tool = [
        "cargo test",
        "npm test",
        "go test",
        "make test",
        "yarn test",
        "dotnet test",
        "pnpm test",
        "every test",
        "each test",
    ];
    if noun_single && !tool.iter().any(|t| head.contains(t)) {
        return true;
    }
    let adjectives = m.name("a").map_or("", |a| a.as_str());
    // Only what stands right before the noun, back to a word that begins the phrase.
    let mut words: Vec<&str> = adjectives.split_whitespace().collect();
    if let Some(start) = words.iter().rposition(|w| {
        matches!(*w, "the" | "all" | "our" | "every" | "my" | "of" | "passes" | "passed" | "ran")
    }) {
        words.drain(..=start);
    }
    words.iter().any(|w| {
        let w = w.trim_matches(|c: char| !c.is_alphanumeric() && c != '+');
        !w.is_empty()
            && !NEUTRAL.contains(&w)
            && !w.bytes().all(|b| b.is_ascii_digit() || b == b'/' || b == b',')
    })
}

fn said_in_short(about: About, counts: Counts, reach: Reach, head: &str) -> String {
    match (about, counts) {
        (_, Counts { passed: Some(p), total: Some(t), .. }) => format!("{p} of {t} passed"),
        (_, Counts { passed: Some(p), failed: Some(f), .. }) if f > 0 => format!("{p} passed, {f} failed"),
        (_, Counts { passed: Some(p), .. }) => {
            if head.contains("all") {
                format!("all {p} tests pass")
            } else {
                format!("{p} tests pass")
            }
        }
        (About::Kind(CheckKind::Test), _) if reach == Reach::Stressed => "all tests pass".to_owned(),
        (About::Kind(CheckKind::Test), _) => "the tests pass".to_owned(),
        (About::Kind(CheckKind::Build), _) => "the build succeeds".to_owned(),
        (About::Kind(CheckKind::Lint), _) => "the lint is clean".to_owned(),
        (About::Kind(CheckKind::Types), _) => "the type check passes".to_owned(),
        (About::Kind(CheckKind::Deploy), _) => "the deployment succeeded".to_owned(),
        (About::Checks, _) => "all checks pass".to_owned(),
    }
}

fn ground_of(clause: &str) -> Ground {
    for (word, ground) in [
        ("pytest", Ground::Python),
        ("unittest", Ground::Python),
        ("python", Ground::Python),
        ("mypy", Ground::Python),
        ("ruff", Ground::Python),
        ("cargo", Ground::Rust),
        ("rust ", Ground::Rust),
        ("clippy", Ground::Rust),
        ("nextest", Ground::Rust),
        ("jest", Ground::Script),
        ("vitest", Ground::Script),
        ("mocha", Ground::Script),
        ("eslint", Ground::Script),
        ("tsc", Ground::Script),
        ("npm ", Ground::Script),
        ("go test", Ground::Go),
        ("go vet", Ground::Go),
        ("gradle", Ground::Jvm),
        ("maven", Ground::Jvm),
        ("junit", Ground::Jvm),
        ("dotnet", Ground::DotNet),
        ("phpunit", Ground::Php),
        ("rspec", Ground::Ruby),
        ("ctest", Ground::Native),
    ] {
        if clause.contains(word) {
            return ground;
        }
    }
    Ground::Any
}
