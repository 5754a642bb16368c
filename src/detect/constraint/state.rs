//! State: acts on things that are not in the state, or not of the sort, that the instructions ask for,
//! and acts that lock a thing which the agent still has to change.

use jiff::civil::DateTime;
use rustc_hash::FxHashMap;

use crate::detect::{Aspect, Basis, Class, Evidence, Finding, Part, Rule, speech};
use crate::trace::{Probability, StepId};

use super::act::{Act, context};
use super::objects::{Field, List, Object, Objects, STATES, id_hash, texts};
use super::policy::{Clause, Policy};
use super::words::{Spoken, names_act, names_thing, plain, singular};

/// Not in that state.
pub(super) static WRONG_STATE: Rule = Rule {
    id: "constraint.wrong-state",
    class: Class::InconsistentReasoning,
    basis: Basis::External,
    speaks_of: Aspect::Consistency,
    summary: "The instructions let a call have only things in a certain state or of a certain sort; what was observed of this thing says otherwise.",
    example: "calls exchange_items for order 1042, whose status is pending; the instructions ask for delivered",
    proven: true,
};

/// Not under that condition.
pub(super) static CONDITION_UNMET: Rule = Rule {
    id: "constraint.condition-unmet",
    class: Class::InconsistentReasoning,
    basis: Basis::External,
    speaks_of: Aspect::Consistency,
    summary: "The instructions allow an act on things of this sort only under a condition, and what was observed of this thing says that it is not met.",
    example: "calls cancel_stay for R77QX2, a saver stay with cover = no; the instructions ask for cover",
    proven: false,
};

/// Locked.
pub(super) static LOCKED_OUT: Rule = Rule {
    id: "constraint.locked-out",
    class: Class::InconsistentReasoning,
    basis: Basis::External,
    speaks_of: Aspect::Consistency,
    summary: "An act changed the state of a thing, and on account of that state a later act on it was refused: the order was wrong.",
    example: "modify_items made order 1042 'pending (items modified)'; modify_address was then refused: non-pending order cannot be modified",
    proven: false,
};

/// Words of a user who says that the other side has cancelled: a condition of its own.
const CANCELLED: &[&str] = &[
    "airline cancelled",
    "airline canceled",
    "cancelled by",
    "canceled by",
    "was cancelled",
    "was canceled",
    "been cancelled",
    "been canceled",
    "got cancelled",
    "got canceled",
];

/// Words of a refusal on account of a state.
const STATE_WORDS: &[&str] =
    &["non-", "status", "state", "already", "no longer", "not pending", "not open", "not active", "locked"];

/// An act that changed a thing's state.
#[derive(Debug)]
pub(super) struct Change {
    step: StepId,
    claim: Evidence,
    tool: String,
    state: String,
    told: bool,
}

/// Acts that changed the state of things, by the hash of their id.
pub(super) type Changes = FxHashMap<u64, Change>;

const MOST_CHANGES: usize = 2048;

fn state_of(object: &Object) -> Option<&Field> {
    STATES.iter().find_map(|name| object.field(name))
}

/// Notes the state that an act has left its things in; `before` is what was known of them.
pub(super) fn note(
    act: &Act<'_>,
    before: &[(String, Option<String>)],
    objects: &Objects,
    changes: &mut Changes,
) {
    for (id, state) in before {
        let Some(now) = objects.get(id).and_then(state_of) else { continue };
        if state.as_ref().is_some_and(|state| *state != now.value) && changes.len() < MOST_CHANGES {
            changes.insert(
                id_hash(id),
                Change {
                    step: act.step.step.id,
                    claim: act.claim(),
                    tool: act.shown(),
                    state: crate::text::quoted(&now.value, 40),
                    told: false,
                },
            );
        }
    }
}

/// The ids that an act names, each with its state as it is known.
pub(super) fn states(act: &Act<'_>, objects: &Objects) -> Vec<(String, Option<String>)> {
    act.things(objects)
        .map(|(_, id, object)| (id.to_owned(), state_of(object).map(|field| field.value.clone())))
        .collect()
}

/// Whether a refused act was refused on account of a state that an earlier act has brought about.
pub(super) fn locked(
    act: &Act<'_>,
    objects: &Objects,
    changes: &mut Changes,
    found: &mut Vec<Finding>,
) -> Option<StepId> {
    let fault = act.fault.as_ref()?;
    if !speech::has_any(&fault.line.to_ascii_lowercase(), STATE_WORDS) {
        return None;
    }
    let id = act.things(objects).map(|(_, id, _)| id).find(|id| changes.contains_key(&id_hash(id)))?;
    let change = changes.get_mut(&id_hash(id))?;
    if !change.told {
        change.told = true;
        let (id, tool, state) = (crate::text::quoted(id, 40), &change.tool, &change.state);
        found.push(Finding {
            rule: &LOCKED_OUT,
            step: change.step,
            root: None,
            strength: Probability::new(0.7),
            evidence: std::iter::once(change.claim.clone()).chain(act.refusal()).collect(),
            sentence: format!(
                "{tool} left {id} in state {state}; {} was then refused: {}",
                act.shown(),
                crate::text::quoted(fault.line, 80)
            ),
            instruction: format!(
                "{id} can no longer be changed after {tool}. Do not try again; tell the user what was done, what was not, and why."
            ),
            means: Vec::new(),
        });
    }
    Some(change.step)
}

