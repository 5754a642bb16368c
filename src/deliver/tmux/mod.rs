//! tmux: an approved text is pasted into the agent's own prompt box and entered.
//!
//! The last resort, off until the operator names a log format for it. A text is typed only where all
//! of this holds, and otherwise stays approved:
//!
//! - one pane, and no other, has the run's working directory and the agent's program among its
//!   processes;
//! - the program began before the run's log was written to last, and no later run of the same agent
//!   has the same directory (`post.rs`): the pane shows this run;
//! - the screen shows the prompt box, empty, and no dialog (`screen.rs`), and the pane is not being
//!   scrolled.
//!
//! Before Enter the pane is looked at again: another process or a dialog there, and it is not pressed.
//! The text is pasted as one (bracketed), its bytes as approved. That it arrived is seen in the run's
//! own log alone.

pub mod screen;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use super::post::Place;
use super::spool::Letter;
use crate::text;
use crate::trace::RunId;
use screen::{Showing, showing};

/// What the ledger calls the channel.
pub const CHANNEL: &str = "tmux";
/// The longest that typing takes.
pub const LIMIT: Duration = Duration::from_secs(10);
/// How long the screen may take to show what was pasted.
const SHOWN_WITHIN: Duration = Duration::from_secs(4);
/// Between two looks at the screen; a screen that stays the same from one to the next has settled.
const LOOK: Duration = Duration::from_millis(200);
/// A log's times may be this much older than the clock says: its last record, written as the program
/// began.
const SLACK: SignedDuration = SignedDuration::from_secs(2);

/// Programs whose runs are typed to, by the log format.
const PROGRAMS: &[(&str, &str)] = &[("claude-code", "claude"), ("codex", "codex"), ("gemini", "gemini")];

/// Types into panes.
#[derive(Clone, Debug, Default)]
pub struct Carrier {
    /// Log formats of the runs that are typed to.
    pub formats: Vec<String>,
    /// Words for tmux before its command, as `-L NAME` for another server.
    pub server: Vec<String>,
}

/// A pane that shows a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pane {
    id: String,
    /// The pane's first process, and the agent's.
    process: u32,
    agent: u32,
}

struct Listed {
    id: String,
    process: u32,
    free: bool,
    directory: String,
}

struct Process {
    id: u32,
    parent: u32,
    age: SignedDuration,
    command: String,
}

impl Carrier {
    /// Whether it ever types.
    pub fn is_on(&self) -> bool {
        !self.formats.is_empty()
    }

    /// Whether it types to runs of this format, and knows their prompt box.
    pub fn takes(&self, format: &str) -> bool {
        screen::knows(format) && self.formats.iter().any(|one| one == format)
    }

    /// The runs that have a pane now.
    pub fn survey(&self, places: &[(RunId, Place)], now: Timestamp) -> BTreeSet<RunId> {
        let (Ok(panes), Ok(processes)) = (self.panes(), processes()) else { return BTreeSet::new() };
        places
            .iter()
            .filter(|(_, place)| find(&panes, &processes, place, now).is_ok())
            .map(|(run, _)| run.clone())
            .collect()
    }

    /// The pane into which can be typed now.
    ///
    /// # Errors
    /// Why nothing can be typed, in a sentence.
    pub fn ready(&self, place: &Place, now: Timestamp) -> Result<Pane, String> {
        let (listed, pane) = self.find(place, now)?;
        if !listed {
            return Err("the pane is being scrolled".to_owned());
        }
        match showing(&place.format, &self.screen(&pane)?, "") {
            Showing::Prompt => Ok(pane),
            Showing::Typed => Err("somebody is typing there".to_owned()),
            Showing::Dialog => Err("the agent asks its user something".to_owned()),
            Showing::Other => Err("no prompt box is seen there".to_owned()),
        }
    }

    /// Types the letter's text into a pane that was ready.
    ///
    /// # Errors
    /// Why it was not typed or not entered, in a sentence.
    pub fn carry(&self, letter: &Letter<'_>, place: &Place, pane: &Pane) -> Result<(), String> {
        if letter.text.chars().any(|c| c != '\n' && text::is_hostile(c)) {
            return Err("the text holds control characters, which a terminal would obey: edit it".to_owned());
        }
        let before = self.screen(pane)?;
        self.same(place, pane)?;
        if showing(&place.format, &before, "") != Showing::Prompt {
            return Err("the prompt box was gone before the text was typed: send it again".to_owned());
        }
        let buffer = format!("medbay-{}", letter.id);
        self.tmux(&["load-buffer", "-b", &buffer, "-"], Some(letter.text.as_bytes()))?;
        let pasted = self.tmux(&["paste-buffer", "-p", "-r", "-d", "-b", &buffer, "-t", &pane.id], None);
        if let Err(why) = pasted {
            let _ = self.tmux(&["delete-buffer", "-b", &buffer], None);
            return Err(why);
        }
        let after = self.settled(pane, &before)?;
        self.same(place, pane)
            .map_err(|why| format!("{why}; the text was typed and not entered: look at the pane"))?;
        if showing(&place.format, &after, letter.text) != Showing::Typed {
            return Err(
                "the text was typed and cannot be seen in the prompt box, so it was not entered: look \
                        at the pane"
                    .to_owned(),
            );
        }
        self.tmux(&["send-keys", "-t", &pane.id, "Enter"], None).map(drop)
    }

