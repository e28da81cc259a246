//! The load: raw sockets that are kept open, one request after the other on each.
//!
//! INVARIANT: a request counts only when its answer is 200 and complete; anything else is a failure
//! and is reported.
//!
//! Not here: an open loop. Closed loops of 1 and 16 say what a request costs, not what a queue does.

use std::io::{ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use crate::bodies::{Content, Template};

/// Requests each connection sends before anything is measured.
const WARM_UP_REQUESTS: u64 = 4;
/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest answer, in bytes.
const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// Numbers requests across the whole run, so that no two have the same text.
static NUMBER: AtomicU64 = AtomicU64::new(1_000_000);

/// What is asked, and by how many at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Shape {
    /// Whether the upstream takes five milliseconds, or no time.
    pub(crate) is_slow: bool,
    /// Whether a stream is asked for.
    pub(crate) is_streamed: bool,
    /// What the request carries.
    pub(crate) content: Content,
    /// Connections at once.
    pub(crate) connections: usize,
}

impl Shape {
    /// As the report calls it.
    pub(crate) fn name(self) -> String {
        let streamed = if self.is_streamed { "streamed" } else { "whole" };
        let connections = self.connections;
        format!("{}, {streamed}, {connections} conn.", self.content.name())
    }
}

/// When a cell ends: whichever comes first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    /// Requests of all connections together.
    pub(crate) requests: u64,
    /// Time.
    pub(crate) time: Duration,
}

/// What was measured.
#[derive(Clone, Debug, Default)]
pub(crate) struct Measured {
    /// To the last byte of the answer, in microseconds, sorted.
    pub(crate) latencies_us: Vec<f64>,
    /// To the first text of a stream, in microseconds, sorted; empty when nothing was streamed.
    pub(crate) first_us: Vec<f64>,
    /// Time from the first request to the last answer.
    pub(crate) wall: Duration,
    /// Requests that were not answered as they should be.
    pub(crate) failures: u64,
    /// The first failure, in words.
    pub(crate) failure: Option<String>,
}

/// Sends requests of one shape until the budget is spent. `at_start` runs after the warm-up.
pub(crate) fn drive(
    address: SocketAddr,
    key: Option<&str>,
    shape: Shape,
    budget: Budget,
    at_start: impl FnOnce(),
) -> Measured {
    let start = Arc::new(Barrier::new(shape.connections + 1));
    let go = Arc::new(Barrier::new(shape.connections + 1));
    let left = Arc::new(AtomicU64::new(budget.requests));
    let workers: Vec<_> = (0..shape.connections)
        .map(|_| {
            let template = Template::new(
                shape.content,
                shape.is_streamed,
                shape.is_slow,
                &address.to_string(),
                key,
            );
            let (start, go, left) = (Arc::clone(&start), Arc::clone(&go), Arc::clone(&left));
            std::thread::spawn(move || work(address, template, budget.time, [&start, &go], &left))
        })
        .collect();
    start.wait();
    at_start();
    let begun = Instant::now();
    go.wait();
    let mut all = Measured::default();
    for worker in workers {
        match worker.join() {
            Ok(measured) => {
                all.latencies_us.extend(measured.latencies_us);
                all.first_us.extend(measured.first_us);
                all.failures += measured.failures;
                all.failure = all.failure.or(measured.failure);
            }
            Err(_) => all.failures += 1,
        }
    }
    all.wall = begun.elapsed();
    all.latencies_us.sort_by(f64::total_cmp);
    all.first_us.sort_by(f64::total_cmp);
    all
}

fn work(
    address: SocketAddr,
    template: Template,
    time: Duration,
    [start, go]: [&Barrier; 2],
    left: &AtomicU64,
) -> Measured {
    let mut measured = Measured::default();
    let mut connection = Connection::open(address, template);
    for _ in 0..WARM_UP_REQUESTS {
        if let Err(error) = connection.as_mut().map_or(Ok(()), |open| open.ask().map(drop)) {
            measured.fail(&error);
        }
    }
    start.wait();
    go.wait();
    let connection = match &mut connection {
        Ok(connection) => connection,
        Err(error) => {
            measured.fail(error);
            return measured;
        }
    };
    let deadline = Instant::now() + time;
    while Instant::now() < deadline && take(left) {
        match connection.ask() {
            Ok(answer) => {
                measured.latencies_us.push(microseconds(answer.whole));
                measured.first_us.extend(answer.first.map(microseconds));
            }
            Err(error) => {
                measured.fail(&error);
                // A connection that failed once is not asked again: its answers are out of step.
                break;
            }
        }
    }
    measured
}

