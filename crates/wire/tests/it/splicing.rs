//! Edits put back into messages: exact where they are made, nothing anywhere else.

use events::Span;
use proptest::prelude::*;
use proptest::sample::Index;
use wire::{
    Document, Echoes, Edit, Embedded, Field, Literal, Operation, ReadLimits, SpliceError,
    Unescaped, UnknownFields, read_request, read_response, splice,
};

fn read(bytes: &[u8]) -> Document<'_> {
    read_request(Operation::ChatCompletions, bytes, UnknownFields::Scan, &ReadLimits::default())
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(bytes)))
}

/// A character and one of the ways to write it in a JSON string.
fn unit() -> impl Strategy<Value = (char, String)> {
    let character = prop_oneof![
        6 => prop::char::range(' ', '~'),
        2 => prop::sample::select(vec!['\n', '\t', '\u{8}', '\u{c}', '\r', '\u{1}', '"', '\\', '/']),
        2 => prop::sample::select(vec!['ä', '中', '😀', '\u{2028}', '\u{ffff}', '\u{10ffff}']),
    ];
    (character, any::<bool>()).prop_map(|(character, escape)| {
        let mut units = [0; 2];
        let raw = match character {
            _ if escape => {
                let units = character.encode_utf16(&mut units).iter();
                units.map(|unit| format!("\\u{unit:04x}")).collect::<Vec<_>>().concat()
            }
            '"' => "\\\"".to_owned(),
            '\\' => "\\\\".to_owned(),
            '\n' => "\\n".to_owned(),
            '\t' => "\\t".to_owned(),
            other if other < ' ' => format!("\\u{:04X}", u32::from(other)),
            other => other.to_string(),
        };
        (character, raw)
    })
}

fn units() -> impl Strategy<Value = Vec<(char, String)>> {
    prop::collection::vec(unit(), 1..24)
}

fn raw(units: &[(char, String)]) -> String {
    units.iter().map(|(_, raw)| raw.as_str()).collect()
}

fn text(units: &[(char, String)]) -> String {
    units.iter().map(|(character, _)| *character).collect()
}

/// A request with three texts, written with odd white space.
fn request(first: &str, second: &str, third: &str) -> String {
    format!(
        "\r\n{{ \"model\":\"m\" ,\"messages\" :[{{\"role\":\"user\",\"content\":\"{first}\"}},\t{{\
         \"content\":[{{\"type\":\"text\",\"text\": \"{second}\" }}],\"role\":\"assistant\"}}]\
         ,\"x_new\" : {{\"deep\":[1.50,\"{third}\"]}} , \"temperature\":1.0e0}}\n"
    )
}

