//! Peers: agents that talk in one room, none of them above another. What one of them says, the others
//! take for known. So a figure that no outcome holds, data that is only assumed, a review that nobody
//! carried out and an approval of what was never looked at weigh more here than elsewhere.
//!
//! Two parentless agents that have acted make a room. In any other run these rules are silent.

use rustc_hash::FxHashSet;

use crate::trace::entity::scan;
use crate::trace::{
    AgentId, ClosedStep, EntityKind, Observation, Passage, Probability, RecordRef, Run, StepId, ToolKind,
};

use super::pattern::patterns;
use super::{Aspect, Basis, Class, Evidence, Family, Finding, Part, Rule, speech};

/// A figure that nobody looked up.
pub(super) static UNBACKED_FIGURE: Rule = Rule {
    id: "agents.unbacked-figure",
    class: Class::Hallucination,
    basis: Basis::External,
    speaks_of: Aspect::Support,
    summary: "Among agents that talk to each other, one gives a figure that no prompt, outcome or earlier message holds, and runs nothing to get it.",
    example: "PriceExpert gives 849, which no prompt, outcome or earlier message holds; it ran nothing",
    proven: true,
};

/// Data that stands for data.
pub(super) static ASSUMED_DATA: Rule = Rule {
    id: "agents.assumed-data",
    class: Class::Hallucination,
    basis: Basis::External,
    speaks_of: Aspect::Support,
    summary: "An agent works with assumed, sample or placeholder data where real data was asked for.",
    example: "works with data that it made up: “# mock readings for the last ten years”",
    proven: true,
};

/// A review that left no trace.
pub(super) static CLAIMED_REVIEW: Rule = Rule {
    id: "agents.claimed-review",
    class: Class::Hallucination,
    basis: Basis::External,
    speaks_of: Aspect::Support,
    summary: "Among agents that talk to each other, one says that it has looked something up or checked it by hand; it made no call.",
    example: "says “I have manually checked the page” and made no call",
    proven: true,
};

/// An approval of what was not looked at.
pub(super) static RUBBER_STAMP: Rule = Rule {
    id: "agents.rubber-stamp",
    class: Class::FailurePropagation,
    basis: Basis::External,
    speaks_of: Aspect::Support,
    summary: "An agent whose part is to review approves, and has itself read, run and tested nothing.",
    example: "reviewer approves with “everything is correct” and has itself read, run and tested nothing",
    proven: false,
};

static RULES: &[&Rule] = &[&UNBACKED_FIGURE, &ASSUMED_DATA, &CLAIMED_REVIEW, &RUBBER_STAMP];

patterns! {
    // Words for data that was not fetched. `(assum…)` of a role or a user is something else.
    ASSUMED = r"(?i)\bassum(?:e|es|ed|ing|ption|ptions)\b|\bhypothetical(?:ly)?\b|\bsimulat(?:e|ed|ing)\b|\bmock(?:ed|up)?\b|\bdummy\b|\bplaceholders?\b|\b(?:sample|example) (?:data|dataset|values?|calculation)\b|\bfor demonstration\b|\blet['’]s say\b|\bsuppose\b|\b(?:general|common|prior|my) knowledge\b|\bgenerally speaking\b|\btypical (?:cost|price|value|rate|figure)s?\b|\bknown (?:data|patterns?|changelog|values?)\b|\byour_[a-z_]*(?:key|token|endpoint|secret)\b|\bpath/to/";
    REVIEWED = r"(?i)\b(?:after|upon|having)\b[^.]{0,60}\b(?:manual|inspect|review|check|examin|search|visit|cross-referenc|verif)|\bI(?: have|['’]ve) (?:carefully |manually |successfully |now |thoroughly )*(?:reviewed|checked|examined|inspected|retrieved|visited|accessed|verified)\b|\bmanual (?:check|verification|inspection|review|calculation)s? (?:confirm|show|match|ha)|\bmanually (?:gathered|collected|verified|checked|compiled)\b|\bI(?:['’]ll| will) (?:now )?(?:proceed to )?(?:manually|verify each|identify the \w+ manually)\b|\bI will (?:now )?(?:review|examine)\b|\bwe (?:can|will) (?:now )?manually\b";
    REVIEWER = r"(?i)verif|validat|review|critic|check|audit|quality|tester|judge";
    APPROVES = r"(?i)\b(?:accurate|correct(?:ly)?|verified|confirm(?:s|ed)|valid|consistent|approved?|lgtm|looks good)\b";
    OPEN = r"(?i)\bnot\b|n['’]t\b|\bif\b|\?|\bto (?:verify|confirm|ensure)\b|\bneed|\bwill\b|\bplease\b|\bensure\b|\bmust\b|\bshould\b|\blet\b|\bincorrect|\binvalid\b|\bunless\b";
}

