//! Policy: what the instructions say in so many words that a call can be held against. Each sentence
//! is read by a few patterns; one that none of them knows is passed over. To teach it a form of words,
//! add a pattern and the [`Clause`] that it makes.

use jiff::civil::DateTime;

use crate::detect::pattern::patterns;
use crate::detect::{EVIDENCE_BYTES, speech};
use crate::trace::{Passage, RecordRef};

use super::words::{plain, same_verb, singular};

/// No more clauses than this are kept, and no longer instructions than this are read.
const MOST_CLAUSES: usize = 256;
const INSTRUCTION_BYTES: usize = 64 * 1024;

patterns! {
    NEEDED_STATE = r#"(?i)\b(\w+?)s? (?:can|may|must|should) (?:only )?be (\w+)(?: or (\w+))? (?:only )?(?:if|when) (?:its|their|the) (\w+) (?:is|are) ['"‘“]?(\w[\w -]*?)['"’”]?(?: or ['"‘“]?(\w[\w -]*?)['"’”]?)?(?:,|\.|;|\)| and |$)"#;
    ONLY_SUCH = r#"(?i)\bonly ['"‘“]?(\w[\w -]*?)['"’”]? (\w+?)s? (?:can|may) be (\w+)(?: or (\w+))?"#;
    ONLY_DO = r#"(?i)\b(?:can|may|must) only (\w+)(?: or (\w+))? (?:an? |the )?(?:whole |entire )?(\w+?)s? (?:that|which) (?:is|are) (?:still |in )?['"‘“]?(\w+)"#;
    NEVER_SUCH = r#"(?i)(?:^|[,:] |\bor |\band )(?:an? |the |any )?['"‘“]?([\w-][\w -]*?)['"’”]? (\w+?)s? (?:cannot|can not|can't|can’t|may not|must not|can never) be (\w+)(?: or (\w+))?"#;
    AT_MOST = r"(?i)\b(?:at most|no more than|a maximum of|up to) (one|two|three|four|five|six|seven|eight|nine|ten|\d{1,3}) ([a-z][a-z -]*?)(?:,|\.|;|\)| and | or | per | in | for |$)";
    ONLY_IF = r"(?i)([\w ,()/-]+?) (\w+?)s? can be (\w+) only if ([^,.;]+)";
    WITHIN_HOURS = r"(?i)\bcan be (\w+)(?: \w+)? within (\d{1,3}) hours? of ";
    TIER = r"(?i)\bis an? (\w+) (?:member|customer|user|guest|subscriber)\b";
    FREE = r"(?i)\b(\d{1,2}) (?:free|complimentary|included) ([a-z ]+?)s? (?:for each|per|for every) ([a-z ]+?)(?:,|\.|;| and |$)";
    MUST_NAME = r"(?i)\b(?:user|customer|guest|client|caller|member)s? (?:must|needs? to|has to|have to|should) (?:provide|choose|confirm|specify|select|give|name)\b(.*)";
    TOOLS_ONCE = r"(?i)\b(\w+)(?:,? (?:or|and) (\w+))? (?:\w+ )?tools? (?:can|may|must|should) only be (?:called|used) once\b";
    DONE_ONCE = r"(?i)\b(?:can|may|must|should) (?:only be (\w+)(?:,? or (\w+))? once|be (\w+)(?:,? or (\w+))? (?:only|at most) once)\b";
    ONE_CALL = r"(?i)\b(?:one|a single) (?:tool |function )?call (?:at a time|per (?:turn|message|step|response)|in (?:one|a|each|any) (?:turn|message|step|response))|\bone tool at a time\b";
    NOW = r"(?i)\bcurrent (?:time|date|datetime)\b\D{0,24}(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d)(:\d\d)?)?";
}

/// A sentence of the instructions.
#[derive(Clone, Debug)]
pub(super) struct Sentence {
    pub(super) record: RecordRef,
    pub(super) text: String,
    /// It and its heading, in lower case, plain.
    pub(super) plain: String,
}

/// What a sentence asks.
#[derive(Clone, Debug)]
pub(super) enum Clause {
    /// A thing must be in one of these states for a call of one of these verbs.
    State { verbs: Vec<String>, noun: String, field: Option<String>, values: Vec<String> },
    /// A thing of this sort may not be given to a call of one of these verbs.
    Never { verbs: Vec<String>, noun: String, value: String },
    /// A list holds no more of these.
    AtMost { most: usize, noun: String },
    /// A thing of one of these sorts may be given to a call of this verb only where one of its fields
    /// says so.
    OnlyIf { verb: String, sorts: Vec<String>, condition: String },
    /// Who belongs to this tier has so many free things for each unit of this sort.
    Allowance { tier: String, free: usize, thing: String, sort: String, unit: String },
    /// The user must name this.
    UserNames { what: String },
    /// One of the kinds that it lists must be chosen.
    OneKind,
    /// An act of one of these verbs may be done once to each thing.
    Once { verbs: Vec<String> },
}

