//! Altered: figures and ids in an agent's words and calls that were seen nowhere, while ones that are
//! nearly the same were.

use crate::detect::{Aspect, Basis, Class, Evidence, Finding, Means, Part, Rule, speech};
use crate::trace::entity::{Mention, hash_lower, scan};
use crate::trace::{ClosedStep, EntityKind, Passage, Probability, RecordRef, Run, StepId};

use super::seen::{bare, codes};
use super::{ID_WORDS, Provenance, from_nowhere};

/// Said, and nearly what was seen.
pub(in crate::detect) static ALTERED_FIGURE: Rule = Rule {
    id: "provenance.altered-figure",
    class: Class::Hallucination,
    basis: Basis::External,
    speaks_of: Aspect::Support,
    summary: "A message gives a figure that was seen nowhere, while the same digits with a zero more or less, or two of them swapped, were.",
    example: "gives \"12,840\", which was seen nowhere; \"1284\" was",
    proven: true,
};

/// An id that is nearly one that was seen.
pub(in crate::detect) static ALTERED_ID: Rule = Rule {
    id: "provenance.altered-id",
    class: Class::Hallucination,
    basis: Basis::External,
    speaks_of: Aspect::Support,
    summary: "A call or a message gives an id that was seen nowhere, while one of the same look that differs in one to three characters was.",
    example: "passes order_7734 as order_id to get_order; what this run has brought is order_7784",
    proven: true,
};

/// In a run with more entities than this, nearly equal figures are too common to mean anything.
const FIGURES: usize = 20_000;

/// How much of an argument is read for ids that are nearly others, in bytes.
const ALTERED_BYTES: usize = 8 * 1024;

/// Words beside which capitals and digits are a code that somebody gave out.
const CODE_WORDS: &[&str] = &[
    "order",
    "reservation",
    "reservations",
    "booking",
    "bookings",
    "ticket",
    "confirmation",
    "tracking",
    "flight",
    "flights",
    "locator",
    "invoice",
    "account",
];
/// Words beside which an id is made up for show.
const EXAMPLE_WORDS: &[&str] = &["placeholder", "sample", "example", "instance", "dummy"];

/// Whether an outcome has brought this id behind an escape of a JSON text in a JSON text: `\\nW123`.
pub(super) fn escaped(name: &str, run: &Run) -> bool {
    ["n", "r", "t"].iter().any(|escape| {
        let mut known = false;
        scan(&format!("{escape}{name}"), |mention| {
            known |= run.entities.get(mention.hash).is_some_and(|entity| entity.origin.is_grounded());
        });
        known
    })
}

/// A figure close to `name` that an outcome or a prompt has brought: two neighbouring digits swapped,
/// or a zero more or less at its end.
fn known_twin(name: &str, step: StepId, run: &Run) -> Option<(String, Option<Evidence>)> {
    let grounded = |spelling: &str| {
        let mut known = None;
        scan(spelling, |mention| {
            if mention.span.end - mention.span.start + 1 >= spelling.len()
                && let Some(entity) = run.entities.get(mention.hash)
            {
                let seen = entity.first_observed.filter(|seen| *seen != step);
                if entity.origin.prompt || seen.is_some() {
                    known = Some(seen);
                }
            }
        });
        known
    };
    let bare: String = name.chars().filter(|c| *c != ',').collect();
    let mut spellings = Vec::new();
    spellings.push(format!("{bare}0"));
    spellings.extend(bare.strip_suffix('0').map(str::to_owned));
    let bytes = bare.as_bytes();
    for at in 0..bytes.len().saturating_sub(1) {
        if let (Some(one), Some(two)) = (bytes.get(at), bytes.get(at + 1))
            && one != two
            && one.is_ascii_digit()
            && two.is_ascii_digit()
        {
            let mut swapped = bytes.to_vec();
            swapped.swap(at, at + 1);
            spellings.extend(String::from_utf8(swapped).ok());
        }
    }
    spellings.into_iter().find_map(|spelling| {
        let seen = grounded(&spelling)?;
        let record = seen.and_then(|seen| run.step(seen)).and_then(|step| step.outcome);
        let evidence = record.map(|record| Evidence::new(record, Part::Against, &spelling));
        Some((spelling, evidence))
    })
}

