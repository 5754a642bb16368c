//! Labelled corpora: folders with a `labels.jsonl` and the runs that it names.
//!
//! Three forms of a label are read. `{run, dataset, run_file, success, failed_step, failed_agent, class4,
//! errors[{step}], agents, step_agents, attributable, split_key}` holds steps as 0-based lines of the
//! run's file. `{run, transcript, outcome, class, claim_true, claim_lines}` holds the lines where a
//! false claim stands. `{run, file, failed, class, first_wrong_record}` is that of the bundled sample
//! runs. The first form may name the `fault` that was put into the run and the `twin` that it was put
//! into: the run of the same dataset that holds everything but the fault.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::inject::{self, Kind};
use crate::detect::Class;
use crate::text::excerpt;

/// A labelled run.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    /// The folder's name, or what the label says.
    pub dataset: String,
    /// The run's name.
    pub run: String,
    /// Its file.
    pub file: PathBuf,
    /// Whether the run succeeded, where that is known of runs of both sorts in the dataset.
    pub success: Option<bool>,
    /// The decisive step: a 0-based record of the file.
    pub failed_step: Option<u32>,
    /// All labelled errors, the decisive one among them.
    pub errors: Vec<u32>,
    /// The agent of the decisive step.
    pub failed_agent: Option<String>,
    /// The agent of each record, where the label says so.
    pub agents: Vec<String>,
    /// The class of the failure, where one was given.
    pub class: Option<Class>,
    /// Runs of one task have one key: they are never on both sides of a split.
    pub task: String,
    /// The fault that was put into the run, and the run that it was put into.
    pub fault: Option<Injected>,
}

/// A fault that was put into a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Injected {
    /// Its kind.
    pub kind: &'static Kind,
    /// The file of the untouched twin.
    pub twin: PathBuf,
}

/// Why a corpus cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CorpusError {
    /// There are no labels.
    #[error("{0} holds no labels.jsonl, nor does any folder in it: name a labelled corpus")]
    NoLabels(String),
    /// A file cannot be read.
    #[error("{file} cannot be read: {reason}; check its permissions")]
    Unreadable {
        /// The file.
        file: String,
        /// The system's words.
        reason: String,
    },
    /// A label is not of a known form.
    #[error("{file} line {line} is not a label: {reason}; see the corpus's own description")]
    Form {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What the parser says.
        reason: String,
    },
}

#[derive(Deserialize)]
struct Line {
    run: String,
    dataset: Option<String>,
    run_file: Option<String>,
    transcript: Option<String>,
    success: Option<bool>,
    outcome: Option<String>,
    claim_true: Option<bool>,
    #[serde(default)]
    claim_lines: Vec<u32>,
    failed_step: Option<u32>,
    failed_agent: Option<String>,
    class4: Option<Class>,
    class: Option<Class>,
    #[serde(default)]
    errors: Vec<ErrorLine>,
    #[serde(default)]
    agents: Vec<String>,
    #[serde(default)]
    step_agents: Vec<usize>,
    split_key: Option<String>,
    file: Option<String>,
    failed: Option<bool>,
    first_wrong_record: Option<u32>,
    fault: Option<String>,
    twin: Option<String>,
}

#[derive(Deserialize)]
struct ErrorLine {
    step: u32,
}

/// Reads the labels at or below each path, in the order of their folders' names.
pub fn read(paths: &[PathBuf]) -> Result<Vec<Label>, CorpusError> {
    let mut all = Vec::new();
    for path in paths {
        let before = all.len();
        read_below(path, &mut all)?;
        if all.len() == before {
            return Err(CorpusError::NoLabels(shown(path)));
        }
    }
    Ok(all)
}

/// Parts labels into those of runs as they came and those of copies with a fault put in. What lies beside
/// copies are their untouched twins, which are left out.
pub fn part(labels: Vec<Label>) -> (Vec<Label>, Vec<Label>) {
    let (copies, mut as_came): (Vec<Label>, Vec<Label>) =
        labels.into_iter().partition(|label| label.fault.is_some());
    let folders: BTreeSet<Option<&Path>> = copies.iter().map(|label| label.file.parent()).collect();
    as_came.retain(|label| !folders.contains(&label.file.parent()));
    (as_came, copies)
}

