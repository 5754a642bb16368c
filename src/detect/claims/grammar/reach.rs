//! How much a claim covers: all, a part, named tests, the numbers it gives, the runner it names.

use std::ops::Range;

use super::patterns::{
    ALL_N, COVERAGE, FILE_NAME, FULL, N_FAILED, N_PASSED, NO_WARNINGS, ONLY_RATIO, PHRASE, RATIO, STRESSED,
    TEST_NAME, TEST_NOUN,
};
use super::success::Found;
use super::{About, Claim, Counts, Reach};
use crate::detect::checks::name_of;
use crate::detect::runner::{CheckKind, Ground};
use crate::detect::summary::name_hash;

/// The claim as it is judged: what was found in a clause, with the numbers of its whole sentence.
pub(super) fn claim(found: &Found<'_>, words: &str, ran: bool, span: Range<usize>) -> Claim {
    let Found { about, clause, end, loose } = *found;
    let head = clause.get(..end).unwrap_or(clause);
    let (names, files) = (names_in(clause), FILE_NAME.is_in(clause));
    let reach = if !names.is_empty() || files || head.contains("/part") || of_a_part(head) {
        Reach::Part
    } else if STRESSED.is_in(head) {
        Reach::Stressed
    } else {
        Reach::Whole
    };
    let counts = if about == About::Kind(CheckKind::Test) { counts_in(words) } else { Counts::default() };
    let share = (about == About::Coverage).then(|| share_in(clause)).flatten();
    Claim {
        about,
        reach,
        counts,
        share,
        ran,
        loose,
        no_warnings: NO_WARNINGS.is_in(clause) && !clause.contains("error-free"),
        full: FULL.is_in(head),
        ground: ground_of(clause),
        names,
        span,
        said: said_in_short(about, counts, share, reach, head),
    }
}

/// Hashes of the tests and test files that a clause names, at most 8.
fn names_in(clause: &str) -> Vec<u64> {
    let mut names: Vec<u64> = Vec::new();
    for m in TEST_NAME.all(clause).filter_map(|m| m.get(1)) {
        names.push(name_hash(m.as_str()));
        // A name in capitals got the mark `test_` before it.
        if let Some(bare) = m.as_str().strip_prefix("test_") {
            names.push(name_hash(bare));
        }
    }
    for m in FILE_NAME.all(clause).filter_map(|m| m.get(0)) {
        names.push(name_hash(name_of(m.as_str())));
    }
    names.truncate(8);
    names
}

fn counts_in(words: &str) -> Counts {
    let mut counts = Counts::default();
    // Numbers of the whole sentence: "Ran 42 tests, 39 passed, 3 failed".
    if let Some(m) = RATIO.captures(words).filter(|m| {
        TEST_NOUN.is_in(words)
            || ONLY_RATIO.is_in(words)
            || m.get(0)
                .is_some_and(|r| words.get(r.end()..).is_some_and(|a| a.trim_start().starts_with("pass")))
    }) {
        counts.passed = number(m.get(1));
        counts.total = number(m.get(2));
    } else if let Some(m) = ALL_N.captures(words) {
        counts.passed = number(m.get(1).or_else(|| m.get(3)).or_else(|| m.get(5)));
    } else if let Some(m) = N_PASSED.captures(words) {
        counts.passed = number(m.get(1));
    }
    if let Some(m) = N_FAILED.captures(words) {
        counts.failed = number(m.get(1));
    }
    counts
}

/// A number, in figures or as a word.
fn number(text: Option<regex::Match<'_>>) -> Option<u32> {
    let text = text?.as_str();
    WORDS
        .iter()
        .position(|word| *word == text)
        .and_then(|at| u32::try_from(at + 2).ok())
        .or_else(|| text.replace(',', "").parse().ok())
}

/// From two on.
const WORDS: &[&str] = &[
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
];

fn share_in(clause: &str) -> Option<u32> {
    let m = COVERAGE.captures(clause)?;
    tenths(m.name("n").or_else(|| m.name("n2"))?.as_str())
}

/// A percentage in tenths of a percent.
fn tenths(text: &str) -> Option<u32> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let tenth = fraction.get(..1)?.parse::<u32>().ok()?;
    Some(whole.parse::<u32>().ok()?.checked_mul(10)?.saturating_add(tenth))
}

/// Programs that run tests: their name before "test" or "tests" leaves it all of them.
const RUNNERS: &[&str] = &[
    "cargo",
    "npm",
    "yarn",
    "pnpm",
    "bun",
    "deno",
    "go",
    "make",
    "pytest",
    "jest",
    "vitest",
    "mocha",
    "ava",
    "karma",
    "dotnet",
    "xunit",
    "nunit",
    "gradle",
    "maven",
    "mvn",
    "junit",
    "sbt",
    "bazel",
    "buck2",
    "ctest",
    "gtest",
    "meson",
    "ninja",
    "just",
    "task",
    "rake",
    "rspec",
    "mix",
    "exunit",
    "nextest",
    "nox",
    "tox",
    "swift",
    "zig",
    "flutter",
    "dart",
    "phpunit",
    "pest",
    "playwright",
    "cypress",
    "single",
];

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
    "its",
    "workspace's",
    "repository's",
    "repo's",
    "solution's",
    "project's",
    "workspace",
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
    if m.name("d").is_some_and(|d| d.as_str().trim() != "its") {
        return true;
    }
    let noun_single = m.get(0).is_some_and(|p| p.as_str().ends_with("test"));
    let phrase = m.get(0).map_or("", |p| p.as_str());
    // "npm test" is a command, "every single test" is all of them.
    let whole = RUNNERS.iter().any(|r| phrase.starts_with(r) || phrase.contains(&format!(" {r} ")))
        || ["every", "each"].iter().any(|w| phrase.contains(w));
    if noun_single && !whole {
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
            && !RUNNERS.contains(&w)
            && !w.bytes().all(|b| b.is_ascii_digit() || b == b'/' || b == b',')
    })
}

fn said_in_short(about: About, counts: Counts, share: Option<u32>, reach: Reach, head: &str) -> String {
    match (about, counts) {
        (About::Coverage, _) => {
            let share = share.unwrap_or(0);
            format!("the coverage is {}.{} %", share / 10, share % 10)
        }
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
        ("@rust", Ground::Rust),
        ("@python", Ground::Python),
        ("@script", Ground::Script),
        ("@go", Ground::Go),
        ("@jvm", Ground::Jvm),
        ("@dotnet", Ground::DotNet),
        ("@php", Ground::Php),
        ("@ruby", Ground::Ruby),
        ("@native", Ground::Native),
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
