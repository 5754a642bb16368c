//! Notifications: what the operator is told outside of the screen, and when not. Pure: the time is a
//! parameter.
//!
//! Told is a proposal that has newly come to wait, a run that is newly held, a breaker that opened. The
//! same of the same run is told once in a cool-down, nothing is told in the quiet hours, and nothing of
//! a proposal that the operator is looking at.

use std::collections::{HashMap, HashSet};

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::ledger::{Entry, State};
use crate::recover::ProposalId;
use crate::text::{excerpt, quoted};
use crate::trace::RunId;

use super::desk::deferred;
use super::msg::LedgerView;

/// How many keys are kept: the oldest go first.
const MOST: usize = 4_096;
const TEXT_BYTES: usize = 200;

/// How the operator is told, and when not.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// By the terminal's bell.
    pub bell: bool,
    /// By an escape sequence that terminals show as a notification.
    pub sequence: Sequence,
    /// By this program with these arguments, the notice as JSON on its standard input; empty: by none.
    pub command: Vec<String>,
    /// For how long the same of the same run is not told again.
    pub cool_down: SignedDuration,
    /// From when to when, by the operator's clock, nothing is told. The end may lie on the next day.
    pub quiet: Option<(Time, Time)>,
}

/// An escape sequence for notifications.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sequence {
    /// None.
    #[default]
    None,
    /// OSC 9: iTerm2, Windows Terminal, kitty, Ghostty, WezTerm.
    Osc9,
    /// OSC 777: rxvt-unicode, foot, Ghostty, WezTerm; has a title.
    Osc777,
}

impl Settings {
    /// Whether anything is told at all.
    pub fn any(&self) -> bool {
        self.bell || self.sequence != Sequence::None || !self.command.is_empty()
    }

    fn is_quiet(&self, at: Time) -> bool {
        match self.quiet {
            None => false,
            Some((from, to)) if from <= to => from <= at && at < to,
            Some((from, to)) => at >= from || at < to,
        }
    }
}

/// Something to be told.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum Happening {
    /// A proposal waits for a person.
    Proposal {
        /// Its id.
        proposal: String,
        /// The run; through the gate.
        run: String,
        /// The rule.
        rule: String,
        /// What was found, one sentence; through the gate.
        sentence: String,
        /// P(the step is wrong).
        p_wrong: f64,
    },
    /// A run is held for the operator.
    Held {
        /// The run; through the gate.
        run: String,
    },
    /// A breaker opened: from now on everything waits for a person.
    Breaker {
        /// Which, and why, one clause; through the gate.
        what: String,
    },
}

impl Happening {
    /// What is told once in a cool-down.
    fn key(&self) -> String {
        match self {
            Self::Proposal { run, rule, .. } => format!("{run}\n{rule}"),
            Self::Held { run } => format!("{run}\n\nheld"),
            Self::Breaker { what } => format!("\n\nbreaker\n{what}"),
        }
    }
}

/// A notification.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    /// What happened.
    pub happening: Happening,
    /// A few words; through the gate, one line.
    pub title: String,
    /// One line; through the gate.
    pub text: String,
    /// When.
    pub at: Timestamp,
}

impl Notice {
    fn of(happening: Happening, at: Timestamp) -> Self {
        let (title, text) = match &happening {
            Happening::Proposal { run, sentence, .. } => {
                ("medbay: a proposal waits", format!("{}: {sentence}", quoted(run, 40)))
            }
            Happening::Held { run } => {
                ("medbay: a run is held", format!("{} waits for you", quoted(run, 40)))
            }
            Happening::Breaker { what } => ("medbay: a breaker opened", what.clone()),
        };
        Self { title: title.to_owned(), text: excerpt(&text, TEXT_BYTES), happening, at }
    }

    /// The notice as one line of JSON, for a command's standard input.
    pub fn to_json(&self) -> String {
        let mut object = serde_json::to_value(&self.happening).unwrap_or_default();
        if let Some(object) = object.as_object_mut() {
            object.insert("title".to_owned(), self.title.clone().into());
            object.insert("text".to_owned(), self.text.clone().into());
            object.insert("at".to_owned(), self.at.to_string().into());
        }
        object.to_string()
    }
}

/// Remembers what was told.
#[derive(Debug, Default)]
pub struct Notifier {
    /// How and when not.
    pub settings: Settings,
    /// When each was told last.
    told: HashMap<String, Timestamp>,
    /// Proposals that were there when somebody last looked; `None`: nobody has looked yet.
    waiting: Option<HashSet<ProposalId>>,
    held: HashSet<RunId>,
    /// Breakers that were open when somebody last looked.
    breakers: Option<Vec<String>>,
}

