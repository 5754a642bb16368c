//! Faults of what a call brings back: it fails, it is garbled, it is missing.

use std::sync::LazyLock;

use regex::Regex;

use super::chance::Chance;
use super::draft::{Call, Draft};
use super::recording::What;
use super::{Placed, write};
use crate::trace::ToolKind;

/// What tools say when they fail, in the words of servers, programs and frameworks.
const FAILURES: &[&str] = &[
    "Error: service unavailable",
    "{\"error\": \"internal error\", \"code\": 500}",
    "HTTP 503 Service Unavailable\nupstream connect error or disconnect/reset before headers",
    "Traceback (most recent call last):\n  File \"/srv/tool.py\", line 88, in handle\n    return backend.call(request)\nConnectionError: connection refused",
    "Error: permission denied",
    "{\"success\": false, \"message\": \"the request could not be processed\"}",
    "Error: request timed out after 30 seconds",
    "",
];

/// Calls whose result may be touched: it says something, the log does not call it a failure, and the
/// agent goes on afterwards.
fn good_calls(draft: &Draft) -> Vec<Call> {
    let good = |call: &Call| {
        let result = draft.act(call.result);
        let well = result.is_some_and(|act| {
            matches!(&act.what, What::Result { bad: false, .. }) && act.text.trim().len() > 2
        });
        well && call.next.is_some() && !matches!(call.kind, ToolKind::Plan | ToolKind::Agent)
    };
    draft.calls().into_iter().filter(good).collect()
}

/// Where the agent's next act shows the fault; the call is wrong too.
fn at_next(draft: &Draft, call: &Call, what: String) -> Option<Placed> {
    let next = draft.act(call.next?)?;
    let also = draft.act(call.call).map(|act| act.line).into_iter().collect();
    Some(Placed { step: next.line, also, agent: next.agent.clone(), what })
}

fn tool_of(draft: &Draft, call: &Call) -> String {
    match draft.act(call.call).map(|act| &act.what) {
        Some(What::Call { tool, .. }) => tool.clone(),
        _ => String::new(),
    }
}

fn failure(chance: &mut Chance) -> &'static str {
    chance.one(FAILURES).copied().unwrap_or_default()
}

/// A shell can print an error and exit with 0; other tools of these formats mark what failed.
fn marked(call: &Call, chance: &mut Chance) -> bool {
    call.kind != ToolKind::Shell || chance.below(2) == 0
}

pub(super) fn failed_tool(draft: &mut Draft, chance: &mut Chance) -> Result<Placed, &'static str> {
    for call in chance.mixed(good_calls(draft)) {
        let text = failure(chance);
        let marked = marked(&call, chance);
        let said = format!("{} fails: {text}", tool_of(draft, &call));
        if let Some(placed) = at_next(draft, &call, said)
            && write::result(draft, &call, text, marked)
        {
            return Ok(placed);
        }
    }
    Err("no call that went well is followed by another act")
}

static CLAIM: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?i)\b(done|success\w*|complete[ds]?|fixed|processed|updated|created|cancell?ed|booked|refund\w*|exchanged|modified|deployed|published|merged|works|written|has been|have been)\b",
    )
    .ok()
});

fn matches(pattern: &LazyLock<Option<Regex>>, text: &str) -> bool {
    pattern.as_ref().is_some_and(|pattern| pattern.is_match(text))
}

pub(super) fn false_success(draft: &mut Draft, chance: &mut Chance) -> Result<Placed, &'static str> {
    let calls: Vec<Call> = good_calls(draft)
        .into_iter()
        .filter(|call| {
            let next = call.next.and_then(|next| draft.act(next));
            next.is_some_and(|act| {
                matches!(act.what, What::Message { closing: true }) && matches(&CLAIM, &act.text)
            })
        })
        .collect();
    let Some(call) = calls.last().copied() else {
        return Err("no call stands before a message that claims success");
    };
    let text = FAILURES.get(chance.below(FAILURES.len() - 1)).copied().unwrap_or_default();
    let placed = at_next(draft, &call, format!("{} fails before the claim: {text}", tool_of(draft, &call)));
    match placed {
        Some(placed) if write::result(draft, &call, text, true) => Ok(placed),
        _ => Err("the result before the claim cannot be written anew"),
    }
}

static PASS_CLAIM: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)\b(pass(es|ed|ing)?|green|tests? (are|is) (ok|fine)|tests? succe\w+)\b").ok()
});

