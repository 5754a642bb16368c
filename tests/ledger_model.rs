//! The ledger against a model of it in a few lines: whatever is done in whatever order, by two
//! processes' worth of connections, both say the same.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod drafts;

use std::time::Duration;

use drafts::{at, draft, person};
use medbay::ledger::{Decided, Handed, Lease, Ledger, Mode, Outcome, State, Undo, Verdict};
use medbay::trace::RunId;
use proptest::prelude::*;

const GRACE: i64 = 5;
const TTL: i64 = 10;
const CALLS: [&str; 3] = ["c0", "c1", "c2"];

#[derive(Clone, Debug)]
enum Deed {
    Propose(usize),
    Decide(usize, u8),
    Undo(usize),
    Supersede(usize),
    Expire(usize),
    Lease,
    Delivered(usize),
    Fail(usize),
    Refuse(usize),
    Retry(usize),
    Confirm(usize),
    Outcome(usize),
    Wait(i64),
}

fn deed() -> impl Strategy<Value = Deed> {
    let which = 0..CALLS.len();
    prop_oneof![
        2 => which.clone().prop_map(Deed::Propose),
        4 => (which.clone(), 0u8..4).prop_map(|(p, v)| Deed::Decide(p, v)),
        2 => which.clone().prop_map(Deed::Undo),
        1 => which.clone().prop_map(Deed::Supersede),
        1 => which.clone().prop_map(Deed::Expire),
        4 => Just(Deed::Lease),
        3 => (0usize..4).prop_map(Deed::Delivered),
        1 => (0usize..4).prop_map(Deed::Fail),
        1 => which.clone().prop_map(Deed::Refuse),
        1 => which.clone().prop_map(Deed::Retry),
        2 => which.clone().prop_map(Deed::Confirm),
        1 => which.prop_map(Deed::Outcome),
        3 => (1i64..8).prop_map(Deed::Wait),
    ]
}

/// What the model knows of a proposal.
#[derive(Clone, Debug)]
struct Known {
    state: State,
    grace: i64,
    /// The text that may be sent, and the order in which it was approved.
    approved: Option<(String, usize)>,
    /// The lease that counts: until when, and which one it is.
    lease: Option<(i64, usize)>,
    outcome: Outcome,
    /// Whether a text went out under the present try.
    sent: bool,
    /// Whether its round has a word already, so that one that comes too late is not the first.
    late: bool,
}

