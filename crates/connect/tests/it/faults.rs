//! What a guard is reported to have done when its service fails, and that a failing service is left alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use connect::{
    Consulted, ExternalGuards, GuardKind, GuardSettings, OnFailure, Passage, Refused, Stage,
};
use events::{GuardStatus, Provenance};
use testkit::{FakeService, Served};

const NOTHING_FOUND: &str = r#"{"findings":[]}"#;

pub(crate) fn passage(text: &str) -> Passage {
    Passage { own: Vec::new(), provenance: Provenance::User, text: text.to_owned() }
}

pub(crate) fn settings(url: &str) -> GuardSettings {
    GuardSettings {
        time_max: Duration::from_secs(5),
        ..GuardSettings::new("own", GuardKind::Webhook, url)
    }
}

pub(crate) fn guards(settings: GuardSettings) -> ExternalGuards {
    ExternalGuards::new(vec![settings]).expect("settings")
}

pub(crate) async fn ask(guards: &ExternalGuards, text: &str) -> Consulted {
    let consultation = guards.consult(Stage::Request, vec![passage(text)]);
    if consultation.is_empty() { consultation.without_asking() } else { consultation.ask().await }
}

/// How the one guard did, and why.
pub(crate) fn did(consulted: &Consulted) -> (GuardStatus, String) {
    assert_eq!(consulted.reports.len(), 1, "{consulted:?}");
    let report = consulted.reports.first().expect("a report");
    (report.status, report.reason.clone().unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_failure_is_refused_when_closed_and_recorded_as_one_when_open() {
    let too_large = vec![b' '; (1 << 20) + 1];
    for (served, reason) in [
        (Served::new(429, "{}"), "status_429"),
        (Served::new(500, NOTHING_FOUND), "status_500"),
        (Served::new(302, NOTHING_FOUND), "status_302"),
        (Served::new(200, "<html>"), "unreadable: not the expected JSON, at line 1 column 1"),
        (Served::new(200, "{}"), "unreadable: not the expected JSON, at line 1 column 2"),
        (Served::new(200, too_large), "answer_too_large"),
        (Served::new(0, ""), "connection_broken"),
        (Served::new(200, NOTHING_FOUND).after(Duration::from_secs(2)), "timed_out"),
    ] {
        let service = FakeService::start(move |_| served.clone()).expect("a service");
        for on_failure in [OnFailure::Closed, OnFailure::Open] {
            let time_max = Duration::from_millis(if reason == "timed_out" { 300 } else { 5_000 });
            let guards = guards(GuardSettings { on_failure, time_max, ..settings(&service.url()) });
            let started = Instant::now();
            let consulted = ask(&guards, "hello").await;
            assert!(started.elapsed() < Duration::from_secs(2), "{reason} took too long");
            let (status, why) = did(&consulted);
            assert_eq!(why, reason);
            if on_failure == OnFailure::Closed {
                assert_eq!(status, GuardStatus::FailedClosed);
                let guard = "own".to_owned();
                assert_eq!(consulted.refused, Some(Refused::Unavailable { guard }));
                assert!(consulted.unscanned.is_empty());
            } else {
                assert_eq!(status, GuardStatus::FailedOpen);
                assert_eq!(consulted.refused, None);
                assert_eq!(consulted.unscanned, [(0, format!("external guard `own`: {reason}"))]);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_not_there_is_a_failure() {
    let url = FakeService::start(|_| Served::new(200, NOTHING_FOUND)).expect("a service").url();
    let consulted = ask(&guards(settings(&url)), "hello").await;
    assert_eq!(did(&consulted), (GuardStatus::FailedClosed, "unreachable".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_service_is_left_alone_and_tried_again() {
    let is_well = Arc::new(AtomicBool::new(false));
    let asked_well = Arc::clone(&is_well);
    let service = FakeService::start(move |_| {
        Served::new(if asked_well.load(Ordering::SeqCst) { 200 } else { 503 }, NOTHING_FOUND)
    })
    .expect("a service");
    let mut settings = settings(&service.url());
    settings.circuit.failures_max = 3;
    settings.circuit.pause = Duration::from_millis(400);
    let guards = guards(settings);

    let mut states = Vec::new();
    for number in 0..6 {
        let consulted = ask(&guards, &format!("text {number}")).await;
        states.extend(consulted.notices.iter().map(|notice| notice.state.clone()));
        let expect = if number < 3 { "status_503" } else { "circuit_open" };
        assert_eq!(did(&consulted), (GuardStatus::FailedClosed, expect.to_owned()), "{number}");
    }
    assert_eq!(service.requests().len(), 3, "it was asked although it is left alone");
    assert_eq!(states, ["degraded"]);

    // The first try fails, and the service is left alone again.
    tokio::time::sleep(Duration::from_millis(450)).await;
    assert_eq!(did(&ask(&guards, "a").await).1, "status_503");
    assert_eq!(did(&ask(&guards, "b").await).1, "circuit_open");
    is_well.store(true, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(450)).await;
    let consulted = ask(&guards, "c").await;
    assert_eq!(did(&consulted).0, GuardStatus::Ran);
    assert_eq!(consulted.notices.first().map(|notice| notice.state.as_str()), Some("recovered"));
    assert_eq!(did(&ask(&guards, "d").await).0, GuardStatus::Ran);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_costs_too_many_questions_was_not_looked_at() {
    let service = FakeService::start(|_| Served::new(200, NOTHING_FOUND)).expect("a service");
    let small = || GuardSettings {
        questions_max: 4,
        text_characters_max: Some(80),
        ..settings(&service.url())
    };
    // Pieces of 80 characters, each 70 after the one before: four reach 290.
    let guards = guards(small());
    assert_eq!(did(&ask(&guards, &"x".repeat(290)).await).0, GuardStatus::Ran);
    let asked = service.requests().len();
    let consulted = ask(&guards, &"y".repeat(291)).await;
    assert_eq!(did(&consulted), (GuardStatus::FailedClosed, "too_long".to_owned()));
    assert_eq!(consulted.refused, Some(Refused::TooLong { guard: "own".to_owned() }));
    assert_eq!(service.requests().len(), asked, "nothing was asked");
    // It is the text's fault and not the service's.
    for _ in 0..10 {
        ask(&guards, &"z".repeat(291)).await;
    }
    assert_eq!(did(&ask(&guards, "short").await).0, GuardStatus::Ran);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_findings_are_no_answer() {
    let one = r#"{"kind":"custom.x"}"#;
    for (count, is_read) in [(1_000, true), (1_001, false)] {
        let body = format!(r#"{{"findings":[{}]}}"#, vec![one; count].join(","));
        let service =
            FakeService::start(move |_| Served::new(200, body.clone())).expect("a service");
        let (status, why) = did(&ask(&guards(settings(&service.url())), "hello").await);
        assert_eq!(status == GuardStatus::Ran, is_read, "{count}: {why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_under_way_are_limited() {
    let (open, most) = (Arc::new(std::sync::Mutex::new((0_u32, 0_u32))), 3);
    let counted = Arc::clone(&open);
    let service = FakeService::start(move |_| {
        {
            let mut open = counted.lock().expect("not poisoned");
            open.0 += 1;
            open.1 = open.1.max(open.0);
        }
        std::thread::sleep(Duration::from_millis(30));
        counted.lock().expect("not poisoned").0 -= 1;
        Served::new(200, NOTHING_FOUND)
    })
    .expect("a service");
    let guards = guards(GuardSettings { concurrency_max: most, ..settings(&service.url()) });
    let texts: Vec<String> = (0..12).map(|number| format!("text {number}")).collect();
    let asked: Vec<_> = texts.iter().map(|text| ask(&guards, text)).collect();
    for consulted in futures_util::future::join_all(asked).await {
        assert_eq!(did(&consulted).0, GuardStatus::Ran);
    }
    let (_, highest) = *open.lock().expect("not poisoned");
    assert!((1..=most as u32).contains(&highest), "{highest} at a time");
}
