//! Figures and dates in a text, found in one pass over its digits.

/// A day; year 0 where none is said.
pub(super) type Date = (u16, u8, u8);

/// What stands at some digits.
pub(super) enum Token<'a> {
    /// A figure that stands by itself: no part of a time, a version, an id or a path.
    Figure(Figure<'a>),
    /// A date, with its place.
    Date(Date, usize, usize),
}

/// The most digits and points of a figure.
const DIGITS: usize = 16;

/// A figure.
pub(super) struct Figure<'a> {
    digits: [u8; DIGITS],
    length: usize,
    /// Where it begins.
    pub(super) begin: usize,
    /// Where it ends.
    pub(super) end: usize,
    /// What it counts; empty where no word follows.
    pub(super) unit: &'a str,
}

impl Figure<'_> {
    /// Its digits with the point, without commas and without closing zeros behind the point.
    pub(super) fn plain(&self) -> &str {
        self.digits.get(..self.length).and_then(|digits| std::str::from_utf8(digits).ok()).unwrap_or_default()
    }

    /// How many digits it has.
    pub(super) fn digits(&self) -> usize {
        self.plain().bytes().filter(u8::is_ascii_digit).count()
    }

    /// Whether it has a fraction.
    pub(super) fn has_fraction(&self) -> bool {
        self.plain().contains('.')
    }

    /// Its value in hundredths; `None` where it has a finer fraction.
    pub(super) fn hundredths(&self) -> Option<i64> {
        hundredths(self.plain())
    }
}

/// A figure's value in hundredths.
pub(super) fn hundredths(plain: &str) -> Option<i64> {
    let (whole, fraction) = plain.split_once('.').unwrap_or((plain, ""));
    let fraction: i64 = match fraction.len() {
        0 => 0,
        1 => fraction.parse::<i64>().ok()? * 10,
        2 => fraction.parse().ok()?,
        _ => return None,
    };
    whole.parse::<i64>().ok()?.checked_mul(100)?.checked_add(fraction)
}

/// Finds the figures and dates of a text.
pub(super) fn scan<'a>(text: &'a str, found: &mut impl FnMut(Token<'a>)) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        if !byte.is_ascii_digit() {
            at += 1;
            continue;
        }
        if let Some((date, begin, end)) = date_at(text, at) {
            found(Token::Date(date, begin, end));
            at = end.max(at + 1);
            continue;
        }
        at = figure_at(text, at, found);
    }
}

/// Reads the figure at `begin`, and gives where to go on.
fn figure_at<'a>(text: &'a str, begin: usize, found: &mut impl FnMut(Token<'a>)) -> usize {
    let bytes = text.as_bytes();
    let mut at = begin;
    let mut figure = Figure { digits: [0; DIGITS], length: 0, begin, end: begin, unit: "" };
    let (mut points, mut long) = (0, false);
    let mut push = |figure: &mut Figure<'_>, byte| match figure.digits.get_mut(figure.length) {
        Some(place) => {
            *place = byte;
            figure.length += 1;
        }
        None => long = true,
    };
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'0'..=b'9' => push(&mut figure, byte),
            b'.' if bytes.get(at + 1).is_some_and(u8::is_ascii_digit) => {
                points += 1;
                push(&mut figure, b'.');
            }
            b',' if points == 0 && thousands(bytes, at) => {}
            _ => break,
        }
        at += 1;
    }
    let joined = |byte: u8| {
        byte.is_ascii_alphanumeric()
            || byte >= 0x80
            || matches!(byte, b'_' | b'-' | b'/' | b'.' | b':' | b'@' | b'\\' | b'#')
    };
    // A currency or a dash of another script does not join.
    let before = text.get(..begin).and_then(|before| before.chars().next_back());
    let joins = before.is_some_and(|c| if c.is_ascii() { joined(c as u8) } else { c.is_alphanumeric() });
    let rest = text.get(at..).unwrap_or_default();
    let next = bytes.get(at).copied();
    let unit = unit_of(rest);
    let attached = next.is_some_and(|byte| byte.is_ascii_alphabetic());
    let cut = next.is_some_and(|byte| matches!(byte, b'_' | b'/' | b':' | b'@' | b'\\'))
        || (next == Some(b'-') && bytes.get(at + 1).is_some_and(u8::is_ascii_digit))
        || (attached && (unit.is_empty() || unit.len() > 4));
    if joins || cut || points > 1 || long {
        while bytes.get(at).is_some_and(u8::is_ascii_alphanumeric) {
            at += 1;
        }
        return at;
    }
    if points == 1 {
        figure.length = figure.plain().trim_end_matches('0').trim_end_matches('.').len();
    }
    figure.end = at;
    figure.unit = unit;
    found(Token::Figure(figure));
    at
}

/// Whether a comma stands between thousands.
fn thousands(bytes: &[u8], at: usize) -> bool {
    (1..=3).all(|by| bytes.get(at + by).is_some_and(u8::is_ascii_digit))
        && !bytes.get(at + 4).is_some_and(u8::is_ascii_digit)
}

