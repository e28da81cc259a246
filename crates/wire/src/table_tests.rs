//! The content maps against the reader: a canary in every guarded path, a violation in every
//! constrained one, every denied one refused, and the messages of the API reference known in full.

use events::Provenance;

use crate::document::{Document, Embedded, Literal};
use crate::event_stream::framed;
use crate::form::{Form, Kind};
use crate::maps::tables;
use crate::plant::message_with;
use crate::table::{Fact, MessageTable, Row, Rule, Takes};
use crate::{
    Channel, Dialect, Direction, EVENT_BYTES_MAX, FrameKind, Framing, Lane, ReadError, ReadLimits,
    StreamEvent, StreamPart, StreamReader, UnknownFields, plantings, read_request, read_response,
    read_stream_event,
};

const CANARY: &str = "canary-7Q2M9XA \u{e9}\"\\";

/// Reads a message of a table's kind and hands the document over.
fn with_document<T>(
    table: &MessageTable,
    bytes: &[u8],
    unknown: UnknownFields,
    check: impl Fn(&Document<'_>) -> T,
) -> Result<T, ReadError> {
    let limits = ReadLimits::default();
    match table.direction {
        Direction::Request => {
            read_request(table.operation, bytes, unknown, &limits).map(|d| check(&d))
        }
        Direction::Response => {
            read_response(table.operation, bytes, unknown, &limits).map(|d| check(&d))
        }
        Direction::RequestLine | Direction::ResponseLine => {
            let machine = crate::maps::machine(table.operation, table.direction).expect("a map");
            let text = std::str::from_utf8(bytes).expect("text");
            crate::reader::read(machine, text, unknown, &limits).map(|d| check(&d))
        }
        Direction::Stream => {
            let event = part(table, bytes);
            match read_stream_event(table.operation, &event, unknown, &limits)? {
                StreamEvent::Chunk(document)
                | StreamEvent::Last(document)
                | StreamEvent::Error(document) => Ok(check(&document)),
                other => panic!("no document: {other:?}"),
            }
        }
    }
}

fn part(table: &MessageTable, data: &[u8]) -> StreamPart {
    let framing = table.operation.dialect().framing();
    let mut reader = StreamReader::new(framing, EVENT_BYTES_MAX);
    if framing == Framing::Frames {
        reader.push(&framed(FrameKind::Event, "contentBlockDelta", data));
        return reader.next_event().expect("a frame").expect("a good one");
    }
    if framing == Framing::Lines {
        reader.push(data);
        reader.push(b"\n");
        return reader.next_event().expect("a line").expect("good bytes");
    }
    if table.operation.dialect() == Dialect::Anthropic {
        reader.push(b"event: content_block_delta\n");
    }
    reader.push(b"data: ");
    reader.push(data);
    reader.push(b"\n\n");
    reader.next_event().expect("an event").expect("good bytes")
}

/// Tables of JSON: in a form, everything is text.
fn tables_of_json() -> impl Iterator<Item = &'static MessageTable> {
    tables().filter(|table| !table.operation.is_upload() || table.direction != Direction::Request)
}