/// How many sentences of one message are read for each rule.
const MOST_SENTENCES: usize = 200;
/// How many figures of a message are named.
const NAMED: usize = 3;
/// How many findings wait for a second agent, and up to which step one is waited for.
const MOST_HELD: usize = 32;
const ROOM_STEPS: u32 = 32;

/// The family.
#[derive(Debug, Default)]
pub(super) struct Peers {
    /// Parentless agents that have acted.
    acted: FxHashSet<AgentId>,
    /// Agents that have made a call.
    called: FxHashSet<AgentId>,
    /// Words for assumed data that a prompt uses itself: there they are the task.
    asked_for: FxHashSet<u64>,
    /// What was found while only one agent had acted; it counts once a second one has.
    held: Vec<Finding>,
}

/// The prose of a text: its lines outside code fences.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    speech::read(text)
        .lines()
        .filter(move |line| {
            let fence = line.trim_start().starts_with("```");
            fenced ^= fence;
            !fence && !fenced
        })
        .flat_map(speech::sentences)
        .take(MOST_SENTENCES)
}

impl Peers {
    /// Takes in what a rule of the room found: at once in a room, later where one may yet form.
    fn keep(&mut self, finding: Finding, found: &mut Vec<Finding>) {
        if self.acted.len() >= 2 {
            found.push(finding);
        } else if self.held.len() < MOST_HELD {
            self.held.push(finding);
        }
    }

    fn prompt(&mut self, text: &str) {
        for found in ASSUMED.all(speech::read(text)) {
            if let Some(word) = found.get(0) {
                self.asked_for.insert(word_hash(word.as_str()));
            }
        }
    }

    fn step(&mut self, step: &ClosedStep<'_>, run: &Run, found: &mut Vec<Finding>) {
        let agent = step.step.agent;
        let parentless =
            |agent: AgentId| run.agents.get(usize::from(agent.0)).is_some_and(|a| a.parent.is_none());
        if parentless(agent) && self.acted.insert(agent) && self.acted.len() == 2 {
            found.append(&mut self.held);
        }
        let first = step.step.id == StepId(0);
        let room = parentless(agent)
            && !first
            && (self.acted.len() >= 2 || (step.step.id.0 < ROOM_STEPS && self.held.len() < MOST_HELD));
        if let Some((record, line)) = self.assumed_in_code(step) {
            found.push(assumed(step, record, line));
        } else if room && let Some((record, line)) = self.assumed_in_words(step) {
            self.keep(assumed(step, record, line), found);
        }
        if let Some(message) = step.message.filter(|_| !first) {
            if room {
                for finding in [figures(step, message, run), review(step, message)].into_iter().flatten() {
                    self.keep(finding, found);
                }
            }
            if (room || !parentless(agent))
                && !self.called.contains(&agent)
                && let Some(finding) = approval(step, message, run)
            {
                match parentless(agent) {
                    true => self.keep(finding, found),
                    false => found.push(finding),
                }
            }
        }
        if !step.step.is_message() {
            self.called.insert(agent);
        }
    }

