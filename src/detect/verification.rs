//! Verification: whether work was checked before it was said to be done. Rules 21, 22, 23, 35 and 36 of
//! the list of signals. What is said falsely about a check is the claims family's; this one speaks where
//! nothing false need have been said.

use super::checks::{Account, Checks, Verdict, Witness, matters, name_of};
use super::claims::grammar;
use super::pattern::patterns;
use super::runner::CheckKind;
use super::{Aspect, Basis, Class, Evidence, Family, Finding, Means, Part, Rule};
use crate::trace::{
    AgentId, ClosedStep, Lifecycle, Observation, Passage, PlanStatus, Probability, RecordRef, Run, StepId,
    ToolKind,
};

/// 21: a check whose exit code is thrown away and whose outcome cannot be seen otherwise.
pub static MASKED_EXIT: Rule = Rule {
    id: "verification.masked-exit",
    class: Class::ExecutionError,
    basis: Basis::External,
    speaks_of: Aspect::Execution,
    summary: "A check was run so that its outcome cannot be seen.",
    example: "runs `npm test` so that its outcome is hidden by `|| true`, and prints no summary",
    proven: true,
};
/// 22: edits, then done, and nothing looked at them.
pub static UNVERIFIED_EDIT: Rule = Rule {
    id: "verification.unverified-edit",
    class: Class::ExecutionError,
    basis: Basis::External,
    speaks_of: Aspect::Support,
    summary: "Says that something works; nothing was run or read after the last edit.",
    example: "says that it works; nothing was run or read after parse.py was changed (step 7)",
    proven: true,
};
/// 23: a test that failed was made weaker.
pub static TEST_WEAKENED: Rule = Rule {
    id: "verification.test-weakened",
    class: Class::Hallucination,
    basis: Basis::External,
    speaks_of: Aspect::Consistency,
    summary: "After a failed test run, a test lost assertions or was skipped.",
    example: "removes assertions in test_parse.py after a test run that failed",
    proven: true,
};
/// 35: done is said with something open.
pub static PREMATURE_END: Rule = Rule {
    id: "verification.premature-end",
    class: Class::ExecutionError,
    basis: Basis::External,
    speaks_of: Aspect::Consistency,
    summary: "Says that it is done; a plan's item is open, the last test run failed, or a job still runs.",
    example: "says that it is done; 2 item(s) of its plan are open, first \"Add the tests\"",
    proven: true,
};
/// 36: an end at a limit that is told as a success.
pub static LIMIT_AS_SUCCESS: Rule = Rule {
    id: "verification.limit-as-success",
    class: Class::ExecutionError,
    basis: Basis::External,
    speaks_of: Aspect::Consistency,
    summary: "Says that it is done; the turn was cut off by a limit or an error.",
    example: "says that it is done; the turn was cut off",
    proven: true,
};

static RULES: &[&Rule] = &[&MASKED_EXIT, &UNVERIFIED_EDIT, &TEST_WEAKENED, &PREMATURE_END, &LIMIT_AS_SUCCESS];

patterns! {
    ASSERTION = r"\b(?:assert\w*!?|expect|should|require|must|verify|check|EXPECT_\w+|ASSERT_\w+|t\.(?:Error|Fatal)\w*)\s*[(!.]|\bassert\s";
    SKIP = r"(?:@(?:pytest\.mark\.)?(?:skip|xfail)|pytest\.skip|unittest\.skip|@(?:Ignore|Disabled)|#\[ignore|\b(?:it|test|describe)\.(?:skip|todo)\b|\bxit\(|\bxdescribe\(|t\.Skip\(|markTestSkipped)";
    TEST_DEF = r"(?m)^\s*(?:def test_\w+|async def test_\w+|(?:pub )?fn \w+|func Test\w+|(?:it|test)\(|@Test\b)";
    TEST_PATH = r"(?i)(?:^|[/\\])(?:tests?|specs?|__tests__)[/\\]|(?:^|[/\\])test_[^/\\]+$|[._-](?:test|spec)s?\.\w+$|Tests?\.(?:java|kt|cs|php)$";
    PARTLY = r"(?i)\b(?:part(?:ial|ly)?|first (?:step|part)|so far|phase|next|remaining|still (?:to|open)|left|not (?:yet|done)|todo|follow[- ]up|pending|waiting|running|background|in progress)\b";
}

