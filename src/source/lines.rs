//! Blocks of bytes into records. A record is a line, or in a JSON document an element of its list (see
//! `document`); its [`RecordRef`] says where it stands.
//!
//! The cuts between blocks do not matter: any division of the same bytes yields the same records.
//! There is no limit to a line's length. A line of white space is no record but is counted, so that
//! `index` stays the line number less one; in a document it is the element's number.

use memchr::{memchr, memchr_iter};

use super::document::{Document, Part};
use crate::trace::RecordRef;

/// The mark that some editors put at a text's beginning.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Cuts one source's bytes into records.
#[derive(Debug)]
pub struct Splitter {
    source: u16,
    /// Position in the source of the first byte that is not in a finished line.
    line_start: u64,
    /// Lines before it.
    index: u32,
    /// The beginning of a line whose end has not come yet.
    partial: Vec<u8>,
    /// The source is one document.
    document: Option<Document>,
}

impl Splitter {
    /// A splitter at the beginning of a source; `source` is the source's number in its run.
    pub fn new(source: u16) -> Self {
        Self::at(source, 0, 0)
    }

    /// A splitter at a line's beginning: its byte offset and the count of lines before it.
    pub fn at(source: u16, offset: u64, index: u32) -> Self {
        Self { source, line_start: offset, index, partial: Vec::new(), document: None }
    }

    /// The source's number in its run.
    pub fn source(&self) -> u16 {
        self.source
    }

    /// The offset of the byte that must come next.
    pub fn position(&self) -> u64 {
        self.line_start + self.partial.len() as u64
    }

    /// How many lines were finished.
    pub fn index(&self) -> u32 {
        self.index
    }

    /// The beginning of the line whose end has not come yet.
    pub fn partial(&self) -> &[u8] {
        &self.partial
    }

    /// Whether the source turned out to be one document. Its records end where no line does.
    pub fn is_document(&self) -> bool {
        self.document.is_some()
    }

    /// Takes the next bytes of the source and hands on the records that they finish.
    pub fn push(&mut self, block: &[u8], mut sink: impl FnMut(RecordRef, &[u8])) {
        if self.document.is_some() {
            return self.within(block, &mut sink);
        }
        let mut rest = block;
        if !self.partial.is_empty() {
            let Some(end) = memchr(b'\n', rest) else {
                self.partial.extend_from_slice(rest);
                return;
            };
            let (head, tail) = rest.split_at(end);
            self.partial.extend_from_slice(head);
            let line = std::mem::take(&mut self.partial);
            self.line(&line, 1, &mut sink);
            // Keep the memory of an ordinary line; give that of a huge one back.
            if line.capacity() <= 64 * 1024 {
                self.partial = line;
                self.partial.clear();
            }
            rest = tail.get(1..).unwrap_or_default();
            if self.document.is_some() {
                return self.within(rest, &mut sink);
            }
        }
        let mut start = 0;
        for end in memchr_iter(b'\n', rest) {
            self.line(rest.get(start..end).unwrap_or_default(), 1, &mut sink);
            start = end + 1;
            if self.document.is_some() {
                return self.within(rest.get(start..).unwrap_or_default(), &mut sink);
            }
        }
        self.partial.extend_from_slice(rest.get(start..).unwrap_or_default());
    }

    /// The source is closed: what is left without a line end is a record too if it is whole, which
    /// for JSON can be told. Whether something was left that is not.
    pub fn finish(&mut self, mut sink: impl FnMut(RecordRef, &[u8])) -> bool {
        if let Some(document) = &self.document {
            return document.is_open();
        }
        let line = std::mem::take(&mut self.partial);
        if line.iter().all(u8::is_ascii_whitespace) {
            self.line_start += line.len() as u64;
            return false;
        }
        if serde_json::from_slice::<serde::de::IgnoredAny>(without_mark(&line)).is_err() {
            self.partial = line;
            return true;
        }
        self.line(&line, 0, &mut sink);
        false
    }

