//! The configuration: defaults, then the file, then the environment, then flags; each value knows
//! where it came from.
//!
//! To add a key: a field in [`Config`], one in `file.rs`, one line in [`Config::layered`], and its
//! row in `print.rs`; a test fails while one is missing. What a key means is decided by whoever uses
//! it; what it may be is decided here, so that a wrong value is an error with its file and line.

mod check;
mod environment;
mod file;
mod notices;
mod policy;
mod print;
mod proposer;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use crate::recover::Mode;
use crate::recover::policy::Limits;
use crate::score::Costs;
use thiserror::Error;
use toml::Spanned;

use check::{
    Refusal, at_most, filled, local_http, mode, not_negative, on_hold_timeout, positive, seconds, truth,
};
pub use environment::Environment;
pub use notices::{Notify, Sequence};
pub use policy::{Guard, RuleSetting};
pub use proposer::Proposer;

/// A value and where it came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting<T> {
    /// The value.
    pub value: T,
    /// Where it came from.
    pub origin: Origin,
}

impl<T> Deref for Setting<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said otherwise.
    Default,
    /// The file, at a 1-based line.
    File(PathBuf, usize),
    /// A variable of the environment.
    Environment(&'static str),
    /// A flag of the command line.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path, line) => write!(f, "{}:{line}", path.display()),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Flag(name) => f.write_str(name),
        }
    }
}

/// What is wrong with the configuration: what, where, and the mend.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration, {}: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why, and the mend.
        reason: String,
    },
    /// A value is wrong.
    #[error("{what}, {at}: {mend}")]
    Wrong {
        /// What is wrong.
        what: String,
        /// File and line, or the variable, or the flag.
        at: String,
        /// What to do.
        mend: String,
    },
}

/// What happens when a hold's limit is reached without a decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnHoldTimeout {
    /// The agent goes on.
    #[default]
    GoOn,
    /// The call is denied.
    Deny,
    /// The agent asks its own user.
    Ask,
}

impl OnHoldTimeout {
    /// The word for it, as the file has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::GoOn => "go-on",
            Self::Deny => "deny",
            Self::Ask => "ask",
        }
    }
}

/// The configuration in effect.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file that was read, if there is one.
    pub file: Option<PathBuf>,
    /// Why the file was not taken, where a subcommand goes on without it.
    pub problem: Option<String>,
    /// The ledger's file.
    pub db: Setting<PathBuf>,
    /// The model file; `None`: the built-in one.
    pub model: Setting<Option<PathBuf>>,
    /// The log format's name; `None`: each source shows its own.
    pub format: Setting<Option<String>>,
    /// The theme's name, or the path of a theme file.
    pub theme: Setting<String>,
    /// Whether colour may be used.
    pub color: Setting<bool>,
    /// Whether what the model said it thought counts as evidence.
    pub internal_signals: Setting<bool>,
    /// Whether rules count whose lift has not been shown.
    pub experimental_rules: Setting<bool>,
    /// Who decides, as decisions name the person.
    pub operator: Setting<String>,
    /// What is opened when no path is given; empty: the agents' own directories.
    pub paths: Setting<Vec<PathBuf>>,
    /// How long an approval can be undone, in seconds.
    pub grace_seconds: Setting<u32>,
    /// Whether proposals are made.
    pub mode: Setting<Mode>,
    /// How long a gated call or the end of a turn waits for a decision, in seconds; 0: no hold.
    pub hold_seconds: Setting<u32>,
    /// What happens when the hold's limit is reached.
    pub on_hold_timeout: Setting<OnHoldTimeout>,
    /// How many times in a row the end of a turn may be kept open.
    pub max_stop_blocks: Setting<u32>,
    /// Recoveries that may be delivered to one run.
    pub retries_per_run: Setting<u32>,
    /// What recoveries of one run may cost, in US dollars.
    pub cost_usd_per_run: Setting<f64>,
    /// What recoveries of one run may cost, in tokens.
    pub tokens_per_run: Setting<u64>,
    /// Modes for some proposals, the other budgets, breaker, quarantine, canary and promotion.
    pub guard: Guard,
    /// What it costs to miss a wrong step, in the unit of `interruption`.
    pub cost_miss: Setting<f64>,
    /// What it costs to interrupt a person for nothing.
    pub cost_interruption: Setting<f64>,
    /// Where the spool channel lays approved texts for home-made agents.
    pub spool_directory: Setting<PathBuf>,
    /// Who writes in place of templates.
    pub proposer: Proposer,
    /// How the operator is told outside of the screen.
    pub notices: Notify,
    /// The socket of Codex's app server.
    pub codex_socket: Setting<PathBuf>,
    /// The address of opencode's server; empty: none.
    pub opencode: Setting<String>,
    /// Whether agents can ask over a Unix socket.
    pub socket: Setting<bool>,
    /// The port of this machine on which agents can ask over HTTP; 0: none.
    pub http_port: Setting<u16>,
    /// How long an agent that asks before it acts is held at most, in seconds.
    pub gate_seconds: Setting<u32>,
    /// Agents, by log format, into whose terminal approved texts are typed.
    pub tmux: Setting<Vec<String>>,
    /// The operator's command that carries approved texts: program and words.
    pub command: Setting<Vec<String>>,
    /// Agents, by log format, to which the command carries texts.
    pub command_agents: Setting<Vec<String>>,
    /// How long the command may take, in seconds.
    pub command_seconds: Setting<u32>,
    /// Keys of the console, by the command's name.
    pub keys: Setting<BTreeMap<String, Vec<String>>>,
}

