//! Edits of decoded text, put back into the original bytes.
//!
//! INVARIANT: without edits the result is the message; with edits every byte outside the changed
//! segments of the edited strings (and of `null`ed echoes) is the message's own. INVARIANT: reading the
//! result gives exactly the edited texts. INVARIANT: an edit that does not fit is an error, and then
//! nothing is forwarded.

use std::collections::BTreeSet;
use std::ops::Range;

use events::Span;

use crate::document::{Document, EchoOf, Embedded, Field, Literal, Member, MemberAt};
use crate::embedded::EscapeWalk;
use crate::form_head::written;
use crate::form_parts::count_boundaries;
use crate::json::Tokenizer;
use crate::json_text::{Places, push_escaped, push_string};
use crate::limits::ReadLimits;

/// A replacement in a field's decoded text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The field's index in [`Document::fields`].
    pub field: usize,
    /// What is replaced, in bytes of the field's text. May be empty, to insert.
    pub span: Span,
    /// What it is replaced with, as text: it is escaped here.
    pub replacement: String,
    /// What the replacement is in a field that is itself JSON ([`Embedded::Json`]); without meaning in
    /// others. `false`: a value, which is escaped for the inner document too (and quoted where no string
    /// is open); the span grows over escapes that it touches. `true`: a piece of the document as it
    /// shall stand, for streams, where whoever holds the lane knows the inner state
    /// ([`crate::EmbeddedJson`]) and this event alone does not tell it.
    pub verbatim: bool,
}

impl Edit {
    /// Replaces a value.
    pub fn value(field: usize, span: Span, replacement: impl Into<String>) -> Self {
        Self { field, span, replacement: replacement.into(), verbatim: false }
    }

    /// Replaces text as it shall stand, in JSON too.
    pub fn verbatim(field: usize, span: Span, replacement: impl Into<String>) -> Self {
        Self { field, span, replacement: replacement.into(), verbatim: true }
    }
}

/// Which echoes become `null`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Echoes {
    /// Those that repeat a lane that has an edit. In a stream, text held back from an event is an edit
    /// of that event, so its echo goes too.
    OfEdited,
    /// All: for routes that trust no echo to repeat what the guards have read.
    All,
}

/// An edit that does not fit its document: our own mistake, and the message must not be forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpliceError {
    /// There is no such field.
    #[error("an edit names field {field}, which the document does not have")]
    NoSuchField {
        /// The index.
        field: usize,
    },
    /// The span lies outside the field's text or splits a character.
    #[error("an edit of field {field} is outside its text or splits a character")]
    BadSpan {
        /// The index.
        field: usize,
    },
    /// Two edits of a field overlap.
    #[error("two edits of field {field} overlap")]
    Overlap {
        /// The index.
        field: usize,
    },
    /// The message goes on with bytes that are no text.
    #[error("a message that is not all text cannot be edited")]
    Partial,
    /// An edit of a form would end the part it is in.
    #[error("an edit holds the boundary of its form")]
    Boundary,
    /// Edited keys of one object became equal.
    #[error("an edit makes two keys of one object equal")]
    DuplicateKey,
}

/// The message with `edits` made in it, in any order.
pub fn splice(
    document: &Document<'_>,
    edits: &[Edit],
    echoes: Echoes,
) -> Result<Vec<u8>, SpliceError> {
    let mut edits: Vec<&Edit> = edits.iter().collect();
    edits.sort_by_key(|edit| (edit.field, edit.span.start, edit.span.end));
    let mut changes = Vec::with_capacity(edits.len());
    let mut keys = false;
    // Names of parts stand before all lines.
    let of_form = document.boundary.as_ref().map(|_| document.members.first());
    let names_end = of_form.map(|line| line.map_or(usize::MAX, |line| line.fields.start));
    for edits in edits.chunk_by(|first, second| first.field == second.field) {
        let index = edits.first().map_or(0, |edit| edit.field);
        let missing = SpliceError::NoSuchField { field: index };
        let field = document.fields.get(index).ok_or(missing)?;
        if field.literal == Literal::Key && names_end.is_some_and(|end| index < end) {
            return Err(missing);
        }
        keys |= field.literal == Literal::Key;
        change_field(document.source, field, edits, &mut changes)?;
    }
    let repeated = repeated(document, &edits);
    for echo in &document.echoes {
        if echoes == Echoes::All || repeated.contains(&(echo.choice, echo.of)) {
            let (range, bytes) = (echo.source.clone(), b"null".to_vec());
            changes.push(Change { range, bytes, takes_all: true });
        }
    }
    for (range, with) in &document.replaced {
        let (range, bytes) = (range.clone(), with.clone().into_bytes());
        changes.push(Change { range, bytes, takes_all: true });
    }
    if document.is_partial && !changes.is_empty() {
        return Err(SpliceError::Partial);
    }
    changes.sort_by_key(|change| change.range.start);
    let is_line = |member: &&Member<'_>| matches!(member.at, MemberAt::Line(_));
    let lines = document.members.iter().filter(is_line).map(|member| member.source.clone());
    let whole = lines.clone().next().is_none().then_some(0..document.source.len());
    let mut texts = whole.into_iter().chain(lines);
    if keys && !texts.all(|text| keys_differ(&assembled(document.source, text, &changes))) {
        return Err(SpliceError::DuplicateKey);
    }
    let edited = assembled(document.source, 0..document.source.len(), &changes);
    if let Some(boundary) = &document.boundary {
        keeps_boundaries(boundary, document.source.as_bytes(), &edited)?;
    }
    Ok(edited)
}

