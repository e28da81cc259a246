//! What a key may do at most: models, routes, tools, verbs, addresses, hours, expiry.
//!
//! Grants are facts. They are folded here into seven yes-or-no answers (`context.grants.*`), and the
//! authorisation rules refuse on each of them under a rule id of its own, so that a refusal says
//! which grant was missing.
//!
//! INVARIANT: what cannot be known is not granted: a key bound to addresses refuses a caller whose
//! address is unknown. INVARIANT: an IPv4 address written as IPv6 (`::ffff:192.0.2.7`) is that IPv4
//! address.
//!
//! Not here: whether the key exists and is active (`gateway`, `store`).

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{Facts, NamePattern, Verb};

/// What a key may do at most. `None` means no limit of that sort; an empty list means nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grants {
    /// The verbs it may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actions: Option<Vec<Verb>>,
    /// The addresses it may come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub addresses: Option<Vec<AddressRange>>,
    /// When it stops working, in milliseconds since 1970 (UTC).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<u64>,
    /// The hours it may be used in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<Hours>,
    /// The models it may use, as patterns in which `*` stands for any text. Case matters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<Vec<NamePattern>>,
    /// The routes it may take, as patterns of the same kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routes: Option<Vec<NamePattern>>,
    /// The tools it may offer to models, as patterns of the same kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<Vec<NamePattern>>,
}

impl Grants {
    /// No limits.
    pub const UNLIMITED: Self = Self {
        actions: None,
        addresses: None,
        expires_ms: None,
        hours: None,
        models: None,
        routes: None,
        tools: None,
    };

    /// Whether `model` is among the granted models. Lists of models are the provider's, and show the others too.
    pub fn allows_model(&self, model: &str) -> bool {
        allows(self.models.as_deref(), model)
    }

    /// Whether the key may be used at all by who asks from this address at this time, in milliseconds since 1970.
    pub fn allow_use(&self, client_address: Option<IpAddr>, time_ms: u64) -> bool {
        self.hold_address(client_address) && self.hold_hour(time_ms) && self.are_in_force(time_ms)
    }

    fn hold_address(&self, client: Option<IpAddr>) -> bool {
        self.addresses.as_ref().is_none_or(|ranges| {
            client.is_some_and(|address| ranges.iter().any(|range| range.contains(address)))
        })
    }

    fn hold_hour(&self, time_ms: u64) -> bool {
        self.hours.as_ref().is_none_or(|hours| hours.contain(Clock::at(time_ms)))
    }

    fn are_in_force(&self, time_ms: u64) -> bool {
        self.expires_ms.is_none_or(|expires| time_ms < expires)
    }

    /// The seven answers about one message.
    pub(crate) fn judge(&self, facts: &Facts<'_>) -> Granted {
        let on_a_model = matches!(facts.action, Verb::Infer | Verb::Embed);
        Granted {
            action: self.actions.as_ref().is_none_or(|verbs| verbs.contains(&facts.action)),
            address: self.hold_address(facts.client_address),
            hours: self.hold_hour(facts.time_ms),
            in_force: self.are_in_force(facts.time_ms),
            model: !on_a_model || self.allows_model(facts.resource.name),
            route: allows(self.routes.as_deref(), facts.resource.route),
            tools: facts.tools.iter().all(|tool| allows(self.tools.as_deref(), tool)),
        }
    }
}

fn allows(granted: Option<&[NamePattern]>, name: &str) -> bool {
    granted.is_none_or(|patterns| patterns.iter().any(|pattern| pattern.matches(name)))
}

/// The seven answers: `true` means within the grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "seven independent answers, named in the schema")]
pub(crate) struct Granted {
    pub(crate) action: bool,
    pub(crate) address: bool,
    pub(crate) hours: bool,
    pub(crate) in_force: bool,
    pub(crate) model: bool,
    pub(crate) route: bool,
    pub(crate) tools: bool,
}

/// Hours of the day, in UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    /// The first hour, 0 to 23.
    pub from_hour: u8,
    /// The hour before which it ends, 1 to 24. At or before `from_hour`, the span runs over midnight.
    pub until_hour: u8,
    /// Days of the week, Monday is 1; `None` is every day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weekdays: Option<Vec<u8>>,
}

impl Hours {
    fn contain(&self, clock: Clock) -> bool {
        let hour = clock.hour;
        let (from, until) = (u64::from(self.from_hour), u64::from(self.until_hour));
        let in_hours =
            if from < until { (from..until).contains(&hour) } else { hour >= from || hour < until };
        let on_day = self
            .weekdays
            .as_ref()
            .is_none_or(|days| days.iter().any(|day| u64::from(*day) == clock.weekday));
        in_hours && on_day
    }
}

