//! Figures: a number in a message that was seen nowhere, while one that differs in a single digit, or in
//! two neighbouring digits that are swapped, was seen and is not given.
//!
//! A figure that can be worked out from what was seen is well: of two amounts their sum and difference,
//! of one its multiples, and sums of what stands in the same message. Short figures are held against
//! what was seen with the same unit only ("86%", "128 GB"). Keeps hashes; abstains in a run with so many
//! figures that any number has a neighbour.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::trace::{AgentId, Author, Observation, Passage, Probability, Run, StepId};

use super::{Aspect, Basis, Class, Evidence, Family, Finding, Part, Rule, speech};

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

static RULES: &[&Rule] = &[&ALTERED];

/// With more figures than this, neighbours are too common to mean anything.
const MOST: usize = 16_384;
const MOST_TOLD: usize = 1024;
/// With more amounts than this, almost any follows from two of them.
const MOST_AMOUNTS: usize = 512;
/// With fewer than this, an amount that follows from two of them does so for a reason.
const FEW_AMOUNTS: usize = 12;
/// How much of a text is read, in bytes.
const READ_BYTES: usize = 64 * 1024;
/// The most amounts of one message whose sums are looked at.
const PARTS: usize = 10;

/// Whose word a figure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// A prompt or an outcome, and the step that it came of.
    Seen(Option<StepId>),
    /// An agent's.
    Said(AgentId),
}

/// A figure in a text.
struct Figure<'a> {
    /// Its digits with the point, without commas and closing zeros behind the point.
    plain: String,
    begin: usize,
    end: usize,
    /// What it counts, in lower case; empty where nothing follows.
    unit: &'a str,
}

/// The family.
#[derive(Debug, Default)]
pub(super) struct Figures {
    /// Figures, and figures with their units, by hash.
    known: FxHashMap<u64, Source>,
    /// Amounts that were seen, in hundredths.
    amounts: FxHashSet<i64>,
    observing: FxHashSet<AgentId>,
    told: FxHashSet<u64>,
}

/// Finds the figures of a text that stand by themselves: not in dates, times, versions, ids or paths.
fn figures<'a>(text: &'a str, mut found: impl FnMut(Figure<'a>)) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        if !byte.is_ascii_digit() {
            at += 1;
            continue;
        }
        let begin = at;
        let mut plain = String::new();
        let mut points = 0;
        while let Some(&byte) = bytes.get(at) {
            let digit_next = bytes.get(at + 1).is_some_and(u8::is_ascii_digit);
            match byte {
                b'0'..=b'9' => plain.push(char::from(byte)),
                b'.' if digit_next => {
                    points += 1;
                    plain.push('.');
                }
                b',' if points == 0 && thousands(bytes, at) => {}
                _ => break,
            }
            at += 1;
        }
        let before = text.get(..begin).and_then(|before| before.chars().next_back());
        let joins =
            |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '/' | '.' | ':' | '@' | '\\' | '#');
        let rest = text.get(at..).unwrap_or_default();
        let unit = unit_of(rest);
        let next = rest.chars().next();
        let attached = next.is_some_and(|c| c.is_alphabetic());
        let cut = next.is_some_and(|c| matches!(c, '_' | '/' | ':' | '@' | '\\'))
            || (next == Some('-') && rest.chars().nth(1).is_some_and(|c| c.is_ascii_digit()))
            || (attached && (unit.is_empty() || unit.len() > 4));
        if before.is_some_and(joins) || cut || points > 1 || plain.len() > 15 {
            while bytes.get(at).is_some_and(|b| b.is_ascii_alphanumeric()) {
                at += 1;
            }
            continue;
        }
        if points == 1 {
            let bare = plain.trim_end_matches('0').trim_end_matches('.').len();
            plain.truncate(bare);
        }
        found(Figure { plain, begin, end: at, unit });
    }
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
    let end = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
    rest.get(..end).unwrap_or_default()
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
    let start = name.rfind(|c: char| !(c.is_alphabetic() || matches!(c, ' ' | '_'))).map_or(0, |at| {
        at + name.get(at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8)
    });
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

fn hundredths(plain: &str) -> Option<i64> {
    let (whole, fraction) = plain.split_once('.').unwrap_or((plain, ""));
    let fraction: i64 = match fraction.len() {
        0 => 0,
        1 => fraction.parse::<i64>().ok()? * 10,
        2 => fraction.parse().ok()?,
        _ => return None,
    };
    whole.parse::<i64>().ok()?.checked_mul(100)?.checked_add(fraction)
}

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

