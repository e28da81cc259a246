//! The Anthropic dialect: its reference is known in full, types decide what text and data are, streams say what
//! begins and ends, and what we say ourselves reads back.

use events::Provenance;
use proptest::prelude::*;
use serde_json::{Value, json};
use wire::{
    Channel, Choices, Dialect, Document, Envelope, ErrorShape, EventReader, Lane, Notice,
    Operation, ReadError, ReadLimits, StreamEvent, StreamPart, UnknownFields, blocked_ending,
    delta_event, error_body, error_event, read_request, read_response, read_stream_event,
};

const REQUESTS: &str = include_str!("../../../testkit/fixtures/messages_requests_full.json");
const RESPONSES: &str = include_str!("../../../testkit/fixtures/messages_responses_full.json");
const EVENTS: &str = include_str!("../../../testkit/fixtures/messages_events_full.json");

fn all(fixture: &str) -> Vec<Value> {
    serde_json::from_str(fixture).expect("a list")
}

fn asked(body: &[u8]) -> Result<Document<'_>, ReadError> {
    read_request(Operation::Messages, body, UnknownFields::Refuse, &ReadLimits::default())
}

fn events(bytes: &[u8]) -> Vec<StreamPart> {
    let mut reader = EventReader::default();
    reader.push(bytes);
    let events: Vec<StreamPart> = std::iter::from_fn(|| reader.next_event())
        .map(|event| event.expect("bytes").into())
        .collect();
    assert!(reader.finish().is_empty());
    events
}

fn event(data: &Value) -> StreamPart {
    let name = data["type"].as_str().unwrap_or_default();
    events(format!("event: {name}\ndata: {data}\n\n").as_bytes()).remove(0)
}

fn read(event: &StreamPart) -> StreamEvent<'_> {
    let limits = ReadLimits::default();
    read_stream_event(Operation::Messages, event, UnknownFields::Refuse, &limits)
        .expect("an event of the reference")
}

/// The document of an event, and whether it is the last and an error.
fn told(event: &StreamPart) -> (Box<Document<'_>>, &'static str) {
    match read(event) {
        StreamEvent::Chunk(document) => (document, "chunk"),
        StreamEvent::Last(document) => (document, "last"),
        StreamEvent::Error(document) => (document, "error"),
        other => panic!("no document: {other:?}"),
    }
}

#[test]
fn the_reference_is_known_in_full() {
    let limits = ReadLimits::default();
    for request in all(REQUESTS) {
        let body = request.to_string();
        for operation in [Operation::Messages, Operation::CountTokens] {
            let read = read_request(operation, body.as_bytes(), UnknownFields::Refuse, &limits);
            assert_eq!(read.err(), None);
        }
    }
    for response in all(RESPONSES) {
        let body = response.to_string();
        let read =
            read_response(Operation::Messages, body.as_bytes(), UnknownFields::Refuse, &limits);
        assert_eq!(read.err(), None);
    }
    let mut kinds = std::collections::BTreeSet::new();
    for data in all(EVENTS) {
        kinds.insert(told(&event(&data)).1);
    }
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), ["chunk", "error", "last"]);
}

#[test]
fn facts_are_read_from_a_request() {
    let body = json!({
        "model": "claude-sonnet-4-5", "max_tokens": 9, "stream": true,
        "metadata": {"user_id": "u-1"}, "system": [{"type": "text", "text": "be kind"}],
        "messages": [
            {"role": "user", "content": "hello"},
            {"role": "assistant", "content": [{"type": "text", "text": "hi"}]},
        ],
    })
    .to_string();
    let document = asked(body.as_bytes()).expect("a request");
    let facts = &document.facts;
    assert_eq!(facts.model.as_deref(), Some("claude-sonnet-4-5"));
    assert_eq!(facts.end_user.as_deref(), Some("u-1"));
    assert_eq!((facts.stream, facts.output_tokens_max), (true, Some(9)));
    let opening = &document.fields[facts.opening.clone()];
    assert_eq!(opening.iter().map(|field| &*field.text).collect::<Vec<_>>(), ["hello"]);
}

