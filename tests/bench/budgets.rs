//! The budgets, measured: `cargo bench` prints each figure as it is, beside its bound and beside what
//! a peer that is installed needs for the same in the same run. Nothing here fails for being slow.
//!
//! `MEDBAY_BENCH_MB` is the size of the generated log (64; 1024 is what the bounds speak of),
//! `MEDBAY_BENCH_QUICK=1` measures for a shorter time. To add a measure: add a function that says its
//! figures to the [`Table`], and call it from [`main`].

#![allow(missing_docs, reason = "a program, not a library")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a measure that cannot be made has nothing to say"
)]

#[path = "../drafts/mod.rs"]
mod drafts;
mod generate;
#[path = "../staged/mod.rs"]
mod staged;
mod table;
mod terminal;

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use criterion::Criterion;
use jiff::Timestamp;
use medbay::engine::{Judge, read};
use medbay::ledger::{Ledger, Mode, Verdict};
use serde_json::json;
use table::{Table, ms, percentile};
use terminal::Terminal;

const MEDBAY: &str = env!("CARGO_BIN_EXE_medbay");
const MB: f64 = 1024.0 * 1024.0;

/// What all measures go by.
struct Bench {
    table: Table,
    log: PathBuf,
    folder: PathBuf,
    megabytes: u64,
    quick: bool,
}

