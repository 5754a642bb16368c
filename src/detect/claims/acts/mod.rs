//! Claims about single acts: that something was done whose last call failed (8), that a file was
//! written which nothing wrote (11), that something was looked at with no call at all (18).

use std::cell::LazyCell;

use rustc_hash::{FxHashMap, FxHashSet};

mod deeds;

use super::About;
use super::grammar::{self, Said};
use super::rules::{AFTER_ERROR, FILE_UNWRITTEN, NO_CALL, SOURCE_UNREAD, UNSUPPORTED};
use super::sentences::{Sentence, Sentences};
use crate::detect::checks::name_of;
use crate::detect::fault::{self, Fault};
use crate::detect::pattern::patterns;
use crate::detect::runner::{self, CheckKind, hash};
use crate::detect::{Evidence, Finding, Part};
use crate::trace::{AgentId, ClosedStep, Passage, Probability, RecordRef, Run, Status, StepId, ToolKind};
use deeds::{Deed, deeds_of, says_done, says_recorded, says_success};

/// How many open failures are remembered.
const FAILURES: usize = 64;
/// How many file names are remembered.
const NAMES: usize = 200_000;

patterns! {
    SAYS_FILE = r"\b(?P<v>created|added|wrote|written|saved|generated|updated|modified|edited)\b[^.!?;]{0,60}?(?P<f>[\w./@-]*[\w-]\.(?:py|pyi|rs|ts|tsx|js|jsx|mjs|cjs|go|java|kt|rb|php|cs|c|h|cc|cpp|hpp|swift|sh|sql|md|json|jsonl|yaml|yml|toml|csv|tsv|html|css|scss|xml|ini|cfg|ipynb|pdf|png|docx|xlsx))\b";
    FILE_SAID = r"(?P<f>[\w./@-]*[\w-]\.(?:py|pyi|rs|ts|tsx|js|jsx|mjs|cjs|go|java|kt|rb|php|cs|c|h|cc|cpp|hpp|swift|sh|sql|md|json|jsonl|yaml|yml|toml|csv|tsv|html|css|scss|xml|ini|cfg|ipynb|pdf|png|docx|xlsx))\b[^.!?;]{0,24}?\b(?:has been|have been|was|is now|were) (?:also |successfully |now )?(?P<v>created|added|written|saved|generated|updated|modified|edited)\b";
    MAKES_UNNAMED = r"\bgit (?:clone|checkout|switch|apply|pull|merge|stash|am|restore|reset|revert|cherry-pick)\b|\b(?:cargo (?:new|init)|npm (?:init|create)|npx |unzip|tar |make\b|cookiecutter|dotnet new|django-admin|rails |wget|cp -r|rsync|\./|python|node |ruby |bash |sh |go generate|protoc|xargs)|[*?]|\{[^}]*,|\$";
    NARRATES = r"\bi(?:'ve| have)?\s+(?:just\s+|also\s+|then\s+|now\s+)?(?P<v>ran|executed|checked|searched|looked up|queried|fetched|read|opened|inspected|downloaded|browsed|called)\s+(?:through\s+|into\s+|at\s+)?(?:the\s+|your\s+|all\s+|its\s+|all the\s+)?(?:\w+\s+){0,2}?(?:tests?|suite|logs?|database|api|web|repo|repository|codebase|docs|documentation|page|site|website|script|command|files?|server|endpoint|query|build|linter)\b";
    HARD_ERROR = r"(?m)^(?:fatal: |error: failed to push|npm ERR! |ERROR: Could not|ERROR: No matching| ! \[(?:remote )?rejected\])";
    NOTHING_TO_DO = r"(?i)nothing to commit|everything up-to-date|already (?:up to date|up-to-date|exists|installed|satisfied)|no changes added|nothing added to commit";
    // Commands whose failure tells of nothing that the words would be about.
    MEANT = r"\b(?:kill|pkill|killall|grep|rg|diff|cmp|test|timeout|which|lsof|pgrep|find|ls|cat|fuser)\b[^|;&]*$";
    CITES = r"\b(?:according to|per|based on|as (?:stated|documented|described|listed|shown|given) (?:in|on|at|by)|sources?:|cited from)\b";
    // Words that tell of a call that failed, or ask for what would make it succeed.
    ADMITS_FAILURE = r"\b(?:error|errors|fail\w*|issues?|problems?|trouble|technical|unavailable|down|again|retry|could not|couldn't|can't|not found|denied|permission|timed? ?out|sorry|apolog\w*|unsuccessful\w*|unable to (?:find|retrieve|access|locate|look|load|see|pull|get|process|complete|proceed)|wasn't able|does not exist|doesn't exist|invalid|incorrect|provide (?:your|me|another|the (?:correct|right|full))|double-check|verify your|confirm your)\b";
    LOOKS_UP = r"(?i)^(?:\w+[._-])?(?:get|find|search|list|look ?up|read|fetch|query|show|retrieve)";
    // What a closing line says in any case.
    COURTESY = r"\b(?:don't|do not) hesitate\b|\b(?:if|should) (?:you|there)\b[^.!?]{0,80}(?:problem|issue|error)s?\b";
    TROUBLE = r"\b(?:error|errors|fail|fails|failed|failing|failure|unable|cannot|unfortunately|denied|refused|rejected|blocked|problem|not|apolog\w*|sorry|unsuccessful|instead|manually|alternativ\w*|workaround)\b|n't\b";
}

