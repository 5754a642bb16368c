//! The console as a person meets it: the program in a terminal, over a log that grows while it runs.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod terminal;

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use terminal::{PATIENCE, Terminal};

fn put(path: &Path, lines: &[&str]) {
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    for line in lines {
        writeln!(file, "{line}").unwrap();
    }
}

const BEGINNING: &[&str] = &[
    r#"{"type":"run","medbay":1,"run":"pty-run","title":"speed up the import"}"#,
    r#"{"type":"prompt","text":"Speed up the import. All tests must pass."}"#,
    r#"{"type":"call","id":"c1","tool":"bash","input":{"command":"cargo test"}}"#,
    r#"{"type":"result","id":"c1","status":"error","exit_code":101,"text":"running 42 tests\ntest result: FAILED. 39 passed; 3 failed; 0 ignored\n"}"#,
];

const FALSE_CLAIM: &str = r#"{"type":"message","text":"All 42 tests pass and the import is twice as fast."}"#;

fn bytes_hold(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}

/// The terminal is as it was: main screen, no mouse, no paste marks, a cursor.
fn restored(bytes: &[u8]) {
    for end in ["\u{1b}[?1049l", "\u{1b}[?1000l", "\u{1b}[?2004l", "\u{1b}[?25h"] {
        let last = bytes.windows(end.len()).rposition(|w| w == end.as_bytes());
        let begin = end.replace('l', "h");
        let begin = if end.ends_with('h') { end.replace('h', "l") } else { begin };
        let begun = bytes.windows(begin.len()).rposition(|w| w == begin.as_bytes());
        assert!(last > begun, "{end:?} is missing at the end");
    }
}

#[test]
fn a_false_claim_appears_while_it_runs_is_approved_and_is_in_the_ledger() {
    let home = tempfile::tempdir().unwrap();
    let log = home.path().join("run.jsonl");
    put(&log, BEGINNING);
    let mut terminal = Terminal::start(home.path(), &["run.jsonl"], &[], (24, 80));
    terminal.until("speed up the import");
    put(&log, &[FALSE_CLAIM]);
    let screen = terminal.until("All 42 tests pass");
    assert!(screen.contains("LIVE"), "{screen}");
    terminal.until("3 opens it");
    terminal.type_keys("\r");
    terminal.until("P(wrong)");
    terminal.until("test result: FAILED. 39");
    terminal.type_keys("3");
    terminal.until("WILL SEND");
    terminal.decide("a", "u to undo");
    terminal.type_keys("q");
    let status = terminal.ended();
    assert_eq!(status.exit_code(), 0);
    restored(&terminal.bytes());
    let listed = std::process::Command::new(env!("CARGO_BIN_EXE_medbay"))
        .args(["decisions", "list"])
        .env_clear()
        .env("HOME", home.path())
        .output()
        .unwrap();
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(listed.contains("approve"), "{listed}");
}

#[test]
fn it_follows_the_size_of_its_terminal() {
    let home = tempfile::tempdir().unwrap();
    put(&home.path().join("run.jsonl"), BEGINNING);
    let mut terminal = Terminal::start(home.path(), &["run.jsonl"], &[], (24, 80));
    terminal.until("speed up the import");
    terminal.resize(40, 120);
    terminal.until("reach");
    terminal.resize(8, 30);
    terminal.until("speed up the import");
    terminal.resize(20, 60);
    terminal.until("by need");
}

#[test]
fn a_signal_ends_it_and_leaves_the_terminal_as_it_was() {
    let home = tempfile::tempdir().unwrap();
    put(&home.path().join("run.jsonl"), BEGINNING);
    let mut terminal = Terminal::start(home.path(), &["run.jsonl"], &[], (24, 80));
    terminal.until("speed up the import");
    let id = terminal.child.process_id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    let status = terminal.ended();
    assert_eq!(status.exit_code(), 143);
    restored(&terminal.bytes());
}

#[test]
fn no_color_writes_no_colour_and_hostile_text_acts_on_nothing() {
    let home = tempfile::tempdir().unwrap();
    let log = home.path().join("run.jsonl");
    put(&log, &BEGINNING[..1]);
    put(
        &log,
        &[
            r#"{"type":"call","id":"h","tool":"bash","input":{"command":"echo \u001b]52;c;aGFja2Vk\u0007 \u001b[31mred \u009b35m"}}"#,
            r#"{"type":"result","id":"h","status":"ok","text":"\u001b]0;owned\u0007 \u202eevil \u001b[?1049l"}"#,
            r#"{"type":"message","text":"\u001b]52;c;aGFja2Vk\u0007 done"}"#,
        ],
    );
    let mut terminal = Terminal::start(home.path(), &["run.jsonl"], &[("NO_COLOR", "1")], (30, 100));
    terminal.until("speed up the import");
    terminal.type_keys("\rg\t\t");
    terminal.until("]52;c;");
    terminal.type_keys("\t\t\t\t");
    terminal.until("raw");
    terminal.type_keys("q");
    terminal.ended();
    let bytes = terminal.bytes();
    for colour in [&b"\x1b[38;"[..], b"\x1b[48;", b"\x1b[31m", b"\x1b[32m"] {
        assert!(!bytes_hold(&bytes, colour), "{colour:?}");
    }
    for hostile in ["\u{1b}]52", "\u{1b}]0;", "\u{202e}", "\u{9b}"] {
        assert!(!bytes_hold(&bytes, hostile.as_bytes()), "{hostile:?}");
    }
    restored(&bytes);
}

