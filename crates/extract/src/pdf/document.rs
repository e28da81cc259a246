//! The objects of a PDF, found where they stand in the file and in object streams.
//!
//! INVARIANT: the file is searched once for objects and once for ends of streams, so work is in proportion to its length.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use memchr::memmem;

use super::filters;
use super::font::Font;
use super::lexer::Lexer;
use super::value::{Id, Value};
use crate::INFLATED_BYTES_MAX;
use crate::sink::Sink;

/// The most objects that are read.
pub(super) const OBJECTS_MAX: usize = 200_000;

/// How many times the length of the file is parsed at most: objects may be nested in each other.
pub(super) const PARSED_TIMES_MAX: usize = 8;

/// A document.
pub(super) struct Document<'a> {
    bytes: &'a [u8],
    objects: BTreeMap<Id, Value>,
    is_encrypted: bool,
    is_truncated: bool,
    /// Where streams end, in order.
    stream_ends: Vec<usize>,
    /// Bytes that may still be inflated.
    left: usize,
    /// Fonts that were read.
    fonts: HashMap<Id, Rc<Font>>,
}

impl<'a> Document<'a> {
    pub(super) fn open(bytes: &'a [u8], sink: &mut Sink) -> Self {
        let stream_ends = memmem::find_iter(bytes, b"endstream").collect();
        let mut document = Self {
            bytes,
            objects: BTreeMap::new(),
            is_encrypted: is_encrypted_trailer(bytes),
            is_truncated: false,
            stream_ends,
            left: INFLATED_BYTES_MAX,
            fonts: HashMap::new(),
        };
        // An object inside the data of a stream is none, if the data is as long as is said.
        let (mut from, mut work, mut last) = (0, 0, 0);
        for at in memmem::find_iter(bytes, b"obj") {
            let Some(id) = (at >= from).then(|| id_before(bytes, at)).flatten() else { continue };
            if document.objects.len() >= OBJECTS_MAX {
                sink.limit("the rest of the objects", "objects_max");
                break;
            }
            if work > bytes.len().saturating_mul(PARSED_TIMES_MAX) {
                sink.limit("the rest of the objects", "parsed_times_max");
                break;
            }
            let (value, parsed_to, next) = document.object_at(at + 3);
            work += parsed_to.saturating_sub(at);
            (from, last) = (next, at);
            // Later revisions come later and replace earlier ones.
            if let Some(value) = value {
                document.is_encrypted |= value.get("Encrypt").is_some();
                document.is_truncated |=
                    matches!(value, Value::Stream(_, (_, end)) if end == bytes.len());
                document.objects.insert(id, value);
            }
        }
        // Every revision ends with the mark; what was cut off may have been another one.
        document.is_truncated |=
            memmem::rfind(bytes, b"%%EOF").is_none_or(|end_of_file| end_of_file < last);
        if !document.is_encrypted {
            document.open_object_streams(sink);
        }
        document
    }

    pub(super) const fn is_encrypted(&self) -> bool {
        self.is_encrypted
    }

    /// Whether the file, or a stream, has no end.
    pub(super) const fn is_truncated(&self) -> bool {
        self.is_truncated
    }

    /// Whether nothing more may be inflated.
    pub(super) const fn is_spent(&self) -> bool {
        self.left == 0
    }

    pub(super) fn objects(&self) -> impl Iterator<Item = (Id, &Value)> {
        self.objects.iter().map(|(id, value)| (*id, value))
    }

    pub(super) fn object(&self, id: Id) -> Option<&Value> {
        self.objects.get(&id)
    }

    /// What a reference refers to; other values are themselves. One step: a reference to a reference is nothing.
    pub(super) fn resolved<'b>(&'b self, value: &'b Value) -> &'b Value {
        value.reference().and_then(|id| self.object(id)).unwrap_or(value)
    }

    /// The value of a key, resolved.
    pub(super) fn get<'b>(&'b self, of: &'b Value, key: &str) -> Option<&'b Value> {
        of.get(key).map(|value| self.resolved(value))
    }

    /// A font; one that is an object of its own is read once.
    pub(super) fn font(&mut self, font: &Value, sink: &mut Sink) -> Rc<Font> {
        let known = font.reference().and_then(|id| self.fonts.get(&id));
        if let Some(known) = known {
            return Rc::clone(known);
        }
        let value = self.resolved(font).clone();
        let read = Rc::new(Font::of(self, &value, sink));
        if let Some(id) = font.reference() {
            self.fonts.insert(id, Rc::clone(&read));
        }
        read
    }

