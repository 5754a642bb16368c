//! The end of a turn as a hook sees it: what the log holds, joined with what the hook knows before
//! the log does.
//!
//! Logs lag behind hooks: Claude Code 2.1 wrote the last message up to 58 ms, and a call's result up to
//! 143 ms, after the hook had been called. A log that is complete is judged as it is; one that lags is
//! waited for, briefly, because what is missing may be more than the hook was told; then the hook's own
//! words are joined.

use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::assess::{Assessor, Judge};
use super::read;
use crate::format::Format;
use crate::text::excerpt;
use crate::trace::step::LABEL_BYTES;
use crate::trace::{AgentId, Closing, Event, EventKind, Lifecycle};

/// How long a lagging log is waited for.
const PATIENCE: Duration = Duration::from_millis(150);
/// Between two looks at the log's size.
const LOOK: Duration = Duration::from_millis(5);

/// Judges the run of `log` at the end of a turn in which `agent` said `last_message` last, or what the log
/// says where the agent does not tell. `None`: there is no such log yet, or no format claims it.
///
/// # Errors
/// The log cannot be read.
pub fn judged(
    log: &Path,
    format: Option<&'static dyn Format>,
    agent: &str,
    last_message: Option<&str>,
    judge: &Judge,
) -> io::Result<Option<Assessor>> {
    let began = Instant::now();
    loop {
        let size = log.metadata().map_or(0, |there| there.len());
        let mut assessor = match read::run_of(log, format) {
            Some(run) => Some(read::whole(&run, judge)?.assessor),
            None => None,
        };
        let lags = assessor.as_ref().is_none_or(|a| last_message.is_some_and(|said| !holds(a, said)));
        if lags && grows(log, size, began) {
            continue;
        }
        if let (Some(assessor), Some(said), true) = (&mut assessor, last_message, lags) {
            assessor.join(
                agent,
                Event {
                    agent: None,
                    time: None,
                    kind: EventKind::Message { text: said.into(), closing: Closing::Yes },
                },
            );
        }
        if let Some(assessor) = &mut assessor {
            if last_message.is_none() {
                // The log holds what was said last, and may have no word for the end of a turn.
                let kind = EventKind::Lifecycle { what: Lifecycle::TurnEnd, text: "".into() };
                assessor.join(agent, Event { agent: None, time: None, kind });
            }
            assessor.conclude(false);
        }
        return Ok(assessor);
    }
}

/// Whether the main agent's latest step is this message.
fn holds(assessor: &Assessor, said: &str) -> bool {
    let mine = assessor.run().steps.iter().rev().find(|step| step.agent == AgentId(0));
    mine.is_some_and(|step| step.is_message() && *step.label == *excerpt(said, LABEL_BYTES))
}

/// Waits until the log is larger than it was; `false` when patience is at its end.
fn grows(log: &Path, size: u64, began: Instant) -> bool {
    while began.elapsed() < PATIENCE {
        thread::sleep(LOOK);
        if log.metadata().is_ok_and(|there| there.len() != size) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format;
    use std::io::Write as _;

    const START: &str = "{\"type\":\"run\",\"medbay\":1,\"run\":\"r\"}\n{\"type\":\"call\",\"id\":\"c\",\"tool\":\"shell\",\"input\":{\"command\":\"ls\"}}\n";

    #[test]
    fn a_complete_log_is_not_joined_and_a_lagging_one_is() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("r.jsonl");
        let steps = |text: &str| {
            std::fs::write(&log, text).unwrap();
            let native = format::by_name("medbay");
            let assessor =
                judged(&log, native, "main", Some("All done."), &Judge::embedded()).unwrap().unwrap();
            assessor.run().steps.len()
        };
        assert_eq!(steps(START), 2);
        assert_eq!(steps(&format!("{START}{{\"type\":\"message\",\"text\":\"All done.\"}}\n")), 2);
    }

    #[test]
    fn what_comes_while_the_hook_waits_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("r.jsonl");
        std::fs::write(&log, START).unwrap();
        let mut file = std::fs::OpenOptions::new().append(true).open(&log).unwrap();
        let writer = thread::spawn(move || {
            file.write_all(b"{\"type\":\"result\",\"id\":\"c\",\"status\":\"error\",\"text\":\"no\"}\n{\"type\":\"message\",\"text\":\"All done.\"}\n").unwrap();
        });
        let assessor = judged(&log, format::by_name("medbay"), "main", Some("All done."), &Judge::embedded())
            .unwrap()
            .unwrap();
        writer.join().unwrap();
        assert_eq!(assessor.run().steps.len(), 2);
    }

    #[test]
    fn no_log_yet_is_no_error() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("none.jsonl");
        assert!(judged(&log, None, "main", Some("x"), &Judge::embedded()).unwrap().is_none());
    }
}