/// The word that follows a figure, directly, after a blank or after a hyphen.
fn unit_of(rest: &str) -> &str {
    if rest.starts_with('%') {
        return "%";
    }
    let rest = rest.strip_prefix([' ', '-']).unwrap_or(rest);
    let end = rest.bytes().position(|byte| !byte.is_ascii_alphabetic()).unwrap_or(rest.len());
    rest.get(..end).unwrap_or_default()
}

const MONTHS: &[&str] = &[
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// The month that a word names, in full or by its first three or four letters.
fn month(word: &str) -> Option<u8> {
    if !(3..=9).contains(&word.len()) || !word.starts_with(|c: char| c.is_ascii_uppercase()) {
        return None;
    }
    let at = MONTHS.iter().position(|month| {
        let head = month.get(..word.len()).unwrap_or_default();
        head.eq_ignore_ascii_case(word) && (word.len() <= 4 || word.len() == month.len())
    })?;
    u8::try_from(at + 1).ok()
}

/// The date whose first digits stand at `at`, with its place: `2026-05-24`, `May 24, 2026`, `24 May`.
fn date_at(text: &str, at: usize) -> Option<(Date, usize, usize)> {
    let bytes = text.as_bytes();
    let digits = bytes.get(at..)?.iter().take(5).take_while(|byte| byte.is_ascii_digit()).count();
    let before = at.checked_sub(1).and_then(|before| bytes.get(before)).copied();
    if before.is_some_and(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = |from: usize, count: usize| -> Option<u16> { text.get(from..from + count)?.parse().ok() };
    if digits == 4 {
        let dashes = bytes.get(at + 4) == Some(&b'-') && bytes.get(at + 7) == Some(&b'-');
        let more = bytes.get(at + 10).is_some_and(u8::is_ascii_digit);
        if !dashes || more {
            return None;
        }
        let (month, day) = (number(at + 5, 2)?, number(at + 8, 2)?);
        return Some(((number(at, 4)?, u8::try_from(month).ok()?, u8::try_from(day).ok()?), at, at + 10));
    }
    if digits == 0 || digits > 2 {
        return None;
    }
    let day = u8::try_from(number(at, digits)?).ok()?;
    let mut end = at + digits;
    let rest = text.get(end..)?;
    if ["st", "nd", "rd", "th"].iter().any(|ending| rest.starts_with(ending)) {
        end += 2;
    }
    // May 24
    if before == Some(b' ') {
        let head = text.get(..at - 1)?.trim_end_matches('.');
        let start = head.bytes().rposition(|byte| !byte.is_ascii_alphabetic()).map_or(0, |before| before + 1);
        if let Some(month) = head.get(start..).and_then(month) {
            let (year, end) = year_at(text, end);
            return Some(((year, month, day), start, end));
        }
    }
    // 24 May
    let rest = text.get(end..)?;
    let (skipped, rest) = match (rest.strip_prefix(" of "), rest.strip_prefix(' ')) {
        (Some(rest), _) => (4, rest),
        (None, Some(rest)) => (1, rest),
        _ => return None,
    };
    let length = rest.bytes().position(|byte| !byte.is_ascii_alphabetic()).unwrap_or(rest.len());
    let month = month(rest.get(..length)?)?;
    let (year, end) = year_at(text, end + skipped + length);
    Some(((year, month, day), at, end))
}

/// The year behind the rest of a date, and where the date ends.
fn year_at(text: &str, end: usize) -> (u16, usize) {
    let rest = text.get(end..).unwrap_or_default();
    let gap = if rest.starts_with(", ") { 2 } else { 1 };
    let year = rest.get(gap..gap + 4).filter(|_| rest.starts_with([',', ' ']));
    let more = rest.as_bytes().get(gap + 4).is_some_and(u8::is_ascii_alphanumeric);
    match year.and_then(|year| year.parse::<u16>().ok()) {
        Some(year) if year >= 1000 && !more => (year, end + gap + 4),
        _ => (0, end),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> (Vec<String>, Vec<Date>) {
        let (mut figures, mut dates) = (Vec::new(), Vec::new());
        scan(text, &mut |token| match token {
            Token::Figure(figure) => figures.push(format!("{} {}", figure.plain(), figure.unit)),
            Token::Date(date, ..) => dates.push(date),
        });
        (figures, dates)
    }

    #[test]
    fn figures_stand_by_themselves() {
        let text = "1,234.50 of 7 GB and 86% v1.2.3 x9 A-12 12:30 3.14159 €64.90 128GB /3/ 5-7";
        let figures = ["1234.5 of", "7 GB", "86 %", "3.14159 ", "64.9 ", "128 GB"];
        assert_eq!(all(text).0, figures);
    }

    #[test]
    fn dates_in_several_forms() {
        let text =
            "2026-05-24, May 27, 2026, 3rd of June, Sept. 9 and 1 Mar 2025; may 3 times, Mayor 5, 2026-1-2";
        let dates = [(2026, 5, 24), (2026, 5, 27), (0, 6, 3), (0, 9, 9), (2025, 3, 1)];
        assert_eq!(all(text).1, dates);
    }

    #[test]
    fn letters_of_other_scripts_and_long_runs_of_digits_do_no_harm() {
        let long = "9".repeat(400);
        assert!(all(&format!("é5 {long} 東3京 ２ 12é")).1.is_empty());
    }
}
