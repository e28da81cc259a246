//! Splunk's HTTP Event Collector, with indexer acknowledgement.
//!
//! Source: Splunk Enterprise, "Format events for HTTP Event Collector", "About HTTP Event Collector Indexer Acknowledgment",
//! "Troubleshoot HTTP Event Collector". Events are posted to `/services/collector/event` on a channel of this sink's own; the
//! answer's `ackId` is asked about at `/services/collector/ack` until the indexer says that they are on its disk. Without that, an
//! answer means that they are in a queue in memory. What is not acknowledged in time is sent again, as Splunk wants it; `bartizan_id`
//! tells what came twice.
//!
//! Codes: 5, 6, 12 and 13 are about one event, whose number is given; 9, 26 and 27 mean busy; the others about the token or channel.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use bytes::Bytes;
use export::Format;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::Deserialize;
use stdx::SharedSecret;

use super::deliver::{Answer, Deliver, Failure, SinkError, Verdict};
use super::http::{Http, authorization, failure, key};
use super::item::Item;
use super::settings::SinkSettings;

const CHANNEL: HeaderName = HeaderName::from_static("x-splunk-request-channel");
/// How often it is asked whether events are indexed: at first, and at most.
const ACK_PAUSE_MIN: Duration = Duration::from_millis(100);
const ACK_PAUSE_MAX: Duration = Duration::from_secs(2);
/// Codes that are about one event.
const CODES_OF_EVENTS: [u32; 4] = [5, 6, 12, 13];

pub(crate) struct SplunkHec {
    channel: String,
    format: Format,
    http: Http,
    index: Option<String>,
    is_acknowledged: bool,
    key: Option<SharedSecret>,
    source_type: String,
    time_max: Duration,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Said {
    text: String,
    code: u32,
    #[serde(rename = "ackId")]
    ack: Option<u64>,
    #[serde(rename = "invalid-event-number")]
    event: Option<usize>,
}

#[derive(Debug, Deserialize)]
struct Acks {
    acks: BTreeMap<String, bool>,
}

impl SplunkHec {
    pub(crate) fn new(settings: &SinkSettings) -> Result<Self, SinkError> {
        let wrong = |detail, why: &str| SinkError::Detail { detail, why: why.to_owned() };
        let is_acknowledged = match settings.detail("acknowledge") {
            None | Some("index") => true,
            Some("none") => false,
            Some(_) => return Err(wrong("acknowledge", "write `index` or `none`")),
        };
        let default = format!("bartizan:{}", settings.format.as_str());
        Ok(Self {
            channel: channel().ok_or_else(|| wrong("url", "this host gives no random numbers"))?,
            format: settings.format,
            http: Http::new(settings)?,
            index: settings.detail("index").map(str::to_owned),
            is_acknowledged,
            key: settings.key.clone(),
            source_type: settings.detail("source_type").map_or(default, str::to_owned),
            time_max: settings.time_max,
        })
    }

    fn headers(&self) -> Result<HeaderMap, Failure> {
        let key = key(self.key.as_ref())?;
        let channel = HeaderValue::try_from(self.channel.as_str());
        let channel = channel.map_err(|_| Failure::wait("no channel"))?;
        let authorization = authorization("Splunk", &key)?;
        Ok(HeaderMap::from_iter([(header::AUTHORIZATION, authorization), (CHANNEL, channel)]))
    }

