//! Reading one run while it grows: its sources in, judged steps out. Knows no threads. What is there
//! already and will not grow is read by `read`, with the same result.
//!
//! The sources of a run are brought into one order by time. When a source takes back what it said
//! (it was cut short, or replaced), or a record comes later than one of another source that happened
//! after it, the run is read again from its beginning: the result is always the one that reading
//! everything at once would have given.

use super::assess::{Assessor, Judge};
use super::board::{Reach, RunDelta, SourceState, SourceView};
use super::merge::Merge;
use crate::format::{Format, Identity};
use crate::source::{FoundRun, FoundSource, Progress, Seen, Tail};
use crate::trace::RunId;

/// How many blocks are read of a run before others get their turn.
const BLOCKS: usize = 8;

/// What became of a stretch of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Worked {
    /// There is more to read.
    pub more: bool,
    /// Something is new since the last delta.
    pub news: bool,
}

/// One run that is being read.
pub struct Reading {
    id: RunId,
    format: &'static dyn Format,
    judge: Judge,
    assessor: Assessor,
    sources: Vec<Source>,
    /// Only with several sources.
    merge: Option<Merge>,
    restarts: u32,
}

struct Source {
    identity: Identity,
    tail: Tail,
    /// It will not grow any more.
    closing: bool,
    /// Its last line has been handed on.
    closed: bool,
    at_end: bool,
    /// The last line is not whole.
    broken_end: bool,
}

impl Reading {
    /// Begins to read a run. Nothing is opened yet.
    pub fn new(run: &FoundRun, judge: Judge) -> Self {
        let mut reading = Self {
            assessor: Assessor::new(run.id.clone(), run.format, judge.clone()),
            id: run.id.clone(),
            format: run.format,
            judge,
            sources: Vec::new(),
            merge: None,
            restarts: 0,
        };
        for source in &run.sources {
            reading.add(source);
        }
        reading
    }

    /// The run.
    pub fn id(&self) -> &RunId {
        &self.id
    }

