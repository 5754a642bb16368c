//! What lies over a screen: help, messages, the palette's commands. All of it is made from the table
//! of commands.

use crate::console::command::{COMMANDS, Context, enabled};
use crate::console::model::time_of_day;
use crate::console::panes::{Area, Panes};
use crate::console::{Model, Overlay, Question, suggestions};

use super::page::Page;
use super::pen::Pen;
use super::theme::Role;

/// Draws what lies over the screen, if it is drawn here.
pub(super) fn overlay(model: &Model, panes: &Panes, pen: &mut Pen<'_>) {
    let Some(over) = &model.overlay else { return };
    match over {
        Overlay::Help { scroll } => help(model, *scroll, panes, pen),
        Overlay::Messages { scroll } => messages(model, *scroll, panes, pen),
        Overlay::Confirm { question, .. } => confirm(question, panes, pen),
        Overlay::Palette { line, at } => palette(model, line.text(), *at, panes, pen),
        Overlay::Filter { .. } | Overlay::Veto { .. } | Overlay::Editing(_) => {}
    }
}

/// A window over the screen, cleared and framed; gives its inside.
fn window(panes: &Panes, width: u16, height: u16, left: &str, right: &str, pen: &mut Pen<'_>) -> Area {
    let frame = panes.frame;
    let width = width.min(frame.width);
    let height = height.min(frame.height);
    let area = Area {
        x: frame.x + (frame.width - width) / 2,
        y: frame.y + (frame.height - height) / 2,
        width,
        height,
    };
    pen.clear(area);
    pen.wash(area, Role::Text);
    pen.frame(area, left, right);
    let inside = area.inner();
    Area { x: inside.x + 1, width: inside.width.saturating_sub(2), ..inside }
}

fn help(model: &Model, scroll: usize, panes: &Panes, pen: &mut Pen<'_>) {
    let width = if panes.frame.width < 96 { panes.frame.width } else { 84 };
    let mut page = Page::new(width.saturating_sub(4));
    for context in Context::ALL.into_iter().filter(|c| c.holds(model)) {
        if page.len() > 0 {
            page.gap();
        }
        page.line(&[(context.title(), Role::Title)]);
        for command in COMMANDS {
            let keys = model.keymap.keys(context, command);
            if keys.is_empty() {
                continue;
            }
            let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
            let keys = format!("  {:<12} ", keys.join(" "));
            match enabled(command.act, model) {
                Ok(()) => page.line(&[(&keys, Role::Key), (command.help, Role::Text)]),
                Err(why) => {
                    let text = format!("{} ({why})", command.help);
                    page.line(&[(&keys, Role::Dim), (&text, Role::Dim)]);
                }
            }
        }
    }
    page.gap();
    page.line(&[("Signs", Role::Title)]);
    for line in signs(pen) {
        page.text("  ", &line, Role::Text);
    }
    let height = page.len() as u16 + 2;
    let title = format!("help: keys on {}", model.screen.word());
    let area = window(panes, width, height, &title, "any other key closes", pen);
    let last = page.len().saturating_sub(usize::from(area.height));
    page.draw(pen, area, scroll.min(last));
}

/// What the glyphs mean.
fn signs(pen: &Pen<'_>) -> Vec<String> {
    use crate::detect::Class;
    use crate::score::Band;
    use crate::trace::StateWord;
    let glyphs = pen.glyphs();
    let bands: Vec<String> = [Band::Pass, Band::Triage, Band::Alarm]
        .iter()
        .map(|b| format!("{} {}", glyphs.band(*b), b.word()))
        .collect();
    let classes: Vec<String> =
        Class::ALL.iter().map(|c| format!("{} {}", glyphs.class(*c), c.word())).collect();
    let states: Vec<String> = [
        StateWord::Held,
        StateWord::Working,
        StateWord::Waiting,
        StateWord::Stuck,
        StateWord::Done,
        StateWord::Failed,
        StateWord::Unknown,
    ]
    .iter()
    .map(|s| format!("{} {}", glyphs.state(*s), s.word()))
    .collect();
    vec![
        format!("step  {}", bands.join("  ")),
        format!("class {}", classes.join("  ")),
        format!("run   {}", states.join("  ")),
        "rel   reliability 0-100: the lowest of the last 12 steps; of one step in Run".to_owned(),
        "fail  how likely the whole run has failed, 0-1".to_owned(),
        "reach observed: nothing can be sent; correctable: at its next event; gated: it can wait for you"
            .to_owned(),
    ]
}

