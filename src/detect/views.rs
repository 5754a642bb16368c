//! Views: what came back was only a part, or no answer at all, and the next one takes it for the whole.
//!
//! A browser's report says how much of a page it shows. Whoever then speaks of "the list" that was
//! found has a part of it. And an answer that is a robot check, a refusal or a page that is not there
//! has answered nothing.

use crate::trace::{
    AgentId, ClosedStep, Observation, Passage, Probability, RecordRef, Run, StepId, ToolKind,
};

use super::pattern::patterns;
use super::{Aspect, Basis, Class, Evidence, Family, Finding, Part, Rule, speech};

/// A part that is taken for the whole.
pub(super) static PARTIAL_VIEW: Rule = Rule {
    id: "agents.partial-view",
    class: Class::InconsistentReasoning,
    basis: Basis::External,
    speaks_of: Aspect::Support,
    summary: "A step says that a list was found or gathered; the view that it goes by showed only a part of the page.",
    example: "goes by “a list of suppliers has been found”; the view before it showed 18 % of the page",
    proven: true,
};

/// An answer that is none.
pub(super) static BLOCKED_ANSWER: Rule = Rule {
    id: "agents.blocked-answer",
    class: Class::ExecutionError,
    basis: Basis::External,
    speaks_of: Aspect::Execution,
    summary: "An agent comes back with a robot check, a refusal, or a page that does not exist.",
    example: "comes back with a page that answers nothing: “Just a moment...”",
    proven: true,
};

static RULES: &[&Rule] = &[&PARTIAL_VIEW, &BLOCKED_ANSWER];

/// A view that shows less than this share of a page, in hundredths, is a part.
const PART: u32 = 60;
/// How much of an answer is read for signs of a block, in bytes: those stand at its top.
const TOP_BYTES: usize = 2500;

patterns! {
    SHARE = r"(?i)viewport shows (\d{1,3})% of the (?:web)?page, and is positioned at the top\b";
    PAGES = r"(?i)showing page 1 of (\d{1,4})\b";
    GATHERED = r"(?i)\b(?:have|has|had|was|were|been|successfully)\b[^.]{0,40}\b(?:found|identified|gathered|obtained|collected|compiled|provided|located)\b|\b(?:have|got|with) (?:a|the) (?:full |complete )?list\b";
    LIST = r"(?i)\blists?\b";
    LACKING = r"(?i)\bnot\b|n['’]t\b|\bincomplete|\bpartial|\blikely\b|\bpotential|\bmore\b|\bcontinue|\bfirst part\b|\binitial\b";
    BLOCKED = r"(?i)\bcaptcha\b|verify (?:that )?you are (?:a )?human|\bnot a robot\b|\bare you a robot\b|\baccess denied\b|\b403 forbidden\b|ResponsibleAIPolicy|\bunusual traffic\b|\bpage not found\b|\b404 not found\b|\bjust a moment\.\.\.";
}

/// A view of a part.
#[derive(Clone, Debug)]
struct View {
    agent: AgentId,
    step: StepId,
    record: RecordRef,
    share: u32,
    words: String,
}

/// The family.
#[derive(Debug, Default)]
pub(super) struct Views {
    /// The latest view, if it was one of a part.
    latest: Option<View>,
}

impl Views {
    fn closed(&mut self, step: &ClosedStep<'_>, run: &Run, found: &mut Vec<Finding>) {
        for passage in step.words() {
            self.takes_for_whole(step, passage, found);
        }
        if let Some(message) = step.message
            && run.agents.get(usize::from(step.step.agent.0)).is_some_and(|agent| agent.parent.is_some())
        {
            blocked(step, message, found);
        }
        // Files and commands show no pages.
        let browses = matches!(
            step.step.tool_kind(),
            None | Some(ToolKind::Fetch | ToolKind::Search | ToolKind::Other)
        );
        for passage in step.outcome.into_iter().chain(step.message).filter(|_| browses) {
            if let Some((share, words)) = view(&passage.text) {
                self.latest = (share < PART).then(|| View {
                    agent: step.step.agent,
                    step: step.step.id,
                    record: passage.record,
                    share,
                    words: crate::text::excerpt(words, super::EVIDENCE_BYTES),
                });
            }
        }
    }

    fn takes_for_whole(&mut self, step: &ClosedStep<'_>, passage: &Passage, found: &mut Vec<Finding>) {
        let Some(seen) = &self.latest else { return };
        if step.step.is_message() && step.step.agent == seen.agent {
            return;
        }
        let clause = speech::sentences(speech::read(&passage.text))
            .flat_map(|sentence| sentence.split(", "))
            .find(|clause| GATHERED.is_in(clause) && LIST.is_in(clause) && !LACKING.is_in(clause));
        let Some(clause) = clause else { return };
        found.push(Finding {
            rule: &PARTIAL_VIEW,
            step: step.step.id,
            root: Some(seen.step),
            strength: Probability::new(0.7),
            evidence: vec![
                Evidence::new(passage.record, Part::Claim, clause),
                Evidence::new(seen.record, Part::Against, &seen.words),
            ],
            sentence: format!(
                "goes by {}; the view before it showed {} % of the page",
                crate::text::quoted(clause.trim(), 80),
                seen.share
            ),
            instruction: "Go through the rest of that page (scroll on, open the next page or the full list) before you build on it, and say how much of it was read.".to_owned(),
            means: Vec::new(),
        });
        self.latest = None;
    }
}

