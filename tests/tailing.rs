//! Logs that grow, are cut short, replaced, taken away and come back, as the owner of the board sees
//! them. Every wait is for a state, bounded, and nothing is asserted about how long it took.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use medbay::engine::{Board, Engine, Judge, Options, RunView, SourceState, Sources, Update};
use medbay::source::Roots;
use medbay::trace::{RunId, StateWord};
use tokio::sync::mpsc::Receiver;

/// The longest wait: far longer than any machine needs.
const BOUND: Duration = Duration::from_secs(60);

struct Bench {
    directory: tempfile::TempDir,
    engine: Option<Engine>,
    updates: Option<Receiver<Update>>,
    board: Board,
}

impl Bench {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), engine: None, updates: None, board: Board::default() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, content: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn append(&self, name: &str, content: impl AsRef<[u8]>) {
        let mut file = OpenOptions::new().append(true).open(self.path(name)).unwrap();
        file.write_all(content.as_ref()).unwrap();
    }

    fn start(&mut self, roots: Roots, change: impl FnOnce(&mut Options)) {
        let mut options = Options::new(Judge::embedded());
        change(&mut options);
        let sources = Sources { roots, stdin: None };
        let (engine, updates) = Engine::start(sources, options).unwrap();
        self.engine = Some(engine);
        self.updates = Some(updates);
    }

    fn follow(&mut self, name: &str) {
        let path = self.path(name);
        self.start(Roots::named([path]), |_| {});
    }

    /// Applies updates until the board is as wanted.
    fn until(&mut self, what: &str, wanted: impl Fn(&Board) -> bool) {
        let began = Instant::now();
        loop {
            while let Ok(update) = self.updates.as_mut().unwrap().try_recv() {
                self.board.apply(update);
            }
            if wanted(&self.board) {
                return;
            }
            assert!(began.elapsed() < BOUND, "{what}: {:#?}", self.board);
            std::thread::yield_now();
        }
    }

    fn until_steps(&mut self, what: &str, run: &str, labels: &[&str]) {
        let id = RunId::new(run);
        self.until(what, |board| board.run(&id).is_some_and(|run| steps(run) == labels));
    }

    fn run(&self, run: &str) -> &RunView {
        self.board.run(&RunId::new(run)).unwrap()
    }
}

fn steps(run: &RunView) -> Vec<&str> {
    run.steps.iter().map(|view| &*view.step.label).collect()
}

fn header(run: &str) -> String {
    format!("{{\"type\":\"run\",\"medbay\":1,\"run\":\"{run}\"}}\n")
}

fn says(text: &str) -> String {
    format!("{{\"type\":\"message\",\"text\":\"{text}\"}}\n")
}

fn log(run: &str, texts: &[&str]) -> String {
    header(run) + &texts.iter().map(|text| says(text)).collect::<String>()
}

#[test]
fn a_file_that_grows_by_pieces_of_lines_and_of_characters() {
    let mut bench = Bench::new();
    bench.write("r.jsonl", &log("r", &["one"]));
    bench.follow("r.jsonl");
    bench.until_steps("what was there", "r", &["one"]);

    let line = says("zwei – 日本");
    // Cut in the middle of the dash and of the last character.
    let bytes = line.as_bytes();
    let dash = line.find('–').unwrap() + 1;
    let last = line.find('本').unwrap() + 2;
    for piece in [&bytes[..5], &bytes[5..dash], &bytes[dash..last], &bytes[last..bytes.len() - 1]] {
        bench.append("r.jsonl", piece);
    }
    // The line is whole but for its end; another file's growth shows that the look has been made.
    bench.write("other.jsonl", "");
    bench.append("r.jsonl", "\n");
    bench.until_steps("the pieces", "r", &["one", "zwei – 日本"]);
    assert_eq!(bench.run("r").summary.unknown, []);
    assert_eq!(bench.run("r").summary.records, 3);
}

