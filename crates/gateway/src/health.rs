//! Which upstreams are worth asking now.
//!
//! Requests and checks are counted apart, by the same rule: after [`FAILURES_MAX`] failures in a row the upstream is out for a
//! pause; then one request tries it, and the pause doubles if that fails too. An upstream that says 429 with `retry-after` is busy
//! until then. What is out is asked last, not never: when all are out, the one that comes back soonest is asked, because
//! a wrong guess of ours must not make an outage of a hiccup.
//!
//! INVARIANT: bounded: a fixed size for each configured upstream. INVARIANT: the caller says what time it is; only dates of
//! `retry-after` are compared with the clock on the wall.
//!
//! Not here: the task that checks (`check`), what is tried again (`attempts`).

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use http::{HeaderMap, Response, StatusCode};
use net::UpstreamError;

/// Failures in a row after which an upstream is out.
pub(crate) const FAILURES_MAX: u32 = 3;
/// The first pause.
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// The longest pause, and the longest `retry-after` that counts.
const PAUSE_MAX: Duration = Duration::from_mins(1);

/// How one upstream has been doing.
#[derive(Default)]
pub(crate) struct Health(Mutex<State>);

#[derive(Default)]
struct State {
    busy_until: Option<Instant>,
    checks: Streak,
    requests: Streak,
}

/// Failures in a row.
#[derive(Default)]
struct Streak {
    failures: u32,
    out_until: Option<Instant>,
    pause: Duration,
    /// Whether one request is trying it.
    trial: bool,
}

impl Streak {
    fn end(&mut self, is_well: bool, now: Instant) {
        if is_well {
            *self = Self::default();
            return;
        }
        self.failures = self.failures.saturating_add(1);
        let is_due = match self.out_until {
            None => self.failures >= FAILURES_MAX,
            // Others were under way when it was found out; they say nothing new.
            Some(until) => self.trial || until <= now,
        };
        if is_due {
            self.pause = (self.pause * 2).clamp(PAUSE_MIN, PAUSE_MAX);
            self.out_until = Some(now + self.pause);
            self.trial = false;
        }
    }

    /// Whether it may be asked; the first to ask after a pause is the trial.
    fn admit(&mut self, now: Instant) -> bool {
        match self.out_until {
            None => true,
            Some(until) if until <= now => {
                self.trial = true;
                // Nobody else, unless the trial is never heard of again.
                self.out_until = Some(now + self.pause);
                true
            }
            Some(_) => false,
        }
    }
}

impl Health {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until when it is out; nothing if it may be asked.
    pub(crate) fn out_until(&self, now: Instant) -> Option<Instant> {
        let state = self.state();
        let until = [state.busy_until, state.checks.out_until, state.requests.out_until];
        until.into_iter().flatten().max().filter(|until| *until > now)
    }

    /// Whether it may be asked now. The first to ask after a pause is the trial: others are told no.
    pub(crate) fn admit(&self, now: Instant) -> bool {
        if self.out_until(now).is_some() {
            return false;
        }
        let mut state = self.state();
        state.checks.admit(now) & state.requests.admit(now)
    }

    /// Notes how a request ended, as far as its head.
    pub(crate) fn asked<B>(&self, answer: &Result<Response<B>, UpstreamError>, now: Instant) {
        let mut state = self.state();
        let answer = match answer {
            Ok(answer) => answer,
            // It is there, and goes away in good order or has too much to do.
            Err(UpstreamError::Refused { .. }) => return,
            Err(_) => return state.requests.end(false, now),
        };
        state.requests.end(!is_failing(answer.status()), now);
        if answer.status() == StatusCode::TOO_MANY_REQUESTS {
            let after = retry_after(answer.headers()).map(|after| now + after.min(PAUSE_MAX));
            state.busy_until = after.max(state.busy_until);
        }
    }

    /// Notes how a check ended.
    pub(crate) fn checked(&self, is_well: bool, now: Instant) {
        self.state().checks.end(is_well, now);
    }
}

/// Whether a status says that the upstream, and not the request, is at fault: RFC 9110, and 529 of Anthropic (overloaded).
fn is_failing(status: StatusCode) -> bool {
    matches!(status.as_u16(), 502..=504 | 529)
}

/// When to try again, as far as it is said: in milliseconds, in seconds, or as a date, of which what has passed is now.
/// RFC 9110, section 10.2.3.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    retry_after_at(headers, SystemTime::now())
}

