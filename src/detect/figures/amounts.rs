//! Amounts: sums of money in a message that were seen nowhere and do not follow from what was seen.
//!
//! An amount follows from others when it is one of them, a sum or a difference of two, a multiple, or
//! the sum of amounts that stand in the same message. Only amounts with a currency that have a
//! fraction or three digits are held against this; the rule abstains when too many amounts have been seen to tell.

use rustc_hash::FxHashSet;

use super::scan::{Figure, Token, hundredths, scan};
use super::{
    Aspect, Basis, Class, EVIDENCE_BYTES, Evidence, Finding, Part, ROUGHLY, Rule, Source, is_money, speech,
};
use crate::trace::{ClosedStep, Passage, Probability, StepId};

/// An amount from nowhere.
pub(super) static UNKNOWN_AMOUNT: Rule = Rule {
    id: "amounts.unknown-amount",
    class: Class::Hallucination,
    basis: Basis::External,
    speaks_of: Aspect::Support,
    summary: "A message gives a sum of money that was seen nowhere and does not follow from what was seen.",
    example: "gives the sum \"$212.40\", which was seen nowhere and follows from nothing seen",
    proven: true,
};

/// Another amount than the call passed.
pub(super) static OTHER_AMOUNT: Rule = Rule {
    id: "amounts.other-than-passed",
    class: Class::Hallucination,
    basis: Basis::External,
    speaks_of: Aspect::Support,
    summary: "A message reports a payment, a refund or the like with another sum than the call that made it passed.",
    example: "says that 750 was issued; the call passed 150",
    proven: true,
};

/// Arguments that hold a sum, by a part of their name.
const SUM_ARGUMENTS: &[&str] = &["amount", "price", "total", "value", "sum", "fee", "refund", "cost"];
/// Words with which a sum is reported as moved.
const MOVED: &[&str] = &[
    "issued",
    "sent",
    "refunded",
    "charged",
    "credited",
    "paid",
    "transferred",
    "processed",
    "deducted",
    "debited",
    "reimbursed",
    "compensation",
    "certificate",
];

/// With more amounts than this, almost anything follows from two of them: the rule abstains.
const MOST_AMOUNTS: usize = 2048;
/// With more sums than this of one message's amounts, it abstains on that message.
const MOST_SUMS: usize = 4096;
/// The smallest amount without a fraction that is held against a message, in hundredths.
const WHOLE: i64 = 10_000;
/// With fewer sums than this, an amount that follows from two of them does so for a reason; with more
/// than that, any does.
const FEW_SUMS: usize = 12;
const MANY_SUMS: usize = 512;
/// The most amounts of one message whose sums are looked at.
const PARTS: usize = 12;

/// What is known of amounts.
#[derive(Debug, Default)]
pub(super) struct Amounts {
    /// In hundredths; what prompts and outcomes have brought.
    seen: FxHashSet<i64>,
    /// Those of them with a currency or a fraction.
    sums: FxHashSet<i64>,
    told: FxHashSet<i64>,
    /// The sums that the calls since the last message passed, in hundredths, with the last call's record.
    passed: Option<(Vec<i64>, Passage)>,
}

/// Hands on the figures of a text that can be amounts: in hundredths, with their place, and whether they
/// have a fraction.
fn numbers(text: &str, mut found: impl FnMut(i64, usize, usize, bool)) {
    scan(text, &mut |token| {
        if let Token::Figure(figure) = token
            && let Some(amount) = figure.hundredths()
        {
            found(amount, figure.begin, figure.end, figure.has_fraction());
        }
    });
}

impl Amounts {
    pub(super) fn is_full(&self) -> bool {
        self.seen.len() >= MOST_AMOUNTS
    }

    /// Takes in a figure of a text. What an agent says is no ground for a sum.
    pub(super) fn learn(&mut self, figure: &Figure<'_>, text: &str, source: Source) {
        let (Source::Seen(_), Some(amount)) = (source, figure.hundredths()) else { return };
        if amount <= 0 || self.is_full() {
            return;
        }
        self.seen.insert(amount);
        if figure.has_fraction() || is_money(text, figure.begin, figure.end) {
            self.sums.insert(amount);
        }
    }

    /// Whether a figure may be worked out from sums of money that were seen, or that stand beside it.
    /// With many of them about nearly any follows from some: that counts only where the words say that
    /// something was worked out.
    pub(super) fn may_follow(&self, plain: &str, parts: &[i64], worked_out: bool) -> bool {
        let Some(amount) = hundredths(plain) else { return false };
        let many = self.sums.len() >= FEW_SUMS;
        if many && !worked_out {
            return false;
        }
        self.sums.len() >= MANY_SUMS || follows(&self.sums, amount, parts)
    }

    /// Takes in the sums that a call passes which moves money.
    pub(super) fn moved(&mut self, step: &ClosedStep<'_>) {
        let Some(request) = step.request.filter(|_| !step.effects.is_empty() && !step.step.failed()) else {
            return;
        };
        let mut sums = Vec::new();
        for (name, text) in &request.arguments {
            let lower = name.to_ascii_lowercase();
            if SUM_ARGUMENTS.iter().any(|part| lower.contains(part)) && text.len() < 32 {
                numbers(text, |amount, _, _, _| sums.push(amount));
            }
        }
        if sums.is_empty() {
            return;
        }
        let text = crate::text::excerpt(&step.input.text, EVIDENCE_BYTES);
        let passage = Passage { record: step.input.record, text };
        match &mut self.passed {
            Some((known, latest)) if known.len() < PARTS => {
                known.extend(sums);
                *latest = passage;
            }
            Some(_) => {}
            None => self.passed = Some((sums, passage)),
        }
    }

