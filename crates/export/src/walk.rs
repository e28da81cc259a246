//! Which facts an event has.
//!
//! INVARIANT: every field of every event becomes a fact; a test compares with the event's own JSON.

use std::borrow::Cow;
use std::net::IpAddr;

use events::{
    Administration, Anomaly, Credentials, Decision, EventBody, GuardReport, InteractionClosed,
    InteractionOpened, LocatedFinding, NodeNotice, Outcome, Principal, Trace, Unscanned,
    UserReport,
};
use telemetry::names;

use crate::campaign;
use crate::entry::{Entry, Memory, Opened};
use crate::fact::{Facts, Value};
use crate::field::Field;
use crate::message;
use crate::severity::Severity;

/// What a guard has no reason for.
const NO_REASON: &str = "-";

/// Says of each record what is known of it, by itself and by the records before it.
#[derive(Debug, Default)]
pub struct FactReader {
    memory: Memory,
}

impl FactReader {
    /// Takes the next record, in the order of the record; gives its facts to `read`.
    pub fn next<R>(&mut self, entry: &Entry<'_>, read: impl FnOnce(&Facts<'_>) -> R) -> R {
        let before = self.memory.note(entry);
        read(&facts(entry, before.opened.as_ref()))
    }
}

/// The facts of an event, with what its open record said.
pub(crate) fn facts<'a>(entry: &Entry<'a>, opened: Option<&'a Opened>) -> Facts<'a> {
    let mut facts = Facts::default();
    let event = entry.event;
    facts.put(Field::Time, Value::Moment(event.time_ms));
    facts.put_text(Field::Class, class(&event.body));
    facts.put(Field::Severity, Value::Whole(Severity::of(&event.body).number()));
    facts.put(Field::Sequence, Value::Whole(entry.sequence));
    facts.put_text(Field::Node, entry.node.to_string());
    facts.put_text(Field::Leaf, entry.leaf.to_string());
    facts.put_text(Field::Chain, entry.chain.to_string());
    facts.put_text(Field::Message, message::of(&event.body, opened));
    match &event.body {
        EventBody::Administration(change) => administration(&mut facts, change),
        EventBody::Anomaly(found) => anomaly(&mut facts, found),
        EventBody::Campaign(notice) => campaign::facts_of(&mut facts, &notice.campaign),
        EventBody::InteractionClosed(closed) => ended(&mut facts, closed, opened),
        EventBody::InteractionOpened(opened) => began(&mut facts, opened),
        EventBody::Node(notice) => node(&mut facts, notice),
        EventBody::UserReport(report) => reported(&mut facts, report),
    }
    facts.finish()
}

/// The class of an event, as in records.
pub const fn class(body: &EventBody) -> &'static str {
    match body {
        EventBody::Administration(_) => "administration",
        EventBody::Anomaly(_) => "anomaly",
        EventBody::Campaign(_) => "campaign",
        EventBody::InteractionClosed(_) => "interaction_closed",
        EventBody::InteractionOpened(_) => "interaction_opened",
        EventBody::Node(_) => "node",
        EventBody::UserReport(_) => "user_report",
    }
}

fn administration<'a>(facts: &mut Facts<'a>, change: &'a Administration) {
    facts.put_text(Field::Actor, &change.actor);
    facts.put_text(Field::Operation, &change.operation);
    facts.put_text(Field::Target, &change.target);
    facts.put_maybe(Field::Why, change.why.as_deref());
}

fn anomaly<'a>(facts: &mut Facts<'a>, found: &'a Anomaly) {
    facts.put_text(Field::Kind, found.kind.as_str());
    facts.put_text(Field::Measure, &found.measure);
    facts.put_maybe(Field::Model, found.model.as_deref());
    facts.put(Field::Observed, Value::Whole(found.observed));
    facts.put(Field::Ordinary, Value::Whole(found.ordinary));
    facts.put(Field::Rank, Value::Whole(found.rank.get().into()));
    facts.put(Field::Since, Value::Moment(found.since_ms));
    facts.put_maybe(Field::Upstream, found.upstream.as_deref());
    facts.put(Field::Window, Value::Whole(found.window_s.into()));
    principal(facts, &found.principal);
}

fn node<'a>(facts: &mut Facts<'a>, notice: &'a NodeNotice) {
    facts.put_text(Field::State, &notice.state);
}

fn reported<'a>(facts: &mut Facts<'a>, report: &'a UserReport) {
    facts.put_maybe(Field::Content, report.comment.map(|digest| digest.to_string()));
    facts.put_text(Field::Interaction, report.interaction.to_string());
    facts.put_text(Field::Rating, report.rating.as_str());
    facts.put_maybe(Field::ReportReason, report.reason.map(events::ReportReason::as_str));
    principal(facts, &report.principal);
}

