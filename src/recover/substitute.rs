//! Other tools: the one that is nearest in name to a tool that is not there, one of the same sort in
//! place of a tool that keeps failing, and the one that takes back what another did.

use crate::trace::{Action, Run, Status, Step, ToolKind};

/// Sorts of which one tool can stand in for another.
const EXCHANGEABLE: &[ToolKind] = &[ToolKind::Read, ToolKind::Search, ToolKind::Fetch, ToolKind::Shell];

/// Words of tools' names that say nothing of what the tool is about.
const EMPTY_WORDS: &[&str] = &["the", "a", "by", "of", "for", "to", "tool", "mcp", "user", "all"];

/// The tool that is nearest in name to one that is not there; else one of its sort.
pub(super) fn nearest<'t>(missing: &str, run: &'t Run, declared: &'t [String]) -> Option<&'t str> {
    let there = || known(run, declared).filter(|tool| *tool != missing);
    let named = there().map(|tool| (closeness(missing, tool), tool)).filter(|(close, _)| *close >= 0.6);
    let best = named.max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(a.1)));
    best.map(|(_, tool)| tool).or_else(|| {
        let kind = ToolKind::of(missing);
        there().find(|tool| EXCHANGEABLE.contains(&kind) && ToolKind::of(tool) == kind)
    })
}

/// A tool of the same sort that has worked in this run, in place of the one that a step called.
pub(super) fn of_sort<'r>(step: &Step, run: &'r Run) -> Option<&'r str> {
    let Action::Call { tool, kind } = step.action else { return None };
    if !EXCHANGEABLE.contains(&kind) || kind == ToolKind::Shell {
        return None;
    }
    let worked = run.steps.iter().rev().find_map(|other| match other.action {
        Action::Call { tool: it, kind: of } if of == kind && it != tool && other.status == Status::Ok => {
            Some(it)
        }
        _ => None,
    });
    worked.map(|tool| run.tool_name(tool))
}

/// The tool that takes back what `tool` does, where one is known.
pub(super) fn inverse<'t>(tool: &str, run: &'t Run, declared: &'t [String]) -> Option<&'t str> {
    const DOES: &[&str] = &["book", "order", "create", "add", "submit", "insert", "place", "reserve", "open"];
    const TAKES_BACK: &[&str] = &["cancel", "delete", "remove", "undo", "revert", "withdraw", "close"];
    let words = words(tool);
    if !words.iter().any(|word| DOES.contains(&word.as_str())) {
        return None;
    }
    let about: Vec<&String> = words.iter().filter(|word| !DOES.contains(&word.as_str())).collect();
    known(run, declared).find(|other| {
        let theirs = self::words(other);
        theirs.iter().any(|word| TAKES_BACK.contains(&word.as_str()))
            && about.iter().any(|word| theirs.contains(word))
    })
}

/// Tools that were declared, then those that were called and worked.
fn known<'t>(run: &'t Run, declared: &'t [String]) -> impl Iterator<Item = &'t str> {
    let worked = |at: u16| {
        run.steps.iter().any(|step| {
            step.status == Status::Ok && matches!(step.action, Action::Call { tool, .. } if tool == at)
        })
    };
    let seen = (0..run.tools.len()).map(|at| at as u16).filter(move |at| worked(*at));
    declared.iter().map(String::as_str).chain(seen.map(|at| run.tool_name(at)))
}

/// The words of a tool's name, lower case.
fn words(tool: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let mut before_lower = false;
    for c in tool.chars().take(120) {
        let cut = !c.is_ascii_alphanumeric() || (c.is_ascii_uppercase() && before_lower);
        if cut && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if c.is_ascii_alphanumeric() {
            word.push(c.to_ascii_lowercase());
        }
        before_lower = c.is_ascii_lowercase();
    }
    words.push(word);
    words.retain(|word| !word.is_empty() && !EMPTY_WORDS.contains(&word.as_str()));
    words
}

/// How near two names are, 0 to 1: the larger of the share of words that they have in common and the
/// share of letters that need no change.
fn closeness(one: &str, other: &str) -> f64 {
    let (a, b) = (words(one), words(other));
    let common = a.iter().filter(|word| b.contains(word)).count();
    let by_words = 2.0 * common as f64 / (a.len() + b.len()).max(1) as f64;
    let (one, other) = (a.concat(), b.concat());
    let longest = one.len().max(other.len()).max(1);
    let by_letters = 1.0 - distance(&one, &other) as f64 / longest as f64;
    by_words.max(by_letters)
}

/// The edit distance of two short words of ASCII letters (V. I. Levenshtein, 1966).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, y) in row.iter_mut().skip(1).zip(b.bytes()) {
            let above = *cell;
            let best = (diagonal + usize::from(x != y)).min(above + 1).min(left + 1);
            diagonal = above;
            left = best;
            *cell = best;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::RunId;

    fn tools(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn the_nearest_name_is_found_and_a_far_one_is_not() {
        let run = Run::new(RunId::new("r"));
        let there = tools(&["get_order_details", "cancel_order", "send_mail"]);
        assert_eq!(nearest("get_order_detail", &run, &there), Some("get_order_details"));
        assert_eq!(nearest("getOrderDetails", &run, &there), Some("get_order_details"));
        assert_eq!(nearest("paint_house", &run, &there), None);
        assert_eq!(nearest("get_order_details", &run, &there[..1]), None, "never itself");
    }

    #[test]
    fn a_tool_of_the_same_sort_stands_in() {
        let run = Run::new(RunId::new("r"));
        assert_eq!(nearest("view_file", &run, &tools(&["Bash", "Read"])), Some("Read"));
        assert_eq!(nearest("frobnicate", &run, &tools(&["Bash", "Read"])), None);
    }

    #[test]
    fn what_takes_it_back_is_about_the_same_thing() {
        let run = Run::new(RunId::new("r"));
        let there = tools(&["cancel_order", "cancel_reservation", "delete_note"]);
        assert_eq!(inverse("book_reservation", &run, &there), Some("cancel_reservation"));
        assert_eq!(inverse("create_note", &run, &there), Some("delete_note"));
        assert_eq!(inverse("book_flight", &run, &there), None);
        assert_eq!(inverse("get_reservation", &run, &there), None);
    }

    #[test]
    fn hostile_names_take_no_time_and_match_nothing() {
        let run = Run::new(RunId::new("r"));
        let long = "x".repeat(1 << 20);
        assert_eq!(nearest(&long, &run, &tools(&["Read"])), None);
        assert_eq!(nearest("", &run, &tools(&["Read"])), None);
        assert_eq!(nearest("\u{1b}]0;", &run, &tools(&["Read"])), None);
    }
}
