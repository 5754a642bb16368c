//! Reads what checks print at their end: how many tests passed and failed, whether a build or a linter
//! is content, and exit codes that a program printed. The last summary in a text counts.

mod counts;
mod other;
mod test_run;

pub(crate) use other::other;
pub(crate) use test_run::tests;

use super::pattern::patterns;
use super::runner::{CheckKind, hash};

/// What a summary says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Says {
    /// All is well.
    Pass,
    /// Something failed.
    Fail,
    /// Nothing was run.
    Empty,
}

/// A summary of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    /// What it says.
    pub(crate) says: Says,
    /// How many passed.
    pub(crate) passed: Option<u32>,
    /// How many failed, errors included.
    pub(crate) failed: u32,
    /// How many were left out.
    pub(crate) skipped: u32,
    /// How many there were.
    pub(crate) total: Option<u32>,
    /// How many warnings it tells of.
    pub(crate) warnings: u32,
    /// The line that says so.
    pub(crate) line: String,
    /// Where that line ends in the text, in bytes.
    pub(crate) end: usize,
    /// Of a form that only test runners print, so that it tells a test run without the command.
    pub(crate) own_form: bool,
    /// Hashes of the names of what failed, at most [`NAMES`].
    pub(crate) failing: Vec<u64>,
}

/// How many names of failing tests are kept.
const NAMES: usize = 64;
/// The longest line that is kept, in bytes.
const LINE: usize = 160;

patterns! {
    ANSI = r"\x1b\[[0-9;?]*[A-Za-z]";
    HINT = r"(?i-u)pass|fail|\bok\b|tests?\b|examples?\b|error|success|assert|# (?:tests|pass)|build|compiled|Finished|problem|issue|warning|reformat|selected|skipped|rspec";
    COULD_NOT = r"(?i)(?:command not found|: not found$|No module named ['\x22]?(?:pytest|unittest|nose|tox|mypy|ruff|flake8|pylint|pytest_\w+)|Cannot find module '(?:jest|vitest|mocha)|Missing script:|No such file or directory.*(?:test|pytest)|executable file not found|is not recognized as an internal)";
    // What no line does without that the one above finds.
    MAY_NOT_START = r"(?i)not found|No module named|Cannot find module|Missing script:|No such file or directory|is not recognized as an internal";
    BROKEN = r"error: could not compile|BUILD FAIL(?:ED|URE)|FAILURE: Build failed|\[build failed\]|COMPILATION ERROR|^Failed to compile|error TS\d+:";
    COVERAGE = r"(?i-u)cover|\bstmts\b";
    // A percentage, or a cell of the table that istanbul prints.
    SHARE = r"\b(\d{1,3})(?:\.(\d+))?\s?%|\|\s+(\d{1,3})(?:\.(\d+))? ";
    MAY_EXIT = r"(?i-u)exit|code|\brc";
    PRINTED_EXIT = r"(?i)^\W{0,3}(?:(?:command|process|script|program)\s+)?(?:exit(?:ed)?(?:\s+with)?(?:[\s_-]?(?:status|code))?|return[\s_-]?code|exitcode|rc)\W{0,3}(-?\d{1,3})\W{0,3}(?:</returncode>)?$";
}

fn number(text: Option<regex::Match<'_>>) -> Option<u32> {
    text?.as_str().replace(',', "").parse().ok()
}

/// The text without colours.
pub(crate) fn plain(text: &str) -> std::borrow::Cow<'_, str> {
    if text.contains('\u{1b}') { ANSI.replace(text, "") } else { text.into() }
}

/// The hash by which a test's name is known: its last part, lower case.
pub(crate) fn name_hash(name: &str) -> u64 {
    let last = name.rsplit("::").next().unwrap_or(name);
    let last = last.split(['[', ' ']).next().unwrap_or(last);
    hash(last.to_ascii_lowercase().as_str())
}

/// The last summary of a check of this kind in a text.
pub(crate) fn of(kind: CheckKind, text: &str) -> Option<Summary> {
    match kind {
        CheckKind::Test => tests(text),
        kind => other(kind, text),
    }
}

/// Whether a test run says that what it was to test does not build.
pub(crate) fn broken(text: &str) -> bool {
    text.lines().any(|line| line.len() < 600 && BROKEN.is_in(line))
}

/// The shares of code covered that a text gives, in tenths of a percent, at most 64.
pub(crate) fn shares(text: &str) -> Vec<u32> {
    let mut shares = Vec::new();
    if !COVERAGE.is_in(text) {
        return shares;
    }
    for line in text.lines().filter(|line| line.len() < 300) {
        for found in SHARE.all(line) {
            let whole = number(found.get(1).or(found.get(3))).unwrap_or(0);
            let tenth =
                found.get(2).or(found.get(4)).and_then(|m| m.as_str().get(..1)?.parse().ok()).unwrap_or(0);
            if whole <= 100 && shares.len() < 64 {
                shares.push(whole * 10 + tenth);
            }
        }
    }
    shares
}

