//! Effects: what an action changed outside the agent, and whether repeating it would do harm.

use serde::Serialize;

use super::command::{self, Simple};
use super::event::Status;
use super::identity::StepId;
use super::tool::{Request, ToolKind};
use crate::text::excerpt;

/// A change outside the agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Effect {
    /// The step that made it.
    pub step: StepId,
    /// What sort of thing was changed.
    pub kind: EffectKind,
    /// What was changed: a path, a URL, a branch, an order; through the gate, at most 120 bytes.
    pub target: String,
    /// Whether it came about.
    pub status: EffectStatus,
    /// Whether doing it again changes nothing more.
    pub harmless_again: bool,
}

/// What sort of thing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectKind {
    /// A file was written, changed, moved or removed.
    File,
    /// A commit, a branch, a push.
    Repository,
    /// A message was sent.
    Message,
    /// A request that changes something at a server.
    Request,
    /// An order, a booking, a cancellation and the like.
    Transaction,
    /// A package, a service, a process: the machine itself.
    System,
}

/// Whether an effect came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectStatus {
    /// The call succeeded.
    Done,
    /// The call failed or was refused.
    Failed,
    /// Nobody can say.
    Unknown,
    /// A later step took it back.
    Undone,
}

impl EffectStatus {
    fn of(status: Status) -> Self {
        match status {
            Status::Ok => Self::Done,
            Status::Error | Status::Denied => Self::Failed,
            Status::Interrupted | Status::Timeout | Status::Unknown => Self::Unknown,
        }
    }

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Undone => "undone",
        }
    }
}

const TARGET_BYTES: usize = 120;

/// The effects of one call.
pub fn effects_of(
    step: StepId,
    tool: &str,
    kind: ToolKind,
    request: &Request,
    status: Status,
) -> Vec<Effect> {
    let status = EffectStatus::of(status);
    let effect = |kind, target: &str, harmless_again| Effect {
        step,
        kind,
        target: excerpt(target, TARGET_BYTES),
        status,
        harmless_again,
    };
    match kind {
        ToolKind::Write | ToolKind::Edit => {
            request.paths.iter().map(|path| effect(EffectKind::File, path, true)).collect()
        }
        ToolKind::Shell => command::split(request.command.as_deref().unwrap_or_default())
            .iter()
            .flat_map(shell_effects)
            .map(|(kind, target, harmless)| effect(kind, &target, harmless))
            .collect(),
        ToolKind::Fetch => {
            let method = request
                .arguments
                .iter()
                .find(|(name, _)| name == "method")
                .map(|(_, m)| m.to_ascii_uppercase());
            match method.as_deref() {
                None | Some("GET" | "HEAD" | "OPTIONS") => Vec::new(),
                Some(method) => {
                    let target = format!("{method} {}", request.url.as_deref().unwrap_or_default());
                    vec![effect(EffectKind::Request, &target, matches!(method, "PUT" | "DELETE"))]
                }
            }
        }
        ToolKind::Other => match changing_verb(tool) {
            Some((kind, harmless)) => {
                let what =
                    request.arguments.iter().map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>().join(" ");
                vec![effect(kind, &format!("{tool} {what}"), harmless)]
            }
            None => Vec::new(),
        },
        ToolKind::Code | ToolKind::Read | ToolKind::Search | ToolKind::Agent | ToolKind::Plan => Vec::new(),
    }
}

/// What a tool's own name says that it changes, and whether repeating it is harmless.
fn changing_verb(tool: &str) -> Option<(EffectKind, bool)> {
    let lower = tool.to_ascii_lowercase();
    let mut words = lower.split(|c: char| !c.is_ascii_alphanumeric());
    let first = words.clone().next().unwrap_or_default();
    if matches!(
        first,
        "get" | "find" | "list" | "search" | "read" | "calculate" | "think" | "check" | "lookup" | "query"
    ) {
        return None;
    }
    words.find_map(|word| match word {
        "book" | "order" | "pay" | "purchase" | "buy" | "refund" | "transfer" | "charge" | "add"
        | "create" | "insert" | "submit" | "exchange" | "return" => Some((EffectKind::Transaction, false)),
        "cancel" | "update" | "modify" | "delete" | "remove" | "set" | "change" => {
            Some((EffectKind::Transaction, true))
        }
        "send" | "email" | "reply" | "post" | "notify" | "publish" | "message" => {
            Some((EffectKind::Message, false))
        }
        "deploy" | "restart" | "install" => Some((EffectKind::System, true)),
        _ => None,
    })
}

