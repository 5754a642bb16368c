//! The command line: one file a subcommand.
//!
//! Data goes to standard output, all else to standard error. An error is one sentence,
//! `medbay: what, where: mend`, and exit code 2; a reader that closed the pipe is no error. Exit codes:
//! 0 done and clean, 1 done and something was found, 2 could not run.
//!
//! To add a subcommand: write `src/cli/NAME.rs` with `Args` and `run(args, &Common)`, and add one
//! line to [`Command`] and one to [`run_command`]. A subcommand may use every room; no room uses it.

mod channels;
mod check;
mod clerk;
mod completions;
mod config;
mod connect;
mod console;
mod decisions;
mod doctor;
mod eval;
mod export;
mod fit;
mod guard;
mod hook;
mod inject;
mod logging;
mod replay;
mod samples;
mod sentence;
mod sources;
mod tail;

use std::ffi::OsString;
use std::io::{self, BufWriter, StdoutLock, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, anyhow, bail};
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::config::{Config, Environment, Flags};
use crate::engine::Judge;
use crate::format::{self, Format};
use crate::score::{Costs, Model};

/// Done, and nothing was found that the caller asked to be told of.
pub const CLEAN: u8 = 0;
/// Done, and something was found.
pub const FOUND: u8 = 1;
/// Could not run.
pub const COULD_NOT_RUN: u8 = 2;

/// See which step of an agent's run is wrong, with the two facts that disagree, and repair only what
/// you approve.
#[derive(Debug, Parser)]
#[command(
    name = "medbay",
    version,
    about,
    long_about = None,
    after_help = "Without PATH: the logs of the agents found on this machine, else the bundled sample runs.\n\
                  A file named like a subcommand is opened as ./NAME."
)]
pub struct Cli {
    #[command(flatten)]
    global: Global,

    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    console: console::Args,
}

/// Options that every subcommand takes.
#[derive(Debug, Clone, Default, clap::Args)]
struct Global {
    /// The ledger [environment: MEDBAY_DB]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Common")]
    db: Option<PathBuf>,

    /// The configuration [environment: MEDBAY_CONFIG]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Common")]
    config: Option<PathBuf>,

    /// The model that judges, instead of the built-in one [environment: MEDBAY_MODEL]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Common")]
    model: Option<PathBuf>,

    /// The log format, instead of the one that the first records show [environment: MEDBAY_FORMAT]
    #[arg(long, global = true, value_name = "NAME", help_heading = "Common")]
    format: Option<String>,

    /// The colour theme [environment: MEDBAY_THEME]
    #[arg(long, global = true, value_name = "NAME", help_heading = "Common")]
    theme: Option<String>,

    /// Let what the model said it thought count as evidence
    #[arg(long, global = true, help_heading = "Common")]
    internal_signals: bool,

    /// No colour [environment: NO_COLOR]
    #[arg(long, global = true, help_heading = "Common")]
    no_color: bool,

    /// Write more into medbay's own log file; twice: more still
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Common")]
    verbose: u8,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
enum Command {
    /// The console over a recorded run, with its clock
    Replay(replay::Args),
    /// Assess logs and print what was found
    Check(check::Args),
    /// Print findings as they appear
    Tail(tail::Args),
    /// Measure the detectors against labels
    Eval(eval::Args),
    /// Fit weights, calibration and cuts, and write a model file
    Fit(fit::Args),
    /// Write a copy of a run with faults put in, and their labels
    Inject(inject::Args),
    /// Called by an agent's hook system
    Hook(hook::Args),
    /// Write a run in another form
    Export(export::Args),
    /// Add medbay's hook to an agent's settings
    Connect(connect::Args),
    /// What was decided: list, show, export, verify
    Decisions(decisions::Args),
    /// What limits recoveries: modes, budgets, breakers, canary; stop everything, and resume
    Guard(guard::Args),
    /// Print the configuration that is in effect
    Config(config::Args),
    /// Say what was found on this machine, and what to mend
    Doctor(doctor::Args),
    /// Print a shell's completion script
    Completions(completions::Args),
}

/// What every subcommand is given.
pub struct Common {
    /// The configuration in effect.
    pub config: Config,
    /// The log format that was asked for; `None`: each source shows its own.
    pub format: Option<&'static dyn Format>,
    /// Where medbay keeps its own log and its panic reports.
    pub state_directory: PathBuf,
    /// The environment, as it was at the start.
    pub environment: Environment,
}

impl Common {
    /// Where the ledger is.
    pub fn db(&self) -> &Path {
        &self.config.db
    }

