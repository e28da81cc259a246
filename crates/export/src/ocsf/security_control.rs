//! The profile `security_control`: what was decided, by which rules, and what attack they are about.
//!
//! INVARIANT: the action is the strictest that was enforced; a rule in shadow or under an exception is there, and not applied.

use events::{Action, Decision, FiredRule, Outcome};
use serde_json::Value as Json;

use super::parts::known;
use super::{Source, techniques};
use crate::field::Field;
use crate::object::{Object, Pair};
use crate::severity::Severity;

/// The name of the profile.
pub(super) const PROFILE: &str = "security_control";

const ALLOWED: Pair = Pair(1, "Allowed");
const DENIED: Pair = Pair(2, "Denied");
const OBSERVED: Pair = Pair(3, "Observed");
const MODIFIED: Pair = Pair(4, "Modified");

/// Risk levels from these scores on.
const RISK_LEVELS: [(u64, Pair); 5] = [
    (80, Pair(4, "Critical")),
    (60, Pair(3, "High")),
    (40, Pair(2, "Medium")),
    (20, Pair(1, "Low")),
    (0, Pair(0, "Info")),
];

/// What was decided.
pub(super) fn of(source: &Source<'_>, decision: &Decision, has_findings: bool) -> Object {
    let (action, disposition) = done(decision, has_findings);
    let rules: Vec<Json> = decision.rules.iter().map(authorization).collect();
    let applied = decision.rules.iter().find(|rule| is_applied(rule));
    Object::new()
        .pair("action", action)
        .pair("disposition", disposition)
        .with("is_alert", source.severity() >= Severity::Medium)
        .with("authorizations", rules)
        .maybe("policy", applied.map(policy))
        .with("attacks", attacks(source))
        .and(risk(source))
}

/// The conversation's risk, and its level.
fn risk(source: &Source<'_>) -> Object {
    let Some(score) = source.facts.number(Field::Risk) else { return Object::new() };
    let level = RISK_LEVELS.iter().find(|(from, _)| score >= *from);
    let object = Object::new().maybe("risk_score", super::whole(score));
    match level {
        Some((_, level)) => object.pair("risk_level", *level),
        None => object,
    }
}

/// What was done with the message, in the schema's words.
fn done(decision: &Decision, has_findings: bool) -> (Pair, Pair) {
    let strictest = decision.actions.iter().max();
    match (decision.outcome, strictest) {
        (Outcome::Refused, Some(Action::Quarantine)) => (DENIED, Pair(3, "Quarantined")),
        (Outcome::Refused, Some(Action::Isolate)) => (DENIED, Pair(4, "Isolated")),
        (Outcome::Refused, Some(Action::Challenge)) => (DENIED, Pair(23, "Challenge")),
        (Outcome::Refused, None) if decision.reason.as_deref() == Some("not_authorised") => {
            (DENIED, Pair(26, "Unauthorized"))
        }
        (Outcome::Refused, None) if decision.reason.as_deref() == Some("policy_error") => {
            (DENIED, Pair(27, "Error"))
        }
        (Outcome::Refused, _) => (DENIED, Pair(2, "Blocked")),
        (Outcome::Allowed, Some(Action::Redact)) => (MODIFIED, Pair(11, "Corrected")),
        (Outcome::Allowed, Some(Action::Decoy)) => (MODIFIED, Pair(7, "Custom Action")),
        (Outcome::Allowed, Some(Action::Tarpit)) => (OBSERVED, Pair(14, "Delayed")),
        (Outcome::Allowed, Some(Action::Taint)) => (OBSERVED, Pair(18, "Tagged")),
        (Outcome::Allowed, Some(_)) => (OBSERVED, Pair(17, "Logged")),
        (Outcome::Allowed, None) if has_findings => (OBSERVED, Pair(15, "Detected")),
        (Outcome::Allowed, None) => (ALLOWED, Pair(1, "Allowed")),
    }
}

fn authorization(rule: &FiredRule) -> Json {
    Object::new().with("decision", rule.action.as_str()).with("policy", policy(rule)).into()
}

fn policy(rule: &FiredRule) -> Object {
    Object::new().with("uid", known(&rule.id)).with("is_applied", is_applied(rule))
}

const fn is_applied(rule: &FiredRule) -> bool {
    !rule.shadow && rule.exception.is_none()
}

/// Techniques of MITRE ATLAS that the applied rules are about.
pub(super) fn attacks(source: &Source<'_>) -> Vec<Json> {
    let techniques = source.facts.texts(Field::Techniques).iter();
    let attacks = techniques.map(|id| {
        // `AML.T0051.000` is a part of `AML.T0051`.
        let root = id.match_indices('.').nth(1).and_then(|(end, _)| id.get(..end));
        let named = |id: &str| Object::new().with("uid", id).with("name", techniques::name(id));
        Object::new()
            .with("technique", named(root.unwrap_or(id)))
            .maybe("sub_technique", root.map(|_| named(id)))
            .into()
    });
    attacks.collect()
}
