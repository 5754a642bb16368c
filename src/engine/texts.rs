//! The texts of one step, read again from its log: text is not kept in memory (DESIGN.md §4). Reads
//! the step's own records and the stretch between the first words that led to it and its action.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use super::board::RunView;
use crate::format::{self, Identity};
use crate::trace::entity::hash_lower;
use crate::trace::{Event, EventKind, RecordRef, RunId, Step};

/// The longest stretch of a log that is read for one step, in bytes.
const STRETCH_BYTES: u64 = 4 << 20;

/// What must be known to read the texts of a step: taken from the board, sent to another thread.
#[derive(Clone, Debug)]
pub struct Place {
    run: RunId,
    format: &'static str,
    sources: Vec<PathBuf>,
    agent: String,
    step: Step,
}

/// The texts of a step. They have not passed the gate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts {
    /// The words that led to it, the latest last; what the model said it thought is marked.
    pub intent: String,
    /// The call's arguments, or the message.
    pub call: String,
    /// What came back.
    pub outcome: String,
    /// Its records as they stand in the file.
    pub raw: String,
}

/// Why the texts of a step cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TextsError {
    /// A source that is not there any more.
    #[error("the record cannot be read, {}: {error}; the log was moved or removed", path.display())]
    Read {
        /// The source.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The step names a source that the run does not have.
    #[error("the step's source is not among those of run {run}: open the run again")]
    NoSource {
        /// The run.
        run: String,
    },
}

impl Place {
    /// The place of a step; `None` where the run has no such step.
    pub fn of(view: &RunView, step: usize) -> Option<Self> {
        let step = view.steps.get(step)?.step.clone();
        Some(Self {
            run: view.id.clone(),
            format: view.summary.format,
            sources: view.summary.sources.iter().map(|source| source.path.clone()).collect(),
            agent: view
                .summary
                .agents
                .get(usize::from(step.agent.0))
                .map_or_else(String::new, |agent| agent.name.clone()),
            step,
        })
    }

    /// Reads the step's texts.
    ///
    /// # Errors
    /// A source is gone or cannot be read.
    pub fn read(&self) -> Result<Texts, TextsError> {
        let step = &self.step;
        let mut texts = Texts::default();
        let action = self.stretch(step.record, step.record)?;
        let mut led: Vec<String> = Vec::new();
        if let Some(intent) = step.intent.filter(|intent| intent.source == step.record.source) {
            // Other agents' records may stand between: too long a stretch is read at its two ends.
            let whole = (step.record.offset + u64::from(step.record.length)).saturating_sub(intent.offset);
            let last = if whole <= STRETCH_BYTES { step.record } else { intent };
            let before = self.stretch(intent, last)?;
            self.each_event(&before, |event| self.words(event, &mut led));
            if last == intent {
                self.each_event(&action, |event| self.words(event, &mut led));
            }
        } else {
            self.each_event(&action, |event| self.words(event, &mut led));
        }
        if step.is_message() {
            // The last words are the message itself.
            texts.call = led.pop().unwrap_or_default();
        } else {
            texts.call = self.called(&action);
        }
        texts.intent = led.join("\n\n");
        texts.raw = String::from_utf8_lossy(&action).into_owned();
        if let Some(outcome) = step.outcome {
            let record = self.stretch(outcome, outcome)?;
            texts.outcome = self.came_back(&record);
            if outcome != step.record {
                texts.raw.push_str("\n\n");
                texts.raw.push_str(&String::from_utf8_lossy(&record));
            }
        }
        Ok(texts)
    }

    /// The words of the step's agent that an event holds.
    fn words(&self, event: &Event<'_>, led: &mut Vec<String>) {
        if event.agent.as_deref().is_some_and(|agent| agent != self.agent) {
            return;
        }
        match &event.kind {
            EventKind::Message { text, .. } if !text.trim().is_empty() => led.push(text.clone().into_owned()),
            EventKind::Reasoning { text } if !text.trim().is_empty() => {
                led.push(format!("(thought) {text}"));
            }
            _ => {}
        }
    }

    fn called(&self, record: &[u8]) -> String {
        let mut calls: Vec<(bool, String)> = Vec::new();
        self.each_event(record, |event| {
            if let EventKind::Call { call_id, tool, input } = &event.kind {
                let ours = hash_lower(call_id) == self.step.anchor;
                calls.push((ours, format!("{tool} {}", readable(input))));
            }
        });
        one_or_all(calls)
    }

