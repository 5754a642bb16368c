//! Hand-offs: what one agent passes to another should arrive as it was sent, and be passed on as it
//! came. A figure, an id or a path that nothing in the run holds, while one that differs in a digit or
//! a character stood in what another agent had sent, was altered on the way. What was asked for and
//! never taken up is in [`lost`].

mod lost;

use std::collections::VecDeque;

use rustc_hash::FxHashSet;

use crate::trace::entity::scan;
use crate::trace::{
    AgentId, ClosedStep, EntityKind, Observation, Passage, Probability, RecordRef, Run, StepId, ToolKind,
};

use super::{Aspect, Basis, Class, EVIDENCE_BYTES, Evidence, Family, Finding, Part, Rule, speech};

/// Altered on the way from agent to agent.
pub(super) static ALTERED_REPORT: Rule = Rule {
    id: "agents.altered-report",
    class: Class::FailurePropagation,
    basis: Basis::External,
    speaks_of: Aspect::Support,
    summary: "An agent passes on a figure, id or path of another agent with a digit or a character changed.",
    example: "passes on \"8,412\"; what explorer-1 had sent was \"8,472\"",
    proven: true,
};

static RULES: &[&Rule] = &[&ALTERED_REPORT, &lost::LOST];

/// How many things that were sent are remembered; the oldest go first.
const MOST_SENT: usize = 1024;
/// How many new things of one step are looked at.
const MOST_NEW: usize = 64;
/// The longest thing that is compared, in bytes.
const THING_BYTES: usize = 120;

/// A thing that one agent sent to another.
#[derive(Clone, Debug)]
struct Sent {
    by: Option<AgentId>,
    kind: EntityKind,
    name: Box<str>,
    unit: u64,
    /// The meaningful words of its sentence, sorted.
    words: Vec<u64>,
    record: RecordRef,
    step: Option<StepId>,
    sentence: Box<str>,
}

/// The family.
#[derive(Debug, Default)]
pub(super) struct Handoffs {
    sent: VecDeque<Sent>,
    /// Agents that have made a call. Where a sub-agent makes none, what it observes stands in its
    /// words, and a figure in them needs no sender.
    called: FxHashSet<AgentId>,
    lost: lost::Lost,
}

/// Who said a text, where.
#[derive(Clone, Copy)]
struct Source {
    by: Option<AgentId>,
    record: RecordRef,
    step: Option<StepId>,
}

/// Whether a thing is of a sort that is passed on to the letter.
fn counts(kind: EntityKind, name: &str) -> bool {
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    match kind {
        EntityKind::Number => {
            let year = digits == 4 && name.len() == 4 && (name.starts_with("19") || name.starts_with("20"));
            digits >= 2 && !year
        }
        EntityKind::Path | EntityKind::Url | EntityKind::Email | EntityKind::Id => {
            (5..=THING_BYTES).contains(&name.len())
        }
    }
}

/// How many characters were changed, if two spellings differ as a slip does: one character, two
/// neighbours swapped, two characters of a longer name, or, of a number, a zero more or less at its
/// end. A rounded number is no slip.
fn slip(kind: EntityKind, one: &str, other: &str) -> Option<usize> {
    let figure = kind == EntityKind::Number;
    let plain = |text: &str| -> Vec<u8> {
        let kept = text.bytes().filter(|b| !figure || b.is_ascii_digit() || *b == b'.');
        kept.map(|b| b.to_ascii_lowercase()).collect()
    };
    let (one, other) = (plain(one), plain(other));
    if figure {
        let longer = |a: &[u8], b: &[u8]| a.strip_suffix(b"0").is_some_and(|a| a == b);
        if longer(&one, &other) || longer(&other, &one) {
            return (one.len().min(other.len()) >= 3).then_some(1);
        }
        // 1,280 for 1,284.
        if one.last() == Some(&b'0') && other.last() != Some(&b'0') {
            return None;
        }
    }
    if one.len() != other.len() {
        return None;
    }
    let differ: Vec<(usize, u8, u8)> = one
        .iter()
        .zip(&other)
        .enumerate()
        .filter(|(_, (a, b))| a != b)
        .map(|(at, (a, b))| (at, *a, *b))
        .collect();
    let fits = |b: u8| if figure { b.is_ascii_digit() } else { b.is_ascii_alphanumeric() };
    if !differ.iter().all(|(_, a, b)| fits(*a) && fits(*b)) {
        return None;
    }
    match differ.as_slice() {
        [_] => Some(1),
        [(at, a, b), (next, c, d)] if at + 1 == *next && (a, b) == (d, c) => Some(1),
        [_, _] if !figure && one.len() >= 8 => Some(2),
        _ => None,
    }
}

