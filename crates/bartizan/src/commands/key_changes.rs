//! Changes of virtual keys, on record.
//!
//! While a gateway runs it holds the record, notices each change within a second and records it; when none
//! runs, the command that made the change records it itself.
//!
//! INVARIANT: a change that could not be recorded is said to be so; it is never undone in silence.

use std::path::Path;
use std::sync::Arc;

use events::{Administration, Event, EventBody, KeyId};
use journal::{Journal, JournalError, JournalSettings, RealDisk};
use store::{KeySnapshot, KeyStatus};

use crate::exit::Failure;
use crate::time::now_ms;

/// The operation of a record: a key was made.
pub(crate) const CREATE: &str = "key.create";
/// The operation of a record: a key was revoked.
pub(crate) const REVOKE: &str = "key.revoke";
/// Who changed a key with a command.
const COMMAND_LINE: &str = "cli";

/// The record of a change.
pub(crate) fn administration(actor: &str, operation: &str, key: KeyId) -> EventBody {
    EventBody::Administration(Administration {
        actor: actor.to_owned(),
        operation: operation.to_owned(),
        target: key.to_string(),
    })
}

/// Records, by the command that made it, a change in the data folder `data`, unless a gateway will.
pub(crate) fn record_by_command(
    data: &Path,
    operation: &'static str,
    key: KeyId,
) -> Result<(), Failure> {
    let recorded = match Journal::open(data, JournalSettings::default(), Arc::new(RealDisk)) {
        // A gateway runs; it records what it notices.
        Err(JournalError::InUse { .. }) => Ok(()),
        Err(error) => Err(error),
        Ok((journal, _)) => {
            let body = administration(COMMAND_LINE, operation, key);
            journal.append(&Event::new(now_ms(), body)).and_then(|ticket| {
                journal.synced_blocking(ticket)?;
                journal.close()
            })
        }
    };
    recorded.map_err(|error| {
        Failure::environment(
            format!("the key {key} was changed, but that is not on record: {error}"),
            "check the record with `bartizan log verify`, and note the change by hand",
        )
    })
}

/// Records, by the gateway, what differs between two snapshots.
pub(crate) fn record_noticed(journal: &Journal, before: &KeySnapshot, after: &KeySnapshot) {
    for (id, status) in after.statuses() {
        let operation = match (before.status(id), status) {
            (None, _) => CREATE,
            (Some(KeyStatus::Active), KeyStatus::Revoked) => REVOKE,
            _ => continue,
        };
        tracing::info!(key = %id, operation, "a key was changed by another process");
        let body = administration(COMMAND_LINE, operation, id);
        if let Err(error) = journal.append(&Event::new(now_ms(), body)) {
            tracing::error!(%error, "a change of keys could not be recorded");
        }
    }
}