    /// The first sentence or line that works with assumed data.
    fn assumes<'t>(&self, mut lines: impl Iterator<Item = &'t str>) -> Option<&'t str> {
        lines.find(|line| {
            ASSUMED
                .all(line)
                .filter_map(|found| found.get(0))
                .any(|word| !self.asked_for.contains(&word_hash(word.as_str())))
        })
    }

    fn assumed_in_code<'s>(&self, step: &'s ClosedStep<'_>) -> Option<(RecordRef, &'s str)> {
        let request = step.request.filter(|_| step.step.tool_kind() == Some(ToolKind::Code))?;
        let code = speech::read(request.command.as_deref()?);
        Some((step.input.record, self.assumes(code.lines())?))
    }

    fn assumed_in_words<'s>(&self, step: &'s ClosedStep<'_>) -> Option<(RecordRef, &'s str)> {
        step.words().find_map(|passage| {
            let stated = prose(&passage.text).filter(|sentence| !sentence.ends_with('?'));
            Some((passage.record, self.assumes(stated)?))
        })
    }
}

fn assumed(step: &ClosedStep<'_>, record: RecordRef, line: &str) -> Finding {
    Finding {
        rule: &ASSUMED_DATA,
        step: step.step.id,
        root: None,
        strength: Probability::new(0.5),
        evidence: vec![Evidence::new(record, Part::Claim, line)],
        sentence: format!("works with data that it made up: {}", crate::text::quoted(line, 100)),
        instruction: "Get the real data with a tool and show what came back; if it cannot be had, say so instead of going on with assumed values.".to_owned(),
        means: Vec::new(),
    }
}

/// Figures in a message that stand nowhere before and are not worked out in it.
fn figures(step: &ClosedStep<'_>, message: &Passage, run: &Run) -> Option<Finding> {
    if run.entities.is_full() {
        return None;
    }
    let mut named: Vec<String> = Vec::new();
    let mut count = 0u32;
    let mut evidence = Vec::new();
    for sentence in prose(&message.text).filter(|sentence| !sentence.contains('=')) {
        let before = count;
        scan(sentence, |mention| {
            let fresh = mention.kind == EntityKind::Number
                && run
                    .entities
                    .get(mention.hash)
                    .is_some_and(|entity| entity.first == Some(step.step.id) && !entity.origin.is_grounded());
            if fresh && !numbers_a_line(sentence, mention.span.end, mention.span.start) {
                count += 1;
                if named.len() < NAMED
                    && let Some(name) = sentence.get(mention.span)
                {
                    named.push(crate::text::quoted(name, 40));
                }
            }
        });
        if count > before && evidence.len() < NAMED {
            evidence.push(Evidence::new(message.record, Part::Claim, sentence));
        }
    }
    if named.is_empty() {
        return None;
    }
    let name = crate::text::excerpt(run.agent_name(step.step.agent), 40);
    let figures = named.join(", ");
    Some(Finding {
        rule: &UNBACKED_FIGURE,
        step: step.step.id,
        root: None,
        strength: Probability::new(0.45 + 0.05 * f64::from(count.min(5))),
        evidence,
        sentence: format!(
            "{name} gives {figures}, which no prompt, outcome or earlier message holds; it ran nothing"
        ),
        instruction: format!(
            "Look {figures} up with a tool, show the outcome that holds it, and correct what was said."
        ),
        means: Vec::new(),
    })
}

