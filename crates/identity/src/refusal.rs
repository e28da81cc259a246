//! Why a token does not open.
//!
//! INVARIANT: before its signature is verified, a token's bearer learns only that it is not accepted; what is wrong
//! with it is on record. INVARIANT: no word of the token is in any of these.

/// Why a token does not open. Retrying the same token is useless, except for [`TokenRefusal::NoKeys`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenRefusal {
    /// Longer than [`crate::TOKEN_BYTES_MAX`].
    TooLong,
    /// Not three parts of JSON, JSON and a signature.
    Malformed,
    /// Its issuer is not configured.
    Issuer,
    /// Signed in a way that the configuration does not name.
    Algorithm,
    /// Not of the types that the configuration names.
    Type,
    /// It names extensions that must be understood; none are.
    Critical,
    /// There is no key for it.
    UnknownKey,
    /// Signed with another key, or changed since.
    Signature,
    /// The issuer's keys cannot be had, or are too old. Ours or the issuer's fault, and may be retried.
    NoKeys,
    /// Its time is over, or it does not say when it is.
    Expired,
    /// Its time has not come.
    NotYetValid,
    /// It is valid for longer than the configuration lets it.
    Lifetime,
    /// It is for somebody else.
    Audience,
    /// It does not say for whom it speaks, or a claim that should be a name is none.
    Claim,
    /// It is good, and no row of the grants fits it.
    NoGrant,
}

impl TokenRefusal {
    /// The stable code in records.
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLong => "token_too_long",
            Self::Malformed => "token_malformed",
            Self::Issuer => "token_issuer",
            Self::Algorithm => "token_algorithm",
            Self::Type => "token_type",
            Self::Critical => "token_critical",
            Self::UnknownKey => "token_key_unknown",
            Self::Signature => "token_signature",
            Self::NoKeys => "token_keys_unavailable",
            Self::Expired => "token_expired",
            Self::NotYetValid => "token_not_yet_valid",
            Self::Lifetime => "token_lifetime",
            Self::Audience => "token_audience",
            Self::Claim => "token_claim",
            Self::NoGrant => "token_not_granted",
        }
    }

    /// What its bearer is told.
    pub const fn message(self) -> &'static str {
        match self {
            Self::NoKeys => "tokens cannot be checked at the moment; try again",
            Self::Expired => "this token has expired; get a new one",
            Self::NotYetValid => "this token is not valid yet; check the clock of its issuer",
            Self::Lifetime => "this token is valid for too long; get one with a shorter life",
            Self::Audience => {
                "this token is for another audience; ask your platform team which to ask for"
            }
            Self::Claim => "this token lacks a claim that is needed here; ask your platform team",
            Self::NoGrant => "this token is granted nothing here; ask your platform team",
            _ => "this token is not accepted; get a new one, or ask your platform team",
        }
    }
}
