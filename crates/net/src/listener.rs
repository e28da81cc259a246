//! Listeners: accept, optionally TLS, HTTP/1.1 (or HTTP/2, where TLS agreed on it), hand each request to one handler.
//!
//! INVARIANT: at most `connections_max` connections are open; further ones wait in the kernel's
//! queue. INVARIANT: a connection that does not finish a request's head within `head_time_max` is
//! closed, and so is one that reads nothing of its answer for `send_time_max`: slow and half-open clients
//! hold nothing for long.
//!
//! Not here: limits on bodies, which the handler reads through `read_bounded`.

use std::{
    any::Any, convert::Infallible, future::Future, net::SocketAddr, pin::Pin, sync::Arc,
    time::Duration, time::Instant,
};

use http::{
    HeaderValue, Request, Response,
    header::{CONNECTION, EXPECT},
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
};

use policy::AddressRange;
use telemetry::Gauge;

use crate::{
    Body, ListenError, RequestBody, Tasks, TlsSettings, connector::HTTP_2, http2,
    in_place::InPlace, patience::Patience, proxy_protocol, proxy_protocol::Client,
    request_body::Unread,
};

/// The kernel's queue of connections not yet accepted.
const BACKLOG_CONNECTIONS: i32 = 1024;
/// After a failed accept (out of file descriptors), wait before the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How a listener behaves.
#[derive(Clone, Debug)]
pub struct ListenerSettings {
    /// Where to listen; port 0 asks the kernel for one.
    pub address: SocketAddr,
    /// Open connections at a time.
    pub connections_max: usize,
    /// Bytes of a request's head.
    pub head_bytes_max: usize,
    /// Time for a request's head, and for an idle connection to begin one.
    pub head_time_max: Duration,
    /// Load balancers that begin their connections with a PROXY header of version 2. From them it is required; from others
    /// it is not read.
    pub proxy_protocol_from: Vec<AddressRange>,
    /// Time that a write may wait for the client to read.
    pub send_time_max: Duration,
    /// TLS, when the listener speaks it.
    pub tls: Option<TlsSettings>,
}

/// A request as it arrived.
#[derive(Debug)]
pub struct Arrival {
    /// When its head had been read.
    pub at: Instant,
    /// The client's certificate in DER, if it showed one; TLS has verified it.
    pub certificate: Option<Arc<[u8]>>,
    /// What its connection counts as; who takes the connection over keeps it.
    pub hold: ConnectionHold,
    /// The other end of the connection, or whom its load balancer speaks for.
    pub peer: SocketAddr,
    /// Head and unread body.
    pub request: Request<RequestBody>,
}

/// A connection's place among the open ones, until every clone is dropped.
#[derive(Clone, Debug)]
pub struct ConnectionHold {
    _held: Arc<dyn Any + Send + Sync>,
}

impl ConnectionHold {
    pub(crate) fn new(held: impl Any + Send + Sync) -> Self {
        Self { _held: Arc::new(held) }
    }
}

/// What answers requests. Never fails: what goes wrong is an answer too.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request. Dropped when the client goes away.
    fn handle(&self, arrival: Arrival)
    -> Pin<Box<dyn Future<Output = Response<Body>> + Send + '_>>;
}

/// Tells everything that serves to stop taking new work.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Sender<Stage>);

/// How far a shutdown has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Serving,
    Begun,
    CutOff,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self(watch::Sender::new(Stage::Serving))
    }
}

impl Shutdown {
    /// Begins the shutdown. Idempotent.
    pub fn begin(&self) {
        self.advance(Stage::Begun);
    }

    /// Whether it has begun.
    pub fn has_begun(&self) -> bool {
        *self.0.borrow() >= Stage::Begun
    }

    /// Says that what is left will be cut off, before it is.
    pub fn cut_off(&self) {
        self.advance(Stage::CutOff);
    }

    /// Whether what was left is being cut off.
    pub fn has_cut_off(&self) -> bool {
        *self.0.borrow() == Stage::CutOff
    }

    fn advance(&self, to: Stage) {
        self.0.send_if_modified(|stage| {
            let is_further = to > *stage;
            *stage = to.max(*stage);
            is_further
        });
    }

    /// Waits until it begins.
    pub async fn begun(&self) {
        let mut watch = self.0.subscribe();
        let _closed = watch.wait_for(|stage| *stage >= Stage::Begun).await.is_err();
    }
}

/// An open listener.
#[derive(Debug)]
pub struct Listener {
    conduct: ListenerConduct,
    connections: Arc<Gauge>,
    socket: TcpListener,
}

/// How an open listener treats its connections, which can be changed while it listens. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ListenerConduct(Arc<watch::Sender<Arc<ListenerSettings>>>);

impl ListenerConduct {
    /// Connections that are accepted from now on are treated so; its address and the number of its connections stay.
    pub fn change(&self, settings: ListenerSettings) {
        self.0.send_replace(Arc::new(settings));
    }

    fn now(&self) -> Arc<ListenerSettings> {
        Arc::clone(&self.0.borrow())
    }
}

