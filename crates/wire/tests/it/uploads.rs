//! Uploads: a line says what its message says alone, and edits in it change nothing else.

use events::Span;
use wire::{
    Direction, Document, Echoes, Edit, MEMBERS_FIELDS_FACTOR, MemberAt, Operation, ReadError,
    ReadLimits, SpliceError, UnknownFields, plantings, read_batch_output, read_request,
    read_response, read_upload, splice,
};

fn form(purpose: &str, file: &[u8]) -> Vec<u8> {
    let head = format!(
        "--b\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\n{purpose}\r\n--b\r\n\
         Content-Disposition: form-data; name=\"file\"; filename=\"a.jsonl\"\r\n\r\n"
    );
    [head.as_bytes(), file, b"\r\n--b--\r\n"].concat()
}

fn upload<'a>(body: &'a [u8], limits: &ReadLimits) -> Result<Document<'a>, ReadError> {
    read_request(Operation::FileUpload, body, UnknownFields::Scan, limits)
}

/// What the fields of a message are, but for where it stands.
fn said(document: &Document<'_>, fields: std::ops::Range<usize>, above: &str) -> Vec<String> {
    let fields = &document.fields[fields];
    let mut said: Vec<String> = fields
        .iter()
        .map(|field| {
            let path = document.path_of(field);
            let path = path.strip_prefix(above).unwrap_or(&path).trim_start_matches('.').to_owned();
            format!(
                "{path} {:?} {:?} {:?} {}",
                field.provenance, field.embedded, field.literal, field.text
            )
        })
        .collect();
    said.retain(|field| !field.contains("custom_id"));
    said
}

