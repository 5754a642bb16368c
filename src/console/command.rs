//! The one table of commands. Keys, help, hints, the palette and the README's key table are made from
//! it; to add a command, add an [`Act`], a row here, and its arm in `update.rs`.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::ledger::State;

use super::desk::in_grace;
use super::model::{Model, Screen};

/// Where a key means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Context {
    /// On every screen.
    Any,
    /// On every screen with a list: all of them.
    List,
    /// On Fleet.
    Fleet,
    /// On Run.
    Run,
    /// On Desk.
    Desk,
    /// On Decisions.
    Decisions,
    /// On every screen of a replay.
    Replay,
}

impl Context {
    /// All contexts, as help lists them.
    pub const ALL: [Self; 7] =
        [Self::Fleet, Self::Run, Self::Desk, Self::Decisions, Self::Replay, Self::List, Self::Any];

    /// Its title.
    pub fn title(self) -> &'static str {
        match self {
            Self::Any => "Everywhere",
            Self::List => "Moving",
            Self::Fleet => "Fleet",
            Self::Run => "Run",
            Self::Desk => "Desk",
            Self::Decisions => "Decisions",
            Self::Replay => "Replay",
        }
    }

    /// Whether it holds now.
    pub fn holds(self, model: &Model) -> bool {
        match self {
            Self::Any | Self::List => true,
            Self::Fleet => model.screen == Screen::Fleet,
            Self::Run => model.screen == Screen::Run,
            Self::Desk => model.screen == Screen::Desk,
            Self::Decisions => model.screen == Screen::Decisions,
            Self::Replay => model.replay.is_some(),
        }
    }
}

/// What a command does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the table below says of each what it does")]
pub enum Act {
    Fleet,
    Run,
    Desk,
    Decisions,
    Down,
    Up,
    First,
    Last,
    HalfDown,
    HalfUp,
    PageDown,
    PageUp,
    Open,
    Back,
    TextDown,
    TextUp,
    NextTab,
    PreviousTab,
    NextFinding,
    PreviousFinding,
    Claim,
    Against,
    JumpBack,
    Plan,
    Follow,
    Approve,
    Edit,
    TakeRewrite,
    Veto,
    Defer,
    Undo,
    Retry,
    StopAll,
    Resume,
    Verify,
    Reload,
    Play,
    Forward,
    Backward,
    Faster,
    Slower,
    Begin,
    End,
    SeekNext,
    SeekPrevious,
    SeekTo,
    Filter,
    Palette,
    Help,
    Messages,
    Copy,
    Redraw,
    Quit,
}

