//! OTLP over HTTP in its JSON form: the bodies of `/v1/traces` and `/v1/metrics`, and lines of log records.
//!
//! Source: opentelemetry.io/docs/specs/otlp ("JSON Protobuf Encoding"): names in lower camel case, ids in
//! hexadecimal, 64-bit whole numbers as strings, enumerations as numbers.
//!
//! INVARIANT: sums and histograms are cumulative since the start, so that a body that is lost loses nothing.

use events::{SpanId, TraceId};
use serde::Serialize;
use serde_json::{Value, json};

use crate::names::SCHEMA_URL;
use crate::snapshot::{FamilySnapshot, Kind, Point, Series, Unit};

/// Characters of a text in an attribute; more are cut off.
pub const ATTRIBUTE_CHARACTERS_MAX: usize = 256;

/// `AGGREGATION_TEMPORALITY_CUMULATIVE`
const CUMULATIVE: u8 = 2;
/// `SPAN_KIND_SERVER`
const SERVER: u8 = 2;
/// `SPAN_KIND_CLIENT`
const CLIENT: u8 = 3;
/// `STATUS_CODE_ERROR`
const ERROR: u8 = 2;

/// Who measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// `service.instance.id`
    pub instance: String,
    /// `service.version`
    pub version: &'static str,
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum Attribute {
    /// A text.
    Text(String),
    /// A whole number.
    Whole(u64),
    /// A number.
    Real(f64),
    /// Yes or no.
    Is(bool),
    /// Texts.
    Texts(Vec<String>),
    /// Whole numbers.
    Wholes(Vec<u64>),
}

/// One interaction, as a span.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// Names, with dots, and values.
    pub attributes: Vec<(&'static str, Attribute)>,
    /// When it ended, in microseconds since 1970.
    pub ended_us: u64,
    /// Whether something else was asked, rather than only answered.
    pub is_client: bool,
    /// Whether it went wrong.
    pub is_error: bool,
    /// `chat gpt-4o`
    pub name: String,
    /// The caller's span.
    pub parent: Option<SpanId>,
    /// Its own id.
    pub span: SpanId,
    /// When it began, in microseconds since 1970.
    pub started_us: u64,
    /// Its trace.
    pub trace: TraceId,
}

