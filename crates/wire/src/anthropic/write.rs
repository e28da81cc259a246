//! What this gateway says of its own in the Anthropic dialect: errors, held text, and early endings.

use crate::json_text::push_string;
use crate::lane::{Channel, Lane};
use crate::write::{Envelope, ErrorShape, Notice};

/// See [`crate::delta_event`].
pub(crate) fn delta_event(lane: Lane, text: &str) -> Option<Vec<u8>> {
    let delta = match lane.channel {
        Channel::Content => r#"{"type":"text_delta","text":"#,
        Channel::Reasoning => r#"{"type":"thinking_delta","thinking":"#,
        Channel::ToolArguments(_) => r#"{"type":"input_json_delta","partial_json":"#,
        Channel::BlockContent => r#"{"type":"compaction_delta","content":"#,
        _ => return None,
    };
    Some(event("content_block_delta", |data| {
        data.extend_from_slice(format!(r#","index":{},"delta":{delta}"#, lane.choice).as_bytes());
        push_string(data, text);
        data.push(b'}');
    }))
}

/// Every open block ends, then the message, with `refusal` and the notice as its explanation. A stream that has not
/// begun begins first, so that clients can read its end.
pub(crate) fn blocked_ending(envelope: &Envelope, open: &[u32], notice: &Notice<'_>) -> Vec<u8> {
    let mut events = Vec::new();
    if !envelope.begun {
        events.append(&mut event("message_start", |data| {
            data.extend_from_slice(br#","message":{"id":"#);
            push_string(data, notice.interaction);
            data.extend_from_slice(br#","type":"message","role":"assistant","model":"#);
            push_string(data, &envelope.model);
            data.extend_from_slice(
                br#","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":0,"output_tokens":0}}"#,
            );
        }));
    }
    for index in open {
        events.append(&mut event("content_block_stop", |data| {
            data.extend_from_slice(format!(r#","index":{index}"#).as_bytes());
        }));
    }
    events.append(&mut event("message_delta", |data| {
        data.extend_from_slice(
            br#","delta":{"stop_reason":"refusal","stop_sequence":null,"stop_details":{"type":"refusal","category":null,"explanation":"#,
        );
        push_string(data, notice.message);
        data.extend_from_slice(br#"}},"usage":{"output_tokens":0},"bartizan":{"code":"#);
        push_string(data, notice.code);
        data.extend_from_slice(br#","interaction":"#);
        push_string(data, notice.interaction);
        data.push(b'}');
    }));
    events.append(&mut event("message_stop", |_| {}));
    events
}

/// A failure in the middle of a stream. No `message_stop` follows, so that clients see it as one.
pub(crate) fn error_event(shape: &ErrorShape<'_>) -> Vec<u8> {
    let mut event = b"event: error\ndata: ".to_vec();
    event.append(&mut error_body(shape));
    event.extend_from_slice(b"\n\n");
    event
}

/// The body of an error response.
pub(crate) fn error_body(shape: &ErrorShape<'_>) -> Vec<u8> {
    let mut body = br#"{"type":"error","error":{"type":"#.to_vec();
    push_string(&mut body, error_type(shape.status));
    body.extend_from_slice(br#","message":"#);
    push_string(&mut body, shape.message);
    body.extend_from_slice(br#","code":"#);
    push_string(&mut body, shape.code);
    if let Some(param) = shape.param {
        body.extend_from_slice(br#","param":"#);
        push_string(&mut body, param);
    }
    body.push(b'}');
    if let Some(interaction) = shape.interaction {
        body.extend_from_slice(br#","request_id":"#);
        push_string(&mut body, interaction);
    }
    body.push(b'}');
    body
}

/// The result of one request of a batch.
pub(crate) fn refused_answer(shape: &ErrorShape<'_>) -> Vec<u8> {
    let mut result = br#"{"type":"errored","error":"#.to_vec();
    result.append(&mut error_body(shape));
    result.push(b'}');
    result
}

/// The type that Anthropic's reference gives each HTTP status; in a stream there is none.
const fn error_type(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        400..500 => "invalid_request_error",
        504 => "timeout_error",
        529 => "overloaded_error",
        _ => "api_error",
    }
}

/// One event; `members` writes what follows its type.
fn event(name: &str, members: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut event = format!("event: {name}\ndata: {{\"type\":\"{name}\"").into_bytes();
    members(&mut event);
    event.extend_from_slice(b"}\n\n");
    event
}
