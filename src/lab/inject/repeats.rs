//! Faults of how often and how fast: calls that come again, calls that fail first, calls that take long.

use jiff::Timestamp;
use serde_json::Value;

use super::chance::Chance;
use super::draft::{Call, Draft};
use super::recording::What;
use super::{Placed, write};
use crate::trace::ToolKind;

/// Calls that stand by themselves: nothing but the call, the words before it and its result lies
/// between the first record and the last.
pub(super) fn alone(draft: &Draft) -> Vec<Call> {
    let by_itself = |call: &Call| {
        let (Some(asked), Some(answered)) = (draft.act(call.call), draft.act(call.result)) else {
            return false;
        };
        let others = draft.acts().iter().enumerate().any(|(at, act)| {
            let within = act.line >= asked.line && act.line <= answered.line;
            within
                && at != call.call
                && at != call.result
                && !matches!(act.what, What::Message { closing: false } | What::Reasoning)
        });
        let failed = matches!(answered.what, What::Result { bad: true, .. });
        !others && !failed && !matches!(call.kind, ToolKind::Plan | ToolKind::Agent)
    };
    draft.calls().into_iter().filter(by_itself).collect()
}

/// The records of a call, from its own to its result's.
pub(super) fn span(draft: &Draft, call: &Call) -> Option<(usize, usize)> {
    Some((draft.act(call.call)?.line, draft.act(call.result)?.line))
}

/// A copy of a call's records under new names, all at one time, and the name of its last record.
pub(super) fn copy(draft: &Draft, call: &Call, number: usize, time: Option<&Value>) -> Vec<Value> {
    let Some((first, last)) = span(draft, call) else { return Vec::new() };
    let What::Call { id, .. } = (match draft.act(call.call) {
        Some(act) => act.what.clone(),
        None => return Vec::new(),
    }) else {
        return Vec::new();
    };
    let mut copies: Vec<Value> = (first..=last).filter_map(|line| draft.value(line)).collect();
    // Counts of tokens are told once.
    copies.retain(|value| {
        let kind = value.pointer("/payload/type").or(value.get("type")).and_then(Value::as_str);
        !matches!(kind, Some("token_count" | "token_usage_record" | "usage" | "api-request"))
    });
    for value in &mut copies {
        rename(value, &id, number);
        if let (Some(key), Some(time)) = (time_key(value), time)
            && let Some(place) = value.get_mut(key)
        {
            *place = time.clone();
        }
    }
    copies
}

/// Gives a call's id, and the records' own ids, another ending.
fn rename(value: &mut Value, id: &str, number: usize) {
    match value {
        Value::Object(map) => {
            for (key, item) in map.iter_mut() {
                if let Value::String(text) = item {
                    let own = matches!(key.as_str(), "uuid" | "parentUuid" | "requestId")
                        || (key == "id" && text.starts_with("msg_"));
                    if own || (!id.is_empty() && text == id) {
                        *text = renamed(text, number);
                    }
                } else {
                    rename(item, id, number);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, id, number)),
        _ => {}
    }
}

/// An id with its last characters changed, its length kept: another for each id and copy.
fn renamed(id: &str, number: usize) -> String {
    let hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64 ^ number as u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let ending = format!("{:08x}", (hash >> 24) as u32);
    let head = id.len().checked_sub(ending.len()).and_then(|at| id.get(..at)).unwrap_or(id);
    format!("{head}{ending}")
}

/// The key under which a record has its time.
fn time_key(value: &Value) -> Option<&'static str> {
    ["timestamp", "time"].into_iter().find(|key| value.get(key).is_some_and(|time| !time.is_null()))
}

pub(super) fn time_of(value: &Value) -> Option<Value> {
    value.get(time_key(value)?).cloned()
}

/// Records that follow `from` and name `own` as their parent name `parent` from now on.
pub(super) fn rename_parent(draft: &mut Draft, from: usize, own: &Value, parent: &Value) {
    for line in from..draft.len().min(from + 64) {
        let Some(mut value) = draft.value(line) else { continue };
        if value.get("parentUuid") == Some(own)
            && let Some(place) = value.get_mut("parentUuid")
        {
            *place = parent.clone();
            draft.set(line, value);
        }
    }
}

/// Chains copies in a log that chains its records: the first to the record `before` them.
pub(super) fn chain(copies: &mut [Value], before: Option<Value>) -> Option<Value> {
    let mut latest = before;
    for value in copies.iter_mut() {
        if value.get("parentUuid").is_some()
            && let Some(parent) = &latest
            && let Some(place) = value.get_mut("parentUuid")
        {
            *place = parent.clone();
        }
        latest = value.get("uuid").cloned().or(latest);
    }
    latest
}

