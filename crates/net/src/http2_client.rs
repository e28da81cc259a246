//! HTTP/2 to an upstream: one connection, the streams on it, and what ends it.
//!
//! Frames are `h2`'s, which bounds what a head is made of (its bytes, the frames that continue it), small frames that wait for
//! us, and answers pings and settings. What only we can know is here.
//!
//! INVARIANT: a connection takes no requests before its peer's settings have come, and then no more at a time than they allow, nor
//! than [`STREAMS_MAX`]. INVARIANT: each answer has a window of its own, and the connection's holds them all: an answer that
//! nobody reads takes nothing from the others. INVARIANT: a connection that is silent while something is under way is
//! asked for a sign of life, and closed if none comes; so is one whose peer sends much that belongs to no answer.
//! INVARIANT: "not processed" is said only where the peer has said so: `REFUSED_STREAM` from it, or a GOAWAY before our stream.
//!
//! Not here: which connection a request gets, and how many there are (`pool`).
//!
//! Source: RFC 9113, sections 5.1.2, 5.2, 6.7, 6.8, 8.7.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::task::noop_waker_ref;
use h2::{Ping, PingPong, Reason, RecvStream, client};
use http::{Method, Request, Response, Version, header};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::pool::Pool;

/// Answers under way on one connection, if the peer allows as many.
pub(crate) const STREAMS_MAX: usize = 64;
/// What a peer may send of one answer before we have read it.
pub(crate) const STREAM_WINDOW_BYTES: u32 = 128 << 10;
/// The same of all answers of a connection: as much as they may take together.
const CONNECTION_WINDOW_BYTES: u32 = STREAM_WINDOW_BYTES * STREAMS_MAX as u32;
/// What small frames that wait for us may cost beyond their bytes. Twice the window: with events of some 90 bytes, nobody
/// reads any of the answers, and the connection still holds.
const FRAMES_COST_BYTES_MAX: usize = 2 * CONNECTION_WINDOW_BYTES as usize;
/// An answer's head, in HTTP/1.1 also.
pub(crate) const HEAD_BYTES_MAX: u32 = 64 << 10;
/// Streams that we cut off and still know, so that what was on its way for them is no error.
const CUT_STREAMS_KNOWN_MAX: usize = 2 * STREAMS_MAX;
/// What a peer may send in [`SILENCE_MAX`] that belongs to no answer: more than what waits for its readers.
const NOISE_BYTES_MAX: u64 = 24 << 20;
/// How long a peer may be silent.
const SILENCE_MAX: Duration = Duration::from_secs(10);
/// What an answer takes beside its body's bytes: its head, and what each frame begins with.
const HEAD_BYTES_USUAL: u64 = 4 << 10;
const FRAME_HEAD_BYTES: u64 = 16;
/// What `h2` says of the peer's limit while its settings have not come. Settings have 32 bits.
const LIMIT_UNKNOWN: usize = usize::MAX - 1;

/// How a connection is looked after.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Http2Settings {
    /// What a peer may send in [`Self::silence_max`] that belongs to no answer.
    pub(crate) noise_bytes_max: u64,
    /// After so long without a byte the peer is pinged, if something is under way; after as long again it is given up.
    pub(crate) silence_max: Duration,
}

impl Default for Http2Settings {
    fn default() -> Self {
        Self { noise_bytes_max: NOISE_BYTES_MAX, silence_max: SILENCE_MAX }
    }
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamFault {
    /// The connection or the stream broke; nobody knows whether the request was processed.
    Broken,
    /// The peer says that the request was not processed.
    Refused,
}

impl From<&h2::Error> for StreamFault {
    fn from(error: &h2::Error) -> Self {
        // Of a GOAWAY, a stream gets the error only if it began after the last that the peer has taken. A reset of our own
        // (an answer's head beyond its limit) says REFUSED_STREAM too.
        let is_refused = error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM);
        if error.is_remote() && (error.is_go_away() || is_refused) {
            return Self::Refused;
        }
        Self::Broken
    }
}

/// A connection that several requests share. When the last of it is dropped, it is closed.
pub(crate) struct Http2Connection {
    sender: client::SendRequest<Bytes>,
    state: Arc<State>,
}

