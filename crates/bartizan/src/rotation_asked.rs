//! What is asked of rotations: to begin, to be given up, to exchange a key that was seen.
//!
//! Each is a change of the sealed secret's document, made by whoever asks; the steps follow from it (`rotation`).
//!
//! A rotation that a provider blocks can be given up wherever it is ([`ask_to_give_up`], [`give_up`]): the key in use stays,
//! nothing is asked of the provider, and what is left there is said. A key that is seen where it does not belong ([`seen`])
//! is exchanged by the rotation that is under way, if it is not switched yet; else by another, as soon as an hour has passed
//! since one last began, and the overlap with the key before it ends for that. Whoever gives a rotation up that was to
//! exchange a key that was seen has decided about that: it begins no other, unless the key is seen again.
//!
//! INVARIANT: a key is exchanged for being seen at most once in [`EXPOSED_PAUSE_MS`], whoever repeats it how often, and no
//! exposure is forgotten but by giving up. INVARIANT: what is given up makes no further step, and ends when that is on record.

use events::{Administration, Event, EventBody};
use journal::Journal;
use store::{Rotation, RotationStep, SealedChange, SealedRecord, SealedSecrets, StoreError};

use crate::rotation::RotationError;
use crate::time::now_ms;

/// How long a key is not exchanged again because it is seen, in milliseconds.
pub(crate) const EXPOSED_PAUSE_MS: u64 = 60 * 60 * 1000;
/// How often a document is read anew that others changed in between.
const CHANGE_TRIES_MAX: u32 = 16;
/// Characters of a secret's name that go into a label: providers have limits.
const LABEL_NAME_CHARS_MAX: usize = 40;
/// What is on record of a rotation that is given up though its key was seen.
const STAYS_THOUGH_SEEN: &str = "the key in use was seen in plain text and stays";

/// Notes that a secret is to be rotated, unless it is being rotated already.
pub(crate) async fn ask(
    secrets: &SealedSecrets,
    mut record: SealedRecord,
    (actor, why): (&str, Option<String>),
    overlap_ms: u64,
) -> Result<SealedRecord, StoreError> {
    if record.rotation.is_some() {
        return Ok(record);
    }
    let now_ms = now_ms();
    let name: String = record.name.chars().take(LABEL_NAME_CHARS_MAX).collect();
    record.rotation = Some(Rotation {
        actor: actor.to_owned(),
        asked_ms: now_ms,
        is_given_up: false,
        label: format!("bartizan-{name}-{now_ms:x}"),
        overlap_ms,
        step: RotationStep::Asked,
        why,
    });
    record.change = SealedChange::Rotated;
    record.rotated_ms = Some(now_ms);
    secrets.put(record, now_ms).await
}

/// Notes that the key in use was seen where it does not belong, so that it is exchanged as soon as that may be. Whether it has
/// to wait, if this is news.
pub(crate) async fn seen(secrets: &SealedSecrets, name: &str) -> Result<bool, StoreError> {
    let now_ms = now_ms();
    let noted = changed(secrets, name, |record| {
        let is_news = record.exposed_ms.is_none();
        record.exposed_ms.get_or_insert(now_ms);
        is_news
    });
    let Some((record, true)) = noted.await? else { return Ok(false) };
    Ok(!is_being_exchanged(&record) && !is_due(&record, now_ms))
}

/// Whether a rotation is under way that takes the key out of use.
fn is_being_exchanged(record: &SealedRecord) -> bool {
    record.rotation.as_ref().is_some_and(|rotation| {
        !matches!(rotation.step, RotationStep::Switched { .. }) && !rotation.is_given_up
    })
}

/// Whether the key in use was seen, and a rotation is under way that exchanges it for that too: giving it up means that it stays.
pub(crate) fn is_exchanged_for_being_seen(record: &SealedRecord) -> bool {
    record.exposed_ms.is_some() && is_being_exchanged(record)
}

/// Whether the key in use was seen, and enough time has passed since it was last exchanged.
pub(crate) fn is_due(record: &SealedRecord, now_ms: u64) -> bool {
    let has_passed = |at_ms: u64| now_ms.abs_diff(at_ms) >= EXPOSED_PAUSE_MS;
    record.exposed_ms.is_some() && record.rotated_ms.is_none_or(has_passed)
}

