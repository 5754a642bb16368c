//! Figures: numbers, sums of money and dates in an agent's words, held against what was seen and
//! against each other. One pass over each text finds them; three parts keep what they need of it.

mod altered;
mod amounts;
mod answers;
mod dates;
mod scan;
mod sums;

use rustc_hash::FxHashSet;

use self::scan::{Token, scan};
use crate::trace::{AgentId, Observation, RecordRef, Run, StepId};

use super::{Aspect, Basis, Class, EVIDENCE_BYTES, Evidence, Family, Finding, Part, Rule, speech};

static RULES: &[&Rule] = &[
    &altered::ALTERED,
    &amounts::UNKNOWN_AMOUNT,
    &amounts::OTHER_AMOUNT,
    &dates::UNSEEN,
    &sums::WRONG_SUM,
    &answers::OTHER_ANSWER,
];

/// How much of a text is read, in bytes.
const READ_BYTES: usize = 64 * 1024;

/// Whose word something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// A prompt's or an outcome's: the step that it came of, and the record.
    Seen(Option<(StepId, RecordRef)>),
    /// An agent's.
    Said(AgentId),
}

/// The family.
#[derive(Debug, Default)]
pub(super) struct Figures {
    altered: altered::Altered,
    amounts: amounts::Amounts,
    dates: dates::Dates,
    /// Agents of whose calls an outcome was seen: only their words can be held against something.
    observing: FxHashSet<AgentId>,
}

impl Figures {
    fn learn(&mut self, text: &str, source: Source) {
        if self.altered.is_full() && self.amounts.is_full() && self.dates.is_full() {
            return;
        }
        let text = crate::text::clip(text, READ_BYTES);
        scan(text, &mut |token| match token {
            Token::Figure(figure) => {
                self.altered.learn(&figure, text, source);
                self.amounts.learn(&figure, text, source);
            }
            Token::Date(date, ..) => {
                self.altered.learn_year(date, source);
                self.dates.learn(date, source);
            }
        });
    }
}

/// Words of a sentence, in lower case, that gives a figure as about right only.
const ROUGHLY: &[&str] =
    &["about", "around", "approximately", "roughly", "example", "if", "nearly", "almost", "over"];

/// Whether a currency stands beside a number.
fn is_money(text: &str, begin: usize, end: usize) -> bool {
    const MARKS: &[&str] = &["$", "€", "£", "EUR", "USD", "GBP", "CHF"];
    let before = text.get(..begin).unwrap_or_default().trim_end_matches([' ', '*']);
    let after = text.get(end..).unwrap_or_default().trim_start();
    MARKS.iter().any(|mark| before.ends_with(mark) || after.starts_with(mark))
}

/// The amounts of a text, in hundredths, from which another may be worked out: sums of money, and
/// figures of three digits or more. "Within 5 to 7 days" is none.
fn parts(text: &str) -> Vec<i64> {
    let mut parts = Vec::new();
    scan(text, &mut |token| {
        if let Token::Figure(figure) = token
            && let Some(amount) = figure.hundredths()
            && (figure.has_fraction() || amount >= 10_000 || is_money(text, figure.begin, figure.end))
        {
            parts.push(amount);
        }
    });
    parts
}

impl Family for Figures {
    fn rules(&self) -> &'static [&'static Rule] {
        RULES
    }

    fn observe(&mut self, seen: &Observation<'_>, _run: &Run, found: &mut Vec<Finding>) {
        match seen {
            Observation::System { passage }
            | Observation::Return { passage, .. }
            | Observation::Prompt { passage, .. } => self.learn(&passage.text, Source::Seen(None)),
            Observation::Step(step) => {
                let (agent, id) = (step.step.agent, step.step.id);
                let observing = self.observing.contains(&agent);
                // The words that led to a call came before its outcome.
                for words in step.words() {
                    // Where an agent makes no calls, what it observes stands in its words.
                    if observing {
                        self.altered.words(words, id, agent, &self.amounts, found);
                        self.dates.words(words, id, found);
                    }
                    sums::words(words, id, found);
                    self.learn(&words.text, Source::Said(agent));
                }
                answers::call(step, found);
                if let Some(message) = step.message {
                    self.amounts.message(message, id, observing, found);
                }
                if let Some(outcome) = step.outcome {
                    self.observing.insert(agent);
                    self.learn(&step.input.text, Source::Said(agent));
                    self.learn(&outcome.text, Source::Seen(Some((id, outcome.record))));
                }
                self.amounts.moved(step);
            }
            _ => {}
        }
    }
}
