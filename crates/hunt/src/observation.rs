//! One interaction as the baselines see it, when it has ended.
//!
//! INVARIANT: plain numbers and fingerprints; no text.

use events::Principal;

/// Whose traffic, of which model, to which upstream.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct SeriesName {
    /// Who asks. What callers say about their own end users should be left out: it would make a series of each.
    pub principal: Principal,
    /// The model asked for, or nothing.
    pub model: String,
    /// The upstream's configured name, or nothing.
    pub upstream: String,
}

/// How an interaction ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    /// With an answer.
    #[default]
    Answered,
    /// Request or answer were refused by policy.
    Blocked,
    /// With an answer in which the model declines.
    Declined,
    /// By a fault of the upstream or of ours.
    Failed,
    /// In another way: the client left, the request was malformed.
    Other,
}

/// The fingerprint of what the user wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Print {
    /// Of the text exactly.
    pub same: u64,
    /// A SimHash: similar texts differ in few bits. 0 for a text too short to compare.
    pub similar: u64,
}

/// One interaction that has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Observation {
    /// When it ended, in milliseconds since 1970.
    pub time_ms: u64,
    /// Tokens of the prompt.
    pub input_tokens: u64,
    /// Tokens of the answer.
    pub output_tokens: u64,
    /// From the request's first byte to the answer's last, in microseconds.
    pub duration_us: u64,
    /// From the request's first byte to the first byte of a streamed answer, in microseconds.
    pub first_byte_us: Option<u64>,
    /// How it ended.
    pub outcome: Outcome,
    /// What the user wrote.
    pub print: Option<Print>,
}
