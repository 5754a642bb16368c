//! Reading a step's records again, to show its texts. Text is not kept in memory: when somebody looks
//! at a step, its records are read from where they stand. All that leaves here has passed the gate.

use std::fs::File;
use std::path::PathBuf;

use thiserror::Error;

use super::board::{RunView, StepView};
use crate::format::{self, Format, Identity};
use crate::source::tail::read_full_at;
use crate::source::{SourceError, Splitter};
use crate::text;
use crate::trace::tool::call_hash;
use crate::trace::{EventKind, RecordRef, RunId, Step, StepId};

/// The most that is read for the words that led to a step, in bytes.
const INTENT_BYTES: u64 = 1 << 20;

/// The longest text that is handed on, in bytes: the first and the last half of it.
const SHOWN_BYTES: usize = 256 * 1024;

/// The longest record that is read again.
const RECORD_BYTES: u32 = 256 << 20;

/// The texts of a step, through the gate: cleaned, redacted, line ends kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepTexts {
    /// The agent's words that led to it.
    pub intent: String,
    /// The tool and its arguments, or the message.
    pub call: String,
    /// What came back.
    pub outcome: String,
    /// The records as they stand in the log: the action's, then the outcome's.
    pub raw: String,
}

/// Why a step's texts cannot be shown: what, where, and the mend.
#[derive(Debug, Error)]
pub enum RereadError {
    /// There is no such step.
    #[error("step {step} of {run} is not there any more: choose another")]
    NoStep {
        /// The run.
        run: String,
        /// The step's number.
        step: u32,
    },
    /// The log cannot be read.
    #[error(transparent)]
    Unreadable(#[from] SourceError),
    /// Something else stands there now.
    #[error("the log has become shorter, {}: open the run again", path.display())]
    Shorter {
        /// The log.
        path: PathBuf,
    },
}

/// What is needed to read a step again, taken out of the board so that it can be done elsewhere.
#[derive(Clone, Debug)]
pub struct Reread {
    run: RunId,
    format: &'static str,
    files: Vec<PathBuf>,
    step: Step,
    tool: String,
}

impl Reread {
    /// What is needed for a step of a run; `None` if there is no such step.
    pub fn of(run: &RunView, step: StepId) -> Option<Self> {
        let StepView { step, .. } = run.steps.get(step.index())?;
        let tool = match step.action {
            crate::trace::Action::Call { tool, .. } => run.summary.tools.get(usize::from(tool)),
            crate::trace::Action::Message => None,
        };
        Some(Self {
            run: run.id.clone(),
            format: run.summary.format,
            files: run.summary.sources.iter().map(|source| source.path.clone()).collect(),
            tool: tool.cloned().unwrap_or_default(),
            step: step.clone(),
        })
    }

    /// Reads the step's records again.
    ///
    /// # Errors
    /// The log is gone, or something else stands there now.
    pub fn read(&self) -> Result<StepTexts, RereadError> {
        let no_step =
            || RereadError::NoStep { run: text::excerpt(self.run.as_str(), 80), step: self.step.id.0 };
        let format = format::by_name(self.format).ok_or_else(no_step)?;
        let action = self.bytes(self.step.record)?;
        let mut texts = StepTexts { raw: shown(&String::from_utf8_lossy(&action)), ..StepTexts::default() };
        let mut words = String::new();
        let mut call_id = String::new();
        self.events(format, &action, |kind| match kind {
            EventKind::Call { call_id: id, tool, input } if !self.step.is_message() => {
                let is_it = call_hash(tool, input) == self.step.call_hash;
                if is_it || texts.call.is_empty() {
                    texts.call = format!("{tool}\n{}", readable(input));
                    call_id = id.clone().into_owned();
                }
            }
            EventKind::Message { text, .. } => add(&mut words, text),
            _ => {}
        });
        if self.step.is_message() {
            texts.call = words;
        } else {
            texts.intent = words;
        }
        texts.intent = self.before(format)? + &texts.intent;
        if texts.call.is_empty() && !self.step.is_message() {
            texts.call.clone_from(&self.tool);
        }
        if let Some(outcome) = self.step.outcome {
            let bytes = if outcome == self.step.record { action } else { self.bytes(outcome)? };
            let mut only = 0;
            let mut any = String::new();
            self.events(format, &bytes, |kind| {
                if let EventKind::Result { call_id: id, text, .. } = kind {
                    only += 1;
                    add(&mut any, text);
                    if **id == *call_id {
                        add(&mut texts.outcome, text);
                    }
                }
            });
            if texts.outcome.is_empty() && only <= 1 {
                texts.outcome = any;
            }
            if outcome != self.step.record {
                add(&mut texts.raw, &shown(&String::from_utf8_lossy(&bytes)));
            }
        }
        for part in [&mut texts.intent, &mut texts.call, &mut texts.outcome] {
            *part = shown(part);
        }
        Ok(texts)
    }

    /// The words in the records between the first of the intent and the action.
    fn before(&self, format: &'static dyn Format) -> Result<String, RereadError> {
        let mut words = String::new();
        let Some(first) = self.step.intent else { return Ok(words) };
        let action = self.step.record;
        if first.source != action.source || first.offset >= action.offset {
            return Ok(words);
        }
        // The last stretch before the action, where it is long.
        let from = first.offset.max(action.offset.saturating_sub(INTENT_BYTES));
        let length = u32::try_from(action.offset - from).unwrap_or(0);
        let bytes = self.bytes(RecordRef { offset: from, length, ..first })?;
        Splitter::new(first.source).push(&bytes, |_, record| {
            self.events(format, record, |kind| match kind {
                EventKind::Message { text, .. } => add(&mut words, text),
                EventKind::Reasoning { text } if !text.is_empty() => {
                    add(&mut words, &format!("(thought) {text}"));
                }
                _ => {}
            });
        });
        if !words.is_empty() {
            words.push('\n');
        }
        Ok(words)
    }

