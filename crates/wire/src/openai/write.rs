//! What this gateway says of its own in the OpenAI dialect: errors, held text, and early endings.

use crate::json_text::push_string;
use crate::lane::{Channel, Lane};
use crate::openai::{write_completions, write_responses};
use crate::route::Operation;
use crate::write::{Choices, Envelope, ErrorShape, Notice};

/// The line that ends a stream.
pub(crate) const DONE: &str = "[DONE]";

const CHAT_CHUNK: &str = "chat.completion.chunk";
/// A chunk of vLLM's transcripts.
const TRANSCRIPT_CHUNK: &str = "transcription.chunk";

/// See [`crate::delta_event`].
pub(crate) fn delta_event(
    operation: Operation,
    envelope: &Envelope,
    lane: Lane,
    text: &str,
) -> Option<Vec<u8>> {
    match operation {
        Operation::Completions => write_completions::delta_event(envelope, lane, text),
        Operation::Responses => write_responses::delta_event(envelope, lane, text),
        Operation::AudioTranscriptions | Operation::AudioTranslations
            if lane.channel == Channel::Transcript =>
        {
            let mut event = br#"data: {"type":"transcript.text.delta","delta":"#.to_vec();
            push_string(&mut event, text);
            event.extend_from_slice(b"}\n\n");
            Some(event)
        }
        Operation::AudioTranscriptions | Operation::AudioTranslations => {
            chat_delta_event(TRANSCRIPT_CHUNK, envelope, lane, text)
        }
        Operation::ChatCompletions => chat_delta_event(CHAT_CHUNK, envelope, lane, text),
        _ => None,
    }
}

