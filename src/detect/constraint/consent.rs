//! Consent: acts that the user has not said yes to, choices that the user never made, and charges that
//! the user was never told of.

use serde_json::Value;

use crate::detect::pattern::patterns;
use crate::detect::{Aspect, Basis, Class, Evidence, Finding, Part, Rule, speech};
use crate::trace::RecordRef;

use super::act::{Act, context, mend};
use super::objects::{Object, Objects, hundredths, is_id};
use super::policy::{Clause, Policy, Sentence};
use super::words::{Spoken, names_act, names_thing, plain, singular};

/// Never chosen.
pub(super) static UNSPOKEN_CHOICE: Rule = Rule {
    id: "constraint.unspoken-choice",
    class: Class::InconsistentReasoning,
    basis: Basis::External,
    speaks_of: Aspect::Consistency,
    summary: "The instructions leave a choice to the user, and the call passes one of several that neither the user nor the agent has spoken of.",
    example: "passes credit_card_77 as payment_id to change_stay; of 3 to choose from, nobody has spoken of it",
    proven: true,
};

/// Never told.
pub(super) static UNTOLD_CHARGE: Rule = Rule {
    id: "constraint.untold-charge",
    class: Class::InconsistentReasoning,
    basis: Basis::External,
    speaks_of: Aspect::Consistency,
    summary: "The instructions ask for the user's yes to the details, and an act charged or paid out an amount that the user was not told before.",
    example: "change_stay charged 1302.00; the user was told 897.00",
    proven: true,
};

patterns! {
    MONEY = r"(?i)(?:[$€£]|\b(?:usd|eur|gbp)) ?(\d[\d,]*(?:\.\d+)?)|\b(\d[\d,]*(?:\.\d+)?) ?(?:dollars|usd|euros?|pounds)\b";
}

/// Amounts that the agent has told, in hundredths, the latest last.
#[derive(Debug, Default)]
pub(super) struct Told {
    amounts: Vec<i64>,
    /// Those of them that were told for one of several.
    each: Vec<i64>,
    /// The latest message that holds one.
    message: Option<(RecordRef, String)>,
}

/// Words beside which an amount is for one of several.
const EACH: &[&str] = &["per", "each", "every", "a night", "a day", "a piece", "apiece", "price", "prices"];

/// With more amounts than this almost anything follows from two of them.
const MOST_AMOUNTS: usize = 64;

impl Told {
    /// Takes in words of the agent.
    pub(super) fn hear(&mut self, record: RecordRef, text: &str) {
        for sentence in speech::sentences(speech::read(text)) {
            let each = speech::has_any_word(&sentence.to_ascii_lowercase(), EACH);
            for found in MONEY.all(sentence) {
                let number =
                    found.get(1).or_else(|| found.get(2)).map_or("", |n| n.as_str()).replace(',', "");
                let Ok(amount) = number.parse::<f64>() else { continue };
                if self.amounts.len() < MOST_AMOUNTS && amount < 1e9 {
                    #[allow(clippy::cast_possible_truncation, reason = "the range is checked")]
                    let hundredths = (amount * 100.0).round() as i64;
                    if !self.amounts.contains(&hundredths) {
                        self.amounts.push(hundredths);
                    }
                    if each && !self.each.contains(&hundredths) {
                        self.each.push(hundredths);
                    }
                    self.message =
                        Some((record, crate::text::excerpt(sentence, crate::detect::EVIDENCE_BYTES)));
                }
            }
        }
    }

    /// Whether an amount was told, or is the sum, the difference or a multiple of such.
    fn covers(&self, amount: i64) -> bool {
        let near = |one: i64, other: i64| (one - other).abs() <= 2;
        self.amounts.len() >= MOST_AMOUNTS
            || self.each.iter().any(|one| (2..=9).any(|times| near(one * times, amount)))
            || self.amounts.iter().enumerate().any(|(at, one)| {
                near(*one, amount)
                    || self
                        .amounts
                        .iter()
                        .skip(at + 1)
                        .any(|other| near(one + other, amount) || near((one - other).abs(), amount))
            })
    }
}

