//! Files and batches: every line of an upload is a request, every line of an output an answer, and ids are their caller's.

use gateway::{LimitSettings, Per, QuotaSettings};
use policy::{NamePattern, PolicySource, Preset};
use store::{GrantOptions, Quota};
use testkit::{Client, FakeUpstream, Request, Response};
use wire::{Direction, Operation};

use crate::bed::{Bed, Canned, Plan};

const CANARY: &str = "eve.canary@example.net";
const EMAIL: &str = "jane.doe@example.com";
const BOUNDARY: &str = "a-boundary";

/// What a file object looks like.
const FILE: &str =
    r#"{"id":"file-1","object":"file","bytes":1,"filename":"a.jsonl","purpose":"batch"}"#;
const CHAT: &str = "/v1/chat/completions";

fn form(purpose: &str, file: &[u8]) -> Request {
    let head = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\n{purpose}\r\n--{BOUNDARY}\r\n\
         Content-Disposition: form-data; name=\"file\"; filename=\"a.jsonl\"\r\n\
         Content-Type: application/octet-stream\r\n\r\n"
    );
    let end = format!("\r\n--{BOUNDARY}--\r\n");
    post_form([head.as_bytes(), file, end.as_bytes()].concat())
}

fn post_form(body: Vec<u8>) -> Request {
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    Request::post("/v1/files", body).with_header("content-type", &content_type)
}

