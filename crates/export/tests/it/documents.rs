//! ECS and OpenTelemetry: every field has the type that its schema gives it.

use std::collections::BTreeMap;

use export::Format;
use serde_json::Value as Json;

use crate::each_line;

/// Facts of Elastic Common Schema 9.1: the type of each field that is written. Lists are as good as one value there.
const ECS: &[(&str, &str)] = &[
    ("@timestamp", "date"),
    ("client.ip", "ip"),
    ("ecs.version", "keyword"),
    ("error.code", "keyword"),
    ("event.action", "keyword"),
    ("event.category", "keyword"),
    ("event.dataset", "keyword"),
    ("event.duration", "long"),
    ("event.hash", "keyword"),
    ("event.kind", "keyword"),
    ("event.module", "keyword"),
    ("event.outcome", "keyword"),
    ("event.reason", "keyword"),
    ("event.risk_score", "float"),
    ("event.sequence", "long"),
    ("event.severity", "long"),
    ("event.start", "date"),
    ("event.type", "keyword"),
    ("gen_ai.agent.id", "keyword"),
    ("gen_ai.operation.name", "keyword"),
    ("gen_ai.request.model", "keyword"),
    ("gen_ai.system", "keyword"),
    ("gen_ai.usage.input_tokens", "integer"),
    ("gen_ai.usage.output_tokens", "integer"),
    ("http.request.body.bytes", "long"),
    ("http.response.body.bytes", "long"),
    ("http.response.status_code", "long"),
    ("log.level", "keyword"),
    ("message", "text"),
    ("observer.product", "keyword"),
    ("observer.type", "keyword"),
    ("observer.vendor", "keyword"),
    ("observer.version", "keyword"),
    ("organization.id", "keyword"),
    ("rule.id", "keyword"),
    ("service.name", "keyword"),
    ("service.node.name", "keyword"),
    ("span.id", "keyword"),
    ("threat.framework", "keyword"),
    ("threat.technique.id", "keyword"),
    ("trace.id", "keyword"),
    ("transaction.id", "keyword"),
    ("user.domain", "keyword"),
    ("user.group.name", "keyword"),
    ("user.hash", "keyword"),
    ("user.name", "keyword"),
];
/// Closed lists of words.
const WORDS: &[(&str, &[&str])] = &[
    ("event.kind", &["alert", "event"]),
    ("event.category", &["api", "configuration", "iam", "intrusion_detection", "process"]),
    ("event.type", &["allowed", "change", "denied", "end", "info", "start"]),
    ("event.outcome", &["failure", "success", "unknown"]),
];

fn leaves(prefix: &str, value: &Json, visit: &mut impl FnMut(&str, &Json)) {
    match value {
        Json::Object(members) => {
            for (name, value) in members {
                let path =
                    if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                leaves(&path, value, visit);
            }
        }
        Json::Array(items) => {
            for item in items {
                leaves(prefix, item, visit);
            }
        }
        leaf => visit(prefix, leaf),
    }
}

fn is_a(kind: &str, value: &Json) -> bool {
    match kind {
        "date" => value.as_str().is_some_and(|text| {
            text.ends_with('Z') && text.get(4..5) == Some("-") && text.get(10..11) == Some("T")
        }),
        "ip" => value.as_str().is_some_and(|text| text.parse::<std::net::IpAddr>().is_ok()),
        "integer" => value.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
        "long" | "float" => value.as_i64().is_some(),
        _ => value.as_str().is_some_and(|text| text.len() <= export::TEXT_BYTES_MAX),
    }
}

#[test]
fn every_document_is_as_ecs_has_it() {
    let ecs: BTreeMap<&str, &str> = ECS.iter().copied().collect();
    let mut seen = BTreeMap::new();
    each_line(Format::Ecs, 5, |event, line| {
        let document: Json = serde_json::from_str(line).expect("JSON");
        assert_eq!(document["ecs"]["version"], "9.1.0");
        assert!(document["@timestamp"].is_string() && document["message"].is_string());
        leaves("", &document, &mut |path, value| {
            if let Some(rest) = path.strip_prefix("bartizan.") {
                // An index makes a field's type from its first value: a name has one type for ever.
                let is_text = value.is_string();
                let before = *seen.entry(rest.to_owned()).or_insert(is_text);
                assert_eq!(before, is_text, "{path} has two types\n{event:?}");
                return;
            }
            let kind = ecs.get(path).unwrap_or_else(|| panic!("{path} is not in the schema"));
            assert!(is_a(kind, value), "{path} is no {kind}: {value}");
            if let Some((_, words)) = WORDS.iter().find(|(name, _)| *name == path) {
                assert!(
                    value.as_str().is_some_and(|word| words.contains(&word)),
                    "{path}: {value}"
                );
            }
        });
    });
    assert!(seen.len() > 30, "{seen:?}");
}

#[test]
fn every_line_is_a_message_of_logs() {
    each_line(Format::Otel, 6, |event, line| {
        let message: Json = serde_json::from_str(line).expect("JSON");
        let resource = &message["resourceLogs"][0];
        assert_eq!(resource["resource"]["attributes"][0]["value"]["stringValue"], "bartizan");
        let record = &resource["scopeLogs"][0]["logRecords"][0];
        let is_time = |text: &str| text.parse::<u64>().is_ok();
        assert!(record["timeUnixNano"].as_str().is_some_and(is_time), "{line}");
        assert!(record["severityNumber"].as_u64().is_some_and(|number| (1..=24).contains(&number)));
        assert!(record["eventName"].is_string() && record["body"]["stringValue"].is_string());
        for (id, digits) in [("traceId", 32), ("spanId", 16)] {
            if let Some(id) = record.get(id) {
                assert!(id.as_str().is_some_and(|id| id.len() == digits));
            }
        }
        let attributes = record["attributes"].as_array().expect("a list");
        let mut keys: Vec<&str> = Vec::new();
        for attribute in attributes {
            keys.push(attribute["key"].as_str().expect("a key"));
            any_value(&attribute["value"]);
        }
        let count = keys.len();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), count, "a key twice: {keys:?}\n{event:?}");
    });
}

/// One member, of the type its name says; whole numbers as strings that 64 bits with a sign hold.
fn any_value(value: &Json) {
    let members = value.as_object().expect("an object");
    assert_eq!(members.len(), 1, "{value}");
    for (name, value) in members {
        let is_right = match name.as_str() {
            "stringValue" => value.is_string(),
            "boolValue" => value.is_boolean(),
            "doubleValue" => value.is_number(),
            "intValue" => value.as_str().is_some_and(|text| text.parse::<i64>().is_ok()),
            "arrayValue" => {
                let values = value["values"].as_array().expect("a list");
                for value in values {
                    any_value(value);
                }
                !values.is_empty()
            }
            _ => false,
        };
        assert!(is_right, "{name}: {value}");
    }
}
