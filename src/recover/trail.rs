//! The end of a run as far as outcomes need it: the last steps, what was found at them, and what the
//! run has used. Made from the assessor's state, so that whoever watches needs no log.

use jiff::Timestamp;

use crate::detect::{Class, Finding};
use crate::text::excerpt;
use crate::trace::command::{Joint, Simple, split};
use crate::trace::{Action, AgentId, Run, StateWord, Status, Step, StepId, ToolKind};

/// How many steps are kept.
pub const STEPS: usize = 512;

/// The end of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Trail {
    /// Names of the agents, as the run numbers them.
    pub agents: Vec<String>,
    /// Names of the tools, as the run numbers them; through the gate.
    pub tools: Vec<String>,
    /// The last steps, in the order of the run.
    pub marks: Vec<Mark>,
    /// Tokens used so far, cached ones left out.
    pub tokens: u64,
    /// How the run stands.
    pub state: StateWord,
}

impl Default for Trail {
    /// Nothing is known.
    fn default() -> Self {
        Self {
            agents: Vec::new(),
            tools: Vec::new(),
            marks: Vec::new(),
            tokens: 0,
            state: StateWord::Unknown,
        }
    }
}

/// A step as far as outcomes need it.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// Its position in the run.
    pub step: u32,
    /// Who did it.
    pub agent: u16,
    /// The record of its action, 0-based in its source.
    pub record: u32,
    /// When the action was recorded.
    pub began: Option<Timestamp>,
    /// When it was over.
    pub ended: Option<Timestamp>,
    /// The tool's number and sort; `None` for a message.
    pub tool: Option<(u16, ToolKind)>,
    /// The hash of tool and arguments; 0 for a message.
    pub call: u64,
    /// The hash of what came of it; 0 without one.
    pub came: u64,
    /// How it ended.
    pub status: Status,
    /// Its exit code, where known.
    pub exit_code: Option<i32>,
    /// What it says or does; through the gate.
    pub label: Box<str>,
    /// The rules that found something against it.
    pub found: Vec<&'static str>,
    /// Some of that holds only if the log ends here.
    pub provisional: bool,
}

impl Mark {
    fn of<'f>(step: &Step, all: impl Iterator<Item = (&'f Finding, bool)>) -> Self {
        let (mut found, mut provisional) = (Vec::new(), false);
        for (finding, settled) in all.filter(|(f, _)| f.rule.class != Class::Operational) {
            provisional |= !settled;
            if !found.contains(&finding.rule.id) {
                found.push(finding.rule.id);
            }
        }
        Self {
            step: step.id.0,
            agent: step.agent.0,
            record: step.record.index,
            began: step.began,
            ended: step.ended,
            tool: match step.action {
                Action::Call { tool, kind } => Some((tool, kind)),
                Action::Message => None,
            },
            call: step.call_hash,
            came: step.outcome_hash,
            status: step.status,
            exit_code: step.exit_code,
            label: step.label.clone(),
            found,
            provisional,
        }
    }

    /// Whether it is a message.
    pub fn is_message(&self) -> bool {
        self.tool.is_none()
    }

    /// Whether it is a call that is known to have worked.
    pub fn worked(&self) -> bool {
        !self.is_message() && self.status == Status::Ok && self.exit_code.unwrap_or(0) == 0
    }

    /// Whether it is a call that is known to have failed.
    pub fn failed(&self) -> bool {
        matches!(self.status, Status::Error | Status::Timeout | Status::Denied)
            || self.exit_code.is_some_and(|code| code != 0)
    }

    /// When it was over, as far as the log says.
    pub fn at(&self) -> Option<Timestamp> {
        self.ended.or(self.began)
    }
}

impl Trail {
    /// The trail of a run; `found` gives what was found at a step, and whether that stands whatever comes.
    pub fn of<'f, I: Iterator<Item = (&'f Finding, bool)>>(run: &Run, found: impl Fn(StepId) -> I) -> Self {
        let from = run.steps.len().saturating_sub(STEPS);
        Self {
            agents: run.agents.iter().map(|agent| agent.name.clone()).collect(),
            tools: run.tools.iter().map(|tool| excerpt(tool, 60)).collect(),
            marks: run.steps.iter().skip(from).map(|step| Mark::of(step, found(step.id))).collect(),
            tokens: run.usage.input.saturating_add(run.usage.output),
            state: run.state.word,
        }
    }

    /// An agent's number.
    pub fn agent(&self, name: &str) -> Option<AgentId> {
        self.agents.iter().position(|agent| agent == name).map(|at| AgentId(at as u16))
    }

    /// A step that is still kept.
    pub fn mark(&self, step: u32) -> Option<&Mark> {
        let at = self.marks.binary_search_by_key(&step, |mark| mark.step).ok()?;
        self.marks.get(at)
    }

    /// A tool's name.
    pub fn tool(&self, tool: u16) -> &str {
        self.tools.get(usize::from(tool)).map_or("", String::as_str)
    }

    /// The agent's first step after a text reached it: after the record in which it was seen, else after
    /// the time at which it was handed over, else after the record to which the log went when it was
    /// drafted. The step after the last one that is kept where there is none yet.
    pub fn first_after(
        &self,
        agent: &str,
        seen_in: Option<u32>,
        handed: Option<Timestamp>,
        drafted_at: u32,
    ) -> u32 {
        let agent = self.agent(agent);
        let after = |mark: &&Mark| match (seen_in, handed, mark.began) {
            (Some(record), _, _) => mark.record > record,
            (None, Some(handed), Some(began)) => began >= handed,
            _ => mark.record >= drafted_at,
        };
        let mine = self.marks.iter().filter(|mark| agent.is_some_and(|agent| agent.0 == mark.agent));
        let next = self.marks.last().map_or(0, |mark| mark.step + 1);
        // A step before which another is not after it does not count: clocks differ.
        let late = mine.rev().take_while(after).last();
        late.map_or(next, |mark| mark.step)
    }
}