impl Notifier {
    /// Whether something is told now. `looking_at` is the proposal whose text is on the screen.
    pub fn consider(
        &mut self,
        happening: Happening,
        looking_at: Option<&Entry>,
        now: Timestamp,
        zone: &TimeZone,
    ) -> Option<Notice> {
        if !self.settings.any() || self.settings.is_quiet(zone.to_datetime(now).time()) {
            return None;
        }
        let seen = looking_at.is_some_and(|entry| match &happening {
            Happening::Proposal { proposal, .. } => entry.proposal.id.as_str() == proposal,
            Happening::Held { run } => excerpt(entry.proposal.target.run.as_str(), 80) == *run,
            Happening::Breaker { .. } => false,
        });
        if seen {
            return None;
        }
        let key = happening.key();
        // A clock that was put back holds nothing up.
        let lately = |told: &Timestamp| *told <= now && now.duration_since(*told) < self.settings.cool_down;
        if self.told.get(&key).is_some_and(lately) {
            return None;
        }
        if self.told.len() >= MOST {
            let cool_down = self.settings.cool_down;
            self.told.retain(|_, told| *told <= now && now.duration_since(*told) < cool_down);
            if self.told.len() >= MOST {
                self.told.clear();
            }
        }
        self.told.insert(key, now);
        Some(Notice::of(happening, now))
    }

    /// What is told of the ledger as it now stands. What was there at the first look is not news.
    pub fn look(
        &mut self,
        view: &LedgerView,
        looking_at: Option<&Entry>,
        now: Timestamp,
        zone: &TimeZone,
    ) -> Vec<Notice> {
        let LedgerView { desk, reach, .. } = view;
        let waits = |entry: &&Entry| entry.state == State::Waiting && !deferred(entry);
        let waiting: HashSet<ProposalId> =
            desk.iter().filter(waits).map(|entry| entry.proposal.id.clone()).collect();
        let held: HashSet<RunId> =
            reach.iter().filter(|(_, reached)| reached.held).map(|(run, _)| run.clone()).collect();
        let before = self.waiting.replace(waiting);
        let held_before = std::mem::replace(&mut self.held, held.clone());
        let Some(before) = before else { return Vec::new() };
        let mut notices = Vec::new();
        for entry in desk.iter().filter(waits).filter(|entry| !before.contains(&entry.proposal.id)) {
            let proposal = &entry.proposal;
            let happening = Happening::Proposal {
                proposal: proposal.id.to_string(),
                run: excerpt(proposal.target.run.as_str(), 80),
                rule: excerpt(&proposal.rule, 80),
                sentence: excerpt(&proposal.sentence, TEXT_BYTES),
                p_wrong: proposal.p_wrong.get(),
            };
            notices.extend(self.consider(happening, looking_at, now, zone));
        }
        let mut newly: Vec<&RunId> = held.difference(&held_before).collect();
        newly.sort_unstable();
        for run in newly {
            let happening = Happening::Held { run: excerpt(run.as_str(), 80) };
            notices.extend(self.consider(happening, looking_at, now, zone));
        }
        notices
    }

