//! What the console knows: the board, the ledger as last read, and where its reader is.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::engine::{Board, GuardView, RunView};
use crate::ledger::Stopped;
use crate::recover::ProposalId;
use crate::trace::RunId;

use super::decisions::Decisions;
use super::desk::Desk;
use super::fleet::Fleet;
use super::keymap::Keymap;
use super::line::Line;
use super::notices::Notifier;
use super::panes::Panes;
use super::replay::Replay;
use super::run::RunScreen;

/// A screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Screen {
    /// All runs, by need.
    #[default]
    Fleet,
    /// One run.
    Run,
    /// Proposals that wait for a person.
    Desk,
    /// What was decided.
    Decisions,
}

impl Screen {
    /// All screens.
    pub const ALL: [Self; 4] = [Self::Fleet, Self::Run, Self::Desk, Self::Decisions];

    /// Its name.
    pub fn word(self) -> &'static str {
        match self {
            Self::Fleet => "Fleet",
            Self::Run => "Run",
            Self::Desk => "Desk",
            Self::Decisions => "Decisions",
        }
    }
}

/// What lies over the screen and takes the keys.
#[derive(Clone, Debug, PartialEq)]
pub enum Overlay {
    /// Keys that work here.
    Help {
        /// First line shown.
        scroll: usize,
    },
    /// All that was said in toasts.
    Messages {
        /// First line shown.
        scroll: usize,
    },
    /// `:`.
    Palette {
        /// What is typed.
        line: Line,
        /// Which of the offered commands is selected.
        at: usize,
    },
    /// `/`.
    Filter {
        /// What is typed.
        line: Line,
        /// What the filter was before.
        before: String,
        /// What is not understood.
        error: Option<String>,
    },
    /// The reason of a veto is being typed.
    Veto {
        /// Of which proposal.
        proposal: ProposalId,
        /// The text that was on the screen.
        seen: String,
        /// What is typed.
        line: Line,
        /// Since when.
        since: Timestamp,
    },
    /// A question that takes `y` or `n`.
    Confirm {
        /// What is asked.
        question: Question,
        /// Since when.
        since: Timestamp,
    },
    /// A proposal's text is being edited.
    Editing(Editing),
}

/// A question that takes `y` or `n`.
#[derive(Clone, Debug, PartialEq)]
pub enum Question {
    /// Leave although an edited text would be lost.
    Quit {
        /// The editing that goes on if not.
        editing: Editing,
    },
    /// Throw an edited text away.
    Discard {
        /// The editing that goes on if not.
        editing: Editing,
    },
    /// Let the policy hold again.
    Resume {
        /// How many approved texts are then sent.
        due: u32,
    },
    /// Approve what would repeat or leave behind effects that are not harmless.
    Effects {
        /// Which proposal.
        proposal: ProposalId,
        /// The text that was on the screen.
        seen: String,
        /// The text to send instead of the draft, if it was edited.
        text: Option<String>,
        /// The effects, by name.
        effects: Vec<String>,
    },
}

/// A proposal's text is being edited. The widget that edits lives in the screen room; the model holds
/// what it holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Editing {
    /// Of which proposal.
    pub proposal: ProposalId,
    /// The drafted text.
    pub original: String,
    /// The text as it stands in the editor.
    pub text: String,
    /// Counts texts that came from elsewhere (an external editor): the widget then takes the model's.
    pub taken: u32,
}

impl Editing {
    /// Whether something would be lost.
    pub fn changed(&self) -> bool {
        self.text != self.original
    }
}

/// A line said to the operator.
#[derive(Clone, Debug, PartialEq)]
pub struct Toast {
    /// When.
    pub at: Timestamp,
    /// Whether it is about something that went wrong.
    pub grave: bool,
    /// The line.
    pub text: String,
}

/// How long a toast is shown, in seconds; a grave one twice as long.
const TOAST_SECONDS: i64 = 5;
/// How many toasts are kept for `:messages`.
const MESSAGES: usize = 500;
/// For how long keys that decide are not taken after what they would decide has appeared.
pub const GUARD_MILLISECONDS: i64 = 300;

