//! The time of a record, cheaply: for merging the sources of one run and for replays. Which record
//! means what is the formats' business; this knows only the names under which logs keep the time.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Deserialize;

#[derive(Deserialize)]
struct Stamped<'a> {
    #[serde(borrow, default)]
    timestamp: Option<Stamp<'a>>,
    #[serde(borrow, default)]
    time: Option<Stamp<'a>>,
    #[serde(borrow, default)]
    ts: Option<Stamp<'a>>,
    #[serde(borrow, default)]
    created_at: Option<Stamp<'a>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Stamp<'a> {
    Number(f64),
    #[serde(borrow)]
    Text(Cow<'a, str>),
    Other(serde::de::IgnoredAny),
}

/// The time that stands at the top level of a JSON record, as text (RFC 3339) or as a number of
/// seconds or milliseconds since 1970.
pub fn time_of(record: &[u8]) -> Option<Timestamp> {
    // An array would be taken for an object without names.
    if record.trim_ascii_start().first() != Some(&b'{') {
        return None;
    }
    let stamped: Stamped<'_> = serde_json::from_slice(record).ok()?;
    [stamped.timestamp, stamped.time, stamped.ts, stamped.created_at]
        .into_iter()
        .flatten()
        .find_map(Stamp::moment)
}

impl Stamp<'_> {
    fn moment(self) -> Option<Timestamp> {
        match self {
            Self::Text(text) => text.parse().ok(),
            Self::Number(number) => {
                // Seconds since 1970 stay below this number for three thousand years.
                let seconds = if number.abs() > 1e11 { number / 1000.0 } else { number };
                Timestamp::from_microsecond((seconds * 1e6) as i64).ok()
            }
            Self::Other(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_seconds_and_milliseconds() {
        let at: Timestamp = "2026-11-20T09:00:04Z".parse().unwrap();
        for record in [
            r#"{"message":{"timestamp":"1999-01-01T00:00:00Z"},"timestamp":"2026-11-20T09:00:04.000Z"}"#,
            r#"{"time":"2026-11-20T10:00:04+01:00"}"#,
            r#"{"ts":1795165204}"#,
            r#"{"timestamp":1795165204000}"#,
        ] {
            assert_eq!(time_of(record.as_bytes()), Some(at), "{record}");
        }
        for record in ["{}", "[1]", "half", r#"{"timestamp":{"a":1}}"#, r#"{"timestamp":"soon"}"#] {
            assert_eq!(time_of(record.as_bytes()), None, "{record}");
        }
    }
}
