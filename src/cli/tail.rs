//! `medbay tail`: findings as they appear.

use std::path::PathBuf;
use std::process::ExitCode;

use super::Common;

/// Arguments of `tail`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Logs or directories of logs; `-` is standard input
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,

    /// One JSON object a finding
    #[arg(long)]
    pub(crate) json: bool,
}

/// Follows logs and prints findings.
pub(crate) fn run(args: Args, _common: &Common) -> anyhow::Result<ExitCode> {
    let _ = (args.paths, args.json);
    super::not_yet("tail", "use `medbay check PATH`")
}
