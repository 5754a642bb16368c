//! Keys in, screen and tasks out: what a user of the console would notice.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod staged;

use jiff::SignedDuration;
use medbay::console::{
    Chain, Key, Keymap, LedgerView, Mouse, MouseAct, Msg, Overlay, Replay, ReplayTask, Screen, Seek, Task,
};
use medbay::engine::{GuardView, Reach, Reached, Update};
use medbay::ledger::{Ledger, Rewrite, State, Verdict};
use medbay::recover::{Policy, ProposalId, Remedy};
use medbay::screen::{Depth, Theme};
use medbay::trace::{RunId, StepId};
use proptest::prelude::*;
use staged::{Staged, call, desk, entry, history, import_run, ledger, now, proposal, runs, step};

fn verdicts(staged: &mut Staged) -> Vec<(String, Verdict)> {
    staged
        .asked()
        .into_iter()
        .filter_map(|task| match task {
            Task::Decide { proposal, verdict, .. } => Some((proposal.to_string(), verdict)),
            _ => None,
        })
        .collect()
}

// The fleet.

#[test]
fn runs_stand_by_need_and_the_neediest_is_selected_until_the_reader_moves() {
    let mut staged = Staged::new(80, 24);
    staged.model.settle();
    let first = staged.model.fleet.rows.order()[0].clone();
    assert_eq!(first.as_str(), "5f1c-import");
    assert_eq!(staged.model.fleet.rows.selected(), Some(&first));
}

#[test]
fn a_list_does_not_move_under_its_reader() {
    let mut staged = Staged::new(80, 24);
    staged.keys("jj");
    let before = staged.screen();
    let mut worse = runs().remove(0);
    worse.run = RunId::new("new");
    worse.summary.title = "worst of all".to_owned();
    worse.summary.judged.p_fail = medbay::trace::Probability::ONE;
    staged.send(Msg::Update(Update::Run(Box::new(worse))));
    let after = staged.screen();
    let rows = |screen: &str| screen.lines().skip(3).take(7).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(rows(&before), rows(&after));
    assert!(after.contains("1 new below"), "{after}");
    staged.keys("g");
    assert!(staged.screen().contains("by need"));
}

#[test]
fn the_end_of_a_long_log_is_shown_while_it_is_read_and_its_reader_stays_where_he_was() {
    let long = |from: usize| {
        let mut run = import_run();
        run.run = RunId::new("long");
        run.from = 0;
        run.steps = (from..40)
            .map(|at| {
                let mut step = step(at as u32, &call(1, "make all", 0.1));
                step.step.id = StepId((at - from) as u32);
                step.step.label = format!("make part-{at}").into();
                step
            })
            .collect();
        run.findings.clear();
        run.summary.assessed = from == 0;
        run
    };
    let mut staged = Staged::new(120, 40);
    staged.send(Msg::Update(Update::Run(Box::new(long(30)))));
    staged.keys(":run <Space>long<Enter>");
    let screen = staged.screen();
    assert!(screen.contains("still reading") && screen.contains("make part-39"), "{screen}");
    assert!(screen.contains("Not judged yet"), "{screen}");
    staged.keys("kkk");
    assert_eq!(staged.model.run.step, Some(StepId(6)));
    staged.send(Msg::Update(Update::Run(Box::new(long(0)))));
    let screen = staged.screen();
    assert_eq!(staged.model.run.step, Some(StepId(36)), "the same step by its own number");
    assert!(screen.contains("make part-36") && !screen.contains("still reading"), "{screen}");
}

#[test]
fn a_run_that_is_only_listed_is_assessed_when_it_is_opened_and_once() {
    let mut staged = Staged::new(80, 24);
    staged.keys(":run <Space>0009<Enter>");
    let opened =
        |staged: &mut Staged| staged.asked().into_iter().filter(|t| matches!(t, Task::Open { .. })).count();
    assert_eq!(opened(&mut staged), 1);
    assert!(staged.screen().contains("Reading and judging this run"));
    staged.keys("12");
    assert_eq!(opened(&mut staged), 0);
}

#[test]
fn filters_show_what_fits_and_say_what_they_do_not_understand() {
    let mut staged = Staged::new(80, 24);
    staged.keys("/state:work p<0.1");
    let screen = staged.screen();
    assert!(screen.contains("docs site") && !screen.contains("migrate billing"), "{screen}");
    staged.keys("<Enter>");
    assert!(staged.screen().contains("6 hidden"));
    staged.keys("<Esc>");
    assert!(staged.screen().contains("migrate billing"));
    staged.keys("/who:me");
    assert!(staged.screen().contains("no term `who:`"));
    staged.keys("<Esc>");
    assert!(staged.screen().contains("migrate billing"));
}

// A run.

