//! `medbay inject`: copies of recorded runs with one known fault each, the untouched twins, and labels
//! for `medbay eval`.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, anyhow, bail};

use super::Common;
use crate::engine::read;
use crate::lab::corpus::{self, Label};
use crate::lab::inject::{self, KINDS, Kind, Recording, label_of};

/// Arguments of `inject`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A recorded run, or a folder of runs
    #[arg(value_name = "PATH")]
    path: PathBuf,

    /// A kind of fault; again for more, none for all
    #[arg(long = "fault", value_name = "KIND")]
    faults: Vec<String>,

    /// What chance starts from: the same number gives the same copies
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// Take runs too that labels beside them call failed
    #[arg(long)]
    failed: bool,

    /// Where runs/ and labels.jsonl go
    #[arg(long, short, value_name = "DIR", default_value = "injected")]
    output: PathBuf,
}

/// Injects. One line on standard output sums up; a fault without a place is named on standard error.
pub(crate) fn run(args: Args, common: &Common) -> anyhow::Result<ExitCode> {
    let kinds = wanted(&args.faults)?;
    let named = args.path.display();
    if !args.path.exists() {
        bail!("{named} is not there: name a recorded run or a folder of runs");
    }
    if args.output.join("labels.jsonl").exists() {
        bail!("{} holds labels already: name another folder with -o", args.output.display());
    }
    let files = runs_at(&args.path, common);
    if files.is_empty() {
        bail!("{named} holds no run in a format that medbay reads: name a log of an agent");
    }
    let known = if args.path.is_dir() { corpus::read(std::slice::from_ref(&args.path)).ok() } else { None };
    let known = known.unwrap_or_default();
    fs::create_dir_all(args.output.join("runs"))
        .with_context(|| format!("{} cannot be made: choose another with -o", args.output.display()))?;
    let mut labels = Vec::new();
    let (mut twins, mut copies, mut failed) = (0, 0, 0);
    for file in &files {
        // A label may name the log of a sub-agent.
        let beside = file.with_extension("");
        let label = known.iter().find(|label| label.file == *file || label.file.starts_with(&beside));
        let success = label.and_then(|label| label.success);
        if success == Some(false) && !args.failed {
            failed += 1;
            continue;
        }
        match copies_of(file, &args, common, &kinds, label) {
            Ok(made) => {
                twins += 1;
                copies += made.len().saturating_sub(1);
                labels.extend(made);
            }
            Err(error) => super::complain(&super::sentence::of(&error)),
        }
    }
    if failed > 0 {
        super::complain(&format!(
            "{failed} runs failed by their labels; they are passed over (--failed takes them too)"
        ));
    }
    let mut text = String::new();
    for label in labels {
        text.push_str(&label.to_string());
        text.push('\n');
    }
    fs::write(args.output.join("labels.jsonl"), text)
        .with_context(|| format!("labels cannot be written to {}", args.output.display()))?;
    let mut out = super::stdout();
    writeln!(out, "{copies} copies with a fault and {twins} untouched runs in {}", args.output.display())?;
    super::finish(out, super::CLEAN)
}

fn wanted(names: &[String]) -> anyhow::Result<Vec<&'static Kind>> {
    if names.is_empty() {
        return Ok(KINDS.iter().collect());
    }
    names
        .iter()
        .map(|name| {
            inject::by_name(name).ok_or_else(|| {
                let all: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
                anyhow!("no fault is called {}: use {}", crate::text::quoted(name, 60), all.join(", "))
            })
        })
        .collect()
}

/// The main logs of the runs at a path, in the order of their names.
fn runs_at(path: &Path, common: &Common) -> Vec<PathBuf> {
    let mut files = Vec::new();
    walk(path, &mut files);
    files.sort();
    files.retain(|file| {
        read::run_of(file, common.format)
            .is_some_and(|run| run.sources.first().is_some_and(|source| source.path == *file))
    });
    files
}

fn walk(path: &Path, files: &mut Vec<PathBuf>) {
    if path.is_file() {
        files.push(path.to_owned());
        return;
    }
    let Ok(entries) = fs::read_dir(path) else { return };
    for entry in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        let name = entry.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if entry.is_dir() && name != "subagents" {
            walk(&entry, files);
        } else if name.ends_with(".jsonl") && !matches!(name.as_str(), "labels.jsonl" | "tasks.jsonl") {
            files.push(entry);
        }
    }
}

/// Writes the twin of a run and its copies, and gives their labels.
fn copies_of(
    file: &Path,
    args: &Args,
    common: &Common,
    kinds: &[&'static Kind],
    label: Option<&Label>,
) -> anyhow::Result<Vec<serde_json::Value>> {
    let unread = || format!("{} cannot be read; it is left out", file.display());
    let found = read::run_of(file, common.format).ok_or_else(|| anyhow!("{}", unread()))?;
    let source = found.sources.iter().find(|source| source.path == *file).ok_or_else(|| anyhow!(unread()))?;
    let bytes = fs::read(file).with_context(unread)?;
    let name = name_of(file, &args.path);
    let recording = Recording::read(&name, found.format, &source.identity, &bytes);
    let success = label.and_then(|label| label.success);
    let task = label.map_or(name.as_str(), |label| label.task.as_str());
    let mut labels = vec![label_of(&name, &name, task, success, None)];
    write_run(&args.output, &name, &bytes, file)?;
    for kind in kinds {
        match inject::inject(&recording, kind, args.seed) {
            Ok((draft, placed)) => {
                let copy = format!("{name}--{}", kind.name);
                write_run(&args.output, &copy, &draft.bytes(), file)?;
                labels.push(label_of(&copy, &name, task, success, Some((kind, &placed))));
            }
            Err(why) => super::complain(&format!(
                "{} has no place for {}: {why}",
                crate::text::excerpt(&name, 120),
                kind.name
            )),
        }
    }
    Ok(labels)
}

/// The run's name: its path below the folder that was named, in one word.
fn name_of(file: &Path, below: &Path) -> String {
    let inner = file.strip_prefix(below).unwrap_or(file);
    let inner = if inner.as_os_str().is_empty() { file.file_name().map_or(inner, Path::new) } else { inner };
    let stem = inner.with_extension("");
    let parts: Vec<String> = stem
        .components()
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .filter(|part| !matches!(part.as_str(), "runs" | "transcript" | "/" | "." | ".."))
        .collect();
    let name = parts.join("-");
    let name = name.trim_start_matches('-');
    // A file of that name would be read together with its neighbours.
    if name.starts_with("rollout-") { format!("codex-{name}") } else { name.to_owned() }
}

/// Writes a run, with the logs of its sub-agents where they lie beside it.
fn write_run(folder: &Path, name: &str, bytes: &[u8], original: &Path) -> anyhow::Result<()> {
    let to = folder.join("runs").join(format!("{name}.jsonl"));
    fs::write(&to, bytes).with_context(|| format!("{} cannot be written", to.display()))?;
    let beside = original.with_extension("");
    if beside.is_dir() {
        copy_folder(&beside, &to.with_extension(""))
            .with_context(|| format!("the sub-agents' logs cannot be copied beside {}", to.display()))?;
    }
    Ok(())
}

fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, into) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy_folder(&path, &into)?;
        } else {
            fs::copy(&path, &into)?;
        }
    }
    Ok(())
}
