//! Claims about single acts: that something was done whose last call failed (8), that a file was
//! written which nothing wrote (11), that something was looked at with no call at all (18).

use rustc_hash::{FxHashMap, FxHashSet};

use super::About;
use super::grammar::{self, Said};
use super::rules::{AFTER_ERROR, FILE_UNWRITTEN, NO_CALL};
use super::sentences::{Sentence, Sentences};
use crate::detect::checks::name_of;
use crate::detect::pattern::patterns;
use crate::detect::runner::hash;
use crate::detect::{Evidence, Finding, Part};
use crate::trace::command::split;
use crate::trace::{
    AgentId, Author, ClosedStep, Passage, Probability, RecordRef, Run, Status, StepId, ToolKind,
};

/// How many open failures are remembered.
const FAILURES: usize = 64;
/// How many file names are remembered.
const NAMES: usize = 200_000;

patterns! {
    SAYS_FILE = r"\b(?P<v>created|added|wrote|written|saved|generated|updated|modified|edited)\b[^.!?;]{0,60}?(?P<f>[\w./@-]*[\w-]\.(?:py|pyi|rs|ts|tsx|js|jsx|mjs|cjs|go|java|kt|rb|php|cs|c|h|cc|cpp|hpp|swift|sh|sql|md|json|jsonl|yaml|yml|toml|csv|tsv|html|css|scss|xml|ini|cfg|ipynb|pdf|png|docx|xlsx))\b";
    FILE_SAID = r"(?P<f>[\w./@-]*[\w-]\.(?:py|pyi|rs|ts|tsx|js|jsx|mjs|cjs|go|java|kt|rb|php|cs|c|h|cc|cpp|hpp|swift|sh|sql|md|json|jsonl|yaml|yml|toml|csv|tsv|html|css|scss|xml|ini|cfg|ipynb|pdf|png|docx|xlsx))\b[^.!?;]{0,24}?\b(?:has been|have been|was|is now|were) (?:also |successfully |now )?(?P<v>created|added|written|saved|generated|updated|modified|edited)\b";
    MAKES_UNNAMED = r"\bgit (?:clone|checkout|switch|apply|pull|merge|stash|am|restore|reset|revert|cherry-pick)\b|\b(?:cargo (?:new|init)|npm (?:init|create)|npx |unzip|tar |make\b|cookiecutter|dotnet new|django-admin|rails |wget|cp -r|rsync|\./|python|node |ruby |bash |sh |go generate|protoc|xargs)|[*?]|\{[^}]*,|\$";
    NARRATES = r"\bi(?:'ve| have)?\s+(?:just\s+|also\s+|then\s+|now\s+)?(?P<v>ran|executed|checked|searched|looked up|queried|fetched|read|opened|inspected|downloaded|browsed|called)\s+(?:through\s+|into\s+|at\s+)?(?:the\s+|your\s+|all\s+|its\s+|all the\s+)?(?:\w+\s+){0,2}?(?:tests?|suite|logs?|database|api|web|repo|repository|codebase|docs|documentation|page|site|website|script|command|files?|server|endpoint|query|build|linter)\b";
    TROUBLE = r"\b(?:error|errors|fail|fails|failed|failing|failure|unable|cannot|unfortunately|denied|refused|rejected|blocked|problem|not|apolog\w*|sorry|unsuccessful|instead|manually|alternativ\w*|workaround)\b|n't\b";
}

/// What an action is called when it has been done.
fn done_forms(verb: &str) -> &'static [&'static str] {
    match verb {
        "push" => &["pushed"],
        "commit" => &["committed"],
        "merge" => &["merged"],
        "publish" => &["published"],
        "install" | "add" => &["installed", "added"],
        "apply" => &["applied"],
        "deploy" => &["deployed"],
        "migrate" => &["migrated"],
        "restart" => &["restarted"],
        "start" => &["started"],
        "book" => &["booked", "reserved"],
        "reserve" => &["reserved", "booked"],
        "cancel" => &["cancelled", "canceled"],
        "update" => &["updated", "changed", "modified"],
        "modify" => &["modified", "updated", "changed"],
        "change" => &["changed", "updated"],
        "exchange" => &["exchanged"],
        "return" => &["returned"],
        "send" => &["sent", "emailed"],
        "create" => &["created"],
        "delete" | "remove" => &["deleted", "removed"],
        "submit" => &["submitted"],
        "transfer" => &["transferred"],
        "schedule" => &["scheduled"],
        "post" => &["posted"],
        "upload" => &["uploaded"],
        "refund" => &["refunded"],
        "pay" => &["paid"],
        "register" => &["registered"],
        "assign" => &["assigned"],
        "close" => &["closed"],
        "write" => {
            &["created", "wrote", "written", "updated", "saved", "added", "edited", "modified", "changed"]
        }
        _ => &[],
    }
}

/// A call that failed and has not succeeded since.
struct Failure {
    step: StepId,
    record: RecordRef,
    verb: String,
    /// Words of which a claim must hold one; empty: the verb says enough.
    objects: Vec<String>,
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
}

impl Acts {
    /// Tools were declared.
    pub(super) fn declared(&mut self, some: bool) {
        self.has_tools |= some;
    }

