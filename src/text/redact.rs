//! Takes out secrets of known shapes. Better one harmless string too many than one key on a screen.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::Maybe;

/// Shapes of secrets, each with a name that stands in for what was taken out. The first group, where
/// there is one, is kept in front. The ends of words are those of ASCII: others make a search slow where
/// the text is not ASCII, as every text is in which the gate has made line ends visible.
const SHAPES: &[(&str, &str)] = &[
    ("private key", r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\z)"),
    ("Anthropic key", r"(?-u:\b)sk-ant-[A-Za-z0-9_-]{8,}"),
    ("API key", r"(?-u:\b)sk-(?:proj-|svcacct-|or-v1-)?[A-Za-z0-9_-]{16,}"),
    ("GitHub token", r"(?-u:\b)(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})"),
    ("GitLab token", r"(?-u:\b)glpat-[A-Za-z0-9_-]{16,}"),
    ("AWS key", r"(?-u:\b)(?:AKIA|ASIA)[0-9A-Z]{16}(?-u:\b)"),
    ("Google key", r"(?-u:\b)AIza[0-9A-Za-z_-]{30,}"),
    ("Slack token", r"(?-u:\b)xox[abposr]-[A-Za-z0-9-]{10,}"),
    ("Stripe key", r"(?-u:\b)[rs]k_(?:live|test)_[A-Za-z0-9]{10,}"),
    ("Hugging Face token", r"(?-u:\b)hf_[A-Za-z0-9]{20,}"),
    ("npm token", r"(?-u:\b)npm_[A-Za-z0-9]{30,}"),
    ("JSON web token", r"(?-u:\b)eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}"),
    ("bearer token", r"(?i)((?-u:\b)authorization\s*[:=]\s*(?:bearer|basic|token)\s+)[A-Za-z0-9._~+/=-]{8,}"),
    (
        "password",
        r#"(?i)((?-u:\b)[a-z0-9_-]*(?:password|passwd|secret|api[_-]?key|access[_-]?token|auth[_-]?token|private[_-]?token)["']?\s*[:=]\s*["']?)[^\s"',;&]{8,}"#,
    ),
    ("credentials", r"((?-u:\b)[a-z][a-z0-9+.-]*://[^\s/:@]+:)[^\s/@]{3,}(?:@)"),
];

static PATTERNS: LazyLock<Vec<(&'static str, Regex)>> = LazyLock::new(|| {
    // The shapes are constants and a test compiles them all: one that does not compile is a defect
    // that the test finds, and is left out here.
    SHAPES.iter().filter_map(|(name, shape)| Regex::new(shape).ok().map(|r| (*name, r))).collect()
});

/// Words and letters without which no shape can match: spares most texts the patterns.
static HINT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?i-u:BEGIN [A-Z ]*PRIVATE|sk-|gh[pousr]_|github_pat|glpat-|AKIA|ASIA|AIza|xox[abposr]-",
        r"|[rs]k_(?:live|test)|hf_|npm_|eyJ|authorization|passw|secret|api[_-]?key|(?:access|auth|private)[_-]?token)|://[^\s/:@]+:",
    ))
    .ok()
});

/// Replaces secrets of known shapes by `«redacted: NAME»`.
pub fn redact(text: &str) -> Maybe<'_> {
    if HINT.as_ref().is_some_and(|hint| !hint.is_match(text)) {
        return Maybe::Borrowed(text);
    }
    let mut shown = Maybe::Borrowed(text);
    for (name, pattern) in PATTERNS.iter() {
        if pattern.is_match(&shown) {
            let redacted = pattern
                .replace_all(&shown, |found: &Captures<'_>| {
                    let kept = found.get(1).map_or("", |m| m.as_str());
                    let host = if *name == "credentials" { "@" } else { "" };
                    format!("{kept}«redacted: {name}»{host}")
                })
                .into_owned();
            shown = Maybe::Owned(redacted);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_compiles() {
        assert_eq!(PATTERNS.len(), SHAPES.len());
        assert!(HINT.is_some());
    }

    #[test]
    fn secrets_of_known_shapes_are_taken_out() {
        for secret in [
            "sk-ant-api03-EXAMPLEexampleEXAMPLE",
            "sk-proj-EXAMPLE0123456789abcdef",
            "ghp_EXAMPLEexample0123456789abcd",
            "AKIAEXAMPLE012345678",
            "xoxb-1234567890-EXAMPLE",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
            "-----BEGIN RSA PRIVATE KEY-----\nMIIEXAMPLE\n-----END RSA PRIVATE KEY-----",
        ] {
            let shown = redact(secret).into_owned();
            assert!(shown.starts_with("«redacted: "), "{secret} gave {shown}");
            assert!(!shown.contains("EXAMPLE") && !shown.contains("c2lnbmF0dXJl"), "{shown}");
        }
        assert_eq!(redact("DB_PASSWORD=hunter2hunter2 next"), "DB_PASSWORD=«redacted: password» next");
        assert_eq!(redact("postgres://me:s3cret@db/x"), "postgres://me:«redacted: credentials»@db/x");
        assert_eq!(
            redact("Authorization: Bearer abcdefgh12345"),
            "Authorization: Bearer «redacted: bearer token»"
        );
    }

    #[test]
    fn ordinary_text_is_left_alone() {
        for text in
            ["the password is too short", "ask-me-anything", "task-list: done", "https://example.com:8080/a"]
        {
            assert_eq!(redact(text), text);
        }
    }
}
