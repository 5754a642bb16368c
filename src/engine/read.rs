//! Reading a whole run at once: `check`, `eval`, a hook at the end of a turn, a replay.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use jiff::Timestamp;

use super::assess::{Assessor, Judge};
use super::board::{SourceState, SourceView};
use crate::format::Format;
use crate::source::{Discoverer, FoundRun, Roots, Splitter, stamp};
use crate::trace::RecordRef;

/// How much of a file is read at once.
const BLOCK_BYTES: usize = 1 << 20;

/// A run that has been read, not yet concluded.
pub struct Read {
    /// Its assessor.
    pub assessor: Assessor,
    /// Its sources, as they were.
    pub sources: Vec<SourceView>,
    /// Whether a last line was torn, and left out.
    pub torn: bool,
}

/// Reads all files of a run. Records of several sources are taken in the order of their times; a
/// record without a time follows the one above it. A torn last line is left out.
pub fn whole(run: &FoundRun, judge: &Judge) -> io::Result<Read> {
    let mut assessor = Assessor::new(run.id.clone(), run.format, judge.clone());
    for source in &run.sources {
        assessor.add_source(&source.identity);
    }
    let mut torn = false;
    let mut sources = Vec::new();
    if let [only] = run.sources.as_slice() {
        let (read, cut) = each_record(&only.path, 0, |record, bytes| assessor.take(record, bytes))?;
        torn = cut;
        sources.push(view(&only.path, read));
    } else {
        let mut all: Vec<(Option<Timestamp>, RecordRef, Vec<u8>)> = Vec::new();
        for (number, source) in run.sources.iter().enumerate() {
            let mut latest = None;
            let (read, cut) = each_record(&source.path, number as u16, |record, bytes| {
                latest = stamp::time_of(bytes).max(latest);
                all.push((latest, record, bytes.to_vec()));
            })?;
            torn |= cut;
            sources.push(view(&source.path, read));
        }
        all.sort_by_key(|(time, record, _)| (*time, record.source, record.index));
        for (_, record, bytes) in all {
            assessor.take(record, &bytes);
        }
    }
    Ok(Read { assessor, sources, torn })
}

fn view(path: &Path, read: u64) -> SourceView {
    SourceView { path: path.to_owned(), read, size: read, state: SourceState::Closed }
}

/// Gives each record of a file to `take`. Returns the bytes read and whether a last line was torn.
pub fn each_record(
    path: &Path,
    source: u16,
    mut take: impl FnMut(RecordRef, &[u8]),
) -> io::Result<(u64, bool)> {
    let mut file = File::open(path)?;
    let mut splitter = Splitter::new(source);
    let mut block = vec![0; BLOCK_BYTES];
    let mut total = 0;
    loop {
        let length = match file.read(&mut block) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        total += length as u64;
        splitter.push(block.get(..length).unwrap_or_default(), &mut take);
    }
    let torn = splitter.finish(&mut take);
    Ok((total, torn))
}

/// The run that a file belongs to, with its sub-agents' files where they are laid beside it; `None`
/// where no format claims it.
pub fn run_of(path: &Path, format: Option<&'static dyn Format>) -> Option<FoundRun> {
    let mut roots = vec![path.to_owned()];
    roots.retain(|root| root.exists());
    // Codex lays the threads of one run beside each other.
    let beside = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("rollout-"));
    if let (true, Some(folder)) = (beside, path.parent()) {
        roots.push(folder.to_owned());
    }
    let (runs, _) = Discoverer::new(format).runs(&Roots::named(roots));
    runs.into_iter().find(|run| run.sources.iter().any(|source| source.path == path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format;
    use crate::trace::RunId;

    #[test]
    fn a_run_is_read_with_its_torn_last_line_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.jsonl");
        let lines = concat!(
            r#"{"type":"run","medbay":1,"run":"r"}"#,
            "\n",
            r#"{"type":"message","text":"done"}"#,
            "\n",
            r#"{"type":"mess"#
        );
        std::fs::write(&path, lines).unwrap();
        let run = run_of(&path, format::by_name("medbay")).unwrap();
        let mut read = whole(&run, &Judge::embedded()).unwrap();
        read.assessor.conclude(true);
        assert!(read.torn);
        assert_eq!((read.assessor.run().id.clone(), read.assessor.run().records), (RunId::new("r"), 2));
        assert_eq!(read.assessor.run().steps.len(), 1);
    }
}
