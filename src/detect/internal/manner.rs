//! The manner of thoughts over several steps: doubt that grows, and confidence that does not heed
//! errors. Both read words alone and weigh little.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use super::{Aspect, Basis, Class, EVIDENCE_BYTES, Evidence, Finding, Part, Rule, fault, speech};
use crate::trace::{AgentId, ClosedStep, Passage, Probability, RecordRef};

/// Doubt grows.
pub(super) static RISING_DOUBT: Rule = Rule {
    id: "internal.rising-doubt",
    class: Class::InconsistentReasoning,
    basis: Basis::Internal,
    speaks_of: Aspect::Consistency,
    summary: "The latest thoughts hedge far more than those before them.",
    example: "hedges 6 times in 100 words of late, 1 time before: \"maybe the cache is stale, or perhaps not\"",
    proven: false,
};

/// Confidence in spite of errors.
pub(super) static CONFIDENT_AMID_ERRORS: Rule = Rule {
    id: "internal.confident-amid-errors",
    class: Class::InconsistentReasoning,
    basis: Basis::Internal,
    speaks_of: Aspect::Consistency,
    summary: "Thoughts grow sure of themselves while more and more calls fail.",
    example: "thinks \"this will definitely work\" while 4 of the last 6 calls failed, 1 of the 6 before",
    proven: false,
};

const HEDGES: &[&str] = &[
    "maybe",
    "perhaps",
    "possibly",
    "probably",
    "might",
    "unsure",
    "uncertain",
    "unclear",
    "guess",
    "seems",
    "seemingly",
    "apparently",
    "presumably",
    "hopefully",
    "confusing",
    "confused",
    "puzzling",
    "strange",
    "odd",
    "not sure",
    "i wonder",
    "hard to say",
];
const CONFIDENT: &[&str] = &[
    "definitely",
    "certainly",
    "clearly",
    "obviously",
    "surely",
    "of course",
    "no doubt",
    "undoubtedly",
    "confident",
    "perfect",
    "great",
    "excellent",
    "easy",
    "simple",
    "exactly",
    "guaranteed",
    "this will work",
    "should work now",
    "now it works",
];
/// Words of a thought that heeds what went wrong.
const HEEDS: &[&str] =
    &["fail", "error", "wrong", "mistake", "broke", "did not", "didn't", "not work", "unfortunately"];

/// How many thoughts are the latest, and the fewest that must stand before them.
const LATEST: usize = 4;
const BEFORE: usize = 4;
/// The fewest words on either side, and the fewest hedges in a hundred words of the latest.
const WORDS: usize = 120;
const DENSE: usize = 3;
/// How many calls are held against as many before them, and how many of them must have failed.
const CALLS: usize = 6;
const FAILED: usize = 3;

/// What is known of one agent's manner.
#[derive(Debug, Default)]
struct Manner {
    /// Words and hedges of the latest thoughts.
    latest: VecDeque<(usize, usize)>,
    thoughts: usize,
    words: usize,
    hedges: usize,
    doubt_told: bool,
    /// Of the latest calls: whether each failed.
    calls: VecDeque<bool>,
    /// Confident thoughts since the last call but [`CALLS`], each with the count of calls at its time.
    sure: VecDeque<usize>,
    made: usize,
    fault: Option<(RecordRef, String)>,
    confidence_told: bool,
}

/// The manner of all agents.
#[derive(Debug, Default)]
pub(super) struct Manners {
    agents: FxHashMap<AgentId, Manner>,
}

fn count(lower: &str, any: &[&str]) -> usize {
    any.iter().filter(|word| speech::has_word(lower, word)).count()
}

