//! Where things are on the screen: plain arithmetic on the terminal's size, so that what is drawn and
//! what is clicked agree.

use super::model::{Model, Screen};

/// A rectangle of cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Area {
    /// Leftmost column.
    pub x: u16,
    /// Topmost row.
    pub y: u16,
    /// Columns.
    pub width: u16,
    /// Rows.
    pub height: u16,
}

impl Area {
    /// Whether a cell is inside.
    pub fn holds(self, column: u16, row: u16) -> bool {
        column >= self.x
            && row >= self.y
            && column < self.x.saturating_add(self.width)
            && row < self.y.saturating_add(self.height)
    }

    /// The first row below.
    pub fn bottom(self) -> u16 {
        self.y.saturating_add(self.height)
    }

    /// The first column to the right.
    pub fn right(self) -> u16 {
        self.x.saturating_add(self.width)
    }

    /// The upper `rows` of it, and the rest.
    pub fn split_top(self, rows: u16) -> (Self, Self) {
        let rows = rows.min(self.height);
        (Self { height: rows, ..self }, Self { y: self.y + rows, height: self.height - rows, ..self })
    }

    /// All but the lowest `rows`, and those.
    pub fn split_bottom(self, rows: u16) -> (Self, Self) {
        self.split_top(self.height.saturating_sub(rows))
    }

    /// The left `columns` of it, and the rest.
    pub fn split_left(self, columns: u16) -> (Self, Self) {
        let columns = columns.min(self.width);
        (Self { width: columns, ..self }, Self { x: self.x + columns, width: self.width - columns, ..self })
    }

    /// Without a margin of one cell on every side.
    pub fn inner(self) -> Self {
        Self {
            x: self.x.saturating_add(1),
            y: self.y.saturating_add(1),
            width: self.width.saturating_sub(2),
            height: self.height.saturating_sub(2),
        }
    }
}

/// Below these sizes nothing but one line is drawn.
pub const LEAST_COLUMNS: u16 = 40;
/// See [`LEAST_COLUMNS`].
pub const LEAST_ROWS: u16 = 10;
/// Below this width one pane is shown at a time.
pub const ONE_PANE_COLUMNS: u16 = 72;

/// Where everything is. A pane of no height or width is not shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Panes {
    /// The line at the top.
    pub title: Area,
    /// The frame of the screen, its border included.
    pub frame: Area,
    /// The line at the bottom: hints, or what is being typed.
    pub hint: Area,
    /// The chart of the whole run, two rows.
    pub strip: Area,
    /// The line of column names.
    pub heads: Area,
    /// The list's rows.
    pub list: Area,
    /// The column between list and detail.
    pub splitter: Area,
    /// What is said of the selected row.
    pub detail: Area,
    /// The row that divides detail and text.
    pub tabs: Area,
    /// The step's text.
    pub text: Area,
    /// Whether one pane is shown at a time.
    pub one: bool,
    /// Whether the terminal is too small for anything but one line.
    pub tiny: bool,
}

impl Panes {
    /// Where everything is, for a model as it stands.
    pub fn of(model: &Model) -> Self {
        let (columns, rows) = (model.columns, model.rows);
        let whole = Area { x: 0, y: 0, width: columns, height: rows };
        if columns < LEAST_COLUMNS || rows < LEAST_ROWS {
            return Self { title: whole.split_top(1).0, tiny: true, ..Self::default() };
        }
        let (title, rest) = whole.split_top(1);
        let (frame, hint) = rest.split_bottom(1);
        let panes = Self { title, frame, hint, one: columns < ONE_PANE_COLUMNS, ..Self::default() };
        match model.screen {
            Screen::Fleet => panes.fleet(),
            Screen::Run => panes.run(model),
            Screen::Desk => panes.desk(model),
            Screen::Decisions => panes.decisions(model),
        }
    }

    fn fleet(mut self) -> Self {
        let inside = self.frame.inner();
        let (heads, mut list) = inside.split_top(1);
        self.heads = heads;
        if !self.one && inside.height >= 12 {
            let (above, below) = list.split_bottom(6);
            list = above;
            // The divider is the first row below.
            self.tabs = below.split_top(1).0;
            self.detail = below.split_top(1).1;
        }
        self.list = list;
        self
    }

    fn run(mut self, model: &Model) -> Self {
        let mut inside = self.frame.inner();
        if inside.height >= 14 {
            let (strip, rest) = inside.split_top(2);
            self.strip = strip;
            // A divider between strip and steps.
            inside = rest.split_top(1).1;
        }
        if self.one {
            if model.run.zoomed {
                let (above, below) = inside.split_bottom(inside.height / 2);
                self.detail = above;
                let (tabs, text) = below.split_top(1);
                (self.tabs, self.text) = (tabs, text);
            } else {
                self.list = inside;
            }
            return self;
        }
        if inside.height >= 9 {
            let rows = (inside.height / 4).clamp(3, 14) + 1;
            let (above, below) = inside.split_bottom(rows);
            let (tabs, text) = below.split_top(1);
            (self.tabs, self.text) = (tabs, text);
            inside = above;
        }
        self.split(inside, model.run_split)
    }

    fn desk(mut self, model: &Model) -> Self {
        let inside = self.frame.inner();
        if self.one {
            if model.desk.zoomed {
                self.detail = inside;
            } else {
                self.list = inside;
            }
            return self;
        }
        self.split(inside, model.desk_split)
    }

    fn decisions(mut self, model: &Model) -> Self {
        let inside = self.frame.inner();
        if model.decisions.open {
            self.detail = inside;
        } else {
            let (heads, list) = inside.split_top(1);
            (self.heads, self.list) = (heads, list);
        }
        self
    }

    fn split(mut self, inside: Area, percent: u16) -> Self {
        let least = 24.min(inside.width / 2);
        let columns = (u32::from(inside.width) * u32::from(percent) / 100) as u16;
        let columns = columns.clamp(least, inside.width.saturating_sub(least).max(least));
        let (list, rest) = inside.split_left(columns);
        let (splitter, detail) = rest.split_left(1);
        (self.list, self.splitter, self.detail) = (list, splitter, detail);
        self
    }
}
