//! `medbay eval`: measure the detectors against labels.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use serde_json::json;

use super::Common;
use super::fit::today;
use crate::detect;
use crate::engine::Judge;
use crate::lab::cases::{self, Case, JudgedCase};
use crate::lab::corpus::{self, Label};
use crate::lab::detectors::{self, RuleFigures};
use crate::lab::floors::{self, Floors};
use crate::lab::report::{Measured, RuleMeasured};
use crate::lab::{crossvalidate, faults, plots, report};
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

    /// Write reliability diagrams and precision-recall curves into a folder, as SVG
    #[arg(long, value_name = "DIR")]
    pub(crate) plots: Option<PathBuf>,

    /// Hold the figures against a file of floors; exit 1 when one falls below
    #[arg(long, value_name = "FILE")]
    pub(crate) floors: Option<PathBuf>,

    /// Raise a file of floors to what is measured, less its slack; none is lowered
    #[arg(long, value_name = "FILE")]
    pub(crate) write_floors: Option<PathBuf>,

    /// Write the rules' figures, and the page that lists the rules, into a folder
    #[arg(long, value_name = "DIR")]
    pub(crate) write_docs: Option<PathBuf>,
}

/// What was measured.
struct Report {
    judged_by: String,
    internal: bool,
    experimental: bool,
    measured: Vec<Measured>,
    /// As measured with internal signals the other way round, where that was asked for.
    other: Option<Vec<Measured>>,
    rules: Vec<RuleMeasured>,
    misses: Vec<String>,
    /// The file of floors, and what became of each.
    floors: Option<(String, Vec<floors::Check>)>,
}

/// Measures. Without `--model`, every run is judged by a model that was fitted on the runs of other
/// tasks; with it, by that model as it is.
pub(crate) fn run(args: Args, common: &Common) -> anyhow::Result<ExitCode> {
    // What is to be held against the figures is read first: a wrong file must not cost the measuring.
    let known_floors = args.floors.as_deref().map(read_floors).transpose()?;
    let raised = args
        .write_floors
        .as_deref()
        .map(|file| if file.exists() { read_floors(file) } else { Ok(Floors::default()) });
    let raised = raised.transpose()?;
    let labels = corpus::read(&args.corpora)?;
    let (as_came, copies) = corpus::part(labels.clone());
    if as_came.is_empty()
        && let Some(faults) =
            faults::measure(&labels, &common.judge()?, |sentence| super::complain(&sentence))
    {
        return print_faults(&faults, args.json);
    }
    let mut report = measure(&args, &as_came, &copies, common)?;
    if let (Some(file), Some(floors)) = (&args.floors, known_floors) {
        report.floors = Some((file.display().to_string(), floors.check(&report.measured)));
    }
    if let (Some(file), Some(mut floors)) = (&args.write_floors, raised) {
        floors.raise(&report.measured, &today());
        write(file, &floors.to_text())?;
    }
    if let Some(folder) = &args.plots {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("the folder {} cannot be made", folder.display()))?;
        for (name, plot) in plots::FILES {
            write(&folder.join(name), &plot(&report.measured))?;
        }
    }
    if let Some(folder) = &args.write_docs {
        let figures = RuleFigures::of(&report.measured, &report.rules, &today());
        let text = figures.to_text().context("the rules' figures cannot be written as TOML")?;
        write(&folder.join(detectors::FIGURES), &text)?;
        write(&folder.join(detectors::PAGE), &detectors::markdown(&detect::rules(), &figures))?;
    }
    let missed = report.floors.as_ref().is_some_and(|(_, checks)| checks.iter().any(|check| !check.met));
    let mut out = super::stdout();
    if args.json {
        writeln!(out, "{}", report.json())?;
    } else {
        out.write_all(report.text().as_bytes())?;
    }
    super::finish(out, if missed { super::FOUND } else { super::CLEAN })
}

