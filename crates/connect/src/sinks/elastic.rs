//! Elasticsearch and OpenSearch: `_bulk`, with our ids.
//!
//! Source: Elasticsearch reference, "Bulk API", "Data streams". Every line is a `create` with the id of its record, so that what is
//! sent twice is there once: the second time answers 409, which counts as taken. An index that is a data stream takes `create` too,
//! and wants `@timestamp`, which formats without one are given.
//!
//! A bulk answers for each line: 2xx and 409 are taken; 429, 5xx, and 403 of a block (an index that is read only because a disk is
//! full) are sent again; other 4xx, a mapping that does not fit, are refused.

use std::fmt::Write as _;

use bytes::Bytes;
use data_encoding::BASE64;
use export::Format;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::{HeaderMap, header};
use serde::Deserialize;
use stdx::{Secret, SharedSecret};
use zeroize::Zeroizing;

use super::deliver::{Answer, Deliver, Failure, SinkError, Verdict, words};
use super::http::{Http, authorization, failure, key};
use super::item::Item;
use super::settings::SinkSettings;

/// Bytes of an index's name.
const INDEX_BYTES_MAX: usize = 255;

pub(crate) struct Elastic {
    http: Http,
    key: Option<SharedSecret>,
    path: String,
    user: Option<String>,
    /// Whether lines have a time of their own.
    is_timed: bool,
}

#[derive(Deserialize)]
struct Said {
    items: Vec<Did>,
}

#[derive(Deserialize)]
struct Did {
    create: Created,
}

#[derive(Deserialize)]
struct Created {
    status: u16,
    #[serde(default)]
    error: Option<Why>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Why {
    #[serde(rename = "type")]
    kind: String,
    reason: String,
}

impl Elastic {
    pub(crate) fn new(settings: &SinkSettings) -> Result<Self, SinkError> {
        let index = settings.detail("index").unwrap_or_default();
        let is_plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
        let begins =
            index.starts_with(|letter: char| letter.is_ascii_alphanumeric() || letter == '.');
        if !begins
            || index.len() > INDEX_BYTES_MAX
            || !index.bytes().all(is_plain)
            || index == "."
            || index == ".."
        {
            let why = String::from("write the name of an index or data stream, in small letters");
            return Err(SinkError::Detail { detail: "index", why });
        }
        Ok(Self {
            http: Http::new(settings)?,
            key: settings.key.clone(),
            path: format!("/{index}/_bulk"),
            user: settings.detail("user").map(str::to_owned),
            is_timed: settings.format == Format::Ecs,
        })
    }

    fn headers(&self) -> Result<HeaderMap, Failure> {
        let mut headers = HeaderMap::new();
        if self.key.is_some() {
            let key = key(self.key.as_ref())?;
            let value = match &self.user {
                None => authorization("ApiKey", &key)?,
                Some(user) => {
                    let pair = Zeroizing::new(format!("{user}:{}", key.expose()));
                    authorization("Basic", &Secret::new(BASE64.encode(pair.as_bytes())))?
                }
            };
            headers.insert(header::AUTHORIZATION, value);
        }
        Ok(headers)
    }

    fn body(&self, items: &[Item]) -> String {
        let mut body = String::new();
        for item in items {
            for (id, line) in item.ids() {
                let _never_fails = writeln!(body, "{{\"create\":{{\"_id\":\"{id}\"}}}}");
                match line.strip_prefix('{') {
                    Some(rest) if !self.is_timed => {
                        let time_ms = item.time_ms;
                        let _never_fails = write!(body, "{{\"@timestamp\":{time_ms},{rest}");
                    }
                    _ => body.push_str(line),
                }
                body.push('\n');
            }
        }
        body
    }

    async fn send(&self, items: &[Item]) -> Result<Answer, Failure> {
        let body = Bytes::from(self.body(items));
        let answer =
            self.http.post(&self.path, self.headers()?, "application/x-ndjson", body).await?;
        if !answer.status.is_success() {
            return Err(failure(&answer, ""));
        }
        let said: Said = serde_json::from_slice(&answer.body)
            .map_err(|_| Failure::wait("its answer is not that of a bulk"))?;
        let lines: usize = items.iter().map(|item| item.lines.len()).sum();
        if said.items.len() != lines {
            return Err(Failure::wait("its answer is about another number of lines"));
        }
        let mut did = said.items.into_iter();
        let verdicts = items.iter().map(|item| {
            let of_lines = did.by_ref().take(item.lines.len()).map(|did| verdict(did.create));
            // One line that is missing is a record that is missing.
            of_lines.fold(Verdict::Taken, worse)
        });
        Ok(Answer::of(verdicts.collect()))
    }
}

impl Deliver for Elastic {
    fn deliver<'a>(&'a mut self, items: &'a [Item]) -> BoxFuture<'a, Result<Answer, Failure>> {
        self.send(items).boxed()
    }
}

fn verdict(created: Created) -> Verdict {
    let Created { status, error } = created;
    let Why { kind, reason } = error.unwrap_or_default();
    let why = || format!("status {status}: {}", words(&format!("{kind}: {reason}")));
    match status {
        200..=299 | 409 => Verdict::Taken,
        401 | 403 | 404 | 408 | 429 | 500.. => Verdict::Again(why()),
        _ => Verdict::Refused(why()),
    }
}

fn worse(one: Verdict, other: Verdict) -> Verdict {
    match (one, other) {
        (Verdict::Again(why), _) | (_, Verdict::Again(why)) => Verdict::Again(why),
        (Verdict::Refused(why), _) | (_, Verdict::Refused(why)) => Verdict::Refused(why),
        (Verdict::Taken, Verdict::Taken) => Verdict::Taken,
    }
}