/// Whether a step shows that a check passed: the command was run, nothing hides its exit status, and it
/// succeeded.
pub fn passes(check: &str, mark: &Mark) -> bool {
    mark.worked() && runs(check, &mark.label)
}

/// Whether a label is that of a call that runs a check, whole, and whose exit status is the check's.
pub fn runs(check: &str, label: &str) -> bool {
    let (check, label) = (check.trim(), label.trim());
    // A label that was cut: as much as is there must be the check's beginning.
    if let Some(head) = label.strip_suffix('…') {
        let head = head.trim_end();
        return head.len() >= 40 && check.starts_with(head);
    }
    // Spares most labels the taking apart.
    if check.split_whitespace().next().is_none_or(|word| !label.contains(word)) {
        return false;
    }
    let (wanted, run) = (split(check), split(label));
    if wanted.is_empty() {
        return false;
    }
    let at = run.windows(wanted.len()).position(|some| {
        some.iter().zip(&wanted).all(|(one, wanted)| !one.background && same_command(one, wanted))
    });
    // What follows can hide how the check ended; `&&` cannot.
    at.is_some_and(|at| run.iter().skip(at + wanted.len()).all(|later| later.joint == Joint::And))
}

/// Whether two commands are the same but for how much they print.
fn same_command(one: &Simple, other: &Simple) -> bool {
    let telling = |simple: &Simple| -> Vec<String> {
        simple.words.iter().filter(|word| !LOUDNESS.contains(&word.as_str())).cloned().collect()
    };
    telling(one) == telling(other)
}

/// Flags that change what a check prints and not what it checks.
const LOUDNESS: &[&str] = &["-q", "-v", "-vv", "--quiet", "--verbose"];

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A call (of a shell, or of an application's tool) or, without a tool, a message.
    pub(crate) fn mark(step: u32, tool: Option<u16>, call: u64, status: Status, label: &str) -> Mark {
        Mark {
            step,
            agent: 0,
            record: step * 2,
            began: Timestamp::from_second(1_000 + i64::from(step) * 10).ok(),
            ended: Timestamp::from_second(1_004 + i64::from(step) * 10).ok(),
            tool: tool.map(|tool| (tool, if tool == 0 { ToolKind::Shell } else { ToolKind::Other })),
            call,
            came: 0,
            status,
            exit_code: None,
            label: label.into(),
            found: Vec::new(),
            provisional: false,
        }
    }

    pub(crate) fn trail(marks: Vec<Mark>) -> Trail {
        Trail {
            agents: vec!["main".into(), "sub".into()],
            tools: vec!["Bash".into(), "find_order".into()],
            marks,
            tokens: 1_000,
            state: StateWord::Working,
        }
    }

    #[test]
    fn a_check_counts_where_its_own_exit_status_is_seen() {
        for (label, counts) in [
            ("cargo test", true),
            ("cd /w && cargo test", true),
            ("cargo test && echo ok", true),
            ("cargo test || true", false),
            ("cargo test | tail -3", false),
            ("cargo test; echo done", false),
            ("cargo test -q 2>&1", true),
            ("cargo test --lib", false),
            ("cargo testing", false),
            ("echo cargo test", false),
        ] {
            assert_eq!(runs("cargo test", label), counts, "{label}");
        }
        assert!(!runs("", "anything"));
    }

    #[test]
    fn a_long_check_is_known_by_the_beginning_that_its_label_kept() {
        let check = format!("pytest {}", "tests/test_a.py ".repeat(9));
        assert!(runs(&check, &excerpt(&check, 96)));
        assert!(!runs(&check, "pytest …"));
    }

    #[test]
    fn a_failed_check_does_not_pass() {
        let mut failed = mark(3, Some(0), 1, Status::Ok, "cargo test");
        assert!(passes("cargo test", &failed));
        failed.exit_code = Some(101);
        assert!(!passes("cargo test", &failed));
        assert!(!passes("cargo test", &mark(3, Some(0), 1, Status::Unknown, "cargo test")));
        assert!(!passes("cargo test", &mark(3, None, 0, Status::Ok, "I ran cargo test")));
    }

    #[test]
    fn what_came_after_a_delivery_is_told_by_record_then_time_then_position() {
        let trail = trail((0..6).map(|n| mark(n, Some(0), u64::from(n) + 1, Status::Ok, "ls")).collect());
        assert_eq!(trail.first_after("main", Some(5), None, 0), 3);
        let handed = Timestamp::from_second(1_035).ok();
        assert_eq!(trail.first_after("main", None, handed, 0), 4);
        assert_eq!(trail.first_after("main", None, None, 8), 4);
        assert_eq!(trail.first_after("main", Some(99), None, 0), 6, "nothing yet");
        assert_eq!(trail.first_after("sub", None, None, 0), 6, "another agent's steps do not count");
    }
}
