//! `medbay doctor`: what was found on this machine, and what to mend.
//!
//! One line a thing that was looked at: `ok`, `note` (medbay works, and could do more) or `bad`
//! (something does not work), each but `ok` with its mend. Exit code 1 when anything is bad. Nothing is
//! changed.

use std::fs;
use std::io::{IsTerminal as _, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;

use super::connect::settings_of;
use super::{CLEAN, Common, FOUND};
use crate::deliver::hook::Dialect;
use crate::deliver::tmux::screen;
use crate::ledger::Ledger;
use crate::screen::theme::{Depth, Theme};
use crate::source::discover::Looked;
use crate::source::{Discoverer, Roots};
use crate::text::{excerpt, quoted};

/// How many of an agent's latest logs are looked into.
const LOOKED_INTO: usize = 20;

/// The longest line, in bytes.
const LINE_BYTES: usize = 500;

/// Arguments of `doctor`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Looks around and says what it found.
pub(crate) fn run(_args: Args, common: &Common) -> anyhow::Result<ExitCode> {
    let mut report = Report::default();
    configuration(common, &mut report);
    agents(common, &mut report);
    hooks(common, &mut report);
    ledger(common, &mut report);
    channels(common, &mut report);
    places(common, &mut report);
    terminal(common, &mut report);
    let mut out = super::stdout();
    report.write(&mut out)?;
    super::finish(out, if report.is_bad() { FOUND } else { CLEAN })
}

/// How a thing is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    Ok,
    Note,
    Bad,
}

/// What was found.
#[derive(Default)]
struct Report {
    lines: Vec<(&'static str, How, String)>,
}

impl Report {
    fn ok(&mut self, about: &'static str, what: impl Into<String>) {
        self.lines.push((about, How::Ok, what.into()));
    }

    /// `mend` says what would make it better.
    fn note(&mut self, about: &'static str, what: impl AsRef<str>, mend: impl AsRef<str>) {
        self.lines.push((about, How::Note, format!("{}: {}", what.as_ref(), mend.as_ref())));
    }

    /// A sentence that holds its mend.
    fn bad(&mut self, about: &'static str, sentence: impl Into<String>) {
        self.lines.push((about, How::Bad, sentence.into()));
    }

    fn is_bad(&self) -> bool {
        self.lines.iter().any(|(_, how, _)| *how == How::Bad)
    }

