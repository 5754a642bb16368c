//! What each command does.

use crate::detect::Part;
use crate::ledger::Verdict;
use crate::recover::policy::asks_for;
use crate::recover::{Proposal, ProposalId};
use crate::trace::RunId;

use super::command::{Act, undoable};
use super::fleet::evidence;
use super::line::Line;
use super::model::{Editing, Model, Overlay, Question, Screen};
use super::msg::{ReplayTask, Task};
use super::panes::Panes;
use super::replay::{Seek, faster, slower};
use super::run::{RunScreen, Tab, Texts, next_finding, step_of};

/// Does what a command says; `argument` is what stood after its name in the palette.
pub(super) fn perform(model: &mut Model, act: Act, argument: &str) -> Vec<Task> {
    match act {
        Act::Fleet => show(model, Screen::Fleet),
        Act::Run => return show_run(model, argument),
        Act::Desk => show_desk(model),
        Act::Decisions => {
            show(model, Screen::Decisions);
            if !model.decisions.loaded {
                return vec![Task::LoadDecisions];
            }
        }
        Act::Down => move_by(model, 1),
        Act::Up => move_by(model, -1),
        Act::HalfDown => move_by(model, half_page(model)),
        Act::HalfUp => move_by(model, -half_page(model)),
        Act::PageDown => move_by(model, 2 * half_page(model)),
        Act::PageUp => move_by(model, -2 * half_page(model)),
        Act::First => first(model),
        Act::Last => last(model),
        Act::Open => return open(model),
        Act::Back => back(model),
        Act::TextDown => scroll_text(model, 1),
        Act::TextUp => scroll_text(model, -1),
        Act::NextTab => set_tab(model, model.run.tab.moved(1)),
        Act::PreviousTab => set_tab(model, model.run.tab.moved(-1)),
        Act::Plan => set_tab(model, Tab::Plan),
        Act::NextFinding => to_finding(model, 1),
        Act::PreviousFinding => to_finding(model, -1),
        Act::Claim => jump(model, Part::Claim),
        Act::Against => jump(model, Part::Against),
        Act::JumpBack => with_run(model, |screen, view| {
            if let Some(step) = screen.jumps.pop() {
                screen.select(step, view);
            }
        }),
        Act::Follow => with_run(model, |screen, view| {
            if screen.following {
                screen.following = false;
            } else {
                screen.follow(view);
            }
        }),
        Act::Approve => return approve(model, None),
        Act::Edit => edit(model, None),
        Act::TakeRewrite => {
            let text = model.desk.rewritten().map(str::to_owned);
            edit(model, text);
        }
        Act::Veto => {
            if let Some((proposal, seen)) = shown(model) {
                model.overlay =
                    Some(Overlay::Veto { proposal, seen, line: Line::default(), since: model.now });
            }
        }
        Act::Defer => return decide_shown(model, Verdict::Defer),
        Act::Undo => {
            let id = undoable(model).map(|e| e.proposal.id.clone());
            return id.map(|proposal| Task::Undo { proposal }).into_iter().collect();
        }
        Act::Retry => {
            return shown(model).map(|(proposal, _)| Task::Retry { proposal }).into_iter().collect();
        }
        Act::StopAll => return vec![Task::Stop],
        Act::Resume => {
            let due = model.guard.as_ref().map_or(0, |guard| guard.due);
            model.overlay = Some(Overlay::Confirm { question: Question::Resume { due }, since: model.now });
        }
        Act::Verify => return vec![Task::Verify],
        Act::Reload => return vec![Task::LoadDecisions],
        Act::Play
        | Act::Forward
        | Act::Backward
        | Act::Faster
        | Act::Slower
        | Act::Begin
        | Act::End
        | Act::SeekNext
        | Act::SeekPrevious
        | Act::SeekTo => return replay(model, act, argument),
        Act::Filter => {
            let before = filter_text(model).to_owned();
            model.overlay = Some(Overlay::Filter { line: Line::of(&before), before, error: None });
        }
        Act::Palette => {
            model.overlay = Some(Overlay::Palette { line: Line::default(), at: 0 });
        }
        Act::Messages => {
            model.overlay = Some(Overlay::Messages { scroll: usize::MAX });
        }
        Act::Help => model.overlay = Some(Overlay::Help { scroll: 0 }),
        Act::Copy => return copy(model),
        Act::Redraw => model.redraw = true,
        Act::Quit => return quit(model),
    }
    Vec::new()
}

