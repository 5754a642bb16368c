//! Made-up proposals for tests that need some.

#![allow(dead_code)]

use std::time::Duration;

use jiff::Timestamp;
use medbay::detect::Class;
use medbay::ledger::{Decided, Decision, Ledger, Operator, Verdict};
use medbay::recover::{Proposal, ProposalId, Remedy, Scope, Target};
use medbay::trace::{Probability, RunId};

/// A proposal about the call `call` of `run`.
pub(crate) fn draft(run: &str, call: &str) -> Proposal {
    let run = RunId::new(run);
    let id = ProposalId::of(&run, "main", call, "claim.tests-pass", "default-1");
    Proposal {
        target: Target {
            run,
            format: "claude-code".into(),
            agent: "main".into(),
            step: 7,
            record: 14,
            call_id: call.into(),
            position: 15,
            input: String::new(),
            turn: String::new(),
            spoken: 0,
            scope: Scope::Run,
        },
        remedy: Remedy::CorrectivePrompt,
        rule: "claim.tests-pass".into(),
        class: Class::Hallucination,
        p_wrong: Probability::new(0.9),
        sentence: "Said that all tests pass; the last test run failed.".into(),
        claim: "All tests pass.".into(),
        fact: "1 failed; 3 passed".into(),
        fact_record: Some(12),
        payload: format!(
            "Operator: run the tests again and mend the one that fails before you go on. {}",
            id.tag()
        ),
        check: None,
        means: Vec::new(),
        tokens: 120,
        seconds: 20,
        why: "names what to do next".into(),
        effects: Vec::new(),
        model: "default-1".into(),
        id,
    }
}

/// A moment, `seconds` after some beginning.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

/// Who decides in tests.
pub(crate) fn person() -> Operator {
    Operator::Person { name: "ada".into() }
}

/// Approves at once and without grace time.
pub(crate) fn approve(ledger: &Ledger, id: &ProposalId, now: Timestamp) -> Decision {
    match ledger.decide(id, Verdict::Approve, person(), "seen", now, Duration::ZERO).unwrap() {
        Decided::Recorded(decision) => decision,
        other => panic!("not recorded: {other:?}"),
    }
}
