//! Moments and spans of time as people write and read them.
//!
//! INVARIANT: everything inside is milliseconds since 1970 (UTC); text is made and read here only.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// Now, in milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    u64::try_from(Timestamp::now().as_millisecond()).unwrap_or_default()
}

/// A day (its beginning, UTC) or a moment: `2027-04-01`, `2027-04-01T08:00:00Z`.
pub(crate) fn parse_moment(text: &str) -> Option<u64> {
    let timestamp = match text.parse::<Timestamp>() {
        Ok(timestamp) => timestamp,
        Err(_) if text.contains(['T', 't', ' ']) => return None,
        Err(_) => text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp(),
    };
    u64::try_from(timestamp.as_millisecond()).ok()
}

/// A moment, a day, or a span from now: `90d`, `12h`, `30m`.
pub(crate) fn parse_deadline(text: &str, now_ms: u64) -> Option<u64> {
    match parse_span(text) {
        Some(span_ms) => span_ms.checked_add(now_ms),
        None => parse_moment(text),
    }
}

/// A moment, a day, or a span before now.
pub(crate) fn parse_past(text: &str, now_ms: u64) -> Option<u64> {
    match parse_span(text) {
        Some(span_ms) => Some(now_ms.saturating_sub(span_ms)),
        None => parse_moment(text),
    }
}

/// A span of time in milliseconds.
fn parse_span(text: &str) -> Option<u64> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit_ms = match unit {
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "w" => 7 * 86_400_000,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit_ms)
}

/// `2026-11-23 14:05:09` (UTC), for tables.
pub(crate) fn show_moment(time_ms: u64) -> String {
    let milliseconds = i64::try_from(time_ms).unwrap_or(i64::MAX);
    match Timestamp::from_millisecond(milliseconds) {
        Ok(timestamp) => timestamp.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => format!("{time_ms} ms"),
    }
}

/// `2026-11-23T14:05:09.123Z`, for programs.
pub(crate) fn rfc3339(time_ms: u64) -> String {
    let milliseconds = i64::try_from(time_ms).unwrap_or(i64::MAX);
    match Timestamp::from_millisecond(milliseconds) {
        Ok(timestamp) => timestamp.to_string(),
        Err(_) => format!("{time_ms} ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_spans_are_read() {
        for (text, expected) in [
            ("1970-01-02", Some(86_400_000)),
            ("1970-01-01T00:00:01Z", Some(1000)),
            ("1970-01-01T02:00:01+02:00", Some(1000)),
            ("1970-01-01T00:00:01", None),
            ("1969-12-31", None),
            ("0s", Some(5)),
            ("10m", Some(600_005)),
            ("1h", Some(3_600_005)),
            ("2d", Some(172_800_005)),
            ("1w", Some(604_800_005)),
            ("99999999999999999999d", None),
            ("d", None),
            ("", None),
            ("é", None),
            ("soon", None),
        ] {
            assert_eq!(parse_deadline(text, 5), expected, "{text}");
        }
    }

    #[test]
    fn spans_go_back_from_now() {
        for (text, expected) in [
            ("2s", Some(3_000)),
            ("1w", Some(0)),
            ("1970-01-02", Some(86_400_000)),
            ("yesterday", None),
        ] {
            assert_eq!(parse_past(text, 5_000), expected, "{text}");
        }
    }

    #[test]
    fn moments_are_shown() {
        assert_eq!(show_moment(1_795_442_709_123), "2026-11-23 14:05:09");
        assert_eq!(rfc3339(1_795_442_709_123), "2026-11-23T14:05:09.123Z");
        assert_eq!(show_moment(u64::MAX), format!("{} ms", u64::MAX));
    }
}
