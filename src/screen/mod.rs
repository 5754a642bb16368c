//! Drawing: the model in, cells out. Names ratatui, changes nothing, knows no terminal.
//!
//! Only visible rows are looked at, so that a frame costs the same over ten steps and a million.
//! All text goes through [`pen::Pen`], which passes it through the gate. To add a screen: a file with
//! a `draw` function, an arm in [`draw`].

mod decisions;
mod desk;
pub mod editor;
mod fleet;
pub mod glyphs;
mod help;
mod layout;
mod page;
pub mod pen;
mod run;
pub mod theme;

use ratatui::Frame;

use crate::console::panes::Panes;
use crate::console::{Model, Screen};

pub use editor::Editor;
pub use theme::{Depth, Role, Theme, ThemeError};

use pen::Pen;

/// Draws the whole console. `editor` is the widget of the text that is being edited, if there is one.
pub fn draw(model: &Model, theme: &Theme, editor: Option<&Editor>, frame: &mut Frame<'_>) {
    let area = frame.area();
    let panes = Panes::of(model);
    let mut pen = Pen::new(frame.buffer_mut(), theme);
    pen.wash(layout::area(area), Role::Text);
    // A resize that the model has not heard of yet draws nothing half.
    if area.width != model.columns || area.height != model.rows {
        return;
    }
    if panes.tiny {
        layout::one_line(model, &panes, &mut pen);
        return;
    }
    layout::title(model, &panes, &mut pen);
    match model.screen {
        Screen::Fleet => fleet::draw(model, &panes, &mut pen),
        Screen::Run => run::draw(model, &panes, &mut pen),
        Screen::Desk => desk::draw(model, &panes, &mut pen),
        Screen::Decisions => decisions::draw(model, &panes, &mut pen),
    }
    layout::toast(model, &panes, &mut pen);
    layout::hint(model, &panes, &mut pen);
    if let Some(area) = editor::area(model, &panes) {
        editor::draw(model, area, editor, frame, theme);
    }
    let mut pen = Pen::new(frame.buffer_mut(), theme);
    help::overlay(model, &panes, &mut pen);
    if let Some((x, y)) = layout::cursor(model, &panes) {
        frame.set_cursor_position((x, y));
    }
}
