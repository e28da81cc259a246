//! A raw HTTP/1.1 client that can misbehave.
//!
//! INVARIANT: what it sends is what the test wrote; what it reports is what came, and how it ended.
//!
//! Not here: redirects, cookies, compression, reuse of connections behind the test's back.

use std::fmt::Write as _;
use std::io::{ErrorKind, Result, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::http::{BODY_BYTES_MAX, Head, Reader, malformed};
use crate::{Random, SseCollected};

/// How long one read or write waits unless the client says otherwise.
const PATIENCE: Duration = Duration::from_secs(20);

/// A request to write.
#[derive(Clone, Debug)]
pub struct Request {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    is_chunked: bool,
    has_length: bool,
}

impl Request {
    /// Any method, no body.
    pub fn new(method: &str, target: &str) -> Self {
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            is_chunked: false,
            has_length: false,
        }
    }

    /// `GET` of `target`.
    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// `POST` of `body` as `application/json`, whatever it is.
    pub fn post(target: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::new("POST", target).header("content-type", "application/json").body(body)
    }

    /// A chat completion: one user message, and whatever `extra` adds or replaces.
    pub fn chat(model: &str, text: &str, extra: &Value) -> Self {
        let mut body = serde_json::json!({
            "model": model,
            "messages": [{ "role": "user", "content": text }],
        });
        if let (Some(body), Some(extra)) = (body.as_object_mut(), extra.as_object()) {
            body.extend(extra.clone());
        }
        Self::post("/v1/chat/completions", body.to_string())
    }

    /// A message in Anthropic's shape: one of the user, and whatever `extra` adds or replaces.
    pub fn messages(model: &str, text: &str, extra: &Value) -> Self {
        let mut body = serde_json::json!({
            "model": model,
            "max_tokens": 1024,
            "messages": [{ "role": "user", "content": text }],
        });
        if let (Some(body), Some(extra)) = (body.as_object_mut(), extra.as_object()) {
            body.extend(extra.clone());
        }
        Self::post("/v1/messages", body.to_string()).header("anthropic-version", "2023-06-01")
    }

    /// A request of the Gemini API: one content of the user, and whatever `extra` adds or replaces.
    pub fn contents(model: &str, text: &str, streamed: bool, extra: &Value) -> Self {
        let mut body =
            serde_json::json!({ "contents": [{ "role": "user", "parts": [{ "text": text }] }] });
        if let (Some(body), Some(extra)) = (body.as_object_mut(), extra.as_object()) {
            body.extend(extra.clone());
        }
        let method = if streamed { "streamGenerateContent?alt=sse" } else { "generateContent" };
        Self::post(&format!("/v1beta/models/{model}:{method}"), body.to_string())
    }

    /// A request of Bedrock's Converse API: one message of the user, and whatever `extra` adds or replaces.
    pub fn converse(model: &str, text: &str, streamed: bool, extra: &Value) -> Self {
        let mut body =
            serde_json::json!({ "messages": [{ "role": "user", "content": [{ "text": text }] }] });
        if let (Some(body), Some(extra)) = (body.as_object_mut(), extra.as_object()) {
            body.extend(extra.clone());
        }
        let method = if streamed { "converse-stream" } else { "converse" };
        Self::post(&format!("/model/{}/{method}", model.replace(':', "%3A")), body.to_string())
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Replaces a header, or adds it.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        self.header(name, value)
    }

    /// Adds the key as `authorization: Bearer …`.
    #[must_use]
    pub fn key(self, key: &str) -> Self {
        self.with_header("authorization", &format!("Bearer {key}"))
    }

    /// Replaces the body; it is sent with its length.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.has_length = true;
        self
    }

    /// Sends the body in chunks of 1 to 64 bytes instead of with its length.
    #[must_use]
    pub const fn chunked(mut self) -> Self {
        self.is_chunked = true;
        self
    }

    /// The bytes on the wire.
    pub fn bytes(&self, host: SocketAddr) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\nhost: {host}\r\n", self.method, self.target);
        for (name, value) in &self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        if self.is_chunked {
            head.push_str("transfer-encoding: chunked\r\n");
        } else if self.has_length {
            let _ = write!(head, "content-length: {}\r\n", self.body.len());
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        if self.is_chunked {
            let mut random = Random::new(self.body.len() as u64);
            let mut rest = self.body.as_slice();
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(random.one_to(64).min(rest.len()));
                bytes.extend(format!("{:x}\r\n", piece.len()).into_bytes());
                bytes.extend(piece);
                bytes.extend(b"\r\n");
                rest = after;
            }
            bytes.extend(b"0\r\n\r\n");
        } else {
            bytes.extend(&self.body);
        }
        bytes
    }
}

