//! What a call does, as words would tell of it: `git push` is "pushed", "the push succeeded". To teach
//! it a deed: a line in [`DEEDS`], or in [`done_forms`] for the names of an application's own tools.

use crate::detect::checks::name_of;
use crate::detect::claims::grammar;
use crate::detect::claims::sentences::Sentence;
use crate::detect::pattern::patterns;
use crate::trace::command::{Joint, Simple, split};
use crate::trace::{ClosedStep, ToolKind};

/// A deed that a call does or tries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Deed {
    /// The word for it.
    pub(super) verb: String,
    /// What it is called when it has been done.
    pub(super) forms: &'static [&'static str],
    /// Nouns for it: "the migration succeeded".
    pub(super) nouns: &'static [&'static str],
    /// Words of which a claim must hold one; empty: the verb says enough.
    pub(super) objects: Vec<String>,
    /// A deed of its own for every object.
    pub(super) by_object: bool,
}

/// What a deed's claim must name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Objects {
    /// Nothing.
    No,
    /// One of these words.
    Words(&'static [&'static str]),
    /// One of the files.
    Files,
    /// One of the packages, or "the dependencies" where none is named.
    Packages,
}

/// Programs, the words by which one of their commands is known, and how the deed is told.
struct Line {
    programs: &'static [&'static str],
    words: &'static [&'static str],
    verb: &'static str,
    forms: &'static [&'static str],
    nouns: &'static [&'static str],
    objects: Objects,
}

macro_rules! deed {
    ($programs:expr, $words:expr, $verb:literal, $forms:expr, $nouns:expr, $objects:expr) => {
        Line {
            programs: &$programs,
            words: &$words,
            verb: $verb,
            forms: &$forms,
            nouns: &$nouns,
            objects: $objects,
        }
    };
}

static DEEDS: &[Line] = &[
    deed!(["git"], ["push"], "push", ["pushed"], ["push"], Objects::No),
    deed!(["git"], ["commit"], "commit", ["committed"], ["commit"], Objects::No),
    deed!(["git"], ["merge"], "merge", ["merged"], ["merge"], Objects::No),
    deed!(["git"], ["rebase"], "rebase", ["rebased"], ["rebase"], Objects::No),
    deed!(["git"], ["clone"], "clone", ["cloned"], ["clone"], Objects::No),
    deed!(["git"], ["tag"], "tag", ["tagged"], [], Objects::No),
    deed!(
        ["gh", "glab"],
        ["create"],
        "open",
        ["opened", "created", "raised", "submitted"],
        [],
        Objects::Words(&["pull request", "pr ", "pr.", "merge request"])
    ),
    deed!(
        ["npm", "pnpm", "yarn", "cargo", "poetry", "uv"],
        ["publish"],
        "publish",
        ["published", "released"],
        ["release"],
        Objects::No
    ),
    deed!(
        ["twine"],
        ["upload"],
        "publish",
        ["published", "released", "uploaded"],
        ["release", "upload"],
        Objects::No
    ),
    deed!(
        ["kubectl", "terraform", "tofu"],
        ["apply"],
        "apply",
        ["applied", "deployed"],
        ["deployment", "rollout"],
        Objects::No
    ),
    deed!(
        [
            "pip", "pip3", "npm", "pnpm", "yarn", "cargo", "apt-get", "apt", "brew", "uv", "poetry", "gem",
            "bundle", "composer", "bun"
        ],
        ["install", "add", "ci", "sync"],
        "install",
        ["installed", "added"],
        ["installation"],
        Objects::Packages
    ),
    deed!(
        ["alembic", "dbmate", "goose"],
        ["upgrade", "up"],
        "migrate",
        ["migrated"],
        ["migration", "migrations"],
        Objects::No
    ),
    deed!(
        [
            "flyway",
            "prisma",
            "knex",
            "sequelize",
            "rails",
            "rake",
            "diesel",
            "python",
            "python3",
            "manage.py",
            "artisan",
            "php",
            "sqlx"
        ],
        ["migrate", "db:migrate", "migration", "migrate:latest"],
        "migrate",
        ["migrated"],
        ["migration", "migrations"],
        Objects::No
    ),
    deed!(
        ["systemctl", "service"],
        ["restart", "reload"],
        "restart",
        ["restarted"],
        ["restart"],
        Objects::No
    ),
    deed!(["systemctl", "service"], ["start"], "start", ["started"], [], Objects::No),
    deed!(["rm", "unlink"], [], "remove", ["removed", "deleted"], [], Objects::Files),
    deed!(["mv"], [], "move", ["moved", "renamed"], [], Objects::Files),
    deed!(["cp"], [], "copy", ["copied"], [], Objects::Files),
    deed!(
        ["scp", "rsync"],
        [],
        "copy",
        ["copied", "uploaded", "synced", "transferred"],
        ["upload", "transfer"],
        Objects::No
    ),
    deed!(["curl", "wget"], [], "download", ["downloaded"], ["download"], Objects::No),
];