#[test]
fn a_run_that_is_not_well_opens_at_its_leading_finding() {
    let mut staged = Staged::new(120, 40);
    staged.keys("<Enter>");
    assert_eq!(staged.model.run.step, Some(StepId(11)));
    let asked = staged.asked();
    assert!(asked.contains(&Task::ReadStep { run: RunId::new("5f1c-import"), step: StepId(11) }));
}

#[test]
fn the_claim_and_what_speaks_against_it_are_one_key_away() {
    let mut staged = Staged::new(120, 40);
    staged.keys("<Enter>x");
    assert_eq!(staged.model.run.step, Some(StepId(8)));
    assert!(staged.screen().contains("in the light of step 11"));
    staged.keys("c");
    assert_eq!(staged.model.run.step, Some(StepId(11)));
    staged.keys("bb");
    assert_eq!(staged.model.run.step, Some(StepId(11)));
}

#[test]
fn findings_are_walked_in_the_order_of_steps() {
    let mut staged = Staged::new(120, 40);
    staged.keys("<Enter>[");
    assert_eq!(staged.model.run.step, Some(StepId(8)));
    staged.keys("]");
    assert_eq!((staged.model.run.step, staged.model.run.finding), (Some(StepId(11)), Some(1)));
    staged.keys("]");
    assert_eq!(staged.model.run.finding, Some(2));
    staged.keys("]");
    assert!(staged.screen().contains("no finding after this one"));
}

fn grow(staged: &mut Staged, by: u32) {
    let mut delta = import_run();
    let from = delta.steps.len();
    let more = (0..by).map(|n| step(from as u32 + n, &call(1, "cargo test", 0.05)));
    delta.steps.extend(more);
    staged.send(Msg::Update(Update::Run(Box::new(delta))));
}

#[test]
fn following_goes_along_and_scrolling_up_stops_it() {
    let mut staged = Staged::new(80, 24);
    staged.keys("<Enter>G");
    grow(&mut staged, 3);
    staged.model.settle();
    assert_eq!(staged.model.run.step, Some(StepId(14)));
    assert!(staged.screen().contains("following"));
    staged.keys("kkkkkkkkkkkkkk");
    grow(&mut staged, 15);
    let before = staged.model.run.step;
    let screen = staged.screen();
    assert_eq!(staged.model.run.step, before);
    assert!(screen.contains("12 new below"), "{screen}");
    staged.keys("G");
    assert_eq!(staged.model.run.step, Some(StepId(26)));
    assert!(!staged.screen().contains("new below"));
}

#[test]
fn texts_of_another_step_than_the_selected_one_are_not_taken() {
    let mut staged = Staged::new(120, 40);
    staged.keys("<Enter>k");
    staged.send(Msg::StepText {
        run: RunId::new("5f1c-import"),
        step: StepId(11),
        texts: Ok(Box::new(medbay::console::StepText { intent: "late".to_owned(), ..Default::default() })),
    });
    assert!(!staged.screen().contains("late"));
    assert!(staged.screen().contains("reading the log"));
}

#[test]
fn at_sixty_columns_one_pane_is_shown_at_a_time() {
    let mut staged = Staged::new(60, 20);
    staged.keys("<Enter>");
    assert!(staged.screen().contains("cargo test -q"));
    staged.keys("<Enter>");
    let screen = staged.screen();
    assert!(screen.contains("P(wrong)") && !screen.contains("cargo test -q"), "{screen}");
    staged.keys("<Esc>");
    assert!(staged.screen().contains("cargo test -q"));
    staged.keys("<Esc>");
    assert_eq!(staged.model.screen, Screen::Fleet);
}

// The desk.

#[test]
fn approving_binds_to_the_text_that_was_on_the_screen() {
    let mut staged = Staged::new(80, 24);
    staged.keys("3a");
    let seen = desk()[1].proposal.payload.clone();
    assert!(staged.asked().contains(&Task::Decide {
        proposal: ProposalId::stored("1a1a1a1a1a1a"),
        verdict: Verdict::Approve,
        seen
    }));
}

#[test]
fn the_key_that_opens_decides_nothing_and_esc_never_quits() {
    let mut staged = Staged::new(80, 24);
    staged.keys("3<Enter><Enter><Esc><Esc><Esc><Esc>");
    assert!(verdicts(&mut staged).is_empty());
    assert!(!staged.model.quitting);
}

#[test]
fn a_proposal_that_has_only_just_appeared_takes_no_verdict() {
    let mut staged = Staged::new(80, 24);
    staged.rush("3a");
    assert!(verdicts(&mut staged).is_empty());
    assert!(staged.screen().contains("only just appeared"));
    staged.pass(400);
    staged.rush("a");
    assert_eq!(verdicts(&mut staged).len(), 1);
}

