//! The objects that several classes share: metadata, actor, endpoints, model, trace.
//!
//! INVARIANT: an object that the schema asks one of several members of has one, `unknown` where the record has none.

use serde_json::{Value as Json, json};

use super::{Class, Release, Source, whole};
use crate::fact::{TEXT_BYTES_MAX, bounded, signed};
use crate::field::Field;
use crate::object::{Object, Pair};

/// What is written where the schema requires something that the record does not know.
pub(super) const UNKNOWN: &str = "unknown";
/// The profile that carries our chain.
pub(super) const RECORD_INTEGRITY: &str = "record_integrity";

const USER: Pair = Pair(1, "User");
const SERVICE: Pair = Pair(4, "Service");
const NOBODY: Pair = Pair(0, "Unknown");
const IP_ADDRESS: Pair = Pair(2, "IP Address");

/// A text that the schema wants to say something.
pub(super) fn known(text: &str) -> &str {
    match bounded(text, TEXT_BYTES_MAX) {
        "" => UNKNOWN,
        text => text,
    }
}

pub(super) fn metadata(source: &Source<'_>, class: Class, uid: &str) -> Object {
    let facts = source.facts;
    let mut profiles = class.profiles.to_vec();
    if source.release == Release::V1_9 {
        profiles.push(RECORD_INTEGRITY);
    }
    Object::new()
        .with("version", source.release.version())
        .with("product", product(source))
        .with("profiles", profiles)
        .with("uid", uid)
        .maybe("sequence", whole(source.entry.sequence))
        .with("log_name", "bartizan.record")
        .maybe("event_code", facts.text(Field::Class))
        .maybe("correlation_uid", facts.text(Field::Interaction))
        .maybe("tenant_uid", facts.text(Field::Tenant))
        .with(
            "reporter",
            Object::new().with("name", "bartizan").maybe("uid", facts.text(Field::Node)),
        )
        .maybe("is_truncated", facts.get(Field::TextsCut).map(|_| true))
}

pub(super) fn product(source: &Source<'_>) -> Object {
    Object::new()
        .with("name", "Bartizan")
        .with("vendor_name", "Bartizan")
        .with("version", source.version)
}

/// Who asked.
pub(super) fn actor(source: &Source<'_>) -> Object {
    let facts = source.facts;
    let [user, key, end_user, team] =
        [Field::User, Field::Key, Field::EndUser, Field::Team].map(|field| facts.text(field));
    let kind = match (user, key) {
        (Some(_), _) => USER,
        (None, Some(_)) => SERVICE,
        (None, None) => NOBODY,
    };
    let is_known = user.or(key).or(end_user).or(team).is_some();
    let groups: Vec<Json> = team.map(|team| json!({ "name": team })).into_iter().collect();
    let person = is_known.then(|| {
        Object::new()
            .with("uid", user.or(key).or(end_user).unwrap_or(UNKNOWN))
            .maybe("uid_alt", end_user)
            .pair("type", kind)
            .with("groups", groups)
    });
    let application = facts.text(Field::Application);
    Object::new()
        .maybe("user", person)
        .with("session", Object::new().maybe("credential_uid", key))
        .with("idp", Object::new().maybe("name", facts.text(Field::Issuer)))
        .maybe("app_name", application.or((!is_known).then_some(UNKNOWN)))
}

/// Whence it came.
pub(super) fn source_endpoint(source: &Source<'_>) -> Object {
    match source.facts.text(Field::ClientAddress) {
        Some(address) => Object::new().with("ip", address),
        None => Object::new().with("name", UNKNOWN),
    }
}

/// The caller's address once more, where a SIEM looks for what to look up.
pub(super) fn observables(source: &Source<'_>, name: &str) -> Vec<Json> {
    let address = source.facts.text(Field::ClientAddress).map(|address| {
        Object::new().with("name", name).pair("type", IP_ADDRESS).with("value", address).into()
    });
    address.into_iter().collect()
}

/// The model that was asked for.
pub(super) fn model(source: &Source<'_>) -> Option<Object> {
    let provider = source.facts.text(Field::Provider).unwrap_or(UNKNOWN);
    let model = source.facts.text(Field::Model)?;
    Some(Object::new().with("name", model).with("ai_provider", provider))
}

/// What a finding is about: the model and the upstream.
pub(super) fn resources(source: &Source<'_>) -> Vec<Json> {
    let named = [(Field::Model, "AI model"), (Field::Upstream, "upstream")];
    let named = named.into_iter().filter_map(|(field, kind)| {
        let name = source.facts.text(field)?;
        Some(Object::new().with("name", name).with("type", kind).into())
    });
    named.collect()
}

/// Where it stands in a trace; with the interaction's own span once that has ended.
pub(super) fn trace(source: &Source<'_>, duration_us: Option<u64>) -> Option<Object> {
    let facts = source.facts;
    let trace = facts.text(Field::TraceId)?;
    let span = duration_us.and_then(|duration_us| {
        let ended_ms = source.event().time_ms;
        let span = Object::new()
            .with("uid", facts.text(Field::SpanId)?)
            .maybe("parent_uid", facts.text(Field::ParentSpan))
            .with("start_time", signed(ended_ms.saturating_sub(duration_us / 1_000)))
            .with("end_time", signed(ended_ms));
        Some(span)
    });
    Some(Object::new().with("uid", trace).maybe("span", span))
}