    /// What a stream holds; says so if it cannot be read.
    pub(super) fn stream(&mut self, id: Id, sink: &mut Sink) -> Option<Vec<u8>> {
        let value = self.object(id)?;
        let Value::Stream(_, (start, end)) = value else { return None };
        let filters: Vec<String> = match self.get(value, "Filter").or_else(|| self.get(value, "F"))
        {
            Some(Value::Array(items)) => items
                .iter()
                .filter_map(|item| self.resolved(item).name())
                .map(str::to_owned)
                .collect(),
            Some(Value::Name(name)) => vec![name.clone()],
            _ => Vec::new(),
        };
        let raw = self.bytes.get(*start..*end).unwrap_or_default();
        match filters::undo(raw, &filters, self.left) {
            Ok(bytes) => {
                self.left = self.left.saturating_sub(bytes.len());
                sink.inflated(INFLATED_BYTES_MAX - self.left);
                Some(bytes)
            }
            Err(filter) => {
                sink.unread(&format!("a stream encoded with {filter}"), "not undone here");
                None
            }
        }
    }

    /// The object at a place, up to where it was parsed, and from where on the next one may stand.
    fn object_at(&self, at: usize) -> (Option<Value>, usize, usize) {
        let mut lexer = Lexer::new(self.bytes, at, true);
        let value = lexer.value(0);
        lexer.skip_space();
        let is_stream = self.bytes.get(lexer.at..).is_some_and(|rest| rest.starts_with(b"stream"));
        let (Some(Value::Dictionary(entries)), true) = (&value, is_stream) else {
            // Not after its end: a string that never ends would hide whatever follows.
            return (value, lexer.at, at);
        };
        let mut start = lexer.at + "stream".len();
        start += match (self.bytes.get(start), self.bytes.get(start + 1)) {
            (Some(b'\r'), Some(b'\n')) => 2,
            (Some(b'\r' | b'\n'), _) => 1,
            _ => 0,
        };
        // The length that is written down, if the stream does end there.
        let length = value.as_ref().and_then(|value| value.get("Length")).and_then(Value::number);
        let said = length.map(|length| start.saturating_add(length.max(0.0) as usize));
        let next = |from: usize| {
            let index = self.stream_ends.partition_point(|end| *end < from);
            self.stream_ends.get(index).copied()
        };
        let said = said.filter(|said| next(*said).is_some_and(|end| end - said <= 4));
        let end = said.or_else(|| next(start)).unwrap_or(self.bytes.len());
        let value = Value::Stream(entries.clone(), (start, end));
        (Some(value), lexer.at, said.unwrap_or(start))
    }

    fn open_object_streams(&mut self, sink: &mut Sink) {
        let is_object_stream =
            |value: &Value| value.get("Type").and_then(Value::name) == Some("ObjStm");
        let streams = self.objects().filter(|(_, value)| is_object_stream(value));
        let streams: Vec<Id> = streams.map(|(id, _)| id).collect();
        for id in streams {
            let number = |document: &Self, key| {
                let value = document.object(id).and_then(|value| document.get(value, key));
                value.and_then(Value::number).map_or(0, |number| number.max(0.0) as usize)
            };
            let (count, first) = (number(self, "N"), number(self, "First"));
            let Some(bytes) = self.stream(id, sink) else { continue };
            let mut index = Lexer::new(&bytes, 0, false);
            for _ in 0..count.min(OBJECTS_MAX) {
                let id = index.value(0).and_then(|value| value.number());
                let offset = index.value(0).and_then(|value| value.number());
                let (Some(id), Some(offset)) = (id, offset) else { break };
                if self.objects.len() >= OBJECTS_MAX {
                    return sink.limit("the rest of the objects", "objects_max");
                }
                let at = first.saturating_add(offset.max(0.0) as usize);
                let value = Lexer::new(&bytes, at.min(bytes.len()), true).value(0);
                // What stands in the file itself is as likely the later revision as not: it stays.
                if let Some(value) = value {
                    self.objects.entry(id.max(0.0) as Id).or_insert(value);
                }
            }
        }
    }
}

/// The number of the object whose `obj` is at `at`: `12 0 obj`.
fn id_before(bytes: &[u8], at: usize) -> Option<Id> {
    const HEADER_BYTES_MAX: usize = 24;
    let before = bytes.get(at.saturating_sub(HEADER_BYTES_MAX)..at)?;
    let rest = before.trim_ascii_end();
    let generation = rest.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let rest = rest.get(..rest.len() - generation)?;
    let number = rest.trim_ascii_end();
    if generation == 0 || number.len() == rest.len() {
        return None;
    }
    let digits = number.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(number.get(number.len() - digits..)?).ok()?.parse().ok()
}

/// Whether a trailer names a dictionary of encryption. Cross-reference streams are objects and are asked as such.
fn is_encrypted_trailer(bytes: &[u8]) -> bool {
    memmem::find_iter(bytes, b"trailer").any(|at| {
        let trailer = Lexer::new(bytes, at + "trailer".len(), true).value(0);
        trailer.is_some_and(|trailer| trailer.get("Encrypt").is_some())
    })
}