fn chat_delta_event(object: &str, envelope: &Envelope, lane: Lane, text: &str) -> Option<Vec<u8>> {
    if let Channel::Extension(path, part) = lane.channel {
        let (before, after) = around(envelope.transcript.extension(path)?, part);
        return Some(chat_delta(object, envelope, lane, text, (&before, &after)));
    }
    let (before, after) = match lane.channel {
        Channel::Content => (r#"{"content":"#.to_owned(), "}"),
        Channel::Refusal => (r#"{"refusal":"#.to_owned(), "}"),
        Channel::ReasoningContent => (r#"{"reasoning_content":"#.to_owned(), "}"),
        Channel::Reasoning => (r#"{"reasoning":"#.to_owned(), "}"),
        Channel::FunctionArguments => (r#"{"function_call":{"arguments":"#.to_owned(), "}}"),
        Channel::Transcript => (r#"{"audio":{"transcript":"#.to_owned(), "}}"),
        Channel::ToolArguments(call) => {
            (format!(r#"{{"tool_calls":[{{"index":{call},"function":{{"arguments":"#), "}}]}")
        }
        Channel::CustomInput(call) => {
            (format!(r#"{{"tool_calls":[{{"index":{call},"custom":{{"input":"#), "}}]}")
        }
        Channel::Thinking => (
            r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"#.to_owned(),
            "}]}]}",
        ),
        Channel::ReasoningDetail(index) => (
            format!(r#"{{"reasoning_details":[{{"index":{index},"type":"reasoning.text","text":"#),
            "}]}",
        ),
        _ => return None,
    };
    Some(chat_delta(object, envelope, lane, text, (&before, after)))
}

fn chat_delta(
    object: &str,
    envelope: &Envelope,
    lane: Lane,
    text: &str,
    (before, after): (&str, &str),
) -> Vec<u8> {
    let mut event = chunk_start(envelope, object, lane.choice);
    event.extend_from_slice(br#""delta":"#);
    event.extend_from_slice(before.as_bytes());
    push_string(&mut event, text);
    event.extend_from_slice(after.as_bytes());
    event.extend_from_slice(b",\"finish_reason\":null}]}\n\n");
    event
}

/// What stands before and after text at such a path (`tool_calls[0].function.x`): objects and lists with nothing else in
/// them but the number of the call.
fn around(path: &str, part: u32) -> (String, String) {
    let (mut before, mut after) = (String::new(), String::new());
    // Only calls have numbers, and no list stands above theirs.
    let mut number = if part > 0 { format!(r#""index":{part},"#) } else { String::new() };
    for step in path.split('.') {
        let (name, lists) = step
            .split_once('[')
            .map_or((step, 0), |(name, rest)| (name, 1 + rest.matches('[').count()));
        let number =
            if before.ends_with('[') { std::mem::take(&mut number) } else { String::new() };
        before.extend(["{", &number, "\"", name, "\":"]);
        before.push_str(&"[".repeat(lists));
        after.insert(0, '}');
        after.insert_str(0, &"]".repeat(lists));
    }
    (before, after)
}

/// Every open choice ends with `content_filter` and says why (every choice, if none is open), then `[DONE]`. Transcripts,
/// speech and pictures have no way to say that they were stopped but an error.
pub(crate) fn blocked_ending(
    operation: Operation,
    envelope: &Envelope,
    choices: Choices<'_>,
    notice: &Notice<'_>,
) -> Vec<u8> {
    if operation == Operation::Responses {
        return write_responses::blocked_ending(envelope, notice);
    }
    if !matches!(operation, Operation::ChatCompletions | Operation::Completions) {
        return error_event(&ErrorShape {
            message: notice.message,
            kind: "policy_violation",
            code: notice.code,
            interaction: Some(notice.interaction),
            ..ErrorShape::default()
        });
    }
    let mut events = Vec::new();
    for choice in if choices.open.is_empty() { choices.seen } else { choices.open } {
        events.append(&mut match operation {
            Operation::Completions => write_completions::blocked(envelope, *choice, notice),
            _ => blocked_chat(envelope, *choice, notice),
        });
    }
    events.extend_from_slice(format!("data: {DONE}\n\n").as_bytes());
    events
}

/// The notice is the refusal of the model, as far as the client is concerned.
fn blocked_chat(envelope: &Envelope, choice: u32, notice: &Notice<'_>) -> Vec<u8> {
    let mut event = chunk_start(envelope, CHAT_CHUNK, choice);
    event.extend_from_slice(br#""delta":{"refusal":"#);
    push_string(&mut event, notice.message);
    event.extend_from_slice(br#"},"finish_reason":"content_filter"}],"bartizan":{"code":"#);
    push_string(&mut event, notice.code);
    event.extend_from_slice(br#","interaction":"#);
    push_string(&mut event, notice.interaction);
    event.extend_from_slice(b"}}\n\n");
    event
}

/// A failure in the middle of a stream. No `[DONE]` follows, so that clients see it as one.
pub(crate) fn error_event(shape: &ErrorShape<'_>) -> Vec<u8> {
    let mut event = b"data: ".to_vec();
    event.append(&mut error_body(shape));
    event.extend_from_slice(b"\n\n");
    event
}

/// The body of an error response.
pub(crate) fn error_body(shape: &ErrorShape<'_>) -> Vec<u8> {
    let mut body = br#"{"error":{"message":"#.to_vec();
    push_string(&mut body, shape.message);
    body.extend_from_slice(br#","type":"#);
    push_string(&mut body, shape.kind);
    body.extend_from_slice(br#","param":"#);
    push_optional(&mut body, shape.param);
    body.extend_from_slice(br#","code":"#);
    push_string(&mut body, shape.code);
    if let Some(interaction) = shape.interaction {
        body.extend_from_slice(br#","interaction":"#);
        push_string(&mut body, interaction);
    }
    body.extend_from_slice(b"}}");
    body
}

/// The answer to one request of a batch.
pub(crate) fn refused_answer(shape: &ErrorShape<'_>) -> Vec<u8> {
    let mut answer = format!(r#"{{"status_code":{},"request_id":"#, shape.status).into_bytes();
    push_optional(&mut answer, shape.interaction);
    answer.extend_from_slice(br#","body":"#);
    answer.append(&mut error_body(shape));
    answer.push(b'}');
    answer
}

fn push_optional(output: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => push_string(output, text),
        None => output.extend_from_slice(b"null"),
    }
}

/// A chunk up to what its only choice says after its index.
pub(super) fn chunk_start(envelope: &Envelope, object: &str, choice: u32) -> Vec<u8> {
    let mut event = Vec::with_capacity(256);
    event.extend_from_slice(br#"data: {"id":"#);
    push_string(&mut event, &envelope.id);
    event.extend_from_slice(br#","object":"#);
    push_string(&mut event, object);
    event.extend_from_slice(br#","created":"#);
    event.extend_from_slice(envelope.created.to_string().as_bytes());
    event.extend_from_slice(br#","model":"#);
    push_string(&mut event, &envelope.model);
    if let Some(fingerprint) = &envelope.system_fingerprint {
        event.extend_from_slice(br#","system_fingerprint":"#);
        push_string(&mut event, fingerprint);
    }
    event.extend_from_slice(format!(r#","choices":[{{"index":{choice},"#).as_bytes());
    event
}
