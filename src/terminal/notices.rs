//! Notifications: the bell, an escape sequence, a command. All texts have passed the gate, and pass it
//! again here: nothing else than what is meant leaves the program.

use std::io::{self, Write};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::console::notices::{Notice, Sequence, Settings};
use crate::text::excerpt;

/// How long a command may take.
const COMMAND_TIME: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(20);

/// Rings, and writes the sequence.
pub fn write(out: &mut impl Write, notice: &Notice, settings: &Settings) -> io::Result<()> {
    if settings.bell {
        out.write_all(b"\x07")?;
    }
    // A semicolon divides the parts of OSC 777, and begins a command of OSC 9 after a digit.
    let part = |text: &str, bytes| excerpt(text, bytes).replace(';', ",");
    match settings.sequence {
        Sequence::None => {}
        Sequence::Osc9 => {
            write!(out, "\x1b]9;{}: {}\x07", part(&notice.title, 60), part(&notice.text, 200))?;
        }
        Sequence::Osc777 => {
            write!(out, "\x1b]777;notify;{};{}\x07", part(&notice.title, 60), part(&notice.text, 200))?;
        }
    }
    out.flush()
}

/// Starts a command with the notice as a line of JSON on its standard input, never by a shell; `done`
/// is told, once, how it ended where it did not end well. It is ended where it takes too long.
pub fn command(argv: &[String], notice: &Notice, done: impl FnOnce(String) + Send + 'static) {
    let Some((program, arguments)) = argv.split_first() else { return };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let (name, line) = (excerpt(program, 80), format!("{}\n", notice.to_json()));
    let started = thread::Builder::new().name("medbay-notify".to_owned()).spawn(move || {
        if let Err(why) = carry(command, &line) {
            done(format!("the command {name} of [notify] {why}"));
        }
    });
    if let Err(error) = started {
        tracing::warn!("no thread can be started for a notification: {error}");
    }
}

/// Runs a command to its end; why it did not end well.
fn carry(mut command: Command, line: &str) -> Result<(), String> {
    let mut child =
        command.spawn().map_err(|error| format!("cannot be started ({error}): name another, or none"))?;
    if let Some(mut input) = child.stdin.take() {
        // A line is shorter than a pipe holds; a command need not read it.
        let _ = input.write_all(line.as_bytes());
    }
    let began = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(format!("failed ({status}): run it by hand to see why")),
            Ok(None) if began.elapsed() < COMMAND_TIME => thread::sleep(LOOK),
            Ok(None) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("took more than {} s and was ended", COMMAND_TIME.as_secs()));
            }
            Err(error) => return Err(format!("cannot be waited for ({error})")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::notices::Happening;
    use jiff::Timestamp;
    use std::sync::mpsc::channel;

    fn notice(title: &str, text: &str) -> Notice {
        Notice {
            happening: Happening::Held { run: "r".into() },
            title: title.into(),
            text: text.into(),
            at: Timestamp::UNIX_EPOCH,
        }
    }

    fn bytes(notice: &Notice, bell: bool, sequence: Sequence) -> String {
        let mut out = Vec::new();
        write(&mut out, notice, &Settings { bell, sequence, ..Settings::default() }).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_way_has_its_bytes() {
        let notice = notice("medbay: held", "\"r\" waits for you");
        assert_eq!(bytes(&notice, true, Sequence::None), "\u{7}");
        assert_eq!(bytes(&notice, false, Sequence::Osc9), "\u{1b}]9;medbay: held: \"r\" waits for you\u{7}");
        assert_eq!(
            bytes(&notice, false, Sequence::Osc777),
            "\u{1b}]777;notify;medbay: held;\"r\" waits for you\u{7}"
        );
        assert_eq!(bytes(&notice, false, Sequence::None), "");
    }

    #[test]
    fn a_hostile_title_ends_no_sequence_and_begins_none() {
        let hostile = "a\u{7}\u{1b}]52;c;aGk=\u{7}\u{9c}\u{1b}\\\u{9d}0;x;\n\u{202e}4;1;2";
        for sequence in [Sequence::Osc9, Sequence::Osc777] {
            let sent = bytes(&notice(hostile, hostile), false, sequence);
            let inside = &sent[2..sent.len() - 1];
            assert!(sent.starts_with("\u{1b}]") && sent.ends_with('\u{7}'));
            assert!(!inside.chars().any(crate::text::is_hostile), "{inside:?}");
            let parts = if sequence == Sequence::Osc9 { 1 } else { 3 };
            assert_eq!(inside.matches(';').count(), parts, "{inside:?}");
        }
    }

    #[test]
    fn a_command_gets_the_notice_and_no_shell_reads_its_arguments() {
        let folder = tempfile::tempdir().unwrap();
        let got = folder.path().join("got $(touch x)");
        let argv = ["tee".to_owned(), got.display().to_string()];
        let (out, done) = channel();
        command(&argv, &notice("t", "$(touch y) `z`"), move |why| drop(out.send(why)));
        // Its end drops the sender, whether it said something or not.
        assert!(done.recv_timeout(Duration::from_secs(30)).is_err(), "it failed");
        let line = std::fs::read_to_string(&got).unwrap();
        let read: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(read["text"], "$(touch y) `z`");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_command_that_fails_or_is_not_there_is_told_of() {
        for (argv, word) in [("false", "failed"), ("/no/such/program", "cannot be started")] {
            let (out, done) = channel();
            command(&[argv.to_owned()], &notice("t", "x"), move |why| drop(out.send(why)));
            let why = done.recv_timeout(Duration::from_secs(30)).unwrap();
            assert!(why.contains(word), "{why}");
        }
    }
}
