//! `medbay [PATH…]`: the console.

use std::path::PathBuf;
use std::process::ExitCode;

use super::Common;

/// Arguments of the console.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Args {
    /// Logs or directories of logs; `-` is standard input
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
}

/// Opens the console.
pub(crate) fn run(args: Args, _common: &Common) -> anyhow::Result<ExitCode> {
    let _ = args.paths;
    anyhow::bail!("the console is not built yet: use `medbay check PATH`")
}