/// A message that speaks of a review by hand.
fn review(step: &ClosedStep<'_>, message: &Passage) -> Option<Finding> {
    let sentence = prose(&message.text).find(|sentence| {
        let lower = sentence.to_ascii_lowercase();
        REVIEWED.is_in(sentence)
            && !sentence.contains('?')
            && !speech::has_any_word(&lower, &["please", "you", "cannot", "unable"])
    })?;
    Some(Finding {
        rule: &CLAIMED_REVIEW,
        step: step.step.id,
        root: None,
        strength: Probability::new(0.4),
        evidence: vec![Evidence::new(message.record, Part::Claim, sentence)],
        sentence: format!("says {} and made no call", crate::text::quoted(sentence, 100)),
        instruction: "Open the source with a tool, quote what it says, and correct what was said of it."
            .to_owned(),
        means: Vec::new(),
    })
}

/// Rule 48.
fn approval(step: &ClosedStep<'_>, message: &Passage, run: &Run) -> Option<Finding> {
    let agent = step.step.agent;
    let name = run.agent_name(agent);
    if !REVIEWER.is_in(name) {
        return None;
    }
    let sentence = prose(&message.text)
        .find(|sentence| sentence.len() > 25 && APPROVES.is_in(sentence) && !OPEN.is_in(sentence))?;
    let approved = run.steps.iter().rev().find(|other| other.agent != agent);
    let mut evidence = vec![Evidence::new(message.record, Part::Claim, sentence)];
    evidence.extend(approved.map(|other| Evidence::new(other.record, Part::Context, &other.label)));
    let name = crate::text::excerpt(name, 40);
    Some(Finding {
        rule: &RUBBER_STAMP,
        step: step.step.id,
        root: approved.map(|other| other.id),
        strength: Probability::new(0.35),
        evidence,
        sentence: format!(
            "{name} approves with {} and has itself read, run and tested nothing",
            crate::text::quoted(sentence, 80)
        ),
        instruction: "Read or run what is to be approved yourself, and say what you saw.".to_owned(),
        means: Vec::new(),
    })
}

fn word_hash(word: &str) -> u64 {
    speech::hash(word.to_ascii_lowercase().as_bytes())
}

/// Whether a number only counts the lines of a list: `12. …`.
fn numbers_a_line(sentence: &str, end: usize, begin: usize) -> bool {
    let before = sentence.get(..begin).unwrap_or_default();
    before.trim_start_matches(['#', '*', '-', ' ']).is_empty()
        && sentence.get(end..).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', ')', ':']))
}

