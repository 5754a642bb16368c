//! The copy under way: records are changed, put in and taken out in it, and what is not touched stays
//! byte for byte as it was.

use serde_json::Value;

use super::recording::{Act, Recording, What};
use crate::trace::ToolKind;

/// A copy of a recording.
pub struct Draft {
    format: &'static str,
    lines: Vec<Line>,
    acts: Vec<Act>,
    ends_in_newline: bool,
}

#[derive(Clone)]
struct Line {
    raw: Vec<u8>,
    changed: Option<Value>,
}

/// A call with its result and what the agent did next, as positions in the list of acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// The call.
    pub call: usize,
    /// Its result.
    pub result: usize,
    /// The next words or call of any agent after the result.
    pub next: Option<usize>,
    /// The sort of tool.
    pub kind: ToolKind,
}

/// Keys whose texts name things of the log itself.
const NAMES: &[&str] = &[
    "uuid",
    "parentUuid",
    "id",
    "call_id",
    "tool_call_id",
    "tool_use_id",
    "timestamp",
    "time",
    "sessionId",
    "session_id",
    "thread_id",
    "turn_id",
    "requestId",
    "signature",
    "encrypted_content",
    "model",
    "version",
    "cwd",
    "type",
    "role",
    "name",
];

impl Draft {
    /// A copy in which nothing is changed yet.
    pub fn of(recording: &Recording) -> Self {
        Self {
            format: recording.format().name(),
            lines: recording.lines().iter().map(|raw| Line { raw: raw.clone(), changed: None }).collect(),
            acts: recording.acts().to_vec(),
            ends_in_newline: recording.ends_in_newline(),
        }
    }

    /// The format's name.
    pub fn format(&self) -> &'static str {
        self.format
    }

    /// What the recording tells. Positions of lines are those of the recording.
    pub fn acts(&self) -> &[Act] {
        &self.acts
    }

    /// An act.
    pub fn act(&self, at: usize) -> Option<&Act> {
        self.acts.get(at)
    }

    /// Whether any record of the recording holds these words.
    pub fn mentions(&self, words: &str) -> bool {
        let held = |line: &Line| memchr::memmem::find(&line.raw, words.as_bytes()).is_some();
        self.lines.iter().any(held)
    }

    /// How many records there are now.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The calls that were answered, in order.
    pub fn calls(&self) -> Vec<Call> {
        let mut calls = Vec::new();
        for (at, act) in self.acts.iter().enumerate() {
            let What::Call { id, kind, .. } = &act.what else { continue };
            let answers = |(_, other): &(usize, &Act)| matches!(&other.what, What::Result { id: answered, .. } if answered == id);
            let result = self.acts.iter().enumerate().skip(at + 1).find(answers).map(|(result, _)| result);
            let Some(result) = result else { continue };
            let next = self
                .acts
                .iter()
                .enumerate()
                .skip(result + 1)
                .find(|(_, next)| next.is_deed() && next.line > act.line)
                .map(|(next, _)| next);
            calls.push(Call { call: at, result, next, kind: *kind });
        }
        calls
    }

    /// The value of a record; `None` for one that is not JSON.
    pub fn value(&self, line: usize) -> Option<Value> {
        let line = self.lines.get(line)?;
        line.changed.clone().or_else(|| serde_json::from_slice(&line.raw).ok())
    }

    /// Puts a value in the place of a record.
    pub fn set(&mut self, line: usize, value: Value) {
        if let Some(line) = self.lines.get_mut(line) {
            line.changed = Some(value);
        }
    }

    /// Changes the texts of a record that are not names of the log's own; `change` returns what a text
    /// becomes. Whether any was changed.
    pub fn change_texts(&mut self, line: usize, change: &mut impl FnMut(&str) -> Option<String>) -> bool {
        let Some(mut value) = self.value(line) else { return false };
        let changed = texts(&mut value, change);
        if changed {
            self.set(line, value);
        }
        changed
    }

    /// Replaces words of a message by others, in its record and in those beside it that repeat it.
    pub fn reword(&mut self, message: &Act, new: &str) -> bool {
        let (first, last) = (message.line.saturating_sub(2), message.line + 6);
        let old = message.text.as_str();
        let mut own = false;
        for line in first..=last.min(self.len().saturating_sub(1)) {
            let changed = self.change_texts(line, &mut |text| {
                (!old.is_empty() && text.contains(old)).then(|| text.replace(old, new))
            });
            own |= changed && line == message.line;
        }
        own
    }

    /// Takes records out, and puts copies of records in before the record `at`. Positions in the list of
    /// acts are not valid any more after this.
    pub fn splice(&mut self, at: usize, take_out: usize, put_in: Vec<Value>) {
        let at = at.min(self.lines.len());
        let end = (at + take_out).min(self.lines.len());
        let lines = put_in.into_iter().map(|value| Line { raw: Vec::new(), changed: Some(value) });
        self.lines.splice(at..end, lines);
        self.renumber();
    }

    /// Moves records to stand before another place further down.
    pub fn move_down(&mut self, lines: std::ops::Range<usize>, before: usize) {
        if lines.end > before || before > self.lines.len() {
            return;
        }
        let moved: Vec<Line> = self.lines.drain(lines.clone()).collect();
        let at = before - lines.len();
        self.lines.splice(at..at, moved);
        self.renumber();
    }

    /// Counts that a writer kept over its records go on in order.
    fn renumber(&mut self) {
        for key in ["ordinal", "index"] {
            let Some(first) = (0..self.len()).find_map(|at| self.value(at)?.get(key)?.as_u64()) else {
                continue;
            };
            let mut next = first;
            for at in 0..self.len() {
                let Some(mut value) = self.value(at) else { continue };
                let Some(number) = value.get(key).and_then(Value::as_u64) else { continue };
                if number != next
                    && let Some(place) = value.get_mut(key)
                {
                    *place = next.into();
                    self.set(at, value);
                }
                next += 1;
            }
        }
    }

    /// The bytes of the copy.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (at, line) in self.lines.iter().enumerate() {
            if at > 0 {
                bytes.push(b'\n');
            }
            match &line.changed {
                Some(value) => bytes.extend_from_slice(value.to_string().as_bytes()),
                None => bytes.extend_from_slice(&line.raw),
            }
        }
        if self.ends_in_newline && !self.lines.is_empty() {
            bytes.push(b'\n');
        }
        bytes
    }
}

/// Changes the texts of a value; see [`Draft::change_texts`].
pub(super) fn texts(value: &mut Value, change: &mut impl FnMut(&str) -> Option<String>) -> bool {
    match value {
        Value::String(text) => match change(text) {
            Some(new) => {
                *text = new;
                true
            }
            None => false,
        },
        Value::Array(items) => items.iter_mut().fold(false, |changed, item| texts(item, change) | changed),
        Value::Object(map) => map.iter_mut().fold(false, |changed, (key, item)| {
            let name = item.is_string() && NAMES.contains(&key.as_str());
            (!name && texts(item, change)) | changed
        }),
        _ => false,
    }
}