#[test]
fn a_last_line_without_its_end_waits() {
    let mut bench = Bench::new();
    bench.write("r.jsonl", &(log("r", &["one"]) + says("two").trim_end()));
    bench.follow("r.jsonl");
    let id = RunId::new("r");
    bench.until("everything is read", |board| {
        board.caught_up
            && board.run(&id).is_some_and(|run| {
                run.summary.sources.iter().all(|s| s.read == s.size && s.state == SourceState::Following)
            })
    });
    assert_eq!(steps(bench.run("r")), ["one"], "the line may still grow");
    bench.append("r.jsonl", "\n");
    bench.until_steps("its end came", "r", &["one", "two"]);
}

#[test]
fn a_closed_file_gives_its_last_line() {
    let mut bench = Bench::new();
    bench.write("r.jsonl", &(log("r", &["one"]) + says("two").trim_end()));
    bench.write("torn.jsonl", &(log("torn", &["one"]) + "{\"type\":\"mess"));
    let roots = Roots::named([bench.directory.path().to_owned()]);
    bench.start(roots, |options| options.follow = false);
    bench.until("the end", |board| board.caught_up);
    assert_eq!(steps(bench.run("r")), ["one", "two"]);
    assert_eq!(steps(bench.run("torn")), ["one"]);
    // And the channel closes: nothing more will come.
    let updates = bench.updates.as_mut().unwrap();
    assert!(updates.blocking_recv().is_none());
}

#[test]
fn a_line_cut_off_in_place_is_taken_back() {
    let mut bench = Bench::new();
    bench.write("r.jsonl", &log("r", &["one", "two", "wrong"]));
    bench.follow("r.jsonl");
    bench.until_steps("what was there", "r", &["one", "two", "wrong"]);
    let kept = log("r", &["one", "two"]).len() as u64;
    OpenOptions::new().write(true).open(bench.path("r.jsonl")).unwrap().set_len(kept).unwrap();
    bench.until_steps("one line less", "r", &["one", "two"]);
    bench.append("r.jsonl", says("three"));
    bench.until_steps("and another", "r", &["one", "two", "three"]);
}

#[test]
fn a_file_replaced_by_rename_is_read_anew() {
    let mut bench = Bench::new();
    bench.write("r.jsonl", &log("r", &["one", "two"]));
    bench.follow("r.jsonl");
    bench.until_steps("what was there", "r", &["one", "two"]);
    bench.write("r.new", &log("r", &["eins"]));
    fs::rename(bench.path("r.new"), bench.path("r.jsonl")).unwrap();
    bench.until_steps("the new one", "r", &["eins"]);
    bench.append("r.jsonl", says("zwei"));
    bench.until_steps("which grows", "r", &["eins", "zwei"]);
}

#[test]
fn a_file_that_goes_and_comes_back() {
    let mut bench = Bench::new();
    bench.write("r.jsonl", &log("r", &["one"]));
    bench.follow("r.jsonl");
    bench.until_steps("what was there", "r", &["one"]);
    fs::remove_file(bench.path("r.jsonl")).unwrap();
    let id = RunId::new("r");
    bench.until("gone", |board| board.run(&id).is_some_and(|run| run.gone.is_some()));
    assert_eq!(steps(bench.run("r")), ["one"], "what was seen stays");
    assert!(bench.run("r").gone.as_ref().unwrap().contains("gone"));
    bench.write("r.jsonl", &log("r", &["uno", "due"]));
    bench.until_steps("back", "r", &["uno", "due"]);
    assert_eq!(bench.run("r").gone, None);
}

#[test]
fn files_and_directories_that_appear_later() {
    let mut bench = Bench::new();
    fs::create_dir(bench.path("logs")).unwrap();
    bench.follow("logs");
    bench.until("nothing there", |board| board.caught_up);
    bench.write("logs/a.jsonl", &log("a", &["one"]));
    bench.until_steps("a file", "a", &["one"]);
    // A directory with something in it already, and one below it.
    bench.write("elsewhere/deep/b.jsonl", &log("b", &["two"]));
    fs::rename(bench.path("elsewhere"), bench.path("logs/later")).unwrap();
    bench.until_steps("a directory", "b", &["two"]);
    bench.write("logs/later/deeper/still/c.jsonl", &log("c", &["three"]));
    bench.until_steps("made bit by bit", "c", &["three"]);
    bench.append("logs/later/deep/b.jsonl", says("four"));
    bench.until_steps("and growth in them", "b", &["two", "four"]);
    // A file that begins empty, then with half a line.
    bench.write("logs/d.jsonl", "");
    bench.append("logs/d.jsonl", &header("d")[..9]);
    bench.append("logs/d.jsonl", &header("d")[9..]);
    bench.append("logs/d.jsonl", says("five"));
    bench.until_steps("begun empty", "d", &["five"]);
}

