//! The model card: what a model was fitted on, how it was measured, its figures and its limits, as
//! Markdown beside the model file.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::cases::{Case, each_log_once};
use super::crossvalidate::{COVERAGE, FOLDS};
use super::report::{ALL, Figure, Measured, Unit};
use crate::score::Model;

/// The card of the embedded model.
pub const EMBEDDED: &str = include_str!("../score/default.card.md");

/// What holds of any model that is fitted this way.
const LIMITS: &[&str] = &[
    "Few tasks, and of few kinds: intervals are wide, and a run of another kind may be judged worse than \
     any of these.",
    "Labels are noisy: two groups of experts who labelled the same 44 runs named the same step in 36 of \
     100, and the same agent in 61 of 100. Most labels name one step a run, so that another wrong step counts \
     as a false alarm.",
    "Weights, calibration and the width of sets are measured on runs that they were not fitted on. The \
     rules and the features themselves were written by people who had seen runs of these datasets, and may \
     fit them better than others.",
    "Where the wrong step stands in a run differs between datasets and is learnt in part: beside the \
     figures stand predictors that know the position alone.",
    "Long runs fail more often in some datasets and not in others: run length is confounded with how hard \
     a task is.",
    "Talk and web search leave little that can be held against what was said; logs of coding agents, with \
     test runs and files, leave much. A run with nothing found is not shown to be right.",
    "P(wrong) and P(failed) are calibrated to these datasets' shares of wrong steps and failed runs. Where \
     yours differ, refit on your own labels with `medbay fit`.",
];

/// The digest of a model file's text, in hex.
pub fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A dataset that a model was fitted on, in numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Data {
    /// The dataset's name.
    pub dataset: String,
    /// Runs.
    pub runs: usize,
    /// Tasks that they are of.
    pub tasks: usize,
    /// Steps in them.
    pub steps: usize,
    /// Runs that failed.
    pub failed: usize,
    /// Runs that succeeded.
    pub good: usize,
    /// Runs with a labelled step.
    pub labelled: usize,
}

/// The data of cases, by dataset in the order of their names, and in all: there, a log that two datasets
/// label counts once.
pub fn data_of(cases: &[Case]) -> Vec<Data> {
    let names: BTreeSet<&str> = cases.iter().map(|case| case.label.dataset.as_str()).collect();
    let mut all: Vec<Data> = names
        .iter()
        .map(|name| count(name, cases.iter().filter(|case| case.label.dataset == *name)))
        .collect();
    let once = each_log_once(cases, |case| (case.log, &case.label.dataset));
    all.push(count(ALL, once.into_iter()));
    all
}

fn count<'a>(name: &str, cases: impl Iterator<Item = &'a Case>) -> Data {
    let cases: Vec<&Case> = cases.collect();
    let tasks: BTreeSet<&str> = cases.iter().map(|case| case.label.task.as_str()).collect();
    Data {
        dataset: name.to_owned(),
        runs: cases.len(),
        tasks: tasks.len(),
        steps: cases.iter().map(|case| case.steps.len()).sum(),
        failed: cases.iter().filter(|case| case.label.success == Some(false)).count(),
        good: cases.iter().filter(|case| case.label.success == Some(true)).count(),
        labelled: cases.iter().filter(|case| case.label.failed_step.is_some()).count(),
    }
}

/// The card of a model that has just been fitted. `digest` is that of the model file's text, `date` that
/// of today.
pub fn card(model: &Model, digest: &str, date: &str, data: &[Data], measured: &[Measured]) -> String {
    let mut out = head(model, digest, Some(date));
    let _ = write!(
        out,
        "\n## Data\n\n\
         | dataset | runs | tasks | steps | failed | good | with a labelled step |\n\
         |---|---:|---:|---:|---:|---:|---:|\n"
    );
    for d in data {
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} |",
            d.dataset, d.runs, d.tasks, d.steps, d.failed, d.good, d.labelled
        );
    }
    let _ = write!(
        out,
        "\nIn all, a log that two datasets label counts once. A step is an example where its run has a \
         labelled step or succeeded; a run is one where its dataset holds failed and good runs.\n\n\
         ## How it was measured\n\n\
         {FOLDS} folds by task: the runs of one task are never on both sides, and no figure is in-sample. In \
         each fold, calibration and the width of sets (split conformal, {:.0} of 100) come from folds inside \
         the fit. Intervals are 95 %, by bootstrap over tasks. Baselines learn from the runs of other tasks in \
         the dataset. The model in the file is then fitted on all of the data.\n",
        COVERAGE * 100.0
    );
    for part in measured.iter().rev() {
        figures_of(&mut out, part);
    }
    not_shown(&mut out, measured);
    limits(&mut out);
    out
}

/// What can be said of a model with no card beside it.
pub fn card_of_file(model: &Model, digest: &str) -> String {
    let mut out = head(model, digest, None);
    let _ = write!(
        out,
        "\n## Data\n\n{}\n\n## Figures\n\nOut of fold, in all, as the model file has them; it has no card \
         beside it, so that intervals and baselines are not known.\n\n| figure | value |\n|---|---:|\n",
        escaped(&model.fitted_on)
    );
    for (name, value) in &model.figures {
        let _ = writeln!(out, "| {} | {value} |", escaped(name));
    }
    limits(&mut out);
    out
}

