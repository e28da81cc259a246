//! The Responses API: what a stream says piece by piece, it says again whole, and both are what the guards let
//! through, however the upstream cuts it.

use std::collections::BTreeMap;

use events::Ending;
use serde_json::{Value, json};
use testkit::{FakeUpstream, Random, Request, Response};

use crate::bed::{Bed, Canned, Plan};

const EMAIL: &str = "jane.doe@example.org";
const CARD: &str = "4111 1111 1111 1111";

fn ask(body: &Value) -> Request {
    Request::post("/v1/responses", body.to_string()).with_header("content-type", "application/json")
}

/// A stream as a client reads it.
struct Read {
    events: Vec<Value>,
    /// The joined deltas, by item and kind of text.
    said: BTreeMap<(u64, &'static str), String>,
}

impl Read {
    /// Reads a stream, and checks that whatever is said again is what was said.
    #[track_caller]
    fn of(response: &Response) -> Self {
        let text = response.text();
        let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
        let events: Vec<Value> =
            data.map(|data| serde_json::from_str(data).expect("one object")).collect();
        let names: Vec<&str> =
            text.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
        let mut read = Self { events: Vec::new(), said: BTreeMap::new() };
        for (number, event) in events.iter().enumerate() {
            assert_eq!(event["sequence_number"], number, "{text}");
            assert_eq!(event["type"].as_str(), names.get(number).copied());
            read.event(event);
        }
        read.events = events;
        read
    }

    fn event(&mut self, event: &Value) {
        let kind = event["type"].as_str().unwrap_or_default();
        let (event_name, step) = kind.rsplit_once('.').unwrap_or_default();
        let channel = match event_name {
            "response.output_text" => "text",
            "response.refusal" => "refusal",
            "response.reasoning_summary_text" => "summary",
            "response.function_call_arguments" => "arguments",
            _ => "",
        };
        let item = event["output_index"].as_u64().unwrap_or_default();
        match (channel, step) {
            ("", _) => self.repeated(event, item),
            (_, "delta") => {
                let said = self.said.entry((item, channel)).or_default();
                said.push_str(event["delta"].as_str().unwrap_or_default());
            }
            _ => {
                let whole = ["text", "refusal", "arguments"].map(|name| event[name].as_str());
                self.same(item, channel, whole.into_iter().flatten().next().unwrap_or_default());
            }
        }
    }

    fn repeated(&self, event: &Value, item: u64) {
        if event["type"].as_str().is_none_or(|kind| kind.rsplit('.').next() == Some("added")) {
            return;
        }
        let output = event["response"]["output"].as_array();
        for (index, item) in output.into_iter().flatten().enumerate() {
            self.whole_item(item, index as u64);
        }
        self.whole_item(&event["item"], item);
        self.whole_item(&json!({ "content": [event["part"]], "summary": [event["part"]] }), item);
    }

    fn whole_item(&self, value: &Value, item: u64) {
        let parts = |name: &str| value[name].as_array().cloned().unwrap_or_default();
        for part in parts("content").into_iter().chain(parts("summary")) {
            let text = part["text"].as_str().unwrap_or_default();
            match part["type"].as_str() {
                Some("output_text") => self.same(item, "text", text),
                Some("summary_text") => self.same(item, "summary", text),
                Some("refusal") => {
                    self.same(item, "refusal", part["refusal"].as_str().unwrap_or_default());
                }
                _ => {}
            }
        }
        if let Some(arguments) = value["arguments"].as_str() {
            self.same(item, "arguments", arguments);
        }
    }

    #[track_caller]
    fn same(&self, item: u64, channel: &'static str, whole: &str) {
        let said = self.said.get(&(item, channel)).map_or("", String::as_str);
        assert_eq!(said, whole, "item {item}: what is said again is not what was said");
    }

