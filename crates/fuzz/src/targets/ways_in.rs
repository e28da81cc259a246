//! `identity`: tokens, key sets and certificates as anybody may send them.

use std::sync::{Arc, LazyLock};

use identity::{
    Algorithm, CertificateNames, ClaimPath, Condition, GrantRow, GrantTable, Issuer,
    IssuerSettings, KeySet, Mapping, Token,
};
use policy::NamePattern;

use crate::engine::{Outcome, Target, fingerprint, mixed};

/// Public keys, and tokens that they verify.
const KEYS: &str = include_str!("../../../identity/tests/fixtures/rsa-keys.json");
const TOKENS: &str = include_str!("../../../identity/tests/fixtures/rsa-tokens.txt");
/// When the tokens are valid, in milliseconds since 1970.
const NOW_MS: u64 = 1_800_000_100_000;

/// Any text as a token: none is taken but those that the issuer has signed.
pub(super) const TOKEN: Target = Target {
    name: "identity_token",
    seeds: || TOKENS.lines().map(|token| token.as_bytes().to_vec()).collect(),
    dictionary: &[b".", b"..", b"eyJhbGciOiJub25lIn0", b"eyJhbGciOiJIUzI1NiJ9", b"=", b"-_"],
    run: token,
};

/// Any text as a key set: what is read stays within its limit, and verifies no token that its issuer's keys do not.
pub(super) const KEY_SET: Target = Target {
    name: "identity_key_set",
    seeds: || vec![KEYS.as_bytes().to_vec()],
    dictionary: &[
        br#""kty":"OKP""#,
        br#""crv":"Ed25519""#,
        br#""crv":"P-256""#,
        br#""kty":"oct""#,
        br#""use":"enc""#,
        br#""key_ops":["verify"]"#,
        br#""alg":"RS256""#,
        br#""d":"AQAB""#,
    ],
    run: key_set,
};

/// Any bytes as a certificate: names are read or they are not, in bounded work.
pub(super) const CERTIFICATE: Target = Target {
    name: "identity_certificate",
    seeds: || vec![include_bytes!("../../../identity/tests/fixtures/certificate.der").to_vec()],
    dictionary: &[
        b"\x30\x80",
        b"\x30\x82\xff\xff",
        b"\x06\x03\x55\x1d\x11",
        b"\x86\x09spiffe://",
        b"\x82\x01a",
        b"\xa3\x03",
        b"\x17\x0d240229120000Z",
    ],
    run: certificate,
};

static ISSUER: LazyLock<Issuer> = LazyLock::new(|| Issuer::new(settings()));

#[expect(clippy::expect_used, reason = "without its keys there is nothing to fuzz")]
static KEYS_READ: LazyLock<KeySet> =
    LazyLock::new(|| KeySet::parse(KEYS.as_bytes()).expect("a key set"));

#[expect(clippy::expect_used, reason = "the paths are written here")]
fn settings() -> IssuerSettings {
    let path = |text: &str| ClaimPath::parse(text).expect("a path");
    let when = Condition { claim: path("groups"), any_of: vec![NamePattern::new("*")] };
    IssuerSettings {
        name: String::from("corp"),
        issuer: String::from("https://issuer.example"),
        audiences: vec![String::from("bartizan")],
        algorithms: Algorithm::ALL.to_vec(),
        types: vec![String::from("JWT")],
        leeway_ms: 0,
        lifetime_ms_max: 86_400_000,
        mapping: Mapping {
            user: path("sub"),
            agent: None,
            application: None,
            team: None,
            tenant: None,
        },
        grants: GrantTable::new(vec![GrantRow {
            when: vec![when],
            agent: None,
            application: None,
            team: None,
            tenant: None,
            limits: Arc::default(),
        }]),
    }
}

fn token(bytes: &[u8]) -> Outcome {
    let Ok(text) = std::str::from_utf8(bytes) else { return 0 };
    let verified = Token::parse(text).and_then(|token| ISSUER.verify(&token, &KEYS_READ, NOW_MS));
    match verified {
        Ok(admitted) => {
            assert!(TOKENS.lines().any(|signed| signed == text), "nobody signed this: {text}");
            assert_eq!(admitted.principal.user.as_deref(), Some("ann"));
            1
        }
        Err(refusal) => mixed(2, fingerprint(refusal.code())),
    }
}

fn key_set(bytes: &[u8]) -> Outcome {
    match KeySet::parse(bytes) {
        Ok(keys) => {
            assert!((1..=identity::KEYS_MAX).contains(&keys.len()));
            let mut good = 0;
            for text in TOKENS.lines() {
                let verified =
                    Token::parse(text).and_then(|token| ISSUER.verify(&token, &keys, NOW_MS));
                good += u64::from(verified.is_ok());
            }
            mixed(keys.len() as u64, good)
        }
        Err(error) => fingerprint(&format!("{error:?}")),
    }
}

fn certificate(bytes: &[u8]) -> Outcome {
    match CertificateNames::read(bytes, 0) {
        Ok(names) => {
            let count = names.uris.len() + names.dns.len() + names.emails.len();
            assert!(
                (1..=identity::CERTIFICATE_NAMES_MAX).contains(&count) && names.name().is_some()
            );
            count as u64
        }
        Err(error) => fingerprint(&error.to_string()),
    }
}