/// What the instructions say.
#[derive(Debug, Default)]
pub(super) struct Policy {
    pub(super) clauses: Vec<(Clause, usize)>,
    pub(super) sentences: Vec<Sentence>,
    /// Within so many hours of its making a thing may always be given to a call of this verb.
    pub(super) graces: Vec<(String, i64)>,
    /// The time that the instructions give.
    pub(super) now: Option<DateTime>,
    /// They ask for a yes before a consequential act.
    pub(super) asks_yes: Option<Sentence>,
    /// They say that a call and a message do not go together.
    pub(super) one_at_a_time: Option<Sentence>,
    /// They let calls go out one at a time.
    pub(super) one_call: Option<Sentence>,
    /// They speak of tools.
    pub(super) tools: bool,
}

impl Policy {
    /// Reads instructions.
    pub(super) fn read(&mut self, passage: &Passage) {
        let mut heading = String::new();
        for line in crate::text::clip(&passage.text, INSTRUCTION_BYTES).lines() {
            if line.starts_with('#') {
                heading = plain(line);
                continue;
            }
            for sentence in speech::sentences(line) {
                if self.clauses.len() >= MOST_CLAUSES {
                    return;
                }
                self.sentence(passage.record, &heading, sentence);
            }
        }
    }

    fn sentence(&mut self, record: RecordRef, heading: &str, sentence: &str) {
        let lower = sentence.to_ascii_lowercase();
        self.tools |= speech::has_any(&lower, &["tool call", "the api", "tools", "function call"]);
        if self.now.is_none() {
            self.now = NOW.captures(sentence).and_then(|found| {
                let date = found.get(1)?.as_str();
                let time = found.get(2).map_or("00:00", |time| time.as_str());
                format!("{date}T{time}").parse().ok()
            });
        }
        let whole = || Sentence {
            record,
            text: crate::text::excerpt(sentence, EVIDENCE_BYTES),
            plain: format!("{heading} {}", plain(sentence)),
        };
        if self.asks_yes.is_none()
            && lower.contains("confirm")
            && speech::has_any(
                &lower,
                &["(yes)", "explicit user", "explicit confirmation", "user confirmation"],
            )
        {
            self.asks_yes = Some(whole());
        }
        if self.one_at_a_time.is_none()
            && lower.contains("tool call")
            && lower.contains("respond")
            && speech::has_any(&lower, &["at the same time", "simultaneously"])
        {
            self.one_at_a_time = Some(whole());
        }
        if self.one_call.is_none() && ONE_CALL.is_in(sentence) {
            self.one_call = Some(whole());
        }
        let mut found = Vec::new();
        clauses(sentence, &lower, &mut found);
        if let Some(grace) = WITHIN_HOURS.captures(sentence)
            && let (Some(verb), Some(hours)) = (grace.get(1), grace.get(2))
            && let Ok(hours) = hours.as_str().parse()
        {
            self.graces.push((verb.as_str().to_ascii_lowercase(), hours));
        }
        if !found.is_empty() {
            let at = self.sentences.len();
            self.sentences.push(whole());
            self.clauses.extend(found.into_iter().map(|clause| (clause, at)));
        }
    }

    /// Whether the instructions hold nothing that a call can be held against.
    pub(super) fn is_empty(&self) -> bool {
        self.clauses.is_empty()
            && self.asks_yes.is_none()
            && self.one_at_a_time.is_none()
            && self.one_call.is_none()
    }

    /// The grace for a verb, in hours.
    pub(super) fn grace(&self, verb: &str) -> Option<i64> {
        self.graces.iter().find(|(other, _)| same_verb(other, verb)).map(|(_, hours)| *hours)
    }
}

/// The words of some groups of a match, in lower case.
fn groups(found: &regex::Captures<'_>, which: &[usize]) -> Vec<String> {
    which
        .iter()
        .filter_map(|at| found.get(*at))
        .map(|group| plain(group.as_str()))
        .filter(|word| !word.is_empty())
        .collect()
}

fn one(found: &regex::Captures<'_>, at: usize) -> String {
    found.get(at).map_or_else(String::new, |group| plain(group.as_str()))
}

