//! Reading a whole run at once: `check`, `eval`, a hook at the end of a turn, a replay.

use std::io;
use std::path::{Path, PathBuf};

use memchr::{memchr, memmem};

use super::assess::{Assessor, Judge};
use super::board::{SourceState, SourceView};
use crate::format::{self, Format, Identity};
use crate::trace::{RecordRef, RunId};

/// The files of one run, the main one first.
#[derive(Clone)]
pub struct RunFiles {
    /// The run.
    pub run: RunId,
    /// Their format.
    pub format: &'static dyn Format,
    /// Each with whose it is.
    pub sources: Vec<(PathBuf, Identity)>,
}

/// A run that has been read, not yet concluded.
pub struct Read {
    /// Its assessor.
    pub assessor: Assessor,
    /// Its sources, as they were.
    pub sources: Vec<SourceView>,
}

/// Reads all files of a run. Records of several sources are taken in the order of their times; a
/// record without a time follows the one above it. A torn last line is left out.
pub fn whole(files: &RunFiles, judge: &Judge) -> io::Result<Read> {
    let mut assessor = Assessor::new(files.run.clone(), files.format, judge.clone());
    let mut contents = Vec::new();
    let mut sources = Vec::new();
    for (path, identity) in &files.sources {
        let bytes = std::fs::read(path)?;
        assessor.add_source(identity);
        sources.push(SourceView {
            path: path.clone(),
            read: bytes.len() as u64,
            size: bytes.len() as u64,
            state: SourceState::Closed,
        });
        contents.push(bytes);
    }
    for_each_record(&contents, |record, bytes| assessor.take(record, bytes));
    Ok(Read { assessor, sources })
}

/// The run that one file holds, without its sub-agents' files; `None` where no format claims it.
pub fn single(path: &Path, wanted: Option<&'static dyn Format>) -> io::Result<Option<RunFiles>> {
    let bytes = std::fs::read(path)?;
    let head: Vec<&[u8]> = lines(&bytes).map(|(_, line)| line).take(64).collect();
    let Some(format) = wanted.or_else(|| format::sniff(&head)) else { return Ok(None) };
    let identity = format.identify(&path.to_string_lossy(), &head, None);
    Ok(Some(RunFiles { run: identity.run.clone(), format, sources: vec![(path.to_owned(), identity)] }))
}

/// Gives every record of the sources to `take`, those of several sources merged by time.
pub fn for_each_record(contents: &[Vec<u8>], mut take: impl FnMut(RecordRef, &[u8])) {
    if let [only] = contents {
        for (record, line) in records(only, 0) {
            take(record, line);
        }
        return;
    }
    let mut all: Vec<(String, RecordRef, &[u8])> = Vec::new();
    for (source, bytes) in contents.iter().enumerate() {
        let mut latest = String::new();
        for (record, line) in records(bytes, source as u16) {
            if let Some(time) = time_of(line)
                && time > latest.as_str()
            {
                time.clone_into(&mut latest);
            }
            all.push((latest.clone(), record, line));
        }
    }
    all.sort_by(|a, b| (&a.0, a.1.source, a.1.index).cmp(&(&b.0, b.1.source, b.1.index)));
    for (_, record, line) in all {
        take(record, line);
    }
}

/// The record's time as it is written, by a scan for its first `timestamp` or `time` field: RFC 3339
/// in one zone sorts as text.
pub fn time_of(line: &[u8]) -> Option<&str> {
    let at = [&b"\"timestamp\":\""[..], b"\"timestamp\": \"", b"\"time\":\"", b"\"time\": \""]
        .into_iter()
        .filter_map(|key| memmem::find(line, key).map(|at| at + key.len()))
        .min()?;
    let rest = line.get(at..)?;
    let end = memchr(b'"', rest)?;
    std::str::from_utf8(rest.get(..end)?).ok()
}

fn records(bytes: &[u8], source: u16) -> impl Iterator<Item = (RecordRef, &[u8])> {
    lines(bytes).enumerate().map(move |(index, (offset, line))| {
        let record =
            RecordRef { offset: offset as u64, length: line.len() as u32, index: index as u32, source };
        (record, line)
    })
}

/// Whole lines with their offsets; a last line without an end counts if it is whole JSON.
fn lines(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = bytes.get(at..).filter(|rest| !rest.is_empty())?;
        let (line, next) = match memchr(b'\n', rest) {
            Some(end) => (rest.get(..end)?, end + 1),
            None if serde_json::from_slice::<serde::de::IgnoredAny>(rest).is_ok() => (rest, rest.len()),
            None => return None,
        };
        let found = (at, line.strip_suffix(b"\r").unwrap_or(line));
        at += next;
        Some(found)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_merged_by_time_and_keep_their_own_order() {
        let main = b"{\"timestamp\":\"2026-01-01T00:00:01Z\",\"n\":0}\n{\"n\":1}\n{\"timestamp\":\"2026-01-01T00:00:05Z\"}\n".to_vec();
        let sub = b"{\"timestamp\":\"2026-01-01T00:00:03Z\"}\n".to_vec();
        let mut order = Vec::new();
        for_each_record(&[main, sub], |record, _| order.push((record.source, record.index)));
        assert_eq!(order, [(0, 0), (0, 1), (1, 0), (0, 2)]);
    }

    #[test]
    fn a_torn_last_line_is_left_out_and_a_whole_one_is_not() {
        let torn: Vec<_> = lines(b"{}\r\n{\"a\":").map(|(at, line)| (at, line.len())).collect();
        assert_eq!(torn, [(0, 2)]);
        assert_eq!(lines(b"{}\n{\"a\":1}").count(), 2);
    }
}
