//! Who is asking.
//!
//! INVARIANT: a principal is what was *authenticated*; claims the caller makes about its own end
//! user are in `end_user` and never widen what it may do.

use serde::{Deserialize, Serialize};

use crate::KeyId;

/// The authenticated caller of an interaction. Fields are alphabetical: see [`crate::canonical_bytes`].
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Principal {
    /// The application, as named when the key was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    /// What the caller says about its own end user (`user`, `safety_identifier`), hashed by the gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_user: Option<String>,
    /// The virtual key's public id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyId>,
    /// The team.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// The tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
}
