//! A stream's events, whatever carries them; what they say, and how they are changed.
//!
//! INVARIANT: an event is forwarded only as [`StreamPart::frame`] or as [`splice_event`] makes it, so no
//! byte of a stream reaches a client unread.
//!
//! Not here: how events are cut out of bytes (`sse`, `event_stream`).

use std::borrow::Cow;

use crate::bedrock;
use crate::document::Document;
use crate::error::ReadError;
use crate::event_stream::{EventFrame, FrameError, FrameKind, FrameReader};
use crate::limits::{ReadLimits, UnknownFields};
use crate::maps::machine;
use crate::openai::DONE;
use crate::read_within::read_named;
use crate::reader::{read, text_of};
use crate::route::{Dialect, Direction, Operation};
use crate::splice::{Echoes, Edit, SpliceError, splice};
use crate::sse::{EventReader, Framing, SseError, SseEvent};

/// Cuts the stream of an operation's answer into its parts.
#[derive(Debug)]
pub enum StreamReader {
    /// Server-sent events, or lines.
    Sse(EventReader),
    /// Frames of Amazon's event stream encoding.
    Frames(FrameReader),
}

/// Why a stream cannot be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// In a stream of server-sent events.
    #[error(transparent)]
    Sse(#[from] SseError),
    /// In a stream of frames.
    #[error(transparent)]
    Frames(#[from] FrameError),
}

/// One event as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamPart {
    /// A server-sent event.
    Sse(SseEvent),
    /// A frame of Amazon's event stream encoding.
    Frame(EventFrame),
}

impl StreamReader {
    /// A reader of streams of this framing with events of at most `event_bytes_max` bytes.
    pub const fn new(framing: Framing, event_bytes_max: usize) -> Self {
        match framing {
            Framing::Frames => Self::Frames(FrameReader::new(event_bytes_max)),
            Framing::Events | Framing::Lines => {
                Self::Sse(EventReader::of(framing, event_bytes_max))
            }
        }
    }

    /// What has to be sent before an event of our own, where what came was sent on unread.
    pub fn closing(&self) -> &'static [u8] {
        match self {
            Self::Sse(reader) => reader.closing(),
            // Nothing mends a frame that broke off: its reader fails by its length.
            Self::Frames(_) => b"",
        }
    }

    /// Takes bytes in. Take the events out ([`StreamReader::next_event`]) before pushing more.
    pub fn push(&mut self, bytes: &[u8]) {
        match self {
            Self::Sse(reader) => reader.push(bytes),
            Self::Frames(reader) => reader.push(bytes),
        }
    }

    /// The next whole event, or `None` until more bytes are pushed. After an error, `None` for ever.
    pub fn next_event(&mut self) -> Option<Result<StreamPart, StreamError>> {
        Some(match self {
            Self::Sse(reader) => {
                reader.next_event()?.map(StreamPart::Sse).map_err(StreamError::from)
            }
            Self::Frames(reader) => {
                reader.next_frame()?.map(StreamPart::Frame).map_err(StreamError::from)
            }
        })
    }

    /// Whether the stream may end here: nothing of an event that was never finished is left.
    pub fn is_between_events(self) -> bool {
        match self {
            Self::Sse(reader) => reader.finish().iter().all(|byte| matches!(byte, b'\r' | b'\n')),
            Self::Frames(reader) => reader.finish().is_empty(),
        }
    }
}

impl StreamPart {
    /// Its data. `None` for a block of comments, which a client never sees.
    pub fn data(&self) -> Option<&str> {
        match self {
            Self::Sse(event) => event.data(),
            Self::Frame(frame) => Some(frame.payload()),
        }
    }

    /// The name that stands beside its data.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Sse(event) => event.name(),
            Self::Frame(frame) => Some(frame.name()),
        }
    }

    /// The bytes to forward when its data is not changed.
    pub fn frame(&self) -> Cow<'_, [u8]> {
        match self {
            Self::Sse(event) => event.frame(),
            Self::Frame(frame) => frame.frame(),
        }
    }

    fn with_data(&self, data: &[u8]) -> Vec<u8> {
        match self {
            Self::Sse(event) => event.with_data(&String::from_utf8_lossy(data)),
            Self::Frame(frame) => frame.with_payload(data),
        }
    }
}

impl From<SseEvent> for StreamPart {
    fn from(event: SseEvent) -> Self {
        Self::Sse(event)
    }
}

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
    event: &'a StreamPart,
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
    let (document, is_error) = match event {
        StreamPart::Sse(event) => {
            (read(machine, data, unknown, limits)?, event.name() == Some("error"))
        }
        // What it says stands in headers that nobody reads.
        StreamPart::Frame(frame) if frame.kind() == FrameKind::Error => {
            return Err(ReadError::WrongBody { expected: "an event or an exception" });
        }
        StreamPart::Frame(frame) => {
            let named = (Some(frame.name()), bedrock::MARKS);
            let document = read_named(machine, named, data, unknown, limits)?;
            (document, frame.kind() == FrameKind::Exception)
        }
    };
    let document = Box::new(document);
    if operation.dialect() == Dialect::Anthropic && document.facts.event.as_deref() != event.name()
    {
        // Some clients go by the name and others by the type, and what one of them skips is not what it joins.
        return Err(ReadError::WrongBody { expected: "an event whose name is its type" });
    }
    if document.facts.error || is_error {
        Ok(StreamEvent::Error(document))
    } else if document.facts.last {
        Ok(StreamEvent::Last(document))
    } else {
        Ok(StreamEvent::Chunk(document))
    }
}

/// Reads what a server says in a session: one message, which is an event.
pub fn read_session_event<'a>(
    operation: Operation,
    message: &'a str,
    unknown: UnknownFields,
    limits: &ReadLimits,
) -> Result<Document<'a>, ReadError> {
    let machine = machine(operation, Direction::Stream).ok_or(ReadError::NotStreamed)?;
    read(machine, text_of(message.as_bytes(), limits)?, unknown, limits)
}

/// The event with `edits` made in its data.
pub fn splice_event(
    event: &StreamPart,
    document: &Document<'_>,
    edits: &[Edit],
    echoes: Echoes,
) -> Result<Vec<u8>, SpliceError> {
    let data = splice(document, edits, echoes)?;
    if data == document.source().as_bytes() {
        return Ok(event.frame().into_owned());
    }
    Ok(event.with_data(&data))
}
