//! The ledger where things break: processes killed when they have just made each transition, a full
//! disk, a file that another program holds, and the power cut while it is being written.
//!
//! Children are this same test binary, started anew with a variable set. What a child has on its standard
//! output was in the ledger before.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod drafts;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use drafts::{approve, at, draft, person};
use jiff::Timestamp;
use medbay::ledger::{Decided, Handed, Ledger, LedgerError, Mode, State, Undo, Verdict};
use medbay::trace::RunId;
use serde_json::json;

const ROLE: &str = "MEDBAY_TEST_CRASHING_ROLE";
const PLACE: &str = "MEDBAY_TEST_PLACE";
const LIFE: &str = "MEDBAY_TEST_LIFE";

/// What a child does; nothing when it is run as a test.
#[test]
fn child() {
    let (Ok(role), Ok(place)) = (std::env::var(ROLE), std::env::var(PLACE)) else {
        return;
    };
    let place = PathBuf::from(place);
    match role.as_str() {
        "ways" => goes_all_ways(&place, &std::env::var(LIFE).unwrap()),
        "full" => fills_the_disk(&place),
        "limit" => meets_a_limit(&place),
        "writer" => writes_without_end(&place),
        other => panic!("{other}"),
    }
}

fn start(role: &str, place: &Path, life: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["child", "--exact", "--nocapture", "--test-threads=1"]);
    command.env(ROLE, role).env(PLACE, place).env(LIFE, life);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn say(line: &str) {
    let mut out = std::io::stdout();
    out.write_all(format!("\n{line}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

// ---------------------------------------------------------------- killed at every transition

/// The ways that the child's proposals go, one after another.
const WAYS: [&[State]; 5] = {
    use State::{Approved, Confirmed, Delivered, Expired, Failed, Leased, Superseded, Vetoed, Waiting};
    [
        &[Waiting, Approved, Waiting, Approved, Leased, Delivered, Confirmed],
        &[Waiting, Vetoed],
        &[Waiting, Superseded],
        &[Waiting, Approved, Expired],
        &[Waiting, Approved, Leased, Failed, Approved, Leased, Delivered],
    ]
};

fn goes_all_ways(place: &Path, life: &str) {
    let ledger = Ledger::open(&place.join("ledger.db")).unwrap();
    let day = Duration::from_secs(86_400);
    for turn in 0.. {
        let way = WAYS[turn % WAYS.len()];
        // A run of its own, so that a lease is of this proposal.
        let run = RunId::new(format!("{life}-{turn}"));
        let p = draft(run.as_str(), "c");
        let now = Timestamp::now();
        let mut lease = None;
        let mut before = None;
        for (n, state) in way.iter().enumerate() {
            match (before, state) {
                (None, State::Waiting) => assert!(ledger.propose(&p, Mode::Suggest, now).unwrap()),
                (_, State::Waiting) => assert_eq!(ledger.undo(&p.id, now, person()).unwrap(), Undo::Undone),
                (Some(State::Failed), State::Approved) => assert!(ledger.retry(&p.id, now).unwrap()),
                (_, State::Approved) => {
                    let grace = if way.get(n + 1) == Some(&State::Waiting) { day } else { Duration::ZERO };
                    let came = ledger.decide(&p.id, Verdict::Approve, person(), "", now, grace).unwrap();
                    assert!(matches!(came, Decided::Recorded(_)));
                }
                (_, State::Vetoed) => {
                    let veto = Verdict::Veto { reason: "no".into() };
                    ledger.decide(&p.id, veto, person(), "", now, Duration::ZERO).unwrap();
                }
                (_, State::Superseded) => assert!(ledger.supersede(&p.id, "x", now).unwrap()),
                (_, State::Expired) => assert!(ledger.expire(&p.id, "x", now).unwrap()),
                (_, State::Leased) => lease = ledger.lease(&run, "x", "h", day, now).unwrap(),
                (_, State::Delivered) => {
                    assert_eq!(ledger.hand_over(lease.as_ref().unwrap(), now).unwrap(), Handed::Recorded);
                }
                (_, State::Failed) => {
                    ledger.delivery_failed(lease.as_ref().unwrap(), "x", now).unwrap();
                }
                (_, State::Confirmed) => assert!(ledger.confirm(&p.id, Some(1), now).unwrap()),
            }
            say(&format!("at {} {n}", p.id));
            before = Some(*state);
        }
    }
}

#[test]
fn killed_when_any_transition_was_just_made_it_stands_where_it_said() {
    const TIMES: usize = 4;
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path();
    let path = place.join("ledger.db");
    drop(Ledger::open(&path).unwrap());
    let mut kills: BTreeMap<&str, usize> = BTreeMap::new();
    let mut dice = Dice(7);
    for life in 0..TIMES * State::ALL.len() {
        let wanted = State::ALL[life % State::ALL.len()];
        let mut child = start("ways", place, &format!("life{life}")).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let reader = std::thread::spawn(move || {
            let mut said = String::new();
            // A kill can cut the last line.
            let _ = out.read_to_string(&mut said);
            said
        });
        // The kill comes when the state is seen, for the first or a later time.
        let mut left = dice.roll(6);
        let looked = rusqlite::Connection::open(&path).unwrap();
        let mut ask = looked
            .prepare("SELECT count(*) FROM proposals WHERE state = ?1 AND run LIKE ?2 || '-%'")
            .unwrap();
        let began = Instant::now();
        let mut seen = 0;
        loop {
            assert!(began.elapsed() < Duration::from_secs(120), "{} never came", wanted.word());
            let there: i64 =
                ask.query_row([wanted.word(), &format!("life{life}")], |row| row.get(0)).unwrap_or(0);
            if there != seen && there > 0 {
                if left == 0 {
                    break;
                }
                left -= 1;
            }
            seen = there;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        *kills.entry(wanted.word()).or_default() += 1;
        let mut trouble = String::new();
        child.stderr.take().unwrap().read_to_string(&mut trouble).unwrap();
        assert!(!trouble.contains("panicked"), "{trouble}");
        let said = reader.join().unwrap();
        let whole = said.rfind('\n').map_or("", |end| &said[..end]);
        let mut reached: HashMap<String, usize> = HashMap::new();
        for line in whole.lines() {
            if let ["at", id, n] = line.split(' ').collect::<Vec<_>>()[..] {
                reached.insert(id.to_owned(), n.parse().unwrap());
            }
        }
        let ledger = Ledger::open(&path).unwrap();
        assert_eq!(ledger.verify().unwrap().broken, None);
        for entry in ledger.history(usize::MAX).unwrap() {
            let run = entry.proposal.target.run.to_string();
            let Some(turn) = run.strip_prefix(&format!("life{life}-")) else { continue };
            let way = WAYS[turn.parse::<usize>().unwrap() % WAYS.len()];
            let at = reached.get(entry.proposal.id.as_str()).copied();
            // Where it said that it was, or one transition further, whole.
            let may = match at {
                None => &way[..1],
                Some(n) => &way[n..(n + 2).min(way.len())],
            };
            assert!(may.contains(&entry.state), "life {life}: {} after {at:?}", entry.state.word());
        }
    }
    eprintln!("killed at each state: {kills:?}");
}

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

// ---------------------------------------------------------------- a full disk

fn fills_the_disk(place: &Path) {
    let ledger = Ledger::open(&place.join("ledger.db")).unwrap();
    let p = draft("r", "c");
    ledger.propose(&p, Mode::Suggest, at(0)).unwrap();
    let filler = place.join("filler");
    let mut file = fs::File::create(&filler).unwrap();
    while file.write_all(&[0; 512]).is_ok() {}
    drop(file);
    let mut refused = 0;
    // What still fits into pages that are there may succeed; sooner or later nothing does.
    for n in 0..200 {
        match ledger.propose(&draft("r", &format!("more {n}")), Mode::Suggest, at(1)) {
            Ok(_) => {}
            Err(error @ LedgerError::Full { .. }) => {
                let said = error.to_string();
                assert!(said.contains("make room") && !said.contains('\n'), "{said}");
                refused += 1;
            }
            Err(error) => panic!("{error:?}"),
        }
    }
    assert!(refused > 0, "the disk was never full");
    let edit = Verdict::Edit { text: "x".repeat(9_000) };
    let came = ledger.decide(&p.id, edit.clone(), person(), "", at(2), Duration::ZERO);
    assert!(matches!(came, Err(LedgerError::Full { .. })), "{came:?}");
    assert_eq!(ledger.entry(&p.id).unwrap().state, State::Waiting);
    assert_eq!(ledger.verify().unwrap().broken, None);
    fs::remove_file(filler).unwrap();
    let came = ledger.decide(&p.id, edit, person(), "", at(3), Duration::ZERO).unwrap();
    assert!(matches!(came, Decided::Recorded(decision) if decision.number == 1));
    assert_eq!(ledger.verify().unwrap().broken, None);
    say("went through");
}

#[test]
fn a_full_disk_is_said_and_nothing_is_lost() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path();
    // A mount that only the child sees, and that ends with it.
    let mount = "mount -t tmpfs -o size=400k tmpfs \"$0\" && exec \"$@\"";
    let child = start("full", place, "");
    let program = std::iter::once(child.get_program()).chain(child.get_args());
    let output = Command::new("unshare")
        .args(["-m", "sh", "-c", mount])
        .arg(place)
        .args(program)
        .envs(child.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .output();
    match output {
        Ok(output) if String::from_utf8_lossy(&output.stdout).contains("went through") => {
            eprintln!("with a tmpfs of 400 KB");
        }
        Ok(output) if String::from_utf8_lossy(&output.stdout).contains("running 1 test") => {
            panic!("{}", String::from_utf8_lossy(&output.stderr));
        }
        _ => eprintln!("skipped: no small file system can be mounted here"),
    }
}

fn meets_a_limit(place: &Path) {
    let ledger = Ledger::open(&place.join("ledger.db")).unwrap();
    for n in 0.. {
        let p = draft("r", &format!("c{n}"));
        let came = ledger
            .propose(&p, Mode::Suggest, at(0))
            .and_then(|_| ledger.decide(&p.id, Verdict::Approve, person(), "", at(1), Duration::ZERO));
        match came {
            Ok(Decided::Recorded(decision)) => say(&format!("decided {}", decision.number)),
            Ok(other) => panic!("{other:?}"),
            Err(error) => {
                let said = error.to_string();
                assert!(said.contains("ledger.db") && !said.contains('\n'), "{said}");
                return say("refused");
            }
        }
    }
}

#[test]
fn at_a_limit_on_the_size_of_files_it_says_so_and_keeps_what_it_has() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path();
    drop(Ledger::open(&place.join("ledger.db")).unwrap());
    let child = start("limit", place, "");
    let program = std::iter::once(child.get_program()).chain(child.get_args());
    // Blocks of 512 or 1,024 bytes: enough for some decisions, not for many.
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 4000; exec \"$@\"", "sh"])
        .args(program)
        .envs(child.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("refused"), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let decided = said.lines().filter(|line| line.starts_with("decided ")).count();
    let ledger = Ledger::open(&place.join("ledger.db")).unwrap();
    let chain = ledger.verify().unwrap();
    assert_eq!((chain.rows, chain.broken), (decided as u64, None));
    assert!(decided > 10, "{decided}");
}

// ---------------------------------------------------------------- held by another program

#[test]
fn a_ledger_that_another_program_holds_is_said_in_one_sentence_and_the_agent_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path();
    let path = place.join("ledger.db");
    let ledger = Ledger::open(&path).unwrap();
    let p = draft("s1", "c1");
    ledger.propose(&p, Mode::Suggest, Timestamp::now()).unwrap();
    approve(&ledger, &p.id, Timestamp::now());
    drop(ledger);
    let rival = rusqlite::Connection::open(&path).unwrap();
    rival.pragma_update_and_check(None, "locking_mode", "EXCLUSIVE", |_| Ok(())).unwrap();
    rival
        .execute_batch(
            "BEGIN EXCLUSIVE; INSERT INTO hooks (run, format, event, first, at) VALUES ('s0', 'x', 'x', 1, 1);
             COMMIT",
        )
        .unwrap();

    let error = Ledger::open_patient(&path, Duration::from_millis(20)).unwrap_err();
    assert!(matches!(error, LedgerError::Locked { .. }), "{error:?}");
    let said = error.to_string();
    assert!(said.contains("ledger.db") && said.contains("--db") && !said.contains('\n'), "{said}");
    let medbay = |arguments: &[&str], input: &str| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_medbay"))
            .args(["--db", path.to_str().unwrap()])
            .args(arguments)
            .env_clear()
            .env("HOME", place)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // One that fails early does not read.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    };
    let output = medbay(&["decisions", "verify"], "");
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("locked by another program") && said.lines().count() == 1, "{said}");
    let input = json!({
        "session_id": "s1", "hook_event_name": "PostToolUse", "transcript_path": "/none", "cwd": place,
        "tool_name": "Bash", "tool_use_id": "toolu_1", "tool_input": {}, "tool_response": {},
    })
    .to_string();
    let output = medbay(&["hook", "claude-code"], &input);
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");
    drop(rival);
    let output = medbay(&["hook", "claude-code"], &input);
    assert!(String::from_utf8(output.stdout).unwrap().contains(&p.id.tag()), "nothing was lost");
}

