//! What every screen has: the title line, the hint line, the toast, and the single line of a terminal
//! that is too small.

use ratatui::layout::Rect;

use crate::console::command::{COMMANDS, Context};
use crate::console::desk::seconds_left;
use crate::console::model::{age, time_of_day};
use crate::console::panes::{Area, Panes};
use crate::console::{Model, Overlay, Screen};
use crate::engine::SourceState;
use crate::score::Band;

use super::pen::Pen;
use super::theme::Role;

/// A ratatui rectangle as an area.
pub(super) fn area(rect: Rect) -> Area {
    Area { x: rect.x, y: rect.y, width: rect.width, height: rect.height }
}

/// An area as a ratatui rectangle.
pub(super) fn rect(area: Area) -> Rect {
    Rect::new(area.x, area.y, area.width, area.height)
}

fn mode_role(model: &Model) -> Role {
    match model.mode() {
        "REPLAY" => Role::Replay,
        "PAUSED" => Role::Paused,
        "READ-ONLY" | "STOPPED" | "BYPASS" => Role::ReadOnly,
        _ => Role::Live,
    }
}

/// The line at the top: the mode, where you are, what needs you.
pub(super) fn title(model: &Model, panes: &Panes, pen: &mut Pen<'_>) {
    let line = panes.title;
    let mut right = right_title(model, pen);
    if panes.one {
        right = right.trim_start_matches("last record ").to_owned();
    }
    let right_at = pen.text_right(line.x + line.width / 3, line.right() - 1, line.y, &right, Role::Dim);
    let mut x = line.x + 1;
    x += pen.text(x, line.y, 7, "medbay ", Role::Dim);
    let mode = format!(" {} ", model.mode());
    x += pen.text(x, line.y, 11, &mode, mode_role(model)) + 1;
    let room = right_at.saturating_sub(x + 1);
    let dot = pen.glyphs().dot;
    match model.screen {
        Screen::Fleet => {
            let count = model.board.runs().len();
            let needing =
                model.board.runs().iter().filter(|view| view.summary.judged.band == Band::Alarm).count();
            let waiting = model.desk.waiting();
            let runs = format!("{count} run{}", if count == 1 { "" } else { "s" });
            // What needs somebody first: it is what remains where there is no room.
            let mut parts = Vec::new();
            if waiting > 0 {
                let verb = if waiting == 1 { "waits" } else { "wait" };
                parts.push((format!("{waiting} {verb} for you {dot} "), Role::Accent));
            }
            if needing > 0 {
                parts.push((format!("{needing} in alarm {dot} "), Role::Alarm));
            }
            parts.push((runs, Role::Strong));
            if waiting == 0 && model.desk.loaded {
                parts.push((format!(" {dot} desk clear"), Role::Dim));
            }
            let parts: Vec<(&str, Role)> = parts.iter().map(|(t, r)| (t.as_str(), *r)).collect();
            pen.parts(x, line.y, room, &parts);
        }
        Screen::Run => match model.open_run() {
            Some(view) => {
                let summary = &view.summary;
                let word = view.summary.state.word;
                let state = format!("{} {}  ", pen.glyphs().state(word), word.word());
                let agents: Vec<&str> = summary.agents.iter().map(|a| a.name.as_str()).collect();
                let what = format!("  {} {dot} {}", summary.format, agents.join(", "));
                let used = pen.text(x, line.y, room, &state, Role::Accent);
                // The title leaves room for who is at work.
                let most = (room - used).saturating_sub(pen.cells(&what).min(room / 3));
                let used = used + pen.text(x + used, line.y, most, name(view), Role::Strong);
                pen.text(x + used, line.y, room - used, &what, Role::Dim);
            }
            None => {
                pen.text(x, line.y, room, "no run is open", Role::Dim);
            }
        },
        Screen::Desk => {
            let waiting = model.desk.waiting();
            let text = match model.desk.oldest() {
                Some(oldest) => {
                    format!("desk {waiting} waiting {dot} oldest {}", age(model.clock(), oldest))
                }
                None => "desk clear".to_owned(),
            };
            pen.text(x, line.y, room, &text, Role::Strong);
        }
        Screen::Decisions => {
            pen.text(x, line.y, room, "decisions", Role::Strong);
        }
    }
}

/// What a run is called: its title, else its id.
pub(super) fn name(view: &crate::engine::RunView) -> &str {
    if view.summary.title.is_empty() { view.id.as_str() } else { &view.summary.title }
}

