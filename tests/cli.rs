//! The command line as a user meets it: sentences, exit codes, what goes to which stream.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

struct Home {
    directory: tempfile::TempDir,
}

impl Home {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_medbay"));
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.directory.path())
            .env("USER", "someone")
            .env("LANG", "C.UTF-8")
            .env("TERM", "xterm-256color")
            .current_dir(self.directory.path())
            .stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments).output().unwrap())
    }
}

#[derive(Debug)]
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Ran {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// It could not run: exit code 2, nothing on standard output, one sentence that names all these.
    fn refused(&self, names: &[&str]) {
        assert_eq!(self.code, 2, "{self:?}");
        assert_eq!(self.out, "", "{self:?}");
        assert_eq!(self.err.lines().count(), 1, "{self:?}");
        assert!(self.err.starts_with("medbay: "), "{self:?}");
        for name in names {
            assert!(self.err.contains(name), "{name}: {self:?}");
        }
    }
}

const LOG: &str = concat!(
    r#"{"type":"run","medbay":1,"run":"r1","title":"mend the importer"}"#,
    "\n",
    r#"{"type":"prompt","text":"Mend the importer and run the tests.","time":"2026-11-20T09:00:00Z"}"#,
    "\n",
    r#"{"type":"call","id":"c1","tool":"bash","input":{"command":"cargo test"},"time":"2026-11-20T09:00:01Z"}"#,
    "\n",
    r#"{"type":"result","id":"c1","status":"error","exit_code":101,"text":"test result: FAILED. 39 passed; 3 failed; 0 ignored","time":"2026-11-20T09:00:09Z"}"#,
    "\n",
    r#"{"type":"message","text":"All 42 tests pass.","time":"2026-11-20T09:00:12Z"}"#,
    "\n",
);