#[test]
fn a_proposal_that_goes_under_typing_hands_does_not_hand_its_verdict_to_the_next() {
    let mut staged = Staged::new(80, 24);
    staged.keys("3");
    let mut rest = desk();
    rest.remove(1);
    staged.send(ledger(rest, history()));
    staged.rush("a");
    assert!(verdicts(&mut staged).is_empty());
}

#[test]
fn a_text_that_changed_under_typing_hands_takes_no_verdict() {
    let mut staged = Staged::new(80, 24);
    staged.keys("3");
    let mut changed = desk();
    changed[1].proposal.payload = "Operator: something else".to_owned();
    staged.send(ledger(changed, history()));
    staged.rush("a");
    assert!(verdicts(&mut staged).is_empty());
}

#[test]
fn effects_that_are_not_harmless_are_asked_for_by_name() {
    let mut staged = Staged::new(80, 24);
    staged.keys("3ja");
    assert!(verdicts(&mut staged).is_empty());
    assert!(staged.screen().contains("git push origin main"));
    staged.keys("a<Enter>n");
    assert!(verdicts(&mut staged).is_empty());
    // A `y` that was under way when the question appeared is not an answer to it.
    staged.rush("ay");
    assert!(verdicts(&mut staged).is_empty());
    staged.pass(400);
    staged.rush("y");
    assert_eq!(verdicts(&mut staged), [("2b2b2b2b2b2b".to_owned(), Verdict::Approve)]);
}

#[test]
fn a_veto_asks_for_its_reason() {
    let mut staged = Staged::new(80, 24);
    staged.keys("3vnot");
    assert!(staged.screen().contains("veto because: not"));
    staged.rush(" true<Enter>");
    let reason = "not true".to_owned();
    assert_eq!(verdicts(&mut staged), [("1a1a1a1a1a1a".to_owned(), Verdict::Veto { reason })]);
    staged.keys("jv<Esc>");
    assert!(verdicts(&mut staged).is_empty());
}

#[test]
fn an_edit_sends_the_edited_text_and_is_not_lost_by_accident() {
    let mut staged = Staged::new(80, 24);
    staged.keys("3e");
    assert!(staged.screen().contains("edit 1a1a1a1a1a1a"));
    let text = "Operator: look again.".to_owned();
    staged.send(Msg::Edited { text: text.clone() });
    staged.keys("<Esc>");
    assert!(staged.screen().contains("Throw the edited text away?"));
    staged.keys("n<C-c>");
    assert!(staged.screen().contains("Leave and lose the edited text?"));
    assert!(!staged.model.quitting);
    staged.keys("n<C-s>");
    assert_eq!(verdicts(&mut staged), [("1a1a1a1a1a1a".to_owned(), Verdict::Edit { text })]);
}

#[test]
fn an_edit_that_changes_nothing_is_an_approval() {
    let mut staged = Staged::new(80, 24);
    staged.keys("3e<C-s>");
    assert_eq!(verdicts(&mut staged)[0].1, Verdict::Approve);
}

#[test]
fn an_approval_counts_down_and_can_be_undone() {
    let mut staged = Staged::new(80, 24);
    staged.keys("3");
    let mut approved = desk();
    approved[1].state = State::Approved;
    approved[1].grace_until = Some(staged.model.now + SignedDuration::from_millis(3_000));
    staged.send(ledger(approved, history()));
    assert!(staged.screen().contains("approved · sends in 3 s · u to undo"));
    assert!(staged.model.next_tick().is_some());
    staged.pass(1_000);
    assert!(staged.screen().contains("sends in 2 s"));
    staged.keys("1");
    staged.rush("u");
    assert!(staged.asked().contains(&Task::Undo { proposal: ProposalId::stored("1a1a1a1a1a1a") }));
    staged.pass(3_000);
    assert!(!staged.screen().contains("u to undo"));
}

#[test]
fn a_second_verdict_waits_for_the_ledger_and_a_refusal_is_said() {
    let mut staged = Staged::new(80, 24);
    staged.keys("3aa");
    assert_eq!(verdicts(&mut staged).len(), 1);
    staged.send(Msg::Refused {
        proposal: ProposalId::stored("1a1a1a1a1a1a"),
        why: "ben has vetoed it already".to_owned(),
    });
    assert!(staged.screen().contains("ben has vetoed it already"));
    staged.pass(400);
    staged.rush("a");
    assert_eq!(verdicts(&mut staged).len(), 1);
}

/// The desk with one proposal, and what a model wrote for it.
fn rewritten(text: Result<String, String>) -> Msg {
    let id = ProposalId::stored("5e5e5e5e5e5e");
    let waits = entry(proposal("5e5e5e5e5e5e", "5f1c-import", Remedy::Retry, 0.7), State::Waiting, 60);
    let rewrite = Rewrite { text, writer: "small-1".into(), tokens: 240, usd: 0.1, seconds: 2.0 };
    Msg::Ledger(Box::new(LedgerView {
        desk: vec![waits],
        rewrites: [(id, rewrite)].into(),
        ..LedgerView::default()
    }))
}

