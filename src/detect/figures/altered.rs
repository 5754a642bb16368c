//! A number in a message that was seen nowhere, while one that differs in a single digit, or in two
//! neighbouring digits that are swapped, was seen and is not given.
//!
//! A figure that can be worked out from what was seen is well. Short figures are held against what was
//! seen with the same unit only ("86%", "128 GB"), or under the same name ("Size: 17"). Keeps hashes;
//! abstains in a run with so many figures that any number has a neighbour.

use rustc_hash::{FxHashMap, FxHashSet};

use super::amounts::Amounts;
use super::scan::{Date, Figure, Token, scan};
use super::{Aspect, Basis, Class, Evidence, Finding, Part, ROUGHLY, Rule, Source, is_money, speech};
use crate::trace::{AgentId, Passage, Probability, StepId};

/// Nearly what was seen.
pub(super) static ALTERED: Rule = Rule {
    id: "figures.altered",
    class: Class::Hallucination,
    basis: Basis::External,
    speaks_of: Aspect::Support,
    summary: "A message gives a figure that was seen nowhere, while one that differs in a single digit was.",
    example: "gives 1914.21, which was seen nowhere; 1917.21 was (outcome of step 6)",
    proven: true,
};

/// With more figures than this, neighbours are too common to mean anything.
const MOST: usize = 16_384;
const MOST_TOLD: usize = 1024;

/// What is known of figures.
#[derive(Debug, Default)]
pub(super) struct Altered {
    /// Figures, figures with their units, and names that figures were given under, by hash.
    known: FxHashMap<u64, Source>,
    told: FxHashSet<u64>,
}

fn key(plain: &str) -> u64 {
    speech::hash(plain.as_bytes())
}

fn key_with(plain: &str, unit: &str) -> u64 {
    let lower = unit.to_lowercase();
    let mut bytes = plain.as_bytes().to_vec();
    bytes.push(b' ');
    bytes.extend_from_slice(speech::stem(&lower).as_bytes());
    speech::hash(&bytes)
}

/// The key of a name under which figures were seen.
fn key_of(name: &str) -> u64 {
    speech::hash(format!("{name}:").as_bytes())
}

/// The name that a figure is given under, in lower case: `"battery_life": "10`, `- **Size**: 17`.
fn name_before(text: &str, begin: usize) -> Option<String> {
    let before = crate::text::clip_front(text.get(..begin)?, 60);
    let name = before.trim_end_matches(['"', '\'', '*', '$', ' ', '`']);
    if ENDING.iter().any(|words| name.ends_with(words)) {
        return Some("last digits".to_owned());
    }
    let name = name.strip_suffix(':')?.trim_end_matches(['"', '\'', '*', ' ', '`']);
    let start = name
        .rfind(|c: char| !(c.is_alphabetic() || matches!(c, ' ' | '_')))
        .map_or(0, |at| at + name.get(at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8));
    let name = name.get(start..)?.trim().replace('_', " ").to_lowercase();
    if LAST_DIGITS.contains(&name.as_str()) {
        return Some("last digits".to_owned());
    }
    (3..=30).contains(&name.len()).then_some(name)
}

/// Words before the last digits of a card or an account, and names under which those are given.
const ENDING: &[&str] = &["ending in", "ends in", "ending with", "ends with", "last four digits"];
const LAST_DIGITS: &[&str] = &["last four", "last4", "last digits", "last four digits", "lastfour"];

/// Words behind a figure that tell nothing of what it counts.
const NO_UNITS: &[&str] =
    &["and", "or", "of", "to", "in", "for", "at", "on", "is", "was", "with", "from", "by", "the", "a", "as"];

/// The figures that differ from one in a digit, or in two neighbours that are swapped.
fn neighbours(plain: &str) -> Vec<String> {
    let bytes = plain.as_bytes();
    let mut all = Vec::new();
    for (at, old) in bytes.iter().enumerate().filter(|(_, byte)| byte.is_ascii_digit()) {
        for digit in b'0'..=b'9' {
            if digit != *old && !(at == 0 && digit == b'0' && bytes.len() > 1) {
                let mut other = bytes.to_vec();
                if let Some(place) = other.get_mut(at) {
                    *place = digit;
                }
                all.extend(String::from_utf8(other).ok());
            }
        }
        if bytes.get(at + 1).is_some_and(|next| next.is_ascii_digit() && next != old) {
            let mut other = bytes.to_vec();
            other.swap(at, at + 1);
            all.extend(String::from_utf8(other).ok());
        }
    }
    all
}

