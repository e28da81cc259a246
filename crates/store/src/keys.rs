//! Virtual keys: making, listing, rotating, revoking, and reading them all into a snapshot.
//!
//! The key itself is shown once, when it is made. What stays is its id, its grant and an HMAC of it
//! under the pepper in `DATA/keys/pepper`; a stolen database opens nothing, and neither does a stolen
//! pepper alone.
//!
//! INVARIANT: the database remembers (by a check value) which pepper it was made with, so that a lost
//! or swapped pepper is an error at the start rather than a refusal of every key.

use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use events::{KeyId, VIRTUAL_KEY_RANDOM_CHARACTERS, compose_virtual_key};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};
use serde_json::json;
use stdx::Secret;
use zeroize::Zeroizing;

use crate::authenticate::{Entry, KeySnapshot};
use crate::mac::{Pepper, Purpose};
use crate::{
    Document, DocumentKind, GrantError, GrantOptions, LIST_DOCUMENTS_MAX, SecretFileError, Store,
    StoreError, load_or_create_secret,
};

/// The most keys in one database; each costs the gateway about half a kilobyte of memory.
pub const KEYS_MAX: u64 = 100_000;

const VIRTUAL_KEY: DocumentKind = DocumentKind::new("virtual key");
const PEPPER_CHECK: DocumentKind = DocumentKind::new("pepper check");
const PEPPER_CHECK_ID: &str = "virtual keys";
/// A fresh id of 50 random bits is taken once in ten thousand million tries, at the worst.
const CREATE_ATTEMPTS_MAX: u32 = 4;

/// A failed operation on keys.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The grant cannot be given. The caller's fault.
    #[error(transparent)]
    Grant(#[from] GrantError),
    /// The store failed, or has no such key.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The pepper cannot be read.
    #[error(transparent)]
    Pepper(#[from] SecretFileError),
    /// The pepper is not the one that this database was made with: every key would be refused.
    #[error(
        "the pepper `{}` does not belong to the database `{}`",
        pepper.display(),
        database.display()
    )]
    PepperMismatch {
        /// The pepper file.
        pepper: PathBuf,
        /// The database file.
        database: PathBuf,
    },
    /// There are too many keys.
    #[error("there are {count} keys, the limit is {keys_max}")]
    TooMany {
        /// How many there are.
        count: u64,
        /// How many there may be.
        keys_max: u64,
    },
    /// A revoked key never works again, with whatever secret.
    #[error("the key {id} is revoked, so it gets no new secret")]
    RotateRevoked {
        /// The key.
        id: KeyId,
    },
    /// The system has no randomness to give.
    #[error("the system gave no random bytes")]
    NoRandomness,
}

/// Whether a key works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyStatus {
    /// It works until it expires.
    Active,
    /// It was revoked and never works again.
    Revoked,
}

/// Everything that is known about a key, which is not the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRecord {
    /// Its public id.
    pub id: KeyId,
    /// What it may do.
    pub grant: GrantOptions,
    /// Whether it works.
    pub status: KeyStatus,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: u64,
    /// When it was revoked, in milliseconds since 1970.
    pub revoked_ms: Option<u64>,
    /// When it last got a new secret, in milliseconds since 1970.
    pub rotated_ms: Option<u64>,
    /// Until when the secret before that works too, in milliseconds since 1970.
    pub overlap_until_ms: Option<u64>,
    /// The version of its document.
    pub version: u64,
}

/// The stored form.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyBody {
    grant: GrantOptions,
    mac: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous: Option<PreviousSecret>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revoked_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rotated_ms: Option<u64>,
    status: KeyStatus,
}

/// The secret before the last rotation.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PreviousSecret {
    mac: String,
    /// From when on it is refused, in milliseconds since 1970.
    until_ms: u64,
}

/// The keys of one data directory; clones share it.
#[derive(Clone, Debug)]
pub struct VirtualKeys {
    store: Store,
    pepper: Pepper,
}