#[test]
fn what_a_model_wrote_is_shown_as_such_and_taken_into_the_editor() {
    let mut staged = Staged::empty(120, 40);
    staged.keys("3");
    staged.send(rewritten(Ok("Operator: Look again.\n[medbay 5e5e5e5e5e5e]".to_owned())));
    let screen = staged.screen();
    assert!(screen.contains("small-1 wrote, as an alternative"), "{screen}");
    assert!(screen.contains("Operator: Look again."), "{screen}");
    staged.pass(1_000);
    staged.keys("m");
    assert!(verdicts(&mut staged).is_empty(), "nothing is decided by looking at it");
    staged.pass(1_000);
    staged.keys("<C-s>");
    let said = verdicts(&mut staged);
    let text = "Operator: Look again.\n[medbay 5e5e5e5e5e5e]".to_owned();
    assert_eq!(said, [("5e5e5e5e5e5e".to_owned(), Verdict::Edit { text })]);
}

#[test]
fn where_a_model_wrote_nothing_the_template_stands_and_the_reason_is_said() {
    let mut staged = Staged::empty(120, 40);
    staged.keys("3");
    staged.send(rewritten(Err("no answer within 20 s".to_owned())));
    let screen = staged.screen();
    assert!(screen.contains("small-1 wrote nothing: no answer within 20 s"), "{screen}");
    staged.pass(1_000);
    staged.keys("m");
    assert!(staged.screen().contains("no model wrote another text"), "{}", staged.screen());
    staged.pass(1_000);
    staged.keys("a");
    assert_eq!(verdicts(&mut staged), [("5e5e5e5e5e5e".to_owned(), Verdict::Approve)]);
}

#[test]
fn a_new_proposal_is_notified_once_and_not_while_it_is_being_looked_at() {
    let notices = |staged: &mut Staged| {
        staged.asked().into_iter().filter(|task| matches!(task, Task::Notify(_))).count()
    };
    for (keys, wanted) in [("1", 1), ("3", 0)] {
        let mut staged = Staged::empty(120, 40);
        staged.model.notifier.settings.bell = true;
        let mut waits =
            entry(proposal("5e5e5e5e5e5e", "5f1c-import", Remedy::Retry, 0.7), State::Waiting, 60);
        let mut approved = waits.clone();
        approved.state = State::Approved;
        staged.send(ledger(vec![approved], Vec::new()));
        staged.keys(keys);
        // Its approval is undone: it waits again.
        staged.send(ledger(vec![waits.clone()], Vec::new()));
        staged.send(ledger(vec![waits.clone()], Vec::new()));
        assert_eq!(notices(&mut staged), wanted, "on {keys}");
        // Another one comes while this one is looked at.
        waits.proposal.id = ProposalId::stored("6f6f6f6f6f6f");
        waits.proposal.rule = "claim.other".into();
        staged.send(ledger(vec![waits], Vec::new()));
        assert_eq!(notices(&mut staged), 1, "on {keys}");
    }
}

#[test]
fn a_failed_delivery_is_tried_again_by_hand() {
    let mut staged = Staged::new(80, 24);
    let failed = entry(proposal("5e5e5e5e5e5e", "5f1c-import", Remedy::Retry, 0.7), State::Failed, 60);
    staged.send(ledger(vec![failed], Vec::new()));
    staged.keys("3ar");
    let asked = staged.asked();
    assert_eq!(asked, [Task::Retry { proposal: ProposalId::stored("5e5e5e5e5e5e") }]);
}

#[test]
fn what_an_agent_is_held_for_comes_first_then_what_can_reach_its_agent() {
    let (likely, unlikely) = ("5e5e5e5e5e5e", "4d4d4d4d4d4d");
    let cases = [
        (vec![], likely),
        (vec![("unlikely", Reach::Correctable, false)], unlikely),
        (vec![("likely", Reach::Gated, false), ("unlikely", Reach::Gated, false)], likely),
        (vec![("likely", Reach::Gated, false), ("unlikely", Reach::Gated, true)], unlikely),
    ];
    for (reach, first) in cases {
        let mut staged = Staged::empty(120, 40);
        staged.send(Msg::Ledger(Box::new(LedgerView {
            desk: vec![
                entry(proposal(likely, "likely", Remedy::Retry, 0.9), State::Waiting, 60),
                entry(proposal(unlikely, "unlikely", Remedy::Retry, 0.6), State::Waiting, 60),
            ],
            reach: reach
                .into_iter()
                .map(|(run, reach, held)| (RunId::new(run), Reached { reach, held, via: String::new() }))
                .collect(),
            ..LedgerView::default()
        })));
        staged.keys("3");
        let screen = staged.screen();
        assert!(screen.contains(&format!("binds to {first}")), "{screen}");
    }
}

