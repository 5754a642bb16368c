//! `medbay tail`: findings as they appear.
//!
//! A finding is printed when it has held for a moment: some hold only until the next record comes,
//! and a stream cannot take back what it has said.

use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::{CLEAN, Common, Theirs};
use crate::detect::{Class, Finding, Part};
use crate::engine::{Board, Engine, RunView, Update};
use crate::source::StandardInput;
use crate::text::excerpt;
use crate::trace::{Probability, RunId};

/// How long a finding must hold before it is printed.
const HOLDS: Duration = Duration::from_millis(250);

/// Arguments of `tail`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Logs or directories of logs; `-` is standard input; without it, the agents' own directories
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,

    /// One JSON object a finding
    #[arg(long)]
    pub(crate) json: bool,
}

/// Follows logs and prints findings, until standard input ends, the reader goes or a signal comes.
pub(crate) fn run(args: Args, common: &Common) -> anyhow::Result<ExitCode> {
    let sources = common.sources(&args.paths)?;
    if !sources.roots.of_agents.is_empty() && !sources.roots.of_agents.iter().any(|path| path.exists()) {
        bail!(
            "no logs of agents are there, {}: name a log or a directory of logs",
            Theirs(&sources.roots.of_agents)
        );
    }
    let _mirror = common.mirror(&sources);
    let (engine, mut updates) =
        Engine::start(sources, common.engine_options()?).context("the engine cannot start")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the event loop cannot start")?;
    let mut stream = Stream { json: args.json, ..Stream::default() };
    let result: anyhow::Result<()> = runtime.block_on(async {
        let mut stop = std::pin::pin!(super::asked_to_stop());
        loop {
            let due = stream.due();
            tokio::select! {
                biased;
                () = &mut stop => break,
                update = updates.recv() => match update {
                    Some(update) => {
                        stream.take(update);
                        // What else is there already: a finding that it takes back is not printed.
                        while let Ok(update) = updates.try_recv() {
                            stream.take(update);
                        }
                    }
                    None => {
                        stream.print(None)?;
                        break;
                    }
                },
                () = sleep_until(due) => {}
            }
            stream.print(Some(Instant::now()))?;
        }
        Ok(())
    });
    engine.shutdown();
    result?;
    super::finish(super::stdout(), CLEAN)
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}