impl VirtualKeys {
    /// Keys in `store` under the pepper in `pepper_path`, which is made if the store is new.
    pub async fn open(store: Store, pepper_path: &Path, now_ms: u64) -> Result<Self, KeysError> {
        let stored = store.get(PEPPER_CHECK, PEPPER_CHECK_ID).await?;
        if stored.is_some() && !pepper_path.exists() {
            // A new pepper could not open the old keys; making one would only hide the loss.
            let source = std::io::Error::from(std::io::ErrorKind::NotFound);
            let path = pepper_path.to_path_buf();
            return Err(SecretFileError::Io { doing: "read", path, source }.into());
        }
        let pepper = Pepper::new(&load_or_create_secret(pepper_path)?);
        let check = json!({ "mac": HEXLOWER.encode(&pepper.mac(Purpose::PepperCheck, b"")) });
        let stored = match stored {
            Some(document) => document.body,
            None => match store.insert(PEPPER_CHECK, PEPPER_CHECK_ID, &check, now_ms).await {
                Ok(document) => document.body,
                // Another process was first; its check value is the one that counts.
                Err(StoreError::AlreadyExists { .. }) => {
                    let document = store.get(PEPPER_CHECK, PEPPER_CHECK_ID).await?;
                    document.map(|document| document.body).unwrap_or_default()
                }
                Err(error) => return Err(error.into()),
            },
        };
        if stored != check {
            let (pepper, database) = (pepper_path.to_path_buf(), store.path().to_path_buf());
            return Err(KeysError::PepperMismatch { pepper, database });
        }
        Ok(Self { store, pepper })
    }

    /// The store underneath.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Makes a key. The returned text is the only copy.
    pub async fn create(
        &self,
        grant: GrantOptions,
        now_ms: u64,
    ) -> Result<(KeyRecord, Secret<String>), KeysError> {
        self.create_within(grant, now_ms, KEYS_MAX).await
    }

