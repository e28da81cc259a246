//! JSON Web Tokens.
//!
//! **Finds** (`secret.jwt`): a base64url header that decodes to a JSON object with an `alg`, a full stop, and
//! a payload that begins like a JSON object (RFC 7519, RFC 7515 §7.1); the token goes to the last
//! character it can have, however long it is. Encrypted tokens (RFC 7516) have an `enc` in the
//! header and any second part.
//!
//! **Does not find** tokens whose header is longer than 400 characters, or parts of tokens.
//!
//! **Example**: `eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln` is found whole.

use super::super::{GoesOn, Hit};
use super::family::Alphabet;
use crate::decode::base64_bytes;
use crate::text::Text;
use crate::{DetectorCard, Reach};

/// The longest header that is read.
const HEADER_BYTES_MAX: usize = 400;

pub(crate) const CARD: DetectorCard = DetectorCard {
    name: "json_web_token",
    kinds: &["secret.jwt"],
    reach: Reach::Held(HEADER_BYTES_MAX + 5),
    summary: "JSON Web Tokens with a header that decodes.",
};

pub(crate) fn find(text: &Text<'_>) -> Option<Hit> {
    if !text.starts_with(b"ey") {
        return None;
    }
    let header = text.run(0, |byte| Alphabet::UrlSafe.has(byte));
    if !(16..=HEADER_BYTES_MAX).contains(&header) || text.get(header) != Some(b'.') {
        return None;
    }
    let decoded = base64_bytes(text.slice(0, header));
    let has = |name: &[u8]| decoded.windows(name.len()).any(|part| part == name);
    let signed = has(b"\"alg\"") && text.has_at(header + 1, b"ey");
    let encrypted = has(b"\"enc\"")
        && text.get(header + 1).is_some_and(|byte| Alphabet::UrlSafe.has(byte) || byte == b'.');
    if !decoded.starts_with(b"{") || !decoded.ends_with(b"}") || !(signed || encrypted) {
        return None;
    }
    let mut hit = Hit::new(&CARD, "secret.jwt", header + 2, 55);
    hit.goes_on = Some(GoesOn::UntilTokenEnd);
    Some(hit)
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::{check, hits};

    #[test]
    fn tokens_are_found_by_their_header() {
        for text in [
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N",
            "eyJ0eXAiOiJKV1QiLA0KImFsZyI6IkhTMjU2In0.eyJzdWIiOiIxIn0",
        ] {
            assert_eq!(hits(text).first().map(|hit| hit.kind), Some("secret.jwt"), "{text}");
        }
    }

    #[test]
    fn other_base64_is_not() {
        for text in [
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9",
            "eyJAAAA.eyJBBB",
            "bm90X3ZhbGlkX2pzb25fYXRfYWxs.bm90X3ZhbGlkX2pzb25fYXRfYWxs.SflKxwRJSMeKKF2QT4",
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ.eyJzdWIiOiIxIn0.x",
            "eyes.eyes",
        ] {
            check("secret.jwt", text, &[]);
        }
    }
}
