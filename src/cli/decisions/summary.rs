//! `medbay decisions list --summary`: what recoveries were worth.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::ExitCode;

use serde_json::json;

use super::super::{CLEAN, finish};
use crate::ledger::Ledger;
use crate::recover::measure::{Case, ENOUGH, Figures, by, figures};
use crate::text;

/// Prints the figures, as a table or as one JSON object.
pub(super) fn print(ledger: &Ledger, as_json: bool, mut out: impl Write) -> anyhow::Result<ExitCode> {
    let cases = ledger.cases()?;
    let groups = [
        ("class", by(&cases, |case| case.class.word().to_owned())),
        ("rule", by(&cases, |case| case.rule.clone())),
        ("remedy", by(&cases, |case| format!("{}: {}", case.class.word(), case.remedy.words()))),
        ("writer", by(&cases, writer)),
    ];
    let all = figures(&cases);
    if as_json {
        let mut object = json!({ "all": all, "enough": ENOUGH });
        if let Some(object) = object.as_object_mut() {
            for (name, group) in &groups {
                object.insert(format!("by_{name}"), serde_json::to_value(group)?);
            }
        }
        writeln!(out, "{}", text::clean(&object.to_string()))?;
        return finish(out, CLEAN);
    }
    if cases.is_empty() {
        super::super::complain("nothing was proposed yet");
        return finish(out, CLEAN);
    }
    writeln!(
        out,
        "{:<44} {:>9} {:>5}  {:<24} {:>9} {:>9} {:>8} {:>8}  regret",
        "", "proposals", "sent", "recovered", "decide", "recover", "tokens", "seconds"
    )?;
    row(&mut out, "all", &all)?;
    for (name, group) in &groups {
        table(&mut out, name, group)?;
    }
    if all.unsent_followed > 0 {
        let (least, most) = all.unsent_interval;
        writeln!(
            out,
            "\nleft alone (observed or held out): {} of {} recovered by themselves ({:.0}–{:.0} %)",
            all.unsent_recovered,
            all.unsent_followed,
            least * 100.0,
            most * 100.0
        )?;
    }
    writeln!(
        out,
        "\nrecovered: of those sent whose outcome is known, with Wilson's 95 % interval; decide, recover, tokens\n\
         and seconds are medians; regret: vetoed, undone, edited heavily or not recovered, each proposal once.\n\
         From {ENOUGH} followed cases each, a remedy that another one beats is no longer tried first."
    )?;
    finish(out, CLEAN)
}

fn writer(case: &Case) -> String {
    if case.model_written { "a model's text" } else { "template or person" }.to_owned()
}

fn table(out: &mut impl Write, name: &str, group: &BTreeMap<String, Figures>) -> std::io::Result<()> {
    writeln!(out, "by {name}")?;
    group.iter().try_for_each(|(name, figures)| row(out, &format!("  {}", text::excerpt(name, 42)), figures))
}

fn row(out: &mut impl Write, name: &str, figures: &Figures) -> std::io::Result<()> {
    let share = if figures.followed == 0 {
        "-".to_owned()
    } else {
        let (least, most) = figures.interval;
        let (least, most) = (least * 100.0, most * 100.0);
        format!("{} of {} ({least:.0}–{most:.0} %)", figures.recovered, figures.followed)
    };
    let seconds = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |s| format!("{s:.0} s"));
    let count = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |n| format!("{n:.0}"));
    writeln!(
        out,
        "{name:<44} {:>9} {:>5}  {share:<24} {:>9} {:>9} {:>8} {:>8}  {}",
        figures.proposals,
        figures.sent,
        seconds(figures.decided_in),
        seconds(figures.recovered_in),
        count(figures.tokens),
        count(figures.seconds),
        figures.regret.any
    )
}
