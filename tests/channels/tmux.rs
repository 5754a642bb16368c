//! Typing into a real tmux, on a server of its own, at a small stand-in for an agent's screen.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::mpsc::channel;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use medbay::deliver::post::{Carriers, Place, Setup};
use medbay::deliver::spool::Spool;
use medbay::deliver::tmux::Carrier;
use medbay::engine::desk::{Ask, Desk, Rules, Said};
use medbay::engine::{Judge, turn};
use medbay::ledger::{Ledger, State};
use medbay::recover::Policy;
use medbay::trace::RunId;

use super::{approved, entry, failure, is, ledger_in, until};

/// A pane with the stand-in, in a directory of its own. Ends with its server.
pub(crate) struct Pane {
    pub(crate) place: tempfile::TempDir,
    server: String,
}

impl Pane {
    /// `None`, with the reason printed, where there is no tmux or no Python.
    pub(crate) fn open() -> Option<Self> {
        for (program, word) in [("tmux", "-V"), ("python3", "-V"), ("ps", "-V")] {
            if !Command::new(program).arg(word).output().is_ok_and(|out| out.status.success()) {
                eprintln!("skipped: {program} is not there");
                return None;
            }
        }
        let place = tempfile::tempdir().unwrap();
        let server = format!("medbay-test-{}", place.path().file_name().unwrap().to_str().unwrap());
        let pane = Self { place, server };
        pane.run("s", "");
        pane.ready();
        Some(pane)
    }

    pub(crate) fn path(&self) -> &Path {
        self.place.path()
    }

    fn run(&self, session: &str, before: &str) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/channels/claude");
        let command = format!("{before}exec python3 {} {}", script.display(), self.path().display());
        let directory = self.path().to_str().unwrap();
        let made = self.tmux(&[
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-s",
            session,
            "-x",
            "100",
            "-y",
            "30",
            "-c",
            directory,
            &command,
        ]);
        assert!(made.status.success(), "{made:?}");
    }

    fn ready(&self) {
        until("the screen is drawn", || {
            (self.path().join("ready").exists() && self.screen().contains("? for shortcuts")).then_some(())
        });
    }

    fn tmux(&self, words: &[&str]) -> Output {
        Command::new("tmux").args(["-L", &self.server]).args(words).output().unwrap()
    }

    fn screen(&self) -> String {
        String::from_utf8_lossy(&self.tmux(&["capture-pane", "-p", "-t", "s"]).stdout).into_owned()
    }

    /// What the screen is to show, and what of it is waited for.
    fn mode(&self, mode: &str, shows: &str) {
        fs::write(self.path().join("mode"), mode).unwrap();
        until(shows, || self.screen().contains(shows).then_some(()));
    }

    /// What was entered.
    pub(crate) fn entered(&self) -> Vec<String> {
        let bytes = fs::read(self.path().join("entered")).unwrap_or_default();
        let text = String::from_utf8(bytes).unwrap();
        text.split_terminator('\0').map(str::to_owned).collect()
    }

    fn carrier(&self) -> Carrier {
        let server = vec!["-L".to_owned(), self.server.clone()];
        Carrier { formats: vec!["claude-code".to_owned()], server }
    }

    pub(crate) fn setup(&self) -> Setup {
        Setup { tmux: self.carrier(), started: self.path().join("started"), ..Setup::default() }
    }

    pub(crate) fn at(&self) -> Place {
        Place {
            format: "claude-code".to_owned(),
            directory: self.path().to_str().unwrap().to_owned(),
            last: Some(Timestamp::now()),
        }
    }

    pub(crate) fn carriers(&self, run: &str) -> Carriers {
        let carriers = Carriers::new(self.setup(), Spool::at(self.path().join("spool")));
        carriers.place(&RunId::new(run), self.at());
        carriers
    }
}

impl Drop for Pane {
    fn drop(&mut self) {
        let _ = fs::write(self.path().join("stop"), "");
        self.tmux(&["kill-server"]);
    }
}

fn turn_of(carriers: &Carriers, ledger: &Ledger) -> usize {
    carriers.turn(ledger, Timestamp::now()).unwrap().len()
}

#[test]
fn a_text_is_typed_only_into_an_empty_prompt_box() {
    let Some(pane) = Pane::open() else { return };
    let ledger = ledger_in(pane.path());
    let proposal = approved(&ledger, "s1", "claude-code", "c", Some("first line\n\nand `more` $(of) \"it\""));
    let carriers = pane.carriers("s1");
    for (mode, shows) in [("dialog", "Do you want"), ("typed", "half a thought"), ("none", "working")] {
        pane.mode(mode, shows);
        assert_eq!(turn_of(&carriers, &ledger), 0, "{mode}");
        assert_eq!(entry(&ledger, &proposal).state, State::Approved, "{mode}");
    }
    pane.mode("prompt", "? for shortcuts");
    // Scrolled back, keys would go to tmux.
    pane.tmux(&["copy-mode", "-t", "s"]);
    assert_eq!(turn_of(&carriers, &ledger), 0);
    pane.tmux(&["send-keys", "-t", "s", "-X", "cancel"]);
    assert_eq!(turn_of(&carriers, &ledger), 1);
    assert_eq!(entry(&ledger, &proposal).state, State::Delivered, "{:?}", entry(&ledger, &proposal).delivery);
    let sent = entry(&ledger, &proposal).delivery.unwrap().text;
    assert_eq!(until("it is entered", || Some(pane.entered()).filter(|all| !all.is_empty())), [sent]);
    assert!(!pane.path().join("answered").exists(), "no dialog was answered");
    assert_eq!(turn_of(&carriers, &ledger), 0, "once");
}

