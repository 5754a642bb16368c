//! Of what sort a fault is, by the words of the line that tells of it.

use crate::detect::speech::{has_any, has_any_word};

/// What sort of fault it is, as far as it matters for what to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    /// It ran out of time.
    Timeout,
    /// It may well succeed when done again: a broken connection, a busy server, a rate limit.
    Transient,
    /// The caller may not do it.
    Access,
    /// What was asked for is not there.
    Absent,
    /// The arguments do not fit.
    Arguments,
    /// A test run, build or lint found something: normal work.
    Check,
    /// Anything else.
    Other,
}

impl Sort {
    /// Whether doing the same again, with nothing changed, cannot help.
    pub(crate) fn lasting(self) -> bool {
        matches!(self, Self::Access | Self::Absent | Self::Arguments)
    }

    /// Whether doing the same again after a pause may help.
    pub(crate) fn passing(self) -> bool {
        matches!(self, Self::Timeout | Self::Transient)
    }
}
const TIMEOUT: &[&str] = &["timed out", "timeout", "deadline exceeded", "time limit"];

const TRANSIENT: &[&str] = &[
    "connection reset",
    "connection refused",
    "connection aborted",
    "connection error",
    "rate limit",
    "ratelimit",
    "too many requests",
    "internal server error",
    "internal error",
    "could not be processed",
    "gateway timeout",
    "bad gateway",
    "service unavailable",
    "temporarily",
    "try again later",
    "overloaded",
    "econnreset",
    "econnrefused",
    "remote end closed",
    "broken pipe",
    "network is unreachable",
    "failed to connect",
    "could not connect",
    "could not resolve host",
    "temporary failure",
];
const TRANSIENT_CODES: &[&str] = &["429", "500", "502", "503", "504", "529", "e429", "e500", "e502", "e503"];

const ACCESS: &[&str] = &[
    "permission denied",
    "forbidden",
    "unauthorized",
    "access denied",
    "not permitted",
    "authentication failed",
    "authentication required",
    "invalid api key",
    "not authorized",
    "eacces",
    "eperm",
    "not allowed",
    "requires approval",
];
const ACCESS_CODES: &[&str] = &["401", "403", "e401", "e403"];

const ABSENT: &[&str] = &[
    "not found",
    "no such file",
    "does not exist",
    "doesn't exist",
    "no module named",
    "command not found",
    "enoent",
    "cannot find",
    "could not find",
    "unknown command",
    "not exist",
];
const ABSENT_CODES: &[&str] = &["404", "410", "e404"];

const ARGUMENTS: &[&str] = &[
    "unexpected keyword argument",
    "missing required",
    "required positional argument",
    "required property",
    "required argument",
    "required parameter",
    "inputvalidationerror",
    "validation error",
    "schema",
    "is not one of",
    "unrecognized argument",
    "unknown option",
    "invalid option",
    "unexpected argument",
    "invalid parameter",
    "invalid argument",
    "unexpected parameter",
    "unknown argument",
    "missing argument",
    "invalid type",
];

/// Words that mark the line which says what went wrong, in lower case.
pub(super) const MARKS: &[&str] = &[
    "error",
    "exception",
    "fatal",
    "fail",
    "not found",
    "denied",
    "no such",
    "panicked",
    "invalid",
    "cannot",
    "can't",
    "refused",
    "timed out",
    "timeout",
    "unable",
    "forbidden",
    "unauthorized",
    "missing",
    "does not exist",
    "not permitted",
    "no module named",
    "abort",
    "killed",
];

/// The sort of a fault, by the line that tells of it.
pub(crate) fn sort(line: &str) -> Sort {
    let lower = line.to_ascii_lowercase();
    if has_any(&lower, TIMEOUT) {
        Sort::Timeout
    } else if has_any(&lower, TRANSIENT) || has_any_word(&lower, TRANSIENT_CODES) {
        Sort::Transient
    } else if has_any(&lower, ACCESS) || has_any_word(&lower, ACCESS_CODES) {
        Sort::Access
    } else if has_any(&lower, ARGUMENTS) {
        Sort::Arguments
    } else if has_any(&lower, ABSENT) || has_any_word(&lower, ABSENT_CODES) {
        Sort::Absent
    } else {
        Sort::Other
    }
}
