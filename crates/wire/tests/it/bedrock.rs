//! Bedrock's Converse dialect: frames under every cut and broken in every way, and what events say.

use events::{Provenance, TokenUsage};
use proptest::prelude::*;
use serde_json::{Value, json};
use wire::{
    Channel, Choices, Dialect, Echoes, Edit, Envelope, ErrorShape, EventFrame, FrameError,
    FrameKind, FrameReader, Framing, HEADERS_BYTES_MAX, HEADERS_MAX, Lane, Notice, Operation,
    ReadError, ReadLimits, StreamEvent, StreamPart, StreamReader, UnknownFields, blocked_ending,
    delta_event, error_event, read_request, read_response, read_stream_event, splice_event,
};

/// CRC-32 (ISO 3309), bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let mut sum = !0_u32;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 };
        }
    }
    !sum
}

/// A frame around headers as they are written.
fn around(headers: &[u8], payload: &[u8]) -> Vec<u8> {
    let length = (16 + headers.len() + payload.len()) as u32;
    let mut frame = [length.to_be_bytes(), (headers.len() as u32).to_be_bytes()].concat();
    frame.extend(crc32(&frame).to_be_bytes());
    frame.extend(headers);
    frame.extend(payload);
    frame.extend(crc32(&frame).to_be_bytes());
    frame
}

fn header(name: &str, value: &str) -> Vec<u8> {
    let mut bytes = vec![name.len() as u8];
    bytes.extend(name.as_bytes());
    bytes.push(7);
    bytes.extend((value.len() as u16).to_be_bytes());
    bytes.extend(value.as_bytes());
    bytes
}

fn headers(kind: &str, name: &str) -> Vec<u8> {
    let of_type = if kind == "event" { ":event-type" } else { ":exception-type" };
    [
        header(of_type, name),
        header(":content-type", "application/json"),
        header(":message-type", kind),
    ]
    .concat()
}

fn event(name: &str, payload: &Value) -> Vec<u8> {
    around(&headers("event", name), payload.to_string().as_bytes())
}

/// Everything a reader says about a stream given in pieces, and what it leaves.
fn frames_of(pieces: &[&[u8]], limit: usize) -> (Vec<Result<EventFrame, FrameError>>, Vec<u8>) {
    let mut reader = FrameReader::new(limit);
    let mut frames = Vec::new();
    for piece in pieces {
        reader.push(piece);
        while let Some(frame) = reader.next_frame() {
            frames.push(frame);
        }
    }
    (frames, reader.finish())
}

fn cut<'b>(bytes: &'b [u8], cuts: &[prop::sample::Index]) -> Vec<&'b [u8]> {
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    at.extend([0, bytes.len()]);
    at.sort_unstable();
    at.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

/// Frames, now and then broken, and bytes that are none.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let frame = ("[a-zA-Z]{1,20}", ".{0,40}", any::<bool>()).prop_map(|(name, text, is_event)| {
        let kind = if is_event { "event" } else { "exception" };
        around(&headers(kind, &name), json!({ "text": text }).to_string().as_bytes())
    });
    let broken = (frame.clone(), any::<prop::sample::Index>(), any::<u8>()).prop_map(
        |(mut frame, at, byte)| {
            let at = at.index(frame.len());
            frame[at] = byte;
            frame
        },
    );
    let piece = prop_oneof![
        8 => frame,
        1 => broken,
        1 => prop::collection::vec(any::<u8>(), 0..20),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(crate::config())]

    #[test]
    fn frames_do_not_depend_on_the_cuts(
        bytes in stream(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        limit in prop_oneof![Just(1 << 20), 1..200_usize],
    ) {
        let whole = frames_of(&[&bytes], limit);
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        prop_assert_eq!(&frames_of(&cut(&bytes, &cuts), limit), &whole);
        prop_assert_eq!(&frames_of(&single, limit), &whole);
        let (frames, rest) = whole;
        if frames.iter().all(Result::is_ok) {
            let mut joined: Vec<u8> =
                frames.iter().flatten().flat_map(|frame| frame.raw().to_vec()).collect();
            joined.extend(rest);
            prop_assert_eq!(joined, bytes, "no byte is lost or made up");
        }
    }

    #[test]
    fn one_wrong_bit_is_noticed(text in ".{0,60}", at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let good = event("contentBlockDelta", &json!({ "delta": { "text": text } }));
        let mut bad = good.clone();
        let at = at.index(good.len());
        bad[at] ^= 1 << bit;
        let (frames, _) = frames_of(&[&bad], 1 << 20);
        prop_assert!(!matches!(frames.first(), Some(Ok(_))), "{at}");
    }
}

