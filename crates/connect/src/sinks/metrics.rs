//! What is measured of sinks.
//!
//! INVARIANT: labels are names of sinks, which the configuration gives, and words of ours.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use telemetry::{About, Counter, Family, FamilySnapshot, Kind, Point, Series, Unit, about};

use super::cursor::Cursor;
use super::item::Batch;

/// Series of a family: sinks, times outcomes.
const SERIES_MAX: usize = 1_024;

const ATTEMPTS: About = about(
    "bartizan.sinks.attempts",
    "Batches sent, by sink and by what became of them: `taken`, `partly`, `refused`, `too_large`, `failed`.",
    Kind::Counter,
    Unit::Count,
);
const FAILING: About = about(
    "bartizan.sinks.failing",
    "Whether a sink waits because of a failure.",
    Kind::Gauge,
    Unit::Count,
);
const LAG: About = about(
    "bartizan.sinks.lag",
    "How old the oldest record is that a sink has read and not settled.",
    Kind::Gauge,
    Unit::Seconds,
);
const RECORDS: About = about(
    "bartizan.sinks.records",
    "Records settled, by sink and by what became of them: `sent`, `filtered`, `dead`, `lost`.",
    Kind::Counter,
    Unit::Count,
);
const WAITING: About = about(
    "bartizan.sinks.waiting",
    "Records that a sink has not settled, of those that survive a power cut.",
    Kind::Gauge,
    Unit::Count,
);

/// The outcomes of records, in the order in which they are counted.
const OUTCOMES: [&str; 4] = ["sent", "filtered", "dead", "lost"];

/// What all sinks count in.
#[derive(Debug)]
pub(crate) struct SinkMetrics {
    attempts: Family<Counter, 2>,
    records: Family<Counter, 2>,
}

impl Default for SinkMetrics {
    fn default() -> Self {
        Self {
            attempts: Family::new(ATTEMPTS, &[], ["sink", "outcome"], SERIES_MAX),
            records: Family::new(RECORDS, &[], ["sink", "outcome"], SERIES_MAX),
        }
    }
}

impl SinkMetrics {
    /// What all of it says now, with these sinks running.
    pub(crate) fn snapshot(
        &self,
        running: &[Arc<Course>],
        bound: u64,
        now_ms: u64,
    ) -> Vec<FamilySnapshot> {
        let gauge = |about, value: &dyn Fn(&Now) -> u64| {
            let series = running.iter().map(|course| Series {
                labels: vec![("sink", course.sink.clone())],
                point: Point::Number(value(&course.now())),
            });
            FamilySnapshot { about, series: series.collect() }
        };
        vec![
            self.attempts.snapshot(),
            self.records.snapshot(),
            gauge(WAITING, &|now| bound.saturating_sub(now.next)),
            gauge(LAG, &|now| {
                now.oldest_ms
                    .map_or(0, |oldest| now_ms.saturating_sub(oldest))
                    .saturating_mul(1_000)
            }),
            gauge(FAILING, &|now| u64::from(now.trouble.is_some())),
        ]
    }
}

/// How one sink is doing.
#[derive(Debug)]
pub(crate) struct Course {
    metrics: Arc<SinkMetrics>,
    now: Mutex<Now>,
    sink: String,
}

#[derive(Debug, Default)]
struct Now {
    next: u64,
    oldest_ms: Option<u64>,
    trouble: Option<String>,
}

impl Course {
    pub(crate) fn new(sink: &str, metrics: &Arc<SinkMetrics>) -> Self {
        Self { metrics: Arc::clone(metrics), now: Mutex::default(), sink: sink.to_owned() }
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        // Every change is made whole.
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A sink begins, or begins anew, at a place.
    pub(crate) fn stands(&self, next: u64) {
        self.now().next = next;
    }

    /// What it has read.
    pub(crate) fn reading(&self, batch: &Batch) {
        self.now().oldest_ms = batch.oldest_ms;
    }

    /// It has settled so many records.
    pub(crate) fn settled(&self, cursor: &Cursor, counts: [u64; 4]) {
        for (outcome, count) in OUTCOMES.into_iter().zip(counts) {
            self.metrics.records.with([&self.sink, outcome]).add(count);
        }
        let mut now = self.now();
        now.next = cursor.next;
        now.oldest_ms = None;
    }

    /// A batch was sent.
    pub(crate) fn attempted(&self, outcome: &'static str) {
        self.metrics.attempts.with([&self.sink, outcome]).add(1);
    }

    /// Why nothing goes on, or that it does.
    pub(crate) fn troubled(&self, why: Option<&str>) {
        self.now().trouble = why.map(str::to_owned);
    }
}
