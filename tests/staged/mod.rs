//! A staged board and desk: what screens are drawn over in tests. Made up, and the same every time.

#![allow(dead_code, reason = "each test file uses a part of it")]

use jiff::{SignedDuration, Timestamp};
use medbay::console::{Chain, Code, Key, LedgerView, Model, Msg, Overlay, StepText, Task, update};
use medbay::detect::{Aspect, Basis, Class, Evidence, Finding, Part, Rule};
use medbay::engine::desk::RunNews;
use medbay::engine::{Reach, RunDelta, RunSummary, SourceState, SourceView, StepView, Update};
use medbay::ledger::{Decision, Delivery, Entry, Operator, Outcome, State, Verdict};
use medbay::recover::{Proposal, ProposalId, Remedy, Scope, Target};
use medbay::score::{Band, Contribution, Judgement, RunJudgement};
use medbay::screen::{Depth, Editor, Theme};
use medbay::trace::{
    Action, Agent, AgentId, Effect, EffectKind, EffectStatus, PlanLine, PlanStatus, Probability, RecordRef,
    RunId, RunState, StateWord, Status, Step, StepId, ToolKind, Usage,
};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

/// The moment at which the staged console is looked at.
pub fn now() -> Timestamp {
    "2026-03-14T11:42:07Z".parse().unwrap()
}

pub fn ago(seconds: i64) -> Timestamp {
    now() - SignedDuration::from_secs(seconds)
}

pub static TESTS_PASS: Rule = Rule {
    id: "claim.tests-pass",
    class: Class::Hallucination,
    basis: Basis::External,
    speaks_of: Aspect::Support,
    summary: "says that tests pass; the last run of them says otherwise",
    example: "",
    proven: true,
};

pub static STALE: Rule = Rule {
    id: "claim.stale",
    class: Class::Hallucination,
    basis: Basis::External,
    speaks_of: Aspect::Support,
    summary: "says what was true before the last edit",
    example: "",
    proven: true,
};

pub static REPEAT: Rule = Rule {
    id: "loop.same-failure",
    class: Class::ExecutionError,
    basis: Basis::External,
    speaks_of: Aspect::Execution,
    summary: "the same call failed in the same way before",
    example: "",
    proven: true,
};

pub fn record(index: u32) -> RecordRef {
    RecordRef { offset: u64::from(index) * 700, length: 699, index, source: 0 }
}

/// A step as a test names it.
pub struct Made {
    pub agent: u16,
    pub tool: Option<u16>,
    pub label: &'static str,
    pub status: Status,
    pub exit: Option<i32>,
    pub wrong: f64,
    pub class: Option<Class>,
}

pub fn call(tool: u16, label: &'static str, wrong: f64) -> Made {
    Made { agent: 0, tool: Some(tool), label, status: Status::Ok, exit: None, wrong, class: None }
}

pub fn step(at: u32, made: &Made) -> StepView {
    let band = match made.wrong {
        w if w >= 0.6 => Band::Alarm,
        w if w >= 0.35 => Band::Triage,
        _ => Band::Pass,
    };
    let why = if band == Band::Pass {
        vec![Contribution { feature: "calls succeed", logit: -0.8 }]
    } else {
        vec![
            Contribution { feature: "claim.tests-pass", logit: 3.1 },
            Contribution { feature: "claim.stale", logit: 0.9 },
            Contribution { feature: "calls succeed", logit: -0.8 },
        ]
    };
    StepView {
        step: Step {
            id: StepId(at),
            agent: AgentId(made.agent),
            action: match made.tool {
                Some(tool) => Action::Call { tool, kind: ToolKind::Shell },
                None => Action::Message,
            },
            record: record(3 * at + 1),
            intent: Some(record(3 * at)),
            outcome: made.tool.map(|_| record(3 * at + 2)),
            status: made.status,
            exit_code: made.exit,
            closed: true,
            began: Some(ago(600 - i64::from(at) * 10)),
            ended: Some(ago(598 - i64::from(at) * 10)),
            label: made.label.into(),
            call_hash: u64::from(at),
            outcome_hash: u64::from(at),
            anchor: u64::from(at),
        },
        judged: Judgement {
            p_wrong: Probability::new(made.wrong),
            band,
            class: made.class,
            execution: Probability::new(0.99),
            support: Probability::new(1.0 - made.wrong),
            consistency: Probability::new(0.71),
            why: why.into(),
        },
    }
}

