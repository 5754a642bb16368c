//! Where the values of a JSON text stand, so that one can be put in or taken out and every other byte
//! stays as its owner wrote it.

use std::ops::Range;

/// A value and its place.
#[derive(Debug)]
pub(super) struct Node {
    /// Its bytes, from its first to after its last.
    pub(super) span: Range<usize>,
    /// What it is.
    pub(super) kind: Kind,
}

/// What a value is.
#[derive(Debug)]
pub(super) enum Kind {
    Object(Vec<Member>),
    Array(Vec<Node>),
    Text(String),
    Other,
}

/// A member of an object.
#[derive(Debug)]
pub(super) struct Member {
    /// Its name.
    pub(super) key: String,
    /// From the name's first byte to after the value's last.
    pub(super) span: Range<usize>,
    /// Its value.
    pub(super) value: Node,
}

impl Node {
    /// The only member of that name; `Err` where there are several.
    pub(super) fn member(&self, key: &str) -> Result<Option<&Member>, ()> {
        let Kind::Object(members) = &self.kind else { return Ok(None) };
        let mut found = members.iter().filter(|member| member.key == key);
        let first = found.next();
        if found.next().is_some() { Err(()) } else { Ok(first) }
    }

    /// The text of the only member of that name.
    pub(super) fn text_of(&self, key: &str) -> Option<&str> {
        match &self.member(key).ok()??.value.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The elements of an array.
    pub(super) fn elements(&self) -> Option<&[Node]> {
        match &self.kind {
            Kind::Array(elements) => Some(elements),
            _ => None,
        }
    }

    /// The places of what is in it.
    pub(super) fn inside(&self) -> Vec<Range<usize>> {
        match &self.kind {
            Kind::Object(members) => members.iter().map(|m| m.span.clone()).collect(),
            Kind::Array(elements) => elements.iter().map(|e| e.span.clone()).collect(),
            _ => Vec::new(),
        }
    }
}

/// The outline of a JSON text; the error is the 1-based line where it stops being JSON, and why.
pub(super) fn outline(text: &str) -> Result<Node, (usize, String)> {
    // The grammar is serde_json's to judge, with its bound on depth; here only places are found.
    serde_json::from_str::<serde::de::IgnoredAny>(text).map_err(|e| (e.line(), e.to_string()))?;
    let mut at = Places { text, at: 0 };
    at.value().ok_or_else(|| (1, "it cannot be taken apart".to_owned()))
}

struct Places<'a> {
    text: &'a str,
    at: usize,
}

impl Places<'_> {
    fn peek(&mut self) -> Option<u8> {
        let rest = self.text.as_bytes().get(self.at..)?;
        let blank = rest.iter().take_while(|b| b.is_ascii_whitespace()).count();
        self.at += blank;
        rest.get(blank).copied()
    }

    fn value(&mut self) -> Option<Node> {
        let first = self.peek()?;
        let start = self.at;
        let kind = match first {
            b'{' => Kind::Object(self.list(b'}', Self::one_member)?),
            b'[' => Kind::Array(self.list(b']', Self::value)?),
            b'"' => Kind::Text(self.string()?),
            _ => {
                let rest = self.text.as_bytes().get(self.at..)?;
                self.at += rest.iter().take_while(|b| !b",]} \t\r\n".contains(b)).count();
                Kind::Other
            }
        };
        Some(Node { span: start..self.at, kind })
    }

    fn list<T>(&mut self, end: u8, one: fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        self.at += 1;
        let mut all = Vec::new();
        loop {
            match self.peek()? {
                b',' => self.at += 1,
                b if b == end => {
                    self.at += 1;
                    return Some(all);
                }
                _ => all.push(one(self)?),
            }
        }
    }

    fn one_member(&mut self) -> Option<Member> {
        let start = self.at;
        let key = self.string()?;
        if self.peek()? != b':' {
            return None;
        }
        self.at += 1;
        let value = self.value()?;
        Some(Member { key, span: start..self.at, value })
    }

    fn string(&mut self) -> Option<String> {
        let start = self.at;
        let mut escaped = false;
        for (offset, byte) in self.text.as_bytes().get(start..)?.iter().enumerate().skip(1) {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => {
                    self.at = start + offset + 1;
                    return serde_json::from_str(self.text.get(start..self.at)?).ok();
                }
                _ => {}
            }
        }
        None
    }
}
