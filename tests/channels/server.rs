//! The server: gates, inboxes, acknowledgements, strangers, and what a kill leaves.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use medbay::deliver::hook::TimedOut;
use medbay::deliver::server::{LEASE, Server, ServerError, Setup};
use medbay::ledger::{GATE, Ledger, Mode, State, Verdict};
use medbay::recover::Proposal;
use medbay::trace::RunId;
use serde_json::json;

use super::http::{self, Answer, To};
use super::{approved, decide, entry, failure, is, ledger_in, until};

pub(crate) fn setup(place: &Path) -> Setup {
    Setup {
        ledger: place.join("ledger.db"),
        socket: Some(place.join("s.sock")),
        port: Some(0),
        token: place.join("token"),
        mode: Mode::Suggest,
        hold: Duration::from_secs(60),
        timed_out: TimedOut::GoOn,
        lease: LEASE,
    }
}

pub(crate) struct Bench {
    place: tempfile::TempDir,
    server: Server,
    pub(crate) ledger: Ledger,
    socket: PathBuf,
}

impl Bench {
    pub(crate) fn with(change: impl FnOnce(&mut Setup)) -> Self {
        let place = tempfile::tempdir().unwrap();
        let mut setup = setup(place.path());
        change(&mut setup);
        let server = Server::start(setup).unwrap();
        Self { ledger: ledger_in(place.path()), socket: place.path().join("s.sock"), server, place }
    }

    pub(crate) fn new() -> Self {
        Self::with(|_| ())
    }

    pub(crate) fn socket(&self) -> To<'_> {
        To::Socket(&self.socket)
    }

    pub(crate) fn http(&self) -> To<'_> {
        let token = fs::read_to_string(self.place.path().join("token")).unwrap();
        To::Http(self.server.address().unwrap(), token)
    }

    /// Asks at the gate on a thread of its own, and waits until the desk has it.
    fn asking(&self, id: &str, body: &str) -> (thread::JoinHandle<std::io::Result<Answer>>, Proposal) {
        let (socket, target, body) =
            (self.socket.clone(), format!("/v1/gate?run=night%20job&id={id}"), body.to_owned());
        let thread = thread::spawn(move || To::Socket(&socket).try_ask("POST", &target, &body));
        (thread, waiting(&self.ledger))
    }
}

fn waiting(ledger: &Ledger) -> Proposal {
    until("a request on the desk", || {
        ledger
            .desk()
            .unwrap()
            .into_iter()
            .find(|entry| entry.state == State::Waiting && entry.proposal.rule == GATE)
            .map(|entry| entry.proposal)
    })
}

fn refund() -> String {
    json!({
        "action_requests": [{"name": "refund", "args": {"order": "A17", "euros": 120}, "description": "Refund it"}],
        "review_configs": [{"action_name": "refund", "allowed_decisions": ["approve", "edit", "reject"]}],
    })
    .to_string()
}

#[test]
fn a_gate_answers_what_the_operator_said() {
    let bench = Bench::new();
    let (thread, proposal) = bench.asking("i1", &refund());
    assert_eq!(proposal.target.run, RunId::new("night job"));
    until("the run is shown as held", || {
        (!bench.ledger.held(Timestamp::now()).unwrap().is_empty()).then_some(())
    });
    decide(&bench.ledger, &proposal, Verdict::Approve);
    let answer = thread.join().unwrap().unwrap();
    assert_eq!(answer.json(), json!({"decisions": [{"type": "approve"}]}));
    assert!(answer.head.contains("medbay-decided-by: person"), "{}", answer.head);
    is(&bench.ledger, &proposal, State::Delivered);
    until("let go", || bench.ledger.held(Timestamp::now()).unwrap().is_empty().then_some(()));
    // Asked again under the same name: the same answer, and nothing new on the desk.
    let again = bench.socket().ask("POST", "/v1/gate?run=night%20job&id=i1", &refund());
    assert_eq!((again.status, again.body), (200, answer.body));
    assert_eq!(bench.ledger.history(9).unwrap().len(), 1);

    let (thread, proposal) = bench.asking("i2", &refund());
    let text = proposal.payload.replace("120", "20");
    decide(&bench.ledger, &proposal, Verdict::Edit { text });
    let answer = thread.join().unwrap().unwrap();
    let edited =
        json!({"type": "edit", "edited_action": {"name": "refund", "args": {"order": "A17", "euros": 20}}});
    assert_eq!(answer.json()["decisions"], json!([edited]));

    let (thread, proposal) = bench.asking("i3", &refund());
    decide(&bench.ledger, &proposal, Verdict::Veto { reason: "not this customer".into() });
    let answer = thread.join().unwrap().unwrap();
    assert_eq!(answer.json()["decisions"], json!([{"type": "reject", "message": "not this customer"}]));
    assert_eq!(entry(&bench.ledger, &proposal).state, State::Vetoed);
}

