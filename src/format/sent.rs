//! What medbay itself put before an agent as a bare prompt: only what it sends has its mark.

/// Whether a prompt is a text that was sent.
pub(super) fn was_sent(text: &str) -> bool {
    const MARK: &str = "[medbay ";
    text.starts_with("Operator:") && text.lines().last().is_some_and(|line| line.contains(MARK))
}