/// How a response ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// As HTTP says it should.
    Complete,
    /// The connection closed first.
    Truncated,
    /// The connection was reset.
    Reset,
    /// Nothing more came in time.
    TimedOut,
    /// What came was not HTTP.
    Malformed,
}

impl Ending {
    fn of(error: &std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::UnexpectedEof => Self::Truncated,
            ErrorKind::WouldBlock | ErrorKind::TimedOut => Self::TimedOut,
            ErrorKind::InvalidData => Self::Malformed,
            _ => Self::Reset,
        }
    }
}

/// A response as it came.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Names in lower case, in the order they came.
    pub headers: Vec<(String, String)>,
    /// The body out of its chunks, as much as came.
    pub body: Vec<u8>,
    /// For every read: how long the body was after it, and when, since the request was written.
    pub arrivals: Vec<(usize, Duration)>,
    /// How it ended.
    pub ending: Ending,
}

impl Response {
    /// The first header of that name (in lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// The body as text, with replacement characters where it is not.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; `null` when it is not.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The text of the first choice's message.
    pub fn content(&self) -> String {
        let json = self.json();
        let content = json.pointer("/choices/0/message/content").and_then(Value::as_str);
        content.unwrap_or_default().to_owned()
    }

    /// The stable code of an error in the shape of OpenAI.
    pub fn error_code(&self) -> Option<String> {
        let body = self.json();
        let places = ["/error/code", "/error/details/0/reason", "/bartizan/code"];
        places.iter().find_map(|place| body.pointer(place)?.as_str().map(str::to_owned))
    }

    /// The body as a stream of binary frames; nothing, if one of them is wrong.
    pub fn frames(&self) -> Option<SseCollected> {
        SseCollected::of_frames(&self.body)
    }

    /// The body as a stream of events.
    pub fn sse(&self) -> SseCollected {
        SseCollected::of(&self.body, &self.arrivals)
    }
}

/// Opens connections to one address.
#[derive(Clone, Debug)]
pub struct Client {
    address: SocketAddr,
    patience: Duration,
    key: Option<String>,
}

impl Client {
    /// A client of whatever listens on `address`.
    pub const fn new(address: SocketAddr) -> Self {
        Self { address, patience: PATIENCE, key: None }
    }

    /// Sends `authorization: Bearer …` with every request that has none.
    #[must_use]
    pub fn with_key(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }

    /// Waits that long for one read or write, instead of 20 seconds.
    #[must_use]
    pub const fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The address.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// A connection to write to by hand.
    pub fn connect(&self) -> Result<Connection> {
        let stream = TcpStream::connect_timeout(&self.address, self.patience)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(self.patience))?;
        stream.set_write_timeout(Some(self.patience))?;
        Ok(Connection { reader: Reader::new(stream), written: Instant::now() })
    }

    /// Sends one request on its own connection, and reads the response to its end.
    pub fn send(&self, request: &Request) -> Result<Response> {
        let mut connection = self.connect()?;
        connection.write(&self.bytes(request))?;
        connection.read()
    }

    /// The bytes of `request`, with the client's key when it has none of its own.
    pub fn bytes(&self, request: &Request) -> Vec<u8> {
        let has_key =
            request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        match &self.key {
            Some(key) if !has_key => request.clone().key(key).bytes(self.address),
            _ => request.bytes(self.address),
        }
    }
}

