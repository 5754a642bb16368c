//! The clipboard, by the terminal's own means (OSC 52): works over ssh, and through tmux where
//! `set-clipboard` allows it. What is copied passes the gate first.

use std::io::{self, Write};

use crate::text;

/// The longest text that is copied, in bytes: terminals take no more.
pub const COPIED_BYTES: usize = 74_000;

/// Puts a text on the clipboard. Gives the number of characters copied.
pub fn copy(out: &mut impl Write, text: &str) -> io::Result<usize> {
    let shown = text::shown(text::clip(text, COPIED_BYTES));
    let clipped = text::clip(&shown, COPIED_BYTES);
    write!(out, "\u{1b}]52;c;{}\u{7}", base64(clipped.as_bytes()))?;
    out.flush()?;
    Ok(clipped.chars().count())
}

/// Base64 of RFC 4648, padded.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let letter = |bits: u32| {
        let at = (bits & 63) as usize;
        char::from(LETTERS.get(at).copied().unwrap_or(b'A'))
    };
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let mut padded = [0u8; 4];
        for (to, from) in padded.iter_mut().skip(1).zip(chunk) {
            *to = *from;
        }
        let bits = u32::from_be_bytes(padded);
        out.push(letter(bits >> 18));
        out.push(letter(bits >> 12));
        out.push(if chunk.len() > 1 { letter(bits >> 6) } else { '=' });
        out.push(if chunk.len() > 2 { letter(bits) } else { '=' });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_rfc() {
        for (plain, coded) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }

    #[test]
    fn what_is_copied_has_passed_the_gate() {
        let mut out = Vec::new();
        copy(&mut out, "a\u{1b}]0;x\u{7}b").unwrap();
        let expected = format!("\u{1b}]52;c;{}\u{7}", base64("a␛]0;x␇b".as_bytes()));
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