#[test]
fn a_line_says_what_its_message_says_alone() {
    let limits = ReadLimits::default();
    let mut lines = 0;
    for (url, operation) in [
        ("/v1/chat/completions", Operation::ChatCompletions),
        ("/v1/responses", Operation::Responses),
        ("/v1/embeddings", Operation::Embeddings),
    ] {
        for planting in plantings(operation, Direction::Request, "a canary") {
            let message = String::from_utf8(planting.message).expect("text");
            let alone = read_request(operation, message.as_bytes(), UnknownFields::Scan, &limits)
                .expect("a message");
            if alone.facts.model.is_none() {
                continue;
            }
            let line = format!(r#"{{"body": {message}, "url": "{url}", "custom_id": "row 1"}}"#);
            let body = form("batch", format!("\n{line}\n{line}").as_bytes());
            let document = upload(&body, &limits).unwrap_or_else(|error| panic!("{error}: {line}"));
            assert_eq!(document.members.len(), 2);
            for (member, number) in document.members.iter().zip([2, 3]) {
                let above = format!("file#line {number}.body");
                let own = said(&document, member.fields.clone(), &above);
                assert_eq!(own, said(&alone, 0..alone.fields.len(), ""), "{line}");
                assert_eq!(member.files.len(), alone.files.len());
                assert_eq!((member.operation, member.at), (operation, MemberAt::Line(number)));
                assert_eq!(member.facts.model, alone.facts.model);
                assert_eq!(&document.source()[member.body.clone().expect("a body")], message);
            }
            lines += 1;
        }
    }
    assert!(lines > 50, "only {lines} lines");
}

#[test]
fn a_line_of_an_output_says_what_its_answer_says_alone() {
    let limits = ReadLimits::default();
    for planting in plantings(Operation::ChatCompletions, Direction::Response, "a canary") {
        let message = String::from_utf8(planting.message).expect("text");
        let operation = Operation::ChatCompletions;
        let alone = read_response(operation, message.as_bytes(), UnknownFields::Scan, &limits)
            .expect("an answer");
        let line =
            format!(r#"{{"custom_id":"a","response":{{"status_code":200,"body":{message}}}}}"#);
        let output = read_batch_output(operation, line.as_bytes(), UnknownFields::Scan, &limits)
            .expect("lines");
        let member = &output.members[0];
        let own = said(&output, member.fields.clone(), "file#line 1.response.body");
        assert_eq!(own, said(&alone, 0..alone.fields.len(), ""));
        let channels = |document: &Document<'_>| -> Vec<_> {
            let lanes = document.fields.iter().filter_map(|field| field.lane);
            let named = lanes.filter(|lane| !matches!(lane.channel, wire::Channel::Other(_)));
            named.collect()
        };
        assert_eq!(channels(&output), channels(&alone), "{line}");
        let answer = format!(r#"{{"status_code":200,"body":{message}}}"#);
        assert_eq!(&output.source()[member.answer.clone().expect("an answer")], answer);
    }
}

#[test]
fn edits_of_lines_and_names_change_nothing_else() {
    let line = |text: &str| {
        format!(
            r#"{{"custom_id":"a\/b","url":"/v1/completions","body":{{ "model":"m","prompt":"{text}" }} }}"#
        )
    };
    let body = form("batch", format!("{}\r\n{}", line("one \\u0041"), line("two")).as_bytes());
    let document = upload(&body, &ReadLimits::default()).expect("an upload");
    let places: Vec<String> = (0..document.fields.len()).map(|at| document.path(at)).collect();
    assert_eq!(
        places,
        [
            "file.filename",
            "file#line 1.custom_id",
            "file#line 1.body.prompt",
            "file#line 2.custom_id",
            "file#line 2.body.prompt",
        ]
    );
    let edits = [
        Edit::value(0, Span::new(0, 1), "\"x\r\n"),
        Edit::value(2, Span::new(4, 5), "\"Z"),
        Edit::value(4, Span::new(0, 3), "2"),
    ];
    let edited = splice(&document, &edits, Echoes::OfEdited).expect("edits that fit");
    let expected = String::from_utf8(body.clone()).expect("text");
    let expected = expected
        .replace("filename=\"a.", "filename=\"%22x%0D%0A.")
        .replace("one \\u0041", "one \\\"Z")
        .replace("\"two\"", "\"2\"");
    assert_eq!(String::from_utf8(edited).expect("text"), expected);
    let keys =
        r#"{"url":"/v1/completions","body":{"model":"m","prompt":"x","metadata":{"ab":1,"b":2}}}"#;
    let body = form("batch", keys.as_bytes());
    let document = upload(&body, &ReadLimits::default()).expect("an upload");
    let key = document.fields.iter().position(|field| field.text == "ab").expect("a key");
    let equal = splice(&document, &[Edit::value(key, Span::new(0, 1), "")], Echoes::OfEdited);
    assert_eq!(equal, Err(SpliceError::DuplicateKey));
    assert!(splice(&document, &[Edit::value(key, Span::new(0, 1), "c")], Echoes::OfEdited).is_ok());
}

#[test]
fn pieces_of_text_are_limited_by_line_and_by_file() {
    let limits = ReadLimits { fields_max: 3, ..ReadLimits::default() };
    let line = |texts: usize| {
        let input = vec!["\"x\""; texts].join(",");
        format!(r#"{{"url":"/v1/embeddings","body":{{"model":"m","input":[{input}]}}}}"#)
    };
    let read =
        |lines: &[String]| upload(&form("batch", lines.join("\n").as_bytes()), &limits).map(|_| ());
    let crossed = |read: Result<(), ReadError>| matches!(read, Err(ReadError::Member { error, .. }) if matches!(*error, ReadError::Limit { .. }));
    // The name of the file is a piece too.
    assert_eq!(read(&vec![line(2); MEMBERS_FIELDS_FACTOR]), Ok(()));
    assert!(crossed(read(&[line(4)])));
    assert!(crossed(read(&vec![line(3); MEMBERS_FIELDS_FACTOR])));
    let small = ReadLimits { body_bytes_max: 10, ..ReadLimits::default() };
    let large = upload(&form("batch", b"{}"), &small).map(|_| ());
    assert_eq!(large, Err(ReadError::TooLarge { bytes_max: 10 }));
}

#[test]
fn an_edit_never_ends_a_part() {
    let line =
        r#"{"custom_id":"a","url":"/v1/completions","body":{"model":"m","prompt":"see -x"}}"#;
    let body = form("batch", line.as_bytes());
    let limits = ReadLimits::default();
    for boundary in ["b", "a", "b--"] {
        let read = read_upload(boundary, &body, UnknownFields::Scan, &limits).map(|_| ());
        assert_eq!(read.is_ok(), boundary == "b", "{boundary}: {read:?}");
    }
    let document = upload(&body, &limits).expect("an upload");
    let field = |text: &str| {
        document
            .fields
            .iter()
            .position(|field| field.text == text)
            .unwrap_or_else(|| panic!("{text}"))
    };
    let edited = |field: usize, span: Span, with: &str| {
        splice(&document, &[Edit::value(field, span, with)], Echoes::OfEdited)
    };
    let prompt = field("see -x");
    for (span, with) in [
        (Span::new(0, 3), "\r\n--b--\r\n"),
        (Span::new(0, 3), "--b"),
        // Together with what stands there already.
        (Span::new(5, 6), "-b"),
        (Span::new(0, 4), "-"),
    ] {
        let is_kept = with == "-";
        assert_eq!(edited(prompt, span, with).is_ok(), is_kept, "{with}");
    }
    let name = field("a.jsonl");
    assert_eq!(edited(name, Span::new(0, 1), "--b"), Err(SpliceError::Boundary));
    assert!(edited(name, Span::new(0, 1), "-b").is_ok());
}

#[test]
fn a_name_of_a_file_is_edited_wherever_it_stands_and_that_of_a_part_nowhere() {
    let both = "--b\r\nContent-Disposition: form-data; name=purpose\r\n\r\nuser_data\r\n--b\r\n\
                Content-Disposition: form-data; name=x_anna\r\n\r\n1\r\n--b\r\n\
                Content-Disposition: form-data; name=file; filename=anna.txt; filename*=utf-8''anna.txt\r\n\
                Content-Type: text/plain; charset=utf-8\r\n\r\nhello\r\n--b--\r\n";
    let document = upload(both.as_bytes(), &ReadLimits::default()).expect("an upload");
    let named: Vec<usize> =
        (0..document.fields.len()).filter(|at| document.fields[*at].text == "anna.txt").collect();
    let edits: Vec<Edit> =
        named.iter().map(|at| Edit::value(*at, Span::new(0, 4), "a\"b")).collect();
    let edited = splice(&document, &edits, Echoes::OfEdited).expect("edits that fit");
    let expected = both
        .replace("filename=anna.txt", "filename=\"a%22b.txt\"")
        .replace("utf-8''anna.txt", "UTF-8''a%2522b.txt");
    assert_eq!(String::from_utf8(edited).expect("text"), expected);
    let part = document.fields.iter().position(|field| field.text == "x_anna").expect("a name");
    let edited = splice(&document, &[Edit::value(part, Span::new(0, 1), "y")], Echoes::OfEdited);
    assert_eq!(edited, Err(SpliceError::NoSuchField { field: part }));
}