#[test]
fn an_approval_is_of_one_request_and_goes_out_by_no_other_channel() {
    let bench = Bench::new();
    let (thread, proposal) = bench.asking("i1", &refund());
    // Another request under the same name takes its place.
    let other = refund().replace("A17", "A18");
    let (second, now) = {
        let (socket, body) = (bench.socket.clone(), other.clone());
        let target = "/v1/gate?run=night%20job&id=i1";
        let thread = thread::spawn(move || To::Socket(&socket).try_ask("POST", target, &body));
        is(&bench.ledger, &proposal, State::Superseded);
        (thread, waiting(&bench.ledger))
    };
    assert_eq!(thread.join().unwrap().unwrap().status, 410);
    assert_ne!(now.id, proposal.id);
    decide(&bench.ledger, &now, Verdict::Approve);
    assert_eq!(second.join().unwrap().unwrap().status, 200);

    // Approved while its agent is away: neither a poll nor a hook may carry it.
    let (thread, third) = bench.asking("i9", &refund());
    drop(thread);
    let bench_ledger = &bench.ledger;
    let run = RunId::new("night job");
    assert_eq!(bench_ledger.standing(&run).unwrap().waiting, 0, "it holds no hook");
    let poll = bench.socket().ask("GET", "/v1/inbox?run=night%20job&wait=0", "");
    assert_eq!(poll.status, 204);
    assert_eq!(bench_ledger.lease(&run, "x", "x", LEASE, Timestamp::now()).unwrap(), None);
    assert_eq!(entry(bench_ledger, &third).state, State::Waiting);
}

#[test]
fn when_the_time_is_over_the_policy_answers_and_nobody_is_said_to_have_refused() {
    for (timed_out, state) in
        [(TimedOut::GoOn, State::Expired), (TimedOut::Deny, State::Expired), (TimedOut::Ask, State::Waiting)]
    {
        let bench = Bench::with(|setup| setup.timed_out = timed_out);
        let answer = bench.socket().ask("POST", "/v1/gate?run=r&id=1&wait=0", &refund());
        match timed_out {
            TimedOut::GoOn => assert_eq!(answer.json()["decisions"][0]["type"], "approve"),
            TimedOut::Deny => assert_eq!(answer.json()["decisions"][0]["type"], "reject"),
            TimedOut::Ask => assert_eq!(answer.status, 202),
        }
        if timed_out != TimedOut::Ask {
            assert!(answer.head.contains("medbay-decided-by: policy"), "{}", answer.head);
        }
        let [entry] = &bench.ledger.history(9).unwrap()[..] else { panic!() };
        assert_eq!((entry.state, entry.decision.is_none()), (state, true));
    }
    let bench = Bench::with(|setup| setup.mode = Mode::Observe);
    let answer = bench.socket().ask("POST", "/v1/gate?run=r&id=1", &refund());
    assert_eq!(answer.status, 202, "nobody is held, and nobody has approved");
}

