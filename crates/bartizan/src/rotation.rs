//! Rotating a provider's key: make another, see that it works, seal it, switch over, and delete the old one.
//!
//! | step, as stored | what is certain | what is done next |
//! |---|---|---|
//! | `asked` | nothing was asked of the provider | make sure which key is in use |
//! | `begun` | a new key may have been made and be lost | delete what was made under this label, make a key, seal it |
//! | `made` | there is a new key | try it |
//! | `verified` | it works | put it in use, in one change of the document |
//! | `switched` | it is in use; the old one still works | when the overlap is over: try the new one again, delete the old |
//!
//! Each step does one thing, puts it on record and then stores how far it has got. Whoever is killed in between repeats the
//! step, or finds what it had done: a step is on record at least once.
//!
//! INVARIANT: at every moment the sealed key in use is one that works: the old one is deleted only after the new one was put
//! in use and tried again. INVARIANT: a key that was made is used or deleted, or named on record when the rotation is given
//! up. INVARIANT: one process does this: the one that holds the record.
//!
//! Not here: how providers are asked (`connect`), when to begin and to give up (`rotation_asked`).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use connect::{ProviderAdmin, ProviderError};
use journal::{Journal, JournalError};
use net::Shutdown;
use stdx::{Secret, SharedSecret};
use store::{
    Rotation, RotationStep, SealError, Sealed, SealedChange, SealedRecord, SealedSecrets, Sealing,
    StoreError,
};

use crate::commands::sealed_changes::open;
use crate::rotation_asked::{ask, is_due, note};
use crate::time::now_ms;

/// How often rotations are looked for that are to go on.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a rotation that failed is left alone, and so is one whose end could not be stored.
pub(crate) const FAILURE_PAUSE: Duration = Duration::from_secs(30);
/// How often a new key is tried: providers need a moment until they know it everywhere.
const TRIES_MAX: u32 = 8;
/// The pause after the first try; it doubles, up to the longest.
const TRY_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause between two tries.
const TRY_PAUSE_MAX: Duration = Duration::from_secs(5);

/// How one secret is rotated.
#[derive(Clone, Debug)]
pub(crate) struct RotationSettings {
    /// Whether it is rotated at once when it is seen where it does not belong.
    pub(crate) on_exposure: bool,
    /// How long the old key works after the switch, in milliseconds.
    pub(crate) overlap_ms: u64,
    /// Who makes and deletes keys.
    pub(crate) provider: Arc<ProviderAdmin>,
}

/// A step that could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RotationError {
    /// Nothing says how it is rotated.
    #[error("`[[secrets.rotations]]` does not say how `{0}` is rotated")]
    NotConfigured(String),
    /// It is not known which key at the provider it is.
    #[error(
        "it is not known what the provider calls the key: `bartizan secrets add {0} --replace --provider-id …`"
    )]
    NoProviderId(String),
    /// What was made cannot be dealt with now; giving up would leave it behind.
    #[error("a key that was made, or may have been, cannot be found, tried or deleted: {0}")]
    LostKey(ProviderError),
    /// The new key does not work.
    #[error("the provider does not accept the key that it made")]
    NotAccepted,
    /// The provider.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// The record.
    #[error(transparent)]
    Record(#[from] JournalError),
    /// Sealing or opening.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl RotationError {
    /// Whether trying again would end the same way.
    const fn is_final(&self) -> bool {
        match self {
            Self::NotConfigured(_) | Self::NoProviderId(_) | Self::NotAccepted => true,
            Self::Provider(error) => error.is_refusal(),
            Self::LostKey(_) | Self::Record(_) | Self::Seal(_) | Self::Store(_) => false,
        }
    }
}

/// How far a rotation has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// One step further.
    Stepped,
    /// There is none, or no longer.
    Ended,
    /// The old key still works for a while: until then, in milliseconds since 1970.
    Waits(u64),
}

/// What rotates secrets.
pub(crate) struct Rotator {
    pub(crate) journal: Journal,
    /// What uses the secrets, in this process.
    pub(crate) places: BTreeMap<String, SharedSecret>,
    pub(crate) rotations: BTreeMap<String, RotationSettings>,
    pub(crate) sealing: Arc<Sealing>,
    pub(crate) secrets: SealedSecrets,
}

/// A secret between two steps.
struct Step<'a> {
    now_ms: u64,
    provider: &'a ProviderAdmin,
    record: SealedRecord,
    rotation: Rotation,
}

