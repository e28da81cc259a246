//! What is on record of break-glass that does not begin.

use journal::{JournalSettings, Position, Reader, RealDisk};
use store::{BreakGlassRequest, Store};

use super::*;

/// Something approved, and a gateway that follows it.
async fn approved(folder: &std::path::Path) -> (Follower, BreakGlassRecord, Journal) {
    let (journal, _) =
        Journal::open(folder, JournalSettings::default(), Arc::new(RealDisk)).expect("opened");
    let store = Store::open(&folder.join("state.db")).await.expect("opened");
    let requests = BreakGlassRequests::new(store);
    let request = BreakGlassRequest {
        by: events::KeyId::new(1),
        rules: vec!["injection-from-user".to_owned()],
        scope: policy::ExceptionScope { team: Some("a".to_owned()), ..Default::default() },
        time_ms: 60_000,
        why: "a test".to_owned(),
    };
    let asked = requests.ask(request, now_ms()).await.expect("asked");
    let record =
        requests.approve(&asked.id, events::KeyId::new(2), now_ms()).await.expect("approved");
    let engine = Arc::new(Engine::new(&policy::PolicyOptions::default()).expect("the rules"));
    let follower = Follower::start(requests, Ruled::beginning(&engine), &journal).await;
    (follower.expect("started"), record, journal)
}

/// What is on record of it.
fn recorded(folder: &std::path::Path) -> Vec<String> {
    let records =
        Reader::new(folder, Arc::new(RealDisk)).records(Position::Start).expect("readable");
    let operation = |body| match body {
        EventBody::Administration(one) => Some(format!("{} {}", one.operation, one.actor)),
        _ => None,
    };
    records.filter_map(|record| operation(record.expect("readable").event.body)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_begin_is_not_on_record_as_begun() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut follower, record, journal) = approved(folder.path()).await;
    follower.requests.end(&record.id, "somebody", now_ms()).await.expect("withdrawn");
    let by = events::KeyId::new(2);
    follower.begin(&record, by, now_ms(), &journal).await.expect_err("it was changed meanwhile");
    assert!(!follower.ruled.glass.holds(&record.id, Instant::now(), now_ms()));
    journal.close().expect("closed");
    let said = recorded(folder.path());
    assert!(!said.iter().any(|one| one.contains("begin")), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_recorded_does_not_begin() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut follower, record, journal) = approved(folder.path()).await;
    journal.clone().close().expect("closed");
    follower.begin(&record, events::KeyId::new(2), now_ms(), &journal).await.expect("looked at");
    assert!(!follower.ruled.glass.holds(&record.id, Instant::now(), now_ms()));
    let known = follower.requests.list().await.expect("read");
    assert_eq!(known[0].state, BreakGlassState::Ended { by: "record".to_owned() });
}

#[tokio::test(flavor = "multi_thread")]
async fn what_begins_is_on_record_and_holds() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut follower, record, journal) = approved(folder.path()).await;
    follower.refresh(&journal, false).await.expect("looked at");
    assert!(follower.ruled.glass.holds(&record.id, Instant::now(), now_ms()));
    journal.close().expect("closed");
    let said = recorded(folder.path());
    assert_eq!(
        said.iter().filter(|one| one.starts_with("break_glass.begin ")).count(),
        1,
        "{said:?}"
    );
}
