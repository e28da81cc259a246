//! One upstream: a base URL from the configuration, its connections, and the only way to ask it.
//!
//! INVARIANT: `send` takes a `Cleared` request, so that forgetting the policy check does not
//! compile. INVARIANT: scheme, host and port come from the configuration alone; a request chooses
//! only the path below the base URL. INVARIANT: redirects are not followed.

use std::{
    error::Error,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, Uri, uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{
        Client,
        connect::{Connected, Connection},
    },
    rt::{TokioExecutor, TokioIo, TokioTimer},
};
use policy::Cleared;
use rustls_pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{
    CertificatePin, ClientIdentity, UpstreamError,
    tls::{ClientTls, client_config},
};

/// Connections kept open per upstream while nothing is asked.
const IDLE_CONNECTIONS_MAX: usize = 256;
/// How long an idle connection is kept.
const IDLE_TIME_MAX: Duration = Duration::from_mins(1);

/// How an upstream is reached.
#[derive(Clone, Debug)]
pub struct UpstreamSettings {
    /// `https://api.openai.com/v1`; the dialect's paths are appended to it.
    pub base_url: String,
    /// PEM certificates to trust instead of the host's.
    pub ca_pem: Option<Vec<u8>>,
    /// Our own certificate, for an upstream that asks for one.
    pub client_identity: Option<ClientIdentity>,
    /// Time for a connection and its TLS handshake.
    pub connect_time_max: Duration,
    /// The name in records and errors.
    pub name: String,
    /// If there are any, the upstream's own certificate must have one of these keys.
    pub pins: Vec<CertificatePin>,
    /// Time from sending the request to the head of the answer.
    pub response_time_max: Duration,
}

/// Mark of a request (in its extensions) whose path stands beside the version that ends the base URL, and not
/// below it: with `https://host/v1`, `/tokenize` is `https://host/tokenize`.
#[derive(Clone, Copy, Debug)]
pub struct BesideVersion;

/// The version that a base URL may end in.
const VERSION: &str = "/v1";

/// An upstream with its connections. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Upstream {
    authority: uri::Authority,
    client: Client<Connector, Full<Bytes>>,
    name: Arc<str>,
    host: Arc<str>,
    path: Arc<str>,
    /// The path without the version.
    path_beside: Arc<str>,
    response_time_max: Duration,
    scheme: uri::Scheme,
}

impl Upstream {
    /// Prepares the upstream; nothing is connected yet.
    pub fn new(settings: &UpstreamSettings) -> Result<Self, UpstreamError> {
        let base = parse(&settings.base_url)?;
        let tls = ClientTls {
            ca_pem: settings.ca_pem.as_deref(),
            identity: settings.client_identity.as_ref(),
            pins: &settings.pins,
        };
        let connector = Connector::new(&base, &tls, settings.connect_time_max)?;
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE_TIME_MAX)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .pool_timer(TokioTimer::new())
            .build(connector);
        Ok(Self {
            host: Arc::from(host_header(&base.scheme, &base.authority)),
            authority: base.authority,
            client,
            name: Arc::from(settings.name.as_str()),
            path_beside: Arc::from(base.path.strip_suffix(VERSION).unwrap_or(&base.path)),
            path: Arc::from(base.path),
            response_time_max: settings.response_time_max,
            scheme: base.scheme,
        })
    }

    /// The configured name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its host, with the port where that is not the scheme's own: what the `host` header says.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The path of the base URL, without a slash at its end.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Sends a cleared request whose URI is a path (and query) below the base URL, or beside its version
    /// ([`BesideVersion`]).
    pub async fn send(
        &self,
        request: Cleared<Request<Bytes>>,
    ) -> Result<Response<Incoming>, UpstreamError> {
        let (mut head, body) = request.into_inner().into_parts();
        let is_beside = head.extensions.remove::<BesideVersion>().is_some();
        let base = if is_beside { &self.path_beside } else { &self.path };
        let below = head.uri.path_and_query().map_or("/", uri::PathAndQuery::as_str);
        head.uri = self.uri(&format!("{base}{below}"))?;
        self.ask(Request::from_parts(head, Full::new(body)), self.response_time_max).await
    }

    /// Asks for a path on the upstream's host, with these headers and nothing else: the status of what it answers.
    pub async fn probe(
        &self,
        path: &str,
        headers: HeaderMap,
        time_max: Duration,
    ) -> Result<StatusCode, UpstreamError> {
        let mut request = Request::new(Full::default());
        *request.uri_mut() = self.uri(path)?;
        *request.headers_mut() = headers;
        self.ask(request, time_max).await.map(|answer| answer.status())
    }

    fn uri(&self, path: &str) -> Result<Uri, UpstreamError> {
        let built = Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(path)
            .build();
        let why = "the path cannot be appended to it";
        built.map_err(|_| UpstreamError::BaseUrl { url: path.to_owned(), why })
    }

    async fn ask(
        &self,
        request: Request<Full<Bytes>>,
        time_max: Duration,
    ) -> Result<Response<Incoming>, UpstreamError> {
        match tokio::time::timeout(time_max, self.client.request(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) if error.is_connect() || was_not_sent(&error) => {
                tracing::warn!(upstream = %self.name, error = ?error, "cannot connect");
                Err(match cause::<rustls::Error>(&error) {
                    Some(tls) => {
                        UpstreamError::Handshake { name: self.name.to_string(), why: why(tls) }
                    }
                    None => UpstreamError::Connect { name: self.name.to_string() },
                })
            }
            Ok(Err(error)) => {
                tracing::warn!(upstream = %self.name, error = ?error, "connection broke");
                Err(UpstreamError::Broken { name: self.name.to_string() })
            }
            Err(_) => Err(UpstreamError::TimedOut { name: self.name.to_string(), time_max }),
        }
    }
}