/// What the command line says.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--db`
    pub db: Option<PathBuf>,
    /// `--config`
    pub config: Option<PathBuf>,
    /// `--model`
    pub model: Option<PathBuf>,
    /// `--format`
    pub format: Option<String>,
    /// `--theme`
    pub theme: Option<String>,
    /// `--internal-signals`
    pub internal_signals: Option<bool>,
    /// `--no-color` gives `Some(false)`.
    pub color: Option<bool>,
}

/// The variables that set a value; an unknown `MEDBAY_…` is an error, as an unknown key is.
const VARIABLES: &[&str] = &[
    "MEDBAY_DB",
    "MEDBAY_CONFIG",
    "MEDBAY_MODEL",
    "MEDBAY_FORMAT",
    "MEDBAY_THEME",
    "MEDBAY_INTERNAL_SIGNALS",
    "MEDBAY_EXPERIMENTAL_RULES",
    "MEDBAY_OPERATOR",
    "MEDBAY_SPOOL",
    "MEDBAY_OPENCODE_PASSWORD",
    "MEDBAY_POLICY_MODE",
    "MEDBAY_HOLD_SECONDS",
    "MEDBAY_LOG",
];

impl Config {
    /// The defaults: no file, no variables that set a value, no flags.
    ///
    /// # Errors
    /// None: without a file, a variable or a flag nothing can be wrong; a test holds that.
    pub fn defaults(environment: &Environment) -> Result<Self, ConfigError> {
        let bare = file::Read { path: PathBuf::new(), text: String::new(), file: file::File::default() };
        Self::layered(&Flags::default(), environment, bare, false)
    }

    /// Reads the file that the flag, the variable or the default names, and lays the layers over each
    /// other. A file that nobody named may be missing.
    pub fn load(flags: &Flags, environment: &Environment) -> Result<Self, ConfigError> {
        for name in environment.own_names() {
            if !VARIABLES.contains(&name) {
                tracing::warn!("the variable {name} of the environment means nothing to medbay");
            }
        }
        let named = flags.config.clone().or_else(|| environment.path("MEDBAY_CONFIG"));
        let path = named.clone().unwrap_or_else(|| environment.config_file());
        let there = named.is_some() || path.exists();
        let read = if there {
            file::read(&path)?
        } else {
            file::Read { path, text: String::new(), file: file::File::default() }
        };
        let mut config = Self::layered(flags, environment, read, true)?;
        if !there {
            config.file = None;
        }
        Ok(config)
    }

