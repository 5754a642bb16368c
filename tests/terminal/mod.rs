//! The console in a terminal of its own, for tests: keys go in, and what a person would see comes out.

#![allow(dead_code)]

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};

/// How long a state is waited for before the test gives up.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub struct Terminal {
    pub bytes: Arc<Mutex<Vec<u8>>>,
    pub keys: Box<dyn std::io::Write + Send>,
    pub child: Box<dyn Child + Send + Sync>,
    pub master: Box<dyn MasterPty + Send>,
    pub size: (u16, u16),
}

impl Terminal {
    pub fn start(home: &Path, arguments: &[&str], environment: &[(&str, &str)], size: (u16, u16)) -> Self {
        Self::start_program(Path::new(env!("CARGO_BIN_EXE_medbay")), home, arguments, environment, size)
    }

    pub fn start_program(
        program: &Path,
        home: &Path,
        arguments: &[&str],
        environment: &[(&str, &str)],
        size: (u16, u16),
    ) -> Self {
        let (rows, columns) = size;
        let pair = native_pty_system()
            .openpty(PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 })
            .unwrap();
        let mut command = CommandBuilder::new(program);
        command.args(arguments);
        command.env_clear();
        command.env("HOME", home);
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        for (name, value) in environment {
            command.env(name, value);
        }
        command.cwd(home);
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let mut reader = pair.master.try_clone_reader().unwrap();
        let seen = Arc::clone(&bytes);
        std::thread::spawn(move || {
            let mut block = [0; 8192];
            while let Ok(count @ 1..) = reader.read(&mut block) {
                seen.lock().unwrap().extend_from_slice(&block[..count]);
            }
        });
        let keys = pair.master.take_writer().unwrap();
        Self { bytes, keys, child, master: pair.master, size }
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.bytes.lock().unwrap().clone()
    }

    pub fn screen(&self) -> String {
        let mut parser =
            vt100::Parser::new(self.size.0.try_into().unwrap(), self.size.1.try_into().unwrap(), 0);
        parser.process(&self.bytes());
        parser.screen().contents()
    }

    pub fn until(&self, what: &str) -> String {
        let began = Instant::now();
        loop {
            let screen = self.screen();
            if screen.contains(what) {
                return screen;
            }
            assert!(began.elapsed() < PATIENCE, "waited for {what:?}, have:\n{screen}");
            std::thread::sleep(Duration::from_millis(15));
        }
    }

    pub fn type_keys(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// Types a key that decides, again and again until the screen shows that it was taken: a proposal
    /// that has only just appeared takes none.
    pub fn decide(&mut self, key: &str, then: &str) {
        let began = Instant::now();
        loop {
            self.type_keys(key);
            let pressed = Instant::now();
            while pressed.elapsed() < Duration::from_millis(600) {
                if self.screen().contains(then) {
                    return;
                }
                std::thread::sleep(Duration::from_millis(15));
            }
            assert!(began.elapsed() < PATIENCE, "waited for {then:?}, have:\n{}", self.screen());
        }
    }

    pub fn resize(&mut self, rows: u16, columns: u16) {
        self.size = (rows, columns);
        self.bytes.lock().unwrap().clear();
        self.master.resize(PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 }).unwrap();
    }

    pub fn ended(&mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                // What it wrote last may still be on its way.
                let mut before = usize::MAX;
                while before != self.bytes().len() {
                    before = self.bytes().len();
                    std::thread::sleep(Duration::from_millis(30));
                }
                return status;
            }
            assert!(began.elapsed() < PATIENCE, "it does not end:\n{}", self.screen());
            std::thread::sleep(Duration::from_millis(15));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}