    /// The format of its main source.
    pub fn format(&self) -> &'static dyn Format {
        self.format
    }

    /// What was made of it so far.
    pub fn assessor(&self) -> &Assessor {
        &self.assessor
    }

    /// How often it had to be read again from its beginning.
    pub fn restarts(&self) -> u32 {
        self.restarts
    }

    /// Another source of the run has been found, or it is known better whose source it is.
    pub fn add(&mut self, found: &FoundSource) {
        if let Some(known) = self.sources.iter_mut().find(|s| s.tail.path() == found.path) {
            if known.identity != found.identity {
                known.identity.clone_from(&found.identity);
                self.restart();
            }
            return;
        }
        let source = Source {
            tail: Tail::new(&found.path, self.sources.len() as u16),
            identity: found.identity.clone(),
            closing: false,
            closed: false,
            at_end: false,
            broken_end: false,
        };
        let is_late_main = found.identity.agent.is_none() && !self.sources.is_empty();
        if is_late_main {
            self.sources.insert(0, source);
            self.restart();
            return;
        }
        self.assessor.add_source(&source.identity);
        self.sources.push(source);
        if self.sources.len() == 2 {
            let mut merge = Merge::default();
            merge.add_lane(self.assessor.run().last);
            self.merge = Some(merge);
        }
        if let Some(merge) = &mut self.merge {
            merge.add_lane(None);
        }
    }

    /// No source will grow any more: last lines without an end are taken, and what is open stays so.
    pub fn close(&mut self) {
        for source in &mut self.sources {
            source.closing = true;
        }
    }

    /// Whether a record came too late to stand in its place. [`Reading::restart`] mends it; that
    /// costs reading the whole run, so it is the caller's choice when.
    pub fn out_of_order(&self) -> bool {
        self.merge.as_ref().is_some_and(Merge::late)
    }

    /// Reads everything again from the beginning, as if for the first time.
    pub fn restart(&mut self) {
        self.restarts += 1;
        self.assessor = Assessor::new(self.id.clone(), self.format, self.judge.clone());
        self.merge = (self.sources.len() > 1).then(Merge::default);
        for (number, source) in self.sources.iter_mut().enumerate() {
            self.assessor.add_source(&source.identity);
            if let Some(merge) = &mut self.merge {
                merge.add_lane(None);
            }
            source.tail.begin_again(number as u16);
            source.closed = false;
            source.at_end = false;
        }
    }

    /// Reads on for a while. `buffer` is memory to read into.
    pub fn work(&mut self, buffer: &mut Vec<u8>) -> Worked {
        let before = self.position();
        let whole = if self.merge.is_some() { self.work_merged(buffer) } else { self.work_single(buffer) };
        if !whole {
            self.restart();
            return Worked { more: true, news: true };
        }
        let more = self.sources.iter().any(|source| !source.at_end);
        Worked { more, news: before != self.position() }
    }

    /// What changes when there is news: records taken, and which sources are lost.
    fn position(&self) -> (u32, usize, usize) {
        (
            self.assessor.run().records,
            self.sources.iter().filter(|s| s.tail.lost().is_some()).count(),
            self.sources.iter().filter(|s| s.closed).count(),
        )
    }

    /// One source: straight through. `false`: something was taken back.
    fn work_single(&mut self, buffer: &mut Vec<u8>) -> bool {
        let assessor = &mut self.assessor;
        let Some(source) = self.sources.first_mut() else {
            return true;
        };
        source.advance(BLOCKS, buffer, |at, record| assessor.take(at, record))
    }

    /// Several sources: in the order of time. `false`: something was taken back.
    fn work_merged(&mut self, buffer: &mut Vec<u8>) -> bool {
        let Some(merge) = &mut self.merge else {
            return true;
        };
        let mut blocks = 0;
        for source in &mut self.sources {
            source.at_end = false;
        }
        loop {
            for (lane, source) in self.sources.iter_mut().enumerate() {
                while merge.is_empty(lane) && !source.at_end {
                    blocks += 1;
                    if !source.advance(1, buffer, |at, record| merge.put(lane, at, record)) {
                        return false;
                    }
                }
            }
            let mut starved = false;
            while !starved {
                let assessor = &mut self.assessor;
                let Some(lane) = merge.next(|at, record| assessor.take(at, record)) else {
                    return true;
                };
                starved = merge.is_empty(lane) && self.sources.get(lane).is_some_and(|source| !source.at_end);
            }
            if blocks >= BLOCKS {
                return true;
            }
        }
    }

    /// What has changed since the last call.
    pub fn delta(&mut self, reach: Reach) -> RunDelta {
        let finished = !self.sources.is_empty() && self.sources.iter().all(|s| s.closed);
        let sources = self.views();
        self.assessor.delta(finished, sources, reach)
    }

    /// Whether everything has been read that is there for now.
    pub fn at_end(&self) -> bool {
        self.sources.iter().all(|source| source.at_end)
    }

    /// Whether everything has been read that will ever be there.
    pub fn closed(&self) -> bool {
        self.sources.iter().all(|source| source.closed)
    }

    /// Why the run's sources are gone, if all of them are.
    pub fn gone(&self) -> Option<&str> {
        let reasons: Option<Vec<&str>> = self.sources.iter().map(|s| s.tail.lost()).collect();
        reasons?.first().copied()
    }

    /// How many files are held open.
    pub fn open_files(&self) -> usize {
        self.sources.iter().filter(|s| s.tail.is_open()).count()
    }

    /// Closes its files until there is more to read.
    pub fn rest(&mut self) {
        for source in &mut self.sources {
            source.tail.rest();
        }
    }

    /// Its files.
    pub fn views(&self) -> Vec<SourceView> {
        self.sources.iter().map(Source::view).collect()
    }
}

impl Source {
    /// Reads on. `false`: something was taken back, and the run must be read again.
    fn advance(
        &mut self,
        blocks: usize,
        buffer: &mut Vec<u8>,
        mut take: impl FnMut(crate::trace::RecordRef, &[u8]),
    ) -> bool {
        let mut whole = true;
        let progress = self.tail.advance(blocks, buffer, |seen| match seen {
            Seen::Record(at, record) if whole => take(at, record),
            Seen::Record(..) => {}
            Seen::Cut(_) => whole = false,
        });
        self.at_end = progress != Progress::More;
        if whole && self.at_end && self.closing && !self.closed {
            self.closed = true;
            self.broken_end = self.tail.finish(|seen| {
                if let Seen::Record(at, record) = seen {
                    take(at, record);
                }
            });
        }
        whole
    }

    fn view(&self) -> SourceView {
        let state = match self.tail.lost() {
            Some(reason) => SourceState::Lost(reason.to_owned()),
            None if self.closed => SourceState::Closed,
            None if self.at_end => SourceState::Following,
            None => SourceState::Reading,
        };
        SourceView {
            path: self.tail.path().to_owned(),
            read: self.tail.read(),
            size: self.tail.size(),
            state,
        }
    }
}