/// Kind, target and harmlessness of what one simple command changes.
fn shell_effects(simple: &Simple) -> Vec<(EffectKind, String, bool)> {
    let mut all: Vec<(EffectKind, String, bool)> = simple
        .writes
        .iter()
        .filter(|(operator, target)| !target.starts_with("/dev/") && operator != "2>")
        .map(|(operator, target)| (EffectKind::File, target.clone(), !operator.contains(">>")))
        .collect();
    let operands: Vec<&str> = simple.arguments().filter(|a| !a.starts_with('-')).collect();
    let files = |harmless: bool, operands: &[&str]| -> Vec<(EffectKind, String, bool)> {
        operands.iter().map(|path| (EffectKind::File, (*path).to_owned(), harmless)).collect()
    };
    let whole = || simple.words.join(" ");
    match simple.program() {
        "rm" | "rmdir" | "mkdir" | "touch" | "tee" | "truncate" | "unlink" | "chmod" | "chown" => {
            let skip = usize::from(matches!(simple.program(), "chmod" | "chown"));
            all.extend(files(true, operands.get(skip..).unwrap_or_default()));
        }
        "cp" | "mv" | "ln" | "install" => {
            let moved = simple.program() == "mv";
            all.extend(operands.last().map(|to| (EffectKind::File, (*to).to_owned(), !moved)));
        }
        "sed" | "perl" if simple.arguments().any(|a| a.starts_with("-i") || a == "-pi") => {
            all.extend(operands.last().map(|path| (EffectKind::File, (*path).to_owned(), false)));
        }
        "git" => match operands.first().copied() {
            Some("commit" | "merge" | "rebase" | "cherry-pick" | "revert" | "am") => {
                all.push((EffectKind::Repository, whole(), false));
            }
            Some(
                "push" | "tag" | "branch" | "checkout" | "switch" | "reset" | "restore" | "stash" | "clean"
                | "pull",
            ) => {
                all.push((EffectKind::Repository, whole(), true));
            }
            _ => {}
        },
        "gh" | "glab"
            if operands.get(1).is_some_and(|verb| {
                matches!(*verb, "create" | "merge" | "close" | "comment" | "edit" | "delete")
            }) =>
        {
            all.push((EffectKind::Request, whole(), false));
        }
        "curl" | "wget" | "http" | "xh" => {
            let text = whole();
            let writes = simple.arguments().any(|a| {
                matches!(
                    a,
                    "-d" | "--data" | "--data-raw" | "--json" | "-F" | "--form" | "-T" | "--post-data"
                )
            }) || ["POST", "PUT", "PATCH", "DELETE"]
                .iter()
                .any(|method| simple.words.iter().any(|w| w == method));
            if writes {
                all.push((
                    EffectKind::Request,
                    text,
                    simple.words.iter().any(|w| w == "PUT" || w == "DELETE"),
                ));
            }
        }
        "npm" | "pnpm" | "yarn" | "pip" | "pip3" | "apt" | "apt-get" | "brew" | "gem" | "cargo" | "uv" => {
            match operands.first().copied() {
                Some("publish") => all.push((EffectKind::Request, whole(), false)),
                Some("install" | "i" | "add" | "remove" | "uninstall" | "upgrade" | "ci" | "sync") => {
                    all.push((EffectKind::System, whole(), true))
                }
                _ => {}
            }
        }
        "systemctl" | "service" | "kill" | "pkill" | "killall" | "docker" | "kubectl" | "terraform"
        | "helm" | "shutdown" | "reboot" => {
            let looks = matches!(
                operands.first().copied(),
                Some(
                    "ps" | "get"
                        | "logs"
                        | "status"
                        | "describe"
                        | "images"
                        | "inspect"
                        | "plan"
                        | "list"
                        | "show"
                )
            );
            if !looks {
                all.push((EffectKind::System, whole(), false));
            }
        }
        "mail" | "sendmail" | "mutt" => all.push((EffectKind::Message, whole(), false)),
        "psql" | "mysql" | "sqlite3" => {
            let text = whole().to_ascii_lowercase();
            if ["insert ", "update ", "delete ", "drop ", "alter ", "truncate "]
                .iter()
                .any(|verb| text.contains(verb))
            {
                all.push((EffectKind::Transaction, whole(), false));
            }
        }
        _ => {}
    }
    all
}