pub struct MadeRun {
    pub id: &'static str,
    pub title: &'static str,
    pub format: &'static str,
    pub state: StateWord,
    pub reason: &'static str,
    pub agents: &'static [&'static str],
    pub p_fail: f64,
    pub class: Option<Class>,
    pub reach: Reach,
    pub age: i64,
    pub steps: Vec<StepView>,
    pub findings: Vec<Finding>,
}

pub fn delta(run: MadeRun) -> RunDelta {
    let band = match run.p_fail {
        p if p >= 0.6 => Band::Alarm,
        p if p >= 0.35 => Band::Triage,
        _ => Band::Pass,
    };
    let records = 3 * run.steps.len() as u32;
    RunDelta {
        run: RunId::new(run.id),
        from: 0,
        findings_from: 0,
        news: RunNews::none(RunId::new(run.id)),
        summary: RunSummary {
            format: run.format,
            title: run.title.to_owned(),
            model: "model-a".to_owned(),
            working_directory: "/home/ada/shop".to_owned(),
            state: RunState { word: run.state, reason: run.reason.to_owned(), sure: false },
            agents: run
                .agents
                .iter()
                .enumerate()
                .map(|(at, name)| Agent { name: (*name).to_owned(), parent: (at > 0).then_some(AgentId(0)) })
                .collect(),
            tools: ["Read", "Bash", "Edit", "Grep", "Task"].map(str::to_owned).to_vec(),
            plan: vec![
                PlanLine {
                    text: "Find out why the import is slow".to_owned(),
                    status: PlanStatus::Done,
                    record: record(4),
                },
                PlanLine {
                    text: "Commit once a batch".to_owned(),
                    status: PlanStatus::Active,
                    record: record(4),
                },
                PlanLine { text: "Run all tests".to_owned(), status: PlanStatus::Pending, record: record(4) },
            ],
            effects: vec![
                Effect {
                    step: StepId(7),
                    kind: EffectKind::File,
                    target: "src/import.rs".to_owned(),
                    status: EffectStatus::Done,
                    harmless_again: true,
                },
                Effect {
                    step: StepId(9),
                    kind: EffectKind::Repository,
                    target: "git push origin main".to_owned(),
                    status: EffectStatus::Unknown,
                    harmless_again: false,
                },
            ],
            usage: Usage {
                input: 41_000,
                cached: 18_000,
                output: 2_400,
                cost_usd: Some(0.84),
                cumulative: true,
            },
            records,
            unknown: Vec::new(),
            began: Some(ago(run.age + 900)),
            last: Some(ago(run.age)),
            sources: vec![SourceView {
                path: format!("/home/ada/.logs/{}.jsonl", run.id).into(),
                read: 1000,
                size: 1000,
                state: SourceState::Following,
            }],
            judged: RunJudgement {
                p_fail: Probability::new(run.p_fail),
                band,
                class: run.class,
                agent: Some(AgentId(0)),
                set90: (band == Band::Alarm).then_some((StepId(8), StepId(11))),
                why: Box::default(),
            },
            judged_by: "default-1".to_owned(),
            reach: run.reach,
            assessed: true,
        },
        steps: run.steps,
        findings: run.findings,
    }
}

