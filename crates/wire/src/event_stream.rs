//! Amazon's event stream encoding (`application/vnd.amazon.eventstream`), decoded as it arrives, and written.
//!
//! A frame is its length, the length of its headers and a checksum of these two, then headers, payload and a checksum of all
//! of it. Numbers are big-endian, checksums CRC-32 (ISO 3309). Source: the event stream encoding of the Smithy
//! specification, "Amazon Event Stream".
//!
//! INVARIANT: the frames depend on the bytes and never on how they were cut. INVARIANT: the raw bytes of the frames, with
//! what [`FrameReader::finish`] returns, are the bytes that were pushed. INVARIANT: a frame that is too large or whose checksums,
//! lengths, headers or text are wrong is an error, and nothing is read after it.
//!
//! Not here: what an event means (`stream`).

use std::borrow::Cow;
use std::ops::Range;

use crate::form::Form;

/// Bytes of the two lengths and their checksum.
const PRELUDE_BYTES: usize = 12;
/// Bytes of a checksum.
const CHECKSUM_BYTES: usize = 4;
/// Bytes of a frame's headers (the encoding's own limit).
pub const HEADERS_BYTES_MAX: usize = 128 << 10;
/// Headers of one frame.
pub const HEADERS_MAX: usize = 64;

/// Why a stream cannot be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A frame, or its headers, are larger than the limit.
    #[error("a frame of the event stream is larger than {bytes_max} bytes, or its headers are")]
    TooLarge {
        /// The limit.
        bytes_max: usize,
    },
    /// A checksum is not that of the bytes.
    #[error("a checksum in the event stream is wrong")]
    Checksum,
    /// Lengths or headers that contradict each other, or a payload that is no text.
    #[error("a frame of the event stream is malformed: {what}")]
    Malformed {
        /// What is wrong with it.
        what: &'static str,
    },
}

const fn malformed(what: &'static str) -> FrameError {
    FrameError::Malformed { what }
}

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FrameKind {
    /// An event.
    Event,
    /// An error of the service's model, which ends the stream.
    Exception,
    /// An error that the model does not have, in headers alone.
    Error,
}

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventFrame {
    raw: Vec<u8>,
    kind: FrameKind,
    name: String,
    payload: String,
    /// Whether no header but those that every event has could carry text.
    clean: bool,
}

impl EventFrame {
    /// The exact bytes it came as.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// What it carries.
    pub const fn kind(&self) -> FrameKind {
        self.kind
    }

    /// The type of the event or exception.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its payload.
    pub fn payload(&self) -> &str {
        &self.payload
    }

    /// The bytes to forward when its payload is not changed: the raw bytes, unless headers could carry text, which are left out.
    pub fn frame(&self) -> Cow<'_, [u8]> {
        if self.clean {
            Cow::Borrowed(&self.raw)
        } else {
            Cow::Owned(framed(self.kind, &self.name, self.payload.as_bytes()))
        }
    }

    /// The frame with another payload.
    pub fn with_payload(&self, payload: &[u8]) -> Vec<u8> {
        framed(self.kind, &self.name, payload)
    }

    fn parse(
        raw: Vec<u8>,
        headers: Range<usize>,
        payload: Range<usize>,
    ) -> Result<Self, FrameError> {
        let text = raw.get(payload).unwrap_or_default();
        let payload =
            std::str::from_utf8(text).map_err(|_| malformed("its payload is not UTF-8"))?;
        let mut frame = Self {
            kind: FrameKind::Event,
            name: String::new(),
            payload: payload.to_owned(),
            clean: true,
            raw: Vec::new(),
        };
        let mut rest = raw.get(headers).unwrap_or_default();
        let mut seen: Vec<&[u8]> = Vec::new();
        while let Some((name, value, after)) = next_header(rest)? {
            if seen.contains(&name) {
                return Err(malformed("a header stands twice"));
            }
            if seen.len() >= HEADERS_MAX {
                return Err(malformed("it has too many headers"));
            }
            seen.push(name);
            frame.header(name, value)?;
            rest = after;
        }
        if !seen.contains(&&b":message-type"[..])
            || frame.name.is_empty() && frame.kind != FrameKind::Error
        {
            return Err(malformed("its headers do not say what it is"));
        }
        frame.raw = raw;
        Ok(frame)
    }

    fn header(&mut self, name: &[u8], value: Option<&str>) -> Result<(), FrameError> {
        match (name, value) {
            (b":message-type", Some("event")) => self.kind = FrameKind::Event,
            (b":message-type", Some("exception")) => self.kind = FrameKind::Exception,
            (b":message-type", Some("error")) => self.kind = FrameKind::Error,
            (b":message-type", _) => return Err(malformed("its message type is unknown")),
            (b":event-type" | b":exception-type", Some(kind)) if Form::Word.admits_text(kind) => {
                // A frame with both would be one thing to some readers and another to others.
                if !self.name.is_empty() {
                    return Err(malformed("it is of two types"));
                }
                kind.clone_into(&mut self.name);
            }
            (b":event-type" | b":exception-type", _) => {
                return Err(malformed("its type is no word"));
            }
            (b":content-type", Some("application/json")) => {}
            _ => self.clean = false,
        }
        Ok(())
    }
}

