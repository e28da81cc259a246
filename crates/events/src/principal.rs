//! Who is asking.
//!
//! INVARIANT: a principal is what was *authenticated*; claims the caller makes about its own end
//! user are in `end_user` and never widen what it may do.

use serde::{Deserialize, Serialize};

use crate::KeyId;

/// The authenticated caller of an interaction. Fields are alphabetical: see [`crate::canonical_bytes`].
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Principal {
    /// The agent that acts, as its token says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The application, as named when the key was made, or as a token or certificate is mapped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    /// What the caller says about its own end user (`user`, `safety_identifier`), hashed by the gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_user: Option<String>,
    /// Who vouches for `user`, for callers without a virtual key: the configured name of the issuer of their
    /// tokens, or `certificate`. Users of two issuers are never the same principal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The virtual key's public id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyId>,
    /// The team.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// The tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The subject of the token, or the name in the client's certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

impl Principal {
    /// What tells one principal from another, in a fixed order, for keyed hashes.
    pub fn parts(&self) -> [&str; 8] {
        [
            self.tenant.as_deref(),
            self.team.as_deref(),
            self.application.as_deref(),
            self.key.as_ref().map(KeyId::as_str),
            self.end_user.as_deref(),
            self.issuer.as_deref(),
            self.user.as_deref(),
            self.agent.as_deref(),
        ]
        .map(Option::unwrap_or_default)
    }
}

/// What a caller brought besides a virtual key: on record, and never the thing itself. Fields are alphabetical.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// The name in the client's certificate, also where a key or a token decided who asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// A keyed hash of the token's own id (`jti`, RFC 7519 section 4.1.7), to find all that one token did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

impl Credentials {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