/// The type of an event has to be its name.
fn is_event_type(row: &Row) -> bool {
    matches!(row.fact, Some(Fact::Event(_)))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn skeletons_are_known_in_full() {
    for table in tables() {
        let message = message_with(table, "model", "\"m\"", "user");
        let message = if table.rows().any(|row| row.path == "model") {
            message
        } else {
            message_with(table, table.skeleton[0].0, table.skeleton[0].1, "user")
        };
        let read = with_document(table, &message, UnknownFields::Refuse, |_| ());
        assert_eq!(read, Ok(()), "{}", text(&message));
    }
}

#[test]
fn a_canary_in_every_guarded_place_is_found() {
    let mut found = 0;
    for table in tables() {
        // The name of a file has no quotes and no escapes.
        let is_form = table.operation.is_upload() && table.direction == Direction::Request;
        let canary = if is_form { "a canary" } else { CANARY };
        for planting in plantings(table.operation, table.direction, canary) {
            let what = format!("{} in {}", planting.path, text(&planting.message));
            let check = |document: &Document<'_>| {
                if planting.is_file {
                    let file = document.files.first().unwrap_or_else(|| panic!("no file: {what}"));
                    assert_eq!(file.declared(), "text/plain", "{what}");
                    let decoded = data_encoding::BASE64.decode(file.base64().as_bytes());
                    assert_eq!(decoded.as_deref(), Ok(canary.as_bytes()), "{what}");
                    let path = planting.path.replace("[]", "[0]");
                    assert_eq!(document.path_of_file(file), path, "{what}");
                    return;
                }
                let field = document
                    .fields
                    .iter()
                    .find(|field| field.text.contains(canary))
                    .unwrap_or_else(|| panic!("not found: {what}"));
                assert_eq!(field.provenance, planting.provenance, "{what}");
                assert_eq!(document.has_unknown(), !planting.known, "{what}");
                let channel = field.lane.map(|lane| lane.channel);
                match (table.direction, planting.channel) {
                    (direction, _) if direction.is_request() => {
                        assert_eq!(channel, None, "{what}");
                    }
                    (_, Some(expected)) => assert_eq!(channel, Some(expected), "{what}"),
                    (_, None) => assert!(
                        matches!(channel, Some(Channel::Other(_) | Channel::Extension(..))),
                        "{what}"
                    ),
                }
                let raw = &document.source()[field.source.clone()];
                assert_eq!(crate::json_text::decoded(raw), field.text, "{what}");
            };
            with_document(table, &planting.message, UnknownFields::Scan, check)
                .unwrap_or_else(|error| panic!("{error}: {what}"));
            let strict = with_document(table, &planting.message, UnknownFields::Refuse, |_| ());
            assert_eq!(strict.is_ok(), planting.known, "{what}: {strict:?}");
            found += 1;
        }
    }
    assert!(found > 250, "only {found} places");
}

/// A value that no form of the kind admits.
fn violation(form: Form) -> &'static [&'static str] {
    match form.kind() {
        Kind::Text => &["\"my name is Anna Schmidt\"", "true", "12"],
        Kind::Number => &["\"12\"", "true"],
        Kind::Flag => &["\"true\"", "1"],
    }
}

#[test]
fn a_violation_in_every_constrained_place_is_refused_or_read() {
    for table in tables_of_json() {
        for row in table.rows() {
            let form = match row.rule {
                Rule::Constrained(form) | Rule::OpaqueForm(form, _) => form,
                Rule::File(_) => Form::Base64,
                _ => continue,
            };
            if is_event_type(row) {
                continue;
            }
            for value in violation(form) {
                let takes = |takes: Takes| match value.as_bytes()[0] {
                    b'"' => takes.text,
                    b't' => takes.flag,
                    _ => takes.number,
                };
                if table.rows().any(|other| other.path == row.path && takes(other.takes()))
                    && !value.contains("Anna")
                {
                    continue;
                }
                let shared = table.rows().any(|other| {
                    other.path == row.path && matches!(other.rule, Rule::Guarded { .. })
                });
                let message = message_with(table, row.path, value, "user");
                let what = text(&message);
                let read = with_document(table, &message, UnknownFields::Scan, |document| {
                    let seen = document.fields.iter().any(|field| field.text.contains("Anna"));
                    assert_eq!(seen, value.contains("Anna"), "{what}");
                    document.has_unknown()
                });
                match table.direction {
                    direction if direction.is_request() && shared => {}
                    direction if direction.is_request() => {
                        assert!(
                            matches!(read, Err(ReadError::Violation { .. })),
                            "{what}: {read:?}"
                        );
                        let path = read.err().and_then(|e| e.param().map(str::to_owned));
                        let expected = row.path.replace("[]", "[0]");
                        assert_eq!(path, Some(expected), "{what}");
                    }
                    // What is to be replaced by something of ours does not pass as something else.
                    _ if matches!(row.fact, Some(Fact::Handle(_))) && value.contains("Anna") => {
                        assert!(matches!(read, Err(ReadError::Violation { .. })), "{what}");
                    }
                    _ => assert_eq!(read, Ok(true), "{what}"),
                }
            }
        }
    }
}

