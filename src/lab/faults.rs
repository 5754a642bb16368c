//! The report on injected faults: how many of each kind are found, by which rule, and what is said of
//! the untouched twins.
//!
//! A fault is found when a finding stands within three steps of where it shows that its twin does not
//! have at the same place. A finding that is operational counts only for kinds that are so themselves.
//! Runs are judged by one model as it is: nothing here is fitted.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;

use super::corpus::Label;
use super::inject::{KINDS, Kind};
use crate::detect::Class;
use crate::engine::{Judge, read};
use crate::score::Band;
use crate::score::measure::Share;

/// How far from the labelled step a finding may stand, in steps.
const WITHIN: usize = 3;

/// What was found of the faults of one kind.
#[derive(Clone, Debug, Serialize)]
pub struct Found {
    /// The kind's name.
    pub fault: &'static str,
    /// Whether it is a fault of execution; else of claims and propagation.
    pub execution: bool,
    /// Copies with such a fault.
    pub copies: usize,
    /// Those with a new finding near the fault at a step in the alarm band.
    pub alarm: usize,
    /// Those with one in the triage band or above.
    pub triage: usize,
    /// Those with one in any band.
    pub any: usize,
    /// How often each rule was among the findings that count, the most frequent first.
    pub rules: Vec<(&'static str, usize)>,
    /// The copies in which nothing in the triage band or above was found.
    pub missed: Vec<String>,
}

/// What is said of untouched twins that are not known to have failed.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Untouched {
    /// Their number.
    pub runs: usize,
    /// Their steps.
    pub steps: usize,
    /// Steps in the alarm band.
    pub alarms: usize,
    /// Runs with such a step.
    pub touched: usize,
}

/// The report.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Faults {
    /// By kind, in the order of [`KINDS`].
    pub kinds: Vec<Found>,
    /// The twins.
    pub untouched: Untouched,
}

/// A run as it was judged.
struct Judged {
    lines: Vec<Vec<u8>>,
    steps: Vec<Step>,
}