/// Leaves, unless an edited text would be lost: then asks.
pub(super) fn quit(model: &mut Model) -> Vec<Task> {
    if let Some(Overlay::Editing(editing)) = &model.overlay
        && editing.changed()
    {
        let editing = editing.clone();
        model.overlay = Some(Overlay::Confirm { question: Question::Quit { editing }, since: model.now });
        return Vec::new();
    }
    model.quitting = true;
    vec![Task::Quit]
}

fn show(model: &mut Model, screen: Screen) {
    if screen == Screen::Desk && model.screen != Screen::Desk {
        model.desk.shown_since = model.now;
    }
    model.screen = screen;
    model.settle();
}

fn show_desk(model: &mut Model) {
    if model.screen != Screen::Desk
        && let Some(run) = model.meant_run()
        && let Some(entry) = model.desk.of_run(&run)
    {
        let id = entry.proposal.id.clone();
        model.desk.rows.select(&id);
        model.desk.scroll = 0;
    }
    show(model, Screen::Desk);
}

fn show_run(model: &mut Model, argument: &str) -> Vec<Task> {
    if !argument.is_empty() {
        let word = argument.to_lowercase();
        let found = model
            .board
            .runs()
            .iter()
            .find(|view| {
                view.id.as_str().to_lowercase().starts_with(&word)
                    || view.summary.title.to_lowercase().contains(&word)
            })
            .map(|view| view.id.clone());
        return match found {
            Some(run) => open_run(model, &run),
            None => {
                model.say(true, format!("no run begins with or is called `{argument}`"));
                Vec::new()
            }
        };
    }
    let meant = match model.screen {
        Screen::Run => None,
        // Going back to a run that is open keeps the place in it.
        Screen::Fleet => model.meant_run(),
        Screen::Desk | Screen::Decisions => model.run.run.clone().or_else(|| model.meant_run()),
    };
    match meant.or_else(|| model.run.run.clone()) {
        Some(run) => open_run(model, &run),
        None => Vec::new(),
    }
}

/// Shows a run; the place in it is kept when it was open already.
pub(super) fn open_run(model: &mut Model, run: &RunId) -> Vec<Task> {
    if model.run.run.as_ref() != Some(run) {
        let Some(view) = model.board.run(run) else {
            model.say(true, "this run is not among those that are watched");
            return Vec::new();
        };
        model.run.open(view);
    }
    show(model, Screen::Run);
    Vec::new()
}

fn with_run(model: &mut Model, f: impl FnOnce(&mut RunScreen, &crate::engine::RunView)) {
    let Some(id) = model.run.run.clone() else {
        return;
    };
    if let Some(view) = model.board.run(&id) {
        f(&mut model.run, view);
    }
}

/// Moves the selection of the screen's list.
pub(super) fn move_by(model: &mut Model, by: i64) {
    match model.screen {
        Screen::Fleet => model.fleet.rows.step(by),
        Screen::Run => with_run(model, |screen, view| screen.move_by(by, view)),
        Screen::Desk => {
            let before = model.desk.rows.selected().cloned();
            model.desk.rows.step(by);
            desk_moved(model, before);
        }
        Screen::Decisions if model.decisions.open => scroll_text(model, by),
        Screen::Decisions => model.decisions.rows.step(by),
    }
}

fn desk_moved(model: &mut Model, before: Option<ProposalId>) {
    if model.desk.rows.selected() != before.as_ref() {
        model.desk.scroll = 0;
        model.desk.shown_since = model.now;
    }
}

fn first(model: &mut Model) {
    match model.screen {
        Screen::Fleet => {
            model.fleet.rows.release();
            model.stale = true;
        }
        Screen::Run => with_run(model, |screen, view| screen.move_by(i64::MIN / 2, view)),
        Screen::Desk => {
            let before = model.desk.rows.selected().cloned();
            model.desk.rows.release();
            model.stale = true;
            model.settle();
            desk_moved(model, before);
        }
        Screen::Decisions if model.decisions.open => model.decisions.scroll = 0,
        Screen::Decisions => {
            model.decisions.rows.release();
            model.stale = true;
        }
    }
}

fn last(model: &mut Model) {
    match model.screen {
        Screen::Run => with_run(model, RunScreen::follow),
        _ => move_by(model, i64::MAX / 2),
    }
}

fn half_page(model: &Model) -> i64 {
    let height = Panes::of(model).list.height.max(2);
    i64::from(height / 2)
}

