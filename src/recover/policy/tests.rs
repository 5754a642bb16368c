use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::recover::{ProposalId, Target};
use crate::score::measure::Share;
use crate::trace::{Probability, RunId};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn proposal(run: &str, remedy: Remedy, tokens: u32, seconds: u32) -> Proposal {
    let id = ProposalId::of(&RunId::new(run), "main", "c", "claim.x", "m");
    let target = serde_json::json!({
        "run": run, "format": "codex", "agent": "main", "step": 3, "record": 4, "call_id": "", "position": 5,
    });
    Proposal {
        target: serde_json::from_value::<Target>(target).unwrap(),
        remedy,
        rule: "claim.x".into(),
        class: Class::Hallucination,
        p_wrong: Probability::new(0.9),
        sentence: "s".into(),
        claim: "c".into(),
        fact: "f".into(),
        fact_record: None,
        payload: format!("Operator: look again {}", id.tag()),
        check: None,
        tokens,
        seconds,
        means: Vec::new(),
        why: "it helps".into(),
        effects: Vec::new(),
        model: "m".into(),
        id,
    }
}

fn corrective(run: &str) -> Proposal {
    proposal(run, Remedy::CorrectivePrompt, 100, 10)
}

fn past(number: u32, approved: i64, outcome: Option<(i64, bool)>) -> Past {
    Past {
        id: ProposalId::stored(format!("{number:012x}")),
        run: RunId::new(format!("run-{number}")),
        rule: "claim.x".into(),
        subject: Subject {
            class: Class::Hallucination,
            format: "codex".into(),
            agent: "main".into(),
            workflow: String::new(),
        },
        arm: None,
        approval: Some(Approval { at: at(approved), by_policy: true, edited: false }),
        taken_back: false,
        delivered: Some(at(approved + 5)),
        out: true,
        outcome: outcome.map(|(seconds, recovered)| (at(seconds), recovered)),
        cleared: None,
        tokens: 100,
        seconds: 10,
    }
}

fn all_treated(mode: Mode) -> Policy {
    Policy { mode, canary: Shares { treated: 1.0, holdout: 0.0, salt: String::new() }, ..Policy::default() }
}

fn evidence(now: i64, past: Vec<Past>) -> Evidence {
    Evidence { past, ..Evidence::none(at(now)) }
}

fn approves(policy: &Policy, evidence: &Evidence) -> bool {
    matches!(decide(&corrective("r"), policy, evidence).act, Act::Approve(_))
}

#[test]
fn each_budget_stops_by_itself_and_is_named() {
    let limits = Limits {
        retries_per_run: 3,
        replans_per_run: 1,
        substitutions_per_run: 1,
        escalations_per_run: 5,
        latency_seconds_per_run: 100,
        tokens_per_run: 5_000,
        cost_usd_per_run: 0.04,
        usd_per_thousand_tokens: 0.01,
    };
    let policy = Policy { limits, ..all_treated(Mode::Canary) };
    let none = Used::default();
    for (used, remedy, tokens, seconds, spent) in [
        (none, Remedy::CorrectivePrompt, 100, 10, None),
        (Used { deliveries: 3, ..none }, Remedy::Retry, 100, 10, Some(Spent::Retries)),
        (Used { replans: 1, ..none }, Remedy::Replan, 100, 10, Some(Spent::Replans)),
        (Used { replans: 1, ..none }, Remedy::Retry, 100, 10, None),
        (Used { substitutions: 1, ..none }, Remedy::ToolSubstitution, 100, 10, Some(Spent::Substitutions)),
        (Used { seconds: 95, ..none }, Remedy::Retry, 100, 10, Some(Spent::Latency)),
        (Used { tokens: 4_950, ..none }, Remedy::Retry, 100, 10, Some(Spent::Tokens)),
        (Used { tokens: 3_950, ..none }, Remedy::Retry, 100, 10, Some(Spent::Cost)),
    ] {
        let proposal = proposal("r", remedy, tokens, seconds);
        let ruling = decide(&proposal, &policy, &Evidence { used, ..evidence(0, Vec::new()) });
        assert_eq!(ruling.spent, spent, "{used:?} {remedy:?}");
        let settled = ruling.settle(proposal);
        match spent {
            None => assert!(matches!(ruling.act, Act::Approve(_))),
            Some(spent) => {
                assert_eq!((ruling.act, settled.remedy), (Act::Suggest, Remedy::Escalate));
                assert!(settled.why.starts_with(spent.words()));
            }
        }
    }
    // Where a person was asked often enough about a run it is only recorded.
    let used = Used { deliveries: 3, escalations: 5, ..none };
    let ruling = decide(&corrective("r"), &policy, &Evidence { used, ..evidence(0, Vec::new()) });
    assert_eq!((ruling.act, ruling.spent), (Act::Observe, Some(Spent::Escalations)));
}

