//! The rules of the claims family. Numbers are those of the list of signals in the project's issue on
//! detectors.

use crate::detect::{Aspect, Basis, Class, Rule};

macro_rules! rule {
    ($name:ident, $id:literal, $class:ident, $aspect:ident, $summary:literal, $example:literal) => {
        pub(super) static $name: Rule = Rule {
            id: $id,
            class: Class::$class,
            basis: Basis::External,
            speaks_of: Aspect::$aspect,
            summary: $summary,
            example: $example,
            proven: true,
        };
    };
}

// 9: a claim about a check against the latest matching run after the last edit.
rule!(
    CONTRADICTED,
    "claim.contradicted",
    Hallucination,
    Support,
    "Says that a check passes; its latest run after the last edit failed.",
    "says 42 of 42 passed; the runner printed 39 passed, 3 failed"
);
rule!(
    STALE,
    "claim.stale",
    Hallucination,
    Support,
    "Says that a check passes; something was edited after its last run.",
    "says that the tests pass; src/importer.py was edited after they were last run (step 14)"
);
rule!(
    MASKED,
    "claim.masked",
    Hallucination,
    Support,
    "Says that a check passes; its run hid the outcome.",
    "says that the build passes; it was run as `make | tail -1`, which hides its exit status"
);
rule!(
    BACKGROUND,
    "claim.background",
    Hallucination,
    Support,
    "Says that a check passes; it ran in the background and nobody looked.",
    "says that the tests pass; `cargo test` was started in the background and its output was never read"
);
rule!(
    UNSUPPORTED,
    "claim.unsupported",
    Hallucination,
    Support,
    "Says that a check passes; none was run.",
    "says that the linter is happy; no linter was run"
);
rule!(
    EMPTY_RUN,
    "claim.empty-run",
    Hallucination,
    Support,
    "Says that tests pass; the run held none.",
    "says that all tests pass; the run collected 0 tests"
);
rule!(
    NARROWER,
    "claim.narrower",
    Hallucination,
    Support,
    "Says that all tests pass; a whole run failed and only a part of it was run again.",
    "says that the whole suite passes; it failed at step 20, and since then only tests/test_rate.py was run"
);
// 19: a report that is older than the work.
rule!(
    STALE_REPORT,
    "claim.stale-report",
    Hallucination,
    Support,
    "Says that a check passes, by a report that is older than the last edit.",
    "says 16 tests pass; report.txt, which it read (step 9), was written before retry.py was changed (step 7)"
);
// 10: numbers.
rule!(
    COUNT_DIFFERS,
    "claim.count-differs",
    Hallucination,
    Support,
    "Gives numbers of tests that the runner did not print.",
    "says that 128 tests pass; the runner printed 126 passed"
);
rule!(
    SHRUNK,
    "claim.denominator-shrank",
    Hallucination,
    Support,
    "Says that tests pass; there are fewer than when some failed.",
    "says that all 57 tests pass; 60 were run when three of them failed"
);
// 15: a source that could not be read.
rule!(
    SOURCE_UNREAD,
    "claim.source-unread",
    Hallucination,
    Support,
    "Gives a page as the source of what it says; fetching that page failed.",
    "gives docs.acme.dev/limits as its source; fetching it failed (step 4)"
);
// 18: a result without a call.
rule!(
    NO_CALL,
    "claim.no-call",
    Hallucination,
    Support,
    "Tells the result of something done by a call; no call was made.",
    "says that the refund was booked; no call was made"
);
// 8: an error, then a claim of success of the same thing.
rule!(
    AFTER_ERROR,
    "claim.after-error",
    Hallucination,
    Support,
    "Says that something was done; the last call that did it failed.",
    "says that the branch was pushed; the last `git push` (step 31) was rejected"
);
// 11: a file that was never written.
rule!(
    FILE_UNWRITTEN,
    "claim.file-unwritten",
    Hallucination,
    Support,
    "Says that a file was created or changed; nothing wrote or showed it.",
    "says that docs/setup.md was created; nothing wrote it and nothing showed it"
);

/// All of them.
pub(super) static ALL: &[&Rule] = &[
    &CONTRADICTED,
    &STALE,
    &MASKED,
    &BACKGROUND,
    &UNSUPPORTED,
    &STALE_REPORT,
    &EMPTY_RUN,
    &NARROWER,
    &COUNT_DIFFERS,
    &SHRUNK,
    &SOURCE_UNREAD,
    &NO_CALL,
    &AFTER_ERROR,
    &FILE_UNWRITTEN,
];
