//! Forms: read as the object that says the same, changed in place, and refused where readers of them disagree.

use events::Span;
use proptest::prelude::*;
use serde_json::{Value, json};
use wire::{
    Edit, FORM_BOUNDARY_BYTES_MAX, FORM_HEAD_BYTES_MAX, FORM_PARTS_MAX, Form, Operation, ReadError,
    ReadLimits, SpliceError, UnknownFields, boundary_of, form_content_type, read_request,
};

const BOUNDARY: &str = "----formdata-undici-052";
const OPERATION: Operation = Operation::AudioTranscriptions;

fn read(body: &[u8]) -> Result<Form, ReadError> {
    Form::read(OPERATION, BOUNDARY, body, &ReadLimits::default())
}

fn object(form: &Form) -> Value {
    serde_json::from_str(form.json()).expect("JSON")
}

/// A form of these parts: what its disposition says after `form-data`, and what is in it.
fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (disposition, content) in parts {
        let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {disposition}\r\n\r\n");
        body.extend([head.as_bytes(), content, b"\r\n"].concat());
    }
    body.extend(format!("--{BOUNDARY}--\r\n").into_bytes());
    body
}

#[test]
fn a_form_is_the_object_that_says_the_same() {
    let body = form(&[
        ("name=\"model\"", b"whisper-1"),
        ("name=\"file\"; filename=\"caf\u{e9}.wav\"", b"RIFF\x00\xff\r\n--not it"),
        ("name=\"temperature\"", b"0.2"),
        ("name=\"stream\"", b"true"),
        ("name=\"prompt\"", b"12\r\n\"quoted\" \\ line"),
        ("name=\"timestamp_granularities[]\"", b"word"),
        ("name=\"chunking_strategy[type]\"", b"server_vad"),
        ("name=\"timestamp_granularities[]\"", b"segment"),
        ("name=\"chunking_strategy[threshold]\"", b"0.5"),
        ("name=\"x_note\"", b"7"),
        ("name=\"x[a][b]\"", b"deep"),
    ]);
    let form = read(&body).expect("a form");
    assert_eq!(
        object(&form),
        json!({
            "model": "whisper-1", "file": { "filename": "caf\u{e9}.wav" }, "temperature": 0.2,
            "stream": true, "prompt": "12\r\n\"quoted\" \\ line",
            "timestamp_granularities": ["word", "segment"],
            "chunking_strategy": { "type": "server_vad", "threshold": 0.5 },
            "x_note": "7", "x": { "a": { "b": "deep" } },
        })
    );
    let limits = ReadLimits::default();
    let document = read_request(OPERATION, form.json().as_bytes(), UnknownFields::Scan, &limits)
        .expect("a request");
    assert!(document.facts.stream && document.facts.model.as_deref() == Some("whisper-1"));
    assert_eq!(document.unknown(), ["x_note", "x"]);
    assert_eq!(document.unscanned()[0].path, "file");
    assert_eq!(form.splice(&body, &document, &[]).as_deref(), Ok(&*body), "no edit, no change");
    let strict = read_request(OPERATION, form.json().as_bytes(), UnknownFields::Refuse, &limits);
    assert!(matches!(strict, Err(ReadError::UnknownField { .. })));
}

#[test]
fn edits_go_back_into_their_parts() {
    let both = "name=file; filename=anna.wav; filename*=utf-8''anna.wav";
    let body =
        form(&[("name=\"prompt\"", b"I am Anna."), (both, b"\x00\xff"), ("name=\"model\"", b"m")]);
    let form_read = read(&body).expect("a form");
    let limits = ReadLimits::default();
    let document =
        read_request(OPERATION, form_read.json().as_bytes(), UnknownFields::Refuse, &limits)
            .expect("a request");
    let field =
        |text: &str| document.fields.iter().position(|field| field.text == text).expect(text);
    let edits = [
        Edit::value(field("I am Anna."), Span::new(5, 9), "[\"NAME\"]\r\n"),
        Edit::value(field("anna.wav"), Span::new(0, 4), "a\"\u{e9}"),
    ];
    let spliced = form_read.splice(&body, &document, &edits).expect("edits that fit");
    let changed = "name=file; filename=\"a%22\u{e9}.wav\"; filename*=UTF-8''a%2522%C3%A9.wav";
    let expected = form(&[
        ("name=\"prompt\"", b"I am [\"NAME\"]\r\n."),
        (changed, b"\x00\xff"),
        ("name=\"model\"", b"m"),
    ]);
    assert_eq!(String::from_utf8_lossy(&spliced), String::from_utf8_lossy(&expected));
    let inside = Edit::value(field("I am Anna."), Span::new(0, 0), format!("\r\n--{BOUNDARY}--"));
    assert_eq!(form_read.splice(&body, &document, &[inside]), Err(SpliceError::Boundary));
    let outside = Edit::value(field("I am Anna."), Span::new(5, 99), "x");
    assert!(matches!(
        form_read.splice(&body, &document, &[outside]),
        Err(SpliceError::BadSpan { .. })
    ));
}

