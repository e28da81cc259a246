//! What is isolated, from the data folder to the running gateway and onto its record.
//!
//! INVARIANT: what was isolated before a start is isolated from the first request on; what changes later, within
//! [`PAUSE`]. INVARIANT: as long as the state cannot be read, what was isolated stays so.

use std::time::Duration;

use events::{Administration, Event, EventBody};
use gateway::{Isolated, Isolation};
use journal::Journal;
use net::Shutdown;
use store::{IsolationRecord, Isolations, StoreError};

use crate::time::now_ms;

/// The operation of a record: something was cut off.
pub(crate) const ISOLATE: &str = "isolate";
/// The operation of a record: it may be used again.
pub(crate) const RESTORE: &str = "restore";
/// Who ends an isolation whose time is over.
const EXPIRY: &str = "expiry";
/// How often changes by other processes are looked for.
const PAUSE: Duration = Duration::from_millis(250);

/// The record of a change.
pub(crate) fn administration(
    actor: &str,
    operation: &str,
    target: &str,
    why: Option<&str>,
) -> EventBody {
    EventBody::Administration(Administration {
        actor: actor.to_owned(),
        operation: operation.to_owned(),
        target: target.to_owned(),
        why: why.map(str::to_owned),
    })
}

/// What is isolated, as one process knows it.
pub(crate) struct Follower {
    /// What is in force.
    active: Vec<IsolationRecord>,
    changes: u64,
    isolations: Isolations,
    known: Vec<IsolationRecord>,
    switch: Isolation,
}

impl Follower {
    /// Puts in force what is isolated now; that is on record already.
    pub(crate) async fn start(
        isolations: Isolations,
        switch: Isolation,
    ) -> Result<Self, StoreError> {
        let changes = isolations.store().changes().await?;
        let known = isolations.list().await?;
        let mut follower = Self { active: Vec::new(), changes, isolations, known, switch };
        follower.apply(now_ms());
        Ok(follower)
    }

    /// Follows changes until the gateway stops.
    pub(crate) async fn follow(mut self, journal: Journal, shutdown: Shutdown) {
        let mut was_failing = false;
        loop {
            let is_last = tokio::select! {
                () = tokio::time::sleep(PAUSE) => false,
                () = shutdown.begun() => true,
            };
            match self.refresh().await {
                Ok(()) => was_failing = false,
                Err(error) if was_failing => {
                    tracing::debug!(%error, "isolations still cannot be read");
                }
                Err(error) => {
                    was_failing = true;
                    tracing::error!(%error, "isolations cannot be read: changes to them are not noticed");
                }
            }
            let now_ms = now_ms();
            for change in self.apply(now_ms) {
                if let Err(error) = journal.append(&Event::new(now_ms, change)) {
                    tracing::error!(%error, "an isolation could not be recorded");
                }
            }
            if is_last {
                return;
            }
        }
    }

    async fn refresh(&mut self) -> Result<(), StoreError> {
        let changes = self.isolations.store().changes().await?;
        if changes != self.changes {
            self.known = self.isolations.list().await?;
            self.changes = changes;
        }
        Ok(())
    }

    /// Puts in force what holds now; the changes that this makes.
    fn apply(&mut self, now_ms: u64) -> Vec<EventBody> {
        let is_active = |one: &&IsolationRecord| one.is_active(now_ms);
        let active: Vec<IsolationRecord> = self.known.iter().filter(is_active).cloned().collect();
        if active == self.active {
            return Vec::new();
        }
        let parsed = active.iter().filter_map(|one| match one.target.parse::<Isolated>() {
            Ok(isolated) => Some(isolated),
            Err(error) => {
                tracing::error!(target = %one.target, %error, "this cannot be isolated");
                None
            }
        });
        self.switch.set(parsed.collect());
        let before = std::mem::replace(&mut self.active, active);
        let mut changes = Vec::new();
        for one in &before {
            if self.active.iter().any(|other| other.target == one.target) {
                continue;
            }
            let actor =
                if one.is_active(now_ms) { super::key_changes::COMMAND_LINE } else { EXPIRY };
            tracing::warn!(target = %one.target, actor, "restored");
            changes.push(administration(actor, RESTORE, &one.target, None));
        }
        for one in self.active.iter().filter(|one| !before.contains(one)) {
            tracing::warn!(target = %one.target, why = %one.why, "isolated");
            let actor = super::key_changes::COMMAND_LINE;
            changes.push(administration(actor, ISOLATE, &one.target, Some(&one.why)));
        }
        changes
    }
}
