//! Reads what checks print at their end: how many tests passed and failed, whether a build or a linter
//! is content, and exit codes that a program printed. The last summary in a text counts.

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
    HINT = r"(?i-u)pass|fail|\bok\b|tests?\b|examples?\b|error|success|assert|# (?:tests|pass)|build|compiled|Finished|problem|issue|reformat|selected|skipped";
    // Number before word.
    PAIR = r"(?i)\b(\d+(?:,\d{3})*)\s+(?:(?:tests?|examples?|specs?|assertions?|checks?|cases?|test cases?|test suites?|expectations?)\s+)?(passed|passing|pass|succeeded|successful|failed|failing|failures?|fail|errors?|errored|skipped|skips|pending|ignored|xfailed|xpassed|todo|total|deselected|tests|examples|runs|warnings?)\b";
    // Word before number.
    NAMED = r"(?i)\b(passed|failed|failures|errors|skipped|incomplete|risky|total|tests run|tests|total tests|succeeded|ignored|pass|fail)\s*[:=]\s*(\d+(?:,\d{3})*)";
    RATIO = r"(?i)\b(\d+(?:,\d{3})*)\s*(?:/|of|out of)\s*(\d+(?:,\d{3})*)\s+(?:tests?\s+|checks?\s+|cases?\s+|specs?\s+)?(?:passed|passing|pass|succeeded|ok)\b|\b(?:passed|pass|tests passed)\s*[:=]?\s*(\d+(?:,\d{3})*)\s*(?:/|of|out of)\s*(\d+(?:,\d{3})*)";
    ONLY_FAILED = r"(?i)^\W*\d+ (?:failed|failing|fail|tests? failed)\b(?: in [\d.]+ ?m?s| \([\d.]+ ?m?s\))?\W*$";
    PYTEST_END = r"(?i)^=*\s*(?:\x22?\d+ (?:passed|failed|skipped|errors?|xfailed|xpassed|deselected|warnings?|rerun)(?:, )?)+ in [\d.:]+ ?s?";
    NO_TESTS = r"(?i)^\W*(?:no tests ran|no tests? (?:found|were found|files? found|executed|to run|collected|specified)|collected 0 items|ran 0 tests|0 tests? (?:run|executed)|no test files? found|no test suites? found|no tests? matched|NO TESTS RAN|0 passing|0 examples, 0 failures)\b";
    RAN = r"^Ran (\d+) tests? in ";
    UNITTEST_END = r"^(OK|FAILED|NO TESTS RAN)(?: \((.*)\))?\s*$";
    CARGO = r"^test result: (ok|FAILED)\. (\d+) passed; (\d+) failed; (\d+) ignored;";
    NEXTEST = r"Summary \[.*?\]\s*(?:(\d+)/)?(\d+) tests? run: (\d+) passed(?:.*?, (\d+) failed)?";
    GO_OK = r"^ok\s+(?:github\S*|\S+)\s+(?:\(cached\)|[\d.]+s)(.*)$";
    GO_FAIL = r"^(?:FAIL\s+\S+\s+(?:[\d.]+s|\[(?:build|setup) failed\])|--- FAIL: (\S+))";
    GO_NONE = r"^\?\s+\S+\s+\[no test files\]";
    GO_PASS_V = r"^\s*--- PASS: ";
    CTEST = r"^(\d+)% tests passed, (\d+) tests? failed out of (\d+)";
    PHPUNIT_OK = r"^OK \((\d+) tests?, \d+ assertions?\)";
    SUREFIRE = r"Tests run: (\d+), Failures: (\d+), Errors: (\d+)(?:, Skipped: (\d+))?";
    GRADLE_TESTS = r"^(\d+) tests? completed, (\d+) failed";
    DOTNET = r"^\s*(Passed|Failed)!\s+-\s+Failed:\s*(\d+), Passed:\s*(\d+), Skipped:\s*(\d+), Total:\s*(\d+)";
    TAP = r"^(?:#|ℹ) (tests|pass|fail|skipped) (\d+)";
    ALL_PASSED = r"(?i)^\W*(?:all (?:\d+ )?(?:tests?|checks|specs)(?: have)? (?:passed|succeeded)|tests? passed|test suite passed|all tests successful)\b";
    SOME_FAILED = r"(?i)^\W*(?:(?:some )?tests? failed|test suite failed|there (?:were|was) (?:test )?failures?|FAILURES!|result: FAIL)\b";
    COULD_NOT = r"(?i)(?:command not found|: not found$|No module named ['\x22]?(?:pytest|unittest|nose|tox|mypy|ruff|flake8|pylint|pytest_\w+)|Cannot find module '(?:jest|vitest|mocha)|Missing script:|No such file or directory.*(?:test|pytest)|executable file not found|is not recognized as an internal)";
    COMPILE_FAILED = r"(?i)^(?:error: could not compile|error: aborting due to|.*: error: .*|make(?:\[\d+\])?: \*\*\* .*(?:Error|Stop)|.*BUILD FAILED|.*BUILD FAILURE|FAILURE: Build failed|Build FAILED\.?|Failed to compile|ERROR: failed to (?:solve|build)|npm (?:ERR!|error) code|error during build|.*compiled with \d+ errors?|.*COMPILATION ERROR|collect2: error|ninja: build stopped|# \S+$)";
    BUILT = r"(?i)^(?:\s*Finished .*(?:dev|release|test|profile)|.*BUILD SUCCESS(?:FUL)?|Build succeeded|.*compiled successfully|.*Compiled successfully|✓ built in|.*built in [\d.]+m?s|Successfully (?:built|tagged)|Build completed)";
    PROBLEMS = r"(?i)(?:✖ (\d+) problems? \((\d+) errors?|^Found (\d+) errors?\b|^(\d+) errors?, \d+ warnings?|found (\d+) (?:errors?|issues?|violations?)|^(\d+) files? would be reformatted|(\d+) files? need formatting|could not compile `[^`]+`.* due to (\d+) previous errors?|Found (\d+) errors? in)";
    FIXED_ALL = r"(?i)\b0 remaining\b|\bno fixes needed\b";
    CONTENT = r"(?i)(?:^All checks passed|^Success: no issues found|\b0 errors\b|no (?:issues|problems|errors|offenses|warnings) (?:were )?(?:found|detected)|All matched files use Prettier|no offenses detected|files? would be left unchanged|files? already formatted)";
    TSC_ERROR = r"(?:\(\d+,\d+\)|:\d+:\d+ -): error TS\d+";
    PRINTED_EXIT = r"(?i)^\W{0,3}(?:(?:command|process|script|program)\s+)?(?:exit(?:ed)?(?:\s+with)?(?:[\s_-]?(?:status|code))?|return[\s_-]?code|exitcode|rc)\W{0,3}(-?\d{1,3})\W{0,3}(?:</returncode>)?$";
    FAILING_NAME = r"(?:^(?:FAIL|ERROR): (\w+)|^(?:FAILED|ERROR) \S*?::([\w:\[\]-]+)|^test (\S+) \.\.\. FAILED|--- FAIL: (\S+)|^\s+(?:✕|✗|×|✘) (.{3,80}?)(?: \(?\d+ ?m?s\)?)?$|^\s+FAIL \[.*?\] +\S+ (\S+))";
}