/// A sentence of an agent's words.
#[derive(Clone, Copy)]
pub(super) struct Said<'a> {
    pub(super) step: StepId,
    pub(super) record: RecordRef,
    pub(super) sentence: &'a str,
}

impl Said<'_> {
    /// That it gives one thing, which was seen nowhere, while another was.
    fn gives(
        self,
        (rule, strength): (&'static Rule, f64),
        (shown, twin): (&str, &str),
        against: Option<Evidence>,
        instruction: String,
    ) -> Finding {
        Finding {
            rule,
            step: self.step,
            root: None,
            strength: Probability::new(strength),
            evidence: std::iter::once(Evidence::new(self.record, Part::Claim, self.sentence))
                .chain(against)
                .collect(),
            sentence: format!("gives {shown}, which was seen nowhere; {twin} was"),
            instruction,
            means: Vec::new(),
        }
    }
}

impl Provenance {
    /// A figure that is nearly one that was seen.
    pub(super) fn figure(
        &mut self,
        said: Said<'_>,
        (name, hash): (&str, u64),
        run: &Run,
        found: &mut Vec<Finding>,
    ) {
        let digits = name.bytes().filter(u8::is_ascii_digit).count();
        // Years and round numbers are everywhere.
        let year = digits == 4 && matches!(name.as_bytes(), [b'1', b'9', ..] | [b'2', b'0', ..]);
        if digits < 4 || year || run.entities.len() > FIGURES || name.ends_with("000") {
            return;
        }
        if speech::tentative(&said.sentence.to_ascii_lowercase()) {
            return;
        }
        let Some((twin, against)) = known_twin(name, said.step, run) else { return };
        if !self.tell_once(hash) {
            return;
        }
        let (shown, twin) = (crate::text::quoted(name, 40), crate::text::quoted(&twin, 40));
        let instruction = format!(
            "Read the outcome that holds {twin} once more and give the figure exactly as it stands there."
        );
        found.push(said.gives((&ALTERED_FIGURE, 0.7), (&shown, &twin), against, instruction));
    }

    /// Looks at the words that led to a call for ids that are nearly ones that were seen.
    pub(super) fn intent(
        &mut self,
        step: &ClosedStep<'_>,
        words: &Passage,
        run: &Run,
        found: &mut Vec<Finding>,
    ) {
        for sentence in speech::sentences(speech::read(&words.text)) {
            let said = Said { step: step.step.id, record: words.record, sentence };
            self.altered_codes(said, run, found);
            scan(sentence, |mention| {
                if from_nowhere(&mention, said.step, run) {
                    self.altered_in_message(said, &mention, run, found);
                }
            });
        }
    }

    /// The id that this one is nearly, where nothing else vouches for it.
    fn twin(&self, name: &str, run: &Run) -> Option<(String, Evidence)> {
        let twin = self.seen.twin(name)?;
        if self.seen.gave_digits(name) || escaped(name, run) {
            return None;
        }
        Some((crate::text::quoted(&twin.text, 80), Evidence::new(twin.record, Part::Against, &twin.text)))
    }

