//! Findings: Detection Finding 2004, and Data Security Finding 2006 where the thing found is data.
//!
//! What one record notably found of one kind is one finding, with every place where it was found.
//!
//! INVARIANT: a finding carries where something was found, never the text.

use std::collections::BTreeMap;

use events::{Administration, Anomaly, Decision, LocatedFinding, Rank};
use serde_json::{Value as Json, json};

use super::parts::{UNKNOWN, actor, known, observables, resources, source_endpoint};
use super::{Class, Source, security_control};
use crate::fact::{TEXT_BYTES_MAX, bounded, signed};
use crate::field::Field;
use crate::object::{Object, Pair};
use crate::severity::NOTABLE_RANK_MIN;

const FINDINGS: Pair = Pair(2, "Findings");
const PROFILES: &[&str] = &[security_control::PROFILE];
pub(super) const DETECTION: Class =
    Class { uid: 2004, name: "Detection Finding", category: FINDINGS, profiles: PROFILES };
const DATA_SECURITY: Class =
    Class { uid: 2006, name: "Data Security Finding", category: FINDINGS, profiles: PROFILES };

const CREATE: Pair = Pair(1, "Create");
const NEW: Pair = Pair(1, "New");
const RULE: Pair = Pair(1, "Rule");
pub(super) const BEHAVIORAL: Pair = Pair(2, "Behavioral");
const STATISTICAL: Pair = Pair(3, "Statistical");
const LEARNING: Pair = Pair(4, "Learning (ML/DL)");
/// Detectors that were trained.
const LEARNT: [&str; 3] = ["linear_score", "names", "suffix"];

const PERSONAL: Pair = Pair(1, "Personal");
const FINANCIAL: Pair = Pair(3, "Financial");
const BUSINESS: Pair = Pair(4, "Business");
const SECURITY: Pair = Pair(6, "Security");
/// Kinds and families of kinds that are data, and what data; the first that fits counts.
const DATA: [(&str, Pair); 12] = [
    ("pii.bank_account", FINANCIAL),
    ("pii.bic", FINANCIAL),
    ("pii.card", FINANCIAL),
    ("pii.card_code", FINANCIAL),
    ("pii.crypto_address", FINANCIAL),
    ("pii.iban", FINANCIAL),
    ("pii", PERSONAL),
    ("secret", SECURITY),
    ("canary", SECURITY),
    ("leak", BUSINESS),
    ("regurgitation", BUSINESS),
    ("key", SECURITY),
];
const COMPLETE: Pair = Pair(1, "Complete");
const PARTIAL: Pair = Pair(2, "Partial");
const IN_TRANSIT: Pair = Pair(2, "Data in-Transit");
const APPLICATION_DLP: Pair = Pair(10, "Application-Level DLP");
const SECONDS: Pair = Pair(2, "Seconds");
/// The unit of an anomaly's numbers, in words.
const PER_WINDOW: &str = "in the window";

/// The findings of a record, one for each kind that was notably found.
pub(super) fn located(
    source: &Source<'_>,
    decision: &Decision,
    findings: &[LocatedFinding],
) -> Vec<Json> {
    let mut kinds: BTreeMap<&str, Vec<&LocatedFinding>> = BTreeMap::new();
    for found in findings.iter().filter(|found| found.finding.rank >= NOTABLE_RANK_MIN) {
        kinds.entry(found.finding.kind.as_str()).or_default().push(found);
    }
    let numbered = (1..).zip(&kinds);
    let events = numbered.filter_map(|(number, (kind, found))| {
        let best = found.iter().max_by_key(|found| found.finding.rank)?;
        let uid = format!("{}-{number}", source.uid());
        let event = match data(kind) {
            Some(category) => data_finding(source, &uid, found, best, category),
            None => detection(source, &uid, found, best),
        };
        Some(event.and(security_control::of(source, decision, true)).into())
    });
    events.collect()
}

