//! Outcomes: what happened to a run after a delivery, or, where nothing was sent, after it would have
//! been. The steps are gone through in their order, and the first that shows something decides, so that
//! the outcome does not hang on when somebody looked.
//!
//! Recovered needs something that was seen: the named check passed, the call that failed worked, or the
//! claim was made again after something was looked at, with nothing against it. Silence is unknown.

use serde::{Deserialize, Serialize};

use super::proposal::{Proposal, Remedy};
use super::trail::{Mark, Trail, passes};
use crate::text::quoted;
use crate::trace::StateWord;

/// After how many of the agent's steps nobody looks any longer.
pub const STEPS: usize = 200;
/// How often a call may fail again while it is being retried.
const RETRIES: usize = super::means::PAUSES.len();

/// What happened to the run after a delivery.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The finding cleared.
    Recovered,
    /// It did not.
    NotRecovered,
    /// Nobody can say yet.
    #[default]
    Unknown,
}

impl Outcome {
    /// The words for it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Recovered => "recovered",
            Self::NotRecovered => "not recovered",
            Self::Unknown => "unknown",
        }
    }

    /// The outcome that these words stand for.
    pub fn of_words(words: &str) -> Self {
        match words {
            "recovered" => Self::Recovered,
            "not recovered" => Self::NotRecovered,
            _ => Self::Unknown,
        }
    }
}

/// What the steps since show.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shown {
    /// The outcome.
    pub outcome: Outcome,
    /// The step that shows it.
    pub step: Option<u32>,
    /// Why, one sentence; through the gate.
    pub why: String,
    /// Nothing that comes later will change it.
    pub closed: bool,
}

/// What became of the run since step `since`, as far as a proposal asked for something.
pub fn of(proposal: &Proposal, since: u32, trail: &Trail) -> Shown {
    let Some(agent) = trail.agent(&proposal.target.agent) else { return Shown::default() };
    let target = trail.mark(proposal.target.step).filter(|mark| mark.agent == agent.0);
    let mut watch = Watch { proposal, target, trail, failed_again: 0, looked: false, said: None };
    let mine = trail.marks.iter().filter(|mark| mark.agent == agent.0 && mark.step >= since);
    let mut seen = 0;
    for mark in mine {
        if let Some((outcome, why)) = watch.take(mark) {
            // A finding that holds only if the log ends here may go again.
            let closed = !(mark.provisional && outcome == Outcome::NotRecovered);
            return Shown { outcome, step: Some(mark.step), why, closed };
        }
        seen += 1;
        if seen >= STEPS {
            let why = format!("nothing showed it within {STEPS} steps");
            return Shown { outcome: Outcome::Unknown, step: Some(mark.step), why, closed: true };
        }
    }
    match (trail.state, watch.said) {
        (StateWord::Failed, _) if seen > 0 => Shown {
            outcome: Outcome::NotRecovered,
            step: trail.marks.last().map(|mark| mark.step),
            why: "the run ended with an error before anything showed that it is mended".to_owned(),
            closed: true,
        },
        (_, Some((step, why))) => {
            Shown { outcome: Outcome::Unknown, step: Some(step), why: why.to_owned(), closed: false }
        }
        _ => Shown { why: "nothing has shown it yet".to_owned(), ..Shown::default() },
    }
}

/// What has been seen so far.
struct Watch<'a> {
    proposal: &'a Proposal,
    /// The step that the proposal is about.
    target: Option<&'a Mark>,
    trail: &'a Trail,
    /// How often the same call has failed again.
    failed_again: usize,
    /// Something was looked at or done since.
    looked: bool,
    /// What the agent has said that decides nothing: the step and why.
    said: Option<(u32, &'static str)>,
}

