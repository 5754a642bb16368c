//! A program in a terminal of 200×60, with the time at which each thing came on its screen.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// How long anything is waited for before it counts as never.
const PATIENCE: Duration = Duration::from_secs(15);

/// What has come to the terminal.
struct Shown {
    parser: vt100::Parser,
    bytes: usize,
    first: Option<Instant>,
    latest: Option<Instant>,
    /// Each time that a higher mark (`mark-0000007`) came on the screen: which, and when.
    marks: Vec<(u32, Instant)>,
    ended: bool,
}

/// The program. Dropping it kills it.
pub struct Terminal {
    shown: Arc<(Mutex<Shown>, Condvar)>,
    keys: Box<dyn std::io::Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    _master: Box<dyn MasterPty + Send>,
    /// Just before it was started.
    pub began: Instant,
}

impl Terminal {
    /// Starts a program. `home` is its home and working directory.
    pub fn start(program: &Path, home: &Path, arguments: &[&str]) -> Self {
        let size = PtySize { rows: 60, cols: 200, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(program);
        command.args(arguments);
        command.env_clear();
        command.env("HOME", home);
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        command.cwd(home);
        let shown = Arc::new((
            Mutex::new(Shown {
                parser: vt100::Parser::new(60.try_into().unwrap(), 200.try_into().unwrap(), 0),
                bytes: 0,
                first: None,
                latest: None,
                marks: Vec::new(),
                ended: false,
            }),
            Condvar::new(),
        ));
        let mut reader = pair.master.try_clone_reader().unwrap();
        let keys = pair.master.take_writer().unwrap();
        let began = Instant::now();
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let seen = Arc::clone(&shown);
        std::thread::spawn(move || {
            let mut block = [0; 65536];
            while let Ok(count @ 1..) = reader.read(&mut block) {
                let now = Instant::now();
                seen.0.lock().unwrap().take(&block[..count], now);
                seen.1.notify_all();
            }
            seen.0.lock().unwrap().ended = true;
            seen.1.notify_all();
        });
        Self { shown, keys, child, _master: pair.master, began }
    }

    pub fn id(&self) -> u32 {
        self.child.process_id().unwrap()
    }

    pub fn bytes(&self) -> usize {
        self.shown.0.lock().unwrap().bytes
    }

    pub fn marks(&self) -> Vec<(u32, Instant)> {
        self.shown.0.lock().unwrap().marks.clone()
    }

    /// When the first text stood on the screen.
    pub fn first_text(&self) -> Option<Instant> {
        self.wait(|shown| shown.first)
    }

    /// When a mark as high as this was on the screen.
    pub fn mark(&self, mark: u32) -> Option<Instant> {
        self.wait(|shown| shown.marks.iter().find(|(seen, _)| *seen >= mark).map(|(_, at)| *at))
    }

    /// Waits until a text is on the screen.
    pub fn text(&self, text: &str) -> Option<()> {
        self.wait(|shown| shown.parser.screen().contents().contains(text).then_some(()))
    }

    /// Waits until nothing has come for a while.
    pub fn quiet(&self, quiet: Duration) {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            let latest = self.shown.0.lock().unwrap().latest.unwrap_or(self.began);
            if latest.elapsed() >= quiet {
                return;
            }
            std::thread::sleep(quiet.saturating_sub(latest.elapsed()) + Duration::from_millis(1));
        }
    }

    pub fn keys(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// Presses a key and gives the time until something came of it.
    pub fn press(&mut self, key: &str) -> Option<Duration> {
        let before = self.bytes();
        let began = Instant::now();
        self.keys(key);
        self.wait_for(Duration::from_millis(500), |shown| {
            shown.latest.filter(|_| shown.bytes > before).map(|at| at.duration_since(began))
        })
    }

    fn wait<T>(&self, found: impl FnMut(&Shown) -> Option<T>) -> Option<T> {
        self.wait_for(PATIENCE, found)
    }

    fn wait_for<T>(&self, patience: Duration, mut found: impl FnMut(&Shown) -> Option<T>) -> Option<T> {
        let began = Instant::now();
        let mut shown = self.shown.0.lock().unwrap();
        loop {
            let value = found(&shown);
            if value.is_some() || shown.ended {
                return value;
            }
            let left = patience.checked_sub(began.elapsed())?;
            shown = self.shown.1.wait_timeout(shown, left).unwrap().0;
        }
    }
}

impl Shown {
    fn take(&mut self, bytes: &[u8], now: Instant) {
        self.bytes += bytes.len();
        self.latest = Some(now);
        self.parser.process(bytes);
        let screen = self.parser.screen().contents();
        if self.first.is_none() && !screen.trim().is_empty() {
            self.first = Some(now);
        }
        let highest = screen
            .split("mark-")
            .skip(1)
            .filter_map(|rest| rest.get(..7).and_then(|digits| digits.parse().ok()))
            .max();
        if let Some(highest) = highest
            && self.marks.last().is_none_or(|(last, _)| highest > *last)
        {
            self.marks.push((highest, now));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
