//! One line of input: the filter, a command, the reason of a veto. Holds text and a cursor.

use unicode_segmentation::UnicodeSegmentation as _;

use super::key::{Code, Key};

/// The longest line, in bytes: a paste of a book stops here.
const LINE_BYTES: usize = 2_000;

/// A line that is being typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    text: String,
    cursor: usize,
}

impl Line {
    /// A line that holds this text, the cursor at its end.
    pub fn of(text: &str) -> Self {
        Self { text: text.to_owned(), cursor: text.len() }
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What stands before the cursor, and what from it on.
    pub fn halves(&self) -> (&str, &str) {
        self.text.split_at_checked(self.cursor).unwrap_or((&self.text, ""))
    }

    /// Inserts text at the cursor; line ends become spaces, what cannot be typed is left out.
    pub fn insert(&mut self, text: &str) {
        let clean: String = text
            .chars()
            .map(|c| if matches!(c, '\n' | '\r' | '\t') { ' ' } else { c })
            .filter(|c| !crate::text::is_hostile(*c))
            .collect();
        let room = LINE_BYTES.saturating_sub(self.text.len());
        let clean = crate::text::clip(&clean, room);
        self.text.insert_str(self.cursor, clean);
        self.cursor += clean.len();
    }

    /// Takes a key. Says whether the line took it.
    pub fn key(&mut self, key: Key) -> bool {
        if let Some(c) = key.typed() {
            self.insert(c.encode_utf8(&mut [0; 4]));
            return true;
        }
        match (key.code, key.ctrl) {
            (Code::Backspace, false) | (Code::Char('h'), true) => {
                let from = self.before();
                self.text.replace_range(from..self.cursor, "");
                self.cursor = from;
            }
            (Code::Delete, _) => {
                let to = self.after();
                self.text.replace_range(self.cursor..to, "");
            }
            (Code::Left, _) => self.cursor = self.before(),
            (Code::Right, _) => self.cursor = self.after(),
            (Code::Home, _) | (Code::Char('a'), true) => self.cursor = 0,
            (Code::End, _) | (Code::Char('e'), true) => self.cursor = self.text.len(),
            (Code::Char('u'), true) => {
                self.text.replace_range(..self.cursor, "");
                self.cursor = 0;
            }
            (Code::Char('w'), true) | (Code::Backspace, true) => {
                let head = self.halves().0.trim_end();
                let from = head.rfind(' ').map_or(0, |at| at + 1);
                self.text.replace_range(from..self.cursor, "");
                self.cursor = from;
            }
            _ => return false,
        }
        true
    }

    fn before(&self) -> usize {
        let last = self.halves().0.graphemes(true).next_back();
        self.cursor - last.map_or(0, str::len)
    }

    fn after(&self) -> usize {
        let next = self.halves().1.graphemes(true).next();
        self.cursor + next.map_or(0, str::len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_edits_by_graphemes() {
        let mut line = Line::of("añ👩‍🔧");
        line.key(Key::of(Code::Backspace));
        assert_eq!(line.text(), "añ");
        line.key(Key::of(Code::Left));
        line.key(Key::char('x'));
        assert_eq!(line.text(), "axñ");
        line.key(Key::ctrl('u'));
        assert_eq!(line.text(), "ñ");
    }

    #[test]
    fn a_word_goes_at_once_and_pasted_line_ends_become_spaces() {
        let mut line = Line::default();
        line.insert("two\nwords\u{1b}[31m");
        assert_eq!(line.text(), "two words[31m");
        line.key(Key::ctrl('w'));
        assert_eq!(line.text(), "two ");
    }
}
