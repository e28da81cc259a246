//! What every kind of sink has in common: a batch goes out, and what became of each record comes back.
//!
//! INVARIANT: a record counts as taken only if the receiver said so, in the way of its contract. INVARIANT: nothing a receiver
//! answers is repeated but codes and short texts of its own, cut to a length.

use futures_util::future::BoxFuture;
use net::{EndpointError, UpstreamError};

use std::time::Duration;

use super::item::Item;

/// Bytes of what a receiver says that are kept.
const WORDS_BYTES_MAX: usize = 300;

/// Sends batches somewhere.
pub(crate) trait Deliver: Send {
    /// Sends records, once. One verdict for each, in their order, or why none was given.
    fn deliver<'a>(&'a mut self, items: &'a [Item]) -> BoxFuture<'a, Result<Answer, Failure>>;
}

/// What became of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Not taken for now: it may be another time.
    Again(String),
    /// Not taken, and never will be as it is.
    Refused(String),
    /// It is there.
    Taken,
}

/// What became of a batch.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// So many of those that count as taken were refused, which ones is not told, and why.
    pub(crate) untold: Option<(u64, String)>,
    /// One for each record.
    pub(crate) verdicts: Vec<Verdict>,
}

impl Answer {
    /// All of so many are there.
    pub(crate) fn taken(count: usize) -> Self {
        Self { untold: None, verdicts: vec![Verdict::Taken; count] }
    }

    /// These became of them.
    pub(crate) const fn of(verdicts: Vec<Verdict>) -> Self {
        Self { untold: None, verdicts }
    }
}

/// Why a batch got no verdicts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The receiver will not take it as it is; a part of it, perhaps.
    Refused(String),
    /// It is too large for the receiver.
    TooLarge,
    /// Nothing is wrong with the batch: it is sent again, not before the receiver asks for it.
    Wait { after: Option<Duration>, why: String },
}

impl Failure {
    /// It is sent again.
    pub(crate) fn wait(why: impl Into<String>) -> Self {
        Self::Wait { after: None, why: why.into() }
    }
}

impl From<EndpointError> for Failure {
    fn from(error: EndpointError) -> Self {
        Self::wait(error.to_string())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::wait(error.to_string())
    }
}

/// A sink cannot be run as it is configured. The operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// Not what such a detail can be.
    #[error("`{detail}`: {why}")]
    Detail {
        /// The option.
        detail: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// A field that cannot be redacted.
    #[error(transparent)]
    Redact(#[from] export::RedactError),
    /// The address, or the certificates.
    #[error(transparent)]
    Url(#[from] UpstreamError),
}

/// What a receiver says, as far as it is kept: one line of printable text.
pub(crate) fn words(text: &str) -> String {
    let mut words: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words.retain(|letter| !letter.is_control());
    words.truncate(words.floor_char_boundary(WORDS_BYTES_MAX));
    words
}

#[cfg(test)]
mod tests {
    use super::{WORDS_BYTES_MAX, words};

    #[test]
    fn what_a_receiver_says_is_one_short_line() {
        assert_eq!(words(" a\r\n\tb\u{1b}[31m \u{0}c "), "a b[31m c");
        assert!(words(&"é".repeat(WORDS_BYTES_MAX)).len() <= WORDS_BYTES_MAX);
    }
}