// ---------------------------------------------------------------- the power is cut

fn writes_without_end(place: &Path) {
    let ledger = Ledger::open(&place.join("ledger.db")).unwrap();
    let run = RunId::new("r");
    for n in 0.. {
        let p = draft("r", &format!("c{n}"));
        let now = Timestamp::now();
        ledger.propose(&p, Mode::Suggest, now).unwrap();
        let text = format!("{n} {}", "long enough to take pages ".repeat(n % 40));
        let edit = Verdict::Edit { text };
        match ledger.decide(&p.id, edit, person(), "seen", now, Duration::ZERO).unwrap() {
            Decided::Recorded(decision) => say(&format!("decided {}", decision.number)),
            other => panic!("{other:?}"),
        }
        if let Some(lease) = ledger.lease(&run, "x", "h", Duration::from_secs(9), now).unwrap() {
            ledger.hand_over(&lease, now).unwrap();
        }
    }
}

fn signal(child: &Child, name: &str) {
    let done = Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
    assert!(done.success());
}

/// Whether the system says that the process is stopped; where it does not say, it is believed.
fn is_stopped(child: &Child) -> bool {
    let Ok(about) = fs::read_to_string(format!("/proc/{}/stat", child.id())) else { return true };
    about.rsplit(") ").next().is_some_and(|rest| rest.starts_with(['T', 't']))
}