#[test]
fn every_denied_place_is_refused_whatever_stands_there() {
    let mut denied = 0;
    for table in tables() {
        for row in table.rows().filter(|row| matches!(row.rule, Rule::Denied(_))) {
            for value in ["\"x\"", "1", "true", "{}", "[]", "{\"a\":[1]}"] {
                let message = message_with(table, row.path, value, "user");
                let read = with_document(table, &message, UnknownFields::Scan, |_| ());
                let path = row.path.replace("[]", "[0]");
                assert!(
                    matches!(&read, Err(ReadError::Denied { path: at, .. }) if *at == path),
                    "{}: {read:?}",
                    text(&message)
                );
            }
            denied += 1;
        }
    }
    assert!(denied > 20);
}

#[test]
fn every_opaque_place_is_listed() {
    for table in tables() {
        for row in table.rows() {
            let value = match row.rule {
                Rule::Opaque(_) | Rule::Echo(..) => "[\"secret words\"]",
                Rule::OpaqueForm(form, _) if form.kind() == Kind::Number => "5",
                Rule::OpaqueForm(..) => "\"AAAA\"",
                Rule::Presence(Some(_)) => "{}",
                _ => continue,
            };
            let message = message_with(table, row.path, value, "user");
            let what = text(&message);
            let read = with_document(table, &message, UnknownFields::Refuse, |document| {
                let unscanned = document.unscanned();
                let path = row.path.replace("[]", "[0]");
                assert!(unscanned.iter().any(|entry| entry.path == path), "{unscanned:?}: {what}");
                assert!(!document.fields.iter().any(|field| field.text.contains("secret")));
                let is_echo = matches!(row.rule, Rule::Echo(..));
                let is_within = |other: &Row| {
                    matches!(other.rule, Rule::Repeats(_)) && row.path.starts_with(other.path)
                };
                let is_repeated = table.rows().any(is_within);
                assert_eq!(document.echoes.len(), usize::from(is_echo || is_repeated), "{what}");
                for echo in document.echoes.iter().filter(|_| is_echo) {
                    assert_eq!(&document.source()[echo.source.clone()], value);
                }
            });
            assert_eq!(read, Ok(()), "{what}");
        }
    }
}

#[test]
fn null_is_accepted_everywhere() {
    for table in tables_of_json() {
        for row in table.rows() {
            let message = message_with(table, row.path, "null", "user");
            if is_event_type(row) {
                continue;
            }
            let read = with_document(table, &message, UnknownFields::Refuse, |_| ());
            assert_eq!(read, Ok(()), "{}", text(&message));
        }
    }
}

#[test]
fn rows_are_written_once() {
    for table in tables() {
        let rows: Vec<_> = table.rows().collect();
        for (index, row) in rows.iter().enumerate() {
            for other in &rows[..index] {
                let (a, b) = (row.takes(), other.takes());
                let both = [(a.text, b.text), (a.number, b.number), (a.flag, b.flag)];
                let clash = row.path == other.path && both.contains(&(true, true));
                assert!(!clash, "{} stands twice", row.path);
            }
        }
    }
}

/// The last step of a path.
fn last_step(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or_default()
}

/// The tools that a request offers in which this stands.
fn offered(table: &MessageTable, path: &str, value: &str) -> Vec<String> {
    let message = message_with(table, path, value, "user");
    let tools = |document: &Document<'_>| {
        document.facts.tools.iter().map(|tool| tool.clone().into_owned()).collect()
    };
    with_document(table, &message, UnknownFields::Scan, tools)
        .unwrap_or_else(|error| panic!("{error}: {}", text(&message)))
}

/// What names tools without offering them: choices among those that are offered, what is taken away, the names of skills and forms.
fn only_mentions(path: &str) -> bool {
    let words = [
        "choice",
        "Choice",
        "function_call.",
        "Removal",
        "skills",
        "format",
        "Format",
        "structured",
    ];
    words.iter().any(|word| path.contains(word))
}