proptest! {
    #![proptest_config(crate::config())]

    #[test]
    fn texts_are_read_as_they_were_meant(first in units(), second in units(), third in units()) {
        let message = request(&raw(&first), &raw(&second), &raw(&third));
        let document = read(message.as_bytes());
        let texts: Vec<&str> = document
            .fields
            .iter()
            .filter(|field| field.literal == Literal::Text)
            .map(|field| &*field.text)
            .collect();
        prop_assert_eq!(texts, [text(&first), text(&second), text(&third)]);
        prop_assert_eq!(splice(&document, &[], Echoes::All), Ok(message.clone().into_bytes()));
    }

    #[test]
    fn an_edit_changes_its_text_and_no_other_byte(
        texts in [units(), units(), units()],
        edits in prop::collection::vec((any::<Index>(), any::<Index>(), any::<Index>(), ".{0,6}"), 1..5),
    ) {
        let message = request(&raw(&texts[0]), &raw(&texts[1]), &raw(&texts[2]));
        let document = read(message.as_bytes());
        let fields: Vec<usize> = (0..document.fields.len())
            .filter(|index| document.fields[*index].literal == Literal::Text)
            .collect();
        // At most one edit per field here; several are below.
        let mut chosen: Vec<Option<(usize, usize, String)>> = vec![None; 3];
        for (which, from, to, replacement) in edits {
            let which = which.index(3);
            let ends = [from.index(texts[which].len() + 1), to.index(texts[which].len() + 1)];
            chosen[which] = Some((ends[0].min(ends[1]), ends[0].max(ends[1]), replacement));
        }
        let mut edits = Vec::new();
        let mut expected: Vec<String> = texts.iter().map(|units| text(units)).collect();
        for (which, chosen) in chosen.iter().enumerate() {
            let Some((from, to, replacement)) = chosen else { continue };
            let units = &texts[which];
            let span = Span::new(text(&units[..*from]).len(), text(&units[..*to]).len());
            edits.push(Edit::value(fields[which], span, replacement.clone()));
            expected[which] =
                format!("{}{replacement}{}", text(&units[..*from]), text(&units[*to..]));
        }
        if expected.iter().any(String::is_empty) {
            // A text that becomes empty is no field any more, so the rest cannot be lined up.
            return Ok(());
        }
        edits.reverse();
        let spliced = splice(&document, &edits, Echoes::OfEdited).expect("edits that fit");
        let again = read(&spliced);
        let texts_again: Vec<&Field<'_>> =
            again.fields.iter().filter(|field| field.literal == Literal::Text).collect();
        let mut at = (0, 0);
        for which in 0..3 {
            let (before, after) = (&document.fields[fields[which]].source, &texts_again[which]);
            prop_assert_eq!(&*after.text, &expected[which]);
            // Between the texts, the very same bytes.
            prop_assert_eq!(
                &message.as_bytes()[at.0..before.start],
                &spliced[at.1..after.source.start]
            );
            at = (before.end, after.source.end);
            // Within a text, the same spelling outside of the edit.
            let written = std::str::from_utf8(&spliced[after.source.clone()]).expect("text");
            let (from, to) = chosen[which].as_ref().map_or((0, 0), |c| (c.0, c.1));
            prop_assert!(written.starts_with(&raw(&texts[which][..from])));
            prop_assert!(written.ends_with(&raw(&texts[which][to..])));
        }
        prop_assert_eq!(&message.as_bytes()[at.0..], &spliced[at.1..]);
    }

    #[test]
    fn several_edits_of_a_text_are_made_in_any_order(
        units in units(),
        ends in prop::collection::vec(any::<Index>(), 2..8),
        replacement in ".{0,3}",
        rotate in any::<Index>(),
    ) {
        let message = request(&raw(&units), "b", "c");
        let document = read(message.as_bytes());
        let mut ends: Vec<usize> = ends.iter().map(|end| end.index(units.len() + 1)).collect();
        ends.sort_unstable();
        let mut edits = Vec::new();
        let (mut expected, mut done) = (String::new(), 0);
        for pair in ends.chunks_exact(2) {
            let (from, to) = (pair[0], pair[1]);
            let span = Span::new(text(&units[..from]).len(), text(&units[..to]).len());
            edits.push(Edit::value(0, span, replacement.clone()));
            expected.push_str(&text(&units[done..from]));
            expected.push_str(&replacement);
            done = to;
        }
        expected.push_str(&text(&units[done..]));
        let by = rotate.index(edits.len());
        // Insertions at one place keep the order they are given in.
        if edits.windows(2).all(|pair| pair[0].span != pair[1].span) {
            edits.rotate_left(by);
        }
        let spliced = splice(&document, &edits, Echoes::OfEdited).expect("edits that fit");
        let again = read(&spliced);
        let found = again.fields.first().map(|field| &*field.text).unwrap_or_default();
        prop_assert!(expected.is_empty() || found == expected, "{found:?} is not {expected:?}");
    }

    #[test]
    fn a_value_put_into_arguments_is_read_by_the_tool(
        units in units(),
        ends in [any::<Index>(), any::<Index>()],
        replacement in ".{0,6}",
    ) {
        // The units are the spelling inside the arguments; the arguments are then escaped once more.
        let arguments = format!("{{\"a\": 1, \"who\": \"{}\", \"b\": [2]}}", raw(&units));
        let message = format!(
            "{{\"messages\":[{{\"role\":\"assistant\",\"tool_calls\":[{{\"function\":{{\
             \"arguments\":{}}}}}]}}]}}",
            serde_json::Value::from(arguments.as_str())
        );
        let document = read(message.as_bytes());
        let field = &document.fields[0];
        prop_assert_eq!((field.embedded, &*field.text), (Embedded::Json, arguments.as_str()));
        // A guard finds its span in the text as the tool sees it.
        let view = Unescaped::of(&field.text);
        let start = "{\"a\": 1, \"who\": \"".len();
        let mut ends = ends.map(|end| end.index(units.len() + 1));
        ends.sort_unstable();
        let offset =
            |units: &[(char, String)]| view.original_offset(start + text(units).len());
        let span = Span::new(offset(&units[..ends[0]]), offset(&units[..ends[1]]));
        let edit = Edit::value(0, span, replacement.clone());
        let spliced = splice(&document, &[edit], Echoes::OfEdited).expect("an edit that fits");
        let again = read(&spliced);
        let tool: serde_json::Value = serde_json::from_str(&again.fields[0].text).expect("JSON");
        let expected = format!("{}{replacement}{}", text(&units[..ends[0]]), text(&units[ends[1]..]));
        prop_assert_eq!(tool, serde_json::json!({"a": 1, "who": expected, "b": [2]}));
    }
}

