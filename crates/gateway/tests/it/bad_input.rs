//! Hostile and broken clients: a clear answer in the dialect's shape, a record, nothing hanging.

use std::time::Duration;

use events::{Ending, EventBody};
use gateway::Limits;
use serde_json::{Value, json};
use testkit::{Client, FakeUpstream, Request};
use wire::UnknownFields;

use crate::bed::{Bed, Canned, Plan};

const CHAT: &str = "/v1/chat/completions";

fn json_request(body: impl Into<Vec<u8>>) -> Request {
    Request::post(CHAT, body).with_header("content-type", "application/json")
}

fn small() -> Plan {
    let limits = Limits {
        body_bytes_max: 4096,
        body_time_max: Duration::from_millis(400),
        head_time_max: Duration::from_millis(400),
        ..Limits::default()
    };
    Plan { limits, ..Plan::default() }
}

#[test]
fn what_cannot_be_read_is_refused_with_a_reason_and_recorded() {
    let upstream = FakeUpstream::start().expect("an upstream");
    let bed = Bed::new(&upstream.base_url(), small());
    let chat = |body: &str| json_request(body.as_bytes().to_vec());
    let deep = format!("{{\"model\":\"m\",\"messages\":{}", "[".repeat(200));
    let cases: Vec<(Request, u16, &str)> = vec![
        (chat("{"), 400, "invalid_json"),
        (chat(""), 400, "invalid_json"),
        (chat("[]"), 400, "invalid_body"),
        (chat("{\"model\":\"m\",\"model\":\"n\",\"messages\":[]}"), 400, "duplicate_key"),
        (json_request(b"{\"model\":\"\xff\"}".to_vec()), 400, "invalid_utf8"),
        (chat("{\"model\":\"\\ud800\",\"messages\":[]}"), 400, "invalid_json"),
        (chat(&deep), 400, "limit_exceeded"),
        (json_request(vec![b' '; 5000]), 413, "body_too_large"),
        (Request::post(CHAT, "{}").with_header("content-type", "text/plain"), 415, "content_type"),
        (json_request("{}").with_header("content-encoding", "gzip"), 415, "content_encoding"),
        (Request::post("/v1/embeddings?x=1", "{}"), 400, "query_not_accepted"),
        (Request::get(CHAT), 405, "method_not_allowed"),
        (Request::post("/v1/responses/resp_1", "{}"), 404, "unknown_endpoint"),
        (Request::post("/v1/chat/completions/", "{}"), 404, "unknown_endpoint"),
    ];
    let count = cases.len();
    for (request, status, code) in cases {
        let response = bed.client().send(&request).expect("an answer");
        assert_eq!(
            (response.status, response.error_code().as_deref()),
            (status, Some(code)),
            "{}",
            response.text()
        );
        assert!(response.json()["error"]["message"].is_string(), "the dialect's own shape");
    }
    assert_eq!(upstream.received(), 0);
    let closed = bed.closed(count);
    assert_eq!(closed.len(), count);
    assert!(
        closed.iter().all(|closed| closed.ending == Ending::Malformed && closed.reason.is_some())
    );
}

#[test]
fn unknown_fields_are_scanned_or_refused_by_mode() {
    let upstream = FakeUpstream::start().expect("an upstream");
    let body = json!({
        "model": "fake-echo", "messages": [{ "role": "user", "content": "hi" }],
        "x_extra": { "note": "mail zoe@example.org" },
    })
    .to_string();
    let scanning = Bed::new(&upstream.base_url(), Plan::default());
    let response = scanning.client().send(&json_request(body.clone())).expect("an answer");
    assert_eq!(response.status, 200, "{}", response.text());
    assert!(
        !upstream.requests()[0].text().contains("zoe@example.org"),
        "found where nobody expects text"
    );
    assert!(!scanning.opened()[0].unknown_fields.is_empty());
    let plan = Plan { unknown_fields: UnknownFields::Refuse, ..Plan::default() };
    let refusing = Bed::new(&upstream.base_url(), plan);
    let response = refusing.client().send(&json_request(body)).expect("an answer");
    assert_eq!((response.status, response.error_code().as_deref()), (400, Some("unknown_field")));
}