impl Figures {
    fn learn(&mut self, text: &str, source: Source) {
        let (known, amounts) = (&mut self.known, &mut self.amounts);
        figures(crate::text::clip(text, READ_BYTES), |figure| {
            if known.len() >= MOST {
                return;
            }
            let mut put = |key| match known.get(&key) {
                Some(Source::Seen(_)) => {}
                Some(Source::Said(_)) if matches!(source, Source::Said(_)) => {}
                _ => {
                    known.insert(key, source);
                }
            };
            put(key(&figure.plain));
            if !figure.unit.is_empty() {
                put(key_with(&figure.plain, figure.unit));
            }
            if let (Source::Seen(_), Some(name)) = (source, name_before(text, figure.begin)) {
                put(key_of(&name));
            }
            if let (Source::Seen(_), Some(amount)) = (source, hundredths(&figure.plain))
                && (figure.plain.contains('.') || is_money(text, figure.begin, figure.end))
                && amounts.len() < MOST_AMOUNTS
            {
                amounts.insert(amount);
            }
        });
    }

    /// Whether an amount follows from amounts that were seen, or that stand beside it: a sum or a
    /// difference of two, a multiple of one, the sum of several of one message.
    fn follows(&self, plain: &str, parts: &[i64]) -> bool {
        let Some(amount) = hundredths(plain) else { return false };
        if self.amounts.len() >= MOST_AMOUNTS {
            return true;
        }
        let from_two = self.amounts.iter().any(|one| {
            self.amounts.contains(&(amount - one))
                || self.amounts.contains(&(amount + one))
                || (*one > 100 && amount % one == 0 && amount / one <= 12)
        });
        if from_two {
            return true;
        }
        let mut sums: FxHashSet<i64> = FxHashSet::default();
        sums.insert(0);
        for part in parts.iter().filter(|part| **part != amount).take(PARTS) {
            let with: Vec<i64> = sums.iter().map(|sum| sum + part).collect();
            sums.extend(with);
        }
        sums.contains(&amount)
            || self.amounts.iter().any(|one| sums.contains(&(amount - one)) || sums.contains(&(amount + one)))
    }

    fn message(
        &mut self,
        message: &Passage,
        step: StepId,
        agent: AgentId,
        run: &Run,
        found: &mut Vec<Finding>,
    ) {
        if self.known.len() >= MOST {
            return;
        }
        let mut given: FxHashSet<String> = FxHashSet::default();
        let mut parts = Vec::new();
        figures(&message.text, |figure| {
            parts.extend(hundredths(&figure.plain));
            given.insert(figure.plain);
        });
        let mut in_code = false;
        for line in speech::read(&message.text).lines() {
            if line.trim_start().starts_with("```") {
                in_code = !in_code;
            }
            if in_code {
                continue;
            }
            for sentence in speech::sentences(line) {
                let mut altered = None;
                figures(sentence, |figure| {
                    if altered.is_none() {
                        altered =
                            self.altered(&figure, sentence, agent, &given, &parts).map(|of| (of, figure));
                    }
                });
                let Some(((seen, source, strength), figure)) = altered else { continue };
                if self.told.len() >= MOST_TOLD || !self.told.insert(key(&figure.plain)) {
                    continue;
                }
                self.tell(message, step, sentence, &figure, (&seen, source, strength), run, found);
            }
        }
    }

