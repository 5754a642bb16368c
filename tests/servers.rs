//! Texts that are handed to agents' own servers: Codex's app server and opencode's, played here by
//! scripted ones, which say no more than the real ones were seen to say.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod drafts;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use drafts::{approve, draft, person};
use jiff::Timestamp;
use medbay::deliver::codex_app::CodexApp;
use medbay::deliver::courier::{Courier, Handing, Parcel, Server};
use medbay::deliver::opencode::Opencode;
use medbay::engine::desk::{Desk, Rules, Said};
use medbay::engine::{Reach, Reached};
use medbay::ledger::{Ledger, Mode, State, Verdict};
use medbay::recover::{Policy, ProposalId};
use medbay::trace::RunId;
use serde_json::{Value, json};
use tungstenite::Message;

const PATIENCE: Duration = Duration::from_secs(30);

/// Looks until it is so; a test that waits in vain fails.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// What a played Codex knows and was told.
#[derive(Default)]
struct Threads {
    loaded: Vec<String>,
    /// The turn under way.
    active: Option<String>,
    /// What the turn becomes once it has been looked at.
    next: Option<Option<String>>,
    /// (turn, text, key): what was put into turns.
    steered: Vec<(String, String, String)>,
    queued: Vec<(String, String)>,
    interrupted: Vec<String>,
    /// Keys of messages that the latest turn holds.
    held: Vec<String>,
}

struct Codex {
    folder: tempfile::TempDir,
    threads: Arc<Mutex<Threads>>,
}

impl Codex {
    fn start(active: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let threads = Arc::new(Mutex::new(Threads {
            loaded: vec!["s1".to_owned()],
            active: active.map(str::to_owned),
            ..Threads::default()
        }));
        let listener = UnixListener::bind(folder.path().join("app.sock")).unwrap();
        let shared = Arc::clone(&threads);
        // It ends with the test's process; nobody connects to it from elsewhere.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let Ok(mut socket) = tungstenite::accept(stream) else { continue };
                while let Ok(Message::Text(said)) = socket.read() {
                    let said: Value = serde_json::from_str(said.as_str()).unwrap();
                    if said.get("id").is_none() {
                        continue;
                    }
                    // Something else comes first, as from the real one.
                    socket
                        .send(Message::text("{\"method\":\"thread/status/changed\",\"params\":{}}"))
                        .unwrap();
                    let answer = answer(&mut shared.lock().unwrap(), &said);
                    socket.send(Message::text(answer.to_string())).unwrap();
                }
            }
        });
        Self { folder, threads }
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("app.sock")
    }

    fn hand(&self, parcel: &Parcel<'_>) -> Handing {
        CodexApp::at(self.socket()).hand(parcel)
    }
}

fn answer(threads: &mut Threads, said: &Value) -> Value {
    let id = said["id"].clone();
    let params = &said["params"];
    let refuse = |why: &str| json!({"id": id, "error": {"code": -32600, "message": why}});
    let of = |name: &str| params[name].as_str().unwrap_or_default().to_owned();
    let text = || params["input"][0]["text"].as_str().unwrap_or_default().to_owned();
    let result = match said["method"].as_str().unwrap() {
        "initialize" => json!({"userAgent": "played"}),
        "thread/loaded/list" => json!({"data": threads.loaded, "nextCursor": null}),
        "thread/turns/list" => {
            let items: Vec<Value> =
                threads.held.iter().map(|key| json!({"type": "userMessage", "clientId": key})).collect();
            let turn =
                |id: &str, status: &str| json!({"id": id, "status": status, "items": items, "error": null});
            let turns = match &threads.active {
                Some(active) => vec![turn(active, "inProgress"), turn("t0", "completed")],
                None => vec![turn("t0", "completed")],
            };
            if let Some(next) = threads.next.take() {
                threads.active = next;
            }
            json!({"data": turns, "nextCursor": null})
        }
        "turn/steer" => match &threads.active {
            None => return refuse("no active turn to steer"),
            Some(active) if *active != of("expectedTurnId") => {
                return refuse(&format!(
                    "expected active turn id `{}` but found `{active}`",
                    of("expectedTurnId")
                ));
            }
            Some(active) => {
                threads.steered.push((active.clone(), text(), of("clientUserMessageId")));
                json!({"turnId": active})
            }
        },
        "turn/interrupt" => {
            threads.interrupted.push(of("turnId"));
            json!({})
        }
        "thread/queue/add" => {
            threads.queued.push((text(), of("clientUserMessageId")));
            json!({"queuedSubmission": {"id": "q"}})
        }
        "thread/queue/list" => {
            let all: Vec<Value> = threads
                .queued
                .iter()
                .map(|(_, key)| json!({"id": "q", "clientUserMessageId": key}))
                .collect();
            json!({"data": all, "nextCursor": null})
        }
        other => return refuse(&format!("unknown method {other}")),
    };
    json!({"id": id, "result": result})
}