struct Step {
    record: u32,
    band: Band,
    rules: Vec<(&'static str, Class)>,
}

/// Measures the labels that hold a fault; `None` where there are none. A run that cannot be read is
/// named by `problem` and left out.
pub fn measure(labels: &[Label], judge: &Judge, mut problem: impl FnMut(String)) -> Option<Faults> {
    let mut by_twin: BTreeMap<&Path, Vec<(&Label, &'static Kind)>> = BTreeMap::new();
    for label in labels {
        if let Some(fault) = &label.fault {
            by_twin.entry(&fault.twin).or_default().push((label, fault.kind));
        }
    }
    if by_twin.is_empty() {
        return None;
    }
    let mut faults = Faults {
        kinds: KINDS.iter().map(|kind| Found::none(kind)).collect(),
        untouched: Untouched::default(),
    };
    for (twin, copies) in by_twin {
        let good = !labels.iter().any(|label| label.file == *twin && label.success == Some(false));
        let Some(untouched) = judged(twin, judge, &mut problem) else { continue };
        if good {
            faults.untouched.take(&untouched);
        }
        for (label, kind) in copies {
            let Some(copy) = judged(&label.file, judge, &mut problem) else { continue };
            if let Some(found) = faults.kinds.iter_mut().find(|found| found.fault == kind.name) {
                found.take(label, kind, &copy, &untouched);
            }
        }
    }
    faults.kinds.retain(|found| found.copies > 0);
    Some(faults)
}

fn judged(file: &Path, judge: &Judge, problem: &mut impl FnMut(String)) -> Option<Judged> {
    let shown = crate::text::excerpt(&file.to_string_lossy(), 200);
    let Some(run) = read::run_of(file, None) else {
        problem(format!("{shown} is of no known format; it is left out"));
        return None;
    };
    let read = read::whole(&run, judge).and_then(|read| Ok((read, std::fs::read(file)?)));
    let (read::Read { mut assessor, .. }, bytes) = match read {
        Ok(read) => read,
        Err(error) => {
            problem(format!("{shown} cannot be read: {error}; it is left out"));
            return None;
        }
    };
    assessor.conclude(true);
    let mut rules: BTreeMap<usize, Vec<(&'static str, Class)>> = BTreeMap::new();
    for finding in assessor.findings() {
        rules.entry(finding.step.index()).or_default().push((finding.rule.id, finding.rule.class));
    }
    let steps = assessor
        .run()
        .steps
        .iter()
        .zip(assessor.judgements())
        .filter(|(step, _)| step.record.source == 0)
        .map(|(step, judgement)| Step {
            record: step.record.index,
            band: judgement.band,
            rules: rules.remove(&step.id.index()).unwrap_or_default(),
        })
        .collect();
    Some(Judged { lines: bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect(), steps })
}

/// The record of the twin that a record of the copy is; `None` for one that the twin does not have.
/// What stands before the first difference and behind the last is the same; between them records
/// answer each other one by one where there are as many.
fn counterpart(copy: &Judged, twin: &Judged) -> impl Fn(u32) -> Option<u32> {
    let (ours, theirs) = (copy.lines.len(), twin.lines.len());
    let same = |pair: &(&Vec<u8>, &Vec<u8>)| pair.0 == pair.1;
    let before = copy.lines.iter().zip(&twin.lines).take_while(same).count();
    let behind = copy.lines.iter().rev().zip(twin.lines.iter().rev()).take_while(same).count();
    let behind = behind.min(ours.min(theirs) - before);
    move |record| {
        let at = record as usize;
        if at < before || ours == theirs {
            Some(record)
        } else if at >= ours - behind {
            u32::try_from(at + theirs - ours).ok()
        } else {
            None
        }
    }
}

impl Found {
    fn none(kind: &Kind) -> Self {
        Self {
            fault: kind.name,
            execution: kind.execution,
            copies: 0,
            alarm: 0,
            triage: 0,
            any: 0,
            rules: Vec::new(),
            missed: Vec::new(),
        }
    }

    fn take(&mut self, label: &Label, kind: &Kind, copy: &Judged, twin: &Judged) {
        let Some(failed) = label.failed_step else { return };
        self.copies += 1;
        let of_twin = counterpart(copy, twin);
        let place = copy.steps.iter().rposition(|step| step.record <= failed).unwrap_or(0);
        let near = copy.steps.iter().enumerate().filter(|(at, _)| at.abs_diff(place) <= WITHIN);
        let mut best = None;
        let mut rules: Vec<&'static str> = Vec::new();
        for (_, step) in near {
            let same = of_twin(step.record).and_then(|record| twin.steps.iter().find(|s| s.record == record));
            let new = step.rules.iter().filter(|(rule, class)| {
                let counts = kind.operational || *class != Class::Operational;
                counts && !same.is_some_and(|same| same.rules.iter().any(|(known, _)| known == rule))
            });
            for (rule, _) in new {
                best = best.max(Some(step.band));
                if !rules.contains(rule) {
                    rules.push(rule);
                }
            }
        }
        self.any += usize::from(best.is_some());
        self.triage += usize::from(best >= Some(Band::Triage));
        self.alarm += usize::from(best == Some(Band::Alarm));
        if best < Some(Band::Triage) {
            self.missed.push(format!("{}:{failed}", crate::text::excerpt(&label.run, 120)));
        }
        for rule in rules {
            match self.rules.iter_mut().find(|(known, _)| *known == rule) {
                Some((_, times)) => *times += 1,
                None => self.rules.push((rule, 1)),
            }
        }
        self.rules.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    }
}

impl Untouched {
    fn take(&mut self, run: &Judged) {
        let alarms = run.steps.iter().filter(|step| step.band == Band::Alarm).count();
        self.runs += 1;
        self.steps += run.steps.len();
        self.alarms += alarms;
        self.touched += usize::from(alarms > 0);
    }
}

impl Faults {
    /// Found within three steps, of all faults of execution, or of claims and propagation.
    pub fn share(&self, execution: bool, band: Band) -> Share {
        let of = |count: &dyn Fn(&Found) -> usize| {
            self.kinds.iter().filter(|kind| kind.execution == execution).map(count).sum()
        };
        let hits = match band {
            Band::Alarm => of(&|kind| kind.alarm),
            _ => of(&|kind| kind.triage),
        };
        Share { hits, of: of(&|kind| kind.copies) }
    }

    /// Alarms on untouched runs, of their steps.
    pub fn false_alarms(&self) -> Share {
        Share { hits: self.untouched.alarms, of: self.untouched.steps }
    }

    /// The report as a table for people. `missed`: the copies in which nothing was found are named.
    pub fn table(&self) -> String {
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "injected faults, found within {WITHIN} steps    n   alarm                  triage or above        found by"
        );
        let shown = |hits, of| {
            let share = Share { hits, of };
            let (low, high) = share.interval();
            format!("{:.3} [{low:.3}, {high:.3}]", share.value())
        };
        for kind in &self.kinds {
            let rules: Vec<String> =
                kind.rules.iter().take(4).map(|(rule, times)| format!("{rule} {times}")).collect();
            let _ = writeln!(
                out,
                "  {:<36} {:>4}   {}   {}   {}",
                kind.fault,
                kind.copies,
                shown(kind.alarm, kind.copies),
                shown(kind.triage, kind.copies),
                rules.join(", ")
            );
        }
        for (name, execution) in [("all faults of execution", true), ("all of claims and propagation", false)]
        {
            let (alarm, triage) = (self.share(execution, Band::Alarm), self.share(execution, Band::Triage));
            if alarm.of > 0 {
                let _ = writeln!(
                    out,
                    "  {name:<36} {:>4}   {}   {}",
                    alarm.of,
                    shown(alarm.hits, alarm.of),
                    shown(triage.hits, triage.of)
                );
            }
        }
        let share = self.false_alarms();
        let (low, high) = share.interval();
        let _ = writeln!(
            out,
            "untouched twins: {} runs, {} steps, {:.2} false alarms per 1,000 steps [{:.2}, {:.2}], {} runs touched",
            self.untouched.runs,
            self.untouched.steps,
            share.value() * 1000.0,
            low * 1000.0,
            high * 1000.0,
            self.untouched.touched
        );
        out
    }
}