fn shown(path: &Path) -> String {
    excerpt(&path.to_string_lossy(), 200)
}

fn read_below(path: &Path, all: &mut Vec<Label>) -> Result<(), CorpusError> {
    let unreadable =
        |error: std::io::Error| CorpusError::Unreadable { file: shown(path), reason: error.to_string() };
    if path.is_file() {
        return read_file(path, all);
    }
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(path).map_err(unreadable)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    entries.sort();
    for entry in entries {
        if entry.is_dir() {
            read_below(&entry, all)?;
        } else if entry.file_name().is_some_and(|name| name == "labels.jsonl") {
            read_file(&entry, all)?;
        }
    }
    Ok(())
}

fn read_file(file: &Path, all: &mut Vec<Label>) -> Result<(), CorpusError> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| CorpusError::Unreadable { file: shown(file), reason: error.to_string() })?;
    let folder = file.parent().unwrap_or(Path::new("."));
    let name = folder.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let line: Line = serde_json::from_str(line).map_err(|error| CorpusError::Form {
            file: shown(file),
            line: number + 1,
            reason: excerpt(&error.to_string(), 160),
        })?;
        all.extend(label(line, folder, &name));
    }
    Ok(())
}

/// A label of either form; `None` for one that names no file to read.
fn label(line: Line, folder: &Path, name: &str) -> Option<Label> {
    let named = line.run_file.as_deref().or(line.transcript.as_deref()).or(line.file.as_deref())?;
    let file = folder.join(named);
    let fault = line
        .fault
        .as_deref()
        .and_then(inject::by_name)
        .zip(line.twin.as_deref())
        .map(|(kind, twin)| Injected { kind, twin: file.with_file_name(format!("{twin}.jsonl")) });
    let claims_false = line.claim_true == Some(false);
    let failed_step = line.failed_step.or(line.first_wrong_record).or(line
        .claim_lines
        .first()
        .copied()
        .filter(|_| claims_false));
    let mut errors: Vec<u32> = line.errors.iter().map(|e| e.step).chain(failed_step).collect();
    errors.sort_unstable();
    errors.dedup();
    let success = line.success.or(match line.outcome.as_deref() {
        Some("success") => Some(true),
        Some("failure") => Some(false),
        _ => line.failed.map(|failed| !failed),
    });
    let agents = line.step_agents.iter().map(|i| line.agents.get(*i).cloned().unwrap_or_default()).collect();
    Some(Label {
        dataset: line.dataset.unwrap_or_else(|| name.to_owned()),
        task: line.split_key.unwrap_or_else(|| line.run.clone()),
        run: line.run,
        file,
        success,
        failed_step,
        errors,
        failed_agent: line.failed_agent,
        agents,
        class: line.class4.or(line.class),
        fault,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_label_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("labels.jsonl");
        std::fs::write(
            &file,
            concat!(
                r#"{"run":"a","dataset":"d","run_file":"runs/a.jsonl","success":false,"failed_step":3,"failed_agent":"x","class4":"hallucination","errors":[{"step":5},{"step":3}],"agents":["u","x"],"step_agents":[0,1],"split_key":"t"}"#,
                "\n\n",
                r#"{"run":"b","transcript":"b/t.jsonl","outcome":"failure","class":"operational","claim_true":false,"claim_lines":[7]}"#,
                "\n"
            ),
        )
        .unwrap();
        let labels = read(&[folder.path().to_owned()]).unwrap();
        assert_eq!(labels[0].errors, [3, 5]);
        assert_eq!(labels[0].agents, ["u", "x"]);
        assert_eq!(
            (labels[1].failed_step, labels[1].success, labels[1].task.as_str()),
            (Some(7), Some(false), "b")
        );
    }

    #[test]
    fn a_bad_label_is_named_by_file_and_line() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("labels.jsonl"), "{\"run\":\"a\"}\nnot json\n").unwrap();
        let error = read(&[folder.path().to_owned()]).unwrap_err().to_string();
        assert!(error.contains("labels.jsonl line 2 is not a label"), "{error}");
        let none = tempfile::tempdir().unwrap();
        assert!(read(&[none.path().to_owned()]).unwrap_err().to_string().contains("holds no labels.jsonl"));
    }
}