/// A command.
#[derive(Debug)]
pub struct Command {
    /// What it does.
    pub act: Act,
    /// Its name, as the palette and the config take it.
    pub name: &'static str,
    /// Where its keys hold, and which they are.
    pub keys: &'static [(Context, &'static [&'static str])],
    /// The word for the hint bar; `None`: not hinted at.
    pub hint: Option<&'static str>,
    /// One clause for the help.
    pub help: &'static str,
}

use Context as In;

const fn row(
    act: Act,
    name: &'static str,
    keys: &'static [(Context, &'static [&'static str])],
    hint: Option<&'static str>,
    help: &'static str,
) -> Command {
    Command { act, name, keys, hint, help }
}

/// All commands, in the order in which help and hints name them.
pub static COMMANDS: &[Command] = &[
    row(
        Act::Approve,
        "approve",
        &[(In::Desk, &["a"])],
        Some("approve"),
        "send the drafted text, after the grace time",
    ),
    row(Act::Edit, "edit", &[(In::Desk, &["e"])], Some("edit"), "change the text, then send that"),
    row(
        Act::TakeRewrite,
        "take-rewrite",
        &[(In::Desk, &["m"])],
        None,
        "take what a model wrote into the editor; C-s sends it",
    ),
    row(Act::Veto, "veto", &[(In::Desk, &["v"])], Some("veto"), "do not send it; asks for the reason"),
    row(Act::Defer, "defer", &[(In::Desk, &["d"])], Some("defer"), "not now: further down the desk"),
    row(Act::Undo, "undo", &[(In::Any, &["u"])], Some("undo"), "take back an approval within its grace time"),
    row(Act::Retry, "retry", &[(In::Desk, &["r"])], None, "try a failed delivery again"),
    row(Act::NextFinding, "next-finding", &[(In::Run, &["]"])], Some("finding"), "next finding of the run"),
    row(Act::PreviousFinding, "previous-finding", &[(In::Run, &["["])], None, "previous finding of the run"),
    row(Act::Claim, "claim", &[(In::Run, &["c"])], Some("claim"), "jump to the step that makes the claim"),
    row(
        Act::Against,
        "against",
        &[(In::Run, &["x"])],
        Some("against"),
        "jump to the step that speaks against it",
    ),
    row(Act::JumpBack, "jump-back", &[(In::Run, &["b", "C-o"])], None, "back to where a jump began"),
    row(
        Act::NextTab,
        "next-tab",
        &[(In::Run, &["Tab"])],
        Some("tab"),
        "next tab: intent, call, outcome, evidence, plan, effects, raw",
    ),
    row(Act::PreviousTab, "previous-tab", &[(In::Run, &["S-Tab"])], None, "previous tab"),
    row(Act::Plan, "plan", &[(In::Run, &["p"])], None, "the run's plan"),
    row(Act::Follow, "follow", &[(In::Run, &["f"])], Some("follow"), "go along with the last step, or stop"),
    row(
        Act::TextDown,
        "text-down",
        &[(In::Run, &["J"]), (In::Desk, &["J"]), (In::Decisions, &["J"])],
        None,
        "scroll the text down",
    ),
    row(
        Act::TextUp,
        "text-up",
        &[(In::Run, &["K"]), (In::Desk, &["K"]), (In::Decisions, &["K"])],
        None,
        "scroll the text up",
    ),
    row(Act::Verify, "verify", &[(In::Decisions, &["V"])], Some("verify"), "walk the chain of decisions"),
    row(Act::Reload, "reload", &[(In::Decisions, &["R"])], None, "read the decisions again"),
    row(Act::Play, "play", &[(In::Replay, &["Space"])], Some("play"), "play, or pause"),
    row(Act::Forward, "forward", &[(In::Replay, &[".", "l", "Right"])], Some("step"), "one record on"),
    row(Act::Backward, "backward", &[(In::Replay, &[",", "h", "Left"])], None, "one record back"),
    row(Act::Faster, "faster", &[(In::Replay, &["+", "="])], Some("speed"), "play faster"),
    row(Act::Slower, "slower", &[(In::Replay, &["-"])], None, "play slower"),
    row(Act::Begin, "begin", &[(In::Replay, &["0"])], None, "to the beginning"),
    row(Act::End, "end", &[(In::Replay, &["$"])], None, "to the end"),
    row(
        Act::SeekNext,
        "seek-next",
        &[(In::Replay, &["}"])],
        Some("seek"),
        "to the next record with a finding",
    ),
    row(
        Act::SeekPrevious,
        "seek-previous",
        &[(In::Replay, &["{"])],
        None,
        "to the previous record with a finding",
    ),
    row(Act::SeekTo, "seek", &[], None, "`:seek 120` goes to record 120, `:seek 50%` to the middle"),
    row(Act::Down, "down", &[(In::List, &["j", "Down"])], None, "one row down"),
    row(Act::Up, "up", &[(In::List, &["k", "Up"])], None, "one row up"),
    row(
        Act::First,
        "first",
        &[(In::List, &["g", "Home"])],
        None,
        "to the first row; lists sort themselves again",
    ),
    row(Act::Last, "last", &[(In::List, &["G", "End"])], None, "to the last row; steps are followed again"),
    row(Act::HalfDown, "half-page-down", &[(In::List, &["C-d"])], None, "half a page down"),
    row(Act::HalfUp, "half-page-up", &[(In::List, &["C-u"])], None, "half a page up"),
    row(Act::PageDown, "page-down", &[(In::List, &["PgDn", "C-f"])], None, "a page down"),
    row(Act::PageUp, "page-up", &[(In::List, &["PgUp", "C-b"])], None, "a page up"),
    row(
        Act::Open,
        "open",
        &[(In::List, &["Enter"])],
        Some("open"),
        "open what is selected; never decides anything",
    ),
    row(
        Act::Back,
        "back",
        &[(In::Any, &["Esc"])],
        None,
        "back: closes, unfilters, then to Fleet; never quits",
    ),
    row(Act::Fleet, "fleet", &[(In::Any, &["1"])], Some("fleet"), "all runs, by need"),
    row(Act::Run, "run", &[(In::Any, &["2"])], None, "one run"),
    row(Act::Desk, "desk", &[(In::Any, &["3"])], Some("desk"), "proposals that wait for you"),
    row(Act::Decisions, "decisions", &[(In::Any, &["6"])], None, "what was decided, and what came of it"),
    row(
        Act::Filter,
        "filter",
        &[(In::Any, &["/"])],
        Some("filter"),
        "show only what fits: words, class: agent: state: tool: p>0.5",
    ),
    row(
        Act::StopAll,
        "stop-all",
        &[(In::Any, &["!"])],
        None,
        "stop everything at once: nothing more is sent, by any process",
    ),
    row(Act::Resume, "resume", &[], None, "after a stop: let the policy hold again; asks first"),
    row(Act::Palette, "palette", &[(In::Any, &[":"])], Some("command"), "run a command by its name"),
    row(Act::Messages, "messages", &[], None, "all that was said in the corner"),
    row(Act::Copy, "copy", &[(In::Any, &["y"])], None, "put what is selected on the clipboard"),
    row(Act::Redraw, "redraw", &[(In::Any, &["C-l"])], None, "draw the screen anew"),
    row(Act::Help, "help", &[(In::Any, &["?"])], Some("help"), "keys that work here"),
    row(
        Act::Quit,
        "quit",
        &[(In::Any, &["q", "C-c"])],
        None,
        "leave; asks only if an edited text would be lost",
    ),
];

impl Act {
    /// Whether it says something of a proposal: never done on a guess of what was typed.
    pub fn decides(self) -> bool {
        matches!(self, Self::Approve | Self::Edit | Self::Veto | Self::Defer)
    }
}

/// The command that does something.
pub fn of(act: Act) -> Option<&'static Command> {
    COMMANDS.iter().find(|c| c.act == act)
}

/// The command with a name; `:q` is short for `:quit`.
pub fn by_name(name: &str) -> Option<&'static Command> {
    let name = if name == "q" || name == "q!" { "quit" } else { name };
    COMMANDS.iter().find(|c| c.name == name)
}

