//! Events of a stream, decoded as they arrive: server-sent events (WHATWG HTML, §9.2 "Server-sent events"), or lines
//! of JSON (<https://github.com/ndjson/ndjson-spec>), each of which is an event that is nothing but its data.
//!
//! INVARIANT: the events depend on the bytes and never on how they were cut. INVARIANT: the raw bytes
//! of the events, with what [`EventReader::finish`] returns, are the bytes that were pushed. INVARIANT: an
//! event larger than the limit, or not UTF-8, is an error, and nothing is read after it.
//!
//! Not here: what an event means (`stream`).

use std::borrow::Cow;
use std::ops::Range;

use crate::form::Form;

/// Bytes of one event, with its comments. Inline audio dominates.
pub const EVENT_BYTES_MAX: usize = 4 << 20;

/// How a stream is cut into events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Framing {
    /// `text/event-stream`: server-sent events.
    #[default]
    Events,
    /// `application/x-ndjson`: one JSON document a line, and every line ends.
    Lines,
    /// `application/vnd.amazon.eventstream`: binary frames, which [`crate::FrameReader`] cuts.
    Frames,
}

/// Why a stream cannot be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SseError {
    /// An event is larger than the limit.
    #[error("an event of the stream is larger than {bytes_max} bytes")]
    TooLarge {
        /// The limit.
        bytes_max: usize,
    },
    /// An event is not UTF-8.
    #[error("an event of the stream is not UTF-8")]
    InvalidUtf8,
}

/// One event, or a block of comments: everything up to and including a blank line; or one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SseEvent {
    raw: String,
    data: Data,
    name: Option<Range<usize>>,
    id: Option<Range<usize>>,
    retry: Option<Range<usize>>,
    /// No line could carry text beside the data.
    clean: bool,
    framing: Framing,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Data {
    None,
    Line(Range<usize>),
    Lines(String),
}

/// What is forwarded for a block of comments: it keeps the connection alive and says nothing.
const COMMENT_FRAME: &[u8] = b":\n\n";

impl SseEvent {
    /// The exact bytes it came as.
    pub const fn raw(&self) -> &[u8] {
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

    /// The value of its last `event` line.
    pub fn name(&self) -> Option<&str> {
        self.name.clone().and_then(|range| self.raw.get(range))
    }

    /// The bytes to forward when its data is not changed: the raw bytes, unless lines beside the data
    /// could carry text (comments, unknown fields, names and ids that are sentences), which are left out.
    pub fn frame(&self) -> Cow<'_, [u8]> {
        match self.data() {
            _ if self.clean => Cow::Borrowed(self.raw.as_bytes()),
            Some(data) => Cow::Owned(self.framed(data)),
            None => Cow::Borrowed(COMMENT_FRAME),
        }
    }

    /// The event with other data; everything else is kept as in [`SseEvent::frame`].
    pub fn with_data(&self, data: &str) -> Vec<u8> {
        match &self.data {
            Data::Line(range) if self.may_hold(data) => {
                let part = |range: Range<usize>| self.raw.get(range).unwrap_or_default().as_bytes();
                [part(0..range.start), data.as_bytes(), part(range.end..self.raw.len())].concat()
            }
            _ => self.framed(data),
        }
    }

    /// Whether the data can stand where its one line of data stands. A line of JSON holds a line feed nowhere,
    /// changed or not, and a carriage return only where it means nothing.
    fn may_hold(&self, data: &str) -> bool {
        self.framing == Framing::Lines || (self.clean && !data.contains(['\n', '\r']))
    }

    fn framed(&self, data: &str) -> Vec<u8> {
        let mut frame = String::with_capacity(data.len() + 16);
        for (name, range) in [("event", &self.name), ("id", &self.id), ("retry", &self.retry)] {
            let value = range.clone().and_then(|range| self.raw.get(range)).unwrap_or_default();
            if !value.is_empty() && Form::Id.admits_text(value) {
                frame.extend([name, ": ", value, "\n"]);
            }
        }
        for line in data.split('\n') {
            frame.extend(["data: ", line, "\n"]);
        }
        frame.push('\n');
        frame.into_bytes()
    }

