//! Amounts: sums of money in a message that were seen nowhere and do not follow from what was seen.
//!
//! An amount follows from others when it is one of them, a sum or a difference of two, a multiple, or
//! the sum of amounts that stand in the same message. Only amounts with a currency and a fraction are
//! held against this; the rule abstains when too many amounts have been seen to tell.

use rustc_hash::FxHashSet;

use crate::trace::{AgentId, Observation, Passage, Probability, Run, StepId};

use super::{Aspect, Basis, Class, Evidence, Family, Finding, Part, Rule, speech};

/// An amount from nowhere.
pub(super) static UNKNOWN_AMOUNT: Rule = Rule {
    id: "amounts.unknown-amount",
    class: Class::Hallucination,
    basis: Basis::External,
    speaks_of: Aspect::Support,
    summary: "A message gives a sum of money that was seen nowhere and does not follow from what was seen.",
    example: "gives the sum \"$212.40\", which was seen nowhere and follows from nothing seen",
    proven: false,
};

static RULES: &[&Rule] = &[&UNKNOWN_AMOUNT];

/// With more amounts than this, almost anything follows from two of them: the rule abstains.
const MOST_AMOUNTS: usize = 2048;
/// With more sums than this of one message's amounts, it abstains on that message.
const MOST_SUMS: usize = 4096;
/// How much of an outcome is read for amounts, in bytes.
const OUTCOME_BYTES: usize = 64 * 1024;
/// The most amounts of one message whose sums are looked at.
const PARTS: usize = 12;

/// The family.
#[derive(Debug, Default)]
pub(super) struct Amounts {
    /// In hundredths; what prompts and outcomes have brought.
    seen: FxHashSet<i64>,
    /// Agents of whose calls an outcome was seen.
    observing: FxHashSet<AgentId>,
    told: FxHashSet<i64>,
}

/// Amounts in a text, in hundredths, with their place and whether they have a fraction.
fn numbers(text: &str, mut found: impl FnMut(i64, usize, usize, bool)) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        if !byte.is_ascii_digit() {
            at += 1;
            continue;
        }
        let begin = at;
        let (mut whole, mut fraction, mut places, mut dots) = (0i64, 0i64, 0u32, 0u32);
        while let Some(&byte) = bytes.get(at) {
            let next_is_digit = bytes.get(at + 1).is_some_and(u8::is_ascii_digit);
            match byte {
                b'0'..=b'9' if dots == 0 => {
                    whole = whole.saturating_mul(10).saturating_add(i64::from(byte - b'0'))
                }
                b'0'..=b'9' => {
                    places += 1;
                    fraction = fraction.saturating_mul(10).saturating_add(i64::from(byte - b'0'));
                }
                b'.' if next_is_digit => dots += 1,
                b',' if next_is_digit && dots == 0 => {}
                _ => break,
            }
            at += 1;
        }
        let joined = begin
            .checked_sub(1)
            .and_then(|before| bytes.get(before))
            .is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'/'));
        if dots > 1 || places > 2 || joined || whole > 100_000_000 {
            continue;
        }
        let hundredths = if places == 1 { fraction * 10 } else { fraction };
        found(whole * 100 + hundredths, begin, at, places > 0);
    }
}

impl Amounts {
    fn is_full(&self) -> bool {
        self.seen.len() >= MOST_AMOUNTS
    }

    fn learn(&mut self, text: &str) {
        if self.is_full() {
            return;
        }
        let seen = &mut self.seen;
        numbers(crate::text::clip(text, OUTCOME_BYTES), |amount, _, _, _| {
            if amount > 0 && seen.len() < MOST_AMOUNTS {
                seen.insert(amount);
            }
        });
    }

    fn follows(&self, amount: i64, parts: &[i64]) -> bool {
        if self.seen.contains(&amount) {
            return true;
        }
        for &one in &self.seen {
            let rest = amount - one;
            if self.seen.contains(&rest) || self.seen.contains(&(amount + one)) {
                return true;
            }
            if one > 100 && amount % one == 0 && amount / one <= 12 {
                return true;
            }
        }
        // Sums of what stands in the same message.
        let mut sums: FxHashSet<i64> = FxHashSet::default();
        sums.insert(0);
        for part in parts.iter().take(PARTS).filter(|part| **part != amount) {
            let with: Vec<i64> = sums.iter().flat_map(|sum| [sum + part, sum - part]).collect();
            if sums.len() > MOST_SUMS {
                return true;
            }
            sums.extend(with);
        }
        sums.contains(&amount)
            || sums.contains(&-amount)
            || self.seen.iter().any(|one| sums.contains(&(amount - one)))
    }

