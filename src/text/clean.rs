//! Makes what could act on a terminal, or mislead an eye, visible.

use super::Maybe;

/// Whether a character may not reach a terminal as it is: C0 and C1 controls, DEL, bidirectional
/// controls, zero-width and other invisible format characters, line and paragraph separators.
pub fn is_hostile(c: char) -> bool {
    matches!(c,
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}'
        | '\u{ad}' | '\u{61c}' | '\u{180e}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Cleans a text onto one line: a line end becomes `⏎`, a tab a space, anything else hostile its mark.
pub fn clean(text: &str) -> Maybe<'_> {
    cleaned(text, false)
}

/// Cleans a text and keeps its line ends; a tab becomes four spaces.
pub fn clean_lines(text: &str) -> Maybe<'_> {
    cleaned(text, true)
}

fn cleaned(text: &str, keep_lines: bool) -> Maybe<'_> {
    let Some(first) = text.find(|c| is_hostile(c) && !(keep_lines && c == '\n')) else {
        return Maybe::Borrowed(text);
    };
    let (head, tail) = text.split_at(first);
    let mut out = String::with_capacity(text.len() + 16);
    out.push_str(head);
    let mut rest = tail.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\n' if keep_lines => out.push('\n'),
            '\r' if rest.peek() == Some(&'\n') => {}
            '\n' => out.push('⏎'),
            '\t' if keep_lines => out.push_str("    "),
            '\t' => out.push(' '),
            c if is_hostile(c) => push_mark(&mut out, c),
            c => out.push(c),
        }
    }
    Maybe::Owned(out)
}

/// The visible mark of a hostile character: the control pictures of Unicode for C0 and DEL, the code
/// point in brackets for the rest.
fn push_mark(out: &mut String, c: char) {
    let code = u32::from(c);
    match code {
        0..=0x1f => out.extend(char::from_u32(0x2400 + code)),
        0x7f => out.push('␡'),
        _ => out.push_str(&format!("‹{code:04X}›")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_become_marks() {
        assert_eq!(clean("a\u{1b}]52;c;aGk=\u{7}b"), "a␛]52;c;aGk=␇b");
        assert_eq!(clean("\u{9b}31m"), "‹009B›31m");
        assert_eq!(clean("safe\u{202e}gpj.exe"), "safe‹202E›gpj.exe");
    }

    #[test]
    fn plain_text_is_not_copied() {
        assert!(matches!(clean("naïve 日本語 ✓"), Maybe::Borrowed(_)));
        assert!(matches!(clean_lines("two\nlines"), Maybe::Borrowed(_)));
    }

    #[test]
    fn line_ends_are_kept_or_shown() {
        assert_eq!(clean("a\r\nb\n"), "a⏎b⏎");
        assert_eq!(clean_lines("a\r\nb\tc"), "a\nb    c");
    }
}