impl Family for Peers {
    fn rules(&self) -> &'static [&'static Rule] {
        RULES
    }

    fn observe(&mut self, seen: &Observation<'_>, run: &Run, found: &mut Vec<Finding>) {
        match seen {
            Observation::Prompt { passage, .. } | Observation::System { passage } => {
                self.prompt(&passage.text)
            }
            Observation::Step(step) => self.step(step, run, found),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::scene::Scene;
    use super::*;
    use crate::trace::Status;
    use serde_json::json;

    /// A room of two: a third agent has spoken first, as in a group chat.
    fn room() -> Scene {
        let mut scene = Scene::of(Peers::default());
        scene.prompt("Which of the two bridges carried more cars in 2021?");
        scene.joins("CountExpert");
        scene.says("I look at the counts of both bridges.");
        scene.joins("PlanExpert");
        scene.says("Good, please share the counts.");
        scene
    }

    #[test]
    fn the_patterns_compile() {
        assert!(patterns_that_do_not_compile().is_empty());
    }

    #[test]
    fn a_figure_that_nobody_looked_up() {
        let mut scene = room();
        scene.joins("CountExpert");
        let step = scene.says("The old bridge carried 48,210 cars, the new one 39,875.");
        let found = scene.found("agents.unbacked-figure");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].step, step);
        assert!(found[0].sentence.contains("48,210"), "{}", found[0].sentence);
    }

    #[test]
    fn a_figure_that_was_seen_or_said_before_is_backed() {
        let mut scene = room();
        scene.joins("CountExpert");
        scene.call("execute_code", &json!("print(counts)"), Status::Ok, "old 48210, new 39875");
        scene.says("The old bridge carried 48,210 cars in 2021.\n12. That is all.");
        assert!(scene.found("agents.unbacked-figure").is_empty());
    }

    #[test]
    fn a_figure_of_an_agent_alone_is_left_to_other_rules() {
        let mut scene = Scene::of(Peers::default());
        scene.prompt("How many cars?");
        scene.says("I look.");
        scene.says("The old bridge carried 48,210 cars.");
        assert!(scene.all().is_empty());
    }

    #[test]
    fn what_the_first_agent_said_counts_once_a_second_one_speaks() {
        let mut scene = Scene::of(Peers::default());
        scene.prompt("How many cars?");
        scene.joins("CountExpert");
        scene.says("I look.");
        let step = scene.says("The old bridge carried 48,210 cars; that makes 3 × 17 = 51 lanes.");
        assert!(scene.all().is_empty());
        scene.joins("PlanExpert");
        scene.says("Good.");
        let found = scene.found("agents.unbacked-figure");
        assert_eq!(found.iter().map(|f| f.step).collect::<Vec<_>>(), [step]);
    }

    #[test]
    fn data_that_is_made_up() {
        let mut scene = room();
        scene.joins("CountExpert");
        let code = scene.call(
            "execute_code",
            &json!("# mock counts, as the server does not answer\ncounts = [1, 2]"),
            Status::Ok,
            "2",
        );
        scene.joins("PlanExpert");
        let words = scene.says("Assuming that both were open all year, the old one leads.");
        let steps: Vec<StepId> = scene.found("agents.assumed-data").iter().map(|f| f.step).collect();
        assert_eq!(steps, [code, words]);
    }

    #[test]
    fn assumptions_that_the_task_speaks_of_and_questions_are_well() {
        let mut scene = Scene::of(Peers::default());
        scene.prompt("Assume ten lanes and simulate one day.");
        scene.joins("CountExpert");
        scene.says("I begin.");
        scene.joins("PlanExpert");
        scene.says("Assume ten lanes, as asked.");
        scene.says("Should we use placeholder values?");
        scene.call("execute_code", &json!("def simulate(): return 10"), Status::Ok, "10");
        assert!(scene.found("agents.assumed-data").is_empty());
    }

    #[test]
    fn a_shell_command_with_a_mock_is_ordinary_work() {
        let mut scene = Scene::of(Peers::default());
        scene.prompt("Test the parser.");
        scene.call("Bash", &json!({"command": "pytest -k mock"}), Status::Ok, "3 passed");
        scene.says("The mock stands in for the server.");
        assert!(scene.all().is_empty());
    }

    #[test]
    fn a_review_without_a_call() {
        let mut scene = room();
        scene.joins("CountExpert");
        let step = scene.says("I have manually checked the page of the bridge office; the old one leads.");
        scene.says("Please check the page yourself, after reviewing the plan.");
        scene.says("The page has not been opened yet.");
        let found = scene.found("agents.claimed-review");
        assert_eq!(found.iter().map(|f| f.step).collect::<Vec<_>>(), [step]);
    }

    #[test]
    fn an_approval_by_one_who_looked_at_nothing() {
        let mut scene = room();
        scene.joins("Verification_Expert");
        let step = scene.says("The list of bridges is complete and the result is correct.");
        let found = scene.found("agents.rubber-stamp");
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].step, found[0].root), (step, Some(StepId(1))));
    }

    #[test]
    fn one_who_ran_something_may_approve_and_one_who_doubts_does_not() {
        let mut scene = room();
        scene.joins("Verification_Expert");
        scene.says("We need to confirm that the result is correct.");
        scene.call("execute_code", &json!("print(7)"), Status::Ok, "7");
        scene.says("The list of bridges is complete and the result is correct.");
        scene.joins("PlanExpert");
        scene.says("The list of bridges is complete and the result is correct.");
        assert!(scene.found("agents.rubber-stamp").is_empty());
    }
}
