//! The configuration as text: what is in effect with its origins, and the defaults as a file.

use std::fmt::Write as _;

use super::{Config, Origin};

/// One row: section, key, value as TOML (empty: not set), origin, what it means.
struct Row<'a> {
    section: &'static str,
    key: &'static str,
    value: String,
    origin: &'a Origin,
    meaning: &'static str,
}

fn text(value: impl AsRef<str>) -> String {
    toml::Value::String(value.as_ref().to_owned()).to_string()
}

fn path(value: &std::path::Path) -> String {
    text(value.to_string_lossy())
}

fn words(list: &[String]) -> String {
    format!("[{}]", list.iter().map(text).collect::<Vec<_>>().join(", "))
}

fn float(value: f64) -> String {
    toml::Value::Float(value).to_string()
}

impl Config {
    fn rows(&self) -> Vec<Row<'_>> {
        macro_rules! row {
            ($section:literal, $key:literal, $setting:expr, $value:expr, $meaning:literal) => {
                Row {
                    section: $section,
                    key: $key,
                    value: $value,
                    origin: &$setting.origin,
                    meaning: $meaning,
                }
            };
        }
        let list = self.paths.iter().map(|p| path(p)).collect::<Vec<_>>();
        let mut rows = vec![
            row!("", "db", self.db, path(&self.db), "the ledger"),
            row!(
                "",
                "model",
                self.model,
                self.model.as_deref().map(path).unwrap_or_default(),
                "the model file that judges; without it the built-in one"
            ),
            row!(
                "",
                "format",
                self.format,
                self.format.as_deref().map(text).unwrap_or_default(),
                "the log format; without it each source shows its own"
            ),
            row!("", "theme", self.theme, text(&*self.theme), "the colour theme's name, or a file"),
            row!("", "color", self.color, self.color.to_string(), "whether colour is used"),
            row!(
                "",
                "internal_signals",
                self.internal_signals,
                self.internal_signals.to_string(),
                "whether what the model said it thought counts as evidence"
            ),
            row!(
                "",
                "experimental_rules",
                self.experimental_rules,
                self.experimental_rules.to_string(),
                "whether rules count that have not been shown to beat chance"
            ),
            row!(
                "",
                "operator",
                self.operator,
                text(&*self.operator),
                "who decides, as decisions name the person"
            ),
            row!(
                "",
                "paths",
                self.paths,
                format!("[{}]", list.join(", ")),
                "what is opened when no path is given; empty: the agents' own directories"
            ),
            row!(
                "",
                "grace_seconds",
                self.grace_seconds,
                self.grace_seconds.to_string(),
                "how long an approval can be undone"
            ),
            row!(
                "policy",
                "mode",
                self.mode,
                text(self.mode.word()),
                "\"suggest\": a person decides; \"observe\": only record; \"canary\": the policy decides in a share \
                 of runs; \"auto\": where the record is good enough"
            ),
            row!(
                "policy",
                "hold_seconds",
                self.hold_seconds,
                self.hold_seconds.to_string(),
                "how long an agent waits at an alarm for a decision; 0: not at all"
            ),
            row!(
                "policy",
                "on_hold_timeout",
                self.on_hold_timeout,
                text(self.on_hold_timeout.word()),
                "then: \"go-on\", \"deny\" or \"ask\" (the agent asks its own user)"
            ),
            row!(
                "policy",
                "max_stop_blocks",
                self.max_stop_blocks,
                self.max_stop_blocks.to_string(),
                "how many times in a row the end of a turn is kept open"
            ),
            Row {
                section: "policy",
                key: "rule",
                value: self.guard.rules_as_toml(),
                origin: &self.guard.rules.origin,
                meaning: "modes for some proposals, the first that fits holds: class, agent, workflow (the \
                          working directory), mode; agent and workflow may have * and ?",
            },
            row!(
                "limits",
                "retries_per_run",
                self.retries_per_run,
                self.retries_per_run.to_string(),
                "recoveries that are delivered to one run"
            ),
            row!(
                "limits",
                "cost_usd_per_run",
                self.cost_usd_per_run,
                float(*self.cost_usd_per_run),
                "what recoveries of one run may cost, in US dollars"
            ),
            row!(
                "limits",
                "tokens_per_run",
                self.tokens_per_run,
                self.tokens_per_run.to_string(),
                "what recoveries of one run may cost, in tokens"
            ),
            row!(
                "limits",
                "replans_per_run",
                self.guard.replans_per_run,
                self.guard.replans_per_run.to_string(),
                "new plans among them"
            ),
            row!(
                "limits",
                "substitutions_per_run",
                self.guard.substitutions_per_run,
                self.guard.substitutions_per_run.to_string(),
                "other tools among them"
            ),
            row!(
                "limits",
                "escalations_per_run",
                self.guard.escalations_per_run,
                self.guard.escalations_per_run.to_string(),
                "times that a person is asked to look at one run instead"
            ),
            row!(
                "limits",
                "latency_seconds_per_run",
                self.guard.latency_seconds_per_run,
                self.guard.latency_seconds_per_run.to_string(),
                "what recoveries may add to one run, in seconds"
            ),
            row!(
                "breaker",
                "not_recovered",
                self.guard.not_recovered,
                self.guard.not_recovered.to_string(),
                "recoveries of one agent in vain after which nothing goes to it by itself"
            ),
            row!(
                "breaker",
                "fleet_not_recovered",
                self.guard.fleet_not_recovered,
                self.guard.fleet_not_recovered.to_string(),
                "recoveries in vain after which nothing goes to any agent by itself"
            ),
            row!(
                "breaker",
                "window_seconds",
                self.guard.breaker_window_seconds,
                self.guard.breaker_window_seconds.to_string(),
                "within how long"
            ),
            row!(
                "breaker",
                "cool_down_seconds",
                self.guard.cool_down_seconds,
                self.guard.cool_down_seconds.to_string(),
                "how long until one recovery at a time is tried again"
            ),
            row!(
                "quarantine",
                "deliveries",
                self.guard.quarantine_deliveries,
                self.guard.quarantine_deliveries.to_string(),
                "how often the same is sent to a run before it never goes by itself any more"
            ),
            row!(
                "quarantine",
                "window_seconds",
                self.guard.quarantine_window_seconds,
                self.guard.quarantine_window_seconds.to_string(),
                "within how long"
            ),
            row!(
                "canary",
                "treated",
                self.guard.treated,
                float(*self.guard.treated),
                "share of runs that the policy treats"
            ),
            row!(
                "canary",
                "holdout",
                self.guard.holdout,
                float(*self.guard.holdout),
                "share of runs in which what would have been sent is only recorded"
            ),
            row!(
                "canary",
                "salt",
                self.guard.salt,
                text(&*self.guard.salt),
                "another one deals the runs anew"
            ),
            row!(
                "promotion",
                "cases",
                self.guard.cases,
                self.guard.cases.to_string(),
                "recoveries with a known outcome that \"auto\" needs"
            ),
            row!(
                "promotion",
                "recovery",
                self.guard.recovery,
                float(*self.guard.recovery),
                "the least that the recovered share may be, by the lower end of its 95 % interval"
            ),
            row!(
                "costs",
                "miss",
                self.cost_miss,
                float(*self.cost_miss),
                "what it costs to miss a wrong step"
            ),
            row!(
                "costs",
                "interruption",
                self.cost_interruption,
                float(*self.cost_interruption),
                "what it costs to interrupt a person for nothing"
            ),
            row!(
                "spool",
                "directory",
                self.spool_directory,
                path(&self.spool_directory),
                "where approved texts for home-made agents are laid"
            ),
            row!(
                "proposer",
                "base_url",
                self.proposer.base_url,
                text(&*self.proposer.base_url),
                "the endpoint that writes drafts, before /chat/completions; empty: none"
            ),
            row!(
                "proposer",
                "model",
                self.proposer.model,
                text(&*self.proposer.model),
                "the model's name there"
            ),
            row!(
                "proposer",
                "api_key_env",
                self.proposer.api_key_env,
                text(&*self.proposer.api_key_env),
                "the name of the variable that holds its key; empty: no key"
            ),
            row!(
                "proposer",
                "seconds",
                self.proposer.seconds,
                self.proposer.seconds.to_string(),
                "how long an answer may take"
            ),
            row!(
                "proposer",
                "tokens",
                self.proposer.tokens,
                self.proposer.tokens.to_string(),
                "how many tokens an answer may have"
            ),
            row!(
                "proposer",
                "usd_per_thousand_tokens",
                self.proposer.usd_per_thousand_tokens,
                float(*self.proposer.usd_per_thousand_tokens),
                "what they cost; it counts in the runs' budgets"
            ),
            row!(
                "notify",
                "bell",
                self.notices.bell,
                self.notices.bell.to_string(),
                "whether the bell rings when a proposal waits or a run is held"
            ),
            row!(
                "notify",
                "sequence",
                self.notices.sequence,
                text(self.notices.sequence.word()),
                "a terminal's notification: \"osc9\", \"osc777\" or \"none\""
            ),
            row!(
                "notify",
                "command",
                self.notices.command,
                format!("[{}]", self.notices.command.iter().map(text).collect::<Vec<_>>().join(", ")),
                "a program with its arguments; it gets the notice as JSON on standard input"
            ),
            row!(
                "notify",
                "cool_down_seconds",
                self.notices.cool_down_seconds,
                self.notices.cool_down_seconds.to_string(),
                "for how long the same of the same run is not told again"
            ),
            row!(
                "notify",
                "quiet_hours",
                self.notices.quiet_hours,
                text(&*self.notices.quiet_hours),
                "from when to when nothing is told, such as \"22:00-07:00\"; empty: never"
            ),
            row!(
                "channels",
                "codex_socket",
                self.codex_socket,
                path(&self.codex_socket),
                "the socket of Codex's app server, through which its runs are reached"
            ),
            row!(
                "channels",
                "opencode",
                self.opencode,
                if self.opencode.is_empty() { String::new() } else { text(self.opencode.as_str()) },
                "the address of opencode's server, such as \"http://127.0.0.1:4096\""
            ),
            row!(
                "channels",
                "socket",
                self.socket,
                self.socket.to_string(),
                "whether the console answers agents over a Unix socket"
            ),
            row!(
                "channels",
                "http_port",
                self.http_port,
                self.http_port.to_string(),
                "the port of this machine on which it answers over HTTP, with a token; 0: none"
            ),
            row!(
                "channels",
                "gate_seconds",
                self.gate_seconds,
                self.gate_seconds.to_string(),
                "how long an agent that asks before it acts is held at most; then as on_hold_timeout says"
            ),
            row!(
                "channels",
                "tmux",
                self.tmux,
                words(&self.tmux),
                "agents into whose prompt box texts are typed, such as \"claude-code\"; empty: none"
            ),
            row!(
                "channels",
                "command",
                self.command,
                words(&self.command),
                "a command that carries texts: its program and words; it reads JSON on standard input"
            ),
            row!(
                "channels",
                "command_agents",
                self.command_agents,
                words(&self.command_agents),
                "agents to which the command carries texts, by log format"
            ),
            row!(
                "channels",
                "command_seconds",
                self.command_seconds,
                self.command_seconds.to_string(),
                "how long the command may take"
            ),
        ];
        for (command, keys) in self.keys.iter() {
            let keys: Vec<String> = keys.iter().map(text).collect();
            rows.push(Row {
                section: "keys",
                key: "",
                value: format!("{} = [{}]", text(command), keys.join(", ")),
                origin: &self.keys.origin,
                meaning: "",
            });
        }
        rows
    }

    /// What is in effect, each value with its origin as a comment. A configuration file in itself.
    pub fn with_origins(&self) -> String {
        let mut out = String::new();
        match &self.file {
            Some(file) => {
                let _ = writeln!(out, "# {}", file.display());
            }
            None => out.push_str("# no configuration file\n"),
        }
        let mut section = "";
        for row in self.rows() {
            enter(&mut out, &mut section, row.section);
            let line = match (row.key, row.value.as_str()) {
                ("", value) => value.to_owned(),
                (key, "") => format!("# {key} is not set"),
                (key, value) => format!("{key} = {value}"),
            };
            let _ = writeln!(out, "{line:<44}  # {}", row.origin);
        }
        out
    }

    /// These values as a file to begin with: each key commented out, with what it means.
    pub fn as_default_file(&self) -> String {
        let mut out = String::from(
            "# medbay's configuration. Take out the # before what you want to change.\n\
             # Flags win over the environment, the environment over this file.\n",
        );
        let mut section = "";
        for row in self.rows() {
            enter(&mut out, &mut section, row.section);
            let value = if row.value.is_empty() { "\"\"" } else { &row.value };
            let _ = writeln!(out, "\n# {}\n# {} = {value}", row.meaning, row.key);
        }
        out.push_str(
            "\n# Keys of the console, by the command's name: one key or a list.\n[keys]\n# approve = \"a\"\n",
        );
        out
    }
}

