//! The public keys of an issuer: a JWK set (RFC 7517).
//!
//! Keys of kinds that are not known, for encryption, or too small are left out, as the standard has it; they then
//! verify nothing. A set that holds a private key is refused as a whole: it is public, so that key is too.
//!
//! INVARIANT: at most [`KEY_SET_BYTES_MAX`] bytes and [`KEYS_MAX`] keys. INVARIANT: a symmetric key (`oct`) is
//! never a key here.

use std::collections::BTreeMap;

use data_encoding::BASE64URL_NOPAD;
use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};

use crate::algorithm::{Algorithm, Scheme};
use crate::json::Json;

/// Bytes of a key set.
pub const KEY_SET_BYTES_MAX: usize = 256 << 10;
/// Keys of a set, those left out included.
pub const KEYS_MAX: usize = 100;
/// Keys that are tried for one token; a set may use one id more than once (RFC 7517 section 4.5).
const TRIES_MAX: usize = 4;
/// Bits of an RSA modulus: fewer are too weak (RFC 7518 section 3.3), more take too long.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// A text that is no key set. The issuer's or the operator's to mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// Too many bytes.
    #[error("the key set has {bytes} bytes, the limit is {KEY_SET_BYTES_MAX}")]
    TooLong {
        /// How many.
        bytes: usize,
    },
    /// Not a JWK set.
    #[error("not a JWK set: an object with a list `keys` of objects is expected (RFC 7517)")]
    Malformed,
    /// Too many keys.
    #[error("the key set has {count} keys, the limit is {KEYS_MAX}")]
    TooMany {
        /// How many.
        count: usize,
    },
    /// A private key is in it.
    #[error(
        "the key set holds a private key, which is no longer private: replace it at the issuer"
    )]
    Private,
    /// Nothing in it verifies a token.
    #[error("the key set holds no public key for signatures that is known here")]
    Empty,
}

/// The keys of an issuer at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySet(Vec<Key>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Key {
    id: Option<String>,
    /// If the set says so, only for this.
    algorithm: Option<String>,
    material: Material,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Material {
    Rsa {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
    /// An uncompressed point.
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

/// What keys make of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Good,
    Bad,
    /// No key is named so, or may be used so.
    NoKey,
}

impl KeySet {
    /// The set in this text.
    pub fn parse(text: &[u8]) -> Result<Self, KeySetError> {
        if text.len() > KEY_SET_BYTES_MAX {
            return Err(KeySetError::TooLong { bytes: text.len() });
        }
        let members = Json::object(text).ok_or(KeySetError::Malformed)?;
        let Some(Json::List(listed)) = members.get("keys") else {
            return Err(KeySetError::Malformed);
        };
        if listed.len() > KEYS_MAX {
            return Err(KeySetError::TooMany { count: listed.len() });
        }
        let mut keys = Vec::new();
        for listed in listed {
            let Json::Object(members) = listed else { return Err(KeySetError::Malformed) };
            if members.contains_key("d") {
                return Err(KeySetError::Private);
            }
            keys.extend(Key::read(members));
        }
        if keys.is_empty() { Err(KeySetError::Empty) } else { Ok(Self(keys)) }
    }

    /// How many keys can verify something.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none can.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether there is a key that a token with this header would be verified with.
    pub(crate) fn has_key(&self, algorithm: Algorithm, id: Option<&str>) -> bool {
        self.fitting(algorithm, id).next().is_some()
    }

    pub(crate) fn verify(
        &self,
        (algorithm, id): (Algorithm, Option<&str>),
        signed: &[u8],
        signature: &[u8],
    ) -> Verdict {
        let mut verdict = Verdict::NoKey;
        for key in self.fitting(algorithm, id).take(TRIES_MAX) {
            if key.verifies(algorithm, signed, signature) {
                return Verdict::Good;
            }
            verdict = Verdict::Bad;
        }
        verdict
    }

    /// The keys of this id that fit the algorithm. A token that names none may mean the only one that fits.
    fn fitting<'k>(
        &'k self,
        algorithm: Algorithm,
        id: Option<&'k str>,
    ) -> impl Iterator<Item = &'k Key> {
        let fits = move |key: &&Key| key.fits(algorithm);
        let is_only = self.0.iter().filter(fits).count() == 1;
        self.0.iter().filter(fits).filter(move |key| match id {
            Some(id) => key.id.as_deref() == Some(id),
            None => is_only,
        })
    }
}

impl Key {
    fn read(members: &BTreeMap<String, Json>) -> Option<Self> {
        let text = |name: &str| members.get(name).and_then(Json::text);
        let bytes = |name: &str| BASE64URL_NOPAD.decode(text(name)?.as_bytes()).ok();
        let is_for_signatures = text("use").is_none_or(|purpose| purpose == "sig");
        let is_to_verify = match members.get("key_ops") {
            None => true,
            Some(Json::List(purposes)) => purposes.iter().any(|one| one.text() == Some("verify")),
            Some(_) => false,
        };
        if !is_for_signatures || !is_to_verify {
            return None;
        }
        let material = match (text("kty")?, text("crv")) {
            ("RSA", None) => rsa(bytes("n")?, bytes("e")?)?,
            ("EC", Some("P-256")) => Material::P256(point(&bytes("x")?, &bytes("y")?, 32)?),
            ("EC", Some("P-384")) => Material::P384(point(&bytes("x")?, &bytes("y")?, 48)?),
            ("OKP", Some("Ed25519")) => {
                Material::Ed25519(bytes("x").filter(|point| point.len() == 32)?)
            }
            _ => return None,
        };
        let algorithm = text("alg").map(str::to_owned);
        Some(Self { id: text("kid").map(str::to_owned), algorithm, material })
    }

