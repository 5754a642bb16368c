//! How many passed, failed and were left out, as one line gives them.

use super::{Says, number};
use crate::detect::pattern::patterns;

patterns! {
    RATIO = r"(?i)\b(\d+(?:,\d{3})*)\s*(?:/|of|out of)\s*(\d+(?:,\d{3})*)\s+(?:tests?\s+|checks?\s+|cases?\s+|specs?\s+)?(?:passed|passing|pass|succeeded|ok)\b|\b(?:passed|pass|tests passed)\s*[:=]?\s*(\d+(?:,\d{3})*)\s*(?:/|of|out of)\s*(\d+(?:,\d{3})*)";
    // Number before word.
    PAIR = r"(?i)\b(\d+(?:,\d{3})*)\s+(?:(?:tests?|examples?|specs?|assertions?|checks?|cases?|test cases?|test suites?|expectations?)\s+)?(passed|passing|pass|succeeded|successful|failed|failing|failures?|fail|errors?|errored|skipped|skips|pending|ignored|xfailed|xpassed|todo|total|deselected|tests|examples|runs|warnings?)\b";
    // Word before number.
    NAMED = r"(?i)\b(passed|failed|failures|errors|skipped|incomplete|risky|total|tests run|tests|total tests|succeeded|ignored|pass|fail)\s*[:=]\s*(\d+(?:,\d{3})*)";
}

/// Counts as a line gives them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) passed: Option<u32>,
    pub(super) failed: Option<u32>,
    pub(super) skipped: u32,
    pub(super) total: Option<u32>,
}

impl Counts {
    pub(super) fn none(self) -> bool {
        self.passed.is_none() && self.failed.is_none() && self.total.is_none()
    }

    pub(super) fn verdict(self) -> Says {
        if self.failed.is_some_and(|f| f > 0) {
            Says::Fail
        } else if self.passed.unwrap_or(0) == 0 && self.total.unwrap_or(0) == 0 {
            Says::Empty
        } else {
            Says::Pass
        }
    }

    pub(super) fn of(line: &str) -> Self {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_compile() {
        assert_eq!(patterns_that_do_not_compile(), [""; 0]);
    }
}
