//! The collector of OpenTelemetry that the configuration names, and the task that sends to it.
//!
//! Spans are sent in batches, at the latest a second after they ended; what families say, every interval. What the collector does
//! not take is tried again a few times, as the protocol says which failures are worth it; spans that it
//! takes neither then are counted as lost. What families say is cumulative, so that the next sending makes up for a lost one.
//!
//! INVARIANT: nobody waits for it, and it holds at most [`crate::spans::WAITING_MAX`] and [`BATCH_MAX`] spans.
//! INVARIANT: nothing is sent but to the configured endpoint.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use net::{Endpoint, EndpointError, EndpointSettings, Shutdown, UpstreamError};
use stdx::{Secret, SharedSecret};
use telemetry::{Resource, Span, otlp_metrics, otlp_traces};
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, sleep, sleep_until};

use crate::exchange::now_ms;
use crate::metrics_page::MetricsPage;

/// Spans sent at a time.
const BATCH_MAX: usize = 512;
/// How long a span waits for others.
const BATCH_PAUSE: Duration = Duration::from_secs(1);
/// How often one body is sent, the first time included.
const ATTEMPTS_MAX: u32 = 3;
/// Before the second attempt; twice as long before each further one.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// Time for one attempt.
const ATTEMPT_TIME_MAX: Duration = Duration::from_secs(10);
/// The same, once we are stopping.
const LAST_ATTEMPT_TIME_MAX: Duration = Duration::from_secs(2);
/// Bytes of an answer.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// Headers that are not the operator's to choose.
const OWN_HEADERS: [&str; 7] = [
    "accept",
    "accept-encoding",
    "connection",
    "content-length",
    "content-type",
    "host",
    "user-agent",
];

/// A collector of OpenTelemetry.
#[expect(missing_debug_implementations, reason = "holds the collector's keys")]
#[derive(Clone)]
pub struct CollectorSettings {
    endpoint: Endpoint,
    headers: Vec<(HeaderName, SharedSecret)>,
    interval: Duration,
}

impl CollectorSettings {
    /// A collector at an address, below which are `/v1/traces` and `/v1/metrics`; what families say is sent every
    /// `interval`. Nothing is connected yet.
    pub fn new(settings: &EndpointSettings, interval: Duration) -> Result<Self, UpstreamError> {
        Ok(Self { endpoint: Endpoint::new(settings)?, headers: Vec::new(), interval })
    }

    /// Adds a header to everything that is sent; it is left out while its value is not there. Whether it can be one.
    pub fn add_header(&mut self, name: &str, value: SharedSecret) -> bool {
        let name = name.parse::<HeaderName>().ok();
        let name = name.filter(|name| !OWN_HEADERS.contains(&name.as_str()));
        let is_value = |value: &Secret<String>| HeaderValue::from_str(value.expose()).is_ok();
        let Some(name) = name.filter(|_| value.current().is_none_or(|value| is_value(&value)))
        else {
            return false;
        };
        self.headers.push((name, value));
        true
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let value = value.current().and_then(|value| value.expose().parse().ok());
            if let Some(mut value) = value {
                HeaderValue::set_sensitive(&mut value, true);
                headers.insert(name, value);
            }
        }
        headers
    }
}

/// The task that sends.
pub(crate) struct Collector {
    pub(crate) page: Arc<MetricsPage>,
    pub(crate) settings: CollectorSettings,
    pub(crate) shutdown: Shutdown,
    pub(crate) spans: Receiver<Span>,
}

impl Collector {
    /// Runs until nobody is left who could hand on a span.
    pub(crate) async fn run(mut self) {
        let resource = Resource {
            instance: self.page.journal.node().to_string(),
            version: env!("CARGO_PKG_VERSION"),
        };
        let mut batch = Vec::with_capacity(BATCH_MAX);
        let mut spans_due = Instant::now() + BATCH_PAUSE;
        let mut metrics_due = Instant::now() + self.settings.interval;
        loop {
            let room = BATCH_MAX - batch.len();
            let is_last = tokio::select! {
                count = self.spans.recv_many(&mut batch, room) => count == 0,
                () = sleep_until(spans_due.min(metrics_due)) => false,
            };
            if batch.len() == BATCH_MAX || spans_due <= Instant::now() || is_last {
                self.send_spans(&resource, &mut batch).await;
                spans_due = Instant::now() + BATCH_PAUSE;
            }
            if metrics_due <= Instant::now() || is_last {
                self.send_metrics(&resource).await;
                metrics_due = Instant::now() + self.settings.interval;
            }
            if is_last {
                return;
            }
        }
    }

    async fn send_spans(&self, resource: &Resource, batch: &mut Vec<Span>) {
        if batch.is_empty() {
            return;
        }
        if !self.send("/v1/traces", otlp_traces(resource, batch)).await {
            self.page.metrics.spans_lost(batch.len() as u64);
        }
        batch.clear();
    }

    async fn send_metrics(&self, resource: &Resource) {
        let (families, started_us) = (self.page.snapshot(), self.page.started_us);
        let body = otlp_metrics(resource, &families, started_us, now_ms() * 1_000);
        self.send("/v1/metrics", body).await;
    }

    /// Whether the collector took it.
    async fn send(&self, path: &str, body: Vec<u8>) -> bool {
        let body = Bytes::from(body);
        let mut pause = RETRY_PAUSE;
        for attempt in 1..=ATTEMPTS_MAX {
            let is_stopping = self.shutdown.has_begun();
            let time_max = if is_stopping { LAST_ATTEMPT_TIME_MAX } else { ATTEMPT_TIME_MAX };
            let headers = self.settings.headers();
            let endpoint = &self.settings.endpoint;
            let sent =
                endpoint.post_json(path, headers, body.clone(), ANSWER_BYTES_MAX, time_max).await;
            match &sent {
                Ok((status, _)) if status.is_success() => return true,
                Ok((status, _)) => tracing::warn!(%status, path, "the collector did not take it"),
                Err(error) => tracing::warn!(%error, path, "the collector was not reached"),
            }
            if is_stopping || attempt == ATTEMPTS_MAX || !is_worth_retrying(&sent) {
                return false;
            }
            tokio::select! {
                () = sleep(pause) => {}
                () = self.shutdown.begun() => {}
            }
            pause *= 2;
        }
        false
    }
}

/// As the protocol has it.
fn is_worth_retrying(sent: &Result<(StatusCode, Bytes), EndpointError>) -> bool {
    match sent {
        Ok((status, _)) => matches!(status.as_u16(), 429 | 502 | 503 | 504),
        Err(error) => matches!(
            error,
            EndpointError::Broken | EndpointError::Connect | EndpointError::TimedOut { .. }
        ),
    }
}