/// A figure of two digits: it says little without its unit.
fn small(kind: EntityKind, name: &str) -> bool {
    kind == EntityKind::Number && name.bytes().filter(u8::is_ascii_digit).count() < 3
}

/// The word after a thing, as the unit of a figure; 0 without one.
fn unit(sentence: &str, end: usize) -> u64 {
    let rest = sentence.get(end..).unwrap_or_default();
    let word: String = rest
        .trim_start_matches(' ')
        .chars()
        .take_while(|c| c.is_alphabetic())
        .flat_map(char::to_lowercase)
        .collect();
    if word.len() < 3 { 0 } else { speech::hash(speech::stem(&word).as_bytes()) }
}

/// Whether two sentences speak of the same thing: half of the shorter one's words, two at least.
fn alike(one: &[u64], other: &[u64]) -> bool {
    let shared = one.iter().filter(|word| other.binary_search(word).is_ok()).count();
    shared >= 2 && shared * 2 >= one.len().min(other.len())
}

/// How a thing is passed on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// Said, written, or handed on.
    Told,
    /// Only tried in a call: a sibling of a known file is no slip, a letter in its name is.
    Tried,
}

/// Whether a thing that is new is a slip of one that was sent.
fn same(manner: Manner, (name, unit, words): (&str, u64, &[u64]), sent: &Sent) -> bool {
    let longer = if sent.kind == EntityKind::Number { 2 } else { 0 };
    if sent.name.len().abs_diff(name.len()) > longer {
        return false;
    }
    let Some(changed) = slip(sent.kind, name, &sent.name) else { return false };
    match manner {
        Manner::Told if small(sent.kind, name) => unit != 0 && unit == sent.unit,
        Manner::Told => alike(words, &sent.words),
        Manner::Tried => {
            let digits = |text: &str| text.bytes().filter(u8::is_ascii_digit).map(u64::from).sum::<u64>();
            sent.kind != EntityKind::Number && changed == 1 && digits(name) == digits(&sent.name)
        }
    }
}

impl Handoffs {
    fn send(&mut self, text: &str, source: Source) {
        for sentence in speech::sentences(speech::read(text)) {
            let mut words = None;
            scan(sentence, |mention| {
                let unit = unit(sentence, mention.span.end);
                let Some(name) = sentence.get(mention.span) else { return };
                if !counts(mention.kind, name) {
                    return;
                }
                if self.sent.len() >= MOST_SENT {
                    self.sent.pop_front();
                }
                let words = words.get_or_insert_with(|| speech::content(sentence, false)).clone();
                self.sent.push_back(Sent {
                    by: source.by,
                    kind: mention.kind,
                    name: name.into(),
                    unit,
                    words,
                    record: source.record,
                    step: source.step,
                    sentence: crate::text::excerpt(sentence, EVIDENCE_BYTES).into(),
                });
            });
        }
    }

    /// Looks for a new thing in a text that is a slip of one that another agent sent. `new` says
    /// whether nothing before this text held the thing.
    fn compare(
        &self,
        text: &str,
        at: (Source, StepId),
        manner: Manner,
        new: &dyn Fn(u64) -> bool,
        run: &Run,
        found: &mut Vec<Finding>,
    ) {
        let (source, step) = at;
        let mut looked = 0;
        for sentence in speech::sentences(speech::read(text)) {
            let mut words = None;
            let mut hit = None;
            scan(sentence, |mention| {
                let unit = unit(sentence, mention.span.end);
                let Some(name) = sentence.get(mention.span) else { return };
                if hit.is_some()
                    || looked >= MOST_NEW
                    || !counts(mention.kind, name)
                    || !new(mention.hash)
                    // The last part of a path that is known, told of alone, is no news.
                    || (manner == Manner::Told && mention.file_name.is_some_and(|name| !new(name)))
                {
                    return;
                }
                looked += 1;
                let words = words.get_or_insert_with(|| speech::content(sentence, false));
                let sent = self.sent.iter().rev().find(|sent| {
                    sent.kind == mention.kind
                        && (sent.by.is_none() || sent.by != source.by)
                        && same(manner, (name, unit, words), sent)
                });
                hit = sent.map(|sent| (name, sent));
            });
            let Some((name, sent)) = hit else { continue };
            if speech::tentative(&sentence.to_ascii_lowercase()) {
                continue;
            }
            let who = sent.by.map_or("", |by| run.agent_name(by));
            let who = if who.is_empty() { "another agent".to_owned() } else { crate::text::excerpt(who, 40) };
            let (altered, original) = (crate::text::quoted(name, 60), crate::text::quoted(&sent.name, 60));
            found.push(Finding {
                rule: &ALTERED_REPORT,
                step,
                root: None,
                strength: Probability::new(if small(sent.kind, name) || manner == Manner::Tried { 0.55 } else { 0.8 }),
                evidence: vec![
                    Evidence::new(source.record, Part::Claim, sentence),
                    Evidence::new(sent.record, Part::Against, &sent.sentence),
                ],
                sentence: format!("passes on {altered}; what {who} had sent was {original}"),
                instruction: format!(
                    "Take {original} from what {who} sent{}, put it where {altered} stands, and redo what was built on {altered}.",
                    sent.step.map(|step| format!(" at step {}", step.0)).unwrap_or_default()
                ),
                means: Vec::new(),
            });
            return;
        }
    }

