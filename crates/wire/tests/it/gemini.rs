//! The Gemini dialect: both spellings of every key, one for many, lanes of thoughts and of candidates.

use events::{Provenance, TokenUsage};
use serde_json::{Value, json};
use wire::{
    Channel, Direction, Lane, Operation, ReadError, ReadLimits, UnknownFields, plantings,
    read_request, read_response,
};

const CANARY: &str = "a canary";

/// The keys of a message as protocol buffers have them.
fn with_underscores(message: &Value) -> Value {
    match message {
        Value::Object(members) => {
            let member = |(key, value): (&String, &Value)| {
                let mut name = String::new();
                for character in key.chars() {
                    if character.is_ascii_uppercase() {
                        name.push('_');
                    }
                    name.push(character.to_ascii_lowercase());
                }
                (name, with_underscores(value))
            };
            Value::Object(members.iter().map(member).collect())
        }
        Value::Array(elements) => elements.iter().map(with_underscores).collect(),
        other => other.clone(),
    }
}

/// Arrays of one object as that object.
fn with_one_for_many(message: &Value) -> Value {
    match message {
        Value::Object(members) => members
            .iter()
            .map(|(key, value)| (key.clone(), with_one_for_many(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Value::Array(elements) => match elements.as_slice() {
            [only @ Value::Object(_)] => with_one_for_many(only),
            _ => elements.iter().map(with_one_for_many).collect(),
        },
        other => other.clone(),
    }
}

#[test]
fn every_place_is_known_in_both_spellings_and_as_one_for_many() {
    let mut read = 0;
    for operation in
        [Operation::GenerateContent, Operation::GeminiCountTokens, Operation::BatchEmbedContents]
    {
        for planting in plantings(operation, Direction::Request, CANARY) {
            let free = planting.path.contains('*') || planting.path.contains("{key}");
            if !planting.known || free {
                continue;
            }
            let message: Value = serde_json::from_slice(&planting.message).expect("JSON");
            for message in [with_underscores(&message), with_one_for_many(&message)] {
                let bytes = message.to_string();
                let limits = ReadLimits::default();
                let document =
                    read_request(operation, bytes.as_bytes(), UnknownFields::Refuse, &limits)
                        .unwrap_or_else(|error| panic!("{bytes}: {error}"));
                if planting.is_file {
                    assert_eq!(document.files.len(), 1, "{bytes}");
                } else {
                    let found = document.fields.iter().any(|field| {
                        field.text.contains(CANARY) && field.provenance == planting.provenance
                    });
                    assert!(found, "{bytes}: {:?}", document.fields);
                }
                read += 1;
            }
        }
    }
    assert!(read > 200, "only {read}");
}

fn refused(body: &Value) -> Option<ReadError> {
    let bytes = body.to_string();
    let limits = ReadLimits::default();
    read_request(Operation::GenerateContent, bytes.as_bytes(), UnknownFields::Scan, &limits).err()
}

#[test]
fn what_no_guard_sees_is_refused_in_either_spelling() {
    let part = |part: Value| json!({ "contents": [{ "parts": [part] }] });
    for body in [
        json!({ "cachedContent": "cachedContents/a" }),
        json!({ "cached_content": "cachedContents/a" }),
        json!({ "tools": [{ "file_search": { "fileSearchStoreNames": ["a"] } }] }),
        json!({ "tools": { "mcpServers": [{ "name": "m" }] } }),
        json!({ "tools": [{ "googleMaps": { "auth_config": { "apiKey": "k" } } }] }),
        json!({ "generation_config": { "routing_config": {} } }),
        json!({ "generationConfig": { "responseFormat": { "video": { "gcsUri": "gs://b" } } } }),
        json!({ "generationConfig": { "responseFormat": [{ "video": { "gcs_uri": "gs://b" } }] } }),
        json!({ "toolConfig": { "functionCallingConfig": { "streamFunctionCallArguments": true } } }),
        part(json!({ "fileData": { "fileUri": "gs://bucket/cv.pdf" } })),
        part(json!({ "file_data": { "file_uri": "files/abc" } })),
        part(json!({ "fileData": { "fileUri":
            "https://generativelanguage.googleapis.com/v1beta/files/abc" } })),
        part(json!({ "inlineData": { "mimeType": "image/png", "data": "not base64" } })),
        json!({ "contents": [{ "role": "admin", "parts": [] }] }),
    ] {
        let error = refused(&body);
        assert!(
            matches!(error, Some(ReadError::Denied { .. } | ReadError::Violation { .. })),
            "{body}: {error:?}"
        );
    }
    assert_eq!(
        refused(&part(json!({ "fileData": { "fileUri": "https://a.example/b.mp4" } }))),
        None
    );
}

#[test]
fn a_request_is_read_with_its_provenances_and_facts() {
    let body = json!({
        "systemInstruction": { "parts": [{ "text": "be kind" }] },
        "contents": [
            { "parts": [{ "text": "look" },
                { "inlineData": { "data": "JVBERi0=", "mimeType": "application/pdf" } }] },
            { "role": "model", "parts": [{ "text": "hm", "thought": true, "thoughtSignature": "AAAA" },
                { "functionCall": { "name": "f", "args": { "who": "anna" } } }] },
            { "role": "user", "parts": [
                { "functionResponse": { "name": "f", "response": { "found": ["ben"] } } }] }],
        "tools": [{ "functionDeclarations": [{ "name": "f", "description": "finds", "parameters":
            { "type": "OBJECT", "properties": { "who": { "type": "STRING" } } } }] },
            { "googleSearch": {} }],
        "generationConfig": { "candidateCount": 3, "maxOutputTokens": 9, "stopSequences": ["END"] },
    })
    .to_string();
    let limits = ReadLimits::default();
    let document =
        read_request(Operation::GenerateContent, body.as_bytes(), UnknownFields::Refuse, &limits)
            .expect("a request");
    let seen: Vec<(&str, Provenance)> =
        document.fields.iter().map(|field| (&*field.text, field.provenance)).collect();
    for expected in [
        ("be kind", Provenance::System),
        ("look", Provenance::User),
        ("hm", Provenance::Assistant),
        ("anna", Provenance::ToolCall),
        ("ben", Provenance::ToolResult),
        ("finds", Provenance::ToolDefinition),
        ("END", Provenance::User),
    ] {
        assert!(seen.contains(&expected), "{expected:?}: {seen:?}");
    }
    assert!(!seen.iter().any(|(text, _)| ["OBJECT", "STRING", "type"].contains(text)), "{seen:?}");
    let files: Vec<_> =
        document.files.iter().map(|file| (file.declared(), file.base64())).collect();
    assert_eq!(files, [("application/pdf", "JVBERi0=")]);
    let facts = &document.facts;
    assert_eq!((facts.choices, facts.output_tokens_max), (3, Some(9)));
    assert_eq!(facts.tools, ["f", "googleSearch"], "what the model is offered");
    let unscanned: Vec<String> = document.unscanned().into_iter().map(|entry| entry.path).collect();
    assert_eq!(unscanned, ["contents[1].parts[0].thoughtSignature", "tools[1].googleSearch"]);
}

#[test]
fn candidates_and_thoughts_are_lanes_of_their_own() {
    let body = json!({
        "candidates": [
            { "index": 1, "finishReason": "STOP", "content": { "parts": [
                { "text": "so ", "thought": true }, { "thought": true, "text": "what" },
                { "text": "hello" }, { "functionCall": { "name": "f", "args": { "a": "b" } } }] } },
            { "index": 0, "content": { "parts": [{ "text": "bye" }] } }],
        "usageMetadata": { "promptTokenCount": 3, "toolUsePromptTokenCount": 2,
            "candidatesTokenCount": 5, "thoughtsTokenCount": 4, "totalTokenCount": 14,
            "promptTokensDetails": [{ "modality": "TEXT", "tokenCount": 3 }] },
        "modelVersion": "gemini-2.5-flash", "responseId": "r_1",
    })
    .to_string();
    let limits = ReadLimits::default();
    let document =
        read_response(Operation::GenerateContent, body.as_bytes(), UnknownFields::Refuse, &limits)
            .expect("an answer");
    let lanes: Vec<(u32, Channel, &str)> = document
        .fields
        .iter()
        .filter_map(|field| {
            let Lane { choice, channel } = field.lane?;
            (!matches!(channel, Channel::Other(_))).then_some((choice, channel, &*field.text))
        })
        .collect();
    assert_eq!(
        lanes,
        [
            (1, Channel::Reasoning, "so "),
            (1, Channel::Reasoning, "what"),
            (1, Channel::Content, "hello"),
            (1, Channel::ToolName(3), "f"),
            (0, Channel::Content, "bye"),
        ]
    );
    assert_eq!(document.facts.usage, Some(TokenUsage { input: 5, output: 9 }));
    let finished: Vec<u32> = document.facts.finished.iter().map(|finish| finish.choice).collect();
    assert_eq!(finished, [1]);
}

#[test]
fn two_models_in_one_batch_are_noticed() {
    let limits = ReadLimits::default();
    for (second, expected) in [("models/a", false), ("models/b", true)] {
        let request = |model: &str| json!({ "model": model, "content": { "parts": [] } });
        let body = json!({ "requests": [request("models/a"), request(second)] }).to_string();
        let unknown = UnknownFields::Refuse;
        let read = read_request(Operation::BatchEmbedContents, body.as_bytes(), unknown, &limits);
        assert_eq!(read.expect("a batch").facts.names_two_models, expected);
    }
}
