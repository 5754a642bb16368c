//! Every adapter over the files that it claims, and over what no format has seen.
//!
//! The corpus lies beside the project; where it is absent, its tests say so and pass.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

use std::path::{Path, PathBuf};

use medbay::format::{self, Format, Identity};
use medbay::source::Splitter;
use medbay::source::opencode::Mirror;
use medbay::trace::{Event, EventKind, RunId, Status};
use proptest::prelude::*;

/// File, format, records, events, unknown among them.
#[rustfmt::skip]
const FILES: &[(&str, &str, usize, usize, usize)] = &[
    ("formats/claude-code/agent-sessions__small_schema_coverage.jsonl", "claude-code", 89, 101, 0),
    ("formats/claude-code/ccusage__alpha.jsonl", "claude-code", 3, 8, 0),
    ("formats/claude-code/claude-code-log__edge_cases.jsonl", "claude-code", 19, 30, 6),
    ("formats/claude-code/claude-code-log__representative_messages.jsonl", "claude-code", 12, 20, 0),
    ("formats/claude-code/claude-code-log__session_b.jsonl", "claude-code", 3, 7, 0),
    ("formats/claude-code/claude-code-transcripts__sample_session.jsonl", "claude-code", 8, 10, 0),
    ("formats/claude-code/claude-code-viewer__agent-test-hash-123.jsonl", "claude-code", 2, 6, 0),
    ("formats/claude-code/claude-code-viewer__fe5e1c67-53e7-4862-81ae-d0e013e3270b.jsonl", "claude-code", 438, 649, 0),
    ("formats/claude-code/own__duplicate_uuid_and_split_message.jsonl", "claude-code", 5, 10, 0),
    ("formats/claude-code/own__garbage_line_in_middle.jsonl", "claude-code", 4, 6, 2),
    ("formats/claude-code/own__truncated_last_line.jsonl", "claude-code", 3, 7, 1),
    ("formats/claude-code/subagent_layout/0a1b2c3d-4e5f-4061-8071-2a3b4c5d6e7f/subagents/agent-a0ad4f44468bdf20d.jsonl", "claude-code", 4, 7, 0),
    ("formats/claude-code/subagent_layout/0a1b2c3d-4e5f-4061-8071-2a3b4c5d6e7f.jsonl", "claude-code", 3, 6, 0),
    ("formats/codex/agent-sessions__codex_050_legacy.jsonl", "codex", 5, 7, 0),
    ("formats/codex/agent-sessions__codex_051_usage.jsonl", "codex", 3, 7, 0),
    ("formats/codex/agent-sessions__codex_053_rate_limit.jsonl", "codex", 5, 7, 0),
    ("formats/codex/agent-sessions__schema_coverage_0.146.jsonl", "codex", 118, 125, 0),
    ("formats/codex/agent-sessions__session_toolcall.jsonl", "chat", 4, 5, 0),
    ("formats/codex/agentsview__fc_args_1.jsonl", "codex", 3, 4, 0),
    ("formats/codex/agentsview__fc_stdin.jsonl", "codex", 3, 4, 0),
    ("formats/codex/agentsview__function_calls.jsonl", "codex", 4, 5, 0),
    ("formats/codex/ccusage__session-alpha.jsonl", "codex", 3, 4, 0),
    ("formats/codex/codexbar__fork_child.jsonl", "codex", 198, 198, 0),
    ("formats/codex/codexbar__fork_parent.jsonl", "codex", 182, 182, 0),
    ("real-clients/claude/clean/transcript/772d6a6b-434b-411f-af9f-97af03b25ea6.jsonl", "claude-code", 44, 51, 0),
    ("real-clients/claude/compaction/transcript/f532a017-f710-4b27-9aa5-64e532eac023.jsonl", "claude-code", 63, 70, 0),
    ("real-clients/claude/corrected-stop/transcript/b3841140-5ed2-40cf-9d18-ff657af17848.jsonl", "claude-code", 50, 59, 0),
    ("real-clients/claude/false-pass/transcript/d44a6a7b-da6b-42b5-b167-e33e96ab1ba7.jsonl", "claude-code", 40, 47, 0),
    ("real-clients/claude/hook-experiments/post-context.jsonl", "claude-code", 42, 49, 0),
    ("real-clients/claude/hook-experiments/post-output.jsonl", "claude-code", 40, 47, 0),
    ("real-clients/claude/hook-experiments/pre-deny.jsonl", "claude-code", 37, 45, 0),
    ("real-clients/claude/hook-experiments/pre-halt.jsonl", "claude-code", 38, 44, 0),
    ("real-clients/claude/hook-experiments/pre-rewrite.jsonl", "claude-code", 41, 48, 0),
    ("real-clients/claude/hook-experiments/stop-context.jsonl", "claude-code", 45, 53, 0),
    ("real-clients/claude/permission-denied-by-hook/transcript/e4681c1b-4790-44eb-9853-506a8ca2bb53.jsonl", "claude-code", 43, 50, 0),
    ("real-clients/claude/retry-loop/transcript/d4437d77-8c83-4251-9bb1-4203fc333092.jsonl", "claude-code", 51, 61, 0),
    ("real-clients/claude/slow/transcript/c8f1fca1-14f9-4aff-b4db-d89ff33c6580.jsonl", "claude-code", 39, 46, 0),
    ("real-clients/claude/subagent-false/transcript/1492dda1-ae6f-402d-8cba-8a9b6e051fbf/subagents/agent-a830a88ec29f829e3.jsonl", "claude-code", 21, 26, 0),
    ("real-clients/claude/subagent-false/transcript/1492dda1-ae6f-402d-8cba-8a9b6e051fbf.jsonl", "claude-code", 32, 39, 0),
    ("real-clients/claude/typed-mid-turn/transcript/a0b88719-e7e7-477d-99c7-acb83c0626aa.jsonl", "claude-code", 52, 59, 0),
    ("real-clients/codex/clean/transcript/rollout-2026-11-24T07-53-03-01a20c8b-464f-7873-ae7e-b52eb795a8c1.jsonl", "codex", 42, 48, 0),
    ("real-clients/codex/compaction/transcript/rollout-2026-11-24T07-53-31-01a20c8b-b3c1-7731-ae77-ef0acf2e573d.jsonl", "codex", 49, 54, 0),
    ("real-clients/codex/corrected-stop/transcript/rollout-2026-11-24T07-53-38-01a20c8b-cc67-75f2-91c3-f570a754a7e0.jsonl", "codex", 52, 58, 0),
    ("real-clients/codex/false-pass/transcript/rollout-2026-11-24T07-53-05-01a20c8b-4d0e-7f52-96ef-8a42ceabe9ed.jsonl", "codex", 39, 44, 0),
    ("real-clients/codex/hook-experiments/post-block.jsonl", "codex", 39, 44, 0),
    ("real-clients/codex/hook-experiments/post-context.jsonl", "codex", 41, 46, 0),
    ("real-clients/codex/hook-experiments/pre-deny.jsonl", "codex", 38, 44, 0),
    ("real-clients/codex/hook-experiments/pre-rewrite.jsonl", "codex", 39, 44, 0),
    ("real-clients/codex/hook-experiments/stop-block.jsonl", "codex", 45, 50, 0),
    ("real-clients/codex/plan-drift/transcript/rollout-2026-11-24T07-53-30-01a20c8b-adba-7b42-beca-3c9973d4d20f.jsonl", "codex", 44, 50, 0),
    ("real-clients/codex/retry-loop/transcript/rollout-2026-11-24T07-53-07-01a20c8b-52e0-7723-9b2e-12a7109d5a02.jsonl", "codex", 60, 68, 0),
    ("real-clients/codex/slow/transcript/rollout-2026-11-24T07-48-36-01a20c87-3376-74d2-a7c2-a00dd7bbb3ad.jsonl", "codex", 39, 44, 0),
    ("real-clients/codex/subagent-false/transcript/rollout-2026-11-24T07-53-08-01a20c8b-59e9-7423-865f-695ede054b51.jsonl", "codex", 43, 45, 0),
    ("real-clients/codex/subagent-false/transcript/rollout-2026-11-24T07-53-09-01a20c8b-5a85-7660-a0af-4a643a9af093.jsonl", "codex", 30, 32, 0),
    ("real-clients/codex/typed-mid-turn/transcript/rollout-2026-11-24T07-51-46-01a20c8a-19a2-7730-8156-7f6aa442b84d.jsonl", "codex", 34, 38, 0),
    ("real-clients/codex-classic/clean/transcript/rollout-2026-11-24T07-53-43-01a20c8b-dff4-7612-9197-3b6eaaa2ce7a.jsonl", "codex", 40, 42, 0),
    ("real-clients/codex-classic/corrected-stop/transcript/rollout-2026-11-24T07-53-46-01a20c8b-ed0a-7062-9ada-70ffff64ce7d.jsonl", "codex", 48, 50, 0),
    ("real-clients/codex-classic/false-pass/transcript/rollout-2026-11-24T07-53-41-01a20c8b-da5b-7d51-a4b4-3be710982c13.jsonl", "codex", 35, 37, 0),
    ("real-clients/codex-classic/hook-experiments/post-block.jsonl", "codex", 35, 39, 0),
    ("real-clients/codex-classic/hook-experiments/post-context.jsonl", "codex", 37, 39, 0),
    ("real-clients/codex-classic/hook-experiments/pre-rewrite.jsonl", "codex", 35, 37, 0),
];

