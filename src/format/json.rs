//! JSON as logs really hold it: lenient types that borrow from the record.
//!
//! A field of the wrong kind never fails a record: it reads as another [`Shape`] and is passed over.
//! Only text that is not JSON fails, and even then bytes that are not UTF-8 and halves of surrogate
//! pairs (a writer that cut its text inside a character) are mended first. Keys that no type names
//! are skipped without being kept.
//!
//! May not: know a format.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use jiff::Timestamp;
use memchr::memmem::Finder;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// A JSON value as it stands in the record.
pub(super) type Raw<'a> = Option<&'a RawValue>;

/// A field that is wanted only as text, number or flag.
pub(super) type Plain<'a> = Shape<'a, IgnoredAny>;

/// A value of whatever kind the writer chose; objects are read as `T`.
#[derive(Debug, Default)]
pub(super) enum Shape<'a, T> {
    /// Absent or null.
    #[default]
    Nothing,
    /// A boolean.
    Flag(bool),
    /// A number.
    Number(f64),
    /// A string.
    Text(Cow<'a, str>),
    /// A list.
    List(Vec<Shape<'a, T>>),
    /// An object.
    Map(T),
}

impl<'a, T> Shape<'a, T> {
    /// The string, if it is one.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The string, empty if it is none.
    pub(super) fn or_empty(&self) -> &str {
        self.text().unwrap_or_default()
    }

    /// The string itself, empty if it is none.
    pub(super) fn take(&mut self) -> Cow<'a, str> {
        match std::mem::take(self) {
            Self::Text(text) => text,
            _ => Cow::Borrowed(""),
        }
    }

    /// Whether it is this string.
    pub(super) fn is(&self, word: &str) -> bool {
        self.text() == Some(word)
    }

    /// Whether it is `true`.
    pub(super) fn yes(&self) -> bool {
        matches!(self, Self::Flag(true))
    }

    /// Whether it is absent or null.
    pub(super) fn is_nothing(&self) -> bool {
        matches!(self, Self::Nothing)
    }

    /// The number as a count: 0 where it is absent, negative or no number.
    pub(super) fn count(&self) -> u64 {
        match self {
            Self::Number(number) if *number > 0.0 => *number as u64,
            _ => 0,
        }
    }

    /// The number as an exit code.
    pub(super) fn code(&self) -> Option<i32> {
        match self {
            Self::Number(number) => Some(*number as i32),
            _ => None,
        }
    }

    /// The number.
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// The object, if it is one.
    pub(super) fn map(&self) -> Option<&T> {
        match self {
            Self::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The elements of a list; a single value counts as a list of one, nothing as none.
    pub(super) fn into_list(self) -> Vec<Shape<'a, T>> {
        match self {
            Self::List(list) => list,
            Self::Nothing => Vec::new(),
            one => vec![one],
        }
    }

    /// A point in time: RFC 3339 text, or seconds or milliseconds since 1970.
    pub(super) fn time(&self) -> Option<Timestamp> {
        match self {
            Self::Text(text) => text.parse().ok(),
            Self::Number(number) if number.abs() > 1e11 => Timestamp::from_millisecond(*number as i64).ok(),
            Self::Number(number) => Timestamp::from_millisecond((*number * 1e3) as i64).ok(),
            _ => None,
        }
    }
}

impl<'de: 'a, 'a, T: Deserialize<'de>> Deserialize<'de> for Shape<'a, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ShapeVisitor(PhantomData))
    }
}

struct ShapeVisitor<'a, T>(PhantomData<(&'a (), T)>);

impl<'de: 'a, 'a, T: Deserialize<'de>> Visitor<'de> for ShapeVisitor<'a, T> {
    type Value = Shape<'a, T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Self::Value, E> {
        Ok(Shape::Flag(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Shape::Number(number as f64))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Shape::Number(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Shape::Number(number))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Shape::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Shape::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
        Ok(Shape::Text(Cow::Owned(text)))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Shape::Nothing)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = seq.next_element()? {
            list.push(element);
        }
        Ok(Shape::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Shape::Map)
    }
}

/// An object whose keys are data: its entries in their order.
#[derive(Debug)]
pub(super) struct Entries<'a, T>(pub(super) Vec<(Cow<'a, str>, Shape<'a, T>)>);