/// Whether a command can do something now, or why not.
pub fn enabled(act: Act, model: &Model) -> Result<(), Cow<'static, str>> {
    let no = |why: &'static str| Err(Cow::Borrowed(why));
    match act {
        Act::Approve | Act::Edit | Act::TakeRewrite | Act::Veto | Act::Defer => decidable(act, model),
        Act::Undo => match undoable(model) {
            Some(_) => Ok(()),
            None => no("nothing is in its grace time"),
        },
        Act::StopAll => match model.stopped() {
            Some(stopped) => {
                Err(Cow::Owned(format!("everything is stopped already {}; `:resume`", stopped.words())))
            }
            None => writable(model),
        },
        Act::Resume => match model.stopped() {
            Some(_) => writable(model),
            None => no("nothing is stopped"),
        },
        Act::Retry => match model.desk.shown().map(|e| e.state) {
            Some(State::Failed) => writable(model),
            _ => no("only a failed delivery can be tried again"),
        },
        Act::NextFinding | Act::PreviousFinding => match model.open_run() {
            Some(view) if view.findings.is_empty() => no("this run has no findings"),
            Some(_) => Ok(()),
            None => no("no run is open"),
        },
        Act::Claim | Act::Against if model.run.finding.is_none() => no("this step has no finding"),
        Act::Open | Act::Follow | Act::NextTab | Act::PreviousTab | Act::Plan
            if match model.screen {
                Screen::Fleet => model.fleet.rows.order().is_empty(),
                Screen::Run => model.open_run().is_none(),
                Screen::Desk => model.desk.rows.order().is_empty(),
                Screen::Decisions => model.decisions.rows.order().is_empty(),
            } =>
        {
            no("there is nothing to open yet")
        }
        Act::JumpBack if model.run.jumps.is_empty() => no("nothing was jumped from"),
        Act::Run if model.run.run.is_none() && model.meant_run().is_none() => no("there is no run yet"),
        Act::Play
        | Act::Forward
        | Act::Backward
        | Act::Faster
        | Act::Slower
        | Act::Begin
        | Act::End
        | Act::SeekNext
        | Act::SeekPrevious
        | Act::SeekTo
            if model.replay.is_none() =>
        {
            no("only in a replay")
        }
        _ => Ok(()),
    }
}

