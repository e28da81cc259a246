//! A service that is asked about messages and carries none: an external guard, a ticket system.
//!
//! INVARIANT: scheme, host and port come from the configuration alone, and redirects are not followed.
//! INVARIANT: every question has a time limit, every answer a byte limit.
//!
//! Not here: upstreams, which get messages and so take only cleared ones (`upstream`); what is asked
//! and what the answer means.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::UpstreamError;
use crate::client::{Client, ClientFault};
use crate::connector::{HttpVersions, parse};
use crate::pool::PoolSettings;
use crate::tls::ClientTls;

const USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("bartizan/", env!("CARGO_PKG_VERSION")));

/// How an endpoint is reached.
#[derive(Clone, Debug)]
pub struct EndpointSettings {
    /// PEM certificates to trust instead of the host's.
    pub ca_pem: Option<Vec<u8>>,
    /// Time for a connection and its TLS handshake.
    pub connect_time_max: Duration,
    /// Where it is; what is asked may add a path and a query below it.
    pub url: String,
}

/// An endpoint with its connections. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Endpoint {
    client: Client,
    path: Arc<str>,
}

/// A question that was not answered. The endpoint's or the network's fault; whether traffic passes
/// without the answer is for the caller's configuration to say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// The connection broke before the answer had come.
    #[error("the connection broke")]
    Broken,
    /// No connection.
    #[error("it cannot be reached")]
    Connect,
    /// The path below the URL is none.
    #[error("the path cannot be appended to the URL")]
    Path,
    /// A longer answer than allowed.
    #[error("the answer is larger than {bytes_max} bytes")]
    TooLarge {
        /// The limit.
        bytes_max: usize,
    },
    /// Too slow.
    #[error("no answer within {time_max:?}")]
    TimedOut {
        /// The limit.
        time_max: Duration,
    },
}

/// What is asked of an endpoint.
#[expect(missing_debug_implementations, reason = "its body may hold a credential")]
#[derive(Clone, Default)]
pub struct Question {
    /// A path, and a query, below the URL.
    pub below: String,
    /// What is sent along; the headers say of which type it is.
    pub body: Bytes,
    /// Headers besides those of every question.
    pub headers: HeaderMap,
    /// What is done.
    pub method: Method,
}

/// What an endpoint answers.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What it says.
    pub body: Bytes,
    /// Its headers.
    pub headers: HeaderMap,
    /// How it went.
    pub status: StatusCode,
}

impl Endpoint {
    /// Prepares the endpoint; nothing is connected yet.
    pub fn new(settings: &EndpointSettings) -> Result<Self, UpstreamError> {
        let base = parse(&settings.url)?;
        let tls = ClientTls { ca_pem: settings.ca_pem.as_deref(), ..ClientTls::default() };
        let (time_max, http) = (settings.connect_time_max, HttpVersions::Http1);
        let client = Client::new(&base, &tls, time_max, http, PoolSettings::default())?;
        Ok(Self { client, path: Arc::from(base.path) })
    }

    /// Sends JSON to a path (and query) below the URL; the status and the body of the answer.
    pub async fn post_json(
        &self,
        below: &str,
        mut headers: HeaderMap,
        body: Bytes,
        bytes_max: usize,
        time_max: Duration,
    ) -> Result<(StatusCode, Bytes), EndpointError> {
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, json);
        let method = Method::POST;
        let question = Question { below: below.to_owned(), body, headers, method };
        self.ask(question, bytes_max, time_max).await
    }

    /// Asks for what is at a path (and query) below the URL; the status and the body of the answer.
    pub async fn get(
        &self,
        below: &str,
        bytes_max: usize,
        time_max: Duration,
    ) -> Result<(StatusCode, Bytes), EndpointError> {
        let question = Question { below: below.to_owned(), ..Question::default() };
        self.ask(question, bytes_max, time_max).await
    }

    /// Asks; the status and the body of the answer.
    pub async fn ask(
        &self,
        question: Question,
        bytes_max: usize,
        time_max: Duration,
    ) -> Result<(StatusCode, Bytes), EndpointError> {
        let Answer { body, status, .. } = self.answer(question, bytes_max, time_max).await?;
        Ok((status, body))
    }

    /// Asks; the whole answer.
    pub async fn answer(
        &self,
        question: Question,
        bytes_max: usize,
        time_max: Duration,
    ) -> Result<Answer, EndpointError> {
        let request = self.request(question)?;
        self.exchange(request, bytes_max, time_max).await
    }

    async fn exchange(
        &self,
        request: Request<Bytes>,
        bytes_max: usize,
        time_max: Duration,
    ) -> Result<Answer, EndpointError> {
        let exchange = async {
            let answer = self.client.ask(request, time_max).await.map_err(|fault| match fault {
                ClientFault::Broken | ClientFault::Refused | ClientFault::Unreadable => {
                    EndpointError::Broken
                }
                ClientFault::Dial(_) => EndpointError::Connect,
                ClientFault::TimedOut => EndpointError::TimedOut { time_max },
            })?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, bytes_max).collect().await.map_err(|error| {
                if error.is::<LengthLimitError>() {
                    EndpointError::TooLarge { bytes_max }
                } else {
                    EndpointError::Broken
                }
            })?;
            let body = body.to_bytes();
            Ok(Answer { body, headers: head.headers, status: head.status })
        };
        match tokio::time::timeout(time_max, exchange).await {
            Ok(answered) => answered,
            Err(_) => Err(EndpointError::TimedOut { time_max }),
        }
    }

    fn request(&self, question: Question) -> Result<Request<Bytes>, EndpointError> {
        let Question { below, body, mut headers, method } = question;
        headers.insert(header::USER_AGENT, USER_AGENT);
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let path = format!("{}{below}", self.path);
        let uri = Uri::builder()
            .path_and_query(if path.is_empty() { "/" } else { &path })
            .build()
            .map_err(|_| EndpointError::Path)?;
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        Ok(request)
    }
}