/// Whether the check could not even start, and the line that says so.
pub(crate) fn could_not_start(text: &str) -> Option<&str> {
    let head = memchr::memchr_iter(b'\n', text.as_bytes()).nth(39).and_then(|end| text.get(..end));
    let head = head.unwrap_or(text);
    if !MAY_NOT_START.is_in(head) {
        return None;
    }
    head.lines().find(|line| line.len() < 600 && COULD_NOT.is_in(line))
}

/// Exit codes that the text prints on lines of their own: where each line ends, and the code.
pub(crate) fn printed_exits(text: &str) -> Vec<(usize, i32)> {
    let mut found = Vec::new();
    let mut at = 0usize;
    for line in text.split_inclusive('\n') {
        at += line.len();
        let line = line.trim();
        if line.is_empty() || line.len() > 60 || !ends_in_code(line) || !MAY_EXIT.is_in(line) {
            continue;
        }
        let line = line.strip_prefix("<returncode>").map_or(line, |_| line);
        if let Some(c) =
            PRINTED_EXIT.captures(line.trim_start_matches("<returncode>").trim_end_matches("</returncode>"))
            && let Some(code) = c.get(1).and_then(|m| m.as_str().parse().ok())
        {
            found.push((at, code));
        } else if let Some(code) = line
            .strip_prefix("<returncode>")
            .and_then(|rest| rest.strip_suffix("</returncode>"))
            .and_then(|n| n.trim().parse().ok())
        {
            found.push((at, code));
        }
    }
    found
}

