//! A key that expires and is asked for anew: a token that an authorisation server grants to a client of its own.
//!
//! Source: RFC 6749 section 4.4 (client credentials), RFC 7523 section 2.2 (a signed assertion instead of a secret, which is what
//! workload identities of Kubernetes and Entra's federated credentials are).
//!
//! A token is asked for at the start, again when [`RENEWAL_SHARE`] of its life is over, and after a failure in
//! [`RETRY_PAUSE_MIN`] and ever later. One that has expired is taken away, so that requests are refused here and not sent in vain.
//!
//! INVARIANT: secret, assertion and token are in bodies and headers only, in no message and no error. INVARIANT: only the
//! configured address is asked, within [`GRANT_TIME_MAX`] and for [`GRANT_BYTES_MAX`] bytes. INVARIANT: asking is one task's
//! work; a request never waits for it.
//!
//! Not here: how a token is sent (`gateway`).

use std::io::Read as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use net::{Endpoint, EndpointSettings, Question, Shutdown, UpstreamError};
use serde::Deserialize;
use stdx::{Secret, SharedSecret};

use crate::form::Form;

/// Time for one question.
pub const GRANT_TIME_MAX: Duration = Duration::from_secs(20);
/// Bytes of an answer.
const GRANT_BYTES_MAX: usize = 64 << 10;
/// Bytes of a file with an assertion.
const ASSERTION_BYTES_MAX: u64 = 64 << 10;
/// How long a token is good if nobody says (RFC 6749 leaves that open).
const LIFE_DEFAULT: Duration = Duration::from_mins(5);
/// The longest that a token is kept, whatever is said of it.
const LIFE_MAX: Duration = Duration::from_hours(24);
/// After this share of its life a token is replaced.
const RENEWAL_SHARE: f64 = 0.75;
/// The shortest time between two grants.
const RENEWAL_PAUSE_MIN: Duration = Duration::from_secs(1);
/// How long the first grant that failed is waited for before the next; each further failure doubles it.
const RETRY_PAUSE_MIN: Duration = Duration::from_secs(1);
/// The longest such pause.
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(30);

/// What proves that the client is the one it says.
#[expect(missing_debug_implementations, reason = "holds the secret")]
#[derive(Clone)]
pub enum ClientProof {
    /// Its secret.
    Secret(SharedSecret),
    /// A file that always holds a good assertion (a JWT), written anew by somebody else: it is read for each grant.
    AssertionFile(PathBuf),
}

/// Who asks whom for a token of what.
#[expect(missing_debug_implementations, reason = "holds the client's secret")]
#[derive(Clone)]
pub struct TokenSourceSettings {
    /// PEM certificates to trust instead of the host's.
    pub ca_pem: Option<Vec<u8>>,
    /// The client.
    pub client_id: String,
    /// What messages call the service that the token is for.
    pub name: String,
    /// What proves it is the client.
    pub proof: ClientProof,
    /// What the token is to open.
    pub scope: Option<String>,
    /// Where tokens are granted.
    pub url: String,
}

/// A place that always holds a good token, or none. Cheap to clone; clones share it.
#[derive(Clone)]
pub struct TokenSource(Arc<Source>);

struct Source {
    endpoint: Endpoint,
    /// When the token that there is expires.
    expires: Mutex<Option<Instant>>,
    place: SharedSecret,
    settings: TokenSourceSettings,
}

/// An answer of RFC 6749 section 5.1.
#[derive(Deserialize)]
struct Granted {
    access_token: String,
    /// In seconds; some servers write a text.
    #[serde(default)]
    expires_in: Option<serde_json::Value>,
}

impl std::fmt::Debug for TokenSource {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let TokenSourceSettings { client_id, name, url, .. } = &self.0.settings;
        formatter
            .debug_struct("TokenSource")
            .field("name", name)
            .field("client_id", client_id)
            .field("url", url)
            .finish_non_exhaustive()
    }
}

impl TokenSource {
    /// Prepares it; a token is there once [`TokenSource::run`] runs.
    pub fn new(settings: TokenSourceSettings) -> Result<Self, UpstreamError> {
        let endpoint = Endpoint::new(&EndpointSettings {
            ca_pem: settings.ca_pem.clone(),
            connect_time_max: GRANT_TIME_MAX,
            url: settings.url.clone(),
        })?;
        let (expires, place) = (Mutex::default(), SharedSecret::default());
        Ok(Self(Arc::new(Source { endpoint, expires, place, settings })))
    }

    /// Where the token is.
    pub fn place(&self) -> SharedSecret {
        self.0.place.clone()
    }

    /// Goes on with the token of another source, if that asks the same for the same.
    pub fn inherit(&self, other: &Self) {
        let (own, others) = (&self.0.settings, &other.0.settings);
        if own.url == others.url && own.client_id == others.client_id && own.scope == others.scope {
            let token = other.0.place.current().map(|token| Secret::clone(&token));
            *self.0.expires() = *other.0.expires();
            self.0.place.replace(token);
        }
    }

    /// Asks until the shutdown begins.
    pub async fn run(self, shutdown: Shutdown) {
        let source = &*self.0;
        let (mut pause, mut failures) = (source.inherited(), 0_u32);
        loop {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = shutdown.begun() => return,
            }
            pause = source.renew(&mut failures).await;
        }
    }
}

