//! Batches of messages: every request is one to be judged, every result an answer, and ids are their caller's.

use gateway::Limits;
use serde_json::{Value, json};
use store::GrantOptions;
use testkit::{Client, FakeUpstream, Request, Response};
use wire::{Direction, Operation};

use crate::batches::{blocking, id, one_limit, send};
use crate::bed::{Bed, Canned, Plan};

const BATCHES: &str = "/v1/messages/batches";
const CANARY: &str = "eve.canary@example.net";
const EMAIL: &str = "jane.doe@example.com";

/// What a batch looks like when it is done.
const ENDED: &str = r#"{"id":"msgbatch_1","type":"message_batch","processing_status":"ended","results_url":"https://api.anthropic.com/v1/messages/batches/msgbatch_1/results"}"#;

fn params(text: &str) -> Value {
    json!({"model": "fake-echo", "max_tokens": 100, "messages": [{"role": "user", "content": text}]})
}

fn asking(params: &[Value]) -> Request {
    let requests: Vec<Value> = params
        .iter()
        .zip(0..)
        .map(|(params, number)| json!({"custom_id": format!("r{number}"), "params": params}))
        .collect();
    Request::post(BATCHES, json!({ "requests": requests }).to_string())
}

fn get(path: &str) -> Request {
    Request::get(path)
}

fn post(body: impl Into<Vec<u8>>) -> Request {
    Request::post(BATCHES, body)
}

/// Begins a batch; its id, and where its results are.
fn run(client: &Client, params: &[Value]) -> (String, String) {
    let begun = send(client, &asking(params));
    assert_eq!(begun.status, 200, "{}", begun.text());
    let path = format!("{BATCHES}/{}", id(&begun));
    let ended = send(client, &get(&path));
    assert_eq!(ended.json()["processing_status"], "ended", "{}", ended.text());
    assert_eq!(ended.json()["results_url"], format!("{path}/results"));
    (id(&begun), format!("{path}/results"))
}

#[test]
fn a_batch_goes_its_way_and_every_request_is_masked_like_a_live_one() {
    let upstream = FakeUpstream::start().expect("an upstream");
    let bed = Bed::new(&upstream.base_url(), Plan::default());
    let client = bed.client();
    let (batch, results) = run(&client, &[params("hello"), params(&format!("write to {EMAIL}"))]);
    let said = send(&client, &get(&results));
    assert_eq!((said.status, said.header("content-type")), (200, Some("application/jsonl")));
    let lines: Vec<Value> =
        said.text().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let text = |line: usize| {
        let text = &lines[line]["result"]["message"]["content"][0]["text"];
        text.as_str().unwrap_or_else(|| panic!("{}", said.text())).to_owned()
    };
    assert_eq!((text(0).as_str(), lines[0]["custom_id"].as_str()), ("hello", Some("r0")));
    // Its value is not kept until the batch is done.
    assert!(text(1).starts_with("write to [EMAIL-") && !said.text().contains(EMAIL));
    let sent = upstream.requests();
    assert!(!sent[0].text().contains(EMAIL) && sent[0].text().contains("hello"));
    for asked in &sent[1..] {
        assert!(!asked.target.contains('~'), "a sealed id went upstream: {}", asked.target);
    }
    let opened = &bed.opened()[0];
    assert_eq!(
        (opened.dialect.as_str(), opened.operation.as_str()),
        ("anthropic", "messages.batches")
    );
    assert_eq!((opened.model.as_deref(), opened.masked), (Some("fake-echo"), 1));
    assert_eq!(opened.findings[0].path, "requests[1].params.messages[0].content");
    let path = format!("{BATCHES}/{batch}");
    let cancelled = send(&client, &Request::post(&format!("{path}/cancel"), ""));
    assert_eq!(cancelled.json()["processing_status"], "canceling");
    let deleted = send(&client, &Request::new("DELETE", &path));
    assert_eq!((deleted.status, id(&deleted)), (200, batch));
    assert_eq!(send(&client, &get(&results)).status, 404);
}

#[test]
fn bytes_that_nobody_had_to_change_are_forwarded_as_they_came() {
    let upstream = Canned::start();
    upstream.answer("application/json", ENDED);
    let bed = Bed::new(&upstream.base_url, Plan::default());
    let body = r#"{ "requests" : [ {"params":{"model":"m", "messages":[{"content":"caf\u00e9","role":"user"}],"max_tokens":9},"custom_id":"a" } ] }"#;
    assert_eq!(send(&bed.client(), &post(body)).status, 200);
    assert_eq!(upstream.take_received(), [body.as_bytes()]);
}

