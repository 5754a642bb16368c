//! The page that lists the rules, made from the registry and from the figures that `medbay eval` wrote
//! last. A test holds the page to both, so that it needs no corpus to be kept true.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::report::{Measured, RuleMeasured};
use crate::detect::{Basis, Class, Rule};
use crate::score::measure::Share;

/// The page's name in the folder of documents.
pub const PAGE: &str = "detectors.md";
/// The figures' name in the same folder.
pub const FIGURES: &str = "rules.toml";

/// What the rules did when they were last measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleFigures {
    /// When.
    pub date: String,
    /// On what, in words.
    pub measured_on: String,
    /// Each rule that fired.
    #[serde(default)]
    pub rules: BTreeMap<String, RuleFigure>,
}

/// What one rule did; see [`RuleMeasured`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleFigure {
    /// Steps at which it fired, in runs with a labelled step.
    pub fires: usize,
    /// Those of them that are labelled wrong.
    pub hits: usize,
    /// What always firing would have hit in the same runs.
    pub chance: f64,
    /// Steps at which it fired in runs that succeeded.
    pub good_fires: usize,
    /// The same on 1,000 steps of such runs.
    pub good_fires_per_1000: f64,
    /// Failed runs that it touched, where a dataset has runs of both sorts.
    pub failed_runs: usize,
    /// Good runs that it touched there.
    pub good_runs: usize,
}

impl RuleFigures {
    /// The figures to keep of a measurement. `date` is that of today.
    pub fn of(measured: &[Measured], rules: &[RuleMeasured], date: &str) -> Self {
        let rounded = |value: f64| (value * 1e4).round() / 1e4;
        let parts: Vec<String> = measured
            .iter()
            .filter(|part| part.dataset != super::report::ALL)
            .map(|part| format!("{} ({} runs)", part.dataset, part.runs))
            .collect();
        let rules = rules
            .iter()
            .filter(|rule| rule.fires + rule.good_fires + rule.failed_runs + rule.good_runs > 0)
            .map(|rule| {
                let figure = RuleFigure {
                    fires: rule.fires,
                    hits: rule.hits,
                    chance: rounded(rule.chance.unwrap_or_default()),
                    good_fires: rule.good_fires,
                    good_fires_per_1000: rounded(rule.good_fires_per_1000),
                    failed_runs: rule.failed_runs,
                    good_runs: rule.good_runs,
                };
                (rule.rule.to_owned(), figure)
            })
            .collect();
        Self { date: date.to_owned(), measured_on: parts.join(", "), rules }
    }

    /// Reads a file's text.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// The file's text.
    pub fn to_text(&self) -> Result<String, toml::ser::Error> {
        let head =
            "# What each rule did on labelled runs. Written by `medbay eval CORPUS --write-docs docs`.\n\n";
        Ok(head.to_owned() + &toml::to_string(self)?)
    }
}

/// The page: one section a family, in the order of the registry.
pub fn markdown(rules: &[&Rule], figures: &RuleFigures) -> String {
    // Writing to a string cannot fail.
    let mut out = String::new();
    let on = rules.iter().filter(|rule| rule.proven).count();
    let _ = write!(
        out,
        "# Detectors\n\n\
         Made from the registry of rules and from `{FIGURES}` beside this page, which `medbay eval CORPUS \
         --write-docs docs` writes; a test holds the page to both.\n\n\
         {} rules, {on} of them on. A rule is on when it has been shown to point at wrong steps more often \
         than always firing would: on labelled runs (three hits or more, and the lower end of the interval of \
         its precision above chance), by injected faults, or on claims labelled by hand. The others are \
         experimental: they run where the configuration has `experimental_rules = true`. Rules of the basis \
         *internal* go by what the model said that it thought: they run where it has `internal_signals = \
         true`, and weigh little. Rules of the class *operational* are shown and never scored: they put no \
         step in alarm.\n\n\
         Figures are of {}, on {}. **fires**: steps at which it fired, in runs with a labelled step; **hits**: \
         those that are labelled wrong; **precision** with Wilson's 95 % interval; **chance**: the share of \
         wrong steps in the runs where it fired, which is what always firing would hit there; **lift**: \
         precision over chance; **good steps**: fires on 1,000 steps of runs that succeeded; **runs**: failed / \
         good runs touched, in datasets with both. Labels name one step a run, mostly: a fire beside it may \
         still be right. The rules were written by people who had seen runs of these datasets. A dash: it fired nowhere in these runs, which say nothing of it.\n",
        rules.len(),
        figures.measured_on,
        figures.date,
    );
    let family = |rule: &Rule| rule.id.split('.').next().unwrap_or_default();
    for group in rules.chunk_by(|a, b| family(a) == family(b)) {
        let Some(first) = group.first() else { continue };
        let _ = write!(
            out,
            "\n## {}\n\n\
             | rule | class | basis | on | fires | hits | precision | chance | lift | good steps | runs |\n\
             |---|---|---|---|---:|---:|---|---:|---:|---:|---:|\n",
            family(first)
        );
        for rule in group {
            let _ = writeln!(
                out,
                "| `{}` | {} | {} | {} | {} |",
                rule.id,
                rule.class.word().replace('_', " "),
                basis(rule.basis),
                state(rule),
                cells(figures.rules.get(rule.id)),
            );
        }
        out.push('\n');
        for rule in group {
            let _ =
                writeln!(out, "- **`{}`** {} Example: *{}*", rule.id, rule.summary, escaped(rule.example));
        }
    }
    out
}