    /// Holds the sums that a message reports as moved against those that the calls passed.
    fn reports(&mut self, message: &Passage, step: StepId, found: &mut Vec<Finding>) {
        let Some((passed, call)) = self.passed.take() else { return };
        let total: i64 = passed.iter().sum();
        for sentence in speech::sentences(speech::read(&message.text)) {
            let lower = sentence.to_ascii_lowercase();
            if !speech::has_any_word(&lower, MOVED) || speech::tentative(&lower) || speech::denies(&lower) {
                continue;
            }
            let mut other = None;
            numbers(sentence, |amount, begin, end, _| {
                let known = self.seen.contains(&amount) || passed.contains(&amount) || amount == total;
                if other.is_none() && !known && is_money(sentence, begin, end) {
                    other = Some((amount, begin, end));
                }
            });
            let Some((amount, begin, end)) = other else { continue };
            if !self.told.insert(amount) {
                continue;
            }
            let shown = crate::text::quoted(sentence.get(begin..end).unwrap_or_default(), 30);
            let sums: Vec<String> =
                passed.iter().take(4).map(|sum| format!("{}.{:02}", sum / 100, sum % 100)).collect();
            found.push(Finding {
                rule: &OTHER_AMOUNT,
                step,
                root: None,
                strength: Probability::new(0.7),
                evidence: vec![
                    Evidence::new(message.record, Part::Claim, sentence),
                    Evidence::new(call.record, Part::Against, &call.text),
                ],
                sentence: format!("reports the sum {shown}; the call passed {}", sums.join(" and ")),
                instruction: format!("Correct the sum {shown}: what was done is {}.", sums.join(" and ")),
                means: Vec::new(),
            });
        }
    }

    /// Holds the sums of a message against what was seen.
    pub(super) fn message(
        &mut self,
        message: &Passage,
        step: StepId,
        observing: bool,
        found: &mut Vec<Finding>,
    ) {
        self.reports(message, step, found);
        if self.is_full() || !observing {
            return;
        }
        let parts = super::parts(&message.text);
        for sentence in speech::sentences(speech::read(&message.text)) {
            let mut bad = None;
            numbers(sentence, |amount, begin, end, fraction| {
                if bad.is_none()
                    && (fraction || amount >= WHOLE)
                    && is_money(sentence, begin, end)
                    && !self.seen.contains(&amount)
                    && (is_a_price(sentence, begin) || !follows(&self.seen, amount, &parts))
                {
                    bad = Some((amount, begin, end));
                }
            });
            let Some((amount, begin, end)) = bad else { continue };
            let lower = sentence.to_ascii_lowercase();
            if speech::has_any_word(&lower, ROUGHLY) || !self.told.insert(amount) {
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

/// Whether an amount is given as the price of one thing: such a one is looked up, not worked out.
fn is_a_price(sentence: &str, begin: usize) -> bool {
    let before = sentence.get(..begin).unwrap_or_default().trim_end_matches([' ', '*', '$', '€', '£']);
    let lower = crate::text::clip_front(before, 40).to_ascii_lowercase();
    let name = lower.trim_end_matches([':', '*', ' ']).trim_start_matches([' ', '-', '*', '•']);
    (name == "price" && lower.ends_with([':', '*'])) || lower.ends_with(" priced at")
}

/// Whether an amount is a sum or a difference of two amounts, a multiple of one, or a sum of such as
/// stand in the same message.
fn follows(known: &FxHashSet<i64>, amount: i64, parts: &[i64]) -> bool {
    let from_known = known.iter().any(|&one| {
        known.contains(&(amount - one))
            || known.contains(&(amount + one))
            || (one > 100 && amount % one == 0 && amount / one <= 12)
    });
    if from_known {
        return true;
    }
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
        || known.iter().any(|one| sums.contains(&(amount - one)))
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
        scene.prompt("Refund my kettle, I paid $7.25 for the parcel.");
        let outcome = "{\"kettle\": 64.9, \"shipping\": 4.90, \"pan\": 83.7}";
        scene.call("get_order", &json!({"order": "A1"}), Status::Unknown, outcome);
        scene.says(text);
        scene.all().into_iter().filter(|f| f.rule.id.starts_with("amounts.")).collect()
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
    fn a_price_is_looked_up_and_not_worked_out() {
        for (text, count) in [
            ("- Kettle\n  - **Price**: $69.80", 1),
            ("The set is priced at $69.80.", 1),
            ("- Total price: $69.80", 0),
            ("- Kettle\n  - **Price**: $64.90", 0),
        ] {
            assert_eq!(says(text).len(), count, "{text}");
        }
    }

    #[test]
    fn numbers_that_are_no_money_or_only_about_right_are_left_alone() {
        assert!(says("Version 212.40 is out; it would be about EUR 212.40; order A-212.40.").is_empty());
    }

    #[test]
    fn a_sum_that_the_call_did_not_pass() {
        for (text, count) in [
            ("The certificate over $750 has been issued.", 1),
            ("The certificate over $150 has been issued.", 0),
            ("I have sent you $150 and $100, so $250 in all was paid.", 0),
            ("I will send $900 once you confirm.", 0),
        ] {
            let mut scene = Scene::of(Figures::default());
            scene.call("send_certificate", &json!({"user": "a", "amount": 150}), Status::Ok, "sent");
            scene.call("send_certificate", &json!({"user": "b", "amount": 100}), Status::Ok, "sent");
            scene.says(text);
            assert_eq!(scene.found("amounts.other-than-passed").len(), count, "{text}");
        }
    }
}