patterns! {
    WENT_WELL = r"^[^!?,;]{0,32}?\b(?:succeeded|successful|successfully|completed|ran|applied|worked|went through|went well|is done|finished)\b";
    UNDONE = r"(?:^(?:okmark )?|\b(?:i|we)(?:'ve| have)?\s+(?:successfully |also |then |now |committed and |and )*)(?P<v>pushed|committed|merged)\b(?P<rest>[^!?]{0,60})|\b(?:changes?|fix|branch|commits?|code|work|it)\s+(?:has|have|was|were)\s+(?:been |now |also |all |committed and )*(?P<v2>pushed|committed|merged)\b";
    SUCCEEDED = r"\b(?:has|have)(?: now| also| all)? been (?:successfully |now |fully )*(?:updated|changed|modified|cancell?ed|booked|confirmed|completed|created|added|removed|deleted|processed|sent|submitted|saved|written|applied|installed|configured|deployed|fixed|implemented|refunded|exchanged|returned|transferred|scheduled|registered|uploaded|moved|renamed|set up|finished|resolved|made|placed|issued|credited|upgraded|changed over|committed|pushed|merged)\b|\bsuccessfully\b|\bi(?:'ve| have)?(?: successfully| now| also)? (?:updated|changed|modified|cancell?ed|booked|completed|created|added|removed|deleted|processed|sent|submitted|saved|applied|installed|configured|fixed|implemented|refunded|exchanged|transferred|scheduled|finished|upgraded|placed)\b";
    FINISHED = r"^\W*(?:okmark )?(?:perfect!? )?(?:it's |it is |everything is |all )?(?:done|completed?|finished|set)\b|\b(?:is|are) (?:now )?(?:all )?(?:complete|completed|done|live|in place|set up|fixed|updated|cancell?ed|booked|confirmed|installed|created)\b|\bis (?:now )?ready\s*(?:[.!,]|$)";
    FOUND = r"\bi(?:'ve| have)? (?:found|retrieved|located|looked up|pulled up)\b|\bhere (?:are|is) (?:the |your |a )(?:\w+ )?(?:details|summary|information|overview|list)\b";
    TELLS = r"^(?:i see that )?(?:your|the|this|both of your|all of your)\b[^!?]{3,90}?\b(?:is|are|was|were|has|have|includes?|does|did)\b";
    OPENED = r"\b(?P<v>opened|created|raised|submitted)\s+(?:a |the |an? \w+ )?(?:draft )?(?P<o>pull request|pr|merge request|mr)\b";
    OBJECT = r"^\s*(?:$|[.,:]|and\b|it\b|them\b|everything\b|(?:all )?(?:the|my|this|these|your|both)?\s*(?:\w+ )?(?:fix|change|changes|branch|commit|commits|code|work|pr|patch)\b|to\b|as\b|with\b|on\b|into\b|in\b)";
}

/// What an action is called when it has been done, by the verb in a tool's name.
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
        _ => &[],
    }
}

const WRITTEN: &[&str] =
    &["created", "wrote", "written", "updated", "saved", "added", "edited", "modified", "changed"];

/// The deeds of a call. The last command of a chain is the one that a failure is of.
pub(super) fn deeds_of(seen: &ClosedStep<'_>, kind: ToolKind) -> Vec<Deed> {
    match kind {
        ToolKind::Write | ToolKind::Edit => seen
            .request
            .iter()
            .flat_map(|r| r.paths.iter())
            .map(|p| Deed {
                verb: "write".to_owned(),
                forms: WRITTEN,
                nouns: &[],
                objects: vec![name_of(p).to_ascii_lowercase()],
                by_object: true,
            })
            .collect(),
        ToolKind::Shell => {
            let command = seen.request.and_then(|r| r.command.as_deref()).unwrap_or_default();
            split(command).iter().flat_map(by_command).collect()
        }
        ToolKind::Other => {
            let tool = seen.tool.rsplit(['.', '/', ':']).next().unwrap_or(seen.tool);
            let lower = tool.to_ascii_lowercase();
            let mut words = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty());
            let verb = words.find(|w| !done_forms(w).is_empty());
            let objects: Vec<String> =
                words.filter(|w| w.len() > 3).map(|w| w.trim_end_matches('s').to_owned()).collect();
            match verb {
                Some(verb) if !objects.is_empty() => vec![Deed {
                    verb: verb.to_owned(),
                    forms: done_forms(verb),
                    nouns: &[],
                    objects,
                    by_object: false,
                }],
                _ => Vec::new(),
            }
        }
        _ => Vec::new(),
    }
}

