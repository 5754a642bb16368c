//! One followed file. Reads what has been added, in blocks, and notices when the file was cut short
//! in place, replaced by another of the same name, or taken away.
//!
//! Writers do all of that: Claude Code cuts a broken last line off in place, others write a new file
//! and rename it over the old one. What was handed on and no longer holds is taken back with
//! [`Seen::Cut`]; the reader then reads the run again from the beginning.

use std::collections::VecDeque;
use std::fs::{self, File, Metadata};
use std::hash::Hasher as _;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustc_hash::FxHasher;

use super::lines::Splitter;
use crate::trace::RecordRef;

/// How much is read at once.
pub const BLOCK_BYTES: usize = 1024 * 1024;

/// How many of the last records are remembered, to find the place from which a file still holds.
const REMEMBERED: usize = 16;

/// How near to the end of a file a record must be to be remembered.
const NEAR_THE_END: u64 = 4 * BLOCK_BYTES as u64;

/// How many bytes before the next one are compared before more is read: shows a file that was cut
/// short and has grown beyond its old length since.
const GUARD_BYTES: usize = 64;

/// What a followed file has to say.
#[derive(Debug)]
pub enum Seen<'a> {
    /// The next record.
    Record(RecordRef, &'a [u8]),
    /// Records from this index on no longer hold; what comes next takes their place. 0: a new file.
    Cut(u32),
}

/// How far a file has been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// There is more to read.
    More,
    /// Everything that is there has been read.
    End,
    /// The file is gone or cannot be read: one clause. It may come back.
    Lost(String),
}

/// A file by what it is and not by its name: device and number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileId(u64, u64);

impl FileId {
    #[cfg(unix)]
    fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        Self(metadata.dev(), metadata.ino())
    }

    #[cfg(not(unix))]
    fn of(metadata: &Metadata) -> Self {
        // The time of creation tells most replacements.
        let created = metadata
            .created()
            .ok()
            .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok())
            .map_or(0, |age| age.as_nanos() as u64);
        Self(0, created)
    }
}

/// A record that is remembered.
#[derive(Clone, Copy, Debug)]
struct Mark {
    at: RecordRef,
    hash: u64,
}

/// One followed file.
#[derive(Debug)]
pub struct Tail {
    path: PathBuf,
    file: Option<File>,
    id: Option<FileId>,
    splitter: Splitter,
    size: u64,
    modified: Option<SystemTime>,
    marks: VecDeque<Mark>,
    /// The last bytes before the splitter's position.
    guard: Vec<u8>,
    lost: Option<String>,
}

