//! Conduct: how a run is conducted, besides what the rules found. Of each step its manner (where it
//! stands, how it is worded), of the run its course (how much was said, done and refused, and whether
//! its answer stands in what was observed). Numbers and hashes, no texts.
//!
//! The manner serves to rank the steps of a run that failed, the course to say how likely it is that
//! the run failed. Neither is a finding: they raise no alarm.

use rustc_hash::{FxHashMap, FxHashSet};

use super::wording::{Cue, Wording, each_word};
use crate::detect::runner::hash;
use crate::text::clip;
use crate::trace::{
    AgentId, Author, ClosedStep, Effect, EffectKind, EffectStatus, Observation, Run, Status, ToolKind,
};

/// Distinct words of observations that are remembered at most.
const MOST_OBSERVED: usize = 8192;
/// Distinct words of the whole log that are remembered at most.
const MOST_SEEN: usize = 32_768;
/// Distinct terms of the agents' words that are remembered at most.
const MOST_TERMS: usize = 4096;
/// A closing message of at most so many words is an answer that can be looked for in observations.
const ANSWER_WORDS: u32 = 12;

/// The manner of a step, in a few bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Manner {
    marks: u16,
    /// Words of the step: its intent, its message, its call's arguments.
    pub words: u16,
    /// Figures among them.
    pub figures: u16,
    /// The how-manieth act of a worker it is, from 1; 0: of the agent that leads.
    pub worker_act: u16,
    /// How many steps its agent had before, at most 255.
    pub turn: u8,
    /// Figures of at least two digits that stood nowhere in the log before, at most 255.
    pub new_figures: u8,
    /// The share of its words, in hundredths, that stood nowhere in the log before.
    pub novelty: u8,
}

/// A mark of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// A call.
    Call = 1,
    /// The first call of the run.
    FirstCall = 2,
    /// Its call failed.
    Failed = 4,
    /// The step before it was a call with an outcome.
    AfterOutcome = 8,
    /// The call of the step before it failed.
    AfterFailure = 16,
    /// See [`Cue::Assumes`].
    Assumes = 32,
    /// See [`Cue::FromMemory`].
    FromMemory = 64,
    /// It hands work to another agent.
    HandsOver = 128,
    /// See [`Cue::Replans`].
    Replans = 256,
    /// It holds structured data: a ledger, a status report.
    Structured = 512,
    /// It says next to nothing: an end mark, the name of the next speaker.
    Trivial = 1024,
    /// The same call was made before.
    Repeated = 2048,
    /// A message in a line.
    Bare = 4096,
    /// It asks for something.
    Asks = 8192,
    /// Its call went well and brought next to nothing.
    EmptyOutcome = 16_384,
    /// See [`Cue::Refuses`].
    Refuses = 32_768,
}

impl Manner {
    /// Whether it bears a mark.
    pub fn has(self, mark: Mark) -> bool {
        self.marks & mark as u16 != 0
    }

    fn set(&mut self, mark: Mark, on: bool) {
        if on {
            self.marks |= mark as u16;
        }
    }
}

/// The course of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Course {
    /// Words that agents said to a person or to each other.
    pub said: u32,
    /// Words that a person said.
    pub heard: u32,
    /// Orders, bookings, cancellations and requests that came about.
    pub transactions: u32,
    /// Words of the latest closing message; 0: there is none yet, or more was done after it.
    pub answer_words: u32,
    /// How often the rarest word of a short answer was observed before it.
    pub answer_seen: u32,
}

impl Course {
    /// Whether the latest closing message is short enough to be looked for in what was observed.
    pub fn has_short_answer(&self) -> bool {
        (1..=ANSWER_WORDS).contains(&self.answer_words)
    }
}

/// Watches a run and keeps its steps' manner and its course.
#[derive(Debug, Default)]
pub struct Conduct {
    course: Course,
    /// `None` for work on files and commands, where manner and words tell little and cost much.
    talk: Option<Talk>,
}

/// What is kept of a run of talk.
#[derive(Debug, Default)]
struct Talk {
    manner: Vec<Manner>,
    /// How often each word was observed.
    observed: FxHashMap<u64, u32>,
    /// The words of the whole log so far.
    seen: FxHashSet<u64>,
    /// The terms of the agents' words with their counts.
    terms: FxHashMap<Box<str>, u16>,
    calls: FxHashSet<u64>,
    turns: FxHashMap<AgentId, u8>,
    lead: Option<AgentId>,
    worker_acts: u16,
    called: bool,
    /// The step before: whether it was a call with an outcome, and whether that failed.
    before: (bool, bool),
}