/// What is kept of an agent's last words.
struct Words {
    agent: AgentId,
    step: StepId,
    record: RecordRef,
    sentence: String,
}

/// The family that asks whether work was checked.
#[derive(Default)]
pub struct Verification {
    witness: Witness,
    /// Where the latest look at something was: a read, a search, a check, a look at the differences.
    looked_at: u32,
    /// The last message that said that it is done, with nothing done since.
    done: Option<Words>,
    /// A limit or an error that ended a turn after it.
    cut_off: Option<(RecordRef, String)>,
    /// Edits of this turn, by agent: the last one.
    edited: Vec<(AgentId, StepId, RecordRef, String)>,
}

impl Family for Verification {
    fn rules(&self) -> &'static [&'static Rule] {
        RULES
    }

    fn observe(&mut self, seen: &Observation<'_>, run: &Run, found: &mut Vec<Finding>) {
        match seen {
            Observation::Step(step) => {
                let witness = self.witness.clone();
                let mut account = witness.account();
                account.take(step);
                match step.message {
                    Some(message) => self.message(step, message, &account, run, found),
                    None => self.call(step, &account, found),
                }
            }
            Observation::Prompt { agent, .. } => {
                self.edited.retain(|(a, ..)| a != agent);
                self.done = None;
            }
            Observation::Lifecycle { agent, what, passage } => {
                let ends = matches!(what, Lifecycle::Limit | Lifecycle::Error);
                if ends && self.done.as_ref().is_some_and(|d| d.agent == *agent) {
                    self.cut_off = Some((passage.record, crate::text::excerpt(&passage.text, 160)));
                }
            }
            Observation::End => self.end(found),
            _ => {}
        }
    }
}

impl Verification {
    /// The family, with what it holds in common with others.
    pub(crate) fn with(witness: Witness) -> Self {
        Self { witness, ..Self::default() }
    }

    fn call(&mut self, step: &ClosedStep<'_>, account: &Account, found: &mut Vec<Finding>) {
        self.done = None;
        self.cut_off = None;
        let kind = step.step.tool_kind();
        let checks = &account.checks;
        // An edit runs no check: the latest one was before it.
        let failed_before =
            checks.of(CheckKind::Test, checks.now()).next().is_some_and(|c| c.verdict == Verdict::Failed);
        if matches!(kind, Some(ToolKind::Edit)) && failed_before && !step.step.failed() {
            found.extend(weakened(step));
        }
        let mut hidden = None;
        let ran = account.ran();
        for check in ran {
            if check.verdict == Verdict::Masked && check.called.kind != CheckKind::Deploy && hidden.is_none()
            {
                hidden = Some(masked_exit(step, check));
            }
        }
        let ran_any = !ran.is_empty();
        found.extend(hidden);
        let now = checks.now();
        let looks = matches!(
            kind,
            Some(
                ToolKind::Read
                    | ToolKind::Search
                    | ToolKind::Fetch
                    | ToolKind::Code
                    | ToolKind::Other
                    | ToolKind::Agent
            )
        );
        // A command that shows or runs something may be a look at what was edited.
        if looks || ran_any || kind == Some(ToolKind::Shell) {
            self.looked_at = now;
        }
        if matches!(kind, Some(ToolKind::Edit | ToolKind::Write))
            && !step.step.failed()
            && let Some(path) = step.request.and_then(|r| r.paths.iter().find(|p| matters(p)))
        {
            let edit =
                (step.step.agent, step.step.id, step.step.record, crate::text::excerpt(name_of(path), 80));
            self.edited.retain(|(agent, ..)| *agent != step.step.agent);
            self.edited.push(edit);
        }
    }

