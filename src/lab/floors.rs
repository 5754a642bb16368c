//! Floors: the least that a measurement must reach (or, of errors, the most), kept in a file with the
//! date on which each was set. `medbay eval --floors` fails when a figure falls below one.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::report::{Better, FIGURES, Measured, Unit, kind};

/// The figure that counts the runs that were read: without it, leaving out hard runs would pass.
pub const RUNS: &str = "runs";

/// The figures that get a floor where there is none yet.
const GUARDED: &[&str] = &[
    RUNS,
    "step_top1",
    "step_top3",
    "agent",
    "set_coverage",
    "set_width_median",
    "run_auroc",
    "run_brier",
    "run_ece",
    "false_alarms_per_1000",
];

const HEAD: &str = "\
# The least that `medbay eval ../shared/corpus` must measure, by dataset; of errors, alarms and widths the
# most. `.ci/run` fails when a figure falls below its floor.
#
# Floors only rise (and ceilings only fall): `medbay eval CORPUS --write-floors FILE` raises them to what
# is measured less the slack, and never lowers one. Lowering one by hand needs a reason in the commit.
";

/// A file of floors.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Floors {
    /// How far below a measured share, or number between 0 and 1, its floor is set.
    pub slack: f64,
    /// How far above a measured count on a thousand steps its ceiling is set.
    pub slack_per_thousand: f64,
    /// Floors by dataset and figure.
    #[serde(default)]
    pub floors: BTreeMap<String, BTreeMap<String, Floor>>,
}

/// One floor, or ceiling.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Floor {
    /// The least, of a figure that is better when higher.
    pub at_least: Option<f64>,
    /// The most, of a figure that is better when lower.
    pub at_most: Option<f64>,
    /// The date on which it was set.
    pub set: String,
}

/// A floor beside what was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Check {
    /// The dataset.
    pub dataset: String,
    /// The figure.
    pub figure: String,
    /// The least.
    pub at_least: Option<f64>,
    /// The most.
    pub at_most: Option<f64>,
    /// When it was set.
    pub set: String,
    /// What was measured; null: nothing, which misses the floor.
    pub measured: Option<f64>,
    /// Whether the floor is met.
    pub met: bool,
}

impl Default for Floors {
    fn default() -> Self {
        Self { slack: 0.05, slack_per_thousand: 1.0, floors: BTreeMap::new() }
    }
}

impl Floors {
    /// Reads a file's text; the error says what is wrong and where.
    pub fn parse(text: &str) -> Result<Self, String> {
        let floors: Self = toml::from_str(text).map_err(|error| {
            let line = error
                .span()
                .and_then(|span| text.get(..span.start))
                .map(|head| head.matches('\n').count() + 1);
            let place = line.map(|line| format!("line {line}: ")).unwrap_or_default();
            format!("{place}{}", crate::text::excerpt(error.message(), 160))
        })?;
        for (dataset, figures) in &floors.floors {
            for (figure, floor) in figures {
                let name =
                    format!("{} of {}", crate::text::quoted(figure, 60), crate::text::quoted(dataset, 60));
                let Some((better, _)) = sort_of(figure) else {
                    return Err(format!("no figure is called {name}"));
                };
                let fits = match better {
                    Better::Higher => floor.at_least.is_some() && floor.at_most.is_none(),
                    Better::Lower => floor.at_most.is_some() && floor.at_least.is_none(),
                };
                if !fits {
                    let word = if better == Better::Higher { "at_least" } else { "at_most" };
                    return Err(format!("the floor {name} needs `{word}` and nothing else"));
                }
            }
        }
        Ok(floors)
    }

    /// Holds what was measured against the floors.
    pub fn check(&self, measured: &[Measured]) -> Vec<Check> {
        let mut checks = Vec::new();
        for (dataset, figures) in &self.floors {
            for (figure, floor) in figures {
                let value = value_of(measured, dataset, figure);
                let met = value.is_some_and(|value| {
                    floor.at_least.is_none_or(|least| value >= least)
                        && floor.at_most.is_none_or(|most| value <= most)
                });
                checks.push(Check {
                    dataset: dataset.clone(),
                    figure: figure.clone(),
                    at_least: floor.at_least,
                    at_most: floor.at_most,
                    set: floor.set.clone(),
                    measured: value,
                    met,
                });
            }
        }
        checks
    }