#[test]
fn idle_it_writes_nothing() {
    let home = tempfile::tempdir().unwrap();
    put(&home.path().join("run.jsonl"), BEGINNING);
    let mut terminal = Terminal::start(home.path(), &["run.jsonl"], &[], (24, 80));
    terminal.until("speed up the import");
    terminal.type_keys("\r");
    terminal.until("P(wrong)");
    // Settled: the same count twice, half a second apart. A screen without ages needs no clock.
    let began = Instant::now();
    let mut before = usize::MAX;
    while before != terminal.bytes().len() {
        assert!(began.elapsed() < PATIENCE, "it never comes to rest");
        before = terminal.bytes().len();
        std::thread::sleep(Duration::from_millis(500));
    }
    let rest = terminal.bytes().len();
    std::thread::sleep(Duration::from_millis(1_500));
    assert_eq!(terminal.bytes().len(), rest);
}

#[test]
fn without_a_terminal_it_says_what_to_use() {
    let home = tempfile::tempdir().unwrap();
    put(&home.path().join("run.jsonl"), BEGINNING);
    let out = std::process::Command::new(env!("CARGO_BIN_EXE_medbay"))
        .arg("run.jsonl")
        .current_dir(home.path())
        .env_clear()
        .env("HOME", home.path())
        .output()
        .unwrap();
    assert_eq!(out.status.code(), Some(2));
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(said.contains("needs a terminal"), "{said}");
}

#[test]
fn a_replay_is_driven_by_keys() {
    let home = tempfile::tempdir().unwrap();
    let log = home.path().join("run.jsonl");
    put(&log, BEGINNING);
    put(&log, &[FALSE_CLAIM]);
    let mut terminal = Terminal::start(home.path(), &["replay", "--paused", "run.jsonl"], &[], (24, 80));
    terminal.until("0/5");
    terminal.type_keys("...");
    terminal.until("3/5");
    terminal.type_keys(",");
    terminal.until("2/5");
    terminal.type_keys("$");
    terminal.until("5/5");
    terminal.until("All 42 tests pass");
    terminal.type_keys("0");
    terminal.until("0/5");
    terminal.type_keys("q");
    assert_eq!(terminal.ended().exit_code(), 0);
}

#[test]
fn the_operators_own_editor_takes_the_terminal_and_gives_it_back() {
    let home = tempfile::tempdir().unwrap();
    let log = home.path().join("run.jsonl");
    put(&log, BEGINNING);
    put(&log, &[FALSE_CLAIM]);
    let editor = home.path().join("editor.sh");
    std::fs::write(
        &editor,
        "sed 's/^Operator:.*/Operator: look at line 7./' \"$1\" > new && mv new \"$1\"\n",
    )
    .unwrap();
    let editor = format!("sh {}", editor.display());
    let mut terminal = Terminal::start(home.path(), &["run.jsonl"], &[("EDITOR", &editor)], (24, 80));
    terminal.until("3 opens it");
    terminal.type_keys("3");
    terminal.until("WILL SEND");
    terminal.decide("e", "C-s send");
    terminal.type_keys("\u{5}");
    terminal.until("look at line 7.");
    // Keys still arrive.
    terminal.type_keys("\u{1b}");
    terminal.until("Throw the edited text away?");
    terminal.decide("n", "C-s send");
    terminal.type_keys("\u{13}");
    terminal.until("u to undo");
    // Drawn anew it is all there again.
    terminal.bytes.lock().unwrap().clear();
    terminal.type_keys("\u{c}");
    terminal.until("edited and approved");
    terminal.type_keys("q");
    assert_eq!(terminal.ended().exit_code(), 0);
    let listed = std::process::Command::new(env!("CARGO_BIN_EXE_medbay"))
        .args(["decisions", "export"])
        .env_clear()
        .env("HOME", home.path())
        .output()
        .unwrap();
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(listed.contains("look at line 7."), "{listed}");
}

/// Not a test by itself: what the test below runs in a terminal of its own.
#[test]
#[ignore = "panics on purpose; run by the test of panics"]
fn panics_with_the_terminal_held() {
    let folder = std::path::PathBuf::from(std::env::var_os("REPORTS").expect("run by the test of panics"));
    medbay::terminal::install_panic_hook(folder);
    let _guard = medbay::terminal::Guard::enter().unwrap();
    panic!("on purpose \u{1b}[31m");
}

#[test]
fn a_panic_leaves_the_terminal_as_it_was_and_a_report() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = tempfile::tempdir().unwrap();
    let reports = home.path().join("reports");
    let mut terminal = Terminal::start_program(
        &std::env::current_exe().unwrap(),
        home.path(),
        &["--ignored", "--exact", "panics_with_the_terminal_held", "--nocapture", "--test-threads=1"],
        &[("REPORTS", reports.to_str().unwrap())],
        (24, 80),
    );
    assert_ne!(terminal.ended().exit_code(), 0);
    let bytes = terminal.bytes();
    restored(&bytes);
    let said = String::from_utf8_lossy(&bytes).into_owned();
    assert!(said.contains("medbay met a defect"), "{said}");
    let report = std::fs::read_dir(&reports).unwrap().next().unwrap().unwrap();
    assert_eq!(report.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let report = std::fs::read_to_string(report.path()).unwrap();
    assert!(report.contains("on purpose ␛[31m") && report.contains("console_pty.rs"), "{report}");
    assert!(!report.contains('\u{1b}'));
}
