//! Looking for a receipt in an agent's log: rarely done, only where an earlier delivery may have
//! ended halfway.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::Path;

use memchr::memmem::Finder;
use serde::Deserialize;

use crate::recover::ProposalId;

/// Longest line that is looked at, in bytes.
const LONGEST_LINE: u64 = 64 << 20;

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(rename = "type", default)]
    kind: &'a str,
    #[serde(borrow, default)]
    payload: Option<Payload<'a>>,
}

#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(rename = "type", default)]
    kind: &'a str,
    #[serde(default)]
    role: Option<&'a str>,
}

/// Whether a log holds the tag in a record that delivers. In Claude Code's that is an attachment (what
/// a hook added) or a `user` record (a tool's result, a hook's feedback); in Codex's a message of the
/// developer's or the user's role, or a call's output. Clients also write their requests into their
/// logs; a tag in those, or in the agent's own words, proves nothing.
///
/// # Errors
/// The file cannot be read. One that is not there holds nothing.
pub fn holds_receipt(log: &Path, id: &ProposalId) -> io::Result<bool> {
    let file = match File::open(log) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(e) => return Err(e),
    };
    let tag = id.tag();
    let finder = Finder::new(tag.as_bytes());
    let mut lines = BufReader::with_capacity(1 << 20, file);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = (&mut lines).take(LONGEST_LINE).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(false);
        }
        if finder.find(&line).is_some() && delivers(&line) {
            return Ok(true);
        }
    }
}

fn delivers(line: &[u8]) -> bool {
    let Ok(line) = serde_json::from_slice::<Line<'_>>(line) else { return false };
    match (line.kind, line.payload) {
        ("attachment" | "user", _) => true,
        ("response_item", Some(said)) => {
            let given = said.kind == "message" && matches!(said.role, Some("developer" | "user"));
            given || said.kind.ends_with("_output")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::RunId;

    #[test]
    fn only_a_record_that_delivers_is_a_receipt() {
        let id = ProposalId::of(&RunId::new("r"), "main", "c", "x", "m");
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("s.jsonl");
        assert!(!holds_receipt(&log, &id).unwrap());
        let line = |kind: &str| format!("{{\"type\":\"{kind}\",\"x\":\"Operator: y {}\"}}\n", id.tag());
        std::fs::write(&log, line("api-request-blob") + &line("assistant")).unwrap();
        assert!(!holds_receipt(&log, &id).unwrap());
        std::fs::write(&log, line("assistant") + &line("attachment")).unwrap();
        assert!(holds_receipt(&log, &id).unwrap());
        std::fs::write(&log, line("user")).unwrap();
        assert!(holds_receipt(&log, &id).unwrap());
        for (kind, role, delivers) in [
            ("message", "developer", true),
            ("message", "user", true),
            ("message", "assistant", false),
            ("custom_tool_call_output", "", true),
            ("function_call", "", false),
        ] {
            let payload = serde_json::json!({"type": kind, "role": role, "text": id.tag()});
            let line = serde_json::json!({"type": "response_item", "payload": payload});
            std::fs::write(&log, format!("{line}\n")).unwrap();
            assert_eq!(holds_receipt(&log, &id).unwrap(), delivers, "{line}");
        }
    }
}