/// Notes that the rotation is to end where it is: from now on no step is made, and if it was to exchange a key that was seen,
/// that begins no other. The record as it is then; nothing if there is no rotation.
pub(crate) async fn ask_to_give_up(
    secrets: &SealedSecrets,
    name: &str,
    (actor, why): (&str, Option<&str>),
) -> Result<Option<SealedRecord>, StoreError> {
    let noted = changed(secrets, name, |record| {
        let was_seen = is_exchanged_for_being_seen(record);
        let Some(rotation) = record.rotation.as_mut().filter(|one| !one.is_given_up) else {
            return false;
        };
        actor.clone_into(&mut rotation.actor);
        rotation.is_given_up = true;
        let whys = why.into_iter().chain(was_seen.then_some(STAYS_THOUGH_SEEN));
        rotation.why = Some(whys.collect::<Vec<_>>().join("; ")).filter(|why| !why.is_empty());
        if was_seen {
            // Here and not where it ends: what is seen from now on is another time.
            record.exposed_ms = None;
        }
        true
    });
    Ok(noted.await?.map(|(record, _)| record).filter(|record| record.rotation.is_some()))
}

/// Ends a rotation that was given up, and puts it on record with what is left at the provider.
pub(crate) async fn give_up(
    secrets: &SealedSecrets,
    journal: &Journal,
    record: SealedRecord,
) -> Result<(), RotationError> {
    let Some(rotation) = record.rotation.as_ref().filter(|one| one.is_given_up) else {
        return Ok(());
    };
    let left = left_behind(rotation)
        .map_or_else(|| "nothing is left".to_owned(), |left| format!("left is {left}"));
    let why = rotation.why.iter().cloned().chain([left]).collect::<Vec<_>>().join("; ");
    note(journal, &record, "given_up", Some(why))?;
    let record = SealedRecord { change: SealedChange::Rotated, rotation: None, ..record };
    secrets.put(record, now_ms()).await?;
    Ok(())
}

/// What somebody has to delete at the provider when this rotation is given up, in words.
pub(crate) fn left_behind(rotation: &Rotation) -> Option<String> {
    match &rotation.step {
        RotationStep::Asked => None,
        RotationStep::Begun => Some(format!("a key called `{}`, if one was made", rotation.label)),
        RotationStep::Made { provider_id, .. } | RotationStep::Verified { provider_id, .. } => {
            Some(format!("the key `{provider_id}`, which nobody uses"))
        }
        RotationStep::Switched { old_id, .. } => {
            Some(format!("the key `{old_id}`, which was in use before"))
        }
    }
}

/// Changes a document as it is now, if `change` says that there is something to change: the document, and whether.
async fn changed(
    secrets: &SealedSecrets,
    name: &str,
    change: impl Fn(&mut SealedRecord) -> bool,
) -> Result<Option<(SealedRecord, bool)>, StoreError> {
    let mut tries = 1;
    loop {
        let Some(mut record) = secrets.get(name).await? else { return Ok(None) };
        if !change(&mut record) {
            return Ok(Some((record, false)));
        }
        record.change = SealedChange::Rotated;
        match secrets.put(record, now_ms()).await {
            Err(StoreError::VersionConflict { .. }) if tries < CHANGE_TRIES_MAX => tries += 1,
            put => return put.map(|record| Some((record, true))),
        }
    }
}

/// What was done, onto the record.
pub(crate) fn note(
    journal: &Journal,
    record: &SealedRecord,
    what: &str,
    why: Option<String>,
) -> Result<(), RotationError> {
    let actor = record.rotation.as_ref().map_or("", |rotation| &rotation.actor).to_owned();
    let operation = format!("provider_key.{what}");
    let target = format!("sealed:{}", record.name);
    tracing::info!(name = record.name, operation, "a key is being rotated");
    let body = EventBody::Administration(Administration { actor, operation, target, why });
    let _ticket = journal.append(&Event::new(now_ms(), body))?;
    Ok(())
}
