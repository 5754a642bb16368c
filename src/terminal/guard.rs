//! Holds the terminal in the console's mode and puts it back: on leaving, on a panic, around a stop.

use std::backtrace::Backtrace;
use std::fs;
use std::io::{self, Write as _};
use std::panic;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, ThreadId};

use crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
};
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use crossterm::{cursor, execute};

use crate::text;

/// Whether the terminal is in the console's mode. One process has one terminal.
static HELD: AtomicBool = AtomicBool::new(false);
/// The thread that draws.
static DRAWER: Mutex<Option<ThreadId>> = Mutex::new(None);
/// Reports of panics in other threads, to be named when the console has left.
static REPORTS: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Holds the terminal in the console's mode until it goes.
#[derive(Debug)]
pub struct Guard(());

impl Guard {
    /// Puts the terminal into the console's mode: raw, alternate screen, mouse, bracketed paste.
    pub fn enter() -> io::Result<Self> {
        if let Ok(mut drawer) = DRAWER.lock() {
            *drawer = Some(thread::current().id());
        }
        let guard = Self(());
        take()?;
        Ok(guard)
    }

    /// Puts the terminal back for a while, as for a stop or another program.
    pub fn release(&self) {
        restore();
    }

    /// Takes it again.
    pub fn retake(&self) -> io::Result<()> {
        take()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        restore();
        if let Ok(mut reports) = REPORTS.lock() {
            for report in reports.drain(..) {
                let _ = writeln!(io::stderr(), "medbay met a defect; a report is in {}", report.display());
            }
        }
    }
}

fn take() -> io::Result<()> {
    enable_raw_mode()?;
    // From here on there is something to put back, even if a later step fails.
    HELD.store(true, Ordering::SeqCst);
    execute!(io::stdout(), EnterAlternateScreen, EnableMouseCapture, EnableBracketedPaste)
}

/// Puts the terminal back. Does nothing where there is nothing to put back; may be called anywhere.
pub fn restore() {
    if !HELD.swap(false, Ordering::SeqCst) {
        return;
    }
    let _ = execute!(
        io::stdout(),
        DisableBracketedPaste,
        DisableMouseCapture,
        LeaveAlternateScreen,
        cursor::Show
    );
    let _ = disable_raw_mode();
}

/// From now on a panic puts the terminal back and writes a report into `folder`. A panic of a worker
/// leaves the screen to the console and is named when that has left.
pub fn install_panic_hook(folder: PathBuf) {
    panic::set_hook(Box::new(move |info| {
        let here = thread::current().id();
        let drawing = DRAWER.lock().map(|d| *d).unwrap_or(None);
        let ours = drawing.is_none_or(|id| id == here) || !HELD.load(Ordering::SeqCst);
        if ours {
            restore();
        }
        let what = report(info, &Backtrace::force_capture());
        let written = write_report(&folder, &what);
        match (ours, written) {
            (true, Ok(path)) => {
                let _ = writeln!(
                    io::stderr(),
                    "medbay met a defect and had to stop; nothing that was decided is lost. A report is in {}",
                    path.display()
                );
            }
            (true, Err(error)) => {
                let _ = writeln!(
                    io::stderr(),
                    "medbay met a defect and had to stop; no report could be written into {}: {error}\n{what}",
                    folder.display()
                );
            }
            (false, Ok(path)) => {
                if let Ok(mut reports) = REPORTS.lock() {
                    reports.push(path);
                }
            }
            (false, Err(_)) => {}
        }
    }));
}

/// What a report says. Nothing of the environment, which holds keys; the message through the gate.
fn report(info: &panic::PanicHookInfo<'_>, trace: &Backtrace) -> String {
    let message = info
        .payload()
        .downcast_ref::<&str>()
        .map(|s| (*s).to_owned())
        .or_else(|| info.payload().downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned());
    let place = info.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    let thread = thread::current();
    format!(
        "medbay {}\nthread {}\nat {place}\n\n{}\n\n{trace}\n",
        env!("CARGO_PKG_VERSION"),
        thread.name().unwrap_or("without a name"),
        text::shown(&message),
    )
}

fn write_report(folder: &Path, what: &str) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut number = 0u32;
    loop {
        let path = folder.join(format!("panic-{}-{number}.txt", std::process::id()));
        match options.open(&path) {
            Ok(mut file) => {
                file.write_all(what.as_bytes())?;
                return Ok(path);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < 1_000 => {
                number += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Stops the process, as Ctrl-Z does, until it is told to go on.
pub fn stop() -> io::Result<()> {
    signal_hook::low_level::raise(signal_hook::consts::SIGTSTP)
}