#[test]
fn without_a_ledger_nothing_can_be_decided_and_the_title_says_so() {
    let mut staged = Staged::new(80, 24);
    staged.keys("3");
    staged.send(Msg::LedgerLost("cannot open /x/ledger.db: it is locked".to_owned()));
    staged.keys("a");
    assert!(verdicts(&mut staged).is_empty());
    assert!(staged.screen().contains("READ-ONLY"));
    staged.send(ledger(desk(), history()));
    staged.keys("a");
    assert_eq!(verdicts(&mut staged).len(), 1);
}

#[test]
fn a_verdict_is_never_a_guess_of_what_was_typed() {
    let mut staged = Staged::new(80, 24);
    staged.keys("3:app<Enter>");
    assert!(verdicts(&mut staged).is_empty());
    assert!(staged.screen().contains("a verdict is given by its whole name"));
    staged.keys(":approve<Enter>");
    assert_eq!(verdicts(&mut staged).len(), 1);
}

#[test]
fn in_one_pane_what_is_not_on_the_screen_takes_no_verdict() {
    let mut staged = Staged::new(60, 20);
    staged.keys("3a");
    assert!(verdicts(&mut staged).is_empty());
    staged.keys("<Enter>a");
    assert_eq!(verdicts(&mut staged).len(), 1);
}

// The guard.

fn guard(stopped: bool, bypassed: bool) -> Msg {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(&folder.path().join("ledger.db")).unwrap();
    if bypassed {
        let until = now() + SignedDuration::from_mins(5);
        ledger.bypass(None, until, "", "ada", now() - SignedDuration::from_mins(5)).unwrap();
    }
    if stopped {
        ledger.stop("\u{1b}[31mwild", "ada", now()).unwrap();
    }
    Msg::Guard(Box::new(GuardView::of(&ledger, &Policy::default(), now()).unwrap()))
}

#[test]
fn one_key_stops_everything_and_resuming_asks_first() {
    for screen in ["1", "2", "3", "6"] {
        let mut staged = Staged::new(80, 24);
        staged.keys(screen);
        staged.asked();
        staged.keys("!");
        assert_eq!(staged.asked(), [Task::Stop], "on {screen}");
    }
    let mut staged = Staged::new(80, 24);
    staged.keys(":resume<Enter>");
    assert!(staged.asked().is_empty() && staged.screen().contains("nothing is stopped"));
    staged.send(guard(true, true));
    assert!(staged.screen().contains("STOPPED"));
    staged.keys("!");
    assert!(staged.asked().is_empty());
    assert!(staged.screen().contains("stopped already by ada"), "{}", staged.screen());
    staged.keys(":resume<Enter>");
    assert!(staged.screen().contains("Let the policy hold again?"), "{}", staged.screen());
    staged.pass(1_000);
    staged.keys("n:resume<Enter>");
    assert!(staged.asked().is_empty());
    staged.pass(1_000);
    staged.keys("y");
    assert_eq!(staged.asked(), [Task::Resume]);
    staged.send(guard(false, true));
    assert!(staged.screen().contains("BYPASS"));
    staged.send(guard(false, false));
    assert!(staged.screen().contains("LIVE"));
}

#[test]
fn what_is_approved_and_not_sent_says_that_everything_is_stopped() {
    let mut staged = Staged::empty(120, 40);
    let mut approved = entry(proposal("5e5e5e5e5e5e", "likely", Remedy::Retry, 0.9), State::Approved, 60);
    approved.grace_until = None;
    staged.send(ledger(vec![approved], Vec::new()));
    staged.keys("3");
    assert!(!staged.screen().contains("stopped"));
    staged.send(guard(true, false));
    assert!(staged.screen().contains("not sent: stopped by ada"), "{}", staged.screen());
}

// Decisions.

#[test]
fn decisions_are_loaded_verified_and_opened() {
    let mut staged = Staged::empty(80, 24);
    staged.keys("6V");
    assert_eq!(staged.asked(), [Task::LoadDecisions, Task::Verify]);
    staged.send(Msg::Ledger(Box::new(LedgerView {
        history: history(),
        chain: Chain::Broken("decision 2 does not follow from decision 1".to_owned()),
        ..LedgerView::default()
    })));
    staged.keys("<Enter>");
    let screen = staged.screen();
    assert!(screen.contains("CHAIN BROKEN: decision 2"), "{screen}");
    assert!(screen.contains("ON THE SCREEN THEN"), "{screen}");
    staged.keys("GGGG");
    staged.model.rows = 60;
    assert!(staged.screen().contains("[-Report"), "{}", staged.screen());
}

// A replay.

