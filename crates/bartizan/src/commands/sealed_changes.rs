//! Sealed secrets, from the data folder to what uses them, and changes to them onto the record.
//!
//! INVARIANT: a gateway that cannot open what its configuration refers to does not start. INVARIANT: what is changed while it
//! runs is in use within [`PAUSE`] and a decryption; what is removed or no longer opens is taken away from what uses it, which
//! then refuses. INVARIANT: only while it cannot be told what is there (the store is busy, a program that holds the key gives
//! no answer) the last known key stays.
//!
//! A rotation that a command gave up is ended here too, because this runs whatever the configuration says of rotations. Each try
//! is on record, so one that failed is left alone for [`FAILURE_PAUSE`], unless the document has changed since.
//!
//! Not here: what is done without a key (`gateway`, `connect`), rotating.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use events::{Administration, Event, EventBody};
use journal::Journal;
use net::Shutdown;
use stdx::{Secret, SharedSecret};
use store::{SealError, Sealed, SealedChange, SealedRecord, SealedSecrets, Sealing, StoreError};

use super::key_changes::COMMAND_LINE;
use super::secrets::{known, seal_failure};
use crate::data_dir::store_failure;
use crate::exit::Failure;
use crate::rotation::FAILURE_PAUSE;
use crate::rotation_asked::give_up;
use crate::time::now_ms;

/// The operation of a record: a sealed secret was removed.
pub(crate) const REMOVE: &str = "secret.remove";
/// How often changes by other processes are looked for.
const PAUSE: Duration = Duration::from_millis(250);

/// The operation of a record that a change is.
pub(crate) const fn operation(change: SealedChange) -> &'static str {
    match change {
        SealedChange::Added => "secret.add",
        SealedChange::Replaced => "secret.replace",
        SealedChange::Rewrapped => "secret.rewrap",
        SealedChange::Rotated => "secret.rotate",
    }
}

/// The record of a change.
pub(crate) fn administration(actor: &str, operation: &str, name: &str) -> EventBody {
    EventBody::Administration(Administration {
        actor: actor.to_owned(),
        operation: operation.to_owned(),
        target: format!("sealed:{name}"),
        why: None,
    })
}

/// What is sealed, as one process knows it.
pub(crate) struct Follower {
    changes: u64,
    /// Rotations that were given up and could not be ended: when, and of which version of the document.
    failed: BTreeMap<String, (Instant, u64)>,
    known: BTreeMap<String, SealedRecord>,
    places: BTreeMap<String, SharedSecret>,
    /// There has to be one if anything is referred to.
    sealing: Option<Arc<Sealing>>,
    secrets: SealedSecrets,
    /// Names whose place does not hold what is known.
    stale: Vec<String>,
}

impl Follower {
    /// Opens everything that is referred to.
    pub(crate) async fn start(
        secrets: SealedSecrets,
        sealing: Option<Arc<Sealing>>,
        places: BTreeMap<String, SharedSecret>,
    ) -> Result<Self, Failure> {
        let changes = secrets.store().changes().await.map_err(store_failure)?;
        for (sealing, (name, place)) in
            sealing.iter().flat_map(|one| places.iter().map(move |place| (one, place)))
        {
            let record = known(&secrets, name).await?;
            let opened = open(sealing, name, record.sealed).await.map_err(seal_failure)?;
            place.replace(Some(opened));
        }
        let known = listed(&secrets).await.map_err(store_failure)?;
        let (failed, stale) = (BTreeMap::new(), Vec::new());
        Ok(Self { changes, failed, known, places, sealing, secrets, stale })
    }

    /// Follows changes until the gateway stops.
    pub(crate) async fn follow(mut self, journal: Journal, shutdown: Shutdown) {
        let mut was_failing = false;
        loop {
            let is_last = tokio::select! {
                () = tokio::time::sleep(PAUSE) => false,
                () = shutdown.begun() => true,
            };
            match self.refresh(&journal, Instant::now()).await {
                Ok(()) => was_failing = false,
                Err(error) if was_failing => {
                    tracing::debug!(%error, "sealed secrets still cannot be read");
                }
                Err(error) => {
                    was_failing = true;
                    tracing::error!(%error, "sealed secrets cannot be read: changes are not noticed");
                }
            }
            if is_last {
                return;
            }
        }
    }

