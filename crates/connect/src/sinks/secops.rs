//! Google Security Operations: raw logs through the Chronicle API.
//!
//! Source: Google Cloud, "Chronicle API: logs.import" (v1alpha), "Using OAuth 2.0 for server to server applications". A service
//! account signs an assertion (RFC 7523) with the key of its JSON file, gets a token for it, and imports logs of a type into an
//! instance, each with its time, its bytes in base64. The parser of the log type makes what it knows of them.
//!
//! INVARIANT: the account's key is read again for each token, so that another one can take its place.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use data_encoding::{BASE64, BASE64URL_NOPAD};
use export::calendar;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::{HeaderMap, StatusCode, header};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde::Deserialize;
use serde_json::json;
use stdx::{Secret, SharedSecret};
use zeroize::Zeroizing;

use super::deliver::{Answer, Deliver, Failure, SinkError};
use super::grant::Grants;
use super::http::{Http, failure, key};
use super::item::Item;
use super::settings::SinkSettings;
use crate::form::Form;

const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
const TOKEN_URL: &str = "https://oauth2.googleapis.com/token";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// How long an assertion is good, in seconds.
const ASSERTION_S: u64 = 600;

pub(crate) struct SecOps {
    forwarder: String,
    grants: Grants,
    http: Http,
    key: Option<SharedSecret>,
    path: String,
    token_url: String,
}

/// What of a service account's file is needed.
#[derive(Deserialize)]
struct Account {
    client_email: String,
    private_key: String,
    #[serde(default)]
    private_key_id: String,
}

impl SecOps {
    pub(crate) fn new(settings: &SinkSettings) -> Result<Self, SinkError> {
        let plain = |name: &'static str| {
            let value = settings.detail(name).unwrap_or_default();
            let is_plain = |byte: u8| {
                byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':')
            };
            if !value.is_empty() && value.bytes().all(is_plain) {
                return Ok(value);
            }
            let why = String::from("write letters, digits, `-`, `_`, `.` and `:`");
            Err(SinkError::Detail { detail: name, why })
        };
        let (project, location) = (plain("project")?, plain("location")?);
        let (instance, log_type) = (plain("instance")?, plain("log_type")?);
        let parent = format!("projects/{project}/locations/{location}/instances/{instance}");
        let token_url = settings.detail("token_url").unwrap_or(TOKEN_URL).to_owned();
        let url = match settings.url.as_str() {
            "" => format!("https://{location}-chronicle.googleapis.com"),
            url => url.to_owned(),
        };
        Ok(Self {
            forwarder: format!("{parent}/forwarders/{}", plain("forwarder")?),
            grants: Grants::new(Http::at(settings, &token_url)?),
            http: Http::at(settings, &url)?,
            key: settings.key.clone(),
            path: format!("/v1alpha/{parent}/logTypes/{log_type}/logs:import"),
            token_url,
        })
    }

    async fn send(&mut self, items: &[Item]) -> Result<Answer, Failure> {
        let (secret, audience) = (self.key.clone(), self.token_url.clone());
        let ask = || {
            let assertion = assertion(&*key(secret.as_ref())?, &audience)?;
            Ok(Form::of(&[("grant_type", GRANT), ("assertion", &assertion)]))
        };
        let token = self.grants.header(ask).await?;
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, token)]);
        let logs = items.iter().flat_map(|item| {
            let time = calendar(item.time_ms);
            item.ids().map(move |(id, line)| {
                json!({
                    "data": BASE64.encode(line.as_bytes()),
                    "logEntryTime": time,
                    "collectionTime": time,
                    "labels": { "bartizan_id": { "value": id } },
                })
            })
        });
        let logs: Vec<_> = logs.collect();
        let body = json!({ "inlineSource": { "forwarder": self.forwarder, "logs": logs } });
        let body = Bytes::from(body.to_string());
        let answer = self.http.post(&self.path, headers, "application/json", body).await?;
        if answer.status.is_success() {
            return Ok(Answer::taken(items.len()));
        }
        if answer.status == StatusCode::UNAUTHORIZED {
            self.grants.forget();
        }
        Err(failure(&answer, ""))
    }
}

impl Deliver for SecOps {
    fn deliver<'a>(&'a mut self, items: &'a [Item]) -> BoxFuture<'a, Result<Answer, Failure>> {
        self.send(items).boxed()
    }
}

/// A token is asked for with this, signed by the account.
fn assertion(file: &Secret<String>, audience: &str) -> Result<String, Failure> {
    let wrong = |why: &str| Failure::wait(format!("the service account's file: {why}"));
    let account: Account =
        serde_json::from_str(file.expose()).map_err(|_| wrong("it is not that of an account"))?;
    let private_key = Zeroizing::new(account.private_key);
    let pem = Zeroizing::new(
        private_key
            .lines()
            .filter(|line| !line.starts_with("-----"))
            .flat_map(str::chars)
            .filter(|letter| !letter.is_whitespace())
            .collect::<String>(),
    );
    let der = BASE64.decode(pem.as_bytes()).map(Zeroizing::new);
    let der = der.map_err(|_| wrong("its key is not PEM"))?;
    let pair = RsaKeyPair::from_pkcs8(&der).map_err(|_| wrong("its key is not an RSA key"))?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let head = json!({ "alg": "RS256", "typ": "JWT", "kid": account.private_key_id });
    let claims = json!({
        "iss": account.client_email,
        "scope": SCOPE,
        "aud": audience,
        "iat": now,
        "exp": now + ASSERTION_S,
    });
    let part = |json: &serde_json::Value| BASE64URL_NOPAD.encode(json.to_string().as_bytes());
    let signed = format!("{}.{}", part(&head), part(&claims));
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
        .map_err(|_| wrong("its key does not sign"))?;
    Ok(format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature)))
}
