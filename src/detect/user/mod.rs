//! User: what a person has told or asked an agent more than once, and what the agent did about it.
//!
//! Goes by the person's words and by the acts after them. A repeated correction is one that shares its
//! content with an earlier one; an ignored one is known by an act that does once more what was ruled
//! out, or that was corrected; a question counts as unanswered when it is asked again, or when the turn
//! ends without a word. Keeps hashes of words, and the excerpts that are evidence.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use crate::trace::{
    AgentId, Author, ClosedStep, EffectStatus, Lifecycle, Observation, Passage, Probability, RecordRef, Run,
    Status, StepId, ToolKind, command,
};

use super::pattern::patterns;
use super::{Aspect, Basis, Class, Evidence, Family, Finding, Means, Part, Rule, fault, speech};

/// Told twice.
pub(super) static REPEATED: Rule = Rule {
    id: "user.repeated-correction",
    class: Class::InconsistentReasoning,
    basis: Basis::External,
    speaks_of: Aspect::Consistency,
    summary: "A person corrects an agent in a matter in which the same person has corrected it before.",
    example: "its user has to say once more \"I said ISO dates\"; the first time it was \"no, the dates must be in ISO form\"",
    proven: false,
};

/// Done all the same.
pub(super) static IGNORED: Rule = Rule {
    id: "user.ignored-correction",
    class: Class::InconsistentReasoning,
    basis: Basis::External,
    speaks_of: Aspect::Consistency,
    summary: "After a person's correction the agent does once more what was ruled out, or makes the corrected change again unchanged.",
    example: "uses npm in “npm install” after its user said \"don't use npm, this is a pnpm workspace\"",
    proven: false,
};

/// Asked twice.
pub(super) static UNANSWERED: Rule = Rule {
    id: "user.unanswered-question",
    class: Class::InconsistentReasoning,
    basis: Basis::External,
    speaks_of: Aspect::Consistency,
    summary: "A person has to ask the same question again, or a turn that began with a question ends without a word.",
    example: "leaves \"which of the two tables is the source?\" unanswered; its user asks it again",
    proven: false,
};

static RULES: &[&Rule] = &[&REPEATED, &IGNORED, &UNANSWERED];

/// Corrections, and questions, remembered of each agent's user.
const REMEMBERED: usize = 16;
/// Corrected acts remembered.
const ACTS: usize = 8;
/// The longest words of a person that are read as a correction or a question, in bytes.
const SHORT: usize = 2000;
/// Content words that two corrections, or two questions, must share.
const SHARED: usize = 3;
/// Turns for which what was ruled out stays so.
const TURNS: u32 = 3;