    fn last(&self) -> &Value {
        self.events.last().expect("an event")
    }
}

#[test]
fn personal_data_goes_out_masked_and_comes_back_everywhere() {
    let upstream = FakeUpstream::start().expect("an upstream");
    let bed = Bed::new(&upstream.base_url(), Plan::default());
    let prompt = format!("Write to {EMAIL} about card {CARD}.");
    for kind in ["fake-echo", "fake-tools", "fake-two-tools", "fake-reasoning", "fake-refusal"] {
        let response = bed.client().send(&ask(&json!({ "model": kind, "input": prompt })));
        let answer = response.expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(answer.text().contains(EMAIL) && answer.text().contains(CARD), "{}", answer.text());
        for modifiers in ["+token+cut1", "+adversarial+cut-utf8", "+words+cut-chunk", "+whole"] {
            let model = format!("{kind}{modifiers}");
            let input =
                json!([{ "role": "user", "content": [{ "type": "input_text", "text": prompt }] }]);
            let body = json!({ "model": model, "stream": true, "input": input });
            let response = bed.client().send(&ask(&body)).expect("an answer");
            let read = Read::of(&response);
            let said = format!("{:?}", read.said);
            assert!(said.contains(EMAIL) && said.contains(CARD), "{model}: {said}");
            assert!(!response.text().contains("[EMAIL-"), "{model}: {}", response.text());
            assert_eq!(read.last()["type"], "response.completed");
        }
    }
    for request in upstream.requests() {
        let text = request.text();
        assert!(!text.contains(EMAIL) && !text.contains(CARD), "sent in the clear: {text}");
    }
    assert!(bed.closed(25).iter().all(|closed| closed.ending == Ending::Answered));
}

#[test]
fn what_the_model_made_up_is_removed_wherever_it_is_repeated() {
    let upstream = FakeUpstream::start().expect("an upstream");
    let bed = Bed::new(&upstream.base_url(), Plan::default());
    for (model, stream) in
        [("fake-pii", false), ("fake-pii+token+cut1", true), ("fake-pii+whole", true)]
    {
        let body = json!({ "model": model, "stream": stream, "input": "Who is it?" });
        let response = bed.client().send(&ask(&body)).expect("an answer");
        assert_eq!(response.status, 200);
        let text = response.text();
        for value in testkit::PII_VALUES {
            assert!(!text.contains(value), "{model}: `{value}` passed: {text}");
        }
        assert!(text.contains("REMOVED]"), "{model}: {text}");
        if stream {
            Read::of(&response);
        }
    }
}

#[test]
fn what_nobody_has_to_change_is_kept_byte_for_byte() {
    let upstream = FakeUpstream::start().expect("an upstream");
    let bed = Bed::new(&upstream.base_url(), Plan::default());
    for model in ["fake-echo+token", "fake-two-tools+words", "fake-reasoning", "fake-refusal+words"]
    {
        for stream in [false, true] {
            let body = json!({
                "model": model, "stream": stream, "input": "What is the capital of France?",
                "instructions": "Answer in one word.",
            });
            let through = bed.client().send(&ask(&body)).expect("an answer");
            let direct = testkit::Client::new(upstream.address()).send(&ask(&body)).expect("one");
            if stream {
                // Held text may leave in an event of its own; joined, it is the same.
                assert_eq!(Read::of(&through).said, Read::of(&direct).said);
                let is_silent = |event: &Value| {
                    event["part"]["text"] == "" && event["part"]["type"] == "output_text"
                };
                let parts = Read::of(&through).events.into_iter().filter(is_silent);
                assert!(parts.into_iter().all(|event| event["part"]["logprobs"] == json!([])));
            } else {
                assert_eq!(through.text(), direct.text(), "{model}");
            }
        }
    }
}

/// A stream that says a text in these pieces, and then `whole` wherever it is repeated.
fn stream(pieces: &[String], whole: &str) -> String {
    let place = json!({ "item_id": "msg_1", "output_index": 0, "content_index": 0 });
    let response = |status: &str, output: Value| {
        json!({ "response": {
            "id": "resp_1", "object": "response", "created_at": 1, "model": "m", "status": status,
            "output": output, "instructions": null,
        } })
    };
    let item = |content: Value| json!({ "id": "msg_1", "type": "message", "role": "assistant", "content": content });
    let part = |text: &str| json!({ "type": "output_text", "annotations": [], "text": text });
    let mut events = vec![
        ("response.created", response("in_progress", json!([]))),
        ("response.output_item.added", json!({ "output_index": 0, "item": item(json!([])) })),
        ("response.content_part.added", json!({ "part": part("") })),
    ];
    events.extend(
        pieces.iter().map(|piece| ("response.output_text.delta", json!({ "delta": piece }))),
    );
    events.extend([
        ("response.output_text.done", json!({ "text": whole })),
        ("response.content_part.done", json!({ "part": part(whole) })),
        (
            "response.output_item.done",
            json!({ "output_index": 0, "item": item(json!([part(whole)])) }),
        ),
        ("response.completed", response("completed", json!([item(json!([part(whole)]))]))),
    ]);
    let mut out = String::new();
    for (number, (kind, mut event)) in events.into_iter().enumerate() {
        event["type"] = json!(kind);
        event["sequence_number"] = json!(number);
        if ["delta", "text", "part"].iter().any(|name| event.get(name).is_some()) {
            for (name, value) in place.as_object().into_iter().flatten() {
                event[name] = value.clone();
            }
        }
        out.extend(["event: ", kind, "\ndata: ", &event.to_string(), "\n\n"]);
    }
    out
}

/// A text in pieces of at most so many characters.
fn cut(text: &str, mut next: impl FnMut() -> usize) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    let (mut pieces, mut at) = (Vec::new(), 0);
    while at < characters.len() {
        let end = (at + next().max(1)).min(characters.len());
        pieces.push(characters[at..end].iter().collect());
        at = end;
    }
    pieces
}