    fn layered(
        flags: &Flags,
        environment: &Environment,
        mut read: file::Read,
        variables: bool,
    ) -> Result<Self, ConfigError> {
        let file = std::mem::take(&mut read.file);
        let base = read.path.parent().unwrap_or_else(|| Path::new("")).to_owned();
        let layers = Layers { read: &read, environment: variables.then_some(environment) };
        let resolve = |path: PathBuf| environment.resolve(&path, &base);
        let data = environment.data_directory();
        let user =
            environment.text("USER").or_else(|| environment.text("LOGNAME")).unwrap_or("operator").to_owned();

        let limits = Limits::default();
        let guard = policy::Written {
            rules: file.policy.rule,
            replans_per_run: file.limits.replans_per_run,
            substitutions_per_run: file.limits.substitutions_per_run,
            escalations_per_run: file.limits.escalations_per_run,
            latency_seconds_per_run: file.limits.latency_seconds_per_run,
            breaker: file.breaker,
            quarantine: file.quarantine,
            canary: file.canary,
            promotion: file.promotion,
        };

        Ok(Self {
            file: Some(read.path.clone()).filter(|path| !path.as_os_str().is_empty()),
            problem: None,
            db: layers
                .file(data.join("ledger.db"), file.db.map(|v| mapped(v, resolve)))
                .or_path(&layers, "MEDBAY_DB")
                .or_flag(flags.db.clone(), "--db"),
            model: layers
                .file(None, file.model.map(|v| mapped(v, |p| Some(resolve(p)))))
                .or_optional_path(&layers, "MEDBAY_MODEL")
                .or_flag(flags.model.clone().map(Some), "--model"),
            format: layers
                .file(None, file.format.map(|v| mapped(v, Some)))
                .or_text(&layers, "MEDBAY_FORMAT", |t| Ok(Some(t.to_owned())))?
                .or_flag(flags.format.clone().map(Some), "--format"),
            theme: layers
                .file("dark".to_owned(), file.theme)
                .or_text(&layers, "MEDBAY_THEME", |t| Ok(t.to_owned()))?
                .or_flag(flags.theme.clone(), "--theme"),
            color: layers
                .file(true, file.color)
                .or_text(&layers, "NO_COLOR", |_| Ok(false))?
                .or_flag(flags.color, "--no-color"),
            internal_signals: layers
                .file(false, file.internal_signals)
                .or_text(&layers, "MEDBAY_INTERNAL_SIGNALS", truth)?
                .or_flag(flags.internal_signals, "--internal-signals"),
            experimental_rules: layers.file(false, file.experimental_rules).or_text(
                &layers,
                "MEDBAY_EXPERIMENTAL_RULES",
                truth,
            )?,
            operator: layers
                .file(user, file.operator)
                .or_text(&layers, "MEDBAY_OPERATOR", |t| Ok(t.to_owned()))?
                .checked(|name| filled("operator", name))?,
            paths: layers.file(
                Vec::new(),
                file.paths.map(|v| mapped(v, |list| list.into_iter().map(resolve).collect())),
            ),
            grace_seconds: layers
                .file(5, file.grace_seconds)
                .checked(|s| at_most("grace_seconds", *s, 3600))?,
            mode: layers.words(Mode::default(), file.policy.mode, mode)?.or_text(
                &layers,
                "MEDBAY_POLICY_MODE",
                mode,
            )?,
            hold_seconds: layers
                .file(0, file.policy.hold_seconds)
                .or_text(&layers, "MEDBAY_HOLD_SECONDS", seconds)?
                .checked(|s| at_most("hold_seconds", *s, 86_400))?,
            on_hold_timeout: layers.words(
                OnHoldTimeout::default(),
                file.policy.on_hold_timeout,
                on_hold_timeout,
            )?,
            max_stop_blocks: layers.file(3, file.policy.max_stop_blocks),
            retries_per_run: layers.file(limits.retries_per_run, file.limits.retries_per_run),
            cost_usd_per_run: layers
                .file(limits.cost_usd_per_run, file.limits.cost_usd_per_run)
                .checked(|cost| not_negative("cost_usd_per_run", *cost))?,
            tokens_per_run: layers.file(limits.tokens_per_run, file.limits.tokens_per_run),
            guard: Guard::layered(&layers, guard)?,
            cost_miss: layers
                .file(Costs::default().miss, file.costs.miss)
                .checked(|cost| positive("miss", *cost))?,
            cost_interruption: layers
                .file(Costs::default().interruption, file.costs.interruption)
                .checked(|cost| positive("interruption", *cost))?,
            spool_directory: layers
                .file(data.join("spool"), file.spool.directory.map(|v| mapped(v, resolve)))
                .or_path(&layers, "MEDBAY_SPOOL"),
            proposer: Proposer::layered(&layers, file.proposer)?,
            notices: Notify::layered(&layers, file.notices)?,
            codex_socket: layers.file(
                environment.codex_directory().join("app-server-control/app-server-control.sock"),
                file.channels.codex_socket.map(|v| mapped(v, resolve)),
            ),
            opencode: layers
                .file(String::new(), file.channels.opencode)
                .checked(|address| local_http(address))?,
            socket: layers.file(true, file.channels.socket),
            http_port: layers.file(0, file.channels.http_port),
            gate_seconds: layers
                .file(300, file.channels.gate_seconds)
                .checked(|s| at_most("gate_seconds", *s, 86_400))?,
            tmux: layers.file(Vec::new(), file.channels.tmux),
            command: layers.file(Vec::new(), file.channels.command),
            command_agents: layers.file(Vec::new(), file.channels.command_agents),
            command_seconds: layers
                .file(30, file.channels.command_seconds)
                .checked(|s| at_most("command_seconds", *s, 600))?,
            keys: layers.file(
                BTreeMap::new(),
                file.keys
                    .map(|v| mapped(v, |keys| keys.into_iter().map(|(k, v)| (k, v.into_vec())).collect())),
            ),
        })
    }
}