impl Source {
    fn expires(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        // A change is one assignment.
        self.expires.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long a token that is there already can wait.
    fn inherited(&self) -> Duration {
        let left = self.expires().map(|expires| expires.saturating_duration_since(Instant::now()));
        left.map_or(Duration::ZERO, |left| left.mul_f64(1.0 - RENEWAL_SHARE))
    }

    /// Asks once; how long to wait before the next time.
    async fn renew(&self, failures: &mut u32) -> Duration {
        let name = &self.settings.name;
        let begun = Instant::now();
        match self.grant().await {
            Ok((token, life)) => {
                *failures = 0;
                *self.expires() = Some(begun + life);
                self.place.replace(Some(token));
                tracing::debug!(upstream = name, life_s = life.as_secs(), "a token was granted");
                life.mul_f64(RENEWAL_SHARE).max(RENEWAL_PAUSE_MIN)
            }
            Err(why) => {
                let left = self.expires().map(|at| at.saturating_duration_since(Instant::now()));
                let left = left.unwrap_or_default();
                if left.is_zero() {
                    self.place.replace(None);
                }
                let left_s = left.as_secs();
                tracing::error!(upstream = name, why, left_s, "no token was granted");
                // Not later than the one that there is expires, so that it is taken away then.
                let doubled = RETRY_PAUSE_MIN.saturating_mul(1 << (*failures).min(5));
                let pause = doubled.min(RETRY_PAUSE_MAX);
                *failures = failures.saturating_add(1);
                if left.is_zero() { pause } else { pause.min(left) }
            }
        }
    }

    async fn grant(&self) -> Result<(Secret<String>, Duration), String> {
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, Form::CONTENT_TYPE)]);
        let (body, method) = (self.form()?, Method::POST);
        let question = Question { body, headers, method, ..Question::default() };
        let asked = self.endpoint.ask(question, GRANT_BYTES_MAX, GRANT_TIME_MAX).await;
        let (status, body) = asked.map_err(|error| error.to_string())?;
        granted(status, &body)
    }

    fn form(&self) -> Result<Bytes, String> {
        let TokenSourceSettings { client_id, proof, scope, .. } = &self.settings;
        let mut form = Form::default();
        form.put("grant_type", "client_credentials");
        form.put("client_id", client_id);
        match proof {
            ClientProof::Secret(secret) => {
                let secret = secret.current().ok_or("the client's secret is not there")?;
                form.put("client_secret", secret.expose());
            }
            ClientProof::AssertionFile(path) => {
                let assertion = read_assertion(path)?;
                let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
                form.put("client_assertion_type", kind);
                form.put("client_assertion", assertion.expose().trim());
            }
        }
        if let Some(scope) = scope {
            form.put("scope", scope);
        }
        Ok(form.finish())
    }
}

fn read_assertion(path: &std::path::Path) -> Result<Secret<String>, String> {
    let failed = |error: std::io::Error| format!("`{}` cannot be read: {error}", path.display());
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    let read = file.take(ASSERTION_BYTES_MAX + 1).read_to_string(&mut text).map_err(failed)?;
    if read as u64 > ASSERTION_BYTES_MAX {
        return Err(format!("`{}` is larger than {ASSERTION_BYTES_MAX} bytes", path.display()));
    }
    Ok(Secret::new(text))
}

/// The token of an answer, and how long it is good. What is wrong with an answer is not said: it may quote the token.
fn granted(status: StatusCode, body: &[u8]) -> Result<(Secret<String>, Duration), String> {
    if !status.is_success() {
        return Err(format!("the answer's status is {}", status.as_u16()));
    }
    let granted: Granted =
        serde_json::from_slice(body).map_err(|_| String::from("the answer is no token"))?;
    let token = Secret::new(granted.access_token);
    if token.expose().is_empty() || HeaderValue::from_str(token.expose()).is_err() {
        return Err(String::from("the answer's token is none that can be sent"));
    }
    Ok((token, life(granted.expires_in.as_ref())))
}

/// How long a token is good.
fn life(expires_in: Option<&serde_json::Value>) -> Duration {
    let seconds = expires_in.and_then(|value| match value {
        serde_json::Value::String(text) => text.parse().ok(),
        number => number.as_u64(),
    });
    seconds.map_or(LIFE_DEFAULT, Duration::from_secs).min(LIFE_MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_no_token_is_refused_and_not_quoted() {
        for body in ["not json", r#"{"access_token":""}"#, r#"{"access_token":"two\nlines"}"#, "{}"]
        {
            let refused = granted(StatusCode::OK, body.as_bytes());
            assert!(refused.is_err_and(|why| !why.contains("two")), "{body}");
        }
        let good = br#"{"access_token":"t"}"#;
        assert!(granted(StatusCode::OK, good).is_ok_and(|(_, life)| life == LIFE_DEFAULT));
        assert!(granted(StatusCode::UNAUTHORIZED, good).is_err());
    }

    #[test]
    fn a_life_is_read_and_bounded() {
        assert_eq!(life(Some(&json!(3599))), Duration::from_secs(3599));
        assert_eq!(life(Some(&json!("60"))), Duration::from_mins(1));
        assert_eq!(life(Some(&json!(u64::MAX))), LIFE_MAX);
        for unknown in [None, Some(&json!(-1)), Some(&json!("soon"))] {
            assert_eq!(life(unknown), LIFE_DEFAULT);
        }
    }
}
