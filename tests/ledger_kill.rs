//! The ledger killed at random moments, again and again: no decision that was acknowledged is lost,
//! none is doubled, the chain holds, and nothing is handed over twice.
//!
//! The child is this same test binary, started anew with a variable set. It says each thing on its
//! standard output only after the ledger has it; handing a text over is appending its key to a file,
//! as a receiver would see it, after it has looked there for the key when its lease is a second one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod drafts;

use std::collections::{HashMap, HashSet};
use std::fs::{self, OpenOptions};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use drafts::{draft, person};
use jiff::Timestamp;
use medbay::ledger::{Decided, Handed, Ledger, Mode, State, Verdict};
use medbay::trace::RunId;

const KILLS: usize = 220;
const CHILD: &str = "MEDBAY_TEST_KILLED_CHILD";

/// What the child does until it is killed; nothing when it is run as a test.
#[test]
fn child() {
    let Ok(place) = std::env::var(CHILD) else {
        return;
    };
    let place = Path::new(&place);
    let life = std::env::var("MEDBAY_TEST_LIFE").unwrap();
    let ledger = Ledger::open(&place.join("ledger.db")).unwrap();
    let mut say = std::io::stdout();
    let run = RunId::new("r");
    let holder = format!("life {life}");
    let mut said = |line: String| {
        say.write_all(line.as_bytes()).unwrap();
        say.flush().unwrap();
    };
    for turn in 0.. {
        let p = draft("r", &format!("{life}-{turn}"));
        let now = Timestamp::now();
        ledger.propose(&p, Mode::Suggest, now).unwrap();
        said(format!("\nproposed {}\n", p.id));
        let verdict = match turn % 4 {
            0 => Verdict::Approve,
            1 => Verdict::Edit { text: format!("another text {turn}") },
            2 => Verdict::Veto { reason: "no".into() },
            _ => Verdict::Defer,
        };
        let came = ledger.decide(&p.id, verdict, person(), "", now, Duration::ZERO).unwrap();
        let Decided::Recorded(decision) = came else {
            panic!("a proposal of this life was decided by another: {came:?}");
        };
        said(format!("\ndecided {} {}\n", p.id, decision.number));
        // A lease that ended with its holder is taken up at once.
        while let Some(lease) = ledger.lease(&run, "file", &holder, Duration::ZERO, Timestamp::now()).unwrap()
        {
            let log = place.join("handed-over");
            let there = fs::read_to_string(&log).unwrap_or_default();
            if lease.again() && there.lines().any(|line| line == lease.key()) {
                ledger.confirm(lease.proposal(), None, Timestamp::now()).unwrap();
                continue;
            }
            let mut file = OpenOptions::new().create(true).append(true).open(&log).unwrap();
            file.write_all(format!("{}\n", lease.key()).as_bytes()).unwrap();
            assert_eq!(ledger.delivered(&lease, Timestamp::now()).unwrap(), Handed::Recorded);
            said(format!("\ndelivered {}\n", lease.proposal()));
            ledger.confirm(lease.proposal(), Some(1), Timestamp::now()).unwrap();
            said(format!("\nconfirmed {}\n", lease.proposal()));
        }
    }
}

