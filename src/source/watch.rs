//! Tells that something changed below the watched directories. Directories are watched, not files:
//! a thousand files in ten directories cost ten watches, and a file that appears is noticed.
//!
//! Where the system cannot tell (too many watches, a network file system), the place is listed as
//! polled, and whoever owns the watch looks there every [`POLL`]; everything else is looked at every
//! [`SLOW_POLL`], because no notification is to be trusted for ever.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::event::{EventKind, ModifyKind};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher as _};

/// How often a place is looked at of which the system does not tell.
pub const POLL: Duration = Duration::from_millis(250);

/// How often everything else is looked at.
pub const SLOW_POLL: Duration = Duration::from_secs(5);

/// Something changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// At this path: a file grew, came, went or was replaced, or a directory came.
    Path(PathBuf),
    /// Something was missed: look at everything.
    Everything,
}

/// Watches directories.
pub struct Watch {
    system: Option<RecommendedWatcher>,
    /// What is watched by the system, and whether with all that is below it.
    watched: BTreeMap<PathBuf, bool>,
    /// What has to be polled, and why.
    polled: BTreeMap<PathBuf, String>,
    reason: String,
}

impl Watch {
    /// A watch over nothing. `tell` is called on a thread of its own, for each change at a path that
    /// is `wanted`; it may not block. In a directory that is busy with other things nobody is woken.
    pub fn start(
        wanted: impl Fn(&Path) -> bool + Send + 'static,
        tell: impl Fn(Change) + Send + 'static,
    ) -> Self {
        let system = notify::recommended_watcher(move |event: notify::Result<Event>| match event {
            Ok(event) if event.need_rescan() => tell(Change::Everything),
            Ok(event) if matters(&event.kind) => {
                for path in event.paths.into_iter().filter(|path| wanted(path)) {
                    tell(Change::Path(path));
                }
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!("the system's watch failed: {error}");
                tell(Change::Everything);
            }
        });
        let (system, reason) = match system {
            Ok(system) => (Some(system), String::new()),
            Err(error) => (None, error.to_string()),
        };
        Self { system, watched: BTreeMap::new(), polled: BTreeMap::new(), reason }
    }

    /// A watch that has to poll everything: for systems without notifications, and for tests.
    pub fn polling() -> Self {
        Self {
            system: None,
            watched: BTreeMap::new(),
            polled: BTreeMap::new(),
            reason: "polling was asked for".to_owned(),
        }
    }

    /// Watches a directory, with all that is below it if `deep`. Whether the system tells of it;
    /// else it is to be polled. Watching twice costs nothing.
    pub fn directory(&mut self, path: &Path, deep: bool) -> bool {
        if self.watched.get(path).is_some_and(|watched_deep| *watched_deep || !deep) {
            return true;
        }
        let mode = if deep { RecursiveMode::Recursive } else { RecursiveMode::NonRecursive };
        let refused = match &mut self.system {
            None => Some(self.reason.clone()),
            Some(system) => system.watch(path, mode).err().map(|error| error.to_string()),
        };
        match refused {
            None => {
                self.polled.remove(path);
                self.watched.insert(path.to_owned(), deep);
                true
            }
            Some(reason) => {
                if self.polled.insert(path.to_owned(), reason.clone()).is_none() {
                    tracing::info!("{} is polled: {reason}", path.display());
                }
                false
            }
        }
    }

    /// Whether a directory is watched or polled.
    pub fn knows(&self, path: &Path) -> bool {
        self.watched.contains_key(path) || self.polled.contains_key(path)
    }

    /// A directory has gone: watch it anew when it is named again.
    pub fn forget(&mut self, path: &Path) {
        if self.watched.remove(path).is_some()
            && let Some(system) = &mut self.system
        {
            // It is gone already where the directory was removed.
            let _ = system.unwatch(path);
        }
        self.polled.remove(path);
    }

    /// What has to be polled, and why.
    pub fn polled(&self) -> impl Iterator<Item = (&Path, &str)> {
        self.polled.iter().map(|(path, reason)| (path.as_path(), reason.as_str()))
    }

    /// How long may be waited before a look is due.
    pub fn patience(&self) -> Duration {
        if self.polled.is_empty() { SLOW_POLL } else { POLL }
    }
}

/// Whether an event can mean that there is more to read. Somebody opening a file (we do) does not.
fn matters(kind: &EventKind) -> bool {
    match kind {
        EventKind::Access(_) | EventKind::Other => false,
        EventKind::Modify(ModifyKind::Metadata(_)) => false,
        EventKind::Any | EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_) => true,
    }
}
