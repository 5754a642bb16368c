//! The editor.
use super::theme::Theme;
use crate::console::Model;
use crate::console::panes::{Area, Panes};
use ratatui::Frame;
/// The widget.
pub struct Editor;
pub(super) fn area(_model: &Model, _panes: &Panes) -> Option<Area> {
    None
}
pub(super) fn draw(
    _model: &Model,
    _area: Area,
    _editor: Option<&Editor>,
    _frame: &mut Frame<'_>,
    _theme: &Theme,
) {
}
