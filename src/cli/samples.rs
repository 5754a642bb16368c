//! The bundled sample runs: unpacked beside the ledger when no agent's log is found.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

macro_rules! sample {
    ($name:literal) => {
        ($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sample-runs/", $name)))
    };
}

/// Path below the folder, and content.
const FILES: &[(&str, &str)] = &[
    sample!("chat/bike-booking.jsonl"),
    sample!("chat/support-refund.jsonl"),
    sample!("claude-code/-home-dev-fieldnotes/e2b5a0d9-7f31-46c8-9a0e-37c4d1f2860b.jsonl"),
    sample!(
        "claude-code/-home-dev-fieldnotes/e2b5a0d9-7f31-46c8-9a0e-37c4d1f2860b/subagents/agent-a0b7e3f5912c8d64e.jsonl"
    ),
    sample!(
        "claude-code/-home-dev-fieldnotes/e2b5a0d9-7f31-46c8-9a0e-37c4d1f2860b/subagents/agent-a0b7e3f5912c8d64e.meta.json"
    ),
    sample!(
        "claude-code/-home-dev-fieldnotes/e2b5a0d9-7f31-46c8-9a0e-37c4d1f2860b/subagents/agent-a9c41d80e6b2f7735.jsonl"
    ),
    sample!(
        "claude-code/-home-dev-fieldnotes/e2b5a0d9-7f31-46c8-9a0e-37c4d1f2860b/subagents/agent-a9c41d80e6b2f7735.meta.json"
    ),
    sample!("claude-code/-home-dev-harbor-db/c07d2b6e-93f4-4e0a-8c15-d8b14f6a7e31.jsonl"),
    sample!("claude-code/-home-dev-helpdesk-bot/0d8f3a61-e47c-4b95-b2d0-5c19e7a3f684.jsonl"),
    sample!("claude-code/-home-dev-ledgerly/3f6c1d52-8a07-4b1e-9d44-6f0a2c7be915.jsonl"),
    sample!("claude-code/-home-dev-orbit-checkout/58be7f10-2c9d-4a63-a7e4-90d1c53f8b46.jsonl"),
    sample!(
        "claude-code/-home-dev-orbit-checkout/58be7f10-2c9d-4a63-a7e4-90d1c53f8b46/subagents/agent-a3d90e1c7745f2b08.jsonl"
    ),
    sample!(
        "claude-code/-home-dev-orbit-checkout/58be7f10-2c9d-4a63-a7e4-90d1c53f8b46/subagents/agent-a3d90e1c7745f2b08.meta.json"
    ),
    sample!(
        "claude-code/-home-dev-orbit-checkout/58be7f10-2c9d-4a63-a7e4-90d1c53f8b46/subagents/agent-a5c2740bb98de1637.jsonl"
    ),
    sample!(
        "claude-code/-home-dev-orbit-checkout/58be7f10-2c9d-4a63-a7e4-90d1c53f8b46/subagents/agent-a5c2740bb98de1637.meta.json"
    ),
    sample!(
        "claude-code/-home-dev-orbit-checkout/58be7f10-2c9d-4a63-a7e4-90d1c53f8b46/subagents/agent-a81f6b2ed0937c54a.jsonl"
    ),
    sample!(
        "claude-code/-home-dev-orbit-checkout/58be7f10-2c9d-4a63-a7e4-90d1c53f8b46/subagents/agent-a81f6b2ed0937c54a.meta.json"
    ),
    sample!("claude-code/-home-dev-quarry/71d4c8e3-0b6f-4f29-8e5d-a2936b0c14f7.jsonl"),
    sample!("claude-code/-home-dev-tollgate/a94e0c7b-51d3-4c88-b0f2-1e7d93a65c20.jsonl"),
    sample!("codex/rollout-2026-11-18T07-55-20-01a1eda7-3240-7803-bd7c-9ec7081ab44d.jsonl"),
    sample!("codex/rollout-2026-11-20T14-20-11-01a1f954-4178-7b47-9a9e-7f65abc703cc.jsonl"),
    sample!("native/cert-check.jsonl"),
    sample!("native/real-slots.jsonl"),
];

/// Writes the sample runs below `folder`, those that are not there or differ, and gives their place.
pub(super) fn unpack(folder: &Path) -> io::Result<PathBuf> {
    let root = folder.join("sample-runs");
    for (name, content) in FILES {
        let path = root.join(name);
        if fs::read(&path).is_ok_and(|there| there == content.as_bytes()) {
            continue;
        }
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&path, content)?;
    }
    Ok(root)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn logs_below(folder: &Path, all: &mut BTreeSet<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()) {
            if entry.is_dir() {
                logs_below(&entry, all);
            } else if entry.extension().is_some_and(|e| e == "jsonl" || e == "json")
                && !entry.ends_with("labels.jsonl")
            {
                all.insert(entry);
            }
        }
    }

    #[test]
    fn every_sample_run_is_bundled() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-runs");
        let mut there = BTreeSet::new();
        logs_below(&root, &mut there);
        let bundled: BTreeSet<PathBuf> = FILES.iter().map(|(name, _)| root.join(name)).collect();
        assert_eq!(bundled, there);
        let folder = tempfile::tempdir().unwrap();
        let unpacked = unpack(folder.path()).unwrap();
        let mut made = BTreeSet::new();
        logs_below(&unpacked, &mut made);
        assert_eq!(made.len(), FILES.len());
    }
}