#[test]
fn whatever_names_a_tool_in_a_definition_is_a_fact() {
    let names = ["name", "mcp_server_name", "server_label"];
    let mut found = 0;
    for table in tables().filter(|table| table.direction.is_request()) {
        for row in table.rows() {
            let is_definition = matches!(row.rule, Rule::Guarded { origin, .. }
                if origin.provenance().0 == Provenance::ToolDefinition);
            let is_name = names.contains(&last_step(row.path)) && !only_mentions(row.path);
            let is_schema =
                row.path.starts_with("response_format") || row.path.starts_with("guided");
            if !is_definition || !is_name || is_schema {
                continue;
            }
            found += 1;
            let what = format!("{} {}", table.operation.as_str(), row.path);
            assert_eq!(row.fact, Some(Fact::Tool), "{what}");
            let tools = offered(table, row.path, "\"probe\"");
            assert!(tools.contains(&"probe".to_owned()), "{what}: {tools:?}");
        }
    }
    assert!(found > 15, "only {found} rows");
}

#[test]
fn a_definition_that_nobody_knows_is_a_tool_all_the_same() {
    let mut found = 0;
    for table in tables().filter(|table| table.direction.is_request()) {
        let offers = |row: &&Row| matches!(row.fact, Some(Fact::Tool | Fact::ToolKind));
        let places: Vec<&str> = table
            .scopes
            .iter()
            .filter(|(_, scope)| *scope == crate::table::Scope::Tool)
            .map(|(place, _)| *place)
            .collect();
        for row in table.rows().filter(offers) {
            // What offers a tool by being there, and the server that a block of changes is about.
            let is_alone =
                matches!(row.rule, Rule::Presence(_)) || row.path.ends_with("[].mcp_server_name");
            let is_within = places.iter().any(|place| row.path.starts_with(place));
            assert!(is_within || is_alone, "{} {}", table.operation.as_str(), row.path);
        }
        for place in places {
            let what = format!("{} {place}", table.operation.as_str());
            // One of a sort that is new, one with something beside its name, and one that says nothing.
            for value in ["{\"a\":1}", "true", "\"b\"", "1", "[{}]"] {
                let tools = offered(table, &format!("{place}.x_unknown"), value);
                assert_eq!(tools, ["x_unknown"], "{what}");
            }
            for nothing in ["null", "false", "[ ]"] {
                let tools = offered(table, &format!("{place}.x_unknown"), nothing);
                assert_eq!(tools, [""], "{what}: it names none");
            }
            let tools = offered(table, place, "{}");
            assert_eq!(tools, [""], "{what}");
            let list = place.trim_end_matches("[]");
            if list != place && !place.starts_with("messages") {
                let tools = offered(table, list, "\"all\"");
                assert_eq!(tools, [last_step(list)], "{what}: not what the rows say");
            }
            found += 1;
        }
    }
    assert!(found > 10, "only {found} places");
}

