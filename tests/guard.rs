//! What limits recoveries, from outside: rulings in the ledger and their races, the stop against leases
//! in other threads and processes, a recorded run under the canary to its end, and `medbay guard`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod drafts;

use std::collections::HashSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Barrier, Mutex};
use std::time::{Duration, Instant};

use drafts::{approve, at, draft, person};
use jiff::Timestamp;
use medbay::engine::desk::{Ask, Desk, Rules, Said};
use medbay::engine::{GuardView, Judge, read};
use medbay::ledger::{
    Decided, Entry, Fault, GuardKind, Handed, Ledger, Mode, Operator, Outcome, State, Undo, Verdict,
};
use medbay::recover::policy::{Act, Arm, Breaker, Flapping, Limits, Policy, Shares};
use medbay::trace::RunId;
use serde_json::{Value, json};

const GRACE: Duration = Duration::from_secs(5);
const TTL: Duration = Duration::from_secs(30);
const PATIENCE: Duration = Duration::from_secs(120);
const CHILD: &str = "MEDBAY_TEST_LEASING_CHILD";

fn fresh() -> (tempfile::TempDir, PathBuf, Ledger) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.db");
    let ledger = Ledger::open(&path).unwrap();
    (directory, path, ledger)
}

fn canary(treated: f64, holdout: f64) -> Policy {
    let canary = Shares { treated, holdout, salt: String::new() };
    Policy { mode: Mode::Canary, canary, ..Policy::default() }
}

#[test]
fn what_a_policy_approves_goes_the_way_of_a_persons_approval_and_can_be_undone() {
    let (_kept, _, ledger) = fresh();
    let run = RunId::new("r1");
    let p = draft("r1", "c1");
    let ruling = ledger.put_down(&p, &canary(1.0, 0.0), "/srv/shop", GRACE, at(0)).unwrap().unwrap();
    assert_eq!(ruling.act, Act::Approve("policy".into()));
    assert_eq!(ledger.put_down(&p, &canary(0.0, 1.0), "", GRACE, at(1)).unwrap(), None, "it is there");
    let entry = ledger.entry(&p.id).unwrap();
    assert_eq!((entry.state, entry.grace_until), (State::Approved, Some(at(5))));
    let decision = entry.decision.unwrap();
    assert_eq!(decision.by, Operator::Policy { name: "policy".into() });
    assert_eq!(decision.seen, ruling.why);
    let ruled = ledger.ruling(&p.id).unwrap().unwrap();
    assert_eq!((ruled.act.as_str(), ruled.arm, ruled.mode), ("approve", Some(Arm::Treated), Mode::Canary));
    assert!(ledger.lease(&run, "hook", "a", TTL, at(4)).unwrap().is_none(), "within its grace time");
    assert_eq!(ledger.undo(&p.id, at(4), person()).unwrap(), Undo::Undone);
    assert_eq!(ledger.entry(&p.id).unwrap().state, State::Waiting);
    assert!(ledger.lease(&run, "hook", "a", TTL, at(9)).unwrap().is_none());
    let view = GuardView::of(&ledger, &canary(1.0, 0.0), at(9)).unwrap();
    assert_eq!((view.regret.automatic, view.regret.taken_back), (1, 1));
    assert_eq!(ledger.verify().unwrap().broken, None);
}

#[test]
fn what_is_held_out_is_on_record_off_the_desk_and_never_sent() {
    let (_kept, path, ledger) = fresh();
    let p = draft("r1", "c1");
    let ruling = ledger.put_down(&p, &canary(0.0, 1.0), "", GRACE, at(0)).unwrap().unwrap();
    assert_eq!((ruling.act, ruling.arm), (Act::Holdout, Some(Arm::Holdout)));
    assert_eq!(ledger.desk().unwrap(), []);
    assert_eq!(ledger.standing(&RunId::new("r1")).unwrap().waiting, 0);
    let came = ledger.decide(&p.id, Verdict::Approve, person(), "", at(1), Duration::ZERO).unwrap();
    assert!(!matches!(came, Decided::Recorded(_)), "{came:?}");
    assert!(ledger.lease(&RunId::new("r1"), "hook", "a", TTL, at(9)).unwrap().is_none());
    let db = rusqlite::Connection::open(&path).unwrap();
    let error = db.execute("UPDATE rulings SET act = 'approve'", []).unwrap_err();
    assert!(error.to_string().contains("never changed"), "{error}");
    // Its outcome is followed, once.
    assert!(ledger.finding_cleared(&p.id, true, 9, at(2)).unwrap());
    assert!(!ledger.finding_cleared(&p.id, false, 12, at(3)).unwrap());
    assert_eq!(ledger.ruling(&p.id).unwrap().unwrap().outcome, Outcome::Recovered);
    let view = GuardView::of(&ledger, &canary(0.0, 1.0), at(9)).unwrap();
    assert_eq!((view.canary.holdout.hits, view.canary.holdout.of, view.canary.treated.of), (1, 1, 0));
}