#[test]
fn without_a_good_key_there_is_401_and_a_record() {
    let upstream = FakeUpstream::start().expect("an upstream");
    let bed = Bed::new(&upstream.base_url(), Plan::default());
    let request = Request::chat("fake-echo", "hi", &json!({}));
    let mut wrong = bed.key.clone();
    let last = if wrong.pop() == Some('a') { 'b' } else { 'a' };
    wrong.push(last);
    for key in ["", "sk-something", "btz_0123456789_short", wrong.as_str()] {
        let response = bed.client().send(&request.clone().key(key)).expect("an answer");
        assert_eq!(
            (response.status, response.error_code().as_deref()),
            (401, Some("invalid_api_key")),
            "`{key}`"
        );
    }
    assert_eq!(upstream.received(), 0);
    assert!(bed.closed(4).iter().all(|closed| closed.ending == Ending::Refused));
}

#[test]
fn slow_and_half_open_clients_are_let_go() {
    let upstream = FakeUpstream::start().expect("an upstream");
    let bed = Bed::new(&upstream.base_url(), small());
    // Half a head, and then nothing.
    let mut half = bed.client().connect().expect("a connection");
    half.write(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n").expect("written");
    // A head a byte at a time.
    let mut slow = bed.client().connect().expect("a connection");
    let dripped =
        slow.drip(b"POST /v1/chat/completions HTTP/1.1\r\n", 1, Duration::from_millis(30));
    let mut closed = half.is_closed();
    for _ in 0..100 {
        if closed {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
        closed = half.is_closed();
    }
    assert!(closed, "a half-open connection is still there");
    assert!(dripped.is_err() || slow.is_closed(), "a slow head is still being read");
    // A body that never comes: 400, not a retry invitation, and a record.
    let mut idle = bed.client().connect().expect("a connection");
    let head = format!(
        "POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: 100\r\n\r\n{{",
        bed.key
    );
    idle.write(head.as_bytes()).expect("written");
    let response = idle.read().expect("an answer");
    assert_eq!((response.status, response.error_code().as_deref()), (400, Some("body_too_slow")));
    assert_eq!(bed.closed(1)[0].reason.as_deref(), Some("body_too_slow"));
}

#[test]
fn a_client_that_leaves_is_recorded_as_such() {
    let upstream = FakeUpstream::start().expect("an upstream");
    let bed = Bed::new(&upstream.base_url(), Plan::default());
    let request = Request::chat("fake-slow+pace-100", "count", &json!({ "stream": true }));
    let mut connection = bed.client().connect().expect("a connection");
    connection.write(&bed.client().bytes(&request)).expect("written");
    connection.read_until(|bytes| bytes.windows(5).any(|five| five == b"data:")).expect("a start");
    connection.reset().expect("reset");
    let closed = bed.closed(1);
    assert_eq!(
        (closed[0].ending, closed[0].reason.as_deref()),
        (Ending::ClientLeft, Some("client_left"))
    );
}

#[test]
fn a_client_that_leaves_before_its_request_is_whole_is_recorded_too() {
    let upstream = FakeUpstream::start().expect("an upstream");
    let bed = Bed::new(&upstream.base_url(), Plan::default());
    let mut connection = bed.client().connect().expect("a connection");
    let head = format!(
        "POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: 100\r\n\r\n{{",
        bed.key
    );
    connection.write(head.as_bytes()).expect("written");
    std::thread::sleep(Duration::from_millis(100));
    connection.reset().expect("reset");
    let closed = bed.closed(1);
    assert_eq!(closed[0].ending, Ending::Malformed, "hyper tells us that the body broke off");
    assert_eq!(closed[0].reason.as_deref(), Some("body_incomplete"));
}

#[test]
fn a_client_that_does_not_read_its_answer_is_let_go() {
    let upstream = Canned::start();
    let text = "word ".repeat(10_000);
    let event = json!({
        "id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{ "index": 0, "delta": { "content": text }, "finish_reason": null }],
    });
    // More than the buffers of two sockets hold.
    upstream.answer("text/event-stream", format!("data: {event}\n\n").repeat(400));
    let limits = Limits { send_time_max: Duration::from_millis(300), ..Limits::default() };
    let bed = Bed::new(&upstream.base_url, Plan { limits, ..Plan::default() });
    let request = Request::chat("m", "count", &json!({ "stream": true }));
    let mut connection = bed.client().connect().expect("a connection");
    connection.write(&bed.client().bytes(&request)).expect("written");
    let closed = bed.closed(1);
    assert_eq!(
        (closed[0].ending, closed[0].reason.as_deref()),
        (Ending::ClientLeft, Some("client_left"))
    );
}

#[test]
fn what_is_kept_of_a_stream_counts_with_the_bodies() {
    let upstream = Canned::start();
    let limits = Limits { bodies_bytes_max: 64 << 10, ..Limits::default() };
    let bed = Bed::new(&upstream.base_url, Plan { limits, ..Plan::default() });
    let ask = |kilobytes: usize| {
        let delta = json!({
            "type": "response.output_text.delta", "item_id": "msg_1", "output_index": 0,
            "content_index": 0, "delta": "a word. ".repeat(128),
        });
        let response =
            json!({ "id": "r", "object": "response", "status": "completed", "output": [] });
        let last = json!({ "type": "response.completed", "response": response });
        let event = |event: &Value| {
            format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or_default())
        };
        upstream.answer("text/event-stream", event(&delta).repeat(kilobytes) + &event(&last));
        let body = json!({ "model": "m", "stream": true, "input": "hello" });
        let request = Request::post("/v1/responses", body.to_string());
        bed.client().send(&request).expect("an answer").text()
    };
    for _ in 0..3 {
        assert!(ask(80).contains("overloaded"));
        assert!(ask(50).contains("response.completed"), "what is taken is given back");
    }
}

#[test]
fn large_bodies_together_have_a_limit_and_what_is_beyond_may_come_again() {
    let upstream = FakeUpstream::start().expect("an upstream");
    let limits = Limits { bodies_bytes_max: 64 << 10, ..Limits::default() };
    let bed = Bed::new(&upstream.base_url(), Plan { limits, ..Plan::default() });
    let text = "word ".repeat(20_000);
    let body = json!({ "model": "fake", "messages": [{ "role": "user", "content": text }] });
    let response = bed.client().send(&json_request(body.to_string())).expect("an answer");
    assert_eq!((response.status, response.error_code().as_deref()), (503, Some("overloaded")));
    assert_eq!(bed.closed(1)[0].reason.as_deref(), Some("overloaded"));
    let small = Request::chat("fake", "hello", &json!({}));
    assert_eq!(bed.client().send(&small).expect("an answer").status, 200);
}

#[test]
fn who_needs_no_key_cannot_fill_the_record() {
    let upstream = FakeUpstream::start().expect("an upstream");
    let bed = Bed::new(&upstream.base_url(), Plan::default());
    let stranger = Client::new(bed.address).with_key("sk-not-a-key-of-anybody");
    let request = Request::chat("fake-echo", "hello", &json!({}));
    let statuses: Vec<_> =
        (0..400).map(|_| stranger.send(&request).expect("an answer").status).collect();
    assert!(statuses.iter().all(|status| *status == 401), "all are refused alike");
    assert_eq!(bed.client().send(&request).expect("an answer").status, 200, "others are served");
    bed.closed(1);
    let record = bed.record();
    let opened = record.iter().filter(|body| matches!(body, EventBody::InteractionOpened(_)));
    assert!((300..340).contains(&opened.count()));
    let notices = record.iter().filter(|body| {
        matches!(body, EventBody::Node(notice) if notice.detail.contains("not on record one by one"))
    });
    assert_eq!(notices.count(), 1);
}
