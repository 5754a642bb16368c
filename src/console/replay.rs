//! The console's side of a replay: where it is, and where it is asked to go.

use jiff::Timestamp;

/// Where a replay is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Replay {
    /// How many records have been shown.
    pub position: usize,
    /// How many there are.
    pub of: usize,
    /// How many times as fast as it was recorded.
    pub speed: f32,
    /// Whether it goes on by itself.
    pub playing: bool,
    /// The time of the record at its position.
    pub clock: Option<Timestamp>,
}

/// Where to go in a replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seek {
    /// To this many records from the start.
    To(usize),
    /// This many records on, or back.
    By(i64),
    /// To the next record at which a finding was made.
    NextFinding,
    /// To the previous one.
    PreviousFinding,
}

/// The speeds that `+` and `-` go through.
const SPEEDS: &[f32] = &[0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 64.0, 256.0, 1024.0];

/// The next faster speed, or the fastest.
pub fn faster(speed: f32) -> f32 {
    SPEEDS.iter().copied().find(|s| *s > speed).unwrap_or(speed)
}

/// The next slower speed, or the slowest.
pub fn slower(speed: f32) -> f32 {
    SPEEDS.iter().rev().copied().find(|s| *s < speed).unwrap_or(speed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_have_ends() {
        assert_eq!(faster(1.0), 2.0);
        assert_eq!(faster(1024.0), 1024.0);
        assert_eq!(slower(1.0), 0.5);
        assert_eq!(slower(0.25), 0.25);
        assert_eq!(faster(3.0), 4.0);
    }
}
