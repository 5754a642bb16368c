//! Errors as one sentence: what, where, and the mend.

use std::fmt::Write as _;

use crate::text;

/// The longest sentence, in bytes.
const SENTENCE_BYTES: usize = 600;

/// An error with its causes on one line. What it quotes may come from a log or a file's name, so it
/// passes the gate.
pub(crate) fn of(error: &anyhow::Error) -> String {
    let mut line = String::new();
    let mut last = String::new();
    for cause in error.chain() {
        let words = cause.to_string();
        // Many errors repeat their cause in their own words.
        if last.contains(&words) {
            continue;
        }
        if !line.is_empty() {
            line.push_str(": ");
        }
        line.push_str(&words);
        last = words;
    }
    text::excerpt(&line, SENTENCE_BYTES)
}

/// What clap says of a wrong command line, in one sentence.
pub(crate) fn of_usage(error: &clap::Error) -> String {
    let rendered = error.render().to_string();
    let mut what = String::new();
    let mut tip = String::new();
    let mut usage = String::new();
    for paragraph in rendered.split("\n\n") {
        let words = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
        if let Some(rest) = words.strip_prefix("error: ") {
            what = rest.to_owned();
        } else if let Some(rest) = words.strip_prefix("tip: ") {
            tip = rest.to_owned();
        } else if let Some(rest) = words.strip_prefix("Usage: ") {
            usage = rest.to_owned();
        }
    }
    if what.is_empty() {
        // A subcommand without its own: clap answers with the whole help.
        "a subcommand is missing".clone_into(&mut what);
    }
    let mut line = what;
    if !tip.is_empty() {
        let _ = write!(line, " ({tip})");
    }
    let command: Vec<&str> =
        usage.split_whitespace().take_while(|word| word.chars().all(|c| c.is_ascii_lowercase())).collect();
    let command = if command.is_empty() { "medbay".to_owned() } else { command.join(" ") };
    let _ = write!(line, ": see `{command} --help`");
    text::excerpt(&line, SENTENCE_BYTES)
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn causes_stand_behind_colons_and_are_not_repeated() {
        let error = Err::<(), _>(anyhow::anyhow!("no such file")).context("cannot open a.jsonl").unwrap_err();
        assert_eq!(of(&error), "cannot open a.jsonl: no such file");
        let error = Err::<(), _>(anyhow::anyhow!("no such file"))
            .context("cannot open a.jsonl: no such file")
            .unwrap_err();
        assert_eq!(of(&error), "cannot open a.jsonl: no such file");
    }

    #[test]
    fn an_escape_sequence_in_a_name_is_shown_and_not_obeyed() {
        let error = anyhow::anyhow!("cannot open \u{1b}]0;x\u{7}.jsonl");
        assert!(!of(&error).contains('\u{1b}'));
    }
}
