//! Why a message was not read.
//!
//! All of these are the sender's fault, none is worth a retry, and the message goes no further: the
//! gateway answers a request with [`ReadError::status`] and treats a response as a failed upstream.
//!
//! INVARIANT: no error carries text of the message, only paths whose free-form keys look like
//! identifiers ([`crate::Document::path`]), offsets and limits.

use crate::document::MemberAt;

/// Why a message was not read. Offsets are in bytes from the start of the message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// More bytes than the limit.
    #[error("the body is larger than {bytes_max} bytes")]
    TooLarge {
        /// The limit.
        bytes_max: usize,
    },
    /// Not UTF-8, as RFC 8259 §8.1 asks.
    #[error("the body is not UTF-8 (at byte {offset})")]
    InvalidUtf8 {
        /// The first bad byte.
        offset: usize,
    },
    /// One of several messages has a fault of its own.
    #[error("{at}{}: {error}", named(custom_id.as_deref()))]
    Member {
        /// Where it stands.
        at: MemberAt,
        /// What its sender calls it, if that is a word.
        custom_id: Option<String>,
        /// The fault.
        error: Box<ReadError>,
    },
    /// Not JSON as in RFC 8259.
    #[error("the body is not JSON: {what} (at byte {offset})")]
    Malformed {
        /// Where.
        offset: usize,
        /// What stands there or is missing.
        what: &'static str,
    },
    /// Not a form as in RFC 7578, or one that readers of forms understand differently.
    #[error("the body is not a form as it must be: {what} (at byte {offset})")]
    MalformedForm {
        /// Where.
        offset: usize,
        /// What stands there or is missing.
        what: &'static str,
    },
    /// The same key twice in an object, after escapes: readers disagree about which one counts.
    #[error("a key stands twice in one object: `{path}`")]
    DuplicateKey {
        /// The second one.
        path: String,
    },
    /// A named limit was crossed.
    #[error("more than {max} {of}")]
    Limit {
        /// What there is too much of, in words: `levels of nesting`.
        of: &'static str,
        /// The limit.
        max: usize,
    },
    /// The top level is not what the operation takes.
    #[error("the body must be {expected}")]
    WrongBody {
        /// In words: `a JSON object`, `empty`.
        expected: &'static str,
    },
    /// A setting has a value outside its constraint.
    #[error("`{path}` must be {expected}")]
    Violation {
        /// Where.
        path: String,
        /// In words.
        expected: &'static str,
    },
    /// A field that is never forwarded.
    #[error("`{path}` is not accepted here: {why}")]
    Denied {
        /// Where.
        path: String,
        /// In words.
        why: &'static str,
    },
    /// A field that the content map does not know, under [`crate::UnknownFields::Refuse`].
    #[error("`{path}` is not a field this gateway knows")]
    UnknownField {
        /// Where.
        path: String,
    },
    /// The operation has no streamed form.
    #[error("this operation does not stream")]
    NotStreamed,
}

impl ReadError {
    /// The stable code for clients and records.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "body_too_large",
            Self::InvalidUtf8 { .. } => "invalid_utf8",
            Self::Member { error, .. } => error.code(),
            Self::Malformed { .. } => "invalid_json",
            Self::MalformedForm { .. } => "invalid_form",
            Self::DuplicateKey { .. } => "duplicate_key",
            Self::Limit { .. } => "limit_exceeded",
            Self::WrongBody { .. } => "invalid_body",
            Self::Violation { .. } => "invalid_value",
            Self::Denied { .. } => "field_denied",
            Self::UnknownField { .. } => "unknown_field",
            Self::NotStreamed => "not_streamed",
        }
    }

    /// The field at fault, for the `param` of an error.
    pub fn param(&self) -> Option<&str> {
        match self {
            Self::DuplicateKey { path }
            | Self::Violation { path, .. }
            | Self::Denied { path, .. }
            | Self::UnknownField { path } => Some(path),
            Self::Member { error, .. } => error.param(),
            _ => None,
        }
    }

    /// The HTTP status for a request with this fault.
    pub fn status(&self) -> u16 {
        match self {
            Self::Member { error, .. } => error.status(),
            Self::TooLarge { .. } => 413,
            _ => 400,
        }
    }
}

/// ` (custom_id `a`)`, if there is one.
fn named(custom_id: Option<&str>) -> String {
    custom_id.map_or_else(String::new, |id| format!(" (custom_id `{id}`)"))
}
