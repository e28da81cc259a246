//! One upstream: a base URL from the configuration, its connections, and the only way to ask it.
//!
//! INVARIANT: `send` takes a `Cleared` request, so that forgetting the policy check does not
//! compile. INVARIANT: scheme, host and port come from the configuration alone; a request chooses
//! only the path below the base URL. INVARIANT: redirects are not followed.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri, header, uri};
use policy::Cleared;

use crate::{
    AnswerBody, BodyBudget, CertificatePin, ClientIdentity, HttpVersions, SocketLimits,
    UpstreamError, UpstreamSocket,
    client::{Client, ClientFault},
    connector::{Connector, DialFault, parse},
    pool::PoolSettings,
    tls::ClientTls,
};

/// How an upstream is reached.
#[derive(Clone, Debug)]
pub struct UpstreamSettings {
    /// `https://api.openai.com/v1`; the dialect's paths are appended to it.
    pub base_url: String,
    /// PEM certificates to trust instead of the host's.
    pub ca_pem: Option<Vec<u8>>,
    /// Our own certificate, for an upstream that asks for one.
    pub client_identity: Option<ClientIdentity>,
    /// Time for a connection, its TLS handshake, and a peer's settings in HTTP/2.
    pub connect_time_max: Duration,
    /// The versions of HTTP that it is asked in.
    pub http: HttpVersions,
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
    client: Client,
    is_tls: bool,
    name: Arc<str>,
    path: Arc<str>,
    /// The path without the version.
    path_beside: Arc<str>,
    response_time_max: Duration,
    /// For connections that become WebSockets, which begin in HTTP/1.1.
    sockets: Connector,
}

impl Upstream {
    /// Prepares the upstream; nothing is connected yet.
    pub fn new(settings: &UpstreamSettings) -> Result<Self, UpstreamError> {
        Self::with(settings, PoolSettings::default())
    }

    pub(crate) fn with(
        settings: &UpstreamSettings,
        pool: PoolSettings,
    ) -> Result<Self, UpstreamError> {
        let base = parse(&settings.base_url)?;
        let tls = ClientTls {
            ca_pem: settings.ca_pem.as_deref(),
            identity: settings.client_identity.as_ref(),
            pins: &settings.pins,
        };
        let client = Client::new(&base, &tls, settings.connect_time_max, settings.http, pool)?;
        let sockets = Connector::new(&base, &tls, settings.connect_time_max, HttpVersions::Http1)?;
        Ok(Self {
            authority: base.authority,
            client,
            is_tls: base.scheme == uri::Scheme::HTTPS,
            name: Arc::from(settings.name.as_str()),
            path_beside: Arc::from(base.path.strip_suffix(VERSION).unwrap_or(&base.path)),
            path: Arc::from(base.path),
            response_time_max: settings.response_time_max,
            sockets,
        })
    }

    /// The configured name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its host, with the port where that is not the scheme's own: what the `host` header says.
    pub fn host(&self) -> &str {
        self.client.host()
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
    ) -> Result<Response<AnswerBody>, UpstreamError> {
        let (mut head, body) = request.into_inner().into_parts();
        head.uri = uri(&self.place(&mut head))?;
        self.ask(Request::from_parts(head, body), self.response_time_max).await
    }

    /// Opens a WebSocket with a cleared request, whose URI is as for [`Self::send`].
    pub async fn open(
        &self,
        request: Cleared<Request<()>>,
        limits: (SocketLimits, &BodyBudget),
    ) -> Result<UpstreamSocket, UpstreamError> {
        let (mut head, ()) = request.into_inner().into_parts();
        head.uri = self.socket_uri(&self.place(&mut head))?;
        if let Ok(host) = HeaderValue::from_str(self.host()) {
            head.headers.insert(header::HOST, host);
        }
        let stream = self.sockets.dial(|stream| std::future::ready(Ok(stream))).await;
        let time_max = self.response_time_max;
        let stream = stream
            .map_err(|error| self.error(ClientFault::Dial(DialFault::from(error)), time_max))?;
        let request = Request::from_parts(head, ());
        let opened = UpstreamSocket::open(Box::new(stream), request, limits, &self.name);
        let opened = tokio::time::timeout(time_max, opened).await;
        opened.unwrap_or_else(|_| Err(self.error(ClientFault::TimedOut, time_max)))
    }

    /// The path and query that a request goes to.
    fn place(&self, head: &mut http::request::Parts) -> String {
        let is_beside = head.extensions.remove::<BesideVersion>().is_some();
        let base = if is_beside { &self.path_beside } else { &self.path };
        let below = head.uri.path_and_query().map_or("/", uri::PathAndQuery::as_str);
        format!("{base}{below}")
    }

    /// A place as WebSockets write it: the library that shakes hands insists on it, and sends the path alone.
    fn socket_uri(&self, place: &str) -> Result<Uri, UpstreamError> {
        let scheme = if self.is_tls { "wss" } else { "ws" };
        let whole = Uri::builder().scheme(scheme).authority(self.authority.clone());
        built(whole.path_and_query(place), place)
    }

    /// Asks for a path on the upstream's host, with these headers and nothing else: the status of what it answers.
    pub async fn probe(
        &self,
        path: &str,
        headers: HeaderMap,
        time_max: Duration,
    ) -> Result<StatusCode, UpstreamError> {
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = uri(path)?;
        *request.headers_mut() = headers;
        self.ask(request, time_max).await.map(|answer| answer.status())
    }

    async fn ask(
        &self,
        request: Request<Bytes>,
        time_max: Duration,
    ) -> Result<Response<AnswerBody>, UpstreamError> {
        let answer = self.client.ask(request, time_max).await;
        answer.map_err(|fault| self.error(fault, time_max))
    }

    fn error(&self, fault: ClientFault, time_max: Duration) -> UpstreamError {
        tracing::warn!(upstream = %self.name, ?fault, "no answer");
        let name = self.name.to_string();
        match fault {
            ClientFault::Broken => UpstreamError::Broken { name },
            ClientFault::Dial(DialFault::Connect) => UpstreamError::Connect { name },
            ClientFault::Dial(DialFault::Handshake(why)) => UpstreamError::Handshake { name, why },
            ClientFault::Refused => UpstreamError::Refused { name },
            ClientFault::TimedOut => UpstreamError::TimedOut { name, time_max },
            ClientFault::Unreadable => UpstreamError::Unreadable { name },
        }
    }
}

/// A path and a query as a URI.
fn uri(path: &str) -> Result<Uri, UpstreamError> {
    built(Uri::builder().path_and_query(path), path)
}

fn built(uri: uri::Builder, path: &str) -> Result<Uri, UpstreamError> {
    let why = "the path cannot be appended to it";
    uri.build().map_err(|_| UpstreamError::BaseUrl { url: path.to_owned(), why })
}

#[cfg(test)]
#[path = "upstream_tls_tests.rs"]
mod tls_tests;