/// One event, as a log record.
#[derive(Clone, Debug, PartialEq)]
pub struct LogRecord {
    /// Names, with dots, and values.
    pub attributes: Vec<(&'static str, Attribute)>,
    /// What happened, in words.
    pub body: String,
    /// What sort of event it is: `gen_ai.evaluation.result`.
    pub event_name: String,
    /// How grave: the number, 1 to 24, and its short name.
    pub severity: (u8, &'static str),
    /// The span it belongs to.
    pub span: Option<SpanId>,
    /// When it happened, in milliseconds since 1970.
    pub time_ms: u64,
    /// The trace it belongs to.
    pub trace: Option<TraceId>,
}

/// A log record by itself, as a line of the form that collectors read from files.
pub fn otlp_log_line(resource: &Resource, record: &LogRecord) -> Vec<u8> {
    let time = (u128::from(record.time_ms) * 1_000_000).min(u64::MAX.into()).to_string();
    let attributes =
        record.attributes.iter().map(|(key, value)| KeyValue { key, value: attribute(value) });
    let (severity_number, severity_text) = record.severity;
    let record = LogBody {
        time_unix_nano: &time,
        observed_time_unix_nano: &time,
        severity_number,
        severity_text,
        event_name: &record.event_name,
        body: AnyValue::Text(&record.body),
        attributes: attributes.collect(),
        trace_id: record.trace,
        span_id: record.span,
    };
    let (scope, schema_url) = (scope(resource), SCHEMA_URL);
    let scoped = ScopeLogs { scope, log_records: [record], schema_url };
    let logs = ResourceLogs { resource: attributes_of(resource), scope_logs: [scoped], schema_url };
    serde_json::to_vec(&LogsData { resource_logs: [logs] }).unwrap_or_default()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LogsData<'a> {
    resource_logs: [ResourceLogs<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResourceLogs<'a> {
    resource: Value,
    scope_logs: [ScopeLogs<'a>; 1],
    schema_url: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ScopeLogs<'a> {
    scope: Value,
    log_records: [LogBody<'a>; 1],
    schema_url: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LogBody<'a> {
    time_unix_nano: &'a str,
    observed_time_unix_nano: &'a str,
    severity_number: u8,
    severity_text: &'a str,
    event_name: &'a str,
    body: AnyValue<'a>,
    attributes: Vec<KeyValue<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<TraceId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    span_id: Option<SpanId>,
}

#[derive(Serialize)]
struct KeyValue<'a> {
    key: &'a str,
    value: AnyValue<'a>,
}

/// A value, in a member that says its type.
#[derive(Serialize)]
enum AnyValue<'a> {
    #[serde(rename = "stringValue")]
    Text(&'a str),
    /// The encoding writes whole numbers of 64 bits as texts.
    #[serde(rename = "intValue")]
    Whole(String),
    #[serde(rename = "doubleValue")]
    Real(f64),
    #[serde(rename = "boolValue")]
    Is(bool),
    #[serde(rename = "arrayValue")]
    List { values: Vec<Self> },
}

/// The body that carries spans.
pub fn otlp_traces(resource: &Resource, spans: &[Span]) -> Vec<u8> {
    let spans: Vec<Value> = spans.iter().map(span).collect();
    let body = json!({ "resourceSpans": [{
        "resource": attributes_of(resource),
        "scopeSpans": [{ "scope": scope(resource), "spans": spans, "schemaUrl": SCHEMA_URL }],
        "schemaUrl": SCHEMA_URL,
    }] });
    body.to_string().into_bytes()
}

/// The body that carries what families say, between two moments in microseconds since 1970. Those without series are left out.
pub fn otlp_metrics(
    resource: &Resource,
    families: &[FamilySnapshot],
    started_us: u64,
    now_us: u64,
) -> Vec<u8> {
    let with_series = families.iter().filter(|family| !family.series.is_empty());
    let metrics: Vec<Value> =
        with_series.map(|family| metric(family, started_us, now_us)).collect();
    let body = json!({ "resourceMetrics": [{
        "resource": attributes_of(resource),
        "scopeMetrics": [{ "scope": scope(resource), "metrics": metrics, "schemaUrl": SCHEMA_URL }],
        "schemaUrl": SCHEMA_URL,
    }] });
    body.to_string().into_bytes()
}

fn attributes_of(resource: &Resource) -> Value {
    json!({ "attributes": [
        { "key": "service.name", "value": { "stringValue": "bartizan" } },
        { "key": "service.version", "value": { "stringValue": resource.version } },
        { "key": "service.instance.id", "value": { "stringValue": resource.instance } },
    ] })
}

fn scope(resource: &Resource) -> Value {
    json!({ "name": "bartizan", "version": resource.version })
}

fn span(span: &Span) -> Value {
    let attributes: Vec<Value> = span
        .attributes
        .iter()
        .map(|(key, value)| json!({ "key": key, "value": attribute(value) }))
        .collect();
    let mut body = json!({
        "traceId": span.trace.to_string(),
        "spanId": span.span.to_string(),
        "name": bounded(&span.name),
        "kind": if span.is_client { CLIENT } else { SERVER },
        "startTimeUnixNano": nanoseconds(span.started_us),
        "endTimeUnixNano": nanoseconds(span.ended_us.max(span.started_us)),
        "attributes": attributes,
    });
    if let Some(parent) = span.parent {
        body["parentSpanId"] = json!(parent.to_string());
    }
    if span.is_error {
        body["status"] = json!({ "code": ERROR });
    }
    body
}

fn attribute(value: &Attribute) -> AnyValue<'_> {
    match value {
        Attribute::Text(text) => AnyValue::Text(bounded(text)),
        Attribute::Whole(number) => AnyValue::Whole(signed(*number)),
        Attribute::Real(number) => AnyValue::Real(*number),
        Attribute::Is(is) => AnyValue::Is(*is),
        Attribute::Texts(texts) => AnyValue::List {
            values: texts.iter().map(|text| AnyValue::Text(bounded(text))).collect(),
        },
        Attribute::Wholes(numbers) => AnyValue::List {
            values: numbers.iter().map(|number| AnyValue::Whole(signed(*number))).collect(),
        },
    }
}

/// A whole number as the encoding writes it. It is signed there: a larger one would be refused with all that goes with it.
fn signed(number: u64) -> String {
    i64::try_from(number).unwrap_or(i64::MAX).to_string()
}

fn bounded(text: &str) -> &str {
    let end = text.char_indices().nth(ATTRIBUTE_CHARACTERS_MAX).map(|(end, _)| end);
    end.and_then(|end| text.get(..end)).unwrap_or(text)
}

fn metric(family: &FamilySnapshot, started_us: u64, now_us: u64) -> Value {
    let about = &family.about;
    let points: Vec<Value> = family
        .series
        .iter()
        .map(|series| data_point(series, about.unit, started_us, now_us))
        .collect();
    let mut body =
        json!({ "name": about.name, "description": about.help, "unit": about.unit.ucum() });
    let (kind, data) = match about.kind {
        Kind::Counter => (
            "sum",
            json!({ "dataPoints": points, "aggregationTemporality": CUMULATIVE, "isMonotonic": true }),
        ),
        Kind::Gauge => ("gauge", json!({ "dataPoints": points })),
        Kind::Histogram => {
            ("histogram", json!({ "dataPoints": points, "aggregationTemporality": CUMULATIVE }))
        }
    };
    body[kind] = data;
    body
}

fn data_point(series: &Series, unit: Unit, started_us: u64, now_us: u64) -> Value {
    let labels = series.labels.iter().filter(|(_, value)| !value.is_empty());
    let attributes: Vec<Value> = labels
        .map(|(key, value)| json!({ "key": key, "value": { "stringValue": bounded(value) } }))
        .collect();
    let mut body = json!({
        "attributes": attributes,
        "startTimeUnixNano": nanoseconds(started_us),
        "timeUnixNano": nanoseconds(now_us),
    });
    match &series.point {
        Point::Number(number) if unit.is_whole() => body["asInt"] = json!(number.to_string()),
        Point::Number(number) => body["asDouble"] = in_unit(unit, *number),
        Point::Histogram { bounds, counts, sum } => {
            let count: u64 = counts.iter().sum();
            let counts: Vec<String> = counts.iter().map(u64::to_string).collect();
            let bounds: Vec<Value> = bounds.iter().map(|bound| in_unit(unit, *bound)).collect();
            body["count"] = json!(count.to_string());
            body["sum"] = in_unit(unit, *sum);
            body["bucketCounts"] = json!(counts);
            body["explicitBounds"] = json!(bounds);
        }
    }
    body
}

/// As a JSON number.
fn in_unit(unit: Unit, counted: u64) -> Value {
    json!(unit.decimal(counted).parse::<f64>().unwrap_or_default())
}

fn nanoseconds(microseconds: u64) -> String {
    microseconds.saturating_mul(1_000).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::About;

    fn resource() -> Resource {
        Resource { instance: "nod_1".into(), version: "0.1.0" }
    }

    #[test]
    fn a_span_is_as_the_encoding_has_it() -> Result<(), serde_json::Error> {
        let span = Span {
            attributes: vec![
                ("gen_ai.usage.input_tokens", Attribute::Whole(u64::MAX)),
                ("error.type", Attribute::Text("é".repeat(ATTRIBUTE_CHARACTERS_MAX + 1))),
            ],
            ended_us: 3,
            is_client: true,
            is_error: true,
            name: "chat m".into(),
            parent: Some(SpanId::of_random([1; 8])),
            span: SpanId::of_random([2; 8]),
            started_us: 2,
            trace: TraceId::of_random([3; 16]),
        };
        let body: Value = serde_json::from_slice(&otlp_traces(&resource(), &[span]))?;
        let expected = json!({
            "traceId": "03".repeat(16), "spanId": "02".repeat(8), "parentSpanId": "01".repeat(8),
            "name": "chat m", "kind": 3, "startTimeUnixNano": "2000", "endTimeUnixNano": "3000",
            "status": { "code": 2 },
            "attributes": [
                { "key": "gen_ai.usage.input_tokens", "value": { "intValue": i64::MAX.to_string() } },
                { "key": "error.type", "value": { "stringValue": "é".repeat(ATTRIBUTE_CHARACTERS_MAX) } },
            ],
        });
        assert_eq!(body["resourceSpans"][0]["scopeSpans"][0]["spans"][0], expected);
        Ok(())
    }

    #[test]
    fn metrics_are_as_the_encoding_has_them() -> Result<(), serde_json::Error> {
        let about = |name, kind, unit| About { name, help: "Help.", kind, unit };
        let cost =
            FamilySnapshot::number(about("cost", Kind::Counter, Unit::Dollars), 1_500_000_000);
        let open = FamilySnapshot::number(about("open", Kind::Gauge, Unit::Count), 4);
        let point = Point::Histogram { bounds: &[10_000], counts: vec![1, 2], sum: 4_500_000 };
        let time = FamilySnapshot::point(about("time", Kind::Histogram, Unit::Seconds), point);
        let bytes = otlp_metrics(&resource(), &[cost, open, time], 1, 2);
        let body: Value = serde_json::from_slice(&bytes)?;
        let metrics = &body["resourceMetrics"][0]["scopeMetrics"][0]["metrics"];
        let times =
            json!({ "attributes": [], "startTimeUnixNano": "1000", "timeUnixNano": "2000" });
        let with = |more: Value| {
            let mut point = times.clone();
            for (key, value) in more.as_object().into_iter().flatten() {
                point[key] = value.clone();
            }
            point
        };
        assert_eq!(
            metrics[0]["sum"],
            json!({ "dataPoints": [with(json!({ "asDouble": 1.5 }))], "aggregationTemporality": 2, "isMonotonic": true })
        );
        assert_eq!(metrics[1]["gauge"], json!({ "dataPoints": [with(json!({ "asInt": "4" }))] }));
        let histogram = json!({
            "count": "3", "sum": 4.5, "bucketCounts": ["1", "2"], "explicitBounds": [0.01]
        });
        assert_eq!(
            metrics[2]["histogram"],
            json!({ "dataPoints": [with(histogram)], "aggregationTemporality": 2 })
        );
        assert_eq!(metrics[2]["unit"], "s");
        Ok(())
    }
}