#[test]
fn after_a_power_cut_every_decision_that_was_acknowledged_is_there() {
    const CUTS: usize = 30;
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("live");
    fs::create_dir(&place).unwrap();
    let mut child = start("writer", &place, "").spawn().unwrap();
    let acknowledged = Arc::new(AtomicU64::new(0));
    let heard = Arc::clone(&acknowledged);
    let out = BufReader::new(child.stdout.take().unwrap());
    let reader = std::thread::spawn(move || {
        for line in out.lines().map_while(Result::ok) {
            if let Some(number) = line.strip_prefix("decided ").and_then(|n| n.parse().ok()) {
                heard.store(number, Ordering::SeqCst);
            }
        }
    });
    let mut dice = Dice(99);
    let mut last = 0;
    let mut in_the_middle = 0;
    for cut in 0..CUTS {
        // At a random moment after the next few decisions.
        let until = last + 1 + dice.roll(12);
        let began = Instant::now();
        while acknowledged.load(Ordering::SeqCst) < until {
            assert!(began.elapsed() < Duration::from_secs(120), "the writer does not go on");
            std::thread::yield_now();
        }
        for _ in 0..dice.roll(300_000) {
            std::hint::spin_loop();
        }
        // All three files as they are at one moment: nothing runs while they are copied.
        signal(&child, "-STOP");
        while !is_stopped(&child) {
            std::thread::yield_now();
        }
        last = acknowledged.load(Ordering::SeqCst);
        let whole = directory.path().join(format!("cut{cut}"));
        fs::create_dir(&whole).unwrap();
        for end in ["", "-wal", "-shm"] {
            let name = format!("ledger.db{end}");
            fs::copy(place.join(&name), whole.join(&name)).unwrap();
        }
        signal(&child, "-CONT");
        in_the_middle += usize::from(decisions_in(&whole, last) > last);

        // The index in shared memory does not outlive the power, and a frame may be half written.
        for variant in ["no-shm", "torn"] {
            let other = directory.path().join(format!("cut{cut}-{variant}"));
            fs::create_dir(&other).unwrap();
            fs::copy(whole.join("ledger.db"), other.join("ledger.db")).unwrap();
            let mut wal = fs::read(directory.path().join(format!("cut{cut}/saved-wal"))).unwrap();
            if variant == "torn" {
                let length = usize::try_from(dice.roll(4_120)).unwrap();
                let from = wal.len().saturating_sub(4_120);
                let half: Vec<u8> = wal[from..].iter().copied().take(length).collect();
                wal.extend(half);
            }
            fs::write(other.join("ledger.db-wal"), wal).unwrap();
            fs::copy(directory.path().join(format!("cut{cut}/saved-db")), other.join("ledger.db")).unwrap();
            decisions_in(&other, last);
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap();
    let mut trouble = String::new();
    child.stderr.take().unwrap().read_to_string(&mut trouble).unwrap();
    assert!(!trouble.contains("panicked"), "{trouble}");
    eprintln!("{CUTS} cuts, {last} decisions, {in_the_middle} cuts between a commit and its acknowledgement");
}

/// Opens a copy and looks that it is sound and holds at least so many decisions; returns how many.
fn decisions_in(place: &Path, at_least: u64) -> u64 {
    for (from, to) in [("ledger.db", "saved-db"), ("ledger.db-wal", "saved-wal")] {
        // Opening changes them.
        fs::copy(place.join(from), place.join(to)).unwrap();
    }
    let ledger = Ledger::open(&place.join("ledger.db")).unwrap();
    let chain = ledger.verify().unwrap();
    assert_eq!(chain.broken, None, "{}", place.display());
    assert!(chain.rows >= at_least, "{} of {at_least} acknowledged decisions", chain.rows);
    let db = rusqlite::Connection::open(place.join("ledger.db")).unwrap();
    let sound: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
    chain.rows
}

// ---------------------------------------------------------------- the clock goes back

#[test]
fn a_clock_that_jumps_back_delays_and_neither_loses_nor_doubles() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(&directory.path().join("ledger.db")).unwrap();
    let run = RunId::new("r");
    let p = draft("r", "c");
    let ttl = Duration::from_secs(30);
    ledger.propose(&p, Mode::Suggest, at(1_000)).unwrap();
    let grace = Duration::from_secs(5);
    ledger.decide(&p.id, Verdict::Approve, person(), "", at(900), grace).unwrap();
    assert_eq!(ledger.lease(&run, "x", "a", ttl, at(500)).unwrap(), None, "its grace time is not over");
    let first = ledger.lease(&run, "x", "a", ttl, at(905)).unwrap().unwrap();
    assert_eq!(ledger.lease(&run, "x", "b", ttl, at(100)).unwrap(), None, "somebody has it");
    assert_eq!(ledger.hand_over(&first, at(100)).unwrap(), Handed::Recorded);
    assert_eq!(ledger.lease(&run, "x", "b", ttl, at(99_999)).unwrap(), None);
    // A text that failed and is sent again is not undone by a clock that was set back into its grace time.
    assert!(ledger.refused(&p.id, "x", at(100)).unwrap());
    assert!(ledger.retry(&p.id, at(100)).unwrap());
    assert_eq!(ledger.undo(&p.id, at(100), person()).unwrap(), Undo::TooLate(State::Approved));
    let again = ledger.lease(&run, "x", "b", ttl, at(100)).unwrap().unwrap();
    assert_ne!(again.key(), first.key());
    assert!(ledger.confirm(&p.id, Some(3), at(50)).unwrap());
    assert_eq!(ledger.verify().unwrap().broken, None);
}