/// Every parameter of the API reference, each once where it may stand.
const MAXIMAL_REQUEST: &str = r#"{
  "model": "gpt-4o-audio-preview", "store": false, "metadata": {"team": "red", "n": 7},
  "messages": [
    {"role": "developer", "content": [{"type": "text", "text": "be kind",
      "prompt_cache_breakpoint": {"mode": "explicit"}}], "name": "dev"},
    {"role": "system", "content": "be brief", "name": "sys"},
    {"role": "user", "name": "anna", "content": [
      {"type": "text", "text": "look"},
      {"type": "image_url", "image_url": {"url": "https://a.example/cat.png", "detail": "low"}},
      {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
      {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
      {"type": "file", "file": {"filename": "cv.pdf",
        "file_data": "data:application/pdf;base64,JVBERi0="}}]},
    {"role": "assistant", "content": [{"type": "text", "text": "I see"},
      {"type": "refusal", "refusal": "no"}], "refusal": null, "audio": {"id": "audio_1"},
      "name": "bot", "tool_calls": [
        {"id": "call_1", "type": "function",
         "function": {"name": "look_up", "arguments": "{\"who\":\"anna\"}"}},
        {"id": "call_2", "type": "custom", "custom": {"name": "run", "input": "ls"}}],
      "function_call": {"name": "old", "arguments": "{}"}},
    {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "a cat"}]},
    {"role": "function", "name": "old", "content": "done"}],
  "modalities": ["text", "audio"], "audio": {"voice": {"id": "voice_1"}, "format": "mp3"},
  "frequency_penalty": 0.5, "presence_penalty": -0.5, "logit_bias": {"50256": -100},
  "logprobs": true, "top_logprobs": 5, "max_completion_tokens": 100, "max_tokens": 200, "n": 2,
  "moderation": {"model": "omni-moderation-latest",
    "policy": {"input": {"mode": "score"}, "output": {"mode": "block"}}},
  "parallel_tool_calls": true, "prompt_cache_key": "k", "prompt_cache_retention": "24h",
  "prompt_cache_options": {"mode": "explicit", "ttl": "30m"},
  "prediction": {"type": "content", "content": [{"type": "text", "text": "guess"}]},
  "reasoning_effort": "low", "verbosity": "low", "safety_identifier": "s-1", "user": "u-1",
  "response_format": {"type": "json_schema", "json_schema": {"name": "answer",
    "description": "the answer", "strict": true, "schema": {"type": "object", "properties":
      {"age": {"type": "integer", "description": "in years", "default": 4111111111111111}},
      "required": ["age"], "additionalProperties": false}}},
  "seed": 7, "service_tier": "auto", "stop": ["END", "STOP"], "stream": true,
  "stream_options": {"include_usage": true, "include_obfuscation": false},
  "temperature": 1, "top_p": 0.9,
  "tools": [
    {"type": "function", "function": {"name": "look_up", "description": "find a person",
      "strict": false, "parameters": {"type": "object", "properties": {"who": {"type": "string",
      "enum": ["anna", "ben"]}}}}},
    {"type": "custom", "custom": {"name": "run", "description": "a shell", "format":
      {"type": "grammar", "grammar": {"definition": "start: /.+/", "syntax": "lark"}}}}],
  "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools":
    [{"type": "function", "function": {"name": "look_up"}}]}},
  "functions": [{"name": "old", "description": "deprecated", "parameters": {"type": "object"}}],
  "function_call": {"name": "old"},
  "web_search_options": {"search_context_size": "low", "user_location": {"type": "approximate",
    "approximate": {"city": "Ulm", "country": "DE", "region": "BW", "timezone": "Europe/Berlin"}}}
}"#;

#[test]
fn the_request_of_the_api_reference_is_known_in_full() -> Result<(), ReadError> {
    let limits = ReadLimits::default();
    let document = read_request(
        crate::Operation::ChatCompletions,
        MAXIMAL_REQUEST.as_bytes(),
        UnknownFields::Refuse,
        &limits,
    )?;
    let seen: Vec<(String, &str, Provenance)> = (0..document.fields.len())
        .map(|index| {
            let field = &document.fields[index];
            (document.path(index), &*field.text, field.provenance)
        })
        .collect();
    let expected = |path: &str, text: &str, provenance| {
        let found = seen.iter().any(|(p, t, o)| p == path && *t == text && *o == provenance);
        assert!(found, "{path} {text}: {seen:#?}");
    };
    expected("messages[0].content[0].text", "be kind", Provenance::Developer);
    expected("messages[1].content", "be brief", Provenance::System);
    expected("messages[1].name", "sys", Provenance::User);
    expected("messages[2].content[1].image_url.url", "https://a.example/cat.png", Provenance::User);
    expected("messages[2].content[4].file.filename", "cv.pdf", Provenance::User);
    expected("messages[3].content[1].refusal", "no", Provenance::Assistant);
    expected(
        "messages[3].tool_calls[0].function.arguments",
        "{\"who\":\"anna\"}",
        Provenance::ToolCall,
    );
    expected("messages[3].tool_calls[1].custom.input", "ls", Provenance::ToolCall);
    expected("messages[4].content[0].text", "a cat", Provenance::ToolResult);
    expected("messages[5].name", "old", Provenance::ToolResult);
    expected("metadata.team", "team", Provenance::User);
    expected("metadata.team", "red", Provenance::User);
    expected("stop[1]", "STOP", Provenance::User);
    let schema = "response_format.json_schema.schema.properties";
    expected(&format!("{schema}.age"), "age", Provenance::ToolDefinition);
    expected(&format!("{schema}.age.description"), "in years", Provenance::ToolDefinition);
    expected(&format!("{schema}.age.default"), "4111111111111111", Provenance::ToolDefinition);
    assert!(!seen.iter().any(|(_, text, _)| ["object", "type", "properties"].contains(text)));
    let arguments = document.fields.iter().find(|field| field.text.starts_with("{\"who"));
    assert_eq!(arguments.map(|field| field.embedded), Some(Embedded::Json));
    let number = document.fields.iter().find(|field| field.text.starts_with("4111"));
    assert_eq!(number.map(|field| field.literal), Some(Literal::Number));

    let facts = &document.facts;
    assert_eq!(facts.model.as_deref(), Some("gpt-4o-audio-preview"));
    assert!(facts.stream && facts.include_usage);
    assert_eq!((facts.choices, facts.output_tokens_max), (2, Some(200)));
    assert_eq!(facts.end_user.as_deref(), Some("s-1"));
    let opening: Vec<&str> =
        document.fields[facts.opening.clone()].iter().map(|field| &*field.text).collect();
    assert_eq!(opening.first(), Some(&"be kind"));
    assert_eq!(opening.last(), Some(&"cv.pdf"));

    let files: Vec<(String, &str, &str)> = document
        .files
        .iter()
        .map(|file| (document.path_of_file(file), file.declared(), file.base64()))
        .collect();
    let path = |part| format!("messages[2].content[{part}]");
    assert_eq!(
        files,
        [
            (path("2") + ".image_url.url", "image/png", "iVBORw0KGgo="),
            (path("4") + ".file.file_data", "application/pdf", "JVBERi0="),
        ]
    );
    let unscanned: Vec<String> = document.unscanned().into_iter().map(|entry| entry.path).collect();
    assert_eq!(
        unscanned,
        [
            "messages[2].content[1].image_url.url",
            "messages[2].content[3].input_audio.data",
            "messages[3].audio.id",
            "web_search_options",
        ]
    );
    Ok(())
}

