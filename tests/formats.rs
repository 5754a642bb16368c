//! Every adapter over the files that it claims.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::path::{Path, PathBuf};

use medbay::format;
use medbay::trace::EventKind;

fn corpus() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    if path.is_dir() {
        return Some(path);
    }
    println!("skipped: {} is not there", path.display());
    None
}

fn files(under: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![under.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "jsonl") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn dump() {
    let Some(corpus) = corpus() else { return };
    let dump = std::env::var("DUMP").unwrap_or_default();
    for path in files(&corpus) {
        let bytes = std::fs::read(&path).unwrap();
        let lines: Vec<&[u8]> = bytes.split(|b| *b == b'\n').filter(|l| !l.is_empty()).collect();
        let mut size = 0;
        let head: Vec<&[u8]> = lines
            .iter()
            .copied()
            .take_while(|l| {
                size += l.len();
                size < 65536
            })
            .collect();
        let name = path.strip_prefix(&corpus).unwrap().display().to_string();
        let claims: Vec<_> = format::ALL
            .iter()
            .map(|f| (f.name(), f.sniff(&head)))
            .filter(|(_, s)| *s != format::Sniff::No)
            .collect();
        let Some(format) = format::sniff(&head) else {
            println!("{name}: nobody");
            continue;
        };
        let beside = std::fs::read(path.with_extension("meta.json")).ok();
        let identity = format.identify(&path.to_string_lossy(), &head, beside.as_deref());
        let mut reader = format.reader(&identity);
        let mut events = 0;
        let mut unknown = Vec::new();
        for (at, line) in lines.iter().enumerate() {
            reader.read(line, &mut |event| {
                events += 1;
                if let EventKind::Unknown { kind } = &event.kind {
                    unknown.push(kind.to_string());
                }
                if !dump.is_empty() && name.contains(&dump) {
                    let mut text = format!("{:?}", event.kind);
                    let mut end = text.len().min(230);
                    while !text.is_char_boundary(end) {
                        end -= 1;
                    }
                    text.truncate(end);
                    println!("  {at} [{}] {text}", event.agent.as_deref().unwrap_or("-"));
                }
            });
        }
        println!(
            "{name}: {claims:?} {} {:?} {:?} records {} events {events} unknown {} {unknown:?}",
            identity.run,
            identity.agent,
            identity.parent_call,
            lines.len(),
            unknown.len()
        );
    }
}