#[test]
fn what_readers_of_forms_disagree_about_is_refused() {
    let good = String::from_utf8(form(&[("name=\"model\"", b"m")])).expect("text");
    let part = |head: &str, content: &str| {
        format!("--{BOUNDARY}\r\n{head}\r\n\r\n{content}\r\n--{BOUNDARY}--\r\n")
    };
    let named = "Content-Disposition: form-data; name=\"model\"";
    for body in [
        String::new(),
        "{}".to_owned(),
        "\r\n".to_owned() + &good,
        "a preamble\r\n".to_owned() + &good,
        good.clone() + "an epilogue",
        good.replace("\r\n", "\n"),
        good.replace("\r\n\r\n", "\n\n"),
        good.replace(&format!("--{BOUNDARY}--\r\n"), ""),
        good.replace(&format!("--{BOUNDARY}--\r\n"), &format!("--{BOUNDARY}- \r\n")),
        good.replace(&format!("--{BOUNDARY}\r\n"), &format!("--{BOUNDARY} \r\n")),
        good.replace(&format!("--{BOUNDARY}\r\n"), &format!("--{BOUNDARY}\r\n--{BOUNDARY}\r\n")),
        part(named, &format!("a\n--{BOUNDARY}\r\nb")),
        part(named, &format!("a --{BOUNDARY} b")),
        part(named, &format!("a\r--{BOUNDARY}--")),
        format!("--{BOUNDARY}"),
        part(named, &format!("a\r\n--{BOUNDARY}x\r\nb")),
        part("Content-Disposition: form-data; name=\"a b\"", "x"),
        part("Content-Disposition: form-data; name=\"a]\"", "x"),
        part("Content-Disposition: form-data; name=\"a[\"", "x"),
        part("Content-Disposition: form-data; name=\"[]\"", "x"),
        part("Content-Disposition: form-data; name=\"a[][b]\"", "x"),
        part("Content-Disposition: form-data; name=\"a[b][c][d]\"", "x"),
        part("Content-Disposition: form-data; name=\"_charset_\"", "utf-7"),
        part(&format!("{named}\r\nContent-Type: text/plain; charset=utf-16"), "x"),
        part("", "x"),
    ] {
        let read = read(body.as_bytes()).map(|form| form.json().to_owned());
        assert!(matches!(read, Err(ReadError::MalformedForm { .. })), "{body:?}: {read:?}");
    }
    let twice = [
        [("name=\"model\"", "a"), ("name=\"model\"", "b")],
        [("name=\"model\"", "a"), ("name=\"model[]\"", "b")],
        [("name=\"model[]\"", "a"), ("name=\"model[x]\"", "b")],
        [("name=\"model[x]\"", "a"), ("name=\"model\"", "b")],
    ];
    for parts in twice {
        let body = form(&parts.map(|(head, content)| (head, content.as_bytes())));
        assert!(matches!(read(&body), Err(ReadError::DuplicateKey { .. })), "{parts:?}");
    }
    for head in [
        "name=\"prompt\"; filename=\"a\"",
        "name=\"x_unknown\"; filename=\"a\"",
        "name=\"file[]\"; filename=\"a\"",
    ] {
        let read = read(&form(&[(head, b"unread")]));
        assert!(matches!(read, Err(ReadError::Denied { .. })), "{head}: {read:?}");
    }
    let read_bad = read(&form(&[("name=\"prompt\"", b"a\xff")]));
    assert!(matches!(read_bad, Err(ReadError::InvalidUtf8 { .. })));
    for operation in [Operation::ChatCompletions, Operation::AudioSpeech, Operation::ModelList] {
        let read = Form::read(operation, BOUNDARY, good.as_bytes(), &ReadLimits::default());
        assert!(matches!(read, Err(ReadError::WrongBody { .. })));
    }
    assert!(read(good.as_bytes()).is_ok() && read(good.trim_end().as_bytes()).is_ok());
}

#[test]
fn settings_of_the_wrong_form_are_refused() {
    let limits = ReadLimits::default();
    for (name, value) in [
        ("temperature", "warm"),
        ("temperature", " 1"),
        ("temperature", "0x1"),
        ("stream", "True"),
        ("stream", "1"),
        ("response_format", "tell him all"),
        ("model", "a model"),
    ] {
        let head = format!("name=\"{name}\"");
        let form = read(&form(&[(&head, value.as_bytes())])).expect("a form");
        let read = read_request(OPERATION, form.json().as_bytes(), UnknownFields::Scan, &limits);
        assert!(matches!(read, Err(ReadError::Violation { .. })), "{name}={value}: {read:?}");
    }
}

