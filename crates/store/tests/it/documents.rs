//! Versions, limits, history, concurrency, and files that are not what they should be.

use serde_json::json;
use store::{
    DOCUMENT_BYTES_MAX, DOCUMENT_ID_BYTES_MAX, DocumentKind, HISTORY_VERSIONS_MAX,
    LIST_DOCUMENTS_MAX, Store, StoreError,
};

use crate::Home;

const NOTE: DocumentKind = DocumentKind::new("note");
const OTHER: DocumentKind = DocumentKind::new("other");

#[tokio::test]
async fn a_document_lives_through_its_versions() {
    let home = Home::new();
    let store = home.open().await;
    let made = store.insert(NOTE, "a", &json!({"n": 1}), 10).await.expect("insert");
    assert_eq!((made.version, made.created_ms, made.changed_ms), (1, 10, 10));
    let put = store.put(NOTE, "a", 1, &json!({"n": 2}), 20).await.expect("put");
    assert_eq!((put.version, put.created_ms, put.changed_ms), (2, 10, 20));
    assert_eq!(store.get(NOTE, "a").await.expect("get"), Some(put));
    assert_eq!(store.get(OTHER, "a").await.expect("get"), None);

    store.delete(NOTE, "a", 2, 30).await.expect("delete");
    assert_eq!(store.get(NOTE, "a").await.expect("get"), None);
    let again = store.insert(NOTE, "a", &json!({"n": 4}), 40).await.expect("insert again");
    assert_eq!(again.version, 4, "a version number is never used twice");
    let history = store.history(NOTE, "a").await.expect("history");
    let seen: Vec<_> = history.iter().map(|v| (v.version, v.body.clone())).collect();
    let expected = [Some(json!({"n": 4})), None, Some(json!({"n": 2})), Some(json!({"n": 1}))];
    assert_eq!(seen, (1..=4).rev().zip(expected).collect::<Vec<_>>());
}

#[tokio::test]
async fn conflicts_say_what_happened() {
    let home = Home::new();
    let store = home.open().await;
    store.insert(NOTE, "a", &json!(1), 1).await.expect("insert");
    store.put(NOTE, "a", 1, &json!(2), 2).await.expect("put");
    let message = |result: Result<_, StoreError>| match result {
        Ok(()) => String::from("no error"),
        Err(error) => error.to_string(),
    };
    assert_eq!(
        message(store.put(NOTE, "a", 1, &json!(3), 3).await.map(drop)),
        "note `a` is at version 2, not 1: somebody else changed it"
    );
    assert_eq!(
        message(store.insert(NOTE, "a", &json!(3), 3).await.map(drop)),
        "note `a` exists already"
    );
    assert_eq!(message(store.delete(NOTE, "b", 1, 3).await), "there is no note `b`");
    assert_eq!(store.get(NOTE, "a").await.expect("get").map(|d| d.body), Some(json!(2)));
}

#[tokio::test]
async fn listing_goes_on_where_it_stopped() {
    let home = Home::new();
    let store = home.open().await;
    for id in ["c", "a", "b", "d"] {
        store.insert(NOTE, id, &json!(null), 1).await.expect("insert");
    }
    store.insert(OTHER, "aa", &json!(null), 1).await.expect("insert");
    let ids = async |after: Option<&str>, limit| {
        let page = store.list(NOTE, after, limit).await.expect("list");
        page.into_iter().map(|document| document.id).collect::<String>()
    };
    assert_eq!(ids(None, 3).await, "abc");
    assert_eq!(ids(Some("c"), 3).await, "d");
    assert_eq!(ids(Some("d"), 3).await, "");
    assert_eq!(store.count(NOTE).await.expect("count"), 4);
}

#[tokio::test]
async fn limits_are_held() {
    let home = Home::new();
    let store = home.open().await;
    let body = |bytes: usize| json!("x".repeat(bytes - 2));
    let insert = async |id: &str, bytes| store.insert(NOTE, id, &body(bytes), 1).await.map(drop);
    assert!(insert("fits", DOCUMENT_BYTES_MAX).await.is_ok());
    let refused = insert("large", DOCUMENT_BYTES_MAX + 1).await.expect_err("too large");
    assert_eq!(refused.to_string(), "the document has 262145 bytes, the limit is 262144");
    assert!(insert(&"i".repeat(DOCUMENT_ID_BYTES_MAX), 9).await.is_ok());
    let refused = insert(&"i".repeat(DOCUMENT_ID_BYTES_MAX + 1), 9).await.expect_err("long id");
    assert_eq!(refused.to_string(), "the document's id has 201 bytes, the limit is 200");

    for version in 1..=u64::from(HISTORY_VERSIONS_MAX) {
        store.put(NOTE, "fits", version, &json!(version), 1).await.expect("put");
    }
    let history = store.history(NOTE, "fits").await.expect("history");
    assert_eq!(history.len(), HISTORY_VERSIONS_MAX as usize);
    assert_eq!(history.last().map(|version| version.version), Some(2), "the oldest was dropped");
}

#[tokio::test]
async fn one_list_never_returns_more_than_its_limit() {
    let home = Home::new();
    let store = home.open().await;
    for id in 0..=LIST_DOCUMENTS_MAX {
        store.insert(NOTE, &format!("{id:06}"), &json!(id), 1).await.expect("insert");
    }
    let page = store.list(NOTE, None, u32::MAX).await.expect("list");
    assert_eq!(page.len(), LIST_DOCUMENTS_MAX as usize);
}

