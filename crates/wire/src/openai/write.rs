//! What this gateway says of its own in the OpenAI dialect: errors, held text, and early endings.

use crate::json_text::push_string;
use crate::lane::{Channel, Lane};
use crate::write::{Choices, Envelope, ErrorShape, Notice};

/// The line that ends a stream.
pub(crate) const DONE: &str = "[DONE]";

/// See [`crate::delta_event`].
pub(crate) fn delta_event(envelope: &Envelope, lane: Lane, text: &str) -> Option<Vec<u8>> {
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
        Channel::ReasoningDetail(index) => (
            format!(r#"{{"reasoning_details":[{{"index":{index},"type":"reasoning.text","text":"#),
            "}]}",
        ),
        Channel::ToolName(_)
        | Channel::CustomName(_)
        | Channel::FunctionName
        | Channel::BlockContent
        | Channel::Other(_) => return None,
    };
    let mut event = chunk_start(envelope, lane.choice);
    event.extend_from_slice(before.as_bytes());
    push_string(&mut event, text);
    event.extend_from_slice(after.as_bytes());
    event.extend_from_slice(b",\"finish_reason\":null}]}\n\n");
    Some(event)
}

/// Every open choice ends with `content_filter` and the notice as its refusal (every choice, if none is open), then
/// `[DONE]`.
pub(crate) fn blocked_ending(
    envelope: &Envelope,
    choices: Choices<'_>,
    notice: &Notice<'_>,
) -> Vec<u8> {
    let mut events = Vec::new();
    for choice in if choices.open.is_empty() { choices.seen } else { choices.open } {
        events.append(&mut chunk_start(envelope, *choice));
        events.extend_from_slice(br#"{"refusal":"#);
        push_string(&mut events, notice.message);
        events.extend_from_slice(br#"},"finish_reason":"content_filter"}],"bartizan":{"code":"#);
        push_string(&mut events, notice.code);
        events.extend_from_slice(br#","interaction":"#);
        push_string(&mut events, notice.interaction);
        events.extend_from_slice(b"}}\n\n");
    }
    events.extend_from_slice(format!("data: {DONE}\n\n").as_bytes());
    events
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

fn push_optional(output: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => push_string(output, text),
        None => output.extend_from_slice(b"null"),
    }
}

/// A chunk up to the value of its only choice's `delta`.
fn chunk_start(envelope: &Envelope, choice: u32) -> Vec<u8> {
    let mut event = Vec::with_capacity(256);
    event.extend_from_slice(br#"data: {"id":"#);
    push_string(&mut event, &envelope.id);
    event.extend_from_slice(br#","object":"chat.completion.chunk","created":"#);
    event.extend_from_slice(envelope.created.to_string().as_bytes());
    event.extend_from_slice(br#","model":"#);
    push_string(&mut event, &envelope.model);
    if let Some(fingerprint) = &envelope.system_fingerprint {
        event.extend_from_slice(br#","system_fingerprint":"#);
        push_string(&mut event, fingerprint);
    }
    event.extend_from_slice(format!(r#","choices":[{{"index":{choice},"delta":"#).as_bytes());
    event
}
