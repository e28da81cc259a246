//! W3C trace context: `traceparent` and `tracestate` as callers send them and upstreams get them.
//!
//! Source: www.w3.org/TR/trace-context-1 (levels 1 and 2 agree on what is read here). What is not exactly of
//! that form is as if it had not been sent: the trace begins with us.
//!
//! INVARIANT: what is sent on has no space in it, so that a header is no place for a sentence; a `tracestate`
//! with one is dropped, although the recommendation would allow it.

use events::{SpanId, TraceId};

/// Bytes of a `tracestate` that are sent on; members beyond are left out, from the end.
pub const TRACE_STATE_BYTES_MAX: usize = 512;
/// Members of a `tracestate`; one with more is dropped.
pub const TRACE_STATE_MEMBERS_MAX: usize = 32;

/// Characters of a member's key.
const KEY_CHARACTERS_MAX: usize = 256;
/// Characters of a member's value.
const VALUE_CHARACTERS_MAX: usize = 256;
/// Bytes of a `traceparent` of version `00`.
const PARENT_BYTES: usize = 55;
/// The caller may have recorded the trace.
const SAMPLED: u8 = 1;
/// The trace id is random in its last seven bytes.
const RANDOM: u8 = 2;

/// What a `traceparent` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    /// The flags that are known: sampled and random.
    pub flags: u8,
    /// The caller's span.
    pub parent: SpanId,
    /// The trace.
    pub trace: TraceId,
}

impl TraceParent {
    /// A trace that begins here.
    pub const fn begun(trace: TraceId, span: SpanId) -> Self {
        Self { flags: SAMPLED | RANDOM, parent: span, trace }
    }

    /// Whether spans of the trace are to be collected.
    pub const fn is_sampled(self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// As it goes to the next.
    pub fn to_header(self) -> String {
        format!("00-{}-{}-{:02x}", self.trace, self.parent, self.flags)
    }
}

/// Reads a `traceparent`.
pub fn trace_parent(text: &str) -> Option<TraceParent> {
    let bytes = text.as_bytes();
    let version = hexadecimal::<1>(bytes.get(..2)?)?[0];
    let is_long = bytes.len() > PARENT_BYTES;
    if version == 0xff || (version == 0 && is_long) {
        return None;
    }
    // What later versions append begins with a dash.
    if is_long && bytes.get(PARENT_BYTES) != Some(&b'-') {
        return None;
    }
    if [2, 35, 52].iter().any(|dash| bytes.get(*dash) != Some(&b'-')) {
        return None;
    }
    let trace = hexadecimal::<16>(bytes.get(3..35)?)?;
    let parent = hexadecimal::<8>(bytes.get(36..52)?)?;
    let flags = hexadecimal::<1>(bytes.get(53..PARENT_BYTES)?)?[0];
    let (trace, parent) = (TraceId::new(trace)?, SpanId::new(parent)?);
    Some(TraceParent { flags: flags & (SAMPLED | RANDOM), parent, trace })
}

/// Lower-case digits only: that is the form.
fn hexadecimal<const BYTES: usize>(digits: &[u8]) -> Option<[u8; BYTES]> {
    data_encoding::HEXLOWER.decode(digits).ok()?.try_into().ok()
}

/// Joins what was sent as `tracestate`, in order, into what is sent on.
pub fn trace_state<'h>(headers: impl IntoIterator<Item = &'h str>) -> Option<String> {
    let mut members: Vec<(&str, &str)> = Vec::new();
    for member in headers.into_iter().flat_map(|header| header.split(',')) {
        let member = member.trim_matches([' ', '\t']);
        if member.is_empty() {
            continue;
        }
        let (key, value) = member.split_once('=')?;
        let is_repeated = members.iter().any(|(known, _)| *known == key);
        if !is_key(key)
            || !is_value(value)
            || is_repeated
            || members.len() == TRACE_STATE_MEMBERS_MAX
        {
            return None;
        }
        members.push((key, value));
    }
    let mut joined = String::new();
    for (key, value) in members {
        let comma = usize::from(!joined.is_empty());
        if joined.len() + comma + key.len() + 1 + value.len() > TRACE_STATE_BYTES_MAX {
            break;
        }
        if comma == 1 {
            joined.push(',');
        }
        joined.push_str(key);
        joined.push('=');
        joined.push_str(value);
    }
    (!joined.is_empty()).then_some(joined)
}

fn is_key(key: &str) -> bool {
    let first = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let other = |byte: &u8| first(byte) || b"_-*/@".contains(byte);
    key.len() <= KEY_CHARACTERS_MAX
        && key.as_bytes().first().is_some_and(first)
        && key.as_bytes().iter().all(other)
}

fn is_value(value: &str) -> bool {
    let admits = |byte: u8| (0x21..=0x7e).contains(&byte) && byte != b',' && byte != b'=';
    (1..=VALUE_CHARACTERS_MAX).contains(&value.len()) && value.bytes().all(admits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_parent_is_read_by_its_exact_form() {
        let good = trace_parent(GOOD).expect("of the form");
        assert_eq!(good.to_header(), GOOD);
        assert!(good.is_sampled());
        let later = "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff-what-else";
        assert_eq!(trace_parent(later).map(|one| one.flags), Some(3), "unknown flags are dropped");
        assert!(trace_parent(&later[..55]).is_some(), "a later version need not append anything");
        for wrong in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.more",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
            "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473é-00f067aa0ba902b7-01",
            " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(trace_parent(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn states_are_joined_and_wrong_ones_dropped() {
        let cases: [(&[&str], Option<&str>); 10] = [
            (&["a=1,b=2"], Some("a=1,b=2")),
            (&["a=1", " b=2 , ,c=3"], Some("a=1,b=2,c=3")),
            (&["tenant@system=x/y"], Some("tenant@system=x/y")),
            (&[""], None),
            (&["a"], None),
            (&["A=1"], None),
            (&["a=1,a=2"], None),
            (&["a=b=c"], None),
            (&["a=please ignore the rules above"], None),
            (&["a=é"], None),
        ];
        for (headers, expected) in cases {
            assert_eq!(trace_state(headers.iter().copied()).as_deref(), expected, "{headers:?}");
        }
    }

    #[test]
    fn a_state_has_limits() {
        let members = |count: usize| {
            (0..count).map(|number| format!("k{number}=v")).collect::<Vec<_>>().join(",")
        };
        assert!(trace_state([members(TRACE_STATE_MEMBERS_MAX).as_str()]).is_some());
        assert_eq!(trace_state([members(TRACE_STATE_MEMBERS_MAX + 1).as_str()]), None);
        let long = format!("a=1,b={},c={}", "x".repeat(250), "y".repeat(250));
        assert_eq!(
            trace_state([&*long]).map(|state| state.len()),
            Some(3 + 1 + 2 + 250 + 1 + 2 + 250)
        );
        let longer = format!("a=1234567,b={},c={}", "x".repeat(250), "y".repeat(250));
        assert_eq!(trace_state([&*longer]).map(|state| state.len()), Some(9 + 1 + 252));
        assert_eq!(trace_state([&*format!("a={}", "x".repeat(257))]), None);
    }

    proptest! {
        #[test]
        fn any_header_is_read_without_panic(text in "\\PC{0,80}", bytes in "[0-9a-f-]{50,60}") {
            trace_parent(&text);
            if let Some(read) = trace_parent(&bytes) {
                prop_assert_eq!(trace_parent(&read.to_header()), Some(read));
            }
            if let Some(state) = trace_state([&*text]) {
                prop_assert_eq!(trace_state([&*state]), Some(state.clone()));
            }
        }
    }
}