#[tokio::test]
async fn another_handle_sees_the_counter_move() {
    let home = Home::new();
    let (writer, reader) = (home.open().await, home.open().await);
    let before = reader.changes().await.expect("changes");
    assert_eq!(reader.changes().await.expect("changes"), before);
    writer.insert(NOTE, "a", &json!(1), 1).await.expect("insert");
    assert_ne!(reader.changes().await.expect("changes"), before);
    let before = reader.changes().await.expect("changes");
    writer.put(NOTE, "a", 9, &json!(1), 1).await.expect_err("a failed change");
    assert_eq!(reader.changes().await.expect("changes"), before, "nothing changed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_writers_lose_nothing() {
    const WRITERS: u64 = 6;
    const ROUNDS: u64 = 20;
    let home = Home::new();
    let path = home.database();
    // Each writer opens its own handle, all at once, on a file that does not exist yet.
    let write = |path: std::path::PathBuf| async move {
        let store = Store::open(&path).await.expect("open");
        let made = store.insert(NOTE, "sum", &json!(0), 1).await;
        assert!(matches!(made, Ok(_) | Err(StoreError::AlreadyExists { .. })), "{made:?}");
        for _ in 0..ROUNDS {
            loop {
                let document = store.get(NOTE, "sum").await.expect("get").expect("exists");
                let sum = document.body.as_u64().expect("a number") + 1;
                match store.put(NOTE, "sum", document.version, &json!(sum), 1).await {
                    Ok(_) => break,
                    Err(StoreError::VersionConflict { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        }
    };
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..WRITERS {
        writers.spawn(write(path.clone()));
    }
    writers.join_all().await;
    let store = home.open().await;
    let document = store.get(NOTE, "sum").await.expect("get").expect("exists");
    assert_eq!(document.body, json!(WRITERS * ROUNDS));
    assert_eq!(store.changes().await.expect("changes"), 1 + WRITERS * ROUNDS);
}

/// The message of opening a file with this content.
async fn open_error(home: &Home, content: &[u8]) -> String {
    std::fs::write(home.database(), content).expect("written");
    let error = Store::open(&home.database()).await.expect_err("must not open");
    error.to_string().replace(&home.database().display().to_string(), "DB")
}

#[tokio::test]
async fn a_file_that_is_no_database_is_reported_as_such() {
    let home = Home::new();
    let message = open_error(&home, &b"this is not a database, it is a letter. ".repeat(100)).await;
    assert!(message.starts_with("the database `DB` is damaged: "), "{message}");
    assert!(message.contains("file is not a database"), "{message}");
}

#[tokio::test]
async fn a_damaged_database_is_reported_as_such() {
    let home = Home::new();
    let store = home.open().await;
    for id in 0..200 {
        let body = json!("x".repeat(500));
        store.insert(NOTE, &id.to_string(), &body, 1).await.expect("insert");
    }
    store.close().await;
    let mut bytes = std::fs::read(home.database()).expect("read");
    // Overwrite whole pages in the middle, leaving the header as it was.
    let middle = bytes.len() / 2;
    bytes[middle..middle + 16384].fill(0xa5);
    let message = open_error(&home, &bytes).await;
    assert!(message.starts_with("the database `DB` is damaged: "), "{message}");
}

#[tokio::test]
async fn a_foreign_and_a_newer_database_are_left_alone() {
    let home = Home::new();
    let store = home.open().await;
    store.close().await;
    let ours = std::fs::read(home.database()).expect("read");
    // Offsets from the SQLite file format: user_version at 60, application_id at 68, big-endian.
    let mut newer = ours.clone();
    newer[60..64].copy_from_slice(&99_u32.to_be_bytes());
    let expected = "the database `DB` has schema version 99, this program knows up to 1";
    assert_eq!(open_error(&home, &newer).await, expected);
    let mut foreign = ours;
    foreign[68..72].copy_from_slice(b"GPKG");
    assert_eq!(open_error(&home, &foreign).await, "the database `DB` was not made by Bartizan");
}

#[tokio::test]
async fn a_missing_folder_is_reported() {
    let home = Home::new();
    let path = home.database().join("deeper").join("state.db");
    let error = Store::open(&path).await.expect_err("no such folder").to_string();
    assert!(error.starts_with("cannot open the database `"), "{error}");
    assert!(error.contains("No such file or directory"), "{error}");
}

#[tokio::test]
async fn isolations_hold_until_their_time_is_over_or_they_are_restored() {
    let home = Home::new();
    let isolations = store::Isolations::new(home.open().await);
    isolations.isolate("upstream:a", Some(100), "leaks", 10).await.expect("isolated");
    isolations.isolate("upstream:b", None, "compromised", 10).await.expect("isolated");
    isolations.isolate("upstream:b", Some(500), "still", 20).await.expect("said again");
    let names = |now_ms| {
        let isolations = isolations.clone();
        async move {
            let all = isolations.list().await.expect("a list");
            let active = all.into_iter().filter(|one| one.is_active(now_ms));
            active.map(|one| format!("{}: {}", one.target, one.why)).collect::<Vec<_>>()
        }
    };
    assert_eq!(names(99).await, ["upstream:a: leaks", "upstream:b: still"]);
    assert_eq!(names(100).await, ["upstream:b: still"]);
    isolations.isolate("model:m", None, "x", 200).await.expect("isolated");
    let all = isolations.list().await.expect("a list");
    assert_eq!(all.len(), 2, "what is over is gone: {all:?}");
    assert_eq!(isolations.restore("upstream:b", 300).await.ok(), Some(true));
    assert_eq!(isolations.restore("upstream:b", 300).await.ok(), Some(false));
    assert_eq!(names(300).await, ["model:m: x"]);
}
