//! One interaction as campaigns see it, when it has ended, and what it can have in common with others.
//!
//! INVARIANT: kinds, ids and a keyed sketch; no text. INVARIANT: what a caller can choose is bounded: [`TEXT_BYTES_MAX`] of each name.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use events::{ConversationId, InteractionId, Kind, Principal, Rank};
use serde::{Deserialize, Serialize};

use super::sketch::Sketch;

/// Findings from this rank on count: one ordinary text in a hundred has one.
pub(crate) const RANK_MIN: Rank = Rank::new(20);
/// Kinds of finding of one interaction that are looked at.
pub const KINDS_MAX: usize = 8;
/// Techniques of one interaction that are looked at.
pub const TECHNIQUES_MAX: usize = 8;
/// Bytes of a name (of a user, an application, a model); the rest is cut off.
pub(crate) const TEXT_BYTES_MAX: usize = 128;

/// Families of findings that speak of an attack, and the technique of MITRE ATLAS that each is, should no rule have named one.
const FAMILIES: [(&str, &str); 9] = [
    ("injection", "AML.T0051"),
    ("jailbreak", "AML.T0054"),
    ("extraction", "AML.T0056"),
    ("exfiltration", "AML.T0086"),
    ("tool_abuse", "AML.T0053"),
    ("obfuscation", "AML.T0068"),
    ("canary", "AML.T0057"),
    ("leak", "AML.T0057"),
    ("regurgitation", "AML.T0057"),
];

/// How an interaction ended, as whoever attacks sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fate {
    /// Refused, or its answer stopped, by policy.
    Refused,
    /// Answered, but the model declined.
    Declined,
    /// Answered.
    Passed,
    /// Neither: it failed, or its client left.
    #[default]
    Other,
}

/// One interaction that has ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sighting {
    /// The caller's address, if it is known.
    pub address: Option<IpAddr>,
    /// Its conversation.
    pub conversation: Option<ConversationId>,
    /// How it ended.
    pub fate: Fate,
    /// Its id.
    pub interaction: InteractionId,
    /// What was found that speaks of an attack, each kind once with its highest rank; see [`Sighting::notes`].
    pub kinds: Vec<(Kind, Rank)>,
    /// The model asked for.
    pub model: Option<String>,
    /// Who asked.
    pub principal: Principal,
    /// What its text is like.
    pub sketch: Sketch,
    /// Techniques of MITRE ATLAS that the rules name that fired.
    pub techniques: Vec<String>,
    /// When it ended, in milliseconds since 1970.
    pub time_ms: u64,
}

impl Sighting {
    /// Takes a finding, if it is one that campaigns are made of.
    pub fn notes(&mut self, kind: &Kind, rank: Rank) {
        if !speaks_of_attack(kind, rank) {
            return;
        }
        if let Some((_, highest)) = self.kinds.iter_mut().find(|(known, _)| known == kind) {
            *highest = rank.max(*highest);
        } else if self.kinds.len() < KINDS_MAX {
            self.kinds.push((kind.clone(), rank));
        }
    }

    /// Takes a control of a rule that fired, if it is a technique of MITRE ATLAS.
    pub fn breaks(&mut self, control: &str) {
        let is_new = || self.techniques.iter().all(|known| known != control);
        if control.starts_with("AML.T") && self.techniques.len() < TECHNIQUES_MAX && is_new() {
            self.techniques.push(shortened(control));
        }
    }

    /// The highest rank of what was found; nothing where nothing speaks of an attack.
    pub(crate) fn rank(&self) -> Option<Rank> {
        self.kinds.iter().map(|(_, rank)| *rank).max()
    }

    /// The techniques that its rules or else its findings speak of.
    pub(crate) fn all_techniques(&self) -> impl Iterator<Item = &str> {
        let by_family = |family: &str| FAMILIES.iter().find(|(known, _)| *known == family);
        let found = self.kinds.iter().filter_map(move |(kind, _)| by_family(kind.family()));
        let found = found.map(|(_, technique)| *technique);
        // What a rule names is more exact than what a family suggests.
        let is_named =
            move |technique: &str| self.techniques.iter().any(|one| one.starts_with(technique));
        self.techniques.iter().map(String::as_str).chain(found.filter(move |one| !is_named(one)))
    }

    /// Who asked, as one word: the key, else the user, else the application.
    pub(crate) fn caller(&self) -> Option<String> {
        let Principal { application, issuer, key, user, .. } = &self.principal;
        if let Some(key) = key {
            return Some(format!("key {key}"));
        }
        if let Some(user) = user {
            let issuer = issuer.as_deref().unwrap_or("certificate");
            return Some(format!("user {} ({})", shortened(user), shortened(issuer)));
        }
        application.as_ref().map(|name| format!("application {}", shortened(name)))
    }

