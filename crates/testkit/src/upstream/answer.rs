//! An answer on its way to the wire: status, headers, body, framing, and what goes wrong with them.
//!
//! INVARIANT: what is wrong with an answer is what its scenario says, and nothing else.

use std::fmt::Write as _;
use std::io::{Result, Write};
use std::net::TcpStream;
use std::ops::Range;
use std::time::Duration;

use super::HANG_MAX;
use crate::bedrock::{self, converse_frame};
use crate::gemini;
use crate::messages;
use crate::reply;
use crate::script::{Prompt, Shape};
use crate::{Kind, Scenario};

/// Bytes of the head of [`Kind::HugeHead`].
const HUGE_HEAD_BYTES: usize = 128 * 1024;
/// Bytes of the event of [`Kind::EndlessEvent`].
const ENDLESS_EVENT_BYTES: usize = 64 * 1024 * 1024;

/// What follows the head.
#[derive(Debug)]
pub(super) enum Body {
    /// A body that is one piece.
    Bytes(Vec<u8>),
    /// The events of a stream, without framing.
    Events(Vec<Event>),
    /// The binary frames of a stream.
    Frames(Vec<Vec<u8>>),
    /// The lines of a stream, without their ends.
    Lines(Vec<Vec<u8>>),
    /// No head and no framing: these bytes, and the connection closes.
    Raw(Vec<u8>),
    /// Nothing at all, for a while.
    Hang,
    /// A reset instead of an answer.
    Reset,
    /// One event that goes on and on.
    EndlessEvent,
}

/// An event of a stream: its name, where the dialect has names, and its data.
pub(super) type Event = (Option<String>, Vec<u8>);

/// An answer on its way to the wire.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Body,
    pub(super) scenario: Scenario,
}

impl Answer {
    pub(super) fn json(status: u16, body: String) -> Self {
        let scenario = Scenario::default();
        Self { status, headers: Vec::new(), body: Body::Bytes(body.into_bytes()), scenario }
    }

