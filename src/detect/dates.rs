//! Dates: a message gives a date that was seen nowhere, while one that differs in the day, the month or
//! the year alone was; or a date that no calendar has.
//!
//! Reads `2026-05-24`, `May 24, 2026`, `24 May`, `5/24/2026`. A date without a year is held against the
//! days that were seen, whatever their year. Agents work dates out ("within 7 days", "the day after"):
//! a sentence that does so is passed over. Keeps numbers only.

use std::sync::LazyLock;

use regex::{Captures, Regex};
use rustc_hash::FxHashMap;

use crate::trace::{AgentId, Observation, Passage, Probability, RecordRef, Run, StepId};

use super::{Aspect, Basis, Class, Evidence, Family, Finding, Part, Rule, speech};

/// A date from nowhere.
pub(super) static UNSEEN: Rule = Rule {
    id: "dates.unseen",
    class: Class::Hallucination,
    basis: Basis::External,
    speaks_of: Aspect::Support,
    summary: "A message gives a date that was seen nowhere, while one that differs in day, month or year alone was.",
    example: "gives the date 2026-05-28, which was seen nowhere; 2026-05-24 was",
    proven: true,
};

static RULES: &[&Rule] = &[&UNSEEN];

/// With more dates than this, any has a neighbour.
const MOST: usize = 256;
/// How much of a text is read, in bytes.
const READ_BYTES: usize = 64 * 1024;

static DATES: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?i)\b(?P<y>\d{4})-(?P<m>\d{2})-(?P<d>\d{2})\b",
        r"|\b(?P<name>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?",
        r"|sep(?:t(?:ember)?)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.? (?P<d2>\d{1,2})(?:st|nd|rd|th)?\b(?:,? (?P<y2>\d{4})\b)?",
        r"|\b(?P<d3>\d{1,2})(?:st|nd|rd|th)?(?: of)? (?P<name3>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?",
        r"|aug(?:ust)?|sep(?:t(?:ember)?)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b(?:,? (?P<y3>\d{4})\b)?",
    ))
    .ok()
});

const MONTHS: &[&str] =
    &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Year (0: not said), month, day.
type Date = (u16, u8, u8);

/// The family.
#[derive(Debug, Default)]
pub(super) struct Dates {
    /// Dates that were seen or said, with the record that brought them where an outcome did.
    known: FxHashMap<Date, Option<RecordRef>>,
    observing: Vec<AgentId>,
    told: u32,
}

fn date(found: &Captures<'_>) -> Option<Date> {
    let number = |name: &str| found.name(name).and_then(|m| m.as_str().parse::<u16>().ok());
    let month_of = |name: &str| {
        let word = found.name(name)?.as_str().to_ascii_lowercase();
        let at = MONTHS.iter().position(|month| word.starts_with(month))?;
        u8::try_from(at + 1).ok()
    };
    let small = |number: Option<u16>| number.and_then(|n| u8::try_from(n).ok());
    if let (Some(year), Some(month), Some(day)) = (number("y"), small(number("m")), small(number("d"))) {
        return Some((year, month, day));
    }
    if let (Some(month), Some(day)) = (month_of("name"), small(number("d2"))) {
        return Some((number("y2").unwrap_or(0), month, day));
    }
    let (month, day) = (month_of("name3")?, small(number("d3"))?);
    Some((number("y3").unwrap_or(0), month, day))
}

impl Dates {
    fn learn(&mut self, text: &str, record: Option<RecordRef>) {
        let Some(pattern) = DATES.as_ref() else { return };
        for found in pattern.captures_iter(crate::text::clip(text, READ_BYTES)) {
            if self.known.len() >= MOST {
                return;
            }
            if let Some(date) = date(&found) {
                self.known.entry(date).or_insert(record);
            }
        }
    }

    /// Whether a date is one of those known; either may lack its year.
    fn is_known(&self, (year, month, day): Date) -> bool {
        self.known
            .keys()
            .any(|(y, m, d)| (*m, *d) == (month, day) && (*y == year || *y == 0 || year == 0))
    }

    /// The known date that differs in one part, if the date is wrong by it.
    fn nearly(&self, (year, month, day): Date) -> Option<(Date, Option<RecordRef>)> {
        let mut near: Vec<(Date, Option<RecordRef>)> = self
            .known
            .iter()
            .filter(|((y, m, d), _)| {
                let years = *y == year || *y == 0 || year == 0;
                let other_year = (*m, *d) == (month, day) && !years;
                let other_day = *m == month && *d != day && years;
                let other_month = *m != month && *d == day && years && year != 0;
                other_year || other_day || other_month
            })
            .map(|(date, record)| (*date, *record))
            .collect();
        near.sort();
        near.first().copied()
    }