impl Watch<'_> {
    fn take(&mut self, mark: &Mark) -> Option<(Outcome, String)> {
        let proposal = self.proposal;
        if mark.found.contains(&proposal.rule.as_str()) {
            return Some((Outcome::NotRecovered, "the same was found again".to_owned()));
        }
        if let Some(check) = proposal.check.as_deref()
            && passes(check, mark)
        {
            return Some((Outcome::Recovered, format!("`{check}` was seen to pass")));
        }
        if mark.is_message() {
            return self.message(mark);
        }
        self.looked |= mark.worked();
        self.call(mark)
    }

    fn call(&mut self, mark: &Mark) -> Option<(Outcome, String)> {
        let target = self.target.filter(|target| !target.is_message())?;
        let name = |mark: &Mark| mark.tool.map_or("", |(tool, _)| self.trail.tool(tool)).to_owned();
        let same = mark.call == target.call;
        if same && mark.failed() {
            self.failed_again += 1;
            let most = if self.proposal.remedy == Remedy::Retry { RETRIES } else { 1 };
            return (self.failed_again >= most).then(|| {
                let times = match self.failed_again {
                    1 => "again".to_owned(),
                    times => format!("{times} times more"),
                };
                (Outcome::NotRecovered, format!("the same call was made {times} and failed"))
            });
        }
        if same && mark.came == target.came && target.came != 0 && self.proposal.remedy != Remedy::Retry {
            return Some((
                Outcome::NotRecovered,
                "the same call was made again and brought the same".to_owned(),
            ));
        }
        // A check that was named is what counts.
        if !mark.worked() || !target.failed() || self.proposal.check.is_some() {
            return None;
        }
        let ((tool, kind), (of, of_kind)) = (mark.tool?, target.tool?);
        match self.proposal.remedy {
            Remedy::Retry => {
                same.then(|| (Outcome::Recovered, "the call was repeated and worked".to_owned()))
            }
            Remedy::ToolSubstitution => (tool != of && kind == of_kind)
                .then(|| (Outcome::Recovered, format!("{} did it in place of {}", name(mark), name(target)))),
            // One shell command that works says nothing of another.
            _ if tool == of && of_kind != crate::trace::ToolKind::Shell => {
                Some((Outcome::Recovered, format!("{} was called otherwise and worked", name(mark))))
            }
            _ => None,
        }
    }

    fn message(&mut self, mark: &Mark) -> Option<(Outcome, String)> {
        if gives_up(&mark.label) {
            let why = format!("it says that it cannot: {}", quoted(&mark.label, 100));
            return Some((Outcome::NotRecovered, why));
        }
        if !mark.found.is_empty() {
            self.said = Some((mark.step, "its next message has something else against it"));
        } else if self.proposal.check.is_some() {
            self.said = Some((mark.step, "it went on without the check that was named"));
        } else if !self.looked {
            self.said = Some((mark.step, "it answered and had looked at nothing in between"));
        } else if self.target.is_none_or(|target| target.is_message()) {
            return Some((
                Outcome::Recovered,
                "it looked, and said it again with nothing against it".to_owned(),
            ));
        } else {
            self.said = Some((mark.step, "it went on with other things"));
        }
        None
    }
}

/// Whether an agent says, at the beginning of a message, that it cannot do what was asked.
pub fn gives_up(text: &str) -> bool {
    const WORDS: &[&str] = &[
        "i cannot",
        "i can't",
        "i can’t",
        "i am unable",
        "i'm unable",
        "i’m unable",
        "i was unable",
        "i am not able",
        "i'm not able",
        "i was not able",
        "i could not",
        "i couldn't",
        "i couldn’t",
        "i have not been able",
        "i haven't been able",
        "it is not possible",
        "it's not possible",
        "this cannot be done",
        "unfortunately, i",
    ];
    /// "I cannot find any failure" tells of success.
    const NOTHING_WRONG: &[&str] =
        &["find any", "see any", "find a problem", "find an error", "reproduce", "detect any", "spot any"];
    let lower = text.to_lowercase();
    WORDS.iter().any(|word| lower.contains(word)) && !NOTHING_WRONG.iter().any(|fine| lower.contains(fine))
}

