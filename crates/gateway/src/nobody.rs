//! Refusals of those who are nobody: without a key that is known, or of a path that is none.
//!
//! Each is on record, but only so many from one network: whoever needs no key must not be able to fill the disk, for a
//! full disk stops everybody. Those beyond are refused all the same and counted, and a notice with their number is on record.
//!
//! INVARIANT: bounded: [`NETWORKS_MAX`] networks are told apart, what comes from others counts together. INVARIANT: who is let in is
//! never counted here.
//!
//! Not here: limits of those who are let in (`quota`).

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use events::{Event, EventBody, NodeNotice};
use journal::Journal;

use crate::exchange::now_ms;

/// Refusals of one network that are on record one by one, at once.
const BURST: f64 = 300.0;
/// And after that, in a second.
const PER_SECOND: f64 = 1.0;
/// Networks that are told apart: an address of IPv4, a /64 of IPv6.
const NETWORKS_MAX: usize = 4_096;
/// Time between two notices.
const NOTICE_PAUSE: Duration = Duration::from_mins(1);

/// What nobody has left, by network.
#[derive(Debug, Default)]
pub(crate) struct Nobodies(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    left: HashMap<Option<IpAddr>, (f64, Instant)>,
    told_at: Option<Instant>,
    /// Refusals since the last notice that are not on record one by one.
    untold: u64,
}

impl Nobodies {
    /// Whether a refusal of nobody from there is put on record by itself.
    pub(crate) fn is_recorded(&self, from: Option<IpAddr>, journal: &Journal) -> bool {
        let now = Instant::now();
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.takes(from.map(network), now) {
            return true;
        }
        state.untold = state.untold.saturating_add(1);
        if state.told_at.is_some_and(|told| now - told < NOTICE_PAUSE) {
            return false;
        }
        let count = std::mem::take(&mut state.untold);
        state.told_at = Some(now);
        drop(state);
        let place = from.map_or_else(|| String::from("addresses unknown"), |from| from.to_string());
        let detail = format!(
            "{count} requests without a known key, the last from {place}, were refused and are not on record one by one"
        );
        let notice = NodeNotice { detail, state: String::from("degraded") };
        let event = Event::new(now_ms(), EventBody::Node(notice));
        if let Err(error) = journal.append_later(&event) {
            tracing::error!(%error, "refusals that are not on record could not be counted there");
        }
        false
    }
}

impl State {
    fn takes(&mut self, network: Option<IpAddr>, now: Instant) -> bool {
        if self.left.len() >= NETWORKS_MAX && !self.left.contains_key(&network) {
            self.left.retain(|_, (left, at)| refilled(*left, *at, now) < BURST);
        }
        let is_full = self.left.len() >= NETWORKS_MAX && !self.left.contains_key(&network);
        let counted = if is_full { None } else { network };
        let (left, at) = self.left.entry(counted).or_insert((BURST, now));
        *left = refilled(*left, *at, now);
        *at = now;
        let is_taken = *left >= 1.0;
        if is_taken {
            *left -= 1.0;
        }
        is_taken
    }
}

fn refilled(left: f64, at: Instant, now: Instant) -> f64 {
    (left + now.saturating_duration_since(at).as_secs_f64() * PER_SECOND).min(BURST)
}

/// Whose addresses are one caller's: all of a /64.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) => IpAddr::V4(Ipv4Addr::from(address.octets())),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(address) => IpAddr::V4(address),
            None => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> IpAddr {
        network(text.parse().expect(text))
    }

    #[test]
    fn a_network_has_so_many_and_then_one_a_second() {
        let (mut state, now) = (State::default(), Instant::now());
        let taken = (0..1_000).filter(|_| state.takes(Some(at("192.0.2.1")), now)).count();
        assert_eq!(taken, BURST as usize);
        assert!(state.takes(Some(at("192.0.2.2")), now), "another has its own");
        let later = now + Duration::from_secs(3);
        let taken = (0..10).filter(|_| state.takes(Some(at("192.0.2.1")), later)).count();
        assert_eq!(taken, 3);
    }

    #[test]
    fn addresses_of_one_network_count_together() {
        assert_eq!(at("2001:db8::1"), at("2001:db8::2:3"));
        assert_ne!(at("2001:db8::1"), at("2001:db8:0:1::1"));
        assert_eq!(at("::ffff:192.0.2.1"), at("192.0.2.1"));
    }

    #[test]
    fn networks_beyond_the_limit_count_together_until_others_have_rested() {
        let (mut state, now) = (State::default(), Instant::now());
        for number in 0..2 * NETWORKS_MAX as u32 {
            state.takes(Some(IpAddr::V4(Ipv4Addr::from(number))), now);
        }
        assert!(state.left.len() <= NETWORKS_MAX + 1, "{}", state.left.len());
        assert!(!state.takes(Some(at("192.0.2.9")), now), "those beyond had one share together");
        let later = now + Duration::from_secs(2);
        assert!(state.takes(Some(at("192.0.2.9")), later));
        assert!(state.left.len() < NETWORKS_MAX, "who has rested is forgotten");
    }
}