/// A call that failed and has not succeeded since.
struct Failure {
    step: StepId,
    record: RecordRef,
    deed: Deed,
    line: String,
    refused: bool,
}

/// Words about an act without a call, which wait for the end of the log.
struct Narrated {
    step: StepId,
    record: RecordRef,
    sentence: String,
}

/// What is known of a run's calls, for claims about them.
#[derive(Default)]
pub(super) struct Acts {
    failures: FxHashMap<u64, Failure>,
    names: FxHashSet<u64>,
    unnamed: bool,
    handed: bool,
    wrote: bool,
    first_call: Option<StepId>,
    narrated: Vec<Narrated>,
    has_tools: bool,
    /// Stems of what commands and tools did or tried to put on record: "push", "commit".
    recorded: FxHashSet<&'static str>,
    /// By agent, the last call of the turn, if it failed.
    last: FxHashMap<AgentId, LastCall>,
    /// A page that could not be fetched: its address, where, and what came back.
    unread: FxHashMap<u64, Unread>,
}

/// A call that failed and was the last of its turn.
struct LastCall {
    step: StepId,
    record: RecordRef,
    name: String,
    /// It is an application's own tool: what it brings back is all that the agent knows.
    application: bool,
    /// It only looks something up.
    looks_up: bool,
    line: String,
}

/// A page whose fetching failed.
struct Unread {
    step: StepId,
    record: RecordRef,
    url: String,
    line: String,
}

/// What is told of deeds that put something on record.
const STEMS: &[&str] = &["push", "commit", "merge", "create"];

impl Acts {
    /// Tools were declared.
    pub(super) fn declared(&mut self, some: bool) {
        self.has_tools |= some;
    }

    /// A prompt came.
    pub(super) fn turn(&mut self, agent: AgentId) {
        self.last.remove(&agent);
    }

    /// Whether no call was made before a step.
    pub(super) fn none_before(&self, step: StepId, run: &Run) -> bool {
        // A log that has no calls at all may be one that does not record them.
        let records_calls = self.has_tools || !run.tools.is_empty() || run.agents.len() <= 1;
        records_calls && self.first_call.is_none_or(|first| first > step)
    }

