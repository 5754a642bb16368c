//! Sums that are written out in a message and come to something else: `183.23 - 135.24 = 17.99`.
//!
//! Only what is written with both sides is held against this, outside of code, with a result that is off
//! by more than rounding can explain.

use super::{Aspect, Basis, Class, Evidence, Finding, Part, ROUGHLY, Rule, speech};
use crate::detect::pattern::patterns;
use crate::trace::{Passage, Probability, StepId};

/// It does not come to that.
pub(super) static WRONG_SUM: Rule = Rule {
    id: "figures.wrong-sum",
    class: Class::Hallucination,
    basis: Basis::External,
    speaks_of: Aspect::Consistency,
    summary: "A message writes a sum, a difference or a product out, and it comes to something else.",
    example: "writes \"$183.23 - $135.24 = $17.99\", which comes to 47.99",
    proven: false,
};

/// The most terms of one sum.
const TERMS: usize = 16;
/// The most that are told of in one message.
const MOST_TOLD: usize = 8;

patterns! {
    // Blanks stand around the signs: a date, an id or a range is no difference.
    EQUATION = r"(?:^|[\s(:|])\**((?:[$€£]\s?)?\d[\d,]*(?:\.\d+)?(?:\s+[-+−–×*x]\s+(?:[$€£]\s?)?\d[\d,]*(?:\.\d+)?)+)\s*=\s*\**(-?(?:[$€£]\s?)?-?\d[\d,]*(?:\.\d+)?)([\w%.]?)";
    TERM = r"([-+−–×*x])?\s*(?:[$€£]\s?)?(\d[\d,]*(?:\.\d+)?)";
}

/// A number and half of its last place.
fn number(text: &str) -> Option<(f64, f64)> {
    let plain: String = text.chars().filter(|c| c.is_ascii_digit() || matches!(c, '.' | '-')).collect();
    let places = plain.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    (plain.len() <= 14).then(|| plain.parse().ok())?.map(|value| (value, 0.5 * 0.1_f64.powi(places as i32)))
}

/// What the left side of a sum comes to, and by how much it may be off because of rounding.
fn worth(terms: &str) -> Option<(f64, f64)> {
    let (mut total, mut product, mut sign) = (0.0, None::<f64>, 1.0);
    let (mut slack, mut largest) = (0.0, 0.0_f64);
    for (count, term) in TERM.all(terms).enumerate() {
        let (value, half) = number(term.get(2)?.as_str())?;
        largest = largest.max(value);
        match (term.get(1).map(|sign| sign.as_str()), product) {
            _ if count >= TERMS => return None,
            (None, None) => product = Some(value),
            (Some("×" | "*" | "x"), Some(so_far)) => {
                product = Some(so_far * value);
                slack += half * so_far.max(value);
            }
            (Some(mark), Some(so_far)) => {
                total += sign * so_far;
                sign = if mark == "+" { 1.0 } else { -1.0 };
                product = Some(value);
            }
            _ => return None,
        }
        // Whole numbers are meant as they stand.
        slack += if half < 0.5 { half } else { 0.0 };
    }
    Some((total + sign * product?, slack.min(largest * 0.05)))
}

/// Whether a sum is part of a longer one, or is given as about right.
fn is_cut(line: &str, begin: usize, end: usize) -> bool {
    let sign = |c: char| matches!(c, '-' | '+' | '−' | '–' | '×' | '*' | '/' | '÷' | '^' | '(' | 'x');
    let before = line.get(..begin).unwrap_or_default().trim_end_matches(['*', ' ']);
    let after = line.get(end..).unwrap_or_default().trim_start_matches("**").trim_start();
    let bracket =
        before.ends_with('(') && !before.trim_end_matches('(').ends_with(|c: char| sign(c) || c == '=');
    let lower = crate::text::clip_front(before, 40).to_ascii_lowercase();
    (before.ends_with(|c: char| sign(c) || c == ')' || c.is_ascii_digit()) && !bracket)
        || line.get(..begin).is_some_and(|before| before.trim_end_matches(' ').ends_with(" *"))
        || (after.starts_with(sign) && !after.starts_with('('))
        || speech::has_any_word(&lower, ROUGHLY)
}