/// What makes a finding the same one when it is made again.
type Key = (RunId, &'static str, u32, String);

/// Findings on their way to the output.
#[derive(Default)]
struct Stream {
    json: bool,
    board: Board,
    /// Since when a finding has held.
    waiting: HashMap<Key, Instant>,
    printed: HashSet<Key>,
    told: usize,
    changed: HashSet<RunId>,
}

impl Stream {
    fn take(&mut self, update: Update) {
        if let Update::Run(delta) = &update {
            self.changed.insert(delta.run.clone());
        }
        self.board.apply(update);
    }

    /// When the next finding will have held for long enough.
    fn due(&self) -> Option<Instant> {
        self.waiting.values().min().map(|since| *since + HOLDS)
    }

    /// Prints what has held for long enough at this time; `None`: everything.
    fn print(&mut self, now: Option<Instant>) -> anyhow::Result<()> {
        for problem in self.board.problems.iter().skip(self.told) {
            super::complain(problem);
        }
        self.told = self.board.problems.len();
        self.note();
        let due: Vec<Key> = self
            .waiting
            .iter()
            .filter(|(_, since)| now.is_none_or(|now| **since + HOLDS <= now))
            .map(|(key, _)| key.clone())
            .collect();
        if due.is_empty() {
            return Ok(());
        }
        let mut out = super::stdout();
        let runs: HashSet<&RunId> = due.iter().map(|key| &key.0).collect();
        for run in self.board.runs().iter().filter(|run| runs.contains(&run.id)) {
            for finding in &run.findings {
                let key = key(run, finding);
                if due.contains(&key) && self.printed.insert(key) {
                    if self.json {
                        writeln!(out, "{}", object(run, finding))?;
                    } else {
                        write_words(&mut out, run, finding)?;
                    }
                }
            }
        }
        out.flush()?;
        for key in due {
            self.waiting.remove(&key);
        }
        Ok(())
    }

    /// Notes which findings of changed runs hold, and since when.
    fn note(&mut self) {
        let now = Instant::now();
        for id in self.changed.drain() {
            let Some(run) = self.board.run(&id) else { continue };
            let holds: HashSet<Key> = run.findings.iter().map(|finding| key(run, finding)).collect();
            self.waiting.retain(|key, _| key.0 != id || holds.contains(key));
            for key in holds {
                if !self.printed.contains(&key) {
                    self.waiting.entry(key).or_insert(now);
                }
            }
        }
    }
}

fn key(run: &RunView, finding: &Finding) -> Key {
    (run.id.clone(), finding.rule.id, finding.step.0, finding.sentence.clone())
}

/// One finding as an object: the fields that `check --json` has for it, and the run that it is in.
fn object(run: &RunView, finding: &Finding) -> Value {
    let view = run.steps.get(finding.step.index());
    let step = view.map(|view| &view.step);
    let judged = view.map(|view| &view.judged);
    let record = step.map(|step| step.record).unwrap_or_default();
    let evidence: Vec<Value> = finding
        .evidence
        .iter()
        .map(|e| json!({"record": e.record.index, "source": e.record.source, "part": e.part, "text": e.text}))
        .collect();
    json!({
        "run": run.id,
        "title": run.summary.title,
        "format": run.summary.format,
        "source": source(run, record.source),
        "agent": step.and_then(|step| agent(run, step)),
        "rule": finding.rule.id,
        "class": finding.rule.class.word(),
        "basis": finding.rule.basis,
        "step": finding.step.0,
        "record": record.index,
        "strength": rounded(finding.strength),
        "score": judged.map(|judged| rounded(judged.p_wrong)),
        "reliability": judged.map(|judged| judged.p_wrong.reliability()),
        "band": judged.map(|judged| judged.band),
        "time": step.and_then(|step| step.ended.or(step.began)),
        "sentence": finding.sentence,
        "instruction": finding.instruction,
        "evidence": evidence,
    })
}

fn write_words(out: &mut impl Write, run: &RunView, finding: &Finding) -> std::io::Result<()> {
    let view = run.steps.get(finding.step.index());
    let time = view.and_then(|view| view.step.ended.or(view.step.began)).map_or_else(
        || "--:--:--".to_owned(),
        |time| time.to_zoned_datetime(TimeZone::system()).strftime("%H:%M:%S").to_string(),
    );
    let (band, reliability) =
        view.map_or(("", 0), |view| (view.judged.band.word(), view.judged.p_wrong.reliability()));
    let title = if run.summary.title.is_empty() { run.id.as_str() } else { &run.summary.title };
    writeln!(
        out,
        "{time} {band:<6} {reliability:>3}  {}  {} · {} · step {}",
        finding.rule.id,
        excerpt(title, 60),
        view.and_then(|view| agent(run, &view.step)).unwrap_or_default(),
        finding.step.0,
    )?;
    writeln!(out, "    {} ({})", finding.sentence, class_words(finding.rule.class))?;
    for evidence in &finding.evidence {
        let part = match evidence.part {
            Part::Claim => "says",
            Part::Against => "shows",
            Part::Context => "beside",
        };
        writeln!(out, "    {part:<6} [{}] {}", evidence.record.index, evidence.text)?;
    }
    Ok(())
}

fn rounded(p: Probability) -> f64 {
    (p.get() * 1e4).round() / 1e4
}

fn class_words(class: Class) -> String {
    class.word().replace('_', " ")
}

fn agent(run: &RunView, step: &crate::trace::Step) -> Option<String> {
    run.summary.agents.get(usize::from(step.agent.0)).map(|agent| excerpt(&agent.name, 80))
}

fn source(run: &RunView, number: u16) -> Option<String> {
    let source = run.summary.sources.get(usize::from(number))?;
    if StandardInput::is_file_of_this_process(&source.path) {
        return Some("-".to_owned());
    }
    Some(excerpt(&source.path.to_string_lossy(), 400))
}