#[test]
fn nothing_escapes_in_a_request_of_a_batch() {
    let upstream = Canned::start();
    let bed = Bed::new(&upstream.base_url, blocking());
    let client = bed.client();
    let mut planted = 0;
    let mut check = |what: &str, second: &Value| {
        let first = json!({"custom_id": "first", "params": params("hello")});
        let body = json!({"requests": [first, second]}).to_string();
        let answer = send(&client, &post(body));
        assert_eq!(answer.status, 403, "{what}: {}", answer.text());
        assert_eq!(answer.error_code().as_deref(), Some("policy_block"), "{what}");
        assert!(answer.text().contains("requests[1]"), "{}", answer.text());
        planted += 1;
    };
    for planting in wire::plantings(Operation::MessageBatchCreate, Direction::RequestLine, CANARY) {
        let mut line: Value = serde_json::from_slice(&planting.message).expect("JSON");
        line["params"] = params("hello");
        check(&planting.path, &line);
    }
    for planting in wire::plantings(Operation::Messages, Direction::Request, CANARY) {
        let mut params: Value = serde_json::from_slice(&planting.message).expect("JSON");
        params["model"] = "fake-echo".into();
        check(&planting.path, &json!({"custom_id": "second", "params": params}));
    }
    for (form, canary) in crate::canary::forms() {
        for planting in wire::plantings(Operation::MessageBatchCreate, Direction::Request, &canary)
        {
            let answer = send(&client, &post(planting.message));
            assert_eq!(answer.status, 403, "{form} {}: {}", planting.path, answer.text());
            planted += 1;
        }
    }
    assert!(upstream.take_received().is_empty(), "a refused batch was forwarded");
    assert!(planted > 100, "only {planted} plantings");
}

#[test]
fn a_request_that_is_refused_is_named_and_the_batch_with_it() {
    let upstream = Canned::start();
    let limits = Limits { batch_requests_max: 3, ..Limits::default() };
    let bed = Bed::new(&upstream.base_url, Plan { limits, ..blocking() });
    let with = |member: &str, value: Value| {
        let mut params = params("hello");
        params[member] = value;
        params
    };
    let without = |member: &str| {
        let mut params = params("hello");
        params.as_object_mut().expect("an object").remove(member);
        params
    };
    let longest = "x".repeat(wire::MEMBER_BYTES_MAX);
    for (bad, code, words) in [
        (params(CANARY), "policy_block", "requests[1] (custom_id `r1`): refused by policy"),
        (with("model", "other".into()), "invalid_value", "the same in all requests"),
        (with("stream", true.into()), "invalid_value", "requests[1].params.stream"),
        (without("model"), "invalid_value", "requests[1].params.model"),
        (with("mcp_servers", json!([])), "field_denied", "requests[1].params.mcp_servers"),
        (with("max_tokens", "many".into()), "invalid_value", "requests[1].params.max_tokens"),
        (json!("text"), "invalid_value", "requests[1].params"),
        (Value::Null, "invalid_value", "requests[1].params"),
        (json!([]), "invalid_value", "requests[1].params"),
        (params(&longest), "limit_exceeded", "bytes of a line"),
    ] {
        let answer = send(&bed.client(), &asking(&[params("hello"), bad]));
        let text = answer.text();
        assert_eq!(answer.error_code().as_deref(), Some(code), "{text:.300}");
        assert!((400..=403).contains(&answer.status) && text.contains(words), "{text:.300}");
    }
    for (body, code) in [
        (json!({}), "invalid_value"),
        (json!({"requests": []}), "invalid_value"),
        (json!({"requests": [null]}), "invalid_value"),
        (json!({"requests": {"0": {"custom_id": "a", "params": params("x")}}}), "invalid_value"),
        (json!({"requests": "text"}), "invalid_value"),
        (json!({"requests": [["x"]]}), "invalid_value"),
        (json!({"requests": [7]}), "invalid_value"),
        (json!({"Requests": []}), "field_denied"),
        (json!({"requests": [], "base_url": "http://a"}), "field_denied"),
    ] {
        let answer = send(&bed.client(), &post(body.to_string()));
        assert_eq!((answer.status, answer.error_code().as_deref()), (400, Some(code)), "{body}");
    }
    let of = |count: usize| send(&bed.client(), &asking(&vec![params("x"); count]));
    let many = of(4);
    assert!(many.text().contains("more than 3 messages"), "{}", many.text());
    assert!(upstream.take_received().is_empty());
    upstream.answer("application/json", ENDED);
    assert_eq!(of(3).status, 200, "the limit itself");
}

