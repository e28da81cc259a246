//! How long to wait before sending again.
//!
//! Each failure in a row doubles the pause, up to a maximum; up to half of it is taken off by chance, so that gateways that
//! failed together do not come back together. A receiver that says how long (`Retry-After`) is believed, within
//! [`RETRY_AFTER_MAX`].
//!
//! INVARIANT: time and chance come in from outside.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, header};

use super::settings::Retry;

/// The longest that a receiver can make a sink wait at a time.
pub(crate) const RETRY_AFTER_MAX: Duration = Duration::from_mins(10);

/// The pause after so many failures in a row.
pub(crate) fn pause(failures: u32, asked: Option<Duration>, retry: Retry, chance: u64) -> Duration {
    let doublings = failures.saturating_sub(1).min(31);
    let whole = retry.first.saturating_mul(1 << doublings).min(retry.max);
    let half = whole / 2;
    let part = u32::try_from(chance % 1_025).unwrap_or_default();
    let own = half + half * part / 1_024;
    own.max(asked.unwrap_or_default().min(RETRY_AFTER_MAX))
}

/// How long a receiver asks to be left alone: seconds, or a date.
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    httpdate::parse_http_date(text).ok()?.duration_since(now).ok()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use http::{HeaderMap, HeaderValue, header};

    use super::{RETRY_AFTER_MAX, pause, retry_after};
    use crate::sinks::Retry;

    const RETRY: Retry = Retry { first: Duration::from_secs(1), max: Duration::from_mins(1) };

    #[test]
    fn pauses_double_up_to_a_maximum_less_some_chance() {
        for (failures, whole) in [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (u32::MAX, 60)] {
            let whole = Duration::from_secs(whole);
            assert_eq!(pause(failures, None, RETRY, 0), whole / 2);
            assert_eq!(pause(failures, None, RETRY, 1_024), whole);
            let some = pause(failures, None, RETRY, 600);
            assert!(some > whole / 2 && some < whole);
        }
    }

    #[test]
    fn a_receiver_is_believed_about_how_long_to_wait_up_to_a_limit() {
        let asked = |seconds| pause(1, Some(Duration::from_secs(seconds)), RETRY, 1_024);
        assert_eq!(asked(0), Duration::from_secs(1), "our own pause is the least");
        assert_eq!(asked(90), Duration::from_secs(90), "also beyond our own maximum");
        assert_eq!(asked(u64::MAX), RETRY_AFTER_MAX);
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        for (text, seconds) in [
            ("7", Some(7)),
            (" 0 ", Some(0)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10)),
            ("Sun, 06 Nov 1994 08:49:27 GMT", None),
            ("-1", None),
            ("soon", None),
            ("99999999999999999999", None),
        ] {
            let value = HeaderValue::from_static(text);
            let headers = HeaderMap::from_iter([(header::RETRY_AFTER, value)]);
            assert_eq!(retry_after(&headers, now), seconds.map(Duration::from_secs), "{text}");
        }
    }
}