impl<T> Default for Entries<'_, T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de: 'a, 'a, T: Deserialize<'de>> Deserialize<'de> for Entries<'a, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntriesVisitor<'a, T>(PhantomData<(&'a (), T)>);

        impl<'de: 'a, 'a, T: Deserialize<'de>> Visitor<'de> for EntriesVisitor<'a, T> {
            type Value = Entries<'a, T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(mut key) = map.next_key::<Plain<'a>>()? {
                    entries.push((key.take(), map.next_value()?));
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(EntriesVisitor(PhantomData))
    }
}

/// A piece of content with text in it, as message and result contents have them.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Part<'a> {
    /// Its kind.
    #[serde(borrow)]
    pub(super) r#type: Plain<'a>,
    /// Its text.
    #[serde(borrow)]
    pub(super) text: Plain<'a>,
    /// Text that a provider says is encrypted.
    #[serde(borrow)]
    pub(super) encrypted_content: Plain<'a>,
}

/// The text of a content that is a string, a part, or a list of either; parts are joined by line
/// ends, pictures and documents leave a mark of their kind.
pub(super) fn content_text<'a>(content: Shape<'a, Part<'a>>) -> Cow<'a, str> {
    let mut whole: Cow<'a, str> = Cow::Borrowed("");
    for element in content.into_list() {
        let piece = match element {
            Shape::Text(text) => text,
            Shape::Map(mut part) => match part.text.take() {
                Cow::Borrowed("") if part.r#type.or_empty().contains("image") => Cow::Borrowed("[image]"),
                Cow::Borrowed("") if part.r#type.is("document") => Cow::Borrowed("[document]"),
                text => text,
            },
            _ => continue,
        };
        join(&mut whole, piece);
    }
    whole
}

/// Appends `piece` to `whole` on a new line; copies only when there are two pieces.
pub(super) fn join<'a>(whole: &mut Cow<'a, str>, piece: Cow<'a, str>) {
    if whole.is_empty() {
        *whole = piece;
    } else if !piece.is_empty() {
        let text = whole.to_mut();
        text.push('\n');
        text.push_str(&piece);
    }
}

/// Reads a record as `T`; where that fails, `T` from a mended copy cannot be borrowed from the record,
/// so the caller gets the copy to read instead.
pub(super) fn mended(record: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(record);
    let mut out = String::new();
    let mut rest: &str = &text;
    let mut changed = matches!(text, Cow::Owned(_));
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        match surrogate(escape) {
            Some(high) if (0xD800..0xDC00).contains(&high) => {
                let low = escape.get(6..).and_then(surrogate);
                if low.is_some_and(|low| (0xDC00..0xE000).contains(&low)) {
                    out.push_str(escape.get(..12).unwrap_or_default());
                    rest = escape.get(12..).unwrap_or_default();
                } else {
                    out.push_str("\\ufffd");
                    changed = true;
                    rest = escape.get(6..).unwrap_or_default();
                }
            }
            Some(low) if (0xDC00..0xE000).contains(&low) => {
                out.push_str("\\ufffd");
                changed = true;
                rest = escape.get(6..).unwrap_or_default();
            }
            _ => {
                let mut end = 2;
                while end < escape.len() && !escape.is_char_boundary(end) {
                    end += 1;
                }
                let end = end.min(escape.len());
                out.push_str(escape.get(..end).unwrap_or_default());
                rest = escape.get(end..).unwrap_or_default();
            }
        }
    }
    out.push_str(rest);
    changed.then_some(out)
}

fn surrogate(escape: &str) -> Option<u32> {
    let digits = escape.strip_prefix("\\u")?.get(..4)?;
    u32::from_str_radix(digits, 16).ok()
}

/// Whether nothing but white space stands in a record.
pub(super) fn is_blank(record: &[u8]) -> bool {
    record.iter().all(u8::is_ascii_whitespace)
}

/// The value that follows `key` (given with its quotes, colon and opening quote) within the first
/// `within` bytes of a record: a look ahead that spares parsing records that matter to nobody. A key
/// with its bare quotes cannot stand inside a JSON string, so text cannot imitate it.
pub(super) fn peek<'a>(record: &'a [u8], key: &Finder<'_>, within: usize) -> Option<&'a [u8]> {
    let head = record.get(..within.min(record.len()))?;
    let at = key.find(head)?;
    let value = record.get(at + key.needle().len()..)?;
    let end = memchr::memchr(b'"', value.get(..64.min(value.len()))?)?;
    value.get(..end)
}