#[test]
fn a_bypass_lifts_budgets_and_breakers_until_its_time_and_nothing_else() {
    let failed: Vec<Past> = (0..3).map(|n| past(n, 0, Some((i64::from(n), false)))).collect();
    let policy = all_treated(Mode::Canary);
    let used = Used { deliveries: 9, ..Used::default() };
    let now = Evidence { used, bypass: Some(at(60)), ..evidence(30, failed) };
    assert!(approves(&policy, &now));
    assert!(!approves(&policy, &Evidence { now: at(60), ..now.clone() }));
    assert!(!approves(&policy, &Evidence { stopped: Some("by someone".into()), ..now.clone() }));
    let mut back = now.clone();
    back.past = vec![past(1, 0, None), past(2, 1, None)];
    back.past.iter_mut().for_each(|one| one.run = RunId::new("r"));
    assert!(decide(&corrective("r"), &policy, &back).quarantined);
}

#[test]
fn a_breaker_opens_is_half_open_for_one_probe_and_closes_or_opens_again() {
    let limits = BreakerLimits {
        not_recovered: 2,
        fleet_not_recovered: 9,
        window: Duration::from_secs(100),
        cool_down: Duration::from_secs(50),
    };
    let stands = |past: &[Past], now| breaker(&limits, 2, past.iter(), at(now));
    let spread = [past(1, 0, Some((10, false))), past(2, 0, Some((111, false)))];
    assert_eq!(stands(&spread, 112), Breaker::Closed, "not within the window");
    let mut all = vec![past(1, 0, Some((10, false))), past(2, 0, Some((20, false)))];
    assert_eq!(stands(&all, 21), Breaker::Open { since: at(20), until: at(70) });
    // What was sent before does not close it; what fails keeps it open.
    all.push(past(3, 15, Some((30, true))));
    assert_eq!(stands(&all, 69), Breaker::Open { since: at(20), until: at(70) });
    assert_eq!(stands(&all, 70), Breaker::HalfOpen { since: at(70), probing: false });
    all.push(past(4, 71, None));
    assert_eq!(stands(&all, 75), Breaker::HalfOpen { since: at(70), probing: true });
    assert!(!stands(&all, 75).lets_through());
    // Of a probe of which nothing is heard there is another.
    assert!(stands(&all, 121).lets_through());
    all[3].outcome = Some((at(80), false));
    assert_eq!(stands(&all, 81), Breaker::Open { since: at(80), until: at(130) });
    all[3].outcome = Some((at(80), true));
    assert_eq!(stands(&all, 81), Breaker::Closed);
}

#[test]
fn the_fleets_breaker_and_an_agents_are_two() {
    let policy = Policy {
        breaker: BreakerLimits { not_recovered: 2, fleet_not_recovered: 3, ..BreakerLimits::default() },
        ..all_treated(Mode::Canary)
    };
    let of = |agent: &str, n: u32| {
        let mut one = past(n, 0, Some((i64::from(n), false)));
        one.subject.agent = agent.into();
        one
    };
    let two = vec![of("other", 1), of("other", 2)];
    assert!(approves(&policy, &evidence(10, two.clone())), "another agent's breaker");
    let three = vec![of("other", 1), of("other", 2), of("third", 3)];
    let ruling = decide(&corrective("r"), &policy, &evidence(10, three));
    assert!(ruling.why.contains("fleet"), "{}", ruling.why);
    let ruling = decide(&corrective("r"), &policy, &evidence(10, vec![of("main", 1), of("main", 2)]));
    assert!(ruling.why.contains("codex/main"), "{}", ruling.why);
    let settled = ruling.settle(corrective("r"));
    assert!(settled.why.contains("codex/main") && settled.why.contains("it helps"), "{}", settled.why);
}