#[test]
fn processes_that_rule_at_once_decide_once_and_spend_a_budget_once() {
    let (_kept, path, ledger) = fresh();
    let limits = Limits { retries_per_run: 5, ..Limits::default() };
    let policy = Policy { limits, ..canary(1.0, 0.0) };
    let threads = 6;
    let barrier = Barrier::new(threads);
    let approved = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mine = Ledger::open(&path).unwrap();
                barrier.wait();
                for n in 0..20 {
                    let p = draft("r", &format!("c{n}"));
                    let ruling = mine.put_down(&p, &policy, "", GRACE, at(n)).unwrap();
                    if ruling.is_some_and(|ruling| matches!(ruling.act, Act::Approve(_))) {
                        approved.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert_eq!(approved.load(Ordering::Relaxed), 5);
    assert_eq!(ledger.decisions().unwrap().len(), 5);
    assert_eq!(ledger.used(&RunId::new("r")).unwrap().deliveries, 5);
    // The others are handed to a person, as often as that may be; then they are only recorded.
    let desk = ledger.desk().unwrap();
    assert_eq!(desk.iter().filter(|entry| entry.state == State::Waiting).count(), 10);
    assert!(desk.iter().filter(|e| e.state == State::Waiting).all(|e| e.proposal.why.contains("used up")));
    assert_eq!(ledger.history(99).unwrap().len(), 20);
    assert_eq!(ledger.verify().unwrap().broken, None);
}

#[test]
fn a_breaker_and_a_quarantine_are_read_from_what_was_delivered() {
    let (_kept, path, ledger) = fresh();
    let policy = canary(1.0, 0.0);
    let send = |run: &str, call: &str, when: i64| {
        let p = draft(run, call);
        let ruling = ledger.put_down(&p, &policy, "", Duration::ZERO, at(when)).unwrap().unwrap();
        if matches!(ruling.act, Act::Suggest) {
            return (p, ruling);
        }
        let lease = ledger.lease(&RunId::new(run), "hook", "h", TTL, at(when + 1)).unwrap().unwrap();
        ledger.delivered(&lease, at(when + 1)).unwrap();
        (p, ruling)
    };
    // The same for the same run comes back after two deliveries.
    send("flaps", "c1", 0);
    let (last, _) = send("flaps", "c2", 60);
    let (back, ruling) = send("flaps", "c3", 120);
    assert!(ruling.quarantined);
    assert!(ledger.entry(&back.id).unwrap().proposal.why.starts_with("quarantined"));
    let view = GuardView::of(&ledger, &policy, at(130)).unwrap();
    assert_eq!(view.quarantine.len(), 1);
    assert_eq!((&view.quarantine[0].last, view.quarantine[0].sent), (&last.id, 2));
    let what = Flapping { run: RunId::new("flaps"), agent: "main".into(), rule: "claim.tests-pass".into() };
    ledger.clear(&what, "looked at", "ada", at(140)).unwrap();
    assert!(!send("flaps", "c4", 150).1.quarantined);

    // Three in vain within the hour.
    for n in 0..3 {
        let (p, ruling) = send(&format!("run-{n}"), "c", 200 + n);
        assert!(matches!(ruling.act, Act::Approve(_)));
        ledger.outcome(&p.id, Outcome::NotRecovered, Some(9), at(300 + n)).unwrap();
    }
    let (_, ruling) = send("run-9", "c", 310);
    assert!(ruling.why.contains("breaker of claude-code/main is open"), "{}", ruling.why);
    // Another process, which knows nothing but the ledger, says the same.
    let other = Ledger::open(&path).unwrap();
    let view = GuardView::of(&other, &policy, at(310)).unwrap();
    assert_eq!(
        view.agents,
        [("claude-code/main".to_owned(), Breaker::Open { since: at(302), until: at(1202) })]
    );
    // Half open: one probe, then nothing until its outcome is known.
    let (probe, ruling) = send("probe-1", "c", 1_300);
    assert!(matches!(ruling.act, Act::Approve(_)), "{}", ruling.why);
    let (_, second) = send("probe-2", "c", 1_310);
    assert!(second.why.contains("probe is under way"), "{}", second.why);
    ledger.outcome(&probe.id, Outcome::Recovered, Some(9), at(1_320)).unwrap();
    assert!(matches!(send("run-10", "c", 1_330).1.act, Act::Approve(_)));
    // For a while neither counts.
    ledger.outcome(&probe.id, Outcome::NotRecovered, Some(9), at(1_340)).unwrap();
    ledger.bypass(Some(&RunId::new("run-11")), at(9_000), "", "ada", at(1_341)).unwrap();
    assert_eq!(ledger.bypassed(&RunId::new("run-11"), at(1_350)).unwrap(), Some(at(9_000)));
    assert_eq!(ledger.bypassed(&RunId::new("run-12"), at(1_350)).unwrap(), None);
    assert_eq!(ledger.bypassed(&RunId::new("run-11"), at(9_000)).unwrap(), None);
    ledger.bypass(Some(&RunId::new("run-11")), at(1_351), "", "ada", at(1_351)).unwrap();
    assert_eq!(ledger.bypassed(&RunId::new("run-11"), at(1_352)).unwrap(), None, "it was ended");
}

#[test]
fn while_everything_is_stopped_all_is_observed_and_what_is_approved_stays() {
    let (_kept, path, ledger) = fresh();
    let run = RunId::new("r1");
    let (p, q) = (draft("r1", "c1"), draft("r1", "c2"));
    ledger.propose(&p, Mode::Suggest, at(0)).unwrap();
    approve(&ledger, &p.id, at(1));
    // A lease that ran out is not taken over either.
    ledger.lease(&run, "hook", "gone", Duration::from_secs(1), at(2)).unwrap().unwrap();
    assert!(ledger.stop("it went wild", "ada", at(3)).unwrap());
    assert!(!ledger.stop("again", "ben", at(3)).unwrap());
    let r = draft("r1", "c3");
    ledger.propose(&r, Mode::Suggest, at(3)).unwrap();
    approve(&ledger, &r.id, at(3));
    assert!(ledger.lease(&run, "hook", "a", TTL, at(60)).unwrap().is_none());
    assert_eq!(ledger.entry(&r.id).unwrap().state, State::Approved);
    let ruling = ledger.put_down(&q, &canary(1.0, 0.0), "", GRACE, at(4)).unwrap().unwrap();
    assert_eq!(ruling.act, Act::Observe);
    assert!(ruling.why.contains("ada, it went wild"), "{}", ruling.why);
    // Nor is handed over what was taken up before: it is taken over when the policy holds again.
    assert!(ledger.resume("", "ada", at(61)).unwrap());
    let s = draft("r2", "c");
    ledger.propose(&s, Mode::Suggest, at(61)).unwrap();
    approve(&ledger, &s.id, at(61));
    let lease = ledger.lease(&RunId::new("r2"), "hook", "a", TTL, at(61)).unwrap().unwrap();
    ledger.stop("", "ada", at(62)).unwrap();
    assert_eq!(ledger.hand_over(&lease, at(62)).unwrap(), Handed::Lost);
    assert!(!ledger.may_hand_over(&lease, at(62)).unwrap());
    // Not this program: the file itself refuses.
    let db = rusqlite::Connection::open(&path).unwrap();
    for sql in [
        "UPDATE deliveries SET leases = leases + 1, lease_until = 9000000000000000",
        "INSERT INTO deliveries (key, proposal, round, decision, channel, holder, leases, leased,
         lease_until, text, digest) SELECT 'k', proposal, round, number, 'c', 'h', 1, at + 1, at, text, digest
         FROM decisions WHERE number = 2",
    ] {
        let error = db.execute_batch(sql).unwrap_err();
        assert!(error.to_string().contains("everything is stopped"), "{error}");
    }
    assert!(ledger.resume("", "ada", at(70)).unwrap());
    assert!(!ledger.resume("", "ada", at(70)).unwrap());
    assert!(ledger.lease(&run, "hook", "a", TTL, at(71)).unwrap().unwrap().again());
    assert_eq!(ledger.lease(&run, "hook", "a", TTL, at(71)).unwrap().unwrap().proposal(), &r.id);
    let lease = ledger.lease(&RunId::new("r2"), "hook", "b", TTL, at(99)).unwrap().unwrap();
    assert!(lease.again());
    assert_eq!(ledger.hand_over(&lease, at(99)).unwrap(), Handed::Recorded);
    let kinds: Vec<GuardKind> = ledger.guard_events(9).unwrap().into_iter().map(|e| e.kind).collect();
    assert_eq!(kinds, [GuardKind::Resume, GuardKind::Stop, GuardKind::Resume, GuardKind::Stop]);
}

#[test]
fn what_was_done_to_the_guard_cannot_be_changed_unseen() {
    for damage in [
        "UPDATE guard SET by_name = 'nobody' WHERE number = 2",
        "DELETE FROM guard WHERE number = 2",
        "DELETE FROM guard WHERE number = 3",
        "UPDATE guard SET until = 1 WHERE number = 3",
    ] {
        let (_kept, path, ledger) = fresh();
        ledger.stop("", "ada", at(0)).unwrap();
        ledger.resume("", "ben", at(1)).unwrap();
        ledger.bypass(None, at(60), "", "ada", at(2)).unwrap();
        assert_eq!(ledger.verify().unwrap().broken, None);
        let db = rusqlite::Connection::open(&path).unwrap();
        let error = db.execute_batch(damage).unwrap_err();
        assert!(error.to_string().contains("never"), "{error}");
        db.execute_batch("DROP TRIGGER guard_is_not_changed; DROP TRIGGER guard_is_not_removed;").unwrap();
        db.execute_batch(damage).unwrap();
        let broken = ledger.verify().unwrap().broken.expect(damage);
        assert_eq!(broken.fault, Fault::Guard, "{damage}");
    }
}

/// Puts more proposals down and approves them, so that they can be leased at once.
fn approved(ledger: &Ledger, more: std::ops::Range<usize>) {
    for n in more {
        let p = draft("r", &format!("c{n}"));
        ledger.propose(&p, Mode::Suggest, at(0)).unwrap();
        approve(ledger, &p.id, at(0));
    }
}

#[test]
fn no_thread_takes_anything_up_after_a_stop_is_on_the_disk() {
    let (_kept, path, ledger) = fresh();
    const ROUNDS: usize = 12;
    // Odd while everything is stopped: made odd after the stop is on the disk, even before it is lifted.
    let (epoch, threads) = (AtomicUsize::new(0), 3);
    let tries: Vec<AtomicUsize> = (0..threads).map(|_| AtomicUsize::new(0)).collect();
    let leased = Mutex::new(Vec::new());
    let so_far = || leased.lock().unwrap().len();
    std::thread::scope(|scope| {
        for mine in &tries {
            let (path, epoch, leased) = (&path, &epoch, &leased);
            scope.spawn(move || {
                let ledger = Ledger::open(path).unwrap();
                let holder = format!("{:?}", std::thread::current().id());
                while leased.lock().unwrap().len() < 10 * ROUNDS {
                    let before = epoch.load(Ordering::SeqCst);
                    let lease = ledger.lease(&RunId::new("r"), "hook", &holder, TTL, at(9)).unwrap();
                    let stopped = before % 2 == 1 && epoch.load(Ordering::SeqCst) == before;
                    if let Some(lease) = lease {
                        assert!(!stopped, "a text was taken up after the stop");
                        leased.lock().unwrap().push(lease.key().to_owned());
                    }
                    mine.fetch_add(usize::from(stopped), Ordering::SeqCst);
                }
            });
        }
        for round in 0..ROUNDS {
            approved(&ledger, 10 * round..10 * round + 6);
            let began = Instant::now();
            while so_far() < 10 * round + 3 {
                assert!(began.elapsed() < PATIENCE, "nothing is taken up");
                std::thread::yield_now();
            }
            ledger.stop("", "ada", at(1)).unwrap();
            epoch.fetch_add(1, Ordering::SeqCst);
            // So that there is something to be taken up in any case.
            approved(&ledger, 10 * round + 6..10 * round + 10);
            let seen: Vec<usize> = tries.iter().map(|t| t.load(Ordering::SeqCst)).collect();
            let began = Instant::now();
            // Each has tried in vain at least twice.
            while tries.iter().zip(&seen).any(|(t, seen)| t.load(Ordering::SeqCst) < seen + 2) {
                assert!(began.elapsed() < PATIENCE, "a thread gave up");
                std::thread::yield_now();
            }
            epoch.fetch_add(1, Ordering::SeqCst);
            ledger.resume("", "ada", at(1)).unwrap();
        }
    });
    let leased = leased.into_inner().unwrap();
    assert_eq!(leased.iter().collect::<HashSet<_>>().len(), 10 * ROUNDS);
    assert_eq!(ledger.verify().unwrap().broken, None);
}

/// A process that takes up what it can, and says so; nothing when it is run as a test.
#[test]
fn child() {
    let Ok(place) = std::env::var(CHILD) else { return };
    let place = Path::new(&place);
    let ledger = Ledger::open(&place.join("ledger.db")).unwrap();
    let holder = std::process::id().to_string();
    let mut out = std::io::stdout();
    loop {
        let before = fs::read_to_string(place.join("stopped")).ok();
        let lease = ledger.lease(&RunId::new("r"), "hook", &holder, TTL, at(9)).unwrap();
        // Written after the stop was on the disk, taken away before it is lifted.
        let after = before.is_some() && fs::read_to_string(place.join("stopped")).ok() == before;
        let line = match (after, lease) {
            (true, Some(lease)) => format!("\nagainst {}\n", lease.key()),
            (false, Some(lease)) => format!("\nleased {}\n", lease.key()),
            (true, None) => "\nin-vain\n".to_owned(),
            (false, None) if place.join("end").exists() => return,
            (false, None) => continue,
        };
        out.write_all(line.as_bytes()).unwrap();
        out.flush().unwrap();
    }
}

#[test]
fn no_process_takes_anything_up_after_a_stop_is_on_the_disk() {
    let (kept, _, ledger) = fresh();
    const ROUNDS: usize = 8;
    let (say, said) = channel::<(usize, String)>();
    let mut children: Vec<_> = (0..2)
        .map(|number| {
            let mut child = Command::new(std::env::current_exe().unwrap())
                .args(["child", "--exact", "--nocapture", "--test-threads=1"])
                .env(CHILD, kept.path())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let lines = BufReader::new(child.stdout.take().unwrap()).lines();
            let say = say.clone();
            std::thread::spawn(move || {
                lines.map_while(Result::ok).try_for_each(|line| say.send((number, line)))
            });
            child
        })
        .collect();
    let mut leased = HashSet::new();
    let flag = kept.path().join("stopped");
    for round in 0..ROUNDS {
        approved(&ledger, 10 * round..10 * round + 6);
        let mut in_vain = [0, 0];
        let take = |leased: &mut HashSet<String>, in_vain: &mut [usize; 2]| {
            let (number, line) = said.recv_timeout(PATIENCE).expect("the children went silent");
            match line.split_once(' ') {
                Some(("leased", key)) => assert!(leased.insert(key.to_owned()), "{key} twice"),
                Some(("against", key)) => panic!("{key} was taken up after the stop"),
                _ => in_vain[number] += usize::from(line == "in-vain"),
            }
        };
        while leased.len() < 10 * round + 3 {
            take(&mut leased, &mut in_vain);
        }
        ledger.stop("", "ada", at(1)).unwrap();
        fs::write(&flag, round.to_string()).unwrap();
        // So that there is something to be taken up in any case.
        approved(&ledger, 10 * round + 6..10 * round + 10);
        in_vain = [0, 0];
        while in_vain.iter().any(|tries| *tries < 2) {
            take(&mut leased, &mut in_vain);
        }
        fs::remove_file(&flag).unwrap();
        ledger.resume("", "ada", at(1)).unwrap();
        while leased.len() < 10 * round + 10 {
            take(&mut leased, &mut in_vain);
        }
    }
    fs::write(kept.path().join("end"), "").unwrap();
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(ledger.verify().unwrap().broken, None);
}

/// A desk over a ledger of its own, fed with a run as its log grows.
struct Played {
    folder: tempfile::TempDir,
    desk: Desk,
    said: Receiver<Said>,
}

impl Played {
    fn new(policy: Policy) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let rules = Rules {
            ledger: folder.path().join("ledger.db"),
            spool: folder.path().join("spool"),
            operator: "ada".into(),
            grace: Duration::ZERO,
            policy,
            post: medbay::deliver::post::Setup::default(),
            proposer: None,
        };
        let (say, said) = channel();
        let desk = Desk::start(rules, move |one| drop(say.send(one))).unwrap();
        Self { folder, desk, said }
    }

    fn ledger(&self) -> Ledger {
        Ledger::open(&self.folder.path().join("ledger.db")).unwrap()
    }

    /// The log now holds this; the keeper hears of it.
    fn log(&self, name: &str, records: &[String]) {
        let path = self.folder.path().join(name);
        fs::write(&path, records.iter().map(|record| format!("{record}\n")).collect::<String>()).unwrap();
        let Some(run) = read::run_of(&path, None) else { return };
        let mut assessor = read::whole(&run, &Judge::embedded()).unwrap().assessor;
        assessor.conclude(false);
        assert!(self.desk.ask(Ask::News(Box::new(assessor.news()))));
    }

    fn until(&self, what: &str, holds: impl Fn(&[Entry]) -> bool) -> Vec<Entry> {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.said.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Said::Ledger { history, .. }) if holds(&history) => return history,
                Ok(Said::Lost(why)) => panic!("{why}"),
                Ok(_) => {}
                Err(_) => panic!("it never came to this: {what}"),
            }
        }
    }
}

