//! The pen that draws into the buffer: the only way in which text gets onto the screen. It passes
//! every text through the gate once more, cuts by graphemes and cells, and keeps to ASCII where the
//! terminal has no more.

use ratatui::buffer::Buffer;
use ratatui::style::Style;
use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr as _;

use crate::console::panes::Area;
use crate::text;

use super::glyphs::Glyphs;
use super::theme::{Role, Theme};

/// The longest grapheme that is drawn, in bytes: more marks than this on one letter are a prank.
const LONGEST: usize = 40;

/// Draws into a buffer.
pub struct Pen<'a> {
    buffer: &'a mut Buffer,
    theme: &'a Theme,
}

impl<'a> Pen<'a> {
    /// A pen over a buffer.
    pub fn new(buffer: &'a mut Buffer, theme: &'a Theme) -> Self {
        Self { buffer, theme }
    }

    /// The theme.
    pub fn theme(&self) -> &'a Theme {
        self.theme
    }

    /// The glyphs.
    pub fn glyphs(&self) -> &'static Glyphs {
        self.theme.glyphs
    }

    /// The style of a role.
    pub fn style(&self, role: Role) -> Style {
        self.theme.style(role)
    }

    /// Draws a text on one line within `width` cells from a cell on; what does not fit is cut, with a
    /// mark. Gives the cells used.
    pub fn text(&mut self, x: u16, y: u16, width: u16, text: &str, role: Role) -> u16 {
        self.styled(x, y, width, text, self.style(role))
    }

    /// Like [`Pen::text`], with a style.
    pub fn styled(&mut self, x: u16, y: u16, width: u16, text: &str, style: Style) -> u16 {
        if width == 0 {
            return 0;
        }
        // No more than can be shown is looked at: four bytes a cell and some for what has no width.
        let head = text::clip(text, usize::from(width) * 16 + 64);
        let clean = text::clean(head);
        let mut used = 0u16;
        let mut last = (x, 0u16);
        for grapheme in clean.graphemes(true) {
            let (grapheme, cells) = self.fit(grapheme);
            if cells == 0 {
                continue;
            }
            if used + cells > width {
                // Make room for the mark: the last grapheme goes if the line is full.
                let (at, wide) = if used == width { last } else { (x + used, 1) };
                for dx in 0..wide {
                    self.put(at + dx, y, " ", style);
                }
                self.put(at, y, self.glyphs().cut, style);
                return width.min(at + 1 - x);
            }
            last = (x + used, cells);
            self.put(x + used, y, grapheme, style);
            for dx in 1..cells {
                self.put(x + used + dx, y, " ", style);
            }
            used += cells;
        }
        used
    }

    /// Draws a text so that it ends before the column `right`, not left of `left`. Gives its first column.
    pub fn text_right(&mut self, left: u16, right: u16, y: u16, text: &str, role: Role) -> u16 {
        let width = self.cells(text).min(right.saturating_sub(left));
        self.text(right - width, y, width, text, role);
        right - width
    }

    /// How many cells a text takes.
    pub fn cells(&self, text: &str) -> u16 {
        let clean = text::clean(text::clip(text, 4_096));
        let cells = clean.graphemes(true).map(|g| usize::from(self.fit(g).1)).sum::<usize>();
        cells.min(usize::from(u16::MAX)) as u16
    }

    fn fit<'g>(&self, grapheme: &'g str) -> (&'g str, u16) {
        if self.glyphs().ascii && !grapheme.is_ascii() {
            return (Glyphs::plain(grapheme), 1);
        }
        if grapheme.len() > LONGEST {
            return ("\u{fffd}", 1);
        }
        (grapheme, grapheme.width().min(2) as u16)
    }

    fn put(&mut self, x: u16, y: u16, symbol: &str, style: Style) {
        if let Some(cell) = self.buffer.cell_mut((x, y)) {
            cell.set_symbol(symbol).set_style(style);
        }
    }

    /// Lays a style over cells.
    pub fn wash(&mut self, area: Area, role: Role) {
        let style = self.style(role);
        for y in area.y..area.bottom() {
            for x in area.x..area.right() {
                if let Some(cell) = self.buffer.cell_mut((x, y)) {
                    cell.set_style(style);
                }
            }
        }
    }

    /// Empties cells.
    pub fn clear(&mut self, area: Area) {
        for y in area.y..area.bottom() {
            for x in area.x..area.right() {
                if let Some(cell) = self.buffer.cell_mut((x, y)) {
                    cell.reset();
                }
            }
        }
    }

    /// Draws a frame with a title on the left and one on the right of its upper line.
    pub fn frame(&mut self, area: Area, left: &str, right: &str) {
        if area.width < 2 || area.height < 2 {
            return;
        }
        let [tl, tr, bl, br, h, v, ..] = self.glyphs().frame;
        let style = self.style(Role::Border);
        let (x0, y0, x1, y1) = (area.x, area.y, area.right() - 1, area.bottom() - 1);
        for x in x0 + 1..x1 {
            self.put(x, y0, h, style);
            self.put(x, y1, h, style);
        }
        for y in y0 + 1..y1 {
            self.put(x0, y, v, style);
            self.put(x1, y, v, style);
        }
        for (x, y, corner) in [(x0, y0, tl), (x1, y0, tr), (x0, y1, bl), (x1, y1, br)] {
            self.put(x, y, corner, style);
        }
        self.titles(area.x + 1, area.right() - 1, y0, left, right);
    }

    /// Draws a line across a frame, at a row, with titles.
    pub fn divider(&mut self, x0: u16, x1: u16, y: u16, left: &str, right: &str) {
        let [.., h, _, ll, rr, _, _] = self.glyphs().frame;
        let style = self.style(Role::Border);
        self.put(x0, y, ll, style);
        for x in x0 + 1..x1 {
            self.put(x, y, h, style);
        }
        self.put(x1, y, rr, style);
        self.titles(x0 + 1, x1, y, left, right);
    }

    /// Draws an upright line from row `y0` to before row `y1`, joined to the lines above and below.
    pub fn upright(&mut self, x: u16, y0: u16, y1: u16) {
        let [_, _, _, _, _, v, _, _, down, up] = self.glyphs().frame;
        let style = self.style(Role::Border);
        for y in y0..y1 {
            self.put(x, y, v, style);
        }
        for (y, joint) in [(y0.saturating_sub(1), down), (y1, up)] {
            self.put(x, y, joint, style);
        }
    }

    fn titles(&mut self, x0: u16, x1: u16, y: u16, left: &str, right: &str) {
        let mut end = x1;
        if !right.is_empty() && x1 > x0 + 4 {
            let room = (x1 - x0).saturating_sub(self.cells(left).min((x1 - x0) / 2) + 5);
            let width = self.cells(right).min(room);
            if width >= 3 {
                let at = x1 - 2 - width;
                self.put(at, y, " ", Style::new());
                self.text(at + 1, y, width, right, Role::Dim);
                self.put(x1 - 1, y, " ", Style::new());
                end = at;
            }
        }
        if !left.is_empty() && end > x0 + 3 {
            self.put(x0, y, " ", Style::new());
            let used = self.text(x0 + 1, y, end - x0 - 3, left, Role::Title);
            self.put(x0 + 1 + used, y, " ", Style::new());
        }
    }

    /// Draws parts one after another on one line. Gives the cells used.
    pub fn parts(&mut self, x: u16, y: u16, width: u16, parts: &[(&str, Role)]) -> u16 {
        let mut used = 0;
        for (text, role) in parts {
            used += self.text(x + used, y, width - used, text, *role);
        }
        used
    }

    /// Draws a text over several lines, broken between words, from its line `skip` on. Gives the
    /// lines drawn.
    pub fn paragraph(&mut self, area: Area, skip: usize, text: &str, role: Role) -> u16 {
        let mut y = area.y;
        for line in wrapped(text, area.width).skip(skip) {
            if y >= area.bottom() {
                break;
            }
            self.text(area.x, y, area.width, line, role);
            y += 1;
        }
        y - area.y
    }

    /// Puts the cells' places of a grid of bars: a bar from the left, eighths of a cell wide.
    pub fn bar(&mut self, x: u16, y: u16, width: u16, share: f64, against: bool, role: Role) {
        let [solid, shaded] = self.glyphs().bars;
        let eighths = (share.clamp(0.0, 1.0) * f64::from(width) * 8.0).round() as u16;
        let (full, part) = (eighths / 8, eighths % 8);
        let style = self.style(role);
        let glyph = if against { solid } else { shaded };
        for dx in 0..full.min(width) {
            self.put(x + dx, y, glyph, style);
        }
        if full < width && part > 0 {
            const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
            if against && !self.glyphs().ascii {
                let symbol = PARTS.get(usize::from(part)).copied().unwrap_or("");
                self.put(x + full, y, symbol, style);
            } else if part >= 4 || full == 0 {
                self.put(x + full, y, glyph, style);
            }
        }
    }
}

