//! `export`: every format takes any event, and what CEF and LEEF escape reads back.

use events::{Digest, Event, NodeId};
use export::testing::event;
use export::{Entry, Exporter, Format, LINE_BYTES_MAX, Selection};

use crate::engine::{Outcome, Target, mixed};

const DICTIONARY: &[&[u8]] = &[
    b"|",
    b"=",
    b"\\",
    b"\\n",
    b"\t",
    b"\n",
    b"\r",
    b"\xe2\x80\xa8",
    b"\xc2\x85",
    b"\0",
    b"CEF:0|",
    b" src=",
    b"\"class\":",
    b"\"target\":",
    b"\"detail\":",
    b"\xff\xff\xff\xff\xff\xff\xff\xff",
];

/// Records, as JSON or made from the bytes, through one format.
macro_rules! targets {
    ($($name:ident: $word:literal, $format:expr;)+) => {$(
        pub(super) const $name: Target = Target {
            name: $word,
            seeds,
            dictionary: DICTIONARY,
            run: |input| run($format, input),
        };
    )+};
}

targets! {
    CEF: "export_cef", Format::Cef;
    ECS: "export_ecs", Format::Ecs;
    JSON_LINES: "export_jsonl", Format::JsonLines;
    LEEF: "export_leef", Format::Leef;
    OCSF: "export_ocsf", Format::Ocsf;
    OCSF_1_9: "export_ocsf_1_9", Format::Ocsf19;
    OTEL: "export_otel", Format::Otel;
}

fn seeds() -> Vec<Vec<u8>> {
    let texts = (0..6_u8).map(|class| {
        let made = event(&[&[class][..], &[1; 400]].concat());
        serde_json::to_vec(&made).unwrap_or_default()
    });
    let bytes = (0..6_u8).map(|class| [&[class][..], &[200, 7, 31, 90, 4, 15].repeat(60)].concat());
    texts.chain(bytes).collect()
}

fn run(format: Format, input: &[u8]) -> Outcome {
    let event = serde_json::from_slice::<Event>(input).unwrap_or_else(|_| event(input));
    let leaf = Digest([1; 32]);
    let entry = Entry { chain: leaf, event: &event, leaf, node: NodeId::new(1), sequence: 1 };
    let mut exporter = Exporter::new(format, Selection::default(), "0");
    let mut lines = Vec::new();
    assert!(exporter.record(&entry, &mut lines), "it is selected");
    let text = String::from_utf8(lines).unwrap_or_default();
    assert!(text.len() > 1 && text.ends_with('\n'), "whole lines");
    match format {
        Format::Cef => line(&text, cef),
        Format::Leef => line(&text, leef),
        _ => {
            for line in text.lines() {
                let read = serde_json::from_str::<serde_json::Value>(line);
                assert!(read.is_ok_and(|value| value.is_object()), "an object: {line}");
            }
        }
    }
    mixed(mixed(0, text.len() as u64 / 64), text.lines().count() as u64)
}

fn line(text: &str, is_readable: fn(&str) -> bool) {
    let line = text.trim_end_matches('\n');
    assert!(line.len() <= LINE_BYTES_MAX, "{} bytes", line.len());
    let is_broken = |letter: char| {
        (letter.is_control() && letter != '\t') || matches!(letter, '\u{2028}' | '\u{2029}')
    };
    assert!(!line.contains(is_broken), "a broken line: {line:?}");
    assert!(is_readable(line), "unreadable: {line:?}");
}

/// Seven bars of the header, and then an `=` for each key of letters and digits.
fn cef(line: &str) -> bool {
    let plain = without_escapes(line);
    let parts: Vec<&str> = plain.splitn(8, '|').collect();
    let [.., extension] = parts.as_slice() else { return false };
    let keys = extension.match_indices('=').map(|(at, _)| {
        let before = extension.get(..at).unwrap_or_default();
        before.rsplit(' ').next().unwrap_or_default()
    });
    parts.len() == 8 && keys.clone().count() > 1 && keys.into_iter().all(is_key)
}

/// Six bars of the header, and then pairs with tabs between.
fn leef(line: &str) -> bool {
    let parts: Vec<&str> = line.splitn(7, '|').collect();
    let [.., attributes] = parts.as_slice() else { return false };
    let mut pairs = attributes.split('\t').map(|pair| pair.split_once('='));
    parts.len() == 7 && pairs.all(|pair| pair.is_some_and(|(key, _)| is_key(key)))
}

fn is_key(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The line with every escaped character taken out.
fn without_escapes(line: &str) -> String {
    let mut plain = String::new();
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        if letter == '\\' {
            letters.next();
        } else {
            plain.push(letter);
        }
    }
    plain
}