    fn words(&mut self, words: &Passage, step: StepId, found: &mut Vec<Finding>) {
        let Some(pattern) = DATES.as_ref() else { return };
        if self.known.is_empty() || self.known.len() >= MOST || self.told >= 64 {
            return;
        }
        for sentence in speech::sentences(speech::read(&words.text)) {
            let lower = sentence.to_ascii_lowercase();
            if speech::has_any(&lower, WORKED_OUT) {
                continue;
            }
            for captures in pattern.captures_iter(sentence) {
                let Some(date) = date(&captures) else { continue };
                let impossible = date.1 == 0 || date.1 > 12 || date.2 == 0 || date.2 > 31;
                if self.is_known(date) {
                    continue;
                }
                let Some((near, record)) = self.nearly(date) else { continue };
                self.known.insert(date, None);
                self.told += 1;
                let shown = crate::text::quoted(captures.get(0).map_or("", |m| m.as_str()), 40);
                let seen = written(near);
                found.push(Finding {
                    rule: &UNSEEN,
                    step,
                    root: None,
                    strength: Probability::new(if impossible || near.0 != 0 && date.0 != 0 && near.0 != date.0 {
                        0.6
                    } else {
                        0.4
                    }),
                    evidence: std::iter::once(Evidence::new(words.record, Part::Claim, sentence))
                        .chain(record.map(|record| Evidence::new(record, Part::Against, &seen)))
                        .collect(),
                    sentence: format!("gives the date {shown}, which was seen nowhere; {seen} was"),
                    instruction: format!(
                        "Look up where the date {shown} comes from, and give it as it stands there, or say how it was worked out."
                    ),
                    means: Vec::new(),
                });
                break;
            }
        }
    }
}

/// Words of a sentence, in lower case, that works a date out, or puts one forward.
const WORKED_OUT: &[&str] = &[
    "within", "days", "week", "month later", "after", "before", "tomorrow", "next", "until", "deadline", "expire",
    "estimate", "expect", "arriv", "+1", "would", "could", "alternativ", "instead", "?", "if ", "example", "e.g.",
];

fn written((year, month, day): Date) -> String {
    if year == 0 { format!("{month:02}-{day:02}") } else { format!("{year}-{month:02}-{day:02}") }
}

impl Family for Dates {
    fn rules(&self) -> &'static [&'static Rule] {
        RULES
    }

    fn observe(&mut self, seen: &Observation<'_>, _run: &Run, found: &mut Vec<Finding>) {
        match seen {
            Observation::System { passage }
            | Observation::Return { passage, .. }
            | Observation::Prompt { passage, .. } => self.learn(&passage.text, None),
            Observation::Step(step) => {
                let agent = step.step.agent;
                for words in step.words() {
                    if self.observing.contains(&agent) {
                        self.words(words, step.step.id, found);
                    }
                    self.learn(&words.text, None);
                }
                if let Some(outcome) = step.outcome {
                    if !self.observing.contains(&agent) && self.observing.len() < 64 {
                        self.observing.push(agent);
                    }
                    self.learn(&step.input.text, None);
                    self.learn(&outcome.text, Some(outcome.record));
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::scene::Scene;
    use super::*;
    use crate::trace::Status;
    use serde_json::json;

    fn says(text: &str) -> Vec<Finding> {
        let mut scene = Scene::of(Dates::default());
        scene.prompt("Move my booking of May 24 please.");
        scene.call("get_booking", &json!({"id": "B1"}), Status::Ok, "{\"date\": \"2026-05-24\", \"back\": \"2026-05-27\"}");
        scene.says(text);
        scene.all()
    }

    #[test]
    fn a_date_that_is_off_in_one_part_is_told() {
        for text in [
            "You fly on May 28, 2026.",
            "You fly on May 24, 2062.",
            "You fly on 2026-05-84.",
            "The flight on 21 May is booked.",
        ] {
            let found = says(text);
            assert_eq!(found.len(), 1, "{text}");
            assert!(found[0].sentence.contains("2026-05-2") || found[0].sentence.contains("05-24"), "{text}");
        }
    }

    #[test]
    fn known_dates_in_any_form_and_dates_worked_out_are_well() {
        for text in [
            "You fly on May 24, 2026 and back on the 27th of May.",
            "You fly on 2026-05-24.",
            "The refund arrives within 7 days, on May 31, 2026.",
            "Would May 25 suit you instead?",
            "The shop was founded on August 3, 1998.",
            "Version 2026.05 may 3 times be tried.",
        ] {
            assert!(says(text).is_empty(), "{text}: {:?}", says(text).first().map(|f| &f.sentence));
        }
    }

    #[test]
    fn without_any_date_seen_nothing_is_said() {
        let mut scene = Scene::of(Dates::default());
        scene.call("get", &json!({}), Status::Ok, "no dates here");
        scene.says("It was on May 3, 2026.");
        assert!(scene.all().is_empty());
    }
}
