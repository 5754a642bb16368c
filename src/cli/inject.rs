//! `medbay inject`: a copy of a run with faults put in, and their labels. Comes with the fault
//! injection experiments.

use std::path::PathBuf;
use std::process::ExitCode;

use super::Common;

/// Arguments of `inject`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The run
    #[arg(value_name = "PATH")]
    path: PathBuf,
}

/// Says that it is not there yet.
pub(crate) fn run(args: Args, _common: &Common) -> anyhow::Result<ExitCode> {
    let _ = args.path;
    super::not_yet("inject", "`medbay check PATH` assesses the run as it is")
}
