//! Sealed secrets as documents: one for each name, with the rotation that is under way, if there is one.
//!
//! INVARIANT: what a secret was before is not kept anywhere: neither in the history nor beside the new value. INVARIANT: a
//! change is made to the version that was read, or not at all. INVARIANT: which key is in use and how far its rotation has
//! got change in one step.
//!
//! Not here: encryption (`sealing`), what the steps of a rotation do (`bartizan`).

use serde::{Deserialize, Serialize};

use crate::{Document, DocumentKind, LIST_DOCUMENTS_MAX, SealError, Sealed, Store, StoreError};

const SEALED_SECRET: DocumentKind = DocumentKind::without_history("sealed secret");

/// A sealed secret, and what is known about it without opening it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedRecord {
    /// What was done to it last.
    pub change: SealedChange,
    /// When it was last changed, in milliseconds since 1970.
    pub changed_ms: u64,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: u64,
    /// When the secret in use was seen where it does not belong, if it is to be exchanged for that, in milliseconds since 1970.
    pub exposed_ms: Option<u64>,
    /// What the configuration refers to: `sealed:NAME`.
    pub name: String,
    /// What the provider calls the key, without which it cannot be rotated.
    pub provider_id: Option<String>,
    /// When a rotation last began, in milliseconds since 1970.
    pub rotated_ms: Option<u64>,
    /// The rotation that is under way.
    pub rotation: Option<Rotation>,
    /// The secret in use.
    pub sealed: Sealed,
    /// The version of its document.
    pub version: u64,
}

/// What was done to a sealed secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SealedChange {
    /// It was added.
    Added,
    /// It was replaced by hand.
    Replaced,
    /// Its data key was encrypted with another sealing key; the secret is the same.
    Rewrapped,
    /// A rotation made a step, or is to make others than it was.
    Rotated,
}

/// A rotation that is under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// Who asked for it, or gave it up: `cli`, `key.exposed`.
    pub actor: String,
    /// When, in milliseconds since 1970.
    pub asked_ms: u64,
    /// Whether somebody gave it up: no step is made any more, and it ends as soon as that is on record.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_given_up: bool,
    /// What the provider is to call the new key, so that one that was made and not noted is found again.
    pub label: String,
    /// How long the old key works after the switch, in milliseconds.
    pub overlap_ms: u64,
    /// How far it has got.
    pub step: RotationStep,
    /// Why, in the words of who asked or gave it up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// How far a rotation has got: what is certain, whatever happens next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case", deny_unknown_fields)]
pub enum RotationStep {
    /// It was asked for; the provider has not been asked anything.
    Asked,
    /// The provider knows the key in use; a new one may have been made and be lost.
    Begun,
    /// There is a new key, which nobody uses yet.
    Made {
        /// What the provider calls it.
        provider_id: String,
        /// The key.
        sealed: Sealed,
    },
    /// The new key works.
    Verified {
        /// What the provider calls it.
        provider_id: String,
        /// The key.
        sealed: Sealed,
    },
    /// The new key is in use; the old one still works.
    Switched {
        /// What the provider calls the old key.
        old_id: String,
        /// When the old key is to be deleted, in milliseconds since 1970.
        retire_ms: u64,
    },
}

impl RotationStep {
    /// The name in records and listings.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Begun => "begun",
            Self::Made { .. } => "made",
            Self::Verified { .. } => "verified",
            Self::Switched { .. } => "switched",
        }
    }
}

impl SealedRecord {
    /// Whether a rotation is under way that was given up.
    pub fn is_given_up(&self) -> bool {
        self.rotation.as_ref().is_some_and(|rotation| rotation.is_given_up)
    }