/// Checks that the user, or the agent before the user, has spoken of what an act passes; says whether
/// it has told of something.
pub(super) fn choice(
    act: &Act<'_>,
    policy: &Policy,
    objects: &Objects,
    (user, agent): (&Spoken, &Spoken),
    found: &mut Vec<Finding>,
) -> bool {
    let mut values = Vec::new();
    leaves(act.arguments, &mut values);
    for (name, id) in values {
        let Some(object) = objects.get(id).filter(|object| object.siblings >= 2) else { continue };
        let Some(sentence) = leaves_it_to_user(policy, &plain(name)) else { continue };
        let words = names_of(id, object);
        if words.len() < 2
            || words.iter().any(|words| user.holds(words) || agent.holds(words))
            || is_original(act, id, objects, user, agent)
        {
            continue;
        }
        let (id, tool) = (crate::text::quoted(id, 60), act.shown());
        let mut finding = act.finding(
            &UNSPOKEN_CHOICE,
            0.6,
            [Evidence::new(object.record, Part::Against, &words.join(", ")), context(sentence)],
            format!(
                "passes {id} as {} to {tool}; of {} to choose from, nobody has spoken of it",
                crate::text::excerpt(name, 40),
                object.siblings
            ),
            format!(
                "Tell the user that {tool} was called with {id} and ask which one to use; change it if the answer is another."
            ),
        );
        finding.means = mend(name);
        found.push(finding);
        return true;
    }
    false
}