fn right_title(model: &Model, pen: &Pen<'_>) -> String {
    let dot = pen.glyphs().dot;
    if let Some(replay) = model.replay {
        let [play, pause] = pen.glyphs().play;
        let clock =
            replay.clock.map(|time| format!("{} {dot} ", time_of_day(&model.zone, time))).unwrap_or_default();
        return format!(
            "{} {clock}{}/{} {dot} x{}",
            if replay.playing { play } else { pause },
            replay.position,
            replay.of,
            replay.speed
        );
    }
    let (mut read, mut size, mut reading) = (0u64, 0u64, false);
    for source in model.board.runs().iter().flat_map(|v| &v.summary.sources) {
        read += source.read.min(source.size);
        size += source.size;
        reading |= source.state == SourceState::Reading;
    }
    if reading && read < size {
        return format!("reading {} %", read.saturating_mul(100) / size.max(1));
    }
    if model.screen == Screen::Run {
        if model.run.following {
            return "following".to_owned();
        }
        let below = model.run.new_below();
        if below > 0 {
            return format!("{below} new below {dot} G");
        }
        return String::new();
    }
    if !model.board.caught_up {
        return "looking for logs".to_owned();
    }
    // The time of the newest record: it moves when something happens, and costs nothing when not.
    model
        .board
        .runs()
        .iter()
        .filter_map(|view| view.summary.last)
        .max()
        .map(|last| format!("last record {}", time_of_day(&model.zone, last)))
        .unwrap_or_default()
}

/// The line at the bottom: what is being typed, a question, an approval's grace time, or hints.
pub(super) fn hint(model: &Model, panes: &Panes, pen: &mut Pen<'_>) {
    let line = panes.hint;
    let (x, width) = (line.x + 1, line.width.saturating_sub(2));
    match &model.overlay {
        Some(Overlay::Filter { line: typed, error, .. }) => {
            typed_line(pen, x, line.y, width, "/", typed.text());
            if let Some(error) = error {
                pen.text_right(x + width / 3, x + width, line.y, error, Role::Warning);
            }
        }
        Some(Overlay::Palette { line: typed, .. }) => {
            typed_line(pen, x, line.y, width, ":", typed.text());
        }
        Some(Overlay::Veto { line: typed, .. }) => {
            typed_line(pen, x, line.y, width, VETO, typed.text());
        }
        Some(Overlay::Confirm { .. }) => {
            keys(pen, x, line.y, width, &[("y", "yes"), ("n Esc", "no")]);
        }
        Some(Overlay::Editing(_)) => {
            keys(
                pen,
                x,
                line.y,
                width,
                &[("C-s", "send"), ("Esc", "leave"), ("C-e", "own editor"), ("C-u", "undo"), ("C-r", "redo")],
            );
        }
        Some(Overlay::Help { .. } | Overlay::Messages { .. }) => {
            keys(pen, x, line.y, width, &[("j k", "scroll"), ("any other key", "close")]);
        }
        None => {
            let grace = model.desk.latest_in_grace(model.now).and_then(|entry| {
                let left = seconds_left(entry, model.now)?;
                Some(format!(
                    "approved {} sends in {left} s {} u to undo",
                    pen.glyphs().dot,
                    pen.glyphs().dot
                ))
            });
            let mut end = x + width;
            if let Some(grace) = grace {
                end = pen.text_right(x, end, line.y, &grace, Role::Accent).saturating_sub(2);
            } else if let Some(word) = reach(model) {
                end = pen.text_right(x + width / 2, end, line.y, &word, Role::Dim).saturating_sub(2);
            }
            let hints = hints(model);
            let hints: Vec<(&str, &str)> = hints.iter().map(|(k, w)| (k.as_str(), *w)).collect();
            keys(pen, x, line.y, end.saturating_sub(x), &hints);
        }
    }
}

/// What stands before the reason of a veto.
pub(super) const VETO: &str = "veto because: ";

fn typed_line(pen: &mut Pen<'_>, x: u16, y: u16, width: u16, lead: &str, text: &str) {
    let used = pen.text(x, y, width, lead, Role::Key);
    pen.text(x + used, y, width.saturating_sub(used), text, Role::Text);
}

