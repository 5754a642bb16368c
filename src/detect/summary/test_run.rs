//! What a test run prints at its end. The last summary in a text counts.

use super::counts::Counts;
use super::{COULD_NOT, HINT, LINE, NAMES, Says, Summary, name_hash, number};
use crate::detect::checks::name_of;
use crate::detect::pattern::patterns;

patterns! {
    // What every line has that a summary of a test run, or the name of a failing test, is read from.
    MAY_TELL = r"(?i-u)pass|fail|\bok\b|tests?\b|examples?\b|error|succe|warning|selected|skipped|rerun|collected 0|rspec";
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
    PHPUNIT_OK = r"^OK \((\d+) tests?(?:, \d+ assertions?)?\)";
    SUREFIRE = r"Tests run: (\d+),\s+Failures: (\d+)(?:, Errors: (\d+))?(?:, Skipped: (\d+))?";
    GRADLE_TESTS = r"^(\d+) tests? completed, (\d+) failed";
    DOTNET = r"^\s*(Passed|Failed)!\s+-\s+Failed:\s*(\d+), Passed:\s*(\d+), Skipped:\s*(\d+), Total:\s*(\d+)";
    TAP = r"^(?:#|ℹ) (tests|pass|fail|skipped) (\d+)";
    ALL_PASSED = r"(?i)^\W*(?:all (?:\d+ )?(?:tests?|checks|specs)(?: have)? (?:passed|succeeded)|tests? passed|test suite passed|all tests successful)\b";
    SOME_FAILED = r"(?i)^\W*(?:(?:some )?tests? failed|test suite failed|there (?:were|was) (?:test )?failures?|FAILURES!|result: FAIL)\b";
    FAILING_NAME = r"^(?:FAIL|ERROR): (\w+)|^(?:FAILED|ERROR) (\S*?)::([\w:\[\]-]+)|^test (\S+) \.\.\. FAILED|--- FAIL: (\S+)|^\s+(?:✕|✗|×|✘) (.{3,80}?)(?: \(?\d+ ?m?s\)?)?$|^\s+FAIL \[.*?\] +\S+ (\S+)|^\s*(?:FAIL|❯)\s+(\S+\.\w+)\b|^(\w+) > (.+?)(?:\(\))? FAILED$|^\d+\) (?:\S+\\)?(\w+)::(\w+)|^//\S*:(\S+)\s+FAILED|^\[ERROR\]\s+(\w+)[.#](\w+):|^rspec (\S+?):\d|^\s+Failed (?:\S+\.)?(\w+) \[|^\s*\d+ - (\S+) \(Failed\)";
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
            warnings: 0,
            line: crate::text::clip(line.trim(), LINE).to_owned(),
            end: self.end,
            own_form,
            failing: Vec::new(),
        });
    }
}

/// The last summary of a test run in a text.
pub(crate) fn tests(text: &str) -> Option<Summary> {
    if !MAY_TELL.is_in(text) && (text.is_ascii() || !text.contains(MARKS)) {
        return None;
    }
    let mut reader = Reader::default();
    let mut failing: Vec<u64> = Vec::new();
    let mut ran: Option<u32> = None;
    let mut cargo: Option<Counts> = None;
    let mut go = (0u32, 0u32, 0u32, 0u32); // packages ok, failed, without tests; tests passed (-v)
    let mut at = 0usize;
    for (row, line) in text.split_inclusive('\n').enumerate() {
        at += line.len();
        let line = line.trim_end_matches(['\n', '\r']);
        if line.len() > 600
            || !HINT.is_in(line)
            || !(MAY_TELL.is_in(line) || !line.is_ascii() && line.contains(MARKS))
        {
            continue;
        }
        if failing.len() < NAMES
            && may_name(line)
            && let Some(found) = FAILING_NAME.captures(line)
        {
            failing.extend(found.iter().skip(1).flatten().map(|name| name_hash(name_of(name.as_str()))));
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

/// Marks of a failing test.
const MARKS: [char; 5] = ['✕', '✗', '×', '✘', '❯'];

/// Whether a line may name a failing test: spares most lines the pattern.
fn may_name(line: &str) -> bool {
    ["FAIL", "ERROR", "Failed", "rspec"].iter().any(|word| line.contains(word))
        || !line.is_ascii() && line.contains(MARKS)
        || line.contains("::") && line.starts_with(char::is_numeric)
}

/// A line that holds little besides its numbers.
fn short(line: &str) -> bool {
    line.split_whitespace().count() <= 5
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_compile() {
        assert_eq!(patterns_that_do_not_compile(), [""; 0]);
    }
}
