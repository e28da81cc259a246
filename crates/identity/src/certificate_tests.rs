//! Tests of certificates: real ones, and any bytes.

use std::sync::Arc;

use policy::NamePattern;
use proptest::prelude::*;
use rcgen::{CertificateParams, CustomExtension, KeyPair, SanType};

use super::*;
use crate::{ClaimPath, Condition, GrantRow};

const URI: &str = "spiffe://example.org/ns/ml/sa/search";

fn san(text: &str) -> SanType {
    let ia5 = |text: &str| text.try_into().expect("ASCII");
    match text {
        _ if text.contains("://") => SanType::URI(ia5(text)),
        _ if text.contains('@') => SanType::Rfc822Name(ia5(text)),
        _ => SanType::DnsName(ia5(text)),
    }
}

fn certificate_with(change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
    let mut params = CertificateParams::default();
    change(&mut params);
    let key = KeyPair::generate().expect("a key");
    params.self_signed(&key).expect("a certificate").der().to_vec()
}

fn certificate(names: &[&str]) -> Vec<u8> {
    certificate_with(|params| {
        params.subject_alt_names = names.iter().map(|name| san(name)).collect();
        let address = std::net::IpAddr::from([192, 0, 2, 7]);
        params.subject_alt_names.push(SanType::IpAddress(address));
        params.not_after = rcgen::date_time_ymd(2031, 3, 1);
    })
}

#[test]
fn names_and_end_are_read() {
    let read =
        CertificateNames::parse(&certificate(&["a.example", URI, "ann@example.org", "b.example"]));
    let expected = CertificateNames {
        uris: vec![URI.to_owned()],
        dns: vec!["a.example".to_owned(), "b.example".to_owned()],
        emails: vec!["ann@example.org".to_owned()],
        not_after_ms: 1_930_089_600_000,
    };
    assert_eq!(read, Ok(expected));
    for (names, expected) in [
        (&["a.example", URI][..], URI),
        (&["ann@example.org", "a.example"], "a.example"),
        (&["ann@example.org"], "ann@example.org"),
    ] {
        let names = CertificateNames::parse(&certificate(names)).expect("names");
        assert_eq!(names.name(), Some(expected));
    }
}

#[test]
fn a_certificate_without_usable_names_or_out_of_time_is_refused() {
    assert_eq!(CertificateNames::parse(&certificate(&[])), Err(CertificateError::Nameless));
    let control = certificate(&["spiffe://example.org/\u{7}"]);
    assert_eq!(CertificateNames::parse(&control), Err(CertificateError::Names));
    let long = |bytes: usize| certificate(&[&format!("spiffe://{}", "x".repeat(bytes - 9))]);
    assert!(CertificateNames::parse(&long(crate::NAME_BYTES_MAX)).is_ok());
    let too_long = CertificateNames::parse(&long(crate::NAME_BYTES_MAX + 1));
    assert_eq!(too_long, Err(CertificateError::Names));
    let many = |count: usize| certificate(&vec!["a.example"; count]);
    assert!(CertificateNames::parse(&many(CERTIFICATE_NAMES_MAX)).is_ok());
    let too_many = CertificateNames::parse(&many(CERTIFICATE_NAMES_MAX + 1));
    assert_eq!(too_many, Err(CertificateError::Names));
    let bytes = certificate(&[URI]);
    assert!(CertificateNames::read(&bytes, 1_930_089_600_000).is_ok());
    let expired = CertificateNames::read(&bytes, 1_930_089_600_001);
    assert_eq!(expired, Err(CertificateError::Expired));
    for end in 0..bytes.len() {
        assert!(CertificateNames::parse(&bytes[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn a_critical_extension_is_read_as_well() {
    // SEQUENCE { [2] "a.example" }
    let value = [&[0x30, 11, 0x82, 9][..], b"a.example"].concat();
    let bytes = certificate_with(|params| {
        let mut extension = CustomExtension::from_oid_content(&[2, 5, 29, 17], value);
        extension.set_criticality(true);
        params.custom_extensions = vec![extension];
    });
    let names = CertificateNames::parse(&bytes).expect("names");
    assert_eq!(names.name(), Some("a.example"));
}

#[test]
fn times_are_those_of_the_calendar() {
    for (tag, text, expected) in [
        (UTC_TIME, "700101000000Z", Some(0)),
        (UTC_TIME, "491231235959Z", Some(2_524_607_999_000)),
        (UTC_TIME, "240229120000Z", Some(1_709_208_000_000)),
        (GENERALIZED_TIME, "20240229120000Z", Some(1_709_208_000_000)),
        (GENERALIZED_TIME, "20240301000000Z", Some(1_709_251_200_000)),
        (GENERALIZED_TIME, "99991231235959Z", Some(253_402_300_799_000)),
        (UTC_TIME, "500101000000Z", None),
        (UTC_TIME, "241301000000Z", None),
        (UTC_TIME, "240100000000Z", None),
        (UTC_TIME, "240101240000Z", None),
        (UTC_TIME, "240101000000", None),
        (UTC_TIME, "20240101000000Z", None),
        (GENERALIZED_TIME, "240101000000Z", None),
        (OCTET_STRING, "240101000000Z", None),
        (UTC_TIME, "", None),
    ] {
        assert_eq!(time_ms(tag, text.as_bytes()), expected, "{text}");
    }
}

#[test]
fn a_row_grants_by_any_of_the_names() {
    let table = GrantTable::new(vec![GrantRow {
        when: vec![Condition {
            claim: ClaimPath::parse("uri").expect("a path"),
            any_of: vec![NamePattern::new("spiffe://example.org/ns/ml/*")],
        }],
        agent: None,
        application: None,
        team: Some("ml".to_owned()),
        tenant: None,
        limits: Arc::default(),
    }]);
    let admit =
        |names: &[&str]| CertificateNames::parse(&certificate(names)).expect("names").admit(&table);
    let principal = admit(&[URI]).expect("a grant").principal;
    assert_eq!(principal.issuer.as_deref(), Some(CERTIFICATE_ISSUER));
    assert_eq!(principal.user.as_deref(), Some(URI));
    assert_eq!(principal.application.as_deref(), Some(URI));
    assert_eq!(principal.team.as_deref(), Some("ml"));
    assert!(admit(&["spiffe://example.org/ns/ops/sa/x"]).is_none());
    // What looks like a URI in a DNS name is no URI.
    assert!(admit(&["example.org"]).is_none());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_without_panic(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        bytes in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        static WHOLE: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| certificate(&[URI]));
        let _any = CertificateNames::read(&bytes, 0);
        let mut changed = WHOLE.clone();
        for (at, byte) in changes {
            let at = at.index(changed.len());
            changed[at] = byte;
        }
        let _any = CertificateNames::read(&changed, 0);
    }
}
