//! The form that a request asks its answer to have, end to end: streamed or not, and only the answer itself.

use serde_json::{Value, json};
use testkit::Request;

use crate::bed::{Bed, Canned, Plan};

/// What is found out about the form of an answer with this content.
#[track_caller]
fn check(message: &Value, streamed: bool, expect: bool) {
    let upstream = Canned::start();
    let bed = Bed::new(&upstream.base_url, Plan::default());
    if streamed {
        let chunk = json!({
            "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [{ "index": 0, "delta": message, "finish_reason": "stop" }],
        });
        upstream.answer("text/event-stream", format!("data: {chunk}\n\ndata: [DONE]\n\n"));
    } else {
        let answer = json!({
            "id": "c", "object": "chat.completion", "created": 1, "model": "m",
            "choices": [{ "index": 0, "message": message, "finish_reason": "stop" }],
        });
        upstream.answer("application/json", answer.to_string());
    }
    let schema = json!({ "type": "object", "required": ["city"] });
    let body = json!({
        "model": "m", "stream": streamed,
        "messages": [{ "role": "user", "content": "Where does the river end?" }],
        "response_format": { "type": "json_schema", "json_schema": { "name": "n", "schema": schema } },
    });
    let request = Request::post("/v1/chat/completions", body.to_string())
        .with_header("content-type", "application/json");
    let response = bed.client().send(&request).expect("an answer");
    assert_eq!(response.status, 200, "{}", response.text());
    let closed = bed.closed(1);
    let found = closed.iter().flat_map(|closed| &closed.findings);
    let kinds: Vec<_> = found.map(|found| found.finding.kind.as_str().to_owned()).collect();
    assert_eq!(kinds.iter().any(|kind| kind == "output.schema"), expect, "{message}: {kinds:?}");
}

#[test]
fn an_answer_of_another_form_is_on_record() {
    for streamed in [false, true] {
        let says = |text: &str| json!({ "role": "assistant", "content": text });
        check(&says("{\"city\": \"Narvik\"}"), streamed, false);
        check(&says("{\"town\": \"Narvik\"}"), streamed, true);
        check(&says("It ends in Narvik."), streamed, true);
    }
}

#[test]
fn reasoning_and_arguments_of_tools_are_not_bound() {
    let message = json!({
        "role": "assistant", "content": "{\"city\": \"Narvik\"}", "reasoning": "Let me think.",
        "tool_calls": [{ "index": 0, "id": "t", "type": "function",
            "function": { "name": "look_up", "arguments": "{\"river\": 1}" } }],
    });
    check(&message, false, false);
}