fn open(model: &mut Model) -> Vec<Task> {
    let one = Panes::of(model).one;
    match model.screen {
        Screen::Fleet => match model.fleet.rows.selected().cloned() {
            Some(run) => return open_run(model, &run),
            None => model.say(false, "there is nothing to open yet"),
        },
        Screen::Run => {
            if one && !model.run.zoomed {
                model.run.zoomed = true;
            } else {
                let next = model.run.tab.moved(1);
                set_tab(model, next);
            }
        }
        Screen::Desk if one && !model.desk.zoomed => {
            model.desk.zoomed = true;
            model.desk.shown_since = model.now;
        }
        Screen::Desk => {
            // The evidence: the step that the proposal is about.
            let Some((run, step)) =
                model.desk.shown().map(|e| (e.proposal.target.run.clone(), e.proposal.target.step))
            else {
                return Vec::new();
            };
            let tasks = open_run(model, &run);
            with_run(model, |screen, view| {
                if let Some(step) = view.steps.get(step as usize) {
                    screen.select(step.step.id, view);
                }
            });
            return tasks;
        }
        Screen::Decisions => {
            if model.decisions.shown().is_some() {
                model.decisions.open = true;
                model.decisions.scroll = 0;
            }
        }
    }
    Vec::new()
}

fn back(model: &mut Model) {
    match model.screen {
        Screen::Run if model.run.zoomed && Panes::of(model).one => model.run.zoomed = false,
        Screen::Desk if model.desk.zoomed && Panes::of(model).one => model.desk.zoomed = false,
        Screen::Decisions if model.decisions.open => model.decisions.open = false,
        _ if !filter_text(model).is_empty() => {
            let _ = set_filter(model, "");
        }
        Screen::Fleet => {}
        Screen::Run | Screen::Desk | Screen::Decisions => show(model, Screen::Fleet),
    }
}

/// Scrolls the text of the screen.
pub(super) fn scroll_text(model: &mut Model, by: i64) {
    let moved = |scroll: usize| (scroll as i64).saturating_add(by).clamp(0, 100_000) as usize;
    match model.screen {
        Screen::Fleet => move_by(model, by),
        Screen::Run => model.run.scroll = moved(model.run.scroll),
        Screen::Desk => model.desk.scroll = moved(model.desk.scroll),
        Screen::Decisions => model.decisions.scroll = moved(model.decisions.scroll),
    }
}

fn set_tab(model: &mut Model, tab: Tab) {
    model.run.tab = tab;
    model.run.scroll = 0;
    if Panes::of(model).one {
        model.run.zoomed = true;
    }
}

fn to_finding(model: &mut Model, by: i64) {
    let mut none = false;
    with_run(model, |screen, view| match next_finding(view, screen, by) {
        Some(at) => {
            if let Some(finding) = view.findings.get(at) {
                screen.select(finding.step, view);
                screen.finding = Some(at);
            }
        }
        None => none = true,
    });
    if none {
        let which = if by > 0 { "after" } else { "before" };
        model.say(false, format!("no finding {which} this one"));
    }
}

fn jump(model: &mut Model, part: Part) {
    let mut said = None;
    with_run(model, |screen, view| {
        let found =
            screen.finding.and_then(|at| view.findings.get(at)).and_then(|finding| evidence(finding, part));
        let Some(found) = found else {
            said = Some("this finding names no such record");
            return;
        };
        match step_of(view, found.record) {
            Some((step, tab)) => {
                let finding = screen.finding;
                if let Some(from) = screen.step.filter(|from| *from != step) {
                    screen.jumps.push(from);
                }
                screen.select(step, view);
                // The finding stays the one that is looked at: `c` and `x` go to and fro.
                screen.finding = finding;
                screen.tab = tab;
                screen.scroll = 0;
            }
            None => said = Some("that record is no step: a prompt, or the instructions"),
        }
    });
    if let Some(said) = said {
        model.say(false, said);
    }
}

/// A row of the list was clicked: selects it, and opens it if it was selected already. On the desk a
/// click only selects.
pub(super) fn click_row(model: &mut Model, row: usize) -> Vec<Task> {
    match model.screen {
        Screen::Fleet => {
            let at = model.fleet.rows.top() + row;
            if at >= model.fleet.rows.order().len() {
                return Vec::new();
            }
            let again = model.fleet.rows.at() == at && !model.fleet.rows.sorted();
            model.fleet.rows.go(at);
            if again {
                return open(model);
            }
        }
        Screen::Run => {
            let at = model.run.top + row;
            with_run(model, |screen, view| {
                if let Some(step) = screen.shown_at(at) {
                    screen.select(step, view);
                }
            });
        }
        Screen::Desk => {
            let at = model.desk.rows.top() + row;
            if at < model.desk.rows.order().len() {
                let before = model.desk.rows.selected().cloned();
                model.desk.rows.go(at);
                desk_moved(model, before);
            }
        }
        Screen::Decisions => {
            let at = model.decisions.rows.top() + row;
            if at < model.decisions.rows.order().len() {
                model.decisions.rows.go(at);
            }
        }
    }
    Vec::new()
}