#[test]
fn what_comes_back_is_quarantined_until_a_person_lets_it_go() {
    let policy = all_treated(Mode::Canary);
    let sent = |seconds: i64| {
        let mut one = past(seconds as u32, seconds, None);
        one.run = RunId::new("r");
        one
    };
    assert!(approves(&policy, &evidence(5_000, vec![sent(0)])));
    assert!(approves(&policy, &evidence(9_000, vec![sent(0), sent(3_601)])), "not within the window");
    let twice = evidence(99_000, vec![sent(0), sent(3_600)]);
    let ruling = decide(&corrective("r"), &policy, &twice);
    assert!(ruling.quarantined && ruling.act == Act::Suggest);
    assert!(ruling.settle(corrective("r")).why.starts_with("quarantined"));
    assert!(approves(&policy, &Evidence { past: vec![past(1, 0, None), past(2, 9, None)], ..twice.clone() }));
    let cleared =
        |rule: &str| Cleared { run: RunId::new("r"), agent: "main".into(), rule: rule.into(), at: at(4_000) };
    assert!(!approves(&policy, &Evidence { cleared: vec![cleared("claim.y")], ..twice.clone() }));
    assert!(approves(&policy, &Evidence { cleared: vec![cleared("claim.x")], ..twice }));
    // A person who decides is told, too.
    let ruling =
        decide(&corrective("r"), &all_treated(Mode::Suggest), &evidence(9_000, vec![sent(0), sent(9)]));
    assert!(ruling.quarantined);
}

#[test]
fn runs_are_dealt_by_their_shares_and_always_alike() {
    let shares = Shares { treated: 0.3, holdout: 0.2, salt: "a".into() };
    let count = |shares: &Shares, arm| {
        (0..10_000).filter(|n| shares.arm(&RunId::new(format!("run-{n}"))) == arm).count()
    };
    // Three standard deviations of a binomial of 10,000 are below 150.
    assert!(count(&shares, Arm::Treated).abs_diff(3_000) < 150);
    assert!(count(&shares, Arm::Holdout).abs_diff(2_000) < 150);
    let other = Shares { salt: "b".into(), ..shares.clone() };
    let moved = (0..1_000).map(|n| RunId::new(format!("run-{n}")));
    assert!(moved.filter(|run| shares.arm(run) != other.arm(run)).count() > 300);
    let none = Shares { treated: 0.0, holdout: 1.0, salt: String::new() };
    assert_eq!(count(&none, Arm::Holdout), 10_000);
    // SHA-256 over the lengths and bytes of "a" and "run-1", and so on, by another program.
    let dealt = ["run-1", "run-2", "run-4", "run-8"].map(|run| shares.arm(&RunId::new(run)));
    assert_eq!(dealt, [Arm::Treated, Arm::Neither, Arm::Holdout, Arm::Treated]);
}

#[test]
fn arms_do_what_they_say() {
    let policy = |treated, holdout| Policy {
        mode: Mode::Canary,
        canary: Shares { treated, holdout, salt: String::new() },
        ..Policy::default()
    };
    let rule =
        |treated, holdout| decide(&corrective("r"), &policy(treated, holdout), &evidence(0, Vec::new()));
    assert_eq!(rule(1.0, 0.0).act, Act::Approve("policy".into()));
    assert_eq!(rule(0.0, 1.0).act, Act::Holdout);
    assert_eq!(rule(0.0, 0.0).act, Act::Suggest);
    assert_eq!(rule(0.0, 1.0).arm, Some(Arm::Holdout));
    let mut risky = proposal("r", Remedy::Retry, 100, 10);
    risky.effects.push("git push".into());
    assert_eq!(decide(&risky, &policy(1.0, 0.0), &evidence(0, Vec::new())).act, Act::Suggest);
}