fn number(text: Option<regex::Match<'_>>) -> Option<u32> {
    text?.as_str().replace(',', "").parse().ok()
}

/// The text without colours.
pub(crate) fn plain(text: &str) -> std::borrow::Cow<'_, str> {
    if text.contains('\u{1b}') { ANSI.replace(text, "") } else { text.into() }
}

/// Counts as a line gives them.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    passed: Option<u32>,
    failed: Option<u32>,
    skipped: u32,
    total: Option<u32>,
}

impl Counts {
    fn none(self) -> bool {
        self.passed.is_none() && self.failed.is_none() && self.total.is_none()
    }

    fn verdict(self) -> Says {
        if self.failed.is_some_and(|f| f > 0) {
            Says::Fail
        } else if self.passed.unwrap_or(0) == 0 && self.total.unwrap_or(0) == 0 {
            Says::Empty
        } else {
            Says::Pass
        }
    }

    fn of(line: &str) -> Self {
        let mut counts = Self::default();
        if let Some(found) = RATIO.captures(line) {
            counts.passed = number(found.get(1)).or_else(|| number(found.get(3)));
            counts.total = number(found.get(2)).or_else(|| number(found.get(4)));
            if let (Some(passed), Some(total)) = (counts.passed, counts.total) {
                counts.failed = Some(total.saturating_sub(passed));
            }
            return counts;
        }
        let mut take = |word: &str, n: u32| match word {
            "passed" | "passing" | "pass" | "succeeded" | "successful" | "xpassed" => {
                counts.passed = Some(counts.passed.unwrap_or(0).saturating_add(n));
            }
            "failed" | "failing" | "failure" | "failures" | "fail" | "error" | "errors" | "errored" => {
                counts.failed = Some(counts.failed.unwrap_or(0).saturating_add(n));
            }
            "skipped" | "skips" | "pending" | "ignored" | "xfailed" | "todo" | "incomplete" => {
                counts.skipped = counts.skipped.saturating_add(n);
            }
            "total" | "tests" | "examples" | "runs" | "tests run" | "total tests" => {
                counts.total = Some(n);
            }
            _ => {}
        };
        // Whichever way of writing finds more of them is the line's own.
        let named: Vec<_> = NAMED.all(line).collect();
        if named.len() >= 2 && named.len() > PAIR.all(line).count() {
            for found in &named {
                if let (Some(word), Some(n)) = (found.get(1), number(found.get(2))) {
                    take(&word.as_str().to_ascii_lowercase(), n);
                }
            }
            return counts;
        }
        let mut pairs = 0;
        for found in PAIR.all(line) {
            if let (Some(n), Some(word)) = (number(found.get(1)), found.get(2)) {
                take(&word.as_str().to_ascii_lowercase(), n);
                pairs += 1;
            }
        }
        if pairs == 0 {
            for found in &named {
                if let (Some(word), Some(n)) = (found.get(1), number(found.get(2))) {
                    take(&word.as_str().to_ascii_lowercase(), n);
                }
            }
        }
        counts
    }
}

