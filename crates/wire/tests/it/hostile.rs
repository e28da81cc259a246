//! Hostile bytes: an answer or an error, never a panic; and every limit.

use proptest::prelude::*;
use proptest::sample::Index;
use wire::{
    BODY_BYTES_MAX, Direction, Echoes, EventReader, Operation, ReadError, ReadLimits, StreamEvent,
    UnknownFields, plantings, read_request, read_response, read_stream_event, route, splice,
};

/// Reads bytes as every message there is.
fn read_everything(bytes: &[u8], unknown: UnknownFields) -> Result<(), TestCaseError> {
    let limits = ReadLimits { depth_max: 20, fields_max: 50, ..ReadLimits::default() };
    for operation in Operation::ALL {
        let request = read_request(operation, bytes, unknown, &limits);
        let response = read_response(operation, bytes, unknown, &limits);
        for document in [request, response].into_iter().flatten() {
            let unchanged = splice(&document, &[], Echoes::OfEdited);
            prop_assert_eq!(unchanged.as_deref(), Ok(document.source().as_bytes()));
            for index in 0..document.fields.len() {
                let field = &document.fields[index];
                prop_assert!(!field.text.is_empty());
                prop_assert!(document.source().get(field.source.clone()).is_some());
                prop_assert!(document.path(index).len() <= 256);
            }
            prop_assert!(document.unknown().len() + document.unscanned().len() <= 128);
        }
    }
    let mut reader = EventReader::default();
    reader.push(bytes);
    reader.push(b"\n\n");
    while let Some(event) = reader.next_event() {
        let Ok(event) = event.map(wire::StreamPart::from) else { break };
        if let Ok(StreamEvent::Chunk(document) | StreamEvent::Error(document)) =
            read_stream_event(Operation::ChatCompletions, &event, unknown, &limits)
        {
            let all = splice(&document, &[], Echoes::All);
            prop_assert!(
                all.is_ok_and(|data| serde_json::from_slice::<serde_json::Value>(&data).is_ok())
            );
        }
    }
    Ok(())
}

/// Messages of every kind, to be broken.
fn messages() -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    for operation in Operation::ALL {
        for direction in Direction::ALL {
            messages.extend(
                plantings(operation, direction, "a\n\u{1f600}").into_iter().map(|p| p.message),
            );
        }
    }
    messages
}

proptest! {
    #![proptest_config(crate::config())]

    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        read_everything(&bytes, UnknownFields::Scan)?;
    }

    #[test]
    fn broken_messages_are_read_without_panic(
        which in any::<Index>(),
        breaks in prop::collection::vec((any::<Index>(), 0..3_u8, any::<Index>()), 0..6),
        strict in any::<bool>(),
    ) {
        const WITH: &[&[u8]] = &[
            b"\"", b"\\", b"{", b"}", b"[", b"]", b":", b",", b"0", b"null", b"\\ud800", b"\xff", b" ",
            b"data:", b"\n", b"1e5", b"true", b"\"a\":1,",
        ];
        thread_local!(static MESSAGES: Vec<Vec<u8>> = messages());
        let mut bytes = MESSAGES.with(|messages| which.get(messages).clone());
        for (at, kind, with) in breaks {
            let at = at.index(bytes.len() + 1);
            let end = if kind == 0 { at } else { (at + 1).min(bytes.len()) };
            let with = if kind == 2 { &b""[..] } else { *with.get(WITH) };
            bytes.splice(at..end, with.iter().copied());
        }
        read_everything(&bytes, if strict { UnknownFields::Refuse } else { UnknownFields::Scan })?;
    }

    #[test]
    fn any_request_line_is_routed_without_panic(method in ".{0,8}", path in "(/v1/(models/)?)?.{0,40}") {
        let _ = route(&method, &path);
    }
}

fn chat(bytes: &[u8], limits: &ReadLimits) -> Option<ReadError> {
    read_request(Operation::ChatCompletions, bytes, UnknownFields::Scan, limits).err()
}