impl Tail {
    /// Follows a file from its beginning. Nothing is opened yet; the file need not be there.
    pub fn new(path: impl Into<PathBuf>, source: u16) -> Self {
        Self {
            path: path.into(),
            file: None,
            id: None,
            splitter: Splitter::new(source),
            size: 0,
            modified: None,
            marks: VecDeque::new(),
            guard: Vec::new(),
            lost: None,
        }
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes read.
    pub fn read(&self) -> u64 {
        self.splitter.position()
    }

    /// Bytes there, as last seen.
    pub fn size(&self) -> u64 {
        self.size.max(self.read())
    }

    /// Why the file cannot be read, if it cannot: one clause.
    pub fn lost(&self) -> Option<&str> {
        self.lost.as_deref()
    }

    /// Whether the file is held open.
    pub fn is_open(&self) -> bool {
        self.file.is_some()
    }

    /// Closes the file until there is more to read. A file that is replaced meanwhile is not read to
    /// its end any more.
    pub fn rest(&mut self) {
        self.file = None;
    }

    /// Begins again at the file's beginning, as this source of its run.
    pub fn begin_again(&mut self, source: u16) {
        self.splitter = Splitter::new(source);
        self.marks.clear();
        self.guard.clear();
    }

    /// Looks at the file and reads at most `blocks` blocks of what is new, handing it on in order.
    /// `buffer` is memory to read into; its content means nothing.
    pub fn advance(
        &mut self,
        blocks: usize,
        buffer: &mut Vec<u8>,
        mut sink: impl FnMut(Seen<'_>),
    ) -> Progress {
        match self.look(buffer, &mut sink) {
            Ok(()) => {}
            Err(error) => return self.lose(&error, buffer, &mut sink),
        }
        self.lost = None;
        for _ in 0..blocks {
            match self.read_block(buffer, &mut sink) {
                Ok(0) => return Progress::End,
                Ok(_) => {}
                Err(error) => return self.lose(&error, buffer, &mut sink),
            }
        }
        if self.read() < self.size { Progress::More } else { Progress::End }
    }

    /// The source is closed and will not grow: hands on a last line without its end if it is whole.
    /// Whether something was left that is not.
    pub fn finish(&mut self, mut sink: impl FnMut(Seen<'_>)) -> bool {
        self.splitter.finish(|at, record| sink(Seen::Record(at, record)))
    }

    /// Sees to it that `self.file` is the file that the path names, and that what has been read of
    /// it still stands there.
    fn look(&mut self, buffer: &mut Vec<u8>, sink: &mut impl FnMut(Seen<'_>)) -> io::Result<()> {
        let there = fs::metadata(&self.path)?;
        if there.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let id = FileId::of(&there);
        if self.id.is_some_and(|known| known != id) {
            // Another file has taken the name: the old one's last words first.
            self.drain(buffer, sink);
            self.file = None;
            self.restart(0, 0, sink);
        }
        if self.file.is_none() {
            let file = File::open(&self.path)?;
            // Between the look and the opening yet another file may have come.
            self.id = Some(FileId::of(&file.metadata()?));
            self.file = Some(file);
        }
        self.size = there.len();
        let modified = there.modified().ok();
        let touched = modified != self.modified;
        self.modified = modified;
        if self.size < self.read() || (touched && !self.guard_holds()) {
            self.step_back(sink);
        }
        Ok(())
    }

    /// Reads the open file to its end, whatever has become of its name.
    fn drain(&mut self, buffer: &mut Vec<u8>, sink: &mut impl FnMut(Seen<'_>)) {
        if self.file.is_none() {
            return;
        }
        while matches!(self.read_block(buffer, sink), Ok(count) if count > 0) {}
        self.splitter.finish(|at, record| sink(Seen::Record(at, record)));
    }

    fn lose(&mut self, error: &io::Error, buffer: &mut Vec<u8>, sink: &mut impl FnMut(Seen<'_>)) -> Progress {
        let reason = match error.kind() {
            io::ErrorKind::NotFound => "the file is gone".to_owned(),
            io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
            io::ErrorKind::IsADirectory => "a directory stands in its place".to_owned(),
            _ => error.to_string(),
        };
        if self.lost.is_none() {
            self.drain(buffer, sink);
            self.file = None;
        }
        self.lost = Some(reason.clone());
        Progress::Lost(reason)
    }

    fn read_block(&mut self, buffer: &mut Vec<u8>, sink: &mut impl FnMut(Seen<'_>)) -> io::Result<usize> {
        let Some(file) = &self.file else {
            return Ok(0);
        };
        let position = self.splitter.position();
        // A small addition needs no large buffer: with a thousand files most are small.
        let wanted = usize::try_from(self.size.saturating_sub(position))
            .unwrap_or(BLOCK_BYTES)
            .clamp(4096, BLOCK_BYTES);
        if buffer.len() < wanted {
            buffer.resize(wanted, 0);
        }
        let Some(room) = buffer.get_mut(..wanted) else {
            return Ok(0);
        };
        let count = read_at(file, room, position)?;
        let Some(block) = buffer.get(..count) else {
            return Ok(0);
        };
        let near = self.size.saturating_sub(NEAR_THE_END);
        let marks = &mut self.marks;
        self.splitter.push(block, |at, record| {
            if at.offset >= near {
                if marks.len() == REMEMBERED {
                    marks.pop_front();
                }
                marks.push_back(Mark { at, hash: hash(record) });
            }
            sink(Seen::Record(at, record));
        });
        if self.splitter.is_document() {
            // Written anew as a whole; nothing in it can be gone back to.
            self.marks.clear();
        }
        self.remember_guard(count, buffer);
        Ok(count)
    }

    fn remember_guard(&mut self, count: usize, buffer: &[u8]) {
        let block = buffer.get(..count).unwrap_or_default();
        if count >= GUARD_BYTES {
            self.guard.clear();
        }
        let from = count.saturating_sub(GUARD_BYTES);
        self.guard.extend_from_slice(block.get(from..).unwrap_or_default());
        let excess = self.guard.len().saturating_sub(GUARD_BYTES);
        self.guard.drain(..excess);
    }

    /// Whether the last bytes that were read still stand before the next one.
    fn guard_holds(&self) -> bool {
        let Some(file) = &self.file else {
            return true;
        };
        let from = self.read().saturating_sub(self.guard.len() as u64);
        let mut now = [0; GUARD_BYTES];
        let Some(room) = now.get_mut(..self.guard.len()) else {
            return false;
        };
        matches!(read_full_at(file, room, from), Ok(count) if count == room.len()) && *room == *self.guard
    }

    /// Goes back to the last record that still stands where it stood.
    fn step_back(&mut self, sink: &mut impl FnMut(Seen<'_>)) {
        while let Some(mark) = self.marks.pop_back() {
            if let Some(end) = self.still_stands(&mark) {
                let next = mark.at.index.saturating_add(1);
                self.marks.push_back(mark);
                return self.restart(end, next, sink);
            }
        }
        self.restart(0, 0, sink);
    }

    /// The offset behind a record's line, if the record still stands where it stood.
    fn still_stands(&self, mark: &Mark) -> Option<u64> {
        let file = self.file.as_ref()?;
        let length = usize::try_from(mark.at.length).ok()?;
        // The record, and the end of its line.
        let mut bytes = vec![0; length + 2];
        let count = read_full_at(file, &mut bytes, mark.at.offset).ok()?;
        let (record, rest) = bytes.get(..count)?.split_at_checked(length)?;
        if hash(record) != mark.hash {
            return None;
        }
        let line_end = if rest.starts_with(b"\n") {
            1
        } else if rest.starts_with(b"\r\n") {
            2
        } else {
            return None;
        };
        Some(mark.at.offset + u64::from(mark.at.length) + line_end)
    }

    fn restart(&mut self, offset: u64, index: u32, sink: &mut impl FnMut(Seen<'_>)) {
        let taken_back = self.splitter.index() > index;
        self.splitter = Splitter::at(self.splitter.source(), offset, index);
        if offset == 0 {
            self.marks.clear();
        }
        self.guard.clear();
        // When only an unfinished line was cut off, nothing that was handed on has changed.
        if taken_back {
            sink(Seen::Cut(index));
        }
    }
}

fn hash(record: &[u8]) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(record);
    hasher.finish()
}

/// Reads what one read gives at an offset, without moving anything.
#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    use std::os::unix::fs::FileExt as _;
    loop {
        match file.read_at(buffer, offset) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

#[cfg(windows)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    use std::os::windows::fs::FileExt as _;
    file.seek_read(buffer, offset)
}

/// Fills the buffer as far as the file goes.
pub(crate) fn read_full_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(room) = buffer.get_mut(filled..).filter(|room| !room.is_empty()) {
        match read_at(file, room, offset + filled as u64)? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    struct Bench {
        _directory: tempfile::TempDir,
        path: PathBuf,
        tail: Tail,
        buffer: Vec<u8>,
    }

    impl Bench {
        fn new(content: &str) -> Self {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("run.jsonl");
            fs::write(&path, content).unwrap();
            Self { tail: Tail::new(&path, 0), path, _directory: directory, buffer: Vec::new() }
        }

        fn append(&self, content: &str) {
            let mut file = fs::OpenOptions::new().append(true).create(true).open(&self.path).unwrap();
            file.write_all(content.as_bytes()).unwrap();
        }

        /// What is seen: records as text, cuts as `cut N`.
        fn seen(&mut self) -> Vec<String> {
            let mut seen = Vec::new();
            loop {
                let progress = self.tail.advance(1, &mut self.buffer, |s| {
                    seen.push(match s {
                        Seen::Record(at, bytes) => {
                            assert_eq!(at.length as usize, bytes.len());
                            String::from_utf8(bytes.to_vec()).unwrap()
                        }
                        Seen::Cut(index) => format!("cut {index}"),
                    });
                });
                match progress {
                    Progress::More => {}
                    Progress::End => return seen,
                    Progress::Lost(reason) => {
                        seen.push(format!("lost: {reason}"));
                        return seen;
                    }
                }
            }
        }
    }

    #[test]
    fn it_follows_growth_by_pieces() {
        let mut bench = Bench::new("1\n2");
        assert_eq!(bench.seen(), ["1"]);
        bench.append("2");
        assert!(bench.seen().is_empty());
        bench.append("2\n3\n");
        assert_eq!(bench.seen(), ["222", "3"]);
        assert!(bench.seen().is_empty());
    }

    #[test]
    fn a_last_line_cut_off_in_place_takes_back_only_that_line() {
        let mut bench = Bench::new("10\n20\n30\n");
        assert_eq!(bench.seen().len(), 3);
        fs::write(&bench.path, "10\n20\n").unwrap();
        assert_eq!(bench.seen(), ["cut 2"]);
        bench.append("40\n");
        assert_eq!(bench.seen(), ["40"]);
    }

    #[test]
    fn an_unfinished_line_cut_off_in_place_takes_nothing_back() {
        let mut bench = Bench::new("10\n20\n{\"half");
        assert_eq!(bench.seen().len(), 2);
        fs::write(&bench.path, "10\n20\n").unwrap();
        assert!(bench.seen().is_empty());
        bench.append("30\n");
        assert_eq!(bench.seen(), ["30"]);
    }

    #[test]
    fn cut_short_and_grown_again_between_two_looks() {
        let mut bench = Bench::new("10\n20\n30\n");
        assert_eq!(bench.seen().len(), 3);
        fs::write(&bench.path, "10\n20\n31\n40\n").unwrap();
        assert_eq!(bench.seen(), ["cut 2", "31", "40"]);
    }

    #[test]
    fn emptied_and_written_anew() {
        let mut bench = Bench::new("10\n20\n");
        assert_eq!(bench.seen().len(), 2);
        fs::write(&bench.path, "").unwrap();
        assert_eq!(bench.seen(), ["cut 0"]);
        fs::write(&bench.path, "50\n").unwrap();
        assert_eq!(bench.seen(), ["50"]);
    }

    #[test]
    fn replaced_by_rename_after_the_old_ones_last_words() {
        let mut bench = Bench::new("10\n");
        assert_eq!(bench.seen(), ["10"]);
        bench.append("20\n{\"whole\":1}");
        let new = bench.path.with_extension("new");
        fs::write(&new, "10\n60\n").unwrap();
        fs::rename(&new, &bench.path).unwrap();
        assert_eq!(bench.seen(), ["20", "{\"whole\":1}", "cut 0", "10", "60"]);
    }

    #[test]
    fn gone_and_come_back() {
        let mut bench = Bench::new("10\n");
        assert_eq!(bench.seen(), ["10"]);
        bench.append("20\n");
        fs::remove_file(&bench.path).unwrap();
        assert_eq!(bench.seen(), ["20", "lost: the file is gone"]);
        assert_eq!(bench.seen(), ["lost: the file is gone"]);
        bench.append("70\n80\n90\n");
        assert_eq!(bench.seen(), ["cut 0", "70", "80", "90"]);
        assert_eq!(bench.tail.lost(), None);
    }

    #[test]
    fn moved_away_and_back_nothing_is_read_twice() {
        let mut bench = Bench::new("10\n");
        assert_eq!(bench.seen(), ["10"]);
        let aside = bench.path.with_extension("aside");
        fs::rename(&bench.path, &aside).unwrap();
        assert_eq!(bench.seen(), ["lost: the file is gone"]);
        fs::rename(&aside, &bench.path).unwrap();
        bench.append("20\n");
        assert_eq!(bench.seen(), ["20"]);
    }

    #[test]
    fn a_line_longer_than_a_block() {
        let long = "x".repeat(3 * BLOCK_BYTES);
        let mut bench = Bench::new(&format!("{long}\n1\n"));
        let seen = bench.seen();
        assert_eq!(seen.len(), 2);
        assert_eq!(seen[0].len(), long.len());
        assert_eq!(bench.tail.read(), bench.tail.size());
    }
}
