//! What a service sees, and when it is asked at all.

use std::time::Duration;

use connect::{CacheSettings, GreyBand, GuardKind, GuardSettings, Passage, Stage, Stages};
use events::{Finding, GuardStatus, Kind, Provenance, Rank, Score, Span};
use stdx::{Secret, SharedSecret};
use testkit::{FakeService, RecordedRequest, Served};

use crate::faults::{ask, did, guards, passage, settings};

const FOUND: &str = r#"{"findings":[{"kind":"custom.bird","score":0.9,"start":4,"end":10}]}"#;

fn service() -> FakeService {
    FakeService::start(|_| Served::new(200, FOUND)).expect("a service")
}

fn found(kind: &'static str, rank: u8, start: usize, end: usize) -> Finding {
    Finding {
        detector: "test".into(),
        kind: Kind::of(kind),
        rank: Rank::new(rank),
        score: Score::ONE,
        span: Span::new(start, end),
        view: "raw".into(),
    }
}

fn texts(requests: &[RecordedRequest]) -> Vec<String> {
    requests
        .iter()
        .map(|request| request.json()["text"].as_str().unwrap_or("?").to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_found_has_its_kind_rank_place_and_detector() {
    let service = service();
    let consulted = ask(&guards(settings(&service.url())), "the plover").await;
    assert_eq!(did(&consulted).0, GuardStatus::Ran);
    let (passage, finding) = consulted.findings.first().expect("a finding");
    assert_eq!((*passage, finding.kind.as_str(), finding.rank.get()), (0, "custom.bird", 30));
    assert_eq!((finding.span, &*finding.detector), (Span::new(4, 10), "external.own"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_remembered_for_its_time() {
    let service = service();
    let cache = CacheSettings { entries_max: 10, time_to_live: Duration::from_millis(300) };
    let guards = guards(GuardSettings { cache, ..settings(&service.url()) });
    for _ in 0..3 {
        let consulted = ask(&guards, "the plover").await;
        assert_eq!(did(&consulted).0, GuardStatus::Ran);
        assert_eq!(consulted.findings.len(), 1, "what was found is remembered too");
    }
    assert_eq!(service.requests().len(), 1);
    ask(&guards, "the other").await;
    assert_eq!(service.requests().len(), 2);
    tokio::time::sleep(Duration::from_millis(320)).await;
    ask(&guards, "the plover").await;
    assert_eq!(service.requests().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_is_not_remembered() {
    let service = FakeService::start(|_| Served::new(500, "")).expect("a service");
    let guards = guards(settings(&service.url()));
    for _ in 0..2 {
        ask(&guards, "hello").await;
    }
    assert_eq!(service.requests().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_asked_about_its_texts_only_and_sees_stars_for_values() {
    let service = service();
    let guards = guards(settings(&service.url()));
    let of = |provenance, text: &str, own| Passage { own, provenance, text: text.to_owned() };
    let passages = vec![
        of(Provenance::System, "instructions", Vec::new()),
        of(Provenance::User, "call 555-1234", vec![found("pii.phone", 40, 5, 13)]),
        of(Provenance::Assistant, "what for?", Vec::new()),
        of(Provenance::User, "", Vec::new()),
    ];
    let consulted = guards.consult(Stage::Request, passages).ask().await;
    assert_eq!(did(&consulted).0, GuardStatus::Ran);
    assert_eq!(texts(&service.requests()), ["call ********"]);
    let finder = GuardSettings { sends_values: Some(true), ..settings(&service.url()) };
    let passages = vec![of(Provenance::User, "call 555-1234", vec![found("pii.phone", 40, 5, 13)])];
    crate::faults::guards(finder).consult(Stage::Request, passages).ask().await;
    assert_eq!(texts(&service.requests())[1..], ["call 555-1234"]);
    // Not its texts, not its stage.
    let consulted = guards
        .consult(Stage::Request, vec![of(Provenance::System, "x", Vec::new())])
        .without_asking();
    assert_eq!(did(&consulted), (GuardStatus::Skipped, "nothing_to_ask".to_owned()));
    assert!(!guards.are_asked(Stage::Answer));
    let stages = Stages { answer: true, request: false };
    let answers = crate::faults::guards(GuardSettings { stages, ..settings(&service.url()) });
    assert!(answers.are_asked(Stage::Answer) && !answers.are_asked(Stage::Request));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_model_is_asked_only_where_we_are_unsure() {
    let service = service();
    let band =
        GreyBand { from: Rank::new(10), kinds: vec!["injection".to_owned()], to: Rank::new(29) };
    let guards = guards(GuardSettings { grey_band: Some(band), ..settings(&service.url()) });
    for (rank, is_asked) in [(0, false), (10, true), (29, true), (30, false)] {
        let own = if rank == 0 { Vec::new() } else { vec![found("injection", rank, 0, 3)] };
        let text = format!("text {rank}");
        let consultation = guards.consult(Stage::Request, vec![Passage { own, ..passage(&text) }]);
        assert_eq!(!consultation.is_empty(), is_asked, "{rank}");
        if !is_asked {
            let reason = "outside_grey_band".to_owned();
            assert_eq!(did(&consultation.without_asking()), (GuardStatus::Skipped, reason));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn long_text_is_asked_about_in_overlapping_pieces_and_found_in_its_place() {
    let service = FakeService::start(|request| {
        let text = request.json()["text"].as_str().unwrap_or_default().to_owned();
        let findings: Vec<_> = text
            .match_indices("plover")
            .map(|(at, _)| {
                let start = text[..at].chars().count();
                serde_json::json!({ "kind": "custom.bird", "start": start, "end": start + 6 })
            })
            .collect();
        Served::new(200, serde_json::json!({ "findings": findings }).to_string())
    })
    .expect("a service");
    let small = GuardSettings { text_characters_max: Some(64), ..settings(&service.url()) };
    let guards = guards(small);
    for before in [0, 40, 57, 60, 63, 70, 119] {
        let text = format!("{}plover{}", "é".repeat(before), "ü".repeat(90));
        let consulted = ask(&guards, &text).await;
        let places: Vec<_> = consulted
            .findings
            .iter()
            .map(|(_, finding)| text.get(finding.span.range()).unwrap_or("?"))
            .collect();
        assert_eq!(places, ["plover"], "after {before}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_go_where_the_vendor_wants_them_and_nothing_else_goes() {
    for (kind, header, value, answer) in [
        (
            GuardKind::AzureProtectedMaterial,
            "ocp-apim-subscription-key",
            "k-1",
            r#"{"protectedMaterialAnalysis":{"detected":false}}"#,
        ),
        (GuardKind::Presidio, "authorization", "Bearer k-1", "[]"),
    ] {
        let service = FakeService::start(move |_| Served::new(200, answer)).expect("a service");
        let settings = GuardSettings {
            api_key: Some(SharedSecret::new(Secret::new("k-1".to_owned()))),
            ..GuardSettings::new("own", kind, &format!("{}/base", service.url()))
        };
        assert_eq!(did(&ask(&guards(settings), "hello").await).0, GuardStatus::Ran);
        let requests = service.requests();
        let request = requests.first().expect("a request");
        assert_eq!(request.header(header), Some(value));
        assert!(request.target.starts_with("/base/"), "{}", request.target);
        let mut names: Vec<&str> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        let mut expect = vec![
            "accept",
            "accept-encoding",
            "content-length",
            "content-type",
            "host",
            "user-agent",
            header,
        ];
        expect.sort_unstable();
        assert_eq!(names, expect);
    }
}
