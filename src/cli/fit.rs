//! `medbay fit`: fit weights, calibration and the width of sets, and write a model file with its card.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use jiff::Timestamp;

use super::Common;
use crate::engine::Judge;
use crate::lab::report::Measured;
use crate::lab::{card, cases, corpus, crossvalidate, report};
use crate::score::Model;

/// Arguments of `fit`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folders of labelled runs
    #[arg(value_name = "CORPUS", required_unless_present = "card")]
    pub(crate) corpora: Vec<PathBuf>,

    /// Where the model goes, its card beside it; without it, the model goes to standard output
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// The model's name
    #[arg(long, value_name = "NAME", default_value = "fitted")]
    pub(crate) name: String,

    /// Print the model's card: of what is fitted, or without CORPUS of the model in use
    #[arg(long)]
    pub(crate) card: bool,
}

/// Fits, or tells of the model in use.
pub(crate) fn run(args: Args, common: &Common) -> anyhow::Result<ExitCode> {
    if args.corpora.is_empty() {
        return print(&card_in_use(common)?);
    }
    let Fitted { model, card } = fit(&args, common)?;
    if let Some(file) = &args.output {
        write(file, &model, "the model")?;
        write(&beside(file), &card, "the model's card")?;
    }
    match (args.card, &args.output) {
        (true, _) => print(&card),
        (false, None) => print(&model),
        (false, Some(_)) => Ok(ExitCode::from(super::CLEAN)),
    }
}

/// The texts of a model file and of its card.
struct Fitted {
    model: String,
    card: String,
}

fn fit(args: &Args, common: &Common) -> anyhow::Result<Fitted> {
    let internal = *common.config.internal_signals;
    let judge = Judge {
        internal_signals: internal,
        experimental_rules: *common.config.experimental_rules,
        ..Judge::embedded()
    };
    let (as_came, copies) = corpus::part(corpus::read(&args.corpora)?);
    let assess = |labels| cases::assess(labels, &judge, |sentence| super::complain(&sentence));
    let (cases, copies) = (assess(as_came), assess(copies));
    let prior = Model::prior(internal);
    let costs = common.costs();
    let measured =
        report::measure(&cases, &crossvalidate::cross_validate(&cases, &copies, &prior, &costs), &costs);
    let all: Vec<&cases::Case> = cases.iter().chain(&copies).collect();
    let mut model = crossvalidate::fit_model(&all, &prior);
    model.name.clone_from(&args.name);
    describe(&mut model, &measured, copies.len());
    let text = model.to_text().context("the model cannot be written as TOML")?;
    let card = card::card(&model, &card::digest(&text), &today(), &card::data_of(&cases), &measured);
    Ok(Fitted { model: text, card })
}

/// Writes into a model what it was fitted on, and its figures.
fn describe(model: &mut Model, measured: &[Measured], copies: usize) {
    let parts: Vec<String> = measured
        .iter()
        .filter(|part| part.dataset != report::ALL)
        .map(|part| format!("{} ({} runs)", part.dataset, part.runs))
        .collect();
    model.fitted_on = parts.join(", ");
    if copies > 0 {
        model.fitted_on.push_str(&format!("; {copies} copies of good runs with a fault put in"));
    }
    if let Some(part) = measured.last() {
        model.figures = part
            .figures
            .iter()
            .map(|figure| (figure.kind.key.to_owned(), (figure.value * 1e4).round() / 1e4))
            .collect();
    }
}

/// The card of the model in use: the one beside its file if it is of this file, else what the file says.
fn card_in_use(common: &Common) -> anyhow::Result<String> {
    let (Some(model), Some(file)) = (common.named_model()?, common.config.model.as_deref()) else {
        return Ok(card::EMBEDDED.to_owned());
    };
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("the model file {} cannot be read", file.display()))?;
    let digest = card::digest(&text);
    let beside = beside(file);
    match std::fs::read_to_string(&beside) {
        Ok(card) if card.contains(&digest) => return Ok(card),
        Ok(_) => super::complain(&format!(
            "{} is the card of another model file: what follows is told by the model file alone",
            beside.display()
        )),
        Err(_) => {}
    }
    Ok(card::card_of_file(&model, &digest))
}

/// Where the card of a model file is.
fn beside(file: &Path) -> PathBuf {
    file.with_extension("card.md")
}

/// The date, as files have it.
pub(super) fn today() -> String {
    Timestamp::now().strftime("%Y-%m-%d").to_string()
}

fn write(file: &Path, text: &str, what: &str) -> anyhow::Result<()> {
    std::fs::write(file, text).with_context(|| format!("{what} cannot be written to {}", file.display()))
}

fn print(text: &str) -> anyhow::Result<ExitCode> {
    let mut out = super::stdout();
    out.write_all(text.as_bytes())?;
    super::finish(out, super::CLEAN)
}