#[test]
fn a_replay_shows_its_clock_and_is_driven_by_keys() {
    let mut staged = Staged::new(80, 24);
    let replay = Replay { position: 12, of: 36, speed: 2.0, playing: false, clock: Some(now()) };
    staged.send(Msg::Replay(replay));
    let screen = staged.screen();
    assert!(screen.contains("PAUSED") && screen.contains("11:42:07 · 12/36 · x2"), "{screen}");
    staged.keys("<Space>.,lh+-0$}{");
    staged.keys(":seek <Space>50%<Enter>");
    let expected = [
        ReplayTask::Play,
        ReplayTask::Seek(Seek::By(1)),
        ReplayTask::Seek(Seek::By(-1)),
        ReplayTask::Seek(Seek::By(1)),
        ReplayTask::Seek(Seek::By(-1)),
        ReplayTask::Speed(4.0),
        ReplayTask::Speed(1.0),
        ReplayTask::Seek(Seek::To(0)),
        ReplayTask::Seek(Seek::To(36)),
        ReplayTask::Seek(Seek::NextFinding),
        ReplayTask::Seek(Seek::PreviousFinding),
        ReplayTask::Seek(Seek::To(18)),
    ];
    assert_eq!(staged.asked(), expected.map(Task::Replay));
    staged.send(Msg::Replay(Replay { playing: true, ..replay }));
    assert!(staged.screen().contains("REPLAY"));
    staged.keys("3a");
    assert!(verdicts(&mut staged).is_empty());
}

#[test]
fn a_replay_that_goes_back_takes_the_selection_along() {
    let mut staged = Staged::new(80, 24);
    staged.keys("<Enter>G");
    let mut delta = import_run();
    delta.steps.truncate(4);
    delta.findings.clear();
    staged.send(Msg::Update(Update::Run(Box::new(delta))));
    staged.model.settle();
    assert_eq!(staged.model.run.step, Some(StepId(3)));
    staged.screen();
}

// Keys, mouse, the rest.

#[test]
fn the_mouse_selects_opens_scrolls_and_drags() {
    let mut staged = Staged::new(80, 24);
    staged.screen();
    let mouse = |staged: &mut Staged, act, column, row| staged.send(Msg::Mouse(Mouse { act, column, row }));
    mouse(&mut staged, MouseAct::Press, 10, 4);
    assert_eq!(staged.model.fleet.rows.at(), 1);
    mouse(&mut staged, MouseAct::Press, 10, 4);
    assert_eq!(staged.model.screen, Screen::Run);
    let step = staged.model.run.step;
    mouse(&mut staged, MouseAct::WheelUp, 5, 8);
    assert_ne!(staged.model.run.step, step);
    let before = staged.screen();
    let at = before.lines().nth(8).unwrap().chars().collect::<Vec<_>>();
    let splitter = (20..60).find(|x| at[*x + 1] == '│').unwrap() as u16;
    mouse(&mut staged, MouseAct::Press, splitter, 8);
    mouse(&mut staged, MouseAct::Drag, 55, 8);
    mouse(&mut staged, MouseAct::Release, 55, 8);
    assert_ne!(staged.screen(), before);
    mouse(&mut staged, MouseAct::Press, 2, 3);
    assert_eq!(staged.model.run.step, Some(StepId(1)));
}

#[test]
fn quitting_asks_nothing_when_nothing_would_be_lost() {
    for keys in ["q", ":q<Enter>", "<C-c>", "3q", "/x<C-c>"] {
        let mut staged = Staged::new(80, 24);
        staged.keys(keys);
        assert!(staged.model.quitting, "{keys}");
        assert!(staged.asked().contains(&Task::Quit));
    }
}

#[test]
fn the_page_of_keys_is_the_table_of_commands() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/keys.md");
    let page = std::fs::read_to_string(path).unwrap_or_default();
    let table = medbay::console::command::markdown();
    assert!(page.ends_with(&table), "write this below the heading of docs/keys.md:\n{table}");
}

#[test]
fn changed_keys_are_what_help_and_hints_show() {
    let mut staged = Staged::new(80, 24);
    staged.model.keymap = Keymap::with(&[("approve".to_owned(), vec!["A".to_owned()])]).unwrap();
    staged.keys("3");
    assert!(staged.screen().contains("A approve"));
    staged.keys("a");
    assert!(verdicts(&mut staged).is_empty());
    staged.keys("A");
    assert_eq!(verdicts(&mut staged).len(), 1);
}

#[test]
fn what_is_said_passes_and_is_kept() {
    let mut staged = Staged::new(80, 24);
    staged.send(Msg::Update(Update::Problem("no format claims /tmp/x.png".to_owned())));
    assert!(staged.screen().contains("no format claims /tmp/x.png"));
    staged.pass(20_000);
    assert!(!staged.screen().contains("no format claims"));
    staged.keys(":messages<Enter>");
    assert!(staged.screen().contains("no format claims /tmp/x.png"));
}

