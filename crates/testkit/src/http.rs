//! HTTP/1.1 read by hand, for both ends of the tests.
//!
//! INVARIANT: nothing is read without a limit, and a peer that stops sending ends in a timeout.
//!
//! Source: RFC 9112. Not here: leniency; what the standard does not allow is an error.

use std::io::{Error, ErrorKind, Read, Result};
use std::net::TcpStream;

/// Longest head (first line and headers), in bytes.
pub(crate) const HEAD_BYTES_MAX: usize = 256 * 1024;
/// Longest body, in bytes.
pub(crate) const BODY_BYTES_MAX: usize = 128 * 1024 * 1024;
/// Longest line of chunked framing, in bytes.
const LINE_BYTES_MAX: usize = 4096;

/// A first line and headers, names in lower case and in the order they came.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) first_line: String,
    pub(crate) headers: Vec<(String, String)>,
}

impl Head {
    /// The first header of that name (in lower case).
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// Whether the body comes in chunks.
    pub(crate) fn is_chunked(&self) -> bool {
        self.header("transfer-encoding")
            .is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"))
    }

    /// The body's length, when it is given.
    pub(crate) fn length(&self) -> Result<Option<usize>> {
        let length = self.header("content-length").map(|length| {
            length
                .parse()
                .ok()
                .filter(|length| *length <= BODY_BYTES_MAX)
                .ok_or_else(|| malformed("content-length"))
        });
        length.transpose()
    }
}

/// What was expected and did not come.
pub(crate) fn malformed(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, format!("malformed or too long: {what}"))
}

/// A connection and the bytes read from it too early.
#[derive(Debug)]
pub(crate) struct Reader {
    stream: TcpStream,
    buffer: Vec<u8>,
    start: usize,
}

impl Reader {
    pub(crate) const fn new(stream: TcpStream) -> Self {
        Self { stream, buffer: Vec::new(), start: 0 }
    }

    pub(crate) const fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Bytes that were read and not yet taken.
    pub(crate) fn unread(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    /// Takes up to `most` of the unread bytes, reading once when there are none. Empty at the end.
    pub(crate) fn some(&mut self, most: usize) -> Result<Vec<u8>> {
        if self.unread().is_empty() && self.fill()? == 0 {
            return Ok(Vec::new());
        }
        let count = self.unread().len().min(most);
        let taken = self.unread().get(..count).unwrap_or_default().to_vec();
        self.start += count;
        Ok(taken)
    }

    /// The next head; `None` when the peer closed in good order before its first byte.
    pub(crate) fn head(&mut self) -> Result<Option<Head>> {
        let end = loop {
            if let Some(end) = find(self.unread(), b"\r\n\r\n") {
                break end;
            }
            if self.unread().len() > HEAD_BYTES_MAX {
                return Err(malformed("head"));
            }
            if self.fill()? == 0 {
                let is_clean = self.unread().is_empty();
                return if is_clean { Ok(None) } else { Err(ErrorKind::UnexpectedEof.into()) };
            }
        };
        let text = self.unread().get(..end).unwrap_or_default();
        let text = std::str::from_utf8(text).map_err(|_| malformed("head"))?.to_owned();
        self.start += end + 4;
        let mut lines = text.split("\r\n");
        let first_line = lines.next().unwrap_or_default().to_owned();
        let headers = lines
            .map(|line| {
                let (name, value) = line.split_once(':').ok_or_else(|| malformed("header"))?;
                Ok((name.to_ascii_lowercase(), value.trim().to_owned()))
            })
            .collect::<Result<_>>()?;
        Ok(Some(Head { first_line, headers }))
    }

    /// A line of chunked framing, without its end.
    pub(crate) fn line(&mut self) -> Result<String> {
        let end = loop {
            if let Some(end) = find(self.unread(), b"\r\n") {
                break end;
            }
            if self.unread().len() > LINE_BYTES_MAX {
                return Err(malformed("chunk header"));
            }
            if self.fill()? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        };
        let line =
            String::from_utf8_lossy(self.unread().get(..end).unwrap_or_default()).into_owned();
        self.start += end + 2;
        Ok(line)
    }

    /// The size in a chunk's header line.
    pub(crate) fn chunk_size(&mut self) -> Result<usize> {
        let line = self.line()?;
        let digits = line.split(';').next().unwrap_or_default().trim();
        usize::from_str_radix(digits, 16)
            .ok()
            .filter(|size| *size <= BODY_BYTES_MAX)
            .ok_or_else(|| malformed("chunk size"))
    }

    /// The whole body that `head` announces; none when it announces none.
    pub(crate) fn body(&mut self, head: &Head) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        if !head.is_chunked() {
            self.exactly(head.length()?.unwrap_or(0), &mut body)?;
            return Ok(body);
        }
        loop {
            let size = self.chunk_size()?;
            if body.len() + size > BODY_BYTES_MAX {
                return Err(malformed("body"));
            }
            self.exactly(size, &mut body)?;
            if !self.line()?.is_empty() {
                return Err(malformed("chunk end"));
            }
            if size == 0 {
                return Ok(body);
            }
        }
    }

    fn exactly(&mut self, count: usize, body: &mut Vec<u8>) -> Result<()> {
        let end = body.len() + count;
        while body.len() < end {
            let piece = self.some(end - body.len())?;
            if piece.is_empty() {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            body.extend(piece);
        }
        Ok(())
    }

    fn fill(&mut self) -> Result<usize> {
        self.buffer.drain(..self.start);
        self.start = 0;
        let mut piece = [0; 16 * 1024];
        let count = loop {
            match self.stream.read(&mut piece) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.buffer.extend(piece.get(..count).unwrap_or_default());
        Ok(count)
    }
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}
