//! Requests that are forms: the upload of a file.
//!
//! What the file is for says how it is read: a batch and training data line by line as the messages that they hold, any
//! other file like one that stands in a message.
//!
//! INVARIANT: each part of the form is matched by a row of the table or is unknown, like the members of a message.
//!
//! Not here: where the parts are (`form_parts`), what lines say (`members`).

use std::ops::Range;

use data_encoding::BASE64;

use crate::document::{Document, FilePart, Literal};
use crate::error::ReadError;
use crate::form_head::{FileName, Writing};
use crate::form_parts::{Part, is_boundary, malformed, parts, text_in};
use crate::frames::Frame;
use crate::json::{Text, Token};
use crate::json_text::key_hash;
use crate::limits::{ReadLimits, UnknownFields};
use crate::machine::{NodeId, ROOT, UNKNOWN};
use crate::maps::machine;
use crate::members::{FILE, Lines, read_lines};
use crate::path::{PathId, Step};
use crate::reader::Reader;
use crate::route::{Direction, Operation};
use crate::table::Rule;

/// The name of the part that says what the file is for.
const PURPOSE: &str = "purpose";
/// The name of a file's name.
const FILE_NAME: &str = "filename";
/// What the record says of a file that nobody reads.
const OPAQUE: &str = "opaque: a file";

/// Reads the upload of a file, a form that comes with this boundary.
pub fn read_upload<'a>(
    boundary: &str,
    bytes: &'a [u8],
    unknown: UnknownFields,
    limits: &ReadLimits,
) -> Result<Document<'a>, ReadError> {
    let bytes_max = limits.body_bytes_max.min(u32::MAX as usize);
    if bytes.len() > bytes_max {
        return Err(ReadError::TooLarge { bytes_max });
    }
    let machine = machine(Operation::FileUpload, Direction::Request)
        .filter(|_| is_boundary(boundary))
        .ok_or(ReadError::WrongBody { expected: "a form" })?;
    let parts = parts(boundary, bytes)?;
    let (text, rest) = match std::str::from_utf8(bytes) {
        Ok(text) => (text, &b""[..]),
        Err(error) => {
            let (valid, rest) = bytes.split_at(error.valid_up_to());
            (std::str::from_utf8(valid).unwrap_or_default(), rest)
        }
    };
    let (boundary, is_partial) = (Some(boundary.to_owned()), !rest.is_empty());
    let document = Document { source: text, boundary, is_partial, ..Document::empty() };
    let mut reader = Reader::new(machine, document, PathId::ROOT, unknown, limits);
    reader.frames.push(Frame::new(ROOT, UNKNOWN, true).at(PathId::ROOT));
    let (mut names, mut purpose, mut file) = (Vec::new(), None, None);
    for part in &parts {
        let Part { head, content } = part;
        let Range { start, end } = head.name_at.clone();
        let key = Text { start, end, escaped: false, hash: key_hash(head.name) };
        reader.named(key, head.name.into())?;
        if names.contains(&head.name) {
            return Err(ReadError::DuplicateKey { path: reader.path_here() });
        }
        names.push(head.name);
        let node = reader.frames.last().map_or(UNKNOWN, |frame| frame.child);
        let is_file = |row: &crate::table::Row| matches!(row.rule, Rule::File(_));
        match (&head.file, machine.node(node).text.is_some_and(is_file)) {
            (Some(name), true) => {
                reader.file_name(node, name)?;
                file = Some(part);
            }
            (None, false) => {
                let value = text_in(bytes, content)?;
                let literal = Literal::Form(Writing::Plain);
                reader.give(&Token::Text(key))?;
                reader.value(node, value.into(), content.clone(), literal)?;
                purpose = purpose.or((head.name == PURPOSE).then_some(value));
            }
            (Some(_), false) => {
                let what = "a file stands where none is expected";
                return Err(malformed(content.start, what));
            }
            (None, true) => return Err(missing(FILE, "a file, with a name")),
        }
    }
    let file = file.ok_or_else(|| missing(FILE, "a file, with a name"))?;
    let lines = match purpose.ok_or_else(|| missing(PURPOSE, "what the file is for"))? {
        "batch" => Lines::Requests,
        "fine-tune" => Lines::Conversations,
        _ => return Ok(opaque(reader.document, bytes, file)),
    };
    text_in(bytes, &file.content)?;
    read_lines(reader.document, file.content.clone(), lines, unknown, limits)
}

impl Reader<'_> {
    /// The name of a file, which stands below it, in every way that it is written.
    fn file_name(&mut self, file: NodeId, name: &FileName) -> Result<(), ReadError> {
        let under = self.machine.under(file, key_hash(FILE_NAME), FILE_NAME);
        let node = under.map_or(UNKNOWN, |(node, _)| node);
        let path = self.here();
        self.frames.push(Frame::new(file, node, true).at(path).named(FILE_NAME));
        let places = name.places.iter();
        let read = places.map(|(at, writing)| {
            self.value(node, name.text.clone().into(), at.clone(), Literal::Form(*writing))
        });
        let read = read.collect();
        self.frames.pop();
        read
    }
}

/// The file as one that stands in a message.
fn opaque<'a>(mut document: Document<'a>, bytes: &'a [u8], file: &Part<'a>) -> Document<'a> {
    let path = document.paths.push(PathId::ROOT, Step::Name(FILE));
    let declared = file.head.kind.and_then(|kind| kind.split(';').next()).unwrap_or_default();
    document.files.push(FilePart {
        value: BASE64.encode(bytes.get(file.content.clone()).unwrap_or_default()).into(),
        declared: Some(declared.trim().into()),
        is_pending: false,
        why: OPAQUE,
        is_media: false,
        position: document.fields.len(),
        path,
    });
    document
}

fn missing(path: &str, expected: &'static str) -> ReadError {
    ReadError::Violation { path: path.to_owned(), expected }
}