/// The run that says that all tests pass.
pub fn import_run() -> RunDelta {
    let made = [
        Made { agent: 0, ..call(0, "src/import.rs", 0.04) },
        call(1, "cargo test -q", 0.08),
        Made { agent: 0, ..call(4, "find all callers of batch()", 0.05) },
        Made { agent: 1, ..call(3, "\"batch\"", 0.05) },
        Made { agent: 1, tool: None, ..call(0, "found 3 callers, all in src/import.rs", 0.10) },
        call(2, "src/import.rs", 0.12),
        Made {
            status: Status::Error,
            exit: Some(101),
            class: Some(Class::ExecutionError),
            ..call(1, "cargo test | tail -1", 0.39)
        },
        call(2, "src/import.rs", 0.16),
        Made {
            exit: Some(1),
            class: Some(Class::ExecutionError),
            status: Status::Error,
            ..call(1, "cargo test", 0.48)
        },
        Made { status: Status::Unknown, ..call(1, "git push origin main", 0.22) },
        call(2, "src/import.rs", 0.20),
        Made {
            tool: None,
            class: Some(Class::Hallucination),
            ..call(0, "All 42 tests pass and the import is twice as fast.", 0.93)
        },
    ];
    let steps = made.iter().enumerate().map(|(at, m)| step(at as u32, m)).collect();
    let findings = vec![
        Finding {
            rule: &REPEAT,
            step: StepId(8),
            root: Some(StepId(6)),
            strength: Probability::new(0.5),
            evidence: vec![
                Evidence::new(record(25), Part::Claim, "cargo test"),
                Evidence::new(record(20), Part::Against, "test result: FAILED. 41 passed; 1 failed"),
            ],
            sentence: "the second failing run of the same tests".to_owned(),
            instruction: "Read the first failure before you edit again.".to_owned(),
            means: Vec::new(),
        },
        Finding {
            rule: &TESTS_PASS,
            step: StepId(11),
            root: None,
            strength: Probability::new(0.9),
            evidence: vec![
                Evidence::new(record(34), Part::Claim, "All 42 tests pass and the import is twice as fast."),
                Evidence::new(
                    record(26),
                    Part::Against,
                    "test result: FAILED. 39 passed; 3 failed; 0 ignored; finished in 1.42s",
                ),
            ],
            sentence: "says 42 of 42 passed; the runner printed 39 passed, 3 failed".to_owned(),
            instruction: "Run `cargo test` again now and read its last lines.".to_owned(),
            means: Vec::new(),
        },
        Finding {
            rule: &STALE,
            step: StepId(11),
            root: None,
            strength: Probability::new(0.4),
            evidence: vec![
                Evidence::new(record(34), Part::Claim, "All 42 tests pass"),
                Evidence::new(record(31), Part::Against, "Edit src/import.rs"),
            ],
            sentence: "edited at step 10, nothing run since".to_owned(),
            instruction: String::new(),
            means: Vec::new(),
        },
    ];
    delta(MadeRun {
        id: "5f1c-import",
        title: "fix import speed",
        format: "claude-code",
        state: StateWord::Held,
        reason: "its turn is kept open for your decision",
        agents: &["main", "explore-1"],
        p_fail: 0.91,
        class: Some(Class::Hallucination),
        reach: Reach::Gated,
        age: 130,
        steps,
        findings,
    })
}

fn plain(
    id: &'static str,
    title: &'static str,
    format: &'static str,
    state: StateWord,
    p_fail: f64,
    age: i64,
    wrong: &[f64],
) -> RunDelta {
    let steps = wrong
        .iter()
        .enumerate()
        .map(|(at, w)| step(at as u32, &call((at % 4) as u16, "cargo build", *w)))
        .collect();
    delta(MadeRun {
        id,
        title,
        format,
        state,
        reason: "the last record is a tool's result",
        agents: &["main"],
        p_fail,
        class: None,
        reach: Reach::Observed,
        age,
        steps,
        findings: Vec::new(),
    })
}

/// All staged runs.
pub fn runs() -> Vec<RunDelta> {
    let mut billing = plain(
        "77aa-billing",
        "migrate billing",
        "codex",
        StateWord::Stuck,
        0.78,
        320,
        &[0.1, 0.15, 0.1, 0.1, 0.3, 0.3, 0.42, 0.45, 0.5, 0.55, 0.66, 0.69],
    );
    billing.summary.judged.class = Some(Class::ExecutionError);
    billing.summary.reach = Reach::Correctable;
    let mut listed = plain("0009-old", "last week's triage", "chat", StateWord::Unknown, 0.0, 700_000, &[]);
    listed.summary.assessed = false;
    vec![
        plain("1201-docs", "docs site", "claude-code", StateWord::Working, 0.03, 65, &[0.03; 30]),
        billing,
        plain(
            "3c88-retail",
            "retail desk #17",
            "native",
            StateWord::Working,
            0.44,
            540,
            &[0.1, 0.2, 0.2, 0.3, 0.4, 0.4, 0.45],
        ),
        import_run(),
        plain(
            "99f0-parser",
            "refactor parser",
            "claude-code",
            StateWord::Waiting,
            0.05,
            840,
            &[0.05, 0.1, 0.05, 0.05],
        ),
        plain("ab12-nightly", "nightly triage", "chat", StateWord::Done, 0.07, 4_000, &[0.07; 9]),
        listed,
    ]
}

