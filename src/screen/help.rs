//! What lies over a screen.
use super::pen::Pen;
use crate::console::Model;
use crate::console::panes::Panes;
pub(super) fn overlay(_model: &Model, _panes: &Panes, _pen: &mut Pen<'_>) -> Option<(u16, u16)> {
    None
}
