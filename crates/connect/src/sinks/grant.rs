//! Tokens that an identity provider grants for a while (RFC 6749), kept until shortly before they end.
//!
//! INVARIANT: tokens and what they are asked for with are in no message.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use serde::Deserialize;
use stdx::Secret;

use super::deliver::{Failure, words};
use super::http::{Http, authorization};
use crate::form::Form;

/// How long before its end a token is not used any more.
const MARGIN: Duration = Duration::from_mins(2);
/// How long a token is used that does not say.
const LIFETIME_DEFAULT: Duration = Duration::from_mins(30);

/// Where tokens are granted, and the last one.
pub(crate) struct Grants {
    granted: Option<(Arc<Secret<String>>, Instant)>,
    http: Http,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    #[serde(default)]
    expires_in: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Refused {
    error: String,
}

impl Grants {
    pub(crate) const fn new(http: Http) -> Self {
        Self { granted: None, http }
    }

    /// The header of a token; `ask` is the form that one is asked for with.
    pub(crate) async fn header(
        &mut self,
        ask: impl FnOnce() -> Result<Bytes, Failure>,
    ) -> Result<HeaderValue, Failure> {
        if let Some((token, until)) = &self.granted
            && Instant::now() < *until
        {
            return authorization("Bearer", token);
        }
        let answer = self.http.post("", HeaderMap::new(), Form::TYPE, ask()?).await?;
        if !answer.status.is_success() {
            let Refused { error } = serde_json::from_slice(&answer.body).unwrap_or_default();
            let status = answer.status.as_u16();
            return Err(Failure::wait(format!(
                "no token is granted: status {status} {}",
                words(&error)
            )));
        }
        let granted: Granted = serde_json::from_slice(&answer.body)
            .map_err(|_| Failure::wait("no token is granted: the answer holds none"))?;
        let lifetime = granted.expires_in.map_or(LIFETIME_DEFAULT, Duration::from_secs);
        let until = Instant::now() + lifetime.min(Duration::from_hours(24)).saturating_sub(MARGIN);
        let token = Arc::new(Secret::new(granted.access_token));
        self.granted = Some((Arc::clone(&token), until));
        authorization("Bearer", &token)
    }

    /// The receiver does not take the last token any more.
    pub(crate) fn forget(&mut self) {
        self.granted = None;
    }
}