    /// The figure that one of a message nearly is, whose it is, and how much that tells.
    fn altered(
        &self,
        figure: &Figure<'_>,
        sentence: &str,
        agent: AgentId,
        given: &FxHashSet<String>,
        parts: &[i64],
    ) -> Option<(String, Source, f64)> {
        let digits = figure.plain.bytes().filter(u8::is_ascii_digit).count();
        if digits < 2 || self.known.contains_key(&key(&figure.plain)) {
            return None;
        }
        let year = digits == 4 && matches!(figure.plain.as_bytes(), [b'1', b'9', ..] | [b'2', b'0', ..]);
        let fraction = figure.plain.contains('.');
        let money = is_money(sentence, figure.begin, figure.end);
        let round = !fraction && figure.plain.ends_with("00");
        let lower = sentence.to_ascii_lowercase();
        if year || round || speech::has_any_word(&lower, ROUGHLY) {
            return None;
        }
        // With many amounts about, nearly any follows from some: that counts only where the words say
        // that something was worked out.
        let worked_out = self.amounts.len() < FEW_AMOUNTS || speech::has_any(&lower, WORKED_OUT);
        if (fraction || money) && worked_out && self.follows(&figure.plain, parts) {
            return None;
        }
        if let Some(named) = self.named(figure, sentence, &lower) {
            return Some(named);
        }
        let long = digits >= 4 || (digits >= 3 && fraction);
        // What is shorter than a sum with cents may be worked out in many ways.
        let unit = figure.unit;
        let with_unit = !long && !unit.is_empty() && !NO_UNITS.contains(&unit.to_lowercase().as_str());
        if !long && !with_unit {
            return None;
        }
        let (seen, source) = neighbours(&figure.plain).into_iter().find_map(|other| {
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

    /// A figure that is said of something by its name ("Size: 17"), where other figures were seen under
    /// that name and this one was seen nowhere.
    fn named(&self, figure: &Figure<'_>, sentence: &str, lower: &str) -> Option<(String, Source, f64)> {
        let name = name_before(sentence, figure.begin)?;
        let last_digits = name == "last digits";
        if speech::has_any(lower, WORKED_OUT) && !last_digits {
            return None;
        }
        let source = *self.known.get(&key_of(&name))?;
        matches!(source, Source::Seen(_)).then(|| (format!("another {name}"), source, if last_digits { 0.6 } else { 0.45 }))
    }

    #[allow(clippy::too_many_arguments)]
    fn tell(
        &self,
        message: &Passage,
        step: StepId,
        sentence: &str,
        figure: &Figure<'_>,
        (seen, source, strength): (&str, Source, f64),
        run: &Run,
        found: &mut Vec<Finding>,
    ) {
        let origin = match source {
            Source::Seen(origin) => origin,
            Source::Said(_) => None,
        };
        let record = origin.and_then(|origin| run.step(origin)).and_then(|step| step.outcome);
        let shown = crate::text::quoted(sentence.get(figure.begin..figure.end).unwrap_or_default(), 40);
        let whence = origin.map_or_else(String::new, |origin| format!(" (outcome of step {})", origin.0));
        let seen = crate::text::quoted(seen, 40);
        let evidence = std::iter::once(Evidence::new(message.record, Part::Claim, sentence))
            .chain(record.map(|record| Evidence::new(record, Part::Against, &seen)))
            .collect();
        found.push(Finding {
            rule: &ALTERED,
            step,
            root: None,
            strength: Probability::new(strength),
            evidence,
            sentence: format!("gives {shown}, which was seen nowhere; {seen} was{whence}"),
            instruction: format!(
                "Read the outcome that holds {seen} once more and give the figure exactly as it stands there."
            ),
            means: Vec::new(),
        });
    }
}

const ROUGHLY: &[&str] =
    &["about", "around", "approximately", "roughly", "example", "if", "nearly", "almost", "over"];

/// Words of a sentence, in lower case, in which an amount may have been worked out.
const WORKED_OUT: &[&str] = &[
    "total", "sum", "differ", "refund", "sav", "cheaper", "more than", "less", "remain", "balance", "=", "+", "altogether",
    "in all", "cost", "charge", "pay", "credit", "due", "average", "each", "extra", "additional", "combined", "amount",
];

/// Whether a currency stands beside a number.
fn is_money(text: &str, begin: usize, end: usize) -> bool {
    let before = text.get(..begin).unwrap_or_default().trim_end_matches([' ', '*']);
    let after = text.get(end..).unwrap_or_default().trim_start();
    ["$", "€", "£", "EUR", "USD", "GBP", "CHF"]
        .iter()
        .any(|mark| before.ends_with(mark) || after.starts_with(mark))
}

impl Family for Figures {
    fn rules(&self) -> &'static [&'static Rule] {
        RULES
    }

    fn observe(&mut self, seen: &Observation<'_>, run: &Run, found: &mut Vec<Finding>) {
        match seen {
            Observation::System { passage }
            | Observation::Return { passage, .. }
            | Observation::Prompt {
                passage, author: Author::Person | Author::Program | Author::Agent, ..
            } => {
                self.learn(&passage.text, Source::Seen(None));
            }
            Observation::Step(step) => {
                let agent = step.step.agent;
                // The words that led to a call came before its outcome.
                let judged = run.agents.len() > 1 || self.observing.contains(&agent);
                for words in step.words() {
                    if judged {
                        self.message(words, step.step.id, agent, run, found);
                    }
                    self.learn(&words.text, Source::Said(agent));
                }
                if let Some(outcome) = step.outcome {
                    self.observing.insert(agent);
                    self.learn(&step.input.text, Source::Said(agent));
                    self.learn(&outcome.text, Source::Seen(Some(step.step.id)));
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
        let mut scene = Scene::of(Figures::default());
        scene.prompt("Return my kettle, order 4481237.");
        let outcome = "{\"kettle\": 164.9, \"pan\": 83.75, \"card\": \"6593\", \"battery\": \"10 hours\", \"size\": \"128GB\"}";
        scene.call("get_order", &json!({"order": "4481237"}), Status::Ok, outcome);
        scene.says(text);
        scene.all()
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
        scene.says("There are 48273 rows.");
        assert_eq!(scene.found("figures.altered").len(), 1);
    }

    #[test]
    fn a_figure_is_told_once_and_its_own_words_vouch_for_it() {
        let mut scene = Scene::of(Figures::default());
        scene.call("get", &json!({}), Status::Ok, "total 91847");
        scene.says("The total is 91847. Later 91857.");
        scene.says("Again: 91857.");
        assert!(scene.found("figures.altered").is_empty(), "the right figure stands beside it");
    }
}