    /// What is told of the breakers that are open now, one clause each. What was open at the first look
    /// is not news.
    pub fn look_at_breakers(&mut self, open: Vec<String>, now: Timestamp, zone: &TimeZone) -> Vec<Notice> {
        let Some(before) = self.breakers.replace(open.clone()) else { return Vec::new() };
        let new = open.iter().filter(|what| !before.contains(what));
        let happenings = new.map(|what| Happening::Breaker { what: excerpt(what, TEXT_BYTES) });
        happenings.filter_map(|happening| self.consider(happening, None, now, zone)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Reach, Reached};
    use crate::recover::proposal::tests::proposal;

    fn at(seconds: i64) -> Timestamp {
        // 2027-01-15 08:00:00 UTC.
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn notifier() -> Notifier {
        let settings =
            Settings { bell: true, cool_down: SignedDuration::from_secs(300), ..Settings::default() };
        Notifier { settings, ..Notifier::default() }
    }

    fn entry(rule: &str) -> Entry {
        Entry {
            proposal: proposal(rule),
            state: State::Waiting,
            drafted: at(0),
            grace_until: None,
            decision: None,
            delivery: None,
            outcome: crate::recover::Outcome::Unknown,
            note: String::new(),
        }
    }

    fn breaker() -> Happening {
        Happening::Breaker { what: "fleet: 5 of 8 did not recover".into() }
    }

    fn view(desk: &[Entry], held: &[&str]) -> LedgerView {
        let held_now = || Reached { reach: Reach::Gated, via: String::new(), held: true };
        let reach = held.iter().map(|run| (RunId::new(run), held_now())).collect();
        LedgerView { desk: desk.to_vec(), reach, ..LedgerView::default() }
    }

    fn told(notifier: &mut Notifier, desk: &[Entry], seconds: i64) -> usize {
        notifier.look(&view(desk, &[]), None, at(seconds), &TimeZone::UTC).len()
    }

    #[test]
    fn what_is_there_at_the_first_look_is_no_news_and_what_comes_later_is() {
        let mut notifier = notifier();
        assert_eq!(told(&mut notifier, &[entry("a")], 0), 0);
        assert_eq!(told(&mut notifier, &[entry("a")], 1), 0);
        assert_eq!(told(&mut notifier, &[entry("a"), entry("b")], 2), 1);
        assert_eq!(told(&mut notifier, &[entry("a"), entry("b")], 3), 0);
    }

    #[test]
    fn the_same_rule_of_the_same_run_is_told_once_in_a_cool_down() {
        let mut notifier = notifier();
        told(&mut notifier, &[], 0);
        let mut again = entry("a");
        again.proposal.id = ProposalId::stored("0123456789ab");
        assert_eq!(told(&mut notifier, &[entry("a")], 1), 1);
        assert_eq!(told(&mut notifier, &[again.clone()], 2), 0, "another proposal of the same");
        assert_eq!(told(&mut notifier, &[], 3), 0);
        assert_eq!(told(&mut notifier, &[again], 302), 1, "after the cool-down");
    }

    #[test]
    fn a_clock_that_goes_back_holds_nothing_up() {
        let mut notifier = notifier();
        assert!(notifier.consider(breaker(), None, at(1_000), &TimeZone::UTC).is_some());
        assert!(notifier.consider(breaker(), None, at(0), &TimeZone::UTC).is_some());
    }

    #[test]
    fn nothing_is_told_of_what_is_being_looked_at() {
        let mut notifier = notifier();
        told(&mut notifier, &[], 0);
        let shown = entry("a");
        let desk = [entry("a"), entry("b")];
        let notices = notifier.look(&view(&desk, &[]), Some(&shown), at(1), &TimeZone::UTC);
        assert_eq!(notices.len(), 1);
        assert!(matches!(&notices[0].happening, Happening::Proposal { rule, .. } if rule == "b"));
        let held = view(&desk, &["r", "s"]);
        let notices = notifier.look(&held, Some(&shown), at(2), &TimeZone::UTC);
        assert_eq!(notices.len(), 1, "the run of the proposal that is shown is not told of");
        assert!(notifier.look(&held, None, at(3), &TimeZone::UTC).is_empty(), "held as before");
    }

    #[test]
    fn the_quiet_hours_are_kept_over_midnight_too() {
        let quiet = |from: i8, to: i8| {
            let mut notifier = notifier();
            notifier.settings.quiet =
                Some((Time::new(from, 0, 0, 0).unwrap(), Time::new(to, 0, 0, 0).unwrap()));
            // It is eight in the morning.
            notifier.consider(breaker(), None, at(0), &TimeZone::UTC).is_none()
        };
        assert!(quiet(7, 9) && quiet(22, 9) && quiet(8, 9));
        assert!(!quiet(9, 22) && !quiet(22, 7) && !quiet(6, 8));
    }

    #[test]
    fn a_breaker_that_opens_is_told_once() {
        let mut notifier = notifier();
        let mut look = |open: &[&str], second| {
            let open = open.iter().map(|what| (*what).to_owned()).collect();
            notifier.look_at_breakers(open, at(second), &TimeZone::UTC)
        };
        assert!(look(&[], 0).is_empty());
        let notices = look(&["fleet: 5 of 8\nfailed"], 1);
        assert_eq!(notices.len(), 1);
        assert_eq!(notices[0].text, "fleet: 5 of 8⏎failed");
        assert!(look(&["fleet: 5 of 8\nfailed"], 2).is_empty());
    }

    #[test]
    fn who_asked_for_nothing_is_told_nothing() {
        let mut silent = Notifier::default();
        told(&mut silent, &[], 0);
        assert_eq!(told(&mut silent, &[entry("a")], 1), 0);
    }

    #[test]
    fn deferred_proposals_and_those_on_their_way_are_no_news() {
        let mut notifier = notifier();
        told(&mut notifier, &[], 0);
        let mut approved = entry("a");
        approved.state = State::Approved;
        assert_eq!(told(&mut notifier, &[approved], 1), 0);
    }

    #[test]
    fn hostile_text_becomes_marks_and_json_stays_one_line() {
        let mut notifier = notifier();
        told(&mut notifier, &[], 0);
        let mut hostile = entry("a");
        hostile.proposal.sentence = "x\u{1b}]9;y\u{7}\n\u{202e}\u{9c}".repeat(40);
        hostile.proposal.target.run = RunId::new("r\u{1b}\\\n");
        let notice = notifier.look(&view(&[hostile], &[]), None, at(1), &TimeZone::UTC).remove(0);
        let json = notice.to_json();
        for text in [&notice.text, &notice.title, &json] {
            assert!(!text.chars().any(crate::text::is_hostile), "{text:?}");
        }
        assert!(notice.text.len() <= TEXT_BYTES);
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!((&read["event"], &read["rule"]), (&"proposal".into(), &"a".into()));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut notifier = notifier();
        for n in 0..3 * MOST {
            let happening = Happening::Breaker { what: n.to_string() };
            notifier.consider(happening, None, at(0), &TimeZone::UTC);
        }
        assert!(notifier.told.len() <= MOST);
    }
}