#[test]
fn an_agents_directory_that_is_not_there_yet() {
    let mut bench = Bench::new();
    let roots = Roots { named: Vec::new(), of_agents: vec![bench.path("home/projects")] };
    bench.start(roots, |_| {});
    bench.until("nothing there", |board| board.caught_up);
    bench.write("home/projects/p/a.jsonl", &log("a", &["one"]));
    bench.until_steps("the agent began", "a", &["one"]);
    assert_eq!(bench.board.problems, Vec::<String>::new());
}

#[test]
fn where_the_system_does_not_tell_it_is_polled() {
    let mut bench = Bench::new();
    bench.write("logs/a.jsonl", &log("a", &["one"]));
    let roots = Roots::named([bench.path("logs")]);
    bench.start(roots, |options| options.notifications = false);
    bench.until_steps("what was there", "a", &["one"]);
    bench.append("logs/a.jsonl", says("two"));
    bench.until_steps("growth", "a", &["one", "two"]);
    bench.write("logs/b.jsonl", &log("b", &["three"]));
    bench.until_steps("a new file", "b", &["three"]);
    fs::remove_file(bench.path("logs/b.jsonl")).unwrap();
    let id = RunId::new("b");
    bench.until("gone", |board| board.run(&id).is_some_and(|run| run.gone.is_some()));
}

#[test]
fn a_thousand_files() {
    let mut bench = Bench::new();
    for n in 0..1000 {
        bench.write(&format!("logs/{}/r{n}.jsonl", n % 10), &log(&format!("r{n}"), &["one"]));
    }
    let roots = Roots::named([bench.path("logs")]);
    bench.start(roots, |options| options.eager = 1000);
    bench.until("all of them", |board| {
        board.caught_up && board.runs().len() == 1000 && board.runs().iter().all(|r| steps(r) == ["one"])
    });
    for n in (0..1000).step_by(7) {
        bench.append(&format!("logs/{}/r{n}.jsonl", n % 10), says("two"));
    }
    bench.until("those that grew", |board| {
        (0..1000)
            .step_by(7)
            .all(|n| board.run(&RunId::new(format!("r{n}"))).is_some_and(|run| steps(run) == ["one", "two"]))
    });
    assert_eq!(bench.board.problems, Vec::<String>::new());
}

#[test]
fn old_runs_are_listed_and_read_when_opened() {
    let mut bench = Bench::new();
    let old = std::time::SystemTime::now() - Duration::from_secs(30 * 24 * 3600);
    let title = "{\"type\":\"prompt\",\"text\":\"mend the importer\"}\n";
    for n in 0..40 {
        let name = format!("logs/r{n}.jsonl");
        bench.write(&name, &(header(&format!("r{n}")) + title + &says("done")));
        OpenOptions::new().write(true).open(bench.path(&name)).unwrap().set_modified(old).unwrap();
    }
    bench.write("logs/live.jsonl", &log("live", &["one"]));
    let roots = Roots { named: Vec::new(), of_agents: vec![bench.path("logs")] };
    bench.start(roots, |_| {});
    bench.until("all listed", |board| board.caught_up && board.runs().len() == 41);
    let read: Vec<&str> =
        bench.board.runs().iter().filter(|r| r.summary.assessed).map(|r| r.id.as_str()).collect();
    assert_eq!(read, ["live"]);
    assert_eq!(bench.run("r7").summary.title, "mend the importer");

    bench.engine.as_ref().unwrap().open(&RunId::new("r7"));
    bench.until_steps("opened", "r7", &["done"]);
    // One that wakes up is read without being opened.
    bench.append("logs/r8.jsonl", says("again"));
    bench.until_steps("woken", "r8", &["done", "again"]);
    assert!(!bench.run("r9").summary.assessed);
    // One that is cleared away without having been read keeps what was known of it.
    fs::remove_file(bench.path("logs/r9.jsonl")).unwrap();
    let id = RunId::new("r9");
    bench.until("cleared away", |board| board.run(&id).is_some_and(|run| run.gone.is_some()));
    assert_eq!(bench.run("r9").summary.title, "mend the importer");
}

