//! What is measured of shared limits.
//!
//! INVARIANT: labels are words of ours, never names of callers.

use telemetry::{About, Counter, Family, FamilySnapshot, Histogram, Kind, Meter as _, Unit, about};

use crate::limit_store::StoreFailure;

/// Series of a family: its labels are words of ours, of which there are fewer.
const SERIES_MAX: usize = 16;
/// Upper bounds of what a question takes, in microseconds.
const BOUNDS_US: &[u64] =
    &[100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000];

const ALONE: About = about(
    "bartizan.limits.shared.alone",
    "Requests that were decided without the store of shared limits, by how: `local` or `refused`.",
    Kind::Counter,
    Unit::Count,
);
const AWAY: About = about(
    "bartizan.limits.shared.away",
    "Whether the store of shared limits is away.",
    Kind::Gauge,
    Unit::Count,
);
const DURATION: About = about(
    "bartizan.limits.shared.duration",
    "How long the store of shared limits took to answer, or not to.",
    Kind::Histogram,
    Unit::Seconds,
);
const FAILURES: About = about(
    "bartizan.limits.shared.failures",
    "Questions that the store of shared limits did not answer, by reason.",
    Kind::Counter,
    Unit::Count,
);
const LOST: About = about(
    "bartizan.limits.shared.lost",
    "Uses that the store of shared limits will not be told of.",
    Kind::Counter,
    Unit::Count,
);
const OWED: About = about(
    "bartizan.limits.shared.owed",
    "Counters that have to be told what was used while their store was away.",
    Kind::Gauge,
    Unit::Count,
);
const RAN_OUT: About = about(
    "bartizan.limits.shared.ran_out",
    "Reservations that were not settled in time: what they had reserved counts as used.",
    Kind::Counter,
    Unit::Count,
);
const WAITING: About = about(
    "bartizan.limits.shared.waiting",
    "Reservations that wait to be settled.",
    Kind::Gauge,
    Unit::Count,
);

/// What is measured.
pub(crate) struct LimitMetrics {
    pub(crate) alone: Family<Counter, 1>,
    pub(crate) duration: Family<Histogram, 1>,
    failures: Family<Counter, 1>,
    pub(crate) lost: Counter,
    pub(crate) ran_out: Counter,
}

impl Default for LimitMetrics {
    fn default() -> Self {
        Self {
            alone: Family::new(ALONE, &[], ["decision"], SERIES_MAX),
            duration: Family::new(DURATION, BOUNDS_US, ["operation"], SERIES_MAX),
            failures: Family::new(FAILURES, &[], ["reason"], SERIES_MAX),
            lost: Counter::default(),
            ran_out: Counter::default(),
        }
    }
}

impl LimitMetrics {
    /// A question got no answer.
    pub(crate) fn failed(&self, failure: StoreFailure) {
        self.failures.with([&failure.to_string()]).add(1);
    }

    /// What all of it says now.
    pub(crate) fn snapshot(&self, is_away: bool, waiting: u64, owed: u64) -> Vec<FamilySnapshot> {
        vec![
            self.duration.snapshot(),
            self.failures.snapshot(),
            self.alone.snapshot(),
            FamilySnapshot::number(AWAY, u64::from(is_away)),
            FamilySnapshot::number(WAITING, waiting),
            FamilySnapshot::number(OWED, owed),
            FamilySnapshot::point(RAN_OUT, self.ran_out.point()),
            FamilySnapshot::point(LOST, self.lost.point()),
        ]
    }
}
