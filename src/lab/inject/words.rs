//! Faults of what an agent says or asks for: a figure, a path or an id that nothing has brought.

use std::sync::LazyLock;

use regex::Regex;

use super::Placed;
use super::chance::Chance;
use super::draft::Draft;
use super::recording::{Act, What};
use crate::trace::ToolKind;

/// A figure that stands by itself: of two digits or more, or with a fraction.
static NUMBER: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+\.\d+|\d{2,}").ok());

/// A URL, a path of two parts or more, a file with a known ending, or a word of letters and digits.
static NAMED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r#"https?://[^\s"'<>)\]},]+[\w/]"#,
        r"|(?:\.{0,2}/)?(?:[\w.-]+/)+[\w.-]*\w",
        r"|\b[\w-]+\.(?:py|rs|js|ts|tsx|go|java|c|h|cpp|rb|php|sh|md|txt|json|toml|yaml|yml|csv|html|sql|log)\b",
        r"|#?\b[A-Za-z]+_[A-Za-z0-9_]*\d[A-Za-z0-9_]*\b",
        r"|#?\b(?:[A-Z]{1,5}\d{3,}|[A-Z0-9]{2,}-[A-Z0-9-]*\d[A-Z0-9-]*)\b",
        r"|#?\b[A-Z0-9]*[A-Z][A-Z0-9]*\d[A-Z0-9]*\b",
        r"|\b\d{7,}\b",
        r"|\b[0-9a-f]{7,40}\b",
    ))
    .ok()
});

/// A word that was found in a text.
struct Found {
    /// The act that holds it.
    act: usize,
    word: String,
    at: usize,
}

/// Whether a word is a date, or two words with a stroke between them: no name of a thing.
fn is_plain(word: &str) -> bool {
    let date = word.split('-').count() == 3 && word.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    let stroke = word.contains('/') && !word.starts_with(['/', '.', '~']) && !word.contains('.');
    date || (stroke && !word.contains("://"))
}

/// The words of an act that match, and that something before the act has brought.
fn grounded(draft: &Draft, act: usize, pattern: &Regex, sources: &dyn Fn(&Act) -> bool) -> Vec<Found> {
    let Some(own) = draft.act(act) else { return Vec::new() };
    let before: Vec<&str> =
        draft.acts().iter().take(act).filter(|a| sources(a)).map(|a| a.text.as_str()).collect();
    pattern
        .find_iter(&own.text)
        .filter(|found| stands_alone(&own.text, found.start(), found.end()))
        .filter(|found| before.iter().any(|text| holds(text, found.as_str())))
        .map(|found| Found { act, word: found.as_str().to_owned(), at: found.start() })
        .collect()
}

/// Whether a place in a text is not a part of a longer word, id, date or path.
fn stands_alone(text: &str, start: usize, end: usize) -> bool {
    let before = text.get(..start).and_then(|before| before.chars().next_back());
    let mut after = text.get(end..).unwrap_or_default().chars();
    let (next, then) = (after.next(), after.next());
    let joins = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '/' | '#' | ':' | '@' | '\\');
    let decimal = next == Some('.') && then.is_some_and(char::is_alphanumeric);
    !before.is_some_and(|c| joins(c) || c == '.') && !next.is_some_and(joins) && !decimal
}

/// Whether a text holds a word by itself.
fn holds(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let joins = |c: char| c.is_alphanumeric();
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        let after = text.get(at + word.len()..).and_then(|after| after.chars().next());
        !before.is_some_and(joins) && !after.is_some_and(joins)
    })
}

/// Another word of the same look that stands nowhere in the recording.
fn unseen(draft: &Draft, word: &str, chance: &mut Chance) -> Option<String> {
    for _ in 0..24 {
        let new = changed(word, chance);
        if new != word && !draft.acts().iter().any(|act| act.text.contains(&new)) {
            return Some(new);
        }
    }
    None
}