/// The header at the start of `bytes`: its name, its value if that is text, and what follows.
#[expect(clippy::type_complexity, reason = "a header and the rest of them")]
fn next_header(bytes: &[u8]) -> Result<Option<(&[u8], Option<&str>, &[u8])>, FrameError> {
    let Some((length, rest)) = bytes.split_first() else { return Ok(None) };
    let cut = || malformed("a header is cut short");
    let (name, rest) = rest.split_at_checked(usize::from(*length)).ok_or_else(cut)?;
    let (kind, rest) = rest.split_first().ok_or_else(cut)?;
    if name.is_empty() {
        return Err(malformed("a header has no name"));
    }
    let fixed = match kind {
        0 | 1 => Some(0),
        2 => Some(1),
        3 => Some(2),
        4 => Some(4),
        5 | 8 => Some(8),
        9 => Some(16),
        6 | 7 => None,
        _ => return Err(malformed("a header is of an unknown type")),
    };
    let (length, rest) = if let Some(length) = fixed {
        (length, rest)
    } else {
        let (length, rest) = rest.split_first_chunk::<2>().ok_or_else(cut)?;
        (usize::from(u16::from_be_bytes(*length)), rest)
    };
    let (value, rest) = rest.split_at_checked(length).ok_or_else(cut)?;
    let value = match kind {
        7 => Some(std::str::from_utf8(value).map_err(|_| malformed("a header is not UTF-8"))?),
        _ => None,
    };
    Ok(Some((name, value, rest)))
}

/// A frame with the headers that every event has.
pub(crate) fn framed(kind: FrameKind, name: &str, payload: &[u8]) -> Vec<u8> {
    let (message_type, type_header) = match kind {
        FrameKind::Event => ("event", ":event-type"),
        FrameKind::Exception | FrameKind::Error => ("exception", ":exception-type"),
    };
    let mut headers = Vec::with_capacity(96);
    for (name, value) in [
        (type_header, name),
        (":content-type", "application/json"),
        (":message-type", message_type),
    ] {
        headers.push(name.len() as u8);
        headers.extend_from_slice(name.as_bytes());
        headers.push(7);
        headers.extend_from_slice(&(value.len() as u16).to_be_bytes());
        headers.extend_from_slice(value.as_bytes());
    }
    let length = PRELUDE_BYTES + headers.len() + payload.len() + CHECKSUM_BYTES;
    let mut frame = Vec::with_capacity(length);
    frame.extend_from_slice(&(length as u32).to_be_bytes());
    frame.extend_from_slice(&(headers.len() as u32).to_be_bytes());
    let prelude = checksum(&frame);
    frame.extend_from_slice(&prelude.to_be_bytes());
    frame.extend_from_slice(&headers);
    frame.extend_from_slice(payload);
    let all = checksum(&frame);
    frame.extend_from_slice(&all.to_be_bytes());
    frame
}

/// Cuts a stream of bytes into frames.
#[derive(Debug)]
pub struct FrameReader {
    frame_bytes_max: usize,
    buffer: Vec<u8>,
    /// Where the frame that is read now starts.
    frame: usize,
    failed: bool,
}