    fn events(&self, format: &'static dyn Format, record: &[u8], mut each: impl FnMut(&EventKind<'_>)) {
        let identity = Identity { run: self.run.clone(), agent: None, parent_call: None };
        format.reader(&identity).read(record, &mut |event| each(&event.kind));
    }

    fn bytes(&self, at: RecordRef) -> Result<Vec<u8>, RereadError> {
        let path = self.files.get(usize::from(at.source)).cloned().unwrap_or_default();
        let mut bytes = vec![0; at.length.min(RECORD_BYTES) as usize];
        let read = File::open(&path).and_then(|file| read_full_at(&file, &mut bytes, at.offset));
        match read {
            Ok(count) if count == bytes.len() => Ok(bytes),
            Ok(_) => Err(RereadError::Shorter { path }),
            Err(error) => Err(SourceError::of(&path, error).into()),
        }
    }
}

fn add(text: &mut String, more: &str) {
    if !text.is_empty() && !more.is_empty() {
        text.push('\n');
    }
    text.push_str(more);
}

/// Arguments as lines, one a name, where they are a JSON object.
fn readable(input: &str) -> String {
    use std::fmt::Write as _;

    let Ok(serde_json::Value::Object(arguments)) = serde_json::from_str(input) else {
        return input.to_owned();
    };
    let mut lines = String::new();
    for (name, value) in arguments {
        let _ = match value {
            serde_json::Value::String(text) if text.contains('\n') => writeln!(lines, "{name}:\n{text}"),
            serde_json::Value::String(text) => writeln!(lines, "{name}: {text}"),
            other => writeln!(lines, "{name}: {other}"),
        };
    }
    lines
}

/// Through the gate; of a very long text the first and the last half. The gate comes first: a secret
/// at the cut must still be whole when it is looked for.
fn shown(text: &str) -> String {
    let shown = text::shown(text);
    if shown.len() <= SHOWN_BYTES {
        return shown;
    }
    let (head, tail) = (text::clip(&shown, SHOWN_BYTES / 2), text::clip_front(&shown, SHOWN_BYTES / 2));
    format!("{head}\n… {} bytes left out …\n{tail}", shown.len() - head.len() - tail.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::read::{run_of, whole};
    use crate::engine::{Board, Judge, Reach, Update};

    const LOG: &str = concat!(
        r#"{"type":"run","medbay":1,"run":"r"}"#,
        "\n",
        r#"{"type":"message","text":"I look first.","closing":false}"#,
        "\n",
        r#"{"type":"call","id":"1","tool":"bash","input":{"command":"cat <<E\nx\nE"}}"#,
        "\n",
        r#"{"type":"call","id":"2","tool":"bash","input":{"command":"ls"}}"#,
        "\n",
        "{\"type\":\"result\",\"id\":\"2\",\"status\":\"ok\",\"text\":\"red \\u001b[31m sk-ant-api03-AAAAAAAAAAAAAAAAAAAA\"}\n",
        r#"{"type":"result","id":"1","status":"ok","text":"x"}"#,
        "\n",
        r#"{"type":"message","text":"Done.\nAll of it."}"#,
        "\n",
    );

    fn view(log: &str) -> (tempfile::TempDir, RunView) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.jsonl");
        std::fs::write(&path, log).unwrap();
        let run = run_of(&path, None).unwrap();
        let mut read = whole(&run, &Judge::embedded()).unwrap();
        let delta = read.assessor.delta(true, read.sources.clone(), Reach::Observed);
        let mut board = Board::default();
        board.apply(Update::Run(Box::new(delta)));
        (folder, board.runs()[0].clone())
    }

    #[test]
    fn each_step_has_its_own_texts() {
        let (_folder, run) = view(LOG);
        let texts = |n| Reread::of(&run, StepId(n)).unwrap().read().unwrap();
        assert_eq!(texts(0).intent.trim(), "I look first.");
        assert_eq!(texts(0).call, "bash\ncommand:\ncat <<E\nx\nE\n");
        assert_eq!(texts(0).outcome, "x");
        assert_eq!(texts(1).call, "bash\ncommand: ls\n");
        assert!(texts(1).raw.contains("\"id\":\"2\""));
        assert_eq!(texts(2).call, "Done.\nAll of it.");
        assert_eq!(texts(2).outcome, "");
        assert!(Reread::of(&run, StepId(3)).is_none());
    }

    #[test]
    fn nothing_leaves_that_has_not_passed_the_gate() {
        let (_folder, run) = view(LOG);
        let texts = Reread::of(&run, StepId(1)).unwrap().read().unwrap();
        for part in [&texts.outcome, &texts.raw] {
            assert!(!part.contains('\u{1b}'), "{part}");
            assert!(!part.contains("AAAAAAAAAAAAAAAA"), "{part}");
        }
        assert!(texts.outcome.starts_with("red "));
    }

    #[test]
    fn a_log_that_is_gone_or_shorter_is_an_error_in_one_sentence() {
        let (folder, run) = view(LOG);
        let reread = Reread::of(&run, StepId(2)).unwrap();
        let path = folder.path().join("r.jsonl");
        std::fs::write(&path, "{}\n").unwrap();
        assert!(reread.read().unwrap_err().to_string().contains("shorter"));
        std::fs::remove_file(&path).unwrap();
        let error = reread.read().unwrap_err().to_string();
        assert!(error.contains("r.jsonl") && error.contains("no such file"), "{error}");
    }
}