/// A word with one to three of its letters and digits changed, the first of a number never to 0.
fn changed(word: &str, chance: &mut Chance) -> String {
    let places: Vec<usize> =
        word.char_indices().filter(|(_, c)| c.is_ascii_alphanumeric()).map(|(at, _)| at).collect();
    // The end of a path or a URL is what names the thing.
    let from = word.rfind('/').filter(|at| at + 2 < word.len()).map_or(0, |at| at + 1);
    let end = word.rfind('.').filter(|at| *at > from + 1 && !word.ends_with(|c: char| c.is_ascii_digit()));
    let places: Vec<usize> =
        places.into_iter().filter(|at| *at >= from && end.is_none_or(|end| *at < end)).collect();
    let picked: Vec<usize> = (0..=chance.below(2)).filter_map(|_| chance.one(&places).copied()).collect();
    word.char_indices()
        .map(|(at, c)| {
            if !picked.contains(&at) {
                return c;
            }
            let mut pick = |of: &[u8], least: usize| {
                of.get(least + chance.below(of.len() - least)).copied().map_or(c, char::from)
            };
            match c {
                '0'..='9' => pick(b"0123456789", usize::from(at == 0)),
                'A'..='Z' => pick(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", 0),
                _ => pick(b"abcdefghijklmnopqrstuvwxyz", 0),
            }
        })
        .collect()
}

/// Puts a new word in the place of one, and says where.
fn put(draft: &mut Draft, found: &Found, new: &str) -> Option<Placed> {
    let act = draft.act(found.act)?.clone();
    let end = found.at + found.word.len();
    let text = format!("{}{new}{}", act.text.get(..found.at)?, act.text.get(end..)?);
    // An answer that is changed on its way stays as it was where it was given.
    let mut done = !matches!(act.what, What::Return) && draft.reword(&act, &text);
    if !done {
        // The text stands in the record in another form: as an object, or in parts.
        let word = found.word.as_str();
        done = draft.change_texts(act.line, &mut |text| holds(text, word).then(|| text.replace(word, new)));
    }
    let what = format!("{} stands where {} was", new, found.word);
    done.then(|| Placed { step: act.line, also: Vec::new(), agent: act.agent.clone(), what })
}

fn observed(act: &Act) -> bool {
    matches!(act.what, What::Result { .. } | What::Prompt | What::Return)
}

fn replace_one(
    draft: &mut Draft,
    chance: &mut Chance,
    all: Vec<Found>,
    none: &'static str,
) -> Result<Placed, &'static str> {
    for found in chance.mixed(all) {
        if let Some(new) = unseen(draft, &found.word, chance)
            && let Some(placed) = put(draft, &found, &new)
        {
            return Ok(placed);
        }
    }
    Err(none)
}

pub(super) fn invented_number(draft: &mut Draft, chance: &mut Chance) -> Result<Placed, &'static str> {
    let none = "no message gives a figure that was seen before";
    let Some(pattern) = NUMBER.as_ref() else { return Err(none) };
    let from_results = |act: &Act| matches!(act.what, What::Result { .. } | What::Return);
    let all = (0..draft.acts().len())
        .filter(|at| draft.act(*at).is_some_and(|act| matches!(act.what, What::Message { .. })))
        .flat_map(|at| grounded(draft, at, pattern, &from_results))
        .collect();
    replace_one(draft, chance, all, none)
}

pub(super) fn invented_path(draft: &mut Draft, chance: &mut Chance) -> Result<Placed, &'static str> {
    let none = "no message or call names a path, a URL or an id that was seen before";
    let Some(pattern) = NAMED.as_ref() else { return Err(none) };
    let all = (0..draft.acts().len())
        .filter(|at| draft.act(*at).is_some_and(Act::is_deed))
        .flat_map(|at| grounded(draft, at, pattern, &observed))
        .filter(|found| found.word.len() >= 5 && !is_plain(&found.word))
        .collect();
    replace_one(draft, chance, all, none)
}