/// How runners print that all passed, and what they print when one failed: pattern and replacement.
const FLIPS: &[(&str, &str)] = &[
    (r"(?m)^test result: ok\. (\d+) passed; 0 failed", "test result: FAILED. $1 passed; 1 failed"),
    (r"(?m)^(=+ )?(\d+) passed((?:, \d+ \w+)*)( in [\d.]+s)", "${1}1 failed, $2 passed$3$4"),
    (r"(?m)^Tests:(\s+)(\d+) passed, (\d+) total", "Tests:${1}1 failed, $2 passed, $3 total"),
    (r"(?m)^(\s*)Tests(\s+)(\d+) passed \((\d+)\)", "${1}Tests${2}1 failed | $3 passed ($4)"),
    (r"(?m)^Ran (\d+) tests? in ([\d.]+)s\s+OK", "Ran $1 tests in ${2}s\n\nFAILED (failures=1)"),
    (r"(?m)^ok(\s+)(\S+)(\s+)([\d.]+s|\(cached\))", "FAIL${1}$2${3}0.021s"),
    (r"(?m)^(\s*)(\d+) passing", "${1}$2 passing\n${1}1 failing"),
    (r"(?m)^100% tests passed, 0 tests failed", "87% tests passed, 1 tests failed"),
    (r"(?m)^(\d+) examples?, 0 failures", "$1 examples, 1 failure"),
    (r"(?m)^OK \((\d+) tests?, (\d+) assertions?\)", "FAILURES!\nTests: $1, Assertions: $2, Failures: 1."),
    (r"Tests run: (\d+), Failures: 0", "Tests run: $1, Failures: 1"),
    (r"(?m)^PASS\b", "FAIL"),
];

/// A test run's output with one failure in it; `None` for an output that shows no passing tests.
pub(super) fn flipped(text: &str) -> Option<String> {
    let mut new = text.to_owned();
    let mut any = false;
    for (pattern, to) in FLIPS {
        let Ok(pattern) = Regex::new(pattern) else { continue };
        if pattern.is_match(&new) {
            new = pattern.replace_all(&new, *to).into_owned();
            any = true;
        }
    }
    any.then_some(new)
}

/// A passing test run, with the claim about it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tested {
    pub(super) call: Call,
    pub(super) claim: usize,
}

/// The last passing test run before each message that claims passing tests.
pub(super) fn tested(draft: &Draft) -> Vec<Tested> {
    let calls = draft.calls();
    let mut all = Vec::new();
    for (claim, act) in draft.acts().iter().enumerate() {
        if !matches!(act.what, What::Message { .. }) || !matches(&PASS_CLAIM, &act.text) {
            continue;
        }
        let ran = |call: &&Call| {
            call.result < claim
                && matches!(call.kind, ToolKind::Shell | ToolKind::Code | ToolKind::Other)
                && draft.act(call.result).is_some_and(|result| flipped(&result.text).is_some())
        };
        let Some(call) = calls.iter().rfind(ran) else { continue };
        let good = draft.act(call.result).is_some_and(|r| matches!(&r.what, What::Result { bad: false, .. }));
        if good {
            all.push(Tested { call: *call, claim });
        }
    }
    all
}

pub(super) fn flipped_test(draft: &mut Draft, chance: &mut Chance) -> Result<Placed, &'static str> {
    for at in chance.mixed(tested(draft)) {
        let (Some(result), Some(claim), Some(run)) =
            (draft.act(at.call.result), draft.act(at.claim), draft.act(at.call.call))
        else {
            continue;
        };
        let Some(text) = flipped(body(&result.text)) else { continue };
        let placed = Placed {
            step: claim.line,
            also: vec![run.line],
            agent: claim.agent.clone(),
            what: "the last test run before the claim failed".to_owned(),
        };
        if write::result(draft, &at.call, &text, true) {
            return Ok(placed);
        }
    }
    Err("no claim of passing tests stands on a run that passed")
}

/// What the tool itself printed, without the head that some programs put before it.
fn body(text: &str) -> &str {
    text.split_once("Output:\n").map_or(text, |(_, body)| body)
}