#[test]
fn an_inbox_gives_what_is_approved_once_and_takes_what_the_agent_says_of_it() {
    let bench = Bench::new();
    for to in [bench.socket(), bench.http()] {
        let run = match to {
            To::Socket(_) => "r1",
            To::Http(..) => "r2",
        };
        let none = to.ask("GET", &format!("/v1/inbox?run={run}&wait=0"), "");
        assert_eq!(none.status, 204);
        let asked = {
            let (to, target) = (to.clone(), format!("/v1/inbox?run={run}&after="));
            thread::scope(|scope| {
                let thread = scope.spawn(move || to.ask("GET", &target, ""));
                approved(&bench.ledger, run, "medbay", "c", None);
                thread.join().unwrap()
            })
        };
        let letter = asked.json();
        let proposal = super::drafts::draft(run, "c");
        assert_eq!(letter["text"], proposal.payload);
        is(&bench.ledger, &proposal, State::Delivered);
        let seen = bench.ledger.hook_seen(&RunId::new(run)).unwrap().unwrap();
        assert!(matches!(seen.format.as_str(), "socket" | "http") && !seen.gates);
        let key = letter["id"].as_str().unwrap();
        let none = to.ask("GET", &format!("/v1/inbox?run={run}&after={key}&wait=0"), "");
        assert_eq!(none.status, 204);
        let said = to.ask("POST", "/v1/ack", &json!({"id": key, "status": "applied"}).to_string());
        assert_eq!(said.json(), json!({"state": "confirmed", "changed": true}));
        let said = to.ask("POST", "/v1/ack", &json!({"id": key, "status": "rejected"}).to_string());
        assert_eq!(said.json(), json!({"state": "confirmed", "changed": false}), "what is said first stands");
    }
    let refused = approved(&bench.ledger, "r3", "medbay", "c", None);
    let letter = bench.socket().ask("GET", "/v1/inbox?run=r3", "").json();
    is(&bench.ledger, &refused, State::Delivered);
    let said = json!({"id": letter["id"], "status": "rejected", "detail": "\u{1b}[31mno"}).to_string();
    bench.socket().ask("POST", "/v1/ack", &said);
    let why = failure(&bench.ledger, &refused);
    assert!(why.contains("rejected") && !why.contains('\u{1b}'), "{why}");
}

#[test]
fn only_who_has_the_token_or_the_file_is_answered() {
    let bench = Bench::new();
    let mode = |name: &str| fs::metadata(bench.place.path().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("s.sock"), mode("token")), (0o600, 0o600));
    let To::Http(address, token) = bench.http() else { panic!() };
    for wrong in ["", "x", &token[1..], &format!("{}0", &token[1..])] {
        let answer = To::Http(address, wrong.to_owned()).ask("GET", "/v1/inbox?run=r&wait=0", "");
        assert_eq!(answer.status, 401);
        let sentence = answer.error();
        assert!(sentence.contains("token") && !sentence.contains('\n'), "{sentence}");
    }
    // Not even who asks for nothing is told what there is.
    assert_eq!(To::Http(address, String::new()).ask("GET", "/", "").status, 401);
    // A second console leaves the socket to the first, and takes it when that one is gone.
    let mut second = setup(bench.place.path());
    second.port = None;
    assert!(matches!(Server::start(second.clone()), Err(ServerError::Served(_))));
    let Bench { place, server, .. } = bench;
    drop(server);
    drop(Server::start(second).unwrap());
    drop(place);
}