    /// The answer of a scenario that fails from the start; `None` when it answers.
    pub(super) fn failure(scenario: &Scenario, prompt: &Prompt) -> Option<Self> {
        let text = &prompt.text;
        let error = |status, message: &str, class, code| {
            let body = match prompt.shape {
                Shape::Anthropic => messages::error(message, status),
                Shape::Bedrock => bedrock::error(message),
                Shape::Gemini => gemini::error(message, status),
                Shape::OpenAi => reply::error(message, class, None, code),
            };
            let mut answer = Self::json(status, body);
            if prompt.shape == Shape::Bedrock {
                answer.headers.push(("x-amzn-errortype", bedrock::error_type(status).to_owned()));
            }
            answer
        };
        let typed = |kind: &str, body: &str| Self {
            headers: vec![("content-type", kind.to_owned())],
            ..Self::json(200, body.to_owned())
        };
        let raw = |body| Self { body, ..Self::json(200, String::new()) };
        Some(match scenario.kind {
            Kind::Error400 => {
                let message = format!("Invalid prompt: {text}");
                error(400, &message, "invalid_request_error", Some("invalid_prompt"))
            }
            Kind::Error401 => {
                let message = "Incorrect API key provided.";
                error(401, message, "invalid_request_error", Some("invalid_api_key"))
            }
            Kind::Error429 => {
                let message = "Rate limit reached for requests.";
                let answer = error(429, message, "requests", Some("rate_limit_exceeded"));
                let mut answer = answer;
                answer.headers.push(("retry-after", "1".into()));
                answer
            }
            Kind::Error500 => {
                let message = "The server had an error while processing your request.";
                error(500, message, "server_error", None)
            }
            Kind::Error503 => Self { status: 503, ..typed("text/plain", "upstream connect error") },
            Kind::Redirect => Self {
                headers: vec![("location", "http://127.0.0.1:1/v1/chat/completions".into())],
                ..Self::json(302, "{}".into())
            },
            Kind::GarbageJson => Self::json(200, r#"{"id":"chatcmpl-1","choices":[{"#.into()),
            Kind::Html => typed("text/html", "<!doctype html><title>Sign in</title>"),
            Kind::Gzip => Self {
                headers: vec![("content-encoding", "gzip".into())],
                body: Body::Bytes(GZIPPED_OBJECT.to_vec()),
                ..Self::json(200, String::new())
            },
            Kind::HugeHead => Self {
                headers: vec![("x-padding", "a".repeat(HUGE_HEAD_BYTES))],
                ..Self::json(200, "{}".into())
            },
            Kind::Garbage => {
                raw(Body::Raw(b"\x16\x03\x01\x02\x00\x01\xff not HTTP\r\n\r\n".to_vec()))
            }
            Kind::Hang => raw(Body::Hang),
            Kind::ResetEarly => raw(Body::Reset),
            Kind::EndlessEvent => raw(Body::EndlessEvent),
            _ => return None,
        })
    }

    /// Writes the answer. Whether the connection may be used again.
    pub(super) fn send(self, stream: &TcpStream, wait: impl Fn(Duration) -> bool) -> Result<bool> {
        if !self.scenario.delay.is_zero() && !wait(self.scenario.delay) {
            return Ok(false);
        }
        let mut writer = stream;
        match self.body {
            Body::Hang => {
                wait(HANG_MAX);
                Ok(false)
            }
            Body::Reset => reset(stream),
            Body::Raw(bytes) => writer.write_all(&bytes).map(|()| false),
            Body::EndlessEvent => {
                let head = self.head("text/event-stream; charset=utf-8", None);
                writer.write_all(head.as_bytes())?;
                endless(stream)
            }
            Body::Bytes(ref bytes) => {
                let length = (!self.scenario.chunked).then_some(bytes.len());
                writer.write_all(self.head("application/json", length).as_bytes())?;
                self.send_unstreamed(stream, bytes, &wait)
            }
            Body::Events(ref events) => {
                let head = self.head("text/event-stream; charset=utf-8", None);
                writer.write_all(head.as_bytes())?;
                self.send_events(stream, framed(events, &self.scenario), &wait)
            }
            Body::Frames(ref frames) => {
                let head = self.head("application/vnd.amazon.eventstream", None);
                writer.write_all(head.as_bytes())?;
                let mut end = 0;
                let ranges = frames.iter().map(|frame| {
                    let start = end;
                    end += frame.len();
                    start..end
                });
                self.send_events(stream, (frames.concat(), ranges.collect()), &wait)
            }
            Body::Lines(ref lines) => {
                let head = self.head("application/x-ndjson", None);
                writer.write_all(head.as_bytes())?;
                self.send_events(stream, ended(lines), &wait)
            }
        }
    }

    fn head(&self, content_type: &str, length: Option<usize>) -> String {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        if !self.headers.iter().any(|(name, _)| *name == "content-type") {
            let _ = write!(head, "content-type: {content_type}\r\n");
        }
        for (name, value) in &self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        head.push_str("x-request-id: req_5f3c1a9b7e2d4c6f8a0b1c2d3e4f5a6b\r\n");
        head.push_str("openai-version: 2020-10-01\r\n");
        if let Some(length) = length {
            let _ = write!(head, "content-length: {length}\r\n");
        } else {
            head.push_str("transfer-encoding: chunked\r\n");
        }
        if self.scenario.close {
            head.push_str("connection: close\r\n");
        }
        head.push_str("\r\n");
        head
    }

    fn send_unstreamed(
        &self,
        stream: &TcpStream,
        body: &[u8],
        wait: &impl Fn(Duration) -> bool,
    ) -> Result<bool> {
        let mut writer = stream;
        let until = self.stops_after(body.len());
        let body = body.get(..until.unwrap_or(body.len())).unwrap_or_default();
        let whole = 0..body.len();
        let chunks = self.scenario.cut.chunks(body, std::slice::from_ref(&whole));
        for (number, chunk) in chunks.into_iter().enumerate() {
            let piece = body.get(chunk).unwrap_or_default();
            if self.scenario.chunked {
                self.send_chunk(stream, piece, number, wait)?;
            } else {
                writer.write_all(piece)?;
            }
        }
        self.finish(stream, until.is_some(), self.scenario.chunked, wait)
    }

    fn send_events(
        &self,
        stream: &TcpStream,
        (body, ranges): (Vec<u8>, Vec<Range<usize>>),
        wait: &impl Fn(Duration) -> bool,
    ) -> Result<bool> {
        let until = self.stops_after(ranges.len());
        let ranges = ranges.get(..until.unwrap_or(ranges.len())).unwrap_or_default();
        let end = ranges.last().map_or(0, |range| range.end);
        let pace = self.scenario.pace();
        // With a pace, events leave one by one, each cut by itself; without, the body is cut as one.
        let groups: Vec<&[Range<usize>]> =
            if pace.is_zero() { vec![ranges] } else { ranges.chunks(1).collect() };
        let mut number = 0;
        for group in groups {
            let start = group.first().map_or(0, |range| range.start);
            let stop = group.last().map_or(0, |range| range.end).min(end);
            let part = body.get(start..stop).unwrap_or_default();
            let local: Vec<Range<usize>> =
                group.iter().map(|range| range.start - start..range.end - start).collect();
            for chunk in self.scenario.cut.chunks(part, &local) {
                self.send_chunk(stream, part.get(chunk).unwrap_or_default(), number, wait)?;
                number += 1;
            }
            if !pace.is_zero() && !wait(pace) {
                return Ok(false);
            }
        }
        self.finish(stream, until.is_some(), true, wait)
    }

    /// How much of `length` is sent, when the answer stops in the middle.
    const fn stops_after(&self, length: usize) -> Option<usize> {
        match self.scenario.kind {
            Kind::Reset | Kind::Truncate | Kind::HangStream => Some(length.div_ceil(2)),
            _ => None,
        }
    }

    fn send_chunk(
        &self,
        stream: &TcpStream,
        piece: &[u8],
        number: usize,
        wait: &impl Fn(Duration) -> bool,
    ) -> Result<()> {
        let mut framed = format!("{:x}\r\n", piece.len()).into_bytes();
        framed.extend(piece);
        framed.extend(b"\r\n");
        let mut writer = stream;
        for write in self.scenario.cut.writes(&framed, number) {
            writer.write_all(framed.get(write).unwrap_or_default())?;
            if !self.scenario.cut.pause().is_zero() {
                wait(self.scenario.cut.pause());
            }
        }
        Ok(())
    }

    fn finish(
        &self,
        stream: &TcpStream,
        is_stopped: bool,
        is_chunked: bool,
        wait: &impl Fn(Duration) -> bool,
    ) -> Result<bool> {
        let mut writer = stream;
        match self.scenario.kind {
            Kind::Reset => {
                // The bytes before the reset must have been read, or they are lost with it.
                wait(Duration::from_millis(50));
                return reset(stream);
            }
            Kind::HangStream => {
                wait(HANG_MAX);
                return Ok(false);
            }
            _ if is_stopped => return Ok(false),
            _ => {}
        }
        if is_chunked {
            writer.write_all(b"0\r\n\r\n")?;
        }
        Ok(!self.scenario.close)
    }
}

/// The body of a stream and the ranges of its events.
fn framed(events: &[Event], scenario: &Scenario) -> (Vec<u8>, Vec<Range<usize>>) {
    let end = scenario.newline.as_str().as_bytes();
    let mut body = Vec::new();
    let mut ranges = Vec::new();
    for (name, data) in events {
        let start = body.len();
        if scenario.comments {
            body.extend(b": keep-alive");
            body.extend(end);
            body.extend(end);
        }
        if let Some(name) = name {
            body.extend(format!("event: {name}").into_bytes());
            body.extend(end);
        }
        body.extend(b"data: ");
        body.extend(data);
        body.extend(end);
        body.extend(end);
        ranges.push(start..body.len());
    }
    (body, ranges)
}

/// The body of a stream of lines and the ranges of its lines.
fn ended(lines: &[Vec<u8>]) -> (Vec<u8>, Vec<Range<usize>>) {
    let mut body = Vec::new();
    let mut ranges = Vec::new();
    for line in lines {
        let start = body.len();
        body.extend(line);
        body.push(b'\n');
        ranges.push(start..body.len());
    }
    (body, ranges)
}

/// The events as the scenario spoils them, with `[DONE]` where it belongs.
pub(super) fn with_faults(events: Vec<String>, scenario: &Scenario) -> Vec<Event> {
    let middle = events.len() / 2;
    let mut events: Vec<Vec<u8>> = events.into_iter().map(String::into_bytes).collect();
    let done = b"[DONE]".to_vec();
    match scenario.kind {
        Kind::NoDone => {
            events.pop();
            return events.into_iter().map(|data| (None, data)).collect();
        }
        Kind::InvalidSse => {
            events.insert(middle, br#"{"id":"chatcmpl-1","choices":[{"ind"#.to_vec());
        }
        Kind::InvalidUtf8 => events.insert(
            middle,
            b"{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\xff\xfe\"}}]}".to_vec(),
        ),
        Kind::DuplicateKeys => events.insert(
            middle,
            br#"{"choices":[{"index":0,"delta":{"content":"one","content":"two"}}]}"#.to_vec(),
        ),
        Kind::ErrorEvent => {
            events.truncate(middle);
            let message = "The server had an error while processing your request.";
            events.push(reply::error(message, "server_error", None, None).into_bytes());
        }
        _ => {}
    }
    events.push(done);
    events.into_iter().map(|data| (None, data)).collect()
}

/// The events of a message as the scenario spoils them.
pub(super) fn with_faults_in_messages(
    events: Vec<(&'static str, String)>,
    scenario: &Scenario,
) -> Vec<Event> {
    let middle = events.len() / 2;
    let named = |(name, data): (&'static str, String)| (Some(name.to_owned()), data.into_bytes());
    let mut events: Vec<Event> = events.into_iter().map(named).collect();
    let mut insert = |name: &str, data: &[u8]| {
        events.insert(middle, (Some(name.to_owned()), data.to_vec()));
    };
    match scenario.kind {
        // Without its end, and without the reason for it.
        Kind::NoDone => events.truncate(events.len().saturating_sub(2)),
        Kind::InvalidSse => insert("content_block_delta", br#"{"type":"content_block_delta","ind"#),
        Kind::InvalidUtf8 => insert("ping", b"{\"type\":\"\xff\xfe\"}"),
        Kind::DuplicateKeys => insert("ping", br#"{"type":"ping","type":"ping"}"#),
        Kind::ErrorEvent => {
            events.truncate(middle);
            let data = messages::error("Overloaded", 529);
            events.push((Some("error".to_owned()), data.into_bytes()));
        }
        _ => {}
    }
    events
}

/// The events of Gemini's stream as the scenario spoils them.
pub(super) fn with_faults_in_contents(events: Vec<String>, scenario: &Scenario) -> Vec<Event> {
    let middle = events.len() / 2;
    let mut events: Vec<Vec<u8>> = events.into_iter().map(String::into_bytes).collect();
    match scenario.kind {
        // Without the reason why it ends.
        Kind::NoDone => {
            events.pop();
        }
        Kind::InvalidSse => events.insert(middle, br#"{"candidates":[{"ind"#.to_vec()),
        Kind::InvalidUtf8 => events.insert(middle, b"{\"responseId\":\"\xff\xfe\"}".to_vec()),
        Kind::DuplicateKeys => {
            events.insert(middle, br#"{"responseId":"r_1","responseId":"r_2"}"#.to_vec());
        }
        Kind::ErrorEvent => {
            events.truncate(middle);
            events.push(gemini::error("The model is overloaded.", 503).into_bytes());
        }
        _ => {}
    }
    events.into_iter().map(|data| (None, data)).collect()
}

/// The events of a Converse stream in their frames, as the scenario spoils them.
pub(super) fn with_faults_in_frames(
    events: Vec<(&'static str, String)>,
    scenario: &Scenario,
) -> Vec<Vec<u8>> {
    let middle = events.len() / 2;
    let frame = |(name, data): (&str, String)| converse_frame("event", name, data.as_bytes());
    let mut frames: Vec<Vec<u8>> = events.into_iter().map(frame).collect();
    let mut insert = |payload: &[u8]| {
        frames.insert(middle, converse_frame("event", "contentBlockDelta", payload));
    };
    match scenario.kind {
        // Without its end, and without the reason for it.
        Kind::NoDone => frames.truncate(frames.len().saturating_sub(2)),
        Kind::InvalidSse => insert(br#"{"contentBlockIn"#),
        Kind::InvalidUtf8 => insert(b"{\"p\":\"\xff\xfe\"}"),
        Kind::DuplicateKeys => insert(br#"{"p":"a","p":"b"}"#),
        Kind::ErrorEvent => {
            frames.truncate(middle);
            let payload = bedrock::error("The model is overloaded.");
            frames.push(converse_frame("exception", "throttlingException", payload.as_bytes()));
        }
        _ => {}
    }
    frames
}

/// The unstreamed body as the scenario spoils it.
pub(super) fn with_faults_unstreamed(body: String, scenario: &Scenario) -> Vec<u8> {
    match scenario.kind {
        Kind::InvalidUtf8 => b"{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"\xff\xfe\"},\"finish_reason\":\"stop\"}]}".to_vec(),
        Kind::DuplicateKeys => br#"{"choices":[{"index":0,"message":{"role":"assistant","content":"one","content":"two"},"finish_reason":"stop"}]}"#.to_vec(),
        _ => body.into_bytes(),
    }
}

/// `{}` in gzip (RFC 1952), stored without compression.
const GZIPPED_OBJECT: [u8; 25] = [
    0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff, 1, 2, 0, 0xfd, 0xff, b'{', b'}', 0x43, 0xbf, 0xa6, 0xa3,
    2, 0, 0, 0,
];

fn reset(stream: &TcpStream) -> Result<bool> {
    // With a linger of zero the kernel sends RST; shutting down first would send FIN.
    socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO))?;
    Ok(false)
}

fn endless(stream: &TcpStream) -> Result<bool> {
    let mut writer = stream;
    let chunk = [b"4000\r\n".as_slice(), &[b'a'; 0x4000], b"\r\n"].concat();
    writer.write_all(b"7\r\ndata: \"\r\n")?;
    for _ in 0..ENDLESS_EVENT_BYTES / 0x4000 {
        writer.write_all(&chunk)?;
    }
    Ok(false)
}

const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        302 => "Found",
        400 => "Bad Request",
        401 => "Unauthorized",
        404 => "Not Found",
        429 => "Too Many Requests",
        503 => "Service Unavailable",
        _ => "Internal Server Error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_every_line_end_are_framed() {
        let events = vec![(None, b"{}".to_vec()), (None, b"[DONE]".to_vec())];
        let scenario: Scenario = "fake-echo+crlf+comments".parse().unwrap();
        let (body, ranges) = framed(&events, &scenario);
        assert_eq!(
            String::from_utf8(body).unwrap(),
            ": keep-alive\r\n\r\ndata: {}\r\n\r\n: keep-alive\r\n\r\ndata: [DONE]\r\n\r\n"
        );
        assert_eq!(ranges.len(), 2);
    }
}
