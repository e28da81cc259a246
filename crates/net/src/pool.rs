//! The connections to one upstream, and which of them a request gets.
//!
//! Over HTTP/1.1 a connection has one request at a time; over HTTP/2 as many as its peer allows, and a request counts until its
//! answer has ended. A request takes a connection that is open: the one with least to do. If there is none, it
//! waits for whichever comes first, one that becomes free or a new one. No more are dialled than those who wait can fill, as
//! far as is known what a connection takes; until the first has told, one is dialled for all.
//!
//! INVARIANT: who waits is covered by what is being dialled, and a dial that fails tells those that it was for. INVARIANT: a
//! connection that goes away takes no more requests, and keeps those it has. INVARIANT: idle connections are closed.
//!
//! Not here: how a request is sent (`client`), what ends a connection (`http2_client`).

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::sync::oneshot;

use crate::{
    Tasks,
    connector::{Connector, DialFault, Stream},
    http2_client::{HEAD_BYTES_MAX, Http2Connection, Http2Settings},
};

/// Connections of HTTP/1.1 that are kept while nothing is asked.
const IDLE_CONNECTIONS_MAX: usize = 256;
/// Requests on a connection of HTTP/2 from which on another is dialled beside it, so that a lost packet or a broken
/// connection does not stop all of them.
const STREAMS_AT_EASE: usize = 8;
/// As many are dialled for that.
const CONNECTIONS_AT_EASE: usize = 4;
/// How long none is dialled for that after one could not be.
const EASE_PAUSE: Duration = Duration::from_secs(5);
/// How long an answer that was read is waited for to leave its connection.
const REST_TIME_MAX: Duration = Duration::from_secs(5);

/// How connections are kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PoolSettings {
    pub(crate) http2: Http2Settings,
    /// How long an idle connection is kept.
    pub(crate) idle_time_max: Duration,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self { http2: Http2Settings::default(), idle_time_max: Duration::from_mins(1) }
    }
}

pub(crate) type Http1Sender = http1::SendRequest<Full<Bytes>>;

/// See the module.
pub(crate) struct Pool {
    connector: Connector,
    settings: PoolSettings,
    state: Mutex<State>,
    tasks: Tasks,
}

#[derive(Default)]
struct State {
    /// When none could be dialled beside others.
    cramped_at: Option<Instant>,
    dialling: usize,
    /// Of HTTP/1.1, and since when; the newest last.
    idle: Vec<(Http1Sender, Instant)>,
    is_swept: bool,
    /// Requests that a new connection takes, as the last one told.
    room: Option<usize>,
    /// Of HTTP/2.
    shared: Vec<Arc<Http2Connection>>,
    waiting: VecDeque<oneshot::Sender<Result<Lease, DialFault>>>,
}

/// What a request has of a connection.
pub(crate) enum Held {
    /// All of it.
    Alone(Http1Sender),
    /// A stream.
    Shared(Arc<Http2Connection>),
}

/// A connection for one request, until its answer has ended.
pub(crate) struct Lease {
    /// Until it is given back.
    pub(crate) held: Option<Held>,
    /// Whether the answer was read to its end.
    pub(crate) is_whole: bool,
    pool: Arc<Pool>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        match self.held.take() {
            Some(Held::Alone(sender)) => self.pool.rest(sender, self.is_whole),
            Some(Held::Shared(connection)) => {
                connection.ends(self.is_whole);
                drop(connection);
                self.pool.serve();
            }
            None => {}
        }
    }
}