fn writable(model: &Model) -> Result<(), Cow<'static, str>> {
    match (&model.replay, model.why_read_only()) {
        (Some(_), _) => Err(Cow::Borrowed("a replay decides nothing")),
        (None, Some(why)) => Err(Cow::Owned(format!("read-only: {why}"))),
        (None, None) => Ok(()),
    }
}

fn decidable(act: Act, model: &Model) -> Result<(), Cow<'static, str>> {
    if model.screen != Screen::Desk {
        return Err(Cow::Borrowed("only on the desk (3)"));
    }
    if super::panes::Panes::of(model).detail.height == 0 {
        return Err(Cow::Borrowed("open it first (Enter): its text is not on the screen"));
    }
    let Some(entry) = model.desk.shown() else {
        return Err(Cow::Borrowed("nothing waits"));
    };
    writable(model)?;
    if model.desk.asked.contains(&entry.proposal.id) {
        return Err(Cow::Borrowed("the ledger has not answered yet"));
    }
    match entry.state {
        State::Waiting => Ok(()),
        State::Approved if in_grace(entry, model.now) => Err(Cow::Borrowed("already approved; u undoes it")),
        state => Err(Cow::Owned(format!("already {}", state.word()))),
    }
    .and(match act {
        Act::Edit if entry.proposal.payload.is_empty() => {
            Err(Cow::Borrowed("nothing would be sent, so there is no text to edit"))
        }
        Act::TakeRewrite if model.desk.rewritten().is_none() => {
            Err(Cow::Borrowed("no model wrote another text for it"))
        }
        _ => Ok(()),
    })
}

/// The approval that `u` takes back: the one that is shown, else the latest.
pub(super) fn undoable(model: &Model) -> Option<&crate::ledger::Entry> {
    if model.replay.is_some() {
        return None;
    }
    model
        .desk
        .shown()
        .filter(|e| model.screen == Screen::Desk && in_grace(e, model.now))
        .or_else(|| model.desk.latest_in_grace(model.now))
}

/// The table of keys as Markdown, for the README.
pub fn markdown() -> String {
    let mut parts = Vec::new();
    for context in Context::ALL {
        let mut rows = String::new();
        for command in COMMANDS {
            for (_, keys) in command.keys.iter().filter(|(at, _)| *at == context) {
                let keys: Vec<String> =
                    keys.iter().map(|key| format!("`{}`", key.replace('|', "\\|"))).collect();
                let _ = writeln!(rows, "| {} | {} | {} |", keys.join(" "), command.name, command.help);
            }
        }
        if !rows.is_empty() {
            let head = "| key | command | what it does |\n|---|---|---|";
            parts.push(format!("**{}**\n\n{head}\n{rows}", context.title()));
        }
    }
    parts.join("\n")
}

#[cfg(test)]
mod tests {
    use super::super::key::Key;
    use super::*;

    #[test]
    fn every_key_of_the_table_can_be_read_and_means_one_thing_in_its_context() {
        let mut seen = std::collections::HashSet::new();
        for command in COMMANDS {
            for (context, keys) in command.keys {
                for key in *keys {
                    let parsed = Key::parse(key).unwrap_or_else(|| panic!("{key} cannot be read"));
                    assert!(seen.insert((*context, parsed)), "{key} twice in {context:?}");
                }
            }
        }
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<_> = COMMANDS.iter().map(|c| c.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), COMMANDS.len());
        assert_eq!(by_name("q").map(|c| c.act), Some(Act::Quit));
    }

    #[test]
    fn the_key_that_opens_is_not_a_key_that_decides() {
        let open = of(Act::Open).unwrap();
        let deciding = [Act::Approve, Act::Edit, Act::TakeRewrite, Act::Veto, Act::Defer];
        for act in deciding {
            for (_, keys) in of(act).unwrap().keys {
                assert!(open.keys.iter().all(|(_, o)| o.iter().all(|k| !keys.contains(k))));
            }
        }
    }
}
