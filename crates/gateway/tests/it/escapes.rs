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

/// How a piece is written below `delta`.
type Delta<'d> = &'d dyn Fn(&str) -> serde_json::Value;

/// What a client that joins the pieces of a stream has at `place` below `delta`.
fn joined(text: &str, place: &str) -> String {
    let events = text.lines().filter_map(|line| line.strip_prefix("data: "));
    let events = events.filter_map(|event| serde_json::from_str::<serde_json::Value>(event).ok());
    let place = format!("/choices/0/delta{place}");
    events.filter_map(|event| event.pointer(&place)?.as_str().map(str::to_owned)).collect()
}

#[test]
fn a_value_in_pieces_is_found_wherever_a_client_joins_them() {
    let upstream = Canned::start();
    let bed = Bed::new(&upstream.base_url, Plan::default());
    let thinking = |text: &str| json!({ "content": [{ "type": "thinking", "thinking": [{ "type": "text", "text": text }] }] });
    let places: [(&str, Delta<'_>); 5] = [
        ("/content/0/text", &|text| json!({ "content": [{ "type": "text", "text": text }] })),
        ("/content/0/thinking/0/text", &thinking),
        ("/reasoning_text", &|text| json!({ "reasoning_text": text })),
        ("/x_new/0/said", &|text| json!({ "x_new": [{ "said": text }] })),
        (
            "/tool_calls/0/thought",
            &|text| json!({ "tool_calls": [{ "index": 0, "thought": text }] }),
        ),
    ];
    for (place, delta) in places {
        for (value, said) in [
            (VALUE, "mail it to eve.model@example.net today"),
            ("4111 1111 1111 1111", "pay 4111 1111 1111 1111 now"),
        ] {
            let mut seen = Vec::new();
            for size in [1, 3, 11, 200] {
                let characters: Vec<char> = said.chars().collect();
                let pieces = characters.chunks(size).map(|piece| piece.iter().collect::<String>());
                let mut events: Vec<String> =
                    pieces.map(|piece| chunk(&delta(&piece), None)).collect();
                events.push(chunk(&json!({}), Some("stop")));
                let text = streamed(&upstream, &bed, &events);
                let mut joined = joined(&text, place);
                if place == "/content/0/text" {
                    // What was held of it leaves as plain text.
                    joined.push_str(&self::joined(&text, "/content"));
                }
                assert!(!joined.contains(value) && joined.contains("REMOVED]"), "{place}: {text}");
                let (first, last) = said.split_once(value).expect("it is in there");
                assert!(joined.starts_with(first) && joined.ends_with(last), "{place}: {joined}");
                seen.push(joined);
            }
            assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{place}: {seen:?}");
        }
    }
}

#[test]
fn a_word_that_nobody_named_passes_in_its_event_and_again() {
    let upstream = Canned::start();
    let bed = Bed::new(&upstream.base_url, Plan::default());
    let event =
        |state: &str, text: &str| chunk(&json!({ "state_x": state, "content": text }), None);
    let events =
        [event("thinking", "a "), event("thinking", "b "), chunk(&json!({}), Some("stop"))];
    let text = streamed(&upstream, &bed, &events);
    assert_eq!(text.matches("\"state_x\":\"thinking\"").count(), 2, "{text}");
    // Said in pieces, it is text, and what is found in it is removed as far as it was not sent.
    let events =
        [event("eve", ""), event(".model@example.net", ""), chunk(&json!({}), Some("stop"))];
    let text = streamed(&upstream, &bed, &events);
    assert!(!text.contains("example.net") && text.contains("REMOVED]"), "{text}");
    let found = bed.closed(2).into_iter().flat_map(|closed| closed.findings);
    assert_eq!(found.filter(|one| one.finding.kind.as_str() == "pii.email").count(), 1);
}

#[test]
fn a_tool_is_called_one_thing() {
    let upstream = Canned::start();
    let bed = Bed::new(&upstream.base_url, Plan::default());
    let call = |name: &str, arguments: &str| {
        let function = json!({ "name": name, "arguments": arguments });
        chunk(&json!({ "tool_calls": [{ "index": 0, "id": "c", "function": function }] }), None)
    };
    let end = || chunk(&json!({}), Some("tool_calls"));
    let events = [call("bob.smith@cor", ""), call("p.example", "{}"), end()];
    let text = streamed(&upstream, &bed, &events);
    assert!(!text.contains("p.example") && text.contains("upstream_garbage"), "{text}");
    let events = [call("find", "{\"a\":"), call("find", "1}"), call("", ""), end()];
    let text = streamed(&upstream, &bed, &events);
    assert!(text.contains("[DONE]") && text.matches("\"find\"").count() == 2, "{text}");
}

#[test]
fn a_mask_beside_an_escape_leaves_json_and_is_restored() {
    let upstream = Canned::start();
    let bed = Bed::new(&upstream.base_url, Plan::default());
    upstream.answer("application/json", crate::bed::COMPLETION);
    // As `json.Marshal` of Go writes it.
    let result =
        r#"{"from":"Ada \u003cjane.doe@example.com\u003e","to":"bob.smith\u0040corp.example"}"#;
    let function = json!({ "name": "read", "arguments": "{}" });
    let call = json!({ "id": "call_1", "type": "function", "function": function });
    let ask = || {
        let body = json!({ "model": "m", "messages": [
            { "role": "user", "content": "Read it." },
            { "role": "assistant", "content": null, "tool_calls": [call] },
            { "role": "tool", "tool_call_id": "call_1", "content": result },
        ] });
        let request = Request::post("/v1/chat/completions", body.to_string())
            .with_header("content-type", "application/json");
        bed.client().send(&request).expect("an answer")
    };
    assert_eq!(ask().status, 200);
    let received = upstream.take_received();
    let sent: serde_json::Value = serde_json::from_slice(&received[0]).expect("JSON");
    let masked = sent["messages"][2]["content"].as_str().expect("a result");
    let inner: serde_json::Value = serde_json::from_str(masked).expect("still JSON inside");
    assert!(inner["to"].as_str().is_some_and(|to| to.starts_with("[EMAIL-")), "{inner}");
    let from = inner["from"].as_str().unwrap_or_default();
    assert!(from.contains("<[EMAIL-") && from.ends_with("]>"), "{inner}");
    let completion = crate::bed::COMPLETION.replace("\"ok\"", &json!(masked).to_string());
    upstream.answer("application/json", completion);
    let answer = ask().json();
    let content = answer["choices"][0]["message"]["content"].as_str().expect("content");
    let restored: serde_json::Value = serde_json::from_str(content).expect("JSON again");
    let from = restored["from"].as_str().unwrap_or_default();
    assert!(from.ends_with("<jane.doe@example.com>"), "{restored}");
}

#[test]
fn what_is_removed_of_an_answer_in_json_leaves_json() {
    let upstream = Canned::start();
    let bed = Bed::new(&upstream.base_url, Plan::default());
    let said = r#"{"from":"\u003ceve.model@example.net\u003e","to":"eve.other\u0040example.net"}"#;
    let message = json!({ "role": "assistant", "content": said });
    let choice = json!({ "index": 0, "message": message, "finish_reason": "stop" });
    let answer = json!({
        "id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice],
    });
    upstream.answer("application/json", answer.to_string());
    let whole = bed.client().send(&ask(false)).expect("an answer").json();
    let whole = whole["choices"][0]["message"]["content"].as_str().expect("content");
    let inner: serde_json::Value = serde_json::from_str(whole).expect("still JSON inside");
    assert_eq!(inner["from"], "<[EMAIL REMOVED]>");
    assert_eq!(inner["to"], "[EMAIL REMOVED]");
    for size in [1, 5, 200] {
        let characters: Vec<char> = said.chars().collect();
        let pieces = characters.chunks(size).map(|piece| piece.iter().collect::<String>());
        let mut events: Vec<String> =
            pieces.map(|piece| chunk(&json!({ "content": piece }), None)).collect();
        events.push(chunk(&json!({}), Some("stop")));
        let content = joined(&streamed(&upstream, &bed, &events), "/content");
        let inner: serde_json::Value = serde_json::from_str(&content).expect("still JSON inside");
        assert_eq!(inner["from"], "<[EMAIL REMOVED]>", "{content}");
    }
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