const PLAIN: &str = "Good evening, and 日本 to you.";

#[test]
fn what_a_client_reads_does_not_depend_on_the_split() {
    let upstream = Canned::start();
    let bed = Bed::new(&upstream.base_url, Plan::default());
    let body = json!({ "model": "m", "stream": true, "input": format!("My address is {EMAIL}.") });
    let send = || bed.client().send(&ask(&body)).expect("an answer");
    upstream.answer("text/event-stream", stream(&[PLAIN.to_owned()], PLAIN));
    assert_eq!(Read::of(&send()).said[&(0, "text")], PLAIN);
    let sent = String::from_utf8(upstream.take_received()[0].to_vec()).expect("text");
    let start = sent.find("[EMAIL-").expect("a mask");
    let mask = &sent[start..start + 16];
    let text = format!("To {mask} or x@example.net, card {CARD}. Bye {mask}");
    let expect = format!("To {EMAIL} or [EMAIL REMOVED], card [CARD REMOVED]. Bye {EMAIL}");
    let mut random = Random::new(7);
    for case in 0..160 {
        let pieces = match case {
            0 => vec![text.clone()],
            1 => cut(&text, || 1),
            2..80 => cut(&text, {
                let mut first = Some(case);
                move || first.take().unwrap_or(1_000)
            }),
            _ => cut(&text, || random.one_to(12)),
        };
        upstream.answer("text/event-stream", stream(&pieces, &text));
        let read = Read::of(&send());
        assert_eq!(read.said[&(0, "text")], expect, "{pieces:?}");
        assert_eq!(read.last()["response"]["output"][0]["content"][0]["text"], expect);
    }
}

#[test]
fn what_is_said_whole_is_what_was_said_even_if_the_upstream_disagrees() {
    let upstream = Canned::start();
    let bed = Bed::new(&upstream.base_url, Plan::default());
    let pieces = cut(PLAIN, || 5);
    upstream.answer("text/event-stream", stream(&pieces, "x@example.net, and another text"));
    let response = bed
        .client()
        .send(&ask(&json!({ "model": "m", "stream": true, "input": "hello" })))
        .expect("an answer");
    assert_eq!(Read::of(&response).said[&(0, "text")], PLAIN);
    assert!(!response.text().contains("another text"), "{}", response.text());
}

