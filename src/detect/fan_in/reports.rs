//! Reports: what agents bring back to the one that asked them, held against each other, until that one
//! goes on with one of two values.

use rustc_hash::{FxHashMap, FxHashSet};

use super::facts::{Fact, Value, facts, gives, shared, things};
use super::{Aspect, Basis, Class, EVIDENCE_BYTES, Evidence, Finding, Part, Rule, speech};
use crate::trace::{AgentId, ClosedStep, EffectKind, Passage, Probability, RecordRef, Run, StepId, ToolKind};

/// Two answers, one taken.
pub(super) static CONTRADICTION: Rule = Rule {
    id: "agents.contradiction",
    class: Class::FailurePropagation,
    basis: Basis::External,
    speaks_of: Aspect::Support,
    summary: "Two agents give two values for one thing, and the agent that asked both goes on with one of them without a word.",
    example: "goes on with \"2031-06-01\" (scout-b); scout-a reported \"2030-06-01\" for the same thing",
    proven: true,
};

/// How many contradictions wait to be taken up.
const MOST_OPEN: usize = 32;
/// How many reports of one asker are compared with a new one.
const MOST_REPORTS: usize = 32;
/// How many steps back a report is looked for.
const RECENT: usize = 512;
/// How many tasks are followed.
const MOST_TASKS: usize = 4096;
/// How much of a task is kept, in bytes.
const TASK_BYTES: usize = 2048;

/// Words by which an agent shows that it has seen that two reports differ.
const SEES_IT: &[&str] = &[
    "differ",
    "disagree",
    "conflict",
    "contradict",
    "discrepan",
    "mismatch",
    "inconsisten",
    "whereas",
    "however",
    "instead of",
    "not match",
    "but ",
    "although",
    "while ",
    "unclear",
    "two answers",
];

/// What one agent brought back.
#[derive(Clone, Debug)]
struct Report {
    by: AgentId,
    record: RecordRef,
    /// The step at which its maker said it.
    said: Option<StepId>,
    facts: Vec<Fact>,
    /// The meaningful words of the task, sorted.
    task: Vec<u64>,
    /// The things that the task names.
    things: Vec<u64>,
}

/// Two facts that contradict each other.
#[derive(Clone, Debug)]
struct Pair {
    asker: AgentId,
    sides: [(AgentId, RecordRef, Option<StepId>, Fact); 2],
}

/// The reports of a run.
#[derive(Debug, Default)]
pub(super) struct Reports {
    /// Tasks that were handed out, by asker and agent.
    tasks: FxHashMap<(AgentId, AgentId), String>,
    reports: FxHashMap<AgentId, Vec<Report>>,
    open: Vec<Pair>,
}

/// Whether two facts of two reports give two values for one thing.
fn contradict(one: (&Report, &Fact), other: (&Report, &Fact)) -> bool {
    let ((one_report, one), (other_report, other)) = (one, other);
    // Sentences, or else tasks, that name different things speak of different things.
    let apart = |one: &[u64], other: &[u64]| !one.is_empty() && !other.is_empty() && shared(one, other) == 0;
    if apart(&one.things, &other.things) || apart(&one_report.things, &other_report.things) {
        return false;
    }
    // One question put to many, each time about another subject: their answers are to differ.
    let (tasks, longer) =
        (shared(&one_report.task, &other_report.task), one_report.task.len().max(other_report.task.len()));
    if tasks * 2 >= longer && one_report.task != other_report.task {
        return false;
    }
    match (&one.value, &other.value) {
        (
            Value::Date { year, month, day, sort: Some(sort) },
            Value::Date { year: year2, month: month2, day: day2, sort: Some(sort2) },
        ) => {
            let differ = u32::from(year != year2) + u32::from(month != month2) + u32::from(day != day2);
            let subject = |report: &Report, fact: &Fact| -> FxHashSet<u64> {
                report.task.iter().chain(&fact.words).copied().collect()
            };
            let subject = subject(one_report, one).intersection(&subject(other_report, other)).count();
            // Dates that differ in one place are likelier to be of one thing.
            sort == sort2 && differ > 0 && subject >= if differ == 1 { 1 } else { 3 }
        }
        (Value::Figure { hash, unit }, Value::Figure { hash: hash2, unit: unit2 }) => {
            let common = shared(&one.words, &other.words);
            let longer = one.words.len().max(other.words.len());
            hash != hash2 && unit == unit2 && common >= 3 && common * 3 >= longer * 2
        }
        _ => false,
    }
}