    /// A prompt came.
    pub(super) fn turn(&mut self, _agent: AgentId, _author: Author) {}

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
        self.keep_failure(seen, kind);
    }

    fn note(&mut self, name: &str) {
        if self.names.len() < NAMES && !name.is_empty() {
            self.names.insert(hash(name.to_ascii_lowercase().as_str()));
        }
    }

    fn note_all(&mut self, text: &str) {
        for token in text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | '_' | '-'))) {
            let token = token.trim_matches('.');
            if token.len() <= 64 && token.as_bytes().contains(&b'.') {
                self.note(token);
            }
        }
    }

    fn keep_failure(&mut self, seen: &ClosedStep<'_>, kind: ToolKind) {
        let step = seen.step;
        let text = seen.outcome.map_or("", |p| p.text.as_str());
        let refused = step.status == Status::Denied;
        let failed = refused
            || step.failed()
            || kind == ToolKind::Other
                && text.trim_start().get(..5).is_some_and(|s| s.eq_ignore_ascii_case("error"));
        for (verb, objects) in acts_of(seen, kind) {
            let key = match kind {
                ToolKind::Write | ToolKind::Edit => hash(&("write", objects.first())),
                _ => hash(&(verb.as_str(), "")),
            };
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
                    verb,
                    objects,
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
                f.verb != "write"
                    || !f.objects.iter().any(|o| command.to_ascii_lowercase().contains(o.as_str()))
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
        let trouble = said.admits || TROUBLE.is_in(&message.text.to_ascii_lowercase());
        let mut failures: Vec<&Failure> = self.failures.values().collect();
        failures.sort_by_key(|f| std::cmp::Reverse(f.step));
        let (mut after_error, mut unwritten) = (false, 0u8);
        for sentence in Sentences::of(crate::text::clip(&message.text, 24 * 1024)) {
            if !after_error
                && !trouble
                && let Some(failure) = failures.iter().find(|f| says_done(&sentence, f))
            {
                after_error = true;
                found.push(after_error_finding(step, message, &sentence, failure));
            }
            if unwritten < 3
                && let Some((verb, file)) = self.says_unwritten(&sentence)
            {
                unwritten += 1;
                found.push(unwritten_finding(step, message, &sentence, &verb, &file));
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

/// The acts that a call is, as verbs with the words of their objects.
fn acts_of(seen: &ClosedStep<'_>, kind: ToolKind) -> Vec<(String, Vec<String>)> {
    match kind {
        ToolKind::Write | ToolKind::Edit => seen
            .request
            .iter()
            .flat_map(|r| r.paths.iter())
            .map(|p| ("write".to_owned(), vec![name_of(p).to_ascii_lowercase()]))
            .collect(),
        ToolKind::Shell => {
            let command = seen.request.and_then(|r| r.command.as_deref()).unwrap_or_default();
            split(command)
                .iter()
                .filter_map(|simple| {
                    let verb = simple.arguments().find(|a| !a.starts_with('-'))?;
                    let objects = match (simple.program(), verb) {
                        ("git", "push" | "commit" | "merge") => Vec::new(),
                        ("npm" | "cargo" | "poetry" | "twine", "publish") => Vec::new(),
                        ("kubectl" | "terraform", "apply") => Vec::new(),
                        (
                            "pip" | "pip3" | "npm" | "pnpm" | "yarn" | "cargo" | "apt-get" | "apt" | "brew",
                            "install" | "add",
                        ) => simple
                            .arguments()
                            .filter(|a| !a.starts_with('-') && *a != verb)
                            .map(|a| {
                                a.split(['=', '@', '<', '>', '[']).next().unwrap_or(a).to_ascii_lowercase()
                            })
                            .filter(|a| a.len() > 1)
                            .collect::<Vec<_>>(),
                        ("systemctl" | "service", "restart" | "start") => Vec::new(),
                        _ => return None,
                    };
                    if matches!(verb, "install" | "add") && objects.is_empty() {
                        return None;
                    }
                    Some((verb.to_owned(), objects))
                })
                .collect()
        }
        ToolKind::Other => {
            let tool = seen.tool.rsplit(['.', '/', ':']).next().unwrap_or(seen.tool);
            let lower = tool.to_ascii_lowercase();
            let mut words = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty());
            let verb = words.find(|w| !done_forms(w).is_empty());
            let objects: Vec<String> =
                words.filter(|w| w.len() > 3).map(|w| w.trim_end_matches('s').to_owned()).collect();
            match verb {
                Some(verb) if !objects.is_empty() => vec![(verb.to_owned(), objects)],
                _ => Vec::new(),
            }
        }
        _ => Vec::new(),
    }
}

/// Whether a sentence says that what failed was done.
fn says_done(sentence: &Sentence, failure: &Failure) -> bool {
    let words = &sentence.words;
    let forms = done_forms(&failure.verb);
    let mut at = 0usize;
    for token in words.split_inclusive(|c: char| !(c.is_alphanumeric() || c == '\'')) {
        let start = at;
        at += token.len();
        let word = token.trim_end_matches(|c: char| !c.is_alphanumeric());
        if forms.contains(&word) && grammar::states(sentence, start) {
            return failure.objects.is_empty() || failure.objects.iter().any(|o| words.contains(o.as_str()));
        }
    }
    false
}

fn after_error_finding(
    step: &ClosedStep<'_>,
    message: &Passage,
    sentence: &Sentence,
    failure: &Failure,
) -> Finding {
    let what = match failure.objects.first() {
        Some(object) => format!("{} {}", failure.verb, crate::text::excerpt(object, 60)),
        None => failure.verb.clone(),
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