#[test]
fn ids_open_nothing_for_others_and_nothing_else_than_they_are_for() {
    let upstream = FakeUpstream::start().expect("an upstream");
    let bed = Bed::new(&upstream.base_url(), Plan::default());
    let client = bed.client();
    let other = Client::new(bed.address).with_key(&bed.other_key);
    let (batch, results) = run(&client, &[params("hello")]);
    let path = format!("{BATCHES}/{batch}");
    upstream.clear();
    for (who, request, code) in [
        (&other, get(&path), "not_found"),
        (&other, get(&results), "not_found"),
        (&other, Request::new("DELETE", &path), "not_found"),
        (&other, Request::post(&format!("{path}/cancel"), ""), "not_found"),
        (&client, get(&format!("{BATCHES}/msgbatch_000001")), "not_found"),
        (&client, get(&format!("{BATCHES}/msgbatch_000001/results")), "not_found"),
        (&client, get(&format!("/v1/batches/{batch}")), "not_found"),
        (&client, get(&format!("/v1/files/{batch}/content")), "not_found"),
        (&client, get(BATCHES), "unknown_endpoint"),
    ] {
        let answer = send(who, &request);
        assert_eq!(answer.error_code().as_deref(), Some(code), "{request:?}: {}", answer.text());
    }
    assert!(upstream.requests().is_empty(), "what was refused was sent on");
}

/// Puts lines into the results of a batch, as the upstream would.
fn results_of(upstream: &Canned, bed: &Bed, lines: &str) -> Response {
    upstream.answer("application/json", ENDED);
    let begun = send(&bed.client(), &asking(&[params("hello")]));
    let results = begun.json()["results_url"].as_str().expect("results").to_owned();
    upstream.answer("application/x-jsonl", lines.to_owned());
    send(&bed.client(), &get(&results))
}

