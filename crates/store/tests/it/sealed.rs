//! Sealed secrets on disk: what is kept of them, and what becomes of documents that somebody moved or cut.

use serde_json::json;
use stdx::Secret;
use store::{
    DocumentKind, LocalKey, Rotation, RotationStep, SealError, SealedSecrets, Sealing, StoreError,
};

use crate::Home;

/// The kind of document that the store keeps sealed secrets as.
const KIND: DocumentKind = DocumentKind::without_history("sealed secret");

fn sealing() -> Sealing {
    Sealing::new(Box::new(LocalKey::new(Secret::new([7; 32]))), Vec::new())
}

fn seal(name: &str, value: &str) -> store::Sealed {
    sealing().seal(name, &Secret::new(value.to_owned())).expect("sealed")
}

#[tokio::test]
async fn what_is_replaced_or_removed_is_gone_from_the_files() {
    let home = Home::new();
    let store = home.open().await;
    let secrets = SealedSecrets::new(store.clone());
    let first = seal("openai", "sk-first");
    let value = first.value.clone();
    let mut record = secrets.add("openai", first, Some("svc_1".into()), 1).await.expect("added");
    record.sealed = seal("openai", "sk-second");
    let second = record.sealed.value.clone();
    let record = secrets.put(record, 2).await.expect("put");
    assert_eq!(secrets.list().await.expect("list"), std::slice::from_ref(&record));
    assert_eq!((record.version, record.changed_ms, record.created_ms), (2, 2, 1));
    secrets.remove(&record, 3).await.expect("removed");
    assert_eq!(secrets.get("openai").await.expect("get"), None);
    let history = store.history(KIND, "openai").await.expect("history");
    let bodies: Vec<_> = history.iter().map(|one| (one.version, one.body.clone())).collect();
    assert_eq!(bodies, [(3, None), (2, Some(json!(null))), (1, Some(json!(null)))]);
    store.close().await;
    for file in std::fs::read_dir(home.database().parent().expect("a folder")).expect("listed") {
        let path = file.expect("a file").path();
        if !path.is_file() {
            continue;
        }
        let bytes = std::fs::read(&path).expect("read");
        for gone in [&value, &second] {
            let is_there = bytes.windows(gone.len()).any(|window| window == gone.as_bytes());
            assert!(!is_there, "{}", path.display());
        }
    }
}

#[tokio::test]
async fn a_change_is_made_to_what_was_read_or_not_at_all() {
    let home = Home::new();
    let secrets = SealedSecrets::new(home.open().await);
    let record = secrets.add("a", seal("a", "sk-1"), None, 1).await.expect("added");
    assert!(secrets.add("a", seal("a", "sk-2"), None, 1).await.is_err());
    secrets.put(record.clone(), 2).await.expect("put");
    let late = secrets.put(record.clone(), 3).await;
    assert!(matches!(late, Err(StoreError::VersionConflict { .. })));
    assert!(secrets.remove(&record, 3).await.is_err());
}

#[tokio::test]
async fn documents_that_were_swapped_or_cut_do_not_open() {
    let home = Home::new();
    let store = home.open().await;
    let secrets = SealedSecrets::new(store.clone());
    for name in ["a", "b"] {
        secrets.add(name, seal(name, &format!("sk-{name}")), None, 1).await.expect("added");
    }
    // Who can write the database puts the document of one in the place of the other.
    let a = store.get(KIND, "a").await.expect("get").expect("a document");
    store.put(KIND, "b", 1, &a.body, 2).await.expect("put");
    let moved = secrets.get("b").await.expect("get").expect("a record");
    let error = sealing().open("b", &moved.sealed).err();
    assert_eq!(error, Some(SealError::Damaged { name: "b".into() }));

    for body in [
        json!(null),
        json!({}),
        json!({"change": "added", "sealed": "sk-live"}),
        json!({"change": "added", "sealed": a.body["sealed"], "sk-live": 1}),
        json!({"change": "added", "sealed": {"key": "k", "value": "v"}}),
    ] {
        let version = store.get(KIND, "b").await.expect("get").expect("a document").version;
        store.put(KIND, "b", version, &body, 3).await.expect("put");
        let error = secrets.get("b").await.expect_err("not a sealed secret").to_string();
        assert!(error.contains("`b`") && !error.contains("sk-live"), "{error}");
    }
}

#[tokio::test]
async fn the_key_that_follows_is_among_the_values_until_it_is_in_use() {
    let home = Home::new();
    let secrets = SealedSecrets::new(home.open().await);
    let mut record = secrets.add("a", seal("a", "sk-1"), None, 1).await.expect("added");
    let (provider_id, sealed) = (String::from("svc_2"), seal("a", "sk-2"));
    for (step, count) in [
        (RotationStep::Asked, 1),
        (RotationStep::Begun, 1),
        (RotationStep::Made { provider_id: provider_id.clone(), sealed: sealed.clone() }, 2),
        (RotationStep::Verified { provider_id, sealed }, 2),
        (RotationStep::Switched { old_id: "svc_1".into(), retire_ms: 9 }, 1),
    ] {
        record.rotation = Some(Rotation {
            actor: "cli".into(),
            asked_ms: 1,
            is_given_up: true,
            label: "l".into(),
            overlap_ms: 0,
            step,
            why: None,
        });
        let written = secrets.put(record, 2).await.expect("put");
        let mut read = secrets.get("a").await.expect("get").expect("a record");
        assert_eq!(read, written, "it reads back");
        assert_eq!(read.values_mut().count(), count);
        record = read;
    }
}
