//! Tests of tokens: what is taken, what is refused and why, and that no byte of a token can be another.

use std::sync::LazyLock;

use data_encoding::BASE64URL_NOPAD;
use policy::{Grants, NamePattern};
use proptest::prelude::*;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair,
};

use super::*;
use crate::{ClaimPath, Condition, GrantRow};

const NOW_S: u64 = 1_800_000_100;
const NOW_MS: u64 = NOW_S * 1000;
const ISSUER: &str = "https://issuer.example";
const CLAIMS: &str = r#"{"iss":"https://issuer.example","aud":["other","bartizan"],"sub":"ann","iat":1800000000,"exp":1800003600,"jti":"t-1","groups":["ml","x"],"azp":"shop"}"#;
const RSA_KEYS: &str = include_str!("../tests/fixtures/rsa-keys.json");
const RSA_TOKENS: &str = include_str!("../tests/fixtures/rsa-tokens.txt");

/// Keys that were made for this run, and the set that an issuer would publish.
struct Keys {
    p256: EcdsaKeyPair,
    p384: EcdsaKeyPair,
    ed25519: Ed25519KeyPair,
    random: SystemRandom,
    set: KeySet,
}

static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let random = SystemRandom::new();
    let ecdsa = |scheme| {
        let key = EcdsaKeyPair::generate_pkcs8(scheme, &random).expect("a key");
        EcdsaKeyPair::from_pkcs8(scheme, key.as_ref(), &random).expect("a key")
    };
    let (p256, p384) =
        (ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING), ecdsa(&ECDSA_P384_SHA384_FIXED_SIGNING));
    let key = Ed25519KeyPair::generate_pkcs8(&random).expect("a key");
    let ed25519 = Ed25519KeyPair::from_pkcs8(key.as_ref()).expect("a key");
    let encode = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
    let point = |id: &str, curve: &str, key: &EcdsaKeyPair| {
        let (x, y) = key.public_key().as_ref()[1..].split_at(key.public_key().as_ref().len() / 2);
        let (x, y) = (encode(x), encode(y));
        format!(r#"{{"kty":"EC","crv":"{curve}","kid":"{id}","x":"{x}","y":"{y}"}}"#)
    };
    let x = encode(ed25519.public_key().as_ref());
    let set = format!(
        r#"{{"keys":[{},{},{{"kty":"OKP","crv":"Ed25519","kid":"ed","use":"sig","x":"{x}"}}]}}"#,
        point("p256", "P-256", &p256),
        point("p384", "P-384", &p384)
    );
    let set = KeySet::parse(set.as_bytes()).expect("a key set");
    Keys { p256, p384, ed25519, random, set }
});

/// A token, signed with the key that fits the header's algorithm, whatever the header says otherwise.
fn signed(header: &str, claims: &str) -> String {
    let encode = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
    let text = format!("{}.{}", encode(header.as_bytes()), encode(claims.as_bytes()));
    let ecdsa = |key: &EcdsaKeyPair| {
        let signature = key.sign(&KEYS.random, text.as_bytes()).expect("a signature");
        signature.as_ref().to_vec()
    };
    let signature = if header.contains("ES256") {
        ecdsa(&KEYS.p256)
    } else if header.contains("ES384") {
        ecdsa(&KEYS.p384)
    } else {
        KEYS.ed25519.sign(text.as_bytes()).as_ref().to_vec()
    };
    format!("{text}.{}", encode(&signature))
}

fn settings() -> IssuerSettings {
    let path = |text: &str| ClaimPath::parse(text).expect("a path");
    let limits = Grants { models: Some(vec![NamePattern::new("gpt-*")]), ..Grants::default() };
    let when = Condition { claim: path("groups"), any_of: vec![NamePattern::new("ml")] };
    IssuerSettings {
        name: "corp".to_owned(),
        issuer: ISSUER.to_owned(),
        audiences: vec!["bartizan".to_owned()],
        algorithms: Algorithm::ALL.to_vec(),
        types: ISSUER_TYPES_DEFAULT.map(str::to_owned).to_vec(),
        leeway_ms: 60_000,
        lifetime_ms_max: 86_400_000,
        mapping: Mapping {
            user: path("sub"),
            agent: None,
            application: Some(path("azp")),
            team: None,
            tenant: None,
        },
        grants: GrantTable::new(vec![GrantRow {
            when: vec![when],
            agent: None,
            application: None,
            team: Some("research".to_owned()),
            tenant: None,
            limits: limits.into(),
        }]),
    }
}

