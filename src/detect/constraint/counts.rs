//! Counts and kinds: lists with more of something than the instructions allow, means of payment of a
//! kind that they do not offer, and allowances that are reckoned wrongly.

use serde_json::Value;

use crate::detect::{Aspect, Basis, Class, Evidence, Finding, Part, Rule, speech};

use super::act::{Act, context, mend};
use super::objects::{Object, Objects, is_id};
use super::policy::{Clause, Policy};
use super::words::{names_act, names_thing, plain, singular};

/// Too many.
pub(super) static TOO_MANY: Rule = Rule {
    id: "constraint.too-many",
    class: Class::InconsistentReasoning,
    basis: Basis::External,
    speaks_of: Aspect::Consistency,
    summary: "A call's list holds more of something than the instructions allow.",
    example: "passes 2 coupons in payments to place_order; the instructions allow at most 1",
    proven: false,
};

/// Not of that kind.
pub(super) static WRONG_KIND: Rule = Rule {
    id: "constraint.wrong-kind",
    class: Class::InconsistentReasoning,
    basis: Basis::External,
    speaks_of: Aspect::Consistency,
    summary: "The instructions offer a choice of kinds for this act, and the call passes something of another kind.",
    example: "passes coupon_99, a coupon, as payment_id to change_stay; the instructions offer gift card or credit card",
    proven: false,
};

/// Reckoned wrongly.
pub(super) static ALLOWANCE: Rule = Rule {
    id: "constraint.allowance",
    class: Class::InconsistentReasoning,
    basis: Basis::External,
    speaks_of: Aspect::Consistency,
    summary: "A call charges for another number of things than follows from the free ones that the instructions grant.",
    example: "charges for 1 of 3 bags; a gold member with 1 economy passenger has 3 free",
    proven: true,
};

/// Checks an act against the clauses on counts and kinds.
pub(super) fn check(act: &Act<'_>, policy: &Policy, objects: &Objects, found: &mut Vec<Finding>) {
    let mut kind_told = false;
    for (clause, at) in &policy.clauses {
        let Some(sentence) = policy.sentences.get(*at) else { continue };
        match clause {
            Clause::AtMost { most, noun } => {
                let over = act.arguments.iter().find_map(|(name, value)| {
                    let entries = value.as_array()?;
                    let count = if singular(&plain(name)) == *noun {
                        entries.len()
                    } else {
                        entries.iter().filter(|entry| mentions(entry, noun)).count()
                    };
                    (count > *most).then_some((name, count))
                });
                if let Some((name, count)) = over {
                    let tool = act.shown();
                    let mut finding = act.finding(
                        &TOO_MANY,
                        0.65,
                        std::iter::once(context(sentence)).chain(act.refusal()),
                        format!(
                            "passes {count} × {noun} in {} to {tool}; the instructions allow at most {most}",
                            crate::text::excerpt(name, 40)
                        ),
                        format!(
                            "At most {most} × {noun} may be used. Ask the user which to keep; take back what {tool} has done if it went through."
                        ),
                    );
                    finding.means = mend(name);
                    found.push(finding);
                }
            }
            Clause::OneKind if !kind_told && is_for(act, &sentence.plain) => {
                if let Some((name, id, kind, offered)) = wrong_kind(act, &sentence.plain, objects) {
                    kind_told = true;
                    let (id, tool) = (crate::text::quoted(&id, 40), act.shown());
                    let mut finding = act.finding(
                        &WRONG_KIND,
                        0.6,
                        std::iter::once(context(sentence)).chain(act.refusal()),
                        format!(
                            "passes {id}, a {kind}, as {} to {tool}; the instructions offer {offered}",
                            crate::text::excerpt(&name, 40)
                        ),
                        format!("Only {offered} can be used for {tool}. Ask the user which one."),
                    );
                    finding.means = mend(&name);
                    found.push(finding);
                }
            }
            _ => {}
        }
    }
    allowance(act, policy, objects, found);
}

/// Whether any text in a value, plain, holds this noun (or the telling last word of one).
fn mentions(value: &Value, noun: &str) -> bool {
    match value {
        Value::String(text) => {
            let text = plain(text);
            let last = noun.rsplit(' ').next().unwrap_or(noun);
            let telling = last.len() >= 6 && !matches!(last, "method" | "option" | "number" | "account");
            speech::has_word(&text, noun) || (telling && speech::has_word(&text, last))
        }
        Value::Array(all) => all.iter().any(|inner| mentions(inner, noun)),
        Value::Object(map) => map.values().any(|inner| mentions(inner, noun)),
        _ => false,
    }
}

/// Whether a sentence, with its heading, speaks of this act: of its verb, which comes first in a tool's
/// name, and of a thing that follows.
fn is_for(act: &Act<'_>, sentence: &str) -> bool {
    let mut words = act.name.split(' ');
    words.next().is_some_and(|verb| names_act(sentence, &[verb.to_owned()]))
        && words.any(|word| word.len() > 3 && names_thing(sentence, word))
}

/// The kind of a thing: the value of a field that its siblings have too, with words only.
fn kind_of(object: &Object) -> Option<(&str, String)> {
    object
        .fields
        .iter()
        .find(|field| matches!(field.name.as_str(), "source" | "kind" | "type" | "method"))
        .map(|field| (field.name.as_str(), field.plain()))
}