    /// Every sealed value of it: the one in use, and the one that is to follow it.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut Sealed> {
        let next = self.rotation.as_mut().and_then(|rotation| match &mut rotation.step {
            RotationStep::Made { sealed, .. } | RotationStep::Verified { sealed, .. } => {
                Some(sealed)
            }
            RotationStep::Asked | RotationStep::Begun | RotationStep::Switched { .. } => None,
        });
        std::iter::once(&mut self.sealed).chain(next)
    }
}

/// The stored form.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SealedBody {
    change: SealedChange,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exposed_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    provider_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rotated_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rotation: Option<Rotation>,
    sealed: Sealed,
}

/// The sealed secrets of one data directory; clones share it.
#[derive(Clone, Debug)]
pub struct SealedSecrets(Store);

impl SealedSecrets {
    /// Those in `store`.
    pub const fn new(store: Store) -> Self {
        Self(store)
    }

    /// The store underneath.
    pub const fn store(&self) -> &Store {
        &self.0
    }

    /// Adds a secret that must not be there.
    pub async fn add(
        &self,
        name: &str,
        sealed: Sealed,
        provider_id: Option<String>,
        now_ms: u64,
    ) -> Result<SealedRecord, StoreError> {
        let body = SealedBody {
            change: SealedChange::Added,
            exposed_ms: None,
            provider_id,
            rotated_ms: None,
            rotation: None,
            sealed,
        };
        read(self.0.insert(SEALED_SECRET, name, &to_json(&body), now_ms).await?)
    }

    /// Writes a record that is still at the version that it says.
    pub async fn put(&self, record: SealedRecord, now_ms: u64) -> Result<SealedRecord, StoreError> {
        let SealedRecord {
            change,
            exposed_ms,
            name,
            provider_id,
            rotated_ms,
            rotation,
            sealed,
            version,
            ..
        } = record;
        let body = SealedBody { change, exposed_ms, provider_id, rotated_ms, rotation, sealed };
        read(self.0.put(SEALED_SECRET, &name, version, &to_json(&body), now_ms).await?)
    }

    /// Removes a record that is still at this version; nothing of the secret is kept.
    pub async fn remove(&self, record: &SealedRecord, now_ms: u64) -> Result<(), StoreError> {
        self.0.delete(SEALED_SECRET, &record.name, record.version, now_ms).await
    }

    /// The secret of this name.
    pub async fn get(&self, name: &str) -> Result<Option<SealedRecord>, StoreError> {
        self.0.get(SEALED_SECRET, name).await?.map(read).transpose()
    }

    /// All of them, in the order of their names; at most [`LIST_DOCUMENTS_MAX`].
    pub async fn list(&self) -> Result<Vec<SealedRecord>, StoreError> {
        let documents = self.0.list(SEALED_SECRET, None, LIST_DOCUMENTS_MAX).await?;
        documents.into_iter().map(read).collect()
    }
}

/// There is no secret of this name.
pub fn no_such_secret(name: &str) -> StoreError {
    StoreError::NotFound { kind: SEALED_SECRET.as_str(), id: name.to_owned() }
}

/// Serialising strings and numbers into a JSON value cannot fail; were it to, the empty value would be refused when it
/// is read back.
fn to_json(body: &SealedBody) -> serde_json::Value {
    serde_json::to_value(body).unwrap_or_default()
}

fn read(document: Document) -> Result<SealedRecord, StoreError> {
    let Document { id, version, body, created_ms, changed_ms } = document;
    let Ok(body) = serde_json::from_value::<SealedBody>(body) else {
        // What serde says may quote what it met.
        let detail = SealError::Damaged { name: id.clone() }.to_string();
        return Err(StoreError::Unreadable { kind: SEALED_SECRET.as_str(), id, detail });
    };
    let SealedBody { change, exposed_ms, provider_id, rotated_ms, rotation, sealed } = body;
    let name = id;
    Ok(SealedRecord {
        change,
        changed_ms,
        created_ms,
        exposed_ms,
        name,
        provider_id,
        rotated_ms,
        rotation,
        sealed,
        version,
    })
}