const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Text that does not name hours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` does not name hours; write `8-18`, `mon-fri 8-18` or `mon,sat 22-6` (UTC)")]
pub struct ParseHoursError {
    text: String,
}

/// `8-18`, `mon-fri 8-18`, `mon,sat 22-6`: hours from and until, in UTC, and on which days.
impl std::str::FromStr for Hours {
    type Err = ParseHoursError;

    fn from_str(text: &str) -> Result<Self, ParseHoursError> {
        let error = || ParseHoursError { text: text.to_owned() };
        let (days, hours) = match text.trim().rsplit_once(' ') {
            Some((days, hours)) => (Some(weekdays(days).ok_or_else(error)?), hours),
            None => (None, text.trim()),
        };
        let (from, until) = hours.split_once('-').ok_or_else(error)?;
        let (from_hour, until_hour) = (from.parse().ok(), until.parse().ok());
        match (from_hour, until_hour) {
            (Some(from_hour @ 0..24), Some(until_hour @ 1..=24)) => {
                Ok(Self { from_hour, until_hour, weekdays: days })
            }
            _ => Err(error()),
        }
    }
}

/// `mon-fri`, `mon,wed`: days of the week in rising order, Monday is 1.
fn weekdays(text: &str) -> Option<Vec<u8>> {
    let day = |name: &str| {
        let at = WEEKDAYS.iter().position(|day| name.trim().eq_ignore_ascii_case(day))?;
        u8::try_from(at + 1).ok()
    };
    let mut days = Vec::new();
    for part in text.split(',') {
        match part.split_once('-') {
            Some((from, until)) if day(from)? <= day(until)? => {
                days.extend(day(from)?..=day(until)?);
            }
            Some(_) => return None,
            None => days.push(day(part)?),
        }
    }
    days.sort_unstable();
    days.dedup();
    Some(days)
}

impl std::fmt::Display for Hours {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(days) = &self.weekdays {
            let name = |day: &u8| WEEKDAYS.get(usize::from(day.wrapping_sub(1)));
            let names: Vec<&str> = days.iter().filter_map(name).copied().collect();
            write!(formatter, "{} ", names.join(","))?;
        }
        write!(formatter, "{}-{}", self.from_hour, self.until_hour)
    }
}

/// A moment, as policies see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clock {
    /// 0 to 23, UTC.
    pub(crate) hour: u64,
    /// Seconds since 1970.
    pub(crate) unix_s: u64,
    /// Monday is 1, Sunday is 7.
    pub(crate) weekday: u64,
}

impl Clock {
    pub(crate) const fn at(time_ms: u64) -> Self {
        let unix_s = time_ms / 1000;
        // 1 January 1970 was a Thursday.
        Self { hour: unix_s / 3600 % 24, unix_s, weekday: (unix_s / 86_400 + 3) % 7 + 1 }
    }
}

/// A range of addresses in CIDR form: `192.0.2.0/24`, `2001:db8::/32`, or one address.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AddressRange {
    network: IpAddr,
    prefix_bits: u8,
}

/// Text that is not a range of addresses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a range of addresses; write `192.0.2.0/24`, `2001:db8::/32` or one address"
)]
pub struct ParseAddressRangeError {
    text: String,
}

impl AddressRange {
    /// Whether the address lies in the range.
    pub fn contains(self, address: IpAddr) -> bool {
        match (self.network, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                same_prefix_u32(network.to_bits(), address.to_bits(), self.prefix_bits)
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                same_prefix_u128(network.to_bits(), address.to_bits(), self.prefix_bits)
            }
            _ => false,
        }
    }
}

fn same_prefix_u32(left: u32, right: u32, bits: u8) -> bool {
    (left ^ right).checked_shr(32 - u32::from(bits)).unwrap_or(0) == 0
}

fn same_prefix_u128(left: u128, right: u128, bits: u8) -> bool {
    (left ^ right).checked_shr(128 - u32::from(bits)).unwrap_or(0) == 0
}

impl std::str::FromStr for AddressRange {
    type Err = ParseAddressRangeError;

    fn from_str(text: &str) -> Result<Self, ParseAddressRangeError> {
        let error = || ParseAddressRangeError { text: text.to_owned() };
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u8>().map_err(|_| error())?)),
            None => (text, None),
        };
        let written: IpAddr = address.parse().map_err(|_| error())?;
        let network = written.to_canonical();
        let whole = if network.is_ipv4() { 32 } else { 128 };
        // `::ffff:192.0.2.0/120` is `192.0.2.0/24`.
        let shift = if written.is_ipv6() && network.is_ipv4() { 96 } else { 0 };
        let prefix_bits = match bits {
            Some(bits) => bits.checked_sub(shift).ok_or_else(error)?,
            None => whole,
        };
        if prefix_bits > whole { Err(error()) } else { Ok(Self { network, prefix_bits }) }
    }
}

impl std::fmt::Display for AddressRange {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}/{}", self.network, self.prefix_bits)
    }
}

impl std::fmt::Debug for AddressRange {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{self}")
    }
}

impl Serialize for AddressRange {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AddressRange {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn range(text: &str) -> AddressRange {
        text.parse().expect("a range")
    }

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn ranges_hold_what_cidr_says() {
        for (inside, text) in [
            ("192.0.2.7", "192.0.2.0/24"),
            ("192.0.2.7", "192.0.2.7"),
            ("192.0.2.7", "0.0.0.0/0"),
            ("::ffff:192.0.2.7", "192.0.2.0/24"),
            ("192.0.2.7", "::ffff:192.0.2.0/120"),
            ("2001:db8::1", "2001:db8::/32"),
            ("2001:db8::1", "::/0"),
        ] {
            assert!(range(text).contains(address(inside)), "{inside} in {text}");
        }
        for (outside, text) in [
            ("192.0.3.7", "192.0.2.0/24"),
            ("192.0.2.8", "192.0.2.7"),
            ("2001:db9::1", "2001:db8::/32"),
            ("192.0.2.7", "::/0"),
            ("::1", "0.0.0.0/0"),
        ] {
            assert!(!range(text).contains(address(outside)), "{outside} not in {text}");
        }
    }

    #[test]
    fn other_text_is_not_a_range() {
        for text in
            ["", "192.0.2.0/33", "::/129", "192.0.2.0/", "192.0.2/24", "::ffff:192.0.2.0/24", "a/8"]
        {
            assert!(text.parse::<AddressRange>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_empty_list_grants_nothing() {
        assert!(Grants::UNLIMITED.allows_model("gpt-4o"));
        assert!(!Grants { models: Some(vec![]), ..Grants::UNLIMITED }.allows_model("gpt-4o"));
        let some = Grants { models: Some(vec!["o*".into(), "gpt-*".into()]), ..Grants::UNLIMITED };
        assert!(some.allows_model("gpt-4o") && !some.allows_model("claude"));
    }

    #[test]
    fn the_clock_knows_its_week() {
        // 2026-11-23 14:05:09 UTC was a Monday.
        assert_eq!(
            Clock::at(1_795_442_709_000),
            Clock { hour: 14, unix_s: 1_795_442_709, weekday: 1 }
        );
        assert_eq!(Clock::at(0), Clock { hour: 0, unix_s: 0, weekday: 4 });
    }

    #[test]
    fn hours_may_run_over_midnight() {
        let night = Hours { from_hour: 22, until_hour: 6, weekdays: None };
        let at = |hour| Clock { hour, unix_s: 0, weekday: 3 };
        assert!(night.contain(at(23)) && night.contain(at(0)) && !night.contain(at(6)));
        let office = Hours { from_hour: 9, until_hour: 17, weekdays: Some(vec![1, 2]) };
        assert!(!office.contain(at(10)), "a Wednesday");
    }

    #[test]
    fn hours_are_written_as_people_say_them() {
        for (text, shown) in [
            ("8-18", "8-18"),
            ("mon-fri 8-18", "mon,tue,wed,thu,fri 8-18"),
            ("Sat,MON 22-6", "mon,sat 22-6"),
            ("0-24", "0-24"),
        ] {
            let hours: Hours = text.parse().expect("hours");
            assert_eq!(hours.to_string(), shown);
            assert_eq!(shown.parse(), Ok(hours), "what is shown can be read");
        }
        for text in
            ["", "8", "8-25", "24-6", "8-0", "fri-mon 8-18", "someday 8-18", "8:00-18:00", "-"]
        {
            assert!(text.parse::<Hours>().is_err(), "{text}");
        }
    }

    #[test]
    fn grants_are_written_and_read_back() {
        let text = r#"{"actions":["infer"],"addresses":["192.0.2.0/24"],"expires_ms":7,"hours":{"from_hour":9,"until_hour":17},"models":["a*"]}"#;
        let grants: Grants = serde_json::from_str(text).expect("grants");
        assert_eq!(serde_json::to_string(&grants).expect("text"), text);
        assert!(serde_json::from_str::<Grants>(r#"{"model":[]}"#).is_err(), "unknown keys");
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 10_000,
            failure_persistence: None,
            ..ProptestConfig::default()
        })]
        #[test]
        fn a_range_is_what_its_prefix_says(network: u32, other: u32, bits in 0u8..=32) {
            let network = std::net::Ipv4Addr::from_bits(network);
            let range = range(&format!("{network}/{bits}"));
            let mask = u64::MAX << (32 - u32::from(bits));
            let same = u64::from(network.to_bits()) & mask == u64::from(other) & mask;
            prop_assert_eq!(range.contains(std::net::Ipv4Addr::from_bits(other).into()), same);
        }
    }
}
