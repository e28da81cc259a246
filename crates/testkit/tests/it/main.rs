//! The fake upstream and the raw client, against each other.
#![expect(clippy::unwrap_used, reason = "a test's helpers may fail as its body may")]

use std::time::Duration;

use serde_json::json;
use std::collections::BTreeSet;
use testkit::{
    Client, Ending, FIXTURES, FakeUpstream, Kind, Lane, PII_VALUES, Request, SseCollected, fixture,
};

const TEXT: &str = "Grüße an Zoë 🦊: \"quote\", back\\slash,\nnew line, ann@example.org";

fn streamed(model: &str, extra: &serde_json::Value) -> SseCollected {
    let upstream = FakeUpstream::start().unwrap();
    let mut body = json!({ "stream": true });
    body.as_object_mut().unwrap().extend(extra.as_object().cloned().unwrap_or_default());
    let request = Request::chat(model, TEXT, &body);
    let response = Client::new(upstream.address()).send(&request).unwrap();
    assert_eq!(response.status, 200, "{}", response.text());
    assert_eq!(response.ending, Ending::Complete, "{model}");
    response.sse()
}

fn answered(model: &str) -> testkit::Response {
    let upstream = FakeUpstream::start().unwrap();
    let client = Client::new(upstream.address()).with_patience(Duration::from_millis(300));
    client.send(&Request::chat(model, TEXT, &json!({}))).unwrap()
}

#[test]
fn every_cut_and_split_says_the_same() {
    for kind in
        ["echo", "tools", "two-tools", "n2", "pii", "reasoning", "logprobs", "refusal", "function"]
    {
        let whole = streamed(&format!("fake-{kind}+whole"), &json!({}));
        assert!(whole.is_done && whole.not_json == 0 && !whole.lanes.is_empty(), "{kind}");
        for how in [
            "token",
            "words",
            "adversarial",
            "cut1",
            "cut-utf8",
            "cut-whole",
            "cut-random-1",
            "token+cut-random-9",
            "ascii+cut1",
            "crlf",
            "cr+cut-random-3",
            "comments+cut1",
        ] {
            let cut = streamed(&format!("fake-{kind}+{how}"), &json!({}));
            assert_eq!(cut.lanes, whole.lanes, "{kind}+{how}");
            assert_eq!(cut.finish_reasons, whole.finish_reasons, "{kind}+{how}");
            assert_eq!(cut.tool_names, whole.tool_names, "{kind}+{how}");
            assert!(cut.is_done && cut.unfinished.is_empty(), "{kind}+{how}");
        }
    }
}

#[test]
fn cutting_does_not_change_a_byte_of_the_body() {
    let upstream = FakeUpstream::start().unwrap();
    let client = Client::new(upstream.address());
    for extra in [json!({ "stream": true }), json!({})] {
        let body = |cut: &str| {
            let request = Request::chat(&format!("fake-logprobs+token{cut}"), TEXT, &extra);
            client.send(&request).unwrap().body
        };
        let whole = body("+cut-whole");
        for cut in
            ["", "+cut1", "+cut-utf8", "+cut-random-4", "+cut-chunk", "+chunked+cut1", "+pace-1"]
        {
            assert_eq!(body(cut), whole, "{cut}");
        }
    }
}

#[test]
fn streamed_and_unstreamed_agree() {
    for kind in ["echo", "tools", "reasoning", "refusal", "pii"] {
        let stream = streamed(&format!("fake-{kind}"), &json!({}));
        let message = answered(&format!("fake-{kind}"))
            .json()
            .pointer("/choices/0/message")
            .cloned()
            .unwrap();
        for (lane, path) in [
            (Lane::Content(0), "/content"),
            (Lane::Reasoning(0), "/reasoning_content"),
            (Lane::Refusal(0), "/refusal"),
            (Lane::Tool(0, 0), "/tool_calls/0/function/arguments"),
        ] {
            let text = message.pointer(path).and_then(|text| text.as_str()).unwrap_or_default();
            assert_eq!(stream.lane(&lane), text, "{kind} {path}");
        }
    }
}

