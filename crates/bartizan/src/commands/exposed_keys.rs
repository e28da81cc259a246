//! What follows when a key is seen in plain text: a virtual key is revoked, a sealed key of a provider is rotated at once.
//!
//! Both only if the configuration says so. That it was seen is on record in any case (`gateway`).
//!
//! INVARIANT: a provider's key is rotated for this at most once in [`ROTATION_PAUSE_MS`], whoever repeats it how often; what
//! did not follow is on record. INVARIANT: nothing waits for this.

use std::collections::{BTreeMap, BTreeSet};

use events::{Event, EventBody};
use gateway::Exposed;
use journal::Journal;
use net::Shutdown;
use store::{SealedSecrets, VirtualKeys};
use tokio::sync::mpsc::Receiver;

use super::key_changes;
use crate::rotation::ask;
use crate::time::now_ms;

/// How long a key of a provider is not rotated again because it is seen, in milliseconds.
const ROTATION_PAUSE_MS: u64 = 60 * 60 * 1000;
/// Who asks for such a rotation.
const ACTOR: &str = gateway::KEY_EXPOSED;

/// What follows.
pub(super) struct Consequences {
    /// The virtual keys, if those that are seen are revoked.
    pub(super) revokes: Option<VirtualKeys>,
    /// The names of sealed keys that are rotated.
    pub(super) rotations: BTreeSet<String>,
    pub(super) secrets: SealedSecrets,
}

impl Consequences {
    /// Does what follows until the gateway stops. Those who use a revoked key find out within a quarter of a second.
    pub(super) async fn follow(
        self,
        mut seen: Receiver<Exposed>,
        journal: Journal,
        shutdown: Shutdown,
    ) {
        // What was said about not rotating, so that it is said once.
        let mut said = BTreeMap::new();
        loop {
            let exposed = tokio::select! {
                exposed = seen.recv() => exposed,
                () = shutdown.begun() => None,
            };
            let Some(exposed) = exposed else { return };
            let failed = match &exposed {
                Exposed::VirtualKey(id) => match &self.revokes {
                    None => None,
                    Some(keys) => {
                        let revoked = keys.revoke(*id, now_ms()).await;
                        if revoked.is_ok() {
                            tracing::warn!(key = %id, "was seen in plain text and is revoked");
                        }
                        revoked.err().map(|error| format!("could not be revoked: {error}"))
                    }
                },
                Exposed::Sealed(name) if self.rotations.contains(name) => {
                    self.rotate(name, &mut said).await.err()
                }
                Exposed::Sealed(_) => None,
            };
            if let Some(why) = failed {
                tracing::error!(key = %exposed, why, "nothing follows from its being seen");
                let detail = format!("the exposed key {exposed} {why}");
                let body: EventBody = key_changes::node("degraded", detail);
                let noted = journal.append(&Event::new(now_ms(), body));
                tracing::debug!(is_noted = noted.is_ok());
            }
        }
    }

    /// Asks for the rotation, which goes on by itself; why not, if not, unless that was said.
    async fn rotate(&self, name: &str, said: &mut BTreeMap<String, u64>) -> Result<(), String> {
        let found = self.secrets.get(name).await;
        let found = found.map_err(|error| format!("could not be rotated: {error}"))?;
        let Some(record) = found else { return Ok(()) };
        if record.rotation.is_some() {
            return Ok(());
        }
        if let Some(rotated_ms) = record.rotated_ms
            && now_ms().abs_diff(rotated_ms) < ROTATION_PAUSE_MS
        {
            if said.insert(name.to_owned(), rotated_ms) == Some(rotated_ms) {
                return Ok(());
            }
            return Err("is not rotated again: it was within the hour".to_owned());
        }
        tracing::warn!(key = name, "was seen in plain text and is rotated");
        let why = Some("it was seen in plain text".to_owned());
        let asked = ask(&self.secrets, record, (ACTOR, why), 0).await;
        asked.map(drop).map_err(|error| format!("could not be rotated: {error}"))
    }
}