impl Rotator {
    /// Goes on with every rotation that is under way or due, until the gateway stops.
    pub(crate) async fn run(self, shutdown: Shutdown) {
        let mut failed: BTreeMap<String, (Instant, String)> = BTreeMap::new();
        loop {
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = shutdown.begun() => return,
            }
            failed.retain(|_, (at, _)| at.elapsed() < FAILURE_PAUSE * 2);
            let records = self.secrets.list().await.unwrap_or_default();
            let concerns =
                |record: &&SealedRecord| record.rotation.is_some() || record.exposed_ms.is_some();
            for record in records.iter().filter(concerns) {
                let before = failed.get(&record.name);
                if before.is_some_and(|(at, _)| at.elapsed() < FAILURE_PAUSE) {
                    continue;
                }
                if let Err(error) = self.go_on(&record.name, &shutdown).await {
                    let why = error.to_string();
                    tracing::error!(%error, name = record.name, "a key's rotation waits");
                    if before.is_none_or(|(_, said)| *said != why) {
                        let noted = self.note(record, "waits", Some(why.clone()));
                        tracing::debug!(is_noted = noted.is_ok());
                    }
                    failed.insert(record.name.clone(), (Instant::now(), why));
                }
            }
        }
    }

    /// As many steps as can be made now.
    async fn go_on(&self, name: &str, shutdown: &Shutdown) -> Result<Progress, RotationError> {
        loop {
            match self.step(name).await {
                Ok(Progress::Stepped) if !shutdown.has_begun() => {}
                // Somebody noted something in between: the step is made again, soon.
                Err(RotationError::Store(StoreError::VersionConflict { .. })) => {
                    return Ok(Progress::Stepped);
                }
                progress => return progress,
            }
        }
    }

    /// Makes one step. A rotation that cannot succeed and has changed nothing is given up, which is a step too.
    pub(crate) async fn step(&self, name: &str) -> Result<Progress, RotationError> {
        let Some(record) = self.secrets.get(name).await? else { return Ok(Progress::Ended) };
        let now_ms = now_ms();
        let settings = self.rotations.get(name);
        let is_due = settings.is_some_and(|one| one.on_exposure) && is_due(&record, now_ms);
        let Some(rotation) = record.rotation.clone() else {
            if !is_due {
                return Ok(Progress::Ended);
            }
            tracing::warn!(key = name, "was seen in plain text and is rotated");
            let why = Some("it was seen in plain text".to_owned());
            ask(&self.secrets, record, (gateway::KEY_EXPOSED, why), 0).await?;
            return Ok(Progress::Stepped);
        };
        if rotation.is_given_up {
            // Whoever follows the document ends it.
            return Ok(Progress::Ended);
        }
        let Some(settings) = settings else {
            return Err(RotationError::NotConfigured(name.to_owned()));
        };
        let provider = &*settings.provider;
        let step = Step { now_ms, provider, record: record.clone(), rotation: rotation.clone() };
        let stepped = match rotation.step {
            RotationStep::Asked => self.begin(step).await,
            RotationStep::Begun => self.make(step).await,
            RotationStep::Made { provider_id, sealed } => {
                self.verify(step, provider_id, sealed).await
            }
            RotationStep::Verified { provider_id, sealed } => {
                return self.switch(step, provider_id, sealed).await;
            }
            RotationStep::Switched { old_id, retire_ms } => {
                // A key that was seen does not wait for the one before it.
                return if now_ms < retire_ms && !is_due {
                    Ok(Progress::Waits(retire_ms))
                } else {
                    self.retire(step, &old_id).await
                };
            }
        };
        match stepped {
            Err(error) if error.is_final() => {
                tracing::error!(%error, name, "a key's rotation is given up");
                self.note(&record, "given_up", Some(error.to_string()))?;
                self.store(record, None, now_ms).await?;
                Err(error)
            }
            stepped => stepped,
        }
    }

    async fn begin(&self, step: Step<'_>) -> Result<Progress, RotationError> {
        let Step { now_ms, provider, record, rotation } = step;
        let id = provider_id(&record)?;
        let in_use = self.opened(&record.name, &record.sealed).await?;
        provider.confirm(id, &in_use).await?;
        self.note(&record, "begun", rotation.why.clone())?;
        self.advance(record, rotation, RotationStep::Begun, now_ms).await
    }

    async fn make(&self, step: Step<'_>) -> Result<Progress, RotationError> {
        let Step { now_ms, provider, record, rotation } = step;
        let in_use = provider_id(&record)?;
        let lost = provider.made_as(&rotation.label).await.map_err(RotationError::LostKey)?;
        for lost in lost {
            provider.delete(&lost).await.map_err(RotationError::LostKey)?;
            self.note(&record, "lost_deleted", Some(lost))?;
        }
        let made = provider.create(&rotation.label, in_use).await?;
        self.note(&record, "made", Some(made.id.clone()))?;
        let sealed = self.sealed(&record.name, made.value).await?;
        let made = RotationStep::Made { provider_id: made.id, sealed };
        self.advance(record, rotation, made, now_ms).await
    }

    async fn verify(
        &self,
        step: Step<'_>,
        provider_id: String,
        sealed: Sealed,
    ) -> Result<Progress, RotationError> {
        let Step { now_ms, provider, record, rotation } = step;
        let key = self.opened(&record.name, &sealed).await?;
        if !is_accepted(provider, &key).await.map_err(RotationError::LostKey)? {
            provider.delete(&provider_id).await.map_err(RotationError::LostKey)?;
            self.note(&record, "rejected_deleted", Some(provider_id))?;
            return Err(RotationError::NotAccepted);
        }
        self.note(&record, "verified", Some(provider_id.clone()))?;
        let verified = RotationStep::Verified { provider_id, sealed };
        self.advance(record, rotation, verified, now_ms).await
    }

    async fn switch(
        &self,
        step: Step<'_>,
        new_id: String,
        sealed: Sealed,
    ) -> Result<Progress, RotationError> {
        let Step { now_ms, mut record, rotation, .. } = step;
        let key = self.opened(&record.name, &sealed).await?;
        let old_id = provider_id(&record)?.to_owned();
        self.note(&record, "switched", Some(format!("{old_id} to {new_id}")))?;
        let name = record.name.clone();
        record.sealed = sealed;
        record.provider_id = Some(new_id);
        // What was seen is not left to work for a while.
        let was_seen = record.exposed_ms.take().is_some();
        let overlap_ms = if was_seen { 0 } else { rotation.overlap_ms };
        let retire_ms = now_ms.saturating_add(overlap_ms);
        let switched = RotationStep::Switched { old_id, retire_ms };
        let progress = self.advance(record, rotation, switched, now_ms).await?;
        self.put_in_place(&name, key);
        Ok(progress)
    }

    async fn retire(&self, step: Step<'_>, old_id: &str) -> Result<Progress, RotationError> {
        let Step { now_ms, provider, record, .. } = step;
        let key = self.opened(&record.name, &record.sealed).await?;
        self.put_in_place(&record.name, Secret::clone(&key));
        if !is_accepted(provider, &key).await? {
            return Err(RotationError::NotAccepted);
        }
        provider.delete(old_id).await?;
        self.note(&record, "old_deleted", Some(old_id.to_owned()))?;
        self.store(record, None, now_ms).await?;
        Ok(Progress::Ended)
    }

    async fn advance(
        &self,
        record: SealedRecord,
        rotation: Rotation,
        step: RotationStep,
        now_ms: u64,
    ) -> Result<Progress, RotationError> {
        self.store(record, Some(Rotation { step, ..rotation }), now_ms).await?;
        Ok(Progress::Stepped)
    }

    async fn store(
        &self,
        record: SealedRecord,
        rotation: Option<Rotation>,
        now_ms: u64,
    ) -> Result<(), RotationError> {
        let record = SealedRecord { change: SealedChange::Rotated, rotation, ..record };
        self.secrets.put(record, now_ms).await?;
        Ok(())
    }

    fn note(
        &self,
        record: &SealedRecord,
        what: &str,
        why: Option<String>,
    ) -> Result<(), RotationError> {
        note(&self.journal, record, what, why)
    }

    fn put_in_place(&self, name: &str, key: Secret<String>) {
        if let Some(place) = self.places.get(name) {
            place.replace(Some(key));
        }
    }

    async fn opened(&self, name: &str, sealed: &Sealed) -> Result<Secret<String>, SealError> {
        open(&self.sealing, name, sealed.clone()).await
    }

    async fn sealed(&self, name: &str, key: Secret<String>) -> Result<Sealed, SealError> {
        let (sealing, name) = (Arc::clone(&self.sealing), name.to_owned());
        let id = sealing.key_id().to_owned();
        let sealed = tokio::task::spawn_blocking(move || sealing.seal(&name, &key)).await;
        sealed.map_err(|error| SealError::Unavailable { key: id, why: error.to_string() })?
    }
}

fn provider_id(record: &SealedRecord) -> Result<&str, RotationError> {
    let id = record.provider_id.as_deref();
    id.ok_or_else(|| RotationError::NoProviderId(record.name.clone()))
}

/// Whether the provider accepts the key, after a while if not at once.
async fn is_accepted(
    provider: &ProviderAdmin,
    key: &Secret<String>,
) -> Result<bool, ProviderError> {
    let mut pause = TRY_PAUSE;
    for _ in 1..TRIES_MAX {
        if provider.accepts(key).await? {
            return Ok(true);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(TRY_PAUSE_MAX);
    }
    provider.accepts(key).await
}

#[cfg(test)]
#[path = "rotation_tests.rs"]
mod tests;
