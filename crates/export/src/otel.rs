//! OpenTelemetry log records, one `LogsData` message in OTLP's JSON form on each line, as its file exporter writes them.
//!
//! An end of an interaction with a model is the conventions' event of an inference, a user's report that of an evaluation;
//! everything else is an event under `bartizan.`. Guards, decisions and findings have no names in the conventions yet.
//!
//! Not here: OTLP itself (`telemetry::otlp`), names (`telemetry::names`).

use events::{EventBody, Trace};
use telemetry::{Attribute, LogRecord, Resource, names, otlp_log_line};

use crate::entry::{Before, Entry};
use crate::fact::{Facts, Value, calendar};
use crate::field::{Field, Row};
use crate::severity::Severity;
use crate::walk::class;

/// What was evaluated, when a user reports.
const USER_REPORT: &str = "user_report";

/// The line.
pub(crate) fn line(
    entry: &Entry<'_>,
    before: &Before,
    facts: &Facts<'_>,
    version: &'static str,
) -> Vec<u8> {
    let mut attributes: Vec<(&'static str, Attribute)> = Vec::new();
    for (field, value) in facts.iter() {
        if let Some(name) = Row::attribute(field.row().otel) {
            attributes.push((name, attribute(value)));
        }
    }
    let body = &entry.event.body;
    if matches!(body, EventBody::UserReport(_)) {
        attributes.push((names::EVALUATION_NAME, Attribute::Text(USER_REPORT.to_owned())));
    }
    let (number, text) = Severity::of(body).words().otel;
    let trace = trace(body, before);
    let record = LogRecord {
        attributes,
        body: facts.text(Field::Message).unwrap_or_default().to_owned(),
        event_name: event_name(body, facts),
        severity: (number, text),
        span: trace.map(|trace| trace.span),
        time_ms: entry.event.time_ms,
        trace: trace.map(|trace| trace.trace),
    };
    otlp_log_line(&Resource { instance: entry.node.to_string(), version }, &record)
}

fn attribute(value: &Value<'_>) -> Attribute {
    match value {
        Value::Is(is) => Attribute::Is(*is),
        Value::Moment(time_ms) => Attribute::Text(calendar(*time_ms)),
        Value::Microseconds(us) => Attribute::Real(*us as f64 / 1_000_000.0),
        Value::Text(text) => Attribute::Text(text.clone().into_owned()),
        Value::Texts(texts) => {
            Attribute::Texts(texts.iter().map(|text| text.clone().into_owned()).collect())
        }
        Value::Whole(number) => Attribute::Whole(*number),
        Value::Wholes(numbers) => Attribute::Wholes(numbers.clone()),
    }
}

fn event_name(body: &EventBody, facts: &Facts<'_>) -> String {
    match body {
        EventBody::InteractionClosed(_) if facts.get(Field::GenAiOperation).is_some() => {
            names::INFERENCE_EVENT.to_owned()
        }
        EventBody::UserReport(_) => names::EVALUATION_EVENT.to_owned(),
        other => format!("bartizan.{}", class(other)),
    }
}

fn trace(body: &EventBody, before: &Before) -> Option<Trace> {
    match body {
        EventBody::InteractionOpened(opened) => opened.trace,
        _ => before.opened.as_ref().and_then(|opened| opened.trace),
    }
}
