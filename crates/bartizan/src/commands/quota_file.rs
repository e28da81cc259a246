//! What was used of budgets, in a file that outlives the process: `DATA/quotas.json`.
//!
//! It is written every second while something changes, and at the end. INVARIANT: it is replaced as a whole, so that a
//! process that is killed leaves the one before; what was settled in its last second is forgotten then.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gateway::{QuotaSnapshot, Quotas, SUBJECTS_MAX};
use net::Shutdown;

use crate::exit::Failure;
use crate::files::read_bounded;

const FILE: &str = "quotas.json";
/// How often the file is written while something changes.
const PAUSE: Duration = Duration::from_secs(1);
/// Bytes of one counter in the file.
const COUNTER_BYTES_MAX: u64 = 1_024;
const FILE_BYTES_MAX: u64 = SUBJECTS_MAX as u64 * COUNTER_BYTES_MAX;

/// Goes on from what an earlier process used.
pub(crate) fn restore(data: &Path, quotas: &Quotas) -> Result<(), Failure> {
    let path = data.join(FILE);
    if !path.exists() {
        return Ok(());
    }
    let unreadable = |error: &dyn std::fmt::Display| {
        Failure::environment(
            format!("cannot read what was used of budgets in `{}`: {error}", path.display()),
            "restore it from a copy, or remove it to begin the month's budgets anew",
        )
    };
    let bytes = read_bounded(&path, FILE_BYTES_MAX).map_err(|error| unreadable(&error))?;
    let snapshot = serde_json::from_slice(&bytes).map_err(|error| unreadable(&error))?;
    quotas.restore(snapshot);
    Ok(())
}

/// Writes the file while the gateway runs, and once more when it stops taking requests.
pub(crate) async fn keep(data: PathBuf, quotas: Quotas, shutdown: Shutdown) {
    let mut written = quotas.snapshot();
    loop {
        let is_last = tokio::select! {
            () = tokio::time::sleep(PAUSE) => false,
            () = shutdown.begun() => true,
        };
        written = write_if_changed(&data, &quotas, written).await;
        if is_last {
            return;
        }
    }
}

/// Writes the file once more, when all requests have ended.
pub(crate) async fn finish(data: &Path, quotas: &Quotas) {
    write_if_changed(data, quotas, QuotaSnapshot::default()).await;
}

async fn write_if_changed(data: &Path, quotas: &Quotas, written: QuotaSnapshot) -> QuotaSnapshot {
    let snapshot = quotas.snapshot();
    if snapshot == written {
        return written;
    }
    let path = data.join(FILE);
    let bytes = serde_json::to_vec(&snapshot).unwrap_or_default();
    let result = tokio::task::spawn_blocking(move || replace(&path, &bytes)).await;
    match result.map_err(std::io::Error::other).and_then(|result| result) {
        Ok(()) => snapshot,
        Err(error) => {
            tracing::error!(%error, "what was used of budgets could not be written down");
            written
        }
    }
}

fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = std::fs::File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)
}