fn began<'a>(facts: &mut Facts<'a>, opened: &'a InteractionOpened) {
    address(facts, &opened.client_address);
    facts.put_maybe(Field::Content, opened.content.map(|digest| digest.to_string()));
    facts.put_maybe(Field::Conversation, opened.conversation.map(|id| id.to_string()));
    let Credentials { certificate, token } = &opened.credentials;
    facts.put_maybe(Field::Certificate, certificate.as_deref());
    facts.put_maybe(Field::Token, token.as_deref());
    decision(facts, &opened.decision);
    findings(facts, &opened.findings, opened.findings_omitted);
    guards(facts, &opened.guards, &opened.unscanned);
    facts.put_text(Field::Interaction, opened.interaction.to_string());
    facts.put_count(Field::Masked, opened.masked.into());
    asked(facts, &opened.operation, &opened.dialect, opened.model.as_deref());
    principal(facts, &opened.principal);
    facts.put(Field::RequestBytes, Value::Whole(opened.request_bytes));
    facts.put_maybe(Field::Route, opened.route.as_deref());
    facts.put(Field::Streamed, Value::Is(opened.streamed));
    trace(facts, opened.trace.as_ref());
    facts.put_texts(Field::UnknownFields, opened.unknown_fields.iter().map(String::as_str));
    facts.put_texts(Field::Fallbacks, opened.upstream_fallbacks.iter().map(String::as_str));
    facts.put_maybe(Field::Upstream, opened.upstream.as_deref());
}

fn ended<'a>(facts: &mut Facts<'a>, closed: &'a InteractionClosed, opened: Option<&'a Opened>) {
    if let Some(opened) = opened {
        address(facts, &opened.client_address);
        facts.put_maybe(Field::Conversation, opened.conversation.map(|id| id.to_string()));
        asked(facts, &opened.operation, &opened.dialect, opened.model.as_deref());
        principal(facts, &opened.principal);
        facts.put_maybe(Field::Route, opened.route.as_deref());
        facts.put(Field::Streamed, Value::Is(opened.streamed));
        trace(facts, opened.trace.as_ref());
        facts.put_maybe(Field::Upstream, opened.upstream.as_deref());
    }
    let attempts = &closed.attempts;
    facts.put_texts(Field::AttemptUpstreams, attempts.iter().map(|one| one.upstream.as_str()));
    facts.put_texts(Field::AttemptOutcomes, attempts.iter().map(|one| one.outcome.as_str()));
    facts.put_maybe(Field::Content, closed.content.map(|digest| digest.to_string()));
    decision(facts, &closed.decision);
    facts.put(Field::Duration, Value::Microseconds(closed.duration_us));
    facts.put_text(Field::Ending, closed.ending.as_str());
    findings(facts, &closed.findings, closed.findings_omitted);
    if let Some(first_byte_us) = closed.first_byte_us {
        facts.put(Field::FirstByte, Value::Microseconds(first_byte_us));
    }
    guards(facts, &closed.guards, &closed.unscanned);
    facts.put_text(Field::Interaction, closed.interaction.to_string());
    facts.put_count(Field::Masked, closed.masked.into());
    facts.put_maybe(Field::Reason, closed.reason.as_deref());
    facts.put(Field::ResponseBytes, Value::Whole(closed.response_bytes));
    facts.put_count(Field::Restored, closed.restored.into());
    facts.put_count(Field::Risk, closed.risk.into());
    facts.put(Field::Status, Value::Whole(closed.status.into()));
    if let Some(usage) = closed.usage {
        facts.put(Field::InputTokens, Value::Whole(usage.input));
        facts.put(Field::OutputTokens, Value::Whole(usage.output));
    }
}

/// The caller's address, if it is one; the gateway has a word for those it does not know.
fn address<'a>(facts: &mut Facts<'a>, address: &'a str) {
    if let Ok(address) = address.parse::<IpAddr>() {
        facts.put_text(Field::ClientAddress, address.to_string());
    }
}

fn asked<'a>(facts: &mut Facts<'a>, operation: &'a str, dialect: &'a str, model: Option<&'a str>) {
    facts.put_text(Field::Operation, operation);
    facts.put_text(Field::Dialect, dialect);
    facts.put_maybe(Field::GenAiOperation, names::operation_name(operation));
    facts.put_text(Field::Provider, names::provider_name(dialect, false));
    facts.put_maybe(Field::Model, model);
}