    fn fits(&self, algorithm: Algorithm) -> bool {
        let is_meant = self.algorithm.as_deref().is_none_or(|name| name == algorithm.as_str());
        is_meant
            && matches!(
                (&self.material, algorithm.scheme()),
                (Material::Rsa { .. }, Scheme::Rsa(_))
                    | (Material::P256(_), Scheme::P256(_))
                    | (Material::P384(_), Scheme::P384(_))
                    | (Material::Ed25519(_), Scheme::Ed25519)
            )
    }

    fn verifies(&self, algorithm: Algorithm, signed: &[u8], given: &[u8]) -> bool {
        let verified = match (&self.material, algorithm.scheme()) {
            (Material::Rsa { modulus, exponent }, Scheme::Rsa(parameters)) => {
                RsaPublicKeyComponents { n: modulus, e: exponent }.verify(parameters, signed, given)
            }
            (Material::P256(point), Scheme::P256(scheme))
            | (Material::P384(point), Scheme::P384(scheme)) => {
                UnparsedPublicKey::new(scheme, point).verify(signed, given)
            }
            (Material::Ed25519(point), Scheme::Ed25519) => {
                UnparsedPublicKey::new(&signature::ED25519, point).verify(signed, given)
            }
            _ => return false,
        };
        verified.is_ok()
    }
}

/// Both numbers without leading zeros, as `ring` wants them.
fn rsa(modulus: Vec<u8>, exponent: Vec<u8>) -> Option<Material> {
    let trimmed =
        |bytes: Vec<u8>| -> Vec<u8> { bytes.into_iter().skip_while(|byte| *byte == 0).collect() };
    let (modulus, exponent) = (trimmed(modulus), trimmed(exponent));
    let first = modulus.first()?;
    let bits = modulus.len() * 8 - first.leading_zeros() as usize;
    (RSA_BITS.contains(&bits) && (1..=8).contains(&exponent.len()))
        .then_some(Material::Rsa { modulus, exponent })
}

/// The uncompressed form of a point (SEC 1 section 2.3.3).
fn point(x: &[u8], y: &[u8], coordinate_bytes: usize) -> Option<Vec<u8>> {
    (x.len() == coordinate_bytes && y.len() == coordinate_bytes).then(|| [&[4], x, y].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(members: &str) -> String {
        let zeros = BASE64URL_NOPAD.encode(&[1; 32]);
        let members = members.replace("32", &zeros);
        format!("{{\"keys\":[{{{members}}}]}}")
    }

    #[test]
    fn only_public_keys_for_signatures_count() {
        let modulus = |bytes: usize| BASE64URL_NOPAD.encode(&vec![0xff; bytes]);
        let rsa = |bytes| format!(r#""kty":"RSA","n":"{}","e":"AQAB""#, modulus(bytes));
        for (members, expected) in [
            (r#""kty":"OKP","crv":"Ed25519","x":"32""#.to_owned(), Ok(1)),
            (r#""kty":"EC","crv":"P-256","x":"32","y":"32""#.to_owned(), Ok(1)),
            (r#""kty":"EC","crv":"P-256","x":"32","y":"32","use":"sig""#.to_owned(), Ok(1)),
            (rsa(256), Ok(1)),
            (rsa(1024), Ok(1)),
            (rsa(128), Err(KeySetError::Empty)),
            (rsa(1025), Err(KeySetError::Empty)),
            (r#""kty":"EC","crv":"P-384","x":"32","y":"32""#.to_owned(), Err(KeySetError::Empty)),
            (r#""kty":"EC","crv":"P-521","x":"32","y":"32""#.to_owned(), Err(KeySetError::Empty)),
            (r#""kty":"OKP","crv":"X25519","x":"32""#.to_owned(), Err(KeySetError::Empty)),
            (r#""kty":"oct","k":"32""#.to_owned(), Err(KeySetError::Empty)),
            (
                r#""kty":"OKP","crv":"Ed25519","x":"32","use":"enc""#.to_owned(),
                Err(KeySetError::Empty),
            ),
            (
                r#""kty":"OKP","crv":"Ed25519","x":"32","key_ops":["sign"]"#.to_owned(),
                Err(KeySetError::Empty),
            ),
            (r#""kty":"OKP","crv":"Ed25519","x":"32="#.to_owned() + "\"", Err(KeySetError::Empty)),
            (
                r#""kty":"OKP","crv":"Ed25519","x":"32","d":"32""#.to_owned(),
                Err(KeySetError::Private),
            ),
            (r#""kty":"OKP","kty":"EC""#.to_owned(), Err(KeySetError::Malformed)),
        ] {
            let read = KeySet::parse(key(&members).as_bytes()).map(|set| set.len());
            assert_eq!(read, expected, "{members}");
        }
        for text in ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[1]}"#] {
            assert_eq!(KeySet::parse(text.as_bytes()), Err(KeySetError::Malformed), "{text}");
        }
    }

    #[test]
    fn a_set_has_limits() {
        let one = r#"{"kty":"oct","k":""}"#;
        let of = |count: usize| format!("{{\"keys\":[{}]}}", vec![one; count].join(","));
        assert_eq!(KeySet::parse(of(KEYS_MAX).as_bytes()), Err(KeySetError::Empty));
        let error = KeySet::parse(of(KEYS_MAX + 1).as_bytes());
        assert_eq!(error, Err(KeySetError::TooMany { count: KEYS_MAX + 1 }));
        let long = vec![b' '; KEY_SET_BYTES_MAX + 1];
        let error = KeySet::parse(&long);
        assert_eq!(error, Err(KeySetError::TooLong { bytes: KEY_SET_BYTES_MAX + 1 }));
        assert_eq!(KeySet::parse(&long[1..]), Err(KeySetError::Malformed));
    }
}