impl Manners {
    /// Takes in a step's thoughts, then its call.
    pub(super) fn closed(&mut self, step: &ClosedStep<'_>, found: &mut Vec<Finding>) {
        let manner = self.agents.entry(step.step.agent).or_default();
        for thought in step.reasoning {
            manner.doubts(step, thought, found);
            manner.trusts(step, thought, found);
        }
        if step.step.is_message() {
            return;
        }
        let fault = fault::of(step);
        manner.made += 1;
        if manner.calls.len() >= 2 * CALLS {
            manner.calls.pop_front();
        }
        manner.calls.push_back(fault.is_some());
        if let (Some(fault), Some(outcome)) = (fault, step.outcome)
            && !fault.line.is_empty()
        {
            manner.fault = Some((outcome.record, crate::text::excerpt(fault.line, EVIDENCE_BYTES)));
        }
    }
}

impl Manner {
    /// Rule 32.
    fn doubts(&mut self, step: &ClosedStep<'_>, thought: &Passage, found: &mut Vec<Finding>) {
        let read = speech::read(&thought.text);
        let (mut words, mut hedges, mut worst) = (0, 0, (0, ""));
        for sentence in speech::sentences(read) {
            let lower = sentence.to_ascii_lowercase();
            let here = count(&lower, HEDGES);
            words += speech::words(&lower).count();
            hedges += here;
            if here > worst.0 {
                worst = (here, sentence);
            }
        }
        self.thoughts += 1;
        self.words += words;
        self.hedges += hedges;
        self.latest.push_back((words, hedges));
        if self.latest.len() > LATEST {
            self.latest.pop_front();
        }
        let (late_words, late_hedges) =
            self.latest.iter().fold((0, 0), |(words, hedges), (w, h)| (words + w, hedges + h));
        let (early_words, early_hedges) = (self.words - late_words, self.hedges - late_hedges);
        let enough = self.thoughts >= LATEST + BEFORE && late_words >= WORDS && early_words >= WORDS;
        let dense = late_hedges * 100 >= DENSE * late_words;
        // Twice as many in as many words.
        let rising = late_hedges * early_words >= 2 * early_hedges.max(1) * late_words;
        if self.doubt_told || !enough || !dense || !rising || worst.0 == 0 {
            return;
        }
        self.doubt_told = true;
        let of_hundred = |hedges: usize, words: usize| hedges * 100 / words.max(1);
        found.push(Finding {
            rule: &RISING_DOUBT,
            step: step.step.id,
            root: None,
            strength: Probability::new(0.2),
            evidence: vec![Evidence::new(thought.record, Part::Claim, worst.1)],
            sentence: format!(
                "hedges {} times in 100 words of late, {} before: {}",
                of_hundred(late_hedges, late_words),
                of_hundred(early_hedges, early_words),
                crate::text::quoted(worst.1, 80)
            ),
            instruction: "Name the one thing that you are least sure of, and find it out with one call before you go on.".to_owned(),
            means: Vec::new(),
        });
    }