fn parcel<'a>(run: &'a RunId, text: &'a str) -> Parcel<'a> {
    Parcel { run, text, key: "k-0-1", tag: "[medbay 0123456789ab]", turn: None, stop: false, again: false }
}

/// Texts that a careless channel would change.
fn texts() -> Vec<String> {
    let mut texts: Vec<String> = [
        "a \"b\" 'c' \\n \\",
        "$(ls) `ls` ${x} %s",
        "ü 語 🙂 e\u{301}",
        "one\ntwo\n\n  three\t",
        "<b>&lt;</b>",
    ]
    .map(str::to_owned)
    .to_vec();
    texts.push("語".repeat(9_999));
    texts.push("x".repeat(10_001));
    texts
}

#[test]
fn a_text_goes_into_the_turn_under_way_byte_for_byte() {
    let run = RunId::new("s1");
    for text in texts() {
        let codex = Codex::start(Some("t1"));
        assert_eq!(codex.hand(&parcel(&run, &text)), Handing::Taken);
        let threads = codex.threads.lock().unwrap();
        assert_eq!(threads.steered, [("t1".to_owned(), text, "k-0-1".to_owned())]);
        assert!(threads.queued.is_empty() && threads.interrupted.is_empty());
    }
}

#[test]
fn a_text_whose_turn_is_over_goes_nowhere() {
    let run = RunId::new("s1");
    for (active, next, turn) in [
        // Over while it was on its way.
        (Some("t1"), Some(None), None),
        // Another turn has begun meanwhile.
        (Some("t1"), Some(Some("t2")), None),
        // Approved for a turn that is over, while another is under way, and while none is.
        (Some("t2"), None, Some("t1")),
        (None, None, Some("t1")),
    ] {
        let codex = Codex::start(active);
        codex.threads.lock().unwrap().next = next.map(|next: Option<&str>| next.map(str::to_owned));
        let handing = codex.hand(&Parcel { turn, ..parcel(&run, "Operator: x") });
        assert_eq!(handing, Handing::Over("the turn that it was for, t1, is over".to_owned()));
        let threads = codex.threads.lock().unwrap();
        assert!(threads.steered.is_empty() && threads.queued.is_empty());
    }
}

#[test]
fn between_turns_it_is_queued_and_a_stop_breaks_its_own_turn_off() {
    let run = RunId::new("s1");
    let codex = Codex::start(None);
    assert_eq!(codex.hand(&parcel(&run, "Operator: x")), Handing::Taken);
    assert_eq!(codex.threads.lock().unwrap().queued, [("Operator: x".to_owned(), "k-0-1".to_owned())]);
    // Whoever cannot say whether it was sent finds it in the queue.
    let again = Parcel { again: true, ..parcel(&run, "Operator: x") };
    assert_eq!(codex.hand(&again), Handing::There);

    let codex = Codex::start(Some("t1"));
    assert_eq!(codex.hand(&Parcel { stop: true, ..parcel(&run, "Operator: stop") }), Handing::Taken);
    let threads = codex.threads.lock().unwrap();
    assert_eq!((threads.steered.len(), threads.interrupted.as_slice()), (1, &["t1".to_owned()][..]));
    drop(threads);

    codex.threads.lock().unwrap().held = vec!["k-0-1".to_owned()];
    assert_eq!(codex.hand(&again), Handing::There);
    assert_eq!(codex.threads.lock().unwrap().steered.len(), 1, "not a second time");
}