#[derive(Default)]
struct Model {
    known: [Option<Known>; 3],
    decisions: usize,
    leases: usize,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]
    #[test]
    fn it_says_what_the_model_says(deeds in proptest::collection::vec(deed(), 1..60)) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ledger.db");
        let hands = [Ledger::open(&path).unwrap(), Ledger::open(&path).unwrap()];
        let drafts = CALLS.map(|call| draft("r", call));
        let run = RunId::new("r");
        let mut model = Model::default();
        let mut leases: Vec<(usize, Lease)> = Vec::new();
        let mut now = 0;
        for (turn, deed) in deeds.into_iter().enumerate() {
            let ledger = &hands[turn % 2];
            match deed {
                Deed::Wait(seconds) => now += seconds,
                Deed::Propose(i) => {
                    let new = ledger.propose(&drafts[i], Mode::Suggest, at(now)).unwrap();
                    prop_assert_eq!(new, model.known[i].is_none());
                    model.known[i].get_or_insert(Known {
                        state: State::Waiting, grace: 0, approved: None, lease: None,
                        outcome: Outcome::Unknown, sent: false, late: false,
                    });
                }
                Deed::Decide(i, v) => {
                    let verdict = match v {
                        0 => Verdict::Approve,
                        1 => Verdict::Edit { text: format!("text {turn}") },
                        2 => Verdict::Veto { reason: String::new() },
                        _ => Verdict::Defer,
                    };
                    let grace = Duration::from_secs(GRACE.unsigned_abs());
                    let came = ledger.decide(&drafts[i].id, verdict, person(), "", at(now), grace);
                    let Some(known) = &mut model.known[i] else {
                        prop_assert!(came.is_err());
                        continue;
                    };
                    match came.unwrap() {
                        Decided::Recorded(decision) => {
                            prop_assert_eq!(known.state, State::Waiting);
                            model.decisions += 1;
                            prop_assert_eq!(decision.number, i64::try_from(model.decisions).unwrap());
                            known.grace = now + GRACE;
                            match decision.verdict {
                                Verdict::Approve => {
                                    known.state = State::Approved;
                                    known.late = true;
                                    known.approved = Some((drafts[i].payload.clone(), turn));
                                }
                                Verdict::Edit { text } => {
                                    known.state = State::Approved;
                                    known.late = true;
                                    known.approved = Some((text, turn));
                                }
                                Verdict::Veto { .. } => known.state = State::Vetoed,
                                Verdict::Defer => {}
                            }
                        }
                        Decided::Already(entry) => {
                            prop_assert_eq!(entry.state, known.state);
                            prop_assert!(entry.decision.is_some());
                        }
                        Decided::NotWaiting(state) => {
                            prop_assert!(matches!(state, State::Superseded | State::Expired));
                            prop_assert_eq!(state, known.state);
                            // A deferral, or a second word that came too late.
                            prop_assert!(v == 3 || known.late);
                        }
                        Decided::MovedOn(decision, _) => {
                            prop_assert!(known.state.is_left_behind() && !known.late);
                            model.decisions += 1;
                            prop_assert_eq!(decision.number, i64::try_from(model.decisions).unwrap());
                            known.late = true;
                        }
                    }
                }
                Deed::Undo(i) => {
                    let came = ledger.undo(&drafts[i].id, at(now), person());
                    let Some(known) = &mut model.known[i] else {
                        prop_assert!(came.is_err());
                        continue;
                    };
                    let decided = matches!(known.state, State::Approved | State::Vetoed);
                    if decided && now < known.grace {
                        prop_assert_eq!(came.unwrap(), Undo::Undone);
                        model.decisions += 1;
                        known.state = State::Waiting;
                        known.late = false;
                        known.approved = None;
                    } else {
                        prop_assert_ne!(came.unwrap(), Undo::Undone);
                    }
                }
                Deed::Supersede(i) | Deed::Expire(i) => {
                    let superseded = matches!(deed, Deed::Supersede(_));
                    let id = &drafts[i].id;
                    let came = if superseded {
                        ledger.supersede(id, "x", at(now)).unwrap()
                    } else {
                        ledger.expire(id, "x", at(now)).unwrap()
                    };
                    let open = model.known[i].as_ref().is_some_and(|k| match k.state {
                        State::Waiting | State::Approved => true,
                        State::Failed => superseded,
                        _ => false,
                    });
                    prop_assert_eq!(came, open);
                    if let (true, Some(known)) = (open, &mut model.known[i]) {
                        known.state = if superseded { State::Superseded } else { State::Expired };
                    }
                }
                Deed::Lease => {
                    let ttl = Duration::from_secs(TTL.unsigned_abs());
                    let came = ledger.lease(&run, "c", &format!("h{turn}"), ttl, at(now)).unwrap();
                    let due = (0..3)
                        .filter(|i| model.known[*i].as_ref().is_some_and(|k| match k.state {
                            State::Approved => k.grace <= now,
                            State::Leased => k.lease.unwrap().0 <= now,
                            _ => false,
                        }))
                        .min_by_key(|i| model.known[*i].as_ref().unwrap().approved.as_ref().unwrap().1);
                    prop_assert_eq!(came.is_some(), due.is_some());
                    if let (Some(lease), Some(i)) = (came, due) {
                        let known = model.known[i].as_mut().unwrap();
                        prop_assert_eq!(lease.proposal(), &drafts[i].id);
                        prop_assert_eq!(lease.text(), &known.approved.as_ref().unwrap().0);
                        prop_assert_eq!(lease.again(), known.state == State::Leased);
                        model.leases += 1;
                        known.state = State::Leased;
                        known.lease = Some((now + TTL, model.leases));
                        leases.push((model.leases, lease));
                    }
                }
                Deed::Delivered(n) | Deed::Fail(n) => {
                    let handed_over = matches!(deed, Deed::Delivered(_));
                    let Some((number, lease)) = leases.iter().rev().nth(n) else { continue };
                    let came = if handed_over {
                        ledger.delivered(lease, at(now)).unwrap()
                    } else {
                        ledger.delivery_failed(lease, "x", at(now)).unwrap()
                    };
                    let i = drafts.iter().position(|d| d.id == *lease.proposal()).unwrap();
                    let known = model.known[i].as_mut().unwrap();
                    let mine = known.state == State::Leased && known.lease.unwrap().1 == *number;
                    prop_assert_eq!(came == Handed::Recorded, mine);
                    if mine {
                        if handed_over {
                            prop_assert!(!known.sent, "the same text twice");
                        }
                        known.sent = handed_over;
                        known.state = if handed_over { State::Delivered } else { State::Failed };
                    }
                }
                Deed::Refuse(i) => {
                    let came = ledger.refused(&drafts[i].id, "x", at(now)).unwrap();
                    let open = model.known[i]
                        .as_ref()
                        .is_some_and(|k| matches!(k.state, State::Leased | State::Delivered));
                    prop_assert_eq!(came, open);
                    if let (true, Some(known)) = (open, &mut model.known[i]) {
                        known.state = State::Failed;
                    }
                }
                Deed::Retry(i) => {
                    let came = ledger.retry(&drafts[i].id, at(now)).unwrap();
                    // What failed, or was handed over and never seen to arrive.
                    let again = model.known[i]
                        .as_ref()
                        .is_some_and(|k| matches!(k.state, State::Failed | State::Delivered));
                    prop_assert_eq!(came, again);
                    if let (true, Some(known)) = (again, &mut model.known[i]) {
                        known.state = State::Approved;
                        known.sent = false;
                    }
                }
                Deed::Confirm(i) => {
                    let came = ledger.confirm(&drafts[i].id, Some(1), at(now)).unwrap();
                    let open = model.known[i].as_ref().is_some_and(|k| {
                        matches!(k.state, State::Leased | State::Delivered | State::Failed)
                    });
                    prop_assert_eq!(came, open);
                    if let (true, Some(known)) = (open, &mut model.known[i]) {
                        known.state = State::Confirmed;
                    }
                }
                Deed::Outcome(i) => {
                    ledger.outcome(&drafts[i].id, Outcome::Recovered, None, at(now)).unwrap();
                    if let Some(known) = &mut model.known[i]
                        && matches!(known.state, State::Delivered | State::Confirmed)
                    {
                        known.outcome = Outcome::Recovered;
                    }
                }
            }
            for (i, known) in model.known.iter().enumerate() {
                let Some(known) = known else { continue };
                let entry = hands[0].entry(&drafts[i].id).unwrap();
                prop_assert_eq!(entry.state, known.state, "after {} deeds", turn + 1);
                prop_assert_eq!(entry.outcome, known.outcome);
            }
        }
        let chain = hands[1].verify().unwrap();
        prop_assert_eq!(chain.broken, None);
        prop_assert_eq!(chain.rows, model.decisions as u64);
    }
}