#[test]
fn the_arms_are_compared_with_newcombes_interval() {
    let mut all = Vec::new();
    for (arm, hits, of) in [(Arm::Treated, 56, 70), (Arm::Holdout, 48, 80)] {
        for n in 0..of {
            all.push(Past { arm: Some(arm), cleared: Some(n < hits), ..past(n, 0, None) });
        }
        all.push(Past { arm: Some(arm), ..past(999, 0, None) });
    }
    let found = compare(all.iter());
    assert_eq!(found.treated, Share { hits: 56, of: 70 });
    assert_eq!(found.unknown, (1, 1));
    assert_eq!((found.tokens, found.seconds), (7_100, 710));
    // Newcombe 1998, table II, case a, method 10: 56/70 - 48/80 is 0.2 (0.0524 to 0.3339).
    assert!((found.difference - 0.2).abs() < 1e-9);
    assert!((found.interval.0 - 0.0524).abs() < 5e-5, "{:?}", found.interval);
    assert!((found.interval.1 - 0.3339).abs() < 5e-5, "{:?}", found.interval);
    assert_eq!(compare([].iter()).interval, (-1.0, 1.0));
}

#[test]
fn auto_is_automatic_only_by_its_record_and_falls_back_by_itself() {
    let policy = Policy {
        mode: Mode::Auto,
        canary: Shares { treated: 0.0, holdout: 0.0, salt: String::new() },
        promotion: Floor { cases: 20, recovery: 0.6 },
        ..Policy::default()
    };
    // Far apart, so that the breaker has nothing to say.
    let record = |hits: u32, of: u32| -> Vec<Past> {
        (0..of).map(|n| past(n, 0, Some((i64::from(n) * 100_000, n < hits)))).collect()
    };
    let late = 900_000_000;
    let approves = |all: Vec<Past>| approves(&policy, &evidence(late, all));
    assert!(!approves(record(19, 19)), "too few");
    assert!(approves(record(20, 20)));
    // Wilson's lower end of 17 of 20 is 0.64, of 16 of 20 it is 0.58.
    assert!(approves(record(17, 20)));
    assert!(!approves(record(16, 20)));
    let ruling = decide(&corrective("r"), &policy, &evidence(late, record(16, 20)));
    assert!(ruling.why.contains("16 of 20"), "{}", ruling.why);
    let mut other = record(20, 20);
    other.iter_mut().for_each(|one| one.subject.class = Class::ExecutionError);
    assert!(!approves(other), "another class");
    let mut edited = record(20, 20);
    edited.iter_mut().for_each(|one| one.approval = one.approval.map(|a| Approval { edited: true, ..a }));
    assert!(!approves(edited), "not what was drafted");
    // What was long ago does not outweigh what is now.
    let mut fallen = record(200, 200);
    fallen.extend((0..90).map(|n| past(1_000 + n, 0, Some((100_000_000 + i64::from(n) * 100_000, false)))));
    assert!(!approves(fallen));
}

#[test]
fn regret_counts_what_was_taken_back_and_what_was_in_vain() {
    let by_person = Approval { at: at(0), by_policy: false, edited: false };
    let all = [
        past(1, 0, Some((9, true))),
        past(2, 0, Some((9, false))),
        Past { approval: Some(by_person), ..past(3, 0, Some((9, false))) },
        Past { approval: None, taken_back: true, ..past(4, 0, None) },
    ];
    assert_eq!(regret(all.iter()), Regret { automatic: 3, taken_back: 1, not_recovered: 1 });
}

#[test]
fn modes_have_words() {
    for mode in Mode::ALL {
        assert_eq!(Mode::of_word(mode.word()), Some(mode));
    }
    assert_eq!(Mode::of_word("off"), None);
}

fn remedies() -> impl Strategy<Value = Remedy> {
    prop::sample::select(vec![
        Remedy::Retry,
        Remedy::ArgumentRepair,
        Remedy::ToolSubstitution,
        Remedy::CorrectivePrompt,
        Remedy::Replan,
        Remedy::ContextRefresh,
        Remedy::Escalate,
        Remedy::Stop,
    ])
}

fn modes() -> impl Strategy<Value = Mode> {
    prop::sample::select(Mode::ALL.to_vec())
}

fn pasts() -> impl Strategy<Value = Vec<Past>> {
    let outcome = prop::option::of((0i64..4_000, any::<bool>()));
    prop::collection::vec((0u32..6, 0i64..4_000, outcome, any::<bool>(), any::<bool>()), 0..24).prop_map(
        |all| {
            let one =
                |(n, (run, approved, outcome, mine, policy)): (usize, (u32, i64, _, bool, bool))| Past {
                    run: RunId::new(if mine { "r".to_owned() } else { format!("run-{run}") }),
                    approval: Some(Approval { at: at(approved), by_policy: policy, edited: false }),
                    ..past(n as u32, approved, outcome)
                };
            all.into_iter().enumerate().map(one).collect()
        },
    )
}

