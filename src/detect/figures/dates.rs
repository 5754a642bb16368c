//! Dates: a message gives a date that was seen nowhere, while one that differs in the day, the month or
//! the year alone was; or a date that no calendar has.
//!
//! A date without a year is held against the days that were seen, whatever their year. Agents work dates
//! out ("within 7 days", "the day after"): a sentence that does so is passed over. Keeps numbers only.

use rustc_hash::FxHashMap;

use super::scan::{Date, Token, scan};
use super::{Aspect, Basis, Class, Evidence, Finding, Part, Rule, Source, speech};
use crate::trace::{Passage, Probability, RecordRef, StepId};

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

/// With more dates than this, any has a neighbour.
const MOST: usize = 256;
/// The most dates told of in one run.
const MOST_TOLD: u32 = 64;

/// What is known of dates.
#[derive(Debug, Default)]
pub(super) struct Dates {
    /// Dates that were seen or said, with the record that brought them where an outcome did.
    known: FxHashMap<Date, Option<RecordRef>>,
    told: u32,
}

impl Dates {
    pub(super) fn is_full(&self) -> bool {
        self.known.len() >= MOST
    }

    /// Takes in a date.
    pub(super) fn learn(&mut self, date: Date, source: Source) {
        if !self.is_full() {
            let record = match source {
                Source::Seen(origin) => origin.map(|(_, record)| record),
                Source::Said(_) => None,
            };
            self.known.entry(date).or_insert(record);
        }
    }

    /// Whether a date is one of those known; either may lack its year.
    fn is_known(&self, (year, month, day): Date) -> bool {
        let of_day = || self.known.keys().filter(|(_, m, d)| (*m, *d) == (month, day)).map(|(y, ..)| *y);
        // A day without a year vouches for a year only where no other year was seen with it.
        of_day().any(|y| y == year || year == 0) || (of_day().next().is_some() && of_day().all(|y| y == 0))
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

    /// Holds an agent's words against the dates that were seen.
    pub(super) fn words(&mut self, words: &Passage, step: StepId, found: &mut Vec<Finding>) {
        if self.told >= MOST_TOLD {
            return;
        }
        if self.known.is_empty() || self.is_full() {
            self.impossible(words, step, found);
            return;
        }
        for sentence in speech::sentences(speech::read(&words.text)) {
            let mut unseen = None;
            scan(sentence, &mut |token| {
                if let (None, Token::Date(date, begin, end)) = (&unseen, token)
                    && !self.is_known(date)
                {
                    unseen = self.nearly(date).map(|near| (date, near, begin, end));
                }
            });
            let Some((date, (near, record), begin, end)) = unseen else {
                self.no_date(words, sentence, step, found);
                continue;
            };
            if speech::has_any(&sentence.to_ascii_lowercase(), WORKED_OUT) {
                self.no_date(words, sentence, step, found);
                continue;
            }
            self.known.insert(date, None);
            self.told += 1;
            let impossible = is_impossible(date);
            let other_year = near.0 != 0 && date.0 != 0 && near.0 != date.0;
            let shown = crate::text::quoted(sentence.get(begin..end).unwrap_or_default(), 40);
            let seen = written(near);
            found.push(Finding {
                rule: &UNSEEN,
                step,
                root: None,
                strength: Probability::new(if impossible || other_year { 0.6 } else { 0.4 }),
                evidence: std::iter::once(Evidence::new(words.record, Part::Claim, sentence))
                    .chain(record.map(|record| Evidence::new(record, Part::Against, &seen)))
                    .collect(),
                sentence: format!("gives the date {shown}, which was seen nowhere; {seen} was"),
                instruction: format!(
                    "Look up where the date {shown} comes from, and give it as it stands there, or say how it was worked out."
                ),
                means: Vec::new(),
            });
        }
    }
}

impl Dates {
    /// Looks for dates that no calendar has; nothing need have been seen for that.
    fn impossible(&mut self, words: &Passage, step: StepId, found: &mut Vec<Finding>) {
        for sentence in speech::sentences(speech::read(&words.text)) {
            self.no_date(words, sentence, step, found);
        }
    }