/// Measures labels of runs as they came; `copies` with a fault help to fit.
fn measure(args: &Args, labels: &[Label], copies: &[Label], common: &Common) -> anyhow::Result<Report> {
    let costs = common.costs();
    let given = common.named_model()?;
    let internal = *common.config.internal_signals;
    let experimental = *common.config.experimental_rules;
    let assess = |labels: &[Label], internal_signals, experimental_rules, complain: fn(&str)| {
        let judge = Judge { internal_signals, experimental_rules, ..Judge::embedded() };
        cases::assess(labels.to_vec(), &judge, |sentence| complain(&sentence))
    };
    let cases = assess(labels, internal, experimental, super::complain);
    let faulty = assess(copies, internal, experimental, super::complain);
    let judged = judge(&cases, &faulty, given.as_deref(), internal, &costs, report::judged_with_variants);
    // Every rule is measured, also those that are off.
    let mut rules = report::measure_rules(&assess(labels, true, true, |_| ()));
    report::add_losses(&mut rules, &cases, &judged, &costs);
    let judged: Vec<JudgedCase> = judged.into_iter().map(|(judged, _)| judged).collect();
    let measured = report::measure(&cases, &judged, &costs);
    let other = (!args.no_comparison).then(|| {
        let cases = assess(labels, !internal, experimental, |_| ());
        let faulty = assess(copies, !internal, experimental, |_| ());
        let judged = judge(&cases, &faulty, given.as_deref(), !internal, &costs, |case, judge| judge(case));
        report::measure(&cases, &judged, &costs)
    });
    if let Some(file) = &args.predictions {
        write_predictions(file, &cases, &judged)
            .with_context(|| format!("predictions cannot be written to {}", file.display()))?;
    }
    let judged_by = given.map_or_else(
        || {
            let with = match copies.len() {
                0 => String::new(),
                n => format!(", {n} copies with a fault put in among what they were fitted on"),
            };
            format!("models fitted on the runs of other tasks ({} folds){with}", crossvalidate::FOLDS)
        },
        |model| format!("{} as it is: in-sample where it was fitted on these runs", model.name),
    );
    let misses = report::misses(&cases);
    Ok(Report { judged_by, internal, experimental, measured, other, rules, misses, floors: None })
}

impl Report {
    fn json(&self) -> serde_json::Value {
        json!({
            "judged_by": self.judged_by,
            "internal_signals": self.internal,
            "experimental_rules": self.experimental,
            "datasets": self.measured,
            "rules": self.rules,
            "misses": self.misses,
            "floors": self.floors.as_ref().map(|(_, checks)| checks),
            "other_setting": self.other.as_ref().map(|datasets| {
                json!({"internal_signals": !self.internal, "datasets": datasets})
            }),
        })
    }

    fn text(&self) -> String {
        let word = |on: bool| if on { "on" } else { "off" };
        let mut text = format!(
            "judged by {}\ninternal signals {}, experimental rules {}\n\n",
            self.judged_by,
            word(self.internal),
            word(self.experimental)
        );
        text.push_str(&report::table(&self.measured, &self.rules));
        if let Some(other) = &self.other {
            let (off, on) = if self.internal { (other, &self.measured) } else { (&self.measured, other) };
            text.push_str(&report::compared(off, on));
        }
        text.push_str(&report::unfound(&self.misses));
        if let Some((file, checks)) = &self.floors {
            text.push_str(&floors::table(file, checks));
        }
        text
    }
}

fn read_floors(file: &Path) -> anyhow::Result<Floors> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("the file of floors {} cannot be read", file.display()))?;
    Floors::parse(&text).map_err(|reason| {
        anyhow!("{} is no file of floors: {reason}; write one with --write-floors", file.display())
    })
}

fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(file, text).with_context(|| format!("{} cannot be written", file.display()))
}

/// What `look` makes of each case and of what judges it: the model that was given, else one that was
/// fitted without the case's task.
fn judge<T>(
    cases: &[Case],
    copies: &[Case],
    given: Option<&Model>,
    internal: bool,
    costs: &Costs,
    look: impl Fn(&Case, &dyn Fn(&Case) -> JudgedCase) -> T,
) -> Vec<T> {
    match given {
        Some(model) => {
            let by = |case: &Case| case.judge(model, costs);
            cases.iter().map(|case| look(case, &by)).collect()
        }
        None => crossvalidate::cross_validate_with(cases, copies, &Model::prior(internal), costs, look),
    }
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

fn write_predictions(file: &Path, cases: &[Case], judged: &[JudgedCase]) -> anyhow::Result<()> {
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
