//! A log that is followed while it grows ends up as the same log read at once: whatever the pieces, and
//! whenever somebody looked in between.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use medbay::engine::{Board, Judge, Reach, Reading, RunView, Update, read};
use medbay::source::{Discoverer, FoundRun, Roots};

/// A small generator of pieces, the same each time.
struct Pieces(u64);

impl Pieces {
    fn next(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        1 + (self.0 >> 33) as usize % most
    }
}

fn runs_below(root: &Path) -> Vec<FoundRun> {
    let mut discoverer = Discoverer::new(None);
    discoverer.runs(&Roots::named([root.to_owned()])).0
}

fn only(board: &Board) -> &RunView {
    assert_eq!(board.runs().len(), 1);
    &board.runs()[0]
}

fn at_once(run: &FoundRun) -> Board {
    let mut whole = read::whole(run, &Judge::embedded()).unwrap();
    let mut board = Board::default();
    board.apply(Update::Run(Box::new(whole.assessor.delta(true, whole.sources, Reach::Observed))));
    board
}

/// Copies a run's files piece by piece, and looks after each piece.
fn in_pieces(run: &FoundRun, seed: u64) -> Board {
    let folder = tempfile::tempdir().unwrap();
    let mut copied = run.clone();
    let mut left: Vec<(PathBuf, Vec<u8>)> = Vec::new();
    for (number, source) in copied.sources.iter_mut().enumerate() {
        let bytes = fs::read(&source.path).unwrap();
        source.path = folder.path().join(format!("{number}.jsonl"));
        fs::write(&source.path, "").unwrap();
        left.push((source.path.clone(), bytes));
    }
    let mut pieces = Pieces(seed);
    let mut reading = Reading::new(&copied, Judge::embedded());
    let mut board = Board::default();
    let mut buffer = Vec::new();
    while left.iter().any(|(_, bytes)| !bytes.is_empty()) {
        let which = pieces.next(left.len()) - 1;
        let (path, bytes) = &mut left[which];
        let most = 1 + bytes.len() / 8 + 2000;
        let length = pieces.next(most).min(bytes.len());
        let mut file = OpenOptions::new().append(true).open(path).unwrap();
        file.write_all(&bytes[..length]).unwrap();
        bytes.drain(..length);
        while reading.work(&mut buffer).more {}
        board.apply(Update::Run(Box::new(reading.delta(Reach::Observed))));
    }
    reading.close();
    while reading.work(&mut buffer).more {}
    if reading.out_of_order() {
        reading.restart();
        while reading.work(&mut buffer).more {}
    }
    board.apply(Update::Run(Box::new(reading.delta(Reach::Observed))));
    board
}

fn check(root: &Path) -> usize {
    let runs = runs_below(root);
    for (number, run) in runs.iter().enumerate() {
        let once = at_once(run);
        let pieces = in_pieces(run, number as u64);
        let (once, pieces) = (only(&once), only(&pieces));
        let name = &run.sources[0].path.display();
        assert_eq!(pieces.steps.len(), once.steps.len(), "steps of {name}");
        for (piece, whole) in pieces.steps.iter().zip(&once.steps) {
            assert_eq!(piece, whole, "{name}");
        }
        assert_eq!(pieces.findings.len(), once.findings.len(), "findings of {name}");
        for (piece, whole) in pieces.findings.iter().zip(&once.findings) {
            assert_eq!(format!("{piece:?}"), format!("{whole:?}"), "findings of {name}");
        }
        assert_eq!(pieces.summary.judged, once.summary.judged, "{name}");
        assert_eq!(pieces.summary.state, once.summary.state, "{name}");
        assert_eq!(pieces.summary.unknown, once.summary.unknown, "{name}");
        assert_eq!(pieces.summary.records, once.summary.records, "{name}");
    }
    runs.len()
}

#[test]
fn the_bundled_runs() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-runs");
    assert!(check(&root) >= 8);
}

#[test]
fn runs_of_real_programs() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    if !shared.is_dir() {
        eprintln!("skipped: {} is not there", shared.display());
        return;
    }
    let mut count = 0;
    for below in ["real-clients/claude", "real-clients/codex", "formats/claude-code", "formats/codex"] {
        count += check(&shared.join(below));
    }
    assert!(count >= 30, "{count}");
}