impl Conduct {
    /// A watch over a run of talk.
    pub fn of_talk() -> Self {
        Self { talk: Some(Talk::default()), ..Self::default() }
    }

    /// The manner of a closed step; nothing is known of steps of work.
    pub fn manner(&self, step: usize) -> Manner {
        self.talk.as_ref().and_then(|talk| talk.manner.get(step)).copied().unwrap_or_default()
    }

    /// The course so far. Of work only whether there is an answer.
    pub fn course(&self) -> &Course {
        &self.course
    }

    /// The terms of the agents' words with their counts; none but of talk.
    pub fn terms(&self) -> impl Iterator<Item = (&str, u16)> {
        let terms = self.talk.iter().flat_map(|talk| talk.terms.iter());
        terms.map(|(term, count)| (&**term, *count))
    }

    /// Takes in one observation.
    pub fn observe(&mut self, seen: &Observation<'_>, run: &Run) {
        match (&mut self.talk, seen) {
            (Some(talk), _) => talk.observe(seen, run, &mut self.course),
            (None, Observation::Step(step)) => {
                let said = step.message.is_some_and(|message| !message.text.trim().is_empty());
                self.course.answer_words = if said { ANSWER_WORDS + 1 } else { 0 };
            }
            (None, _) => {}
        }
    }
}

impl Talk {
    fn observe(&mut self, seen: &Observation<'_>, run: &Run, course: &mut Course) {
        match seen {
            Observation::Step(step) => self.step(step, course),
            Observation::Prompt { author, passage, .. } => {
                if *author == Author::Person {
                    course.heard += Wording::of(&passage.text, |_| {}).words;
                }
                self.see(&passage.text);
            }
            Observation::System { passage } => self.see(&passage.text),
            Observation::Handoff { step, passage, .. } => {
                // Where no call hands over, the latest message does.
                let latest = || run.steps.last().filter(|s| s.record == passage.record).map(|s| s.id);
                if let Some(manner) = step.or_else(latest).and_then(|step| self.manner.get_mut(step.index()))
                {
                    manner.set(Mark::HandsOver, true);
                }
            }
            _ => {}
        }
    }

    fn see(&mut self, text: &str) {
        let seen = &mut self.seen;
        each_word(text, |word| {
            if seen.len() < MOST_SEEN {
                seen.insert(hash(word));
            }
        });
    }

    fn step(&mut self, seen: &ClosedStep<'_>, course: &mut Course) {
        let step = seen.step;
        let mut said = Wording::default();
        let (mut structured, mut asks, mut bytes) = (false, false, 0);
        let (mut new_words, mut new_figures) = (0u32, 0u32);
        for passage in seen.words() {
            let text = passage.text.as_str();
            said = said.and(Wording::of(text, |word| {
                count(&mut self.terms, word);
                if !self.seen.contains(&hash(word)) {
                    new_words += 1;
                    let figure = word.len() >= 2 && word.bytes().all(|b| b.is_ascii_digit());
                    new_figures += u32::from(figure);
                }
            }));
            structured |= text.contains("\": {") || text.contains("\":{");
            asks |= text.contains('?') || text.contains("lease ") || text.contains("ould you");
            bytes += text.len();
        }
        let argument = match step.tool_kind() {
            // A file's content is not the agent's words.
            Some(ToolKind::Write | ToolKind::Edit) | None => Wording::default(),
            Some(_) => Wording::of(&seen.input.text, |_| {}),
        };
        each_word(seen.tool, |word| count(&mut self.terms, word));
        for passage in seen.words().chain([seen.input]).chain(seen.outcome) {
            self.see(&passage.text);
        }
        let all = said.and(argument);
        let lead = *self.lead.get_or_insert(step.agent);
        let call = !step.is_message();
        let turn = self.turns.entry(step.agent).or_default();
        let mut manner = Manner {
            words: clamp(all.words),
            figures: clamp(all.figures),
            turn: *turn,
            new_figures: u8::try_from(new_figures).unwrap_or(u8::MAX),
            novelty: (new_words * 100 / said.words.max(1)).min(100) as u8,
            ..Manner::default()
        };
        *turn = turn.saturating_add(1);
        if step.agent != lead {
            self.worker_acts = self.worker_acts.saturating_add(1);
            manner.worker_act = self.worker_acts;
        }
        let brought = seen.outcome.map(|outcome| outcome.text.trim());
        manner.set(Mark::Call, call);
        manner.set(Mark::FirstCall, call && !self.called);
        manner.set(Mark::Failed, step.failed());
        manner.set(Mark::AfterOutcome, self.before.0);
        manner.set(Mark::AfterFailure, self.before.1);
        manner.set(Mark::Assumes, all.has(Cue::Assumes));
        manner.set(Mark::FromMemory, all.has(Cue::FromMemory));
        manner.set(Mark::Replans, said.has(Cue::Replans));
        manner.set(Mark::Structured, structured);
        manner.set(Mark::Trivial, !call && all.words < 4);
        manner.set(Mark::Bare, !call && bytes < 120);
        manner.set(Mark::Asks, !call && asks);
        manner.set(Mark::Refuses, said.has(Cue::Refuses));
        manner.set(Mark::EmptyOutcome, call && !step.failed() && brought.is_some_and(is_next_to_nothing));
        manner.set(Mark::Repeated, step.call_hash != 0 && !self.calls.insert(step.call_hash));
        self.called |= call;
        self.before = (call && seen.outcome.is_some(), step.failed());
        course.said += said.words;
        self.take_course(seen, course);
        let index = step.id.index();
        if self.manner.len() <= index {
            self.manner.resize(index + 1, Manner::default());
        }
        if let Some(place) = self.manner.get_mut(index) {
            *place = manner;
        }
    }