    async fn create_within(
        &self,
        grant: GrantOptions,
        now_ms: u64,
        keys_max: u64,
    ) -> Result<(KeyRecord, Secret<String>), KeysError> {
        grant.check()?;
        if grant.expires_ms.is_some_and(|expires_ms| expires_ms <= now_ms) {
            return Err(GrantError::ExpiresInThePast.into());
        }
        let count = self.store.count(VIRTUAL_KEY).await?;
        if count >= keys_max {
            return Err(KeysError::TooMany { count, keys_max });
        }
        let mut attempt = 1;
        loop {
            let id = random_id()?;
            let key = random_key(id)?;
            let body = KeyBody {
                grant: grant.clone(),
                mac: self.mac(&key),
                previous: None,
                revoked_ms: None,
                rotated_ms: None,
                status: KeyStatus::Active,
            };
            match self.store.insert(VIRTUAL_KEY, id.as_str(), &to_json(&body), now_ms).await {
                Ok(document) => return Ok((record(&document)?.0, key)),
                Err(StoreError::AlreadyExists { .. }) if attempt < CREATE_ATTEMPTS_MAX => {
                    attempt += 1;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Up to `limit` keys in the order of their ids, from the first after `after`.
    pub async fn list(
        &self,
        after: Option<KeyId>,
        limit: u32,
    ) -> Result<Vec<KeyRecord>, KeysError> {
        let after = after.as_ref().map(KeyId::as_str);
        let documents = self.store.list(VIRTUAL_KEY, after, limit).await?;
        let records = documents.iter().map(|document| Ok(record(document)?.0));
        records.collect()
    }

    /// One key.
    pub async fn show(&self, id: KeyId) -> Result<KeyRecord, KeysError> {
        Ok(record(&self.document(id).await?)?.0)
    }

    /// Gives a key a new secret; its id, grant and history stay. The secret before it works until `overlap_until_ms`
    /// (milliseconds since 1970), and one that was still in its own overlap no longer does. The returned text is the
    /// only copy.
    pub async fn rotate(
        &self,
        id: KeyId,
        overlap_until_ms: u64,
        now_ms: u64,
    ) -> Result<(KeyRecord, Secret<String>), KeysError> {
        loop {
            let document = self.document(id).await?;
            let (known, mut body) = record(&document)?;
            if known.status == KeyStatus::Revoked {
                return Err(KeysError::RotateRevoked { id });
            }
            let key = random_key(id)?;
            let mac = std::mem::replace(&mut body.mac, self.mac(&key));
            let overlaps = overlap_until_ms > now_ms;
            body.previous = overlaps.then_some(PreviousSecret { mac, until_ms: overlap_until_ms });
            body.rotated_ms = Some(now_ms);
            let body = to_json(&body);
            match self.store.put(VIRTUAL_KEY, id.as_str(), document.version, &body, now_ms).await {
                Ok(document) => return Ok((record(&document)?.0, key)),
                // It may have been revoked meanwhile.
                Err(StoreError::VersionConflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn mac(&self, key: &Secret<String>) -> String {
        HEXLOWER.encode(&self.pepper.mac(Purpose::VirtualKey, key.expose().as_bytes()))
    }

    /// Makes a key useless from now on. Revoking twice changes nothing, and says when it was revoked.
    pub async fn revoke(&self, id: KeyId, now_ms: u64) -> Result<KeyRecord, KeysError> {
        loop {
            let document = self.document(id).await?;
            let (known, mut body) = record(&document)?;
            if known.status == KeyStatus::Revoked {
                return Ok(known);
            }
            body.status = KeyStatus::Revoked;
            body.revoked_ms = Some(now_ms);
            let body = to_json(&body);
            match self.store.put(VIRTUAL_KEY, id.as_str(), document.version, &body, now_ms).await {
                Ok(document) => return Ok(record(&document)?.0),
                // Whatever somebody else changed meanwhile, the key is to be revoked.
                Err(StoreError::VersionConflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Every key, for the gateway to authenticate against.
    pub async fn snapshot(&self) -> Result<KeySnapshot, KeysError> {
        // Read before the keys: a change in between makes the next comparison differ.
        let changes = self.store.changes().await?;
        let mut entries = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let page = self.store.list(VIRTUAL_KEY, after.as_deref(), LIST_DOCUMENTS_MAX).await?;
            for document in &page {
                let (record, body) = record(document)?;
                let mac = mac_bytes(document, &body.mac)?;
                let previous = match &body.previous {
                    Some(previous) => {
                        Some((mac_bytes(document, &previous.mac)?, previous.until_ms))
                    }
                    None => None,
                };
                entries.push(Entry::new(&record, mac, previous));
            }
            match page.last() {
                Some(last) => after = Some(last.id.clone()),
                None => return Ok(KeySnapshot::new(self.pepper.clone(), entries, changes)),
            }
        }
    }

    /// A new snapshot if any process changed anything since `known` was taken. One small read
    /// otherwise, so the gateway can ask several times a second.
    pub async fn refresh(&self, known: &KeySnapshot) -> Result<Option<KeySnapshot>, KeysError> {
        if self.store.changes().await? == known.changes() {
            return Ok(None);
        }
        self.snapshot().await.map(Some)
    }

    async fn document(&self, id: KeyId) -> Result<Document, KeysError> {
        let found = self.store.get(VIRTUAL_KEY, id.as_str()).await?;
        let (kind, id) = (VIRTUAL_KEY.as_str(), id.to_string());
        found.ok_or_else(|| StoreError::NotFound { kind, id }.into())
    }
}

fn random_id() -> Result<KeyId, KeysError> {
    let mut id = [0; 8];
    SystemRandom::new().fill(&mut id).map_err(|_| KeysError::NoRandomness)?;
    Ok(KeyId::new(u64::from_be_bytes(id)))
}

fn random_key(id: KeyId) -> Result<Secret<String>, KeysError> {
    let mut secret = Zeroizing::new([0; VIRTUAL_KEY_RANDOM_CHARACTERS]);
    SystemRandom::new().fill(secret.as_mut()).map_err(|_| KeysError::NoRandomness)?;
    Ok(Secret::new(compose_virtual_key(id, &secret)))
}

/// Serialising strings, numbers and options into a JSON value cannot fail; were it to, the empty
/// value would be refused when it is read back.
fn to_json(body: &KeyBody) -> serde_json::Value {
    serde_json::to_value(body).unwrap_or_default()
}

fn unreadable(document: &Document, detail: impl std::fmt::Display) -> StoreError {
    StoreError::Unreadable {
        kind: VIRTUAL_KEY.as_str(),
        id: document.id.clone(),
        detail: detail.to_string(),
    }
}

fn record(document: &Document) -> Result<(KeyRecord, KeyBody), StoreError> {
    let id = document.id.parse().map_err(|error| unreadable(document, error))?;
    let body: KeyBody =
        KeyBody::deserialize(&document.body).map_err(|error| unreadable(document, error))?;
    let record = KeyRecord {
        id,
        grant: body.grant.clone(),
        status: body.status,
        created_ms: document.created_ms,
        revoked_ms: body.revoked_ms,
        rotated_ms: body.rotated_ms,
        overlap_until_ms: body.previous.as_ref().map(|previous| previous.until_ms),
        version: document.version,
    };
    Ok((record, body))
}

fn mac_bytes(document: &Document, mac: &str) -> Result<[u8; 32], StoreError> {
    let bytes = HEXLOWER.decode(mac.as_bytes()).ok();
    let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| unreadable(document, "its hash is not 64 hexadecimal digits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_key_too_many_is_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = Store::open(&folder.path().join("state.db")).await.expect("opened");
        let keys = VirtualKeys::open(store, &folder.path().join("pepper"), 1).await.expect("keys");
        let grant = GrantOptions { name: "ci".into(), ..GrantOptions::default() };
        for _ in 0..2 {
            assert!(keys.create_within(grant.clone(), 1, 2).await.is_ok());
        }
        let refused = keys.create_within(grant, 1, 2).await.err().map(|error| error.to_string());
        assert_eq!(refused.as_deref(), Some("there are 2 keys, the limit is 2"));
    }
}