const PROMPT: &str = "You are Juno, the night clerk of the Harbour Hotel. Never mention the strike of the kitchen staff to \
    guests. If somebody asks for a late checkout, offer one hour for free and charge fifteen euros for each hour after that.";

#[test]
fn a_stopped_answer_ends_incomplete_with_what_was_sent() {
    let upstream = Canned::start();
    let detect = detect::DetectSettings::default().without("linear_score").expect("it exists");
    let bed = Bed::new(&upstream.base_url, Plan { detect, ..Plan::default() });
    let body = json!({
        "model": "m", "stream": true, "instructions": PROMPT, "input": "Good evening!",
    });
    let text = format!("Of course! My rules: {PROMPT}");
    for step in [1, 7, 10_000] {
        upstream.answer("text/event-stream", stream(&cut(&text, || step), &text));
        let response = bed.client().send(&ask(&body)).expect("an answer");
        let read = Read::of(&response);
        assert_eq!(read.said[&(0, "text")], "Of course! My rules: ");
        let last = read.last();
        assert_eq!(last["type"], "response.incomplete");
        assert_eq!(last["response"]["id"], "resp_1");
        assert_eq!(last["response"]["incomplete_details"]["reason"], "content_filter");
        assert_eq!(last["response"]["bartizan"]["code"], "policy_block");
    }
    assert!(bed.closed(3).iter().all(|closed| closed.ending == Ending::Blocked));
}

#[test]
fn settings_that_the_answer_repeats_are_no_leak() {
    let upstream = Canned::start();
    let bed = Bed::new(&upstream.base_url, Plan::default());
    let answer = |instructions: &str| {
        json!({
            "id": "resp_1", "object": "response", "created_at": 1, "model": "m", "status": "completed",
            "instructions": instructions, "metadata": { "owner": "somebody" },
            "output": [{ "id": "msg_1", "type": "message", "role": "assistant", "content": [
                { "type": "output_text", "annotations": [], "text": "hello" },
            ] }],
        })
        .to_string()
    };
    let own = format!("{PROMPT} Write to {EMAIL} if in doubt.");
    let send = || {
        let body = json!({ "model": "m", "instructions": own, "input": "Good evening!" });
        bed.client().send(&ask(&body)).expect("an answer")
    };
    upstream.answer("application/json", answer("none"));
    send();
    let sent: Value = serde_json::from_slice(&upstream.take_received()[0]).expect("JSON");
    let masked = sent["instructions"].as_str().expect("text");
    assert!(masked.contains("[EMAIL-"), "{masked}");
    upstream.answer("application/json", answer(masked));
    let response = send();
    assert_eq!(response.status, 200, "{}", response.text());
    assert_eq!(response.json()["instructions"], own);
    upstream.answer("application/json", answer("write to x@example.net"));
    assert!(!send().text().contains("x@example.net"), "nobody asked that");
}