    fn message(&mut self, message: &Passage, step: StepId, found: &mut Vec<Finding>) {
        if self.is_full() {
            return;
        }
        let mut parts = Vec::new();
        numbers(&message.text, |amount, _, _, _| parts.push(amount));
        for sentence in speech::sentences(speech::read(&message.text)) {
            let mut bad = None;
            numbers(sentence, |amount, begin, end, fraction| {
                if bad.is_none()
                    && fraction
                    && is_money(sentence, begin, end)
                    && !self.follows(amount, &parts)
                {
                    bad = Some((amount, begin, end));
                }
            });
            let Some((amount, begin, end)) = bad else { continue };
            let lower = sentence.to_ascii_lowercase();
            if speech::has_any_word(&lower, &["if", "about", "around", "approximately", "roughly", "example"])
                || !self.told.insert(amount)
            {
                continue;
            }
            let shown = crate::text::quoted(sentence.get(begin..end).unwrap_or_default(), 30);
            found.push(Finding {
                rule: &UNKNOWN_AMOUNT,
                step,
                root: None,
                strength: Probability::new(0.5),
                evidence: vec![Evidence::new(message.record, Part::Claim, sentence)],
                sentence: format!(
                    "gives the sum {shown}, which was seen nowhere and follows from nothing seen"
                ),
                instruction: format!(
                    "Work {shown} out again from the figures in the outcomes, name them, and correct the sum."
                ),
                means: Vec::new(),
            });
        }
    }
}

/// Whether a currency stands beside a number.
fn is_money(text: &str, begin: usize, end: usize) -> bool {
    let before = text.get(..begin).unwrap_or_default().trim_end();
    let after = text.get(end..).unwrap_or_default().trim_start();
    ["$", "€", "£", "EUR", "USD", "GBP", "CHF"]
        .iter()
        .any(|mark| before.ends_with(mark) || after.starts_with(mark))
}

impl Family for Amounts {
    fn rules(&self) -> &'static [&'static Rule] {
        RULES
    }

    fn observe(&mut self, seen: &Observation<'_>, _run: &Run, found: &mut Vec<Finding>) {
        match seen {
            Observation::System { passage }
            | Observation::Prompt { passage, .. }
            | Observation::Return { passage, .. } => self.learn(&passage.text),
            Observation::Step(step) => {
                if let Some(outcome) = step.outcome {
                    self.observing.insert(step.step.agent);
                    self.learn(&outcome.text);
                }
                if let Some(message) = step.message
                    && self.observing.contains(&step.step.agent)
                {
                    self.message(message, step.step.id, found);
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
        let mut scene = Scene::of(Amounts::default());
        scene.prompt("Refund my kettle, I paid $7.25 for the parcel.");
        let outcome = "{\"kettle\": 64.9, \"shipping\": 4.90, \"pan\": 83.7}";
        scene.call("get_order", &json!({"order": "A1"}), Status::Unknown, outcome);
        scene.says(text);
        scene.all()
    }

    #[test]
    fn a_sum_from_nowhere_is_told_once() {
        let found = says("I have refunded EUR 212.40 in all. Again: EUR 212.40.");
        assert_eq!(found.len(), 1);
        assert!(found[0].sentence.contains("212.40"), "{}", found[0].sentence);
    }

    #[test]
    fn what_was_seen_and_what_follows_from_it_is_well() {
        for text in [
            "The kettle was EUR 64.90.",
            "Together with the shipping that is EUR 69.80.",
            "Two kettles are $129.80.",
            "Kettle EUR 64.90, shipping EUR 4.90, pan EUR 83.70, so EUR 153.50 in all.",
            "The parcel was $7.25.",
            "The pan is €18.80 more than the kettle.",
        ] {
            assert!(says(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn numbers_that_are_no_money_or_only_about_right_are_left_alone() {
        assert!(says("Version 212.40 is out; it would be about EUR 212.40; order A-212.40.").is_empty());
    }

    #[test]
    fn numbers_are_read_in_hundredths() {
        let mut all = Vec::new();
        numbers("1,234.5 and 7 and 1.2.3 and x9 and 3.14159 end 12.00", |n, _, _, fraction| {
            all.push((n, fraction))
        });
        assert_eq!(all, [(123_450, true), (700, false), (1200, true)]);
    }
}
