//! The walls of the house: which room may name which, and who may touch the world. Read from the `use`
//! lines and paths of the source, so that a breach fails here and not in a review.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each room with the rooms that it may name, its own left out.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("text", &[]),
    ("trace", &["text"]),
    ("format", &["text", "trace"]),
    ("detect", &["text", "trace"]),
    ("score", &["text", "trace", "format", "detect"]),
    ("source", &["text", "trace", "format"]),
    ("recover", &["text", "trace", "detect", "score"]),
    ("ledger", &["text", "trace", "detect", "recover"]),
    ("deliver", &["text", "trace", "detect", "format", "recover", "ledger"]),
    ("engine", &["text", "trace", "format", "detect", "score", "source", "recover", "ledger", "deliver"]),
    ("lab", &["text", "trace", "format", "detect", "score", "source", "engine"]),
    ("config", &["text", "score", "recover"]),
    ("console", &["text", "trace", "detect", "score", "recover", "ledger", "engine"]),
    ("screen", &["text", "trace", "detect", "score", "recover", "ledger", "engine", "console"]),
    ("terminal", &["text", "trace", "engine", "console", "screen"]),
];

/// Names that only some rooms may use, in code that ships.
const ONLY: &[(&str, &[&str])] = &[
    ("ratatui", &["screen", "terminal"]),
    ("tui_textarea", &["screen", "terminal"]),
    ("crossterm", &["screen", "terminal"]),
    ("rusqlite", &["ledger", "source"]),
    ("notify", &["source"]),
    ("ureq", &["deliver", "engine"]),
    ("std::fs", &["source", "deliver", "ledger", "engine", "lab", "config", "terminal", "cli"]),
    ("std::env", &["config", "terminal", "cli"]),
    ("std::process", &["deliver", "source", "terminal", "config", "cli", "main"]),
    ("std::thread", &["source", "deliver", "ledger", "engine", "terminal", "cli"]),
    ("tokio", &["deliver", "engine", "terminal", "cli"]),
    ("hyper", &["deliver"]),
    ("Instant::now", &["source", "deliver", "ledger", "engine", "terminal", "cli"]),
    ("Timestamp::now", &["deliver", "engine", "terminal", "cli"]),
    ("SystemTime::now", &["source", "engine", "cli"]),
];

fn source_files(folder: &Path, all: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()) {
        if entry.is_dir() {
            source_files(&entry, all);
        } else if entry.extension().is_some_and(|e| e == "rs") {
            all.push(entry);
        }
    }
}

/// The code that ships, room by room: without comments, and without what stands behind `#[cfg(test)]`.
fn rooms() -> BTreeMap<String, Vec<(PathBuf, String)>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    source_files(&root, &mut files);
    let mut rooms: BTreeMap<String, Vec<(PathBuf, String)>> = BTreeMap::new();
    for file in files {
        let place = file.strip_prefix(&root).unwrap();
        let room = place.iter().next().unwrap().to_string_lossy().trim_end_matches(".rs").to_owned();
        let text = fs::read_to_string(&file).unwrap();
        let shipped = text.split("#[cfg(test)]\nmod ").next().unwrap();
        let code: String = shipped
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .map(|line| format!("{line}\n"))
            .collect();
        rooms.entry(room).or_default().push((place.to_owned(), code));
    }
    rooms
}

/// The rooms that a text names by `crate::ROOM`.
fn named(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for part in code.split("crate::").skip(1) {
        if let Some(list) = part.strip_prefix('{') {
            let list = &list[..list.find('}').unwrap_or(list.len())];
            found.extend(list.split(',').map(|item| first_word(item.trim())));
        } else {
            found.insert(first_word(part));
        }
    }
    found
}

fn first_word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

#[test]
fn a_room_names_only_rooms_below_it() {
    let mut breaches = Vec::new();
    for (room, files) in rooms() {
        let Some((_, allowed)) = MAY_NAME.iter().find(|(name, _)| *name == room) else {
            assert!(
                matches!(room.as_str(), "lib" | "main" | "cli"),
                "the room {room} has no walls: add it here"
            );
            continue;
        };
        let known: BTreeSet<&str> = MAY_NAME.iter().map(|(name, _)| *name).chain(["cli"]).collect();
        for (file, code) in files {
            for other in named(&code) {
                if known.contains(other.as_str()) && other != room && !allowed.contains(&other.as_str()) {
                    breaches.push(format!("{} names {other}", file.display()));
                }
            }
        }
    }
    assert!(breaches.is_empty(), "breaches:\n{}", breaches.join("\n"));
}

#[test]
fn only_some_rooms_touch_the_world() {
    let mut breaches = Vec::new();
    for (room, files) in rooms() {
        for (file, code) in &files {
            for (name, allowed) in ONLY {
                let found = code.match_indices(name).any(|(at, _)| {
                    let before = code[..at].chars().next_back();
                    let after = code[at + name.len()..].chars().next();
                    let inside = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
                    !inside(before) && !inside(after) && (name.contains("::") || after == Some(':'))
                });
                if found && !allowed.contains(&room.as_str()) {
                    breaches.push(format!("{} uses {name}", file.display()));
                }
            }
        }
    }
    assert!(breaches.is_empty(), "breaches:\n{}", breaches.join("\n"));
}

#[test]
fn a_breach_would_be_seen() {
    assert!(named("use crate::ledger::Ledger;").contains("ledger"));
    assert!(named("use crate::{text, cli::Common};").contains("cli"));
    let rooms = rooms();
    assert!(rooms["ledger"].iter().any(|(_, code)| code.contains("rusqlite")));
    assert!(MAY_NAME.iter().all(|(name, _)| rooms.contains_key(*name)), "a room of the list is not there");
}
