//! A made-up log in the shape of Claude Code's, of any size and the same every time: prompts, words,
//! calls, results, and the records about the session in between. Lines are about 3 KB on average, so
//! that 1 GB holds about 340,000.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

/// Writes lines one after the other.
pub struct Generator {
    state: u64,
    count: u64,
    /// Records still to come of the turn at hand, and the call that waits for its result.
    calls_left: u32,
    open: Option<(String, usize)>,
    line: String,
}

const WORDS: &[&str] = &[
    "parser", "ledger", "handler", "timeout", "config", "socket", "branch", "commit", "buffer", "worker",
    "index", "query", "schema", "window", "reader", "retry", "value", "column", "record", "module", "return",
    "missing", "expected", "update", "assert", "string", "result", "session", "token", "border",
];

const TOOLS: &[&str] = &["Read", "Bash", "Edit", "Grep"];

impl Generator {
    /// A generator at the beginning of a log.
    pub fn new(seed: u64) -> Self {
        Self { state: seed | 1, count: 0, calls_left: 0, open: None, line: String::new() }
    }

    fn random(&mut self, below: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state % below
    }

    fn words(&mut self, count: u64) -> String {
        let mut text = String::new();
        for _ in 0..count {
            let word = WORDS[self.random(WORDS.len() as u64) as usize];
            text.push_str(word);
            text.push(' ');
        }
        text
    }

    /// What a tool gave back: lines of source or of output, escaped as they stand in JSON.
    fn output(&mut self, lines: u64) -> String {
        let mut text = String::new();
        for number in 0..lines {
            let (module, word) = (self.random(40), self.words(5));
            let value = self.random(100_000);
            let _ = match number % 4 {
                0 => write!(text, "src/module_{module}.rs:{value}: let {word}= \\\"{value}\\\";\\n"),
                1 => write!(text, "\\t// {word}\\n"),
                2 => write!(text, "    {word}({value}, &mut self.field_{module})?;\\n"),
                _ => write!(text, "{number:>5}\\t{word}\\n"),
            };
        }
        text
    }

    fn head(&mut self, kind: &str) {
        let n = self.count;
        self.count += 1;
        let (second, milli) = (n / 4, n % 4 * 250);
        let (minute, hour, day) = (second / 60, second / 3600, second / 86_400);
        self.line.clear();
        let _ = write!(
            self.line,
            r#"{{"parentUuid":"0c0ffee0-0000-4000-8000-{:012x}","isSidechain":false,"userType":"external","cwd":"/home/dev/widgets","sessionId":"5b0c0000-aaaa-4bbb-8ccc-000000000001","version":"2.1.20","gitBranch":"main","type":"{kind}","uuid":"0c0ffee0-0000-4000-8000-{:012x}","timestamp":"2026-{:02}-{:02}T{:02}:{:02}:{:02}.{milli:03}Z","#,
            n.wrapping_sub(1) & 0xffff_ffff_ffff,
            n,
            1 + day / 28 % 12,
            1 + day % 28,
            hour % 24,
            minute % 60,
            second % 60,
        );
    }

    fn assistant(&mut self, block: &str, stop: &str) {
        self.head("assistant");
        let (n, cached) = (self.count, self.random(90_000));
        let _ = write!(
            self.line,
            r#""requestId":"req_{n:x}","message":{{"id":"msg_{n:x}","type":"message","role":"assistant","model":"claude-sonnet-4-5","content":[{block}],"stop_reason":{stop},"stop_sequence":null,"usage":{{"input_tokens":6,"cache_creation_input_tokens":312,"cache_read_input_tokens":{cached},"output_tokens":211,"service_tier":"standard"}}}}}}"#
        );
    }