/// A proposal as earlier recoveries of the same run leave it: what did not help twice is a person's to
/// decide, and what did not help three times ends the run. `failures` counts recoveries for the same
/// agent and rule that were delivered and did not recover.
pub fn after_failures(mut proposal: Proposal, failures: u32) -> Proposal {
    let (remedy, why) = match failures {
        0 | 1 => return proposal,
        2 => (Remedy::Escalate, "two recoveries for the same did not help: look at it yourself"),
        _ => (Remedy::Stop, "three recoveries for the same did not help: end the run"),
    };
    if proposal.remedy < remedy {
        proposal.remedy = remedy;
        proposal.why = why.to_owned();
        proposal.payload = super::draft::give_up_payload(&proposal);
        proposal.means.clear();
    }
    proposal
}

#[cfg(test)]
mod tests {
    use super::super::trail::tests::{mark, trail};
    use super::*;
    use crate::recover::proposal::tests::proposal;
    use crate::trace::Status;

    const CHECK: Option<&str> = Some("cargo test");

    fn about(remedy: Remedy, step: u32, check: Option<&str>) -> Proposal {
        let mut proposal = proposal("claim.x");
        proposal.remedy = remedy;
        proposal.target.step = step;
        proposal.check = check.map(str::to_owned);
        proposal
    }

    fn message(step: u32, text: &str) -> Mark {
        mark(step, None, 0, Status::Ok, text)
    }

    fn call(step: u32, hash: u64, status: Status) -> Mark {
        mark(step, Some(1), hash, status, "find_order 7")
    }

    #[test]
    fn the_named_check_is_what_counts() {
        let about = about(Remedy::CorrectivePrompt, 0, CHECK);
        let mut marks = vec![message(0, "All tests pass."), mark(1, Some(0), 5, Status::Ok, "ls")];
        marks.push(message(2, "All tests pass now."));
        let shown = of(&about, 1, &trail(marks.clone()));
        assert_eq!((shown.outcome, shown.closed), (Outcome::Unknown, false));
        assert!(shown.why.contains("without the check"), "{}", shown.why);
        marks.push(mark(3, Some(0), 6, Status::Ok, "cargo test"));
        let shown = of(&about, 1, &trail(marks));
        assert_eq!((shown.outcome, shown.step), (Outcome::Recovered, Some(3)));
        assert_eq!(shown.why, "`cargo test` was seen to pass");
    }

    #[test]
    fn a_check_that_passed_before_the_delivery_shows_nothing() {
        let marks = vec![message(0, "All tests pass."), mark(1, Some(0), 6, Status::Ok, "cargo test")];
        let shown = of(&about(Remedy::CorrectivePrompt, 0, CHECK), 2, &trail(marks));
        assert_eq!(shown.outcome, Outcome::Unknown);
    }

    #[test]
    fn the_same_again_is_not_recovered_whatever_comes_later() {
        let mut again = message(1, "All tests pass.");
        again.found = vec!["claim.x"];
        let marks = vec![message(0, "All tests pass."), again, mark(2, Some(0), 6, Status::Ok, "cargo test")];
        let shown = of(&about(Remedy::CorrectivePrompt, 0, CHECK), 1, &trail(marks));
        assert_eq!((shown.outcome, shown.step), (Outcome::NotRecovered, Some(1)));
    }

    #[test]
    fn a_claim_made_again_counts_when_something_was_looked_at() {
        let about = about(Remedy::CorrectivePrompt, 0, None);
        let bare = vec![message(0, "42 rows."), message(1, "41 rows.")];
        let shown = of(&about, 1, &trail(bare));
        assert_eq!(shown.outcome, Outcome::Unknown);
        assert!(shown.why.contains("looked at nothing"));
        let looked =
            vec![message(0, "42 rows."), mark(1, Some(0), 5, Status::Ok, "wc -l"), message(2, "41 rows.")];
        assert_eq!(of(&about, 1, &trail(looked)).outcome, Outcome::Recovered);
        let mut other = message(2, "41 rows.");
        other.found = vec!["claim.y"];
        let against = vec![message(0, "42 rows."), mark(1, Some(0), 5, Status::Ok, "wc -l"), other];
        assert_eq!(of(&about, 1, &trail(against)).outcome, Outcome::Unknown);
    }

