//! Virtual keys of ours that are seen where keys do not belong: in prompts, tool results and files.
//!
//! INVARIANT: a key counts as exposed only if the whole of it is right, so that nobody who knows its public id alone can
//! have it revoked. INVARIANT: bounded: [`EXPOSED_KEYS_MAX`] keys of one request; the request is on record with all its
//! findings in any case.
//!
//! Not here: keys inside encodings (they are found and masked, but not told apart), what follows (`bartizan`).

use events::{KeyId, LocatedFinding};
use store::KeySnapshot;
use wire::Document;

use crate::files::Files;
use crate::judge::{Inspected, Place};

/// The kind that our own keys are found as.
const KIND: &str = "secret.bartizan_key";
/// Keys of one request that are told apart.
const EXPOSED_KEYS_MAX: usize = 16;

/// The keys that a request holds in plain text and that would open something.
pub(crate) fn keys_in(
    keys: &KeySnapshot,
    document: &Document<'_>,
    files: &Files,
    inspected: &Inspected,
    now_ms: u64,
) -> Vec<KeyId> {
    let text_at = |place: &Place, located: &LocatedFinding| {
        let range = located.finding.span.range();
        match place {
            Place::Field(index) => document.fields.get(*index)?.text.get(range),
            Place::File(index) => files.texts.get(*index)?.text.get(range),
        }
    };
    let mut exposed = Vec::new();
    for (place, located) in inspected.places.iter().zip(&inspected.findings) {
        if located.finding.kind.as_str() != KIND || exposed.len() == EXPOSED_KEYS_MAX {
            continue;
        }
        let grant = text_at(place, located).map(|text| keys.authenticate(text, now_ms));
        if let Some(Ok(grant)) = grant
            && let Some(id) = grant.principal.key
            && !exposed.contains(&id)
        {
            exposed.push(id);
        }
    }
    exposed
}