/// What was wrong with TLS, in words.
fn why(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(rustls::CertificateError::Other(own)) => own.to_string(),
        error => error.to_string(),
    }
}

/// Whether a connection broke while the request still waited for it: nothing of it was written.
fn was_not_sent(error: &(dyn Error + 'static)) -> bool {
    cause::<hyper::Error>(error).is_some_and(hyper::Error::is_canceled)
}

/// The first of an error's causes that is of this type. Errors of I/O hold theirs inside.
fn cause<'e, E: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        next = inner.map(|inner| inner as &(dyn Error + 'static)).or_else(|| error.source());
    }
    None
}

/// What the `host` header of requests to an authority says.
fn host_header<'a>(scheme: &uri::Scheme, authority: &'a uri::Authority) -> &'a str {
    let own_port = if *scheme == uri::Scheme::HTTPS { 443 } else { 80 };
    match authority.port_u16() {
        Some(port) if port == own_port => authority.host(),
        _ => authority.as_str(),
    }
}

/// A base URL in its parts.
pub(crate) struct Base {
    pub(crate) authority: uri::Authority,
    /// Without a `/` at its end.
    pub(crate) path: String,
    pub(crate) scheme: uri::Scheme,
}

pub(crate) fn parse(url: &str) -> Result<Base, UpstreamError> {
    let wrong = |why| UpstreamError::BaseUrl { url: url.to_owned(), why };
    let parts = url.parse::<Uri>().map_err(|_| wrong("it cannot be parsed"))?.into_parts();
    let scheme = parts.scheme.ok_or_else(|| wrong("it must begin with http:// or https://"))?;
    if scheme != uri::Scheme::HTTP && scheme != uri::Scheme::HTTPS {
        return Err(wrong("it must begin with http:// or https://"));
    }
    let authority = parts.authority.ok_or_else(|| wrong("it names no host"))?;
    if authority.as_str().contains('@') {
        return Err(wrong("it holds a password; put the key in `api_key`"));
    }
    let path = parts.path_and_query.map_or_else(String::new, |path| path.to_string());
    if path.contains('?') {
        return Err(wrong("it has a query"));
    }
    Ok(Base { authority, path: path.trim_end_matches('/').to_owned(), scheme })
}

/// Connects to the one configured host. Its name is resolved anew for each connection, by the host's resolver. Addresses are not
/// filtered: only the configuration names hosts, so a private one is meant, and no request can choose where it goes.
#[derive(Clone)]
pub(crate) struct Connector {
    host: Arc<str>,
    port: u16,
    time_max: Duration,
    tls: Option<TlsConnector>,
}

impl Connector {
    pub(crate) fn new(
        base: &Base,
        wanted: &ClientTls<'_>,
        time_max: Duration,
    ) -> Result<Self, UpstreamError> {
        let tls = if base.scheme == uri::Scheme::HTTPS {
            Some(TlsConnector::from(client_config(wanted)?))
        } else {
            None
        };
        Ok(Self {
            host: Arc::from(base.authority.host().trim_matches(['[', ']'])),
            port: base.authority.port_u16().unwrap_or(if tls.is_some() { 443 } else { 80 }),
            time_max,
            tls,
        })
    }

    pub(crate) async fn connect(self) -> std::io::Result<TokioIo<Stream>> {
        let attempt = async {
            let stream = TcpStream::connect((&*self.host, self.port)).await?;
            stream.set_nodelay(true)?;
            let Some(tls) = self.tls else { return Ok(Stream::Plain(stream)) };
            let name = ServerName::try_from(self.host.to_string())
                .map_err(|error| std::io::Error::other(error.to_string()))?;
            Ok(Stream::Tls(Box::new(tls.connect(name, stream).await?)))
        };
        match tokio::time::timeout(self.time_max, attempt).await {
            Ok(stream) => stream.map(TokioIo::new),
            Err(_) => Err(std::io::Error::from(std::io::ErrorKind::TimedOut)),
        }
    }
}

impl tower_service::Service<Uri> for Connector {
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = std::io::Result<TokioIo<Stream>>> + Send>>;
    type Response = TokioIo<Stream>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect())
    }
}

/// A connection, with TLS or without.
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(context, pieces),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(context, pieces),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

#[cfg(test)]
#[path = "upstream_tls_tests.rs"]
mod tls_tests;

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn base_urls_are_checked_with_a_reason() {
        let why = |url: &str| parse(url).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(why("api.openai.com").contains("http:// or https://"));
        assert!(why("ftp://host/").contains("http:// or https://"));
        assert!(why("https://user:pass@host/").contains("api_key"));
        assert!(why("https://host/v1?x=1").contains("query"));
        assert_eq!(parse("https://host:1/v1/").map(|base| base.path).ok().as_deref(), Some("/v1"));
    }
}
