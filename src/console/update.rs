//! One message in, the model changed, tasks out.

use crate::engine::{Reached, Update};

use crate::trace::RunId;

use super::act::perform;
use super::command::enabled;
use super::key::{Key, Mouse, MouseAct};
use super::model::{Model, Overlay, Screen};
use super::msg::{Chain, LedgerView, Msg, Task};
use super::notices::Notice;
use super::overlay;
use super::panes::Panes;
use super::run::Texts;

/// Takes in a message.
pub fn update(model: &mut Model, msg: Msg) -> Vec<Task> {
    let mut tasks = Vec::new();
    match msg {
        Msg::Tick { now } => tick(model, now),
        Msg::Key(key) => {
            model.settle();
            model.dirty = true;
            tasks = pressed(model, key);
        }
        Msg::Mouse(mouse) => {
            model.settle();
            tasks = moused(model, mouse);
        }
        Msg::Paste(text) => {
            model.dirty = true;
            overlay::paste(model, &text);
        }
        Msg::Resize { columns, rows } => {
            (model.columns, model.rows) = (columns, rows);
            model.dirty = true;
        }
        Msg::Update(news) => applied(model, news),
        Msg::Ledger(view) => {
            let notices = noticed(model, &view);
            tasks.extend(notices.into_iter().map(|notice| Task::Notify(Box::new(notice))));
            model.desk.rewrites = view.rewrites;
            let reach = view.reach.iter().cloned().collect();
            if model.desk.load(view.desk, &reach) {
                model.desk.shown_since = model.now;
                model.desk.scroll = 0;
            }
            model.decisions.load(view.history, view.chain);
            reached(model, view.reach);
            model.ledger_lost = None;
            (model.stale, model.dirty) = (true, true);
        }
        Msg::Guard(guard) => {
            let open = guard.open_breakers();
            let notices = model.notifier.look_at_breakers(open, model.now, &model.zone);
            tasks.extend(notices.into_iter().map(|notice| Task::Notify(Box::new(notice))));
            model.guard = Some(guard);
            model.dirty = true;
        }
        Msg::Chain(chain) => {
            match &chain {
                Chain::Broken(why) => model.say(true, format!("the chain of decisions is broken: {why}")),
                Chain::Holds { decisions } => {
                    model.say(false, format!("the chain holds over {decisions} decisions"));
                }
                Chain::NotChecked => {}
            }
            model.decisions.chain = chain;
        }
        Msg::LedgerLost(why) => {
            let why = crate::text::excerpt(&why, 300);
            if model.ledger_lost.as_ref() != Some(&why) {
                model.say(true, why.clone());
            }
            model.ledger_lost = Some(why);
        }
        Msg::StepText { run, step, texts } => {
            if model.run.run.as_ref() == Some(&run) && model.run.texts == Texts::Asked(step) {
                model.run.texts = match texts {
                    Ok(texts) => Texts::Here(step, Box::new(texts.fit())),
                    Err(why) => Texts::Lost(step, crate::text::excerpt(&why, 300)),
                };
                model.dirty = true;
            }
        }
        Msg::Decided { proposal, what } => {
            model.desk.asked.retain(|id| *id != proposal);
            model.say(false, what);
        }
        Msg::Refused { proposal, why } => {
            model.desk.asked.retain(|id| *id != proposal);
            model.desk.shown_since = model.now;
            model.say(true, why);
        }
        Msg::Edited { text } => {
            if let Some(Overlay::Editing(editing)) = &mut model.overlay {
                if editing.text != text {
                    editing.text = text;
                    editing.taken += 1;
                }
                model.dirty = true;
            }
        }
        Msg::Replay(replay) => {
            model.replay = Some(replay);
            (model.stale, model.dirty) = (true, true);
        }
        Msg::Toast { grave, text } => model.say(grave, text),
    }
    wanted(model, &mut tasks);
    tasks
}

/// What the operator is told of the ledger as it now stands.
fn noticed(model: &mut Model, view: &LedgerView) -> Vec<Notice> {
    let shown = model.screen == Screen::Desk && Panes::of(model).detail.height > 0;
    let looking_at = model.desk.shown().filter(|_| shown);
    model.notifier.look(view, looking_at, model.now, &model.zone)
}

