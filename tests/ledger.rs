//! The ledger from outside: the states, the guards, what bad files get, and races.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod drafts;

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Barrier;
use std::time::Duration;

use drafts::{approve, at, draft, person};
use medbay::ledger::{
    Arrival, Caller, Decided, Handed, Ledger, LedgerError, Mode, Move, Outcome, State, Undo, Verdict, as_sent,
};
use medbay::recover::{Gate, Proposal, Scope};
use medbay::trace::RunId;

const GRACE: Duration = Duration::from_secs(5);
const TTL: Duration = Duration::from_secs(30);

fn fresh() -> (tempfile::TempDir, PathBuf, Ledger) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state/medbay/ledger.db");
    let ledger = Ledger::open(&path).unwrap();
    (directory, path, ledger)
}

#[test]
fn a_proposal_goes_from_waiting_to_confirmed() {
    let (_kept, _, ledger) = fresh();
    let run = RunId::new("r1");
    let p = draft("r1", "c1");
    assert!(ledger.propose(&p, Mode::Suggest, at(0)).unwrap());
    assert!(!ledger.propose(&p, Mode::Suggest, at(1)).unwrap(), "the same proposal twice");
    assert_eq!(ledger.entry(&p.id).unwrap().proposal, p);
    assert_eq!(ledger.standing(&run).unwrap().waiting, 1);
    assert!(ledger.lease(&run, "hook", "a", TTL, at(9)).unwrap().is_none(), "nobody approved it");

    let decided = ledger.decide(&p.id, Verdict::Approve, person(), "the desk", at(10), GRACE).unwrap();
    assert!(matches!(decided, Decided::Recorded(_)));
    let entry = ledger.entry(&p.id).unwrap();
    assert_eq!(entry.state, State::Approved);
    assert_eq!(entry.grace_until, Some(at(15)));
    assert_eq!(entry.decision.unwrap().seen, "the desk");
    assert!(
        ledger.lease(&run, "hook", "a", TTL, at(14)).unwrap().is_none(),
        "within its grace time nothing is sent"
    );

    let lease = ledger.lease(&run, "hook", "a", TTL, at(15)).unwrap().unwrap();
    assert_eq!(lease.text(), p.payload);
    assert!(!lease.again());
    assert!(ledger.lease(&run, "hook", "b", TTL, at(16)).unwrap().is_none(), "leased to somebody else");
    assert_eq!(ledger.delivered(&lease, at(16)).unwrap(), Handed::Recorded);
    assert_eq!(ledger.delivered(&lease, at(17)).unwrap(), Handed::Lost);
    assert!(ledger.lease(&run, "hook", "b", TTL, at(99)).unwrap().is_none());

    let used = ledger.used(&run).unwrap();
    assert_eq!((used.deliveries, used.tokens), (1, 120));
    assert!(ledger.confirm(&p.id, Some(21), at(18)).unwrap());
    assert!(!ledger.confirm(&p.id, Some(22), at(19)).unwrap());
    assert!(ledger.outcome(&p.id, Outcome::Recovered, Some(9), at(20)).unwrap());
    let entry = ledger.entry(&p.id).unwrap();
    assert_eq!(entry.state, State::Confirmed);
    assert_eq!(entry.outcome, Outcome::Recovered);
    let delivery = entry.delivery.unwrap();
    assert_eq!(delivery.delivered, Some(at(16)));
    assert_eq!(delivery.confirmed, Some((at(18), Some(21))));
    assert_eq!(ledger.verify().unwrap().broken, None);
    assert_eq!(ledger.verify().unwrap().rows, 1);
}