#[test]
fn frames_that_are_wrong_are_errors() {
    let good = headers("event", "messageStop");
    let twice = [good.clone(), header(":event-type", "messageStart")].concat();
    let both = [good.clone(), header(":exception-type", "validationException")].concat();
    let many: Vec<u8> =
        (0..=HEADERS_MAX).flat_map(|number| header(&format!("h{number}"), "v")).collect();
    let mut unknown_type = good.clone();
    unknown_type.extend(b"\x01x\x0a");
    let mut cut_short = good.clone();
    cut_short.extend(b"\x05abc");
    let mut cut_value = good.clone();
    cut_value.extend(b"\x01x\x07\x00\x09abc");
    let mut nameless = good.clone();
    nameless.extend(b"\x00\x00");
    let mut no_text = good.clone();
    no_text.extend(b"\x01x\x07\x00\x01\xff");
    for (what, frame) in [
        ("a header twice", around(&twice, b"{}")),
        ("two types", around(&both, b"{}")),
        ("no message type", around(&header(":event-type", "messageStop"), b"{}")),
        ("no type", around(&header(":message-type", "event"), b"{}")),
        ("an unknown message type", around(&headers("command", "x"), b"{}")),
        ("a type that is a sentence", around(&headers("event", "call me at home"), b"{}")),
        ("an unknown header type", around(&unknown_type, b"{}")),
        ("a header cut short", around(&cut_short, b"{}")),
        ("a value cut short", around(&cut_value, b"{}")),
        ("a header without a name", around(&nameless, b"{}")),
        ("a header that is no text", around(&no_text, b"{}")),
        ("too many headers", around(&[good.clone(), many].concat(), b"{}")),
        ("a payload that is no text", around(&good, b"\"\xff\"")),
    ] {
        let (frames, _) = frames_of(&[&frame], 1 << 20);
        assert!(
            matches!(frames.as_slice(), [Err(FrameError::Malformed { .. })]),
            "{what}: {frames:?}"
        );
    }
    // Lengths that lie, with a checksum that is right.
    let lying = |length: u32, headers: u32| {
        let mut frame = [length.to_be_bytes(), headers.to_be_bytes()].concat();
        frame.extend(crc32(&frame).to_be_bytes());
        frame
    };
    for (length, headers) in [(0, 0), (15, 0), (16, 1), (100, 90), (100, u32::MAX)] {
        let (frames, rest) = frames_of(&[&lying(length, headers), b"more"], 1 << 20);
        assert!(matches!(frames.as_slice(), [Err(_)]) && rest.is_empty(), "{length} {headers}");
    }
    let (frames, _) = frames_of(&[&lying(1 << 20, 64)], (1 << 20) - 1);
    assert_eq!(frames, [Err(FrameError::TooLarge { bytes_max: (1 << 20) - 1 })]);
    let (frames, _) = frames_of(&[&lying(1 << 20, HEADERS_BYTES_MAX as u32 + 1)], 1 << 20);
    assert_eq!(frames, [Err(FrameError::TooLarge { bytes_max: HEADERS_BYTES_MAX })]);
    let mut frame = event("messageStop", &json!({}));
    let length = frame.len();
    assert_eq!(frames_of(&[&frame], length).0.len(), 1, "a frame at the limit");
    assert!(frames_of(&[&frame], length - 1).0[0].is_err(), "and one beyond");
    frame.truncate(length - 1);
    let (frames, rest) = frames_of(&[&frame], length);
    assert!(frames.is_empty() && rest == frame, "what is not finished is left");
}

