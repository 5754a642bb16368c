//! `medbay connect` over settings of its own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn medbay(home: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_medbay"))
        .args(arguments)
        .env_clear()
        .env("HOME", home)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn settings(home: &Path) -> PathBuf {
    home.join(".claude/settings.json")
}

fn backups(home: &Path) -> Vec<PathBuf> {
    fs::read_dir(home.join(".claude"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "bak"))
        .collect()
}

const OWN: &str =
    "{\n    \"model\": \"x\",\n    \"permissions\": {\"allow\": [ \"Bash\" ]},\n    \"n\": 1.0\n}\n";

#[test]
fn it_adds_the_hook_shows_the_change_and_keeps_the_file_as_it_was() {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join(".claude")).unwrap();
    fs::write(settings(home.path()), OWN).unwrap();
    fs::set_permissions(settings(home.path()), fs::Permissions::from_mode(0o640)).unwrap();

    let output = medbay(home.path(), &["connect", "claude-code"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let diff = String::from_utf8(output.stdout).unwrap();
    assert!(diff.contains("+    \"hooks\": {"), "{diff}");
    assert!(diff.lines().filter(|l| l.starts_with('-') && !l.starts_with("---")).count() <= 1, "{diff}");

    let text = fs::read_to_string(settings(home.path())).unwrap();
    assert!(text.starts_with(OWN.trim_end().trim_end_matches('}').trim_end()), "the rest stays: {text}");
    let all: Value = serde_json::from_str(&text).unwrap();
    for event in ["PreToolUse", "PostToolUse", "PostToolUseFailure", "UserPromptSubmit", "Stop"] {
        let hook = &all["hooks"][event][0]["hooks"][0];
        let command = hook["command"].as_str().unwrap();
        assert_eq!(command, format!("{} hook claude-code", env!("CARGO_BIN_EXE_medbay")));
        assert_eq!(hook["timeout"], 60);
    }
    let about = fs::metadata(settings(home.path())).unwrap();
    assert_eq!(about.permissions().mode() & 0o777, 0o640);
    let kept = backups(home.path());
    assert_eq!(kept.len(), 1);
    assert_eq!(fs::read_to_string(&kept[0]).unwrap(), OWN);

    let again = medbay(home.path(), &["connect", "claude-code"]);
    assert_eq!(again.status.code(), Some(0));
    assert!(again.stdout.is_empty());
    assert!(String::from_utf8(again.stderr).unwrap().contains("already"));
    assert_eq!(backups(home.path()).len(), 1);

    let undone = medbay(home.path(), &["connect", "claude-code", "--undo", "--yes"]);
    assert_eq!(undone.status.code(), Some(0), "{undone:?}");
    assert_eq!(fs::read_to_string(settings(home.path())).unwrap(), OWN);
    let left: Vec<_> = fs::read_dir(home.path().join(".claude")).unwrap().collect();
    assert_eq!(left.len(), 3, "the file and two backups");
}

#[test]
fn it_makes_the_file_where_there_is_none_and_follows_a_link() {
    let home = tempfile::tempdir().unwrap();
    assert_eq!(medbay(home.path(), &["connect", "claude-code", "--undo"]).status.code(), Some(0));
    assert!(!settings(home.path()).exists());
    assert_eq!(medbay(home.path(), &["connect", "claude-code"]).status.code(), Some(0));
    serde_json::from_str::<Value>(&fs::read_to_string(settings(home.path())).unwrap()).unwrap();
    assert_eq!(backups(home.path()), Vec::<PathBuf>::new());

    let own = home.path().join("dotfiles.json");
    let link = home.path().join("link.json");
    fs::write(&own, "{}\n").unwrap();
    std::os::unix::fs::symlink(&own, &link).unwrap();
    let named = ["connect", "claude-code", "--settings", link.to_str().unwrap()];
    assert_eq!(medbay(home.path(), &named).status.code(), Some(0));
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(fs::read_to_string(&own).unwrap().contains("hook claude-code"));
}

#[test]
fn the_directory_that_the_environment_names_is_used() {
    let home = tempfile::tempdir().unwrap();
    let status = Command::new(env!("CARGO_BIN_EXE_medbay"))
        .args(["connect", "claude-code"])
        .env_clear()
        .env("HOME", home.path())
        .env("CLAUDE_CONFIG_DIR", home.path().join("elsewhere"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(0));
    assert!(home.path().join("elsewhere/settings.json").exists());
    assert!(!settings(home.path()).exists());
}

#[test]
fn a_file_that_it_does_not_understand_is_left_alone() {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join(".claude")).unwrap();
    for text in ["{\n  // mine\n  \"a\": 1\n}", "[1]", "{\"hooks\": 3}", "{\"a\": 1,}", "\u{feff}{}"] {
        fs::write(settings(home.path()), text).unwrap();
        for arguments in [&["connect", "claude-code"][..], &["connect", "claude-code", "--undo"]] {
            let output = medbay(home.path(), arguments);
            assert_eq!(output.status.code(), Some(2), "{text}: {output:?}");
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(said.lines().count(), 1, "{said}");
            assert!(said.contains("settings.json") && said.contains("left as it is"), "{said}");
            assert_eq!(fs::read_to_string(settings(home.path())).unwrap(), text);
        }
    }
    assert_eq!(fs::read_dir(home.path().join(".claude")).unwrap().count(), 1);
}

/// Where each agent has its hooks below the home.
const AGENTS: [(&str, &str); 5] = [
    ("claude-code", ".claude/settings.json"),
    ("codex", ".codex/hooks.json"),
    ("gemini", ".gemini/settings.json"),
    ("openhands", ".openhands/hooks.json"),
    ("crush", ".config/crush/crush.json"),
];

#[test]
fn every_agent_is_connected_with_a_shown_change_and_a_backup_and_disconnected_again() {
    let home = tempfile::tempdir().unwrap();
    for (agent, file) in AGENTS {
        let path = home.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, OWN).unwrap();
        let output = medbay(home.path(), &["connect", agent]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let diff = String::from_utf8(output.stdout).unwrap();
        assert!(diff.contains(&format!("hook {agent}")) && diff.starts_with("---"), "{diff}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(said.contains("trust"), agent == "codex", "{said}");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(&format!("{} hook {agent}", env!("CARGO_BIN_EXE_medbay"))), "{text}");
        serde_json::from_str::<Value>(&text).unwrap();
        let again = medbay(home.path(), &["connect", agent]);
        assert!(String::from_utf8(again.stderr).unwrap().contains("already"));
        let undone = medbay(home.path(), &["connect", agent, "--undo"]);
        assert_eq!(undone.status.code(), Some(0), "{undone:?}");
        assert_eq!(fs::read_to_string(&path).unwrap(), OWN);
        let beside = fs::read_dir(path.parent().unwrap()).unwrap().count();
        assert_eq!(beside, 3, "{agent}: the file and two backups");
    }
}

#[test]
fn no_agents_file_is_touched_when_it_is_not_understood() {
    let home = tempfile::tempdir().unwrap();
    for (agent, file) in AGENTS {
        let path = home.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        for text in ["{\n  // mine\n}", "[]", "{\"hooks\": 3}", "{\"a\": 1,}"] {
            fs::write(&path, text).unwrap();
            for arguments in [&["connect", agent][..], &["connect", agent, "--undo"]] {
                let output = medbay(home.path(), arguments);
                assert_eq!(output.status.code(), Some(2), "{agent} {text}: {output:?}");
                let said = String::from_utf8(output.stderr).unwrap();
                assert!(said.contains("left as it is") && said.lines().count() == 1, "{said}");
                assert_eq!(fs::read_to_string(&path).unwrap(), text);
            }
        }
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }
}

#[test]
fn other_agents_are_refused_plainly() {
    let home = tempfile::tempdir().unwrap();
    let output = medbay(home.path(), &["connect", "klaus"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("klaus") && said.contains("gemini") && said.lines().count() == 1, "{said}");
}