/// A tab was clicked, at a column from the left of the row of tabs.
pub(super) fn click_tab(model: &mut Model, column: u16) {
    // Tabs stand as ` intent  call  …`: a space on either side of each.
    let mut from = 0;
    for tab in Tab::ALL {
        let to = from + tab.word().len() as u16 + 2;
        if (from..to).contains(&column) {
            set_tab(model, tab);
            return;
        }
        from = to;
    }
}

/// The strip chart was clicked.
pub(super) fn click_strip(model: &mut Model, column: u16, width: u16) {
    with_run(model, |screen, view| {
        let at = strip_step(view.steps.len(), column, width);
        if let Some(step) = view.steps.get(at) {
            screen.select(step.step.id, view);
        }
    });
}

/// The first step that a column of a strip of `width` columns shows, of `count` steps.
fn strip_step(count: usize, column: u16, width: u16) -> usize {
    let (column, width) = (usize::from(column), usize::from(width.max(1)));
    if count <= width { column } else { column * count / width }
}

fn shown(model: &Model) -> Option<(ProposalId, String)> {
    let entry = model.desk.shown()?;
    Some((entry.proposal.id.clone(), entry.proposal.payload.clone()))
}

/// Whether a decision must wait because its text has only just appeared.
fn too_soon(model: &mut Model) -> bool {
    let soon = model.guarded(model.desk.shown_since);
    if soon {
        model.say(false, "this proposal has only just appeared: read it, then press again");
    }
    soon
}

fn approve(model: &mut Model, text: Option<String>) -> Vec<Task> {
    if too_soon(model) {
        return Vec::new();
    }
    let Some(entry) = model.desk.shown() else {
        return Vec::new();
    };
    let proposal = entry.proposal.id.clone();
    let seen = entry.proposal.payload.clone();
    let effects = asked_for(&entry.proposal);
    send(model, proposal, seen, text, effects)
}

/// The effects that an approval of a proposal must be asked for.
pub(super) fn asked_for(proposal: &Proposal) -> Vec<String> {
    asks_for(proposal).to_vec()
}

/// Records an approval, or asks first when effects that are not harmless hang on it.
pub(super) fn send(
    model: &mut Model,
    proposal: ProposalId,
    seen: String,
    text: Option<String>,
    effects: Vec<String>,
) -> Vec<Task> {
    if !effects.is_empty() {
        model.overlay = Some(Overlay::Confirm {
            question: Question::Effects { proposal, seen, text, effects },
            since: model.now,
        });
        return Vec::new();
    }
    let verdict = match text {
        Some(text) => Verdict::Edit { text },
        None => Verdict::Approve,
    };
    vec![decide(model, proposal, verdict, seen)]
}

/// Asks for a decision to be recorded.
pub(super) fn decide(model: &mut Model, proposal: ProposalId, verdict: Verdict, seen: String) -> Task {
    model.desk.asked.push(proposal.clone());
    Task::Decide { proposal, verdict, seen }
}

fn decide_shown(model: &mut Model, verdict: Verdict) -> Vec<Task> {
    if too_soon(model) {
        return Vec::new();
    }
    match shown(model) {
        Some((proposal, seen)) => vec![decide(model, proposal, verdict, seen)],
        None => Vec::new(),
    }
}

/// Opens the editor over the drafted text, or over another one.
fn edit(model: &mut Model, text: Option<String>) {
    if let Some((proposal, seen)) = shown(model) {
        let text = text.unwrap_or_else(|| seen.clone());
        model.overlay = Some(Overlay::Editing(Editing { proposal, text, original: seen, taken: 0 }));
    }
}