const MAXIMAL_RESPONSE: &str = r#"{
  "id": "chatcmpl-1", "object": "chat.completion", "created": 1700000000, "model": "gpt-4o",
  "service_tier": "default", "system_fingerprint": "fp_1", "metadata": {"team": "red"},
  "choices": [
    {"index": 1, "finish_reason": "tool_calls", "message": {"role": "assistant",
      "content": "hello", "refusal": "no", "reasoning_content": "hm",
      "annotations": [{"type": "url_citation", "url_citation": {"start_index": 0, "end_index": 5,
        "title": "A page", "url": "https://a.example"}}],
      "audio": {"id": "audio_1", "data": "UklGRg==", "expires_at": 1, "transcript": "hi"},
      "function_call": {"name": "old", "arguments": "{}"},
      "tool_calls": [
        {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}},
        {"id": "call_2", "type": "custom", "custom": {"name": "run", "input": "ls"}}]},
     "logprobs": {"content": [{"token": "hello", "logprob": -0.1, "bytes": [104],
       "top_logprobs": []}], "refusal": null}},
    {"message": {"role": "assistant", "content": "bye"}, "finish_reason": "stop", "index": 0}],
  "moderation": {"input": {"type": "moderation_results", "model": "m", "results": [{"flagged": false,
    "categories": {"hate": false}, "category_scores": {"hate": 0.1}, "type": "moderation_result",
    "category_applied_input_types": {"hate": ["text"]}, "model": "m"}]},
    "output": {"type": "error", "code": "c", "message": "m"}},
  "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7,
    "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0, "cache_write_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 0, "accepted_prediction_tokens": 0}}
}"#;