impl Altered {
    pub(super) fn is_full(&self) -> bool {
        self.known.len() >= MOST
    }

    /// Takes in a figure of a text.
    pub(super) fn learn(&mut self, figure: &Figure<'_>, text: &str, source: Source) {
        if self.is_full() {
            return;
        }
        let known = &mut self.known;
        let mut put = |key| match (known.get(&key), source) {
            (Some(Source::Seen(_)), _) | (Some(Source::Said(_)), Source::Said(_)) => {}
            _ => {
                known.insert(key, source);
            }
        };
        put(key(figure.plain()));
        if !figure.unit.is_empty() && figure.digits() < 4 {
            put(key_with(figure.plain(), figure.unit));
        }
        if let (Source::Seen(_), Some(name)) = (source, name_before(text, figure.begin)) {
            put(key_of(&name));
        }
    }

    /// Takes in the year of a date.
    pub(super) fn learn_year(&mut self, (year, ..): Date, source: Source) {
        if year != 0 && !self.is_full() {
            self.known.entry(key(&year.to_string())).or_insert(source);
        }
    }

    /// Holds an agent's words against what was seen.
    pub(super) fn words(
        &mut self,
        words: &Passage,
        step: StepId,
        agent: AgentId,
        amounts: &Amounts,
        found: &mut Vec<Finding>,
    ) {
        if self.is_full() {
            return;
        }
        let text = speech::read(&words.text);
        let mut given: FxHashSet<String> = FxHashSet::default();
        let parts = super::parts(text);
        scan(text, &mut |token| {
            if let Token::Figure(figure) = token {
                given.insert(figure.plain().to_owned());
            }
        });
        let mut in_code = false;
        for line in text.lines() {
            if line.trim_start().starts_with("```") {
                in_code = !in_code;
            }
            if in_code {
                continue;
            }
            for sentence in speech::sentences(line) {
                let mut altered = None;
                scan(sentence, &mut |token| {
                    if let (None, Token::Figure(figure)) = (&altered, token) {
                        let near = self.near(&figure, sentence, agent, &given, &parts, amounts);
                        altered = near.map(|near| (near, figure));
                    }
                });
                let Some((near, figure)) = altered else { continue };
                if self.told.len() < MOST_TOLD && self.told.insert(key(figure.plain())) {
                    found.push(finding(words, step, sentence, &figure, near));
                }
            }
        }
    }

    /// The figure that one of a message nearly is, whose it is, and how much that tells.
    fn near(
        &self,
        figure: &Figure<'_>,
        sentence: &str,
        agent: AgentId,
        given: &FxHashSet<String>,
        parts: &[i64],
        amounts: &Amounts,
    ) -> Option<(String, Source, f64)> {
        let (plain, digits, fraction) = (figure.plain(), figure.digits(), figure.has_fraction());
        if digits < 2 || self.known.contains_key(&key(plain)) {
            return None;
        }
        if let Some(year) = self.far_year(plain, sentence, figure.begin) {
            return Some(year);
        }
        let year = is_year(plain);
        let money = is_money(sentence, figure.begin, figure.end);
        let round = !fraction && plain.ends_with("00");
        let lower = sentence.to_ascii_lowercase();
        if year || round || speech::has_any_word(&lower, ROUGHLY) {
            return None;
        }
        // Codes of places in one town are all near each other.
        if digits == 5 && follows_a_state(sentence, figure.begin) {
            return None;
        }
        let worked_out = speech::has_any(&lower, WORKED_OUT);
        if (fraction || money) && amounts.may_follow(plain, parts, worked_out) {
            return None;
        }
        if let Some(named) = self.named(figure, sentence, worked_out) {
            return Some(named);
        }
        let long = digits >= 4 || (digits >= 3 && fraction);
        // What is shorter than a sum with cents may be worked out in many ways.
        let unit = figure.unit;
        let with_unit = !long && !unit.is_empty() && !NO_UNITS.contains(&unit.to_lowercase().as_str());
        if !long && !with_unit {
            return None;
        }
        let (seen, source) = neighbours(plain).into_iter().find_map(|other| {
            if given.contains(&other) && digits < 5 && !fraction {
                return None;
            }
            let known = if long { key(&other) } else { key_with(&other, unit) };
            let source = *self.known.get(&known)?;
            (source != Source::Said(agent)).then_some((other, source))
        })?;
        let strength = match (long, digits) {
            (true, 5..) => 0.65,
            (true, _) if fraction || money => 0.6,
            (true, _) => 0.5,
            _ => 0.35,
        };
        Some((seen, source, strength))
    }

