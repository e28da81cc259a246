//! Rules let go for a while, for somebody, because two people said so: break-glass.
//!
//! INVARIANT: only consequences are let go, never authorisation. INVARIANT: it ends by itself: at the latest when as much
//! time has passed as was granted, by a clock that nobody can set, and also when the moment has come by the clock on the wall;
//! whoever sets that clock back gains nothing. INVARIANT: every judgement asks anew, so that an answer under way is judged as
//! usual from the moment it is over.
//!
//! Not here: who may ask and approve, and that being on record (`bartizan`).

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use events::Decision;
use policy::Suspensions;
use telemetry::{Counted, Gauge};

/// What the exceptions of records begin with that are break-glass; its id follows.
pub const BREAK_GLASS_PREFIX: &str = "break-glass:";

/// What is let go now. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub struct BreakGlass {
    /// How many there are, for the page of metrics.
    pub(crate) gauge: Arc<Gauge>,
    open: Arc<ArcSwap<Vec<Arc<Open>>>>,
}

#[derive(Debug)]
struct Open {
    /// Counts it as long as it is here.
    _counted: Counted,
    deadline: Instant,
    id: String,
    suspensions: Suspensions,
    until_ms: u64,
}

impl Open {
    fn is_over(&self, now: Instant, now_ms: u64) -> bool {
        now >= self.deadline || now_ms >= self.until_ms
    }
}

impl BreakGlass {
    /// From `now` on, and for `time` at most, these hold. One that is known by this id already is not made longer.
    pub fn begin(
        &self,
        id: &str,
        suspensions: Suspensions,
        time: Duration,
        (now, now_ms): (Instant, u64),
    ) {
        let mut open = Vec::clone(&self.open.load());
        if open.iter().any(|one| one.id == id) {
            return;
        }
        let until_ms = now_ms.saturating_add(time.as_millis() as u64);
        open.push(Arc::new(Open {
            _counted: self.gauge.hold(),
            deadline: now + time,
            id: id.to_owned(),
            suspensions,
            until_ms,
        }));
        self.open.store(Arc::new(open));
    }

    /// For other rules, where nothing holds: what is let go is let go of these rules.
    #[must_use]
    pub fn renewed(&self) -> Self {
        Self { gauge: Arc::clone(&self.gauge), open: Arc::default() }
    }

    /// From now on nothing holds.
    pub fn close(&self) {
        self.open.store(Arc::default());
    }

    /// Whether this one holds.
    pub fn holds(&self, id: &str, now: Instant, now_ms: u64) -> bool {
        self.open.load().iter().any(|one| one.id == id && !one.is_over(now, now_ms))
    }

    /// From now on it does not hold.
    pub fn end(&self, id: &str) {
        let open = self.open.load();
        let left = open.iter().filter(|one| one.id != id).cloned().collect();
        self.open.store(Arc::new(left));
    }

    /// Every exception that holds now; nothing if there is none.
    pub(crate) fn now(&self, now_ms: u64) -> Option<Suspensions> {
        let open = self.open.load();
        if open.is_empty() {
            return None;
        }
        let now = Instant::now();
        let holding = open.iter().filter(|one| !one.is_over(now, now_ms));
        Some(holding.map(|one| &one.suspensions).collect())
    }
}

/// What a decision owes to break-glass.
pub(crate) fn named(decision: &Decision) -> Option<&str> {
    let mut exceptions = decision.rules.iter().filter_map(|rule| rule.exception.as_deref());
    exceptions.find_map(|exception| exception.strip_prefix(BREAK_GLASS_PREFIX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ends_by_itself_and_no_clock_makes_it_longer() {
        let begun = Instant::now();
        let second = Duration::from_secs(1);
        for (after, now_ms, holds) in [
            (Duration::ZERO, 1_000_000, true),
            (9 * second, 1_009_000, true),
            (10 * second, 1_010_000, false),
            // The clock on the wall is set back: the time that has passed counts.
            (10 * second, 500_000, false),
            (9 * second, 0, true),
            // It is set forward: it ends early.
            (second, 1_010_000, false),
            (second, u64::MAX, false),
        ] {
            let glass = BreakGlass::default();
            glass.begin("1", Suspensions::default(), 10 * second, (begun, 1_000_000));
            assert_eq!(glass.holds("1", begun + after, now_ms), holds, "{after:?} {now_ms}");
            // Asking for it again changes nothing.
            let later = (begun + after, now_ms);
            glass.begin("1", Suspensions::default(), 10 * second, later);
            assert_eq!(glass.holds("1", begun + after, now_ms), holds);
            assert!(!glass.holds("2", begun, 1_000_000));
            glass.end("1");
            assert!(!glass.holds("1", begun, 1_000_000));
            assert!(glass.now(1_000_000).is_none());
        }
    }
}