struct State {
    /// What came that belongs to an answer, as far as somebody has read it.
    due_bytes: AtomicU64,
    heard_bytes: AtomicU64,
    idle_since: Mutex<Instant>,
    is_over: AtomicBool,
    /// Requests that the peer allows at a time.
    limit: AtomicUsize,
    open: AtomicUsize,
}

impl Http2Connection {
    /// Begins HTTP/2, and waits for the peer's settings. What comes with it must be run for anything to happen.
    pub(crate) async fn begin<S: AsyncRead + AsyncWrite + Unpin>(
        stream: S,
        settings: Http2Settings,
    ) -> std::io::Result<(Self, Running<S>)> {
        let state = Arc::new(State {
            due_bytes: AtomicU64::new(0),
            heard_bytes: AtomicU64::new(0),
            idle_since: Mutex::new(Instant::now()),
            is_over: AtomicBool::new(false),
            limit: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
        });
        let heard = Heard { state: Arc::clone(&state), stream };
        let begun = builder().handshake(heard).await;
        let (sender, mut connection) = begun.map_err(std::io::Error::other)?;
        poll_fn(|context| match Pin::new(&mut connection).poll(context) {
            Poll::Ready(Ok(())) => {
                Poll::Ready(Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof)))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(std::io::Error::other(error))),
            Poll::Pending if connection.max_concurrent_send_streams() == LIMIT_UNKNOWN => {
                Poll::Pending
            }
            Poll::Pending => Poll::Ready(Ok(())),
        })
        .await?;
        state.limit.store(connection.max_concurrent_send_streams(), Ordering::Relaxed);
        let pings = connection.ping_pong();
        let running = Running { connection, pings, settings, state: Arc::clone(&state) };
        Ok((Self { sender, state }, running))
    }

    /// Whether it takes requests at all: it is not closed, and the peer has not said that it goes away.
    pub(crate) fn is_open(&self) -> bool {
        let mut context = Context::from_waker(noop_waker_ref());
        let is_over = self.state.is_over.load(Ordering::Relaxed);
        !is_over && matches!(self.sender.clone().poll_ready(&mut context), Poll::Ready(Ok(())))
    }

    /// How many requests it takes at a time.
    pub(crate) fn room(&self) -> usize {
        self.state.limit.load(Ordering::Relaxed).min(STREAMS_MAX)
    }

    /// Requests under way.
    pub(crate) fn open(&self) -> usize {
        self.state.open.load(Ordering::Relaxed)
    }

    /// How long nothing has been under way.
    pub(crate) fn idle(&self) -> Duration {
        if self.open() > 0 {
            return Duration::ZERO;
        }
        self.state.idle_since.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    /// A request is about to be sent on it.
    pub(crate) fn begins(&self) {
        self.state.open.fetch_add(1, Ordering::Relaxed);
        self.state.due_bytes.fetch_add(HEAD_BYTES_USUAL, Ordering::Relaxed);
    }

    /// A request has ended, with its answer whole or not. What comes of one that was cut off may still be on its way.
    pub(crate) fn ends(&self, is_whole: bool) {
        if !is_whole {
            self.state.due_bytes.fetch_add(STREAM_WINDOW_BYTES.into(), Ordering::Relaxed);
        }
        *self.state.idle_since.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.state.open.fetch_sub(1, Ordering::Relaxed);
    }

    /// Somebody has read so much of an answer.
    pub(crate) fn took(&self, bytes: usize) {
        self.state.due_bytes.fetch_add(bytes as u64 + FRAME_HEAD_BYTES, Ordering::Relaxed);
    }

    /// Sends a request, whose URI has scheme and authority, and waits for the head of its answer. Who stops waiting, or drops
    /// the body, cancels it at the peer.
    pub(crate) async fn send(
        &self,
        request: Request<Bytes>,
    ) -> Result<Response<RecvStream>, StreamFault> {
        let (mut head, body) = request.into_parts();
        head.version = Version::HTTP_2;
        head.headers.remove(header::HOST);
        if !body.is_empty() || matches!(head.method, Method::POST | Method::PUT) {
            head.headers.insert(header::CONTENT_LENGTH, body.len().into());
        }
        let request = Request::from_parts(head, ());
        // Not sent, whatever the error is.
        let sent = self.sender.clone().send_request(request, body.is_empty());
        let (answer, mut stream) = sent.map_err(|_| StreamFault::Refused)?;
        if !body.is_empty() && stream.send_data(body, true).is_err() {
            tracing::debug!("the stream ended before its request was sent");
        }
        drop(stream);
        answer.await.map_err(|error| {
            tracing::warn!(?error, "no answer");
            StreamFault::from(&error)
        })
    }
}