impl Reports {
    /// Work has been handed out.
    pub(super) fn asked(&mut self, from: AgentId, to: AgentId, passage: &Passage) {
        if self.tasks.len() < MOST_TASKS || self.tasks.contains_key(&(from, to)) {
            let text = crate::text::clip(&passage.text, TASK_BYTES).to_owned();
            self.tasks.insert((from, to), text);
        }
    }

    /// An answer has come back.
    pub(super) fn returned(&mut self, from: AgentId, to: AgentId, passage: &Passage, run: &Run) {
        let task = self.tasks.get(&(to, from)).cloned().unwrap_or_default();
        let said = run.steps.iter().rev().take(RECENT).find(|step| step.agent == from && step.is_message());
        self.take_in(from, to, (passage, &task), said.map(|step| step.id));
    }

    /// A call that hands work over has come back: who answered is told by what was said last.
    fn answer(&mut self, step: &ClosedStep<'_>, outcome: &Passage, run: &Run) {
        let label = crate::text::excerpt(&outcome.text, crate::trace::LABEL_BYTES);
        let to = step.step.agent;
        let said = run.steps.iter().rev().take(RECENT).find(|other| {
            other.agent != to && other.is_message() && !label.is_empty() && *other.label == *label
        });
        if let Some(said) = said {
            let task = crate::text::clip(&step.input.text, TASK_BYTES);
            self.take_in(said.agent, to, (outcome, task), Some(said.id));
        }
    }

    fn take_in(
        &mut self,
        from: AgentId,
        to: AgentId,
        (passage, task): (&Passage, &str),
        said: Option<StepId>,
    ) {
        let facts = facts(&passage.text);
        if facts.is_empty() {
            return;
        }
        let new = Report {
            by: from,
            record: passage.record,
            said,
            facts,
            task: speech::content(task, false),
            things: things(task),
        };
        let reports = self.reports.entry(to).or_default();
        for known in reports.iter().filter(|known| known.by != from) {
            for (one, other) in
                known.facts.iter().flat_map(|one| new.facts.iter().map(move |other| (one, other)))
            {
                // A report that gives both values has seen both.
                let both = |report: &Report, value: &Value| report.facts.iter().any(|f| f.value == *value);
                if self.open.len() < MOST_OPEN
                    && contradict((known, one), (&new, other))
                    && !both(&new, &one.value)
                    && !both(known, &other.value)
                {
                    self.open.push(Pair {
                        asker: to,
                        sides: [
                            (known.by, known.record, known.said, one.clone()),
                            (new.by, new.record, new.said, other.clone()),
                        ],
                    });
                }
            }
        }
        if reports.len() >= MOST_REPORTS {
            reports.remove(0);
        }
        reports.push(new);
    }

    /// A step has closed: an answer that a call brought back, or one of two values that is gone on with.
    pub(super) fn closed(&mut self, step: &ClosedStep<'_>, run: &Run, found: &mut Vec<Finding>) {
        let agent = step.step.agent;
        if let Some(outcome) = step.outcome.filter(|_| step.step.tool_kind() == Some(ToolKind::Agent)) {
            self.answer(step, outcome, run);
        }
        if !self.open.is_empty() {
            self.take_up(step, run, found);
            // An outcome of the asker's own that shows one of the two settles it.
            if let Some(outcome) = step.outcome
                && step.step.tool_kind() != Some(ToolKind::Agent)
                && !step.step.failed()
                && !step.effects.iter().any(|effect| effect.kind == EffectKind::File)
            {
                self.open.retain(|pair| {
                    pair.asker != agent || !pair.sides.iter().any(|side| gives(&outcome.text, &side.3))
                });
            }
        }
    }

