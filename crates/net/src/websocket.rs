//! WebSockets (RFC 6455), on both sides: the handshake of a client, opening one at an upstream, messages.
//!
//! Frames are read and written by tungstenite: it masks, joins fragments, checks UTF-8 and answers pings.
//!
//! INVARIANT: a message is at most `message_bytes_max` bytes, however it is cut, has come whole `message_time_max` after its first
//! byte, and of a client every frame is masked. INVARIANT: what has come of a message counts in the budget of all bodies until the
//! next is asked for, and then its memory is given back.
//! INVARIANT: no write waits longer than `send_time_max`. INVARIANT: an upstream is told only what policy has cleared;
//! closing a connection says nothing but a number. INVARIANT: no extension is agreed on, so nothing is compressed.
//!
//! Not here: what messages mean (`wire`), where a message ends (`frames`).

use std::{
    future::{Future as _, poll_fn},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use data_encoding::BASE64;
use futures_util::{SinkExt, StreamExt};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header, request::Parts};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use policy::Cleared;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::Sleep,
};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        Error, Message,
        error::{CapacityError, ProtocolError},
        handshake::{client::generate_key, derive_accept_key},
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
    },
};

use crate::{Body, BodyBudget, BodyShare, UpstreamError, empty, frames::Counted};

/// The one version there is (RFC 6455, section 4.1).
const VERSION: &str = "13";
/// Bytes of the number that a client's key is (RFC 6455, section 4.1).
const KEY_BYTES: usize = 16;
/// Bytes that are read at once.
const READ_BYTES: usize = 16 << 10;
/// How long the other side is waited for when a connection is closed.
const CLOSE_TIME_MAX: Duration = Duration::from_secs(1);

/// How much a WebSocket takes, and how long.
#[derive(Clone, Copy, Debug)]
pub struct SocketLimits {
    /// Bytes of a message.
    pub message_bytes_max: usize,
    /// Time from the first byte of a message to its last.
    pub message_time_max: Duration,
    /// Time that a write may wait for the other side to read.
    pub send_time_max: Duration,
}

/// Why a request opens no WebSocket. The client's to mend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    /// It asks for none.
    #[error("this path is spoken over WebSocket; ask with `upgrade: websocket` on HTTP/1.1")]
    NoUpgrade,
    /// Another version of the protocol.
    #[error("send `sec-websocket-version: 13`, once")]
    Version,
    /// No key, several, or one that is not 16 bytes in base64.
    #[error("send `sec-websocket-key`, once: 16 bytes in base64")]
    Key,
}

impl HandshakeError {
    /// The status to refuse it with (RFC 6455, section 4.2.2).
    pub const fn status(self) -> StatusCode {
        match self {
            Self::NoUpgrade | Self::Version => StatusCode::UPGRADE_REQUIRED,
            Self::Key => StatusCode::BAD_REQUEST,
        }
    }
}

/// A client's handshake that was found to be one.
#[derive(Debug)]
pub struct Handshake {
    accept: String,
    upgrade: OnUpgrade,
}

impl Handshake {
    /// Reads a request's head (RFC 6455, section 4.2.1).
    pub fn read(head: &mut Parts) -> Result<Self, HandshakeError> {
        let headers = &head.headers;
        let is_upgrade = lists(headers, &header::UPGRADE, "websocket")
            && lists(headers, &header::CONNECTION, "upgrade")
            && head.version == http::Version::HTTP_11;
        if !is_upgrade {
            return Err(HandshakeError::NoUpgrade);
        }
        if only(headers, &header::SEC_WEBSOCKET_VERSION) != Some(VERSION) {
            return Err(HandshakeError::Version);
        }
        let key = only(headers, &header::SEC_WEBSOCKET_KEY).ok_or(HandshakeError::Key)?;
        if BASE64.decode(key.as_bytes()).map(|key| key.len()) != Ok(KEY_BYTES) {
            return Err(HandshakeError::Key);
        }
        let accept = derive_accept_key(key.as_bytes());
        let upgrade = head.extensions.remove::<OnUpgrade>().ok_or(HandshakeError::NoUpgrade)?;
        Ok(Self { accept, upgrade })
    }

