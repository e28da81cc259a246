//! What commands and the gateway put on record besides interactions: changes of virtual keys, and repairs.
//!
//! While a gateway runs it holds the record, notices each change within a second and records it; when none
//! runs, the command that made the change records it itself.
//!
//! INVARIANT: a change that could not be recorded is said to be so; it is never undone in silence.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use events::{Administration, Event, EventBody, KeyId, NodeNotice};
use journal::{Cut, Journal, JournalError, JournalSettings, RealDisk, Recovery};
use store::{KeySnapshot, KeyStatus};

use crate::exit::Failure;
use crate::time::now_ms;

/// The operation of a record: a key was made.
pub(crate) const CREATE: &str = "key.create";
/// The operation of a record: a key was revoked.
pub(crate) const REVOKE: &str = "key.revoke";
/// The operation of a record: a key got a new secret.
pub(crate) const ROTATE: &str = "key.rotate";
/// The operation of a record: a key was seen in plain text.
pub(crate) const EXPOSED: &str = gateway::KEY_EXPOSED;
/// Who changed a key with a command.
pub(crate) const COMMAND_LINE: &str = "cli";

/// How often a record that is in use is tried again, and the pause before each.
const OPEN_TRIES: usize = 4;
const OPEN_PAUSE: Duration = Duration::from_millis(50);

/// The record of a change.
pub(crate) fn administration(actor: &str, operation: &str, key: KeyId) -> EventBody {
    EventBody::Administration(Administration {
        actor: actor.to_owned(),
        operation: operation.to_owned(),
        target: key.to_string(),
        why: None,
    })
}

/// A notice about the node.
pub(crate) fn node(state: &str, detail: String) -> EventBody {
    EventBody::Node(NodeNotice { detail, state: state.to_owned() })
}

/// Records that opening the record set an unfinished or damaged end aside.
pub(crate) fn record_recovery(journal: &Journal, recovery: &Recovery) -> Result<(), JournalError> {
    if let Some(cut) = &recovery.cut {
        let detail = cut_words(cut);
        tracing::warn!("{detail}");
        let _ticket = journal.append(&Event::new(now_ms(), node("recovered", detail)))?;
    }
    Ok(())
}

fn cut_words(cut: &Cut) -> String {
    let what = if cut.damaged { "damaged records were" } else { "an unfinished end was" };
    let aside: Vec<String> = cut.aside.iter().map(|path| path.display().to_string()).collect();
    format!(
        "{what} set aside: {} bytes from byte {} of segment {}, now in {}",
        cut.bytes,
        cut.offset,
        cut.segment,
        aside.join(", ")
    )
}

/// Records, by the command that made it, a change in the data folder `data`, unless a gateway will.
pub(crate) fn record_by_command(
    data: &Path,
    operation: &'static str,
    key: KeyId,
) -> Result<(), Failure> {
    let what = format!("the key {key} was changed");
    record_change(data, administration(COMMAND_LINE, operation, key), &what)
}

/// Records, by the command that made it, what was changed in the data folder `data`, unless a gateway will.
pub(crate) fn record_change(data: &Path, body: EventBody, what: &str) -> Result<(), Failure> {
    let recorded = match open_patiently(data) {
        // A gateway runs; it records what it notices.
        Err(JournalError::InUse { .. }) => Ok(()),
        Err(error) => Err(error),
        Ok((journal, recovery)) => record_recovery(&journal, &recovery)
            .and_then(|()| journal.synced_blocking(journal.append(&Event::new(now_ms(), body))?))
            .and_then(|()| journal.close()),
    };
    recorded.map_err(|error| {
        Failure::environment(
            format!("{what}, but that is not on record: {error}"),
            "check the record with `bartizan log verify`, and note the change by hand",
        )
    })
}

/// Opens the record; another command holds it for a moment only, a gateway for long.
pub(super) fn open_patiently(data: &Path) -> Result<(Journal, Recovery), JournalError> {
    let open = || Journal::open(data, JournalSettings::default(), Arc::new(RealDisk));
    for _ in 0..OPEN_TRIES {
        match open() {
            Err(JournalError::InUse { .. }) => std::thread::sleep(OPEN_PAUSE),
            opened => return opened,
        }
    }
    open()
}

/// Records, by the gateway, what differs between two snapshots.
pub(crate) fn record_noticed(journal: &Journal, before: &KeySnapshot, after: &KeySnapshot) {
    for (id, status) in after.statuses() {
        let operation = match (before.status(id), status) {
            (None, _) => CREATE,
            (Some(KeyStatus::Active), KeyStatus::Revoked) => REVOKE,
            _ if before.rotated_ms(id) != after.rotated_ms(id) => ROTATE,
            _ => continue,
        };
        tracing::info!(key = %id, operation, "a key was changed by another process");
        let body = administration(COMMAND_LINE, operation, id);
        if let Err(error) = journal.append(&Event::new(now_ms(), body)) {
            tracing::error!(%error, "a change of keys could not be recorded");
        }
    }
}