    /// The screen when it shows something else than before, and has stopped changing.
    fn settled(&self, pane: &Pane, before: &str) -> Result<String, String> {
        let began = Instant::now();
        let mut last = before.to_owned();
        loop {
            thread::sleep(LOOK);
            let now = self.screen(pane)?;
            if (now == last && now != before) || began.elapsed() >= SHOWN_WITHIN {
                return Ok(now);
            }
            last = now;
        }
    }

    /// Whether the pane still has the processes that it was found by.
    fn same(&self, place: &Place, pane: &Pane) -> Result<(), String> {
        match self.find(place, Timestamp::now()) {
            Ok((true, found)) if found == *pane => Ok(()),
            _ => Err("the pane has another process or is being scrolled".to_owned()),
        }
    }

    fn find(&self, place: &Place, now: Timestamp) -> Result<(bool, Pane), String> {
        find(&self.panes()?, &processes()?, place, now)
    }

    fn panes(&self) -> Result<Vec<Listed>, String> {
        let form = "#{pane_id} #{pane_pid} #{pane_dead}#{pane_in_mode} #{pane_current_path}";
        let listed = self.tmux(&["list-panes", "-a", "-F", form], None)?;
        Ok(listed.lines().filter_map(pane_of).collect())
    }

    fn screen(&self, pane: &Pane) -> Result<String, String> {
        self.tmux(&["capture-pane", "-p", "-e", "-t", &pane.id], None)
    }

    fn tmux(&self, words: &[&str], input: Option<&[u8]>) -> Result<String, String> {
        output(Command::new("tmux").args(&self.server).args(words), input)
    }
}

fn pane_of(line: &str) -> Option<Listed> {
    let mut parts = line.splitn(4, ' ');
    let (id, process, modes) = (parts.next()?, parts.next()?.parse().ok()?, parts.next()?);
    Some(Listed {
        id: id.to_owned(),
        process,
        // Neither dead nor in a mode of tmux's own.
        free: modes.bytes().all(|mode| mode == b'0'),
        directory: parts.next()?.to_owned(),
    })
}

/// The one pane in which the run's agent works, and whether keys reach the agent there.
fn find(
    panes: &[Listed],
    processes: &[Process],
    place: &Place,
    now: Timestamp,
) -> Result<(bool, Pane), String> {
    let Some((_, program)) = PROGRAMS.iter().find(|(format, _)| *format == place.format) else {
        return Err("the program of this agent is not known".to_owned());
    };
    let mut found = Vec::new();
    for pane in panes.iter().filter(|pane| same_directory(&pane.directory, &place.directory)) {
        if let Some(agent) = agent_below(processes, pane.process, program) {
            found.push((pane, agent));
        }
    }
    let (pane, agent) = match found.as_slice() {
        [one] => one,
        [] => return Err(format!("no pane runs {program} in the run's directory")),
        _ => return Err(format!("{} panes run {program} in the run's directory", found.len())),
    };
    let began = now.checked_sub(agent.age).unwrap_or(Timestamp::MIN);
    let spoke_since =
        place.last.is_some_and(|last| last.saturating_add(SLACK).is_ok_and(|last| last >= began));
    if !spoke_since {
        return Err("the run has not written to its log since the program in the pane began".to_owned());
    }
    Ok((pane.free, Pane { id: pane.id.clone(), process: pane.process, agent: agent.id }))
}

fn same_directory(a: &str, b: &str) -> bool {
    let whole = |path: &str| std::fs::canonicalize(Path::new(path)).ok();
    !b.is_empty() && (a == b || whole(a).is_some_and(|a| Some(a) == whole(b)))
}

/// The agent's process among a pane's: the one nearest to its first.
fn agent_below<'p>(processes: &'p [Process], first: u32, program: &str) -> Option<&'p Process> {
    let mut level = vec![first];
    // No deeper than any real tree: a list of processes that is read while it changes may have rings.
    for _ in 0..32 {
        let mut here = processes.iter().filter(|one| level.contains(&one.id));
        if let Some(agent) = here.find(|one| runs(&one.command, program)) {
            return Some(agent);
        }
        level = processes.iter().filter(|one| level.contains(&one.parent)).map(|one| one.id).collect();
        if level.is_empty() {
            return None;
        }
    }
    None
}