impl Measured {
    fn fail(&mut self, error: &std::io::Error) {
        self.failures += 1;
        self.failure.get_or_insert_with(|| error.to_string());
    }
}

fn take(left: &AtomicU64) -> bool {
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
}

fn microseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// How long an answer took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    /// To its last byte.
    pub(crate) whole: Duration,
    /// To its first text, when it was a stream.
    pub(crate) first: Option<Duration>,
}

/// A connection and the request it repeats.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    template: Template,
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects, and asks nothing yet.
    pub(crate) fn open(address: SocketAddr, template: Template) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream, template, buffer: vec![0; ANSWER_BYTES_MAX] })
    }

    /// Sends the next request and reads its answer.
    pub(crate) fn ask(&mut self) -> Result<Answer> {
        let bytes = self.template.with(NUMBER.fetch_add(1, Ordering::Relaxed));
        let begun = Instant::now();
        self.stream.write_all(bytes)?;
        let mut length = 0;
        let mut first = None;
        loop {
            let free = self.buffer.get_mut(length..).unwrap_or_default();
            let count = self.stream.read(free)?;
            if count == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            let new = length.saturating_sub(CONTENT.len());
            length += count;
            let read = self.buffer.get(..length).unwrap_or_default();
            if first.is_none() && has_text(read.get(new..).unwrap_or_default()) {
                first = Some(begun.elapsed());
            }
            match end_of(read) {
                End::NotYet => {}
                End::Whole => return Ok(Answer { whole: begun.elapsed(), first: None }),
                End::Stream => return Ok(Answer { whole: begun.elapsed(), first }),
                End::Refused => {
                    let text = String::from_utf8_lossy(read);
                    let text: String = text.chars().take(400).collect();
                    return Err(std::io::Error::other(text));
                }
            }
        }
    }
}

const CONTENT: &[u8] = b"\"content\":\"";

/// Whether a delta with text is in `read`.
fn has_text(read: &[u8]) -> bool {
    read.windows(CONTENT.len() + 1)
        .any(|window| window.starts_with(CONTENT) && !window.ends_with(b"\""))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    NotYet,
    Whole,
    Stream,
    Refused,
}

/// Whether `read` is a whole answer.
fn end_of(read: &[u8]) -> End {
    let Some(start) = read.windows(4).position(|window| window == b"\r\n\r\n") else {
        return End::NotYet;
    };
    if !read.starts_with(b"HTTP/1.1 200") {
        return End::Refused;
    }
    let head = read.get(..start).unwrap_or_default();
    let name = b"content-length:";
    let length = head
        .windows(name.len())
        .position(|window| window.eq_ignore_ascii_case(name))
        .and_then(|at| head.get(at + name.len()..))
        .and_then(|rest| rest.split(|byte| *byte == b'\r').next())
        .and_then(|digits| std::str::from_utf8(digits).ok()?.trim().parse::<usize>().ok());
    match length {
        Some(length) if read.len() >= start + 4 + length => End::Whole,
        None if read.ends_with(b"\r\n0\r\n\r\n") => End::Stream,
        _ => End::NotYet,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ends_where_it_ends() {
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";
        assert_eq!(end_of(format!("{head}{{").as_bytes()), End::NotYet);
        assert_eq!(end_of(format!("{head}{{}}").as_bytes()), End::Whole);
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        assert_eq!(end_of(format!("{head}2\r\n{{}}\r\n").as_bytes()), End::NotYet);
        assert_eq!(end_of(format!("{head}2\r\n{{}}\r\n0\r\n\r\n").as_bytes()), End::Stream);
        assert_eq!(end_of(b"HTTP/1.1 401 Unauthorized\r\n\r\n"), End::Refused);
    }

    #[test]
    fn the_first_text_is_not_the_empty_one() {
        assert!(!has_text(br#"{"role":"assistant","content":""}"#));
        assert!(has_text(br#"{"delta":{"content":"The "}}"#));
    }
}
