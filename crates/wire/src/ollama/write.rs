//! What this gateway says of its own in Ollama's dialect: errors, held text, and early endings, one line each.
//!
//! INVARIANT: a line states a time, because some clients cannot read one without: the upstream's own.

use crate::json_text::push_string;
use crate::lane::{Channel, Lane};
use crate::route::Operation;
use crate::write::{Envelope, ErrorShape, Notice};

/// The time of an answer that states none.
const NO_TIME: &str = "1970-01-01T00:00:00Z";

/// See [`crate::delta_event`].
pub(crate) fn delta_event(
    operation: Operation,
    envelope: &Envelope,
    lane: Lane,
    text: &str,
) -> Option<Vec<u8>> {
    let (said, thought) = match lane.channel {
        Channel::Content => (text, None),
        Channel::Reasoning => ("", Some(text)),
        _ => return None,
    };
    let mut line = line_start(envelope);
    push_said(&mut line, operation, said, thought);
    line.extend_from_slice(b",\"done\":false}\n");
    Some(line)
}

/// The last line, which says why it is.
pub(crate) fn blocked_ending(
    operation: Operation,
    envelope: &Envelope,
    notice: &Notice<'_>,
) -> Vec<u8> {
    let mut line = line_start(envelope);
    push_said(&mut line, operation, "", None);
    line.extend_from_slice(br#","done":true,"done_reason":"content_filter","bartizan":{"code":"#);
    push_string(&mut line, notice.code);
    line.extend_from_slice(br#","message":"#);
    push_string(&mut line, notice.message);
    line.extend_from_slice(br#","interaction":"#);
    push_string(&mut line, notice.interaction);
    line.extend_from_slice(b"}}\n");
    line
}

/// A failure in the middle of a stream: clients raise what stands in `error`.
pub(crate) fn error_event(shape: &ErrorShape<'_>) -> Vec<u8> {
    let mut line = error_body(shape);
    line.push(b'\n');
    line
}

/// The body of an error response.
pub(crate) fn error_body(shape: &ErrorShape<'_>) -> Vec<u8> {
    let mut body = br#"{"error":"#.to_vec();
    push_string(&mut body, shape.message);
    body.extend_from_slice(br#","code":"#);
    push_string(&mut body, shape.code);
    for (name, value) in [("param", shape.param), ("interaction", shape.interaction)] {
        if let Some(value) = value {
            body.extend_from_slice(format!(",\"{name}\":").as_bytes());
            push_string(&mut body, value);
        }
    }
    body.push(b'}');
    body
}

/// A line up to what it says.
fn line_start(envelope: &Envelope) -> Vec<u8> {
    let mut line = br#"{"model":"#.to_vec();
    push_string(&mut line, &envelope.model);
    line.extend_from_slice(br#","created_at":"#);
    let time = Some(&*envelope.created_at).filter(|time| !time.is_empty());
    push_string(&mut line, time.unwrap_or(NO_TIME));
    line
}

fn push_said(line: &mut Vec<u8>, operation: Operation, said: &str, thought: Option<&str>) {
    let is_chat = operation == Operation::OllamaChat;
    line.extend_from_slice(if is_chat {
        br#","message":{"role":"assistant","content":"#
    } else {
        br#","response":"#
    });
    push_string(line, said);
    if let Some(thought) = thought {
        line.extend_from_slice(br#","thinking":"#);
        push_string(line, thought);
    }
    if is_chat {
        line.push(b'}');
    }
}