    fn write(&self, out: &mut impl Write) -> std::io::Result<()> {
        for (about, how, what) in &self.lines {
            let how = match how {
                How::Ok => "ok",
                How::Note => "note",
                How::Bad => "bad",
            };
            writeln!(out, "{how:<5} {about:<14} {}", excerpt(what, LINE_BYTES))?;
        }
        Ok(())
    }
}

fn configuration(common: &Common, report: &mut Report) {
    let about = "configuration";
    match (&common.config.problem, &common.config.file) {
        (Some(problem), _) => report.bad(about, problem.clone()),
        (None, Some(file)) => report.ok(about, file.display().to_string()),
        (None, None) => report.ok(
            about,
            format!("none, the defaults hold; it would be {}", common.environment.config_file().display()),
        ),
    }
    match common.judge() {
        Ok(judge) => report.ok("model", judge.model.name.clone()),
        Err(error) => report.bad("model", super::sentence::of(&error)),
    }
    let folder = common.environment.config_directory().join("themes");
    let read = |path: &Path| fs::read_to_string(path).ok();
    match Theme::named(&common.config.theme, &folder, &read, Depth::Truecolor, false) {
        Ok(_) => report.ok("theme", common.config.theme.value.clone()),
        Err(error) => report.bad("theme", format!("{error}: choose another with --theme")),
    }
}

fn agents(common: &Common, report: &mut Report) {
    let claude = common.environment.claude_directory();
    let codex = common.environment.codex_directory();
    let gemini = common.environment.gemini_directory();
    for (about, home, logs, variable) in [
        ("claude-code", &claude, claude.join("projects"), "CLAUDE_CONFIG_DIR"),
        ("codex", &codex, codex.join("sessions"), "CODEX_HOME"),
        ("gemini", &gemini, gemini.join("tmp"), "GEMINI_CLI_HOME"),
    ] {
        if !home.is_dir() {
            let mend = format!("where it is elsewhere, say so in {variable}");
            report.note(about, format!("not found, {}", home.display()), mend);
            continue;
        }
        logs_of(about, &logs, report);
    }
}

fn logs_of(about: &'static str, logs: &Path, report: &mut Report) {
    let mut discoverer = Discoverer::new(None);
    let roots = Roots { named: Vec::new(), of_agents: vec![logs.to_owned()] };
    let (candidates, hidden) = discoverer.candidates(&roots);
    for error in &hidden {
        report.bad(about, error.to_string());
    }
    let Some(latest) = candidates.first() else {
        if hidden.is_empty() {
            let mend = "they are written when the agent is used";
            report.note(about, format!("no logs yet, {}", logs.display()), mend);
        }
        return;
    };
    let bytes: u64 = candidates.iter().map(|candidate| candidate.size).sum();
    let looked = candidates.len().min(LOOKED_INTO);
    let known = candidates
        .iter()
        .take(LOOKED_INTO)
        .filter(|candidate| !matches!(discoverer.look(&candidate.path), Ok(Looked::NoLog) | Err(_)))
        .count();
    report.ok(
        about,
        format!(
            "{} files, {}, the latest {} ago, {}",
            candidates.len(),
            size(bytes),
            age(latest.modified),
            logs.display()
        ),
    );
    if known < looked {
        report.note(
            about,
            format!("{} of the latest {looked} files are no logs that medbay knows", looked - known),
            "name one with --format to read it all the same",
        );
    }
}

fn hooks(common: &Common, report: &mut Report) {
    for dialect in Dialect::ALL {
        hook(dialect, &settings_of(dialect, &common.environment), report);
    }
}

fn hook(dialect: Dialect, path: &Path, report: &mut Report) {
    let (about, name) = ("hook", dialect.name());
    let apart = || {
        let mend = format!("`medbay connect {name}` lets approved texts reach it");
        (format!("{name} is not connected"), mend)
    };
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            if path.parent().is_some_and(Path::is_dir) {
                let (what, mend) = apart();
                report.note(about, what, mend);
            }
            return;
        }
        Err(error) => {
            return report
                .bad(about, format!("cannot read {}: {}", path.display(), crate::config::io_reason(&error)));
        }
    };
    match dialect.disconnected(&text) {
        Err(error) => report.bad(about, format!("{}: {error}", path.display())),
        Ok(without) if without == text => {
            let (what, mend) = apart();
            report.note(about, what, mend);
        }
        Ok(_) => {
            let program = std::env::current_exe().ok();
            let command = program.as_deref().and_then(Path::to_str).map(|program| dialect.command(program));
            let ours = command.and_then(|command| dialect.connected(&text, &command).ok());
            if ours.as_deref() == Some(text.as_str()) {
                report.ok(about, format!("{name} is connected, {}", path.display()));
            } else {
                report.note(
                    about,
                    format!("{name} is connected to another medbay, {}", path.display()),
                    format!("`medbay connect {name}` connects it to this one"),
                );
            }
        }
    }
}

fn ledger(common: &Common, report: &mut Report) {
    let about = "ledger";
    let path = common.db();
    if !path.exists() {
        let first = path.ancestors().skip(1).find(|above| above.exists()).unwrap_or(Path::new("/"));
        if writable(first) {
            report.ok(about, format!("not there yet, made at the first proposal, {}", path.display()));
        } else {
            report.bad(about, format!("cannot be made, {}: name another place with --db", path.display()));
        }
        return;
    }
    let opened = Ledger::open_read_only(path).and_then(|ledger| ledger.desk());
    match opened {
        Ok(desk) => {
            let waiting = desk.iter().filter(|entry| entry.state == crate::ledger::State::Waiting).count();
            let size = size(fs::metadata(path).map_or(0, |there| there.len()));
            report.ok(about, format!("{waiting} waiting, {size}, {}", path.display()));
        }
        Err(error) => report.bad(about, error.to_string()),
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(path).map_or(0o600, |there| there.permissions().mode() & 0o777);
        if mode & 0o077 != 0 {
            report.bad(
                about,
                format!("others may read it (mode {mode:o}), {0}: `chmod 600 {0}`", path.display()),
            );
        }
    }
}

fn places(common: &Common, report: &mut Report) {
    let state = &common.state_directory;
    let there = state.ancestors().find(|above| above.exists()).unwrap_or(Path::new("/"));
    if writable(there) {
        report.ok("log", state.display().to_string());
    } else {
        report.bad(
            "log",
            format!("{} cannot be written to: set XDG_STATE_HOME to a place of yours", state.display()),
        );
    }
    let spool = &common.config.spool_directory;
    if spool.exists() && !writable(spool) {
        report.bad(
            "spool",
            format!("{} cannot be written to: give yourself the right, or set MEDBAY_SPOOL", spool.display()),
        );
    } else {
        report.ok("spool", spool.display().to_string());
    }
}