    /// What it can have in common with others, but for its text.
    pub(crate) fn ties(&self) -> Vec<Tie> {
        let mut ties = Vec::with_capacity(6);
        let caller = self.caller();
        if let (Some(caller), Some(end_user)) = (&caller, &self.principal.end_user) {
            ties.push(Tie::EndUser(format!("{} of {caller}", shortened(end_user))));
        }
        ties.extend(caller.map(Tie::Caller));
        if let Some(address) = self.address.map(|address| address.to_canonical()) {
            ties.push(Tie::Address(address));
            ties.push(Tie::Network(network(address)));
        }
        let is_keyed = self.principal.key.is_some() || self.principal.user.is_some();
        let application = self.principal.application.as_ref().filter(|_| is_keyed);
        ties.extend(application.map(|name| Tie::Application(shortened(name))));
        ties
    }
}

/// Whether a finding counts.
pub fn speaks_of_attack(kind: &Kind, rank: Rank) -> bool {
    rank >= RANK_MIN && FAMILIES.iter().any(|(family, _)| *family == kind.family())
}

/// As much of a name as is kept.
pub(crate) fn shortened(name: &str) -> String {
    name.get(..name.floor_char_boundary(TEXT_BYTES_MAX)).unwrap_or_default().to_owned()
}

/// The network of an address, by its first address: /24, of IPv6 /64.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) => IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & 0xffff_ff00)),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
    }
}

/// Something that interactions have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Tie {
    /// A key, a user or an application without keys.
    Caller(String),
    /// An end user of a caller.
    EndUser(String),
    /// Where it came from.
    Address(IpAddr),
    /// A /24 or /64.
    Network(IpAddr),
    /// The application of several keys.
    Application(String),
    /// Nearly the same text, by a number.
    Text(u32),
    /// A kind of finding, of whomever.
    Technique(Kind),
}

impl Tie {
    /// What sort of thing it is, as in records.
    pub(crate) const fn share(&self) -> &'static str {
        match self {
            Self::Caller(_) => "caller",
            Self::EndUser(_) => "end_user",
            Self::Address(_) => "address",
            Self::Network(_) => "network",
            Self::Application(_) => "application",
            Self::Text(_) => "text",
            Self::Technique(_) => "technique",
        }
    }

    /// Which, as in records.
    pub(crate) fn what(&self) -> String {
        match self {
            Self::Caller(name) | Self::EndUser(name) | Self::Application(name) => name.clone(),
            Self::Address(address) => address.to_string(),
            Self::Network(address @ IpAddr::V4(_)) => format!("{address}/24"),
            Self::Network(address @ IpAddr::V6(_)) => format!("{address}/64"),
            Self::Text(number) => number.to_string(),
            Self::Technique(kind) => kind.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::testing::sighting;

    #[test]
    fn networks_are_those_of_a_site() {
        let ties = |address: &str| {
            let mut seen = sighting(1);
            seen.address = address.parse().ok();
            seen.ties()
                .iter()
                .map(|tie| format!("{} {}", tie.share(), tie.what()))
                .collect::<Vec<_>>()
        };
        let four = ["caller key 0000000000", "address 192.0.2.77", "network 192.0.2.0/24"];
        assert_eq!(ties("192.0.2.77"), four);
        assert_eq!(ties("::ffff:192.0.2.77"), four, "an address has one name");
        assert_eq!(ties("2001:db8:1:2:3::4")[2], "network 2001:db8:1:2::/64");
    }

    #[test]
    fn only_what_speaks_of_an_attack_counts() {
        let mut seen = sighting(1);
        for (kind, rank) in [("pii.email", 60), ("injection", 19), ("toxicity", 60)] {
            seen.notes(&Kind::of(kind), Rank::new(rank));
        }
        assert_eq!(seen.rank(), None);
        seen.notes(&Kind::of("obfuscation.invisible"), Rank::new(25));
        seen.notes(&Kind::of("injection"), Rank::new(30));
        seen.notes(&Kind::of("injection"), Rank::new(22));
        assert_eq!((seen.rank(), seen.kinds.len()), (Some(Rank::new(30)), 2));
        seen.breaks("LLM01:2026");
        seen.breaks("AML.T0051.000");
        assert_eq!(seen.all_techniques().collect::<Vec<_>>(), ["AML.T0051.000", "AML.T0068"]);
    }
}
