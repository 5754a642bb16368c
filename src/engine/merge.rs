//! Brings the records of a run's sources into one order: by time, and where times are equal or
//! missing, the main source first. Within a source the order of its records never changes.

use std::collections::VecDeque;

use jiff::Timestamp;

use crate::source::stamp;
use crate::trace::RecordRef;

/// Records of several sources that wait for their turn.
#[derive(Debug, Default)]
pub(crate) struct Merge {
    lanes: Vec<Lane>,
    /// The time of the last record that was let go, and its lane.
    last: Option<(Option<Timestamp>, usize)>,
    late: bool,
}

/// One source.
#[derive(Debug, Default)]
struct Lane {
    bytes: Vec<u8>,
    waiting: VecDeque<Waiting>,
    /// The latest time so far: a record without a time, or with an earlier one, happens then.
    latest: Option<Timestamp>,
}

#[derive(Debug)]
struct Waiting {
    at: RecordRef,
    time: Option<Timestamp>,
    start: usize,
}

impl Merge {
    /// Adds a source; the main one comes first. `so_far`: the latest time in it that was let go
    /// before merging began.
    pub(crate) fn add_lane(&mut self, so_far: Option<Timestamp>) {
        if so_far.is_some() {
            self.last = Some((so_far, self.lanes.len()));
        }
        self.lanes.push(Lane { latest: so_far, ..Lane::default() });
    }

    /// A record of a source has come.
    pub(crate) fn put(&mut self, lane: usize, at: RecordRef, record: &[u8]) {
        let Some(lane) = self.lanes.get_mut(lane) else {
            return;
        };
        if let Some(time) = stamp::time_of(record) {
            lane.latest = lane.latest.max(Some(time));
        }
        if lane.waiting.is_empty() {
            lane.bytes.clear();
        }
        lane.waiting.push_back(Waiting { at, time: lane.latest, start: lane.bytes.len() });
        lane.bytes.extend_from_slice(record);
    }

    /// Whether a source has nothing waiting.
    pub(crate) fn is_empty(&self, lane: usize) -> bool {
        self.lanes.get(lane).is_none_or(|lane| lane.waiting.is_empty())
    }

    /// Lets the next record go. Call it only while every source that has more to read has something
    /// waiting. The source it belongs to, or `None` when nothing waits.
    pub(crate) fn next(&mut self, take: impl FnOnce(RecordRef, &[u8])) -> Option<usize> {
        let (time, index) = self
            .lanes
            .iter()
            .enumerate()
            .filter_map(|(index, lane)| lane.waiting.front().map(|first| (first.time, index)))
            .min()?;
        let lane = self.lanes.get_mut(index)?;
        let record = lane.waiting.pop_front()?;
        let bytes =
            lane.bytes.get(record.start..record.start + record.at.length as usize).unwrap_or_default();
        if let Some((last, of)) = self.last
            && of != index
            && time < last
        {
            self.late = true;
        }
        self.last = Some((time.max(self.last.and_then(|(last, _)| last)), index));
        take(record.at, bytes);
        Some(index)
    }

    /// Whether a record was let go after one of another source that happened later: the order is not
    /// the one that reading everything at once would give.
    pub(crate) fn late(&self) -> bool {
        self.late
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record(lane: u16, index: u32, second: Option<i64>) -> (RecordRef, Vec<u8>) {
        let bytes = match second {
            Some(second) => format!("{{\"ts\":{second}}}"),
            None => "{}".to_owned(),
        }
        .into_bytes();
        let at = RecordRef { source: lane, index, offset: 0, length: bytes.len() as u32 };
        (at, bytes)
    }

    fn order(merge: &mut Merge) -> Vec<(u16, u32)> {
        let mut order = Vec::new();
        while merge.next(|at, _| order.push((at.source, at.index))).is_some() {}
        order
    }

    fn filled(lanes: &[&[Option<i64>]]) -> Merge {
        let mut merge = Merge::default();
        for (lane, seconds) in lanes.iter().enumerate() {
            merge.add_lane(None);
            for (index, second) in seconds.iter().enumerate() {
                let (at, bytes) = record(lane as u16, index as u32, *second);
                merge.put(lane, at, &bytes);
            }
        }
        merge
    }

    #[test]
    fn by_time_and_the_main_source_first() {
        let mut merge =
            filled(&[&[None, Some(10), None, Some(30)], &[Some(10), Some(20), Some(15), Some(40)]]);
        let expected = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3)];
        assert_eq!(order(&mut merge), expected);
        assert!(!merge.late());
    }

    #[test]
    fn a_record_that_comes_too_late_is_noticed() {
        let mut merge = filled(&[&[Some(10), Some(30)], &[Some(20)]]);
        order(&mut merge);
        assert!(!merge.late());
        let (at, bytes) = record(1, 1, Some(25));
        merge.put(1, at, &bytes);
        assert_eq!(order(&mut merge), [(1, 1)]);
        assert!(merge.late());
    }

    proptest! {
        #[test]
        fn no_source_is_reordered_and_nothing_is_lost(
            lanes in proptest::collection::vec(
                proptest::collection::vec(proptest::option::of(0i64..50), 0..12), 1..5),
        ) {
            let lanes: Vec<&[Option<i64>]> = lanes.iter().map(Vec::as_slice).collect();
            let mut merge = filled(&lanes);
            let order = order(&mut merge);
            prop_assert!(!merge.late());
            for (lane, seconds) in lanes.iter().enumerate() {
                let mine: Vec<u32> = order.iter().filter(|(l, _)| usize::from(*l) == lane).map(|(_, i)| *i).collect();
                prop_assert_eq!(mine, (0..seconds.len() as u32).collect::<Vec<_>>());
            }
        }
    }
}