#[test]
fn the_first_decision_wins_and_an_undo_opens_the_next_round() {
    let (_kept, _, ledger) = fresh();
    let p = draft("r1", "c1");
    ledger.propose(&p, Mode::Suggest, at(0)).unwrap();
    let veto = Verdict::Veto { reason: "not so".into() };
    let deferred = ledger.decide(&p.id, Verdict::Defer, person(), "", at(1), GRACE).unwrap();
    assert!(matches!(deferred, Decided::Recorded(_)));
    assert_eq!(ledger.entry(&p.id).unwrap().state, State::Waiting);
    assert_eq!(ledger.entry(&p.id).unwrap().decision.unwrap().verdict, Verdict::Defer);
    assert_eq!(ledger.standing(&RunId::new("r1")).unwrap().waiting, 0, "a deferred one holds nobody");
    assert!(matches!(
        ledger.decide(&p.id, veto.clone(), person(), "", at(2), GRACE).unwrap(),
        Decided::Recorded(_)
    ));
    match ledger.decide(&p.id, Verdict::Approve, person(), "", at(3), GRACE).unwrap() {
        Decided::Already(entry) => assert_eq!(entry.decision.unwrap().verdict, veto),
        other => panic!("{other:?}"),
    }
    assert_eq!(ledger.undo(&p.id, at(4), person()).unwrap(), Undo::Undone);
    assert_eq!(ledger.undo(&p.id, at(4), person()).unwrap(), Undo::Undecided(State::Waiting));
    let edited = Verdict::Edit { text: "  do\u{1b}[2J this first\n".into() };
    ledger.decide(&p.id, edited, person(), "", at(5), GRACE).unwrap();
    assert_eq!(ledger.undo(&p.id, at(10), person()).unwrap(), Undo::TooLate(State::Approved));
    let lease = ledger.lease(&RunId::new("r1"), "hook", "a", TTL, at(10)).unwrap().unwrap();
    assert!(lease.text().starts_with("Operator: do"));
    assert!(lease.text().ends_with(&p.id.tag()));
    assert!(!lease.text().contains('\u{1b}'));
    match ledger.entry(&p.id).unwrap().decision.unwrap().verdict {
        Verdict::Edit { text } => assert_eq!(text, lease.text()),
        other => panic!("{other:?}"),
    }
    let log = ledger.decisions().unwrap();
    let verdicts: Vec<_> = log.iter().map(|d| d.verdict.as_str()).collect();
    assert_eq!(verdicts, ["defer", "veto", "undo", "edit"]);
    let on: Vec<_> = ledger.decisions_on(&p.id).unwrap();
    assert_eq!(on[1].undone, Some(at(4)));
    assert_eq!(on[2].undone, None);
    assert_eq!(ledger.verify().unwrap().rows, 4);
    assert_eq!(ledger.verify().unwrap().broken, None);
}

#[test]
fn a_run_out_lease_goes_to_the_next_who_is_told_so() {
    let (_kept, _, ledger) = fresh();
    let run = RunId::new("r1");
    let p = draft("r1", "c1");
    ledger.propose(&p, Mode::Suggest, at(0)).unwrap();
    approve(&ledger, &p.id, at(1));
    let first = ledger.lease(&run, "hook", "a", TTL, at(2)).unwrap().unwrap();
    let second = ledger.lease(&run, "hook", "b", TTL, at(32)).unwrap().unwrap();
    assert!(second.again());
    assert_eq!(first.key(), second.key());
    assert_eq!(ledger.delivered(&first, at(33)).unwrap(), Handed::Lost);
    assert_eq!(ledger.delivery_failed(&second, "no room", at(34)).unwrap(), Handed::Recorded);
    let entry = ledger.entry(&p.id).unwrap();
    assert_eq!(entry.state, State::Failed);
    assert_eq!(entry.delivery.as_ref().unwrap().attempts, 2);
    assert_eq!(ledger.desk().unwrap().len(), 1, "a failed one stays in sight");
    assert!(ledger.lease(&run, "hook", "b", TTL, at(99)).unwrap().is_none());
    assert!(ledger.retry(&p.id, at(100)).unwrap());
    let third = ledger.lease(&run, "hook", "c", TTL, at(100)).unwrap().unwrap();
    assert!(!third.again());
    assert_ne!(third.key(), second.key());
    // The log decides, even before the process that handed it over says so.
    assert!(ledger.confirm(&p.id, None, at(101)).unwrap());
    assert_eq!(ledger.delivered(&third, at(102)).unwrap(), Handed::Lost);
    assert_eq!(ledger.entry(&p.id).unwrap().state, State::Confirmed);
}

#[test]
fn a_tag_of_a_text_that_nobody_sent_proves_nothing() {
    let (_kept, _, ledger) = fresh();
    let p = draft("r1", "c1");
    ledger.propose(&p, Mode::Suggest, at(0)).unwrap();
    assert!(!ledger.confirm(&p.id, Some(3), at(1)).unwrap());
    approve(&ledger, &p.id, at(2));
    assert!(!ledger.confirm(&p.id, Some(3), at(3)).unwrap());
    assert_eq!(ledger.entry(&p.id).unwrap().state, State::Approved);
}