/// Marks earlier effects on files as undone when a command puts those files back.
pub fn mark_undone(effects: &mut [Effect], request: &Request, status: Status) {
    if status != Status::Ok {
        return;
    }
    for simple in command::split(request.command.as_deref().unwrap_or_default()) {
        let operands: Vec<&str> = simple.arguments().filter(|a| !a.starts_with('-')).collect();
        let puts_back = simple.program() == "git"
            && matches!(operands.first().copied(), Some("checkout" | "restore"))
            && operands.len() > 1;
        let puts_all_back = simple.program() == "git"
            && operands.first() == Some(&"reset")
            && simple.arguments().any(|a| a == "--hard");
        if !puts_back && !puts_all_back {
            continue;
        }
        for effect in
            effects.iter_mut().filter(|e| e.kind == EffectKind::File && e.status == EffectStatus::Done)
        {
            let named = operands.iter().skip(1).any(|path| *path == "." || effect.target.ends_with(path));
            if puts_all_back || (puts_back && named) {
                effect.status = EffectStatus::Undone;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_command(command: &str) -> Vec<(EffectKind, String, bool)> {
        let request = Request { command: Some(command.to_owned()), ..Request::default() };
        effects_of(StepId(0), "Bash", ToolKind::Shell, &request, Status::Ok)
            .into_iter()
            .map(|e| (e.kind, e.target, e.harmless_again))
            .collect()
    }

    #[test]
    fn commands_that_only_look_change_nothing() {
        for command in [
            "ls -la",
            "git status && git diff",
            "cargo test 2>/dev/null",
            "curl https://example.com",
            "kubectl get pods",
        ] {
            assert_eq!(of_command(command), [], "{command}");
        }
    }

    #[test]
    fn commands_that_change_something_say_what() {
        assert_eq!(of_command("echo x >> notes.md"), [(EffectKind::File, "notes.md".into(), false)]);
        assert_eq!(
            of_command("rm -rf build out"),
            [(EffectKind::File, "build".into(), true), (EffectKind::File, "out".into(), true)]
        );
        assert_eq!(
            of_command("git add -A && git commit -m 'x'"),
            [(EffectKind::Repository, "git commit -m x".into(), false)]
        );
        assert_eq!(of_command("curl -X POST https://example.com/o -d a=1").len(), 1);
        assert_eq!(of_command("npm publish"), [(EffectKind::Request, "npm publish".into(), false)]);
    }

    #[test]
    fn application_tools_are_told_by_their_verbs() {
        let request = Request { arguments: vec![("id".into(), "7".into())], ..Request::default() };
        let kinds = |tool| effects_of(StepId(0), tool, ToolKind::Other, &request, Status::Ok);
        assert_eq!(kinds("cancel_reservation").first().map(|e| e.kind), Some(EffectKind::Transaction));
        assert_eq!(kinds("send_email").first().map(|e| e.harmless_again), Some(false));
        assert!(kinds("get_order_details").is_empty());
    }

    #[test]
    fn a_restored_file_is_undone() {
        let mut effects = effects_of(
            StepId(0),
            "Edit",
            ToolKind::Edit,
            &Request { paths: vec!["/w/a.py".into()], ..Request::default() },
            Status::Ok,
        );
        mark_undone(
            &mut effects,
            &Request { command: Some("git checkout -- a.py".into()), ..Request::default() },
            Status::Ok,
        );
        assert_eq!(effects[0].status, EffectStatus::Undone);
    }
}