    /// A date in a sentence that no calendar has, said as the day of something: "on May 37".
    fn no_date(&mut self, words: &Passage, sentence: &str, step: StepId, found: &mut Vec<Finding>) {
        let mut impossible = None;
        scan(sentence, &mut |token| {
            if let Token::Date(date, begin, end) = token
                && is_impossible(date)
                && !self.known.contains_key(&date)
                && (date.0 != 0 || is_day_of(sentence, begin))
            {
                impossible = Some((date, begin, end));
            }
        });
        let Some((date, begin, end)) = impossible.filter(|_| self.told < MOST_TOLD) else { return };
        self.told += 1;
        self.known.insert(date, None);
        let shown = crate::text::quoted(sentence.get(begin..end).unwrap_or_default(), 40);
        found.push(Finding {
            rule: &UNSEEN,
            step,
            root: None,
            strength: Probability::new(0.6),
            evidence: vec![Evidence::new(words.record, Part::Claim, sentence)],
            sentence: format!("gives the date {shown}, which no calendar has and which was seen nowhere"),
            instruction: format!("Look up which date is meant by {shown}, and give it as it stands there."),
            means: Vec::new(),
        });
    }
}

/// Whether no calendar has a date.
fn is_impossible((_, month, day): Date) -> bool {
    !(1..=12).contains(&month) || !(1..=31).contains(&day)
}

/// Whether a date without a year is given as the day of something: "May 40" begins many a sentence.
fn is_day_of(sentence: &str, begin: usize) -> bool {
    let before = sentence.get(..begin).unwrap_or_default().to_ascii_lowercase();
    ["on ", "until ", "dated ", "and ", "to ", "from "].iter().any(|word| before.ends_with(word))
}

/// Words of a sentence, in lower case, that works a date out, or puts one forward.
const WORKED_OUT: &[&str] = &[
    "within",
    "days",
    "week",
    "month later",
    "after",
    "before",
    "tomorrow",
    "next",
    "until",
    "deadline",
    "expire",
    "estimate",
    "expect",
    "arriv",
    "+1",
    "would",
    "could",
    "alternativ",
    "instead",
    "?",
    "if ",
    "example",
    "e.g.",
];

fn written((year, month, day): Date) -> String {
    if year == 0 { format!("{month:02}-{day:02}") } else { format!("{year}-{month:02}-{day:02}") }
}

#[cfg(test)]
mod tests {
    use super::super::super::scene::Scene;
    use super::super::Figures;
    use crate::detect::Finding;
    use crate::trace::Status;
    use serde_json::json;

    fn says(text: &str) -> Vec<Finding> {
        let mut scene = Scene::of(Figures::default());
        scene.prompt("Move my booking of May 24 please.");
        scene.call(
            "get_booking",
            &json!({"id": "B1"}),
            Status::Ok,
            "{\"date\": \"2026-05-24\", \"back\": \"2026-05-27\"}",
        );
        scene.says(text);
        scene.all().into_iter().filter(|f| f.rule.id == "dates.unseen").collect()
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
    fn a_date_that_no_calendar_has() {
        for (text, count) in [
            ("I found no train that arrives on May 47.", 1),
            ("The train arrives within the week, on 2026-05-84.", 1),
            ("May 47 people come?", 0),
            ("The train arrives after May 31.", 0),
        ] {
            let mut scene = Scene::of(Figures::default());
            scene.call("get", &json!({}), Status::Ok, "no dates here");
            scene.says(text);
            assert_eq!(scene.found("dates.unseen").len(), count, "{text}");
        }
    }

    #[test]
    fn without_any_date_seen_nothing_is_said() {
        let mut scene = Scene::of(Figures::default());
        scene.call("get", &json!({}), Status::Ok, "no dates here");
        scene.says("It was on May 3, 2026.");
        assert!(scene.all().is_empty());
    }
}
