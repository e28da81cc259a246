//! HTTP/2 from clients, where TLS agreed on it (ALPN `h2`): the limits of one connection.
//!
//! Frames are `h2`'s, which bounds what a head is made of (its bytes, and the frames that continue it) and answers
//! pings and settings. What only we can know is here.
//!
//! INVARIANT: a connection has at most [`STREAMS_MAX`] requests under way. INVARIANT: one whose client cuts off more requests than
//! are answered, and [`CUT_STREAMS_MAX`] beside, is closed (rapid reset, CVE-2023-44487): each of them has cost us its work.
//! INVARIANT: one on which nothing is under way for `head_time_max` is closed, and so is one whose client takes nothing of an
//! answer for `send_time_max`, whatever else happens on it.
//!
//! Not here: what is the same in HTTP/1.1 (`listener`). Plain listeners do not speak HTTP/2.
//!
//! Source: RFC 9113.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    future::Future,
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::Request;
use http_body::{Frame, SizeHint};
use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::Notify,
};

use crate::{
    Arrival, Body, BodyFault, ConnectionHold, Handler, ListenerSettings, RequestBody, Shutdown,
    Tasks, patience::Patience, request_body::Unread,
};

/// Requests under way on one connection.
pub(crate) const STREAMS_MAX: u32 = 100;
/// Requests that a client may cut off beyond as many as were answered.
const CUT_STREAMS_MAX: u64 = 100;
/// Streams that were reset before we had accepted them, and wait for it.
const RESET_STREAMS_WAITING_MAX: usize = 20;
/// What a client may send of one request's body before we have read it.
const STREAM_WINDOW_BYTES: u32 = 64 << 10;
/// The same of all requests of a connection.
const CONNECTION_WINDOW_BYTES: u32 = 1 << 20;
/// What is held of one answer beyond what the client has room for.
const PIECE_BYTES_MAX: usize = 16 << 10;
/// How often, at least, a connection is looked at.
const LOOK_MAX: Duration = Duration::from_secs(2);

/// Who is at the other end.
pub(crate) struct Client {
    pub(crate) certificate: Option<Arc<[u8]>>,
    pub(crate) hold: ConnectionHold,
    pub(crate) peer: std::net::SocketAddr,
}

/// Serves one connection until it ends.
pub(crate) async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    client: Client,
    handler: Arc<dyn Handler>,
    settings: &ListenerSettings,
    tasks: Tasks,
    shutdown: &Shutdown,
) {
    let stream = Patience::new(stream, settings.send_time_max);
    let (peer, streams) = (client.peer, Arc::new(Streams::new()));
    let known = Arc::clone(&streams);
    let service = service_fn(move |request: Request<Incoming>| {
        let (handler, certificate) = (Arc::clone(&handler), client.certificate.clone());
        let hold = client.hold.clone();
        let stream = Streams::begin(&known);
        async move {
            // A stream ends with its answer; the others of its connection go on.
            let request = request.map(|body| RequestBody::new(body, &Unread::default()));
            let arrival = Arrival { at: Instant::now(), certificate, hold, peer, request };
            let answer = handler.handle(arrival).await;
            Ok::<_, Infallible>(answer.map(|body| Pieces::new(body, stream)))
        }
    });
    let mut connection =
        pin!(builder(settings, tasks).serve_connection(TokioIo::new(stream), service));
    let look = settings.head_time_max.min(settings.send_time_max) / 4;
    let mut look = tokio::time::interval(look.clamp(Duration::from_millis(1), LOOK_MAX));
    let mut is_ending = false;
    loop {
        tokio::select! {
            result = connection.as_mut() => {
                if let Err(error) = result {
                    tracing::debug!(%peer, %error, "connection ended");
                }
                return;
            }
            () = streams.abused.notified() => {
                return tracing::warn!(%peer, "a client cuts off more requests than are answered");
            }
            () = shutdown.begun(), if !is_ending => {
                connection.as_mut().graceful_shutdown();
                is_ending = true;
            }
            _ = look.tick() => {
                let Seen { idle, is_used, stalled } = streams.look();
                // Who never asked for anything, perhaps not even for HTTP/2, is told nothing.
                let patience = if is_used { settings.send_time_max } else { Duration::ZERO };
                if idle > settings.head_time_max + patience || stalled > settings.send_time_max {
                    return tracing::debug!(%peer, "the client takes no answer");
                }
                if idle > settings.head_time_max && !is_ending {
                    connection.as_mut().graceful_shutdown();
                    is_ending = true;
                }
            }
        }
    }
}

