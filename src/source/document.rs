//! A log that is one JSON document: its records are the elements of its list.
//!
//! Only documents that are set out on several lines are taken for one (a first line of nothing but `{`
//! or `[`, as every writer that indents makes it): one on a single line is a record like any other. The
//! list is the document itself, or the member of its object that is named among [`LISTS`].

/// Members that hold a document's records.
const LISTS: &[&[u8]] = &[b"messages"];
/// Longest member name that is told apart.
const LONGEST_NAME: usize = 32;

/// What a byte of a document belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// What stands around the records.
    Around,
    /// A record that goes on.
    Record,
    /// The last byte of a record.
    End,
}

/// Where in a document the reading is.
#[derive(Debug, Default)]
pub(super) struct Document {
    /// Objects and lists that are open.
    depth: u32,
    /// Within a string.
    text: bool,
    /// Behind a backslash.
    escaped: bool,
    /// The latest string in the outermost object.
    name: Vec<u8>,
    /// The depth within the list of the records; 0: not in it.
    list: u32,
    /// Within a record.
    record: bool,
}

impl Document {
    /// Whether a first line opens a document.
    pub(super) fn opens(line: &[u8]) -> bool {
        matches!(line.trim_ascii(), b"{" | b"[")
    }

    /// Whether the document is not at its end.
    pub(super) fn is_open(&self) -> bool {
        self.depth > 0
    }

    /// Takes the next byte.
    pub(super) fn take(&mut self, byte: u8) -> Part {
        if self.text {
            self.within_text(byte);
            return self.part();
        }
        match byte {
            b'"' => {
                self.text = true;
                if self.depth == 1 {
                    self.name.clear();
                }
            }
            b'{' | b'[' => {
                self.depth = self.depth.saturating_add(1);
                if self.record {
                } else if byte == b'{' && self.list != 0 && self.depth == self.list + 1 {
                    self.record = true;
                } else if byte == b'[' && self.list == 0 {
                    let named = self.depth == 2 && LISTS.contains(&self.name.as_slice());
                    if self.depth == 1 || named {
                        self.list = self.depth;
                    }
                }
            }
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                if self.record && self.depth == self.list {
                    self.record = false;
                    return Part::End;
                }
                if !self.record && self.depth < self.list {
                    self.list = 0;
                }
            }
            _ => {}
        }
        self.part()
    }

    fn within_text(&mut self, byte: u8) {
        match byte {
            _ if self.escaped => self.escaped = false,
            b'\\' => self.escaped = true,
            b'"' => self.text = false,
            _ if self.depth == 1 && self.name.len() <= LONGEST_NAME => self.name.push(byte),
            _ => {}
        }
    }

    fn part(&self) -> Part {
        if self.record { Part::Record } else { Part::Around }
    }
}
