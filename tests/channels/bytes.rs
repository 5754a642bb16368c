//! What is delivered is what was approved, byte for byte, through every channel that there is; or it
//! was refused, with a reason, before anybody could approve it.

use std::fs;
use std::io;

use jiff::Timestamp;
use medbay::deliver::hook::{self, Dialect, Setup};
use medbay::deliver::outbox::Outbox;
use medbay::deliver::spool::Spool;
use medbay::ledger::{Decided, Ledger, LedgerError, Mode, State, Verdict, as_sent};
use medbay::recover::Proposal;
use medbay::trace::RunId;
use serde_json::{Value, json};

use super::http::To;
use super::{command, drafts, entry, is, ledger_in, server, tmux, until};

/// The longest body that fits with `Operator: ` and the tag, in characters.
const FITS: usize = 10_000 - "Operator:  [medbay 123456789abc]".len();

fn texts() -> Vec<String> {
    [
        "plain".to_owned(),
        "naïve 日本語 ✓ 👩‍👩‍👧 e\u{301} \u{1f1e9}\u{1f1ea} ‰ — “quoted”".to_owned(),
        "two\nlines\n\n    indented\r\nand a\ttab".to_owned(),
        r#"it's "quoted" \"twice\" \\ \n \u0041 {"a":[1,null]} </system> & %s %n #{pane_id} -- -x ; :q!"#.to_owned(),
        "$(touch /tmp/medbay-pwned) `id` ${HOME} $HOME ~ * ? ! !! | > /dev/null && false".to_owned(),
        "\u{1b}[31mred\u{1b}[0m \u{1b}]52;c;aGk=\u{7} \u{9b}2J \u{0} \u{8} \u{202e}gnp.exe \u{1b}[201~ \u{3} \u{4}".to_owned(),
        format!("{}.", "x".repeat(FITS - 1)),
        format!("{}é", "ö".repeat(9_999 - "Operator:  [medbay 123456789abc]".len() - 1)),
        "z".repeat(10_001),
        "ß\n".repeat(4_900),
        "   ".to_owned(),
    ]
    .to_vec()
}

/// Approves each text for a run, as drafted or as edited; those that are refused say why. Gives what was
/// approved.
fn approved(ledger: &Ledger, run: &str, format: &str) -> Vec<(Proposal, String)> {
    let mut all = Vec::new();
    for (at, text) in texts().into_iter().enumerate() {
        for edited in [false, true] {
            let mut proposal = drafts::draft(run, &format!("{at} {edited}"));
            proposal.target.format = format.to_owned();
            if !edited {
                proposal.payload = text.clone();
            }
            let refused = match ledger.propose(&proposal, Mode::Suggest, Timestamp::now()) {
                Ok(_) => {
                    let verdict =
                        if edited { Verdict::Edit { text: text.clone() } } else { Verdict::Approve };
                    let (id, now) = (&proposal.id, Timestamp::now());
                    match ledger.decide(id, verdict, drafts::person(), "", now, std::time::Duration::ZERO) {
                        Ok(Decided::Recorded(_)) => None,
                        Err(error) => Some(error),
                        other => panic!("{other:?}"),
                    }
                }
                Err(error) => Some(error),
            };
            match refused {
                None => {
                    let sent = as_sent(&text, &proposal.id).unwrap();
                    assert!(sent.chars().count() <= 10_000);
                    all.push((proposal, sent));
                }
                Some(error @ (LedgerError::TooLong { .. } | LedgerError::Empty)) => {
                    assert!(at == 8 || at == 10, "{at}: {error}");
                    assert!(!error.to_string().is_empty());
                }
                Some(other) => panic!("{other}"),
            }
        }
    }
    assert_eq!(all.len(), 2 * (texts().len() - 2));
    all
}

/// Compares what came with what was approved, and the ledger's own word with both.
#[track_caller]
fn same(ledger: &Ledger, approved: &[(Proposal, String)], came: &[String]) {
    assert_eq!(came.len(), approved.len());
    for ((proposal, sent), came) in approved.iter().zip(came) {
        assert!(came.as_bytes() == sent.as_bytes(), "sent {sent:?}\ncame {came:?}");
        is(ledger, proposal, State::Delivered);
        let delivery = entry(ledger, proposal).delivery.unwrap();
        assert!(delivery.text == *sent);
        assert!(sent.ends_with(&proposal.id.tag()) && !sent.contains('\u{1b}'));
    }
}

#[test]
fn by_hooks() {
    for (dialect, name) in [(Dialect::ClaudeCode, "claude-code"), (Dialect::Codex, "codex")] {
        let directory = tempfile::tempdir().unwrap();
        let ledger = ledger_in(directory.path());
        let all = approved(&ledger, "r", name);
        let input = json!({
            "session_id": "r", "transcript_path": directory.path().join("t.jsonl"), "cwd": "/", "turn_id": "t",
            "hook_event_name": "PostToolUse", "tool_name": "Bash", "tool_use_id": "c",
            "tool_input": {"command": "ls"}, "tool_response": {"stdout": "a"},
        });
        let input = dialect.read(input.to_string().as_bytes()).unwrap();
        let setup = Setup { dialect, ..Setup::default() };
        let mut came = Vec::new();
        for _ in &all {
            let mut say = |line: &str| -> io::Result<()> {
                let answer: Value = serde_json::from_str(line).unwrap();
                came.push(answer["hookSpecificOutput"]["additionalContext"].as_str().unwrap().to_owned());
                Ok(())
            };
            hook::serve(&input, &setup, &ledger, &mut |_| hook::Drafted::default(), &mut say).unwrap();
        }
        same(&ledger, &all, &came);
    }
}