/// Name and value of all texts in the arguments that look like ids, nested ones by their own key.
fn leaves<'a>(map: &'a serde_json::Map<String, Value>, into: &mut Vec<(&'a str, &'a str)>) {
    for (name, value) in map {
        match value {
            Value::String(text) if is_id(text) => into.push((name, text)),
            Value::Object(inner) => leaves(inner, into),
            Value::Array(all) => {
                for inner in all {
                    match inner {
                        Value::Object(inner) => leaves(inner, into),
                        Value::String(text) if is_id(text) => into.push((name, text)),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
}

/// The sentence that leaves what this argument is called after to the user.
fn leaves_it_to_user<'p>(policy: &'p Policy, name: &str) -> Option<&'p Sentence> {
    policy.clauses.iter().find_map(|(clause, at)| {
        let Clause::UserNames { what } = clause else { return None };
        let known = name
            .split(' ')
            .filter(|word| word.len() > 3 && !matches!(*word, "method" | "number" | "user" | "name"))
            .any(|word| names_thing(what, &singular(word)));
        known.then(|| policy.sentences.get(*at)).flatten()
    })
}

/// The ways in which people speak of a thing: its id, its words, its last digits.
fn names_of(id: &str, object: &Object) -> Vec<String> {
    let id = plain(id);
    let mut names: Vec<String> = id.rsplit(' ').next().map(str::to_owned).into_iter().collect();
    for field in object.fields.iter().filter(|field| field.name != "id" && !field.name.ends_with(" id")) {
        let value = field.plain();
        let digits = value.bytes().all(|b| b.is_ascii_digit());
        let word =
            value.bytes().any(|b| b.is_ascii_alphabetic()) && !matches!(value.as_str(), "true" | "false");
        if (digits && value.len() == 4) || (word && value.len() > 2) {
            names.push(value);
        }
    }
    names
}

/// Whether the original means was agreed on, and this is it.
fn is_original(act: &Act<'_>, id: &str, objects: &Objects, user: &Spoken, agent: &Spoken) -> bool {
    let hash = speech::hash(plain(id).as_bytes());
    let agreed =
        ["original payment", "original method", "original form", "same payment", "same card", "same method"];
    agreed.iter().any(|words| user.holds(words) || agent.holds(words))
        && act.things(objects).any(|(_, _, thing)| thing.lists.iter().any(|list| list.texts.contains(&hash)))
}

/// A thing's id, and its lists of amounts by their names.
pub(super) type Amounts = (String, Vec<(String, Vec<i64>)>);

/// How the lists of amounts of the things that an act names stood before it.
pub(super) fn amounts(act: &Act<'_>, objects: &Objects) -> Vec<Amounts> {
    act.things(objects)
        .map(|(_, id, object)| {
            let lists = object.lists.iter().map(|list| (list.name.clone(), list.amounts.clone()));
            (id.to_owned(), lists.filter(|(_, amounts)| !amounts.is_empty()).collect())
        })
        .collect()
}

/// Checks that the user was told of the amounts that an act has added to its things; says whether it
/// has told of something.
pub(super) fn charge(
    act: &Act<'_>,
    policy: &Policy,
    before: &[Amounts],
    objects: &Objects,
    told: &Told,
    found: &mut Vec<Finding>,
) -> bool {
    let Some(asks) = &policy.asks_yes else { return false };
    // What is taken back in full needs no figure.
    if names_act(&act.name, &["cancel".to_owned(), "return".to_owned()]) {
        return false;
    }
    for (id, lists) in before {
        let Some(object) = objects.get(id) else { continue };
        for (name, old) in lists {
            let Some(list) = object.list(name) else { continue };
            let added = match list.amounts.strip_prefix(old.as_slice()) {
                Some(added) if !added.is_empty() => added,
                _ => continue,
            };
            let sum: i64 = added.iter().sum();
            if sum == 0 || told.covers(sum.abs()) || added.iter().all(|one| told.covers(one.abs())) {
                continue;
            }
            let outcome = act.step.outcome.map_or("", |outcome| outcome.text.as_str());
            let seen = Evidence::new(object.record, Part::Against, tail(outcome, sum));
            untold(act, asks, seen, sum, told, found);
            return true;
        }
    }
    let given = act.arguments.values().filter_map(|value| Some(given_amounts(value.as_array()?)));
    let Some((sum, amounts)) = given.map(|all| (all.iter().sum::<i64>(), all)).find(|(sum, _)| *sum > 0)
    else {
        return false;
    };
    if told.covers(sum) || amounts.iter().all(|one| told.covers(*one)) {
        return false;
    }
    let seen = Evidence::new(act.step.input.record, Part::Against, tail(&act.step.input.text, sum));
    untold(act, asks, seen, sum, told, found);
    true
}

/// The `amount` of each entry of a list in the arguments.
fn given_amounts(entries: &[Value]) -> Vec<i64> {
    entries.iter().filter_map(|entry| hundredths(entry.get("amount")?)).collect()
}

fn untold(act: &Act<'_>, asks: &Sentence, seen: Evidence, sum: i64, told: &Told, found: &mut Vec<Finding>) {
    let (tool, sum, did) = (act.shown(), money(sum), if sum < 0 { "paid out" } else { "charged" });
    let mut against = vec![seen];
    let (strength, sentence) = match (&told.message, told.amounts.last()) {
        (Some((record, text)), Some(last)) => {
            against.push(Evidence::new(*record, Part::Context, text));
            (
                0.5,
                format!(
                    "{tool} {did} {sum}, which the user was never told; the last figure told was {}",
                    money(*last)
                ),
            )
        }
        _ => (0.45, format!("{tool} {did} {sum}; the user was told no amount")),
    };
    against.push(context(asks));
    found.push(act.finding(
        &UNTOLD_CHARGE,
        strength,
        against,
        sentence,
        format!(
            "Tell the user that {sum} was {did}, and ask whether that is right; if it is not, take it back."
        ),
    ));
}

/// The stretch of a text that ends with the last place of an amount.
fn tail(text: &str, sum: i64) -> &str {
    let figure = money(sum);
    let end = text.rfind(figure.trim_end_matches(".00")).map_or(text.len(), |at| at + figure.len());
    crate::text::clip_front(text.get(..end).unwrap_or(text), 120)
}

/// An amount without its sign.
fn money(sum: i64) -> String {
    format!("{}.{:02}", sum.abs() / 100, sum.abs() % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_patterns_compile() {
        assert!(patterns_that_do_not_compile().is_empty());
    }

    #[test]
    fn what_follows_from_told_amounts_is_told() {
        let mut told = Told::default();
        told.hear(RecordRef::default(), "It was $120.50 and is now USD 200; 30 dollars for each bag.");
        for (amount, covered) in [(12050, true), (7950, true), (32050, true), (9000, true), (1111, false)] {
            assert_eq!(told.covers(amount), covered, "{amount}");
        }
    }
}
