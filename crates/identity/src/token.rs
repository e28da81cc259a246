//! A JSON web token as it is written: header, claims and signature in the compact form (RFC 7515 section 3.1).
//!
//! INVARIANT: a [`Token`] is what somebody wrote; nothing of it counts before `issuer` has verified it.
//! INVARIANT: at most [`TOKEN_BYTES_MAX`] bytes; base64url without padding and without loose bits at the end, so
//! that there is one way to write a token and a cache of whole tokens cannot be gone around or into.

use std::collections::BTreeMap;

use data_encoding::BASE64URL_NOPAD;

use crate::json::Json;
use crate::{Algorithm, TokenRefusal};

/// Bytes of a token.
pub const TOKEN_BYTES_MAX: usize = 16 << 10;
/// Bytes of a key's id and of a type in a header.
const HEADER_TEXT_BYTES_MAX: usize = 256;

/// A token that nobody has verified.
#[derive(Debug)]
pub struct Token<'a> {
    /// Nothing, if it is none of those that are known.
    pub(crate) algorithm: Option<Algorithm>,
    pub(crate) claims: BTreeMap<String, Json>,
    pub(crate) has_critical: bool,
    pub(crate) key_id: Option<String>,
    pub(crate) kind: Option<String>,
    pub(crate) signature: Vec<u8>,
    pub(crate) signed: &'a [u8],
}

impl<'a> Token<'a> {
    /// Whether this is meant as a token: three parts, the first of which is a JSON object.
    pub fn is_meant(presented: &str) -> bool {
        let mut parts = presented.splitn(4, '.');
        let header = parts.next().filter(|header| header.len() <= TOKEN_BYTES_MAX);
        parts.count() == 2 && header.and_then(object).is_some()
    }

    /// Takes a token apart.
    pub fn parse(presented: &'a str) -> Result<Self, TokenRefusal> {
        if presented.len() > TOKEN_BYTES_MAX {
            return Err(TokenRefusal::TooLong);
        }
        let malformed = TokenRefusal::Malformed;
        let (signed, signature) = presented.rsplit_once('.').ok_or(malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(malformed)?;
        let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).map_err(|_| malformed)?;
        let header = object(header).ok_or(malformed)?;
        let claims = object(claims).ok_or(malformed)?;
        let text = |name: &str| match header.get(name) {
            None => Ok(None),
            Some(Json::Text(text)) if text.len() <= HEADER_TEXT_BYTES_MAX => Ok(Some(text.clone())),
            Some(_) => Err(malformed),
        };
        let algorithm = text("alg")?.ok_or(malformed)?;
        Ok(Self {
            algorithm: Algorithm::of_name(&algorithm),
            has_critical: header.contains_key("crit"),
            key_id: text("kid")?,
            kind: text("typ")?,
            claims,
            signature,
            signed: signed.as_bytes(),
        })
    }

    /// Who it says has issued it.
    pub fn issuer(&self) -> Option<&str> {
        self.claims.get("iss").and_then(Json::text)
    }
}

fn object(part: &str) -> Option<BTreeMap<String, Json>> {
    Json::object(&BASE64URL_NOPAD.decode(part.as_bytes()).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(header: &str, claims: &str) -> String {
        let part = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
        format!("{}.{}.{}", part(header), part(claims), part("signature"))
    }

    #[test]
    fn what_is_not_a_token_is_refused() {
        let good = written(r#"{"alg":"ES256","kid":"1"}"#, r#"{"iss":"x"}"#);
        assert!(Token::parse(&good).is_ok_and(|token| token.issuer() == Some("x")));
        let header = r#"{"alg":"ES256"}"#;
        let long_id = format!(r#"{{"alg":"ES256","kid":"{}"}}"#, "k".repeat(257));
        for text in [
            "",
            "a",
            "a.b",
            "a.b.c",
            "..",
            "a.b.c.d",
            &format!("{good}="),
            &format!(" {good}"),
            &format!("{good}.{good}"),
            &good.replace('.', "\n."),
            &written("{}", "{}"),
            &written(r#"{"alg":1}"#, "{}"),
            &written(r#"{"alg":"ES256","alg":"ES256"}"#, "{}"),
            &written(header, r#"{"iss":"x","iss":"y"}"#),
            &written(header, "[]"),
            &written(r#"{"alg":"ES256","kid":7}"#, "{}"),
            &written(&long_id, "{}"),
        ] {
            assert_eq!(Token::parse(text).err(), Some(TokenRefusal::Malformed), "{text}");
        }
    }

    #[test]
    fn tokens_have_a_longest_length() {
        let claims = |bytes: usize| format!(r#"{{"a":"{}"}}"#, "x".repeat(bytes));
        let header = r#"{"alg":"ES256"}"#;
        let fits = written(header, &claims(12_000));
        assert!(fits.len() <= TOKEN_BYTES_MAX && Token::parse(&fits).is_ok());
        let long = written(header, &claims(13_000));
        assert_eq!(Token::parse(&long).err(), Some(TokenRefusal::TooLong));
    }

    #[test]
    fn keys_of_providers_are_not_meant_as_tokens() {
        assert!(Token::is_meant(&written(r#"{"alg":"none"}"#, "not even JSON")));
        for text in ["sk-proj-abc", "btz_4m2k9vq0ta_x", "a.b.c", "", "..", "ya29.a0Af.x-y"] {
            assert!(!Token::is_meant(text), "{text}");
        }
    }
}
