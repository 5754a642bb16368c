//! The report as text for people, at most [`WIDTH`] columns wide.

use std::fmt::Write as _;

use super::curves::{Bin, Point};
use super::figures::{Better, Figure, Unit};
use super::rules::RuleMeasured;
use super::{ALL, Measured};
use crate::detect::Class;

/// The width that the table keeps to.
pub(super) const WIDTH: usize = 100;

/// The figures that are compared with and without internal signals.
const MAIN: &[&str] = &[
    "step_top1",
    "step_top3",
    "agent",
    "set_coverage",
    "set_width_median",
    "run_auroc",
    "run_brier",
    "false_alarms_per_1000",
];

// Writing to a string cannot fail: the results of `writeln!` are dropped throughout.

/// The report.
pub fn table(measured: &[Measured], rules: &[RuleMeasured]) -> String {
    let mut out = String::new();
    for part in measured {
        figures_of(&mut out, part);
    }
    let _ = writeln!(
        out,
        "not above: not better than the baseline beside it by more than the interval. Intervals: 95 %, by\n\
         bootstrap over tasks. Fixed position, agent blamed most and usual class are learnt from the runs\n\
         of other tasks in the dataset. In all, a log that two datasets label is counted once.\n"
    );
    if let Some(part) = measured.iter().find(|part| part.dataset == ALL).or(measured.last()) {
        diagrams(&mut out, part);
    }
    rules_table(&mut out, rules);
    out
}

/// The names of failed runs in which nothing was found.
pub fn unfound(misses: &[String]) -> String {
    if misses.is_empty() {
        return String::new();
    }
    format!("\nfailed runs in which nothing was found: {}\n{}", misses.len(), fill(misses, "  "))
}

fn figures_of(out: &mut String, part: &Measured) {
    let plural = if part.tasks == 1 { "" } else { "s" };
    let _ = writeln!(
        out,
        "{} · {} runs of {} task{plural}, {} steps",
        part.dataset, part.runs, part.tasks, part.steps
    );
    let _ = writeln!(out, "  {:<28} {:>7}  {:<14} {:>6}  best baseline", "", "", "interval", "n");
    for figure in &part.figures {
        let line = format!(
            "  {:<28} {:>7}  {:<14} {:>6}  {}",
            figure.kind.title,
            number(figure, figure.value),
            interval(figure),
            figure.cases,
            beside(figure),
        );
        let _ = writeln!(out, "{}", line.trim_end());
    }
    let _ = writeln!(out);
}

fn number(figure: &Figure, value: f64) -> String {
    match figure.kind.unit {
        Unit::Share | Unit::Number => format!("{value:.3}"),
        Unit::PerThousand => format!("{value:.1}"),
    }
}

fn interval(figure: &Figure) -> String {
    figure.interval.map_or_else(String::new, |(low, high)| {
        format!("[{}, {}]", number(figure, low), number(figure, high))
    })
}

fn beside(figure: &Figure) -> String {
    let Some((_, title, value)) = figure.best_baseline() else { return String::new() };
    let worse = match (figure.beats_baselines(), figure.kind.better) {
        (Some(false), Better::Higher) => ", not above",
        (Some(false), Better::Lower) => ", not below",
        _ => "",
    };
    format!("{} {title}{worse}", number(figure, value))
}

/// The main figures with internal signals off and on, side by side: all of them for all datasets, and
/// those of a dataset that differ.
pub fn compared(off: &[Measured], on: &[Measured]) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "\n{:<48} {:<22} on", "internal signals", "off");
    let mut same = Vec::new();
    for (without, with) in off.iter().zip(on) {
        let mut differ = false;
        for key in MAIN {
            let (Some(a), Some(b)) = (without.figure(key), with.figure(key)) else { continue };
            let changed = (a.value - b.value).abs() > 5e-4;
            differ |= changed;
            if changed || without.dataset == ALL {
                let side = |f: &Figure| format!("{} {}", number(f, f.value), interval(f));
                let _ = writeln!(
                    out,
                    "  {:<22} {:<28} {:<22} {}",
                    without.dataset,
                    a.kind.title,
                    side(a),
                    side(b)
                );
            }
        }
        if !differ && without.dataset != ALL {
            same.push(without.dataset.clone());
        }
    }
    let differs = |(a, b): (&Measured, &Measured)| {
        a.figures.iter().zip(&b.figures).any(|(a, b)| (a.value - b.value).abs() > 1e-9)
    };
    if !off.iter().zip(on).any(differs) {
        let _ =
            writeln!(out, "  no figure of any dataset differs: the internal rules add nothing in these runs");
    } else if !same.is_empty() {
        let _ = writeln!(out, "  no main figure differs in:");
        out.push_str(&fill(&same, "  "));
    }
    out
}

/// A reliability diagram and a precision-recall curve, in characters.
fn diagrams(out: &mut String, part: &Measured) {
    let (reliability, curve) = (&part.reliability, &part.precision_recall);
    for (what, bins) in [("P(run failed)", &reliability.runs), ("P(step wrong)", &reliability.steps)] {
        if !bins.is_empty() {
            let _ = writeln!(out, "{}: {what} as said, and how often it was so", part.dataset);
            reliability_diagram(out, bins);
        }
    }
    for (what, points) in [("failed runs", &curve.runs), ("wrong steps", &curve.steps)] {
        if !points.is_empty() {
            let _ = writeln!(out, "{}: {what}, precision at recall", part.dataset);
            precision_recall_curve(out, points);
        }
    }
}

/// Cells of a diagram's scale from 0 to 1.
const CELLS: usize = 50;

fn cell(value: f64) -> usize {
    ((value * CELLS as f64).round() as usize).min(CELLS)
}

