//! The things that count: counters, gauges, histograms.
//!
//! INVARIANT: whole numbers only, in the unit's smallest part (microseconds, bytes, thousand-millionths of a
//! dollar), so that adding needs no lock and loses nothing. INVARIANT: a histogram's count is the sum of its
//! buckets, so that what is read at one moment agrees with itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::snapshot::Point;

/// Something that can stand for a series.
pub trait Meter {
    /// At rest, with these bounds if it has buckets.
    fn at_rest(bounds: &'static [u64]) -> Self;
    /// What it says now.
    fn point(&self) -> Point;
}

/// Only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds so many.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }
}

impl Meter for Counter {
    fn at_rest(_bounds: &'static [u64]) -> Self {
        Self::default()
    }

    fn point(&self) -> Point {
        Point::Number(self.0.load(Ordering::Relaxed))
    }
}

/// How many there are of something at the moment.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    /// One more, until what comes back is dropped.
    pub fn hold(self: &Arc<Self>) -> Counted {
        self.up();
        Counted(Arc::clone(self))
    }

    fn up(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// One less; never below none.
    fn down(&self) {
        let less = |now: u64| Some(now.saturating_sub(1));
        let _always = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok();
    }
}

/// One of those that a gauge counts.
#[derive(Debug)]
pub struct Counted(Arc<Gauge>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.down();
    }
}

impl Meter for Gauge {
    fn at_rest(_bounds: &'static [u64]) -> Self {
        Self::default()
    }

    fn point(&self) -> Point {
        Point::Number(self.0.load(Ordering::Relaxed))
    }
}

/// How often values fell between which bounds.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [u64],
    /// One more than there are bounds: the last is for what is above all of them.
    buckets: Box<[AtomicU64]>,
    sum: AtomicU64,
}

impl Histogram {
    /// At rest; `bounds` are upper ones, inclusive, and ascend.
    pub fn new(bounds: &'static [u64]) -> Self {
        let buckets = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, buckets, sum: AtomicU64::new(0) }
    }

    /// Notes a value.
    pub fn observe(&self, value: u64) {
        let at = self.bounds.partition_point(|bound| *bound < value);
        if let Some(bucket) = self.buckets.get(at) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.sum.fetch_add(value, Ordering::Relaxed);
    }
}

impl Meter for Histogram {
    fn at_rest(bounds: &'static [u64]) -> Self {
        Self::new(bounds)
    }

    fn point(&self) -> Point {
        Point::Histogram {
            bounds: self.bounds,
            counts: self.buckets.iter().map(|count| count.load(Ordering::Relaxed)).collect(),
            sum: self.sum.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_the_bucket_below_it() {
        let histogram = Histogram::new(&[10, 20]);
        for value in [0, 10, 11, 20, 21, 1_000] {
            histogram.observe(value);
        }
        let Point::Histogram { counts, sum, .. } = histogram.point() else { panic!("buckets") };
        assert_eq!((counts, sum), (vec![2, 2, 2], 1_062));
    }

    #[test]
    fn a_gauge_is_never_below_none() {
        let gauge = Arc::new(Gauge::default());
        let (one, other) = (gauge.hold(), gauge.hold());
        drop(one);
        assert_eq!(gauge.point(), Point::Number(1));
        drop(other);
        gauge.down();
        assert_eq!(gauge.point(), Point::Number(0));
    }
}
