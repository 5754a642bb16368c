//! Keys while something lies over the screen: lines that are typed, questions, the editor, help.

use crate::engine::desk::fits;
use crate::ledger::Verdict;

use super::act::{asked_for, decide, perform, quit, send, set_filter};
use super::command::{COMMANDS, Command, by_name, enabled};
use super::key::{Code, Key};
use super::line::Line;
use super::model::{Model, Overlay, Question};
use super::msg::Task;

/// Takes a key for what lies over the screen.
pub(super) fn pressed(model: &mut Model, key: Key) -> Vec<Task> {
    let Some(over) = model.overlay.take() else {
        return Vec::new();
    };
    if key == Key::ctrl('c') && !matches!(over, Overlay::Confirm { .. }) {
        // Only the editor holds something that could be lost.
        if matches!(over, Overlay::Editing(_)) {
            model.overlay = Some(over);
        }
        return quit(model);
    }
    match over {
        Overlay::Help { scroll } => {
            model.overlay = pager(key, scroll).map(|scroll| Overlay::Help { scroll });
        }
        Overlay::Messages { scroll } => {
            model.overlay = pager(key, scroll).map(|scroll| Overlay::Messages { scroll });
        }
        Overlay::Palette { line, at } => return palette(model, key, line, at),
        Overlay::Filter { line, before, error } => filter(model, key, line, before, error),
        Overlay::Veto { proposal, seen, mut line, since } => match key.code {
            Code::Esc => {}
            Code::Enter if line.text().trim().is_empty() && model.guarded(since) => {
                model.overlay = Some(Overlay::Veto { proposal, seen, line, since });
            }
            Code::Enter => {
                let reason = line.text().trim().to_owned();
                return vec![decide(model, proposal, Verdict::Veto { reason }, seen)];
            }
            _ => {
                line.key(key);
                model.overlay = Some(Overlay::Veto { proposal, seen, line, since });
            }
        },
        Overlay::Confirm { question, since } => return confirm(model, key, question, since),
        Overlay::Editing(editing) => {
            model.overlay = Some(Overlay::Editing(editing));
            return editor(model, key);
        }
    }
    Vec::new()
}

/// Keys of a text that is only read: where it then begins, or `None` when it closes.
fn pager(key: Key, scroll: usize) -> Option<usize> {
    match (key.code, key.ctrl) {
        (Code::Char('j') | Code::Down, false) => Some(scroll.saturating_add(1)),
        (Code::Char('k') | Code::Up, false) => Some(scroll.saturating_sub(1)),
        (Code::Char('d' | 'f'), true) | (Code::PageDown | Code::Char(' '), false) => {
            Some(scroll.saturating_add(10))
        }
        (Code::Char('u' | 'b'), true) | (Code::PageUp, false) => Some(scroll.saturating_sub(10)),
        (Code::Char('g') | Code::Home, false) => Some(0),
        (Code::Char('G') | Code::End, false) => Some(usize::MAX),
        _ => None,
    }
}

/// Commands that fit what is typed in the palette, the best first.
pub fn suggestions(typed: &str) -> Vec<&'static Command> {
    let word = typed.split_whitespace().next().unwrap_or_default();
    let mut fitting: Vec<(u8, &'static Command)> = COMMANDS
        .iter()
        .filter_map(|command| {
            let rank = if command.name == word || (word == "q" && command.name == "quit") {
                0
            } else if command.name.starts_with(word) {
                1
            } else if command.name.contains(word) {
                2
            } else if subsequence(word, command.name) {
                3
            } else {
                return None;
            };
            Some((rank, command))
        })
        .collect();
    fitting.sort_by_key(|(rank, _)| *rank);
    fitting.into_iter().map(|(_, command)| command).collect()
}

fn subsequence(word: &str, name: &str) -> bool {
    let mut rest = name.chars();
    word.chars().all(|c| rest.any(|r| r == c))
}

fn palette(model: &mut Model, key: Key, mut line: Line, mut at: usize) -> Vec<Task> {
    let fitting = suggestions(line.text());
    match (key.code, key.ctrl) {
        (Code::Esc, _) => return Vec::new(),
        (Code::Backspace, false) if line.text().is_empty() => return Vec::new(),
        (Code::Up, _) | (Code::Char('p'), true) | (Code::BackTab, _) => at = at.saturating_sub(1),
        (Code::Down, _) | (Code::Char('n'), true) => {
            at = (at + 1).min(fitting.len().saturating_sub(1));
        }
        (Code::Tab, _) => {
            if let Some(command) = fitting.get(at) {
                line = Line::of(&format!("{} ", command.name));
                at = 0;
            }
        }
        (Code::Enter, _) => {
            let text = line.text().trim().to_owned();
            let (name, argument) = text.split_once(' ').unwrap_or((&text, ""));
            let chosen = if at == 0 { by_name(name) } else { None }.or_else(|| {
                // What is typed runs what it plainly means: a beginning, not any letters of it.
                fitting
                    .get(at)
                    .copied()
                    .filter(|c| at > 0 || (!name.is_empty() && c.name.starts_with(name)))
                    .filter(|c| !c.act.decides())
            });
            let Some(command) = chosen else {
                if !text.is_empty() {
                    let said = match fitting.get(at) {
                        Some(command) if command.act.decides() => {
                            format!("a verdict is given by its whole name: `:{}`", command.name)
                        }
                        _ => format!("no command `{name}`; ? lists them"),
                    };
                    model.say(true, said);
                }
                return Vec::new();
            };
            return match enabled(command.act, model) {
                Ok(()) => perform(model, command.act, argument.trim()),
                Err(why) => {
                    model.say(false, format!("{}: {why}", command.name));
                    Vec::new()
                }
            };
        }
        _ => {
            if line.key(key) {
                at = 0;
            }
        }
    }
    model.overlay = Some(Overlay::Palette { line, at });
    Vec::new()
}