fn line(custom_id: &str, url: &str, body: &str) -> String {
    format!(r#"{{"custom_id":"{custom_id}","method":"POST","url":"{url}","body":{body}}}"#)
}

fn chat(custom_id: &str, text: &str) -> String {
    let body =
        serde_json::json!({"model": "fake-echo", "messages": [{"role": "user", "content": text}]});
    line(custom_id, CHAT, &body.to_string())
}

fn batch(lines: &[String]) -> Request {
    form("batch", (lines.join("\n") + "\n").as_bytes())
}

pub(crate) fn id(answer: &Response) -> String {
    answer.json()["id"].as_str().expect("an id").to_owned()
}

fn create(file: &str, endpoint: &str) -> Request {
    let body = serde_json::json!({
        "input_file_id": file, "endpoint": endpoint, "completion_window": "24h",
    });
    Request::post("/v1/batches", body.to_string())
}

pub(crate) fn send(client: &Client, request: &Request) -> Response {
    client.send(request).expect("an answer")
}

/// A limit of tokens in a day.
pub(crate) fn one_limit(tokens_per_day: u64) -> QuotaSettings {
    QuotaSettings {
        limits: vec![LimitSettings {
            name: "tokens".to_owned(),
            per: Per::Key,
            models: vec![NamePattern::new("*")],
            quota: Quota { tokens_per_day: Some(tokens_per_day), ..Quota::default() },
        }],
        ..QuotaSettings::default()
    }
}

/// The text of a rule that blocks whatever has an e-mail address in it.
pub(crate) fn blocking() -> Plan {
    let text = r#"
        @id("test-canary")
        @action("block")
        forbid (principal, action, resource)
        when { context.kinds.contains("pii.email") };
    "#;
    let source = PolicySource { name: "canary.cedar".to_owned(), text: text.to_owned() };
    Plan { policies: vec![source], preset: Preset::Balanced, ..Plan::default() }
}

/// Uploads a file, begins a batch, asks for it again; the id of its output.
fn run(client: &Client, lines: &[String], endpoint: &str) -> String {
    let uploaded = send(client, &batch(lines));
    assert_eq!(uploaded.status, 200, "{}", uploaded.text());
    let begun = send(client, &create(&id(&uploaded), endpoint));
    assert_eq!(begun.status, 200, "{}", begun.text());
    assert_eq!(begun.json()["status"], "validating");
    assert_eq!(begun.json()["input_file_id"], id(&uploaded).as_str());
    let done = send(client, &Request::get(&format!("/v1/batches/{}", id(&begun))));
    assert_eq!(done.json()["status"], "completed", "{}", done.text());
    done.json()["output_file_id"].as_str().expect("an output").to_owned()
}

#[test]
fn a_batch_goes_its_way_and_every_line_is_masked_like_a_live_request() {
    let upstream = FakeUpstream::start().expect("an upstream");
    let bed = Bed::new(&upstream.base_url(), Plan::default());
    let client = bed.client();
    let lines =
        [chat("plain", "hello"), String::new(), chat("with-mail", &format!("write to {EMAIL}"))];
    let output = run(&client, &lines, CHAT);
    let content = send(&client, &Request::get(&format!("/v1/files/{output}/content")));
    assert_eq!((content.status, content.header("content-type")), (200, Some("application/jsonl")));
    let said: Vec<serde_json::Value> = content
        .text()
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line of JSON"))
        .collect();
    let text =
        |line: usize| said[line]["response"]["body"]["choices"][0]["message"]["content"].clone();
    assert_eq!((said.len(), said[0]["custom_id"].as_str()), (2, Some("plain")));
    assert_eq!(text(0), "hello");
    // Its value is not kept until the batch is done.
    let masked = text(1);
    let masked = masked.as_str().expect("text");
    assert!(masked.starts_with("write to [EMAIL-") && !content.text().contains(EMAIL), "{masked}");
    let sent = upstream.requests();
    let upload = sent.first().expect("the upload").text();
    assert!(upload.contains(&lines[0]) && !upload.contains(EMAIL), "{upload}");
    let opened = bed.opened();
    assert_eq!(opened[0].model.as_deref(), Some("fake-echo"));
    assert_eq!(opened[0].findings[0].path, "file#line 3.body.messages[0].content");
    assert_eq!((opened[0].operation.as_str(), opened[0].masked), ("files", 1));
    for asked in &sent[1..] {
        let seen = format!("{} {}", asked.target, asked.text());
        assert!(!seen.contains('~'), "a sealed id went upstream: {seen}");
    }
    let deleted = send(&client, &Request::new("DELETE", &format!("/v1/files/{output}")));
    assert_eq!((deleted.status, deleted.json()["id"].as_str()), (200, Some(output.as_str())));
}

#[test]
fn bytes_that_nobody_had_to_change_are_forwarded_as_they_came() {
    let upstream = Canned::start();
    upstream.answer("application/json", FILE);
    let bed = Bed::new(&upstream.base_url, Plan::default());
    let binary: Vec<u8> = (0..=255).cycle().take(5_000).collect();
    let body = |text: &str| format!(r#"{{ "model":"m", "input" : "{text}"}}"#);
    for (purpose, file) in [
        ("batch", line("a", "/v1/embeddings", &body("caf\\u00e9")) + "\r\n\r\n"),
        ("fine-tune", r#"{"messages":[{"role":"user","content":"hi","weight":0}]}"#.to_owned()),
        ("user_data", "plain text".to_owned()),
    ] {
        let sent = form(purpose, file.as_bytes());
        assert_eq!(send(&bed.client(), &sent).status, 200, "{purpose}");
        assert_eq!(upstream.take_received(), [form_body(&sent)], "{purpose}");
    }
    let sent = form("vision", &binary);
    let answer = send(&bed.client(), &sent);
    assert_eq!(
        (answer.status, answer.header("x-bartizan-unscanned")),
        (200, Some("1;why=\"unread: a file of an unknown kind\""))
    );
    assert_eq!(upstream.take_received(), [form_body(&sent)]);
}

fn form_body(request: &Request) -> Vec<u8> {
    let bytes = request.bytes(std::net::SocketAddr::from(([127, 0, 0, 1], 1)));
    let head = bytes.windows(4).position(|piece| piece == b"\r\n\r\n").expect("a head");
    bytes[head + 4..].to_vec()
}

#[test]
fn nothing_escapes_in_a_line() {
    let upstream = Canned::start();
    let bed = Bed::new(&upstream.base_url, blocking());
    let client = bed.client();
    let mut planted = 0;
    let mut check = |what: &str, file: &str| {
        let answer = send(&client, &batch(&[chat("first", "hello"), file.to_owned()]));
        let code = answer.error_code();
        assert_eq!(
            (answer.status, code.as_deref()),
            (403, Some("policy_block")),
            "{what}: {}",
            answer.text()
        );
        assert!(answer.text().contains("line 2"), "{}", answer.text());
        planted += 1;
    };
    for planting in wire::plantings(Operation::FileUpload, Direction::RequestLine, CANARY) {
        let text = String::from_utf8(planting.message).expect("text");
        // All lines of a file ask for the same.
        let text = text
            .replace("/v1/embeddings", CHAT)
            .replace("\"model\":\"m\"", "\"model\":\"fake-echo\"");
        check(&planting.path, &text);
    }
    for planting in wire::plantings(Operation::ChatCompletions, Direction::Request, CANARY) {
        let body = String::from_utf8(planting.message).expect("text");
        let body: serde_json::Value = serde_json::from_str(&body).expect("JSON");
        let mut body = body;
        body["model"] = "fake-echo".into();
        check(&planting.path, &line("second", CHAT, &body.to_string()));
    }
    assert!(upstream.take_received().is_empty(), "a refused upload was forwarded");
    assert!(planted > 60, "only {planted} plantings");
}

#[test]
fn every_operation_of_a_batch_is_read_by_its_own_map() {
    let upstream = Canned::start();
    let bed = Bed::new(&upstream.base_url, blocking());
    for (url, operation) in [
        ("/v1/completions", Operation::Completions),
        ("/v1/embeddings", Operation::Embeddings),
        ("/v1/images/generations", Operation::ImageGenerations),
        ("/v1/moderations", Operation::Moderations),
        ("/v1/responses", Operation::Responses),
        ("/chat/completions", Operation::ChatCompletions),
    ] {
        for planting in wire::plantings(operation, Direction::Request, CANARY).iter().step_by(3) {
            let mut body: serde_json::Value =
                serde_json::from_slice(&planting.message).expect("JSON");
            body["model"] = "m".into();
            let answer = send(&bed.client(), &batch(&[line("a", url, &body.to_string())]));
            assert_eq!(answer.status, 403, "{} of {url}: {}", planting.path, answer.text());
        }
    }
    for messages in [
        r#"{"messages":[{"role":"user","content":"CANARY"}]}"#,
        r#"{"messages":[{"role":"assistant","tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{\"to\":\"CANARY\"}"}}]}]}"#,
        r#"{"input":{"messages":[]},"preferred_output":[{"role":"assistant","content":"CANARY"}]}"#,
    ] {
        let file = messages.replace("CANARY", CANARY);
        let answer = send(&bed.client(), &form("fine-tune", file.as_bytes()));
        assert_eq!(answer.status, 403, "{}", answer.text());
        assert!(answer.text().contains("line 1"));
    }
    let other = send(&bed.client(), &form("assistants", format!("write to {CANARY}").as_bytes()));
    assert_eq!(other.status, 403);
    assert!(upstream.take_received().is_empty());
}

#[test]
fn a_line_that_is_refused_is_named_and_the_upload_with_it() {
    let upstream = Canned::start();
    let bed = Bed::new(&upstream.base_url, blocking());
    let good = chat("good", "hello");
    let longest = "x".repeat(wire::MEMBER_BYTES_MAX);
    for (bad, code, words) in [
        (
            chat("request-2", CANARY),
            "policy_block",
            "line 2 (custom_id `request-2`): refused by policy",
        ),
        (chat("Anna Schmidt 123", CANARY), "policy_block", "line 2: refused by policy"),
        ("{".to_owned(), "invalid_json", "line 2: "),
        ("[]".to_owned(), "invalid_body", "line 2: "),
        ("\u{feff}".to_owned() + &good, "invalid_json", "line 2: "),
        (format!("{good}\r{good}"), "invalid_json", "line 2: "),
        (line("a", "/v1/audio/speech", "{}"), "invalid_value", "line 2 (custom_id `a`): "),
        (
            line("a", "/v1/embeddings", r#"{"model":"fake-echo","input":"x"}"#),
            "invalid_value",
            "the same in all lines",
        ),
        (
            line("a", CHAT, r#"{"model":"other","messages":[]}"#),
            "invalid_value",
            "the same in all lines",
        ),
        (line("a", CHAT, r#"{"messages":[]}"#), "invalid_value", "body.model"),
        (
            line("a", CHAT, r#"{"model":"fake-echo","stream":true,"messages":[]}"#),
            "invalid_value",
            "body.stream",
        ),
        (line("a", CHAT, "\"text\""), "invalid_value", "a JSON object"),
        (line("a", CHAT, "null"), "invalid_value", "a JSON object"),
        (
            line("a", CHAT, r#"{"model":"fake-echo","api_base":"http://a"}"#),
            "field_denied",
            "api_base",
        ),
        (good.replace("POST", "GET"), "invalid_value", "method"),
        (good.replace("\"method\"", "\"Method\""), "field_denied", "Method"),
        (chat("long", &longest), "limit_exceeded", "bytes of a line"),
    ] {
        let answer = send(&bed.client(), &batch(&[good.clone(), bad]));
        let text = answer.text();
        assert_eq!(answer.error_code().as_deref(), Some(code), "{text:.300}");
        assert!((400..=403).contains(&answer.status) && text.contains(words), "{text:.300}");
        assert!(!text.contains(CANARY) && !text.contains("Anna"));
    }
    let many = vec![good.replace(' ', ""); wire::MEMBERS_MAX + 1].join("\n");
    let answer = send(&bed.client(), &form("batch", many.as_bytes()));
    assert!(answer.text().contains("more than 50000 messages"), "{}", answer.text());
    let empty = send(&bed.client(), &form("batch", b"\n\n"));
    assert_eq!(empty.error_code().as_deref(), Some("invalid_body"));
    let bytes = send(&bed.client(), &form("batch", b"{\"custom_id\":\"\xff\"}"));
    assert_eq!(bytes.error_code().as_deref(), Some("invalid_utf8"));
    assert!(upstream.take_received().is_empty());
}

#[test]
fn forms_that_are_no_upload_are_refused() {
    let upstream = Canned::start();
    let bed = Bed::new(&upstream.base_url, Plan::default());
    let part = |head: &str, value: &str| {
        format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n{value}\r\n")
    };
    let purpose = part("name=\"purpose\"", "user_data");
    let file = part("name=\"file\"; filename=\"a.txt\"", "hello");
    let end = format!("--{BOUNDARY}--\r\n");
    for (body, code) in [
        (String::new(), "invalid_form"),
        ("{}".to_owned(), "invalid_form"),
        (purpose.clone() + &end, "invalid_value"),
        (file.clone() + &end, "invalid_value"),
        (purpose.clone() + &file, "invalid_form"),
        (purpose.clone() + &purpose + &file + &end, "duplicate_key"),
        (purpose.clone() + &file + &file + &end, "duplicate_key"),
        (purpose.clone() + &part("name=\"file\"", "hello") + &end, "invalid_value"),
        (part("name=\"purpose\"; filename=\"a\"", "user_data") + &file + &end, "invalid_form"),
        (part("name=\"Purpose\"", "batch") + &purpose + &file + &end, "field_denied"),
        (part("name=\"purpose\"", "my name is Anna") + &file + &end, "invalid_value"),
        (
            part("name=\"expires_after[seconds]\"", "soon") + &purpose + &file + &end,
            "invalid_value",
        ),
    ] {
        let answer = send(&bed.client(), &post_form(body.clone().into_bytes()));
        assert_eq!((answer.status, answer.error_code().as_deref()), (400, Some(code)), "{body}");
    }
    let json = Request::post("/v1/files", (purpose.clone() + &file + &end).into_bytes());
    assert_eq!(send(&bed.client(), &json).status, 415);
    assert!(upstream.take_received().is_empty());
    upstream.answer("application/json", FILE);
    let unknown = part("name=\"x_new\"", "hello") + &purpose + &file + &end;
    assert_eq!(send(&bed.client(), &post_form(unknown.into_bytes())).status, 200);
    let opened = bed.opened();
    assert_eq!(opened.last().expect("a record").unknown_fields, ["x_new"]);
}

#[test]
fn what_is_masked_in_a_name_or_a_value_of_a_form_is_edited_there_alone() {
    let upstream = Canned::start();
    upstream.answer("application/json", FILE);
    let bed = Bed::new(&upstream.base_url, Plan::default());
    let request = |file: &str| {
        let text = String::from_utf8(form_body(&form("user_data", b"hello"))).expect("text");
        text.replace("a.jsonl", &format!("for {EMAIL}")).replace("hello", file)
    };
    let sent = request("hello");
    assert_eq!(send(&bed.client(), &post_form(sent.clone().into_bytes())).status, 200);
    let received = upstream.take_received();
    let received = String::from_utf8_lossy(received.first().expect("a request")).into_owned();
    let (before, after) = sent.split_once(EMAIL).expect("the value");
    assert!(received.starts_with(before) && received.ends_with(after), "{received}");
    assert!(received.contains("for [EMAIL-") && !received.contains(EMAIL));
    // A file cannot be masked, nor the name of one that is no text.
    let in_file = send(&bed.client(), &post_form(request(&format!("to {EMAIL}")).into_bytes()));
    assert_eq!(in_file.error_code().as_deref(), Some("file_cannot_be_masked"));
    let binary = request("hello").replace("hello", "\u{1}").into_bytes();
    let binary = binary.iter().map(|byte| if *byte == 1 { 0xff } else { *byte }).collect();
    let name = send(&bed.client(), &post_form(binary));
    assert_eq!(name.error_code().as_deref(), Some("file_cannot_be_masked"));
    assert!(upstream.take_received().is_empty());
}

#[test]
fn ids_open_nothing_for_others_and_nothing_else_than_they_are_for() {
    let upstream = FakeUpstream::start().expect("an upstream");
    let bed = Bed::new(&upstream.base_url(), Plan::default());
    let client = bed.client();
    let other = Client::new(bed.address).with_key(&bed.other_key);
    let lines = [chat("a", "hello")];
    let uploaded = id(&send(&client, &batch(&lines)));
    let begun = id(&send(&client, &create(&uploaded, CHAT)));
    let output = run(&client, &lines, CHAT);
    let data = id(&send(&client, &form("user_data", lines[0].as_bytes())));
    let own = uploaded.split('~').next().expect("an id").to_owned();
    assert!(own.starts_with("file-"));
    upstream.clear();
    let get = |path: String| Request::get(&path);
    for (who, request, code) in [
        (&other, get(format!("/v1/files/{uploaded}")), "not_found"),
        (&other, Request::new("DELETE", &format!("/v1/files/{uploaded}")), "not_found"),
        (&other, get(format!("/v1/files/{output}/content")), "not_found"),
        (&other, create(&uploaded, CHAT), "not_found"),
        (&other, get(format!("/v1/batches/{begun}")), "not_found"),
        (&other, Request::post(&format!("/v1/batches/{begun}/cancel"), ""), "not_found"),
        (&client, get(format!("/v1/files/{own}")), "not_found"),
        (&client, get(format!("/v1/files/{begun}")), "not_found"),
        (&client, get(format!("/v1/batches/{uploaded}")), "not_found"),
        (&client, create(&own, CHAT), "not_found"),
        (&client, create(&data, CHAT), "file_not_inspected"),
        (&client, create(&output, CHAT), "file_not_inspected"),
        (&client, create(&uploaded, "/v1/embeddings"), "file_not_inspected"),
        (&client, create(&uploaded, "/v1/audio/speech"), "file_not_inspected"),
        (&client, get(format!("/v1/files/{uploaded}/content")), "file_not_given_back"),
        (&client, get("/v1/files".to_owned()), "unknown_endpoint"),
        (&client, get("/v1/batches".to_owned()), "unknown_endpoint"),
    ] {
        let answer = send(who, &request);
        assert_eq!(answer.error_code().as_deref(), Some(code), "{request:?}: {}", answer.text());
    }
    assert!(upstream.requests().is_empty(), "what was refused was sent on");
    let shown = send(&client, &get(format!("/v1/files/{uploaded}")));
    assert_eq!((shown.status, id(&shown)), (200, uploaded));
    let cancelled = send(&client, &Request::post(&format!("/v1/batches/{begun}/cancel"), ""));
    assert_eq!((cancelled.status, id(&cancelled)), (200, begun));
}

/// Puts lines into the output of a batch, as the upstream would.
fn output_of(upstream: &Canned, bed: &Bed, url: &str, lines: &str) -> Response {
    let body = if url == CHAT {
        r#"{"model":"m","messages":[]}"#
    } else {
        r#"{"model":"m","input":"hello"}"#
    };
    upstream.answer("application/json", FILE);
    let uploaded = id(&send(&bed.client(), &batch(&[line("a", url, body)])));
    upstream.answer(
        "application/json",
        r#"{"id":"batch_1","object":"batch","output_file_id":"file-2"}"#,
    );
    let begun = send(&bed.client(), &create(&uploaded, url));
    let output = begun.json()["output_file_id"].as_str().expect("an output").to_owned();
    upstream.answer("application/octet-stream", lines.to_owned());
    send(&bed.client(), &Request::get(&format!("/v1/files/{output}/content")))
}

fn answer_line(custom_id: &str, body: &str) -> String {
    format!(
        r#"{{"id":"r","custom_id":"{custom_id}","response":{{"status_code":200,"request_id":"q","body":{body}}},"error":null}}"#
    )
}

#[test]
fn nothing_escapes_in_a_line_of_an_output() {
    let upstream = Canned::start();
    let bed = Bed::new(&upstream.base_url, blocking());
    let good = answer_line(
        "good",
        r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"hello"}}]}"#,
    );
    let mut planted = 0;
    for planting in wire::plantings(Operation::ChatCompletions, Direction::Response, CANARY) {
        let body = String::from_utf8(planting.message).expect("text");
        let lines = format!("{good}\n{}\n{good}\n", answer_line("bad", &body));
        let content = output_of(&upstream, &bed, CHAT, &lines);
        let text = content.text();
        assert!(content.status == 200 && !text.contains(CANARY), "{}: {text}", planting.path);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!((lines[0], lines[2], lines.len()), (good.as_str(), good.as_str(), 3));
        let withheld: serde_json::Value = serde_json::from_str(lines[1]).expect("JSON");
        assert_eq!(withheld["custom_id"], "bad");
        assert_eq!(withheld["response"]["status_code"], 403);
        assert_eq!(withheld["response"]["body"]["error"]["code"], "policy_block", "{text}");
        planted += 1;
    }
    for planting in wire::plantings(Operation::FileContent, Direction::ResponseLine, CANARY) {
        let line = String::from_utf8(planting.message).expect("text");
        let content = output_of(&upstream, &bed, "/v1/embeddings", &line);
        let text = content.text();
        assert!(content.status == 403 && !text.contains(CANARY), "{}: {text}", planting.path);
        planted += 1;
    }
    assert!(planted > 15, "only {planted} plantings");
    // What stands beside an answer that is withheld is guarded all the same.
    let body = format!(
        r#"{{"choices":[{{"index":0,"message":{{"role":"assistant","content":"{CANARY}"}}}}]}}"#
    );
    for beside in
        [format!(r#""custom_id":"{CANARY}""#), format!(r#""error":{{"message":"{CANARY}"}}"#)]
    {
        for line in [
            format!(r#"{{"id":"r","response":{{"status_code":200,"body":{body}}},{beside}}}"#),
            format!(r#"{{"id":"r",{beside},"response":{{"status_code":200,"body":{body}}}}}"#),
        ] {
            let content = output_of(&upstream, &bed, CHAT, &line);
            assert!(content.status == 403 && !content.text().contains(CANARY), "{line}");
        }
    }
}

#[test]
fn the_models_own_values_are_removed_from_an_output_and_the_rest_is_kept() {
    let upstream = Canned::start();
    let bed = Bed::new(&upstream.base_url, Plan::default());
    let body = |text: &str| {
        format!(
            r#"{{ "choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}"}}}}],"usage":{{"prompt_tokens":5,"completion_tokens":7}} }}"#
        )
    };
    let (plain, leaks) =
        (answer_line("a", &body("caf\\u00e9")), answer_line("b", &body(&format!("ask {CANARY}"))));
    let failed =
        r#"{"id":"r","custom_id":"c","response":null,"error":{"code":"x","message":"late"}}"#;
    let content = output_of(&upstream, &bed, CHAT, &format!("{plain}\n{leaks}\n{failed}"));
    let expected = format!("{plain}\n{}\n{failed}", leaks.replace(CANARY, "[EMAIL REMOVED]"));
    assert_eq!((content.status, content.text()), (200, expected));
    let closed = bed.closed(3);
    let usage = closed[2].usage.expect("what the lines say");
    assert_eq!((usage.output, closed[2].masked), (14, 1));
    let garbage = output_of(&upstream, &bed, CHAT, "not JSON\n");
    assert_eq!(garbage.error_code().as_deref(), Some("upstream_garbage"));
}

#[test]
fn nothing_escapes_in_what_is_said_of_files_and_batches() {
    let upstream = Canned::start();
    let bed = Bed::new(&upstream.base_url, blocking());
    let client = bed.client();
    upstream.answer("application/json", FILE);
    let body = r#"{"model":"m","messages":[]}"#;
    let upload = batch(&[line("a", CHAT, body)]);
    let file = id(&send(&client, &upload));
    upstream.answer(
        "application/json",
        r#"{"id":"batch_1","object":"batch","output_file_id":"file-2"}"#,
    );
    let begun = send(&client, &create(&file, CHAT));
    let output = begun.json()["output_file_id"].as_str().expect("an output").to_owned();
    let begun = id(&begun);
    upstream.take_received();
    let mut planted = 0;
    for (form, canary) in crate::canary::forms() {
        for planting in wire::plantings(Operation::FileUpload, Direction::Request, &canary) {
            let content_type = "multipart/form-data; boundary=canary";
            let request = Request::post("/v1/files", planting.message)
                .with_header("content-type", content_type);
            let answer = send(&client, &request);
            assert_eq!(answer.status, 403, "{form} {}: {}", planting.path, answer.text());
            planted += 1;
        }
        for planting in wire::plantings(Operation::BatchCreate, Direction::Request, &canary) {
            let body = String::from_utf8(planting.message).expect("text").replace("file-1", &file);
            let answer = send(&client, &Request::post("/v1/batches", body));
            assert_eq!(answer.status, 403, "{form} {}: {}", planting.path, answer.text());
            planted += 1;
        }
    }
    assert!(upstream.take_received().is_empty(), "a refused request was forwarded");
    let get = |path: String| Request::get(&path);
    for (operation, request) in [
        (Operation::FileUpload, upload),
        (Operation::FileShow, get(format!("/v1/files/{file}"))),
        (Operation::FileDelete, Request::new("DELETE", &format!("/v1/files/{file}"))),
        (Operation::BatchCreate, create(&file, CHAT)),
        (Operation::BatchShow, get(format!("/v1/batches/{begun}"))),
        (Operation::BatchCancel, Request::post(&format!("/v1/batches/{begun}/cancel"), "")),
    ] {
        for (form, canary) in crate::canary::forms() {
            for planting in wire::plantings(operation, Direction::Response, &canary) {
                upstream.answer("application/json", planting.message);
                let answer = send(&client, &request);
                let what = format!("{form} {} of {operation:?}: {}", planting.path, answer.text());
                assert!(answer.status == 403 && !answer.text().contains(&canary), "{what}");
                planted += 1;
            }
        }
    }
    for planting in wire::plantings(Operation::FileContent, Direction::Response, CANARY) {
        upstream.answer_as(http::StatusCode::NOT_FOUND, "application/json", planting.message);
        let answer = send(&client, &get(format!("/v1/files/{output}/content")));
        assert!(answer.status == 403 && !answer.text().contains(CANARY), "{}", answer.text());
        planted += 1;
    }
    assert!(planted > 150, "only {planted} plantings");
}

#[test]
fn a_batch_counts_what_its_lines_ask_and_may_be_answered() {
    let upstream = Canned::start();
    // Of each batch, ten answers of as many tokens as are assumed, and about 720 tokens of lines.
    let quotas = one_limit(2 * (10 * 1_024 + 720) + 1_000);
    let bed = Bed::new(&upstream.base_url, Plan { quotas, ..Plan::default() });
    let client = bed.client();
    upstream.answer("application/json", FILE);
    let lines: Vec<String> = (0..10).map(|_| chat("a", &"x ".repeat(100))).collect();
    // Storing uses nothing, however often: about 720 tokens.
    for _ in 0..3 {
        assert_eq!(send(&client, &batch(&lines)).status, 200);
    }
    let file = id(&send(&client, &batch(&lines)));
    upstream.answer("application/json", r#"{"id":"batch_1","object":"batch"}"#);
    let begun = send(&client, &create(&file, CHAT));
    assert_eq!(begun.status, 200, "{}", begun.text());
    assert_eq!(send(&client, &create(&file, CHAT)).status, 200);
    let third = send(&client, &create(&file, CHAT));
    assert_eq!(third.error_code().as_deref(), Some("budget_exhausted"), "{}", third.text());
    // The provider says what it has used.
    let said = r#"{"id":"batch_1","object":"batch","status":"completed","usage":{"input_tokens":700,"output_tokens":50}}"#;
    upstream.answer("application/json", said);
    assert_eq!(send(&client, &Request::get(&format!("/v1/batches/{}", id(&begun)))).status, 200);
    assert_eq!(send(&client, &create(&file, CHAT)).status, 200);
}

#[test]
fn a_batch_owes_no_less_than_what_was_answered_may_have_used() {
    // Nine requests that may be answered with 10 tokens, and one with 1,000, each of some 30 tokens.
    let asking = |number: usize| {
        let most = if number == 9 { 1_000 } else { 10 };
        let body = format!(
            r#"{{"model":"m","max_tokens":{most},"messages":[{{"role":"user","content":"hello"}}]}}"#
        );
        line(&format!("r{number}"), CHAT, &body)
    };
    let lines: Vec<String> = (0..10).map(asking).collect();
    let usage = r#"{"prompt_tokens":5,"completion_tokens":7}"#;
    let answered = |usage: &str| {
        answer_line("r9", &format!(r#"{{"object":"chat.completion","choices":[]{usage}}}"#))
    };
    let failed = r#"{"id":"r","custom_id":"r1","response":{"status_code":400,"request_id":"q","body":{"error":{"message":"m"}}},"error":null}"#;
    let late =
        r#"{"id":"r","custom_id":"r2","response":null,"error":{"code":"x","message":"late"}}"#;
    let counted = [&*answered(&format!(r#","usage":{usage}"#)), failed, late].join("\n");
    let uncounted = [&*answered(""), failed, late].join("\n");
    let shown = |status: &str, rest: &str| {
        format!(r#"{{"id":"batch_1","object":"batch","status":"{status}"{rest}}}"#)
    };
    let counts = |answered: u64, total: u64| {
        let failed = total.saturating_sub(answered);
        format!(r#","request_counts":{{"total":{total},"completed":{answered},"failed":{failed}}}"#)
    };
    let output = r#","output_file_id":"file-2","error_file_id":"file-3""#;
    // What is said of the batch, and by which of its files; whether about 1,030 tokens, or nearly none, are owed after that.
    for (what, said, file, is_dear) in [
        ("one, perhaps the dearest", shown("completed", &counts(1, 10)), None, true),
        ("none", shown("completed", &counts(0, 10)), None, false),
        ("refused as a whole", shown("failed", &counts(0, 0)), None, false),
        ("given up before it began", shown("expired", &counts(0, 0)), None, false),
        ("nothing was counted", shown("completed", &counts(0, 0)), None, true),
        ("nothing is said", shown("failed", ""), None, true),
        ("it has not ended", shown("in_progress", &counts(0, 10)), None, true),
        ("something was written", shown("failed", &(counts(0, 0) + output)), None, true),
        (
            "the output counts",
            shown("expired", &(counts(1, 10) + output)),
            Some((0, &counted)),
            false,
        ),
        ("it does not", shown("completed", &(counts(9, 10) + output)), Some((0, &uncounted)), true),
        ("the errors", shown("completed", &(counts(1, 10) + output)), Some((1, &counted)), true),
    ] {
        let upstream = Canned::start();
        let quotas = one_limit(2 * 1_400);
        let bed = Bed::new(&upstream.base_url, Plan { quotas, ..Plan::default() });
        let client = bed.client();
        upstream.answer("application/json", FILE);
        let input = id(&send(&client, &batch(&lines)));
        let begin = |own: &str| {
            upstream.answer("application/json", shown("validating", "").replace("batch_1", own));
            send(&client, &create(&input, CHAT))
        };
        let begun = begin("batch_1");
        assert_eq!(begun.status, 200, "{what}: {}", begun.text());
        upstream.answer("application/json", said.clone());
        let ended = send(&client, &Request::get(&format!("/v1/batches/{}", id(&begun))));
        assert_eq!(ended.status, 200, "{what}: {}", ended.text());
        if let Some((which, lines)) = file {
            let of = ["output_file_id", "error_file_id"][which];
            let file = ended.json()[of].as_str().expect("a file").to_owned();
            upstream.answer("application/octet-stream", lines.clone());
            let read = send(&client, &Request::get(&format!("/v1/files/{file}/content")));
            assert_eq!(read.status, 200, "{what}: {}", read.text());
        }
        assert_eq!(begin("batch_2").status, 200, "{what}");
        // There is room for a third only if the first was cheap; it may use 1,390 or so itself.
        let third = begin("batch_3");
        assert_eq!(third.status, if is_dear { 403 } else { 200 }, "{what}: {}", third.text());
    }
}

#[test]
fn a_key_for_models_and_tools_stores_lines_for_those_alone() {
    let upstream = Canned::start();
    upstream.answer("application/json", FILE);
    let grant = GrantOptions {
        models: vec!["gpt-*".to_owned()],
        tools: vec!["search".to_owned()],
        ..GrantOptions::default()
    };
    let bed = Bed::new(&upstream.base_url, Plan { grant, ..Plan::default() });
    let body = |model: &str| format!(r#"{{"model":"{model}","messages":[]}}"#);
    let good = send(&bed.client(), &batch(&[line("a", CHAT, &body("gpt-4o"))]));
    assert_eq!(good.status, 200, "{}", good.text());
    let bad = send(&bed.client(), &batch(&[line("a", CHAT, &body("o3"))]));
    assert_eq!(bad.error_code().as_deref(), Some("not_authorised"));
    let offering = |tool: &str| {
        let tool = format!(r#"{{"type":"function","function":{{"name":"{tool}"}}}}"#);
        let with_tool = format!(r#"{{"model":"gpt-4o","messages":[],"tools":[{tool}]}}"#);
        batch(&[line("a", CHAT, &body("gpt-4o")), line("b", CHAT, &with_tool)])
    };
    assert_eq!(send(&bed.client(), &offering("search")).status, 200);
    let tool = send(&bed.client(), &offering("shell"));
    assert_eq!(tool.error_code().as_deref(), Some("not_authorised"), "{}", tool.text());
    assert!(tool.text().contains("line 2"));
    let beside = line("a", CHAT, &body("gpt-4o")).replace(
        r#","body""#,
        r#","tools":[{"type":"function","function":{"name":"shell"}}],"body""#,
    );
    let beside = send(&bed.client(), &batch(&[line("a", CHAT, &body("gpt-4o")), beside]));
    assert_eq!(beside.error_code().as_deref(), Some("not_authorised"), "{}", beside.text());
    assert!(beside.text().contains("line 2"));
    let long =
        send(&bed.client(), &batch(&[line("a", CHAT, &body(&format!("gpt-{}", "x".repeat(200))))]));
    assert_eq!(long.error_code().as_deref(), Some("limit_exceeded"));
    let other = send(&bed.client(), &form("user_data", b"hello"));
    assert_eq!(other.status, 200, "a file that is for no model");
}