pub(super) fn repeated_call(draft: &mut Draft, chance: &mut Chance) -> Result<Placed, &'static str> {
    let calls = alone(draft);
    let Some(call) = chance.one(&calls).copied() else {
        return Err("no call stands by itself");
    };
    let Some((_, last)) = span(draft, &call) else { return Err("no call stands by itself") };
    let times = 3 + chance.below(3);
    let result = draft.value(last);
    let own = result.as_ref().and_then(|value| value.get("uuid")).cloned();
    let time = result.as_ref().and_then(time_of);
    let mut copies: Vec<Value> =
        (1..=times).flat_map(|number| copy(draft, &call, number, time.as_ref())).collect();
    if copies.is_empty() {
        return Err("no call stands by itself");
    }
    let latest = chain(&mut copies, own.clone());
    if let (Some(own), Some(latest)) = (&own, &latest) {
        rename_parent(draft, last + 1, own, latest);
    }
    let (each, count) = (copies.len() / times, copies.len());
    let agent = draft.act(call.call).map(|act| act.agent.clone()).unwrap_or_default();
    // The call's own record in a copy: results may stand behind it.
    draft.splice(last + 1, 0, copies);
    let also = (1..times).map(|number| last + 1 + number * each).filter(|at| *at <= last + count).collect();
    Ok(Placed { step: last + 1, also, agent, what: format!("the call comes {} times in a row", times + 1) })
}

/// What a tool says when it may work the next time.
const PASSING: &[&str] = &[
    "Error: 503 Service Unavailable, try again later",
    "{\"error\": \"rate limit exceeded\", \"retry_after\": 2}",
    "Error: connection reset by peer",
    "Error: request timed out",
];

pub(super) fn flaky_tool(draft: &mut Draft, chance: &mut Chance) -> Result<Placed, &'static str> {
    const NONE: &str = "no call stands by itself";
    let calls = alone(draft);
    let Some(call) = chance.one(&calls).copied() else { return Err(NONE) };
    let Some((first, last)) = span(draft, &call) else { return Err(NONE) };
    let text = chance.one(PASSING).copied().unwrap_or_default();
    let asked = draft.value(first);
    let agent = draft.act(call.call).map(|act| act.agent.clone()).unwrap_or_default();
    // Copies of the failing call are made from a copy in which it fails.
    let mut failing = Vec::new();
    let good: Vec<(usize, Option<Value>)> =
        (first..=last + 6).map(|line| (line, draft.value(line))).collect();
    if !write::result(draft, &call, text, true) {
        return Err("the result of the call cannot be written anew");
    }
    let time = asked.as_ref().and_then(time_of);
    for number in 1..=2 {
        failing.extend(copy(draft, &call, number, time.as_ref()));
    }
    for (line, value) in good {
        if let Some(value) = value {
            draft.set(line, value);
        }
    }
    let parent = asked.as_ref().and_then(|value| value.get("parentUuid")).cloned();
    let latest = chain(&mut failing, parent.clone());
    if let (Some(parent), Some(latest)) = (&parent, &latest) {
        rename_parent(draft, first, parent, latest);
    }
    let each = failing.len() / 2;
    draft.splice(first, 0, failing);
    Ok(Placed {
        step: first,
        also: vec![first + each],
        agent,
        what: format!("the call fails twice before it works: {text}"),
    })
}

pub(super) fn slow_tool(draft: &mut Draft, chance: &mut Chance) -> Result<Placed, &'static str> {
    const NONE: &str = "the log has no times to tell how long a call took";
    let timed = |line: usize| -> Option<Timestamp> {
        let value = draft.value(line)?;
        value.get(time_key(&value)?)?.as_str()?.parse().ok()
    };
    let spans: Vec<(Call, usize, usize, i64)> = draft
        .calls()
        .into_iter()
        .filter(|call| !matches!(call.kind, ToolKind::Plan | ToolKind::Agent))
        .filter_map(|call| {
            let (first, last) = span(draft, &call)?;
            let took = timed(last)?.as_millisecond() - timed(first)?.as_millisecond();
            (last > first && took >= 0).then_some((call, first, last, took))
        })
        .collect();
    // Slow is what takes far longer than the calls before it: with fewer than three nobody can tell.
    const KNOWN: usize = 3;
    if spans.len() <= KNOWN {
        return Err("fewer than four calls have times");
    }
    let longest = spans.iter().map(|(.., took)| *took).max().unwrap_or(0);
    let by_themselves: Vec<&(Call, usize, usize, i64)> = spans.iter().skip(KNOWN).collect();
    let Some((call, first, last, _)) = chance.one(&by_themselves).copied().copied() else {
        return Err(NONE);
    };
    let later = (longest * 30).max(180_000 + i64::try_from(chance.below(240_000)).unwrap_or(0));
    for line in last..draft.len() {
        let Some(mut value) = draft.value(line) else { continue };
        let Some(key) = time_key(&value) else { continue };
        let moved = value
            .get(key)
            .and_then(Value::as_str)
            .and_then(|time| time.parse::<Timestamp>().ok())
            .and_then(|time| Timestamp::from_millisecond(time.as_millisecond() + later).ok());
        if let (Some(moved), Some(place)) = (moved, value.get_mut(key)) {
            *place = Value::String(format!("{moved:.3}"));
            draft.set(line, value);
        }
    }
    let agent = draft.act(call.call).map(|act| act.agent.clone()).unwrap_or_default();
    Ok(Placed {
        step: first,
        also: Vec::new(),
        agent,
        what: format!("the call takes {} seconds longer", later / 1000),
    })
}