#[test]
fn pasted_text_is_not_typed_keys() {
    let mut staged = Staged::new(80, 24);
    staged.keys("3");
    staged.send(Msg::Paste("aq".to_owned()));
    assert!(verdicts(&mut staged).is_empty() && !staged.model.quitting);
    staged.keys("v");
    staged.send(Msg::Paste("two\nlines".to_owned()));
    assert!(staged.screen().contains("veto because: two lines"));
}

#[test]
fn a_quiet_console_needs_no_ticks() {
    let mut staged = Staged::new(80, 24);
    staged.keys("<Enter>");
    staged.pass(60_000);
    assert_eq!(staged.model.next_tick(), None);
    staged.screen();
    staged.model.dirty = false;
    staged.send(Msg::Tick { now: staged.model.now });
    assert!(!staged.model.dirty);
}

// Colours, ASCII, hostile text.

#[test]
fn no_color_gives_no_colour_on_any_screen() {
    let mut staged = Staged::new(120, 40);
    staged.theme = Theme::dark(Depth::None, false);
    for keys in ["1", "2", "3", "6", "?"] {
        staged.keys(keys);
        for cell in staged.backend().buffer().content() {
            assert_eq!(cell.fg, ratatui::style::Color::Reset);
            assert_eq!(cell.bg, ratatui::style::Color::Reset);
        }
    }
}

#[test]
fn ascii_mode_draws_ascii_alone() {
    let mut staged = Staged::new(120, 40);
    staged.theme = Theme::dark(Depth::None, true);
    for keys in ["1", "2", "3", "<Esc>3e", "<Esc>6", "<Enter>", "?", "x:"] {
        staged.keys(keys);
        staged.answer_texts();
        for cell in staged.backend().buffer().content() {
            assert!(cell.symbol().is_ascii(), "{keys}: {}", cell.symbol());
        }
    }
}

const HOSTILE: &str =
    "\u{1b}]52;c;aGk=\u{7}\u{9b}31m\u{202e}gpj\u{200b}\r\n\t日本語 👩‍🔧 e\u{301}\u{301}\u{301} \u{7f}";

fn hostile(text: &str, columns: u16, rows: u16) -> Staged {
    let mut staged = Staged::new(columns, rows);
    let mut delta = import_run();
    delta.summary.title = text.to_owned();
    delta.summary.state.reason = text.to_owned();
    delta.summary.model = text.to_owned();
    for agent in &mut delta.summary.agents {
        agent.name = text.to_owned();
    }
    for tool in &mut delta.summary.tools {
        *tool = text.to_owned();
    }
    for line in &mut delta.summary.plan {
        line.text = text.to_owned();
    }
    for effect in &mut delta.summary.effects {
        effect.target = text.to_owned();
    }
    for step in &mut delta.steps {
        step.step.label = text.into();
    }
    for finding in &mut delta.findings {
        finding.sentence = text.to_owned();
        finding.instruction = text.to_owned();
        for span in &mut finding.evidence {
            span.text = text.to_owned();
        }
    }
    staged.send(Msg::Update(Update::Run(Box::new(delta))));
    let mut entries = desk();
    for entry in &mut entries {
        entry.proposal.claim = text.to_owned();
        entry.proposal.fact = text.to_owned();
        entry.proposal.payload = text.to_owned();
        entry.proposal.sentence = text.to_owned();
        entry.proposal.effects = vec![text.to_owned()];
    }
    let mut past = history();
    for entry in &mut past {
        entry.proposal.payload = text.to_owned();
        if let Some(decision) = &mut entry.decision {
            decision.seen = text.to_owned();
            decision.verdict = Verdict::Edit { text: format!("{text}!") };
        }
    }
    staged.send(ledger(entries, past));
    staged.send(Msg::Toast { grave: true, text: text.to_owned() });
    staged
}

fn nothing_hostile(staged: &mut Staged) {
    for cell in staged.backend().buffer().content() {
        // A zero-width joiner within one grapheme is drawn as it is: it acts on nothing else.
        let joined = cell.symbol().chars().count() > 1;
        for c in cell.symbol().chars() {
            let joiner = joined && c == '\u{200d}';
            assert!(joiner || !medbay::text::is_hostile(c), "{:?}", cell.symbol());
        }
    }
}