    fn line(&mut self, line: &[u8], line_end: u64, sink: &mut impl FnMut(RecordRef, &[u8])) {
        let mut record = line.strip_suffix(b"\r").unwrap_or(line);
        let mut offset = self.line_start;
        if offset == 0 {
            let bare = without_mark(record);
            offset += (record.len() - bare.len()) as u64;
            record = bare;
            if line_end > 0 && Document::opens(record) {
                let mut document = Document::default();
                for byte in record {
                    document.take(*byte);
                }
                self.document = Some(document);
                self.line_start += line.len() as u64 + line_end;
                return;
            }
        }
        if !record.iter().all(u8::is_ascii_whitespace) {
            let at = RecordRef {
                offset,
                length: u32::try_from(record.len()).unwrap_or(u32::MAX),
                index: self.index,
                source: self.source,
            };
            sink(at, record);
        }
        self.line_start += line.len() as u64 + line_end;
        self.index = self.index.saturating_add(1);
    }

    /// Takes the next bytes of a document.
    fn within(&mut self, block: &[u8], sink: &mut impl FnMut(RecordRef, &[u8])) {
        let Some(document) = &mut self.document else { return };
        for byte in block {
            match document.take(*byte) {
                Part::Around => {
                    self.line_start += 1;
                    continue;
                }
                Part::Record => self.partial.push(*byte),
                Part::End => {
                    self.partial.push(*byte);
                    let at = RecordRef {
                        offset: self.line_start,
                        length: u32::try_from(self.partial.len()).unwrap_or(u32::MAX),
                        index: self.index,
                        source: self.source,
                    };
                    sink(at, &self.partial);
                    self.line_start += self.partial.len() as u64;
                    self.index = self.index.saturating_add(1);
                    self.partial.clear();
                }
            }
        }
    }
}