/// A text's lines, broken between words so that each takes at most `width` cells. A word that is
/// longer is broken where it must be.
pub fn wrapped(text: &str, width: u16) -> impl Iterator<Item = &str> {
    let width = usize::from(width.max(1));
    text.split('\n').flat_map(move |line| Wrap { rest: Some(line.trim_end_matches('\r')), width })
}

struct Wrap<'a> {
    rest: Option<&'a str>,
    width: usize,
}

impl<'a> Iterator for Wrap<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.rest?;
        let mut cells = 0;
        let mut blank = None;
        for (at, grapheme) in rest.grapheme_indices(true) {
            // What is hostile is drawn as a mark of up to seven cells.
            let wide = match grapheme.chars().next() {
                Some(c) if text::is_hostile(c) => self.mark(grapheme),
                _ => grapheme.width().min(2),
            };
            if cells + wide > self.width && at > 0 {
                let cut = blank.filter(|b| *b > 0 && grapheme != " ").unwrap_or(at);
                let (line, tail) = rest.split_at_checked(cut).unwrap_or((rest, ""));
                self.rest = Some(tail.trim_start_matches(' ')).filter(|t| !t.is_empty());
                return Some(line.trim_end_matches(' '));
            }
            cells += wide;
            if grapheme == " " {
                blank = Some(at + 1);
            }
        }
        self.rest = None;
        Some(rest)
    }
}