fn verify_at(token: &str, now_ms: u64) -> Result<Admitted, TokenRefusal> {
    Issuer::new(settings()).verify(&Token::parse(token)?, &KEYS.set, now_ms)
}

fn verify(token: &str) -> Result<Admitted, TokenRefusal> {
    verify_at(token, NOW_MS)
}

const ED: &str = r#"{"alg":"EdDSA","kid":"ed"}"#;

#[test]
fn a_good_token_is_who_it_says_and_may_what_its_row_grants() {
    let admitted = verify(&signed(ED, CLAIMS)).expect("a good token");
    let principal = admitted.principal;
    assert_eq!(principal.issuer.as_deref(), Some("corp"));
    assert_eq!(principal.user.as_deref(), Some("ann"));
    assert_eq!(principal.application.as_deref(), Some("shop"));
    assert_eq!(principal.team.as_deref(), Some("research"));
    assert_eq!((principal.key, principal.tenant), (None, None));
    assert!(admitted.limits.allows_model("gpt-4o") && !admitted.limits.allows_model("o3"));
    assert_eq!(admitted.token_id.as_deref(), Some("t-1"));
    assert_eq!(admitted.expires_ms, 1_800_003_600_000);
}

#[test]
fn every_algorithm_verifies_and_only_with_its_own_kind_of_key() {
    for (header, is_good) in [
        (r#"{"alg":"ES256","kid":"p256"}"#, true),
        (r#"{"alg":"ES384","kid":"p384"}"#, true),
        (r#"{"alg":"EdDSA","kid":"ed"}"#, true),
        (r#"{"alg":"EdDSA"}"#, true),
        (r#"{"alg":"ES256","kid":"p384"}"#, false),
        (r#"{"alg":"ES256","kid":"ed"}"#, false),
        (r#"{"alg":"RS256","kid":"p256"}"#, false),
    ] {
        let result = verify(&signed(header, CLAIMS)).map(|_| ());
        let expected = if is_good { Ok(()) } else { Err(TokenRefusal::UnknownKey) };
        assert_eq!(result, expected, "{header}");
    }
    let keys = KeySet::parse(RSA_KEYS.as_bytes()).expect("a key set");
    let issuer = Issuer::new(settings());
    let tokens: Vec<&str> = RSA_TOKENS.lines().collect();
    assert_eq!(tokens.len(), 6);
    for token in tokens {
        let parsed = Token::parse(token).expect("a token");
        assert!(issuer.verify(&parsed, &keys, NOW_MS).is_ok(), "{:?}", parsed.algorithm);
        let only = Algorithm::ALL.into_iter().filter(|one| Some(*one) != parsed.algorithm);
        let issuer = Issuer::new(IssuerSettings { algorithms: only.collect(), ..settings() });
        let refused = issuer.verify(&parsed, &keys, NOW_MS);
        assert_eq!(refused, Err(TokenRefusal::Algorithm));
        // The same signature under the name of another algorithm, for which the same key would do.
        let (_, rest) = token.split_once('.').expect("a token");
        for algorithm in Algorithm::ALL.into_iter().filter(|one| Some(*one) != parsed.algorithm) {
            let header = format!(r#"{{"alg":"{}","kid":"rsa"}}"#, algorithm.as_str());
            let forged = format!("{}.{rest}", BASE64URL_NOPAD.encode(header.as_bytes()));
            let parsed = Token::parse(&forged).expect("a token");
            assert!(Issuer::new(settings()).verify(&parsed, &keys, NOW_MS).is_err(), "{header}");
        }
    }
}

#[test]
fn headers_that_want_something_else_are_refused() {
    for (header, expected) in [
        (r#"{"alg":"none"}"#, TokenRefusal::Algorithm),
        (r#"{"alg":"HS256","kid":"ed"}"#, TokenRefusal::Algorithm),
        (r#"{"alg":"eddsa","kid":"ed"}"#, TokenRefusal::Algorithm),
        (r#"{"alg":"EdDSA","kid":"ED"}"#, TokenRefusal::UnknownKey),
        (r#"{"alg":"EdDSA","kid":""}"#, TokenRefusal::UnknownKey),
        (r#"{"alg":"EdDSA","kid":"ed","crit":["b64"],"b64":false}"#, TokenRefusal::Critical),
        (r#"{"alg":"EdDSA","kid":"ed","crit":[]}"#, TokenRefusal::Critical),
        (r#"{"alg":"EdDSA","kid":"ed","typ":"logout+jwt"}"#, TokenRefusal::Type),
        (r#"{"alg":"EdDSA","kid":"ed","typ":"application/dpop+jwt"}"#, TokenRefusal::Type),
        (r#"{"alg":"EdDSA","kid":"ed","typ":"JWT/x"}"#, TokenRefusal::Type),
    ] {
        assert_eq!(verify(&signed(header, CLAIMS)).err(), Some(expected), "{header}");
    }
    for kind in ["JWT", "jwt", "at+jwt", "application/at+JWT", "Application/jwt"] {
        let header = format!(r#"{{"alg":"EdDSA","kid":"ed","typ":"{kind}"}}"#);
        assert!(verify(&signed(&header, CLAIMS)).is_ok(), "{kind}");
    }
    let without = BASE64URL_NOPAD.encode(br#"{"alg":"EdDSA","kid":"ed"}"#);
    let claims = BASE64URL_NOPAD.encode(CLAIMS.as_bytes());
    assert_eq!(verify(&format!("{without}.{claims}.")).err(), Some(TokenRefusal::Signature));
    // A key that comes with the token is not looked at.
    let own =
        r#"{"alg":"EdDSA","kid":"x","jwk":{"kty":"OKP"},"jku":"https://evil.example","x5c":[]}"#;
    assert_eq!(verify(&signed(own, CLAIMS)).err(), Some(TokenRefusal::UnknownKey));
}

#[test]
fn a_token_without_key_id_is_verified_only_if_one_key_can_be_meant() {
    let twice = |id: &str| {
        let x = BASE64URL_NOPAD.encode(KEYS.ed25519.public_key().as_ref());
        let one = format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}"{id}}}"#);
        KeySet::parse(format!(r#"{{"keys":[{one},{one}]}}"#).as_bytes()).expect("a key set")
    };
    let issuer = Issuer::new(settings());
    let nameless = signed(r#"{"alg":"EdDSA"}"#, CLAIMS);
    let nameless = Token::parse(&nameless).expect("a token");
    let refused = issuer.verify(&nameless, &twice(""), NOW_MS);
    assert_eq!(refused, Err(TokenRefusal::UnknownKey));
    assert!(issuer.lacks_key(&nameless, &twice("")) && !issuer.lacks_key(&nameless, &KEYS.set));
    let named = signed(r#"{"alg":"EdDSA","kid":"a"}"#, CLAIMS);
    let named = Token::parse(&named).expect("a token");
    assert!(issuer.verify(&named, &twice(r#","kid":"a""#), NOW_MS).is_ok());
    let elsewhere = twice(r#","kid":"a","alg":"ES256""#);
    assert_eq!(issuer.verify(&named, &elsewhere, NOW_MS), Err(TokenRefusal::UnknownKey));
}

#[test]
fn claims_that_are_not_ours_are_refused_after_the_signature() {
    let with = |from: &str, to: &str| {
        assert!(CLAIMS.contains(from), "{from}");
        verify(&signed(ED, &CLAIMS.replace(from, to))).err()
    };
    for (from, to, expected) in [
        (
            r#""iss":"https://issuer.example""#,
            r#""iss":"https://issuer.example/""#,
            Some(TokenRefusal::Issuer),
        ),
        (r#""iss":"https://issuer.example","#, "", Some(TokenRefusal::Issuer)),
        (r#"["other","bartizan"]"#, r#""bartizan""#, None),
        (r#"["other","bartizan"]"#, r#"["other"]"#, Some(TokenRefusal::Audience)),
        (r#"["other","bartizan"]"#, r#""bartizan2""#, Some(TokenRefusal::Audience)),
        (r#"["other","bartizan"]"#, "[]", Some(TokenRefusal::Audience)),
        (r#""aud":["other","bartizan"],"#, "", Some(TokenRefusal::Audience)),
        (r#""sub":"ann","#, "", Some(TokenRefusal::Claim)),
        (r#""sub":"ann""#, r#""sub":" ""#, Some(TokenRefusal::Claim)),
        (r#""sub":"ann""#, r#""sub":"a\nb""#, Some(TokenRefusal::Claim)),
        (r#""sub":"ann""#, r#""sub":["ann","bob"]"#, Some(TokenRefusal::Claim)),
        (r#""sub":"ann""#, r#""sub":7"#, None),
        (r#""azp":"shop""#, r#""azp":{}"#, Some(TokenRefusal::Claim)),
        (r#""azp":"shop""#, r#""azp":["shop"]"#, None),
        (r#"["ml","x"]"#, r#"["x"]"#, Some(TokenRefusal::NoGrant)),
        (r#""groups":["ml","x"],"#, "", Some(TokenRefusal::NoGrant)),
        (r#","exp":1800003600"#, "", Some(TokenRefusal::Expired)),
        (r#""exp":1800003600"#, r#""exp":"1800003600""#, Some(TokenRefusal::Claim)),
        (r#""exp":1800003600"#, r#""exp":-1"#, Some(TokenRefusal::Claim)),
        (r#""exp":1800003600"#, r#""exp":1e300"#, Some(TokenRefusal::Claim)),
        (r#""iat":1800000000"#, r#""iat":null"#, Some(TokenRefusal::Claim)),
    ] {
        assert_eq!(with(from, to), expected, "{from} {to}");
    }
    let long = |bytes: usize| format!(r#""sub":"{}""#, "s".repeat(bytes));
    assert_eq!(with(r#""sub":"ann""#, &long(crate::NAME_BYTES_MAX)), None);
    let refused = with(r#""sub":"ann""#, &long(crate::NAME_BYTES_MAX + 1));
    assert_eq!(refused, Some(TokenRefusal::Claim));
}

#[test]
fn time_counts_with_the_leeway_and_no_more() {
    let token = signed(ED, &CLAIMS.replace(r#""jti""#, r#""nbf":1800000050.5,"jti""#));
    for (now_ms, expected) in [
        (1_800_000_050_500 - 60_001, Some(TokenRefusal::NotYetValid)),
        (1_800_000_050_500 - 60_000, None),
        (1_800_003_600_000 + 59_999, None),
        (1_800_003_600_000 + 60_000, Some(TokenRefusal::Expired)),
        (0, Some(TokenRefusal::NotYetValid)),
        (u64::MAX, Some(TokenRefusal::Expired)),
    ] {
        assert_eq!(verify_at(&token, now_ms).err(), expected, "{now_ms}");
    }
    let issued_later = CLAIMS.replace("1800000000", &(NOW_S + 61).to_string());
    assert_eq!(verify(&signed(ED, &issued_later)).err(), Some(TokenRefusal::NotYetValid));
    let exp = |s: u64| CLAIMS.replace("1800003600", &s.to_string());
    assert!(verify(&signed(ED, &exp(1_800_000_000 + 86_400))).is_ok());
    let refused = verify(&signed(ED, &exp(1_800_000_000 + 86_401))).err();
    assert_eq!(refused, Some(TokenRefusal::Lifetime));
    // Without a beginning, it may last so long from now.
    let endless = exp(1_900_000_000).replace(r#""iat":1800000000,"#, "");
    assert_eq!(verify(&signed(ED, &endless)).err(), Some(TokenRefusal::Lifetime));
}

#[test]
fn nothing_is_said_of_a_token_before_its_signature_is_verified() {
    let before = [
        TokenRefusal::TooLong,
        TokenRefusal::Malformed,
        TokenRefusal::Issuer,
        TokenRefusal::Algorithm,
        TokenRefusal::Type,
        TokenRefusal::Critical,
        TokenRefusal::UnknownKey,
        TokenRefusal::Signature,
    ];
    assert!(before.iter().all(|refusal| refusal.message() == TokenRefusal::Signature.message()));
    let expired = CLAIMS.replace("1800003600", "1800000001");
    let (text, _) = signed(ED, &expired)
        .rsplit_once('.')
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .expect("a token");
    let (_, other) = signed(ED, CLAIMS)
        .rsplit_once('.')
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .expect("a token");
    assert_eq!(verify(&format!("{text}.{other}")).err(), Some(TokenRefusal::Signature));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn a_token_with_any_byte_changed_is_refused(
        which in 0..3_usize,
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let headers = [ED, r#"{"alg":"ES256","kid":"p256"}"#, r#"{"alg":"ES384","kid":"p384"}"#];
        let mut token = signed(headers[which], CLAIMS).into_bytes();
        let at = at.index(token.len());
        prop_assume!(token[at] != byte);
        token[at] = byte;
        // What is not text never comes here: a header's value has to be ASCII.
        if let Ok(token) = std::str::from_utf8(&token) {
            prop_assert!(verify(token).is_err(), "{}", token);
        }
    }

    #[test]
    fn a_token_of_any_text_is_refused_without_panic(
        header in "[ -~]{0,60}", claims in "[ -~]{0,60}", rest in "[A-Za-z0-9_.-]{0,60}",
    ) {
        let part = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
        for token in [format!("{}.{}.{rest}", part(&header), part(&claims)), rest] {
            prop_assert!(verify(&token).is_err());
        }
    }
}