    /// Whether colour may be used at all.
    pub fn color(&self) -> bool {
        *self.config.color
    }

    /// How runs are judged: the model that was named or the embedded one, the two costs, the signals.
    pub fn judge(&self) -> anyhow::Result<Judge> {
        Ok(Judge {
            model: self.named_model()?.unwrap_or_else(Model::embedded),
            costs: self.costs(),
            internal_signals: *self.config.internal_signals,
            experimental_rules: *self.config.experimental_rules,
            // Whoever drafts for an agent sets what its ledger shows.
            record: Arc::default(),
        })
    }

    /// The two costs that the bands come from.
    pub fn costs(&self) -> Costs {
        Costs { miss: *self.config.cost_miss, interruption: *self.config.cost_interruption }
    }

    /// The model file that was named, read.
    pub fn named_model(&self) -> anyhow::Result<Option<Arc<Model>>> {
        let Some(path) = self.config.model.as_deref() else { return Ok(None) };
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| {
            anyhow!("the model file {file} cannot be read: {error}: name another with --model, or none")
        })?;
        Ok(Some(Arc::new(Model::parse(&text, &file)?)))
    }

    fn new(global: &Global, environment: Environment) -> anyhow::Result<Self> {
        let flags = Flags {
            db: global.db.clone(),
            config: global.config.clone(),
            model: global.model.clone(),
            format: global.format.clone(),
            theme: global.theme.clone(),
            internal_signals: global.internal_signals.then_some(true),
            color: global.no_color.then_some(false),
        };
        let config = Config::load(&flags, &environment)?;
        Self::with(config, environment)
    }

    fn with(config: Config, environment: Environment) -> anyhow::Result<Self> {
        let format = match config.format.as_deref() {
            None => None,
            Some(name) => Some(format::by_name(name).ok_or_else(|| {
                let names: Vec<&str> = format::ALL.iter().map(|f| f.name()).collect();
                anyhow!(
                    "no log format is called {}, {}: use one of {}",
                    crate::text::quoted(name, 60),
                    config.format.origin,
                    names.join(", ")
                )
            })?),
        };
        Ok(Self { state_directory: environment.state_directory(), config, format, environment })
    }
}

/// Standard output, buffered. Flush it, or give it to [`finish`], before the process ends.
pub(crate) fn stdout() -> BufWriter<StdoutLock<'static>> {
    BufWriter::new(io::stdout().lock())
}