#[test]
fn nothing_escapes_in_a_line_of_results() {
    let upstream = Canned::start();
    let bed = Bed::new(&upstream.base_url, blocking());
    let line = |result: &str| format!(r#"{{"custom_id":"a","result":{result}}}"#);
    let good = line(
        r#"{"type":"succeeded", "message":{"type":"message","content":[{"type":"text","text":"hello"}]}}"#,
    );
    let mut planted = 0;
    for planting in wire::plantings(Operation::Messages, Direction::Response, CANARY) {
        let message = String::from_utf8(planting.message).expect("text");
        let bad = line(&format!(r#"{{"type":"succeeded","message":{message}}}"#));
        let content = results_of(&upstream, &bed, &format!("{good}\n{bad}\n{good}\n"));
        let text = content.text();
        assert!(content.status == 200 && !text.contains(CANARY), "{}: {text}", planting.path);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!((lines[0], lines[2], lines.len()), (good.as_str(), good.as_str(), 3));
        let withheld: Value = serde_json::from_str(lines[1]).expect("JSON");
        let result = &withheld["result"];
        assert_eq!((&withheld["custom_id"], &result["type"]), (&json!("a"), &json!("errored")));
        assert_eq!(result["error"]["error"]["code"], "policy_block", "{text}");
        assert!(result.get("message").is_none(), "{text}");
        planted += 1;
    }
    for planting in wire::plantings(Operation::MessageBatchResults, Direction::ResponseLine, CANARY)
    {
        let line = String::from_utf8(planting.message).expect("text");
        let content = results_of(&upstream, &bed, &line);
        let text = content.text();
        let is_result = planting.path.starts_with("result.");
        assert_eq!(content.status, if is_result { 200 } else { 403 }, "{}: {text}", planting.path);
        assert!(!text.contains(CANARY), "{}: {text}", planting.path);
        planted += 1;
    }
    for planting in wire::plantings(Operation::MessageBatchResults, Direction::Response, CANARY) {
        upstream.answer("application/json", ENDED);
        let begun = send(&bed.client(), &asking(&[params("hello")]));
        upstream.answer_as(http::StatusCode::NOT_FOUND, "application/json", planting.message);
        let results = begun.json()["results_url"].as_str().expect("results").to_owned();
        let answer = send(&bed.client(), &get(&results));
        assert!(answer.status == 403 && !answer.text().contains(CANARY), "{}", answer.text());
        planted += 1;
    }
    assert!(planted > 30, "only {planted} plantings");
}

#[test]
fn nothing_escapes_in_what_is_said_of_batches() {
    let upstream = Canned::start();
    let bed = Bed::new(&upstream.base_url, blocking());
    let client = bed.client();
    upstream.answer("application/json", ENDED);
    let path = format!("{BATCHES}/{}", id(&send(&client, &asking(&[params("hello")]))));
    for (operation, request) in [
        (Operation::MessageBatchCreate, asking(&[params("hello")])),
        (Operation::MessageBatchShow, get(&path)),
        (Operation::MessageBatchCancel, Request::post(&format!("{path}/cancel"), "")),
        (Operation::MessageBatchDelete, Request::new("DELETE", &path)),
    ] {
        for (form, canary) in crate::canary::forms() {
            for planting in wire::plantings(operation, Direction::Response, &canary) {
                upstream.answer("application/json", planting.message);
                let answer = send(&client, &request);
                let what = format!("{form} {} of {operation:?}: {}", planting.path, answer.text());
                assert!(answer.status == 403 && !answer.text().contains(&canary), "{what}");
            }
        }
    }
    // An address that cannot be taken for one must not reach the client, who would follow it with its key.
    for garbage in [
        r#"{"id":"msgbatch_1","type":"message_batch","results_url":"https://a.example/?x=1"}"#,
        r#"{"type":"message_batch","results_url":"https://a.example/results"}"#,
        r#"{"id":"msg batch","type":"message_batch"}"#,
    ] {
        upstream.answer("application/json", garbage);
        let answer = send(&client, &get(&path));
        assert_eq!(answer.error_code().as_deref(), Some("upstream_garbage"), "{}", answer.text());
    }
}

#[test]
fn a_batch_owes_what_it_may_use_until_its_provider_says_what_it_has_used() {
    let upstream = Canned::start();
    let asked = asking(&[params("hello"), params("hello")]);
    let results = |output: u64| {
        format!(
            r#"{{"custom_id":"r0","result":{{"type":"succeeded","message":{{"type":"message","content":[],"usage":{{"input_tokens":5,"output_tokens":{output}}}}}}}}}"#
        )
    };
    let shown = |status: &str, succeeded: u64| {
        json!({
            "id": "msgbatch_1", "type": "message_batch", "processing_status": status,
            "request_counts": {"processing": 0, "succeeded": succeeded, "errored": 1, "canceled": 0, "expired": 0},
        })
    };
    // Each batch may use about 242 tokens: 21 of each request, and 100 of each answer.
    for (told, more) in [
        (None, 1),
        (Some(("", shown("in_progress", 1).to_string())), 1),
        (Some(("", shown("ended", 1).to_string())), 2),
        (Some(("/results", results(5))), 2),
        (Some(("/results", results(600))), 0),
    ] {
        upstream.answer("application/json", ENDED);
        let quotas = one_limit(620);
        let bed = Bed::new(&upstream.base_url, Plan { quotas, ..Plan::default() });
        let client = bed.client();
        let begun = send(&client, &asked);
        assert_eq!(begun.status, 200, "{}", begun.text());
        if let Some((below, said)) = &told {
            upstream.answer("application/json", said.clone());
            // However often it is said.
            for _ in 0..3 {
                let path = format!("{BATCHES}/{}{below}", id(&begun));
                assert_eq!(send(&client, &get(&path)).status, 200, "{said}");
            }
        }
        upstream.answer("application/json", ENDED);
        for _ in 0..more {
            assert_eq!(send(&client, &asked).status, 200, "{told:?}");
        }
        let refused = send(&client, &asked);
        assert_eq!(refused.error_code().as_deref(), Some("budget_exhausted"), "{told:?}");
    }
}

#[test]
fn a_key_for_tools_offers_no_others_beside_a_request() {
    let upstream = Canned::start();
    upstream.answer("application/json", ENDED);
    let grant = GrantOptions { tools: vec!["get_*".to_owned()], ..GrantOptions::default() };
    let bed = Bed::new(&upstream.base_url, Plan { grant, ..Plan::default() });
    let tools = |name: &str| json!([{ "name": name, "input_schema": {} }]);
    let with = |member: &str, name: &str| {
        let mut body = json!({"requests": [{"custom_id": "a", "params": params("hello")}]});
        *body.pointer_mut(member).expect("an object") = {
            let mut object = body.pointer(member).expect("an object").clone();
            object["tools"] = tools(name);
            object
        };
        send(&bed.client(), &post(body.to_string()))
    };
    assert_eq!(with("/requests/0/params", "get_weather").status, 200);
    for member in ["/requests/0/params", "/requests/0", ""] {
        let answer = with(member, "shell");
        assert_eq!(answer.error_code().as_deref(), Some("not_authorised"), "{}", answer.text());
    }
    assert_eq!(upstream.take_received().len(), 1);
}