    /// Takes in a closed step.
    pub(super) fn take(&mut self, seen: &ClosedStep<'_>) {
        let Some(kind) = seen.step.tool_kind() else {
            return;
        };
        self.first_call = Some(self.first_call.map_or(seen.step.id, |f| f.min(seen.step.id)));
        self.handed |= kind == ToolKind::Agent;
        self.wrote |= matches!(kind, ToolKind::Write | ToolKind::Edit | ToolKind::Shell);
        self.unnamed |= kind == ToolKind::Code;
        if let Some(request) = seen.request {
            for path in &request.paths {
                self.note(name_of(path));
            }
            if let Some(command) = &request.command {
                self.unnamed |= MAKES_UNNAMED.is_in(command);
                self.note_all(command);
            }
            if kind == ToolKind::Other || kind == ToolKind::Edit {
                self.note_all(&seen.input.text);
            }
        }
        if let Some(outcome) = seen.outcome {
            self.note_all(&outcome.text);
        }
        let done = seen.request.and_then(|r| r.command.as_deref()).unwrap_or(seen.tool);
        self.recorded.extend(STEMS.iter().filter(|stem| done.contains(**stem)));
        self.keep_unread(seen);
        let acts = matches!(kind, ToolKind::Shell | ToolKind::Write | ToolKind::Edit | ToolKind::Other);
        let fault = if acts { fault::of(seen) } else { None };
        let told = kind == ToolKind::Other && (fault.is_some() || begins_with_error(seen));
        self.keep_failure(seen, kind, told);
        if fault.is_some() || told {
            self.keep_last(seen, kind, fault);
        } else {
            self.last.remove(&seen.step.agent);
        }
    }

    /// Keeps a call that failed: it may be the last one before the turn ends. What only looks for
    /// something, and a check, is another matter.
    fn keep_last(&mut self, seen: &ClosedStep<'_>, kind: ToolKind, fault: Option<Fault<'_>>) {
        let command = seen.request.and_then(|r| r.command.as_deref()).filter(|_| kind == ToolKind::Shell);
        let checks = fault.as_ref().is_some_and(|f| f.sort == fault::Sort::Check)
            || fault.is_some() && command.is_some_and(runs_check);
        // A limit of time, or a signal, may be how it was meant to end; so may the end of another program.
        let meant = kind == ToolKind::Shell
            && (seen.step.exit_code.is_some_and(|code| code >= 124)
                || fault.as_ref().is_some_and(|f| f.sort == fault::Sort::Timeout && f.line.is_empty())
                || command.is_some_and(|c| MEANT.is_in(c))
                || seen.outcome.is_some_and(|p| NOTHING_TO_DO.is_in(&p.text)));
        match fault.map(|f| f.line).or(seen.outcome.map(|p| p.text.lines().next().unwrap_or_default())) {
            Some(line) if !meant && !checks && self.last.len() < FAILURES => {
                let last = LastCall {
                    step: seen.step.id,
                    record: seen.step.outcome.unwrap_or(seen.step.record),
                    name: fault::call_name(seen),
                    application: kind == ToolKind::Other,
                    looks_up: LOOKS_UP.is_in(seen.tool),
                    line: crate::text::excerpt(line, 160),
                };
                self.last.insert(seen.step.agent, last);
            }
            _ => {
                self.last.remove(&seen.step.agent);
            }
        }
    }

    /// Keeps the address of a page that could not be fetched, until it can.
    fn keep_unread(&mut self, seen: &ClosedStep<'_>) {
        let Some(url) = seen.request.and_then(|r| r.url.as_deref()) else {
            return;
        };
        let key = hash(bare_url(url));
        let text = seen.outcome.map_or("", |p| p.text.as_str());
        if !seen.step.failed() {
            self.unread.remove(&key);
        } else if self.unread.len() < FAILURES {
            let unread = Unread {
                step: seen.step.id,
                record: seen.step.outcome.unwrap_or(seen.step.record),
                url: crate::text::excerpt(bare_url(url), 160),
                line: crate::text::excerpt(text.lines().next().unwrap_or_default(), 160),
            };
            self.unread.insert(key, unread);
        }
    }

    fn note(&mut self, name: &str) {
        if self.names.len() < NAMES && !name.is_empty() {
            self.names.insert(hash(name.to_ascii_lowercase().as_str()));
        }
    }

    fn note_all(&mut self, text: &str) {
        let parts = |c: char| !(c.is_alphanumeric() || matches!(c, '.' | '_' | '-'));
        // A name of a file has a dot in it: only the words around dots are looked at.
        let mut from = 0;
        while let Some(dot) = memchr::memchr(b'.', text.as_bytes().get(from..).unwrap_or_default()) {
            let (before, after) = text.split_at(from + dot);
            let before = before.get(from..).unwrap_or_default();
            let begin = before.char_indices().rev().take_while(|(_, c)| !parts(*c)).last();
            let begin = begin.map_or(from + dot, |(at, _)| from + at);
            let end = from + dot + after.find(parts).unwrap_or(after.len());
            let token = text.get(begin..end).unwrap_or_default().trim_matches('.');
            if token.len() <= 64 && token.as_bytes().contains(&b'.') {
                self.note(token);
            }
            from = end;
        }
    }