/// Runs the program: parses the arguments, sets up the log and hands over.
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    // For agents, exit code 2 of a hook means "refuse": a hook that cannot work must never say that.
    let is_hook = first_subcommand(&arguments).is_some_and(|name| name == "hook");
    let parsed =
        Cli::command().try_get_matches_from(arguments).and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => return usage(&error, is_hook),
    };
    let result = run(cli);
    match result {
        Ok(code) => code,
        Err(error) if is_broken_pipe(&error) => ExitCode::from(CLEAN),
        Err(error) => {
            complain(&sentence::of(&error));
            tracing::error!("{}", sentence::of(&error));
            ExitCode::from(if is_hook { FOUND } else { COULD_NOT_RUN })
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let environment = Environment::of_process();
    logging::start(&environment, cli.global.verbose);
    let common = match Common::new(&cli.global, environment.clone()) {
        Ok(common) => common,
        // A hook goes on with the defaults, and the log says why.
        Err(error) if matches!(cli.command, Some(Command::Hook(_))) => {
            tracing::error!("{}", sentence::of(&error));
            Common::with(Config::defaults(&environment)?, environment)?
        }
        // `doctor` is for mending exactly this, and says it in its report.
        Err(error) if matches!(cli.command, Some(Command::Doctor(_))) => {
            let mut common = Common::with(Config::defaults(&environment)?, environment)?;
            common.config.problem = Some(sentence::of(&error));
            common
        }
        Err(error) => return Err(error),
    };
    match cli.command {
        None => console::run(cli.console, &common),
        Some(command) => {
            if let Some(path) = cli.console.paths.first() {
                bail!(
                    "a path stands before the subcommand, {}: put it after the subcommand",
                    crate::text::quoted(&path.to_string_lossy(), 120)
                );
            }
            run_command(command, &common)
        }
    }
}

fn run_command(command: Command, common: &Common) -> anyhow::Result<ExitCode> {
    match command {
        Command::Replay(args) => replay::run(args, common),
        Command::Check(args) => check::run(args, common),
        Command::Tail(args) => tail::run(args, common),
        Command::Eval(args) => eval::run(args, common),
        Command::Fit(args) => fit::run(args, common),
        Command::Inject(args) => inject::run(args, common),
        Command::Hook(args) => hook::run(args, common),
        Command::Export(args) => export::run(args, common),
        Command::Connect(args) => connect::run(args, common),
        Command::Decisions(args) => decisions::run(args, common),
        Command::Guard(args) => guard::run(args, common),
        Command::Config(args) => config::run(args, common),
        Command::Doctor(args) => doctor::run(args, common),
        Command::Completions(args) => completions::run(args, common),
    }
}

/// The first argument that is a subcommand's name: known even where the rest cannot be parsed.
fn first_subcommand(arguments: &[OsString]) -> Option<String> {
    let command = Cli::command();
    arguments
        .iter()
        .skip(1)
        .filter_map(|argument| argument.to_str())
        .find(|argument| command.find_subcommand(argument).is_some())
        .map(str::to_owned)
}

/// Answers what clap has to say: help and version go to standard output, a wrong usage is one sentence.
fn usage(error: &clap::Error, is_hook: bool) -> ExitCode {
    if !error.use_stderr() {
        // A closed pipe is no error.
        let _ = error.print();
        return ExitCode::from(CLEAN);
    }
    complain(&sentence::of_usage(error));
    ExitCode::from(if is_hook { FOUND } else { COULD_NOT_RUN })
}

/// Paths, for a sentence.
pub(crate) struct Theirs<'a>(pub(crate) &'a [PathBuf]);

impl std::fmt::Display for Theirs<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, path) in self.0.iter().enumerate() {
            let between = if index == 0 { "" } else { " and " };
            write!(f, "{between}{}", path.display())?;
        }
        Ok(())
    }
}

/// Waits until somebody asks the process to stop. Needs a tokio runtime.
pub(crate) async fn asked_to_stop() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let (Ok(mut term), Ok(mut hangup)) =
            (signal(SignalKind::terminate()), signal(SignalKind::hangup()))
        {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = term.recv() => {}
                _ = hangup.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}

/// One line on standard error.
pub(crate) fn complain(sentence: &str) {
    let _ = writeln!(io::stderr().lock(), "medbay: {sentence}");
}

/// Writes out what is still in the buffer, and gives the exit code.
pub(crate) fn finish(mut out: impl io::Write, code: u8) -> anyhow::Result<ExitCode> {
    out.flush().context("cannot write to standard output")?;
    Ok(ExitCode::from(code))
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .any(|cause| cause.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe))
}

/// For subcommands that a later version brings.
pub(crate) fn not_yet(name: &str, instead: &str) -> anyhow::Result<ExitCode> {
    bail!("`medbay {name}` is not built yet: {instead}")
}