impl Wrap<'_> {
    fn mark(&self, grapheme: &str) -> usize {
        text::clean(grapheme).width().min(self.width)
    }
}

#[cfg(test)]
mod tests {
    use ratatui::layout::Rect;

    use super::super::theme::Depth;
    use super::*;

    fn drawn(width: u16, text: &str, ascii: bool) -> String {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 12, 1));
        let theme = Theme::dark(Depth::None, ascii);
        Pen::new(&mut buffer, &theme).text(0, 0, width, text, Role::Text);
        let mut shown = String::new();
        let mut x = 0;
        while x < 12 {
            let symbol = buffer.cell((x, 0)).unwrap().symbol();
            shown.push_str(symbol);
            x += (symbol.width() as u16).max(1);
        }
        shown.trim_end().to_owned()
    }

    #[test]
    fn what_does_not_fit_is_cut_with_a_mark() {
        assert_eq!(drawn(8, "12345678", false), "12345678");
        assert_eq!(drawn(8, "123456789", false), "1234567…");
        assert_eq!(drawn(5, "日本語", false), "日本…");
        assert_eq!(drawn(4, "日本語", false), "日…");
        assert_eq!(drawn(1, "ab", false), "…");
    }

    #[test]
    fn hostile_text_is_drawn_as_marks_and_ascii_keeps_to_ascii() {
        assert_eq!(drawn(12, "a\u{1b}[31mb", false), "a␛[31mb");
        assert_eq!(drawn(12, "é … 日 x", true), "? ~ ? x");
    }

    #[test]
    fn lines_break_between_words() {
        let lines: Vec<&str> = wrapped("one two  three\n\nabcdefghij k", 6).collect();
        assert_eq!(lines, ["one", "two", "three", "", "abcdef", "ghij k"]);
        assert_eq!(wrapped("", 5).collect::<Vec<_>>(), [""]);
    }
}