#[test]
fn what_a_stranger_sends_harms_nobody() {
    let bench = Bench::new();
    let to = bench.http();
    let gate = "/v1/gate?run=r&id=1&wait=0";
    for (method, target, body, status) in [
        ("GET", "/", String::new(), 404),
        ("GET", "/v1/gate", String::new(), 405),
        ("POST", "/v1/inbox?run=r", String::new(), 405),
        ("POST", "/v1/gate", refund(), 400),
        ("POST", "/v1/gate?run=&id=1", refund(), 400),
        ("GET", "/v1/inbox?run=r&wait=soon", String::new(), 400),
        ("POST", gate, "not JSON".to_owned(), 400),
        ("POST", gate, "[".repeat(100_000), 400),
        ("POST", gate, r#"{"action_requests":[]}"#.to_owned(), 400),
        ("POST", gate, json!({"action_requests":[{"name":"a","args":[]}]}).to_string(), 400),
        (
            "POST",
            gate,
            json!({"action_requests":[{"name":"a","args":{"x":"y".repeat(20_000)}}]}).to_string(),
            413,
        ),
        ("POST", gate, " ".repeat(1_000_001), 413),
        ("POST", "/v1/ack", "{}".to_owned(), 400),
        ("POST", "/v1/ack", json!({"id":"zz","status":"applied"}).to_string(), 404),
        ("POST", "/v1/ack", json!({"id":"zz","status":"eaten"}).to_string(), 400),
    ] {
        let answer = to.ask(method, target, &body);
        assert_eq!(answer.status, status, "{method} {target} {}", answer.body);
        let sentence = answer.error();
        assert!(!sentence.is_empty() && !sentence.contains('\n'), "{sentence}");
    }
    let raw = |bytes: &[u8]| {
        let mut stream = to.connect().unwrap();
        let _ = stream.write_all(bytes);
        http::read(&mut *stream).map_or(0, |answer| answer.status)
    };
    let bomb = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(1000));
    assert_eq!(raw(bomb.as_bytes()), 431);
    let long = format!("GET / HTTP/1.1\r\na: {}\r\n\r\n", "b".repeat(200_000));
    assert_eq!(raw(long.as_bytes()), 431);
    assert_eq!(raw(b"\x16\x03\x01 hello\r\n\r\n"), 400);
    assert_eq!(raw(b"POST /v1/ack HTTP/1.1\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n"), 400);

    // Slow senders take no more than their places, and are let go.
    let slow: Vec<_> = (0..70)
        .filter_map(|_| {
            let mut stream = to.connect().ok()?;
            stream.write_all(b"POST /v1/gate HTTP/1.1\r\n").ok()?;
            Some(stream)
        })
        .collect();
    let poll = "/v1/inbox?run=r&wait=0";
    until("HTTP is full", || {
        to.try_ask("GET", poll, "").map_or(true, |answer| answer.status == 503).then_some(())
    });
    assert_eq!(bench.socket().ask("GET", poll, "").status, 204, "the socket is not");
    until("a place is free again", || to.try_ask("GET", poll, "").ok().filter(|answer| answer.status == 204));
    drop(slow);
    assert_eq!(bench.ledger.history(9).unwrap().len(), 0, "nothing of it came to the desk");
}

#[test]
fn a_text_whose_sender_died_is_sent_again_only_to_who_says_what_it_has() {
    let bench = Bench::new();
    let run = RunId::new("r");
    let lost = |call: &str| {
        let proposal = approved(&bench.ledger, "r", "medbay", call, None);
        // As a server leaves it that was killed with the lease.
        let lease = bench.ledger.lease(&run, "socket", "dead", Duration::ZERO, Timestamp::now()).unwrap();
        (proposal, lease.unwrap().key().to_owned())
    };
    let (a, key) = lost("a");
    let has = bench.socket().ask("GET", &format!("/v1/inbox?run=r&after={key}&wait=0"), "");
    assert_eq!(has.status, 204, "it has it");
    is(&bench.ledger, &a, State::Delivered);
    let (b, key) = lost("b");
    let letter = bench.socket().ask("GET", "/v1/inbox?run=r&after=", "").json();
    assert_eq!(letter["id"], key.as_str(), "under the same key");
    is(&bench.ledger, &b, State::Delivered);
    let (c, _) = lost("c");
    assert_eq!(bench.socket().ask("GET", "/v1/inbox?run=r&wait=0", "").status, 204);
    assert!(failure(&bench.ledger, &c).contains("look, then send it again"));
}

const CHILD: &str = "MEDBAY_TEST_SERVER_CHILD";

/// Serves until it is killed; nothing when it is run as a test.
#[test]
fn child() {
    let Ok(place) = std::env::var(CHILD) else { return };
    let _server =
        Server::start(Setup { lease: Duration::from_secs(1), port: None, ..setup(Path::new(&place)) })
            .unwrap();
    println!("\nserving");
    loop {
        thread::park();
    }
}

