//! The configuration file's shape, and its errors with file and line.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use super::ConfigError;

type Key<T> = Option<Spanned<T>>;

/// The file, as written: every key may be missing.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) db: Key<PathBuf>,
    pub(super) model: Key<PathBuf>,
    pub(super) format: Key<String>,
    pub(super) theme: Key<String>,
    pub(super) color: Key<bool>,
    pub(super) internal_signals: Key<bool>,
    pub(super) experimental_rules: Key<bool>,
    pub(super) operator: Key<String>,
    pub(super) paths: Key<Vec<PathBuf>>,
    pub(super) grace_seconds: Key<u32>,
    #[serde(default)]
    pub(super) policy: Policy,
    #[serde(default)]
    pub(super) limits: Limits,
    #[serde(default)]
    pub(super) breaker: Breaker,
    #[serde(default)]
    pub(super) quarantine: Quarantine,
    #[serde(default)]
    pub(super) canary: Canary,
    #[serde(default)]
    pub(super) promotion: Promotion,
    #[serde(default)]
    pub(super) costs: Costs,
    #[serde(default)]
    pub(super) spool: Spool,
    #[serde(default)]
    pub(super) proposer: super::proposer::Written,
    #[serde(default, rename = "notify")]
    pub(super) notices: super::notices::Written,
    #[serde(default)]
    pub(super) channels: Channels,
    pub(super) keys: Key<BTreeMap<String, Keys>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Policy {
    pub(super) mode: Key<String>,
    pub(super) hold_seconds: Key<u32>,
    pub(super) on_hold_timeout: Key<String>,
    pub(super) max_stop_blocks: Key<u32>,
    pub(super) rule: Option<Vec<Spanned<PolicyRule>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PolicyRule {
    pub(super) name: Key<String>,
    pub(super) class: Key<String>,
    pub(super) agent: Key<String>,
    pub(super) workflow: Key<String>,
    pub(super) mode: Key<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Breaker {
    pub(super) not_recovered: Key<u32>,
    pub(super) fleet_not_recovered: Key<u32>,
    pub(super) window_seconds: Key<u32>,
    pub(super) cool_down_seconds: Key<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Quarantine {
    pub(super) deliveries: Key<u32>,
    pub(super) window_seconds: Key<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Canary {
    pub(super) treated: Key<f64>,
    pub(super) holdout: Key<f64>,
    pub(super) salt: Key<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Promotion {
    pub(super) cases: Key<u32>,
    pub(super) recovery: Key<f64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Limits {
    pub(super) retries_per_run: Key<u32>,
    pub(super) cost_usd_per_run: Key<f64>,
    pub(super) tokens_per_run: Key<u64>,
    pub(super) replans_per_run: Key<u32>,
    pub(super) substitutions_per_run: Key<u32>,
    pub(super) escalations_per_run: Key<u32>,
    pub(super) latency_seconds_per_run: Key<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Costs {
    pub(super) miss: Key<f64>,
    pub(super) interruption: Key<f64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Spool {
    pub(super) directory: Key<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Channels {
    pub(super) codex_socket: Key<PathBuf>,
    pub(super) opencode: Key<String>,
    pub(super) socket: Key<bool>,
    pub(super) http_port: Key<u16>,
    pub(super) gate_seconds: Key<u32>,
    pub(super) tmux: Key<Vec<String>>,
    pub(super) command: Key<Vec<String>>,
    pub(super) command_agents: Key<Vec<String>>,
    pub(super) command_seconds: Key<u32>,
}

/// One key or several.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Keys {
    One(String),
    Several(Vec<String>),
}

impl Keys {
    pub(super) fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(key) => vec![key],
            Self::Several(keys) => keys,
        }
    }
}

/// A file that was read, with its text: for the lines of its values.
pub(super) struct Read {
    pub(super) path: PathBuf,
    pub(super) text: String,
    pub(super) file: File,
}

impl Read {
    /// The 1-based line on which a byte of the text stands.
    pub(super) fn line(&self, byte: usize) -> usize {
        line_of(&self.text, byte)
    }
}

pub(super) fn line_of(text: &str, byte: usize) -> usize {
    1 + text.bytes().take(byte).filter(|byte| *byte == b'\n').count()
}

/// Reads the file.
pub(super) fn read(path: &Path) -> Result<Read, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|error| ConfigError::Unreadable {
        path: path.to_owned(),
        reason: super::io_reason(&error),
    })?;
    let file = toml::from_str(&text).map_err(|error| {
        let byte = error.span().map_or(0, |span| span.start);
        ConfigError::Wrong {
            what: error.message().lines().collect::<Vec<_>>().join(" "),
            at: format!("{}:{}", path.display(), line_of(&text, byte)),
            mend: mend(error.message()),
        }
    })?;
    Ok(Read { path: path.to_owned(), text, file })
}

fn mend(message: &str) -> String {
    if let Some(rest) = message.strip_prefix("unknown field `")
        && let Some((wrong, expected)) = rest.split_once('`')
    {
        let nearest = expected
            .split('`')
            .filter(|word| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
            .map(|word| (distance(wrong, word), word))
            .min();
        if let Some((_, word)) = nearest.filter(|(d, word)| *d <= 1 + word.len() / 4) {
            return format!("did you mean `{word}`?");
        }
        return "take the line out, or see `medbay config --default` for the keys".to_owned();
    }
    "mend the line, or see `medbay config --default` for an example".to_owned()
}

/// The edit distance of two short words.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(b.chars()) {
            let above = *cell;
            let best = (diagonal + usize::from(x != y)).min(above + 1).min(left + 1);
            diagonal = above;
            left = best;
            *cell = best;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_key_is_recognised() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(mend("unknown field `themee`, expected one of `db`, `theme`"), "did you mean `theme`?");
        assert!(mend("unknown field `zzz`, expected one of `db`, `theme`").starts_with("take"));
    }

    #[test]
    fn lines_count_from_one() {
        assert_eq!(line_of("a\nb\n", 0), 1);
        assert_eq!(line_of("a\nb\n", 2), 2);
    }
}