    /// Raises each floor to what was measured less the slack, and sets those that are missing. None is
    /// lowered. `date` is that of today.
    pub fn raise(&mut self, measured: &[Measured], date: &str) {
        for part in measured {
            let floors = self.floors.entry(part.dataset.clone()).or_default();
            let mut names: Vec<&str> = GUARDED.to_vec();
            names.extend(FIGURES.iter().map(|kind| kind.key).filter(|key| floors.contains_key(*key)));
            for name in names {
                let Some((better, slack)) = sort_of(name) else { continue };
                let Some(value) = figure_of(part, name) else { continue };
                let slack = match slack {
                    Slack::None => 0.0,
                    Slack::Share => self.slack,
                    Slack::PerThousand => self.slack_per_thousand,
                };
                let known = floors.get(name);
                let floor = match better {
                    Better::Higher => {
                        let least = (((value - slack) * 1e3).floor() / 1e3).max(0.0);
                        let rises = known.and_then(|f| f.at_least).is_none_or(|known| least > known);
                        rises.then_some(Floor { at_least: Some(least), at_most: None, set: date.to_owned() })
                    }
                    Better::Lower => {
                        let most = ((value + slack) * 1e3).ceil() / 1e3;
                        let falls = known.and_then(|f| f.at_most).is_none_or(|known| most < known);
                        falls.then_some(Floor { at_least: None, at_most: Some(most), set: date.to_owned() })
                    }
                };
                if let Some(floor) = floor {
                    floors.insert(name.to_owned(), floor);
                }
            }
        }
    }

    /// The file's text.
    pub fn to_text(&self) -> String {
        // Writing to a string cannot fail.
        let mut out = HEAD.to_owned();
        let _ = writeln!(
            out,
            "slack = {}\nslack_per_thousand = {}",
            float(self.slack),
            float(self.slack_per_thousand)
        );
        for (dataset, figures) in &self.floors {
            let _ = writeln!(out, "\n[floors.{}]", key(dataset));
            let order = std::iter::once(RUNS).chain(FIGURES.iter().map(|kind| kind.key));
            for (name, floor) in order.filter_map(|name| Some((name, figures.get(name)?))) {
                let bound = match (floor.at_least, floor.at_most) {
                    (Some(least), _) if name == RUNS => format!("at_least = {least}"),
                    (Some(least), _) => format!("at_least = {}", float(least)),
                    (_, Some(most)) => format!("at_most = {}", float(most)),
                    _ => continue,
                };
                let set = toml::Value::String(floor.set.clone());
                let _ = writeln!(out, "{name} = {{ {bound}, set = {set} }}");
            }
        }
        out
    }
}

/// The checks as text: what is met in short, what is missed in full.
pub fn table(file: &str, checks: &[Check]) -> String {
    let missed = checks.iter().filter(|check| !check.met).count();
    let mut out = String::new();
    let _ = writeln!(out, "\nfloors of {file}: {} met, {missed} missed", checks.len() - missed);
    let mut sorted: Vec<&Check> = checks.iter().collect();
    sorted.sort_by_key(|check| !check.met);
    for check in sorted {
        let bound = match (check.at_least, check.at_most) {
            (Some(least), _) => format!("≥ {least:.3}"),
            (_, most) => format!("≤ {:.3}", most.unwrap_or_default()),
        };
        let value = check.measured.map_or_else(|| "not measured".to_owned(), |value| format!("{value:.3}"));
        let _ = writeln!(
            out,
            "  {:<6} {:<24} {:<24} {value:>12}  {bound:<10} since {}",
            if check.met { "met" } else { "MISSED" },
            crate::text::excerpt(&check.dataset, 24),
            check.figure,
            crate::text::excerpt(&check.set, 12),
        );
    }
    out
}

enum Slack {
    None,
    Share,
    PerThousand,
}

/// Which way a figure is better, and how much slack its floor gets.
fn sort_of(figure: &str) -> Option<(Better, Slack)> {
    if figure == RUNS {
        return Some((Better::Higher, Slack::None));
    }
    let kind = kind(figure)?;
    let slack = if kind.unit == Unit::PerThousand { Slack::PerThousand } else { Slack::Share };
    Some((kind.better, slack))
}

fn figure_of(part: &Measured, figure: &str) -> Option<f64> {
    if figure == RUNS { Some(part.runs as f64) } else { part.figure(figure).map(|figure| figure.value) }
}

fn value_of(measured: &[Measured], dataset: &str, figure: &str) -> Option<f64> {
    figure_of(measured.iter().find(|part| part.dataset == dataset)?, figure)
}

fn float(value: f64) -> String {
    toml::Value::Float(value).to_string()
}

/// A key of TOML, quoted where it must be.
fn key(name: &str) -> String {
    let bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if bare { name.to_owned() } else { toml::Value::String(name.to_owned()).to_string() }
}

#[cfg(test)]
mod tests {
    use super::super::report::Figure;
    use super::*;