fn main() {
    // `cargo test --benches` only wants to know that it runs.
    let quick = std::env::var_os("MEDBAY_BENCH_QUICK").is_some() || !std::env::args().any(|a| a == "--bench");
    let default = if quick { 16 } else { 64 };
    let asked = std::env::var("MEDBAY_BENCH_MB").ok().and_then(|mb| mb.parse().ok());
    let megabytes: u64 = asked.unwrap_or(default).max(1);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench");
    let log = generate::log(&folder, megabytes << 20).expect("the log can be written");
    let mut bench = Bench { table: Table::default(), log, folder, megabytes, quick };
    bench.reading();
    bench.opening();
    bench.keys();
    for rate in [200, 2000] {
        bench.following(rate);
    }
    bench.idle();
    bench.frame();
    bench.decision();
    bench.hooks();
    let records = fs::read(&bench.log).unwrap().iter().filter(|b| **b == b'\n').count();
    println!("\n{} MB, {records} records, {} cores\n", bench.megabytes, cores());
    bench.table.print();
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

impl Bench {
    fn seconds(&self) -> Duration {
        Duration::from_secs(if self.quick { 2 } else { 4 })
    }

    fn times(&self, full: usize) -> usize {
        if self.quick { full.div_ceil(5) } else { full }
    }

    /// Reading, parsing, assessing and scoring a whole log, with the page cache warm.
    fn reading(&mut self) {
        fs::read(&self.log).unwrap();
        let began = Instant::now();
        let counted = Command::new("wc").arg("-l").arg(&self.log).output();
        let floor = counted.is_ok().then(|| began.elapsed().as_secs_f64());
        let before = anonymous();
        let mut best = f64::MAX;
        let (mut records, mut bytes_each) = (0, 0.0);
        for time in 0..if self.quick { 1 } else { 3 } {
            let began = Instant::now();
            let run = read::run_of(&self.log, None).unwrap();
            let mut assessor = read::whole(&run, &Judge::embedded()).unwrap().assessor;
            assessor.conclude(true);
            best = best.min(began.elapsed().as_secs_f64());
            records = assessor.run().records;
            if time == 0 {
                bytes_each = (anonymous() - before) / f64::from(records);
            }
        }
        let size = fs::metadata(&self.log).unwrap().len() as f64 / MB;
        let peer = floor.map_or("wc -l not installed".to_owned(), |f| format!("{:.0}× wc -l", best / f));
        let say = |table: &mut Table, what: &str, figure: String, bound: &str, peer: &str| {
            table.say(what, figure, bound, peer);
        };
        let rate = format!("{:.0} MB/s, {:.0} records/s", size / best, f64::from(records) / best);
        say(&mut self.table, "read, parsed, assessed", rate, "", &peer);
        let gigabyte = best * 1024.0 / size;
        let how = if self.megabytes == 1024 { "" } else { " (extrapolated)" };
        say(&mut self.table, "1 GB of it", format!("{gigabyte:.2} s{how}"), "≤ 2.0 s", "");
        say(&mut self.table, "anonymous memory", format!("{bytes_each:.0} B/record"), "≤ 200 B", "");
    }

    /// From the start of the program to its first frame, and to the last screen of the log.
    fn opening(&mut self) {
        let log = self.log.to_string_lossy().into_owned();
        let (mut frames, mut lasts) = (Vec::new(), Vec::new());
        for _ in 0..self.times(5) {
            let home = tempfile::tempdir().unwrap();
            let mut terminal = Terminal::start(Path::new(MEDBAY), home.path(), &[&log]);
            let Some(first) = terminal.first_text() else { continue };
            frames.push(first.duration_since(terminal.began));
            let _ = terminal.text(generate::TITLE.trim_end());
            // Opens the run and follows its end.
            terminal.keys("\rG");
            lasts.extend(terminal.mark(1).map(|at| at.duration_since(terminal.began)));
        }
        let frame = percentile(&mut frames, 50);
        let mut peers = Vec::new();
        for (peer, arguments) in [("lnav", vec!["-N", log.as_str()]), ("tl", vec![log.as_str()])] {
            let figure = program(peer).and_then(|program| {
                let home = tempfile::tempdir().unwrap();
                let terminal = Terminal::start(&program, home.path(), &arguments);
                terminal.first_text().map(|at| at.duration_since(terminal.began))
            });
            peers.push(match (figure, frame) {
                (Some(figure), Some(own)) => {
                    format!("{:.2}× {peer}, {}", own.div_duration_f64(figure), ms(Some(figure)))
                }
                _ => format!("{peer}: peer not installed"),
            });
        }
        self.table.say("first frame", ms(frame), "≤ 30 ms", &peers.join("; "));
        let last = percentile(&mut lasts, 50);
        self.table.say("last screen of the log", ms(last), "≤ 100 ms", "");
    }

    /// From a key to what comes of it on the screen: while the log is read, and when all is still.
    fn keys(&mut self) {
        let home = tempfile::tempdir().unwrap();
        let log = self.log.to_string_lossy().into_owned();
        let mut terminal = Terminal::start(Path::new(MEDBAY), home.path(), &[&log]);
        let _ = terminal.first_text();
        let turns = ["?", "\u{1b}"];
        let press = |terminal: &mut Terminal, times: usize| -> Vec<Duration> {
            turns
                .into_iter()
                .cycle()
                .take(times)
                .filter_map(|key| {
                    let taken = terminal.press(key);
                    // A lone escape is told from a sequence by waiting.
                    std::thread::sleep(Duration::from_millis(60));
                    taken.filter(|_| key == "?")
                })
                .collect()
        };
        let loading = percentile(&mut press(&mut terminal, 8), 95);
        terminal.quiet(Duration::from_millis(500));
        let idle = percentile(&mut press(&mut terminal, self.times(60)), 95);
        self.table.say("key → on screen, p95", ms(idle), "≤ 4 ms", "");
        self.table.say("  while loading", ms(loading), "≤ 16 ms", "");
    }

    /// Following a log that grows by `rate` lines a second.
    fn following(&mut self, rate: u32) {
        let home = tempfile::tempdir().unwrap();
        let log = home.path().join("grows.jsonl");
        fs::copy(generate::log(&self.folder, 1 << 20).unwrap(), &log).unwrap();
        let mut terminal = Terminal::start(Path::new(MEDBAY), home.path(), &["grows.jsonl"]);
        let _ = terminal.text(generate::TITLE.trim_end());
        // Opens the run and follows its end.
        terminal.keys("\rG");
        let _ = terminal.mark(1);
        terminal.quiet(Duration::from_millis(300));
        let ticks = ticks(terminal.id());
        let began = Instant::now();
        let mut file = OpenOptions::new().append(true).open(&log).unwrap();
        let appended = append(&mut file, rate, self.seconds(), |mark| generate::step(mark).join("\n") + "\n");
        terminal.quiet(Duration::from_millis(200));
        let share = (self::ticks(terminal.id()) - ticks) / began.elapsed().as_secs_f64();
        let bound = if rate == 200 { "≤ 3 %" } else { "≤ 15 %" };
        self.table.say(&format!("following {rate} lines/s"), format!("{share:.1} % of a core"), bound, "");
        let mut own = latencies(&appended, &terminal.marks());
        let peer = program("less").map(|less| {
            let log = home.path().join("plain.log");
            File::create(&log).unwrap().write_all(b"mark-0000001\n").unwrap();
            let terminal = Terminal::start(&less, home.path(), &["+F", "plain.log"]);
            let _ = terminal.mark(1);
            let mut file = OpenOptions::new().append(true).open(&log).unwrap();
            let appended = append(&mut file, rate, Duration::from_secs(2), |mark| format!("{mark}\n\n"));
            terminal.quiet(Duration::from_millis(200));
            latencies(&appended, &terminal.marks())
        });
        let ratio = match (peer, percentile(&mut own, 95)) {
            (None, _) => "less: peer not installed".to_owned(),
            (Some(mut all), own) => match (percentile(&mut all, 95), own) {
                (Some(peer), Some(own)) => {
                    format!("{:.1}× less +F, {}", own.div_duration_f64(peer), ms(Some(peer)))
                }
                _ => "less +F: not measured".to_owned(),
            },
        };
        let figures = [50, 95, 99].map(|share| ms(percentile(&mut own, share))).join(" / ");
        self.table.say("  appended → on screen, p50/95/99", figures, "p95 ≤ 10, p99 ≤ 50 ms", &ratio);
    }

    /// A hundred files that are tailed and do not grow.
    fn idle(&mut self) {
        let home = tempfile::tempdir().unwrap();
        let logs = home.path().join("logs");
        fs::create_dir(&logs).unwrap();
        for number in 0..100 {
            let line = format!(r#"{{"type":"run","medbay":1,"run":"r{number}","title":"t{number}"}}"#);
            fs::write(logs.join(format!("r{number}.jsonl")), line + "\n").unwrap();
        }
        let terminal = Terminal::start(Path::new(MEDBAY), home.path(), &["logs"]);
        let _ = terminal.first_text();
        terminal.quiet(Duration::from_secs(1));
        let (ticks, bytes) = (ticks(terminal.id()), terminal.bytes());
        let seconds = self.seconds();
        std::thread::sleep(seconds);
        let share = (self::ticks(terminal.id()) - ticks) / seconds.as_secs_f64();
        let bytes = (terminal.bytes() - bytes) as f64 / seconds.as_secs_f64();
        let figure = format!("{share:.1} %, {bytes:.0} bytes/s");
        self.table.say("idle, 100 tailed files", figure, "0.0 %, 0 bytes/s", "");
    }

    fn criterion(&self) -> Criterion {
        let seconds = if self.quick { 1 } else { 2 };
        Criterion::default()
            .without_plots()
            .warm_up_time(Duration::from_millis(300))
            .measurement_time(Duration::from_secs(seconds))
            .sample_size(20)
    }

    /// Building a frame.
    fn frame(&mut self) {
        let mut stage = staged::Staged::new(200, 60);
        let mut terminal = ratatui::Terminal::new(ratatui::backend::TestBackend::new(200, 60)).unwrap();
        stage.model.settle();
        let mut taken = Vec::new();
        self.criterion().bench_function("frame 200x60", |bencher| {
            bencher.iter(|| {
                let began = Instant::now();
                terminal.draw(|frame| medbay::screen::draw(&stage.model, &stage.theme, None, frame)).unwrap();
                taken.push(began.elapsed());
            });
        });
        self.table.say("building a frame, 200×60, p50", ms(percentile(&mut taken, 50)), "≤ 1 ms", "");
    }

    /// A decision that is on the disk.
    fn decision(&mut self) {
        let home = tempfile::tempdir_in(&self.folder).unwrap();
        let ledger = Ledger::open(&home.path().join("ledger.db")).unwrap();
        let (mut taken, mut number) = (Vec::new(), 0u32);
        self.criterion().bench_function("decision", |bencher| {
            bencher.iter(|| {
                number += 1;
                let p = drafts::draft("r1", &number.to_string());
                ledger.propose(&p, Mode::Suggest, Timestamp::now()).unwrap();
                let began = Instant::now();
                ledger
                    .decide(
                        &p.id,
                        Verdict::Approve,
                        drafts::person(),
                        "seen",
                        Timestamp::now(),
                        Duration::ZERO,
                    )
                    .unwrap();
                taken.push(began.elapsed());
            });
        });
        let figures = [50, 99].map(|share| ms(percentile(&mut taken, share))).join(" / ");
        self.table.say("decision durable, p50/99", figures, "p99 ≤ 5 ms", "");
    }

    /// A hook, as the agent waits for it.
    fn hooks(&mut self) {
        let transcript = generate::log(&self.folder, 10 << 20).unwrap();
        let small = generate::log(&self.folder, 64 << 10).unwrap();
        for (what, event, log, bound, times) in [
            ("hook with nothing to say, p50/99", "PostToolUse", small, "≤ 10 / ≤ 25 ms", 100),
            ("hook at end of turn, 10 MB, p50/99", "Stop", transcript, "p99 ≤ 60 ms", 30),
        ] {
            let home = tempfile::tempdir_in(&self.folder).unwrap();
            let input = json!({
                "session_id": "s1", "transcript_path": log, "cwd": home.path(), "hook_event_name": event,
                "permission_mode": "default", "tool_name": "Bash", "tool_input": {"command": "ls"},
            })
            .to_string();
            let mut taken: Vec<Duration> =
                (0..self.times(times)).map(|_| hook(home.path(), input.as_bytes())).collect();
            let figures = [50, 99].map(|share| ms(percentile(&mut taken, share))).join(" / ");
            self.table.say(what, figures, bound, "");
        }
    }
}

fn hook(home: &Path, input: &[u8]) -> Duration {
    let began = Instant::now();
    let mut child = Command::new(MEDBAY)
        .args(["hook", "claude-code"])
        .env_clear()
        .env("HOME", home)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait().unwrap();
    began.elapsed()
}

/// Appends two lines at a time, evenly spread; gives each mark with when it was appended.
fn append(file: &mut File, rate: u32, time: Duration, lines: impl Fn(&str) -> String) -> Vec<(u32, Instant)> {
    let between = Duration::from_secs(2) / rate;
    let began = Instant::now();
    let mut appended = Vec::new();
    let mut mark = 2;
    while began.elapsed() < time {
        let text = lines(&format!("mark-{mark:07}"));
        file.write_all(text.as_bytes()).unwrap();
        appended.push((mark, Instant::now()));
        let next = between * (mark - 1);
        std::thread::sleep(next.saturating_sub(began.elapsed()));
        mark += 1;
    }
    appended
}

/// For each line that was appended: how long until it, or a later one, was on the screen.
fn latencies(appended: &[(u32, Instant)], seen: &[(u32, Instant)]) -> Vec<Duration> {
    let mut seen = seen.iter().peekable();
    let mut all = Vec::new();
    for (mark, at) in appended {
        while seen.next_if(|(shown, _)| shown < mark).is_some() {}
        all.extend(seen.peek().map(|(_, shown)| shown.saturating_duration_since(*at)));
    }
    all
}

/// Anonymous memory of this process, in bytes.
fn anonymous() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<f64>().ok()).unwrap_or(0.0) * 1024.0
}

/// Processor time of a process so far, in hundredths of a second.
fn ticks(id: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    after_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum()
}

fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.is_file())
}