/// Holds the sums of a message against what they come to.
pub(super) fn words(words: &Passage, step: StepId, found: &mut Vec<Finding>) {
    let text = speech::read(&words.text);
    if !text.contains('=') {
        return;
    }
    let (mut in_code, mut told) = (false, 0);
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code || told >= MOST_TOLD || !line.contains('=') || line.contains(['`', '≈']) {
            continue;
        }
        for sum in EQUATION.all(line) {
            let (Some(all), Some(left), Some(right)) = (sum.get(0), sum.get(1), sum.get(2)) else { continue };
            // A unit, a percentage or a further figure behind it: not all of it was read.
            if sum.get(3).is_some_and(|behind| !matches!(behind.as_str(), "" | ".")) {
                continue;
            }
            let (Some((worth, slack)), Some((said, half))) = (worth(left.as_str()), number(right.as_str()))
            else {
                continue;
            };
            let off = (worth - said).abs().min((worth.abs() - said.abs()).abs());
            if off <= slack + half + 1e-6 || is_cut(line, left.start(), right.end()) {
                continue;
            }
            told += 1;
            let shown = crate::text::quoted(all.as_str().trim().trim_start_matches(['(', ':', '*', '|']), 80);
            let cents = left.as_str().contains('.') || worth.fract().abs() > 1e-9;
            let comes_to = if cents { format!("{worth:.2}") } else { format!("{worth:.0}") };
            found.push(Finding {
                rule: &WRONG_SUM,
                step,
                root: None,
                strength: Probability::new(0.65),
                evidence: vec![
                    Evidence::new(words.record, Part::Claim, all.as_str().trim()),
                    Evidence::new(words.record, Part::Against, &comes_to),
                ],
                sentence: format!("writes {shown}, which comes to {comes_to}"),
                instruction: format!(
                    "Look up each figure of {shown} in the outcomes, work it out again, and correct it where it was said."
                ),
                means: Vec::new(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::scene::Scene;
    use super::super::Figures;
    use super::*;
    use crate::trace::Status;
    use serde_json::json;

    fn says(text: &str) -> Vec<Finding> {
        let mut scene = Scene::of(Figures::default());
        scene.call("get", &json!({}), Status::Ok, "183.23 and 135.24");
        scene.says(text);
        scene.found("figures.wrong-sum")
    }

    #[test]
    fn the_patterns_compile() {
        assert!(patterns_that_do_not_compile().is_empty());
    }

    #[test]
    fn a_sum_that_comes_to_something_else() {
        for (text, comes_to) in [
            ("The difference ($183.23 - $135.24 = $17.99) is refunded.", "47.99"),
            ("That is 3 × $120 = $340.", "360"),
            ("Total: 12 + 30 + 8 = 52", "50"),
            ("- **Total**: $10.50 + 2 × $4.25 = **$18.00**", "19.00"),
            ("1,200 + 85 = 1,385", "1285"),
        ] {
            let found = says(text);
            assert_eq!(found.len(), 1, "{text}");
            assert!(found[0].sentence.ends_with(comes_to), "{}", found[0].sentence);
        }
    }

    #[test]
    fn what_comes_out_is_rounded_or_is_no_sum_is_well() {
        for text in [
            "The difference is $183.23 - $135.24 = $47.99.",
            "The difference is $135.24 - $183.23 = $47.99.",
            "3.14 × 2 = 6.3",
            "0.333 * 3 = 1.0",
            "About 12 + 30 = 40.",
            "The flag is `10 - 4 = 5`.",
            "The student wrote 4 - 1 = 5x",
            "2026-05-24 = Sunday; 10-12 = 5",
            "```\n1 + 1 = 3\n```",
            "12 - 4 = 8%",
            "51*60 + 6 = 3066 and 25 * 3600 + 300 + 20 = 90320",
            "5 + 7 = 3 * 4",
            "(5 + 7) / 2 = 6 and (4 + 4) * 2 = 16",
        ] {
            assert!(says(text).is_empty(), "{text}: {:?}", says(text).first().map(|f| &f.sentence));
        }
    }
}
