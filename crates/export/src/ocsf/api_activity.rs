//! API Activity 6003: interactions with models, and what users say of answers.
//!
//! An interaction is two events, as on record: the one when it was judged has the activity `Open`, the one when it ended
//! the real one, so that counting activities counts interactions.

use events::{Ending, EventBody, InteractionClosed, Outcome};
use serde_json::Value as Json;

use super::parts::{UNKNOWN, actor, model, observables, source_endpoint, trace};
use super::{Class, OTHER, Release, Source, security_control, whole};
use crate::fact::signed;
use crate::field::Field;
use crate::object::{Object, Pair};

const CLASS: Class = Class {
    uid: 6003,
    name: "API Activity",
    category: Pair(6, "Application Activity"),
    profiles: &["ai_operation", security_control::PROFILE, "trace"],
};

const SUCCESS: Pair = Pair(1, "Success");
const FAILURE: Pair = Pair(2, "Failure");
const CREATE: Pair = Pair(1, "Create");
const READ: Pair = Pair(2, "Read");
const OPEN: Pair = Pair(OTHER, "Open");

/// Operations that only read; all others make something.
const READING: [&str; 8] = [
    "models",
    "files.content",
    "messages.batches.results",
    "tags",
    "show",
    "ps",
    "version",
    "batches",
];

const BY_USER: Pair = Pair(1, "User");
const BY_MODEL: Pair = Pair(2, "Assistant");

/// An interaction that was judged.
pub(super) fn judged(source: &Source<'_>) -> Json {
    let EventBody::InteractionOpened(opened) = &source.event().body else { return Json::Null };
    let status = match opened.decision.outcome {
        Outcome::Allowed => SUCCESS,
        Outcome::Refused => FAILURE,
    };
    let request = Object::new()
        .maybe("uid", source.facts.text(Field::Interaction))
        .maybe("body_length", whole(opened.request_bytes));
    common(source, OPEN, BY_USER, Object::new())
        .pair("status", status)
        .maybe("status_detail", source.facts.text(Field::DecisionReason))
        .with("http_request", request)
        .maybe("trace", trace(source, None))
        .and(security_control::of(source, &opened.decision, !opened.findings.is_empty()))
        .into()
}

/// An interaction that ended.
pub(super) fn ended(source: &Source<'_>, closed: &InteractionClosed) -> Json {
    let facts = source.facts;
    let operation = facts.text(Field::Operation);
    let reads = operation.is_some_and(|operation| READING.contains(&operation));
    let activity = if reads { READ } else { CREATE };
    let status = if closed.ending == Ending::Answered { SUCCESS } else { FAILURE };
    let response = Object::new()
        .with("code", u32::from(closed.status))
        .maybe("error", facts.text(Field::Reason))
        .with("message", closed.ending.as_str());
    let answer = Object::new()
        .with("code", u32::from(closed.status))
        .maybe("body_length", whole(closed.response_bytes))
        .maybe("latency", closed.first_byte_us.and_then(|us| whole(us / 1_000)));
    let detail = facts.text(Field::DecisionReason).or(facts.text(Field::Reason));
    let (ended_ms, duration_ms) = (source.event().time_ms, closed.duration_us / 1_000);
    common(source, activity, BY_MODEL, response)
        .pair("status", status)
        .with("status_code", closed.status.to_string())
        .with("status_detail", detail.unwrap_or(closed.ending.as_str()))
        .with("http_response", answer)
        .with("start_time", signed(ended_ms.saturating_sub(duration_ms)))
        .with("end_time", signed(ended_ms))
        .with("duration", signed(duration_ms))
        .maybe("trace", trace(source, Some(closed.duration_us)))
        .and(security_control::of(source, &closed.decision, !closed.findings.is_empty()))
        .into()
}

/// What a user said of an answer.
pub(super) fn reported(source: &Source<'_>) -> Json {
    common(source, CREATE, BY_USER, Object::new()).pair("status", SUCCESS).into()
}

fn common(source: &Source<'_>, activity: Pair, role: Pair, response: Object) -> Object {
    let facts = source.facts;
    let is_report = matches!(source.event().body, EventBody::UserReport(_));
    let unnamed = if is_report { "user_report" } else { UNKNOWN };
    let request = Object::new().maybe("uid", facts.text(Field::Interaction));
    let service = facts.text(Field::Dialect).map(|dialect| Object::new().with("name", dialect));
    let api = Object::new()
        .with("operation", facts.text(Field::Operation).unwrap_or(unnamed))
        .maybe("service", service)
        .with("request", request)
        .with("response", response);
    let upstream = facts.text(Field::Upstream);
    source
        .base(CLASS, activity, &source.uid())
        .with("actor", actor(source))
        .with("api", api)
        .with("src_endpoint", source_endpoint(source))
        .maybe("dst_endpoint", upstream.map(|name| Object::new().with("svc_name", name)))
        .and(asked(source))
        .with("message_context", message_context(source, role))
        .with("observables", observables(source, "src_endpoint.ip"))
        .with("unmapped", source.unmapped())
}

/// The model, and in 1.9.0 the agent that asked it.
fn asked(source: &Source<'_>) -> Object {
    let agent = source.facts.text(Field::Agent).filter(|_| source.release == Release::V1_9);
    match agent {
        Some(agent) => {
            let agent = Object::new().with("uid", agent).maybe("ai_model", model(source));
            Object::new().with("ai_agent", agent)
        }
        None => Object::new().maybe("ai_model", model(source)),
    }
}

fn message_context(source: &Source<'_>, role: Pair) -> Object {
    let facts = source.facts;
    let [prompt, completion] =
        [Field::InputTokens, Field::OutputTokens].map(|field| facts.number(field));
    let total = prompt.zip(completion).and_then(|(one, other)| whole(one.checked_add(other)?));
    let service = facts.text(Field::Upstream).or(facts.text(Field::Dialect)).unwrap_or(UNKNOWN);
    let application = facts.text(Field::Application).map(|name| Object::new().with("name", name));
    Object::new()
        .maybe("uid", facts.text(Field::Conversation))
        .pair("ai_role", role)
        .maybe("application", application)
        .with("service", Object::new().with("name", service))
        .maybe("prompt_tokens", prompt.and_then(whole))
        .maybe("completion_tokens", completion.and_then(whole))
        .maybe("total_tokens", total)
}
