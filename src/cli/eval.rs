//! `medbay eval`: measure the detectors against labels.

use std::path::PathBuf;
use std::process::ExitCode;

use super::Common;

/// Arguments of `eval`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Directories that hold `runs/` and `labels.jsonl`, or directories of such
    #[arg(value_name = "CORPUS", required = true)]
    pub(crate) corpus: Vec<PathBuf>,

    /// JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,

    /// Write one JSON object a run into this file
    #[arg(long, value_name = "FILE")]
    pub(crate) predictions: Option<PathBuf>,
}

/// Measures the detectors.
pub(crate) fn run(args: Args, _common: &Common) -> anyhow::Result<ExitCode> {
    let _ = (args.corpus, args.json, args.predictions);
    super::not_yet("eval", "use `medbay check PATH`")
}
