//! Ways around the guards that were tried and closed; each is a fixture of its own.

use events::Ending;
use gateway::Limits;
use serde_json::json;
use testkit::Request;

use crate::bed::{Bed, Canned, Plan};

const VALUE: &str = "eve.model@example.net";

fn ask(stream: bool) -> Request {
    Request::chat("m", "Who is it?", &json!({ "stream": stream }))
}

fn chunk(delta: &serde_json::Value, finish: Option<&str>) -> String {
    let choice = json!({ "index": 0, "delta": delta, "finish_reason": finish });
    let event = json!({
        "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [choice],
    });
    format!("data: {event}\n\n")
}

fn streamed(upstream: &Canned, bed: &Bed, events: &[String]) -> String {
    upstream.answer("text/event-stream", events.concat() + "data: [DONE]\n\n");
    bed.client().send(&ask(true)).expect("an answer").text()
}

#[test]
fn text_after_a_choice_has_ended_does_not_pass() {
    let upstream = Canned::start();
    let bed = Bed::new(&upstream.base_url, Plan::default());
    let events = [
        chunk(&json!({ "content": "Mail eve.mod" }), Some("stop")),
        chunk(&json!({ "content": "el@example.net now" }), Some("stop")),
    ];
    let text = streamed(&upstream, &bed, &events);
    assert!(!text.contains("el@example.net"), "{text}");
    assert!(text.contains("upstream_garbage"), "{text}");
}

#[test]
fn log_probabilities_pass_only_beside_text_that_passed() {
    let upstream = Canned::start();
    let bed = Bed::new(&upstream.base_url, Plan::default());
    let logprobs = json!({ "content": [{ "token": VALUE, "logprob": -0.1, "bytes": null, "top_logprobs": [] }] });
    for delta in [
        json!({ "content": "" }),
        json!({}),
        json!({ "reasoning_content": format!("is {VALUE} ok") }),
    ] {
        let event = json!({
            "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [{ "index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": null }],
        });
        let events = [format!("data: {event}\n\n"), chunk(&json!({}), Some("stop"))];
        let text = streamed(&upstream, &bed, &events);
        assert!(!text.contains(VALUE), "{text}");
    }
}

#[test]
fn one_escape_in_a_tools_arguments_hides_nothing() {
    let upstream = Canned::start();
    let bed = Bed::new(&upstream.base_url, Plan::default());
    upstream.answer("application/json", crate::bed::COMPLETION);
    let call = json!({
        "id": "call_1", "type": "function",
        "function": { "name": "send", "arguments": "{\"to\":\"jane.doe\\u0040example.com\",\"a\":1}" },
    });
    let body = json!({ "model": "m", "messages": [
        { "role": "user", "content": "Send it." },
        { "role": "assistant", "content": null, "tool_calls": [call] },
        { "role": "tool", "tool_call_id": "call_1", "content": "done" },
    ] });
    let request = Request::post("/v1/chat/completions", body.to_string())
        .with_header("content-type", "application/json");
    assert_eq!(bed.client().send(&request).expect("an answer").status, 200);
    let received = upstream.take_received();
    let sent: serde_json::Value = serde_json::from_slice(&received[0]).expect("JSON");
    let arguments = sent["messages"][1]["tool_calls"][0]["function"]["arguments"].as_str();
    let inner: serde_json::Value =
        serde_json::from_str(arguments.expect("arguments")).expect("still JSON inside");
    assert!(inner["to"].as_str().is_some_and(|to| to.starts_with("[EMAIL-")), "{inner}");
}

#[test]
fn a_long_key_is_one_removal_however_it_is_cut() {
    let upstream = Canned::start();
    let bed = Bed::new(&upstream.base_url, Plan::default());
    let body = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n".repeat(30);
    let key = format!("here: -----BEGIN PRIVATE KEY-----\n{body}-----END PRIVATE KEY----- done");
    let mut seen = Vec::new();
    for size in [5_000, 40, 7] {
        let characters: Vec<char> = key.chars().collect();
        let mut events: Vec<String> = characters
            .chunks(size)
            .map(|piece| chunk(&json!({ "content": piece.iter().collect::<String>() }), None))
            .collect();
        events.push(chunk(&json!({}), Some("stop")));
        upstream.answer("text/event-stream", events.concat() + "data: [DONE]\n\n");
        let response = bed.client().send(&ask(true)).expect("an answer");
        seen.push(response.sse().content().to_owned());
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{seen:?}");
    assert_eq!(seen[0].matches("REMOVED]").count(), 1, "{}", seen[0]);
    assert!(seen[0].starts_with("here: ") && seen[0].ends_with(" done"), "{}", seen[0]);
}

#[test]
fn an_answer_too_large_to_be_read_is_withheld() {
    let upstream = Canned::start();
    let limits = Limits { answer_bytes_max: 100_000, event_bytes_max: 10_000, ..Limits::default() };
    let bed = Bed::new(&upstream.base_url, Plan { limits, ..Plan::default() });
    upstream.answer("application/json", vec![b' '; 100_001]);
    let response = bed.client().send(&ask(false)).expect("an answer");
    assert_eq!(
        (response.status, response.error_code().as_deref()),
        (422, Some("upstream_answer_too_large")),
        "asking again would not help: not a status that clients retry"
    );
    let events = [chunk(&json!({ "content": "x".repeat(10_001) }), None)];
    assert!(streamed(&upstream, &bed, &events).contains("invalid_sse"), "event_bytes_max");
    assert!(bed.closed(2).iter().all(|closed| closed.ending == Ending::UpstreamFailed));
}

#[test]
fn tens_of_thousands_of_lanes_are_not_held() {
    let upstream = Canned::start();
    let bed = Bed::new(&upstream.base_url, Plan::default());
    let events: Vec<String> = (0..2_000)
        .map(|index| {
            let call = json!({ "index": index, "function": { "arguments": "{\"a" } });
            chunk(&json!({ "tool_calls": [call] }), None)
        })
        .collect();
    assert!(streamed(&upstream, &bed, &events).contains("upstream_garbage"));
}

#[test]
fn a_long_stream_with_log_probabilities_is_closed_on_record() {
    let upstream = Canned::start();
    let bed = Bed::new(&upstream.base_url, Plan::default());
    let logprobs = json!({ "content": [] });
    let event = json!({
        "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{ "index": 0, "delta": { "content": "w " }, "logprobs": logprobs, "finish_reason": null }],
    });
    let mut events = vec![format!("data: {event}\n\n"); 20_000];
    events.push(chunk(&json!({}), Some("stop")));
    streamed(&upstream, &bed, &events);
    assert_eq!(bed.closed(1)[0].ending, Ending::Answered);
}
