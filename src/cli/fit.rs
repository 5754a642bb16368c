//! `medbay fit`: fit weights, calibration and the width of sets, and write a model file.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;

use super::Common;
use crate::engine::Judge;
use crate::lab::{cases, corpus, crossvalidate, report};
use crate::score::Model;

/// Arguments of `fit`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folders of labelled runs
    #[arg(value_name = "CORPUS", required = true)]
    pub(crate) corpora: Vec<PathBuf>,

    /// Where the model goes; without it, to standard output
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// The model's name
    #[arg(long, value_name = "NAME", default_value = "fitted")]
    pub(crate) name: String,
}

/// Fits.
pub(crate) fn run(args: Args, common: &Common) -> anyhow::Result<ExitCode> {
    let internal = *common.config.internal_signals;
    let judge = Judge { internal_signals: internal, ..Judge::embedded() };
    let cases = cases::assess(corpus::read(&args.corpora)?, &judge, |sentence| super::complain(&sentence));
    let prior = Model::prior(internal);
    let costs = common.costs();
    let measured = report::measure(&cases, &crossvalidate::cross_validate(&cases, &prior, &costs), &costs);
    let all: Vec<&cases::Case> = cases.iter().collect();
    let mut model = crossvalidate::fit_model(&all, &prior);
    model.name = args.name;
    let parts: Vec<String> = measured
        .iter()
        .filter(|part| part.dataset != "all")
        .map(|part| format!("{} ({} runs)", part.dataset, part.runs))
        .collect();
    model.fitted_on = parts.join(", ");
    if let Some(part) = measured.last() {
        model.figures = part
            .figures
            .iter()
            .map(|figure| (figure.kind.key.to_owned(), (figure.value * 1e4).round() / 1e4))
            .collect();
    }
    let text = model.to_text().context("the model cannot be written as TOML")?;
    match &args.output {
        Some(file) => {
            std::fs::write(file, text)
                .with_context(|| format!("the model cannot be written to {}", file.display()))?;
            Ok(ExitCode::from(super::CLEAN))
        }
        None => {
            let mut out = super::stdout();
            out.write_all(text.as_bytes())?;
            super::finish(out, super::CLEAN)
        }
    }
}