    /// The asker says, writes or hands on one of two values.
    fn take_up(&mut self, step: &ClosedStep<'_>, run: &Run, found: &mut Vec<Finding>) {
        let agent = step.step.agent;
        let input = step.step.tool_kind().map(|_| step.input);
        let texts: Vec<&Passage> = step.words().chain(input).collect();
        let aware = texts.iter().any(|passage| {
            let lower = speech::read(&passage.text).to_ascii_lowercase();
            speech::has_any(&lower, SEES_IT)
        });
        let gives = |fact: &Fact| {
            texts.iter().find_map(|passage| {
                let sentence =
                    speech::sentences(speech::read(&passage.text)).find(|sentence| gives(sentence, fact))?;
                let sentence = if sentence.len() > EVIDENCE_BYTES { &fact.name } else { sentence };
                Some(Evidence::new(passage.record, Part::Claim, sentence))
            })
        };
        let mut taken = None;
        self.open.retain(|pair| {
            if pair.asker != agent {
                return true;
            }
            let [one, other] = &pair.sides;
            match (gives(&one.3), gives(&other.3)) {
                (None, None) => true,
                (Some(_), Some(_)) => false,
                (Some(claim), None) => {
                    taken.get_or_insert_with(|| (claim, one.clone(), other.clone()));
                    false
                }
                (None, Some(claim)) => {
                    taken.get_or_insert_with(|| (claim, other.clone(), one.clone()));
                    false
                }
            }
        });
        let Some((claim, used, left)) = taken.filter(|_| !aware) else { return };
        let name = |agent: AgentId| crate::text::excerpt(run.agent_name(agent), 40);
        let (value, against) = (crate::text::quoted(&used.3.name, 40), crate::text::quoted(&left.3.name, 40));
        found.push(Finding {
            rule: &CONTRADICTION,
            step: step.step.id,
            root: used.2,
            strength: Probability::new(0.8),
            evidence: vec![
                claim,
                Evidence::new(left.1, Part::Against, &left.3.sentence),
                Evidence::new(used.1, Part::Context, &used.3.sentence),
            ],
            sentence: format!(
                "goes on with {value} ({}); {} reported {against} for the same thing",
                name(used.0),
                name(left.0)
            ),
            instruction: format!(
                "{} and {} disagree: {value} against {against}. Find out which holds, at the source itself, and correct what was said and written with the other.",
                name(used.0),
                name(left.0)
            ),
            means: Vec::new(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::FanIn;
    use super::*;
    use crate::detect::scene::Scene;
    use crate::trace::Status;
    use serde_json::json;

    fn two(tasks: [&str; 2], reports: [&str; 2]) -> Scene {
        let mut scene = Scene::of(FanIn::default());
        let names = ["scout-a", "scout-b"];
        for (name, task) in names.iter().zip(tasks) {
            scene.hands_over(name, task);
        }
        for (name, report) in names.iter().zip(reports) {
            scene.acts(name);
            scene.says(report);
        }
        scene.acts("main");
        for (name, report) in names.iter().zip(reports) {
            scene.returns(name, report);
        }
        scene
    }

    const TASKS: [&str; 2] =
        ["Until when is the lease of the mill valid?", "What does our archive say about the lease?"];

    fn leases() -> Scene {
        two(TASKS, ["The lease is valid until June 1, 2030.", "By the archive the lease ends on 2031-06-01."])
    }

    #[test]
    fn one_of_two_dates_is_taken_without_a_word() {
        let mut scene = leases();
        let step = scene.says("The lease is valid until 2031-06-01.");
        let found = scene.found("agents.contradiction");
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].step, found[0].root), (step, Some(StepId(1))));
        assert_eq!(
            found[0].sentence,
            "goes on with \"2031-06-01\" (scout-b); scout-a reported \"June 1, 2030\" for the same thing"
        );
    }

    #[test]
    fn it_is_told_once_and_also_in_a_file() {
        let mut scene = leases();
        let note = json!({"file_path": "lease.md", "content": "valid until 2031-06-01"});
        let step = scene.call("Write", &note, Status::Ok, "written");
        scene.says("The lease is valid until 2031-06-01, as lease.md says.");
        let found = scene.found("agents.contradiction");
        assert_eq!(found.iter().map(|f| f.step).collect::<Vec<_>>(), [step]);
    }

    #[test]
    fn who_names_both_or_says_that_they_differ_is_well() {
        let mut scene = leases();
        scene.says("The two reports differ; I go by 2031-06-01.");
        assert!(scene.found("agents.contradiction").is_empty());
        let mut scene = leases();
        scene.says("It is valid until 2030-06-01 or 2031-06-01.");
        scene.says("So, 2031-06-01.");
        assert!(scene.found("agents.contradiction").is_empty());
    }

    #[test]
    fn who_looks_for_itself_may_choose() {
        let mut scene = leases();
        scene.call("Read", &json!({"file_path": "lease.pdf"}), Status::Ok, "ends 2031-06-01");
        scene.says("The lease is valid until 2031-06-01.");
        assert!(scene.found("agents.contradiction").is_empty());
    }

    #[test]
    fn equal_dates_in_two_spellings_agree() {
        let mut scene = two(
            TASKS,
            ["The lease is valid until 1 June 2031.", "By the archive the lease ends on 2031-06-01."],
        );
        scene.says("The lease is valid until 2031-06-01.");
        assert!(scene.found("agents.contradiction").is_empty());
    }

    #[test]
    fn one_question_about_two_subjects_has_two_answers() {
        let mut scene = two(
            ["Until when is the lease of the mill valid?", "Until when is the lease of the barn valid?"],
            ["The lease is valid until 2030-06-01.", "The lease is valid until 2031-06-01."],
        );
        scene.says("The lease of the barn is valid until 2031-06-01.");
        assert!(scene.found("agents.contradiction").is_empty());
    }

    #[test]
    fn two_counts_of_the_same_thing() {
        let reports = [
            "The parser has 41 open issues of high priority.",
            "The parser has 14 open issues of high priority.",
        ];
        let mut scene = two(["Look at the tracker.", "Read the export of last night."], reports);
        scene.says("There are 14 open issues.");
        assert_eq!(scene.found("agents.contradiction").len(), 1);
    }

    #[test]
    fn counts_of_different_files_do_not_contradict() {
        let reports =
            ["src/a/lex.rs has 41 lines of dead code.", "src/b/parse.rs has 14 lines of dead code."];
        let mut scene = two(["Look at the lexer.", "Read the parser."], reports);
        scene.says("There are 14 lines of dead code in the parser.");
        assert!(scene.found("agents.contradiction").is_empty());
    }

    #[test]
    fn answers_of_calls_that_hand_work_over_are_reports_too() {
        let mut scene = Scene::of(FanIn::default());
        let reports =
            ["The lease is valid until 2030-06-01.", "By the archive the lease ends on 2031-06-01."];
        for (at, (task, report)) in TASKS.iter().zip(reports).enumerate() {
            let call = scene.open("Task", &json!({"prompt": task}));
            scene.acts(["scout-a", "scout-b"][at]);
            scene.says(report);
            scene.acts("main");
            scene.close(call, Status::Ok, report);
        }
        scene.says("The lease is valid until 2031-06-01.");
        assert_eq!(scene.found("agents.contradiction").len(), 1);
    }
}
