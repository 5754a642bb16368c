//! `medbay fit`: fit weights, calibration and cuts, and write a model file.

use std::path::PathBuf;
use std::process::ExitCode;

use super::Common;

/// Arguments of `fit`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Directories that hold `runs/` and `labels.jsonl`, or directories of such
    #[arg(value_name = "CORPUS", required = true)]
    pub(crate) corpus: Vec<PathBuf>,

    /// Where to write the model; without it, standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// Fits a model.
pub(crate) fn run(args: Args, _common: &Common) -> anyhow::Result<ExitCode> {
    let _ = (args.corpus, args.output);
    super::not_yet("fit", "the built-in model judges until then")
}