    fn keep_failure(&mut self, seen: &ClosedStep<'_>, kind: ToolKind, told: bool) {
        let step = seen.step;
        let text = seen.outcome.map_or("", |p| p.text.as_str());
        let refused = step.status == Status::Denied;
        let nothing_to_do =
            || kind == ToolKind::Shell && NOTHING_TO_DO.is_in(crate::text::clip_front(text, 4096));
        let failed = refused || step.failed() && !nothing_to_do() || told;
        let mut deeds = deeds_of(seen, kind);
        let hard = || HARD_ERROR.is_in(crate::text::clip_front(text, 4096));
        let failed = failed || kind == ToolKind::Shell && !deeds.is_empty() && hard();
        if kind == ToolKind::Shell && failed {
            // Which of a chain failed, nobody says; what came last cannot have been done.
            let from = deeds.iter().rposition(|d| !d.by_object).unwrap_or(0);
            deeds.drain(..from.min(deeds.len().saturating_sub(1)));
        }
        for deed in deeds {
            let object = if deed.by_object { deed.objects.first().map(String::as_str) } else { None };
            let key = hash(&(deed.verb.as_str(), object.unwrap_or_default()));
            if !failed {
                self.failures.remove(&key);
                continue;
            }
            if self.failures.len() >= FAILURES && !self.failures.contains_key(&key) {
                continue;
            }
            let line = text
                .lines()
                .find(|l| TROUBLE.is_in(&l.to_ascii_lowercase()))
                .or(text.lines().next())
                .unwrap_or("");
            self.failures.insert(
                key,
                Failure {
                    step: step.id,
                    record: step.outcome.unwrap_or(step.record),
                    deed,
                    line: crate::text::excerpt(line, 160),
                    refused,
                },
            );
        }
        // Another way to the same file.
        if kind == ToolKind::Shell
            && !failed
            && let Some(command) = seen.request.and_then(|r| r.command.as_deref())
        {
            self.failures.retain(|_, f| {
                f.deed.verb != "write"
                    || !f.deed.objects.iter().any(|o| command.to_ascii_lowercase().contains(o.as_str()))
            });
        }
    }

    /// Judges a message that ends a turn.
    pub(super) fn message(
        &mut self,
        step: &ClosedStep<'_>,
        message: &Passage,
        said: &Said,
        told: &[About],
        _run: &Run,
        found: &mut Vec<Finding>,
    ) {
        let last = self.last.remove(&step.step.agent);
        let lower = message.text.to_ascii_lowercase().replace('’', "'");
        let courteous = ["hesitate", "problem", "issue", "error"].iter().any(|word| lower.contains(word));
        let lower = if courteous { COURTESY.replace(&lower, "") } else { lower.as_str().into() };
        let trouble = said.admits || TROUBLE.is_in(&lower);
        let told_of_failure = LazyCell::new(|| ADMITS_FAILURE.is_in(&lower));
        let mut failures: Vec<&Failure> = self.failures.values().collect();
        failures.sort_by_key(|f| std::cmp::Reverse(f.step));
        let (mut after_error, mut recorded, mut unwritten) = (false, false, 0u8);
        for sentence in Sentences::of(crate::text::clip(&message.text, 24 * 1024)) {
            if !after_error
                && !trouble
                && let Some(failure) = failures.iter().find(|f| says_done(&sentence, &f.deed))
            {
                after_error = true;
                found.push(after_error_finding(step, message, &sentence, failure));
            }
            if !after_error
                && let Some(last) = &last
                && !(if last.application { *told_of_failure } else { trouble })
                && let Some(strength) = says_success(&sentence, last.application, last.looks_up)
            {
                after_error = true;
                found.push(last_call_finding(step, message, &sentence, last, strength));
            }
            if unwritten < 3
                && let Some((verb, file)) = self.says_unwritten(&sentence)
            {
                unwritten += 1;
                found.push(unwritten_finding(step, message, &sentence, &verb, &file));
            }
            if !recorded
                && !trouble
                && let Some((what, stem)) = says_recorded(&sentence)
                && self.could_tell()
                && !self.recorded.contains(stem)
            {
                recorded = true;
                found.push(recorded_finding(step, message, &sentence, &what, stem));
            }
            if !trouble && let Some(unread) = self.cites_unread(&sentence, message) {
                found.push(unread_finding(step, message, &sentence, unread));
            }
            if told.is_empty()
                && self.narrated.len() < 256
                && let Some(m) = NARRATES.find(&sentence.words)
                && grammar::states(&sentence, m.start())
            {
                self.narrated.push(Narrated {
                    step: step.step.id,
                    record: message.record,
                    sentence: crate::text::excerpt(
                        message.text.get(sentence.span.clone()).unwrap_or_default(),
                        crate::detect::EVIDENCE_BYTES,
                    ),
                });
            }
        }
    }

