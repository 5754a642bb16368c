//! `medbay replay`: the console over a recorded run, with its clock.

use std::path::PathBuf;
use std::process::ExitCode;

use super::Common;

/// Arguments of `replay`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The recorded run: a log, or a directory of logs
    #[arg(value_name = "PATH")]
    pub(crate) path: PathBuf,

    /// How many times as fast as it happened
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0)]
    pub(crate) speed: f64,

    /// Where to begin: a record's number, a share such as 50%, or a time
    #[arg(long, value_name = "POSITION")]
    pub(crate) at: Option<String>,

    /// Begin paused
    #[arg(long)]
    pub(crate) paused: bool,
}

/// Opens the console over a recorded run.
pub(crate) fn run(args: Args, _common: &Common) -> anyhow::Result<ExitCode> {
    let _ = (args.path, args.speed, args.at, args.paused);
    super::not_yet("replay", "use `medbay check PATH`")
}