    fn closed(&mut self, step: &ClosedStep<'_>, run: &Run, found: &mut Vec<Finding>) {
        let id = step.step.id;
        let by = Some(step.step.agent);
        let parent = run.agents.get(usize::from(step.step.agent.0)).and_then(|agent| agent.parent);
        let hands_over = step.step.tool_kind() == Some(ToolKind::Agent);
        if !step.step.is_message() {
            self.called.insert(step.step.agent);
        }
        let new = |hash: u64| {
            run.entities
                .get(hash)
                .is_some_and(|entity| entity.first == Some(id) && !entity.origin.is_grounded())
        };
        if !self.sent.is_empty() && !run.entities.is_full() {
            let before = found.len();
            let reports = parent.is_none() || self.called.contains(&step.step.agent);
            for passage in step.words().filter(|_| reports) {
                let source = Source { by, record: passage.record, step: Some(id) };
                self.compare(&passage.text, (source, id), Manner::Told, &new, run, found);
            }
            let told = hands_over
                || matches!(step.step.tool_kind(), Some(ToolKind::Write | ToolKind::Edit | ToolKind::Other));
            if let Some(request) = step.request.filter(|_| found.len() == before) {
                let source = Source { by, record: step.input.record, step: Some(id) };
                let manner = if told { Manner::Told } else { Manner::Tried };
                for (_, text) in &request.arguments {
                    self.compare(text, (source, id), manner, &new, run, found);
                }
            }
            found.truncate(found.len().min(before + 1));
        }
        if let Some(message) = step.message.filter(|_| parent.is_some()) {
            self.send(&message.text, Source { by, record: message.record, step: Some(id) });
        }
        if hands_over {
            let source = Source { by, record: step.input.record, step: Some(id) };
            for (_, text) in step.request.iter().flat_map(|request| &request.arguments) {
                self.send(text, source);
            }
            if let Some(outcome) = step.outcome {
                let source = Source { by: None, record: outcome.record, step: Some(id) };
                let arrived = |hash: u64| {
                    run.entities
                        .get(hash)
                        .is_some_and(|entity| entity.first == Some(id) && !entity.origin.own_words)
                };
                self.compare(&outcome.text, (source, id), Manner::Told, &arrived, run, found);
                self.send(&outcome.text, source);
            }
        }
    }

    /// A text that reaches an agent from another one. Nothing but this text has brought a thing whose
    /// first step is the one to come.
    fn arrives(
        &mut self,
        passage: &Passage,
        (by, step): (Option<AgentId>, Option<StepId>),
        run: &Run,
        found: &mut Vec<Finding>,
    ) {
        let next = StepId(u32::try_from(run.steps.len()).unwrap_or(u32::MAX));
        let arrived = |hash: u64| {
            run.entities
                .get(hash)
                .is_some_and(|entity| entity.first == Some(next) && !entity.origin.own_words)
        };
        let at = step.or_else(|| run.steps.last().map(|step| step.id));
        if let Some(at) = at {
            let source = Source { by: None, record: passage.record, step };
            self.compare(&passage.text, (source, at), Manner::Told, &arrived, run, found);
        }
        self.send(&passage.text, Source { by, record: passage.record, step });
    }
}