    #[test]
    fn who_says_that_it_cannot_has_not_recovered() {
        let marks = vec![message(0, "Done."), message(1, "I could not run the tests here.")];
        let shown = of(&about(Remedy::CorrectivePrompt, 0, CHECK), 1, &trail(marks));
        assert_eq!(shown.outcome, Outcome::NotRecovered);
        assert!(shown.why.contains("I could not run"));
        assert!(!gives_up("I could not find any failure."));
        assert!(!gives_up("All done, nothing is left."));
    }

    #[test]
    fn a_retry_may_fail_as_often_as_it_has_pauses() {
        let about = about(Remedy::Retry, 0, None);
        let failing = |n: u32| (0..n).map(|step| call(step, 9, Status::Error)).collect::<Vec<_>>();
        assert_eq!(of(&about, 1, &trail(failing(3))).outcome, Outcome::Unknown);
        let shown = of(&about, 1, &trail(failing(4)));
        assert_eq!((shown.outcome, shown.step), (Outcome::NotRecovered, Some(3)));
        let mut worked = failing(2);
        worked.push(call(2, 9, Status::Ok));
        assert_eq!(of(&about, 1, &trail(worked)).outcome, Outcome::Recovered);
    }

    #[test]
    fn a_mended_call_must_work_and_the_same_call_must_not_fail_again() {
        let about = about(Remedy::ArgumentRepair, 0, None);
        let mended = vec![call(0, 9, Status::Error), call(1, 10, Status::Ok)];
        assert_eq!(of(&about, 1, &trail(mended)).outcome, Outcome::Recovered);
        let same = vec![call(0, 9, Status::Error), call(1, 9, Status::Error)];
        assert_eq!(of(&about, 1, &trail(same)).outcome, Outcome::NotRecovered);
        let unknown = vec![call(0, 9, Status::Error), call(1, 10, Status::Unknown)];
        assert_eq!(of(&about, 1, &trail(unknown)).outcome, Outcome::Unknown);
    }

    #[test]
    fn a_shell_command_that_works_says_nothing_of_another() {
        let marks =
            vec![mark(0, Some(0), 9, Status::Error, "cargo build"), mark(1, Some(0), 10, Status::Ok, "ls")];
        assert_eq!(of(&about(Remedy::CorrectivePrompt, 0, None), 1, &trail(marks)).outcome, Outcome::Unknown);
    }

    #[test]
    fn nobody_waits_for_ever() {
        let marks =
            (0..=STEPS as u32).map(|n| mark(n, Some(0), u64::from(n) + 1, Status::Ok, "ls")).collect();
        let shown = of(&about(Remedy::CorrectivePrompt, 0, CHECK), 1, &trail(marks));
        assert_eq!((shown.outcome, shown.closed), (Outcome::Unknown, true));
    }

    #[test]
    fn a_run_that_ends_with_an_error_has_not_recovered() {
        let mut ended = trail(vec![message(0, "Done."), mark(1, Some(0), 5, Status::Ok, "ls")]);
        ended.state = StateWord::Failed;
        assert_eq!(of(&about(Remedy::CorrectivePrompt, 0, CHECK), 1, &ended).outcome, Outcome::NotRecovered);
    }

    #[test]
    fn the_outcome_is_the_same_whenever_one_looks() {
        let about = about(Remedy::CorrectivePrompt, 0, CHECK);
        let mut marks = vec![message(0, "Done."), mark(1, Some(0), 6, Status::Ok, "cargo test")];
        let early = of(&about, 1, &trail(marks.clone()));
        let mut again = message(2, "Done.");
        again.found = vec!["claim.x"];
        marks.push(again);
        assert_eq!(of(&about, 1, &trail(marks)), early);
    }

    #[test]
    fn what_did_not_help_goes_to_a_person_and_then_ends_the_run() {
        let draft = about(Remedy::CorrectivePrompt, 0, CHECK);
        assert_eq!(after_failures(draft.clone(), 1), draft);
        assert_eq!(after_failures(draft.clone(), 2).remedy, Remedy::Escalate);
        let stopped = after_failures(draft, 5);
        assert_eq!(stopped.remedy, Remedy::Stop);
        assert!(stopped.payload.starts_with("Operator: Stop here "), "{}", stopped.payload);
    }
}