/// A user's block, and the provenance of its text `canary`; the type comes after what it decides.
#[test]
fn the_type_of_a_block_says_whose_its_text_is() {
    let text = |text| json!([{"text": text, "type": "text"}]);
    for (block, provenance) in [
        (json!({"text": "canary", "type": "text"}), Provenance::User),
        (
            json!({"content": "canary", "type": "tool_result", "tool_use_id": "t"}),
            Provenance::ToolResult,
        ),
        (json!({"content": text("canary"), "type": "tool_result"}), Provenance::ToolResult),
        (
            json!({"content": text("canary"), "type": "search_result", "title": "t"}),
            Provenance::Retrieved,
        ),
        (json!({"title": "canary", "type": "search_result"}), Provenance::Retrieved),
        (json!({"title": "canary", "type": "document"}), Provenance::File),
        (
            json!({"content": [{"title": "canary"}], "type": "web_search_tool_result"}),
            Provenance::Retrieved,
        ),
        (
            json!({"content": {"stdout": "canary"}, "type": "bash_code_execution_tool_result"}),
            Provenance::ToolResult,
        ),
        (json!({"content": "canary", "type": "compaction"}), Provenance::Assistant),
        (json!({"content": "canary"}), Provenance::ToolResult),
        (
            json!({"source": {"data": "canary", "type": "text"}, "type": "document"}),
            Provenance::File,
        ),
        (json!({"source": {"content": text("canary"), "type": "content"}}), Provenance::File),
        (json!({"input": {"a": [{"b": "canary"}]}, "type": "tool_use"}), Provenance::ToolCall),
    ] {
        let body = json!({"messages": [{"content": [block], "role": "user"}]}).to_string();
        let document = asked(body.as_bytes()).unwrap_or_else(|error| panic!("{error}: {body}"));
        let found = document.fields.iter().find(|field| field.text == "canary");
        assert_eq!(found.map(|field| field.provenance), Some(provenance), "{body}");
        assert!(document.files.is_empty(), "{body}");
    }
}

/// A source of a document, and how its data is read: as text, as a file declared as a type, or both.
#[test]
fn the_type_of_a_source_says_what_its_data_is() {
    let file = |declared: &'static str| (false, Some(declared));
    for (source, (is_text, declared)) in [
        (json!({"type": "text", "media_type": "text/plain", "data": "AAAA"}), (true, None)),
        (
            json!({"data": "AAAA", "media_type": "application/pdf", "type": "base64"}),
            file("application/pdf"),
        ),
        (json!({"data": "AAAA", "type": "base64"}), file("")),
        // What is no base64 is for whoever opens files to refuse: some readers skip what they do not know.
        (json!({"data": "JVBE Ri0=", "type": "base64"}), file("")),
        (json!({"data": "data:text/plain;base64,AAAA", "type": "base64"}), file("")),
        (json!({"data": "AAAA", "type": "novel"}), (true, Some(""))),
        (json!({"data": "AAAA"}), (true, Some(""))),
    ] {
        for path in ["", "tool_result", "nested"] {
            let block = json!({"type": "document", "source": source});
            let block = match path {
                "tool_result" => json!({"type": "tool_result", "content": [block]}),
                "nested" => {
                    json!({"type": "document", "source": {"type": "content", "content": [block]}})
                }
                _ => block,
            };
            let body = json!({"messages": [{"role": "user", "content": [block]}]}).to_string();
            let document = asked(body.as_bytes()).unwrap_or_else(|error| panic!("{error}: {body}"));
            let data = source["data"].as_str().unwrap_or_default();
            let field = document.fields.iter().find(|field| field.text == data);
            assert_eq!(field.map(|field| field.provenance), is_text.then_some(Provenance::File));
            let files: Vec<_> =
                document.files.iter().map(|file| (file.declared(), file.base64())).collect();
            let expected: Vec<_> = declared.iter().map(|declared| (*declared, data)).collect();
            assert_eq!(files, expected, "{body}");
        }
    }
}

#[test]
fn what_no_guard_sees_is_denied() {
    let block = |block: Value| json!({"messages": [{"role": "user", "content": [block]}]});
    for (body, path) in [
        (json!({"container": "c_1"}), "container"),
        (json!({"container": {"skills": []}}), "container"),
        (json!({"mcp_servers": [{"url": "https://a.example"}]}), "mcp_servers"),
        (json!({"fallbacks": "default"}), "fallbacks"),
        (json!({"thread": {"type": "continue"}}), "thread"),
        (json!({"tools": [{"type": "advisor_20260301", "model": "m"}]}), "tools[0].model"),
        (
            block(json!({"type": "container_upload", "file_id": "f"})),
            "messages[0].content[0].file_id",
        ),
        (
            block(json!({"type": "document", "source": {"type": "file", "file_id": "f"}})),
            "messages[0].content[0].source.file_id",
        ),
        (
            block(json!({"type": "tool_result", "content": [{"source": {"file_id": "f"}}]})),
            "messages[0].content[0].content[0].source.file_id",
        ),
    ] {
        let body = body.to_string();
        match asked(body.as_bytes()) {
            Err(ReadError::Denied { path: at, .. }) => assert_eq!(at, path),
            other => panic!("{body}: {other:?}"),
        }
    }
}

