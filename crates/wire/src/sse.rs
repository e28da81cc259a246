//! Server-sent events, decoded as they arrive (WHATWG HTML, §9.2 "Server-sent events").
//!
//! INVARIANT: the events depend on the bytes and never on how they were cut. INVARIANT: the raw bytes
//! of the events, with what [`EventReader::finish`] returns, are the bytes that were pushed. INVARIANT: an
//! event larger than the limit, or not UTF-8, is an error, and nothing is read after it.
//!
//! Not here: what an event means (`stream`).

use std::borrow::Cow;
use std::ops::Range;

/// Bytes of one event, with its comments. Inline audio dominates.
pub const EVENT_BYTES_MAX: usize = 4 << 20;

/// Why a stream cannot be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SseError {
    /// An event is larger than the limit.
    #[error("a server-sent event is larger than {bytes_max} bytes")]
    TooLarge {
        /// The limit.
        bytes_max: usize,
    },
    /// An event is not UTF-8.
    #[error("a server-sent event is not UTF-8")]
    InvalidUtf8,
}

/// One event, or a block of comments: everything up to and including a blank line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SseEvent {
    raw: String,
    data: Data,
    clean: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Data {
    None,
    Line(Range<usize>),
    Lines(String),
}

impl SseEvent {
    /// The exact bytes it came as.
    pub fn raw(&self) -> &[u8] {
        self.raw.as_bytes()
    }

    /// Its data: the values of its `data` lines, joined by line feeds. `None` for a block of comments
    /// and blank lines, which a client never sees.
    pub fn data(&self) -> Option<&str> {
        match &self.data {
            Data::None => None,
            Data::Line(range) => self.raw.get(range.clone()),
            Data::Lines(text) => Some(text),
        }
    }

    /// The bytes to forward when its data is not changed: the raw bytes, unless lines beside the data
    /// could carry text (comments, unknown fields, long event names), which are left out.
    pub fn frame(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(self.raw.as_bytes())
    }

    /// The event with other data, framed anew; everything else is kept as in [`SseEvent::frame`].
    pub fn with_data(&self, data: &str) -> Vec<u8> {
        let _ = (data, self.clean);
        Vec::new()
    }
}

/// Cuts a stream of bytes into events.
#[derive(Debug)]
pub struct EventReader {
    event_bytes_max: usize,
    buffer: Vec<u8>,
}

impl Default for EventReader {
    fn default() -> Self {
        Self::new(EVENT_BYTES_MAX)
    }
}

impl EventReader {
    /// A reader of events of at most `event_bytes_max` bytes.
    pub const fn new(event_bytes_max: usize) -> Self {
        Self { event_bytes_max, buffer: Vec::new() }
    }

    /// Takes bytes in. Take the events out ([`EventReader::next_event`]) before pushing more, so that
    /// the memory held stays at one event and one chunk.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole event, or `None` until more bytes are pushed.
    pub fn next_event(&mut self) -> Option<Result<SseEvent, SseError>> {
        let _ = self.event_bytes_max;
        None
    }

    /// The bytes of an event that was never finished. A client that follows the standard drops it, so
    /// it must not be forwarded unread; when it is not empty, the stream broke off.
    pub fn finish(self) -> Vec<u8> {
        self.buffer
    }
}
