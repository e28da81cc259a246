//! What is at rest, who gets in, and how fast a revocation is seen.

use std::os::unix::fs::PermissionsExt as _;

use store::{GrantOptions, KeyRefusal, KeySnapshot, KeyStatus, KeysError, StoreError, VirtualKeys};

use crate::Home;

const NOW_MS: u64 = 1_750_000_000_000;

fn grant(name: &str) -> GrantOptions {
    GrantOptions {
        name: name.into(),
        application: Some("shop".into()),
        models: vec!["gpt-4*".into()],
        ..GrantOptions::default()
    }
}

async fn keys(home: &Home) -> VirtualKeys {
    VirtualKeys::open(home.open().await, &home.pepper(), NOW_MS).await.expect("keys open")
}

fn refusal(snapshot: &KeySnapshot, key: &str) -> Option<KeyRefusal> {
    snapshot.authenticate(key, NOW_MS).err()
}

#[tokio::test]
async fn a_made_key_opens_and_carries_its_grant() {
    let home = Home::new();
    let keys = keys(&home).await;
    let (record, key) = keys.create(grant("ci"), NOW_MS).await.expect("created");
    let snapshot = keys.snapshot().await.expect("snapshot");
    let granted = snapshot.authenticate(key.expose(), NOW_MS).expect("opens");
    assert_eq!(granted.name, "ci");
    assert_eq!(granted.principal.key, Some(record.id));
    assert_eq!(granted.principal.application.as_deref(), Some("shop"));
    assert!(granted.limits.allows_model("gpt-4o") && !granted.limits.allows_model("o3"));
    assert_eq!((snapshot.len(), record.status, record.version), (1, KeyStatus::Active, 1));
}

#[tokio::test]
async fn only_hashes_are_at_rest() {
    let home = Home::new();
    let keys = keys(&home).await;
    let (_, key) = keys.create(grant("ci"), NOW_MS).await.expect("created");
    let secret = key.expose().rsplit('_').next().expect("a secret part").to_owned();
    // Once with the write-ahead log beside the file, once folded into it.
    for _ in 0..2 {
        for file in std::fs::read_dir(home.database().parent().expect("folder")).expect("folder") {
            let path = file.expect("entry").path();
            if path.is_file() {
                let bytes = std::fs::read(&path).expect("read");
                let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
                assert!(!found, "the secret is in {}", path.display());
                let mode = std::fs::metadata(&path).expect("metadata").permissions().mode();
                assert_eq!(mode & 0o077, 0, "others can read {}", path.display());
            }
        }
        keys.store().close().await;
    }
}

#[tokio::test]
async fn what_is_not_a_key_does_not_open() {
    let home = Home::new();
    let keys = keys(&home).await;
    let (record, key) = keys.create(grant("ci"), NOW_MS).await.expect("created");
    let snapshot = keys.snapshot().await.expect("snapshot");
    // A well-formed key with the right id and another secret.
    let forged = events::compose_virtual_key(record.id, &[9; 32]);
    assert_eq!(refusal(&snapshot, &forged), Some(KeyRefusal::Unknown));
    let stranger = events::compose_virtual_key(events::KeyId::new(1), &[9; 32]);
    assert_eq!(refusal(&snapshot, &stranger), Some(KeyRefusal::Unknown));
    for text in ["", "sk-proj-abc", "btz_", &key.expose()[1..], &format!("{} ", key.expose())] {
        assert_eq!(refusal(&snapshot, text), Some(KeyRefusal::Malformed), "{text}");
    }
    assert_eq!(refusal(&snapshot, key.expose()), None);
}

#[tokio::test]
async fn a_key_expires_at_its_millisecond() {
    let home = Home::new();
    let keys = keys(&home).await;
    let expires_ms = Some(NOW_MS + 1000);
    let (_, key) =
        keys.create(GrantOptions { expires_ms, ..grant("ci") }, NOW_MS).await.expect("created");
    let snapshot = keys.snapshot().await.expect("snapshot");
    assert!(snapshot.authenticate(key.expose(), NOW_MS + 999).is_ok());
    let late = snapshot.authenticate(key.expose(), NOW_MS + 1000).err();
    assert_eq!(late, Some(KeyRefusal::Expired));
    let past = GrantOptions { expires_ms: Some(NOW_MS), ..grant("ci") };
    let error = keys.create(past, NOW_MS).await.map(drop).expect_err("useless").to_string();
    assert_eq!(error, "the key would expire before it is made");
}