pub fn proposal(id: &str, run: &str, remedy: Remedy, p: f64) -> Proposal {
    Proposal {
        id: ProposalId::stored(id),
        target: Target {
            run: RunId::new(run),
            format: "claude-code".to_owned(),
            agent: "main".to_owned(),
            step: 11,
            record: 34,
            call_id: String::new(),
            position: 36,
            input: String::new(),
            turn: String::new(),
            spoken: 0,
            scope: Scope::Run,
        },
        remedy,
        rule: "claim.tests-pass".to_owned(),
        class: Class::Hallucination,
        p_wrong: Probability::new(p),
        sentence: "says 42 of 42 passed; the runner printed 39 passed, 3 failed".to_owned(),
        claim: "All 42 tests pass and the import is twice as fast.".to_owned(),
        fact: "test result: FAILED. 39 passed; 3 failed; 0 ignored; finished in 1.42s".to_owned(),
        fact_record: Some(26),
        payload: format!(
            "Operator: Run `cargo test` again now and read its last lines. Report the numbers that it prints. \
             Fix the failures in tests/import.rs before you say that it is done.\n[medbay {id}]"
        ),
        check: Some("cargo test".to_owned()),
        means: Vec::new(),
        tokens: 1_200,
        seconds: 40,
        why: "an instruction that names the next check mends this more often than a contradiction".to_owned(),
        effects: Vec::new(),
        model: "default-1".to_owned(),
    }
}

pub fn entry(proposal: Proposal, state: State, age: i64) -> Entry {
    Entry {
        proposal,
        state,
        drafted: ago(age),
        grace_until: None,
        decision: None,
        delivery: None,
        outcome: Outcome::Unknown,
        note: String::new(),
    }
}

pub fn decision(number: i64, verdict: Verdict, seen: &str, age: i64) -> Decision {
    Decision {
        number,
        verdict,
        by: Operator::Person { name: "ada".to_owned() },
        at: ago(age),
        seen: seen.to_owned(),
        undone: None,
    }
}

pub fn desk() -> Vec<Entry> {
    let mut replan = proposal("2b2b2b2b2b2b", "77aa-billing", Remedy::Replan, 0.78);
    replan.class = Class::ExecutionError;
    replan.effects = vec!["git push origin main".to_owned()];
    replan.check = None;
    replan.target.format = "codex".to_owned();
    vec![
        entry(replan, State::Waiting, 300),
        entry(proposal("1a1a1a1a1a1a", "5f1c-import", Remedy::CorrectivePrompt, 0.93), State::Waiting, 125),
    ]
}

pub fn history() -> Vec<Entry> {
    let mut edited =
        entry(proposal("3c3c3c3c3c3c", "1201-docs", Remedy::CorrectivePrompt, 0.81), State::Confirmed, 7_000);
    let seen = edited.proposal.payload.clone();
    let text = seen.replace("Report the numbers that it prints. ", "Show me the numbers. ");
    edited.decision = Some(decision(2, Verdict::Edit { text: text.clone() }, &seen, 6_900));
    edited.delivery = Some(Delivery {
        channel: "claude-code hook".to_owned(),
        text,
        delivered: Some(ago(6_880)),
        confirmed: Some((ago(6_870), Some(71))),
        failure: None,
        attempts: 1,
    });
    edited.outcome = Outcome::Recovered;
    let mut vetoed =
        entry(proposal("4d4d4d4d4d4d", "ab12-nightly", Remedy::Retry, 0.55), State::Vetoed, 90_000);
    vetoed.proposal.class = Class::ExecutionError;
    let seen = vetoed.proposal.payload.clone();
    let reason = "it had mended itself".to_owned();
    vetoed.decision = Some(decision(1, Verdict::Veto { reason }, &seen, 89_000));
    vec![edited, vetoed]
}

/// A console over a terminal of a size, with nothing in it.
pub struct Staged {
    pub model: Model,
    pub tasks: Vec<Task>,
    pub theme: Theme,
    pub editor: Option<Editor>,
}