/// A Claude Code session with a sub-agent in a file of its own: the order in which the files come to
/// be read must not matter.
#[test]
fn the_sources_of_a_run_are_brought_into_the_order_of_time() {
    let session = "0a1b2c3d-4e5f-4061-8071-2a3b4c5d6e7f";
    let line = |side: bool, second: u32, uuid: &str, content: &str, role: &str| {
        let agent = if side { ",\"agentId\":\"a1\"" } else { "" };
        let reason = if content.contains("tool_use\"") { "tool_use" } else { "end_turn" };
        format!(
            "{{\"type\":\"{role}\",\"uuid\":\"{uuid}\",\"parentUuid\":null,\"isSidechain\":{side},\
             \"sessionId\":\"{session}\",\"cwd\":\"/w\",\"timestamp\":\"2026-11-20T09:00:{second:02}.000Z\"{agent},\
             \"message\":{{\"id\":\"m-{uuid}\",\"role\":\"{role}\",\"stop_reason\":\"{reason}\",\"content\":[{content}]}}}}\n"
        )
    };
    let say = |text: &str| format!("{{\"type\":\"text\",\"text\":\"{text}\"}}");
    let call = |id: &str, tool: &str| {
        format!(
            "{{\"type\":\"tool_use\",\"id\":\"{id}\",\"name\":\"{tool}\",\"input\":{{\"prompt\":\"look\"}}}}"
        )
    };
    let result =
        |id: &str| format!("{{\"type\":\"tool_result\",\"tool_use_id\":\"{id}\",\"content\":\"found\"}}");
    let main = [
        line(false, 0, "u0", &say("begin"), "user"),
        line(false, 1, "u1", &call("t1", "Agent"), "assistant"),
        line(false, 9, "u2", &result("t1"), "user"),
        line(false, 10, "u3", &say("all done"), "assistant"),
    ];
    let side = [
        line(true, 2, "s0", &say("look"), "user"),
        line(true, 3, "s1", &call("t2", "Read"), "assistant"),
        line(true, 4, "s2", &result("t2"), "user"),
        line(true, 5, "s3", &say("three callers"), "assistant"),
    ];
    let main_name = format!("p/{session}.jsonl");
    let side_name = format!("p/{session}/subagents/agent-a1.jsonl");

    let mut at_once = Bench::new();
    at_once.write(&main_name, &main.concat());
    at_once.write(&side_name, &side.concat());
    at_once.follow("p");
    let id = RunId::new(session);
    at_once.until("read at once", |board| {
        board.caught_up && board.run(&id).is_some_and(|run| run.summary.records == 8)
    });
    let expected: Vec<_> = at_once.run(session).steps.iter().map(|s| s.step.clone()).collect();
    assert!(expected.len() >= 4, "{expected:#?}");

    // The main file first and whole; then the sub-agent's, line by line.
    let mut late = Bench::new();
    late.write(&main_name, &main.concat());
    late.follow("p");
    late.until("the main file", |board| board.run(&id).is_some_and(|run| run.summary.records == 4));
    late.write(&side_name, "");
    for line in &side {
        late.append(&side_name, line);
    }
    late.until("the same as at once", |board| {
        board
            .run(&id)
            .is_some_and(|run| run.steps.iter().map(|s| s.step.clone()).collect::<Vec<_>>() == expected)
    });

    // The sub-agent's file first.
    let mut first = Bench::new();
    first.write(&side_name, &side.concat());
    first.follow("p");
    first.until("the sub-agent's file", |board| board.run(&id).is_some_and(|run| run.summary.records == 4));
    first.write(&main_name, &main.concat());
    first.until("the same as at once", |board| {
        board
            .run(&id)
            .is_some_and(|run| run.steps.iter().map(|s| s.step.clone()).collect::<Vec<_>>() == expected)
    });

    // The main file named alone brings the sub-agent's with it.
    let mut named = Bench::new();
    named.write(&main_name, &main.concat());
    named.write(&side_name, &side.concat());
    named.follow(&main_name);
    named.until("with its sub-agent", |board| board.run(&id).is_some_and(|run| run.summary.records == 8));
}