fn data(kind: &str) -> Option<Pair> {
    let fits = |named: &str| {
        kind.strip_prefix(named).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    DATA.iter().find(|(named, _)| fits(named)).map(|(_, category)| *category)
}

fn detection(
    source: &Source<'_>,
    uid: &str,
    found: &[&LocatedFinding],
    best: &LocatedFinding,
) -> Object {
    let evidence = Object::new()
        .with("actor", actor(source))
        .with("src_endpoint", source_endpoint(source))
        .with("data", json!({ "locations": places(found) }));
    finding(source, DETECTION, uid, best)
        .with("evidences", vec![Json::from(evidence)])
        .with("count", super::whole(found.len() as u64).unwrap_or(i32::MAX))
        .with("observables", observables(source, "evidences.src_endpoint.ip"))
}

fn data_finding(
    source: &Source<'_>,
    uid: &str,
    found: &[&LocatedFinding],
    best: &LocatedFinding,
    category: Pair,
) -> Object {
    let kind = kind(best);
    let occurrences: Vec<Json> = found
        .iter()
        .map(|found| json!({ "json_path": format!("$.{}", bounded(&found.path, TEXT_BYTES_MAX)) }))
        .collect();
    let count = super::whole(found.len() as u64).unwrap_or(i32::MAX);
    let details =
        Object::new().with("type", kind).with("count", count).with("occurrences", occurrences);
    let is_whole = source.facts.get(Field::FindingsOmitted).is_none();
    let classifier =
        Object::new().with("name", known(&best.finding.detector)).with("type", "detector");
    let data = Object::new()
        .pair("category", category)
        .with("classifier_details", classifier)
        .pair("data_lifecycle_state", IN_TRANSIT)
        .pair("detection_system", APPLICATION_DLP)
        .with("detection_pattern", kind)
        .with("discovery_details", vec![Json::from(details)])
        .pair("status", if is_whole { COMPLETE } else { PARTIAL })
        .with("total", count);
    finding(source, DATA_SECURITY, uid, best)
        .with("actor", actor(source))
        .with("src_endpoint", source_endpoint(source))
        .with("data_security", data)
        .with("count", count)
        .with("observables", observables(source, "src_endpoint.ip"))
}

fn kind(found: &LocatedFinding) -> &str {
    known(found.finding.kind.as_str())
}

/// What both classes of finding have.
fn finding(source: &Source<'_>, class: Class, uid: &str, best: &LocatedFinding) -> Object {
    let (kind, detector) = (kind(best), known(&best.finding.detector));
    let how = if LEARNT.contains(&detector) { LEARNING } else { RULE };
    let related =
        Object::new().with("uid", source.uid()).maybe("type", source.facts.text(Field::Class));
    let info = Object::new()
        .with("uid", uid)
        .with("title", format!("{kind} in {}", best.provenance))
        .with("types", vec![kind])
        .with("analytic", analytic(detector, how))
        .with("attacks", security_control::attacks(source))
        .with("data_sources", vec![best.provenance.as_str()])
        .with("created_time", signed(source.event().time_ms))
        .with("related_events", vec![Json::from(related)]);
    let percent = (best.finding.score.unit() * 100.0).round() as u32;
    common(source, class, uid, info, best.finding.rank)
        .with("confidence_score", percent)
        .with("resources", resources(source))
        .with("unmapped", source.unmapped_record())
}

fn common(source: &Source<'_>, class: Class, uid: &str, info: Object, rank: Rank) -> Object {
    source
        .base(class, CREATE, uid)
        .with("finding_info", info)
        .pair("status", NEW)
        .pair("confidence", confidence(rank))
}

pub(super) fn analytic(name: &str, how: Pair) -> Object {
    Object::new().with("name", name).with("uid", name).pair("type", how)
}

/// A rank of 30 is wrong about one ordinary text in a thousand, of 40 one in ten thousand.
fn confidence(rank: Rank) -> Pair {
    match rank.get() {
        0..30 => Pair(1, "Low"),
        30..40 => Pair(2, "Medium"),
        _ => Pair(3, "High"),
    }
}

/// Where something was found: the field and the bytes of its text.
fn places(found: &[&LocatedFinding]) -> Vec<Json> {
    let places = found.iter().map(|located| {
        let finding = &located.finding;
        json!({
            "path": bounded(&located.path, TEXT_BYTES_MAX),
            "provenance": located.provenance.as_str(),
            "start": finding.span.start,
            "end": finding.span.end,
            "rank": finding.rank.get(),
            "view": bounded(&finding.view, TEXT_BYTES_MAX),
        })
    });
    places.collect()
}

/// Traffic far above what is ordinary.
pub(super) fn anomaly(source: &Source<'_>, anomaly: &Anomaly) -> Json {
    let facts = source.facts;
    let uid = source.uid();
    let measure = facts.text(Field::Measure).unwrap_or(UNKNOWN);
    let seen = |value: u64| {
        let window = super::whole(anomaly.window_s.into());
        let span = window.map(|s| Object::new().with("duration_secs", s).pair("type", SECONDS));
        Object::new().with("value", value.to_string()).maybe("timespan", span)
    };
    let observed = |value: u64| {
        Object::new()
            .with("observation_parameter", measure)
            .with("observation_type", PER_WINDOW)
            .with("observations", vec![Json::from(seen(value))])
    };
    let who = [Field::User, Field::Key, Field::Application, Field::Team, Field::Tenant];
    let who = who.into_iter().find_map(|field| facts.text(field)).unwrap_or("everybody");
    let analysis = Object::new()
        .with("analysis_targets", json!([{ "name": who, "type": "principal" }]))
        .with("anomalies", vec![Json::from(observed(anomaly.observed))])
        .with("baselines", vec![Json::from(observed(anomaly.ordinary))]);
    let kind = facts.text(Field::Kind).unwrap_or("anomaly");
    let info = Object::new()
        .with("uid", uid.as_str())
        .with("title", kind)
        .with("types", vec![kind])
        .maybe("desc", facts.text(Field::Message))
        .with("analytic", analytic("baselines", STATISTICAL))
        .with("first_seen_time", signed(anomaly.since_ms))
        .with("created_time", signed(source.event().time_ms));
    let evidence = Object::new().with("actor", actor(source));
    common(source, DETECTION, &uid, info, anomaly.rank)
        .with("anomaly_analyses", vec![Json::from(analysis)])
        .with("evidences", vec![Json::from(evidence)])
        .with("resources", resources(source))
        .with("start_time", signed(anomaly.since_ms))
        .with("is_alert", true)
        .with("unmapped", source.unmapped())
        .into()
}

/// A key of ours that was seen in plain text.
pub(super) fn exposed(source: &Source<'_>, exposed: &Administration) -> Json {
    let (uid, facts) = (source.uid(), source.facts);
    let operation = bounded(&exposed.operation, TEXT_BYTES_MAX);
    let info = Object::new()
        .with("uid", uid.as_str())
        .with("title", "a key was seen in plain text")
        .with("types", vec![operation])
        .with("analytic", analytic("exposed_keys", RULE))
        .with("created_time", signed(source.event().time_ms));
    let data = Object::new()
        .pair("category", SECURITY)
        .pair("data_lifecycle_state", IN_TRANSIT)
        .pair("detection_system", APPLICATION_DLP)
        .with("detection_pattern", operation)
        .pair("status", COMPLETE);
    let key = Object::new().with("uid", facts.text(Field::Target).unwrap_or(UNKNOWN));
    let by = Object::new().with("uid", facts.text(Field::Actor).unwrap_or(UNKNOWN));
    common(source, DATA_SECURITY, &uid, info, Rank::MAX)
        .with("actor", Object::new().with("user", by))
        .with("data_security", data)
        .maybe("status_detail", facts.text(Field::Why))
        .with("resources", vec![Json::from(key.with("type", "key"))])
        .with("is_alert", true)
        .with("unmapped", source.unmapped())
        .into()
}