fn clauses(sentence: &str, lower: &str, into: &mut Vec<Clause>) {
    if let Some(found) = NEEDED_STATE.captures(sentence)
        && found.get(0).is_some_and(|all| all.as_str().contains("only"))
    {
        into.push(Clause::State {
            verbs: groups(&found, &[2, 3]),
            noun: one(&found, 1),
            field: Some(one(&found, 4)),
            values: groups(&found, &[5, 6]),
        });
    } else if let Some(found) = ONLY_SUCH.captures(sentence) {
        into.push(Clause::State {
            verbs: groups(&found, &[3, 4]),
            noun: one(&found, 2),
            field: None,
            values: one(&found, 1).split(" or ").map(str::to_owned).collect(),
        });
    } else if let Some(found) = ONLY_DO.captures(sentence)
        && !matches!(one(&found, 4).as_str(), "not" | "a" | "an" | "the" | "no")
    {
        into.push(Clause::State {
            verbs: groups(&found, &[1, 2]),
            noun: one(&found, 3),
            field: None,
            values: groups(&found, &[4]),
        });
    }
    for found in NEVER_SUCH.all(sentence) {
        into.push(Clause::Never {
            verbs: groups(&found, &[3, 4]),
            noun: one(&found, 2),
            value: one(&found, 1),
        });
    }
    for found in AT_MOST.all(sentence) {
        let noun = singular(&one(&found, 2));
        if let Some(most) = found.get(1).and_then(|n| count(n.as_str()))
            && !speech::has_any_word(&noun, &["call", "time", "hour", "day", "minute", "week", "month"])
        {
            into.push(Clause::AtMost { most, noun });
        }
    }
    if let Some(found) = ONLY_IF.captures(sentence) {
        let sorts = one(&found, 1);
        into.push(Clause::OnlyIf {
            verb: one(&found, 3),
            sorts: sorts.split(" or ").map(|sort| sort.trim_start_matches("otherwise ").to_owned()).collect(),
            condition: one(&found, 4),
        });
    }
    if let Some(tier) = TIER.captures(sentence) {
        let tier = one(&tier, 1);
        for found in FREE.all(sentence) {
            let each = one(&found, 3);
            let (sort, unit) = each.rsplit_once(' ').unwrap_or(("", &each));
            into.push(Clause::Allowance {
                tier: tier.clone(),
                free: one(&found, 1).parse().unwrap_or(0),
                thing: one(&found, 2),
                sort: sort.to_owned(),
                unit: unit.to_owned(),
            });
        }
    }
    if let Some(found) = TOOLS_ONCE.captures(sentence).or_else(|| DONE_ONCE.captures(sentence)) {
        let mut verbs = groups(&found, &[1, 2, 3, 4]);
        verbs.retain(|verb| !matches!(verb.as_str(), "called" | "used" | "done" | "the" | "this" | "these"));
        if !verbs.is_empty() {
            into.push(Clause::Once { verbs });
        }
    }
    if let Some(found) = MUST_NAME.captures(sentence) {
        into.push(Clause::UserNames { what: one(&found, 1) });
    }
    if speech::has_any_word(lower, &["must", "need", "needs", "only", "should"])
        && lower.contains(" or ")
        && speech::has_any(lower, &["provide", "use ", "choose", "select", "go to", "paid", "pay with"])
    {
        into.push(Clause::OneKind);
    }
}

fn count(word: &str) -> Option<usize> {
    const NAMES: [&str; 10] = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];
    let lower = word.to_ascii_lowercase();
    NAMES.iter().position(|name| *name == lower).map(|at| at + 1).or_else(|| lower.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<String> {
        let mut policy = Policy::default();
        policy.read(&Passage { record: RecordRef::default(), text: text.to_owned() });
        policy.clauses.iter().map(|(clause, _)| format!("{clause:?}")).collect()
    }

    #[test]
    fn all_patterns_compile() {
        assert!(patterns_that_do_not_compile().is_empty());
    }

    #[test]
    fn each_form_of_words_makes_its_clause() {
        for (text, holds) in [
            ("A ticket can only be closed if its state is 'solved'.", "values: [\"solved\"]"),
            (
                "Parcels can be returned only if their status is delivered or refused.",
                "\"delivered\", \"refused\"",
            ),
            ("Only active lines can be suspended or upgraded.", "verbs: [\"suspended\", \"upgraded\"]"),
            ("You can only delete drafts that are unsent.", "noun: \"draft\""),
            ("Prepaid rooms cannot be refunded.", "value: \"prepaid\""),
            ("Use at most two coupons and no more than three gift cards.", "most: 3, noun: \"gift card\""),
            (
                "Saver or flex rooms can be cancelled only if cover is bought.",
                "condition: \"cover is bought\"",
            ),
            ("If the guest is a gold member, 2 free towels for each twin guest.", "free: 2"),
            ("The user must provide a payment method.", "UserNames"),
            ("The user needs to provide one voucher or debit card.", "OneKind"),
            ("Exchange or modify order tools can only be called once.", "verbs: [\"exchange\", \"modify\"]"),
            ("A stay may be moved or renamed at most once.", "verbs: [\"moved\", \"renamed\"]"),
            ("A stay can only be upgraded once.", "verbs: [\"upgraded\"]"),
        ] {
            let all = read(text);
            assert!(all.iter().any(|clause| clause.contains(holds)), "{text}: {all:?}");
        }
    }

    #[test]
    fn sentences_that_bind_nothing_make_none() {
        for text in [
            "Be polite and answer in full sentences.",
            "You should at most make one tool call at a time.",
            "An order can be in one of four states.",
            "Refunds take up to seven days.",
            "This action can only be called once.",
            "Once the user is known, stays can be shown at once.",
        ] {
            assert!(read(text).is_empty(), "{text}: {:?}", read(text));
        }
    }

    #[test]
    fn the_time_and_the_grace_are_read() {
        let mut policy = Policy::default();
        let text = "The current time is 2024-05-15 15:00:00 EST. All stays can be cancelled within 24 hours of booking.";
        policy.read(&Passage { record: RecordRef::default(), text: text.to_owned() });
        assert_eq!(policy.now.map(|now| now.to_string()), Some("2024-05-15T15:00:00".to_owned()));
        assert_eq!(policy.grace("cancel"), Some(24));
    }
}
