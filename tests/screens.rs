//! What the screens look like: every screen, in its states, at the sizes that matter.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod staged;

use staged::Staged;

const SIZES: [(u16, u16); 3] = [(60, 20), (80, 24), (120, 40)];

fn snapshots(name: &str, stage: impl Fn(u16, u16) -> Staged) {
    for (columns, rows) in SIZES {
        let screen = stage(columns, rows).screen();
        insta::assert_snapshot!(format!("{name}_{columns}x{rows}"), screen);
    }
}

#[test]
fn fleet() {
    snapshots("fleet", Staged::new);
}

#[test]
fn run() {
    snapshots("run", |columns, rows| {
        let mut staged = Staged::new(columns, rows);
        staged.keys("<Enter>").answer_texts();
        staged
    });
}

#[test]
fn desk() {
    snapshots("desk", |columns, rows| {
        let mut staged = Staged::new(columns, rows);
        staged.keys("3");
        staged
    });
}

#[test]
fn desk_opened_at_sixty_columns() {
    let mut staged = Staged::new(60, 20);
    staged.keys("3<Enter>");
    insta::assert_snapshot!("desk_opened_60x20", staged.screen());
}

#[test]
fn decisions() {
    snapshots("decisions", |columns, rows| {
        let mut staged = Staged::new(columns, rows);
        staged.keys("6");
        staged
    });
}

#[test]
fn one_decision() {
    snapshots("decision", |columns, rows| {
        let mut staged = Staged::new(columns, rows);
        staged.keys("6<Enter>");
        staged
    });
}

#[test]
fn help() {
    snapshots("help", |columns, rows| {
        let mut staged = Staged::new(columns, rows);
        staged.keys("3?");
        staged
    });
}

#[test]
fn palette() {
    snapshots("palette", |columns, rows| {
        let mut staged = Staged::new(columns, rows);
        staged.keys(":de");
        staged
    });
}