/// Checks an act against the clauses on states and sorts.
pub(super) fn check(
    act: &Act<'_>,
    policy: &Policy,
    objects: &Objects,
    user: &Spoken,
    found: &mut Vec<Finding>,
) {
    for (clause, at) in &policy.clauses {
        let Some(sentence) = policy.sentences.get(*at) else { continue };
        let breach = match clause {
            Clause::State { verbs, noun, field, values }
                if names_act(&act.name, verbs) && act.is_about(noun) =>
            {
                wrong_state(act, noun, field.as_deref(), values, objects).map(|breach| (&WRONG_STATE, breach))
            }
            Clause::Never { verbs, noun, value } if names_act(&act.name, verbs) && act.is_about(noun) => {
                forbidden(act, noun, value, objects).map(|breach| (&WRONG_STATE, breach))
            }
            Clause::OnlyIf { verb, sorts, condition } if names_act(&act.name, std::slice::from_ref(verb)) => {
                unmet(act, policy, verb, sorts, condition, objects, user)
                    .map(|breach| (&CONDITION_UNMET, breach))
            }
            _ => None,
        };
        let Some((rule, (id, field, wanted))) = breach else { continue };
        let strength = if act.fault.is_some() { 0.7 } else { 0.6 };
        let (id, tool) = (crate::text::quoted(&id, 40), act.shown());
        let against = [Evidence::new(field.record, Part::Against, &field.value), context(sentence)];
        found.push(act.finding(
            rule,
            strength,
            against.into_iter().chain(act.refusal()),
            format!(
                "calls {tool} for {id}, whose {} is {}; the instructions ask for {wanted}",
                field.name,
                crate::text::quoted(&field.value, 40)
            ),
            format!(
                "{tool} is not allowed for {id} as it stands. Do not repeat it; if it went through, take it back where you can, and tell the user what the rules allow."
            ),
        ));
        return;
    }
}

/// The id, the field that speaks against it, and what is wanted.
type Breach = (String, Field, String);

fn wrong_state(
    act: &Act<'_>,
    noun: &str,
    field: Option<&str>,
    values: &[String],
    objects: &Objects,
) -> Option<Breach> {
    act.things(objects).find_map(|(name, id, object)| {
        if !names_thing(&name, noun) {
            return None;
        }
        let state = match field {
            Some(name) => object.field(name),
            None => state_of(object),
        };
        let flag = || object.fields.iter().find(|field| values.contains(&field.name) && field.is_no());
        let state = state
            .filter(|state| !values.contains(&state.plain()))
            .or_else(|| if field.is_none() { flag() } else { None })?;
        Some((id.to_owned(), state.clone(), crate::text::excerpt(&values.join(" or "), 80)))
    })
}

fn forbidden(act: &Act<'_>, noun: &str, value: &str, objects: &Objects) -> Option<Breach> {
    act.things(objects).find_map(|(_, id, object)| {
        let field = object.fields.iter().find(|field| field.plain() == value)?;
        // What is passed on as it stands is not touched.
        let kept = act
            .arguments
            .iter()
            .filter(|(name, value)| names_thing(&plain(name), noun) && value.is_array())
            .any(|(name, value)| object.list(&plain(name)).is_some_and(|list| holds_all(list, value)));
        (!kept).then(|| {
            (id.to_owned(), field.clone(), format!("none that is {}", crate::text::excerpt(value, 40)))
        })
    })
}

fn holds_all(list: &List, value: &serde_json::Value) -> bool {
    let mut all = Vec::new();
    texts(value, &mut all, 0);
    all.iter().all(|text| list.texts.contains(text))
}

fn unmet(
    act: &Act<'_>,
    policy: &Policy,
    verb: &str,
    sorts: &[String],
    condition: &str,
    objects: &Objects,
    user: &Spoken,
) -> Option<Breach> {
    act.things(objects).find_map(|(_, id, object)| {
        let sort = object.fields.iter().find(|field| sorts.contains(&field.plain()))?;
        let field = object.fields.iter().find(|field| {
            field.is_no()
                && field.name.split(' ').any(|word| word.len() > 3 && names_thing(condition, &singular(word)))
        })?;
        if let Some(hours) = policy.grace(verb) {
            let made = object
                .fields
                .iter()
                .filter(|field| is_making(&field.name))
                .find_map(|f| f.value.parse().ok())?;
            let made: DateTime = made;
            if policy.now?.duration_since(made).as_hours() < hours
                || CANCELLED.iter().any(|words| user.holds(words))
            {
                return None;
            }
        }
        let wanted =
            format!("{} where {} is {}", crate::text::excerpt(condition, 80), sort.name, sort.plain());
        Some((id.to_owned(), field.clone(), wanted))
    })
}

/// Whether a field is named after the making of a thing.
fn is_making(name: &str) -> bool {
    speech::has_any_word(name, &["created", "booked", "ordered", "placed", "purchased", "opened"])
}
