//! `medbay eval`: measure the detectors against labels.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::json;

use super::Common;
use crate::engine::Judge;
use crate::lab::cases::{self, Case, JudgedCase};
use crate::lab::{corpus, crossvalidate, report};
use crate::score::{Costs, Model};

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

    /// Do not measure a second time with internal signals the other way round
    #[arg(long)]
    pub(crate) no_comparison: bool,
}

/// Measures. Without `--model`, every run is judged by a model that was fitted on the runs of other
/// tasks; with it, by that model as it is.
pub(crate) fn run(args: Args, common: &Common) -> anyhow::Result<ExitCode> {
    let labels = corpus::read(&args.corpora)?;
    let costs = common.costs();
    let given = common.named_model()?;
    let internal = *common.config.internal_signals;
    let experimental = *common.config.experimental_rules;
    let assess = |internal_signals, experimental_rules, complain: fn(&str)| {
        let judge = Judge { internal_signals, experimental_rules, ..Judge::embedded() };
        cases::assess(labels.clone(), &judge, |sentence| complain(&sentence))
    };
    let cases = assess(internal, experimental, super::complain);
    let judged = judge(&cases, given.as_deref(), internal, &costs);
    let mut rules = report::measure_rules(&assess(true, true, |_| ()));
    report::add_losses(&mut rules, &cases, &judged, &costs);
    let judged: Vec<JudgedCase> = judged.into_iter().map(|(judged, _)| judged).collect();
    let measured = report::measure(&cases, &judged, &costs);
    let other = (!args.no_comparison).then(|| {
        let cases = assess(!internal, experimental, |_| ());
        let judged = judge(&cases, given.as_deref(), !internal, &costs);
        let judged: Vec<JudgedCase> = judged.into_iter().map(|(judged, _)| judged).collect();
        report::measure(&cases, &judged, &costs)
    });
    let misses = report::misses(&cases);
    let judged_by = given.map_or_else(
        || format!("models fitted on the runs of other tasks ({} folds)", crossvalidate::FOLDS),
        |model| model.name.clone(),
    );
    let mut out = super::stdout();
    if args.json {
        let object = json!({
            "judged_by": judged_by,
            "internal_signals": internal,
            "experimental_rules": experimental,
            "datasets": measured,
            "rules": rules,
            "misses": misses,
            "other_setting": other.map(|datasets| json!({"internal_signals": !internal, "datasets": datasets})),
        });
        writeln!(out, "{object}")?;
    } else {
        let word = |on: bool| if on { "on" } else { "off" };
        writeln!(
            out,
            "judged by {judged_by}; internal signals {}, experimental rules {}\n",
            word(internal),
            word(experimental)
        )?;
        out.write_all(report::table(&measured, &rules, &misses).as_bytes())?;
        if let Some(other) = &other {
            let (off, on) = if internal { (other, &measured) } else { (&measured, other) };
            out.write_all(report::compared(off, on).as_bytes())?;
        }
    }
    if let Some(file) = &args.predictions {
        write_predictions(file, &cases, &judged)
            .with_context(|| format!("predictions cannot be written to {}", file.display()))?;
    }
    super::finish(out, super::CLEAN)
}

/// Judges the cases, each also without each of the rules that fired in it.
fn judge(
    cases: &[Case],
    given: Option<&Model>,
    internal: bool,
    costs: &Costs,
) -> Vec<(JudgedCase, report::Variants)> {
    match given {
        Some(model) => {
            let by = |case: &Case| case.judge(&model.step, &model.run, model.set_share, costs);
            cases.iter().map(|case| report::judged_with_variants(case, &by)).collect()
        }
        None => crossvalidate::cross_validate_with(
            cases,
            &Model::prior(internal),
            costs,
            report::judged_with_variants,
        ),
    }
}

fn write_predictions(file: &Path, cases: &[Case], judged: &[JudgedCase]) -> anyhow::Result<()> {
    let mut out = std::io::BufWriter::new(std::fs::File::create(file)?);
    for (case, judged) in cases.iter().zip(judged) {
        let steps: Vec<_> = case
            .steps
            .iter()
            .zip(&judged.steps)
            .map(|(step, judged)| {
                json!({
                    "step": step.record, "score": judged.suspicion, "class": judged.class.map(crate::detect::Class::word),
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