fn spliced(message: &str, edits: &[Edit]) -> String {
    let document = read(message.as_bytes());
    String::from_utf8(splice(&document, edits, Echoes::OfEdited).expect("edits that fit"))
        .expect("text")
}

#[test]
fn a_number_that_is_edited_becomes_text() {
    let message = r#"{"metadata":{"card":4111111111111111,"n":1}}"#;
    let document = read(message.as_bytes());
    let field = document.fields.iter().position(|field| field.literal == Literal::Number);
    let edit = Edit::value(field.expect("the number"), Span::new(0, 16), "[CARD]");
    assert_eq!(spliced(message, &[edit]), r#"{"metadata":{"card":"[CARD]","n":1}}"#);
}

#[test]
fn a_number_in_arguments_becomes_text_there() {
    let message = r#"{"messages":[{"tool_calls":[{"function":{"arguments":"{\"card\":4111}"}}]}]}"#;
    assert_eq!(
        spliced(message, &[Edit::value(0, Span::new(8, 12), "[CARD]")]),
        r#"{"messages":[{"tool_calls":[{"function":{"arguments":"{\"card\":\"[CARD]\"}"}}]}]}"#
    );
    assert_eq!(
        spliced(message, &[Edit::verbatim(0, Span::new(8, 12), "5")]),
        r#"{"messages":[{"tool_calls":[{"function":{"arguments":"{\"card\":5}"}}]}]}"#
    );
}

#[test]
fn an_edited_key_stays_a_key_and_never_becomes_a_second_one() {
    let message = r#"{"metadata":{"anna":1,"ben":2}}"#;
    let document = read(message.as_bytes());
    let key =
        |name: &str| document.fields.iter().position(|field| field.text == name).expect("the key");
    let edit = |name: &str, to: &str| Edit::value(key(name), Span::new(0, name.len()), to);
    assert_eq!(spliced(message, &[edit("anna", "x")]), r#"{"metadata":{"x":1,"ben":2}}"#);
    assert_eq!(
        splice(&document, &[edit("anna", "x"), edit("ben", "x")], Echoes::OfEdited),
        Err(SpliceError::DuplicateKey)
    );
}

#[test]
fn edits_that_do_not_fit_are_errors() {
    let message = r#"{"messages":[{"content":"\u00e4bc"}]}"#;
    let document = read(message.as_bytes());
    let splice = |edits: &[(usize, usize, usize)]| {
        let edits: Vec<Edit> = edits
            .iter()
            .map(|(field, start, end)| Edit::value(*field, Span::new(*start, *end), "x"))
            .collect();
        splice(&document, &edits, Echoes::OfEdited).err()
    };
    assert_eq!(splice(&[(1, 0, 0)]), Some(SpliceError::NoSuchField { field: 1 }));
    assert_eq!(splice(&[(0, 0, 9)]), Some(SpliceError::BadSpan { field: 0 }));
    assert_eq!(splice(&[(0, 1, 2)]), Some(SpliceError::BadSpan { field: 0 }), "inside ä");
    assert_eq!(splice(&[(0, 2, 4), (0, 0, 3)]), Some(SpliceError::Overlap { field: 0 }));
    assert_eq!(splice(&[(0, 2, 4), (0, 0, 2)]), None);
}

const ANSWER: &str = r#"{"choices":[{"index":0,"message":{"content":"anna","audio":{"data":"AAAA",
"transcript":"anna"}},"logprobs":{"content":[{"token":"anna"}]}},
{"index":1,"message":{"content":"ben"},"logprobs":{"content":[{"token":"ben"}]}}]}"#;

#[test]
fn what_repeats_an_edited_text_becomes_null() {
    let limits = ReadLimits::default();
    let document = read_response(
        Operation::ChatCompletions,
        ANSWER.as_bytes(),
        UnknownFields::Refuse,
        &limits,
    )
    .expect("an answer");
    let splice = |edits: &[Edit], echoes| {
        String::from_utf8(splice(&document, edits, echoes).expect("edits that fit")).expect("text")
    };
    let anna = ANSWER.replacen("\"content\":\"anna\"", "\"content\":\"x\"", 1);
    assert_eq!(
        splice(&[Edit::value(0, Span::new(0, 4), "x")], Echoes::OfEdited),
        anna.replace(r#"{"content":[{"token":"anna"}]}"#, "null"),
        "its own choice's, and not the audio, which repeats the transcript"
    );
    let all = splice(&[], Echoes::All);
    assert_eq!(all.matches("null").count(), 3);
    assert!(!all.contains("token") && !all.contains("AAAA"));
}
