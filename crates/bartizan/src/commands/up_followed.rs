//! What other processes change while the gateway runs, besides virtual keys: isolations, sealed secrets, break-glass.
//!
//! INVARIANT: what holds at the start is in force before anything listens.
//!
//! Not here: following each of them, which has a file of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arc_swap::ArcSwap;
use gateway::{Exposed, Isolation};
use journal::Journal;
use net::{Shutdown, Tasks};
use stdx::SharedSecret;
use store::{BreakGlassRequests, Isolations, SealedSecrets, Sealing, VirtualKeys};
use tokio::sync::mpsc::Receiver;

use super::break_glass_changes::Ruled;
use super::exposed_keys::Consequences;
use super::{break_glass, break_glass_changes, isolation_changes, sealed_changes};
use crate::config::secrets::SecretsSettings;
use crate::data_dir::{DataDir, store_failure};
use crate::exit::Failure;
use crate::rotation::{RotationSettings, Rotator};

/// The switches of a gateway, and what turns them.
pub(super) struct Followed {
    break_glass: break_glass_changes::Follower,
    isolation: (Isolation, isolation_changes::Follower),
    sealed: Sealed,
}

impl Followed {
    /// Puts in force what holds now.
    pub(super) async fn start(
        keys: &VirtualKeys,
        data: &DataDir,
        secrets: SecretsSettings,
        (rules, journal): (&Arc<ArcSwap<Ruled>>, &Journal),
    ) -> Result<Self, Failure> {
        let store = keys.store();
        let sealed = open_sealed(secrets, SealedSecrets::new(store.clone()), data).await?;
        let isolation = Isolation::default();
        let isolations = Isolations::new(store.clone());
        let follower = isolation_changes::Follower::start(isolations, isolation.clone());
        let isolation = (isolation, follower.await.map_err(store_failure)?);
        let requests = BreakGlassRequests::new(store.clone());
        let follower = break_glass_changes::Follower::start(requests, Arc::clone(rules), journal);
        let break_glass = follower.await.map_err(break_glass::failure)?;
        Ok(Self { break_glass, isolation, sealed })
    }

    pub(super) fn isolation(&self) -> Isolation {
        self.isolation.0.clone()
    }

    /// What is sealed, by name.
    pub(super) fn places(&self) -> BTreeMap<String, SharedSecret> {
        self.sealed.places.clone()
    }

    /// Follows all of them until the gateway stops; `seen` are keys in plain text, of which virtual ones are revoked if
    /// there is something to revoke them in.
    pub(super) fn follow(
        self,
        (revokes, seen): (Option<VirtualKeys>, Receiver<Exposed>),
        journal: &Journal,
        (tasks, shutdown): (&Tasks, &Shutdown),
    ) {
        let Self { break_glass: glass, isolation: (_, isolation), sealed } = self;
        let consequences = Consequences {
            revokes,
            rotations: sealed.on_exposure(),
            secrets: sealed.secrets.clone(),
        };
        tasks.spawn(Box::pin(consequences.follow(seen, journal.clone(), shutdown.clone())));
        tasks.spawn(Box::pin(isolation.follow(journal.clone(), shutdown.clone())));
        tasks.spawn(Box::pin(glass.follow(journal.clone(), shutdown.clone())));
        sealed.start(journal, (tasks, shutdown));
    }
}

/// Opens what the configuration refers to as sealed.
async fn open_sealed(
    settings: SecretsSettings,
    secrets: SealedSecrets,
    data: &DataDir,
) -> Result<Sealed, Failure> {
    // Who refers to none and rotates none needs no key.
    let is_needed = !settings.places.is_empty() || !settings.rotations.is_empty();
    let sealing = if is_needed { Some(Arc::new(settings.sealing(data, false)?)) } else { None };
    let SecretsSettings { places, rotations, .. } = settings;
    let follower =
        sealed_changes::Follower::start(secrets.clone(), sealing.clone(), places.clone()).await?;
    Ok(Sealed { follower, places, rotations, sealing, secrets })
}

/// The keys of providers that are sealed, and what keeps them fresh.
struct Sealed {
    follower: sealed_changes::Follower,
    places: BTreeMap<String, SharedSecret>,
    rotations: BTreeMap<String, RotationSettings>,
    sealing: Option<Arc<Sealing>>,
    secrets: SealedSecrets,
}

impl Sealed {
    /// The names of those that are rotated when they are seen.
    fn on_exposure(&self) -> BTreeSet<String> {
        let rotated = self.rotations.iter().filter(|(_, settings)| settings.on_exposure);
        rotated.map(|(name, _)| name.clone()).collect()
    }

    /// Follows changes by other processes, and goes on with rotations.
    fn start(self, journal: &Journal, (tasks, shutdown): (&Tasks, &Shutdown)) {
        let Self { follower, places, rotations, sealing, secrets } = self;
        tasks.spawn(Box::pin(follower.follow(journal.clone(), shutdown.clone())));
        let Some(sealing) = sealing.filter(|_| !rotations.is_empty()) else { return };
        let journal = journal.clone();
        let rotator = Rotator { journal, places, rotations, sealing, secrets };
        tasks.spawn(Box::pin(rotator.run(shutdown.clone())));
    }
}
