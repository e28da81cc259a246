//! A webhook: lines, posted.
//!
//! The body is the batch, one line for each event. `idempotency-key` is made of the ids of its records, so that the same batch has
//! the same key. With a key, `x-bartizan-signature: t=SECONDS,v1=HEX` is HMAC-SHA256 over `SECONDS.BODY`; a receiver compares it in
//! constant time and refuses old times. Any status of 200 to 299 means that all of it was taken.
//!
//! Not here: what follows from other statuses (`http`).

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use data_encoding::HEXLOWER;
use export::Format;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue};
use ring::{digest, hmac};
use stdx::SharedSecret;

use super::deliver::{Answer, Deliver, Failure, SinkError};
use super::http::{Http, failure, key};
use super::item::Item;
use super::settings::SinkSettings;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const SIGNATURE: HeaderName = HeaderName::from_static("x-bartizan-signature");

pub(crate) struct Webhook {
    content_type: &'static str,
    http: Http,
    key: Option<SharedSecret>,
}

impl Webhook {
    pub(crate) fn new(settings: &SinkSettings) -> Result<Self, SinkError> {
        let content_type = match settings.format {
            Format::Cef | Format::Leef => "text/plain; charset=utf-8",
            _ => "application/x-ndjson",
        };
        Ok(Self { content_type, http: Http::new(settings)?, key: settings.key.clone() })
    }

    async fn send(&self, items: &[Item]) -> Result<Answer, Failure> {
        let body = lines(items);
        let mut headers = HeaderMap::new();
        headers.insert(IDEMPOTENCY_KEY, hexadecimal(ids(items).as_ref())?);
        if self.key.is_some() {
            let key = key(self.key.as_ref())?;
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            headers.insert(SIGNATURE, signature(key.expose().as_bytes(), now, &body)?);
        }
        let answer = self.http.post("", headers, self.content_type, body).await?;
        if answer.status.is_success() {
            return Ok(Answer::taken(items.len()));
        }
        Err(failure(&answer, ""))
    }
}

impl Deliver for Webhook {
    fn deliver<'a>(&'a mut self, items: &'a [Item]) -> BoxFuture<'a, Result<Answer, Failure>> {
        self.send(items).boxed()
    }
}

/// All lines of a batch, with a break after each.
pub(crate) fn lines(items: &[Item]) -> Bytes {
    let mut body = Vec::with_capacity(items.iter().map(Item::bytes).sum());
    for line in items.iter().flat_map(|item| &item.lines) {
        body.extend_from_slice(line.as_bytes());
        body.push(b'\n');
    }
    Bytes::from(body)
}

/// What a batch is called: the same for the same records.
fn ids(items: &[Item]) -> digest::Digest {
    let mut context = digest::Context::new(&digest::SHA256);
    for item in items {
        context.update(&item.id.0);
    }
    context.finish()
}

fn signature(key: &[u8], seconds: u64, body: &[u8]) -> Result<HeaderValue, Failure> {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    context.update(format!("{seconds}.").as_bytes());
    context.update(body);
    let tag = HEXLOWER.encode(context.sign().as_ref());
    HeaderValue::try_from(format!("t={seconds},v1={tag}")).map_err(|_| Failure::wait("no header"))
}

fn hexadecimal(bytes: &[u8]) -> Result<HeaderValue, Failure> {
    HeaderValue::try_from(HEXLOWER.encode(bytes)).map_err(|_| Failure::wait("no header"))
}
