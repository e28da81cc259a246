//! What this gateway says of its own in the dialect of Bedrock's Converse API: errors, held text, and early endings.

use crate::event_stream::{FrameKind, framed};
use crate::json_text::push_string;
use crate::lane::{Channel, Lane};
use crate::write::{Envelope, ErrorShape, Notice};

/// See [`crate::delta_event`].
pub(crate) fn delta_event(lane: Lane, text: &str) -> Option<Vec<u8>> {
    let (start, end) = match lane.channel {
        Channel::Content => (r#"{"text":"#, "}"),
        Channel::Reasoning => (r#"{"reasoningContent":{"text":"#, "}}"),
        Channel::ToolArguments(_) => (r#"{"toolUse":{"input":"#, "}}"),
        _ => return None,
    };
    let mut data = format!(r#"{{"contentBlockIndex":{},"delta":{start}"#, lane.choice).into_bytes();
    push_string(&mut data, text);
    data.extend_from_slice(end.as_bytes());
    data.push(b'}');
    Some(framed(FrameKind::Event, "contentBlockDelta", &data))
}

/// Every open block ends, then the message, as one that a guardrail has stopped; the notice stands where models put fields
/// of their own. A stream that has not begun begins first, so that clients can read its end.
pub(crate) fn blocked_ending(envelope: &Envelope, open: &[u32], notice: &Notice<'_>) -> Vec<u8> {
    let mut frames = Vec::new();
    let mut push = |name: &str, data: &[u8]| {
        frames.append(&mut framed(FrameKind::Event, name, data));
    };
    if !envelope.begun {
        push("messageStart", br#"{"role":"assistant"}"#);
    }
    for index in open {
        let data = format!(r#"{{"contentBlockIndex":{index}}}"#);
        push("contentBlockStop", data.as_bytes());
    }
    let mut data =
        br#"{"stopReason":"guardrail_intervened","additionalModelResponseFields":{"bartizan":{"code":"#
            .to_vec();
    push_string(&mut data, notice.code);
    data.extend_from_slice(br#","interaction":"#);
    push_string(&mut data, notice.interaction);
    data.extend_from_slice(br#","message":"#);
    push_string(&mut data, notice.message);
    data.extend_from_slice(b"}}}");
    push("messageStop", &data);
    push(
        "metadata",
        br#"{"usage":{"inputTokens":0,"outputTokens":0,"totalTokens":0},"metrics":{"latencyMs":0}}"#,
    );
    frames
}

/// A failure in the middle of a stream: an exception, so that clients raise it.
pub(crate) fn error_event(shape: &ErrorShape<'_>) -> Vec<u8> {
    framed(FrameKind::Exception, "modelStreamErrorException", &error_body(shape))
}

/// The body of an error response. Its class stands in a header, too (`x-amzn-errortype`).
pub(crate) fn error_body(shape: &ErrorShape<'_>) -> Vec<u8> {
    let mut body = br#"{"__type":"#.to_vec();
    push_string(&mut body, error_type(shape.status));
    body.extend_from_slice(br#","message":"#);
    push_string(&mut body, shape.message);
    body.extend_from_slice(br#","bartizan":{"code":"#);
    push_string(&mut body, shape.code);
    for (name, value) in [("field", shape.param), ("interaction", shape.interaction)] {
        if let Some(value) = value {
            body.extend_from_slice(format!(r#","{name}":"#).as_bytes());
            push_string(&mut body, value);
        }
    }
    body.extend_from_slice(b"}}");
    body
}

/// The class that Amazon's model of the service gives each HTTP status.
pub(crate) const fn error_type(status: u16) -> &'static str {
    match status {
        401..=403 => "AccessDeniedException",
        404 => "ResourceNotFoundException",
        408 => "ModelTimeoutException",
        424 => "ModelErrorException",
        429 => "ThrottlingException",
        400..500 => "ValidationException",
        503 => "ServiceUnavailableException",
        _ => "InternalServerException",
    }
}