fn basis(basis: Basis) -> &'static str {
    match basis {
        Basis::External => "external",
        Basis::Internal => "internal",
    }
}

fn state(rule: &Rule) -> &'static str {
    match (rule.proven, rule.class, rule.basis) {
        (false, ..) => "experimental",
        (true, Class::Operational, _) => "shown",
        (true, _, Basis::Internal) => "with internal signals",
        (true, ..) => "yes",
    }
}

/// The cells of a rule's figures.
fn cells(figure: Option<&RuleFigure>) -> String {
    let Some(figure) = figure else { return ["–"; 7].join(" | ") };
    let share = Share { hits: figure.hits, of: figure.fires };
    let (low, high) = share.interval();
    let (precision, chance, lift) = if figure.fires == 0 {
        ["–"; 3].map(str::to_owned).into()
    } else {
        let lift = if figure.chance > 0.0 {
            format!("{:.1}", share.value() / figure.chance)
        } else {
            "–".to_owned()
        };
        (format!("{:.2} [{low:.2}, {high:.2}]", share.value()), format!("{:.2}", figure.chance), lift)
    };
    format!(
        "{} | {} | {precision} | {chance} | {lift} | {:.1} | {} / {}",
        figure.fires, figure.hits, figure.good_fires_per_1000, figure.failed_runs, figure.good_runs
    )
}

/// Text that begins no markup.
fn escaped(text: &str) -> String {
    text.replace('*', "\\*").replace('_', "\\_").replace('<', "&lt;").replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Aspect;

    static ON: Rule = Rule {
        id: "one.first",
        class: Class::Hallucination,
        basis: Basis::External,
        speaks_of: Aspect::Support,
        summary: "Looks.",
        example: "says *x* | <y>",
        proven: true,
    };
    static OFF: Rule = Rule {
        id: "two.second",
        class: Class::Operational,
        basis: Basis::Internal,
        speaks_of: Aspect::Support,
        summary: "Waits.",
        example: "waits",
        proven: false,
    };

    #[test]
    fn a_rule_stands_in_its_family_with_its_figures() {
        let figure = RuleFigure {
            fires: 4,
            hits: 3,
            chance: 0.25,
            good_fires: 1,
            good_fires_per_1000: 1.25,
            failed_runs: 2,
            good_runs: 1,
        };
        let figures = RuleFigures {
            rules: BTreeMap::from([("one.first".to_owned(), figure)]),
            ..RuleFigures::default()
        };
        let page = markdown(&[&ON, &OFF], &figures);
        assert!(page.contains("2 rules, 1 of them on."), "{page}");
        let row = "| `one.first` | hallucination | external | yes | 4 | 3 | 0.75 [0.30, 0.95] | 0.25 | 3.0 | 1.2 | 2 / 1 |";
        assert!(page.contains(row), "{page}");
        assert!(
            page.contains("| `two.second` | operational | internal | experimental | – | – | – |"),
            "{page}"
        );
        assert!(page.contains("Example: *says \\*x\\* \\| &lt;y>*"), "{page}");
        assert!(page.find("## one").unwrap() < page.find("## two").unwrap());
        let read = RuleFigures::parse(&figures.to_text().unwrap()).unwrap();
        assert_eq!(read, figures);
    }
}