    /// The year that was seen, where a sentence speaks of one that is far from now and differs from it in
    /// a digit: "formed in 9983". That the right one stands beside it makes it no better.
    fn far_year(&self, plain: &str, sentence: &str, begin: usize) -> Option<(String, Source, f64)> {
        let year: u32 = plain.parse().ok().filter(|year| (2100..=9999).contains(year))?;
        let before = sentence.get(..begin)?.to_ascii_lowercase();
        let dated =
            ["in ", "since ", "until ", "th, ", "st, ", "nd, ", "rd, "].iter().any(|s| before.ends_with(s));
        let seen = neighbours(&year.to_string()).into_iter().filter(|near| dated && is_year(near));
        seen.into_iter().find_map(|near| {
            let source = *self.known.get(&key(&near))?;
            matches!(source, Source::Seen(_)).then_some((near, source, 0.6))
        })
    }

    /// A figure that is said of something by its name ("Size: 17"), where other figures were seen under
    /// that name and this one was seen nowhere.
    fn named(&self, figure: &Figure<'_>, sentence: &str, worked_out: bool) -> Option<(String, Source, f64)> {
        let name = name_before(sentence, figure.begin)?;
        let last_digits = name == "last digits";
        if worked_out && !last_digits {
            return None;
        }
        let source = *self.known.get(&key_of(&name))?;
        let strength = if last_digits { 0.6 } else { 0.45 };
        matches!(source, Source::Seen(_)).then(|| (format!("another {name}"), source, strength))
    }
}

/// Whether a figure looks like a year of our time.
fn is_year(plain: &str) -> bool {
    matches!(plain.as_bytes(), [b'1', b'9', _, _] | [b'2', b'0', _, _])
}

/// Whether two capital letters stand before a number, as in "New York, NY 10065".
fn follows_a_state(text: &str, begin: usize) -> bool {
    let before = text.get(..begin).unwrap_or_default().trim_end();
    let word = before.rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    word.len() == 2 && word.bytes().all(|byte| byte.is_ascii_uppercase())
}

fn finding(
    words: &Passage,
    step: StepId,
    sentence: &str,
    figure: &Figure<'_>,
    (seen, source, strength): (String, Source, f64),
) -> Finding {
    let origin = match source {
        Source::Seen(origin) => origin,
        Source::Said(_) => None,
    };
    let shown = crate::text::quoted(sentence.get(figure.begin..figure.end).unwrap_or_default(), 40);
    let seen = crate::text::quoted(&seen, 40);
    let whence = origin.map_or_else(String::new, |(step, _)| format!(" (outcome of step {})", step.0));
    Finding {
        rule: &ALTERED,
        step,
        root: None,
        strength: Probability::new(strength),
        evidence: std::iter::once(Evidence::new(words.record, Part::Claim, sentence))
            .chain(origin.map(|(_, record)| Evidence::new(record, Part::Against, &seen)))
            .collect(),
        sentence: format!("gives {shown}, which was seen nowhere; {seen} was{whence}"),
        instruction: format!(
            "Read the outcome that holds {seen} once more and give the figure exactly as it stands there."
        ),
        means: Vec::new(),
    }
}