/// Whether files can be made in a directory, as its permissions and the file system say.
fn writable(directory: &Path) -> bool {
    let probe = directory.join(format!(".medbay-{}", std::process::id()));
    let made = fs::OpenOptions::new().write(true).create_new(true).open(&probe).is_ok();
    if made {
        let _ = fs::remove_file(&probe);
    }
    made
}

fn channels(common: &Common, report: &mut Report) {
    let about = "channels";
    let config = &common.config;
    if *config.socket {
        let path = super::channels::socket(common);
        match UnixStream::connect(&path) {
            Ok(_) => report.ok(about, format!("a console answers agents, {}", path.display())),
            Err(_) => report.note(
                about,
                format!("no console answers agents now, {}", path.display()),
                "`medbay` does while it runs",
            ),
        }
    }
    if *config.http_port != 0 {
        let token = super::channels::token(common);
        report.ok(
            about,
            format!("HTTP on 127.0.0.1:{} with the token in {}", *config.http_port, token.display()),
        );
    }
    for agent in config.tmux.iter().filter(|agent| !screen::knows(agent)) {
        report.note(
            about,
            format!("the prompt box of {} is not known, and nothing is typed there", quoted(agent, 60)),
            "take it out of tmux under [channels]",
        );
    }
    if !config.tmux.is_empty() && !on_path(common, "tmux") {
        report.bad(
            about,
            "tmux is not found and texts are to be typed there: install it, or empty tmux under [channels]",
        );
    }
    if let Some(program) = config.command.first() {
        if config.command_agents.is_empty() {
            report.note(about, "the command carries texts to no agent", "name some in command_agents");
        } else if !on_path(common, program) {
            report.bad(
                about,
                format!("the command {} is not found: mend command under [channels]", quoted(program, 120)),
            );
        } else {
            let agents = config.command_agents.join(", ");
            report.ok(about, format!("{} carries texts to {agents}", quoted(program, 120)));
        }
    }
}

/// Whether a program is found as it would be started.
fn on_path(common: &Common, program: &str) -> bool {
    if program.contains('/') {
        return Path::new(program).is_file();
    }
    let path = common.environment.path("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn terminal(common: &Common, report: &mut Report) {
    let about = "terminal";
    let environment = &common.environment;
    let term = environment.text("TERM").unwrap_or_default();
    if !std::io::stdout().is_terminal() {
        report.note(about, "standard output is no terminal", "the console needs one");
    } else if term.is_empty() || term == "dumb" {
        report.bad(
            about,
            format!("TERM is {term:?}, and the console needs a screen: set it, or use another terminal"),
        );
        return;
    }
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(|name| environment.text(name));
    let utf8 = locale.is_some_and(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    });
    let colours = if !common.color() {
        "no colour, as was asked for"
    } else if environment.text("COLORTERM").is_some_and(|c| c == "truecolor" || c == "24bit") {
        "truecolor"
    } else if term.contains("256") {
        "256 colours"
    } else {
        "16 colours"
    };
    if utf8 {
        report.ok(about, format!("{term}, {colours}, UTF-8"));
    } else {
        report.note(
            about,
            format!("{term}, {colours}, the locale {} is not UTF-8", locale.unwrap_or("(none)")),
            "set LANG to one that is, or see ASCII in place of glyphs",
        );
    }
}

fn size(bytes: u64) -> String {
    let mut number = bytes as f64;
    for unit in ["bytes", "KB", "MB"] {
        if number < 1000.0 {
            return if unit == "bytes" { format!("{bytes} bytes") } else { format!("{number:.1} {unit}") };
        }
        number /= 1000.0;
    }
    format!("{number:.1} GB")
}

fn age(time: SystemTime) -> String {
    let seconds = SystemTime::now().duration_since(time).map_or(0, |age| age.as_secs());
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_ages_are_short() {
        assert_eq!(size(999), "999 bytes");
        assert_eq!(size(1_500), "1.5 KB");
        assert_eq!(size(2_000_000_000), "2.0 GB");
        let day = std::time::Duration::from_secs(86_400);
        assert_eq!(age(SystemTime::now() - 3 * day), "3 days");
    }
}