    /// The next line, without its end.
    pub fn next_line(&mut self) -> &str {
        if let Some((id, tool)) = self.open.take() {
            self.result(&id, tool);
        } else if self.calls_left == 0 {
            self.calls_left = 4 + self.random(12) as u32;
            let mut text = self.words(30);
            if self.count == 0 {
                text.insert_str(0, TITLE);
            }
            self.head("user");
            let _ = write!(self.line, r#""message":{{"role":"user","content":"{text}"}}}}"#);
        } else {
            self.calls_left -= 1;
            match (self.calls_left, self.random(10)) {
                (0, _) => {
                    let text = self.words(60);
                    self.assistant(&format!(r#"{{"type":"text","text":"{text}"}}"#), r#""end_turn""#);
                }
                (_, 0) => {
                    let text = self.words(120);
                    let block = format!(r#"{{"type":"thinking","thinking":"{text}","signature":"c2ln"}}"#);
                    self.assistant(&block, "null");
                }
                (_, 1 | 2) => {
                    let text = self.words(40);
                    self.assistant(&format!(r#"{{"type":"text","text":"{text}"}}"#), "null");
                }
                (_, 3) => {
                    self.head("system");
                    self.line.push_str(r#""subtype":"turn_duration","durationMs":1200,"isMeta":true}"#);
                }
                _ => self.call(),
            }
        }
        &self.line
    }

    fn call(&mut self) {
        let tool = self.random(TOOLS.len() as u64) as usize;
        let module = self.random(40);
        let id = format!("toolu_{:016x}", self.count);
        let input = match tool {
            0 => format!(
                r#"{{"file_path":"/home/dev/widgets/src/module_{module}.rs","offset":{}}}"#,
                self.random(900)
            ),
            1 => format!(
                r#"{{"command":"cargo build -p widgets --bin module_{module} --jobs {}","description":"{}"}}"#,
                1 + self.random(60),
                self.words(6)
            ),
            2 => {
                let (old, new) = (self.output(6), self.output(7));
                format!(
                    r#"{{"file_path":"/home/dev/widgets/src/module_{module}.rs","old_string":"{old}","new_string":"{new}"}}"#
                )
            }
            _ => format!(r#"{{"pattern":"fn field_{module}","path":"src","output_mode":"content"}}"#),
        };
        let block = format!(r#"{{"type":"tool_use","id":"{id}","name":"{}","input":{input}}}"#, TOOLS[tool]);
        self.assistant(&block, r#""tool_use""#);
        self.open = Some((id, tool));
    }

    fn result(&mut self, id: &str, tool: usize) {
        let fails = self.random(25) == 0;
        let lines = if fails { 4 } else { 20 + self.random(110) };
        let text = self.output(lines);
        self.head("user");
        let error = if fails { r#","is_error":true"# } else { "" };
        let beside = match tool {
            _ if fails => r#""Error: Exit code 1""#.to_owned(),
            0 => format!(
                r#"{{"type":"text","file":{{"filePath":"/home/dev/widgets/src/a.rs","content":"{text}","numLines":{lines},"startLine":1}}}}"#
            ),
            1 => format!(r#"{{"stdout":"{text}","stderr":"","interrupted":false,"isImage":false}}"#),
            2 => r#"{"filePath":"/home/dev/widgets/src/a.rs","userModified":false}"#.to_owned(),
            _ => format!(r#"{{"mode":"content","numFiles":3,"content":"{text}","numLines":{lines}}}"#),
        };
        let _ = write!(
            self.line,
            r#""message":{{"role":"user","content":[{{"tool_use_id":"{id}","type":"tool_result","content":"{text}"{error}}}]}},"toolUseResult":{beside}}}"#
        );
    }
}

/// What the first prompt of every log begins with, and so its title.
pub const TITLE: &str = "Bring the ledger up to date: ";

/// The last call of every log: it is on the log's last screen and nowhere else.
pub const LAST: &str = "mark-0000001";

/// A call of the shell with a name, and its result.
pub fn step(name: &str) -> [String; 2] {
    let session =
        r#""parentUuid":null,"isSidechain":false,"sessionId":"5b0c0000-aaaa-4bbb-8ccc-000000000001""#;
    [
        format!(
            r#"{{{session},"type":"assistant","uuid":"c-{name}","message":{{"id":"m-{name}","role":"assistant","content":[{{"type":"tool_use","id":"t-{name}","name":"Bash","input":{{"command":"echo {name}"}}}}],"stop_reason":"tool_use","usage":{{"input_tokens":1,"output_tokens":1}}}}}}"#
        ),
        format!(
            r#"{{{session},"type":"user","uuid":"r-{name}","message":{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"t-{name}","content":"{name}"}}]}}}}"#
        ),
    ]
}

/// A log of at least `bytes` bytes in `folder`; made anew where none of that size is there.
pub fn log(folder: &Path, bytes: u64) -> io::Result<PathBuf> {
    let path = folder.join(format!("made-{bytes}.jsonl"));
    if path.metadata().is_ok_and(|there| there.len() >= bytes) {
        return Ok(path);
    }
    std::fs::create_dir_all(folder)?;
    let making = path.with_extension("making");
    let mut file = BufWriter::with_capacity(1 << 20, File::create(&making)?);
    let mut generator = Generator::new(7);
    let mut written = 0;
    while written < bytes {
        let line = generator.next_line();
        written += line.len() as u64 + 1;
        file.write_all(line.as_bytes())?;
        file.write_all(b"\n")?;
    }
    for line in step(LAST) {
        file.write_all(line.as_bytes())?;
        file.write_all(b"\n")?;
    }
    file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    std::fs::rename(making, &path)?;
    Ok(path)
}