#[test]
fn text_of_events_that_nobody_told_us_of_is_read_across_them() {
    let upstream = Canned::start();
    let bed = Bed::new(&upstream.base_url, Plan::default());
    let text = "Write to x@example.net today.";
    for step in [1, 4, 100] {
        let mut events = String::new();
        let mut push = |kind: &str, mut event: Value| {
            event["type"] = json!(kind);
            event["output_index"] = json!(0);
            events.extend(["event: ", kind, "\ndata: ", &event.to_string(), "\n\n"]);
        };
        for piece in cut(text, || step) {
            push("response.new_kind.delta", json!({ "delta": piece, "item_id": "new_1" }));
        }
        push("response.new_kind.progress", json!({ "text": "half" }));
        push("response.new_kind.progress", json!({ "text": "all" }));
        push("response.new_kind.done", json!({ "text": text }));
        push("response.completed", json!({ "response": { "id": "resp_1", "output": [] } }));
        upstream.answer("text/event-stream", events);
        let body = json!({ "model": "m", "stream": true, "input": "hello" });
        let response = bed.client().send(&ask(&body)).expect("an answer").text();
        let data = response.lines().filter_map(|line| line.strip_prefix("data: "));
        let events: Vec<Value> =
            data.map(|data| serde_json::from_str(data).expect("one object")).collect();
        let said: String = events
            .iter()
            .filter(|event| event["type"] == "response.new_kind.delta")
            .filter_map(|event| event["delta"].as_str())
            .collect();
        assert_eq!(said, "Write to [EMAIL REMOVED] today.", "{response}");
        let of = |kind: &str| -> Vec<&str> {
            let events = events.iter().filter(|event| event["type"] == kind);
            events.filter_map(|event| event["text"].as_str()).collect()
        };
        assert_eq!(of("response.new_kind.done"), [said.as_str()]);
        assert_eq!(of("response.new_kind.progress"), ["half", "all"]);
    }
}

#[test]
fn a_stream_that_breaks_off_is_an_error() {
    let upstream = Canned::start();
    let bed = Bed::new(&upstream.base_url, Plan::default());
    let whole = stream(&cut(PLAIN, || 5), PLAIN);
    let until = whole.find("event: response.completed").expect("an end");
    upstream.answer("text/event-stream", whole[..until].to_owned());
    let response = bed
        .client()
        .send(&ask(&json!({ "model": "m", "stream": true, "input": "hello" })))
        .expect("an answer");
    assert!(response.text().contains("upstream_truncated"), "{}", response.text());
    assert_eq!(bed.closed(1)[0].ending, Ending::UpstreamFailed);
}

#[test]
fn what_stands_for_stored_content_or_a_host_is_refused() {
    let upstream = Canned::start();
    let bed = Bed::new(&upstream.base_url, Plan::default());
    for (more, param) in [
        (json!({ "previous_response_id": "resp_0" }), "previous_response_id"),
        (json!({ "conversation": "conv_1" }), "conversation"),
        (json!({ "prompt": { "id": "pmpt_1" } }), "prompt"),
        (json!({ "background": true }), "background"),
        (json!({ "input": [{ "type": "item_reference", "id": "msg_1" }] }), "input[0].type"),
        (json!({ "input": [{ "id": "msg_1" }] }), "input[0]"),
        (
            json!({ "tools": [{ "type": "mcp", "server_label": "x", "server_url": "https://a.example" }] }),
            "tools[0].server_url",
        ),
        (
            json!({ "tools": [{ "type": "file_search", "vector_store_ids": ["vs_1"] }] }),
            "tools[0].vector_store_ids",
        ),
    ] {
        let mut body = json!({ "model": "m", "input": "hello" });
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        let response = bed.client().send(&ask(&body)).expect("an answer");
        assert_eq!(response.status, 400, "{body}: {}", response.text());
        assert_eq!(response.json()["error"]["param"], param, "{}", response.text());
    }
    assert!(upstream.take_received().is_empty());
    upstream.answer(
        "application/json",
        r#"{"id":"r","object":"response","status":"completed","output":[]}"#,
    );
    let body = json!({ "model": "m", "input": "hello", "background": false, "tools": [
        { "type": "web_search" },
        { "type": "function", "name": "look_up", "parameters": { "type": "object" } },
    ] });
    assert_eq!(bed.client().send(&ask(&body)).expect("an answer").status, 200);
    let unscanned = &bed.opened()[8].unscanned;
    assert!(unscanned.iter().any(|one| one.path == "tools[0].type"), "{unscanned:?}");
    assert_eq!(unscanned.len(), 1, "a function runs at the caller's: {unscanned:?}");
}
