//! The gate: all text that comes from a log passes here before it is drawn, sent, copied, stored or
//! reported. It makes control characters, escape sequences and bidirectional overrides visible
//! instead of effective, takes out secrets of known shapes, and keeps to a length.
//!
//! Pure, and at the bottom of the house: knows no other room.

mod clean;
mod redact;

use std::borrow::Cow;

pub use clean::{clean, clean_lines, is_hostile};
pub use redact::redact;

/// A piece of log text fit to be kept and shown: cleaned, redacted, on one line, at most `bytes` bytes.
pub fn excerpt(text: &str, bytes: usize) -> String {
    // The gate's work is proportional to the text: cut first, but leave room for a secret that
    // straddles the cut to be recognised.
    let head = clip(text.trim_start(), bytes.saturating_mul(4).saturating_add(256));
    let cleaned = clean(head);
    let shown = redact(&cleaned);
    let line = shown.trim_end();
    if line.len() <= bytes && head.len() == text.trim_start().len() {
        return line.to_owned();
    }
    if line.len() <= bytes.saturating_sub(3) {
        return format!("{line}…");
    }
    format!("{}…", clip(line, bytes.saturating_sub(3)).trim_end())
}

/// A whole text fit to be shown over several lines: cleaned and redacted, line ends kept.
pub fn shown(text: &str) -> String {
    redact(&clean_lines(text)).into_owned()
}

/// The longest beginning of `text` of at most `bytes` bytes that ends between characters.
pub fn clip(text: &str, bytes: usize) -> &str {
    if text.len() <= bytes {
        return text;
    }
    let mut end = bytes;
    while end > 0 && !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// The shortest tail of `text` that begins between characters and is at most `bytes` bytes long.
pub fn clip_front(text: &str, bytes: usize) -> &str {
    if text.len() <= bytes {
        return text;
    }
    let mut start = text.len() - bytes;
    while start < text.len() && !text.is_char_boundary(start) {
        start += 1;
    }
    text.get(start..).unwrap_or_default()
}

/// `text` as one JSON-quoted line, for messages that must show where it begins and ends.
pub fn quoted(text: &str, bytes: usize) -> String {
    format!("\"{}\"", excerpt(text, bytes).replace('"', "'"))
}

/// Text as it may stand in a `Cow` when nothing had to be changed.
pub(crate) type Maybe<'a> = Cow<'a, str>;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_excerpt_is_one_line_and_keeps_to_its_length() {
        let text = "first\nsecond\t\u{1b}[31mred ".repeat(50);
        let shown = excerpt(&text, 80);
        assert!(shown.len() <= 80, "{}", shown.len());
        assert!(!shown.contains('\n') && !shown.contains('\u{1b}'));
        assert!(shown.ends_with('…'));
    }

    #[test]
    fn a_secret_at_the_cut_is_still_taken_out() {
        let text = format!("{} sk-ant-api03-{}", "x".repeat(60), "A1b2".repeat(20));
        let shown = excerpt(&text, 80);
        assert!(!shown.contains("A1b2A1b2"), "{shown}");
    }

    proptest! {
        #[test]
        fn nothing_hostile_leaves_the_gate(text in "\\PC*|[\\x00-\\x9f\u{200b}-\u{200f}\u{202a}-\u{202e}\u{2066}-\u{2069}a-z ]{0,200}", bytes in 4usize..300) {
            let one = excerpt(&text, bytes);
            prop_assert!(one.len() <= bytes);
            prop_assert!(!one.chars().any(is_hostile));
            prop_assert!(!one.contains('\n'));
            prop_assert!(!shown(&text).chars().any(|c| c != '\n' && is_hostile(c)));
        }

        #[test]
        fn clipping_is_between_characters(text in "\\PC{0,80}", bytes in 0usize..100) {
            prop_assert!(clip(&text, bytes).len() <= bytes);
            prop_assert!(text.starts_with(clip(&text, bytes)));
            prop_assert!(text.ends_with(clip_front(&text, bytes)));
        }
    }
}