/// The layers between a default and a flag.
struct Layers<'a> {
    read: &'a file::Read,
    environment: Option<&'a Environment>,
}

impl Layers<'_> {
    fn file<T>(&self, default: T, value: Option<Spanned<T>>) -> Setting<T> {
        match value {
            None => Setting { value: default, origin: Origin::Default },
            Some(spanned) => Setting {
                origin: Origin::File(self.read.path.clone(), self.read.line(spanned.span().start)),
                value: spanned.into_inner(),
            },
        }
    }

    /// A value that the file has as a word.
    fn words<T>(
        &self,
        default: T,
        value: Option<Spanned<String>>,
        parse: fn(&str) -> Result<T, Refusal>,
    ) -> Result<Setting<T>, ConfigError> {
        let word = self.file(String::new(), value);
        if word.origin == Origin::Default {
            return Ok(self.file(default, None));
        }
        match parse(&word.value) {
            Ok(value) => Ok(Setting { value, origin: word.origin }),
            Err(refusal) => Err(refusal.at(&word.origin)),
        }
    }
}

fn mapped<T, U>(spanned: Spanned<T>, f: impl FnOnce(T) -> U) -> Spanned<U> {
    let span = spanned.span();
    Spanned::new(span, f(spanned.into_inner()))
}

impl<T> Setting<T> {
    fn or_text(
        self,
        layers: &Layers<'_>,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, Refusal>,
    ) -> Result<Self, ConfigError> {
        let Some(text) = layers.environment.and_then(|e| e.text(name)) else {
            return Ok(self);
        };
        let origin = Origin::Environment(name);
        match parse(text) {
            Ok(value) => Ok(Self { value, origin }),
            Err(refusal) => Err(refusal.at(&origin)),
        }
    }

    fn or_flag(self, value: Option<T>, name: &'static str) -> Self {
        match value {
            None => self,
            Some(value) => Self { value, origin: Origin::Flag(name) },
        }
    }

    fn checked(self, check: impl FnOnce(&T) -> Result<(), Refusal>) -> Result<Self, ConfigError> {
        match check(&self.value) {
            Ok(()) => Ok(self),
            Err(refusal) => Err(refusal.at(&self.origin)),
        }
    }
}

impl Setting<PathBuf> {
    fn or_path(self, layers: &Layers<'_>, name: &'static str) -> Self {
        match layers.environment.and_then(|e| e.path(name)) {
            None => self,
            Some(value) => Self { value, origin: Origin::Environment(name) },
        }
    }
}

impl Setting<Option<PathBuf>> {
    fn or_optional_path(self, layers: &Layers<'_>, name: &'static str) -> Self {
        match layers.environment.and_then(|e| e.path(name)) {
            None => self,
            Some(value) => Self { value: Some(value), origin: Origin::Environment(name) },
        }
    }
}