fn principal<'a>(facts: &mut Facts<'a>, who: &'a Principal) {
    facts.put_maybe(Field::Agent, who.agent.as_deref());
    facts.put_maybe(Field::Application, who.application.as_deref());
    facts.put_maybe(Field::EndUser, who.end_user.as_deref());
    facts.put_maybe(Field::Issuer, who.issuer.as_deref());
    facts.put_maybe(Field::Key, who.key.as_ref().map(events::KeyId::as_str));
    facts.put_maybe(Field::Team, who.team.as_deref());
    facts.put_maybe(Field::Tenant, who.tenant.as_deref());
    facts.put_maybe(Field::User, who.user.as_deref());
}

fn trace(facts: &mut Facts<'_>, trace: Option<&Trace>) {
    let Some(Trace { parent, span, trace }) = trace else { return };
    facts.put_text(Field::TraceId, trace.to_string());
    facts.put_text(Field::SpanId, span.to_string());
    facts.put_maybe(Field::ParentSpan, parent.map(|parent| parent.to_string()));
}

fn decision<'a>(facts: &mut Facts<'a>, decision: &'a Decision) {
    facts.put_text(Field::Outcome, outcome(decision.outcome));
    facts.put_texts(Field::Actions, decision.actions.iter().map(|action| action.as_str()));
    facts.put_maybe(Field::DecisionReason, decision.reason.as_deref());
    let rules = &decision.rules;
    let hold = || rules.iter().filter(|rule| !rule.shadow && rule.exception.is_none());
    facts.put_texts(Field::Rules, hold().map(|rule| rule.id.as_str()));
    facts.put_texts(Field::RuleActions, hold().map(|rule| rule.action.as_str()));
    let excepted = rules.iter().filter(|rule| rule.exception.is_some());
    facts.put_texts(Field::RulesExcepted, excepted.map(|rule| rule.id.as_str()));
    let shadow = rules.iter().filter(|rule| rule.shadow);
    facts.put_texts(Field::RulesShadow, shadow.map(|rule| rule.id.as_str()));
    facts.put_texts(Field::Exceptions, rules.iter().filter_map(|rule| rule.exception.as_deref()));
    facts.put_texts(Field::Playbooks, hold().filter_map(|rule| rule.playbook.as_deref()));
    let controls = || distinct(hold().flat_map(|rule| &rule.controls).map(String::as_str));
    facts.put_texts(Field::Controls, controls());
    let techniques = controls().into_iter().filter(|control| is_technique(control));
    facts.put_texts(Field::Techniques, techniques);
}

/// `allowed`, `refused`, as in records.
pub(crate) const fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Allowed => "allowed",
        Outcome::Refused => "refused",
    }
}

/// Whether a control is a technique of MITRE ATLAS.
pub(crate) fn is_technique(control: &str) -> bool {
    control.starts_with("AML.T")
}

fn distinct<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut texts: Vec<_> = texts.collect();
    texts.sort_unstable();
    texts.dedup();
    texts
}

fn findings<'a>(facts: &mut Facts<'a>, located: &'a [LocatedFinding], omitted: u32) {
    let found = || located.iter().map(|located| &located.finding);
    facts.put_texts(Field::FindingKinds, found().map(|one| one.kind.as_str()));
    facts.put_wholes(Field::FindingRanks, found().map(|one| one.rank.get().into()));
    let scores = found().map(|one| (f64::from(one.score.unit()) * 10_000.0).round() as u64);
    facts.put_wholes(Field::FindingScores, scores);
    facts.put_texts(Field::FindingDetectors, found().map(|one| &*one.detector));
    facts.put_texts(Field::FindingPaths, located.iter().map(|located| located.path.as_str()));
    let provenances = located.iter().map(|located| located.provenance.as_str());
    facts.put_texts(Field::FindingProvenances, provenances);
    facts.put_texts(Field::FindingViews, found().map(|one| &*one.view));
    facts.put_wholes(Field::FindingStarts, found().map(|one| one.span.start.into()));
    facts.put_wholes(Field::FindingEnds, found().map(|one| one.span.end.into()));
    facts.put_count(Field::FindingsOmitted, omitted.into());
}

fn guards<'a>(facts: &mut Facts<'a>, guards: &'a [GuardReport], unscanned: &'a [Unscanned]) {
    facts.put_texts(Field::Guards, guards.iter().map(|one| one.guard.as_str()));
    facts.put_texts(Field::GuardStatuses, guards.iter().map(|one| one.status.as_str()));
    if guards.iter().any(|one| one.reason.is_some()) {
        let reasons = guards.iter().map(|one| one.reason.as_deref().unwrap_or(NO_REASON));
        facts.put_texts(Field::GuardReasons, reasons.map(Cow::Borrowed));
    }
    facts.put_texts(Field::UnscannedPaths, unscanned.iter().map(|one| one.path.as_str()));
    facts.put_texts(Field::UnscannedReasons, unscanned.iter().map(|one| one.why.as_str()));
}
