//! Rotations that were given up and cannot be ended.

use journal::{JournalSettings, Position, Reader, RealDisk};
use store::{Rotation, RotationStep, Store};

use super::*;

/// How often the end of a rotation is on record.
fn given_up(folder: &std::path::Path) -> usize {
    let records = Reader::new(folder, Arc::new(RealDisk)).records(Position::Start);
    let is_end = |body: EventBody| matches!(body, EventBody::Administration(one) if one.operation == "provider_key.given_up");
    let records = records.expect("readable").map(|record| record.expect("readable").event.body);
    records.filter(|body| is_end(body.clone())).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_cannot_be_stored_is_tried_twice_a_minute_and_at_once_when_something_changes() {
    let folder = tempfile::tempdir().expect("a folder");
    let (journal, _) = Journal::open(folder.path(), JournalSettings::default(), Arc::new(RealDisk))
        .expect("opened");
    let store = Store::open(&folder.path().join("state.db")).await.expect("opened");
    let secrets = SealedSecrets::new(store);
    let sealing = Sealing::new(Box::new(store::LocalKey::new(Secret::new([7; 32]))), Vec::new());
    let sealed = sealing.seal("openai", &Secret::new("sk".to_owned())).expect("sealed");
    let mut record = secrets.add("openai", sealed, None, 1).await.expect("added");
    record.rotation = Some(Rotation {
        actor: "cli".to_owned(),
        asked_ms: 1,
        is_given_up: true,
        label: "bartizan-openai-1".to_owned(),
        overlap_ms: 0,
        step: RotationStep::Asked,
        why: None,
    });
    let record = secrets.put(record, 2).await.expect("given up");
    let mut follower =
        Follower::start(secrets.clone(), None, BTreeMap::new()).await.expect("started");
    // What cannot be stored: a change of a version that is no longer there.
    let stale = SealedRecord { version: record.version - 1, ..record };
    follower.known.insert("openai".to_owned(), stale);
    let began = Instant::now();
    for quarters in 0..=120 {
        let now = began + PAUSE * quarters;
        follower.refresh(&journal, now).await.expect("looked at");
    }
    secrets.add("other", follower.known["openai"].sealed.clone(), None, 3).await.expect("added");
    follower.refresh(&journal, began + PAUSE * 121).await.expect("looked at");
    let record = secrets.get("openai").await.expect("read").expect("a record");
    assert_eq!(record.rotation, None, "what is there now can be ended, and is at once");
    secrets.store().close().await;
    journal.close().expect("closed");
    assert_eq!(given_up(folder.path()), 3, "at once, after half a minute, and the last");
}