    fn message(
        &mut self,
        step: &ClosedStep<'_>,
        message: &Passage,
        account: &Account,
        run: &Run,
        found: &mut Vec<Finding>,
    ) {
        self.done = None;
        self.cut_off = None;
        let (checks, said) = (&account.checks, account.said());
        let sentence = |span: &Option<std::ops::Range<usize>>| {
            span.clone().and_then(|s| message.text.get(s)).unwrap_or_default().to_owned()
        };
        let (agent, now) = (step.step.agent, checks.now());
        if said.done.is_some() {
            self.done = Some(Words {
                agent,
                step: step.step.id,
                record: message.record,
                sentence: crate::text::excerpt(&sentence(&said.done), super::EVIDENCE_BYTES),
            });
        }
        let claims_tests = said.claims.iter().any(|c| c.about != grammar::About::Kind(CheckKind::Deploy));
        if said.admits || claims_tests {
            return;
        }
        if let Some(done) = said.done.as_ref() {
            let claim = message.text.get(done.clone()).unwrap_or_default();
            if let Some(finding) = open_matters(step, message, claim, checks, run) {
                found.push(finding);
                return;
            }
        }
        if said.works.is_some()
            && let Some((_, edit, record, file)) = self.edited.iter().find(|(a, ..)| *a == agent)
            && let Some(change) = checks.last_change(now, agent)
            && change.at > self.looked_at
            && !checks.opaque_after(change.at.saturating_sub(1))
        {
            found.push(Finding {
                rule: &UNVERIFIED_EDIT,
                step: step.step.id,
                root: Some(*edit),
                strength: Probability::new(0.25),
                evidence: vec![
                    Evidence::new(message.record, Part::Claim, &sentence(&said.works)),
                    Evidence::new(*record, Part::Context, file),
                ],
                sentence: format!("says that it works; nothing was run or read after {file} was changed (step {})", edit.0),
                instruction: format!(
                    "Check the change in {file} before you say that it works: run the project's tests or build, read the last lines, and report what they say."
                ),
                means: Vec::new(),
            });
        }
    }

    fn end(&self, found: &mut Vec<Finding>) {
        let (Some(done), Some((record, text))) = (&self.done, &self.cut_off) else {
            return;
        };
        found.push(Finding {
            rule: &LIMIT_AS_SUCCESS,
            step: done.step,
            root: None,
            strength: Probability::new(0.4),
            evidence: vec![
                Evidence::new(done.record, Part::Claim, &done.sentence),
                Evidence::new(
                    *record,
                    Part::Against,
                    if text.is_empty() { "the turn ended at a limit or with an error" } else { text },
                ),
            ],
            sentence: "says that it is done; the turn was cut off".to_owned(),
            instruction:
                "The turn was cut off. Look at what is done and what is not, and go on with what is not."
                    .to_owned(),
            means: Vec::new(),
        });
    }
}

/// What is open although the message says that it is done.
fn open_matters(
    step: &ClosedStep<'_>,
    message: &Passage,
    claim: &str,
    checks: &Checks,
    run: &Run,
) -> Option<Finding> {
    if PARTLY.is_in(&message.text) {
        return None;
    }
    let (agent, now) = (step.step.agent, checks.now());
    let since = checks.last_change(now, agent).map_or(0, |c| c.at);
    let finding =
        |strength: f64, against: Evidence, sentence: String, instruction: String, means: Vec<Means>, root| {
            Finding {
                rule: &PREMATURE_END,
                step: step.step.id,
                root,
                strength: Probability::new(strength),
                evidence: vec![Evidence::new(message.record, Part::Claim, claim), against],
                sentence,
                instruction,
                means,
            }
        };
    let latest = checks.of(CheckKind::Test, now).next();
    if let Some(check) = latest.filter(|c| c.verdict == Verdict::Failed && c.at >= since) {
        let command = &check.called.command;
        return Some(finding(
            0.55,
            Evidence::new(check.record, Part::Against, &check.line),
            format!("says that it is done; the last test run {}", check.told()),
            format!(
                "The last run of `{command}` did not pass. Fix what fails, run it again, and report the numbers that it prints, or say plainly what still fails."
            ),
            keep_open(command),
            Some(check.step),
        ));
    }
    if let Some(check) = checks.of(CheckKind::Test, now).next().filter(|c| c.verdict == Verdict::Background) {
        let command = &check.called.command;
        return Some(finding(
            0.4,
            Evidence::new(check.record, Part::Against, command),
            format!("says that it is done; `{command}` still runs in the background"),
            format!("Wait until `{command}` has ended, read its output, and report what it says."),
            keep_open(command),
            Some(check.step),
        ));
    }
    let open =
        |line: &&crate::trace::PlanLine| matches!(line.status, PlanStatus::Pending | PlanStatus::Active);
    // The plan belongs to the main agent; a sub-agent that is done says nothing of it.
    if step.step.agent != AgentId(0) {
        return None;
    }
    let count = run.plan.iter().filter(open).count();
    let first = run.plan.iter().find(open)?;
    Some(finding(
        // An item left under way is mostly a plan not kept up; several pending ones are work not done.
        if first.status == PlanStatus::Active && count == 1 { 0.25 } else { 0.45 },
        Evidence::new(first.record, Part::Against, &first.text),
        format!(
            "says that it is done; {count} item(s) of its plan are open, first {}",
            crate::text::quoted(&first.text, 80)
        ),
        format!(
            "Do what is still open in your plan, beginning with \"{}\", or take it out of the plan and say why.",
            first.text
        ),
        Vec::new(),
        None,
    ))
}

