//! What a token has to satisfy, in order: who issued it, how it is signed, with which key, when, for whom, for what.
//!
//! INVARIANT: a claim is used only after the signature was verified; the one exception is `iss`, which chooses the
//! keys, and those decide. INVARIANT: a token without an end, without a subject or without one of the configured
//! audiences opens nothing. INVARIANT: clocks may differ by the configured leeway and no more.

use crate::claims::Claims;
use crate::json::Json;
use crate::key_set::Verdict;
use crate::{Admitted, Algorithm, GrantTable, KeySet, Mapping, Token, TokenRefusal};

/// The types of tokens that are taken unless others are configured: plain ones (a token that names no type counts
/// as such) and access tokens (RFC 9068). Logout tokens, proofs of possession and security events have others.
pub const ISSUER_TYPES_DEFAULT: [&str; 2] = ["JWT", "at+jwt"];
/// What a token is that does not say.
const PLAIN_TYPE: &str = "JWT";
/// The latest time that can be said, in seconds since 1970: after the year 30000, and exact in every number.
const TIME_S_MAX: f64 = 1e12;

/// An issuer of tokens and what its tokens mean here.
#[derive(Clone, Debug)]
pub struct IssuerSettings {
    /// What records call it.
    pub name: String,
    /// What `iss` must be, exactly.
    pub issuer: String,
    /// One of them must be in `aud`.
    pub audiences: Vec<String>,
    /// How its tokens may be signed.
    pub algorithms: Vec<Algorithm>,
    /// What `typ` may be; case does not matter, and neither does `application/`.
    pub types: Vec<String>,
    /// How far its clock may be from ours, in milliseconds.
    pub leeway_ms: u64,
    /// How long a token may be valid, in milliseconds.
    pub lifetime_ms_max: u64,
    /// Which claim says what.
    pub mapping: Mapping,
    /// Who may do what.
    pub grants: GrantTable,
}

/// An issuer, ready to check its tokens.
#[derive(Clone, Debug)]
pub struct Issuer(IssuerSettings);

impl Issuer {
    /// An issuer with these settings.
    pub const fn new(settings: IssuerSettings) -> Self {
        Self(settings)
    }

    /// What records call it.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Whether a token says that it is from here.
    pub fn issued(&self, token: &Token<'_>) -> bool {
        token.issuer() == Some(self.0.issuer.as_str())
    }

    /// Whether fetching the keys again could help: the token is signed as it may be, and its key is not there.
    pub fn lacks_key(&self, token: &Token<'_>, keys: &KeySet) -> bool {
        self.algorithm(token)
            .is_ok_and(|algorithm| !keys.has_key(algorithm, token.key_id.as_deref()))
    }

    /// Checks everything. `now_ms` is milliseconds since 1970.
    pub fn verify(
        &self,
        token: &Token<'_>,
        keys: &KeySet,
        now_ms: u64,
    ) -> Result<Admitted, TokenRefusal> {
        if !self.issued(token) {
            return Err(TokenRefusal::Issuer);
        }
        let algorithm = self.algorithm(token)?;
        if token.has_critical {
            return Err(TokenRefusal::Critical);
        }
        let kind = short_type(token.kind.as_deref().unwrap_or(PLAIN_TYPE));
        if !self.0.types.iter().any(|known| short_type(known).eq_ignore_ascii_case(kind)) {
            return Err(TokenRefusal::Type);
        }
        let asked = (algorithm, token.key_id.as_deref());
        match keys.verify(asked, token.signed, &token.signature) {
            Verdict::Good => {}
            Verdict::Bad => return Err(TokenRefusal::Signature),
            Verdict::NoKey => return Err(TokenRefusal::UnknownKey),
        }
        let claims = &token.claims;
        let expires_ms = self.in_time(claims, now_ms)?;
        if !self.is_for_us(claims) {
            return Err(TokenRefusal::Audience);
        }
        let (principal, limits) = self.0.mapping.admit(&self.0.name, claims, &self.0.grants)?;
        let token_id = claims.get("jti").and_then(Json::text).map(str::to_owned);
        Ok(Admitted { principal, limits, token_id, expires_ms })
    }

    fn algorithm(&self, token: &Token<'_>) -> Result<Algorithm, TokenRefusal> {
        let known = token.algorithm.filter(|algorithm| self.0.algorithms.contains(algorithm));
        known.ok_or(TokenRefusal::Algorithm)
    }

    /// When it ends, if now is between its beginning and its end.
    fn in_time(&self, claims: &Claims, now_ms: u64) -> Result<u64, TokenRefusal> {
        let leeway_ms = self.0.leeway_ms;
        let expires_ms = time_ms(claims, "exp")?.ok_or(TokenRefusal::Expired)?;
        if now_ms >= expires_ms.saturating_add(leeway_ms) {
            return Err(TokenRefusal::Expired);
        }
        let (not_before, issued) = (time_ms(claims, "nbf")?, time_ms(claims, "iat")?);
        let latest_ms = now_ms.saturating_add(leeway_ms);
        if [not_before, issued].into_iter().flatten().any(|begins_ms| begins_ms > latest_ms) {
            return Err(TokenRefusal::NotYetValid);
        }
        let begins_ms = issued.or(not_before).unwrap_or(latest_ms);
        if expires_ms.saturating_sub(begins_ms) > self.0.lifetime_ms_max {
            return Err(TokenRefusal::Lifetime);
        }
        Ok(expires_ms)
    }

    fn is_for_us(&self, claims: &Claims) -> bool {
        let ours = |value: &Json| {
            value
                .text()
                .is_some_and(|text| self.0.audiences.iter().any(|audience| audience == text))
        };
        match claims.get("aud") {
            Some(Json::List(audiences)) => audiences.iter().any(ours),
            Some(audience) => ours(audience),
            None => false,
        }
    }
}

/// `application/at+jwt` may be written `at+jwt` (RFC 7515 section 4.1.9).
fn short_type(kind: &str) -> &str {
    const PREFIX: &str = "application/";
    match kind.split_at_checked(PREFIX.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) && !rest.contains('/') => rest,
        _ => kind,
    }
}

/// A time in seconds since 1970, which may have a fraction, in milliseconds.
fn time_ms(claims: &Claims, name: &str) -> Result<Option<u64>, TokenRefusal> {
    match claims.get(name) {
        None => Ok(None),
        Some(Json::Number(seconds)) if (0.0..=TIME_S_MAX).contains(seconds) => {
            Ok(Some((seconds * 1000.0) as u64))
        }
        Some(_) => Err(TokenRefusal::Claim),
    }
}

#[cfg(test)]
#[path = "issuer_tests.rs"]
mod tests;
