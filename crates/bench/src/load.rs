//! The load: raw sockets that are kept open, one request after the other on each.
//!
//! A closed loop asks as soon as it is answered, and says what a request costs. At a fixed rate requests are due at moments
//! of their own, and one that has to wait for a connection has waited since it was due.
//!
//! INVARIANT: a request counts only when its answer is 200 and complete. One that a guard refused is counted apart;
//! anything else is a failure and is reported.
//!
//! Not here: more than the connections of a shape at once, at whatever rate.

use std::io::{ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use crate::bodies::{Content, Manners, Template};

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
    /// Requests that are due in a second; a closed loop when there is none.
    pub(crate) per_second: Option<u32>,
}

impl Shape {
    /// A closed loop.
    pub(crate) const fn closed(
        is_slow: bool,
        is_streamed: bool,
        content: Content,
        connections: usize,
    ) -> Self {
        Self { is_slow, is_streamed, content, connections, per_second: None }
    }

    /// As the report calls it.
    pub(crate) fn name(self) -> String {
        let streamed = if self.is_streamed { "streamed" } else { "whole" };
        let connections = self.connections;
        let rate = self.per_second.map_or(String::new(), |rate| format!(", {rate}/s"));
        format!("{}, {streamed}, {connections} conn.{rate}", self.content.name())
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
    /// Requests that a guard refused.
    pub(crate) refusals: u64,
    /// Requests that were not answered as they should be.
    pub(crate) failures: u64,
    /// The first failure, in words.
    pub(crate) failure: Option<String>,
}

/// Sends requests of one shape until the budget is spent. `at_start` runs after the warm-up.
pub(crate) fn drive(
    address: SocketAddr,
    manners: &Manners,
    shape: Shape,
    budget: Budget,
    at_start: impl FnOnce(),
) -> Measured {
    let start = Arc::new(Barrier::new(shape.connections + 1));
    let go = Arc::new(Barrier::new(shape.connections + 1));
    let schedule = Arc::new(Schedule::new(shape, budget));
    let workers: Vec<_> = (0..shape.connections)
        .map(|_| {
            let template = Template::new(
                shape.content,
                shape.is_streamed,
                shape.is_slow,
                &address.to_string(),
                manners,
            );
            let (start, go) = (Arc::clone(&start), Arc::clone(&go));
            let schedule = Arc::clone(&schedule);
            std::thread::spawn(move || work(address, template, [&start, &go], &schedule))
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
                all.refusals += measured.refusals;
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
    [start, go]: [&Barrier; 2],
    schedule: &Schedule,
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
    if let Err(error) = connection.renew() {
        measured.fail(&error);
        return measured;
    }
    let begun = Instant::now();
    while let Some(late) = schedule.wait(begun) {
        match connection.ask() {
            Ok(Answer::Given { whole, first }) => {
                measured.latencies_us.push(microseconds(late + whole));
                measured.first_us.extend(first.map(|first| microseconds(late + first)));
            }
            Ok(Answer::Refused) => measured.refusals += 1,
            Err(error) => {
                measured.fail(&error);
                // A connection that failed once is not asked again: its answers are out of step.
                break;
            }
        }
    }
    measured
}

/// When the requests of a cell are sent.
struct Schedule {
    left: AtomicU64,
    next: AtomicU64,
    interval: Option<Duration>,
    time: Duration,
}

impl Schedule {
    fn new(shape: Shape, budget: Budget) -> Self {
        let interval = shape.per_second.map(|rate| Duration::from_secs(1) / rate.max(1));
        Self {
            left: AtomicU64::new(budget.requests),
            next: AtomicU64::new(0),
            interval,
            time: budget.time,
        }
    }

    /// Waits until a request is to be sent, and says how late it is; nothing when the budget is spent.
    fn wait(&self, begun: Instant) -> Option<Duration> {
        let Some(interval) = self.interval else {
            return (begun.elapsed() < self.time && take(&self.left)).then_some(Duration::ZERO);
        };
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let due = interval * u32::try_from(number).ok()?;
        if due >= self.time {
            return None;
        }
        // What sleeping takes too long is this program's fault, and does not count.
        let late = begun.elapsed().checked_sub(due);
        if late.is_none() {
            std::thread::sleep(due.saturating_sub(begun.elapsed()));
        }
        Some(late.unwrap_or_default())
    }
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

/// What became of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    /// It was answered.
    Given {
        /// Time to the last byte.
        whole: Duration,
        /// Time to the first text, when it was a stream.
        first: Option<Duration>,
    },
    /// A guard refused it.
    Refused,
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
        Ok(Self { stream: connect(address)?, template, buffer: vec![0; ANSWER_BYTES_MAX] })
    }

    /// Connects anew if the other end has closed the connection meanwhile: some wait for no more than seconds.
    fn renew(&mut self) -> Result<()> {
        self.stream.set_nonblocking(true)?;
        let is_closed = matches!(self.stream.peek(&mut [0]), Ok(0));
        self.stream.set_nonblocking(false)?;
        if is_closed {
            self.stream = connect(self.stream.peer_addr()?)?;
        }
        Ok(())
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
                End::Whole => return Ok(Answer::Given { whole: begun.elapsed(), first: None }),
                End::Stream => return Ok(Answer::Given { whole: begun.elapsed(), first }),
                End::Refused => {
                    // Whether it stays open is the gateway's to say; a new one asks on in any case.
                    self.stream = connect(self.stream.peer_addr()?)?;
                    return Ok(Answer::Refused);
                }
                End::Failed => {
                    let text = String::from_utf8_lossy(read);
                    let text: String = text.chars().take(400).collect();
                    return Err(std::io::Error::other(text));
                }
            }
        }
    }
}

fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
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
    Failed,
}

/// What our gateway says of a message that policy refused.
const REFUSED: &[u8] = b"x-bartizan-decision: refuse";

/// Whether `read` is a whole answer.
fn end_of(read: &[u8]) -> End {
    let Some(start) = read.windows(4).position(|window| window == b"\r\n\r\n") else {
        return End::NotYet;
    };
    let head = read.get(..start).unwrap_or_default();
    if !read.starts_with(b"HTTP/1.1 200") {
        let is_policy = read.starts_with(b"HTTP/1.1 403")
            && head.windows(REFUSED.len()).any(|window| window.eq_ignore_ascii_case(REFUSED));
        return if is_policy { End::Refused } else { End::Failed };
    }
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
        assert_eq!(end_of(b"HTTP/1.1 401 Unauthorized\r\n\r\n"), End::Failed);
        let refused = "HTTP/1.1 403 Forbidden\r\nX-Bartizan-Decision: refuse\r\n\r\n";
        assert_eq!(end_of(refused.as_bytes()), End::Refused);
        assert_eq!(end_of(b"HTTP/1.1 403 Forbidden\r\n\r\n"), End::Failed);
    }

    #[test]
    fn at_a_fixed_rate_requests_are_due_and_may_be_late() {
        let mut shape = Shape::closed(false, false, Content::Kb1, 1);
        let budget = Budget { requests: 2, time: Duration::from_millis(100) };
        let closed = Schedule::new(shape, budget);
        let begun = Instant::now();
        assert_eq!(closed.wait(begun), Some(Duration::ZERO));
        assert_eq!(closed.wait(begun), Some(Duration::ZERO));
        assert_eq!(closed.wait(begun), None, "two were all");
        shape.per_second = Some(50);
        let paced = Schedule::new(shape, budget);
        let begun = Instant::now();
        let late: Vec<_> = std::iter::from_fn(|| paced.wait(begun)).collect();
        assert_eq!(late.len(), 5, "of 50 a second, in a tenth of one");
        assert!(begun.elapsed() >= Duration::from_millis(80), "the last is due then");
        let paced = Schedule::new(shape, budget);
        std::thread::sleep(Duration::from_millis(30));
        assert!(paced.wait(begun) >= Some(Duration::from_millis(30)), "it was due at once");
    }

    #[test]
    fn the_first_text_is_not_the_empty_one() {
        assert!(!has_text(br#"{"role":"assistant","content":""}"#));
        assert!(has_text(br#"{"delta":{"content":"The "}}"#));
    }
}
