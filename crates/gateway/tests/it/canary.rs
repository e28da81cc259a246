//! Promise 1, end to end: a canary planted in any guarded field of any message, streamed or not,
//! plain or obfuscated, is found, and what a policy forbids does not get through.

use policy::{PolicySource, Preset};
use testkit::Request;
use wire::{Dialect, Direction, Operation};

use crate::bed::{Bed, Canned, Plan};
use crate::forms;

const CANARY: &str = "eve.canary@example.net";

/// The canary as it is, with a zero-width space in it, in fullwidth letters, and as base64.
pub(crate) fn forms() -> [(&'static str, String); 4] {
    let fullwidth = CANARY
        .chars()
        .map(|c| if c.is_ascii_lowercase() { fullwidth(c) } else { c })
        .collect::<String>();
    [
        ("plain", CANARY.to_owned()),
        ("zero width", CANARY.replace("canary", "can\u{200b}ary")),
        ("fullwidth", fullwidth),
        ("base64", data_encoding::BASE64.encode(format!("write to {CANARY} today").as_bytes())),
    ]
}

fn fullwidth(letter: char) -> char {
    char::from_u32(u32::from(letter) - u32::from('a') + 0xff41).unwrap_or(letter)
}

/// Blocks every message with an e-mail address in it, whatever its provenance.
fn bed(upstream: &Canned) -> Bed {
    Bed::new(&upstream.base_url, plan())
}

/// See [`bed`].
pub(crate) fn plan() -> Plan {
    let text = r#"
        @id("test-canary")
        @action("block")
        forbid (principal, action, resource)
        when { context.kinds.contains("pii.email") };
    "#;
    let source = PolicySource { name: "canary.cedar".to_owned(), text: text.to_owned() };
    // With the observing preset the shipped rules do nothing, and the operator's would not either:
    // start from `balanced`, whose masks come second to a block.
    Plan { policies: vec![source], preset: Preset::Balanced, ..Plan::default() }
}

/// All but those of files, batches and sessions, which have tests of their own.
fn operations() -> impl Iterator<Item = Operation> {
    let has_own = |operation: &Operation| operation.is_of_storage() || operation.is_session();
    Operation::ALL.into_iter().filter(move |operation| !has_own(operation))
}

fn path(operation: Operation) -> &'static str {
    match operation {
        Operation::ChatCompletions => "/v1/chat/completions",
        Operation::Embeddings => "/v1/embeddings",
        Operation::ModelList | Operation::AnthropicModelList => "/v1/models",
        Operation::ModelShow | Operation::AnthropicModelShow => "/v1/models/m",
        Operation::Completions => "/v1/completions",
        Operation::Moderations => "/v1/moderations",
        Operation::Responses => "/v1/responses",
        Operation::ResponseInputTokens => "/v1/responses/input_tokens",
        Operation::Tokenize => "/tokenize",
        Operation::Detokenize => "/detokenize",
        Operation::Score => "/score",
        Operation::Rerank => "/rerank",
        Operation::Pooling => "/pooling",
        Operation::ImageGenerations => "/v1/images/generations",
        Operation::Messages => "/v1/messages",
        Operation::CountTokens => "/v1/messages/count_tokens",
        Operation::GenerateContent => "/v1beta/models/m:generateContent",
        Operation::StreamGenerateContent => "/v1beta/models/m:streamGenerateContent?alt=sse",
        Operation::GeminiCountTokens => "/v1beta/models/m:countTokens",
        Operation::EmbedContent => "/v1beta/models/m:embedContent",
        Operation::BatchEmbedContents => "/v1beta/models/m:batchEmbedContents",
        Operation::GeminiModelList => "/v1beta/models",
        Operation::GeminiModelShow => "/v1beta/models/m",
        Operation::Converse => "/model/m/converse",
        Operation::ConverseStream => "/model/m/converse-stream",
        Operation::OllamaChat => "/api/chat",
        Operation::OllamaGenerate => "/api/generate",
        Operation::OllamaEmbed => "/api/embed",
        Operation::OllamaEmbeddings => "/api/embeddings",
        Operation::OllamaTags => "/api/tags",
        Operation::OllamaShow => "/api/show",
        Operation::OllamaPs => "/api/ps",
        Operation::OllamaVersion => "/api/version",
        Operation::ImageEdits => "/v1/images/edits",
        Operation::ImageVariations => "/v1/images/variations",
        Operation::AudioTranscriptions => "/v1/audio/transcriptions",
        Operation::AudioTranslations => "/v1/audio/translations",
        Operation::AudioSpeech => "/v1/audio/speech",
        other => unreachable!("{other:?} has tests of its own"),
    }
}