fn part(bytes: &[u8]) -> StreamPart {
    let mut reader = StreamReader::new(Framing::Frames, 1 << 20);
    reader.push(bytes);
    let part = reader.next_event().expect("a frame").expect("a good one");
    assert!(reader.is_between_events());
    part
}

fn read(part: &StreamPart) -> StreamEvent<'_> {
    let limits = ReadLimits::default();
    read_stream_event(Operation::ConverseStream, part, UnknownFields::Refuse, &limits)
        .expect("an event of the reference")
}

#[test]
fn headers_that_could_carry_text_are_not_forwarded() {
    let noted = [headers("event", "messageStart"), header("note", "call me at home")].concat();
    let payload = br#"{"role":"assistant"}"#;
    let clean = around(&headers("event", "messageStart"), payload);
    assert_eq!(&*part(&around(&noted, payload)).frame(), clean);
    assert_eq!(&*part(&clean).frame(), clean, "byte for byte");
}

#[test]
fn events_say_what_their_headers_call_them() {
    let facts = |bytes: &[u8]| match read(&part(bytes)) {
        StreamEvent::Chunk(document) => {
            let facts = &document.facts;
            let finished: Vec<u32> = facts.finished.iter().map(|finish| finish.choice).collect();
            (facts.opens, facts.begun, finished, facts.closes)
        }
        other => panic!("{other:?}"),
    };
    let index = |name: &str| event(name, &json!({ "contentBlockIndex": 2, "p": "abc" }));
    assert_eq!(
        facts(&event("messageStart", &json!({ "role": "assistant" }))),
        (true, None, vec![], false)
    );
    assert_eq!(facts(&index("contentBlockStart")), (false, Some(2), vec![], false));
    assert_eq!(facts(&index("contentBlockDelta")), (false, None, vec![], false));
    assert_eq!(facts(&index("contentBlockStop")), (false, None, vec![2], false));
    assert_eq!(
        facts(&event("messageStop", &json!({ "stopReason": "end_turn" }))),
        (false, None, vec![], true)
    );
    let told = part(&event(
        "metadata",
        &json!({ "usage": { "inputTokens": 3, "outputTokens": 4, "totalTokens": 9,
            "cacheReadInputTokens": 2, "cacheDetails": [{ "ttl": "5m", "inputTokens": 2 }] },
            "metrics": { "latencyMs": 5 } }),
    ));
    let StreamEvent::Chunk(document) = read(&told) else { panic!("no chunk") };
    assert_eq!(document.facts.usage, Some(TokenUsage { input: 5, output: 4 }));
    let failed = around(&headers("exception", "throttlingException"), br#"{"message":"slow"}"#);
    assert!(matches!(read(&part(&failed)), StreamEvent::Error(_)));
    let silent = around(&headers("exception", "throttlingException"), b"{}");
    assert!(matches!(read(&part(&silent)), StreamEvent::Error(_)));
    // What it says stands in headers that nobody reads.
    let error = [header(":message-type", "error"), header(":error-message", "ann@example.org")];
    let error = part(&around(&error.concat(), b""));
    let limits = ReadLimits::default();
    let read = read_stream_event(Operation::ConverseStream, &error, UnknownFields::Scan, &limits);
    assert!(matches!(read, Err(ReadError::WrongBody { .. })), "{read:?}");
}

#[test]
fn blocks_are_lanes_of_their_own_and_are_edited_in_their_frames() {
    let lane = |choice, channel| Some(Lane { choice, channel });
    for (delta, channel) in [
        (json!({ "text": "ab" }), Channel::Content),
        (json!({ "reasoningContent": { "text": "ab" } }), Channel::Reasoning),
        (json!({ "toolUse": { "input": "ab" } }), Channel::ToolArguments(0)),
    ] {
        let said = json!({ "contentBlockIndex": 3, "delta": delta, "p": "abcdef" });
        let part = part(&event("contentBlockDelta", &said));
        let StreamEvent::Chunk(document) = read(&part) else { panic!("no chunk") };
        assert_eq!(document.fields.len(), 1);
        assert_eq!(document.fields[0].lane, lane(3, channel));
        let edit = Edit::verbatim(0, events::Span::new(0, 1), "x");
        let changed = splice_event(&part, &document, &[edit], Echoes::All).expect("fits");
        let changed = self::part(&changed);
        let data: Value = serde_json::from_str(changed.data().expect("data")).expect("JSON");
        let expected: Value =
            serde_json::from_str(&said.to_string().replace("\"ab\"", "\"xb\"")).expect("JSON");
        assert_eq!((changed.name(), data), (Some("contentBlockDelta"), expected));
        // And what we say ourselves is read as the same lane.
        let own = Lane { choice: 3, channel };
        let event = delta_event(Operation::ConverseStream, &Envelope::default(), own, "a\"b");
        let part = self::part(&event.expect("a lane that is held"));
        let StreamEvent::Chunk(document) = read(&part) else { panic!("no chunk") };
        assert_eq!((document.fields[0].lane, &*document.fields[0].text), (Some(own), "a\"b"));
    }
}

#[test]
fn what_we_say_ourselves_is_read_as_it_was_meant() {
    let notice = Notice { code: "policy_block", message: "no", interaction: "int_1" };
    let choices = Choices { open: &[0, 2], seen: &[0, 1, 2] };
    let ending = blocked_ending(Operation::ConverseStream, &Envelope::default(), choices, &notice);
    let (frames, rest) = frames_of(&[&ending], 1 << 20);
    let names: Vec<&str> = frames.iter().flatten().map(EventFrame::name).collect();
    assert!(rest.is_empty());
    assert_eq!(
        names,
        ["messageStart", "contentBlockStop", "contentBlockStop", "messageStop", "metadata"]
    );
    let stop: Value =
        serde_json::from_str(frames.iter().flatten().nth(3).expect("five frames").payload())
            .expect("JSON");
    assert_eq!(stop["stopReason"], "guardrail_intervened");
    let about = &stop["additionalModelResponseFields"]["bartizan"];
    assert_eq!((&about["code"], &about["interaction"]), (&json!("policy_block"), &json!("int_1")));
    let shape = ErrorShape { code: "c", message: "m", ..ErrorShape::default() };
    let (frames, _) = frames_of(&[&error_event(Dialect::Bedrock, &shape)], 1 << 20);
    assert_eq!(
        frames.iter().flatten().map(EventFrame::kind).collect::<Vec<_>>(),
        [FrameKind::Exception]
    );
}

#[test]
fn a_request_is_read_with_its_provenances() {
    let body = json!({
        "messages": [
            { "role": "user", "content": [{ "text": "look" },
                { "document": { "source": { "bytes": "JVBERi0=" }, "format": "pdf", "name": "cv" } },
                { "searchResult": { "source": "s", "title": "t", "content": [{ "text": "found" }],
                    "citations": { "enabled": true } } }] },
            { "content": [{ "reasoningContent": { "reasoningText": { "text": "hm", "signature": "AAAA" } } },
                { "toolUse": { "toolUseId": "t_1", "name": "f", "input": { "who": "anna" } } }],
              "role": "assistant" },
            { "role": "user", "content": [{ "toolResult": { "toolUseId": "t_1", "status": "success",
                "content": [{ "json": { "found": ["ben"] } }, { "text": "done" }] } },
                { "cachePoint": { "type": "default" } }] }],
        "system": [{ "text": "be kind" }, { "cachePoint": { "type": "default", "ttl": "5m" } }],
        "toolConfig": { "tools": [{ "toolSpec": { "name": "f", "description": "finds",
            "inputSchema": { "json": { "type": "object" } } } }], "toolChoice": { "auto": {} } },
        "inferenceConfig": { "maxTokens": 9, "stopSequences": ["END"] },
        "promptVariables": { "name": { "text": "carl" } },
        "requestMetadata": { "team": "red" },
        "additionalModelRequestFields": { "top_k": 5, "tools": [{ "name": "computer" }] },
    })
    .to_string();
    let limits = ReadLimits::default();
    let document =
        read_request(Operation::Converse, body.as_bytes(), UnknownFields::Refuse, &limits)
            .expect("a request");
    let seen: Vec<(&str, Provenance)> =
        document.fields.iter().map(|field| (&*field.text, field.provenance)).collect();
    for expected in [
        ("look", Provenance::User),
        ("cv", Provenance::File),
        ("found", Provenance::Retrieved),
        ("hm", Provenance::Assistant),
        ("anna", Provenance::ToolCall),
        ("ben", Provenance::ToolResult),
        ("done", Provenance::ToolResult),
        ("be kind", Provenance::System),
        ("finds", Provenance::ToolDefinition),
        ("END", Provenance::User),
        ("name", Provenance::User),
        ("carl", Provenance::User),
        ("team", Provenance::User),
        ("red", Provenance::User),
    ] {
        assert!(seen.contains(&expected), "{expected:?}: {seen:?}");
    }
    let files: Vec<_> =
        document.files.iter().map(|file| (file.declared(), file.base64())).collect();
    assert_eq!(files, [("pdf", "JVBERi0=")]);
    assert_eq!(document.facts.output_tokens_max, Some(9));
    let mut tools = document.facts.tools.clone();
    tools.sort();
    assert_eq!(tools, ["computer", "f"]);
    for stored in ["document", "image", "video", "audio"] {
        let source = json!({ "s3Location": { "uri": "s3://bucket/key" } });
        let content = json!([{ stored: { "format": "pdf", "source": source } }]);
        let body = json!({ "messages": [{ "role": "user", "content": content }] }).to_string();
        let read = read_request(Operation::Converse, body.as_bytes(), UnknownFields::Scan, &limits);
        assert!(matches!(read, Err(ReadError::Denied { .. })), "{stored}");
    }
}

#[test]
fn what_goes_on_to_the_model_in_its_own_words_counts_like_any_other() {
    let none: &[&str] = &[];
    for (additional, tools, most, is_known) in [
        (
            json!({ "top_k": 5, "thinking": { "type": "enabled", "budget_tokens": 2 } }),
            none,
            9,
            true,
        ),
        (json!({ "max_tokens": 70 }), none, 70, true),
        (json!({ "inferenceConfig": { "maxTokens": 70 } }), none, 70, true),
        (json!({ "max_tokens": 3 }), none, 9, true),
        (
            json!({ "tools": [{ "type": "computer_20250124", "name": "computer" }] }),
            &["computer"],
            9,
            true,
        ),
        (json!({ "tools": [{ "function": { "name": "f" } }] }), &["f"], 9, true),
        (json!({ "tools": [{ "type": "nameless_2027" }] }), &[""], 9, true),
        (
            json!({ "tools": [{ "name": "f", "description": "finds", "input_schema": { "tools": {} } }] }),
            &["f"],
            9,
            true,
        ),
        (json!({ "tools": [{ "name": "f", "shell": { "a": 1 } }] }), &["f", "shell"], 9, false),
        (
            json!({ "tools": [{ "function": { "name": "f", "shell": "x" } }] }),
            &["f", "shell"],
            9,
            false,
        ),
        (json!({ "tools": ["shell"] }), &["tools"], 9, false),
        // Members that nobody has told us of.
        (
            json!({ "system": "be rude", "messages": [{ "role": "user", "content": "hi" }] }),
            none,
            9,
            false,
        ),
        (json!({ "max_gen_len": 70 }), none, 70, false),
        (json!({ "max_gen_len": 7 }), none, 9, false),
        (json!({ "max_gen_len": -70 }), none, 9, false),
        (json!({ "max_total_tokens": 70, "maxContextTokens": 70 }), none, 9, false),
        (json!({ "deep": { "maxNewTokens": 70.5 } }), none, 71, false),
        (json!({ "max_new_tokens": 1e99 }), none, u64::MAX, false),
        (json!({ "max_input_tokens": 70 }), none, 9, false),
        (json!({ "my_tools": [{ "name": "f" }] }), &["my_tools"], 9, false),
        (json!({ "deep": { "functionDeclarations": [{}] } }), &["functionDeclarations"], 9, false),
        (json!({ "deep": { "functionDeclarations": [ ] } }), none, 9, false),
        (json!({ "my_tools": null, "use_tools": false }), none, 9, false),
        (json!({ "use_tools": true }), &["use_tools"], 9, false),
        (json!({ "disable_tool_validation": true }), none, 9, false),
        (
            json!({ "disable_tool_validation": [{ "name": "f" }] }),
            &["disable_tool_validation"],
            9,
            false,
        ),
        (json!({ "tools": "search" }), &["tools"], 9, false),
    ] {
        let body = json!({
            "messages": [{ "role": "user", "content": [{ "text": "look" }] }],
            "inferenceConfig": { "maxTokens": 9 },
            "additionalModelRequestFields": additional,
        })
        .to_string();
        let read = |unknown| {
            read_request(Operation::Converse, body.as_bytes(), unknown, &ReadLimits::default())
        };
        let document = read(UnknownFields::Scan).unwrap_or_else(|error| panic!("{error}: {body}"));
        assert_eq!(document.facts.tools, tools, "{body}");
        assert_eq!(document.facts.answer_tokens_max(1), most, "{body}");
        assert_eq!(read(UnknownFields::Refuse).is_ok(), is_known, "{body}");
        let texts: Vec<&str> = document.fields.iter().map(|field| &*field.text).collect();
        for text in ["be rude", "hi"].iter().filter(|text| body.contains(&format!("\"{text}\""))) {
            assert!(texts.contains(text), "{texts:?}");
        }
    }
}

#[test]
fn an_answers_blocks_are_lanes() {
    let body = json!({
        "output": { "message": { "role": "assistant", "content": [
            { "reasoningContent": { "reasoningText": { "text": "hm", "signature": "AAAA" } } },
            { "text": "hello" },
            { "toolUse": { "toolUseId": "t_1", "name": "f", "input": { "who": "anna" } } }] } },
        "stopReason": "tool_use", "usage": { "inputTokens": 1, "outputTokens": 2, "totalTokens": 3 },
        "metrics": { "latencyMs": 5 }, "trace": { "guardrail": { "modelOutput": ["anna"] } },
    })
    .to_string();
    let limits = ReadLimits::default();
    let document =
        read_response(Operation::Converse, body.as_bytes(), UnknownFields::Refuse, &limits)
            .expect("an answer");
    let lanes: Vec<(u32, Channel, &str)> = document
        .fields
        .iter()
        .filter_map(|field| Some((field.lane?.choice, field.lane?.channel, &*field.text)))
        .filter(|(_, channel, _)| !matches!(channel, Channel::Other(_)))
        .collect();
    assert_eq!(
        lanes,
        [
            (0, Channel::Reasoning, "hm"),
            (1, Channel::Content, "hello"),
            (2, Channel::ToolName(0), "f"),
        ]
    );
    assert_eq!(document.fields.iter().filter(|field| field.text == "anna").count(), 2);
}
