//! Figures: numbers, sums of money and dates in an agent's words, held against what was seen. One pass
//! over each text finds them; three parts keep what they need of it.

mod altered;
mod amounts;
mod dates;
mod scan;

use rustc_hash::FxHashSet;

use self::scan::{Token, scan};
use crate::trace::{AgentId, Observation, RecordRef, Run, StepId};

use super::{Aspect, Basis, Class, EVIDENCE_BYTES, Evidence, Family, Finding, Part, Rule, speech};

static RULES: &[&Rule] =
    &[&altered::ALTERED, &amounts::UNKNOWN_AMOUNT, &amounts::OTHER_AMOUNT, &dates::UNSEEN];

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
            Token::Date(date, ..) => self.dates.learn(date, source),
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

impl Family for Figures {
    fn rules(&self) -> &'static [&'static Rule] {
        RULES
    }

    fn observe(&mut self, seen: &Observation<'_>, run: &Run, found: &mut Vec<Finding>) {
        match seen {
            Observation::System { passage }
            | Observation::Return { passage, .. }
            | Observation::Prompt { passage, .. } => self.learn(&passage.text, Source::Seen(None)),
            Observation::Step(step) => {
                let (agent, id) = (step.step.agent, step.step.id);
                let observing = self.observing.contains(&agent);
                // The words that led to a call came before its outcome.
                for words in step.words() {
                    if observing || run.agents.len() > 1 {
                        self.altered.words(words, id, agent, &self.amounts, found);
                    }
                    if observing {
                        self.dates.words(words, id, found);
                    }
                    self.learn(&words.text, Source::Said(agent));
                }
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