fn failing_run() -> Vec<String> {
    [
        json!({"type": "run", "medbay": 1, "run": "till", "agent": "main", "cwd": "/srv/till"}),
        json!({"type": "prompt", "text": "Mend the rounding; the tests must pass.", "by": "person"}),
        json!({"type": "call", "id": "c1", "tool": "shell", "input": {"command": "python3 -m pytest -q"}}),
        json!({"type": "result", "id": "c1", "status": "error", "exit_code": 1,
               "text": "FAILED tests/test_till.py::test_rounds - assert 3 == 4\n1 failed, 3 passed in 0.12s\n"}),
        json!({"type": "message", "text": "The rounding is mended. All tests pass.", "closing": true}),
    ]
    .iter()
    .map(Value::to_string)
    .collect()
}

#[test]
fn a_treated_run_gets_its_text_by_the_policy_and_its_recovery_counts() {
    let policy = canary(1.0, 0.0);
    let played = Played::new(policy.clone());
    let letters =
        medbay::deliver::spool::Spool::at(played.folder.path().join("spool")).of(&RunId::new("till"));
    fs::create_dir_all(&letters).unwrap();
    let mut log = failing_run();
    played.log("till.jsonl", &log);
    let all = played.until("it is delivered", |all| all.iter().any(|e| e.state == State::Delivered));
    let entry = &all[0];
    assert_eq!(entry.decision.as_ref().unwrap().by, Operator::Policy { name: "policy".into() });
    let letter = fs::read_dir(letters.join("inbox")).unwrap().next().unwrap().unwrap().path();
    let letter: Value = serde_json::from_slice(&fs::read(letter).unwrap()).unwrap();
    assert_eq!(letter["text"], entry.proposal.payload);
    for record in [
        json!({"type": "prompt", "text": letter["text"], "by": "operator"}),
        json!({"type": "call", "id": "c2", "tool": "edit", "input": {"path": "till.py", "text": "x"}}),
        json!({"type": "result", "id": "c2", "status": "ok", "text": "written"}),
        json!({"type": "call", "id": "c3", "tool": "shell", "input": {"command": "python3 -m pytest -q"}}),
        json!({"type": "result", "id": "c3", "status": "ok", "exit_code": 0, "text": "4 passed in 0.10s\n"}),
        json!({"type": "message", "text": "The rounding is mended. All tests pass.", "closing": true}),
    ] {
        log.push(record.to_string());
        played.log("till.jsonl", &log);
    }
    played.until("it recovered", |all| {
        all[0].outcome == Outcome::Recovered && all[0].state == State::Confirmed
    });
    let ledger = played.ledger();
    // The test that passed shows the recovery; the canary goes by the last message, which comes after.
    let until = Instant::now() + PATIENCE;
    let view = loop {
        let view = GuardView::of(&ledger, &policy, Timestamp::now()).unwrap();
        if view.canary.treated.of > 0 {
            break view;
        }
        assert!(Instant::now() < until, "the canary never counts the run");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!((view.canary.treated.hits, view.canary.treated.of, view.canary.holdout.of), (1, 1, 0));
    assert_eq!(view.canary.tokens, u64::from(entry.proposal.tokens));
    let (run, budgets) = &view.runs[0];
    assert_eq!((run.as_str(), budgets[0].used), ("till", 1.0));
    assert_eq!(ledger.verify().unwrap().broken, None);
}

#[test]
fn a_recorded_run_that_is_held_out_is_followed_to_its_end_and_never_spoken_to() {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-runs/claude-code/-home-dev-tollgate");
    let source = fs::read_dir(&place).unwrap().map(|e| e.unwrap().path());
    let source = source.filter(|path| path.extension().is_some_and(|e| e == "jsonl")).min().unwrap();
    let log: Vec<String> = fs::read_to_string(&source).unwrap().lines().map(str::to_owned).collect();
    let run = source.file_stem().unwrap().to_str().unwrap();
    let mut compared = Vec::new();
    for (treated, holdout) in [(0.0, 1.0), (1.0, 0.0)] {
        let policy = canary(treated, holdout);
        let played = Played::new(policy.clone());
        let letters =
            medbay::deliver::spool::Spool::at(played.folder.path().join("spool")).of(&RunId::new(run));
        fs::create_dir_all(&letters).unwrap();
        let name = source.file_name().unwrap().to_str().unwrap();
        for end in 1..=log.len() {
            played.log(name, &log[..end]);
        }
        // The keeper answers in order: what it says after this was asked after all of it.
        drop(played.desk);
        let ledger = Ledger::open(&played.folder.path().join("ledger.db")).unwrap();
        let all = ledger.history(99).unwrap();
        assert!(!all.is_empty());
        let sent = fs::read_dir(letters.join("inbox")).map_or(0, Iterator::count);
        if holdout > 0.0 {
            assert_eq!((sent, ledger.decisions().unwrap().len()), (0, 0));
            assert!(all.iter().all(|entry| !matches!(entry.state, State::Approved | State::Delivered)));
            assert_eq!(ledger.desk().unwrap(), []);
        } else {
            assert!(!ledger.decisions().unwrap().is_empty());
        }
        let view = GuardView::of(&ledger, &policy, Timestamp::now()).unwrap();
        compared.push(if holdout > 0.0 { view.canary.holdout } else { view.canary.treated });
    }
    // This recording does not hear what is said to it: both arms see the same become of it.
    assert_eq!(compared[0], compared[1]);
    assert!(compared[0].of > 0, "{compared:?}");
}

fn medbay(home: &Path, arguments: &[&str], input: &str) -> (i32, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_medbay"))
        .args(arguments)
        .env_clear()
        .env("HOME", home)
        .env("USER", "ada")
        .env("TZ", "UTC")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

fn configured(text: &str) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join(".config/medbay");
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("config.toml"), text).unwrap();
    home
}