/// A connection to write to by hand.
#[derive(Debug)]
pub struct Connection {
    reader: Reader,
    written: Instant,
}

impl Connection {
    /// Writes all of `bytes` at once.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.written = Instant::now();
        self.reader.stream().write_all(bytes)
    }

    /// Writes `bytes` in pieces of `size`, waiting `interval` after each (a slow-loris client).
    pub fn drip(&mut self, bytes: &[u8], size: usize, interval: Duration) -> Result<()> {
        self.written = Instant::now();
        for piece in bytes.chunks(size.max(1)) {
            self.reader.stream().write_all(piece)?;
            std::thread::sleep(interval);
        }
        Ok(())
    }

    /// Says that nothing more will be written, and stays open for reading (half-open).
    pub fn finish_writing(&self) -> Result<()> {
        self.reader.stream().shutdown(Shutdown::Write)
    }

    /// Leaves with a reset instead of a goodbye.
    pub fn reset(self) -> Result<()> {
        socket2::SockRef::from(self.reader.stream()).set_linger(Some(Duration::ZERO))
    }

    /// The next response, to its end or to what ended it. An error when not even a head came.
    pub fn read(&mut self) -> Result<Response> {
        self.read_until(|_| false)
    }

    /// The next response, or as much of it as came when `enough` was first true of the body.
    pub fn read_until(&mut self, enough: impl Fn(&[u8]) -> bool) -> Result<Response> {
        let head = loop {
            let head = self.reader.head()?.ok_or(ErrorKind::UnexpectedEof)?;
            // Interim responses (RFC 9110, 15.2) come before the one that was asked for.
            if !head.first_line.starts_with("HTTP/1.1 1") {
                break head;
            }
        };
        let status = head.first_line.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
        let mut response = Response {
            status: status.and_then(|code| code.parse().ok()).ok_or_else(|| malformed("status"))?,
            headers: Vec::new(),
            body: Vec::new(),
            arrivals: Vec::new(),
            ending: Ending::Complete,
        };
        if let Err(error) = self.read_body(&head, &mut response, &enough) {
            response.ending = Ending::of(&error);
        }
        response.headers = head.headers;
        Ok(response)
    }

    /// Whether the peer closed the connection (and sent nothing more) within the client's patience.
    pub fn is_closed(&mut self) -> bool {
        match self.reader.some(1) {
            Ok(bytes) => bytes.is_empty(),
            Err(error) => Ending::of(&error) == Ending::Reset,
        }
    }

    fn read_body(
        &mut self,
        head: &Head,
        response: &mut Response,
        enough: &impl Fn(&[u8]) -> bool,
    ) -> Result<()> {
        if matches!(response.status, 204 | 304) {
            return Ok(());
        }
        if !head.is_chunked() {
            let length = head.length()?;
            return self.read_piece(
                length.unwrap_or(BODY_BYTES_MAX),
                length.is_none(),
                response,
                enough,
            );
        }
        loop {
            let size = self.reader.chunk_size()?;
            self.read_piece(size, false, response, enough)?;
            if enough(&response.body) {
                return Ok(());
            }
            if !self.reader.line()?.is_empty() {
                return Err(malformed("chunk end"));
            }
            if size == 0 {
                return Ok(());
            }
        }
    }

    fn read_piece(
        &mut self,
        size: usize,
        may_end: bool,
        response: &mut Response,
        enough: &impl Fn(&[u8]) -> bool,
    ) -> Result<()> {
        let end = response.body.len() + size;
        if end > BODY_BYTES_MAX {
            return Err(malformed("body"));
        }
        while response.body.len() < end && !enough(&response.body) {
            let piece = self.reader.some(end - response.body.len())?;
            if piece.is_empty() {
                return if may_end { Ok(()) } else { Err(ErrorKind::UnexpectedEof.into()) };
            }
            response.body.extend(piece);
            response.arrivals.push((response.body.len(), self.written.elapsed()));
        }
        Ok(())
    }
}