#[test]
fn a_server_that_is_none_fails_the_delivery_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunId::new("s1");
    let mut none = CodexApp::at(folder.path().join("none.sock"));
    assert_eq!(none.runs(), Ok(Vec::new()));
    assert!(matches!(none.hand(&parcel(&run, "x")), Handing::Failed(_)));

    let path = folder.path().join("other.sock");
    let listener = UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.write_all(b"\x1b[2Jnot a server\r\n\r\n");
        }
    });
    let Handing::Failed(why) = CodexApp::at(&path).hand(&parcel(&run, "x")) else { panic!() };
    assert!(why.starts_with("Codex's app server did not take it") && !why.contains('\u{1b}'), "{why}");
}

/// A ledger with one approved text.
fn approved(folder: &Path, edit: Option<&str>) -> (PathBuf, ProposalId) {
    let path = folder.join("ledger.db");
    let ledger = Ledger::open(&path).unwrap();
    let p = draft("s1", "c1");
    ledger.propose(&p, Mode::Suggest, Timestamp::now()).unwrap();
    match edit {
        None => drop(approve(&ledger, &p.id, Timestamp::now())),
        Some(text) => {
            let edit = Verdict::Edit { text: text.into() };
            ledger.decide(&p.id, edit, person(), "", Timestamp::now(), Duration::ZERO).unwrap();
        }
    }
    (path, p.id)
}

fn state(path: &Path, id: &ProposalId) -> State {
    Ledger::open(path).unwrap().entry(id).unwrap().state
}

#[test]
fn two_couriers_deliver_one_text_once() {
    let codex = Codex::start(Some("t1"));
    let (path, id) = approved(codex.folder.path(), Some("say \"$(ls)\"\n<ü>"));
    let start = || {
        let servers: Vec<Box<dyn Server>> = vec![Box::new(CodexApp::at(codex.socket()))];
        Courier::start(&path, servers).unwrap().unwrap()
    };
    let couriers = [start(), start()];
    until("it is delivered", || state(&path, &id) == State::Delivered);
    let entry = Ledger::open(&path).unwrap().entry(&id).unwrap();
    let delivery = entry.delivery.unwrap();
    assert_eq!(delivery.channel, "codex app-server");
    drop(couriers);
    let threads = codex.threads.lock().unwrap();
    assert_eq!(threads.steered.len(), 1);
    assert_eq!(threads.steered[0].1, delivery.text);
    assert_eq!(threads.steered[0].1, format!("Operator: say \"$(ls)\"\n<ü> {}", id.tag()));
}

#[test]
fn a_turn_that_ends_first_supersedes_the_text() {
    let codex = Codex::start(Some("t1"));
    codex.threads.lock().unwrap().next = Some(None);
    let (path, id) = approved(codex.folder.path(), None);
    let servers: Vec<Box<dyn Server>> = vec![Box::new(CodexApp::at(codex.socket()))];
    let courier = Courier::start(&path, servers).unwrap().unwrap();
    until("it is superseded", || state(&path, &id) == State::Superseded);
    drop(courier);
    let entry = Ledger::open(&path).unwrap().entry(&id).unwrap();
    assert!(entry.note.contains("is over"), "{}", entry.note);
    let threads = codex.threads.lock().unwrap();
    assert!(threads.steered.is_empty() && threads.queued.is_empty());
}

#[test]
fn a_run_that_a_server_has_is_shown_as_correctable() {
    let codex = Codex::start(None);
    let rules = Rules {
        ledger: codex.folder.path().join("ledger.db"),
        spool: codex.folder.path().join("spool"),
        operator: "ann".into(),
        grace: Duration::ZERO,
        policy: Policy::default(),
        post: medbay::deliver::post::Setup::default(),
        proposer: None,
    };
    let (say, said) = mpsc::channel();
    let servers: Vec<Box<dyn Server>> = vec![Box::new(CodexApp::at(codex.socket()))];
    let desk = Desk::start_with(rules, servers, move |one| drop(say.send(one))).unwrap();
    let correctable = |reach: &[(RunId, Reached)]| {
        reach.iter().any(|(run, reached)| {
            run.as_str() == "s1" && reached.reach == Reach::Correctable && reached.via == "codex app-server"
        })
    };
    loop {
        match said.recv_timeout(PATIENCE).expect("never shown") {
            Said::Ledger { reach, .. } if correctable(&reach) => break,
            _ => {}
        }
    }
    codex.threads.lock().unwrap().loaded.clear();
    loop {
        match said.recv_timeout(PATIENCE).expect("never taken back") {
            Said::Ledger { reach, .. } if !correctable(&reach) => break,
            _ => {}
        }
    }
    drop(desk);
}

