//! A page of text with parts in different roles: laid out into lines of a width, then drawn from a
//! line on. For texts of some dozens of lines; long logs are drawn by `Pen::paragraph`.

use unicode_width::UnicodeWidthStr as _;

use crate::console::panes::Area;
use crate::text;

use super::pen::{Pen, wrapped};
use super::theme::Role;

/// One line: texts with their roles.
type Line = Vec<(String, Role)>;

/// A page.
pub(super) struct Page {
    width: u16,
    lines: Vec<Line>,
}

impl Page {
    /// An empty page of a width.
    pub(super) fn new(width: u16) -> Self {
        Self { width, lines: Vec::new() }
    }

    /// How many lines there are.
    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    /// Adds an empty line.
    pub(super) fn gap(&mut self) {
        self.lines.push(Vec::new());
    }

    /// Adds one line as it is.
    pub(super) fn line(&mut self, parts: &[(&str, Role)]) {
        self.lines.push(parts.iter().map(|(t, r)| ((*t).to_owned(), *r)).collect());
    }

    /// Adds a heading.
    pub(super) fn heading(&mut self, word: &str, rest: &str) {
        self.line(&[(word, Role::Title), (" ", Role::Dim), (rest, Role::Dim)]);
    }

    /// Adds a text over as many lines as it takes, each behind `lead`.
    pub(super) fn text(&mut self, lead: &str, text: &str, role: Role) {
        let clean = text::clean_lines(text);
        let room = self.width.saturating_sub(lead.width() as u16);
        for line in wrapped(&clean, room) {
            self.lines.push(vec![(lead.to_owned(), Role::Dim), (line.to_owned(), role)]);
        }
    }

    /// Adds a text whose words have different roles, over as many lines as it takes.
    pub(super) fn flow(&mut self, lead: &str, parts: &[(String, Role)]) {
        let room = usize::from(self.width).saturating_sub(lead.width()).max(1);
        let mut line: Line = vec![(lead.to_owned(), Role::Dim)];
        let mut used = 0;
        for (part, role) in parts {
            let clean = text::clean_lines(part);
            for piece in clean.split_inclusive([' ', '\n']) {
                let word = piece.trim_end_matches('\n');
                let cells = word.trim_end().width();
                if used > 0 && used + cells > room {
                    self.lines.push(std::mem::take(&mut line));
                    line.push((lead.to_owned(), Role::Dim));
                    used = 0;
                }
                // The blank behind the last word of a line has no room and needs none.
                let word = if used + word.width() > room { word.trim_end() } else { word };
                line.push((word.to_owned(), *role));
                used += word.width();
                if piece.ends_with('\n') {
                    self.lines.push(std::mem::take(&mut line));
                    line.push((lead.to_owned(), Role::Dim));
                    used = 0;
                }
            }
        }
        self.lines.push(line);
    }

    /// Adds two texts side by side with a line between them, at most `most` lines of each.
    pub(super) fn beside(&mut self, left: (&str, Role), right: (&str, Role), bar: &str, most: usize) {
        let half = self.width.saturating_sub(3) / 2;
        let (a, b) = (text::clean_lines(left.0), text::clean_lines(right.0));
        let a: Vec<&str> = wrapped(&a, half).take(most).collect();
        let b: Vec<&str> = wrapped(&b, half).take(most).collect();
        for at in 0..a.len().max(b.len()) {
            let cell = a.get(at).copied().unwrap_or("");
            let pad = usize::from(half).saturating_sub(cell.width());
            self.lines.push(vec![
                (format!("{cell}{}", " ".repeat(pad)), left.1),
                (format!(" {bar} "), Role::Border),
                (b.get(at).copied().unwrap_or("").to_owned(), right.1),
            ]);
        }
    }

    /// Draws the page from a line on; a line too far on shows its end. Says in the corner how much
    /// is below.
    pub(super) fn draw(&self, pen: &mut Pen<'_>, area: Area, scroll: usize) {
        let height = usize::from(area.height);
        let top = scroll.min(self.lines.len().saturating_sub(height));
        for (line, y) in self.lines.iter().skip(top).zip(area.y..area.bottom()) {
            let parts: Vec<(&str, Role)> = line.iter().map(|(t, r)| (t.as_str(), *r)).collect();
            pen.parts(area.x, y, area.width, &parts);
        }
        let below = self.lines.len().saturating_sub(top + height);
        if below > 0 {
            let more = format!(" {below} more, J ");
            pen.text_right(area.x, area.right(), area.bottom().saturating_sub(1), &more, Role::Notice);
        }
    }
}