/// A question, in the middle of the screen, with what hangs on it.
fn confirm(question: &Question, panes: &Panes, pen: &mut Pen<'_>) {
    let width = 72.min(panes.frame.width.saturating_sub(4));
    let mut page = Page::new(width.saturating_sub(4));
    let (yes, no) = match question {
        Question::Quit { .. } => {
            page.text("", "Leave and lose the edited text?", Role::Strong);
            ("leave", "go on editing")
        }
        Question::Discard { .. } => {
            page.text("", "Throw the edited text away?", Role::Strong);
            ("throw it away", "go on editing")
        }
        Question::Resume { due } => {
            page.text("", "Let the policy hold again?", Role::Strong);
            page.text("", &format!("Approved texts that are then sent: {due}"), Role::Text);
            ("resume", "stay stopped")
        }
        Question::Effects { effects, .. } => {
            page.text("", "This repeats or leaves behind what is not harmless:", Role::Strong);
            for effect in effects {
                page.text("  ", effect, Role::Alarm);
            }
            ("approve all the same", "do not")
        }
    };
    page.gap();
    page.line(&[("y ", Role::Key), (yes, Role::Text), ("    n ", Role::Key), (no, Role::Text)]);
    let height = (page.len() as u16).saturating_add(2);
    let area = window(panes, width, height, "are you sure", "", pen);
    // Where there is no room for all, the keys stay in sight.
    page.draw(pen, area, page.len().saturating_sub(usize::from(area.height)));
}

fn messages(model: &Model, scroll: usize, panes: &Panes, pen: &mut Pen<'_>) {
    let mut page = Page::new(panes.frame.width.saturating_sub(4));
    if model.messages.is_empty() {
        page.line(&[("Nothing has been said yet.", Role::Dim)]);
    }
    for message in &model.messages {
        let at = format!("{} ", time_of_day(&model.zone, message.at));
        let role = if message.grave { Role::Alarm } else { Role::Text };
        page.text(&at, &message.text, role);
    }
    let height = (page.len() as u16).saturating_add(2).max(6);
    let area = window(panes, panes.frame.width, height, "messages", "any other key closes", pen);
    let last = page.len().saturating_sub(usize::from(area.height));
    page.draw(pen, area, scroll.min(last));
}

/// The commands that fit what is typed, above the line in which it is typed.
fn palette(model: &Model, typed: &str, at: usize, panes: &Panes, pen: &mut Pen<'_>) {
    let fitting = suggestions(typed);
    let rows = (fitting.len() as u16).clamp(1, (panes.frame.height / 2).max(3));
    let frame = panes.frame;
    let area = Area {
        x: frame.x,
        y: frame.bottom().saturating_sub(rows + 2),
        width: frame.width.min(78),
        height: rows + 2,
    };
    pen.clear(area);
    pen.wash(area, Role::Text);
    pen.frame(area, "commands", "Tab completes, Enter runs, Esc closes");
    let inside = area.inner();
    if fitting.is_empty() {
        pen.text(inside.x + 1, inside.y, inside.width, "no such command", Role::Dim);
    }
    let top = (at + 1).saturating_sub(usize::from(inside.height));
    let shown = fitting.iter().enumerate().skip(top);
    for ((position, command), y) in shown.zip(inside.y..inside.bottom()) {
        let off = enabled(command.act, model).err();
        let keys: Vec<String> = Context::ALL
            .into_iter()
            .flat_map(|context| model.keymap.keys(context, command))
            .map(|key| key.to_string())
            .collect();
        let key = keys.first().map_or("", String::as_str);
        let role = if off.is_some() { Role::Dim } else { Role::Text };
        let x = inside.x + 1;
        pen.text(x, y, 17, command.name, if off.is_some() { Role::Dim } else { Role::Strong });
        pen.text(x + 18, y, 7, key, Role::Key);
        let help = match off {
            Some(why) => format!("{} ({why})", command.help),
            None => command.help.to_owned(),
        };
        pen.text(x + 26, y, inside.width.saturating_sub(27), &help, role);
        if position == at {
            super::fleet::selected(inside, y, pen);
        }
    }
}
