//! What sinks over HTTP have in common: sending, and what a status means.
//!
//! `413` is too large; `400` and what else a receiver says of the message itself is refused; everything else (`401` and `404` too,
//! which are the operator's to mend) is worth another time.
//!
//! INVARIANT: keys are in headers only, and in no message.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use net::{Answer, Endpoint, EndpointSettings, Question};
use stdx::{Secret, SharedSecret};
use zeroize::Zeroizing;

use super::backoff::retry_after;
use super::deliver::{Failure, SinkError, words};
use super::settings::SinkSettings;

/// Time for a connection.
pub(crate) const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);
/// Bytes of an answer: an answer of a bulk says something of every record.
const ANSWER_BYTES_MAX: usize = 16 << 20;
/// Headers that are not the operator's to choose.
const OWN_HEADERS: [&str; 6] =
    ["accept", "accept-encoding", "connection", "content-length", "host", "user-agent"];

/// A receiver that is reached over HTTP.
pub(crate) struct Http {
    endpoint: Endpoint,
    headers: Vec<(HeaderName, SharedSecret)>,
    time_max: Duration,
}

impl Http {
    /// The receiver of a sink. Nothing is connected yet.
    pub(crate) fn new(settings: &SinkSettings) -> Result<Self, SinkError> {
        Self::at(settings, &settings.url)
    }

    /// A receiver at another address, with the same certificates.
    pub(crate) fn at(settings: &SinkSettings, url: &str) -> Result<Self, SinkError> {
        let endpoint = Endpoint::new(&EndpointSettings {
            ca_pem: settings.ca_pem.clone(),
            connect_time_max: CONNECT_TIME_MAX,
            url: url.to_owned(),
        })?;
        let mut headers = Vec::new();
        for (name, value) in &settings.headers {
            let parsed = name.parse::<HeaderName>().ok();
            let parsed = parsed.filter(|name| !OWN_HEADERS.contains(&name.as_str()));
            let why = || format!("`{}` is no header that can be sent", words(name));
            let name = parsed.ok_or_else(|| SinkError::Detail { detail: "headers", why: why() })?;
            headers.push((name, value.clone()));
        }
        Ok(Self { endpoint, headers, time_max: settings.time_max })
    }

    /// Sends a body to a path below the address.
    pub(crate) async fn post(
        &self,
        below: &str,
        mut headers: HeaderMap,
        content_type: &'static str,
        body: Bytes,
    ) -> Result<Answer, Failure> {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        for (name, value) in &self.headers {
            let value =
                value.current().ok_or_else(|| Failure::wait("a header's value is missing"))?;
            headers.insert(name, sensitive(value.expose())?);
        }
        let question = Question { below: below.to_owned(), body, headers, method: Method::POST };
        Ok(self.endpoint.answer(question, ANSWER_BYTES_MAX, self.time_max).await?)
    }
}

/// A header that carries a key: `Bearer`, `Splunk`, `ApiKey`.
pub(crate) fn authorization(scheme: &str, key: &Secret<String>) -> Result<HeaderValue, Failure> {
    sensitive(&Zeroizing::new(format!("{scheme} {}", key.expose())))
}

fn sensitive(value: &str) -> Result<HeaderValue, Failure> {
    let parsed = HeaderValue::from_str(value);
    let mut value = parsed.map_err(|_| Failure::wait("a key cannot be sent as a header"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// The key of a sink, if it is there.
pub(crate) fn key(key: Option<&SharedSecret>) -> Result<std::sync::Arc<Secret<String>>, Failure> {
    key.and_then(SharedSecret::current).ok_or_else(|| Failure::wait("its key is missing"))
}

/// What an answer that is no success means for the whole batch; `said` is what the receiver says about it.
pub(crate) fn failure(answer: &Answer, said: &str) -> Failure {
    let status = answer.status;
    let why = match words(said) {
        said if said.is_empty() => format!("status {}", status.as_u16()),
        said => format!("status {}: {said}", status.as_u16()),
    };
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => Failure::TooLarge,
        StatusCode::BAD_REQUEST
        | StatusCode::NOT_ACCEPTABLE
        | StatusCode::CONFLICT
        | StatusCode::GONE
        | StatusCode::UNPROCESSABLE_ENTITY => Failure::Refused(why),
        _ => Failure::Wait { after: retry_after(&answer.headers, SystemTime::now()), why },
    }
}
