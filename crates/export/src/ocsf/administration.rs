//! Entity Management 3004 for changes, Application Lifecycle 6002 and Application Error 6008 for what the node says.

use events::{Administration, NodeNotice};
use serde_json::Value as Json;

use super::parts::{UNKNOWN, product};
use super::{Class, OTHER, Source};
use crate::fact::{TEXT_BYTES_MAX, bounded};
use crate::field::Field;
use crate::object::{Object, Pair};

const MANAGEMENT: Class = Class {
    uid: 3004,
    name: "Entity Management",
    category: Pair(3, "Identity & Access Management"),
    profiles: &[],
};
const LIFECYCLE: Class = Class {
    uid: 6002,
    name: "Application Lifecycle",
    category: Pair(6, "Application Activity"),
    profiles: &[],
};
const ERROR: Class = Class {
    uid: 6008,
    name: "Application Error",
    category: Pair(6, "Application Activity"),
    profiles: &[],
};

const SUCCESS: Pair = Pair(1, "Success");
const FAILURE: Pair = Pair(2, "Failure");

/// What the last word of an operation is in the schema. Others are `Other`, by their own name.
const ACTIVITIES: [(&str, Pair); 13] = [
    ("create", Pair(1, "Create")),
    ("add", Pair(1, "Create")),
    ("request", Pair(1, "Create")),
    ("replace", Pair(3, "Update")),
    ("rotate", Pair(3, "Update")),
    ("rewrap", Pair(3, "Update")),
    ("remove", Pair(4, "Delete")),
    ("approve", Pair(10, "Activate")),
    ("end", Pair(11, "Deactivate")),
    ("expire", Pair(11, "Deactivate")),
    ("revoke", Pair(11, "Deactivate")),
    ("isolate", Pair(12, "Suspend")),
    ("restore", Pair(13, "Resume")),
];

/// What a change's target is, by the first word of its operation.
const ENTITIES: [(&str, &str); 6] = [
    ("key", "virtual key"),
    ("secret", "sealed secret"),
    ("provider_key", "provider key"),
    ("break_glass", "break-glass"),
    ("isolate", "isolation"),
    ("restore", "isolation"),
];

fn found<T: Copy>(table: &[(&str, T)], word: &str) -> Option<T> {
    table.iter().find(|(known, _)| *known == word).map(|(_, value)| *value)
}

/// A change of keys, secrets, isolation, break-glass.
pub(super) fn change(source: &Source<'_>, change: &Administration) -> Json {
    let facts = source.facts;
    let operation = bounded(&change.operation, TEXT_BYTES_MAX);
    let last = operation.rsplit('.').next().unwrap_or_default();
    let first = operation.split('.').next().unwrap_or_default();
    let activity = found(&ACTIVITIES, last).unwrap_or(Pair(OTHER, "Other"));
    let kind = found(&ENTITIES, first).unwrap_or("object");
    let entity = Object::new()
        .with("uid", facts.text(Field::Target).unwrap_or(UNKNOWN))
        .pair("type", Pair(OTHER, kind));
    let user = Object::new().with("uid", facts.text(Field::Actor).unwrap_or(UNKNOWN));
    let mut event = source
        .base(MANAGEMENT, activity, &source.uid())
        .with("actor", Object::new().with("user", user))
        .with("entity", entity)
        .maybe("comment", facts.text(Field::Why))
        .pair("status", SUCCESS)
        .with("unmapped", source.unmapped());
    if activity.0 == OTHER && !operation.is_empty() {
        event.put("activity_name", operation);
    }
    event.into()
}

/// What the node says of itself.
pub(super) fn notice(source: &Source<'_>, notice: &NodeNotice) -> Json {
    if notice.state == "degraded" {
        return source
            .base(ERROR, Pair(1, "General Error"), &source.uid())
            .pair("status", FAILURE)
            .with("unmapped", source.unmapped())
            .into();
    }
    let activity = match notice.state.as_str() {
        "started" => Pair(3, "Start"),
        "stopped" => Pair(4, "Stop"),
        _ => Pair(OTHER, "Other"),
    };
    let mut event = source
        .base(LIFECYCLE, activity, &source.uid())
        .with("app", product(source))
        .pair("status", SUCCESS)
        .with("unmapped", source.unmapped());
    if let Some(state) = source.facts.text(Field::State).filter(|_| activity.0 == OTHER) {
        event.put("activity_name", state);
    }
    event.into()
}