    async fn refresh(&mut self, journal: &Journal, now: Instant) -> Result<(), StoreError> {
        let changes = self.secrets.store().changes().await?;
        if changes != self.changes {
            let found = listed(&self.secrets).await?;
            self.changes = changes;
            let before = std::mem::replace(&mut self.known, found);
            self.note(&before, journal);
        }
        for name in std::mem::take(&mut self.stale) {
            self.put_in_place(name).await;
        }
        self.end_given_up(journal, now).await;
        Ok(())
    }

    /// Ends rotations that were given up.
    async fn end_given_up(&mut self, journal: &Journal, now: Instant) {
        let is_recent = |at: Instant| now.saturating_duration_since(at) < FAILURE_PAUSE;
        self.failed.retain(|_, (at, _)| is_recent(*at));
        for record in self.known.values().filter(|record| record.is_given_up()) {
            if self.failed.get(&record.name).is_some_and(|(_, version)| *version == record.version)
            {
                continue;
            }
            if let Err(error) = give_up(&self.secrets, journal, record.clone()).await {
                tracing::error!(%error, name = record.name, "a rotation that was given up cannot be ended");
                self.failed.insert(record.name.clone(), (now, record.version));
            }
        }
    }

    /// What was changed: onto the record, and on the list of what is to be opened.
    fn note(&mut self, before: &BTreeMap<String, SealedRecord>, journal: &Journal) {
        let mut noted = Vec::new();
        for (name, record) in &self.known {
            let was = before.get(name);
            if was.is_some_and(|was| was.version == record.version) {
                continue;
            }
            if was.is_none_or(|was| was.sealed != record.sealed) {
                self.stale.push(name.clone());
            }
            // Whoever rotates records its own steps.
            if record.change != SealedChange::Rotated {
                noted.push(administration(COMMAND_LINE, operation(record.change), name));
            }
        }
        for name in before.keys().filter(|name| !self.known.contains_key(*name)) {
            self.stale.push(name.clone());
            noted.push(administration(COMMAND_LINE, REMOVE, name));
        }
        for body in noted {
            if let Err(error) = journal.append(&Event::new(now_ms(), body)) {
                tracing::error!(%error, "a change of sealed secrets could not be recorded");
            }
        }
    }

    /// Whatever refers to this name gets what is there now.
    async fn put_in_place(&mut self, name: String) {
        let (Some(place), Some(sealing)) = (self.places.get(&name), &self.sealing) else { return };
        let Some(record) = self.known.get(&name) else {
            tracing::error!(name, "a sealed secret that is in use was removed");
            place.replace(None);
            return;
        };
        match open(sealing, &name, record.sealed.clone()).await {
            Ok(opened) => {
                tracing::info!(name, "a sealed secret was changed and is in use");
                place.replace(Some(opened));
            }
            Err(error @ SealError::Unavailable { .. }) => {
                tracing::error!(%error, name, "the key before it stays in use");
                self.stale.push(name);
            }
            Err(error) => {
                tracing::error!(%error, name, "what uses it refuses from now on");
                place.replace(None);
            }
        }
    }
}

/// Opens a secret without making others wait.
pub(crate) async fn open(
    sealing: &Arc<Sealing>,
    name: &str,
    sealed: Sealed,
) -> Result<Secret<String>, SealError> {
    let (sealing, name) = (Arc::clone(sealing), name.to_owned());
    let key = sealing.key_id().to_owned();
    let opened = tokio::task::spawn_blocking(move || sealing.open(&name, &sealed)).await;
    opened.map_err(|error| SealError::Unavailable { key, why: error.to_string() })?
}

async fn listed(secrets: &SealedSecrets) -> Result<BTreeMap<String, SealedRecord>, StoreError> {
    let records = secrets.list().await?;
    Ok(records.into_iter().map(|record| (record.name.clone(), record)).collect())
}

#[cfg(test)]
#[path = "sealed_changes_tests.rs"]
mod tests;
