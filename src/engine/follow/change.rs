//! What the follower does when something changes, and when it looks by itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use super::{DENSE_PAUSE, Follower, PAUSE, Signal, WALK, is_ours};
use crate::engine::board::Update;
use crate::source::discover::{Candidate, Looked, is_log_name};
use crate::source::watch::POLL;
use crate::source::{Change, Roots, SourceError};

impl Follower {
    pub(super) fn handle(&mut self, signal: Signal) {
        match signal {
            Signal::Change(Change::Path(path)) => self.changed(&path),
            Signal::Change(Change::Everything) => self.walk(),
            Signal::Open(run) => {
                if let Some(index) = self.by_run.get(&run).copied() {
                    self.opened += 1;
                    let order = self.opened;
                    self.pool.change(|state| state.open(index, order));
                }
            }
            Signal::Worked | Signal::Stop => {}
        }
    }

    pub(super) fn changed(&mut self, path: &Path) {
        if let Some(index) = self.by_path.get(path).copied() {
            self.touch_or_lose(index, path);
            self.close_stdin();
            return;
        }
        if !is_ours(path, &self.roots.named, &self.deep) {
            return;
        }
        if path.to_string_lossy().ends_with(".meta.json") {
            return self.identify_again(&path.with_extension("").with_extension("jsonl"));
        }
        let named = self.roots.named.iter().any(|root| root == path);
        match fs::metadata(path) {
            Ok(there) if there.is_dir() => self.walk_below(path),
            Ok(there) => {
                if named || is_log_name(path) {
                    let candidate = Candidate {
                        path: path.to_owned(),
                        size: there.len(),
                        modified: there.modified().unwrap_or(SystemTime::UNIX_EPOCH),
                        named,
                    };
                    self.read_these(&[candidate]);
                }
            }
            Err(_) => {
                // A directory has gone, and what was in it.
                let below: Vec<(PathBuf, usize)> = self
                    .by_path
                    .range(path.to_owned()..)
                    .take_while(|(known, _)| known.starts_with(path))
                    .map(|(known, index)| (known.clone(), *index))
                    .collect();
                for (known, index) in below {
                    self.touch_or_lose(index, &known);
                }
            }
        }
    }

    /// What stands beside a log has come or changed: it may say better whose log it is.
    pub(super) fn identify_again(&mut self, log: &Path) {
        let Some(index) = self.by_path.get(log).copied() else { return };
        self.discoverer.forget(log);
        if let Ok(Looked::Log(source)) = self.discoverer.look(log) {
            self.pool.change(|state| {
                if state.identify(index, *source) {
                    state.queue(index);
                }
            });
        }
    }

    /// A file of a run has changed. When it is gone and nothing of it was read, that is all there is to
    /// say.
    pub(super) fn touch_or_lose(&mut self, index: usize, path: &Path) {
        let listed = {
            let state = self.pool.state();
            let slot = state.slots.get(index).filter(|slot| !slot.assessed);
            slot.map(|slot| slot.found.id.clone())
        };
        match listed {
            Some(run) if !path.exists() => {
                let reason = "the file is gone".to_owned();
                self.pool.send(Update::Gone { run, reason });
            }
            _ => self.touch(index),
        }
    }

    /// A run has changed: now, or if it was just looked at, a little later.
    pub(super) fn touch(&self, index: usize) {
        let now = Instant::now();
        self.pool.change(|state| match state.touched(index, PAUSE, DENSE_PAUSE) {
            Some(next) if next > now => state.look_later(index, next),
            _ => state.queue(index),
        });
    }

    /// Standard input has ended: its last line is what it is. Once.
    pub(super) fn close_stdin(&mut self) {
        let Some(stdin) = self.stdin.as_ref().filter(|stdin| stdin.ended()) else {
            return;
        };
        let path = stdin.path().to_owned();
        if self.stdin_closed {
            return;
        }
        self.stdin_closed = true;
        if !self.by_path.contains_key(&path) {
            match self.discoverer.look(&path) {
                Ok(Looked::Log(source)) => {
                    self.place(*source);
                }
                Ok(Looked::TooEarly) => self.tell(&SourceError::Empty { path: path.clone() }),
                Ok(Looked::NoLog) => self.tell(&SourceError::NoLog { path: path.clone() }),
                Err(error) => self.tell(&error),
            }
        }
        if let Some(index) = self.by_path.get(&path).copied() {
            self.pool.change(|state| state.close(index));
        }
    }

    /// A directory has appeared, with files that were there before it was watched.
    pub(super) fn walk_below(&mut self, path: &Path) {
        if let Some(watch) = &mut self.watch {
            watch.directory(path, true);
        }
        let roots = Roots::named([path.to_owned()]);
        let (mut candidates, hidden) = self.discoverer.candidates(&roots);
        for error in hidden {
            self.tell(&error);
        }
        candidates.retain(|candidate| !self.by_path.contains_key(&candidate.path));
        self.read_these(&candidates);
    }

    /// Looks at everything: what is new is read, what has changed is read on.
    pub(super) fn walk(&mut self) {
        let began = Instant::now();
        for index in 0..self.roots.of_agents.len() + self.roots.named.len() {
            let Some(root) = self.roots.all().nth(index).map(Path::to_owned) else {
                break;
            };
            if root.is_dir()
                && let Some(watch) = &mut self.watch
            {
                watch.directory(&root, true);
            }
        }
        let (mut candidates, _) = self.discoverer.candidates(&self.roots);
        candidates.retain(|candidate| {
            let is_new = !self.by_path.contains_key(&candidate.path);
            is_new && self.seen.get(&candidate.path) != Some(&(candidate.modified, candidate.size))
        });
        // A candidate that was no log is not looked at again before it has changed.
        for candidate in &candidates {
            self.seen.insert(candidate.path.clone(), (candidate.modified, candidate.size));
        }
        self.read_these(&candidates);
        self.look_at_known();
        self.last_walk = Instant::now();
        self.walk_took = began.elapsed();
    }

    /// Looks at the size and time of each file that is known.
    pub(super) fn look_at_known(&mut self) {
        let mut changed = Vec::new();
        for (path, index) in &self.by_path {
            let now = fs::metadata(path)
                .map(|there| (there.modified().unwrap_or(SystemTime::UNIX_EPOCH), there.len()))
                .unwrap_or((SystemTime::UNIX_EPOCH, 0));
            if self.seen.get(path) != Some(&now) {
                self.seen.insert(path.clone(), now);
                changed.push(*index);
            }
        }
        for index in changed {
            self.touch(index);
        }
    }

    /// The slow look, and the fast one at places of which the system does not tell.
    pub(super) fn poll(&mut self) {
        let Some(watch) = &self.watch else {
            return;
        };
        let fast = watch.polled().next().is_some();
        let patience = watch.patience();
        if self.last_poll.elapsed() < patience {
            return;
        }
        self.last_poll = Instant::now();
        let missing_root_came = self
            .roots
            .all()
            .any(|root| root.is_dir() && self.watch.as_ref().is_some_and(|watch| !watch.knows(root)));
        // A walk may take no more than a twentieth of the time.
        let every = if fast { POLL.max(self.walk_took * 20) } else { WALK };
        if missing_root_came || self.last_walk.elapsed() >= every {
            self.walk();
        } else {
            self.look_at_known();
        }
    }
}