#[test]
fn the_command_shows_stops_resumes_bypasses_and_clears() {
    let home = configured(
        "[[policy.rule]]\nname = \"\\u001b[31mtills\"\nworkflow = \"till*\"\nclass = \"hallucination\"\nmode = \"auto\"\n",
    );
    let guard = |arguments: &[&str]| {
        let all: Vec<&str> = ["guard"].iter().chain(arguments).copied().collect();
        medbay(home.path(), &all, "")
    };
    let json = || -> Value { serde_json::from_str(&guard(&["--json"]).1).unwrap() };
    let (code, out, err) = guard(&[]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(
        out.contains("stopped     no") && out.contains("auto") && out.contains("class hallucination"),
        "{out}"
    );
    assert!(!out.contains('\u{1b}'), "{out}");
    assert_eq!(json()["stopped"], Value::Null);

    let ledger = Ledger::open(&home.path().join(".local/share/medbay/ledger.db")).unwrap();
    let p = draft("r1", "c1");
    ledger.propose(&p, Mode::Suggest, Timestamp::now()).unwrap();
    approve(&ledger, &p.id, Timestamp::now());
    let (code, out, err) = guard(&["--stop", "it went wild"]);
    assert_eq!((code, out.as_str()), (0, ""), "{err}");
    assert!(err.contains("everything is stopped"), "{err}");
    let now = json();
    assert_eq!(now["stopped"]["by"], "ada");
    assert_eq!(now["stopped"]["reason"], "it went wild");
    assert_eq!(now["due"], 1);
    assert!(guard(&[]).1.contains("by ada, it went wild"));
    let shown = medbay(home.path(), &["decisions", "show", p.id.as_str()], "").1;
    assert!(shown.contains("not sent: everything is stopped by ada, it went wild"), "{shown}");
    // A hook of the agent says nothing.
    let input =
        json!({"session_id": "r1", "transcript_path": home.path().join("r1.jsonl"), "cwd": "/srv/till",
        "hook_event_name": "Stop", "permission_mode": "default"})
        .to_string();
    let hook = || medbay(home.path(), &["hook", "claude-code"], &input);
    assert_eq!(hook(), (0, String::new(), String::new()));
    assert_eq!(ledger.entry(&p.id).unwrap().state, State::Approved);
    assert!(guard(&["--resume"]).2.contains("the policy holds again"));
    assert!(guard(&["--resume"]).2.contains("nothing was stopped"));
    assert!(hook().1.contains(p.id.as_str()));
    assert!(guard(&[]).1.contains("retries 1, left 2;"), "{}", guard(&[]).1);
    assert_eq!(json()["budgets"][0]["budgets"]["retries"], json!({"used": 1.0, "limit": 3.0, "left": 2.0}));

    assert!(guard(&["--bypass", "30", "--run", "r1"]).2.contains("do not count until"));
    assert_eq!(json()["bypasses"][0]["run"], "r1");
    guard(&["--bypass", "0", "--run", "r1"]);
    assert_eq!(json()["bypasses"], json!([]));
    assert_eq!(guard(&["--bypass", "100000"]).0, 2);
    assert_eq!(guard(&["--stop", "--resume"]).0, 2);
    assert_eq!(guard(&["--clear", "nothing"]).0, 2);
    assert!(guard(&["--clear", p.id.as_str()]).2.contains("let go from quarantine"));
    let kinds: Vec<Value> = json()["events"].as_array().unwrap().iter().map(|e| e["kind"].clone()).collect();
    assert_eq!(kinds, ["clear", "bypass", "bypass", "resume", "stop"]);
    assert_eq!(medbay(home.path(), &["decisions", "verify"], "").0, 0);
}

#[test]
fn a_hook_rules_as_the_console_does_and_a_stop_lets_a_held_agent_go() {
    let home = configured(
        "grace_seconds = 0\n[policy]\nmode = \"canary\"\n[canary]\ntreated = 1.0\nholdout = 0.0\n",
    );
    let log = home.path().join("till.jsonl");
    fs::write(&log, failing_claude_code().iter().map(|r| format!("{r}\n")).collect::<String>()).unwrap();
    let input =
        json!({"session_id": "s1", "transcript_path": log, "cwd": "/srv/till", "hook_event_name": "Stop",
        "permission_mode": "default", "stop_hook_active": false,
        "last_assistant_message": "The rounding is mended. All tests pass."})
        .to_string();
    let (code, out, err) = medbay(home.path(), &["hook", "claude-code"], &input);
    assert_eq!((code, err.as_str()), (0, ""));
    let ledger = Ledger::open(&home.path().join(".local/share/medbay/ledger.db")).unwrap();
    let all = ledger.history(9).unwrap();
    assert_eq!(all.len(), 1);
    assert!(out.contains(&all[0].proposal.id.tag()), "{out}");
    assert_eq!(all[0].state, State::Delivered);
    let ruled = ledger.ruling(&all[0].proposal.id).unwrap().unwrap();
    assert_eq!(ruled.arm, Some(Arm::Treated));

    // A hook that holds its agent for a person lets it go when everything is stopped.
    let home = configured("[policy]\nhold_seconds = 50\n");
    let db = home.path().join(".local/share/medbay/ledger.db");
    let ledger = Ledger::open(&db).unwrap();
    let p = draft("s1", "c1");
    ledger.propose(&p, Mode::Suggest, Timestamp::now()).unwrap();
    let input = input.replace(log.to_str().unwrap(), home.path().join("none.jsonl").to_str().unwrap());
    let mut child = Command::new(env!("CARGO_BIN_EXE_medbay"))
        .args(["hook", "claude-code"])
        .env_clear()
        .env("HOME", home.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let until = Instant::now() + PATIENCE;
    while ledger.held(Timestamp::now()).unwrap().is_empty() {
        assert!(Instant::now() < until, "the agent is not held");
        std::thread::sleep(Duration::from_millis(10));
    }
    ledger.stop("", "ada", Timestamp::now()).unwrap();
    let stopped = Instant::now();
    assert!(child.wait_with_output().unwrap().stdout.is_empty());
    assert!(stopped.elapsed() < Duration::from_secs(40), "it was held to its end");
    assert_eq!(ledger.entry(&p.id).unwrap().state, State::Waiting);
}

/// A run of Claude Code that claims what its last test run contradicts.
fn failing_claude_code() -> Vec<Value> {
    let mut records = Vec::new();
    let mut add = |mut record: Value| {
        let number = records.len() + 1;
        record["uuid"] = json!(format!("00000000-0000-4000-8000-{number:012}"));
        record["parentUuid"] = match number {
            1 => Value::Null,
            _ => json!(format!("00000000-0000-4000-8000-{:012}", number - 1)),
        };
        record["timestamp"] = json!(format!("2026-11-20T10:00:{number:02}.000Z"));
        record["sessionId"] = json!("s1");
        record["cwd"] = json!("/srv/till");
        record["version"] = json!("2.1.330");
        record["isSidechain"] = json!(false);
        record["userType"] = json!("external");
        records.push(record);
    };
    let says = |id: &str, block: Value, stop: &str| {
        json!({"type": "assistant", "requestId": id, "message": {"id": id, "type": "message", "role": "assistant",
            "model": "claude-opus-5-5", "content": [block], "stop_reason": stop, "stop_sequence": null,
            "usage": {"input_tokens": 10, "output_tokens": 10}}})
    };
    add(
        json!({"type": "user", "message": {"role": "user", "content": "Mend the rounding; the tests must pass."}}),
    );
    let call = json!({"type": "tool_use", "id": "toolu_1", "name": "Bash",
        "input": {"command": "python3 -m pytest -q"}});
    add(says("msg_1", call, "tool_use"));
    let text =
        "Exit code 1\nFAILED tests/test_till.py::test_rounds - assert 3 == 4\n1 failed, 3 passed in 0.12s";
    add(
        json!({"type": "user", "toolUseResult": format!("Error: {text}"), "message": {"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": "toolu_1", "is_error": true, "content": text}]}}),
    );
    let said = json!({"type": "text", "text": "The rounding is mended. All tests pass."});
    add(says("msg_2", said, "end_turn"));
    records
}
