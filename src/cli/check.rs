//! `medbay check`: assess logs and print what was found.

use std::path::PathBuf;
use std::process::ExitCode;

use super::Common;

/// Arguments of `check`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Logs or directories of logs; `-` is standard input
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<PathBuf>,

    /// One JSON object a run
    #[arg(long)]
    pub(crate) json: bool,

    /// Exit with 1 when a run is in this band or worse
    #[arg(long, value_name = "BAND", value_enum, default_value = "alarm")]
    pub(crate) fail_on: FailOn,
}

/// The band from which on a run fails the check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum FailOn {
    /// Something is wrong.
    Alarm,
    /// A person should look.
    Triage,
}

/// Assesses logs.
pub(crate) fn run(args: Args, _common: &Common) -> anyhow::Result<ExitCode> {
    let _ = (args.paths, args.json, args.fail_on);
    super::not_yet("check", "use `medbay tail PATH`")
}