    /// The answer that opens the WebSocket, with the one of the client's subprotocols that is spoken.
    pub fn response(&self, protocol: Option<&'static str>) -> Response<Body> {
        let mut response = Response::new(empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        if let Ok(accept) = HeaderValue::from_str(&self.accept) {
            headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
        }
        if let Some(protocol) = protocol {
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol));
        }
        response
    }

    /// The WebSocket, once the answer has been sent.
    pub async fn open(
        self,
        limits: SocketLimits,
        budget: &BodyBudget,
    ) -> Result<Socket, SocketError> {
        let stream = self.upgrade.await.map_err(|_| SocketError::Broken)?;
        let stream = Counted::new(Box::new(TokioIo::new(stream)));
        let config = Some(config(limits));
        let stream = WebSocketStream::from_raw_socket(stream, Role::Server, config).await;
        Ok(Socket::new(stream, Role::Server, limits, budget))
    }
}

/// Whether a header, which may be sent several times, lists a word.
fn lists(headers: &HeaderMap, name: &header::HeaderName, word: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|one| one.trim().eq_ignore_ascii_case(word))
}

/// The value of a header that was sent once.
fn only<'h>(headers: &'h HeaderMap, name: &header::HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next().filter(|_| values.next().is_none())?;
    first.to_str().ok().map(str::trim)
}

fn config(limits: SocketLimits) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BYTES)
        .write_buffer_size(0)
        .max_message_size(Some(limits.message_bytes_max))
        .max_frame_size(Some(limits.message_bytes_max))
        .accept_unmasked_frames(false)
}

/// A connection, whatever carries it.
pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Io for S {}

/// What came over a WebSocket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SocketMessage {
    /// Text.
    Text(String),
    /// Bytes that are no text.
    Binary,
    /// A sign of life.
    Alive,
    /// The other side has closed it, with this number.
    Closed(Option<u16>),
}

/// A WebSocket cannot be used any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SocketError {
    /// The connection is gone.
    #[error("the connection broke")]
    Broken,
    /// There is no memory for more messages.
    #[error("too many large messages are under way")]
    Busy,
    /// Text that is not UTF-8.
    #[error("a text message is not UTF-8")]
    InvalidUtf8,
    /// Frames that contradict the protocol.
    #[error("the frames contradict the protocol")]
    Protocol,
    /// The other side does not read.
    #[error("the other side does not read")]
    Slow,
    /// A message above the limit.
    #[error("a message is too large")]
    TooLarge,
    /// A message that was begun did not come whole in time.
    #[error("a message that was begun has not come whole in time")]
    Unfinished,
}

impl SocketError {
    /// The number that the connection is closed with (RFC 6455, section 7.4.1).
    pub const fn close_code(self) -> u16 {
        match self {
            Self::Broken | Self::Slow => 1011,
            Self::Busy => 1013,
            Self::InvalidUtf8 => 1007,
            Self::Protocol => 1002,
            Self::TooLarge => 1009,
            Self::Unfinished => 1008,
        }
    }

    /// A stable code for records.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Broken => "socket_broken",
            Self::Busy => "overloaded",
            Self::InvalidUtf8 => "socket_not_utf8",
            Self::Protocol => "socket_protocol",
            Self::Slow => "socket_slow",
            Self::TooLarge => "message_too_large",
            Self::Unfinished => "message_too_slow",
        }
    }
}

impl From<Error> for SocketError {
    fn from(error: Error) -> Self {
        match error {
            Error::Utf8(_) => Self::InvalidUtf8,
            Error::Capacity(CapacityError::MessageTooLong { .. }) => Self::TooLarge,
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Self::Broken,
            Error::Protocol(_) => Self::Protocol,
            _ => Self::Broken,
        }
    }
}

/// An open WebSocket.
pub struct Socket {
    budget: BodyBudget,
    limits: SocketLimits,
    role: Role,
    /// What the last message, or what has come of the next, takes of the budget.
    share: BodyShare,
    stream: WebSocketStream<Counted>,
    /// Runs while a message that was begun has not come whole.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl std::fmt::Debug for Socket {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Socket").finish_non_exhaustive()
    }
}

impl Socket {
    fn new(
        stream: WebSocketStream<Counted>,
        role: Role,
        limits: SocketLimits,
        budget: &BodyBudget,
    ) -> Self {
        let (budget, share) = (budget.clone(), BodyShare::default());
        Self { budget, limits, role, share, stream, waiting: None }
    }