/// The summary found last while reading line by line.
#[derive(Default)]
struct Reader {
    found: Option<Summary>,
    /// The line that is read.
    row: usize,
    /// Where it ends.
    end: usize,
    /// The line of the summary found last.
    last: usize,
}

impl Reader {
    /// How many lines ago the last summary was.
    fn since(&self) -> usize {
        self.row.saturating_sub(self.last)
    }

    fn put(&mut self, line: &str, says: Says, counts: Counts, own_form: bool) {
        self.last = self.row;
        let sum =
            |passed: u32| passed.saturating_add(counts.failed.unwrap_or(0)).saturating_add(counts.skipped);
        self.found = Some(Summary {
            says,
            passed: counts.passed,
            failed: counts.failed.unwrap_or(0),
            skipped: counts.skipped,
            total: counts.total.or_else(|| counts.passed.map(sum)),
            line: crate::text::clip(line.trim(), LINE).to_owned(),
            end: self.end,
            own_form,
            failing: Vec::new(),
        });
    }
}

/// The last summary of a test run in a text.
pub(crate) fn tests(text: &str) -> Option<Summary> {
    let mut reader = Reader::default();
    let mut failing: Vec<u64> = Vec::new();
    let mut ran: Option<u32> = None;
    let mut cargo: Option<Counts> = None;
    let mut go = (0u32, 0u32, 0u32, 0u32); // packages ok, failed, without tests; tests passed (-v)
    let mut at = 0usize;
    for (row, line) in text.split_inclusive('\n').enumerate() {
        at += line.len();
        let line = line.trim_end_matches(['\n', '\r']);
        if line.len() > 600 || !HINT.is_in(line) {
            continue;
        }
        if failing.len() < NAMES
            && let Some(name) = FAILING_NAME.captures(line)
            && let Some(name) = (1..=6).find_map(|i| name.get(i))
        {
            failing.push(name_hash(name.as_str()));
        }
        reader.row = row;
        reader.end = at;
        if let Some(n) = RAN.captures(line).and_then(|c| number(c.get(1))) {
            ran = Some(n);
            continue;
        }
        if let Some(end) = UNITTEST_END.captures(line)
            && let Some(total) = ran
        {
            let inner = Counts::of(end.get(2).map_or("", |m| m.as_str()));
            let failed = inner.failed.unwrap_or(0);
            let counts = Counts {
                passed: Some(total.saturating_sub(failed).saturating_sub(inner.skipped)),
                failed: Some(failed),
                skipped: inner.skipped,
                total: Some(total),
            };
            let says = match end.get(1).map_or("", |m| m.as_str()) {
                "FAILED" => Says::Fail,
                _ if total == 0 => Says::Empty,
                _ => Says::Pass,
            };
            reader.put(line, says, counts, true);
            if let Some(summary) = reader.found.as_mut() {
                summary.line =
                    crate::text::clip(&format!("Ran {total} tests: {}", line.trim()), LINE).to_owned();
            }
            continue;
        }
        if let Some(c) = CARGO.captures(line) {
            let before = cargo.unwrap_or_default();
            let sum = |a: Option<u32>, b: Option<u32>| Some(a.unwrap_or(0).saturating_add(b.unwrap_or(0)));
            let counts = Counts {
                passed: sum(before.passed, number(c.get(2))),
                failed: sum(before.failed, number(c.get(3))),
                skipped: before.skipped.saturating_add(number(c.get(4)).unwrap_or(0)),
                total: None,
            };
            cargo = Some(counts);
            let failed =
                c.get(1).is_some_and(|m| m.as_str() == "FAILED") || counts.failed.is_some_and(|f| f > 0);
            let worse = failed
                && number(c.get(3)).unwrap_or(0) == 0
                && reader.found.as_ref().is_some_and(|f| f.says == Says::Fail);
            let kept = worse.then(|| reader.found.as_ref().map(|f| f.line.clone())).flatten();
            reader.put(line, if failed { Says::Fail } else { counts.verdict() }, counts, true);
            if let (Some(line), Some(summary)) = (kept, reader.found.as_mut()) {
                summary.line = line;
            }
            continue;
        }
        if let Some(c) = NEXTEST.captures(line) {
            let counts = Counts {
                passed: number(c.get(3)),
                failed: Some(number(c.get(4)).unwrap_or(0)),
                skipped: 0,
                total: number(c.get(1)).or_else(|| number(c.get(2))),
            };
            reader.put(line, counts.verdict(), counts, true);
            continue;
        }
        if GO_FAIL.is_in(line) {
            go.1 += 1;
            reader.put(line, Says::Fail, Counts::default(), true);
            continue;
        }
        if let Some(c) = GO_OK.captures(line) {
            if c.get(1).is_some_and(|m| m.as_str().contains("no tests to run")) {
                go.2 += 1;
            } else {
                go.0 += 1;
            }
            if go.1 == 0 {
                let says = if go.0 > 0 { Says::Pass } else { Says::Empty };
                reader.put(
                    line,
                    says,
                    Counts { passed: (go.3 > 0).then_some(go.3), ..Counts::default() },
                    true,
                );
            }
            continue;
        }
        if GO_NONE.is_in(line) {
            go.2 += 1;
            if go.0 == 0 && go.1 == 0 {
                reader.put(line, Says::Empty, Counts::default(), true);
            }
            continue;
        }
        if GO_PASS_V.is_in(line) {
            go.3 += 1;
            continue;
        }
        if let Some(c) = CTEST.captures(line) {
            let (failed, total) = (number(c.get(2)), number(c.get(3)));
            let counts = Counts {
                passed: total.map(|t| t.saturating_sub(failed.unwrap_or(0))),
                failed,
                skipped: 0,
                total,
            };
            reader.put(line, counts.verdict(), counts, true);
            continue;
        }
        if let Some(c) = PHPUNIT_OK.captures(line) {
            let n = number(c.get(1));
            reader.put(line, Says::Pass, Counts { passed: n, failed: Some(0), skipped: 0, total: n }, true);
            continue;
        }
        if let Some(c) = SUREFIRE.captures(line) {
            let bad = number(c.get(2)).unwrap_or(0).saturating_add(number(c.get(3)).unwrap_or(0));
            let (total, skipped) = (number(c.get(1)).unwrap_or(0), number(c.get(4)).unwrap_or(0));
            let counts = Counts {
                passed: Some(total.saturating_sub(bad).saturating_sub(skipped)),
                failed: Some(bad),
                skipped,
                total: Some(total),
            };
            reader.put(line, counts.verdict(), counts, true);
            continue;
        }
        if let Some(c) = GRADLE_TESTS.captures(line) {
            let (total, failed) = (number(c.get(1)).unwrap_or(0), number(c.get(2)).unwrap_or(0));
            let counts = Counts {
                passed: Some(total.saturating_sub(failed)),
                failed: Some(failed),
                skipped: 0,
                total: Some(total),
            };
            reader.put(line, counts.verdict(), counts, true);
            continue;
        }
        if let Some(c) = DOTNET.captures(line) {
            let counts = Counts {
                passed: number(c.get(3)),
                failed: number(c.get(2)),
                skipped: number(c.get(4)).unwrap_or(0),
                total: number(c.get(5)),
            };
            reader.put(line, counts.verdict(), counts, true);
            continue;
        }
        if let Some(c) = TAP.captures(line) {
            let n = number(c.get(2)).unwrap_or(0);
            let near = reader.found.as_ref().filter(|_| reader.since() <= 8).cloned();
            let mut counts = near.as_ref().map_or(Counts::default(), |s| Counts {
                passed: s.passed,
                failed: Some(s.failed),
                skipped: s.skipped,
                total: s.total,
            });
            match c.get(1).map_or("", |m| m.as_str()) {
                "tests" => counts = Counts { total: Some(n), ..Counts::default() },
                "pass" => counts.passed = Some(n),
                "fail" => counts.failed = Some(n),
                _ => counts.skipped = n,
            }
            reader.put(line, counts.verdict(), counts, true);
            continue;
        }
        if NO_TESTS.is_in(line) {
            reader.put(
                line,
                Says::Empty,
                Counts { passed: Some(0), failed: Some(0), skipped: 0, total: Some(0) },
                false,
            );
            continue;
        }
        if COULD_NOT.is_in(line) && reader.found.is_none() {
            continue;
        }
        if line.trim_start().to_ascii_lowercase().starts_with("test files ")
            || line.trim_start().starts_with("Test Suites:")
            || line.trim_start().starts_with("Snapshots:")
        {
            continue;
        }
        let counts = Counts::of(line);
        let pytest = PYTEST_END.is_in(line);
        if pytest && counts.none() {
            // Only skipped or deselected.
            reader.put(line, Says::Empty, Counts { passed: Some(0), ..counts }, true);
            continue;
        }
        if !counts.none() {
            let test_word = {
                let lower = line.to_ascii_lowercase();
                lower.contains("test")
                    || lower.contains("example")
                    || lower.contains("spec")
                    || lower.contains("runs,")
            };
            if counts.passed.is_some()
                && (counts.failed.is_some() || counts.total.is_some() || test_word || pytest || short(line))
            {
                // "12 passing" after "1 failing", and the reverse, belong together.
                let mut counts = counts;
                if counts.failed.is_none()
                    && let Some(previous) = reader.found.as_ref().filter(|f| {
                        f.passed.is_none() && f.failed > 0 && reader.since() <= 3 + f.failed as usize
                    })
                {
                    counts.failed = Some(previous.failed);
                }
                let own = pytest || counts.failed.is_some() || counts.total.is_some();
                reader.put(line, counts.verdict(), counts, own);
                continue;
            }
            if counts.passed.is_none() && counts.total.is_some() && counts.failed.is_some() && test_word {
                // "12 examples, 1 failure"; "Tests: 12, Assertions: 24, Failures: 1".
                let total = counts.total.unwrap_or(0);
                let counts = Counts {
                    passed: Some(
                        total.saturating_sub(counts.failed.unwrap_or(0)).saturating_sub(counts.skipped),
                    ),
                    ..counts
                };
                reader.put(line, counts.verdict(), counts, true);
                continue;
            }
            if counts.failed.is_some_and(|f| f > 0) && (pytest || ONLY_FAILED.is_in(line)) {
                let mut counts = counts;
                if let Some(previous) = reader.found.as_ref().filter(|f| f.failed == 0 && reader.since() <= 3)
                {
                    counts.passed = previous.passed;
                }
                reader.put(line, Says::Fail, counts, pytest);
                continue;
            }
        }
        if ALL_PASSED.is_in(line) {
            if reader.found.as_ref().is_none_or(|f| f.says != Says::Fail || reader.since() > 12) {
                let kept = reader.found.take().filter(|f| f.says == Says::Pass);
                match kept {
                    Some(kept) => reader.found = Some(kept),
                    None => reader.put(line, Says::Pass, counts_of_all(line), false),
                }
            }
        } else if SOME_FAILED.is_in(line) && reader.found.as_ref().is_none_or(|f| f.says != Says::Fail) {
            reader.put(line, Says::Fail, Counts::default(), false);
        }
    }
    let mut summary = reader.found?;
    summary.failing = failing;
    Some(summary)
}

