//! Every virtual key in memory, for the gateway to check a caller against.
//!
//! INVARIANT: a snapshot never changes; the gateway swaps a newer one in. INVARIANT: a presented key is
//! hashed and compared in constant time whether or not its id exists, and a refusal says `revoked`,
//! `rotated` or `expired` only to somebody who holds the right key.

use std::sync::Arc;

use events::{KeyId, parse_virtual_key};
use rustc_hash::FxHashMap;

use crate::mac::{Pepper, Purpose};
use crate::{Grant, KeyRecord, KeyStatus};

/// Why a presented key does not open. Each means 401 and nothing is retried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum KeyRefusal {
    /// It does not have the shape of a virtual key, or its checksum is wrong: a typing error.
    #[error("not a virtual key: check that it was copied whole")]
    Malformed,
    /// No key here is this one.
    #[error("unknown virtual key")]
    Unknown,
    /// It was revoked.
    #[error("this virtual key was revoked")]
    Revoked,
    /// It has a newer secret, and the time in which the old one worked too is over.
    #[error("this virtual key was rotated; use its new secret")]
    Rotated,
    /// Its time is over.
    #[error("this virtual key has expired")]
    Expired,
}

impl KeyRefusal {
    /// The stable code in error bodies and records.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "key_malformed",
            Self::Unknown => "key_unknown",
            Self::Revoked => "key_revoked",
            Self::Rotated => "key_rotated",
            Self::Expired => "key_expired",
        }
    }
}

/// One key as the snapshot holds it.
#[derive(Debug)]
pub(crate) struct Entry {
    id: KeyId,
    mac: [u8; 32],
    /// The secret before the last rotation, and from when on it is refused, in milliseconds since 1970.
    previous: Option<([u8; 32], u64)>,
    rotated_ms: Option<u64>,
    status: KeyStatus,
    grant: Arc<Grant>,
}

impl Entry {
    pub(crate) fn new(
        record: &KeyRecord,
        mac: [u8; 32],
        previous: Option<([u8; 32], u64)>,
    ) -> Self {
        Self {
            id: record.id,
            mac,
            previous,
            rotated_ms: record.rotated_ms,
            status: record.status,
            grant: Arc::new(Grant::new(record.id, &record.grant)),
        }
    }
}

/// All keys at one moment. See the module.
#[derive(Debug)]
pub struct KeySnapshot {
    pepper: Pepper,
    entries: FxHashMap<KeyId, Entry>,
    changes: u64,
}

impl KeySnapshot {
    pub(crate) fn new(pepper: Pepper, entries: Vec<Entry>, changes: u64) -> Self {
        let entries = entries.into_iter().map(|entry| (entry.id, entry)).collect();
        Self { pepper, entries, changes }
    }

    /// The grant of the key that the caller presented. `now_ms` is milliseconds since 1970.
    pub fn authenticate(&self, presented: &str, now_ms: u64) -> Result<Arc<Grant>, KeyRefusal> {
        let id = parse_virtual_key(presented).ok_or(KeyRefusal::Malformed)?;
        let entry = self.entries.get(&id);
        // Both are always compared, so that the time it takes says nothing about either.
        let mac = entry.map_or(&[0; 32], |entry| &entry.mac);
        let previous = entry.and_then(|entry| entry.previous.as_ref());
        let (previous, until_ms) = previous.map_or((&[0; 32], 0), |(mac, until)| (mac, *until));
        let matches = self.pepper.verify(Purpose::VirtualKey, presented.as_bytes(), mac);
        let was = self.pepper.verify(Purpose::VirtualKey, presented.as_bytes(), previous);
        let entry = entry.filter(|_| matches || was).ok_or(KeyRefusal::Unknown)?;
        if entry.status == KeyStatus::Revoked {
            return Err(KeyRefusal::Revoked);
        }
        if entry.grant.limits.expires_ms.is_some_and(|expires_ms| expires_ms <= now_ms) {
            return Err(KeyRefusal::Expired);
        }
        if !matches && until_ms <= now_ms {
            return Err(KeyRefusal::Rotated);
        }
        Ok(Arc::clone(&entry.grant))
    }

    /// Every key and whether it works, in no order.
    pub fn statuses(&self) -> impl Iterator<Item = (KeyId, KeyStatus)> + '_ {
        self.entries.values().map(|entry| (entry.id, entry.status))
    }

    /// Whether a key works; `None` if there is no such key.
    pub fn status(&self, id: KeyId) -> Option<KeyStatus> {
        self.entries.get(&id).map(|entry| entry.status)
    }

    /// When a key last got a new secret, in milliseconds since 1970.
    pub fn rotated_ms(&self, id: KeyId) -> Option<u64> {
        self.entries.get(&id).and_then(|entry| entry.rotated_ms)
    }

    /// How many keys there are, revoked ones included.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no key at all.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The store's change counter when this was read.
    pub(crate) const fn changes(&self) -> u64 {
        self.changes
    }
}
