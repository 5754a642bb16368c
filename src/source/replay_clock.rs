//! The clock of a replay. Pure: it is told how much time has passed and says up to which record the
//! run has come.
//!
//! A position is a count of records: 0 is before the first, `len()` behind the last. Records without
//! a time happen with the one before them; a run without any times gets one record a second. Long
//! pauses are shortened to [`LONGEST_PAUSE`], so that a night between two prompts is not waited for.

use std::time::Duration;

use jiff::Timestamp;

/// The longest pause between two records at speed 1.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// The slowest and the fastest speed.
pub const SPEEDS: (f64, f64) = (0.125, 1024.0);

/// The clock of a replay.
#[derive(Clone, Debug)]
pub struct ReplayClock {
    times: Vec<Option<Timestamp>>,
    /// When each record happens, counted from the first, pauses shortened. Never falls.
    moments: Vec<Duration>,
    position: usize,
    /// The moment that has been reached.
    moment: Duration,
    speed: f64,
    playing: bool,
}

impl ReplayClock {
    /// A clock over records with these times, in the order of the run. It stands at the beginning,
    /// paused.
    pub fn new(times: Vec<Option<Timestamp>>) -> Self {
        let timeless = times.iter().all(Option::is_none);
        let mut moments = Vec::with_capacity(times.len());
        let mut moment = Duration::ZERO;
        let mut last: Option<Timestamp> = None;
        for (index, time) in times.iter().enumerate() {
            if timeless {
                moment = Duration::from_secs(index as u64);
            } else if let Some(time) = time {
                if let Some(last) = last {
                    let pause = Duration::try_from(time.duration_since(last)).unwrap_or_default();
                    moment += pause.min(LONGEST_PAUSE);
                }
                // A time that goes back is kept in the log and does not turn the clock back.
                last = Some(last.map_or(*time, |last| last.max(*time)));
            }
            moments.push(moment);
        }
        Self { times, moments, position: 0, moment: Duration::ZERO, speed: 1.0, playing: false }
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// How many records have happened.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Whether the last record has happened.
    pub fn at_end(&self) -> bool {
        self.position == self.len()
    }

    /// Whether time passes.
    pub fn playing(&self) -> bool {
        self.playing
    }

    /// How many times as fast as it happened.
    pub fn speed(&self) -> f64 {
        self.speed
    }

    /// The time of the latest record that has happened and has one.
    pub fn now(&self) -> Option<Timestamp> {
        self.times.iter().take(self.position).rev().find_map(|time| *time)
    }

    /// Lets time pass, or stops it. At the end, playing begins anew.
    pub fn play(&mut self, playing: bool) {
        if playing && self.at_end() {
            self.seek(0);
        }
        self.playing = playing && !self.is_empty();
    }

    /// Sets the speed, within [`SPEEDS`].
    pub fn set_speed(&mut self, speed: f64) {
        if speed.is_finite() {
            self.speed = speed.clamp(SPEEDS.0, SPEEDS.1);
        }
    }

    /// Lets `elapsed` of real time pass. Whether the position changed.
    pub fn advance(&mut self, elapsed: Duration) -> bool {
        if !self.playing {
            return false;
        }
        self.moment = self.moment.saturating_add(elapsed.mul_f64(self.speed));
        let before = self.position;
        self.position +=
            self.moments.iter().skip(before).take_while(|moment| **moment <= self.moment).count();
        if self.at_end() {
            self.playing = false;
        }
        self.position != before
    }

    /// How much real time passes before the next record happens; `None` when paused or at the end.
    pub fn until_next(&self) -> Option<Duration> {
        if !self.playing {
            return None;
        }
        let next = self.moments.get(self.position)?;
        Some(next.saturating_sub(self.moment).div_f64(self.speed))
    }

    /// Goes to a position; beyond the end is the end.
    pub fn seek(&mut self, position: usize) {
        self.position = position.min(self.len());
        self.moment = match self.position.checked_sub(1) {
            None => Duration::ZERO,
            Some(last) => self.moments.get(last).copied().unwrap_or_default(),
        };
    }

    /// Goes `by` records on, or back where `by` is below zero, and pauses.
    pub fn step(&mut self, by: isize) {
        self.playing = false;
        self.seek(self.position.saturating_add_signed(by));
    }

    /// Goes to the first position at which everything up to `time` has happened.
    pub fn seek_time(&mut self, time: Timestamp) {
        let position =
            self.times.iter().rposition(|t| t.is_some_and(|t| t <= time)).map_or(0, |last| last + 1);
        self.seek(position);
    }

    /// Goes to a share of the records, 0 to 1.
    pub fn seek_share(&mut self, share: f64) {
        let share = if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) };
        self.seek((share * self.len() as f64).round() as usize);
    }

    /// Goes to where `--at` says: a record's number, a share such as `50%`, or a time.
    pub fn seek_text(&mut self, text: &str) -> Result<(), WrongPosition> {
        let text = text.trim();
        if let Some(share) = text.strip_suffix('%').and_then(|s| s.trim().parse::<f64>().ok()) {
            self.seek_share(share / 100.0);
        } else if let Ok(position) = text.parse() {
            self.seek(position);
        } else if let Ok(time) = text.parse() {
            self.seek_time(time);
        } else {
            return Err(WrongPosition(crate::text::quoted(text, 40)));
        }
        Ok(())
    }
}