    /// An event for each line, and which record each is of.
    fn body(&self, items: &[Item]) -> (String, Vec<usize>) {
        let (mut body, mut places) = (String::new(), Vec::new());
        let text = |text: &str| serde_json::Value::from(text).to_string();
        for (place, item) in items.iter().enumerate() {
            for (id, line) in item.ids() {
                let (seconds, ms) = (item.time_ms / 1_000, item.time_ms % 1_000);
                let _never_fails = write!(
                    body,
                    r#"{{"time":{seconds}.{ms:03},"host":"{}","source":"bartizan","sourcetype":{},"#,
                    item.node,
                    text(&self.source_type)
                );
                if let Some(index) = &self.index {
                    let _never_fails = write!(body, r#""index":{},"#, text(index));
                }
                let event = match self.format {
                    Format::Cef | Format::Leef => text(line),
                    _ => line.to_owned(),
                };
                let _never_fails = writeln!(
                    body,
                    r#""fields":{{"bartizan_id":"{id}","bartizan_sequence":{}}},"event":{event}}}"#,
                    item.sequence
                );
                places.push(place);
            }
        }
        (body, places)
    }

    async fn send(&self, items: &[Item]) -> Result<Answer, Failure> {
        let (body, places) = self.body(items);
        let below = "/services/collector/event";
        let headers = self.headers()?;
        let answer = self.http.post(below, headers, "application/json", Bytes::from(body)).await?;
        let said: Said = serde_json::from_slice(&answer.body).unwrap_or_default();
        if !answer.status.is_success() {
            let refused = said.event.filter(|_| CODES_OF_EVENTS.contains(&said.code));
            let place = refused.and_then(|number| places.get(number)).copied();
            return match place {
                Some(place) => Ok(one_refused(items.len(), place, &said)),
                // About the token, the channel, the index: nothing that an event could be blamed for.
                None if (1..=14).contains(&said.code) && !CODES_OF_EVENTS.contains(&said.code) => {
                    Err(Failure::wait(format!(
                        "code {}: {}",
                        said.code,
                        super::deliver::words(&said.text)
                    )))
                }
                None => Err(failure(&answer, &said.text)),
            };
        }
        match said.ack {
            _ if !self.is_acknowledged => Ok(Answer::taken(items.len())),
            Some(ack) => self.acknowledged(ack).await.map(|()| Answer::taken(items.len())),
            None => Err(Failure::wait(
                "the token acknowledges nothing: enable indexer acknowledgement, or set `acknowledge = \"none\"`",
            )),
        }
    }

    /// Waits until the indexer has what was sent.
    async fn acknowledged(&self, ack: u64) -> Result<(), Failure> {
        let (began, mut pause) = (Instant::now(), ACK_PAUSE_MIN);
        while began.elapsed() < self.time_max {
            let question = Bytes::from(format!(r#"{{"acks":[{ack}]}}"#));
            let below = "/services/collector/ack";
            let answer =
                self.http.post(below, self.headers()?, "application/json", question).await?;
            if !answer.status.is_success() {
                return Err(Failure::wait(format!(
                    "asking for acknowledgement: status {}",
                    answer.status.as_u16()
                )));
            }
            let said = serde_json::from_slice::<Acks>(&answer.body);
            let said = said.map_err(|_| Failure::wait("an acknowledgement that is none"))?;
            if said.acks.get(&ack.to_string()) == Some(&true) {
                return Ok(());
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(ACK_PAUSE_MAX);
        }
        Err(Failure::wait("not acknowledged within the time"))
    }
}

impl Deliver for SplunkHec {
    fn deliver<'a>(&'a mut self, items: &'a [Item]) -> BoxFuture<'a, Result<Answer, Failure>> {
        self.send(items).boxed()
    }
}

/// One record is to blame. The others are sent again: those before it may be there, but nothing acknowledges them.
fn one_refused(count: usize, place: usize, said: &Said) -> Answer {
    let why = || format!("code {}: {}", said.code, super::deliver::words(&said.text));
    let verdict = |number| {
        if number == place {
            Verdict::Refused(why())
        } else {
            Verdict::Again(String::from("another event of the batch was refused"))
        }
    };
    Answer::of((0..count).map(verdict).collect())
}

/// A random UUID, by which the collector tells senders apart.
fn channel() -> Option<String> {
    let mut bytes = [0_u8; 16];
    SystemRandom::new().fill(&mut bytes).ok()?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let digits = data_encoding::HEXLOWER.encode(&bytes);
    let parts =
        [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| digits.get(part).unwrap_or_default());
    Some(parts.join("-"))
}