fn builder() -> client::Builder {
    let mut builder = client::Builder::new();
    builder
        .data_frame_budget(FRAMES_COST_BYTES_MAX)
        .enable_push(false)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .initial_max_send_streams(LIMIT_UNKNOWN)
        .initial_window_size(STREAM_WINDOW_BYTES)
        .max_concurrent_reset_streams(CUT_STREAMS_KNOWN_MAX)
        .max_header_list_size(HEAD_BYTES_MAX);
    builder
}

/// A connection at work.
pub(crate) struct Running<S> {
    connection: client::Connection<Heard<S>, Bytes>,
    pings: Option<PingPong>,
    settings: Http2Settings,
    state: Arc<State>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Running<S> {
    /// Runs it to its end. The pool is told when there is room on it, or it is over.
    pub(crate) async fn run(self, pool: Weak<Pool>) {
        let Self { mut connection, mut pings, settings, state } = self;
        let mut pulse = Pulse::default();
        let mut look = tokio::time::interval(settings.silence_max);
        look.reset();
        loop {
            tokio::select! {
                ended = poll_fn(|context| poll(&mut connection, &state, &pool, context)) => {
                    if let Err(error) = ended {
                        tracing::debug!(?error, "connection ended");
                    }
                    break;
                }
                _ = look.tick() => if let Err(reason) = pulse.take(&state, pings.as_mut(), settings) {
                    tracing::warn!(reason, "connection closed");
                    break;
                }
            }
        }
        state.is_over.store(true, Ordering::Relaxed);
        drop(connection);
        if let Some(pool) = pool.upgrade() {
            pool.serve();
        }
    }
}

fn poll<S: AsyncRead + AsyncWrite + Unpin>(
    connection: &mut client::Connection<Heard<S>, Bytes>,
    state: &State,
    pool: &Weak<Pool>,
    context: &mut Context<'_>,
) -> Poll<Result<(), h2::Error>> {
    let polled = Pin::new(&mut *connection).poll(context);
    let limit = connection.max_concurrent_send_streams();
    if state.limit.swap(limit, Ordering::Relaxed) < limit
        && let Some(pool) = pool.upgrade()
    {
        pool.serve();
    }
    polled
}

/// What was seen of a connection at the last look.
#[derive(Default)]
struct Pulse {
    due_bytes: u64,
    heard_bytes: u64,
    is_pinged: bool,
}

impl Pulse {
    /// Looks whether the peer is there, and keeps to answers.
    fn take(
        &mut self,
        state: &State,
        pings: Option<&mut PingPong>,
        settings: Http2Settings,
    ) -> Result<(), &'static str> {
        let heard = state.heard_bytes.load(Ordering::Relaxed);
        let due = state.due_bytes.load(Ordering::Relaxed);
        let heard_now = heard - std::mem::replace(&mut self.heard_bytes, heard);
        let due_now = due - std::mem::replace(&mut self.due_bytes, due);
        if heard_now > due_now + settings.noise_bytes_max {
            return Err("the peer sends what belongs to no answer");
        }
        if heard_now > 0 || state.open.load(Ordering::Relaxed) == 0 {
            self.is_pinged = false;
            return Ok(());
        }
        if std::mem::replace(&mut self.is_pinged, true) {
            return Err("the peer answers no ping");
        }
        if let Some(pings) = pings {
            // Takes the answer to the last one, so that there may be another.
            let _answered = pings.poll_pong(&mut Context::from_waker(noop_waker_ref()));
            let _is_under_way = pings.send_ping(Ping::opaque());
        }
        Ok(())
    }
}

/// Counts what is read.
struct Heard<S> {
    state: Arc<State>,
    stream: S,
}

impl<S: AsyncRead + Unpin> AsyncRead for Heard<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(context, buffer))?;
        let read = buffer.filled().len().saturating_sub(before) as u64;
        this.state.heard_bytes.fetch_add(read, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Heard<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
