//! What vLLM has beside OpenAI's API: paths outside of the version, and what is asked and answered there.

use serde_json::json;
use testkit::{FakeUpstream, Request};

use crate::bed::{Bed, Canned, Plan};

const EMAIL: &str = "jane.doe@example.org";

fn ask(path: &str, body: &serde_json::Value) -> Request {
    Request::post(path, body.to_string()).with_header("content-type", "application/json")
}

#[test]
fn paths_beside_the_version_stay_beside_it() {
    let upstream = FakeUpstream::start().expect("an upstream");
    let bed = Bed::new(&upstream.base_url(), Plan::default());
    let text = format!("Write to {EMAIL}.");
    let rerank = json!({ "model": "m", "query": "who?", "documents": [{ "text": text }] });
    let score = json!({ "model": "m", "text_1": "who?", "text_2": [text] });
    let chat = json!({ "model": "m", "messages": [{ "role": "user", "content": text }] });
    for (path, body) in [
        ("/tokenize", &chat),
        ("/tokenize", &json!({ "model": "m", "prompt": text })),
        ("/score", &score),
        ("/v1/score", &score),
        ("/rerank", &rerank),
        ("/v1/rerank", &rerank),
        ("/v2/rerank", &rerank),
        ("/pooling", &json!({ "model": "m", "input": [text] })),
    ] {
        // The fake upstream has none of them; what matters is what it was asked.
        assert_eq!(bed.client().send(&ask(path, body)).expect("an answer").status, 404);
        let requests = upstream.requests();
        let request = requests.last().expect("a request");
        assert_eq!(request.target, path);
        assert!(request.text().contains("[EMAIL-"), "{path}: {}", request.text());
        assert!(!request.text().contains(EMAIL), "{path}: {}", request.text());
    }
}

#[test]
fn answers_give_the_callers_own_back_and_nobody_elses() {
    let upstream = Canned::start();
    let bed = Bed::new(&upstream.base_url, Plan::default());
    let body =
        json!({ "model": "m", "query": "who?", "documents": [format!("Write to {EMAIL}.")] });
    upstream.answer("application/json", r#"{"id":"r","results":[]}"#);
    bed.client().send(&ask("/rerank", &body)).expect("an answer");
    let sent: serde_json::Value =
        serde_json::from_slice(&upstream.take_received()[0]).expect("JSON");
    let answer = json!({ "id": "r", "model": "m", "results": [
        { "index": 0, "relevance_score": 0.5, "document": { "text": sent["documents"][0] } },
        { "index": 1, "relevance_score": 0.5, "document": { "text": "x@example.net" } },
    ] });
    upstream.answer("application/json", answer.to_string());
    let answer = bed.client().send(&ask("/rerank", &body)).expect("an answer").json();
    assert_eq!(answer["results"][0]["document"]["text"], body["documents"][0]);
    assert_eq!(answer["results"][1]["document"]["text"], "[EMAIL REMOVED]");

    upstream.answer("application/json", r#"{"prompt":"Write to x@example.net."}"#);
    let body = json!({ "model": "m", "tokens": [1, 2, 3] });
    let answer = bed.client().send(&ask("/detokenize", &body)).expect("an answer").json();
    assert_eq!(answer["prompt"], "Write to [EMAIL REMOVED].");
    let opened = bed.opened();
    assert_eq!(opened.last().map(|one| one.unscanned.len()), Some(1), "the ids are not read");
}

#[test]
fn what_rewrites_the_prompt_is_refused() {
    let upstream = Canned::start();
    let bed = Bed::new(&upstream.base_url, Plan::default());
    for (path, more) in [
        ("/tokenize", "chat_template"),
        ("/v1/chat/completions", "chat_template"),
        ("/v1/chat/completions", "logits_processors"),
        ("/v1/completions", "prompt_embeds"),
        ("/score", "mm_processor_kwargs"),
    ] {
        let mut body = json!({ "model": "m", "messages": [], "text_1": "a", "text_2": "b" });
        body[more] = json!("x");
        let response = bed.client().send(&ask(path, &body)).expect("an answer");
        assert_eq!(response.status, 400, "{path} {more}: {}", response.text());
    }
    assert!(upstream.take_received().is_empty());
}