    /// Rule 33.
    fn trusts(&mut self, step: &ClosedStep<'_>, thought: &Passage, found: &mut Vec<Finding>) {
        let read = speech::read(&thought.text);
        let sure = speech::sentences(read).find(|sentence| {
            let lower = sentence.to_ascii_lowercase();
            count(&lower, CONFIDENT) > 0 && !speech::denies(&lower) && !lower.contains('?')
        });
        let Some(sure) = sure.filter(|_| !speech::has_any(&read.to_ascii_lowercase(), HEEDS)) else { return };
        self.sure.push_back(self.made);
        while self.sure.front().is_some_and(|made| made + CALLS < self.made) {
            self.sure.pop_front();
        }
        let split = self.calls.len().saturating_sub(CALLS);
        let failed = |calls: &mut dyn Iterator<Item = &bool>| calls.filter(|failed| **failed).count();
        let (early, late) =
            (failed(&mut self.calls.iter().take(split)), failed(&mut self.calls.iter().skip(split)));
        let Some((record, line)) = &self.fault else { return };
        if self.confidence_told
            || self.calls.len() < CALLS + 2
            || late < FAILED
            || late * split <= early * CALLS
            || self.sure.len() < 2
        {
            return;
        }
        self.confidence_told = true;
        found.push(Finding {
            rule: &CONFIDENT_AMID_ERRORS,
            step: step.step.id,
            root: None,
            strength: Probability::new(0.25),
            evidence: vec![
                Evidence::new(thought.record, Part::Claim, sure),
                Evidence::new(*record, Part::Against, line),
            ],
            sentence: format!(
                "thinks {} while {late} of the last {CALLS} calls failed, {early} of the {split} before",
                crate::text::quoted(sure, 80)
            ),
            instruction: "List the failures of the last calls with what each outcome says, and mend the first of them before anything else.".to_owned(),
            means: Vec::new(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::Internal;
    use super::*;
    use crate::detect::scene::Scene;
    use crate::trace::Status;
    use serde_json::json;

    const PLAIN: &str = "The parser reads one line after the other and keeps the place of each token in a list that the writer uses later, which is the part that the ticket names and that the tests of the module cover in full.";
    const HEDGED: &str = "Maybe the list is stale, or perhaps the writer is odd; it might be the cache, but I am not sure of that. The place of each token is unclear, and it seems that the tests of the module cover other parts of it.";

    fn think(scene: &mut Scene, thoughts: &[&str]) {
        for (at, thought) in thoughts.iter().enumerate() {
            scene.thinks(thought);
            scene.call("Read", &json!({"file_path": format!("a{at}.py")}), Status::Ok, "a = 1");
        }
    }

    fn doubts(thoughts: &[&str]) -> usize {
        let mut scene = Scene::of(Internal::default());
        think(&mut scene, thoughts);
        scene.found("internal.rising-doubt").len()
    }

    #[test]
    fn doubt_that_grows_is_told_once() {
        let grows: Vec<&str> = [[PLAIN; 6], [HEDGED; 6]].concat();
        assert_eq!(doubts(&grows), 1);
    }

    #[test]
    fn doubt_from_the_beginning_or_that_fades_or_of_few_words_is_well() {
        assert_eq!(doubts(&[HEDGED; 12]), 0);
        assert_eq!(doubts(&[[HEDGED; 6], [PLAIN; 6]].concat()), 0);
        assert_eq!(doubts(&[["I read on."; 6], ["Maybe it is odd."; 6]].concat()), 0);
    }

    fn sure(failing: &[bool], thought: &str) -> Vec<Finding> {
        let mut scene = Scene::of(Internal::default());
        for (at, fails) in failing.iter().enumerate() {
            scene.thinks(thought);
            let (status, text) =
                if *fails { (Status::Error, "error: no such table") } else { (Status::Ok, "one row") };
            scene.call("query", &json!({"n": at}), status, text);
        }
        scene.thinks(thought);
        scene.says("On I go.");
        scene.found("internal.confident-amid-errors")
    }

    const WELL: [bool; 6] = [false; 6];
    const ILL: [bool; 6] = [true, false, true, true, false, true];

    #[test]
    fn sure_while_more_and_more_calls_fail() {
        let found = sure(&[WELL, ILL].concat(), "This will definitely give the rows.");
        assert_eq!(found.len(), 1);
        assert!(
            found[0].evidence.iter().any(|e| e.part == Part::Against && e.text.contains("no such table"))
        );
    }

    #[test]
    fn sure_while_all_goes_well_or_heeding_the_errors_is_well() {
        assert!(sure(&[WELL, WELL].concat(), "This will definitely give the rows.").is_empty());
        assert!(sure(&[ILL, WELL].concat(), "This will definitely give the rows.").is_empty());
        assert!(
            sure(&[WELL, ILL].concat(), "Clearly the last query failed; I look at the schema.").is_empty()
        );
        assert!(sure(&[WELL, ILL].concat(), "I look at the next table.").is_empty());
    }
}