fn without_mark(record: &[u8]) -> &[u8] {
    record.strip_prefix(BYTE_ORDER_MARK).unwrap_or(record)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(blocks: &[&[u8]], finish: bool) -> (Vec<(RecordRef, Vec<u8>)>, Vec<u8>) {
        let mut splitter = Splitter::new(0);
        let mut records = Vec::new();
        for block in blocks {
            splitter.push(block, |at, bytes| records.push((at, bytes.to_vec())));
        }
        if finish {
            splitter.finish(|at, bytes| records.push((at, bytes.to_vec())));
        }
        (records, splitter.partial().to_vec())
    }

    fn texts(records: &[(RecordRef, Vec<u8>)]) -> Vec<&str> {
        records.iter().map(|(_, bytes)| std::str::from_utf8(bytes).unwrap()).collect()
    }

    #[test]
    fn line_ends_of_both_kinds_and_blank_lines() {
        let (records, partial) = split(&[b"{\"a\":1}\r\n\n  \n{\"b\":2}\n{\"c\""], false);
        assert_eq!(texts(&records), ["{\"a\":1}", "{\"b\":2}"]);
        assert_eq!(records[1].0.index, 3, "blank lines are counted");
        assert_eq!(records[1].0.offset, 13);
        assert_eq!(partial, b"{\"c\"");
    }

    #[test]
    fn a_last_line_without_its_end_counts_when_it_is_whole() {
        assert_eq!(texts(&split(&[b"{}\n{\"a\":", b"1}"], true).0), ["{}", "{\"a\":1}"]);
        let (records, left) = split(&[b"{}\n{\"a\":"], true);
        assert_eq!(texts(&records), ["{}"]);
        assert_eq!(left, b"{\"a\":");
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_first_record() {
        let (records, _) = split(&[b"\xef\xbb\xbf{}\n{}\n"], false);
        assert_eq!(texts(&records), ["{}", "{}"]);
        assert_eq!((records[0].0.offset, records[0].0.length), (3, 2));
        assert_eq!(records[1].0.offset, 6);
    }

    #[test]
    fn a_document_is_cut_into_the_elements_of_its_list() {
        let text = br#"{
  "kind": "messages", "meta": {"messages": [{"no": 1}]}, "messages": [
    {"id": "a", "x": ["}", {"y": "\\\"]"}]},
    7, {"id": "b"}
  ],
  "more": [{"no": 2}]
}
"#;
        let (records, left) = split(&[text], true);
        assert_eq!(texts(&records), [r#"{"id": "a", "x": ["}", {"y": "\\\"]"}]}"#, r#"{"id": "b"}"#]);
        assert_eq!((records[1].0.index, left.len()), (1, 0));
        let list = b"[\n  {\"a\": 1},\n  {\"b\"";
        let mut splitter = Splitter::new(0);
        let mut seen = 0;
        splitter.push(list, |_, _| seen += 1);
        assert!(splitter.is_document() && splitter.finish(|_, _| seen += 1), "it is torn");
        assert_eq!((seen, splitter.position()), (1, list.len() as u64));
        // A line that is whole by itself is a record, whatever it holds.
        assert_eq!(texts(&split(&[b"{\"messages\":[{}]}\n{\n"], false).0), ["{\"messages\":[{}]}", "{"]);
    }

    proptest! {
        #[test]
        fn any_division_of_a_document_yields_the_same_records(
            elements in proptest::collection::vec("[ a{}\\[\\]\"\\\\é:,\n]{0,12}", 0..6),
            cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..10),
        ) {
            let list: Vec<_> = elements.iter().map(|text| serde_json::json!({"text": text})).collect();
            let whole = serde_json::to_string_pretty(&serde_json::json!({"a": 1, "messages": list})).unwrap();
            let bytes = whole.as_bytes();
            let mut cuts: Vec<usize> = cuts.iter().map(|i| i.index(bytes.len() + 1)).collect();
            cuts.sort_unstable();
            let mut blocks = Vec::new();
            let mut start = 0;
            for cut in cuts.into_iter().chain([bytes.len()]) {
                blocks.push(&bytes[start..cut]);
                start = cut;
            }
            let (records, left) = split(&blocks, true);
            prop_assert_eq!(records.len(), elements.len());
            prop_assert!(left.is_empty());
            for ((at, record), text) in records.iter().zip(&elements) {
                let start = at.offset as usize;
                prop_assert_eq!(&bytes[start..start + at.length as usize], &record[..]);
                let value: serde_json::Value = serde_json::from_slice(record).unwrap();
                prop_assert_eq!(value["text"].as_str(), Some(text.as_str()));
            }
        }

        #[test]
        fn any_division_into_blocks_yields_the_same_records(
            lines in proptest::collection::vec("[ a{}\"é日\r]{0,12}", 0..12),
            ended in any::<bool>(),
            cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..10),
        ) {
            let mut bytes = lines.join("\n").into_bytes();
            if ended {
                bytes.push(b'\n');
            }
            let mut cuts: Vec<usize> = cuts.iter().map(|i| i.index(bytes.len() + 1)).collect();
            cuts.sort_unstable();
            let mut blocks = Vec::new();
            let mut start = 0;
            for cut in cuts.into_iter().chain([bytes.len()]) {
                blocks.push(&bytes[start..cut]);
                start = cut;
            }
            let whole = split(&[&bytes], false);
            prop_assert_eq!(&split(&blocks, false), &whole);
            prop_assert_eq!(split(&blocks, true), split(&[&bytes], true));
            // Each record is where it says that it is.
            for (at, record) in &whole.0 {
                let start = at.offset as usize;
                prop_assert_eq!(&bytes[start..start + at.length as usize], &record[..]);
                let before = bytes[..start].iter().filter(|b| **b == b'\n').count();
                prop_assert_eq!(at.index as usize, before);
            }
        }
    }
}
