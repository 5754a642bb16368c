//! `medbay eval`: measure the detectors against labels.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::json;

use super::Common;
use crate::engine::Judge;
use crate::lab::{cases, corpus, crossvalidate, faults, report};
use crate::score::Model;

/// Arguments of `eval`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folders of labelled runs
    #[arg(value_name = "CORPUS", required = true)]
    pub(crate) corpora: Vec<PathBuf>,

    /// One JSON object
    #[arg(long)]
    pub(crate) json: bool,

    /// Write what was predicted of each run, one JSON object a line
    #[arg(long, value_name = "FILE")]
    pub(crate) predictions: Option<PathBuf>,
}

/// Measures. Without `--model`, every run is judged by a model that was fitted on the runs of other
/// tasks; with it, by that model as it is.
pub(crate) fn run(args: Args, common: &Common) -> anyhow::Result<ExitCode> {
    let internal = *common.config.internal_signals;
    let costs = common.costs();
    let judge = Judge { internal_signals: internal, ..Judge::embedded() };
    let labels = corpus::read(&args.corpora)?;
    if let Some(faults) = faults::measure(&labels, &common.judge()?, |sentence| super::complain(&sentence)) {
        return print_faults(&faults, args.json);
    }
    let cases = cases::assess(labels, &judge, |sentence| super::complain(&sentence));
    let given = common.named_model()?;
    let judged = match &given {
        Some(model) => cases.iter().map(|c| c.judge(model, &costs)).collect(),
        None => crossvalidate::cross_validate(&cases, &Model::prior(internal), &costs),
    };
    let measured = report::measure(&cases, &judged, &costs);
    let rules = report::measure_rules(&cases);
    let misses = report::misses(&cases);
    let judged_by = given
        .map_or_else(|| "models fitted on the runs of other tasks (5 folds)".to_owned(), |m| m.name.clone());
    let mut out = super::stdout();
    if args.json {
        let object = json!({
            "judged_by": judged_by, "internal_signals": internal, "datasets": measured, "rules": rules, "misses": misses,
        });
        writeln!(out, "{object}")?;
    } else {
        writeln!(out, "judged by {judged_by}; internal signals {}\n", if internal { "on" } else { "off" })?;
        out.write_all(report::table(&measured, &rules, &misses).as_bytes())?;
    }
    if let Some(file) = &args.predictions {
        write_predictions(file, &cases, &judged)
            .with_context(|| format!("predictions cannot be written to {}", file.display()))?;
    }
    super::finish(out, super::CLEAN)
}

/// Injected faults are reported by themselves: a known fault in a good run says nothing of how often
/// runs fail.
fn print_faults(faults: &faults::Faults, as_json: bool) -> anyhow::Result<ExitCode> {
    let mut out = super::stdout();
    if as_json {
        writeln!(out, "{}", json!({ "faults": faults }))?;
    } else {
        out.write_all(faults.table().as_bytes())?;
    }
    super::finish(out, super::CLEAN)
}

fn write_predictions(
    file: &PathBuf,
    cases: &[cases::Case],
    judged: &[cases::JudgedCase],
) -> anyhow::Result<()> {
    let mut out = std::io::BufWriter::new(std::fs::File::create(file)?);
    for (case, judged) in cases.iter().zip(judged) {
        let steps: Vec<_> = case
            .steps
            .iter()
            .zip(judged.steps.iter().zip(&judged.scores))
            .map(|(step, (judged, score))| {
                json!({
                    "step": step.record, "score": score, "class": judged.class.map(crate::detect::Class::word),
                    "agent": step.agent,
                })
            })
            .collect();
        let line = json!({
            "dataset": case.label.dataset, "run": case.label.run, "steps": steps,
            "class": judged.run.class.map(crate::detect::Class::word), "p_fail": judged.run.p_fail.get(),
        });
        writeln!(out, "{line}")?;
    }
    out.flush()?;
    Ok(())
}