fn builder(settings: &ListenerSettings, tasks: Tasks) -> http2::Builder<Tracked> {
    let mut builder = http2::Builder::new(Tracked(tasks));
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_pending_accept_reset_streams(RESET_STREAMS_WAITING_MAX)
        .max_header_list_size(u32::try_from(settings.head_bytes_max).unwrap_or(u32::MAX))
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_send_buf_size(PIECE_BYTES_MAX);
    builder
}

/// Runs the streams of a connection as tasks that shutdown knows.
#[derive(Clone)]
struct Tracked(Tasks);

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Tracked {
    fn execute(&self, future: F) {
        self.0.spawn(future);
    }
}

/// The requests of a connection.
struct Streams {
    abused: Notify,
    state: Mutex<State>,
}

struct State {
    answered: u64,
    cut: u64,
    /// Since when nothing is under way.
    idle_since: Instant,
    next: u64,
    open: usize,
    /// Since when the client has not taken the piece that it was given.
    waiting: BTreeMap<u64, Instant>,
}

/// How long a connection has had nothing under way, and its slowest answer has not moved.
struct Seen {
    idle: Duration,
    /// Whether it has had a request.
    is_used: bool,
    stalled: Duration,
}

impl Streams {
    fn new() -> Self {
        let state = State {
            answered: 0,
            cut: 0,
            idle_since: Instant::now(),
            next: 0,
            open: 0,
            waiting: BTreeMap::new(),
        };
        Self { abused: Notify::new(), state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(of: &Arc<Self>) -> Stream {
        let mut state = of.state();
        state.open += 1;
        state.next += 1;
        Stream { is_answered: false, number: state.next, streams: Arc::clone(of) }
    }

    fn look(&self) -> Seen {
        let state = self.state();
        let idle = if state.open == 0 { state.idle_since.elapsed() } else { Duration::ZERO };
        let stalled = state.waiting.values().map(Instant::elapsed).max().unwrap_or_default();
        Seen { idle, is_used: state.next > 0, stalled }
    }
}

/// One request, until its answer is sent or it is cut off.
struct Stream {
    is_answered: bool,
    number: u64,
    streams: Arc<Streams>,
}

impl Stream {
    /// A piece of the answer waits for the client, or does no longer.
    fn waits(&self, does: bool) {
        let mut state = self.streams.state();
        if does {
            state.waiting.insert(self.number, Instant::now());
        } else {
            state.waiting.remove(&self.number);
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let mut state = self.streams.state();
        state.waiting.remove(&self.number);
        state.open -= 1;
        if state.open == 0 {
            state.idle_since = Instant::now();
        }
        if self.is_answered {
            state.answered += 1;
            return;
        }
        state.cut += 1;
        if state.cut > state.answered + CUT_STREAMS_MAX {
            self.streams.abused.notify_one();
        }
    }
}

/// An answer's body, handed on in pieces: a frame beyond what the client has room for is held by the connection.
struct Pieces {
    body: Body,
    rest: Bytes,
    stream: Stream,
}

impl Pieces {
    fn new(body: Body, mut stream: Stream) -> Self {
        stream.is_answered = http_body::Body::is_end_stream(&body);
        Self { body, rest: Bytes::new(), stream }
    }
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = BodyFault;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        let this = self.get_mut();
        this.stream.waits(false);
        if this.rest.is_empty() {
            match std::task::ready!(Pin::new(&mut this.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => this.rest = data,
                    Err(other) => return Poll::Ready(Some(Ok(other))),
                },
                end => {
                    // Cut off by us, if at all.
                    this.stream.is_answered = true;
                    return Poll::Ready(end);
                }
            }
        }
        let piece = this.rest.split_to(this.rest.len().min(PIECE_BYTES_MAX));
        this.stream.waits(true);
        this.stream.is_answered = this.is_end_stream();
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (body, rest) = (self.body.size_hint(), self.rest.len() as u64);
        let mut hint = SizeHint::new();
        hint.set_lower(body.lower() + rest);
        if let Some(upper) = body.upper() {
            hint.set_upper(upper + rest);
        }
        hint
    }
}

#[cfg(test)]
#[path = "http2_tests.rs"]
mod tests;
