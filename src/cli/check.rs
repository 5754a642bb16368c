//! `medbay check`: assess logs and print what was found.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use super::Common;
use crate::detect::{Class, Finding};
use crate::engine::{Assessor, Judge, Reach, read};
use crate::score::Band;
use crate::source::{Discoverer, FoundRun, Roots, StandardInput};
use crate::text::{excerpt, shown};
use crate::trace::StepId;

/// Arguments of `check`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Logs or directories of logs; `-` is standard input
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<PathBuf>,

    /// One JSON object a run
    #[arg(long)]
    pub(crate) json: bool,

    /// Exit with 1 when a run is in this band or worse
    #[arg(long, value_name = "BAND", value_enum, default_value = "alarm")]
    pub(crate) fail_on: FailOn,
}

/// The band from which on a run fails the check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum FailOn {
    /// Something is wrong.
    Alarm,
    /// A person should look.
    Triage,
}

impl FailOn {
    fn band(self) -> Band {
        match self {
            Self::Alarm => Band::Alarm,
            Self::Triage => Band::Triage,
        }
    }
}

/// Assesses logs.
pub(crate) fn run(args: Args, common: &Common) -> anyhow::Result<ExitCode> {
    let judge = common.judge()?;
    let (standard_input, paths): (Vec<PathBuf>, Vec<PathBuf>) =
        args.paths.into_iter().partition(|path| path.as_os_str() == "-");
    let held = match standard_input.is_empty() {
        true => None,
        false => {
            Some(StandardInput::whole(&common.state_directory).context("standard input cannot be read")?)
        }
    };
    let paths: Vec<PathBuf> =
        paths.into_iter().chain(held.iter().map(|file| file.path().to_owned())).collect();
    let (runs, hidden) = Discoverer::new(common.format).runs(&Roots::named(paths));
    if runs.is_empty() {
        match hidden.into_iter().next() {
            Some(hidden) => return Err(hidden.into()),
            None => bail!("no log was found in what was named: name a log or a directory of logs"),
        }
    }
    for hidden in &hidden {
        super::complain(&hidden.to_string());
    }
    let mut out = super::stdout();
    let mut worst = Band::Pass;
    for run in &runs {
        match assess(run, &judge) {
            Ok(assessed) => {
                worst = worst.max(assessed.band());
                let source = if held
                    .as_ref()
                    .is_some_and(|file| run.sources.iter().any(|s| s.path == file.path()))
                {
                    "-".to_owned()
                } else {
                    excerpt(&run.sources.first().map(|s| s.path.to_string_lossy()).unwrap_or_default(), 400)
                };
                if args.json {
                    writeln!(out, "{}", assessed.json(&source))?;
                } else {
                    out.write_all(assessed.words(&source).as_bytes())?;
                }
            }
            Err(error) => super::complain(&format!("{error:#}")),
        }
    }
    super::finish(out, if worst >= args.fail_on.band() { super::FOUND } else { super::CLEAN })
}

/// An assessed run, ready to be printed.
struct Assessed {
    format: &'static str,
    assessor: Assessor,
    summary: crate::engine::RunSummary,
    torn: bool,
    elapsed_ms: u128,
}

fn assess(run: &FoundRun, judge: &Judge) -> anyhow::Result<Assessed> {
    let began = Instant::now();
    let name = run.sources.first().map(|s| s.path.display().to_string()).unwrap_or_default();
    let read = read::whole(run, judge).with_context(|| format!("{name} cannot be read"))?;
    let mut assessor = read.assessor;
    assessor.conclude(true);
    let summary = assessor.summary(read.sources, Reach::Observed);
    Ok(Assessed {
        format: run.format.name(),
        assessor,
        summary,
        torn: read.torn,
        elapsed_ms: began.elapsed().as_millis(),
    })
}

impl Assessed {
    fn band(&self) -> Band {
        self.assessor
            .judgements()
            .iter()
            .map(|j| j.band)
            .max()
            .unwrap_or_default()
            .max(self.summary.judged.band)
    }