    fn came_back(&self, record: &[u8]) -> String {
        let mut results: Vec<(bool, String)> = Vec::new();
        self.each_event(record, |event| match &event.kind {
            EventKind::Result { call_id, text, .. } | EventKind::Return { call_id, text, .. } => {
                let ours = hash_lower(call_id) == self.step.anchor;
                results.push((ours, text.clone().into_owned()));
            }
            _ => {}
        });
        one_or_all(results)
    }

    fn each_event(&self, records: &[u8], mut take: impl FnMut(&Event<'_>)) {
        let Some(format) = format::by_name(self.format) else { return };
        let mut reader = format.reader(&self.identity());
        for line in records.split(|byte| *byte == b'\n') {
            if line.iter().any(|byte| !byte.is_ascii_whitespace()) {
                reader.read(line, &mut |event| take(&event));
            }
        }
    }

    /// A source beside the main one is a sub-agent's.
    fn identity(&self) -> Identity {
        let agent = (self.step.record.source > 0).then(|| self.agent.clone());
        Identity { run: self.run.clone(), agent, parent_call: None }
    }

    /// The bytes from the beginning of one record to the end of another of the same source.
    fn stretch(&self, from: RecordRef, to: RecordRef) -> Result<Vec<u8>, TextsError> {
        let path = self
            .sources
            .get(usize::from(from.source))
            .ok_or_else(|| TextsError::NoSource { run: crate::text::excerpt(self.run.as_str(), 80) })?;
        let end = to.offset + u64::from(to.length);
        let length = end.saturating_sub(from.offset).min(STRETCH_BYTES);
        read_at(path, from.offset, length).map_err(|error| TextsError::Read { path: path.clone(), error })
    }
}

fn read_at(path: &Path, offset: u64, length: u64) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes)?;
    if (bytes.len() as u64) < length {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the log has shrunk since"));
    }
    Ok(bytes)
}

/// The one that is the step's own, or all where none can be told.
fn one_or_all(found: Vec<(bool, String)>) -> String {
    if let Some((_, text)) = found.iter().find(|(ours, _)| *ours) {
        return text.clone();
    }
    let all: Vec<String> = found.into_iter().map(|(_, text)| text).collect();
    all.join("\n\n")
}

/// JSON arguments over several lines, as people read them; anything else as it is.
fn readable(input: &str) -> String {
    match serde_json::from_str::<serde_json::Value>(input) {
        Ok(serde_json::Value::Object(map)) => {
            let lines: Vec<String> = map
                .iter()
                .map(|(name, value)| match value {
                    serde_json::Value::String(text) if text.contains('\n') => {
                        format!("{name}:\n{text}")
                    }
                    serde_json::Value::String(text) => format!("{name}: {text}"),
                    other => format!("{name}: {other}"),
                })
                .collect();
            if lines.is_empty() { String::new() } else { format!("\n{}", lines.join("\n")) }
        }
        _ => input.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Board, Judge, Reach, Update, read};

    /// The texts of all steps of a run in medbay's own format.
    fn texts(lines: &[&str]) -> Vec<Texts> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.jsonl");
        std::fs::write(&path, format!("{}\n", lines.join("\n"))).unwrap();
        let found = read::run_of(&path, format::by_name("medbay")).unwrap();
        let whole = read::whole(&found, &Judge::embedded()).unwrap();
        let mut assessor = whole.assessor;
        let mut board = Board::default();
        let delta = assessor.delta(true, whole.sources, Reach::Observed);
        board.apply(Update::Run(Box::new(delta)));
        let view = &board.runs()[0];
        (0..view.steps.len()).map(|step| Place::of(view, step).unwrap().read().unwrap()).collect()
    }

    #[test]
    fn the_texts_of_a_step_are_those_of_its_records() {
        let texts = texts(&[
            r#"{"type":"run","medbay":1,"run":"r"}"#,
            r#"{"type":"message","text":"I look first.","closing":false}"#,
            r#"{"type":"call","id":"c1","tool":"shell","input":{"command":"cargo test"}}"#,
            r#"{"type":"call","id":"c2","tool":"shell","input":{"command":"ls"}}"#,
            r#"{"type":"result","id":"c2","status":"ok","text":"src"}"#,
            r#"{"type":"result","id":"c1","status":"error","text":"1 failed"}"#,
            r#"{"type":"message","text":"It failed."}"#,
        ]);
        assert_eq!(texts[0].intent, "I look first.");
        assert_eq!(texts[0].call, "shell \ncommand: cargo test");
        assert_eq!(texts[0].outcome, "1 failed");
        assert_eq!(texts[1].outcome, "src");
        assert!(texts[1].raw.contains("\"ls\""));
        assert_eq!(texts.last().unwrap().call, "It failed.");
    }
}
