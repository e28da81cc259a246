//! CEF and LEEF: a reader gets back what went in, and no line is broken, too long or another one.

use events::{Administration, Event, EventBody};
use export::{Format, LINE_BYTES_MAX, VALUE_BYTES_MAX};
use proptest::prelude::*;

use crate::readers::{cef, leef};
use crate::{each_line, exported};

/// Characters that some readers end a line at.
const BREAKS: [char; 7] = ['\n', '\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}'];

fn holds(line: &str) {
    assert!(line.len() <= LINE_BYTES_MAX, "{} bytes", line.len());
    assert!(!line.contains(BREAKS), "a break in {line:?}");
    assert!(!line.contains(|letter: char| letter.is_control() && letter != '\t'), "{line:?}");
}

#[test]
fn every_line_of_cef_reads_back() {
    each_line(Format::Cef, 3, |event, line| {
        holds(line);
        let (header, pairs) = cef(line).unwrap_or_else(|| panic!("unreadable: {line}\n{event:?}"));
        assert_eq!(header.len(), 7);
        assert_eq!(header[..4], ["0", "Bartizan", "Bartizan", "1.2.3"]);
        assert!(header[6].parse::<u8>().is_ok_and(|severity| severity <= 10));
        let keys: Vec<&str> = pairs.iter().map(|(key, _)| key.as_str()).collect();
        assert!(keys.starts_with(&["rt", "cat"]), "{line}");
        let plain = |key: &str| key.bytes().all(|byte| byte.is_ascii_alphanumeric());
        assert!(keys.iter().all(|key| plain(key)), "a value became a key: {line}");
    });
}

#[test]
fn every_line_of_leef_reads_back() {
    each_line(Format::Leef, 4, |event, line| {
        holds(line);
        let (header, pairs) = leef(line).unwrap_or_else(|| panic!("unreadable: {line}\n{event:?}"));
        assert_eq!(header[..4], ["2.0", "Bartizan", "Bartizan", "1.2.3"]);
        let plain = |key: &str| key.bytes().all(|byte| byte.is_ascii_alphanumeric());
        assert!(pairs.iter().all(|(key, _)| plain(key)), "a value became a key: {line}");
    });
}

/// What a line format keeps of a text, said once more.
fn kept(text: &str) -> String {
    let fits = text.trim();
    assert!(fits.len() <= VALUE_BYTES_MAX, "the strategy makes short ones");
    let unwritable = |letter: char| {
        (letter.is_control() && !"\t\n\r".contains(letter)) || "\u{2028}\u{2029}".contains(letter)
    };
    fits.replace(unwritable, "\u{fffd}")
}

fn target(text: &str) -> Event {
    let change = Administration { target: text.to_owned(), ..Administration::default() };
    Event::new(1, EventBody::Administration(change))
}

proptest! {
    #[test]
    fn any_text_reads_back(text in r"[\\|=\t\n\r a-z\PC\u{0}\u{85}\u{2028}]{0,60}") {
        let expected = kept(&text);
        let value = |pairs: Vec<(String, String)>, wanted: &str| {
            pairs.into_iter().find(|(key, _)| key == wanted).map(|(_, value)| value)
        };
        let (_, pairs) = cef(exported(Format::Cef, &target(&text)).trim_end_matches('\n')).expect("readable");
        prop_assert_eq!(value(pairs, "bartizanTarget").unwrap_or_default(), expected.clone());
        let (_, pairs) = leef(exported(Format::Leef, &target(&text)).trim_end_matches('\n')).expect("readable");
        prop_assert_eq!(value(pairs, "target").unwrap_or_default(), expected);
    }
}

#[test]
fn what_is_too_long_is_left_out_whole() {
    let mut record = export::testing::opened(&[]);
    record.unknown_fields = vec!["x=".repeat(500); 3];
    record.principal.user = Some("=".repeat(5_000));
    record.principal.agent = Some("\\".repeat(5_000));
    record.principal.team = Some("=".repeat(5_000));
    record.principal.application = Some("=".repeat(5_000));
    record.principal.tenant = Some("\n".repeat(5_000) + "=");
    record.model = Some("=".repeat(5_000));
    let event = Event::new(1, EventBody::InteractionOpened(Box::new(record)));
    let line = exported(Format::Cef, &event);
    let (_, pairs) = cef(line.trim_end()).expect("readable");
    let user = pairs.iter().find(|(key, _)| key == "suser").map(|(_, value)| value.len());
    assert_eq!(user, Some(VALUE_BYTES_MAX), "the first are there");
    assert!(!pairs.iter().any(|(key, _)| key == "cs2"), "what has no room is not there by half");
    assert!(pairs.iter().any(|(key, _)| key == "bartizanLeaf"), "what has room still is");
    assert!(line.len() <= LINE_BYTES_MAX);
}

#[test]
fn a_forged_line_stays_a_value() {
    let text = "x|10|src=1.1.1.1\nCEF:0|a|b|c|d|e|10|act=allowed \\";
    let line = exported(Format::Cef, &target(text));
    assert_eq!(line.matches('\n').count(), 1);
    let (_, pairs) = cef(line.trim_end()).expect("readable");
    assert!(!pairs.iter().any(|(key, _)| key == "src" || key == "act"));
}

#[test]
fn addresses_of_both_kinds_have_their_key() {
    for (address, key) in [("192.0.2.7", "src"), ("2001:db8::1", "c6a2")] {
        let mut record = export::testing::opened(&[]);
        record.client_address = address.into();
        let event = Event::new(1, EventBody::InteractionOpened(Box::new(record)));
        let (_, pairs) = cef(exported(Format::Cef, &event).trim_end()).expect("readable");
        assert!(pairs.contains(&(key.to_owned(), address.to_owned())), "{pairs:?}");
    }
}
