//! What the paths on the command line mean, for the subcommands that follow logs.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use crate::engine::{Options, Sources};
use crate::source::discover::Looked;
use crate::source::opencode::Mirror;
use crate::source::{Discoverer, Roots, SourceError};

use super::Common;

/// Where opencode's sessions are copied to, in medbay's state directory.
const OPENCODE: &str = "opencode";
/// Sessions that were last changed longer ago are not copied.
const OPENCODE_AGE: Duration = Duration::from_secs(7 * 24 * 3600);

impl Common {
    /// The sources that these paths name; `-` is standard input. Without any: those of the
    /// configuration, else the directories of the agents, which need not be there.
    ///
    /// # Errors
    /// A path that is not there, may not be read, or is no log.
    pub fn sources(&self, paths: &[PathBuf]) -> Result<Sources, SourceError> {
        let paths = if paths.is_empty() { self.config.paths.as_slice() } else { paths };
        if paths.is_empty() {
            let environment = &self.environment;
            let mut roots = Roots::of_agents(
                &environment.claude_directory(),
                &environment.codex_directory(),
                &environment.gemini_directory(),
            );
            roots.of_agents.push(self.state_directory.join(OPENCODE));
            return Ok(Sources { roots, stdin: None });
        }
        let (stdin, files): (Vec<&PathBuf>, Vec<&PathBuf>) =
            paths.iter().partition(|path| path.as_os_str() == "-");
        let mut discoverer = Discoverer::new(self.format);
        for path in &files {
            check(path, &mut discoverer)?;
        }
        Ok(Sources {
            roots: Roots::named(files.into_iter().cloned()),
            stdin: (!stdin.is_empty()).then(|| self.state_directory.clone()),
        })
    }

    /// Copies opencode's sessions to where they are followed, for as long as the result lives; only where
    /// the sources are the agents' own.
    pub(super) fn mirror(&self, sources: &Sources) -> Option<Mirror> {
        let into = self.state_directory.join(OPENCODE);
        if !sources.roots.of_agents.contains(&into) {
            return None;
        }
        let since = Timestamp::now().checked_sub(OPENCODE_AGE).unwrap_or(Timestamp::MIN);
        match Mirror::start(self.environment.opencode_store(), into, since) {
            Ok(mirror) => Some(mirror),
            Err(error) => {
                tracing::warn!("opencode's sessions cannot be copied: {error}");
                None
            }
        }
    }

    /// How the engine is to work, as the configuration has it.
    ///
    /// # Errors
    /// A model file that does not fit.
    pub fn engine_options(&self) -> anyhow::Result<Options> {
        Ok(Options { format: self.format, ..Options::new(self.judge()?) })
    }
}

/// Whether a path can be followed. An empty file can: it may grow.
fn check(path: &Path, discoverer: &mut Discoverer) -> Result<(), SourceError> {
    let there = fs::metadata(path).map_err(|error| SourceError::of(path, error))?;
    if there.is_dir() {
        return fs::read_dir(path).map(drop).map_err(|error| SourceError::of(path, error));
    }
    match discoverer.look(path)? {
        Looked::Log(_) | Looked::TooEarly => Ok(()),
        Looked::NoLog => Err(SourceError::NoLog { path: path.to_owned() }),
    }
}
