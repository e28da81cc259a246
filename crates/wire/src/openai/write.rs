//! What this gateway says of its own in the OpenAI dialect: errors, held text, and early endings.
//!
//! INVARIANT: everything written here is one line of JSON per event, so it reads back as it was meant;
//! text is escaped, whatever it holds.

use crate::document::Facts;
use crate::json_text::push_string;
use crate::lane::{Channel, Lane};
use crate::route::{Dialect, Operation};

/// What every chunk of a stream repeats, taken from the chunks seen so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// The answer's id.
    pub id: String,
    /// The model that answers.
    pub model: String,
    /// When it was made, in seconds since 1970.
    pub created: u64,
    /// `system_fingerprint`, when the upstream states one.
    pub system_fingerprint: Option<String>,
}

impl Envelope {
    /// Takes over what a chunk states and the envelope does not know yet.
    pub fn observe(&mut self, facts: &Facts<'_>) {
        if let (true, Some(id)) = (self.id.is_empty(), &facts.id) {
            self.id.push_str(id);
        }
        if let (true, Some(model)) = (self.model.is_empty(), &facts.model) {
            self.model.push_str(model);
        }
        if let (0, Some(created)) = (self.created, facts.created) {
            self.created = created;
        }
        if let (None, Some(fingerprint)) = (&self.system_fingerprint, &facts.system_fingerprint) {
            self.system_fingerprint = Some(fingerprint.clone().into_owned());
        }
    }
}

/// A refusal to a client, in no dialect yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorShape<'a> {
    /// For people: what happened and what to do.
    pub message: &'a str,
    /// The dialect's class: `invalid_request_error`, `authentication_error`, `api_error`.
    pub kind: &'a str,
    /// The field at fault.
    pub param: Option<&'a str>,
    /// The stable code.
    pub code: &'a str,
    /// The interaction's id, for support.
    pub interaction: Option<&'a str>,
}

/// Why a stream ends early.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notice<'a> {
    /// The stable code.
    pub code: &'a str,
    /// For people.
    pub message: &'a str,
    /// The interaction's id, for support.
    pub interaction: &'a str,
}

/// The line that ends a stream.
pub(crate) const DONE: &str = "[DONE]";

/// A whole event that carries `text` on `lane`, for text that was held back until its own event had
/// gone. `text` is text of the lane: for arguments, a piece of their JSON.
///
/// `None` for lanes that are delivered whole ([`crate::Delivery::Whole`]) and so never held, and for
/// operations that do not stream.
pub fn delta_event(
    operation: Operation,
    envelope: &Envelope,
    lane: Lane,
    text: &str,
) -> Option<Vec<u8>> {
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
        | Channel::Other(_) => return None,
    };
    if !operation.streams() {
        return None;
    }
    let mut event = chunk_start(envelope, lane.choice);
    event.extend_from_slice(before.as_bytes());
    push_string(&mut event, text);
    event.extend_from_slice(after.as_bytes());
    event.extend_from_slice(b",\"finish_reason\":null}]}\n\n");
    Some(event)
}

/// The events that end a stream early in the dialect's own way: every choice in `choices` ends with
/// `content_filter` and the notice as its refusal, then `[DONE]`.
pub fn blocked_ending(
    operation: Operation,
    envelope: &Envelope,
    choices: &[u32],
    notice: &Notice<'_>,
) -> Vec<u8> {
    let mut events = Vec::new();
    if !operation.streams() {
        return events;
    }
    for choice in choices {
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
pub fn error_event(dialect: Dialect, shape: &ErrorShape<'_>) -> Vec<u8> {
    let mut event = b"data: ".to_vec();
    event.append(&mut error_body(dialect, shape));
    event.extend_from_slice(b"\n\n");
    event
}

/// The body of an error response.
pub fn error_body(dialect: Dialect, shape: &ErrorShape<'_>) -> Vec<u8> {
    match dialect {
        Dialect::OpenAi => {
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
    }
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
