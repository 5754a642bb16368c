//! A recorded run, or several, at any moment: what the board shows is a function of the records up to a
//! position. Going on feeds records; going back begins anew. Pure but for the first reading.

use std::io;

use jiff::Timestamp;

use super::assess::{Assessor, Judge};
use super::board::{Reach, SourceState, SourceView, Update};
use super::read::each_record;
use crate::recover::Proposal;
use crate::source::{FoundRun, stamp};
use crate::trace::RecordRef;

/// Recorded runs, with a position in them.
pub struct Recording {
    runs: Vec<Recorded>,
    records: Vec<Moment>,
    judge: Judge,
    position: usize,
    /// Positions right after records that brought a finding; made when first asked for.
    findings: Option<Vec<usize>>,
}

struct Recorded {
    found: FoundRun,
    assessor: Assessor,
    changed: bool,
}

/// One record with when it happened.
struct Moment {
    time: Option<Timestamp>,
    run: usize,
    record: RecordRef,
    bytes: Box<[u8]>,
}

impl Recording {
    /// Reads all records of the runs. It stands at the beginning.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn read(found: Vec<FoundRun>, judge: Judge) -> io::Result<Self> {
        let mut records = Vec::new();
        for (run, files) in found.iter().enumerate() {
            for (source, file) in files.sources.iter().enumerate() {
                let mut latest = None;
                each_record(&file.path, source as u16, |record, bytes| {
                    latest = stamp::time_of(bytes).max(latest);
                    records.push(Moment { time: latest, run, record, bytes: bytes.into() });
                })?;
            }
        }
        records.sort_by_key(|m: &Moment| (m.time, m.run, m.record.source, m.record.index));
        let runs = found.into_iter().map(|found| Recorded::new(found, &judge)).collect();
        Ok(Self { runs, records, judge, position: 0, findings: None })
    }

    /// The times of the records, in order.
    pub fn times(&self) -> Vec<Option<Timestamp>> {
        self.records.iter().map(|moment| moment.time).collect()
    }

    /// How many records have happened.
    pub fn position(&self) -> usize {
        self.position
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Goes to a position; beyond the end is the end. Returns what the board must be told.
    pub fn go(&mut self, position: usize) -> Vec<Update> {
        let position = position.min(self.records.len());
        if position < self.position {
            for run in &mut self.runs {
                *run = Recorded { changed: true, ..Recorded::new(run.found.clone(), &self.judge) };
            }
            self.position = 0;
        }
        for moment in self.records.iter().skip(self.position).take(position - self.position) {
            if let Some(run) = self.runs.get_mut(moment.run) {
                run.assessor.take(moment.record, &moment.bytes);
                run.changed = true;
            }
        }
        self.position = position;
        let at_end = position == self.records.len();
        self.runs.iter_mut().filter_map(|run| run.delta(at_end)).collect()
    }

    /// What is proposed at this position.
    pub fn proposals(&self) -> Vec<Proposal> {
        self.runs.iter().flat_map(|run| run.assessor.proposals()).collect()
    }

    /// The position of the next finding after this one, or of the one before it.
    pub fn seek_finding(&mut self, forward: bool) -> Option<usize> {
        let position = self.position;
        let findings = match &self.findings {
            Some(known) => known,
            None => {
                let made = self.find_all();
                self.findings.insert(made)
            }
        };
        if forward {
            findings.iter().copied().find(|at| *at > position)
        } else {
            findings.iter().rev().copied().find(|at| *at < position)
        }
    }

    fn find_all(&self) -> Vec<usize> {
        let mut runs: Vec<Recorded> =
            self.runs.iter().map(|run| Recorded::new(run.found.clone(), &self.judge)).collect();
        let mut positions = Vec::new();
        for (index, moment) in self.records.iter().enumerate() {
            if let Some(run) = runs.get_mut(moment.run) {
                let before = run.assessor.findings().len();
                run.assessor.take(moment.record, &moment.bytes);
                if run.assessor.findings().len() > before {
                    positions.push(index + 1);
                }
            }
        }
        positions
    }
}

impl Recorded {
    fn new(found: FoundRun, judge: &Judge) -> Self {
        let mut assessor = Assessor::new(found.id.clone(), found.format, judge.clone());
        for source in &found.sources {
            assessor.add_source(&source.identity);
        }
        Self { found, assessor, changed: true }
    }

    fn delta(&mut self, at_end: bool) -> Option<Update> {
        if !std::mem::take(&mut self.changed) && !at_end {
            return None;
        }
        let sources = self.found.sources.iter().map(|source| SourceView {
            path: source.path.clone(),
            read: source.size,
            size: source.size,
            state: SourceState::Closed,
        });
        let delta = self.assessor.delta(at_end, sources.collect(), Reach::Observed);
        Some(Update::Run(Box::new(delta)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Board;
    use crate::source::{Discoverer, Roots};
    use std::path::Path;

    fn sample() -> Recording {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-runs/native/real-slots.jsonl");
        let (runs, _) = Discoverer::new(None).runs(&Roots::named([path]));
        Recording::read(runs, Judge::embedded()).unwrap()
    }

    fn shown(board: &Board) -> Vec<(usize, usize, u32)> {
        board.runs().iter().map(|r| (r.steps.len(), r.findings.len(), r.summary.records)).collect()
    }

    #[test]
    fn a_moment_is_a_function_of_the_records_up_to_it() {
        let mut forward = sample();
        let mut board = Board::default();
        let mut moments = Vec::new();
        for position in 0..=forward.len() {
            forward.go(position).into_iter().for_each(|u| board.apply(u));
            moments.push(shown(&board));
        }
        // Back, in leaps and in steps, the same is shown.
        for position in [40, 12, 13, 0, 47, 5] {
            forward.go(position).into_iter().for_each(|u| board.apply(u));
            assert_eq!(shown(&board), moments[position], "at {position}");
        }
    }

    #[test]
    fn findings_can_be_sought_both_ways() {
        let mut recording = sample();
        let first = recording.seek_finding(true).unwrap();
        recording.go(first);
        let second = recording.seek_finding(true).unwrap();
        assert!(second > first);
        recording.go(second);
        assert_eq!(recording.seek_finding(false), Some(first));
        recording.go(recording.len());
        assert!(!recording.proposals().is_empty());
    }
}
