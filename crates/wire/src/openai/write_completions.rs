//! What this gateway says of its own in a stream of legacy completions.
//!
//! The text stands in `choices[].text`, and there is no place for a refusal: what a stopped answer says
//! about itself stands beside the choices.

use crate::json_text::push_string;
use crate::lane::{Channel, Lane};
use crate::openai::write::chunk_start;
use crate::write::{Envelope, Notice};

const OBJECT: &str = "text_completion";

/// See [`crate::delta_event`].
pub(super) fn delta_event(envelope: &Envelope, lane: Lane, text: &str) -> Option<Vec<u8>> {
    if lane.channel != Channel::Content {
        return None;
    }
    let mut event = chunk_start(envelope, OBJECT, lane.choice);
    event.extend_from_slice(br#""text":"#);
    push_string(&mut event, text);
    event.extend_from_slice(b",\"logprobs\":null,\"finish_reason\":null}]}\n\n");
    Some(event)
}

/// The event that ends a choice early.
pub(super) fn blocked(envelope: &Envelope, choice: u32, notice: &Notice<'_>) -> Vec<u8> {
    let mut event = chunk_start(envelope, OBJECT, choice);
    event.extend_from_slice(
        br#""text":"","logprobs":null,"finish_reason":"content_filter"}],"bartizan":{"code":"#,
    );
    push_string(&mut event, notice.code);
    event.extend_from_slice(br#","message":"#);
    push_string(&mut event, notice.message);
    event.extend_from_slice(br#","interaction":"#);
    push_string(&mut event, notice.interaction);
    event.extend_from_slice(b"}}\n\n");
    event
}