/// Where the cursor stands in a line that is being typed.
pub(super) fn cursor(model: &Model, panes: &Panes) -> Option<(u16, u16)> {
    use unicode_width::UnicodeWidthStr as _;
    let (lead, line) = match &model.overlay {
        Some(Overlay::Filter { line, .. } | Overlay::Palette { line, .. }) => (1, line),
        Some(Overlay::Veto { line, .. }) => (VETO.len(), line),
        _ => return None,
    };
    let at = lead + line.halves().0.width();
    let last = usize::from(panes.hint.width.saturating_sub(2));
    Some((panes.hint.x + 1 + at.min(last) as u16, panes.hint.y))
}

/// Draws keys with their words, as many as fit.
pub(super) fn keys(pen: &mut Pen<'_>, x: u16, y: u16, width: u16, hints: &[(&str, &str)]) {
    let mut used = 0;
    let cells_of = |pen: &Pen<'_>, key: &str, word: &str| pen.cells(key) + 1 + pen.cells(word);
    // The last one, the help, always has its place.
    let kept = hints.last().map_or(0, |(key, word)| cells_of(pen, key, word) + 2);
    for (at, (key, word)) in hints.iter().enumerate() {
        let cells = cells_of(pen, key, word);
        let keep = if at + 1 == hints.len() { 0 } else { kept };
        if used + cells + keep > width {
            continue;
        }
        used += pen.text(x + used, y, width - used, key, Role::Key);
        used += pen.text(x + used, y, width - used, " ", Role::Dim);
        used += pen.text(x + used, y, width - used, word, Role::Dim);
        used += 2;
    }
}

/// Hints for where its reader is, from the table of commands: what works now, the screen's own first.
fn hints(model: &Model) -> Vec<(String, &'static str)> {
    let contexts = [
        Context::Replay,
        Context::Fleet,
        Context::Run,
        Context::Desk,
        Context::Decisions,
        Context::List,
        Context::Any,
    ];
    let mut hints = Vec::new();
    for context in contexts.into_iter().filter(|c| c.holds(model)) {
        for command in COMMANDS {
            let Some(word) = command.hint else { continue };
            let here = command.name == model.screen.word().to_lowercase();
            if here || crate::console::command::enabled(command.act, model).is_err() {
                continue;
            }
            if let Some(key) = model.keymap.keys(context, command).first() {
                hints.push((key.to_string(), word));
            }
        }
    }
    if let Some(at) = hints.iter().position(|(_, word)| *word == "help") {
        let help = hints.remove(at);
        hints.push(help);
    }
    hints
}

fn reach(model: &Model) -> Option<String> {
    if model.screen == Screen::Decisions {
        return None;
    }
    let view = model.board.run(&model.meant_run()?)?;
    let how = match view.summary.reach {
        crate::engine::Reach::Observed => return Some("observed: nothing can be sent".to_owned()),
        crate::engine::Reach::Correctable => "correctable",
        crate::engine::Reach::Gated => "gated",
    };
    Some(if view.via.is_empty() { how.to_owned() } else { format!("{how} by {}", view.via) })
}

/// The toast, on the lower line of the frame, where it covers nothing that is read.
pub(super) fn toast(model: &Model, panes: &Panes, pen: &mut Pen<'_>) {
    let Some(toast) = model.toast() else { return };
    let role = if toast.grave { Role::Warning } else { Role::Notice };
    let y = panes.frame.bottom().saturating_sub(1);
    let text = format!(" {} ", toast.text);
    let left = panes.frame.x + 2;
    pen.text_right(left, panes.frame.right().saturating_sub(2), y, &text, role);
}

/// All that fits a terminal that is too small: the worst run on one line.
pub(super) fn one_line(model: &Model, panes: &Panes, pen: &mut Pen<'_>) {
    let line = panes.title;
    let worst = model.fleet.rows.order().first().and_then(|id| model.board.run(id));
    match worst {
        Some(view) => {
            let judged = &view.summary.judged;
            let lead = format!(
                "{}{} {:>3} ",
                pen.glyphs().state(view.summary.state.word),
                pen.glyphs().band(judged.band),
                judged.p_fail.reliability()
            );
            let used = pen.text(line.x, line.y, line.width, &lead, Role::of_band(judged.band));
            pen.text(line.x + used, line.y, line.width - used, name(view), Role::Text);
        }
        None => {
            let text = format!("medbay {}: no runs", model.mode());
            pen.text(line.x, line.y, line.width, &text, Role::Text);
        }
    }
}