pub(super) fn corrupted_handoff(draft: &mut Draft, chance: &mut Chance) -> Result<Placed, &'static str> {
    let none = "no agent passes on a figure or a name that another agent brought";
    let (Some(numbers), Some(names)) = (NUMBER.as_ref(), NAMED.as_ref()) else { return Err(none) };
    let mut all = Vec::new();
    for at in 0..draft.acts().len() {
        let Some(act) = draft.act(at).filter(|act| act.is_deed()) else { continue };
        let agent = act.agent.clone();
        // What other agents said, or what came back from them, and nobody else.
        let by_others = |other: &Act| {
            matches!(other.what, What::Return)
                || (other.agent != agent && matches!(other.what, What::Message { closing: true }))
        };
        let from_elsewhere =
            |other: &Act| matches!(other.what, What::Prompt) || (other.agent == agent && other.is_deed());
        // What is handed on to another agent comes from the user, or was looked up before.
        let hands_on = matches!(act.what, What::Call { kind: ToolKind::Agent, .. });
        if hands_on {
            for pattern in [numbers, names] {
                all.extend(grounded(draft, at, pattern, &observed));
            }
            continue;
        }
        for pattern in [numbers, names] {
            let elsewhere: Vec<String> =
                grounded(draft, at, pattern, &from_elsewhere).into_iter().map(|found| found.word).collect();
            all.extend(
                grounded(draft, at, pattern, &by_others)
                    .into_iter()
                    .filter(|found| !elsewhere.contains(&found.word)),
            );
        }
    }
    // What another agent sends back is changed on its way: its own words stand in its own log.
    for at in 0..draft.acts().len() {
        let Some(act) = draft.act(at).filter(|act| matches!(act.what, What::Return)) else { continue };
        for pattern in [numbers, names] {
            let words = pattern.find_iter(&act.text).filter(|m| stands_alone(&act.text, m.start(), m.end()));
            all.extend(words.map(|m| Found { act: at, word: m.as_str().to_owned(), at: m.start() }));
        }
    }
    all.retain(|found| !is_plain(&found.word) && shows_at(draft, found.act).is_some());
    for found in chance.mixed(all) {
        let (Some(shows), Some(new)) = (shows_at(draft, found.act), unseen(draft, &found.word, chance))
        else {
            continue;
        };
        if let Some(mut placed) = put(draft, &found, &new) {
            if let Some(act) = draft.act(shows).filter(|act| act.line != placed.step) {
                placed =
                    Placed { step: act.line, also: vec![placed.step], agent: act.agent.clone(), ..placed };
            }
            return Ok(placed);
        }
    }
    Err(none)
}

/// The act at which a changed one shows: itself, or the next act of the agent that an answer went to.
fn shows_at(draft: &Draft, at: usize) -> Option<usize> {
    let own = draft.act(at)?;
    if own.is_deed() {
        return Some(at);
    }
    let after = draft.acts().iter().enumerate().skip(at + 1);
    after.into_iter().find(|(_, act)| act.is_deed() && act.agent == own.agent).map(|(next, _)| next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_stand_alone() {
        let text = "id A-12, 42 of 4,985 at 12:30, 3.14, v1.2.3, 64.90.";
        let found: Vec<&str> = NUMBER
            .as_ref()
            .unwrap()
            .find_iter(text)
            .filter(|m| stands_alone(text, m.start(), m.end()))
            .map(|m| m.as_str())
            .collect();
        assert_eq!(found, ["42", "4,985", "3.14", "64.90"]);
    }

    #[test]
    fn a_changed_word_keeps_its_look() {
        let mut chance = Chance::of(1, "r", "k");
        for word in ["src/app/main.py", "W6390527", "1,204.50", "https://a.example/x/report"] {
            for _ in 0..20 {
                let new = changed(word, &mut chance);
                assert_eq!(new.len(), word.len());
                let shape = |w: &str| -> Vec<bool> { w.bytes().map(|b| b.is_ascii_digit()).collect() };
                assert_eq!(shape(&new), shape(word));
            }
        }
        assert!(changed("src/app/main.py", &mut chance).starts_with("src/app/"));
    }
}