/// What the console knows.
#[derive(Debug)]
pub struct Model {
    /// All runs.
    pub board: Board,
    /// The screen that is shown.
    pub screen: Screen,
    /// What lies over it.
    pub overlay: Option<Overlay>,
    /// Screen 1.
    pub fleet: Fleet,
    /// Screen 2.
    pub run: RunScreen,
    /// Screen 3.
    pub desk: Desk,
    /// Screen 6.
    pub decisions: Decisions,
    /// What limits recoveries; `None` until the ledger has been read.
    pub guard: Option<Box<GuardView>>,
    /// Runs that the ledger said last to be reachable.
    pub(super) reached: HashSet<RunId>,
    /// Set in a replay.
    pub replay: Option<Replay>,
    /// Why nothing may be decided, if the one who started the console says so.
    pub read_only: Option<String>,
    /// Why the ledger cannot be used now, if so.
    pub ledger_lost: Option<String>,
    /// What was looked through at the start, for the empty fleet: places, one a line.
    pub looked: Vec<String>,
    /// Keys.
    pub keymap: Keymap,
    /// Columns of the terminal.
    pub columns: u16,
    /// Rows of the terminal.
    pub rows: u16,
    /// The time of the last tick.
    pub now: Timestamp,
    /// Where the operator's clock stands.
    pub zone: TimeZone,
    /// What the operator is told outside of the screen.
    pub notifier: Notifier,
    /// All that was said, the latest last.
    pub messages: Vec<Toast>,
    /// Until when the last of them is on the screen.
    pub toast_until: Option<Timestamp>,
    /// Percent of the width that the list of steps has.
    pub run_split: u16,
    /// Percent of the width that the list of proposals has.
    pub desk_split: u16,
    /// Whether the splitter is being dragged.
    pub dragging: bool,
    /// Whether something visible changed since the last drawing.
    pub dirty: bool,
    /// Whether the screen must be drawn from nothing (after garbage from elsewhere).
    pub redraw: bool,
    /// Whether it is time to leave.
    pub quitting: bool,
    /// Runs whose assessing was asked for.
    pub(super) opened: HashSet<RunId>,
    /// Problems of the board that were already said.
    pub(super) problems_said: usize,
    /// Whether lists must be built again before they are looked at.
    pub(super) stale: bool,
}

impl Model {
    /// A console that knows nothing yet, at a time, over a terminal of a size.
    pub fn new(now: Timestamp, columns: u16, rows: u16) -> Self {
        Self {
            board: Board::default(),
            screen: Screen::Fleet,
            overlay: None,
            fleet: Fleet::default(),
            run: RunScreen::default(),
            desk: Desk::default(),
            decisions: Decisions::default(),
            guard: None,
            reached: HashSet::new(),
            replay: None,
            read_only: None,
            ledger_lost: None,
            looked: Vec::new(),
            keymap: Keymap::default(),
            columns,
            rows,
            now,
            zone: TimeZone::UTC,
            notifier: Notifier::default(),
            messages: Vec::new(),
            toast_until: None,
            run_split: 46,
            desk_split: 34,
            dragging: false,
            dirty: true,
            redraw: false,
            quitting: false,
            opened: HashSet::new(),
            problems_said: 0,
            stale: true,
        }
    }