    fn take_course(&mut self, seen: &ClosedStep<'_>, course: &mut Course) {
        if let Some(message) = seen.message {
            let (mut words, mut seen_least) = (0, u32::MAX);
            each_word(&message.text, |word| {
                words += 1;
                if !STOP_WORDS.contains(&word) {
                    seen_least = seen_least.min(self.observed.get(&hash(word)).copied().unwrap_or(0));
                }
            });
            course.answer_words = words;
            course.answer_seen = if seen_least == u32::MAX { 0 } else { seen_least };
            return;
        }
        course.answer_words = 0;
        course.answer_seen = 0;
        let done = |e: &&Effect| {
            matches!(e.kind, EffectKind::Transaction | EffectKind::Request | EffectKind::Message)
                && matches!(e.status, EffectStatus::Done | EffectStatus::Unknown)
        };
        course.transactions += seen.effects.iter().filter(done).count() as u32;
        let Some(outcome) = seen.outcome.filter(|_| seen.step.status != Status::Error) else { return };
        let observed = &mut self.observed;
        each_word(&outcome.text, |word| {
            let key = hash(word);
            if let Some(known) = observed.get_mut(&key) {
                *known = known.saturating_add(1);
            } else if observed.len() < MOST_OBSERVED {
                observed.insert(key, 1);
            }
        });
    }
}

/// Words too common to tell whether an answer was observed.
const STOP_WORDS: &[&str] = &[
    "the", "a", "an", "of", "in", "on", "and", "or", "to", "is", "was", "for", "by", "with", "from", "as",
    "at",
];

/// Whether an outcome holds no news: nothing after its frame, an empty value, or the word that nothing
/// was found.
fn is_next_to_nothing(outcome: &str) -> bool {
    let last = outcome.rsplit([':', '\n']).next().unwrap_or(outcome).trim();
    let head = clip(outcome, 200);
    matches!(last, "" | "[]" | "{}" | "0" | "None" | "null" | "False" | "false" | "\"\"")
        || ["not found", "No results", "no results", "no data", "No data"]
            .iter()
            .any(|word| head.contains(word))
}

fn count(terms: &mut FxHashMap<Box<str>, u16>, word: &str) {
    if word.len() < 2 || !word.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return;
    }
    if let Some(known) = terms.get_mut(word) {
        *known = known.saturating_add(1);
    } else if terms.len() < MOST_TERMS {
        terms.insert(word.into(), 1);
    }
}

fn clamp(count: u32) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_without_news_is_told() {
        for outcome in
            ["", "exitcode: 0 (execution succeeded)\nCode output: ", "[]", "result: None", "No results."]
        {
            assert!(is_next_to_nothing(outcome), "{outcome:?}");
        }
        for outcome in ["42", "exitcode: 0\nCode output: 17", "{\"id\": \"W1\"}"] {
            assert!(!is_next_to_nothing(outcome), "{outcome:?}");
        }
    }

    #[test]
    fn terms_are_words_of_two_letters_and_more() {
        let mut terms = FxHashMap::default();
        for word in ["refund", "refund", "a", "42", "x2"] {
            count(&mut terms, word);
        }
        let mut all: Vec<_> = terms.into_iter().map(|(term, n)| (String::from(term), n)).collect();
        all.sort();
        assert_eq!(all, [("refund".to_owned(), 2), ("x2".to_owned(), 1)]);
    }
}