/// Fails if an edit would end a part of a form, in the eyes of any reader.
pub(crate) fn keeps_boundaries(
    boundary: &str,
    body: &[u8],
    edited: &[u8],
) -> Result<(), SpliceError> {
    let is_kept = count_boundaries(boundary, body) == count_boundaries(boundary, edited);
    if is_kept { Ok(()) } else { Err(SpliceError::Boundary) }
}

/// Which echoes of which choices repeat an edited lane.
fn repeated(document: &Document<'_>, edits: &[&Edit]) -> BTreeSet<(u32, EchoOf)> {
    let mut repeated = BTreeSet::new();
    if document.echoes.is_empty() {
        return repeated;
    }
    for lane in edits.iter().filter_map(|edit| document.fields.get(edit.field)?.lane) {
        for of in [EchoOf::Answer, EchoOf::Transcript, EchoOf::Sound, EchoOf::Everything] {
            if of.repeats(lane.channel) {
                repeated.insert((lane.choice, of));
            }
        }
    }
    repeated
}

/// Bytes of the message and what stands in their place.
struct Change {
    range: Range<usize>,
    bytes: Vec<u8>,
    /// What is changed inside goes with it.
    takes_all: bool,
}

impl Change {
    const fn new(range: Range<usize>, bytes: Vec<u8>) -> Self {
        Self { range, bytes, takes_all: false }
    }
}

/// A part of the message with the changes in it, which are in order.
fn assembled(source: &str, part: Range<usize>, changes: &[Change]) -> Vec<u8> {
    let source = source.as_bytes();
    let first = changes.partition_point(|change| change.range.start < part.start);
    let last = changes.partition_point(|change| change.range.start < part.end);
    let changes = changes.get(first..last).unwrap_or_default();
    let grown: usize = changes.iter().map(|change| change.bytes.len()).sum();
    let mut result = Vec::with_capacity(part.len() + grown);
    let (mut at, mut gone_to) = (part.start, 0);
    for change in changes {
        if change.range.start < gone_to {
            continue;
        }
        if change.takes_all {
            gone_to = change.range.end;
        }
        result.extend_from_slice(source.get(at..change.range.start).unwrap_or_default());
        result.extend_from_slice(&change.bytes);
        at = change.range.end;
    }
    result.extend_from_slice(source.get(at..part.end).unwrap_or_default());
    result
}

/// Appends the changes of one field, whose edits come in order.
fn change_field(
    source: &str,
    field: &Field<'_>,
    edits: &[&Edit],
    changes: &mut Vec<Change>,
) -> Result<(), SpliceError> {
    let raw = source.get(field.source.clone()).unwrap_or_default();
    let mut places = Places::new(raw);
    let mut walk = EscapeWalk::new(&field.text);
    let mut whole = String::new();
    let mut done = 0;
    for edit in edits {
        let bad = SpliceError::BadSpan { field: edit.field };
        let given = edit.span.range();
        if field.text.get(given.clone()).is_none() {
            return Err(bad);
        }
        if given.start < done {
            return Err(SpliceError::Overlap { field: edit.field });
        }
        let (span, replacement) = in_place(field, &mut walk, edit);
        // Grown over an escape, it may reach into what the last edit has already replaced.
        let (start, end) = (span.start.max(done), span.end.max(done));
        if matches!(field.literal, Literal::Number | Literal::Form(_)) {
            whole.push_str(field.text.get(done..start).unwrap_or_default());
            whole.push_str(&replacement);
        } else {
            let (range, bytes) = if field.literal == Literal::Plain {
                (start..end, replacement.as_bytes().to_vec())
            } else {
                let (Some(from), Some(to)) = (places.raw_offset(start), places.raw_offset(end))
                else {
                    return Err(bad);
                };
                let mut bytes = Vec::with_capacity(replacement.len() + 2);
                push_escaped(&mut bytes, &replacement);
                (from..to, bytes)
            };
            let base = field.source.start;
            changes.push(Change::new(base + range.start..base + range.end, bytes));
        }
        done = end.max(given.end);
    }
    let mut bytes = Vec::new();
    whole.push_str(field.text.get(done..).unwrap_or_default());
    match field.literal {
        Literal::Number => push_string(&mut bytes, &whole),
        Literal::Form(writing) => bytes = written(&whole, writing).into_bytes(),
        Literal::Text | Literal::Key | Literal::Plain => return Ok(()),
    }
    changes.push(Change::new(field.source.clone(), bytes));
    Ok(())
}

/// The span that is replaced and the text that stands in its place.
fn in_place<'e>(
    field: &Field<'_>,
    walk: &mut EscapeWalk<'_>,
    edit: &'e Edit,
) -> (Range<usize>, std::borrow::Cow<'e, str>) {
    let span = edit.span.range();
    if field.embedded == Embedded::Plain || edit.verbatim {
        return (span, edit.replacement.as_str().into());
    }
    let (start, end, state) = walk.widen(span.start, span.end);
    (start..end, state.embed(&edit.replacement).into())
}

/// Whether no object of the result has a key twice.
fn keys_differ(result: &[u8]) -> bool {
    let unlimited = ReadLimits {
        body_bytes_max: usize::MAX,
        depth_max: usize::MAX,
        values_max: usize::MAX,
        fields_max: usize::MAX,
        key_bytes_max: usize::MAX,
        object_keys_max: usize::MAX,
        number_bytes_max: usize::MAX,
        members_max: usize::MAX,
        takes_inner_media: true,
    };
    let Ok(text) = std::str::from_utf8(result) else { return false };
    let mut tokenizer = Tokenizer::new(text, &unlimited);
    loop {
        match tokenizer.next() {
            Ok(Some(_)) => {}
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}