fn filter(model: &mut Model, key: Key, mut line: Line, before: String, mut error: Option<String>) {
    match key.code {
        Code::Esc => {
            let _ = set_filter(model, &before);
            return;
        }
        Code::Enter if error.is_none() => return,
        Code::Backspace if line.text().is_empty() => return,
        _ => {
            if line.key(key) {
                error = set_filter(model, line.text()).err();
            }
        }
    }
    model.overlay = Some(Overlay::Filter { line, before, error });
}

fn confirm(model: &mut Model, key: Key, question: Question, since: jiff::Timestamp) -> Vec<Task> {
    let again = |model: &mut Model, question| {
        model.overlay = Some(Overlay::Confirm { question, since });
        Vec::new()
    };
    // A question that appears under typing hands takes no keys for a moment.
    if model.guarded(since) {
        return again(model, question);
    }
    let yes = matches!(key.typed(), Some('y' | 'Y'));
    let no = matches!(key.typed(), Some('n' | 'N')) || key.code == Code::Esc;
    match (question, yes, no) {
        (Question::Quit { .. }, true, _) => {
            model.quitting = true;
            vec![Task::Quit]
        }
        (Question::Discard { .. }, true, _) | (Question::Resume { .. }, _, true) => Vec::new(),
        (Question::Resume { .. }, true, _) => vec![Task::Resume],
        (Question::Effects { proposal, seen, text, .. }, true, _) => {
            send(model, proposal, seen, text, Vec::new())
        }
        (Question::Quit { editing } | Question::Discard { editing }, _, true) => {
            model.overlay = Some(Overlay::Editing(editing));
            Vec::new()
        }
        (Question::Effects { text: None, .. }, _, true) => Vec::new(),
        (Question::Effects { proposal, seen, text: Some(text), .. }, _, true) => {
            // Back to the edited text: it is not thrown away by a no.
            model.overlay =
                Some(Overlay::Editing(super::model::Editing { proposal, original: seen, text, taken: 0 }));
            Vec::new()
        }
        (question, false, false) => again(model, question),
    }
}

/// What a key does in the editor besides editing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EditKey {
    /// Sends the edited text.
    Send,
    /// Leaves the editor.
    Leave,
    /// Goes on in the operator's own editor.
    Elsewhere,
    /// Leaves the console.
    Quit,
}

/// What a key does in the editor; `None`: it edits.
pub fn edit_key(key: Key) -> Option<EditKey> {
    match (key.code, key.ctrl) {
        (Code::Esc, _) => Some(EditKey::Leave),
        (Code::Char('s'), true) => Some(EditKey::Send),
        (Code::Char('e'), true) => Some(EditKey::Elsewhere),
        (Code::Char('c'), true) => Some(EditKey::Quit),
        _ => None,
    }
}

fn editor(model: &mut Model, key: Key) -> Vec<Task> {
    let Some(Overlay::Editing(editing)) = model.overlay.clone() else {
        return Vec::new();
    };
    match edit_key(key) {
        Some(EditKey::Send) => {
            if editing.text.trim().is_empty() {
                model.say(true, "the text is empty: veto instead (Esc, then v)");
                return Vec::new();
            }
            let entry = model.desk.entry(&editing.proposal);
            if let Some(Err(why)) = entry.map(|entry| fits(&entry.proposal, &editing.text)) {
                model.say(true, why);
                return Vec::new();
            }
            // What was edited may have been decided elsewhere meanwhile.
            let effects =
                model.desk.entry(&editing.proposal).map(|e| asked_for(&e.proposal)).unwrap_or_default();
            model.overlay = None;
            let text = editing.changed().then_some(editing.text);
            send(model, editing.proposal, editing.original, text, effects)
        }
        Some(EditKey::Leave) if editing.changed() => {
            model.overlay =
                Some(Overlay::Confirm { question: Question::Discard { editing }, since: model.now });
            Vec::new()
        }
        Some(EditKey::Leave) => {
            model.overlay = None;
            Vec::new()
        }
        Some(EditKey::Elsewhere) => vec![Task::EditExternally { text: editing.text }],
        Some(EditKey::Quit) => quit(model),
        None => Vec::new(),
    }
}

/// Takes pasted text. Outside of a line or the editor nothing is done with it: pasted text is not
/// typed keys.
pub(super) fn paste(model: &mut Model, text: &str) {
    match &mut model.overlay {
        Some(Overlay::Palette { line, at }) => {
            line.insert(text);
            *at = 0;
        }
        Some(Overlay::Veto { line, .. }) => line.insert(text),
        Some(Overlay::Filter { line, error, .. }) => {
            line.insert(text);
            let typed = line.text().to_owned();
            *error = None;
            if let Err(why) = set_filter(model, &typed)
                && let Some(Overlay::Filter { error, .. }) = &mut model.overlay
            {
                *error = Some(why);
            }
        }
        _ => {}
    }
}

/// The wheel over help or messages.
pub(super) fn scroll(model: &mut Model, by: i64) {
    if let Some(Overlay::Help { scroll } | Overlay::Messages { scroll }) = &mut model.overlay {
        *scroll = if by < 0 {
            scroll.saturating_sub(by.unsigned_abs() as usize)
        } else {
            scroll.saturating_add(by as usize)
        };
    }
}