fn counts_of_all(line: &str) -> Counts {
    let n = line.split(|c: char| !c.is_ascii_digit()).find_map(|w| w.parse().ok());
    Counts { passed: n, failed: Some(0), skipped: 0, total: n }
}

/// A line that holds little besides its numbers.
fn short(line: &str) -> bool {
    line.split_whitespace().count() <= 5
}

/// The hash by which a test's name is known: its last part, lower case.
pub(crate) fn name_hash(name: &str) -> u64 {
    let last = name.rsplit("::").next().unwrap_or(name);
    let last = last.split(['[', ' ']).next().unwrap_or(last);
    hash(last.to_ascii_lowercase().as_str())
}

/// What a build, a linter, a type checker or a deployment says at its end.
pub(crate) fn other(kind: CheckKind, text: &str) -> Option<Summary> {
    let mut found: Option<Summary> = None;
    let mut at = 0usize;
    for line in text.split_inclusive('\n') {
        at += line.len();
        let line = line.trim_end_matches(['\n', '\r']);
        if line.len() > 600 || !HINT.is_in(line) {
            continue;
        }
        let mut put = |says: Says, failed: u32| {
            found = Some(Summary {
                says,
                passed: None,
                failed,
                skipped: 0,
                total: None,
                line: crate::text::clip(line.trim(), LINE).to_owned(),
                end: at,
                own_form: true,
                failing: Vec::new(),
            });
        };
        let looks = matches!(kind, CheckKind::Lint | CheckKind::Types);
        if looks && let Some(c) = PROBLEMS.captures(line) {
            // "2 errors" of "5 problems (2 errors)": the second group wins.
            let n = number(c.get(2)).or_else(|| (1..=9).find_map(|i| number(c.get(i)))).unwrap_or(0);
            let n = if FIXED_ALL.is_in(line) { 0 } else { n };
            put(if n > 0 { Says::Fail } else { Says::Pass }, n);
        } else if looks && CONTENT.is_in(line) {
            put(Says::Pass, 0);
        } else if kind == CheckKind::Types && TSC_ERROR.is_in(line) {
            put(Says::Fail, 1);
        } else if kind != CheckKind::Types && COMPILE_FAILED.is_in(line) && !line.starts_with('#') {
            put(Says::Fail, 0);
        } else if kind == CheckKind::Build && BUILT.is_in(line) {
            put(Says::Pass, 0);
        }
    }
    found
}

/// Whether the check could not even start, and the line that says so.
pub(crate) fn could_not_start(text: &str) -> Option<&str> {
    text.lines().take(40).find(|line| line.len() < 600 && COULD_NOT.is_in(line))
}

/// Exit codes that the text prints on lines of their own: where each line ends, and the code.
pub(crate) fn printed_exits(text: &str) -> Vec<(usize, i32)> {
    let mut found = Vec::new();
    let mut at = 0usize;
    for line in text.split_inclusive('\n') {
        at += line.len();
        let line = line.trim();
        if line.is_empty() || line.len() > 60 {
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