patterns! {
    CORRECTS = r"(?ix) ^\W*(?:no|nope|wrong|stop)\b
        | \bthat(?:'|’)?s\ (?:wrong|not\ (?:right|correct|what|true))
        | \b(?:is|was)\ (?:wrong|incorrect|not\ (?:right|correct|what\ i))
        | \bnot\ what\ i\b
        | \bi\ (?:said|told\ you|already\ (?:said|told|asked|gave|mentioned)|asked\ (?:you\ )?(?:for|to))\b
        | \bas\ i\ (?:said|mentioned|told)
        | \byou\ (?:didn(?:'|’)?t|did\ not|forgot|missed|ignored|still\ (?:have|haven|did|use))
        | \bstill\ (?:wrong|not|doesn|isn|fails|failing|broken|missing|using)
        | \b(?:don(?:'|’)?t|do\ not|stop|never)\ (?:use|using|run|running|call|calling|touch|touching)\b
        | \binstead\ of\b";
    RULES_OUT = r#"(?i)\b(?:don(?:'|’)?t|do not|never|stop)\s+(?:use|using|run|running|call|calling|touch|touching)\s+(?:the\s+)?[`"'“]?([\w@][\w@./:-]{1,60})"#;
    NOT_BUT = r#"(?i)\b(?:instead of|rather than)\s+(?:the\s+)?[`"'“]?([\w@][\w@./:-]{1,60})"#;
    ONCE_MORE = r"(?i)\b(?:again|retry|re-?run|once more|repeat|another)\b";
}

/// Words that are no name of anything to be ruled out.
const NO_NAME: &[&str] = &[
    "it", "this", "that", "them", "these", "those", "any", "anything", "all", "a", "an", "my", "your", "me",
    "up", "so", "such", "and", "or", "just", "only", "more", "other", "tests", "commands", "tools",
];

/// What a person said, as far as it is kept.
#[derive(Clone, Debug)]
struct Said {
    record: RecordRef,
    text: String,
    /// Hashes of its content words, sorted.
    words: Vec<u64>,
    /// The agent's latest step when it was said.
    after: Option<StepId>,
}

/// A name that a person has ruled out.
#[derive(Debug)]
struct RuledOut {
    name: String,
    turn: u32,
    said: usize,
}

/// The latest act of an agent.
#[derive(Clone, Debug)]
struct Latest {
    step: StepId,
    record: RecordRef,
    text: String,
}

/// What is kept of an agent and its user.
#[derive(Debug, Default)]
struct Talk {
    turn: u32,
    corrections: VecDeque<Said>,
    questions: VecDeque<Said>,
    ruled_out: Vec<RuledOut>,
    /// Changes of the turn, by the call's hash; and those of the turn that was last corrected.
    changes: Vec<(u64, StepId)>,
    corrected: Vec<(u64, StepId)>,
    latest: Option<Latest>,
    /// The turn began with a question, and no word has come since.
    asked: bool,
    /// A correction of this turn has been told of as ignored.
    told: bool,
}

/// The family.
#[derive(Debug, Default)]
pub(super) struct User {
    talks: FxHashMap<AgentId, Talk>,
}

impl Talk {
    fn prompted(&mut self, passage: &Passage, found: &mut Vec<Finding>) {
        self.turn = self.turn.saturating_add(1);
        self.told = false;
        self.asked = false;
        let changes = std::mem::take(&mut self.changes);
        self.corrected.clear();
        self.ruled_out.retain(|name| self.turn.saturating_sub(name.turn) < TURNS);
        let text = passage.text.trim();
        if text.is_empty() || text.len() > SHORT {
            return;
        }
        let after = self.latest.as_ref().map(|latest| latest.step);
        let said = |text: &str| Said {
            record: passage.record,
            text: crate::text::excerpt(text, super::EVIDENCE_BYTES),
            words: speech::content(text, true),
            after,
        };
        let question = speech::sentences(text).filter(|s| s.ends_with('?')).max_by_key(|s| s.len());
        if let Some(question) = question {
            self.asked = true;
            self.questioned(said(question), found);
        }
        let correction = speech::sentences(text).find(|sentence| CORRECTS.is_in(sentence));
        // Before the agent has done anything there is nothing to correct: these are orders.
        if let Some(correction) = correction.filter(|_| after.is_some()) {
            if !ONCE_MORE.is_in(text) {
                self.corrected = changes;
            }
            self.corrected_by(said(correction), found);
        }
        for captures in RULES_OUT.all(text).chain(NOT_BUT.all(text)) {
            let Some(name) = captures.get(1).map(|name| name.as_str().trim_end_matches(['.', ':', '-']))
            else {
                continue;
            };
            if name.len() < 2 || NO_NAME.contains(&name.to_ascii_lowercase().as_str()) || after.is_none() {
                continue;
            }
            if let Some(said) = self.corrections.len().checked_sub(1)
                && self.ruled_out.len() < REMEMBERED
                && self.corrections.get(said).is_some_and(|said| said.record == passage.record)
            {
                self.ruled_out.push(RuledOut { name: name.to_owned(), turn: self.turn, said });
            }
        }
    }

    /// The question is asked, perhaps once more.
    fn questioned(&mut self, question: Said, found: &mut Vec<Finding>) {
        let before = self.questions.iter().rfind(|before| much_the_same(&before.words, &question.words));
        if let (Some(before), Some(latest)) = (before, &self.latest)
            && before.after.is_none_or(|after| after < latest.step)
        {
            found.push(Finding {
                rule: &UNANSWERED,
                step: latest.step,
                root: None,
                strength: Probability::new(0.4),
                evidence: vec![
                    Evidence::new(latest.record, Part::Claim, &latest.text),
                    Evidence::new(question.record, Part::Against, &question.text),
                    Evidence::new(before.record, Part::Context, &before.text),
                ],
                sentence: format!(
                    "leaves {} unanswered; its user asks it again",
                    crate::text::quoted(&before.text, 100)
                ),
                instruction: format!(
                    "Answer this before anything else, in one or two sentences: {}",
                    crate::text::quoted(&question.text, 200)
                ),
                means: Vec::new(),
            });
        }
        remember(&mut self.questions, question);
    }

    /// A correction, perhaps of the same thing as before.
    fn corrected_by(&mut self, correction: Said, found: &mut Vec<Finding>) {
        let before = self.corrections.iter().find(|before| much_the_same(&before.words, &correction.words));
        if let (Some(before), Some(latest)) = (before, &self.latest)
            && before.after.is_none_or(|after| after < latest.step)
        {
            found.push(Finding {
                rule: &REPEATED,
                step: latest.step,
                root: before.after,
                strength: Probability::new(0.5),
                evidence: vec![
                    Evidence::new(latest.record, Part::Claim, &latest.text),
                    Evidence::new(correction.record, Part::Against, &correction.text),
                    Evidence::new(before.record, Part::Context, &before.text),
                ],
                sentence: format!(
                    "its user has to say once more {}; the first time it was {}",
                    crate::text::quoted(&correction.text, 100),
                    crate::text::quoted(&before.text, 100)
                ),
                instruction: format!(
                    "Your user has told you the same twice: {}. Say in one sentence what that asks of you, find every place where your work goes against it, and change those first.",
                    crate::text::quoted(&correction.text, 200)
                ),
                means: Vec::new(),
            });
        }
        remember(&mut self.corrections, correction);
        // Names that were ruled out point to corrections by place.
        if self.corrections.len() == REMEMBERED {
            self.ruled_out.clear();
        }
    }

    fn closed(&mut self, step: &ClosedStep<'_>, found: &mut Vec<Finding>) {
        let (record, text) = match step.message {
            Some(message) => (message.record, message.text.as_str()),
            None => (step.input.record, step.input.text.as_str()),
        };
        self.latest = Some(Latest {
            step: step.step.id,
            record,
            text: crate::text::excerpt(text, super::EVIDENCE_BYTES),
        });
        self.asked &= step.words().all(|words| words.text.trim().is_empty());
        if step.step.is_message() {
            return;
        }
        self.goes_against(step, found);
        let changes = step.effects.iter().any(|effect| effect.status != EffectStatus::Failed);
        if changes && !step.step.failed() && self.changes.len() < ACTS {
            self.changes.push((step.step.call_hash, step.step.id));
        }
    }

    /// Rule 37: what an act does against the latest corrections.
    fn goes_against(&mut self, step: &ClosedStep<'_>, found: &mut Vec<Finding>) {
        let refused = matches!(step.step.status, Status::Denied | Status::Interrupted);
        if self.told || refused || step.step.failed() || fault::of(step).is_some() {
            return;
        }
        let label = fault::call_name(step);
        let changes = step.effects.iter().any(|effect| effect.status != EffectStatus::Failed);
        let again = self.corrected.iter().find(|(call, _)| changes && *call == step.step.call_hash);
        let ruled_out = self.ruled_out.iter().find(|name| uses(step, &name.name));
        let (said, root, strength, sentence) = match (ruled_out, again) {
            (Some(name), _) => {
                let Some(said) = self.corrections.get(name.said) else { return };
                let name = crate::text::excerpt(&name.name, 60);
                (said, None, 0.6, format!("uses {name} in “{label}” after its user said"))
            }
            (None, Some((_, first))) => {
                let Some(said) = self.corrections.back() else { return };
                (
                    said,
                    Some(*first),
                    0.6,
                    format!("makes the call “{label}” again unchanged after its user said"),
                )
            }
            (None, None) => return,
        };
        self.told = true;
        let shown = crate::text::quoted(&said.text, 100);
        found.push(Finding {
            rule: &IGNORED,
            step: step.step.id,
            root,
            strength: Probability::new(strength),
            evidence: vec![
                Evidence::new(step.input.record, Part::Claim, &step.input.text),
                Evidence::new(said.record, Part::Against, &said.text),
            ],
            sentence: format!("{sentence} {shown}"),
            instruction: format!(
                "Your user has said {}. Take back what {label} did where that goes against it, and do it the way that was asked for.",
                crate::text::quoted(&said.text, 200)
            ),
            means: vec![Means::RefuseRepeat],
        });
    }

    /// The turn has ended.
    fn ended(&mut self, passage: &Passage, found: &mut Vec<Finding>) {
        if !std::mem::take(&mut self.asked) {
            return;
        }
        let (Some(question), Some(latest)) = (self.questions.back(), &self.latest) else { return };
        if question.after.is_some_and(|after| after >= latest.step) {
            return;
        }
        let end = if passage.text.trim().is_empty() { "(the turn ends)" } else { passage.text.as_str() };
        found.push(Finding {
            rule: &UNANSWERED,
            step: latest.step,
            root: None,
            strength: Probability::new(0.4),
            evidence: vec![
                Evidence::new(passage.record, Part::Claim, end),
                Evidence::new(question.record, Part::Against, &question.text),
            ],
            sentence: format!("ends its turn without a word on {}", crate::text::quoted(&question.text, 100)),
            instruction: format!(
                "Answer this before you end, in one or two sentences: {}",
                crate::text::quoted(&question.text, 200)
            ),
            means: Vec::new(),
        });
    }
}

fn remember(list: &mut VecDeque<Said>, said: Said) {
    if list.len() >= REMEMBERED {
        list.pop_front();
    }
    list.push_back(said);
}

/// Whether two sorted lists of words have most of the shorter one in common.
fn much_the_same(one: &[u64], other: &[u64]) -> bool {
    let shared = one.iter().filter(|word| other.binary_search(word).is_ok()).count();
    shared >= SHARED && shared * 5 >= one.len().min(other.len()) * 3
}

/// Whether a call uses what goes by this name: runs it as a program, passes it as a whole argument, or
/// writes to it.
fn uses(step: &ClosedStep<'_>, name: &str) -> bool {
    let Some(request) = step.request else { return false };
    if matches!(step.step.tool_kind(), Some(ToolKind::Shell)) {
        let line = request.command.as_deref().unwrap_or_default();
        return line.contains(name) && command::split(line).iter().any(|simple| simple.program() == name);
    }
    let writes = step.effects.iter().any(|effect| effect.target == name || ends_path(&effect.target, name));
    let tool = step.tool.eq_ignore_ascii_case(name);
    // A word may stand for much; what looks like a name of its own stands for itself.
    let telling = name.bytes().any(|b| b.is_ascii_digit() || matches!(b, b'/' | b'_' | b'@'));
    let passes =
        telling && !step.effects.is_empty() && request.arguments.iter().any(|(_, text)| text == name);
    writes || tool || passes
}

fn ends_path(path: &str, name: &str) -> bool {
    path.strip_suffix(name).is_some_and(|rest| rest.ends_with('/'))
}

impl Family for User {
    fn rules(&self) -> &'static [&'static Rule] {
        RULES
    }

    fn observe(&mut self, seen: &Observation<'_>, _run: &Run, found: &mut Vec<Finding>) {
        match seen {
            Observation::Prompt { agent, author: Author::Person, passage } => {
                self.talks.entry(*agent).or_default().prompted(passage, found);
            }
            Observation::Step(step) => {
                if let Some(talk) = self.talks.get_mut(&step.step.agent) {
                    talk.closed(step, found);
                }
            }
            Observation::Lifecycle { agent, what, passage } => {
                let Some(talk) = self.talks.get_mut(agent) else { return };
                match what {
                    Lifecycle::TurnEnd | Lifecycle::End => talk.ended(passage, found),
                    // The agent was not let finish.
                    Lifecycle::Interrupted | Lifecycle::Error | Lifecycle::Limit => talk.asked = false,
                    _ => {}
                }
            }
            _ => {}
        }
    }
}