/// What a played opencode was asked: method, path, header of authorization, body.
type Asked = Arc<Mutex<Vec<(String, String, String, Value)>>>;

/// A played opencode with the session `s1`; `held` is the text of its latest message.
fn opencode(held: &str) -> (String, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked = Asked::default();
    let shared = Arc::clone(&asked);
    let held = held.to_owned();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut stream = stream;
            let mut first = String::new();
            reader.read_line(&mut first).unwrap();
            let mut words = first.split(' ').map(str::to_owned);
            let (method, path) = (words.next().unwrap(), words.next().unwrap());
            let (mut length, mut pass) = (0, String::new());
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                let Some((name, value)) = line.trim_end().split_once(": ") else { break };
                match name.to_ascii_lowercase().as_str() {
                    "content-length" => length = value.parse().unwrap(),
                    "authorization" => pass = value.to_owned(),
                    _ => {}
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let body = serde_json::from_slice(&body).unwrap_or_default();
            shared.lock().unwrap().push((method, path.clone(), pass, body));
            let (status, answer) = match path.split('?').next().unwrap() {
                "/session" => (200, json!([{"id": "s1"}, {"id": "s2", "parentID": "s1"}]).to_string()),
                "/session/s1/message" => (
                    200,
                    json!([{"info": {"role": "user"}, "parts": [{"type": "text", "text": held}]}])
                        .to_string(),
                ),
                "/session/s1/prompt_async" => (204, String::new()),
                "/session/s1/abort" => (200, "true".to_owned()),
                _ => (404, json!({"name": "NotFoundError", "data": {"message": "\u{1b}[2Jno"}}).to_string()),
            };
            let head = format!(
                "HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
                answer.len()
            );
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(answer.as_bytes()));
        }
    });
    (address, asked)
}

#[test]
fn opencode_is_given_the_text_byte_for_byte() {
    let run = RunId::new("s1");
    let (address, asked) = opencode("");
    let mut server = Opencode::at(&address, Some("se:cret"));
    assert_eq!(server.runs(), Ok(vec![RunId::new("s1")]), "sub-agents' sessions are not spoken to");
    for text in texts() {
        assert_eq!(server.hand(&parcel(&run, &text)), Handing::Taken);
        let asked = asked.lock().unwrap();
        let (method, path, pass, body) = asked.last().unwrap();
        assert_eq!((method.as_str(), path.as_str()), ("POST", "/session/s1/prompt_async"));
        assert_eq!(body["parts"], json!([{"type": "text", "text": text}]));
        assert_eq!(pass, "Basic b3BlbmNvZGU6c2U6Y3JldA==");
    }
}

#[test]
fn opencode_is_not_given_twice_what_it_holds_and_a_stop_comes_first() {
    let run = RunId::new("s1");
    for (held, expected, posts) in
        [("Operator: x [medbay 0123456789ab]", Handing::There, 0), ("else", Handing::Taken, 1)]
    {
        let (address, asked) = opencode(held);
        let mut server = Opencode::at(&address, None);
        assert_eq!(server.hand(&Parcel { again: true, ..parcel(&run, "x") }), expected);
        assert_eq!(asked.lock().unwrap().iter().filter(|(method, ..)| method == "POST").count(), posts);
    }
    let (address, asked) = opencode("");
    let mut server = Opencode::at(&format!("{address}/"), None);
    assert_eq!(server.hand(&Parcel { stop: true, ..parcel(&run, "x") }), Handing::Taken);
    let paths: Vec<String> = asked.lock().unwrap().iter().map(|(_, path, ..)| path.clone()).collect();
    assert_eq!(paths, ["/session/s1/abort", "/session/s1/prompt_async"]);
    assert_eq!(asked.lock().unwrap()[1].3["noReply"], true);

    for name in ["none", "../global/event", "a b"] {
        let Handing::Failed(why) = server.hand(&parcel(&RunId::new(name), "x")) else { panic!() };
        assert!(!why.contains('\u{1b}'), "{why}");
    }
    let mut gone = Opencode::at("http://127.0.0.1:9", None);
    assert!(gone.runs().is_err());
}