proptest! {
    #[test]
    fn no_budget_is_ever_exceeded_in_any_order(
        limits in (0u32..5, 0u32..3, 0u32..3, 0u32..4, 0u64..200, 0u64..4_000, 0u32..40),
        events in prop::collection::vec((remedies(), 0u32..1_500, 0u32..90, any::<bool>(), any::<bool>()), 0..60),
        mode in modes(),
    ) {
        let (retries, replans, substitutions, escalations, latency, tokens, cents) = limits;
        let limits = Limits {
            retries_per_run: retries,
            replans_per_run: replans,
            substitutions_per_run: substitutions,
            escalations_per_run: escalations,
            latency_seconds_per_run: latency,
            tokens_per_run: tokens,
            cost_usd_per_run: f64::from(cents) / 1_000.0,
            usd_per_thousand_tokens: 0.01,
        };
        let policy = Policy { limits, ..all_treated(mode) };
        let mut used = Used::default();
        let mut on_their_way: Vec<Proposal> = Vec::new();
        for (remedy, tokens, seconds, fails, undone) in events {
            let proposal = proposal("r", remedy, tokens, seconds);
            let ruling = decide(&proposal, &policy, &Evidence { used, ..evidence(0, Vec::new()) });
            let settled = ruling.settle(proposal);
            match ruling.act {
                Act::Approve(_) => {
                    used = used.with(&settled);
                    on_their_way.push(settled);
                }
                Act::Suggest if settled.remedy == Remedy::Escalate => used.escalations += 1,
                _ => {}
            }
            // A person takes one back, or its delivery fails: what it used is free again.
            if (fails || undone) && let Some(gone) = on_their_way.pop() {
                let escalations = used.escalations;
                used = on_their_way.iter().fold(Used::default(), |all, one| all.with(one));
                used.escalations = escalations;
                prop_assert!(gone.remedy != Remedy::Escalate);
            }
            for budget in limits.with_used(used) {
                prop_assert!(budget.used <= budget.limit, "{budget:?}");
            }
        }
    }

    #[test]
    fn nothing_is_approved_against_a_reason_not_to(
        past in pasts(),
        remedy in remedies(),
        mode in modes(),
        now in 0i64..6_000,
        stopped in prop::option::of(Just("by someone".to_owned())),
        most in 1u32..4,
        deliveries in 1u32..4,
    ) {
        let policy = Policy {
            breaker: BreakerLimits { not_recovered: most, fleet_not_recovered: most + 1, ..BreakerLimits::default() },
            flap: FlapLimits { deliveries, ..FlapLimits::default() },
            promotion: Floor { cases: 1, recovery: 0.1 },
            ..all_treated(mode)
        };
        let proposal = proposal("r", remedy, 10, 1);
        let evidence = Evidence { stopped: stopped.clone(), ..evidence(now, past.clone()) };
        let ruling = decide(&proposal, &policy, &evidence);
        let approved = matches!(ruling.act, Act::Approve(_));
        prop_assert_eq!(&decide(&proposal, &policy, &evidence), &ruling);
        // The order in which the past is told says nothing.
        let mut turned = evidence.clone();
        turned.past.reverse();
        prop_assert_eq!(&decide(&proposal, &policy, &turned), &ruling);
        if stopped.is_some() || mode == Mode::Observe {
            prop_assert_eq!(&ruling.act, &Act::Observe);
        }
        if mode == Mode::Suggest {
            prop_assert!(!approved);
        }
        let subject = Subject { workflow: String::new(), ..super::tests::past(0, 0, None).subject };
        if !policy.fleet_breaker(&past, at(now)).lets_through()
            || !policy.agent_breaker(&subject, &past, at(now)).lets_through()
        {
            prop_assert!(!approved);
        }
        let what = Flapping { run: RunId::new("r"), agent: "main".into(), rule: "claim.x".into() };
        if quarantined(&policy.flap, &what, &past, &[]).is_some() {
            prop_assert!(!approved);
        }
        prop_assert!(!(approved && remedy == Remedy::Escalate));
    }
}