fn enter(out: &mut String, section: &mut &'static str, next: &'static str) {
    if *section != next {
        *section = next;
        let _ = writeln!(out, "\n[{next}]");
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Environment, Flags};
    use super::*;

    fn environment() -> Environment {
        Environment::of([("HOME", "/home/someone"), ("USER", "someone")])
    }

    fn load(text: &str) -> Config {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.toml");
        std::fs::write(&path, text).unwrap();
        let flags = Flags { config: Some(path), ..Flags::default() };
        Config::load(&flags, &environment()).unwrap()
    }

    #[test]
    fn what_is_printed_can_be_read_again() {
        let config =
            load("theme = \"a\\\"b\"\n[keys]\n\"desk approve\" = [\"a\", \"ctrl-a\"]\nquit = \"q\"\n");
        let again = load(&config.with_origins());
        assert_eq!(*again.theme, "a\"b");
        assert_eq!(again.keys.value, config.keys.value);
        assert_eq!(*again.db, *config.db);
    }

    #[test]
    fn the_default_file_holds_every_key_and_changes_nothing() {
        let defaults = Config::defaults(&environment()).unwrap();
        let text = defaults.as_default_file();
        let config = load(&text);
        assert_eq!(*config.db, *defaults.db);
        // Every key that the printed configuration has, taken out of its comment, is a known key.
        let live: String = text
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(rest)
                    if rest.split_once(" = ").is_some_and(|(k, _)| !k.contains(' '))
                        && !rest.starts_with("model")
                        && !rest.starts_with("format") =>
                {
                    rest
                }
                _ => line,
            })
            .map(|line| format!("{line}\n"))
            .collect();
        let config = load(&live);
        assert!(matches!(config.spool_directory.origin, Origin::File(..)), "{live}");
        assert_eq!(*config.on_hold_timeout, *defaults.on_hold_timeout);
    }
}