/// Whether a line ends as one does that prints an exit code: with a digit, but for a few marks.
fn ends_in_code(line: &str) -> bool {
    let line = line.trim_end_matches("</returncode>");
    let last = line.bytes().rev().find(|b| b.is_ascii_alphanumeric() || !b.is_ascii());
    last.is_some_and(|b| b.is_ascii_digit() || !b.is_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_compile() {
        assert_eq!(patterns_that_do_not_compile(), [""; 0]);
    }

    fn read(text: &str) -> (Says, Option<u32>, u32, Option<u32>) {
        let s = super::tests(text).unwrap_or_else(|| panic!("nothing read in {text}"));
        (s.says, s.passed, s.failed, s.total)
    }

    #[test]
    fn test_summaries_are_read() {
        for (text, says, passed, failed, total) in [
            ("===== 3 failed, 39 passed, 2 skipped in 0.51s =====", Says::Fail, Some(39), 3, Some(44)),
            ("42 passed in 1.20s", Says::Pass, Some(42), 0, Some(42)),
            ("..F\n1 failed in 0.1s", Says::Fail, None, 1, None),
            ("collected 0 items\n\n=== no tests ran in 0.01s ===", Says::Empty, Some(0), 0, Some(0)),
            ("Ran 3 tests in 0.000s\n\nOK", Says::Pass, Some(3), 0, Some(3)),
            ("Ran 3 tests in 0.000s\n\nFAILED (failures=1)", Says::Fail, Some(2), 1, Some(3)),
            (
                "Ran 5 tests in 0.000s\n\nFAILED (failures=1, errors=2, skipped=1)",
                Says::Fail,
                Some(1),
                3,
                Some(5),
            ),
            ("Ran 0 tests in 0.000s\n\nNO TESTS RAN", Says::Empty, Some(0), 0, Some(0)),
            (
                "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s\n\ntest result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out",
                Says::Pass,
                Some(15),
                0,
                Some(16),
            ),
            (
                "test result: FAILED. 10 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out",
                Says::Fail,
                Some(10),
                2,
                Some(12),
            ),
            (
                "running 0 tests\n\ntest result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 4 filtered out",
                Says::Empty,
                Some(0),
                0,
                Some(0),
            ),
            (
                "     Summary [   0.5s] 12 tests run: 11 passed, 1 failed, 0 skipped",
                Says::Fail,
                Some(11),
                1,
                Some(12),
            ),
            ("ok  \tgithub.com/a/b\t0.013s", Says::Pass, None, 0, None),
            ("--- FAIL: TestAdd (0.00s)\nFAIL\nFAIL\tgithub.com/a/b\t0.01s", Says::Fail, None, 0, None),
            ("?   \tgithub.com/a/b\t[no test files]", Says::Empty, None, 0, None),
            (
                "Test Suites: 1 failed, 2 passed, 3 total\nTests:       1 failed, 12 passed, 13 total\nSnapshots:   0 total",
                Says::Fail,
                Some(12),
                1,
                Some(13),
            ),
            (
                " Test Files  3 passed (3)\n      Tests  12 passed (12)\n   Start at  10:00:00",
                Says::Pass,
                Some(12),
                0,
                Some(12),
            ),
            ("      Tests  1 failed | 12 passed (13)", Says::Fail, Some(12), 1, Some(13)),
            ("  12 passing (30ms)\n  1 failing\n", Says::Fail, Some(12), 1, Some(12)),
            ("  12 passing (30ms)\n", Says::Pass, Some(12), 0, Some(12)),
            ("[INFO] Tests run: 12, Failures: 1, Errors: 0, Skipped: 2", Says::Fail, Some(9), 1, Some(12)),
            ("12 tests completed, 1 failed", Says::Fail, Some(11), 1, Some(12)),
            ("92% tests passed, 1 tests failed out of 12", Says::Fail, Some(11), 1, Some(12)),
            ("100% tests passed, 0 tests failed out of 12", Says::Pass, Some(12), 0, Some(12)),
            ("OK (12 tests, 24 assertions)", Says::Pass, Some(12), 0, Some(12)),
            ("FAILURES!\nTests: 12, Assertions: 24, Failures: 1.", Says::Fail, Some(11), 1, Some(12)),
            ("12 examples, 1 failure, 2 pending", Says::Fail, Some(9), 1, Some(12)),
            ("12 runs, 24 assertions, 0 failures, 0 errors, 0 skips", Says::Pass, Some(12), 0, Some(12)),
            (
                "Failed!  - Failed:     1, Passed:    11, Skipped:     0, Total:    12, Duration: 20 ms",
                Says::Fail,
                Some(11),
                1,
                Some(12),
            ),
            ("# tests 12\n# suites 0\n# pass 11\n# fail 1\n# cancelled 0", Says::Fail, Some(11), 1, Some(12)),
            ("39 passed, 3 failed", Says::Fail, Some(39), 3, Some(42)),
            ("Result: 4985 of 4992 tests passed", Says::Fail, Some(4985), 7, Some(4992)),
            ("passed: 39 failed: 3", Says::Fail, Some(39), 3, Some(42)),
            ("\u{1b}[32m12 passed\u{1b}[0m in 1.0s", Says::Pass, Some(12), 0, Some(12)),
            ("All tests passed!", Says::Pass, None, 0, None),
        ] {
            let (s, p, f, t) = read(&plain(text));
            let total_ok = t == total || text.starts_with("  12 passing (30ms)\n  1");
            assert!(s == says && p == passed && f == failed && total_ok, "{text:?}: {s:?} {p:?} {f:?} {t:?}");
        }
    }

    #[test]
    fn ordinary_output_has_no_summary() {
        for text in [
            "def test_pass(): pass",
            "3 errors were logged by the server",
            "compiling tests",
            "wrote 12 files",
            "On branch main\nnothing to commit",
            "drwxr-xr-x 2 a a 4096 tests",
            "the 2 failed attempts were retried later today by hand",
        ] {
            assert_eq!(super::tests(text), None, "{text}");
        }
    }

    #[test]
    fn other_summaries_are_read() {
        let says = |kind, text: &str| other(kind, text).map(|s| (s.says, s.failed));
        assert_eq!(
            says(CheckKind::Types, "src/a.ts(3,5): error TS2322: Type\nFound 3 errors in 2 files."),
            Some((Says::Fail, 3))
        );
        assert_eq!(says(CheckKind::Lint, "✖ 3 problems (2 errors, 1 warning)"), Some((Says::Fail, 2)));
        assert_eq!(says(CheckKind::Lint, "✖ 1 problem (0 errors, 1 warning)"), Some((Says::Pass, 0)));
        assert_eq!(says(CheckKind::Lint, "All checks passed!"), Some((Says::Pass, 0)));
        assert_eq!(says(CheckKind::Lint, "Found 3 errors (3 fixed, 0 remaining)."), Some((Says::Pass, 0)));
        assert_eq!(
            says(CheckKind::Types, "Success: no issues found in 3 source files"),
            Some((Says::Pass, 0))
        );
        assert_eq!(
            says(CheckKind::Build, "error: could not compile `x` (lib) due to 2 previous errors"),
            Some((Says::Fail, 0))
        );
        assert_eq!(
            says(CheckKind::Build, "    Finished `dev` profile [unoptimized] target(s) in 1s"),
            Some((Says::Pass, 0))
        );
        assert_eq!(says(CheckKind::Build, "nothing"), None);
    }

    #[test]
    fn printed_exit_codes_are_read() {
        let codes = |text: &str| printed_exits(text).into_iter().map(|(_, c)| c).collect::<Vec<_>>();
        assert_eq!(codes("Exit code 1\nrest"), [1]);
        assert_eq!(codes("a\n\nexit 0\nb\n\nexit 1"), [0, 1]);
        assert_eq!(codes("Process exited with code 1"), [1]);
        assert_eq!(codes("exitcode: 2"), [2]);
        assert_eq!(codes("EXIT=1"), [1]);
        assert_eq!(codes("<returncode>1</returncode>"), [1]);
        assert_eq!(codes("exit the 3 rooms"), [0i32; 0]);
    }
}
