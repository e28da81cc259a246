//! Identifiers: how interactions, conversations, keys and nodes are named.
//!
//! INVARIANT: an id prints and parses to the same value. INVARIANT: ids are made from time and
//! random bits that the caller passes in.

use data_encoding::{BASE32_DNSSEC, HEXLOWER};
use serde::{Deserialize, Serialize};

/// Text that is not an id of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not {expected}, for example `{example}`")]
pub struct ParseIdError {
    expected: &'static str,
    example: &'static str,
}

impl ParseIdError {
    pub(crate) const fn digest() -> Self {
        Self {
            expected: "a SHA-256 digest of 64 hexadecimal digits",
            example: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        }
    }
}

/// One guarded exchange: `int_` and 26 characters; sorts by the time it was opened.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InteractionId(u128);

impl InteractionId {
    /// From the time (milliseconds since 1970, 48 bits kept) and 80 random bits.
    pub const fn new(time_ms: u64, random: u128) -> Self {
        Self(((time_ms as u128 & 0xffff_ffff_ffff) << 80) | (random & ((1 << 80) - 1)))
    }

    /// When the interaction was opened, in milliseconds since 1970.
    pub const fn time_ms(self) -> u64 {
        (self.0 >> 80) as u64
    }

    /// The 128 bits, for keyed hashes.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }
}

/// A campaign: `cmp_` and 26 characters; sorts by the time its first known interaction was opened.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CampaignId(u128);

impl CampaignId {
    /// From its first known interaction, which is that of no other campaign.
    pub const fn begun_with(interaction: InteractionId) -> Self {
        Self(interaction.0)
    }
}

/// A conversation: `cnv_` and 26 characters. A keyed hash, so it reveals nothing about its text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConversationId([u8; 16]);

impl ConversationId {
    /// From the first 16 bytes of a keyed hash.
    pub const fn from_hash(hash: [u8; 16]) -> Self {
        Self(hash)
    }

    /// The 16 bytes, for keyed hashes.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0
    }
}

/// The public part of a virtual key: 10 characters of `0-9a-v`, kept across rotation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 10]);

impl KeyId {
    /// From 50 random bits (the low bits of `random`).
    pub fn new(random: u64) -> Self {
        let mut id = [0; 10];
        for (index, byte) in id.iter_mut().enumerate() {
            *byte = b"0123456789abcdefghijklmnopqrstuv"[(random >> (index * 5)) as usize & 31];
        }
        Self(id)
    }

    /// The ten characters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// One gateway process's journal: `nod_` and 16 hexadecimal digits, fixed when the journal is made.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(u64);

impl NodeId {
    /// From 64 random bits.
    pub const fn new(random: u64) -> Self {
        Self(random)
    }

    /// The 64 bits, for keyed hashes and file headers.
    pub const fn get(self) -> u64 {
        self.0
    }
}

fn base32(bytes: &[u8; 16]) -> String {
    BASE32_DNSSEC.encode(bytes)
}

fn unbase32(text: &str) -> Option<[u8; 16]> {
    BASE32_DNSSEC.decode(text.as_bytes()).ok()?.try_into().ok()
}

impl std::fmt::Display for InteractionId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "int_{}", base32(&self.to_bytes()))
    }
}

impl std::str::FromStr for InteractionId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        text.strip_prefix("int_")
            .and_then(unbase32)
            .map(|bytes| Self(u128::from_be_bytes(bytes)))
            .ok_or(ParseIdError {
                expected: "an interaction id",
                example: "int_067k9vq2v0000000000000000g",
            })
    }
}

impl std::fmt::Display for CampaignId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "cmp_{}", base32(&self.0.to_be_bytes()))
    }
}

impl std::str::FromStr for CampaignId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        text.strip_prefix("cmp_")
            .and_then(unbase32)
            .map(|bytes| Self(u128::from_be_bytes(bytes)))
            .ok_or(ParseIdError {
                expected: "a campaign's id",
                example: "cmp_067k9vq2v0000000000000000g",
            })
    }
}

impl std::fmt::Display for ConversationId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "cnv_{}", base32(&self.0))
    }
}

impl std::str::FromStr for ConversationId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        text.strip_prefix("cnv_").and_then(unbase32).map(Self).ok_or(ParseIdError {
            expected: "a conversation id",
            example: "cnv_067k9vq2v0000000000000000g",
        })
    }
}

impl std::fmt::Display for KeyId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl std::str::FromStr for KeyId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let error = ParseIdError { expected: "a key id", example: "4m2k9vq0ta" };
        let bytes: [u8; 10] = text.as_bytes().try_into().map_err(|_| error.clone())?;
        if bytes.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'v')) {
            Ok(Self(bytes))
        } else {
            Err(error)
        }
    }
}

impl std::fmt::Display for NodeId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "nod_{}", HEXLOWER.encode(&self.0.to_be_bytes()))
    }
}

impl std::str::FromStr for NodeId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        text.strip_prefix("nod_")
            .and_then(|digits| HEXLOWER.decode(digits.as_bytes()).ok())
            .and_then(|bytes| bytes.try_into().ok())
            .map(|bytes| Self(u64::from_be_bytes(bytes)))
            .ok_or(ParseIdError { expected: "a node id", example: "nod_00d1e7c3a95b2f48" })
    }
}

macro_rules! text_form {
    ($($id:ty),+) => {$(
        impl std::fmt::Debug for $id {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(formatter, "{self}")
            }
        }

        impl Serialize for $id {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $id {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )+};
}

text_form!(InteractionId, CampaignId, ConversationId, KeyId, NodeId);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{CampaignId, ConversationId, InteractionId, KeyId, NodeId};

    proptest! {
        #[test]
        fn ids_print_and_parse_to_the_same_value(time in any::<u64>(), low in any::<u128>()) {
            let interaction = InteractionId::new(time, low);
            prop_assert_eq!(interaction.to_string().parse(), Ok(interaction));
            let campaign = CampaignId::begun_with(interaction);
            prop_assert_eq!(campaign.to_string().parse(), Ok(campaign));
            let conversation = ConversationId::from_hash(low.to_be_bytes());
            prop_assert_eq!(conversation.to_string().parse(), Ok(conversation));
            let key = KeyId::new(time);
            prop_assert_eq!(key.to_string().parse(), Ok(key));
            let node = NodeId::new(time);
            prop_assert_eq!(node.to_string().parse(), Ok(node));
        }

        #[test]
        fn later_interactions_sort_after_earlier_ones(a in 0..1u64 << 48, b in 0..1u64 << 48, r in any::<u128>()) {
            let (first, second) = (InteractionId::new(a, r), InteractionId::new(b, r));
            prop_assert_eq!(first.to_string().cmp(&second.to_string()), a.cmp(&b));
        }
    }

    #[test]
    fn other_text_is_not_an_id() {
        for text in ["", "int_", "cnv_067k9vq2v0000000000000000g", "int_UPPER"] {
            assert!(text.parse::<InteractionId>().is_err(), "{text}");
        }
    }
}
