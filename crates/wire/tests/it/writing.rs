//! What we say ourselves reads back as it was meant, by our own reader and by serde_json.

use proptest::prelude::*;
use wire::{
    Channel, Choices, Delivery, Dialect, Document, Echoes, Edit, Envelope, ErrorShape, EventReader,
    Lane, Notice, Operation, ReadLimits, StreamEvent, StreamPart, UnknownFields, blocked_ending,
    delta_event, error_body, error_event, read_stream_event, splice_event,
};

const CHAT: Operation = Operation::ChatCompletions;

fn events(bytes: &[u8]) -> Vec<StreamPart> {
    let mut reader = EventReader::default();
    reader.push(bytes);
    let events: Vec<StreamPart> = std::iter::from_fn(|| reader.next_event())
        .map(|event| event.expect("good bytes").into())
        .collect();
    assert!(reader.finish().is_empty());
    events
}

fn read(event: &StreamPart) -> StreamEvent<'_> {
    read_stream_event(CHAT, event, UnknownFields::Scan, &ReadLimits::default()).expect("an event")
}

fn chunk(event: &StreamPart) -> Box<Document<'_>> {
    match read(event) {
        StreamEvent::Chunk(document) => document,
        other => panic!("not a chunk: {other:?}"),
    }
}

fn envelope() -> Envelope {
    Envelope {
        begun: false,
        id: "chatcmpl-1".into(),
        model: "gpt-4o".into(),
        created: 1_700_000_000,
        system_fingerprint: Some("fp_1".into()),
        ..Envelope::default()
    }
}

fn channel() -> impl Strategy<Value = Channel> {
    (0..10_u8, 0..5_u32).prop_map(|(kind, index)| match kind {
        0 => Channel::Content,
        1 => Channel::Refusal,
        2 => Channel::ReasoningContent,
        3 => Channel::Reasoning,
        4 => Channel::ReasoningDetail(index),
        5 => Channel::ToolArguments(index),
        6 => Channel::CustomInput(index),
        7 => Channel::FunctionArguments,
        8 => Channel::Thinking,
        _ => Channel::Transcript,
    })
}

proptest! {
    #![proptest_config(crate::config())]

    #[test]
    fn held_text_reads_back_on_its_lane(channel in channel(), choice in 0..9_u32, text in "(?s).{1,20}") {
        prop_assert_eq!(channel.delivery(), Delivery::Incremental);
        let lane = Lane { choice, channel };
        let bytes = delta_event(CHAT, &envelope(), lane, &text).expect("a lane that is held");
        let events = events(&bytes);
        prop_assert_eq!(events.len(), 1);
        let document = chunk(&events[0]);
        let found: Vec<_> = document.fields.iter().map(|f| (f.lane, &*f.text)).collect();
        prop_assert_eq!(found, [(Some(lane), &*text)]);
        prop_assert!(!document.has_unknown() && document.facts.finished.is_empty());
        let mut seen = Envelope::default();
        seen.observe(&document.facts);
        prop_assert_eq!(seen, envelope());
    }

    #[test]
    fn errors_read_back(message in "(?s).{1,20}", code in "[a-z_]{1,8}", param in ".{0,8}") {
        let shape = ErrorShape {
            message: &message,
            kind: "invalid_request_error",
            param: Some(&param),
            code: &code,
            interaction: Some("int_1"),
            ..ErrorShape::default()
        };
        let body = error_body(Dialect::OpenAi, &shape);
        let json: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        prop_assert_eq!(&json, &serde_json::json!({"error": {"message": message, "code": code,
            "type": "invalid_request_error", "param": param, "interaction": "int_1"}}));
        let events = events(&error_event(Dialect::OpenAi, &shape));
        prop_assert_eq!(events.len(), 1);
        prop_assert!(matches!(read(&events[0]), StreamEvent::Error(_)));
    }
}

