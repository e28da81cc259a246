//! Elastic Common Schema: one document for each event, names nested, `gen_ai.*` as far as it has them.
//!
//! Source: Elastic Common Schema 9.1, the first with `gen_ai`. What it has no field for stands under `bartizan.`, lists of
//! one thing side by side (the first kind belongs to the first rank), because an index keeps no pairs of a list of objects.
//!
//! INVARIANT: a field of the schema has the type that the schema gives it: moments are dates, spans of time nanoseconds.

use events::{CampaignPhase, EventBody, Outcome};
use serde_json::{Value as Json, json};

use crate::entry::Entry;
use crate::fact::{Facts, Value, calendar, signed};
use crate::field::{Field, Row};
use crate::object::Object;
use crate::severity::Severity;

/// The version of the schema.
pub(crate) const VERSION: &str = "9.1.0";

/// The document, as a line.
pub(crate) fn document(entry: &Entry<'_>, facts: &Facts<'_>, version: &str) -> Json {
    let mut document = Object::new();
    for (field, value) in facts.iter() {
        let Some(name) = Row::attribute(field.row().ecs) else { continue };
        if !is_beyond(*field, value) {
            document.put_nested(name, as_ecs(value));
        }
    }
    let Categories { kind, category, types, outcome } = categories(&entry.event.body);
    document.put_nested("event.kind", json!(kind));
    document.put_nested("event.category", json!(category));
    document.put_nested("event.type", json!(types));
    document.put_nested("event.outcome", json!(outcome));
    document.put_nested("event.module", json!("bartizan"));
    document.put_nested("event.dataset", json!("bartizan.record"));
    document.put_nested("ecs.version", json!(VERSION));
    document.put_nested("observer.vendor", json!("Bartizan"));
    document.put_nested("observer.product", json!("Bartizan"));
    document.put_nested("observer.type", json!("ai-gateway"));
    document.put_nested("observer.version", json!(version));
    document.put_nested("service.name", json!("bartizan"));
    let level = Severity::of(&entry.event.body).words().caption.to_ascii_lowercase();
    document.put_nested("log.level", json!(level));
    if !facts.texts(Field::Techniques).is_empty() {
        document.put_nested("threat.framework", json!("MITRE ATLAS"));
    }
    document.into()
}

/// The schema holds tokens in 32 bits, and an index refuses a whole document for one number that is larger.
fn is_beyond(field: Field, value: &Value<'_>) -> bool {
    let is_tokens = matches!(field, Field::InputTokens | Field::OutputTokens);
    is_tokens && matches!(value, Value::Whole(tokens) if i32::try_from(*tokens).is_err())
}

fn as_ecs(value: &Value<'_>) -> Json {
    match value {
        Value::Moment(time_ms) => json!(calendar(*time_ms)),
        Value::Microseconds(us) => json!(signed(us.saturating_mul(1_000))),
        other => other.to_json(),
    }
}

/// The four fields that say what sort of event it is; their words are a closed list.
struct Categories {
    kind: &'static str,
    category: &'static [&'static str],
    types: &'static [&'static str],
    outcome: &'static str,
}

fn categories(body: &EventBody) -> Categories {
    let alert = Severity::of(body) >= Severity::Medium;
    let of = |category, types, outcome| {
        let kind = if alert { "alert" } else { "event" };
        Categories { kind, category, types, outcome }
    };
    let threats: &'static [&'static str] =
        if alert { &["api", "intrusion_detection"] } else { &["api"] };
    match body {
        EventBody::InteractionOpened(opened) => match opened.decision.outcome {
            Outcome::Allowed => of(threats, &["start", "allowed"], "success"),
            Outcome::Refused => of(threats, &["start", "denied"], "failure"),
        },
        EventBody::InteractionClosed(closed) => match closed.ending {
            events::Ending::Answered => of(threats, &["end"], "success"),
            _ => of(threats, &["end"], "failure"),
        },
        EventBody::Administration(_) => of(&["configuration", "iam"], &["change"], "success"),
        EventBody::Anomaly(_) => {
            Categories { kind: "alert", ..of(&["intrusion_detection"], &["info"], "unknown") }
        }
        EventBody::Campaign(notice) => {
            let types: &'static [&'static str] = match notice.campaign.phase {
                CampaignPhase::Opened => &["start"],
                CampaignPhase::Grown => &["info"],
                CampaignPhase::Ended => &["end"],
            };
            Categories { kind: "alert", ..of(&["intrusion_detection"], types, "unknown") }
        }
        EventBody::Node(notice) => match notice.state.as_str() {
            "started" => of(&["process"], &["start"], "success"),
            "stopped" => of(&["process"], &["end"], "success"),
            _ => of(&["process"], &["info"], "unknown"),
        },
        EventBody::UserReport(_) => of(&["api"], &["info"], "success"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use crate::field::{Field, Row};
    use crate::object::Object;

    #[test]
    fn no_name_is_both_a_value_and_a_folder() {
        for column in [|row: &Row| row.ecs, |row: &Row| row.name] {
            let names =
                || Field::ALL.iter().filter_map(|field| Row::attribute(column(field.row())));
            let mut document = Object::new();
            for name in names() {
                document.put_nested(name, json!(name));
            }
            let document = Json::from(document);
            for name in names() {
                let path = format!("/{}", name.replace('.', "/"));
                assert_eq!(document.pointer(&path), Some(&json!(name)));
            }
        }
    }
}
