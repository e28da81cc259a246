//! Messages within others: events whose name stands beside them, and parts of a message that are messages.
//!
//! INVARIANT: read by the one reader, with the same limits.

use std::ops::Range;

use crate::document::Document;
use crate::error::ReadError;
use crate::json::Tokenizer;
use crate::limits::{ReadLimits, UnknownFields};
use crate::machine::Machine;
use crate::path::PathId;
use crate::reader::Reader;
use crate::table::Mark;

/// Reads an event whose name stands beside it, and what such names mean.
pub(crate) fn read_named<'a>(
    machine: &'static Machine,
    (name, marks): (Option<&'a str>, &'static [(&'static str, Mark)]),
    source: &'a str,
    unknown: UnknownFields,
    limits: &ReadLimits,
) -> Result<Document<'a>, ReadError> {
    let table = machine.table;
    let mut document = Document { source, ..Document::empty() };
    document.facts.stream = table.direction.is_request() && table.operation.streams_unless_told();
    let mut reader = Reader::new(machine, document, PathId::ROOT, unknown, limits);
    reader.name = name.map(|name| (name, marks));
    reader.read_all(Tokenizer::beginning(source, 0, limits))
}

/// Reads a message that is a part of another, at a path of it. What it says is added to the document.
pub(crate) fn read_part<'a>(
    machine: &'static Machine,
    document: Document<'a>,
    (part, path): (Range<usize>, PathId),
    unknown: UnknownFields,
    limits: &ReadLimits,
) -> Result<Document<'a>, ReadError> {
    let source = document.source.get(..part.end).unwrap_or_default();
    let tokenizer = Tokenizer::beginning(source, part.start, limits);
    Reader::new(machine, document, path, unknown, limits).read_all(tokenizer)
}
