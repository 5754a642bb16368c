//! Screen 6.
use super::pen::Pen;
use crate::console::Model;
use crate::console::panes::Panes;
pub(super) fn draw(_model: &Model, panes: &Panes, pen: &mut Pen<'_>) {
    pen.frame(panes.frame, "decisions", "");
}