fn by_command(simple: &Simple) -> Vec<Deed> {
    let program = simple.program();
    let plain = || simple.arguments().filter(|a| !a.starts_with('-'));
    let Some(line) = DEEDS.iter().find(|line| {
        line.programs.contains(&program)
            && (line.words.is_empty() || plain().take(3).any(|a| line.words.contains(&a)))
    }) else {
        return Vec::new();
    };
    // What only hides, or only tries, is another matter.
    if simple.joint == Joint::Or || simple.arguments().any(|a| a == "--dry-run" || a == "--help") {
        return Vec::new();
    }
    let deed = |objects: Vec<String>| Deed {
        verb: line.verb.to_owned(),
        forms: line.forms,
        nouns: line.nouns,
        objects,
        by_object: line.objects == Objects::Files,
    };
    match line.objects {
        Objects::No => vec![deed(Vec::new())],
        Objects::Words(words) => vec![deed(words.iter().map(|w| (*w).to_owned()).collect())],
        Objects::Files => plain()
            .map(|a| deed(vec![name_of(a).to_ascii_lowercase()]))
            .filter(|d| named(&d.objects))
            .collect(),
        Objects::Packages => {
            let listed = simple.arguments().any(|a| matches!(a, "-r" | "--requirement"));
            let mut packages: Vec<String> = plain()
                .filter(|a| !line.words.contains(a) && *a != "-r" && !a.ends_with(".txt") && *a != ".")
                .map(|a| a.split(['=', '@', '<', '>', '[']).next().unwrap_or(a).to_ascii_lowercase())
                .filter(|a| a.len() > 1)
                .collect();
            if packages.is_empty() || listed {
                packages.extend(["dependencies", "requirements", "packages"].map(str::to_owned));
            }
            vec![deed(packages)]
        }
    }
}

fn named(objects: &[String]) -> bool {
    objects.iter().any(|o| o.len() > 2 && !o.contains(['*', '$', '?']))
}

/// Whether a sentence says that what failed was done.
pub(super) fn says_done(sentence: &Sentence, deed: &Deed) -> bool {
    let words = &sentence.words;
    let object = deed.objects.is_empty() || deed.objects.iter().any(|o| words.contains(o.as_str()));
    if !object {
        return false;
    }
    let mut at = 0usize;
    for token in words.split_inclusive(|c: char| !(c.is_alphanumeric() || c == '\'')) {
        let start = at;
        at += token.len();
        let word = token.trim_end_matches(|c: char| !c.is_alphanumeric());
        let verb = deed.forms.contains(&word);
        let noun = deed.nouns.contains(&word) && words.get(at..).is_some_and(|rest| WENT_WELL.is_in(rest));
        if (verb || noun) && grammar::states(sentence, start) {
            return true;
        }
    }
    false
}

/// How surely a sentence says that what was to be done has been done or, of an application's tool, found.
pub(super) fn says_success(sentence: &Sentence, application: bool, looked_up: bool) -> Option<f64> {
    let states = |m: regex::Match<'_>| grammar::states(sentence, m.start());
    if SUCCEEDED.find(&sentence.words).is_some_and(states) {
        return Some(0.75);
    }
    if FINISHED.find(&sentence.words).is_some_and(states) {
        return Some(0.6);
    }
    if application && FOUND.find(&sentence.words).is_some_and(states) {
        return Some(0.7);
    }
    // What it tells of a thing that it could not look up.
    (application && looked_up && TELLS.find(&sentence.words).is_some_and(states)).then_some(0.55)
}

/// What a sentence says was committed, pushed, merged or opened: the word, and the stem by which a call
/// that did it is known.
pub(super) fn says_recorded(sentence: &Sentence) -> Option<(String, &'static str)> {
    let words = &sentence.words;
    if let Some(m) = OPENED.captures(words) {
        let (verb, object) = (m.name("v")?, m.name("o")?);
        return grammar::states(sentence, verb.start())
            .then(|| (format!("{} a {}", verb.as_str(), object.as_str()), "create"));
    }
    let m = UNDONE.captures(words)?;
    let verb = m.name("v").or_else(|| m.name("v2"))?;
    if m.name("rest").is_some_and(|rest| !OBJECT.is_in(rest.as_str())) {
        return None;
    }
    // "Committed and pushed": the further of the two is the one to look for.
    let further = words.get(verb.end()..).is_some_and(|rest| rest.trim_start().starts_with("and pushed"));
    let word = if further { "pushed" } else { verb.as_str() };
    let stem = match word {
        "pushed" => "push",
        "merged" => "merge",
        _ => "commit",
    };
    grammar::states(sentence, verb.start()).then(|| (word.to_owned(), stem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_compile() {
        assert_eq!(patterns_that_do_not_compile(), [""; 0]);
    }

    #[test]
    fn commands_are_deeds() {
        let verbs = |command: &str| {
            split(command).iter().flat_map(by_command).map(|d| (d.verb, d.objects)).collect::<Vec<_>>()
        };
        assert_eq!(verbs("git add -A && git push"), [("push".to_owned(), Vec::new())]);
        assert_eq!(verbs("rm src/a.py"), [("remove".to_owned(), vec!["a.py".to_owned()])]);
        assert_eq!(verbs("pip install leftpad==1"), [("install".to_owned(), vec!["leftpad".to_owned()])]);
        assert_eq!(verbs("alembic upgrade head"), [("migrate".to_owned(), Vec::new())]);
        assert!(verbs("ls && git status && npm publish --dry-run").is_empty());
    }
}