impl Pool {
    pub(crate) fn new(connector: Connector, settings: PoolSettings) -> Arc<Self> {
        let (state, tasks) = (Mutex::default(), Tasks::default());
        Arc::new(Self { connector, settings, state, tasks })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is made whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection for one request. Waits for one, as long as connecting may take.
    pub(crate) async fn lease(self: &Arc<Self>) -> Result<Lease, DialFault> {
        let told = {
            let mut state = self.state();
            if let Some(held) = state.take() {
                self.dial_for_ease(&mut state);
                drop(state);
                return Ok(self.lease_of(held));
            }
            let (tell, told) = oneshot::channel();
            state.waiting.push_back(tell);
            self.dial_for_waiting(&mut state);
            told
        };
        told.await.unwrap_or(Err(DialFault::Connect))
    }

    fn lease_of(self: &Arc<Self>, held: Held) -> Lease {
        Lease { held: Some(held), is_whole: false, pool: Arc::clone(self) }
    }

    /// Gives those who wait what there is, and dials what they lack.
    pub(crate) fn serve(self: &Arc<Self>) {
        loop {
            let (waiting, held) = {
                let mut state = self.state();
                while state.waiting.front().is_some_and(oneshot::Sender::is_closed) {
                    state.waiting.pop_front();
                }
                if state.waiting.is_empty() {
                    return;
                }
                let Some(held) = state.take() else {
                    self.dial_for_waiting(&mut state);
                    return;
                };
                (state.waiting.pop_front(), held)
            };
            self.give(waiting, held);
        }
    }

    /// Gives what is held to who waits; who does not wait any longer gives it back.
    fn give(
        self: &Arc<Self>,
        waiting: Option<oneshot::Sender<Result<Lease, DialFault>>>,
        held: Held,
    ) {
        let lease = Ok(self.lease_of(held));
        match waiting {
            Some(waiting) => drop(waiting.send(lease)),
            None => drop(lease),
        }
    }

    fn dial_for_waiting(self: &Arc<Self>, state: &mut State) {
        while state.waiting.len() > state.dialling.saturating_mul(state.room.unwrap_or(usize::MAX))
        {
            self.dial(state);
        }
    }

    /// If those that are open have much to do.
    fn dial_for_ease(self: &Arc<Self>, state: &mut State) {
        let is_cramped = state.shared.iter().all(|one| one.open() > STREAMS_AT_EASE);
        let is_soon = state.cramped_at.is_some_and(|at| at.elapsed() < EASE_PAUSE);
        let count = state.shared.len();
        if count > 0 && is_cramped && state.dialling == 0 && count < CONNECTIONS_AT_EASE && !is_soon
        {
            self.dial(state);
        }
    }

    fn dial(self: &Arc<Self>, state: &mut State) {
        state.dialling += 1;
        let pool = Arc::clone(self);
        self.tasks.spawn(async move {
            let dialled = pool.connector.dial(|stream| pool.begin(stream)).await;
            pool.dialled(dialled.map_err(DialFault::from));
        });
    }

    /// Begins HTTP on a connection.
    async fn begin(self: &Arc<Self>, stream: Stream) -> std::io::Result<Held> {
        if self.connector.is_http2(&stream)? {
            let (connection, running) = Http2Connection::begin(stream, self.settings.http2).await?;
            self.tasks.spawn(running.run(Arc::downgrade(self)));
            // A peer that takes no requests is no use, and must not be dialled again and again.
            if connection.room() == 0 || !connection.is_open() {
                return Err(std::io::Error::from(std::io::ErrorKind::ConnectionRefused));
            }
            return Ok(Held::Shared(Arc::new(connection)));
        }
        let begun = http1::Builder::new()
            .max_buf_size(HEAD_BYTES_MAX as usize)
            .handshake(TokioIo::new(stream))
            .await;
        let (mut sender, connection) = begun.map_err(std::io::Error::other)?;
        self.tasks.spawn(async move {
            if let Err(error) = connection.with_upgrades().await {
                tracing::debug!(?error, "connection ended");
            }
        });
        sender.ready().await.map_err(std::io::Error::other)?;
        Ok(Held::Alone(sender))
    }

    fn dialled(self: &Arc<Self>, dialled: Result<Held, DialFault>) {
        let mut state = self.state();
        state.dialling -= 1;
        match dialled {
            Ok(held @ Held::Alone(_)) => {
                state.room = Some(1);
                let waiting = state.waiting.pop_front();
                drop(state);
                self.give(waiting, held);
            }
            Ok(Held::Shared(connection)) => {
                state.room = Some(connection.room().max(1));
                state.shared.push(connection);
                self.sweep(&mut state);
                drop(state);
            }
            Err(fault) => {
                state.cramped_at = Some(Instant::now());
                let covered = state.dialling.saturating_mul(state.room.unwrap_or(usize::MAX));
                let failed = state.waiting.len().saturating_sub(covered);
                let failed: Vec<_> = state.waiting.drain(..failed).collect();
                drop(state);
                for waiting in failed {
                    // Who does not wait any longer needs no telling.
                    drop(waiting.send(Err(fault.clone())));
                }
            }
        }
        self.serve();
    }

    /// A connection of HTTP/1.1 has done its work. One whose answer was not read to its end is closed.
    fn rest(self: &Arc<Self>, mut sender: Http1Sender, is_whole: bool) {
        if sender.is_ready() {
            let mut state = self.state();
            if state.idle.len() < IDLE_CONNECTIONS_MAX {
                state.idle.push((sender, Instant::now()));
                self.sweep(&mut state);
            }
            drop(state);
            self.serve();
        } else if is_whole && !sender.is_closed() {
            // It is not done with the request yet, or has yet to see that the answer is over.
            let pool = Arc::clone(self);
            self.tasks.spawn(async move {
                let ready = tokio::time::timeout(REST_TIME_MAX, sender.ready()).await;
                if matches!(ready, Ok(Ok(()))) {
                    pool.rest(sender, false);
                }
            });
        }
    }

    /// Sees to it that idle connections are closed.
    fn sweep(self: &Arc<Self>, state: &mut State) {
        if !std::mem::replace(&mut state.is_swept, true) {
            let idle_time_max = self.settings.idle_time_max;
            self.tasks.spawn(sweep(Arc::downgrade(self), idle_time_max));
        }
    }
}

impl State {
    /// What there is for one request.
    fn take(&mut self) -> Option<Held> {
        while let Some((sender, _)) = self.idle.pop() {
            if sender.is_ready() {
                return Some(Held::Alone(sender));
            }
        }
        loop {
            let with_room =
                self.shared.iter().enumerate().filter(|(_, one)| one.open() < one.room());
            let (place, least) = with_room.min_by_key(|(_, one)| one.open())?;
            if least.is_open() {
                least.begins();
                return Some(Held::Shared(Arc::clone(least)));
            }
            // Those who have it keep it.
            self.shared.swap_remove(place);
        }
    }
}

/// Closes what has been idle for long, as long as there is something.
async fn sweep(pool: Weak<Pool>, idle_time_max: Duration) {
    loop {
        tokio::time::sleep(idle_time_max / 4).await;
        let Some(pool) = pool.upgrade() else { return };
        let mut state = pool.state();
        state.idle.retain(|(sender, since)| sender.is_ready() && since.elapsed() < idle_time_max);
        state.shared.retain(|one| one.is_open() && one.idle() < idle_time_max);
        if state.idle.is_empty() && state.shared.is_empty() {
            state.is_swept = false;
            return;
        }
    }
}