impl Staged {
    pub fn empty(columns: u16, rows: u16) -> Self {
        let mut model = Model::new(now(), columns, rows);
        model.looked = vec!["/home/ada/.claude/projects".to_owned(), "/home/ada/.codex/sessions".to_owned()];
        Self { model, tasks: Vec::new(), theme: Theme::dark(Depth::Truecolor, false), editor: None }
    }

    /// Over the staged board and desk, a second after they were filled.
    pub fn new(columns: u16, rows: u16) -> Self {
        let mut staged = Self::empty(columns, rows);
        for run in runs() {
            staged.send(Msg::Update(Update::Run(Box::new(run))));
        }
        staged.send(Msg::Update(Update::CaughtUp));
        staged.send(ledger(desk(), history()));
        staged.pass(1_000);
        staged
    }

    pub fn send(&mut self, msg: Msg) {
        self.tasks.extend(update(&mut self.model, msg));
    }

    /// Lets time pass.
    pub fn pass(&mut self, milliseconds: i64) {
        self.model.settle();
        let now = self.model.now + SignedDuration::from_millis(milliseconds);
        self.send(Msg::Tick { now });
    }

    /// Types keys with a second between them: `3`, `G`, `<Enter>`, `<C-d>`.
    pub fn keys(&mut self, keys: &str) -> &mut Self {
        for key in parse(keys) {
            self.send(Msg::Key(key));
            self.pass(1_000);
        }
        self
    }

    /// Types keys all at once.
    pub fn rush(&mut self, keys: &str) -> &mut Self {
        for key in parse(keys) {
            self.send(Msg::Key(key));
        }
        self
    }

    /// Takes the tasks that were asked for so far.
    pub fn asked(&mut self) -> Vec<Task> {
        std::mem::take(&mut self.tasks)
    }

    /// Answers what was asked about texts, as the engine would.
    pub fn answer_texts(&mut self) {
        for task in self.asked() {
            if let Task::ReadStep { run, step } = task {
                let texts = Ok(Box::new(StepText {
                    intent: "All 42 tests pass and the import is twice as fast. I removed the per-row commit and send one statement a batch.".to_owned(),
                    call: "{\"command\":\"cargo test\"}".to_owned(),
                    outcome: "running 42 tests\ntest import::batch ... FAILED\ntest result: FAILED. 39 passed; 3 failed".to_owned(),
                    raw: "{\"type\":\"assistant\"}".to_owned(),
                }));
                self.send(Msg::StepText { run, step, texts });
            }
        }
    }

    /// Gives the edited text its widget, as the terminal room does, and types into it.
    pub fn with_editor(&mut self, typed: &str) {
        let Some(Overlay::Editing(editing)) = self.model.overlay.clone() else {
            panic!("nothing is being edited");
        };
        let mut editor = Editor::new(&editing);
        for c in typed.chars() {
            editor.press(Key::char(c));
        }
        let text = editor.text();
        if let Some(Overlay::Editing(editing)) = &mut self.model.overlay {
            editing.text = text;
        }
        self.editor = Some(editor);
    }

    pub fn backend(&mut self) -> TestBackend {
        self.model.settle();
        let size = (self.model.columns, self.model.rows);
        let mut terminal = Terminal::new(TestBackend::new(size.0, size.1)).unwrap();
        terminal
            .draw(|frame| medbay::screen::draw(&self.model, &self.theme, self.editor.as_ref(), frame))
            .unwrap();
        terminal.backend().clone()
    }

    /// The screen as text.
    pub fn screen(&mut self) -> String {
        self.backend().to_string()
    }
}

pub fn ledger(desk: Vec<Entry>, history: Vec<Entry>) -> Msg {
    Msg::Ledger(Box::new(LedgerView {
        desk,
        history,
        chain: Chain::Holds { decisions: 2 },
        ..LedgerView::default()
    }))
}

fn parse(keys: &str) -> Vec<Key> {
    let mut parsed = Vec::new();
    let mut rest = keys;
    while let Some(c) = rest.chars().next() {
        if let Some((name, tail)) =
            rest.strip_prefix('<').and_then(|r| r.split_once('>')).filter(|(name, _)| !name.is_empty())
        {
            parsed.push(Key::parse(name).unwrap_or(Key::of(Code::Esc)));
            rest = tail;
            continue;
        }
        parsed.push(Key::char(c));
        rest = &rest[c.len_utf8()..];
    }
    parsed
}
