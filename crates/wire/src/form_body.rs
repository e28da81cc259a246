//! Requests that are forms: the upload of a file.
//!
//! What the file is for says how it is read: a batch and training data line by line as the messages that they hold, any
//! other file like one that stands in a message.
//!
//! INVARIANT: each part of the form is matched by a row of the table or is unknown, like the members of a message.
//!
//! Not here: where the parts are (`multipart`), what lines say (`members`).

use std::ops::Range;

use data_encoding::BASE64;

use crate::document::{Document, FilePart, Literal};
use crate::error::ReadError;
use crate::frames::Frame;
use crate::json::Text;
use crate::json_text::key_hash;
use crate::limits::{ReadLimits, UnknownFields};
use crate::machine::{Machine, NodeId, ROOT, UNKNOWN};
use crate::members::{FILE, Lines, read_lines};
use crate::multipart::{FormPart, parts};
use crate::path::{PathId, Step};
use crate::reader::Reader;
use crate::table::Rule;

/// The name of the part that says what the file is for.
const PURPOSE: &str = "purpose";
/// The name of a file's name.
const FILE_NAME: &str = "filename";
/// What the record says of a file that nobody reads.
const OPAQUE: &str = "opaque: a file";

/// Reads the upload of a file.
pub(crate) fn read_upload<'a>(
    machine: &'static Machine,
    bytes: &'a [u8],
    unknown: UnknownFields,
    limits: &ReadLimits,
) -> Result<Document<'a>, ReadError> {
    let bytes_max = limits.body_bytes_max.min(u32::MAX as usize);
    if bytes.len() > bytes_max {
        return Err(ReadError::TooLarge { bytes_max });
    }
    let parts = parts(bytes)?;
    let (text, rest) = match std::str::from_utf8(bytes) {
        Ok(text) => (text, &b""[..]),
        Err(error) => {
            let (valid, rest) = bytes.split_at(error.valid_up_to());
            (std::str::from_utf8(valid).unwrap_or_default(), rest)
        }
    };
    let document = Document { source: text, is_partial: !rest.is_empty(), ..Document::empty() };
    let mut reader = Reader::new(machine, document, PathId::ROOT, unknown, limits);
    reader.frames.push(Frame::new(ROOT, UNKNOWN, true).at(PathId::ROOT));
    let (mut names, mut purpose, mut file) = (Vec::new(), None, None);
    for part in &parts {
        let Range { start, end } = part.name_at.clone();
        let key = Text { start, end, escaped: false, hash: key_hash(part.name) };
        reader.named(key, part.name.into())?;
        if names.contains(&part.name) {
            return Err(ReadError::DuplicateKey { path: reader.path_here() });
        }
        names.push(part.name);
        let node = reader.frames.last().map_or(UNKNOWN, |frame| frame.child);
        let is_file = |row: &crate::table::Row| matches!(row.rule, Rule::File(_));
        match (&part.file_name, machine.node(node).text.is_some_and(is_file)) {
            (Some((name, at)), true) => {
                reader.file_name(node, name, at.clone())?;
                file = Some(part);
            }
            (None, false) => {
                let value = text_of(bytes, &part.value)?;
                reader.value(node, value.into(), part.value.clone(), Literal::Form)?;
                purpose = purpose.or((part.name == PURPOSE).then_some(value));
            }
            (Some(_), false) => {
                let what = "a file stands where none is expected";
                return Err(ReadError::Form { offset: part.value.start, what });
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
    text_of(bytes, &file.value)?;
    read_lines(reader.document, file.value.clone(), lines, unknown, limits)
}

impl<'a> Reader<'a> {
    /// The name of a file, which stands below it.
    fn file_name(
        &mut self,
        file: NodeId,
        name: &'a str,
        at: Range<usize>,
    ) -> Result<(), ReadError> {
        let under = self.machine.under(file, key_hash(FILE_NAME), FILE_NAME);
        let node = under.map_or(UNKNOWN, |(node, _)| node);
        let path = self.here();
        self.frames.push(Frame::new(file, node, true).at(path).named(FILE_NAME));
        let read = self.value(node, name.into(), at, Literal::Form);
        self.frames.pop();
        read
    }
}

/// The file as one that stands in a message.
fn opaque<'a>(mut document: Document<'a>, bytes: &[u8], file: &FormPart<'a>) -> Document<'a> {
    let path = document.paths.push(PathId::ROOT, Step::Name(FILE));
    document.files.push(FilePart {
        value: BASE64.encode(bytes.get(file.value.clone()).unwrap_or_default()).into(),
        declared: Some(file.media_type.unwrap_or_default().into()),
        is_pending: false,
        why: OPAQUE,
        is_media: false,
        position: document.fields.len(),
        path,
    });
    document
}

fn text_of<'a>(bytes: &'a [u8], at: &Range<usize>) -> Result<&'a str, ReadError> {
    std::str::from_utf8(bytes.get(at.clone()).unwrap_or_default())
        .map_err(|error| ReadError::InvalidUtf8 { offset: at.start + error.valid_up_to() })
}

fn missing(path: &str, expected: &'static str) -> ReadError {
    ReadError::Violation { path: path.to_owned(), expected }
}