#[test]
fn the_answer_of_the_api_reference_is_known_in_full() -> Result<(), ReadError> {
    let document = read_response(
        crate::Operation::ChatCompletions,
        MAXIMAL_RESPONSE.as_bytes(),
        UnknownFields::Refuse,
        &ReadLimits::default(),
    )?;
    let lanes: Vec<(Lane, &str)> = document
        .fields
        .iter()
        .filter_map(|field| Some((field.lane?, &*field.text)))
        .filter(|(lane, _)| !matches!(lane.channel, Channel::Other(_)))
        .collect();
    let lane = |choice, channel| Lane { choice, channel };
    assert_eq!(
        lanes,
        [
            (lane(1, Channel::Content), "hello"),
            (lane(1, Channel::Refusal), "no"),
            (lane(1, Channel::ReasoningContent), "hm"),
            (lane(1, Channel::Transcript), "hi"),
            (lane(1, Channel::FunctionName), "old"),
            (lane(1, Channel::FunctionArguments), "{}"),
            (lane(1, Channel::ToolName(0)), "f"),
            (lane(1, Channel::ToolArguments(0)), "{\"a\":1}"),
            (lane(1, Channel::CustomName(1)), "run"),
            (lane(1, Channel::CustomInput(1)), "ls"),
            (lane(0, Channel::Content), "bye"),
        ]
    );
    let facts = &document.facts;
    assert_eq!(facts.usage, Some(events::TokenUsage { input: 3, output: 4 }));
    let finished: Vec<(u32, &str)> =
        facts.finished.iter().map(|finish| (finish.choice, &*finish.reason)).collect();
    assert_eq!(finished, [(1, "tool_calls"), (0, "stop")]);
    assert!(document.echoes.iter().all(|echo| echo.choice == 1) && document.echoes.len() == 2);
    assert!(!facts.error);
    Ok(())
}

/// What the API reference lists for each message: a path, and the JSON types that stand there.
const REFERENCES: [(crate::Operation, Direction, &str); 18] = {
    use crate::Operation::{
        Completions, Converse, ConverseStream, GeminiCountTokens, GenerateContent,
        ImageGenerations, Moderations, Responses, StreamGenerateContent,
    };
    use Direction::{Request, Response, Stream};
    [
        (Responses, Request, include_str!("../tests/reference/responses_request.txt")),
        (Responses, Response, include_str!("../tests/reference/responses_answer.txt")),
        (Responses, Stream, include_str!("../tests/reference/responses_events.txt")),
        (Completions, Request, include_str!("../tests/reference/completions_request.txt")),
        (Completions, Response, include_str!("../tests/reference/completions_answer.txt")),
        (Moderations, Request, include_str!("../tests/reference/moderations_request.txt")),
        (Moderations, Response, include_str!("../tests/reference/moderations_answer.txt")),
        (ImageGenerations, Request, include_str!("../tests/reference/images_request.txt")),
        (ImageGenerations, Response, include_str!("../tests/reference/images_answer.txt")),
        (GenerateContent, Request, include_str!("../tests/reference/gemini_request.txt")),
        (StreamGenerateContent, Request, include_str!("../tests/reference/gemini_request.txt")),
        (GeminiCountTokens, Request, include_str!("../tests/reference/gemini_request.txt")),
        (GenerateContent, Response, include_str!("../tests/reference/gemini_answer.txt")),
        (StreamGenerateContent, Stream, include_str!("../tests/reference/gemini_answer.txt")),
        (Converse, Request, include_str!("../tests/reference/converse_request.txt")),
        (ConverseStream, Request, include_str!("../tests/reference/converse_request.txt")),
        (Converse, Response, include_str!("../tests/reference/converse_answer.txt")),
        (ConverseStream, Stream, include_str!("../tests/reference/converse_events.txt")),
    ]
};

#[test]
fn every_place_of_the_references_is_known_or_denied() {
    for (operation, direction, reference) in REFERENCES {
        let table = tables()
            .find(|table| table.operation == operation && table.direction == direction)
            .expect("a table");
        let mut places = 0;
        for line in reference.lines().filter(|line| !line.starts_with('#')) {
            let (path, types) = line.split_once('\t').expect("a path and its types");
            for kind in types.split(',') {
                // Text may have to be an address, or one of a few words.
                let values: &[&str] = match kind {
                    "str" | "lit" => &["\"QUJD\"", "\"https://a.example/\"", "\"user\""],
                    "int" => &["1"],
                    "num" => &["1.5"],
                    "bool" | "flag" => &["false"],
                    "any" => &["{}"],
                    other => panic!("{other} is no type"),
                };
                let is_known = values.iter().any(|value| {
                    let message = message_with(table, path, value, "user");
                    let read = with_document(table, &message, UnknownFields::Refuse, |_| ());
                    matches!(read, Ok(()) | Err(ReadError::Denied { .. }))
                });
                assert!(is_known, "{} {}: {line}", operation.as_str(), direction.as_str());
                places += 1;
            }
        }
        assert!(places > 5, "an empty reference");
    }
}