#[test]
fn nothing_is_lost_or_doubled_when_it_is_killed_at_any_moment() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path();
    let mut acknowledged = Acknowledged::default();
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    for life in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["child", "--exact", "--nocapture", "--test-threads=1"])
            .env(CHILD, place)
            .env("MEDBAY_TEST_LIFE", life.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // xorshift: moments that differ from life to life and are the same in every run.
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        // The kill comes after so many lines and so many microseconds more.
        for _ in 0..seed % 23 {
            line.clear();
            if out.read_line(&mut line).unwrap() == 0 {
                break;
            }
            acknowledged.hear(&line);
        }
        for _ in 0..(seed >> 8) % 40_000 {
            std::hint::spin_loop();
        }
        child.kill().unwrap();
        let mut rest = String::new();
        out.read_to_string(&mut rest).unwrap();
        // A line that the kill cut in two was not said.
        let whole = rest.rfind('\n').map_or("", |end| &rest[..end]);
        whole.lines().for_each(|line| acknowledged.hear(line));
        child.wait().unwrap();
        let mut trouble = String::new();
        child.stderr.take().unwrap().read_to_string(&mut trouble).unwrap();
        assert!(!trouble.contains("panicked"), "life {life}: {trouble}");
        acknowledged.check(place, life);
    }
    eprintln!(
        "{KILLS} kills, {} proposals, {} decisions, {} deliveries acknowledged",
        acknowledged.proposed.len(),
        acknowledged.decided.len(),
        acknowledged.delivered.len()
    );
    assert!(acknowledged.decided.len() > KILLS / 2, "too few to prove anything");
    assert!(acknowledged.delivered.len() > KILLS / 4);
}

/// What the child said before it died.
#[derive(Default)]
struct Acknowledged {
    proposed: HashSet<String>,
    decided: HashMap<String, i64>,
    delivered: HashSet<String>,
    confirmed: HashSet<String>,
}

impl Acknowledged {
    fn hear(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["proposed", id] => {
                self.proposed.insert(id.to_owned());
            }
            ["decided", id, number] => {
                let before = self.decided.insert(id.to_owned(), number.parse().unwrap());
                assert_eq!(before, None, "{id} decided twice");
            }
            ["delivered", id] => {
                assert!(self.delivered.insert(id.to_owned()), "{id} delivered twice");
            }
            ["confirmed", id] => {
                self.confirmed.insert(id.to_owned());
            }
            _ => {}
        }
    }

    fn check(&self, place: &Path, life: usize) {
        let path = place.join("ledger.db");
        if !path.exists() {
            assert!(self.proposed.is_empty());
            return;
        }
        // The next life's opening, too, must find it sound.
        let ledger = Ledger::open(&path).unwrap();
        let chain = ledger.verify().unwrap();
        assert_eq!(chain.broken, None, "after life {life}");
        let entries = ledger.history(usize::MAX).unwrap();
        let there: HashMap<&str, State> =
            entries.iter().map(|entry| (entry.proposal.id.as_str(), entry.state)).collect();
        let approved: HashSet<&str> = entries
            .iter()
            .filter(|entry| {
                let verdict = entry.decision.as_ref().map(|d| &d.verdict);
                matches!(verdict, Some(Verdict::Approve | Verdict::Edit { .. }))
            })
            .map(|entry| entry.proposal.id.as_str())
            .collect();
        for id in &self.proposed {
            assert!(there.contains_key(id.as_str()), "proposal {id} is lost");
        }
        let mut numbers: HashMap<String, Vec<i64>> = HashMap::new();
        for decision in ledger.decisions().unwrap() {
            numbers.entry(decision.proposal.to_string()).or_default().push(decision.number);
        }
        for (id, number) in &self.decided {
            assert_eq!(numbers.get(id), Some(&vec![*number]), "decision on {id}");
        }
        assert!(numbers.values().all(|n| n.len() == 1), "a decision is doubled");
        for id in &self.delivered {
            let state = there[id.as_str()];
            assert!(
                matches!(state, State::Delivered | State::Confirmed),
                "{id} was delivered and is {}",
                state.word()
            );
        }
        for id in &self.confirmed {
            assert_eq!(there[id.as_str()], State::Confirmed);
        }
        let handed = fs::read_to_string(place.join("handed-over")).unwrap_or_default();
        let mut once = HashSet::new();
        for key in handed.lines() {
            assert!(once.insert(key), "{key} was handed over twice");
            let id = key.split('-').next().unwrap();
            assert!(approved.contains(id), "{key} was handed over and nobody approved it");
        }
    }
}