#[test]
fn boundaries_are_read_in_one_way_or_not_at_all() {
    let longest = "b".repeat(FORM_BOUNDARY_BYTES_MAX);
    for (content_type, expected) in [
        ("multipart/form-data; boundary=abc", Some("abc")),
        ("Multipart/Form-Data;boundary=\"a b\"", None),
        ("multipart/form-data; boundary=\"a:b/c\"", Some("a:b/c")),
        ("multipart/form-data; charset=utf-8; boundary=abc", Some("abc")),
        (&format!("multipart/form-data; boundary={longest}"), Some(&*longest)),
        (&format!("multipart/form-data; boundary={longest}b"), None),
        ("multipart/form-data", None),
        ("multipart/form-data; boundary=", None),
        ("multipart/form-data; boundary=\"", None),
        ("multipart/form-data; boundary=\"abc", None),
        ("multipart/form-data; boundary=a; boundary=b", None),
        ("multipart/form-data; boundary=a\"b", None),
        ("multipart/form-data; boundary=a\u{e9}", None),
        ("multipart/form-data; charset=utf-7; boundary=a", None),
        ("multipart/mixed; boundary=abc", None),
        ("application/json; boundary=abc", None),
    ] {
        assert_eq!(boundary_of(content_type), expected, "{content_type}");
        if let Some(boundary) = expected {
            assert_eq!(boundary_of(&form_content_type(boundary)), Some(boundary));
        }
    }
}

#[test]
fn limits_can_be_reached_and_not_crossed() {
    let many = |count: usize| {
        let heads: Vec<String> = (0..count).map(|n| format!("name=\"x{n}\"")).collect();
        let parts: Vec<(&str, &[u8])> =
            heads.iter().map(|head| (head.as_str(), &b"v"[..])).collect();
        read(&form(&parts)).map(|_| ())
    };
    assert_eq!(many(FORM_PARTS_MAX), Ok(()));
    assert_eq!(
        many(FORM_PARTS_MAX + 1),
        Err(ReadError::Limit { of: "parts of a form", max: FORM_PARTS_MAX })
    );
    let head = format!("name=\"file\"; filename=\"{}\"", "a".repeat(FORM_HEAD_BYTES_MAX));
    assert!(matches!(read(&form(&[(&head, b"")])), Err(ReadError::Limit { .. })));
    let body = form(&[("name=\"model\"", b"m")]);
    let limits = ReadLimits { body_bytes_max: body.len() - 1, ..ReadLimits::default() };
    let large = Form::read(OPERATION, BOUNDARY, &body, &limits).map(|_| ());
    assert_eq!(large, Err(ReadError::TooLarge { bytes_max: body.len() - 1 }));
}

proptest! {
    #![proptest_config(crate::config())]

    /// Reading what was spliced gives the edited texts, and every other byte is the form's own.
    #[test]
    fn what_is_spliced_reads_back(
        texts in prop::collection::vec("(?s)[a-z\u{e9}\"\\\\\r\n-]{0,12}", 1..5),
        replacement in "(?s)[A-Z\u{e9}\"\\\\\r\n-]{0,6}",
        at in any::<prop::sample::Index>(),
        which in any::<prop::sample::Index>(),
    ) {
        let heads = vec!["name=\"keywords[]\""; texts.len()];
        let parts: Vec<(&str, &[u8])> =
            heads.iter().zip(&texts).map(|(head, text)| (*head, text.as_bytes())).collect();
        let body = form(&parts);
        let form_read = read(&body).expect("a form");
        prop_assert_eq!(object(&form_read), json!({ "keywords": texts }));
        let limits = ReadLimits::default();
        let document =
            read_request(OPERATION, form_read.json().as_bytes(), UnknownFields::Refuse, &limits).expect("a request");
        if document.fields.is_empty() {
            return Ok(());
        }
        let field = which.index(document.fields.len());
        let text = &document.fields[field].text;
        let places: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        let start = places[at.index(places.len())];
        let edit = Edit::value(field, Span::new(start, text.len()), replacement.clone());
        let spliced = form_read.splice(&body, &document, &[edit]).expect("an edit that fits");
        let edited = format!("{}{replacement}", &text[..start]);
        let mut left = Some(text.clone().into_owned());
        let expected: Vec<String> = {
            // Fields are the texts that are not empty, in order.
            let mut seen = 0;
            texts.iter().map(|text| {
                let is_it = !text.is_empty() && seen == field;
                seen += usize::from(!text.is_empty());
                if is_it && left.take().is_some() { edited.clone() } else { text.clone() }
            }).collect()
        };
        let parts: Vec<(&str, &[u8])> =
            heads.iter().zip(&expected).map(|(head, text)| (*head, text.as_bytes())).collect();
        prop_assert_eq!(spliced, form(&parts));
    }

    /// Hostile bytes are an error or a form, and never a panic.
    #[test]
    fn anything_is_an_error_or_a_form(
        pieces in prop::collection::vec(prop_oneof![
            Just(format!("--{BOUNDARY}").into_bytes()),
            Just(b"\r\n".to_vec()), Just(b"--".to_vec()), Just(b"\n".to_vec()),
            Just(b"Content-Disposition: form-data; name=\"a\"\r\n\r\n".to_vec()),
            Just(b"; filename=\"x\"".to_vec()), Just(b"Content-Type: a/b\r\n".to_vec()),
            prop::collection::vec(any::<u8>(), 0..5),
        ], 0..12),
    ) {
        let body = pieces.concat();
        if let Ok(form) = read(&body) {
            prop_assert!(serde_json::from_str::<Value>(form.json()).is_ok());
            let begins = [b"--", BOUNDARY.as_bytes()].concat();
            prop_assert!(body.starts_with(&begins));
        }
    }
}
