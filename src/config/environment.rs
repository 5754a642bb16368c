//! The environment as it was at the start: only the variables that medbay knows, so that no key that
//! an agent keeps in its environment can get into a log or a report.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The variables that are kept, besides those that begin with `MEDBAY_`.
const KNOWN: &[&str] = &[
    "HOME",
    "USER",
    "LOGNAME",
    "XDG_CONFIG_HOME",
    "XDG_STATE_HOME",
    "XDG_DATA_HOME",
    "XDG_CACHE_HOME",
    "CLAUDE_CONFIG_DIR",
    "CODEX_HOME",
    "GEMINI_CLI_HOME",
    "CRUSH_GLOBAL_CONFIG",
    "NO_COLOR",
    "CLICOLOR",
    "COLORTERM",
    "TERM",
    "TERM_PROGRAM",
    "TMUX",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "VISUAL",
    "EDITOR",
    "PATH",
];

/// The environment. Cheap to clone; tests make their own.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, OsString>,
}

impl Environment {
    /// The environment of this process.
    pub fn of_process() -> Self {
        Self::of(std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value))))
    }

    /// An environment of these variables; unknown ones are left out.
    pub fn of<N: Into<String>, V: Into<OsString>>(variables: impl IntoIterator<Item = (N, V)>) -> Self {
        Self {
            variables: variables
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .filter(|(name, value)| {
                    !value.is_empty() && (name.starts_with("MEDBAY_") || KNOWN.contains(&name.as_str()))
                })
                .collect(),
        }
    }

    /// A variable as a path; an empty one counts as not set.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        self.variables.get(name).map(PathBuf::from)
    }

    /// A variable as text; `None` also where it is not UTF-8.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.variables.get(name)?.to_str()
    }

    /// The names of the variables that are set and begin with `MEDBAY_`.
    pub(crate) fn own_names(&self) -> impl Iterator<Item = &str> {
        self.variables.keys().map(String::as_str).filter(|name| name.starts_with("MEDBAY_"))
    }

    /// The user's home; the current directory where there is none.
    pub fn home(&self) -> PathBuf {
        self.path("HOME").or_else(std::env::home_dir).unwrap_or_else(|| PathBuf::from("."))
    }

    /// A base directory of the XDG specification: absolute, as it demands.
    fn base(&self, name: &str, default: &str) -> PathBuf {
        self.path(name)
            .filter(|path| path.is_absolute())
            .unwrap_or_else(|| self.home().join(default))
            .join("medbay")
    }

    /// `$XDG_CONFIG_HOME/medbay`.
    pub fn config_directory(&self) -> PathBuf {
        self.base("XDG_CONFIG_HOME", ".config")
    }

    /// `$XDG_CONFIG_HOME/medbay/config.toml`.
    pub fn config_file(&self) -> PathBuf {
        self.config_directory().join("config.toml")
    }

    /// `$XDG_STATE_HOME/medbay`: the log, panic reports.
    pub fn state_directory(&self) -> PathBuf {
        self.base("XDG_STATE_HOME", ".local/state")
    }

    /// `$XDG_DATA_HOME/medbay`: the ledger, the spool.
    pub fn data_directory(&self) -> PathBuf {
        self.base("XDG_DATA_HOME", ".local/share")
    }

    /// `$CLAUDE_CONFIG_DIR`, else `~/.claude`.
    pub fn claude_directory(&self) -> PathBuf {
        self.path("CLAUDE_CONFIG_DIR").unwrap_or_else(|| self.home().join(".claude"))
    }

    /// `$CODEX_HOME`, else `~/.codex`.
    pub fn codex_directory(&self) -> PathBuf {
        self.path("CODEX_HOME").unwrap_or_else(|| self.home().join(".codex"))
    }

    /// `.gemini` in `$GEMINI_CLI_HOME`, else in the home.
    pub fn gemini_directory(&self) -> PathBuf {
        self.path("GEMINI_CLI_HOME").unwrap_or_else(|| self.home()).join(".gemini")
    }

    /// `opencode/opencode.db` in `$XDG_DATA_HOME` or `~/.local/share`.
    pub fn opencode_store(&self) -> PathBuf {
        self.data_directory().with_file_name("opencode").join("opencode.db")
    }

    /// `$CRUSH_GLOBAL_CONFIG`, else `crush` in `$XDG_CONFIG_HOME` or `~/.config`.
    pub fn crush_directory(&self) -> PathBuf {
        self.path("CRUSH_GLOBAL_CONFIG").unwrap_or_else(|| self.config_directory().with_file_name("crush"))
    }

    /// A path as a person writes it: `~/` is the home, anything relative is below `base`.
    pub(crate) fn resolve(&self, path: &Path, base: &Path) -> PathBuf {
        if let Ok(rest) = path.strip_prefix("~") {
            return self.home().join(rest);
        }
        base.join(path)
    }
}
