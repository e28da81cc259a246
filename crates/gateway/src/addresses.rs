//! Which address a request comes from, and who may ask from there.
//!
//! A proxy in front of the gateway writes the address it was asked from at the right end of `X-Forwarded-For`; whatever
//! stands further left was written by others, the client among them. So the header is read from the right, and only as far
//! as the operator's own proxies go.
//!
//! INVARIANT: a client cannot choose its address: the first address from the right that is not a trusted proxy's is taken.
//! INVARIANT: an address that cannot be known is nobody's: no list of allowed addresses holds it.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, StatusCode};
use policy::AddressRange;

use crate::refusal::Refusal;

const FORWARDED_FOR: &str = "x-forwarded-for";
/// Proxies behind one another that are followed.
const HOPS_MAX: usize = 16;

/// Addresses that may ask, and addresses that may not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressRules {
    /// If any is named, only these may ask.
    pub allow: Vec<AddressRange>,
    /// These may not, whether allowed or not.
    pub deny: Vec<AddressRange>,
}

impl AddressRules {
    /// Refuses whom the rules do not let in.
    pub(crate) fn check(&self, client: Option<IpAddr>) -> Result<(), Refusal> {
        let held_by = |ranges: &[AddressRange]| {
            client.is_some_and(|address| ranges.iter().any(|range| range.contains(address)))
        };
        let is_denied = held_by(&self.deny) || (client.is_none() && !self.deny.is_empty());
        if is_denied || !(self.allow.is_empty() || held_by(&self.allow)) {
            return Err(Refusal {
                ending: events::Ending::Refused,
                ..Refusal::request(
                    StatusCode::FORBIDDEN,
                    "address_not_allowed",
                    "requests from this address are not accepted; ask your platform team",
                )
            });
        }
        Ok(())
    }
}

/// Whom to believe about addresses, and who may ask at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressSettings {
    /// Who may ask.
    pub rules: AddressRules,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<AddressRange>,
    /// Load balancers that begin their connections with a PROXY header of version 2.
    pub proxy_protocol_from: Vec<AddressRange>,
}

impl AddressSettings {
    /// The client's address; nothing if a trusted proxy wrote something that is none, or there are too many of them.
    pub(crate) fn client(&self, peer: SocketAddr, headers: &HeaderMap) -> Option<IpAddr> {
        let mut client = peer.ip().to_canonical();
        if !self.trusts(client) {
            return Some(client);
        }
        let lines = headers.get_all(FORWARDED_FOR);
        let hops = lines.iter().rev().flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
        for (count, hop) in hops.enumerate() {
            if count == HOPS_MAX {
                return None;
            }
            client = address(hop)?;
            if !self.trusts(client) {
                break;
            }
        }
        Some(client)
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|range| range.contains(address))
    }
}

/// An address as proxies write it: with a port or without, IPv6 in brackets or not.
fn address(hop: &[u8]) -> Option<IpAddr> {
    let hop = std::str::from_utf8(hop).ok()?.trim();
    let address = match hop.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map(|(address, _)| address)?,
        None => match hop.split_once(':') {
            Some((address, port)) if !port.contains(':') => address,
            _ => hop,
        },
    };
    address.parse().ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ranges(texts: &[&str]) -> Vec<AddressRange> {
        texts.iter().map(|text| text.parse().expect("a range")).collect()
    }

    fn client(peer: &str, lines: &[&str]) -> Option<String> {
        let trusted_proxies = ranges(&["10.0.0.0/8", "2001:db8:1::/48"]);
        let settings = AddressSettings { trusted_proxies, ..AddressSettings::default() };
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, line.parse().expect("a value"));
        }
        let peer = SocketAddr::new(peer.parse().expect("an address"), 4711);
        settings.client(peer, &headers).map(|address| address.to_string())
    }

    #[test]
    fn the_first_stranger_from_the_right_is_the_client() {
        for (peer, lines, expected) in [
            ("192.0.2.7", &[][..], "192.0.2.7"),
            ("192.0.2.7", &["203.0.113.1"], "192.0.2.7"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["203.0.113.1"], "203.0.113.1"),
            ("10.0.0.1", &["198.51.100.9, 203.0.113.1"], "203.0.113.1"),
            ("10.0.0.1", &["198.51.100.9, 203.0.113.1, 10.2.3.4"], "203.0.113.1"),
            ("10.0.0.1", &["198.51.100.9", "203.0.113.1"], "203.0.113.1"),
            ("10.0.0.1", &["10.9.9.9, 10.2.3.4"], "10.9.9.9"),
            ("::ffff:10.0.0.1", &["203.0.113.1:8443"], "203.0.113.1"),
            ("10.0.0.1", &["[2001:db8::5]:8443"], "2001:db8::5"),
            ("10.0.0.1", &["2001:db8::5"], "2001:db8::5"),
            ("2001:db8:1::9", &["::ffff:203.0.113.1"], "203.0.113.1"),
        ] {
            assert_eq!(client(peer, lines).as_deref(), Some(expected), "{peer} {lines:?}");
        }
    }

    #[test]
    fn what_a_trusted_proxy_leaves_unclear_is_unknown() {
        for lines in [&["unknown"][..], &["203.0.113.1, "], &["203.0.113.1, _hidden"], &["[::1"]] {
            assert_eq!(client("10.0.0.1", lines), None, "{lines:?}");
        }
        let many = vec!["10.0.0.2"; HOPS_MAX].join(",");
        assert_eq!(client("10.0.0.1", &[&many]).as_deref(), Some("10.0.0.2"));
        assert_eq!(client("10.0.0.1", &[&format!("203.0.113.1,{many}")]), None);
    }

    #[test]
    fn denial_beats_permission_and_the_unknown_is_let_in_by_no_list() {
        let rules = |allow: &[&str], deny: &[&str]| AddressRules {
            allow: ranges(allow),
            deny: ranges(deny),
        };
        let at = |text: &str| Some(text.parse().expect("an address"));
        for (rules, client, expected) in [
            (rules(&[], &[]), None, true),
            (rules(&[], &[]), at("192.0.2.7"), true),
            (rules(&["192.0.2.0/24"], &[]), at("192.0.2.7"), true),
            (rules(&["192.0.2.0/24"], &[]), at("192.0.3.7"), false),
            (rules(&["192.0.2.0/24"], &["192.0.2.7"]), at("192.0.2.7"), false),
            (rules(&[], &["192.0.2.0/24"]), at("192.0.3.7"), true),
            (rules(&["0.0.0.0/0", "::/0"], &[]), None, false),
            (rules(&[], &["192.0.2.0/24"]), None, false),
        ] {
            assert_eq!(rules.check(client).is_ok(), expected, "{rules:?} {client:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn what_a_client_writes_changes_nothing(claims in proptest::collection::vec("[ -~]{0,40}", 0..4)) {
            // A client's own lines come before what the proxy appends.
            let mut lines: Vec<&str> = claims.iter().map(String::as_str).collect();
            lines.push("203.0.113.1");
            let found = client("10.0.0.1", &lines);
            prop_assert_eq!(found.as_deref(), Some("203.0.113.1"));
        }
    }
}
