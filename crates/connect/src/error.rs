//! Why an external guard cannot be used, or was not able to look.
//!
//! INVARIANT: no message quotes what was asked or answered but labels, which are cut to a length.

use net::{EndpointError, UpstreamError};

/// A guard's settings do not make sense. The operator's to mend; the process must not go on.
#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    /// The key cannot stand in a header.
    #[error("the key of guard `{name}` cannot be sent as a header")]
    Key {
        /// The guard.
        name: String,
    },
    /// A kind of finding that is none.
    #[error("`{kind}` is not a kind of finding; write `family` or `family.name` in small letters")]
    Kind {
        /// What was written.
        kind: String,
    },
    /// Something the service has to be told is missing.
    #[error("a guard of kind `{kind}` needs `{detail}`")]
    Missing {
        /// The option.
        detail: &'static str,
        /// The kind.
        kind: &'static str,
    },
    /// Thresholds that do not ascend, or are out of range.
    #[error("`ranks` must be pairs of a score between 0 and 1 and a rank up to 60, both ascending")]
    Ranks,
    /// This host gives no random numbers.
    #[error("this host gives no random numbers")]
    Randomness,
    /// The address.
    #[error(transparent)]
    Url(#[from] UpstreamError),
}

/// An answer that is not what the service's contract says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unreadable(pub(crate) String);

impl From<serde_json::Error> for Unreadable {
    fn from(error: serde_json::Error) -> Self {
        // The message of a data error may quote what it met.
        Self(format!("not the expected JSON, at line {} column {}", error.line(), error.column()))
    }
}

/// Why a guard could not look at a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// It failed too often and is left alone.
    #[error("circuit_open")]
    CircuitOpen,
    /// The network.
    #[error("{}", endpoint_code(.0))]
    Endpoint(#[from] EndpointError),
    /// The service's key is not there.
    #[error("key_missing")]
    KeyMissing,
    /// The service's key cannot stand in a header.
    #[error("key_unusable")]
    KeyUnusable,
    /// Nobody asked it.
    #[error("not_asked")]
    NotAsked,
    /// An HTTP status that is not a success.
    #[error("status_{0}")]
    Status(u16),
    /// All questions together took too long.
    #[error("timed_out")]
    TimedOut,
    /// More questions than one message may cost.
    #[error("too_long")]
    TooLong,
    /// Not what the contract says.
    #[error("unreadable: {0}")]
    Unreadable(#[from] Unreadable),
}

impl Failure {
    /// Whether the service is to blame, so that it may be left alone.
    pub(crate) const fn is_the_services(&self) -> bool {
        !matches!(
            self,
            Self::CircuitOpen
                | Self::KeyMissing
                | Self::KeyUnusable
                | Self::NotAsked
                | Self::TooLong
        )
    }
}

const fn endpoint_code(error: &EndpointError) -> &'static str {
    match error {
        EndpointError::Broken => "connection_broken",
        EndpointError::Connect | EndpointError::Path => "unreachable",
        EndpointError::TooLarge { .. } => "answer_too_large",
        EndpointError::TimedOut { .. } => "timed_out",
    }
}

/// Limits cannot be shared as the settings say. The operator's to mend; the process must not go on.
#[derive(Debug, thiserror::Error)]
pub enum SharedLimitsError {
    /// The host or the certificates.
    #[error(transparent)]
    Dial(#[from] UpstreamError),
    /// This host gives no random numbers.
    #[error("this host gives no random numbers")]
    Randomness,
    /// Not where a store can be. The URL may hold a password, so it is not repeated.
    #[error("this is not the URL of a store: {why}")]
    Url {
        /// What is wrong with it.
        why: &'static str,
    },
}
