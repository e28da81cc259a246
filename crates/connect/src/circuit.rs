//! Leaving a failing service alone for a while.
//!
//! Closed, it lets every message ask. After `failures_max` failures in a row, none further from the one
//! before than `window`, it opens: nobody asks for `pause`. Then one message tries (half-open): its
//! success closes the circuit, its failure opens it again.
//!
//! INVARIANT: time comes in from outside. INVARIANT: a message that goes away while it tries gives its
//! turn back.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::CircuitSettings;

/// The state of one service.
#[derive(Debug)]
pub(crate) struct Circuit {
    settings: CircuitSettings,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Closed {
        failures: u32,
        last: Option<Instant>,
    },
    Open {
        until: Instant,
    },
    /// One message tries; `since` is when it was let in.
    Trying {
        since: Instant,
    },
}

/// What became of the circuit, for the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Closed,
    Opened,
}

/// Leave to ask about one message.
#[derive(Debug)]
pub(crate) struct Admission<'a> {
    circuit: &'a Circuit,
    is_over: bool,
}

impl Circuit {
    pub(crate) const fn new(settings: CircuitSettings) -> Self {
        Self { settings, state: Mutex::new(State::Closed { failures: 0, last: None }) }
    }

    /// Leave to ask, unless the service is left alone.
    pub(crate) fn admit(&self, now: Instant) -> Option<Admission<'_>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match *state {
            State::Closed { .. } => {}
            State::Open { until } if now >= until => *state = State::Trying { since: now },
            State::Open { .. } | State::Trying { .. } => return None,
        }
        Some(Admission { circuit: self, is_over: false })
    }

    fn settle(&self, now: Instant, is_success: bool) -> Option<Change> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let CircuitSettings { failures_max, pause, window } = self.settings;
        let (next, change) = match *state {
            // Who was let in before it opened does not decide.
            State::Open { .. } => return None,
            State::Closed { .. } if is_success => (State::Closed { failures: 0, last: None }, None),
            State::Trying { .. } if is_success => {
                (State::Closed { failures: 0, last: None }, Some(Change::Closed))
            }
            State::Trying { .. } => (State::Open { until: now + pause }, None),
            State::Closed { failures, last } => {
                let is_in_a_row =
                    last.is_some_and(|last| now.saturating_duration_since(last) <= window);
                let failures = if is_in_a_row { failures + 1 } else { 1 };
                if failures >= failures_max {
                    (State::Open { until: now + pause }, Some(Change::Opened))
                } else {
                    (State::Closed { failures, last: Some(now) }, None)
                }
            }
        };
        *state = next;
        change
    }
}

impl Admission<'_> {
    /// The service answered.
    pub(crate) fn succeeded(mut self, now: Instant) -> Option<Change> {
        self.is_over = true;
        self.circuit.settle(now, true)
    }

    /// The service failed.
    pub(crate) fn failed(mut self, now: Instant) -> Option<Change> {
        self.is_over = true;
        self.circuit.settle(now, false)
    }
}

impl Drop for Admission<'_> {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let mut state = self.circuit.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::Trying { since } = *state {
            *state = State::Open { until: since };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn circuit() -> Circuit {
        let second = Duration::from_secs(1);
        Circuit::new(CircuitSettings { failures_max: 3, pause: 10 * second, window: 5 * second })
    }

    #[test]
    fn it_opens_after_failures_in_a_row_and_closes_after_one_success() {
        let (circuit, start) = (circuit(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        // (second, let in, succeeds, change)
        let steps = [
            (0, true, false, None),
            (1, true, true, None),
            (2, true, false, None),
            (3, true, false, None),
            // Too late to be in a row.
            (9, true, false, None),
            (10, true, false, None),
            (11, true, false, Some(Change::Opened)),
            (12, false, false, None),
            (20, false, false, None),
            (21, true, false, None),
            (30, false, false, None),
            (31, true, true, Some(Change::Closed)),
            (32, true, false, None),
        ];
        for (second, is_let_in, succeeds, change) in steps {
            let admission = circuit.admit(at(second));
            assert_eq!(admission.is_some(), is_let_in, "at second {second}");
            let Some(admission) = admission else { continue };
            let now = at(second);
            let became = if succeeds { admission.succeeded(now) } else { admission.failed(now) };
            assert_eq!(became, change, "at second {second}");
        }
    }

    #[test]
    fn one_message_tries_at_a_time_and_gives_its_turn_back_when_it_leaves() {
        let (circuit, start) = (circuit(), Instant::now());
        for _ in 0..3 {
            circuit.admit(start).expect("closed").failed(start);
        }
        let later = start + Duration::from_secs(10);
        let trying = circuit.admit(later).expect("half-open");
        assert!(circuit.admit(later).is_none(), "somebody tries already");
        drop(trying);
        assert!(circuit.admit(later).is_some(), "whoever left does not keep it open");
    }

    #[test]
    fn who_was_let_in_before_does_not_close_it() {
        let (circuit, now) = (circuit(), Instant::now());
        let slow = circuit.admit(now).expect("closed");
        for _ in 0..3 {
            circuit.admit(now).expect("closed").failed(now);
        }
        assert_eq!(slow.succeeded(now), None);
        assert!(circuit.admit(now).is_none());
    }
}