/// Claude Code writes what a sub-agent is called into a file beside its log, which may come later.
#[test]
fn a_sub_agents_name_that_comes_later() {
    let session = "0a1b2c3d-4e5f-4061-8071-2a3b4c5d6e7f";
    let record = format!(
        "{{\"type\":\"user\",\"uuid\":\"s0\",\"parentUuid\":null,\"isSidechain\":true,\"agentId\":\"a1\",\
         \"sessionId\":\"{session}\",\"timestamp\":\"2026-11-20T09:00:00.000Z\",\
         \"message\":{{\"role\":\"user\",\"content\":\"look\"}}}}\n"
    );
    let mut bench = Bench::new();
    bench.write(&format!("p/{session}/subagents/agent-a1.jsonl"), &record);
    bench.follow("p");
    let id = RunId::new(session);
    bench.until("its log", |board| board.run(&id).is_some_and(|run| run.summary.records == 1));
    let names = |run: &RunView| run.summary.agents.iter().map(|a| a.name.clone()).collect::<Vec<_>>();
    assert!(!names(bench.run(session)).iter().any(|name| name.to_lowercase().starts_with("explore")));
    let beside = "{\"agentType\":\"Explore\",\"description\":\"look around\",\"toolUseId\":\"t1\"}";
    bench.write(&format!("p/{session}/subagents/agent-a1.meta.json"), beside);
    bench.until("its name", |board| {
        board
            .run(&id)
            .is_some_and(|run| names(run).iter().any(|name| name.to_lowercase().starts_with("explore")))
    });
}

#[test]
fn problems_are_told_once_and_the_rest_goes_on() {
    let mut bench = Bench::new();
    bench.write("good.jsonl", &log("good", &["one"]));
    bench.write("no-log.txt", "Dear diary,\ntoday nothing was JSON.\n");
    let roots =
        Roots::named([bench.path("good.jsonl"), bench.path("no-log.txt"), bench.path("missing.jsonl")]);
    bench.start(roots, |_| {});
    bench.until("what was there", |board| board.caught_up);
    assert_eq!(steps(bench.run("good")), ["one"]);
    let problems = &bench.board.problems;
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems.iter().any(|p| p.contains("no-log.txt") && p.contains("--format")), "{problems:?}");
    assert!(problems.iter().any(|p| p.contains("missing.jsonl")), "{problems:?}");
    assert_ne!(bench.run("good").summary.state.word, StateWord::Failed);
}

#[test]
fn nobody_listens_any_more_and_the_threads_end() {
    let mut bench = Bench::new();
    for n in 0..600 {
        bench.write(&format!("logs/r{n}.jsonl"), &log(&format!("r{n}"), &["one"]));
    }
    let roots = Roots::named([bench.path("logs")]);
    bench.start(roots, |options| options.eager = 1000);
    // More updates than the channel holds, none taken: shutting down must not wait for anybody.
    bench.engine.take().unwrap().shutdown();
    drop(bench.updates.take());
}

#[test]
fn names_that_two_files_share_are_two_runs() {
    let mut bench = Bench::new();
    bench.write("a/r.jsonl", &log("same", &["one"]));
    bench.write("b/r.jsonl", &log("same", &["two"]));
    let root: &Path = bench.directory.path();
    let roots = Roots::named([root.to_owned()]);
    bench.start(roots, |_| {});
    bench.until("both", |board| board.caught_up && board.runs().iter().all(|run| !run.steps.is_empty()));
    let mut all: Vec<&str> = bench.board.runs().iter().flat_map(steps).collect();
    all.sort_unstable();
    assert_eq!(all, ["one", "two"]);
}