/// A position that nobody understands.
#[derive(Debug, thiserror::Error)]
#[error(
    "{0} is no position, --at: give a record's number, a share such as 50%, or a time such as 2026-11-20T09:00:00Z"
)]
pub struct WrongPosition(String);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Option<Timestamp> {
        Timestamp::from_second(1_000_000 + second).ok()
    }

    #[test]
    fn it_plays_at_its_speed_and_shortens_long_pauses() {
        let mut clock = ReplayClock::new(vec![at(0), at(2), None, at(2000), at(1999), at(2001)]);
        clock.play(true);
        assert!(clock.advance(Duration::ZERO));
        assert_eq!(clock.position(), 1);
        assert_eq!(clock.until_next(), Some(Duration::from_secs(2)));
        clock.set_speed(2.0);
        assert_eq!(clock.until_next(), Some(Duration::from_secs(1)));
        assert!(clock.advance(Duration::from_secs(1)));
        assert_eq!(clock.position(), 3, "the record without a time comes with the one before it");
        assert_eq!(clock.until_next(), Some(Duration::from_secs(5)), "a pause of half an hour is shortened");
        clock.advance(Duration::from_secs(5));
        assert_eq!(clock.position(), 5, "a time that goes back holds nothing up");
        clock.advance(Duration::from_secs(1));
        assert!(clock.at_end() && !clock.playing());
        assert_eq!(clock.now(), at(2001));
    }

    #[test]
    fn it_goes_where_it_is_told() {
        let mut clock = ReplayClock::new((0..10).map(at).collect());
        clock.seek_text("50%").unwrap();
        assert_eq!(clock.position(), 5);
        clock.seek_text("3").unwrap();
        assert_eq!(clock.position(), 3);
        clock.seek_text(&at(6).unwrap().to_string()).unwrap();
        assert_eq!(clock.position(), 7);
        assert!(clock.seek_text("later").is_err());
        clock.step(-2);
        assert_eq!(clock.position(), 5);
        clock.step(-50);
        assert_eq!(clock.position(), 0);
        assert_eq!(clock.now(), None);
        clock.seek(99);
        assert!(clock.at_end());
        clock.play(true);
        assert_eq!(clock.position(), 0, "playing at the end begins anew");
    }

    #[test]
    fn a_run_without_times_gets_a_record_a_second() {
        let mut clock = ReplayClock::new(vec![None; 3]);
        clock.play(true);
        clock.advance(Duration::from_millis(1500));
        assert_eq!(clock.position(), 2);
        let mut none = ReplayClock::new(Vec::new());
        none.play(true);
        assert!(!none.playing());
    }

    proptest! {
        #[test]
        fn small_steps_of_time_lead_where_a_large_one_leads(
            seconds in proptest::collection::vec(proptest::option::of(0i64..100), 0..20),
            parts in proptest::collection::vec(0u64..5000, 0..20),
        ) {
            let mut small = ReplayClock::new(seconds.iter().map(|s| s.and_then(at)).collect());
            let mut large = small.clone();
            small.play(true);
            large.play(true);
            for part in &parts {
                small.advance(Duration::from_millis(*part));
            }
            large.advance(Duration::from_millis(parts.iter().sum()));
            if !parts.is_empty() {
                prop_assert_eq!(small.position(), large.position());
            }
        }
    }
}
