//! stub
use crate::document::Facts;
use crate::lane::Lane;
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
        let _ = facts;
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

/// A whole event that carries `text` on `lane`, for text that was held back until its own event had
/// gone. `None` for lanes that are delivered whole ([`crate::Delivery::Whole`]) and so never held.
pub fn delta_event(
    operation: Operation,
    envelope: &Envelope,
    lane: Lane,
    text: &str,
) -> Option<Vec<u8>> {
    let _ = (operation, envelope, lane, text);
    None
}

/// The events that end a stream early in the dialect's own way: every choice in `choices` ends with
/// `content_filter` and the notice as its refusal, then `[DONE]`.
pub fn blocked_ending(
    operation: Operation,
    envelope: &Envelope,
    choices: &[u32],
    notice: &Notice<'_>,
) -> Vec<u8> {
    let _ = (operation, envelope, choices, notice);
    Vec::new()
}

/// A failure in the middle of a stream. No `[DONE]` follows, so that clients see it as one.
pub fn error_event(dialect: Dialect, shape: &ErrorShape<'_>) -> Vec<u8> {
    let _ = (dialect, shape);
    Vec::new()
}

/// The body of an error response.
pub fn error_body(dialect: Dialect, shape: &ErrorShape<'_>) -> Vec<u8> {
    let _ = (dialect, shape);
    Vec::new()
}
