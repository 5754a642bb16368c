//! The words that a command puts on record: messages of commits and texts of requests to merge.

use crate::trace::command::split;

/// The messages that a shell command commits or publishes.
pub(super) fn messages(command: &str) -> Vec<String> {
    // Most commands have none: look before taking apart.
    if !(command.contains("commit") || command.contains("create")) {
        return Vec::new();
    }
    let mut texts = Vec::new();
    for simple in split(command) {
        let verb = |at: usize| simple.words.get(at).map_or("", String::as_str);
        let takes: &[&str] = match (simple.program(), verb(1), verb(2)) {
            ("git", "commit", _) => &["-m", "--message", "-am", "-sm", "-asm"],
            ("gh", "pr" | "release", "create" | "edit") => {
                &["--body", "-b", "--notes", "-n", "--title", "-t"]
            }
            ("glab", "mr", "create") => &["--description", "-d", "--title", "-t"],
            _ => continue,
        };
        let mut words = simple.arguments();
        while let Some(word) = words.next() {
            if takes.contains(&word) {
                texts.extend(words.next().map(|text| bare(text).to_owned()));
            } else if let Some((option, text)) = word.split_once('=')
                && takes.contains(&option)
            {
                texts.push(bare(text).to_owned());
            }
        }
    }
    texts
}

/// The text of `$(cat <<'EOF' … EOF)`, or the text itself.
fn bare(text: &str) -> &str {
    let Some(inner) = text.strip_prefix("$(cat <<").and_then(|rest| rest.split_once('\n')) else {
        return text;
    };
    let body = inner.1.trim_end().trim_end_matches(')').trim_end();
    body.rsplit_once('\n').map_or(body, |(body, _)| body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_taken_out_of_commands() {
        for (command, expected) in [
            ("git commit -am 'Fix it; all tests pass'", &["Fix it; all tests pass"][..]),
            ("git add -A && git commit -m \"One\" -m \"Two\"", &["One", "Two"]),
            ("git commit -m \"$(cat <<'EOF'\nFix it\n\nAll green.\nEOF\n)\"", &["Fix it\n\nAll green."]),
            ("gh pr create --title T --body='All tests pass.'", &["T", "All tests pass."]),
            ("git log --grep commit", &[]),
            ("git commit --amend --no-edit", &[]),
        ] {
            assert_eq!(messages(command), expected, "{command}");
        }
    }
}