/// The stable code of an error, wherever the dialect has it.
fn code_of(response: &testkit::Response) -> Option<String> {
    let own = response.json()["code"].as_str().map(str::to_owned);
    response.error_code().or(own)
}

#[test]
fn nothing_escapes_in_a_request() {
    let upstream = Canned::start();
    let bed = bed(&upstream);
    let mut planted = 0;
    for operation in operations() {
        for (form, canary) in forms() {
            for planting in wire::plantings(operation, Direction::Request, &canary) {
                // Addresses of pictures come in JSON alone.
                let is_form = operation.takes_form() && !planting.path.contains("image_url");
                let request = if is_form {
                    forms::request(path(operation), &planting.message)
                } else {
                    Request::post(path(operation), planting.message.clone())
                        .with_header("content-type", "application/json")
                };
                let response = bed.client().send(&request).expect("an answer");
                // Names of parts that are no words are refused whatever they say.
                if operation.takes_form() && !planting.known && response.status == 400 {
                    assert!(response.text().contains("invalid_form"), "{}", response.text());
                    continue;
                }
                assert_eq!(
                    (response.status, code_of(&response).as_deref()),
                    (403, Some("policy_block")),
                    "{form} canary in {} of {operation:?} passed: {} {}",
                    planting.path,
                    String::from_utf8_lossy(&planting.message),
                    response.text()
                );
                planted += 1;
            }
        }
    }
    assert!(upstream.take_received().is_empty(), "a refused request was forwarded");
    assert!(planted > 100, "only {planted} plantings");
}

#[test]
fn nothing_escapes_in_an_answer() {
    let upstream = Canned::start();
    let bed = bed(&upstream);
    let mut planted = 0;
    for operation in operations() {
        for (form, canary) in forms() {
            for planting in wire::plantings(operation, Direction::Response, &canary) {
                upstream.answer("application/json", planting.message.clone());
                let response = bed.client().send(&ask(operation, false)).expect("an answer");
                assert_eq!(
                    response.status,
                    403,
                    "{form} canary in {} of {operation:?} passed: {}",
                    planting.path,
                    response.text()
                );
                assert!(!response.text().contains(&canary));
                planted += 1;
            }
        }
    }
    assert!(planted > 20, "only {planted} plantings");
}

#[test]
fn nothing_escapes_in_a_stream() {
    let upstream = Canned::start();
    let bed = bed(&upstream);
    let mut planted = Vec::new();
    let operations = operations().filter(|operation| operation.streams());
    for (operation, (form, canary)) in operations.flat_map(|one| forms().map(|form| (one, form))) {
        if form == "base64" {
            // What is encoded is found when the lane ends, after it was sent: see THREATS.md.
            continue;
        }
        for planting in wire::plantings(operation, Direction::Stream, &canary) {
            let event = String::from_utf8_lossy(&planting.message).into_owned();
            let (content_type, stream) = stream_of(operation, &event);
            upstream.answer(content_type, stream);
            let response = bed.client().send(&ask(operation, true)).expect("an answer");
            assert_eq!(response.status, 200);
            assert!(
                !response.text().contains(&canary),
                "{form} canary in {} of {operation:?} passed: {}",
                planting.path,
                response.text()
            );
            planted.push(format!("{form} canary in {}: {event}", planting.path));
        }
    }
    assert!(planted.len() > 10, "only {} plantings", planted.len());
    for (closed, planted) in bed.closed(planted.len()).iter().zip(planted) {
        // An address that carries a value out is known as that, and the value in it need not be looked for.
        let is_known = closed.findings.iter().any(|found| {
            let kind = &found.finding.kind;
            kind.as_str() == "pii.email" || kind.family() == "exfiltration"
        });
        assert!(is_known, "{planted}: {:?}", closed.findings);
    }
}