/// Whether a command line is that of the program, itself or as an interpreter's script.
fn runs(command: &str, program: &str) -> bool {
    let mut words = command.split_whitespace();
    let name = |word: &str| {
        let file = word.rsplit('/').next().unwrap_or(word);
        [".js", ".mjs", ".cjs", ".py", ".exe"]
            .iter()
            .find_map(|end| file.strip_suffix(end))
            .unwrap_or(file)
            .to_owned()
    };
    let Some(first) = words.next().map(name) else { return false };
    if first == program {
        return true;
    }
    let interprets = ["node", "bun", "deno", "python", "sh", "bash"].iter().any(|i| first.starts_with(i));
    interprets && words.find(|word| !word.starts_with('-')).is_some_and(|word| name(word) == program)
}

fn processes() -> Result<Vec<Process>, String> {
    let listed = output(Command::new("ps").args(["-A", "-o", "pid=,ppid=,etime=,args="]), None)?;
    Ok(listed.lines().filter_map(process_of).collect())
}

fn process_of(line: &str) -> Option<Process> {
    let mut words = line.split_whitespace();
    let (id, parent, age) = (words.next()?, words.next()?, words.next()?);
    Some(Process {
        id: id.parse().ok()?,
        parent: parent.parse().ok()?,
        age: elapsed(age)?,
        command: words.collect::<Vec<_>>().join(" "),
    })
}

/// `[[days-]hours:]minutes:seconds`, as POSIX has ps write it.
fn elapsed(text: &str) -> Option<SignedDuration> {
    let (days, clock) = text.split_once('-').unwrap_or(("0", text));
    let mut seconds = 0i64;
    for part in clock.split(':') {
        seconds = seconds.checked_mul(60)?.checked_add(part.parse().ok()?)?;
    }
    let days: i64 = days.parse().ok()?;
    Some(SignedDuration::from_secs(days.checked_mul(86_400)?.checked_add(seconds)?))
}

/// What a program says on standard output, or why it failed.
fn output(command: &mut Command, input: Option<&[u8]>) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let failed = |e: std::io::Error| format!("{program} cannot be run: {e}");
    let mut child = command
        .stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    if let (Some(mut pipe), Some(input)) = (child.stdin.take(), input) {
        pipe.write_all(input).map_err(failed)?;
    }
    let done = child.wait_with_output().map_err(failed)?;
    if !done.status.success() {
        let said = String::from_utf8_lossy(&done.stderr);
        let first = said.lines().next().unwrap_or("it does not say why");
        return Err(format!("{program} failed: {}", text::excerpt(first, 160)));
    }
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(id: u32, parent: u32, age: i64, command: &str) -> Process {
        Process { id, parent, age: SignedDuration::from_secs(age), command: command.to_owned() }
    }

    fn pane(id: &str, process: u32, directory: &str) -> Listed {
        Listed { id: id.to_owned(), process, free: true, directory: directory.to_owned() }
    }

    fn now() -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    fn place(last: i64) -> Place {
        let last = Some(now() - SignedDuration::from_secs(last));
        Place { format: "claude-code".into(), directory: "/no/such/app".into(), last }
    }

    #[test]
    fn one_pane_with_the_program_and_the_directory_is_found() {
        let panes = [pane("%1", 10, "/no/such/app"), pane("%2", 20, "/no/such/app"), pane("%3", 30, "/no")];
        let mut processes = vec![
            process(10, 1, 900, "-bash"),
            process(11, 10, 600, "node /usr/lib/node_modules/.bin/claude --resume x"),
            process(20, 1, 900, "zsh"),
            process(21, 20, 50, "vim claude.md"),
            process(30, 1, 900, "claude"),
        ];
        let (_, found) = find(&panes, &processes, &place(5), now()).unwrap();
        assert_eq!((found.id.as_str(), found.process, found.agent), ("%1", 10, 11));
        let error = find(&panes, &processes, &place(700), now()).unwrap_err();
        assert!(error.contains("has not written"), "another session began there since: {error}");
        processes.push(process(22, 20, 40, "/opt/claude"));
        assert!(find(&panes, &processes, &place(5), now()).unwrap_err().contains("2 panes"));
    }

    #[test]
    fn ages_are_read_as_ps_writes_them() {
        for (text, seconds) in [("00:05", 5), ("02:00:01", 7_201), ("3-01:00:00", 262_800)] {
            assert_eq!(elapsed(text), Some(SignedDuration::from_secs(seconds)), "{text}");
        }
        assert_eq!(elapsed("soon"), None);
    }
}