    /// Whether what was not seen was not done: work is done by calls that the log shows.
    fn could_tell(&self) -> bool {
        self.wrote && !self.unnamed && !self.handed
    }

    /// The page that a sentence gives as its source and that could not be fetched.
    fn cites_unread(&self, sentence: &Sentence, message: &Passage) -> Option<&Unread> {
        if self.unread.is_empty() || sentence.question || !CITES.is_in(&sentence.words) {
            return None;
        }
        let raw = message.text.get(sentence.span.clone())?;
        self.unread.values().filter(|u| raw.contains(u.url.as_str())).min_by_key(|u| u.step)
    }

    /// The file that a sentence says was written, where nothing wrote or showed it.
    fn says_unwritten(&self, sentence: &Sentence) -> Option<(String, String)> {
        if !self.wrote || self.unnamed || self.handed {
            return None;
        }
        let words = &sentence.words;
        let m = SAYS_FILE.captures(words).or_else(|| FILE_SAID.captures(words))?;
        let (verb, file) = (m.name("v")?, m.name("f")?);
        if !grammar::states(sentence, verb.start()) {
            return None;
        }
        let name = name_of(file.as_str()).trim_matches('.');
        if name.len() < 4 || self.names.contains(&hash(name)) {
            return None;
        }
        Some((verb.as_str().to_owned(), crate::text::excerpt(file.as_str(), 80)))
    }

    /// What is told at the end of the log: acts told without any call. `told` are steps of which
    /// something was told already.
    pub(super) fn end(&self, run: &Run, told: &[StepId], found: &mut Vec<Finding>) {
        for narrated in &self.narrated {
            if told.contains(&narrated.step) || !self.none_before(narrated.step, run) {
                continue;
            }
            found.push(Finding {
                rule: &NO_CALL,
                step: narrated.step,
                root: None,
                strength: Probability::new(0.6),
                evidence: vec![Evidence::new(narrated.record, Part::Claim, &narrated.sentence)],
                sentence: "tells what it found by a call; no call was made at all".to_owned(),
                instruction: "Make the call now whose result you told, and report what really comes back."
                    .to_owned(),
                means: Vec::new(),
            });
        }
    }
}

fn after_error_finding(
    step: &ClosedStep<'_>,
    message: &Passage,
    sentence: &Sentence,
    failure: &Failure,
) -> Finding {
    let what = match failure.deed.objects.first() {
        Some(object) => format!("{} {}", failure.deed.verb, crate::text::excerpt(object, 60)),
        None => failure.deed.verb.clone(),
    };
    let how = if failure.refused { "was refused" } else { "failed" };
    Finding {
        rule: &AFTER_ERROR,
        step: step.step.id,
        root: Some(failure.step),
        strength: Probability::new(if failure.refused { 0.8 } else { 0.75 }),
        evidence: vec![
            Evidence::new(
                message.record,
                Part::Claim,
                message.text.get(sentence.span.clone()).unwrap_or_default(),
            ),
            Evidence::new(failure.record, Part::Against, &failure.line),
        ],
        sentence: format!(
            "says that it was done; the last call for it ({what}, step {}) {how}",
            failure.step.0
        ),
        instruction: format!(
            "The last call for \"{what}\" {how}. Look at what it brought back, do it again in a way that succeeds, and check that it did. If it cannot be done, say so plainly."
        ),
        means: Vec::new(),
    }
}

