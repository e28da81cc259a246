//! What is redacted is in no line, in no format, also not where a later record says it again.

use std::sync::Arc;

use events::{Event, EventBody, InteractionId, Principal};
use export::testing::{closed, opened};
use export::{Exporter, Format, KeyedHash, Redact, Redaction, Selection};
use serde_json::Value;

use crate::entry;

/// The same for the same text, and without its letters.
fn hash() -> KeyedHash {
    Arc::new(|text| {
        let mut state = 7_u64;
        let mut hash = [0; 32];
        for (at, byte) in (0_u64..).zip(text.bytes().chain([0; 32])) {
            state = state.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(u64::from(byte) + at);
            hash[(at % 32) as usize] ^= (state >> 40) as u8;
        }
        hash
    })
}

/// Both records of an interaction, with a mark in every text that can be redacted.
fn marked() -> [Event; 2] {
    let mark = |what: &str| Some(format!("mark-{what}"));
    let (mut open, mut close) = (opened(&[3; 700]), closed(&[3; 700]));
    open.interaction = InteractionId::new(1, 2);
    close.interaction = open.interaction;
    open.client_address = "192.0.2.77".into();
    open.principal = Principal {
        agent: mark("agent"),
        application: mark("application"),
        end_user: mark("end_user"),
        issuer: mark("issuer"),
        key: Some(events::KeyId::new(1_234_567)),
        team: mark("team"),
        tenant: mark("tenant"),
        user: mark("user"),
    };
    open.credentials.certificate = mark("certificate");
    open.credentials.token = mark("token");
    (open.model, open.route, open.upstream) = (mark("model"), mark("route"), mark("upstream"));
    open.upstream_fallbacks = vec!["mark-fallback".into()];
    open.unknown_fields = vec!["mark-field".into()];
    for found in &mut open.findings {
        found.path = "mark-path".into();
    }
    for one in &mut open.unscanned {
        one.path = "mark-path".into();
    }
    close.attempts =
        vec![events::Attempt { outcome: "answered".into(), upstream: "mark-upstream".into() }];
    close.findings.clear();
    close.unscanned.clear();
    [
        Event::new(1, EventBody::InteractionOpened(Box::new(open))),
        Event::new(2, EventBody::InteractionClosed(Box::new(close))),
    ]
}

fn lines(format: Format, fields: &[(&str, Redact)], conditions: &[&str]) -> String {
    let conditions = conditions.iter().map(|text| text.parse().expect("a condition")).collect();
    let selection = Selection { conditions, ..Selection::default() };
    let redaction = Redaction::new(fields.iter().copied(), hash()).expect("fields");
    let mut exporter = Exporter::new(format, selection, "1").redacting(redaction);
    let mut out = Vec::new();
    for (sequence, event) in (0..).zip(&marked()) {
        exporter.record(&entry(event, sequence), &mut out);
    }
    String::from_utf8(out).expect("text")
}

#[test]
fn what_is_redacted_is_in_no_line_of_any_format() {
    for how in [Redact::Remove, Redact::Hash] {
        let can = |name: &str| Redaction::new([(name, how)], hash()).is_ok();
        let fields: Vec<_> =
            Redaction::fields().filter(|name| can(name)).map(|name| (name, how)).collect();
        assert!(fields.len() > 15);
        for format in Format::ALL {
            let plain = lines(format, &[], &[]);
            assert!(plain.contains("mark-user") && plain.contains("192.0.2.77"), "{plain}");
            let redacted = lines(format, &fields, &[]);
            assert!(!redacted.contains("mark-"), "{format:?} {how:?}: {redacted}");
            assert!(!redacted.contains("192.0.2.77"), "{format:?} {how:?}: {redacted}");
            let (leaf, chain) = (entry(&marked()[0], 1).leaf, entry(&marked()[0], 1).chain);
            assert!(
                !redacted.contains(&leaf.to_string()) && !redacted.contains(&chain.to_string())
            );
            assert!(!redacted.contains(events::KeyId::new(1_234_567).as_str()), "{redacted}");
            assert_eq!(redacted.lines().count(), plain.lines().count());
        }
    }
}

#[test]
fn conditions_are_on_the_event_as_it_was() {
    let fields = [("principal.team", Redact::Remove)];
    assert_eq!(lines(Format::JsonLines, &fields, &["principal.team=mark-team"]).lines().count(), 2);
    assert_eq!(lines(Format::JsonLines, &fields, &["principal.team!=mark-team"]), "");
}

#[test]
fn what_is_hashed_is_equal_where_it_was_equal_and_still_of_its_kind() {
    let fields = [
        ("principal.user", Redact::Hash),
        ("client_address", Redact::Hash),
        ("principal.key", Redact::Hash),
    ];
    let lines = lines(Format::Ecs, &fields, &[]);
    let events: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    for path in ["/user/name", "/client/ip", "/bartizan/key"] {
        assert!(events[0].pointer(path).is_some(), "{path} {lines}");
        assert_eq!(events[0].pointer(path), events[1].pointer(path), "{path}");
    }
    let address = events[0]["client"]["ip"].as_str().expect("an address");
    assert!(address.parse::<std::net::Ipv6Addr>().is_ok_and(|one| one.octets()[0] == 0xfd));
    assert_eq!(events[0]["bartizan"]["key"].as_str().map(str::len), Some(10));
}
