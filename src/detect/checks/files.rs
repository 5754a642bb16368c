//! Names of files, and whether a change in one can change what a check says.

/// A path's last part.
pub(crate) fn name_of(path: &str) -> &str {
    let path = path.trim_end_matches(['/', '\\']);
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// Whether a check could come out otherwise because of a change in this file: not for texts that
/// people read, logs and notes.
pub(crate) fn matters(path: &str) -> bool {
    let lower = path.trim().to_ascii_lowercase();
    let name = name_of(&lower);
    if name.is_empty() || name.starts_with('$') || lower.starts_with("/tmp/") || lower.starts_with("/dev/") {
        return false;
    }
    let ending = name.rsplit_once('.').map_or("", |(_, e)| e);
    let text = matches!(
        ending,
        "md" | "markdown"
            | "rst"
            | "txt"
            | "adoc"
            | "log"
            | "out"
            | "csv"
            | "png"
            | "svg"
            | "pdf"
            | "jpg"
            | "html"
            | "patch"
            | "diff"
            | "tmp"
            | "bak"
            | "pid"
    );
    let named = [
        "readme",
        "changelog",
        "license",
        "authors",
        "contributing",
        "notes",
        "todo",
        ".gitignore",
        "codeowners",
        "commit_editmsg",
        "claude.md",
        "agents.md",
    ]
    .iter()
    .any(|n| name.starts_with(n));
    let dir = lower
        .split(['/', '\\'])
        .any(|part| matches!(part, "docs" | "doc" | ".github" | ".claude" | "node_modules" | "target"));
    !(text && !name.starts_with("requirements") && name != "cmakelists.txt" || named || dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_for_people_do_not_matter_to_a_check() {
        for path in ["README.md", "docs/guide.py", "CHANGELOG", "a/b/notes.txt", "/tmp/x.py", "out.log"] {
            assert!(!matters(path), "{path}");
        }
        for path in
            ["src/a.rs", "requirements.txt", "Cargo.toml", "CMakeLists.txt", "Makefile", "tests/test_a.py"]
        {
            assert!(matters(path), "{path}");
        }
    }
}