#[test]
fn tool_arguments_are_json_that_holds_the_prompt() {
    let stream = streamed(
        "fake-two-tools+token",
        &json!({"tools": [
            {"type": "function", "function": {"name": "find", "parameters": {}}},
            {"type": "function", "function": {"name": "send", "parameters": {}}},
        ]}),
    );
    for (number, name) in [(0, "find"), (1, "send")] {
        assert_eq!(stream.tool_names[&(0, number)], name);
        let arguments: serde_json::Value =
            serde_json::from_str(stream.lane(&Lane::Tool(0, number))).unwrap();
        assert!(arguments["query"].as_str().unwrap().ends_with(TEXT));
    }
}

#[test]
fn choices_are_honoured_and_interleaved() {
    let stream = streamed("fake-echo", &json!({"n": 3, "stream_options": {"include_usage": true}}));
    for choice in 0..3 {
        assert_eq!(stream.lane(&Lane::Content(choice)), format!("Choice {}: {TEXT}", choice + 1));
        assert_eq!(stream.finish_reasons[&choice], "stop");
    }
    let first: Vec<bool> =
        stream.events.iter().take(6).map(|event| event.data.contains(r#""index":0"#)).collect();
    assert_eq!(first, [true, false, false, true, false, false]);
    assert!(stream.usage.unwrap()["completion_tokens"].as_u64().unwrap() > 0);
}

#[test]
fn invented_personal_data_is_broken_across_deltas() {
    let stream = streamed("fake-pii", &json!({}));
    for value in PII_VALUES {
        assert!(stream.content().contains(value), "{value}");
        assert!(stream.lane(&Lane::Tool(0, 0)).contains(value), "{value}");
        assert!(!stream.events.iter().any(|event| event.data.contains(value)), "{value}");
    }
}

#[test]
fn failures_are_what_they_say() {
    for (model, status) in [
        ("fake-400", 400),
        ("fake-401", 401),
        ("fake-429", 429),
        ("fake-500", 500),
        ("fake-503", 503),
        ("fake-redirect", 302),
        ("fake-none", 404),
        ("fake-html", 200),
        ("fake-huge-head", 200),
    ] {
        assert_eq!(answered(model).status, status, "{model}");
    }
    assert_eq!(answered("fake-reset").ending, Ending::Reset);
    assert_eq!(answered("fake-truncate").ending, Ending::Truncated);
    assert_eq!(answered("fake-hang-stream").ending, Ending::TimedOut);
    assert_eq!(answered("fake-429").header("retry-after"), Some("1"));
    let upstream = FakeUpstream::start().unwrap();
    let client = Client::new(upstream.address()).with_patience(Duration::from_millis(200));
    for model in ["fake-hang", "fake-reset-early", "fake-garbage"] {
        assert!(client.send(&Request::chat(model, TEXT, &json!({}))).is_err(), "{model}");
    }
    let stream = streamed("fake-invalid-sse", &json!({}));
    assert_eq!(stream.not_json, 1);
    assert!(streamed("fake-error-event", &json!({})).error.is_some());
    let stream = streamed("fake-no-done", &json!({}));
    assert!(!stream.is_done && stream.finish_reasons.is_empty());
}

#[test]
fn every_kind_is_served_and_named_in_the_models() {
    let upstream = FakeUpstream::start().unwrap();
    let client = Client::new(upstream.address());
    let models = client.send(&Request::get("/v1/models")).unwrap().json();
    assert_eq!(models["data"].as_array().unwrap().len(), Kind::ALL.len());
    // Some never answer, so nobody waits for long.
    let client = client.with_patience(Duration::from_millis(100));
    for (sent, (name, kind)) in (2..).zip(Kind::ALL) {
        let _ = client.send(&Request::chat(&format!("fake-{name}"), "hi", &json!({})));
        let received = (0..1000).find_map(|_| {
            std::thread::sleep(Duration::from_millis(10));
            Some(upstream.requests()).filter(|received| received.len() >= sent)
        });
        let received = received.expect("the request arrives within ten seconds");
        assert_eq!(received.last().unwrap().json()["model"], format!("fake-{name}"), "{kind:?}");
    }
}

#[test]
fn requests_are_recorded_as_they_came() {
    let upstream = FakeUpstream::start().unwrap();
    let client = Client::new(upstream.address());
    let request = Request::chat("gpt-4o", TEXT, &json!({})).header("X-Trace", "7").chunked();
    client.send(&request).unwrap();
    let mut connection = client.connect().unwrap();
    // Two requests in one write: pipelined, answered in order.
    let both = [client.bytes(&Request::get("/v1/models")), client.bytes(&Request::get("/v1/none"))]
        .concat();
    connection.write(&both).unwrap();
    assert_eq!(connection.read().unwrap().status, 200);
    assert_eq!(connection.read().unwrap().status, 404);
    let received = upstream.requests();
    assert_eq!(received.len(), 3);
    assert_eq!(received[0].header("x-trace"), Some("7"));
    assert_eq!(received[0].json()["messages"][0]["content"], TEXT);
    assert_eq!((received[1].connection, received[2].connection), (1, 1));
}

#[test]
fn embeddings_agree_in_both_encodings() {
    let upstream = FakeUpstream::start().unwrap();
    let client = Client::new(upstream.address());
    let embed = |format: &str| {
        let body = json!({"model": "e", "input": ["one", "two"], "encoding_format": format, "dimensions": 4});
        client.send(&Request::post("/v1/embeddings", body.to_string())).unwrap().json()
    };
    let (floats, packed) = (embed("float"), embed("base64"));
    assert_eq!(floats["data"].as_array().unwrap().len(), 2);
    let first: Vec<f32> = serde_json::from_value(floats["data"][0]["embedding"].clone()).unwrap();
    let bytes = data_encoding::BASE64
        .decode(packed["data"][0]["embedding"].as_str().unwrap().as_bytes())
        .unwrap();
    let unpacked: Vec<f32> =
        bytes.chunks(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect();
    assert_eq!(first, unpacked);
}

#[test]
fn a_dripping_client_is_served_and_a_dropped_upstream_is_gone() {
    let upstream = FakeUpstream::start().unwrap();
    let client = Client::new(upstream.address()).with_patience(Duration::from_secs(2));
    let mut slow = client.connect().unwrap();
    let bytes = client.bytes(&Request::chat("fake-echo", "hi", &json!({})));
    slow.drip(&bytes, 7, Duration::from_millis(1)).unwrap();
    slow.finish_writing().unwrap();
    assert_eq!(slow.read().unwrap().content(), "hi");
    let mut hanging = client.connect().unwrap();
    hanging.write(&client.bytes(&Request::chat("fake-hang", "hi", &json!({})))).unwrap();
    drop(upstream);
    assert!(hanging.is_closed());
    assert!(client.connect().is_err());
}

/// The paths of every member, without array indices.
fn paths(value: &serde_json::Value, at: &str, found: &mut BTreeSet<String>) {
    match value {
        serde_json::Value::Object(members) => {
            for (name, member) in members {
                let at = format!("{at}.{name}");
                paths(member, &at, found);
                found.insert(at);
            }
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| paths(item, at, found)),
        _ => {}
    }
}

#[test]
fn answers_have_the_members_of_the_public_shapes_and_no_others() {
    let mut bodies = BTreeSet::new();
    paths(&serde_json::from_str(fixture("chat_response_full.json")).unwrap(), "", &mut bodies);
    let mut events = BTreeSet::new();
    for (name, text) in FIXTURES.iter().filter(|(name, _)| name.contains("stream")) {
        let stream = SseCollected::of(text.as_bytes(), &[]);
        assert!(stream.is_done && stream.not_json == 0, "{name}");
        for event in stream.events.iter().filter(|event| event.data != "[DONE]") {
            paths(&serde_json::from_str(&event.data).unwrap(), "", &mut events);
        }
    }
    for kind in
        ["echo", "tools", "two-tools", "reasoning", "logprobs", "refusal", "function", "pii"]
    {
        let model = format!("fake-{kind}");
        let mut found = BTreeSet::new();
        paths(&answered(&model).json(), "", &mut found);
        assert_eq!(found.difference(&bodies).collect::<Vec<_>>(), Vec::<&String>::new(), "{kind}");
        let mut found = BTreeSet::new();
        let stream = streamed(&model, &json!({"stream_options": {"include_usage": true}}));
        for event in stream.events.iter().filter(|event| event.data != "[DONE]") {
            paths(&serde_json::from_str(&event.data).unwrap(), "", &mut found);
        }
        found.retain(|path| !path.starts_with(".choices.delta.function_call"));
        assert_eq!(found.difference(&events).collect::<Vec<_>>(), Vec::<&String>::new(), "{kind}");
    }
}