#[test]
fn blocks_of_an_answer_are_lanes() {
    let body = json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [
            {"type": "thinking", "thinking": "hm", "signature": "AAAA"},
            {"type": "text", "text": "hello", "citations": [{"type": "char_location", "cited_text": "x"}]},
            {"type": "tool_use", "id": "t_1", "name": "f", "input": {"a": {"b": "deep"}}},
        ],
        "stop_reason": "tool_use", "usage": {"input_tokens": 1, "cache_read_input_tokens": 2, "output_tokens": 4},
    })
    .to_string();
    let limits = ReadLimits::default();
    let document =
        read_response(Operation::Messages, body.as_bytes(), UnknownFields::Refuse, &limits)
            .expect("an answer");
    let lane = |text: &str| {
        let field = document.fields.iter().find(|field| field.text == text).expect("found");
        field.lane.expect("a lane")
    };
    assert_eq!(lane("hm"), Lane { choice: 0, channel: Channel::Reasoning });
    assert_eq!(lane("hello"), Lane { choice: 1, channel: Channel::Content });
    for said in ["x", "f", "deep"] {
        assert!(matches!(lane(said).channel, Channel::Other(_)), "{said}");
    }
    assert_eq!(lane("deep").choice, 2);
    let unscanned: Vec<_> = document.unscanned().into_iter().map(|entry| entry.path).collect();
    assert_eq!(unscanned, ["content[0].signature"]);
    assert_eq!(document.facts.usage, Some(events::TokenUsage { input: 3, output: 4 }));
}

#[test]
fn a_stream_says_what_begins_and_ends() {
    let delta = |delta: Value| json!({"type": "content_block_delta", "index": 2, "delta": delta});
    for (data, begun, finished, kind) in [
        (json!({"type": "message_start", "message": {"id": "m"}}), None, None, "chunk"),
        (
            json!({"content_block": {"type": "text", "text": ""}, "index": 2, "type": "content_block_start"}),
            Some(2),
            None,
            "chunk",
        ),
        (delta(json!({"type": "text_delta", "text": "x"})), None, None, "chunk"),
        (json!({"index": 2, "type": "content_block_stop"}), None, Some(2), "chunk"),
        (
            json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}}),
            None,
            None,
            "chunk",
        ),
        (json!({"type": "message_stop"}), None, None, "last"),
        (json!({"type": "ping"}), None, None, "chunk"),
        (
            json!({"type": "error", "error": {"type": "overloaded_error", "message": "m"}}),
            None,
            None,
            "error",
        ),
    ] {
        let event = event(&data);
        let (document, told) = told(&event);
        assert_eq!(told, kind, "{data}");
        assert_eq!(document.facts.begun, begun, "{data}");
        let ended: Vec<u32> = document.facts.finished.iter().map(|finish| finish.choice).collect();
        assert_eq!(ended, finished.into_iter().collect::<Vec<_>>(), "{data}");
    }
    for (delta, channel) in [
        (json!({"type": "text_delta", "text": "x"}), Channel::Content),
        (json!({"type": "thinking_delta", "thinking": "x"}), Channel::Reasoning),
        (json!({"type": "input_json_delta", "partial_json": "x"}), Channel::ToolArguments(0)),
        (json!({"type": "compaction_delta", "content": "x"}), Channel::BlockContent),
    ] {
        let event = event(&json!({"delta": delta, "index": 2, "type": "content_block_delta"}));
        let (document, _) = told(&event);
        assert_eq!(document.fields[0].lane, Some(Lane { choice: 2, channel }), "{delta}");
    }
}