fn keep_open(command: &str) -> Vec<Means> {
    if command.contains('…') || command.contains('«') {
        return Vec::new();
    }
    vec![Means::KeepOpenUntil { command: command.to_owned() }]
}

fn masked_exit(step: &ClosedStep<'_>, check: &super::checks::Check) -> Finding {
    let mask = check.called.mask.as_deref().unwrap_or_default();
    let command = &check.called.command;
    Finding {
        rule: &MASKED_EXIT,
        step: step.step.id,
        root: None,
        strength: Probability::new(0.3),
        evidence: vec![Evidence::new(
            step.step.record,
            Part::Claim,
            step.request.and_then(|r| r.command.as_deref()).unwrap_or(command),
        )],
        sentence: format!(
            "runs `{command}` so that its outcome is hidden by `{mask}`, and prints no summary"
        ),
        instruction: format!("Run `{command}` alone, so that its exit status and its last lines are seen."),
        means: keep_open(command),
    }
}

/// A test that lost assertions, or was skipped, in this edit.
fn weakened(step: &ClosedStep<'_>) -> Option<Finding> {
    let request = step.request?;
    let path = request.paths.iter().find(|p| TEST_PATH.is_in(p))?;
    let (old, new) = (request.old_text.as_deref()?, request.new_text.as_deref().unwrap_or(""));
    let count = |pattern: &super::pattern::Pattern, text: &str| pattern.all(text).count();
    let (asserts, asserted) = (count(&ASSERTION, old), count(&ASSERTION, new));
    let skipped = count(&SKIP, new) > count(&SKIP, old);
    let removed = count(&TEST_DEF, old) > count(&TEST_DEF, new);
    if !(skipped || asserts > asserted && (removed || asserted == 0 || asserts - asserted >= 2)) {
        return None;
    }
    let how = if skipped {
        "skips a test"
    } else if removed {
        "removes a test"
    } else {
        "removes assertions"
    };
    let line =
        if skipped { new.lines().find(|l| SKIP.is_in(l)) } else { old.lines().find(|l| ASSERTION.is_in(l)) };
    let file = crate::text::excerpt(name_of(path), 80);
    Some(Finding {
        rule: &TEST_WEAKENED,
        step: step.step.id,
        root: None,
        strength: Probability::new(if skipped || removed { 0.5 } else { 0.4 }),
        evidence: vec![Evidence::new(step.step.record, Part::Claim, line.unwrap_or(path).trim())],
        sentence: format!("{how} in {file} after a test run that failed"),
        instruction: format!(
            "Put back what was taken out of {file}, mend the code under test instead, and run the tests again. If the test itself is wrong, say why."
        ),
        means: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_compile() {
        assert_eq!(patterns_that_do_not_compile(), [""; 0]);
    }
}