/// The stream that is this event and an end.
fn stream_of(operation: Operation, event: &str) -> (&'static str, Vec<u8>) {
    let events = "text/event-stream";
    let (content_type, stream) = match operation.dialect() {
        Dialect::Bedrock => {
            let frame = |name, payload: &[u8]| testkit::converse_frame("event", name, payload);
            let said = frame("contentBlockDelta", event.as_bytes());
            let stop = frame("messageStop", b"{\"stopReason\":\"end_turn\"}");
            return ("application/vnd.amazon.eventstream", [said, stop].concat());
        }
        Dialect::Gemini => {
            let stop =
                r#"{"candidates":[{"content":{"role":"model"},"finishReason":"STOP","index":0}]}"#;
            (events, format!("data: {event}\r\n\r\ndata: {stop}\r\n\r\n"))
        }
        Dialect::Anthropic => (
            events,
            format!(
                "event: content_block_delta\ndata: {event}\n\n\
                 event: message_stop\ndata: {{\"type\":\"message_stop\"}}\n\n"
            ),
        ),
        Dialect::Ollama => ("application/x-ndjson", format!("{event}\n{{\"done\":true}}\n")),
        Dialect::OpenAi => (events, format!("data: {event}\n\ndata: [DONE]\n\n")),
    };
    (content_type, stream.into_bytes())
}

fn ask(operation: Operation, streamed: bool) -> Request {
    if operation.method() == "GET" {
        let request = Request::get(path(operation));
        return match operation.dialect() {
            Dialect::Anthropic => request.with_header("anthropic-version", "2023-06-01"),
            Dialect::Bedrock | Dialect::Gemini | Dialect::Ollama | Dialect::OpenAi => request,
        };
    }
    let body = match operation {
        Operation::Embeddings
        | Operation::Pooling
        | Operation::Moderations
        | Operation::ResponseInputTokens
        | Operation::OllamaEmbed => {
            serde_json::json!({ "model": "m", "input": "hello" })
        }
        Operation::Responses => {
            serde_json::json!({ "model": "m", "stream": streamed, "input": "hello" })
        }
        Operation::AudioTranscriptions | Operation::AudioTranslations => {
            let asked = serde_json::json!({ "model": "m", "stream": streamed, "file": { "filename": "a" } });
            return forms::request(path(operation), asked.to_string().as_bytes());
        }
        Operation::ImageEdits | Operation::ImageVariations => {
            let mut asked = serde_json::json!({ "model": "m", "image": { "filename": "a" } });
            if streamed {
                asked["stream"] = true.into();
            }
            return forms::request(path(operation), asked.to_string().as_bytes());
        }
        Operation::AudioSpeech => {
            let format = if streamed { "sse" } else { "audio" };
            serde_json::json!({ "model": "m", "input": "hello", "stream_format": format })
        }
        Operation::ImageGenerations => {
            serde_json::json!({ "model": "m", "prompt": "hello", "stream": streamed })
        }
        Operation::OllamaShow => serde_json::json!({ "model": "m" }),
        Operation::Tokenize | Operation::OllamaEmbeddings => {
            serde_json::json!({ "model": "m", "prompt": "hello" })
        }
        Operation::Converse | Operation::ConverseStream => {
            serde_json::json!({ "messages": [{ "role": "user", "content": [{ "text": "hello" }] }] })
        }
        Operation::GenerateContent
        | Operation::StreamGenerateContent
        | Operation::GeminiCountTokens => {
            serde_json::json!({ "contents": [{ "role": "user", "parts": [{ "text": "hello" }] }] })
        }
        Operation::EmbedContent => {
            serde_json::json!({ "content": { "parts": [{ "text": "hello" }] } })
        }
        Operation::BatchEmbedContents => {
            serde_json::json!({ "requests": [{ "content": { "parts": [{ "text": "hello" }] } }] })
        }
        Operation::Detokenize => serde_json::json!({ "model": "m", "tokens": [7] }),
        Operation::Score => serde_json::json!({ "model": "m", "text_1": "a", "text_2": "b" }),
        Operation::Rerank => {
            serde_json::json!({ "model": "m", "query": "a", "documents": ["b"] })
        }
        Operation::Completions | Operation::OllamaGenerate => {
            serde_json::json!({ "model": "m", "stream": streamed, "prompt": "hello" })
        }
        _ => serde_json::json!({
            "model": "m", "max_tokens": 100, "stream": streamed,
            "messages": [{ "role": "user", "content": "hello" }],
        }),
    };
    Request::post(path(operation), body.to_string()).with_header("content-type", "application/json")
}