impl Listener {
    /// Opens the listener. Must be called within the runtime.
    pub fn bind(settings: ListenerSettings) -> Result<Self, ListenError> {
        let address = settings.address;
        let socket = open(address).map_err(|source| ListenError::Bind { address, source })?;
        let conduct = ListenerConduct(Arc::new(watch::Sender::new(Arc::new(settings))));
        Ok(Self { conduct, connections: Arc::default(), socket })
    }

    /// How it treats its connections.
    pub fn conduct(&self) -> ListenerConduct {
        self.conduct.clone()
    }

    /// How many connections it has open, to be asked at any time.
    pub fn connections(&self) -> Arc<Gauge> {
        Arc::clone(&self.connections)
    }

    /// The address it listens on, with the port the kernel chose.
    pub fn local_address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap_or(self.conduct.now().address)
    }

    /// Accepts and serves until the shutdown begins; open requests are then finished by `tasks`.
    pub async fn serve(self, handler: Arc<dyn Handler>, tasks: Tasks, shutdown: Shutdown) {
        let permits = Arc::new(Semaphore::new(self.conduct.now().connections_max));
        loop {
            let permit = tokio::select! {
                permit = Arc::clone(&permits).acquire_owned() => permit,
                () = shutdown.begun() => return,
            };
            // Nobody closes the semaphore.
            let Ok(permit) = permit else { return };
            let accepted = tokio::select! {
                accepted = self.socket.accept() => accepted,
                () = shutdown.begun() => return,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let connection = Connection {
                hold: ConnectionHold::new((permit, self.connections.hold())),
                handler: Arc::clone(&handler),
                peer,
                settings: self.conduct.now(),
                shutdown: shutdown.clone(),
                tasks: tasks.clone(),
            };
            tasks.spawn(connection.run(stream));
        }
    }
}

fn open(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = socket2::Socket::new(
        socket2::Domain::for_address(address),
        socket2::Type::STREAM,
        Some(socket2::Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG_CONNECTIONS)?;
    TcpListener::from_std(socket.into())
}

struct Connection {
    hold: ConnectionHold,
    handler: Arc<dyn Handler>,
    peer: SocketAddr,
    settings: Arc<ListenerSettings>,
    shutdown: Shutdown,
    tasks: Tasks,
}

impl Connection {
    async fn run(mut self, mut stream: TcpStream) {
        // Small frames of a stream must leave at once.
        let _unsupported = stream.set_nodelay(true).is_err();
        let peer = self.peer.ip();
        if self.settings.proxy_protocol_from.iter().any(|range| range.contains(peer)) {
            let header = proxy_protocol::read(&mut stream);
            match tokio::time::timeout(self.settings.head_time_max, header).await {
                Ok(Ok(Client::At(client))) => self.peer = client,
                Ok(Ok(Client::Balancer)) => {}
                Ok(Err(error)) => {
                    return tracing::warn!(peer = %self.peer, %error, "a load balancer was not understood");
                }
                Err(_) => return tracing::debug!(peer = %self.peer, "no PROXY header in time"),
            }
        }
        let Some(tls) = self.settings.tls.clone() else {
            return self.speak(stream, None).await;
        };
        let handshake = tokio_rustls::TlsAcceptor::from(tls).accept(stream);
        match tokio::time::timeout(self.settings.head_time_max, handshake).await {
            Ok(Ok(stream)) => {
                let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
                let certificate = shown.map(|certificate| Arc::from(certificate.as_ref()));
                if stream.get_ref().1.alpn_protocol() == Some(HTTP_2) {
                    return self.speak_http2(stream, certificate).await;
                }
                self.speak(stream, certificate).await;
            }
            Ok(Err(error)) => tracing::debug!(peer = %self.peer, %error, "TLS handshake failed"),
            Err(_) => tracing::debug!(peer = %self.peer, "TLS handshake took too long"),
        }
    }

    async fn speak_http2(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        certificate: Option<Arc<[u8]>>,
    ) {
        let client = http2::Client { certificate, hold: self.hold.clone(), peer: self.peer };
        let (settings, shutdown) = (&self.settings, &self.shutdown);
        Box::pin(http2::serve(stream, client, self.handler, settings, self.tasks, shutdown)).await;
    }

    async fn speak(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        certificate: Option<Arc<[u8]>>,
    ) {
        let peer = self.peer;
        let stream = Patience::new(stream, self.settings.send_time_max);
        let (handler, hold) = (self.handler, self.hold);
        let service = service_fn(move |request: Request<Incoming>| {
            let (handler, hold) = (Arc::clone(&handler), hold.clone());
            let certificate = certificate.clone();
            async move {
                let unread = Unread::default();
                // Who waits to be told to go on would take our reading as being told.
                let may_wait = request.headers().contains_key(EXPECT);
                let request = request.map(|body| RequestBody::new(body, &unread));
                let arrival = Arrival { at: Instant::now(), certificate, hold, peer, request };
                let mut answer = handler.handle(arrival).await;
                if !unread.finish(may_wait).await {
                    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(answer)
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.settings.head_time_max)
            .max_buf_size(self.settings.head_bytes_max)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut connection = InPlace::new(Box::pin(connection));
        let result = tokio::select! {
            result = &mut connection => result,
            () = self.shutdown.begun() => {
                connection.future.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = result {
            tracing::debug!(%peer, %error, "connection ended");
        }
    }
}
