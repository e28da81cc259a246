//! Asking one host, over whatever its connections speak.
//!
//! A request that was certainly not sent, because its connection had gone meanwhile, is sent on another. Whatever may have
//! been processed is not.
//!
//! INVARIANT: a request goes to the host of the configuration; it names a path and nothing else.
//!
//! Not here: what is asked, and whether it may be (`upstream`, `endpoint`).

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, Uri, Version, header, uri};
use http_body_util::Full;

use crate::{
    UpstreamError,
    answer_body::AnswerBody,
    connector::{Base, Connector, DialFault, HttpVersions},
    http2_client::StreamFault,
    pool::{Held, Lease, Pool, PoolSettings},
    tls::ClientTls,
};

/// Connections that a request is tried on, while each turns out to have gone.
const TRIES_MAX: usize = 8;

/// A host with its connections. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Client {
    /// The same as a part of URIs.
    authority: uri::Authority,
    /// The host, with the port where that is not the scheme's own.
    host: HeaderValue,
    pool: Arc<Pool>,
    scheme: uri::Scheme,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Client").field("host", &self.host).finish_non_exhaustive()
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ClientFault {
    /// The connection broke after the request may have been sent.
    Broken,
    /// There is no connection.
    Dial(DialFault),
    /// The host says that it did not process the request.
    Refused,
    /// It took longer than it may.
    TimedOut,
    /// The answer's head is none, or longer than it may be.
    Unreadable,
}

/// What became of a request on a connection.
enum Sent {
    Answered(Response<AnswerBody>),
    Failed(ClientFault),
    /// The connection had gone; this is the request.
    Not(Request<Bytes>),
}

impl Client {
    /// Prepares the connections; nothing is connected yet.
    pub(crate) fn new(
        base: &Base,
        tls: &ClientTls<'_>,
        connect_time_max: Duration,
        http: HttpVersions,
        settings: PoolSettings,
    ) -> Result<Self, UpstreamError> {
        let connector = Connector::new(base, tls, connect_time_max, http)?;
        let host = host_header(&base.scheme, &base.authority);
        let why = "its host is no header";
        let wrong = || UpstreamError::BaseUrl { url: host.to_owned(), why };
        Ok(Self {
            authority: host.parse().map_err(|_| wrong())?,
            host: HeaderValue::from_str(host).map_err(|_| wrong())?,
            pool: Pool::new(connector, settings),
            scheme: base.scheme.clone(),
        })
    }

    /// What the `host` header of requests says: the host, with the port where that is not the scheme's own.
    pub(crate) fn host(&self) -> &str {
        self.host.to_str().unwrap_or_default()
    }

    /// Asks, and waits for the head of the answer. The request's URI is a path and a query.
    pub(crate) async fn ask(
        &self,
        mut request: Request<Bytes>,
        time_max: Duration,
    ) -> Result<Response<AnswerBody>, ClientFault> {
        let mut is_tried = false;
        let asking = async {
            for _ in 0..TRIES_MAX {
                is_tried = false;
                let lease = self.pool.lease().await.map_err(ClientFault::Dial)?;
                is_tried = true;
                match self.send(lease, request).await {
                    Sent::Answered(answer) => return Ok(answer),
                    Sent::Failed(fault) => return Err(fault),
                    Sent::Not(unsent) => request = unsent,
                }
            }
            Err(ClientFault::Dial(DialFault::Connect))
        };
        match tokio::time::timeout(time_max, asking).await {
            Ok(answered) => answered,
            Err(_) if is_tried => Err(ClientFault::TimedOut),
            Err(_) => Err(ClientFault::Dial(DialFault::Connect)),
        }
    }

    async fn send(&self, mut lease: Lease, request: Request<Bytes>) -> Sent {
        match &mut lease.held {
            Some(Held::Alone(sender)) => {
                let (mut head, body) = request.into_parts();
                head.version = Version::HTTP_11;
                head.headers.entry(header::HOST).or_insert_with(|| self.host.clone());
                let request = Request::from_parts(head, Full::new(body.clone()));
                match sender.try_send_request(request).await {
                    Ok(answer) => Sent::Answered(answer.map(|body| AnswerBody::http1(body, lease))),
                    Err(mut error) => match error.take_message() {
                        Some(unsent) => Sent::Not(unsent.map(|_| body)),
                        None => Sent::Failed(failed(&error.into_error())),
                    },
                }
            }
            Some(Held::Shared(connection)) => {
                let (mut head, body) = request.into_parts();
                head.uri = match self.absolute(head.uri) {
                    Ok(uri) => uri,
                    Err(fault) => return Sent::Failed(fault),
                };
                match connection.send(Request::from_parts(head, body)).await {
                    Ok(answer) => {
                        let (head, stream) = answer.into_parts();
                        let body = AnswerBody::http2(stream, &head.headers, lease);
                        Sent::Answered(Response::from_parts(head, body))
                    }
                    Err(StreamFault::Broken) => Sent::Failed(ClientFault::Broken),
                    Err(StreamFault::Refused) => Sent::Failed(ClientFault::Refused),
                }
            }
            // Leases hold something until they are dropped.
            None => Sent::Failed(ClientFault::Dial(DialFault::Connect)),
        }
    }

    fn absolute(&self, path: Uri) -> Result<Uri, ClientFault> {
        let mut parts = path.into_parts();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        Uri::from_parts(parts).map_err(|_| ClientFault::Refused)
    }
}

fn failed(error: &hyper::Error) -> ClientFault {
    tracing::warn!(?error, "no answer");
    // Broken while the request still waited for it: nothing of it was written.
    if error.is_canceled() {
        ClientFault::Dial(DialFault::Connect)
    } else if error.is_parse() {
        ClientFault::Unreadable
    } else {
        ClientFault::Broken
    }
}

/// What the `host` header of requests to an authority says.
fn host_header<'a>(scheme: &uri::Scheme, authority: &'a uri::Authority) -> &'a str {
    let own_port = if *scheme == uri::Scheme::HTTPS { 443 } else { 80 };
    match authority.port_u16() {
        Some(port) if port == own_port => authority.host(),
        _ => authority.as_str(),
    }
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
