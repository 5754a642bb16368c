//! A list that is looked at while it changes. Its selection is an id, not a number; once its reader
//! has moved, what is there keeps its place and what is new comes below, counted.

use std::collections::HashSet;
use std::hash::Hash;

/// Rows of a list by their ids.
#[derive(Clone, Debug)]
pub struct Rows<Id> {
    order: Vec<Id>,
    selected: Option<Id>,
    at: usize,
    top: usize,
    sorted: bool,
    keeps: bool,
    fresh: usize,
}

impl<Id: Clone + Eq + Hash> Rows<Id> {
    /// An empty list. `keeps`: its selection stays on the id that it is on even before its reader has
    /// moved; otherwise it stays on the first row until then.
    pub fn new(keeps: bool) -> Self {
        Self { order: Vec::new(), selected: None, at: 0, top: 0, sorted: true, keeps, fresh: 0 }
    }

    /// All rows.
    pub fn order(&self) -> &[Id] {
        &self.order
    }

    /// The selected row's id.
    pub fn selected(&self) -> Option<&Id> {
        self.selected.as_ref()
    }

    /// The selected row's position.
    pub fn at(&self) -> usize {
        self.at
    }

    /// The position of the first row on the screen.
    pub fn top(&self) -> usize {
        self.top
    }

    /// Whether rows stand in their own order; false once the reader has moved.
    pub fn sorted(&self) -> bool {
        self.sorted
    }

    /// How many rows came since the reader moved.
    pub fn fresh(&self) -> usize {
        self.fresh
    }

    /// Takes in what there is now, in its own order. Says whether the selection is on another row.
    pub fn refresh(&mut self, now: Vec<Id>) -> bool {
        let before = self.selected.clone();
        if self.sorted {
            self.order = now;
            let kept = self
                .selected
                .as_ref()
                .filter(|_| self.keeps)
                .and_then(|id| self.order.iter().position(|o| o == id));
            self.at = kept.unwrap_or(0);
        } else {
            let there: HashSet<&Id> = now.iter().collect();
            let old = std::mem::take(&mut self.order);
            let known: HashSet<Id> = old.iter().cloned().collect();
            let gone_above = old.iter().take(self.at).filter(|id| !there.contains(id)).count();
            self.order = old.into_iter().filter(|id| there.contains(id)).collect();
            self.at = self.at.saturating_sub(gone_above);
            self.top = self.top.saturating_sub(gone_above);
            for id in now {
                if !known.contains(&id) {
                    self.order.push(id);
                    self.fresh += 1;
                }
            }
        }
        self.at = self.at.min(self.order.len().saturating_sub(1));
        self.selected = self.order.get(self.at).cloned();
        self.selected != before
    }

    /// Takes another set of rows, as after a change of the filter: their own order, the selection kept
    /// where it is still there.
    pub fn replace(&mut self, now: Vec<Id>) {
        self.order = now;
        self.fresh = 0;
        self.at = self.selected.as_ref().and_then(|id| self.order.iter().position(|o| o == id)).unwrap_or(0);
        self.selected = self.order.get(self.at).cloned();
    }

    /// Moves the selection by rows; the list then keeps its place.
    pub fn step(&mut self, by: i64) {
        let last = self.order.len().saturating_sub(1);
        let to = (self.at as i64).saturating_add(by).clamp(0, last as i64);
        self.go(to as usize);
    }

    /// Selects the row at a position.
    pub fn go(&mut self, at: usize) {
        self.sorted = false;
        self.at = at.min(self.order.len().saturating_sub(1));
        self.selected = self.order.get(self.at).cloned();
        if self.at + 1 == self.order.len() {
            self.fresh = 0;
        }
    }

    /// Selects the row with this id, if it is there.
    pub fn select(&mut self, id: &Id) -> bool {
        match self.order.iter().position(|o| o == id) {
            Some(at) => {
                self.go(at);
                true
            }
            None => false,
        }
    }

    /// Back to the first row and to the rows' own order, with the next refresh.
    pub fn release(&mut self) {
        self.sorted = true;
        self.fresh = 0;
        self.at = 0;
        self.top = 0;
        self.selected = self.order.first().cloned();
    }

    /// Brings the selection into a window of this height.
    pub fn settle(&mut self, height: usize) {
        self.top = window(self.top, self.at, height, self.order.len());
    }
}

/// The first row of a window of `height` rows over `count`, so that row `at` is inside, moved as
/// little as can be.
pub fn window(top: usize, at: usize, height: usize, count: usize) -> usize {
    let top = top.min(count.saturating_sub(height.max(1)));
    if at < top {
        at
    } else if height > 0 && at >= top + height {
        at + 1 - height
    } else {
        top
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn before_the_reader_moves_the_first_row_is_selected() {
        let mut rows = Rows::new(false);
        rows.refresh(vec![1, 2]);
        assert_eq!(rows.selected(), Some(&1));
        rows.refresh(vec![3, 1, 2]);
        assert_eq!(rows.selected(), Some(&3));
    }

    #[test]
    fn once_the_reader_has_moved_nothing_moves() {
        let mut rows = Rows::new(false);
        rows.refresh(vec![1, 2, 3]);
        rows.step(1);
        assert!(!rows.refresh(vec![9, 3, 2, 1]));
        assert_eq!(rows.order(), &[1, 2, 3, 9]);
        assert_eq!((rows.selected(), rows.fresh()), (Some(&2), 1));
        rows.release();
        rows.refresh(vec![9, 3, 2, 1]);
        assert_eq!((rows.order(), rows.selected()), (&[9, 3, 2, 1][..], Some(&9)));
    }

    #[test]
    fn a_row_that_goes_above_does_not_move_the_selection_on_the_screen() {
        let mut rows = Rows::new(false);
        rows.refresh((0..50).collect());
        rows.go(20);
        rows.settle(10);
        let seen_at = rows.at() - rows.top();
        rows.refresh((5..50).collect());
        rows.settle(10);
        assert_eq!((rows.selected(), rows.at() - rows.top()), (Some(&20), seen_at));
    }

    #[test]
    fn a_list_that_keeps_says_when_its_selection_is_gone() {
        let mut rows = Rows::new(true);
        rows.refresh(vec![1, 2]);
        assert!(!rows.refresh(vec![7, 1, 2]));
        assert_eq!(rows.selected(), Some(&1));
        assert!(rows.refresh(vec![7, 2]));
    }

    #[test]
    fn a_window_moves_as_little_as_can_be() {
        assert_eq!(window(0, 5, 10, 100), 0);
        assert_eq!(window(0, 10, 10, 100), 1);
        assert_eq!(window(50, 20, 10, 100), 20);
        assert_eq!(window(50, 3, 10, 4), 0);
        assert_eq!(window(0, 0, 0, 0), 0);
    }
}