fn last_call_finding(
    step: &ClosedStep<'_>,
    message: &Passage,
    sentence: &Sentence,
    last: &LastCall,
    strength: f64,
) -> Finding {
    Finding {
        rule: &AFTER_ERROR,
        step: step.step.id,
        root: Some(last.step),
        strength: Probability::new(strength),
        evidence: vec![
            Evidence::new(
                message.record,
                Part::Claim,
                message.text.get(sentence.span.clone()).unwrap_or_default(),
            ),
            Evidence::new(last.record, Part::Against, &last.line),
        ],
        sentence: format!(
            "says that it was done; the last call of the turn ({}, step {}) failed",
            last.name, last.step.0
        ),
        instruction: format!(
            "The last call ({}) failed. Look at what it brought back, do it again in a way that succeeds, and check that it did. If it cannot be done, say so plainly.",
            last.name
        ),
        means: Vec::new(),
    }
}

fn recorded_finding(
    step: &ClosedStep<'_>,
    message: &Passage,
    sentence: &Sentence,
    what: &str,
    stem: &str,
) -> Finding {
    Finding {
        rule: &UNSUPPORTED,
        step: step.step.id,
        root: None,
        strength: Probability::new(0.6),
        evidence: vec![Evidence::new(
            message.record,
            Part::Claim,
            message.text.get(sentence.span.clone()).unwrap_or_default(),
        )],
        sentence: format!("says that it {what}; no command of this run did"),
        instruction: format!(
            "Look at what is on record (`git status`, `git log`), do the {stem} if it is wanted, and report what comes back. If it is not wanted, take the statement back."
        ),
        means: Vec::new(),
    }
}

fn unread_finding(step: &ClosedStep<'_>, message: &Passage, sentence: &Sentence, unread: &Unread) -> Finding {
    Finding {
        rule: &SOURCE_UNREAD,
        step: step.step.id,
        root: Some(unread.step),
        strength: Probability::new(0.6),
        evidence: vec![
            Evidence::new(
                message.record,
                Part::Claim,
                message.text.get(sentence.span.clone()).unwrap_or_default(),
            ),
            Evidence::new(unread.record, Part::Against, &unread.line),
        ],
        sentence: format!("gives {} as its source; fetching it failed (step {})", unread.url, unread.step.0),
        instruction: format!(
            "Fetch {} again, or another page that says it. If none can be read, say that the statement has no source.",
            unread.url
        ),
        means: Vec::new(),
    }
}

/// Whether what came back begins with an error, whatever the log says.
fn begins_with_error(seen: &ClosedStep<'_>) -> bool {
    let text = seen.outcome.map_or("", |p| p.text.trim_start());
    let starts = |word: &str| text.get(..word.len()).is_some_and(|s| s.eq_ignore_ascii_case(word));
    starts("error") || starts("HTTP 4") || starts("HTTP 5")
}

/// Whether a command runs a check, whose failure the checks tell of.
fn runs_check(command: &str) -> bool {
    let reading = runner::read(command);
    let mut checks = reading.checks.iter().chain(&reading.hinted);
    checks.any(|c| c.kind != CheckKind::Deploy)
}

/// An address without its protocol, fragment and last slash.
fn bare_url(url: &str) -> &str {
    let url = url.split('#').next().unwrap_or(url);
    let url = url.split_once("://").map_or(url, |(_, rest)| rest);
    url.trim_end_matches('/')
}

fn unwritten_finding(
    step: &ClosedStep<'_>,
    message: &Passage,
    sentence: &Sentence,
    verb: &str,
    file: &str,
) -> Finding {
    Finding {
        rule: &FILE_UNWRITTEN,
        step: step.step.id,
        root: None,
        strength: Probability::new(0.7),
        evidence: vec![Evidence::new(
            message.record,
            Part::Claim,
            message.text.get(sentence.span.clone()).unwrap_or_default(),
        )],
        sentence: format!("says that {file} was {verb}; no call wrote it or showed it"),
        instruction: format!("Write {file} now, then read it back, and only then say that it is there."),
        means: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_compile() {
        assert_eq!(patterns_that_do_not_compile(), [""; 0]);
    }
}