#[test]
fn held_text_of_fields_that_nobody_named_reads_back_where_it_stood() {
    for delta in [
        r#"{"reasoning_text":"hm"}"#,
        r#"{"x":{"y":[{"z":["hm"]}]}}"#,
        r#"{"tool_calls":[{"index":3,"function":{"thought":"hm"}}]}"#,
        r#"{"content":[{"type":"x","parts":[{"said":"hm"}]}]}"#,
    ] {
        let data = format!("data: {{\"choices\":[{{\"index\":2,\"delta\":{delta}}}]}}\n\n");
        let upstream = events(data.as_bytes());
        let document = chunk(&upstream[0]);
        let said = document.fields.iter().find(|field| field.text == "hm").expect("it is read");
        let lane = said.lane.expect("a lane");
        let mut seen = envelope();
        seen.observe(&document.facts);
        let held = events(&delta_event(CHAT, &seen, lane, "held \"back\"").expect("it is written"));
        let own = chunk(&held[0]);
        let found = own.fields.iter().find(|field| field.text == "held \"back\"");
        assert_eq!(found.and_then(|field| field.lane), Some(lane), "{delta}");
    }
    let data = "data: {\"choices\":[{\"index\":0,\"delta\":{\"a name with spaces\":\"hm\"}}]}\n\n";
    let upstream = events(data.as_bytes());
    let document = chunk(&upstream[0]);
    let mut seen = envelope();
    seen.observe(&document.facts);
    let said = document.fields.iter().find(|field| field.text == "hm").expect("it is read");
    let lane = said.lane.expect("a lane");
    assert_eq!(delta_event(CHAT, &seen, lane, "x"), None, "what is not shown is not written");
}

#[test]
fn legacy_completions_are_held_and_stopped_in_their_own_shape() {
    let read = |event: &StreamPart| {
        let read = read_stream_event(
            Operation::Completions,
            event,
            UnknownFields::Scan,
            &ReadLimits::default(),
        );
        match read.expect("an event") {
            StreamEvent::Chunk(document) => (
                document.fields.iter().map(|f| (f.lane, f.text.clone().into_owned())).collect(),
                document.facts.finished.iter().map(|f| f.reason.clone().into_owned()).collect(),
            ),
            other => panic!("not a chunk: {other:?}"),
        }
    };
    let lane = Lane { choice: 3, channel: Channel::Content };
    let held = delta_event(Operation::Completions, &envelope(), lane, "a \"b\"").expect("held");
    let (fields, finished): (Vec<_>, Vec<String>) = read(&events(&held)[0]);
    assert_eq!(fields, [(Some(lane), "a \"b\"".to_owned())]);
    assert!(finished.is_empty());
    let notice = Notice { code: "policy_block", message: "stopped", interaction: "int_1" };
    let choices = Choices { open: &[3], seen: &[1, 3] };
    let ending = events(&blocked_ending(Operation::Completions, &envelope(), choices, &notice));
    assert_eq!(ending.len(), 2);
    assert_eq!(read(&ending[0]).1, ["content_filter"]);
    let other = Lane { choice: 3, channel: Channel::Refusal };
    assert_eq!(delta_event(Operation::Completions, &envelope(), other, "x"), None);
}

#[test]
fn lanes_that_are_never_held_are_never_written() {
    for channel in
        [Channel::ToolName(0), Channel::CustomName(0), Channel::FunctionName, Channel::Other(1)]
    {
        let lane = Lane { choice: 0, channel };
        assert_eq!(delta_event(CHAT, &envelope(), lane, "x"), None);
    }
    let lane = Lane { choice: 0, channel: Channel::Content };
    assert_eq!(delta_event(Operation::Embeddings, &envelope(), lane, "x"), None);
}

