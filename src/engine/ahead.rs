//! The end of a long log, shown while the rest is read: its last block is assembled by itself, so that
//! whoever opens the run sees at once where it stands. Nothing is judged in it (the run is not
//! `assessed`), its steps count from the block's first, and all of it gives way to the run itself once
//! that has been read.

use std::fs::File;

use memchr::memchr;

use super::board::{RunDelta, StepView};
use super::listed::listed;
use crate::score::Judgement;
use crate::source::tail::read_full_at;
use crate::source::{FoundRun, Splitter};
use crate::trace::Assembler;

/// A log of fewer bytes is read as soon as its end alone.
const LONG: u64 = 4 << 20;

/// How much of the end is read, in bytes.
const END_BYTES: usize = 512 * 1024;

/// The last steps of a run in one long file, not judged. `None`: the run is none of those, or no step
/// can be told in its last bytes.
pub(super) fn end_of(found: &FoundRun) -> Option<RunDelta> {
    let [source] = found.sources.as_slice() else { return None };
    let file = File::open(&source.path).ok()?;
    let size = file.metadata().ok().map(|there| there.len()).filter(|size| *size >= LONG)?;
    let from = size - END_BYTES as u64;
    let mut block = vec![0; END_BYTES];
    let count = read_full_at(&file, &mut block, from).ok()?;
    let block = block.get(..count)?;
    // The first line began before the block.
    let begin = memchr(b'\n', block)? + 1;
    let mut assembler = Assembler::new(found.id.clone());
    let mut reader = found.format.reader(&source.identity);
    let agent = source.identity.agent.as_deref().unwrap_or("main");
    Splitter::at(0, from + begin as u64, 0).push(block.get(begin..)?, |at, record| {
        reader.read(record, &mut |event| assembler.take(at, agent, event, &mut |_, _| {}));
    });
    let run = assembler.run();
    let mut delta = listed(found, None);
    delta.steps =
        run.steps.iter().map(|step| StepView { step: step.clone(), judged: Judgement::default() }).collect();
    delta.summary.agents.clone_from(&run.agents);
    delta.summary.tools.clone_from(&run.tools);
    delta.summary.state = run.state.clone();
    delta.summary.last = run.last.or(delta.summary.last);
    if !run.model.is_empty() {
        delta.summary.model.clone_from(&run.model);
    }
    (!delta.steps.is_empty()).then_some(delta)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::fs;

    use super::*;
    use crate::engine::read::run_of;
    use crate::format;

    fn log(calls: usize) -> String {
        let mut log = "{\"type\":\"run\",\"medbay\":1,\"run\":\"r\",\"title\":\"Long\"}\n".to_owned();
        for n in 0..calls {
            let _ = writeln!(
                log,
                r#"{{"type":"call","id":"c{n}","tool":"shell","input":{{"command":"echo {n}"}}}}"#
            );
            let text = "x".repeat(4000);
            let _ = writeln!(log, r#"{{"type":"result","id":"c{n}","status":"ok","text":"{text}"}}"#);
        }
        log
    }

    #[test]
    fn the_last_steps_of_a_long_log_are_told_and_not_judged() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.jsonl");
        fs::write(&path, log(1500)).unwrap();
        let found = run_of(&path, format::by_name("medbay")).unwrap();
        let end = end_of(&found).unwrap();
        assert!(!end.summary.assessed);
        assert_eq!(end.summary.title, "Long", "what its head says is kept");
        assert!((50..200).contains(&end.steps.len()), "{}", end.steps.len());
        let last = &end.steps.last().unwrap().step;
        assert_eq!((&*last.label, last.closed), ("echo 1499", true));
        // Its records stand where they say.
        let bytes = fs::read(&path).unwrap();
        let at = last.record.offset as usize;
        assert!(bytes[at..at + last.record.length as usize].starts_with(br#"{"type":"call","id":"c1499""#));
    }

    #[test]
    fn a_short_log_is_not_read_twice() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.jsonl");
        fs::write(&path, log(10)).unwrap();
        assert!(end_of(&run_of(&path, format::by_name("medbay")).unwrap()).is_none());
    }
}