#[test]
fn a_dialog_that_opens_while_it_is_typed_is_not_answered() {
    let Some(pane) = Pane::open() else { return };
    let ledger = ledger_in(pane.path());
    let proposal = approved(&ledger, "s1", "claude-code", "c", None);
    pane.mode("turns-dialog", "? for shortcuts");
    assert_eq!(turn_of(&pane.carriers("s1"), &ledger), 1);
    let why = failure(&ledger, &proposal);
    assert!(why.contains("not entered"), "{why}");
    assert!(pane.entered().is_empty() && !pane.path().join("answered").exists());
}

#[test]
fn the_wrong_pane_gets_nothing() {
    let Some(pane) = Pane::open() else { return };
    let ledger = ledger_in(pane.path());
    let proposal = approved(&ledger, "s1", "claude-code", "c", None);
    let nothing = |carriers: &Carriers, why: &str| {
        assert_eq!(turn_of(carriers, &ledger), 0, "{why}");
        assert_eq!(entry(&ledger, &proposal).state, State::Approved, "{why}");
    };
    let bare = Carriers::new(pane.setup(), Spool::at(pane.path().join("spool")));
    nothing(&bare, "nobody knows where the run is");
    let off =
        Carriers::new(Setup { started: pane.path().join("x"), ..Setup::default() }, Spool::at("/nowhere"));
    off.place(&RunId::new("s1"), pane.at());
    nothing(&off, "it is off");
    let carriers = pane.carriers("s1");
    carriers.place(
        &RunId::new("s2"),
        Place { last: Some(Timestamp::now() + SignedDuration::from_secs(1)), ..pane.at() },
    );
    nothing(&carriers, "another run was at work there later");
    let carriers = pane.carriers("s1");
    let hour = SignedDuration::from_hours(1);
    carriers.place(&RunId::new("s1"), Place { last: Some(Timestamp::now() - hour), ..pane.at() });
    nothing(&carriers, "the program began after the run's last word");
    let carriers = pane.carriers("s1");
    carriers.place(&RunId::new("s1"), Place { directory: "/".to_owned(), ..pane.at() });
    nothing(&carriers, "another directory");
    pane.run("t", "");
    until("two panes", || {
        let why = pane.carrier().ready(&pane.at(), Timestamp::now()).err()?;
        why.contains("2 panes").then_some(())
    });
    nothing(&pane.carriers("s1"), "two panes fit");
    pane.tmux(&["kill-session", "-t", "t"]);
    // The pane that was found has another process when it is typed to.
    let carrier = pane.carrier();
    let found = until("ready", || carrier.ready(&pane.at(), Timestamp::now()).ok());
    pane.tmux(&["respawn-pane", "-k", "-t", "s", "sleep 60"]);
    let id = proposal.id.clone();
    let run = RunId::new("s1");
    let letter = medbay::deliver::spool::Letter::new("k", &id, &run, "main", "text", 1, Timestamp::now());
    let why = carrier.carry(&letter, &pane.at(), &found).unwrap_err();
    assert!(why.contains("another process"), "{why}");
    assert!(pane.entered().is_empty());
}

#[test]
fn a_typed_text_is_confirmed_by_the_runs_own_log() {
    let Some(pane) = Pane::open() else { return };
    let ledger = ledger_in(pane.path());
    let log = pane.path().join("log.jsonl");
    let said = serde_json::json!({
        "type": "user", "sessionId": "s1", "uuid": "u1", "timestamp": Timestamp::now().to_string(),
        "cwd": pane.path(), "message": {"role": "user", "content": "Do it."},
    });
    fs::write(&log, format!("{said}\n")).unwrap();
    let (say, heard) = channel();
    let rules = Rules {
        ledger: pane.path().join("ledger.db"),
        spool: pane.path().join("spool"),
        operator: "ada".into(),
        grace: Duration::ZERO,
        policy: Policy::default(),
        post: pane.setup(),
        proposer: None,
    };
    let desk = Desk::start(rules, move |one| drop(say.send(one))).unwrap();
    let news = || {
        let format = medbay::format::by_name("claude-code");
        let mut assessor = turn::judged(&log, format, "main", None, &Judge::embedded()).unwrap().unwrap();
        assert!(desk.ask(Ask::News(Box::new(assessor.news()))));
    };
    let proposal = approved(&ledger, "s1", "claude-code", "c", None);
    news();
    is(&ledger, &proposal, State::Delivered);
    until("it says through which channel", || {
        heard.try_iter().find(|said| match said {
            Said::Ledger { reach, .. } => reach.iter().any(|(_, reached)| reached.via == "tmux"),
            _ => false,
        })
    });
    until("it is entered", || (!pane.entered().is_empty()).then_some(()));
    news();
    is(&ledger, &proposal, State::Confirmed);
}