/// An argument whose thing is of a kind that the sentence does not offer.
fn wrong_kind(act: &Act<'_>, sentence: &str, objects: &Objects) -> Option<(String, String, String, String)> {
    act.arguments.iter().find_map(|(name, value)| {
        let id = value.as_str().filter(|text| is_id(text))?;
        let (field, kind) = kind_of(objects.get(id)?)?;
        let mut offered: Vec<String> = objects
            .all()
            .filter_map(kind_of)
            .filter(|(other, _)| *other == field)
            .map(|(_, kind)| kind)
            .collect();
        offered.sort_unstable();
        offered.dedup();
        // The other kinds may be known from the instructions alone.
        offered.extend(["gift card", "credit card", "debit card"].map(str::to_owned));
        offered.retain(|kind| speech::has_word(sentence, kind));
        offered.sort_unstable();
        offered.dedup();
        let original = sentence.contains("original payment");
        let places: Vec<usize> = offered
            .iter()
            .filter_map(|kind| speech::find_word(sentence, kind))
            .chain(sentence.find("original payment"))
            .collect();
        let (first, last) = (places.iter().min()?, places.iter().max()?);
        let choice = sentence.get(*first..*last).is_some_and(|between| between.contains(" or "));
        if !choice || offered.contains(&kind) {
            return None;
        }
        if original {
            let hash = speech::hash(plain(id).as_bytes());
            let things: Vec<&Object> = act.things(objects).map(|(_, _, thing)| thing).collect();
            if !things.iter().any(|thing| !thing.lists.is_empty())
                || things.iter().any(|thing| thing.lists.iter().any(|list| list.texts.contains(&hash)))
            {
                return None;
            }
            offered.push("the original payment method".to_owned());
        }
        Some((name.clone(), id.to_owned(), kind, offered.join(" or ")))
    })
}

/// Free things: `total_bags` and `nonfree_bags` of a call against the table of the instructions.
fn allowance(act: &Act<'_>, policy: &Policy, objects: &Objects, found: &mut Vec<Finding>) {
    let named = |begin: &[&str], end: &str| {
        act.arguments.iter().find(|(name, _)| begin.iter().any(|b| name.strip_prefix(b) == Some(end)))
    };
    let Some((total, things)) =
        act.arguments.iter().find_map(|(name, value)| Some((value.as_u64()?, name.strip_prefix("total_")?)))
    else {
        return;
    };
    let Some((paid_name, paid)) = named(&["nonfree_", "paid_", "extra_", "chargeable_", "charged_"], things)
    else {
        return;
    };
    let Some(paid) = paid.as_u64() else { return };
    let thing = act.things(objects).map(|(_, _, thing)| thing).find(|thing| !thing.lists.is_empty());
    let mut told = Vec::new();
    for (clause, at) in &policy.clauses {
        let Clause::Allowance { tier, free, thing: what, sort, unit } = clause else { continue };
        let last = what.rsplit(' ').next().unwrap_or(what);
        if !things.starts_with(last) || !is_tier(tier, policy, objects) || !is_sort(act, thing, sort) {
            continue;
        }
        let units = act
            .arguments
            .iter()
            .find(|(name, _)| names_thing(&plain(name), unit))
            .and_then(|(_, value)| value.as_array().map(Vec::len))
            .or_else(|| {
                thing?.lists.iter().find(|list| names_thing(&list.name, unit)).map(|list| list.length)
            });
        let Some(units) = units else { continue };
        told.push((tier, free * units, units, sort, unit, *at));
    }
    // More than one line that fits, or none: nothing can be said.
    let [(tier, free, units, sort, unit, at)] = told.as_slice() else { return };
    let due = total.saturating_sub(*free as u64);
    let Some(sentence) = policy.sentences.get(*at) else { return };
    if due == paid {
        return;
    }
    let tier_seen = objects.all().flat_map(|object| &object.fields).find(|field| field.plain() == **tier);
    let against = tier_seen.map(|field| Evidence::new(field.record, Part::Against, &field.value));
    let mut finding = act.finding(
        &ALLOWANCE,
        0.65,
        against.into_iter().chain([context(sentence)]).chain(act.refusal()),
        format!("charges for {paid} of {total} {things}; for {units} {sort} {unit} a {tier} member has {free} free, so {due} are to be paid"),
        format!("Set {paid_name} to {due}, and correct the charge if {} went through.", act.shown()),
    );
    finding.means = mend(paid_name);
    found.push(finding);
}

/// Whether this tier, and no other that the instructions name, has been observed.
fn is_tier(tier: &str, policy: &Policy, objects: &Objects) -> bool {
    let seen =
        |tier: &str| objects.all().any(|object| object.fields.iter().any(|field| field.plain() == tier));
    let other = policy.clauses.iter().any(
        |(clause, _)| matches!(clause, Clause::Allowance { tier: other, .. } if other != tier && seen(other)),
    );
    seen(tier) && !other
}

fn is_sort(act: &Act<'_>, thing: Option<&Object>, sort: &str) -> bool {
    let given: Vec<String> = act.arguments.values().filter_map(Value::as_str).map(plain).collect();
    let own = thing.is_some_and(|thing| thing.fields.iter().any(|field| field.plain() == sort));
    sort.is_empty() || given.iter().any(|value| value == sort) || own
}