fn retry_after_at(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let said = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let number = |name: &str| said(name)?.parse::<u64>().ok();
    let date = || {
        let date = httpdate::parse_http_date(said("retry-after")?).ok()?;
        Some(date.duration_since(now).unwrap_or_default())
    };
    let precisely = number("retry-after-ms").map(Duration::from_millis);
    precisely.or_else(|| number("retry-after").map(Duration::from_secs)).or_else(date)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn lost() -> Result<Response<()>, UpstreamError> {
        Err(UpstreamError::Broken { name: "a".to_owned() })
    }

    fn head(status: u16, headers: &[(&'static str, &'static str)]) -> Response<()> {
        let mut answer = Response::builder().status(status);
        for (name, value) in headers {
            answer = answer.header(*name, *value);
        }
        answer.body(()).expect("an answer")
    }

    #[test]
    fn failures_in_a_row_put_it_out_for_a_growing_pause_and_one_trial_follows() {
        let (health, begun) = (Health::default(), Instant::now());
        for _ in 1..FAILURES_MAX {
            health.asked(&lost(), begun);
            assert!(health.admit(begun));
        }
        health.asked(&Ok(head(200, &[])), begun);
        for _ in 1..FAILURES_MAX {
            health.asked(&lost(), begun);
        }
        assert!(health.admit(begun), "they must be in a row");
        let mut now = begun;
        let mut pause = PAUSE_MIN;
        health.asked(&Ok(head(503, &[])), now);
        for _ in 0..10 {
            assert_eq!(health.out_until(now), Some(now + pause));
            health.asked(&lost(), now);
            assert_eq!(health.out_until(now), Some(now + pause), "those under way say nothing new");
            assert!(!health.admit(now + pause.mul_f64(0.99)));
            now += pause;
            assert!(health.admit(now), "one trial");
            assert!(!health.admit(now), "and no second");
            health.asked(&lost(), now);
            pause = (pause * 2).min(PAUSE_MAX);
        }
        assert_eq!(pause, PAUSE_MAX, "the pause is bounded");
        assert!(health.admit(now + pause));
        health.asked(&Ok(head(200, &[])), now + pause);
        assert!(health.admit(now + pause) && health.admit(now + pause), "it is well again");
    }

    #[test]
    fn a_trial_that_is_never_heard_of_again_is_followed_by_another() {
        let (health, begun) = (Health::default(), Instant::now());
        for _ in 0..FAILURES_MAX {
            health.asked(&lost(), begun);
        }
        assert!(health.admit(begun + PAUSE_MIN));
        assert!(!health.admit(begun + PAUSE_MIN));
        assert!(health.admit(begun + PAUSE_MIN * 2));
    }

    #[test]
    fn what_answers_is_well_and_what_is_busy_is_out_as_long_as_it_says() {
        let (health, now) = (Health::default(), Instant::now());
        for status in [200, 400, 401, 404, 429, 500] {
            for _ in 0..=FAILURES_MAX {
                health.asked(&Ok(head(status, &[])), now);
            }
            assert!(health.admit(now), "{status}");
        }
        for _ in 0..=FAILURES_MAX {
            let taken_back = UpstreamError::Refused { name: "a".to_owned() };
            health.asked::<()>(&Err(taken_back), now);
        }
        assert!(health.admit(now), "it is there");
        health.asked(&Ok(head(429, &[("retry-after", "5")])), now);
        assert_eq!(health.out_until(now), Some(now + SECOND * 5));
        assert!(health.admit(now + SECOND * 5));
        health.asked(&Ok(head(429, &[("retry-after", "7000")])), now);
        assert_eq!(
            health.out_until(now),
            Some(now + PAUSE_MAX),
            "no longer than the longest pause"
        );
    }

    #[test]
    fn when_to_try_again_is_said_in_several_ways() {
        let now = SystemTime::UNIX_EPOCH + SECOND * 946_684_795;
        for (name, value, after) in [
            ("retry-after-ms", "20", Some(Duration::from_millis(20))),
            ("retry-after", "20", Some(SECOND * 20)),
            ("retry-after", "Fri, 31 Dec 1999 23:59:59 GMT", Some(SECOND * 4)),
            ("retry-after", "Friday, 31-Dec-99 23:59:59 GMT", Some(SECOND * 4)),
            ("retry-after", "Fri Dec 31 23:59:59 1999", Some(SECOND * 4)),
            ("retry-after", "Fri, 31 Dec 1999 23:59:54 GMT", Some(Duration::ZERO)),
            ("retry-after", "Fri, 31 Dec 1999 25:59:54 GMT", None),
            ("retry-after", "tomorrow", None),
            ("retry-after", "-1", None),
        ] {
            let head = head(429, &[(name, value)]);
            assert_eq!(retry_after_at(head.headers(), now), after, "{name}: {value}");
        }
    }

    #[test]
    fn checks_and_requests_are_counted_apart() {
        let (health, now) = (Health::default(), Instant::now());
        for _ in 0..FAILURES_MAX {
            health.checked(false, now);
            health.asked(&Ok(head(200, &[])), now);
        }
        assert!(!health.admit(now), "an answer does not hide failing checks");
        health.checked(true, now);
        assert!(health.admit(now), "a check that is passed ends the pause");
        for _ in 0..FAILURES_MAX {
            health.asked(&lost(), now);
            health.checked(true, now);
        }
        assert!(!health.admit(now), "passed checks do not hide failing requests");
    }
}