#[test]
fn a_blocked_stream_ends_as_the_dialect_ends() {
    let notice = Notice { code: "policy_block", message: "stopped: \"x\"", interaction: "int_1" };
    let events = events(&blocked_ending(
        CHAT,
        &envelope(),
        Choices { open: &[0, 2], seen: &[0, 1, 2] },
        &notice,
    ));
    assert_eq!(events.len(), 3);
    for (event, choice) in events.iter().zip([0, 2]) {
        let document = chunk(event);
        let finish = &document.facts.finished[0];
        assert_eq!((finish.choice, &*finish.reason), (choice, "content_filter"));
        assert_eq!(document.fields[0].text, "stopped: \"x\"");
        let lane = Lane { choice, channel: Channel::Refusal };
        assert_eq!(document.fields[0].lane, Some(lane));
        let json: serde_json::Value =
            serde_json::from_str(event.data().unwrap_or_default()).expect("JSON");
        assert_eq!(json["bartizan"]["code"], "policy_block");
        assert_eq!(json["bartizan"]["interaction"], "int_1");
    }
    assert!(matches!(read(&events[2]), StreamEvent::Done));
    assert!(
        blocked_ending(Operation::Embeddings, &envelope(), Choices::default(), &notice).is_empty()
    );
}

#[test]
fn an_error_without_a_param_says_null() {
    let shape = ErrorShape { message: "m", kind: "api_error", code: "c", ..ErrorShape::default() };
    assert_eq!(
        String::from_utf8_lossy(&error_body(Dialect::OpenAi, &shape)),
        r#"{"error":{"message":"m","type":"api_error","param":null,"code":"c"}}"#
    );
}

#[test]
fn events_are_told_apart() {
    for (bytes, is) in [
        ("data: [DONE]\n\n", "done"),
        ("data:  [DONE] \n\n", "done"),
        (": ping\n\n", "comment"),
        ("data: {\"choices\":[]}\n\n", "chunk"),
        ("data: {\"error\":{\"message\":\"m\"}}\n\n", "error"),
        ("data: {\"error\":\"m\"}\n\n", "error"),
        ("data: {\"error\":null}\n\n", "chunk"),
        ("data: {\"object\":\"error\",\"message\":\"m\"}\n\n", "error"),
        ("event: error\ndata: {\"message\":\"m\"}\n\n", "error"),
    ] {
        let events = events(bytes.as_bytes());
        let found = match read(&events[0]) {
            StreamEvent::Chunk(_) => "chunk",
            StreamEvent::Last(_) => "last",
            StreamEvent::Done => "done",
            StreamEvent::Error(_) => "error",
            StreamEvent::Comment => "comment",
        };
        assert_eq!(found, is, "{bytes}");
    }
}

#[test]
fn garbage_in_a_stream_is_an_error() {
    for bytes in ["data: [DONE] more\n\n", "data: \n\n", "data: hello\n\n", "data: {\n\n"] {
        let events = events(bytes.as_bytes());
        let limits = ReadLimits::default();
        assert!(
            read_stream_event(CHAT, &events[0], UnknownFields::Scan, &limits).is_err(),
            "{bytes}"
        );
    }
}

#[test]
fn an_edited_event_keeps_its_frame() {
    let bytes = "id: 7\r\ndata: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"a\\nb\"},\
                 \"logprobs\":{\"content\":[]}}]}\r\n\r\n";
    let events = events(bytes.as_bytes());
    let document = chunk(&events[0]);
    let unchanged = splice_event(&events[0], &document, &[], Echoes::OfEdited);
    assert_eq!(unchanged.as_deref(), Ok(bytes.as_bytes()));
    let edit = Edit::value(0, events::Span::new(1, 3), "\r\n");
    let changed = splice_event(&events[0], &document, &[edit], Echoes::OfEdited).expect("fits");
    assert_eq!(
        String::from_utf8_lossy(&changed),
        bytes.replace("a\\nb", "a\\r\\n").replace("{\"content\":[]}", "null")
    );
}

#[test]
fn data_on_several_lines_is_one_document() {
    let bytes = "data: {\"choices\":[{\"delta\":\ndata: {\"content\":\"ab\"}}]}\n\n";
    let events = events(bytes.as_bytes());
    let document = chunk(&events[0]);
    let edit = Edit::value(0, events::Span::new(0, 1), "x");
    let changed = splice_event(&events[0], &document, &[edit], Echoes::OfEdited).expect("fits");
    assert_eq!(String::from_utf8_lossy(&changed), bytes.replace("ab", "xb"));
}