#[test]
fn every_limit_is_refused_by_name() {
    let limits = ReadLimits {
        body_bytes_max: 200,
        depth_max: 4,
        values_max: 20,
        fields_max: 3,
        key_bytes_max: 8,
        object_keys_max: 5,
        number_bytes_max: 6,
        members_max: 2,
        takes_inner_media: false,
    };
    let limit = |of, max| Some(ReadError::Limit { of, max });
    for (message, error) in [
        (
            format!("{{\"user\":\"{}\"}}", "a".repeat(190)),
            Some(ReadError::TooLarge { bytes_max: 200 }),
        ),
        (format!("{{\"user\":\"{}\"}}", "a".repeat(189)), None),
        ("{\"x\":[[[]]]}".to_owned(), None),
        ("{\"x\":[[[[]]]]}".to_owned(), limit("levels of nesting", 4)),
        (format!("{{\"stop\":[{}null]}}", "null,".repeat(17)), None),
        (format!("{{\"stop\":[{}null]}}", "null,".repeat(18)), limit("values", 20)),
        ("{\"stop\":[\"a\",\"b\",\"c\"]}".to_owned(), None),
        ("{\"stop\":[\"a\",\"b\",\"c\",\"d\"]}".to_owned(), limit("pieces of text", 3)),
        ("{\"abcdefgh\":0}".to_owned(), None),
        ("{\"abcdefghi\":0}".to_owned(), limit("bytes in a key", 8)),
        ("{\"n\":1,\"stop\":null,\"seed\":1,\"user\":null,\"top_p\":1}".to_owned(), None),
        (
            "{\"n\":1,\"stop\":null,\"seed\":1,\"user\":null,\"top_p\":1,\"top_k\":1}".to_owned(),
            limit("keys in an object", 5),
        ),
        ("{\"seed\":123456}".to_owned(), None),
        ("{\"seed\":1234567}".to_owned(), limit("bytes in a number", 6)),
    ] {
        assert_eq!(chat(message.as_bytes(), &limits), error, "{message}");
    }
    let few = ReadLimits { members_max: 2, ..ReadLimits::default() };
    let batch = |count: usize| {
        let one = r#"{"custom_id":"a","params":{"model":"m","messages":[]}}"#;
        let batch = format!("{{\"requests\":[{}]}}", vec![one; count].join(","));
        let operation = Operation::MessageBatchCreate;
        read_request(operation, batch.as_bytes(), UnknownFields::Refuse, &few).err()
    };
    assert_eq!((batch(2), batch(3)), (None, limit("messages in one file or batch", 2)));
    let limits = ReadLimits { fields_max: 3, ..ReadLimits::default() };
    for member in ["\"logprobs\":1", "\"finish_reason\":\"stop\""] {
        let answer = |choices: usize| {
            let choices = vec![format!("{{{member}}}"); choices].join(",");
            let answer = format!("{{\"choices\":[{choices}]}}");
            let read = read_response(
                Operation::ChatCompletions,
                answer.as_bytes(),
                UnknownFields::Scan,
                &limits,
            );
            read.err()
        };
        assert_eq!((answer(3), answer(4)), (None, limit("pieces of text", 3)), "{member}");
    }
    assert_eq!(ReadError::TooLarge { bytes_max: 1 }.status(), 413);
    let large = vec![b' '; BODY_BYTES_MAX + 1];
    assert!(matches!(chat(&large, &ReadLimits::default()), Some(ReadError::TooLarge { .. })));
}

#[test]
fn faults_are_named_with_their_place() {
    let limits = ReadLimits::default();
    for (message, code, param) in [
        (&b"{\"user\":\"\xff\"}"[..], "invalid_utf8", None),
        (b"\xef\xbb\xbf{}", "invalid_json", None),
        (b"{} x", "invalid_json", None),
        (b"{\"user\":\"\\ud800\"}", "invalid_json", None),
        (b"[]", "invalid_body", None),
        (b"\"x\"", "invalid_body", None),
        (b"{\"user\":\"a\",\"us\\u0065r\":\"b\"}", "duplicate_key", Some("*")),
        (
            b"{\"messages\":[{\"role\":\"user\",\"role\":\"tool\"}]}",
            "duplicate_key",
            Some("messages[0].role"),
        ),
        (b"{\"messages\":[{},{\"role\":\"boss\"}]}", "invalid_value", Some("messages[1].role")),
        (b"{\"temperature\":\"hot\"}", "invalid_value", Some("temperature")),
        (b"{\"n\":1.0}", "invalid_value", Some("n")),
        (b"{\"chat_template\":\"{{x}}\"}", "field_denied", Some("chat_template")),
        (b"{\"Messages\":[]}", "field_denied", Some("Messages")),
        (b"{\"messages\":[{\"CONTENT\":\"x\"}]}", "field_denied", Some("messages[0].CONTENT")),
        ("{\"me\u{17f}\u{17f}ages\":[]}".as_bytes(), "field_denied", Some("*")),
        (
            b"{\"messages\":[{\"content\":[{\"image_url\":{\"url\":\"file:///etc/passwd\"}}]}]}",
            "invalid_value",
            Some("messages[0].content[0].image_url.url"),
        ),
    ] {
        let error = chat(message, &limits).unwrap_or_else(|| panic!("{message:?} was read"));
        assert_eq!((error.code(), error.param()), (code, param), "{error}");
        assert_eq!(error.status(), 400);
    }
    let strict = read_request(
        Operation::ChatCompletions,
        b"{\"messages\":[{\"x_new\":{\"a\":\"b\"}}]}",
        UnknownFields::Refuse,
        &limits,
    );
    let error = strict.err().map(|error| (error.code(), error.param().map(str::to_owned)));
    assert_eq!(error, Some(("unknown_field", Some("messages[0].x_new".to_owned()))));
    let body = read_request(Operation::ModelList, b"{}", UnknownFields::Scan, &limits);
    assert_eq!(body.err(), Some(ReadError::WrongBody { expected: "empty" }));
    assert!(read_request(Operation::ModelList, b"", UnknownFields::Scan, &limits).is_ok());
}

#[test]
fn records_are_not_a_copy_of_a_hostile_message() {
    let unknown: Vec<String> = (0..1000).map(|index| format!("\"k{index}\":0,")).collect();
    let unknown = unknown.concat();
    let vectors = "[1],".repeat(1000);
    let limits = ReadLimits::default();
    let message = format!("{{{unknown}\"input\":[{vectors}[1]]}}");
    let document =
        read_request(Operation::Embeddings, message.as_bytes(), UnknownFields::Scan, &limits)
            .expect("a request");
    assert_eq!((document.unknown().len(), document.unscanned().len()), (64, 64));
    let tokens = format!("{{\"input\":[{}1]}}", "1,".repeat(1000));
    let document =
        read_request(Operation::Embeddings, tokens.as_bytes(), UnknownFields::Refuse, &limits)
            .expect("a request");
    let unscanned = document.unscanned();
    assert_eq!(unscanned.len(), 1, "once, not once per token");
    assert_eq!(unscanned[0].path, "input[0]");
}