    fn parse(raw: String, first: bool) -> Self {
        let mut event = Self {
            data: Data::None,
            name: None,
            id: None,
            retry: None,
            clean: true,
            framing: Framing::Events,
            raw: String::new(),
        };
        // A byte order mark may start the stream, and is a character anywhere else.
        let marked = first && raw.starts_with('\u{feff}');
        let mut at = if marked { '\u{feff}'.len_utf8() } else { 0 };
        while let Some(rest) = raw.get(at..).filter(|rest| !rest.is_empty()) {
            let length = line_length(rest.as_bytes());
            event.line(&raw, at..at + length);
            at += length + 1;
        }
        event.raw = raw;
        event
    }

    /// A line of JSON; nothing, if there is nothing on it.
    fn of_line(raw: String) -> Self {
        let end = raw.trim_end_matches(['\n', '\r']).len();
        let is_blank = raw.trim_ascii().is_empty();
        let data = if is_blank { Data::None } else { Data::Line(0..end) };
        let framing = Framing::Lines;
        Self { data, name: None, id: None, retry: None, clean: true, framing, raw }
    }

    fn line(&mut self, raw: &str, line: Range<usize>) {
        let text = raw.get(line.clone()).unwrap_or_default();
        let (name, value) = text.split_once(':').unwrap_or((text, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        let range = line.end - value.len()..line.end;
        match name {
            "data" => {
                self.data = match std::mem::replace(&mut self.data, Data::None) {
                    Data::None => Data::Line(range),
                    Data::Line(first) => {
                        Data::Lines([raw.get(first).unwrap_or_default(), value].join("\n"))
                    }
                    Data::Lines(mut text) => {
                        text.push('\n');
                        text.push_str(value);
                        Data::Lines(text)
                    }
                }
            }
            "event" => self.name = Some(range),
            "id" => self.id = Some(range),
            "retry" => self.retry = Some(range),
            "" if value.is_empty() => {}
            _ => self.clean = false,
        }
        self.clean &= name == "data" || Form::Id.admits_text(value);
    }
}

/// The length of the line at the start of `bytes`, without its end. A line feed after a carriage return
/// reads as an empty line more, which says nothing.
fn line_length(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    while let Some((block, after)) = rest.split_first_chunk::<32>() {
        if block.iter().fold(false, |found, byte| found | ends_line(*byte)) {
            break;
        }
        rest = after;
    }
    let tail = rest.iter().position(|byte| ends_line(*byte)).unwrap_or(rest.len());
    bytes.len() - rest.len() + tail
}

const fn ends_line(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// Cuts a stream of bytes into events.
#[derive(Debug)]
pub struct EventReader {
    event_bytes_max: usize,
    framing: Framing,
    buffer: Vec<u8>,
    /// Where the event that is read now starts.
    event: usize,
    /// Where its last line starts.
    line: usize,
    /// Up to where that line was searched for its end.
    searched: usize,
    /// How the line before it ended.
    ended: LineEnd,
    started: bool,
    failed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LineEnd {
    /// With CR LF: so the stream's lines end, and a lone CR waits for its LF.
    Both,
    /// With LF or CR alone, or there was no line in this event.
    One,
    /// The event before ended with a CR whose LF, if one follows, ends nothing more.
    EventWithCarriageReturn,
}

impl Default for EventReader {
    fn default() -> Self {
        Self::new(EVENT_BYTES_MAX)
    }
}

impl EventReader {
    /// A reader of server-sent events of at most `event_bytes_max` bytes.
    pub const fn new(event_bytes_max: usize) -> Self {
        Self::of(Framing::Events, event_bytes_max)
    }

    /// A reader of events of at most `event_bytes_max` bytes.
    pub const fn of(framing: Framing, event_bytes_max: usize) -> Self {
        Self {
            event_bytes_max,
            framing,
            buffer: Vec::new(),
            event: 0,
            line: 0,
            searched: 0,
            ended: LineEnd::One,
            started: false,
            failed: false,
        }
    }

    /// Takes bytes in. Take the events out ([`EventReader::next_event`]) before pushing more, so that
    /// the memory held stays at one event and one chunk.
    pub fn push(&mut self, bytes: &[u8]) {
        if !self.failed {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// The next whole event, or `None` until more bytes are pushed. After an error, `None` for ever.
    pub fn next_event(&mut self) -> Option<Result<SseEvent, SseError>> {
        let event = match self.event_end() {
            Some(end) => self.take(end),
            None if self.buffer.len() - self.event > self.event_bytes_max => {
                Err(SseError::TooLarge { bytes_max: self.event_bytes_max })
            }
            None => {
                self.buffer.drain(..self.event);
                self.line -= self.event;
                self.searched -= self.event;
                self.event = 0;
                return None;
            }
        };
        if event.is_err() {
            *self = Self { failed: true, ..Self::of(self.framing, self.event_bytes_max) };
        }
        Some(event)
    }

    /// What has to be sent before an event of our own, where what came was sent on unread: the end of an event that
    /// may have broken off.
    pub fn closing(&self) -> &'static [u8] {
        match self.framing {
            Framing::Events | Framing::Frames => b"\n\n",
            Framing::Lines if self.failed || self.buffer.len() > self.event => b"\n",
            Framing::Lines => b"",
        }
    }

    /// The bytes of an event that was never finished. A client that follows the standard drops it, so
    /// it must not be forwarded unread; when it is not empty, the stream broke off. (So does one whose
    /// lines end with CR LF and whose very last byte is a CR.)
    pub fn finish(mut self) -> Vec<u8> {
        self.buffer.split_off(self.event)
    }

    fn take(&mut self, end: usize) -> Result<SseEvent, SseError> {
        let raw = self.buffer.get(self.event..end).unwrap_or_default();
        if raw.len() > self.event_bytes_max {
            return Err(SseError::TooLarge { bytes_max: self.event_bytes_max });
        }
        let raw = String::from_utf8(raw.to_vec()).map_err(|_| SseError::InvalidUtf8)?;
        (self.event, self.line, self.searched) = (end, end, end);
        let first = !std::mem::replace(&mut self.started, true);
        Ok(match self.framing {
            Framing::Events | Framing::Frames => SseEvent::parse(raw, first),
            Framing::Lines => SseEvent::of_line(raw),
        })
    }

    /// The end of the event that is read now, past its blank line; `None` if it has not come.
    ///
    /// Whether a LF after the blank line's CR belongs to this event is decided by the lines before it
    /// and never by whether it has come yet: so the cut does not show, and a stream whose lines end with
    /// CR alone is not held up for a LF that never comes.
    fn event_end(&mut self) -> Option<usize> {
        if self.framing == Framing::Lines {
            let unseen = self.buffer.get(self.searched..).unwrap_or_default();
            let found = memchr::memchr(b'\n', unseen).map(|at| self.searched + at + 1);
            self.searched = found.unwrap_or(self.buffer.len());
            return found;
        }
        loop {
            let from = self.searched;
            let at = from + line_length(self.buffer.get(from..).unwrap_or_default());
            self.searched = at;
            let byte = *self.buffer.get(at)?;
            let blank = at == self.line;
            if byte == b'\n' && blank && self.ended == LineEnd::EventWithCarriageReturn {
                (self.line, self.searched, self.ended) = (at + 1, at + 1, LineEnd::One);
                continue;
            }
            if byte == b'\r' && blank && self.ended != LineEnd::Both {
                self.ended = LineEnd::EventWithCarriageReturn;
                return Some(at + 1);
            }
            let both = byte == b'\r' && *self.buffer.get(at + 1)? == b'\n';
            let next = at + 1 + usize::from(both);
            if blank {
                self.ended = LineEnd::One;
                return Some(next);
            }
            self.ended = if both { LineEnd::Both } else { LineEnd::One };
            (self.line, self.searched) = (next, next);
        }
    }
}