/// Words of a sentence, in lower case, in which an amount may have been worked out.
const WORKED_OUT: &[&str] = &[
    "total",
    "sum",
    "differ",
    "refund",
    "sav",
    "cheaper",
    "more than",
    "less",
    "remain",
    "balance",
    "=",
    "+",
    "altogether",
    "in all",
    "cost",
    "charge",
    "pay",
    "credit",
    "due",
    "average",
    "each",
    "extra",
    "additional",
    "combined",
    "amount",
];

#[cfg(test)]
mod tests {
    use super::super::super::scene::Scene;
    use super::super::Figures;
    use crate::detect::Finding;
    use crate::trace::Status;
    use serde_json::json;

    fn says(text: &str) -> Vec<Finding> {
        let mut scene = Scene::of(Figures::default());
        scene.prompt("Return my kettle, order 4481237.");
        let outcome = "{\"kettle\": 164.9, \"pan\": 83.75, \"card\": \"6593\", \"battery\": \"10 hours\", \"size\": \"128GB\"}";
        scene.call("get_order", &json!({"order": "4481237"}), Status::Ok, outcome);
        scene.says(text);
        scene.found("figures.altered")
    }

    #[test]
    fn a_digit_off_is_told_with_what_was_seen() {
        for (text, seen) in [
            ("The kettle was $169.90.", "164.9"),
            ("Refunded to the card ending in 6293.", "6593"),
            ("Order 4481337 is delivered.", "4481237"),
            ("The battery lasts 18 hours.", "10"),
            ("It has 123 GB of storage.", "128"),
        ] {
            let found = says(text);
            assert_eq!(found.len(), 1, "{text}");
            assert!(found[0].sentence.contains(seen), "{}", found[0].sentence);
        }
    }

    #[test]
    fn what_was_seen_follows_or_is_only_about_right_is_well() {
        for text in [
            "The kettle was $164.90 and the pan $83.75, so $248.65 in all.",
            "The pan is $81.15 cheaper.",
            "Two kettles are $329.80.",
            "It takes about 18 hours to charge.",
            "The kettle was made in 2014.",
            "You have 12 orders and 19 points.",
            "See page 6-293 and version 6.2.93 at 12:34.",
        ] {
            assert!(says(text).is_empty(), "{text}: {:?}", says(text).first().map(|f| &f.sentence));
        }
    }

    #[test]
    fn a_figure_that_another_agent_passes_on_changed() {
        let mut scene = Scene::of(Figures::default());
        scene.prompt("How many?");
        scene.acts("scout");
        scene.says("I counted 48213 rows.");
        scene.acts("main");
        scene.call("ask", &json!({"agent": "scout"}), Status::Ok, "answered");
        scene.says("There are 48273 rows.");
        assert_eq!(scene.found("figures.altered").len(), 1);
    }

    #[test]
    fn a_year_that_is_far_from_now() {
        let far = |text: &str| {
            let mut scene = Scene::of(Figures::default());
            scene.call(
                "get",
                &json!({}),
                Status::Ok,
                "formed in 1983, first record on May 24, 2024; 9000 sold",
            );
            scene.says(text);
            scene.found("figures.altered").len()
        };
        for (text, count) in [
            ("The band was formed in 9983, so the answer is 1983.", 1),
            ("It came out on May 19th and 20th, 2424.", 1),
            ("The band was formed in 1982.", 0),
            ("The story is set in 3172.", 0),
        ] {
            assert_eq!(far(text), count, "{text}");
        }
    }

    #[test]
    fn days_and_cards_are_no_parts_of_a_sum() {
        assert_eq!(says("A total of $169.90 will be refunded within 5 to 7 days.").len(), 1);
    }

    #[test]
    fn a_figure_is_told_once_and_its_own_words_vouch_for_it() {
        let mut scene = Scene::of(Figures::default());
        scene.call("get", &json!({}), Status::Ok, "total 9184");
        scene.says("The total is 9184. Later 9185.");
        scene.says("Again: 9185.");
        assert!(scene.found("figures.altered").is_empty(), "the right figure stands beside it");
    }
}