#[tokio::test]
async fn a_rotated_key_keeps_its_id_and_both_secrets_work_for_a_while() {
    let home = Home::new();
    let keys = keys(&home).await;
    let (record, first) = keys.create(grant("ci"), NOW_MS).await.expect("created");
    let until_ms = NOW_MS + 1000;
    let (rotated, second) = keys.rotate(record.id, until_ms, NOW_MS + 1).await.expect("rotated");
    assert_eq!((rotated.id, &rotated.grant), (record.id, &record.grant));
    assert_eq!((rotated.rotated_ms, rotated.overlap_until_ms), (Some(NOW_MS + 1), Some(until_ms)));
    let snapshot = keys.snapshot().await.expect("snapshot");
    let refused = |key: &str, at_ms| snapshot.authenticate(key, at_ms).err();
    assert_eq!(refused(first.expose(), until_ms - 1), None);
    assert_eq!(refused(first.expose(), until_ms), Some(KeyRefusal::Rotated));
    assert_eq!(refused(second.expose(), until_ms), None);
    assert_eq!(snapshot.rotated_ms(record.id), Some(NOW_MS + 1));

    // Without an overlap the secret before is refused at once, and the one before that is nobody's.
    let (_, third) = keys.rotate(record.id, 0, NOW_MS + 2).await.expect("rotated");
    let snapshot = keys.snapshot().await.expect("snapshot");
    for old in [&first, &second] {
        assert_eq!(refusal(&snapshot, old.expose()), Some(KeyRefusal::Unknown));
    }
    assert_eq!(refusal(&snapshot, third.expose()), None);

    keys.revoke(record.id, NOW_MS + 3).await.expect("revoked");
    let error = keys.rotate(record.id, 0, NOW_MS + 4).await.map(drop).expect_err("revoked");
    assert!(error.to_string().ends_with("is revoked, so it gets no new secret"), "{error}");
}

#[tokio::test]
async fn a_revocation_is_seen_by_another_handle() {
    let home = Home::new();
    let (gateway, admin) = (keys(&home).await, keys(&home).await);
    let (record, key) = admin.create(grant("ci"), NOW_MS).await.expect("created");
    let snapshot = gateway.snapshot().await.expect("snapshot");
    assert_eq!(refusal(&snapshot, key.expose()), None);
    assert!(gateway.refresh(&snapshot).await.expect("refresh").is_none());

    let revoked = admin.revoke(record.id, NOW_MS + 5).await.expect("revoked");
    assert_eq!((revoked.status, revoked.revoked_ms), (KeyStatus::Revoked, Some(NOW_MS + 5)));
    let snapshot = gateway.refresh(&snapshot).await.expect("refresh").expect("changed");
    assert_eq!(refusal(&snapshot, key.expose()), Some(KeyRefusal::Revoked));
    let again = admin.revoke(record.id, NOW_MS + 99).await.expect("revoked twice");
    assert_eq!(again, revoked, "the first revocation counts");
    assert!(gateway.refresh(&snapshot).await.expect("refresh").is_none());

    let unknown = admin.revoke(events::KeyId::new(1), NOW_MS).await;
    assert!(matches!(unknown, Err(KeysError::Store(StoreError::NotFound { .. }))));
}

#[tokio::test]
async fn keys_survive_a_restart_and_are_listed_in_order() {
    let home = Home::new();
    let first = keys(&home).await;
    let mut made = Vec::new();
    for name in ["a", "b", "c"] {
        made.push(first.create(grant(name), NOW_MS).await.expect("created"));
    }
    first.store().close().await;
    let second = keys(&home).await;
    let listed = second.list(None, 100).await.expect("list");
    let mut expected: Vec<_> = made.iter().map(|(record, _)| record.clone()).collect();
    expected.sort_by_key(|record| record.id);
    assert_eq!(listed, expected);
    let rest = second.list(Some(expected[0].id), 1).await.expect("list");
    assert_eq!(rest, expected[1..2]);
    let snapshot = second.snapshot().await.expect("snapshot");
    for (record, key) in &made {
        assert_eq!(second.show(record.id).await.expect("show"), *record);
        assert_eq!(refusal(&snapshot, key.expose()), None);
    }
}

#[tokio::test]
async fn another_pepper_is_an_error_and_not_a_thousand_refusals() {
    let home = Home::new();
    keys(&home).await.create(grant("ci"), NOW_MS).await.expect("created");
    let other = home.pepper().with_file_name("other");
    store::load_or_create_secret(&other).expect("made");
    let message = |error: KeysError| {
        let folder = home.database().parent().expect("folder").display().to_string();
        error.to_string().replace(&folder, "DATA")
    };
    let error = VirtualKeys::open(home.open().await, &other, NOW_MS).await.expect_err("mismatch");
    assert_eq!(
        message(error),
        "the pepper `DATA/keys/other` does not belong to the database `DATA/state.db`"
    );
    std::fs::remove_file(home.pepper()).expect("removed");
    let error =
        VirtualKeys::open(home.open().await, &home.pepper(), NOW_MS).await.expect_err("lost");
    assert_eq!(message(error), "cannot read the secret file `DATA/keys/pepper`: entity not found");
    assert!(!home.pepper().exists(), "a lost pepper is not replaced behind the owner's back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn first_starts_at_the_same_time_agree_on_the_pepper() {
    let home = Home::new();
    let (database, pepper) = (home.database(), home.pepper());
    let mut starts = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let (database, pepper) = (database.clone(), pepper.clone());
        starts.spawn(async move {
            let store = store::Store::open(&database).await.expect("open");
            let keys = VirtualKeys::open(store, &pepper, NOW_MS).await.expect("keys");
            keys.create(grant("ci"), NOW_MS).await.expect("created").1
        });
    }
    let made = starts.join_all().await;
    let snapshot = keys(&home).await.snapshot().await.expect("snapshot");
    assert_eq!(snapshot.len(), 6);
    assert!(made.iter().all(|key| refusal(&snapshot, key.expose()).is_none()));
}