/// Why a file could not be read, with the mend.
pub(crate) fn io_reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "it does not exist: check the name".to_owned(),
        std::io::ErrorKind::PermissionDenied => {
            "permission denied: give yourself the right to read it".to_owned()
        }
        std::io::ErrorKind::InvalidData => "it is not UTF-8 text: save it as such".to_owned(),
        std::io::ErrorKind::IsADirectory => "it is a directory: name a file".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(more: &[(&str, &str)]) -> Environment {
        Environment::of(
            [("HOME", "/home/someone"), ("USER", "someone")]
                .iter()
                .chain(more)
                .map(|(n, v)| ((*n).to_owned(), *v)),
        )
    }

    fn load(text: &str, env: &[(&str, &str)], flags: Flags) -> Result<Config, ConfigError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.toml");
        std::fs::write(&path, text).unwrap();
        Config::load(&Flags { config: Some(path), ..flags }, &environment(env))
    }

    #[test]
    fn each_layer_wins_over_the_one_below_and_says_so() {
        let text = "# mine\ntheme = \"paper\"\ngrace_seconds = 9\n[policy]\nmode = \"observe\"\n";
        let config = load(text, &[], Flags::default()).unwrap();
        assert_eq!(*config.theme, "paper");
        assert!(matches!(config.theme.origin, Origin::File(_, 2)));
        assert!(matches!(config.grace_seconds.origin, Origin::File(_, 3)));
        assert_eq!(*config.mode, Mode::Observe);
        assert_eq!(config.max_stop_blocks.origin, Origin::Default);

        let config = load(text, &[("MEDBAY_THEME", "light")], Flags::default()).unwrap();
        assert_eq!(*config.theme, "light");
        assert_eq!(config.theme.origin, Origin::Environment("MEDBAY_THEME"));

        let flags = Flags { theme: Some("dark".into()), ..Flags::default() };
        let config = load(text, &[("MEDBAY_THEME", "light")], flags).unwrap();
        assert_eq!(*config.theme, "dark");
        assert_eq!(config.theme.origin, Origin::Flag("--theme"));
    }

    #[test]
    fn errors_name_the_line_and_the_mend() {
        for (text, line, what, mend) in [
            ("theme = \"x\"\nthemee = \"y\"\n", ":2", "themee", "did you mean `theme`?"),
            ("grace_seconds = \"five\"\n", ":1", "invalid type", "mend the line"),
            ("\n\n[policy]\nmode = \"autos\"\n", ":4", "autos", "suggest"),
            ("[[policy.rule]]\nclass = \"lies\"\nmode = \"auto\"\n", ":2", "lies", "hallucination"),
            ("[[policy.rule]]\nmode = \"auto\"\nagent = \"\"\n", ":3", "glob", "take the line out"),
            ("\n[[policy.rule]]\nagent = \"main\"\n", ":2", "names no mode", "add a line"),
            ("[[policy.rule]]\nmodes = \"auto\"\n", ":2", "modes", "`mode`"),
            ("[breaker]\nnot_recovered = 0\n", ":2", "not_recovered", "1 or more"),
            ("[canary]\ntreated = 0.7\nholdout = 0.4\n", ":3", "more than all", "add up"),
            ("[promotion]\nrecovery = 60.0\n", ":2", "recovery", "0.1"),
            ("[policy]\non_hold_timeout = \"later\"\n", ":2", "later", "go-on"),
            ("db = \n", ":1", "", "mend the line"),
            ("[costs]\nmiss = -1.0\n", ":2", "miss", "1.0"),
            ("[limits]\nretries = 3\n", ":2", "retries", "retries_per_run"),
            ("[proposer]\nbase_url = \"localhost\"\n", ":2", "localhost", "http://"),
            ("[proposer]\napi_key_env = \"sk-x\"\n", ":2", "no name", "never the key"),
            ("[notify]\nquiet_hours = \"at night\"\n", ":2", "at night", "22:00-07:00"),
            ("[notify]\nsequence = \"osc8\"\n", ":2", "osc8", "osc777"),
        ] {
            let error = load(text, &[], Flags::default()).unwrap_err().to_string();
            assert!(error.contains(&format!("config.toml{line}")), "{error}");
            assert!(error.contains(what), "{error}");
            assert!(error.contains(mend), "{error}");
            assert!(!error.contains('\n'), "{error}");
        }
        let error = load("", &[("MEDBAY_HOLD_SECONDS", "soon")], Flags::default()).unwrap_err();
        assert!(error.to_string().contains("MEDBAY_HOLD_SECONDS"), "{error}");
    }

    #[test]
    fn paths_are_resolved_from_the_file_and_the_home() {
        let config =
            load("db = \"my.db\"\nspool = { directory = \"~/spool\" }\n", &[], Flags::default()).unwrap();
        assert!(config.db.is_absolute() && config.db.ends_with("my.db"));
        assert_eq!(*config.spool_directory, PathBuf::from("/home/someone/spool"));
    }

    #[test]
    fn a_named_file_must_be_there_and_an_unnamed_one_need_not() {
        let flags = Flags { config: Some("/nowhere/at/all.toml".into()), ..Flags::default() };
        let error = Config::load(&flags, &environment(&[])).unwrap_err();
        assert!(error.to_string().contains("/nowhere/at/all.toml"), "{error}");
        let config = Config::load(&Flags::default(), &environment(&[])).unwrap();
        assert_eq!(config.file, None);
        assert_eq!(*config.operator, "someone");
    }

    #[test]
    fn keys_that_agents_hold_in_their_environment_are_not_kept() {
        let kept = environment(&[("ANTHROPIC_API_KEY", "secret")]);
        assert_eq!(kept.text("ANTHROPIC_API_KEY"), None);
    }
}