fn replay(model: &mut Model, act: Act, argument: &str) -> Vec<Task> {
    let Some(replay) = model.replay else {
        return Vec::new();
    };
    let task = match act {
        Act::Play if replay.playing => ReplayTask::Pause,
        Act::Play => ReplayTask::Play,
        Act::Forward => ReplayTask::Seek(Seek::By(1)),
        Act::Backward => ReplayTask::Seek(Seek::By(-1)),
        Act::Faster => ReplayTask::Speed(faster(replay.speed)),
        Act::Slower => ReplayTask::Speed(slower(replay.speed)),
        Act::Begin => ReplayTask::Seek(Seek::To(0)),
        Act::End => ReplayTask::Seek(Seek::To(replay.of)),
        Act::SeekNext => ReplayTask::Seek(Seek::NextFinding),
        Act::SeekPrevious => ReplayTask::Seek(Seek::PreviousFinding),
        Act::SeekTo => {
            let to = match argument.strip_suffix('%') {
                Some(percent) => percent
                    .trim()
                    .parse::<f64>()
                    .ok()
                    .filter(|p| (0.0..=100.0).contains(p))
                    .map(|p| (replay.of as f64 * p / 100.0).round() as usize),
                None => argument.trim().parse().ok(),
            };
            match to {
                Some(to) => ReplayTask::Seek(Seek::To(to.min(replay.of))),
                None => {
                    model.say(true, "say where to, as in `:seek 120` or `:seek 50%`");
                    return Vec::new();
                }
            }
        }
        _ => return Vec::new(),
    };
    vec![Task::Replay(task)]
}

/// The filter of the screen as it was typed.
pub(super) fn filter_text(model: &Model) -> &str {
    match model.screen {
        Screen::Fleet => &model.fleet.filter_text,
        Screen::Run => &model.run.filter_text,
        Screen::Desk => &model.desk.filter_text,
        Screen::Decisions => &model.decisions.filter_text,
    }
}

/// Filters the screen's list; a filter that is not understood changes nothing and is said.
pub(super) fn set_filter(model: &mut Model, text: &str) -> Result<(), String> {
    let filter = super::filter::Filter::parse(text).map_err(|e| e.to_string())?;
    let text = text.trim().to_owned();
    match model.screen {
        Screen::Fleet => {
            let waiting = model.waiting_by_run();
            (model.fleet.filter, model.fleet.filter_text) = (filter, text);
            model.fleet.refilter(&model.board, &waiting);
        }
        Screen::Run => {
            (model.run.filter, model.run.filter_text) = (filter, text);
            with_run(model, |screen, view| {
                screen.refresh(view);
                let at = screen.at();
                if let Some(step) = screen.shown_at(at)
                    && screen.shown.is_some()
                {
                    let following = screen.following;
                    screen.select(step, view);
                    screen.following = following;
                }
            });
        }
        Screen::Desk => {
            let before = model.desk.rows.selected().cloned();
            (model.desk.filter, model.desk.filter_text) = (filter, text);
            model.desk.refilter();
            desk_moved(model, before);
        }
        Screen::Decisions => {
            (model.decisions.filter, model.decisions.filter_text) = (filter, text);
            model.decisions.refilter();
        }
    }
    Ok(())
}

fn copy(model: &mut Model) -> Vec<Task> {
    let text =
        match model.screen {
            Screen::Fleet => model.fleet.rows.selected().and_then(|id| model.board.run(id)).map(|view| {
                match view.summary.sources.first() {
                    Some(source) => source.path.display().to_string(),
                    None => view.id.as_str().to_owned(),
                }
            }),
            Screen::Run => match (&model.run.texts, model.run.tab) {
                (Texts::Here(_, texts), Tab::Intent) => Some(texts.intent.clone()),
                (Texts::Here(_, texts), Tab::Call) => Some(texts.call.clone()),
                (Texts::Here(_, texts), Tab::Outcome) => Some(texts.outcome.clone()),
                (Texts::Here(_, texts), Tab::Raw) => Some(texts.raw.clone()),
                _ => model.open_run().and_then(|view| view.findings.get(model.run.finding?)).map(|finding| {
                    let spans: Vec<&str> = finding.evidence.iter().map(|e| e.text.as_str()).collect();
                    format!("{}\n{}", finding.sentence, spans.join("\n"))
                }),
            },
            Screen::Desk => model.desk.shown().map(|e| e.proposal.payload.clone()),
            Screen::Decisions => model.decisions.shown().map(|e| super::decisions::sent(e).to_owned()),
        };
    match text.filter(|text| !text.is_empty()) {
        Some(text) => vec![Task::Copy { text }],
        None => {
            model.say(false, "there is nothing to copy here");
            Vec::new()
        }
    }
}
