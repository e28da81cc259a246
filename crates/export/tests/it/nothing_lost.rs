//! Every field of every event is in the formats that have room for all: what is put into one is found in the line.

use events::Event;
use export::Format;
use export::testing::{CLASSES, event_of};
use serde_json::{Value as Json, json};

use crate::exported;

/// What a field is set to; the first that it takes.
fn marks() -> Vec<Json> {
    vec![
        json!("mark-4711"),
        json!("198.51.100.77"),
        json!("cnv_067k9vq2v0000000000000000g"),
        json!("int_067k9vq2v0000000000000000g"),
        json!("cmp_067k9vq2v0000000000000000g"),
        json!("AML.T4711"),
        json!("sweep"),
        json!("wave"),
        json!("grown"),
        json!("ended"),
        json!("abababababababababababababababababababababababababababababababab"),
        json!("cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"),
        json!("cdcdcdcdcdcdcdcd"),
        json!("0vvvvvvvv0"),
        json!(1_234_567),
        json!(43_210),
        json!(53),
        json!("memory"),
        json!("challenge"),
        json!("refused"),
        json!("allowed"),
        json!("upstream_failed"),
        json!("failed_open"),
        json!("up"),
        json!("down"),
        json!("wrong"),
        json!(true),
        json!(false),
    ]
}

/// The places of all values in an event's data.
fn places(prefix: &str, value: &Json, found: &mut Vec<String>) {
    match value {
        Json::Object(members) => {
            for (name, value) in members {
                places(&format!("{prefix}/{name}"), value, found);
            }
        }
        Json::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                places(&format!("{prefix}/{index}"), item, found);
            }
        }
        _ => found.push(prefix.to_owned()),
    }
}

/// An event of a class that has everything; of its rules either one that holds, or one in shadow and excepted.
fn whole(class: u8, rules_hold: bool) -> Json {
    let mut event = serde_json::to_value(event_of(class, &[1; 2_000])).expect("JSON");
    if let Some(rule) = event.pointer_mut("/body/data/decision/rules/0") {
        let rule = rule.as_object_mut().expect("an object");
        if rules_hold {
            rule.remove("exception");
        } else {
            rule.insert("shadow".into(), json!(true));
        }
    }
    event
}

/// Whether a format's lines show what is put at a place.
fn is_shown(format: Format, event: &Json, place: &str) -> bool {
    let before = event.pointer(place).cloned().unwrap_or_default();
    marks().into_iter().any(|mark| {
        if mark == before {
            return false;
        }
        let mut marked = event.clone();
        *marked.pointer_mut(place).expect("it is there") = mark.clone();
        let Ok(marked) = serde_json::from_value::<Event>(marked) else { return false };
        let Ok(event) = serde_json::from_value::<Event>(event.clone()) else { return false };
        let (text, without) = (exported(format, &marked), exported(format, &event));
        let mark = mark.to_string();
        let mark = mark.trim_matches('"');
        // Seconds have a point in them.
        let count =
            |text: &str| text.matches(mark).count() + text.replace('.', "").matches(mark).count();
        count(&text) > count(&without)
    })
}

#[test]
fn every_field_of_every_event_is_exported() {
    let formats = [Format::JsonLines, Format::Ecs, Format::Otel, Format::Ocsf, Format::Ocsf19];
    for class in 0..CLASSES {
        let mut all = Vec::new();
        let variants = [whole(class, true), whole(class, false)];
        for event in &variants {
            places("/body/data", &event["body"]["data"], &mut all);
        }
        all.sort_unstable();
        all.dedup();
        assert!(all.len() > 1, "{class}");
        for format in formats {
            let is_lost = |place: &&String| {
                let mut here = variants.iter().filter(|event| event.pointer(place).is_some());
                !here.any(|event| is_shown(format, event, place))
            };
            let lost: Vec<&String> = all.iter().filter(is_lost).collect();
            // That a rule is in shadow is said by the list its name is in; OCSF has words of its own for outcomes.
            let is_ocsf = matches!(format, Format::Ocsf | Format::Ocsf19);
            let said_otherwise = |place: &str| {
                place.ends_with("/rules/0/shadow")
                    || (is_ocsf && place.ends_with("/decision/outcome"))
            };
            let lost: Vec<_> = lost.into_iter().filter(|place| !said_otherwise(place)).collect();
            assert!(lost.is_empty(), "{} loses {lost:#?}", format.as_str());
        }
    }
}
