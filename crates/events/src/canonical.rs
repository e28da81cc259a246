//! The canonical form of an event, and what is hashed over it.
//!
//! INVARIANT: canonical bytes are RFC 8785 (JSON Canonicalization Scheme): keys sorted, no white
//! space, no floating point, no insignificant nulls. Every serialised struct of this crate declares
//! its fields in alphabetical order, so `serde_json` writes them so; a test compares each event with
//! its sorted form. INVARIANT: a leaf is SHA-256(0x00 ‖ canonical bytes), as in RFC 6962 §2.1, so a
//! transparency log can be laid over the record without a migration.

use sha2::{Digest as _, Sha256};

use crate::Event;

/// A SHA-256 digest. Prints as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Digest(pub [u8; 32]);

impl std::fmt::Display for Digest {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{self}")
    }
}

impl std::str::FromStr for Digest {
    type Err = crate::ParseIdError;

    fn from_str(text: &str) -> Result<Self, crate::ParseIdError> {
        data_encoding::HEXLOWER
            .decode(text.as_bytes())
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self)
            .ok_or_else(crate::ParseIdError::digest)
    }
}

impl serde::Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The event's canonical bytes. Fails only if an event cannot be written as JSON at all, which no
/// value of [`Event`] can reach.
pub fn canonical_bytes(event: &Event) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(event)
}

/// The Merkle leaf of canonical bytes (RFC 6962 §2.1).
pub fn leaf_digest(canonical: &[u8]) -> Digest {
    let mut hasher = Sha256::new();
    hasher.update([0]);
    hasher.update(canonical);
    Digest(hasher.finalize().into())
}

/// A commitment to content: SHA-256(salt ‖ content). The salt lives with the encrypted content, so
/// destroying the content makes the commitment say nothing about it.
pub fn commitment(salt: &[u8; 16], content: &[u8]) -> Digest {
    let mut hasher = Sha256::new();
    hasher.update(salt);
    hasher.update(content);
    Digest(hasher.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::{Digest, commitment, leaf_digest};

    #[test]
    fn leaf_of_nothing_is_the_published_value() {
        // RFC 6962 test vectors: the leaf hash of an empty entry.
        assert_eq!(
            leaf_digest(b"").to_string(),
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
        );
    }

    #[test]
    fn the_salt_changes_the_commitment() {
        assert_ne!(commitment(&[0; 16], b"text"), commitment(&[1; 16], b"text"));
    }

    #[test]
    fn digests_print_and_parse() {
        let digest = leaf_digest(b"x");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert!("xyz".parse::<Digest>().is_err());
    }
}