/// How much of a page a text says that it shows, in hundredths, and its words for it.
fn view(text: &str) -> Option<(u32, &str)> {
    let text = crate::text::clip(text, speech::READ_BYTES);
    if text.contains('%')
        && let Some(found) = SHARE.captures(text)
    {
        let share = found.get(1)?.as_str().parse().ok()?;
        return Some((share, found.get(0)?.as_str()));
    }
    let found = text.contains(" 1 ").then(|| PAGES.captures(text))??;
    let pages: u32 = found.get(1)?.as_str().parse().ok()?;
    Some((100u32.checked_div(pages)?, found.get(0)?.as_str()))
}

fn blocked(step: &ClosedStep<'_>, message: &Passage, found: &mut Vec<Finding>) {
    let top = crate::text::clip(&message.text, TOP_BYTES);
    let Some(sign) = BLOCKED.find(top) else { return };
    let line = top
        .lines()
        .find(|line| BLOCKED.is_in(line))
        .filter(|line| line.len() <= super::EVIDENCE_BYTES)
        .unwrap_or(sign.as_str());
    found.push(Finding {
        rule: &BLOCKED_ANSWER,
        step: step.step.id,
        root: None,
        strength: Probability::new(0.35),
        evidence: vec![Evidence::new(message.record, Part::Claim, line)],
        sentence: format!(
            "comes back with a page that answers nothing: {}",
            crate::text::quoted(sign.as_str(), 60)
        ),
        instruction: "That page did not open. Take another source for the same fact, and do not go on as if it had been read.".to_owned(),
        means: Vec::new(),
    });
}

impl Family for Views {
    fn rules(&self) -> &'static [&'static Rule] {
        RULES
    }

    fn observe(&mut self, seen: &Observation<'_>, run: &Run, found: &mut Vec<Finding>) {
        if let Observation::Step(step) = seen {
            self.closed(step, run, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::scene::Scene;
    use super::*;

    const TOP: &str = "I opened 'All members'. The viewport shows 21% of the webpage, and is positioned at the top of the page.";

    fn scene(view: &str) -> Scene {
        let mut scene = Scene::of(Views::default());
        scene.prompt("Which members live abroad?");
        scene.hands_over("browser", "Open the list of members.");
        scene.acts("browser");
        scene.says(view);
        scene.acts("main");
        scene
    }

    #[test]
    fn the_patterns_compile() {
        assert!(patterns_that_do_not_compile().is_empty());
    }

    #[test]
    fn a_part_of_a_page_taken_for_the_list() {
        let mut scene = scene(TOP);
        let step = scene.says("The list of members has been found. Next, look up where each lives.");
        let found = scene.found("agents.partial-view");
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].step, found[0].root), (step, Some(StepId(0))));
        assert!(found[0].sentence.contains("21 %"), "{}", found[0].sentence);
    }

    #[test]
    fn who_says_that_it_is_a_part_knows() {
        let mut scene = scene(TOP);
        scene.says("A partial list of members has been found; scroll on.");
        scene.says("We have not gathered the list yet.");
        scene.says("We have found the page of the office.");
        assert!(scene.found("agents.partial-view").is_empty());
    }

    #[test]
    fn a_view_of_the_whole_page_is_the_list() {
        let mut scene = scene(TOP);
        scene.acts("browser");
        scene.says(
            "I scrolled. The viewport shows 100% of the webpage, and is positioned at the top of the page.",
        );
        scene.acts("main");
        scene.says("The list of members has been found.");
        assert!(scene.found("agents.partial-view").is_empty());
    }

    #[test]
    fn the_first_of_many_pages_is_a_part_too() {
        let mut scene = scene("Title: Members. Viewport position: Showing page 1 of 9.");
        scene.says("We have compiled a list of all members.");
        assert_eq!(scene.found("agents.partial-view").len(), 1);
    }

    #[test]
    fn an_answer_that_is_a_robot_check() {
        let mut scene = scene("Title: Just a moment... Please verify you are a human.");
        assert_eq!(scene.found("agents.blocked-answer").len(), 1);
        // Who speaks of it has not come back with it.
        scene.says("The page asks to verify you are human.");
        assert_eq!(scene.found("agents.blocked-answer").len(), 1);
    }

    #[test]
    fn an_answer_that_mentions_a_number_404_is_one() {
        let mut scene = scene("The office is in room 404. The page was found.");
        assert!(scene.all().is_empty());
    }
}