/// A name made of `kind` (as a word) and the first six characters of `id`.
pub(super) fn agent_name(kind: &str, id: &str) -> String {
    let mut name = String::new();
    for c in kind.chars().take(32) {
        if c.is_alphanumeric() || c == '_' {
            name.extend(c.to_lowercase());
        } else if !name.ends_with('-') && !name.is_empty() {
            name.push('-');
        }
    }
    let name = name.trim_end_matches('-');
    let name = if name.is_empty() { "agent" } else { name };
    let short: String = id.chars().filter(|c| c.is_alphanumeric()).take(6).collect();
    if short.is_empty() { name.to_owned() } else { format!("{name}-{short}") }
}

/// The name of the file that a path ends in, without its extension; "stdin" for standard input.
pub(super) fn stem(path: &str) -> &str {
    let file = path.rsplit('/').next().unwrap_or(path);
    match file {
        "" | "-" => "stdin",
        file => file
            .strip_suffix(".jsonl")
            .or_else(|| file.strip_suffix(".ndjson"))
            .or_else(|| file.strip_suffix(".json"))
            .unwrap_or(file),
    }
}

/// Whether a text looks like a UUID.
pub(super) fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// A hash of a text, for sets that need not keep the text.
pub(super) fn hash(text: &str) -> u64 {
    use std::hash::Hasher;
    let mut hasher = rustc_hash::FxHasher::default();
    hasher.write(text.as_bytes());
    hasher.finish()
}

/// A value that is known only once the record is parsed.
pub(super) fn raw_text<'a>(raw: Raw<'a>) -> Cow<'a, str> {
    raw.map_or(Cow::Borrowed(""), |raw| Cow::Borrowed(raw.get()))
}

/// Arguments as text: those of a string that holds them, or the JSON as it stands.
pub(super) fn text_of<'a>(raw: Raw<'a>) -> Cow<'a, str> {
    match raw.map(RawValue::get) {
        Some(text) if text.starts_with('"') => match serde_json::from_str::<Plain<'a>>(text) {
            Ok(mut text) => text.take(),
            Err(_) => Cow::Borrowed(text),
        },
        Some(text) => Cow::Borrowed(text),
        None => Cow::Borrowed(""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_of_another_kind_does_not_fail_the_record() {
        let part: Shape<'_, Part<'_>> =
            serde_json::from_str(r#"{"type":5,"text":["a",{"b":1}],"more":{"x":[1,2]}}"#).unwrap();
        assert!(part.map().unwrap().text.text().is_none());
    }

    #[test]
    fn half_a_surrogate_pair_is_mended_and_a_whole_one_is_left() {
        let half = br#"{"a":"cut \ud83d","b":"\\ud83d","c":"\ud83d\ude00"}"#;
        assert_eq!(mended(half).unwrap(), r#"{"a":"cut \ufffd","b":"\\ud83d","c":"\ud83d\ude00"}"#);
        assert_eq!(mended(br#"{"a":"\ud83d\ude00"}"#), None);
        assert!(mended(b"{\"a\":\"\xff\"}").is_some());
    }

    #[test]
    fn agents_get_stable_readable_names() {
        assert_eq!(agent_name("Explore", "a0ad4f44468b"), "explore-a0ad4f");
        assert_eq!(agent_name("general purpose!", "ab"), "general-purpose-ab");
        assert_eq!(agent_name("", ""), "agent");
    }

    #[test]
    fn times_are_read_in_three_forms() {
        let text: Plain<'_> = serde_json::from_str(r#""2026-11-20T09:00:00.120Z""#).unwrap();
        let millis: Plain<'_> = serde_json::from_str("1795165200120").unwrap();
        let seconds: Plain<'_> = serde_json::from_str("1795165200.12").unwrap();
        assert!(text.time().is_some());
        assert_eq!(millis.time(), seconds.time());
    }

    #[test]
    fn content_is_joined_only_where_it_has_parts() {
        let one: Shape<'_, Part<'_>> = serde_json::from_str(r#"[{"type":"text","text":"a"}]"#).unwrap();
        assert!(matches!(content_text(one), Cow::Borrowed("a")));
        let two: Shape<'_, Part<'_>> =
            serde_json::from_str(r#"[{"text":"a"},"b",{"type":"image"},7]"#).unwrap();
        assert_eq!(content_text(two), "a\nb\n[image]");
    }
}