/// Data set of chats, runs, records, events, unknown among them.
#[rustfmt::skip]
const CHATS: &[(&str, usize, usize, usize, usize)] = &[
    ("agenterrorbench_gaia", 25, 764, 1123, 0),
    ("agentrx_magentic", 26, 1122, 1640, 0),
    ("agentrx_tau_retail", 51, 1512, 1524, 0),
    ("reflexion_hotpot_react", 50, 536, 536, 0),
    ("tau_airline_gpt4o", 100, 2816, 2860, 0),
    ("whowhen_ag", 64, 551, 751, 0),
    ("whowhen_hc", 33, 1686, 2460, 0),
];

fn corpus() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    if path.is_dir() {
        return Some(path);
    }
    println!("skipped: {} is not there", path.display());
    None
}

fn files(under: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![under.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|end| end == "jsonl") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// A source as the program meets it: its records, its format, whose it is.
struct Source {
    bytes: Vec<u8>,
    path: PathBuf,
}

impl Source {
    fn open(path: PathBuf) -> Self {
        let bytes = std::fs::read(&path).unwrap();
        Self { bytes, path }
    }

    fn records(&self) -> Vec<&[u8]> {
        let lines = self.bytes.split(|byte| *byte == b'\n');
        lines.filter(|line| !line.is_empty()).collect()
    }

    fn head(&self) -> Vec<&[u8]> {
        let mut size = 0;
        let records = self.records().into_iter();
        records
            .take_while(|record| {
                size += record.len() + 1;
                size <= 64 * 1024
            })
            .collect()
    }

    fn format(&self) -> Option<&'static dyn Format> {
        format::sniff(&self.head())
    }

    fn identity(&self, format: &dyn Format) -> Identity {
        let beside = std::fs::read(self.path.with_extension("meta.json")).ok();
        format.identify(&self.path.to_string_lossy(), &self.head(), beside.as_deref())
    }

    /// Reads all records, handing each event over with the number of its record.
    fn read(&self, format: &dyn Format, mut each: impl FnMut(usize, &Event<'_>)) {
        let mut reader = format.reader(&self.identity(format));
        for (at, record) in self.records().into_iter().enumerate() {
            let mut any = false;
            reader.read(record, &mut |event| {
                any = true;
                each(at, &event);
            });
            assert!(any, "{} record {at} has no event", self.path.display());
        }
    }
}

/// Events, and the kinds of the unknown ones.
fn count(source: &Source, format: &dyn Format) -> (usize, Vec<String>) {
    let mut events = 0;
    let mut unknown = Vec::new();
    source.read(format, |_, event| {
        events += 1;
        if let EventKind::Unknown { kind } = &event.kind {
            unknown.push(kind.to_string());
        }
    });
    (events, unknown)
}

#[test]
fn every_file_gives_the_events_it_is_known_to_give() {
    let Some(corpus) = corpus() else { return };
    let mut wrong = Vec::new();
    for &(name, format, records, events, unknown) in FILES {
        let source = Source::open(corpus.join(name));
        let Some(own) = source.format() else {
            wrong.push(format!("{name}: claimed by nobody"));
            continue;
        };
        let (seen, kinds) = count(&source, own);
        let got = (own.name(), source.records().len(), seen, kinds.len());
        if got != (format, records, events, unknown) {
            wrong.push(format!("{name}: {got:?} {kinds:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_real_clients_write_is_understood() {
    let Some(corpus) = corpus() else { return };
    let mut read = 0;
    for client in ["claude", "codex", "codex-classic", "gemini"] {
        for path in files(&corpus.join("real-clients").join(client)) {
            let source = Source::open(path);
            let Some(format) = source.format() else {
                continue;
            };
            let (_, unknown) = count(&source, format);
            assert!(unknown.is_empty(), "{}: {unknown:?}", source.path.display());
            read += 1;
        }
    }
    assert!(read >= 40, "{read}");
}

#[test]
fn documents_are_cut_into_their_messages() {
    let Some(corpus) = corpus() else { return };
    // File, records, calls, results.
    for (name, records, calls, results) in [
        ("gemini__agent-sessions_large.json", 7, 2, 2),
        ("gemini__agentsview_standard_session.json", 4, 0, 0),
        ("gemini__agentsview_tool_calls.json", 2, 1, 1),
    ] {
        let bytes = std::fs::read(corpus.join("formats/gemini-qwen").join(name)).unwrap();
        let mut cut: Vec<Vec<u8>> = Vec::new();
        let mut splitter = Splitter::new(0);
        splitter.push(&bytes, |_, record| cut.push(record.to_vec()));
        assert!(!splitter.finish(|_, _| {}), "{name}");
        let head: Vec<&[u8]> = cut.iter().map(Vec::as_slice).collect();
        let format = format::sniff(&head).unwrap();
        assert_eq!((format.name(), cut.len()), ("gemini", records), "{name}");
        let mut reader = format.reader(&identity(None));
        let (mut asked, mut came) = (0, 0);
        for record in &cut {
            reader.read(record, &mut |event| match event.kind {
                EventKind::Call { .. } => asked += 1,
                EventKind::Result { .. } => came += 1,
                EventKind::Unknown { kind } => panic!("{name}: {kind}"),
                _ => {}
            });
        }
        assert_eq!((asked, came), (calls, results), "{name}");
    }
}

#[test]
fn opencodes_store_is_copied_and_understood() {
    let Some(corpus) = corpus() else { return };
    let mut seen = 0;
    for entry in std::fs::read_dir(corpus.join("real-clients/opencode")).unwrap() {
        let run = entry.unwrap().path();
        let transcript = run.join("transcript");
        if !transcript.join("opencode.db").is_file() {
            continue;
        }
        // A store with a log of its own is written to by whoever opens it.
        let folder = tempfile::tempdir().unwrap();
        for file in std::fs::read_dir(&transcript).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), folder.path().join(file.file_name())).unwrap();
        }
        let into = folder.path().join("copy");
        let store = folder.path().join("opencode.db");
        Mirror::once(&store, &into).unwrap();
        let copied = |into: &Path| -> Vec<Vec<u8>> {
            files(into).iter().map(|path| std::fs::read(path).unwrap()).collect()
        };
        let first = copied(&into);
        Mirror::once(&store, &into).unwrap();
        assert_eq!(copied(&into), first, "{}: what is there is not copied again", run.display());
        let (mut results, mut messages, mut agents) = (Vec::new(), 0, 0);
        for path in files(&into) {
            let source = Source::open(path);
            let format = source.format().unwrap();
            assert_eq!(format.name(), "opencode");
            agents += usize::from(source.identity(format).agent.is_some());
            source.read(format, |_, event| match &event.kind {
                EventKind::Unknown { kind } => panic!("{}: {kind}", run.display()),
                EventKind::Result { status, exit_code, .. } => results.push((*status, *exit_code)),
                EventKind::Message { .. } => messages += 1,
                _ => {}
            });
        }
        assert!(messages >= 2 && !results.is_empty(), "{}", run.display());
        let name = run.file_name().unwrap().to_string_lossy().into_owned();
        assert_eq!(agents, usize::from(name == "subagent-false"), "{name}");
        if name == "retry-loop" {
            assert_eq!(results, vec![(Status::Error, Some(1)); 6]);
        }
        seen += 1;
    }
    assert!(seen >= 5, "{seen}");
}

#[test]
fn every_chat_gives_the_events_it_is_known_to_give() {
    let Some(corpus) = corpus() else { return };
    let mut wrong = Vec::new();
    for &(name, runs, records, events, unknown) in CHATS {
        let mut got = (0, 0, 0, 0);
        for path in files(&corpus.join(name).join("runs")) {
            let source = Source::open(path);
            let format = source.format().unwrap();
            assert_eq!(format.name(), "chat", "{}", source.path.display());
            let (seen, kinds) = count(&source, format);
            got = (got.0 + 1, got.1 + source.records().len(), got.2 + seen, got.3 + kinds.len());
        }
        if got != (runs, records, events, unknown) {
            wrong.push(format!("{name}: {got:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_record_that_a_label_points_at_is_an_act() {
    #[derive(serde::Deserialize)]
    struct Label {
        run_file: String,
        errors: Vec<Fault>,
    }
    #[derive(serde::Deserialize)]
    struct Fault {
        step: Option<usize>,
        agent: Option<String>,
    }
    let Some(corpus) = corpus() else { return };
    let (mut acts, mut named) = (0, 0);
    for (name, ..) in CHATS {
        let labels = std::fs::read_to_string(corpus.join(name).join("labels.jsonl")).unwrap();
        for label in labels.lines() {
            let label: Label = serde_json::from_str(label).unwrap();
            let source = Source::open(corpus.join(name).join(&label.run_file));
            let mut acted = Vec::new();
            source.read(source.format().unwrap(), |at, event| {
                if matches!(event.kind, EventKind::Message { .. } | EventKind::Call { .. }) {
                    acted.push((at, event.agent.as_deref().unwrap_or("main").to_owned()));
                }
            });
            for fault in label.errors {
                // A few labels blame what the user said.
                let (Some(step), Some(agent)) = (fault.step, fault.agent) else {
                    continue;
                };
                if agent == "user" {
                    continue;
                }
                let act = acted.iter().find(|(at, _)| *at == step);
                let (_, by) = act.unwrap_or_else(|| panic!("{} {step}", label.run_file));
                acts += 1;
                named += usize::from(by.eq_ignore_ascii_case(&agent));
            }
        }
    }
    assert!(acts > 200, "{acts}");
    // Labels are people's: some name an agent other than the one that acted at the step.
    assert!(named * 10 >= acts * 9, "{named} of {acts}");
}

#[test]
fn what_is_no_run_is_claimed_by_nobody() {
    let Some(corpus) = corpus() else { return };
    let mut seen = 0;
    for path in files(&corpus) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !matches!(
            &*name,
            "labels.jsonl"
                | "tasks.jsonl"
                | "hooks.jsonl"
                | "model.jsonl"
                | "stdout.jsonl"
                | "growth.jsonl"
                | "records.jsonl"
        ) {
            continue;
        }
        let source = Source::open(path);
        let claim = source.format().map(Format::name);
        assert_eq!(claim, None, "{}", source.path.display());
        seen += 1;
    }
    assert!(seen > 50, "{seen}");
}

#[test]
fn no_reader_is_upset_by_another_formats_files() {
    let Some(corpus) = corpus() else { return };
    for folder in ["formats", "real-clients"] {
        for path in files(&corpus.join(folder)) {
            let source = Source::open(path);
            for format in format::ALL.iter() {
                source.read(*format, |_, _| {});
            }
        }
    }
}

/// Added tokens, the last totals, and the total cost.
fn usage(source: &Source, format: &dyn Format) -> ([u64; 3], Option<[u64; 3]>) {
    let mut added = [0; 3];
    let mut total = None;
    source.read(format, |_, event| {
        if let EventKind::Usage(usage) = event.kind {
            let now = [usage.input, usage.cached, usage.output];
            if usage.cumulative {
                total = Some(now);
            } else {
                for (sum, now) in added.iter_mut().zip(now) {
                    *sum += now;
                }
            }
        }
    });
    (added, total)
}

#[test]
fn added_tokens_agree_with_the_programs_own_totals() {
    let Some(corpus) = corpus() else { return };
    let mut compared = 0;
    for path in files(&corpus.join("real-clients/claude")) {
        // The totals of these count helpers whose records are elsewhere or nowhere.
        let name = path.to_string_lossy().into_owned();
        if name.contains("subagent") || name.contains("compaction") {
            continue;
        }
        let source = Source::open(path);
        let Some(format) = source.format() else {
            continue;
        };
        if let (added, Some(total)) = usage(&source, format) {
            assert_eq!(added, total, "{name}");
            compared += 1;
        }
    }
    assert!(compared > 8, "{compared}");
}

/// Status and exit code of each result, and the receipts.
type Outcomes = (Vec<(Status, Option<i32>)>, Vec<String>);

fn outcomes(name: &str) -> Option<Outcomes> {
    let source = Source::open(corpus()?.join("real-clients").join(name));
    let mut results = Vec::new();
    let mut receipts = Vec::new();
    source.read(source.format().unwrap(), |_, event| match &event.kind {
        EventKind::Result { status, exit_code, .. } => results.push((*status, *exit_code)),
        EventKind::Receipt { text } => receipts.push(text.to_string()),
        _ => {}
    });
    Some((results, receipts))
}

#[test]
fn hooks_leave_their_marks_and_results_their_codes() {
    let ok = (Status::Ok, Some(0));
    let failed = (Status::Error, Some(3));
    let edited = (Status::Ok, None);
    let denied = (Status::Denied, None);
    let mark = vec!["Operator: MARK".to_owned()];
    let marks = vec!["Operator: MARK".to_owned(); 2];
    let none = Vec::new();
    let expected = [
        ("claude/hook-experiments/post-context.jsonl", vec![ok, failed, edited], &mark),
        ("claude/hook-experiments/stop-context.jsonl", vec![ok, failed, edited], &mark),
        ("claude/hook-experiments/pre-deny.jsonl", vec![ok, failed, denied], &mark),
        ("claude/hook-experiments/pre-rewrite.jsonl", vec![ok, ok, edited], &none),
        ("codex/hook-experiments/post-block.jsonl", vec![ok, failed, edited], &marks),
        ("codex/hook-experiments/post-context.jsonl", vec![ok, failed, edited], &mark),
        ("codex/hook-experiments/pre-deny.jsonl", vec![ok, failed, denied], &mark),
        ("codex/hook-experiments/stop-block.jsonl", vec![ok, failed, edited], &mark),
        ("codex-classic/hook-experiments/post-block.jsonl", vec![ok, failed, ok], &marks),
        ("codex-classic/hook-experiments/post-context.jsonl", vec![ok, failed, ok], &mark),
        ("codex-classic/hook-experiments/pre-rewrite.jsonl", vec![ok, ok, ok], &none),
        // Its log has no code where it is 0.
        ("gemini/hook-experiments/after-context.jsonl", vec![edited, failed, edited], &marks),
        ("gemini/hook-experiments/afteragent-deny.jsonl", vec![edited, failed, edited], &none),
        ("gemini/hook-experiments/before-rewrite.jsonl", vec![edited, edited, edited], &none),
    ];
    for (name, results, receipts) in expected {
        let Some((got, marks)) = outcomes(name) else {
            return;
        };
        assert_eq!(got, results, "{name}");
        assert_eq!(&marks, receipts, "{name}");
    }
}

#[test]
fn the_sample_runs_are_claimed_by_their_formats() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-runs");
    let mut seen = 0;
    for (folder, name) in
        [("native", "medbay"), ("claude-code", "claude-code"), ("codex", "codex"), ("chat", "chat")]
    {
        for path in files(&samples.join(folder)) {
            let source = Source::open(path);
            let format = source.format().unwrap();
            assert_eq!(format.name(), name, "{}", source.path.display());
            let (_, unknown) = count(&source, format);
            // One of them is broken on purpose.
            let messy = source.path.to_string_lossy().contains("helpdesk-bot");
            assert_eq!(!unknown.is_empty(), messy, "{}: {unknown:?}", source.path.display());
            seen += 1;
        }
    }
    assert!(seen >= 8, "{seen}");
}

/// Records to begin from, one of each kind that the readers look into.
#[rustfmt::skip]
const SEEDS: &[&str] = &[
    r#"{"type":"run","medbay":1,"run":"r","agent":"a","tools":[{"name":"t","schema":{}}]}"#,
    r#"{"type":"call","id":"1","tool":"sh","input":{"command":"ls \ud83d"}}"#,
    r#"{"type":"plan","items":[{"text":"a","status":"done"}]}"#,
    r#"{"parentUuid":null,"isSidechain":true,"sessionId":"s","uuid":"u","type":"user","message":{"role":"user","content":"go"}}"#,
    r#"{"sessionId":"s","type":"assistant","message":{"id":"m","role":"assistant","content":[{"type":"text","text":"x"},{"type":"tool_use","id":"t","name":"Task","input":{"prompt":"go","subagent_type":"X"}}],"stop_reason":"tool_use","usage":{"input_tokens":6,"output_tokens":3}}}"#,
    r#"{"sessionId":"s","type":"user","message":{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"PreToolUse:Edit hook error: é no","is_error":true}]},"toolUseResult":{"agentId":"a1","status":"completed"}}"#,
    r#"{"sessionId":"s","type":"attachment","attachment":{"type":"hook_success","toolUseID":"t","stdout":"{\"hookSpecificOutput\":{\"updatedInput\":{}}}"}}"#,
    r#"{"sessionId":"s","type":"system","subtype":"api_error","error":{"message":"x"},"retryAttempt":1,"maxRetries":1}"#,
    r#"{"type":"session_meta","payload":{"id":"a","session_id":"b","source":{"subagent":{"thread_spawn":{"agent_path":"/root/x"}}}}}"#,
    r#"{"type":"response_item","payload":{"type":"custom_tool_call","name":"exec","call_id":"c","input":"text(1)"}}"#,
    r#"{"type":"response_item","payload":{"type":"custom_tool_call_output","call_id":"c","output":[{"type":"input_text","text":"Script error:\nCommand blocked by PreToolUse hook: é. Command: x"}]}}"#,
    r#"{"type":"event_msg","payload":{"type":"item_completed","item":{"type":"FileChange","id":"e","changes":{"a":{"type":"add","content":"x\ny"}},"status":"completed"}}}"#,
    r#"{"type":"event_msg","payload":{"type":"token_count","info":{"last_token_usage":{"input_tokens":1e30},"total_token_usage":{"total_tokens":-1}}}}"#,
    r#"{"sessionId":"s","projectHash":"h","startTime":"2026-11-20T09:00:00Z","kind":"subagent","messages":[{"id":"m"}]}"#,
    r#"{"id":"m","timestamp":"t","type":"gemini","content":"x","toolCalls":[{"id":"c","name":"complete_task","args":{"result":{"response":"é"}},"agentId":"a","status":"success","result":[{"functionResponse":{"id":"c","response":{"output":"Output: é\nExit Code: 99999999999"}}}]}]}"#,
    r#"{"$set":{"messages":[{"id":"n","timestamp":"t","type":"user","content":[{"text":"<hook_context>é</hook_context>"}]}]}}"#,
    r#"{"opencode":{"run":"ses_r"},"info":{"id":"m","sessionID":"ses_s","role":"assistant","error":{"name":"x"}},"parts":[{"id":"p","type":"tool","tool":"task","callID":"c","state":{"status":"completed","input":{"todos":[{}]},"output":"é","metadata":{"exit":1e30,"sessionId":"é"}}},{"type":"step-finish","tokens":{}}]}"#,
    r#"{"role":"assistant","content":"é <action>\ntool: x\nparameters: {}</action>","tool_calls":[{"id":"c","function":{"name":"f","arguments":"{}"}}]}"#,
    r#"{"role":"Orchestrator (-> é)","content":"```python\nx\n```"}"#,
    r#"{"role":"user","name":"Computer_terminal","content":"exitcode: 99999999999999 é"}"#,
    r#"{"type":"action","content":"Search[é"}"#,
];

fn identity(agent: Option<&str>) -> Identity {
    Identity { run: RunId::new("r"), agent: agent.map(str::to_owned), parent_call: None }
}

/// Every reader, as a main agent's and as a sub-agent's, takes the records and tells something of each.
fn survives(records: &[Vec<u8>]) {
    let head: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
    format::sniff(&head);
    for format in format::ALL.iter() {
        format.sniff(&head);
        format.identify("/a/subagents/agent-x.jsonl", &head, head.first().copied());
        format.identify("", &head, None);
        for agent in [None, Some("sub")] {
            let mut reader = format.reader(&identity(agent));
            for record in &head {
                let mut events = 0;
                reader.read(record, &mut |_| events += 1);
                assert!(events > 0, "{}: {record:?}", format.name());
            }
        }
    }
}

fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let change = (0usize..4, any::<prop::sample::Index>(), any::<u8>());
    (prop::sample::select(SEEDS), prop::collection::vec(change, 0..6)).prop_map(|(seed, changes)| {
        let mut record = seed.as_bytes().to_vec();
        for (what, at, byte) in changes {
            let at = at.index(record.len() + 1);
            match what {
                0 => record.truncate(at),
                1 => record.insert(at, byte),
                2 if at < record.len() => record[at] = byte,
                _ if at < record.len() => {
                    record.remove(at);
                }
                _ => {}
            }
        }
        record
    })
}

proptest! {
    #[test]
    fn any_bytes_are_survived(records in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 1..6)) {
        survives(&records);
    }

    #[test]
    fn changed_records_are_survived(records in prop::collection::vec(mutated(), 1..12)) {
        survives(&records);
    }
}

#[test]
fn deep_nesting_is_survived() {
    let deep = format!("{{\"role\":\"user\",\"content\":{}1{}}}", "[".repeat(5000), "]".repeat(5000));
    survives(&[deep.into_bytes()]);
}