impl FrameReader {
    /// A reader of frames of at most `frame_bytes_max` bytes.
    pub const fn new(frame_bytes_max: usize) -> Self {
        Self { frame_bytes_max, buffer: Vec::new(), frame: 0, failed: false }
    }

    /// Takes bytes in. Take the frames out ([`FrameReader::next_frame`]) before pushing more, so that the memory held stays
    /// at one frame and one chunk.
    pub fn push(&mut self, bytes: &[u8]) {
        if !self.failed {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// The next whole frame, or `None` until more bytes are pushed. After an error, `None` for ever.
    pub fn next_frame(&mut self) -> Option<Result<EventFrame, FrameError>> {
        let Some(frame) = self.take().transpose() else {
            self.buffer.drain(..self.frame);
            self.frame = 0;
            return None;
        };
        if frame.is_err() {
            *self = Self { failed: true, ..Self::new(self.frame_bytes_max) };
        }
        Some(frame)
    }

    /// The bytes of a frame that was never finished: when there are any, the stream broke off.
    pub fn finish(mut self) -> Vec<u8> {
        self.buffer.split_off(self.frame)
    }

    fn take(&mut self) -> Result<Option<EventFrame>, FrameError> {
        let rest = self.buffer.get(self.frame..).unwrap_or_default();
        let Some(prelude) = rest.first_chunk::<PRELUDE_BYTES>() else { return Ok(None) };
        let number = |at: usize| {
            let bytes = prelude.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
            bytes.map_or(0, u32::from_be_bytes)
        };
        // Lengths are believed only once their checksum is right: what follows a wrong one cannot be found.
        if checksum(prelude.get(..8).unwrap_or_default()) != number(8) {
            return Err(FrameError::Checksum);
        }
        let (length, headers) = (number(0) as usize, number(4) as usize);
        if length > self.frame_bytes_max {
            return Err(FrameError::TooLarge { bytes_max: self.frame_bytes_max });
        }
        if headers > HEADERS_BYTES_MAX {
            return Err(FrameError::TooLarge { bytes_max: HEADERS_BYTES_MAX });
        }
        let payload_from = PRELUDE_BYTES + headers;
        if length < payload_from + CHECKSUM_BYTES {
            return Err(malformed("its headers are longer than itself"));
        }
        let Some(raw) = rest.get(..length) else { return Ok(None) };
        let (all, stated) = raw.split_at(length - CHECKSUM_BYTES);
        if checksum(all).to_be_bytes() != stated {
            return Err(FrameError::Checksum);
        }
        let raw = raw.to_vec();
        self.frame += length;
        EventFrame::parse(raw, PRELUDE_BYTES..payload_from, payload_from..length - CHECKSUM_BYTES)
            .map(Some)
    }
}

/// CRC-32 (ISO 3309), reflected, a byte at a time.
fn checksum(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut at = 0;
        while at < table.len() {
            let (mut value, mut bit) = (at as u32, 0);
            while bit < 8 {
                value = if value & 1 == 1 { value >> 1 ^ 0xedb8_8320 } else { value >> 1 };
                bit += 1;
            }
            table[at] = value;
            at += 1;
        }
        table
    };
    let step = |sum: u32, byte: &u8| {
        let at = (sum ^ u32::from(*byte)) & 0xff;
        sum >> 8 ^ TABLE.get(at as usize).copied().unwrap_or(0)
    };
    !bytes.iter().fold(!0, step)
}

#[cfg(test)]
mod tests {
    use super::{FrameKind, FrameReader, checksum, framed};

    #[test]
    fn checksums_are_those_of_the_standard() {
        assert_eq!(checksum(b"123456789"), 0xcbf4_3926);
        assert_eq!(checksum(b""), 0);
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes = framed(FrameKind::Event, "contentBlockDelta", b"{}");
        let mut reader = FrameReader::new(1024);
        reader.push(&bytes);
        let frame = reader.next_frame().and_then(Result::ok).expect("a frame");
        assert_eq!(
            (frame.kind(), frame.name(), frame.payload()),
            (FrameKind::Event, "contentBlockDelta", "{}")
        );
        assert_eq!((&*frame.frame(), reader.finish().len()), (&*bytes, 0));
    }
}