fn hostile_everywhere(text: &str, columns: u16, rows: u16) {
    let mut staged = hostile(text, columns, rows);
    let tour = [
        "",
        "<Enter>",
        "<Tab>",
        "<Tab>",
        "<Tab>",
        "<Tab>",
        "<Tab>",
        "<Tab>",
        "x",
        "3",
        "<Enter>",
        "3",
        "e",
        "<Esc>",
        "a",
        "<Esc>",
        "6",
        "<Enter>",
        ":messages<Enter>",
    ];
    for keys in tour {
        staged.keys(keys);
        for task in staged.asked() {
            if let Task::ReadStep { run, step } = task {
                let texts = medbay::console::StepText {
                    intent: text.to_owned(),
                    call: text.to_owned(),
                    outcome: text.to_owned(),
                    raw: text.to_owned(),
                };
                let texts = Ok(Box::new(texts));
                staged.send(Msg::StepText { run, step, texts });
            }
        }
        nothing_hostile(&mut staged);
    }
}

#[test]
fn hostile_text_never_reaches_the_screen() {
    for (columns, rows) in [(39, 9), (40, 10), (60, 20), (80, 24), (120, 40)] {
        hostile_everywhere(HOSTILE, columns, rows);
        hostile_everywhere(&HOSTILE.repeat(300), columns, rows);
    }
}

fn any_key() -> impl Strategy<Value = Key> {
    let named = prop::sample::select(vec![
        "Enter",
        "Esc",
        "Tab",
        "S-Tab",
        "Backspace",
        "Delete",
        "Up",
        "Down",
        "Left",
        "Right",
        "Home",
        "End",
        "PgUp",
        "PgDn",
        "C-d",
        "C-u",
        "C-s",
        "C-e",
        "C-w",
        "C-c",
        "C-o",
        "F1",
        "A-x",
    ]);
    prop_oneof![
        3 => prop::char::range(' ', '~').prop_map(Key::char),
        1 => any::<char>().prop_map(Key::char),
        2 => named.prop_map(|name| Key::parse(name).unwrap()),
    ]
}

fn any_message() -> impl Strategy<Value = Msg> {
    prop_oneof![
        20 => any_key().prop_map(Msg::Key),
        2 => (0u16..220, 0u16..80).prop_map(|(columns, rows)| Msg::Resize { columns, rows }),
        3 => (0u16..130, 0u16..50, prop::sample::select(vec![
            MouseAct::Press, MouseAct::Drag, MouseAct::Release, MouseAct::WheelUp, MouseAct::WheelDown,
        ])).prop_map(|(column, row, act)| Msg::Mouse(Mouse { act, column, row })),
        1 => "\\PC{0,20}".prop_map(Msg::Paste),
        1 => any::<String>().prop_map(|text| Msg::Edited { text }),
        1 => (0usize..13).prop_map(|steps| {
            let mut delta = import_run();
            delta.steps.truncate(steps);
            delta.findings.retain(|f| f.step.index() < steps);
            Msg::Update(Update::Run(Box::new(delta)))
        }),
        1 => (0usize..3).prop_map(|count| ledger(desk().into_iter().take(count).collect(), history())),
        1 => (0usize..40, any::<bool>()).prop_map(|(position, playing)| Msg::Replay(Replay {
            position, of: 40, speed: 1.0, playing, clock: Some(now()),
        })),
        1 => Just(Msg::Update(Update::Anew)),
        1 => Just(Msg::Update(Update::Gone { run: RunId::new("1201-docs"), reason: "deleted".to_owned() })),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_message_breaks_it(messages in prop::collection::vec(any_message(), 0..120), pace in 0i64..800) {
        let mut staged = hostile(HOSTILE, 80, 24);
        for message in messages {
            staged.send(message);
            staged.pass(pace);
            staged.asked();
            nothing_hostile(&mut staged);
            let long = matches!(&staged.model.overlay, Some(Overlay::Filter { line, .. }) if line.text().len() > 2_000);
            prop_assert!(!long);
        }
    }

    #[test]
    fn any_text_is_drawn_safely(text in any::<String>(), columns in 20u16..130, rows in 5u16..45) {
        hostile_everywhere(&text, columns, rows);
    }
}

#[test]
fn an_edit_that_is_no_answer_to_what_the_agent_asked_stays_in_the_editor() {
    let mut staged = Staged::empty(120, 40);
    let id = "7c7c7c7c7c7c";
    let mut asked = proposal(id, "night-job", Remedy::Escalate, 0.5);
    asked.rule = medbay::ledger::GATE.to_owned();
    asked.payload = format!("Operator: approve\n{{\"name\":\"refund\",\"args\":{{}}}} [medbay {id}]");
    staged.send(ledger(vec![entry(asked, State::Waiting, 60)], Vec::new()));
    staged.pass(1_000);
    staged.keys("3e").with_editor("gladly ");
    staged.keys("<C-s>");
    assert!(!staged.asked().iter().any(|task| matches!(task, Task::Decide { .. })));
    let screen = staged.screen();
    assert!(screen.contains("is no answer"), "{screen}");
    assert!(matches!(&staged.model.overlay, Some(Overlay::Editing(e)) if e.text.starts_with("gladly")));
}