fn reliability_diagram(out: &mut String, bins: &[Bin]) {
    let _ = writeln!(out, "  {:<9} {:>6} {:>6} {:>6}  0{:>CELLS$}", "bin", "n", "said", "was", "1");
    for bin in bins {
        let mut bar: Vec<char> =
            (0..=CELLS).map(|at| if at < cell(bin.happened) { '█' } else { ' ' }).collect();
        if let Some(place) = bar.get_mut(cell(bin.said)) {
            *place = '│';
        }
        let _ = writeln!(
            out,
            "  {:.1}–{:.1}   {:>6} {:>6.2} {:>6.2}  {}",
            bin.low,
            bin.high,
            bin.cases,
            bin.said,
            bin.happened,
            bar.iter().collect::<String>().trim_end()
        );
    }
    let _ = writeln!(out, "  █ how often it was so, │ what was said\n");
}

fn precision_recall_curve(out: &mut String, points: &[Point]) {
    let _ = writeln!(out, "  {:<7} {:>9} {:>9}  0{:>CELLS$}", "recall", "precision", "threshold", "1");
    for tenth in 1..=10 {
        let wanted = f64::from(tenth) / 10.0;
        let Some(point) = points.iter().find(|point| point.recall >= wanted - 1e-9) else { continue };
        let bar = "█".repeat(cell(point.precision));
        let _ = writeln!(out, "  ≥ {wanted:<5.1} {:>9.2} {:>9.2}  {bar}", point.precision, point.threshold);
    }
    let _ = writeln!(out);
}

fn rules_table(out: &mut String, rules: &[RuleMeasured]) {
    let mut fired: Vec<&RuleMeasured> =
        rules.iter().filter(|r| r.fires + r.good_fires + r.failed_runs + r.good_runs > 0).collect();
    fired.sort_by(|a, b| b.hits.cmp(&a.hits).then(b.fires.cmp(&a.fires)).then(a.rule.cmp(b.rule)));
    let _ = writeln!(
        out,
        "{:<28} {:>5} {:>4} {:>5} {:<9} {:>6} {:>4} {:>4} {:>8}  {:<17}",
        "", "", "", "", "", "", "", "good", "runs", "without it"
    );
    let _ = writeln!(
        out,
        "{:<28} {:>5} {:>4} {:>5} {:<9} {:>6} {:>4} {:>4} {:>8}  {:>5} {:>5} {:>5}",
        "rule",
        "fires",
        "hits",
        "prec",
        "interval",
        "chance",
        "lift",
        "step",
        "bad/good",
        "top-1",
        "top-3",
        "AUROC"
    );
    for rule in fired {
        let shown = |value: Option<f64>, places: usize| {
            value.map_or_else(|| "–".to_owned(), |value| format!("{value:.places$}"))
        };
        let lost = |value: fn(&super::rules::Lost) -> f64| match rule.without.as_ref().map(value) {
            None => "off".to_owned(),
            Some(change) if change.abs() < 5e-4 => "·".to_owned(),
            Some(change) if change.abs() > 0.9995 => format!("{change:+.2}"),
            Some(change) => format!("{change:+.3}").replace("0.", "."),
        };
        let name = match (rule.class, rule.proven) {
            (Class::Operational, _) => format!("{}°", rule.rule),
            (_, false) => format!("{}*", rule.rule),
            _ => rule.rule.to_owned(),
        };
        let interval = rule.interval.map_or_else(String::new, |(low, high)| format!("{low:.2}–{high:.2}"));
        let _ = writeln!(
            out,
            "{name:<28} {:>5} {:>4} {:>5} {interval:<9} {:>6} {:>4} {:>4} {:>8}  {:>5} {:>5} {:>5}",
            rule.fires,
            rule.hits,
            shown(rule.precision, 2),
            shown(rule.chance, 2),
            shown(rule.lift, 1),
            rule.good_fires,
            format!("{}/{}", rule.failed_runs, rule.good_runs),
            lost(|lost| lost.step_top1),
            lost(|lost| lost.step_top3),
            lost(|lost| lost.run_auroc),
        );
    }
    let _ = writeln!(
        out,
        "chance: the share of wrong steps in the runs where it fired, which is what always firing would hit\n\
         there. good step: fires on steps of successful runs. runs: failed and good runs touched, where a\n\
         dataset has both. without it: the change of the figures of all when what it found is taken away and\n\
         the models of the cross-validation judge anew (they are not fitted anew). ° shown, never scored as\n\
         failure; * experimental, off unless asked for; off: not on in this measurement."
    );
    let shown: Vec<String> = rules.iter().filter(|r| r.shows_lift).map(|r| r.rule.to_owned()).collect();
    let _ = writeln!(out, "\nlift shown (three hits or more, the interval above chance): {}", shown.len());
    out.push_str(&fill(&shown, "  "));
    let silent: Vec<String> = rules
        .iter()
        .filter(|r| r.fires + r.good_fires + r.failed_runs + r.good_runs == 0)
        .map(|r| r.rule.to_owned())
        .collect();
    if !silent.is_empty() {
        let _ = writeln!(out, "\nrules that fired nowhere: {}", silent.len());
        out.push_str(&fill(&silent, "  "));
    }
}

/// Words in lines no wider than [`WIDTH`], two spaces between them.
fn fill(words: &[String], indent: &str) -> String {
    let (mut out, mut line) = (String::new(), String::new());
    for word in words {
        if !line.is_empty() && indent.len() + line.chars().count() + 2 + word.chars().count() > WIDTH {
            let _ = writeln!(out, "{indent}{line}");
            line.clear();
        }
        if !line.is_empty() {
            line.push_str("  ");
        }
        line.push_str(word);
    }
    if !line.is_empty() {
        let _ = writeln!(out, "{indent}{line}");
    }
    out
}