pub(super) fn garbled(draft: &mut Draft, chance: &mut Chance) -> Result<Placed, &'static str> {
    for call in chance.mixed(good_calls(draft)) {
        let Some(result) = draft.act(call.result) else { continue };
        let old = body(&result.text).to_owned();
        if old.len() < 40 {
            continue;
        }
        let json = old.trim_start().starts_with(['{', '[']);
        let cut = old.len() * (30 + chance.below(40)) / 100;
        let head = crate::text::clip(&old, cut);
        let (new, how) = match chance.below(3) {
            0 => (noise(&old, chance), "is noise"),
            1 if !json => (noise(&old, chance), "is noise"),
            _ if json => (head.to_owned(), "is cut off in the middle"),
            _ => (format!("{head}{}", noise(crate::text::clip(&old, 80), chance)), "ends in noise"),
        };
        let Some(asked) = draft.act(call.call) else { continue };
        let placed = Placed {
            step: asked.line,
            also: call.next.and_then(|next| draft.act(next)).map(|act| act.line).into_iter().collect(),
            agent: asked.agent.clone(),
            what: format!("the result of {} {how}", tool_of(draft, &call)),
        };
        if write::result(draft, &call, &new, false) {
            return Ok(placed);
        }
    }
    Err("no result is long enough to be garbled")
}

/// Bytes that are no text, as they look once a writer has made text of them.
fn noise(old: &str, chance: &mut Chance) -> String {
    old.chars()
        .take(600)
        .map(|c| match chance.below(4) {
            0 => '\u{fffd}',
            1 => char::from(u8::try_from(chance.below(8)).unwrap_or(1)),
            2 => char::from_u32(0x80 + u32::try_from(chance.below(0x80)).unwrap_or(0)).unwrap_or('?'),
            _ => c,
        })
        .collect()
}

pub(super) fn dropped(draft: &mut Draft, chance: &mut Chance) -> Result<Placed, &'static str> {
    for call in chance.mixed(good_calls(draft)) {
        let (Some(asked), Some(answered)) = (draft.act(call.call), draft.act(call.result)) else { continue };
        let What::Result { id, .. } = &answered.what else { continue };
        if asked.line == answered.line {
            continue;
        }
        let said = format!("the result of {} is missing", tool_of(draft, &call));
        let Some(mut placed) = at_next(draft, &call, said) else { continue };
        let (line, id) = (answered.line, id.clone());
        let others = draft.acts().iter().filter(|act| act.line == line && *act != answered).count();
        if draft.format() == "claude-code" && others > 0 {
            if !without_block(draft, line, &id) {
                continue;
            }
        } else if others > 0 {
            continue;
        } else {
            relink(draft, line);
            draft.splice(line, 1, Vec::new());
            placed.step -= usize::from(placed.step > line);
        }
        return Ok(placed);
    }
    Err("no result can be taken out without taking something else")
}

/// Takes one result out of a record that holds several.
fn without_block(draft: &mut Draft, line: usize, id: &str) -> bool {
    let Some(mut value) = draft.value(line) else { return false };
    let Some(blocks) = value.pointer_mut("/message/content").and_then(serde_json::Value::as_array_mut) else {
        return false;
    };
    let before = blocks.len();
    blocks.retain(|block| block.get("tool_use_id").and_then(serde_json::Value::as_str) != Some(id));
    let done = blocks.len() + 1 == before;
    draft.set(line, value);
    done
}

/// Ties the records that follow one to the one before it, where a log chains its records.
fn relink(draft: &mut Draft, line: usize) {
    let Some(gone) = draft.value(line) else { return };
    let (Some(own), Some(parent)) = (gone.get("uuid").cloned(), gone.get("parentUuid").cloned()) else {
        return;
    };
    super::repeats::rename_parent(draft, line + 1, &own, &parent);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_runners_pass_becomes_a_failure() {
        for (pass, fail) in [
            ("===== 42 passed in 1.20s =====", "1 failed, 42 passed in 1.20s"),
            ("test result: ok. 5 passed; 0 failed; 0 ignored", "test result: FAILED. 5 passed; 1 failed"),
            ("Tests:       5 passed, 5 total", "1 failed, 5 passed, 5 total"),
            ("Ran 3 tests in 0.000s\n\nOK", "FAILED (failures=1)"),
            ("ok  \texample.com/a\t0.012s", "FAIL  \texample.com/a"),
            ("  12 passing (30ms)", "1 failing"),
        ] {
            let new = flipped(pass).unwrap();
            assert!(new.contains(fail), "{new}");
        }
        assert_eq!(flipped("3 files changed"), None);
        assert_eq!(flipped("2 failed, 5 passed"), None);
    }
}