pub(crate) fn child_of(name: &str, variable: &str, place: &Path, says: &str) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture", "--test-threads=1"])
        .env(variable, place)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains(says) {
        line.clear();
        assert_ne!(out.read_line(&mut line).unwrap(), 0, "the child ended");
    }
    child
}

fn serving(place: &Path) -> Child {
    child_of("server::child", CHILD, place, "serving")
}

#[test]
fn a_server_that_is_killed_loses_no_text_and_sends_none_twice() {
    const TEXTS: usize = 60;
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path();
    let ledger = ledger_in(place);
    let all: Vec<Proposal> =
        (0..TEXTS).map(|n| approved(&ledger, "r", "medbay", &n.to_string(), None)).collect();
    let socket = place.join("s.sock");
    let to = To::Socket(&socket);
    let mut got: HashMap<String, String> = HashMap::new();
    let (mut last, mut kills, mut seed) = (String::new(), 0, 0x9e37_79b9_7f4a_7c15_u64);
    let mut child = serving(place);
    while got.len() < TEXTS {
        // One in six requests is followed by a kill while it is under way.
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let target = format!("/v1/inbox?run=r&after={last}&wait=5");
        let answer = if seed % 6 == 0 {
            let mut stream = to.connect().unwrap();
            stream.write_all(to.request("GET", &target, "").as_bytes()).unwrap();
            thread::sleep(Duration::from_micros((seed >> 8) % 20_000));
            child.kill().unwrap();
            child.wait().unwrap();
            kills += 1;
            let answer = http::read(&mut *stream);
            child = serving(place);
            answer
        } else {
            to.try_ask("GET", &target, "")
        };
        // What is not whole is not taken, as any client does.
        let Ok(answer) = answer else { continue };
        if answer.status != 200 {
            continue;
        }
        let letter = answer.json();
        last = letter["id"].as_str().unwrap().to_owned();
        let before = got.insert(last.clone(), letter["text"].as_str().unwrap().to_owned());
        assert_eq!(before, None, "{last} was sent twice to who said that it has it");
    }
    // The last one, too, is on record once the agent has said that it has it.
    until("all are recorded", || {
        to.try_ask("GET", &format!("/v1/inbox?run=r&after={last}&wait=0"), "").ok()?;
        all.iter().all(|p| entry(&ledger, p).state == State::Delivered).then_some(())
    });
    child.kill().unwrap();
    child.wait().unwrap();
    let mut texts: Vec<&str> = got.values().map(String::as_str).collect();
    let mut meant: Vec<&str> = all.iter().map(|p| p.payload.as_str()).collect();
    texts.sort_unstable();
    meant.sort_unstable();
    assert_eq!(texts, meant);
    assert_eq!(ledger.verify().unwrap().broken, None);
    eprintln!("{kills} kills, {TEXTS} texts, each once");
    assert!(kills >= 3, "too few to prove anything");
}

#[test]
fn a_request_outlives_the_server_that_held_it() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path();
    let ledger = ledger_in(place);
    let socket = place.join("s.sock");
    let mut child = serving(place);
    let asked = {
        let socket = socket.clone();
        thread::spawn(move || To::Socket(&socket).try_ask("POST", "/v1/gate?run=r&id=1", &refund()))
    };
    let proposal = waiting(&ledger);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(asked.join().unwrap().is_err());
    decide(&ledger, &proposal, Verdict::Approve);
    // As if it had been killed with the answer in its hands, too.
    let run = RunId::new("r");
    ledger
        .lease_answer(&run, &proposal.id, "socket", "dead", Duration::ZERO, Timestamp::now())
        .unwrap()
        .unwrap();
    let mut child = serving(place);
    let answer = To::Socket(&socket).ask("POST", "/v1/gate?run=r&id=1", &refund());
    assert_eq!(answer.json(), json!({"decisions": [{"type": "approve"}]}));
    is(&ledger, &proposal, State::Delivered);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(ledger.history(9).unwrap().len(), 1);
}