    fn measured(dataset: &str, figures: &[(&str, f64)]) -> Measured {
        let figures = figures
            .iter()
            .map(|(key, value)| Figure {
                kind: kind(key).unwrap(),
                value: *value,
                interval: None,
                cases: 10,
                baselines: Vec::new(),
            })
            .collect();
        Measured { dataset: dataset.to_owned(), runs: 10, figures, ..Measured::default() }
    }

    const FILE: &str = "slack = 0.02\nslack_per_thousand = 1.0\n\
        [floors.d]\n\
        runs = { at_least = 10, set = \"2026-01-01\" }\n\
        step_top1 = { at_least = 0.3, set = \"2026-01-01\" }\n\
        run_ece = { at_most = 0.1, set = \"2026-01-01\" }\n";

    fn missed(floors: &Floors, measured: &[Measured]) -> Vec<String> {
        floors.check(measured).into_iter().filter(|check| !check.met).map(|check| check.figure).collect()
    }

    #[test]
    fn a_floor_is_met_at_its_value_and_missed_below() {
        let floors = Floors::parse(FILE).unwrap();
        assert!(missed(&floors, &[measured("d", &[("step_top1", 0.3), ("run_ece", 0.1)])]).is_empty());
        assert_eq!(
            missed(&floors, &[measured("d", &[("step_top1", 0.299), ("run_ece", 0.05)])]),
            ["step_top1"]
        );
        assert_eq!(missed(&floors, &[measured("d", &[("step_top1", 0.5), ("run_ece", 0.101)])]), ["run_ece"]);
    }

    #[test]
    fn what_is_not_measured_misses_its_floor() {
        let floors = Floors::parse(FILE).unwrap();
        assert_eq!(missed(&floors, &[measured("d", &[("step_top1", 0.5)])]), ["run_ece"]);
        assert_eq!(missed(&floors, &[measured("e", &[])]).len(), 3);
        let fewer = Measured { runs: 9, ..measured("d", &[("step_top1", 0.5), ("run_ece", 0.0)]) };
        assert_eq!(missed(&floors, &[fewer]), ["runs"]);
        assert!(table("f", &floors.check(&[])).contains("MISSED"));
    }

    #[test]
    fn floors_rise_and_never_fall() {
        let mut floors = Floors::parse(FILE).unwrap();
        floors.raise(
            &[measured("d", &[("step_top1", 0.5), ("run_ece", 0.2), ("run_auroc", 0.8)])],
            "2026-02-02",
        );
        let figures = &floors.floors["d"];
        assert_eq!(
            (figures["step_top1"].at_least, figures["step_top1"].set.as_str()),
            (Some(0.48), "2026-02-02")
        );
        assert_eq!((figures["run_ece"].at_most, figures["run_ece"].set.as_str()), (Some(0.1), "2026-01-01"));
        assert_eq!((figures["runs"].at_least, figures["runs"].set.as_str()), (Some(10.0), "2026-01-01"));
        assert_eq!(figures["run_auroc"].at_least, Some(0.78));
        let before = floors.clone();
        floors.raise(
            &[measured("d", &[("step_top1", 0.1), ("run_ece", 0.9), ("run_auroc", 0.1)])],
            "2026-03-03",
        );
        assert_eq!(floors, before);
    }

    #[test]
    fn a_ceiling_falls_to_what_was_measured_and_the_slack() {
        let mut floors = Floors { slack: 0.02, ..Floors::default() };
        floors.raise(&[measured("d", &[("false_alarms_per_1000", 2.0), ("run_ece", 0.05)])], "2026-02-02");
        assert_eq!(floors.floors["d"]["false_alarms_per_1000"].at_most, Some(3.0));
        assert_eq!(floors.floors["d"]["run_ece"].at_most, Some(0.07));
    }

    #[test]
    fn floors_are_the_same_after_writing_and_reading() {
        let mut floors = Floors::parse(FILE).unwrap();
        floors.raise(&[measured("a name with \"quotes\".", &[("step_top1", 0.5)])], "2026-02-02");
        let text = floors.to_text();
        assert_eq!(Floors::parse(&text).unwrap(), floors, "{text}");
        assert!(text.contains("Floors only rise"));
    }

    #[test]
    fn a_floor_of_the_wrong_kind_is_refused() {
        for (line, names) in [
            ("step_top9 = { at_least = 0.3, set = \"x\" }", "step_top9"),
            ("step_top1 = { at_most = 0.3, set = \"x\" }", "at_least"),
            ("run_ece = { at_least = 0.3, set = \"x\" }", "at_most"),
            ("run_ece = { at_most = \"much\", set = \"x\" }", "line 4"),
        ] {
            let text = format!("slack = 0.02\nslack_per_thousand = 1.0\n[floors.d]\n{line}\n");
            let error = Floors::parse(&text).unwrap_err();
            assert!(error.contains(names), "{error}");
        }
    }
}