    /// Tells of an id in a message that is nearly one that was seen, and says whether it is one.
    pub(super) fn altered_in_message(
        &mut self,
        said: Said<'_>,
        mention: &Mention,
        run: &Run,
        found: &mut Vec<Finding>,
    ) -> bool {
        let Some(name) = bare(mention, said.sentence) else { return false };
        let lower = said.sentence.to_ascii_lowercase();
        let digits = name.bytes().filter(u8::is_ascii_digit).count();
        let named = speech::has_any_word(&lower, ID_WORDS);
        let telling = match mention.kind {
            EntityKind::Email => true,
            EntityKind::Number => named,
            _ => {
                let code = name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
                digits >= 5
                    || (digits >= 4 && (name.contains('_') || named))
                    || (code && speech::has_any_word(&lower, CODE_WORDS))
            }
        };
        if !telling || speech::has_any_word(&lower, EXAMPLE_WORDS) {
            return false;
        }
        self.altered_words(said, (name, mention.hash), run, found)
    }

    fn altered_words(
        &mut self,
        said: Said<'_>,
        (name, hash): (&str, u64),
        run: &Run,
        found: &mut Vec<Finding>,
    ) -> bool {
        let Some((twin, against)) = self.twin(name, run) else { return false };
        if self.tell_once(hash) {
            let shown = crate::text::quoted(name, 80);
            let instruction = format!(
                "Look up which is right, {shown} or {twin}, and correct what you said if it was wrong."
            );
            found.push(said.gives((&ALTERED_ID, 0.8), (&shown, &twin), Some(against), instruction));
        }
        true
    }

    /// Tells of codes in a message that are nearly ones that were seen.
    pub(super) fn altered_codes(&mut self, said: Said<'_>, run: &Run, found: &mut Vec<Finding>) {
        let sentence = said.sentence;
        if !codes(sentence).any(|code| !self.seen.knows(code)) {
            return;
        }
        let lower = sentence.to_ascii_lowercase();
        if !speech::has_any_word(&lower, CODE_WORDS) || speech::has_any_word(&lower, EXAMPLE_WORDS) {
            return;
        }
        for code in codes(sentence) {
            if !self.seen.knows(code) {
                self.altered_words(said, (code, hash_lower(code)), run, found);
            }
        }
    }

    /// Tells of ids in a call's arguments, at any depth, that are nearly ones that were seen.
    pub(super) fn altered_in_call(&mut self, step: &ClosedStep<'_>, run: &Run, found: &mut Vec<Finding>) {
        let Some(request) = step.request else { return };
        for (name, text) in &request.arguments {
            let text = crate::text::clip(text, ALTERED_BYTES);
            let mut first = None;
            scan(text, |mention| {
                if first.is_none()
                    && let Some(id) = bare(&mention, text)
                    && id.bytes().filter(u8::is_ascii_digit).count() >= 2
                    && from_nowhere(&mention, step.step.id, run)
                    && let Some(twin) = self.twin(id, run)
                {
                    first = Some((mention.hash, id.to_owned(), twin));
                }
            });
            let code = codes(text).find(|code| !self.seen.knows(code));
            if let (None, Some(code)) = (&first, code)
                && let Some(twin) = self.twin(code, run)
            {
                first = Some((hash_lower(code), code.to_owned(), twin));
                self.seen.accept(code);
            }
            let Some((hash, id, (twin, against))) = first else { continue };
            if !self.tell_once(hash) {
                continue;
            }
            let (shown, argument) = (crate::text::quoted(&id, 80), crate::text::excerpt(name, 40));
            let tool = crate::text::excerpt(step.tool, 60);
            found.push(Finding {
                rule: &ALTERED_ID,
                step: step.step.id,
                root: None,
                strength: Probability::new(0.85),
                evidence: vec![Evidence::new(step.input.record, Part::Claim, &step.input.text), against],
                sentence: format!("passes {shown} as {argument} to {tool}; what this run has brought is {twin}"),
                instruction: format!(
                    "Check whether {argument} should be {twin}, take back what {shown} has changed, and call {tool} with the right one."
                ),
                means: vec![
                    Means::RepairArgument { argument: argument.clone() },
                    Means::CorrectArgument {
                        argument,
                        from: crate::text::excerpt(&id, 80),
                        to: twin.trim_matches('"').to_owned(),
                    },
                ],
            });
        }
    }
}