/// What the screen needs that nobody has asked for yet.
fn wanted(model: &mut Model, tasks: &mut Vec<Task>) {
    if model.screen != Screen::Run {
        return;
    }
    if model.stale {
        model.settle();
    }
    if let Some(view) = model.open_run()
        && !view.summary.assessed
    {
        let id = view.id.clone();
        if model.opened.insert(id.clone()) {
            tasks.push(Task::Open { run: id });
        }
    }
    if let Some((run, step)) = model.run.wants() {
        tasks.push(Task::ReadStep { run, step });
    }
}

fn tick(model: &mut Model, now: jiff::Timestamp) {
    let before = model.now;
    model.now = now;
    if model.toast_until.is_some_and(|until| now >= until) {
        model.toast_until = None;
        model.dirty = true;
    }
    let grace = model.desk.soonest_grace(before).is_some();
    if grace && before.as_millisecond() / 250 != now.as_millisecond() / 250 {
        model.dirty = true;
    }
    if before.as_second() / 60 != now.as_second() / 60 {
        model.dirty = true;
    }
}

/// Tells the board which runs can be reached; those that no longer can are only observed.
fn reached(model: &mut Model, now: Vec<(RunId, Reached)>) {
    let before = std::mem::take(&mut model.reached);
    for (run, reached) in now {
        model.reached.insert(run.clone());
        model.board.apply(Update::Reached { run, reached });
    }
    for run in before.difference(&model.reached).cloned().collect::<Vec<_>>() {
        model.board.apply(Update::Reached { run, reached: Reached::default() });
    }
}

fn applied(model: &mut Model, news: Update) {
    // What was there before a replay went back stays on the screen until the rest has come.
    let anew = matches!(news, Update::Anew);
    model.board.apply(news);
    if anew {
        return;
    }
    model.stale = true;
    model.dirty = true;
    let problems: Vec<String> = model.board.problems.iter().skip(model.problems_said).cloned().collect();
    model.problems_said = model.board.problems.len();
    for problem in problems {
        model.say(true, problem);
    }
}

fn pressed(model: &mut Model, key: Key) -> Vec<Task> {
    if model.overlay.is_some() {
        return overlay::pressed(model, key);
    }
    let Some(act) = model.keymap.act(model, key) else {
        return Vec::new();
    };
    match enabled(act, model) {
        Ok(()) => perform(model, act, ""),
        Err(why) => {
            model.say(false, why);
            Vec::new()
        }
    }
}

fn moused(model: &mut Model, mouse: Mouse) -> Vec<Task> {
    let panes = Panes::of(model);
    let (x, y) = (mouse.column, mouse.row);
    if model.overlay.is_some() {
        let by = match mouse.act {
            MouseAct::WheelUp => -3,
            MouseAct::WheelDown => 3,
            _ => return Vec::new(),
        };
        model.dirty = true;
        overlay::scroll(model, by);
        return Vec::new();
    }
    match mouse.act {
        MouseAct::WheelUp | MouseAct::WheelDown => {
            let by = if mouse.act == MouseAct::WheelUp { -3 } else { 3 };
            model.dirty = true;
            if panes.text.holds(x, y) || panes.detail.holds(x, y) {
                super::act::scroll_text(model, by);
            } else {
                super::act::move_by(model, by);
            }
        }
        MouseAct::Press if panes.splitter.holds(x, y) => model.dragging = true,
        MouseAct::Press if panes.list.holds(x, y) => {
            model.dirty = true;
            return super::act::click_row(model, usize::from(y - panes.list.y));
        }
        MouseAct::Press if panes.tabs.holds(x, y) && model.screen == Screen::Run => {
            model.dirty = true;
            super::act::click_tab(model, x.saturating_sub(panes.tabs.x));
        }
        MouseAct::Press if panes.strip.holds(x, y) => {
            model.dirty = true;
            super::act::click_strip(model, x - panes.strip.x, panes.strip.width);
        }
        MouseAct::Press => {}
        MouseAct::Drag if model.dragging => {
            let inside = panes.frame.inner();
            let column = u32::from(x.saturating_sub(inside.x));
            let percent = (column * 100 / u32::from(inside.width.max(1))).clamp(15, 85) as u16;
            match model.screen {
                Screen::Run => model.run_split = percent,
                Screen::Desk => model.desk_split = percent,
                Screen::Fleet | Screen::Decisions => {}
            }
            model.dirty = true;
        }
        MouseAct::Drag => {}
        MouseAct::Release => model.dragging = false,
    }
    Vec::new()
}
