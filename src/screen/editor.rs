//! The editor of a proposal's text: the widget, which takes keys, and its drawing. The model holds
//! what it holds; the terminal room owns the widget.

use ratatui::Frame;
use ratatui::style::Style;
use tui_textarea::{CursorMove, Input, Key as Typed, TextArea, WrapMode};

use crate::console::panes::{Area, Panes};
use crate::console::{Code, Editing, Key, Model, Overlay, Question};
use crate::text;

use super::glyphs::Glyphs;
use super::layout::rect;
use super::pen::{Pen, wrapped};
use super::theme::{Role, Theme};

/// The widget that edits a proposal's text.
pub struct Editor {
    area: TextArea<'static>,
    taken: u32,
}

impl Editor {
    /// An editor over a text, the cursor at its start.
    pub fn new(editing: &Editing) -> Self {
        Self { area: widget(&editing.text), taken: editing.taken }
    }

    /// Takes the model's text where that came from elsewhere.
    pub fn sync(&mut self, editing: &Editing) {
        if self.taken != editing.taken {
            *self = Self::new(editing);
        }
    }

    /// Takes a key. Says whether the text changed.
    pub fn press(&mut self, key: Key) -> bool {
        let typed = match key.code {
            Code::Char(c) if text::is_hostile(c) => return false,
            Code::Char(c) => Typed::Char(c),
            Code::Enter => Typed::Enter,
            Code::Backspace => Typed::Backspace,
            Code::Delete => Typed::Delete,
            Code::Tab => return self.paste("    "),
            Code::Up => Typed::Up,
            Code::Down => Typed::Down,
            Code::Left => Typed::Left,
            Code::Right => Typed::Right,
            Code::Home => Typed::Home,
            Code::End => Typed::End,
            Code::PageUp => Typed::PageUp,
            Code::PageDown => Typed::PageDown,
            Code::Esc | Code::BackTab | Code::Insert | Code::F(_) => return false,
        };
        self.area.input(Input { key: typed, ctrl: key.ctrl, alt: key.alt, shift: false })
    }

    /// Takes pasted text. Says whether the text changed.
    pub fn paste(&mut self, pasted: &str) -> bool {
        self.area.insert_str(text::clean_lines(pasted).as_ref())
    }

    /// The text.
    pub fn text(&self) -> String {
        self.area.lines().join("\n")
    }
}

fn widget(text: &str) -> TextArea<'static> {
    // The widget draws by itself, so what it holds must have passed the gate.
    let clean = text::clean_lines(text);
    let mut area = TextArea::new(clean.split('\n').map(str::to_owned).collect());
    area.set_wrap_mode(WrapMode::WordOrGlyph);
    area.set_max_histories(1_000);
    area.move_cursor(CursorMove::Top);
    area
}

/// What is being edited, also while a question about it is asked.
fn edited(model: &Model) -> Option<&Editing> {
    match model.overlay.as_ref()? {
        Overlay::Editing(editing)
        | Overlay::Confirm { question: Question::Quit { editing } | Question::Discard { editing }, .. } => {
            Some(editing)
        }
        _ => None,
    }
}

/// Where the editor is drawn, if something is being edited.
pub(super) fn area(model: &Model, panes: &Panes) -> Option<Area> {
    edited(model)?;
    let frame = panes.frame;
    let width = frame.width.min(96);
    let height = frame.height.min(18);
    Some(Area {
        x: frame.x + (frame.width - width) / 2,
        y: frame.y + (frame.height - height) / 2,
        width,
        height,
    })
}

/// Draws the editor; without the widget, the text alone.
pub(super) fn draw(model: &Model, area: Area, editor: Option<&Editor>, frame: &mut Frame<'_>, theme: &Theme) {
    let Some(editing) = edited(model) else { return };
    let dot = theme.glyphs.dot;
    let characters = editing.text.chars().count();
    let mut counts = format!("{characters} characters {dot} ~{} tokens", characters.div_ceil(4));
    if editing.changed() {
        counts = format!("changed {dot} {counts}");
    }
    let inside = {
        let mut pen = Pen::new(frame.buffer_mut(), theme);
        pen.clear(area);
        pen.wash(area, Role::Text);
        pen.frame(area, &format!("edit {}", editing.proposal), &counts);
        let inside = area.inner();
        let inside = Area { x: inside.x + 1, width: inside.width.saturating_sub(2), ..inside };
        if editor.is_none() {
            for (line, y) in wrapped(&editing.text, inside.width).zip(inside.y..inside.bottom()) {
                pen.text(inside.x, y, inside.width, line, Role::Text);
            }
        }
        inside
    };
    let Some(editor) = editor else { return };
    let mut shown = editor.area.clone();
    shown.set_style(theme.style(Role::Text));
    shown.set_cursor_line_style(Style::new());
    frame.render_widget(&shown, rect(inside));
    if theme.glyphs.ascii {
        let buffer = frame.buffer_mut();
        for y in inside.y..inside.bottom() {
            for x in inside.x..inside.right() {
                if let Some(cell) = buffer.cell_mut((x, y))
                    && !cell.symbol().is_ascii()
                {
                    let plain = Glyphs::plain(cell.symbol());
                    cell.set_symbol(plain);
                }
            }
        }
    }
}
