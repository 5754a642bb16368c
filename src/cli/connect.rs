//! `medbay connect`: add medbay's hook to an agent's settings, or take it out again.
//!
//! Shows the change, asks where somebody can answer, keeps a backup beside the file, and replaces the
//! file in one step. A file that is not understood is left as it is.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, anyhow, bail};
use jiff::Timestamp;
use similar::TextDiff;

use super::{CLEAN, Common, complain, stdout};
use crate::config::Environment;
use crate::deliver::hook::Dialect;
use crate::text;

/// Arguments of `connect`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The agent: claude-code, codex, gemini, openhands or crush
    #[arg(value_name = "AGENT")]
    pub(crate) agent: String,

    /// Take the hook out again
    #[arg(long)]
    pub(crate) undo: bool,

    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,

    /// The settings file, instead of the agent's own
    #[arg(long, value_name = "FILE")]
    pub(crate) settings: Option<PathBuf>,
}

/// Adds the hook, or takes it out.
pub(crate) fn run(args: Args, common: &Common) -> anyhow::Result<ExitCode> {
    let Some(dialect) = Dialect::by_name(&args.agent) else {
        bail!(
            "no agent is called {}: `medbay connect` knows {}",
            text::quoted(&args.agent, 60),
            Dialect::names()
        );
    };
    let named = args.settings.unwrap_or_else(|| settings_of(dialect, &common.environment));
    // Where the file is a link (as dotfile managers make them), the link stays.
    let path = fs::canonicalize(&named).unwrap_or(named);
    let before = read(&path)?;
    let text = before.as_deref().unwrap_or_default();
    let after =
        if args.undo { dialect.disconnected(text) } else { dialect.connected(text, &command(dialect)?) };
    let after = after.with_context(|| format!("{} was left as it is", path.display()))?;
    if after == text {
        let state = if args.undo { "has no hook of medbay" } else { "has medbay's hook already" };
        complain(&format!("{} {state}: nothing was changed", path.display()));
        return Ok(ExitCode::from(CLEAN));
    }
    show(&path, text, &after)?;
    if !args.yes && io::stdin().is_terminal() && !agreed(&path)? {
        complain("nothing was changed");
        return Ok(ExitCode::from(CLEAN));
    }
    let backup = replace(&path, before.as_deref(), &after)?;
    let done = if args.undo { "took the hook out of" } else { "added the hook to" };
    let kept = backup.map_or(String::new(), |b| format!("; the file as it was is {}", b.display()));
    complain(&format!("{done} {}{kept}", path.display()));
    if let (false, Some(next)) = (args.undo, next_step(dialect)) {
        complain(next);
    }
    Ok(ExitCode::from(CLEAN))
}

/// Where the agent keeps its hooks, for all of its user's work.
pub(super) fn settings_of(dialect: Dialect, environment: &Environment) -> PathBuf {
    match dialect {
        Dialect::ClaudeCode => environment.claude_directory().join("settings.json"),
        Dialect::Codex => environment.codex_directory().join("hooks.json"),
        Dialect::Gemini => environment.gemini_directory().join("settings.json"),
        Dialect::OpenHands => environment.home().join(".openhands").join("hooks.json"),
        Dialect::Crush => environment.crush_directory().join("crush.json"),
    }
}

/// What is left for the user to do, or to know.
fn next_step(dialect: Dialect) -> Option<&'static str> {
    match dialect {
        Dialect::Codex => Some(
            "Codex skips a hook in silence until you trust it: open Codex, type /hooks and trust medbay's; a changed hook has to be trusted again",
        ),
        Dialect::OpenHands => Some(
            "a repository with a .openhands/hooks.json of its own does not read this one: name that file with --settings there",
        ),
        Dialect::ClaudeCode | Dialect::Gemini | Dialect::Crush => None,
    }
}

/// This program as the agent is to call it.
fn command(dialect: Dialect) -> anyhow::Result<String> {
    let program = std::env::current_exe().context("cannot tell where this program is")?;
    let program = program.to_str().ok_or_else(|| {
        anyhow!("the path of this program, {}, is not UTF-8: put it elsewhere", program.display())
    })?;
    Ok(dialect.command(program))
}

fn read(path: &Path) -> anyhow::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e).with_context(|| {
            format!("cannot read {}: check its permissions, or name another with --settings", path.display())
        }),
    }
}

fn show(path: &Path, before: &str, after: &str) -> anyhow::Result<()> {
    let name = path.display().to_string();
    let diff = TextDiff::from_lines(before, after);
    let mut diff = diff.unified_diff();
    let mut out = stdout();
    out.write_all(text::shown(&diff.context_radius(3).header(&name, &name).to_string()).as_bytes())?;
    out.flush().context("cannot write to standard output")
}

fn agreed(path: &Path) -> anyhow::Result<bool> {
    let mut ask = io::stderr().lock();
    write!(ask, "Write this to {}? [y/N] ", path.display())?;
    ask.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Replaces the file in one step; returns where the one before is kept.
fn replace(path: &Path, before: Option<&str>, after: &str) -> anyhow::Result<Option<PathBuf>> {
    let cannot = || format!("cannot write {}: check the permissions of its directory", path.display());
    let directory = path.parent().filter(|d| !d.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).with_context(cannot)?;
    let mode = fs::metadata(path).map_or(0o600, |about| about.permissions().mode() & 0o777);
    let backup = match before {
        None => None,
        Some(text) => {
            let stamp = Timestamp::now().strftime("%Y%m%dT%H%M%S%.3fZ");
            let backup = beside(path, &format!("medbay-{stamp}.bak"));
            write_new(&backup, text, mode).with_context(cannot)?;
            Some(backup)
        }
    };
    let unfinished = beside(path, &format!("medbay-{}.tmp", std::process::id()));
    let written = write_new(&unfinished, after, mode).map_err(anyhow::Error::from).and_then(|()| {
        if read(path)?.as_deref() != before {
            bail!("{} was changed by somebody else meanwhile: run this again", path.display());
        }
        fs::rename(&unfinished, path)?;
        Ok(File::open(directory)?.sync_all()?)
    });
    if let Err(e) = written {
        // Best effort: the sentence about the first failure is what matters.
        let _ = fs::remove_file(&unfinished);
        return Err(e).with_context(cannot);
    }
    Ok(backup)
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(end);
    path.with_file_name(name)
}

fn write_new(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.set_permissions(Permissions::from_mode(mode))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
