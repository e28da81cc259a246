//! Which receipts of long runs no longer speak of the code that is here.
//!
//! A receipt is a JSON file under `docs/reference/receipts/` with the figures of a run, its date, the class of
//! machine, the crates it measured and their digest (see `receipt`). INVARIANT: a stale one is listed and
//! never fails: figures of yesterday's code are still figures, as long as they say so.
//! Not here: writing receipts.

use crate::receipt::{RECEIPTS_FOLDER, digest_of};
use crate::workspace::{TextFile, Workspace, has_ending};

pub(super) fn stale(workspace: &Workspace) -> Vec<String> {
    let receipts = workspace
        .texts
        .iter()
        .filter(|file| file.path.starts_with(RECEIPTS_FOLDER) && has_ending(&file.path, "json"));
    receipts.filter_map(|receipt| note_on(workspace, receipt)).collect()
}

fn note_on(workspace: &Workspace, receipt: &TextFile) -> Option<String> {
    let unreadable = || Some(format!("{}: not a receipt; run it again", receipt.path));
    let Ok(value) = serde_json::from_str::<serde_json::Value>(&receipt.text) else {
        return unreadable();
    };
    let crates = value.get("crates").and_then(serde_json::Value::as_array);
    let crates: Vec<&str> =
        crates.into_iter().flatten().filter_map(serde_json::Value::as_str).collect();
    let Some(digest) = value.get("digest").and_then(serde_json::Value::as_str) else {
        return unreadable();
    };
    if digest_of(&workspace.root, &crates).is_ok_and(|now| now == digest) {
        return None;
    }
    let date = value.get("date").and_then(serde_json::Value::as_str).unwrap_or("an unknown day");
    Some(format!("{}: stale; it measured other code on {date}", receipt.path))
}