#[test]
fn by_the_spool() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = ledger_in(directory.path());
    let all = approved(&ledger, "r", "medbay");
    let spool = Spool::at(directory.path().join("spool"));
    fs::create_dir_all(spool.of(&RunId::new("r"))).unwrap();
    Outbox::new(spool.clone()).turn(&ledger, Timestamp::now()).unwrap();
    let came: Vec<String> = all
        .iter()
        .map(|(proposal, _)| {
            let file = spool.of(&RunId::new("r")).join(format!("inbox/{}-0-1.json", proposal.id));
            let letter: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
            letter["text"].as_str().unwrap().to_owned()
        })
        .collect();
    same(&ledger, &all, &came);
}

#[test]
fn by_the_socket_and_by_http() {
    let bench = server::Bench::new();
    for to in [bench.socket(), bench.http()] {
        let run = if matches!(to, To::Socket(_)) { "socket" } else { "http" };
        let all = approved(&bench.ledger, run, "medbay");
        let mut after = String::new();
        let mut came = Vec::new();
        for _ in &all {
            let letter = to.ask("GET", &format!("/v1/inbox?run={run}&after={after}"), "").json();
            after = letter["id"].as_str().unwrap().to_owned();
            came.push(letter["text"].as_str().unwrap().to_owned());
        }
        same(&bench.ledger, &all, &came);
    }
}

#[test]
fn by_a_gate() {
    let bench = server::Bench::new();
    let args = |text: &str| json!({ "text": text }).to_string();
    for (at, text) in texts().into_iter().enumerate() {
        // What an operator writes into an action goes out as it was approved, to the digit and escape.
        let body = json!({"action_requests": [{"name": "say", "args": {"text": "?"}}]}).to_string();
        let edited = format!("approve\n{{\"name\":\"say\",\"args\":{}}}", args(&text));
        let target = format!("/v1/gate?run=r&id={at}");
        let ledger = &bench.ledger;
        let answer = std::thread::scope(|scope| {
            let socket = bench.socket();
            let thread = scope.spawn(move || socket.ask("POST", &target, &body));
            let proposal = until("a request", || {
                ledger.desk().unwrap().into_iter().find(|e| e.state == State::Waiting).map(|e| e.proposal)
            });
            let verdict = Verdict::Edit { text: edited.clone() };
            let now = Timestamp::now();
            let came =
                ledger.decide(&proposal.id, verdict, drafts::person(), "", now, std::time::Duration::ZERO);
            if let Err(error) = came {
                assert!(matches!(error, LedgerError::TooLong { .. }), "{error}");
                super::decide(ledger, &proposal, Verdict::Veto { reason: String::new() });
                thread.join().unwrap();
                return None;
            }
            let approved = as_sent(&edited, &proposal.id).unwrap();
            let answer = thread.join().unwrap();
            is(ledger, &proposal, State::Delivered);
            let action = approved.split_once('\n').unwrap().1;
            Some((answer.body, action.strip_suffix(&format!(" {}", proposal.id.tag())).unwrap().to_owned()))
        });
        let Some((body, action)) = answer else {
            assert!(text.chars().count() > 9_000);
            continue;
        };
        assert_eq!(body, format!(r#"{{"decisions":[{{"type":"edit","edited_action":{action}}}]}}"#));
    }
}

#[test]
fn by_a_command() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path();
    let ledger = ledger_in(place);
    let all = approved(&ledger, "r", "chat");
    let program = command::script(place, r#"cat >> "${0%/*}/received""#);
    let carriers = command::carriers(place, &[program.to_str().unwrap()], 30);
    assert_eq!(carriers.turn(&ledger, Timestamp::now()).unwrap().len(), all.len());
    let received = fs::read_to_string(place.join("received")).unwrap();
    let came: Vec<String> = received
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["text"].as_str().unwrap().to_owned())
        .collect();
    same(&ledger, &all, &came);
}

#[test]
fn by_tmux() {
    let Some(pane) = tmux::Pane::open() else { return };
    let ledger = ledger_in(pane.path());
    let all = approved(&ledger, "s1", "claude-code");
    let carriers = pane.carriers("s1");
    for count in 1..=all.len() {
        // The box must be empty again before the next is typed.
        until("typed", || (carriers.turn(&ledger, Timestamp::now()).unwrap().len() == 1).then_some(()));
        until("entered", || (pane.entered().len() == count).then_some(()));
    }
    same(&ledger, &all, &pane.entered());
    assert!(!std::path::Path::new("/tmp/medbay-pwned").exists());
}
