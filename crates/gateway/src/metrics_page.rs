//! The page that Prometheus reads, on a listener of its own.
//!
//! INVARIANT: it is not reached through the listener that callers use. INVARIANT: reading it makes nobody
//! wait, and says nothing that identifies a caller.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use connect::Sinks;
use http::{HeaderValue, Method, Response, StatusCode, header};
use journal::Journal;
use net::{Arrival, Body, BodyBudget, Handler, ListenerSettings};
use telemetry::{
    About, FamilySnapshot, Gauge, Kind, Meter as _, PROMETHEUS_CONTENT_TYPE, Point, Series, Unit,
    about, prometheus_text,
};

use crate::metrics::Metrics;

/// Connections of those who read it.
const CONNECTIONS_MAX: usize = 16;
/// Bytes of a request's head.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// Time for a request's head, and for an answer to be read.
const TIME_MAX: Duration = Duration::from_secs(10);
/// The only path.
const PATH: &str = "/metrics";

const BODIES: About =
    about("bartizan.bodies.held", "Bodies held in memory.", Kind::Gauge, Unit::Bytes);
const BUILD: About =
    about("bartizan.build_info", "Which Bartizan runs; always 1.", Kind::Gauge, Unit::Count);
const CONNECTIONS: About =
    about("bartizan.connections.open", "Open connections of callers.", Kind::Gauge, Unit::Count);
const RECORDS: About = about(
    "bartizan.journal.records",
    "Records written since the record was made.",
    Kind::Counter,
    Unit::Count,
);
const STARTED: About =
    about("bartizan.start_time", "When it started, since 1970.", Kind::Gauge, Unit::Seconds);
const SYNCS: About = about(
    "bartizan.journal.sync.duration",
    "How long the disk took to make records safe.",
    Kind::Histogram,
    Unit::Seconds,
);
const UNSYNCED: About = about(
    "bartizan.journal.unsynced",
    "Records that are written and not safe against a power cut yet.",
    Kind::Gauge,
    Unit::Count,
);
const WAITING: About = about(
    "bartizan.journal.waiting",
    "Records that wait to be written with the next one.",
    Kind::Gauge,
    Unit::Bytes,
);
const WRITABLE: About = about(
    "bartizan.journal.writable",
    "Whether the record can be written; without it nothing passes.",
    Kind::Gauge,
    Unit::Count,
);

/// Where everything that is measured comes together.
pub(crate) struct MetricsPage {
    pub(crate) bodies: BodyBudget,
    pub(crate) connections: Arc<Gauge>,
    pub(crate) journal: Journal,
    pub(crate) metrics: Arc<Metrics>,
    sinks: Option<Sinks>,
    pub(crate) started_us: u64,
}

impl MetricsPage {
    pub(crate) fn new(
        bodies: BodyBudget,
        connections: Arc<Gauge>,
        journal: Journal,
        metrics: Arc<Metrics>,
    ) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let started_us = now.as_micros() as u64;
        Self { bodies, connections, journal, metrics, sinks: None, started_us }
    }

    /// The same, with what is measured of sinks.
    pub(crate) fn with_sinks(self, sinks: Option<Sinks>) -> Self {
        Self { sinks, ..self }
    }

    /// How it listens.
    pub(crate) const fn listener(address: std::net::SocketAddr) -> ListenerSettings {
        ListenerSettings {
            address,
            connections_max: CONNECTIONS_MAX,
            head_bytes_max: HEAD_BYTES_MAX,
            head_time_max: TIME_MAX,
            proxy_protocol_from: Vec::new(),
            send_time_max: TIME_MAX,
            tls: None,
        }
    }

    /// What everything says now.
    pub(crate) fn snapshot(&self) -> Vec<FamilySnapshot> {
        let version = Series {
            labels: vec![("version", env!("CARGO_PKG_VERSION").to_owned())],
            point: Point::Number(1),
        };
        let mut families = vec![
            FamilySnapshot { about: BUILD, series: vec![version] },
            FamilySnapshot::number(STARTED, self.started_us),
            FamilySnapshot::point(CONNECTIONS, self.connections.point()),
            FamilySnapshot::number(BODIES, self.bodies.held_bytes()),
        ];
        families.extend(self.metrics.snapshot());
        families.extend(self.of_journal());
        families.extend(self.sinks.iter().flat_map(Sinks::snapshot));
        families
    }

    fn of_journal(&self) -> Vec<FamilySnapshot> {
        let is_writable = u64::from(self.journal.is_written());
        let mut families = vec![FamilySnapshot::number(WRITABLE, is_writable)];
        let Some(stats) = self.journal.stats() else { return families };
        families.extend([
            FamilySnapshot::point(SYNCS, stats.syncs),
            FamilySnapshot::number(UNSYNCED, stats.unsynced_records),
            FamilySnapshot::number(WAITING, stats.waiting_bytes),
            FamilySnapshot::number(RECORDS, stats.records),
        ]);
        families
    }
}

impl Handler for MetricsPage {
    fn handle(
        &self,
        arrival: Arrival,
    ) -> Pin<Box<dyn Future<Output = Response<Body>> + Send + '_>> {
        Box::pin(async move {
            let request = &arrival.request;
            let (status, content_type, text) = if request.uri().path() != PATH {
                (StatusCode::NOT_FOUND, "text/plain; charset=utf-8", format!("see {PATH}\n"))
            } else if request.method() != Method::GET {
                let text = String::from("this path takes GET\n");
                (StatusCode::METHOD_NOT_ALLOWED, "text/plain; charset=utf-8", text)
            } else {
                (StatusCode::OK, PROMETHEUS_CONTENT_TYPE, prometheus_text(&self.snapshot()))
            };
            let mut response = Response::new(net::full(text));
            *response.status_mut() = status;
            let content_type = HeaderValue::from_static(content_type);
            response.headers_mut().insert(header::CONTENT_TYPE, content_type);
            response
        })
    }
}
