//! What this gateway says of its own in the Gemini dialect: errors, held text, and early endings.

use crate::json_text::push_string;
use crate::lane::{Channel, Lane};
use crate::write::{Choices, Envelope, ErrorShape, Notice};

/// What the details of our errors are: a reason, whose it is, and more about it.
const ERROR_INFO: &[u8] = br#"{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"#;

/// See [`crate::delta_event`].
pub(crate) fn delta_event(envelope: &Envelope, lane: Lane, text: &str) -> Option<Vec<u8>> {
    let end = match lane.channel {
        Channel::Content => "}",
        Channel::Reasoning => r#","thought":true}"#,
        _ => return None,
    };
    Some(event(envelope, |data| {
        data.extend_from_slice(br#"{"candidates":[{"content":{"parts":[{"text":"#);
        push_string(data, text);
        data.extend_from_slice(end.as_bytes());
        data.extend_from_slice(
            format!(r#"],"role":"model"}},"index":{}}}]"#, lane.choice).as_bytes(),
        );
    }))
}

/// Every open candidate ends with `SAFETY`, and the notice as its message. Where none has begun, the first does.
pub(crate) fn blocked_ending(
    envelope: &Envelope,
    choices: Choices<'_>,
    notice: &Notice<'_>,
) -> Vec<u8> {
    let ended = if choices.open.is_empty() { choices.seen } else { choices.open };
    let ended = if ended.is_empty() { &[0] } else { ended };
    event(envelope, |data| {
        data.extend_from_slice(br#"{"candidates":["#);
        for (number, choice) in ended.iter().enumerate() {
            if number > 0 {
                data.push(b',');
            }
            data.extend_from_slice(
                br#"{"content":{"parts":[{"text":""}],"role":"model"},"finishReason":"SAFETY","finishMessage":"#,
            );
            push_string(data, notice.message);
            data.extend_from_slice(format!(r#","index":{choice}}}"#).as_bytes());
        }
        data.extend_from_slice(br#"],"bartizan":{"code":"#);
        push_string(data, notice.code);
        data.extend_from_slice(br#","interaction":"#);
        push_string(data, notice.interaction);
        data.push(b'}');
    })
}

/// A failure in the middle of a stream. Every candidate that is open stays so, and clients raise the error.
pub(crate) fn error_event(shape: &ErrorShape<'_>) -> Vec<u8> {
    let mut event = b"data: ".to_vec();
    event.append(&mut error_body(shape));
    event.extend_from_slice(b"\r\n\r\n");
    event
}

/// The body of an error response (google.rpc.Status, with an `ErrorInfo` among its details).
pub(crate) fn error_body(shape: &ErrorShape<'_>) -> Vec<u8> {
    // Clients take the class of an error in the middle of a stream from here.
    let status = if shape.status == 0 { 500 } else { shape.status };
    let mut body = format!(r#"{{"error":{{"code":{status},"message":"#).into_bytes();
    push_string(&mut body, shape.message);
    body.extend_from_slice(br#","status":"#);
    push_string(&mut body, status_name(status));
    body.extend_from_slice(br#","details":["#);
    body.extend_from_slice(ERROR_INFO);
    push_string(&mut body, shape.code);
    body.extend_from_slice(br#","domain":"bartizan","metadata":{"#);
    let known = [("field", shape.param), ("interaction", shape.interaction)];
    for (number, (name, value)) in
        known.into_iter().filter_map(|(name, value)| Some((name, value?))).enumerate()
    {
        if number > 0 {
            body.push(b',');
        }
        push_string(&mut body, name);
        body.push(b':');
        push_string(&mut body, value);
    }
    body.extend_from_slice(b"}}]}}");
    body
}

/// The name that google.rpc.Code has for an HTTP status.
const fn status_name(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHENTICATED",
        402 | 403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        400..500 => "INVALID_ARGUMENT",
        502 | 503 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        _ => "INTERNAL",
    }
}

/// One event; `members` writes its data up to what every event repeats.
fn event(envelope: &Envelope, members: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut event = b"data: ".to_vec();
    members(&mut event);
    for (name, value) in [("modelVersion", &envelope.model), ("responseId", &envelope.id)] {
        if !value.is_empty() {
            event.extend_from_slice(format!(r#","{name}":"#).as_bytes());
            push_string(&mut event, value);
        }
    }
    event.extend_from_slice(b"}\r\n\r\n");
    event
}
