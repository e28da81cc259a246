//! What this gateway says of its own: errors, held text, and early endings, each in the dialect of the
//! one who listens.
//!
//! INVARIANT: everything written here is one line of JSON per event, so it reads back as it was meant;
//! text is escaped, whatever it holds.
//!
//! Not here: the shapes themselves (`openai/write`, `anthropic/write`, `bedrock/write`, `gemini/write`, `ollama/write`).

use crate::anthropic;
use crate::bedrock;
use crate::document::Facts;
use crate::gemini;
use crate::lane::Lane;
use crate::ollama;
use crate::openai;
use crate::route::{Dialect, Operation};
use crate::transcript::Transcript;

/// What every chunk of a stream repeats, taken from the chunks seen so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// Whether the event that states it was sent.
    pub begun: bool,
    /// The answer's id.
    pub id: String,
    /// The model that answers.
    pub model: String,
    /// When it was made, in seconds since 1970.
    pub created: u64,
    /// When it was made, in dialects that write it in words.
    pub created_at: String,
    /// `system_fingerprint`, when the upstream states one.
    pub system_fingerprint: Option<String>,
    /// What was sent so far, in dialects that say it again.
    pub transcript: Transcript,
    /// The number of the event that is sent next, in dialects that number them.
    pub sequence: Option<u64>,
    /// How many events of our own were sent: those that follow have numbers higher by that.
    pub added: u64,
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
        if let (true, Some(created_at)) = (self.created_at.is_empty(), &facts.created_at) {
            self.created_at.push_str(created_at);
        }
        if let (None, Some(fingerprint)) = (&self.system_fingerprint, &facts.system_fingerprint) {
            self.system_fingerprint = Some(fingerprint.clone().into_owned());
        }
        if let (Some(item), Some(id)) = (facts.item, &facts.item_id) {
            self.transcript.name_item(item, id);
        }
        if let Some(stem) = &facts.unlisted {
            self.transcript.name_unlisted(stem);
        }
        for (hash, path) in &facts.extensions {
            self.transcript.name_extension(*hash, path);
        }
        if let Some((number, _)) = &facts.sequence {
            self.sequence = Some(number.saturating_add(self.added));
        }
    }

    /// An event is sent, of the upstream's or of our own.
    pub fn sent(&mut self, is_own: bool) {
        self.added += u64::from(is_own && self.sequence.is_some());
        self.sequence = self.sequence.map(|number| number.saturating_add(1));
    }
}

/// A refusal to a client, in no dialect yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorShape<'a> {
    /// For people: what happened and what to do.
    pub message: &'a str,
    /// The class, in dialects that leave the choice: `invalid_request_error`, `authentication_error`,
    /// `api_error`.
    pub kind: &'a str,
    /// The HTTP status, from which other dialects derive the class; 0 in the middle of a stream.
    pub status: u16,
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
    if !operation.streams() {
        return None;
    }
    match operation.dialect() {
        Dialect::Anthropic => anthropic::delta_event(lane, text),
        Dialect::Bedrock => bedrock::delta_event(lane, text),
        Dialect::Gemini => gemini::delta_event(envelope, lane, text),
        Dialect::Ollama => ollama::delta_event(operation, envelope, lane, text),
        Dialect::OpenAi => openai::delta_event(operation, envelope, lane, text),
    }
}

/// How far the choices of a stream have come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Choices<'a> {
    /// Those that have begun and not ended.
    pub open: &'a [u32],
    /// All that have begun.
    pub seen: &'a [u32],
}

/// The events that end a stream early in the dialect's own way.
pub fn blocked_ending(
    operation: Operation,
    envelope: &Envelope,
    choices: Choices<'_>,
    notice: &Notice<'_>,
) -> Vec<u8> {
    if !operation.streams() {
        return Vec::new();
    }
    match operation.dialect() {
        Dialect::Anthropic => anthropic::blocked_ending(envelope, choices.open, notice),
        Dialect::Bedrock => bedrock::blocked_ending(envelope, choices.open, notice),
        Dialect::Gemini => gemini::blocked_ending(envelope, choices, notice),
        Dialect::Ollama => ollama::blocked_ending(operation, envelope, notice),
        Dialect::OpenAi => openai::blocked_ending(operation, envelope, choices, notice),
    }
}

/// A failure in the middle of a stream, so that clients see it as one.
pub fn error_event(dialect: Dialect, shape: &ErrorShape<'_>) -> Vec<u8> {
    match dialect {
        Dialect::Anthropic => anthropic::error_event(shape),
        Dialect::Bedrock => bedrock::error_event(shape),
        Dialect::Gemini => gemini::error_event(shape),
        Dialect::Ollama => ollama::error_event(shape),
        Dialect::OpenAi => openai::error_event(shape),
    }
}

/// A message that tells the client of a session about an error; `event` is the id of its event at fault.
pub fn session_error(shape: &ErrorShape<'_>, event: Option<&str>) -> String {
    openai::session_error(shape, event)
}

/// A message that has a session's server stop what it is saying.
pub fn session_cancel() -> String {
    openai::session_cancel()
}

/// The body of an error response.
pub fn error_body(dialect: Dialect, shape: &ErrorShape<'_>) -> Vec<u8> {
    match dialect {
        Dialect::Anthropic => anthropic::error_body(shape),
        Dialect::Bedrock => bedrock::error_body(shape),
        Dialect::Gemini => gemini::error_body(shape),
        Dialect::Ollama => ollama::error_body(shape),
        Dialect::OpenAi => openai::error_body(shape),
    }
}

/// What stands in the place of an answer in a line of a batch's results ([`crate::Member::answer`]): that it failed, and the
/// body of the error response that a live caller would have got. In dialects without batches, as OpenAI's has it.
pub fn refused_answer(dialect: Dialect, shape: &ErrorShape<'_>) -> Vec<u8> {
    match dialect {
        Dialect::Anthropic => anthropic::refused_answer(shape),
        _ => openai::refused_answer(shape),
    }
}

/// The class of an error response, in dialects that state it in a header (`x-amzn-errortype`).
pub const fn error_class(dialect: Dialect, status: u16) -> Option<&'static str> {
    match dialect {
        Dialect::Bedrock => Some(bedrock::error_type(status)),
        _ => None,
    }
}