#[test]
fn what_the_run_left_behind_is_superseded_and_never_sent() {
    let (_kept, _, ledger) = fresh();
    let run = RunId::new("r1");
    let (p, q) = (draft("r1", "c1"), draft("r1", "c2"));
    for x in [&p, &q] {
        ledger.propose(x, Mode::Suggest, at(0)).unwrap();
    }
    approve(&ledger, &p.id, at(1));
    assert!(ledger.supersede(&p.id, "the tests pass now", at(2)).unwrap());
    assert!(ledger.expire(&q.id, "desk.expire_after", at(2)).unwrap());
    assert!(!ledger.supersede(&q.id, "late", at(3)).unwrap());
    assert!(ledger.lease(&run, "hook", "a", TTL, at(9)).unwrap().is_none());
    assert_eq!(ledger.entry(&p.id).unwrap().note, "the tests pass now");
    assert_eq!(ledger.entry(&q.id).unwrap().note, "by policy desk.expire_after");
    assert_eq!(ledger.decisions().unwrap().len(), 1, "nobody said no");
    // A word that comes too late is on record, once, and nothing is sent for it.
    match ledger.decide(&q.id, Verdict::Approve, person(), "", at(4), GRACE).unwrap() {
        Decided::MovedOn(decision, why) => {
            assert_eq!((decision.number, why.as_str()), (2, "by policy desk.expire_after"));
        }
        other => panic!("{other:?}"),
    }
    let again = ledger.decide(&q.id, Verdict::Approve, person(), "", at(5), GRACE).unwrap();
    assert_eq!(again, Decided::NotWaiting(State::Expired));
    assert_eq!(ledger.entry(&q.id).unwrap().state, State::Expired);
    assert!(ledger.lease(&run, "hook", "a", TTL, at(99)).unwrap().is_none());
    assert_eq!(ledger.verify().unwrap().broken, None);
}

#[test]
fn what_is_only_observed_is_on_no_desk_and_holds_nobody() {
    let (_kept, _, ledger) = fresh();
    let p = draft("r1", "c1");
    ledger.propose(&p, Mode::Observe, at(0)).unwrap();
    assert_eq!(ledger.desk().unwrap(), []);
    assert_eq!(ledger.standing(&RunId::new("r1")).unwrap().waiting, 0);
    assert_eq!(ledger.history(10).unwrap().len(), 1);
}

/// A proposal that would refuse a call.
fn refusal(call: &str, gate: &Gate, turn: &str) -> Proposal {
    let mut p = draft("r1", call);
    p.target.scope = Scope::Call(gate.clone());
    p.target.turn = turn.into();
    p
}

fn at_call<'a>(run: &'a RunId, gate: &'a Gate) -> Caller<'a> {
    let agent = Some("main");
    Caller {
        run,
        agent,
        channel: "hook",
        holder: "h",
        ttl: TTL,
        gate: Some(gate),
        after: i64::MAX,
        only: None,
    }
}