#[test]
fn help_and_version_go_to_standard_output() {
    let home = Home::new();
    let ran = home.run(&["--help"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    for name in [
        "replay",
        "check",
        "tail",
        "eval",
        "fit",
        "inject",
        "hook",
        "export",
        "connect",
        "decisions",
        "config",
        "doctor",
        "completions",
        "--db",
        "--config",
        "--model",
        "--format",
        "--theme",
        "--internal-signals",
        "--no-color",
    ] {
        assert!(ran.out.contains(name), "{name} is missing in the help");
    }
    let ran = home.run(&["check", "--help"]);
    assert_eq!(ran.code, 0);
    assert!(ran.out.contains("--fail-on"));
    assert!(home.run(&["--version"]).out.starts_with("medbay "));
}

#[test]
fn a_wrong_usage_is_one_sentence() {
    let home = Home::new();
    home.run(&["check", "--fromat", "chat", "x"]).refused(&["--fromat", "--format", "check --help"]);
    home.run(&["check"]).refused(&["PATH", "check --help"]);
    home.run(&["completions", "cobol"]).refused(&["cobol"]);
    home.run(&["inject", "x"]).refused(&["x is not there", "name a recorded run"]);
    home.run(&["export", "x"]).refused(&["export", "not built yet"]);
}

#[test]
fn bad_input_is_one_sentence_with_the_path_and_the_mend() {
    let home = Home::new();
    home.write("diary.txt", "Dear diary,\ntoday nothing was JSON.\n");
    home.write("empty.jsonl", "");
    fs::create_dir(home.path("bare")).unwrap();
    for command in ["check", "tail"] {
        home.run(&[command, "missing.jsonl"]).refused(&["missing.jsonl", "check the path"]);
        home.run(&[command, "diary.txt"]).refused(&["diary.txt", "--format"]);
    }
    home.run(&["check", "empty.jsonl"]).refused(&["empty.jsonl"]);
    home.run(&["check", "bare"]).refused(&["bare"]);
    home.write("r.jsonl", LOG);
    home.run(&["check", "--format", "cobol", "r.jsonl"]).refused(&["cobol", "claude-code", "codex", "chat"]);
    home.write("model.toml", "weights = \"heavy\"\n");
    home.run(&["check", "--model", "model.toml", "r.jsonl"]).refused(&["model.toml"]);
    home.run(&["check", "--model", "nowhere.toml", "r.jsonl"]).refused(&["nowhere.toml"]);
}

#[test]
fn a_directory_without_permission() {
    use std::os::unix::fs::PermissionsExt as _;

    let home = Home::new();
    home.write("closed/r.jsonl", LOG);
    let closed = home.path("closed");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read_dir(&closed).is_ok() {
        eprintln!("skipped: this user may read everything");
        return;
    }
    for command in ["check", "tail"] {
        home.run(&[command, "closed"]).refused(&["closed", "permission denied"]);
    }
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn an_escape_sequence_in_a_files_name_does_not_reach_the_terminal() {
    let home = Home::new();
    let ran = home.run(&["check", "\u{1b}]0;title\u{7}.jsonl"]);
    ran.refused(&["title"]);
    assert!(!ran.err.contains('\u{1b}') && !ran.err.contains('\u{7}'));
}

#[test]
fn a_configuration_with_an_error_names_the_line() {
    let home = Home::new();
    let path = home.write(".config/medbay/config.toml", "theme = \"dark\"\n\n[policy]\nmode = \"autos\"\n");
    let place = format!("{}:4", path.display());
    home.run(&["config"]).refused(&[&place, "suggest"]);
    home.run(&["config", "--check"]).refused(&[&place]);
    home.write("r.jsonl", LOG);
    home.run(&["check", "r.jsonl"]).refused(&[&place]);
    home.write(".config/medbay/config.toml", "theem = \"dark\"\n");
    home.run(&["config"]).refused(&["config.toml:1", "did you mean `theme`?"]);
    // The doctor goes on, and says it.
    let ran = home.run(&["doctor"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.out.contains("config.toml:1"), "{ran:?}");
    // Another file that is in order wins.
    home.write("mine.toml", "operator = \"me\"\n");
    let ran = home.run(&["--config", "mine.toml", "config"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.contains("mine.toml:1"), "{ran:?}");
}

#[test]
fn the_configuration_is_printed_with_its_origins() {
    let home = Home::new();
    home.write(".config/medbay/config.toml", "grace_seconds = 9\n");
    let mut command = home.command(&["config", "--theme", "light"]);
    command.env("MEDBAY_DB", "/somewhere/else.db").env("NO_COLOR", "1");
    let ran = Ran::of(command.output().unwrap());
    assert_eq!(ran.code, 0, "{ran:?}");
    let line = |key: &str| ran.out.lines().find(|line| line.starts_with(key)).unwrap().to_owned();
    assert!(line("grace_seconds = 9").contains("config.toml:1"));
    assert!(line("db = \"/somewhere/else.db\"").ends_with("# environment MEDBAY_DB"));
    assert!(line("theme = \"light\"").ends_with("# --theme"));
    assert!(line("color = false").ends_with("# environment NO_COLOR"));
    assert!(line("max_stop_blocks = 3").ends_with("# default"));
    assert_eq!(home.run(&["config", "--check"]).code, 0);
    assert!(home.run(&["config", "--default"]).out.contains("# theme = \"dark\""));
}

#[test]
fn completions_for_each_shell() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = home.run(&["completions", shell]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{shell}");
        assert!(ran.out.contains("doctor"), "{shell}");
    }
}

#[test]
fn a_reader_that_goes_is_no_error() {
    let home = Home::new();
    let mut child =
        home.command(&["completions", "bash"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let ran = Ran::of(child.wait_with_output().unwrap());
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
}

#[test]
fn a_hook_never_refuses_because_medbay_is_wrongly_set_up() {
    let home = Home::new();
    // For an agent, a hook's exit code 2 means "refuse".
    assert_ne!(home.run(&["hook"]).code, 2);
    assert_ne!(home.run(&["hook", "claude-code", "--no-such-flag"]).code, 2);
    home.write(".config/medbay/config.toml", "theem = 1\n");
    let ran = home.run(&["hook", "claude-code"]);
    assert_ne!(ran.code, 2, "{ran:?}");
    assert_eq!(ran.out, "", "{ran:?}");
}

#[test]
fn the_doctor_finds_what_is_there() {
    let home = Home::new();
    let claude = ".claude/projects/p/0a1b2c3d-4e5f-4061-8071-2a3b4c5d6e7f.jsonl";
    home.write(claude, LOG);
    let ran = home.run(&["doctor"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let line = |about: &str| ran.out.lines().find(|l| l.contains(about)).unwrap_or_default().to_owned();
    assert!(line("claude-code").starts_with("ok") && line("claude-code").contains("1 files"), "{ran:?}");
    assert!(line("codex").starts_with("note"), "{ran:?}");
    assert!(line("hook").contains("medbay connect claude-code"), "{ran:?}");
    // Settings that nobody understands, and a ledger that is none.
    home.write(".claude/settings.json", "{ \"hooks\": ");
    home.write("not.db", "this is no ledger, although it is long enough to be looked at as one\n");
    let ran = home.run(&["doctor", "--db", "not.db"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.out.lines().any(|l| l.starts_with("bad") && l.contains("settings.json")), "{ran:?}");
    assert!(ran.out.lines().any(|l| l.starts_with("bad") && l.contains("not.db")), "{ran:?}");
}

/// A `tail` that is ended when the test ends.
struct Tailing(Child);

impl Drop for Tailing {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn append(path: &Path, text: &str) {
    fs::OpenOptions::new().append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

#[test]
fn tail_prints_findings_as_they_appear() {
    let home = Home::new();
    let (before, last) = LOG.trim_end().rsplit_once('\n').unwrap();
    let path = home.write("r.jsonl", &format!("{before}\n"));
    let child = home.command(&["tail", "--json", "r.jsonl"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut tailing = Tailing(child);
    let mut lines = BufReader::new(tailing.0.stdout.take().unwrap()).lines();
    let mut appended = false;
    // The failed call is found first; then the false claim is written, and found.
    loop {
        let finding: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        assert_eq!(finding["run"], "r1");
        assert!(!finding["evidence"].as_array().unwrap().is_empty());
        if finding["rule"] == "claim.contradicted" {
            assert!(appended);
            assert_eq!(finding["record"], 4);
            assert_eq!(finding["source"], path.canonicalize().unwrap().to_str().unwrap());
            return;
        }
        if !appended {
            append(&path, &format!("{last}\n"));
            appended = true;
        }
    }
}

#[test]
fn tail_reads_standard_input_to_its_end() {
    let home = Home::new();
    let mut child = home
        .command(&["tail", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The last line has no end: at the end of the input it counts all the same.
    child.stdin.take().unwrap().write_all(LOG.trim_end().as_bytes()).unwrap();
    let ran = Ran::of(child.wait_with_output().unwrap());
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.contains("claim.contradicted"), "{ran:?}");
    assert!(ran.out.contains("says") && ran.out.contains("shows"), "{ran:?}");
    let left: Vec<_> = fs::read_dir(home.path(".local/state/medbay"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .filter(|name| name.to_string_lossy().starts_with("stdin"))
        .collect();
    assert!(left.is_empty(), "what came through the pipe is not left behind: {left:?}");
}

#[test]
fn tail_says_when_there_is_nothing_to_follow() {
    let home = Home::new();
    home.run(&["tail"]).refused(&[".claude/projects", ".codex/sessions"]);
}

#[test]
fn experimental_rules_count_only_where_they_are_asked_for() {
    let home = Home::new();
    let mut log = String::from(LOG.lines().next().unwrap());
    log.push('\n');
    for round in 0..4 {
        let input = serde_json::json!({
            "file_path": "src/cache.rs",
            "old_string": format!("limit = {round}"),
            "new_string": format!("limit = {}", round + 1),
        });
        let call =
            serde_json::json!({"type": "call", "id": format!("c{round}"), "tool": "Edit", "input": input});
        let result = serde_json::json!({"type": "result", "id": format!("c{round}"), "status": "ok", "text": "edited"});
        log.push_str(&format!("{call}\n{result}\n"));
    }
    home.write("run.jsonl", &log);
    let rules = |command: &mut Command| {
        let ran = Ran::of(command.output().unwrap());
        assert_eq!(ran.err, "", "{ran:?}");
        ran.out.contains("edits.flailing")
    };
    let check = ["check", "--json", "run.jsonl"];
    assert!(!rules(&mut home.command(&check)), "off by default");
    assert!(rules(home.command(&check).env("MEDBAY_EXPERIMENTAL_RULES", "true")));
    let printed = home.run(&["config"]).out;
    assert!(printed.contains("experimental_rules = false"), "{printed}");
    home.write(".config/medbay/config.toml", "experimental_rules = true\n");
    assert!(rules(&mut home.command(&check)), "the file asks for them");
    assert!(!rules(home.command(&check).env("MEDBAY_EXPERIMENTAL_RULES", "false")), "the environment wins");
}
