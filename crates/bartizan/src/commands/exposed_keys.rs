//! What follows when a key is seen in plain text: a virtual key is revoked, a sealed key of a provider is rotated at once.
//!
//! Both only if the configuration says so. That it was seen is on record in any case (`gateway`).
//!
//! INVARIANT: what does not follow, or not at once, is on record. INVARIANT: nothing waits for this.
//!
//! Not here: rotating, and how often (`rotation_asked`).

use std::collections::BTreeSet;

use events::{Event, EventBody};
use gateway::Exposed;
use journal::Journal;
use net::Shutdown;
use store::{SealedSecrets, VirtualKeys};
use tokio::sync::mpsc::Receiver;

use super::key_changes;
use crate::rotation_asked;
use crate::time::now_ms;

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
                    match rotation_asked::seen(&self.secrets, name).await {
                        Ok(false) => None,
                        Ok(true) => Some(
                            "is exchanged when an hour has passed since it last was".to_owned(),
                        ),
                        Err(error) => Some(format!("could not be rotated: {error}")),
                    }
                }
                Exposed::Sealed(_) | Exposed::Upstream(_) => None,
            };
            if let Some(why) = failed {
                tracing::error!(key = %exposed, why, "was seen in plain text");
                let detail = format!("the exposed key {exposed} {why}");
                let body: EventBody = key_changes::node("degraded", detail);
                let noted = journal.append(&Event::new(now_ms(), body));
                tracing::debug!(is_noted = noted.is_ok());
            }
        }
    }
}