impl Family for Handoffs {
    fn rules(&self) -> &'static [&'static Rule] {
        RULES
    }

    fn observe(&mut self, seen: &Observation<'_>, run: &Run, found: &mut Vec<Finding>) {
        match seen {
            Observation::Step(step) => {
                self.closed(step, run, found);
                self.lost.closed(step);
            }
            Observation::Return { from, step, passage, .. } => {
                self.lost.returns(*from, passage, run, found);
                self.arrives(passage, (Some(*from), *step), run, found);
            }
            Observation::Handoff { from, to, step, passage } => {
                self.lost.hands((*from, *to), passage, *step);
                self.send(&passage.text, Source { by: Some(*from), record: passage.record, step: *step });
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::scene::Scene;
    use crate::trace::Status;
    use serde_json::json;

    fn reported(report: &str) -> Scene {
        let mut scene = Scene::of(Handoffs::default());
        scene.hands_over("explorer-1", "Count the open orders.");
        scene.acts("explorer-1");
        scene.says(report);
        scene.acts("main");
        scene.returns("explorer-1", report);
        scene
    }

    fn altered(scene: &mut Scene) -> Vec<Finding> {
        scene.found("agents.altered-report")
    }

    #[test]
    fn a_digit_of_a_report_changes_when_it_is_passed_on() {
        let mut scene = reported("The store holds 8,472 open orders of this year.");
        let step = scene.says("The store holds 8,412 open orders.");
        let found = altered(&mut scene);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].step, step);
        assert_eq!(found[0].sentence, "passes on \"8,412\"; what explorer-1 had sent was \"8,472\"");
    }

    #[test]
    fn passed_on_as_it_came_rounded_or_seen_elsewhere_is_well() {
        let mut scene = reported("The store holds 8,472 open orders of this year.");
        scene.says("The store holds 8,472 open orders.");
        scene.says("The store holds about 8,470 open orders.");
        scene.call("Bash", &json!({"command": "count orders"}), Status::Ok, "8412");
        scene.says("The store holds 8,412 open orders now.");
        assert!(altered(&mut scene).is_empty());
    }

    #[test]
    fn another_figure_about_another_thing_is_well() {
        let mut scene = reported("The store holds 8,472 open orders of this year.");
        scene.says("A lorry carries 8,412 kilograms at most.");
        assert!(altered(&mut scene).is_empty());
    }

    #[test]
    fn an_id_altered_in_the_next_task() {
        let mut scene = reported("The failing order is ORD-58213, please refund that order.");
        let task = json!({"prompt": "Refund the failing order ORD-58231 today."});
        let step = scene.call("Task", &task, Status::Ok, "refunded");
        assert_eq!(altered(&mut scene).iter().map(|f| f.step).collect::<Vec<_>>(), [step]);
    }

    #[test]
    fn a_report_that_is_altered_on_its_way_back() {
        let mut scene = Scene::of(Handoffs::default());
        scene.hands_over("explorer-1", "Count the open orders.");
        scene.acts("explorer-1");
        scene.says("The store holds 8,472 open orders of this year.");
        scene.acts("main");
        scene.returns("explorer-1", "The store holds 8,742 open orders of this year.");
        assert_eq!(altered(&mut scene).len(), 1);
    }

    #[test]
    fn a_path_that_is_only_tried_is_no_report() {
        let mut scene = reported("The limits stand in src/limits/table1.py, read that file.");
        scene.call("Read", &json!({"file_path": "src/limits/table2.py"}), Status::Ok, "x = 1");
        assert!(altered(&mut scene).is_empty());
    }

    #[test]
    fn a_letter_in_a_path_that_is_tried_is_a_slip() {
        let mut scene = reported("The notes stand in /srv/demo/notes, read that directory.");
        scene.call("Bash", &json!({"command": "ls /srv/dewo/notes"}), Status::Error, "no such directory");
        assert_eq!(altered(&mut scene).len(), 1);
    }

    #[test]
    fn a_small_figure_needs_the_same_unit() {
        let mut scene = reported("The peak needs 54 pods of 2 GiB.");
        scene.says("There are 52 weeks in a year.");
        let step = scene.says("So we run 58 pods from now on.");
        assert_eq!(altered(&mut scene).iter().map(|f| f.step).collect::<Vec<_>>(), [step]);
    }

    #[test]
    fn what_an_agent_alters_of_its_own_is_left_to_other_rules() {
        let mut scene = Scene::of(Handoffs::default());
        scene.says("The store holds 8,472 open orders of this year.");
        scene.says("The store holds 8,412 open orders of this year.");
        assert!(altered(&mut scene).is_empty());
    }
}