#[test]
fn events_that_clients_read_differently_are_refused() {
    let delta = json!({"type": "content_block_delta", "index": 0, "delta": {"text": "x"}});
    for (name, data) in [
        ("event: ping\n", &delta),
        ("event: message_stop\n", &delta),
        ("", &delta),
        ("event: ping\n", &json!({"delta": {"text": "x"}})),
        ("event: ping\n", &json!({"type": null, "delta": {"text": "x"}})),
    ] {
        let events = events(format!("{name}data: {data}\n\n").as_bytes());
        let limits = ReadLimits::default();
        let read = read_stream_event(Operation::Messages, &events[0], UnknownFields::Scan, &limits);
        assert!(matches!(read, Err(ReadError::WrongBody { .. })), "{name}{data}");
    }
}

proptest! {
    #![proptest_config(crate::config())]

    #[test]
    fn held_text_reads_back_on_its_lane(kind in 0..4_usize, choice in 0..9_u32, text in "(?s).{1,20}") {
        let channel = [
            Channel::Content, Channel::Reasoning, Channel::ToolArguments(0), Channel::BlockContent,
        ][kind];
        let lane = Lane { choice, channel };
        let bytes = delta_event(Operation::Messages, &Envelope::default(), lane, &text).expect("held");
        let events = events(&bytes);
        prop_assert_eq!(events.len(), 1);
        prop_assert_eq!(events[0].name(), Some("content_block_delta"));
        let (document, _) = told(&events[0]);
        let found: Vec<_> = document.fields.iter().map(|f| (f.lane, &*f.text)).collect();
        prop_assert_eq!(found, [(Some(lane), &*text)]);
    }
}

#[test]
fn lanes_that_are_never_held_are_never_written() {
    for channel in [Channel::ToolName(0), Channel::Refusal, Channel::Other(1)] {
        let lane = Lane { choice: 0, channel };
        assert_eq!(delta_event(Operation::Messages, &Envelope::default(), lane, "x"), None);
    }
}

#[test]
fn a_blocked_stream_ends_as_the_dialect_ends() {
    let notice = Notice { code: "policy_block", message: "stopped: \"x\"", interaction: "int_1" };
    let begun = Envelope { begun: true, ..Envelope::default() };
    let names = |envelope: &Envelope, open: &[u32]| {
        let choices = Choices { open, seen: &[0, 1] };
        let bytes = blocked_ending(Operation::Messages, envelope, choices, &notice);
        let events = events(&bytes);
        let values: Vec<Value> = events
            .iter()
            .map(|event| serde_json::from_str(event.data().unwrap_or_default()).expect("JSON"))
            .collect();
        for (event, value) in events.iter().zip(&values) {
            assert_eq!(event.name(), value["type"].as_str(), "clients go by the name");
        }
        values
    };
    let ended = names(&begun, &[1]);
    let types: Vec<_> = ended.iter().filter_map(|event| event["type"].as_str()).collect();
    assert_eq!(types, ["content_block_stop", "message_delta", "message_stop"]);
    assert_eq!(ended[0]["index"], 1);
    assert_eq!(ended[1]["delta"]["stop_reason"], "refusal");
    assert_eq!(ended[1]["delta"]["stop_details"]["explanation"], "stopped: \"x\"");
    assert_eq!(ended[1]["bartizan"], json!({"code": "policy_block", "interaction": "int_1"}));
    let unbegun = names(&Envelope::default(), &[]);
    let types: Vec<_> = unbegun.iter().filter_map(|event| event["type"].as_str()).collect();
    assert_eq!(types, ["message_start", "message_delta", "message_stop"]);
}

#[test]
fn errors_are_written_as_the_reference_writes_them() {
    for (status, class) in [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (413, "request_too_large"),
        (415, "invalid_request_error"),
        (422, "invalid_request_error"),
        (502, "api_error"),
        (503, "api_error"),
        (504, "timeout_error"),
        (0, "api_error"),
    ] {
        let shape = ErrorShape {
            message: "say \"please\"\n",
            param: Some("messages"),
            code: "policy_block",
            interaction: Some("int_1"),
            status,
            ..ErrorShape::default()
        };
        let expected = json!({"type": "error", "request_id": "int_1", "error": {
            "type": class, "message": "say \"please\"\n", "code": "policy_block", "param": "messages"}});
        let body: Value =
            serde_json::from_slice(&error_body(Dialect::Anthropic, &shape)).expect("JSON");
        assert_eq!(body, expected);
        let events = events(&error_event(Dialect::Anthropic, &shape));
        assert_eq!(events[0].name(), Some("error"));
        let limits = ReadLimits::default();
        let read = read_stream_event(Operation::Messages, &events[0], UnknownFields::Scan, &limits);
        assert!(matches!(read, Ok(StreamEvent::Error(_))));
    }
}
