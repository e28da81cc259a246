//! What this gateway says of its own in a stream of the Responses API.
//!
//! INVARIANT: an early ending repeats the text that was sent and no other, and no call of a tool: what was
//! stopped must not be acted on.

use crate::json_text::push_string;
use crate::lane::{Channel, Lane};
use crate::write::{Envelope, Notice};

/// See [`crate::delta_event`].
pub(super) fn delta_event(envelope: &Envelope, lane: Lane, text: &str) -> Option<Vec<u8>> {
    let (kind, index) = match lane.channel {
        Channel::Unlisted(kind, part) => {
            let stem = envelope.transcript.unlisted(kind)?;
            (stem.strip_prefix("response.").unwrap_or(stem), Some(("content_index", part)))
        }
        Channel::PartText(part) => ("output_text", Some(("content_index", part))),
        Channel::PartRefusal(part) => ("refusal", Some(("content_index", part))),
        Channel::ReasoningText(part) => ("reasoning_text", Some(("content_index", part))),
        Channel::SummaryText(part) => ("reasoning_summary_text", Some(("summary_index", part))),
        Channel::ToolArguments(_) => ("function_call_arguments", None),
        Channel::McpArguments => ("mcp_call_arguments", None),
        Channel::CustomInput(_) => ("custom_tool_call_input", None),
        Channel::Code => ("code_interpreter_call_code", None),
        Channel::ShellCommand(part) => ("shell_call_command", Some(("command_index", part))),
        Channel::ShellOutput(part) | Channel::ShellErrors(part) => {
            ("shell_call_output_content", Some(("command_index", part)))
        }
        Channel::Transcript => ("audio.transcript", None),
        _ => return None,
    };
    let mut event = event_start(envelope, &format!("response.{kind}.delta"));
    let item = envelope.transcript.item(lane.choice);
    if !item.is_empty() {
        event.extend_from_slice(br#","item_id":"#);
        push_string(&mut event, item);
    }
    event.extend_from_slice(format!(r#","output_index":{}"#, lane.choice).as_bytes());
    if let Some((name, index)) = index {
        event.extend_from_slice(format!(r#","{name}":{index}"#).as_bytes());
    }
    event.extend_from_slice(br#","delta":"#);
    match lane.channel {
        Channel::ShellOutput(_) => push_member(&mut event, "{\"stdout\":", text, "}"),
        Channel::ShellErrors(_) => push_member(&mut event, "{\"stderr\":", text, "}"),
        Channel::PartText(_) => push_member(&mut event, "", text, ",\"logprobs\":[]"),
        _ => push_string(&mut event, text),
    }
    event.extend_from_slice(b"}\n\n");
    Some(event)
}

/// The answer ends incomplete, for its content, with what was said so far.
pub(super) fn blocked_ending(envelope: &Envelope, notice: &Notice<'_>) -> Vec<u8> {
    let mut event = event_start(envelope, "response.incomplete");
    event.extend_from_slice(br#","response":{"id":"#);
    push_string(&mut event, &envelope.id);
    event.extend_from_slice(
        format!(r#","object":"response","created_at":{},"model":"#, envelope.created).as_bytes(),
    );
    push_string(&mut event, &envelope.model);
    event.extend_from_slice(
        br#","status":"incomplete","incomplete_details":{"reason":"content_filter"},"error":null,"output":["#,
    );
    push_items(&mut event, envelope);
    event.extend_from_slice(
        br#"],"parallel_tool_calls":true,"tool_choice":"auto","tools":[],"metadata":{},"usage":null,"bartizan":{"code":"#,
    );
    push_string(&mut event, notice.code);
    push_member(&mut event, ",\"message\":", notice.message, "");
    push_member(&mut event, ",\"interaction\":", notice.interaction, "}}}\n\n");
    event
}

/// The messages and the reasoning that were sent, part by part.
fn push_items(event: &mut Vec<u8>, envelope: &Envelope) {
    let mut open: Option<(u32, bool)> = None;
    for (lane, text) in envelope.transcript.lanes() {
        let (is_reasoning, before, after) = match lane.channel {
            Channel::PartText(_) => {
                (false, r#"{"type":"output_text","annotations":[],"text":"#, "}")
            }
            Channel::PartRefusal(_) => (false, r#"{"type":"refusal","refusal":"#, "}"),
            Channel::SummaryText(_) => (true, r#"{"type":"summary_text","text":"#, "}"),
            _ => continue,
        };
        if open == Some((lane.choice, is_reasoning)) {
            event.push(b',');
        } else {
            let between = if open.is_some() { "]},{" } else { "{" };
            push_member(
                event,
                &format!("{between}\"id\":"),
                envelope.transcript.item(lane.choice),
                "",
            );
            event.extend_from_slice(if is_reasoning {
                br#","type":"reasoning","status":"incomplete","summary":["#.as_slice()
            } else {
                br#","type":"message","role":"assistant","status":"incomplete","content":["#
            });
            open = Some((lane.choice, is_reasoning));
        }
        push_member(event, before, text, after);
    }
    if open.is_some() {
        event.extend_from_slice(b"]}");
    }
}

/// An event up to its number.
fn event_start(envelope: &Envelope, kind: &str) -> Vec<u8> {
    let mut event = format!("event: {kind}\ndata: {{\"type\":\"{kind}\"").into_bytes();
    if let Some(sequence) = envelope.sequence {
        event.extend_from_slice(format!(r#","sequence_number":{sequence}"#).as_bytes());
    }
    event
}

fn push_member(event: &mut Vec<u8>, before: &str, text: &str, after: &str) {
    event.extend_from_slice(before.as_bytes());
    push_string(event, text);
    event.extend_from_slice(after.as_bytes());
}