    /// The word for where its reader is: LIVE, REPLAY, READ-ONLY, PAUSED; STOPPED while nothing is sent,
    /// BYPASS while budgets and breakers do not count.
    pub fn mode(&self) -> &'static str {
        match (&self.replay, self.why_read_only()) {
            (Some(replay), _) if replay.playing => "REPLAY",
            (Some(_), _) => "PAUSED",
            (None, Some(_)) => "READ-ONLY",
            (None, None) if self.stopped().is_some() => "STOPPED",
            (None, None) if self.guard.as_ref().is_some_and(|guard| guard.bypass(self.now).is_some()) => {
                "BYPASS"
            }
            (None, None) => "LIVE",
        }
    }

    /// Who stopped everything, if somebody did.
    pub fn stopped(&self) -> Option<&Stopped> {
        self.guard.as_ref().and_then(|guard| guard.stopped.as_ref())
    }

    /// Why nothing can be decided, if so.
    pub fn why_read_only(&self) -> Option<&str> {
        self.read_only.as_deref().or(self.ledger_lost.as_deref())
    }

    /// The time against which ages are told: that of the replay, or now.
    pub fn clock(&self) -> Timestamp {
        self.replay.and_then(|r| r.clock).unwrap_or(self.now)
    }

    /// The run that the Run screen shows.
    pub fn open_run(&self) -> Option<&RunView> {
        self.board.run(self.run.run.as_ref()?)
    }

    /// The run that is meant by what is selected, whatever the screen.
    pub fn meant_run(&self) -> Option<RunId> {
        match self.screen {
            Screen::Fleet => self.fleet.rows.selected().cloned(),
            Screen::Run => self.run.run.clone(),
            Screen::Desk => self.desk.shown().map(|e| e.proposal.target.run.clone()),
            Screen::Decisions => self.decisions.shown().map(|e| e.proposal.target.run.clone()),
        }
    }

    /// Says a line to the operator.
    pub fn say(&mut self, grave: bool, text: impl Into<String>) {
        if self.messages.len() >= MESSAGES {
            self.messages.remove(0);
        }
        let seconds = if grave { 2 * TOAST_SECONDS } else { TOAST_SECONDS };
        self.toast_until = self.now.checked_add(jiff::SignedDuration::from_secs(seconds)).ok();
        self.messages.push(Toast { at: self.now, grave, text: crate::text::excerpt(&text.into(), 400) });
        self.dirty = true;
    }

    /// The toast that is on the screen.
    pub fn toast(&self) -> Option<&Toast> {
        self.toast_until.filter(|until| self.now < *until)?;
        self.messages.last()
    }

    /// Whether what appeared at `since` has been there too shortly for keys that decide.
    pub fn guarded(&self, since: Timestamp) -> bool {
        let shown = self.now.duration_since(since);
        shown < jiff::SignedDuration::from_millis(GUARD_MILLISECONDS)
    }

    /// Brings lists and windows up to what the board and the ledger hold. Cheap when nothing changed;
    /// whoever draws calls it first.
    pub fn settle(&mut self) {
        if std::mem::take(&mut self.stale) {
            let waiting = self.desk.waiting_by_run();
            self.fleet.refresh(&self.board, &waiting);
            if self.desk.refresh() {
                self.desk.shown_since = self.now;
            }
            self.decisions.refresh();
            if let Some(view) = self.run.run.as_ref().and_then(|id| self.board.run(id)) {
                self.run.refresh(view);
            }
        }
        let panes = Panes::of(self);
        let height = usize::from(panes.list.height);
        match self.screen {
            Screen::Fleet => self.fleet.rows.settle(height),
            Screen::Run => self.run.settle(height),
            Screen::Desk => self.desk.rows.settle(height),
            Screen::Decisions => self.decisions.rows.settle(height),
        }
    }

    /// When the next tick is needed because something on the screen changes with time alone; `None`:
    /// never.
    pub fn next_tick(&self) -> Option<Timestamp> {
        let after = |ms: i64| self.now.checked_add(jiff::SignedDuration::from_millis(ms)).ok();
        let toast = self.toast_until.filter(|until| *until > self.now);
        let grace = self.desk.soonest_grace(self.now).and_then(|until| {
            // At each whole second before the end, so that the count on the screen is right.
            let left = until.duration_since(self.now).as_millis() as i64;
            let part = left % 1000;
            after(if part == 0 { 1000 } else { part })
        });
        let ages = match self.screen {
            Screen::Fleet | Screen::Desk if self.replay.is_none() && !self.board.runs().is_empty() => {
                let second = self.now.as_second().rem_euclid(60);
                after((60 - second) * 1000)
            }
            _ => None,
        };
        [toast, grace, ages].into_iter().flatten().min()
    }

    /// Waiting proposals by run.
    pub fn waiting_by_run(&self) -> HashMap<RunId, usize> {
        self.desk.waiting_by_run()
    }
}

/// How long ago something was, in at most four cells: `now`, `2m`, `3h`, `5d`, `1y`.
pub fn age(now: Timestamp, then: Timestamp) -> String {
    let seconds = now.duration_since(then).as_secs();
    match seconds {
        ..60 => "now".to_owned(),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..172_800 => format!("{}h", seconds / 3_600),
        172_800..63_072_000 => format!("{}d", seconds / 86_400),
        _ => format!("{}y", seconds / 31_536_000),
    }
}

/// The time of day on the operator's clock.
pub fn time_of_day(zone: &TimeZone, time: Timestamp) -> String {
    let zoned = time.to_zoned_datetime(zone.clone());
    format!("{:02}:{:02}:{:02}", zoned.hour(), zoned.minute(), zoned.second())
}

/// The day and the time of day on the operator's clock.
pub fn day_and_time(zone: &TimeZone, time: Timestamp) -> String {
    let zoned = time.to_zoned_datetime(zone.clone());
    format!(
        "{:02}-{:02} {:02}:{:02}:{:02}",
        zoned.month(),
        zoned.day(),
        zoned.hour(),
        zoned.minute(),
        zoned.second()
    )
}