#[test]
fn what_refuses_one_call_is_never_given_to_another() {
    let (_kept, _, ledger) = fresh();
    let run = RunId::new("r1");
    let gate = Gate::of("toolu_A", "Bash", r#"{"command":"rm x"}"#);
    let p = refusal("c1", &gate, "");
    ledger.propose(&p, Mode::Suggest, at(0)).unwrap();
    approve(&ledger, &p.id, at(1));
    let others = [
        Gate::of("toolu_a", "Bash", r#"{"command":"rm x"}"#),
        Gate::of("toolu_A", "bash", r#"{"command":"rm x"}"#),
        Gate::of("toolu_A", "Bash", r#"{"command": "rm x"}"#),
        Gate::of("", "", ""),
    ];
    for other in &others {
        assert_eq!(ledger.lease_as(&at_call(&run, other), at(2)).unwrap(), None);
    }
    assert_eq!(ledger.lease(&run, "hook", "h", TTL, at(2)).unwrap(), None, "it corrects nobody");
    assert_eq!(ledger.standing_for(&run, Some("main")).unwrap().approved, 0);
    assert_eq!(ledger.standing_at(&run, Some("main"), Some(&gate), 0).unwrap().approved, 1);
    let elsewhere = RunId::new("r2");
    assert_eq!(ledger.lease_as(&at_call(&elsewhere, &gate), at(2)).unwrap(), None);
    let inside = Caller { agent: Some("explore-1"), ..at_call(&run, &gate) };
    assert_eq!(ledger.lease_as(&inside, at(2)).unwrap(), None);
    let lease = ledger.lease_as(&at_call(&run, &gate), at(2)).unwrap().unwrap();
    assert!(lease.is_gate());
    assert_eq!(lease.text(), p.payload);
    let mut unnamed = refusal("c2", &gate, "");
    unnamed.target.scope = Scope::Call(Gate { call: "toolu_A".into(), input: String::new() });
    assert!(matches!(ledger.propose(&unnamed, Mode::Suggest, at(3)), Err(LedgerError::NoGate { .. })));
}

#[test]
fn a_correction_refuses_a_call_only_when_it_was_decided_while_the_call_was_held() {
    let (_kept, _, ledger) = fresh();
    let run = RunId::new("r1");
    let gate = Gate::of("toolu_1", "Bash", "{}");
    let (p, q) = (draft("r1", "c1"), draft("r1", "c2"));
    for x in [&p, &q] {
        ledger.propose(x, Mode::Suggest, at(0)).unwrap();
    }
    approve(&ledger, &p.id, at(1));
    let held = Caller { after: ledger.last_decision().unwrap(), ..at_call(&run, &gate) };
    assert_eq!(ledger.lease_as(&held, at(2)).unwrap(), None, "approved before the call was there");
    assert_eq!(ledger.standing_at(&run, Some("main"), Some(&gate), held.after).unwrap().approved, 0);
    approve(&ledger, &q.id, at(3));
    let lease = ledger.lease_as(&held, at(4)).unwrap().unwrap();
    assert_eq!((lease.proposal(), lease.is_gate()), (&q.id, false));
    assert_eq!(ledger.lease(&run, "hook", "h", TTL, at(5)).unwrap().unwrap().proposal(), &p.id);
}

/// Each thing that moves a run on, with the words in which it is shown.
fn moves_on(gate: &Gate) -> Vec<(Move, &'static str)> {
    vec![
        (Move::Over { call: gate.call.clone() }, "already"),
        (Move::Asked(Gate::of("toolu_1", "Bash", "other")), "another input"),
        (Move::Turn("t2".into()), "another turn"),
        (Move::Spoke, "spoken"),
        (Move::Ended, "ended"),
    ]
}

#[test]
fn a_word_on_what_has_moved_on_is_on_record_and_never_sent() {
    let gate = Gate::of("toolu_1", "Bash", "{}");
    for (what, part) in moves_on(&gate) {
        for verdict in [
            Verdict::Approve,
            Verdict::Edit { text: "other".into() },
            Verdict::Veto { reason: "no".into() },
            Verdict::Defer,
        ] {
            let (_kept, path, ledger) = fresh();
            let run = RunId::new("r1");
            ledger.moved(&run, "main", &Move::Turn("t1".into()), at(0)).unwrap();
            let p = refusal("c1", &gate, "t1");
            ledger.propose(&p, Mode::Suggest, at(0)).unwrap();
            assert_eq!(ledger.moved(&run, "main", &Move::Asked(gate.clone()), at(1)).unwrap(), []);
            // Noted by somebody who did not see the proposal: it still waits.
            let db = rusqlite::Connection::open(&path).unwrap();
            let (word, name, input) = match &what {
                Move::Over { call } => ("over", call.as_str(), ""),
                Move::Asked(other) => ("asked", other.call.as_str(), other.input.as_str()),
                Move::Turn(turn) => ("turn", turn.as_str(), ""),
                Move::Spoke => ("spoke", "", ""),
                _ => ("ended", "", ""),
            };
            db.execute(
                "INSERT INTO moves (run, agent, what, name, input, at) VALUES ('r1', 'main', ?1, ?2, ?3, 1)",
                [word, name, input],
            )
            .unwrap();
            assert_eq!(ledger.entry(&p.id).unwrap().state, State::Waiting);
            match ledger.decide(&p.id, verdict.clone(), person(), "", at(2), GRACE).unwrap() {
                Decided::MovedOn(decision, why) => {
                    assert_eq!(decision.number, 1);
                    assert!(why.contains(part), "{why}");
                }
                other => panic!("{what:?} {other:?}"),
            }
            let entry = ledger.entry(&p.id).unwrap();
            assert_eq!(entry.state, State::Superseded);
            assert!(entry.note.contains(part), "{}", entry.note);
            assert_eq!(ledger.decisions().unwrap()[0].verdict, verdict.word());
            assert_eq!(ledger.lease_as(&at_call(&run, &gate), at(99)).unwrap(), None);
            assert_eq!(ledger.verify().unwrap().broken, None);
        }
    }
}

#[test]
fn what_moves_on_after_the_approval_is_superseded_when_it_is_noted_and_when_it_is_leased() {
    let gate = Gate::of("toolu_1", "Bash", "{}");
    for (what, part) in moves_on(&gate) {
        for noted in [true, false] {
            let (_kept, path, ledger) = fresh();
            let run = RunId::new("r1");
            let p = refusal("c1", &gate, "t1");
            ledger.propose(&p, Mode::Suggest, at(0)).unwrap();
            approve(&ledger, &p.id, at(1));
            if noted {
                assert_eq!(ledger.moved(&run, "main", &what, at(2)).unwrap(), std::slice::from_ref(&p.id));
            } else {
                let other = Ledger::open(&path).unwrap();
                other.moved(&run, "main", &what, at(2)).unwrap();
            }
            assert_eq!(ledger.lease_as(&at_call(&run, &gate), at(3)).unwrap(), None);
            let entry = ledger.entry(&p.id).unwrap();
            assert_eq!(entry.state, State::Superseded);
            assert!(entry.note.contains(part), "{}", entry.note);
        }
    }
}

#[test]
fn what_was_perhaps_handed_over_before_the_run_moved_on_fails_in_sight_and_the_log_decides() {
    let (_kept, _, ledger) = fresh();
    let run = RunId::new("r1");
    let gate = Gate::of("toolu_1", "Bash", "{}");
    let p = refusal("c1", &gate, "");
    ledger.propose(&p, Mode::Suggest, at(0)).unwrap();
    approve(&ledger, &p.id, at(1));
    let lost = ledger.lease_as(&at_call(&run, &gate), at(2)).unwrap().unwrap();
    let over = Move::Over { call: gate.call.clone() };
    assert_eq!(ledger.moved(&run, "main", &over, at(3)).unwrap(), [], "its lease is still good");
    assert_eq!(ledger.settle(&run, at(40)).unwrap(), std::slice::from_ref(&p.id));
    let entry = ledger.entry(&p.id).unwrap();
    assert_eq!(entry.state, State::Failed);
    assert!(entry.delivery.unwrap().failure.unwrap().contains("already"));
    assert_eq!(ledger.delivered(&lost, at(41)).unwrap(), Handed::Lost);
    // Sent again by hand it is found to be left behind; seen in the log it is confirmed.
    assert_eq!(ledger.arrived(&p.id, Some(3), Some(&p.payload), at(42)).unwrap(), Arrival::Confirmed);
}

#[test]
fn a_users_word_or_a_sessions_end_leaves_a_correction_standing_for_a_while() {
    let (_kept, _, ledger) = fresh();
    let run = RunId::new("r1");
    let p = draft("r1", "c1");
    let mut q = draft("r1", "c2");
    q.target.agent = "explore-1".into();
    for x in [&p, &q] {
        ledger.propose(x, Mode::Suggest, at(0)).unwrap();
        approve(&ledger, &x.id, at(1));
    }
    for what in [Move::Ended, Move::Began, Move::Turn("t9".into()), Move::Spoke, Move::Spoke] {
        assert_eq!(ledger.moved(&run, "main", &what, at(2)).unwrap(), [], "{what:?}");
    }
    assert_eq!(ledger.moved(&run, "explore-1", &Move::Ended, at(3)).unwrap(), [q.id.clone()]);
    assert_eq!(ledger.entry(&p.id).unwrap().state, State::Approved);
    // The third time it comes out of nowhere.
    assert_eq!(ledger.moved(&run, "main", &Move::Spoke, at(4)).unwrap(), std::slice::from_ref(&p.id));
    // What is drafted afterwards stands anew, and a turn that a lagging log brings is not a new one.
    let mut r = draft("r1", "c3");
    r.target.scope = Scope::Turn;
    r.target.turn = "t10".into();
    ledger.moved(&run, "main", &Move::Turn("t10".into()), at(5)).unwrap();
    ledger.propose(&r, Mode::Suggest, at(5)).unwrap();
    assert_eq!(ledger.moved(&run, "main", &Move::Turn("t9".into()), at(6)).unwrap(), []);
    approve(&ledger, &r.id, at(7));
    assert!(ledger.lease(&run, "hook", "h", TTL, at(8)).unwrap().is_some());
}

#[test]
fn what_arrives_is_compared_byte_for_byte_with_what_was_approved() {
    let (_kept, _, ledger) = fresh();
    let run = RunId::new("r1");
    let sent = |call: &str| {
        let p = draft("r1", call);
        ledger.propose(&p, Mode::Suggest, at(0)).unwrap();
        let edit = Verdict::Edit { text: "naïve \"$(x)\" `y`\n語 🙂".into() };
        ledger.decide(&p.id, edit, person(), "", at(1), Duration::ZERO).unwrap();
        let lease = ledger.lease(&run, "hook", "h", TTL, at(2)).unwrap().unwrap();
        ledger.delivered(&lease, at(3)).unwrap();
        (p.id, lease.text().to_owned())
    };
    let (same, text) = sent("c1");
    let quoted = format!("Operator: says the hook. {text}");
    assert_eq!(ledger.arrived(&same, Some(4), Some(&quoted), at(4)).unwrap(), Arrival::Confirmed);
    assert_eq!(ledger.arrived(&same, Some(9), Some("Operator: x"), at(5)).unwrap(), Arrival::Known);
    let (tag_alone, _) = sent("c2");
    assert_eq!(ledger.arrived(&tag_alone, Some(4), None, at(4)).unwrap(), Arrival::Confirmed);
    for (n, change) in
        [("naïve", "naive"), ("🙂", "🙃"), ("\n", " "), ("`y`", "`y` ")].into_iter().enumerate()
    {
        let (id, text) = sent(&format!("d{n}"));
        let other = text.replacen(change.0, change.1, 1);
        match ledger.arrived(&id, Some(4), Some(&other), at(4)).unwrap() {
            Arrival::Differs(why) => assert!(why.contains("another text under its tag"), "{why}"),
            other => panic!("{other:?}"),
        }
        let entry = ledger.entry(&id).unwrap();
        assert_eq!(entry.state, State::Failed);
        assert!(entry.delivery.unwrap().failure.unwrap().contains("differ from byte"));
        // The true one, in a later record, is believed.
        assert_eq!(ledger.arrived(&id, Some(5), Some(&text), at(5)).unwrap(), Arrival::Confirmed);
    }
    let never = draft("r1", "c9");
    ledger.propose(&never, Mode::Suggest, at(0)).unwrap();
    assert_eq!(ledger.arrived(&never.id, Some(1), Some("Operator: x"), at(1)).unwrap(), Arrival::Known);
}

#[test]
fn secrets_and_hostile_characters_do_not_get_in() {
    let (_kept, path, ledger) = fresh();
    let mut p = draft("r1", "c1");
    let secret = "sk-ant-api03-EXAMPLEexampleEXAMPLE";
    for text in [&mut p.claim, &mut p.fact, &mut p.sentence, &mut p.payload, &mut p.why] {
        text.push_str(&format!(" \u{202e}\u{1b}]0;x\u{7} {secret}"));
    }
    ledger.propose(&p, Mode::Suggest, at(0)).unwrap();
    let seen = format!("screen {secret}");
    let edit = Verdict::Edit { text: format!("use {secret}") };
    ledger.decide(&p.id, edit, person(), &seen, at(1), GRACE).unwrap();
    drop(ledger);
    let bytes = std::fs::read(&path).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains("redacted"), "the proposal is in the file");
    assert!(!text.contains("EXAMPLEexample"));
    assert!(!text.contains('\u{202e}') && !text.contains("\u{1b}]"));
}

#[test]
fn the_form_in_which_a_text_is_sent_is_stable() {
    let id = draft("r1", "c1").id;
    let once = as_sent("do this\nand that", &id).unwrap();
    assert_eq!(once, format!("Operator: do this\nand that {}", id.tag()));
    assert_eq!(as_sent(&once, &id).unwrap(), once);
    assert!(matches!(as_sent(" \n ", &id), Err(LedgerError::Empty)));
    assert!(matches!(as_sent("Operator: ", &id), Err(LedgerError::Empty)));
    let frame = as_sent("x", &id).unwrap().chars().count() - 1;
    assert!(as_sent(&"ü".repeat(10_000 - frame), &id).is_ok());
    match as_sent(&"ü".repeat(10_001 - frame), &id) {
        Err(e @ LedgerError::TooLong { .. }) => {
            assert!(e.to_string().contains("10001 characters"), "{e}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_schema_itself_refuses_what_must_not_happen() {
    let (_kept, path, ledger) = fresh();
    let p = draft("r1", "c1");
    ledger.propose(&p, Mode::Suggest, at(0)).unwrap();
    let db = rusqlite::Connection::open(&path).unwrap();
    let refuse = |sql: &str, part: &str| {
        let e = db.execute_batch(sql).unwrap_err().to_string();
        assert!(e.contains(part), "{sql}: {e}");
    };
    refuse("UPDATE proposals SET state = 'approved'", "nobody approved");
    refuse("UPDATE proposals SET state = 'failed'", "cannot go that way");
    refuse("UPDATE proposals SET state = 'vetoed'", "nobody vetoed");
    refuse("UPDATE proposals SET state = 'expired'", "only a policy");
    refuse("UPDATE proposals SET state = 'expired', note = 'by policy '", "only a policy");
    refuse("UPDATE proposals SET scope = 'turn'", "as it was drafted");
    refuse("UPDATE proposals SET body = '{}'", "as it was drafted");
    refuse("DELETE FROM proposals", "never removed");
    approve(&ledger, &p.id, at(1));
    refuse("UPDATE decisions SET by_name = 'eve'", "never changed");
    refuse("DELETE FROM decisions", "never removed");
    refuse(
        "INSERT INTO decisions SELECT 2, proposal, round, 'veto', '', digest, drafted_digest, '',
         by_kind, by_name, at, '', position, hash, previous, bound FROM decisions",
        "does not wait",
    );
    refuse(
        "INSERT INTO deliveries (key, proposal, round, decision, channel, holder, leases, leased,
         lease_until, text, digest) SELECT 'k', proposal, round, number, 'x', 'x', 1, at, at,
         'something else', digest FROM decisions",
        "only what was approved",
    );
    let lease = ledger.lease(&RunId::new("r1"), "hook", "a", TTL, at(2)).unwrap().unwrap();
    refuse("UPDATE deliveries SET text = 'other'", "as it was approved");
    ledger.delivered(&lease, at(3)).unwrap();
    refuse("UPDATE deliveries SET delivered = 1", "handed over once");
}

#[test]
fn the_files_are_private() {
    let (kept, path, ledger) = fresh();
    ledger.propose(&draft("r1", "c1"), Mode::Suggest, at(0)).unwrap();
    let mode = |p: &std::path::Path| std::fs::metadata(p).unwrap().permissions().mode() & 0o777;
    for end in ["", "-wal", "-shm"] {
        let file = PathBuf::from(format!("{}{end}", path.display()));
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    assert_eq!(mode(&kept.path().join("state")), 0o700);
    drop(ledger);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    Ledger::open(&path).unwrap();
    assert_eq!(mode(&path), 0o600);
}

#[test]
fn a_bad_file_gets_one_sentence_with_its_name_and_the_mend() {
    let directory = tempfile::tempdir().unwrap();
    let sentence = |name: &str, error: LedgerError, part: &str| {
        let said = error.to_string();
        assert!(said.contains(name), "{said}");
        assert!(said.contains(part), "{said}");
        assert!(!said.contains('\n'), "{said}");
    };

    let text = directory.path().join("notes.txt");
    std::fs::write(&text, "not a database, but long enough to be looked at as one\n").unwrap();
    sentence("notes.txt", Ledger::open(&text).unwrap_err(), "not a ledger");
    assert!(std::fs::read_to_string(&text).unwrap().starts_with("not a"));

    let other = directory.path().join("other.db");
    rusqlite::Connection::open(&other).unwrap().execute_batch("CREATE TABLE songs (name TEXT)").unwrap();
    sentence("other.db", Ledger::open(&other).unwrap_err(), "not a ledger");

    let newer = directory.path().join("newer.db");
    drop(Ledger::open(&newer).unwrap());
    rusqlite::Connection::open(&newer).unwrap().execute_batch("PRAGMA user_version = 99").unwrap();
    sentence("newer.db", Ledger::open(&newer).unwrap_err(), "update medbay");

    let locked = directory.path().join("locked.db");
    let ledger = Ledger::open(&locked).unwrap();
    let holder = rusqlite::Connection::open(&locked).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    drop(ledger);
    let hasty = Ledger::open_patient(&locked, Duration::from_millis(1)).unwrap();
    let error = hasty.propose(&draft("r1", "c1"), Mode::Suggest, at(0)).unwrap_err();
    sentence("locked.db", error, "locked by another program");

    let missing = directory.path().join("missing.db");
    sentence("missing.db", Ledger::open_read_only(&missing).unwrap_err(), "no ledger");
    assert!(!missing.exists());

    sentence("nodir", Ledger::open(&text.join("nodir/ledger.db")).unwrap_err(), "--db");
    sentence(
        directory.path().file_name().unwrap().to_str().unwrap(),
        Ledger::open(directory.path()).unwrap_err(),
        "not a ledger",
    );
}

#[test]
fn a_reader_sees_what_another_wrote_and_cannot_write() {
    let (_kept, path, ledger) = fresh();
    let reader = Ledger::open_read_only(&path).unwrap();
    let before = reader.data_version().unwrap();
    let p = draft("r1", "c1");
    ledger.propose(&p, Mode::Suggest, at(0)).unwrap();
    assert_ne!(reader.data_version().unwrap(), before);
    assert_eq!(reader.desk().unwrap().len(), 1);
    assert!(reader.supersede(&p.id, "x", at(1)).is_err());
}

#[test]
fn hooks_are_noted_and_holds_are_seen() {
    let (_kept, path, ledger) = fresh();
    let run = RunId::new("r1");
    assert_eq!(ledger.hook_seen(&run).unwrap(), None);
    ledger.note_hook(&run, "claude-code", "SessionStart", false, at(0)).unwrap();
    let reader = Ledger::open_read_only(&path).unwrap();
    let version = reader.data_version().unwrap();
    ledger.note_hook(&run, "claude-code", "PreToolUse", false, at(5)).unwrap();
    assert_eq!(reader.data_version().unwrap(), version, "no write for no news");
    ledger.note_hook(&run, "claude-code", "PreToolUse", true, at(6)).unwrap();
    let seen = ledger.hook_seen(&run).unwrap().unwrap();
    assert!(seen.gates);
    assert_eq!((seen.first, seen.at), (at(0), at(6)));
    ledger.set_stop_blocks(&run, 2).unwrap();
    assert_eq!(ledger.hook_seen(&run).unwrap().unwrap().stop_blocks, 2);
    assert_eq!(ledger.hooks_seen(at(1)).unwrap().len(), 1);

    ledger.hold(&run, "pid 1", at(40), at(10)).unwrap();
    assert_eq!(ledger.held(at(11)).unwrap()[0].until, at(40));
    assert_eq!(ledger.held(at(40)).unwrap(), []);
    ledger.let_go(&run, "pid 1").unwrap();
    assert_eq!(ledger.held(at(11)).unwrap(), []);
}

#[test]
fn of_many_that_decide_and_lease_at_once_one_wins() {
    let (_kept, path, ledger) = fresh();
    let run = RunId::new("r1");
    const RIVALS: usize = 6;
    const ROUNDS: usize = 12;
    let proposals: Vec<_> = (0..ROUNDS).map(|n| draft("r1", &format!("c{n}"))).collect();
    for p in &proposals {
        ledger.propose(p, Mode::Suggest, at(0)).unwrap();
    }
    let gate = Barrier::new(RIVALS);
    let (decided, leased): (usize, usize) = std::thread::scope(|scope| {
        let rivals: Vec<_> = (0..RIVALS)
            .map(|n| {
                let (path, gate, proposals, run) = (&path, &gate, &proposals, &run);
                scope.spawn(move || {
                    let mine = Ledger::open(path).unwrap();
                    let (mut decided, mut leased) = (0, 0);
                    for p in proposals {
                        gate.wait();
                        let verdict = if n % 2 == 0 {
                            Verdict::Approve
                        } else {
                            Verdict::Edit { text: format!("rival {n}") }
                        };
                        let came = mine.decide(&p.id, verdict, person(), "", at(1), Duration::ZERO).unwrap();
                        decided += usize::from(matches!(came, Decided::Recorded(_)));
                        gate.wait();
                        let lease = mine.lease(run, "hook", &format!("{n}"), TTL, at(2)).unwrap();
                        if let Some(lease) = lease {
                            leased += 1;
                            assert_eq!(mine.delivered(&lease, at(3)).unwrap(), Handed::Recorded);
                        }
                    }
                    (decided, leased)
                })
            })
            .collect();
        rivals.into_iter().map(|rival| rival.join().unwrap()).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1))
    });
    assert_eq!(decided, ROUNDS, "one decision a proposal");
    assert_eq!(leased, ROUNDS, "one delivery a proposal");
    let chain = ledger.verify().unwrap();
    assert_eq!((chain.rows, chain.broken), (ROUNDS as u64, None));
}

#[test]
fn many_that_open_a_new_ledger_at_once_all_get_it() {
    for round in 0..10 {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("new/ledger.db");
        const RIVALS: usize = 8;
        let gate = Barrier::new(RIVALS);
        std::thread::scope(|scope| {
            for n in 0..RIVALS {
                let (path, gate) = (&path, &gate);
                scope.spawn(move || {
                    gate.wait();
                    let mine = Ledger::open(path).unwrap();
                    mine.propose(&draft("r", &format!("{round}-{n}")), Mode::Suggest, at(0)).unwrap();
                });
            }
        });
        assert_eq!(Ledger::open_read_only(&path).unwrap().desk().unwrap().len(), RIVALS);
    }
}
