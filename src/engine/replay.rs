//! A recorded log that can be gone through, forwards and backwards: what is known at a position is a
//! function of the records up to it, and of nothing else.
//!
//! A position counts records, in the order of time over all runs of the recording. Going on costs the
//! records in between; going back costs all records up to the new position. Text is read again each
//! time and not kept.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::PathBuf;

use jiff::Timestamp;

use super::assess::{Assessor, Judge};
use super::board::{Reach, SourceState, SourceView, Update};
use super::read::each_record;
use crate::recover::Proposal;
use crate::source::tail::read_full_at;
use crate::source::{FoundRun, ReplayClock, SourceError, stamp};
use crate::trace::RecordRef;

/// A recorded log.
pub struct Recording {
    judge: Judge,
    runs: Vec<Recorded>,
    /// Each record with its run, in the order in which they happened.
    order: Vec<Moment>,
    position: usize,
    /// Positions just behind a record at which a finding was made, ascending.
    findings: Vec<usize>,
}

/// A record of a recording.
#[derive(Clone, Copy, Debug)]
struct Moment {
    time: Option<Timestamp>,
    run: usize,
    record: RecordRef,
}

struct Recorded {
    found: FoundRun,
    files: Vec<(PathBuf, File)>,
    /// `None`: nothing of it has happened yet.
    assessor: Option<Assessor>,
    records: u32,
    taken: u32,
}

/// What a move through a recording brought.
#[derive(Debug)]
pub struct Went {
    /// The updates hold for a fresh board: the one before must be thrown away.
    pub anew: bool,
    /// What the board is to be told.
    pub updates: Vec<Update>,
}

impl Recording {
    /// Opens a recording of these runs and stands before its first record.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn open(runs: &[FoundRun], judge: Judge) -> Result<Self, SourceError> {
        let mut recording =
            Self { judge, runs: Vec::new(), order: Vec::new(), position: 0, findings: Vec::new() };
        for found in runs {
            recording.add(found)?;
        }
        recording.order.sort_by_key(|m| (m.time, m.run, m.record.source, m.record.index));
        recording.note_findings()?;
        Ok(recording)
    }

    fn add(&mut self, found: &FoundRun) -> Result<(), SourceError> {
        let run = self.runs.len();
        let mut files = Vec::new();
        let before = self.order.len();
        for (number, source) in found.sources.iter().enumerate() {
            let cannot = |error| SourceError::of(&source.path, error);
            // A record without a time happens with the one above it.
            let mut latest = None;
            each_record(&source.path, number as u16, |record, bytes| {
                latest = stamp::time_of(bytes).max(latest);
                self.order.push(Moment { time: latest, run, record });
            })
            .map_err(cannot)?;
            files.push((source.path.clone(), File::open(&source.path).map_err(cannot)?));
        }
        let records = u32::try_from(self.order.len() - before).unwrap_or(u32::MAX);
        self.runs.push(Recorded { found: found.clone(), files, assessor: None, records, taken: 0 });
        Ok(())
    }

    /// Goes through everything once, to know where findings are.
    fn note_findings(&mut self) -> Result<(), SourceError> {
        self.go(self.order.len())?;
        let mut places = BTreeSet::new();
        for (index, run) in self.runs.iter().enumerate() {
            let Some(assessor) = &run.assessor else { continue };
            for finding in assessor.findings() {
                let Some(step) = assessor.run().step(finding.step) else { continue };
                let made = step.outcome.unwrap_or(step.record);
                places.insert((index, made.source, made.index));
            }
        }
        self.findings = self
            .order
            .iter()
            .enumerate()
            .filter(|(_, m)| places.contains(&(m.run, m.record.source, m.record.index)))
            .map(|(position, _)| position + 1)
            .collect();
        self.begin_again();
        Ok(())
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// How many records have happened.
    pub fn position(&self) -> usize {
        self.position
    }

    /// A clock for it, at the beginning.
    pub fn clock(&self) -> ReplayClock {
        ReplayClock::new(self.order.iter().map(|moment| moment.time).collect())
    }

    /// The position just behind the next record at which a finding was made, or the end.
    pub fn next_finding(&self) -> usize {
        self.findings.iter().copied().find(|p| *p > self.position).unwrap_or(self.len())
    }

    /// The position just behind the previous record at which a finding was made, or the beginning.
    pub fn previous_finding(&self) -> usize {
        self.findings.iter().rev().copied().find(|p| *p < self.position).unwrap_or(0)
    }

    /// Goes to a position; beyond the end is the end.
    ///
    /// # Errors
    /// A file that cannot be read any more.
    pub fn go(&mut self, position: usize) -> Result<Went, SourceError> {
        let position = position.min(self.len());
        let anew = position < self.position;
        if anew {
            self.begin_again();
        }
        let mut touched = BTreeSet::new();
        let mut buffer = Vec::new();
        while self.position < position {
            let Some(moment) = self.order.get(self.position).copied() else { break };
            if let Some(run) = self.runs.get_mut(moment.run) {
                run.take(moment.record, &self.judge, &mut buffer)?;
                touched.insert(moment.run);
            }
            self.position += 1;
        }
        let runs = &mut self.runs;
        let updates = touched.into_iter().filter_map(|run| runs.get_mut(run)?.update()).collect();
        Ok(Went { anew, updates })
    }

    /// What is proposed at this position.
    pub fn proposals(&self) -> Vec<Proposal> {
        self.runs.iter().filter_map(|run| run.assessor.as_ref()).flat_map(Assessor::proposals).collect()
    }

    fn begin_again(&mut self) {
        self.position = 0;
        for run in &mut self.runs {
            run.assessor = None;
            run.taken = 0;
        }
    }
}