    /// The stable contract of DESIGN.md §8: fields are added, never changed. A record of a source other
    /// than the run's main one comes with `source`, that source's position in `sources`.
    fn json(&self, source: &str) -> Value {
        let run = self.assessor.run();
        let judged = &self.summary.judged;
        let probability = |p: crate::trace::Probability| (p.get() * 1e4).round() / 1e4;
        let scores = self.assessor.scores(judged.p_fail);
        let steps: Vec<Value> = run
            .steps
            .iter()
            .zip(self.assessor.judgements().iter().zip(scores))
            .map(|(step, (judgement, score))| {
                let mut object = json!({
                    "step": step.record.index, "score": probability(score),
                    "class": judgement.class.map(Class::word), "agent": run.agent_name(step.agent),
                    "reliability": judgement.p_wrong.reliability(), "band": judgement.band,
                    "status": step.status,
                });
                put_source(&mut object, step.record.source);
                object
            })
            .collect();
        let record = |id: StepId| run.step(id).map(|step| step.record.index);
        json!({
            "run": run.id, "dataset": null, "source": source, "format": self.format,
            "records": run.records, "unknown_records": run.unknown_records(), "steps": steps,
            "agents": run.agents.iter().map(|a| a.name.as_str()).collect::<Vec<_>>(),
            "p_fail": probability(judged.p_fail), "reliability": probability(judged.p_fail.complement()),
            "band": self.band(), "class": judged.class.map(Class::word),
            "agent": judged.agent.map(|agent| run.agent_name(agent)),
            "set90": judged.set90.map(|(a, b)| [record(a), record(b)]),
            "findings": self.assessor.findings().iter().map(|f| self.finding(f)).collect::<Vec<_>>(),
            "propagation": crate::detect::propagation::edges(self.assessor.findings()),
            "title": run.title, "state": run.state.word, "torn_last_line": self.torn,
            "unknown": run.unknown.iter().map(|(kind, count)| json!({"kind": kind, "count": count})).collect::<Vec<_>>(),
            "sources": self.summary.sources.iter().map(|s| excerpt(&s.path.to_string_lossy(), 400)).collect::<Vec<_>>(),
            "model": self.summary.judged_by, "elapsed_ms": self.elapsed_ms as u64,
        })
    }

    fn finding(&self, finding: &Finding) -> Value {
        let run = self.assessor.run();
        let record = run.step(finding.step).map(|step| step.record).unwrap_or_default();
        let evidence: Vec<Value> = finding
            .evidence
            .iter()
            .map(|e| {
                let mut object = json!({"record": e.record.index, "part": e.part, "text": e.text});
                put_source(&mut object, e.record.source);
                object
            })
            .collect();
        let mut object = json!({
            "rule": finding.rule.id, "class": finding.rule.class, "basis": finding.rule.basis,
            "step": finding.step.0, "record": record.index, "strength": finding.strength,
            "evidence": evidence, "sentence": finding.sentence, "instruction": finding.instruction,
            "root": finding.root.map(|root| root.0),
        });
        put_source(&mut object, record.source);
        object
    }

    /// The report for people: the verdict in a line, then each finding with its two facts.
    fn words(&self, source: &str) -> String {
        let run = self.assessor.run();
        let judged = &self.summary.judged;
        let title = if run.title.is_empty() { run.id.as_str() } else { run.title.as_str() };
        let mut text = format!(
            "{:<6} {:>3}  P(fail) {}  {}\n       {} · {} · {} records, {} steps{}{}\n",
            self.band().word(),
            judged.p_fail.reliability(),
            judged.p_fail,
            excerpt(title, 100),
            source,
            self.format,
            run.records,
            run.steps.len(),
            match run.unknown_records() {
                0 => String::new(),
                count => format!(", {count} not understood"),
            },
            if self.torn { ", last line torn" } else { "" },
        );
        for finding in self.assessor.findings() {
            let step = run.step(finding.step);
            let judgement = self.assessor.judgements().get(finding.step.index());
            text.push_str(&format!(
                "  record {:>4}  {:<6} {:<28} {:.2}  {}\n",
                step.map_or(0, |s| s.record.index),
                judgement.map_or("", |j| j.band.word()),
                finding.rule.id,
                finding.strength.get(),
                shown(&finding.sentence),
            ));
            for evidence in &finding.evidence {
                let part = match evidence.part {
                    crate::detect::Part::Claim => "says",
                    crate::detect::Part::Against => "shows",
                    crate::detect::Part::Context => "beside",
                };
                text.push_str(&format!("      {part:<6} [{}] {}\n", evidence.record.index, evidence.text));
            }
        }
        text
    }
}

fn put_source(object: &mut Value, source: u16) {
    if source != 0
        && let Some(map) = object.as_object_mut()
    {
        map.insert("source".to_owned(), source.into());
    }
}