fn head(model: &Model, digest: &str, date: Option<&str>) -> String {
    let word = |on: bool| if on { "on" } else { "off" };
    let mut out = format!("# Model card: {}\n\n", escaped(&model.name));
    if let Some(date) = date {
        let _ = writeln!(out, "- fitted on {date}");
    }
    let _ = write!(
        out,
        "- digest of the model file (SHA-256): `{digest}`\n\
         - internal signals: {}\n\
         - what it gives: P(step wrong) and P(run failed), each from additive features and calibrated, the \
         class, and a set of consecutive steps that is to hold the first error in {:.0} of 100 failed runs\n\
         - what it is for: to order and band steps for a person who decides. It is not for judging people, nor \
         for acting without one\n",
        word(model.internal_signals),
        COVERAGE * 100.0
    );
    let shapes = |names: Vec<&String>| match names.len() {
        0 => "none".to_owned(),
        _ => names.into_iter().map(String::as_str).collect::<Vec<_>>().join(", "),
    };
    let _ = writeln!(
        out,
        "- shapes of runs with a model of their own: of P(run failed) {}; of the agents' words {}; of the \
         decisive step {}. Other shapes share the general one",
        shapes(model.run_of.keys().collect()),
        shapes(model.lexical_of.keys().collect()),
        shapes(model.decisive_of.keys().collect()),
    );
    out
}

fn figures_of(out: &mut String, part: &Measured) {
    let _ = write!(
        out,
        "\n## Figures: {}\n\n| figure | value | 95 % interval | n | best baseline |\n|---|---:|---|---:|---|\n",
        part.dataset
    );
    for figure in &part.figures {
        let interval = figure.interval.map_or_else(String::new, |(low, high)| {
            format!("[{}, {}]", number(figure, low), number(figure, high))
        });
        let beside = figure
            .best_baseline()
            .map_or_else(String::new, |(_, title, value)| format!("{} {title}", number(figure, value)));
        let _ = writeln!(
            out,
            "| {} | {} | {interval} | {} | {beside} |",
            figure.kind.title,
            number(figure, figure.value),
            figure.cases
        );
    }
}

fn number(figure: &Figure, value: f64) -> String {
    if figure.kind.unit == Unit::PerThousand { format!("{value:.1}") } else { format!("{value:.3}") }
}

/// The figures that are no better than their best baseline by more than the interval.
fn not_shown(out: &mut String, measured: &[Measured]) {
    out.push_str("\n## Not better than a baseline by more than the interval\n\n");
    let mut any = false;
    for part in measured.iter().rev() {
        let names: Vec<&str> = part
            .figures
            .iter()
            .filter(|figure| figure.beats_baselines() == Some(false))
            .map(|figure| figure.kind.title)
            .collect();
        if !names.is_empty() {
            any = true;
            let _ = writeln!(out, "- {}: {}", part.dataset, names.join("; "));
        }
    }
    if !any {
        out.push_str("None.\n");
    }
}

fn limits(out: &mut String) {
    out.push_str("\n## Limits\n\n");
    for limit in LIMITS {
        let _ = writeln!(out, "- {limit}");
    }
}

/// Text of a model file, as it may stand in a page.
fn escaped(text: &str) -> String {
    crate::text::excerpt(text, 2000).replace('|', "\\|").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::report::kind;

    fn measured() -> Measured {
        let figure = |key: &str, value, interval, baseline| Figure {
            kind: kind(key).unwrap(),
            value,
            interval: Some(interval),
            cases: 40,
            baselines: vec![("first_step", "first step", baseline)],
        };
        Measured {
            dataset: "d".to_owned(),
            figures: vec![
                figure("step_top1", 0.5, (0.4, 0.6), 0.2),
                figure("step_top3", 0.5, (0.4, 0.6), 0.45),
            ],
            ..Measured::default()
        }
    }

    #[test]
    fn a_card_holds_data_figures_and_what_was_not_shown() {
        let data =
            Data { dataset: "d".into(), runs: 40, tasks: 30, steps: 400, failed: 25, good: 15, labelled: 25 };
        let card = card(&Model::prior(false), "abc123", "2026-11-24", &[data], &[measured()]);
        for part in [
            "# Model card: prior",
            "- fitted on 2026-11-24",
            "`abc123`",
            "| d | 40 | 30 | 400 | 25 | 15 | 25 |",
            "folds by task",
            "| step top-1 | 0.500 | [0.400, 0.600] | 40 | 0.200 first step |",
            "by more than the interval\n\n- d: step top-3\n",
            "## Limits",
        ] {
            assert!(card.contains(part), "{part} is missing: {card}");
        }
    }

    #[test]
    fn a_model_without_a_card_says_what_its_file_says() {
        let mut model = Model::prior(true);
        model.name = "mine | <b>\u{1b}[1m".to_owned();
        model.figures.insert("run_auroc".to_owned(), 0.81);
        let card = card_of_file(&model, "abc");
        assert!(card.starts_with("# Model card: mine \\| &lt;b>"), "{card}");
        assert!(!card.contains('\u{1b}') && card.contains("| run_auroc | 0.81 |"), "{card}");
        assert!(card.contains("internal signals: on") && !card.contains("fitted on 2"), "{card}");
    }

    #[test]
    fn the_embedded_card_is_that_of_the_embedded_model() {
        let digest = digest(include_str!("../score/default.toml"));
        assert!(
            EMBEDDED.contains(&digest),
            "the card is not that of src/score/default.toml ({digest}): `medbay fit -o` writes both"
        );
    }
}