    /// What comes next. Nothing is lost when this is dropped before it is ready.
    pub async fn receive(&mut self) -> Result<SocketMessage, SocketError> {
        self.give_back().await?;
        Ok(match poll_fn(|context| self.poll_receive(context)).await? {
            None => SocketMessage::Closed(None),
            Some(Ok(Message::Text(text))) => SocketMessage::Text(text.as_str().to_owned()),
            Some(Ok(Message::Binary(_))) => SocketMessage::Binary,
            Some(Ok(Message::Close(frame))) => {
                SocketMessage::Closed(frame.map(|frame| u16::from(frame.code)))
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {
                SocketMessage::Alive
            }
            Some(Err(Error::ConnectionClosed | Error::AlreadyClosed)) => {
                SocketMessage::Closed(None)
            }
            Some(Err(error)) => return Err(error.into()),
        })
    }

    /// Gives back what the last message took. The library keeps its buffer as large as it ever was, so it is had anew after a large
    /// one, of which nothing is left in it.
    async fn give_back(&mut self) -> Result<(), SocketError> {
        let frames = &self.stream.get_ref().frames;
        if frames.has_begun() {
            return Ok(());
        }
        if frames.message_bytes() > READ_BYTES {
            // It may have to answer a ping.
            let flushed = tokio::time::timeout(self.limits.send_time_max, self.stream.flush());
            flushed.await.map_err(|_| SocketError::Slow)??;
            let stream = std::mem::take(self.stream.get_mut());
            let config = Some(config(self.limits));
            self.stream = WebSocketStream::from_raw_socket(stream, self.role, config).await;
        }
        self.stream.get_mut().frames.forget();
        self.share = BodyShare::default();
        Ok(())
    }

    fn poll_receive(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<Result<Message, Error>>, SocketError>> {
        let come = self.stream.poll_next_unpin(context);
        let frames = &self.stream.get_ref().frames;
        let is_covered = self.budget.cover(&mut self.share, frames.message_bytes()).is_ok();
        if frames.has_begun() {
            // Whatever else comes meanwhile.
            let time_max = self.limits.message_time_max;
            let sleep = || Box::pin(tokio::time::sleep(time_max));
            if self.waiting.get_or_insert_with(sleep).as_mut().poll(context).is_ready() {
                return Poll::Ready(Err(SocketError::Unfinished));
            }
        } else {
            self.waiting = None;
        }
        if is_covered { come.map(Ok) } else { Poll::Ready(Err(SocketError::Busy)) }
    }

    /// Sends text; once it is written, all before it is.
    pub async fn send(&mut self, text: String) -> Result<(), SocketError> {
        self.write(Message::Text(text.into())).await
    }

    /// Closes it with this number and no word.
    pub async fn close(&mut self, code: u16) {
        let frame = CloseFrame { code: CloseCode::from(code), reason: "".into() };
        // Who is gone needs no farewell.
        let _gone = self.write(Message::Close(Some(frame))).await.is_err();
        let answered = async {
            while !matches!(self.stream.next().await, None | Some(Err(_) | Ok(Message::Close(_)))) {
            }
        };
        let _silent = tokio::time::timeout(CLOSE_TIME_MAX, answered).await.is_err();
    }

    async fn write(&mut self, message: Message) -> Result<(), SocketError> {
        match tokio::time::timeout(self.limits.send_time_max, self.stream.send(message)).await {
            Ok(sent) => sent.map_err(SocketError::from),
            Err(_) => Err(SocketError::Slow),
        }
    }
}

/// An open WebSocket to an upstream.
#[derive(Debug)]
pub struct UpstreamSocket(Socket);

impl UpstreamSocket {
    /// Opens one over a connection: its handshake is this request, completed by what belongs to the protocol.
    pub(crate) async fn open(
        stream: Box<dyn Io>,
        request: Request<()>,
        (limits, budget): (SocketLimits, &BodyBudget),
        name: &str,
    ) -> Result<Self, UpstreamError> {
        let stream = Counted::after_answer(stream);
        let mut request = request;
        let headers = request.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static(VERSION));
        if let Ok(key) = HeaderValue::from_str(&generate_key()) {
            headers.insert(header::SEC_WEBSOCKET_KEY, key);
        }
        let opened = client_async_with_config(request, stream, Some(config(limits))).await;
        match opened {
            Ok((stream, _)) => Ok(Self(Socket::new(stream, Role::Client, limits, budget))),
            Err(Error::Http(answer)) => Err(UpstreamError::NotOpened {
                name: name.to_owned(),
                status: answer.status().as_u16(),
            }),
            Err(error) => {
                tracing::warn!(upstream = %name, %error, "a WebSocket could not be opened");
                Err(UpstreamError::Broken { name: name.to_owned() })
            }
        }
    }

    /// See [`Socket::receive`].
    pub async fn receive(&mut self) -> Result<SocketMessage, SocketError> {
        self.0.receive().await
    }

    /// Sends what was cleared.
    pub async fn send(&mut self, text: Cleared<String>) -> Result<(), SocketError> {
        self.0.send(text.into_inner()).await
    }

    /// See [`Socket::close`].
    pub async fn close(&mut self, code: u16) {
        self.0.close(code).await;
    }
}
