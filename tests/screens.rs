//! What the screens look like: every screen, in its states, at the sizes that matter.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod staged;

use medbay::console::{Msg, Replay, Screen};
use medbay::engine::Update;
use medbay::ledger::{State, Verdict};
use medbay::screen::{Depth, Role, Theme};
use medbay::trace::{RunId, StepId};
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

#[test]
fn an_empty_fleet_says_what_was_looked_for_and_what_to_type() {
    snapshots("fleet_empty", |columns, rows| {
        let mut staged = Staged::empty(columns, rows);
        staged.send(Msg::Update(Update::CaughtUp));
        staged
    });
}

#[test]
fn a_fleet_that_is_loading_says_so() {
    snapshots("fleet_loading", Staged::empty);
}

#[test]
fn a_fleet_with_a_problem_shows_it_and_the_toast() {
    snapshots("fleet_problem", |columns, rows| {
        let mut staged = Staged::empty(columns, rows);
        staged.send(Msg::Update(Update::Problem(
            "cannot read /home/ada/.claude/projects: permission denied".to_owned(),
        )));
        staged.send(Msg::Update(Update::CaughtUp));
        staged
    });
}

#[test]
fn a_lost_source_stays_listed_with_its_reason() {
    snapshots("fleet_lost", |columns, rows| {
        let mut staged = Staged::new(columns, rows);
        staged.send(Msg::Update(Update::Gone {
            run: RunId::new("5f1c-import"),
            reason: "its file was deleted at 11:40".to_owned(),
        }));
        staged
    });
}

#[test]
fn a_run_without_steps_and_no_run_at_all() {
    let mut staged = Staged::new(80, 24);
    staged.keys("GG<Enter>");
    insta::assert_snapshot!("run_listed_80x24", staged.screen());
    let mut staged = Staged::empty(80, 24);
    staged.model.screen = Screen::Run;
    insta::assert_snapshot!("run_none_80x24", staged.screen());
}

#[test]
fn texts_that_cannot_be_read() {
    let mut staged = Staged::new(80, 24);
    staged.keys("<Enter>");
    staged.send(Msg::StepText {
        run: RunId::new("5f1c-import"),
        step: StepId(11),
        texts: Err("the log has shrunk since; this record is gone".to_owned()),
    });
    insta::assert_snapshot!("run_text_lost_80x24", staged.screen());
}

#[test]
fn an_empty_desk_and_one_without_a_ledger() {
    let mut staged = Staged::empty(80, 24);
    staged.send(staged::ledger(Vec::new(), Vec::new()));
    staged.keys("3");
    insta::assert_snapshot!("desk_empty_80x24", staged.screen());
    let mut staged = Staged::empty(80, 24);
    staged.send(Msg::LedgerLost(
        "cannot open the ledger /home/ada/.local/share/medbay/ledger.db: it was written by a newer medbay"
            .to_owned(),
    ));
    staged.keys("3");
    staged.pass(20_000);
    insta::assert_snapshot!("desk_lost_80x24", staged.screen());
}

#[test]
fn the_desk_in_its_grace_time_and_while_a_veto_is_typed() {
    let mut staged = Staged::new(80, 24);
    let mut desk = staged::desk();
    desk[1].state = State::Approved;
    desk[1].grace_until = Some(staged::now() + jiff::SignedDuration::from_secs(5));
    desk[1].decision = Some(staged::decision(3, Verdict::Approve, "…", 0));
    staged.send(staged::ledger(desk, Vec::new()));
    staged.keys("3");
    insta::assert_snapshot!("desk_grace_80x24", staged.screen());
    staged.keys("jvit mended itself");
    insta::assert_snapshot!("desk_veto_80x24", staged.screen());
}

#[test]
fn the_editor() {
    snapshots("editor", |columns, rows| {
        let mut staged = Staged::new(columns, rows);
        staged.keys(if columns < 72 { "3<Enter>e" } else { "3e" });
        staged.with_editor("Please. ");
        staged
    });
}

#[test]
fn ascii() {
    let mut staged = Staged::new(80, 24);
    staged.theme = Theme::dark(Depth::None, true);
    insta::assert_snapshot!("fleet_ascii_80x24", staged.screen());
    staged.keys("<Enter>");
    staged.answer_texts();
    insta::assert_snapshot!("run_ascii_80x24", staged.screen());
}

#[test]
fn a_replay() {
    let mut staged = Staged::new(80, 24);
    staged.send(Msg::Replay(Replay {
        position: 36,
        of: 120,
        speed: 4.0,
        playing: false,
        clock: Some(staged::now()),
    }));
    insta::assert_snapshot!("replay_80x24", staged.screen());
}

#[test]
fn wide_and_tiny() {
    let mut staged = Staged::new(200, 60);
    staged.keys("<Enter>").answer_texts();
    insta::assert_snapshot!("run_200x60", staged.screen());
    insta::assert_snapshot!("fleet_40x10", Staged::new(40, 10).screen());
    insta::assert_snapshot!("fleet_39x9", Staged::new(39, 9).screen());
}

#[test]
fn colours_stand_for_bands_and_classes() {
    let mut staged = Staged::new(80, 24);
    let backend = staged.backend();
    let alarm = staged.theme.style(Role::Hallucination).fg;
    let glyph = backend.buffer().content().iter().find(|cell| cell.symbol() == "≠").unwrap();
    assert_eq!(Some(glyph.fg), alarm);
}