impl Recorded {
    fn take(&mut self, record: RecordRef, judge: &Judge, buffer: &mut Vec<u8>) -> Result<(), SourceError> {
        let Some((path, file)) = self.files.get(usize::from(record.source)) else { return Ok(()) };
        buffer.clear();
        buffer.resize(record.length as usize, 0);
        let count =
            read_full_at(file, buffer, record.offset).map_err(|error| SourceError::of(path, error))?;
        let assessor = self.assessor.get_or_insert_with(|| {
            let mut assessor = Assessor::new(self.found.id.clone(), self.found.format, judge.clone());
            for source in &self.found.sources {
                assessor.add_source(&source.identity);
            }
            assessor
        });
        assessor.take(record, buffer.get(..count).unwrap_or_default());
        self.taken += 1;
        Ok(())
    }

    fn update(&mut self) -> Option<Update> {
        let ended = self.taken == self.records;
        let views = self
            .found
            .sources
            .iter()
            .map(|source| SourceView {
                path: source.path.clone(),
                read: source.size,
                size: source.size,
                state: SourceState::Closed,
            })
            .collect();
        let delta = self.assessor.as_mut()?.delta(ended, views, Reach::Observed);
        Some(Update::Run(Box::new(delta)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Board;
    use crate::source::{Discoverer, Roots};

    fn recording() -> (tempfile::TempDir, Recording) {
        let folder = tempfile::tempdir().unwrap();
        for (name, odd) in [("a", 0), ("b", 1)] {
            let mut log = format!("{{\"type\":\"run\",\"medbay\":1,\"run\":\"{name}\"}}\n");
            for n in 0..6 {
                let second = 2 * n + odd;
                log += &format!(
                    "{{\"type\":\"call\",\"id\":\"{n}\",\"tool\":\"bash\",\"input\":{{\"command\":\"make {n}\"}},\"time\":\"2026-11-20T09:00:{second:02}Z\"}}\n\
                     {{\"type\":\"result\",\"id\":\"{n}\",\"status\":\"error\",\"exit_code\":2,\"text\":\"make: *** no rule {n}\",\"time\":\"2026-11-20T09:00:{second:02}Z\"}}\n"
                );
            }
            std::fs::write(folder.path().join(format!("{name}.jsonl")), log).unwrap();
        }
        let (runs, hidden) = Discoverer::new(None).runs(&Roots::named([folder.path().to_owned()]));
        assert!(hidden.is_empty(), "{hidden:?}");
        let recording = Recording::open(&runs, Judge::embedded()).unwrap();
        (folder, recording)
    }

    fn goes(recording: &mut Recording, board: &mut Board, position: usize) {
        let went = recording.go(position).unwrap();
        if went.anew {
            *board = Board::default();
        }
        for update in went.updates {
            board.apply(update);
        }
    }

    #[test]
    fn the_board_at_a_position_does_not_depend_on_the_way_there() {
        let (_folder, mut wanders) = recording();
        let (_other, mut straight) = recording();
        let mut wandering = Board::default();
        for position in [3, 9, 10, 26, 7, 0, 12, 11, 25] {
            goes(&mut wanders, &mut wandering, position);
            let mut direct = Board::default();
            straight.go(0).unwrap();
            goes(&mut straight, &mut direct, position);
            let shown = |board: &Board| {
                let mut all: Vec<String> =
                    board.runs().iter().map(|r| format!("{:?}{:?}{:?}", r.id, r.steps, r.findings)).collect();
                all.sort();
                all
            };
            assert_eq!(shown(&wandering), shown(&direct), "at {position}");
        }
    }

    #[test]
    fn records_of_all_runs_come_in_the_order_of_time() {
        let (_folder, recording) = recording();
        assert_eq!(recording.len(), 26);
        let times: Vec<_> = recording.order.iter().map(|m| m.time).collect();
        assert!(times.is_sorted());
        assert_eq!(recording.clock().len(), 26);
        assert_eq!(recording.position(), 0);
    }

    #[test]
    fn findings_can_be_gone_to() {
        let (_folder, mut recording) = recording();
        assert!(!recording.findings.is_empty(), "failed calls are found");
        let first = recording.next_finding();
        let mut board = Board::default();
        goes(&mut recording, &mut board, first);
        assert!(board.runs().iter().any(|run| !run.findings.is_empty()));
        assert_eq!(recording.previous_finding(), 0);
        let second = recording.next_finding();
        assert!(second > first);
        recording.go(second).unwrap();
        assert_eq!(recording.previous_finding(), first);
    }
}
