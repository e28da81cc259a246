//! What an event of a stream says, and how it is changed.
//!
//! INVARIANT: an event is forwarded only as [`SseEvent::frame`] or as [`splice_event`] makes it, so no
//! byte of a stream reaches a client unread.

use crate::document::Document;
use crate::error::ReadError;
use crate::limits::{ReadLimits, UnknownFields};
use crate::maps::machine;
use crate::openai::DONE;
use crate::reader::read;
use crate::route::{Dialect, Direction, Operation};
use crate::splice::{Echoes, Edit, SpliceError, splice};
use crate::sse::SseEvent;

/// What an event says.
#[derive(Debug)]
pub enum StreamEvent<'a> {
    /// A piece of the answer.
    Chunk(Box<Document<'a>>),
    /// The last event of the answer, in dialects that have one with data.
    Last(Box<Document<'a>>),
    /// `[DONE]`: the stream ended as it should.
    Done,
    /// The upstream failed in the middle. Its message is among the fields.
    Error(Box<Document<'a>>),
    /// No data: comments that keep the connection alive.
    Comment,
}

/// Reads one event.
pub fn read_stream_event<'a>(
    operation: Operation,
    event: &'a SseEvent,
    unknown: UnknownFields,
    limits: &ReadLimits,
) -> Result<StreamEvent<'a>, ReadError> {
    let machine = machine(operation, Direction::Stream).ok_or(ReadError::NotStreamed)?;
    let Some(data) = event.data() else { return Ok(StreamEvent::Comment) };
    if operation.dialect() == Dialect::OpenAi && data.trim_ascii() == DONE {
        return Ok(StreamEvent::Done);
    }
    if data.len() > limits.body_bytes_max {
        return Err(ReadError::TooLarge { bytes_max: limits.body_bytes_max });
    }
    let document = Box::new(read(machine, data, unknown, limits)?);
    if operation.dialect() == Dialect::Anthropic && document.facts.event.as_deref() != event.name()
    {
        // Some clients go by the name and others by the type, and what one of them skips is not what it joins.
        return Err(ReadError::WrongBody { expected: "an event whose name is its type" });
    }
    if document.facts.error || event.name() == Some("error") {
        Ok(StreamEvent::Error(document))
    } else if document.facts.last {
        Ok(StreamEvent::Last(document))
    } else {
        Ok(StreamEvent::Chunk(document))
    }
}

/// The event with `edits` made in its data.
pub fn splice_event(
    event: &SseEvent,
    document: &Document<'_>,
    edits: &[Edit],
    echoes: Echoes,
) -> Result<Vec<u8>, SpliceError> {
    let data = splice(document, edits, echoes)?;
    if data == document.source().as_bytes() {
        return Ok(event.frame().into_owned());
    }
    Ok(event.with_data(&String::from_utf8_lossy(&data)))
}
